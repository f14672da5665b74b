//! The entries of a journal as values: what came in, what went out, and of whom.

use std::fmt;

use crate::{
    CallId, CorrelationId, EntryId, ExchangeEvent, MarketEvent, Nanos, PositionRisk, Request,
    RequestId, ServiceId, TimerKey,
};
use rust_decimal::Decimal;

/// The value of a field, in the type in which it was written.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A float.
    Float(f64),
    /// A whole number that may be below zero.
    Signed(i64),
    /// A whole number.
    Unsigned(u64),
    /// A truth.
    Bool(bool),
    /// A text.
    Text(String),
    /// The id of a decision.
    Id(CorrelationId),
    /// An exact decimal.
    Decimal(Decimal),
    /// A point in time.
    Time(Nanos),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Float(number) => write!(f, "{number}"),
            Value::Signed(number) => write!(f, "{number}"),
            Value::Unsigned(number) => write!(f, "{number}"),
            Value::Bool(truth) => write!(f, "{truth}"),
            Value::Text(text) => f.write_str(text),
            Value::Id(id) => write!(f, "{id}"),
            Value::Decimal(number) => write!(f, "{number}"),
            Value::Time(time) => write!(f, "{time}"),
        }
    }
}

/// A record by the names of its fields; fields that were absent are not there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecordEntry {
    /// Its type.
    pub name: String,
    /// Its fields, in their order.
    pub fields: Vec<(String, Value)>,
}

impl RecordEntry {
    /// The field of that name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value)
    }
}

impl fmt::Display for RecordEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {{", self.name)?;
        for (field, value) in &self.fields {
            match value {
                Value::Text(text) => write!(f, " {field}={text:?}")?,
                value => write!(f, " {field}={value}")?,
            }
        }
        f.write_str(" }")
    }
}

/// The envelope of a record in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvelopeKind {
    /// The fields themselves.
    Flat,
    /// The bus envelope, with the id of the decision that it belongs to if it has one.
    Bus(Option<CorrelationId>),
    /// The contract envelope.
    Contract,
}

/// What an entry of a stream, a call or a reply says.
#[derive(Clone, Debug, PartialEq)]
pub enum BodyEntry {
    /// Raw fields, as they were written.
    Raw(Vec<(String, String)>),
    /// A record in its envelope.
    Record(EnvelopeKind, RecordEntry),
}

impl BodyEntry {
    /// The text of the field of that name.
    pub fn get(&self, name: &str) -> Option<String> {
        match self {
            BodyEntry::Raw(fields) => {
                fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone())
            }
            BodyEntry::Record(EnvelopeKind::Bus(Some(id)), _) if name == "correlation_id" => {
                Some(id.to_string())
            }
            BodyEntry::Record(_, record) => record.get(name).map(ToString::to_string),
        }
    }

    /// Names and texts of the fields that are there, the correlation id of the envelope first.
    pub fn texts(self) -> Vec<(String, String)> {
        match self {
            BodyEntry::Raw(fields) => fields,
            BodyEntry::Record(envelope, record) => {
                let mut fields = Vec::new();
                if let EnvelopeKind::Bus(id) = envelope {
                    let id = id.map_or(String::new(), |id| id.to_string());
                    fields.push(("correlation_id".to_owned(), id));
                }
                let texts = record.fields.into_iter();
                let texts = texts.map(|(name, value)| (name, value.to_string()));
                fields.extend(texts.filter(|(_, text)| !text.is_empty()));
                fields
            }
        }
    }
}

impl fmt::Display for BodyEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BodyEntry::Raw(fields) => {
                fields.iter().try_for_each(|(name, value)| write!(f, "{name}={value:?} "))
            }
            BodyEntry::Record(envelope, record) => {
                match envelope {
                    EnvelopeKind::Bus(Some(id)) => write!(f, "[{id}] ")?,
                    EnvelopeKind::Bus(None) => f.write_str("[] ")?,
                    EnvelopeKind::Flat | EnvelopeKind::Contract => {}
                }
                write!(f, "{record}")
            }
        }
    }
}

/// What a key was set to.
#[derive(Clone, Debug, PartialEq)]
pub enum KeyValue {
    /// A hash, by its fields.
    Hash(RecordEntry),
    /// The JSON text of a record.
    Json(RecordEntry),
    /// A string.
    Text(String),
}

/// Which collection a member was put into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberOf {
    /// A hash; the member has a field.
    Hash,
    /// A list, at its front.
    List,
    /// A set.
    Set,
}

/// One entry of a journal.
#[derive(Clone, Debug, PartialEq)]
pub enum JournalEntry {
    /// So many market events passed; who handled them is not journaled.
    Market(u64),
    /// A market event of a session whose market no data set has.
    MarketEvent(MarketEvent),
    /// What the bus answered, where others write on it, too.
    Tape(Vec<u8>),
    /// A market event reached a service that had been busy.
    LateMarket(ServiceId),
    /// A service started.
    Start(ServiceId),
    /// The run ended for a service.
    Stop(ServiceId),
    /// A timer fired.
    Timer(ServiceId, TimerKey),
    /// An entry of a stream reached a reader.
    Delivery {
        /// Of which service.
        service: ServiceId,
        /// Its place among the service's readers.
        reader: u64,
        /// Of the entry.
        id: EntryId,
    },
    /// The exchange answered or told.
    Exchange(ExchangeEvent),
    /// The exchange answered a request for positions.
    PositionRisk {
        /// Who asked.
        to: ServiceId,
        /// What was asked.
        request: RequestId,
        /// The answer.
        rows: Vec<PositionRisk>,
    },
    /// A call reached the service that is asked.
    Call(ServiceId, CallId),
    /// The answer to a call, or its absence, reached who asked.
    Reply {
        /// Who asked.
        service: ServiceId,
        /// Which call.
        id: CallId,
        /// Whether there is an answer.
        answered: bool,
    },
    /// The scenario did something.
    Action(String),
    /// Numbers that do not follow from our own rules.
    Outside(ServiceId, Vec<f64>),
    /// An entry was published.
    Publish {
        /// In which stream.
        stream: String,
        /// Its id.
        id: EntryId,
        /// What it says.
        body: BodyEntry,
    },
    /// A key was set.
    Set {
        /// Which.
        key: String,
        /// To what.
        value: KeyValue,
        /// For how long, if not for ever.
        life: Option<Nanos>,
    },
    /// A key was deleted.
    Delete(String),
    /// A key was given a life.
    Expire(String, Nanos),
    /// A member was put into a hash, a list or a set.
    Member {
        /// Which kind.
        of: MemberOf,
        /// The key of the collection.
        key: String,
        /// The field of a hash; else empty.
        field: String,
        /// The member.
        value: String,
    },
    /// A service sent a request to the exchange.
    Submit {
        /// Who.
        service: ServiceId,
        /// Its number.
        id: RequestId,
        /// What it asks.
        request: Request,
    },
    /// A service calls another.
    CallOut {
        /// Who is asked.
        to: ServiceId,
        /// Its number.
        id: CallId,
        /// What is asked.
        body: BodyEntry,
    },
    /// A service answers a call.
    ReplyOut {
        /// Which call.
        id: CallId,
        /// The answer.
        body: BodyEntry,
    },
}

impl JournalEntry {
    /// Whether it came in; what goes out follows from what came in before it.
    pub fn came_in(&self) -> bool {
        use JournalEntry as J;
        matches!(
            self,
            J::Market(_)
                | J::MarketEvent(_)
                | J::LateMarket(_)
                | J::Start(_)
                | J::Stop(_)
                | J::Timer(..)
                | J::Delivery { .. }
                | J::Exchange(_)
                | J::PositionRisk { .. }
                | J::Call(..)
                | J::Reply { .. }
                | J::Action(_)
        )
    }

    /// For a person. `services` are the names of the run's services.
    pub fn text(&self, services: &[String]) -> String {
        use JournalEntry as J;
        let name = |id: &ServiceId| {
            if *id == ServiceId::NOBODY {
                return "by hand".to_owned();
            }
            let known = services.get(usize::from(id.0)).cloned();
            known.unwrap_or_else(|| format!("service {}", id.0))
        };
        let lives = |life: &Option<Nanos>| {
            life.map_or(String::new(), |life| format!(" for {} ms", life.0 as u64 / 1_000_000))
        };
        match self {
            J::Market(count) => format!("{count} market events passed"),
            J::MarketEvent(event) => {
                format!("market of symbol {}: {:?}", event.symbol.0, event.data)
            }
            J::Tape(replies) => format!("{} bytes of replies of the bus", replies.len()),
            J::LateMarket(service) => {
                format!("a market event reaches the busy {}", name(service))
            }
            J::Start(service) => format!("start of {}", name(service)),
            J::Stop(service) => format!("stop of {}", name(service)),
            J::Timer(service, key) => format!("timer {} of {}", key.0, name(service)),
            J::Delivery { service, reader, id } => {
                format!("delivery to {} (reader {reader}) of {id}", name(service))
            }
            J::Exchange(event) => format!("from the exchange: {event:?}"),
            J::PositionRisk { to, request, rows } => format!(
                "from the exchange: answer to request {} of {}: {rows:?}",
                request.0,
                name(to)
            ),
            J::Call(service, id) => format!("call {} reaches {}", id.0, name(service)),
            J::Reply { service, id, answered } => {
                let how = if *answered { "reply to" } else { "time-out of" };
                format!("{how} call {} reaches {}", id.0, name(service))
            }
            J::Action(text) => format!("action: {text}"),
            J::Outside(service, numbers) => {
                format!("numbers from outside for {}: {numbers:?}", name(service))
            }
            J::Publish { stream, id, body } => format!("publish to {stream} as {id}: {body}"),
            J::Set { key, value: KeyValue::Hash(record), life } => {
                format!("set hash {key}{}: {record}", lives(life))
            }
            J::Set { key, value: KeyValue::Json(record), life } => {
                format!("set JSON string {key}{}: {record}", lives(life))
            }
            J::Set { key, value: KeyValue::Text(text), life } => {
                format!("set {key} = {text:?}{}", lives(life))
            }
            J::Delete(key) => format!("delete {key}"),
            J::Expire(key, life) => format!("expire {key} in {} ns", life.0 as u64),
            J::Member { key, field, value, .. } => format!("member of {key}: {field} = {value:?}"),
            J::Submit { service, id, request } => {
                format!("{} sends request {}: {request:?}", name(service), id.0)
            }
            J::CallOut { to, id, body } => format!("call {} to {}: {body}", id.0, name(to)),
            J::ReplyOut { id, body } => format!("reply to call {}: {body}", id.0),
        }
    }
}
