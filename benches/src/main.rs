//! Benchmarks of polliwog next to its peers: see `benches/run`.

mod alloc;
mod echo;
mod exact;
mod guard;
mod meter;
mod micro;
mod report;
mod rt;
mod steps;
// Not in the guard, whose counts would depend on what is built beside it.
#[cfg(feature = "peers")]
mod cluster;
#[cfg(feature = "peers")]
mod fair;
#[cfg(feature = "peers")]
mod servers;
#[cfg(feature = "peers")]
mod sync;

use std::process::ExitCode;

use meter::{Figures, Plan};

const USAGE: &str = "\
usage: polliwog-benches run [--quick] [--only PART-OF-NAME] [--rounds N] [--out FOLDER]
       polliwog-benches sync [--counts] [--only PART-OF-NAME] [--rounds N] [--out FOLDER]
       polliwog-benches servers [--quick] [--only PART-OF-NAME] [--rounds N] [--out FOLDER]
       polliwog-benches charts FOLDER
       polliwog-benches guard FILE [--update]
       polliwog-benches cluster [--only PART-OF-NAME] [--contender PART-OF-NAME] [--rounds N]
                                [--out FOLDER]
       polliwog-benches fair [--only PART-OF-NAME] [--rounds N] [--millis N]
       polliwog-benches list
       polliwog-benches one RUNTIME BENCHMARK [--rounds N] [--warmup N] [--ops N] [--millis N]
       polliwog-benches serve RUNTIME BUFFER
       polliwog-benches serve-fair RUNTIME
       polliwog-benches serve-real RUNTIME KIND
       polliwog-benches steps FILE PROGRAM...";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args[..] {
        ["list"] => {
            list();
            Ok(())
        }
        ["one", runtime, name, ref options @ ..] => one(runtime, name, options),
        ["run", ref options @ ..] => report::run(options),
        #[cfg(feature = "peers")]
        ["sync", ref options @ ..] => sync::run(options),
        #[cfg(feature = "peers")]
        ["cluster", ref options @ ..] => cluster::run(options),
        #[cfg(feature = "peers")]
        ["spin"] => cluster::spin(),
        #[cfg(feature = "peers")]
        ["scaling", kind, processor] => cluster::child(kind, processor),
        #[cfg(feature = "peers")]
        ["servers", ref options @ ..] => servers::run(options),
        #[cfg(feature = "peers")]
        ["serve-real", runtime, kind] => servers::serve(runtime, kind),
        #[cfg(feature = "peers")]
        ["fair", ref options @ ..] => fair::run(options),
        ["charts", folder] => report::redraw(folder),
        ["guard", file] => guard::run(file, false),
        ["guard", file, "--update"] => guard::run(file, true),
        ["serve", runtime, buffer] => match buffer.parse() {
            Ok(buffer) => echo::serve(runtime, buffer),
            Err(_) => Err(USAGE.to_string()),
        },
        #[cfg(feature = "peers")]
        ["serve-fair", runtime] => echo::serve_fair(runtime),
        ["steps", file, ref program @ ..] => steps::run(file, program),
        _ => Err(USAGE.to_string()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn list() {
    for micro in micro::ALL {
        println!("{:20} {}", micro.name, micro.operation);
    }
    #[cfg(feature = "peers")]
    for (name, operation) in sync::ALL {
        println!("sync-{name:15} {operation}");
    }
    #[cfg(feature = "peers")]
    for job in servers::JOBS {
        println!("{:20} {}", job.name, job.label);
    }
}

/// Runs one benchmark on one runtime and prints its figures.
fn one(runtime: &str, name: &str, options: &[&str]) -> Result<(), String> {
    let mut plan = Plan::default();
    let mut seconds = 1.0;
    for option in options.chunks(2) {
        let [key, value] = option else {
            return Err(USAGE.to_string());
        };
        let value: u64 = value.parse().map_err(|_| USAGE.to_string())?;
        match *key {
            "--rounds" => plan.rounds = value as u32,
            "--warmup" => plan.warmup = value as u32,
            "--ops" => plan.ops = Some(value),
            "--millis" => seconds = value as f64 / 1000.0,
            _ => return Err(USAGE.to_string()),
        }
    }
    let figures = match measure(runtime, name, plan) {
        Some(figures) => figures,
        None => measure_servers(runtime, name, seconds)
            .ok_or_else(|| format!("{runtime} has no benchmark {name}"))?
            .map_err(|error| format!("{runtime} {name}: {error}"))?,
    };
    for (key, value) in figures {
        print!("{key}={value:.3} ");
    }
    println!();
    Ok(())
}

fn measure_servers(runtime: &str, name: &str, seconds: f64) -> Option<std::io::Result<Figures>> {
    #[cfg(feature = "peers")]
    if let Some(figures) =
        fair::measure(runtime, name, seconds).or_else(|| servers::measure(runtime, name, seconds))
    {
        return Some(figures);
    }
    echo::measure(runtime, name, seconds)
}

fn measure(runtime: &str, name: &str, plan: Plan) -> Option<Figures> {
    #[cfg(feature = "peers")]
    if let Some(name) = name.strip_prefix("sync-") {
        return sync::measure(runtime, name, plan);
    }
    match runtime {
        "polliwog" => micro::threads::<rt::polliwog::Polliwog>(name, plan),
        "polliwog-still" => micro::time::<rt::still::Still>(name, plan),
        "raw" => micro::time::<rt::raw::Raw>(name, plan),
        #[cfg(feature = "peers")]
        "polliwog-spin" => micro::threads::<rt::spin::Spin>(name, plan),
        #[cfg(feature = "peers")]
        "compio" => micro::threads::<rt::compio::Compio>(name, plan),
        #[cfg(feature = "peers")]
        "tokio" => micro::threads::<rt::tokio::Tokio>(name, plan),
        #[cfg(feature = "peers")]
        "smol" => micro::threads::<rt::smol::Smol>(name, plan),
        #[cfg(feature = "peers")]
        "monoio" => micro::threads::<rt::monoio::Monoio>(name, plan),
        #[cfg(feature = "peers")]
        "embassy" => micro::tasks::<rt::embassy::Embassy>(name, plan),
        #[cfg(feature = "peers")]
        "futures" => micro::join::<rt::local_pool::LocalPool>(name, plan),
        _ => None,
    }
}
