//! [`World`]: all that the hosts of a simulation share, network and disks included.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use alloc::rc::Rc;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::cmp::Reverse;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;

use polliwog_core::Spawner;
use polliwog_core::task::TaskId;

use super::addr::Addr;
use super::buggify::Buggy;
use super::capture::Capture;
use super::clock::{HostClock, Woken};
use super::command::Command;
use super::disk::Disk;
use super::footprint::Footprint;
use super::history::Fate;
#[cfg(unix)]
use super::io_uring::{Rings, SharedRing};
use super::letter::Waste;
use super::link::Link;
use super::listed::Listed;
use super::listener::Listener;
use super::names::Names;
use super::outbox::Outbox;
use super::packet::Packet;
use super::panics::TaskPanic;
use super::rng::Rng;
use super::runner::{Origin, Software};
use super::service::Services;
use super::settings::Settings;
use super::signal::Signals;
use super::simulator::{Locals, Made};
use super::slab::{Key, Rows, Slab};
use super::tcp::End;
use super::trace::{Trace, What};
use super::udp::Socket;
use super::unix::Unix;
use super::weather::Weather;
use crate::Error;

/// The number of a host.
pub(crate) type HostId = u32;

/// What the hosts share. One thread's.
pub(crate) struct World {
    pub(crate) settings: Settings,
    /// Virtual time, in nanoseconds.
    pub(crate) now: Rc<Cell<u64>>,
    pub(crate) woken: Arc<Woken>,
    pub(crate) barriers: Listed,
    pub(crate) filters: Listed,
    /// Tasks that were given to hosts and have not begun.
    pub(crate) unbegun: RefCell<Vec<TaskId>>,
    pub(crate) waste: Rc<Waste>,
    pub(crate) fate: Rc<Fate>,
    /// What of hosts waits for other threads, and for how long at most.
    pub(crate) outside: RefCell<Vec<(HostId, Duration)>>,
    pub(crate) simulators: RefCell<Vec<Made>>,
    /// Hosts that were added and have no runner yet, in the order of their numbers.
    pub(crate) newcomers: RefCell<Vec<(HostId, Software, Origin)>>,
    state: RefCell<State>,
}

/// What changes.
pub(crate) struct State {
    pub(crate) now: u64,
    events: BinaryHeap<Reverse<Event>>,
    happenings: Rows<Happening>,
    /// What decides about the network.
    pub(crate) chance: Rng,
    pub(crate) hosts: Vec<Host>,
    pub(crate) by_name: BTreeMap<Arc<str>, HostId>,
    pub(crate) by_addr: BTreeMap<IpAddr, HostId>,
    pub(crate) names: Names,
    pub(crate) services: Services,
    pub(crate) ends: Slab<End>,
    /// Ends at which somebody waits for the other side's room.
    pub(crate) blocked: BTreeSet<Key>,
    pub(crate) listeners: Slab<Listener>,
    pub(crate) sockets: Slab<Socket>,
    pub(crate) links: Links,
    pub(crate) messages: u64,
    /// Counts calls of endpoints.
    pub(crate) calls: u64,
    pub(crate) trace: Trace,
    /// What has been shown, if a search wants to know.
    pub(crate) footprint: Option<Footprint>,
    /// What was sent, if somebody wants to know.
    pub(crate) capture: Option<Capture>,
    pub(crate) commands: VecDeque<Command>,
    pub(crate) outbox: Outbox,
    pub(crate) settings: Settings,
    /// What the nemesis does to the network.
    pub(crate) weather: Weather,
    /// How many times longer what goes to each host is on its way; empty if nobody's is.
    pub(crate) slowness: Vec<u64>,
}

/// The network, apart from what is in it.
pub(crate) struct Links {
    pub(crate) default: Link,
    pub(crate) special: BTreeMap<(HostId, HostId), Link>,
    /// Where nothing passes.
    pub(crate) cut: BTreeSet<(HostId, HostId)>,
    /// Where everything is held, with what is.
    pub(crate) held: BTreeMap<(HostId, HostId), Vec<Packet>>,
    /// Until when a link with a bandwidth is busy; from a host to itself, when the last datagram arrives.
    pub(crate) busy: BTreeMap<(HostId, HostId), u64>,
}

/// A host, apart from what runs on it.
pub(crate) struct Host {
    pub(crate) name: Arc<str>,
    pub(crate) is_client: bool,
    pub(crate) v4: Ipv4Addr,
    pub(crate) v6: Ipv6Addr,
    /// Whether it has power.
    pub(crate) up: bool,
    /// Whether a program runs on it.
    pub(crate) running: bool,
    /// Whether its process is being killed: what destructors do then nobody would do for real.
    pub(crate) killed: bool,
    /// For further tasks of the program that runs.
    pub(crate) spawner: Option<Spawner>,
    /// The first panic of one of its tasks in this turn.
    pub(crate) panicked: Option<TaskPanic>,
    /// Whether its process was refused what another reactor has.
    pub(crate) refused: bool,
    /// How often it has lost its power.
    pub(crate) boots: u32,
    /// Counts the starts of processes, and their ends, those of none included: whether anybody has cared since.
    pub(crate) changes: u64,
    pub(crate) clock: Rc<HostClock>,
    /// By port, as the sockets are.
    pub(crate) listeners: BTreeMap<u16, Vec<Key>>,
    pub(crate) sockets: BTreeMap<u16, Vec<Key>>,
    /// Ports of connections, each with the other side's address.
    pub(crate) ports: BTreeSet<(u16, SocketAddr)>,
    pub(crate) next_port: u16,
    /// The open connections, for a crash to find.
    pub(crate) ends: BTreeSet<Key>,
    pub(crate) disk: Disk,
    #[cfg(unix)]
    pub(crate) rings: Rings,
    pub(crate) unix: Unix,
    pub(crate) buggy: Buggy,
    pub(crate) signals: Signals,
    /// What its process keeps; none without a process.
    pub(crate) locals: Option<Locals>,
    /// For what happens on the host.
    pub(crate) chance: Rng,
}

/// When something is going to happen: what it is lies elsewhere, since these move about in the heap.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Event {
    at: u64,
    /// Thrown, so that what happens at one instant does so in any order.
    tie: u32,
    /// Where it lies. Decides among those that have thrown the same.
    row: u32,
}

/// What is going to happen.
pub(crate) enum Happening {
    /// A message arrives.
    Arrival(Packet),
    /// A segment is sent again, unless its host has lost its power since, as this number of its boots tells.
    Resend(u32, Box<Packet>),
    /// A host's timer is due, if it is still the one with this number.
    Timer(HostId, u64),
    /// A connect fails by this, if it is still going on.
    ConnectFails(Key, Error),
    /// A connection is given up whose segments do not arrive.
    TimedOut(Key),
    /// A connection is looked after, if that is still the plan with this number.
    KeepAlive(Key, u32),
    /// The other side of a connection is asked for room.
    Persist(Key),
    /// A port may be used again.
    FreePort(HostId, u32, u16, Addr),
    /// What a program has done ahead is done.
    Outbox(HostId),
    /// A host is run, whether or not somebody has woken it.
    Look(HostId),
    /// Something may complete in a ring of a host.
    #[cfg(unix)]
    Ring(HostId, Arc<SharedRing>),
    /// A fault begins or ends.
    Command(Command),
}

impl World {
    pub(crate) fn new(settings: Settings) -> Rc<Self> {
        let now = Rc::new(Cell::new(0));
        let state = State {
            now: 0,
            events: BinaryHeap::new(),
            happenings: Rows::new(),
            chance: Rng::new(settings.seed, 1),
            hosts: Vec::new(),
            by_name: BTreeMap::new(),
            by_addr: BTreeMap::new(),
            names: Names::new(),
            services: Services::default(),
            ends: Slab::new(),
            blocked: BTreeSet::new(),
            listeners: Slab::new(),
            sockets: Slab::new(),
            links: Links {
                default: settings.link.clone(),
                special: BTreeMap::new(),
                cut: BTreeSet::new(),
                held: BTreeMap::new(),
                busy: BTreeMap::new(),
            },
            messages: 0,
            calls: 0,
            trace: Trace::new(settings.trace),
            footprint: None,
            capture: settings.capture.then(Capture::new),
            commands: VecDeque::new(),
            outbox: Outbox::default(),
            settings: settings.clone(),
            weather: Weather::default(),
            slowness: Vec::new(),
        };
        Rc::new(Self {
            settings,
            now,
            woken: Arc::new(Woken::new()),
            barriers: Listed::default(),
            filters: Listed::default(),
            unbegun: RefCell::default(),
            waste: Rc::default(),
            fate: Rc::default(),
            outside: RefCell::default(),
            simulators: RefCell::default(),
            newcomers: RefCell::default(),
            state: RefCell::new(state),
        })
    }

    /// Works on the state. `f` runs no foreign code: no waker is woken, cloned or dropped in it.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        f(&mut self.state.borrow_mut())
    }

    /// As [`with`](Self::with); `None` within it.
    pub(crate) fn try_with<R>(&self, f: impl FnOnce(&mut State) -> R) -> Option<R> {
        let mut state = self.state.try_borrow_mut().ok()?;
        Some(f(&mut state))
    }

    /// Drops the messages that nobody has received.
    pub(crate) fn sweep(&self) {
        self.waste.sweep();
    }

    /// Nothing happens any more.
    pub(crate) fn end(&self) {
        // What is in messages may hold this world.
        let gone = self.with(|state| {
            let held = core::mem::take(&mut state.links.held);
            let happenings = core::mem::replace(&mut state.happenings, Rows::new());
            let outbox = core::mem::take(&mut state.outbox);
            let events = core::mem::take(&mut state.events);
            (events, happenings, held, outbox)
        });
        drop(gone);
        self.sweep();
        let simulators = self.simulators.take();
        drop(simulators);
    }

    /// Lets time pass until `at`.
    pub(crate) fn advance(&self, at: u64) {
        self.now.set(at);
        self.with(|state| state.now = at);
    }

    /// Adds a host, on which nothing runs yet.
    ///
    /// # Errors
    ///
    /// If its name, or an address that is its name, is taken.
    pub(crate) fn add_host(&self, name: &str, is_client: bool) -> Result<HostId, String> {
        self.with(|state| {
            let id = state.hosts.len() as HostId;
            assert!(id < 1 << 22, "a simulation has at most four million hosts");
            let name: Arc<str> = Arc::from(name);
            state.is_free(&name)?;
            let (v4, v6) = state.addrs_for(&name, id);
            for addr in [v4.into(), v6.into()] {
                state.check_addr(addr)?;
            }
            state.by_addr.extend([(v4.into(), id), (v6.into(), id)]);
            state.by_name.insert(name.clone(), id);
            let seed = state.settings.seed;
            let clock = Rc::new(HostClock::new(self.now.clone(), self.settings.epoch));
            let disk = Host::disk_chance(seed, id);
            let disk = Disk::new(disk, clock.clone(), &state.settings);
            state.hosts.push(Host {
                name,
                is_client,
                v4,
                v6,
                up: true,
                running: false,
                killed: false,
                spawner: None,
                panicked: None,
                refused: false,
                boots: 0,
                changes: 0,
                clock,
                listeners: BTreeMap::new(),
                sockets: BTreeMap::new(),
                ports: BTreeSet::new(),
                next_port: 0,
                ends: BTreeSet::new(),
                disk,
                #[cfg(unix)]
                rings: Rings::default(),
                unix: Unix::default(),
                buggy: Buggy::default(),
                signals: Signals::default(),
                locals: None,
                chance: Host::chance(seed, id),
            });
            Ok(id)
        })
    }
}

impl Host {
    /// Whether what its process does is done: not what destructors do after a crash or a kill.
    pub(crate) fn is_alive(&self) -> bool {
        self.up && !self.killed
    }

    fn chance(seed: u64, id: HostId) -> Rng {
        Rng::new(seed, (u64::from(id) << 8) + 2)
    }

    fn disk_chance(seed: u64, id: HostId) -> Rng {
        Rng::new(seed, (u64::from(id) << 8) + 3)
    }
}

impl State {
    /// Lets something happen at `at`.
    pub(crate) fn schedule(&mut self, at: u64, what: Happening) {
        let tie = self.chance.next() as u32;
        self.schedule_with(at, tie, what);
    }

    /// Lets something happen at `at`, which of what happens then is the sooner the smaller `tie`.
    pub(crate) fn schedule_with(&mut self, at: u64, tie: u32, what: Happening) {
        let row = self.happenings.insert(what);
        let at = at.max(self.now);
        self.events.push(Reverse(Event { at, tie, row }));
    }

    /// When the next event is.
    pub(crate) fn next_event(&self) -> Option<u64> {
        self.events.peek().map(|event| event.0.at)
    }

    /// Takes the next event, whose time has come.
    pub(crate) fn take_event(&mut self) -> Option<Happening> {
        let event = self.events.pop()?.0;
        self.happenings.take(event.row)
    }

    /// All messages that are on their way, in no order.
    pub(crate) fn in_flight(&self) -> impl Iterator<Item = (u64, &Packet)> {
        self.events
            .iter()
            .filter_map(|event| match self.happenings.get(event.0.row)? {
                Happening::Arrival(packet) => Some((event.0.at, packet)),
                _ => None,
            })
    }

    /// The host that has an address, seen from `from`.
    pub(crate) fn host_of(&self, from: HostId, addr: IpAddr) -> Option<HostId> {
        if addr.is_loopback() {
            return Some(from);
        }
        self.by_addr.get(&addr).copied()
    }

    /// Nothing is made by a process that is gone: what a destructor does there leads nowhere.
    pub(crate) fn needs_process(&self, host: HostId) -> Result<(), Error> {
        match self.hosts[host as usize].is_alive() {
            true => Ok(()),
            false => Err(Error::NetworkUnreachable),
        }
    }

    /// The address of a host in the family of `like`.
    pub(crate) fn addr_of(&self, host: HostId, like: IpAddr) -> IpAddr {
        let host = &self.hosts[host as usize];
        match like {
            _ if like.is_loopback() => like,
            IpAddr::V4(_) => host.v4.into(),
            IpAddr::V6(_) => host.v6.into(),
        }
    }

    /// Whether an address is one that `host` may listen at.
    pub(crate) fn is_own(&self, host: HostId, addr: IpAddr) -> bool {
        addr.is_unspecified()
            || self.host_of(host, addr) == Some(host)
            || self.services.is_server(host, addr)
    }

    /// The link from one host to another.
    pub(crate) fn link(&self, from: HostId, to: HostId) -> &Link {
        self.links
            .special
            .get(&(from, to))
            .unwrap_or(&self.links.default)
    }

    /// From now on all chance is that of another seed.
    pub(crate) fn reseed(&mut self, seed: u64) {
        self.chance = Rng::new(seed, 1);
        for (id, host) in (0..).zip(&mut self.hosts) {
            host.chance = Host::chance(seed, id);
            host.disk.chance = Host::disk_chance(seed, id);
        }
    }

    /// Takes down what has happened to or on a host; `numbers` stand for it in the hash.
    pub(crate) fn record(
        &mut self,
        host: Option<HostId>,
        numbers: &[u64],
        what: impl FnOnce(&Self) -> What,
    ) {
        self.trace
            .mix(&[self.now, host.map_or(u64::MAX, u64::from)]);
        self.trace.mix(numbers);
        if self.trace.is_kept() || self.footprint.is_some() {
            let what = what(self);
            self.keep(host, what);
        }
    }

    // Apart from `record`, which is in many places and mostly does without.
    #[inline(never)]
    fn keep(&mut self, host: Option<HostId>, what: What) {
        if let Some(footprint) = &mut self.footprint {
            footprint.event(self.now, host, &what);
        }
        let host = host.map(|host| &self.hosts[host as usize].name);
        self.trace.push(self.now, host, what);
    }

    /// Takes down an event that has a text.
    pub(crate) fn record_text(
        &mut self,
        host: Option<HostId>,
        text: String,
        what: impl FnOnce(String) -> What,
    ) {
        self.trace.mix_text(&text);
        self.record(host, &[], |_| what(text));
    }
}
