//! What a host that has run ahead by blocking changes by `Control`: at its own instant, and not at all if it ends before.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::pending;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use polliwog_core::task::yield_now;
use polliwog_core::time::sleep;
use polliwog_spin::net::{TcpStream, UdpSocket, lookup_host};
use polliwog_spin::sim::signal::unix::SignalKind;
use polliwog_spin::sim::{
    self, Control, Fault, FaultKind, Latency, Link, Reason, Report, Service, Simulation,
    TraceEvent, std::fs,
};

use crate::{echo, millis, run, secs};

const CHOSEN: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(172, 16, 0, 1));
const FURTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(172, 16, 0, 2));

const SERVICE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(172, 16, 0, 3));

/// What a change leaves with the program that has asked for it.
type Kept = Box<dyn Any>;

/// A host `busy`, which runs ahead by more than a second and then changes the world by `change`, and others to whom that is done.
/// With the time of the change, by the host's clock.
fn ahead(change: impl Fn(&Control) -> Kept + 'static) -> (Simulation, Rc<Cell<Duration>>) {
    let slow = FaultKind::DiskSlow("busy".into(), 2000);
    let faults = vec![Fault::new(millis(60), secs(100_000), slow)];
    let builder = Simulation::builder(7).trace(usize::MAX);
    let mut simulation = builder.faults(faults).build();
    let asked = Rc::new(Cell::new(Duration::ZERO));
    let asks = asked.clone();
    simulation.host("pond", echo);
    let change = Rc::new(change);
    simulation.host("busy", move || {
        let (asks, change) = (asks.clone(), change.clone());
        async move {
            if sim::control().elapsed() > millis(100) {
                return pending().await;
            }
            sleep(millis(70)).await;
            fs::File::create("log").unwrap().sync_all().unwrap();
            asks.set(sim::control().elapsed());
            assert!(asks.get() > secs(1));
            let kept = change(&sim::control());
            // What comes after is done after it.
            sim::note("after it");
            pending::<()>().await;
            drop(kept);
        }
    });
    let control = simulation.control();
    control.add_addr("pond", FURTHER);
    control.add_service("web", Service::new(SERVICE), "pond");
    (simulation, asked)
}

/// When an event was whose text has this in it.
fn told(report: &Report, text: &str) -> Vec<Duration> {
    let line = |event: &TraceEvent| {
        let host = event.host.as_deref().unwrap_or_default();
        format!("{host}: {}", event.what)
    };
    let events = report.trace.iter();
    let those = events.filter(|event| line(event).contains(text));
    those.map(|event| event.at).collect()
}

/// What a change sets when somebody else finds it.
type Flag = Rc<Cell<bool>>;

/// Changes the world, and looks each 10 ms until it finds that `seen` or that the flag is set: at the change's own time, and not at
/// all if `busy` ends before. `text` is what the story says of it.
fn is_done_at_its_time(
    text: &str,
    change: impl Fn(&Control, &Flag) -> Kept + Clone + 'static,
    seen: impl Fn(&Control) -> bool + Clone + 'static,
) {
    for end in [
        None,
        Some(Control::crash as fn(&Control, &str)),
        Some(Control::kill),
    ] {
        let (flag, first) = (Flag::default(), Rc::new(Cell::new(None)));
        let (sets, change) = (flag.clone(), change.clone());
        let (mut simulation, asked) = ahead(move |control| change(control, &sets));
        let (seen, found) = (seen.clone(), first.clone());
        simulation.client("hand", async move {
            let control = sim::control();
            let socket = UdpSocket::bind("0.0.0.0:9").await.unwrap();
            while control.elapsed() < secs(20) {
                sleep(millis(10)).await;
                if let (Some(end), true) = (end, control.elapsed() == millis(500)) {
                    end(&control, "busy");
                }
                socket.send_to(b"quak", "pond:9").await.unwrap();
                sim::pass("the pond");
                // What the others are told runs before they are asked.
                yield_now().await;
                if (seen(&control) || flag.get()) && found.get().is_none() {
                    found.set(Some(control.elapsed()));
                }
            }
        });
        let report = run(simulation);
        let (asked, first) = (asked.get(), first.get());
        let (times, after) = (told(&report, text), told(&report, "after it"));
        if end.is_some() {
            assert_eq!((first, times, after), (None, vec![], vec![]), "{text}");
            continue;
        }
        assert_eq!(times.first(), Some(&asked), "{text}");
        assert_eq!(after, [asked], "{text}");
        let first = first.unwrap_or_else(|| panic!("{text}: nobody has seen it"));
        let expected = asked..=asked + millis(10);
        assert!(expected.contains(&first), "{text}: {first:?} {asked:?}");
    }
}

/// A change that leaves nothing.
fn plain(change: impl Fn(&Control) + Clone) -> impl Fn(&Control, &Flag) -> Kept + Clone {
    move |control, _| {
        change(control);
        Box::new(())
    }
}

fn never(_: &Control) -> bool {
    false
}

#[test]
fn hosts_and_tasks() {
    let has = |control: &Control| control.names().iter().any(|name| **name == *"new");
    let add = plain(|control| {
        control.host("new", pending::<()>);
        // It is known to whoever has added it, which does all at that time.
        control.set_addr("new", CHOSEN);
        control.pause("new");
    });
    is_done_at_its_time("new: is paused", add.clone(), has);
    is_done_at_its_time("has the address 172.16.0.1", add, |control| {
        control.name_of(CHOSEN).as_deref() == Some("new")
    });
    let add = plain(|control| control.client("new", async {}));
    is_done_at_its_time("new: starts", add, has);
    let add = |control: &Control, flag: &Flag| -> Kept {
        let flag = flag.clone();
        let task = async move {
            sim::note("a frog");
            flag.set(true);
            pending::<()>().await
        };
        Box::new(control.spawn("pond", task))
    };
    is_done_at_its_time("a frog", add, never);
    is_done_at_its_time("a frog", add, |control| control.tasks("pond").len() > 1);
}

#[test]
fn addresses_and_names() {
    is_done_at_its_time(
        "has the address 172.16.0.1",
        plain(|control| control.set_addr("pond", CHOSEN)),
        |control| control.name_of(CHOSEN).is_some(),
    );
    is_done_at_its_time(
        "has the further address 172.16.0.1",
        plain(|control| control.add_addr("pond", CHOSEN)),
        |control| control.name_of(CHOSEN).is_some(),
    );
    is_done_at_its_time(
        "has 172.16.0.2 no more",
        plain(|control| control.remove_addr(FURTHER)),
        |control| control.name_of(FURTHER).is_none(),
    );
    is_done_at_its_time(
        "the name puddle stands for p*",
        plain(|control| control.set_name("puddle", "p*")),
        |control| control.addr("puddle").is_some(),
    );
}

#[test]
fn files_filters_and_barriers() {
    let write = |host: &'static str, file: &'static str| {
        is_done_at_its_time(
            "the test writes",
            plain(move |control| control.write_file(host, file, b"quak").unwrap()),
            move |control| control.read_file(host, file).is_ok(),
        );
    };
    write("pond", "frog");
    // Its own, which it finds at once.
    write("busy", "frog");
    is_done_at_its_time(
        "some messages from hand to pond are lost",
        |control, flag| {
            let flag = flag.clone();
            let filter = control.drop_messages("hand", "pond", move |_: &[u8]| {
                flag.set(true);
                false
            });
            Box::new(filter)
        },
        never,
    );
    let place = |flag: &Flag| {
        let flag = flag.clone();
        move |_: &&str| {
            flag.set(true);
            false
        }
    };
    is_done_at_its_time(
        "after it",
        move |control, flag| Box::new(control.watch_at(place(flag))),
        never,
    );
    is_done_at_its_time(
        "after it",
        move |control, flag| Box::new(control.hold_at(place(flag))),
        never,
    );
    is_done_at_its_time(
        "after it",
        move |control, flag| Box::new(control.panic_at(place(flag))),
        never,
    );
}

/// Those that the story tells of, each with what it says.
#[test]
fn faults() {
    type Change = fn(&Control);
    let changes: [(&str, Change); 34] = [
        ("pond: crashes", |c| c.crash("pond")),
        ("pond: is killed", |c| c.kill("pond")),
        ("pond: starts", |c| c.restart("pond")),
        ("pond: is paused", |c| c.pause("pond")),
        ("pond: goes on", |c| {
            c.pause("pond");
            c.resume("pond");
        }),
        ("gets signal 15", |c| {
            c.signal("pond", SignalKind::terminate())
        }),
        ("partition between pond and hand", |c| {
            c.partition("pond", "hand")
        }),
        ("partition from pond to hand", |c| {
            c.partition_one_way("pond", "hand")
        }),
        ("no partition between pond and hand", |c| {
            c.repair("pond", "hand")
        }),
        ("partition between pond and *", |c| c.isolate("pond")),
        ("no partition any more", Control::repair_all),
        ("messages from pond to hand are held", |c| {
            c.hold("pond", "hand")
        }),
        ("messages from pond to hand are released", |c| {
            c.release("pond", "hand")
        }),
        ("from pond to hand: Link", |c| {
            c.set_link("pond", "hand", Link::default())
        }),
        ("from pond to hand: Link", |c| {
            c.set_link_one_way("pond", "hand", Link::default());
        }),
        ("from * to *: Link", |c| {
            c.set_link("*", "*", Link::default())
        }),
        ("drifts by 7 ppm", |c| c.set_drift("pond", 7)),
        ("the wall clock of pond jumps by 1000", |c| {
            c.clock_forward("pond", secs(1));
        }),
        ("the wall clock of pond jumps by -1000", |c| {
            c.clock_back("pond", secs(1))
        }),
        ("has room for 7 bytes", |c| c.set_disk_capacity("pond", 7)),
        ("the disk of pond fails by 0.5", |c| {
            c.set_disk_errors("pond", 0.5)
        }),
        ("are short by 0.5", |c| c.set_disk_short_reads("pond", 0.5)),
        ("are wrong by 0.5", |c| c.set_disk_corruption("pond", 0.5)),
        ("operations take", |c| {
            let fast = Latency::fixed(millis(1));
            c.set_disk_latency("pond", fast, fast);
        }),
        ("are answered from memory by 0.5", |c| {
            c.set_disk_cached("pond", 0.5)
        }),
        ("between blocks of 7 bytes", |c| c.set_disk_block("pond", 7)),
        ("pond may misbehave", |c| c.set_buggify("pond", true)),
        ("the name puddle stands for pond", |c| {
            c.set_name("puddle", "pond")
        }),
        ("has the address 172.16.0.1", |c| c.set_addr("pond", CHOSEN)),
        ("has 172.16.0.2 no more", |c| c.remove_addr(FURTHER)),
        ("the service puddle at 172.16.0.1", |c| {
            c.add_service("puddle", Service::new(CHOSEN), "pond");
        }),
        ("the service web has the further servers busy", |c| {
            c.add_servers("web", "busy");
        }),
        ("the service web has no more the servers pond", |c| {
            c.remove_servers("web", "pond");
        }),
        ("there is no service web", |c| c.remove_service("web")),
    ];
    for (text, change) in changes {
        for ends in [false, true] {
            let (mut simulation, asked) =
                ahead(move |control| plain(change)(control, &Flag::default()));
            simulation.client("hand", async move {
                sleep(millis(500)).await;
                if ends {
                    sim::control().crash("busy");
                }
                sleep(secs(20)).await;
            });
            let report = run(simulation);
            let mut times = told(&report, text);
            // Hosts start at the beginning, too.
            times.retain(|at| !at.is_zero());
            match ends {
                true => assert_eq!(times, [], "{text}"),
                false => assert_eq!(times.first(), Some(&asked.get()), "{text}"),
            }
        }
    }
}

/// What is held goes on when it is let go, by the clock of whoever lets it go; a filter drops until then.
#[test]
fn what_ends_with_a_value_ends_at_the_time_of_whoever_drops_it() {
    type Values = Rc<RefCell<Vec<Kept>>>;
    // What is dropped at the place of the change; the host's end at 500 ms drops it as well, then.
    for (number, ends) in [
        (0, false),
        (1, false),
        (2, false),
        (0, true),
        (1, true),
        (2, true),
    ] {
        let values = Values::default();
        let drops = values.clone();
        let (mut simulation, asked) = ahead(move |_| {
            drops.borrow_mut().clear();
            Box::new(())
        });
        let control = simulation.control();
        let (mut barrier, lost) = (control.hold_at(|_: &&str| true), Flag::default());
        let loses = lost.clone();
        let went = Rc::new(Cell::new(None));
        let goes = went.clone();
        simulation.client("hand", async move {
            if number < 2 {
                sim::reach("the pond").await;
            } else {
                let socket = UdpSocket::bind("0.0.0.0:9").await.unwrap();
                while !lost.take() {
                    sleep(millis(1)).await;
                    socket.send_to(b"quak", "pond:9").await.unwrap();
                }
                while socket.send_to(b"quak", "pond:9").await.is_ok() && lost.take() {
                    sleep(millis(1)).await;
                }
            }
            goes.set(Some(sim::control().elapsed()));
            sleep(secs(1)).await;
        });
        let filter = control.drop_messages("hand", "pond", move |_: &[u8]| {
            loses.set(true);
            true
        });
        simulation.client("end", async move {
            sleep(millis(50)).await;
            let value: Kept = match number {
                0 => Box::new(barrier.next().await),
                1 => Box::new(barrier),
                _ => Box::new(filter),
            };
            values.borrow_mut().push(value);
            sleep(millis(450)).await;
            if ends {
                sim::control().crash("busy");
            }
        });
        run(simulation);
        let (asked, went) = (asked.get(), went.get().unwrap());
        // A process that is gone drops what it has had, and it has meant to do so only later.
        let expected = if ends { millis(500) } else { asked };
        let late = went.checked_sub(expected).unwrap();
        assert!(late <= millis(1), "{number} {ends}: {went:?} {expected:?}");
    }
}

/// A message that is held goes on its way at that time.
#[test]
fn one_message_is_released_at_its_time() {
    for ends in [false, true] {
        let (mut simulation, asked) = ahead(|control| {
            let held = control.in_flight();
            assert!(control.release_one(held.last().unwrap().message));
            Box::new(())
        });
        let came = Rc::new(Cell::new(None));
        let comes = came.clone();
        simulation.client("hand", async move {
            sim::control().hold("hand", "pond");
            let from = UdpSocket::bind("0.0.0.0:9").await.unwrap();
            from.send_to(b"quak", "pond:9").await.unwrap();
            sleep(millis(500)).await;
            if ends {
                sim::control().crash("busy");
            }
            while sim::control().elapsed() < secs(5) {
                sleep(millis(1)).await;
                if sim::control().in_flight().is_empty() && came.get().is_none() {
                    came.set(Some(sim::control().elapsed()));
                }
            }
        });
        run(simulation);
        match ends {
            true => assert_eq!(comes.get(), None),
            false => {
                let late = comes.get().unwrap().checked_sub(asked.get()).unwrap();
                assert!(late < millis(5), "{late:?}");
            }
        }
    }
}

/// What destructors of a process do that was ended by force is not done.
#[test]
fn a_process_that_is_gone_changes_nothing() {
    struct Goodbye(Flag);
    impl Drop for Goodbye {
        fn drop(&mut self) {
            let control = sim::control();
            let flag = self.0.clone();
            control.add_addr("pond", CHOSEN);
            control.write_file("pond", "frog", b"quak").unwrap();
            drop(control.spawn("pond", async move { flag.set(true) }));
            control.host("new", pending::<()>);
        }
    }
    for end in [Control::crash as fn(&Control, &str), Control::kill] {
        let mut simulation = Simulation::new(7);
        let flag = Flag::default();
        let sets = flag.clone();
        simulation.host("pond", pending::<()>);
        simulation.host("gone", move || {
            let goodbye = Goodbye(sets.clone());
            async move {
                pending::<()>().await;
                drop(goodbye);
            }
        });
        simulation.client("hand", async move {
            let control = sim::control();
            sleep(millis(10)).await;
            end(&control, "gone");
            sleep(secs(1)).await;
            assert_eq!(control.name_of(CHOSEN), None);
            assert!(control.read_file("pond", "frog").is_err());
            assert_eq!(control.names().len(), 3);
            assert_eq!(control.tasks("pond").len(), 1);
        });
        run(simulation);
        assert!(!flag.get());
    }
}

/// The hosts are those that a pattern means then.
#[test]
fn hosts_are_those_of_that_time() {
    let (mut simulation, asked) = ahead(|control| {
        control.crash("late-*");
        Box::new(())
    });
    simulation.client("hand", async {
        sleep(millis(500)).await;
        sim::control().host("late-1", pending::<()>);
        sleep(secs(20)).await;
        assert!(!sim::control().is_up("late-1"));
    });
    let report = run(simulation);
    assert_eq!(told(&report, "late-1: crashes"), [asked.get()]);
}

/// Nobody is there to panic: the run fails, with the host, at that time.
#[test]
fn what_would_be_a_panic_fails_the_run() {
    type Change = fn(&Control);
    let wrong: [(&str, Change); 9] = [
        ("no host has the name frog", |c| c.crash("frog")),
        ("no host has the name frog", |c| c.partition("pond", "frog")),
        ("no host has the name frog", |c| c.set_drift("frog", 7)),
        ("no host has the name frog", |c| c.add_addr("frog", CHOSEN)),
        ("no host has the name frog", |c| {
            std::mem::forget(c.drop_messages("frog", "pond", |_: &[u8]| true));
        }),
        ("172.16.0.2 is an address of pond already", |c| {
            c.set_addr("busy", FURTHER);
        }),
        ("there is a host with the name pond already", |c| {
            c.host("pond", pending::<()>);
        }),
        ("the test cannot write no/frog", |c| {
            c.write_file("pond", "no/frog", b"").unwrap();
        }),
        ("172.16.0.1 is nobody's address", |c| c.remove_addr(CHOSEN)),
    ];
    for (text, change) in wrong {
        let (mut simulation, asked) =
            ahead(move |control| plain(change)(control, &Flag::default()));
        simulation.client("hand", async {
            TcpStream::connect("pond:7").await.unwrap();
            sleep(secs(20)).await;
        });
        let failure = simulation.run().unwrap_err();
        let Reason::Test(told) = &failure.reason else {
            panic!("{failure}");
        };
        assert!(told.contains(text), "{told}");
        let found = (failure.host.as_deref(), failure.at);
        assert_eq!(found, (Some("busy"), asked.get()), "{text}");
    }
}

/// A pause puts it off, and hosts and commands for them come in their order when it is over.
#[test]
fn a_pause_puts_it_off() {
    let (mut simulation, _) = ahead(|control| {
        control.host("new", pending::<()>);
        control.pause("new");
        control.add_addr("new", CHOSEN);
        Box::new(())
    });
    simulation.client("hand", async {
        let control = sim::control();
        sleep(millis(500)).await;
        control.pause("busy");
        sleep(secs(20)).await;
        assert_eq!(control.name_of(CHOSEN), None);
        control.resume("busy");
        yield_now().await;
        assert_eq!(control.name_of(CHOSEN).as_deref(), Some("new"));
    });
    let report = run(simulation);
    let expected = secs(20) + millis(500);
    assert_eq!(told(&report, "new: is paused"), [expected]);
}

/// Hosts of a name take turns by lookup, in the order of the lookups' instants.
#[test]
fn a_lookup_takes_its_turn_at_its_time() {
    let found = Rc::new(Cell::new(None));
    let finds = found.clone();
    let (mut simulation, _) = ahead(move |_| {
        let finds = finds.clone();
        let looking = async move {
            let addrs = lookup_host("all:7").await.unwrap();
            finds.set(Some(addrs[0].to_string()));
        };
        // It does not wait.
        let mut looking = std::pin::pin!(looking);
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(looking.as_mut().poll(&mut cx).is_ready());
        Box::new(())
    });
    simulation.client("hand", async {
        let control = sim::control();
        control.set_name("all", "pond|hand");
        let first = async || lookup_host("all:7").await.unwrap()[0].to_string();
        sleep(millis(500)).await;
        for expected in ["10.0.0.1:7", "10.0.0.3:7", "10.0.0.1:7"] {
            assert_eq!(first().await, expected);
        }
        // Meanwhile the other host has had its own.
        sleep(secs(5)).await;
        assert_eq!(first().await, "10.0.0.1:7");
    });
    run(simulation);
    assert_eq!(found.take().as_deref(), Some("10.0.0.1:7"));
}
