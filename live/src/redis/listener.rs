//! Waits on streams, so that nobody has to ask for them again and again.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use engine::EntryId;
use redis::{Connection, ConnectionLike, Value};

use super::reply;
use super::wire::{count, pack, pause};
use super::{RedisConfig, RedisError};
use crate::link::{Notice, Wake, Weight};

/// How long one wait lasts. It bounds how long an end takes.
const BLOCK: Duration = Duration::from_millis(200);

/// A stream that has grown since it was last reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grown {
    /// Its name.
    pub stream: String,
    /// The newest entry that was seen.
    pub newest: EntryId,
}

/// What waits to be taken. It holds each stream once, so it needs no limit of its own; of notices the oldest go.
#[derive(Default)]
struct Inbox {
    grown: BTreeMap<String, EntryId>,
    notices: Vec<Notice>,
}

const NOTICES_MAX: usize = 64;

#[derive(Default)]
struct Shared {
    inbox: Mutex<Inbox>,
    /// Whether there is something, so that looking costs no lock.
    filled: AtomicBool,
    stop: AtomicBool,
    connected: AtomicU64,
    /// Of the connection that waits, as CLIENT LIST shows it.
    client: AtomicU64,
}

impl Shared {
    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        // A panic of another thread leaves nothing half done in here.
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread with a connection of its own that waits until one of some streams has grown.
///
/// It tells that there is something, not what: whoever reads asks the bus. After a loss of the connection all
/// streams count as grown, because nobody knows.
pub struct Listener {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Begins to wait for what comes after now. Streams need not be there yet. `wake` is called when there is
    /// something to [`Listener::take`].
    #[allow(clippy::disallowed_methods, reason = "the edge: the thread waits, it computes nothing")]
    pub fn start(
        config: RedisConfig,
        streams: Vec<String>,
        wake: Arc<dyn Wake>,
    ) -> Result<Listener, RedisError> {
        let shared = Arc::new(Shared::default());
        let place = config.place().to_owned();
        let mut waiter =
            Waiter { config, streams, after: Vec::new(), wake, shared: shared.clone() };
        // At once, so that nothing is missed between here and the first wait.
        let connection =
            waiter.open().map_err(|problem| RedisError::Away { place: place.clone(), problem })?;
        let thread = std::thread::Builder::new()
            .name("redis-listener".to_owned())
            .spawn(move || waiter.run(connection))
            .map_err(|error| RedisError::Thread { place, problem: error.to_string() })?;
        Ok(Listener { shared, thread: Some(thread) })
    }

    /// Takes what has grown, by name, and what an operator should know.
    pub fn take(&self, grown: &mut Vec<Grown>, notices: &mut Vec<Notice>) {
        if !self.shared.filled.swap(false, Ordering::Acquire) {
            return;
        }
        let mut inbox = self.shared.inbox();
        let all = std::mem::take(&mut inbox.grown);
        grown.extend(all.into_iter().map(|(stream, newest)| Grown { stream, newest }));
        notices.append(&mut inbox.notices);
    }

    /// How often it has connected.
    pub fn connections(&self) -> u64 {
        self.shared.connected.load(Ordering::Relaxed)
    }

    /// The server's number of the connection that waits.
    pub fn client_id(&self) -> u64 {
        self.shared.client.load(Ordering::Relaxed)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It ends within one wait. A panic of it has been printed.
            let _ = thread.join();
        }
    }
}

struct Waiter {
    config: RedisConfig,
    streams: Vec<String>,
    /// Of each stream the entry behind which something is new.
    after: Vec<EntryId>,
    wake: Arc<dyn Wake>,
    shared: Arc<Shared>,
}

impl Waiter {
    /// Connects and finds the end of each stream.
    fn open(&mut self) -> Result<Connection, String> {
        let patience = self.config.patience;
        let connected = self.config.client.get_connection_with_timeout(patience.connect);
        let mut connection = connected.map_err(|error| error.to_string())?;
        connection
            .set_read_timeout(Some(patience.answer + BLOCK))
            .and_then(|()| connection.set_write_timeout(Some(patience.answer)))
            .map_err(|error| error.to_string())?;
        let mut request = Vec::new();
        pack(&[b"CLIENT", b"ID"], &mut request);
        let id = connection.req_packed_command(&request).map_err(|error| error.to_string())?;
        let id = reply::number(&id).and_then(|id| u64::try_from(id).ok()).unwrap_or(0);
        self.shared.client.store(id, Ordering::Relaxed);
        let places: Vec<usize> = (0..self.streams.len()).collect();
        self.after.clear();
        self.after.resize(self.streams.len(), EntryId::ZERO);
        self.find_ends(&mut connection, &places)?;
        count(&self.shared.connected);
        Ok(connection)
    }

    /// The newest entries of these streams become the ones behind which something is new.
    fn find_ends(&mut self, connection: &mut Connection, places: &[usize]) -> Result<(), String> {
        let mut request = Vec::new();
        for place in places {
            let stream = self.streams[*place].as_bytes();
            pack(&[b"XREVRANGE", stream, b"+", b"-", b"COUNT", b"1"], &mut request);
        }
        if places.is_empty() {
            return Ok(());
        }
        let answers = connection
            .req_packed_commands(&request, 0, places.len())
            .map_err(|error| error.to_string())?;
        for (place, answer) in places.iter().zip(answers) {
            if let Value::ServerError(error) = &answer {
                return Err(format!("{}: {}", self.streams[*place], reply::error_text(error)));
            }
            let mut newest = Vec::new();
            if reply::entries(answer, &mut newest).is_some()
                && let Some(entry) = newest.pop()
            {
                self.after[*place] = self.after[*place].max(entry.id);
            }
        }
        Ok(())
    }

    fn run(mut self, connection: Connection) {
        let mut connection = Some(connection);
        let mut wait = self.config.patience.pause_first;
        while !self.shared.stop.load(Ordering::Relaxed) {
            let worked = match &mut connection {
                Some(connection) => self.wait(connection),
                None => self.open().map(|new| {
                    connection = Some(new);
                    self.tell(Weight::Info, "bus_listener_back", "waits on the streams again");
                    let all: Vec<usize> = (0..self.streams.len()).collect();
                    self.report(&all);
                }),
            };
            match worked {
                Ok(()) => wait = self.config.patience.pause_first,
                Err(problem) => {
                    if connection.take().is_some() {
                        self.tell(Weight::Warning, "bus_listener_lost", &problem);
                    }
                    // In steps, so that an end does not take long.
                    pause(wait.min(BLOCK));
                    wait = (wait * 2).min(self.config.patience.pause_max);
                }
            }
        }
    }

    /// One wait.
    fn wait(&mut self, connection: &mut Connection) -> Result<(), String> {
        if self.streams.is_empty() {
            pause(BLOCK);
            return Ok(());
        }
        let block = BLOCK.as_millis().to_string();
        let after: Vec<String> = self.after.iter().map(EntryId::to_string).collect();
        let mut words: Vec<&[u8]> =
            vec![b"XREAD", b"COUNT", b"1", b"BLOCK", block.as_bytes(), b"STREAMS"];
        words.extend(self.streams.iter().map(|stream| stream.as_bytes()));
        words.extend(after.iter().map(|after| after.as_bytes()));
        let mut request = Vec::new();
        pack(&words, &mut request);
        let answer = connection.req_packed_command(&request).map_err(|error| error.to_string())?;
        if let Value::ServerError(error) = &answer {
            return Err(reply::error_text(error));
        }
        let mut grown = Vec::new();
        for stream in reply::list(answer).ok_or("an answer to XREAD that cannot be read")? {
            let parts = reply::list(stream).and_then(|parts| <[Value; 2]>::try_from(parts).ok());
            let Some([name, entries]) = parts else { continue };
            let name = reply::text(name).unwrap_or_default();
            let Some(place) = self.streams.iter().position(|stream| *stream == name) else {
                continue;
            };
            let mut first = Vec::new();
            if reply::entries(entries, &mut first).is_some()
                && let Some(entry) = first.pop()
            {
                // Also where the stream is cut to nothing before its end is looked for.
                self.after[place] = entry.id;
                grown.push(place);
            }
        }
        if grown.is_empty() {
            return Ok(());
        }
        // One entry was enough to wake; the rest of what is there must not wake once more.
        self.find_ends(connection, &grown)?;
        self.report(&grown);
        Ok(())
    }

    fn report(&self, places: &[usize]) {
        let mut inbox = self.shared.inbox();
        for place in places {
            inbox.grown.insert(self.streams[*place].clone(), self.after[*place]);
        }
        drop(inbox);
        self.shared.filled.store(true, Ordering::Release);
        self.wake.wake();
    }

    fn tell(&self, weight: Weight, what: &'static str, text: &str) {
        let text = format!("redis at {}: {text}", self.config.place());
        let mut inbox = self.shared.inbox();
        if inbox.notices.len() == NOTICES_MAX {
            inbox.notices.remove(0);
        }
        inbox.notices.push(Notice { weight, what, text });
        drop(inbox);
        self.shared.filled.store(true, Ordering::Release);
        self.wake.wake();
    }
}
