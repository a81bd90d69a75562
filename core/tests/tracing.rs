//! Spans and events of the crate `tracing`, of what an executor does.
#![cfg(feature = "tracing")]

use polliwog_core::conformance::facade as polliwog;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use polliwog::trace::{Event, Spans, Tracer, set_tracer};
use polliwog::{Spawner, block_on, yield_now};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};

/// A line for each thing that a subscriber is told, and the spans that are entered.
#[derive(Clone, Default)]
struct Lines {
    lines: Arc<Mutex<Vec<String>>>,
    names: Arc<Mutex<BTreeMap<u64, String>>>,
    entered: Arc<Mutex<Vec<u64>>>,
    next: Arc<AtomicU64>,
}

#[derive(Default)]
struct Fields(Vec<(String, String)>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let value = format!("{value:?}");
        self.0.push((field.name().into(), value));
    }
}

impl Fields {
    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl Lines {
    fn name(&self, id: &Id) -> String {
        self.names.lock().unwrap()[&id.into_u64()].clone()
    }

    fn note(&self, line: String) {
        self.lines.lock().unwrap().push(line);
    }
}

impl Subscriber for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = Fields::default();
        span.record(&mut fields);
        assert_eq!(span.metadata().name(), "runtime.spawn");
        assert_eq!(span.metadata().target(), "runtime::task");
        assert!(span.is_root());
        for field in ["task.id", "future", "loc.line", "loc.col"] {
            assert!(fields.get(field).is_some(), "{field}");
        }
        assert!(fields.get("loc.file").unwrap().contains("tests/tracing.rs"));
        let name = fields.get("task.name").unwrap_or("nameless");
        let name = name.trim_matches('"').to_string();
        let id = self.next.fetch_add(1, Relaxed) + 1;
        self.note(format!("{name}: new"));
        self.names.lock().unwrap().insert(id, name);
        Id::from_u64(id)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let place = match event.parent() {
            Some(parent) => self.name(parent),
            None if event.is_root() => "no task".into(),
            None => match self.entered.lock().unwrap().last() {
                Some(id) => self.name(&Id::from_u64(*id)),
                None => "no task".into(),
            },
        };
        let message = fields.get("message").unwrap();
        let of = match fields.get("task.id") {
            Some(id) => format!(" {}", self.name(&Id::from_u64(id.parse().unwrap()))),
            None => String::new(),
        };
        self.note(format!("{place}: {message}{of}"));
    }

    fn enter(&self, id: &Id) {
        self.entered.lock().unwrap().push(id.into_u64());
    }

    fn exit(&self, id: &Id) {
        assert_eq!(self.entered.lock().unwrap().pop(), Some(id.into_u64()));
    }

    fn try_close(&self, id: Id) -> bool {
        self.note(format!("{}: closed", self.name(&id)));
        true
    }
}

/// Tracers are the whole program's: one test at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

#[test]
fn a_task_is_a_span_and_what_happens_in_it_is_told_there() {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let lines = Lines::default();
    set_tracer(Some(&Spans));
    tracing::subscriber::with_default(lines.clone(), || {
        block_on(async {
            let greeter = async {
                tracing::info!("quak");
                yield_now().await;
                tracing::info!("quak again");
            };
            let spawner = Spawner::current().unwrap();
            let task = spawner.spawn_named("greeter", greeter).unwrap();
            task.await.unwrap();
        });
    });
    set_tracer(None);
    let lines = lines.lines.lock().unwrap();
    let mut told: Vec<&str> = lines.iter().map(String::as_str).collect();
    // Whether there was anything to wait for is not what this is about. Nor is a span's handle.
    told.retain(|line| !line.contains("parked") && !line.contains("closed"));
    let expected = [
        "block_on: new",
        "greeter: new",
        "block_on: polled",
        "greeter: quak",
        "greeter: woken greeter",
        "greeter: polled",
        "greeter: quak again",
        "greeter: polled",
        "greeter: ended",
        "no task: woken block_on",
        "block_on: polled",
        "block_on: ended",
    ];
    assert_eq!(told, expected, "{lines:#?}");
    let closed = lines.iter().filter(|line| line.contains("closed"));
    assert!(closed.count() >= 2, "no span stays: {lines:#?}");
}

/// A subscriber that wakes a task, as one does that sends its lines to a task that writes them.
#[test]
fn a_tracer_that_wakes_is_not_told_of_it() {
    struct Wakes(AtomicU64, Mutex<Option<std::task::Waker>>);
    impl Tracer for Wakes {
        fn event(&self, _: &Event) {
            self.0.fetch_add(1, Relaxed);
            let waker = self.1.lock().unwrap().clone();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
    static WAKES: Wakes = Wakes(AtomicU64::new(0), Mutex::new(None));
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    set_tracer(Some(&WAKES));
    block_on(async {
        let own = std::future::poll_fn(|cx| std::task::Poll::Ready(cx.waker().clone()));
        let own = own.await;
        *WAKES.1.lock().unwrap() = Some(own);
        yield_now().await;
        *WAKES.1.lock().unwrap() = None;
    });
    set_tracer(None);
    assert!((5..50).contains(&WAKES.0.load(Relaxed)), "{:?}", WAKES.0);
}
