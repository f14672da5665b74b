//! The thread that sends changes to the server.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use redis::{Connection, ConnectionLike, Value};

use super::change::Change;
use super::{Shared, registry};
use crate::redis::wire::{count, pack, pause};
use crate::redis::{RedisConfig, reply};

/// Changes sent at once.
const BATCH_MAX: usize = 512;
/// How long it rests when there is nothing to do. Asking costs the session nothing; waiting to be woken would
/// cost it a call to the system for each change.
const REST: Duration = Duration::from_millis(2);
/// Keys in the registry before any are looked for that have expired.
const PRUNE_MIN: usize = 10_000;
/// Refused keys that wait to be written anew.
const REFUSED_MAX: usize = 1_000;

/// The thread.
pub(super) struct Writer {
    config: RedisConfig,
    changes: Receiver<Change>,
    shared: Arc<Shared>,
    connection: Option<Connection>,
    /// Between two attempts to connect.
    wait: Duration,
    /// What came before [`Change::Begin`] is not sent: the server misses something.
    begun: bool,
    registry: String,
    /// Keys in the registry.
    known: BTreeSet<Box<str>>,
    /// At so many of them those that have expired are looked for.
    prune_at: usize,
}

impl Writer {
    pub(super) fn new(
        config: RedisConfig,
        changes: Receiver<Change>,
        shared: Arc<Shared>,
    ) -> Writer {
        let (registry, wait) = (registry(&config), config.patience.pause_first);
        Writer {
            config,
            changes,
            shared,
            connection: None,
            wait,
            begun: false,
            registry,
            known: BTreeSet::new(),
            prune_at: PRUNE_MIN,
        }
    }

    /// Until the session's end of the queue is gone and the queue is empty.
    pub(super) fn run(mut self) {
        loop {
            let stopping = self.shared.stop.load(Ordering::Acquire);
            if self.connection.is_none() {
                if stopping {
                    break;
                }
                self.connect();
            }
            let (batch, ended) = self.batch();
            if batch.is_empty() {
                if ended {
                    break;
                }
                pause(REST);
                continue;
            }
            let length = batch.len();
            self.send(batch);
            self.shared.queued.fetch_sub(length, Ordering::AcqRel);
        }
    }

    fn connect(&mut self) {
        let patience = self.config.patience;
        let connected = self.config.client.get_connection_with_timeout(patience.connect);
        let ready = connected.and_then(|connection| {
            connection.set_read_timeout(Some(patience.answer))?;
            connection.set_write_timeout(Some(patience.answer))?;
            Ok(connection)
        });
        match ready {
            Ok(connection) => {
                self.connection = Some(connection);
                self.wait = patience.pause_first;
                self.begun = false;
                self.shared.refresh.store(true, Ordering::Release);
                self.shared.look.store(true, Ordering::Release);
                self.shared.away.store(false, Ordering::Release);
            }
            Err(error) => {
                self.is_away(&error.to_string());
                pause(self.wait.min(Duration::from_millis(100)));
                self.wait = (self.wait * 2).min(patience.pause_max);
            }
        }
    }

    /// What is there, up to a batch; and whether nothing will come any more. It ends behind a beginning.
    fn batch(&mut self) -> (Vec<Change>, bool) {
        let mut batch = Vec::new();
        while batch.len() < BATCH_MAX {
            match self.changes.try_recv() {
                Ok(change) => {
                    let begins = matches!(change, Change::Begin);
                    batch.push(change);
                    if begins {
                        break;
                    }
                }
                Err(TryRecvError::Empty) => return (batch, false),
                Err(TryRecvError::Disconnected) => return (batch, true),
            }
        }
        (batch, false)
    }

    fn lose(&mut self, problem: &str) {
        tracing::warn!(
            place = self.config.place(),
            problem,
            "the mirror of the bus lost its server"
        );
        self.connection = None;
        self.begun = false;
        self.is_away(problem);
    }

    fn is_away(&self, problem: &str) {
        problem.clone_into(&mut self.shared.problem.lock().unwrap_or_else(PoisonError::into_inner));
        self.shared.away.store(true, Ordering::Release);
    }

    fn send(&mut self, batch: Vec<Change>) {
        let unsent = |writer: &Writer, changes: usize| {
            writer.shared.counts.unsent.fetch_add(changes as u64, Ordering::Relaxed);
        };
        let begins = matches!(batch.last(), Some(Change::Begin));
        if !self.begun || self.connection.is_none() {
            let lost = batch.len() - usize::from(begins);
            unsent(self, lost);
        } else if self.send_all(&batch).is_err() {
            unsent(self, batch.len());
        }
        if begins && self.connection.is_some() {
            self.begin();
        }
    }

    /// Deletes what an earlier copy has left.
    fn begin(&mut self) {
        let registry = self.registry.clone();
        let mut request = Vec::new();
        pack(&[b"SMEMBERS", registry.as_bytes()], &mut request);
        let Ok(mut answers) = self.converse(&request, 1) else { return };
        let keys = answers.pop().and_then(reply::list).unwrap_or_default();
        let keys: Vec<Vec<u8>> = keys.into_iter().filter_map(reply::bytes).collect();
        request.clear();
        let mut commands = 1;
        for some in keys.chunks(1_000) {
            let mut words: Vec<&[u8]> = vec![b"DEL"];
            words.extend(some.iter().map(Vec::as_slice));
            pack(&words, &mut request);
            commands += 1;
        }
        pack(&[b"DEL", registry.as_bytes()], &mut request);
        self.begun = self.converse(&request, commands).is_ok();
        self.known.clear();
    }

    /// Takes keys out of the registry that are no longer there: most of a session's keys live for a minute.
    fn prune(&mut self) -> Result<(), ()> {
        let known: Vec<Box<str>> = self.known.iter().cloned().collect();
        for some in known.chunks(1_000) {
            let mut request = Vec::new();
            for key in some {
                pack(&[b"EXISTS", key.as_bytes()], &mut request);
            }
            let there = self.converse(&request, some.len())?;
            let gone = some.iter().zip(&there).filter(|(_, there)| **there == Value::Int(0));
            let gone: Vec<&str> = gone.map(|(key, _)| &**key).collect();
            if gone.is_empty() {
                continue;
            }
            let mut words: Vec<&[u8]> = vec![b"SREM", self.registry.as_bytes()];
            words.extend(gone.iter().map(|key| key.as_bytes()));
            request.clear();
            pack(&words, &mut request);
            self.converse(&request, 1)?;
            for key in gone {
                self.known.remove(key);
            }
        }
        self.prune_at = (self.known.len() * 2).max(PRUNE_MIN);
        Ok(())
    }

    fn send_all(&mut self, batch: &[Change]) -> Result<(), ()> {
        let mut request = Vec::new();
        // Whose answer each one is.
        let mut keys: Vec<&str> = Vec::new();
        for change in batch {
            let key = change.key();
            if change.makes() && !self.known.contains(key) {
                self.known.insert(key.into());
                let words: [&[u8]; 3] = [b"SADD", self.registry.as_bytes(), key.as_bytes()];
                pack(&words, &mut request);
                keys.push("");
            }
            let commands = change.pack(&mut request);
            keys.extend(std::iter::repeat_n(key, commands));
        }
        if keys.is_empty() {
            return Ok(());
        }
        let answers = self.converse(&request, keys.len())?;
        let mut refused = false;
        let mut done = 0;
        for (key, answer) in keys.iter().zip(&answers) {
            let error = match answer {
                Value::ServerError(error) => error,
                // Of a transaction.
                Value::Array(items) => match items.first() {
                    Some(Value::ServerError(error)) => error,
                    _ => {
                        done += 1;
                        continue;
                    }
                },
                _ => {
                    done += 1;
                    continue;
                }
            };
            let problem = reply::error_text(error);
            tracing::warn!(place = self.config.place(), key, problem, "the mirror was refused");
            count(&self.shared.counts.refused);
            refused = true;
            let mut list = self.shared.refused();
            if list.len() < REFUSED_MAX && !list.iter().any(|there| **there == **key) {
                list.push((*key).into());
            }
        }
        self.shared.counts.written.fetch_add(done, Ordering::Relaxed);
        if refused {
            self.shared.look.store(true, Ordering::Release);
        }
        if self.known.len() >= self.prune_at {
            self.prune()?;
        }
        Ok(())
    }

    fn converse(&mut self, request: &[u8], answers: usize) -> Result<Vec<Value>, ()> {
        let Some(connection) = &mut self.connection else { return Err(()) };
        match connection.req_packed_commands(request, 0, answers) {
            // A server that still loads has done nothing of it.
            Ok(values) => match values.first() {
                Some(Value::ServerError(error)) if error.code() == "LOADING" => {
                    let problem = reply::error_text(error);
                    self.lose(&problem);
                    Err(())
                }
                _ => Ok(values),
            },
            Err(error) => {
                self.lose(&error.to_string());
                Err(())
            }
        }
    }
}
