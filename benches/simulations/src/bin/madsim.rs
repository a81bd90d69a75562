//! madsim's; a program for it is built with `--cfg madsim`.

#[cfg(madsim)]
fn main() {
    use std::net::{Ipv4Addr, SocketAddr};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use madsim::net::UdpSocket;
    use madsim::runtime::{Handle, Runtime};
    use madsim::time::sleep;
    use simulations::{Plan, tell};

    let plan = Plan::from_args();
    let received = Arc::new(AtomicU64::new(0));
    let addr = |id: u32| Ipv4Addr::from_bits((10 << 24) + id + 1);
    let runtime = Runtime::with_seed_and_config(1, madsim::Config::default());
    let counter = received.clone();
    runtime.block_on(async move {
        for id in 0..plan.hosts {
            let node = Handle::current().create_node();
            let node = node.name(format!("host-{id}")).ip(addr(id).into()).build();
            let received = counter.clone();
            node.spawn(async move {
                let socket = Arc::new(UdpSocket::bind("0.0.0.0:7").await.unwrap());
                let receiver = socket.clone();
                madsim::task::spawn(async move {
                    while receiver.recv_from(&mut [0; 100]).await.is_ok() {
                        received.fetch_add(1, Ordering::Relaxed);
                    }
                });
                let others = (0..plan.hosts).filter(|other| *other != id);
                let others: Vec<SocketAddr> = others.map(|other| (addr(other), 7).into()).collect();
                loop {
                    for other in &others {
                        socket.send_to(b"hello", *other).await.unwrap();
                    }
                    sleep(plan.period).await;
                }
            });
        }
        sleep(plan.time).await;
    });
    tell(received.load(Ordering::Relaxed));
}

#[cfg(not(madsim))]
fn main() {
    eprintln!("this is no simulation: build it with RUSTFLAGS='--cfg madsim'");
}
