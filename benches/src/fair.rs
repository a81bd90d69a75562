//! Fairness: how late a request or a timer comes beside others that are greedy, next to tokio.
//!
//! Each row runs with every runtime in turn, round after round, so that what else goes on on the machine
//! hits all of them. The latencies are those of a client that sends a request, waits for the answer and
//! sends the next one; the greedy ones are threads beside it, on the same processor.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::echo::{self, Server, pin};
use crate::meter::{Figures, median, percentile};
use crate::rt;

const RUNTIMES: [&str; 2] = ["polliwog", "tokio"];

/// The rows, and what each is beside.
const ROWS: [(&str, &str); 8] = [
    ("alone", "echo of 64 B, alone"),
    ("udp", "echo beside a sender of datagrams"),
    ("readers", "echo beside four readers of 256 KiB"),
    ("pipeline", "echo beside three clients that pipeline"),
    ("echo-50-4096", "50 connections, 4 KB"),
    ("echo-50-65536", "50 connections, 64 KB"),
    ("timer-1", "timer beside slices of 1 ms"),
    ("timer-5", "timer beside slices of 5 ms"),
];

/// The first byte of a connection: what the server is to do with the rest.
const ECHO: u8 = b'e';
const SINK: u8 = b's';

/// Buffers of the server, in bytes: of those that echo, of those that only read, of datagrams.
const ECHO_BUFFER: usize = 4096;
const SINK_BUFFER: usize = 256 << 10;
const DATAGRAM: usize = 2048;

/// A client's request, in bytes.
const REQUEST: usize = 64;

const USAGE: &str = "usage: benches/run fair [--rounds N] [--millis N] [--only PART-OF-NAME]";

/// Measures all rows and prints them.
pub fn run(options: &[&str]) -> Result<(), String> {
    let (mut rounds, mut time, mut only) = (5, Duration::from_secs(2), "");
    for option in options.chunks(2) {
        match *option {
            ["--rounds", n] => rounds = n.parse().map_err(|_| USAGE)?,
            ["--millis", n] => time = Duration::from_millis(n.parse().map_err(|_| USAGE)?),
            ["--only", name] => only = name,
            _ => return Err(USAGE.to_string()),
        }
    }
    println!(
        "{rounds} rounds of {time:?}; median, 99th percentile and worst, in microseconds: medians of the rounds"
    );
    print!("{:42}", "");
    for runtime in RUNTIMES {
        print!("{runtime:>32}");
    }
    println!();
    for (name, what) in ROWS.into_iter().filter(|(name, _)| name.contains(only)) {
        let mut all: [Vec<Figures>; RUNTIMES.len()] = Default::default();
        for _ in 0..rounds {
            for (runtime, all) in RUNTIMES.into_iter().zip(&mut all) {
                let figures = in_own_process(runtime, name, time);
                all.push(figures.map_err(|error| format!("{runtime} {name}: {error}"))?);
            }
        }
        print!("{what:42}");
        for all in all {
            print!("  ");
            for figure in ["p50_us", "p99_us", "worst_us"] {
                let mut values: Vec<f64> = all.iter().map(|round| round[figure]).collect();
                values.sort_by(f64::total_cmp);
                print!("{:10.0}", median(&values));
            }
        }
        println!();
    }
    Ok(())
}

/// One row of one runtime by `polliwog-benches one`, so that none meets what another has left behind.
fn in_own_process(runtime: &str, name: &str, time: Duration) -> io::Result<Figures> {
    let millis = time.as_millis().to_string();
    let run = std::process::Command::new(std::env::current_exe()?)
        .args(["one", runtime, &format!("fair-{name}"), "--millis", &millis])
        .output()?;
    if !run.status.success() {
        return Err(io::Error::other(
            String::from_utf8_lossy(&run.stderr).into_owned(),
        ));
    }
    let mut figures = Figures::new();
    for pair in String::from_utf8_lossy(&run.stdout).split_whitespace() {
        let Some((key, value)) = pair.split_once('=') else {
            continue;
        };
        let known = ["p50_us", "p99_us", "worst_us"];
        if let (Some(key), Ok(value)) = (known.into_iter().find(|k| *k == key), value.parse()) {
            figures.insert(key, value);
        }
    }
    Ok(figures)
}

/// Measures one row, by its name with `fair-` before it; `None` if there is none.
pub fn measure(runtime: &str, name: &str, seconds: f64) -> Option<io::Result<Figures>> {
    let name = name.strip_prefix("fair-")?;
    if name.starts_with("echo-") {
        return echo::measure(runtime, name, seconds);
    }
    let time = Duration::from_secs_f64(seconds);
    if let Some(millis) = name.strip_prefix("timer-") {
        let slice = Duration::from_millis(millis.parse().ok()?);
        return match runtime {
            "polliwog" => Some(Ok(timer::<rt::polliwog::Polliwog>(slice, time))),
            "tokio" => Some(Ok(timer::<rt::tokio::Tokio>(slice, time))),
            _ => None,
        };
    }
    pin(1);
    let load: fn(u16, Arc<AtomicBool>) -> io::Result<Vec<JoinHandle<()>>> = match name {
        "alone" => |_, _| Ok(Vec::new()),
        "udp" => datagrams,
        "readers" => writers,
        "pipeline" => pipelines,
        _ => return None,
    };
    Some(beside(runtime, load, time))
}

/// What is taken of latencies.
fn figures(mut micros: Vec<f64>) -> Figures {
    micros.sort_by(f64::total_cmp);
    Figures::from([
        ("p50_us", percentile(&micros, 0.5)),
        ("p99_us", percentile(&micros, 0.99)),
        ("worst_us", percentile(&micros, 1.0)),
        ("count", micros.len() as f64),
    ])
}

/// How late a timer is beside a task that computes and yields. What the runtime learns in the first tenth
/// is not counted.
fn timer<R: rt::Time>(slice: Duration, time: Duration) -> Figures {
    // No multiple of the slices.
    const BETWEEN: Duration = Duration::from_micros(7_300);
    let late = R::run(async move {
        R::detach(async move {
            loop {
                let start = Instant::now();
                while start.elapsed() < slice {
                    std::hint::spin_loop();
                }
                R::yield_now().await;
            }
        });
        let (start, mut late) = (Instant::now(), Vec::new());
        while start.elapsed() < time {
            let due = Instant::now() + BETWEEN;
            R::sleep(BETWEEN).await;
            if start.elapsed() > time / 10 {
                late.push((Instant::now() - due).as_secs_f64() * 1e6);
            }
        }
        late
    });
    figures(late)
}

/// The latencies of a client beside others.
fn beside(
    runtime: &str,
    load: fn(u16, Arc<AtomicBool>) -> io::Result<Vec<JoinHandle<()>>>,
    time: Duration,
) -> io::Result<Figures> {
    let server = Server::start_fair(runtime)?;
    let mut client = connect(server.port, ECHO)?;
    client.set_read_timeout(Some(Duration::from_secs(20)))?;
    let stop = Arc::new(AtomicBool::new(false));
    let greedy = load(server.port, stop.clone())?;
    let (start, mut latencies) = (Instant::now(), Vec::new());
    let mut answer = [0; REQUEST];
    while start.elapsed() < time {
        let asked = Instant::now();
        client.write_all(&[1; REQUEST])?;
        client.read_exact(&mut answer)?;
        if start.elapsed() > time / 10 {
            latencies.push(asked.elapsed().as_secs_f64() * 1e6);
        }
    }
    stop.store(true, Ordering::Relaxed);
    server.stop();
    for thread in greedy {
        let _ = thread.join();
    }
    Ok(figures(latencies))
}

fn connect(port: u16, kind: u8) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_nodelay(true)?;
    stream.write_all(&[kind])?;
    Ok(stream)
}

/// A thread that does something until it is to stop or the server has gone.
fn until(stop: Arc<AtomicBool>, mut f: impl FnMut() -> bool + Send + 'static) -> JoinHandle<()> {
    thread::spawn(move || while !stop.load(Ordering::Relaxed) && f() {})
}

fn datagrams(port: u16, stop: Arc<AtomicBool>) -> io::Result<Vec<JoinHandle<()>>> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let send = move || {
        // Refused once the server has gone; that is no end of a sender.
        let _ = socket.send_to(&[2; REQUEST], (Ipv4Addr::LOCALHOST, port));
        true
    };
    Ok(vec![until(stop, send)])
}

fn writers(port: u16, stop: Arc<AtomicBool>) -> io::Result<Vec<JoinHandle<()>>> {
    let start = |_| {
        let mut stream = connect(port, SINK)?;
        let data = vec![3; SINK_BUFFER];
        Ok(until(stop.clone(), move || stream.write_all(&data).is_ok()))
    };
    (0..4).map(start).collect()
}

fn pipelines(port: u16, stop: Arc<AtomicBool>) -> io::Result<Vec<JoinHandle<()>>> {
    let mut threads = Vec::new();
    for _ in 0..3 {
        let mut writer = connect(port, ECHO)?;
        let mut reader = writer.try_clone()?;
        let requests = [4; 32 * REQUEST];
        threads.push(until(stop.clone(), move || {
            writer.write_all(&requests).is_ok()
        }));
        let mut answers = vec![0; 64 << 10];
        threads.push(until(stop.clone(), move || {
            matches!(reader.read(&mut answers), Ok(1..))
        }));
    }
    Ok(threads)
}

/// Runs the server of a runtime for ever: connections that echo or only read, and a socket for datagrams at
/// the same port; returns only if there is no such runtime.
pub fn serve(runtime: &str, listener: TcpListener) -> io::Result<()> {
    let datagrams = UdpSocket::bind(listener.local_addr()?)?;
    datagrams.set_nonblocking(true)?;
    listener.set_nonblocking(true)?;
    match runtime {
        "polliwog" => polliwog(listener, datagrams),
        "tokio" => tokio_server(listener, datagrams),
        _ => {}
    }
    Ok(())
}

fn polliwog(listener: TcpListener, datagrams: UdpSocket) {
    use polliwog_mio::net::{TcpListener, TcpStream, UdpSocket};
    use polliwog_mio::{Runtime, spawn};

    async fn serve(stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut kind = [0];
        stream.read(&mut kind).await?;
        let size = if kind[0] == SINK {
            SINK_BUFFER
        } else {
            ECHO_BUFFER
        };
        let mut buf = vec![0; size];
        loop {
            match stream.read(&mut buf).await? {
                0 => return Ok(()),
                _ if kind[0] == SINK => {}
                n => stream.write_all(&buf[..n]).await?,
            }
        }
    }

    Runtime::new().unwrap().block_on(async {
        let datagrams = UdpSocket::from_std(datagrams).unwrap();
        let sink = async move {
            let mut buf = [0; DATAGRAM];
            loop {
                let _ = datagrams.recv_from(&mut buf).await;
            }
        };
        spawn(sink).unwrap().detach();
        let listener = TcpListener::from_std(listener).unwrap();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            spawn(serve(stream)).unwrap().detach();
        }
    })
}

fn tokio_server(listener: TcpListener, datagrams: UdpSocket) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream, UdpSocket};
    use tokio::task::spawn_local;

    async fn serve(mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut kind = [0];
        stream.read_exact(&mut kind).await?;
        let size = if kind[0] == SINK {
            SINK_BUFFER
        } else {
            ECHO_BUFFER
        };
        let mut buf = vec![0; size];
        loop {
            match stream.read(&mut buf).await? {
                0 => return Ok(()),
                _ if kind[0] == SINK => {}
                n => stream.write_all(&buf[..n]).await?,
            }
        }
    }

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(Default::default())
        .unwrap();
    runtime.block_on(async {
        let datagrams = UdpSocket::from_std(datagrams).unwrap();
        spawn_local(async move {
            let mut buf = [0; DATAGRAM];
            loop {
                let _ = datagrams.recv_from(&mut buf).await;
            }
        });
        let listener = TcpListener::from_std(listener).unwrap();
        let accept = spawn_local(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                spawn_local(serve(stream));
            }
        });
        accept.await.unwrap()
    })
}
