//! [`Settings`]: what a simulation's builder sets.

use alloc::vec::Vec;
use core::time::Duration;

use super::link::{Latency, Link};
use super::pattern::Pattern;

/// What an IPv4 packet has room for, beside the headers of IP and UDP.
pub(crate) const MAX_DATAGRAM: usize = 65_535 - 20 - 8;

/// See [`Builder::restart_failed`](super::Builder::restart_failed).
#[derive(Clone, Debug)]
pub(crate) struct Restart {
    pub(crate) hosts: Pattern,
    pub(crate) text: Pattern,
    pub(crate) after: Latency,
}

/// Writes are torn between blocks of so many bytes, unless a test says otherwise.
pub(crate) const BLOCK: usize = 512;

/// How the disks of hosts are, until somebody sets one of them otherwise.
#[derive(Clone, Debug)]
pub(crate) struct DiskSettings {
    /// How long operations take, and syncs.
    pub(crate) operations: Latency,
    pub(crate) syncs: Latency,
    /// The probability that the system has in its memory what an operation is about.
    pub(crate) cached: f64,
    /// How many pages it has there for certain, and of how many bytes.
    pub(crate) pages: usize,
    pub(crate) page_bytes: usize,
    /// The probability that it has them no longer.
    pub(crate) evictions: f64,
    /// Writes are torn between blocks of so many bytes.
    pub(crate) block: usize,
    /// Bytes that there is room for.
    pub(crate) capacity: u64,
    /// The probability that an operation fails, that a read gives less than there is, and that of a wrong bit.
    pub(crate) errors: f64,
    pub(crate) short_reads: f64,
    pub(crate) wrong_reads: f64,
}

impl Default for DiskSettings {
    fn default() -> Self {
        Self {
            operations: Latency::uniform(Duration::from_micros(20), Duration::from_micros(200)),
            syncs: Latency::uniform(Duration::from_micros(500), Duration::from_millis(5)),
            cached: 0.0,
            pages: 0,
            page_bytes: 4096,
            evictions: 0.0,
            block: BLOCK,
            capacity: u64::MAX,
            errors: 0.0,
            short_reads: 0.0,
            wrong_reads: 0.0,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) seed: u64,
    /// Nanoseconds of virtual time until the run ends with an error.
    pub(crate) time_limit: u64,
    pub(crate) link: Link,
    pub(crate) disk: DiskSettings,
    /// How many events of the trace are kept.
    pub(crate) trace: usize,
    /// Whether packets are kept.
    pub(crate) capture: bool,
    /// How many turns all hosts together may take at one instant.
    pub(crate) turns_limit: u64,
    pub(crate) max_tasks: usize,
    /// Whether the end of a host by an error or a panic is the run's end.
    pub(crate) host_failure_ends: bool,
    /// Whether the panic of a task is its host's end.
    pub(crate) task_panics_end: bool,
    /// Bytes that a connection holds in each direction.
    pub(crate) window: usize,
    /// The bytes of the largest datagram.
    pub(crate) max_datagram: usize,
    /// Bytes of datagrams that wait at a socket.
    pub(crate) datagram_buffer: usize,
    /// How many ports there are that nobody has asked for by number.
    pub(crate) ephemeral: u16,
    pub(crate) connect_timeout: Duration,
    pub(crate) tcp_timeout: Duration,
    pub(crate) time_wait: Duration,
    /// Whether a crash may leave half of a rename.
    pub(crate) torn_renames: bool,
    /// Nanoseconds until a system writes back what was not synced.
    pub(crate) write_back: u64,
    /// Which hosts start again when they fail.
    pub(crate) restarts: Vec<Restart>,
    /// How many processors each host has.
    pub(crate) processors: usize,
    /// What wall clocks show at the beginning: the time since 1970.
    pub(crate) epoch: Duration,
    /// Whether names stand for addresses by IPv6.
    pub(crate) prefer_ipv6: bool,
}

impl Settings {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            time_limit: 3_600_000_000_000,
            link: Link::default(),
            disk: DiskSettings::default(),
            trace: 0,
            capture: false,
            turns_limit: 1_000_000,
            max_tasks: crate::DEFAULT_MAX_TASKS,
            host_failure_ends: true,
            task_panics_end: true,
            window: 64 * 1024,
            max_datagram: MAX_DATAGRAM,
            datagram_buffer: 256 * 1024,
            // As on Linux.
            ephemeral: 28_232,
            // What Linux comes to with its six retries of a connect and fifteen of a segment.
            connect_timeout: Duration::from_secs(127),
            tcp_timeout: Duration::from_secs(924),
            time_wait: Duration::from_secs(60),
            torn_renames: false,
            // Linux' dirty_expire_centisecs is 3000.
            write_back: 30_000_000_000,
            restarts: Vec::new(),
            processors: 1,
            // The year 2000.
            epoch: Duration::from_secs(946_684_800),
            prefer_ipv6: false,
        }
    }
}
