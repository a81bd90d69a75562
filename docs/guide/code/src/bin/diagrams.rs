//! Draws the guide's diagrams: `diagrams/NAME.txt`, text with box-drawing characters, becomes
//! `src/img/NAME.svg`.
//!
//! ```text
//! cargo run --manifest-path docs/guide/code/Cargo.toml --bin diagrams
//! cargo run --manifest-path docs/guide/code/Cargo.toml --bin diagrams -- --check
//! ```
//!
//! The first line of a text, after `# `, is what the picture shows, for whoever cannot see it. Lines are
//! `─│┌┐└┘├┤┬┴┼`, dashed ones `┄┆`, their ends `▶◀▲▼`; closed boxes are filled. The colour is that of the text
//! around the picture; a picture by itself goes by what the reader's system prefers.
#![forbid(unsafe_code)]

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::{fs, io};

/// The size of a character.
const WIDTH: f32 = 8.4;
const HEIGHT: f32 = 18.0;

/// Which of its sides a character's line goes to.
#[derive(Clone, Copy, Default)]
struct Arms {
    left: bool,
    right: bool,
    up: bool,
    down: bool,
    dashed: bool,
}

fn arms(character: char) -> Option<Arms> {
    let (sides, dashed) = match character {
        '─' => ("lr", false),
        '│' => ("ud", false),
        '┌' => ("rd", false),
        '┐' => ("ld", false),
        '└' => ("ru", false),
        '┘' => ("lu", false),
        '├' => ("rud", false),
        '┤' => ("lud", false),
        '┬' => ("lrd", false),
        '┴' => ("lru", false),
        '┼' => ("lrud", false),
        '▶' => ("l", false),
        '◀' => ("r", false),
        '▲' => ("d", false),
        '▼' => ("u", false),
        '┄' => ("lr", true),
        '┆' => ("ud", true),
        _ => return None,
    };
    let has = |side| sides.contains(side);
    Some(Arms {
        left: has('l'),
        right: has('r'),
        up: has('u'),
        down: has('d'),
        dashed,
    })
}

struct Grid(Vec<Vec<char>>);

impl Grid {
    fn at(&self, row: usize, column: usize) -> char {
        let line = self.0.get(row);
        line.and_then(|line| line.get(column))
            .copied()
            .unwrap_or(' ')
    }

    fn width(&self) -> usize {
        self.0.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// The lower right corner of the box whose upper left one is here, if it is closed.
    fn box_at(&self, row: usize, column: usize) -> Option<(usize, usize)> {
        let goes_on = |character, on: fn(Arms) -> bool| arms(character).is_some_and(on);
        if self.at(row, column) != '┌' {
            return None;
        }
        let mut right = column + 1;
        while self.at(row, right) != '┐' {
            // A border may have words in it.
            (self.at(row, right) != ' ' || right.abs_diff(column) > 1).then_some(())?;
            (right < self.width()).then_some(())?;
            right += 1;
        }
        let mut bottom = row + 1;
        while self.at(bottom, column) != '└' {
            goes_on(self.at(bottom, column), |arms| arms.up && arms.down).then_some(())?;
            bottom += 1;
        }
        (self.at(bottom, right) == '┘').then_some((bottom, right))
    }
}

fn middle(row: usize, column: usize) -> (f32, f32) {
    ((column as f32 + 0.5) * WIDTH, (row as f32 + 0.5) * HEIGHT)
}

/// The lines of one kind, as a path; what adjoins is one line.
fn lines(grid: &Grid, dashed: bool) -> String {
    let (rows, columns) = (grid.0.len(), grid.width());
    let of = |row, column| arms(grid.at(row, column)).filter(|arms| arms.dashed == dashed);
    let mut path = String::new();
    let mut begun: Option<f32> = None;
    for row in 0..rows {
        for column in 0..=columns {
            let (x, y) = middle(row, column);
            let arms = of(row, column).unwrap_or_default();
            if begun.is_none() && arms.left {
                begun = Some(x - WIDTH / 2.0);
            }
            if let (Some(from), false) = (begun, arms.left && arms.right) {
                let to = if arms.left { x } else { x - WIDTH / 2.0 };
                let _ = write!(path, "M{from:.1} {y:.1}H{to:.1}");
                begun = None;
            }
            if begun.is_none() && arms.right {
                begun = Some(x);
            }
        }
    }
    for column in 0..columns {
        for row in 0..=rows {
            let (x, y) = middle(row, column);
            let arms = of(row, column).unwrap_or_default();
            if begun.is_none() && arms.up {
                begun = Some(y - HEIGHT / 2.0);
            }
            if let (Some(from), false) = (begun, arms.up && arms.down) {
                let to = if arms.up { y } else { y - HEIGHT / 2.0 };
                let _ = write!(path, "M{x:.1} {from:.1}V{to:.1}");
                begun = None;
            }
            if begun.is_none() && arms.down {
                begun = Some(y);
            }
        }
    }
    path
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn draw(text: &str) -> Option<String> {
    let (title, rest) = text.strip_prefix("# ")?.split_once('\n')?;
    let grid = Grid(
        rest.trim_end()
            .lines()
            .map(|line| line.chars().collect())
            .collect(),
    );
    let (width, height) = (grid.width() as f32 * WIDTH, grid.0.len() as f32 * HEIGHT);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"diagram\" role=\"img\" width=\"{width:.0}\" \
         height=\"{height:.0}\" viewBox=\"0 0 {width:.1} {height:.1}\" fill=\"currentColor\">\n\
         <title>{}</title>\n\
         <style>svg:root{{color:#24292f}}@media(prefers-color-scheme:dark){{svg:root{{color:#d8dee4}}}}</style>\n",
        escape(title)
    );
    for row in 0..grid.0.len() {
        for column in 0..grid.width() {
            if let Some((bottom, right)) = grid.box_at(row, column) {
                let ((x, y), (to_x, to_y)) = (middle(row, column), middle(bottom, right));
                let _ = writeln!(
                    svg,
                    "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"2\" \
                     fill=\"#2a9d6f\" fill-opacity=\".13\"/>",
                    to_x - x,
                    to_y - y
                );
            }
        }
    }
    for (dashed, style) in [(false, ""), (true, " stroke-dasharray=\"3 4\"")] {
        let path = lines(&grid, dashed);
        if !path.is_empty() {
            let _ = writeln!(
                svg,
                "<path d=\"{path}\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.4\" \
                 stroke-linecap=\"round\"{style}/>"
            );
        }
    }
    svg.push_str(
        "<g font-family=\"ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace\" \
         font-size=\"14\">\n",
    );
    for (row, line) in grid.0.iter().enumerate() {
        let mut column = 0;
        while column < line.len() {
            let (x, y) = middle(row, column);
            let head = match line[column] {
                '▶' => Some([(-WIDTH, -4.5), (0.0, 0.0), (-WIDTH, 4.5)]),
                '◀' => Some([(WIDTH, -4.5), (0.0, 0.0), (WIDTH, 4.5)]),
                '▲' => Some([(-4.5, WIDTH), (0.0, 0.0), (4.5, WIDTH)]),
                '▼' => Some([(-4.5, -WIDTH), (0.0, 0.0), (4.5, -WIDTH)]),
                _ => None,
            };
            if let Some(corners) = head {
                let corners = corners.map(|(dx, dy)| format!("{:.1},{:.1}", x + dx, y + dy));
                let _ = writeln!(svg, "<polygon points=\"{}\"/>", corners.join(" "));
            }
            if line[column] == ' ' || arms(line[column]).is_some() {
                column += 1;
                continue;
            }
            // Words with single spaces between them are one piece.
            let mut end = column;
            while end < line.len()
                && arms(line[end]).is_none()
                && !(line[end] == ' ' && grid.at(row, end + 1) == ' ')
            {
                end += 1;
            }
            let words: String = line[column..end].iter().collect();
            let words = words.trim_end();
            let _ = writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" textLength=\"{:.1}\">{}</text>",
                column as f32 * WIDTH,
                y + 4.8,
                words.chars().count() as f32 * WIDTH,
                escape(words)
            );
            column = end;
        }
    }
    svg.push_str("</g>\n</svg>\n");
    Some(svg)
}

/// Draws all, or says which are not up to date.
fn run(check: bool) -> io::Result<Vec<String>> {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut stale = Vec::new();
    for entry in fs::read_dir(guide.join("diagrams"))? {
        let path = entry?.path();
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let Some(svg) = draw(&fs::read_to_string(&path)?) else {
            return Err(io::Error::other(format!(
                "{name}: no title in the first line"
            )));
        };
        let target = guide.join("src/img").join(format!("{name}.svg"));
        if fs::read_to_string(&target).is_ok_and(|old| old == svg) {
            continue;
        }
        if !check {
            fs::write(target, svg)?;
        }
        stale.push(name);
    }
    Ok(stale)
}

fn main() -> ExitCode {
    let check = std::env::args().any(|argument| argument == "--check");
    match run(check) {
        Ok(stale) if check && !stale.is_empty() => {
            eprintln!("diagrams: to be drawn again: {}", stale.join(", "));
            ExitCode::FAILURE
        }
        Ok(drawn) => {
            drawn.iter().for_each(|name| println!("drawn: {name}"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("diagrams: {error}");
            ExitCode::FAILURE
        }
    }
}
