//! What a system tells a program of its machine and its process, and what it gives to none.

use alloc::string::String;
use alloc::vec::Vec;
use core::mem::MaybeUninit;

use super::super::net::Net;
use super::{host, is_on_host};
use crate::net::Network;

/// The numbers of what is asked of Linux for the machine's name, ...
pub const UNAME: i64 = if cfg!(target_arch = "x86_64") {
    63
} else {
    160
};
/// ... for the process, ...
pub const GETPID: i64 = if cfg!(target_arch = "x86_64") {
    39
} else {
    172
};
/// ... who has started it, ...
pub const GETPPID: i64 = if cfg!(target_arch = "x86_64") {
    110
} else {
    173
};
/// ... and for a socket.
pub const SOCKET: i64 = if cfg!(target_arch = "x86_64") {
    41
} else {
    198
};
/// The error of who is not allowed to have what there is.
pub const EACCES: i32 = 13;
/// The error of a name for which there is no room.
pub const ENAMETOOLONG: i32 = if cfg!(target_os = "linux") { 36 } else { 63 };
/// The error of a value for which there is no room.
pub const ENOMEM: i32 = 12;
/// How long names are, with the zero at their end: `__NEW_UTS_LEN` of `include/uapi/linux/utsname.h` and one; macOS'
/// `_SYS_NAMELEN` of `<sys/utsname.h>`.
pub const NAME_LEN: usize = if cfg!(target_os = "linux") { 65 } else { 256 };

/// What `sysconf` is asked for: processors that there are, and those of them that run. Linux: glibc's
/// `bits/confname.h`; macOS: `<unistd.h>`.
const PROCESSORS: [i32; 2] = if cfg!(target_os = "linux") {
    [83, 84]
} else {
    [57, 58]
};

/// The number of a process that no system has: those of Linux end before it (`PID_MAX_LIMIT` of `include/linux/threads.h`),
/// those of macOS before 100 000 (`PID_MAX` of XNU's `bsd/sys/proc_internal.h`). So a signal for a host's process strikes
/// nobody else's.
const INIT: i32 = 1 << 22;

/// The host's name with a zero at its end, of which no more is told than a system has room for.
fn name() -> Option<Vec<u8>> {
    let name = host(|host| String::from(&*host.name))?;
    let kept = name.bytes().take(NAME_LEN - 1);
    Some(kept.chain([0]).collect())
}

/// How many processors a host has; `None` if it is the system that is to be asked.
fn count() -> Option<usize> {
    let Net { world, .. } = Network::current_sim()?;
    Some(world.settings.processors)
}

/// Puts the host's name in the place of the system's; elsewhere it leaves that.
pub fn rename(names: &mut [u8; NAME_LEN]) {
    if let Some(name) = name() {
        names.fill(0);
        names[..name.len()].copy_from_slice(&name);
    }
}

/// What `gethostname` copies of a name into memory with so much room, and whether that is all of it, by glibc's rules
/// (`man 2 gethostname`): a name for which there is no room is cut off, has no zero, and is an error.
#[must_use]
pub fn kept(name: &[u8; NAME_LEN], room: usize) -> (&[u8], bool) {
    let end = name.iter().position(|byte| *byte == 0);
    let len = end.map_or(NAME_LEN, |end| end + 1);
    (&name[..len.min(room)], len <= room)
}

/// Writes which processors there are, a bit for each; `false`, and nothing done, if it is the system that is to be asked.
#[must_use]
pub fn processors(set: &mut [MaybeUninit<u8>]) -> bool {
    let Some(count) = count() else {
        return false;
    };
    for (at, byte) in set.iter_mut().enumerate() {
        let here = count.saturating_sub(at * 8).min(8);
        byte.write(((1_u16 << here) - 1) as u8);
    }
    true
}

/// What `sysconf` tells on a host; `None` if it is the system that is to be asked.
#[must_use]
pub fn sysconf(name: i32) -> Option<i64> {
    let asked = PROCESSORS.contains(&name);
    asked.then(count)??.try_into().ok()
}

/// The number of the host's process, another one after each start; `None` if it is the system that is to be asked. As in
/// containers, processes of several hosts may have the same.
#[must_use]
pub fn process() -> Option<i32> {
    host(|host| INIT.saturating_add(host.changes.try_into().unwrap_or(i32::MAX)))
}

/// The number of the process that has started the host's.
#[must_use]
pub fn parent() -> Option<i32> {
    host(|_| INIT)
}

/// Whether a socket is refused, since this is a host's thread, and no [`outside`](super::super::outside()) of it says that what is
/// real is meant. The story of the run has a line for it.
#[must_use]
pub fn refuses_socket() -> bool {
    let Some(net) = Network::current_sim().filter(|_| is_on_host()) else {
        return false;
    };
    let is_refused = !net.world.is_outside(net.host);
    if is_refused {
        net.note("asks the system for a socket, which it does not get".into());
    }
    is_refused
}

/// What is asked of macOS' `sysctl`, and has an answer of the host's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Its name, until a zero.
    Name,
    /// How many processors it has: a number of 32 bits.
    Processors,
}

impl Asked {
    /// What these numbers of `<sys/sysctl.h>` stand for.
    #[must_use]
    pub fn by_number(number: [i32; 2]) -> Option<Self> {
        match number {
            // `CTL_KERN`: `KERN_HOSTNAME`.
            [1, 10] => Some(Self::Name),
            // `CTL_HW`: `HW_NCPU`, `HW_AVAILCPU`.
            [6, 3 | 25] => Some(Self::Processors),
            _ => None,
        }
    }

    /// What this name stands for: those of `man 3 sysctl` and `bsd/kern/kern_mib.c` of the kernel, XNU.
    #[must_use]
    pub fn by_name(name: &[u8]) -> Option<Self> {
        match name {
            b"kern.hostname" => Some(Self::Name),
            b"hw.ncpu"
            | b"hw.activecpu"
            | b"hw.physicalcpu"
            | b"hw.physicalcpu_max"
            | b"hw.logicalcpu"
            | b"hw.logicalcpu_max" => Some(Self::Processors),
            _ => None,
        }
    }

    /// What there is room for of the host's answer, or all of it, and whether it is all; `None` if it is the system that is
    /// to be asked.
    ///
    /// A name for which there is no room is cut off, ends with a zero all the same, and is no error, unless there is no
    /// room for even that: `sysctl_io_string` of `bsd/kern/kern_newsysctl.c` (XNU), whose argument `trunc` is set for names.
    #[must_use]
    pub fn answer(self, room: Option<usize>) -> Option<(Vec<u8>, bool)> {
        let mut told = match self {
            Self::Name => name()?,
            Self::Processors => i32::try_from(count()?)
                .unwrap_or(i32::MAX)
                .to_ne_bytes()
                .into(),
        };
        let mut is_all = true;
        if let Some(room) = room.filter(|room| *room < told.len()) {
            told.truncate(room);
            is_all = self == Self::Name && room > 0;
            if is_all {
                told[room - 1] = 0;
            }
        }
        Some((told, is_all))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Simulation;
    use super::*;

    /// What a system with a name of its own tells on a host, and how much of it is told where there is room for so many.
    fn told(host: &str, room: usize) -> (Vec<u8>, bool) {
        let mut simulation = Simulation::new(1);
        let (sender, receiver) = std::sync::mpsc::channel();
        simulation.client(host, async move {
            let mut names = [b'x'; NAME_LEN];
            rename(&mut names);
            let (kept, is_all) = kept(&names, room);
            sender.send((kept.to_vec(), is_all)).unwrap();
        });
        simulation.run().unwrap();
        receiver.recv().unwrap()
    }

    #[test]
    fn a_name_is_cut_off_without_a_zero_where_there_is_no_room() {
        for room in [5, 6, NAME_LEN] {
            assert_eq!(told("frog", room), (b"frog\0".into(), true), "{room}");
        }
        assert_eq!(told("frog", 4), (b"frog".into(), false));
        assert_eq!(told("frog", 1), (b"f".into(), false));
        assert_eq!(told("frog", 0), (b"".into(), false));
        // As much as a system keeps.
        let long = "r".repeat(NAME_LEN + 10);
        let (kept, is_all) = told(&long, NAME_LEN);
        assert_eq!(kept, [&long.as_bytes()[..NAME_LEN - 1], &[0]].concat());
        assert!(is_all);
    }

    #[test]
    fn elsewhere_a_name_is_left() {
        let mut names = [b'x'; NAME_LEN];
        rename(&mut names);
        assert_eq!(names, [b'x'; NAME_LEN]);
        // Without a zero it has an end all the same.
        assert_eq!(kept(&names, NAME_LEN), (&names[..], true));
        for asked in [Asked::Name, Asked::Processors] {
            assert_eq!(asked.answer(None), None);
        }
        assert_eq!(sysconf(PROCESSORS[0]), None);
    }

    #[test]
    fn no_system_has_a_hosts_process() {
        assert_eq!(process().or(parent()), None);
        let mut simulation = Simulation::new(1);
        simulation.client("frog", async {
            assert!(process().unwrap() > parent().unwrap());
            assert!(parent().unwrap() >= 1 << 22);
        });
        simulation.run().unwrap();
    }

    #[test]
    fn what_sysctl_answers_is_the_hosts() {
        let mut simulation = Simulation::builder(1).processors(3).build();
        simulation.client("frog", async {
            for room in [None, Some(5), Some(6)] {
                let told = Asked::Name.answer(room);
                assert_eq!(told, Some((b"frog\0".into(), true)), "{room:?}");
            }
            for (room, cut) in [(4, "fro\0"), (1, "\0")] {
                let told = Asked::Name.answer(Some(room));
                assert_eq!(told, Some((cut.into(), true)), "{room}");
            }
            assert_eq!(Asked::Name.answer(Some(0)), Some((Vec::new(), false)));
            let three = 3_i32.to_ne_bytes().to_vec();
            for room in [None, Some(4), Some(8)] {
                let told = Asked::Processors.answer(room);
                assert_eq!(told, Some((three.clone(), true)), "{room:?}");
            }
            let told = Asked::Processors.answer(Some(2));
            assert_eq!(told, Some((three[..2].into(), false)));
            for name in PROCESSORS {
                assert_eq!(sysconf(name), Some(3), "{name}");
            }
            // Another question.
            assert_eq!(sysconf(PROCESSORS[0] - 1), None);
        });
        simulation.run().unwrap();
    }

    #[test]
    fn sysctl_is_asked_by_numbers_or_names() {
        assert_eq!(Asked::by_number([1, 10]), Some(Asked::Name));
        assert_eq!(Asked::by_number([6, 3]), Some(Asked::Processors));
        assert_eq!(Asked::by_number([6, 25]), Some(Asked::Processors));
        for other in [[1, 3], [6, 10], [6, 6], [0, 0]] {
            assert_eq!(Asked::by_number(other), None, "{other:?}");
        }
        assert_eq!(Asked::by_name(b"kern.hostname"), Some(Asked::Name));
        assert_eq!(Asked::by_name(b"hw.logicalcpu"), Some(Asked::Processors));
        assert_eq!(Asked::by_name(b"hw.memsize"), None);
    }
}
