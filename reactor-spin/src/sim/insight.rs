//! What a test asks about hosts while they run, and gives them to do.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::future::{Future, pending};

use polliwog_core::executor::TaskInfo;
use polliwog_core::sync::local::oneshot;
use polliwog_core::task::{AbortHandle, JoinHandle};

use super::control::Control;
use super::failure::Outcome;
use super::runner::{Origin, Software};
use super::tcp::End;
use super::world::{HostId, World};

impl Control {
    /// Adds a host, as [`Simulation::host`](super::Simulation::host) does; during a run, too, where it starts at once. A
    /// [`Nemesis`](super::Nemesis) chooses among those that are there when the run begins.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::net::{TcpListener, TcpStream};
    /// use polliwog::sim::{self, Simulation};
    ///
    /// async fn node() -> Result<(), polliwog::Error> {
    ///     let listener = TcpListener::bind("0.0.0.0:80").await?;
    ///     loop {
    ///         listener.accept().await?;
    ///     }
    /// }
    ///
    /// let mut simulation = Simulation::new(7);
    /// simulation.client("scaler", async {
    ///     for name in ["node-1", "node-2"] {
    ///         sim::control().host(name, node);
    ///         while TcpStream::connect((name, 80)).await.is_err() {}
    ///     }
    /// });
    /// simulation.run().unwrap();
    /// ```
    ///
    /// # Panics
    ///
    /// If there is a host with that name.
    #[track_caller]
    pub fn host<F>(&self, name: &str, software: impl FnMut() -> F + 'static)
    where
        F: Future<Output: Outcome> + 'static,
    {
        self.add(name, Software::host(software), Origin::of::<F>());
    }

    /// Adds a client, as [`Simulation::client`](super::Simulation::client) does; during a run, too, which waits for it then.
    ///
    /// # Panics
    ///
    /// If there is a host with that name.
    #[track_caller]
    pub fn client<F>(&self, name: &str, program: F)
    where
        F: Future<Output: Outcome> + 'static,
    {
        self.add(name, Software::client(program), Origin::of::<F>());
    }

    #[track_caller]
    fn add(&self, name: &str, software: Software, origin: Origin) {
        let name = String::from(name);
        self.world.try_act(move |world| {
            let id = world.add_host(&name, software.is_client())?;
            let mut newcomers = world.newcomers.borrow_mut();
            newcomers.push((id, software, origin));
            Ok(())
        });
    }

    /// How many connections by TCP these hosts have open, those included that they have not accepted yet. One that
    /// both sides have closed does not count, nor one whose connect is still going on or has failed.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::net::{TcpListener, TcpStream};
    /// use polliwog::sim::{self, Simulation};
    ///
    /// let mut simulation = Simulation::new(7);
    /// simulation.host("server", || async {
    ///     let _listener = TcpListener::bind("0.0.0.0:80").await?;
    ///     std::future::pending::<Result<(), polliwog::Error>>().await
    /// });
    /// simulation.client("client", async {
    ///     let _stream = TcpStream::connect("server:80").await?;
    ///     assert_eq!(sim::control().connections("server"), 1);
    ///     Ok::<(), polliwog::Error>(())
    /// });
    /// simulation.run().unwrap();
    /// ```
    ///
    /// # Panics
    ///
    /// If no host has such a name.
    #[track_caller]
    pub fn connections(&self, hosts: &str) -> usize {
        let hosts = self.hosts(hosts).into_iter();
        self.world.with(|state| {
            let ends = hosts.flat_map(|id| &state.hosts[id as usize].ends);
            let ends = ends.filter_map(|key| state.ends.get(*key));
            ends.filter(|end| End::is_in_use(end)).count()
        })
    }

    /// How many messages have been sent until now, those that got lost included: as
    /// [`Report::messages`](super::Report::messages) at the end.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim;
    /// use polliwog::time::sleep;
    /// use std::time::Duration;
    ///
    /// async fn is_quiet() -> bool {
    ///     let before = sim::control().messages();
    ///     sleep(Duration::from_secs(10)).await;
    ///     sim::control().messages() == before
    /// }
    /// ```
    pub fn messages(&self) -> u64 {
        self.world.with(|state| state.messages)
    }

    /// The tasks of these hosts, their programs included, with names, states and how often they were polled; none of
    /// hosts that do not run.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::{self, Simulation};
    ///
    /// let mut simulation = Simulation::new(7);
    /// simulation.client("frog", async {
    ///     let task = polliwog::spawn(std::future::pending::<()>()).unwrap();
    ///     assert_eq!(sim::control().tasks("frog").len(), 2);
    /// });
    /// simulation.run().unwrap();
    /// ```
    ///
    /// # Panics
    ///
    /// If no host has such a name.
    #[track_caller]
    pub fn tasks(&self, hosts: &str) -> Vec<TaskInfo> {
        let hosts = self.hosts(hosts).into_iter();
        let of = |id| self.world.with(|state| state.hosts[id as usize].spawner);
        hosts
            .filter_map(of)
            .flat_map(|spawner| spawner.tasks())
            .filter(|task| !self.world.unbegun.borrow().contains(&task.id))
            .collect()
    }

    /// Gives a host that runs a further task, which is there until it, the host's program or the host comes to its end.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::{self, Simulation};
    ///
    /// let mut simulation = Simulation::new(7);
    /// simulation.host("pond", || async {
    ///     sim::fs::write("frog", b"quak").await?;
    ///     std::future::pending::<std::io::Result<()>>().await
    /// });
    /// simulation.client("test", async {
    ///     polliwog::time::sleep_millis(10).await;
    ///     let look = sim::control().spawn("pond", async { sim::fs::read("frog").await.unwrap() });
    ///     assert_eq!(look.await.unwrap(), b"quak");
    /// });
    /// simulation.run().unwrap();
    /// ```
    ///
    /// # Panics
    ///
    /// If no host has that name, or it does not run, or has no room for a task
    /// ([`Builder::max_tasks`](super::Builder::max_tasks)).
    ///
    /// For a caller that has waited by blocking, which [does so later](Self::crash), that is if the host does not run now; the task
    /// begins then, in the process that runs now.
    #[track_caller]
    pub fn spawn<F>(&self, host: &str, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
    {
        let id = self.the_host(host);
        let spawner = self.world.with(|state| state.hosts[id as usize].spawner);
        let Some(spawner) = spawner else {
            panic!("{host} does not run");
        };
        let no_room = |error| format!("a task for {host}: {error}");
        if self.world.acts_now() {
            let task = spawner.spawn(future);
            // An executor is not rung for what its own thread spawns.
            self.world.with(|state| state.woken_by_hand(id));
            return match task {
                Ok(task) => task,
                Err(error) => panic!("{}", no_room(error)),
            };
        }
        // Its handle is wanted now, so it is there, and waits; for ever, if a process that is gone asks for it.
        let (begin, begins) = oneshot::channel();
        let task = spawner.spawn(async move {
            match begins.await {
                Ok(()) => future.await,
                // It is aborted.
                Err(_) => pending().await,
            }
        });
        let task = match task {
            Ok(task) => task,
            Err(error) => panic!("{}", no_room(error)),
        };
        let unbegun = Unbegun::new(&self.world, id, task.abort_handle(), begin);
        self.world.act(move |_| unbegun.begin());
        task
    }
}

/// A task that was given to a host by somebody who is ahead: it waits for that instant, unlisted, and never begins if this is
/// dropped before.
struct Unbegun {
    world: Rc<World>,
    host: HostId,
    task: AbortHandle,
    begin: Option<oneshot::Sender<()>>,
}

impl Unbegun {
    fn new(world: &Rc<World>, host: HostId, task: AbortHandle, begin: oneshot::Sender<()>) -> Self {
        world.unbegun.borrow_mut().push(task.id());
        Self {
            world: world.clone(),
            host,
            task,
            begin: Some(begin),
        }
    }

    fn begin(mut self) {
        let mut unbegun = self.world.unbegun.borrow_mut();
        unbegun.retain(|task| *task != self.task.id());
        drop(unbegun);
        if let Some(begin) = self.begin.take() {
            // Of a host that is gone meanwhile nobody waits.
            let _ = begin.send(());
        }
    }
}

impl Drop for Unbegun {
    fn drop(&mut self) {
        if self.begin.take().is_some() {
            // It is never listed, not even until its executor drops it.
            self.task.abort();
        }
        // An executor is not rung for what its own thread does.
        self.world.with(|state| state.woken_by_hand(self.host));
    }
}
