//! Answers of the server in the words of the bus.

use engine::{Body, BusError, Entry, EntryId, Fields, GroupInfo, Nanos, PendingRow, Resp};
use redis::{ServerError, Value};

/// An answer that does not have the shape that Redis 7 gives it.
#[derive(Debug)]
pub(super) struct Odd(pub(super) &'static str);

impl From<Odd> for BusError {
    fn from(odd: Odd) -> BusError {
        BusError::Other(format!("ERR the server's answer to {} cannot be read", odd.0))
    }
}

/// As the server sends it.
pub(super) fn error_text(error: &ServerError) -> String {
    match error.details() {
        Some(details) => format!("{} {details}", error.code()),
        None => error.code().to_owned(),
    }
}

pub(super) fn text(value: Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Value::SimpleString(word) => Some(word),
        Value::Okay => Some("OK".into()),
        Value::Int(number) => Some(number.to_string()),
        _ => None,
    }
}

pub(super) fn list(value: Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(items) => Some(items),
        Value::Nil => Some(Vec::new()),
        _ => None,
    }
}

pub(super) fn bytes(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        _ => None,
    }
}

pub(super) fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        _ => None,
    }
}

pub(super) fn id(value: Value) -> Option<EntryId> {
    text(value)?.parse().ok()
}

fn fields(value: Value) -> Option<Option<Fields>> {
    let Value::Array(words) = value else { return Some(None) };
    let mut pairs = Vec::with_capacity(words.len() / 2);
    let mut words = words.into_iter();
    while let (Some(name), Some(value)) = (words.next(), words.next()) {
        pairs.push((bytes(name)?.into_boxed_slice(), bytes(value)?.into_boxed_slice()));
    }
    Some(Some(Fields(pairs)))
}

fn entry(value: Value) -> Option<Entry> {
    let [there, body] = <[Value; 2]>::try_from(list(value)?).ok()?;
    let body = fields(body)?.map(|fields| Body::Fields(fields.into()));
    Some(Entry { id: id(there)?, body })
}

/// A list of entries, appended to `out`.
pub(super) fn entries(value: Value, out: &mut Vec<Entry>) -> Option<()> {
    for one in list(value)? {
        out.push(entry(one)?);
    }
    Some(())
}

/// Name and value pairs, as XINFO and HGETALL answer them.
fn pairs(value: Value) -> Option<Vec<(String, Value)>> {
    let mut rows = Vec::new();
    let mut words = list(value)?.into_iter();
    while let (Some(name), Some(value)) = (words.next(), words.next()) {
        rows.push((text(name)?, value));
    }
    Some(rows)
}

/// The fields of a hash, in the order of their names.
pub(super) fn hash(value: Value) -> Option<Vec<(String, Vec<u8>)>> {
    let rows = pairs(value)?.into_iter();
    let fields: Option<Vec<_>> = rows.map(|(name, value)| Some((name, bytes(value)?))).collect();
    let mut fields = fields?;
    fields.sort();
    Some(fields)
}

pub(super) fn pending_row(value: Value) -> Option<PendingRow> {
    let [there, consumer, idle, deliveries] = <[Value; 4]>::try_from(list(value)?).ok()?;
    Some(PendingRow {
        id: id(there)?,
        consumer: text(consumer)?,
        idle: Nanos::from_millis(number(&idle)?),
        deliveries: u64::try_from(number(&deliveries)?).ok()?,
    })
}

pub(super) fn group(value: Value) -> Option<GroupInfo> {
    let mut info = GroupInfo {
        name: String::new(),
        consumers: 0,
        pending: 0,
        last_delivered: EntryId::ZERO,
        entries_read: None,
        lag: None,
    };
    for (name, value) in pairs(value)? {
        // Negative where somebody claimed to have read more than there is.
        let count = number(&value).map(|count| u64::try_from(count).unwrap_or(0));
        match name.as_str() {
            "name" => info.name = text(value)?,
            "consumers" => info.consumers = count?,
            "pending" => info.pending = count?,
            "last-delivered-id" => info.last_delivered = id(value)?,
            "entries-read" => info.entries_read = count,
            "lag" => info.lag = count,
            _ => {}
        }
    }
    Some(info)
}

/// Any answer.
pub(super) fn resp(value: Value) -> Resp {
    match value {
        Value::Int(number) => Resp::Int(number),
        Value::BulkString(bytes) => Resp::Bulk(bytes),
        Value::Array(items) => Resp::Array(items.into_iter().map(resp).collect()),
        Value::Okay => Resp::Status("OK"),
        Value::SimpleString(word) => Resp::status(&word),
        Value::ServerError(error) => Resp::Error(error_text(&error)),
        // RESP2 has nothing else but nothing.
        _ => Resp::Nil,
    }
}
