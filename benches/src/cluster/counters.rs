//! What the servers of a process take for each operation: CPU time, and what the kernel counts where it lets us.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// What is counted: a type of events, which of them, and the attributes' flags.
#[derive(Clone, Copy)]
struct Event {
    kind: u64,
    config: u64,
    flags: u64,
}

/// Without the kernel and the hypervisor.
const USER_ONLY: u64 = 1 << 5 | 1 << 6;
/// A child, here a thread, is counted with its parent.
const INHERIT: u64 = 1 << 1;

/// Instructions in user mode, counted by the processor.
const INSTRUCTIONS: Event = Event {
    kind: 0,
    config: 1,
    flags: USER_ONLY,
};

/// A point in the kernel that tracing knows by a name.
fn tracepoint(name: &str) -> Option<Event> {
    let file = format!("/sys/kernel/tracing/events/{name}/id");
    let id = fs::read_to_string(file).ok()?;
    Some(Event {
        kind: 2,
        config: id.trim().parse().ok()?,
        flags: 0,
    })
}

/// Counts from when it was opened, of this thread and, if so, of those that it starts from then on.
struct Counter(OwnedFd);

impl Counter {
    fn open(event: Event, with_family: bool) -> Option<Self> {
        // A `perf_event_attr` of the first version: the type and its size, which event, four words that do not matter
        // here, the flags, and two more words.
        let mut attr = [0u64; 8];
        attr[0] = 64 << 32 | event.kind;
        attr[1] = event.config;
        attr[5] = event.flags | if with_family { INHERIT } else { 0 };
        // SAFETY: the kernel reads as many bytes as the attributes say that there are.
        let fd = unsafe { libc::syscall(libc::SYS_perf_event_open, attr.as_ptr(), 0, -1, -1, 0) };
        // SAFETY: a descriptor of ours, which nobody else knows.
        (fd >= 0).then(|| Self(unsafe { OwnedFd::from_raw_fd(fd as i32) }))
    }

    /// How many so far.
    fn read(&self) -> Option<u64> {
        let mut count = 0u64;
        // SAFETY: a valid place for the eight bytes.
        let read = unsafe { libc::read(self.0.as_raw_fd(), (&raw mut count).cast(), 8) };
        (read == 8).then_some(count)
    }
}

/// Events of this thread, and of all that it has started since.
struct Pair {
    family: Counter,
    own: Counter,
}

impl Pair {
    fn open(event: Event) -> Option<Self> {
        Some(Self {
            family: Counter::open(event, true)?,
            own: Counter::open(event, false)?,
        })
    }

    /// How many there were on the other threads.
    fn read(&self) -> Option<u64> {
        Some(self.family.read()? - self.own.read()?)
    }
}

/// Events of several kinds as one; none if one of them cannot be counted.
struct Sum(Option<Vec<Pair>>);

impl Sum {
    fn of(events: impl IntoIterator<Item = Option<Event>>) -> Self {
        Self(events.into_iter().map(|event| Pair::open(event?)).collect())
    }

    fn read(&self) -> Option<u64> {
        self.0.as_ref()?.iter().map(Pair::read).sum()
    }
}

/// How often the threads of the process but this one have gone to sleep, and been made to give way.
fn switches() -> [u64; 2] {
    let of = |who| {
        // SAFETY: all zero is one.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: a valid place for the answer.
        unsafe { libc::getrusage(who, &mut usage) };
        [usage.ru_nvcsw as u64, usage.ru_nivcsw as u64]
    };
    let (all, own) = (of(libc::RUSAGE_SELF), of(libc::RUSAGE_THREAD));
    [all[0] - own[0], all[1] - own[1]]
}

/// What the process without this thread has used.
pub struct Used {
    calls: Sum,
    waits: Sum,
    wakes: Sum,
    instructions: Sum,
}

/// For each operation. What nobody has counted is not a number.
pub struct PerOperation {
    /// Nanoseconds of the servers' CPU.
    pub servers: f64,
    /// Nanoseconds of this thread's CPU.
    pub clients: f64,
    /// System calls of the servers.
    pub calls: f64,
    /// Those of them that wait for events.
    pub waits: f64,
    /// Those of them that wake a thread: futexes, which also wait, and writes that are not to sockets.
    pub wakes: f64,
    /// Waits of the servers in which the thread slept.
    pub sleeps: f64,
    /// Times that a server's thread had to give way.
    pub preempted: f64,
    /// The servers' instructions in user mode.
    pub instructions: f64,
}

/// At one moment: times, switches, and what may not be counted.
struct Now {
    nanos: [u64; 2],
    switches: [u64; 2],
    counts: [Option<u64>; 4],
}

impl Used {
    /// Times alone, which no count disturbs.
    pub fn timed() -> Self {
        let [calls, waits, wakes, instructions] = [const { Sum(None) }; 4];
        Self {
            calls,
            waits,
            wakes,
            instructions,
        }
    }

    /// Counts, too. To be made before the servers are.
    pub fn counted() -> Self {
        let calls = |names: &[&str]| {
            let names = names.iter();
            Sum::of(names.map(|name| tracepoint(&format!("syscalls/sys_enter_{name}"))))
        };
        Self {
            calls: Sum::of([tracepoint("raw_syscalls/sys_enter")]),
            waits: calls(&["epoll_wait", "epoll_pwait", "epoll_pwait2"]),
            wakes: calls(&["futex", "write"]),
            instructions: Sum::of([Some(INSTRUCTIONS)]),
        }
    }

    fn now(&self) -> Now {
        Now {
            nanos: [crate::meter::cpu_nanos(), super::thread_cpu_nanos()],
            switches: switches(),
            counts: [&self.calls, &self.waits, &self.wakes, &self.instructions].map(Sum::read),
        }
    }

    /// Runs `f`, which makes and counts operations on this thread.
    pub fn during<T>(
        &self,
        f: impl FnOnce() -> io::Result<(u64, T)>,
    ) -> io::Result<(T, PerOperation)> {
        let before = self.now();
        let (operations, done) = f()?;
        let after = self.now();
        let per = |sum: u64| sum as f64 / operations as f64;
        let nanos = [0, 1].map(|which| after.nanos[which] - before.nanos[which]);
        let switches = [0, 1].map(|which| per(after.switches[which] - before.switches[which]));
        let counts = [0, 1, 2, 3].map(|which| {
            let difference = || Some(after.counts[which]? - before.counts[which]?);
            difference().map_or(f64::NAN, per)
        });
        let per_operation = PerOperation {
            servers: per(nanos[0] - nanos[1]),
            clients: per(nanos[1]),
            calls: counts[0],
            waits: counts[1],
            wakes: counts[2],
            sleeps: switches[0],
            preempted: switches[1],
            instructions: counts[3],
        };
        Ok((done, per_operation))
    }
}
