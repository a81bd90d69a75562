//! A server on all workers: [`ClusterHandle::serve`].

use std::io;
use std::net::{self, SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use polliwog_core::__private::Origin;
use polliwog_core::SpawnErrorKind;
use polliwog_core::executor::try_spawn;
use polliwog_core::time::sleep;

use super::listeners::{self, Listeners};
use super::shared::{Load, Shared};
use super::worker::with_current;
use super::{ClusterHandle, Worker};
use crate::net::{TcpListener, TcpStream};

/// How long a server that has no room for another connection rests before it tries again.
const REST: Duration = Duration::from_millis(5);

/// How the connections of a [server](ClusterHandle::serve) come to the workers.
///
/// The default is [`EachWorker`](Self::EachWorker) on Linux and Android, and [`OneForAll`](Self::OneForAll)
/// elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Accepting {
    /// Each worker accepts from a socket of its own, see [`listen`](ClusterHandle::listen). The system spreads
    /// connections by a hash, which costs nothing and is even if they are many: right for many and short ones.
    /// Of few and long ones some worker has twice as many as another by chance.
    EachWorker,
    /// The first worker accepts, and hands each connection to the worker that has the fewest tasks, itself
    /// included. So each has as many as any other, give or take one, at the price of some microseconds for each
    /// connection that goes elsewhere, and of one worker's time for all that come: right for few and long ones, and
    /// where the system does not spread them.
    OneForAll,
}

impl Default for Accepting {
    fn default() -> Self {
        match listeners::SPREADS {
            true => Self::EachWorker,
            false => Self::OneForAll,
        }
    }
}

/// What is called for each connection, and where that was said.
#[derive(Clone)]
struct Serve {
    make: Arc<MakeConnection>,
    origin: Origin,
}

type Connection = Pin<Box<dyn Future<Output = ()>>>;
type MakeConnection = dyn Fn(TcpStream, SocketAddr) -> Connection + Send + Sync;

impl ClusterHandle {
    /// Listens on the first address of `addr` that works, and runs what `serve` makes of each connection as a
    /// task of the worker that has it. Returns the address; with port 0 that is one with a free port. Names are looked
    /// up on this thread, which blocks it.
    ///
    /// It serves until the cluster shuts down, and again when a worker is restarted: what has come
    /// meanwhile waits in the sockets, which stay open. A worker that has as many tasks as it
    /// [may](super::Builder::max_tasks) accepts nothing until there is room, so no connection is lost for that.
    /// A panic of a connection's task ends that connection alone. A listening socket that fails for another reason
    /// than a [lack of resources](TcpListener) is a panic of the worker: see [`PanicPolicy`](super::PanicPolicy).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
    /// use polliwog::cluster::{Accepting, Cluster};
    /// use std::io::Read;
    ///
    /// let cluster = Cluster::builder().workers(2).build()?;
    /// let addr = cluster.serve("127.0.0.1:0", Accepting::default(), |stream, _peer| async move {
    ///     let _ = stream.write_all(b"quak").await;
    /// })?;
    /// let mut quak = String::new();
    /// std::net::TcpStream::connect(addr)?.read_to_string(&mut quak)?;
    /// assert_eq!(quak, "quak");
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    ///
    /// The error of the last address tried; one that wraps a [`SpawnError`](polliwog_core::SpawnError) once the cluster
    /// is shut down; [`io::ErrorKind::Unsupported`] for [`EachWorker`](Accepting::EachWorker) where the system is
    /// no Unix.
    #[track_caller]
    pub fn serve<H, F>(
        &self,
        addr: impl ToSocketAddrs,
        accepting: Accepting,
        serve: H,
    ) -> io::Result<SocketAddr>
    where
        H: Fn(TcpStream, SocketAddr) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + 'static,
    {
        let serve = Serve {
            make: Arc::new(move |stream, peer| Box::pin(serve(stream, peer))),
            origin: Origin::here::<F>(),
        };
        match accepting {
            Accepting::EachWorker => {
                let listeners = self.listen(addr)?;
                let local = listeners.local_addr()?;
                self.run(move |worker| each(worker, listeners.clone(), serve.clone()))?;
                Ok(local)
            }
            Accepting::OneForAll => {
                let socket = Arc::new(listeners::first_that_works(addr, listeners::socket)?);
                let local = socket.local_addr()?;
                self.run(move |worker| one(worker, Arc::clone(&socket), serve.clone()))?;
                Ok(local)
            }
        }
    }
}

/// A worker that serves what it accepts.
async fn each(_: Worker, listeners: Listeners, serve: Serve) {
    let listener = usable(listeners.here());
    loop {
        let (stream, peer) = usable(listener.accept().await);
        start((serve.make)(stream, peer), serve.origin).await;
    }
}

/// The worker that accepts for all; the others have nothing to do here.
async fn one(worker: Worker, socket: Arc<net::TcpListener>, serve: Serve) {
    if worker.index() != 0 {
        return;
    }
    let listener = usable(socket.try_clone().and_then(TcpListener::from_std));
    let shared = &worker.cluster().shared;
    let mut last = 0;
    loop {
        let (stream, peer) = usable(listener.accept().await);
        last = shared.workers.least_loaded(last);
        if last == worker.index() {
            start((serve.make)(stream, peer), serve.origin).await;
        } else {
            send(&worker, last, stream, peer, &serve).await;
        }
    }
}

/// What a worker serves by.
#[track_caller]
fn usable<T>(result: io::Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("a worker of a cluster cannot accept connections: {error}"),
    }
}

/// Serves a connection here, as soon as there is room.
async fn start(connection: Connection, origin: Origin) {
    let load = with_current(|current| Load::new(&current.home));
    let mut task = Some(async move {
        let _load = load;
        connection.await;
    });
    while let Some(next) = task.take() {
        match origin.of(|| try_spawn(next)) {
            Ok(handle) => handle.detach(),
            Err(refused) => {
                task = Some(refused.into_inner());
                sleep(REST).await;
            }
        }
    }
}

/// Serves a connection on another worker, as soon as there is room.
async fn send(worker: &Worker, to: usize, stream: TcpStream, peer: SocketAddr, serve: &Serve) {
    let shared: &Shared = &worker.cluster().shared;
    let (mut to, mut left) = (to, Some(stream));
    while let Some(stream) = left.take() {
        let make = Arc::clone(&serve.make);
        let there = move |stream| make(stream, peer);
        let cluster = worker.cluster();
        match cluster.submit_moved(Some(to), stream, there, serve.origin) {
            Ok(task) => task.detach(),
            Err(refused) => match refused.spawn_error() {
                Some(SpawnErrorKind::InboxFull { .. }) => {
                    left = Some(refused.into_inner());
                    sleep(REST).await;
                    to = shared.workers.least_loaded(to);
                }
                // The cluster ends.
                Some(_) => {}
                // The selector does not let the socket go.
                None => start((serve.make)(refused.into_inner(), peer), serve.origin).await,
            },
        }
    }
}
