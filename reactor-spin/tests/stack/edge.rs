//! The traits of `edge-nal`, used by functions that know nothing else.

use edge_nal::io::{Read, Write};
use edge_nal::{
    AddrType, Close, Dns, Readable, TcpAccept, TcpBind, TcpConnect, TcpShutdown, TcpSplit,
    UdpReceive, UdpSend, UdpSplit,
};
use polliwog_spin::stack::EdgeStack;

use super::*;

async fn serve(net: impl TcpBind, addr: SocketAddr) -> usize {
    let Ok(listener) = net.bind(addr).await else {
        panic!("a free port");
    };
    let Ok((_, mut client)) = listener.accept().await else {
        panic!("a client");
    };
    let mut total = 0;
    let mut buf = [0; 64];
    let (mut reader, mut writer) = client.split();
    loop {
        reader.readable().await.unwrap();
        let count = reader.read(&mut buf).await.unwrap();
        if count == 0 {
            break;
        }
        writer.write_all(&buf[..count]).await.unwrap();
        total += count;
    }
    drop((reader, writer));
    client.close(Close::Both).await.unwrap();
    total
}

async fn ask(net: impl TcpConnect, addr: SocketAddr) {
    let Ok(mut stream) = net.connect(addr).await else {
        panic!("somebody listens");
    };
    stream.write_all(b"frog").await.unwrap();
    stream.flush().await.unwrap();
    stream.close(Close::Write).await.unwrap();
    let mut buf = [0; 4];
    stream.read_exact(&mut buf).await.unwrap();
    assert_eq!(&buf, b"frog");
    assert_eq!(stream.read(&mut buf).await.unwrap(), 0);
    stream.abort().await.unwrap();
}

async fn exchange(mut one: impl UdpSplit, mut other: impl UdpReceive + UdpSend, to: SocketAddr) {
    let (mut receiver, mut sender) = one.split();
    sender.send(to, b"tadpole").await.unwrap();
    let mut buf = [0; 16];
    let (count, from) = other.receive(&mut buf).await.unwrap();
    other.send(from, &buf[..count]).await.unwrap();
    receiver.readable().await.unwrap();
    let (count, _) = receiver.receive(&mut buf).await.unwrap();
    assert_eq!(&buf[..count], b"tadpole");
}

#[test]
fn programs_for_edge_nal_run() {
    test(1, async {
        let (_, server, client) = pair(1);
        let port = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 7));
        let served = spawn(serve(EdgeStack::new(server).with_backlog(1), port)).unwrap();
        sleep(Duration::from_millis(1)).await;
        ask(EdgeStack::new(client), (SERVER, 7).into()).await;
        assert_eq!(served.await.unwrap(), 4);
        let (far, near) = (
            udp(server, 53).await.unwrap(),
            udp(client, 54).await.unwrap(),
        );
        exchange(near, far, (SERVER, 53).into()).await;
        let net = EdgeStack::new(client);
        let found = net.get_host_by_name("10.0.0.1", AddrType::Either).await;
        assert_eq!(found, Ok(SERVER.into()));
        let wrong = net.get_host_by_name("10.0.0.1", AddrType::IPv6).await;
        assert_eq!(wrong, Err(Error::NameNotFound));
    });
}
