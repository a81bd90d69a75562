//! What the system tells of the network. It is looked for in the libraries behind the program.

use std::net::ToSocketAddrs as _;

use nix::net::if_::InterfaceFlags;
use nix::sys::socket::SockaddrStorage;

use super::machine::on_host;
use super::polliwog::sim::{self, Simulation};

/// The devices of the network with their addresses and masks, and the address that is everybody's.
fn devices() -> Vec<String> {
    let ip = |addr: Option<SockaddrStorage>| {
        let addr = addr?;
        let v4 = addr.as_sockaddr_in().map(|addr| addr.ip().to_string());
        v4.or_else(|| Some(addr.as_sockaddr_in6()?.ip().to_string()))
    };
    let told = nix::ifaddrs::getifaddrs().unwrap().filter_map(|device| {
        let number = nix::net::if_::if_nametoindex(device.interface_name.as_str()).unwrap();
        let is_self = device.flags.contains(InterfaceFlags::IFF_LOOPBACK);
        let (addr, mask) = (ip(device.address)?, ip(device.netmask)?);
        let all = ip(device.broadcast)
            .filter(|_| !is_self)
            .unwrap_or_default();
        Some(format!("{number} {is_self} {addr} {mask} {all}"))
    });
    told.collect()
}

#[test]
fn a_host_has_a_network_device() {
    let of_the_machine = devices();
    assert!(
        of_the_machine
            .iter()
            .any(|device| device.contains("127.0.0.1"))
    );
    let of_host = [
        "1 true 127.0.0.1 255.0.0.0 ",
        "1 true ::1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ",
        "2 false 10.0.0.1 255.0.0.0 255.255.255.255",
        "2 false fd00::1 ffff:ffff:ffff:ffff:: ",
    ];
    assert_eq!(on_host("frog", 1, devices), of_host);
    assert_eq!(devices(), of_the_machine);
    let mut simulation = Simulation::new(1);
    simulation.client("frog", async move {
        sim::control().add_addr("frog", [192, 168, 7, 1].into());
        let told = devices();
        assert_eq!(told[..4], of_host);
        assert_eq!(told[4..], ["2 false 192.168.7.1 255.0.0.0 255.255.255.255"]);
        assert!(nix::net::if_::if_nametoindex("wlan7").is_err());
    });
    simulation.run().unwrap();
}

#[test]
fn names_are_those_of_hosts() {
    let of_the_machine = "localhost:80"
        .to_socket_addrs()
        .unwrap()
        .collect::<Vec<_>>();
    let mut simulation = Simulation::new(1);
    simulation.client("newt", async {});
    simulation.client("toad", async {});
    simulation.control().set_name("pond", "newt|toad");
    simulation.client("frog", async {
        let ask = |name: &str| {
            let found = (name, 80).to_socket_addrs();
            found.map(|addrs| addrs.map(|addr| addr.to_string()).collect::<Vec<_>>())
        };
        assert_eq!(ask("newt").unwrap(), ["10.0.0.1:80"]);
        assert_eq!(ask("frog").unwrap(), ["10.0.0.3:80"]);
        let (first, second) = (ask("pond").unwrap(), ask("pond").unwrap());
        assert_eq!(first, ["10.0.0.1:80", "10.0.0.2:80"]);
        assert_eq!(second, ["10.0.0.2:80", "10.0.0.1:80"]);
        assert_eq!(ask("localhost").unwrap(), ["127.0.0.1:80"]);
        assert!(ask("nobody").is_err());
        // Of another host than this one.
        let found = polliwog_spin::net::lookup_host("toad:80").await.unwrap();
        assert_eq!(
            found,
            "toad:80".to_socket_addrs().unwrap().collect::<Vec<_>>()
        );
    });
    simulation.run().unwrap();
    let now = "localhost:80"
        .to_socket_addrs()
        .unwrap()
        .collect::<Vec<_>>();
    assert_eq!(now, of_the_machine);
    assert!(now.iter().all(|addr| addr.ip().is_loopback()));

    let mut simulation = Simulation::builder(1).prefer_ipv6(true).build();
    simulation.client("frog", async {
        let found = "frog:80".to_socket_addrs().unwrap().collect::<Vec<_>>();
        assert_eq!(found, ["[fd00::1]:80".parse().unwrap()]);
    });
    simulation.run().unwrap();
}
