//! What is between hosts that two patterns mean, some of them both.

use std::cell::RefCell;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use polliwog_core::time::sleep;
use polliwog_spin::net::UdpSocket;
use polliwog_spin::sim::{Control, Fault, Latency, Link, Simulation};

use crate::{Done, millis, secs};

const NAMES: [&str; 4] = ["a", "b", "x", "y"];

/// Who does not hear of whom within a tenth of a second, two letters each.
fn deaf(faults: &[&str], does: fn(&Control)) -> String {
    let faults = faults.iter().map(|line| line.parse::<Fault>().unwrap());
    let builder = Simulation::builder(1).faults(faults.collect());
    let mut simulation = builder.build();
    let heard = Rc::new(RefCell::new(Vec::new()));
    for name in NAMES {
        let heard = heard.clone();
        simulation.host(name, move || {
            let heard = heard.clone();
            async move {
                let socket = UdpSocket::bind("0.0.0.0:7").await?;
                sleep(millis(1)).await;
                for other in NAMES.iter().filter(|other| **other != name) {
                    socket.send_to(name.as_bytes(), (*other, 7)).await?;
                }
                loop {
                    let mut from = [0; 1];
                    socket.recv(&mut from).await?;
                    heard
                        .borrow_mut()
                        .push(format!("{}{name}", from[0] as char));
                }
                #[allow(unreachable_code)]
                Done::Ok(())
            }
        });
    }
    does(&simulation.control());
    simulation.run_for(millis(100)).unwrap();
    let mut deaf = Vec::new();
    for from in NAMES {
        for to in NAMES.iter().filter(|to| **to != from) {
            let way = format!("{from}{to}");
            if !heard.borrow().contains(&way) {
                deaf.push(way);
            }
        }
    }
    deaf.join(" ")
}

const TWO_AND_TWO: &str = "ax ay bx by xa xb ya yb";

#[test]
fn all_are_all_others() {
    assert_eq!(deaf(&[], |c| c.partition("a|b", "*")), TWO_AND_TWO);
    assert_eq!(deaf(&[], |c| c.partition("*", "a|b")), TWO_AND_TWO);
    assert_eq!(deaf(&[], |c| c.isolate("x|y")), TWO_AND_TWO);
    assert_eq!(
        deaf(&[], |c| c.partition_one_way("a|b", "*")),
        "ax ay bx by"
    );
    assert_eq!(deaf(&[], |c| c.partition_one_way("*", "y")), "ay by xy");
    assert_eq!(deaf(&[], |c| c.hold("a|b", "*")), "ax ay bx by");
    assert_eq!(
        deaf(&[], |c| c.set_link(
            "a|b",
            "*",
            Link::new(Latency::fixed(secs(9)))
        )),
        TWO_AND_TWO
    );
    assert_eq!(
        deaf(&[], |c| std::mem::forget(c.drop_messages(
            "a|b",
            "*",
            |_: &[u8]| true
        ))),
        "ax ay bx by"
    );
    // What is between some is mended with the same patterns, and only that.
    let mended = deaf(&[], |c| {
        c.partition("*", "*");
        c.repair("a|b", "*");
    });
    assert_eq!(mended, "ab ba xy yx");
}

#[test]
fn the_same_twice_is_each_and_each_other() {
    let all = deaf(&[], |c| c.partition("*", "*"));
    assert_eq!(all.len(), 4 * 3 * 3 - 1);
    assert_eq!(deaf(&[], |c| c.partition("a|b", "a|b")), "ab ba");
    // Some that only one of them means.
    assert_eq!(deaf(&[], |c| c.partition_one_way("a|b", "b|x")), "ab ax bx");
}

#[test]
fn a_schedule_means_the_same() {
    let cut = |what: &str| deaf(&[&format!("0s for 1s: {what}")], |_| {});
    assert_eq!(cut("partition a,b from *"), TWO_AND_TWO);
    assert_eq!(cut("partition a,b from a,b"), "ab ba");
    assert_eq!(cut("oneway a,b to *"), "ax ay bx by");
}

#[test]
fn nothing_is_refused() {
    let refused = |does: fn(&Control)| {
        let mut simulation = Simulation::new(1);
        simulation.host("a", pending::<()>);
        simulation.host("b", pending::<()>);
        let control = simulation.control();
        let caught = catch_unwind(AssertUnwindSafe(|| does(&control)));
        let text = *caught.unwrap_err().downcast::<String>().unwrap();
        assert!(text.contains(" there is nothing: "), "{text}");
    };
    refused(|c| c.partition("a", "a"));
    refused(|c| c.isolate("a|b"));
    refused(|c| c.hold("*", "a|b"));
    refused(|c| c.set_link_one_way("b", "b", Link::default()));
    refused(|c| drop(c.drop_messages("a", "10.0.0.1", |_: &[u8]| true)));
}
