//! `time::Delay`, as drivers that are generic over `embedded-hal-async` use it, in virtual time.

use embedded_hal_async::delay::DelayNs;
use polliwog_core::time::{Delay, Duration};
use polliwog_spin::time::{now, timeout};

async fn measured<D: DelayNs>(delay: &mut D, wait: impl AsyncFnOnce(&mut D)) -> Duration {
    let before = now().unwrap();
    wait(delay).await;
    now().unwrap() - before
}

#[test]
fn a_delay_takes_exactly_as_long_as_it_was_told() {
    polliwog_spin::test(1, async {
        let mut delay = Delay;
        for count in [0, 1, 999, 1_000, 4_294_967, 4_294_968, u32::MAX] {
            let nanos = measured(&mut delay, async |d| d.delay_ns(count).await).await;
            assert_eq!(nanos, Duration::from_nanos(count.into()));
            let micros = measured(&mut delay, async |d| d.delay_us(count).await).await;
            assert_eq!(micros, Duration::from_micros(count.into()));
            let millis = measured(&mut delay, async |d| d.delay_ms(count).await).await;
            assert_eq!(millis, Duration::from_millis(count.into()));
        }
    });
}

#[test]
fn a_driver_waits_while_others_run_and_can_be_given_up() {
    polliwog_spin::test(2, async {
        let slow = polliwog_spin::spawn(async {
            Delay.delay_ms(50).await;
            now().unwrap()
        })
        .unwrap();
        let start = now().unwrap();
        let given_up = timeout(Duration::from_millis(10), Delay.delay_ms(u32::MAX)).await;
        assert!(given_up.is_err());
        assert_eq!(now().unwrap() - start, Duration::from_millis(10));
        assert_eq!(slow.await.unwrap() - start, Duration::from_millis(50));
    });
}
