#!/usr/bin/env python3
"""Measures the programs that `./run` has built, and prints what they cost as a page in Markdown.

    measure.py FOLDER --compiler VERSION [--write FILE]

FOLDER has a folder for each target, with one for each package, with programs. Sizes are read from
the programs' section headers. Instructions are counted by the emulator: every instruction takes
the same virtual time, and the chip's own counter measures it.
"""

import argparse
import functools
import pathlib
import re
import struct
import subprocess
import sys
import textwrap

HERE = pathlib.Path(__file__).resolve().parent
# One instruction takes 128 ns, longer than any of the boards' counters needs for a step.
ICOUNT = "shift=7"
EMULATORS = {
    "thumbv7m-none-eabi": ["qemu-system-arm", "-M", "lm3s6965evb"],
    "thumbv6m-none-eabi": ["qemu-system-arm", "-M", "microbit"],
    "riscv32imac-unknown-none-elf": ["qemu-system-riscv32", "-M", "virt", "-bios", "none"],
}
TITLES = {
    "thumbv7m-none-eabi": "Cortex-M3",
    "thumbv6m-none-eabi": "Cortex-M0, without compare-and-swap",
    "riscv32imac-unknown-none-elf": "RISC-V, rv32imac",
}
PEERS = ["floor", "ours", "embassy", "lilos", "rtic"]
NAMES = {"floor": "floor", "ours": "polliwog", "embassy": "embassy", "lilos": "lilos", "rtic": "RTIC"}


class Missing(Exception):
    """A package has no such program, or is not built for the target."""


class Programs:
    """The programs of one target."""

    def __init__(self, folder, target):
        self.folder = folder / target
        self.target = target

    def path(self, package, program):
        for name in (package, f"{package}-time"):
            path = self.folder / name / program
            if path.exists():
                return path
        raise Missing

    @functools.cache
    def sizes(self, package, program):
        """Bytes of text (with constants and the vector table), data and bss."""
        elf = self.path(package, program).read_bytes()
        (offset,) = struct.unpack_from("<I", elf, 0x20)
        size, count, names_at = struct.unpack_from("<HHH", elf, 0x2E)
        headers = [struct.unpack_from("<10I", elf, offset + n * size) for n in range(count)]
        names = headers[names_at][4]
        text = data = bss = 0
        for name, kind, flags, _, _, length, *_ in headers:
            label = elf[names + name :].split(b"\0", 1)[0].decode()
            if not flags & 2 or label in (".stack", ".heap"):
                continue
            if kind == 8:
                bss += length
            elif flags & 1:
                data += length
            else:
                text += length
        return text, data, bss

    def flash(self, package, program):
        text, data, _ = self.sizes(package, program)
        return text + data

    def added(self, package, program):
        return self.flash(package, program) - self.flash("empty", "empty")

    def ram(self, package, program):
        _, data, bss = self.sizes(package, program)
        return data + bss

    def timer_flash(self, package):
        """What the first timer adds, beyond a clock and an alarm."""
        clock = 0
        if package != "lilos":  # It brings its own, which ticks.
            clock = self.flash("empty", "clock") - self.flash("empty", "empty")
        return self.flash(package, "timed") - self.flash(package, "one") - clock

    def timer_ram(self, package):
        clock = 0
        if package != "lilos":
            clock = self.ram("empty", "clock") - self.ram("empty", "empty")
        return self.ram(package, "timed") - self.ram(package, "one") - clock

    def per_task(self, package, one, sixteen):
        return (self.ram(package, sixteen) - self.ram(package, one)) / 15

    def per_task_beyond_future(self, package):
        if package == "lilos":
            raise Missing  # Tasks lie on the stack there.
        future = int(self.output("empty", "future").split()[-1])
        return self.per_task(package, "one", "sixteen") - future

    @functools.cache
    def output(self, package, program):
        path = self.path(package, program)
        command = EMULATORS[self.target] + [
            *("-nic", "none", "-display", "none", "-monitor", "none", "-serial", "none"),
            *("-semihosting-config", "enable=on,target=native"),
            *("-icount", ICOUNT, "-kernel", str(path)),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        for line in done.stdout.splitlines() + done.stderr.splitlines():
            if line.startswith(("counts ", "future ")):
                return line
        sys.exit(f"{package} {program} on {self.target}: {done.stdout}{done.stderr}")

    @functools.cache
    def counts(self, package, program):
        """Counter steps per time, and bytes of stack."""
        _, total, times, stack = self.output(package, program).split()
        return int(total) / int(times), int(stack)

    def from_reset(self, package):
        if self.target.startswith("riscv"):
            raise Missing  # The counter there does not start with the program.
        return self.instructions(package, "reset")

    def instructions(self, package, program):
        return self.counts(package, program)[0] / self.counts("empty", "calibrate")[0]

    def stack(self, package, program):
        return self.counts(package, program)[1]

    def all_memory(self, package, program):
        return self.ram(package, program) + self.stack(package, program)


# Text, what to compute for a package, and the most that it may be for ours on each target.
M3, M0, RV = EMULATORS
ROWS = [
    ("Flash over an empty program, bytes", None, {}),
    ("one task", lambda p, x: p.added(x, "one"), {M3: 250}),
    ("16 tasks of one function", lambda p, x: p.added(x, "sixteen"), {M3: 340}),
    ("two tasks in ping-pong and two with timers", lambda p, x: p.added(x, "four"), {M3: 1200}),
    ("added by the first timer, beyond clock and alarm", lambda p, x: p.timer_flash(x), {}),
    ("RAM (data and bss), bytes", None, {}),
    ("one task", lambda p, x: p.ram(x, "one"), {}),
    ("16 tasks of one function", lambda p, x: p.ram(x, "sixteen"), {}),
    ("two tasks in ping-pong and two with timers", lambda p, x: p.ram(x, "four"), {}),
    ("per task, beyond its future", lambda p, x: p.per_task_beyond_future(x), {M3: 12, M0: 12, RV: 12}),
    (
        "per task that sleeps, with its future",
        lambda p, x: p.per_task(x, "timed", "timed16"),
        {},
    ),
    ("added by the first timer, beyond clock and alarm", lambda p, x: p.timer_ram(x), {}),
    ("Stack high water, bytes", None, {}),
    ("a task that wakes itself", lambda p, x: p.stack(x, "switch"), {}),
    ("two tasks beside 14 idle ones", lambda p, x: p.stack(x, "wake14"), {}),
    ("a task with a timer", lambda p, x: p.stack(x, "timer"), {}),
    ("RAM and stack of two tasks beside 14 idle ones", lambda p, x: p.all_memory(x, "wake14"), {}),
    ("Instructions", None, {}),
    (
        "a task wakes itself and is polled",
        lambda p, x: p.instructions(x, "switch"),
        {M3: 22, M0: 30, RV: 20},
    ),
    ("a task wakes another, one way", lambda p, x: p.instructions(x, "wake"), {M3: 60}),
    (
        "a task wakes another, one way, beside 14 idle ones",
        lambda p, x: p.instructions(x, "wake14"),
        {M3: 75},
    ),
    ("interrupt handler to task", lambda p, x: p.instructions(x, "irq"), {M3: 45}),
    ("a task is spawned, runs and ends", lambda p, x: p.instructions(x, "spawn"), {}),
    ("a timer that is due at once: made, waited for, fired", lambda p, x: p.instructions(x, "timer"), {}),
    ("reset to the first poll of 16 tasks", lambda p, x: p.from_reset(x), {M3: 600}),
]

FLASH, RAM, STACK, COUNT = (text for text, compute, _ in ROWS if compute is None)
BYTES = (
    "Ready bytes want a loop over their words and a search for the lowest byte, and a spawn takes a slot from a "
    "list and looks for a body in a word of bits: code that a linked list of tasks, each with its body, "
    "does not need, more of it where the chip has no instruction for the search. It is what makes a "
    "wake a plain store."
)
SLEEPS = (
    "A sleep here wakes any waker, is taken out of the queue when it is dropped, and there can be "
    "several in a task; time is in nanoseconds. It is ready whenever it is polled after its deadline, for which it "
    "asks the clock, and the run loop measures how long tasks compute, so that a busy one delays no timer: on the "
    "Cortex-M3 some 330 bytes, once, however many tasks sleep. embassy has one timer in each task's header, that "
    "stays in the queue, and counts ticks."
)
FIXED = (
    "The fixed part of an executor is in static memory here, with what handles in interrupt handlers "
    "need; embassy's is on the stack of `main`. Every further task costs less: see 16 tasks."
)
ENDS = (
    "A task takes a slot and a body, and gives both back, in a critical section each time, so that "
    "an interrupt handler can spawn at any time and a stale waker never keeps a body busy. On the "
    "Cortex-M3 that is 29 and 28 instructions. In embassy both are one, and busy until the stale wake "
    "has been looked at."
)
# Why a row is not what it should be: by heading and row, on whatever target.
REASONS = {
    (FLASH, "one task"): BYTES,
    (FLASH, "16 tasks of one function"): BYTES,
    (FLASH, "two tasks in ping-pong and two with timers"): "The budget was set with a smaller clock "
    "than this one, whose size is told below the table; and see the next row.",
    (FLASH, "added by the first timer, beyond clock and alarm"): SLEEPS,
    (RAM, "one task"): FIXED,
    (RAM, "added by the first timer, beyond clock and alarm"): "The same on both.",
    (STACK, "a task that wakes itself"): BYTES + " Its registers are saved in `main`'s frame, once.",
    (STACK, "two tasks beside 14 idle ones"): BYTES + " Its registers are saved in `main`'s frame, once.",
    (STACK, "a task with a timer"): "The run loop has the time and the deadline in its frame, of 64 bits each, and "
    "a sleep asks the clock from within the poll.",
    (COUNT, "a timer that is due at once: made, waited for, fired"): "Most of it is arithmetic of 64 bits, of which "
    "there is more with nanoseconds than with ticks.",
    (COUNT, "a task wakes itself and is polled"): "The budget was set with another program, whose "
    "future did less: on the Cortex-M3 embassy took 44 instructions there and RTIC 27.",
    (COUNT, "a task wakes another, one way"): "What is left above the floor is the call through the "
    "slot, the search for the lowest ready byte, and the futures' own states, which the floor has "
    "in one function.",
    (COUNT, "a task wakes another, one way, beside 14 idle ones"): "The words of the idle tasks' ready "
    "bytes are looked at in each turn, four for sixteen tasks.",
    (COUNT, "interrupt handler to task"): "The budget was set with another program, in which "
    "the floor was 34 and embassy took 74.",
    (COUNT, "a task is spawned, runs and ends"): ENDS,
    (COUNT, "reset to the first poll of 16 tasks"): "A third of it on the Cortex-M3 is the clearing "
    "of the memory, four instructions for a word, by the start-up code; most of the rest are the "
    "sixteen spawns, each with a critical section and a search for a free slot and body.",
}


def number(value):
    """A figure as it is shown and compared."""
    if isinstance(value, int):
        return str(value)
    return f"{value:.1f}".removesuffix(".0") if value < 100 else f"{value:.0f}"


def tables(folder):
    """The tables, and what is wrong with ours."""
    lines, wrong = [], []
    for target in EMULATORS:
        programs = Programs(folder, target)
        peers = [peer for peer in PEERS if (folder / target / peer).exists()]
        lines += ["", f"## {TITLES[target]}", "", f"Target `{target}`.", ""]
        names = [NAMES[peer] for peer in peers]
        lines.append("| | " + " | ".join(names) + " | budget |")
        lines.append("|---|" + "--:|" * (len(peers) + 1))
        heading = None
        pending = None
        for text, compute, budgets in ROWS:
            if compute is None:
                heading = text
                pending = f"| **{text}** |" + " |" * (len(peers) + 1)
                continue
            values = {}
            for peer in peers:
                try:
                    values[peer] = compute(programs, peer)
                except Missing:
                    pass
            if "ours" not in values:
                continue
            if pending:
                lines.append(pending)
                pending = None
            budget = budgets.get(target)
            cells = [number(values[peer]) if peer in values else "–" for peer in peers]
            cells.append("" if budget is None else f"≤ {budget}")
            lines.append(f"| {text} | " + " | ".join(cells) + " |")
            ours = values["ours"]
            if budget is not None and round(ours, 1) > budget:
                wrong.append((target, heading, text, f"{number(ours)} instead of {budget}"))
            if "embassy" in values and round(ours, 1) >= round(values["embassy"], 1):
                wrong.append(
                    (target, heading, text, f"{number(ours)}, embassy {number(values['embassy'])}")
                )
        try:
            flash = programs.flash("empty", "clock") - programs.flash("empty", "empty")
            ram = programs.ram("empty", "clock") - programs.ram("empty", "empty")
            lines += ["", f"Clock and alarm without a runtime: {flash} bytes of flash, {ram} of RAM."]
        except Missing:
            pass
        lines += ["", "Sections in bytes (text with constants and vectors, data, bss):", ""]
        lines.append("| program | " + " | ".join(["empty"] + names) + " |")
        lines.append("|---|" + "--:|" * (len(peers) + 1))
        for program in ("one", "sixteen", "timed", "timed16", "four"):
            cells = []
            for package, name in [("empty", "empty")] + [(peer, program) for peer in peers]:
                try:
                    cells.append(" + ".join(map(str, programs.sizes(package, name))))
                except Missing:
                    cells.append("–")
            if cells[1] != "–":
                lines.append(f"| {program} | " + " | ".join(cells) + " |")
    return lines, wrong


def versions():
    lock = (HERE / "Cargo.lock").read_text(encoding="utf-8")
    found = dict(re.findall(r'name = "([^"]+)"\nversion = "([^"]+)"', lock))
    wanted = [
        *("embassy-executor", "embassy-time", "embassy-time-queue-utils", "lilos"),
        *("rtic", "rtic-time", "cortex-m-rt", "riscv-rt"),
    ]
    return ", ".join(f"{name} {found[name]}" for name in wanted)


def page(folder, compiler):
    body, wrong = tables(folder)
    qemu = subprocess.run(["qemu-system-arm", "--version"], capture_output=True, text=True, check=True)
    qemu = re.search(r"version (\S+)", qemu.stdout)[1]
    manifest = (HERE / "Cargo.toml").read_text(encoding="utf-8")
    profile = manifest[manifest.index("[profile.release]") :].split("\n")[1:]
    profile = ", ".join(f"`{line}`" for line in profile if "=" in line)
    text = (HERE / "introduction.md").read_text(encoding="utf-8").strip()
    lines = [
        "<!-- Written by examples/firmware/cost/run --write. Do not edit. -->",
        text,
        "",
        *textwrap.wrap(f"Measured with {compiler}, QEMU {qemu}, {versions()}; profile {profile}.", 100),
        *body,
    ]
    if wrong:
        lines += ["", "## Where it is not what it should be"]
        reasons = {}
        for target, heading, row, what in wrong:
            reason = REASONS.get((heading, row), "no reason known")
            reasons.setdefault(reason, []).append(f"{TITLES[target]}: {heading}: {row}: {what}")
        for reason, places in reasons.items():
            lines += ["", *(f"* {place}" for place in places), ""]
            lines += textwrap.wrap(reason, 100, break_on_hyphens=False)
    return "\n".join(lines) + "\n", [at for at in wrong if at[1:3] not in REASONS]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--compiler", required=True)
    parser.add_argument("--write", type=pathlib.Path)
    options = parser.parse_args()
    text, unexplained = page(options.folder, options.compiler)
    if options.write:
        options.write.write_text(text, encoding="utf-8")
    else:
        print(text, end="")
    for at in unexplained:
        print("unexplained: " + ": ".join(at), file=sys.stderr)
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
