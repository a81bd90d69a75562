//! [`Simulation`]: many hosts in one thread and in virtual time.

use alloc::collections::BTreeSet;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::future::Future;
use core::time::Duration;

use polliwog_core::Deadline;

use super::builder::Builder;
use super::control::Control;
use super::failure::{Failure, Outcome, Reason, Report};
use super::fault::Fault;
use super::footprint::{Footprint, Probe};
use super::guide::Branch;
use super::late::Late;
use super::nemesis::{Nemesis, Present};
use super::runner::{Failed, Runner, Turn};
use super::schedule::Scheduler;
use super::settings::Settings;
use super::trace::What;
use super::world::{Happening, HostId, World};
use crate::Error;

/// Hosts with programs, a network between them, and what goes wrong: all in one thread, in virtual time and by one
/// seed.
///
/// Hosts run until the programs of all clients are done. What a program calls for network, time, tasks and
/// files it finds in its host: see the [module](super).
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
/// use polliwog::net::{TcpListener, TcpStream};
/// use polliwog::sim::Simulation;
///
/// let mut simulation = Simulation::new(42);
/// simulation.host("server", || async {
///     let listener = TcpListener::bind("0.0.0.0:80").await?;
///     let (stream, _) = listener.accept().await?;
///     stream.write_all(b"frog").await
/// });
/// simulation.client("client", async {
///     let stream = TcpStream::connect("server:80").await?;
///     let mut buf = [0; 4];
///     stream.read_exact(&mut buf).await?;
///     assert_eq!(&buf, b"frog");
///     Ok::<(), polliwog::Error>(())
/// });
/// let report = simulation.run().unwrap();
/// assert!(report.elapsed.as_millis() < 20);
/// ```
pub struct Simulation {
    pub(crate) world: Rc<World>,
    pub(super) runners: Vec<Runner>,
    /// Hosts that have something to do.
    ready: Vec<HostId>,
    woken: Vec<HostId>,
    scheduler: Scheduler,
    nemesis: Option<Nemesis>,
    /// The run of which this one is the same at first.
    branch: Option<Branch>,
    pub(super) probe: Option<Probe>,
    /// The faults of this run, as soon as they are known.
    faults: Option<Vec<Fault>>,
    faults_set: bool,
    /// The numbers of those that last now, the one that has begun last at the end.
    pub(crate) lasting: Vec<usize>,
    /// The numbers of those that have begun.
    pub(super) struck: BTreeSet<usize>,
    /// Clients that are not done.
    pub(super) clients: usize,
    /// How many hosts have been started for the first time.
    started: usize,
    /// Turns at the present instant.
    turns_now: u64,
    pub(super) turns: u64,
    pub(super) failed: Vec<(Arc<str>, String)>,
    /// Whether all that has happened is in a report.
    pub(super) reported: bool,
}

impl Simulation {
    /// A simulation with this seed and nothing else chosen.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Simulation;
    ///
    /// let mut simulation = Simulation::new(7);
    /// simulation.client("frog", async {});
    /// simulation.run().unwrap();
    /// ```
    pub fn new(seed: u64) -> Self {
        Self::builder(seed).build()
    }

    /// Returns a builder, to choose more than the seed.
    pub fn builder(seed: u64) -> Builder {
        Builder::new(seed)
    }

    pub(crate) fn of(
        settings: Settings,
        scheduler: Scheduler,
        nemesis: Option<Nemesis>,
        faults: Option<Vec<Fault>>,
        (branch, probe): (Option<Branch>, Option<Probe>),
    ) -> Self {
        super::panics::watch();
        let world = World::new(settings);
        if probe.as_ref().is_some_and(|probe| probe.features) {
            world.with(|state| state.footprint = Some(Footprint::default()));
        }
        Self {
            world,
            runners: Vec::new(),
            ready: Vec::new(),
            woken: Vec::new(),
            scheduler,
            nemesis,
            branch,
            probe,
            faults,
            faults_set: false,
            lasting: Vec::new(),
            struck: BTreeSet::new(),
            clients: 0,
            started: 0,
            turns_now: 0,
            turns: 0,
            failed: Vec::new(),
            reported: true,
        }
    }

    /// Adds a host. Its program is what `software` returns, each time that the host starts: at the beginning, and
    /// after a crash. Files outlive it.
    ///
    /// The first host has the addresses 10.0.0.1 and fd00::1, the next ones follow; and its name.
    ///
    /// # Panics
    ///
    /// If there is a host with that name.
    #[track_caller]
    pub fn host<F>(&mut self, name: &str, software: impl FnMut() -> F + 'static)
    where
        F: Future<Output: Outcome> + 'static,
    {
        self.control().host(name, software);
        self.take_newcomers();
    }

    /// Adds a host whose program runs once; the run lasts until all of these are done.
    ///
    /// A client is the test itself, so no [`Nemesis`] crashes or kills one. If somebody does by hand
    /// ([`Control::crash`](super::Control::crash)), nobody waits for it any more, and [`Report::failed`] tells of it.
    ///
    /// # Panics
    ///
    /// If there is a host with that name.
    #[track_caller]
    pub fn client<F>(&mut self, name: &str, program: F)
    where
        F: Future<Output: Outcome> + 'static,
    {
        self.control().client(name, program);
        self.take_newcomers();
    }

    /// Lets the hosts be run that were added. Returns whether there are any.
    pub(super) fn take_newcomers(&mut self) -> bool {
        let newcomers = self.world.newcomers.take();
        let any = !newcomers.is_empty();
        for (id, software, origin) in newcomers {
            let runner = Runner::new(&self.world, id, software, origin);
            runner.tell_added();
            self.clients += usize::from(runner.is_client());
            self.runners.push(runner);
            self.scheduler.add_host();
        }
        any
    }

    /// The faults that were scheduled for this run; none before it has begun.
    pub fn faults(&self) -> &[Fault] {
        match &self.faults {
            Some(faults) if self.faults_set => faults,
            _ => &[],
        }
    }

    /// The faults, to be caused by hand.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Simulation;
    ///
    /// let mut simulation = Simulation::new(7);
    /// simulation.host("frog", || async {});
    /// assert!(simulation.control().addr("frog").is_some());
    /// ```
    pub fn control(&self) -> Control {
        Control {
            world: self.world.clone(),
        }
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.world.settings.seed
    }

    /// The virtual time since the start.
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.world.now.get())
    }

    /// Runs until all clients are done. Without clients, until nothing can happen any more or the
    /// [time limit](Builder::time_limit) is reached.
    ///
    /// # Errors
    ///
    /// [`Failure`], if a client fails or panics, if a host does (unless
    /// [`host_failures_end`](Builder::host_failures_end) says otherwise), if a task of either panics (unless
    /// [`task_panics_end`](Builder::task_panics_end) does), if nothing can happen any more, at the time limit, and if
    /// the [`Nemesis`] could do nothing.
    pub fn run(&mut self) -> Result<Report, Failure> {
        let limit = self.world.settings.time_limit;
        match self.until(limit, true, &|| false) {
            Ok(()) => Ok(self.report()),
            Err((host, reason)) => Err(self.failure(host, reason)),
        }
    }

    /// Runs for so much virtual time, whether or not clients are done; the simulation can be run further.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Simulation;
    /// use std::time::Duration;
    /// use polliwog::time::sleep;
    ///
    /// let mut simulation = Simulation::new(7);
    /// simulation.host("frog", || sleep(Duration::from_secs(10)));
    /// simulation.run_for(Duration::from_secs(3)).unwrap();
    /// assert_eq!(simulation.elapsed(), Duration::from_secs(3));
    /// ```
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), except for the time limit, and for clients that wait for what cannot happen: the
    /// time just passes.
    pub fn run_for(&mut self, time: Duration) -> Result<(), Failure> {
        let until = self.world.now.get().saturating_add(super::rng::nanos(time));
        self.until(until, false, &|| false)
            .map_err(|(host, reason)| self.failure(host, reason))
    }

    pub(super) fn record(&self, host: HostId, what: What) {
        let text = what.to_string();
        self.world
            .with(|state| state.record_text(Some(host), text, |_| what));
    }

    /// Runs until `limit` or, if `to_end`, until all clients are done; and not beyond what `stop` says.
    pub(super) fn proceed(
        &mut self,
        limit: u64,
        to_end: bool,
        stop: &dyn Fn() -> bool,
    ) -> Result<(), (Option<HostId>, Reason)> {
        self.reported = false;
        self.start_new()?;
        loop {
            self.world.sweep();
            self.check_threads()?;
            self.obey()?;
            if stop() {
                return Ok(());
            }
            if to_end && self.clients == 0 && self.runners.iter().any(Runner::is_client) {
                return Ok(());
            }
            self.collect();
            if let Some(at) = self.scheduler.choose(&self.ready) {
                let host = self.ready.swap_remove(at);
                if let Some(behind) = self.scheduler.fell_behind() {
                    self.slow_down(behind);
                }
                self.run_host(host)?;
                continue;
            }
            if let Some(patience) = self.asks_outside() {
                match self.world.woken.wait(patience) {
                    true => continue,
                    false => return Err((None, Reason::Stalled(self.waiting()))),
                }
            }
            let next = self.world.with(|state| state.next_event());
            match next {
                // At the last instant that there is nothing happens any more: no time passes after it.
                Some(at) if at <= limit && at < u64::MAX => {
                    if at > self.world.now.get() {
                        self.turns_now = 0;
                        self.world.advance(at);
                    }
                    self.happen();
                }
                _ if !to_end => {
                    self.turns_now = 0;
                    self.world.advance(limit);
                    return Ok(());
                }
                _ if self.clients == 0 => return Ok(()),
                Some(_) => return Err((None, Reason::TimeLimit(self.waiting()))),
                None => return Err((None, Reason::Stalled(self.waiting()))),
            }
        }
    }

    /// The clients that are not done.
    fn waiting(&self) -> Vec<Arc<str>> {
        let runners = (0..).zip(&self.runners);
        let waiting = runners.filter(|(_, runner)| runner.is_client() && runner.is_running());
        waiting.map(|(id, _)| self.name(id)).collect()
    }

    pub(super) fn start_new(&mut self) -> Result<(), (Option<HostId>, Reason)> {
        while self.started < self.runners.len() {
            let id = self.started as HostId;
            self.started += 1;
            self.start(id)?;
        }
        if !core::mem::replace(&mut self.faults_set, true) {
            let (nemesis, given) = (self.nemesis.as_ref(), self.faults.take());
            let hosts = nemesis.map_or_else(Vec::new, |nemesis| self.present(nemesis));
            if let Some(nemesis) = nemesis {
                let able = nemesis.check(&hosts);
                able.map_err(|text| (None, Reason::Test(text)))?;
            }
            let faults = match self.branch.take() {
                Some(branch) => branch.faults(nemesis, given, &hosts),
                None => given.unwrap_or_else(|| {
                    nemesis.map_or_else(Vec::new, |nemesis| nemesis.choose(self.seed(), &hosts))
                }),
            };
            let faults = self.control().named(faults);
            let faults = faults.map_err(|text| (None, Reason::Test(text)))?;
            if let Some(probe) = &self.probe {
                probe.with(|probed| {
                    probed.faults.clone_from(&faults);
                    probed.ran = true;
                });
            }
            self.world.with(|state| {
                for (number, fault) in faults.iter().enumerate() {
                    state.schedule_fault(number, fault);
                }
            });
            self.faults = Some(faults);
        }
        Ok(())
    }

    /// The hosts that are there, as a nemesis has to know them.
    fn present(&self, nemesis: &Nemesis) -> Vec<Present> {
        let meant = self.world.with(|state| state.matching(nemesis.hosts()));
        let hosts = (0..).zip(&self.runners).map(|(id, runner)| Present {
            name: self.name(id),
            is_client: runner.is_client(),
            is_meant: meant.contains(&id),
        });
        hosts.collect()
    }

    pub(super) fn start(&mut self, id: HostId) -> Result<(), (Option<HostId>, Reason)> {
        self.take_turn(id)?;
        let seed = self.scheduler.seed();
        match self.runners[id as usize].start(seed) {
            Ok(false) => return Ok(()),
            Ok(true) => {}
            // Its program's own: what makes it has panicked.
            Err(Reason::Panic(message)) => {
                self.record(id, What::Started);
                return self.end(id, Err(Failed::panic(message)));
            }
            Err(reason) => return Err((Some(id), reason)),
        }
        self.record(id, What::Started);
        self.make_ready(id);
        Ok(())
    }

    pub(super) fn make_ready(&mut self, id: HostId) {
        let runner = &mut self.runners[id as usize];
        if !runner.ready && !runner.is_held() && runner.is_running() {
            runner.ready = true;
            self.ready.push(id);
        }
    }

    /// Does what the program of a host has done up to now, unless that is stopped.
    pub(super) fn let_out(&self, id: HostId) {
        if !self.runners[id as usize].paused {
            self.world.let_out(id);
        }
    }

    /// Takes those that were woken into the list of those to be run.
    fn collect(&mut self) {
        let mut woken = core::mem::take(&mut self.woken);
        self.world.woken.drain(&mut woken);
        for id in woken.drain(..) {
            let runner = &mut self.runners[id as usize];
            // A paused host is run when it goes on, whoever has woken it.
            runner.waker.unlist();
            self.make_ready(id);
        }
        self.woken = woken;
    }

    /// Fails if another thread has woken a task.
    fn check_threads(&self) -> Result<(), (Option<HostId>, Reason)> {
        let Some((host, thread)) = self.world.woken.foreign() else {
            return Ok(());
        };
        let (tasks, thread) = (self.runners[*host as usize].tasks(true), thread.clone());
        Err((Some(*host), Reason::ForeignThread { tasks, thread }))
    }

    /// Counts what a host does while no time passes.
    fn take_turn(&mut self, id: HostId) -> Result<(), (Option<HostId>, Reason)> {
        self.turns_now += 1;
        match self.turns_now > self.world.settings.turns_limit {
            true => Err((Some(id), Reason::Livelock)),
            false => Ok(()),
        }
    }

    fn run_host(&mut self, id: HostId) -> Result<(), (Option<HostId>, Reason)> {
        let runner = &mut self.runners[id as usize];
        runner.ready = false;
        if runner.is_held() || !runner.is_running() {
            return Ok(());
        }
        self.turns += 1;
        self.take_turn(id)?;
        let runner = &mut self.runners[id as usize];
        let turned = runner.turn();
        let turn = runner.turns;
        let timer = match turned {
            Turn::Next(Deadline::At(at)) => Some(at.as_nanos()),
            _ => None,
        };
        self.world.with(|state| {
            state.record(Some(id), &[turn, timer.unwrap_or(0)], |_| What::Ran {
                turn,
                timer: timer.map(Duration::from_nanos),
            });
        });
        match turned {
            Turn::Next(Deadline::Now) => self.make_ready(id),
            Turn::Next(Deadline::Never) => {}
            Turn::Next(Deadline::At(_)) => self.set_timer(id, timer.unwrap_or(u64::MAX)),
            Turn::Failed(reason) => return Err((Some(id), reason)),
            Turn::Ended(outcome) => return self.end(id, outcome),
        }
        Ok(())
    }

    /// From now on all that is left to chance is by another seed.
    pub(super) fn reseed(&mut self, seed: u64) {
        self.scheduler.reseed(seed);
        for runner in &self.runners {
            runner.reseed(self.scheduler.seed());
        }
        self.world.with(|state| state.reseed(seed));
    }

    fn slow_down(&mut self, id: HostId) {
        self.world.with(|state| {
            let hosts = state.hosts.len();
            state.slowness.resize(hosts, 1);
            state.slowness[id as usize] = super::schedule::SLOW;
        });
    }

    fn set_timer(&mut self, id: HostId, local: u64) {
        if local == u64::MAX {
            return;
        }
        let world = &self.world;
        let at = world.with(|state| state.hosts[id as usize].clock.global(local));
        let timer = &mut self.runners[id as usize].timer;
        // One that is due before is left: when it is, the host is looked at anyway.
        if timer.0.is_none_or(|set| at < set) {
            *timer = (Some(at), timer.1 + 1);
            let number = timer.1;
            world.with(|state| state.schedule(at, Happening::Timer(id, number)));
        }
    }

    /// The next event, whose time it is.
    fn happen(&mut self) {
        let Some(event) = self.world.with(|state| state.take_event()) else {
            return;
        };
        let woken = match event {
            Happening::Arrival(packet) => {
                let [woken, freed] = self.world.with(|state| state.arrive(packet));
                freed.wake();
                woken
            }
            Happening::Resend(boots, packet) => {
                self.world.with(|state| {
                    if state.hosts[packet.from as usize].boots == boots {
                        state.start(*packet);
                    }
                });
                return;
            }
            Happening::Timer(id, number) => {
                let timer = &mut self.runners[id as usize].timer;
                if timer.1 == number {
                    timer.0 = None;
                    self.make_ready(id);
                }
                return;
            }
            #[cfg(unix)]
            Happening::Ring(id, ring) => return ring.happen(&self.world, id),
            Happening::Outbox(id) => return self.let_out(id),
            Happening::Look(id) => {
                // What it has done before comes first.
                self.let_out(id);
                self.runners[id as usize].look();
                return self.make_ready(id);
            }
            Happening::ConnectFails(end, error) => self
                .world
                .with(|state| super::tcp::fail_connect(state, end, error)),
            Happening::TimedOut(end) => self
                .world
                .with(|state| super::tcp::fail(state, end, Error::TimedOut)),
            Happening::KeepAlive(end, plan) => self
                .world
                .with(|state| super::keepalive::look(state, end, plan)),
            Happening::Persist(end) => self
                .world
                .with(|state| super::tcp::persist::ask(state, end)),
            Happening::FreePort(host, boot, port, remote) => {
                self.world.with(|state| {
                    let host = &mut state.hosts[host as usize];
                    if host.boots == boot {
                        host.ports.remove(&(port, remote.into()));
                    }
                });
                return;
            }
            Happening::Command(command) => {
                self.world.with(|state| state.commands.push_back(command));
                return;
            }
        };
        woken.wake();
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        // A test that fails in the middle has no report.
        if self.probe.is_some() && !self.reported {
            self.report();
        }
        // Those of a search are told by that.
        if self.nemesis.is_some()
            && self.probe.is_none()
            && self.world.fate.went_well.get() == Some(true)
        {
            Late::of(self.elapsed(), self.faults(), &self.missed()).alone();
        }
        let footprint = self.world.with(|state| state.footprint.take());
        if let (Some(probe), Some(footprint)) = (&self.probe, footprint) {
            let ends = self.nemesis.as_ref().map_or(u64::MAX, Nemesis::ends);
            probe.with(|probed| {
                probed.features = footprint.into_features();
                probed.end = ends.min(self.world.now.get());
            });
        }
        self.end_all();
    }
}

impl fmt::Debug for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulation")
            .field("seed", &self.seed())
            .field("elapsed", &self.elapsed())
            .field("hosts", &self.runners.len())
            .finish_non_exhaustive()
    }
}
