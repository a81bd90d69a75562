//! The span of the crate `tracing` in which the code of a host runs.

use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use polliwog_core::trace::set_root_span;
use tracing::span::Id;
use tracing::{Span, error_span};

/// So many spans that a program has entered outlast a turn of its host. Only a subscriber that forgets to leave them has
/// more.
const DEEPEST: usize = 1 << 16;

/// The span of a host's process, with those that its program has entered in it and not left when its turn was over: an
/// entered guard may be held over an `.await`. A host has them as a process has those of its thread, and no other host has.
pub(crate) struct HostSpan {
    /// None without a process.
    span: RefCell<Option<Span>>,
    /// The outermost first.
    open: RefCell<Vec<Span>>,
    starts: Cell<u64>,
}

impl HostSpan {
    pub(crate) fn new() -> Self {
        Self {
            span: RefCell::new(None),
            open: RefCell::new(Vec::new()),
            starts: Cell::new(0),
        }
    }

    /// A process is to be started.
    pub(crate) fn begin(&self, host: &str) {
        self.starts.set(self.starts.get() + 1);
        let run = self.starts.get();
        // The level with which a span is there whatever the level of the lines that a subscriber shows.
        let span = error_span!(target: "polliwog::sim", parent: None, "host", name = host, run);
        self.span.replace(Some(span));
    }

    /// The process is gone.
    pub(crate) fn end(&self) {
        drop(self.open.take());
        drop(self.span.take());
    }

    /// The code of the host runs, until the guard is dropped.
    pub(crate) fn enter(&self) -> Entered<'_> {
        let span = self.span.borrow().clone().unwrap_or_else(Span::none);
        enter(&span);
        let base = Span::current().id();
        let open = self.open.take();
        open.iter().for_each(enter);
        Entered {
            host: self,
            base,
            root: set_root_span(span.clone()),
            span,
        }
    }
}

/// A host's code runs.
pub(crate) struct Entered<'a> {
    host: &'a HostSpan,
    span: Span,
    /// What the thread was in before the host's code was.
    base: Option<Id>,
    /// In what the spans of tasks were before.
    root: Span,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let mut open = Vec::new();
        loop {
            let span = Span::current();
            let is_inner = !span.is_none() && span.id() != self.base;
            if !is_inner || open.len() == DEEPEST {
                break;
            }
            leave(&span);
            open.push(span);
        }
        open.reverse();
        self.host.open.replace(open);
        leave(&self.span);
        set_root_span(core::mem::replace(&mut self.root, Span::none()));
    }
}

fn enter(span: &Span) {
    span.with_subscriber(|(id, subscriber)| subscriber.enter(id));
}

fn leave(span: &Span) {
    span.with_subscriber(|(id, subscriber)| subscriber.exit(id));
}
