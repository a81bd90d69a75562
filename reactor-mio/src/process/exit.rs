//! How the end of a child is awaited.
//!
//! Each system offers `Exit`, with `of` and `poll`, and `orphan` for a child that nobody waits for any more.

#[cfg(not(unix))]
pub(super) use polling::{Exit, orphan};
#[cfg(unix)]
pub(super) use unix::{Exit, orphan};

#[cfg(unix)]
mod unix {
    use std::io;
    #[cfg(target_os = "linux")]
    use std::os::fd::OwnedFd;
    use std::process::{Child, ExitStatus};
    use std::task::{Context, Poll};

    #[cfg(target_os = "linux")]
    use polliwog_core::sources::{Direction, WaiterId};
    #[cfg(target_os = "linux")]
    use rustix::process::{Pid, PidfdFlags, pidfd_open};

    use super::super::reaper::{self, Notice};
    use crate::reactor::MioReactor;
    #[cfg(target_os = "linux")]
    use crate::source::Attached;

    pub(in super::super) enum Exit {
        #[cfg(target_os = "linux")]
        /// Of the process; it is readable once that has ended.
        Descriptor(Attached<OwnedFd>),
        /// By a signal.
        Notice(Notice),
    }

    impl Exit {
        #[cfg(target_os = "linux")]
        pub(in super::super) fn of(reactor: &MioReactor, child: &Child) -> Self {
            // The number is the child's as long as nobody has waited for it. It is refused by old kernels,
            // by sandboxes, and where no descriptor is left.
            match pidfd_open(Pid::from_child(child), PidfdFlags::empty()) {
                Ok(descriptor) => Exit::Descriptor(Attached::with_reactor(reactor, descriptor)),
                Err(_error) => {
                    record!(
                        debug,
                        "no descriptor for a child, which costs a thread: {_error}"
                    );
                    Exit::Notice(Notice::new())
                }
            }
        }

        #[cfg(not(target_os = "linux"))]
        pub(in super::super) fn of(_: &MioReactor, _: &Child) -> Self {
            Exit::Notice(Notice::new())
        }

        pub(in super::super) fn poll(
            &mut self,
            cx: &mut Context<'_>,
            child: &mut Child,
        ) -> Poll<io::Result<ExitStatus>> {
            match self {
                #[cfg(target_os = "linux")]
                Exit::Descriptor(descriptor) => {
                    let ended = |_: &_| child.try_wait()?.ok_or(io::ErrorKind::WouldBlock.into());
                    descriptor.poll_op(WaiterId::OWNER, Direction::Read, cx, ended, |_| 0)
                }
                Exit::Notice(notice) => notice.poll(cx, child),
            }
        }
    }

    pub(in super::super) fn orphan(child: Child) {
        reaper::adopt(child);
    }
}

/// Where the standard library has no way to wait for a child and to be able to kill it at the same time.
#[cfg(not(unix))]
mod polling {
    use std::io;
    use std::pin::Pin;
    use std::process::{Child, ExitStatus};
    use std::task::{Context, Poll, ready};
    use std::time::Duration;

    use polliwog_core::time::{Sleep, sleep};

    use crate::reactor::MioReactor;

    const SHORTEST: Duration = Duration::from_millis(1);
    const LONGEST: Duration = Duration::from_millis(16);

    pub(in super::super) struct Exit {
        pause: Duration,
        sleep: Option<Pin<Box<Sleep>>>,
    }

    impl Exit {
        pub(in super::super) fn of(_: &MioReactor, _: &Child) -> Self {
            Exit {
                pause: SHORTEST,
                sleep: None,
            }
        }

        pub(in super::super) fn poll(
            &mut self,
            cx: &mut Context<'_>,
            child: &mut Child,
        ) -> Poll<io::Result<ExitStatus>> {
            loop {
                if let Some(status) = child.try_wait()? {
                    return Poll::Ready(Ok(status));
                }
                let pause = self.pause;
                let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep(pause)));
                ready!(sleep.as_mut().poll(cx));
                self.sleep = None;
                self.pause = LONGEST.min(pause * 2);
            }
        }
    }

    /// It leaves nothing behind once its handle is closed.
    pub(in super::super) fn orphan(child: Child) {
        drop(child);
    }
}
