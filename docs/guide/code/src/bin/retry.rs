//! Trying again with longer and longer pauses, and its tests in virtual time.
#![forbid(unsafe_code)]

use std::time::Duration;

use polliwog::time::sleep;

// ANCHOR: retry
/// Calls `operation` until it succeeds, at most `attempts` times, with pauses that double.
async fn retry<T, E>(
    attempts: u32,
    first_pause: Duration,
    mut operation: impl AsyncFnMut() -> Result<T, E>,
) -> Result<T, E> {
    let mut pause = first_pause;
    for _ in 1..attempts {
        if let Ok(value) = operation().await {
            return Ok(value);
        }
        sleep(pause).await;
        pause *= 2;
    }
    operation().await
}
// ANCHOR_END: retry

fn main() {
    let mut left = 2;
    let answer = polliwog::block_on(retry(5, Duration::from_millis(10), async || {
        if left == 0 {
            return Ok("an answer");
        }
        left -= 1;
        println!("no answer");
        Err("nobody there")
    }));
    println!("{answer:?}");
}

// ANCHOR: test
#[cfg(test)]
mod tests {
    use super::*;
    use polliwog::spin;
    use polliwog::time::{now, timeout};

    #[test]
    fn pauses_double() {
        spin::test(1, async {
            let mut asked_at = Vec::new();
            let outcome = retry(4, Duration::from_secs(1), async || {
                asked_at.push(now().expect("in a task").as_duration().as_secs());
                Err::<(), _>("nobody there")
            });
            assert_eq!(outcome.await, Err("nobody there"));
            assert_eq!(asked_at, [0, 1, 3, 7]);
        });
    }

    #[test]
    fn an_hour_is_not_enough_for_eternity() {
        spin::test(1, async {
            let for_ever = retry(u32::MAX, Duration::from_secs(60), async || {
                Err::<(), _>("no")
            });
            assert!(timeout(Duration::from_secs(3600), for_ever).await.is_err());
        });
    }
}
// ANCHOR_END: test
