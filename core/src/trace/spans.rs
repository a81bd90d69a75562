//! Spans and events of the crate `tracing`, out of what the executor tells.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::{Span, debug, info_span, trace};

use super::event::{Event, Tracer};

/// A [`Tracer`] that gives everything to the subscriber of the crate `tracing` (feature `tracing`): a span for each
/// task, in which its polls are, so that whatever the task tells itself, or a crate that it uses, is shown with the
/// task's number and name.
///
/// | what | level | target | fields |
/// |---|---|---|---|
/// | the span `runtime.spawn`, of a task | info | `runtime::task` | `kind`, `task.id`, `task.name`, `future`, `loc.file`, `loc.line`, `loc.col` |
/// | the event `polled`, in it | trace | `runtime::task` | `took` |
/// | the event `ended`, in it | debug | `runtime::task` | |
/// | the event `woken`, in the span of the task that wakes | trace | `runtime::waker` | `op`, `task.id` (that of the span, here), `task`, `by` |
/// | the events `parked` and `unparked` | trace | `runtime::executor` | |
///
/// These are names that tokio uses and `console-subscriber` knows, so that `tokio-console` shows the tasks; a program
/// without tokio's is built for that with `RUSTFLAGS="--cfg console_without_tokio_unstable"`.
///
/// Give it to [`set_tracer`](super::set_tracer) before there are tasks, and leave it there: a task that was there
/// before has no span, and a span that is entered while it goes stays entered. The subscriber is the one that was
/// there when the task was spawned.
///
/// ```
/// # use polliwog_core::conformance::facade as polliwog;
/// use polliwog::{Spawner, trace};
///
/// // tracing_subscriber::fmt().init();
/// trace::set_tracer(Some(&trace::Spans));
/// polliwog::block_on(async {
///     let greet = async { tracing::info!("quak") };
///     let task = Spawner::current().unwrap().spawn_named("greeter", greet);
///     task.unwrap().await.unwrap();
/// });
/// // INFO runtime.spawn{kind="task" task.id=2 task.name="greeter" …}: main: quak
/// ```
///
/// To look at the events with a tracer of your own as well, call [`event`](Tracer::event) of this one there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spans;

/// Of the live tasks, by their numbers.
static SPANS: Mutex<BTreeMap<u64, Span>> = Mutex::new(BTreeMap::new());

fn spans() -> MutexGuard<'static, BTreeMap<u64, Span>> {
    SPANS.lock().unwrap_or_else(PoisonError::into_inner)
}

std::thread_local! {
    /// In what the spans of tasks are.
    static ROOT: RefCell<Span> = const { RefCell::new(Span::none()) };
}

/// Lets the spans of the tasks that this thread spawns from now on be in that one. Returns the former.
///
/// For a simulation.
#[doc(hidden)]
pub fn set_root_span(span: Span) -> Span {
    ROOT.replace(span)
}

/// The span of a task. A subscriber's code runs with the lock, but nothing of this crate's that it could come to:
/// a tracer is not told what it causes itself.
fn span_of(task: u64) -> Option<Span> {
    spans().get(&task).cloned()
}

impl Tracer for Spans {
    fn event(&self, event: &Event) {
        match event {
            Event::Spawned {
                task,
                name,
                type_name,
                place,
            } => {
                let root = ROOT.with_borrow(Span::clone);
                let span = info_span!(
                    target: "runtime::task",
                    parent: &root,
                    "runtime.spawn",
                    kind = "task",
                    task.id = *task,
                    task.name = *name,
                    future = *type_name,
                    loc.file = place.map(|place| place.file()),
                    loc.line = place.map(|place| place.line()),
                    loc.col = place.map(|place| place.column()),
                );
                spans().insert(*task, span);
            }
            Event::Woken { task, by } => {
                let id = span_of(*task).and_then(|span| span.id());
                trace!(
                    target: "runtime::waker",
                    op = "waker.wake_by_ref",
                    task.id = id.map(|id| id.into_u64()),
                    task = *task,
                    by = %by,
                    "woken"
                );
            }
            Event::PollBegin { task } => {
                if let Some(span) = span_of(*task) {
                    span.with_subscriber(|(id, subscriber)| subscriber.enter(id));
                }
            }
            Event::PollEnd { task, took } => {
                if let Some(span) = span_of(*task) {
                    trace!(target: "runtime::task", parent: &span, took = ?took, "polled");
                    span.with_subscriber(|(id, subscriber)| subscriber.exit(id));
                }
            }
            Event::Ended { task } => {
                let span = spans().remove(task);
                if let Some(span) = span {
                    debug!(target: "runtime::task", parent: &span, "ended");
                }
            }
            Event::Parked {} => trace!(target: "runtime::executor", parent: None, "parked"),
            Event::Unparked {} => trace!(target: "runtime::executor", parent: None, "unparked"),
        }
    }
}
