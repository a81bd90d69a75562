//! How what is asked of a [`Control`] changes the world: at the instant of whoever asks, and for the hosts that a pattern
//! means then.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::command::Command;
use super::control::Control;
use super::pattern::Pattern;
use super::trace::What;
use super::world::{HostId, State};

impl Control {
    /// The hosts that a pattern stands for.
    #[track_caller]
    pub(crate) fn hosts(&self, pattern: &str) -> Vec<HostId> {
        let pattern = Pattern::new(pattern);
        let found = self.world.with(|state| state.hosts_of(&pattern));
        match found {
            Ok(found) => found,
            Err(text) => panic!("{text}"),
        }
    }

    /// Changes the world, at the instant of whoever asks: all functions here that change something do it by this.
    #[track_caller]
    pub(crate) fn change(&self, change: impl FnOnce(&mut State) -> Result<(), String> + 'static) {
        self.world.try_act(move |world| world.with(change));
    }

    /// As [`change`](Self::change), of the host with this name.
    #[track_caller]
    pub(crate) fn change_host(
        &self,
        host: &str,
        change: impl FnOnce(&mut State, HostId) -> Result<(), String> + 'static,
    ) {
        let host = String::from(host);
        self.change(move |state| {
            let id = state.named(&host)?;
            change(state, id)
        });
    }

    #[track_caller]
    pub(crate) fn command(&self, hosts: &str, command: impl Fn(HostId) -> Command + 'static) {
        let hosts = Pattern::new(hosts);
        self.change(move |state| {
            let commands = state.hosts_of(&hosts)?.into_iter().map(command);
            state.commands.extend(commands);
            Ok(())
        });
    }

    /// Takes down a fault with this text, and causes it.
    pub(crate) fn fault(&self, text: String, cause: impl FnOnce(&mut State) + 'static) {
        self.change(|state| {
            state.record_text(None, text, What::Fault);
            cause(state);
            Ok(())
        });
    }

    /// As [`fault`](Self::fault), for each of these hosts.
    #[track_caller]
    pub(crate) fn fault_on(
        &self,
        hosts: &str,
        text: String,
        cause: impl Fn(&mut State, HostId) + 'static,
    ) {
        let hosts = Pattern::new(hosts);
        self.change(move |state| {
            let hosts = state.hosts_of(&hosts)?;
            state.record_text(None, text, What::Fault);
            for host in hosts {
                cause(state, host);
            }
            Ok(())
        });
    }

    /// As [`fault`](Self::fault), for all ways from these hosts to those, and the ways back if `both`.
    #[track_caller]
    pub(crate) fn fault_between(
        &self,
        (from, to, both): (&str, &str, bool),
        text: String,
        cause: impl FnOnce(&mut State, Vec<(HostId, HostId)>) + 'static,
    ) {
        let (from, to) = (Pattern::new(from), Pattern::new(to));
        self.change(move |state| {
            let mut pairs = state.pairs(&from, &to)?;
            if both {
                pairs.extend(state.pairs(&to, &from)?);
            }
            state.record_text(None, text, What::Fault);
            cause(state, pairs);
            Ok(())
        });
    }
}

impl State {
    /// The hosts that a pattern stands for.
    ///
    /// # Errors
    ///
    /// If there are none.
    pub(crate) fn hosts_of(&self, pattern: &Pattern) -> Result<Vec<HostId>, String> {
        let found = self.matching(pattern);
        match found.is_empty() {
            true => Err(format!("no host has the name {pattern}")),
            false => Ok(found),
        }
    }

    /// All ways from these hosts to those.
    ///
    /// # Errors
    ///
    /// As [`hosts_of`](Self::hosts_of).
    pub(crate) fn pairs(
        &self,
        from: &Pattern,
        to: &Pattern,
    ) -> Result<Vec<(HostId, HostId)>, String> {
        let (from, to) = (self.hosts_of(from)?, self.hosts_of(to)?);
        let each = |from| to.iter().map(move |to| (from, *to));
        let all = from.iter().flat_map(|from| each(*from));
        Ok(all.filter(|(from, to)| from != to).collect())
    }

    /// The hosts that a pattern stands for, in their order; none if there are none.
    pub(crate) fn matching(&self, pattern: &Pattern) -> Vec<HostId> {
        if let Some(name) = pattern.as_name() {
            let addr = name.parse().ok();
            let by_addr = addr.and_then(|addr| self.by_addr.get(&addr));
            let found = self.by_name.get(name).or(by_addr);
            return found.copied().into_iter().collect();
        }
        let hosts = (0..).zip(&self.hosts);
        let found = hosts.filter(|(_, host)| pattern.matches(&host.name));
        found.map(|(id, _)| id).collect()
    }
}
