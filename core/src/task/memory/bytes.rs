//! A static pool's bytes, as an executor finds them: [`BytePool`].

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;

use crate::loom::AtomicUsize;
use crate::task::memory::words::claim_bit_of;

/// Memory for one body. The alignment suits every type of the core language.
#[repr(C, align(8))]
pub(super) struct Slab<const BYTES: usize> {
    pub(super) bytes: UnsafeCell<MaybeUninit<[u8; BYTES]>>,
}

/// A pool's bodies without the type, for an executor to take them from.
#[derive(Clone, Copy)]
pub(crate) struct BytePool {
    /// As many words as the bodies need, each with a bit for each body.
    pub(super) used: *const AtomicUsize,
    pub(super) first: *mut (),
    pub(super) layout: &'static BytesLayout,
}

/// What is the same for all pools of a type. Not part of [`BytePool`], for which every executor has
/// room, whether it has bodies or not.
pub(super) struct BytesLayout {
    pub(super) len: usize,
    /// Size of a body and distance of two.
    pub(super) size: usize,
    pub(super) stride: usize,
}

/// Why a [`BytePool`] has no body for a future.
pub(crate) enum Refusal {
    Full { capacity: usize },
    TooLarge { size: usize, limit: usize },
}

impl BytePool {
    /// A free body that a `B` fits into, and its label.
    #[inline]
    pub(crate) fn take<B>(&self) -> Result<(*mut (), BytesLabel), Refusal> {
        let size = size_of::<B>();
        let aligned = align_of::<B>() <= align_of::<Slab<0>>();
        let layout = self.layout;
        if size > layout.size || !aligned {
            let limit = layout.size;
            return Err(Refusal::TooLarge { size, limit });
        }
        let capacity = layout.len;
        // SAFETY: the pool is permanent and has so many words.
        let Some((used, bit, index)) = (unsafe { claim_bit_of(self.used, capacity) }) else {
            return Err(Refusal::Full { capacity });
        };
        // SAFETY: the index is within the pool's array.
        let body = unsafe { self.first.byte_add(index * layout.stride) };
        Ok((body, BytesLabel { used, index: bit }))
    }
}

/// How a body finds back into its pool.
#[derive(Clone, Copy)]
pub(crate) struct BytesLabel {
    pub(super) used: &'static AtomicUsize,
    /// In that word.
    pub(super) index: usize,
}
