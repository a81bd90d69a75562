//! A recording as a page of HTML that needs nothing else: a row for each task.

use std::fmt::Write;
use std::time::Duration;

use polliwog::trace::Cause;

use crate::recorder::{Recording, Span};

const LABELS: f64 = 110.0;
const WIDTH: f64 = 1200.0;
const ROW: f64 = 34.0;
const TOP: f64 = 26.0;

const HEAD: &str = "<!doctype html>
<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">
<title>What the executor did</title>
<style>
:root{color-scheme:light dark;--text:#24292f;--back:#fff;--grid:#d0d7de;--poll:#1a7f37;--wait:#d0d7de;--wake:#bf8700}
@media(prefers-color-scheme:dark){:root{--text:#e6edf3;--back:#0d1117;--grid:#30363d;--poll:#3fb950;--wait:#30363d;--wake:#d29922}}
body{font:15px system-ui,sans-serif;color:var(--text);background:var(--back);margin:1rem}
.scroll{overflow-x:auto}
text{fill:var(--text);font-size:13px}.grid{stroke:var(--grid)}
.poll{fill:var(--poll)}.wait{fill:var(--wait)}.wake{stroke:var(--wake);stroke-width:1.5;opacity:.8}
</style></head><body>
<h1>What the executor did</h1>
<p>A row for each task: blocks are its polls, lines come from whoever has woken it, and grey is where the executor
waited. Point at a block to see how long it took.</p>
<div class=\"scroll\">
";

pub(crate) fn draw(recording: &Recording) -> String {
    let end = recording.end.max(Duration::from_nanos(1)).as_secs_f64();
    let x = |time: Duration| LABELS + time.as_secs_f64() / end * (WIDTH - LABELS - 10.0);
    let row = |number: u64| {
        let index = recording.tasks.keys().position(|known| *known == number);
        index.map(|index| TOP + ROW * (index as f64 + 1.0))
    };
    let height = TOP + ROW * (recording.tasks.len() as f64 + 1.0) + 10.0;
    let mut page = String::from(HEAD);
    let _ = writeln!(
        page,
        r#"<svg width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" role="img">"#
    );
    // A line for each millisecond, or each ten, or each hundred.
    let step = [1, 10, 100, 1000]
        .into_iter()
        .find(|step| end * 1000.0 / f64::from(*step) <= 40.0);
    let step = step.unwrap_or(10_000);
    let count = (end * 1000.0) as u32 / step;
    // Labels have room at each line of few, and not at the right edge.
    let labelled = if count > 12 { 5 } else { 1 };
    for line in 0..=count {
        let at = Duration::from_millis(u64::from(line * step));
        let _ = writeln!(
            page,
            r#"<line class="grid" x1="{0:.1}" x2="{0:.1}" y1="{TOP}" y2="{height}"/>"#,
            x(at)
        );
        if line % labelled == 0 && x(at) < WIDTH - 50.0 {
            let _ = writeln!(
                page,
                r#"<text x="{:.1}" y="16">{} ms</text>"#,
                x(at),
                line * step
            );
        }
    }
    let mut block = |class: &str, y: f64, span: &Span, title: &str| {
        let (from, to) = (x(span.from), x(span.to));
        let _ = writeln!(
            page,
            r#"<rect class="{class}" x="{from:.2}" y="{y:.1}" width="{:.2}" height="18"><title>{title}</title></rect>"#,
            (to - from).max(0.8)
        );
    };
    for wait in &recording.waits {
        let title = format!("waits for {:.1?}", wait.to - wait.from);
        block("wait", TOP + 4.0, wait, &title);
    }
    for (number, task) in &recording.tasks {
        for poll in &task.polls {
            let name = escape(&task.name);
            let title = format!(
                "{name}: {:.1?}, spawned at {}",
                poll.to - poll.from,
                escape(&task.place)
            );
            block("poll", row(*number).unwrap_or(TOP), poll, &title);
        }
    }
    for (number, task) in &recording.tasks {
        let Some(to) = row(*number) else { continue };
        for (at, by) in &task.wakes {
            let from = match by {
                Cause::Task(task) => row(*task).map(|y| y + 9.0),
                _ => None,
            };
            let _ = writeln!(
                page,
                r#"<line class="wake" x1="{0:.2}" x2="{0:.2}" y1="{1:.1}" y2="{2:.1}"><title>woken by {by}</title></line>"#,
                x(*at),
                from.unwrap_or(TOP + 13.0),
                to
            );
        }
    }
    let mut label = |y: f64, name: &str| {
        let _ = writeln!(
            page,
            r#"<text x="0" y="{:.1}">{}</text>"#,
            y + 13.0,
            escape(name)
        );
    };
    label(TOP + 4.0, "(waits)");
    for (number, task) in &recording.tasks {
        // The type of a future can be a long name: its end says most.
        let short = task.name.rsplit("::").next().unwrap_or_default();
        label(row(*number).unwrap_or(TOP), short);
    }
    page.push_str("</svg></div></body></html>\n");
    page
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
