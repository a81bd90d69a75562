//! Addresses and names that a test chooses, and when its clocks begin.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, UNIX_EPOCH};

use polliwog_spin::Error;
use polliwog_spin::net::{TcpListener, TcpStream, UdpSocket, lookup_host};
use polliwog_spin::sim::{self, Simulation};

use crate::{Done, ask, echo, millis, run, secs};

const FURTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(172, 16, 0, 1));
const CHOSEN: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7));

/// Accepts one connection after the other, at all addresses of both families.
async fn accept(listener: TcpListener) -> Done {
    loop {
        listener.accept().await?;
    }
}

#[test]
fn chosen_addresses_are_those_that_peers_see() {
    let mut simulation = Simulation::new(1);
    simulation.host("server", || async {
        let listener = TcpListener::bind("[::]:7").await?;
        loop {
            let (stream, peer) = listener.accept().await?;
            assert_eq!(peer.ip(), CHOSEN);
            stream.write_all(b"frog").await?;
        }
        #[allow(unreachable_code)]
        Done::Ok(())
    });
    simulation.client("client", async {
        // Its own, whose peer has none that was chosen.
        let stream = TcpStream::connect("[fd00::1]:7").await?;
        assert_eq!(stream.local_addr()?.ip(), CHOSEN);
        stream.read_exact(&mut [0; 4]).await?;
        let socket = UdpSocket::bind(SocketAddr::new(CHOSEN, 9)).await?;
        socket.send_to(b"quak", (CHOSEN, 9)).await?;
        let mut buf = [0; 4];
        let (_, from) = socket.recv_from(&mut buf).await?;
        assert_eq!((&buf, from), (b"quak", (CHOSEN, 9).into()));
        // The former one is nobody's.
        assert!(TcpListener::bind("[fd00::2]:7").await.is_err());
        Done::Ok(())
    });
    let control = simulation.control();
    control.set_addr("client", CHOSEN);
    assert_eq!(control.name_of(CHOSEN).as_deref(), Some("client"));
    assert_eq!(control.name_of("fd00::2".parse().unwrap()), None);
    run(simulation);
}

#[test]
fn a_further_address_goes_from_one_host_to_another_while_they_run() {
    let mut simulation = Simulation::new(1);
    for name in ["one", "two"] {
        simulation.host(name, echo);
    }
    simulation.client("client", async {
        let control = sim::control();
        let connect = || TcpStream::connect((FURTHER, 7));
        assert_eq!(connect().await.unwrap_err(), Error::HostUnreachable);
        control.add_addr("one", FURTHER);
        let first = connect().await?;
        assert_eq!(control.name_of(FURTHER).as_deref(), Some("one"));
        control.remove_addr(FURTHER);
        control.add_addr("two", FURTHER);
        // By its address, as by its name.
        control.crash(&FURTHER.to_string());
        assert!(control.is_up("one"));
        control.restart("two");
        polliwog_core::time::sleep(millis(1)).await;
        assert_eq!(ask(&connect().await?, b"frog").await?, b"frog");
        // What is connected does not ask where its peer is.
        assert_eq!(ask(&first, b"toad").await?, b"toad");
        Done::Ok(())
    });
    run(simulation);
}

#[test]
fn a_host_may_be_named_by_its_address_and_the_others_have_what_is_left() {
    let mut simulation = Simulation::new(1);
    simulation.host("10.0.0.3", echo);
    simulation.host("2001:db8::1", echo);
    for name in ["third", "fourth"] {
        simulation.host(name, || async {});
    }
    let control = simulation.control();
    let addr = |name| control.addr(name).unwrap().to_string();
    assert_eq!(addr("10.0.0.3"), "10.0.0.3");
    assert_eq!(addr("2001:db8::1"), "10.0.0.2");
    // 10.0.0.3 is taken.
    assert_eq!(
        (addr("third"), addr("fourth")),
        ("10.0.0.4".into(), "10.0.0.5".into())
    );
    simulation.client("client", async {
        for at in ["10.0.0.3:7", "10.0.0.2:7"] {
            ask(&TcpStream::connect(at).await?, b"frog").await?;
        }
        // It is there, and listens by IPv4.
        let refused = TcpStream::connect("[2001:db8::1]:7").await;
        assert_eq!(refused.unwrap_err(), Error::ConnectionRefused);
        Done::Ok(())
    });
    run(simulation);
}

#[test]
fn what_is_taken_is_refused() {
    let refuses = |what: fn(&Simulation), text: &str| {
        let mut simulation = Simulation::new(1);
        simulation.host("one", echo);
        simulation.host("two", echo);
        let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| what(&simulation)));
        let panic = *refused.expect_err(text).downcast::<String>().unwrap();
        assert!(panic.contains(text), "{panic}");
    };
    refuses(
        |s| s.control().add_addr("one", [10, 0, 0, 2].into()),
        "an address of two",
    );
    refuses(
        |s| s.control().set_addr("one", [10, 0, 0, 2].into()),
        "an address of two",
    );
    refuses(
        |s| s.control().add_addr("one", [127, 0, 0, 1].into()),
        "no host's",
    );
    refuses(
        |s| s.control().add_addr("one", [224, 0, 0, 1].into()),
        "no host's",
    );
    refuses(
        |s| s.control().add_addr("six", FURTHER),
        "no host has the name",
    );
    refuses(|s| s.control().remove_addr(FURTHER), "nobody's");
    refuses(
        |s| s.control().remove_addr([10, 0, 0, 1].into()),
        "no further address",
    );
    refuses(|s| s.control().set_name("one", "two"), "there is a host");
    refuses(
        |s| s.control().set_name("six", "six"),
        "no host has the name",
    );
}

#[test]
fn a_name_for_several_hosts_gives_them_in_turn() {
    let mut simulation = Simulation::new(1);
    for number in 1..4 {
        simulation.host(&format!("node-{number}"), || async {
            let listener = TcpListener::bind("0.0.0.0:7").await?;
            accept(listener).await
        });
    }
    simulation.client("client", async {
        let control = sim::control();
        let texts = async || -> Result<Vec<String>, Error> {
            let found = lookup_host("all:7").await?;
            Ok(found.iter().map(ToString::to_string).collect())
        };
        assert_eq!(texts().await, Err(Error::NameNotFound));
        control.set_name("all", "node-3|node-1");
        assert_eq!(texts().await?, ["10.0.0.1:7", "10.0.0.3:7"]);
        assert_eq!(texts().await?, ["10.0.0.3:7", "10.0.0.1:7"]);
        // To ask for it is no lookup.
        assert_eq!(control.addr("all"), control.addr("node-1"));
        control.kill("node-1");
        polliwog_core::yield_now().await;
        // The first one refuses.
        let stream = TcpStream::connect("all:7").await?;
        assert_eq!(stream.peer_addr()?.to_string(), "10.0.0.3:7");
        control.kill("node-3");
        polliwog_core::yield_now().await;
        let refused = TcpStream::connect(("all", 7)).await;
        assert_eq!(refused.unwrap_err(), Error::ConnectionRefused);
        control.set_name("all", "node-2");
        TcpStream::connect(String::from("all:7")).await?;
        Done::Ok(())
    });
    run(simulation);
}

#[test]
fn names_stand_for_addresses_by_ipv6_if_they_shall() {
    let mut simulation = Simulation::builder(1).prefer_ipv6(true).build();
    simulation.host("server", || async {
        accept(TcpListener::bind("[::]:7").await?).await
    });
    simulation.client("client", async {
        let stream = TcpStream::connect("server:7").await?;
        assert_eq!(stream.peer_addr()?.to_string(), "[fd00::1]:7");
        assert_eq!(stream.local_addr()?.ip().to_string(), "fd00::2");
        Done::Ok(())
    });
    run(simulation);
}

#[test]
fn wall_clocks_begin_when_the_test_says() {
    let begin = UNIX_EPOCH + Duration::from_secs(1 << 31);
    let mut simulation = Simulation::builder(1).epoch(begin).build();
    simulation.client("client", async move {
        assert_eq!(sim::system_time(), begin);
        polliwog_core::time::sleep(secs(5)).await;
        assert_eq!(sim::system_time(), begin + secs(5));
        sim::fs::write("file", b"").await.unwrap();
        let modified = sim::fs::metadata("file").await.unwrap().modified();
        assert!(modified.unwrap() > begin + secs(5));
    });
    run(simulation);
}

#[test]
fn wall_clocks_begin_within_a_range_by_the_seed() {
    let first = UNIX_EPOCH + secs(1_640_995_200);
    let year = || first..=first + secs(365 * 24 * 3600);
    let begin = |seed| {
        let mut simulation = Simulation::builder(seed).epoch_within(year()).build();
        let found = std::rc::Rc::new(std::cell::Cell::new(UNIX_EPOCH));
        // The clocks of all hosts agree at the beginning.
        for name in ["one", "two"] {
            let found = found.clone();
            simulation.client(name, async move {
                let other = found.replace(sim::system_time());
                assert!(other == UNIX_EPOCH || other == found.get());
            });
        }
        run(simulation);
        found.get()
    };
    let begins: Vec<_> = (0..20).map(begin).collect();
    assert!(begins.iter().all(|begin| year().contains(begin)));
    let (earliest, latest) = (begins.iter().min().unwrap(), begins.iter().max().unwrap());
    let apart = latest.duration_since(*earliest).unwrap();
    assert!(apart > secs(180 * 24 * 3600), "{apart:?}");
    assert_eq!(begin(7), begins[7]);
}

#[test]
#[should_panic = "no moment is from"]
fn clocks_begin_at_a_moment_that_there_is() {
    let _ = Simulation::builder(1).epoch_within(UNIX_EPOCH + secs(2)..=UNIX_EPOCH + secs(1));
}

#[test]
fn whoever_listens_by_ipv4_is_not_reached_by_ipv6() {
    let mut simulation = Simulation::new(1);
    simulation.host("server", || async {
        let four = TcpListener::bind("0.0.0.0:4").await?;
        let both = TcpListener::bind("[::]:6").await?;
        let _one = TcpListener::bind("[fd00::1]:4").await?;
        let socket = UdpSocket::bind("0.0.0.0:4").await?;
        for (addr, taken) in [("[::]:4", true), ("0.0.0.0:6", true), ("[::1]:4", false)] {
            let bound = TcpListener::bind(addr).await.map(drop);
            assert_eq!(bound == Err(Error::AddrInUse), taken, "{addr}");
        }
        assert_eq!(
            UdpSocket::bind("[::]:4").await.unwrap_err(),
            Error::AddrInUse
        );
        drop(UdpSocket::bind("[fd00::1]:4").await?);
        let receives = async {
            let (_, from) = socket.recv_from(&mut [0; 8]).await?;
            assert!(from.is_ipv4(), "the other one is lost");
            Done::Ok(())
        };
        polliwog_core::try_join!(receives, accept(four), accept(both)).map(drop)
    });
    simulation.client("client", async {
        for addr in ["10.0.0.1:4", "10.0.0.1:6", "[fd00::1]:6"] {
            TcpStream::connect(addr).await?;
        }
        let six = UdpSocket::bind("[::]:0").await?;
        six.send_to(b"lost", "[fd00::1]:4").await?;
        polliwog_core::time::sleep(secs(1)).await;
        let four = UdpSocket::bind("0.0.0.0:0").await?;
        four.send_to(b"there", "server:4").await?;
        polliwog_core::time::sleep(secs(1)).await;
        Done::Ok(())
    });
    run(simulation);
}
