use std::cell::Cell;
use std::error::Error;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;

use futures_core::Stream;

use super::{both_scopes, ready, task, waiting};

/// Counts how many of it there are.
struct Counted(Rc<Cell<usize>>);

impl Counted {
    fn new(count: &Rc<Cell<usize>>) -> Self {
        count.set(count.get() + 1);
        Self(count.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

both_scopes! {
    fn messages_arrive_in_their_order_and_then_the_end() {
        let (sender, mut receiver) = mpsc::channel(3);
        let other = sender.clone();
        ready(sender.send(1)).unwrap();
        other.try_send(2).unwrap();
        assert_eq!((sender.capacity(), sender.max_capacity(), receiver.len()), (1, 3, 2));
        drop((sender, other));
        assert_eq!(ready(receiver.recv()), Some(1));
        assert_eq!(receiver.try_recv(), Ok(2));
        assert_eq!(receiver.try_recv(), Err(mpsc::TryRecvError::Disconnected));
        assert_eq!(ready(receiver.recv()), None);
    }

    fn a_receiver_is_woken_by_a_message_and_by_the_end() {
        let (sender, mut receiver) = mpsc::channel(1);
        let mut receiving = waiting(receiver.recv());
        sender.try_send(7).unwrap();
        assert_eq!(receiving.woken(), Some(7));
        drop(receiving);
        // One that is dropped loses nothing.
        let receiving = waiting(receiver.recv());
        sender.try_send(8).unwrap();
        drop(receiving);
        assert_eq!(receiver.try_recv(), Ok(8));
        let mut receiving = waiting(receiver.recv());
        drop(sender);
        assert_eq!(receiving.woken(), None);
    }

    fn the_end_of_a_closed_channel_is_seen_when_the_last_place_comes_back() {
        // A place that somebody has got while waiting, and gives up without having sent.
        let (sender, mut receiver) = mpsc::channel(1);
        sender.try_send(1).unwrap();
        let sending = waiting(sender.send(2));
        assert_eq!(receiver.try_recv(), Ok(1));
        receiver.close();
        let mut receiving = waiting(receiver.recv());
        drop(sending);
        assert_eq!(receiving.woken(), None);
        drop(receiving);

        // One that is reserved, while several receive.
        let (sender, receiver) = mpmc::channel::<u32>(2);
        let others = receiver.clone();
        let permit = ready(sender.reserve()).unwrap();
        let mut first = waiting(receiver.recv());
        let mut second = waiting(others.recv());
        receiver.close();
        assert!(first.poll().is_pending() && second.poll().is_pending());
        let wakes = (first.wakes(), second.wakes());
        drop(permit);
        assert_eq!((first.wakes(), second.wakes()), (wakes.0 + 1, wakes.1 + 1));
        assert!(first.ready().is_err() && second.ready().is_err());
        drop((first, second));

        // One that a last message came in.
        let (sender, receiver) = mpmc::channel(2);
        let others = receiver.clone();
        let permit = ready(sender.reserve()).unwrap();
        let mut first = waiting(receiver.recv());
        let mut second = waiting(others.recv());
        receiver.close();
        assert!(first.poll().is_pending() && second.poll().is_pending());
        permit.send(7);
        assert_eq!(first.ready(), Ok(7));
        let before = second.wakes();
        assert!(before > 1 && second.ready().is_err());
    }

    fn senders_wait_in_their_order_and_are_not_overtaken() {
        let (sender, mut receiver) = mpsc::channel(1);
        sender.try_send(0).unwrap();
        let mut first = waiting(sender.send(1));
        let mut second = waiting(sender.send(2));
        assert_eq!(receiver.try_recv(), Ok(0));
        // The room is the first one's.
        assert_eq!(sender.try_send(9), Err(mpsc::TrySendError::Full(9)));
        assert!(second.poll().is_pending());
        first.woken().unwrap();
        assert_eq!(receiver.try_recv(), Ok(1));
        second.woken().unwrap();
        assert_eq!(receiver.try_recv(), Ok(2));
        assert_eq!(receiver.try_recv(), Err(mpsc::TryRecvError::Empty));
        assert_eq!(sender.capacity(), 1);
    }

    fn a_send_that_is_dropped_sends_nothing_and_its_room_goes_on() {
        let count = Rc::new(Cell::new(0));
        let (sender, mut receiver) = mpsc::channel(1);
        drop(sender.send(Counted::new(&count)));
        sender.try_send(Counted::new(&count)).unwrap();
        let first = waiting(sender.send(Counted::new(&count)));
        let second = waiting(sender.send(Counted::new(&count)));
        let mut third = waiting(sender.send(Counted::new(&count)));
        assert_eq!(count.get(), 4);
        drop(second);
        drop(receiver.try_recv());
        assert_eq!((first.wakes(), third.wakes(), count.get()), (1, 0, 2));
        drop(first);
        third.woken().unwrap();
        assert_eq!(count.get(), 1);
        let fourth = waiting(sender.send(Counted::new(&count)));
        drop(receiver.try_recv());
        drop(fourth);
        assert_eq!((sender.capacity(), count.get()), (1, 0));
    }

    fn when_the_receiver_is_gone_messages_come_back_and_are_dropped() {
        let count = Rc::new(Cell::new(0));
        let (sender, receiver) = mpsc::channel(1);
        sender.try_send(Counted::new(&count)).unwrap();
        let mut sending = waiting(sender.send(Counted::new(&count)));
        let mut closed = waiting(sender.closed());
        drop(receiver);
        closed.woken();
        let error = sending.woken().unwrap_err();
        let _: &dyn Error = &mpsc::SendError(1);
        assert_eq!(count.get(), 1, "what was in the channel is dropped");
        assert!(matches!(
            sender.try_send(error.0),
            Err(mpsc::TrySendError::Closed(_))
        ));
        assert_eq!(count.get(), 0);
        assert!(sender.is_closed());
        ready(sender.closed());
    }

    fn a_closed_receiver_gets_what_has_been_promised() {
        let (sender, mut receiver) = mpsc::channel(3);
        let permit = ready(sender.reserve()).unwrap();
        let unused = sender.try_reserve().unwrap();
        sender.try_send(1).unwrap();
        sender.try_reserve().unwrap_err();
        receiver.close();
        assert!(receiver.is_closed());
        assert_eq!(ready(sender.send(9)), Err(mpsc::SendError(9)));
        assert_eq!(ready(receiver.recv()), Some(1));
        let mut receiving = waiting(receiver.recv());
        permit.send(2);
        assert_eq!(receiving.woken(), Some(2));
        drop(receiving);
        let mut receiving = waiting(receiver.recv());
        drop(unused);
        assert_eq!(receiving.woken(), None);
    }

    fn a_reservation_that_is_dropped_goes_to_the_next() {
        let (sender, mut receiver) = mpsc::channel(1);
        let permit = sender.try_reserve().unwrap();
        let first = waiting(sender.reserve());
        let mut second = waiting(sender.reserve());
        drop(permit);
        assert_eq!((first.wakes(), second.wakes()), (1, 0));
        drop(first);
        second.woken().unwrap().send(5);
        assert_eq!(receiver.try_recv(), Ok(5));
        drop(second);
        drop(sender);
        assert_eq!(ready(receiver.recv()), None);
    }

    fn an_unbounded_channel_is_never_full() {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        for number in 0..100 {
            sender.send(number).unwrap();
        }
        assert!(sender.same_channel(&sender.clone()));
        let mut some = Vec::new();
        assert_eq!(ready(receiver.recv_many(&mut some, 60)), 60);
        assert_eq!(ready(receiver.recv_many(&mut some, 60)), 40);
        assert!(some.into_iter().eq(0..100));
        assert_eq!(ready(receiver.recv_many(&mut Vec::new(), 0)), 0);
        drop(receiver);
        assert_eq!(sender.send(1).unwrap_err().0, 1);
    }

    fn a_receiver_is_a_stream() {
        let (sender, mut receiver) = mpsc::channel(2);
        sender.try_send(1).unwrap();
        drop(sender);
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(Pin::new(&mut receiver).poll_next(&mut cx) == std::task::Poll::Ready(Some(1)));
        assert!(Pin::new(&mut receiver).poll_next(&mut cx) == std::task::Poll::Ready(None));
    }

    fn a_channel_without_a_heap() {
        let mut channel = mpsc::Channel::<_, 2>::new();
        channel.try_send(0).unwrap();
        {
            let (sender, mut receiver) = channel.split();
            let other = sender.clone();
            assert_eq!(receiver.try_recv(), Err(mpsc::TryRecvError::Empty));
            sender.try_send(1).unwrap();
            drop((sender, other));
            assert_eq!(ready(receiver.recv()), Some(1));
            assert_eq!(ready(receiver.recv()), None);
        }
        {
            let (sender, receiver) = channel.split();
            drop(receiver);
            sender.try_send(2).unwrap_err();
        }
        assert!(channel.is_empty() && !channel.is_full());
    }

    fn used_directly_it_never_closes() {
        let channel = mpmc::Channel::<_, 1>::new();
        let mut receiving = waiting(channel.recv());
        ready(channel.send(1)).unwrap();
        assert_eq!(receiving.woken(), 1);
        let mut receiving = waiting(channel.recv());
        drop(channel.sender());
        assert!(receiving.poll().is_pending());
        drop(channel.sender());
        let sender = channel.sender();
        ready(sender.send(2)).unwrap();
        assert_eq!(receiving.ready(), 2);
        drop(channel.receiver());
        channel.try_send(3).unwrap_err();
        let _receiver = channel.receiver();
        channel.try_send(3).unwrap();
        channel.clear();
        assert_eq!(channel.len(), 0);
    }

    fn each_message_goes_to_one_receiver_in_their_order() {
        let (sender, receiver) = mpmc::channel(4);
        let other = receiver.clone();
        let mut first = waiting(receiver.recv());
        let mut second = waiting(other.recv());
        let third = waiting(receiver.recv());
        let mut fourth = waiting(other.recv());
        sender.try_send(1).unwrap();
        sender.try_send(2).unwrap();
        sender.try_send(3).unwrap();
        assert_eq!(second.woken(), Ok(2 - 1));
        assert_eq!(first.woken(), Ok(2));
        // One who gives up passes the message on.
        assert_eq!(fourth.wakes(), 0);
        drop(third);
        assert_eq!(fourth.woken(), Ok(3));
        drop(fourth);
        let mut last = [waiting(receiver.recv()), waiting(other.recv())];
        drop(sender);
        for task in &mut last {
            let _: &dyn Error = &task.woken().unwrap_err();
        }
        assert_eq!(receiver.try_recv(), Err(mpmc::TryRecvError::Disconnected));
    }

    fn a_receiver_is_closed_once_the_last_sender_is_gone() {
        let (sender, receiver) = mpsc::channel::<u8>(2);
        sender.try_send(1).unwrap();
        let permit = sender.try_reserve_owned().unwrap();
        assert!(!receiver.is_closed(), "the permit can still send");
        drop(permit);
        assert!(receiver.is_closed() && receiver.len() == 1);
        let (sender, receiver) = mpsc::unbounded_channel::<u8>();
        drop(sender);
        assert!(receiver.is_closed());
        let (sender, receiver) = mpmc::channel::<u8>(1);
        drop(sender.clone());
        assert!(!receiver.is_closed());
        drop(sender);
        assert!(receiver.is_closed());
        let channel = mpmc::Channel::<u8, 1>::new();
        let receiver = channel.receiver();
        drop(channel.sender());
        assert!(receiver.is_closed());
        let _sender = channel.sender();
        assert!(!receiver.is_closed(), "one can send again");
    }

    fn the_last_receiver_closes() {
        let (sender, receiver) = mpmc::unbounded_channel();
        let other = receiver.clone();
        drop(receiver);
        sender.send(1).unwrap();
        drop(other);
        sender.send(2).unwrap_err();
        let (sender, receiver) = mpmc::channel::<u8>(1);
        receiver.close();
        assert!(receiver.is_closed() && receiver.is_empty());
        drop(receiver.clone());
        ready(sender.send(1)).unwrap_err();
        ready(receiver.recv()).unwrap_err();
    }

    fn receivers_have_streams() {
        use futures_util::StreamExt;
        let (sender, receiver) = mpmc::channel(3);
        let mut streams = [Box::pin(receiver.stream()), Box::pin(receiver.stream())];
        let [one, two] = &mut streams;
        let mut first = waiting(one.next());
        sender.try_send(1).unwrap();
        assert_eq!(first.woken(), Some(1));
        drop(first);
        let mut both = [waiting(one.next()), waiting(two.next())];
        drop(sender);
        for task in &mut both {
            assert_eq!(task.woken(), None);
        }
    }

    fn one_message() {
        let (sender, mut receiver) = oneshot::channel();
        assert_eq!(receiver.try_recv(), Err(oneshot::TryRecvError::Empty));
        let mut receiving = waiting(&mut receiver);
        sender.send(1).unwrap();
        assert_eq!(receiving.woken(), Ok(1));
        drop(receiving);
        assert_eq!(receiver.try_recv(), Err(oneshot::TryRecvError::Closed));
        ready(&mut receiver).unwrap_err();
    }

    fn no_message() {
        let (sender, receiver) = oneshot::channel::<u8>();
        let mut receiving = waiting(receiver);
        drop(sender);
        let error = receiving.woken().unwrap_err();
        let _: &dyn Error = &error;
    }

    fn nobody_receives() {
        let count = Rc::new(Cell::new(0));
        let (mut sender, receiver) = oneshot::channel();
        let mut closed = waiting(sender.closed());
        drop(receiver);
        closed.woken();
        drop(closed);
        assert!(sender.is_closed());
        assert!(sender.send(Counted::new(&count)).is_err());
        let (sender, mut receiver) = oneshot::channel();
        assert!(sender.send(Counted::new(&count)).is_ok());
        receiver.close();
        assert!(receiver.try_recv().is_ok());
        let (sender, receiver) = oneshot::channel();
        assert!(sender.send(Counted::new(&count)).is_ok());
        assert_eq!(count.get(), 1);
        drop(receiver);
        assert_eq!(count.get(), 0);
    }

    fn one_message_without_a_heap() {
        let mut oneshot = oneshot::Oneshot::new();
        for number in 0..2 {
            let (sender, receiver) = oneshot.split();
            sender.send(number).unwrap();
            assert_eq!(ready(receiver), Ok(number));
        }
        let (sender, receiver) = oneshot.split();
        drop(receiver);
        assert_eq!(sender.send(7), Err(7));
        drop(task(async {}));
    }
}

/// Threads that send and threads that receive, each by its own means.
#[test]
fn threads_send_to_threads() {
    use polliwog_core::sync::{mpmc, mpsc, oneshot};
    const EACH: usize = if cfg!(miri) { 20 } else { 2_000 };
    let (numbers, all) = mpmc::channel(3);
    let (sums, mut results) = mpsc::channel(1);
    let senders: Vec<_> = (0..2)
        .map(|_| {
            let numbers = numbers.clone();
            std::thread::spawn(move || {
                for number in 0..EACH {
                    numbers.blocking_send(number).unwrap();
                }
            })
        })
        .collect();
    drop(numbers);
    let receivers: Vec<_> = (0..2)
        .map(|_| {
            let (all, sums) = (all.clone(), sums.clone());
            let (done, wait) = oneshot::channel();
            let thread = std::thread::spawn(move || {
                let mut sum = 0;
                while let Ok(number) = all.blocking_recv() {
                    sum += number;
                }
                sums.blocking_send(sum).unwrap();
                done.send(()).unwrap();
            });
            (thread, wait)
        })
        .collect();
    drop((all, sums));
    let mut sum = 0;
    while let Some(part) = results.blocking_recv() {
        sum += part;
    }
    assert_eq!(sum, EACH * (EACH - 1));
    for (thread, wait) in receivers {
        wait.blocking_recv().unwrap();
        thread.join().unwrap();
    }
    for thread in senders {
        thread.join().unwrap();
    }
}

#[test]
fn what_is_shared_can_go_to_other_threads() {
    use polliwog_core::sync::{mpmc, mpsc, oneshot};
    fn check<T: Send + Sync>() {}
    fn send<T: Send>(_: T) {}
    static CHANNEL: mpmc::Channel<Cell<u8>, 2> = mpmc::Channel::new();
    check::<mpsc::Sender<Cell<u8>>>();
    check::<mpsc::Receiver<Cell<u8>>>();
    check::<mpsc::UnboundedSender<Cell<u8>>>();
    check::<mpmc::Receiver<Cell<u8>>>();
    check::<oneshot::Sender<Cell<u8>>>();
    check::<oneshot::Receiver<Cell<u8>>>();
    send(CHANNEL.recv());
    send(CHANNEL.send(Cell::new(1)));
    let (sender, mut receiver) = mpsc::channel::<Cell<u8>>(1);
    send(sender.reserve());
    send(receiver.recv());
}
