//! What streams and keys hold: the one typed contract that writer and readers share.

use engine::TypedRecord;

/// A record as a table of its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Name of the type.
    pub record: &'static str,
    /// Its fields, as they are called on the bus.
    pub fields: &'static [&'static str],
    /// Their types; `Option<…>` may be absent.
    pub kinds: &'static [&'static str],
}

impl Shape {
    /// Of a record.
    pub const fn of<R: TypedRecord>() -> Shape {
        Shape { record: R::NAME, fields: R::FIELDS, kinds: R::KINDS }
    }
}

/// The envelopes of stream entries (MSE 1.2). Readers take all three; each stream is written in one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A: the bus envelope.
    Bus,
    /// B: the contract envelope.
    Contract,
    /// C: the business fields themselves.
    Flat,
}

/// What a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// A hash whose fields are those of a record.
    Hash(Shape),
    /// A string: a record as a JSON object.
    Json(Shape),
    /// A list, with what its members are.
    List(&'static str),
    /// A string: a number.
    Number,
    /// A string: set with `1`, `true` or `yes`.
    Switch,
    /// A string that says by being there that something is so.
    Mark,
    /// A hash of counters.
    Counters,
}

/// A hash of a record.
pub(crate) const fn hash<R: TypedRecord>() -> Holds {
    Holds::Hash(Shape::of::<R>())
}

/// A JSON string of a record.
pub(crate) const fn json<R: TypedRecord>() -> Holds {
    Holds::Json(Shape::of::<R>())
}
