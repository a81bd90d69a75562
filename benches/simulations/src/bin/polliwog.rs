//! polliwog's simulation.

use std::cell::Cell;
use std::io;
use std::rc::Rc;

use polliwog::net::UdpSocket;
use polliwog::sim::Simulation;
use polliwog::spawn;
use polliwog::time::sleep;
use simulations::{Plan, tell};

async fn host(plan: Plan, id: u32, received: Rc<Cell<u64>>) -> io::Result<()> {
    let socket = Rc::new(UdpSocket::bind("0.0.0.0:7").await?);
    let receiver = socket.clone();
    spawn(async move {
        while receiver.recv_from(&mut [0; 100]).await.is_ok() {
            received.set(received.get() + 1);
        }
    })
    .unwrap()
    .detach();
    let others = (0..plan.hosts).filter(|other| *other != id);
    let others: Vec<_> = others
        .map(|other| (std::net::Ipv4Addr::from_bits((10 << 24) + other + 1), 7).into())
        .collect::<Vec<std::net::SocketAddr>>();
    loop {
        for other in &others {
            socket.send_to(b"hello", *other).await?;
        }
        sleep(plan.period).await;
    }
}

fn main() {
    let plan = Plan::from_args();
    let received = Rc::new(Cell::new(0));
    let mut simulation = Simulation::builder(1).time_limit(plan.time * 2).build();
    for id in 0..plan.hosts {
        let received = received.clone();
        simulation.host(&format!("host-{id}"), move || {
            host(plan, id, received.clone())
        });
    }
    simulation.client("clock", sleep(plan.time));
    simulation.run().unwrap();
    tell(received.get());
}
