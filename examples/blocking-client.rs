//! A bridge from ordinary, blocking code to a client that is asynchronous inside, in three ways.
//!
//! 1. A runtime in the client: each call blocks this thread and runs the runtime on it.
//! 2. A thread with a runtime: calls send a request there and block until the answer comes. Several threads
//!    can call at the same time, and what the client does in the background goes on between the calls.
//! 3. `block_on` for one call: a runtime for that call only. Simple, where there is nothing to keep.
//!
//! ```text
//! cargo run --example blocking-client
//! cargo run --example blocking-client --no-default-features --features spin,std
//! ```
#![forbid(unsafe_code)]

#[cfg(any(feature = "mio", feature = "spin"))]
pub(crate) mod program {
    use std::error::Error;
    use std::thread;

    use polliwog::sync::{mpsc, oneshot};
    use polliwog::{Runtime, spawn, yield_now};

    type Answer<T> = Result<T, Box<dyn Error + Send + Sync>>;

    /// What is asynchronous: asks some server.
    async fn ask(question: &str) -> Answer<usize> {
        yield_now().await;
        Ok(question.len())
    }

    /// A runtime for `Runtime::block_on`.
    fn runtime() -> Answer<Runtime> {
        #[cfg(feature = "mio")]
        return Ok(Runtime::new()?);
        #[cfg(not(feature = "mio"))]
        return Ok(Runtime::new(0));
    }

    /// The first way.
    struct Inside(Runtime);

    impl Inside {
        fn ask(&self, question: &str) -> Answer<usize> {
            self.0.block_on(ask(question))
        }
    }

    /// The second way. The thread ends with the last clone.
    #[derive(Clone)]
    struct Beside {
        requests: mpsc::Sender<(String, oneshot::Sender<Answer<usize>>)>,
    }

    impl Beside {
        fn start() -> Answer<(Self, thread::JoinHandle<Answer<()>>)> {
            let (requests, mut inbox) = mpsc::channel::<(String, oneshot::Sender<_>)>(16);
            let thread = thread::Builder::new().spawn(move || {
                runtime()?.block_on(async {
                    while let Some((question, answer)) = inbox.recv().await {
                        // One does not wait for the other.
                        spawn(async move {
                            let _ = answer.send(ask(&question).await);
                        })?
                        .detach();
                    }
                    Ok(())
                })
            })?;
            Ok((Self { requests }, thread))
        }

        fn ask(&self, question: &str) -> Answer<usize> {
            let (answer, receiver) = oneshot::channel();
            (self.requests.blocking_send((question.to_owned(), answer)))
                .map_err(|_| "the client's thread has ended")?;
            receiver.blocking_recv()?
        }
    }

    /// All three, from threads that are no executor's.
    pub(crate) fn example() -> Answer<Vec<String>> {
        let mut lines = Vec::new();
        let inside = Inside(runtime()?);
        lines.push(format!(
            "inside: {}",
            inside.ask("one")? + inside.ask("two")?
        ));

        let (beside, thread) = Beside::start()?;
        let callers: Vec<_> = (0..4)
            .map(|_| {
                let client = beside.clone();
                thread::spawn(move || client.ask("three"))
            })
            .collect();
        drop(beside);
        let mut sum = 0;
        for caller in callers {
            sum += caller.join().map_err(|_| "a caller has panicked")??;
        }
        thread.join().map_err(|_| "the thread has panicked")??;
        lines.push(format!("beside: {sum}"));

        lines.push(format!(
            "for one call: {}",
            polliwog::block_on(ask("four"))?
        ));
        Ok(lines)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    #[cfg(any(feature = "mio", feature = "spin"))]
    for line in program::example()? {
        println!("{line}");
    }
    Ok(())
}
