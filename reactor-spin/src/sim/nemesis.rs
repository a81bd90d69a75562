//! [`Nemesis`]: who chooses faults by the seed, and how they are caused.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::Link;
use super::command::Command;
use super::control::Control;
use super::disk::Disk;
use super::fault::{Fault, FaultKind};
use super::rng::{Rng, nanos};
use super::simulation::Simulation;
use super::trace::What;
use super::world::{Happening, State};

/// Who causes faults: how many, of which kinds, when and to whom. The seed chooses among these; so each seed has a
/// schedule of its own.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::sim; }
/// use polliwog::sim::{Nemesis, Simulation};
/// use std::time::Duration;
///
/// let nemesis = Nemesis::new("node-*")
///     .faults(0, 5)
///     .within(Duration::from_secs(20))
///     .crashes()
///     .partitions();
/// let simulation = Simulation::builder(1).nemesis(nemesis).build();
/// # drop(simulation);
/// ```
#[derive(Clone, Debug)]
pub struct Nemesis {
    hosts: String,
    count: (u64, u64),
    within: Duration,
    lasts: (Duration, Duration),
    kinds: Vec<Kind>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Crash,
    Kill,
    Pause,
    Partition,
    Pair,
    OneWay,
    Loss,
    Slow,
    Drift(i32),
    Jump(Duration),
    DiskErrors,
    DiskFull,
    DiskSlow,
}

impl Nemesis {
    /// One for these hosts (a name, or a pattern with a `*` at its end), which does nothing yet.
    pub fn new(hosts: &str) -> Self {
        Self {
            hosts: hosts.into(),
            count: (0, 4),
            within: Duration::from_secs(30),
            lasts: (Duration::from_millis(10), Duration::from_secs(5)),
            kinds: Vec::new(),
        }
    }

    /// Sets how many faults there are in a run; none to four, unless set.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Nemesis;
    ///
    /// let nemesis = Nemesis::new("*").kills().faults(1, 3);
    /// ```
    pub fn faults(mut self, min: u64, max: u64) -> Self {
        self.count = (min, max.max(min));
        self
    }

    /// Sets in which time from the start faults begin; half a minute, unless set.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Nemesis;
    /// use std::time::Duration;
    ///
    /// let nemesis = Nemesis::new("*").crashes().within(Duration::from_secs(60));
    /// ```
    pub fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }

    /// Sets how long a fault lasts; ten milliseconds to five seconds, unless set.
    pub fn lasting(mut self, min: Duration, max: Duration) -> Self {
        self.lasts = (min, max.max(min));
        self
    }

    fn with(mut self, kind: Kind) -> Self {
        self.kinds.push(kind);
        self
    }

    /// Hosts lose their power and come back.
    pub fn crashes(self) -> Self {
        self.with(Kind::Crash)
    }

    /// Processes are killed and start again.
    pub fn kills(self) -> Self {
        self.with(Kind::Kill)
    }

    /// Processes stop for a while.
    pub fn pauses(self) -> Self {
        self.with(Kind::Pause)
    }

    /// The hosts are parted into two groups.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Nemesis;
    ///
    /// let nemesis = Nemesis::new("node-*").partitions().one_way_partitions();
    /// ```
    pub fn partitions(self) -> Self {
        self.with(Kind::Partition)
    }

    /// Two hosts do not reach one another, though others reach both: a majority that sees different leaders.
    pub fn broken_links(self) -> Self {
        self.with(Kind::Pair)
    }

    /// One host does not reach some others, which reach it.
    pub fn one_way_partitions(self) -> Self {
        self.with(Kind::OneWay)
    }

    /// Messages get lost.
    pub fn losses(self) -> Self {
        self.with(Kind::Loss)
    }

    /// The network is slow.
    pub fn slowness(self) -> Self {
        self.with(Kind::Slow)
    }

    /// Clocks go wrong, by up to so many millionths in either direction.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Nemesis;
    ///
    /// let nemesis = Nemesis::new("node-*").drifts(200); // millionths
    /// ```
    pub fn drifts(self, millionths: u32) -> Self {
        self.with(Kind::Drift(i32::try_from(millionths).unwrap_or(i32::MAX)))
    }

    /// Wall clocks jump, by up to so much in either direction.
    pub fn clock_jumps(self, by: Duration) -> Self {
        self.with(Kind::Jump(by))
    }

    /// Operations of disks fail: reads, writes, syncs, from one in a hundred to one in two. A write that fails may have
    /// written the first part of it.
    pub fn disk_errors(self) -> Self {
        self.with(Kind::DiskErrors)
    }

    /// Disks have no room left.
    pub fn full_disks(self) -> Self {
        self.with(Kind::DiskFull)
    }

    /// Disks take up to two hundred times as long.
    pub fn slow_disks(self) -> Self {
        self.with(Kind::DiskSlow)
    }

    /// The schedule that belongs to a seed.
    pub(crate) fn choose(&self, seed: u64, names: &[Arc<str>]) -> Vec<Fault> {
        let hosts = self.ours(names);
        if hosts.is_empty() || self.kinds.is_empty() {
            return Vec::new();
        }
        let mut chance = Rng::new(seed, 5);
        let count = chance.between(self.count.0, self.count.1);
        let mut faults: Vec<Fault> = (0..count)
            .map(|_| self.fault(&mut chance, &hosts))
            .collect();
        faults.sort_by_key(|fault| fault.at);
        faults
    }

    /// The hosts that it does something to.
    fn ours(&self, names: &[Arc<str>]) -> Vec<String> {
        let is_ours = |name: &&Arc<str>| match self.hosts.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => ***name == *self.hosts,
        };
        let ours = names.iter().filter(is_ours);
        ours.map(|name| name.to_string()).collect()
    }

    /// Faults from some time on, when there have been so many.
    pub(crate) fn go_on(
        &self,
        seed: u64,
        names: &[Arc<str>],
        before: u64,
        from: Duration,
    ) -> Vec<Fault> {
        let hosts = self.ours(names);
        if hosts.is_empty() || self.kinds.is_empty() || from >= self.within {
            return Vec::new();
        }
        let mut chance = Rng::new(seed, 7);
        let least = self.count.0.saturating_sub(before);
        let count = chance.between(least, self.count.1.saturating_sub(before));
        // Now and then soon after: at a tenth of the time that is left the half of them.
        let is_soon = chance.chance(0.5);
        let left = self.within - from;
        let mut faults: Vec<Fault> = (0..count)
            .map(|_| {
                let mut fault = self.fault(&mut chance, &hosts);
                let part =
                    |of: Duration| of.mul_f64(fault.at.as_secs_f64() / self.within.as_secs_f64());
                let after = if is_soon {
                    part(part(part(left)))
                } else {
                    part(left)
                };
                fault.at = millis(from + after).max(from);
                fault
            })
            .collect();
        faults.sort_by_key(|fault| fault.at);
        faults
    }

    /// In which time faults begin.
    pub(crate) fn ends(&self) -> u64 {
        nanos(self.within)
    }

    fn fault(&self, chance: &mut Rng, hosts: &[String]) -> Fault {
        let at = millis(chance.duration(Duration::ZERO, self.within));
        let lasts =
            millis(chance.duration(self.lasts.0, self.lasts.1)).max(Duration::from_millis(1));
        let host = hosts[chance.below(hosts.len() as u64) as usize].clone();
        let either = |chance: &mut Rng, most: u64| {
            let far = chance.between(1, most.max(1)) as i64;
            if chance.chance(0.5) { far } else { -far }
        };
        let kind = match self.kinds[chance.below(self.kinds.len() as u64) as usize] {
            Kind::Crash => FaultKind::Crash(host),
            Kind::Kill => FaultKind::Kill(host),
            Kind::Pause => FaultKind::Pause(host),
            Kind::Partition => {
                let (mut some, mut others): (Vec<_>, Vec<_>) =
                    hosts.iter().cloned().partition(|_| chance.chance(0.5));
                if some.is_empty() || others.is_empty() {
                    some = [host.clone()].into();
                    others = hosts
                        .iter()
                        .filter(|other| **other != host)
                        .cloned()
                        .collect();
                }
                if others.is_empty() {
                    others.push(host);
                }
                FaultKind::Partition(some, others)
            }
            Kind::Pair => {
                let others: Vec<_> = hosts.iter().filter(|other| **other != host).collect();
                let other = match others.len() {
                    0 => host.clone(),
                    count => others[chance.below(count as u64) as usize].clone(),
                };
                FaultKind::Partition([host].into(), [other].into())
            }
            Kind::OneWay => {
                let mut to: Vec<_> = hosts
                    .iter()
                    .filter(|other| **other != host && chance.chance(0.5))
                    .cloned()
                    .collect();
                if to.is_empty() {
                    to.push(hosts[chance.below(hosts.len() as u64) as usize].clone());
                }
                if chance.chance(0.5) {
                    FaultKind::OneWay([host].into(), to)
                } else {
                    FaultKind::OneWay(to, [host].into())
                }
            }
            Kind::Loss => FaultKind::Loss(chance.between(10, 500) as u32),
            Kind::Slow => FaultKind::Slow(chance.between(2, 200) as u32),
            Kind::Drift(ppm) => {
                FaultKind::Drift(host, either(chance, ppm.unsigned_abs().into()) as i32)
            }
            Kind::Jump(by) => FaultKind::Jump(host, either(chance, nanos(by) / 1_000_000)),
            Kind::DiskErrors => FaultKind::DiskErrors(host, chance.between(10, 500) as u32),
            Kind::DiskFull => FaultKind::DiskFull(host),
            Kind::DiskSlow => FaultKind::DiskSlow(host, chance.between(2, 200) as u32),
        };
        Fault { at, lasts, kind }
    }
}

/// Texts of whole milliseconds are easier to read.
fn millis(duration: Duration) -> Duration {
    Duration::from_millis(nanos(duration) / 1_000_000)
}

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
    /// All its hosts are there.
    fn carry_out(&self, kind: &FaultKind, begins: bool) {
        let id = |name: &String| {
            self.world
                .with(|state| state.by_name.get(name.as_str()).copied())
        };
        let push = |name: &String, command: fn(u32) -> Command| {
            if let Some(id) = id(name) {
                self.world
                    .with(|state| state.commands.push_back(command(id)));
            }
        };
        let cut = |from: &[String], to: &[String]| {
            for from in from.iter().filter_map(id) {
                for to in to.iter().filter_map(id) {
                    self.world
                        .with(|state| state.weather.change(begins, (from, to)));
                }
            }
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
            FaultKind::Crash(host) => push(
                host,
                if begins {
                    Command::Crash
                } else {
                    Command::StartUnlessUp
                },
            ),
            FaultKind::Kill(host) => push(
                host,
                if begins {
                    Command::Kill
                } else {
                    Command::StartUnlessUp
                },
            ),
            FaultKind::Pause(host) => push(
                host,
                if begins {
                    Command::Pause
                } else {
                    Command::Resume
                },
            ),
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

impl Weather {
    fn change(&mut self, begins: bool, pair: (u32, u32)) {
        if pair.0 != pair.1 {
            toggle(&mut self.cut, begins, pair);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_again() {
        let nemesis = Nemesis::new("n*")
            .faults(20, 20)
            .crashes()
            .kills()
            .pauses()
            .partitions()
            .one_way_partitions()
            .losses()
            .slowness()
            .drifts(500)
            .clock_jumps(Duration::from_secs(3))
            .broken_links()
            .disk_errors()
            .full_disks()
            .slow_disks();
        let names: Vec<Arc<str>> = ["n1", "n2", "other", "n3"].map(Arc::from).into();
        for seed in 0..100 {
            let faults = nemesis.choose(seed, &names);
            assert_eq!(faults.len(), 20);
            for fault in faults {
                let text = fault.to_string();
                assert_eq!(text.parse(), Ok(fault), "{text}");
                assert!(!text.contains("other"), "{text}");
            }
        }
        for bad in [
            "",
            "1s for 1s: sing",
            "1 for 1s: crash n1",
            "1s for 1.xs: crash n1",
            "1s: crash n1",
        ] {
            assert!(bad.parse::<Fault>().is_err(), "{bad}");
        }
    }
}
