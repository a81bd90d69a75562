//! Channels that know no runtime: unchanged, between executors, too.

use polliwog::spawn;

use crate::run;

#[test]
fn async_channel_between_threads() {
    let (there, requests) = async_channel::bounded(1);
    let (answers, back) = async_channel::unbounded();
    let thread = std::thread::spawn(move || {
        run(async {
            while let Ok(n) = requests.recv().await {
                answers.send(n * 2).await.unwrap();
            }
        });
    });
    run(async {
        let asking = spawn(async move {
            for n in 0..100 {
                there.send(n).await.unwrap();
            }
        });
        for n in 0..100 {
            assert_eq!(back.recv().await.unwrap(), n * 2);
        }
        asking.unwrap().await.unwrap();
    });
    thread.join().unwrap();
}
