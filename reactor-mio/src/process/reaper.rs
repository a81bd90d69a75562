//! What `SIGCHLD` tells: that some child may have ended. One thread for the whole process waits for it, from
//! the first time on that somebody needs to know.
//!
//! It waits for *orphans*, children that were dropped before their end, and wakes those who wait for a child
//! of which there is no descriptor.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::process::{Child, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::thread;

use polliwog_core::task::budget::poll_proceed;
use polliwog_core::task::wake_quietly;
use signal_hook::consts::SIGCHLD;
use signal_hook::low_level::{pipe, unregister};

static REAPER: Mutex<Reaper> = Mutex::new(Reaper {
    watcher: None,
    orphans: Vec::new(),
    waiters: Vec::new(),
    next: 0,
});

struct Reaper {
    /// The process that has the thread: not a copy of it, which `fork` makes without threads.
    watcher: Option<u32>,
    orphans: Vec<Child>,
    waiters: Vec<(u64, Waker)>,
    /// The name of the next one who waits.
    next: u64,
}

fn lock() -> MutexGuard<'static, Reaper> {
    // Only plain data changes under the lock.
    REAPER.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Reaper {
    /// Starts the thread, if it does not run.
    fn watch(&mut self) -> io::Result<()> {
        let process = std::process::id();
        if self.watcher == Some(process) {
            return Ok(());
        }
        let (mut news, sender) = UnixStream::pair()?;
        let handler = pipe::register(SIGCHLD, sender)?;
        let thread = thread::Builder::new().name("polliwog-children".into());
        let started = thread.spawn(move || {
            let mut buf = [0; 64];
            loop {
                match news.read(&mut buf) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Ok(0) | Err(_) => break,
                    Ok(_) => sweep(),
                }
            }
        });
        if let Err(error) = started {
            unregister(handler);
            return Err(error);
        }
        self.watcher = Some(process);
        Ok(())
    }

    /// Waits for the orphans that have ended.
    fn reap(&mut self) {
        self.orphans
            .retain_mut(|child| matches!(child.try_wait(), Ok(None)));
    }
}

/// Some child has ended.
fn sweep() {
    let mut reaper = lock();
    reaper.reap();
    let waiters = std::mem::take(&mut reaper.waiters);
    drop(reaper);
    for (_, waker) in waiters {
        wake_quietly(waker);
    }
}

/// Takes care of a child that nobody waits for.
pub(super) fn adopt(child: Child) {
    let mut reaper = lock();
    reaper.orphans.push(child);
    if let Err(_error) = reaper.watch() {
        // Then it is looked for whenever another one comes.
        record!(warn, "nobody watches for the ends of children: {_error}");
    }
    // It may have ended just before the thread began to watch.
    reaper.reap();
}

/// One who waits for a child of which there is no descriptor.
pub(super) struct Notice {
    name: u64,
}

impl Notice {
    pub(super) fn new() -> Self {
        let mut reaper = lock();
        reaper.next += 1;
        Self { name: reaper.next }
    }

    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        child: &mut Child,
    ) -> Poll<io::Result<ExitStatus>> {
        let permit = ready!(poll_proceed(cx));
        // First the waker, then the question: an end that comes between the two is news.
        let waker = cx.waker().clone();
        let mut reaper = lock();
        reaper.watch()?;
        let former = reaper.forget(self.name);
        reaper.waiters.push((self.name, waker));
        drop(reaper);
        drop(former);
        match child.try_wait() {
            Ok(None) => Poll::Pending,
            ended => {
                permit.charge(0);
                let mine = lock().forget(self.name);
                drop(mine);
                Poll::Ready(ended.and_then(|status| status.ok_or(io::ErrorKind::Other.into())))
            }
        }
    }
}

impl Reaper {
    fn forget(&mut self, name: u64) -> Option<(u64, Waker)> {
        let place = self.waiters.iter().position(|waiter| waiter.0 == name)?;
        Some(self.waiters.swap_remove(place))
    }
}

impl Drop for Notice {
    fn drop(&mut self) {
        let mine = lock().forget(self.name);
        drop(mine);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::process::Command;

    /// On a system without descriptors for processes, or where there is none left.
    #[test]
    fn ends_are_told_without_a_descriptor() {
        crate::block_on(async {
            for round in 0..20 {
                let mut child = Command::new("sh")
                    .args(["-c", &format!("exit {round}")])
                    .spawn()
                    .unwrap();
                let mut notice = Notice::new();
                let status = poll_fn(|cx| notice.poll(cx, &mut child)).await.unwrap();
                assert_eq!(status.code(), Some(round));
            }
            let children: Vec<_> = (0..10)
                .map(|_| Command::new("true").spawn().unwrap())
                .collect();
            let tasks: Vec<_> = children
                .into_iter()
                .map(|mut child| {
                    let mut notice = Notice::new();
                    let end = async move { poll_fn(|cx| notice.poll(cx, &mut child)).await };
                    crate::spawn(end).unwrap()
                })
                .collect();
            for task in tasks {
                assert!(task.await.unwrap().unwrap().success());
            }
        });
    }

    #[test]
    fn one_who_gives_up_is_forgotten() {
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        let mut notice = Notice::new();
        let name = notice.name;
        let known = |name| lock().waiters.iter().any(|waiter| waiter.0 == name);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(notice.poll(&mut cx, &mut child).is_pending());
        assert!(known(name));
        drop(notice);
        assert!(!known(name));
        child.kill().unwrap();
        adopt(child);
    }
}
