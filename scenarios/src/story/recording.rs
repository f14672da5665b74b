//! A journal with its causes: of each entry when it was, whose it is, what it is about and what caused it.
//!
//! Invariant: a cause has a smaller number than what it caused.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use engine::{Blocks, DecodeError, Decoder, Definitions, JournalEntry, JournalFile, Nanos};
use serde_json::Value as Json;

use super::causes::Causes;
use super::wires::Wires;
use crate::ScenarioError;

/// No entry, no service, no place.
pub(crate) const NONE: u32 = u32::MAX;
/// No service.
pub(crate) const NOBODY: u16 = u16::MAX;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Market,
    LateMarket,
    Start,
    Stop,
    Timer,
    Delivery,
    Response,
    User,
    Call,
    Reply,
    Action,
    Outside,
    Publish,
    Key,
    Submit,
    CallOut,
    ReplyOut,
}

impl Kind {
    pub(crate) fn came_in(self) -> bool {
        self <= Kind::Action
    }
}

/// One entry, in short.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) time: Nanos,
    pub(super) block: u32,
    pub(super) at: u32,
    /// The entry that caused it.
    pub(crate) cause: u32,
    /// The number of a name: a stream, a key, a timer, a request.
    pub(crate) place: u32,
    /// Whose it is: who got it, or who did it.
    pub(crate) service: u16,
    pub(crate) kind: Kind,
}

impl Row {
    pub(crate) fn new(time: Nanos, kind: Kind) -> Row {
        Row { time, block: 0, at: 0, cause: NONE, place: NONE, service: NOBODY, kind }
    }
}

/// Names and their numbers, in the order in which they came up.
#[derive(Debug, Default)]
pub(crate) struct Names {
    numbers: BTreeMap<Arc<str>, u32>,
    names: Vec<Arc<str>>,
}

impl Names {
    pub(crate) fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let (number, name) = (self.names.len() as u32, Arc::from(name));
        self.numbers.insert(Arc::clone(&name), number);
        self.names.push(name);
        number
    }

    pub(crate) fn find(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    pub(crate) fn name(&self, number: u32) -> &str {
        self.names.get(number as usize).map_or("", |name| name)
    }

    /// All that begin so.
    pub(crate) fn starting<'n>(&'n self, start: &'n str) -> impl Iterator<Item = (&'n str, u32)> {
        let bounds = (Bound::Included(start), Bound::Unbounded);
        let from = self.numbers.range::<str, _>(bounds);
        from.map(|(name, number)| (&**name, *number))
            .take_while(move |(name, _)| name.starts_with(start))
    }
}

struct Block {
    first: u32,
    bytes: Vec<u8>,
    definitions: Definitions,
}

/// A journal, read whole, with its causes.
pub struct Recording {
    pub(crate) path: String,
    pub(crate) header: Json,
    pub(crate) wires: Wires,
    pub(crate) services: Vec<String>,
    blocks: Vec<Block>,
    pub(crate) rows: Vec<Row>,
    pub(crate) names: Names,
    /// Entries by the id of a plan, a decision or an order that they name.
    pub(crate) naming: BTreeMap<String, Vec<u32>>,
    /// Writes by the key's number.
    pub(crate) writes: Vec<Vec<u32>>,
    /// The digest of the entries, in hex.
    pub(crate) digest: String,
}

impl Recording {
    /// Reads a file.
    pub fn open(path: &Path) -> Result<Recording, ScenarioError> {
        let mut file = JournalFile::open(path)?;
        let blocks = Blocks::of(&mut file)?;
        Recording::of(&path.display().to_string(), file.header().clone(), blocks)
    }

    /// Of blocks that were kept in memory; `path` is what messages and commands call it.
    pub fn of(path: &str, header: Json, blocks: Blocks) -> Result<Recording, ScenarioError> {
        let digest = blocks.footer.as_ref().map_or(String::new(), |footer| footer.digest_hex());
        let wires = Wires::of(&header);
        let services = crate::services_of(&header);
        let mut recording = Recording {
            path: path.to_owned(),
            header,
            wires,
            services,
            blocks: Vec::with_capacity(blocks.blocks.len()),
            rows: Vec::new(),
            names: Names::default(),
            naming: BTreeMap::new(),
            writes: Vec::new(),
            digest,
        };
        let mut causes = Causes::new(&recording.wires);
        for (number, (first, bytes)) in blocks.blocks.into_iter().enumerate() {
            let mut decoder = Decoder::new(&bytes, &[]);
            loop {
                let at = decoder.position() as u32;
                let next = decoder.next_value();
                let next = next.map_err(|error| recording.damaged(&error))?;
                let Some((time, entry)) = next else { break };
                let mut row = causes.row(time, &entry, &mut recording);
                (row.block, row.at) = (number as u32, at);
                recording.rows.push(row);
            }
            let definitions = decoder.into_definitions();
            recording.blocks.push(Block { first: first as u32, bytes, definitions });
        }
        Ok(recording)
    }

    fn damaged(&self, error: &DecodeError) -> ScenarioError {
        ScenarioError::Build {
            origin: self.path.clone(),
            problem: format!(
                "entry {} cannot be read: {error}; read it with the qsim that recorded it",
                self.rows.len()
            ),
        }
    }

    /// Number of entries.
    pub fn entries(&self) -> u64 {
        self.rows.len() as u64
    }

    /// The entry itself. One that was read once can be read again.
    pub(crate) fn entry(&self, number: u32) -> JournalEntry {
        let nothing = JournalEntry::Market(0);
        let Some(row) = self.rows.get(number as usize) else { return nothing };
        let Some(block) = self.blocks.get(row.block as usize) else { return nothing };
        debug_assert!(block.first <= number, "the entry lies in its block");
        Decoder::value_at(&block.bytes, row.at as usize, &block.definitions).unwrap_or(nothing)
    }

    /// The entry as `qsim journal` prints it.
    pub fn text(&self, number: u64) -> String {
        self.entry(number as u32).text(&self.services)
    }

    pub(crate) fn row(&self, number: u32) -> &Row {
        &self.rows[number as usize]
    }

    /// The run's first instant: that of its first entry.
    pub fn start(&self) -> Nanos {
        self.rows.first().map_or(Nanos::ZERO, |row| row.time)
    }

    /// The run's last instant.
    pub fn end(&self) -> Nanos {
        self.rows.last().map_or(Nanos::ZERO, |row| row.time)
    }

    /// The name of a service, or of what is none.
    pub(crate) fn whose(&self, number: u32) -> &str {
        let row = self.row(number);
        match self.services.get(usize::from(row.service)) {
            Some(name) => name,
            None => match row.kind {
                Kind::Market => "market",
                Kind::User | Kind::Response => "exchange",
                Kind::Action => "scenario",
                _ => "?",
            },
        }
    }

    pub(crate) fn place(&self, number: u32) -> &str {
        self.names.name(self.row(number).place)
    }

    /// The first entry at or after `time`.
    pub(crate) fn first_at(&self, time: Nanos) -> u32 {
        self.rows.partition_point(|row| row.time < time) as u32
    }

    /// The newest write of a key before the entry `before`.
    pub(crate) fn newest_write(&self, key: u32, before: u32) -> Option<u32> {
        let writes = self.writes.get(key as usize)?;
        let count = writes.partition_point(|entry| *entry < before);
        count.checked_sub(1).map(|last| writes[last])
    }

    /// The input that `number` belongs to: itself, or what its service was handling.
    pub(crate) fn handled(&self, number: u32) -> u32 {
        let row = self.row(number);
        if row.kind.came_in() || row.cause == NONE { number } else { row.cause }
    }

    /// What the service of `input` did while it handled it.
    pub(crate) fn outputs(&self, input: u32) -> impl Iterator<Item = u32> {
        let from = input as usize + 1;
        let rest = self.rows.get(from..).unwrap_or_default();
        let taken = rest.iter().take_while(|row| !row.kind.came_in()).enumerate();
        taken.filter(move |(_, row)| row.cause == input).map(move |(n, _)| (from + n) as u32)
    }
}
