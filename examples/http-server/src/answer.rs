//! From a request to its answer: RFC 9110 as far as files go.

use std::convert::Infallible;
use std::fs::{File, Metadata};
use std::io::{self, Seek, SeekFrom};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_io::AsyncRead;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use polliwog::time::{Sleep, sleep, timeout};

use crate::folder::{self, Refusal};
use crate::listing;
use crate::shortage::{REST, is_rejected, on_a_thread};

/// How much of a file is in memory at most, for each connection.
const PIECE: usize = 64 * 1024;
/// How long a file may wait for a thread to be opened by; and how often for each piece, once the answer has begun.
const PATIENCE: Duration = Duration::from_secs(2);
const RESTS: u32 = 200;

/// The answer to a request. What goes wrong is an answer, too.
pub(crate) async fn answer(
    root: Arc<Path>,
    request: Request<Incoming>,
) -> Result<Response<Content>, Infallible> {
    let head_only = request.method() == Method::HEAD;
    if !head_only && request.method() != Method::GET {
        let mut response = text(
            StatusCode::METHOD_NOT_ALLOWED,
            "only GET and HEAD are answered here",
        );
        let allowed = HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(header::ALLOW, allowed);
        return Ok(response);
    }
    let (head, _) = request.into_parts();
    let raw = head.uri.path().to_owned();
    let found = match listing::decode(&raw) {
        Some(path) => timeout(PATIENCE, on_a_thread(move || find(&root, &path))).await,
        None => {
            return Ok(text(
                StatusCode::BAD_REQUEST,
                "a path that cannot be decoded",
            ));
        }
    };
    let mut response = match found {
        Ok(Ok(Ok(Found::File(file, about, mime)))) => serve(file, &about, mime, &head.headers),
        Ok(Ok(Ok(Found::Listing(page)))) => {
            content(StatusCode::OK, page, "text/html; charset=utf-8")
        }
        Ok(Ok(Ok(Found::Elsewhere))) => {
            let mut response = text(StatusCode::MOVED_PERMANENTLY, "a folder");
            if let Ok(place) = HeaderValue::from_str(&listing::with_slash(&raw)) {
                response.headers_mut().insert(header::LOCATION, place);
            }
            response
        }
        Ok(Ok(Err(refusal))) => refuse(&refusal),
        // There is no thread, or it has too much to do.
        Ok(Err(_)) | Err(_) => text(StatusCode::SERVICE_UNAVAILABLE, "try again later"),
    };
    let sniff = HeaderName::from_static("x-content-type-options");
    response
        .headers_mut()
        .insert(sniff, HeaderValue::from_static("nosniff"));
    if head_only {
        // The headers are those of the whole, Content-Length among them.
        let length = response.body().size_hint().exact();
        if let Some(length) = length.filter(|_| response.status() != StatusCode::NOT_MODIFIED) {
            response
                .headers_mut()
                .insert(header::CONTENT_LENGTH, length.into());
        }
        *response.body_mut() = Content::None;
    }
    Ok(response)
}

enum Found {
    File(File, Metadata, &'static str),
    Listing(String),
    /// A folder under the name of a file: relative links would be wrong.
    Elsewhere,
}

/// Looks for what a path names. Blocks.
fn find(root: &Path, path: &str) -> Result<Found, Refusal> {
    let name = path.strip_prefix('/').unwrap_or(path);
    let open = |name: &str| {
        let file = folder::open(root, name)?;
        let about = file.metadata()?;
        Ok(Found::File(file, about, mime(name)))
    };
    if name.is_empty() || name.ends_with('/') {
        return match open(&format!("{name}index.html")) {
            Err(Refusal::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(
                Found::Listing(listing::page(path, folder::list(root, name)?)),
            ),
            found => found,
        };
    }
    match open(name) {
        Err(Refusal::NotAFile) if folder::list(root, name).is_ok() => Ok(Found::Elsewhere),
        found => found,
    }
}

/// Nobody learns what there is outside: it is as good as nothing.
fn refuse(refusal: &Refusal) -> Response<Content> {
    let status = match refusal {
        Refusal::Outside | Refusal::NotAFile => StatusCode::NOT_FOUND,
        Refusal::OutOfDescriptors => StatusCode::SERVICE_UNAVAILABLE,
        Refusal::Io(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => StatusCode::NOT_FOUND,
            io::ErrorKind::PermissionDenied => StatusCode::FORBIDDEN,
            // Too long a name, for one.
            _ => StatusCode::NOT_FOUND,
        },
    };
    let reason = match status {
        StatusCode::NOT_FOUND => "no such file".to_owned(),
        _ => refusal.to_string(),
    };
    text(status, &reason)
}

fn text(status: StatusCode, message: &str) -> Response<Content> {
    content(status, format!("{message}\n"), "text/plain; charset=utf-8")
}

fn content(status: StatusCode, body: String, mime: &'static str) -> Response<Content> {
    let mut response = Response::new(Content::Bytes(body.into()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(mime));
    response
}

/// A version of a file: what its copies are compared by.
struct Version {
    tag: String,
    /// In whole seconds, as HTTP has it.
    modified: Option<SystemTime>,
}

impl Version {
    fn of(about: &Metadata) -> Self {
        let modified = about.modified().ok();
        let since = modified
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
            .unwrap_or_default();
        Version {
            tag: format!("\"{:x}-{:x}\"", since.as_nanos(), about.len()),
            modified: modified.map(|_| UNIX_EPOCH + Duration::from_secs(since.as_secs())),
        }
    }

    /// Whether one of a list of tags is this version's. `weak`: also one that says "more or less".
    fn is_in(&self, list: &str, weak: bool) -> bool {
        list.split(',').map(str::trim).any(|tag| {
            let tag = if weak {
                tag.strip_prefix("W/").unwrap_or(tag)
            } else {
                tag
            };
            tag == "*" || tag == self.tag
        })
    }
}

fn date(value: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(value).ok()
}

/// What the conditions of a request come to (RFC 9110, 13.2.2), if not to an ordinary answer.
fn condition(version: &Version, headers: &HeaderMap) -> Option<StatusCode> {
    let get = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let not_after = |value| Some(version.modified? <= date(value)?);
    let failed = match (get(header::IF_MATCH), get(header::IF_UNMODIFIED_SINCE)) {
        (Some(list), _) => !version.is_in(list, false),
        (None, Some(value)) => not_after(value) == Some(false),
        (None, None) => false,
    };
    if failed {
        return Some(StatusCode::PRECONDITION_FAILED);
    }
    let unchanged = match (get(header::IF_NONE_MATCH), get(header::IF_MODIFIED_SINCE)) {
        (Some(list), _) => version.is_in(list, true),
        (None, Some(value)) => not_after(value) == Some(true),
        (None, None) => false,
    };
    unchanged.then_some(StatusCode::NOT_MODIFIED)
}

/// The part that a request wants.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Whole,
    /// The first byte, and how many.
    Range(u64, u64),
    /// Beyond the end.
    Nothing,
}

/// One range is answered as such. Several, or what cannot be understood, may be answered by the whole.
fn part(version: &Version, length: u64, headers: &HeaderMap) -> Part {
    let get = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(range) = get(header::RANGE).and_then(|range| range.strip_prefix("bytes=")) else {
        return Part::Whole;
    };
    // Of another version a part is of no use.
    let same = get(header::IF_RANGE).is_none_or(|value| {
        version.tag == value || version.modified.is_some_and(|at| date(value) == Some(at))
    });
    if !same {
        return Part::Whole;
    }
    let number = |digits: &str| match digits.bytes().all(|byte| byte.is_ascii_digit()) {
        true => digits.parse::<u64>().ok(),
        false => None,
    };
    match range.trim().split_once('-') {
        Some(("", last)) => match number(last) {
            Some(0) => Part::Nothing,
            Some(last) if length > 0 => Part::Range(length - last.min(length), last.min(length)),
            Some(_) => Part::Nothing,
            None => Part::Whole,
        },
        Some((first, last)) => {
            let end = if last.is_empty() {
                Some(u64::MAX)
            } else {
                number(last)
            };
            match (number(first), end) {
                (Some(first), Some(last)) if first > last => Part::Whole,
                (Some(first), Some(_)) if first >= length => Part::Nothing,
                (Some(first), Some(last)) => Part::Range(first, last.min(length - 1) - first + 1),
                _ => Part::Whole,
            }
        }
        None => Part::Whole,
    }
}

fn serve(
    file: File,
    about: &Metadata,
    mime: &'static str,
    headers: &HeaderMap,
) -> Response<Content> {
    let (version, length) = (Version::of(about), about.len());
    let mut response = match condition(&version, headers) {
        Some(status) => {
            let mut response = Response::new(Content::None);
            *response.status_mut() = status;
            response
        }
        None => match part(&version, length, headers) {
            Part::Whole => Response::new(Content::file(file, length)),
            Part::Nothing => {
                let mut response = text(
                    StatusCode::RANGE_NOT_SATISFIABLE,
                    "beyond the end of the file",
                );
                insert(
                    response.headers_mut(),
                    header::CONTENT_RANGE,
                    format!("bytes */{length}"),
                );
                return response;
            }
            Part::Range(first, count) => {
                // On a regular file this is a number that is noted down.
                let mut file = file;
                if let Err(error) = file.seek(SeekFrom::Start(first)) {
                    return refuse(&Refusal::from(error));
                }
                let mut response = Response::new(Content::file(file, count));
                *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                let range = format!("bytes {first}-{}/{length}", first + count - 1);
                insert(response.headers_mut(), header::CONTENT_RANGE, range);
                response
            }
        },
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(mime));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    insert(headers, header::ETAG, version.tag);
    if let Some(modified) = version.modified {
        insert(
            headers,
            header::LAST_MODIFIED,
            httpdate::fmt_http_date(modified),
        );
    }
    response
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

/// By the ending of the name; a browser is told not to guess.
fn mime(name: &str) -> &'static str {
    let ending = Path::new(name)
        .extension()
        .and_then(|ending| ending.to_str());
    match ending.unwrap_or_default().to_ascii_lowercase().as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "txt" | "md" | "rs" | "toml" | "lock" | "sh" | "log" | "csv" => "text/plain; charset=utf-8",
        "json" | "map" => "application/json",
        "xml" => "application/xml",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/x-icon",
        "wasm" => "application/wasm",
        "pdf" => "application/pdf",
        "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "woff2" => "font/woff2",
        "zip" => "application/zip",
        "gz" => "application/gzip",
        _ => "application/octet-stream",
    }
}

/// What follows the head of an answer.
pub(crate) enum Content {
    None,
    Bytes(Bytes),
    File(Box<Reading>),
}

/// A file on its way.
pub(crate) struct Reading {
    file: polliwog::fs::File,
    /// For the next piece; empty between two.
    piece: Vec<u8>,
    left: u64,
    /// Until there may be a thread for the next piece: how often that was waited for, and the wait.
    rests: u32,
    rest: Option<Pin<Box<Sleep>>>,
}

impl Reading {
    /// Reads what fits into `piece`. Without a thread it waits for one: other clients will be done with theirs.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        loop {
            if let Some(rest) = &mut self.rest {
                ready!(rest.as_mut().poll(cx));
                self.rest = None;
            }
            let read = ready!(Pin::new(&mut self.file).poll_read(cx, &mut self.piece));
            match read {
                Err(error) if is_rejected(&error) && self.rests < RESTS => {
                    self.rests += 1;
                    self.rest = Some(Box::pin(sleep(REST)));
                }
                read => {
                    self.rests = 0;
                    return Poll::Ready(read);
                }
            }
        }
    }
}

impl Content {
    fn file(file: File, length: u64) -> Self {
        Content::File(Box::new(Reading {
            file: polliwog::fs::File::from_std(file),
            piece: Vec::new(),
            left: length,
            rests: 0,
            rest: None,
        }))
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = io::Error;

    /// An error when the file has become shorter: the connection ends then, so that no client takes a part for
    /// the whole.
    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let bytes = match &mut *self {
            Content::None => return Poll::Ready(None),
            Content::Bytes(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Content::None;
                bytes
            }
            Content::File(reading) => {
                if reading.left == 0 {
                    return Poll::Ready(None);
                }
                let room = usize::try_from(reading.left).map_or(PIECE, |left| left.min(PIECE));
                reading.piece.resize(room, 0);
                let count = ready!(reading.poll_piece(cx))?;
                if count == 0 {
                    return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())));
                }
                reading.left -= count as u64;
                reading.piece.truncate(count);
                std::mem::take(&mut reading.piece).into()
            }
        };
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Content::None => true,
            Content::Bytes(bytes) => bytes.is_empty(),
            Content::File(reading) => reading.left == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self {
            Content::None => 0,
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::File(reading) => reading.left,
        })
    }
}
