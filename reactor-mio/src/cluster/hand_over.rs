//! Sockets that go on elsewhere: [`ClusterHandle::hand_over`].

use polliwog_core::__private::Origin;
use polliwog_core::RemoteHandle;

use super::ClusterHandle;
use super::task::Make;
use crate::net::moving::{Detached, Movable, MoveError};

impl ClusterHandle {
    /// Moves a socket to any worker, where `serve` makes a future of it. As a task it may be taken over by
    /// whoever is idle before it begins, and the socket with it.
    ///
    /// Nothing is lost on the way: see [`Movable`]. What has been read already goes along in the closure.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Cluster;
    /// use polliwog::net::{TcpListener, TcpStream};
    ///
    /// let cluster = Cluster::builder().workers(2).build()?;
    /// polliwog::block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let (stream, _peer) = listener.accept().await?;
    ///     let served = cluster.hand_over(stream, |stream| async move {
    ///         stream.write_all(b"quak").await
    ///     })?;
    ///     served.await??;
    ///     let mut quak = [0; 4];
    ///     client.read_exact(&mut quak).await
    /// })
    /// # ?;
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`MoveError`], which has the socket as it was, in its runtime: when the cluster does not take the task (as
    /// [`spawn`](Self::spawn)), or the system does not take the socket out of its selector. A task that has been
    /// taken closes the socket when it is aborted, and so when the cluster ends before it begins.
    #[track_caller]
    pub fn hand_over<S, M, F>(
        &self,
        socket: S,
        serve: M,
    ) -> Result<RemoteHandle<F::Output>, MoveError<S>>
    where
        S: Movable + 'static,
        M: FnOnce(S) -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        self.submit_moved(None, socket, serve, Origin::here::<F>())
    }

    /// Moves a socket to one worker, where `serve` makes a future of it: see [`hand_over`](Self::hand_over). To
    /// the worker of a key: `hand_over_to(cluster.worker_of(key), …)`.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
    /// use polliwog::cluster::Worker;
    /// use polliwog::net::TcpStream;
    ///
    /// /// What a connection's first line is about has a worker of its own.
    /// async fn route(stream: TcpStream) -> Result<(), Box<dyn std::error::Error>> {
    ///     let mut room = [0; 8];
    ///     stream.read_exact(&mut room).await?;
    ///     let cluster = Worker::current().ok_or("this is no worker")?.cluster().clone();
    ///     let worker = cluster.worker_of(u64::from_le_bytes(room));
    ///     cluster.hand_over_to(worker, stream, |stream| async move {
    ///         stream.write_all(b"welcome").await
    ///     })?.detach();
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`hand_over`](Self::hand_over).
    ///
    /// # Panics
    ///
    /// If there is no such worker.
    #[track_caller]
    pub fn hand_over_to<S, M, F>(
        &self,
        worker: usize,
        socket: S,
        serve: M,
    ) -> Result<RemoteHandle<F::Output>, MoveError<S>>
    where
        S: Movable + 'static,
        M: FnOnce(S) -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        let workers = self.workers();
        assert!(worker < workers, "worker {worker} of {workers}");
        self.submit_moved(Some(worker), socket, serve, Origin::here::<F>())
    }

    /// Of a task that was spawned there.
    pub(super) fn submit_moved<S, M, F>(
        &self,
        worker: Option<usize>,
        socket: S,
        serve: M,
        origin: Origin,
    ) -> Result<RemoteHandle<F::Output>, MoveError<S>>
    where
        S: Movable + 'static,
        M: FnOnce(S) -> F + Send + 'static,
        F: Future<Output: Send> + 'static,
    {
        // Where it goes back to if it is refused, wherever this is called.
        let home = socket.reactor().clone();
        let socket = socket.detach()?;
        let moved = Moved { socket, serve };
        let spawned = self.submit_as(worker, moved, origin);
        spawned.map_err(|refused| refused.map(|moved| moved.socket.attach_to(&home)).into())
    }
}

/// A socket on its way to a worker, and what it is for.
struct Moved<S: Movable, M> {
    socket: Detached<S>,
    serve: M,
}

impl<S, M, F> Make for Moved<S, M>
where
    S: Movable + 'static,
    M: FnOnce(S) -> F + Send + 'static,
    F: Future<Output: Send> + 'static,
{
    type Future = F;

    fn make(self) -> F {
        match self.socket.attach() {
            Ok(socket) => (self.serve)(socket),
            Err(error) => unreachable!("a worker has a runtime: {error}"),
        }
    }
}
