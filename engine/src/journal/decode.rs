//! Reads the entries of a block back, as values and as text for a person.

use std::sync::Arc;

use super::{
    BodyEntry, EnvelopeKind, JournalEntry, KeyValue, MemberOf, Publication, RecordEntry, Value,
    kind,
};
use crate::record::tag;
use crate::{
    CallId, CorrelationId, EntryId, FeedDelay, MarketEvent, Nanos, RequestId, ServiceId,
    SymbolIndex, TimerKey,
};

/// One entry, readable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// When.
    pub time: Nanos,
    /// What.
    pub text: String,
}

/// A record's name and those of its fields.
type Definition = (Arc<str>, Arc<[String]>);

/// Walks the entries of one block.
pub struct Decoder<'a> {
    bytes: &'a [u8],
    at: usize,
    time: i64,
    defined: Arc<Vec<Definition>>,
    services: &'a [String],
}

/// The records that a block defines: their names with those of their fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Definitions(Arc<Vec<Definition>>);

/// The block ended in the middle of an entry, or holds what no entry begins with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("byte {at} of the block: {problem}")]
pub struct DecodeError {
    /// Where in the block.
    pub at: usize,
    /// What is wrong.
    pub problem: &'static str,
}

type Result<T> = std::result::Result<T, DecodeError>;

impl<'a> Decoder<'a> {
    /// From the start of a block. `services` are the names of the run's services.
    pub fn new(bytes: &'a [u8], services: &'a [String]) -> Decoder<'a> {
        Decoder { bytes, at: 0, time: 0, defined: Arc::default(), services }
    }

    /// Where the next entry begins.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The next entry, or `None` at the end of the block. Definitions and time marks are skipped.
    pub fn next_entry(&mut self) -> Result<Option<Decoded>> {
        let services = self.services;
        let decoded = self.next_value()?;
        Ok(decoded.map(|(time, entry)| Decoded { time, text: entry.text(services) }))
    }

    /// The next entry as a value, or `None` at the end of the block. Definitions and time marks are skipped.
    pub fn next_value(&mut self) -> Result<Option<(Nanos, JournalEntry)>> {
        let Some(first) = self.head()? else { return Ok(None) };
        let entry = self.entry(first)?;
        Ok(Some((Nanos(self.time), entry)))
    }

    /// Names of the records that were defined so far, with their fields.
    pub fn into_definitions(self) -> Definitions {
        Definitions(self.defined)
    }

    /// The entry that begins at `at`, if `definitions` are those of the whole block.
    pub fn value_at(bytes: &[u8], at: usize, definitions: &Definitions) -> Result<JournalEntry> {
        let defined = Arc::clone(&definitions.0);
        let mut one = Decoder { bytes, at, time: 0, defined, services: &[] };
        match one.next_value()? {
            Some((_, entry)) => Ok(entry),
            None => Err(DecodeError { at, problem: "no entry begins here" }),
        }
    }

    /// The next entry of a stream, or `None` where the block has no more of them; what lies between is
    /// passed over.
    pub fn next_publication(&mut self) -> Result<Option<(Nanos, Publication)>> {
        while let Some(first) = self.head()? {
            if first == kind::PUBLISH {
                let (stream, _) = (self.text()?, self.id()?);
                let fields = self.body()?.texts();
                return Ok(Some((Nanos(self.time), Publication { stream, fields })));
            }
            self.entry(first)?;
        }
        Ok(None)
    }

    /// The next numbers from outside with their service, or `None` where the block has no more.
    pub(super) fn next_outside(&mut self) -> Result<Option<(ServiceId, Vec<f64>)>> {
        while let Some(first) = self.head()? {
            if first == kind::OUTSIDE {
                return Ok(Some((self.service()?, self.numbers()?)));
            }
            self.entry(first)?;
        }
        Ok(None)
    }

    /// The kind of the next entry, with the time moved on to it.
    fn head(&mut self) -> Result<Option<u8>> {
        loop {
            let Some(&first) = self.bytes.get(self.at) else {
                return Ok(None);
            };
            self.at += 1;
            if first == kind::TIME {
                self.time = i64::from_le_bytes(self.array()?);
                continue;
            }
            let since = self.varint()? as i64;
            self.time = self.time.wrapping_add(since);
            if first == kind::DEFINE {
                self.define()?;
                continue;
            }
            return Ok(Some(first));
        }
    }

    fn numbers(&mut self) -> Result<Vec<f64>> {
        let count = self.varint()?;
        let mut numbers = Vec::new();
        for _ in 0..count {
            numbers.push(f64::from_bits(u64::from_le_bytes(self.array()?)));
        }
        Ok(numbers)
    }

    fn entry(&mut self, first: u8) -> Result<JournalEntry> {
        use JournalEntry as J;
        Ok(match first {
            kind::MARKET => J::Market(self.varint()?),
            kind::START => J::Start(self.service()?),
            kind::STOP => J::Stop(self.service()?),
            kind::TIMER => J::Timer(self.service()?, TimerKey(self.varint()? as u32)),
            kind::DELIVERY => {
                let (service, reader) = (self.service()?, self.varint()?);
                J::Delivery { service, reader, id: self.id()? }
            }
            kind::EXCHANGE => J::Exchange(self.packed()?),
            kind::POSITION_RISK => {
                let (to, request) = (self.service()?, RequestId(self.varint()?));
                J::PositionRisk { to, request, rows: self.packed()? }
            }
            kind::CALL => J::Call(self.service()?, CallId(self.varint()?)),
            kind::REPLY => {
                let (service, id) = (self.service()?, CallId(self.varint()?));
                J::Reply { service, id, answered: self.byte()? == 1 }
            }
            kind::ACTION => J::Action(self.text()?),
            kind::OUTSIDE => J::Outside(self.service()?, self.numbers()?),
            kind::LATE_MARKET => J::LateMarket(self.service()?),
            kind::MARKET_EVENT => {
                let (symbol, delay) = (SymbolIndex(self.varint()? as u16), self.varint()?);
                let delay = match delay {
                    0 => FeedDelay::UNKNOWN,
                    more => FeedDelay::new(Nanos((more - 1) as i64)),
                };
                let data = self.packed()?;
                J::MarketEvent(MarketEvent { time: Nanos(self.time), symbol, delay, data })
            }
            kind::TAPE => {
                let length = self.varint()? as usize;
                J::Tape(self.take(length)?.to_vec())
            }
            kind::PUBLISH => {
                let (stream, id) = (self.text()?, self.id()?);
                J::Publish { stream, id, body: self.body()? }
            }
            kind::SET_RECORD => self.set(|decoder| Ok(KeyValue::Hash(decoder.record()?)))?,
            kind::SET_JSON => self.set(|decoder| Ok(KeyValue::Json(decoder.record()?)))?,
            kind::SET => self.set(|decoder| Ok(KeyValue::Text(decoder.text()?)))?,
            kind::DEL => J::Delete(self.text()?),
            kind::EXPIRE => J::Expire(self.text()?, Nanos(self.varint()? as i64)),
            kind::HASH_SET => self.member(MemberOf::Hash)?,
            kind::LIST_PUSH => self.member(MemberOf::List)?,
            kind::SET_ADD => self.member(MemberOf::Set)?,
            kind::SUBMIT => {
                let (service, id) = (self.service()?, RequestId(self.varint()?));
                J::Submit { service, id, request: self.packed()? }
            }
            kind::CALL_OUT => {
                let (to, id) = (self.service()?, CallId(self.varint()?));
                J::CallOut { to, id, body: self.body()? }
            }
            kind::REPLY_OUT => {
                let id = CallId(self.varint()?);
                J::ReplyOut { id, body: self.body()? }
            }
            _ => {
                return Err(DecodeError { at: self.at - 1, problem: "unknown kind of entry" });
            }
        })
    }

    fn set(
        &mut self,
        value: impl FnOnce(&mut Decoder<'a>) -> Result<KeyValue>,
    ) -> Result<JournalEntry> {
        let (key, life) = (self.text()?, self.varint()?);
        let life = (life > 0).then_some(Nanos(life as i64));
        Ok(JournalEntry::Set { key, value: value(self)?, life })
    }

    fn member(&mut self, of: MemberOf) -> Result<JournalEntry> {
        let (key, field) = (self.text()?, self.text()?);
        Ok(JournalEntry::Member { of, key, field, value: self.text()? })
    }

    fn define(&mut self) -> Result<()> {
        let name = self.text()?;
        let count = self.varint()?;
        let mut fields = Vec::new();
        for _ in 0..count {
            fields.push(self.text()?);
        }
        Arc::make_mut(&mut self.defined).push((name.into(), fields.into()));
        Ok(())
    }

    fn body(&mut self) -> Result<BodyEntry> {
        let envelope = match self.byte()? {
            0 => {
                let mut fields = Vec::new();
                for _ in 0..self.varint()? {
                    fields.push((self.text()?, self.text()?));
                }
                return Ok(BodyEntry::Raw(fields));
            }
            1 => EnvelopeKind::Flat,
            2 => EnvelopeKind::Bus(match self.value()? {
                Some(Value::Id(id)) => Some(id),
                _ => None,
            }),
            3 => EnvelopeKind::Contract,
            _ => {
                return Err(DecodeError { at: self.at - 1, problem: "unknown envelope" });
            }
        };
        Ok(BodyEntry::Record(envelope, self.record()?))
    }

    fn record(&mut self) -> Result<RecordEntry> {
        let at = self.at;
        let index = self.varint()? as usize;
        let undefined = DecodeError { at, problem: "a record that was not defined" };
        let (name, fields) = self.defined.get(index).cloned().ok_or(undefined)?;
        let mut present = Vec::with_capacity(fields.len());
        for field in &*fields {
            if let Some(value) = self.value()? {
                present.push((field.clone(), value));
            }
        }
        Ok(RecordEntry { name: name.to_string(), fields: present })
    }

    /// One field of a record; an absent one is none.
    fn value(&mut self) -> Result<Option<Value>> {
        Ok(Some(match self.byte()? {
            tag::ABSENT => return Ok(None),
            tag::F64 => Value::Float(f64::from_bits(u64::from_le_bytes(self.array()?))),
            tag::I64 => {
                let zigzag = self.varint()?;
                Value::Signed((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64))
            }
            tag::U64 => Value::Unsigned(self.varint()?),
            tag::FALSE => Value::Bool(false),
            tag::TRUE => Value::Bool(true),
            tag::TEXT => Value::Text(self.text()?),
            tag::UUID => Value::Id(CorrelationId(u128::from_le_bytes(self.array()?))),
            tag::DECIMAL => {
                let (at, length) = (self.at, usize::from(self.byte()?));
                let decimal = crate::decimal_serde::unpack(self.take(length)?);
                let bad = DecodeError { at, problem: "a decimal that cannot be read" };
                Value::Decimal(decimal.ok_or(bad)?)
            }
            tag::TIME => Value::Time(Nanos(i64::from_le_bytes(self.array()?))),
            _ => {
                return Err(DecodeError { at: self.at - 1, problem: "unknown kind of field" });
            }
        }))
    }

    fn service(&mut self) -> Result<ServiceId> {
        Ok(ServiceId(self.varint()? as u16))
    }

    fn id(&mut self) -> Result<EntryId> {
        Ok(EntryId { ms: self.varint()?, seq: self.varint()? })
    }

    fn packed<T: serde::de::DeserializeOwned>(&mut self) -> Result<T> {
        let length = u32::from_le_bytes(self.array()?) as usize;
        let at = self.at;
        postcard::from_bytes(self.take(length)?)
            .map_err(|_| DecodeError { at, problem: "an exchange message that cannot be read" })
    }

    fn text(&mut self) -> Result<String> {
        let length = self.varint()? as usize;
        Ok(String::from_utf8_lossy(self.take(length)?).into_owned())
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len());
        let Some(end) = end else {
            return Err(DecodeError { at: self.at, problem: "the entry is cut off" });
        };
        let slice = &self.bytes[self.at..end];
        self.at = end;
        Ok(slice)
    }

    fn varint(&mut self) -> Result<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DecodeError { at: self.at, problem: "a number that does not end" })
    }
}
