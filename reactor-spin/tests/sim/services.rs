//! Addresses for several servers.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::pending;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use polliwog_core::spawn;
use polliwog_core::time::sleep;
use polliwog_spin::Error;
use polliwog_spin::net::{TcpListener, TcpStream, UdpSocket};
use polliwog_spin::sim::{
    self, Endpoint, Fault, FaultKind, Latency, Link, LoadBalancing, Request, Service, Simulation,
    What, std::fs,
};

use crate::{Done, echo, millis, run, secs};

const FOUR: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 1, 0, 1));
const SIX: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7));

/// Tells its name to whoever connects, and to whoever sends a datagram to `socket`.
async fn tells_its_name(socket: &str) -> Done {
    let name = sim::host_name().unwrap();
    let listener = TcpListener::bind("[::]:7").await?;
    let socket = UdpSocket::bind(socket).await?;
    let answers = async {
        loop {
            let (_, from) = socket.recv_from(&mut [0; 9]).await?;
            socket.send_to(name.as_bytes(), from).await?;
        }
        #[allow(unreachable_code)]
        Done::Ok(())
    };
    let accepts = async {
        loop {
            let (stream, _) = listener.accept().await?;
            stream.write_all(name.as_bytes()).await?;
            let task = async move {
                // Until the other side closes it.
                let _ = stream.read(&mut [0; 9]).await;
            };
            spawn(task).unwrap().detach();
        }
        #[allow(unreachable_code)]
        Done::Ok(())
    };
    polliwog_core::try_join!(answers, accepts).map(drop)
}

/// So many servers.
fn servers(simulation: &mut Simulation, count: usize) {
    for number in 1..=count {
        simulation.host(&format!("web-{number}"), || tells_its_name("0.0.0.0:7"));
    }
}

/// The name of who answers at the other side of a connection.
async fn name_of(stream: &TcpStream) -> Result<String, Error> {
    let mut name = [0; 5];
    stream.read_exact(&mut name).await?;
    Ok(String::from_utf8_lossy(&name).into_owned())
}

async fn connect(to: impl Into<SocketAddr>) -> Result<String, Error> {
    name_of(&TcpStream::connect(to.into()).await?).await
}

/// The name of who answers a datagram.
async fn send(socket: &UdpSocket, to: SocketAddr) -> Result<String, Error> {
    socket.send_to(b"who", to).await?;
    let mut name = [0; 5];
    let (_, from) = socket.recv_from(&mut name).await?;
    assert_eq!(from, to);
    Ok(String::from_utf8_lossy(&name).into_owned())
}

#[test]
fn connections_and_datagrams_take_turns() {
    for (addr, any) in [(FOUR, "0.0.0.0"), (SIX, "[::]")] {
        let mut simulation = Simulation::new(1);
        for number in 1..=3 {
            let program = move || async move { tells_its_name(&format!("{any}:7")).await };
            simulation.host(&format!("web-{number}"), program);
        }
        let control = simulation.control();
        control.add_service("web", Service::new(addr).port(7), "web-*");
        assert_eq!(control.addr("web"), Some(addr));
        assert_eq!(control.name_of(addr), None);
        simulation.client("client", async move {
            let socket = UdpSocket::bind(format!("{any}:0")).await?;
            for _ in 0..2 {
                for expected in ["web-1", "web-2", "web-3"] {
                    let stream = TcpStream::connect("web:7").await?;
                    assert_eq!(stream.peer_addr()?, (addr, 7).into());
                    assert_eq!(name_of(&stream).await?, expected);
                    // Datagrams have turns of their own.
                    assert_eq!(send(&socket, (addr, 7).into()).await?, expected);
                }
            }
            // A socket that is connected takes what comes from there only.
            socket.connect((addr, 7)).await?;
            socket.send(b"who").await?;
            let mut name = [0; 5];
            socket.recv(&mut name).await?;
            assert_eq!(&name, b"web-1");
            Done::Ok(())
        });
        run(simulation);
    }
}

#[test]
fn ports_are_those_of_the_service() {
    let mut simulation = Simulation::new(1);
    servers(&mut simulation, 1);
    simulation.host("mail", || async {
        // The address is its own, too, and so is that of its end.
        let listener = TcpListener::bind((FOUR, 25)).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            assert_eq!(stream.local_addr()?, (FOUR, 25).into());
            stream.write_all(b"mail.").await?;
        }
        #[allow(unreachable_code)]
        Done::Ok(())
    });
    let control = simulation.control();
    control.add_service("web", Service::new(FOUR).port(7).port(8), "web-*");
    control.add_service("mail.example", Service::new(FOUR).port(25), "mail");
    control.add_service("all", Service::new(SIX), "web-1");
    simulation.client("client", async {
        assert_eq!(connect((FOUR, 7)).await?, "web-1");
        assert_eq!(connect((FOUR, 25)).await?, "mail.");
        assert_eq!(connect((SIX, 7)).await?, "web-1");
        // One that nobody has, and one at which no server listens.
        for port in [9, 8] {
            let before = sim::control().elapsed();
            let refused = connect((FOUR, port)).await;
            assert_eq!(refused, Err(Error::ConnectionRefused));
            let took = sim::control().elapsed() - before;
            assert!((millis(1)..millis(9)).contains(&took), "{took:?}");
        }
        // Who is no server has not the address.
        let bound = TcpListener::bind((FOUR, 7)).await.map(drop);
        assert_eq!(bound, Err(Error::AddrNotAvailable));
        Done::Ok(())
    });
    run(simulation);
}

#[test]
fn servers_come_and_go_while_they_run() {
    let mut simulation = Simulation::new(1);
    servers(&mut simulation, 3);
    let control = simulation.control();
    control.add_service("web", Service::new(FOUR), "web-1|web-2");
    simulation.client("client", async {
        let control = sim::control();
        let next = || connect((FOUR, 7));
        let first = TcpStream::connect("web:7").await?;
        control.add_servers("web", "web-*");
        assert_eq!(next().await?, "web-2");
        // Its turn is still to come, and those of the others are not changed.
        assert_eq!(next().await?, "web-1");
        assert_eq!(next().await?, "web-3");
        control.remove_servers("web", "10.0.0.1|web-3");
        control.remove_servers("web", "web-1");
        for _ in 0..2 {
            assert_eq!(next().await?, "web-2");
        }
        // What is open goes on.
        assert_eq!(name_of(&first).await?, "web-1");
        let socket = UdpSocket::bind("0.0.0.0:0").await?;
        assert_eq!(send(&socket, (FOUR, 7).into()).await?, "web-2");
        control.remove_servers("web", "*");
        assert_eq!(next().await, Err(Error::ConnectionRefused));
        socket.send_to(b"lost", (FOUR, 7)).await?;
        sleep(secs(1)).await;
        assert!(socket.try_recv_from(&mut [0; 9]).is_err());
        control.remove_service("web");
        assert_eq!(next().await, Err(Error::HostUnreachable));
        assert_eq!(connect_by_name("web:7").await, Err(Error::NameNotFound));
        assert!(control.name_of(FOUR).is_none());
        // It may be given anew.
        control.add_addr("web-1", FOUR);
        assert_eq!(next().await?, "web-1");
        Done::Ok(())
    });
    run(simulation);
}

async fn connect_by_name(to: &str) -> Result<String, Error> {
    name_of(&TcpStream::connect(to).await?).await
}

/// As with IPVS: nobody looks whether a server is there.
#[test]
fn who_is_gone_has_its_turn() {
    let mut simulation = Simulation::builder(1).connect_timeout(secs(3)).build();
    servers(&mut simulation, 3);
    simulation
        .control()
        .add_service("web", Service::new(FOUR), "web-*");
    simulation.client("client", async {
        sleep(millis(1)).await;
        sim::control().crash("web-1");
        sim::control().kill("web-2");
        let expected = [
            Err(Error::TimedOut),
            Err(Error::ConnectionRefused),
            Ok("web-3".into()),
        ];
        for expected in expected.iter().cycle().take(6) {
            let before = sim::control().elapsed();
            assert_eq!(&connect((FOUR, 7)).await, expected);
            let took = sim::control().elapsed() - before;
            assert_eq!(
                took >= secs(2),
                *expected == Err(Error::TimedOut),
                "{took:?}"
            );
        }
        let socket = UdpSocket::bind("0.0.0.0:0").await?;
        for _ in 0..3 {
            socket.send_to(b"who", (FOUR, 7)).await?;
        }
        sleep(secs(1)).await;
        let mut name = [0; 9];
        let (count, _) = socket.try_recv_from(&mut name)?;
        assert_eq!(&name[..count], b"web-3");
        assert!(socket.try_recv_from(&mut name).is_err());
        Done::Ok(())
    });
    run(simulation);
}

/// How many of 60 connections, of which all are kept, and of 60 datagrams each server gets.
fn counts(seed: u64, balancing: LoadBalancing) -> [BTreeMap<String, usize>; 2] {
    let mut simulation = Simulation::new(seed);
    servers(&mut simulation, 3);
    let service = Service::new(FOUR).balancing(balancing);
    simulation.control().add_service("web", service, "web-*");
    let found = Rc::new(RefCell::new(<[BTreeMap<String, usize>; 2]>::default()));
    let finds = found.clone();
    simulation.client("client", async move {
        let socket = UdpSocket::bind("0.0.0.0:0").await?;
        let mut kept = Vec::new();
        for _ in 0..60 {
            let stream = TcpStream::connect("web:7").await?;
            let names = [
                name_of(&stream).await?,
                send(&socket, (FOUR, 7).into()).await?,
            ];
            for (counts, name) in finds.borrow_mut().iter_mut().zip(names) {
                *counts.entry(name).or_default() += 1;
            }
            kept.push(stream);
        }
        Done::Ok(())
    });
    run(simulation);
    found.take()
}

#[test]
fn turns_may_be_by_chance() {
    let random = counts(1, LoadBalancing::Random);
    for counts in &random {
        assert_eq!(counts.len(), 3);
        assert!(
            counts.values().all(|count| (8..35).contains(count)),
            "{counts:?}"
        );
    }
    assert_ne!(random[0], random[1]);
    assert_eq!(counts(1, LoadBalancing::Random), random);
    assert_ne!(counts(2, LoadBalancing::Random), random);
    let even = counts(1, LoadBalancing::RoundRobin);
    assert!(
        even.iter()
            .flat_map(BTreeMap::values)
            .all(|count| *count == 20)
    );
    assert_eq!(counts(2, LoadBalancing::LeastConnections), even);
}

#[test]
fn the_least_connections_are_those_that_are_open() {
    let mut simulation = Simulation::new(1);
    servers(&mut simulation, 3);
    let service = Service::new(FOUR).balancing(LoadBalancing::LeastConnections);
    simulation.control().add_service("web", service, "web-*");
    simulation.client("client", async {
        let mut open: BTreeMap<String, Vec<TcpStream>> = BTreeMap::new();
        for _ in 0..9 {
            let stream = TcpStream::connect("web:7").await?;
            open.entry(name_of(&stream).await?)
                .or_default()
                .push(stream);
        }
        assert!(open.values().all(|streams| streams.len() == 3));
        open.get_mut("web-2").unwrap().clear();
        sleep(secs(1)).await;
        // All at once: those that are still being made count, too.
        let connects = || async { TcpStream::connect("web:7").await };
        let (one, two, three) = polliwog_core::try_join!(connects(), connects(), connects())?;
        for stream in [&one, &two, &three] {
            assert_eq!(name_of(stream).await?, "web-2");
        }
        // What goes to a server itself is not the service's.
        let _direct = TcpStream::connect("web-1:8").await;
        let streams = [connects().await?, connects().await?, connects().await?];
        let mut names = Vec::new();
        for stream in &streams {
            names.push(name_of(stream).await?);
        }
        names.sort();
        assert_eq!(names, ["web-1", "web-2", "web-3"]);
        Done::Ok(())
    });
    run(simulation);
}

/// The addresses are those that the client knows, and the hosts are those that have it.
#[test]
fn messages_are_listed_with_the_services_address_and_their_server() {
    let link = Link::new(Latency::fixed(millis(10)));
    let builder = Simulation::builder(1).link(link).capture();
    let mut simulation = builder.trace(usize::MAX).build();
    servers(&mut simulation, 2);
    let control = simulation.control();
    control.add_service("web", Service::new(FOUR).port(7), "web-*");
    simulation.client("client", async {
        let socket = UdpSocket::bind("0.0.0.0:9").await?;
        let to = SocketAddr::from((FOUR, 7));
        for server in ["web-1", "web-2"] {
            let name = spawn(connect(to)).unwrap();
            sleep(millis(1)).await;
            socket.send_to(b"who", to).await?;
            let listed = || {
                let mut all = sim::control().in_flight();
                all.sort_by_key(|message| message.kind);
                all
            };
            let [syn, who] = &listed()[..] else { panic!() };
            assert_eq!((syn.kind, who.kind), ("syn", "udp"));
            for message in [syn, who] {
                assert_eq!((&*message.from, &*message.to), ("client", server));
                assert_eq!(message.to_addr, to);
            }
            sleep(millis(15)).await;
            for message in listed() {
                assert_eq!((&*message.from, &*message.to), (server, "client"));
                assert_eq!(message.from_addr, to, "{}", message.kind);
            }
            assert_eq!(name.await.unwrap()?, server);
            socket.recv_from(&mut [0; 9]).await?;
            // The end of the connection is on its way.
            sleep(secs(1)).await;
        }
        Done::Ok(())
    });
    let report = run(simulation);
    let mut sent = 0;
    for event in &report.trace {
        if let What::Sent {
            from_addr, to_addr, ..
        } = &event.what
        {
            assert!(from_addr.ip() == FOUR || to_addr.ip() == FOUR, "{event}");
            sent += 1;
        }
    }
    assert!(sent > 10);
    assert!(
        report
            .capture
            .windows(4)
            .any(|bytes| bytes == [10, 1, 0, 1])
    );
    let notes = report.trace.iter().map(|event| event.what.to_string());
    let text = "the service web at 10.1.0.1 port 7 has the servers web-1, web-2";
    assert!(notes.into_iter().any(|note| note.contains(text)));
}

/// What goes to a server itself is answered from its own address, whatever was asked before.
#[test]
fn who_asks_a_server_itself_is_answered_by_it() {
    let mut simulation = Simulation::new(1);
    servers(&mut simulation, 1);
    simulation
        .control()
        .add_service("web", Service::new(FOUR), "web-1");
    simulation.client("client", async {
        let socket = UdpSocket::bind("0.0.0.0:0").await?;
        for to in [FOUR, [10, 0, 0, 1].into(), FOUR] {
            assert_eq!(send(&socket, (to, 7).into()).await?, "web-1");
        }
        Done::Ok(())
    });
    run(simulation);
}

/// A server may connect its socket to whoever has asked: it goes on from the address at which it was.
#[test]
fn a_server_that_connects_its_socket_answers_from_the_services_address() {
    let mut simulation = Simulation::new(1);
    simulation.host("web-1", || async {
        let socket = UdpSocket::bind("0.0.0.0:7").await?;
        let (_, from) = socket.recv_from(&mut [0; 9]).await?;
        socket.connect(from).await?;
        assert_eq!(socket.local_addr()?, (FOUR, 7).into());
        socket.send(b"web-1").await?;
        socket.recv(&mut [0; 9]).await?;
        socket.send(b"again").await.map(drop)
    });
    simulation
        .control()
        .add_service("web", Service::new(FOUR), "web-1");
    simulation.client("client", async {
        let socket = UdpSocket::bind("0.0.0.0:0").await?;
        for expected in ["web-1", "again"] {
            assert_eq!(send(&socket, (FOUR, 7).into()).await?, expected);
        }
        Done::Ok(())
    });
    run(simulation);
}

#[derive(Clone)]
struct Who;

impl Request for Who {
    type Response = String;
}

#[test]
fn calls_of_endpoints_and_filters_go_by_the_server() {
    let mut simulation = Simulation::new(1);
    for name in ["web-1", "web-2"] {
        simulation.host(name, || async {
            let endpoint = Endpoint::bind("0.0.0.0:7").await?;
            let name = sim::host_name().unwrap();
            endpoint.serve(async |_: Who, _| name.clone()).await
        });
    }
    simulation
        .control()
        .add_service("web", Service::new(FOUR), "web-*");
    simulation.client("client", async {
        let endpoint = Endpoint::bind("0.0.0.0:0").await?;
        let asked = Rc::new(Cell::new(0));
        let asks = asked.clone();
        let _filter = sim::control().drop_messages("client", "web-2", move |_: &Who| {
            asks.set(asks.get() + 1);
            false
        });
        for expected in ["web-1", "web-2", "web-1", "web-2"] {
            assert_eq!(endpoint.call("web:7", Who).await?, expected);
        }
        assert_eq!(asked.get(), 2);
        Done::Ok(())
    });
    run(simulation);
}

#[test]
fn a_server_may_use_its_own_service() {
    let mut simulation = Simulation::new(1);
    servers(&mut simulation, 2);
    simulation
        .control()
        .add_service("web", Service::new(FOUR), "web-*");
    simulation.client("client", async {
        sleep(millis(1)).await;
        let own = sim::control().spawn("web-1", async {
            let socket = UdpSocket::bind("0.0.0.0:0").await?;
            for expected in ["web-1", "web-2"] {
                assert_eq!(connect((FOUR, 7)).await?, expected);
                assert_eq!(send(&socket, (FOUR, 7).into()).await?, expected);
            }
            Done::Ok(())
        });
        own.await.unwrap()
    });
    run(simulation);
}

/// A host that has run ahead by blocking has its turn when the others have come as far.
#[test]
fn a_turn_is_taken_when_its_time_has_come() {
    let slow = FaultKind::DiskSlow("busy".into(), 2000);
    let faults = vec![Fault::new(millis(1), secs(100_000), slow)];
    let mut simulation = Simulation::builder(7).faults(faults).build();
    servers(&mut simulation, 2);
    let control = simulation.control();
    control.add_service("web", Service::new(FOUR), "web-*");
    simulation.client("busy", async {
        sleep(millis(70)).await;
        fs::File::create("log").unwrap().sync_all().unwrap();
        assert!(sim::control().elapsed() > secs(1));
        let socket = UdpSocket::bind("0.0.0.0:0").await?;
        socket.send_to(b"who", (FOUR, 7)).await?;
        assert_eq!(connect((FOUR, 7)).await?, "web-2");
        let mut name = [0; 5];
        socket.recv(&mut name).await?;
        assert_eq!(&name, b"web-2");
        Done::Ok(())
    });
    simulation.client("hand", async {
        sleep(millis(500)).await;
        let socket = UdpSocket::bind("0.0.0.0:0").await?;
        assert_eq!(connect((FOUR, 7)).await?, "web-1");
        assert_eq!(send(&socket, (FOUR, 7).into()).await?, "web-1");
        Done::Ok(())
    });
    run(simulation);
}

#[test]
fn what_is_taken_is_refused() {
    let refuses = |what: fn(&sim::Control), text: &str| {
        let mut simulation = Simulation::new(1);
        simulation.host("one", echo);
        simulation.host("two", pending::<()>);
        let control = simulation.control();
        control.add_service("web", Service::new(FOUR).port(80), "*");
        let refused = catch_unwind(AssertUnwindSafe(|| what(&control)));
        let panic = *refused.expect_err(text).downcast::<String>().unwrap();
        assert!(panic.contains(text), "{panic}");
    };
    let further = || Service::new([10, 1, 0, 2].into());
    assert_eq!(further(), further());
    refuses(
        |c| c.add_service("one", Service::new(SIX), "one"),
        "a host with the name one",
    );
    refuses(
        |c| c.add_service("web", Service::new(SIX), "one"),
        "a service with the name web",
    );
    refuses(
        |c| c.add_service("all", Service::new(FOUR), "one"),
        "10.1.0.1 is an address of the service web",
    );
    refuses(
        |c| c.add_service("all", Service::new(FOUR).port(7).port(80), "one"),
        "10.1.0.1 port 7 port 80 is an address of the service web",
    );
    refuses(
        |c| c.add_service("all", Service::new([10, 0, 0, 2].into()), "one"),
        "an address of two",
    );
    refuses(
        |c| c.add_service("all", Service::new([127, 0, 0, 1].into()), "one"),
        "no host's address",
    );
    refuses(
        |c| c.add_service("all", Service::new(SIX), "six"),
        "no host has the name six",
    );
    refuses(
        |c| c.add_servers("six", "one"),
        "no service has the name six",
    );
    refuses(
        |c| c.remove_servers("web", "six"),
        "no host has the name six",
    );
    refuses(|c| c.remove_service("six"), "no service has the name six");
    refuses(
        |c| c.add_addr("one", FOUR),
        "10.1.0.1 is the address of the service web",
    );
    refuses(|c| c.set_name("web", "one"), "a service with the name web");
    refuses(|c| c.host("web", echo), "a service with the name web");
}
