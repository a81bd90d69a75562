//! [`Crew`]: what a pool's threads and those who bring jobs do under the pool's lock.
//!
//! Plain data without locks, threads or clocks: the [pool](super::pool) has one under its lock and
//! does what it says, and the model (`model.rs`) goes through everything that can happen to it.
//!
//! # The invariant
//!
//! A job in the queue has a thread that comes for it, unless as many threads as there may be are
//! busy with other jobs. *To come* means: to look at the queue without anything else having to
//! happen first. A thread comes that has just started, or that waited and has been notified.
//!
//! So `idle` counts the threads that wait *and* those that were notified and have not woken up
//! yet, and a new job finds a thread only if `idle` is more than the queue's length: the others
//! each have a job that is theirs.

use std::collections::VecDeque;

/// Jobs that wait for a thread, and threads that wait for a job or are busy with one.
#[cfg_attr(test, derive(Clone, PartialEq, Eq, Hash))]
pub(super) struct Crew<J> {
    queue: VecDeque<J>,
    /// All threads, those included that are about to start or about to end.
    threads: usize,
    /// Threads that wait, also those that have been notified and have not woken up yet.
    idle: usize,
    max_threads: usize,
}

/// What is to be done about a job that is about to join the queue.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Want {
    /// Notify a thread that waits.
    Notify,
    /// Start a thread.
    Start,
    /// Nothing: there are as many threads as there may be, and one will come when it is done.
    Nothing,
}

/// What a thread does next.
#[derive(Debug)]
pub(super) enum Next<J> {
    /// This job.
    Run(J),
    /// Waits for a notification, but not for ever: [`Crew::woken`] has to follow.
    Wait,
    /// Ends: [`Crew::leave`] has to follow.
    Leave,
}

impl<J> Crew<J> {
    pub(super) const fn new(max_threads: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            threads: 0,
            idle: 0,
            max_threads,
        }
    }

    /// How many jobs wait for a thread.
    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn threads(&self) -> usize {
        self.threads
    }

    /// What the next job to be [pushed](Self::push) wants.
    pub(super) fn want(&self) -> Want {
        if self.idle > self.queue.len() {
            Want::Notify
        } else if self.threads < self.max_threads {
            Want::Start
        } else {
            Want::Nothing
        }
    }

    /// A thread is about to start.
    pub(super) fn hire(&mut self) {
        self.threads += 1;
    }

    /// A job joins the queue, after what it [wanted](Self::want) was done.
    pub(super) fn push(&mut self, job: J) {
        self.queue.push_back(job);
    }

    /// A thread looks for something to do.
    pub(super) fn next(&mut self) -> Next<J> {
        if self.threads > self.max_threads {
            return Next::Leave;
        }
        match self.queue.pop_front() {
            Some(job) => Next::Run(job),
            None => {
                self.idle += 1;
                Next::Wait
            }
        }
    }

    /// A thread has waited. Whether it goes on: not if it was in vain, and it is not wanted now.
    ///
    /// A job may have come between the end of its time and this: then it was meant for this
    /// thread, which counted as idle.
    pub(super) fn woken(&mut self, timed_out: bool) -> bool {
        self.idle -= 1;
        !(timed_out && self.queue.is_empty())
    }

    /// A thread ends. It leaves no job behind that was meant for it: it ends in vain only without
    /// a queue, and above the limit only after all others that wait have been notified.
    pub(super) fn leave(&mut self) {
        self.threads -= 1;
    }

    /// Sets how many threads there may be. Afterwards all that wait have to be notified, since some
    /// may have to end, and [`missing`](Self::missing) threads be started.
    pub(super) fn set_max_threads(&mut self, max_threads: usize) {
        self.max_threads = max_threads.max(1);
    }

    /// How many threads should be started for what is in the queue.
    pub(super) fn missing(&self) -> usize {
        let unattended = self.queue.len().saturating_sub(self.idle);
        unattended.min(self.max_threads.saturating_sub(self.threads))
    }

    /// Takes jobs out of the queue that are not to be done by a thread of this crew.
    pub(super) fn withdraw(&mut self, mut which: impl FnMut(&J) -> bool) -> Vec<J> {
        let (out, stay) = self.queue.drain(..).partition(|job| which(job));
        self.queue = stay;
        let out: VecDeque<J> = out;
        out.into()
    }

    /// Whether a job in the queue may have to wait until a busy thread is done.
    pub(super) fn is_saturated(&self) -> bool {
        // Some that are idle may be about to end.
        let surplus = self.threads.saturating_sub(self.max_threads);
        let idle = self.idle.saturating_sub(surplus);
        self.queue.len() > idle && self.threads >= self.max_threads
    }

    #[cfg(test)]
    pub(super) fn idle(&self) -> usize {
        self.idle
    }

    #[cfg(test)]
    pub(super) fn max_threads(&self) -> usize {
        self.max_threads
    }
}
