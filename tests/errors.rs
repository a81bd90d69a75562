//! Every error passes through `?` where people use it: in functions that return `io::Result`,
//! `Box<dyn Error + Send + Sync>`, and `anyhow::Result` or the like.
//!
//! That is a matter of types, so most of it is tested once this compiles.

#![cfg(any(feature = "mio", all(feature = "spin", feature = "std")))]

use std::error::Error;
use std::future::pending;
use std::io;
use std::rc::Rc;

use polliwog::conformance::ThreadReactor;
use polliwog::sources::SourcesFull;
use polliwog::sync::{
    AcquireError, Mutex, OnceCell, Semaphore, SetError, SetOnceError, TryAcquireError,
    TryLockError, broadcast, mpsc, oneshot,
};
use polliwog::time::Elapsed;
use polliwog::{
    Executor, JoinError, PoolInUseError, RunError, Runtime, SpawnError, SpawnErrorKind, TaskPool,
    TryNewError, TrySpawnError,
};

/// Wants of an error what `anyhow::Error` wants.
#[derive(Debug)]
struct Anyhow;

impl<E: Error + Send + Sync + 'static> From<E> for Anyhow {
    fn from(_: E) -> Self {
        Self
    }
}

fn into_io<E: Into<io::Error>>(error: E) -> io::Result<()> {
    Err(error.into())
}

fn into_box<E: Error + Send + Sync + 'static>(
    error: E,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    Err(error)?
}

fn into_anyhow<E: Error + Send + Sync + 'static>(error: E) -> Result<(), Anyhow> {
    Err(error)?
}

/// Passes an error on in all three ways; the text must not get lost. Returns the kind.
fn passes<E>(error: impl Fn() -> E) -> io::ErrorKind
where
    E: Error + Send + Sync + Into<io::Error> + 'static,
{
    let text = error().to_string();
    let through_io = into_io(error()).unwrap_err();
    assert_eq!(through_io.to_string(), text);
    assert_eq!(into_box(error()).unwrap_err().to_string(), text);
    into_anyhow(error()).unwrap_err();
    through_io.kind()
}

/// What no thread but this one may have.
fn not_send() -> Rc<()> {
    Rc::new(())
}

#[test]
fn every_error_of_the_executor_passes_through_a_question_mark() {
    use io::ErrorKind::{NotConnected, Other, OutOfMemory, ResourceBusy, TimedOut};

    let kind = SpawnErrorKind::TasksFull { capacity: 3 };
    assert_eq!(passes(|| kind), OutOfMemory);
    assert_eq!(passes(|| SpawnError::from(kind)), OutOfMemory);
    let gone = SpawnError::from(SpawnErrorKind::NoExecutor);
    assert_eq!(passes(|| gone), NotConnected);
    let wrapped = io::Error::from(gone);
    let inner = wrapped.get_ref().and_then(|inner| inner.downcast_ref());
    assert_eq!(inner, Some(&gone));

    assert_eq!(passes(|| JoinError::Aborted), Other);
    let panicked = || JoinError::Panicked(polliwog::task::Panic::new(Box::new("ribbit")));
    assert_eq!(passes(panicked), Other);
    assert_eq!(panicked().to_string(), "the task panicked: ribbit");

    assert_eq!(passes(Elapsed::default), TimedOut);
    assert_eq!(passes(|| SourcesFull { capacity: 7 }), OutOfMemory);
    static POOL: TaskPool<1, 64> = TaskPool::new();
    let _first = Executor::new(&POOL, ThreadReactor::new()).unwrap();
    let taken = || Executor::new(&POOL, ThreadReactor::new()).unwrap_err();
    assert_eq!(passes(taken), ResourceBusy);
    let given_back = Executor::try_new(&POOL, ThreadReactor::new()).unwrap_err();
    let _: ThreadReactor = given_back.into_inner();
    assert_eq!(passes(|| RunError::<io::Error>::Nested), Other);
    let full = || RunError::<io::Error>::TasksFull { capacity: 1 };
    assert_eq!(passes(full), OutOfMemory);
    // The reactor's own error stays what it is.
    let reactor = RunError::Reactor(io::Error::from(io::ErrorKind::BrokenPipe));
    let passed = into_io(reactor).unwrap_err();
    assert_eq!(passed.kind(), io::ErrorKind::BrokenPipe);
}

/// Nothing of the future or of the reactor is in what is passed on.
#[test]
fn what_cannot_be_sent_does_not_keep_an_error_from_being_passed_on() {
    async fn with(value: Rc<()>) {
        let _value = value;
        pending::<()>().await;
    }

    fn spawned() -> Result<(), Box<dyn Error + Send + Sync>> {
        polliwog::executor::spawn(with(not_send()))?.detach();
        Ok(())
    }
    fn tried() -> Result<(), SpawnError> {
        polliwog::executor::try_spawn(with(not_send()))?.detach();
        Ok(())
    }
    fn tried_in_io() -> io::Result<()> {
        polliwog::executor::try_spawn(with(not_send()))?.detach();
        Ok(())
    }
    let text = "no executor runs on this thread";
    assert_eq!(spawned().unwrap_err().to_string(), text);
    assert_eq!(tried().unwrap_err().to_string(), text);
    assert_eq!(tried_in_io().unwrap_err().to_string(), text);

    fn is_small<E: Copy + Error + Send + Sync + 'static>() {
        assert!(size_of::<E>() <= 3 * size_of::<usize>());
    }
    is_small::<SpawnError>();
    is_small::<PoolInUseError>();
    fn converts<T, E: From<T>>() {}
    converts::<TrySpawnError<Rc<()>>, SpawnError>();
    converts::<TrySpawnError<Rc<()>>, io::Error>();
    converts::<TryNewError<Rc<()>>, PoolInUseError>();
    converts::<TryNewError<Rc<()>>, io::Error>();
}

/// As a program would write it.
#[test]
fn a_program_passes_on_what_a_full_runtime_says() {
    #[cfg(feature = "mio")]
    let runtime = Runtime::builder().max_tasks(1).build().unwrap();
    #[cfg(not(feature = "mio"))]
    let runtime = Runtime::builder().max_tasks(1).build();

    async fn in_a_box(rc: Rc<()>) -> Result<u32, Box<dyn Error + Send + Sync>> {
        let task = polliwog::spawn(async move { Rc::strong_count(&rc) as u32 })?;
        Ok(task.await?)
    }
    async fn in_anyhow(rc: Rc<()>) -> Result<u32, Anyhow> {
        let task = polliwog::spawn(async move { Rc::strong_count(&rc) as u32 })?;
        Ok(task.await?)
    }
    async fn in_io(rc: Rc<()>) -> io::Result<u32> {
        let task = polliwog::spawn(async move { Rc::strong_count(&rc) as u32 })?;
        Ok(task.await?)
    }
    async fn remotely() -> Result<u32, Box<dyn Error + Send + Sync>> {
        let handle = polliwog::Handle::current().ok_or("no executor")?;
        let one = handle.spawn(async { 1 })?;
        let two = handle.spawn_with(|| async { 2 })?;
        Ok(one.await? + two.await?)
    }
    runtime.block_on(async {
        let error = in_a_box(not_send()).await.unwrap_err();
        assert_eq!(
            error.downcast_ref::<SpawnError>().map(SpawnError::kind),
            Some(SpawnErrorKind::TasksFull { capacity: 1 })
        );
        in_anyhow(not_send()).await.unwrap_err();
        assert_eq!(
            in_io(not_send()).await.unwrap_err().kind(),
            io::ErrorKind::OutOfMemory
        );
        // One may wait, the second is refused.
        remotely().await.unwrap_err();
        let refused = runtime.try_spawn(async { 5 }).unwrap_err();
        assert_eq!(refused.error().kind(), refused.kind());
        assert_eq!(refused.into_inner().await, 5);
        let refused = polliwog::try_spawn(async { 6 }).unwrap_err();
        assert_eq!(refused.into_inner().await, 6);
    });
}

#[cfg(feature = "mio")]
#[test]
fn every_error_of_the_mio_reactor_passes_through_a_question_mark() {
    use polliwog::BlockingError;
    use polliwog::mio::blocking::{RejectReason, Rejected};
    use polliwog::net::{TcpListener, TcpStream};

    let full = || RejectReason::QueueFull(3);
    assert_eq!(passes(full), io::ErrorKind::Other);
    assert_eq!(passes(|| BlockingError::from(full())), io::ErrorKind::Other);
    let panicked = || BlockingError::Panicked(polliwog::task::Panic::new(Box::new("croak")));
    assert_eq!(passes(panicked), io::ErrorKind::Other);
    let rejected = || Rejected {
        job: not_send(),
        reason: full(),
    };
    assert_eq!(
        into_io(rejected()).unwrap_err().to_string(),
        full().to_string()
    );
    fn converts<T, E: From<T>>() {}
    converts::<Rejected<Rc<()>>, BlockingError>();

    async fn seven() -> Result<u32, Anyhow> {
        Ok(polliwog::spawn_blocking(|| 7).await?)
    }
    async fn split() -> io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let one = TcpStream::connect(listener.local_addr()?).await?;
        let two = TcpStream::connect(listener.local_addr()?).await?;
        let ((reader, _writer), (_reader, writer)) = (one.into_split(), two.into_split());
        reader.reunite(writer)?;
        Ok(())
    }
    polliwog::block_on(async {
        assert_eq!(seven().await.unwrap(), 7);
        let error = split().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    });
}

#[cfg(all(feature = "spin", feature = "std"))]
#[test]
fn every_error_of_the_spin_reactor_passes_through_a_question_mark() {
    use polliwog::spin::{Error as SpinError, Limit};

    let full = io::ErrorKind::OutOfMemory;
    assert_eq!(passes(|| SpinError::from(Limit::Sockets)), full);
    assert_eq!(passes(|| SpinError::BrokenPipe), io::ErrorKind::BrokenPipe);
    into_box(Limit::Memory).unwrap_err();

    fn waits_for_nobody() -> io::Result<()> {
        let runtime = polliwog::spin::Runtime::new(1);
        runtime.try_block_on(pending::<()>())?;
        Ok(())
    }
    assert_eq!(waits_for_nobody().unwrap_err().kind(), io::ErrorKind::Other);
}

#[test]
fn every_error_of_channels_and_locks_passes_through_a_question_mark() {
    use io::ErrorKind::{AlreadyExists, BrokenPipe, Other, TimedOut, UnexpectedEof, WouldBlock};

    let kinds = [
        (passes(|| mpsc::SendError(7)), BrokenPipe),
        (passes(|| mpsc::TrySendError::Full(7)), WouldBlock),
        (passes(|| mpsc::TrySendError::Closed(7)), BrokenPipe),
        (passes(|| mpsc::SendTimeoutError::Timeout(7)), TimedOut),
        (passes(|| mpsc::SendTimeoutError::Closed(7)), BrokenPipe),
        (passes(|| mpsc::TryRecvError::Empty), WouldBlock),
        (passes(|| mpsc::TryRecvError::Disconnected), UnexpectedEof),
        (passes(|| oneshot::error::TryRecvError::Empty), WouldBlock),
        (
            passes(|| oneshot::error::TryRecvError::Closed),
            UnexpectedEof,
        ),
        (passes(|| broadcast::RecvError::Closed), UnexpectedEof),
        (passes(|| broadcast::RecvError::Lagged(7)), Other),
        (passes(|| broadcast::TryRecvError::Empty), WouldBlock),
        (passes(|| broadcast::TryRecvError::Closed), UnexpectedEof),
        (passes(|| broadcast::TryRecvError::Lagged(7)), Other),
        (passes(|| TryAcquireError::NoPermits), WouldBlock),
        (passes(|| TryAcquireError::Closed), BrokenPipe),
        (passes(|| SetOnceError(7)), AlreadyExists),
    ];
    for (index, (kind, expected)) in kinds.into_iter().enumerate() {
        assert_eq!(kind, expected, "number {index}");
    }
    // What is not `Send` is left out.
    let errors = [
        (passes(|| mpsc::SendError(not_send()).error()), BrokenPipe),
        (
            passes(|| mpsc::TrySendError::Full(not_send()).error()),
            WouldBlock,
        ),
        (
            passes(|| mpsc::TrySendError::Closed(not_send()).error()),
            BrokenPipe,
        ),
        (
            passes(|| mpsc::SendTimeoutError::Timeout(not_send()).error()),
            TimedOut,
        ),
        (
            passes(|| mpsc::SendTimeoutError::Closed(not_send()).error()),
            BrokenPipe,
        ),
        (
            passes(|| SetError::AlreadyInitializedError(not_send()).error()),
            AlreadyExists,
        ),
        (
            passes(|| SetError::InitializingError(not_send()).error()),
            WouldBlock,
        ),
        (passes(|| SetOnceError(not_send()).error()), AlreadyExists),
    ];
    for (index, (kind, expected)) in errors.into_iter().enumerate() {
        assert_eq!(kind, expected, "number {index} without its value");
    }
    // In an `io::Error` it is dropped.
    assert_eq!(
        io::Error::from(mpsc::SendError(not_send())).kind(),
        BrokenPipe
    );

    let closed = Semaphore::new(0);
    closed.close();
    let acquire = || -> AcquireError {
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::pin!(closed.acquire()).poll(&mut cx) {
            std::task::Poll::Ready(Err(error)) => error,
            _ => panic!("it is closed"),
        }
    };
    assert_eq!(passes(acquire), BrokenPipe);
    let mutex = Mutex::new(0);
    let _guard = mutex.try_lock().unwrap();
    let locked = || -> TryLockError { mutex.try_lock().map(drop).unwrap_err() };
    assert_eq!(passes(locked), WouldBlock);
    let cell = OnceCell::from(7);
    assert_eq!(passes(|| cell.set(8).unwrap_err()), AlreadyExists);
    let received = || {
        let (sender, receiver) = oneshot::channel::<u8>();
        drop(sender);
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::pin!(receiver).poll(&mut cx) {
            std::task::Poll::Ready(Err(error)) => error,
            _ => panic!("nobody sends"),
        }
    };
    assert_eq!(passes(received), UnexpectedEof);
}
