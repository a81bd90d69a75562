//! The specification: queues and states as plain data, written to be read.

use std::collections::VecDeque;

use super::program::{Event, Last, Outcome, Program, SLOTS, SPAWNS, Script, Seen, Spawned, Step};

#[derive(Default)]
struct Slot {
    tenant: Option<usize>,
    /// Another thread has woken the slot since the last turn began. On a lean build: anybody has.
    woken: bool,
}

struct Task {
    script: Script,
    step: usize,
    /// Its slot while it lives, and afterwards the one that it had.
    slot: usize,
    live: bool,
    aborting: bool,
    /// Whether its waker is known.
    polled: bool,
    /// Whether it came from the inbox: its future is made by the first poll.
    remote: bool,
    /// Whether its join handle is there.
    handle: bool,
    /// Which slot waits for its end.
    joiner: Option<usize>,
    outcome: Option<Outcome>,
    sleep: Option<Sleep>,
}

struct Sleep {
    deadline: u64,
    order: u64,
    fired: bool,
}

/// A panic that leaves the run loop, in builds without `std`.
struct Passed;

struct Spec<'a> {
    program: &'a Program,
    slots: [Slot; SLOTS],
    /// The slots that the executor's thread knows to be ready, in the order of their wakes; stale ones
    /// are among them.
    ready: VecDeque<usize>,
    /// Those that have yielded, in the order of their yields; none is also among the others.
    yielded: VecDeque<usize>,
    tasks: Vec<Task>,
    inbox: VecDeque<usize>,
    now: u64,
    timers: u64,
    closing: bool,
    trace: Vec<Seen>,
    /// Polls since the last look at the clock, how many go between two of these, and whether it is known
    /// that the reactor has been looked at: the clock stands still during a run. If it was not known, the
    /// next look comes after one poll.
    unlooked: usize,
    every: usize,
    looked: bool,
    probing: bool,
    /// Whether a look has been put off to the end of the turn.
    put_off: bool,
    /// Whether the clock has not been read in this run.
    fresh: bool,
}

const STD: bool = cfg!(feature = "std");
const LEAN: bool = cfg!(lean);

pub(crate) fn run(program: &Program) -> Vec<Seen> {
    let mut spec = Spec {
        program,
        slots: Default::default(),
        ready: VecDeque::new(),
        yielded: VecDeque::new(),
        tasks: Vec::new(),
        inbox: VecDeque::new(),
        now: 0,
        timers: 0,
        closing: false,
        trace: Vec::new(),
        unlooked: 0,
        every: 0,
        looked: false,
        probing: false,
        put_off: false,
        fresh: false,
    };
    for &event in &program.events {
        spec.happen(event);
    }
    spec.close();
    spec.trace
}

impl Spec<'_> {
    fn happen(&mut self, event: Event) {
        match event {
            Event::Spawn => self.spawn(),
            Event::SpawnRemote => self.spawn_remote(),
            Event::Tick => {
                self.begin();
                self.look();
                match self.turn() {
                    Ok(polls) => self.trace.push(Seen::Ran(polls)),
                    Err(Passed) => self.trace.push(Seen::PanicPassed),
                }
            }
            Event::Stall => loop {
                match self.stall() {
                    Ok(polls) => break self.trace.push(Seen::Ran(polls)),
                    Err(Passed) => self.trace.push(Seen::PanicPassed),
                }
            },
            Event::Advance(by) => self.now += by,
            // There is no run, so that every thread is another one.
            Event::Wake(task) | Event::WakeRemote(task) => self.wake(task, true),
            Event::Abort(task) | Event::AbortRemote(task) => self.abort(task, true),
            Event::DropHandle(task) => self.drop_handle(task),
            Event::Join(task) => {
                if let Some(task) = self.pick(task) {
                    self.join(task, None);
                }
            }
            Event::List => self.list(),
        }
    }

    // --- The run loop

    fn begin(&mut self) {
        self.unlooked = 0;
        self.every = 3;
        self.looked = false;
        self.probing = false;
        self.put_off = false;
        self.fresh = true;
    }

    fn stall(&mut self) -> Result<usize, Passed> {
        self.begin();
        let mut polls = 0;
        loop {
            let polled = self.turn()?;
            polls += polled;
            if polled == 0 {
                self.look();
                let waits = self.has_mail();
                let ready = self.has_woken() || !self.yielded.is_empty();
                if !waits && !ready {
                    return Ok(polls);
                }
            }
        }
    }

    /// Whether anybody is ready who has not yielded.
    fn has_woken(&self) -> bool {
        !self.ready.is_empty() || self.slots.iter().any(|slot| slot.woken)
    }

    /// Every slot that is ready now is looked at once, the one that was woken first comes first; then those
    /// that have yielded, until a look at the reactor finds that others have been woken by then.
    fn turn(&mut self) -> Result<usize, Passed> {
        self.take_inbox();
        // What other threads have woken comes after the rest, in the order of the slots.
        for slot in 0..SLOTS {
            if std::mem::take(&mut self.slots[slot].woken) {
                self.make_ready(slot, false);
            }
        }
        let mut polls = 0;
        let woken = self.ready.len();
        for number in 0..woken + self.yielded.len() {
            let from = if number < woken {
                &mut self.ready
            } else {
                &mut self.yielded
            };
            let slot = from.pop_front().expect("one for each round");
            let Some(task) = self.slots[slot].tenant else {
                continue;
            };
            if self.tasks[task].aborting {
                self.end(task, Outcome::Aborted);
                continue;
            }
            polls += 1;
            self.unlooked += 1;
            match self.poll(task) {
                None => {}
                Some(Outcome::Panicked) if !STD => {
                    self.end(task, Outcome::Panicked);
                    // The rest waits for the next turn.
                    if LEAN {
                        for slot in self.ready.drain(..) {
                            self.slots[slot].woken = true;
                        }
                    }
                    return Err(Passed);
                }
                Some(outcome) => self.end(task, outcome),
            }
            // What a look finds comes after those that are still to come, so it may find it later: unless
            // somebody has been woken by then.
            let to_come = woken.saturating_sub(number + 1);
            let others = self.ready.len() > to_come || self.slots.iter().any(|slot| slot.woken);
            let can_wait = to_come > 0 && !others;
            if !LEAN && self.check(can_wait) && number >= woken && self.has_woken() {
                return Ok(polls);
            }
        }
        if LEAN {
            self.check(false);
        } else if self.put_off && (self.has_woken() || !self.yielded.is_empty() || self.has_mail())
        {
            self.look();
            self.looked = true;
        }
        Ok(polls)
    }

    fn has_mail(&self) -> bool {
        !self.inbox.is_empty() && self.free_slot().is_some()
    }

    /// A busy executor looks at its clock from time to time, and then maybe at its reactor: whether it has.
    fn check(&mut self, can_wait: bool) -> bool {
        if self.unlooked < if self.probing { 1 } else { self.every } {
            return false;
        }
        self.unlooked = 0;
        let mut due = self.put_off;
        if !self.looked {
            (self.looked, self.probing, due) = (true, true, true);
            if std::mem::take(&mut self.fresh) {
                self.every = 1;
            }
        } else if !std::mem::take(&mut self.probing) {
            self.every = (self.every + self.every.div_ceil(2)).min(64);
        }
        // No time has passed else.
        if due && can_wait && !self.is_timer_due() {
            self.put_off = true;
            return false;
        }
        if due {
            self.look();
            self.looked = true;
        }
        due
    }

    fn is_timer_due(&self) -> bool {
        let is_due = |task: &Task| {
            let sleep = task.sleep.as_ref();
            sleep.is_some_and(|sleep| !sleep.fired && sleep.deadline <= self.now)
        };
        self.tasks.iter().any(is_due)
    }

    /// Fires timers: the earliest first, of equal ones the oldest.
    fn look(&mut self) {
        self.unlooked = 0;
        self.put_off = false;
        let sleeping = |task: &Task| task.sleep.as_ref().is_some_and(|sleep| !sleep.fired);
        // The clock is read for timers only.
        self.looked = self.tasks.iter().any(sleeping);
        let mut due: Vec<_> = self
            .tasks
            .iter_mut()
            .filter_map(|task| Some((task.slot, task.sleep.as_mut()?)))
            .filter(|(_, sleep)| !sleep.fired && sleep.deadline <= self.now)
            .collect();
        due.sort_by_key(|(_, sleep)| (sleep.deadline, sleep.order));
        let mut due_slots = Vec::new();
        for (slot, sleep) in due {
            sleep.fired = true;
            due_slots.push(slot);
        }
        for slot in due_slots {
            self.make_ready(slot, false);
        }
    }

    fn make_ready(&mut self, slot: usize, remote: bool) {
        if LEAN || remote {
            self.slots[slot].woken = true;
        } else if !self.ready.contains(&slot) && !self.yielded.contains(&slot) {
            self.ready.push_back(slot);
        }
    }

    fn take_inbox(&mut self) {
        while let Some(slot) = self.free_slot() {
            let Some(task) = self.inbox.pop_front() else {
                return;
            };
            self.settle_in(task, slot);
        }
    }

    /// Drops the executor: every task ends, and whoever has a handle learns of it.
    fn close(&mut self) {
        self.closing = true;
        for slot in 0..SLOTS {
            if let Some(task) = self.slots[slot].tenant {
                self.end(task, Outcome::Aborted);
            }
        }
        self.trace.push(Seen::ExecutorDropped);
        for task in 0..self.tasks.len() {
            self.join(task, None);
        }
    }

    // --- Tasks

    fn free_slot(&self) -> Option<usize> {
        self.slots.iter().position(|slot| slot.tenant.is_none())
    }

    /// The task that a number means.
    fn pick(&self, number: usize) -> Option<usize> {
        number.checked_rem(self.tasks.len())
    }

    fn new_task(&mut self) -> Option<usize> {
        let number = self.tasks.len();
        (number < SPAWNS).then(|| {
            self.tasks.push(Task {
                script: self.program.scripts[number % self.program.scripts.len()].clone(),
                step: 0,
                slot: 0,
                live: false,
                aborting: false,
                polled: false,
                remote: false,
                handle: false,
                joiner: None,
                outcome: None,
                sleep: None,
            });
            number
        })
    }

    fn spawn(&mut self) {
        let Some(task) = self.new_task() else { return };
        // An output that waits to be joined lies where its future was.
        let kept = |task: &&Task| task.live || task.handle && task.outcome.is_some();
        let bodies_full =
            !cfg!(feature = "alloc") && self.tasks.iter().filter(kept).count() == SLOTS;
        let spawned = match self.free_slot() {
            _ if self.closing => Spawned::Closed,
            None => Spawned::TasksFull,
            Some(_) if bodies_full => Spawned::StorageFull,
            Some(slot) => {
                self.settle_in(task, slot);
                self.tasks[task].handle = true;
                Spawned::Yes
            }
        };
        self.trace.push(Seen::Spawn(task, spawned));
    }

    fn spawn_remote(&mut self) {
        let Some(task) = self.new_task() else { return };
        self.tasks[task].remote = true;
        let spawned = if self.inbox.len() == SLOTS {
            Spawned::InboxFull
        } else {
            self.inbox.push_back(task);
            Spawned::Queued
        };
        self.trace.push(Seen::Spawn(task, spawned));
    }

    fn settle_in(&mut self, task: usize, slot: usize) {
        self.slots[slot].tenant = Some(task);
        self.make_ready(slot, false);
        self.tasks[task].slot = slot;
        self.tasks[task].live = true;
    }

    fn wake(&mut self, number: usize, remote: bool) {
        if let Some(task) = self.pick(number) {
            if self.tasks[task].polled {
                self.make_ready(self.tasks[task].slot, remote);
            }
        }
    }

    fn abort(&mut self, number: usize, remote: bool) {
        let Some(task) = self.pick(number) else {
            return;
        };
        let task = &mut self.tasks[task];
        // Tasks from the inbox are spawned without an abort handle.
        if task.live && !task.aborting && !task.remote {
            task.aborting = true;
            let slot = task.slot;
            self.make_ready(slot, remote);
        }
    }

    fn drop_handle(&mut self, number: usize) {
        let Some(number) = self.pick(number) else {
            return;
        };
        let task = &mut self.tasks[number];
        if std::mem::take(&mut task.handle) {
            task.joiner = None;
            if let Some(Outcome::Output(_)) = task.outcome {
                self.trace.push(Seen::OutputDropped(number));
            }
        }
    }

    /// Joins a task. `false`: it has not ended yet, and the joiner will be woken.
    fn join(&mut self, number: usize, joiner: Option<usize>) -> bool {
        let slot = joiner.map(|joiner| self.tasks[joiner].slot);
        let task = &mut self.tasks[number];
        if !task.handle {
            return true;
        }
        let Some(outcome) = task.outcome else {
            task.joiner = slot;
            return false;
        };
        task.handle = false;
        self.trace.push(Seen::Joined(joiner, number, outcome));
        if let Outcome::Output(_) = outcome {
            self.trace.push(Seen::OutputDropped(number));
        }
        true
    }

    /// Polls a task; an outcome if it ends.
    fn poll(&mut self, number: usize) -> Option<Outcome> {
        self.trace.push(Seen::Polled(number));
        self.tasks[number].polled = true;
        let slot = self.tasks[number].slot;
        loop {
            let task = &mut self.tasks[number];
            let Some(&step) = task.script.steps.get(task.step) else {
                return Some(Outcome::Output(number));
            };
            task.step += 1;
            match step {
                Step::Yield if !self.ready.contains(&slot) && !self.yielded.contains(&slot) => {
                    self.yielded.push_back(slot);
                    return None;
                }
                Step::Yield => return None,
                Step::WakeSelf => {
                    self.make_ready(slot, false);
                    return None;
                }
                Step::Wait => return None,
                Step::Sleep(by) => {
                    let (now, order) = (self.now, self.timers);
                    let sleep = task.sleep.get_or_insert_with(|| {
                        self.timers += 1;
                        Sleep {
                            deadline: now + by,
                            order,
                            fired: false,
                        }
                    });
                    if !sleep.fired && now < sleep.deadline {
                        task.step -= 1;
                        return None;
                    }
                    task.sleep = None;
                }
                Step::Wake(task) => self.wake(task, false),
                Step::WakeRemote(task) => self.wake(task, true),
                Step::Abort(task) => self.abort(task, false),
                Step::AbortRemote(task) => self.abort(task, true),
                Step::Spawn => self.spawn(),
                Step::SpawnRemote => self.spawn_remote(),
                Step::DropHandle(task) => self.drop_handle(task),
                Step::Join(other) => {
                    let other = self.pick(other).expect("there is at least this task");
                    if !self.join(other, Some(number)) {
                        self.tasks[number].step -= 1;
                        return None;
                    }
                }
                Step::Panic => return Some(Outcome::Panicked),
            }
        }
    }

    /// Drops the future, then keeps or drops the output, then frees the slot, and at the very
    /// end wakes the joiner.
    fn end(&mut self, number: usize, mut outcome: Outcome) {
        let task = &self.tasks[number];
        let last = task.script.last;
        if !task.remote || task.polled {
            self.trace.push(Seen::Dropped(number));
            match last {
                Last::Nothing => {}
                Last::Wake(task) => self.wake(task, false),
                Last::Abort(task) => self.abort(task, false),
                Last::DropHandle(task) => self.drop_handle(task),
                Last::Spawn => self.spawn(),
                Last::Panic => {
                    if let Outcome::Output(_) = outcome {
                        self.trace.push(Seen::OutputDropped(number));
                    }
                    outcome = Outcome::Panicked;
                }
            }
        }
        let task = &mut self.tasks[number];
        task.sleep = None;
        task.live = false;
        task.outcome = Some(outcome);
        if !task.handle && outcome == Outcome::Output(number) {
            self.trace.push(Seen::OutputDropped(number));
        }
        self.slots[task.slot].tenant = None;
        if let Some(joiner) = task.joiner.take() {
            self.make_ready(joiner, false);
        }
    }

    fn list(&mut self) {
        let list = self.slots.iter().enumerate().filter_map(|(number, slot)| {
            let state = match slot.tenant.map(|task| &self.tasks[task])? {
                task if task.aborting => "aborting",
                _ if slot.woken || self.ready.contains(&number) => "ready",
                _ if self.yielded.contains(&number) => "ready",
                _ => "idle",
            };
            Some((number, state))
        });
        self.trace.push(Seen::List(list.collect()));
    }
}
