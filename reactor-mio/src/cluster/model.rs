//! W1 of [`shared`](super::shared), gone through exhaustively: two workers and somebody who queues tasks with the
//! first of them, one atomic step at a time, in every order. All of these steps are `SeqCst` or under a lock, so that
//! there are no other orders.

use std::collections::HashSet;

/// What may be left out, to see that the model would notice.
#[derive(Clone, Copy, Default)]
struct Faults {
    /// A worker does not look at the queues again once it has said that it waits.
    no_second_look: bool,
    /// Whoever queues a task rings for its worker only.
    no_help: bool,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct State {
    queued: u8,
    waiting: [bool; 2],
    bell: [bool; 2],
    parked: [bool; 2],
    workers: [Worker; 2],
    pusher: Pusher,
    left: u8,
    /// One poll that does not end is enough to be helped.
    blocked: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Worker {
    Take,
    /// It has taken a task: are there others for the other worker?
    RingOn(Ring),
    Run,
    Say,
    Look,
    /// Polls its event, and announces that it parks.
    Park,
    Asleep,
    Unsay,
    /// In a poll that does not end.
    Blocked,
}

/// How far somebody is with ringing for a worker that waits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Ring {
    Ask,
    Clear,
    Trigger,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Pusher {
    Push,
    Parked,
    Own { comes: bool, ring: Ring },
    Help(Ring),
}

impl State {
    fn new(tasks: u8) -> Self {
        Self {
            queued: 0,
            waiting: [false; 2],
            bell: [false; 2],
            parked: [false; 2],
            workers: [Worker::Take; 2],
            pusher: Pusher::Push,
            left: tasks,
            blocked: false,
        }
    }

    /// A step of ringing for `worker`: how to go on, or `None` once that is done.
    fn ring(&mut self, worker: usize, ring: Ring) -> Option<Ring> {
        match ring {
            Ring::Ask => self.waiting[worker].then_some(Ring::Clear),
            Ring::Clear => {
                self.waiting[worker] = false;
                Some(Ring::Trigger)
            }
            Ring::Trigger => {
                self.bell[worker] = true;
                if self.workers[worker] == Worker::Asleep {
                    // Whoever wakes it first takes the announcement back.
                    self.parked[worker] = false;
                    self.workers[worker] = Worker::Park;
                }
                None
            }
        }
    }

    fn pusher_steps(&self, faults: Faults) -> Vec<State> {
        let mut next = self.clone();
        match self.pusher {
            Pusher::Push if self.left == 0 => return Vec::new(),
            Pusher::Push => {
                next.left -= 1;
                next.queued += 1;
                next.pusher = Pusher::Parked;
            }
            Pusher::Parked => {
                let comes = self.parked[0];
                let ring = Ring::Clear;
                next.pusher = Pusher::Own { comes, ring };
            }
            Pusher::Own { comes, ring } => {
                next.pusher = match next.ring(0, ring) {
                    Some(ring) => Pusher::Own { comes, ring },
                    None if comes || faults.no_help => Pusher::Push,
                    None => Pusher::Help(Ring::Ask),
                }
            }
            Pusher::Help(ring) => {
                next.pusher = next.ring(1, ring).map_or(Pusher::Push, Pusher::Help);
            }
        }
        vec![next]
    }

    fn worker_steps(&self, worker: usize, faults: Faults) -> Vec<State> {
        let mut next = self.clone();
        let at = |state: &mut State, step| state.workers[worker] = step;
        match self.workers[worker] {
            Worker::Take if self.queued > 0 => {
                next.queued -= 1;
                let rings = next.queued > 0;
                at(
                    &mut next,
                    if rings {
                        Worker::RingOn(Ring::Ask)
                    } else {
                        Worker::Run
                    },
                );
            }
            Worker::Take => at(&mut next, Worker::Say),
            Worker::RingOn(ring) => {
                let ring = next.ring(1 - worker, ring);
                at(&mut next, ring.map_or(Worker::Run, Worker::RingOn));
            }
            Worker::Run => {
                at(&mut next, Worker::Take);
                if !self.blocked {
                    let mut blocks = self.clone();
                    blocks.blocked = true;
                    at(&mut blocks, Worker::Blocked);
                    return vec![next, blocks];
                }
            }
            Worker::Say => {
                next.waiting[worker] = true;
                at(
                    &mut next,
                    if faults.no_second_look {
                        Worker::Park
                    } else {
                        Worker::Look
                    },
                );
            }
            Worker::Look => {
                at(
                    &mut next,
                    if self.queued > 0 {
                        Worker::Unsay
                    } else {
                        Worker::Park
                    },
                );
            }
            Worker::Park if self.bell[worker] => {
                next.bell[worker] = false;
                at(&mut next, Worker::Unsay);
            }
            Worker::Park => {
                next.parked[worker] = true;
                at(&mut next, Worker::Asleep);
            }
            Worker::Unsay => {
                next.waiting[worker] = false;
                at(&mut next, Worker::Take);
            }
            Worker::Asleep | Worker::Blocked => return Vec::new(),
        }
        vec![next]
    }
}

/// Goes through all orders; the states in which nobody goes on although a task waits and a worker sleeps.
fn stuck(tasks: u8, faults: Faults) -> (usize, Option<State>) {
    let (mut seen, mut todo) = (HashSet::new(), vec![State::new(tasks)]);
    let mut stuck = None;
    while let Some(state) = todo.pop() {
        if !seen.insert(state.clone()) {
            continue;
        }
        let mut steps = state.pusher_steps(faults);
        (0..2).for_each(|worker| steps.extend(state.worker_steps(worker, faults)));
        if steps.is_empty() && state.queued > 0 {
            stuck = Some(state);
        }
        todo.extend(steps);
    }
    (seen.len(), stuck)
}

#[test]
fn no_task_waits_while_a_worker_sleeps() {
    for tasks in 1..=4 {
        let (states, stuck) = stuck(tasks, Faults::default());
        assert!(states > 100, "{states}");
        assert_eq!(stuck, None);
    }
}

#[test]
fn each_part_of_it_is_needed() {
    let all = Faults::default();
    for faults in [
        Faults {
            no_second_look: true,
            ..all
        },
        Faults {
            no_help: true,
            ..all
        },
    ] {
        assert!(stuck(3, faults).1.is_some());
    }
}
