//! Messages and calls between endpoints, and messages that are lost by what they say.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::io;
use std::rc::Rc;

use polliwog_core::spawn;
use polliwog_core::time::{sleep, timeout};
use polliwog_spin::Error;
use polliwog_spin::net::UdpSocket;
use polliwog_spin::sim::{
    self, Builder, Control, Endpoint, Failure, Fault, FaultKind, Latency, Link, Nemesis, Report,
    Request, Simulation, What, fs,
};

use crate::{Done, millis, run, secs};

#[derive(Clone, Debug, PartialEq)]
struct Get(u32);

impl Request for Get {
    type Response = String;
}

#[derive(Clone)]
struct Put(u32);

impl Request for Put {
    type Response = u32;
}

/// Answers both, at port 7.
async fn store() -> Done {
    let endpoint = Endpoint::bind("0.0.0.0:7").await?;
    let puts = endpoint.clone();
    let puts = spawn(async move { puts.serve(async |Put(key), _| key).await });
    endpoint
        .serve(async |Get(key), _| format!("value {key}"))
        .await?;
    puts.unwrap().await.unwrap()
}

async fn get(endpoint: &Endpoint, key: u32) -> Option<String> {
    let call = endpoint.call("store:7", Get(key));
    timeout(secs(1), call).await.ok().map(Result::unwrap)
}

fn lost(report: &Report, reason: &str) -> usize {
    let lost = report.trace.iter().filter(|event| match event.what {
        What::Lost { why, .. } => why == reason,
        _ => false,
    });
    lost.count()
}

#[test]
fn each_waits_for_its_type() {
    let mut simulation = Simulation::new(7);
    simulation.client("frog", async {
        let endpoint = Endpoint::bind("0.0.0.0:7").await?;
        assert!(format!("{endpoint:?}").contains("0.0.0.0:7"));
        let other = endpoint.clone();
        let text = spawn(async move { other.recv_from::<String>().await }).unwrap();
        let other = endpoint.clone();
        let number = spawn(async move { other.recv_from::<u32>().await }).unwrap();
        sleep(millis(1)).await;
        // In the other order, and one that nobody wants yet.
        let shared = Rc::new(Cell::new(1));
        endpoint.send_to("frog:7", shared.clone()).await?;
        endpoint.send_to("frog:7", 7_u32).await?;
        endpoint.send_to("frog:7", String::from("quak")).await?;
        let (number, from) = number.await.unwrap()?;
        assert_eq!((number, from), (7, "10.0.0.1:7".parse().unwrap()));
        assert_eq!(text.await.unwrap()?.0, "quak");
        // A value travels as it is.
        let (same, _) = endpoint.recv_from::<Rc<Cell<i32>>>().await?;
        assert!(Rc::ptr_eq(&same, &shared));
        Done::Ok(())
    });
    run(simulation);
}

#[test]
fn a_call_has_its_own_answer() {
    let mut simulation = Simulation::new(7);
    simulation.host("store", store);
    simulation.client("client", async {
        let endpoint = Endpoint::bind("0.0.0.0:0").await?;
        let calls: Vec<_> = (0..20)
            .map(|key| {
                let endpoint = endpoint.clone();
                spawn(async move {
                    let got = endpoint.call("store:7", Get(key)).await;
                    assert_eq!(got, Ok(format!("value {key}")));
                    assert_eq!(endpoint.call("store:7", Put(key)).await, Ok(key));
                })
                .unwrap()
            })
            .collect();
        for call in calls {
            call.await.unwrap();
        }
        Done::Ok(())
    });
    run(simulation);
}

#[test]
fn one_port_is_for_sockets_and_endpoints_and_they_do_not_hear_each_other() {
    let mut simulation = Simulation::builder(7).trace(usize::MAX).build();
    simulation.client("frog", async {
        let socket = UdpSocket::bind("0.0.0.0:7").await?;
        let taken = Endpoint::bind("0.0.0.0:7").await.map(drop);
        assert_eq!(taken, Err(Error::AddrInUse));
        let endpoint = Endpoint::bind("0.0.0.0:8").await?;
        let taken = UdpSocket::bind("0.0.0.0:8").await.map(drop);
        assert_eq!(taken, Err(Error::AddrInUse));
        socket.send_to(b"quak", "frog:8").await?;
        endpoint.send_to("frog:7", "quak").await?;
        let heard = timeout(secs(1), endpoint.recv_from::<&str>()).await;
        assert!(heard.is_err());
        assert_eq!(socket.try_recv(&mut [0; 9]), Err(Error::WouldBlock));
        for (nowhere, error) in [
            ("frog:0", Error::InvalidInput),
            ("[::1]:7", Error::InvalidInput),
            ("255.255.255.255:7", Error::PermissionDenied),
        ] {
            let sent = endpoint.send_to(nowhere, 1).await;
            assert_eq!(sent, Err(error), "{nowhere}");
        }
        // Only the last of its clones has the port.
        let other = endpoint.clone();
        drop(endpoint);
        assert!(UdpSocket::bind("0.0.0.0:8").await.is_err());
        drop(other);
        UdpSocket::bind("0.0.0.0:8").await.map(drop)
    });
    assert_eq!(lost(&run(simulation), "nobody listens there"), 2);
}

#[test]
fn a_buffer_has_an_end() {
    let mut simulation = Simulation::builder(7).datagram_buffer(3).build();
    simulation.client("frog", async {
        let endpoint = Endpoint::bind("0.0.0.0:7").await?;
        for number in 0..5_u32 {
            endpoint.send_to("frog:7", number).await?;
            sleep(millis(1)).await;
        }
        for number in 0..3_u32 {
            assert_eq!(endpoint.recv_from::<u32>().await?.0, number);
        }
        assert!(timeout(secs(1), endpoint.recv_from::<u32>()).await.is_err());
        Done::Ok(())
    });
    run(simulation);
}

#[test]
fn what_is_lost_is_silence() {
    let link = Link::new(Latency::fixed(millis(1))).loss(0.5);
    let mut simulation = Simulation::builder(7).link(link).build();
    simulation.host("store", store);
    simulation.client("client", async {
        let endpoint = Endpoint::bind("0.0.0.0:0").await?;
        let mut silent = 0;
        for key in 0..100 {
            match get(&endpoint, key).await {
                Some(value) => assert_eq!(value, format!("value {key}")),
                None => silent += 1,
            }
        }
        // Three quarters, about.
        assert!((50..100).contains(&silent), "{silent}");
        sim::control().partition("client", "store");
        assert!(get(&endpoint, 1).await.is_none());
        Done::Ok(())
    });
    run(simulation);
}

#[test]
fn what_comes_twice_is_a_clone_and_an_answer_comes_once() {
    let link = Link::new(Latency::uniform(millis(1), millis(9))).duplicate(1.0);
    let mut simulation = Simulation::builder(7).link(link).trace(usize::MAX).build();
    let served = Rc::new(Cell::new(0));
    let serves = served.clone();
    let numbers = Rc::new(RefCell::new(Vec::new()));
    let takes = numbers.clone();
    simulation.host("server", move || {
        let (serves, takes) = (serves.clone(), takes.clone());
        async move {
            let endpoint = Endpoint::bind("0.0.0.0:7").await?;
            let other = endpoint.clone();
            spawn(async move {
                // Each has its own cell.
                while let Ok((cell, _)) = other.recv_from::<Cell<u32>>().await {
                    takes.borrow_mut().push(cell.replace(99));
                }
            })
            .unwrap()
            .detach();
            endpoint
                .serve(async |Put(key), _| {
                    serves.set(serves.get() + 1);
                    key
                })
                .await
        }
    });
    simulation.client("client", async {
        let endpoint = Endpoint::bind("0.0.0.0:0").await?;
        endpoint.send_to("server:7", Cell::new(5_u32)).await?;
        for key in 0..10 {
            assert_eq!(endpoint.call("server:7", Put(key)).await?, key);
        }
        sleep(secs(1)).await;
        Done::Ok(())
    });
    let report = run(simulation);
    assert_eq!(served.get(), 20);
    assert_eq!(*numbers.borrow(), [5, 5]);
    // Each request is answered twice, and each answer comes twice.
    assert_eq!(lost(&report, "nobody waits for this answer"), 30);
}

/// A server that works for a while, and crashes meanwhile.
#[test]
fn a_crash_in_the_middle_of_a_call_is_silence_and_the_next_call_has_its_own_answer() {
    for end in [Control::crash as fn(&Control, &str), Control::kill] {
        let mut simulation = Simulation::new(7);
        simulation.host("store", || async {
            let endpoint = Endpoint::bind("0.0.0.0:7").await?;
            endpoint
                .serve(async |Get(key), _| {
                    sleep(millis(500)).await;
                    format!("value {key}")
                })
                .await
        });
        simulation.client("client", async move {
            let endpoint = Endpoint::bind("0.0.0.0:0").await?;
            let other = endpoint.clone();
            let cut = spawn(async move { get(&other, 1).await }).unwrap();
            sleep(millis(300)).await;
            end(&sim::control(), "store");
            assert_eq!(cut.await.unwrap(), None);
            assert_eq!(get(&endpoint, 2).await, None);
            sim::control().restart("store");
            sleep(millis(1)).await;
            assert_eq!(get(&endpoint, 3).await.unwrap(), "value 3");
            // One that is given up too early does not give its answer to the next.
            let early = timeout(millis(400), endpoint.call("store:7", Get(4))).await;
            assert!(early.is_err());
            assert_eq!(get(&endpoint, 5).await.unwrap(), "value 5");
            Done::Ok(())
        });
        run(simulation);
    }
}

#[test]
fn what_is_on_its_way_is_listed_held_and_released() {
    let mut simulation = Simulation::builder(7).capture().build();
    simulation.host("store", store);
    simulation.client("client", async {
        let control = sim::control();
        let endpoint = Endpoint::bind("0.0.0.0:0").await?;
        control.hold("client", "store");
        endpoint.send_to("store:7", "quak").await?;
        let other = endpoint.clone();
        let call = spawn(async move { other.call("store:7", Get(3)).await }).unwrap();
        sleep(secs(1)).await;
        let held = control.in_flight();
        let kinds: Vec<_> = held.iter().map(|held| (held.kind, held.bytes)).collect();
        assert_eq!(kinds, [("value", 0), ("call", 0)]);
        assert!(control.release_one(held[1].message));
        assert_eq!(call.await.unwrap()?, "value 3");
        Done::Ok(())
    });
    assert!(!run(simulation).capture.is_empty());
}

#[test]
fn requests_and_answers_are_lost_by_what_they_say() {
    let mut simulation = Simulation::builder(7).trace(usize::MAX).build();
    simulation.host("store", store);
    simulation.client("other", async {
        sleep(millis(1)).await;
        let endpoint = Endpoint::bind("0.0.0.0:0").await?;
        assert_eq!(get(&endpoint, 13).await.unwrap(), "value 13");
        Done::Ok(())
    });
    simulation.client("client", async {
        let control = sim::control();
        let endpoint = Endpoint::bind("0.0.0.0:0").await?;
        let requests = control.drop_messages("client", "store", |get: &Get| get.0 == 13);
        let second = Cell::new(0);
        let answers = control.drop_messages("store", "client", move |answer: &String| {
            second.set(second.get() + 1);
            assert_ne!(answer, "value 13");
            second.get() == 2
        });
        let mut had = Vec::new();
        for key in 12..16 {
            had.push(get(&endpoint, key).await.is_some());
        }
        assert_eq!(had, [true, false, false, true]);
        drop(requests);
        drop(answers);
        assert!(get(&endpoint, 13).await.is_some());
        Done::Ok(())
    });
    assert_eq!(lost(&run(simulation), "a filter drops it"), 2);
}

#[test]
fn datagrams_are_lost_by_what_they_say() {
    let mut simulation = Simulation::new(7);
    simulation.client("sink", async {
        let socket = UdpSocket::bind("0.0.0.0:7").await?;
        for expected in [&b"one"[..], b"three", b"everybody"] {
            let mut buf = [0; 1500];
            let count = socket.recv(&mut buf).await?;
            assert_eq!(&buf[..count], expected);
        }
        Done::Ok(())
    });
    simulation.client("deaf", async {
        let socket = UdpSocket::bind("0.0.0.0:7").await?;
        let heard = timeout(secs(9), socket.recv(&mut [0; 1500])).await;
        assert!(heard.is_err());
        Done::Ok(())
    });
    simulation.client("client", async {
        let socket = UdpSocket::bind("0.0.0.0:0").await?;
        socket.set_broadcast(true)?;
        let control = sim::control();
        let longest = "two, which is longer than a packet has room for";
        let _two =
            control.drop_messages("*", "sink", move |said: &[u8]| said == longest.as_bytes());
        let _all = control.drop_messages("client", "deaf", |_: &[u8]| true);
        // Of another type.
        let _none = control.drop_messages("*", "*", |_: &Vec<u8>| true);
        for text in ["one", longest, "three"] {
            socket.send_to(text.as_bytes(), "sink:7").await?;
            sleep(secs(1)).await;
        }
        let everybody = "255.255.255.255:7";
        socket.send_to(b"everybody", everybody).await.map(drop)
    });
    run(simulation);
}

/// Whoever runs ahead sends when its time has come: a filter of that time counts.
#[test]
fn a_filter_is_asked_when_a_message_is_sent() {
    let kind = FaultKind::DiskSlow("ahead".into(), 1000);
    let faults = vec![Fault::new(millis(0), secs(100), kind)];
    let mut simulation = Simulation::builder(7).faults(faults).build();
    simulation.client("ahead", async {
        sleep(millis(1)).await;
        let endpoint = Endpoint::bind("0.0.0.0:0").await?;
        let before = polliwog_core::Instant::now();
        sim::std::fs::write("file", "frog")?;
        sim::std::fs::File::open("file")?.sync_all()?;
        assert!(before.elapsed() > millis(10));
        endpoint.send_to("hand:7", 1_u32).await?;
        endpoint.send_to("hand:7", 2_u32).await?;
        io::Result::Ok(())
    });
    simulation.client("hand", async {
        sleep(millis(5)).await;
        let _filter = sim::control().drop_messages("ahead", "hand", |number: &u32| *number == 1);
        let endpoint = Endpoint::bind("0.0.0.0:7").await?;
        assert_eq!(endpoint.recv_from::<u32>().await?.0, 2);
        Done::Ok(())
    });
    run(simulation);
}

/// Something with a destructor, a clone and a filter that use the simulation.
struct Busy {
    control: Control,
    endpoint: Endpoint,
    alive: Rc<Cell<i32>>,
}

impl Busy {
    fn new(endpoint: &Endpoint, alive: &Rc<Cell<i32>>) -> Self {
        alive.set(alive.get() + 1);
        Self {
            control: sim::control(),
            endpoint: endpoint.clone(),
            alive: alive.clone(),
        }
    }

    fn look(&self) {
        self.control.in_flight();
        self.endpoint.local_addr().ok();
    }
}

impl Clone for Busy {
    fn clone(&self) -> Self {
        self.look();
        Self::new(&self.endpoint, &self.alive)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.look();
        self.alive.set(self.alive.get() - 1);
    }
}

#[test]
fn values_and_filters_may_use_the_simulation() {
    let alive = Rc::new(Cell::new(0));
    let counts = alive.clone();
    let world = Rc::new(());
    let holds = world.clone();
    let link = Link::new(Latency::fixed(millis(1)))
        .duplicate(0.5)
        .loss(0.3);
    let mut simulation = Simulation::builder(7).link(link).build();
    simulation.host("sink", || async {
        let endpoint = Endpoint::bind("0.0.0.0:7").await?;
        for _ in 0..10 {
            endpoint.recv_from::<Busy>().await?.0.look();
        }
        pending::<Done>().await
    });
    simulation.client("client", async move {
        let endpoint = Endpoint::bind("0.0.0.0:0").await?;
        let control = sim::control();
        let sends = (Cell::new(0), endpoint.clone());
        let filter = control.drop_messages("*", "sink", move |busy: &Busy| {
            let _ = &holds;
            busy.look();
            sends.0.set(sends.0.get() + 1);
            sends.0.get() % 10 == 0
        });
        for _ in 0..50 {
            endpoint
                .send_to("sink:7", Busy::new(&endpoint, &counts))
                .await?;
            sleep(millis(1)).await;
        }
        sleep(millis(9)).await;
        // Those that wait at the sink.
        assert!(counts.get() > 5, "{}", counts.get());
        control.crash("sink");
        sleep(millis(9)).await;
        assert_eq!(counts.get(), 0);
        drop(filter);
        control.set_link("client", "sink", Link::new(Latency::fixed(secs(100))));
        control.hold("sink", "client");
        for _ in 0..5 {
            endpoint
                .send_to("sink:7", Busy::new(&endpoint, &counts))
                .await?;
        }
        Done::Ok(())
    });
    run(simulation);
    // What was on its way at the end is dropped with the simulation.
    assert_eq!((alive.get(), Rc::strong_count(&world)), (0, 1));
}

fn cluster(builder: Builder) -> Result<Report, Failure> {
    let link = Link::new(Latency::exponential(millis(1), millis(3)))
        .loss(0.1)
        .duplicate(0.1);
    let nemesis = Nemesis::new("*")
        .faults(2, 5)
        .within(secs(5))
        .crashes()
        .kills()
        .partitions();
    let mut simulation = builder.link(link).nemesis(nemesis).build();
    simulation.host("store", || async {
        fs::write("log", b"").await.ok();
        store().await
    });
    for number in 0..3 {
        simulation.client(&format!("client-{number}"), async move {
            let endpoint = Endpoint::bind("0.0.0.0:0").await?;
            for key in 0..30 {
                timeout(millis(100), endpoint.call("store:7", Put(key)))
                    .await
                    .ok();
                let got = get(&endpoint, key).await;
                assert!(got.is_none_or(|got| got == format!("value {key}")));
            }
            Done::Ok(())
        });
    }
    let control = simulation.control();
    let _filter = control.drop_messages("*", "store", |put: &Put| put.0 % 5 == 0);
    simulation.run()
}

#[test]
fn runs_are_the_same() {
    for seed in 0..20 {
        if let Err(difference) = sim::check(seed, cluster) {
            panic!("seed {seed}: {difference}");
        }
        let report = cluster(Simulation::builder(seed).trace(usize::MAX)).unwrap();
        // Six of each client's.
        assert_eq!(lost(&report, "a filter drops it"), 18);
    }
}

#[test]
fn outside_of_a_simulation_there_is_none() {
    let bound = polliwog_spin::block_on(Endpoint::bind("0.0.0.0:7"));
    assert_eq!(bound.map(drop), Err(Error::Unsupported));
}
