//! turmoil's.

#[cfg(not(madsim))]
fn main() {
    use std::rc::Rc;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use simulations::{Plan, tell};
    use turmoil::net::UdpSocket;

    let plan = Plan::from_args();
    let received = Arc::new(AtomicU64::new(0));
    let mut simulation = turmoil::Builder::new()
        .rng_seed(1)
        .simulation_duration(plan.time * 2 + Duration::from_secs(1))
        .udp_capacity(1 << 20)
        .build();
    for id in 0..plan.hosts {
        let received = received.clone();
        simulation.host(format!("host-{id}"), move || {
            let received = received.clone();
            async move {
                let socket = Rc::new(UdpSocket::bind("0.0.0.0:7").await?);
                let receiver = socket.clone();
                tokio::task::spawn_local(async move {
                    while receiver.recv_from(&mut [0; 100]).await.is_ok() {
                        received.fetch_add(1, Ordering::Relaxed);
                    }
                });
                let others = (0..plan.hosts).filter(|other| *other != id);
                let others: Vec<_> = others
                    .map(|other| (turmoil::lookup(format!("host-{other}")), 7))
                    .collect();
                loop {
                    for other in &others {
                        socket.send_to(b"hello", *other).await?;
                    }
                    tokio::time::sleep(plan.period).await;
                }
            }
        });
    }
    simulation.client("clock", async move {
        tokio::time::sleep(plan.time).await;
        Ok(())
    });
    simulation.run().unwrap();
    tell(received.load(Ordering::Relaxed));
}

#[cfg(madsim)]
fn main() {}
