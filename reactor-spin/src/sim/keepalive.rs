//! Looking after connections on which nothing happens, for those whose program has asked for it.

use polliwog_core::sources::Wakeups;

use super::slab::Key;
use super::tcp;
use super::world::{Happening, State};
use crate::Error;

const SECOND: u64 = 1_000_000_000;

/// Begins to look after a connection if it is to be, or to do so at other times.
pub(crate) fn start(state: &mut State, key: Key) {
    let Some(end) = state.ends.get_mut(key) else {
        return;
    };
    // What was planned before is void.
    end.plan = end.plan.wrapping_add(1);
    end.probes = 0;
    let (plan, times) = (end.plan, end.options.keepalive);
    let at = end.heard.saturating_add(u64::from(times.time) * SECOND);
    if times.on && end.is_open() {
        state.schedule(at, Happening::KeepAlive(key, plan));
    }
}

/// It is time to look after a connection, if `plan` is still the one.
pub(crate) fn look(state: &mut State, key: Key, plan: u32) -> Wakeups {
    let now = state.now;
    let Some(end) = state.ends.get_mut(key) else {
        return Wakeups::default();
    };
    // After the other side's last byte there is nobody who has to be there.
    if end.plan != plan || !end.is_open() || end.has_ended() {
        return Wakeups::default();
    }
    let times = end.options.keepalive;
    let quiet = u64::from(times.time) * SECOND;
    let until = end.heard.saturating_add(quiet);
    let at = if end.probes == 0 && now < until {
        until
    } else if end.unacknowledged > 0 {
        // It is sent again for as long as it takes, and the connection fails by that.
        now.saturating_add(quiet)
    } else if end.probes >= times.retries {
        return tcp::fail(state, key, Error::TimedOut);
    } else {
        end.probes += 1;
        tcp::probe(state, key);
        now.saturating_add(u64::from(times.interval) * SECOND)
    };
    state.schedule(at, Happening::KeepAlive(key, plan));
    Wakeups::default()
}
