//! A program that was written for mio's sockets is simulated without a change, whatever it does with their errors: the
//! module `program` knows `polliwog`'s short paths and `std::io`, and nothing of a simulation. With `mio` it runs on the
//! system's sockets, with `sim` and without `mio` on a simulated host.
#![cfg(any(feature = "mio", feature = "sim"))]

mod program {
    use std::error::Error;
    use std::fmt;
    use std::future::poll_fn;
    use std::io::{self, ErrorKind};
    use std::net::{Shutdown, SocketAddr};
    use std::path::Path;
    use std::task::Poll;
    use std::time::Duration;

    use futures_util::StreamExt;
    use polliwog::net::tcp::ReuniteError;
    use polliwog::net::{TcpListener, TcpSocket, TcpStream, ToSocketAddrs, UdpSocket, lookup_host};
    #[cfg(unix)]
    use polliwog::signal;
    use polliwog::time::timeout;
    use polliwog::{fs, spawn, spawn_blocking, try_join};

    /// What a derive macro makes of `#[from] io::Error`.
    #[derive(Debug)]
    enum Failure {
        Io(io::Error),
        Garbage,
    }

    impl fmt::Display for Failure {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match self {
                Self::Io(error) => write!(f, "no answer: {error}"),
                Self::Garbage => f.write_str("an answer that is none"),
            }
        }
    }

    impl Error for Failure {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            match self {
                Self::Io(error) => Some(error),
                Self::Garbage => None,
            }
        }
    }

    impl From<io::Error> for Failure {
        fn from(error: io::Error) -> Self {
            Self::Io(error)
        }
    }

    /// A program's own name for streams and their errors.
    trait Transport: Sized {
        type Error;

        async fn open(addr: SocketAddr) -> Result<Self, Self::Error>;
        fn offer(&self, bytes: &[u8]) -> Result<usize, Self::Error>;
    }

    impl Transport for TcpStream {
        type Error = io::Error;

        async fn open(addr: SocketAddr) -> io::Result<Self> {
            TcpStream::connect(addr).await
        }

        fn offer(&self, bytes: &[u8]) -> io::Result<usize> {
            self.try_write(bytes)
        }
    }

    /// Remembers what went wrong last.
    #[derive(Debug, Default)]
    struct Client {
        stream: Option<TcpStream>,
        last: Option<io::Error>,
    }

    impl Client {
        async fn ask(&mut self, addr: SocketAddr) -> Result<u8, Failure> {
            let stream = match &mut self.stream {
                Some(stream) => stream,
                none => none.insert(TcpStream::connect(addr).await?),
            };
            stream.write_all(b"?").await?;
            let mut answer = [0; 1];
            stream.read_exact(&mut answer).await?;
            match answer[0] {
                digit @ b'0'..=b'9' => Ok(digit),
                _ => Err(Failure::Garbage),
            }
        }

        async fn insist(&mut self, addr: SocketAddr) -> Option<u8> {
            match self.ask(addr).await {
                Ok(answer) => Some(answer),
                Err(Failure::Io(error)) => {
                    self.last = Some(error);
                    None
                }
                Err(Failure::Garbage) => None,
            }
        }
    }

    /// The last expression is the operation's own result.
    async fn answer(stream: &TcpStream, answer: &[u8]) -> io::Result<()> {
        stream.read_exact(&mut [0; 1]).await?;
        stream.write_all(answer).await
    }

    async fn two_ends(listener: &TcpListener) -> io::Result<(TcpStream, TcpStream)> {
        let connecting = TcpStream::connect(listener.local_addr()?);
        let (one, (other, _)) = try_join!(connecting, listener.accept())?;
        Ok((one, other))
    }

    async fn errors_of_the_programs_own(listener: &TcpListener) -> Result<(), Failure> {
        let addr = listener.local_addr()?;
        let mut client = Client::default();
        let serving = async {
            let (stream, _) = listener.accept().await?;
            answer(&stream, b"7").await?;
            answer(&stream, b"x").await?;
            // The third question has no answer.
            stream.read_exact(&mut [0; 1]).await?;
            Ok::<_, Failure>(())
        };
        let asking = async {
            assert_eq!(client.insist(addr).await, Some(b'7'));
            let garbage = client.ask(addr).await;
            assert!(matches!(garbage, Err(Failure::Garbage)));
            assert_eq!(client.insist(addr).await, None);
            Ok(())
        };
        try_join!(serving, asking)?;
        let ended = client.last.take().expect("it went wrong");
        assert_eq!(ended.kind(), ErrorKind::UnexpectedEof);
        let failure: Box<dyn Error + Send + Sync> = Failure::from(ended).into();
        let source = failure.source().and_then(|error| error.downcast_ref());
        assert_eq!(
            source.map(io::Error::kind),
            Some(ErrorKind::UnexpectedEof),
            "{failure}"
        );
        Ok(())
    }

    async fn types_that_are_written_down(listener: &TcpListener) -> io::Result<()> {
        let addr = listener.local_addr()?;
        let connected: io::Result<TcpStream> = TcpStream::connect(addr).await;
        let (stream, (other, _)): (TcpStream, (TcpStream, SocketAddr)) =
            (connected?, listener.accept().await?);
        // Functions and closures as arguments.
        let peers = [&stream, &other].map(|stream| stream.peer_addr());
        let peers = peers.into_iter().collect::<io::Result<Vec<SocketAddr>>>()?;
        assert_eq!(peers.len(), 2);
        let quick: fn(&TcpStream, bool) -> io::Result<()> = TcpStream::set_nodelay;
        quick(&stream, true)?;
        async fn twice<F: AsyncFn(&TcpStream) -> io::Result<usize>>(
            write: F,
            to: &TcpStream,
        ) -> io::Result<usize> {
            Ok(write(to).await? + write(to).await?)
        }
        assert_eq!(twice(async |to| to.write(b"hop").await, &stream).await?, 6);
        other.read_exact(&mut [0; 6]).await?;
        let nothing = || -> io::Result<usize> { other.try_read(&mut [0; 1]) };
        match nothing() {
            Err(ref error) if error.kind() == ErrorKind::WouldBlock => {}
            other => panic!("{other:?}"),
        }
        let stopped = Err::<(), io::Error>(ErrorKind::Other.into());
        assert!(stopped.or_else(|_| stream.take_error().map(drop)).is_ok());
        // Poll functions, tasks, and a limit of time.
        let polled: Poll<io::Result<usize>> =
            poll_fn(|cx| Poll::Ready(other.poll_read(cx, &mut [0; 1]))).await;
        assert!(polled.is_pending());
        let writing = spawn(async move { stream.write_all(b"splash").await })?;
        let mut splash = [0; 6];
        let limited = timeout(Duration::from_secs(60), other.read_exact(&mut splash));
        limited.await??;
        let written: io::Result<()> = writing.await.map_err(io::Error::other)?;
        written?;
        let opened = TcpStream::open(addr).await?;
        assert_eq!(opened.offer(b"hop")?, 3);
        let accepted: Option<io::Result<TcpStream>> =
            StreamExt::next(&mut listener.incoming()).await;
        through_traits(accepted.expect("one waits")?, 3).await
    }

    /// What a library does that wants this error of its streams.
    async fn through_traits<S>(mut stream: S, count: usize) -> io::Result<()>
    where
        S: embedded_io_async::Read<Error = io::Error> + embedded_io_async::Write<Error = io::Error>,
    {
        for _ in 0..count {
            assert_eq!(stream.read(&mut [0; 1]).await?, 1);
        }
        stream.write_all(b"quak").await?;
        stream.flush().await
    }

    async fn kinds_and_numbers(listener: &TcpListener) -> Result<(), Box<dyn Error>> {
        let addr = listener.local_addr()?;
        let taken = TcpListener::bind(addr).await.unwrap_err();
        assert_eq!(taken.kind(), ErrorKind::AddrInUse);
        let nobody = listener.try_accept().unwrap_err();
        assert_eq!(nobody.kind(), ErrorKind::WouldBlock);
        let silent = TcpListener::bind("127.0.0.1:0").await?;
        let gone = silent.local_addr()?;
        drop(silent);
        let refused = TcpStream::connect(gone).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        let unbound = UdpSocket::bind("127.0.0.1:0").await?;
        let alone = unbound.peer_addr().unwrap_err();
        assert_eq!(alone.kind(), ErrorKind::NotConnected);
        let too_long = unbound.send_to(&[0; 100_000], addr).await.unwrap_err();
        let no_address = lookup_host("127.0.0.1").await.unwrap_err();
        assert_eq!(no_address.kind(), ErrorKind::InvalidInput);
        #[cfg(unix)]
        for (error, number) in [
            (&taken, libc::EADDRINUSE),
            (&nobody, libc::EAGAIN),
            (&refused, libc::ECONNREFUSED),
            (&alone, libc::ENOTCONN),
            (&too_long, libc::EMSGSIZE),
        ] {
            assert_eq!(error.raw_os_error(), Some(number), "{error}");
            let again = io::Error::from_raw_os_error(number);
            assert_eq!(error.to_string(), again.to_string());
            assert_eq!(error.kind(), again.kind());
        }
        let boxed: Box<dyn Error> = refused.into();
        let refused = boxed.downcast::<io::Error>()?;
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        drop(too_long);
        Ok(())
    }

    async fn sockets_of_all_kinds(listener: &TcpListener) -> io::Result<()> {
        async fn resolve(addr: impl ToSocketAddrs) -> io::Result<Vec<SocketAddr>> {
            lookup_host(addr).await
        }
        let addr = listener.local_addr()?;
        assert_eq!(resolve(addr).await?, [addr]);
        let prepared = || -> io::Result<TcpSocket> {
            let socket = TcpSocket::new_v4()?;
            socket.set_nodelay(true)?;
            Ok(socket)
        };
        let stream = prepared()?.connect(addr).await?;
        let (other, _) = listener.accept().await?;
        // Halves, and those that do not belong together.
        let (reader, writer) = stream.into_split();
        let (other_reader, other_writer) = other.into_split();
        writer.write_all(b"hop").await?;
        other_reader.read_exact(&mut [0; 3]).await?;
        let Err(ReuniteError(reader, other_writer)) = reader.reunite(other_writer) else {
            panic!("they are of two streams");
        };
        let stream: TcpStream = reader.reunite(writer)?;
        stream.shutdown(Shutdown::Write)?;
        drop(other_writer);
        assert_eq!(other_reader.read(&mut [0; 1]).await?, 0);
        let (one, other) = try_join!(
            UdpSocket::bind("127.0.0.1:0"),
            UdpSocket::bind("127.0.0.1:0")
        )?;
        let room: usize = one.recv_buffer_size()?;
        one.set_recv_buffer_size(room.max(1000))?;
        one.connect(other.local_addr()?).await?;
        assert_eq!(one.send(b"hop").await?, 3);
        let received: io::Result<(usize, SocketAddr)> = other.recv_from(&mut [0; 9]).await;
        assert_eq!(received?, (3, one.local_addr()?));
        // Sockets, files and jobs in one function.
        let missing = fs::read("there is no such file").await.unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
        assert_eq!(spawn_blocking(|| 7).await?, 7);
        Ok(())
    }

    /// What is known of files, by the names that both have for it.
    #[derive(Debug, Default)]
    struct Known {
        how: fs::OpenOptions,
        file: Option<fs::File>,
        metadata: Option<fs::Metadata>,
        kind: Option<fs::FileType>,
    }

    async fn files(folder: &Path) -> io::Result<()> {
        let path = folder.join("file");
        let mut known = Known::default();
        known.how.write(true).create(true);
        let file = known.file.insert(known.how.open(&path).await?);
        file.write_all(b"frog").await?;
        let metadata = known.metadata.insert(file.metadata().await?);
        assert_eq!(metadata.len(), 4);
        assert!(known.kind.insert(metadata.file_type()).is_file());
        let permissions = metadata.permissions();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let _: &std::fs::Permissions = &permissions;
            fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).await?;
        }
        let again = fs::OpenOptions::new().write(true).open(&path).await;
        if cfg!(unix) {
            // Unless the system's user is root.
            let error = again.err().map(|error| error.kind());
            assert!(error.is_none_or(|kind| kind == ErrorKind::PermissionDenied));
        }
        file.set_permissions(permissions).await?;
        fs::remove_file(&path).await
    }

    #[cfg(unix)]
    async fn unix_sockets(folder: &Path) -> io::Result<()> {
        use polliwog::net::unix::ReuniteError;
        use polliwog::net::{UnixDatagram, UnixListener, UnixStream};
        use std::os::unix::net::SocketAddr;

        let path = folder.join("socket");
        let nobody = UnixStream::connect(&path).await.unwrap_err();
        assert_eq!(nobody.kind(), ErrorKind::NotFound);
        assert_eq!(nobody.raw_os_error(), Some(libc::ENOENT));
        // The standard library's address.
        let addr: SocketAddr = SocketAddr::from_pathname(&path)?;
        let listener = UnixListener::bind_addr(&addr)?;
        let taken = UnixListener::bind(&path).unwrap_err();
        assert_eq!(taken.kind(), ErrorKind::AddrInUse);
        let connecting = UnixStream::connect_addr(&addr);
        let (client, (server, peer)) = try_join!(connecting, listener.accept())?;
        assert!(peer.is_unnamed());
        assert_eq!(client.peer_addr()?.as_pathname(), Some(&*path));
        #[cfg(target_os = "linux")]
        {
            use std::os::linux::net::SocketAddrExt;
            let name = format!("polliwog-same-{}", std::process::id());
            let addr = SocketAddr::from_abstract_name(&name)?;
            let socket = UnixDatagram::bind_addr(&addr)?;
            let named = socket.local_addr()?;
            assert_eq!(named.as_abstract_name(), Some(name.as_bytes()));
        }
        let (reader, _writer) = client.into_split();
        let (_, writer) = server.into_split();
        let Err(ReuniteError(_, writer)) = reader.reunite(writer) else {
            panic!("they are of two streams");
        };
        drop(writer);
        let (one, other) = UnixDatagram::pair()?;
        one.send(b"hop").await?;
        let received: io::Result<usize> = other.try_recv(&mut [0; 9]);
        assert_eq!(received?, 3);
        let kind = signal::unix::SignalKind::from(libc::SIGTERM);
        assert_eq!(libc::c_int::from(kind), libc::SIGTERM);
        let listening: io::Result<signal::unix::Signal> = signal::unix::signal(kind);
        drop(listening?);
        fs::remove_file(&path).await
    }

    pub(super) async fn all() -> Result<(), Box<dyn Error>> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        errors_of_the_programs_own(&listener).await?;
        types_that_are_written_down(&listener).await?;
        kinds_and_numbers(&listener).await?;
        sockets_of_all_kinds(&listener).await?;
        let two = two_ends(&listener).await?;
        drop(two);
        let folder = std::env::temp_dir().join(format!("polliwog-same-{}", std::process::id()));
        fs::create_dir_all(&folder).await?;
        files(&folder).await?;
        #[cfg(unix)]
        unix_sockets(&folder).await?;
        fs::remove_dir(&folder).await?;
        Ok(())
    }
}

#[cfg(feature = "mio")]
#[test]
fn on_the_systems_sockets() {
    polliwog::block_on(program::all()).unwrap();
}

#[cfg(not(feature = "mio"))]
#[test]
fn on_a_simulated_host() {
    for seed in 0..20 {
        let mut simulation = polliwog::sim::Simulation::new(seed);
        simulation.client("client", program::all());
        simulation.run().unwrap();
    }
}
