//! A tracer that keeps what it is told, and writes it as a trace file.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::mem::take;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use polliwog::trace::{Cause, Event, Tracer};

/// A stretch of time, since the start of the recording.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    pub(crate) from: Duration,
    pub(crate) to: Duration,
}

/// What is known of a task.
pub(crate) struct Task {
    pub(crate) name: String,
    /// Where it was spawned.
    pub(crate) place: String,
    pub(crate) polls: Vec<Span>,
    /// When it was woken, and by whom.
    pub(crate) wakes: Vec<(Duration, Cause)>,
}

/// What has happened.
#[derive(Default)]
pub(crate) struct Recording {
    pub(crate) tasks: BTreeMap<u64, Task>,
    /// When the executor waited.
    pub(crate) waits: Vec<Span>,
    pub(crate) end: Duration,
    parked: Option<Duration>,
}

pub(crate) struct Recorder {
    start: Instant,
    recording: Mutex<Recording>,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            recording: Mutex::default(),
        }
    }

    /// What has happened until now.
    pub(crate) fn take(&self) -> Recording {
        let mut recording = self
            .recording
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        take(&mut *recording)
    }
}

impl Tracer for Recorder {
    fn event(&self, event: &Event) {
        let now = self.start.elapsed();
        let mut recording = self
            .recording
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        recording.note(now, event);
    }
}

impl Recording {
    fn note(&mut self, now: Duration, event: &Event) {
        self.end = now;
        match event {
            Event::Spawned {
                task,
                name,
                type_name,
                place,
                ..
            } => {
                let known = Task {
                    name: name.unwrap_or(type_name).to_owned(),
                    place: place.map(ToString::to_string).unwrap_or_default(),
                    polls: Vec::new(),
                    wakes: Vec::new(),
                };
                self.tasks.insert(*task, known);
            }
            Event::Woken { task, by, .. } => {
                if let Some(task) = self.tasks.get_mut(task) {
                    task.wakes.push((now, *by));
                }
            }
            Event::PollEnd { task, took, .. } => {
                if let Some(task) = self.tasks.get_mut(task) {
                    let from = now.saturating_sub(*took);
                    task.polls.push(Span { from, to: now });
                }
            }
            Event::Parked { .. } => self.parked = Some(now),
            Event::Unparked { .. } => {
                if let Some(from) = self.parked.take() {
                    self.waits.push(Span { from, to: now });
                }
            }
            _ => {}
        }
    }

    /// The name of the task that has the longest poll.
    pub(crate) fn longest(&self) -> Option<&str> {
        let most = |task: &&Task| task.polls.iter().map(|span| span.to - span.from).max();
        self.tasks.values().max_by_key(most).map(|task| &*task.name)
    }

    /// As a trace file of Chrome and Perfetto: a track for each task, an arrow's worth of each wake in its arguments.
    pub(crate) fn to_json(&self) -> String {
        let micros = |time: Duration| time.as_nanos() as f64 / 1000.0;
        let mut events = Vec::new();
        let mut track = |number: u64, name: &str| {
            events.push(format!(
                r#"{{"ph":"M","pid":1,"tid":{number},"name":"thread_name","args":{{"name":"{}"}}}}"#,
                escape(name)
            ));
        };
        track(0, "waiting");
        for (number, task) in &self.tasks {
            track(*number, &task.name);
        }
        let mut span = |number: u64, name: &str, span: Span, place: &str| {
            events.push(format!(
                r#"{{"ph":"X","pid":1,"tid":{number},"name":"{name}","ts":{:.3},"dur":{:.3},"args":{{"spawned at":"{}"}}}}"#,
                micros(span.from),
                micros(span.to - span.from),
                escape(place)
            ));
        };
        for wait in &self.waits {
            span(0, "wait", *wait, "");
        }
        for (number, task) in &self.tasks {
            for poll in &task.polls {
                span(*number, "poll", *poll, &task.place);
            }
        }
        for (number, task) in &self.tasks {
            for (at, by) in &task.wakes {
                events.push(format!(
                    r#"{{"ph":"i","s":"t","pid":1,"tid":{number},"name":"woken by {by}","ts":{:.3}}}"#,
                    micros(*at)
                ));
            }
        }
        let mut json = String::from("{\"traceEvents\":[\n");
        let _ = write!(json, "{}\n]}}\n", events.join(",\n"));
        json
    }
}

/// For a string of JSON.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

impl fmt::Display for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let polls: usize = self.tasks.values().map(|task| task.polls.len()).sum();
        let wakes: usize = self.tasks.values().map(|task| task.wakes.len()).sum();
        write!(
            f,
            "{} tasks, {polls} polls, {wakes} wakes",
            self.tasks.len()
        )
    }
}
