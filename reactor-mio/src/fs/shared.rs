//! [`Shared`]: what a [`File`](super::File) and its operations on the pool have in common.

use std::fs;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use polliwog_core::task::wake_quietly;

/// What has become of changes to a file. Beside the system's file, not around it: a change gives that back before it
/// tells that it has ended, so whoever sees no change under way finds nobody else at the file.
///
/// A change is whatever may fail after its caller has gone. There is one at a time, and none begins
/// before the error of the one before has been heard of: so an error is never another one's, and never
/// covered by a later one.
#[derive(Debug)]
pub(super) struct Shared {
    late: Mutex<Late>,
}

#[derive(Debug, Default)]
struct Late {
    /// A change is under way.
    changing: bool,
    /// Of a change whose caller has not heard of it yet, or never will.
    failed: Option<io::Error>,
    /// Who waits for the change under way.
    wakers: Vec<Waker>,
}

impl Shared {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            late: Mutex::default(),
        })
    }

    fn late(&self) -> MutexGuard<'_, Late> {
        // Nothing is left half done under the lock.
        self.late.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no change is under way. Fails with the error of one that nobody has heard of.
    pub(super) fn poll_settled(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_free(cx).map_ok(drop)
    }

    /// The same, and begins a change of the file.
    pub(super) fn poll_change(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
        file: &Arc<fs::File>,
    ) -> Poll<io::Result<Change>> {
        self.poll_free(cx).map_ok(|mut late| {
            late.changing = true;
            Change(Some((Arc::clone(file), Arc::clone(self))))
        })
    }

    fn poll_free(&self, cx: &mut Context<'_>) -> Poll<io::Result<MutexGuard<'_, Late>>> {
        let mut late = self.late();
        if late.changing {
            let known = |waker: &Waker| waker.will_wake(cx.waker());
            if !late.wakers.iter().any(known) {
                drop(late);
                // Foreign code perhaps: outside of the lock.
                let waker = cx.waker().clone();
                late = self.late();
                if late.changing {
                    late.wakers.push(waker);
                }
            }
            if late.changing {
                return Poll::Pending;
            }
        }
        Poll::Ready(match &late.failed {
            Some(error) => Err(copy(error)),
            None => Ok(late),
        })
    }

    /// Whether no change is under way or has failed.
    pub(super) fn is_settled(&self) -> bool {
        let late = self.late();
        !late.changing && late.failed.is_none()
    }

    /// Takes the error of a change.
    pub(super) fn hear(&self) -> Option<io::Error> {
        self.late().failed.take()
    }

    fn settle(&self, error: Option<io::Error>) {
        let mut late = self.late();
        late.changing = false;
        late.failed = error;
        let wakers = std::mem::take(&mut late.wakers);
        drop(late);
        wakers.into_iter().for_each(wake_quietly);
    }
}

/// A change that is under way. Dropped without an [end](Change::end), because its job never ran or
/// panicked, it has failed.
#[derive(Debug)]
pub(super) struct Change(Option<(Arc<fs::File>, Arc<Shared>)>);

impl Change {
    /// Makes the change. Its error is kept as that of a change that nobody has heard of; who receives the
    /// result [hears](Shared::hear) it.
    pub(super) fn make<T>(
        self,
        change: impl FnOnce(&fs::File) -> io::Result<T>,
    ) -> Result<T, io::Error> {
        let result = match &self.0 {
            Some((file, _)) => change(file),
            None => Err(io::Error::other("a change that has ended")),
        };
        self.end(result.as_ref().err().map(copy));
        result
    }

    /// Nothing has been changed.
    pub(super) fn give_up(self) {
        self.end(None);
    }

    fn end(mut self, error: Option<io::Error>) {
        if let Some((file, shared)) = self.0.take() {
            drop(file);
            shared.settle(error);
        }
    }
}

impl Drop for Change {
    fn drop(&mut self) {
        if let Some((file, shared)) = self.0.take() {
            drop(file);
            shared.settle(Some(io::Error::other("a change of a file was not made")));
        }
    }
}

/// The same once more, for an error that has to be told again.
fn copy(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    /// Notes how many have the file when it is woken.
    struct Count {
        file: Arc<fs::File>,
        seen: AtomicUsize,
    }

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            let count = Arc::strong_count(&self.file);
            self.seen.store(count, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_change_has_given_the_file_back_when_it_tells_of_its_end() {
        let ends: [fn(Change); 3] = [
            |change| change.make(|_| Ok(())).unwrap(),
            Change::give_up,
            drop,
        ];
        for end in ends {
            let program = std::env::current_exe().unwrap();
            let file = Arc::new(fs::File::open(program).unwrap());
            let shared = Shared::new();
            let count = Arc::new(Count {
                file: file.clone(),
                seen: AtomicUsize::new(0),
            });
            let waker = Waker::from(count.clone());
            let mut cx = Context::from_waker(&waker);
            let Poll::Ready(Ok(change)) = shared.poll_change(&mut cx, &file) else {
                panic!("nothing is under way");
            };
            assert!(shared.poll_settled(&mut cx).is_pending());
            assert_eq!(Arc::strong_count(&file), 3);
            end(change);
            // Ours, and that of the count.
            assert_eq!(count.seen.load(Ordering::Relaxed), 2);
        }
    }
}
