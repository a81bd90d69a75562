//! [`replace_system!`]: functions of a program in the place of the C library's.
//!
//! They have to be the program's own, since the linker takes a program's functions before those of a shared library; and
//! they are `unsafe`, since they are called by C's rules. So this text is compiled in the program that writes the macro,
//! and in no other. All that it does is to pass on what the safe functions of the module above answer.

/// Puts functions of the program in the place of the C library's that tell the time and give chance, for all that is linked
/// into it: on a simulated host `SystemTime::now`, `Instant::now`, the keys of `HashMap`, `getrandom`, `rand::rng()`, and
/// what is made of these, are the simulation's. Elsewhere they stay the system's.
///
/// It is written once, in the test or program itself, not in a library. It works on Linux with 64-bit processors by
/// x86-64 and ARM, and is an error of the compiler elsewhere.
///
/// ```standalone_crate
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::sim; }
/// use polliwog::sim;
/// use polliwog::time::sleep;
/// use std::collections::HashMap;
/// use std::time::{Duration, Instant};
///
/// # #[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
/// sim::replace_system!();
///
/// # fn main() {
/// # #[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
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
/// # What it does not reach
///
/// * Who asks the kernel without the C library, as rustix does, or the processor itself.
/// * What is asked once for the whole process and kept. [`isolated`](fn@crate::sim::isolated) tells of what is kept for each
///   thread.
/// * Time limits of what blocks a thread, such as `Condvar::wait_timeout` or `mpsc::Receiver::recv_timeout`: on a
///   simulated host time stands still while they wait.
/// * Real threads that a host's program starts: they are on no host.
#[macro_export]
#[doc(hidden)]
macro_rules! replace_system {
    () => {
        #[cfg(not(all(
            target_os = "linux",
            target_pointer_width = "64",
            any(target_arch = "x86_64", target_arch = "aarch64")
        )))]
        ::core::compile_error!("`replace_system!` is for Linux on x86-64 and ARM with 64 bits");
        #[doc(hidden)]
        mod __polliwog_system {
            use ::core::ffi::{c_int, c_long, c_uint, c_void};
            use $crate::sim::__system as system;

            unsafe extern "C" {
                fn polliwog_sim_syscall(number: c_long, ...) -> c_long;
                fn __errno_location() -> *mut c_int;
            }

            // The C library's own `syscall` is what some ask for chance, and what all others that are here would ask for
            // the real thing. It takes arguments whose number Rust cannot say in a definition.
            #[cfg(target_arch = "x86_64")]
            ::core::arch::global_asm!(
                ".pushsection .text.syscall,\"ax\",@progbits",
                ".globl syscall",
                ".type syscall,@function",
                "syscall:",
                "cmp rdi, {getrandom}",
                "jne polliwog_sim_syscall",
                "mov rdi, rsi",
                "mov rsi, rdx",
                "mov rdx, rcx",
                "jmp getrandom",
                ".size syscall, . - syscall",
                ".globl polliwog_sim_syscall",
                ".hidden polliwog_sim_syscall",
                ".type polliwog_sim_syscall,@function",
                "polliwog_sim_syscall:",
                "mov rax, rdi",
                "mov rdi, rsi",
                "mov rsi, rdx",
                "mov rdx, rcx",
                "mov r10, r8",
                "mov r8, r9",
                "mov r9, [rsp + 8]",
                "syscall",
                "cmp rax, -4095",
                "jae 2f",
                "ret",
                "2:",
                "push rbx",
                "mov ebx, eax",
                "neg ebx",
                "call __errno_location@PLT",
                "mov [rax], ebx",
                "mov rax, -1",
                "pop rbx",
                "ret",
                ".size polliwog_sim_syscall, . - polliwog_sim_syscall",
                ".popsection",
                getrandom = const system::GETRANDOM,
            );
            #[cfg(target_arch = "aarch64")]
            ::core::arch::global_asm!(
                ".pushsection .text.syscall,\"ax\",@progbits",
                ".globl syscall",
                ".type syscall,@function",
                "syscall:",
                "cmp x0, #{getrandom}",
                "b.ne polliwog_sim_syscall",
                "mov x0, x1",
                "mov x1, x2",
                "mov x2, x3",
                "b getrandom",
                ".size syscall, . - syscall",
                ".globl polliwog_sim_syscall",
                ".hidden polliwog_sim_syscall",
                ".type polliwog_sim_syscall,@function",
                "polliwog_sim_syscall:",
                "mov x8, x0",
                "mov x0, x1",
                "mov x1, x2",
                "mov x2, x3",
                "mov x3, x4",
                "mov x4, x5",
                "mov x5, x6",
                "svc #0",
                "cmn x0, #4095",
                "b.cs 2f",
                "ret",
                "2:",
                "stp x29, x30, [sp, #-32]!",
                "mov x29, sp",
                "str x19, [sp, #16]",
                "neg w19, w0",
                "bl __errno_location",
                "str w19, [x0]",
                "mov x0, #-1",
                "ldr x19, [sp, #16]",
                "ldp x29, x30, [sp], #32",
                "ret",
                ".size polliwog_sim_syscall, . - polliwog_sim_syscall",
                ".popsection",
                getrandom = const system::GETRANDOM,
            );

            /// # Safety
            ///
            /// The caller keeps to the C library's terms for it: the memory is there, for so many bytes.
            #[unsafe(no_mangle)]
            unsafe extern "C" fn getrandom(buf: *mut c_void, len: usize, flags: c_uint) -> isize {
                if !buf.is_null() {
                    let memory = buf.cast::<::core::mem::MaybeUninit<u8>>();
                    // SAFETY: by the terms of `getrandom` these are `len` bytes that the caller lends; they need not
                    // have been written.
                    let memory = unsafe { ::core::slice::from_raw_parts_mut(memory, len) };
                    if system::fill(memory) {
                        return len as isize;
                    }
                }
                // SAFETY: the arguments are those of the caller, whose terms are the kernel's.
                unsafe { polliwog_sim_syscall(system::GETRANDOM, buf, len, flags) as isize }
            }

            /// # Safety
            ///
            /// As `getrandom`.
            #[unsafe(no_mangle)]
            unsafe extern "C" fn getentropy(buf: *mut c_void, len: usize) -> c_int {
                if len > 256 {
                    // SAFETY: the C library's place for this thread's error.
                    unsafe { *__errno_location() = system::EIO };
                    return -1;
                }
                // SAFETY: the terms are the same. So few bytes come whole.
                let got = unsafe { getrandom(buf, len, 0) };
                if got == len as isize { 0 } else { -1 }
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
                // SAFETY: the arguments are those of the caller, whose terms are the kernel's.
                unsafe { polliwog_sim_syscall(system::CLOCK_GETTIME, clock, time) as c_int }
            }

            /// # Safety
            ///
            /// The caller keeps to the C library's terms for it: each pointer is null or leads to room for its type.
            #[unsafe(no_mangle)]
            unsafe extern "C" fn gettimeofday(time: *mut [i64; 2], zone: *mut c_void) -> c_int {
                if let Some([seconds, nanos]) = system::clock(0) {
                    if !time.is_null() {
                        // SAFETY: a `timeval` is two numbers of 64 bits here, to which the caller has lent the memory.
                        unsafe { time.write([seconds, nanos / 1000]) };
                    }
                    return 0;
                }
                // SAFETY: the arguments are those of the caller, whose terms are the kernel's.
                unsafe { polliwog_sim_syscall(system::GETTIMEOFDAY, time, zone) as c_int }
            }

            /// # Safety
            ///
            /// The caller keeps to the C library's terms for it: the pointer is null or leads to a `time_t`.
            #[unsafe(no_mangle)]
            unsafe extern "C" fn time(time: *mut i64) -> i64 {
                let mut now = [0; 2];
                // SAFETY: this is a `timespec`.
                unsafe { clock_gettime(0, &raw mut now) };
                if !time.is_null() {
                    // SAFETY: the caller has lent the memory for a `time_t`, which has 64 bits here.
                    unsafe { time.write(now[0]) };
                }
                now[0]
            }
        }
    };
}
