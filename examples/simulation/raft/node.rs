//! A node: Raft, after the paper of Ongaro and Ousterhout, without changes of membership and without snapshots.
//!
//! One task does everything, a message at a time. What it must not forget it writes down before it says it.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::SocketAddr;
use std::time::Duration;

use polliwog::select;
use polliwog::sim::{self, fs::File};
use polliwog::spin::net::UdpSocket;
use polliwog::time::{Instant, sleep_until};

use super::journal::Journal;
use super::wire::{Command, Entry, Message, Request};

/// Where nodes listen.
pub(crate) const PORT: u16 = 7;
/// How often a leader tells that it is there.
const BEAT: Duration = Duration::from_millis(15);
/// For how long a follower waits for a leader at least, at first; at most for twice as long. Each election after
/// the third that comes to nothing doubles it, up to 32 times as long, since the network may just be slow.
const PATIENCE: Duration = Duration::from_millis(50);
/// How many entries a message has at most. With few of them there are more different moments at which something can go
/// wrong, so that a search finds it sooner.
const BATCH: usize = 1;

/// Mistakes that are easily made, each of which breaks the promise that no answer is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// A vote is not written down before it is sent: after a crash the node votes once more.
    VoteForgotten,
    /// An entry of an older term is held to be safe as soon as a majority has it.
    OldTermCommitted,
    /// A leader answers reads without asking whether it still is one.
    UncheckedRead,
    /// Entries are acknowledged before they are synced.
    UnsyncedEntries,
    /// An entry is taken out of the queue before the await at which the future may be dropped.
    CancelledApply,
}

impl Bug {
    pub(crate) const ALL: [Self; 5] = [
        Self::VoteForgotten,
        Self::OldTermCommitted,
        Self::UncheckedRead,
        Self::UnsyncedEntries,
        Self::CancelledApply,
    ];
}

/// What a leader knows of the others, and whom it owes an answer.
struct Leader {
    /// Where its own entries begin.
    first: u64,
    next: Vec<u64>,
    matched: Vec<u64>,
    /// The last round of messages that each has answered.
    rounds: Vec<u64>,
    writes: BTreeMap<u64, (SocketAddr, u64)>,
    reads: Vec<Read>,
}

struct Read {
    client: SocketAddr,
    number: u64,
    key: u64,
    /// Who answers this round confirms that there was no other leader when the read was asked for.
    round: u64,
    index: u64,
}

enum Role {
    Follower,
    /// With the votes so far, a bit for each node.
    Candidate(u64),
    Leader(Leader),
}

/// What the log says, as far as it is applied.
#[derive(Default)]
struct Machine {
    values: BTreeMap<u64, u64>,
    /// The last request of each client, so that what is sent twice is done once.
    done: BTreeMap<u64, u64>,
}

impl Machine {
    fn apply(&mut self, command: Command) {
        let done = self.done.entry(command.client).or_default();
        if command.client > 0 && command.number > *done {
            *done = command.number;
            self.values.insert(command.key, command.value);
        }
    }
}

pub(crate) struct Node {
    me: usize,
    peers: Vec<SocketAddr>,
    socket: UdpSocket,
    journal: Journal,
    applier: Applier,
    role: Role,
    commit: u64,
    round: u64,
    /// When it becomes a candidate.
    patience: Instant,
    /// Elections since there was a leader.
    elections: u32,
    /// When it says again what it says again and again.
    beat: Instant,
    bug: Option<Bug>,
}

/// Applies what is committed, one entry at a time, and keeps an account of it.
struct Applier {
    machine: Machine,
    account: File,
    applied: u64,
    bug: Option<Bug>,
}

impl Applier {
    /// Applies the next entry, or waits for ever if there is none. Dropped, it has done nothing: the entry is counted
    /// when it has been applied, not before the await.
    async fn next(&mut self, ready: &[Entry]) {
        let Some(entry) = ready.get(self.applied as usize) else {
            return std::future::pending().await;
        };
        if self.bug == Some(Bug::CancelledApply) {
            self.applied += 1;
        }
        let line = format!("{} {}\n", entry.command.key, entry.command.value);
        // Nobody reads it but auditors; so it is not synced, and of no matter if it fails.
        self.account.write_all(line.as_bytes()).await.ok();
        if self.bug != Some(Bug::CancelledApply) {
            self.applied += 1;
        }
        self.machine.apply(entry.command);
    }
}

impl Node {
    pub(crate) async fn open(
        me: usize,
        peers: Vec<SocketAddr>,
        bug: Option<Bug>,
    ) -> std::io::Result<Self> {
        Ok(Self {
            me,
            peers,
            socket: UdpSocket::bind(("0.0.0.0", PORT)).await?,
            journal: Journal::open().await?,
            applier: Applier {
                machine: Machine::default(),
                account: File::create("account").await?,
                applied: 0,
                bug,
            },
            role: Role::Follower,
            commit: 0,
            round: 0,
            patience: patience(0),
            elections: 0,
            beat: Instant::now(),
            bug,
        })
    }

    /// Runs until the disk or the network fails.
    pub(crate) async fn run(mut self) -> std::io::Result<()> {
        let mut buf = [0; 2048];
        loop {
            let (role, due) = match self.role {
                Role::Follower => (0, self.patience),
                Role::Candidate(_) => (1, self.patience.min(self.beat)),
                Role::Leader(_) => (2, self.beat),
            };
            sim::state("role", role);
            sim::state("voted", self.journal.vote.is_some().into());
            let (last, term) = self.end();
            sim::state("outdated", (term < self.journal.term).into());
            sim::state("not committed", last.saturating_sub(self.commit).min(3));
            let ready = self.journal.up_to(self.commit);
            select! {
                // Whichever is not the first to be ready is dropped, wherever it waits.
                received = self.socket.recv_from(&mut buf) => {
                    let (count, from) = received?;
                    match Message::decode(&buf[..count]) {
                        Some((_, Message::Ask(request))) => self.ask(request, from).await?,
                        Some((peer, message)) if peer < self.peers.len() => self.hear(peer, message).await?,
                        _ => {}
                    }
                }
                () = self.applier.next(ready) => self.answer().await?,
                () = sleep_until(due) => self.tick().await?,
            }
        }
    }

    fn majority(&self) -> usize {
        self.peers.len() / 2 + 1
    }

    async fn send(&self, to: SocketAddr, message: &Message) -> std::io::Result<()> {
        self.socket.send_to(&message.encode(self.me), to).await?;
        Ok(())
    }

    async fn tick(&mut self) -> std::io::Result<()> {
        let now = Instant::now();
        if !matches!(self.role, Role::Leader(_)) && now >= self.patience {
            self.elections += 1;
            self.patience = patience(self.elections);
            let term = self.journal.term + 1;
            self.journal.set_term(term, Some(self.me)).await?;
            self.role = Role::Candidate(1 << self.me);
        }
        self.beat = now + BEAT;
        match self.role {
            Role::Follower => Ok(()),
            Role::Candidate(votes) => {
                let message = Message::Campaign {
                    term: self.journal.term,
                    last: self.end(),
                };
                for peer in (0..self.peers.len()).filter(|peer| votes >> peer & 1 == 0) {
                    self.send(self.peers[peer], &message).await?;
                }
                Ok(())
            }
            Role::Leader(_) => self.append_all().await,
        }
    }

    /// Index and term of the log's last entry.
    fn end(&self) -> (u64, u64) {
        let last = self.journal.last();
        (last, self.journal.term_of(last).unwrap_or(0))
    }

    /// Another round of messages to all.
    async fn append_all(&mut self) -> std::io::Result<()> {
        self.round += 1;
        for peer in 0..self.peers.len() {
            self.append(peer).await?;
        }
        Ok(())
    }

    async fn append(&self, peer: usize) -> std::io::Result<()> {
        let Role::Leader(leader) = &self.role else {
            return Ok(());
        };
        if peer == self.me {
            return Ok(());
        }
        let next = leader.next[peer];
        let before = (next - 1, self.journal.term_of(next - 1).unwrap_or(0));
        let entries = self.journal.from(next);
        let message = Message::Append {
            term: self.journal.term,
            before,
            entries: entries[..entries.len().min(BATCH)].to_vec(),
            commit: self.commit,
            round: self.round,
        };
        self.send(self.peers[peer], &message).await
    }

    /// A message of another node.
    async fn hear(&mut self, peer: usize, message: Message) -> std::io::Result<()> {
        let (Message::Campaign { term, .. }
        | Message::Vote { term, .. }
        | Message::Append { term, .. }
        | Message::Appended { term, .. }) = message
        else {
            return Ok(());
        };
        if term > self.journal.term {
            self.role = Role::Follower;
            self.journal.set_term(term, None).await?;
        }
        let is_now = term == self.journal.term;
        match message {
            Message::Campaign {
                last: (index, last),
                ..
            } => {
                let (my_index, my_last) = self.end();
                let granted = is_now
                    && self.journal.vote.is_none_or(|vote| vote == peer)
                    && (last, index) >= (my_last, my_index);
                if granted {
                    self.patience = patience(self.elections);
                    match self.bug {
                        Some(Bug::VoteForgotten) => self.journal.vote = Some(peer),
                        _ => self.journal.set_term(term, Some(peer)).await?,
                    }
                }
                let term = self.journal.term;
                self.send(self.peers[peer], &Message::Vote { term, granted })
                    .await
            }
            Message::Vote { granted, .. } => {
                let majority = self.majority();
                let Role::Candidate(votes) = &mut self.role else {
                    return Ok(());
                };
                *votes |= u64::from(is_now && granted) << peer;
                if votes.count_ones() as usize >= majority {
                    self.lead().await?;
                }
                Ok(())
            }
            Message::Append {
                before,
                entries,
                commit,
                round,
                ..
            } => {
                let (agrees, index) = match is_now {
                    true => self.follow(before, &entries, commit).await?,
                    false => (false, 0),
                };
                let answer = Message::Appended {
                    term: self.journal.term,
                    agrees,
                    index,
                    // The answer bears the term of now. Whoever leads in it may have led in the older one and have crashed
                    // since, and counts its rounds from 0 on again: this one is none of them.
                    round: if is_now { round } else { 0 },
                };
                self.send(self.peers[peer], &answer).await
            }
            Message::Appended {
                agrees,
                index,
                round,
                ..
            } if is_now => {
                let last = self.journal.last();
                let Role::Leader(leader) = &mut self.role else {
                    return Ok(());
                };
                leader.rounds[peer] = leader.rounds[peer].max(round);
                let next = leader.next[peer];
                if agrees {
                    leader.matched[peer] = leader.matched[peer].max(index);
                    leader.next[peer] = leader.matched[peer] + 1;
                } else {
                    // Never back behind what it is known to have: this may be an old answer.
                    leader.next[peer] = index.min(next - 1).max(leader.matched[peer] + 1);
                }
                if leader.next[peer] != next && leader.next[peer] <= last {
                    self.append(peer).await?;
                }
                self.commit();
                self.answer().await
            }
            _ => Ok(()),
        }
    }

    /// Enters a leader's entries. Returns whether the logs agree, and up to where or from where on not.
    async fn follow(
        &mut self,
        before: (u64, u64),
        entries: &[Entry],
        commit: u64,
    ) -> std::io::Result<(bool, u64)> {
        self.role = Role::Follower;
        self.elections = 0;
        self.patience = patience(0);
        if self.journal.term_of(before.0) != Some(before.1) {
            return Ok((false, before.0.min(self.journal.last() + 1)));
        }
        let agrees = (before.0 + 1..)
            .zip(entries)
            .take_while(|(index, entry)| self.journal.term_of(*index) == Some(entry.term))
            .count();
        if agrees < entries.len() {
            let index = before.0 + 1 + agrees as u64;
            self.journal.put(index, &entries[agrees..]).await?;
            if self.bug != Some(Bug::UnsyncedEntries) {
                self.journal.sync().await?;
            }
        }
        let index = before.0 + entries.len() as u64;
        self.commit = self.commit.max(commit.min(index));
        Ok((true, index))
    }

    /// It has been elected.
    async fn lead(&mut self) -> std::io::Result<()> {
        sim::note(format!("leads in term {}", self.journal.term));
        let (last, count) = (self.journal.last(), self.peers.len());
        self.role = Role::Leader(Leader {
            first: last + 1,
            next: vec![last + 1; count],
            matched: vec![0; count],
            rounds: vec![0; count],
            writes: BTreeMap::new(),
            reads: Vec::new(),
        });
        // Nothing of an older term is known to be committed before something of this one is.
        self.propose(Command::default()).await
    }

    /// Puts a command at the end of the log.
    async fn propose(&mut self, command: Command) -> std::io::Result<()> {
        let term = self.journal.term;
        let index = self.journal.last() + 1;
        self.journal.put(index, &[Entry { term, command }]).await?;
        if self.bug != Some(Bug::UnsyncedEntries) {
            self.journal.sync().await?;
        }
        if let Role::Leader(leader) = &mut self.role {
            leader.matched[self.me] = index;
        }
        self.commit();
        self.append_all().await
    }

    /// Finds out up to where a majority has the log.
    fn commit(&mut self) {
        let majority = self.majority();
        let Role::Leader(leader) = &self.role else {
            return;
        };
        let mut matched = leader.matched.clone();
        matched.sort_unstable();
        let index = matched[matched.len() - majority];
        // An older term's entry may still be replaced, even if a majority has it.
        let is_mine = self.journal.term_of(index) == Some(self.journal.term);
        if is_mine || self.bug == Some(Bug::OldTermCommitted) {
            self.commit = self.commit.max(index);
        }
    }

    /// A client asks for something.
    async fn ask(&mut self, request: Request, client: SocketAddr) -> std::io::Result<()> {
        let Request { number, key, .. } = request;
        let last = self.journal.last();
        let Role::Leader(leader) = &mut self.role else {
            let value = None;
            return self.send(client, &Message::Answer { number, value }).await;
        };
        match request.write {
            Some(value) => {
                leader.writes.insert(last + 1, (client, number));
                self.propose(Command {
                    client: request.client,
                    number,
                    key,
                    value,
                })
                .await
            }
            None => {
                let round = self.round + 1;
                let index = self.commit.max(leader.first);
                let mut read = Read {
                    client,
                    number,
                    key,
                    round,
                    index,
                };
                if self.bug == Some(Bug::UncheckedRead) {
                    (read.round, read.index) = (0, self.commit);
                }
                leader.reads.push(read);
                self.append_all().await?;
                self.answer().await
            }
        }
    }

    /// Answers what can be answered now.
    async fn answer(&mut self) -> std::io::Result<()> {
        let (round, majority, applied) = (self.round, self.majority(), self.applier.applied);
        let Role::Leader(leader) = &mut self.role else {
            return Ok(());
        };
        leader.rounds[self.me] = round;
        let mut rounds = leader.rounds.clone();
        rounds.sort_unstable();
        let confirmed = rounds[rounds.len() - majority];
        let mut answers = Vec::new();
        leader.reads.retain(|read| {
            let is_ready = read.round <= confirmed && read.index <= applied;
            if is_ready {
                let value = self.applier.machine.values.get(&read.key).copied();
                answers.push((read.client, read.number, value.unwrap_or(0)));
            }
            !is_ready
        });
        while let Some(write) = leader
            .writes
            .first_entry()
            .filter(|write| *write.key() <= applied)
        {
            let (client, number) = write.remove();
            answers.push((client, number, 0));
        }
        for (client, number, value) in answers {
            let value = Some(value);
            self.send(client, &Message::Answer { number, value })
                .await?;
        }
        Ok(())
    }
}

fn patience(elections: u32) -> Instant {
    let least = PATIENCE * (1 << elections.saturating_sub(3).min(5));
    let more = sim::random() % least.as_micros() as u64;
    Instant::now() + least + Duration::from_micros(more)
}

/// A node's program; an error's text says where it comes from.
pub(crate) async fn node(me: usize, names: Vec<String>, bug: Option<Bug>) -> Result<(), String> {
    let told = |what: &dyn Display| format!("node {me}: {what}");
    let addr = |name: &String| {
        let ip = sim::control().addr(name);
        ip.map(|ip| SocketAddr::new(ip, PORT))
            .ok_or_else(|| told(&"no such node"))
    };
    let peers = names.iter().map(addr).collect::<Result<Vec<_>, _>>()?;
    let node = Node::open(me, peers, bug)
        .await
        .map_err(|error| told(&error))?;
    node.run().await.map_err(|error| told(&error))
}
