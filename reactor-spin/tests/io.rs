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
fn the_waker_of_the_last_poll_counts() {
    let mut pipe = Pipe::<2>::new();
    let (reader, writer) = pipe.split();
    let (old, old_waker) = counter();
    let (new, new_waker) = counter();
    let mut buf = [0; 2];
    assert!(
        reader
            .poll_read(&mut Context::from_waker(&old_waker), &mut buf)
            .is_pending()
    );
    assert!(
        reader
            .poll_read(&mut Context::from_waker(&new_waker), &mut buf)
            .is_pending()
    );
    assert_eq!(Arc::strong_count(&old), 2, "the old waker is dropped");
    writer.try_write(b"x").unwrap();
    assert_eq!((old.get(), new.get()), (0, 1));
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

/// A waker that uses the pipe it waits at when it is dropped.
#[test]
fn foreign_wakers_may_use_the_pipe() {
    use std::sync::Mutex;
    static LOG: Mutex<Vec<&str>> = Mutex::new(Vec::new());
    std::thread_local! {
        static PIPE: &'static Pipe<2> = Box::leak(Box::new(Pipe::new()));
    }
    struct Nosy;
    impl Wake for Nosy {
        fn wake(self: Arc<Self>) {
            LOG.lock().unwrap().push("wake");
        }
    }
    impl Drop for Nosy {
        fn drop(&mut self) {
            // Would panic if the pipe were borrowed: its debug output names the length then.
            LOG.lock()
                .unwrap()
                .push(if PIPE.with(|pipe| format!("{pipe:?}")).contains("len") {
                    "drop, not borrowed"
                } else {
                    "drop, borrowed"
                });
        }
    }
    // A mutable way in, before the shared one.
    let pipe: &'static mut Pipe<2> = Box::leak(Box::new(Pipe::new()));
    let (reader, _writer) = pipe.split();
    let mut buf = [0];
    let nosy = Waker::from(Arc::new(Nosy));
    assert!(
        reader
            .poll_read(&mut Context::from_waker(&nosy), &mut buf)
            .is_pending()
    );
    drop(nosy);
    assert!(
        reader
            .poll_read(&mut Context::from_waker(Waker::noop()), &mut buf)
            .is_pending()
    );
    assert_eq!(*LOG.lock().unwrap(), ["drop, not borrowed"]);
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
