//! What a program can ask of the simulation that it runs in.

use alloc::string::String;
use std::time::{SystemTime, UNIX_EPOCH};

use super::control::Control;
use super::net::Net;
use super::trace::What;
use super::world::State;
use crate::net::Network;

pub(crate) fn current() -> Option<Net> {
    Network::current_sim()
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
    let Some(net) = current() else {
        return SystemTime::now();
    };
    let host = |state: &mut State| state.hosts[net.host as usize].clock.wall_time();
    UNIX_EPOCH + net.world.with(host)
}
