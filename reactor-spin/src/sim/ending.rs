//! What a run leaves: its report, and its failure.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::thread::panicking;

use super::capture::Capture;
use super::failure::{Failure, Reason, Report};
use super::fault::Fault;
use super::footprint::Probe;
use super::runner::Failed;
use super::simulation::Simulation;
use super::trace::What;
use super::world::HostId;

impl Simulation {
    /// Runs on, as [`proceed`](Self::proceed), and lets histories know how it goes.
    pub(crate) fn until(
        &mut self,
        limit: u64,
        to_end: bool,
        stop: &dyn Fn() -> bool,
    ) -> Result<(), (Option<HostId>, Reason)> {
        let fate = self.world.fate.clone();
        fate.went_well.set(None);
        let went = self.proceed(limit, to_end, stop);
        let is_over = to_end && self.clients == 0;
        let useless = || self.useless_restart().filter(|_| is_over);
        let went = went.and_then(|()| match fate.unchecked().or_else(useless) {
            Some(text) => Err((None, Reason::Test(text))),
            None => Ok(()),
        });
        fate.went(went.is_ok());
        went
    }

    /// A program has come to its end.
    pub(super) fn end(
        &mut self,
        id: HostId,
        outcome: Result<(), Failed>,
    ) -> Result<(), (Option<HostId>, Reason)> {
        let runner = &mut self.runners[id as usize];
        let is_client = runner.is_client();
        runner.end();
        let text = outcome.as_ref().err().map(|failed| match &failed.reason {
            Reason::Panic(text) => format!("panic: {text}"),
            _ => failed.message.clone(),
        });
        self.record(id, What::Ended(text.clone()));
        if is_client {
            self.clients -= 1;
        }
        match (outcome, text) {
            (Err(failed), Some(text)) if !is_client && self.supervise(id, &failed.message) => {
                self.has_failed(id, text);
                Ok(())
            }
            (Err(Failed { reason, .. }), _)
                if is_client || self.world.settings.host_failure_ends =>
            {
                Err((Some(id), reason))
            }
            (_, Some(text)) => {
                self.has_failed(id, text);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Ends all hosts, one after the other, each within its own.
    pub(super) fn end_all(&mut self) {
        let fate = self.world.fate.clone();
        let went_well = fate.went_well.take();
        self.runners.clear();
        self.world.end();
        fate.went_well.set(went_well);
        if let (Some(true), false, Some(text)) = (went_well, panicking(), fate.unchecked()) {
            panic!("{text}");
        }
    }

    /// The faults that have not begun.
    pub(super) fn missed(&self) -> Vec<Fault> {
        let faults = self.faults().iter().enumerate();
        let missed = faults.filter(|(number, _)| !self.struck.contains(number));
        missed.map(|(_, fault)| fault.clone()).collect()
    }

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
            missed: self.missed(),
            waiting: Vec::new(),
            patience: None,
            hint: None,
        };
        self.reported = true;
        if let Some(probe) = &self.probe {
            probe.keep(&report);
        }
        report
    }

    pub(crate) fn failure(&mut self, host: Option<HostId>, reason: Reason) -> Failure {
        let (waiting, patience) = match reason {
            Reason::Stalled(_) => (self.waiting_tasks(), self.asks_outside()),
            _ => (Vec::new(), None),
        };
        let hint = match (&reason, host) {
            (Reason::Error(_) | Reason::Panic(_), Some(id)) => self.is_unsupervised(id),
            _ => None,
        };
        let mut run = self.report();
        (run.waiting, run.patience, run.hint) = (waiting, patience, hint);
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
                missed: report.missed.clone(),
                waiting: report.waiting.clone(),
                hint: report.hint.clone(),
                ..*report
            }
        };
        self.with(|probed| probed.report = Some(kept));
    }
}
