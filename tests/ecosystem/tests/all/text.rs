//! A codec for tonic whose messages are texts, and a method.

use std::time::Duration;

use bytes::{Buf, BufMut};
use futures_util::StreamExt;
use polliwog::SendWrapper;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Request, Response, Status};

/// What a compiler for protocol buffers would have made.
#[derive(Clone, Copy, Default)]
pub(crate) struct Text;

impl Codec for Text {
    type Encode = String;
    type Decode = String;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Text {
    type Item = String;
    type Error = Status;

    fn encode(&mut self, item: String, buf: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buf.put_slice(item.as_bytes());
        Ok(())
    }
}

impl Decoder for Text {
    type Item = String;
    type Error = Status;

    fn decode(&mut self, buf: &mut DecodeBuf<'_>) -> Result<Option<String>, Status> {
        let bytes = buf.copy_to_bytes(buf.remaining());
        let text = String::from_utf8(bytes.into());
        text.map(Some)
            .map_err(|error| Status::invalid_argument(error.to_string()))
    }
}

/// As many answers as asked for, one after the other.
pub(crate) async fn count(
    request: Request<String>,
) -> Result<
    Response<impl futures_util::Stream<Item = Result<String, Status>> + Send + 'static>,
    Status,
> {
    let most: u32 = request.into_inner().parse().unwrap_or(0);
    let answers = futures_util::stream::iter(0..most).then(|n| async move {
        polliwog::time::sleep(Duration::from_millis(1)).await;
        Ok(n.to_string())
    });
    Ok(Response::new(SendWrapper::new(Box::pin(answers))))
}
