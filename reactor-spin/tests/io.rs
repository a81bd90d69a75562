//! Pipes and duplex streams: order, back-pressure, closing, cancelling.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use polliwog_spin::Error;
use polliwog_spin::io::{Pipe, Read, Write};

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Count {
    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn counter() -> (Arc<Count>, Waker) {
    let count = Arc::new(Count::default());
    (count.clone(), count.into())
}

#[test]
fn bytes_come_out_in_order_and_then_the_end() {
    let mut pipe = Pipe::<3>::new();
    let (reader, writer) = pipe.split();
    assert_eq!(writer.try_write(b"abcde"), Ok(3));
    assert_eq!(writer.try_write(b"de"), Err(Error::WouldBlock));
    let mut buf = [0; 2];
    assert_eq!(reader.try_read(&mut buf), Ok(2));
    assert_eq!(&buf, b"ab");
    assert_eq!(writer.try_write(b"de"), Ok(2));
    drop(writer);
    assert_eq!(reader.len(), 3);
    let mut buf = [0; 8];
    assert_eq!(reader.try_read(&mut buf), Ok(3));
    assert_eq!(&buf[..3], b"cde");
    assert_eq!(reader.try_read(&mut buf), Ok(0));
}

#[test]
fn empty_reads_and_writes_never_wait() {
    let mut pipe = Pipe::<1>::new();
    let (reader, writer) = pipe.split();
    assert_eq!(reader.try_read(&mut []), Ok(0));
    assert_eq!(writer.try_write(b"x"), Ok(1));
    assert_eq!(writer.try_write(b""), Ok(0));
}

#[test]
fn a_write_to_nobody_fails() {
    let mut pipe = Pipe::<4>::new();
    let (reader, writer) = pipe.split();
    drop(reader);
    assert_eq!(writer.try_write(b"x"), Err(Error::BrokenPipe));
    assert_eq!(writer.try_write(b""), Err(Error::BrokenPipe));
}

#[test]
fn the_other_side_is_woken_once_and_only_when_it_matters() {
    let mut pipe = Pipe::<2>::new();
    let (reader, writer) = pipe.split();
    let (read_count, read_waker) = counter();
    let mut read_cx = Context::from_waker(&read_waker);
    let mut buf = [0; 2];
    assert!(reader.poll_read(&mut read_cx, &mut buf).is_pending());
    assert!(reader.poll_read(&mut read_cx, &mut buf).is_pending());
    assert_eq!(writer.try_write(b"a"), Ok(1));
    assert_eq!(read_count.get(), 1);
    assert_eq!(writer.try_write(b"b"), Ok(1));
    assert_eq!(read_count.get(), 1);

    let (write_count, write_waker) = counter();
    let mut write_cx = Context::from_waker(&write_waker);
    assert!(writer.poll_write(&mut write_cx, b"c").is_pending());
    assert_eq!(reader.poll_read(&mut read_cx, &mut buf), Poll::Ready(Ok(2)));
    assert_eq!(write_count.get(), 1);

    // Closing wakes too.
    assert!(reader.poll_read(&mut read_cx, &mut buf).is_pending());
    drop(writer);
    assert_eq!(read_count.get(), 2);
    assert_eq!(reader.poll_read(&mut read_cx, &mut buf), Poll::Ready(Ok(0)));
}

#[test]
fn nobody_who_waits_is_displaced() {
    let mut pipe = Pipe::<2>::new();
    let (reader, writer) = pipe.split();
    let (one, one_waker) = counter();
    let (other, other_waker) = counter();
    let mut buf = [0; 2];
    for waker in [&one_waker, &other_waker] {
        let polled = reader.poll_read(&mut Context::from_waker(waker), &mut buf);
        assert!(polled.is_pending());
    }
    // Without an allocator, which the core may have although this crate has none, there is one place; who
    // loses it looks again.
    assert!(one.get() <= usize::from(cfg!(not(feature = "alloc"))));
    assert_eq!(other.get(), 0);
    writer.try_write(b"xy").unwrap();
    assert_eq!((one.get(), other.get()), (1, 1));
    assert_eq!(Arc::strong_count(&one), 2, "the waker is dropped");
    for waker in [&one_waker, &other_waker] {
        let polled = writer.poll_write(&mut Context::from_waker(waker), b"z");
        assert!(polled.is_pending());
    }
    reader.try_read(&mut buf).unwrap();
    assert_eq!((one.get(), other.get()), (2, 2));
}

#[test]
fn a_future_wakes_the_task_that_polled_it_last() {
    let mut pipe = Pipe::<2>::new();
    let (reader, writer) = pipe.split();
    let (old, old_waker) = counter();
    let (new, new_waker) = counter();
    let mut buf = [0; 2];
    let mut read = pin!(reader.read(&mut buf));
    for waker in [&old_waker, &new_waker] {
        let mut cx = Context::from_waker(waker);
        assert!(read.as_mut().poll(&mut cx).is_pending());
    }
    assert_eq!(Arc::strong_count(&old), 2, "the old waker is dropped");
    writer.try_write(b"x").unwrap();
    assert_eq!((old.get(), new.get()), (0, 1));
}

#[test]
fn promise_17_one_that_gives_up_costs_the_others_nothing() {
    let mut pipe = Pipe::<1>::new();
    let (reader, writer) = pipe.split();
    let (counts, wakers): (Vec<_>, Vec<_>) = (0..3).map(|_| counter()).unzip();
    let mut bufs = [[0; 1]; 3];
    let mut reads: Vec<_> = bufs
        .iter_mut()
        .map(|buf| Box::pin(reader.read(buf)))
        .collect();
    for (read, waker) in reads.iter_mut().zip(&wakers) {
        assert!(
            read.as_mut()
                .poll(&mut Context::from_waker(waker))
                .is_pending()
        );
    }
    drop(reads.remove(0));
    drop(reads.remove(1));
    writer.try_write(b"x").unwrap();
    assert_eq!(counts[1].get(), 1);
    for given_up in [&counts[0], &counts[2]] {
        assert_eq!(Arc::strong_count(given_up), 2, "its waker is dropped");
    }
    let mut cx = Context::from_waker(Waker::noop());
    assert_eq!(reads[0].as_mut().poll(&mut cx), Poll::Ready(Ok(1)));
    drop(reads);
    // The same to write.
    writer.try_write(b"y").unwrap();
    let mut writes: Vec<_> = (0..3).map(|_| Box::pin(writer.write(b"z"))).collect();
    for (write, waker) in writes.iter_mut().zip(&wakers) {
        assert!(
            write
                .as_mut()
                .poll(&mut Context::from_waker(waker))
                .is_pending()
        );
    }
    let before = counts[1].get();
    drop(writes.remove(0));
    drop(writes.remove(1));
    reader.try_read(&mut [0]).unwrap();
    assert_eq!(counts[1].get(), before + 1);
}

#[test]
fn a_stream_that_is_always_ready_leaves_room_for_others() {
    use polliwog_spin::{Flag, Runtime, TaskPool};
    static POOL: TaskPool<4, 512> = TaskPool::new();
    static FLAG: Flag = Flag::new();
    let runtime = Runtime::builder().build_in(&POOL, &FLAG).unwrap();
    let rounds = std::rc::Rc::new(std::cell::Cell::new(0));
    let seen = rounds.clone();
    let beside = runtime.spawn(async move {
        for _ in 0..5 {
            seen.set(seen.get() + 1);
            polliwog_core::yield_now().await;
        }
    });
    let mut most = 0;
    runtime.block_on(async {
        let mut pipe = Pipe::<1>::new();
        let (reader, writer) = pipe.split();
        for _ in 0..300 {
            // Neither ever waits.
            let before = rounds.get();
            writer.write(b"x").await.unwrap();
            reader.read(&mut [0]).await.unwrap();
            most += usize::from(rounds.get() != before);
        }
    });
    assert!(most >= 3, "the other task has run {most} times in between");
    runtime.block_on(beside.unwrap()).unwrap();
}

#[test]
fn cancelled_operations_have_done_nothing() {
    let mut pipe = Pipe::<2>::new();
    let (reader, writer) = pipe.split();
    let mut cx = Context::from_waker(Waker::noop());
    let mut buf = [0; 2];
    {
        let mut read = pin!(reader.read(&mut buf));
        assert!(read.as_mut().poll(&mut cx).is_pending());
    }
    writer.try_write(b"ab").unwrap();
    {
        let mut write = pin!(writer.write(b"cd"));
        assert!(write.as_mut().poll(&mut cx).is_pending());
    }
    assert_eq!(reader.try_read(&mut buf), Ok(2));
    assert_eq!(&buf, b"ab");
    assert!(reader.is_empty());
}

#[test]
fn a_new_pair_starts_afresh() {
    let mut pipe = Pipe::<4>::new();
    {
        let (_reader, writer) = pipe.split();
        writer.try_write(b"old").unwrap();
    }
    let (reader, writer) = pipe.split();
    writer.try_write(b"new").unwrap();
    let mut buf = [0; 8];
    assert_eq!(reader.try_read(&mut buf), Ok(3));
    assert_eq!(&buf[..3], b"new");
}

/// A waker that uses the pipe it waits at when it is woken and when it is dropped.
#[test]
fn foreign_wakers_may_use_the_pipe() {
    use polliwog_spin::io::{PipeReader, PipeWriter};
    use std::cell::{Cell, OnceCell};
    std::thread_local! {
        static ENDS: OnceCell<(PipeReader<'static, 2>, PipeWriter<'static, 2>)> = const { OnceCell::new() };
        static CALLS: Cell<[usize; 2]> = const { Cell::new([0; 2]) };
    }
    /// Panics if the pipe is borrowed.
    fn look(call: usize) {
        ENDS.with(|ends| ends.get().unwrap().0.len());
        let mut calls = CALLS.get();
        calls[call] += 1;
        CALLS.set(calls);
    }
    struct Nosy;
    impl Wake for Nosy {
        fn wake(self: Arc<Self>) {
            look(0);
        }
    }
    impl Drop for Nosy {
        fn drop(&mut self) {
            look(1);
        }
    }
    let pipe: &'static mut Pipe<2> = Box::leak(Box::new(Pipe::new()));
    ENDS.with(|ends| ends.set(pipe.split()).unwrap());
    ENDS.with(|ends| {
        let (reader, writer) = ends.get().unwrap();
        let nosy = || Waker::from(Arc::new(Nosy));
        let mut buf = [0];
        // Replaced by another.
        let mut read = pin!(reader.read(&mut buf));
        for waker in [nosy(), nosy()] {
            let mut cx = Context::from_waker(&waker);
            assert!(read.as_mut().poll(&mut cx).is_pending());
        }
        assert_eq!(CALLS.get(), [0, 1]);
        // Woken.
        writer.try_write(b"x").unwrap();
        assert_eq!(CALLS.get(), [1, 2]);
    });
    ENDS.with(|ends| {
        let (reader, _) = ends.get().unwrap();
        reader.try_read(&mut [0]).unwrap();
        // Given up.
        {
            let mut buf = [0];
            let mut read = pin!(reader.read(&mut buf));
            let waker = Waker::from(Arc::new(Nosy));
            assert!(
                read.as_mut()
                    .poll(&mut Context::from_waker(&waker))
                    .is_pending()
            );
        }
        assert_eq!(CALLS.get(), [1, 3]);
    });
}

/// The same code for every stream.
async fn copy(mut from: impl Read<Error = Error>, mut to: impl Write<Error = Error>) -> usize {
    let mut buf = [0; 7];
    let mut sum = 0;
    loop {
        match from.read(&mut buf).await.unwrap() {
            0 => return sum,
            count => {
                to.write_all(&buf[..count]).await.unwrap();
                sum += count;
            }
        }
    }
}

#[test]
fn the_traits_work() {
    polliwog_spin::block_on(async {
        let mut pipe = Pipe::<5>::new();
        let (reader, mut writer) = pipe.split();
        Write::write_all(&mut writer, b"hop").await.unwrap();
        writer.flush().await.unwrap();
        drop(writer);
        let mut other = Pipe::<5>::new();
        let (out, to) = other.split();
        assert_eq!(copy(reader, to).await, 3);
        let mut buf = [0; 5];
        assert_eq!(out.read(&mut buf).await, Ok(3));
    });
}

#[cfg(feature = "alloc")]
mod duplex {
    use super::*;
    use polliwog_spin::io::duplex;

    #[test]
    fn much_passes_through_little_in_both_directions() {
        for seed in 0..10 {
            let runtime = polliwog_spin::Runtime::new(seed);
            runtime.block_on(async {
                let (near, far) = duplex(3);
                let echo = polliwog_spin::spawn(async move { copy(&far, &far).await }).unwrap();
                let data: Vec<u8> = (0..10_000).map(|i| i as u8).collect();
                let near = std::rc::Rc::new(near);
                let sender = polliwog_spin::spawn({
                    let (near, data) = (near.clone(), data.clone());
                    async move {
                        near.write_all(&data).await.unwrap();
                        near.close();
                    }
                })
                .unwrap();
                let mut back = Vec::new();
                let mut buf = [0; 11];
                loop {
                    match near.read(&mut buf).await.unwrap() {
                        0 => break,
                        count => back.extend_from_slice(&buf[..count]),
                    }
                }
                sender.await.unwrap();
                assert_eq!(echo.await.unwrap(), data.len());
                assert!(back == data);
                assert_eq!(near.write(b"x").await, Err(Error::BrokenPipe));
            });
        }
    }

    #[test]
    fn dropping_one_end_ends_the_other() {
        let (near, far) = duplex(8);
        near.try_write(b"last").unwrap();
        let (count, waker) = counter();
        let mut cx = Context::from_waker(&waker);
        let mut buf = [0; 8];
        assert_eq!(far.poll_read(&mut cx, &mut buf), Poll::Ready(Ok(4)));
        assert!(far.poll_read(&mut cx, &mut buf).is_pending());
        assert_eq!(far.try_write(b"12345678"), Ok(8));
        assert!(far.poll_write(&mut cx, b"9").is_pending());
        drop(near);
        assert_eq!(count.get(), 2);
        assert_eq!(far.poll_read(&mut cx, &mut buf), Poll::Ready(Ok(0)));
        assert_eq!(
            far.poll_write(&mut cx, b"9"),
            Poll::Ready(Err(Error::BrokenPipe))
        );
    }
}
