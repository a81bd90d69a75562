//! [`Command`]: what programs and faults ask for while hosts run, and how the simulation does it between two turns.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::failure::Reason;
use super::settings::Restart;
use super::signal::Effect;
use super::signal::unix::SignalKind;
use super::simulation::Simulation;
use super::trace::What;
use super::world::{Happening, HostId, State};

/// What is to be done once no host is running.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    Crash(HostId),
    Kill(HostId),
    Start(HostId),
    /// Starts one that does not run.
    StartUnlessUp(HostId),
    /// Kills one that still runs, and starts it again.
    StartAfterKill(HostId),
    /// Starts one that has failed, unless it was started, killed or crashed since, as this number of its changes tells.
    StartFailed(HostId, u64),
    Pause(HostId),
    Resume(HostId),
    Signal(HostId, SignalKind),
    /// A fault of the nemesis with this number begins or ends.
    Nemesis(usize, bool),
    /// The program of a host has asked for what there is not, as this text tells.
    Misused(HostId, String),
}

impl Simulation {
    /// Does what was asked for while hosts ran.
    pub(super) fn obey(&mut self) -> Result<(), (Option<HostId>, Reason)> {
        loop {
            // Commands may be for them.
            if self.take_newcomers() {
                self.start_new()?;
            }
            let Some(command) = self.world.with(|state| state.commands.pop_front()) else {
                return Ok(());
            };
            match command {
                Command::Crash(id) => self.stop(id, What::Crashed),
                Command::Kill(id) => self.stop(id, What::Killed),
                Command::Start(id) => {
                    if self.runners[id as usize].is_running() {
                        self.stop(id, What::Crashed);
                    }
                    self.start(id)?;
                }
                Command::StartAfterKill(id) => {
                    if self.runners[id as usize].is_running() {
                        self.stop(id, What::Killed);
                    }
                    self.start(id)?;
                }
                Command::StartUnlessUp(id) => {
                    if !self.runners[id as usize].is_running() {
                        self.start(id)?;
                    }
                }
                Command::Pause(id) => self.pause(id),
                Command::Resume(id) => self.resume(id),
                Command::Signal(id, kind) => self.signal(id, kind),
                Command::StartFailed(id, changes) => {
                    let is_same = self
                        .world
                        .with(|state| state.hosts[id as usize].changes == changes);
                    if is_same {
                        self.start(id)?;
                    }
                }
                Command::Nemesis(number, begins) => {
                    let done = self.nemesis_does(number, begins);
                    done.map_err(|text| (None, Reason::Test(text)))?;
                }
                Command::Misused(id, text) => return Err((Some(id), Reason::Test(text))),
            }
        }
    }

    fn pause(&mut self, id: HostId) {
        let runner = &mut self.runners[id as usize];
        if runner.is_running() && !runner.paused {
            runner.paused = true;
            self.world
                .with(|state| state.hosts[id as usize].disk.stop());
            self.record(id, What::Paused);
        }
    }

    fn resume(&mut self, id: HostId) {
        let runner = &mut self.runners[id as usize];
        if !runner.paused {
            return;
        }
        self.record(id, What::Resumed);
        if self
            .world
            .with(|state| state.hosts[id as usize].signals.ends)
        {
            // It does nothing any more.
            return self.stop(id, What::Killed);
        }
        self.runners[id as usize].paused = false;
        self.world
            .with(|state| state.hosts[id as usize].disk.go_on());
        self.let_out(id);
        self.make_ready(id);
    }

    fn signal(&mut self, id: HostId, kind: SignalKind) {
        if !self.runners[id as usize].is_running() || !kind.is_one() {
            return;
        }
        let text = format!("gets signal {}", kind.as_raw_value());
        self.world
            .with(|state| state.record_text(Some(id), text, What::Note));
        // It goes on whether or not it listens, and hears of it then.
        if kind.goes_on() {
            self.resume(id);
        }
        match self.world.signal(id, kind) {
            Effect::Ends if self.runners[id as usize].paused && !kind.is_kill() => self
                .world
                .with(|state| state.hosts[id as usize].signals.ends = true),
            Effect::Ends => self.stop(id, What::Killed),
            Effect::Stops => self.pause(id),
            Effect::Nothing => {}
        }
    }

    /// Sees to it that a host which has failed with this message starts again, if the test says so.
    pub(super) fn supervise(&mut self, id: HostId, message: &str) -> bool {
        self.world.with(|state| {
            if state.hosts[id as usize].refused {
                return false;
            }
            let is_its = |one: &&Restart| {
                one.text.matches(message) && state.matching(&one.hosts).contains(&id)
            };
            let restart = state.settings.restarts.iter().find(is_its);
            let Some(after) = restart.map(|restart| restart.after) else {
                return false;
            };
            let host = &mut state.hosts[id as usize];
            let after = after.draw(&mut host.chance);
            let again = Command::StartFailed(id, host.changes);
            state.schedule(state.now.saturating_add(after), Happening::Command(again));
            true
        })
    }

    /// A setting of restarts that is for no host that there is.
    pub(super) fn useless_restart(&self) -> Option<String> {
        self.world.with(|state| {
            let is_useless = |one: &&Restart| state.matching(&one.hosts).is_empty();
            let useless = state.settings.restarts.iter().find(is_useless)?;
            let names: Vec<&str> = state.hosts.iter().map(|host| &*host.name).collect();
            Some(format!(
                "`Builder::restart_failed` is for `{}`, which is the name of no host; there are {}",
                useless.hosts,
                names.join(", ")
            ))
        })
    }

    /// Why a host that has failed does not start again, if some do.
    pub(super) fn is_unsupervised(&self, id: HostId) -> Option<String> {
        if self.runners[id as usize].is_client() {
            return None;
        }
        let useless = self.useless_restart();
        let is_refused = |state: &mut State| {
            let refused = state.hosts[id as usize].refused;
            (refused && !state.settings.restarts.is_empty()).then(|| {
                "`Builder::restart_failed` is for no process that was refused what another reactor has, as that would not change"
                    .into()
            })
        };
        let useless = useless.or_else(|| self.world.with(is_refused));
        useless.or_else(|| {
            self.world.with(|state| {
                let is_its = |one: &&Restart| state.matching(&one.hosts).contains(&id);
                let other = state.settings.restarts.iter().find(is_its)?;
                Some(format!(
                    "`Builder::restart_failed` is for failures of `{}` whose whole text is `{}`",
                    other.hosts, other.text
                ))
            })
        })
    }

    fn stop(&mut self, id: HostId, how: What) {
        let runner = &mut self.runners[id as usize];
        let was_running = runner.is_running();
        if matches!(how, What::Crashed) {
            runner.crash();
        } else {
            runner.kill();
        }
        let was_client = was_running && runner.is_client();
        let text = format!("{how} before it was done");
        if was_running {
            self.record(id, how);
        }
        if was_client {
            // Its program is gone for good: nobody waits for it.
            self.clients -= 1;
            self.has_failed(id, text);
        }
    }
}
