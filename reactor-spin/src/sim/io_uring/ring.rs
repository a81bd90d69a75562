//! [`Ring`]: what has been submitted, and what comes of it when.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;
use std::io::{Error, ErrorKind, Result};
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use polliwog_core::sync::Notify;

use super::memory::{Lent, Pushed};
use super::opcode::{Operation, Transfer};
use super::pending::{Pending, Submitted};
use super::squeue::Flags;
use super::types::{CancelBuilder, Fd, TimeoutFlags, Which};
use super::{Parameters, cqueue, errno};
use crate::net::Network;
use crate::sim::disk::{Disk, Opened, Wait};
use crate::sim::net::Net;
use crate::sim::rng::nanos;
use crate::sim::world::{Happening, Host, HostId, World};

/// The first number of a ring; files have others.
const FIRST: RawFd = 1 << 29;

/// What the program and the simulation share.
#[derive(Debug)]
pub(crate) struct Ring {
    pub(super) params: Parameters,
    pub(super) number: RawFd,
    pub(super) posted: Notify,
    state: Mutex<State>,
}

/// The rings of a host's process.
#[derive(Debug, Default)]
pub(crate) struct Rings {
    open: Vec<Arc<Ring>>,
    made: RawFd,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) is_open: bool,
    pub(super) queued: VecDeque<Pushed>,
    pending: Pending,
    pub(super) completed: VecDeque<cqueue::Entry>,
    /// Completions that there is no room for.
    pub(super) overflow: VecDeque<cqueue::Entry>,
    capacity: usize,
    has_posted: bool,
    /// Somebody has left out completions, so nobody can wait for all: io_uring_enter(2), `IOSQE_IO_DRAIN`.
    leaves_out: bool,
    /// When the simulation looks at it next.
    alarm: Option<u64>,
}

#[derive(Debug)]
pub(super) enum Work {
    /// The result is there.
    Done(i32),
    Read(Opened, Lent, u64),
    /// With what lay there when it was submitted.
    Write(Opened, Lent, Vec<u8>, u64),
    /// The instant at which this began: what is written meanwhile is not safe.
    Sync(Opened, u64),
    /// None if what is asked for is none.
    Allocate(Opened, Option<u64>),
    /// How long, how many completions are left to wait for, and how.
    Timeout(Duration, u32, TimeoutFlags),
    Cancel(CancelBuilder),
}

impl Rings {
    pub(super) fn add(&mut self, params: Parameters) -> Arc<Ring> {
        self.open.retain(|ring| ring.lock().is_open);
        let ring = Arc::new(Ring {
            number: FIRST + self.made,
            posted: Notify::new(),
            state: Mutex::new(State {
                is_open: true,
                queued: VecDeque::new(),
                pending: Pending::default(),
                completed: VecDeque::new(),
                overflow: VecDeque::new(),
                capacity: params.cq_entries as usize,
                has_posted: false,
                leaves_out: false,
                alarm: None,
            }),
            params,
        });
        self.made += 1;
        self.open.push(ring.clone());
        ring
    }

    /// The ring that has a number.
    pub(super) fn numbered(&self, number: RawFd) -> Option<Arc<Ring>> {
        self.open.iter().find(|ring| ring.number == number).cloned()
    }
}

impl Host {
    /// The process is gone: M3.
    pub(crate) fn close_rings(&mut self) {
        for ring in core::mem::take(&mut self.rings).open {
            ring.lock().close(Some(&mut self.disk));
        }
        self.disk.close_all();
    }
}

impl Ring {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on the ring and on its host at the present instant, after what has completed until then.
    ///
    /// # Errors
    ///
    /// `EBADF` if it is not a ring of this host's process.
    pub(super) fn with<T>(
        self: &Arc<Self>,
        f: impl FnOnce(&mut State, &mut Host, u64) -> T,
    ) -> Result<T> {
        let net = Network::current_sim().ok_or(ErrorKind::Unsupported)?;
        self.with_on(&net.world, net.host, f)
    }

    fn with_on<T>(
        self: &Arc<Self>,
        world: &World,
        id: HostId,
        f: impl FnOnce(&mut State, &mut Host, u64) -> T,
    ) -> Result<T> {
        let (value, posted) = world.with(|world| {
            let host = &mut world.hosts[id as usize];
            let is_own = host.rings.open.iter().any(|ring| Arc::ptr_eq(ring, self));
            let mut state = self.lock();
            if !is_own || !state.is_open {
                return Err(Error::from_raw_os_error(errno::EBADF));
            }
            let now = host.clock.instant();
            state.advance(host, now);
            let value = f(&mut state, host, now);
            let next = state.next();
            let is_sooner = |due: &u64| state.alarm.is_none_or(|alarm| *due < alarm);
            if let Some(due) = next.filter(is_sooner) {
                state.alarm = Some(due);
                world.schedule(due, Happening::Ring(id, self.clone()));
            }
            Ok((value, core::mem::take(&mut state.has_posted)))
        })?;
        if posted {
            self.posted.notify_waiters();
        }
        Ok(value)
    }

    /// Something may complete now.
    pub(crate) fn happen(self: &Arc<Self>, world: &World, id: HostId) {
        let mut state = self.lock();
        // Another alarm has come before it.
        if state.alarm != Some(world.now.get()) {
            return;
        }
        state.alarm = None;
        drop(state);
        // A process that is gone has none.
        let _ = self.with_on(world, id, |_, _, _| ());
    }

    /// The program gives it up: M3.
    pub(super) fn close(&self) {
        let on_its_host = Network::current_sim().and_then(|Net { world, host }| {
            world.try_with(|world| {
                let host = &mut world.hosts[host as usize];
                let is_own = host
                    .rings
                    .open
                    .iter()
                    .any(|ring| core::ptr::eq(&**ring, self));
                is_own.then(|| self.lock().close(Some(&mut host.disk)))
            })
        });
        if on_its_host.flatten().is_none() {
            self.lock().close(None);
        }
        self.posted.notify_waiters();
    }
}

impl State {
    /// Nobody waits for it any more. What was being written may be there, or the first part of it; the program's memory is not
    /// looked at for that, since it may be gone.
    fn close(&mut self, disk: Option<&mut Disk>) {
        self.is_open = false;
        self.queued.clear();
        self.completed.clear();
        self.overflow.clear();
        let submitted = self.pending.take_all();
        let Some(disk) = disk else { return };
        for one in submitted {
            if let (Work::Write(file, _, bytes, offset), Some(_)) = (one.work, one.due) {
                // Nobody asks what has come of it.
                let _ = file.write(disk, true, &bytes, offset);
            }
        }
    }

    /// Submits what is in the queue; returns how much that is.
    pub(super) fn submit(&mut self, host: &mut Host, now: u64) -> usize {
        let queued = core::mem::take(&mut self.queued);
        let count = queued.len();
        let mut follows = false;
        for pushed in queued {
            let entry = pushed.entry();
            let (flags, user_data) = (entry.flags, entry.user_data);
            self.leaves_out |= flags.contains(Flags::SKIP_SUCCESS);
            let work = match self.leaves_out && flags.contains(Flags::IO_DRAIN) {
                true => Err(errno::EOPNOTSUPP),
                false => prepare(&pushed, &host.disk),
            };
            let work = work.unwrap_or_else(|error| Work::Done(-error));
            let fd = match &entry.operation {
                Operation::Read(Transfer { fd, .. })
                | Operation::Write(Transfer { fd, .. })
                | Operation::Fsync(fd)
                | Operation::Allocate { fd, .. } => Some(fd.0),
                _ => None,
            };
            let mut one = Submitted::new(work, fd, flags, user_data);
            one.follows = follows;
            self.pending.push(one);
            follows = flags.intersects(Flags::IO_LINK | Flags::IO_HARDLINK);
        }
        self.begin(host, now);
        self.advance(host, now);
        // What has no room yet moves up.
        while self.completed.len() < self.capacity {
            let Some(entry) = self.overflow.pop_front() else {
                break;
            };
            self.completed.push_back(entry);
        }
        count
    }

    /// Begins what may begin.
    fn begin(&mut self, host: &mut Host, now: u64) {
        while let Some(number) = self.pending.next_to_begin() {
            let Some(one) = self.pending.get_mut(number) else {
                return;
            };
            let (takes, fails) = match &mut one.work {
                Work::Done(_) | Work::Cancel(_) => (0, false),
                Work::Timeout(time, ..) => {
                    let local = host.clock.local_at(now).saturating_add(nanos(*time));
                    (host.clock.global(local).saturating_sub(now), false)
                }
                Work::Sync(_, began) => {
                    *began = now;
                    host.disk.operation(Wait::Sync)
                }
                Work::Read(file, lent, at) => host.disk.operation(file.reads(*at, lent.len())),
                Work::Write(file, lent, _, at) => host.disk.operation(file.writes(*at, lent.len())),
                Work::Allocate(..) => host.disk.operation(Wait::Any),
            };
            let due = now.saturating_add(takes);
            self.pending.begin(number, due, fails);
        }
    }

    /// When the next operation completes.
    pub(super) fn next(&self) -> Option<u64> {
        self.pending.next().map(|(due, _)| due)
    }

    /// Lets happen what happens until then.
    pub(super) fn advance(&mut self, host: &mut Host, until: u64) {
        while let Some((due, number)) = self.pending.next().filter(|(due, _)| *due <= until) {
            // The disk is at that instant, however far the program is ahead.
            let ahead = due.saturating_sub(host.clock.now());
            let ahead = host.clock.ahead.replace(ahead);
            self.complete(number, host, due);
            self.begin(host, due);
            host.clock.ahead.set(ahead);
        }
    }

    fn complete(&mut self, number: u64, host: &mut Host, now: u64) {
        let Some(mut one) = self.pending.take(number) else {
            return;
        };
        let fails = one.due.is_some_and(|(_, fails)| fails);
        let (result, expected) = match core::mem::replace(&mut one.work, Work::Done(0)) {
            Work::Done(result) => (result, 0),
            Work::Timeout(_, _, flags) => {
                one.counts = false;
                let success = flags.contains(TimeoutFlags::ETIME_SUCCESS);
                (-errno::ETIME, if success { -errno::ETIME } else { 0 })
            }
            Work::Cancel(builder) => (self.cancel(&builder, host, now), 0),
            work => {
                // For the kernel these do not fail, whatever their result is: what is linked to them goes on.
                let never_fails = matches!(work, Work::Sync(..) | Work::Allocate(..));
                let expected = if never_fails { i32::MIN } else { 0 };
                let done = carry_out(&work, &mut host.disk, fails);
                done.unwrap_or_else(|error| (-errno::of(&error), expected))
            }
        };
        let skips = one.flags.contains(Flags::SKIP_SUCCESS);
        let has_failed = result < expected;
        let breaks = has_failed && !one.flags.contains(Flags::IO_HARDLINK);
        // What is linked to it comes next in the order.
        let mut linked = self.pending.let_go(number);
        while let Some(next) = linked.filter(|_| breaks) {
            if let Some(next) = self.pending.get_mut(next) {
                next.silent = skips || one.silent;
            }
            self.pending.finish(next, -errno::ECANCELED, now);
            linked = self.pending.let_go(next);
        }
        if !one.silent && (has_failed || !skips) {
            self.post(&one, result, now);
        }
    }

    fn cancel(&mut self, builder: &CancelBuilder, host: &mut Host, now: u64) -> i32 {
        let is_meant = |one: &Submitted| {
            one.due.is_some()
                && match builder.which {
                    Which::Any => true,
                    Which::UserData(user_data) => one.user_data == user_data,
                    Which::Fd(fd) => one.fd == Some(fd),
                }
        };
        let all = self.pending.iter();
        let meant = all.filter(|(_, one)| is_meant(one));
        let meant: Vec<u64> = meant.map(|(number, _)| number).collect();
        let mut count = 0;
        for number in meant {
            count += 1;
            let result = match self.pending.get_mut(number).map(|one| &one.work) {
                None | Some(Work::Done(_) | Work::Cancel(_)) => -errno::EALREADY,
                Some(Work::Timeout(..)) => 0,
                // The disk may be at it already.
                _ if host.disk.chance.chance(0.5) => -errno::EALREADY,
                _ => 0,
            };
            if result == 0 {
                self.pending.finish(number, -errno::ECANCELED, now);
            }
            if !builder.all {
                return result;
            }
        }
        match builder.all {
            true => count,
            false => -errno::ENOENT,
        }
    }

    fn post(&mut self, one: &Submitted, result: i32, now: u64) {
        let entry = cqueue::Entry {
            user_data: one.user_data,
            result,
        };
        match self.completed.len() < self.capacity && self.overflow.is_empty() {
            true => self.completed.push_back(entry),
            false => self.overflow.push_back(entry),
        }
        self.has_posted = true;
        if one.counts {
            self.pending.count(now);
        }
    }
}

/// What is to be done, or the number of an error.
fn prepare(pushed: &Pushed, disk: &Disk) -> core::result::Result<Work, i32> {
    let entry = pushed.entry();
    if entry
        .flags
        .intersects(Flags::FIXED_FILE | Flags::BUFFER_SELECT)
    {
        return Err(errno::EINVAL);
    }
    // It stays open for as long as somebody works on it.
    let file = |fd: Fd| {
        let file = disk.numbered(fd.0).ok_or(errno::EBADF)?;
        Ok(Opened::clone(&file))
    };
    let writable = |fd| file(fd).and_then(|file| file.writable.then_some(file).ok_or(errno::EBADF));
    Ok(match &entry.operation {
        Operation::Nop => Work::Done(0),
        Operation::Read(transfer) | Operation::Write(transfer) if transfer.rw_flags != 0 => {
            return Err(errno::EOPNOTSUPP);
        }
        Operation::Read(transfer) | Operation::Write(transfer)
            if transfer.offset > i64::MAX as u64 =>
        {
            return Err(errno::EINVAL);
        }
        Operation::Read(transfer) => {
            let file = file(transfer.fd)?;
            file.may_read().map_err(|_| errno::EBADF)?;
            Work::Read(file, pushed.lend()?, transfer.offset)
        }
        Operation::Write(transfer) => {
            let (file, lent) = (writable(transfer.fd)?, pushed.lend()?);
            let bytes = lent.bytes();
            Work::Write(file, lent, bytes, transfer.offset)
        }
        Operation::Fsync(fd) => Work::Sync(file(*fd)?, 0),
        Operation::Allocate { mode, .. } if *mode != 0 => return Err(errno::EOPNOTSUPP),
        Operation::Allocate {
            fd, offset, len, ..
        } => {
            let end = offset.checked_add(*len).filter(|_| *len > 0);
            Work::Allocate(file(*fd)?, end)
        }
        Operation::Timeout(waiting) => {
            let known =
                TimeoutFlags::ETIME_SUCCESS.union(waiting.flags) == TimeoutFlags::ETIME_SUCCESS;
            let time = pushed.time()?;
            Work::Timeout(
                time,
                waiting.count,
                known.then_some(waiting.flags).ok_or(errno::EINVAL)?,
            )
        }
        Operation::Cancel(builder) => Work::Cancel(builder.clone()),
    })
}

/// Returns the result of what a disk does, and the least one that is no failure for what is linked to it.
fn carry_out(work: &Work, disk: &mut Disk, fails: bool) -> Result<(i32, i32)> {
    let count = |count: usize, of: usize| (count as i32, of as i32);
    match work {
        // The memory now: a program that has used it for something else meanwhile finds that in its file.
        Work::Write(file, lent, _, offset) => {
            let bytes = lent.bytes();
            let (_, written) = file.write(disk, fails, &bytes, *offset)?;
            Ok(count(written, bytes.len()))
        }
        _ if fails => Err(crate::sim::disk::failed()),
        Work::Read(file, lent, offset) => {
            file.check_read(disk, *offset, lent.len())?;
            let left = disk.len(file.inode)?.saturating_sub(*offset);
            let left = usize::try_from(left).unwrap_or(usize::MAX);
            let mut bytes = alloc::vec![0; lent.len().min(left)];
            let read = file.fetch(disk, *offset, &mut bytes)?;
            lent.fill(&bytes[..read]);
            Ok(count(read, lent.len()))
        }
        Work::Sync(file, began) => disk.sync_until(file.inode, *began).map(|()| (0, 0)),
        Work::Allocate(file, end) => {
            if !file.writable {
                return Err(Error::from_raw_os_error(errno::EBADF));
            }
            let end = end.ok_or(Error::from_raw_os_error(errno::EINVAL))?;
            if end > disk.len(file.inode)? {
                disk.set_len(file.inode, end)?;
            }
            Ok((0, 0))
        }
        Work::Done(_) | Work::Timeout(..) | Work::Cancel(_) => unreachable!("no work of a disk"),
    }
}
