//! A cluster under a simulation: nodes, clients that write down what they saw, and who judges it.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use polliwog::sim::{self, Builder, Failure, History, Latency, Link, Nemesis, Report};
use polliwog::spin::Error;
use polliwog::spin::net::UdpSocket;
use polliwog::time::{Instant, sleep, timeout};

use super::node::{self, Bug, PORT};
use super::wire::{Message, Request};

const NODES: usize = 3;
const CLIENTS: u64 = 5;
const KEYS: u64 = 2;
/// For how long faults begin and clients ask.
const TROUBLE: Duration = Duration::from_secs(5);
/// When a client gives up a request; whether it was carried out it does not know.
const GIVE_UP: Duration = Duration::from_millis(800);
/// How long it takes at most, once faults are over, until everything can be read again. Where `explore` lets a host
/// fall behind, what goes to it stays slow.
const RECOVERY: Duration = Duration::from_secs(300);

/// A client's connection, if datagrams were one: its socket, and the node that it asks first.
struct Asker {
    socket: UdpSocket,
    node: u64,
}

impl Asker {
    async fn new() -> Result<Self, Error> {
        let socket = UdpSocket::bind("0.0.0.0:0").await?;
        Ok(Self { socket, node: 0 })
    }

    /// Asks one node after the other, each up to three times, until one answers or `patience` is over.
    async fn ask(&mut self, request: Request, patience: Duration) -> Result<Option<u64>, Error> {
        let until = Instant::now() + patience;
        let message = Message::Ask(request).encode(usize::MAX);
        let mut times = 0;
        if sim::random() % 4 == 0 {
            self.node = sim::random() % NODES as u64;
        }
        while Instant::now() < until {
            let node = format!("node-{}", self.node);
            self.socket.send_to(&message, (node.as_str(), PORT)).await?;
            match timeout(Duration::from_millis(60), self.answer(request.number)).await {
                Ok(Ok(Some(value))) => return Ok(Some(value)),
                Ok(Ok(None)) => {
                    sleep(Duration::from_millis(5)).await;
                    times = 3;
                }
                Ok(Err(error)) => return Err(error),
                Err(_) => times += 1,
            }
            if times >= 3 {
                (self.node, times) = ((self.node + 1) % NODES as u64, 0);
            }
        }
        Ok(None)
    }

    /// Waits for the answer to a request; those to former requests may come late.
    async fn answer(&self, asked: u64) -> Result<Option<u64>, Error> {
        let mut buf = [0; 64];
        loop {
            let (count, _) = self.socket.recv_from(&mut buf).await?;
            match Message::decode(&buf[..count]) {
                Some((_, Message::Answer { number, value })) if number == asked => {
                    return Ok(value);
                }
                _ => {}
            }
        }
    }
}

/// Writes and reads by chance.
async fn client(client: u64, keys: Vec<History<u64>>) -> Result<(), Error> {
    let mut asker = Asker::new().await?;
    let start = Instant::now();
    for number in 1.. {
        if start.elapsed() >= TROUBLE {
            break;
        }
        let key = sim::random() % KEYS;
        let history = &keys[key as usize];
        // No two values are the same.
        let value = 1000 * client + number;
        let write = (sim::random() % 2 == 0).then_some(value);
        let request = Request {
            client,
            number,
            key,
            write,
        };
        if write.is_some() {
            let writing = history.write(value);
            if asker.ask(request, GIVE_UP).await?.is_some() {
                writing.done();
            }
        } else {
            let reading = history.read();
            if let Some(value) = asker.ask(request, GIVE_UP).await? {
                reading.saw(value);
            }
        }
        sleep(Duration::from_millis(sim::random() % 40)).await;
    }
    Ok(())
}

/// Reads everything once more when all is well again, and looks for an order in which it could have happened.
async fn judge(keys: Vec<History<u64>>, busy: Rc<Cell<u64>>) -> Result<(), Error> {
    while busy.get() > 0 || sim::control().elapsed() < TROUBLE + Duration::from_secs(1) {
        sleep(Duration::from_millis(100)).await;
    }
    let mut asker = Asker::new().await?;
    for (key, history) in (0..).zip(&keys) {
        let request = Request {
            client: CLIENTS + 1,
            number: key,
            key,
            write: None,
        };
        let reading = history.read();
        let value = asker.ask(request, RECOVERY).await?;
        reading.saw(value.unwrap_or_else(|| panic!("key {key} cannot be read any more")));
    }
    for (key, history) in keys.iter().enumerate() {
        if let Err(error) = history.check() {
            panic!("key {key}: {error}");
        }
    }
    Ok(())
}

/// A run, with one of the mistakes or with none.
pub(crate) fn run(builder: Builder, bug: Option<Bug>) -> Result<Report, Failure> {
    let nemesis = Nemesis::new("node-*")
        .faults(10, 40)
        .within(TROUBLE - Duration::from_millis(500))
        .lasting(Duration::from_millis(10), Duration::from_millis(500))
        .crashes()
        .crashes()
        .partitions()
        .broken_links()
        .one_way_partitions()
        .pauses();
    let link = Link::new(Latency::exponential(
        Duration::from_millis(1),
        Duration::from_millis(4),
    ));
    let mut simulation = builder
        .link(link)
        .nemesis(nemesis)
        .time_limit(Duration::from_secs(1000))
        .build();
    let names: Vec<String> = (0..NODES).map(|node| format!("node-{node}")).collect();
    for me in 0..NODES {
        let names = names.clone();
        simulation.host(&format!("node-{me}"), move || {
            node::node(me, names.clone(), bug)
        });
    }
    let keys: Vec<History<u64>> = (0..KEYS).map(|_| History::new(0)).collect();
    let busy = Rc::new(Cell::new(CLIENTS));
    for number in 1..=CLIENTS {
        let (keys, busy) = (keys.clone(), busy.clone());
        simulation.client(&format!("client-{number}"), async move {
            let result = client(number, keys).await;
            busy.set(busy.get() - 1);
            result
        });
    }
    simulation.client("judge", judge(keys, busy));
    simulation.run()
}
