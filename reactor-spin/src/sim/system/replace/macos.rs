//! What [`replace_system!`] puts in the place of macOS' functions alone, and how it finds the system's own.
//!
//! Who calls what there, by the sources of each (`.ci/macos-symbols` finds a call that a new version makes):
//!
//! * `clock_gettime`: the standard library, for `SystemTime` (`CLOCK_REALTIME`) and `Instant` (`CLOCK_UPTIME_RAW`), in
//!   `std/src/sys/time/unix.rs`; with it chrono (`offset/utc.rs`) and uuid (`timestamp.rs`), which ask for `SystemTime`.
//! * `CCRandomGenerateBytes`: the standard library, for the keys of hash tables, in `std/src/sys/random/apple.rs`.
//! * `getentropy`: getrandom 0.2, 0.3 and 0.4 (`getentropy.rs` of each), with them `rand` (`OsRng`, by rand_core's `os.rs`)
//!   and uuid (`rng.rs`).
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
        use ::core::ffi::c_uint;

        unsafe extern "C" {
            /// `<mach/mach_time.h>`: writes the numerator and the denominator by which ticks become nanoseconds.
            fn mach_timebase_info(ratio: *mut [u32; 2]) -> c_int;
        }

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
            unsafe { original::random_bytes(buf, len) }
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
        extern "C" fn clock_gettime_nsec_np(clock: c_uint) -> u64 {
            match system::clock(clock as c_int) {
                Some(shown) => system::ticks(shown, [1, 1]),
                None => original::clock_gettime_nsec_np(clock),
            }
        }

        #[unsafe(no_mangle)]
        extern "C" fn mach_absolute_time() -> u64 {
            let Some(shown) = system::clock(system::UPTIME_RAW) else {
                return original::mach_absolute_time();
            };
            let mut ratio = [1; 2];
            // SAFETY: there is room for its two numbers of 32 bits.
            unsafe { mach_timebase_info(&raw mut ratio) };
            system::ticks(shown, ratio)
        }

        /// The system's own functions, which the libraries behind the program have. Their terms are those of the caller.
        mod original {
            use super::*;
            use ::core::ffi::{CStr, c_char};
            use ::core::mem::transmute_copy;
            use ::core::ptr::{null_mut, without_provenance_mut};
            use ::core::sync::atomic::{AtomicPtr, Ordering};

            unsafe extern "C" {
                fn dlsym(from: *mut c_void, name: *const c_char) -> *mut c_void;
            }

            type Place = AtomicPtr<c_void>;

            const UNKNOWN: Place = Place::new(null_mut());

            /// The function of this name that the libraries have.
            ///
            /// # Safety
            ///
            /// `F` is a pointer to a function with the signature of that one.
            unsafe fn find<F: Copy>(place: &Place, name: &CStr) -> F {
                let mut found = place.load(Ordering::Relaxed);
                if found.is_null() {
                    // `RTLD_NEXT` of `<dlfcn.h>`: whatever comes after the program, which is who asks.
                    let next = without_provenance_mut(usize::MAX);
                    // SAFETY: the name is a C string.
                    found = unsafe { dlsym(next, name.as_ptr()) };
                    ::core::assert!(!found.is_null(), "the system has no {name:?}");
                    place.store(found, Ordering::Relaxed);
                }
                // SAFETY: by the caller's promise, as pointers to functions and to data have one size here.
                unsafe { transmute_copy(&found) }
            }

            pub(super) unsafe fn random_bytes(buf: *mut c_void, len: usize) -> i32 {
                static PLACE: Place = UNKNOWN;
                type Original = unsafe extern "C" fn(*mut c_void, usize) -> i32;
                // SAFETY: the signature is the one of `CommonCrypto/CommonRandom.h`; the caller's terms.
                unsafe { find::<Original>(&PLACE, c"CCRandomGenerateBytes")(buf, len) }
            }

            pub(super) unsafe fn arc4random_buf(buf: *mut c_void, len: usize) {
                static PLACE: Place = UNKNOWN;
                type Original = unsafe extern "C" fn(*mut c_void, usize);
                // SAFETY: the signature is the one of `<stdlib.h>`; the caller's terms.
                unsafe { find::<Original>(&PLACE, c"arc4random_buf")(buf, len) }
            }

            pub(super) unsafe fn getentropy(buf: *mut c_void, len: usize) -> c_int {
                static PLACE: Place = UNKNOWN;
                type Original = unsafe extern "C" fn(*mut c_void, usize) -> c_int;
                // SAFETY: the signature is the one of `<sys/random.h>`; the caller's terms.
                unsafe { find::<Original>(&PLACE, c"getentropy")(buf, len) }
            }

            pub(super) unsafe fn clock_gettime(clock: c_int, time: *mut [i64; 2]) -> c_int {
                static PLACE: Place = UNKNOWN;
                type Original = unsafe extern "C" fn(c_int, *mut [i64; 2]) -> c_int;
                // SAFETY: the signature is the one of `<time.h>`; the caller's terms.
                unsafe { find::<Original>(&PLACE, c"clock_gettime")(clock, time) }
            }

            pub(super) unsafe fn gettimeofday(time: *mut [i64; 2], zone: *mut c_void) -> c_int {
                static PLACE: Place = UNKNOWN;
                type Original = unsafe extern "C" fn(*mut [i64; 2], *mut c_void) -> c_int;
                // SAFETY: the signature is the one of `<sys/time.h>`; the caller's terms.
                unsafe { find::<Original>(&PLACE, c"gettimeofday")(time, zone) }
            }

            pub(super) fn clock_gettime_nsec_np(clock: c_uint) -> u64 {
                static PLACE: Place = UNKNOWN;
                type Original = extern "C" fn(c_uint) -> u64;
                // SAFETY: the signature is the one of `<time.h>`.
                unsafe { find::<Original>(&PLACE, c"clock_gettime_nsec_np")(clock) }
            }

            pub(super) fn mach_absolute_time() -> u64 {
                static PLACE: Place = UNKNOWN;
                type Original = extern "C" fn() -> u64;
                // SAFETY: the signature is the one of `<mach/mach_time.h>`.
                unsafe { find::<Original>(&PLACE, c"mach_absolute_time")() }
            }
        }
    };
}
