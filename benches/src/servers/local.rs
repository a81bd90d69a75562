//! Files and processes, within one process.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::meter::{Figures, cpu_nanos, percentile};
use crate::rt::Runtime;

/// Names, operations of a round at one second, and how many are under way at a time.
pub const WORKS: [(&str, f64, usize); 4] = [
    ("copy-4k", 4000.0, 1),
    ("copy-4k-50", 4000.0, 50),
    ("copy-1mb", 400.0, 1),
    ("process", 300.0, 1),
];

/// A folder with what is to be copied, removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> io::Result<Self> {
        let name = format!("polliwog-benches-{}", std::process::id());
        let folder = Self(std::env::temp_dir().join(name));
        fs::create_dir_all(&folder.0)?;
        Ok(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs `f` so often, `width` at a time, and gives how many microseconds each took.
async fn repeat<F>(ops: usize, width: usize, f: impl Fn(usize) -> F + Clone) -> Vec<f64>
where
    F: Future<Output = io::Result<()>>,
{
    let lane = |lane: usize| {
        let f = f.clone();
        async move {
            let mut latencies = Vec::with_capacity(ops / width);
            for _ in 0..ops / width {
                let start = Instant::now();
                f(lane).await.unwrap();
                latencies.push(start.elapsed().as_nanos() as f64 / 1000.0);
            }
            latencies
        }
    };
    let all = futures::future::join_all((0..width).map(lane)).await;
    all.into_iter().flatten().collect()
}

fn target(folder: &Path, lane: usize) -> PathBuf {
    folder.join(format!("to-{lane}"))
}

/// Runs one of the works; `None` if this runtime has no such thing.
pub fn measure(runtime: &str, name: &str, seconds: f64) -> Option<io::Result<Figures>> {
    let (_, ops, width) = *WORKS.iter().find(|(work, ..)| *work == name)?;
    let ops = ((ops * seconds) as usize).max(width);
    Some(Folder::new().and_then(|folder| run(runtime, name, ops, width, &folder.0)))
}

fn run(runtime: &str, name: &str, ops: usize, width: usize, folder: &Path) -> io::Result<Figures> {
    let from = folder.join("from");
    let size = if name == "copy-1mb" { 1 << 20 } else { 4096 };
    fs::write(&from, vec![b'p'; size])?;
    let folder = folder.to_owned();

    // The same work in each runtime's own words. Once to warm up, and then for the figures.
    macro_rules! work {
        ($run:expr, $copy:path, $command:path) => {{
            let work = move |ops: usize, name: &str| {
                let (folder, from, is_copy) = (folder.clone(), from.clone(), name != "process");
                async move {
                    let one = move |lane: usize| {
                        let (to, from) = (target(&folder, lane), from.clone());
                        async move {
                            if is_copy {
                                $copy(from, to).await?;
                            } else {
                                let status = <$command>::new("true").status().await?;
                                assert!(status.success());
                            }
                            Ok(())
                        }
                    };
                    repeat(ops, width, one).await
                }
            };
            let run = $run;
            run(work(width.max(ops / 10), name));
            let (cpu, start) = (cpu_nanos(), Instant::now());
            let latencies: Vec<f64> = run(work(ops, name));
            (latencies, cpu_nanos() - cpu, start.elapsed())
        }};
    }

    let (mut latencies, cpu, elapsed) = match runtime {
        "polliwog" => work!(
            crate::rt::polliwog::Polliwog::run,
            polliwog_mio::fs::copy,
            polliwog_mio::process::Command
        ),
        "tokio" => work!(
            crate::rt::tokio::Tokio::run,
            tokio::fs::copy,
            tokio::process::Command
        ),
        "tokio-threads" => {
            let runtime = tokio::runtime::Runtime::new()?;
            work!(
                |work| runtime.block_on(async { tokio::spawn(work).await.unwrap() }),
                tokio::fs::copy,
                tokio::process::Command
            )
        }
        "smol" => work!(
            crate::rt::smol::Smol::run,
            async_fs::copy,
            async_process::Command
        ),
        _ => return Err(io::Error::other(format!("{runtime} has none"))),
    };
    latencies.sort_by(f64::total_cmp);
    let done = latencies.len() as f64;
    Ok([
        ("per_second", done / elapsed.as_secs_f64()),
        ("cpu_us", cpu as f64 / done / 1000.0),
        ("p50_us", percentile(&latencies, 0.50)),
        ("p99_us", percentile(&latencies, 0.99)),
        ("p999_us", percentile(&latencies, 0.999)),
    ]
    .into())
}
