//! A page of HTML that shows a run.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::trace::{TraceEvent, What};

/// More arrows than that are no picture any more: the last ones are drawn.
const MOST: usize = 4000;
/// Pixels from lane to lane, from event to event, and above the first. A message, which has no text and of which there are many, takes
/// fewer, and none if it is sent or arrives at the same instant as the event before.
const LANE: usize = 140;
const ROW: usize = 9;
const MESSAGE: usize = 3;
const TOP: usize = 12;
/// From time to time.
const TIMES: usize = 36;
/// So many faults have a link to them.
const LINKS: usize = 8;
/// Pixels that a letter takes at most, on average.
const LETTER: usize = 7;
/// So many letters of a text stand beside a lane; all of it is shown where the pointer is.
const LETTERS: usize = 80;
/// Pixels of the row with the names of the lanes.
const HEAD: usize = 28;

fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '&' => escaped += "&amp;",
            '"' => escaped += "&quot;",
            c => escaped.push(c),
        }
    }
    escaped
}

/// The beginning of what a text says, as much as there is room for.
fn beginning(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let mut letters = line.chars();
    let mut beginning: String = letters.by_ref().take(LETTERS).collect();
    if letters.next().is_some() || line.len() < text.len() {
        beginning.push('…');
    }
    beginning
}

/// Whether `ends` ends a partition that somebody has made by [`Control`](super::Control): that between the same hosts, or
/// any.
fn takes_back(ends: &str, what: &str) -> bool {
    let between = what.strip_prefix("partition between ");
    let pair = between.and_then(|pair| pair.split_once(" and "));
    let one_way = what.strip_prefix("partition from ");
    let pair = pair.or_else(|| one_way?.split_once(" to "));
    let Some((one, other)) = pair else {
        return false;
    };
    ends == "partition any more"
        || ends == format!("partition between {one} and {other}")
        || ends == format!("partition between {other} and {one}")
}

/// Whether an event is an end of an arrow.
fn is_message(event: &TraceEvent) -> bool {
    matches!(
        event.what,
        What::Sent { .. } | What::Arrived { .. } | What::Lost { .. }
    )
}

/// How far down each event is, and the end.
fn heights(shown: &[&TraceEvent]) -> (Vec<usize>, usize) {
    let mut y = TOP;
    let heights = shown.iter().enumerate().map(|(at, event)| {
        let before = at.checked_sub(1).map(|before| shown[before]);
        y += match before {
            None => 0,
            Some(before) if !is_message(event) || !is_message(before) => ROW,
            Some(before) if before.at == event.at => 0,
            Some(_) => MESSAGE,
        };
        y
    });
    let heights: Vec<usize> = heights.collect();
    (heights, y + 60)
}

/// Whether there is something to see of an event.
fn is_shown(event: &TraceEvent) -> bool {
    !matches!(event.what, What::Ran { .. })
}

/// The page: hosts are lanes, time goes down (a row an event, so that nothing is squeezed and nothing is empty), messages are arrows,
/// red and dashed if they got lost; while a host is down or paused its lane is shaded, and so is everything while a
/// partition lasts.
pub(crate) fn page(title: &str, trace: &[TraceEvent]) -> String {
    let shown: Vec<&TraceEvent> = trace.iter().filter(|event| is_shown(event)).collect();
    let shown = &shown[shown.len().saturating_sub(MOST)..];
    let mut lanes: BTreeMap<&str, usize> = BTreeMap::new();
    let mut names: Vec<&str> = Vec::new();
    for event in shown {
        if let Some(host) = &event.host {
            lanes.entry(host).or_insert_with(|| {
                names.push(host);
                names.len() - 1
            });
        }
    }
    let x = |lane: usize| 130 + lane * LANE;
    // The right-most end of what stands beside a lane.
    let beside = |event: &&TraceEvent| {
        let lane = event.host.as_deref().and_then(|host| lanes.get(host));
        let length = if is_message(event) {
            0
        } else {
            beginning(&format!("{}", event.what)).chars().count()
        };
        lane.map_or(100, |lane| x(*lane)) + length * LETTER
    };
    let widest = shown.iter().map(beside).max().unwrap_or_default();
    let (heights, height) = heights(shown);
    let width = widest.max(x(names.len())) + 60;
    // What has a link at the top: how far down, and its text.
    let mut jumps: Vec<(usize, &str)> = Vec::new();
    let mut arrows = String::new();
    let mut shades = String::new();
    let mut marks = String::new();
    // Where messages were sent, and since when hosts are down and faults last.
    let mut sent: BTreeMap<u64, (usize, usize, &TraceEvent)> = BTreeMap::new();
    let mut down: BTreeMap<usize, usize> = BTreeMap::new();
    let mut faults: BTreeMap<&str, usize> = BTreeMap::new();
    let mut paused: BTreeMap<usize, usize> = BTreeMap::new();
    let shade = |shades: &mut String, class: &str, lane: usize, from: usize, to: usize| {
        *shades += &format!(
            "<rect class={class} x={} y={from} width=60 height={}></rect>",
            x(lane) - 30,
            to.saturating_sub(from)
        );
    };
    let fault_shade = |shades: &mut String, what: &str, from: usize, to: usize| {
        let class = if what.contains("partition") || what.contains("oneway") {
            "cut"
        } else {
            "fault"
        };
        *shades += &format!(
            "<rect class={class} x=100 y={from} width={} height={}><title>{}</title></rect>",
            width - 120,
            to.saturating_sub(from),
            escape(what)
        );
    };
    let mut last = None;
    for (event, y) in shown.iter().zip(heights.iter().copied()) {
        let lane = event
            .host
            .as_deref()
            .and_then(|host| lanes.get(host).copied());
        if last.is_none_or(|last| y >= last + TIMES) {
            last = Some(y);
            marks += &format!(
                "<text class=time x=8 y={}>{:.6} s</text>",
                y + 4,
                event.at.as_secs_f64()
            );
        }
        let at = lane.map_or(100, x);
        let mut mark = |class: &str| {
            let text = format!("{}", event.what);
            let (text, all) = (escape(&beginning(&text)), escape(&text));
            marks += &format!(
                "<g class={class}><title>{all}</title><circle cx={at} cy={y} r=4></circle><text x={} y={}>{text}</text></g>",
                at + 8,
                y + 4
            );
        };
        match (&event.what, lane) {
            (What::Sent { message, .. }, Some(lane)) => {
                sent.insert(*message, (lane, y, event));
            }
            (What::Arrived { message } | What::Lost { message, .. }, Some(lane)) => {
                if let Some((from, start, send)) = sent.get(message) {
                    let class = if matches!(event.what, What::Lost { .. }) {
                        "lost"
                    } else {
                        "sent"
                    };
                    arrows += &format!(
                        "<line class={class} data-hosts=\"{} {}\" x1={} y1={start} x2={} y2={y} marker-end=\"url(#tip)\"><title>{}\n{}</title></line>",
                        from,
                        lane,
                        x(*from),
                        x(lane),
                        escape(&format!("{send}")),
                        escape(&format!("{event}"))
                    );
                }
            }
            (What::Crashed | What::Killed | What::Ended(_), Some(lane)) => {
                if let Some(from) = paused.remove(&lane) {
                    shade(&mut shades, "paused", lane, from, y);
                }
                down.entry(lane).or_insert(y);
                mark(match event.what {
                    What::Ended(None) => "note",
                    _ => "bad",
                });
            }
            (What::Started, Some(lane)) => {
                if let Some(from) = down.remove(&lane) {
                    shade(&mut shades, "down", lane, from, y);
                }
                mark("good");
            }
            (What::Paused, Some(lane)) => {
                paused.insert(lane, y);
                mark("note");
            }
            (What::Resumed, Some(lane)) => {
                if let Some(from) = paused.remove(&lane) {
                    shade(&mut shades, "paused", lane, from, y);
                }
                mark("note");
            }
            (What::Fault(text), _) => {
                let begins = text.strip_prefix("begins: ");
                if begins.is_some() || !text.starts_with("ends: ") {
                    jumps.push((y, begins.unwrap_or(text)));
                }
                if let Some(what) = text.strip_prefix("begins: ") {
                    // What happens to a host is shaded on its lane.
                    let is_hosts = ["crash ", "kill ", "pause "];
                    if !is_hosts.iter().any(|kind| what.starts_with(kind)) {
                        faults.entry(what).or_insert(y);
                    }
                } else if let Some((what, from)) = text
                    .strip_prefix("ends: ")
                    .and_then(|what| faults.remove_entry(what))
                {
                    fault_shade(&mut shades, what, from, y);
                } else if text.starts_with("partition ") {
                    // By hand: until somebody takes it back by the same names.
                    faults.entry(text).or_insert(y);
                } else if let Some(ends) = text.strip_prefix("no ") {
                    let open = faults.keys().copied();
                    let over: Vec<&str> = open.filter(|what| takes_back(ends, what)).collect();
                    for what in over {
                        let from = faults.remove(what).unwrap_or(y);
                        fault_shade(&mut shades, what, from, y);
                    }
                }
                mark("fault");
            }
            _ => mark("note"),
        }
    }
    for (class, lanes) in [("down", down), ("paused", paused)] {
        for (lane, from) in lanes {
            shade(&mut shades, class, lane, from, height);
        }
    }
    for (what, from) in faults {
        fault_shade(&mut shades, what, from, height);
    }
    let mut heads = String::new();
    let mut lines = String::new();
    let mut boxes = String::new();
    for (lane, name) in names.iter().enumerate() {
        let (x, name) = (x(lane), escape(name));
        lines += &format!("<line class=lane x1={x} y1=0 x2={x} y2={height}></line>");
        heads += &format!("<text class=head x={x} y=20>{name}</text>");
        boxes += &format!("<label><input type=checkbox checked data-host={lane}> {name}</label> ");
    }
    jumps.truncate(LINKS);
    if let Some(end) = heights.last() {
        jumps.push((*end, "the end"));
    }
    let (mut links, mut places) = (String::new(), String::new());
    for (number, (y, text)) in jumps.into_iter().enumerate() {
        let text = escape(&beginning(text));
        links += &format!("<a href=\"#at{number}\">{text}</a> ");
        places += &format!("<a id=at{number} style=\"top:{y}px\"></a>");
    }
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>A simulated run</title><style>{STYLE}</style><h1>{}</h1><p class=jumps>Go to: {links}</p>\
         <p>Show messages of: {boxes}</p><svg class=heads width={width} height={HEAD}>{heads}</svg>\
         <div class=run>{places}<svg width={width} height={height}><defs><marker id=tip viewBox=\"0 0 8 8\" \
         refX=8 refY=4 markerWidth=6 markerHeight=6 orient=auto><path d=\"M0 0 8 4 0 8Z\"/></marker></defs>\
         {shades}{lines}{arrows}{marks}</svg></div><script>{SCRIPT}</script>\n",
        escape(title),
    )
}

const STYLE: &str = ":root{color-scheme:light dark;--text:#222;--back:#fff;--dim:#666;--lane:#999;--sent:#36c;--bad:#c00;\
--good:#080;--down:#ccc;--fault:#8060c0}@media(prefers-color-scheme:dark){:root{--text:#e6edf3;--back:#0d1117;--dim:#9198a1;\
--lane:#6e7681;--sent:#6ea8ff;--bad:#ff7b72;--good:#3fb950;--down:#3d444d;--fault:#b392f0}}\
body{font:13px sans-serif;color:var(--text);background:var(--back)}h1{font-size:15px;white-space:pre-wrap;\
overflow-wrap:anywhere;max-width:calc(100vw - 20px);max-height:12em;overflow:auto}svg{display:block}.heads{position:sticky;top:0;background:var(--back)}\
.run{position:relative}.run a{position:absolute;scroll-margin-top:35vh}.jumps a{color:var(--sent);margin-right:1em}svg text{font-size:11px}marker path{fill:var(--text)}\
.head{font-weight:bold;text-anchor:middle;fill:var(--text)}.lane{stroke:var(--lane)}.sent{stroke:var(--sent)}\
.lost{stroke:var(--bad);stroke-dasharray:4}.down{fill:var(--down)}.paused{fill:var(--down);opacity:.5}.cut{fill:#f0a030;opacity:.18}\
.fault{fill:var(--fault)}rect.fault{opacity:.12}.bad{fill:var(--bad)}\
.good{fill:var(--good)}.note,.time{fill:var(--dim)}line:hover{stroke-width:3}";

const SCRIPT: &str = "const boxes=[...document.querySelectorAll('[data-host]')];const show=()=>{const on=new Set(boxes\
.filter(b=>b.checked).map(b=>b.dataset.host));for(const l of document.querySelectorAll('[data-hosts]'))l.style.display=\
l.dataset.hosts.split(' ').some(h=>on.has(h))?'':'none'};boxes.forEach(b=>b.onchange=show);";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_by_hand_end_as_they_began() {
        let between = "partition between a and b";
        assert!(takes_back("partition between b and a", between));
        assert!(takes_back(between, "partition from b to a"));
        assert!(takes_back("partition any more", between));
        assert!(!takes_back("partition between a and c", between));
        assert!(!takes_back("partition any more", "partition a from b"));
    }

    #[test]
    fn long_texts_do_not_make_the_page_wide() {
        let panic = format!("panic: the first line\n{}", "and more <of it> ".repeat(500));
        let event = |host: &str, what| TraceEvent {
            at: core::time::Duration::ZERO,
            host: Some(host.into()),
            what,
        };
        let trace = [
            event("a", What::Started),
            event("b", What::Note("x".repeat(5000))),
            event("a", What::Ended(Some(panic))),
        ];
        let page = page("a title", &trace);
        let widths = page.split("<svg ").skip(1).map(|svg| {
            let (_, rest) = svg.split_once("width=").unwrap();
            rest.split(' ').next().unwrap().parse::<usize>().unwrap()
        });
        let widths: Vec<usize> = widths.collect();
        assert!(
            matches!(&*widths, [head, all] if head == all && *all < 1100),
            "{widths:?}"
        );
        assert!(page.contains("<a href=\"#at0\">the end</a>"));
        // All of it is there for who asks.
        assert!(page.contains("and more &lt;of it&gt; </title>"));
        assert!(page.contains("the first line…</text>"));
    }

    #[test]
    fn messages_take_little_room() {
        let event = |millis, what| TraceEvent {
            at: core::time::Duration::from_millis(millis),
            host: Some("a".into()),
            what,
        };
        let arrives = |millis| event(millis, What::Arrived { message: 7 });
        let trace = [
            event(0, What::Started),
            arrives(1),
            arrives(2),
            arrives(2),
            arrives(900),
            event(901, What::Started),
        ];
        let (heights, end) = heights(&trace.iter().collect::<Vec<_>>());
        let steps = heights.windows(2).map(|two| two[1] - two[0]);
        let steps: Vec<usize> = steps.collect();
        assert_eq!(steps, [ROW, MESSAGE, 0, MESSAGE, ROW]);
        assert!(end > heights[5]);
    }

    #[test]
    fn what_lasts_is_shaded() {
        let event = |millis, host: Option<&str>, what| TraceEvent {
            at: core::time::Duration::from_millis(millis),
            host: host.map(Into::into),
            what,
        };
        let fault = |millis, text: &str| event(millis, None, What::Fault(text.into()));
        let trace = [
            event(0, Some("a"), What::Started),
            fault(1, "partition between a and b"),
            event(2, Some("a"), What::Paused),
            event(3, Some("a"), What::Resumed),
            event(4, Some("a"), What::Crashed),
            fault(5, "no partition any more"),
            event(6, Some("a"), What::Started),
        ];
        let page = page("a title", &trace);
        // To each fault, and to the end.
        for (number, text) in [
            "partition between a and b",
            "no partition any more",
            "the end",
        ]
        .iter()
        .enumerate()
        {
            let link = format!("<a href=\"#at{number}\">{text}</a>");
            assert!(page.contains(&link), "{page}");
            let y = TOP + [1, 5, 6][number] * ROW;
            assert!(page.contains(&format!("<a id=at{number} style=\"top:{y}px\">")));
        }
        for class in ["cut", "paused", "down"] {
            let shade = format!("<rect class={class} ");
            assert_eq!(page.matches(&shade).count(), 1, "{class}");
        }
        let height = |class: &str| {
            let from = page.find(&format!("<rect class={class} ")).unwrap();
            let rest = page[from..].split_once(" height=").unwrap().1;
            rest.split('>').next().unwrap().parse::<usize>().unwrap()
        };
        assert_eq!(
            ["cut", "paused", "down"].map(height),
            [4 * ROW, ROW, 2 * ROW]
        );
    }
}
