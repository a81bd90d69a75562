//! An Ethernet cable in memory, which loses frames when it is told to.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::Waker;

use polliwog_spin::stack::Driver;
use polliwog_spin::stack::smoltcp::phy::{
    Device, DeviceCapabilities, Medium, RxToken as Receive, TxToken as Transmit,
};
use polliwog_spin::stack::smoltcp::time::Instant;

/// What both ends have in common.
pub(crate) struct Cable {
    frames: [RefCell<VecDeque<Vec<u8>>>; 2],
    wakers: [RefCell<Option<Waker>>; 2],
    random: Cell<u64>,
    /// Frames lost of a hundred.
    pub(crate) loss: Cell<u64>,
}

/// One end: a network device.
pub(crate) struct End {
    cable: Rc<Cable>,
    side: usize,
}

impl Cable {
    pub(crate) fn new(seed: u64) -> (Rc<Self>, End, End) {
        let cable = Rc::new(Self {
            frames: Default::default(),
            wakers: Default::default(),
            random: Cell::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
            loss: Cell::new(0),
        });
        let end = |side| End {
            cable: cable.clone(),
            side,
        };
        (cable.clone(), end(0), end(1))
    }

    fn is_lost(&self) -> bool {
        // Xorshift, as in Marsaglia's paper of 2003.
        let mut random = self.random.get();
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        self.random.set(random);
        random % 100 < self.loss.get()
    }
}

impl Driver for End {
    fn register(&mut self, waker: &Waker) {
        *self.cable.wakers[self.side].borrow_mut() = Some(waker.clone());
    }
}

impl Device for End {
    type RxToken<'a> = Received;
    type TxToken<'a> = ToSend<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Received, ToSend<'_>)> {
        let frame = self.cable.frames[self.side].borrow_mut().pop_front()?;
        Some((Received(frame), ToSend(self)))
    }

    fn transmit(&mut self, _: Instant) -> Option<ToSend<'_>> {
        Some(ToSend(self))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities
    }
}

pub(crate) struct Received(Vec<u8>);

impl Receive for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

pub(crate) struct ToSend<'a>(&'a End);

impl Transmit for ToSend<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut frame = vec![0; len];
        let result = f(&mut frame);
        let (cable, other) = (&self.0.cable, 1 - self.0.side);
        if !cable.is_lost() {
            cable.frames[other].borrow_mut().push_back(frame);
            if let Some(waker) = cable.wakers[other].borrow().as_ref() {
                waker.wake_by_ref();
            }
        }
        result
    }
}
