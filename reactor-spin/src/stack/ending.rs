//! [`Ending`]: how the connection of a dropped stream ends.

use smoltcp::socket::tcp::{Socket, State};
use smoltcp::time::{Duration, Instant};

use super::table::forget;

/// How long the peer of a stream that was dropped has to end its side, once it has got all of ours.
const PEERS_END: Duration = Duration::from_secs(10);
/// How long a reset may wait for its way to the peer to be found.
const RESET: Duration = Duration::from_secs(3);

/// What is still to be done for a connection whose stream was dropped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Ending {
    /// When the stream was dropped.
    pub(super) since: Instant,
    /// When the current step is given up.
    pub(super) until: Instant,
    step: Step,
    /// What the peer has not acknowledged.
    rest: usize,
    linger: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The peer has not yet acknowledged all that it is to get.
    Sending,
    /// The peer has all, but may still send.
    PeersTurn,
    /// A reset is on its way.
    Resetting,
    Done,
}

impl Step {
    fn of(socket: &Socket<'_>) -> Self {
        match socket.state() {
            State::Closed if socket.remote_endpoint().is_some() => Step::Resetting,
            // What is late for a connection that has ended is seen to in `TimeWait`, until the
            // socket is used again.
            State::Closed | State::TimeWait => Step::Done,
            State::FinWait2 => Step::PeersTurn,
            _ => Step::Sending,
        }
    }
}

impl Ending {
    pub(super) fn new(socket: &Socket<'_>, linger: Duration, now: Instant) -> Self {
        let step = Step::of(socket);
        Self {
            since: now,
            until: now + patience(step, linger),
            step,
            rest: socket.send_queue(),
            linger,
        }
    }

    /// Looks how far the socket has come; whether it is free again, and whether something was done
    /// that the protocols have to look at.
    pub(super) fn go_on(&mut self, socket: &mut Socket<'_>, now: Instant) -> (bool, bool) {
        let mut changed = false;
        // Nobody will read it, and the peer should not wait for room instead of reading itself.
        if socket.recv_queue() > 0 {
            let _ = socket.recv(|data| (data.len(), ()));
            changed = true;
            if socket.state() == State::FinWait2 {
                socket.abort();
            }
        }
        let (step, rest) = (Step::of(socket), socket.send_queue());
        if step != self.step || (step == Step::Sending && rest < self.rest) {
            self.until = now + patience(step, self.linger);
        }
        (self.step, self.rest) = (step, rest);
        if step != Step::Done && self.until <= now {
            changed = true;
            match step {
                // The peer has to know that there is more that it will not get.
                Step::Sending => {
                    socket.abort();
                    self.step = Step::Resetting;
                    self.until = now + RESET;
                }
                _ => {
                    forget(socket);
                    self.step = Step::Done;
                }
            }
        }
        (self.step == Step::Done, changed)
    }

    /// Whether the socket may be taken away: all that it still has to do is not worth the wait, or
    /// it has had the time that a peer is given which takes nothing.
    pub(super) fn is_overdue(&self, socket: &Socket<'_>, linger: Duration, now: Instant) -> bool {
        match Step::of(socket) {
            Step::Resetting | Step::Done => true,
            Step::Sending | Step::PeersTurn => self.since + linger.max(PEERS_END) <= now,
        }
    }
}

fn patience(step: Step, linger: Duration) -> Duration {
    match step {
        Step::Sending => linger,
        Step::PeersTurn => PEERS_END,
        Step::Resetting | Step::Done => RESET,
    }
}
