//! Bodies lie right with an allocator that gives no more alignment than it is asked for, as the
//! bump allocators of chips and WebAssembly do.

use std::alloc::{GlobalAlloc, Layout, System};
use std::convert::Infallible;
use std::task::Waker;

use polliwog_core::{Deadline, Executor, Instant, Reactor, TaskPool, spawn, yield_now};

/// Every address is an odd multiple of the alignment that was asked for.
struct Exact;

const fn with_room(layout: Layout) -> (Layout, usize) {
    let align = layout.align();
    // Twice the alignment is not too large, and neither is the sum.
    match Layout::from_size_align(layout.size() + align, 2 * align) {
        Ok(larger) => (larger, align),
        Err(_) => panic!("no such layout"),
    }
}

// SAFETY: the memory is inside of what the system gives, at a multiple of the alignment.
unsafe impl GlobalAlloc for Exact {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let (larger, offset) = with_room(layout);
        // SAFETY: the size is not zero; the offset is within it.
        unsafe {
            let memory = System.alloc(larger);
            if memory.is_null() {
                return memory;
            }
            memory.add(offset)
        }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        let (larger, offset) = with_room(layout);
        // SAFETY: as it was allocated.
        unsafe { System.dealloc(memory.sub(offset), larger) };
    }
}

#[global_allocator]
static EXACT: Exact = Exact;

struct Busy;

impl Reactor for Busy {
    type Error = Infallible;

    fn now(&self) -> Instant {
        Instant::ZERO
    }

    fn park(&self, _: Deadline) -> Result<(), Infallible> {
        Ok(())
    }

    fn unparker(&self) -> Waker {
        Waker::noop().clone()
    }
}

/// A future of about `N` bytes with the alignment of `A`, which looks where it lies.
async fn of_size<A: Copy + PartialEq, const N: usize>(fill: A) -> bool {
    let bytes = [fill; N];
    for _ in 0..3 {
        yield_now().await;
    }
    let address = (&raw const bytes).addr();
    bytes.iter().all(|byte| *byte == fill) && address % align_of::<A>() == 0
}

/// Never ends by itself; small, and aligned like a byte where the output is, too.
#[cfg(feature = "alloc")]
async fn of_bytes<const N: usize>(fill: u8) -> u8 {
    let bytes = [fill; N];
    std::future::pending::<()>().await;
    bytes[N / 2]
}

#[repr(align(64))]
#[derive(Clone, Copy, PartialEq)]
struct Line(u8);

/// Runs to the end, is aborted, is detached, and outlives its executor.
#[cfg(feature = "alloc")]
macro_rules! lives {
    ($executor:expr, $spawn:expr, $fill:expr, $n:literal) => {{
        let executor = $executor;
        let handle = $spawn(&executor, of_size::<_, $n>($fill));
        let detached = $spawn(&executor, of_size::<_, $n>($fill));
        detached.detach();
        assert!(executor.block_on(handle).unwrap());
        let forever = executor.spawner().spawn(of_bytes::<$n>(1)).unwrap();
        executor.run_until_stalled().unwrap();
        forever.abort();
        let ended = executor.block_on(forever);
        assert!(ended.unwrap_err().is_aborted());
        let outlives = executor.spawner().spawn(of_bytes::<$n>(1)).unwrap();
        executor.run_until_stalled().unwrap();
        drop(executor);
        assert!(outlives.is_finished());
    }};
}

#[cfg(feature = "alloc")]
#[test]
fn heap_bodies_of_every_size_and_alignment_lie_right() {
    fn spawn<F: Future<Output = bool> + 'static>(
        executor: &Executor<Busy>,
        future: F,
    ) -> polliwog_core::JoinHandle<bool> {
        executor.spawner().spawn(future).unwrap()
    }
    let new = || Executor::with_capacity(8, Busy);
    lives!(new(), spawn, 7_u8, 1);
    lives!(new(), spawn, 7_u8, 100);
    lives!(new(), spawn, 7_u8, 5001);
    lives!(new(), spawn, 7_u16, 5001);
    lives!(new(), spawn, 7_u32, 5001);
    lives!(new(), spawn, 7_u64, 5001);
    lives!(new(), spawn, Line(7), 1);
    lives!(new(), spawn, Line(7), 101);
}

#[test]
fn static_bodies_and_those_of_block_on_lie_right() {
    static POOL: TaskPool<4> = TaskPool::new();
    let executor = Executor::new(&POOL, Busy).unwrap();
    macro_rules! at_site {
        ($fill:expr, $ty:ty, $n:literal) => {{
            let handle = spawn!(executor.spawner(), [of_size::<$ty, $n>]($fill)).unwrap();
            assert!(executor.block_on(handle).unwrap());
            assert!(executor.block_on(of_size::<$ty, $n>($fill)));
        }};
    }
    at_site!(7, u8, 1);
    at_site!(7, u8, 5001);
    at_site!(7, u16, 33);
    at_site!(7, u64, 33);
    at_site!(Line(7), Line, 3);
}
