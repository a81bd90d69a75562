//! etcd: the crate etcd-client, whose channel is hyper's HTTP/2 on a simulated connection (its feature `raw-channel`), against
//! an etcd made of that crate's own services. Leases run by the clock of its host.

mod server;
mod store;

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use etcd_client::{
    Channel, Client, Compare, CompareOp, Error, Event, EventType, GetOptions, LeaseKeepAliveStream,
    LeaseKeeper, PutOptions, Txn, TxnOp, WatchOptions, WatchStream,
};
use futures_util::future::{Either, select};
use hyper::client::conn::http2;
use hyper::{Request, Uri};
use polliwog::hyper::{PolliwogExecutor, PolliwogTimer};
use polliwog::sim::net::TcpStream;
use polliwog::sim::{self, Builder, Failure, Latency, Link, Report, Simulation};
use polliwog::spawn;
use polliwog::time::{Instant, sleep, timeout};
use tonic::body::Body;
use tower::BoxError;
use tower::util::BoxCloneSyncService;

const SECOND: Duration = Duration::from_secs(1);

/// How long a leader is one without a sign of life.
const LEASE: u64 = 3;

fn lost(error: impl Into<BoxError>) -> Error {
    Error::IoError(std::io::Error::other(error))
}

/// A client with a connection of its own.
async fn connect() -> Result<Client, Error> {
    let stream = TcpStream::connect("etcd:2379").await?;
    let mut builder = http2::Builder::new(PolliwogExecutor);
    builder.timer(PolliwogTimer);
    let (sender, connection) = builder.handshake(stream).await.map_err(lost)?;
    spawn(connection).unwrap().detach();
    let channel = tower::service_fn(move |mut request: Request<Body>| {
        let mut sender: http2::SendRequest<Body> = sender.clone();
        async move {
            let path = request.uri().path_and_query().ok_or("no path")?.as_str();
            *request.uri_mut() = Uri::builder()
                .scheme("http")
                .authority("etcd")
                .path_and_query(path)
                .build()?;
            Ok::<_, BoxError>(sender.send_request(request).await?.map(Body::new))
        }
    });
    Client::from_channel(Channel::Custom(BoxCloneSyncService::new(channel)), None).await
}

/// The next changes that are watched.
async fn changes(watch: &mut WatchStream) -> Result<Vec<(EventType, String)>, Error> {
    loop {
        let answer = watch.message().await?.ok_or_else(|| lost("the end"))?;
        if !answer.events().is_empty() {
            let change = |event: &Event| {
                let value = event.kv().unwrap().value_str()?;
                Ok((event.event_type(), value.to_owned()))
            };
            return answer.events().iter().map(change).collect();
        }
    }
}

#[test]
fn keys_transactions_leases_watches() {
    let mut simulation = Simulation::new(7);
    simulation.host("etcd", server::serve);
    simulation.client("client", async {
        let mut client = connect().await?;
        for (key, value) in [("frog/1", "quak"), ("frog/2", "ribbit"), ("toad", "croak")] {
            client.put(key, value, None).await?;
        }
        let frogs = Some(GetOptions::new().with_prefix());
        let found = client.get("frog/", frogs.clone()).await?;
        let values: Vec<_> = found.kvs().iter().map(|kv| kv.value_str()).collect();
        assert!(matches!(values[..], [Ok("quak"), Ok("ribbit")]));
        assert_eq!(client.delete("toad", None).await?.deleted(), 1);

        // All of a transaction is one revision, and nothing of it is done where one operation fails.
        let revision = found.header().unwrap().revision();
        let quak = || Compare::value("frog/1", CompareOp::Equal, "quak");
        let put = |key, lease| TxnOp::put(key, "", Some(PutOptions::new().with_lease(lease)));
        let both = [put("frog/3", 0), put("frog/4", 0)];
        assert!(
            client
                .txn(Txn::new().when([quak()]).and_then(both))
                .await?
                .succeeded()
        );
        let no_lease = [put("frog/5", 0), put("frog/6", 99)];
        let refused = client
            .txn(Txn::new().when([quak()]).and_then(no_lease))
            .await;
        assert!(matches!(refused, Err(Error::GRpcStatus(_))), "{refused:?}");
        let found = client.get("frog/", frogs).await?;
        assert_eq!(found.kvs().len(), 4);
        assert_eq!(found.kvs()[3].create_revision(), revision + 2);

        // A lease that nobody keeps alive ends by itself, one that is revoked at once.
        let mut watch = client.watch("lily", None).await?;
        for revoked in [false, true] {
            let lease = client.lease_grant(LEASE as i64, None).await?.id();
            let begin = Instant::now();
            let options = PutOptions::new().with_lease(lease);
            client.put("lily", "pad", Some(options)).await?;
            let put = (EventType::Put, "pad".to_owned());
            assert_eq!(changes(&mut watch).await?, [put]);
            if revoked {
                client.lease_revoke(lease).await?;
            }
            let gone = (EventType::Delete, String::new());
            assert_eq!(changes(&mut watch).await?, [gone]);
            let lasted = begin.elapsed();
            assert_eq!(lasted < LEASE as u32 * SECOND, revoked, "{lasted:?}");
            assert!(lasted < (LEASE as u32 + 1) * SECOND, "{lasted:?}");
        }
        Ok::<_, Error>(())
    });
    simulation.run().unwrap();
}

/// Who has begun to lead, and who has ended, in the order in which it was.
#[derive(Clone, Default)]
struct Terms(Rc<RefCell<Vec<Change>>>);

/// The instant, the host, and whether it leads from then on.
type Change = (Duration, &'static str, bool);

impl Terms {
    fn note(&self, name: &'static str, leads: bool) {
        let at = sim::control().elapsed();
        self.0.borrow_mut().push((at, name, leads));
    }

    /// Waits until somebody leads who has not led before.
    async fn leader_after(&self, before: &str) -> &'static str {
        loop {
            match self.0.borrow().last() {
                Some((_, name, true)) if *name != before => return name,
                _ => {}
            }
            sleep(SECOND / 100).await;
        }
    }
}

struct Leading<'a>(&'a Terms, &'static str);

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        self.0.note(self.1, false);
    }
}

async fn candidate(name: &'static str, terms: Terms) -> Result<(), Error> {
    loop {
        let Err(ended) = term(name, &terms).await;
        sim::note(format!("{name}: {ended}"));
        sleep(SECOND / 2).await;
    }
}

/// Stands for leadership, and leads, for as long as its lease is sure to be there.
async fn term(name: &'static str, terms: &Terms) -> Result<Infallible, Error> {
    let beginning = async {
        let mut client = connect().await?;
        let asked = Instant::now();
        let lease = client.lease_grant(LEASE as i64, None).await?.id();
        let (keeper, kept) = client.lease_keep_alive(lease).await?;
        Ok::<_, Error>((client, asked, lease, keeper, kept))
    };
    let (client, asked, lease, keeper, kept) = timeout(SECOND, beginning).await.map_err(lost)??;
    let keeping = std::pin::pin!(keep(keeper, kept, asked));
    let leading = std::pin::pin!(lead(client, name, lease, terms));
    match select(keeping, leading).await {
        Either::Left((ended, _)) | Either::Right((ended, _)) => ended,
    }
}

/// Keeps a lease alive. It ends before the lease can be over, whose server has counted from a later instant.
async fn keep(
    mut keeper: LeaseKeeper,
    mut kept: LeaseKeepAliveStream,
    mut asked: Instant,
) -> Result<Infallible, Error> {
    loop {
        let now = Instant::now();
        let answer = async {
            keeper.keep_alive().await?;
            kept.message().await?.ok_or_else(|| lost("the end"))
        };
        let left = (asked + Duration::from_secs(LEASE)).saturating_duration_since(now);
        let answer = timeout(left, answer).await.map_err(lost)??;
        if answer.ttl() == 0 {
            return Err(lost("the lease is over"));
        }
        asked = now;
        sleep(SECOND).await;
    }
}

async fn lead(
    mut client: Client,
    name: &'static str,
    lease: i64,
    terms: &Terms,
) -> Result<Infallible, Error> {
    loop {
        let free = Compare::create_revision("leader", CompareOp::Equal, 0);
        let mine = TxnOp::put("leader", name, Some(PutOptions::new().with_lease(lease)));
        let answer = client.txn(Txn::new().when([free]).and_then([mine])).await?;
        if answer.succeeded() {
            terms.note(name, true);
            let _leading = Leading(terms, name);
            return std::future::pending().await;
        }
        let next = answer.header().unwrap().revision() + 1;
        let options = WatchOptions::new().with_start_revision(next);
        let mut watch = client.watch("leader", Some(options)).await?;
        let is_gone = |(kind, _): &(EventType, String)| *kind == EventType::Delete;
        while !changes(&mut watch).await?.iter().any(is_gone) {}
    }
}

/// A leader who is parted from etcd leads no more when the next one begins, which is when the lease is over; and each seed does
/// the same twice.
#[test]
fn leadership_goes_on_when_a_lease_is_over() {
    let run = |builder: Builder| -> Result<Report, Failure> {
        let millis = Duration::from_millis;
        let slow = Link::new(Latency::exponential(millis(1), millis(10)));
        let mut simulation = builder.link(slow).build();
        let terms = Terms::default();
        simulation.host("etcd", server::serve);
        for name in ["node-1", "node-2"] {
            let terms = terms.clone();
            simulation.host(name, move || candidate(name, terms.clone()));
        }
        simulation.client("test", async move {
            let all = WatchOptions::new().with_start_revision(1);
            let mut watch = connect().await?.watch("leader", Some(all)).await?;
            let mut leader = terms.leader_after("").await;
            for _ in 0..3 {
                sleep(SECOND).await;
                let control = sim::control();
                let parted = control.elapsed();
                control.partition(leader, "etcd");
                let next = terms.leader_after(leader).await;
                let alone = control.elapsed() - parted;
                // Its last sign of life is a second old at most; leases are looked at twice a second.
                assert!((SECOND..5 * SECOND).contains(&alone), "{alone:?}");
                control.repair(leader, "etcd");
                leader = next;
            }
            let leaders = terms.0.borrow().clone();
            // One after the other: each begins and ends before the next begins.
            let is_alone = |pair: &[Change]| pair[0].2 != pair[1].2;
            assert!(leaders.windows(2).all(is_alone), "{leaders:?}");
            assert_eq!(leaders.len(), 7);
            let began = leaders.iter().filter(|(_, _, leads)| *leads);
            let began: Vec<_> = began.map(|(_, name, _)| *name).collect();
            let mut seen = Vec::new();
            while seen.len() < leaders.len() {
                seen.extend(changes(&mut watch).await?);
            }
            let put = seen.iter().filter(|(kind, _)| *kind == EventType::Put);
            let put: Vec<_> = put.map(|(_, name)| name.as_str()).collect();
            assert_eq!(put, began);
            Ok::<_, Error>(())
        });
        simulation.run()
    };
    for seed in 0..4 {
        run(Simulation::builder(seed)).unwrap();
        sim::check(seed, run).unwrap();
    }
}
