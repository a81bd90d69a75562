//! What waits by itself: governor on a thread of its own, backon with our `sleep`; futures-concurrency, which waits for
//! several; moka's cache and deadpool's pool, in which tasks wait for each other.

use std::cell::Cell;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use backon::{ConstantBuilder, Retryable};
use futures_concurrency::prelude::*;
use polliwog::time::sleep;
use polliwog::{SendWrapper, spawn};

use crate::run;

#[test]
fn a_rate_is_kept() {
    run(async {
        let quota = governor::Quota::per_second(NonZeroU32::new(100).unwrap());
        let limiter = governor::RateLimiter::direct(quota.allow_burst(NonZeroU32::MIN));
        let start = Instant::now();
        for _ in 0..6 {
            limiter.until_ready().await;
        }
        // The first one at once; however busy the machine is, the others are not too early.
        assert!(start.elapsed() >= Duration::from_millis(50));
    });
}

#[test]
fn what_fails_is_tried_again() {
    run(async {
        let tries = Cell::new(0);
        let answer = (async || {
            tries.set(tries.get() + 1);
            if tries.get() < 4 {
                Err("not yet")
            } else {
                Ok("quak")
            }
        })
        .retry(
            ConstantBuilder::default()
                .with_delay(Duration::from_millis(1))
                .with_max_times(5),
        )
        .sleep(sleep)
        .await;
        assert_eq!((answer, tries.get()), (Ok("quak"), 4));
    });
}

#[test]
fn several_at_once() {
    run(async {
        let wait = async |n: u64| {
            sleep(Duration::from_millis(n)).await;
            n
        };
        assert_eq!([wait(3), wait(1), wait(2)].join().await, [3, 1, 2]);
        assert_eq!((wait(1), std::future::pending::<u64>()).race().await, 1);
        let failed = async { Err::<u64, _>("no") };
        let fine = async { Ok::<_, &str>(wait(1).await) };
        assert_eq!((fine, failed).try_join().await, Err("no"));
    });
}

#[test]
fn many_ask_a_cache_and_one_finds_out() {
    run(async {
        let cache = moka::future::Cache::<u32, u32>::new(100);
        let count = Rc::new(AtomicUsize::new(0));
        let asking: Vec<_> = (0..20)
            .map(|n| {
                let (cache, count) = (cache.clone(), Rc::clone(&count));
                let ask = async move {
                    let find = async {
                        count.fetch_add(1, Ordering::Relaxed);
                        sleep(Duration::from_millis(5)).await;
                        n % 2 * 10
                    };
                    cache.get_with(n % 2, find).await
                };
                spawn(ask).unwrap()
            })
            .collect();
        for (n, asked) in asking.into_iter().enumerate() {
            assert_eq!(asked.await.unwrap(), n as u32 % 2 * 10);
        }
        assert_eq!(count.load(Ordering::Relaxed), 2);
    });
}

/// What the pool has are numbers.
struct Numbers(AtomicUsize);

impl deadpool::managed::Manager for Numbers {
    type Type = usize;
    type Error = std::convert::Infallible;

    async fn create(&self) -> Result<usize, Self::Error> {
        SendWrapper::new(sleep(Duration::from_millis(1))).await;
        Ok(self.0.fetch_add(1, Ordering::Relaxed))
    }

    async fn recycle(
        &self,
        _: &mut usize,
        _: &deadpool::managed::Metrics,
    ) -> deadpool::managed::RecycleResult<Self::Error> {
        Ok(())
    }
}

#[test]
fn a_pool_has_three_for_twenty() {
    run(async {
        let manager = Numbers(AtomicUsize::new(0));
        let pool = deadpool::managed::Pool::<Numbers>::builder(manager).max_size(3);
        let pool = pool.build().unwrap();
        let asking: Vec<_> = (0..20)
            .map(|_| {
                let pool = pool.clone();
                let ask = async move {
                    let number = pool.get().await.unwrap();
                    sleep(Duration::from_millis(1)).await;
                    *number
                };
                spawn(ask).unwrap()
            })
            .collect();
        for asked in asking {
            assert!(asked.await.unwrap() < 3);
        }
        assert_eq!(pool.status().size, 3);
    });
}
