//! tokio-stream and async-stream: adapters, sources and merging for our streams, which are `futures_core`'s.
//! Nothing is needed for it.

use std::time::Duration;

use async_stream::{stream, try_stream};
use polliwog::net::{TcpListener, TcpStream};
use polliwog::sync::local::{broadcast, mpsc};
use polliwog::task::JoinSet;
use polliwog::time::{self, Instant};
use tokio_stream::{Stream, StreamExt, StreamMap};

use crate::run;

#[test]
fn adapters_take_what_a_subscriber_gets() {
    run(async {
        let (sender, mut receiver) = broadcast::channel(16);
        for word in ["1", "two", "3", "four", "five", "6", "7"] {
            sender.send(word).unwrap();
        }
        drop(sender);
        let digits = receiver
            .stream()
            .filter_map(|word| word.unwrap().parse::<u32>().ok())
            .take(3);
        assert_eq!(digits.collect::<Vec<_>>().await, [1, 3, 6]);
    });
}

#[test]
fn an_interval_is_a_stream_like_others() {
    run(async {
        let period = Duration::from_millis(5);
        let start = Instant::now();
        let ticks = time::interval_at(start, period).into_stream().take(4);
        let ticks: Vec<_> = ticks.collect().await;
        assert_eq!(ticks[3] - ticks[0], 3 * period);
    });
}

#[test]
fn streams_are_written_with_await_and_yield() {
    run(async {
        let numbers = stream! {
            for number in 0..3 {
                time::sleep(Duration::from_millis(1)).await;
                yield number;
            }
        };
        let doubled = stream! {
            polliwog::pin!(numbers);
            while let Some(number) = numbers.next().await {
                yield 2 * number;
            }
        };
        assert_eq!(doubled.collect::<Vec<u32>>().await, [0, 2, 4]);
    });
}

/// Of accepted connections, as a server would write it; `?` ends it.
fn accepted(listener: TcpListener) -> impl Stream<Item = std::io::Result<TcpStream>> {
    try_stream! {
        loop {
            let (connection, _) = listener.accept().await?;
            yield connection;
        }
    }
}

#[test]
fn connections_are_accepted_by_a_stream() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = accepted(listener).take(3);
        polliwog::pin!(connections);
        let mut clients = Vec::new();
        for _ in 0..3 {
            clients.push(TcpStream::connect(address).await.unwrap());
            let server = connections.next().await.unwrap().unwrap();
            let client = clients.last().unwrap().local_addr().unwrap();
            assert_eq!(server.peer_addr().unwrap(), client);
        }
        assert!(connections.next().await.is_none());
    });
}

#[test]
fn streams_are_merged_by_name_and_come_and_go() {
    run(async {
        let (first_sender, first) = mpsc::channel(4);
        let (second_sender, second) = mpsc::channel(4);
        let mut map = StreamMap::new();
        map.insert("first", first);
        map.insert("second", second);
        let mut tasks = JoinSet::new();
        for (sender, from) in [(first_sender, 0), (second_sender, 100)] {
            let send = async move {
                for number in from..from + 10 {
                    sender.send(number).await.unwrap();
                }
            };
            tasks.spawn(send).unwrap();
        }
        let (mut from_first, mut from_second) = (Vec::new(), Vec::new());
        while let Some((name, number)) = map.next().await {
            match name {
                "first" => from_first.push(number),
                _ => from_second.push(number),
            }
        }
        assert_eq!(from_first, Vec::from_iter(0..10));
        assert_eq!(from_second, Vec::from_iter(100..110));
        assert!(map.is_empty(), "who has ended is taken out");
        tasks.join_all().await;
    });
}

#[test]
fn the_ends_of_tasks_are_merged_with_another_stream() {
    run(async {
        let mut tasks = JoinSet::new();
        for number in 0..3u64 {
            let wait = async move {
                time::sleep(Duration::from_millis(3 - number)).await;
                number
            };
            tasks.spawn(wait).unwrap();
        }
        let ends = tasks.map(Result::unwrap).merge(tokio_stream::iter([100]));
        let mut all: Vec<_> = ends.collect().await;
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 100]);
    });
}
