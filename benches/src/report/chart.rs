//! Charts in SVG: a row for each runtime, with the median as a dot and the rounds' spread as whiskers, over a
//! logarithmic scale, since one runtime may take a hundred times what another does. Where the worst matters, the
//! 99th percentile is a ring and the 99.9th a tick beside it.

use std::fmt::Write;

use super::results::{Results, Summary};

/// In the order of the rows.
const RUNTIMES: [&str; 12] = [
    "polliwog",
    "polliwog-spin",
    "tokio",
    "tokio-threads",
    "smol",
    "monoio",
    "monoio-uring",
    "compio",
    "compio-uring",
    "embassy",
    "futures",
    "raw",
];

const WIDTH: f64 = 720.0;
/// Room for the longest name of a runtime, on the left, and for figures, on the right.
const LABELS: f64 = 118.0;
const FIGURES: f64 = 164.0;
const ROW: f64 = 18.0;
const TITLE: f64 = 30.0;
/// Above the first panel: the scale.
const TOP: f64 = 22.0;

/// A chart.
struct Spec {
    file: &'static str,
    unit: &'static str,
    /// The figure that is the dot, and those that are shown beside it: the ring, and the tick.
    figures: &'static [&'static str],
    /// Whether all panels have the same scale.
    together: bool,
    /// The benchmarks with their titles.
    panels: &'static [(&'static str, &'static str)],
}

const SPECS: &[Spec] = &[
    Spec {
        file: "tasks.svg",
        unit: "ns",
        figures: &["ns"],
        together: true,
        panels: &[
            ("spawn-1", "spawn a task, await it"),
            ("spawn-10000", "spawn 10 000 tasks and join them"),
            ("yield-2", "wake and poll, 2 tasks"),
            ("yield-1000", "wake and poll, 1000 tasks"),
            ("ping-pong", "round trip between two tasks"),
        ],
    },
    Spec {
        file: "timers.svg",
        unit: "ns",
        figures: &["ns"],
        together: true,
        panels: &[
            ("timer", "create, poll and drop a timer"),
            ("timers-100000", "the same with 100 000 alive"),
            ("timers-fire", "100 000 timers that fire, spawn included"),
        ],
    },
    Spec {
        file: "precision.svg",
        unit: "µs",
        figures: &["p50_us", "p99_us"],
        together: true,
        panels: &[(
            "sleep-100us",
            "how much too late sleep(100 µs) ends: median and 99 %",
        )],
    },
    Spec {
        file: "echo.svg",
        unit: "µs",
        figures: &["cpu_us"],
        together: false,
        panels: &[
            ("echo-1-64", "server CPU per request: 64 B, 1 connection"),
            ("echo-50-64", "64 B, 50 connections"),
            ("echo-1000-64", "64 B, 1000 connections"),
            ("echo-50-4096", "4 KB, 50 connections"),
            ("churn", "connect, 64 B, close"),
        ],
    },
    Spec {
        file: "latency.svg",
        unit: "µs",
        figures: &["p50_us", "p99_us", "p999_us"],
        together: false,
        panels: &[
            ("echo-1-64", "from request to response: 64 B, 1 connection"),
            ("echo-50-64", "64 B, 50 connections"),
            ("echo-1000-64", "64 B, 1000 connections"),
            ("echo-50-4096", "4 KB, 50 connections"),
            ("echo-50-65536", "64 KB, 50 connections"),
        ],
    },
    Spec {
        file: "servers.svg",
        unit: "µs",
        figures: &["cpu_us"],
        together: false,
        panels: &[
            (
                "http-50",
                "server CPU per request: HTTP/1.1, 13 B, 50 connections",
            ),
            ("http-50-1mb", "HTTP/1.1, 1 MB, 50 connections"),
            ("http2", "HTTP/2, 13 B, 10 × 10 at a time"),
            ("tls", "TLS 1.3 handshake"),
            ("redis-get", "redis GET, 50 connections"),
            ("udp-50", "UDP echo, 64 B, 50 sockets"),
        ],
    },
    Spec {
        file: "servers-latency.svg",
        unit: "µs",
        figures: &["p50_us", "p99_us", "p999_us"],
        together: false,
        panels: &[
            (
                "http-1",
                "from request to response: HTTP/1.1, 13 B, 1 connection",
            ),
            ("http-50", "HTTP/1.1, 13 B, 50 connections"),
            ("http-1000", "HTTP/1.1, 13 B, 1000 connections"),
            ("http-50-1mb", "HTTP/1.1, 1 MB, 50 connections"),
            ("http2", "HTTP/2, 13 B, 10 × 10 at a time"),
        ],
    },
];

const STYLE: &str = "text{font:13px system-ui,-apple-system,sans-serif;fill:#24292f}\
.title{font-weight:600}.scale{font-size:11px;fill:#57606a}.grid{stroke:#d0d7de}\
.ours{fill:#1a7f37;stroke:#1a7f37}.peer{fill:#6e7781;stroke:#6e7781}.raw{fill:#bf8700;stroke:#bf8700}\
.ring{fill:none;stroke-width:2}.line{stroke-width:2}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.scale{fill:#9198a1}.grid{stroke:#3d444d}\
.ours{fill:#3fb950;stroke:#3fb950}.peer{fill:#9198a1;stroke:#9198a1}.raw{fill:#d29922;stroke:#d29922}\
.ring{fill:none}}";

/// All charts for which there are figures: file names and contents.
pub fn charts(results: &Results) -> Vec<(&'static str, String)> {
    SPECS
        .iter()
        .filter_map(|spec| Some((spec.file, chart(results, spec)?)))
        .collect()
}

/// What a runtime has: its summaries, in the order of the figures.
type Row = (&'static str, Vec<Summary>);

/// A title, and what is below it.
type Panel = (&'static str, Vec<Row>);

fn rows(results: &Results, benchmark: &str, figures: &[&str]) -> Vec<Row> {
    let summaries = |runtime: &str| {
        let all = figures
            .iter()
            .map(|figure| results.get(benchmark, runtime, figure));
        // What is zero has no place on the scale.
        let all: Option<Vec<_>> = all.collect();
        all.filter(|all| all.iter().all(|summary| summary.least > 0.0))
    };
    let all = RUNTIMES.iter();
    all.filter_map(|runtime| Some((*runtime, summaries(runtime)?)))
        .collect()
}

/// A logarithmic scale.
struct Scale {
    from: f64,
    to: f64,
}

impl Scale {
    /// From the power of ten below the least, or half of one, to that above the most.
    fn over(values: impl Iterator<Item = f64>) -> Option<Self> {
        let (least, most) = values.fold((f64::INFINITY, 0.0_f64), |(least, most), value| {
            (least.min(value), most.max(value))
        });
        (most > 0.0).then(|| Self {
            from: (least.log10() * 2.0).floor() / 2.0,
            // At least a little: one value alone has a place, too.
            to: (most.log10() * 2.0).ceil() / 2.0 + 1e-9,
        })
    }

    fn x(&self, value: f64) -> f64 {
        let share = (value.log10() - self.from) / (self.to - self.from).max(0.1);
        LABELS + share * (WIDTH - LABELS - FIGURES)
    }

    /// The lines of the grid: powers of ten, and as many multiples of these as there is room for.
    fn lines(&self) -> impl Iterator<Item = f64> {
        let powers = self.from.floor() as i32..=self.to.ceil() as i32;
        let steps: &[f64] = match self.to - self.from {
            span if span > 3.2 => &[1.0],
            span if span > 1.2 => &[1.0, 3.0],
            _ => &[1.0, 2.0, 3.0, 5.0],
        };
        let all = powers.flat_map(move |power| steps.iter().map(move |n| n * 10_f64.powi(power)));
        all.filter(|line| (self.from - 1e-6..=self.to + 1e-6).contains(&line.log10()))
    }
}

fn number(value: f64) -> String {
    format!("{value:.*}", usize::from(value < 100.0))
}

fn chart(results: &Results, spec: &Spec) -> Option<String> {
    let panels: Vec<Panel> = spec
        .panels
        .iter()
        .map(|(benchmark, title)| (*title, rows(results, benchmark, spec.figures)))
        .filter(|(_, rows)| !rows.is_empty())
        .collect();
    let mut body = String::new();
    let mut y = 0.0;
    for group in panels.chunks(if spec.together {
        panels.len().max(1)
    } else {
        1
    }) {
        y = draw_group(&mut body, y, group, spec.unit)?;
    }
    let what = panels.first()?.0;
    let height = y;
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\">\n<title>{what}, and others, by runtime</title>\n\
         <style>{STYLE}</style>\n{body}</svg>\n"
    ))
}

/// Panels with the same scale, below `top`. Returns where they end.
fn draw_group(body: &mut String, top: f64, panels: &[Panel], unit: &str) -> Option<f64> {
    let summaries = panels
        .iter()
        .flat_map(|(_, rows)| rows)
        .flat_map(|(_, all)| all);
    let scale = Scale::over(summaries.flat_map(|s| [s.least, s.most]))?;
    let heights = panels
        .iter()
        .map(|(_, rows)| TITLE + ROW * rows.len() as f64);
    let bottom = top + TOP + heights.sum::<f64>() + 2.0;
    for line in scale.lines() {
        let x = scale.x(line);
        let _ = writeln!(
            body,
            r#"<line class="grid" x1="{x:.1}" x2="{x:.1}" y1="{:.0}" y2="{bottom:.0}"/>"#,
            top + TOP
        );
        let _ = writeln!(
            body,
            r#"<text class="scale" x="{x:.1}" y="{:.0}" text-anchor="middle">{} {unit}</text>"#,
            top + 14.0,
            if line < 1.0 {
                format!("{line:.1}")
            } else {
                format!("{line:.0}")
            }
        );
    }
    let mut y = top + TOP;
    for (title, rows) in panels {
        y += TITLE;
        let _ = writeln!(
            body,
            r#"<text class="title" x="0" y="{:.0}">{title}</text>"#,
            y - 8.0
        );
        for (runtime, all) in rows {
            row(body, &scale, y + ROW / 2.0, runtime, all);
            y += ROW;
        }
    }
    Some(bottom + 10.0)
}

fn row(body: &mut String, scale: &Scale, y: f64, runtime: &str, all: &[Summary]) {
    let class = match runtime {
        "polliwog" | "polliwog-spin" => "ours",
        "raw" => "raw",
        _ => "peer",
    };
    let text = y + 4.5;
    let _ = writeln!(
        body,
        r#"<text x="{:.0}" y="{text:.1}" text-anchor="end">{runtime}</text>"#,
        LABELS - 12.0
    );
    for (index, summary) in all.iter().enumerate() {
        let [least, x, most] = [summary.least, summary.median, summary.most].map(|v| scale.x(v));
        let _ = match index {
            0 => {
                let _ = writeln!(
                    body,
                    r#"<path class="{class}" d="M{least:.1} {y:.1}H{most:.1}M{least:.1} {:.1}v6M{most:.1} {:.1}v6"/>"#,
                    y - 3.0,
                    y - 3.0
                );
                writeln!(
                    body,
                    r#"<circle class="{class}" cx="{x:.1}" cy="{y:.1}" r="4.5"/>"#
                )
            }
            1 => writeln!(
                body,
                r#"<circle class="{class} ring" cx="{x:.1}" cy="{y:.1}" r="4"/>"#
            ),
            _ => writeln!(
                body,
                r#"<path class="{class} line" d="M{x:.1} {:.1}v11"/>"#,
                y - 5.5
            ),
        };
    }
    let figures: Vec<_> = all.iter().map(|summary| number(summary.median)).collect();
    let _ = writeln!(
        body,
        r#"<text x="{}" y="{text:.1}" text-anchor="end">{}</text>"#,
        WIDTH - 2.0,
        figures.join(" · ")
    );
}
