//! The commands of the example `mini-redis` on streams of other runtimes.

use std::io;
use std::rc::Rc;

use embedded_io_async::{ErrorType, Read, Write};

#[path = "../../../examples/shared/redis/mod.rs"]
pub mod redis;

/// As in the example.
const BUFFER: usize = 16 << 10;
pub type Store = redis::Redis<{ 256 << 10 }, { 64 << 10 }>;

pub fn store() -> Store {
    fn now() -> u64 {
        crate::meter::wall_nanos() / 1_000_000
    }
    redis::Redis::new(now)
}

pub async fn serve(stream: impl Read + Write, store: Rc<Store>) {
    let _ = redis::serve::<BUFFER, _, _, _>(stream, &store).await;
}

/// A stream with tokio's traits.
pub struct Tokio<S>(pub S);

/// A stream with those of futures-io.
pub struct Futures<S>(pub S);

macro_rules! embedded {
    ($name:ident, $($module:ident)::+) => {
        impl<S> ErrorType for $name<S> {
            type Error = io::Error;
        }

        impl<S: $($module)::+::AsyncRead + Unpin> Read for $name<S> {
            async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                use $($module)::+::AsyncReadExt;
                self.0.read(buf).await
            }
        }

        impl<S: $($module)::+::AsyncWrite + Unpin> Write for $name<S> {
            async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                use $($module)::+::AsyncWriteExt;
                self.0.write(buf).await
            }

            async fn flush(&mut self) -> io::Result<()> {
                use $($module)::+::AsyncWriteExt;
                self.0.flush().await
            }
        }
    };
}

embedded!(Tokio, tokio::io);
embedded!(Futures, futures_lite::io);
