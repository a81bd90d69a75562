//! One thread, an executor, and a reactor that it owns: what waits for a socket or for a time costs
//! no thread.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll as Selector, Registry, Token};

// ANCHOR: reactor
/// Who waits for what.
struct Reactor {
    registry: Registry,
    /// By the token of their socket.
    readers: BTreeMap<usize, Waker>,
    /// By the time at which they are due; the number tells those of the same time apart.
    timers: BTreeMap<(Instant, u64), Waker>,
    next: u64,
}

impl Reactor {
    /// Waits until something happens, at most until the first timer, and wakes whoever waits for it.
    fn park(this: &RefCell<Self>, selector: &mut Selector, events: &mut Events) -> io::Result<()> {
        let first = this.borrow().timers.keys().next().map(|&(due, _)| due);
        let left = first.map(|due| due.saturating_duration_since(Instant::now()));
        match selector.poll(events, left) {
            Err(e) if e.kind() != ErrorKind::Interrupted => return Err(e),
            _ => {}
        }
        let mut due = Vec::new();
        {
            let mut reactor = this.borrow_mut();
            for event in &*events {
                due.extend(reactor.readers.remove(&event.token().0));
            }
            let now = (Instant::now(), u64::MAX);
            let later = reactor.timers.split_off(&now);
            due.extend(std::mem::replace(&mut reactor.timers, later).into_values());
        }
        // Not while it is borrowed: a waker may do anything.
        due.into_iter().for_each(Waker::wake);
        Ok(())
    }
}
// ANCHOR_END: reactor

// ANCHOR: futures
type Shared = Rc<RefCell<Reactor>>;

/// A socket whose operations wait in their task.
struct Socket {
    socket: UdpSocket,
    token: usize,
    reactor: Shared,
}

impl Socket {
    fn bind(reactor: &Shared) -> io::Result<Self> {
        let mut socket = UdpSocket::bind(([127, 0, 0, 1], 0).into())?;
        let mut shared = reactor.borrow_mut();
        shared.next += 1;
        let token = shared.next as usize;
        shared
            .registry
            .register(&mut socket, Token(token), Interest::READABLE)?;
        Ok(Self {
            socket,
            token,
            reactor: Rc::clone(reactor),
        })
    }

    async fn recv(&self) -> io::Result<String> {
        let mut buffer = [0; 512];
        poll_fn(|cx| match self.socket.recv(&mut buffer) {
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                let waker = cx.waker().clone();
                self.reactor.borrow_mut().readers.insert(self.token, waker);
                Poll::Pending
            }
            done => Poll::Ready(done),
        })
        .await
        .map(|length| String::from_utf8_lossy(&buffer[..length]).into_owned())
    }
}

async fn sleep(reactor: &Shared, duration: Duration) {
    let due = Instant::now() + duration;
    let number = {
        let mut shared = reactor.borrow_mut();
        shared.next += 1;
        shared.next
    };
    poll_fn(|cx| {
        if Instant::now() >= due {
            return Poll::Ready(());
        }
        reactor
            .borrow_mut()
            .timers
            .insert((due, number), cx.waker().clone());
        Poll::Pending
    })
    .await;
}
// ANCHOR_END: futures

// ANCHOR: loop
/// The numbers of the tasks that are due.
#[derive(Default)]
struct Due(Mutex<VecDeque<usize>>);

struct WakeTask(usize, Arc<Due>);

impl Wake for WakeTask {
    fn wake(self: Arc<Self>) {
        let mut due = self.1.0.lock().unwrap_or_else(PoisonError::into_inner);
        due.push_back(self.0);
    }
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

fn run(tasks: Vec<Task>, reactor: &Shared, mut selector: Selector) -> io::Result<()> {
    let due = Arc::new(Due::default());
    let mut wakers = Vec::new();
    for number in 0..tasks.len() {
        let waker = Waker::from(Arc::new(WakeTask(number, Arc::clone(&due))));
        waker.wake_by_ref();
        wakers.push(waker);
    }
    let mut tasks: Vec<Option<Task>> = tasks.into_iter().map(Some).collect();
    let mut events = Events::with_capacity(64);
    while tasks.iter().any(Option::is_some) {
        let next = due
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front();
        // Nothing is due: now, and only now, the thread waits.
        let Some(number) = next else {
            Reactor::park(reactor, &mut selector, &mut events)?;
            continue;
        };
        let mut cx = Context::from_waker(&wakers[number]);
        if let Some(task) = &mut tasks[number] {
            if task.as_mut().poll(&mut cx).is_ready() {
                tasks[number] = None;
            }
        }
    }
    Ok(())
}
// ANCHOR_END: loop

// ANCHOR: main
async fn listen(socket: Socket) {
    loop {
        match socket.recv().await.as_deref() {
            Ok("enough") => return println!("told to stop"),
            Ok(text) => println!("heard {text}"),
            Err(error) => return println!("cannot listen: {error}"),
        }
    }
}

async fn talk(reactor: Shared, to: std::net::SocketAddr) {
    let from = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port of the loopback");
    for text in ["one", "two", "enough"] {
        sleep(&reactor, Duration::from_millis(30)).await;
        println!("saying {text}");
        from.send_to(text.as_bytes(), to)
            .expect("the loopback takes it");
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let selector = Selector::new()?;
    let reactor = Rc::new(RefCell::new(Reactor {
        registry: selector.registry().try_clone()?,
        readers: BTreeMap::new(),
        timers: BTreeMap::new(),
        next: 0,
    }));
    let socket = Socket::bind(&reactor)?;
    let to = socket.socket.local_addr()?;
    let tasks: Vec<Task> = vec![
        Box::pin(listen(socket)),
        Box::pin(talk(Rc::clone(&reactor), to)),
    ];
    run(tasks, &reactor, selector)?;
    println!("no task is left");
    Ok(())
}
// ANCHOR_END: main
