//! Everything that can happen to a [`Crew`]: a model of the pool that is searched exhaustively.
//!
//! All that the pool's threads share lies under one lock, so a history of the pool is a sequence of
//! critical sections, each of which is here a function of [`World`] that calls what the pool calls,
//! in the same order. What is not ours is modelled from its contract:
//!
//! * a thread that has started, or has been woken, comes to the lock at any time later;
//! * a notification wakes one thread that waits, if there is one, and is lost otherwise; a wait may
//!   end by itself at any time, with or without being called a timeout;
//! * the system may refuse a thread at any time;
//! * a job may take for ever, so that nothing may depend on its end.
//!
//! Threads are alike, so a world is described by how many of them are where. The search goes
//! through every world that can be reached, and checks in each of them what `crew.rs` promises.

use std::collections::HashSet;

use super::crew::{Crew, Next, Want};

/// Where the threads are, and what the outside may still do.
#[derive(Clone, PartialEq, Eq, Hash)]
struct World {
    crew: Crew<()>,
    /// Started, and not come to the lock yet.
    starting: usize,
    /// Waiting for a notification.
    waiting: usize,
    /// Woken by a notification or for no reason, and not come to the lock yet.
    woken: usize,
    /// Woken by the end of its time, and not come to the lock yet.
    timed_out: usize,
    /// In a job.
    busy: usize,
    /// The system has refused a thread for a job that was queued already.
    short: bool,
    accepted: usize,
    begun: usize,
    withdrawn: usize,
    /// What the outside may still do, so that there is an end.
    jobs: usize,
    limits: &'static [usize],
    spontaneous: usize,
    withdrawals: usize,
}

impl World {
    fn new(max_threads: usize, jobs: usize, limits: &'static [usize]) -> Self {
        World {
            crew: Crew::new(max_threads),
            starting: 0,
            waiting: 0,
            woken: 0,
            timed_out: 0,
            busy: 0,
            short: false,
            accepted: 0,
            begun: 0,
            withdrawn: 0,
            jobs,
            limits,
            spontaneous: 2,
            withdrawals: 1,
        }
    }

    fn notify_one(&mut self) {
        if self.waiting > 0 {
            self.waiting -= 1;
            self.woken += 1;
        }
    }

    fn notify_all(&mut self) {
        self.woken += std::mem::take(&mut self.waiting);
    }

    fn start(&mut self) {
        assert!(
            self.crew.threads() < self.crew.max_threads(),
            "a thread beyond the limit"
        );
        self.crew.hire();
        self.starting += 1;
    }

    /// `Pool::submit`, by a system that gives a thread or does not.
    fn submit(mut self, gives: bool) -> Self {
        self.jobs -= 1;
        match self.crew.want() {
            Want::Notify => self.notify_one(),
            Want::Nothing => {}
            Want::Start if gives => self.start(),
            Want::Start => return self,
        }
        self.crew.push(());
        self.accepted += 1;
        self
    }

    /// `Pool::set_max_threads`, where the system gives so many threads.
    fn set_limit(mut self, gives: usize) -> Self {
        let (limit, rest) = self.limits.split_first().expect("a limit is left");
        self.limits = rest;
        self.crew.set_max_threads(*limit);
        self.notify_all();
        let missing = self.crew.missing();
        for _ in 0..missing.min(gives) {
            self.start();
        }
        self.short |= gives < missing;
        self
    }

    /// `Pool::help` or `Pool::cancel`: a job leaves the queue.
    fn withdraw(mut self) -> Self {
        self.withdrawals -= 1;
        let mut first = true;
        let out = self.crew.withdraw(|()| std::mem::take(&mut first));
        assert_eq!(out.len(), 1);
        self.withdrawn += 1;
        self
    }

    /// `Pool::work`, from where a thread looks for something to do to where it lets the lock go.
    fn look(mut self) -> Self {
        match self.crew.next() {
            Next::Run(()) => {
                assert!(
                    self.crew.threads() <= self.crew.max_threads(),
                    "a thread above the limit has begun a job"
                );
                self.busy += 1;
                self.begun += 1;
            }
            Next::Wait => self.waiting += 1,
            Next::Leave => self.crew.leave(),
        }
        self
    }

    /// `Pool::work`, from the end of a wait on.
    fn wake_up(mut self, timed_out: bool) -> Self {
        if self.crew.woken(timed_out) {
            self.look()
        } else {
            self.crew.leave();
            self
        }
    }

    /// Every world that can come next.
    fn next(&self) -> Vec<World> {
        let mut next = Vec::new();
        let mut add = |possible: bool, step: &dyn Fn(World) -> World| {
            if possible {
                next.push(step(self.clone()));
            }
        };
        for gives in [false, true] {
            add(self.jobs > 0, &|world| world.submit(gives));
        }
        for gives in 0..=4 {
            add(!self.limits.is_empty(), &|world| world.set_limit(gives));
        }
        add(self.withdrawals > 0 && self.crew.queued() > 0, &|world| {
            world.withdraw()
        });
        add(self.starting > 0, &|mut world| {
            world.starting -= 1;
            world.look()
        });
        add(self.woken > 0, &|mut world| {
            world.woken -= 1;
            world.wake_up(false)
        });
        add(self.timed_out > 0, &|mut world| {
            world.timed_out -= 1;
            world.wake_up(true)
        });
        add(self.busy > 0, &|mut world| {
            world.busy -= 1;
            world.look()
        });
        // The end of a wait by itself.
        add(self.waiting > 0, &|mut world| {
            world.waiting -= 1;
            world.timed_out += 1;
            world
        });
        add(self.waiting > 0 && self.spontaneous > 0, &|mut world| {
            world.spontaneous -= 1;
            world.waiting -= 1;
            world.woken += 1;
            world
        });
        next
    }

    fn check(&self) {
        let coming = self.starting + self.woken + self.timed_out;
        assert_eq!(self.crew.threads(), coming + self.waiting + self.busy);
        assert_eq!(self.crew.idle(), self.waiting + self.woken + self.timed_out);
        assert_eq!(
            self.accepted,
            self.crew.queued() + self.begun + self.withdrawn,
            "each job begins once"
        );
        if !self.short {
            // Those above the limit end as soon as they come.
            let surplus = self.crew.threads().saturating_sub(self.crew.max_threads());
            let coming = coming.saturating_sub(surplus);
            // Even if no job that has begun ever ends.
            let seats = self.crew.max_threads().saturating_sub(self.busy);
            let owed = self.crew.queued().min(seats);
            assert!(
                coming >= owed,
                "{} jobs wait, {} of {} threads are busy, and {coming} come",
                self.crew.queued(),
                self.busy,
                self.crew.max_threads(),
            );
            // Who waits for a job in the queue on a thread of the pool need not do it by itself.
            if !self.crew.is_saturated() {
                assert!(coming >= self.crew.queued(), "nobody helps a job in vain");
            }
        }
    }
}

/// How many worlds there are.
fn search(first: World) -> usize {
    let mut seen = HashSet::from([first.clone()]);
    let mut left = vec![first];
    while let Some(world) = left.pop() {
        world.check();
        for next in world.next() {
            if seen.insert(next.clone()) {
                left.push(next);
            }
        }
    }
    seen.len()
}

/// The pool's part of promise 19: a job that is accepted waits for nobody who may never come.
#[test]
fn a_job_has_a_thread_that_comes_for_it() {
    let mut worlds = 0;
    for max_threads in 1..=3 {
        worlds += search(World::new(max_threads, 4, &[]));
    }
    assert!(worlds > 500, "only {worlds}");
}

#[test]
fn so_it_does_when_the_limit_changes_meanwhile() {
    let mut worlds = 0;
    for limits in [&[1, 3][..], &[3, 1], &[2, 1, 2], &[4]] {
        worlds += search(World::new(2, 4, limits));
    }
    assert!(worlds > 5000, "only {worlds}");
}
