//! Examples in a simulation, their sources unchanged: without `mio` the short paths mean the simulation's.
#![cfg(all(feature = "sim", not(feature = "mio")))]

#[path = "../examples/shared/echo.rs"]
mod echo;
#[expect(dead_code, reason = "its main and its loop are the system's")]
#[path = "../examples/file-server-lesson.rs"]
mod lesson;
#[path = "../examples/shared/redis/mod.rs"]
mod redis;
#[path = "../examples/shared/redis_server.rs"]
mod redis_server;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use polliwog::net::{TcpListener, TcpStream};
use polliwog::sim::{self, Builder, Failure, Latency, Link, Nemesis, Reason, Report, Simulation};
use polliwog::time::{sleep, timeout};
use polliwog::{fs, spawn, spawn_blocking};

const SECOND: Duration = Duration::from_secs(1);

/// A connection to mini-redis that is given up when it is too slow, and made anew.
struct Client(Option<TcpStream>);

impl Client {
    /// Sends a command until there is an answer, which is one line.
    async fn insist(&mut self, command: &str) -> String {
        loop {
            match timeout(SECOND, self.ask(command)).await {
                Ok(Ok(answer)) => return answer,
                _ => {
                    self.0 = None;
                    sleep(Duration::from_millis(sim::random() % 300)).await;
                }
            }
        }
    }

    async fn ask(&mut self, command: &str) -> io::Result<String> {
        let stream = match &mut self.0 {
            Some(stream) => stream,
            none => none.insert(TcpStream::connect("redis:6379").await?),
        };
        stream
            .write_all(format!("{command}\r\n").as_bytes())
            .await?;
        let (mut line, mut byte) = (Vec::new(), [0]);
        while byte != *b"\n" {
            stream.read_exact(&mut byte).await?;
            line.extend(byte);
        }
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }
}

/// Three clients count to twenty each, by `INCR` or by a key of its own for each number.
fn count(builder: Builder, by_keys: bool) -> Result<Report, Failure> {
    let nemesis = Nemesis::new("*")
        .faults(2, 8)
        .within(Duration::from_secs(6))
        .partitions()
        .one_way_partitions()
        .pauses()
        .losses();
    let mut simulation = builder.nemesis(nemesis).build();
    simulation.host("redis", || async {
        let listener = TcpListener::bind("0.0.0.0:6379").await?;
        redis_server::serve(listener).await;
        Ok::<(), io::Error>(())
    });
    let left = std::rc::Rc::new(std::cell::Cell::new(3));
    for client in 0..3 {
        let left = left.clone();
        simulation.client(&format!("client-{client}"), async move {
            let mut redis = Client(None);
            for number in 0..20 {
                if by_keys {
                    redis.insist(&format!("SETNX {client}:{number} quak")).await;
                } else {
                    redis.insist("INCR frogs").await;
                }
                sleep(Duration::from_millis(sim::random() % 600)).await;
            }
            left.set(left.get() - 1);
            if left.get() == 0 {
                let (command, answer) = match by_keys {
                    true => ("DBSIZE", ":60"),
                    false => ("INCRBY frogs 0", ":60"),
                };
                let counted = redis.insist(command).await;
                assert_eq!(counted, answer, "something counted twice");
            }
        });
    }
    simulation.run()
}

/// What has no answer may have been done: whoever asks again counts twice, unless asking twice is as good as once.
#[test]
fn a_client_of_mini_redis_that_retries() {
    let found = sim::explore(0..100, 0, |builder| count(builder, false)).found;
    let found = found.expect("INCR may be sent again");
    assert!(
        matches!(&found.failure.reason, Reason::Panic(text) if text.contains("counted twice")),
        "{found}"
    );
    sim::explore(0..100, 0, |builder| count(builder, true)).unwrap();
}

#[test]
fn runs_of_mini_redis_are_repeatable() {
    for seed in 0..5 {
        sim::check(seed, |builder| count(builder, true)).unwrap();
    }
}

#[test]
fn the_file_server_serves_a_simulated_disk() {
    let slow = Link::new(Latency::exponential(
        Duration::from_millis(1),
        Duration::from_millis(5),
    ));
    let mut simulation = Simulation::builder(7).link(slow.loss(0.05)).build();
    let text: Vec<u8> = (0..150_000_u32).map(|n| (n % 251) as u8).collect();
    let stored = text.clone();
    simulation.host("server", move || {
        let stored = stored.clone();
        async move {
            if !fs::try_exists("/srv/file").await? {
                fs::create_dir("/srv").await?;
                let mut file = fs::File::create("/srv/file").await?;
                file.write_all(&stored).await?;
                file.sync_all().await?;
            }
            let listener = TcpListener::bind("0.0.0.0:7878").await?;
            loop {
                let (stream, _) = listener.accept().await?;
                let serving = lesson::serve(stream, PathBuf::from("/srv"));
                spawn(async { serving.await.ok() }).unwrap().detach();
            }
            #[expect(unreachable_code, reason = "it says what the future's type is")]
            std::io::Result::Ok(())
        }
    });
    simulation.client("client", async move {
        let get = async |name: &str| {
            let stream = TcpStream::connect("server:7878").await?;
            stream.read_exact(&mut [0; 23]).await?;
            stream.write_all(format!("{name}\r\n").as_bytes()).await?;
            let (mut all, mut part) = (Vec::new(), [0; 1000]);
            loop {
                match stream.read(&mut part).await? {
                    0 => return Ok::<_, io::Error>(all),
                    count => all.extend(&part[..count]),
                }
            }
        };
        sleep(SECOND).await;
        assert!(get("file").await? == text);
        for (name, error) in [
            ("toad", "error: "),
            ("../etc/passwd", "error: the name leads out"),
        ] {
            let answer = get(name).await?;
            assert!(String::from_utf8_lossy(&answer).starts_with(error));
        }
        // The power goes in the middle of it; who asks once more gets it all.
        let cut = timeout(Duration::from_millis(30), get("file")).await;
        assert!(cut.is_err());
        sim::control().crash("server");
        sim::control().restart("server");
        let mut attempts = 0;
        loop {
            attempts += 1;
            assert!(attempts < 50, "it is not there any more");
            match timeout(SECOND * 30, get("file")).await {
                Ok(Ok(file)) if file.len() > 100 => {
                    assert!(file == text);
                    return Ok::<(), io::Error>(());
                }
                _ => sleep(SECOND).await,
            }
        }
    });
    simulation.run().unwrap();
}

#[test]
fn the_echo_handler_and_jobs_that_block() {
    let mut simulation = Simulation::new(7);
    simulation.host("server", || async {
        let listener = TcpListener::bind("0.0.0.0:7").await?;
        loop {
            let (stream, _) = listener.accept().await?;
            spawn(echo::echo::<512, _>(stream)).unwrap().detach();
        }
        #[expect(unreachable_code, reason = "it says what the future's type is")]
        Ok::<(), io::Error>(())
    });
    simulation.client("client", async {
        let text = spawn_blocking(|| vec![7; 5000]).await.unwrap();
        let stream = TcpStream::connect("server:7").await?;
        let mut got = vec![0; text.len()];
        stream.write_all(&text).await?;
        stream.read_exact(&mut got).await?;
        assert!(got == text);
        Ok::<(), io::Error>(())
    });
    simulation.run().unwrap();
}
