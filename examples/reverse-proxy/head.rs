//! The head of an HTTP/1.1 request, as a proxy passes it on.

use std::net::SocketAddr;

/// A head can be so long at most, in bytes.
pub(crate) const MAX: usize = 16 << 10;

/// Headers that speak of the connection before the proxy, or that only a proxy should send.
const DROPPED: [&str; 6] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-proto",
];

/// Where a head ends: after its first empty line.
pub(crate) fn end(bytes: &[u8]) -> Option<usize> {
    let mut lines = bytes.split_inclusive(|&byte| byte == b'\n');
    let mut at = 0;
    lines.find_map(|line| {
        at += line.len();
        matches!(line, b"\r\n" | b"\n").then_some(at)
    })
}

/// The head with a header `Forwarded` (RFC 7239) that says who asks. One request goes over a connection to
/// an upstream, so that every one has the header: it asks for the connection to be closed afterwards, unless
/// it is to become another protocol.
///
/// # Errors
///
/// What makes it no request that two servers are sure to understand in the same way.
pub(crate) fn forwarded(head: &[u8], client: SocketAddr) -> Result<Vec<u8>, &'static str> {
    let mut lines = head.split(|&byte| byte == b'\n').map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        // Servers disagree about these.
        let odd = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
        (!line.iter().any(odd)).then_some(line)
    });
    let request = lines.next().flatten().ok_or("no request line")?;
    let mut words = request.split(|&byte| byte == b' ');
    let (method, target) = (words.next(), words.next());
    let is_request = method.is_some_and(|m| !m.is_empty() && m.iter().all(u8::is_ascii_graphic))
        && target.is_some_and(|t| !t.is_empty())
        && matches!(words.next(), Some(b"HTTP/1.1" | b"HTTP/1.0"))
        && words.next().is_none();
    if !is_request {
        return Err("this is no HTTP/1.1 request");
    }
    let mut out = [request, b"\r\n"].concat();
    let mut upgrades = false;
    for line in lines {
        let line = line.ok_or("a control character in a header")?;
        if line.is_empty() {
            break;
        }
        let colon = line.iter().position(|&byte| byte == b':');
        let name = &line[..colon.ok_or("a header without a colon")?];
        // Also a header that goes on in the next line, and a blank before the colon.
        if name.is_empty() || !name.iter().all(|b| b.is_ascii_graphic()) {
            return Err("a header without a name");
        }
        let is = |other: &&str| name.eq_ignore_ascii_case(other.as_bytes());
        if is(&"connection") {
            let value = String::from_utf8_lossy(&line[name.len() + 1..]);
            upgrades |= (value.split(',')).any(|word| word.trim().eq_ignore_ascii_case("upgrade"));
        }
        if !DROPPED.iter().any(is) {
            out.extend_from_slice(line);
            out.extend_from_slice(b"\r\n");
        }
    }
    let connection = if upgrades { "upgrade" } else { "close" };
    // Anything but a name and digits has to be in quotation marks.
    let added =
        format!("Forwarded: for=\"{client}\";proto=http\r\nConnection: {connection}\r\n\r\n");
    out.extend_from_slice(added.as_bytes());
    Ok(out)
}

/// The first line for an upstream that speaks the PROXY protocol, version 1.
pub(crate) fn proxy_line(client: SocketAddr, proxy: SocketAddr) -> String {
    let (family, client_ip, proxy_ip) = match (client, proxy) {
        (SocketAddr::V4(client), SocketAddr::V4(proxy)) => {
            ("TCP4", client.ip().to_string(), proxy.ip().to_string())
        }
        // Both have to be of one kind.
        _ => {
            let v6 = |addr: SocketAddr| match addr.ip() {
                std::net::IpAddr::V4(ip) => ip.to_ipv6_mapped().to_string(),
                std::net::IpAddr::V6(ip) => ip.to_string(),
            };
            ("TCP6", v6(client), v6(proxy))
        }
    };
    let (from, to) = (client.port(), proxy.port());
    format!("PROXY {family} {client_ip} {proxy_ip} {from} {to}\r\n")
}

/// An answer by the proxy itself.
pub(crate) fn page(status: &str, text: &str) -> String {
    let body = format!("<!doctype html><title>{status}</title><h1>{status}</h1><p>{text}</p>\n");
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
}
