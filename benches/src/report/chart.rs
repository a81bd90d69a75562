//! Bar charts in SVG.

use std::fmt::Write;

use super::plan::RUNTIMES;
use super::results::Results;

const WIDTH: f64 = 760.0;
const LABELS: f64 = 90.0;
const BARS: f64 = WIDTH - LABELS - 90.0;
const BAR: f64 = 14.0;
const GAP: f64 = 30.0;

/// The chart's file, its figure, its unit, and its benchmarks with their titles.
type Spec = (
    &'static str,
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

const SPECS: &[Spec] = &[
    (
        "tasks.svg",
        "ns",
        "ns",
        &[
            ("spawn-1", "spawn a task, await it"),
            ("spawn-10000", "spawn 10 000 tasks and join them"),
            ("yield-2", "wake and poll, 2 tasks"),
            ("yield-1000", "wake and poll, 1000 tasks"),
            ("ping-pong", "round trip between two tasks"),
        ],
    ),
    (
        "timers.svg",
        "ns",
        "ns",
        &[
            ("timer", "create, poll and drop a timer"),
            ("timers-100000", "the same with 100 000 alive"),
            ("timers-fire", "100 000 timers that fire, spawn included"),
        ],
    ),
    (
        "echo.svg",
        "cpu_us",
        "µs",
        &[
            ("echo-1-64", "server CPU per request: 64 B, 1 connection"),
            ("echo-50-64", "64 B, 50 connections"),
            ("echo-1000-64", "64 B, 1000 connections"),
            ("echo-50-4096", "4 KB, 50 connections"),
            ("churn", "connect, 64 B, close"),
        ],
    ),
];

const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#24292f}\
.title{font-weight:600}.ours{fill:#2da44e}.peer{fill:#8c959f}.raw{fill:#d0d7de}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.peer{fill:#6e7681}.raw{fill:#3d444d}}";

/// All charts for which there are figures: file names and contents.
pub fn charts(results: &Results) -> Vec<(&'static str, String)> {
    SPECS
        .iter()
        .filter_map(|spec| Some((spec.0, chart(results, spec)?)))
        .collect()
}

fn chart(results: &Results, (_, figure, unit, benchmarks): &Spec) -> Option<String> {
    let mut body = String::new();
    let mut y = 0.0;
    for (benchmark, title) in *benchmarks {
        let bars: Vec<(&str, f64)> = RUNTIMES
            .iter()
            .filter_map(|runtime| Some((*runtime, results.get(benchmark, runtime, figure)?.median)))
            .collect();
        let most = bars.iter().map(|(_, value)| *value).fold(0.0, f64::max);
        if most == 0.0 {
            continue;
        }
        y += GAP;
        let _ = write!(
            body,
            r#"<text class="title" x="0" y="{:.0}">{title}</text>"#,
            y - 9.0
        );
        for (runtime, value) in bars {
            let class = match runtime {
                "polliwog" => "ours",
                "raw" => "raw",
                _ => "peer",
            };
            let width = (value / most * BARS).max(1.0);
            let text = y + BAR - 3.0;
            let _ = write!(
                body,
                r#"<text x="{:.0}" y="{text:.0}" text-anchor="end">{runtime}</text>"#,
                LABELS - 8.0
            );
            let _ = write!(
                body,
                r#"<rect class="{class}" x="{LABELS}" y="{y:.0}" width="{width:.1}" height="{:.0}"/>"#,
                BAR - 2.0
            );
            let _ = write!(
                body,
                r#"<text x="{:.0}" y="{text:.0}">{value:.*} {unit}</text>"#,
                LABELS + width + 6.0,
                if value < 100.0 { 1 } else { 0 }
            );
            y += BAR;
        }
    }
    let height = y + 8.0;
    (!body.is_empty()).then(|| {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
             width=\"{WIDTH}\" height=\"{height}\">\n<style>{STYLE}</style>\n{}\n</svg>\n",
            body.replace("/><text x", "/>\n<text x")
                .replace("</text><text class", "</text>\n<text class")
        )
    })
}
