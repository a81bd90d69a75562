//! [`Runner`]: a host's program and the executor that runs it.

use alloc::boxed::Box;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::type_name;
use core::future::Future;
use core::panic::{AssertUnwindSafe, Location};
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::panic::catch_unwind;

use polliwog_core::executor::TaskState;
use polliwog_core::sources::Wakeups;
use polliwog_core::task::JoinHandle;
use polliwog_core::{Deadline, Executor, JoinError};

use super::clock::{HostClock, HostReactor, HostWaker};
use super::listener::Listener;
use super::net::Net;
use super::panics::{self, TaskPanic};
use super::signal::Signals;
use super::simulator::ProcessEnd;
use super::span::{Entered, HostSpan};
use super::trace::What;
use super::world::{Happening, HostId, World};
use super::{Outcome, Reason, tcp, udp};
use crate::net::{CurrentNetwork, Network};

pub(crate) type Program = Pin<Box<dyn Future<Output = Result<(), String>>>>;

/// Where a host's program comes from.
pub(crate) enum Software {
    Host(Box<dyn FnMut() -> Program>),
    /// Runs once.
    Client(Option<Program>),
}

impl Software {
    pub(crate) fn host<F>(mut software: impl FnMut() -> F + 'static) -> Self
    where
        F: Future<Output: Outcome> + 'static,
    {
        Self::Host(Box::new(move || {
            let program = software();
            Box::pin(async move { program.await.into_result() })
        }))
    }

    pub(crate) fn is_client(&self) -> bool {
        matches!(self, Self::Client(_))
    }

    pub(crate) fn client<F>(program: F) -> Self
    where
        F: Future<Output: Outcome> + 'static,
    {
        Self::Client(Some(Box::pin(async move { program.await.into_result() })))
    }
}

/// Where a host's program was given to the simulation, and of which type it is.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    place: &'static Location<'static>,
    type_name: &'static str,
}

impl Origin {
    #[track_caller]
    pub(crate) fn of<F>() -> Self {
        Self {
            place: Location::caller(),
            type_name: type_name::<F>(),
        }
    }
}

pub(crate) struct Runner {
    id: HostId,
    origin: Origin,
    world: Rc<World>,
    place: Place,
    software: Software,
    process: Option<Process>,
    pub(crate) waker: Arc<HostWaker>,
    /// In the list of those that are to be run.
    pub(crate) ready: bool,
    pub(crate) paused: bool,
    clock: Rc<HostClock>,
    /// When the timer that has been set last is due, and its number.
    pub(crate) timer: (Option<u64>, u64),
    pub(crate) turns: u64,
}

/// Where the code of a host runs.
struct Place {
    network: Network,
    span: HostSpan,
}

impl Place {
    /// The guards are dropped in this order: a subscriber that is told of the span is on the host, too.
    fn enter(&self) -> (Entered<'_>, CurrentNetwork) {
        let network = self.network.set_current();
        (self.span.enter(), network)
    }

    /// A process is to be started.
    fn begin(&self, name: &str) {
        let _on_host = self.network.set_current();
        self.span.begin(name);
    }

    /// The process is gone.
    fn end(&self) {
        let _on_host = self.network.set_current();
        self.span.end();
    }
}

/// What a crash ends.
struct Process {
    executor: Executor<HostReactor>,
    root: JoinHandle<Result<(), String>>,
}

/// What has come of a turn.
pub(crate) enum Turn {
    /// The host wants to run again then; by its own clock.
    Next(Deadline),
    /// Its program has come to an end.
    Ended(Result<(), Failed>),
    Failed(Reason),
}

/// How a program has failed.
pub(crate) struct Failed {
    pub(crate) reason: Reason,
    /// What its error or its panic itself says.
    pub(crate) message: String,
}

impl Failed {
    pub(crate) fn error(message: String) -> Self {
        let reason = Reason::Error(message.clone());
        Self { reason, message }
    }

    pub(crate) fn panic(message: String) -> Self {
        let reason = Reason::Panic(message.clone());
        Self { reason, message }
    }
}

impl Runner {
    pub(crate) fn new(world: &Rc<World>, id: HostId, software: Software, origin: Origin) -> Self {
        let net = Net {
            world: world.clone(),
            host: id,
        };
        Self {
            id,
            origin,
            world: world.clone(),
            place: Place {
                network: Network::from_sim(net),
                span: HostSpan::new(),
            },
            software,
            process: None,
            waker: HostWaker::new(world.woken.clone(), id),
            ready: false,
            paused: false,
            clock: world.with(|state| state.hosts[id as usize].clock.clone()),
            timer: (None, 0),
            turns: 0,
        }
    }

    pub(crate) fn is_client(&self) -> bool {
        self.software.is_client()
    }

    /// Whether it does nothing for now, whoever has woken it.
    pub(crate) fn is_held(&self) -> bool {
        self.paused || self.clock.busy_until.get() > 0
    }

    /// Holds it no longer if it has waited long enough.
    pub(crate) fn look(&self) {
        if self.world.now.get() >= self.clock.busy_until.get() {
            self.clock.busy_until.set(0);
        }
    }

    /// Holds the host for as long as its program has waited by blocking. `false`: it has not.
    fn catch_up(&mut self) -> bool {
        let ahead = self.clock.ahead.take();
        if ahead == 0 {
            return false;
        }
        let until = self.world.now.get().saturating_add(ahead);
        self.clock.busy_until.set(until);
        self.world
            .with(|state| state.schedule(until, Happening::Look(self.id)));
        true
    }

    pub(crate) fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// Starts the program. `false`: there is none that could be started (again).
    pub(crate) fn start(&mut self, schedule_seed: u64) -> Result<bool, Reason> {
        let world = &self.world;
        let reactor = HostReactor {
            clock: self.clock.clone(),
            waker: Waker::from(self.waker.clone()),
        };
        let make: Box<dyn FnOnce() -> Program> = match &mut self.software {
            Software::Client(program) => match program.take() {
                Some(program) => Box::new(|| program),
                None => return Ok(false),
            },
            Software::Host(make) => Box::new(make),
        };
        let name = world.with(|state| {
            let host = &mut state.hosts[self.id as usize];
            host.up = true;
            host.changes += 1;
            host.refused = false;
            host.begin_locals();
            host.name.clone()
        });
        let executor = Executor::secluded(world.settings.max_tasks, reactor);
        executor.set_schedule_seed(schedule_seed | 1);
        self.place.begin(&name);
        let entered = self.place.enter();
        // The closure runs where its future will.
        let made = catch_unwind(AssertUnwindSafe(|| {
            executor.enter(|| {
                world.tell_simulators(self.id, |simulator, host| simulator.starts(host));
                make()
            })
        }));
        let program = match made {
            Ok(program) => program,
            Err(panic) => {
                // What it has left is dropped where it was made.
                drop(entered);
                self.drop_on_host(executor);
                self.clock.ahead.set(0);
                return Err(Reason::Panic(super::failure::panic_text(&*panic)));
            }
        };
        let spawner = executor.spawner();
        let root = spawner.spawn(program);
        drop(entered);
        let root = match root {
            Ok(root) => root,
            Err(error) => {
                self.drop_on_host(executor);
                return Err(Reason::Executor(error.to_string()));
            }
        };
        self.process = Some(Process { executor, root });
        self.world.with(|state| {
            let host = &mut state.hosts[self.id as usize];
            host.running = true;
            host.spawner = Some(spawner);
        });
        self.catch_up();
        Ok(true)
    }

    /// Another order of tasks from now on.
    pub(crate) fn reseed(&self, schedule_seed: u64) {
        if let Some(process) = &self.process {
            process.executor.set_schedule_seed(schedule_seed | 1);
        }
    }

    /// The tasks, or those that are to be polled only, as a reader finds them in the program.
    pub(crate) fn tasks(&self, woken: bool) -> Vec<String> {
        let Some(process) = &self.process else {
            return Vec::new();
        };
        let tasks = process.executor.tasks();
        let tasks = tasks.filter(|task| !woken || task.state == TaskState::Ready);
        let root = process.root.id();
        let text = |task: polliwog_core::executor::TaskInfo| match task.name {
            Some(name) => name.to_string(),
            None if task.id == root => {
                let Origin { place, type_name } = self.origin;
                format!("{type_name}, given to the simulation at {place}")
            }
            None => task.type_name.to_string(),
        };
        tasks.map(text).collect()
    }

    /// Polls each task that is ready once.
    pub(crate) fn turn(&mut self) -> Turn {
        let Some(process) = &mut self.process else {
            return Turn::Next(Deadline::Never);
        };
        self.turns += 1;
        let entered = self.place.enter();
        let stepped = process.executor.step();
        drop(entered);
        let next = match stepped {
            Ok(next) => next,
            Err(error) => return Turn::Failed(Reason::Executor(error.to_string())),
        };
        // What has come to its end by blocking does so only then.
        if self.catch_up() {
            return Turn::Next(next);
        }
        let Some(process) = &mut self.process else {
            return Turn::Next(next);
        };
        let panicked = self
            .world
            .with(|state| state.hosts[self.id as usize].panicked.take());
        // The first one is the cause of the others.
        let root = process.root.id();
        if let Some(panic) = panicked.filter(|panic| panic.task != root) {
            let TaskPanic { message, place, .. } = panic;
            if self.world.settings.task_panics_end {
                let reason = Reason::Panic(format!(
                    "{message}\n  in {place}\n  (if the program expects panics of its tasks: `Builder::task_panics_end(false)`)"
                ));
                return Turn::Ended(Err(Failed { reason, message }));
            }
            let text = format!("a task has panicked: {message}\n  in {place}");
            self.world
                .with(|state| state.record_text(Some(self.id), text, What::Note));
        }
        if !process.root.is_finished() {
            return Turn::Next(next);
        }
        let mut cx = Context::from_waker(Waker::noop());
        match Pin::new(&mut process.root).poll(&mut cx) {
            Poll::Pending => Turn::Next(next),
            Poll::Ready(Ok(result)) => Turn::Ended(result.map_err(Failed::error)),
            Poll::Ready(Err(JoinError::Panicked(panic))) => {
                Turn::Ended(Err(Failed::panic(panics::message(&panic))))
            }
            Poll::Ready(Err(error)) => Turn::Ended(Err(Failed::error(error.to_string()))),
        }
    }

    /// Drops what belongs to a process. Its rings go before its memory, and those that destructors make go after it: see the
    /// invariants of `io_uring::memory`.
    fn drop_on_host<T>(&self, process: T) {
        let close_rings = || {
            #[cfg(unix)]
            self.world
                .with(|state| state.hosts[self.id as usize].close_rings());
        };
        let _entered = self.place.enter();
        close_rings();
        drop(process);
        close_rings();
    }

    /// Closes what the process has open, as its system does.
    fn close(&self) {
        let woken = self.world.with(|state| state.close_all(self.id));
        woken.into_iter().for_each(Wakeups::wake);
    }

    /// Tells simulators that the host is there.
    pub(crate) fn tell_added(&self) {
        let _entered = self.place.enter();
        self.world
            .tell_simulators(self.id, |simulator, host| simulator.added(host));
    }

    /// Tells simulators that the process is gone.
    fn tell_end(&self, how: ProcessEnd) {
        let _entered = self.place.enter();
        self.world
            .tell_simulators(self.id, |simulator, host| simulator.ends(host, how));
    }

    /// Ends the process, whose program has come to its end.
    pub(crate) fn end(&mut self) {
        self.finish(|this| this.tell_end(ProcessEnd::Ended));
    }

    /// Ends the process from outside: its system closes what it has open, and what its destructors do then is not done.
    pub(crate) fn kill(&mut self) {
        if self.is_running() {
            self.tell_end(ProcessEnd::Killed);
        }
        self.world.forget(self.id);
        self.close();
        self.world
            .with(|state| state.hosts[self.id as usize].killed = true);
        self.finish(|_| {});
    }

    /// Ends the process; the system closes what it leaves open, be it leaked.
    fn finish(&mut self, tell: impl FnOnce(&Self)) {
        self.world.forget(self.id);
        self.world
            .with(|state| state.hosts[self.id as usize].disk.forget());
        if let Some(process) = self.process.take() {
            self.drop_on_host(process);
        }
        self.close();
        let locals = self
            .world
            .with(|state| state.hosts[self.id as usize].locals.take());
        self.drop_on_host(locals);
        tell(self);
        self.place.end();
        self.world.ask_no_more(self.id);
        self.paused = false;
        self.clock.busy_until.set(0);
        self.clock.ahead.set(0);
        let unix = self.world.with(|state| {
            let host = &mut state.hosts[self.id as usize];
            (host.running, host.killed) = (false, false);
            host.changes += 1;
            host.signals = Signals::default();
            host.spawner = None;
            // What destructors panic with at the end ends nothing more.
            host.panicked = None;
            core::mem::take(&mut host.unix)
        });
        drop(unix);
    }

    /// Takes the power away: the process ends, and no other host is told.
    pub(crate) fn crash(&mut self) {
        if self.is_running() {
            self.tell_end(ProcessEnd::Crashed);
        }
        self.power_off();
    }

    fn power_off(&mut self) {
        let gone = self.world.with(|state| {
            let host = &mut state.hosts[self.id as usize];
            host.up = false;
            host.boots += 1;
            let ends = core::mem::take(&mut host.ends);
            let listeners = core::mem::take(&mut host.listeners);
            let sockets = core::mem::take(&mut host.sockets);
            host.ports.clear();
            // What rings have in flight is written to what is there now.
            host.disk.forget();
            #[cfg(unix)]
            host.close_rings();
            host.disk.crash();
            let ends: alloc::vec::Vec<Option<tcp::End>> =
                ends.into_iter().map(|key| state.ends.remove(key)).collect();
            tcp::persist::look_at_all(state);
            let listeners: alloc::vec::Vec<Option<Listener>> = listeners
                .into_values()
                .flatten()
                .map(|key| state.listeners.remove(key))
                .collect();
            let sockets: alloc::vec::Vec<Option<udp::Socket>> = sockets
                .into_values()
                .flatten()
                .map(|key| state.sockets.remove(key))
                .collect();
            (ends, listeners, sockets)
        });
        // Only now: their wakers may be anybody's.
        drop(gone);
        self.finish(|_| {});
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.power_off();
    }
}
