//! How a connection ends: by one side after the other, by a reset, or by a failure.

use polliwog_core::sources::Wakeups;

use super::{Phase, end, persist, tell_window};
use crate::Error;
use crate::sim::packet::Segment;
use crate::sim::rng::nanos;
use crate::sim::slab::Key;
use crate::sim::world::{Happening, State};

/// The reader sees the end of the stream from now on.
pub(crate) fn stop_reading(state: &mut State, key: Key) -> Wakeups {
    let Ok(end) = end(state, key) else {
        return Wakeups::default();
    };
    end.deaf = true;
    end.read += end.arrived.len() as u64;
    end.arrived.clear();
    let woken = end.wake_all();
    tell_window(state, key);
    woken
}

/// Sends the stream's end.
pub(crate) fn finish(state: &mut State, key: Key) -> Wakeups {
    persist::end(state, key);
    let Ok(end) = end(state, key) else {
        return Wakeups::default();
    };
    if end.finished {
        return Wakeups::default();
    }
    end.finished = true;
    let woken = end.wake_all();
    if let (Some(to), Phase::Open) = (end.peer, end.phase) {
        end.unacknowledged += 1;
        let order = end.next_segment();
        let (here, there) = (end.here(), end.there());
        state.send_segment(
            here,
            there,
            Segment::Fin {
                to,
                from: key,
                order,
            },
        );
    }
    woken
}

/// Gives up one handle of an end; the last one closes it.
pub(crate) fn release(state: &mut State, key: Key) -> Wakeups {
    let Ok(end) = end(state, key) else {
        return Wakeups::default();
    };
    end.handles -= 1;
    if end.handles > 0 {
        return Wakeups::default();
    }
    let unread = !end.arrived.is_empty() || !end.early.is_empty();
    // What both sides have ended there is nothing left of to reset.
    let at_once = end.options.linger == Some(0) && !(end.finished && end.ended);
    if end.phase == Phase::Open && (unread || at_once) {
        return reset(state, key);
    }
    let first_to_close = end.phase == Phase::Open && !end.ended;
    let woken = finish(state, key);
    remove(state, key, first_to_close);
    woken
}

/// Closes an end, however many owners it has.
pub(crate) fn close(state: &mut State, key: Key) -> Wakeups {
    if let Ok(end) = end(state, key) {
        end.handles = 1;
    }
    release(state, key)
}

/// Ends a connection without ceremony.
pub(crate) fn reset(state: &mut State, key: Key) -> Wakeups {
    let Ok(end) = end(state, key) else {
        return Wakeups::default();
    };
    let (here, there, peer, woken) = (end.here(), end.there(), end.peer, end.wake_all());
    if let Some(peer) = peer {
        state.send_segment(here, there, Segment::Reset(peer));
    }
    remove(state, key, false);
    woken
}

/// Forgets an end. Its port stays taken for a while if it was the `first_to_close`.
fn remove(state: &mut State, key: Key, first_to_close: bool) {
    let Some(end) = state.ends.remove(key) else {
        return;
    };
    state.blocked.remove(&key);
    let host = &mut state.hosts[end.host as usize];
    let boot = host.boots;
    host.ends.remove(&key);
    if first_to_close {
        let now = state.hosts[end.host as usize].clock.instant();
        let at = now.saturating_add(nanos(state.settings.time_wait));
        state.schedule(
            at,
            Happening::FreePort(end.host, boot, end.local.port(), end.remote.into()),
        );
    } else {
        host.ports.remove(&(end.local.port(), end.remote));
    }
}

/// Lets an end fail, if it is not open and well or this is about a segment that was in vain. A reset that comes after the
/// stream's end is what the next write hears of.
pub(crate) fn fail(state: &mut State, key: Key, error: Error) -> Wakeups {
    match end(state, key) {
        Ok(end) if !end.has_failed() => {
            end.phase = Phase::Failed(Some(match error {
                Error::ConnectionReset if end.ended => Error::BrokenPipe,
                error => error,
            }));
            end.wake_all()
        }
        _ => Wakeups::default(),
    }
}
