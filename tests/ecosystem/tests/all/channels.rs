//! Channels that know no runtime: unchanged, between executors, too.

use polliwog::spawn;

use crate::run;

#[test]
fn async_channel_between_threads() {
    let (there, requests) = async_channel::bounded(1);
    let (answers, back) = async_channel::unbounded();
    let thread = std::thread::spawn(move || {
        run(async {
            while let Ok(n) = requests.recv().await {
                answers.send(n * 2).await.unwrap();
            }
        });
    });
    run(async {
        let asking = spawn(async move {
            for n in 0..100 {
                there.send(n).await.unwrap();
            }
        });
        for n in 0..100 {
            assert_eq!(back.recv().await.unwrap(), n * 2);
        }
        asking.unwrap().await.unwrap();
    });
    thread.join().unwrap();
}

/// One thread says something in each of these ways, and a task hears it; then the other end is gone, which it hears, too.
#[test]
fn channels_of_all_kinds_between_a_thread_and_a_task() {
    let (broadcast, mut hear_broadcast) = async_broadcast::broadcast(2);
    let mut hear_too = hear_broadcast.clone();
    let (kanal, hear_kanal) = kanal::bounded_async(1);
    let (thingbuf, hear_thingbuf) = thingbuf::mpsc::channel(2);
    let (oneshot, hear_oneshot) = oneshot::async_channel();
    let thread = std::thread::spawn(move || {
        run(async move {
            for n in 0..100 {
                broadcast.broadcast(n).await.unwrap();
                kanal.send(n).await.unwrap();
                thingbuf.send(n).await.unwrap();
            }
            oneshot.send(100).unwrap();
        });
    });
    run(async {
        let second = spawn(async move {
            let mut sum = 0;
            while let Ok(n) = hear_too.recv().await {
                sum += n;
            }
            sum
        });
        for n in 0..100 {
            assert_eq!(hear_broadcast.recv().await.unwrap(), n);
            assert_eq!(hear_kanal.recv().await.unwrap(), n);
            assert_eq!(hear_thingbuf.recv().await, Some(n));
        }
        assert_eq!(hear_oneshot.await.unwrap(), 100);
        assert!(hear_broadcast.recv().await.is_err());
        assert!(hear_kanal.recv().await.is_err());
        assert_eq!(hear_thingbuf.recv().await, None);
        assert_eq!(second.unwrap().await.unwrap(), 99 * 100 / 2);
    });
    thread.join().unwrap();
}
