//! [`Options`]: what a program sets of a TCP socket.

use super::settings::Settings;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) nodelay: bool,
    /// How long closing waits, in seconds.
    pub(crate) linger: Option<u32>,
    pub(crate) ttl: u32,
    pub(crate) keepalive: Keepalive,
    /// Bytes that may have come and not been read.
    pub(crate) receives: u32,
    /// Bytes that may have been written and not been read by the other side.
    pub(crate) sends: u32,
}

/// How a connection is looked after on which nothing happens; times are seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Keepalive {
    pub(crate) on: bool,
    pub(crate) time: u32,
    pub(crate) interval: u32,
    pub(crate) retries: u32,
}

impl Options {
    /// As Linux has them, apart from the sizes of buffers.
    pub(crate) fn new(settings: &Settings) -> Self {
        let window = u32::try_from(settings.window).unwrap_or(u32::MAX);
        Self {
            nodelay: false,
            linger: None,
            ttl: 64,
            keepalive: Keepalive {
                on: false,
                time: 7200,
                interval: 75,
                retries: 9,
            },
            receives: window,
            sends: window,
        }
    }
}
