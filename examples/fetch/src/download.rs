//! One file after the other over one connection.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Buf, Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HOST, LOCATION};
use hyper::{Request, Response, Uri};
use polliwog::fs::{self, File};
use polliwog::net::TcpStream;
use polliwog::spawn;
use polliwog::time::{sleep, timeout};

use crate::progress::Progress;
use crate::shortage::{REST, is_rejected};
use crate::{Options, Wanted};

/// So often a server may send the client elsewhere.
const REDIRECTS: usize = 5;
/// The pause before another try; twice as long before the next.
const PAUSE: Duration = Duration::from_millis(200);

/// A connection that may be used again, for the same server.
#[derive(Default)]
pub(crate) struct Connection(Option<(String, SendRequest<Empty<Bytes>>)>);

/// Why a file is not there.
pub(crate) struct Failed {
    pub(crate) error: String,
    /// Another try may have another end.
    again: bool,
}

fn may_pass(error: impl Display) -> Failed {
    let (error, again) = (error.to_string(), true);
    Failed { error, again }
}

fn is_final(error: impl Display) -> Failed {
    let (error, again) = (error.to_string(), false);
    Failed { error, again }
}

/// A file that goes away unless it is finished.
struct Part<'a>(&'a Path);

impl Drop for Part<'_> {
    fn drop(&mut self) {
        // It may not be there.
        let _ = std::fs::remove_file(self.0);
    }
}

/// Downloads a file, with as many tries as it may have. Returns how many bytes it has.
pub(crate) async fn file(
    connection: &mut Connection,
    file: &Wanted,
    options: &Options,
    progress: &Progress,
) -> Result<u64, Failed> {
    let mut tries = 1;
    let mut pause = PAUSE;
    loop {
        let counted = progress.begin();
        let result = attempt(connection, file, options, &counted).await;
        match result {
            Ok(bytes) => {
                counted.keep();
                return Ok(bytes);
            }
            Err(failed) if failed.again && tries < options.tries => {
                // Whatever has become of it.
                connection.0 = None;
                tries += 1;
                sleep(pause).await;
                pause *= 2;
            }
            Err(failed) => {
                connection.0 = None;
                return Err(failed);
            }
        }
    }
}

async fn attempt(
    connection: &mut Connection,
    file: &Wanted,
    options: &Options,
    counted: &crate::progress::Counted<'_>,
) -> Result<u64, Failed> {
    let silent = |_| may_pass("the server is silent");
    let mut url = file.url.clone();
    let mut redirects = 0;
    let response = loop {
        let asked = timeout(options.stall, connection.ask(&url)).await;
        let response = asked.map_err(silent)??;
        let status = response.status();
        if status.is_redirection() && response.headers().contains_key(LOCATION) {
            redirects += 1;
            if redirects > REDIRECTS {
                return Err(is_final("it is sent from one place to the other"));
            }
            url = elsewhere(&url, &response)?;
            // What it says besides is of no interest, and so is its connection.
            connection.0 = None;
        } else if status.is_success() {
            break response;
        } else if status.is_server_error() || status == hyper::StatusCode::TOO_MANY_REQUESTS {
            return Err(may_pass(status));
        } else {
            return Err(is_final(status));
        }
    };

    let path = options.into.join(&file.name);
    let unfinished = PathBuf::from(format!("{}.part", path.display()));
    let create = async || File::create(&unfinished).await;
    let mut out = patiently(options, create).await?;
    let part = Part(&unfinished);
    let mut body = response.into_body();
    let mut bytes = 0;
    // A body that ends before its announced length is an error of hyper's.
    while let Some(frame) = timeout(options.stall, body.frame()).await.map_err(silent)? {
        let mut data = frame.map_err(may_pass)?.into_data().unwrap_or_default();
        while !data.is_empty() {
            let count = patiently(options, async || out.write(&data).await).await?;
            data.advance(count);
            bytes += count as u64;
            counted.add(count as u64);
        }
    }
    out.flush().await.map_err(is_final)?;
    drop(out);
    patiently(options, async || fs::rename(&unfinished, &path).await).await?;
    drop(part);
    Ok(bytes)
}

/// Does something to a file as soon as there is a thread for it: other files will be done with theirs.
async fn patiently<T>(
    options: &Options,
    mut operation: impl AsyncFnMut() -> io::Result<T>,
) -> Result<T, Failed> {
    let done = async {
        loop {
            match operation().await {
                Err(error) if is_rejected(&error) => sleep(REST).await,
                done => return done.map_err(is_final),
            }
        }
    };
    let none = |_| is_final("there is no thread for the file");
    timeout(options.stall, done).await.map_err(none)?
}

/// Where a server sends its client.
fn elsewhere(from: &Uri, response: &Response<Incoming>) -> Result<Uri, Failed> {
    let location = response.headers().get(LOCATION);
    let location = location.and_then(|value| value.to_str().ok());
    let location = location.ok_or_else(|| is_final("it is sent nowhere"))?;
    let authority = from.authority().map_or("", |authority| authority.as_str());
    let text = match location {
        path if path.starts_with("//") => format!("http:{path}"),
        path if path.starts_with('/') => format!("http://{authority}{path}"),
        other => other.to_owned(),
    };
    match text.parse::<Uri>() {
        Ok(url) if url.scheme_str() == Some("http") && url.host().is_some() => Ok(url),
        _ => Err(is_final(format!("it is sent to {location}"))),
    }
}

impl Connection {
    async fn ask(&mut self, url: &Uri) -> Result<Response<Incoming>, Failed> {
        let host = url.authority().map_or("", |authority| authority.as_str());
        let path = url.path_and_query().map_or("/", |path| path.as_str());
        let request = || {
            let request = Request::get(path).header(HOST, host);
            let request = request.header("User-Agent", "polliwog-fetch");
            request.body(Empty::new()).map_err(is_final)
        };
        // One that has been kept may have been closed by the server in the meantime.
        if let Some((server, mut sender)) = self.0.take() {
            if server == host && sender.ready().await.is_ok() {
                if let Ok(response) = sender.send_request(request()?).await {
                    self.0 = Some((server, sender));
                    return Ok(response);
                }
            }
        }
        let (name, port) = (url.host().unwrap_or(""), url.port_u16().unwrap_or(80));
        // Without the brackets around an IPv6 address.
        let name = name.trim_matches(['[', ']']);
        let stream = TcpStream::connect((name, port)).await.map_err(may_pass)?;
        stream.set_nodelay(true).map_err(may_pass)?;
        let (mut sender, connection) = handshake(stream).await.map_err(may_pass)?;
        spawn(async {
            // What becomes of it the one who asks hears, too.
            let _ = connection.await;
        })
        .map_err(is_final)?
        .detach();
        let response = sender.send_request(request()?).await.map_err(may_pass)?;
        self.0 = Some((host.to_owned(), sender));
        Ok(response)
    }
}
