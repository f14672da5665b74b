//! A copy of a bus in memory on a server, for dashboards.
//!
//! [`Mirror`] wraps the bus and hands every change to a thread over a queue of fixed length; the thread makes
//! text of it and sends it in batches. Streams get the same ids, keys the rest of their lives, and groups
//! their places, lags and pending lists, because the same commands are done there in the same order. Of a
//! pending list only entries count that are still in the stream; a consumer that has nothing pending may be
//! missing.
//!
//! A queue that is full costs the copy, never the session: the change is dropped and counted, and the key is
//! written anew from the bus, a piece at a time, when there is room again. The same for all keys after the
//! server was away.
//!
//! Only keys that the mirror has written are deleted on the server. Lives run on the server's clock: behind
//! an accelerated session they end late.
//!
//! Invariant: nobody reads the copy to decide something.

mod change;
mod rewrite;
mod tap;
mod writer;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use engine::{Bus, Nanos};

use self::change::Change;
use self::rewrite::Rewrite;
use self::writer::Writer;
use super::wire::count;
use super::{Health, OWN_KEYS, RedisConfig, RedisError};

/// Changes that may wait, if nobody says otherwise.
const QUEUE_DEFAULT: usize = 16_384;
/// A key that the server refuses so often is left alone: somebody else writes it.
const REFUSALS_MAX: u32 = 3;

/// What a mirror has done. Shared with whoever reports it.
#[derive(Debug, Default)]
pub struct MirrorCounts {
    /// Commands that the server has done.
    pub written: AtomicU64,
    /// Changes dropped because the queue was full. Their keys are written anew.
    pub dropped: AtomicU64,
    /// Changes left out because their key was waiting to be written anew.
    pub deferred: AtomicU64,
    /// Changes that found no server. Everything is written anew when it is back.
    pub unsent: AtomicU64,
    /// Commands that the server refused.
    pub refused: AtomicU64,
    /// Keys written anew.
    pub rewritten: AtomicU64,
    /// How often everything was written anew, the first time included.
    pub refreshed: AtomicU64,
    /// Keys left alone because the server refused them again and again.
    pub left_alone: AtomicU64,
}

/// Between the session and the thread.
#[derive(Default)]
struct Shared {
    counts: Arc<MirrorCounts>,
    queued: AtomicUsize,
    /// Whether the session has something to look at in here.
    look: AtomicBool,
    /// Everything has to be written anew.
    refresh: AtomicBool,
    /// Keys that the server refused.
    refused: Mutex<Vec<Box<str>>>,
    stop: AtomicBool,
    /// Keys that wait to be written anew.
    stale: AtomicUsize,
    /// Changes have been dropped since all keys were last as they should be.
    behind: AtomicBool,
    /// The server was there and is not any more.
    away: AtomicBool,
    /// Why.
    problem: Mutex<String>,
}

impl Shared {
    /// Whether everything that happened so far has been handed to the server.
    fn is_settled(&self) -> bool {
        self.stale.load(Ordering::Acquire) == 0
            && !self.refresh.load(Ordering::Acquire)
            && self.queued.load(Ordering::Acquire) == 0
            && self.refused().is_empty()
            && self.counts.refreshed.load(Ordering::Acquire) > 0
            && !self.away.load(Ordering::Acquire)
    }

    fn refused(&self) -> MutexGuard<'_, Vec<Box<str>>> {
        // A panic of another thread leaves nothing half done in here.
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at a mirror from outside of the bus.
pub(super) struct MirrorWatch(Arc<Shared>);

impl MirrorWatch {
    pub(super) fn counts(&self) -> &MirrorCounts {
        &self.0.counts
    }

    pub(super) fn is_settled(&self) -> bool {
        self.0.is_settled()
    }

    pub(super) fn is_connected(&self) -> bool {
        !self.0.away.load(Ordering::Acquire)
    }

    /// Whether changes were dropped whose keys are not written anew yet.
    pub(super) fn is_behind(&self) -> bool {
        self.0.behind.load(Ordering::Acquire)
    }

    /// Why the server is away.
    pub(super) fn problem(&self) -> String {
        self.0.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is still missing, in words.
    pub(super) fn left(&self) -> String {
        if self.0.away.load(Ordering::Acquire) {
            let unsent = self.0.counts.unsent.load(Ordering::Relaxed);
            return format!("{}, and {unsent} changes found no server", self.problem());
        }
        let stale = self.0.stale.load(Ordering::Acquire);
        let queued = self.0.queued.load(Ordering::Acquire);
        format!("{stale} keys wait to be written anew, and {queued} changes to be sent")
    }
}

/// A bus whose changes are copied to a server.
pub struct Mirror<B> {
    inner: B,
    queue: Option<SyncSender<Change>>,
    capacity: usize,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// Keys that have to be written anew.
    stale: BTreeMap<Box<str>, Rewrite>,
    /// How often the server refused a key.
    refusals: BTreeMap<Box<str>, u32>,
    /// Host and port.
    place: String,
}

impl<B: Bus> Mirror<B> {
    /// Copies `inner` to a server, from what it holds now on. The server need not be there yet.
    pub fn start(inner: B, config: RedisConfig) -> Result<Mirror<B>, RedisError> {
        Mirror::with_queue(inner, config, QUEUE_DEFAULT)
    }

    /// The same with room for so many changes.
    #[allow(clippy::disallowed_methods, reason = "the edge: the thread copies, it decides nothing")]
    pub fn with_queue(
        inner: B,
        config: RedisConfig,
        capacity: usize,
    ) -> Result<Mirror<B>, RedisError> {
        let shared = Arc::new(Shared::default());
        let (queue, changes) = sync_channel(capacity.max(1));
        let place = config.place().to_owned();
        let writer = Writer::new(config, changes, shared.clone());
        let thread = std::thread::Builder::new()
            .name("redis-mirror".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| RedisError::Thread {
                place: place.clone(),
                problem: error.to_string(),
            })?;
        let (stale, refusals) = (BTreeMap::new(), BTreeMap::new());
        Ok(Mirror {
            inner,
            queue: Some(queue),
            capacity: capacity.max(1),
            shared,
            thread: Some(thread),
            stale,
            refusals,
            place,
        })
    }

    /// What it has done.
    pub fn counts(&self) -> Arc<MirrorCounts> {
        self.shared.counts.clone()
    }

    /// Whether everything that happened so far has been handed to the server.
    pub fn is_settled(&self) -> bool {
        self.shared.is_settled()
    }

    /// How the copy is, for whoever tells an operator.
    pub fn health(&self) -> Health {
        Health::of_mirror(&self.place, MirrorWatch(self.shared.clone()))
    }

    /// Tells the other side how many keys wait.
    fn count_stale(&self) {
        self.shared.stale.store(self.stale.len(), Ordering::Release);
        if self.stale.is_empty() {
            self.shared.behind.store(false, Ordering::Release);
        }
    }

    /// Goes on with what has to be written anew. Every operation on the bus does so; a session without
    /// operations calls it now and then.
    #[inline]
    pub fn tend(&mut self, now: Nanos) {
        if !self.stale.is_empty() || self.shared.look.load(Ordering::Relaxed) {
            self.catch_up(now);
        }
    }

    #[cold]
    fn catch_up(&mut self, now: Nanos) {
        if self.shared.look.swap(false, Ordering::Acquire) {
            self.look(now);
        }
        let Some((key, mut rewrite)) = self.stale.pop_first() else { return self.count_stale() };
        if self.go_on(now, &key, &mut rewrite) {
            count(&self.shared.counts.rewritten);
        } else {
            self.stale.insert(key, rewrite);
        }
        self.count_stale();
    }

    /// One step of writing a key anew; `true` when that is done.
    fn go_on(&mut self, now: Nanos, key: &str, rewrite: &mut Rewrite) -> bool {
        if rewrite.changes.is_empty() {
            let room = (self.capacity / 4).clamp(1, 128);
            rewrite.step(&mut self.inner, now, key, room);
        }
        while let Some(change) = rewrite.changes.pop_front() {
            // Half of the queue is for what happens now.
            let full = self.shared.queued.load(Ordering::Relaxed) > self.capacity / 2;
            let back = if full { Some(change) } else { self.hand_over(change) };
            if let Some(change) = back {
                rewrite.changes.push_front(change);
                return false;
            }
        }
        rewrite.is_done()
    }

    /// What the thread wants.
    fn look(&mut self, now: Nanos) {
        if self.shared.refresh.load(Ordering::Acquire) {
            if self.hand_over(Change::Begin).is_some() {
                self.shared.look.store(true, Ordering::Release);
                return;
            }
            let all = self.inner.scan(now, "*").into_iter();
            self.stale = all.map(|key| (key.into(), Rewrite::default())).collect();
            self.count_stale();
            // Behind the count, so that nobody sees a moment in which all seems done.
            self.shared.refresh.store(false, Ordering::Release);
            count(&self.shared.counts.refreshed);
        }
        let refused = std::mem::take(&mut *self.shared.refused());
        for key in refused {
            let times = self.refusals.entry(key.clone()).or_default();
            *times += 1;
            if *times <= REFUSALS_MAX {
                self.stale.insert(key, Rewrite::default());
            } else if *times == REFUSALS_MAX + 1 {
                count(&self.shared.counts.left_alone);
            }
        }
    }

    /// Gives the change back when there is no room.
    fn hand_over(&mut self, change: Change) -> Option<Change> {
        let queue = self.queue.as_ref()?;
        self.shared.queued.fetch_add(1, Ordering::Relaxed);
        match queue.try_send(change) {
            Ok(()) => None,
            Err(error) => {
                self.shared.queued.fetch_sub(1, Ordering::Relaxed);
                match error {
                    TrySendError::Full(change) => Some(change),
                    // Without the thread there is no copy and nothing to catch up with.
                    TrySendError::Disconnected(_) => None,
                }
            }
        }
    }

    /// A change of one key.
    fn changed(&mut self, key: &str, change: impl FnOnce() -> Change) {
        if !self.stale.is_empty() && self.stale.contains_key(key) {
            // A stream that is being written anew gets its newest entries at the end of that; whatever else
            // may have been read before the change begins again.
            if let Some(rewrite) = self.stale.get_mut(key) {
                rewrite.disturb();
            }
            count(&self.shared.counts.deferred);
            return;
        }
        if self.hand_over(change()).is_some() {
            count(&self.shared.counts.dropped);
            self.stale.insert(key.into(), Rewrite::default());
            self.shared.behind.store(true, Ordering::Release);
            self.count_stale();
        }
    }

    /// A change of nobody knows which keys.
    fn changed_all(&mut self) {
        self.shared.refresh.store(true, Ordering::Release);
        self.shared.look.store(true, Ordering::Release);
    }
}

impl<B> Drop for Mirror<B> {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // It sends what is left, once. A panic of it has been printed.
            let _ = thread.join();
        }
    }
}

/// The key under which a mirror remembers what it has written.
fn registry(config: &RedisConfig) -> String {
    format!("{OWN_KEYS}mirror:{}", config.instance.as_deref().unwrap_or("one"))
}
