//! mini-redis on several workers: each has the keys of its hash, and the subscribers of the connections that have come to
//! it. A command for other workers' keys is a task on each of them.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::ops::Range;
use std::rc::Rc;

use log::info;
use polliwog::cluster::{ClusterHandle, PerWorker, Worker};
use polliwog::net::TcpStream;

use super::redis::answers::Answers;
use super::redis::others::{Keys, Others};
use super::redis::parse::{Command, parse};
use super::redis::{let_others_run, serve_with};
use super::redis_server::{BUFFER, Store, new_store};

/// The stores of all workers.
#[derive(Clone)]
pub(crate) struct Workers {
    cluster: ClusterHandle,
    stores: PerWorker<Rc<Store>>,
}

/// A part of a command: who executes it, and its words as a client would send them.
type Part = (usize, Vec<u8>);

impl Workers {
    pub(crate) fn new(cluster: &ClusterHandle) -> Self {
        Self {
            cluster: cluster.clone(),
            stores: PerWorker::new(cluster, |_worker| Rc::new(new_store())),
        }
    }

    /// Serves a connection on the worker that it has come to.
    pub(crate) async fn serve(self, stream: TcpStream, peer: SocketAddr) {
        info!("{peer}: connected");
        let store = self.stores.with(Rc::clone);
        match serve_with::<BUFFER, _, _, _, _>(stream, &store, &self).await {
            Ok(commands) => info!("{peer}: closed after {commands} commands"),
            Err(error) => info!("{peer}: lost: {error}"),
        }
    }

    fn owner(&self, key: &[u8]) -> usize {
        let mut hasher = DefaultHasher::new();
        key[hashed(key)].hash(&mut hasher);
        self.cluster.worker_of(hasher.finish())
    }

    /// What each worker has to do, and whose the keys are, one after the other.
    fn split(&self, command: Command<'_>, keys: Keys) -> (Vec<Part>, Vec<usize>) {
        let words: Vec<_> = command.words().collect();
        let workers = 0..self.cluster.workers();
        let step = match keys {
            Keys::None => return (Vec::new(), Vec::new()),
            Keys::Everywhere => {
                let all = encode(&words);
                return (
                    workers.map(|worker| (worker, all.clone())).collect(),
                    Vec::new(),
                );
            }
            Keys::First => words.len() - 1,
            Keys::All => 1,
            Keys::Pairs => 2,
        };
        let mut shares = vec![vec![words[0]]; workers.len()];
        let mut owners = Vec::new();
        for of_a_key in words[1..].chunks(step) {
            let owner = self.owner(of_a_key[0]);
            shares[owner].extend(of_a_key);
            owners.push(owner);
        }
        let parts = workers.zip(shares).filter(|(_, words)| words.len() > 1);
        let parts = parts.map(|(worker, words)| (worker, encode(&words)));
        (parts.collect(), owners)
    }

    /// Executes a part on this thread's worker.
    async fn perform(self, part: Vec<u8>) -> Vec<u8> {
        let store = self.stores.with(Rc::clone);
        let Ok(Some((command, length))) = parse(&part, part.len()) else {
            unreachable!("it was a command before it was split");
        };
        if store.is_crowding(command, length) {
            let_others_run().await;
        }
        let mut answers = Box::new(Answers::<BUFFER>::new());
        store.perform(command, &store.join(), &mut answers);
        answers.as_bytes().to_vec()
    }

    /// Executes the parts, all at a time, and makes one answer of all.
    async fn perform_all(&self, here: usize, parts: Vec<Part>, owners: Vec<usize>) -> Vec<u8> {
        let (mut own, mut asked) = (None, Vec::new());
        for (worker, part) in parts {
            if worker == here {
                own = Some(part);
                continue;
            }
            let workers = self.clone();
            let there = move || workers.perform(part);
            asked.push((worker, self.cluster.spawn_on_with(worker, there)));
        }
        let mut answers = Vec::new();
        if let Some(part) = own {
            answers.push((here, self.clone().perform(part).await));
        }
        for (worker, task) in asked {
            let answer = match task {
                Ok(task) => task.await.map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            let failed = |error| format!("-ERR worker {worker}: {error}\r\n").into_bytes();
            answers.push((worker, answer.unwrap_or_else(failed)));
        }
        let answer = merge(&answers, &owners);
        match answer.len() {
            0..=BUFFER => answer,
            _ => b"-ERR the answer is too long\r\n".to_vec(),
        }
    }
}

impl Others for Workers {
    const EXIST: bool = true;

    fn ask(
        &self,
        command: Command<'_>,
        keys: Keys,
    ) -> Option<impl Future<Output = impl AsRef<[u8]>>> {
        let here = Worker::current()?.index();
        if keys == Keys::First && self.owner(command.words().nth(1)?) == here {
            return None;
        }
        let (parts, owners) = self.split(command, keys);
        match parts[..] {
            [] => None,
            [(worker, _)] if worker == here => None,
            _ => Some(self.perform_all(here, parts, owners)),
        }
    }
}

/// What says where a key is: what stands in its first braces, if something does, so that related keys can be on the
/// same worker; else all of it.
fn hashed(key: &[u8]) -> Range<usize> {
    let find = |byte, from: usize| {
        let found = key[from..].iter().position(|other| *other == byte);
        found.map(|at| from + at)
    };
    let tag = find(b'{', 0).and_then(|open| Some(open + 1..find(b'}', open)?));
    tag.filter(|tag| !tag.is_empty()).unwrap_or(0..key.len())
}

fn encode(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// One answer of several: an error that one of them is, the sum of numbers, and all that arrays have, in the order of
/// the keys, if it has to do with keys.
fn merge(answers: &[(usize, Vec<u8>)], owners: &[usize]) -> Vec<u8> {
    let error = answers.iter().find(|(_, answer)| answer[0] == b'-');
    if let (Some((_, only)), _) | (_, [(_, only)]) = (error, answers) {
        return only.clone();
    }
    // The first line of each, and what is behind it.
    let mut lines: Vec<_> = answers
        .iter()
        .map(|(worker, answer)| (*worker, first_line(answer)))
        .collect();
    let sum = || {
        lines
            .iter()
            .map(|(_, (line, _))| number(line).unwrap_or(0))
            .sum::<usize>()
    };
    match answers[0].1[0] {
        b':' => format!(":{}\r\n", sum()).into_bytes(),
        b'*' => {
            let mut merged = format!("*{}\r\n", sum()).into_bytes();
            for owner in owners {
                let of_owner = lines.iter_mut().find(|(worker, _)| worker == owner);
                let (_, (_, rest)) = of_owner.expect("an answer of each owner");
                let (value, behind) = rest.split_at(length_of_bulk(rest));
                merged.extend_from_slice(value);
                *rest = behind;
            }
            // What belongs to nobody's key is in no order.
            lines
                .iter()
                .for_each(|(_, (_, rest))| merged.extend_from_slice(rest));
            merged
        }
        _ => answers[0].1.clone(),
    }
}

/// A line without its end, and what is behind that.
fn first_line(answer: &[u8]) -> (&[u8], &[u8]) {
    let end = answer.windows(2).position(|two| two == b"\r\n");
    let end = end.expect("an answer has a line");
    (&answer[..end], &answer[end + 2..])
}

/// What is behind the first byte of a line.
fn number(line: &[u8]) -> Option<usize> {
    std::str::from_utf8(&line[1..]).ok()?.parse().ok()
}

/// How long the value is that this begins with, its length and ends of lines included.
fn length_of_bulk(answer: &[u8]) -> usize {
    let (line, _) = first_line(answer);
    // Of none at all it is -1.
    line.len() + 2 + number(line).map_or(0, |length| length + 2)
}
