//! Benchmarks of what tasks work together with: channels, locks and so on of several crates, all by
//! tasks of the same executor, ours, so that nothing but the primitives differs.

mod kits;
mod ops;
mod peers;
mod report;

use crate::meter::{Figures, Plan};
pub use report::run;

/// Whose primitives they are, in the order of the columns.
pub const KITS: [&str; 7] = [
    "local",
    "shared",
    "tokio",
    "async",
    "futures",
    "local-sync",
    "embassy",
];

/// A benchmark's name, and what it counts as one operation.
pub const ALL: [(&str, &str); 26] = [
    ("trip-mpsc", "round trip by mpsc(1)"),
    ("trip-unbounded", "round trip by unbounded mpsc"),
    ("trip-mpmc", "round trip by mpmc(1)"),
    ("trip-oneshot", "make a one-shot channel, send, receive"),
    ("trip-watch", "round trip by watch"),
    ("trip-broadcast", "round trip by broadcast"),
    ("trip-notify", "round trip by notification"),
    ("trip-signal", "round trip by signal"),
    ("mpsc-1", "mpsc(1), a message"),
    ("mpsc-64", "mpsc(64), a message"),
    ("mpsc-unbounded", "unbounded mpsc, a message"),
    ("mpsc-1x8", "mpsc(1), eight senders, a message"),
    ("mpsc-64x8", "mpsc(64), eight senders, a message"),
    (
        "mpsc-unboundedx8",
        "unbounded mpsc, eight senders, a message",
    ),
    ("lock", "mutex, nobody else wants it"),
    ("lock-contended", "mutex, eight tasks want it"),
    ("read", "reading by a read-write lock"),
    ("semaphore", "a permit, nobody else wants it"),
    ("semaphore-contended", "two permits, eight tasks want one"),
    ("broadcast-1", "broadcast to 1"),
    ("broadcast-10", "broadcast to 10"),
    ("broadcast-100", "broadcast to 100"),
    ("select-2", "send, and select of 2 receivers"),
    ("select-8", "send, and select of 8 receivers"),
    ("threads-mpsc", "round trip between threads by mpsc(1)"),
    (
        "threads-unbounded",
        "round trip between threads by unbounded mpsc",
    ),
];

/// Runs one benchmark with one kit; `None` if the kit does not have what it needs.
pub fn measure(kit: &str, name: &str, plan: Plan) -> Option<Figures> {
    match kit {
        "local" => kits::local(name, plan),
        "shared" => kits::shared(name, plan),
        _ => peers::measure(kit, name, plan),
    }
}
