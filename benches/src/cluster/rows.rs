//! What is measured, and of whom.

use polliwog_mio::cluster::Accepting;

use super::connections::{self, long, short};
use super::neighbour::{beside, on_one_processor};
use super::report::Column;
use super::scaling::{self, processes, scaling as scaled};
use super::servers::{monoio_server, ours, raw, tokio_server};
use super::wakes::{self, wake};
use super::{Taken, WORKERS, tasks, traffic};

pub type Contender = (&'static str, fn() -> Taken);

pub struct Row {
    /// For the command and for programs.
    pub name: &'static str,
    pub title: &'static str,
    pub note: &'static str,
    pub columns: &'static [Column],
    pub contenders: &'static [Contender],
}

// Those of which the page computes more.
pub const SCALED_ECHO: &str = "scaling: echo";
pub const SCALED_HTTP: &str = "scaling: http";
pub const SCALED_STORE: &str = "scaling: store";
pub const SCALED_REDIS: &str = "scaling: mini-redis";
pub const SCALED_TASKS: &str = "scaling: tasks";
pub const ONE: &str = "polliwog, 1 worker";
pub const ONE_BESIDE: &str = "polliwog, 1 worker, busy neighbour";
pub const TWO: &str = "polliwog, 2 workers";
pub const BY_WORKER: &str = "polliwog, 2, by worker";
pub const BY_LOCKS: &str = "polliwog, 2, by locks";
pub const TOKIO_ONE: &str = "tokio, 1 worker";
pub const TOKIO_BESIDE: &str = "tokio, 1 worker, busy neighbour";
pub const TOKIO_TWO: &str = "tokio, 2 workers";
pub const TOKIO_BY_LOCKS: &str = "tokio, 2, by locks";
pub const RAW_ONE: &str = "raw, 1 thread";
pub const RAW_BESIDE: &str = "raw, 1 thread, busy neighbour";
pub const RAW_TWO: &str = "raw, 2 threads";

/// Of one worker's and two workers', in this order.
pub const HERE: [&str; 2] = [
    "polliwog, 1 worker, one processor",
    "polliwog, 2 workers, one processor",
];
pub const TOKIO_HERE: [&str; 2] = [
    "tokio, 1 worker, one processor",
    "tokio, 2 workers, one processor",
];
pub const RAW_HERE: [&str; 2] = [
    "raw, 1 thread, one processor",
    "raw, 2 threads, one processor",
];

pub const ROWS: &[Row] = &[
    Row {
        name: SCALED_ECHO,
        title: "Echo, each worker with its own load",
        note: "Sixteen clients on each worker send 64 bytes to servers on the same worker, by sockets of the loopback \
               device, and ask again when they have their echo; each worker is on a processor of its own. Requests of \
               all clients in a second, CPU time of all threads for each, clients included, and the share of the time \
               in which the workers' processors were busy with it. Of tokio's `multi_thread`, any worker runs any task. *Two \
               processes* have one worker each, and share nothing but the machine.",
        columns: scaling::COLUMNS,
        contenders: &[
            ("polliwog", || scaled(scaling::echo_ours)),
            ("polliwog, a process each", || processes("polliwog")),
            ("tokio, multi_thread", || scaled(scaling::echo_tokio)),
            ("tokio, a runtime each", || scaled(scaling::echo_tokio_each)),
            ("monoio, a runtime each", || scaled(scaling::echo_monoio)),
            ("raw, a loop each", || scaled(scaling::echo_raw)),
            ("raw, a process each", || processes("raw")),
        ],
    },
    Row {
        name: SCALED_HTTP,
        title: "HTTP by hyper, each worker with its own load",
        note: "As above; the clients send the same request again and again, and count what comes.",
        columns: scaling::COLUMNS,
        contenders: &[
            ("polliwog", || scaled(scaling::http_ours)),
            ("tokio, multi_thread", || scaled(scaling::http_tokio)),
            ("tokio, a runtime each", || scaled(scaling::http_tokio_each)),
        ],
    },
    Row {
        name: SCALED_STORE,
        title: "A store, each worker with its own load",
        note: "As above, with the store of before: *by worker*, on two workers every second request is for the other one, \
               and on one none is; so that one does not only do the same with more processors.",
        columns: scaling::COLUMNS,
        contenders: &[
            ("polliwog, by worker", || scaled(scaling::store_by_worker)),
            ("polliwog, by locks", || scaled(scaling::store_by_locks)),
            ("tokio, multi_thread, by locks", || {
                scaled(scaling::store_tokio)
            }),
            ("tokio, a runtime each, by locks", || {
                scaled(scaling::store_tokio_each)
            }),
        ],
    },
    Row {
        name: SCALED_REDIS,
        title: "mini-redis, each worker with its own load",
        note: "As above, with the example `mini-redis --workers`: clients set one of sixteen keys after the other, of which \
               on two workers every second request is for the other one.",
        columns: scaling::COLUMNS,
        contenders: &[("polliwog", || scaled(scaling::redis_ours))],
    },
    Row {
        name: SCALED_TASKS,
        title: "Small tasks, each worker with its own load",
        note: "Sixteen tasks on each worker spawn sixteen others at a time, on whatever worker, which compute for some \
               microseconds, and wait for all of them. *Threads* compute the same without tasks.",
        columns: scaling::COLUMNS,
        contenders: &[
            ("polliwog", || scaled(scaling::fan_out_ours)),
            ("tokio, multi_thread", || scaled(scaling::fan_out_tokio)),
            ("threads", || scaled(scaling::compute_threads)),
        ],
    },
    Row {
        name: "spawn",
        title: "Spawning from outside",
        note: "100 000 tasks that do nothing, by a thread that is no worker, ten thousand at a time. For each: CPU time of \
               that thread for the spawn; CPU time of all threads until all are joined; and time.",
        columns: &[
            ("spawn, ns", 0),
            ("spawn, run and join, ns of CPU", 0),
            ("the same, ns", 0),
        ],
        contenders: &[
            ("polliwog, wait", tasks::spawn_and_wait),
            ("polliwog, await", tasks::spawn_ours),
            ("tokio", tasks::spawn_tokio),
        ],
    },
    Row {
        name: "fan-out",
        title: "A fan-out",
        note: "100 000 tasks that compute for 10 µs each, ten thousand at a time.",
        columns: &[("ms", 0), ("ms of CPU", 0)],
        contenders: &[
            ("polliwog", tasks::fan_out_ours),
            ("tokio", tasks::fan_out_tokio),
        ],
    },
    Row {
        name: "skewed tasks",
        title: "Tasks of unequal size",
        note: "10 000 tasks of 10 µs, of which every hundredth takes 1 ms, all spawned by one task on a worker.",
        columns: &[("ms", 0), ("ms of CPU", 0)],
        contenders: &[
            ("polliwog", tasks::skewed_ours),
            ("tokio", tasks::skewed_tokio),
        ],
    },
    Row {
        name: "wake apart",
        title: "A wake there and back, threads pinned apart",
        note: "Two runtimes, each on a thread of its own, whose tasks wake one another: time there and back, each thread \
               pinned to a processor of its own.",
        columns: wakes::COLUMNS,
        contenders: &[
            ("polliwog", || wake(true, [0, 1])),
            ("tokio", || wake(false, [0, 1])),
        ],
    },
    Row {
        name: "wake together",
        title: "A wake there and back, threads pinned together",
        note: "Two runtimes, each on a thread of its own, whose tasks wake one another: time there and back, both threads \
               pinned to the same processor.",
        columns: wakes::COLUMNS,
        contenders: &[
            ("polliwog", || wake(true, [0, 0])),
            ("tokio", || wake(false, [0, 0])),
        ],
    },
    Row {
        name: "wake free",
        title: "A wake there and back, threads not pinned",
        note: "Two runtimes, each on a thread of its own, whose tasks wake one another: time there and back, as the \
               system places the threads.",
        columns: wakes::COLUMNS,
        contenders: &[
            ("polliwog", || wake(true, [])),
            ("tokio", || wake(false, [])),
        ],
    },
    Row {
        name: "few long connections",
        title: "Few long connections",
        note: "Eight connections, each of which sends 64 bytes when it has had its echo, with a client thread for each. For \
               each echo: time, and CPU time with the clients; and, counted in a run of its own with the clients, system \
               calls, those of them that wait for events, those that wake a thread, and switches of threads.",
        columns: connections::COLUMNS,
        contenders: &[
            ("polliwog, each accepts", || {
                long(|| ours(WORKERS, Accepting::EachWorker))
            }),
            ("polliwog, one for all", || {
                long(|| ours(WORKERS, Accepting::OneForAll))
            }),
            ("tokio", || long(|| tokio_server(WORKERS))),
            ("monoio", || long(|| monoio_server(WORKERS))),
            ("raw, a socket each", || long(|| raw(WORKERS))),
        ],
    },
    Row {
        name: "many short connections",
        title: "Many short connections",
        note: "Connections with one echo each, by four client threads. For each connection, as \
               above. A listening socket for each worker finds half as many connections at a time as one for all does: \
               more waits, and more of the calls to accept that find nothing. One worker, for comparison, leaves a processor to the clients, as those do whose second worker \
               sleeps.",
        columns: connections::COLUMNS,
        contenders: &[
            ("polliwog, each accepts", || {
                short(|| ours(WORKERS, Accepting::EachWorker))
            }),
            ("polliwog, one for all", || {
                short(|| ours(WORKERS, Accepting::OneForAll))
            }),
            (ONE, || short(|| ours(1, Accepting::EachWorker))),
            ("tokio", || short(|| tokio_server(WORKERS))),
            ("monoio", || short(|| monoio_server(WORKERS))),
            ("raw, a socket each", || short(|| raw(WORKERS))),
        ],
    },
    Row {
        name: "skewed connections",
        title: "Skewed connections",
        note: "Sixteen connections with a client thread each, whose requests compute for 20 µs. The connections of one worker \
               (of tokio, which moves tasks, every second one) ask ten times as often as the others. For each request, \
               as above. A connection stays on its worker here, so that the busy \
               one has most of the work; tokio moves it.",
        columns: connections::COLUMNS,
        contenders: &[
            ("polliwog, each accepts", || {
                traffic::skewed(|| traffic::works_ours(Accepting::EachWorker))
            }),
            ("polliwog, one for all", || {
                traffic::skewed(|| traffic::works_ours(Accepting::OneForAll))
            }),
            ("tokio", || traffic::skewed(|| traffic::works_tokio())),
        ],
    },
    Row {
        name: "echo, 50 connections",
        title: "Echo",
        note: traffic::NOTE,
        columns: traffic::COLUMNS,
        contenders: &[
            (ONE, || traffic::echo(|| traffic::echo_ours(1))),
            (ONE_BESIDE, || {
                beside(|| traffic::echo(|| traffic::echo_ours(1)))
            }),
            (TWO, || traffic::echo(|| traffic::echo_ours(2))),
            (HERE[0], || {
                on_one_processor(|| traffic::echo(|| traffic::echo_ours(1)))
            }),
            (HERE[1], || {
                on_one_processor(|| traffic::echo(|| traffic::echo_ours(2)))
            }),
            (TOKIO_ONE, || traffic::echo(|| tokio_server(1))),
            (TOKIO_BESIDE, || {
                beside(|| traffic::echo(|| tokio_server(1)))
            }),
            (TOKIO_TWO, || traffic::echo(|| tokio_server(2))),
            (TOKIO_HERE[0], || {
                on_one_processor(|| traffic::echo(|| tokio_server(1)))
            }),
            (TOKIO_HERE[1], || {
                on_one_processor(|| traffic::echo(|| tokio_server(2)))
            }),
            ("monoio, 1 thread", || traffic::echo(|| monoio_server(1))),
            ("monoio, 2 threads", || traffic::echo(|| monoio_server(2))),
            (RAW_ONE, || traffic::echo(|| raw(1))),
            (RAW_BESIDE, || beside(|| traffic::echo(|| raw(1)))),
            (RAW_TWO, || traffic::echo(|| raw(2))),
            (RAW_HERE[0], || {
                on_one_processor(|| traffic::echo(|| raw(1)))
            }),
            (RAW_HERE[1], || {
                on_one_processor(|| traffic::echo(|| raw(2)))
            }),
        ],
    },
    Row {
        name: "http, 50 connections",
        title: "HTTP by hyper",
        note: "As above.",
        columns: traffic::COLUMNS,
        contenders: &[
            (ONE, || traffic::http(|| traffic::http_ours(1))),
            (ONE_BESIDE, || {
                beside(|| traffic::http(|| traffic::http_ours(1)))
            }),
            (TWO, || traffic::http(|| traffic::http_ours(2))),
            (HERE[0], || {
                on_one_processor(|| traffic::http(|| traffic::http_ours(1)))
            }),
            (HERE[1], || {
                on_one_processor(|| traffic::http(|| traffic::http_ours(2)))
            }),
            (TOKIO_ONE, || traffic::http(|| traffic::http_tokio(1))),
            (TOKIO_BESIDE, || {
                beside(|| traffic::http(|| traffic::http_tokio(1)))
            }),
            (TOKIO_TWO, || traffic::http(|| traffic::http_tokio(2))),
        ],
    },
    Row {
        name: "store, 50 connections",
        title: "A store",
        note: "As above. 1024 keys, of which each request counts one up: *by worker*, each worker has the keys that are its \
               own, and is asked for them by a task, which on two workers every second request takes there and back; *by locks*, sixteen maps are behind locks that all workers share.",
        columns: traffic::COLUMNS,
        contenders: &[
            (ONE, || traffic::store(|| traffic::store_by_worker(1))),
            (ONE_BESIDE, || {
                beside(|| traffic::store(|| traffic::store_by_worker(1)))
            }),
            (BY_WORKER, || traffic::store(|| traffic::store_by_worker(2))),
            (BY_LOCKS, || traffic::store(|| traffic::store_locked(2))),
            (HERE[0], || {
                on_one_processor(|| traffic::store(|| traffic::store_by_worker(1)))
            }),
            (HERE[1], || {
                on_one_processor(|| traffic::store(|| traffic::store_by_worker(2)))
            }),
            (TOKIO_ONE, || traffic::store(|| traffic::store_tokio(1))),
            (TOKIO_BY_LOCKS, || {
                traffic::store(|| traffic::store_tokio(2))
            }),
        ],
    },
];
