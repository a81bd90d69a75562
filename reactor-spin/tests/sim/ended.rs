//! What is left of a process that has come to its end: nothing that it has leaked, and nothing that its destructors say.

use std::cell::RefCell;
use std::future::pending;
use std::mem::forget;
use std::rc::Rc;
use std::time::Duration;

use polliwog_core::time::{sleep, timeout};
use polliwog_spin::Error;
use polliwog_spin::net::{
    TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream,
};
use polliwog_spin::sim::{self, Fault, Simulation, signal::unix::SignalKind};

use crate::{Done, millis, run, secs};

/// So long nobody waits for what comes.
const LONG: Duration = Duration::from_secs(60);

/// How a process comes to its end and another one begins.
const ENDS: [&str; 4] = ["kill", "signal", "failure", "ends well"];

/// Everything that a process can have, which it never drops.
async fn leaks() -> Done {
    struct Cycle(#[allow(dead_code)] TcpListener, RefCell<Option<Rc<Cycle>>>);
    let cycle = Rc::new(Cycle(TcpListener::bind("0.0.0.0:80").await?, None.into()));
    *cycle.1.borrow_mut() = Some(cycle.clone());
    Box::leak(Box::new(TcpListener::bind("[::]:81").await?));
    let socket = UdpSocket::bind("0.0.0.0:80").await?;
    socket.join_multicast_v4([239, 1, 1, 1].into(), [0; 4].into())?;
    forget(socket);
    forget(UnixListener::bind("\0listener")?);
    forget(UnixDatagram::bind("\0datagram")?);
    forget(sim::outside(Duration::from_secs(3600), pending::<()>()));
    Ok(())
}

#[test]
fn a_new_process_finds_nothing_that_the_former_one_has_leaked() {
    for how in ENDS {
        let builder = Simulation::builder(1).restart_failed("*", "*no pond", secs(1));
        let mut simulation = builder.build();
        let mut starts = 0;
        simulation.host("server", move || {
            starts += 1;
            let is_first = starts == 1;
            async move {
                leaks().await?;
                if is_first {
                    forget(UnixListener::bind("/run.sock")?);
                    forget(UnixDatagram::bind("/log.sock")?);
                    sleep(secs(1)).await;
                    match how {
                        "failure" => panic!("no pond"),
                        "ends well" => return Ok(()),
                        _ => {}
                    }
                } else {
                    // The files are there, and nobody listens.
                    let refused = timeout(secs(1), unix_stream()).await.unwrap();
                    assert_eq!(refused.err(), Some(Error::ConnectionRefused));
                    let sender = UnixDatagram::unbound()?;
                    let refused = sender.try_send_to(b"frog", "/log.sock");
                    assert_eq!(refused.err(), Some(Error::ConnectionRefused));
                }
                pending::<Done>().await
            }
        });
        simulation.client("client", async move {
            let control = sim::control();
            sleep(secs(2)).await;
            match how {
                "kill" => control.kill("server"),
                "signal" => control.signal("server", SignalKind::terminate()),
                _ => {}
            }
            sleep(millis(1)).await;
            if how != "failure" {
                assert!(!control.is_up("server"), "{how}");
                let refused = TcpStream::connect("server:80").await;
                assert_eq!(refused.err(), Some(Error::ConnectionRefused), "{how}");
                control.restart("server");
            }
            sleep(secs(5)).await;
            assert!(control.is_up("server"), "{how}");
            drop(TcpStream::connect("server:80").await.unwrap());
        });
        run(simulation);
    }
}

async fn unix_stream() -> Done {
    UnixStream::connect("/run.sock").await.map(drop)
}

#[test]
fn a_system_closes_what_a_process_has_forgotten() {
    for how in ENDS {
        for unread in [false, true] {
            let builder = Simulation::builder(1).restart_failed("*", "*no pond", secs(1));
            let mut simulation = builder.build();
            simulation.host("server", move || async move {
                let listener = TcpListener::bind("0.0.0.0:80").await?;
                let (stream, _) = listener.accept().await?;
                stream.write_all(b"frog").await?;
                forget(stream);
                forget(listener);
                sleep(secs(1)).await;
                match how {
                    "failure" => panic!("no pond"),
                    "ends well" => Ok(()),
                    _ => pending::<Done>().await,
                }
            });
            simulation.client("client", async move {
                let control = sim::control();
                sleep(millis(10)).await;
                let stream = TcpStream::connect("server:80").await?;
                // Nobody accepts this one.
                let other = TcpStream::connect("server:80").await?;
                if unread {
                    stream.write_all(b"pond").await?;
                }
                sleep(secs(2)).await;
                match how {
                    "kill" => control.kill("server"),
                    "signal" => control.signal("server", SignalKind::terminate()),
                    _ => {}
                }
                let mut buf = [0; 4];
                // What was written comes first.
                timeout(LONG, stream.read_exact(&mut buf)).await.unwrap()?;
                assert_eq!(&buf, b"frog");
                let end = timeout(LONG, stream.read(&mut buf)).await.unwrap();
                let expected = if unread {
                    Err(Error::ConnectionReset)
                } else {
                    Ok(0)
                };
                assert_eq!(end, expected, "{how}");
                let end = timeout(LONG, other.read(&mut buf)).await.unwrap();
                assert_eq!(end, Err(Error::ConnectionReset), "{how}");
                assert_eq!(control.connections("server"), 0, "{how}");
                Done::Ok(())
            });
            run(simulation);
        }
    }
}

/// Says goodbye to everybody when it is dropped.
struct Goodbye(TcpStream, Rc<UdpSocket>);

impl Drop for Goodbye {
    fn drop(&mut self) {
        let _ = self.0.try_write(b"bye");
        let _ = self.1.try_send_to(b"bye", "10.0.0.2:9".parse().unwrap());
        sim::note("said goodbye");
        sim::pass(7_u8);
        sim::control().kill("other");
    }
}

/// What others hear of a process whose tasks say goodbye, when it is ended in this way; whether a message and a note came.
fn heard_of(how: &'static str) -> [bool; 2] {
    let builder = Simulation::builder(1).trace(1000);
    let faults: Vec<Fault> = match how {
        "fault" => ["1s for 1s: kill server".parse().unwrap()].into(),
        _ => Vec::new(),
    };
    let mut simulation = builder.faults(faults).build();
    let mut passed = simulation.control().watch_at(|_: &u8| true);
    let heard = Rc::new(RefCell::new(false));
    simulation.host("server", move || async move {
        let socket = Rc::new(UdpSocket::bind("0.0.0.0:8").await?);
        let listener = TcpListener::bind("0.0.0.0:80").await?;
        let _goodbye = Goodbye(listener.accept().await?.0, socket);
        sleep(secs(1)).await;
        match how {
            "ends well" => Ok(()),
            _ => pending::<Done>().await,
        }
    });
    let hears = heard.clone();
    simulation.client("client", async move {
        let control = sim::control();
        let socket = UdpSocket::bind("0.0.0.0:9").await?;
        sleep(millis(10)).await;
        let stream = TcpStream::connect("server:80").await?;
        sleep(millis(900)).await;
        match how {
            "kill" => control.kill("server"),
            "signal" => control.signal("server", SignalKind::terminate()),
            "crash" => control.crash("server"),
            _ => {}
        }
        let mut buf = [0; 9];
        let came = timeout(secs(5), socket.recv_from(&mut buf)).await.is_ok();
        let read = timeout(secs(5), stream.read(&mut buf)).await;
        let words = match how {
            // Nobody closes it.
            "crash" => read.is_ok(),
            _ => read.unwrap()? > 0,
        };
        assert_eq!(came, words, "{how}");
        assert_eq!(passed.try_next().is_some(), came, "{how}");
        assert_eq!(control.is_up("other"), !came, "{how}");
        *hears.borrow_mut() = came;
        Done::Ok(())
    });
    simulation.host("other", pending::<()>);
    let report = run(simulation);
    let mut notes = report.trace.iter().map(ToString::to_string);
    let noted = notes.any(|text| text.contains("said goodbye"));
    let heard = *heard.borrow();
    [heard, noted]
}

#[test]
fn who_is_killed_says_no_goodbye() {
    for how in ["kill", "signal", "fault", "crash"] {
        assert_eq!(heard_of(how), [false; 2], "{how}");
    }
    // Its own destructors are those of a program that ends by itself.
    assert_eq!(heard_of("ends well"), [true; 2]);
}
