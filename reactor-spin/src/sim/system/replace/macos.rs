//! What [`replace_system!`] puts in the place of macOS' functions alone, and how it finds the system's own.
//!
//! Who calls what there, by the sources of each (`.ci/macos-symbols` finds a call that a new version makes):
//!
//! * `clock_gettime`: the standard library, for `SystemTime` (`CLOCK_REALTIME`) and `Instant` (`CLOCK_UPTIME_RAW`), in
//!   `std/src/sys/time/unix.rs`; with it chrono (`offset/utc.rs`) and uuid (`timestamp.rs`), which ask for `SystemTime`.
//! * `CCRandomGenerateBytes`: the standard library, for the keys of hash tables, in `std/src/sys/random/apple.rs`.
//! * `getentropy`: getrandom 0.2, 0.3 and 0.4 (`getentropy.rs` of each), with them `rand` (`OsRng`, by rand_core's `os.rs`)
//!   and uuid (`rng.rs`).
//! * `nanosleep`, `mach_wait_until`: the standard library, for `thread::sleep` and `sleep_until`, in
//!   `std/src/sys/thread/unix.rs`; `pthread_cond_timedwait_relative_np`: for `Condvar::wait_timeout`, in
//!   `std/src/sys/pal/unix/sync/condvar.rs`; `dispatch_time` and `dispatch_semaphore_wait`: for `thread::park_timeout`, by
//!   which channels wait, in `std/src/sys/sync/thread_parking/darwin.rs`.
//! * `pthread_cond_timedwait`: parking_lot (`thread_parker/unix.rs`), by the wall clock of `gettimeofday`.
//! * `sysconf`: the standard library, for `available_parallelism` (`_SC_NPROCESSORS_ONLN`), in `std/src/sys/thread/unix.rs`;
//!   num_cpus (`lib.rs`), which asks `sysctlbyname` for `hw.physicalcpu`. `gethostname`: the crates hostname (`nix.rs`), nix
//!   (`unistd.rs`), whoami (`os/unix.rs`); `uname`: nix (`sys/utsname.rs`), rustix (`backend/libc/system/syscalls.rs`).
//!   `getpid` and `getppid`: the standard library, for `process::id` and `parent_id`, in `std/src/sys/process/unix`; `socket`: for its
//!   sockets, in `std/src/sys/net/connection/socket/unix.rs`, and socket2 (`sys/unix.rs`). `sysctl`: sysinfo (`unix/apple/utils.rs`).
//! * `arc4random_buf`, `clock_gettime_nsec_np`, `mach_absolute_time`: those who declare the C library's functions on their
//!   own, as the crate libc does (`unix/bsd/mod.rs`, `unix/bsd/apple/mod.rs`).
//!
//! Apple's linker takes a symbol that the program defines before one of a library, for all that is linked into the
//! program; the system's libraries have theirs bound to each other by name and library ("two-level namespace", `man ld`),
//! so that the system itself goes on with its own.

/// The part of [`replace_system!`] that is macOS'.
///
/// [`replace_system!`]: crate::replace_system
#[macro_export]
#[doc(hidden)]
macro_rules! __replace_macos {
    () => {
        unsafe extern "C" {
            #[link_name = "__error"]
            safe fn errno() -> *mut c_int;
            /// `<mach/mach_time.h>`: writes the numerator and the denominator by which ticks become nanoseconds.
            fn mach_timebase_info(ratio: *mut [u32; 2]) -> c_int;
        }

        /// `struct utsname` of `<sys/utsname.h>`.
        type Names = [[u8; system::NAME_LEN]; 5];

        /// # Safety
        ///
        /// The caller keeps to the C library's terms for it: the memory is there, for so many bytes.
        // The name is Apple's, in `CommonCrypto/CommonRandom.h`.
        #[allow(non_snake_case)]
        #[unsafe(no_mangle)]
        unsafe extern "C" fn CCRandomGenerateBytes(buf: *mut c_void, len: usize) -> i32 {
            // SAFETY: the caller keeps to the same terms.
            if unsafe { fill(buf, len) } {
                // `kCCSuccess`.
                return 0;
            }
            // SAFETY: as above.
            unsafe { original::CCRandomGenerateBytes(buf, len) }
        }

        #[unsafe(no_mangle)]
        extern "C" fn clock_gettime_nsec_np(clock: c_uint) -> u64 {
            match system::clock(clock as c_int) {
                Some(shown) => system::ticks(shown, [1, 1]),
                // SAFETY: it has no terms.
                None => unsafe { original::clock_gettime_nsec_np(clock) },
            }
        }

        #[unsafe(no_mangle)]
        extern "C" fn mach_absolute_time() -> u64 {
            let Some(shown) = system::clock(system::UPTIME_RAW) else {
                // SAFETY: it has no terms.
                return unsafe { original::mach_absolute_time() };
            };
            system::ticks(shown, ratio())
        }

        /// # Safety
        ///
        /// The caller keeps to the C library's terms for it: there are such things, and the caller has the lock.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn pthread_cond_timedwait_relative_np(
            condition: *mut c_void,
            lock: *mut c_void,
            limit: *const [i64; 2],
        ) -> c_int {
            // SAFETY: by those terms this is a `timespec`.
            match system::wait(system::UPTIME_RAW, false, unsafe { *limit }) {
                // A lock that is given away and taken again before anybody has come for it.
                Some(true) => system::ETIMEDOUT,
                // SAFETY: the caller keeps to the same terms.
                _ => unsafe {
                    original::pthread_cond_timedwait_relative_np(condition, lock, limit)
                },
            }
        }

        /// # Safety
        ///
        /// As [`pthread_cond_timedwait_relative_np`].
        #[unsafe(no_mangle)]
        unsafe extern "C" fn pthread_cond_timedwait(
            condition: *mut c_void,
            lock: *mut c_void,
            limit: *const [i64; 2],
        ) -> c_int {
            // SAFETY: by those terms this is a `timespec`.
            match system::wait(system::REALTIME, true, unsafe { *limit }) {
                Some(true) => system::ETIMEDOUT,
                // SAFETY: the caller keeps to the same terms.
                _ => unsafe { original::pthread_cond_timedwait(condition, lock, limit) },
            }
        }

        #[unsafe(no_mangle)]
        extern "C" fn mach_wait_until(instant: u64) -> c_int {
            if system::is_on_host() {
                let limit = system::time_of(instant, ratio());
                if system::wait(system::UPTIME_RAW, true, limit).is_some() {
                    // `KERN_SUCCESS`.
                    return 0;
                }
            }
            // SAFETY: it has no terms.
            unsafe { original::mach_wait_until(instant) }
        }

        /// A host's instants are nanoseconds of its clock, in which its waits are understood.
        #[unsafe(no_mangle)]
        extern "C" fn dispatch_time(from: u64, nanos: i64) -> u64 {
            match system::clock(system::UPTIME_RAW) {
                // `DISPATCH_TIME_NOW`.
                Some(shown) if from == 0 => system::ticks(shown, [1, 1])
                    .saturating_add_signed(nanos)
                    .clamp(1, FOREVER - 1),
                // SAFETY: it has no terms.
                _ => unsafe { original::dispatch_time(from, nanos) },
            }
        }

        /// `DISPATCH_TIME_FOREVER`.
        const FOREVER: u64 = u64::MAX;

        /// # Safety
        ///
        /// The caller keeps to the C library's terms for it: there is such a semaphore.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn dispatch_semaphore_wait(semaphore: *mut c_void, until: u64) -> isize {
            // SAFETY: the caller keeps to the same terms.
            let ask = |until| unsafe { original::dispatch_semaphore_wait(semaphore, until) };
            if until == 0 || !system::is_on_host() {
                return ask(until);
            }
            // It may have been signalled already.
            let answer = ask(0);
            let limit = system::time_of(until, [1, 1]);
            if answer == 0
                || until != FOREVER && system::wait(system::UPTIME_RAW, true, limit) == Some(true)
            {
                return answer;
            }
            // SAFETY: it has no terms.
            let patience = unsafe { original::dispatch_time(0, system::PATIENCE * 1_000_000_000) };
            let answer = ask(patience);
            if answer == 0 {
                return answer;
            }
            system::tell_of_wait();
            ask(FOREVER)
        }

        /// Gives a host's answer for `sysctl`; nothing is done if it is the system that is to be asked.
        ///
        /// # Safety
        ///
        /// `len` is null or leads to a number. Unless `old` is null, it leads to as many bytes.
        unsafe fn answer(
            asked: Option<system::Asked>,
            old: *mut c_void,
            len: *mut usize,
        ) -> Option<c_int> {
            // SAFETY: the caller's terms.
            let len = unsafe { len.as_mut() };
            let room = len.as_ref().map_or(0, |len| **len);
            let (told, is_all) = asked?.answer((!old.is_null()).then_some(room))?;
            if !old.is_null() {
                let bytes = told.as_ptr();
                // SAFETY: these are no more than the bytes that the caller lends.
                unsafe { old.cast::<u8>().copy_from_nonoverlapping(bytes, told.len()) };
            }
            if let Some(len) = len {
                *len = told.len();
            }
            Some(if is_all { 0 } else { fail(system::ENOMEM) })
        }

        /// # Safety
        ///
        /// The caller keeps to the C library's terms for it: each pointer is null or leads to as much as is said.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn sysctl(
            number: *const c_int,
            count: c_uint,
            old: *mut c_void,
            len: *mut usize,
            new: *const c_void,
            new_len: usize,
        ) -> c_int {
            let asked = match count {
                // SAFETY: by those terms there are two numbers.
                2 if new.is_null() => system::Asked::by_number(unsafe { *number.cast() }),
                _ => None,
            };
            // SAFETY: the caller keeps to the same terms.
            unsafe { answer(asked, old, len) }.unwrap_or_else(|| unsafe {
                original::sysctl(number, count, old, len, new, new_len)
            })
        }

        /// # Safety
        ///
        /// The caller keeps to the C library's terms for it: each pointer is null or leads to as much as is said.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn sysctlbyname(
            name: *const c_char,
            old: *mut c_void,
            len: *mut usize,
            new: *const c_void,
            new_len: usize,
        ) -> c_int {
            let asked = match new.is_null() {
                // SAFETY: by those terms this is a C string.
                true => system::Asked::by_name(unsafe { CStr::from_ptr(name) }.to_bytes()),
                false => None,
            };
            // SAFETY: the caller keeps to the same terms.
            unsafe { answer(asked, old, len) }
                .unwrap_or_else(|| unsafe { original::sysctlbyname(name, old, len, new, new_len) })
        }

        /// # Safety
        ///
        /// The caller keeps to the C library's terms for it: the memory is there, for so many bytes.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn gethostname(name: *mut u8, len: usize) -> c_int {
            let mut room = len;
            let asked = Some(system::Asked::Name);
            // SAFETY: the caller keeps to the same terms.
            match unsafe { answer(asked, name.cast(), &raw mut room) } {
                // The name of that error here.
                Some(-1) => fail(system::ENAMETOOLONG),
                Some(answer) => answer,
                // SAFETY: as above.
                None => unsafe { original::gethostname(name, len) },
            }
        }

        /// How a tick and a nanosecond are to each other.
        fn ratio() -> [u32; 2] {
            let mut ratio = [1; 2];
            // SAFETY: there is room for its two numbers of 32 bits.
            unsafe { mach_timebase_info(&raw mut ratio) };
            ratio
        }

        /// The system's own functions, which the libraries behind the program have. Their terms are those of the caller.
        mod original {
            use super::*;

            $crate::__originals! {
                /// `CommonCrypto/CommonRandom.h`
                fn CCRandomGenerateBytes(buf: *mut c_void, len: usize) -> i32;
                /// `<stdlib.h>`
                fn arc4random_buf(buf: *mut c_void, len: usize);
                /// `<sys/random.h>`
                fn getentropy(buf: *mut c_void, len: usize) -> c_int;
                /// `<time.h>`
                fn clock_gettime(clock: c_int, time: *mut [i64; 2]) -> c_int;
                /// `<time.h>`
                fn clock_gettime_nsec_np(clock: c_uint) -> u64;
                /// `<sys/time.h>`
                fn gettimeofday(time: *mut [i64; 2], zone: *mut c_void) -> c_int;
                /// `<time.h>`
                fn nanosleep(limit: *const [i64; 2], left: *mut [i64; 2]) -> c_int;
                /// `<pthread.h>`
                fn pthread_cond_timedwait_relative_np(
                    condition: *mut c_void, lock: *mut c_void, limit: *const [i64; 2]
                ) -> c_int;
                /// `<pthread.h>`
                fn pthread_cond_timedwait(
                    condition: *mut c_void, lock: *mut c_void, limit: *const [i64; 2]
                ) -> c_int;
                /// `<dispatch/semaphore.h>`
                fn dispatch_semaphore_wait(semaphore: *mut c_void, until: u64) -> isize;
                /// `<dispatch/time.h>`
                fn dispatch_time(from: u64, nanos: i64) -> u64;
                /// `<mach/mach_time.h>`
                fn mach_wait_until(instant: u64) -> c_int;
                /// `<mach/mach_time.h>`
                fn mach_absolute_time() -> u64;
                /// `<sys/utsname.h>`
                fn uname(names: *mut Names) -> c_int;
                /// `<unistd.h>`
                fn gethostname(name: *mut u8, len: usize) -> c_int;
                /// `<unistd.h>`
                fn getpid() -> c_int;
                /// `<unistd.h>`
                fn getppid() -> c_int;
                /// `<sys/socket.h>`
                fn socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int;
                /// `<unistd.h>`
                fn sysconf(name: c_int) -> c_long;
                /// `<sys/sysctl.h>`
                fn sysctl(
                    number: *const c_int, count: c_uint, old: *mut c_void, len: *mut usize,
                    new: *const c_void, new_len: usize
                ) -> c_int;
                /// `<sys/sysctl.h>`
                fn sysctlbyname(
                    name: *const c_char, old: *mut c_void, len: *mut usize, new: *const c_void, new_len: usize
                ) -> c_int;
            }
        }
    };
}
