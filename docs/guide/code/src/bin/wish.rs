//! What one would like to write instead of callbacks; and the trait that makes it possible, as the standard
//! library has it.
#![forbid(unsafe_code)]

use std::io;
use std::path::Path;

// ANCHOR: wish
async fn count_lines(path: &Path) -> io::Result<usize> {
    let size = polliwog::fs::metadata(path).await?.len();
    println!("{size} bytes expected");
    let data = polliwog::fs::read(path).await?;
    Ok(data.split_inclusive(|&byte| byte == b'\n').count())
}
// ANCHOR_END: wish

/// The trait of the standard library, by its parts.
pub mod the_trait {
    // ANCHOR: future
    use std::pin::Pin;
    use std::task::{Context, Poll};

    pub trait Future {
        type Output;

        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output>;
    }
    // ANCHOR_END: future
}

fn main() -> io::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../examples/test.txt");
    let lines = polliwog::block_on(count_lines(&path))?;
    println!("{lines} lines");
    Ok(())
}
