//! [`TaskPool`]: static memory for an executor.

use core::cell::UnsafeCell;
use core::future::Future;
use core::mem::MaybeUninit;

use super::body::{Body, Home};
use super::joiner::Joiner;
use super::ready::{Block, BlockOf};
use crate::executor::core::Core;
use crate::shim::{AtomicUsize, Ordering};

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
    core: Core,
    block: BlockOf<N>,
    used: AtomicUsize,
    bodies: [Slab<BYTES>; N],
    #[cfg(feature = "embassy-time")]
    timers: [crate::embassy::TaskTimer; N],
}

/// Memory for one body. The alignment suits every type of the core language.
#[repr(C, align(8))]
struct Slab<const BYTES: usize> {
    bytes: UnsafeCell<MaybeUninit<[u8; BYTES]>>,
}

/// A pool's bodies without the type, for an executor to take them from.
#[derive(Clone, Copy)]
pub(crate) struct BytePool {
    used: &'static AtomicUsize,
    first: *mut (),
    layout: &'static BytesLayout,
}

/// What is the same for all pools of a type. Not part of [`BytePool`], for which every executor has
/// room, whether it has bodies or not.
struct BytesLayout {
    len: usize,
    /// Size of a body and distance of two.
    size: usize,
    stride: usize,
}

/// Why a [`BytePool`] has no body for a future.
pub(crate) enum Refusal {
    Full { capacity: usize },
    TooLarge { size: usize, limit: usize },
}

impl BytePool {
    /// A free body for a future of type `F`, and its label.
    #[inline]
    pub(crate) fn take<F: Future>(&self) -> Result<(*mut (), BytesLabel), Refusal> {
        let size = size_of::<ByteBody<F>>();
        let aligned = align_of::<ByteBody<F>>() <= align_of::<Slab<0>>();
        let layout = self.layout;
        if size > layout.size || !aligned {
            let limit = layout.size;
            return Err(Refusal::TooLarge { size, limit });
        }
        let capacity = layout.len;
        let Some(index) = claim_bit(self.used, capacity) else {
            return Err(Refusal::Full { capacity });
        };
        // SAFETY: the index is within the pool's array.
        let body = unsafe { self.first.byte_add(index * layout.stride) };
        let used = self.used;
        Ok((body, BytesLabel { used, index }))
    }
}

type ByteBody<F> = Body<F, Joiner, BytesLabel>;

/// Bodies from the pools' bytes.
pub(crate) struct Bytes;

/// How a body finds back into its pool.
#[derive(Clone, Copy)]
pub(crate) struct BytesLabel {
    used: &'static AtomicUsize,
    index: usize,
}

// SAFETY: `release` clears the bit that `take` has set and put into the label.
unsafe impl Home for Bytes {
    type Label = BytesLabel;
    type Joiner = Joiner;

    fn name(_: BytesLabel) -> Option<&'static str> {
        None
    }

    #[inline]
    unsafe fn release<F: Future>(_: Option<&Core>, body: *mut ()) {
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
            core: Core::new(),
            block: BlockOf::new(),
            used: AtomicUsize::new(0),
            bodies: [const {
                Slab {
                    bytes: UnsafeCell::new(MaybeUninit::uninit()),
                }
            }; N],
            #[cfg(feature = "embassy-time")]
            timers: [const { crate::embassy::TaskTimer::new() }; N],
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

    pub(crate) fn core(&'static self) -> &'static Core {
        &self.core
    }

    /// A timer for each slot.
    #[cfg(feature = "embassy-time")]
    pub(crate) fn timers(&'static self) -> &'static [crate::embassy::TaskTimer] {
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

/// Sets the lowest clear bit below `len`.
#[cfg(not(lean))]
pub(crate) fn claim_bit(used: &AtomicUsize, len: usize) -> Option<usize> {
    let mut bits = used.load(Ordering::Relaxed);
    loop {
        let index = bits.trailing_ones() as usize;
        if index >= len {
            return None;
        }
        // Acquire: the former use of the memory comes before ours.
        match used.compare_exchange_weak(
            bits,
            bits | 1 << index,
            Ordering::Acquire,
            Ordering::Relaxed,
        ) {
            Ok(_) => return Some(index),
            Err(now) => bits = now,
        }
    }
}

/// Clears a bit that [`claim_bit`] has set.
#[cfg(not(lean))]
pub(crate) fn release_bit(used: &AtomicUsize, index: usize) {
    used.fetch_and(!(1 << index), Ordering::Release);
}

/// Sets the lowest clear bit below `len`. A critical section is all it takes on one core.
#[cfg(lean)]
pub(crate) fn claim_bit(used: &AtomicUsize, len: usize) -> Option<usize> {
    critical_section::with(|_| {
        let (index, bits) = lowest_clear(used, 0);
        (index < len).then(|| {
            used.store(bits, Ordering::Relaxed);
            index
        })
    })
}

/// What [`claim_bits`] returns if it has claimed nothing.
#[cfg(lean)]
pub(crate) const FULL: usize = usize::MAX;

/// [`claim_bit`] in two words at once, or in none: then the first number is [`FULL`], and
/// the other one is not below the first word's length if that word was full.
#[cfg(lean)]
#[inline(always)]
pub(crate) fn claim_bits(
    first: (&AtomicUsize, usize),
    second: (&AtomicUsize, usize),
) -> (usize, usize) {
    critical_section::with(|_| {
        let (one, ones) = lowest_clear(first.0, 0);
        if one < first.1 {
            let (other, others) = lowest_clear(second.0, second.1);
            if other < second.1 {
                first.0.store(ones, Ordering::Relaxed);
                second.0.store(others, Ordering::Relaxed);
                return (one, other);
            }
        }
        (FULL, one)
    })
}

/// The lowest clear bit, within or above the word's length, and the word with it set. A length of
/// one, if known to the compiler, saves it the search.
#[cfg(lean)]
#[inline(always)]
fn lowest_clear(used: &AtomicUsize, len: usize) -> (usize, usize) {
    let bits = used.load(Ordering::Relaxed);
    let mut index = 0;
    if super::lean::FIND_FIRST {
        index = bits.trailing_ones() as usize;
    } else if len == 1 {
        index = bits & 1;
    } else {
        let mut rest = bits;
        while rest & 1 != 0 {
            rest >>= 1;
            index += 1;
        }
    }
    (index, bits | bits.wrapping_add(1))
}

/// A word of used bits, and where in it a body's bit is.
#[cfg(lean)]
pub(crate) type BodyBit = (&'static AtomicUsize, usize);

/// Clears the bit at `index`, within a critical section.
#[cfg(lean)]
#[inline(always)]
pub(crate) fn clear(used: &AtomicUsize, index: usize) {
    used.store(
        used.load(Ordering::Relaxed) & !(1 << index),
        Ordering::Relaxed,
    );
}

/// Clears a bit that [`claim_bit`] has set.
#[cfg(lean)]
#[inline(never)]
pub(crate) fn release_bit(used: &AtomicUsize, index: usize) {
    critical_section::with(|_| clear(used, index));
}
