//! Builds the guide into a folder, and fails if mdBook has something to say about it.
//!
//! ```text
//! cargo run --manifest-path docs/guide/book/Cargo.toml            # into docs/guide/target
//! cargo run --manifest-path docs/guide/book/Cargo.toml -- /tmp/guide
//! ```

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mdbook_driver::MDBook;
use mdbook_preprocessor::book::Book;
use mdbook_preprocessor::{Preprocessor, PreprocessorContext};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// Counts what is at least a warning.
struct Warnings(Arc<AtomicUsize>);

impl<S: Subscriber> Layer<S> for Warnings {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if *event.metadata().level() <= Level::WARN {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Moves each block of code to the left, as what is a piece of a program keeps the program's indentation; and leaves the
/// names of other pieces out of it.
struct Dedent;

impl Preprocessor for Dedent {
    fn name(&self) -> &str {
        "dedent"
    }

    fn run(&self, _: &PreprocessorContext, mut book: Book) -> anyhow::Result<Book> {
        book.for_each_chapter_mut(|chapter| chapter.content = dedent(&chapter.content));
        Ok(book)
    }
}

fn dedent(page: &str) -> String {
    let mut moved = String::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        moved.push_str(line);
        moved.push('\n');
        if line != "```rust" && line != "```toml" {
            continue;
        }
        let block = lines.by_ref().take_while(|line| *line != "```");
        let is_name = |line: &str| line.contains(" ANCHOR: ") || line.contains(" ANCHOR_END: ");
        let block: Vec<&str> = block.filter(|line| !is_name(line)).collect();
        let full = block.iter().filter(|line| !line.trim().is_empty());
        let indent = full.map(|line| line.len() - line.trim_start().len()).min();
        for line in block {
            moved.push_str(line.get(indent.unwrap_or(0)..).unwrap_or_default());
            moved.push('\n');
        }
        moved.push_str("```\n");
    }
    moved
}

fn build(into: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the package lies in the guide's folder");
    let mut book = MDBook::load(guide)?;
    if let Some(into) = into {
        book.config.build.build_dir = std::path::absolute(into)?;
    }
    book.with_preprocessor(Dedent);
    book.build()?;
    Ok(book.build_dir_for("html"))
}

fn main() -> ExitCode {
    let warnings = Arc::new(AtomicUsize::new(0));
    let shown = tracing_subscriber::fmt::layer()
        .without_time()
        .with_writer(std::io::stderr)
        .with_filter(tracing_subscriber::filter::LevelFilter::INFO);
    tracing_subscriber::registry()
        .with(Warnings(Arc::clone(&warnings)))
        .with(shown)
        .init();
    match build(std::env::args_os().nth(1).map(PathBuf::from)) {
        Ok(folder) if warnings.load(Ordering::Relaxed) == 0 => {
            println!("{}", folder.join("index.html").display());
            ExitCode::SUCCESS
        }
        Ok(_) => {
            eprintln!("guide-book: the book has warnings");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("guide-book: {error:?}");
            ExitCode::FAILURE
        }
    }
}
