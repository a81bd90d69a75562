//! Ours, with the reactor on mio.

use polliwog_mio::Runtime;

pub struct Polliwog;

thread_local! {
    static RUNTIME: Runtime = Runtime::new().unwrap();
}

ours!(Polliwog, RUNTIME);
