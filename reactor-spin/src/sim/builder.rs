//! [`Builder`]: how a simulation is to be.

use alloc::vec::Vec;
use core::ops::RangeInclusive;
use core::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

use super::environment::environment;
use super::fault::Fault;
use super::footprint::Probe;
use super::guide::Branch;
use super::nemesis::Nemesis;
use super::pattern::Pattern;
use super::rng::{Rng, nanos};
use super::schedule::{Scheduler, Strategy};
use super::settings::{MAX_DATAGRAM, Restart, Settings};
use super::simulation::Simulation;
use super::simulator::{Maker, Simulator};
use super::{Latency, Link};

/// How a [`Simulation`] is to be; [`Simulation::builder(seed)`](Simulation::builder) makes one for a single run. The searches
/// ([`explore`](super::explore) and the like) give one to the test for each run, with their seed and faults.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::sim; }
/// use polliwog::sim::{Latency, Link, Simulation};
/// use std::time::Duration;
///
/// let simulation = Simulation::builder(7)
///     .time_limit(Duration::from_secs(60))
///     .link(Link::new(Latency::fixed(Duration::from_millis(20))).loss(0.01))
///     .build();
/// assert_eq!(simulation.seed(), 7);
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder builds nothing by itself"]
pub struct Builder {
    settings: Settings,
    strategy: Strategy,
    nemesis: Option<Nemesis>,
    faults: Option<Vec<Fault>>,
    /// Those of a schedule that is shrunk or replayed.
    only: Option<Vec<Fault>>,
    branch: Option<Branch>,
    probe: Option<Probe>,
    simulators: Vec<Maker>,
}

impl Builder {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            settings: Settings::new(seed),
            strategy: Strategy::Uniform,
            nemesis: None,
            faults: None,
            only: None,
            branch: None,
            probe: None,
            simulators: Vec::new(),
        }
    }

    /// Sets how much virtual time a run may take; an hour, unless set. Beyond it the run fails.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Simulation;
    /// use std::time::Duration;
    ///
    /// let simulation = Simulation::builder(7).time_limit(Duration::from_secs(3600)).build();
    /// ```
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.settings.time_limit = nanos(limit);
        self
    }

    /// Sets what the wall clocks of hosts show at the beginning, for [`system_time`](super::system_time) and what
    /// [`replace_system!`](super::replace_system!) replaces; the year 2000, unless set.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::{self, Simulation};
    /// use std::time::{Duration, UNIX_EPOCH};
    ///
    /// // A second before the clocks of 32 bits are at their end.
    /// let late = UNIX_EPOCH + Duration::from_secs((1 << 31) - 1);
    /// let mut simulation = Simulation::builder(7).epoch(late).build();
    /// simulation.client("frog", async move { assert_eq!(sim::system_time(), late) });
    /// simulation.run().unwrap();
    /// ```
    ///
    /// # Panics
    ///
    /// If it is before 1970, which is when the clocks of systems begin.
    #[track_caller]
    pub fn epoch(mut self, epoch: SystemTime) -> Self {
        let since = epoch.duration_since(UNIX_EPOCH);
        self.settings.epoch = since.expect("no clock is before 1970");
        self
    }

    /// As [`epoch`](Self::epoch), at a moment within this range that the seed chooses: so a search finds what happens at the
    /// end of a day, in a leap year, or before a certificate is valid.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::{self, Simulation};
    /// use std::time::{Duration, UNIX_EPOCH};
    ///
    /// let begin = UNIX_EPOCH + Duration::from_secs(1_640_995_200); // 2022
    /// let year = begin..=begin + Duration::from_secs(365 * 24 * 3600);
    /// let mut simulation = Simulation::builder(7).epoch_within(year.clone()).build();
    /// simulation.client("frog", async move { assert!(year.contains(&sim::system_time())) });
    /// simulation.run().unwrap();
    /// ```
    ///
    /// # Panics
    ///
    /// If the range is empty, or begins before 1970.
    #[track_caller]
    pub fn epoch_within(self, range: RangeInclusive<SystemTime>) -> Self {
        let (first, last) = range.into_inner();
        // A closure would have a place of its own.
        let Ok(span) = last.duration_since(first) else {
            panic!("no moment is from {first:?} to {last:?}");
        };
        let after = Rng::new(self.seed(), 9).duration(Duration::ZERO, span);
        self.epoch(first + after)
    }

    /// Sets how many processors a host is told to have, by
    /// [`available_parallelism`](std::thread::available_parallelism) in a test with
    /// [`replace_system!`](super::replace_system!); one, unless set, and at least one. So it is the same on every
    /// machine. All of a host runs on one thread in any case.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Simulation;
    ///
    /// let simulation = Simulation::builder(7).processors(16).build();
    /// ```
    pub fn processors(mut self, count: usize) -> Self {
        self.settings.processors = count.max(1);
        self
    }

    /// Sets whether the names of hosts stand for their addresses by IPv6; they do for those by IPv4, unless set. Hosts have
    /// both in any case.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::net::lookup_host;
    /// use polliwog::sim::Simulation;
    ///
    /// let mut simulation = Simulation::builder(7).prefer_ipv6(true).build();
    /// simulation.client("frog", async {
    ///     assert_eq!(lookup_host("frog:80").await.unwrap(), ["[fd00::1]:80".parse().unwrap()]);
    /// });
    /// simulation.run().unwrap();
    /// ```
    pub fn prefer_ipv6(mut self, prefer: bool) -> Self {
        self.settings.prefer_ipv6 = prefer;
        self
    }

    /// Sets how messages fare on all links that are not set otherwise.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::{Latency, Link, Simulation};
    /// use std::time::Duration;
    ///
    /// let far = Link::new(Latency::fixed(Duration::from_millis(80)));
    /// let simulation = Simulation::builder(7).link(far).build();
    /// ```
    pub fn link(mut self, link: Link) -> Self {
        self.settings.link = link;
        self
    }

    /// Sets how many events of the trace are kept for the [`Report`](super::Report): the last so many, or all of
    /// them by `usize::MAX`. None, unless set; the hash is of all in any case. Of several settings the largest counts.
    pub fn trace(mut self, events: usize) -> Self {
        self.settings.trace = self.settings.trace.max(events);
        self
    }

    /// Keeps all that is sent, for the [`Report`](super::Report): a file that Wireshark and tcpdump read, as if all hosts were
    /// at one cable.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::net::UdpSocket;
    /// use polliwog::sim::Simulation;
    ///
    /// let mut simulation = Simulation::builder(7).capture().build();
    /// simulation.client("frog", async {
    ///     let socket = UdpSocket::bind("0.0.0.0:7").await?;
    ///     socket.send_to(b"quak", "frog:7").await
    /// });
    /// let report = simulation.run().unwrap();
    /// // std::fs::write("frog.pcap", &report.capture)?;
    /// assert!(report.capture.ends_with(b"quak"));
    /// ```
    pub fn capture(mut self) -> Self {
        self.settings.capture = true;
        self
    }

    /// Sets whether a run fails when the program of a host comes to its end by an error or a panic. It does,
    /// unless set; otherwise the host is just down from then on, and the report tells.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Simulation;
    ///
    /// let simulation = Simulation::builder(7).host_failures_end(false).build();
    /// ```
    pub fn host_failures_end(mut self, end: bool) -> Self {
        self.settings.host_failure_ends = end;
        self
    }

    /// Lets hosts whose program has failed, by an error or a panic, start again after that time, as a supervisor does: a
    /// [`Duration`], or a range of them of which each restart takes one by the seed. What they have open is closed, and their files
    /// are as they left them. Their failures do not end the run; [`Report::failed`](super::Report::failed) has each of them.
    ///
    /// `hosts` and `text` are patterns as [`Control`](super::Control) has them, so `"*"` is any. The text is that of the failure, all
    /// of it: `"*no pond*"` is each that has these words in it. That of a panic is what the panic itself says, be it the program's or a
    /// task's, without the task's name. Of several settings the first counts that is for the host and the text. A run at whose end a
    /// setting is for no host that there is fails, with [`Reason::Test`](super::Reason::Test).
    ///
    /// A host that loses its power, or is killed or started, meanwhile, is left to whoever has done that. One that has asked for what mio's
    /// reactor has, as in a build with both, does not start again: that is a mistake of the program's, and ends the run at once.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Simulation;
    /// use polliwog::time::sleep;
    /// use std::time::Duration;
    ///
    /// let second = Duration::from_secs(1);
    /// let mut simulation = Simulation::builder(7).restart_failed("worker-*", "*no pond*", second).build();
    /// let mut starts = 0;
    /// simulation.host("worker-1", move || {
    ///     starts += 1;
    ///     async move { if starts < 3 { panic!("no pond") } }
    /// });
    /// simulation.client("test", sleep(5 * second));
    /// assert_eq!(simulation.run().unwrap().failed.len(), 2);
    /// // Another one that is not always in the same step with its clients.
    /// let builder = Simulation::builder(7).restart_failed("*", "*", second..=10 * second);
    /// ```
    ///
    /// # Panics
    ///
    /// If the time is zero, since a host that fails at once would let no time pass, if the text is empty, and at a regular expression that
    /// is wrong.
    #[track_caller]
    pub fn restart_failed(mut self, hosts: &str, text: &str, after: impl Into<Latency>) -> Self {
        let after = after.into();
        assert!(!after.is_zero(), "a restart takes time");
        assert!(
            !text.is_empty(),
            "no failure has the text \"\": a restart after any is for \"*\""
        );
        self.settings.restarts.push(Restart {
            hosts: Pattern::new(hosts),
            text: Pattern::new(text),
            after,
        });
        self
    }

    /// Sets whether the panic of any task that a host's program has spawned is the end of that host, as the panic of the
    /// program itself is; for a client, and as [`host_failures_end`](Self::host_failures_end) says, the end of the run.
    ///
    /// It is, unless set: outside of a simulation a panic ends its task only, and of a detached one nobody learns, so a
    /// test would be green though an `assert!` in a connection's task has failed. It does not matter whether somebody joins the
    /// task, as that may come later; nor what the task is: jobs of [`spawn_blocking`](super::spawn_blocking) are meant, too. What
    /// a program catches itself, by `catch_unwind`, never gets so far.
    ///
    /// With `false`, for programs that expect panics of their tasks, each is a note in the story.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Simulation;
    ///
    /// let mut simulation = Simulation::builder(7).task_panics_end(false).build();
    /// simulation.client("supervisor", async {
    ///     let worker = polliwog::spawn(async { panic!("no pond") }).unwrap();
    ///     assert!(worker.await.unwrap_err().is_panic());
    /// });
    /// simulation.run().unwrap();
    /// ```
    pub fn task_panics_end(mut self, end: bool) -> Self {
        self.settings.task_panics_end = end;
        self
    }

    /// Sets how many tasks each host can have at a time ([`DEFAULT_MAX_TASKS`](crate::DEFAULT_MAX_TASKS)).
    pub fn max_tasks(mut self, max_tasks: usize) -> Self {
        self.settings.max_tasks = max_tasks.max(1);
        self
    }

    /// Sets how many bytes a connection holds in each direction, those on their way included; then writes wait.
    /// 64 KiB, unless set; at least one.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Simulation;
    ///
    /// let simulation = Simulation::builder(7).tcp_window(4096).build();
    /// ```
    pub fn tcp_window(mut self, bytes: usize) -> Self {
        self.settings.window = bytes.max(1);
        self
    }

    /// Sets after how long a connect without an answer fails; 127 seconds, unless set, which is what Linux takes.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Simulation;
    /// use std::time::Duration;
    ///
    /// let simulation = Simulation::builder(7).connect_timeout(Duration::from_secs(3)).build();
    /// ```
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.settings.connect_timeout = timeout;
        self
    }

    /// Sets after how long a connection fails whose segments do not arrive; 924 seconds, unless set, which is what
    /// Linux takes.
    pub fn tcp_timeout(mut self, timeout: Duration) -> Self {
        self.settings.tcp_timeout = timeout;
        self
    }

    /// Sets for how long the port of a connection is not used again if its host closed first (TIME-WAIT); a
    /// minute, unless set.
    pub fn time_wait(mut self, time: Duration) -> Self {
        self.settings.time_wait = time;
        self
    }

    /// Sets how many ports each host has to give away, from 32 768 upwards; 28 232, unless set, as on Linux; at
    /// least one.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Simulation;
    ///
    /// // So few that a program runs out of them.
    /// let simulation = Simulation::builder(7).ephemeral_ports(4).build();
    /// ```
    pub fn ephemeral_ports(mut self, count: u16) -> Self {
        self.settings.ephemeral = count.clamp(1, u16::MAX - super::tcp::FIRST_EPHEMERAL);
        self
    }

    /// Sets the size of the largest datagram; 65 507 bytes, unless set, and never more, since UDP has no larger ones.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Simulation;
    ///
    /// let simulation = Simulation::builder(7).max_datagram(1472).build();
    /// ```
    pub fn max_datagram(mut self, bytes: usize) -> Self {
        self.settings.max_datagram = bytes.min(MAX_DATAGRAM);
        self
    }

    /// Sets how many bytes of datagrams wait at a socket before further ones are lost; 256 KiB, unless set. One without
    /// bytes counts as one.
    pub fn datagram_buffer(mut self, bytes: usize) -> Self {
        self.settings.datagram_buffer = bytes;
        self
    }

    /// Sets whether a crash may leave half of a rename that was not synced: both names, or neither. It does not, unless
    /// set, as on the file systems that keep a journal.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Simulation;
    ///
    /// let simulation = Simulation::builder(7).torn_renames(true).build();
    /// ```
    pub fn torn_renames(mut self, torn: bool) -> Self {
        self.settings.torn_renames = torn;
        self
    }

    /// Sets after how long the systems of hosts write back to their disks what programs have written and not synced, so that it
    /// outlives a crash; 30 s, unless set, as [on Linux](https://docs.kernel.org/admin-guide/sysctl/vm.html#dirty-expire-centisecs).
    /// Names are written back, too. What a crash can lose is in memory: with [`Duration::MAX`] a program that writes and never
    /// syncs takes more and more of it.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Simulation;
    /// use std::time::Duration;
    ///
    /// // Whatever is not synced may be lost, how long ago it may be.
    /// let simulation = Simulation::builder(7).write_back(Duration::MAX).build();
    /// ```
    pub fn write_back(mut self, after: Duration) -> Self {
        self.settings.write_back = nanos(after);
        self
    }

    /// Sets how many turns all hosts together may take while no time passes; a million, unless set. The start of a program is one,
    /// too. Beyond it the run fails as a livelock.
    pub fn turns_limit(mut self, turns: u64) -> Self {
        self.settings.turns_limit = turns;
        self
    }

    /// Sets how the order of events is chosen.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::{Simulation, Strategy};
    ///
    /// let simulation = Simulation::builder(7).strategy(Strategy::default()).build();
    /// ```
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// Sets who causes faults: a schedule of them that belongs to the seed.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::{Nemesis, Simulation};
    ///
    /// let nemesis = Nemesis::new("node-*").crashes().partitions();
    /// let simulation = Simulation::builder(7).nemesis(nemesis).build();
    /// ```
    pub fn nemesis(mut self, nemesis: Nemesis) -> Self {
        self.nemesis = Some(nemesis);
        self
    }

    /// Sets the faults themselves, in the place of those that a [`nemesis`](Self::nemesis) would choose. One whose pattern is wrong, or
    /// for no host, fails the run, with [`Reason::Test`](super::Reason::Test).
    pub fn faults(mut self, faults: Vec<Fault>) -> Self {
        self.faults = Some(faults);
        self
    }

    /// Adds a service that the test simulates itself: see [`Simulator`]. `make` makes it for each simulation that is
    /// [built](Self::build).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::{self, Simulation, Simulator};
    /// use std::cell::Cell;
    ///
    /// /// Counts what is sold.
    /// #[derive(Default)]
    /// struct Shop(Cell<u32>);
    ///
    /// impl Simulator for Shop {}
    ///
    /// let mut simulation = Simulation::builder(7).simulator(Shop::default).build();
    /// simulation.client("frog", async {
    ///     let shop = sim::simulator::<Shop>();
    ///     shop.0.set(shop.0.get() + 1);
    /// });
    /// simulation.run().unwrap();
    /// assert_eq!(simulation.control().simulator::<Shop>().0.get(), 1);
    /// ```
    ///
    /// # Panics
    ///
    /// If there is one of that type already.
    #[track_caller]
    pub fn simulator<S: Simulator>(mut self, make: impl Fn() -> S + Send + Sync + 'static) -> Self {
        Maker::new(make).join(&mut self.simulators);
        self
    }

    /// The seed.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Simulation;
    ///
    /// assert_eq!(Simulation::builder(7).seed(), 7);
    /// ```
    pub fn seed(&self) -> u64 {
        self.settings.seed
    }

    /// These faults and no others, whatever is set later.
    pub(crate) fn faults_only(mut self, faults: Vec<Fault>) -> Self {
        self.only = Some(faults);
        self
    }

    /// The faults of another run up to some moment, and from then on others.
    pub(crate) fn branch(mut self, branch: Option<Branch>) -> Self {
        self.branch = branch;
        self
    }

    pub(crate) fn probe(mut self, probe: Probe) -> Self {
        self.probe = Some(probe);
        self
    }

    /// Makes the simulation; hosts are added next. What the environment sets ([`TIME_LIMIT_VARIABLE`](super::TIME_LIMIT_VARIABLE),
    /// [`CONFIG_VARIABLE`](super::CONFIG_VARIABLE)) holds in the place of what was set here.
    ///
    /// # Panics
    ///
    /// If a variable of the environment whose name begins with `POLLIWOG_SIM_` has no value that it can have.
    #[track_caller]
    pub fn build(mut self) -> Simulation {
        environment().apply(&mut self.settings);
        if self.probe.is_none() {
            environment().tell_of_no_use(self.settings.seed);
        }
        let scheduler = Scheduler::new(self.settings.seed, self.strategy);
        let simulation = Simulation::of(
            self.settings,
            scheduler,
            self.nemesis,
            self.only.or(self.faults),
            (self.branch, self.probe),
        );
        let simulators = self.simulators.iter().map(Maker::make).collect();
        simulation.world.simulators.replace(simulators);
        simulation
    }
}
