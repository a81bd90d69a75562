//! A connection goes on at the worker that has what the connection is about.
#![forbid(unsafe_code)]

use std::error::Error;
use std::io;

use polliwog::cluster::{Cluster, ClusterHandle};
use polliwog::net::{TcpListener, TcpStream};

// ANCHOR: route
async fn route(stream: TcpStream, cluster: &ClusterHandle) -> Result<(), Box<dyn Error>> {
    let mut room = [0];
    stream.read_exact(&mut room).await?;
    let worker = cluster.worker_of(room[0].into());
    let task = cluster.hand_over_to(worker, stream, move |stream| async move {
        let welcome = format!("welcome to room {}\n", room[0]);
        stream.write_all(welcome.as_bytes()).await
    })?;
    Ok(task.await??)
}
// ANCHOR_END: route

async fn client(addr: std::net::SocketAddr) -> io::Result<()> {
    let stream = TcpStream::connect(addr).await?;
    stream.write_all(&[7]).await?;
    let mut answer = vec![0; "welcome to room 7".len()];
    stream.read_exact(&mut answer).await?;
    println!("{}", String::from_utf8_lossy(&answer));
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::builder().workers(2).build()?;
    polliwog::block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let client = polliwog::spawn(client(listener.local_addr()?))?;
        let (stream, _peer) = listener.accept().await?;
        route(stream, &cluster.handle()).await?;
        Ok(client.await??)
    })
}
