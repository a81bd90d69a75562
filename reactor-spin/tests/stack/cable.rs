//! An Ethernet cable in memory, which loses frames, makes them up and holds them up when it is told to.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use polliwog_spin::spawn;
use polliwog_spin::stack::Driver;
use polliwog_spin::stack::smoltcp::phy::{
    Device, DeviceCapabilities, Medium, RxToken as Receive, TxToken as Transmit,
};
use polliwog_spin::stack::smoltcp::time::Instant;
use polliwog_spin::time::sleep;

/// What both ends have in common.
pub(crate) struct Cable {
    frames: [RefCell<VecDeque<Vec<u8>>>; 2],
    wakers: [RefCell<Option<Waker>>; 2],
    random: Cell<u64>,
    /// Frames lost of a hundred.
    pub(crate) loss: Cell<u64>,
    /// Frames of a hundred that come twice, and as many that come later than others.
    pub(crate) disorder: Cell<u64>,
    /// Frames that a device can take until it gets rid of them by `drain`.
    pub(crate) room: Cell<usize>,
    busy: [Cell<usize>; 2],
    /// Who waits for room.
    room_wakers: [RefCell<Option<Waker>>; 2],
    /// How often a device was asked for room.
    pub(crate) asked: [Cell<usize>; 2],
    pub(crate) is_up: Cell<bool>,
    /// Frames that each device still makes up, as fast as they are taken.
    pub(crate) flood: [Cell<usize>; 2],
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
            disorder: Cell::new(0),
            room: Cell::new(usize::MAX),
            busy: Default::default(),
            room_wakers: Default::default(),
            asked: Default::default(),
            is_up: Cell::new(true),
            flood: Default::default(),
        });
        let ends = (cable.end(0), cable.end(1));
        (cable, ends.0, ends.1)
    }

    /// A device in the place of the one that this end had.
    pub(crate) fn end(self: &Rc<Self>, side: usize) -> End {
        End {
            cable: self.clone(),
            side,
        }
    }

    /// Puts a frame before a device.
    pub(crate) fn inject(&self, side: usize, frame: Vec<u8>) {
        self.frames[side].borrow_mut().push_back(frame);
        self.tell(side);
    }

    fn tell(&self, side: usize) {
        if let Some(waker) = self.wakers[side].borrow().as_ref() {
            waker.wake_by_ref();
        }
    }

    /// What a device had to send is on its way.
    pub(crate) fn drain(&self, side: usize, tell: bool) {
        self.busy[side].set(0);
        if let (true, Some(waker)) = (tell, self.room_wakers[side].borrow_mut().take()) {
            waker.wake();
        }
    }

    pub(crate) fn set_up(&self, up: bool) {
        self.is_up.set(up);
        self.tell(0);
        self.tell(1);
    }

    fn draw(&self, below: u64) -> u64 {
        // Xorshift, as in Marsaglia's paper of 2003.
        let mut random = self.random.get();
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        self.random.set(random);
        random % below
    }

    fn is_lost(&self) -> bool {
        self.draw(100) < self.loss.get()
    }

    /// Brings a frame to a device, in a state of disorder perhaps.
    fn carry(self: &Rc<Self>, side: usize, frame: Vec<u8>) {
        let disorder = self.disorder.get();
        let drawn = if disorder > 0 { self.draw(100) } else { 100 };
        if drawn < disorder {
            self.inject(side, frame.clone());
        } else if drawn < disorder * 2 {
            let (cable, delay) = (self.clone(), Duration::from_millis(1 + self.draw(400)));
            let later = async move {
                sleep(delay).await;
                cable.inject(side, frame);
            };
            return spawn(later).unwrap().detach();
        }
        self.inject(side, frame);
    }
}

impl Driver for End {
    fn register(&mut self, waker: &Waker) {
        *self.cable.wakers[self.side].borrow_mut() = Some(waker.clone());
    }

    fn register_transmit(&mut self, waker: &Waker) {
        *self.cable.room_wakers[self.side].borrow_mut() = Some(waker.clone());
    }

    fn link_is_up(&mut self) -> bool {
        self.cable.is_up.get()
    }
}

impl End {
    fn has_room(&self) -> bool {
        self.cable.busy[self.side].get() < self.cable.room.get()
    }
}

impl Device for End {
    type RxToken<'a> = Received;
    type TxToken<'a> = ToSend<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Received, ToSend<'_>)> {
        let (cable, side) = (&self.cable, self.side);
        if !self.has_room() {
            return None;
        }
        let next = cable.frames[side].borrow_mut().pop_front();
        let frame = next.or_else(|| {
            let left = cable.flood[side].get().checked_sub(1)?;
            cable.flood[side].set(left);
            // For nobody.
            Some(vec![0; 60])
        })?;
        Some((Received(frame), ToSend(self)))
    }

    fn transmit(&mut self, _: Instant) -> Option<ToSend<'_>> {
        let asked = &self.cable.asked[self.side];
        asked.set(asked.get() + 1);
        self.has_room().then_some(ToSend(self))
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
        let (cable, side) = (&self.0.cable, self.0.side);
        let busy = &cable.busy[side];
        busy.set(busy.get().saturating_add(1));
        if !cable.is_lost() && cable.is_up.get() {
            cable.carry(1 - side, frame);
        }
        result
    }
}
