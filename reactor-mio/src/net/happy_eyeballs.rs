//! Several addresses race for a connection.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Poll, ready};
use std::time::Duration;

use polliwog_core::Instant;
use polliwog_core::time::{now, sleep_until};

use super::addr::{Addrs, ToSocketAddrs, no_address, resolve};

/// How long an attempt has the field to itself: RFC 8305, section 5, "Connection Attempt Delay".
const DELAY: Duration = Duration::from_millis(250);

/// Calls `attempt` with the addresses of `addr`, with each as soon as the one before has failed or has taken
/// [`DELAY`], until one succeeds. The others are dropped.
pub(super) async fn race<T, F: Future<Output = io::Result<T>>>(
    addr: impl ToSocketAddrs,
    mut attempt: impl FnMut(SocketAddr) -> F,
) -> io::Result<T> {
    let mut waiting = match resolve(addr).await? {
        Addrs::One(addr) => return attempt(addr).await,
        Addrs::Many(addrs) => interleave(addrs).into_iter(),
    };
    let mut under_way: Vec<Pin<Box<F>>> = Vec::new();
    let mut last = None;
    loop {
        let mut until = None;
        match waiting.next() {
            Some(addr) => {
                under_way.push(Box::pin(attempt(addr)));
                if waiting.len() != 0 {
                    // Where there is no clock they are tried one after the other.
                    until = now().map(|now| now.saturating_add(DELAY));
                }
            }
            None if under_way.is_empty() => return Err(last.unwrap_or_else(no_address)),
            None => {}
        }
        match first_of(&mut under_way, until).await {
            Some(Ok(value)) => return Ok(value),
            Some(Err(error)) => last = Some(error),
            None => {}
        }
    }
}

/// The first result; `None` if there was none until then.
async fn first_of<F: Future>(
    under_way: &mut Vec<Pin<Box<F>>>,
    until: Option<Instant>,
) -> Option<F::Output> {
    let mut sleep = pin!(until.map(sleep_until));
    poll_fn(|cx| {
        for at in 0..under_way.len() {
            if let Poll::Ready(output) = under_way[at].as_mut().poll(cx) {
                drop(under_way.remove(at));
                return Poll::Ready(Some(output));
            }
        }
        match sleep.as_mut().as_pin_mut() {
            Some(sleep) => {
                ready!(sleep.poll(cx));
                Poll::Ready(None)
            }
            None => Poll::Pending,
        }
    })
    .await
}

/// The families in turn, beginning with the first address's, each in its order: RFC 8305, section 4, with a
/// "First Address Family Count" of one. The resolver has put them into the order of RFC 6724.
fn interleave(addrs: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = addrs.first().map(SocketAddr::is_ipv6) else {
        return addrs;
    };
    let all = addrs.len();
    let (mut these, mut those) = addrs
        .into_iter()
        .partition::<Vec<_>, _>(|addr| addr.is_ipv6() == first);
    these.reverse();
    those.reverse();
    let mut mixed = Vec::with_capacity(all);
    while mixed.len() < all {
        mixed.extend(these.pop());
        mixed.extend(those.pop());
    }
    mixed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block_on;
    use polliwog_core::time::sleep;
    use std::cell::RefCell;
    use std::rc::Rc;

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn families_take_turns() {
        let (a, b, c) = (addr("[::1]:1"), addr("[::1]:2"), addr("[::1]:3"));
        let (x, y) = (addr("127.0.0.1:1"), addr("127.0.0.1:2"));
        assert_eq!(interleave(vec![a, b, c, x, y]), [a, x, b, y, c]);
        assert_eq!(interleave(vec![x, y, a]), [x, a, y]);
        assert_eq!(interleave(vec![x, y]), [x, y]);
        assert_eq!(interleave(vec![]), []);
    }

    /// Says which attempts have begun, at what time on a virtual clock, and which were dropped.
    struct Attempt(&'static str, Rc<RefCell<Vec<String>>>);
    impl Drop for Attempt {
        fn drop(&mut self) {
            self.1.borrow_mut().push(format!("{} over", self.0));
        }
    }

    fn run(addrs: &[SocketAddr]) -> (io::Result<u16>, Vec<String>) {
        let log = Rc::new(RefCell::new(Vec::new()));
        let result = crate::block_on_paused(async {
            let start = now().unwrap();
            race(addrs, |addr| {
                let log = log.clone();
                async move {
                    let name = match addr.port() {
                        1 => "slow",
                        2 => "quick",
                        3 => "refused",
                        _ => "silent",
                    };
                    let at = (now().unwrap() - start).as_millis();
                    log.borrow_mut().push(format!("{name} at {at}"));
                    let _attempt = Attempt(name, log.clone());
                    match name {
                        "slow" => sleep(Duration::from_millis(600)).await,
                        "quick" => sleep(Duration::from_millis(10)).await,
                        "refused" => return Err(io::ErrorKind::ConnectionRefused.into()),
                        _ => std::future::pending().await,
                    }
                    Ok(addr.port())
                }
            })
            .await
        });
        (result, log.take())
    }

    #[test]
    fn the_next_begins_after_a_delay_or_a_failure_and_the_first_wins() {
        let ip = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let (result, log) = run(&[ip(9), ip(1), ip(3), ip(2)]);
        assert_eq!(result.unwrap(), 2);
        let expected = [
            "silent at 0",
            "slow at 250",
            "refused at 500",
            "refused over",
            "quick at 500",
            "quick over",
            "silent over",
            "slow over",
        ];
        assert_eq!(log, expected);
        // One that is slow wins in the end, if the others are slower.
        let (result, log) = run(&[ip(1), ip(9), ip(9)]);
        assert_eq!(result.unwrap(), 1);
        assert_eq!(log[..3], ["slow at 0", "silent at 250", "silent at 500"]);
        let (result, _) = run(&[ip(3), ip(3)]);
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        let (result, _) = run(&[]);
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn attempts_are_polled_by_one_task_whatever_the_clock() {
        let both = [addr("127.0.0.1:3"), addr("127.0.0.1:2")];
        let attempt = |addr: SocketAddr| async move {
            polliwog_core::yield_now().await;
            (addr.port() == 2)
                .then_some(())
                .ok_or(io::Error::other("refused"))
        };
        block_on(race(&both[..], attempt)).unwrap();
    }
}
