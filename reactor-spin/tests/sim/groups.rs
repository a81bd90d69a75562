//! Datagrams to all hosts, and to groups.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use polliwog_core::time::{sleep, timeout};
use polliwog_spin::Error;
use polliwog_spin::net::{TcpListener, UdpSocket};
use polliwog_spin::sim::{self, Simulation};

use crate::{Done, millis, run, secs};

#[test]
fn a_broadcast_reaches_everybody() {
    let mut simulation = Simulation::new(1);
    for name in ["a", "b", "c"] {
        simulation.client(name, async move {
            let socket = UdpSocket::bind("0.0.0.0:7").await?;
            socket.set_broadcast(true)?;
            let own = UdpSocket::bind((sim::control().addr(name).unwrap(), 8)).await?;
            sleep(millis(10)).await;
            socket
                .send_to(b"not for one address", "255.255.255.255:8")
                .await?;
            socket.send_to(name.as_bytes(), "255.255.255.255:7").await?;
            let mut heard = BTreeSet::new();
            let mut buf = [0; 10];
            // The sender's own host, too, as on Linux.
            for _ in 0..3 {
                let count = socket.recv(&mut buf).await?;
                heard.insert(String::from_utf8_lossy(&buf[..count]).into_owned());
            }
            assert_eq!(heard.len(), 3, "{heard:?}");
            sleep(secs(1)).await;
            assert_eq!(own.try_recv(&mut buf).unwrap_err(), Error::WouldBlock);
            Done::Ok(())
        });
    }
    run(simulation);
}

/// What comes within a second, in order.
async fn heard(socket: &UdpSocket) -> Vec<String> {
    let mut heard = Vec::new();
    let mut buf = [0; 20];
    while let Ok(received) = timeout(secs(1), socket.recv(&mut buf)).await {
        heard.push(String::from_utf8_lossy(&buf[..received.unwrap()]).into_owned());
    }
    heard.sort();
    heard
}

#[test]
fn a_group_hears_what_is_sent_to_it() {
    let group = Ipv4Addr::new(239, 1, 2, 3);
    let here = Ipv4Addr::UNSPECIFIED;
    let mut simulation = Simulation::new(1);
    for name in ["a", "b", "c"] {
        simulation.client(name, async move {
            let socket = UdpSocket::bind("0.0.0.0:7").await?;
            if name != "c" {
                socket.join_multicast_v4(group, here)?;
            }
            socket.set_multicast_loop_v4(name != "b")?;
            sleep(millis(10)).await;
            // Members or not, all may send.
            socket.send_to(name.as_bytes(), "239.1.2.3:7").await?;
            // Nobody is at this port, or in this group.
            socket.send_to(name.as_bytes(), "239.1.2.3:8").await?;
            socket.send_to(name.as_bytes(), "239.1.2.4:7").await?;
            let expected: &[&str] = match name {
                "a" => &["a", "b", "c"],
                // Its own does not come back.
                "b" => &["a", "c"],
                _ => &[],
            };
            assert_eq!(heard(&socket).await, expected, "{name}");
            // Who has left hears nothing, and one to one it goes on.
            if name == "a" {
                socket.leave_multicast_v4(group, here)?;
            }
            sleep(secs(1)).await;
            if name == "c" {
                socket.send_to(b"all", (group, 7)).await?;
                socket.send_to(b"a alone", "a:7").await?;
            }
            let expected: &[&str] = match name {
                "a" => &["a alone"],
                "b" => &["all"],
                _ => &[],
            };
            assert_eq!(heard(&socket).await, expected, "{name}");
            Done::Ok(())
        });
    }
    run(simulation);
}

#[test]
fn groups_have_limits() {
    let group = Ipv4Addr::new(239, 1, 2, 3);
    let here = Ipv4Addr::UNSPECIFIED;
    let mut simulation = Simulation::new(1);
    simulation.client("other", sleep(millis(1)));
    simulation.client("frog", async move {
        let other = sim::control().addr("other");
        let Some(IpAddr::V4(other)) = other else {
            panic!("{other:?}");
        };
        let socket = UdpSocket::bind("0.0.0.0:7").await?;
        let no_group = Ipv4Addr::new(10, 0, 0, 9);
        let refused = [
            (
                socket.join_multicast_v4(no_group, here),
                Error::InvalidInput,
            ),
            (
                socket.join_multicast_v4(group, other),
                Error::AddrNotAvailable,
            ),
            (
                socket.leave_multicast_v4(group, here),
                Error::AddrNotAvailable,
            ),
            (
                socket.join_multicast_v6(&Ipv6Addr::LOCALHOST, 0),
                Error::InvalidInput,
            ),
            (
                socket.join_multicast_v6(&"ff02::1".parse().unwrap(), 0),
                Error::InvalidInput,
            ),
            (
                socket.join_multicast_v6(&"ff02::1".parse().unwrap(), 2),
                Error::AddrNotAvailable,
            ),
        ];
        for (number, (result, error)) in refused.into_iter().enumerate() {
            assert_eq!(result, Err(error), "{number}");
        }
        socket.join_multicast_v4(group, here)?;
        assert_eq!(socket.join_multicast_v4(group, here), Err(Error::AddrInUse));
        assert_eq!(
            TcpListener::bind((group, 7)).await.err(),
            Some(Error::AddrNotAvailable)
        );
        // Bound to the group's address it hears nothing else, and sends from its host's.
        let bound = UdpSocket::bind((group, 8)).await?;
        bound.join_multicast_v4(group, here)?;
        socket.send_to(b"one", (group, 8)).await?;
        socket.send_to(b"frog alone", "frog:8").await?;
        assert_eq!(heard(&bound).await, ["one"]);
        bound.send_to(b"from", "frog:7").await?;
        let (_, from) = socket.recv_from(&mut [0; 10]).await?;
        assert_eq!(Some(from.ip()), sim::control().addr("frog"));
        // Of IPv6, too.
        let six = UdpSocket::bind("[::]:9").await?;
        let group: Ipv6Addr = "ff02::fb".parse().unwrap();
        six.join_multicast_v6(&group, 1)?;
        six.send_to(b"six", (group, 9)).await?;
        assert_eq!(heard(&six).await, ["six"]);
        six.leave_multicast_v6(&group, 1)?;
        six.send_to(b"six", (group, 9)).await?;
        assert_eq!(heard(&six).await, [""; 0]);
        Done::Ok(())
    });
    run(simulation);
}
