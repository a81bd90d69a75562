//! [`TaskFn`]: a function that makes a future, with its arguments yet to be given.

use core::future::Future;

/// A function that makes a future out of a tuple of arguments.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the function of a task",
    label = "not an `async fn` of at most eight arguments that are given here",
    note = "`spawn!` takes the name of an `async fn`, or of any function that returns a future, which can be copied and has at most eight arguments: put more into a tuple or a struct",
    note = "a closure that captures nothing is such a function, too"
)]
pub trait TaskFn<Args>: Copy {
    /// The future.
    type Future: Future;

    /// Calls the function.
    fn call(self, args: Args) -> Self::Future;
}

macro_rules! task_fn {
    ($($arg:ident)*) => {
        impl<Func, Fut, $($arg),*> TaskFn<($($arg,)*)> for Func
        where
            Func: Fn($($arg),*) -> Fut + Copy,
            Fut: Future,
        {
            type Future = Fut;

            #[inline]
            #[allow(non_snake_case, reason = "arguments are named after their types")]
            fn call(self, ($($arg,)*): ($($arg,)*)) -> Fut {
                self($($arg),*)
            }
        }
    };
}

task_fn!();
task_fn!(A);
task_fn!(A B);
task_fn!(A B C);
task_fn!(A B C D);
task_fn!(A B C D E);
task_fn!(A B C D E F);
task_fn!(A B C D E F G);
task_fn!(A B C D E F G H);
