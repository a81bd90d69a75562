//! The echo handler: the same source on a server, on a microcontroller and in a test.
//!
//! It needs `core` and the I/O traits, nothing else.

use core::future::poll_fn;
use core::task::Poll;

use embedded_io_async::{Read, Write};

/// After so many full buffers in a row other tasks get their turn.
const PATIENCE: u32 = 64;

/// Sends back what comes in until the other side closes, with a buffer of `SIZE` bytes, and
/// returns how many bytes that were.
pub(crate) async fn echo<const SIZE: usize, S: Read + Write>(
    mut stream: S,
) -> Result<u64, S::Error> {
    let mut buffer = [0; SIZE];
    let mut total = 0;
    let mut in_a_row = 0;
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            stream.flush().await?;
            return Ok(total);
        }
        let mut rest = &buffer[..count];
        while !rest.is_empty() {
            match stream.write(rest).await? {
                0 => return Ok(total),
                written => rest = &rest[written..],
            }
        }
        total += count as u64;
        // A client that sends without end must not keep the executor to itself.
        in_a_row = if count == SIZE { in_a_row + 1 } else { 0 };
        if in_a_row == PATIENCE {
            in_a_row = 0;
            let_others_run().await;
        }
    }
}

/// Pending once, ready at once.
async fn let_others_run() {
    let mut waited = false;
    poll_fn(|cx| {
        if waited {
            return Poll::Ready(());
        }
        waited = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
