//! What a program can ask of the simulation that it runs in.

use alloc::string::String;
use std::time::{SystemTime, UNIX_EPOCH};

use super::control::Control;
use super::net::Net;
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
        net.note(text.into());
    }
}

/// Tells a search what state the program is in: of what bears this name, `value` holds from now on, until this
/// is called again with the name, or the host crashes. Outside of a simulation, and where nobody searches by it, it does
/// nothing.
///
/// [`explore_guided`](super::explore_guided) goes on from runs that reach what few have reached: a value, a step from one value
/// to another, values of several names or hosts at the same time, a fault that strikes a host with these values. So `value`
/// should have few values, those that make a difference to what can happen: a role, the stage of a protocol, whether a queue is
/// empty; of a size the logarithm.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
/// use polliwog::sim;
///
/// enum Role { Follower, Candidate, Leader }
///
/// struct Node { role: Role, log: Vec<u64> }
///
/// impl Node {
///     fn lead(&mut self) {
///         self.role = Role::Leader;
///         sim::state("role", 2);
///         sim::state("log", self.log.len().checked_ilog2().unwrap_or(0).into());
///     }
/// }
/// # let mut node = Node { role: Role::Follower, log: Vec::new() };
/// # node.role = Role::Candidate;
/// # node.lead();
/// ```
pub fn state(name: &str, value: u64) {
    let Some(net) = current() else { return };
    // Mostly nobody asks, and this is called often.
    if net.world.with(|state| state.footprint.is_none()) {
        return;
    }
    let (host, name) = (net.host, String::from(name));
    net.act(move |world| {
        world.with(|state| {
            if let Some(footprint) = &mut state.footprint {
                footprint.state(state.now, host, &name, value);
            }
        });
    });
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
