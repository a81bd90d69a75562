//! S3: a server made of s3s, with its objects on its host's disk, and the crate object_store as the client. Its HTTP is
//! hyper's, by its `HttpConnector`. Its own repetitions wait in tokio's runtime, so they are off, and backon's in their place.

mod server;

use std::io;
use std::time::Duration;

use async_trait::async_trait;
use backon::{ConstantBuilder, Retryable};
use futures_util::TryStreamExt;
use futures_util::future::join;
use http_body_util::BodyExt;
use hyper::header::HOST;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use object_store::path::Path;
use object_store::{ClientOptions, Error, ObjectStore, ObjectStoreExt, PutMode, RetryConfig};
use polliwog::sim::net::TcpStream;
use polliwog::sim::{self, Builder, Failure, Nemesis, Report, Simulation};
use polliwog::time::{sleep, timeout};
use polliwog::{SendWrapper, spawn};

use server::{Put, serve};

const SECOND: Duration = Duration::from_secs(1);

/// The client's HTTP: a connection for each request.
#[derive(Debug)]
struct Http;

impl HttpConnector for Http {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Self))
    }
}

#[async_trait]
impl HttpService for Http {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        SendWrapper::new(async move {
            match timeout(SECOND, exchange(request)).await {
                Ok(Ok(response)) => Ok(response),
                Ok(Err(error)) => Err(HttpError::new(
                    HttpErrorKind::Request,
                    io::Error::other(error),
                )),
                Err(elapsed) => Err(HttpError::new(HttpErrorKind::Timeout, elapsed)),
            }
        })
        .await
    }
}

async fn exchange(
    mut request: HttpRequest,
) -> Result<HttpResponse, Box<dyn std::error::Error + Send + Sync>> {
    let host = request.uri().authority().ok_or("no host")?.to_string();
    let path = request.uri().path_and_query().ok_or("no path")?.as_str();
    *request.uri_mut() = path.parse()?;
    request.headers_mut().insert(HOST, host.parse()?);
    let stream = TcpStream::connect((host.as_str(), 80)).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
    spawn(connection)?.detach();
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok(HttpResponse::from_parts(head, body.into()))
}

fn store() -> AmazonS3 {
    AmazonS3Builder::new()
        .with_endpoint("http://s3")
        .with_allow_http(true)
        .with_region("swamp")
        .with_bucket_name("pond")
        .with_access_key_id("frog")
        .with_secret_access_key("quak")
        .with_disable_bulk_delete(true)
        .with_retry(RetryConfig {
            max_retries: 0,
            ..Default::default()
        })
        .with_http_connector(Http)
        .build()
        .unwrap()
}

/// The store, once its server listens.
async fn store_that_listens() -> object_store::Result<AmazonS3> {
    let store = store();
    retry(|| list(&store, "")).await?;
    Ok(store)
}

/// Does it again where the server was out of reach, or has failed.
async fn retry<T, F>(attempt: impl FnMut() -> F) -> object_store::Result<T>
where
    F: Future<Output = object_store::Result<T>>,
{
    let pauses = ConstantBuilder::new()
        .with_delay(Duration::from_millis(100))
        .without_max_times();
    attempt
        .retry(pauses)
        .sleep(sleep)
        .when(|error| matches!(error, Error::Generic { .. }))
        .await
}

async fn content(store: &AmazonS3, path: &Path) -> object_store::Result<Vec<u8>> {
    Ok(store.get(path).await?.bytes().await?.to_vec())
}

async fn list(store: &AmazonS3, prefix: &str) -> object_store::Result<Vec<String>> {
    let found = store.list(Some(&Path::from(prefix)));
    found
        .map_ok(|object| object.location.to_string())
        .try_collect()
        .await
}

#[test]
fn objects_come_and_go() {
    let mut simulation = Simulation::new(7);
    simulation.host("s3", serve);
    simulation.client("client", async {
        let store = store_that_listens().await?;
        for name in ["frogs/2", "frogs/1", "toads/1"] {
            store.put(&Path::from(name), name.into()).await?;
        }
        let path = Path::from("frogs/1");
        assert_eq!(content(&store, &path).await?, b"frogs/1");
        assert_eq!(store.head(&path).await?.size, 7);
        assert_eq!(list(&store, "frogs").await?, ["frogs/1", "frogs/2"]);
        store.delete(&path).await?;
        assert_eq!(list(&store, "frogs").await?, ["frogs/2"]);
        let gone = store.get(&path).await.unwrap_err();
        assert!(matches!(gone, Error::NotFound { .. }), "{gone}");

        // Who signs by a clock that is 20 minutes behind is refused.
        sim::control().clock_forward("s3", 20 * 60 * SECOND);
        let skewed = store.head(&Path::from("toads/1")).await.unwrap_err();
        assert!(matches!(skewed, Error::PermissionDenied { .. }), "{skewed}");
        Ok::<_, Error>(())
    });
    simulation.run().unwrap();
}

#[test]
fn a_crash_between_a_put_and_its_answer() {
    for place in [Put::Received, Put::Stored] {
        let mut simulation = Simulation::new(7);
        let mut barrier = simulation.control().hold_at(move |at: &Put| *at == place);
        simulation.host("s3", serve);
        simulation.client("client", async move {
            let (store, path) = (store_that_listens().await?, Path::from("leader"));
            let put = || store.put_opts(&path, "client".into(), PutMode::Create.into());
            let crash = async {
                let arrival = barrier.next().await;
                sim::control().crash(arrival.host());
            };
            let (answer, ()) = join(put(), crash).await;
            answer.unwrap_err();
            drop(barrier);
            sim::control().restart("s3");

            // It is the client's own object that it finds, if it was written.
            let again = retry(put).await;
            match place {
                Put::Received => drop(again?),
                Put::Stored => assert!(matches!(again, Err(Error::AlreadyExists { .. }))),
            }
            assert_eq!(content(&store, &path).await?, b"client");
            Ok::<_, Error>(())
        });
        simulation.run().unwrap();
    }
}

async fn put_and_look(client: u64) -> object_store::Result<()> {
    let store = store();
    let mut names = Vec::new();
    for number in 0..8 {
        let name = format!("client-{client}/{number}");
        let (path, long) = (Path::from(&*name), name.repeat(5000));
        retry(|| store.put(&path, long.clone().into())).await?;
        names.push(name);
        sleep(Duration::from_millis(sim::random() % 300)).await;
    }
    for name in &names {
        let found = retry(|| async { content(&store, &Path::from(&**name)).await }).await?;
        assert!(found == name.repeat(5000).as_bytes(), "{name}");
    }
    let listed = retry(|| list(&store, &names[0][..8])).await?;
    assert_eq!(listed, names);
    Ok(())
}

/// What was answered is there, whatever happens to the server and to the network; and each seed does the same twice.
#[test]
fn objects_outlive_crashes_and_partitions() {
    let run = |builder: Builder| -> Result<Report, Failure> {
        let nemesis = Nemesis::new("*")
            .faults(4, 8)
            .within(3 * SECOND)
            .lasting(SECOND / 20, SECOND)
            .crashes()
            .kills()
            .partitions()
            .losses()
            .disk_errors();
        // A server whose disk fails while it starts is started again.
        let builder = builder.restart_failed("s3", "*disk*", SECOND / 10);
        let mut simulation = builder.nemesis(nemesis).build();
        simulation.host("s3", serve);
        for client in 0..3 {
            simulation.client(&format!("client-{client}"), put_and_look(client));
        }
        simulation.run()
    };
    for seed in 0..4 {
        run(Simulation::builder(seed)).unwrap();
        sim::check(seed, run).unwrap();
    }
}
