//! The journal: what came into the run and what went out of it, with times and a running digest.
//!
//! Entries are appended to a block. A full block is hashed and handed to the sink (a file, a comparison
//! with an earlier file, or nothing). Each block can be read on its own: it begins with an absolute time
//! and repeats the definitions of the records that it uses. Market data is not copied: an entry says how
//! many market events passed, and the header names the data set and the range.
//!
//! Invariant: an entry is never split between blocks.

mod compare;
mod decode;
mod entry;
mod file;
mod live_file;
mod memory;
mod outside;
mod pack;
mod rerun;
mod session;
mod watch;

pub use compare::{Compare, Difference};
pub use decode::{DecodeError, Decoded, Decoder, Definitions};
pub use entry::{BodyEntry, EnvelopeKind, JournalEntry, KeyValue, MemberOf, RecordEntry, Value};
pub use file::{FORMAT_VERSION, FileSink, JournalFile, JournalFooter};
pub use live_file::LiveSink;
pub use memory::{Blocks, MemorySink};
pub use outside::{NumbersOf, Publication, RecordedNumbers};
pub(crate) use pack::varint;
pub use rerun::{OWN_REFUSAL, Rerun};
pub use session::{
    Entries, RecordedAction, RecordedActions, RecordedExchange, RecordedFeed, Unanswered,
};
pub use watch::{KeyWrite, Seen, Watch};

use pack::{pack, pack_risks};

use std::path::PathBuf;
use std::sync::Arc;

use crate::{
    Answer, Body, CallId, CorrelationId, EntryId, Envelope, ExchangeEvent, FieldValue, MarketEvent,
    Nanos, Outcome, PositionRisk, Record, Request, RequestId, ServiceId, TimerKey,
};

/// A block is closed when it has grown to this many bytes.
const BLOCK_BYTES: usize = 256 * 1024;

/// First byte of an entry.
#[allow(missing_docs)]
pub(crate) mod kind {
    pub const TIME: u8 = 1;
    pub const DEFINE: u8 = 2;
    pub const MARKET: u8 = 3;
    pub const START: u8 = 4;
    pub const TIMER: u8 = 5;
    pub const DELIVERY: u8 = 6;
    pub const EXCHANGE: u8 = 7;
    pub const CALL: u8 = 8;
    pub const REPLY: u8 = 9;
    pub const STOP: u8 = 10;
    pub const ACTION: u8 = 11;
    pub const LATE_MARKET: u8 = 12;
    pub const POSITION_RISK: u8 = 13;
    pub const OUTSIDE: u8 = 14;
    pub const MARKET_EVENT: u8 = 15;
    pub const TAPE: u8 = 16;
    pub const PUBLISH: u8 = 32;
    pub const SET_RECORD: u8 = 33;
    pub const SET_JSON: u8 = 34;
    pub const SET: u8 = 35;
    pub const DEL: u8 = 36;
    pub const EXPIRE: u8 = 37;
    pub const HASH_SET: u8 = 38;
    pub const LIST_PUSH: u8 = 39;
    pub const SET_ADD: u8 = 40;
    pub const SUBMIT: u8 = 41;
    pub const CALL_OUT: u8 = 42;
    pub const REPLY_OUT: u8 = 43;
}

/// Why a journal cannot be written, read or matched.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file system refused.
    #[error("{}: {source}; {}", path.display(), crate::io_remedy(source))]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not one of our files, or of another version.
    #[error("{}: {problem}", path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A checksum does not hold.
    #[error("{}: byte {offset}: the journal is damaged ({problem}); restore it from a copy, or, of a simulation, record it again with `qsim run --journal`; what a session recorded before that byte can be read from a file with its first {offset} bytes (`head -c`) and a name that ends with .partial", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Where the damaged part begins.
        offset: u64,
        /// What is wrong.
        problem: String,
    },
    /// A replay went another way than the recording.
    #[error("{0}")]
    Differs(Box<Difference>),
}

/// Takes the closed blocks of a journal.
pub trait JournalSink: Send {
    /// One block, whose first entry has the number `first_entry`.
    fn block(&mut self, first_entry: u64, bytes: &[u8]) -> Result<(), JournalError>;
    /// The block that is open, so far: what a live session has to find again if it is killed now.
    fn tail(&mut self, _first_entry: u64, _bytes: &[u8]) -> Result<(), JournalError> {
        Ok(())
    }
    /// The end of the run.
    fn finish(&mut self, footer: &JournalFooter) -> Result<(), JournalError>;
    /// Whether it throws away what it is given.
    fn keeps_nothing(&self) -> bool {
        false
    }
}

/// Keeps nothing: the digest is all that remains.
#[derive(Debug, Default)]
pub struct DigestOnly;

impl JournalSink for DigestOnly {
    fn block(&mut self, _first_entry: u64, _bytes: &[u8]) -> Result<(), JournalError> {
        Ok(())
    }
    fn finish(&mut self, _footer: &JournalFooter) -> Result<(), JournalError> {
        Ok(())
    }
    fn keeps_nothing(&self) -> bool {
        true
    }
}

/// The journal while it grows.
pub struct Journal {
    block: Vec<u8>,
    hasher: blake3::Hasher,
    sink: Box<dyn JournalSink>,
    failure: Option<JournalError>,
    last: Nanos,
    entries: u64,
    block_first_entry: u64,
    market_since: u64,
    market_total: u64,
    defined: Vec<&'static str>,
    /// The last answer to positionRisk and its packed form: most answers repeat it.
    risks: Option<Arc<[PositionRisk]>>,
    risks_packed: Vec<u8>,
    watch: Option<Box<dyn Watch>>,
    /// The run is to stop where it stands: for a failure, or for who watches.
    halted: bool,
    paused: bool,
    /// Market events stand in the journal one by one, because no data set has them.
    keeps_market: bool,
}

impl Journal {
    /// An empty journal.
    pub fn new(sink: Box<dyn JournalSink>) -> Journal {
        Journal {
            block: Vec::with_capacity(BLOCK_BYTES + 4096),
            hasher: blake3::Hasher::new(),
            sink,
            failure: None,
            last: Nanos::ZERO,
            entries: 0,
            block_first_entry: 0,
            market_since: 0,
            market_total: 0,
            defined: Vec::new(),
            risks: None,
            risks_packed: Vec::new(),
            watch: None,
            halted: false,
            paused: false,
            keeps_market: false,
        }
    }

    /// A journal that goes on from here, for the digest alone and watched by nobody. None where a sink keeps what is journaled: it
    /// would lack the blocks of before.
    pub(crate) fn fork(&self) -> Option<Journal> {
        if self.failure.is_some() || !self.sink.keeps_nothing() {
            return None;
        }
        let mut block = Vec::with_capacity(BLOCK_BYTES + 4096);
        block.extend_from_slice(&self.block);
        Some(Journal {
            block,
            hasher: self.hasher.clone(),
            sink: Box::new(DigestOnly),
            failure: None,
            last: self.last,
            entries: self.entries,
            block_first_entry: self.block_first_entry,
            market_since: self.market_since,
            market_total: self.market_total,
            defined: self.defined.clone(),
            risks: self.risks.clone(),
            risks_packed: self.risks_packed.clone(),
            watch: None,
            halted: false,
            paused: false,
            keeps_market: self.keeps_market,
        })
    }

    /// Entries so far.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Market events so far.
    pub fn market_events(&self) -> u64 {
        self.market_total + self.market_since
    }

    /// The first failure of the sink; the journal stops at it.
    pub fn take_failure(&mut self) -> Option<JournalError> {
        self.failure.take()
    }

    /// Whether the run is to stop where it stands: the sink has failed, or who watches wants to look.
    #[inline]
    pub(crate) fn halted(&self) -> bool {
        self.halted
    }

    /// Lets somebody watch.
    pub(crate) fn set_watch(&mut self, watch: Box<dyn Watch>) {
        self.watch = Some(watch);
    }

    /// Ends the watching.
    pub(crate) fn take_watch(&mut self) -> Option<Box<dyn Watch>> {
        self.watch.take()
    }

    /// Whether who watches wanted to look; asking ends it.
    pub(crate) fn take_pause(&mut self) -> bool {
        self.halted = self.failure.is_some();
        std::mem::take(&mut self.paused)
    }

    /// Tells who watches of the entry that has just been begun.
    #[inline]
    fn tell(&mut self, now: Nanos, seen: Seen<'_>) {
        if let Some(watch) = &mut self.watch
            && watch.seen(now, self.entries - 1, seen)
        {
            self.paused = true;
            self.halted = true;
        }
    }

    /// From now on market events stand in the journal, one by one: no data set has them.
    pub(crate) fn keep_market(&mut self) {
        self.keeps_market = true;
    }

    /// One market event passed.
    #[inline]
    pub(crate) fn market(&mut self, event: &MarketEvent) {
        if self.keeps_market {
            self.market_event(event);
        } else {
            self.market_since += 1;
        }
    }

    fn market_event(&mut self, event: &MarketEvent) {
        self.market_total += 1;
        self.begin(event.time, kind::MARKET_EVENT);
        varint(&mut self.block, u64::from(event.symbol.0));
        // One more than the span, so that zero says that nobody knows it.
        varint(&mut self.block, event.delay.span().map_or(0, |span| span.0 as u64 + 1));
        self.packed(&event.data);
    }

    /// What the bus answered since the last time, where others write on it, too.
    pub(crate) fn tape(&mut self, now: Nanos, replies: &[u8]) {
        self.begin(now, kind::TAPE);
        self.bytes(replies);
    }

    /// Hands what is journaled so far to the sink, entries of the open block included.
    pub(crate) fn sync(&mut self) -> Result<(), JournalError> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        self.sink.tail(self.block_first_entry, &self.block)
    }

    /// Closes the last block and gives the digest of all entries.
    pub fn finish(&mut self, now: Nanos) -> Result<JournalFooter, JournalError> {
        self.flush_market(now);
        self.close_block();
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let footer = JournalFooter {
            entries: self.entries,
            market_events: self.market_total,
            digest: *self.hasher.finalize().as_bytes(),
        };
        self.sink.finish(&footer)?;
        Ok(footer)
    }

    #[cold]
    fn close_block(&mut self) {
        if self.block.is_empty() || self.failure.is_some() {
            self.block.clear();
            return;
        }
        self.hasher.update(&self.block);
        if let Err(failure) = self.sink.block(self.block_first_entry, &self.block) {
            self.failure = Some(failure);
            self.halted = true;
        }
        self.block.clear();
        self.defined.clear();
        self.block_first_entry = self.entries;
    }

    fn close_full_block(&mut self) {
        if self.block.len() >= BLOCK_BYTES {
            self.close_block();
        }
    }

    fn flush_market(&mut self, now: Nanos) {
        if self.market_since > 0 {
            self.close_full_block();
            let count = std::mem::take(&mut self.market_since);
            self.market_total += count;
            self.head(now, kind::MARKET);
            varint(&mut self.block, count);
        }
    }

    /// Writes the market events that passed and closes a full block: what follows stays in one block.
    #[inline]
    fn make_room(&mut self, now: Nanos) {
        self.flush_market(now);
        self.close_full_block();
    }

    /// Begins an entry: kind, then the time since the entry before.
    #[inline]
    fn begin(&mut self, now: Nanos, kind: u8) {
        self.make_room(now);
        self.head(now, kind);
    }

    /// An entry's head, in the block that is open: after `make_room`, and after a definition that the
    /// entry leans on.
    #[inline]
    fn head(&mut self, now: Nanos, kind: u8) {
        if self.block.is_empty() {
            self.block.push(kind::TIME);
            self.block.extend_from_slice(&now.0.to_le_bytes());
            self.last = now;
        }
        self.block.push(kind);
        varint(&mut self.block, (now.0 - self.last.0) as u64);
        self.last = now;
        self.entries += 1;
    }

    fn service(&mut self, service: ServiceId) {
        varint(&mut self.block, u64::from(service.0));
    }

    pub(crate) fn start(&mut self, now: Nanos, service: ServiceId) {
        self.begin(now, kind::START);
        self.service(service);
        self.tell(now, Seen::Start(service));
    }

    pub(crate) fn stop(&mut self, now: Nanos, service: ServiceId) {
        self.begin(now, kind::STOP);
        self.service(service);
        self.tell(now, Seen::Stop(service));
    }

    pub(crate) fn timer(&mut self, now: Nanos, service: ServiceId, key: TimerKey) {
        self.begin(now, kind::TIMER);
        self.service(service);
        varint(&mut self.block, u64::from(key.0));
        self.tell(now, Seen::Timer(service, key));
    }

    pub(crate) fn delivery(&mut self, now: Nanos, service: ServiceId, reader: usize, id: EntryId) {
        self.begin(now, kind::DELIVERY);
        self.service(service);
        varint(&mut self.block, reader as u64);
        varint(&mut self.block, id.ms);
        varint(&mut self.block, id.seq);
        self.tell(now, Seen::Delivery(service, reader, id));
    }

    pub(crate) fn exchange(&mut self, now: Nanos, event: &ExchangeEvent) {
        if let ExchangeEvent::Response {
            to,
            request,
            outcome: Outcome::Done(Answer::PositionRisk(rows)),
        } = event
        {
            self.position_risk(now, *to, *request, rows);
        } else {
            self.begin(now, kind::EXCHANGE);
            self.packed(event);
        }
        self.tell(now, Seen::Exchange(event));
    }

    fn position_risk(
        &mut self,
        now: Nanos,
        to: ServiceId,
        request: RequestId,
        rows: &Arc<[PositionRisk]>,
    ) {
        self.begin(now, kind::POSITION_RISK);
        self.service(to);
        varint(&mut self.block, request.0);
        if !self.risks.as_ref().is_some_and(|last| Arc::ptr_eq(last, rows)) {
            self.risks = Some(Arc::clone(rows));
            self.risks_packed.clear();
            pack_risks(rows, &mut self.risks_packed);
        }
        self.block.extend_from_slice(&self.risks_packed);
    }

    pub(crate) fn call(&mut self, now: Nanos, service: ServiceId, id: CallId) {
        self.begin(now, kind::CALL);
        self.service(service);
        varint(&mut self.block, id.0);
        self.tell(now, Seen::Call(service, id));
    }

    pub(crate) fn reply(&mut self, now: Nanos, service: ServiceId, id: CallId, answered: bool) {
        self.begin(now, kind::REPLY);
        self.service(service);
        varint(&mut self.block, id.0);
        self.block.push(u8::from(answered));
        self.tell(now, Seen::Reply(service, id, answered));
    }

    pub(crate) fn late_market(&mut self, now: Nanos, service: ServiceId) {
        self.begin(now, kind::LATE_MARKET);
        self.service(service);
        self.tell(now, Seen::LateMarket(service));
    }

    pub(crate) fn action(&mut self, now: Nanos, text: &str) {
        self.begin(now, kind::ACTION);
        self.text(text);
        self.tell(now, Seen::Action(text));
    }

    pub(crate) fn publish(&mut self, now: Nanos, stream: &str, id: EntryId, body: &Body) {
        let defined = self.define_body(now, body);
        self.head(now, kind::PUBLISH);
        self.text(stream);
        varint(&mut self.block, id.ms);
        varint(&mut self.block, id.seq);
        self.body(defined, body);
        self.tell(now, Seen::Publish(stream, id, body));
    }

    pub(crate) fn set_record(
        &mut self,
        now: Nanos,
        json: bool,
        key: &str,
        record: &dyn Record,
        life: Option<Nanos>,
    ) {
        let defined = self.define(now, record);
        self.head(now, if json { kind::SET_JSON } else { kind::SET_RECORD });
        self.text(key);
        varint(&mut self.block, life.map_or(0, |l| l.0 as u64));
        self.record(defined, record);
        self.tell(
            now,
            Seen::Key(
                key,
                if json { KeyWrite::Json(record) } else { KeyWrite::Hash(record) },
                life,
            ),
        );
    }

    pub(crate) fn set(&mut self, now: Nanos, key: &str, value: &[u8], life: Option<Nanos>) {
        self.begin(now, kind::SET);
        self.text(key);
        varint(&mut self.block, life.map_or(0, |l| l.0 as u64));
        self.bytes(value);
        self.tell(now, Seen::Key(key, KeyWrite::Text(value), life));
    }

    pub(crate) fn del(&mut self, now: Nanos, key: &str) {
        self.begin(now, kind::DEL);
        self.text(key);
        self.tell(now, Seen::Key(key, KeyWrite::Deleted, None));
    }

    pub(crate) fn expire(&mut self, now: Nanos, key: &str, life: Nanos) {
        self.begin(now, kind::EXPIRE);
        self.text(key);
        varint(&mut self.block, life.0 as u64);
        self.tell(now, Seen::Key(key, KeyWrite::Expires(life), Some(life)));
    }

    pub(crate) fn member(&mut self, now: Nanos, kind: u8, key: &str, field: &str, value: &[u8]) {
        self.begin(now, kind);
        self.text(key);
        self.text(field);
        self.bytes(value);
        self.tell(now, Seen::Key(key, KeyWrite::Member(field, value), None));
    }

    pub(crate) fn submit(
        &mut self,
        now: Nanos,
        service: ServiceId,
        id: RequestId,
        request: &Request,
    ) {
        self.begin(now, kind::SUBMIT);
        self.service(service);
        varint(&mut self.block, id.0);
        self.packed(request);
        self.tell(now, Seen::Submit(service, id, request));
    }

    pub(crate) fn call_out(&mut self, now: Nanos, to: ServiceId, id: CallId, body: &Body) {
        let defined = self.define_body(now, body);
        self.head(now, kind::CALL_OUT);
        self.service(to);
        varint(&mut self.block, id.0);
        self.body(defined, body);
        self.tell(now, Seen::CallOut(to, id, body));
    }

    pub(crate) fn reply_out(&mut self, now: Nanos, id: CallId, body: &Body) {
        let defined = self.define_body(now, body);
        self.head(now, kind::REPLY_OUT);
        varint(&mut self.block, id.0);
        self.body(defined, body);
        self.tell(now, Seen::ReplyOut(id, body));
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        varint(&mut self.block, bytes.len() as u64);
        self.block.extend_from_slice(bytes);
    }

    fn packed<T: serde::Serialize>(&mut self, value: &T) {
        pack(value, &mut self.block);
    }

    fn define_body(&mut self, now: Nanos, body: &Body) -> usize {
        match body {
            Body::Message(message) => self.define(now, message.record()),
            Body::Fields(_) => {
                self.make_room(now);
                0
            }
        }
    }

    /// Makes room and writes the names of the record's fields, once a block; answers the definition's
    /// place. The entry's `head` follows, in the same block: it closes none.
    fn define(&mut self, now: Nanos, record: &dyn Record) -> usize {
        self.make_room(now);
        let name = record.record_name();
        // By address first: it is nearly always the same constant.
        let known = self.defined.iter().position(|known| std::ptr::eq(*known, name));
        let known = known.or_else(|| self.defined.iter().position(|known| *known == name));
        if let Some(place) = known {
            return place;
        }
        self.head(now, kind::DEFINE);
        self.entries -= 1; // It belongs to the entry that follows.
        self.text(name);
        let fields = record.field_names();
        varint(&mut self.block, fields.len() as u64);
        for field in fields {
            self.text(field);
        }
        self.defined.push(name);
        self.defined.len() - 1
    }

    /// A record behind the place of its definition.
    fn record(&mut self, defined: usize, record: &dyn Record) {
        varint(&mut self.block, defined as u64);
        record.encode(&mut self.block);
    }

    fn body(&mut self, defined: usize, body: &Body) {
        match body {
            Body::Fields(fields) => {
                self.block.push(0);
                varint(&mut self.block, fields.0.len() as u64);
                for (name, value) in &fields.0 {
                    self.bytes(name);
                    self.bytes(value);
                }
            }
            Body::Message(message) => {
                match message.envelope() {
                    Envelope::Flat => self.block.push(1),
                    Envelope::Bus { correlation_id, .. } => {
                        self.block.push(2);
                        CorrelationId::encode(correlation_id, &mut self.block);
                    }
                    Envelope::Contract { .. } => self.block.push(3),
                }
                self.record(defined, message.record());
            }
        }
    }
}

#[cfg(test)]
mod tests;
