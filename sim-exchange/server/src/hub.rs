//! Topics and who listens to them. A topic is a stream's name such as `btcusdt@aggTrade`, or a listen key.
//!
//! Invariant: a listener gets every event of its topics, in order, or it is cut off and counted. It is
//! never silently short of one.
//! Invariant: publishing never waits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::ws::Utf8Bytes;
use tokio::sync::{mpsc, watch};

use crate::market::Outlet;
use crate::stream_faults::{StreamFault, StreamFaults};

/// Events that wait for one connection; with more of them it is too slow.
pub const QUEUE_MAX: usize = 10_000;

/// Who is told what happens. Clones are the same hub.
#[derive(Clone, Debug)]
pub struct Hub(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    inner: Mutex<Inner>,
    version: AtomicU64,
    queue_max: usize,
}

#[derive(Debug, Default)]
struct Inner {
    topics: BTreeMap<Box<str>, Listeners>,
    connections: BTreeMap<u64, Connection>,
    next: u64,
    counts: HubCounts,
    faults: StreamFaults,
}

#[derive(Debug)]
struct Connection {
    queue: mpsc::Sender<Utf8Bytes>,
    cut: watch::Sender<Option<CutOff>>,
    wrapped: bool,
    topics: BTreeMap<Box<str>, Events>,
}

/// Who listens to a topic.
#[derive(Debug, Default)]
struct Listeners {
    ids: Vec<u64>,
    /// Those of them who have come since the last welcome.
    new: Vec<u64>,
}

/// To whom an event goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whom {
    All,
    New,
    Others,
}

/// Which events of a topic: all of them, or those of these names.
type Events = Option<BTreeSet<Box<str>>>;

/// Why a listener was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutOff {
    /// Its queue was full.
    TooSlow,
    /// Somebody wanted it so: a fault.
    Wanted,
}

/// What the hub has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HubCounts {
    /// Listeners that are connected now.
    pub connections: usize,
    /// Topics with a listener now.
    pub topics: usize,
    /// Events that were put into a listener's queue.
    pub sent: u64,
    /// Listeners that were cut off because they were too slow.
    pub too_slow: u64,
}

impl Default for Hub {
    fn default() -> Hub {
        Hub::with_queues(QUEUE_MAX)
    }
}

impl Hub {
    /// A hub that lets at most `queue_max` events wait for each listener.
    pub fn with_queues(queue_max: usize) -> Hub {
        let queue_max = queue_max.max(1);
        let (inner, version) = (Mutex::default(), AtomicU64::default());
        Hub(Arc::new(Shared { inner, version, queue_max }))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing in here panics between two changes that belong together.
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new listener, without topics. Events come with their stream's name if `wrapped`.
    pub fn listen(&self, wrapped: bool) -> Listener {
        let (queue, events) = mpsc::channel(self.0.queue_max);
        let (cut, cut_off) = watch::channel(None);
        let mut inner = self.lock();
        let id = inner.next;
        inner.next += 1;
        let connection = Connection { queue, cut, wrapped, topics: BTreeMap::new() };
        inner.connections.insert(id, connection);
        Listener { hub: self.clone(), id, events, cut_off }
    }

    /// Whether anybody listens to a topic.
    pub fn has_listeners(&self, topic: &str) -> bool {
        self.lock().topics.contains_key(topic)
    }

    /// Sends `text`, an event as JSON, to all listeners of `topic`; never waits.
    pub fn publish(&self, topic: &str, text: &str) {
        let mut inner = self.lock();
        // Copied only where somebody listens.
        if inner.topics.contains_key(topic) {
            self.send(&mut inner, topic, Utf8Bytes::from(text));
        }
    }

    /// Cuts all listeners of a topic off, as a network fault would.
    pub fn cut(&self, topic: &str) -> usize {
        self.cut_those(|own| own == topic)
    }

    /// Cuts all listeners of the topics with this text in their name off.
    pub(crate) fn cut_like(&self, part: &str) -> usize {
        self.cut_those(|own| own.contains(part))
    }

    fn cut_those(&self, is: impl Fn(&str) -> bool) -> usize {
        let mut inner = self.lock();
        let topics = inner.topics.iter().filter(|(topic, _)| is(topic));
        let ids: BTreeSet<u64> = topics.flat_map(|(_, to)| to.ids.iter().copied()).collect();
        ids.iter().for_each(|id| inner.cut(*id, CutOff::Wanted));
        self.changed_by_cuts(&mut inner);
        ids.len()
    }

    /// From now on a fault strikes events; or what is wrong with it.
    pub(crate) fn add_fault(&self, fault: StreamFault) -> Result<(), String> {
        self.lock().faults.add(fault)
    }

    /// The faults that are in force.
    pub(crate) fn faults(&self) -> Vec<StreamFault> {
        self.lock().faults.list()
    }

    /// No fault strikes any more; what was held back is told.
    pub(crate) fn clear_faults(&self) {
        let mut inner = self.lock();
        for (topic, text) in inner.faults.clear() {
            self.send_to(&mut inner, &topic, text, Whom::All);
        }
    }

    /// What has happened so far.
    pub fn counts(&self) -> HubCounts {
        let inner = self.lock();
        HubCounts {
            connections: inner.connections.len(),
            topics: inner.topics.len(),
            ..inner.counts
        }
    }

    fn send(&self, inner: &mut Inner, topic: &str, text: Utf8Bytes) {
        if inner.faults.are_none() {
            return self.send_to(inner, topic, text, Whom::All);
        }
        let name = event_name(&text).unwrap_or_default().to_owned();
        for text in inner.faults.pass(topic, &name, text) {
            self.send_to(inner, topic, text, Whom::All);
        }
    }

    fn send_to(&self, inner: &mut Inner, topic: &str, text: Utf8Bytes, whom: Whom) {
        if inner.send(topic, text, whom) > 0 {
            self.changed_by_cuts(inner);
        }
    }

    fn changed(&self) {
        self.0.version.fetch_add(1, Ordering::Release);
    }

    fn changed_by_cuts(&self, inner: &mut Inner) {
        let before = inner.topics.len();
        inner.topics.retain(|_, listeners| !listeners.ids.is_empty());
        if inner.topics.len() != before {
            self.changed();
        }
    }
}

impl Inner {
    /// Says how many listeners were cut off.
    fn send(&mut self, topic: &str, text: Utf8Bytes, whom: Whom) -> usize {
        let Some(listeners) = self.topics.get(topic) else { return 0 };
        let (mut wrapped, mut slow) = (None, Vec::new());
        for id in &listeners.ids {
            if whom != Whom::All && listeners.new.contains(id) != (whom == Whom::New) {
                continue;
            }
            let Some(connection) = self.connections.get(id) else { continue };
            if let Some(Some(events)) = connection.topics.get(topic)
                && !event_name(&text).is_some_and(|name| events.contains(name))
            {
                continue;
            }
            let text = if connection.wrapped {
                wrapped.get_or_insert_with(|| wrap(topic, &text)).clone()
            } else {
                text.clone()
            };
            match connection.queue.try_send(text) {
                Ok(()) => self.counts.sent += 1,
                Err(_) => slow.push(*id),
            }
        }
        for id in &slow {
            self.counts.too_slow += 1;
            tracing::warn!("a listener is too slow and was cut off");
            self.cut(*id, CutOff::TooSlow);
        }
        slow.len()
    }

    fn cut(&mut self, id: u64, why: CutOff) {
        if let Some(connection) = self.connections.remove(&id) {
            connection.cut.send_replace(Some(why));
            for topic in connection.topics.keys() {
                self.forget(topic, id);
            }
        }
    }

    fn forget(&mut self, topic: &str, id: u64) {
        if let Some(Listeners { ids, new }) = self.topics.get_mut(topic) {
            ids.retain(|known| *known != id);
            new.retain(|known| *known != id);
        }
    }
}

/// `{"stream":…,"data":…}`; a topic has no letters that JSON would escape, or it is escaped.
fn wrap(topic: &str, text: &str) -> Utf8Bytes {
    let topic = serde_json::Value::from(topic);
    Utf8Bytes::from(format!("{{\"stream\":{topic},\"data\":{text}}}"))
}

/// The `e` of an event: its first member, as all our events have it.
fn event_name(text: &str) -> Option<&str> {
    text.strip_prefix("{\"e\":\"")?.split('"').next()
}

impl Outlet for Hub {
    fn version(&self) -> u64 {
        self.0.version.load(Ordering::Acquire)
    }

    fn topics(&self, each: &mut dyn FnMut(&str, bool)) {
        let inner = self.lock();
        inner.topics.iter().for_each(|(topic, to)| each(topic, !to.new.is_empty()));
    }

    fn publish(&self, topic: &str, json: String) {
        let mut inner = self.lock();
        self.send(&mut inner, topic, Utf8Bytes::from(json));
    }

    fn welcome(&self, topic: &str, all: &[String], news: &[String]) {
        let mut inner = self.lock();
        let text = |text: &String| Utf8Bytes::from(text.as_str());
        if inner.faults.are_none() {
            all.iter().for_each(|all| self.send_to(&mut inner, topic, text(all), Whom::New));
            news.iter().for_each(|news| self.send_to(&mut inner, topic, text(news), Whom::Others));
        } else {
            // A fault strikes an event of a stream, whoever hears it: then there is one event for all.
            all.iter().for_each(|all| self.send(&mut inner, topic, text(all)));
        }
        if let Some(listeners) = inner.topics.get_mut(topic) {
            listeners.new.clear();
        }
    }
}

/// One connection's end of the hub. It leaves when it is dropped.
#[derive(Debug)]
pub struct Listener {
    hub: Hub,
    id: u64,
    events: mpsc::Receiver<Utf8Bytes>,
    cut_off: watch::Receiver<Option<CutOff>>,
}

impl Listener {
    /// Adds a topic; with `events`, only events of these names. Says whether it is new here.
    pub fn subscribe(&self, topic: &str, events: Option<Vec<Box<str>>>) -> bool {
        let mut inner = self.hub.lock();
        let Some(connection) = inner.connections.get_mut(&self.id) else { return false };
        let events = events.map(|events| events.into_iter().collect());
        if connection.topics.insert(topic.into(), events).is_some() {
            return false;
        }
        let Listeners { ids, new } = inner.topics.entry(topic.into()).or_default();
        ids.push(self.id);
        new.push(self.id);
        self.hub.changed();
        true
    }

    /// Takes a topic away.
    pub fn unsubscribe(&self, topic: &str) {
        let mut inner = self.hub.lock();
        let Some(connection) = inner.connections.get_mut(&self.id) else { return };
        if connection.topics.remove(topic).is_some() {
            inner.forget(topic, self.id);
            self.hub.changed_by_cuts(&mut inner);
        }
    }

    /// Its topics, by name.
    pub fn topics(&self) -> Vec<Box<str>> {
        let inner = self.hub.lock();
        let connection = inner.connections.get(&self.id);
        connection.map(|connection| connection.topics.keys().cloned().collect()).unwrap_or_default()
    }

    /// Whether events come with their stream's name from now on.
    pub fn set_wrapped(&self, wrapped: bool) {
        if let Some(connection) = self.hub.lock().connections.get_mut(&self.id) {
            connection.wrapped = wrapped;
        }
    }

    /// Whether they do.
    pub fn is_wrapped(&self) -> bool {
        self.hub.lock().connections.get(&self.id).is_some_and(|connection| connection.wrapped)
    }

    /// The next event; none once it was cut off and has got what was in its queue by then.
    pub async fn next(&mut self) -> Option<Utf8Bytes> {
        self.events.recv().await
    }

    /// A sight of whether it was cut off, for whoever waits for the network meanwhile.
    pub fn cut_off(&self) -> watch::Receiver<Option<CutOff>> {
        self.cut_off.clone()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut inner = self.hub.lock();
        if let Some(connection) = inner.connections.remove(&self.id) {
            connection.topics.keys().for_each(|topic| inner.forget(topic, self.id));
            self.hub.changed_by_cuts(&mut inner);
        }
    }
}

#[cfg(test)]
mod tests;
