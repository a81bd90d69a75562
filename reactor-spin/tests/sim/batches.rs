//! Many datagrams at once, and the sizes of sockets' buffers.

use std::future::poll_fn;

use polliwog_core::time::sleep;
use polliwog_spin::Error;
use polliwog_spin::net::{RecvBatch, UdpSocket};
use polliwog_spin::sim::Simulation;

use crate::{Done, millis, run};

#[test]
fn many_datagrams_are_sent_and_received_at_once() {
    let mut simulation = Simulation::new(1);
    simulation.client("client", async {
        let here = UdpSocket::bind("127.0.0.1:0").await?;
        let there = UdpSocket::bind("127.0.0.1:0").await?;
        let (to, from) = (here.local_addr()?, there.local_addr()?);
        let mut batch = RecvBatch::new(3, 4);
        assert_eq!(here.try_recv_many(&mut batch), Err(Error::WouldBlock));
        assert!(batch.is_empty());
        assert_eq!(there.send_segments_to(b"aaaabbbbccccd", 4, to).await?, 13);
        there.connect(to).await?;
        assert_eq!(there.send_segments(b"cut off", 7).await?, 7);
        sleep(millis(1)).await;
        poll_fn(|cx| here.poll_recv_ready(cx)).await?;
        // In any order, and cut off where there is no room.
        let mut came = Vec::new();
        assert_eq!(here.recv_many(&mut batch).await?, 3);
        came.extend(batch.iter().map(|(bytes, from)| (bytes.to_vec(), from)));
        assert_eq!(poll_fn(|cx| here.poll_recv_many(cx, &mut batch)).await?, 2);
        came.extend(batch.iter().map(|(bytes, from)| (bytes.to_vec(), from)));
        came.sort();
        let sent = ["aaaa", "bbbb", "cccc", "cut ", "d"].map(|text| (text.into(), from));
        assert_eq!(came, sent);
        // No more than 64 at a time, and none without bytes but one.
        assert_eq!(there.send_segments(&[0; 100], 1).await?, 64);
        assert_eq!(there.send_segments(b"", 1).await?, 0);
        assert_eq!(there.send_segments(b"", 0).await, Err(Error::InvalidInput));
        sleep(millis(1)).await;
        let mut batch = RecvBatch::new(100, 10);
        assert_eq!(here.try_recv_many(&mut batch), Ok(65));
        here.set_gro(true)?;
        assert!(here.gro()?);
        poll_fn(|cx| here.poll_send_ready(cx)).await
    });
    run(simulation);
}

#[test]
fn what_finds_the_buffer_full_is_lost() {
    let mut simulation = Simulation::builder(1).datagram_buffer(1000).build();
    simulation.client("client", async {
        let here = UdpSocket::bind("127.0.0.1:0").await?;
        assert_eq!(
            (here.recv_buffer_size()?, here.send_buffer_size()?),
            (1000, 1000)
        );
        here.connect(here.local_addr()?).await?;
        here.set_recv_buffer_size(25)?;
        here.set_send_buffer_size(7)?;
        assert_eq!(
            (here.recv_buffer_size()?, here.send_buffer_size()?),
            (25, 7)
        );
        assert_eq!(here.send_segments(&[0; 100], 10).await?, 100);
        sleep(millis(1)).await;
        assert_eq!(here.try_recv_many(&mut RecvBatch::new(10, 10)), Ok(2));
        Done::Ok(())
    });
    run(simulation);
}
