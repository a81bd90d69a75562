//! [`Options`]: what a program sets of a TCP socket.

use core::time::Duration;

use super::settings::Settings;
use crate::Error;
use crate::net::options::whole;

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

/// What Linux takes at most of a keepalive's times, in seconds, and of its probes (`MAX_TCP_KEEPIDLE`, `MAX_TCP_KEEPINTVL`,
/// `MAX_TCP_KEEPCNT`).
const MOST_SECONDS: u32 = 32_767;
const MOST_RETRIES: u32 = 127;

impl Keepalive {
    /// Has the system look, after this time at first.
    pub(crate) fn set_time(&mut self, time: Duration) -> Result<(), Error> {
        self.on = true;
        self.time = within(whole(time), MOST_SECONDS)?;
        Ok(())
    }

    /// Has the system look, and again after this time.
    pub(crate) fn set_interval(&mut self, interval: Duration) -> Result<(), Error> {
        self.on = true;
        self.interval = within(whole(interval), MOST_SECONDS)?;
        Ok(())
    }

    /// Has the system look, so often.
    pub(crate) fn set_retries(&mut self, retries: u32) -> Result<(), Error> {
        self.on = true;
        self.retries = within(retries, MOST_RETRIES)?;
        Ok(())
    }
}

fn within(value: u32, most: u32) -> Result<u32, Error> {
    let is_one = (1..=most).contains(&value);
    is_one.then_some(value).ok_or(Error::InvalidInput)
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
