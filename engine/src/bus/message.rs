//! What a stream entry says: raw fields, or a typed record in one of the pipeline's envelopes.

use std::fmt;
use std::sync::Arc;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{CorrelationId, FieldValue as _, IsoTime, Malformed, Nanos, Record, TypedRecord};

/// A field's name and value.
type FieldBytes = (Box<[u8]>, Box<[u8]>);

/// The fields of an entry, in order, as bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fields(pub Vec<FieldBytes>);

impl Fields {
    /// From text pairs.
    pub fn from_text(pairs: &[(&str, &str)]) -> Fields {
        let bytes = |t: &str| t.as_bytes().to_vec().into_boxed_slice();
        Fields(pairs.iter().map(|(name, value)| (bytes(name), bytes(value))).collect())
    }

    /// The first field of that name, if it is text.
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(n, _)| &**n == name.as_bytes())?;
        std::str::from_utf8(value).ok()
    }
}

/// The envelope of an entry (market-signal-entry 1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Envelope {
    /// Form C: the business fields themselves.
    Flat,
    /// Form A, the bus envelope: event_type, payload (JSON), trace_id, correlation_id, timestamp, source.
    Bus {
        /// Name of the event, as in `quantum:stream:{event_type}`.
        event_type: &'static str,
        /// The service that wrote it.
        source: &'static str,
        /// The decision that it belongs to.
        correlation_id: CorrelationId,
        /// Event time.
        time: Nanos,
    },
    /// Form B, the contract envelope: event_type, payload, timestamp, source.
    Contract {
        /// Name of the event.
        event_type: &'static str,
        /// The service that wrote it.
        source: &'static str,
        /// Event time.
        time: Nanos,
    },
}

/// A typed record in its envelope; one allocation for both.
#[derive(Debug)]
pub struct Enveloped<R> {
    /// The envelope.
    pub envelope: Envelope,
    /// The record.
    pub record: R,
}

/// A typed entry whose record type is not known here.
pub trait Message: Send + Sync + fmt::Debug {
    /// Its envelope.
    fn envelope(&self) -> &Envelope;
    /// Its record.
    fn record(&self) -> &dyn Record;
}

impl<R: Record> Message for Enveloped<R> {
    fn envelope(&self) -> &Envelope {
        &self.envelope
    }
    fn record(&self) -> &dyn Record {
        &self.record
    }
}

/// The body of an entry. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Body {
    /// Raw fields, from a tool, a scenario or a real server.
    Fields(Arc<Fields>),
    /// A typed record.
    Message(Arc<dyn Message>),
}

impl Body {
    /// A typed record in its envelope.
    pub fn message<R: Record>(envelope: Envelope, record: R) -> Body {
        Body::Message(Arc::new(Enveloped { envelope, record }))
    }

    /// Raw fields.
    pub fn fields(pairs: &[(&str, &str)]) -> Body {
        Body::Fields(Arc::new(Fields::from_text(pairs)))
    }

    /// Reads the entry as a record, whichever of the three envelopes it came in. An unknown envelope
    /// or a bad field is [`Malformed`]: such an entry goes to the dead letters.
    pub fn read<R: TypedRecord>(&self) -> Result<Cow<'_, R>, Malformed> {
        match self {
            Body::Message(message) => {
                let record = message.record();
                if let Some(typed) = record.as_any().downcast_ref::<R>() {
                    return Ok(Cow::Borrowed(typed));
                }
                // Another type with the same fields: read it as a foreign reader would.
                R::from_json(&record.to_json()).map(Cow::Owned)
            }
            Body::Fields(fields) => read_fields::<R>(fields).map(Cow::Owned),
        }
    }

    /// The correlation id of the envelope, or of the field of that name.
    pub fn correlation_id(&self) -> Option<CorrelationId> {
        match self {
            Body::Message(message) => match message.envelope() {
                Envelope::Bus { correlation_id, .. } => Some(*correlation_id),
                _ => None,
            },
            Body::Fields(fields) => fields.get("correlation_id")?.parse().ok(),
        }
    }

    /// The entry as Redis holds it.
    pub fn to_fields(&self) -> Cow<'_, Fields> {
        match self {
            Body::Fields(fields) => Cow::Borrowed(fields),
            Body::Message(message) => Cow::Owned(message_fields(&**message)),
        }
    }
}

fn read_fields<R: TypedRecord>(fields: &Fields) -> Result<R, Malformed> {
    let Some(payload) = fields.get("payload") else {
        if R::FIELDS.iter().any(|name| fields.get(name).is_some()) {
            return R::from_fields(&|name| fields.get(name));
        }
        return Err(Malformed {
            record: R::NAME,
            field: "envelope".into(),
            problem: "neither a payload nor a field of the record is there".into(),
        });
    };
    let json: Json = serde_json::from_str(payload).map_err(|error| Malformed {
        record: R::NAME,
        field: "payload".into(),
        problem: format!("not JSON: {error}"),
    })?;
    R::from_json(&json)
}

fn message_fields(message: &dyn Message) -> Fields {
    let mut fields = Fields::default();
    let mut push = |name: &str, value: &str| {
        fields.0.push((name.as_bytes().into(), value.as_bytes().into()));
    };
    match *message.envelope() {
        Envelope::Flat => message.record().for_each_field(&mut |name, text| push(name, text)),
        Envelope::Bus { event_type, source, correlation_id, time } => {
            push("event_type", event_type);
            push("payload", &message.record().to_json().to_string());
            push("trace_id", "");
            push("correlation_id", &correlation_id.to_string());
            // Form A has no zone suffix.
            push("timestamp", iso(time).trim_end_matches('Z'));
            push("source", source);
        }
        Envelope::Contract { event_type, source, time } => {
            push("event_type", event_type);
            push("payload", &message.record().to_json().to_string());
            push("timestamp", &iso(time));
            push("source", source);
        }
    }
    fields
}

fn iso(time: Nanos) -> String {
    let mut text = String::new();
    IsoTime(time).write_text(&mut text);
    text
}
