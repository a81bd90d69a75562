//! What an etcd keeps: keys with their revisions, leases, and who watches. Requests that it does not know are refused.

use std::collections::BTreeMap;
use std::time::Duration;

use etcd_client::EventType;
use etcd_client::proto::*;
use polliwog::time::Instant;
use tokio::sync::mpsc::UnboundedSender;
use tonic::Status;

pub type Answers<T> = UnboundedSender<Result<T, Status>>;

#[derive(Default)]
pub struct Store {
    revision: i64,
    keys: BTreeMap<Vec<u8>, PbKeyValue>,
    /// Each change, also of keys that are gone; those from `told` on are known to no watcher.
    history: Vec<PbEvent>,
    told: usize,
    leases: BTreeMap<i64, Lease>,
    watchers: Vec<Watcher>,
}

struct Lease {
    lasts: Duration,
    ends: Instant,
}

struct Watcher {
    id: i64,
    wanted: Wanted,
    answers: Answers<PbWatchResponse>,
}

/// What a request to watch has, for which the crate gives out no name.
#[derive(Clone)]
pub struct Wanted {
    pub key: Vec<u8>,
    pub range_end: Vec<u8>,
    pub start_revision: i64,
}

/// Whether a key is in `key..end`, as etcd writes it: no end is the one key, an end `\0` all that follow.
fn is_in(candidate: &[u8], key: &[u8], end: &[u8]) -> bool {
    match end {
        [] => candidate == key,
        [0] => candidate >= key,
        end => candidate >= key && candidate < end,
    }
}

impl Store {
    pub fn header(&self) -> Option<PbResponseHeader> {
        Some(PbResponseHeader {
            revision: self.revision,
            ..Default::default()
        })
    }

    pub fn range(&self, request: PbRangeRequest) -> Result<PbRangeResponse, Status> {
        if request.revision != 0 || request.sort_order != 0 || request.limit != 0 {
            return Err(Status::unimplemented("old revisions, orders, limits"));
        }
        let found = self.keys.values();
        let kvs: Vec<_> = found
            .filter(|found| is_in(&found.key, &request.key, &request.range_end))
            .cloned()
            .collect();
        Ok(PbRangeResponse {
            header: self.header(),
            count: kvs.len() as i64,
            kvs,
            more: false,
        })
    }

    pub fn put(&mut self, request: PbPutRequest) -> Result<PbPutResponse, Status> {
        if request.lease != 0 && !self.leases.contains_key(&request.lease) {
            return Err(Status::not_found("etcdserver: requested lease not found"));
        }
        let revision = self.revision + 1;
        let before = self.keys.get(&request.key);
        let now = PbKeyValue {
            create_revision: before.map_or(revision, |before| before.create_revision),
            mod_revision: revision,
            version: before.map_or(0, |before| before.version) + 1,
            key: request.key.clone(),
            value: request.value,
            lease: request.lease,
        };
        self.keys.insert(request.key, now.clone());
        self.changed(EventType::Put, now);
        Ok(PbPutResponse {
            header: self.header(),
            prev_kv: None,
        })
    }

    pub fn delete(&mut self, request: PbDeleteRequest) -> PbDeleteResponse {
        let deleted = self.delete_where(|kv| is_in(&kv.key, &request.key, &request.range_end));
        PbDeleteResponse {
            header: self.header(),
            deleted,
            prev_kvs: Vec::new(),
        }
    }

    fn delete_where(&mut self, chosen: impl Fn(&PbKeyValue) -> bool) -> i64 {
        let gone: Vec<_> = self
            .keys
            .values()
            .filter(|kv| chosen(kv))
            .cloned()
            .collect();
        for kv in &gone {
            self.keys.remove(&kv.key);
            let tombstone = PbKeyValue {
                key: kv.key.clone(),
                mod_revision: self.revision + 1,
                ..Default::default()
            };
            self.changed(EventType::Delete, tombstone);
        }
        gone.len() as i64
    }

    fn changed(&mut self, kind: EventType, kv: PbKeyValue) {
        self.history.push(PbEvent {
            r#type: kind as i32,
            kv: Some(kv),
            prev_kv: None,
        });
    }

    pub fn txn(&mut self, request: PbTxnRequest) -> Result<PbTxnResponse, Status> {
        let mut succeeded = true;
        for compare in &request.compare {
            succeeded &= self.holds(compare)?;
        }
        let operations = match succeeded {
            true => request.success,
            false => request.failure,
        };
        let before = (self.keys.clone(), self.history.len());
        let responses = self.all(operations);
        if responses.is_err() {
            self.keys = before.0;
            self.history.truncate(before.1);
        }
        Ok(PbTxnResponse {
            header: self.header(),
            succeeded,
            responses: responses?,
        })
    }

    fn all(&mut self, operations: Vec<PbTxnRequestOp>) -> Result<Vec<PbResponseOp>, Status> {
        let mut responses = Vec::new();
        for operation in operations {
            let response = match operation.request {
                Some(PbTxnOpRequest::RequestRange(request)) => {
                    PbTxnOpResponse::ResponseRange(self.range(request)?)
                }
                Some(PbTxnOpRequest::RequestPut(request)) => {
                    PbTxnOpResponse::ResponsePut(self.put(request)?)
                }
                Some(PbTxnOpRequest::RequestDeleteRange(request)) => {
                    PbTxnOpResponse::ResponseDeleteRange(self.delete(request))
                }
                _ => return Err(Status::unimplemented("transactions in transactions")),
            };
            responses.push(PbResponseOp {
                response: Some(response),
            });
        }
        Ok(responses)
    }

    fn holds(&self, compare: &PbCompare) -> Result<bool, Status> {
        let absent = PbKeyValue::default();
        let kv = self.keys.get(&compare.key).unwrap_or(&absent);
        let order = match &compare.target_union {
            Some(PbTargetUnion::Version(version)) => kv.version.cmp(version),
            Some(PbTargetUnion::CreateRevision(revision)) => kv.create_revision.cmp(revision),
            Some(PbTargetUnion::ModRevision(revision)) => kv.mod_revision.cmp(revision),
            Some(PbTargetUnion::Value(value)) => kv.value.cmp(value),
            Some(PbTargetUnion::Lease(lease)) => kv.lease.cmp(lease),
            None => return Err(Status::invalid_argument("nothing to compare with")),
        };
        Ok(match compare.result {
            0 => order.is_eq(),
            1 => order.is_gt(),
            2 => order.is_lt(),
            _ => order.is_ne(),
        })
    }

    /// Ends a request: what it has changed is one revision, and watchers are told of it.
    pub fn commit(&mut self) {
        if self.told == self.history.len() {
            return;
        }
        self.revision += 1;
        let header = self.header();
        let events = &self.history[self.told..];
        self.watchers
            .retain(|watcher| watcher.tell(header, events.iter()).is_ok());
        self.told = self.history.len();
    }

    pub fn watch(&mut self, id: i64, wanted: Wanted, answers: Answers<PbWatchResponse>) {
        let created = PbWatchResponse {
            header: self.header(),
            watch_id: id,
            created: true,
            ..Default::default()
        };
        let watcher = Watcher {
            id,
            wanted,
            answers,
        };
        let first = watcher.wanted.start_revision;
        let since = |event: &&PbEvent| {
            let kv = event.kv.as_ref();
            first > 0 && kv.is_some_and(|kv| kv.mod_revision >= first)
        };
        let missed = self.history.iter().filter(since);
        let told = watcher.answers.send(Ok(created)).is_ok();
        if told && watcher.tell(self.header(), missed).is_ok() {
            self.watchers.push(watcher);
        }
    }

    pub fn grant(&mut self, request: PbLeaseGrantRequest) -> PbLeaseGrantResponse {
        let id = match request.id {
            0 => self.leases.last_key_value().map_or(0, |(id, _)| *id) + 1,
            id => id,
        };
        let lasts = Duration::from_secs(request.ttl.max(1) as u64);
        let ends = Instant::now() + lasts;
        self.leases.insert(id, Lease { lasts, ends });
        PbLeaseGrantResponse {
            header: self.header(),
            id,
            ttl: lasts.as_secs() as i64,
            error: String::new(),
        }
    }

    /// Tells of a lease how long it lasts now: 0 s if there is none.
    pub fn keep_alive(&mut self, id: i64) -> PbLeaseKeepAliveResponse {
        let lasts = self.leases.get_mut(&id).map_or(Duration::ZERO, |lease| {
            lease.ends = Instant::now() + lease.lasts;
            lease.lasts
        });
        PbLeaseKeepAliveResponse {
            header: self.header(),
            id,
            ttl: lasts.as_secs() as i64,
        }
    }

    pub fn revoke(&mut self, id: i64) -> Result<PbLeaseRevokeResponse, Status> {
        self.leases
            .remove(&id)
            .ok_or_else(|| Status::not_found("etcdserver: requested lease not found"))?;
        self.delete_where(|kv| kv.lease == id);
        Ok(PbLeaseRevokeResponse {
            header: self.header(),
        })
    }

    /// Ends the leases whose time is over, with their keys.
    pub fn expire(&mut self) {
        let now = Instant::now();
        let over = |(id, lease): (&i64, &Lease)| (lease.ends <= now).then_some(*id);
        let over: Vec<i64> = self.leases.iter().filter_map(over).collect();
        for id in over {
            self.leases.remove(&id);
            self.delete_where(|kv| kv.lease == id);
            self.commit();
        }
    }
}

impl Watcher {
    /// # Errors
    ///
    /// If nobody listens any more.
    fn tell<'a>(
        &self,
        header: Option<PbResponseHeader>,
        events: impl Iterator<Item = &'a PbEvent>,
    ) -> Result<(), ()> {
        let Wanted { key, range_end, .. } = &self.wanted;
        let wanted = |event: &&PbEvent| {
            let kv = event.kv.as_ref();
            kv.is_some_and(|kv| is_in(&kv.key, key, range_end))
        };
        let events: Vec<_> = events.filter(wanted).cloned().collect();
        if events.is_empty() {
            return Ok(());
        }
        let response = PbWatchResponse {
            header,
            watch_id: self.id,
            events,
            ..Default::default()
        };
        self.answers.send(Ok(response)).map_err(drop)
    }
}
