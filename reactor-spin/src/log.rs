//! What `defmt` shows of the types that have fields which `defmt` does not know.

use defmt::{Format, Formatter, write};

use crate::net::ReuniteError;

impl Format for ReuniteError {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "ReuniteError");
    }
}

#[cfg(feature = "smoltcp")]
impl Format for crate::stack::ReuniteError {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "ReuniteError");
    }
}

#[cfg(feature = "smoltcp")]
impl Format for crate::stack::Settings {
    fn format(&self, f: Formatter<'_>) {
        write!(
            f,
            "Settings {{ mac: {=[u8; 6]:02x}, address: {=[u8; 4]}, prefix: {=u8}, gateway: {=?} }}",
            self.mac,
            self.address.octets(),
            self.prefix,
            self.gateway.map(|gateway| gateway.octets())
        );
    }
}

/// Durations in microseconds; for ever is [`u64::MAX`].
#[cfg(feature = "smoltcp")]
impl Format for crate::stack::TcpSettings {
    fn format(&self, f: Formatter<'_>) {
        let micros =
            |span: core::time::Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        write!(
            f,
            "TcpSettings {{ keep_alive: {=u64:us}, timeout: {=u64:us}, connect_timeout: {=u64:us}, \
             handshake_timeout: {=u64:us}, linger: {=u64:us}, nodelay: {=bool}, ttl: {=u8} }}",
            self.keep_alive.map_or(u64::MAX, micros),
            self.timeout.map_or(u64::MAX, micros),
            micros(self.connect_timeout),
            micros(self.handshake_timeout),
            micros(self.linger),
            self.nodelay,
            self.ttl
        );
    }
}
