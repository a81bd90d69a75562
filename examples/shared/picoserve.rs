//! The web framework picoserve on the protocol stack of chips, and a few pages.
//!
//! picoserve knows two runtimes, and has three traits for all others: this is what they take here. Copy the part
//! above the pages.

use core::time::Duration;

use picoserve::extract::FromRequest;
use picoserve::io::{ErrorType, Read, Socket, Write};
use picoserve::mem::{BorrowedBuffer, BorrowedCursor};
use picoserve::request::{RequestBody, RequestParts};
use picoserve::response::StatusCode;
use picoserve::response::chunked::{ChunkWriter, ChunkedResponse, Chunks, ChunksWritten};
use picoserve::routing::{PathRouter, get, post};
use picoserve::time::{Duration as Time, Timer};
use picoserve::{Router, Timeouts};
use polliwog::spin::Error;
use polliwog::spin::stack::{ReadHalf, Shutdown, TcpStream, WriteHalf};
use polliwog::time::{now, sleep};

/// The runtime, and its timer.
pub struct Polliwog;

impl Timer<Polliwog> for Polliwog {
    async fn delay(&self, time: Time) {
        sleep(Duration::from_millis(time.as_millis())).await;
    }
}

/// The half of a stream that writes.
pub struct Writer<'a>(WriteHalf<'a>);

impl ErrorType for Writer<'_> {
    type Error = Error;
}

impl picoserve::io::BaseWrite for Writer<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        self.0.write(bytes).await
    }

    async fn flush(&mut self) -> Result<(), Error> {
        // It is sent as it is: to wait until the client has acknowledged it would slow all pages down.
        Ok(())
    }
}

impl Write for Writer<'_> {
    async fn write_with<F, R>(&mut self, fill: F) -> Result<R, Error>
    where
        F: FnOnce(BorrowedCursor<'_>) -> R,
    {
        let mut memory = [0; 128];
        let mut buffer = BorrowedBuffer::new(&mut memory);
        let result = fill(buffer.unfilled());
        self.0.write_all(buffer.filled()).await?;
        Ok(result)
    }
}

impl Socket<Polliwog> for TcpStream {
    type Error = Error;
    type ReadHalf<'a> = ReadHalf<'a>;
    type WriteHalf<'a> = Writer<'a>;

    fn split(&mut self) -> (ReadHalf<'_>, Writer<'_>) {
        let (reader, writer) = TcpStream::split(self);
        (reader, Writer(writer))
    }

    async fn abort<T: Timer<Polliwog>>(
        self,
        _: &Timeouts,
        _: &T,
    ) -> Result<(), picoserve::Error<Error>> {
        TcpStream::abort(&self);
        Ok(())
    }

    async fn shutdown<T: Timer<Polliwog>>(
        self,
        timeouts: &Timeouts,
        timer: &T,
    ) -> Result<(), picoserve::Error<Error>> {
        TcpStream::shutdown(&self, Shutdown::Write).map_err(picoserve::Error::Write)?;
        // What has been written goes out meanwhile; a client that has nothing more to say hangs up.
        let rest = async {
            let mut bytes = [0; 64];
            while self.read(&mut bytes).await? > 0 {}
            Ok(())
        };
        timer
            .run_with_timeout(timeouts.read_request, rest)
            .await
            .map_err(picoserve::Error::ReadTimeout)?
            .map_err(picoserve::Error::Read)
    }
}

// The pages.

const LINES: u32 = 2_000;

/// Pages that are not known before they are asked for.
enum Page {
    Uptime,
    Long,
    Length(usize),
}

impl Chunks for Page {
    fn content_type(&self) -> &'static str {
        "text/plain"
    }

    async fn write_chunks<W: Write>(
        self,
        mut writer: ChunkWriter<W>,
    ) -> Result<ChunksWritten, W::Error> {
        match self {
            Self::Uptime => {
                let uptime = now().unwrap_or_default().as_duration();
                writer
                    .write_fmt(format_args!("{} ms\n", uptime.as_millis()))
                    .await?;
            }
            // Far more than fits into any buffer.
            Self::Long => {
                for n in 0..LINES {
                    writer.write_fmt(format_args!("{n}\n")).await?;
                }
            }
            Self::Length(length) => writer.write_fmt(format_args!("{length}\n")).await?,
        }
        writer.finalize().await
    }
}

/// How long a request's body is, of which a part is kept at a time.
struct Length(usize);

impl<'r, S> FromRequest<'r, S> for Length {
    type Rejection = StatusCode;

    async fn from_request<R: Read>(
        _: &'r S,
        _: RequestParts<'r>,
        body: RequestBody<'r, R>,
    ) -> Result<Self, StatusCode> {
        let (mut reader, mut bytes, mut length) = (body.reader(), [0; 64], 0);
        loop {
            match reader.read(&mut bytes).await {
                Ok(0) => return Ok(Self(length)),
                Ok(count) => length += count,
                Err(_) => return Err(StatusCode::BAD_REQUEST),
            }
        }
    }
}

/// What is where.
pub fn pages() -> Router<impl PathRouter> {
    Router::new()
        .route("/", get(async || "<h1>polliwog</h1>\n"))
        .route("/uptime", get(async || ChunkedResponse::new(Page::Uptime)))
        .route("/long", get(async || ChunkedResponse::new(Page::Long)))
        .route(
            "/length",
            post(async |Length(length): Length| ChunkedResponse::new(Page::Length(length))),
        )
}
