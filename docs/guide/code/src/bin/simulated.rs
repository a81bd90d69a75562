//! A server that forgets after a crash, found by a search over simulated crashes.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use polliwog::sim::net::{TcpListener, TcpStream};
use polliwog::sim::{self, Builder, Failure, History, Nemesis, Report, Simulation, fs};
use polliwog::time::{sleep, timeout};

// ANCHOR: server
/// Keeps a number. Whoever connects sends another one, or zero, and gets the one that is kept then.
async fn register(synced: bool) -> io::Result<()> {
    let kept = fs::read("number").await.unwrap_or_default();
    let mut number = kept.try_into().map_or(0, u64::from_le_bytes);
    let listener = TcpListener::bind("0.0.0.0:80").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let mut request = [0; 8];
        if stream.read_exact(&mut request).await.is_err() {
            continue;
        }
        if request != [0; 8] {
            keep(&request, synced).await?;
            number = u64::from_le_bytes(request);
        }
        stream.write_all(&number.to_le_bytes()).await.ok();
    }
}

/// The old number is there until the new one is.
async fn keep(number: &[u8], synced: bool) -> io::Result<()> {
    let mut file = fs::File::create("new").await?;
    file.write_all(number).await?;
    if synced {
        file.sync_all().await?;
    }
    fs::rename("new", "number").await?;
    if synced {
        // The new name, too.
        fs::File::open(".").await?.sync_all().await?;
    }
    Ok(())
}
// ANCHOR_END: server

// ANCHOR: client
/// Asks until there is an answer.
async fn ask(request: u64) -> u64 {
    let attempt = || async {
        let stream = TcpStream::connect("register:80").await?;
        stream.write_all(&request.to_le_bytes()).await?;
        let mut answer = [0; 8];
        stream.read_exact(&mut answer).await?;
        io::Result::Ok(u64::from_le_bytes(answer))
    };
    loop {
        match timeout(Duration::from_secs(1), attempt()).await {
            Ok(Ok(answer)) => return answer,
            _ => sleep(Duration::from_millis(100)).await,
        }
    }
}
// ANCHOR_END: client

// ANCHOR: first
/// Two hosts and a network that is well.
fn calm() -> Result<Report, Failure> {
    let mut simulation = Simulation::new(42);
    simulation.host("register", || register(false));
    simulation.client("client", async {
        assert_eq!(ask(7).await, 7);
        sleep(Duration::from_secs(60)).await;
        assert_eq!(ask(0).await, 7);
    });
    simulation.run()
}
// ANCHOR_END: first

// ANCHOR: scene
/// The same in bad weather: the server's machine may crash, up to four times in ten seconds. A search gives the
/// builder, with a seed in it; for a single run `Simulation::builder(seed)` makes one.
fn stormy(builder: Builder, synced: bool) -> Result<Report, Failure> {
    let nemesis = Nemesis::new("register")
        .faults(0, 4)
        .within(Duration::from_secs(10))
        .crashes();
    let mut simulation = builder.nemesis(nemesis).build();
    simulation.host("register", move || register(synced));
    let history = History::new(0);
    simulation.client("client", async move {
        for number in 1..=20 {
            let write = history.write(number);
            ask(number).await;
            write.done();
            sleep(Duration::from_millis(500)).await;
            let read = history.read();
            read.saw(ask(0).await);
        }
        if let Err(error) = history.check() {
            panic!("{error}");
        }
    });
    simulation.run()
}
// ANCHOR_END: scene

// ANCHOR: state
/// Says in which state a host is; in a build that is not simulated, to nobody.
fn state(_name: &str, _value: u64) {
    #[cfg(feature = "sim")]
    sim::state(_name, _value);
}
// ANCHOR_END: state

// ANCHOR: steps
/// A server that gives up if it is killed early for the fourth time in a row.
fn steps(builder: Builder) -> Result<Report, Failure> {
    let nemesis = Nemesis::new("node")
        .faults(0, 5)
        .within(Duration::from_secs(10))
        .lasting(Duration::from_millis(1), Duration::from_millis(50))
        .kills();
    let mut simulation = builder.nemesis(nemesis).build();
    let early = Rc::new(Cell::new(0));
    simulation.host("node", move || {
        let early = Rc::clone(&early);
        early.set(early.get() + 1);
        async move {
            assert!(early.get() < 4, "it gives up");
            state("early deaths", early.get());
            sleep(Duration::from_millis(100)).await;
            early.set(0);
            std::future::pending::<()>().await;
        }
    });
    simulation.client("client", sleep(Duration::from_secs(15)));
    simulation.run()
}
// ANCHOR_END: steps

// ANCHOR: search
/// Tells the story of the first seed that fails.
fn search() {
    match sim::explore(0..1000, 0, |builder| stormy(builder, false)).found {
        Some(found) => print!("{found}"),
        None => println!("nothing found"),
    }
}
// ANCHOR_END: search

fn main() {
    println!("calm: {}", calm().is_ok());
    search();
    let guided = sim::explore_guided(0..1000, 0, steps);
    let found = guided.found.is_some();
    println!("four steps: {found}, after {} runs", guided.tried);
}

// ANCHOR: test
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_well_without_faults() {
        calm().unwrap();
    }

    #[test]
    fn what_was_written_is_read_after_crashes() {
        sim::explore(0..200, 0, |builder| stormy(builder, true)).unwrap();
    }

    #[test]
    #[should_panic(expected = "not linearizable")]
    fn without_a_sync_it_is_not() {
        sim::explore(0..1000, 0, |builder| stormy(builder, false)).unwrap();
    }

    #[test]
    #[should_panic(expected = "it gives up")]
    fn what_takes_four_steps_is_found() {
        sim::explore_guided(0..1000, 0, steps).unwrap();
    }

    #[test]
    fn a_seed_is_the_same_run_each_time() {
        for seed in 0..5 {
            sim::check(seed, |builder| stormy(builder, true)).unwrap();
        }
    }
}
// ANCHOR_END: test
