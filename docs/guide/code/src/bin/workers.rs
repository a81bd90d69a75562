//! A program with four workers beside its main thread.

use std::error::Error;

#[polliwog::main(workers = 4)]
async fn main() -> Result<(), Box<dyn Error>> {
    let sum = polliwog::cluster::spawn(async { (1..=1_000_000_u64).sum::<u64>() })?;
    println!("{}", sum.await?);
    Ok(())
}
