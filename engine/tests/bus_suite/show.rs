//! Answers as text that is the same for every bus: ids by the order in which they were added.

use std::collections::BTreeMap;

use engine::{BusError, Entry, EntryId, HashFields, Held, Resp, Ttl};

/// Ids of a stream, by the order of their addition.
#[derive(Debug, Default)]
pub struct Ids {
    by_order: Vec<EntryId>,
    order: BTreeMap<EntryId, usize>,
}

impl Ids {
    pub fn add(&mut self, id: EntryId) -> usize {
        self.by_order.push(id);
        self.order.insert(id, self.by_order.len());
        self.by_order.len()
    }

    pub fn clear(&mut self) {
        *self = Ids::default();
    }

    /// The id of one that was added not long ago.
    pub fn back(&self, back: usize) -> EntryId {
        let place = self.by_order.len().checked_sub(1 + back % 12);
        place.map_or(EntryId { ms: 1, seq: 1 }, |place| self.by_order[place])
    }

    pub fn show(&self, id: EntryId) -> String {
        match self.order.get(&id) {
            Some(order) => format!("#{order}"),
            None => format!("{id}"),
        }
    }
}

fn quoted(bytes: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(bytes))
}

pub fn entries(ids: &Ids, entries: &[Entry]) -> String {
    let one = |entry: &Entry| {
        let body = match &entry.body {
            None => "gone".to_owned(),
            Some(body) => {
                let fields = body.to_fields();
                let field = |(name, value): &(Box<[u8]>, Box<[u8]>)| {
                    format!("{}={}", String::from_utf8_lossy(name), quoted(value))
                };
                fields.0.iter().map(field).collect::<Vec<_>>().join(" ")
            }
        };
        format!("{} {body}", ids.show(entry.id))
    };
    format!("[{}]", entries.iter().map(one).collect::<Vec<_>>().join(", "))
}

pub fn outcome<T>(outcome: Result<T, BusError>, show: impl FnOnce(T) -> String) -> String {
    match outcome {
        Ok(answer) => show(answer),
        Err(error) => format!("({error})"),
    }
}

pub fn bytes(bytes: Option<Vec<u8>>) -> String {
    bytes.map_or("nil".to_owned(), |bytes| quoted(&bytes))
}

pub fn fields(mut fields: HashFields) -> String {
    fields.sort();
    let one = |(name, value): &(String, Vec<u8>)| format!("{name}={}", quoted(value));
    format!("{{{}}}", fields.iter().map(one).collect::<Vec<_>>().join(" "))
}

/// A typed record and its fields are the same.
pub fn held_hash(held: Held<'_, HashFields>) -> String {
    match held {
        Held::Absent => "nil".into(),
        Held::Raw(raw) => fields(raw),
        Held::Record(record) => {
            let mut all = HashFields::new();
            record.for_each_field(&mut |name, text| all.push((name.into(), text.into())));
            fields(all)
        }
    }
}

pub fn held_text(held: Held<'_, Vec<u8>>) -> String {
    match held {
        Held::Absent => "nil".into(),
        Held::Raw(raw) => quoted(&raw),
        Held::Record(record) => quoted(record.to_json().to_string().as_bytes()),
    }
}

/// How long is left depends on the clock; whether something is left does not.
pub fn ttl(ttl: Ttl) -> String {
    match ttl {
        Ttl::Absent => "-2".into(),
        Ttl::Persistent => "-1".into(),
        Ttl::Left(_) => "some".into(),
    }
}

pub fn resp(resp: &Resp) -> String {
    match resp {
        Resp::Nil => "nil".into(),
        Resp::Int(number) => number.to_string(),
        Resp::Bulk(bytes) => quoted(bytes),
        Resp::Status(word) => (*word).into(),
        Resp::Array(items) => {
            format!("[{}]", items.iter().map(self::resp).collect::<Vec<_>>().join(", "))
        }
        Resp::Error(text) => format!("({text})"),
    }
}
