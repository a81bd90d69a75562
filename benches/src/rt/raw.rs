//! About what the hardware allows: the least that runs futures on one thread.
//!
//! Not an executor to use: a waker that outlives its task is undefined behaviour here, other
//! threads must not wake, nothing catches panics or bounds memory, and there is no input or
//! output. It says how much of a runtime's time is left to be won.

use std::cell::UnsafeCell;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};
use std::time::{Duration, Instant};

use super::{Join, Runtime, Time};

pub struct Raw;

#[repr(C)]
struct Task {
    poll: unsafe fn(*mut Task),
    next: *mut Task,
    queued: bool,
    done: bool,
    joinable: bool,
    size: usize,
    output: u64,
    joiner: Option<Waker>,
}

#[repr(C)]
struct TaskOf<F> {
    head: Task,
    future: ManuallyDrop<F>,
}

/// Memory is recycled in chunks of this size; what is larger comes from the allocator.
const CHUNK: usize = 256;

struct State {
    head: *mut Task,
    tail: *mut Task,
    free: *mut Task,
    timers: Timers,
}

struct Local(UnsafeCell<State>);

thread_local! {
    static STATE: Local = const {
        Local(UnsafeCell::new(State {
            head: ptr::null_mut(),
            tail: ptr::null_mut(),
            free: ptr::null_mut(),
            timers: Timers::new(),
        }))
    };
}

#[inline]
fn state() -> &'static mut State {
    // SAFETY: none, see the module's documentation: references are short-lived by discipline.
    STATE.with(|state| unsafe { &mut *state.0.get() })
}

static VTABLE: RawWakerVTable = RawWakerVTable::new(
    |task| RawWaker::new(task, &VTABLE),
    // SAFETY: every waker with this vtable was made by `poll` of a task, which it does not outlive by the
    // discipline that this module asks for.
    |task| unsafe { wake(task.cast_mut().cast()) },
    // SAFETY: as above.
    |task| unsafe { wake(task.cast_mut().cast()) },
    |_| {},
);

#[inline]
unsafe fn wake(task: *mut Task) {
    // SAFETY: the task is alive, by the discipline that this module asks for.
    unsafe {
        if !(*task).queued {
            (*task).queued = true;
            (*task).next = ptr::null_mut();
            let state = state();
            if state.head.is_null() {
                state.head = task;
            } else {
                (*state.tail).next = task;
            }
            state.tail = task;
        }
    }
}

unsafe fn poll<F: Future<Output = u64>>(task: *mut Task) {
    // SAFETY: `task` holds an `F` that does not move.
    unsafe {
        let waker = ManuallyDrop::new(Waker::new(task.cast_const().cast(), &VTABLE));
        let future = &raw mut (*task.cast::<TaskOf<F>>()).future;
        let pinned = Pin::new_unchecked(&mut *future.cast::<F>());
        if let Poll::Ready(output) = pinned.poll(&mut Context::from_waker(&waker)) {
            future.cast::<F>().drop_in_place();
            (*task).output = output;
            (*task).done = true;
            if let Some(joiner) = (*task).joiner.take() {
                joiner.wake();
            }
            if !(*task).joinable {
                release(task);
            }
        }
    }
}

unsafe fn release(task: *mut Task) {
    // SAFETY: the task has ended and nobody refers to it.
    unsafe {
        if (*task).size <= CHUNK {
            let state = state();
            (*task).next = state.free;
            state.free = task;
        } else {
            drop(Vec::from_raw_parts(
                task.cast::<u128>(),
                0,
                (*task).size / 16,
            ));
        }
    }
}

#[inline]
fn start<F: Future<Output = u64> + 'static>(future: F, joinable: bool) -> *mut Task {
    let size = size_of::<TaskOf<F>>().next_multiple_of(16);
    let state = state();
    let task = if size <= CHUNK && !state.free.is_null() {
        let task = state.free;
        // SAFETY: a free chunk of ours.
        state.free = unsafe { (*task).next };
        task
    } else {
        let memory = Vec::<u128>::with_capacity(size.max(CHUNK) / 16);
        ManuallyDrop::new(memory).as_mut_ptr().cast()
    };
    let head = Task {
        poll: poll::<F>,
        next: ptr::null_mut(),
        queued: false,
        done: false,
        joinable,
        size,
        output: 0,
        joiner: None,
    };
    // SAFETY: fresh memory of the right size.
    unsafe {
        (&raw mut (*task.cast::<TaskOf<F>>()).head).write(head);
        (&raw mut (*task.cast::<TaskOf<F>>()).future)
            .cast::<F>()
            .write(future);
        wake(task);
    }
    task
}

fn run_until_idle() {
    loop {
        let task = state().head;
        if task.is_null() {
            return;
        }
        // SAFETY: a queued task is alive.
        unsafe {
            state().head = (*task).next;
            (*task).queued = false;
            ((*task).poll)(task);
        }
    }
}

impl Runtime for Raw {
    fn run<T: 'static>(main: impl Future<Output = T> + 'static) -> T {
        let output = std::rc::Rc::new(std::cell::Cell::new(None));
        let result = output.clone();
        start(
            async move {
                result.set(Some(main.await));
                0
            },
            false,
        );
        loop {
            run_until_idle();
            if let Some(output) = output.take() {
                return output;
            }
            state().timers.wait_and_fire();
        }
    }

    fn detach(task: impl Future<Output = ()> + 'static) {
        start(
            async move {
                task.await;
                0
            },
            false,
        );
    }
}

pub struct Handle(*mut Task);

impl Future for Handle {
    type Output = u64;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u64> {
        let task = self.0;
        // SAFETY: the task waits for its handle before it is released.
        unsafe {
            if !(*task).done {
                (*task).joiner = Some(cx.waker().clone());
                return Poll::Pending;
            }
            let output = (*task).output;
            release(task);
            Poll::Ready(output)
        }
    }
}

impl Join for Raw {
    type Handle = Handle;

    #[inline]
    fn spawn(task: impl Future<Output = u64> + 'static) -> Handle {
        Handle(start(task, true))
    }

    fn value(output: u64) -> u64 {
        output
    }

    fn block_on_ready(times: u64) {
        for i in 0..times {
            Self::run(async move { std::hint::black_box(i) });
        }
    }
}

/// A wheel of 256 lists of a millisecond each. What lies beyond its turn stays in its list.
struct Timers {
    start: Option<Instant>,
    tick: u64,
    lists: [*mut Node; 256],
}

struct Node {
    due: u64,
    next: *mut Node,
    prev: *mut *mut Node,
    waker: Option<Waker>,
}

impl Timers {
    const fn new() -> Self {
        Self {
            start: None,
            tick: 0,
            lists: [ptr::null_mut(); 256],
        }
    }

    fn now(&mut self) -> u64 {
        self.start
            .get_or_insert_with(Instant::now)
            .elapsed()
            .as_nanos() as u64
    }

    /// Sleeps until the next tick, then fires what is due.
    fn wait_and_fire(&mut self) {
        let now = self.now() >> 20;
        if now == self.tick {
            std::thread::sleep(Duration::from_millis(1));
        }
        let now = self.now() >> 20;
        while self.tick < now {
            // SAFETY: nodes unlink themselves before they go away.
            unsafe {
                let mut node = self.lists[self.tick as usize % 256];
                while !node.is_null() {
                    let next = (*node).next;
                    if (*node).due >> 20 <= self.tick {
                        unlink(node);
                        if let Some(waker) = (*node).waker.take() {
                            waker.wake();
                        }
                    }
                    node = next;
                }
            }
            self.tick += 1;
        }
    }
}

unsafe fn unlink(node: *mut Node) {
    // SAFETY: a linked node's neighbours are alive.
    unsafe {
        *(*node).prev = (*node).next;
        if !(*node).next.is_null() {
            (*(*node).next).prev = (*node).prev;
        }
        (*node).prev = ptr::null_mut();
    }
}

pub struct Sleep {
    node: UnsafeCell<Node>,
    fired: bool,
    _pinned: std::marker::PhantomPinned,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: pinned, and on one thread.
        unsafe {
            let this = self.get_unchecked_mut();
            let node = this.node.get();
            if this.fired && (*node).prev.is_null() {
                return Poll::Ready(());
            }
            if !this.fired {
                this.fired = true;
                let list = &raw mut state().timers.lists[((*node).due >> 20) as usize % 256];
                (*node).next = *list;
                (*node).prev = list;
                if !(*list).is_null() {
                    (**list).prev = &raw mut (*node).next;
                }
                *list = node;
            }
            (*node).waker = Some(cx.waker().clone());
            Poll::Pending
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let node = self.node.get();
        // SAFETY: linked or not, the node is ours.
        unsafe {
            if !(*node).prev.is_null() {
                unlink(node);
            }
        }
    }
}

impl Time for Raw {
    fn sleep(duration: Duration) -> impl Future + 'static {
        let due = state().timers.now() + duration.as_nanos() as u64;
        Sleep {
            node: UnsafeCell::new(Node {
                due,
                next: ptr::null_mut(),
                prev: ptr::null_mut(),
                waker: None,
            }),
            fired: false,
            _pinned: std::marker::PhantomPinned,
        }
    }
}
