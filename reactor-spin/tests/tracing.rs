//! The code of each simulated host runs in a span of the crate `tracing` that names it.

use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use polliwog_core as polliwog;
use polliwog_core::time::sleep;
use polliwog_spin::sim::{self, Simulation};
use tracing::{Instrument, info, info_span};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

const SECOND: Duration = Duration::from_secs(1);

/// The time of the simulation, where there is one.
struct VirtualTime;

impl FormatTime for VirtualTime {
    fn format_time(&self, line: &mut Writer<'_>) -> fmt::Result {
        match sim::is_simulated() {
            true => write!(line, "{:?}", sim::control().elapsed()),
            false => line.write_str("-"),
        }
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// The log of what `f` does. One at a time, since a tracer is that of all threads.
fn log(f: impl FnOnce()) -> Vec<String> {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(lines.clone())
        .with_timer(VirtualTime)
        .with_level(false)
        .with_target(false)
        .with_ansi(false)
        .finish();
    tracing::subscriber::with_default(subscriber, f);
    let bytes = lines.0.lock().unwrap().clone();
    let text = String::from_utf8(bytes).unwrap();
    text.lines().map(|line| line.trim().into()).collect()
}

struct Tells(&'static str);

impl Drop for Tells {
    fn drop(&mut self) {
        info!("{}", self.0);
    }
}

#[test]
fn lines_have_their_host_and_its_time() {
    let lines = log(|| {
        let mut simulation = Simulation::new(1);
        simulation.host("server", || {
            info!("made");
            async {
                info!("begins");
                let task = polliwog::spawn(async {
                    sleep(SECOND).await;
                    info!("in a task");
                });
                task.unwrap().detach();
                sim::spawn_blocking(|| info!("in a job")).await.unwrap();
                let _tells = Tells("dropped");
                sleep(10 * SECOND).await;
            }
        });
        simulation.client("test", async {
            sleep(2 * SECOND).await;
            info!("crashes it");
            sim::control().crash("server");
            sleep(SECOND).await;
            sim::control().restart("server");
            sleep(SECOND / 2).await;
            let further = async { info!("further") };
            drop(sim::control().spawn("server", further));
            sleep(SECOND / 4).await;
        });
        simulation.run().unwrap();
        info!("over");
    });
    let has = |text: &str| {
        assert!(lines.iter().any(|line| line == text), "{text}: {lines:#?}");
    };
    has(r#"0ns host{name="server" run=1}: made"#);
    has(r#"0ns host{name="server" run=1}: begins"#);
    has(r#"1s host{name="server" run=1}: in a task"#);
    has(r#"2s host{name="test" run=1}: crashes it"#);
    has(r#"2s host{name="server" run=1}: dropped"#);
    has(r#"3s host{name="server" run=2}: begins"#);
    has(r#"3.5s host{name="server" run=2}: further"#);
    has(r#"3.75s host{name="server" run=2}: dropped"#);
    has("- over");
    let jobs = lines.iter().filter(|line| line.ends_with("in a job"));
    let jobs: Vec<_> = jobs.map(|line| line.split_once(' ').unwrap().1).collect();
    assert_eq!(
        jobs,
        [
            r#"host{name="server" run=1}: in a job"#,
            r#"host{name="server" run=2}: in a job"#
        ]
    );
}

/// Hosts whose turns come in any order, with spans of their own that are open meanwhile.
#[test]
fn no_host_has_the_spans_of_another_one() {
    async fn work(held: bool) {
        for round in 0..3_u32 {
            let span = info_span!("round", round);
            let pause = || sleep(Duration::from_millis(sim::random() % 20));
            if held {
                // As one should not: with a thread for several tasks it is open for the others, too.
                let _entered = span.entered();
                pause().await;
                let _inner = info_span!("inner").entered();
                pause().await;
                info!("works");
            } else {
                let works = async {
                    pause().await;
                    info!("works");
                };
                let round = async { works.instrument(info_span!("inner")).await };
                round.instrument(span).await;
            }
            info!("rests");
            pause().await;
        }
    }
    for seed in 0..20 {
        let lines = log(|| {
            let test = info_span!("test");
            let _entered = test.enter();
            let mut simulation = Simulation::new(seed);
            for number in 0..4 {
                simulation.client(&format!("host-{number}"), work(number % 2 == 0));
            }
            simulation.run().unwrap();
            // What was entered outside is still.
            info!("over");
        });
        for number in 0..4 {
            let host = format!("host{{name=\"host-{number}\" run=1}}");
            let of_host = lines.iter().filter_map(|line| line.split_once(' '));
            let of_host = of_host.filter_map(|(_, rest)| rest.strip_prefix(&host));
            let expected = (0..3).flat_map(|round| {
                let works = format!(":round{{round={round}}}:inner: works");
                [works, ": rests".to_string()]
            });
            assert!(of_host.eq(expected), "seed {seed}: {lines:#?}");
        }
        assert_eq!(lines.len(), 4 * 6 + 1);
        assert_eq!(lines.last().unwrap(), "- test: over");
    }
}

/// A span that is open when its host crashes is not that of the next process, nor of anybody else.
#[test]
fn a_crash_ends_open_spans() {
    let lines = log(|| {
        let mut simulation = Simulation::new(3);
        simulation.host("server", || async {
            info!("begins");
            let _entered = info_span!("open").entered();
            let leaked = info_span!("leaked");
            std::mem::forget(leaked.enter());
            sleep(SECOND).await;
            info!("too late");
        });
        simulation.client("test", async {
            for _ in 0..2 {
                sleep(SECOND / 2).await;
                sim::control().kill("server");
                sim::control().restart("server");
            }
            sleep(SECOND / 2).await;
            info!("ends");
        });
        simulation.run().unwrap();
        info!("over");
    });
    let expected = [
        r#"0ns host{name="server" run=1}: begins"#,
        r#"500ms host{name="server" run=2}: begins"#,
        r#"1s host{name="server" run=3}: begins"#,
        r#"1.5s host{name="test" run=1}: ends"#,
        "- over",
    ];
    assert_eq!(lines, expected);
}

/// With a tracer that makes spans of tasks these are in that of their host.
#[test]
fn spans_of_tasks_are_in_that_of_the_host() {
    use polliwog::trace::{Spans, set_tracer};
    let lines = log(|| {
        set_tracer(Some(&Spans));
        let mut simulation = Simulation::new(1);
        simulation.client("server", async { info!("quak") });
        simulation.run().unwrap();
        set_tracer(None);
    });
    let line = lines.iter().find(|line| line.ends_with(": quak")).unwrap();
    assert!(
        line.starts_with(r#"0ns host{name="server" run=1}:runtime.spawn{"#),
        "{line}"
    );
}

/// The same run, whoever listens.
#[test]
fn nothing_else_changes() {
    let run = || {
        let mut simulation = Simulation::new(5);
        for name in ["a", "b"] {
            simulation.client(name, async {
                let _entered = info_span!("open").entered();
                sleep(Duration::from_millis(sim::random() % 100)).await;
                info!("quak");
            });
        }
        simulation.run().unwrap().hash
    };
    let mut listened = 0;
    assert_eq!(log(|| listened = run()).len(), 2);
    assert_eq!(listened, run());
}
