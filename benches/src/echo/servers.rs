//! Echo servers, one per runtime, each in the style of its runtime's own examples.

use std::net::TcpListener;

/// Runs the server of a runtime for ever; returns only if there is no such runtime.
pub fn serve(runtime: &str, listener: TcpListener, buffer: usize) {
    listener.set_nonblocking(true).unwrap();
    match runtime {
        "polliwog" => polliwog(listener, buffer),
        "raw" => super::raw::serve(listener, buffer),
        #[cfg(feature = "peers")]
        "tokio" => peers::tokio(listener, buffer),
        #[cfg(feature = "peers")]
        "smol" => peers::smol(listener, buffer),
        #[cfg(feature = "peers")]
        "monoio" => peers::monoio(listener, buffer),
        #[cfg(feature = "peers")]
        "monoio-uring" => peers::monoio_uring(listener, buffer),
        #[cfg(feature = "peers")]
        "compio" => peers::compio(listener, buffer, compio::driver::DriverType::Poll),
        #[cfg(feature = "peers")]
        "compio-uring" => peers::compio(listener, buffer, compio::driver::DriverType::IoUring),
        _ => {}
    }
}

fn polliwog(listener: TcpListener, buffer: usize) {
    use polliwog_mio::net::{TcpListener, TcpStream};
    use polliwog_mio::{Runtime, spawn};

    async fn echo(stream: TcpStream, buffer: usize) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut buf = vec![0; buffer];
        loop {
            match stream.read(&mut buf).await? {
                0 => return Ok(()),
                n => stream.write_all(&buf[..n]).await?,
            }
        }
    }

    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener).unwrap();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            spawn(echo(stream, buffer)).unwrap().detach();
        }
    })
}

#[cfg(feature = "peers")]
mod peers {
    use std::net::TcpListener as StdListener;

    pub fn tokio(listener: StdListener, buffer: usize) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        use tokio::net::{TcpListener, TcpStream};
        use tokio::task::spawn_local;

        async fn echo(mut stream: TcpStream, buffer: usize) -> std::io::Result<()> {
            stream.set_nodelay(true)?;
            let mut buf = vec![0; buffer];
            loop {
                match stream.read(&mut buf).await? {
                    0 => return Ok(()),
                    n => stream.write_all(&buf[..n]).await?,
                }
            }
        }

        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build_local(Default::default())
            .unwrap();
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener).unwrap();
            let accept = spawn_local(async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    spawn_local(echo(stream, buffer));
                }
            });
            accept.await.unwrap()
        })
    }

    pub fn smol(listener: StdListener, buffer: usize) {
        use async_net::{TcpListener, TcpStream};
        use futures_lite::{AsyncReadExt, AsyncWriteExt};

        async fn echo(mut stream: TcpStream, buffer: usize) -> std::io::Result<()> {
            stream.set_nodelay(true)?;
            let mut buf = vec![0; buffer];
            loop {
                match stream.read(&mut buf).await? {
                    0 => return Ok(()),
                    n => stream.write_all(&buf[..n]).await?,
                }
            }
        }

        let executor = async_executor::LocalExecutor::new().leak();
        let accept = executor.spawn(async move {
            let listener = TcpListener::try_from(listener).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                executor.spawn(echo(stream, buffer)).detach();
            }
        });
        async_io::block_on(executor.run(accept))
    }

    mod monoio_echo {
        use monoio::buf::{IoBuf, Slice};
        use monoio::io::{AsyncReadRent, AsyncWriteRentExt};
        use monoio::net::{TcpListener, TcpStream};

        async fn echo(mut stream: TcpStream, buffer: usize) -> std::io::Result<()> {
            stream.set_nodelay(true)?;
            let mut buf: Vec<u8> = Vec::with_capacity(buffer);
            loop {
                let (read, filled) = stream.read(buf).await;
                let n = read?;
                if n == 0 {
                    return Ok(());
                }
                let (written, sent): (_, Slice<Vec<u8>>) =
                    stream.write_all(filled.slice(..n)).await;
                written?;
                buf = sent.into_inner();
            }
        }

        /// Accepts for ever.
        pub async fn accept(listener: std::net::TcpListener, buffer: usize) {
            let accept = monoio::spawn(async move {
                let listener = TcpListener::from_std(listener).unwrap();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    monoio::spawn(echo(stream, buffer));
                }
            });
            accept.await
        }
    }

    pub fn monoio(listener: StdListener, buffer: usize) {
        let builder = monoio::RuntimeBuilder::<monoio::LegacyDriver>::new();
        let mut runtime = builder.enable_timer().build().unwrap();
        runtime.block_on(monoio_echo::accept(listener, buffer))
    }

    pub fn monoio_uring(listener: StdListener, buffer: usize) {
        // With io_uring a socket that says "would block" is not waited for.
        listener.set_nonblocking(false).unwrap();
        let builder = monoio::RuntimeBuilder::<monoio::IoUringDriver>::new();
        let mut runtime = builder.enable_timer().build().unwrap();
        runtime.block_on(monoio_echo::accept(listener, buffer))
    }

    pub fn compio(listener: StdListener, buffer: usize, driver: compio::driver::DriverType) {
        use compio::buf::{IntoInner, IoBuf};
        use compio::io::{AsyncRead, AsyncWriteExt};
        use compio::net::{TcpListener, TcpStream};

        async fn echo(mut stream: TcpStream, buffer: usize) -> std::io::Result<()> {
            stream.set_nodelay(true)?;
            let mut buf: Vec<u8> = Vec::with_capacity(buffer);
            loop {
                buf.clear();
                let (n, filled) = stream.read(buf).await.unwrap();
                if n == 0 {
                    return Ok(());
                }
                let ((), sent) = stream.write_all(filled.slice(..n)).await.unwrap();
                buf = sent.into_inner();
            }
        }

        let runtime = crate::rt::compio::runtime(driver);
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener).unwrap();
            let accept = compio::runtime::spawn(async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    compio::runtime::spawn(echo(stream, buffer)).detach();
                }
            });
            accept
                .await
                .unwrap_or_else(|_| panic!("the server panicked"))
        })
    }
}
