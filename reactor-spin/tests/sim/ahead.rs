//! Hosts that have run ahead by blocking, when something happens to them.

use std::cell::RefCell;
use std::future::pending;
use std::io::{BufWriter, Write};
use std::rc::Rc;

use polliwog_core::time::sleep;
use polliwog_spin::sim::{self, Control, Simulation, std::fs};

use crate::{millis, run};

/// What destructors write when a process is ended by force, nobody writes for real.
#[test]
fn what_was_in_memory_is_lost_with_the_process() {
    for end in [Control::crash as fn(&Control, &str), Control::kill] {
        let mut simulation = Simulation::new(7);
        let found = Rc::new(RefCell::new(None));
        let finds = found.clone();
        simulation.host("store", move || {
            let finds = finds.clone();
            async move {
                if fs::exists("log").unwrap() {
                    *finds.borrow_mut() = Some(fs::read_to_string("log").unwrap());
                    return pending().await;
                }
                let file = fs::File::create("log").unwrap();
                (&file).write_all(b"tadpole").unwrap();
                file.sync_all().unwrap();
                let mut buffer = BufWriter::new(file);
                buffer.write_all(b"frog").unwrap();
                pending::<()>().await;
                drop(buffer);
            }
        });
        simulation.client("hand", async move {
            sleep(millis(100)).await;
            end(&sim::control(), "store");
            sleep(millis(100)).await;
            sim::control().restart("store");
            sleep(millis(100)).await;
        });
        run(simulation);
        assert_eq!(found.take().as_deref(), Some("tadpole"));
    }
}
