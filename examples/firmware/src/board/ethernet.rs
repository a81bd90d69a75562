//! The LM3S6965's Ethernet controller as a device of the protocol stack.

use core::cell::Cell;
use core::ptr;
use core::task::Waker;

use critical_section::Mutex;
use polliwog::spin::stack::Driver;
use polliwog::spin::stack::smoltcp::phy::{
    Device, DeviceCapabilities, Medium, RxToken as Receive, TxToken as Transmit,
};
use polliwog::spin::stack::smoltcp::time::Instant;

use crate::chip;

const STATUS: usize = 0x00;
const MASK: usize = 0x04;
const RECEIVE_CONTROL: usize = 0x08;
const TRANSMIT_CONTROL: usize = 0x0C;
const DATA: usize = 0x10;
const ADDRESS: usize = 0x14;
const THRESHOLD: usize = 0x1C;
const WAITING: usize = 0x34;
const TRANSMIT: usize = 0x38;

/// Bits of STATUS and MASK: a frame has come in; the FIFO was full.
const RECEIVED: u32 = 0x01;
const OVERFLOW: u32 = 0x08;
/// RECEIVE_CONTROL: on, and refuse bad checksums; or empty the FIFO.
const RECEIVE_ON: u32 = 0x01 | 0x08;
const RECEIVE_RESET: u32 = 0x10;
/// TRANSMIT_CONTROL: on, pad, add the checksum, full duplex.
const TRANSMIT_ON: u32 = 0x01 | 0x02 | 0x04 | 0x10;

/// Words for the longest frame with the controller's two bytes before it and four behind.
const STAGE: usize = 380;
const LONGEST: usize = 1514;

static WAKER: Mutex<Cell<Option<Waker>>> = Mutex::new(Cell::new(None));

fn register(offset: usize) -> *mut u32 {
    ptr::without_provenance_mut(0x4004_8000 + offset)
}

fn write(offset: usize, value: u32) {
    // SAFETY: a register of the controller.
    unsafe { register(offset).write_volatile(value) };
}

fn read(offset: usize) -> u32 {
    // SAFETY: a register of the controller.
    unsafe { register(offset).read_volatile() }
}

/// What `on_interrupt!(ETHERNET, …)` calls: a frame has come in.
pub fn on_interrupt() {
    write(STATUS, read(STATUS));
    if let Some(waker) = critical_section::with(|cs| WAKER.borrow(cs).take()) {
        waker.wake();
    }
}

/// The controller, and memory for one frame each way.
#[derive(Debug)]
pub struct Ethernet {
    incoming: [u32; STAGE],
    outgoing: [u32; STAGE],
}

impl Ethernet {
    /// Memory for a controller that is not yet on.
    pub const fn new() -> Self {
        Self {
            incoming: [0; STAGE],
            outgoing: [0; STAGE],
        }
    }

    /// Turns the controller on, with this address.
    pub fn start(&mut self, mac: [u8; 6]) {
        let clocks: *mut u32 = ptr::without_provenance_mut(0x400F_E108);
        // SAFETY: the register that gives clocks to the controller.
        unsafe { clocks.write_volatile(clocks.read_volatile() | 1 << 28 | 1 << 30) };
        write(MASK, 0);
        write(RECEIVE_CONTROL, RECEIVE_RESET);
        write(STATUS, 0x7F);
        let [a, b, c, d, e, f] = mac;
        write(ADDRESS, u32::from_le_bytes([a, b, c, d]));
        write(ADDRESS + 4, u32::from_le_bytes([e, f, 0, 0]));
        write(THRESHOLD, 0x3F);
        write(TRANSMIT_CONTROL, TRANSMIT_ON);
        write(RECEIVE_CONTROL, RECEIVE_ON);
        write(MASK, RECEIVED | OVERFLOW);
        chip::enable_interrupt(chip::ETHERNET_IRQ, 5);
    }
}

impl Default for Ethernet {
    fn default() -> Self {
        Self::new()
    }
}

fn bytes(words: &[u32; STAGE]) -> &[u8] {
    // SAFETY: words are bytes, of any value.
    unsafe { core::slice::from_raw_parts(words.as_ptr().cast(), 4 * STAGE) }
}

fn bytes_mut(words: &mut [u32; STAGE]) -> &mut [u8] {
    // SAFETY: as above, and the other way round.
    unsafe { core::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), 4 * STAGE) }
}

/// A frame that has come in.
#[derive(Debug)]
pub struct RxToken<'a>(&'a [u8]);

impl Receive for RxToken<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

/// Room for a frame to send.
#[derive(Debug)]
pub struct TxToken<'a>(&'a mut [u32; STAGE]);

impl Transmit for TxToken<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        // The controller wants the length of what follows the header of 14 bytes before it all.
        let count = (len as u16).saturating_sub(14).to_le_bytes();
        let stage = bytes_mut(self.0);
        stage[..2].copy_from_slice(&count);
        let result = f(&mut stage[2..2 + len]);
        while read(TRANSMIT) & 1 != 0 {}
        for word in &self.0[..(len + 2).div_ceil(4)] {
            write(DATA, *word);
        }
        write(TRANSMIT, 1);
        result
    }
}

impl Device for Ethernet {
    type RxToken<'a> = RxToken<'a>;
    type TxToken<'a> = TxToken<'a>;

    fn receive(&mut self, _: Instant) -> Option<(RxToken<'_>, TxToken<'_>)> {
        while read(WAITING) & 0x3F != 0 {
            let first = read(DATA);
            self.incoming[0] = first;
            // With its own two bytes and the checksum's four.
            let total = (first & 0xFFFF) as usize;
            for place in 1..total.div_ceil(4) {
                let word = read(DATA);
                if let Some(stage) = self.incoming.get_mut(place) {
                    *stage = word;
                }
            }
            if (14 + 6..=LONGEST + 6).contains(&total) {
                let frame = &bytes(&self.incoming)[2..total - 4];
                return Some((RxToken(frame), TxToken(&mut self.outgoing)));
            }
        }
        None
    }

    fn transmit(&mut self, _: Instant) -> Option<TxToken<'_>> {
        Some(TxToken(&mut self.outgoing))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = LONGEST;
        capabilities
    }
}

impl Driver for Ethernet {
    fn register(&mut self, waker: &Waker) {
        critical_section::with(|cs| WAKER.borrow(cs).set(Some(waker.clone())));
    }
}
