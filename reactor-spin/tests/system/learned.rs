//! What else a program can learn from the system: of a host, of the test's process, or not at all.

use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::io::{ErrorKind, Read as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::os::unix::process::parent_id;
use std::process::{self, Command};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, SystemTime};
use std::{env, fs, thread};

use super::machine::on_host;
use super::polliwog::sim::{self, Simulation};
use super::polliwog::time::sleep;

/// The numbers of a host's process before and after a restart.
fn processes() -> Vec<u32> {
    let (sender, receiver) = mpsc::channel();
    let mut simulation = Simulation::new(1);
    simulation.host("frog", move || {
        sender.send(process::id()).unwrap();
        let sender = sender.clone();
        async move {
            sender.send(process::id()).unwrap();
            sleep(Duration::from_secs(10)).await;
            Ok::<(), sim::Failure>(())
        }
    });
    simulation.client("hand", async {
        sleep(Duration::from_secs(1)).await;
        sim::control().restart("frog");
        sleep(Duration::from_secs(1)).await;
    });
    simulation.run().unwrap();
    drop(simulation);
    receiver.into_iter().collect()
}

#[test]
fn a_process_has_a_number_of_its_own() {
    let numbers = processes();
    assert_eq!(numbers.len(), 4, "{numbers:?}");
    assert_eq!((numbers[0], numbers[2]), (numbers[1], numbers[3]));
    assert_ne!(numbers[0], numbers[2], "another process");
    assert!(!numbers.contains(&process::id()));
    assert_eq!(processes(), numbers);
    let parent = on_host("frog", 1, parent_id);
    assert!(parent != parent_id() && !numbers.contains(&parent));
}

/// A signal for such a process strikes nobody.
#[test]
fn no_process_has_the_number_of_a_hosts() {
    let found = on_host("frog", 1, || {
        let process = nix::unistd::Pid::this();
        nix::sys::signal::kill(process, None)
    });
    assert_eq!(found, Err(nix::errno::Errno::ESRCH));
    assert_eq!(
        nix::sys::signal::kill(nix::unistd::Pid::this(), None),
        Ok(())
    );
}

/// All ways to a socket of the standard library, each with its error.
fn sockets() -> Vec<(&'static str, Option<ErrorKind>)> {
    let error = |result: std::io::Result<()>| result.err().map(|error| error.kind());
    let listener = TcpListener::bind("127.0.0.1:0");
    let addr = listener.as_ref().ok().map(|it| it.local_addr().unwrap());
    let connected = TcpStream::connect(addr.unwrap_or(([127, 0, 0, 1], 1).into()));
    vec![
        ("TcpListener", error(listener.map(drop))),
        ("TcpStream", error(connected.map(drop))),
        ("UdpSocket", error(UdpSocket::bind("127.0.0.1:0").map(drop))),
        ("UnixDatagram", error(UnixDatagram::unbound().map(drop))),
    ]
}

#[test]
fn a_host_gets_no_socket_of_the_system() {
    for (name, error) in on_host("frog", 1, sockets) {
        assert_eq!(error, Some(ErrorKind::PermissionDenied), "{name}");
    }
    let mut simulation = Simulation::new(1);
    simulation.client("frog", async {
        let patience = Duration::from_secs(60);
        for (name, error) in sim::outside(patience, async { sockets() }).await {
            assert_eq!(error, None, "{name}");
        }
        // Two ends of one process are nobody else's.
        UnixStream::pair().unwrap();
        let (_, error) = sockets()[0];
        assert_eq!(error, Some(ErrorKind::PermissionDenied), "it is over");
        // A thread is on no host.
        let (_, error) = thread::spawn(sockets).join().unwrap()[0];
        assert_eq!(error, None);
    });
    simulation.run().unwrap();
    for (name, error) in sockets() {
        assert_eq!(error, None, "{name}");
    }
}

#[test]
fn the_story_tells_who_has_asked_for_a_socket() {
    let exploration = sim::explore(0..1, 1, |builder| {
        let mut simulation = builder.build();
        let bound = async { TcpListener::bind("127.0.0.1:0").map(drop) };
        simulation.client("frog", bound);
        simulation.run()
    });
    let found = exploration.found.unwrap().to_string();
    let asked = found.lines().find(|line| line.contains("a socket"));
    assert!(asked.is_some_and(|line| line.contains("frog")), "{found}");
}

/// What is one for the whole process, the program's settings above all, is so on each host.
#[test]
fn what_is_the_tests_is_so_on_hosts() {
    let ask = || {
        (
            env::vars_os().collect::<Vec<_>>(),
            env::args_os().collect::<Vec<_>>(),
            (env::current_dir().unwrap(), env::current_exe().unwrap()),
            env::temp_dir(),
            fs::read("/etc/hosts").ok(),
        )
    };
    assert_eq!(on_host("frog", 1, ask), ask());
}

/// Whether two runs with the same seed differ, if a host sleeps by what it is told.
fn is_found(ask: fn() -> u64) -> bool {
    let result = sim::check(7, |builder| {
        let mut simulation = builder.build();
        simulation.client("frog", async move {
            sleep(Duration::from_nanos(ask() % 1_000_000_000)).await;
        });
        simulation.run()
    });
    result.is_err()
}

fn number(told: impl Hash) -> u64 {
    // The keys of this one do not change.
    let mut hasher = DefaultHasher::new();
    told.hash(&mut hasher);
    hasher.finish()
}

#[test]
fn what_stays_the_systems_is_found() {
    let chance = || {
        let mut bytes = [0; 8];
        let mut file = fs::File::open("/dev/urandom").unwrap();
        file.read_exact(&mut bytes).unwrap();
        u64::from_ne_bytes(bytes)
    };
    assert!(is_found(chance), "a file that gives chance");
    assert!(is_found(|| number(thread::current().id())), "a thread");
    let time = || number(thread::spawn(SystemTime::now).join().unwrap());
    assert!(is_found(time), "the time on a thread");
    let child = || {
        let told = Command::new("sh").args(["-c", "echo $$"]).output();
        number(told.unwrap().stdout)
    };
    assert!(is_found(child), "a program");
    static RUNS: AtomicU64 = AtomicU64::new(0);
    let run = || RUNS.fetch_add(1, Ordering::Relaxed);
    assert!(is_found(run), "a static");
    #[cfg(target_arch = "x86_64")]
    assert!(is_found(super::c::ticks), "the processor's counter");
    // What is simulated is not.
    assert!(!is_found(|| number((
        process::id(),
        hostname::get().unwrap(),
        SystemTime::now()
    ))));
}
