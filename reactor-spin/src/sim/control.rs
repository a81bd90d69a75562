//! [`Control`]: faults, by hand, while a simulation runs.

use alloc::format;
use alloc::rc::Rc;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use super::command::Command;
use super::link::Link;
use super::packet::{InFlight, Packet};
use super::rng::nanos;
use super::world::{Happening, HostId, State, World};

/// The faults of a simulation, to be caused by hand while it runs: by the program of a client
/// ([`control`](super::control)) or around the run ([`Simulation::control`](super::Simulation::control)).
///
/// Hosts are named by their names; a `*` stands for any text, so `"node-*"` is all nodes and `"*"` is everybody,
/// clients included. A `|` is between patterns that are all meant: `"node-1|node-2"`. An address stands for the host that
/// has it.
///
/// A client is the test itself, and one that is gone or stands still asserts nothing. So what ends, starts or stops processes
/// ([`crash`](Self::crash), [`kill`](Self::kill), [`restart`](Self::restart), [`pause`](Self::pause), [`resume`](Self::resume),
/// [`signal`](Self::signal)) means of clients only those that are named: `restart("*")` starts all hosts again and leaves the client
/// alone that calls it, `crash("client")` and `crash("node-*|client")` crash the client. In a schedule ([`Fault`](super::Fault)) it
/// is the same for crashes, kills and terminations; pauses end there, and are for clients, too.
///
/// What begins and ends with a `/` is a regular expression, of the syntax of the crate
/// [`regex-lite`](https://docs.rs/regex-lite/latest/regex_lite/#syntax): `"/^node-[0-9]+$/"` is each host with such a name, and
/// without `^` and `$` a part of the name is enough. One that is wrong is a panic where it is given. A `/` elsewhere is a
/// letter as any other, so `"zone-a/node-1"` is a name, and a host whose name begins and ends with one is meant by an expression only.
///
/// A pattern that means nobody is a panic, here and wherever else hosts are meant.
///
/// Of two patterns, for what is between hosts, `"*"` is all others: `partition("reader|node-1", "*")` parts these two from the rest,
/// and not from each other, and so does any second pattern that means hosts of the first one, too. Only the same pattern twice,
/// `partition("node-*", "node-*")`, means each of them and each other one. If nothing is left it is a panic, too.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
/// use polliwog::net::TcpStream;
/// use polliwog::sim::{self, Simulation};
/// use polliwog::time::{sleep, timeout};
/// use std::time::Duration;
///
/// let mut simulation = Simulation::new(7);
/// # use polliwog::net::TcpListener;
/// simulation.host("server", || async {
///     let listener = TcpListener::bind("0.0.0.0:80").await.unwrap();
///     loop {
///         let _ = listener.accept().await;
///     }
/// });
/// simulation.client("client", async {
///     sim::control().partition("client", "server");
///     let connecting = TcpStream::connect("server:80");
///     assert!(timeout(Duration::from_secs(1), connecting).await.is_err());
///     sim::control().repair("client", "server");
///     assert!(TcpStream::connect("server:80").await.is_ok());
/// });
/// simulation.run().unwrap();
/// ```
#[derive(Clone)]
pub struct Control {
    pub(crate) world: Rc<World>,
}

impl Control {
    /// Takes the power from hosts: their tasks are dropped, at whatever await they are, nothing is sent any
    /// more, and of their files remains what was safe. Connections are not closed; the peers find out by
    /// silence, or when the host is there again and knows nothing of them.
    ///
    /// It happens as soon as the task that calls this is polled no longer, before anything else runs. If the task has waited by
    /// blocking, as in [`sim::std::fs`](super::std::fs), it happens at the end of that wait, as do all changes here: new hosts and
    /// tasks, addresses, names, filters, barriers, and what is put on a disk. Until then nobody finds anything changed, the caller
    /// neither; hosts are those that a pattern means then; what would be a panic fails the run then, with
    /// [`Reason::Test`](super::Reason::Test); and an end of the caller's process before that leaves nothing of it.
    ///
    /// For a client nobody waits any more: a run whose clients were all crashed goes well, and
    /// [`Report::failed`](super::Report::failed) names those that were not done; so it is with [`kill`](Self::kill).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Control;
    ///
    /// fn power_cut(control: &Control) {
    ///     control.crash("node-*");
    ///     control.restart("node-*");
    /// }
    /// ```
    ///
    /// # Panics
    ///
    /// If no host has such a name; so do all functions here. If a pattern stands for clients only.
    #[track_caller]
    pub fn crash(&self, hosts: &str) {
        self.command(hosts, Command::Crash);
    }

    /// Kills the processes of hosts: their tasks are dropped, but their system goes on, closes all that they have open,
    /// also what they have leaked, and keeps all that was written to files. What their destructors send, note or write
    /// then is lost.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Control;
    ///
    /// fn deploy(control: &Control) {
    ///     control.kill("server");
    ///     control.restart("server");
    /// }
    /// ```
    #[track_caller]
    pub fn kill(&self, hosts: &str) {
        self.command(hosts, Command::Kill);
    }

    /// Starts the programs of hosts again that have crashed, were killed or have ended. Those that run crash
    /// first. A client's program cannot be started again.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Control;
    ///
    /// fn bring_back(control: &Control) {
    ///     for name in control.names() {
    ///         if !control.is_up(&name) {
    ///             control.restart(&name);
    ///         }
    ///     }
    /// }
    /// ```
    #[track_caller]
    pub fn restart(&self, hosts: &str) {
        self.command(hosts, Command::Start);
    }

    /// Stops the processes of hosts for now; their systems go on.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Control;
    /// use std::time::Duration;
    /// use polliwog::time::sleep;
    ///
    /// // As a long collection of garbage would.
    /// async fn stop_the_world(control: &Control) {
    ///     control.pause("leader");
    ///     sleep(Duration::from_secs(30)).await;
    ///     control.resume("leader");
    /// }
    /// ```
    #[track_caller]
    pub fn pause(&self, hosts: &str) {
        self.command(hosts, Command::Pause);
    }

    /// Lets paused hosts go on.
    #[track_caller]
    pub fn resume(&self, hosts: &str) {
        self.command(hosts, Command::Resume);
    }

    /// Lets nothing pass between these hosts, in either direction, from now on. What is on its way is lost, too.
    #[track_caller]
    pub fn partition(&self, some: &str, others: &str) {
        let text = format!("partition between {some} and {others}");
        self.fault_between((some, others, true), text, |state, pairs| state.cut(pairs));
    }

    /// Lets nothing pass from these hosts to those.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Control;
    ///
    /// // The leader is heard, but hears nobody.
    /// fn deaf(control: &Control) {
    ///     control.partition_one_way("*", "leader");
    /// }
    /// ```
    #[track_caller]
    pub fn partition_one_way(&self, from: &str, to: &str) {
        let text = format!("partition from {from} to {to}");
        self.fault_between((from, to, false), text, |state, pairs| state.cut(pairs));
    }

    /// Ends partitions between these hosts.
    #[track_caller]
    pub fn repair(&self, some: &str, others: &str) {
        let text = format!("no partition between {some} and {others}");
        self.fault_between((some, others, true), text, |state, pairs| {
            for pair in pairs {
                state.links.cut.remove(&pair);
            }
        });
    }

    /// Cuts hosts off from all others, but not from one another.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Control;
    ///
    /// fn alone(control: &Control) {
    ///     control.isolate("node-1");
    /// }
    /// ```
    #[track_caller]
    pub fn isolate(&self, hosts: &str) {
        self.partition(hosts, "*");
    }

    /// Ends all partitions.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Control;
    ///
    /// fn calm(control: &Control) {
    ///     control.repair_all();
    /// }
    /// ```
    pub fn repair_all(&self) {
        self.fault("no partition any more".into(), |state| {
            state.links.cut.clear();
        });
    }

    /// Holds what goes from these hosts to those, until it is released.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Control;
    ///
    /// // What the client says arrives when the server has forgotten it.
    /// fn late(control: &Control) {
    ///     control.hold("client", "server");
    ///     control.crash("server");
    ///     control.restart("server");
    ///     control.release("client", "server");
    /// }
    /// ```
    #[track_caller]
    pub fn hold(&self, from: &str, to: &str) {
        let text = format!("messages from {from} to {to} are held");
        self.fault_between((from, to, false), text, |state, pairs| {
            for pair in pairs {
                state.links.held.entry(pair).or_default();
            }
        });
    }

    /// Sends on, in their order, what was held from these hosts to those.
    #[track_caller]
    pub fn release(&self, from: &str, to: &str) {
        let text = format!("messages from {from} to {to} are released");
        self.fault_between((from, to, false), text, |state, pairs| {
            for pair in pairs {
                for packet in state.links.held.remove(&pair).unwrap_or_default() {
                    state.start(packet);
                }
            }
        });
    }

    /// Sends on, of what is held from these hosts to those, only the message with this number, as in
    /// [`in_flight`](Self::in_flight); `false` if there is none.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Control;
    ///
    /// // The last message first.
    /// fn overtake(control: &Control) {
    ///     if let Some(last) = control.in_flight().last() {
    ///         control.release_one(last.message);
    ///     }
    /// }
    /// ```
    pub fn release_one(&self, message: u64) -> bool {
        let is_held = self.world.with(|state| {
            let mut held = state.links.held.values().flatten();
            held.any(|packet| packet.number == message)
        });
        if is_held {
            self.change(move |state| {
                state.release_one(message);
                Ok(())
            });
        }
        is_held
    }

    /// Sets how messages fare between these hosts, in both directions, from now on.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::{Control, Latency, Link};
    /// use std::time::Duration;
    ///
    /// fn a_bad_line(control: &Control) {
    ///     let slow = Latency::fixed(Duration::from_millis(300));
    ///     control.set_link("client", "*", Link::new(slow).loss(0.2));
    /// }
    /// ```
    #[track_caller]
    pub fn set_link(&self, some: &str, others: &str, link: Link) {
        self.set_link_one_way(some, others, link.clone());
        self.set_link_one_way(others, some, link);
    }

    /// Sets how messages fare from these hosts to those.
    #[track_caller]
    pub fn set_link_one_way(&self, from: &str, to: &str, link: Link) {
        let text = format!("from {from} to {to}: {link:?}");
        if from == "*" && to == "*" {
            // One for all, whatever their number.
            return self.fault(text, |state| {
                state.links.special.clear();
                state.links.default = link;
            });
        }
        self.fault_between((from, to, false), text, move |state, pairs| {
            let pairs = pairs.into_iter().map(|pair| (pair, link.clone()));
            state.links.special.extend(pairs);
        });
    }

    /// Lets the clocks of hosts go wrong: by so many millionths too fast, or too slow if negative, which shows in
    /// their timers, too.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Control;
    ///
    /// // Ten seconds a day too fast.
    /// fn drift(control: &Control) {
    ///     control.set_drift("node-2", 116);
    /// }
    /// ```
    #[track_caller]
    pub fn set_drift(&self, hosts: &str, millionths: i32) {
        let text = format!("the clock of {hosts} drifts by {millionths} ppm");
        self.fault_on(hosts, text, move |state, host| {
            state.hosts[host as usize].clock.set_ppm(millionths);
            state.woken_by_hand(host);
        });
    }

    /// Sets the wall clocks of hosts forward. Timers do not notice: see [`system_time`](super::system_time).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Control;
    /// use std::time::Duration;
    ///
    /// fn leap(control: &Control) {
    ///     control.clock_forward("node-2", Duration::from_secs(3600));
    /// }
    /// ```
    #[track_caller]
    pub fn clock_forward(&self, hosts: &str, by: Duration) {
        self.jump(hosts, i64::try_from(nanos(by)).unwrap_or(i64::MAX));
    }

    /// Sets the wall clocks of hosts back.
    #[track_caller]
    pub fn clock_back(&self, hosts: &str, by: Duration) {
        self.jump(hosts, -i64::try_from(nanos(by)).unwrap_or(i64::MAX));
    }

    #[track_caller]
    fn jump(&self, hosts: &str, by: i64) {
        let text = format!("the wall clock of {hosts} jumps by {by} ns");
        self.fault_on(hosts, text, move |state, host| {
            let wall = &state.hosts[host as usize].clock.wall;
            wall.set(wall.get().saturating_add(by));
        });
    }

    /// Sets how many bytes there is room for on the disks of hosts.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Control;
    ///
    /// fn nearly_full(control: &Control) {
    ///     control.set_disk_capacity("database", 4096);
    /// }
    /// ```
    #[track_caller]
    pub fn set_disk_capacity(&self, hosts: &str, bytes: u64) {
        let text = format!("the disk of {hosts} has room for {bytes} bytes");
        self.fault_on(hosts, text, move |state, host| {
            state.hosts[host as usize].disk.capacity = bytes;
        });
    }

    /// Sets the probability, from 0 to 1, that an operation of the disks of hosts fails.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Control;
    ///
    /// fn a_worn_disk(control: &Control) {
    ///     control.set_disk_errors("database", 0.01);
    /// }
    /// ```
    #[track_caller]
    pub fn set_disk_errors(&self, hosts: &str, probability: f64) {
        let text = format!("the disk of {hosts} fails by {probability}");
        self.fault_on(hosts, text, move |state, host| {
            state.hosts[host as usize].disk.errors = probability;
        });
    }

    /// Sets the probability, from 0 to 1, that a read of the disks of hosts gives less than there is, as the system is free
    /// to.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Control;
    ///
    /// fn whoever_takes_one_read_for_all(control: &Control) {
    ///     control.set_disk_short_reads("database", 0.1);
    /// }
    /// ```
    #[track_caller]
    pub fn set_disk_short_reads(&self, hosts: &str, probability: f64) {
        let text = format!("reads of the disk of {hosts} are short by {probability}");
        self.fault_on(hosts, text, move |state, host| {
            state.hosts[host as usize].disk.short_reads = probability;
        });
    }

    /// Sets the probability, from 0 to 1, that a read of the disks of hosts has a wrong bit; the next read may be right.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Control;
    ///
    /// fn whoever_has_no_checksums(control: &Control) {
    ///     control.set_disk_corruption("database", 0.001);
    /// }
    /// ```
    #[track_caller]
    pub fn set_disk_corruption(&self, hosts: &str, probability: f64) {
        let text = format!("reads of the disk of {hosts} are wrong by {probability}");
        self.fault_on(hosts, text, move |state, host| {
            state.hosts[host as usize].disk.wrong_reads = probability;
        });
    }

    /// The names of all hosts, in the order in which they were added.
    pub fn names(&self) -> Vec<Arc<str>> {
        self.world
            .with(|state| state.hosts.iter().map(|host| host.name.clone()).collect())
    }

    /// Whether a host's program runs, be it paused.
    #[track_caller]
    pub fn is_up(&self, host: &str) -> bool {
        self.hosts(host)
            .iter()
            .all(|host| self.world.with(|state| state.hosts[*host as usize].running))
    }

    /// The messages that are on their way, in the order in which they arrive, and at last those that are held.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Control;
    ///
    /// fn list(control: &Control) {
    ///     for message in control.in_flight() {
    ///         println!("{message:?}");
    ///     }
    /// }
    /// ```
    pub fn in_flight(&self) -> Vec<InFlight> {
        self.world.with(|state| {
            let mut flying: Vec<(u64, &Packet)> = state.in_flight().collect();
            flying.sort_by_key(|(at, packet)| (*at, packet.number));
            let flying = flying
                .into_iter()
                .map(|(at, packet)| InFlight::of(state, packet, Some(at)));
            let held = state.links.held.values().flatten();
            let mut held: Vec<_> = held
                .map(|packet| InFlight::of(state, packet, None))
                .collect();
            held.sort_by_key(|message| message.message);
            flying.chain(held).collect()
        })
    }

    /// The virtual time since the start, by no host's clock. For a program that has waited by blocking, as in
    /// [`sim::std::fs`](super::std::fs), it is the time at which that wait ends.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Control;
    /// use std::time::Duration;
    ///
    /// fn is_warm(control: &Control) -> bool {
    ///     control.elapsed() > Duration::from_secs(60)
    /// }
    /// ```
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.world.instant())
    }
}

impl State {
    /// Lets a host be run, so that it looks at its clock again.
    pub(crate) fn woken_by_hand(&mut self, host: HostId) {
        self.schedule(self.now, Happening::Look(host));
    }

    /// Sends on a message that is held.
    fn release_one(&mut self, message: u64) {
        let mut held = self.links.held.values_mut();
        let found = held.find_map(|held| {
            let at = held.iter().position(|packet| packet.number == message)?;
            Some(held.remove(at))
        });
        let Some(packet) = found else { return };
        let pair = (packet.from, packet.to);
        let held = self.links.held.remove(&pair);
        self.start(packet);
        self.links.held.extend(held.map(|held| (pair, held)));
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control")
            .field("elapsed", &self.elapsed())
            .finish_non_exhaustive()
    }
}
