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

/// Leaves the names of pieces out of programs that are included whole, and puts pictures into the page, where they have
/// its colours.
struct Finish;

impl Preprocessor for Finish {
    fn name(&self) -> &str {
        "finish"
    }

    fn run(&self, context: &PreprocessorContext, mut book: Book) -> anyhow::Result<Book> {
        let source = context.root.join(&context.config.book.src);
        let mut result = Ok(());
        book.for_each_chapter_mut(|chapter| match finish(&chapter.content, &source) {
            Ok(page) => chapter.content = page,
            Err(error) => result = Err(error),
        });
        result.map(|()| book)
    }
}

fn finish(page: &str, source: &Path) -> anyhow::Result<String> {
    let mut finished = String::new();
    for line in page.lines() {
        if line.contains(" ANCHOR: ") || line.contains(" ANCHOR_END: ") {
            continue;
        }
        let image = line
            .strip_prefix("<img src=\"")
            .and_then(|rest| rest.split('"').next());
        match image {
            Some(path) => finished.push_str(std::fs::read_to_string(source.join(path))?.trim_end()),
            None => finished.push_str(line),
        }
        finished.push('\n');
    }
    Ok(finished)
}

fn build(into: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the package lies in the guide's folder");
    let mut book = MDBook::load(guide)?;
    if let Some(into) = into {
        book.config.build.build_dir = std::path::absolute(into)?;
    }
    book.with_preprocessor(Finish);
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
