//! mini-redis on one executor: a task for each connection, and the store that they share. `mini-redis` runs it on sockets
//! of the system, a test runs it on those of a simulated host.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use log::{info, warn};
use polliwog::net::{TcpListener, TcpStream};
use polliwog::time::sleep;
use polliwog::{spawn, yield_now};

use super::redis::{self, Redis};

/// Bytes of a connection's two buffers each.
pub(crate) const BUFFER: usize = 16 << 10;
pub(crate) type Store = Redis<{ 256 << 10 }, { 64 << 10 }>;

pub(crate) fn new_store() -> Store {
    Redis::new(now)
}

/// Milliseconds, for keys that expire.
fn now() -> u64 {
    polliwog::Instant::now().as_duration().as_millis() as u64
}

/// Accepts connections for ever.
pub(crate) async fn serve(listener: TcpListener) {
    let store = Rc::new(new_store());
    loop {
        match listener.accept().await {
            // Without room for another task the connection is dropped, which closes it.
            Ok((stream, peer)) => match spawn(handle(stream, peer, store.clone())) {
                Ok(task) => task.detach(),
                Err(error) => warn!("{peer}: dropped: {error}"),
            },
            Err(error) => {
                warn!("cannot accept, trying again in a second: {error}");
                sleep(Duration::from_secs(1)).await;
            }
        }
        yield_now().await; // However many arrive, those who are here get their turn.
    }
}

async fn handle(stream: TcpStream, peer: SocketAddr, store: Rc<Store>) {
    info!("{peer}: connected");
    match redis::serve::<BUFFER, _, _, _>(stream, &store).await {
        Ok(commands) => info!("{peer}: closed after {commands} commands"),
        Err(error) => info!("{peer}: lost: {error}"),
    }
}
