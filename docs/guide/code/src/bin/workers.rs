//! `main` beside a cluster of four workers.
#![forbid(unsafe_code)]

// ANCHOR: program
#[polliwog::main(workers = 4)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sum = polliwog::cluster::spawn(async { (1..=1_000_000_u64).sum::<u64>() })?;
    println!("{}", sum.await?);
    Ok(())
}
// ANCHOR_END: program
