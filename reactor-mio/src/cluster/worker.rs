//! A worker: a thread with a runtime, which starts tasks one by one.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::time::Duration;

use polliwog_core::__private::Origin;
use polliwog_core::executor::remote_task;
use polliwog_core::task::Panic;
use polliwog_core::time::sleep;
use polliwog_core::{Handle, JoinError, SpawnError, yield_now};

use super::ClusterHandle;
use super::builder::Settings;
use super::report::{Outcome, PanicPolicy};
use super::shared::{Home, Load, Shared};
use crate::runtime::Runtime;

/// After so long a full worker looks again: what fills it may be tasks that the cluster does not know of.
const FULL: Duration = Duration::from_millis(5);

/// What [`run`](super::ClusterHandle::run) was given, and where.
#[derive(Clone)]
pub(super) struct Root {
    pub(super) make: Arc<MakeRoot>,
    pub(super) origin: Origin,
}

type MakeRoot = dyn Fn(Worker) -> Pin<Box<dyn Future<Output = ()>>> + Send + Sync;

/// One of the workers of a [`Cluster`](super::Cluster): which one, and of which cluster.
#[derive(Clone)]
pub struct Worker {
    index: usize,
    cluster: ClusterHandle,
}

impl Worker {
    /// Returns the worker on whose thread this is called, if it is one.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::cluster::Worker;
    ///
    /// assert!(Worker::current().is_none()); // this thread is no worker
    /// ```
    pub fn current() -> Option<Worker> {
        with_current(|current| Worker {
            index: current.home.index,
            cluster: ClusterHandle::new(Arc::clone(&current.home.shared)),
        })
    }

    /// Returns the worker's index, which is below [`workers`](super::ClusterHandle::workers).
    pub fn index(&self) -> usize {
        self.index
    }

    /// Returns the cluster that the worker belongs to.
    pub fn cluster(&self) -> &ClusterHandle {
        &self.cluster
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Worker").field(&self.index).finish()
    }
}

/// Of [`PerWorker`](super::PerWorker), by number.
pub(super) type Values = Rc<RefCell<HashMap<u64, Rc<dyn Any>>>>;

/// The worker of this thread.
pub(super) struct Current {
    pub(super) home: Rc<Home>,
    /// Of the runtime that the worker has now.
    pub(super) handle: Handle,
    pub(super) values: Values,
}

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

/// `f` must not call foreign code.
pub(super) fn with_current<T>(f: impl FnOnce(&Current) -> T) -> Option<T> {
    let found = CURRENT.try_with(|current| current.borrow().as_ref().map(f));
    found.ok().flatten()
}

/// What a worker's thread does.
pub(super) fn work(
    shared: &Arc<Shared>,
    index: usize,
    settings: &Settings,
    built: Origin,
    ready: &mpsc::Sender<io::Result<()>>,
) {
    let restarts = Cell::new(0);
    // Whatever happens, the others hear of it: what is left to panic is the destructor of what a panic has thrown.
    let lived = catch(|| lives(shared, index, settings, built, ready, &restarts));
    let Some(outcome) = lived.unwrap_or_else(|panic| Some(Outcome::Panicked(panic))) else {
        return;
    };
    // Nobody would come to its queue.
    shared.shut_down();
    shared.report(index, outcome, restarts.get());
}

/// Lives until the cluster ends, again and again if so. `None` if it has never begun, which `ready` has heard.
fn lives(
    shared: &Arc<Shared>,
    index: usize,
    settings: &Settings,
    built: Origin,
    ready: &mpsc::Sender<io::Result<()>>,
    restarts: &Cell<usize>,
) -> Option<Outcome> {
    loop {
        let life = match Life::new(shared, index, settings) {
            Ok(life) => life,
            Err(error) if restarts.get() == 0 => {
                let _ = ready.send(Err(error));
                return None;
            }
            Err(error) => return Some(Outcome::Failed(error)),
        };
        if restarts.get() == 0 {
            let _ = ready.send(Ok(()));
        }
        let Some(panic) = life.live(settings, built) else {
            return Some(Outcome::Stopped);
        };
        match settings.on_panic {
            PanicPolicy::Restart { limit } if restarts.get() < limit && !shared.is_closed() => {
                restarts.set(restarts.get() + 1);
                record!(warn, "worker {index} panicked and starts again: {panic:?}");
                remote_task::discard(panic);
            }
            _ => return Some(Outcome::Panicked(panic)),
        }
    }
}

/// A worker from its start to its end or to the next panic.
struct Life {
    home: Rc<Home>,
    runtime: Runtime,
}

impl Life {
    fn new(shared: &Arc<Shared>, index: usize, settings: &Settings) -> io::Result<Self> {
        let max_tasks = settings.max_tasks.saturating_add(1);
        let runtime = Runtime::builder().max_tasks(max_tasks).build()?;
        let home = Rc::new(Home {
            shared: Arc::clone(shared),
            index,
        });
        let current = Current {
            home: Rc::clone(&home),
            handle: runtime.handle(),
            values: Values::default(),
        };
        CURRENT.set(Some(current));
        settings.set_park_hooks(&runtime, index);
        shared.workers.set_handle(index, Some(runtime.handle()));
        Ok(Self { home, runtime })
    }

    /// Gives the panic that has ended it.
    fn live(self, settings: &Settings, built: Origin) -> Option<Panic> {
        let (index, runtime) = (self.home.index, &self.runtime);
        let lived = catch(|| {
            settings.started(runtime, index);
            let lived = catch(|| built.of(|| runtime.block_on(self.start_tasks())));
            let stopped = catch(|| settings.stopped(runtime, index)).err();
            match (lived.unwrap_or_else(Some), stopped) {
                (Some(first), later) => {
                    remote_task::discard(later);
                    Some(first)
                }
                (None, stopped) => stopped,
            }
        });
        self.home.shared.workers.set_handle(index, None);
        // In this order: tasks may use the worker's values in their destructors, and values their sockets.
        let ended = catch(|| drop(self.runtime));
        let values = with_current(|current| Rc::clone(&current.values));
        let emptied = catch(|| drop(values.map(|values| values.take())));
        let current = CURRENT.take();
        let dropped = catch(|| drop(current));
        let mut panics = [
            lived.unwrap_or_else(Some),
            ended.err(),
            emptied.err(),
            dropped.err(),
        ]
        .into_iter()
        .flatten();
        let first = panics.next();
        panics.for_each(remote_task::discard);
        first
    }

    /// Starts what there is to start, until the cluster shuts down or a root panics.
    async fn start_tasks(&self) -> Option<Panic> {
        let (shared, index) = (&*self.home.shared, self.home.index);
        let workers = &shared.workers;
        let failed = Rc::new(RefCell::new(None));
        let mut roots = 0;
        loop {
            workers.look(index);
            let panic = failed.take();
            if panic.is_some() || shared.is_closed() {
                return panic;
            }
            let mut has_room = true;
            for root in shared.roots_from(roots) {
                has_room = self.start_root(root, &failed).is_ok();
                if !has_room {
                    break;
                }
                roots += 1;
            }
            if has_room {
                if let Some((task, kind)) = workers.take(index) {
                    let load = Load::new(&self.home);
                    if Arc::clone(&task).start(index, load).is_ok() {
                        // Not held any longer than the task itself.
                        drop(task);
                        // The task has its first poll before the next one is taken: what waits meanwhile
                        // can go to others.
                        yield_now().await;
                        continue;
                    }
                    has_room = false;
                    shared.put_back(index, kind, task);
                }
            }
            if has_room {
                poll_fn(|cx| workers.poll_work(index, cx)).await;
                continue;
            }
            let mut rest = pin!(sleep(FULL));
            poll_fn(|cx| match workers.poll_room(index, cx) {
                Poll::Pending => rest.as_mut().poll(cx).map(drop),
                rung => rung,
            })
            .await;
        }
    }

    fn start_root(
        &self,
        root: Root,
        failed: &Rc<RefCell<Option<Panic>>>,
    ) -> Result<(), SpawnError> {
        let home = Rc::clone(&self.home);
        let worker = Worker {
            index: home.index,
            cluster: ClusterHandle::new(Arc::clone(&home.shared)),
        };
        let failed = Rc::clone(failed);
        let Root { make, origin } = root;
        let task = async move {
            if let Err(JoinError::Panicked(panic)) = remote_task::run(|| make(worker)).await {
                let mut failed = failed.borrow_mut();
                let later = match *failed {
                    None => {
                        *failed = Some(panic);
                        None
                    }
                    Some(_) => Some(panic),
                };
                drop(failed);
                remote_task::discard(later);
                home.shared.workers.ring(home.index);
            }
        };
        origin.of(|| polliwog_core::spawn(task))?.detach();
        Ok(())
    }
}

fn catch<T>(f: impl FnOnce() -> T) -> Result<T, Panic> {
    catch_unwind(AssertUnwindSafe(f)).map_err(Panic::new)
}
