//! What the system tells of the machine: its name, and how many processors it has.

use std::sync::mpsc;
use std::thread;

use nix::unistd::{SysconfVar, sysconf};

use super::Answers;
use super::polliwog::sim::Simulation;

/// Runs this on a host.
pub(crate) fn on_host<T: 'static>(
    name: &str,
    processors: usize,
    ask: impl FnOnce() -> T + 'static,
) -> T {
    let (sender, receiver) = mpsc::channel();
    let mut simulation = Simulation::builder(1).processors(processors).build();
    simulation.client(name, async move { sender.send(ask()).unwrap() });
    simulation.run().unwrap();
    receiver.recv().unwrap()
}

/// The machine's name, in all ways that ask the C library.
fn names() -> Answers {
    let uname = nix::sys::utsname::uname().unwrap();
    let told = [
        ("hostname", hostname::get().unwrap()),
        ("nix, gethostname", nix::unistd::gethostname().unwrap()),
        ("nix, uname", uname.nodename().to_os_string()),
        #[cfg(target_os = "macos")]
        ("rustix", rustix_name().into()),
    ];
    told.map(|(who, name)| (who, name.into_string().unwrap()))
        .into()
}

fn rustix_name() -> String {
    let name = rustix::system::uname();
    name.nodename().to_str().unwrap().into()
}

#[test]
fn a_host_has_its_name() {
    let of_the_machine = names();
    for host in ["frog", "newt"] {
        for (who, name) in on_host(host, 1, names) {
            assert_eq!(name, host, "{who}");
        }
    }
    assert_eq!(names(), of_the_machine);
    let of_a_thread = on_host("frog", 1, || thread::spawn(names).join().unwrap());
    assert_eq!(of_a_thread, of_the_machine);
    let is_a_hosts = |(_, name): &(_, String)| name == "frog" || name == "newt";
    assert!(!of_the_machine.iter().any(is_a_hosts), "{of_the_machine:?}");
}

#[test]
fn all_else_that_uname_tells_is_the_systems() {
    let rest = || {
        let told = nix::sys::utsname::uname().unwrap();
        [
            told.sysname(),
            told.release(),
            told.version(),
            told.machine(),
        ]
        .map(ToOwned::to_owned)
    };
    assert_eq!(on_host("frog", 1, rest), rest());
}

#[test]
fn a_long_name_is_cut_off_as_the_system_does() {
    let long = "ribbit".repeat(50);
    let kept = if cfg!(target_os = "linux") { 64 } else { 255 };
    for (who, name) in on_host(&long, 1, names) {
        assert_eq!(name, long[..kept], "{who}");
    }
}

/// rustix asks Linux' kernel itself, as docs/simulation/hosts.md says.
#[cfg(target_os = "linux")]
#[test]
fn who_asks_the_kernel_gets_the_machines_name() {
    let of_the_machine = rustix_name();
    assert_eq!(on_host("frog", 1, rustix_name), of_the_machine);
    assert_eq!(names()[0].1, of_the_machine);
}

/// How many processors there are, by who tells it.
fn processors() -> Vec<(&'static str, usize)> {
    let mut told = vec![("std", thread::available_parallelism().unwrap().get())];
    told.push(("num_cpus", num_cpus::get()));
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    for name in [SysconfVar::_NPROCESSORS_ONLN, SysconfVar::_NPROCESSORS_CONF] {
        let count = sysconf(name).unwrap().unwrap();
        told.push(("sysconf", count.try_into().unwrap()));
    }
    #[cfg(target_os = "macos")]
    told.push(("sysctl", num_cpus::get_physical()));
    told
}

#[test]
fn a_host_has_as_many_processors_as_the_test_says() {
    let of_the_machine = processors();
    // A container's limits may be lower than what is asked for.
    for count in 1..=of_the_machine[0].1 {
        for (who, told) in on_host("frog", count, processors) {
            assert_eq!(told, count, "{who}");
        }
    }
    assert_eq!(processors(), of_the_machine);
    let mut simulation = Simulation::new(1);
    simulation.client("frog", async {
        assert_eq!(processors()[0].1, 1, "unless set")
    });
    simulation.run().unwrap();
}

/// What else `sysconf` is asked for is the system's, on a host, too.
#[test]
fn a_page_is_as_large_as_the_systems() {
    let page = || sysconf(SysconfVar::PAGE_SIZE).unwrap();
    assert_eq!(on_host("frog", 7, page), page());
    assert!(page() > Some(0));
}
