//! What the executor does, told as it happens, over semihosting: with `defmt` the tracer's function is one line,
//! `defmt::trace!("{}", event)`, and with ITM one that writes to a stimulus port.
//!
//! needs: thumbv7m
//! features: traced
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use core::cell::RefCell;

use board::sync::Signal;
use board::{BoardReactor, chip, entry, exit, on_interrupt, println};
use critical_section::Mutex;
use polliwog::time::sleep_millis;
use polliwog::trace::{Cause, Event, Tracer, set_tracer};
use polliwog::{TaskPool, spawn_detached};

static TASKS: TaskPool<2> = TaskPool::new();
static PRESSED: Signal<()> = Signal::new();

on_interrupt!(SOFT0, PRESSED.send(()));

/// Waits for a button.
async fn listen() {
    for _ in 0..2 {
        PRESSED.wait().await;
    }
    exit(0)
}

/// Presses it: once in a task, by an interrupt.
async fn press() {
    sleep_millis(5).await;
    chip::pend_soft0();
    sleep_millis(5).await;
    PRESSED.send(());
}

/// Prints the events of the tasks, by the names of their functions.
struct Console(Mutex<RefCell<[Option<(u64, &'static str)>; 2]>>);

static CONSOLE: Console = Console(Mutex::new(RefCell::new([None; 2])));

impl Console {
    fn name(&self, task: u64) -> &'static str {
        critical_section::with(|cs| {
            let tasks = self.0.borrow_ref(cs);
            let found = tasks.iter().flatten().find(|(number, _)| *number == task);
            found.map_or("?", |(_, name)| *name)
        })
    }
}

// ANCHOR: tracer
impl Tracer for Console {
    fn event(&self, event: &Event) {
        match *event {
            Event::Spawned {
                task, type_name, ..
            } => {
                // The type of `press` is `traced::press::{{closure}}`.
                let name = type_name.rsplit("::").nth(1).unwrap_or(type_name);
                critical_section::with(|cs| {
                    let mut tasks = self.0.borrow_ref_mut(cs);
                    if let Some(free) = tasks.iter_mut().find(|place| place.is_none()) {
                        *free = Some((task, name));
                    }
                });
                println!("{name}: spawned");
            }
            Event::Woken { task, by, .. } => match by {
                Cause::Task(by) => println!("{}: woken by {}", self.name(task), self.name(by)),
                by => println!("{}: woken by {by}", self.name(task)),
            },
            Event::PollBegin { task, .. } => println!("{}: poll begins", self.name(task)),
            Event::PollEnd { task, .. } => println!("{}: poll ends", self.name(task)),
            Event::Ended { task, .. } => println!("{}: ended", self.name(task)),
            // The executor waits, and goes on: too many lines for this page.
            _ => {}
        }
    }
}
// ANCHOR_END: tracer

#[entry]
fn main() -> ! {
    set_tracer(Some(&CONSOLE));
    chip::enable_soft();
    TASKS.run(BoardReactor::new(), |spawner| {
        spawn_detached!(spawner, [listen]()).expect("a free task");
        spawn_detached!(spawner, [press]()).expect("a free task");
    })
}
