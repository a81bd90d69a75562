//! What [`replace_system!`] puts in the place of Linux' functions, and how it asks the kernel.

/// The part of [`replace_system!`] that is Linux'.
///
/// [`replace_system!`]: crate::replace_system
#[macro_export]
#[doc(hidden)]
macro_rules! __replace_linux {
    () => {
        use ::core::ffi::{c_long, c_uint};

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
            // SAFETY: the caller keeps to the same terms.
            if unsafe { fill(buf, len) } {
                return len as isize;
            }
            // SAFETY: the arguments are those of the caller, whose terms are the kernel's.
            unsafe { polliwog_sim_syscall(system::GETRANDOM, buf, len, flags) as isize }
        }

        /// What the C library would do: the kernel is asked, whose terms are those of the caller.
        mod original {
            use super::*;

            pub(super) unsafe fn getentropy(buf: *mut c_void, len: usize) -> c_int {
                if len > system::MAX_ENTROPY {
                    // SAFETY: the C library's place for this thread's error.
                    unsafe { *__errno_location() = system::EIO };
                    return -1;
                }
                // SAFETY: the caller's terms. So few bytes come whole.
                let got = unsafe { polliwog_sim_syscall(system::GETRANDOM, buf, len, 0) };
                if got == len as c_long { 0 } else { -1 }
            }

            pub(super) unsafe fn clock_gettime(clock: c_int, time: *mut [i64; 2]) -> c_int {
                // SAFETY: the caller's terms.
                unsafe { polliwog_sim_syscall(system::CLOCK_GETTIME, clock, time) as c_int }
            }

            pub(super) unsafe fn gettimeofday(time: *mut [i64; 2], zone: *mut c_void) -> c_int {
                // SAFETY: the caller's terms.
                unsafe { polliwog_sim_syscall(system::GETTIMEOFDAY, time, zone) as c_int }
            }
        }
    };
}
