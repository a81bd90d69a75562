//! The first serial line of an LM3S6965, by its registers.

// ANCHOR: registers
const UART0: *mut u32 = 0x4000_C000 as *mut u32;
const DATA: usize = 0x000 / 4;
const FLAGS: usize = 0x018 / 4;
const CONTROL: usize = 0x030 / 4;
const INTERRUPT_MASK: usize = 0x038 / 4;
const INTERRUPT_CLEAR: usize = 0x044 / 4;

const RECEIVE_EMPTY: u32 = 1 << 4;
const TRANSMIT_FULL: u32 = 1 << 5;
/// A byte has come, and: nothing has come for a while, with something left in the queue.
const RECEIVED: u32 = 1 << 4 | 1 << 6;

fn read(register: usize) -> u32 {
    // SAFETY: a register of this chip, by the constants above; to read one has no effect on memory.
    unsafe { UART0.add(register).read_volatile() }
}

fn write(register: usize, value: u32) {
    // SAFETY: as above; none of these registers makes the device write to memory.
    unsafe { UART0.add(register).write_volatile(value) }
}
// ANCHOR_END: registers

// ANCHOR: functions
/// Switches it on, with an interrupt for what comes.
pub fn enable() {
    const CLOCK_GATES: *mut u32 = 0x400F_E104 as *mut u32;
    // SAFETY: a register of this chip; its lowest bit is the clock of this serial line.
    unsafe { CLOCK_GATES.write_volatile(CLOCK_GATES.read_volatile() | 1) };
    write(CONTROL, 1 << 9 | 1 << 8 | 1);
    write(INTERRUPT_MASK, RECEIVED);
}

/// Says that the interrupt has been seen.
pub fn acknowledge() {
    write(INTERRUPT_CLEAR, RECEIVED);
}

/// A byte that has come.
pub fn receive() -> Option<u8> {
    (read(FLAGS) & RECEIVE_EMPTY == 0).then(|| read(DATA) as u8)
}

/// Sends a byte. Waits while the device has no room: at most for the time of one byte.
pub fn send(byte: u8) {
    while read(FLAGS) & TRANSMIT_FULL != 0 {}
    write(DATA, byte.into());
}
// ANCHOR_END: functions
