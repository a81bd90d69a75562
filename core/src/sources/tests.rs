use super::*;

fn table() -> Sources<[Entry; 3]> {
    Sources::new([const { Entry::new() }; 3], 8)
}

#[test]
fn full_table_says_so_and_recovers() {
    let mut sources = table();
    let tokens = [(); 3].map(|()| sources.insert().unwrap());
    assert_eq!(sources.insert(), Err(SourcesFull { capacity: 8 }));
    let _ = sources.remove(tokens[1]);
    let again = sources.insert().unwrap();
    assert_eq!(again.index(), tokens[1].index());
    assert_ne!(again, tokens[1]);
    assert_eq!(sources.len(), 3);
}

#[test]
fn stale_token_finds_nothing() {
    let mut sources = table();
    let old = sources.insert().unwrap();
    let _ = sources.remove(old);
    let new = sources.insert().unwrap();
    let _ = sources.set_ready(old, Readiness::READABLE);
    assert_eq!(sources.ready(new), Readiness::NONE);
    assert_eq!(sources.find(old.to_usize()), None);
    assert_eq!(sources.find(new.to_usize()), Some(new));
    for number in [old.to_usize(), new.to_usize() + 1, usize::MAX] {
        assert!(sources.report(number, Readiness::READABLE).reader.is_none());
    }
    assert_eq!(sources.ready(new), Readiness::NONE);
    let _ = sources.report(new.to_usize(), Readiness::WRITABLE);
    assert_eq!(sources.ready(new), Readiness::WRITABLE);
    let _ = sources.remove(old);
    assert!(sources.contains(new));
    let mut cx = Context::from_waker(Waker::noop());
    let polled = sources.poll_ready(old, Direction::Write, &mut cx);
    assert_eq!(polled, Poll::Ready(Readiness::ERROR));
}

#[test]
fn closing_is_never_cleared() {
    let mut sources = table();
    let token = sources.insert().unwrap();
    let both = Readiness::READABLE | Readiness::READ_CLOSED;
    let _ = sources.set_ready(token, both);
    sources.clear_ready(token, both);
    assert_eq!(sources.ready(token), Readiness::READ_CLOSED);
    assert!(sources.ready(token).is_readable());
}

#[test]
fn an_event_frees_only_its_own_direction() {
    let mut sources = table();
    let token = sources.insert().unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(
        sources
            .poll_ready(token, Direction::Read, &mut cx)
            .is_pending()
    );
    assert!(
        sources
            .poll_ready(token, Direction::Write, &mut cx)
            .is_pending()
    );
    let wakeups = sources.set_ready(token, Readiness::WRITABLE);
    assert!(wakeups.reader.is_none() && wakeups.writer.is_some());
    let wakeups = sources.set_ready(token, Readiness::ERROR);
    assert!(wakeups.reader.is_some() && wakeups.writer.is_none());
}

#[test]
fn an_operation_that_would_block_takes_all_back_that_concerns_it() {
    let mut sources = table();
    let token = sources.insert().unwrap();
    let all = Readiness::ALL;
    sources.set_ready(token, all).wake();
    sources.would_block(token, Direction::Read);
    let left = Readiness::WRITABLE | Readiness::WRITE_CLOSED;
    assert_eq!(sources.ready(token), left);
    sources.set_ready(token, all).wake();
    sources.would_block(token, Direction::Write);
    let left = Readiness::READABLE | Readiness::READ_CLOSED | Readiness::PRIORITY;
    assert_eq!(sources.ready(token), left);
    assert_eq!(!Readiness::NONE, all);
}

#[test]
fn a_hint_ends_no_wait() {
    let mut sources = table();
    let token = sources.insert().unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    for direction in [Direction::Read, Direction::Write] {
        sources.set_ready(token, Readiness::PRIORITY).wake();
        assert!(sources.poll_ready(token, direction, &mut cx).is_pending());
    }
}

#[cfg(feature = "alloc")]
#[test]
fn what_concerns_one_reader_wakes_one() {
    let mut sources = table();
    let token = sources.insert().unwrap();
    let row = sources.row(token).unwrap();
    let futures = [1_u8, 2, 3];
    let mut cx = Context::from_waker(Waker::noop());
    for (one, woken) in [(true, [1, 1, 1]), (false, [3, 0, 0])] {
        row.set_one_reader(one);
        row.would_block(Direction::Read);
        for future in &futures {
            let id = WaiterId::of(future);
            assert!(row.poll_ready_as(id, Direction::Read, &mut cx).is_pending());
        }
        assert!(row.is_waited_for(Direction::Read));
        assert!(sources.set_ready(token, Readiness::WRITABLE).is_empty());
        for expected in woken {
            let wakeups = sources.set_ready(token, Readiness::READABLE);
            assert_eq!(wakeups.len(), expected);
        }
        assert!(!row.is_waited_for(Direction::Read) && row.next_reader().is_empty());
    }
    // The end of all concerns all.
    row.set_one_reader(true);
    row.would_block(Direction::Read);
    for future in &futures {
        let polled = row.poll_ready_as(WaiterId::of(future), Direction::Read, &mut cx);
        assert!(polled.is_pending());
    }
    assert_eq!(sources.set_ready(token, Readiness::ERROR).len(), 3);
    // And a row has nothing of its former source.
    assert!(sources.remove(token).is_empty());
    let next = sources.insert().unwrap();
    let row = sources.row(next).unwrap();
    for future in &futures {
        let polled = row.poll_ready_as(WaiterId::of(future), Direction::Read, &mut cx);
        assert!(polled.is_pending());
    }
    let mut rows = 0;
    sources.for_each(|row| {
        rows += 1;
        assert_eq!(row.wake_all().len(), 3);
    });
    assert_eq!(rows, 1);
}

#[test]
fn debug_names_the_bits() {
    extern crate std;
    let both = Readiness::READABLE | Readiness::ERROR;
    assert_eq!(
        std::format!("{both:?} {:?}", Readiness::NONE),
        "READABLE | ERROR NONE"
    );
}
