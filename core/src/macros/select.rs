//! `select!`.

/// Waits for several futures at once, runs the handler of the first that ends, and drops the others.
///
/// As tokio's. Each branch is `pattern = future => handler`, with `, if precondition` after the future
/// where it may be left out; up to 64 of them, and an `else => handler` for when none is left. A branch
/// is left out while its precondition is false, and from when its output does not fit its pattern. The
/// value is that of the handler that has run.
///
/// All futures are polled in the same task, by reference to nothing but this place: none has to be
/// `Unpin` or fused, and none is moved. They are gone when a handler runs, so that the handler may borrow
/// what they had borrowed; it may `.await`, `break`, `return` and use `?`. To use one and the same future
/// in several rounds of a loop, pin it outside and give `&mut` of it.
///
/// The one that is polled first is drawn anew for each poll, from the executor's seed: under
/// `polliwog::spin::test(seed, …)` the same seed gives the same run. With `biased;` in front they are
/// polled in the order in which they are written.
///
/// ```
/// # #[cfg(feature = "alloc")]
/// # mod example {
/// # use polliwog_core as polliwog;
/// # use polliwog_core::sync::local::mpsc;
/// # use core::time::Duration;
/// use polliwog::{select, time::sleep};
///
/// async fn serve(mut requests: mpsc::Receiver<u32>, mut stop: mpsc::Receiver<()>) -> u32 {
///     let mut sum = 0;
///     loop {
///         select! {
///             Some(request) = requests.recv() => sum += request,
///             _ = stop.recv() => break sum,
///             () = sleep(Duration::from_secs(60)), if sum > 0 => return sum,
///         }
///     }
/// }
/// # }
/// ```
///
/// # Panics
///
/// If no branch is left and there is no `else`.
///
/// # Cancel safety
///
/// The futures of the other branches are dropped before their end: the documentation of each says what
/// that means. With those that are safe to cancel, such as `recv` of a channel, nothing is lost.
#[macro_export]
macro_rules! select {
    // All branches have been read: [name index] pattern future precondition handler.
    (@run { $start:expr } { $([$name:ident $index:tt] $pattern:pat, $future:expr, $if:expr, $handler:expr;)* } { $else:expr }) => {{
        // An item's name is seen by the handlers, too: it must be nobody else's.
        #[doc(hidden)]
        enum __PolliwogSelect<$($name),*> {
            $($name($name),)*
            Nothing,
        }
        #[allow(unused_mut, unused_assignments)]
        let mut disabled = 0u64;
        $(
            if !$if {
                disabled |= 1 << $index;
            }
        )*
        let output = {
            let mut futures = ($($crate::__private::pin!(
                $crate::__private::IntoFuture::into_future($future)
            ),)*);
            let futures = &mut futures;
            loop {
                let output = $crate::__private::poll_fn(|cx| {
                    const BRANCHES: u32 = 0 $(+ { let _ = $index; 1 })*;
                    let start: u32 = $start(BRANCHES);
                    let mut any = false;
                    for step in 0..BRANCHES {
                        let mut branch = start + step;
                        if branch >= BRANCHES {
                            branch -= BRANCHES;
                        }
                        if disabled & 1 << branch != 0 {
                            continue;
                        }
                        match branch {
                            $($index => {
                                let future = futures.$index.as_mut();
                                if let $crate::__private::Poll::Ready(output) =
                                    $crate::__private::Future::poll(future, cx)
                                {
                                    return $crate::__private::Poll::Ready(__PolliwogSelect::$name(output));
                                }
                            })*
                            _ => {}
                        }
                        any = true;
                    }
                    if any {
                        $crate::__private::Poll::Pending
                    } else {
                        $crate::__private::Poll::Ready(__PolliwogSelect::Nothing)
                    }
                })
                .await;
                match output {
                    $(__PolliwogSelect::$name(output) => {
                        // Whether it fits, without moving anything out of it.
                        let mut fits = false;
                        #[allow(unused_variables, unused_mut, unreachable_patterns)]
                        match output {
                            $pattern if { fits = true; false } => unreachable!(),
                            _ => {}
                        }
                        if fits {
                            break __PolliwogSelect::$name(output);
                        }
                        disabled |= 1 << $index;
                    })*
                    __PolliwogSelect::Nothing => break __PolliwogSelect::Nothing,
                }
            }
        };
        match output {
            $(
                __PolliwogSelect::$name(output) => match output {
                    $pattern => $handler,
                    #[allow(unreachable_patterns)]
                    _ => unreachable!(),
                },
            )*
            __PolliwogSelect::Nothing => $else,
        }
    }};

    // Reads branch by branch; the third group has the names that are left.
    (@read $start:tt { $($done:tt)* } $names:tt) => {
        $crate::select!(@run $start { $($done)* } {
            panic!("all branches are disabled and there is no else branch")
        })
    };
    (@read $start:tt { $($done:tt)* } $names:tt else => $else:expr $(,)?) => {
        $crate::select!(@run $start { $($done)* } { $else })
    };
    (@read $start:tt { $($done:tt)* } { $name:tt $($names:tt)* }
        $pattern:pat = $future:expr, if $if:expr => $handler:block, $($rest:tt)*) => {
        $crate::select!(@read $start { $($done)* $name $pattern, $future, $if, $handler; } { $($names)* } $($rest)*)
    };
    (@read $start:tt { $($done:tt)* } { $name:tt $($names:tt)* }
        $pattern:pat = $future:expr => $handler:block, $($rest:tt)*) => {
        $crate::select!(@read $start { $($done)* $name $pattern, $future, true, $handler; } { $($names)* } $($rest)*)
    };
    (@read $start:tt { $($done:tt)* } { $name:tt $($names:tt)* }
        $pattern:pat = $future:expr, if $if:expr => $handler:block $($rest:tt)*) => {
        $crate::select!(@read $start { $($done)* $name $pattern, $future, $if, $handler; } { $($names)* } $($rest)*)
    };
    (@read $start:tt { $($done:tt)* } { $name:tt $($names:tt)* }
        $pattern:pat = $future:expr => $handler:block $($rest:tt)*) => {
        $crate::select!(@read $start { $($done)* $name $pattern, $future, true, $handler; } { $($names)* } $($rest)*)
    };
    (@read $start:tt { $($done:tt)* } { $name:tt $($names:tt)* }
        $pattern:pat = $future:expr, if $if:expr => $handler:expr, $($rest:tt)*) => {
        $crate::select!(@read $start { $($done)* $name $pattern, $future, $if, $handler; } { $($names)* } $($rest)*)
    };
    (@read $start:tt { $($done:tt)* } { $name:tt $($names:tt)* }
        $pattern:pat = $future:expr => $handler:expr, $($rest:tt)*) => {
        $crate::select!(@read $start { $($done)* $name $pattern, $future, true, $handler; } { $($names)* } $($rest)*)
    };
    (@read $start:tt { $($done:tt)* } { $name:tt $($names:tt)* }
        $pattern:pat = $future:expr, if $if:expr => $handler:expr) => {
        $crate::select!(@read $start { $($done)* $name $pattern, $future, $if, $handler; } { $($names)* })
    };
    (@read $start:tt { $($done:tt)* } { $name:tt $($names:tt)* }
        $pattern:pat = $future:expr => $handler:expr) => {
        $crate::select!(@read $start { $($done)* $name $pattern, $future, true, $handler; } { $($names)* })
    };
    (@read $start:tt { $($done:tt)* } {} $($rest:tt)*) => {
        compile_error!("select! has at most 64 branches")
    };

    ($(biased;)? else => $else:expr $(,)?) => {
        $else
    };
    (biased; $($branches:tt)*) => {
        $crate::select!(@read { (|_| 0) } {} {
            [B0 0] [B1 1] [B2 2] [B3 3] [B4 4] [B5 5] [B6 6] [B7 7] [B8 8] [B9 9] [B10 10] [B11 11]
            [B12 12] [B13 13] [B14 14] [B15 15] [B16 16] [B17 17] [B18 18] [B19 19] [B20 20] [B21 21]
            [B22 22] [B23 23] [B24 24] [B25 25] [B26 26] [B27 27] [B28 28] [B29 29] [B30 30] [B31 31]
            [B32 32] [B33 33] [B34 34] [B35 35] [B36 36] [B37 37] [B38 38] [B39 39] [B40 40] [B41 41]
            [B42 42] [B43 43] [B44 44] [B45 45] [B46 46] [B47 47] [B48 48] [B49 49] [B50 50] [B51 51]
            [B52 52] [B53 53] [B54 54] [B55 55] [B56 56] [B57 57] [B58 58] [B59 59] [B60 60] [B61 61]
            [B62 62] [B63 63]
        } $($branches)*)
    };
    ($($branches:tt)*) => {
        $crate::select!(@read { $crate::__private::random_below } {} {
            [B0 0] [B1 1] [B2 2] [B3 3] [B4 4] [B5 5] [B6 6] [B7 7] [B8 8] [B9 9] [B10 10] [B11 11]
            [B12 12] [B13 13] [B14 14] [B15 15] [B16 16] [B17 17] [B18 18] [B19 19] [B20 20] [B21 21]
            [B22 22] [B23 23] [B24 24] [B25 25] [B26 26] [B27 27] [B28 28] [B29 29] [B30 30] [B31 31]
            [B32 32] [B33 33] [B34 34] [B35 35] [B36 36] [B37 37] [B38 38] [B39 39] [B40 40] [B41 41]
            [B42 42] [B43 43] [B44 44] [B45 45] [B46 46] [B47 47] [B48 48] [B49 49] [B50 50] [B51 51]
            [B52 52] [B53 53] [B54 54] [B55 55] [B56 56] [B57 57] [B58 58] [B59 59] [B60 60] [B61 61]
            [B62 62] [B63 63]
        } $($branches)*)
    };
}
