//! [`Tap`]: the device as the protocol stack sees it, whose frames are looked at in both directions.

use core::cell::RefCell;

use smoltcp::phy::{Device, DeviceCapabilities, PacketMeta, RxToken, TxToken};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpAddress};

use super::neighbors::Neighbors;
use super::table::Row;
use super::udp::Udp;
use super::wire::{Announcement, Identity};

/// Who looks at a frame before the protocol stack does.
pub(super) struct Ears<'e> {
    pub(super) identity: &'e Identity,
    pub(super) neighbors: &'e mut Neighbors,
    pub(super) udp: &'e mut Udp,
    pub(super) rows: &'e mut [Row],
    pub(super) now: Instant,
}

impl Ears<'_> {
    /// Looks at a frame that has come in; `true` if that was all that there is to do.
    fn hear(&mut self, frame: &[u8]) -> bool {
        if let Some(datagram) = self.identity.datagram(frame) {
            return self.udp.receive(&datagram, self.now);
        }
        if let Some(segment) = self.identity.segment(frame) {
            let mut peers = self.rows.iter_mut().map(|row| &mut row.peer);
            // One of them, at most, has this connection.
            return peers.any(|peer| peer.hear(&segment));
        }
        if let Some((addr, mac)) = self.identity.neighbor(frame) {
            self.neighbors.heard(addr, mac, self.now);
        }
        false
    }

    /// Looks at a frame that is to be sent.
    fn note_sent(&mut self, frame: &mut [u8]) {
        if let Some(segment) = self.identity.own_segment(frame) {
            let mut peers = self.rows.iter_mut().map(|row| &mut row.peer);
            if let Some(number) = peers.find_map(|peer| peer.note_sent(&segment)) {
                self.identity.renumber(frame, number);
            }
        }
    }
}

/// Room for a frame, or the note that there is none.
pub(super) fn transmit<'a, D: Device>(
    device: &'a mut D,
    full: &mut bool,
    now: Instant,
) -> Option<D::TxToken<'a>> {
    let token = device.transmit(now);
    *full |= token.is_none();
    token
}

/// A device whose frames are looked at, and of which is known whether it was full.
pub(super) struct Tap<'e, D> {
    device: &'e mut D,
    full: &'e mut bool,
    /// Both tokens of a frame and its answer have it. Nothing else runs while it is borrowed.
    ears: RefCell<Ears<'e>>,
    /// What is received next, from ourselves.
    announcement: Option<Announcement>,
}

impl<'e, D> Tap<'e, D> {
    pub(super) fn new(device: &'e mut D, full: &'e mut bool, ears: Ears<'e>) -> Self {
        Self {
            device,
            full,
            ears: RefCell::new(ears),
            announcement: None,
        }
    }

    /// A neighbor whose place the protocol stack may have forgotten.
    pub(super) fn neighbor_to_tell(
        &mut self,
        now: Instant,
    ) -> Option<(IpAddress, EthernetAddress)> {
        self.ears.get_mut().neighbors.tells(now)
    }

    /// Has a frame of our own be the next that is received.
    pub(super) fn announce(&mut self, announcement: Announcement) {
        self.announcement = Some(announcement);
    }

    pub(super) fn announce_nothing(&mut self) {
        self.announcement = None;
    }
}

impl<'e, D: Device> Device for Tap<'e, D> {
    type RxToken<'b>
        = Heard<'b, 'e, D::RxToken<'b>>
    where
        Self: 'b;
    type TxToken<'b>
        = Spoken<'b, 'e, D::TxToken<'b>>
    where
        Self: 'b;

    fn receive(&mut self, now: Instant) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        let ears = &self.ears;
        if let Some(announcement) = self.announcement.take() {
            let token = transmit(self.device, self.full, now)?;
            return Some((Heard::Announced(announcement), Spoken { token, ears }));
        }
        let (frame, token) = self.device.receive(now)?;
        Some((Heard::Received { frame, ears }, Spoken { token, ears }))
    }

    fn transmit(&mut self, now: Instant) -> Option<Self::TxToken<'_>> {
        let token = transmit(self.device, self.full, now)?;
        Some(Spoken {
            token,
            ears: &self.ears,
        })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        self.device.capabilities()
    }
}

/// A frame, from the device or from ourselves.
pub(super) enum Heard<'a, 'e, T> {
    Received {
        frame: T,
        ears: &'a RefCell<Ears<'e>>,
    },
    Announced(Announcement),
}

impl<T: RxToken> RxToken for Heard<'_, '_, T> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        match self {
            Heard::Received { frame, ears } => frame.consume(|frame| {
                // The protocol stack has nothing to do with an empty frame.
                let done = ears.borrow_mut().hear(frame);
                f(if done { &[] } else { frame })
            }),
            Heard::Announced(announcement) => f(announcement.frame()),
        }
    }

    fn meta(&self) -> PacketMeta {
        match self {
            Heard::Received { frame, .. } => frame.meta(),
            Heard::Announced(_) => PacketMeta::default(),
        }
    }
}

/// Room for a frame of the protocol stack's.
pub(super) struct Spoken<'a, 'e, T> {
    token: T,
    ears: &'a RefCell<Ears<'e>>,
}

impl<T: TxToken> TxToken for Spoken<'_, '_, T> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        self.token.consume(len, |frame| {
            let result = f(frame);
            self.ears.borrow_mut().note_sent(frame);
            result
        })
    }

    fn set_meta(&mut self, meta: PacketMeta) {
        self.token.set_meta(meta);
    }
}
