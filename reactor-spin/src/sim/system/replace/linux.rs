//! What [`replace_system!`] puts in the place of Linux' functions, and how it asks the kernel.

/// The part of [`replace_system!`] that is Linux'.
///
/// [`replace_system!`]: crate::replace_system
#[macro_export]
#[doc(hidden)]
macro_rules! __replace_linux {
    () => {
        unsafe extern "C" {
            fn polliwog_sim_syscall(number: c_long, ...) -> c_long;
            #[link_name = "__errno_location"]
            safe fn errno() -> *mut c_int;
        }

        /// `struct utsname` of `include/uapi/linux/utsname.h`.
        type Names = [[u8; system::NAME_LEN]; 6];

        // The C library's own `syscall` is what some ask for chance, what the standard library's and others' locks wait
        // by, and what all others that are here would ask for the real thing. It takes arguments whose number Rust cannot say in a definition.
        #[cfg(target_arch = "x86_64")]
        ::core::arch::global_asm!(
            ".pushsection .text.syscall,\"ax\",@progbits",
            ".globl syscall",
            ".type syscall,@function",
            "syscall:",
            "cmp rdi, {getrandom}",
            "je 3f",
            "cmp rdi, {futex}",
            "jne polliwog_sim_syscall",
            "3:",
            "mov rax, rdi",
            "mov rdi, rsi",
            "mov rsi, rdx",
            "mov rdx, rcx",
            "mov rcx, r8",
            "mov r8, r9",
            "mov r9, [rsp + 8]",
            "cmp rax, {getrandom}",
            "je getrandom",
            "jmp {on_futex}",
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
            futex = const system::FUTEX,
            on_futex = sym futex,
        );
        #[cfg(target_arch = "aarch64")]
        ::core::arch::global_asm!(
            ".pushsection .text.syscall,\"ax\",@progbits",
            ".globl syscall",
            ".type syscall,@function",
            "syscall:",
            "cmp x0, #{getrandom}",
            "b.eq 3f",
            "cmp x0, #{futex}",
            "b.ne polliwog_sim_syscall",
            "3:",
            "mov x8, x0",
            "mov x0, x1",
            "mov x1, x2",
            "mov x2, x3",
            "mov x3, x4",
            "mov x4, x5",
            "mov x5, x6",
            "cmp x8, #{getrandom}",
            "b.ne 4f",
            "b getrandom",
            "4:",
            "b {on_futex}",
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
            futex = const system::FUTEX,
            on_futex = sym futex,
        );

        /// # Safety
        ///
        /// The caller keeps to the C library's terms for it: the memory is there, for so many bytes.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn getrandom(buf: *mut c_void, len: usize, flags: c_uint) -> isize {
            // SAFETY: the caller keeps to the same terms.
            if unsafe { fill(buf, len) } {
                return len as isize;
            }
            // SAFETY: the arguments are those of the caller, whose terms are the kernel's.
            unsafe { polliwog_sim_syscall(system::GETRANDOM, buf, len, flags) as isize }
        }

        /// # Safety
        ///
        /// The caller keeps to the C library's terms for it: the memory is there, for so many bytes.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn sched_getaffinity(process: c_int, len: usize, set: *mut u8) -> c_int {
            // SAFETY: by those terms the caller lends the memory.
            if process == 0 && unsafe { lent(set.cast(), len) }.is_some_and(system::processors) {
                return 0;
            }
            let call = system::SCHED_GETAFFINITY;
            // SAFETY: the arguments are those of the caller, whose terms are the kernel's.
            let written = unsafe { polliwog_sim_syscall(call, process, len, set) };
            let Ok(written) = usize::try_from(written) else {
                return -1;
            };
            // The kernel leaves what is beyond its own set as it was.
            // SAFETY: it has written no more than the `len` bytes that the caller lends.
            unsafe { set.add(written).write_bytes(0, len - written) };
            0
        }

        /// # Safety
        ///
        /// The caller keeps to the C library's terms for it: the memory is there, for so many bytes.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn gethostname(name: *mut u8, len: usize) -> c_int {
            let mut names: Names = [[0; system::NAME_LEN]; 6];
            // SAFETY: there is room for them.
            let answer = unsafe { uname(&raw mut names) };
            if answer != 0 {
                return answer;
            }
            let (kept, is_all) = system::kept(&names[1], len);
            // SAFETY: these are no more than the `len` bytes that the caller lends, which are not ours.
            unsafe { name.copy_from_nonoverlapping(kept.as_ptr(), kept.len()) };
            if is_all {
                0
            } else {
                fail(system::ENAMETOOLONG)
            }
        }

        fn error() -> c_int {
            // SAFETY: the C library's place for this thread's error.
            unsafe { *errno() }
        }

        /// On a host, a wait with a limit takes virtual time; one without is the system's, and told if it lasts.
        ///
        /// # Safety
        ///
        /// The caller keeps to the kernel's terms for it.
        unsafe extern "C" fn futex(
            word: *mut c_void,
            operation: c_int,
            value: u32,
            limit: *const [i64; 2],
            other: *mut c_void,
            bits: u32,
        ) -> c_long {
            let ask = |limit: *const [i64; 2]| {
                let futex = system::FUTEX;
                // SAFETY: the arguments are those of the caller, or the limit is one of ours.
                unsafe { polliwog_sim_syscall(futex, word, operation, value, limit, other, bits) }
            };
            let Some((clock, absolute)) = system::futex_waits(operation) else {
                return ask(limit);
            };
            // Whoever waits may be wrong, or woken already, which the kernel finds out with a limit that is over.
            let answer = ask(&[0; 2]);
            if answer != -1 || error() != system::ETIMEDOUT {
                return answer;
            }
            // SAFETY: by the kernel's terms for a wait this is null or a `timespec`.
            if let Some(&limit) = unsafe { limit.as_ref() } {
                match system::wait(clock, absolute, limit) {
                    Some(true) => return answer,
                    // No virtual time is so late.
                    Some(false) => {}
                    // That limit is none.
                    None => return ask(&limit),
                }
            }
            let mut patience = [0; 2];
            if absolute {
                // SAFETY: there is room for a `timespec`.
                unsafe { polliwog_sim_syscall(system::CLOCK_GETTIME, clock, &raw mut patience) };
            }
            patience[0] += system::PATIENCE;
            let answer = ask(&patience);
            if answer != -1 || error() != system::ETIMEDOUT {
                return answer;
            }
            system::tell_of_wait();
            ask(::core::ptr::null())
        }

        /// # Safety
        ///
        /// The caller keeps to the C library's terms for it: there is a `timespec`, and room for another, or null.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn clock_nanosleep(
            clock: c_int,
            flags: c_int,
            limit: *const [i64; 2],
            left: *mut [i64; 2],
        ) -> c_int {
            // SAFETY: by the terms of `clock_nanosleep`.
            let asked = unsafe { limit.as_ref() };
            // `TIMER_ABSTIME` is the one flag that there is.
            if asked.is_some_and(|&limit| system::wait(clock, flags & 1 != 0, limit).is_some()) {
                return 0;
            }
            // SAFETY: the arguments are those of the caller, whose terms are the kernel's.
            let answer =
                unsafe { polliwog_sim_syscall(system::CLOCK_NANOSLEEP, clock, flags, limit, left) };
            if answer == 0 { 0 } else { error() }
        }

        /// What the C library would do: the kernel is asked, whose terms are those of the caller.
        mod original {
            use super::*;

            pub(super) unsafe fn getentropy(buf: *mut c_void, len: usize) -> c_int {
                if len > system::MAX_ENTROPY {
                    return fail(system::EIO);
                }
                // SAFETY: the caller's terms. So few bytes come whole.
                let got = unsafe { polliwog_sim_syscall(system::GETRANDOM, buf, len, 0) };
                if got == len as c_long { 0 } else { -1 }
            }

            #[cfg(target_env = "gnu")]
            unsafe extern "C" {
                /// The same function by its other name, which is glibc's alone.
                #[link_name = "__sysconf"]
                pub(super) fn sysconf(name: c_int) -> c_long;
            }

            pub(super) unsafe fn arc4random_buf(buf: *mut c_void, len: usize) {
                let mut done = 0;
                while done < len {
                    // SAFETY: the caller's terms.
                    let (rest, left) = (unsafe { buf.byte_add(done) }, len - done);
                    // SAFETY: as above.
                    let got = unsafe { polliwog_sim_syscall(system::GETRANDOM, rest, left, 0) };
                    // A signal may have come in between.
                    done += usize::try_from(got).unwrap_or(0);
                }
            }

            pub(super) unsafe fn getpid() -> c_int {
                // SAFETY: it has no terms.
                unsafe { polliwog_sim_syscall(system::GETPID) as c_int }
            }

            pub(super) unsafe fn getppid() -> c_int {
                // SAFETY: it has no terms.
                unsafe { polliwog_sim_syscall(system::GETPPID) as c_int }
            }

            pub(super) unsafe fn socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int {
                // SAFETY: it has no terms.
                unsafe { polliwog_sim_syscall(system::SOCKET, domain, kind, protocol) as c_int }
            }

            pub(super) unsafe fn uname(names: *mut Names) -> c_int {
                // SAFETY: the caller's terms.
                unsafe { polliwog_sim_syscall(system::UNAME, names) as c_int }
            }

            pub(super) unsafe fn clock_gettime(clock: c_int, time: *mut [i64; 2]) -> c_int {
                // SAFETY: the caller's terms.
                unsafe { polliwog_sim_syscall(system::CLOCK_GETTIME, clock, time) as c_int }
            }

            pub(super) unsafe fn nanosleep(limit: *const [i64; 2], left: *mut [i64; 2]) -> c_int {
                let (call, clock) = (system::CLOCK_NANOSLEEP, system::MONOTONIC);
                // SAFETY: the caller's terms.
                unsafe { polliwog_sim_syscall(call, clock, 0, limit, left) as c_int }
            }

            pub(super) unsafe fn gettimeofday(time: *mut [i64; 2], zone: *mut c_void) -> c_int {
                // SAFETY: the caller's terms.
                unsafe { polliwog_sim_syscall(system::GETTIMEOFDAY, time, zone) as c_int }
            }
        }
    };
}
