//! What a run leaves: its report, and its failure.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::capture::Capture;
use super::failure::{Failure, Reason, Report};
use super::footprint::Probe;
use super::simulation::Simulation;
use super::world::HostId;

impl Simulation {
    /// What there is to tell since the last report.
    pub(super) fn report(&mut self) -> Report {
        let (messages, hash, trace, capture) = self.world.with(|state| {
            let (hash, trace) = (state.trace.hash(), state.trace.take());
            (state.messages, hash, trace, state.capture.take())
        });
        let report = Report {
            elapsed: self.elapsed(),
            turns: self.turns,
            messages,
            hash,
            trace,
            capture: capture.map_or_else(Vec::new, Capture::into_file),
            failed: core::mem::take(&mut self.failed),
            faults: self.faults().to_vec(),
            waiting: Vec::new(),
        };
        self.reported = true;
        if let Some(probe) = &self.probe {
            probe.keep(&report);
        }
        report
    }

    pub(crate) fn failure(&mut self, host: Option<HostId>, reason: Reason) -> Failure {
        let waiting = match reason {
            Reason::Stalled(_) => self.waiting_tasks(),
            _ => Vec::new(),
        };
        let mut run = self.report();
        run.waiting = waiting;
        Failure {
            seed: self.seed(),
            host: host.map(|host| self.name(host)),
            reason,
            at: self.elapsed(),
            run: Box::new(run),
        }
    }

    /// The tasks that are left, with their hosts: those of clients first.
    fn waiting_tasks(&self) -> Vec<String> {
        let hosts = || (0..).zip(&self.runners);
        let clients = hosts().filter(|(_, runner)| runner.is_client());
        let others = hosts().filter(|(_, runner)| !runner.is_client());
        let tasks = clients.chain(others).flat_map(|(id, runner)| {
            let name = self.name(id);
            let tasks = runner.tasks(false).into_iter();
            tasks.map(move |task| format!("{name}: {task}"))
        });
        tasks.collect()
    }

    /// Takes down that a host is gone, though the run goes on.
    pub(super) fn has_failed(&mut self, id: HostId, text: String) {
        let name = self.name(id);
        self.failed.push((name, text));
    }

    pub(super) fn name(&self, host: HostId) -> Arc<str> {
        self.world
            .with(|state| state.hosts[host as usize].name.clone())
    }
}

impl Probe {
    /// Keeps what a test gets from its simulation, for the case that the test itself fails then. The trace and the
    /// packets, which may be many, only of a run that is told.
    fn keep(&self, report: &Report) {
        let kept = if self.story {
            report.clone()
        } else {
            Report {
                trace: Vec::new(),
                capture: Vec::new(),
                failed: report.failed.clone(),
                faults: report.faults.clone(),
                waiting: report.waiting.clone(),
                ..*report
            }
        };
        self.with(|probed| probed.report = Some(kept));
    }
}
