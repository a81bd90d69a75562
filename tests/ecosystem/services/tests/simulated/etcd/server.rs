//! An etcd of one member, with its data in memory: the services of etcd-client's feature `build-server`, by hyper.

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use etcd_client::proto::*;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use polliwog::hyper::{PolliwogExecutor, PolliwogTimer};
use polliwog::sim::net::TcpListener;
use polliwog::spawn;
use polliwog::time::sleep;
use tokio::sync::mpsc::unbounded_channel;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use tower::ServiceExt;

use super::store::{Store, Wanted};

/// How often leases are looked at, which is as with etcd.
const LOOK: Duration = Duration::from_millis(500);

#[derive(Clone, Default)]
struct Etcd(Arc<Mutex<Store>>);

impl Etcd {
    fn request<T>(&self, request: impl FnOnce(&mut Store) -> T) -> T {
        let mut store = self.0.lock().unwrap();
        let answer = request(&mut store);
        store.commit();
        answer
    }
}

type Answers<T> = UnboundedReceiverStream<Result<T, Status>>;

#[async_trait]
impl PbKvService for Etcd {
    type RangeStreamStream = Answers<PbRangeStreamResponse>;

    async fn range(
        &self,
        request: Request<PbRangeRequest>,
    ) -> Result<Response<PbRangeResponse>, Status> {
        let answer = self.request(|store| store.range(request.into_inner()))?;
        Ok(Response::new(answer))
    }

    async fn put(&self, request: Request<PbPutRequest>) -> Result<Response<PbPutResponse>, Status> {
        let answer = self.request(|store| store.put(request.into_inner()))?;
        Ok(Response::new(answer))
    }

    async fn delete_range(
        &self,
        request: Request<PbDeleteRequest>,
    ) -> Result<Response<PbDeleteResponse>, Status> {
        let answer = self.request(|store| store.delete(request.into_inner()));
        Ok(Response::new(answer))
    }

    async fn txn(&self, request: Request<PbTxnRequest>) -> Result<Response<PbTxnResponse>, Status> {
        let answer = self.request(|store| store.txn(request.into_inner()))?;
        Ok(Response::new(answer))
    }

    async fn range_stream(
        &self,
        _: Request<PbRangeRequest>,
    ) -> Result<Response<Self::RangeStreamStream>, Status> {
        Err(Status::unimplemented("streams of keys"))
    }

    async fn compact(
        &self,
        _: Request<PbCompactionRequest>,
    ) -> Result<Response<PbCompactionResponse>, Status> {
        Err(Status::unimplemented("compaction"))
    }
}

#[async_trait]
impl PbLeaseService for Etcd {
    type LeaseKeepAliveStream = Answers<PbLeaseKeepAliveResponse>;

    async fn lease_grant(
        &self,
        request: Request<PbLeaseGrantRequest>,
    ) -> Result<Response<PbLeaseGrantResponse>, Status> {
        let answer = self.request(|store| store.grant(request.into_inner()));
        Ok(Response::new(answer))
    }

    async fn lease_revoke(
        &self,
        request: Request<PbLeaseRevokeRequest>,
    ) -> Result<Response<PbLeaseRevokeResponse>, Status> {
        let answer = self.request(|store| store.revoke(request.into_inner().id))?;
        Ok(Response::new(answer))
    }

    async fn lease_keep_alive(
        &self,
        request: Request<Streaming<PbLeaseKeepAliveRequest>>,
    ) -> Result<Response<Self::LeaseKeepAliveStream>, Status> {
        let (sender, receiver) = unbounded_channel();
        let (etcd, mut requests) = (self.clone(), request.into_inner());
        let answering = async move {
            while let Ok(Some(request)) = requests.message().await {
                let answer = etcd.request(|store| store.keep_alive(request.id));
                if sender.send(Ok(answer)).is_err() {
                    break;
                }
            }
        };
        spawn(answering).unwrap().detach();
        Ok(Response::new(receiver.into()))
    }

    async fn lease_time_to_live(
        &self,
        _: Request<PbLeaseTimeToLiveRequest>,
    ) -> Result<Response<PbLeaseTimeToLiveResponse>, Status> {
        Err(Status::unimplemented("what a lease has"))
    }

    async fn lease_leases(
        &self,
        _: Request<PbLeaseLeasesRequest>,
    ) -> Result<Response<PbLeaseLeasesResponse>, Status> {
        Err(Status::unimplemented("lists of leases"))
    }
}

#[async_trait]
impl PbWatchService for Etcd {
    type WatchStream = Answers<PbWatchResponse>;

    async fn watch(
        &self,
        request: Request<Streaming<PbWatchRequest>>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let (sender, receiver) = unbounded_channel();
        let (etcd, mut requests) = (self.clone(), request.into_inner());
        let answering = async move {
            let mut id = 0;
            while let Ok(Some(request)) = requests.message().await {
                let Some(PbWatchRequestUnion::CreateRequest(wanted)) = request.request_union else {
                    let refused = Status::unimplemented("the end of a watch, its progress");
                    drop(sender.send(Err(refused)));
                    break;
                };
                let wanted = Wanted {
                    key: wanted.key,
                    range_end: wanted.range_end,
                    start_revision: wanted.start_revision,
                };
                etcd.request(|store| store.watch(id, wanted, sender.clone()));
                id += 1;
            }
        };
        spawn(answering).unwrap().detach();
        Ok(Response::new(receiver.into()))
    }
}

pub async fn serve() -> io::Result<()> {
    let etcd = Etcd::default();
    let leases = etcd.clone();
    let expiring = async move {
        loop {
            sleep(LOOK).await;
            leases.request(Store::expire);
        }
    };
    spawn(expiring).unwrap().detach();
    let listener = TcpListener::bind("0.0.0.0:2379").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let etcd = etcd.clone();
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let etcd = etcd.clone();
            async move {
                match request.uri().path().split('/').nth(1) {
                    Some("etcdserverpb.KV") => PbKvServer::new(etcd).oneshot(request).await,
                    Some("etcdserverpb.Lease") => PbLeaseServer::new(etcd).oneshot(request).await,
                    Some("etcdserverpb.Watch") => PbWatchServer::new(etcd).oneshot(request).await,
                    _ => Ok::<_, Infallible>(Status::unimplemented("no such service").into_http()),
                }
            }
        });
        let mut builder = http2::Builder::new(PolliwogExecutor);
        builder.timer(PolliwogTimer);
        spawn(builder.serve_connection(stream, service))
            .unwrap()
            .detach();
    }
}
