//! Signals to the processes of hosts.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::io::ErrorKind;
use std::rc::Rc;

use polliwog_core::time::{sleep, timeout};
use polliwog_spin::sim::signal::unix::{Signal, SignalKind, restore_default, signal};
use polliwog_spin::sim::signal::{ctrl_c, restore_ctrl_c};
use polliwog_spin::sim::{self, Fault, Nemesis, Simulation};

use crate::{millis, run, secs};

/// A host that listens to some signals and notes what it hears and how often it has begun.
fn listening(
    simulation: &mut Simulation,
    kinds: &'static [SignalKind],
) -> (Rc<RefCell<Vec<i32>>>, Rc<Cell<u32>>) {
    let (heard, begun) = (Rc::new(RefCell::new(Vec::new())), Rc::new(Cell::new(0)));
    let shared = (heard.clone(), begun.clone());
    simulation.host("server", move || {
        begun.set(begun.get() + 1);
        let heard = heard.clone();
        async move {
            let mut signals: Vec<Signal> =
                kinds.iter().map(|kind| signal(*kind).unwrap()).collect();
            loop {
                for signal in &mut signals {
                    while timeout(millis(1), signal.recv()).await.is_ok() {
                        heard.borrow_mut().push(signal.kind().as_raw_value());
                    }
                }
                sleep(millis(1)).await;
            }
        }
    });
    shared
}

#[test]
fn who_listens_hears_and_lives() {
    const KINDS: [SignalKind; 2] = [SignalKind::terminate(), SignalKind::hangup()];
    let mut simulation = Simulation::builder(1).trace(1000).build();
    let (heard, begun) = listening(&mut simulation, &KINDS);
    simulation.client("operator", async {
        sleep(secs(1)).await;
        let control = sim::control();
        control.signal("server", SignalKind::terminate());
        // Before the first was taken: one, as in reality.
        control.signal("server", SignalKind::terminate());
        sleep(secs(1)).await;
        control.signal("server", SignalKind::hangup());
        sleep(secs(1)).await;
        // Does nothing by default.
        for number in [13, 17, 23, 28] {
            control.signal("server", SignalKind::from_raw(number));
        }
        sleep(secs(1)).await;
        assert!(control.is_up("server"));
        // A process that is stopped hears when it goes on.
        control.signal("server", SignalKind::from_raw(19));
        control.signal("server", SignalKind::hangup());
        sleep(secs(1)).await;
        control.signal("server", SignalKind::from_raw(18));
        sleep(secs(1)).await;
    });
    run(simulation);
    assert_eq!(*heard.borrow(), [15, 1, 1]);
    assert_eq!(begun.get(), 1);
}

#[test]
fn who_does_not_listen_is_ended() {
    for number in [1, 2, 3, 9, 10, 12, 14, 15, 29, 34] {
        let mut simulation = Simulation::builder(1).trace(1000).build();
        let (heard, begun) = listening(&mut simulation, &[]);
        simulation.client("operator", async move {
            sleep(secs(1)).await;
            sim::control().signal("server", SignalKind::from_raw(number));
            sleep(secs(1)).await;
            assert!(!sim::control().is_up("server"), "{number}");
            sim::control().restart("server");
            sleep(secs(1)).await;
        });
        run(simulation);
        assert!(heard.borrow().is_empty());
        assert_eq!(begun.get(), 2, "{number}");
    }
}

#[test]
fn a_new_process_does_again_what_is_the_default() {
    let mut simulation = Simulation::builder(1).trace(1000).build();
    let begun = Rc::new(Cell::new(0));
    let count = begun.clone();
    simulation.host("server", move || {
        count.set(count.get() + 1);
        let listens = count.get() == 1;
        async move {
            if listens {
                // Whoever has asked once is not ended any more, listening or not.
                drop(ctrl_c());
            }
            pending::<()>().await
        }
    });
    simulation.client("operator", async move {
        let control = sim::control();
        let press = async || {
            sleep(secs(1)).await;
            control.signal("server", SignalKind::interrupt());
            sleep(secs(1)).await;
        };
        press().await;
        control.kill("server");
        control.restart("server");
        sleep(millis(1)).await;
        assert_eq!(begun.get(), 2);
        press().await;
        control.restart("server");
        sleep(millis(1)).await;
        assert_eq!(begun.get(), 3);
    });
    let report = run(simulation);
    // By hand, and by the second press.
    let killed = report
        .trace
        .iter()
        .filter(|event| event.to_string().contains("is killed"));
    assert_eq!(killed.count(), 2);
}

#[test]
fn ctrl_c_is_heard_again_and_again_and_given_back() {
    let mut simulation = Simulation::builder(1).trace(1000).build();
    simulation.host("server", || async {
        let mut first = ctrl_c();
        let other = ctrl_c();
        (&mut first).await.unwrap();
        let again = timeout(millis(1), &mut first).await;
        assert!(again.is_err(), "that one is used up");
        other.await.unwrap();
        first.await.unwrap();
        restore_ctrl_c().unwrap();
        sim::note("given back");
        pending::<()>().await
    });
    simulation.client("operator", async {
        for _ in 0..3 {
            sleep(secs(1)).await;
            sim::control().signal("server", SignalKind::interrupt());
        }
        sleep(secs(1)).await;
    });
    let trace: Vec<String> = run(simulation)
        .trace
        .iter()
        .map(ToString::to_string)
        .collect();
    let at = |text: &str| trace.iter().position(|event| event.contains(text)).unwrap();
    assert!(at("given back") < at("is killed"), "{trace:?}");
}

#[test]
fn what_cannot_be_listened_to_is_refused() {
    let mut simulation = Simulation::builder(1).trace(1000).build();
    simulation.client("frog", async {
        for number in [-1, 0, 9, 11, 19, 65] {
            let refused = signal(SignalKind::from_raw(number)).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{number}");
        }
    });
    run(simulation);
    let outside = polliwog_spin::block_on(ctrl_c()).unwrap_err();
    assert_eq!(outside.kind(), ErrorKind::Unsupported);
    let outside = signal(SignalKind::hangup()).unwrap_err();
    assert_eq!(outside.kind(), ErrorKind::Unsupported);
    assert_eq!(
        restore_default(SignalKind::hangup()).unwrap_err().kind(),
        ErrorKind::Unsupported
    );
}

#[test]
fn a_stopped_process_goes_on_even_if_it_listens_to_that() {
    let mut simulation = Simulation::builder(1).trace(1000).build();
    const KINDS: [SignalKind; 1] = [SignalKind::from_raw(18)];
    let (heard, begun) = listening(&mut simulation, &KINDS);
    simulation.client("operator", async {
        let control = sim::control();
        // One that is not stopped hears it, too.
        for stops in [true, false, true] {
            sleep(secs(1)).await;
            if stops {
                control.signal("server", SignalKind::from_raw(19));
            }
            sleep(secs(1)).await;
            control.signal("server", SignalKind::from_raw(18));
        }
        sleep(secs(1)).await;
    });
    run(simulation);
    assert_eq!(*heard.borrow(), [18; 3]);
    assert_eq!(begun.get(), 1);
}

/// `goes_on`: by a signal, or by hand.
#[test]
fn a_stopped_process_ends_only_when_it_goes_on() {
    for goes_on in [true, false] {
        let mut simulation = Simulation::builder(1).trace(1000).build();
        let ran = Rc::new(Cell::new(0));
        let count = ran.clone();
        simulation.host("server", move || {
            let ran = count.clone();
            async move {
                loop {
                    ran.set(ran.get() + 1);
                    sleep(millis(1)).await;
                }
            }
        });
        simulation.client("operator", async move {
            let control = sim::control();
            sleep(secs(1)).await;
            control.signal("server", SignalKind::from_raw(19));
            sleep(millis(1)).await;
            let before = ran.get();
            control.signal("server", SignalKind::terminate());
            sleep(secs(1)).await;
            assert!(control.is_up("server"));
            match goes_on {
                true => control.signal("server", SignalKind::from_raw(18)),
                false => control.resume("server"),
            }
            sleep(secs(1)).await;
            assert!(!control.is_up("server"));
            assert_eq!(ran.get(), before, "it does nothing any more");
            // The next one has nothing to end by.
            control.restart("server");
            sleep(secs(1)).await;
            control.pause("server");
            control.resume("server");
            sleep(secs(1)).await;
            assert!(control.is_up("server"));
            control.pause("server");
            control.signal("server", SignalKind::from_raw(9));
            sleep(millis(1)).await;
            assert!(!control.is_up("server"));
        });
        run(simulation);
    }
}

#[test]
fn what_a_program_that_never_began_has_taken_over_is_given_back() {
    let builder = Simulation::builder(1).restart_failed("server", "no pond", secs(1));
    let mut simulation = builder.build();
    let mut starts = 0;
    simulation.host("server", move || {
        starts += 1;
        if starts == 1 {
            drop(signal(SignalKind::terminate()));
            panic!("no pond");
        }
        pending::<()>()
    });
    simulation.client("operator", async {
        let control = sim::control();
        sleep(secs(2)).await;
        assert!(control.is_up("server"));
        control.signal("server", SignalKind::terminate());
        sleep(millis(1)).await;
        assert!(!control.is_up("server"));
    });
    run(simulation);
}

#[test]
fn nothing_happens_by_the_number_of_no_signal() {
    let mut simulation = Simulation::builder(1).trace(1000).build();
    let (_, begun) = listening(&mut simulation, &[]);
    simulation.client("operator", async {
        sleep(secs(1)).await;
        sim::control().signal("server", SignalKind::from_raw(0));
        sleep(secs(1)).await;
        assert!(sim::control().is_up("server"));
    });
    run(simulation);
    assert_eq!(begun.get(), 1);
    for number in [-1, 65, 100] {
        let mut simulation = Simulation::new(1);
        simulation.client("frog", pending::<()>());
        simulation.client("operator", async move {
            sim::control().signal("frog", SignalKind::from_raw(number));
        });
        let failure = simulation.run().unwrap_err().to_string();
        let expected = format!("there is no signal with the number {number}");
        assert!(failure.contains(&expected), "{failure}");
    }
}

/// One ends well, the other does not; both are there again in the end.
#[test]
fn a_termination_lets_a_process_end_well() {
    for ends_well in [true, false] {
        let fault: Fault = "2s for 3s: terminate server".parse().unwrap();
        let mut simulation = Simulation::builder(1)
            .faults([fault].into())
            .trace(100)
            .build();
        let begun = Rc::new(Cell::new(0));
        let count = begun.clone();
        simulation.host("server", move || {
            count.set(count.get() + 1);
            async move {
                let mut terminate = signal(SignalKind::terminate()).unwrap();
                terminate.recv().await;
                if !ends_well {
                    pending::<()>().await;
                }
            }
        });
        simulation.client("frog", async move {
            sleep(secs(4)).await;
            assert_eq!(sim::control().is_up("server"), !ends_well);
            sleep(secs(4)).await;
        });
        let report = simulation.run().unwrap();
        let killed = report
            .trace
            .iter()
            .any(|event| event.to_string().contains("is killed"));
        assert_eq!(killed, !ends_well);
        assert_eq!(begun.get(), 2);
    }
    // It is one of a nemesis' faults.
    let nemesis = Nemesis::new("*")
        .faults(3, 3)
        .within(secs(5))
        .terminations();
    let mut simulation = Simulation::builder(1).nemesis(nemesis).build();
    simulation.host("server", pending::<()>);
    simulation.client("frog", sleep(secs(20)));
    let report = simulation.run().unwrap();
    assert_eq!(report.faults.len(), 3);
}
