//! [`TaskPool`]: static memory for an executor.

use core::cell::UnsafeCell;
use core::future::Future;
#[cfg(not(loom))]
use core::mem::MaybeUninit;

use super::bytes::{BytePool, BytesLabel, BytesLayout, Slab};
use crate::executor::shared::Shared;
use crate::loom::AtomicUsize;
use crate::task::body::{Body, Home};
use crate::task::joiner::Joiner;
use crate::task::state::{Block, BlockOf, release_bit};

/// Static memory for an executor: `N` task slots and, if `BYTES` is not zero, `N` bodies of
/// `BYTES` bytes each, for futures of any type. Of a body the future or its output, whichever is
/// larger, takes all but some five words; one that does not fit is
/// [an error](crate::SpawnErrorKind::TooLarge) that says how large it is.
///
/// `N` is at most `usize::BITS`, 32 on a chip of 32 bits. Where that is not enough there is an executor on the
/// heap (feature `alloc`, `Executor::with_capacity`), or an `InterruptExecutor` beside the pool: run by an
/// interrupt, or by a task, as the example `many` in `examples/firmware` does it.
///
/// A new pool is all zero: it lies in `.bss` and takes no flash.
/// Tasks that are spawned by [`spawn!`](crate::spawn!) bring bodies of exactly their size along
/// and need only a slot.
///
/// ```
/// # use polliwog_core as polliwog;
/// use polliwog::TaskPool;
///
/// static SLOTS: TaskPool<4> = TaskPool::new();
/// static SLOTS_AND_BODIES: TaskPool<8, 256> = TaskPool::new();
/// ```
///
/// ```compile_fail,E0080
/// # use polliwog_core as polliwog;
/// static TOO_MANY: polliwog::TaskPool<65> = polliwog::TaskPool::new();
/// ```
#[repr(C)]
pub struct TaskPool<const N: usize, const BYTES: usize = 0> {
    shared: Shared,
    block: BlockOf<N>,
    used: AtomicUsize,
    bodies: [Slab<BYTES>; N],
    #[cfg(feature = "embassy-time")]
    timers: [crate::embassy::timers::TaskTimer; N],
}

pub(crate) type ByteBody<F> = Body<F, Joiner, BytesLabel>;

/// Bodies from the pools' bytes.
pub(crate) struct Bytes;

// SAFETY: `release` clears the bit that `take` has set and put into the label.
unsafe impl Home for Bytes {
    type Label = BytesLabel;
    type Joiner = Joiner;

    fn name(_: BytesLabel) -> Option<&'static str> {
        None
    }

    #[inline]
    unsafe fn release<F: Future>(_: Option<&Shared>, body: *mut ()) {
        // SAFETY: the label is there as long as the body is.
        let label = unsafe { Body::read_label(body.cast::<ByteBody<F>>()) };
        release_bit(label.used, label.index);
    }
}

// SAFETY: claimed by one executor at a time, whose thread alone touches the cells (S5); the
// rest is atomic or locked. A body belongs to whoever has set its bit in `used`.
unsafe impl<const N: usize, const BYTES: usize> Sync for TaskPool<N, BYTES> {}

impl<const N: usize, const BYTES: usize> TaskPool<N, BYTES> {
    #[cfg(not(loom))]
    /// An empty pool.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::TaskPool;
    ///
    /// static POOL: TaskPool<8, 256> = TaskPool::new();
    /// ```
    pub const fn new() -> Self {
        const {
            assert!(N > 0, "a TaskPool has at least one slot");
            assert!(
                N <= usize::BITS as usize,
                "a TaskPool has as many slots as a usize has bits at most, 32 on a chip of 32 bits: put further \
                 tasks into an InterruptExecutor beside it, or all on the heap by Executor::with_capacity"
            );
        }
        Self {
            shared: Shared::new(),
            block: BlockOf::new(),
            used: AtomicUsize::new(0),
            bodies: [const {
                Slab {
                    bytes: UnsafeCell::new(MaybeUninit::uninit()),
                }
            }; N],
            #[cfg(feature = "embassy-time")]
            timers: [const { crate::embassy::timers::TaskTimer::new() }; N],
        }
    }

    /// How many tasks there can be.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::TaskPool;
    ///
    /// static POOL: TaskPool<8, 256> = TaskPool::new();
    /// assert_eq!(POOL.capacity(), 8);
    /// ```
    pub const fn capacity(&self) -> usize {
        N
    }

    pub(crate) fn shared(&'static self) -> &'static Shared {
        &self.shared
    }

    /// A timer for each slot.
    #[cfg(feature = "embassy-time")]
    pub(crate) fn timers(&'static self) -> &'static [crate::embassy::timers::TaskTimer] {
        &self.timers
    }

    pub(crate) fn block(&'static self) -> *const Block {
        self.block.head()
    }

    /// The bodies, if there are any.
    pub(crate) fn bytes(&'static self) -> Option<BytePool> {
        (BYTES > 0).then_some(BytePool {
            used: &self.used,
            first: UnsafeCell::raw_get(self.bodies.as_ptr().cast::<UnsafeCell<()>>()),
            layout: const {
                &BytesLayout {
                    len: N,
                    size: BYTES,
                    stride: size_of::<Slab<BYTES>>(),
                }
            },
        })
    }

    /// Fails to compile if the bodies are too small for futures of type `F`.
    pub(crate) const fn assert_fits<F: Future>() {
        assert!(
            size_of::<ByteBody<F>>() <= BYTES && align_of::<ByteBody<F>>() <= align_of::<Slab<0>>(),
            "this future does not fit into the bodies of the TaskPool"
        );
    }
}

// Loom's models use the heap.
#[cfg(not(loom))]
impl<const N: usize, const BYTES: usize> Default for TaskPool<N, BYTES> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize, const BYTES: usize> core::fmt::Debug for TaskPool<N, BYTES> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("TaskPool")
            .field("slots", &N)
            .field("bytes", &BYTES)
            .finish()
    }
}
