//! [`replace_system!`]: functions of a program in the place of the C library's.
//!
//! They have to be the program's own, since the linker takes a program's functions before those of a shared library; and
//! they are `unsafe`, since they are called by C's rules. So this text is compiled in the program that writes the macro,
//! and in no other. All that it does is to pass on what the safe functions of the module above answer.

mod libraries;
mod linux;
mod macos;
mod originals;

/// Puts functions of the program in the place of the C library's that tell the time, wait, give chance, and tell of the
/// machine, for all that is linked into it: on a simulated host `SystemTime::now`, `Instant::now`, `thread::sleep`, the keys
/// of `HashMap`, `getrandom`, `rand::rng()`, and what is made of these, are the simulation's. Elsewhere they stay the system's.
///
/// It is written once, in the test or program itself, not in a library. It works on Linux and macOS with 64-bit processors
/// by x86-64 and ARM, and is an error of the compiler elsewhere. On macOS it has not been run yet: it is compiled, and a
/// whole program is linked for each processor and found to ask the system for none of it.
///
/// ```standalone_crate
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::sim; }
/// use polliwog::sim;
/// use polliwog::time::sleep;
/// use std::collections::HashMap;
/// use std::time::{Duration, Instant};
///
/// # #[cfg(all(any(target_os = "linux", target_os = "macos"), any(target_arch = "x86_64", target_arch = "aarch64")))]
/// sim::replace_system!();
///
/// # fn main() {
/// # #[cfg(all(any(target_os = "linux", target_os = "macos"), any(target_arch = "x86_64", target_arch = "aarch64")))]
/// sim::check(7, |builder| {
///     let mut simulation = builder.build();
///     simulation.client("frog", async {
///         let ponds = HashMap::from([(1, "deep"), (2, "green"), (3, "quiet")]);
///         let before = Instant::now();
///         let first = Duration::from_millis(*ponds.keys().next().unwrap());
///         sleep(first).await;
///         assert_eq!(before.elapsed(), first);
///     });
///     simulation.run()
/// })
/// .unwrap();
/// # }
/// ```
///
/// The machine's name is the host's (`gethostname`, `uname`), cut off where a system has no room for it. `thread::available_parallelism`
/// tells as many processors as [`Builder::processors`](crate::sim::Builder::processors) says, on Linux if the limits of the
/// test's own container are not lower.
///
/// The number of the process ([`std::process::id`]) is one of the host's, which no process of the system has; another one after
/// each start. [`std::net::ToSocketAddrs`] knows the names of hosts, and `getifaddrs` their addresses. A host gets no socket
/// of the system (`PermissionDenied`), but while it awaits [`outside`](fn@crate::sim::outside). One that calls
/// [`std::process::exit`] aborts the test, which would have passed otherwise, and the standard error tells which one it was.
///
/// # What it does not reach
///
/// * Who asks the kernel without the C library, as rustix does on Linux, or the processor itself.
/// * What is asked once for the whole process and kept. [`isolated`](fn@crate::sim::isolated) tells of what is kept for each
///   thread.
/// * Real threads that a host's program starts: they are on no host, and no virtual time passes for them.
/// * What is the same for the whole process, such as the variables of the environment, and the machine's files.
///
/// # Waits that block
///
/// On a simulated host `thread::sleep`, `thread::park_timeout`, `Condvar::wait_timeout` and `mpsc::Receiver::recv_timeout` take
/// virtual time: whoever has been notified already goes on at once, else the host, with all of its tasks, goes on when
/// the limit is over, and is told so. Nobody notifies it meanwhile, not a real thread either, as virtual time waits for none.
/// A limit of more than the 584 years that there are is none.
///
/// A wait without a limit, such as `mpsc::Receiver::recv`, is the system's, since only a real thread can end it. If that has
/// not done so after two seconds of real time, a line on the standard error tells which host waits, in which test.
#[macro_export]
#[doc(hidden)]
macro_rules! replace_system {
    () => {
        #[cfg(not(all(
            any(target_os = "linux", target_os = "macos"),
            target_pointer_width = "64",
            any(target_arch = "x86_64", target_arch = "aarch64")
        )))]
        ::core::compile_error!(
            "`replace_system!` is for Linux and macOS on x86-64 and ARM with 64 bits"
        );
        #[doc(hidden)]
        mod __polliwog_system {
            use ::core::ffi::{CStr, c_char, c_int, c_long, c_uint, c_void};
            use ::core::mem::MaybeUninit;
            use $crate::sim::__system as system;

            // A program that is linked statically has no libraries behind it.
            #[cfg(not(target_feature = "crt-static"))]
            $crate::__find_originals!();
            #[cfg(not(target_feature = "crt-static"))]
            $crate::__replace_libraries!();
            #[cfg(target_os = "linux")]
            $crate::__replace_linux!();
            #[cfg(target_os = "macos")]
            $crate::__replace_macos!();

            /// The memory that a caller lends: none if the pointer is null.
            ///
            /// # Safety
            ///
            /// The pointer is null, or there are `len` bytes.
            unsafe fn lent<'a>(buf: *mut c_void, len: usize) -> Option<&'a mut [MaybeUninit<u8>]> {
                if buf.is_null() {
                    return None;
                }
                // SAFETY: these are `len` bytes that the caller lends; they need not have been written.
                Some(unsafe { ::core::slice::from_raw_parts_mut(buf.cast(), len) })
            }

            /// Fills the caller's memory by the seed, or does nothing and says so.
            ///
            /// # Safety
            ///
            /// As [`lent`].
            unsafe fn fill(buf: *mut c_void, len: usize) -> bool {
                // SAFETY: the caller keeps to the same terms.
                unsafe { lent(buf, len) }.is_some_and(system::fill)
            }

            fn fail(error: c_int) -> c_int {
                // SAFETY: the C library's place for this thread's error.
                unsafe { *errno() = error };
                -1
            }

            /// # Safety
            ///
            /// The caller keeps to the C library's terms for it: the memory is there, for so many bytes.
            #[unsafe(no_mangle)]
            unsafe extern "C" fn arc4random_buf(buf: *mut c_void, len: usize) {
                // SAFETY: the caller keeps to the same terms.
                if !unsafe { fill(buf, len) } {
                    // SAFETY: as above.
                    unsafe { original::arc4random_buf(buf, len) }
                }
            }

            #[unsafe(no_mangle)]
            extern "C" fn arc4random() -> u32 {
                let mut by_chance = 0_u32;
                // SAFETY: these are its four bytes.
                unsafe { arc4random_buf((&raw mut by_chance).cast(), 4) };
                by_chance
            }

            #[unsafe(no_mangle)]
            extern "C" fn arc4random_uniform(bound: u32) -> u32 {
                // As many numbers are left out as would be too many for some remainders.
                let first = bound.wrapping_neg().checked_rem(bound).unwrap_or(0);
                loop {
                    let by_chance = arc4random();
                    if by_chance >= first {
                        return by_chance.checked_rem(bound).unwrap_or(0);
                    }
                }
            }

            #[unsafe(no_mangle)]
            extern "C" fn getpid() -> c_int {
                // SAFETY: it has no terms.
                system::process().unwrap_or_else(|| unsafe { original::getpid() })
            }

            #[unsafe(no_mangle)]
            extern "C" fn getppid() -> c_int {
                // SAFETY: it has no terms.
                system::parent().unwrap_or_else(|| unsafe { original::getppid() })
            }

            #[unsafe(no_mangle)]
            extern "C" fn socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int {
                if system::refuses_socket() {
                    return fail(system::EACCES);
                }
                // SAFETY: it has no terms.
                unsafe { original::socket(domain, kind, protocol) }
            }

            /// # Safety
            ///
            /// The caller keeps to the C library's terms for it: there is room for a `struct utsname`, whose second name is the
            /// host's.
            #[unsafe(no_mangle)]
            unsafe extern "C" fn uname(names: *mut Names) -> c_int {
                // SAFETY: the caller keeps to the same terms.
                let answer = unsafe { original::uname(names) };
                if answer == 0 {
                    // SAFETY: the system has written them.
                    system::rename(unsafe { &mut (*names)[1] });
                }
                answer
            }

            // The C library of musl has no other name for its own.
            #[cfg(any(target_os = "macos", target_env = "gnu"))]
            #[unsafe(no_mangle)]
            extern "C" fn sysconf(name: c_int) -> c_long {
                // SAFETY: it has no terms.
                system::sysconf(name).unwrap_or_else(|| unsafe { original::sysconf(name) })
            }

            /// # Safety
            ///
            /// The caller keeps to the C library's terms for it: the memory is there, for so many bytes.
            #[unsafe(no_mangle)]
            unsafe extern "C" fn getentropy(buf: *mut c_void, len: usize) -> c_int {
                // SAFETY: the caller keeps to the same terms.
                if len <= system::MAX_ENTROPY && unsafe { fill(buf, len) } {
                    return 0;
                }
                // SAFETY: as above.
                unsafe { original::getentropy(buf, len) }
            }

            /// # Safety
            ///
            /// The caller keeps to the C library's terms for it: there is room for a `struct timespec`.
            #[unsafe(no_mangle)]
            unsafe extern "C" fn clock_gettime(clock: c_int, time: *mut [i64; 2]) -> c_int {
                if let Some(shown) = system::clock(clock) {
                    // SAFETY: a `timespec` is two numbers of 64 bits here, to which the caller has lent the memory.
                    unsafe { time.write(shown) };
                    return 0;
                }
                // SAFETY: the caller keeps to the same terms.
                unsafe { original::clock_gettime(clock, time) }
            }

            /// # Safety
            ///
            /// The caller keeps to the C library's terms for it: each pointer is null or leads to room for its type.
            #[unsafe(no_mangle)]
            unsafe extern "C" fn gettimeofday(time: *mut [i64; 2], zone: *mut c_void) -> c_int {
                if let Some([seconds, nanos]) = system::clock(system::REALTIME) {
                    if !time.is_null() {
                        // SAFETY: the caller has lent the memory for a `timeval`: two numbers of 64 bits, or, on macOS,
                        // one of 64 bits, one of 32, and as many that are nothing, which on these processors are the
                        // high ones of a number of 64.
                        unsafe { time.write([seconds, nanos / 1000]) };
                    }
                    return 0;
                }
                // SAFETY: the caller keeps to the same terms.
                unsafe { original::gettimeofday(time, zone) }
            }

            /// # Safety
            ///
            /// The caller keeps to the C library's terms for it: the pointer is null or leads to a `time_t`.
            #[unsafe(no_mangle)]
            unsafe extern "C" fn time(time: *mut i64) -> i64 {
                let mut now = [0; 2];
                // SAFETY: this is a `timespec`.
                unsafe { clock_gettime(system::REALTIME, &raw mut now) };
                if !time.is_null() {
                    // SAFETY: the caller has lent the memory for a `time_t`, which has 64 bits here.
                    unsafe { time.write(now[0]) };
                }
                now[0]
            }

            /// # Safety
            ///
            /// The caller keeps to the C library's terms for it: there is a `timespec`, and room for another, or null.
            #[unsafe(no_mangle)]
            unsafe extern "C" fn nanosleep(limit: *const [i64; 2], left: *mut [i64; 2]) -> c_int {
                // SAFETY: by the terms of `nanosleep`.
                let asked = unsafe { limit.as_ref() };
                if asked
                    .is_some_and(|&limit| system::wait(system::REALTIME, false, limit).is_some())
                {
                    return 0;
                }
                // SAFETY: the caller keeps to the same terms.
                unsafe { original::nanosleep(limit, left) }
            }

            #[unsafe(no_mangle)]
            extern "C" fn sleep(seconds: c_uint) -> c_uint {
                let mut left = [0; 2];
                // SAFETY: these are two of `timespec`.
                match unsafe { nanosleep(&[seconds.into(), 0], &raw mut left) } {
                    0 => 0,
                    // No more than was asked for.
                    _ => left[0] as c_uint,
                }
            }

            #[unsafe(no_mangle)]
            extern "C" fn usleep(micros: c_uint) -> c_int {
                let limit = [micros / 1_000_000, micros % 1_000_000 * 1000].map(i64::from);
                // SAFETY: this is a `timespec`.
                unsafe { nanosleep(&raw const limit, ::core::ptr::null_mut()) }
            }
        }
    };
}
