//! The load generator: a loop on mio, none of the runtimes.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

/// What to send.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub port: u16,
    pub connections: usize,
    /// Bytes of a request of an echo server, which is also those of its response.
    pub size: usize,
    pub mode: Mode,
    /// How long to wait before each request (in bursts: before each burst).
    pub think: Think,
}

/// A wait before a request.
#[derive(Clone, Copy, Debug)]
pub enum Think {
    No,
    For(Duration),
    /// Until the server, the process of this number, waits for it: however much a server is slowed
    /// down by being watched, it has finished with the request before.
    UntilIdle(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Each connection sends its next request when its response is there.
    Steady,
    /// All connections send at once, when all responses are there.
    Burst,
    /// Each connection sends one request, then a new one takes its place.
    Churn,
}

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    Time(Duration),
    /// At least so many requests.
    Requests(u64),
}

/// What has come of it.
#[derive(Debug)]
pub struct Outcome {
    pub requests: u64,
    pub elapsed: Duration,
    /// From request to response, in nanoseconds, sorted.
    pub latencies: Vec<u64>,
}

impl Outcome {
    /// The latency below which `share` of the responses came, in microseconds.
    pub fn percentile(&self, share: f64) -> f64 {
        let n = self.latencies.len();
        match n {
            0 => f64::NAN,
            _ => self.latencies[((n as f64 * share) as usize).min(n - 1)] as f64 / 1000.0,
        }
    }
}

struct Connection {
    stream: TcpStream,
    unsent: usize,
    missing: usize,
    asked: Instant,
}

/// Connections to an echo server.
pub struct Generator {
    load: Load,
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
    request: Vec<u8>,
    /// Bytes of what the server answers to it.
    answer: usize,
    response: Vec<u8>,
    opened: usize,
}

impl Generator {
    /// Opens the connections, and sends one request on each to see that it works.
    pub fn new(load: Load) -> io::Result<Self> {
        Self::asking(load, vec![b'p'; load.size], load.size)
    }

    /// The same for a server that answers `request` with so many bytes.
    pub fn asking(load: Load, request: Vec<u8>, answer: usize) -> io::Result<Self> {
        let mut generator = Self {
            load,
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            connections: Vec::with_capacity(load.connections),
            request,
            answer,
            response: vec![0; answer.clamp(4096, 64 << 10)],
            opened: 0,
        };
        // In portions: the server's backlog is limited.
        while generator.connections.len() < load.connections {
            let until = (generator.connections.len() + 100).min(load.connections);
            let from = generator.connections.len();
            for index in from..until {
                let connection = generator.open(index)?;
                generator.connections.push(connection);
            }
            for index in from..until {
                generator.ask(index)?;
            }
            generator.answered(from..until)?;
        }
        Ok(generator)
    }

    /// A new connection. The address varies, so that the ports of closed ones, which stay taken
    /// for a minute, do not run out.
    fn open(&mut self, index: usize) -> io::Result<Connection> {
        self.opened += 1;
        let address = Ipv4Addr::new(127, 0, (self.opened / 5000 % 200) as u8, 1);
        let address = SocketAddr::from((address, self.load.port));
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll
            .registry()
            .register(&mut stream, Token(index), interest)?;
        Ok(Connection {
            stream,
            unsent: 0,
            missing: 0,
            asked: Instant::now(),
        })
    }

    /// Begins a request.
    fn ask(&mut self, index: usize) -> io::Result<()> {
        let connection = &mut self.connections[index];
        connection.unsent = self.request.len();
        connection.missing = self.answer;
        connection.asked = Instant::now();
        connection.send(&self.request)
    }

    /// Waits for the responses on some connections.
    fn answered(&mut self, connections: std::ops::Range<usize>) -> io::Result<()> {
        let left = |me: &Self| {
            me.connections[connections.clone()]
                .iter()
                .any(|c| c.missing > 0)
        };
        while left(self) {
            self.turn(&mut |_, _| Ok(()))?;
        }
        Ok(())
    }

    /// Waits for events and handles them; calls `done` for each response that is complete.
    fn turn(&mut self, done: &mut dyn FnMut(&mut Self, usize) -> io::Result<()>) -> io::Result<()> {
        let mut events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        let waited = self.poll.poll(&mut events, Some(Duration::from_secs(20)));
        if events.is_empty() {
            waited?;
            return Err(io::Error::new(ErrorKind::TimedOut, "the server is silent"));
        }
        for event in &events {
            let index = event.token().0;
            let connection = &mut self.connections[index];
            connection.send(&self.request)?;
            if connection.missing > 0 && connection.receive(&mut self.response)? {
                done(self, index)?;
            }
        }
        self.events = events;
        Ok(())
    }

    /// Loads the server and measures.
    pub fn run(&mut self, until: Until) -> io::Result<Outcome> {
        let start = Instant::now();
        let mut outcome = Outcome {
            requests: 0,
            elapsed: Duration::ZERO,
            latencies: Vec::with_capacity(1 << 20),
        };
        let all = self.connections.len();
        for index in 0..all {
            self.ask(index)?;
        }
        let mut pending = all;
        let mut stopping = false;
        while pending > 0 {
            let Load { mode, think, .. } = self.load;
            let mut burst = false;
            self.turn(&mut |me, index| {
                let now = Instant::now();
                let latency = now - me.connections[index].asked;
                outcome.latencies.push(latency.as_nanos() as u64);
                outcome.requests += 1;
                stopping |= match until {
                    Until::Time(time) => now - start >= time,
                    Until::Requests(requests) => outcome.requests >= requests,
                };
                pending -= 1;
                match mode {
                    Mode::Steady if !stopping => {
                        pending += 1;
                        pause(think);
                        me.ask(index)
                    }
                    Mode::Churn => {
                        if !matches!(think, Think::No) && !stopping {
                            // The end of the one and the beginning of the other are two events.
                            me.connections[index].stream.shutdown(Shutdown::Write)?;
                            pause(think);
                        }
                        me.connections[index] = me.open(index)?;
                        if !stopping {
                            pending += 1;
                            me.ask(index)?;
                        }
                        Ok(())
                    }
                    Mode::Burst if pending == 0 => {
                        burst = true;
                        Ok(())
                    }
                    Mode::Steady | Mode::Burst => Ok(()),
                }
            })?;
            if burst && !stopping {
                pause(think);
                for index in 0..all {
                    self.ask(index)?;
                }
                pending = all;
            }
        }
        outcome.elapsed = start.elapsed();
        outcome.latencies.sort_unstable();
        Ok(outcome)
    }
}

impl Connection {
    /// Sends what is left of the request, as far as that goes now.
    fn send(&mut self, request: &[u8]) -> io::Result<()> {
        while self.unsent > 0 {
            match self.stream.write(&request[request.len() - self.unsent..]) {
                Ok(n) => self.unsent -= n,
                Err(error) if is_early(&error) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Receives what there is. `true` if that completes the response.
    fn receive(&mut self, response: &mut [u8]) -> io::Result<bool> {
        while self.missing > 0 {
            match self.stream.read(response) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(n) => self.missing -= n.min(self.missing),
                Err(error) if is_early(&error) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

fn pause(think: Think) {
    match think {
        Think::No => {}
        Think::For(time) => thread::sleep(time),
        Think::UntilIdle(server) => {
            // More than once: a thread that has just been woken may seem to be asleep.
            let mut idle = 0;
            while idle < 3 {
                thread::sleep(Duration::from_micros(200));
                idle = if sleeps(server) { idle + 1 } else { 0 };
            }
        }
    }
}

/// Whether all threads of a process wait in the kernel; one that is stopped does not.
fn sleeps(process: u32) -> bool {
    let Ok(tasks) = fs::read_dir(format!("/proc/{process}/task")) else {
        return true;
    };
    tasks.flatten().all(|task| {
        let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        // The state follows the program's name, which is in parentheses.
        stat.rsplit(") ")
            .next()
            .is_none_or(|rest| rest.starts_with('S'))
    })
}

/// Whether an operation came before its time: nothing there, no room, or not yet connected.
fn is_early(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::NotConnected
    )
}
