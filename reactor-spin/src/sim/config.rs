//! [`Config`]: a file that says how networks and disks are.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::str::FromStr;

use super::fault::duration;
use super::link::Latency;
use super::rng::nanos;
use super::settings::{MAX_DATAGRAM, Settings};
use super::tcp::FIRST_EPHEMERAL;

/// A setting.
struct Key {
    name: &'static str,
    /// What its value is, in words.
    kind: &'static str,
    /// `None`: the value is none.
    set: fn(&mut Settings, &str) -> Option<()>,
}

/// What a file has set, in the order of its lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Config(Vec<(&'static Key, String)>);

impl core::fmt::Debug for Key {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name)
    }
}

const LATENCY: &str =
    "`fixed 5ms`, `uniform 1ms 20ms`, or `exponential 1ms 10ms` (the least, and the mean)";
const TIME: &str = "a time, such as `1.5s` or `300ms`";
const PROBABILITY: &str = "a probability, from 0 to 1";
const COUNT: &str = "a whole number, at least 1";
const CHOICE: &str = "`true` or `false`";

const fn key(
    name: &'static str,
    kind: &'static str,
    set: fn(&mut Settings, &str) -> Option<()>,
) -> Key {
    Key { name, kind, set }
}

/// All there are. docs/simulation.md says what each of them is.
const KEYS: &[Key] = &[
    key("latency", LATENCY, |it, text| {
        put(&mut it.link.latency, latency(text))
    }),
    key("jitter", TIME, |it, text| {
        put(&mut it.link.jitter, duration(text))
    }),
    key("bandwidth", COUNT, |it, text| {
        put(&mut it.link.bandwidth, count(text).map(Some))
    }),
    key("loss", PROBABILITY, |it, text| {
        put(&mut it.link.loss, odds(text))
    }),
    key("duplicate", PROBABILITY, |it, text| {
        put(&mut it.link.duplicate, odds(text))
    }),
    key("reorder", PROBABILITY, |it, text| {
        put(&mut it.link.reorder, odds(text))
    }),
    key("connect_timeout", TIME, |it, text| {
        put(&mut it.connect_timeout, duration(text))
    }),
    key("tcp_timeout", TIME, |it, text| {
        put(&mut it.tcp_timeout, duration(text))
    }),
    key("time_wait", TIME, |it, text| {
        put(&mut it.time_wait, duration(text))
    }),
    key("tcp_window", COUNT, |it, text| {
        put(&mut it.window, count(text))
    }),
    key(
        "ephemeral_ports",
        "a whole number, from 1 to 32767",
        |it, text| {
            let most = u16::MAX - FIRST_EPHEMERAL;
            put(
                &mut it.ephemeral,
                count(text).filter(|count| *count <= most),
            )
        },
    ),
    key(
        "max_datagram",
        "a whole number, from 1 to 65507",
        |it, text| {
            let size = count(text).filter(|count| *count <= MAX_DATAGRAM);
            put(&mut it.max_datagram, size)
        },
    ),
    key("datagram_buffer", COUNT, |it, text| {
        put(&mut it.datagram_buffer, count(text))
    }),
    key("prefer_ipv6", CHOICE, |it, text| {
        put(&mut it.prefer_ipv6, text.parse().ok())
    }),
    key("disk_latency", LATENCY, |it, text| {
        put(&mut it.disk.operations, latency(text))
    }),
    key("disk_sync_latency", LATENCY, |it, text| {
        put(&mut it.disk.syncs, latency(text))
    }),
    key("disk_cached", PROBABILITY, |it, text| {
        put(&mut it.disk.cached, odds(text))
    }),
    key("disk_pages", "a whole number", |it, text| {
        put(&mut it.disk.pages, text.parse().ok())
    }),
    key("disk_page_bytes", COUNT, |it, text| {
        put(&mut it.disk.page_bytes, count(text))
    }),
    key("disk_evictions", PROBABILITY, |it, text| {
        put(&mut it.disk.evictions, odds(text))
    }),
    key("disk_block", COUNT, |it, text| {
        put(&mut it.disk.block, count(text))
    }),
    key("disk_capacity", COUNT, |it, text| {
        put(&mut it.disk.capacity, count(text))
    }),
    key("disk_errors", PROBABILITY, |it, text| {
        put(&mut it.disk.errors, odds(text))
    }),
    key("disk_short_reads", PROBABILITY, |it, text| {
        put(&mut it.disk.short_reads, odds(text))
    }),
    key("disk_corruption", PROBABILITY, |it, text| {
        put(&mut it.disk.wrong_reads, odds(text))
    }),
    key("torn_renames", CHOICE, |it, text| {
        put(&mut it.torn_renames, text.parse().ok())
    }),
    key("write_back", TIME, |it, text| {
        put(&mut it.write_back, duration(text).map(nanos))
    }),
];

fn put<T>(place: &mut T, value: Option<T>) -> Option<()> {
    *place = value?;
    Some(())
}

fn count<T: FromStr + Default + PartialEq>(text: &str) -> Option<T> {
    text.parse().ok().filter(|count| *count != T::default())
}

fn odds(text: &str) -> Option<f64> {
    text.parse().ok().filter(|odds| (0.0..=1.0).contains(odds))
}

fn latency(text: &str) -> Option<Latency> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let latency = match *words.as_slice() {
        ["fixed", time] => return Some(Latency::fixed(duration(time)?)),
        ["uniform", _, _] => Latency::uniform,
        ["exponential", _, _] => Latency::exponential,
        _ => return None,
    };
    let (least, other) = (duration(words[1])?, duration(words[2])?);
    (least <= other).then(|| latency(least, other))
}

impl Config {
    /// Sets what the file says, and leaves the rest.
    pub(crate) fn apply(&self, settings: &mut Settings) {
        for (key, text) in &self.0 {
            // As it did when the file was read.
            let _ = (key.set)(settings, text);
        }
    }
}

impl FromStr for Config {
    type Err = String;

    /// Reads lines of the form `key = value`; what comes after a `#` is for people.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut config = Self::default();
        let mut scratch = Settings::new(0);
        for (number, line) in (1..).zip(text.lines()) {
            let (line, _) = line.split_once('#').unwrap_or((line, ""));
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            let Some((name, value)) = line.split_once('=') else {
                return Err(format!("line {number}: not `key = value`: {line}"));
            };
            let (name, value) = (name.trim(), value.trim());
            let Some(key) = KEYS.iter().find(|key| key.name == name) else {
                let names: Vec<_> = KEYS.iter().map(|key| key.name).collect();
                let names = names.join(", ");
                return Err(format!(
                    "line {number}: there is no key {name}; there are {names}"
                ));
            };
            if config.0.iter().any(|(other, _)| other.name == name) {
                return Err(format!("line {number}: {name} is set already"));
            }
            if (key.set)(&mut scratch, value).is_none() {
                let kind = key.kind;
                return Err(format!("line {number}: {name}: not {kind}: {value}"));
            }
            config.0.push((key, value.into()));
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use core::time::Duration;

    #[test]
    fn a_file_sets_what_it_says() {
        let text = "# slow\n\nlatency = uniform 1ms 1.5s # far\n loss=0.25\n\tdisk_pages = 0\nprefer_ipv6 = true";
        let config: Config = text.parse().unwrap();
        let mut settings = Settings::new(7);
        settings.link = settings.link.duplicate(0.5);
        settings.disk.pages = 7;
        config.apply(&mut settings);
        let far = Latency::uniform(Duration::from_millis(1), Duration::from_millis(1500));
        assert_eq!(settings.link.latency, far);
        assert_eq!((settings.link.loss, settings.link.duplicate), (0.25, 0.5));
        assert!(settings.disk.pages == 0 && settings.prefer_ipv6);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_key() {
        for (text, error) in [
            ("\nloss 1", "line 2: not `key = value`: loss 1"),
            (
                "losss = 1",
                "line 1: there is no key losss; there are latency, ",
            ),
            ("loss = 1\nloss = 1", "line 2: loss is set already"),
            (
                "loss = 1.1",
                "line 1: loss: not a probability, from 0 to 1: 1.1",
            ),
            ("loss = NaN", "line 1: loss: not a probability"),
            ("loss =", "line 1: loss: not a probability"),
            ("latency = 5ms", "line 1: latency: not `fixed 5ms`, "),
            ("latency = uniform 2ms 1ms", "line 1: latency: not "),
            ("latency = fixed 1ms 2ms", "line 1: latency: not "),
            ("jitter = 5", "line 1: jitter: not a time"),
            ("jitter = -5s", "line 1: jitter: not a time"),
            (
                "bandwidth = 0",
                "line 1: bandwidth: not a whole number, at least 1: 0",
            ),
            (
                "ephemeral_ports = 40000",
                "line 1: ephemeral_ports: not a whole number, from 1 to",
            ),
            (
                "max_datagram = 65508",
                "line 1: max_datagram: not a whole number, from 1 to",
            ),
            (
                "torn_renames = yes",
                "line 1: torn_renames: not `true` or `false`: yes",
            ),
        ] {
            let told = text.parse::<Config>().unwrap_err();
            assert!(told.starts_with(error), "{text:?}: {told}");
        }
    }

    #[test]
    fn limits_are_those_that_are_told() {
        for (name, most) in [
            ("ephemeral_ports", usize::from(u16::MAX - FIRST_EPHEMERAL)),
            ("max_datagram", MAX_DATAGRAM),
        ] {
            let key = KEYS.iter().find(|key| key.name == name).unwrap();
            assert!(key.kind.ends_with(&format!(" {most}")), "{}", key.kind);
            assert!(format!("{name} = {most}").parse::<Config>().is_ok());
        }
    }

    #[test]
    fn the_page_has_all_keys() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/simulation.md");
        let page = std::fs::read_to_string(path).unwrap();
        let file = page
            .split("```text")
            .find(|text| text.contains("\nlatency = "));
        let (file, _) = file.unwrap().split_once("```").unwrap();
        let config: Config = file.parse().unwrap();
        let names: Vec<_> = config
            .0
            .iter()
            .map(|(key, _)| key.name.to_string())
            .collect();
        let all: Vec<_> = KEYS.iter().map(|key| key.name.to_string()).collect();
        assert_eq!(names, all);
        // Each line says what it is about.
        let settings = file.lines().filter(|line| line.contains(" = "));
        settings.for_each(|line| assert!(line.contains(" # "), "{line}"));
    }
}
