//! `spawn!` and its sisters: they name the size of a future by the function that makes it, see
//! [`static_site`](crate::task::memory::static_site).

/// Spawns a task into a static body of exactly its size.
///
/// `spawn!(spawner, [function; n](arguments…))` declares static memory for `n` futures of that
/// function, at this place in the source, and spawns one of them. `[function]` alone means one.
/// The function is any expression that names one: `blink`, `blink::<Led, 3>`, `Device::run`.
/// No allocator, no procedural macro, no nightly compiler.
///
/// Evaluates to `Result<JoinHandle<T>, SpawnError>`: if all `n` bodies are in use or the executor
/// has no free slot, the error says which, and the arguments are dropped.
/// [`try_spawn!`](crate::try_spawn!) gives them back.
///
/// A static cannot depend on the generic parameters of the function that it stands in, so the
/// task function has to be named without them.
///
/// ```
/// # use polliwog_core::{Executor, TaskPool, spawn};
/// # use polliwog_core::conformance::ThreadReactor;
/// async fn blink(led: u32) -> u32 { led + 1 }
///
/// static POOL: TaskPool<4> = TaskPool::new();
/// let executor = Executor::new(&POOL, ThreadReactor::new()).unwrap();
/// let spawner = executor.spawner();
/// let handle = spawn!(spawner, [blink; 2](41)).unwrap();
/// assert_eq!(executor.block_on(handle).unwrap(), 42);
/// ```
///
/// The function has at most eight arguments; more can go into a tuple or a struct:
///
/// ```compile_fail,E0277
/// # fn of(spawner: polliwog_core::Spawner) {
/// async fn nine(_: u8, _: u8, _: u8, _: u8, _: u8, _: u8, _: u8, _: u8, _: u8) {}
/// let _ = polliwog_core::spawn!(spawner, [nine](1, 2, 3, 4, 5, 6, 7, 8, 9));
/// # }
/// ```
///
/// The future's alignment is at most 256 bytes; what wants more can be boxed:
///
/// ```compile_fail,E0277
/// # fn of(spawner: polliwog_core::Spawner) {
/// #[repr(align(512))]
/// struct Page([u8; 512]);
///
/// async fn scan(page: Page) -> u8 {
///     polliwog_core::yield_now().await;
///     page.0[0]
/// }
/// let _ = polliwog_core::spawn!(spawner, [scan](Page([0; 512])));
/// # }
/// ```
#[macro_export]
macro_rules! spawn {
    ($spawner:expr, [$function:expr; $n:expr]($($arg:expr),* $(,)?)) => {
        $crate::__spawn_at_site!(spawn_site body_size body_align, $spawner, $function, $n, ($($arg),*))
    };
    ($spawner:expr, [$function:expr]($($arg:expr),* $(,)?)) => {
        $crate::spawn!($spawner, [$function; 1]($($arg),*))
    };
    ($spawner:expr, $($other:tt)*) => {
        $crate::__spawn_takes_a_function!()
    };
}

/// Spawns a task that nobody will join: [`spawn!`](crate::spawn!) without a handle.
///
/// On a microcontroller it takes less flash than to spawn and detach. There (feature
/// `single-core`, neither `std` nor `alloc`) it also takes a [`Handle`](crate::Handle), so that
/// an interrupt handler can start a task whose future is `Send`, at any time.
///
/// Evaluates to `Result<(), SpawnError>`; [`try_spawn_detached!`](crate::try_spawn_detached!) gives
/// the arguments back that could not be made a task.
///
/// ```
/// # use polliwog_core::{Executor, TaskPool, spawn_detached};
/// # use polliwog_core::conformance::ThreadReactor;
/// async fn blink(led: u32) { }
///
/// static POOL: TaskPool<4> = TaskPool::new();
/// let executor = Executor::new(&POOL, ThreadReactor::new()).unwrap();
/// spawn_detached!(executor.spawner(), [blink; 2](41)).unwrap();
/// ```
#[macro_export]
macro_rules! spawn_detached {
    ($spawner:expr, [$function:expr; $n:expr]($($arg:expr),* $(,)?)) => {
        $crate::__spawn_at_site!(
            spawn_site_detached detached_size detached_align, $spawner, $function, $n, ($($arg),*)
        )
    };
    ($spawner:expr, [$function:expr]($($arg:expr),* $(,)?)) => {
        $crate::spawn_detached!($spawner, [$function; 1]($($arg),*))
    };
    ($spawner:expr, $($other:tt)*) => {
        $crate::__spawn_takes_a_function!()
    };
}

/// Spawns a task into a static body of exactly its size, or gives the arguments back:
/// [`spawn!`](crate::spawn!) without a loss.
///
/// Evaluates to `Result<JoinHandle<T>, TrySpawnError<(arguments…)>>`.
///
/// ```
/// # use polliwog_core::{Executor, SpawnErrorKind, TaskPool, try_spawn};
/// # use polliwog_core::conformance::ThreadReactor;
/// async fn blink(led: String) -> usize { led.len() }
///
/// static POOL: TaskPool<4> = TaskPool::new();
/// let executor = Executor::new(&POOL, ThreadReactor::new()).unwrap();
/// let start = |led| try_spawn!(executor.spawner(), [blink](led));
/// let first = start("red".to_string()).unwrap();
/// let refused = start("green".to_string()).unwrap_err();
/// assert_eq!(refused.kind(), SpawnErrorKind::StorageFull { capacity: 1 });
/// assert_eq!(refused.into_inner().0, "green");
/// assert_eq!(executor.block_on(first).unwrap(), 3);
/// ```
#[macro_export]
macro_rules! try_spawn {
    ($spawner:expr, [$function:expr; $n:expr]($($arg:expr),* $(,)?)) => {
        $crate::__spawn_at_site!(try_spawn_site body_size body_align, $spawner, $function, $n, ($($arg),*))
    };
    ($spawner:expr, [$function:expr]($($arg:expr),* $(,)?)) => {
        $crate::try_spawn!($spawner, [$function; 1]($($arg),*))
    };
    ($spawner:expr, $($other:tt)*) => {
        $crate::__spawn_takes_a_function!()
    };
}

/// Spawns a task that nobody will join, or gives the arguments back:
/// [`spawn_detached!`](crate::spawn_detached!) without a loss.
///
/// Evaluates to `Result<(), TrySpawnError<(arguments…)>>`.
#[macro_export]
macro_rules! try_spawn_detached {
    ($spawner:expr, [$function:expr; $n:expr]($($arg:expr),* $(,)?)) => {
        $crate::__spawn_at_site!(
            try_spawn_site_detached detached_size detached_align,
            $spawner, $function, $n, ($($arg),*)
        )
    };
    ($spawner:expr, [$function:expr]($($arg:expr),* $(,)?)) => {
        $crate::try_spawn_detached!($spawner, [$function; 1]($($arg),*))
    };
    ($spawner:expr, $($other:tt)*) => {
        $crate::__spawn_takes_a_function!()
    };
}

/// What these macros say to a call, which would be a future already: its memory needs the name of the function.
#[doc(hidden)]
#[macro_export]
macro_rules! __spawn_takes_a_function {
    () => {
        ::core::compile_error!(
            "write the function in brackets, and its arguments behind: `[function](arguments)`, or \
             `[function; n](arguments)` for up to `n` of its tasks at once"
        )
    };
}

/// The arguments as a tuple of what the function takes.
#[doc(hidden)]
#[macro_export]
macro_rules! __args {
    (@ $name:ident $function:expr, $($arg:expr),*) => {
        $crate::__private::$name($function).$name($($arg),*)
    };
    ($f:expr, $a:expr) => { $crate::__args!(@ one $f, $a) };
    ($f:expr, $a:expr, $b:expr) => { $crate::__args!(@ two $f, $a, $b) };
    ($f:expr, $a:expr, $b:expr, $c:expr) => { $crate::__args!(@ three $f, $a, $b, $c) };
    ($f:expr, $a:expr, $b:expr, $c:expr, $d:expr) => { $crate::__args!(@ four $f, $a, $b, $c, $d) };
    ($f:expr, $a:expr, $b:expr, $c:expr, $d:expr, $e:expr) => {
        $crate::__args!(@ five $f, $a, $b, $c, $d, $e)
    };
    ($f:expr, $a:expr, $b:expr, $c:expr, $d:expr, $e:expr, $g:expr) => {
        $crate::__args!(@ six $f, $a, $b, $c, $d, $e, $g)
    };
    ($f:expr, $a:expr, $b:expr, $c:expr, $d:expr, $e:expr, $g:expr, $h:expr) => {
        $crate::__args!(@ seven $f, $a, $b, $c, $d, $e, $g, $h)
    };
    ($f:expr, $a:expr, $b:expr, $c:expr, $d:expr, $e:expr, $g:expr, $h:expr, $i:expr) => {
        $crate::__args!(@ eight $f, $a, $b, $c, $d, $e, $g, $h, $i)
    };
    // None, or too many.
    ($f:expr, $($arg:expr),*) => { ($($arg,)*) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __spawn_at_site {
    ($spawn:ident $size:ident $align:ident, $spawner:expr, $function:expr, $n:expr, ($($arg:expr),*)) => {
        // The names of items are seen by what the program has written in the same block: so there is
        // nothing of it in there but what the memory is made for, and the names are ours.
        $crate::__private::$spawn(&$spawner, $crate::__args!($function, $($arg),*), {
            struct __PolliwogSite;
            static __POLLIWOG_MEMORY: $crate::__private::SiteMemory<
                { $crate::__private::$size($function) },
                { $crate::__private::$align($function) },
                { $n },
                { $crate::__private::words_of($n) },
            > = $crate::__private::SiteMemory::new();
            impl $crate::__private::Site for __PolliwogSite {
                const BODIES: $crate::__private::SiteBodies = __POLLIWOG_MEMORY.erased();
            }
            ($crate::__private::SiteOf::<__PolliwogSite>::new(), $function)
        })
    };
}
