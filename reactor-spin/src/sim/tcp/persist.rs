//! Asking a side that has had no room whether it has some again, as TCP's persist timer does (RFC 9293, 3.8.6.1): what it
//! has told of that may have been lost, or there is nobody any more who could.
//!
//! A simulation sees when nothing of that is so, and asks only where it is. So two sides that wait for one another's room
//! are found to be stalled, where questions and answers would go on for ever.

use alloc::vec::Vec;

use polliwog_core::sources::Wakeups;

use crate::Error;
use crate::sim::packet::{FIRST_RETRY, LAST_RETRY};
use crate::sim::rng::nanos;
use crate::sim::slab::Key;
use crate::sim::world::{Happening, State};

/// What an end that writes knows of the room at the other side.
#[derive(Default)]
pub(super) struct Persist {
    /// Whether the other side is going to be asked.
    planned: bool,
    /// Whether what it has told of its room was lost for good.
    doubted: bool,
    /// How often it has been asked.
    tries: u32,
    /// Since when it is to be asked.
    since: u64,
}

/// Somebody waits for room.
pub(super) fn wait(state: &mut State, key: Key) {
    let is_open = state.ends.get(key).is_some_and(|end| end.is_open());
    if is_open {
        // It may be there since it has waited for something else.
        state.blocked.insert(key);
        plan(state, key);
    }
}

/// There is room again, or nobody will write any more.
pub(super) fn end(state: &mut State, key: Key) {
    state.blocked.remove(&key);
    if let Some(end) = state.ends.get_mut(key) {
        end.persist = Persist::default();
    }
}

/// Something has happened by which ends may wait for room in vain.
pub(crate) fn look_at_all(state: &mut State) {
    let ends = &state.ends;
    let is_open = |key: &Key| ends.get(*key).is_some_and(|end| end.is_open());
    state.blocked.retain(is_open);
    let blocked: Vec<Key> = state.blocked.iter().copied().collect();
    for key in blocked {
        plan(state, key);
    }
}

/// What the other side of this end has said of its room is lost for good.
pub(crate) fn doubt(state: &mut State, key: Key) {
    if let Some(end) = state.ends.get_mut(key) {
        end.persist.doubted = true;
        plan(state, key);
    }
}

/// Plans to ask the other side, if somebody waits for it and it may be necessary.
fn plan(state: &mut State, key: Key) {
    let is_well = is_well(state, key);
    let now = state.now;
    let Some(end) = state.ends.get_mut(key) else {
        return;
    };
    if end.persist.planned || is_well || end.room() > 0 || !state.blocked.contains(&key) {
        return;
    }
    end.persist.planned = true;
    end.persist.tries = 0;
    end.persist.since = now;
    let at = now.saturating_add(FIRST_RETRY);
    state.schedule(at, Happening::Persist(key));
}

/// Whether the other side is there, and this one will hear of its room.
fn is_well(state: &State, key: Key) -> bool {
    let Some(end) = state.ends.get(key) else {
        return true;
    };
    let (here, there) = (end.host, end.remote_host);
    let is_cut = here != there && (state.is_cut(here, there) || state.is_cut(there, here));
    let peer = end.peer.and_then(|peer| state.ends.get(peer));
    !end.persist.doubted && !is_cut && peer.is_some_and(|peer| !peer.has_failed())
}

/// It is time to ask.
pub(crate) fn ask(state: &mut State, key: Key) -> Wakeups {
    let is_well = is_well(state, key);
    let (now, limit) = (state.now, nanos(state.settings.tcp_timeout));
    let Some(end) = state.ends.get_mut(key) else {
        return Wakeups::default();
    };
    end.persist.planned = false;
    if is_well || !end.is_open() || end.room() > 0 || !state.blocked.contains(&key) {
        return Wakeups::default();
    }
    let is_asked = end.persist.tries > 0;
    let again = (FIRST_RETRY << end.persist.tries.min(10)).min(LAST_RETRY);
    if end.unacknowledged > 0 {
        // That is sent again for as long as it takes, and the connection fails by it.
        end.persist.since = now;
    } else if is_asked && now.saturating_sub(end.heard.max(end.persist.since)) >= limit {
        return super::fail(state, key, Error::TimedOut);
    } else {
        end.persist.tries += 1;
        super::probe(state, key);
    }
    if let Some(end) = state.ends.get_mut(key) {
        end.persist.planned = true;
    }
    state.schedule(now.saturating_add(again), Happening::Persist(key));
    Wakeups::default()
}
