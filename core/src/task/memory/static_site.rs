//! Exact-size static bodies: what [`spawn!`](crate::spawn!) is made of.
//!
//! The macro names the size of a future by the *value* of the function that makes it, which
//! works on stable Rust for any function item: generic ones with their arguments given,
//! associated functions, nested ones.

use core::cell::UnsafeCell;
use core::future::Future;
use core::marker::PhantomData;
use core::mem::MaybeUninit;

use crate::executor::shared::Shared;
use crate::loom::AtomicUsize;
use crate::task::body::{Body, Home};
use crate::task::joiner::{Joiner, Place};
use crate::task::memory::words::{BITS, claim_bit_of};
use crate::task::state::release_bit;
use crate::task::task_fn::TaskFn;

/// Names the types of a function's arguments, so that what is given for them coerces to these as in a
/// call: a `&'static mut T` to a `&'static T`, an array to a slice, a value to `dyn`.
#[derive(Debug)]
pub struct ArgsOf<Args>(PhantomData<fn(Args)>);

macro_rules! args_of {
    ($($name:ident: $($arg:ident)*;)*) => {
        $(
            #[doc(hidden)]
            #[inline(always)]
            pub const fn $name<Func, Fut, $($arg),*>(_function: Func) -> ArgsOf<($($arg,)*)>
            where
                Func: Fn($($arg),*) -> Fut + Copy,
                Fut: Future,
            {
                ArgsOf(PhantomData)
            }

            impl<$($arg),*> ArgsOf<($($arg,)*)> {
                #[doc(hidden)]
                #[inline(always)]
                #[allow(non_snake_case, reason = "arguments are named after their types")]
                #[allow(clippy::too_many_arguments, reason = "as many as a task's function has")]
                pub fn $name(self, $($arg: $arg),*) -> ($($arg,)*) {
                    ($($arg,)*)
                }
            }
        )*
    };
}

args_of! {
    one: A;
    two: A B;
    three: A B C;
    four: A B C D;
    five: A B C D E;
    six: A B C D E F;
    seven: A B C D E F G;
    eight: A B C D E F G H;
}

/// Size of the body of the futures that `f` makes, for tasks that can be joined.
pub const fn body_size<F: TaskFn<Args>, Args>(_f: F) -> usize {
    size_of::<Body<F::Future, Joiner, ()>>()
}

/// Alignment of the body of the futures that `f` makes, for tasks that can be joined.
pub const fn body_align<F: TaskFn<Args>, Args>(_f: F) -> usize {
    align_of::<Body<F::Future, Joiner, ()>>()
}

/// Size of the body of the futures that `f` makes, for tasks that cannot be joined.
pub const fn detached_size<F: TaskFn<Args>, Args>(_f: F) -> usize {
    size_of::<Body<F::Future, (), ()>>()
}

/// Alignment of the body of the futures that `f` makes, for tasks that cannot be joined.
pub const fn detached_align<F: TaskFn<Args>, Args>(_f: F) -> usize {
    align_of::<Body<F::Future, (), ()>>()
}

/// Type whose alignment is `N`.
#[derive(Debug)]
pub struct Align<const N: usize>;

/// Maps a number to a type of that alignment.
#[diagnostic::on_unimplemented(
    message = "this future's alignment is too large for `spawn!`, or its function has an error",
    label = "{Self}: the most is 256 bytes",
    note = "if there is an error in the task's function, too, mend that one first",
    note = "box the value that wants it, or use `spawn`, which takes a future of any alignment"
)]
pub trait Alignment {
    /// A type of size zero.
    type Unit: Copy;
}

macro_rules! alignments {
    ($($n:literal $unit:ident),*) => {
        $(
            #[doc(hidden)]
            #[derive(Clone, Copy, Debug)]
            #[repr(align($n))]
            pub struct $unit;

            impl Alignment for Align<$n> {
                type Unit = $unit;
            }
        )*
    };
}

alignments!(1 A1, 2 A2, 4 A4, 8 A8, 16 A16, 32 A32, 64 A64, 128 A128, 256 A256);

/// Memory of `N` bodies of exactly `SIZE` bytes.
pub struct SiteMemory<const SIZE: usize, const ALIGN: usize, const N: usize, const WORDS: usize>
where
    Align<ALIGN>: Alignment,
{
    used: [AtomicUsize; WORDS],
    bodies: [Aligned<SIZE, ALIGN>; N],
}

#[repr(C)]
struct Aligned<const SIZE: usize, const ALIGN: usize>
where
    Align<ALIGN>: Alignment,
{
    align: [<Align<ALIGN> as Alignment>::Unit; 0],
    bytes: UnsafeCell<MaybeUninit<[u8; SIZE]>>,
}

// SAFETY: a body belongs to whoever has set its bit in `used`.
unsafe impl<const SIZE: usize, const ALIGN: usize, const N: usize, const WORDS: usize> Sync
    for SiteMemory<SIZE, ALIGN, N, WORDS>
where
    Align<ALIGN>: Alignment,
{
}

impl<const SIZE: usize, const ALIGN: usize, const N: usize, const WORDS: usize>
    SiteMemory<SIZE, ALIGN, N, WORDS>
where
    Align<ALIGN>: Alignment,
{
    /// Memory with all bodies free.
    #[cfg(not(loom))]
    #[allow(clippy::new_without_default, reason = "made by a macro only")]
    pub const fn new() -> Self {
        const {
            assert!(N > 0, "a spawn site has at least one body");
            assert!(WORDS == super::words::words_of(N), "a bit for each body");
        }
        Self {
            used: [const { AtomicUsize::new(0) }; WORDS],
            bodies: [const {
                Aligned {
                    align: [],
                    bytes: UnsafeCell::new(MaybeUninit::uninit()),
                }
            }; N],
        }
    }

    /// The memory without its type.
    pub const fn erased(&'static self) -> SiteBodies {
        SiteBodies {
            used: self.used.as_ptr(),
            first: UnsafeCell::raw_get(self.bodies.as_ptr().cast::<UnsafeCell<()>>()),
            len: N,
            size: SIZE,
            stride: size_of::<Aligned<SIZE, ALIGN>>(),
            align: ALIGN,
        }
    }
}

impl<const SIZE: usize, const ALIGN: usize, const N: usize, const WORDS: usize> core::fmt::Debug
    for SiteMemory<SIZE, ALIGN, N, WORDS>
where
    Align<ALIGN>: Alignment,
{
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SiteMemory").finish_non_exhaustive()
    }
}

/// The bodies of a spawn site. Only [`SiteMemory::erased`] makes them, from a static.
///
/// Pointers only, because a constant can have those to a static that changes, and no references.
#[derive(Clone, Copy, Debug)]
pub struct SiteBodies {
    used: *const AtomicUsize,
    first: *mut (),
    len: usize,
    size: usize,
    stride: usize,
    align: usize,
}

impl SiteBodies {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// A free body.
    #[cfg(not(lean))]
    #[inline]
    pub(crate) fn take(&self) -> Option<*mut ()> {
        self.claim().map(|index| self.at(index))
    }

    /// The index of a free body, taken.
    #[inline]
    pub(crate) fn claim(&self) -> Option<usize> {
        // SAFETY: made from a static with so many words.
        let (_, _, index) = unsafe { claim_bit_of(self.used, self.len) }?;
        Some(index)
    }

    /// The bits of the bodies that are in use, if a word has them all.
    #[cfg(lean)]
    #[inline(always)]
    pub(crate) fn used(&self) -> Option<&'static AtomicUsize> {
        // SAFETY: made from a static.
        (self.len <= BITS).then(|| unsafe { &*self.used })
    }

    /// The body at `index`, which has been claimed.
    #[inline(always)]
    pub(crate) fn at(&self, index: usize) -> *mut () {
        // A single body's address is known to the compiler.
        let index = if self.len == 1 { 0 } else { index };
        // SAFETY: the index is within the array.
        unsafe { self.first.byte_add(index * self.stride) }
    }

    /// Fails to compile if the bodies are too small for futures of type `F`.
    pub(crate) const fn assert_fits<F: Future, J>(&self) {
        assert!(
            size_of::<Body<F, J, ()>>() <= self.size && align_of::<Body<F, J, ()>>() <= self.align,
            "the spawn site's memory was made for another function"
        );
    }

    #[inline]
    pub(crate) fn give_back(&self, body: *mut ()) {
        if let Some((used, index)) = self.bit(body) {
            release_bit(used, index);
        }
    }

    /// Where the bit of a body is.
    #[inline]
    fn bit(&self, body: *mut ()) -> Option<(&'static AtomicUsize, usize)> {
        let mut index = body.addr().wrapping_sub(self.first.addr());
        // Not every chip can divide.
        if self.len > 1 {
            index /= self.stride;
        }
        if index >= self.len {
            return None;
        }
        // SAFETY: made from a static with a bit for each body.
        let word = unsafe { &*self.used.add(index / BITS) };
        Some((word, index % BITS))
    }
}

/// A place in the source where [`spawn!`](crate::spawn!) stands.
///
/// Anybody can implement it, so unsafe code relies on no more than the types say: a constant is the
/// same whenever it is asked for, its making runs no code and cannot panic then, and a
/// [`SiteBodies`] is always that of some static. In the worst case a site is another one's twin.
pub trait Site: 'static {
    /// The bodies of the site.
    const BODIES: SiteBodies;
}

/// Names a [`Site`] to a function.
pub struct SiteOf<S>(PhantomData<S>);

impl<S: Site> SiteOf<S> {
    /// The name of the site `S`.
    #[allow(clippy::new_without_default, reason = "made by a macro only")]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<S> core::fmt::Debug for SiteOf<S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SiteOf").finish_non_exhaustive()
    }
}

/// Bodies of a spawn site, for tasks that can be joined (`J` is [`Joiner`]) or not, ended from outside or not.
pub(crate) struct SiteHome<S, J, const MORTAL: bool>(PhantomData<(S, J)>);

// SAFETY: `release` clears the bit that `take` has set: the site's constant names the memory that the
// body lies in.
unsafe impl<S: Site, J: Place, const MORTAL: bool> Home for SiteHome<S, J, MORTAL> {
    type Label = ();
    type Joiner = J;
    const MORTAL: bool = MORTAL;

    fn name((): ()) -> Option<&'static str> {
        None
    }

    #[inline]
    unsafe fn release<F: Future>(_: Option<&Shared>, body: *mut ()) {
        S::BODIES.give_back(body);
    }

    #[cfg(lean)]
    #[inline]
    fn bit(body: *mut ()) -> Option<crate::task::state::BodyBit> {
        S::BODIES.bit(body)
    }
}
