//! How the faults of a schedule begin and end, and [`Weather`]: what they do to the network.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::Link;
use super::change::ways;
use super::command::Command;
use super::control::Control;
use super::disk::Disk;
use super::fault::{Fault, FaultKind};
use super::pattern::Pattern;
use super::rng::{Rng, nanos};
use super::signal::unix::SignalKind;
use super::simulation::Simulation;
use super::tcp::persist;
use super::trace::What;
use super::world::{Happening, State};

impl State {
    /// Lets the fault with this number begin and end at its times. It takes nothing from the chance of what else
    /// happens: with one fault more or less a run is the same until that one begins.
    pub(crate) fn schedule_fault(&mut self, number: usize, fault: &Fault) {
        let begins = nanos(fault.at);
        // What happens at one instant does so in any order, and no fault ends before it has begun.
        let ends = begins.saturating_add(nanos(fault.lasts).max(1));
        for (at, begin) in [(begins, true), (ends, false)] {
            let tie = Rng::new(self.settings.seed ^ at, 6).next() as u32;
            let command = Command::Nemesis(number, begin);
            self.schedule_with(at, tie, Happening::Command(command));
        }
    }
}

/// How the network is for all faults together that last now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Weather {
    /// Thousandths that get lost.
    pub(crate) loss: Vec<u32>,
    /// Factors of slowness.
    pub(crate) slow: Vec<u32>,
    /// Partitions, each as often as faults ask for it.
    pub(crate) cut: Vec<(u32, u32)>,
}

impl Weather {
    /// A link in this weather.
    pub(crate) fn on(&self, link: &Link) -> Link {
        let mut link = link.clone();
        for loss in &self.loss {
            link.loss = 1.0 - (1.0 - link.loss) * (1.0 - f64::from(*loss) / 1000.0);
        }
        link
    }

    pub(crate) fn slowness(&self) -> u64 {
        self.slow
            .iter()
            .fold(1, |all, slow| all.saturating_mul(u64::from(*slow)))
    }
}

impl Simulation {
    /// A fault begins or ends.
    ///
    /// # Errors
    ///
    /// If it is about a host that is not there, as in a file that somebody has edited.
    pub(crate) fn nemesis_does(&mut self, number: usize, begins: bool) -> Result<(), String> {
        let Some(fault) = self.faults().get(number).cloned() else {
            return Ok(());
        };
        let control = self.control();
        let is_there = |name: &&String| {
            let there = |state: &mut State| state.by_name.contains_key(name.as_str());
            control.world.with(there)
        };
        if let Some(name) = fault.kind.hosts().into_iter().find(|name| !is_there(name)) {
            return Err(format!("`{fault}`: no host has the name {name}"));
        }
        let word = if begins { "begins" } else { "ends" };
        let text = format!("{word}: {}", fault.kind);
        control.world.with(|state| {
            if let Some(footprint) = &mut state.footprint {
                let hosts = fault.kind.hosts().into_iter();
                let hosts: Vec<_> = hosts
                    .filter_map(|name| state.by_name.get(name.as_str()).copied())
                    .collect();
                footprint.fault(state.now, &fault.kind, begins, &hosts);
            }
            state.record_text(None, text, What::Fault);
        });
        if begins {
            self.struck.insert(number);
        }
        if let FaultKind::Chance(seed) = fault.kind {
            if begins {
                self.reseed(seed);
            }
            return Ok(());
        }
        if begins {
            self.lasting.push(number);
            control.carry_out(&fault.kind, true);
            return Ok(());
        }
        self.lasting.retain(|other| *other != number);
        // One that has begun meanwhile lasts on, as if this had not been.
        let faults = self.faults();
        let others = self.lasting.iter().rev().map(|other| &faults[*other].kind);
        match others.into_iter().find(|other| other.replaces(&fault.kind)) {
            None => control.carry_out(&fault.kind, false),
            Some(FaultKind::Drift(host, ppm)) => control.set_drift(host, *ppm),
            Some(_) => {}
        }
        Ok(())
    }
}

impl Control {
    /// The faults that these stand for, with the names of their hosts.
    ///
    /// # Errors
    ///
    /// What a pattern has wrong, or that it is for nobody. A name may be that of a host that comes later.
    pub(crate) fn named(&self, faults: Vec<Fault>) -> Result<Vec<Fault>, String> {
        let hosts = |text: &String, ends: bool| {
            let is_there = |state: &mut State| state.by_name.contains_key(text.as_str());
            if self.world.with(is_there) {
                // Whatever it is, as a nemesis writes it.
                return Ok([text.clone()].into());
            }
            let pattern = Pattern::parse(text)?;
            self.world.with(|state| {
                let found = match ends {
                    true => state.processes_of(&pattern),
                    false => state.hosts_of(&pattern),
                };
                let name = |id| String::from(&*state.hosts[id as usize].name);
                match (found, pattern.as_name()) {
                    (Err(_), Some(name)) => Ok([name.into()].into()),
                    (found, _) => Ok(found?.into_iter().map(name).collect()),
                }
            })
        };
        let faults = faults.into_iter().map(|fault| fault.of_hosts(hosts));
        Ok(faults.collect::<Result<Vec<_>, _>>()?.concat())
    }

    /// All its hosts are there.
    fn carry_out(&self, kind: &FaultKind, begins: bool) {
        let id = |name: &String| {
            self.world
                .with(|state| state.by_name.get(name.as_str()).copied())
        };
        let push = |name: &String, begin: fn(u32) -> Command, end: fn(u32) -> Command| {
            let command = if begins { begin } else { end };
            if let Some(id) = id(name) {
                self.world
                    .with(|state| state.commands.push_back(command(id)));
            }
        };
        let cut = |from: &[String], to: &[String]| {
            let ids = |names: &[String]| names.iter().filter_map(id).collect::<Vec<_>>();
            let ways = ways(&ids(from), &ids(to), from == to);
            self.world.with(|state| {
                for way in ways {
                    toggle(&mut state.weather.cut, begins, way);
                }
                persist::look_at_all(state);
            });
        };
        let disk = |name: &String, change: &dyn Fn(&mut Disk)| {
            if let Some(id) = id(name) {
                self.world
                    .with(|state| change(&mut state.hosts[id as usize].disk));
            }
        };
        match kind {
            FaultKind::DiskErrors(host, thousandths) => disk(host, &|disk| {
                toggle(&mut disk.trouble.errors, begins, *thousandths);
            }),
            FaultKind::DiskFull(host) => disk(host, &|disk| {
                toggle(&mut disk.trouble.full, begins, ());
            }),
            FaultKind::DiskSlow(host, times) => disk(host, &|disk| {
                toggle(&mut disk.trouble.slow, begins, *times);
            }),
            FaultKind::Buggify(host) => {
                if let Some(id) = id(host) {
                    self.world.with(|state| {
                        toggle(&mut state.hosts[id as usize].buggy.faults, begins, ());
                    });
                }
            }
            FaultKind::Crash(host) => push(host, Command::Crash, Command::StartUnlessUp),
            FaultKind::Kill(host) => push(host, Command::Kill, Command::StartUnlessUp),
            FaultKind::Terminate(host) => {
                let terminate = |host| Command::Signal(host, SignalKind::terminate());
                push(host, terminate, Command::StartAfterKill);
            }
            FaultKind::Pause(host) => push(host, Command::Pause, Command::Resume),
            FaultKind::Partition(some, others) => {
                cut(some, others);
                cut(others, some);
            }
            FaultKind::OneWay(from, to) => cut(from, to),
            FaultKind::Chance(_) => {}
            FaultKind::Loss(loss) => self
                .world
                .with(|state| toggle(&mut state.weather.loss, begins, *loss)),
            FaultKind::Slow(slow) => self
                .world
                .with(|state| toggle(&mut state.weather.slow, begins, *slow)),
            FaultKind::Drift(host, ppm) => {
                if id(host).is_some() {
                    self.set_drift(host, if begins { *ppm } else { 0 });
                }
            }
            FaultKind::Jump(host, millis) => {
                let by = Duration::from_millis(millis.unsigned_abs());
                match id(host) {
                    Some(_) if (*millis > 0) == begins => self.clock_forward(host, by),
                    Some(_) => self.clock_back(host, by),
                    None => {}
                }
            }
        }
    }
}

fn toggle<T: PartialEq>(all: &mut Vec<T>, begins: bool, one: T) {
    if begins {
        all.push(one);
    } else if let Some(at) = all.iter().position(|other| *other == one) {
        all.swap_remove(at);
    }
}
