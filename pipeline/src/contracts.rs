//! What streams and keys hold: the one typed contract that writer and readers share.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use engine::{Body, Malformed, Nanos, Trim, TypedRecord};

use crate::PipelineSettings;
use crate::keys::KEYS;
use crate::map::{PipelineMap, Place};
use crate::streams::STREAMS;

/// A record as a table of its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Name of the type.
    pub record: &'static str,
    /// Its fields, as they are called on the bus.
    pub fields: &'static [&'static str],
    /// Their types; `Option<…>` may be absent.
    pub kinds: &'static [&'static str],
    /// Tries whether something is such a record.
    pub reads: Reads,
}

/// Looks a field up by its name.
type Lookup<'l, 't> = dyn Fn(&str) -> Option<&'t str> + 'l;

/// How a record is tried, where its type is not at hand.
#[derive(Clone, Copy)]
pub struct Reads {
    /// As the fields of a hash.
    pub fields: for<'l, 't> fn(&Lookup<'l, 't>) -> Result<(), Malformed>,
    /// As a JSON object.
    pub json: fn(&serde_json::Value) -> Result<(), Malformed>,
    /// As the body of an entry.
    pub body: fn(&Body) -> Result<(), Malformed>,
}

impl Reads {
    const fn of<R: TypedRecord>() -> Reads {
        Reads {
            fields: |get| R::from_fields(get).map(drop),
            json: |json| R::from_json(json).map(drop),
            body: |body| body.read::<R>().map(drop),
        }
    }
}

impl std::fmt::Debug for Reads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reads")
    }
}

/// Records of one name are read in one way.
impl PartialEq for Reads {
    fn eq(&self, _: &Reads) -> bool {
        true
    }
}

impl Eq for Reads {}

impl Shape {
    /// Of a record.
    pub const fn of<R: TypedRecord>() -> Shape {
        let reads = Reads::of::<R>();
        Shape { record: R::NAME, fields: R::FIELDS, kinds: R::KINDS, reads }
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
    /// A string, with what it says.
    Text(&'static str),
    /// A string that says by being there that something is so.
    Mark,
    /// A hash of counters.
    Counters,
    /// A hash of numbers, with what they are.
    Table(&'static str),
}

/// A hash of a record.
pub(crate) const fn hash<R: TypedRecord>() -> Holds {
    Holds::Hash(Shape::of::<R>())
}

/// A JSON string of a record.
pub(crate) const fn json<R: TypedRecord>() -> Holds {
    Holds::Json(Shape::of::<R>())
}

impl Form {
    fn name(self) -> &'static str {
        match self {
            Form::Bus => "A, bus",
            Form::Contract => "B, contract",
            Form::Flat => "C, flat",
        }
    }
}

impl Holds {
    /// The record, if it is one.
    pub fn shape(&self) -> Option<Shape> {
        match self {
            Holds::Hash(shape) | Holds::Json(shape) => Some(*shape),
            _ => None,
        }
    }

    fn name(&self) -> String {
        match self {
            Holds::Hash(shape) => format!("hash of {}", link(shape)),
            Holds::Json(shape) => format!("JSON of {}", link(shape)),
            Holds::List(members) => format!("list: {members}"),
            Holds::Number => "number".to_owned(),
            Holds::Switch => "switch: `1`, `true` or `yes`".to_owned(),
            Holds::Text(what) => format!("text: {what}"),
            Holds::Mark => "mark: that it is there counts".to_owned(),
            Holds::Counters => "hash of counters".to_owned(),
            Holds::Table(what) => format!("hash: {what}"),
        }
    }
}

fn link(shape: &Shape) -> String {
    format!("[{}](#{})", shape.record, shape.record.to_lowercase())
}

fn who(names: &[String]) -> String {
    if names.is_empty() { "—".to_owned() } else { names.join(", ") }
}

/// All contracts as Markdown: streams, keys and the records in them, with who writes and who reads them where
/// all services run.
pub fn markdown() -> String {
    let settings = PipelineSettings::all_enabled();
    // Without symbols nothing of a service's settings contradicts itself.
    let map = PipelineMap::of(&settings, &[]).ok();
    let place = |of: fn(&PipelineMap) -> &BTreeMap<String, Place>, name: &str| {
        map.as_ref().and_then(|map| of(map).get(name)).cloned().unwrap_or_default()
    };
    let mut shapes: BTreeMap<&str, Shape> = BTreeMap::new();
    let mut out =
        "# Contracts\n\nMade by `qsim pipeline contracts`: do not edit; change the record, the \
                   stream (`streams.rs`) or the key (`keys.rs`).\n\n## Streams\n\n\
                   | stream | what | envelope | record | at most | written by | read by |\n\
                   | --- | --- | --- | --- | --- | --- | --- |\n"
            .to_owned();
    let mut streams = STREAMS.to_vec();
    streams.sort_by_key(|stream| stream.name);
    for stream in streams {
        let bound = match stream.trim {
            Trim::Keep => "no bound".to_owned(),
            Trim::Exact(count) => count.to_string(),
            Trim::Approximate(count) => format!("~{count}"),
        };
        let Place { writers, readers } = place(|map| &map.streams, stream.name);
        shapes.insert(stream.shape.record, stream.shape);
        let _ = writeln!(
            out,
            "| `{}` |{} | {} | {} | {bound} | {} | {} |",
            stream.name,
            stream.about,
            stream.form.name(),
            link(&stream.shape),
            who(&writers),
            who(&readers)
        );
    }
    out.push_str(
        "\n## Keys\n\n| key | what | holds | lives | written by | read by |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    let mut keys = KEYS.to_vec();
    keys.sort_by_key(|key| key.pattern());
    for key in keys {
        let life = key.life.map_or("stays".to_owned(), |life: Nanos| format!("{} s", life.secs()));
        let Place { writers, readers } = place(|map| &map.keys, &key.pattern());
        if let Some(shape) = key.holds.shape() {
            shapes.insert(shape.record, shape);
        }
        let _ = writeln!(
            out,
            "| `{}` |{} | {} | {life} | {} | {} |",
            key.pattern(),
            key.about,
            key.holds.name(),
            who(&writers),
            who(&readers)
        );
    }
    out.push_str("\n## Records\n\nA field whose type is `Option<…>` may be absent.\n");
    for shape in shapes.values() {
        let _ = writeln!(out, "\n### {}\n\n| field | type |\n| --- | --- |", shape.record);
        for (field, kind) in shape.fields.iter().zip(shape.kinds) {
            let _ = writeln!(out, "| `{field}` | `{}` |", plain(kind));
        }
    }
    out
}

/// A type as the macro saw it, without what only the compiler needs.
fn plain(kind: &str) -> String {
    kind.replace("Cow<'static, str>", "text").replace("String", "text").replace(' ', "")
}
