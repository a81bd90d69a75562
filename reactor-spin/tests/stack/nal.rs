//! The traits of `embedded-nal-async`, used by functions that know nothing else.

use embedded_io_async::{Read, Write};
use embedded_nal_async::{AddrType, Dns, TcpConnect};
use polliwog_spin::stack::NalStack;

use super::*;

/// Sends a line to a host, by its name or address, and returns what it answers.
async fn ask<N>(net: &N, host: &str, port: u16) -> Result<[u8; 4], &'static str>
where
    N: TcpConnect + Dns,
{
    let found = net.get_host_by_name(host, AddrType::IPv4).await;
    let addr = SocketAddr::new(found.map_err(|_| "no such host")?, port);
    let mut stream = net.connect(addr).await.map_err(|_| "nobody listens")?;
    let mut answer = [0; 4];
    stream.write_all(b"frog").await.unwrap();
    stream.flush().await.unwrap();
    stream.read_exact(&mut answer).await.unwrap();
    Ok(answer)
}

#[test]
fn programs_for_embedded_nal_async_run() {
    test(1, async {
        let (_, server, client) = pair(1);
        let listener = TcpListener::bind(server, "0.0.0.0:7", 1).await.unwrap();
        let served = spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut word = [0; 4];
            stream.read_exact(&mut word).await.unwrap();
            word.reverse();
            stream.write_all(&word).await.unwrap();
        })
        .unwrap();
        let net = NalStack::new(client);
        assert_eq!(ask(&net, "10.0.0.1", 7).await, Ok(*b"gorf"));
        served.await.unwrap();
        assert_eq!(ask(&net, "10.0.0.1", 8).await, Err("nobody listens"));
        assert_eq!(ask(&net, "fe80::1", 7).await, Err("no such host"));
        // Nobody was told of a name server.
        assert_eq!(ask(&net, "frog.example", 7).await, Err("no such host"));
        let name = net.get_host_by_address(SERVER.into(), &mut [0; 64]).await;
        assert_eq!(name, Err(Error::NameNotFound));
    });
}
