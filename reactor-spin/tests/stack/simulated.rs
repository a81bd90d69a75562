//! Firmware in a simulation: stacks of chips on simulated hosts. A frame travels as a datagram, so that the link between the
//! hosts loses, doubles, reorders and parts frames as it does everything else.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::task::Waker;

use polliwog_spin::net::UdpSocket as Cable;
use polliwog_spin::sim::{
    self, Builder, Failure, Latency, Link, Nemesis, Report, check, control, explore,
};
use polliwog_spin::stack::Driver;
use polliwog_spin::stack::smoltcp::phy::{
    Device, DeviceCapabilities, Medium, RxToken as Receive, TxToken as Transmit,
};
use polliwog_spin::stack::smoltcp::time::Instant;

use super::*;

/// The port of a host at which its device's cable ends.
const PLUG: u16 = 1;

/// A network device, whose cable leads to another host.
struct Port {
    cable: Rc<Cable>,
    peer: SocketAddr,
    queue: Rc<Queue>,
}

/// Frames that have come in, and the waker of whoever takes them: what an interrupt handler fills.
#[derive(Default)]
struct Queue {
    frames: RefCell<VecDeque<Vec<u8>>>,
    waker: RefCell<Option<Waker>>,
}

impl Port {
    async fn new(peer: &str) -> Self {
        let cable = Rc::new(Cable::bind(("0.0.0.0", PLUG)).await.unwrap());
        let peer = SocketAddr::new(control().addr(peer).unwrap(), PLUG);
        let queue = Rc::new(Queue::default());
        let (receives, fills) = (cable.clone(), queue.clone());
        let interrupts = async move {
            let mut frame = [0; 1514];
            while let Ok((count, _)) = receives.recv_from(&mut frame).await {
                fills.frames.borrow_mut().push_back(frame[..count].to_vec());
                let waker = fills.waker.borrow().clone();
                if let Some(waker) = waker {
                    waker.wake();
                }
            }
        };
        spawn(interrupts).unwrap().detach();
        Self { cable, peer, queue }
    }
}

impl Driver for Port {
    fn register(&mut self, waker: &Waker) {
        *self.queue.waker.borrow_mut() = Some(waker.clone());
    }
}

impl Device for Port {
    type RxToken<'a> = Frame;
    type TxToken<'a> = ToSend<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Frame, ToSend<'_>)> {
        let frame = self.queue.frames.borrow_mut().pop_front()?;
        Some((Frame(frame), ToSend(self)))
    }

    fn transmit(&mut self, _: Instant) -> Option<ToSend<'_>> {
        Some(ToSend(self))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities
    }
}

struct Frame(Vec<u8>);

impl Receive for Frame {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

struct ToSend<'a>(&'a Port);

impl Transmit for ToSend<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut frame = vec![0; len];
        let result = f(&mut frame);
        // A frame that does not get away is lost, as on a cable.
        let _ = self.0.cable.try_send_to(&frame, self.0.peer);
        result
    }
}

/// A chip's stack, whose device's cable leads to `peer`.
async fn chip(address: Ipv4Addr, mac: u8, peer: &str) -> &'static Stack {
    let mut port = Port::new(peer).await;
    let settings = Settings {
        mac: [2, 0, 0, 0, 0, mac],
        address,
        prefix: 24,
        gateway: None,
        seed: sim::random(),
    };
    // A chip has it in statics; here each start leaves one behind.
    let (sockets, buffers) = (leak(Sockets::<5, TCP>::new()), leak(Buffers::new()));
    let stack: &'static Stack = leak(Stack::new::<5, TCP, BYTES>(
        &settings, sockets, buffers, &mut port,
    ));
    spawn(async move { stack.run(&mut port).await })
        .unwrap()
        .detach();
    stack
}

/// A chip that echoes, and one that asks it until all is said; the asking one crashes now and then, the cable, too.
fn firmware(builder: Builder, nemesis: Nemesis) -> Result<Report, Failure> {
    let link = Link::new(Latency::exponential(
        Duration::from_millis(1),
        Duration::from_millis(3),
    ));
    let mut simulation = builder
        .link(link.loss(0.05).duplicate(0.05).reorder(0.1))
        .nemesis(nemesis)
        .build();
    simulation.host("server", || async {
        let stack = chip(SERVER, 1, "client").await;
        let listener = TcpListener::bind(stack, "0.0.0.0:7", 2).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            spawn(async { echo(stream).await.ok() }).unwrap().detach();
        }
        #[expect(unreachable_code, reason = "it says what the future's type is")]
        Ok::<(), Error>(())
    });
    simulation.client("client", async {
        let stack = chip(CLIENT, 2, "server").await;
        let data: Vec<u8> = (0..3000_u32).map(|n| ((n * n) >> 7) as u8).collect();
        let mut rounds = 0;
        while rounds < 3 {
            let round = async {
                let stream = TcpStream::connect(stack, (SERVER, 7)).await?;
                for part in data.chunks(700) {
                    stream.write_all(part).await?;
                    let mut answer = vec![0; part.len()];
                    stream.read_exact(&mut answer).await?;
                    assert!(answer == part, "a stream stays a stream");
                }
                Ok::<(), Error>(())
            };
            match timeout(Duration::from_secs(20), round).await {
                Ok(Ok(())) => rounds += 1,
                _ => sleep(Duration::from_millis(100)).await,
            }
        }
    });
    simulation.run()
}

#[test]
fn stacks_talk_over_a_simulated_cable() {
    let calm = explore(0..20, 2, |builder| {
        firmware(builder, Nemesis::new("*").faults(0, 0))
    });
    calm.unwrap();
    let faults = || {
        Nemesis::new("server")
            .faults(1, 4)
            .within(Duration::from_secs(3))
            .crashes()
            .pauses()
            .losses()
            .slowness()
    };
    explore(0..20, 2, |builder| firmware(builder, faults())).unwrap();
}

#[test]
fn simulated_firmware_is_repeatable() {
    for seed in 0..5 {
        check(seed, |builder| {
            firmware(builder, Nemesis::new("*").faults(2, 2).losses())
        })
        .unwrap();
    }
}
