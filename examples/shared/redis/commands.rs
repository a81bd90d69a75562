//! What each command does.

use core::fmt::Write as _;

use super::FRAME;
use super::answers::Answers;
use super::glob;
use super::hub::{Hub, Kind, Member};
use super::parse::{Command, integer};
use super::store::{Full, Store};
use super::table::{check, is, look_up, takes};

const NO_INTEGER: &str = "ERR value is not an integer or out of range";
const SYNTAX: &str = "ERR syntax error";
const FULL: &str = "OOM command not allowed when used memory > 'maxmemory'.";
const OVERFLOW: &str = "ERR increment or decrement would overflow";

/// What a command needs.
pub(crate) struct Context<'a, 'h, const SIZE: usize, const BYTES: usize, const HUB: usize> {
    pub(crate) now: u64,
    pub(crate) store: &'a mut Store<BYTES>,
    pub(crate) hub: &'a Hub<HUB>,
    pub(crate) member: &'a Member<'h, HUB>,
    pub(crate) answers: &'a mut Answers<SIZE>,
}

impl<const SIZE: usize, const BYTES: usize, const HUB: usize> Context<'_, '_, SIZE, BYTES, HUB> {
    /// Executes a command. Returns whether the connection goes on.
    pub(crate) fn execute(&mut self, command: Command<'_>) -> bool {
        let mut all = command.words();
        let Some(word) = all.next() else {
            return true; // An empty line.
        };
        let Some(known) = look_up(word) else {
            self.unknown(command);
            return true;
        };
        let (name, count) = (known.0, command.words().count());
        if !takes(known, count) {
            let _ = write!(
                self.answers,
                "-ERR wrong number of arguments for '{name}' command\r\n"
            );
            return true;
        }
        let subscribed = self.member.count() > 0;
        let allowed = [
            "subscribe",
            "unsubscribe",
            "psubscribe",
            "punsubscribe",
            "ping",
            "quit",
        ];
        if subscribed && !allowed.contains(&name) {
            let _ = write!(
                self.answers,
                "-ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET \
                 are allowed in this context\r\n"
            );
            return true;
        }
        let arguments = all.clone();
        let mut next = || all.next().unwrap_or_default();
        let done = match name {
            "ping" => {
                match (subscribed, count) {
                    (false, 1) => self.answers.push(b"+PONG\r\n"),
                    (false, _) => self.answers.bulk(next()),
                    (true, _) => {
                        self.answers.array(2);
                        self.answers.bulk(b"pong");
                        self.answers.bulk(next());
                    }
                }
                Ok(())
            }
            "echo" => {
                self.answers.bulk(next());
                Ok(())
            }
            "quit" => {
                self.answers.ok();
                return false;
            }
            "command" => {
                self.answers.array(0);
                Ok(())
            }
            "config" => {
                let (what, setting) = (next(), next());
                if !is(what, "get") {
                    return self.fail("ERR only CONFIG GET is known here");
                }
                // None of them can be set, so none of them says anything.
                self.answers.array(2);
                self.answers.bulk(setting);
                self.answers.bulk(b"");
                Ok(())
            }
            "get" => {
                self.answers.bulk_or_nil(self.store.get(next()));
                Ok(())
            }
            "getdel" => {
                let key = next();
                self.answers.bulk_or_nil(self.store.get(key));
                self.store.remove(key);
                Ok(())
            }
            "getset" => {
                let (key, value) = (next(), next());
                self.set_value(key, value, None, true)
            }
            "set" => self.set(next(), next(), all),
            "setnx" => {
                let (key, value) = (next(), next());
                let is_new = self.store.get(key).is_none();
                let set = if is_new {
                    self.store_value(key, value, None)
                } else {
                    Ok(())
                };
                set.map(|()| self.answers.integer(is_new.into()))
            }
            "append" => self.append(next(), next()),
            "strlen" => {
                let length = self.store.get(next()).map_or(0, <[u8]>::len);
                self.answers.integer(length as i64);
                Ok(())
            }
            "incr" => self.add(next(), Some(1)),
            "decr" => self.add(next(), Some(-1)),
            "incrby" => self.add(next(), integer(next())),
            "decrby" => {
                let (key, by) = (next(), integer(next()));
                match by {
                    Some(i64::MIN) => Err("ERR decrement would overflow"),
                    by => self.add(key, by.map(|by| -by)),
                }
            }
            "mget" => {
                self.answers.array(count - 1);
                for key in arguments {
                    self.answers.bulk_or_nil(self.store.get(key));
                }
                Ok(())
            }
            "mset" => self.set_many(count, arguments),
            "del" | "unlink" => {
                let removed = arguments.filter(|key| self.store.remove(key)).count();
                self.answers.integer(removed as i64);
                Ok(())
            }
            "exists" => {
                let there = arguments.filter(|key| self.store.get(key).is_some());
                self.answers.integer(there.count() as i64);
                Ok(())
            }
            "keys" => {
                let pattern = next();
                let store = &*self.store;
                let keys = store.keys();
                let keys = keys.filter(|key| glob::matches(pattern, |at| key.get(at).copied()));
                self.answers.array(keys.clone().count());
                keys.for_each(|key| self.answers.bulk(key));
                Ok(())
            }
            "type" => {
                let is_there = self.store.get(next()).is_some();
                self.answers.push(if is_there {
                    b"+string\r\n"
                } else {
                    b"+none\r\n"
                });
                Ok(())
            }
            "dbsize" => {
                self.answers.integer(self.store.keys().count() as i64);
                Ok(())
            }
            "flushall" | "flushdb" => match arguments.clone().next() {
                Some(word) if count > 2 || !(is(word, "async") || is(word, "sync")) => Err(SYNTAX),
                _ => {
                    self.store.clear();
                    self.answers.ok();
                    Ok(())
                }
            },
            "expire" => self.set_time(name, next(), next(), 1000, all),
            "pexpire" => self.set_time(name, next(), next(), 1, all),
            "ttl" | "pttl" => {
                let left = self.store.expiry(next());
                let left = left.map(|until| until.map(|until| (until - self.now) as i64));
                self.answers.integer(match left {
                    None => -2,
                    Some(None) => -1,
                    Some(Some(left)) if name == "ttl" => (left + 500) / 1000,
                    Some(Some(left)) => left,
                });
                Ok(())
            }
            "persist" => {
                let key = next();
                let had_one = self.store.expiry(key).flatten().is_some();
                if had_one {
                    let _ = self.store.set_expiry(key, None);
                }
                self.answers.integer(had_one.into());
                Ok(())
            }
            "publish" => {
                let (channel, text) = (next(), next());
                // There is room for it in the answers of every subscriber.
                let fits = channel.len() + text.len() <= SIZE / 2;
                let count = fits.then(|| self.hub.publish(channel, text)).flatten();
                match count {
                    Some(count) => {
                        self.answers.integer(count as i64);
                        Ok(())
                    }
                    None => Err("ERR the message is too long"),
                }
            }
            "subscribe" => self.subscribe(Kind::Channel, arguments),
            "psubscribe" => self.subscribe(Kind::Pattern, arguments),
            "unsubscribe" | "punsubscribe" => {
                let kind = if name == "unsubscribe" {
                    Kind::Channel
                } else {
                    Kind::Pattern
                };
                if count == 1 {
                    self.member.unsubscribe_all(kind, self.answers);
                }
                arguments.for_each(|name| self.member.unsubscribe(kind, name, self.answers));
                Ok(())
            }
            _ => Err("ERR not implemented"),
        };
        match done {
            Ok(()) => true,
            Err(error) => self.fail(error),
        }
    }

    fn fail(&mut self, error: &str) -> bool {
        self.answers.error(error);
        true
    }

    fn unknown(&mut self, command: Command<'_>) {
        let mut words = command.words();
        let name = words.next().unwrap_or_default();
        self.answers.push(b"-ERR unknown command ");
        self.answers.quoted(&name[..name.len().min(128)]);
        self.answers.push(b", with args beginning with: ");
        let mut left = 128_usize;
        for word in words {
            if left == 0 {
                break;
            }
            let word = &word[..word.len().min(left)];
            self.answers.quoted(word);
            self.answers.push(b" ");
            left = left.saturating_sub(word.len() + 3);
        }
        self.answers.push(b"\r\n");
    }

    fn store_value(
        &mut self,
        key: &[u8],
        value: &[u8],
        expiry: Option<u64>,
    ) -> Result<(), &'static str> {
        check::<SIZE>(value.len())?;
        self.store.set(key, value, expiry).map_err(|Full| FULL)
    }

    /// Answers with the old value, if that is wanted.
    fn set_value(
        &mut self,
        key: &[u8],
        value: &[u8],
        expiry: Option<u64>,
        get: bool,
    ) -> Result<(), &'static str> {
        if !get {
            self.store_value(key, value, expiry)?;
            self.answers.ok();
            return Ok(());
        }
        // The answer is written before the value goes, and taken back if it stays.
        let before = self.answers.as_bytes().len();
        self.answers.bulk_or_nil(self.store.get(key));
        let set = self.store_value(key, value, expiry);
        if set.is_err() {
            self.answers.shorten(before);
        }
        set
    }

    fn set<'w>(
        &mut self,
        key: &[u8],
        value: &[u8],
        mut options: impl Iterator<Item = &'w [u8]>,
    ) -> Result<(), &'static str> {
        let (mut only_new, mut only_old, mut get, mut keep) = (false, false, false, false);
        let mut time = None;
        while let Some(option) = options.next() {
            let scale = [("ex", 1000), ("px", 1)];
            let scale = scale.iter().find(|(name, _)| is(option, name));
            match scale {
                _ if is(option, "nx") && !only_old => only_new = true,
                _ if is(option, "xx") && !only_new => only_old = true,
                _ if is(option, "get") => get = true,
                _ if is(option, "keepttl") && time.is_none() => keep = true,
                Some((_, scale)) if time.is_none() && !keep => {
                    time = Some((options.next().ok_or(SYNTAX)?, *scale));
                }
                _ => return Err(SYNTAX),
            }
        }
        let mut expiry = None;
        if let Some((time, scale)) = time {
            let time = integer(time).ok_or(NO_INTEGER)?;
            let invalid = "ERR invalid expire time in 'set' command";
            let time = Some(time).filter(|time| *time > 0);
            let until = time.and_then(|time| self.until(time, scale));
            expiry = Some(until.ok_or(invalid)?);
        } else if keep {
            expiry = self.store.expiry(key).flatten();
        }
        let is_there = self.store.get(key).is_some();
        if only_new && is_there || only_old && !is_there {
            let old = self.store.get(key).filter(|_| get);
            self.answers.bulk_or_nil(old);
            return Ok(());
        }
        self.set_value(key, value, expiry, get)
    }

    /// A time from now, in milliseconds.
    fn until(&self, time: i64, scale: i64) -> Option<u64> {
        let now = i64::try_from(self.now).ok()?;
        let until = time.checked_mul(scale)?.checked_add(now)?;
        Some(u64::try_from(until).unwrap_or(0))
    }

    fn set_many<'w>(
        &mut self,
        count: usize,
        words: impl Iterator<Item = &'w [u8]> + Clone,
    ) -> Result<(), &'static str> {
        if count % 2 == 0 {
            return Err("ERR wrong number of arguments for 'mset' command");
        }
        words
            .clone()
            .skip(1)
            .step_by(2)
            .try_for_each(|value| check::<SIZE>(value.len()))?;
        // What does not fit any more is an error, as in Redis; what came before it stays.
        let mut left = words;
        while let (Some(key), Some(value)) = (left.next(), left.next()) {
            self.store_value(key, value, None)?;
        }
        self.answers.ok();
        Ok(())
    }

    fn append(&mut self, key: &[u8], more: &[u8]) -> Result<(), &'static str> {
        let old = self.store.get(key).map_or(0, <[u8]>::len);
        check::<SIZE>(old + more.len())?;
        let length = self.store.append(key, more).map_err(|Full| FULL)?;
        self.answers.integer(length as i64);
        Ok(())
    }

    fn add(&mut self, key: &[u8], by: Option<i64>) -> Result<(), &'static str> {
        let by = by.ok_or(NO_INTEGER)?;
        let old = self
            .store
            .get(key)
            .map_or(Some(0), integer)
            .ok_or(NO_INTEGER)?;
        let new = old.checked_add(by).ok_or(OVERFLOW)?;
        let mut text = Answers::<20>::new();
        let _ = write!(text, "{new}");
        let expiry = self.store.expiry(key).flatten();
        self.store_value(key, text.as_bytes(), expiry)?;
        self.answers.integer(new);
        Ok(())
    }

    fn set_time<'w>(
        &mut self,
        name: &str,
        key: &[u8],
        time: &[u8],
        scale: i64,
        options: impl Iterator<Item = &'w [u8]>,
    ) -> Result<(), &'static str> {
        let (mut nx, mut xx, mut gt, mut lt) = (false, false, false, false);
        for option in options {
            match () {
                () if is(option, "nx") => nx = true,
                () if is(option, "xx") => xx = true,
                () if is(option, "gt") => gt = true,
                () if is(option, "lt") => lt = true,
                () => {
                    self.answers.push(b"-ERR Unsupported option ");
                    // One that is long is no option anyway.
                    self.answers.push(&option[..option.len().min(64)]);
                    self.answers.push(b"\r\n");
                    return Ok(());
                }
            }
        }
        if nx && (xx || gt || lt) {
            return Err("ERR NX and XX, GT or LT options at the same time are not compatible");
        }
        if gt && lt {
            return Err("ERR GT and LT options at the same time are not compatible");
        }
        let time = integer(time).ok_or(NO_INTEGER)?;
        let Some(until) = self.until(time, scale) else {
            let _ = write!(
                self.answers,
                "-ERR invalid expire time in '{name}' command\r\n"
            );
            return Ok(());
        };
        let done = match self.store.expiry(key) {
            None => false,
            Some(old) => {
                // No time is the end of all times.
                let later = old.is_some_and(|old| until > old);
                let sooner = old.is_none_or(|old| until < old);
                !(nx && old.is_some() || xx && old.is_none() || gt && !later || lt && !sooner)
            }
        };
        if done {
            if until <= self.now {
                self.store.remove(key);
            } else {
                self.store
                    .set_expiry(key, Some(until))
                    .map_err(|Full| FULL)?;
            }
        }
        self.answers.integer(done.into());
        Ok(())
    }

    fn subscribe<'w>(
        &mut self,
        kind: Kind,
        names: impl Iterator<Item = &'w [u8]>,
    ) -> Result<(), &'static str> {
        for name in names {
            if name.len() > SIZE / 2 - FRAME {
                return Err("ERR the name of the channel is too long");
            }
            if !self.member.subscribe(kind, name, self.answers) {
                return Err("ERR there is no room for another subscription");
            }
        }
        Ok(())
    }
}
