//! How what is asked of a [`Control`] changes the world: at the instant of whoever asks, and for the hosts that a pattern
//! means then.

use alloc::collections::BTreeSet;
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
            let commands = state.processes_of(&hosts)?.into_iter().map(command);
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

/// All ways from these hosts to those, but those between two hosts that are among these and those, as who parts two nodes from all
/// does not part them from each other; or, from some to the `same`, from each of them to each other one.
pub(crate) fn ways(these: &[HostId], those: &[HostId], same: bool) -> Vec<(HostId, HostId)> {
    let those_set: BTreeSet<_> = those.iter().copied().collect();
    let both: BTreeSet<_> = these.iter().filter(|id| those_set.contains(id)).collect();
    let each = |from| those.iter().map(move |to| (from, *to));
    let all = these.iter().flat_map(|from| each(*from));
    let is_meant = |(from, to): &(HostId, HostId)| {
        from != to && (same || !(both.contains(from) && both.contains(to)))
    };
    all.filter(is_meant).collect()
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

    /// As [`hosts_of`](Self::hosts_of), of those whose processes are to be ended, started or stopped: of clients, which are the test
    /// itself, only those that are named.
    ///
    /// # Errors
    ///
    /// If there are none.
    pub(crate) fn processes_of(&self, pattern: &Pattern) -> Result<Vec<HostId>, String> {
        let mut found = self.hosts_of(pattern)?;
        if pattern.as_name().is_none() {
            found.retain(|id| {
                let host = &self.hosts[*id as usize];
                !host.is_client || pattern.names(&host.name)
            });
        }
        match found.is_empty() {
            true => Err(format!(
                "{pattern} stands for clients only, whose processes are left alone unless they are named"
            )),
            false => Ok(found),
        }
    }

    /// The [ways] from these hosts to those.
    ///
    /// # Errors
    ///
    /// As [`hosts_of`](Self::hosts_of), and if there are none.
    pub(crate) fn pairs(
        &self,
        from: &Pattern,
        to: &Pattern,
    ) -> Result<Vec<(HostId, HostId)>, String> {
        let (these, those) = (self.hosts_of(from)?, self.hosts_of(to)?);
        let pairs = ways(&these, &those, from.text() == to.text());
        match pairs.is_empty() {
            true => Err(format!(
                "between `{from}` and `{to}` there is nothing: what both are for keeps its links"
            )),
            false => Ok(pairs),
        }
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
