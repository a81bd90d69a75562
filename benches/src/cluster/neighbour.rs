//! What tells a cluster's part from the machine's: another program that keeps a processor busy and shares nothing with
//! what is measured, and a single processor for all threads.

use std::io::Read;
use std::process::{Child, Command, Stdio};

use super::Taken;

/// Busy until it is dropped.
struct Neighbour(Child);

impl Neighbour {
    fn new() -> Self {
        let program = std::env::current_exe().expect("this program");
        let child = Command::new(program)
            .arg("spin")
            .stdin(Stdio::piped())
            .spawn();
        Self(child.expect("a process"))
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Measures beside a neighbour.
pub fn beside(measure: impl FnOnce() -> Taken) -> Taken {
    let _neighbour = Neighbour::new();
    measure()
}

/// Measures with all threads, those of the clients included, on one processor.
pub fn on_one_processor(measure: fn() -> Taken) -> Taken {
    let pinned = std::thread::spawn(move || {
        crate::echo::pin(0);
        measure()
    });
    pinned.join().expect("no panic")
}

/// What the neighbour does: nothing of use, until whoever has started it ends.
pub fn spin() -> ! {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    loop {
        std::hint::spin_loop();
    }
}
