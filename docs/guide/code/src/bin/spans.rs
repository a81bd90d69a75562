//! What the tasks of a program say, with the task that says it, by the crate `tracing`.
#![forbid(unsafe_code)]

use std::error::Error;
use std::time::Duration;

use polliwog::time::sleep;
use polliwog::{Spawner, trace};
use tracing::info;

// ANCHOR: spans
async fn download(name: &'static str, millis: u64) {
    info!("begins");
    sleep(Duration::from_millis(millis)).await;
    info!(name, "is there");
}

fn main() -> Result<(), Box<dyn Error>> {
    let format = tracing_subscriber::fmt().without_time().with_ansi(false);
    format.init();
    trace::set_tracer(Some(&trace::Spans));
    polliwog::block_on(async {
        let spawner = Spawner::current().ok_or("no executor runs here")?;
        let tadpole = spawner.spawn_named("tadpole", download("tadpole.png", 30))?;
        let frog = spawner.spawn_named("frog", download("frog.png", 10))?;
        tadpole.await?;
        frog.await?;
        Ok(())
    })
}
// ANCHOR_END: spans
