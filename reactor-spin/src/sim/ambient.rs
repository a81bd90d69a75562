//! What a program can ask of the simulation that it runs in.

use alloc::string::String;
use core::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

use super::control::Control;
use super::net::Net;
use super::trace::What;
use crate::net::Network;

pub(crate) fn current() -> Option<Net> {
    Network::current().sim().cloned()
}

#[track_caller]
fn expect() -> Net {
    match current() {
        Some(net) => net,
        None => panic!("this is not in a simulation"),
    }
}

/// Whether the caller runs on a simulated host.
pub fn is_simulated() -> bool {
    current().is_some()
}

/// The name of the host that the caller runs on, if it is a simulated one.
pub fn host_name() -> Option<String> {
    let net = current()?;
    Some(
        net.world
            .with(|state| state.hosts[net.host as usize].name.as_ref().into()),
    )
}

/// The faults of the simulation that the caller runs in.
///
/// # Panics
///
/// Outside of a simulation.
#[track_caller]
pub fn control() -> Control {
    Control {
        world: expect().world,
    }
}

/// Takes a text down in the trace, where the reader of a failed run finds it between the messages. Outside of a
/// simulation it does nothing.
pub fn note(text: impl Into<String>) {
    if let Some(net) = current() {
        net.world
            .with(|state| state.record_text(Some(net.host), text.into(), What::Note));
    }
}

/// A number by chance: on a simulated host by the seed, elsewhere from [`executor::random`](polliwog_core::executor::random).
/// Not for secrets.
pub fn random() -> u64 {
    match current() {
        Some(net) => net
            .world
            .with(|state| state.hosts[net.host as usize].chance.next()),
        None => polliwog_core::executor::random(),
    }
}

/// What the wall clock shows: on a simulated host the simulation's time since the beginning of 2000, by the host's
/// own clock, which may drift and jump; elsewhere the system's time.
pub fn system_time() -> SystemTime {
    /// Seconds from 1970 to 2000.
    const START: Duration = Duration::from_secs(946_684_800);
    let Some(net) = current() else {
        return SystemTime::now();
    };
    let (shown, jumps) = net.world.with(|state| {
        let clock = &state.hosts[net.host as usize].clock;
        (clock.local(), clock.wall.get())
    });
    let shown = UNIX_EPOCH + START + Duration::from_nanos(shown);
    let jump = Duration::from_nanos(jumps.unsigned_abs());
    match jumps < 0 {
        true => shown.checked_sub(jump).unwrap_or(UNIX_EPOCH),
        false => shown.checked_add(jump).unwrap_or(shown),
    }
}
