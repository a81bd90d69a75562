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
use crate::task::state::{Block, Blocks, release_bit};

/// Static memory for an executor: `N` task slots and, if `BYTES` is not zero, `N` bodies of
/// `BYTES` bytes each, for futures of any type. Of a body the future or its output, whichever is
/// larger, takes all but some five words; one that does not fit is
/// [an error](crate::SpawnErrorKind::TooLarge) that says how large it is.
///
/// A block of slots has as many as a `usize` has bits: 32 on a chip of 32 bits, 64 on a desktop. More tasks take more
/// blocks, which `BLOCKS` gives: a pool of 100 tasks is a `TaskPool<100, 0, 4>`, there as well as here. On a chip
/// with a single core (feature `single-core`) there are at most 255 tasks in a pool.
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
///
/// ```
/// # use polliwog_core::conformance::facade as polliwog;
/// use polliwog::TaskPool;
///
/// static SIXTY_FIVE: TaskPool<65, 0, 3> = TaskPool::new();
/// assert_eq!(SIXTY_FIVE.capacity(), 65);
/// ```
#[repr(C)]
pub struct TaskPool<const N: usize, const BYTES: usize = 0, const BLOCKS: usize = 1> {
    shared: Shared,
    blocks: Blocks<N, BLOCKS>,
    used: [AtomicUsize; BLOCKS],
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
unsafe impl<const N: usize, const BYTES: usize, const BLOCKS: usize> Sync
    for TaskPool<N, BYTES, BLOCKS>
{
}

impl<const N: usize, const BYTES: usize, const BLOCKS: usize> TaskPool<N, BYTES, BLOCKS> {
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
                N.div_ceil(usize::BITS as usize) <= BLOCKS,
                "a block of a TaskPool has 32 slots on a chip of 32 bits, 64 on one of 64: more of them want more \
                 blocks, the third number, as in TaskPool<100, 0, 4>"
            );
        }
        Self {
            shared: Shared::new(),
            blocks: Blocks::new(),
            used: [const { AtomicUsize::new(0) }; BLOCKS],
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

    /// The first block: of a single-core build, the only one.
    #[cfg(lean)]
    pub(crate) fn block(&'static self) -> *const Block {
        self.blocks.first()
    }

    /// Calls `f` with every block, the index of its first slot and the number of its slots; the last block first.
    #[inline]
    pub(crate) fn for_each_block(&'static self, f: impl FnMut(*const Block, usize, usize)) {
        self.blocks.for_each(f);
    }

    /// The bodies, if there are any.
    pub(crate) fn bytes(&'static self) -> Option<BytePool> {
        (BYTES > 0).then_some(BytePool {
            used: self.used.as_ptr(),
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
impl<const N: usize, const BYTES: usize, const BLOCKS: usize> Default
    for TaskPool<N, BYTES, BLOCKS>
{
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize, const BYTES: usize, const BLOCKS: usize> core::fmt::Debug
    for TaskPool<N, BYTES, BLOCKS>
{
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("TaskPool")
            .field("slots", &N)
            .field("bytes", &BYTES)
            .finish()
    }
}
