//! Reads the entries of a block back, as text for a person.

use std::fmt::Write as _;

use super::{Publication, kind};
use crate::record::tag;
use crate::{CorrelationId, EntryId, ExchangeEvent, Nanos, Request, ServiceId};

/// One entry, readable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// When.
    pub time: Nanos,
    /// What.
    pub text: String,
}

/// Walks the entries of one block.
pub struct Decoder<'a> {
    bytes: &'a [u8],
    at: usize,
    time: i64,
    defined: Vec<(String, Vec<String>)>,
    services: &'a [String],
}

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

/// How a text is shown.
#[derive(Clone, Copy)]
enum Text {
    /// In quotes, for a person.
    Quoted,
    /// As it is.
    Plain,
}

impl<'a> Decoder<'a> {
    /// From the start of a block. `services` are the names of the run's services.
    pub fn new(bytes: &'a [u8], services: &'a [String]) -> Decoder<'a> {
        Decoder { bytes, at: 0, time: 0, defined: Vec::new(), services }
    }

    /// Where the next entry begins.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The next entry, or `None` at the end of the block. Definitions and time marks are skipped.
    pub fn next_entry(&mut self) -> Result<Option<Decoded>> {
        let Some(first) = self.head()? else { return Ok(None) };
        let text = self.entry(first)?;
        Ok(Some(Decoded { time: Nanos(self.time), text }))
    }

    /// The next entry of a stream, or `None` where the block has no more of them; what lies between is
    /// passed over.
    pub fn next_publication(&mut self) -> Result<Option<(Nanos, Publication)>> {
        while let Some(first) = self.head()? {
            if first == kind::PUBLISH {
                let (stream, _) = (self.text()?, self.id()?);
                let fields = self.fields()?;
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
                let service = ServiceId(self.varint()? as u16);
                return Ok(Some((service, self.numbers()?)));
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

    /// The fields of an entry's body that are present.
    fn fields(&mut self) -> Result<Vec<(String, String)>> {
        let mut fields = Vec::new();
        match self.byte()? {
            0 => {
                for _ in 0..self.varint()? {
                    fields.push((self.text()?, self.text()?));
                }
                return Ok(fields);
            }
            2 => fields.push(("correlation_id".to_owned(), self.value(Text::Plain)?)),
            1 | 3 => {}
            _ => {
                return Err(DecodeError { at: self.at - 1, problem: "unknown envelope" });
            }
        }
        let at = self.at;
        let index = self.varint()? as usize;
        let undefined = DecodeError { at, problem: "a record that was not defined" };
        let (_, names) = self.defined.get(index).cloned().ok_or(undefined)?;
        for name in names {
            let value = self.value(Text::Plain)?;
            if !value.is_empty() {
                fields.push((name, value));
            }
        }
        Ok(fields)
    }

    fn entry(&mut self, first: u8) -> Result<String> {
        Ok(match first {
            kind::MARKET => format!("{} market events passed", self.varint()?),
            kind::START => format!("start of {}", self.service()?),
            kind::STOP => format!("stop of {}", self.service()?),
            kind::TIMER => format!("timer {1} of {0}", self.service()?, self.varint()?),
            kind::DELIVERY => {
                format!(
                    "delivery to {} (reader {}) of {}",
                    self.service()?,
                    self.varint()?,
                    self.id()?
                )
            }
            kind::EXCHANGE => format!("from the exchange: {:?}", self.packed::<ExchangeEvent>()?),
            kind::POSITION_RISK => {
                let (to, request) = (self.service()?, self.varint()?);
                let rows = self.packed::<Vec<crate::PositionRisk>>()?;
                format!("from the exchange: answer to request {request} of {to}: {rows:?}")
            }
            kind::CALL => format!("call {1} reaches {0}", self.service()?, self.varint()?),
            kind::REPLY => {
                let (service, id) = (self.service()?, self.varint()?);
                let how = if self.byte()? == 1 { "reply to" } else { "time-out of" };
                format!("{how} call {id} reaches {service}")
            }
            kind::ACTION => format!("action: {}", self.text()?),
            kind::OUTSIDE => {
                format!("numbers from outside for {}: {:?}", self.service()?, self.numbers()?)
            }
            kind::LATE_MARKET => format!("a market event reaches the busy {}", self.service()?),
            kind::PUBLISH => {
                format!("publish to {} as {}: {}", self.text()?, self.id()?, self.body()?)
            }
            kind::SET_RECORD => self.keyed_record("hash")?,
            kind::SET_JSON => self.keyed_record("JSON string")?,
            kind::SET => {
                let (key, life) = (self.text()?, self.life()?);
                format!("set {key} = {:?}{life}", self.text()?)
            }
            kind::DEL => format!("delete {}", self.text()?),
            kind::EXPIRE => format!("expire {} in {} ns", self.text()?, self.varint()?),
            kind::HASH_SET | kind::LIST_PUSH | kind::SET_ADD => {
                format!("member of {}: {} = {:?}", self.text()?, self.text()?, self.text()?)
            }
            kind::SUBMIT => {
                let (service, id) = (self.service()?, self.varint()?);
                format!("{service} sends request {id}: {:?}", self.packed::<Request>()?)
            }
            kind::CALL_OUT => {
                format!("call {1} to {0}: {2}", self.service()?, self.varint()?, self.body()?)
            }
            kind::REPLY_OUT => format!("reply to call {}: {}", self.varint()?, self.body()?),
            _ => {
                return Err(DecodeError { at: self.at - 1, problem: "unknown kind of entry" });
            }
        })
    }

    fn keyed_record(&mut self, what: &str) -> Result<String> {
        let (key, life) = (self.text()?, self.life()?);
        Ok(format!("set {what} {key}{life}: {}", self.record()?))
    }

    fn life(&mut self) -> Result<String> {
        let life = self.varint()?;
        Ok(if life == 0 { String::new() } else { format!(" for {} ms", life / 1_000_000) })
    }

    fn define(&mut self) -> Result<()> {
        let name = self.text()?;
        let count = self.varint()?;
        let mut fields = Vec::new();
        for _ in 0..count {
            fields.push(self.text()?);
        }
        self.defined.push((name, fields));
        Ok(())
    }

    fn body(&mut self) -> Result<String> {
        let mut text = String::new();
        match self.byte()? {
            0 => {
                for _ in 0..self.varint()? {
                    let (name, value) = (self.text()?, self.text()?);
                    let _ = write!(text, "{name}={value:?} ");
                }
                return Ok(text);
            }
            2 => {
                let correlation = self.value(Text::Quoted)?;
                let _ = write!(text, "[{correlation}] ");
            }
            1 | 3 => {}
            _ => {
                return Err(DecodeError { at: self.at - 1, problem: "unknown envelope" });
            }
        }
        text.push_str(&self.record()?);
        Ok(text)
    }

    fn record(&mut self) -> Result<String> {
        let at = self.at;
        let index = self.varint()? as usize;
        let undefined = DecodeError { at, problem: "a record that was not defined" };
        let (name, fields) = self.defined.get(index).cloned().ok_or(undefined)?;
        let mut text = format!("{name} {{");
        for field in fields {
            let value = self.value(Text::Quoted)?;
            if !value.is_empty() {
                let _ = write!(text, " {field}={value}");
            }
        }
        text.push_str(" }");
        Ok(text)
    }

    /// One field of a record; an absent one is empty.
    fn value(&mut self, shown: Text) -> Result<String> {
        Ok(match self.byte()? {
            tag::ABSENT => String::new(),
            tag::F64 => f64::from_bits(u64::from_le_bytes(self.array()?)).to_string(),
            tag::I64 => {
                let zigzag = self.varint()?;
                ((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64)).to_string()
            }
            tag::U64 => self.varint()?.to_string(),
            tag::FALSE => "false".to_owned(),
            tag::TRUE => "true".to_owned(),
            tag::TEXT => {
                let length = self.varint()? as usize;
                let text = self.take(length)?;
                let text = String::from_utf8_lossy(text);
                match shown {
                    Text::Quoted => format!("{text:?}"),
                    Text::Plain => text.into_owned(),
                }
            }
            tag::UUID => CorrelationId(u128::from_le_bytes(self.array()?)).to_string(),
            tag::DECIMAL => {
                let (at, length) = (self.at, usize::from(self.byte()?));
                let decimal = crate::decimal_serde::unpack(self.take(length)?);
                let bad = DecodeError { at, problem: "a decimal that cannot be read" };
                decimal.ok_or(bad)?.to_string()
            }
            tag::TIME => Nanos(i64::from_le_bytes(self.array()?)).to_string(),
            _ => {
                return Err(DecodeError { at: self.at - 1, problem: "unknown kind of field" });
            }
        })
    }

    fn service(&mut self) -> Result<String> {
        let index = self.varint()? as usize;
        if index == usize::from(ServiceId::NOBODY.0) {
            return Ok("by hand".to_owned());
        }
        Ok(self.services.get(index).cloned().unwrap_or_else(|| format!("service {index}")))
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
