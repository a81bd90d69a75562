//! Interrupts of the chip that the program runs on: which handler is active, and how to keep them
//! out for a moment.
//!
//! # Levels
//!
//! On a chip, [`spawn`](crate::spawn()), [`Spawner::current`](crate::Spawner::current),
//! [`sleep`](crate::time::sleep) and [`time::now`](crate::time::now) refer to the executor that runs
//! *at this level*: at the level of `main`, or in the handler of this interrupt. A handler that has
//! interrupted a task is outside of that task's executor, whose futures and reactor are not made for
//! two levels at once; what it may use is a [`Handle`](crate::Handle), a [`Waker`](core::task::Waker),
//! or an [`AbortHandle`](crate::AbortHandle).
//!
//! Cortex-M has a register that tells the levels apart. Elsewhere (with feature `single-core`) the
//! program says which one is active, **once**, by [`interrupt_level!`](crate::interrupt_level!); without
//! that it does not link: `undefined symbol: _polliwog_interrupt_level`. On RISC-V
//! `machine_level` serves all programs whose handlers do not let others interrupt them, which is how
//! `riscv-rt` calls them:
//!
//! ```ignore
//! // SAFETY: no handler of this program enables interrupts.
//! polliwog::interrupt_level!(unsafe { polliwog::interrupt::machine_level() });
//! ```

/// Runs `f` while no interrupt handler can run on this core; on a host just runs it.
///
/// Not a critical section where that can be helped: another core may hold that one, or have to take it
/// while we sleep in here, and some implementations let interrupts through that `wfi` would have to
/// see.
#[inline(always)]
pub(crate) fn masked<T>(f: impl FnOnce() -> T) -> T {
    let _mask = imp::Mask::new();
    f()
}

#[cfg(all(target_os = "none", cortex_m))]
mod imp {
    use core::arch::asm;

    /// `PRIMASK` is set until this is dropped.
    pub(super) struct Mask(u32);

    impl Mask {
        #[inline(always)]
        pub(super) fn new() -> Self {
            let before: u32;
            // SAFETY: reads and sets a bit that keeps handlers out. Not `nomem`, so that nothing moves
            // out of the section.
            unsafe {
                asm!("mrs {}, PRIMASK", "cpsid i", out(reg) before, options(nostack, preserves_flags));
            }
            Self(before)
        }
    }

    impl Drop for Mask {
        #[inline(always)]
        fn drop(&mut self) {
            // SAFETY: restores what `new` has found.
            unsafe { asm!("msr PRIMASK, {}", in(reg) self.0, options(nostack, preserves_flags)) };
        }
    }
}

#[cfg(all(
    target_os = "none",
    any(target_arch = "riscv32", target_arch = "riscv64"),
    not(feature = "single-core")
))]
mod imp {
    use core::arch::asm;

    /// The bit of `mstatus` that lets interrupts through.
    const MIE: usize = 8;

    /// Interrupts are masked until this is dropped.
    pub(super) struct Mask(usize);

    impl Mask {
        #[inline(always)]
        pub(super) fn new() -> Self {
            let before: usize;
            // SAFETY: reads and clears a bit that keeps handlers out. Not `nomem`, so that nothing moves
            // out of the section.
            unsafe {
                asm!("csrrci {}, mstatus, 8", out(reg) before, options(nostack, preserves_flags));
            }
            Self(before & MIE)
        }
    }

    impl Drop for Mask {
        #[inline(always)]
        fn drop(&mut self) {
            // SAFETY: restores what `new` has found.
            unsafe { asm!("csrs mstatus, {}", in(reg) self.0, options(nostack, preserves_flags)) };
        }
    }
}

#[cfg(all(target_os = "none", not(cortex_m), feature = "single-core"))]
mod imp {
    /// A critical section until this is dropped.
    pub(super) struct Mask(critical_section::RestoreState);

    impl Mask {
        #[inline(always)]
        pub(super) fn new() -> Self {
            // SAFETY: released by the destructor, once, in the order of a stack.
            Self(unsafe { critical_section::acquire() })
        }
    }

    impl Drop for Mask {
        #[inline(always)]
        fn drop(&mut self) {
            // SAFETY: acquired by `new`.
            unsafe { critical_section::release(self.0) };
        }
    }
}

#[cfg(not(all(
    target_os = "none",
    any(
        cortex_m,
        feature = "single-core",
        target_arch = "riscv32",
        target_arch = "riscv64"
    )
)))]
mod imp {
    /// There are no interrupts, or no way that is known here.
    pub(super) struct Mask;

    impl Mask {
        #[inline(always)]
        pub(super) fn new() -> Self {
            Self
        }
    }
}

/// The level that is active: zero in `main`, the exception's number in a handler.
#[cfg(all(target_os = "none", cortex_m, feature = "single-core"))]
#[inline(always)]
pub(crate) fn level() -> usize {
    let exception: usize;
    // SAFETY: reads a register. It does not change within a function, whoever interrupts us.
    unsafe {
        core::arch::asm!("mrs {}, IPSR", out(reg) exception,
            options(pure, nomem, nostack, preserves_flags));
    }
    exception
}

/// The level that is active, as the program tells: zero in `main`.
#[cfg(all(target_os = "none", not(cortex_m), feature = "single-core"))]
#[inline(always)]
pub(crate) fn level() -> usize {
    unsafe extern "Rust" {
        fn _polliwog_interrupt_level() -> usize;
    }
    // SAFETY: defined by `interrupt_level!`, whose user has promised that it can be called anywhere.
    unsafe { _polliwog_interrupt_level() }
}

/// Whether `main`'s level has a number of its own, so that an executor can find out where it is.
#[cfg(all(target_os = "none", feature = "single-core"))]
pub(crate) const SELF_AWARE: bool = cfg!(cortex_m);

/// Tells, once in a program, how to find out whether an interrupt handler is active: for chips with feature
/// `single-core` that are no Cortex-M. See [`interrupt`](mod@crate::interrupt) for what it is needed
/// for.
///
/// `interrupt_level!(unsafe { EXPRESSION })` takes an expression of type `usize`, which is evaluated in
/// each call that asks for the executor.
///
/// # Safety
///
/// The expression is not zero in any interrupt handler, and gives a handler that can interrupt another
/// one another number than that one. It may be anything but zero at other times, too (then
/// ambient calls answer as outside of any executor), but has to be zero in `main` for them to work. It
/// can be evaluated at any time.
///
/// ```
/// # use polliwog_core as polliwog;
/// # #[cfg(any())] mod example {
/// // Handlers run with interrupts disabled, and `main` does not.
/// polliwog::interrupt_level!(unsafe { usize::from(!chip::interrupts_are_enabled()) });
/// # }
/// ```
#[macro_export]
macro_rules! interrupt_level {
    (unsafe { $($level:tt)* }) => {
        const _: () = {
            #[unsafe(no_mangle)]
            extern "Rust" fn _polliwog_interrupt_level() -> ::core::primitive::usize {
                // SAFETY: whoever wrote `unsafe` has the promise to keep.
                #[allow(unused_unsafe)]
                unsafe { $($level)* }
            }
        };
    };
}

/// What to give to [`interrupt_level!`](crate::interrupt_level!) on a RISC-V hart in machine mode whose
/// handlers run with interrupts disabled, as the hart itself does it: one if they are disabled, else
/// zero.
///
/// In a critical section, and before interrupts are enabled, ambient calls so answer as outside of any
/// executor.
///
/// # Safety
///
/// The program runs in machine mode, and none of its handlers enables interrupts.
#[cfg(all(
    target_os = "none",
    any(target_arch = "riscv32", target_arch = "riscv64")
))]
#[inline(always)]
pub unsafe fn machine_level() -> usize {
    let status: usize;
    // SAFETY: reads a register that exists in machine mode.
    unsafe {
        core::arch::asm!("csrr {}, mstatus", out(reg) status,
            options(nomem, nostack, preserves_flags));
    }
    !status >> 3 & 1
}
