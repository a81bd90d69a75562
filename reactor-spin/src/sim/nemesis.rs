//! [`Nemesis`]: who chooses faults by the seed.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::fault::{Fault, FaultKind};
use super::pattern::Pattern;
use super::rng::{Rng, nanos};

/// Who causes faults: how many, of which kinds, when and to whom. The seed chooses among these; so each seed has a
/// schedule of its own.
///
/// A client is the test itself, and one that is gone waits for nothing: crashes and kills strike hosts only, of those that the
/// nemesis is for. All other faults strike clients, too.
///
/// A run with a nemesis that could do nothing fails, with [`Reason::Test`](super::Reason::Test): whose pattern stands for no host;
/// that may cause faults and knows no kind of them; crashes and kills where there are clients only; partitions
/// of a single host.
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
    hosts: Pattern,
    count: (u64, u64),
    within: Duration,
    lasts: (Duration, Duration),
    kinds: Vec<Kind>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Crash,
    Kill,
    Terminate,
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
    Buggify,
}

/// Who is there when a run begins.
pub(crate) struct Present {
    pub(crate) name: Arc<str>,
    pub(crate) is_client: bool,
    /// Whether the nemesis is for it.
    pub(crate) is_meant: bool,
}

/// Those of them that a nemesis is for.
struct Victims {
    all: Vec<String>,
    not_clients: Vec<String>,
}

impl Victims {
    /// Those that it does something to.
    fn of(present: &[Present]) -> Self {
        let names = |clients: bool| {
            let ours = present
                .iter()
                .filter(move |one| one.is_meant && (clients || !one.is_client));
            ours.map(|one| one.name.to_string()).collect()
        };
        Self {
            all: names(true),
            not_clients: names(false),
        }
    }
}

impl Nemesis {
    /// One for these hosts (a name, or a pattern as [`Control`](super::Control) has it), which does nothing yet: a run in which it
    /// has learned no kind of fault fails.
    ///
    /// # Panics
    ///
    /// If it is a regular expression that is wrong.
    #[track_caller]
    pub fn new(hosts: &str) -> Self {
        Self {
            hosts: Pattern::new(hosts),
            count: (0, 4),
            within: Duration::from_secs(30),
            lasts: (Duration::from_millis(10), Duration::from_secs(5)),
            kinds: Vec::new(),
        }
    }

    /// Sets how many faults there are in a run; none to four, unless set. With `faults(0, 0)` it does nothing, and need not be able
    /// to.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Nemesis;
    ///
    /// let nemesis = Nemesis::new("*").kills().faults(1, 3);
    /// ```
    ///
    /// # Panics
    ///
    /// If `min` is more than `max`.
    #[track_caller]
    pub fn faults(mut self, min: u64, max: u64) -> Self {
        assert!(min <= max, "from {min} to {max} faults are none");
        self.count = (min, max);
        self
    }

    /// Sets in which time from the start faults begin; half a minute, unless set. It is best as long as a run takes
    /// ([`Report::elapsed`](super::Report::elapsed)): faults that come later test nothing.
    ///
    /// [`Report::missed`](super::Report::missed) has those of a run, and [`Exploration::missed`](super::Exploration::missed) counts those
    /// of a search. Where most of ten faults or more come too late, in a search or in a thread's other runs with a nemesis, a line on
    /// the standard error says so, and a search of which all do fails.
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
    ///
    /// # Panics
    ///
    /// If `min` is more than `max`.
    #[track_caller]
    pub fn lasting(mut self, min: Duration, max: Duration) -> Self {
        assert!(min <= max, "nothing lasts from {min:?} to {max:?}");
        self.lasts = (min, max);
        self
    }

    fn with(mut self, kind: Kind) -> Self {
        self.kinds.push(kind);
        self
    }

    /// Hosts lose their power and come back; not clients.
    pub fn crashes(self) -> Self {
        self.with(Kind::Crash)
    }

    /// Processes are killed and start again; not those of clients.
    pub fn kills(self) -> Self {
        self.with(Kind::Kill)
    }

    /// Processes get `SIGTERM`, as where a service is started anew; those that still run at the fault's end are killed, and all start
    /// again; not clients.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Nemesis;
    ///
    /// let nemesis = Nemesis::new("node-*").terminations(); // what is lost when a node ends well?
    /// ```
    pub fn terminations(self) -> Self {
        self.with(Kind::Terminate)
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

    /// Programs do what is rare, at the places where they ask [`buggify`](super::buggify()).
    pub fn buggify(self) -> Self {
        self.with(Kind::Buggify)
    }

    /// The schedule that belongs to a seed.
    pub(crate) fn choose(&self, seed: u64, present: &[Present]) -> Vec<Fault> {
        let hosts = Victims::of(present);
        if hosts.all.is_empty() || self.kinds.is_empty() {
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

    /// Whether it can do what it is for.
    ///
    /// # Errors
    ///
    /// Why it can not.
    pub(crate) fn check(&self, present: &[Present]) -> Result<(), String> {
        let (pattern, most) = (&self.hosts, self.count.1);
        if most == 0 {
            return Ok(());
        }
        if self.kinds.is_empty() {
            return Err(format!(
                "a nemesis is to cause up to {most} faults and has no kind of them: see `Nemesis::crashes` and the others"
            ));
        }
        let ours = Victims::of(present);
        if ours.all.is_empty() {
            let names: Vec<&str> = present.iter().map(|one| &*one.name).collect();
            let names = names.join(", ");
            return Err(format!(
                "a nemesis is for `{pattern}`, which is the name of no host; there are {names}"
            ));
        }
        let has = |kinds: &[Kind]| self.kinds.iter().any(|kind| kinds.contains(kind));
        if has(&[Kind::Crash, Kind::Kill, Kind::Terminate]) && ours.not_clients.is_empty() {
            return Err(format!(
                "a nemesis is to crash, kill or terminate `{pattern}`, which are clients only, and those are left running"
            ));
        }
        if has(&[Kind::Partition, Kind::Pair, Kind::OneWay]) && ours.all.len() < 2 {
            return Err(format!(
                "a nemesis is to part `{pattern}`, which is a single host: nobody is there to part it from"
            ));
        }
        Ok(())
    }

    /// Faults from some time on, when there have been so many.
    pub(crate) fn go_on(
        &self,
        seed: u64,
        present: &[Present],
        before: u64,
        from: Duration,
    ) -> Vec<Fault> {
        let hosts = Victims::of(present);
        if hosts.all.is_empty() || self.kinds.is_empty() || from >= self.within {
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

    /// The hosts that it is for.
    pub(crate) fn hosts(&self) -> &Pattern {
        &self.hosts
    }

    /// In which time faults begin.
    pub(crate) fn ends(&self) -> u64 {
        nanos(self.within)
    }

    fn fault(&self, chance: &mut Rng, victims: &Victims) -> Fault {
        let hosts = &victims.all;
        let at = millis(chance.duration(Duration::ZERO, self.within));
        let lasts =
            millis(chance.duration(self.lasts.0, self.lasts.1)).max(Duration::from_millis(1));
        let host = hosts[chance.below(hosts.len() as u64) as usize].clone();
        let either = |chance: &mut Rng, most: u64| {
            let far = chance.between(1, most.max(1)) as i64;
            if chance.chance(0.5) { far } else { -far }
        };
        // What a seed means depends on clients only where one would be struck.
        let not_a_client = |chance: &mut Rng, host: String| {
            let others = &victims.not_clients;
            match others.len() {
                0 => host,
                _ if others.contains(&host) => host,
                count => others[chance.below(count as u64) as usize].clone(),
            }
        };
        let kind = match self.kinds[chance.below(self.kinds.len() as u64) as usize] {
            Kind::Crash => FaultKind::Crash(not_a_client(chance, host)),
            Kind::Kill => FaultKind::Kill(not_a_client(chance, host)),
            Kind::Terminate => FaultKind::Terminate(not_a_client(chance, host)),
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
            Kind::Buggify => FaultKind::Buggify(host),
        };
        Fault { at, lasts, kind }
    }
}

/// Texts of whole milliseconds are easier to read.
fn millis(duration: Duration) -> Duration {
    Duration::from_millis(nanos(duration) / 1_000_000)
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
            .terminations()
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
            .slow_disks()
            .buggify();
        let names = ["n1", "n2", "other", "n3"].map(|name| Present {
            name: name.into(),
            is_client: name == "n3",
            is_meant: nemesis.hosts.matches(name),
        });
        for seed in 0..100 {
            let faults = nemesis.choose(seed, &names);
            assert_eq!(faults.len(), 20);
            for fault in faults {
                let text = fault.to_string();
                assert_eq!(text.parse(), Ok(fault), "{text}");
                assert!(!text.contains("other"), "{text}");
                // That is a client.
                assert!(
                    !["crash n3", "kill n3", "terminate n3"]
                        .iter()
                        .any(|it| text.contains(it))
                );
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
