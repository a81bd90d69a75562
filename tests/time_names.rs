//! The names that users of tokio type for time.
#![cfg(feature = "mio")]

use polliwog::time::{Duration, Instant, advance, interval, pause, resume, sleep, timeout};

#[test]
fn duration_and_instant_come_from_the_same_place() {
    let outside = Instant::now();
    polliwog::block_on(async {
        let start = Instant::now();
        sleep(Duration::from_millis(1)).await;
        assert!(start.elapsed() >= Duration::from_millis(1));
        pause();
        let start = Instant::now();
        let mut ticks = interval(Duration::from_secs(60));
        ticks.tick().await;
        assert!(
            timeout(Duration::from_secs(59), ticks.tick())
                .await
                .is_err()
        );
        advance(Duration::from_secs(1)).await;
        assert_eq!(start.elapsed(), Duration::from_secs(60));
        resume();
    });
    assert!(outside.elapsed() < Duration::from_secs(3_600));
}
