//! Gathers what led to an entry: its causes back to the market, and what else belongs to the same plan or
//! decision.

use std::collections::{BTreeMap, BTreeSet};

use super::causes::{ids_of, is_plan};
use super::recording::{Kind, NOBODY, NONE, Recording};

/// One handling: an input and who handled it. An output of which no input is known stands for itself.
pub(super) type Handling = (u32, u16);

/// Of entries that name the same id, the first and the last few of each kind are told.
const REPEATS: usize = 2;
/// A chain is not followed further back than this.
const STEPS_MAX: usize = 400;

/// What is told.
pub(super) struct Chain<'r> {
    recording: &'r Recording,
    /// What of each handling is told.
    pub(super) steps: BTreeMap<Handling, BTreeSet<u32>>,
    /// What caused it.
    pub(super) because: BTreeMap<Handling, Handling>,
    /// Those on the way to what is explained.
    pub(super) way: BTreeSet<Handling>,
    /// Plans, decisions and orders that it is about.
    pub(super) ids: BTreeSet<String>,
}

/// How much of a plan's or order's life is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Up to the entry.
    Until,
    /// And what came of it.
    Whole,
}

impl<'r> Chain<'r> {
    pub(super) fn of(recording: &'r Recording, targets: &[u32], reach: Reach) -> Chain<'r> {
        let mut chain = Chain {
            recording,
            steps: BTreeMap::new(),
            because: BTreeMap::new(),
            way: BTreeSet::new(),
            ids: BTreeSet::new(),
        };
        for target in targets {
            chain.find_ids(*target);
        }
        for target in targets {
            chain.add(*target);
        }
        chain.way = chain.steps.keys().copied().collect();
        if let Some(target) = targets.last() {
            chain.add_named(*target, reach);
        }
        chain
    }

    /// What the target is about: its own ids, the plan of an order, the decision of a plan.
    fn find_ids(&mut self, target: u32) {
        let recording = self.recording;
        self.ids.extend(ids_of(&recording.entry(target)));
        for _ in 0..2 {
            for id in self.ids.clone() {
                for entry in recording.naming.get(&id).into_iter().flatten().take(40) {
                    let row = recording.row(*entry);
                    let plans = row.kind == Kind::Publish
                        && recording.place(*entry).ends_with(":apply.plan");
                    let is_order = !is_plan(&id) && !id.contains('-') || id.ends_with("-1");
                    let marks = is_order && matches!(row.kind, Kind::Key | Kind::Publish);
                    if plans || marks {
                        self.ids.extend(ids_of(&recording.entry(*entry)));
                    }
                }
            }
        }
    }

    /// The handling to which an entry belongs.
    pub(super) fn handling(&self, entry: u32) -> Handling {
        let row = self.recording.row(entry);
        let input = self.recording.handled(entry);
        (input, row.service)
    }

    /// Adds an entry with all that caused it.
    fn add(&mut self, entry: u32) {
        let mut waiting = vec![entry];
        while let Some(entry) = waiting.pop() {
            if self.steps.len() > STEPS_MAX {
                return;
            }
            let handling = self.handling(entry);
            let new = !self.steps.contains_key(&handling);
            let outs = self.steps.entry(handling).or_default();
            if !self.recording.row(entry).kind.came_in() {
                outs.insert(entry);
            }
            if !new {
                continue;
            }
            if let Some(cause) = self.cause(handling, entry) {
                self.because.insert(handling, self.handling(cause));
                waiting.push(cause);
            }
        }
    }

    /// The output that led to the handling's input.
    fn cause(&self, handling: Handling, entry: u32) -> Option<u32> {
        let row = self.recording.row(handling.0);
        match row.kind {
            Kind::Timer => self.set_by(handling, entry),
            kind if kind.came_in() => (row.cause != NONE).then_some(row.cause),
            _ => None,
        }
    }

    /// Nobody journals who sets a timer. Of one that works on a plan it was the service itself, when it last
    /// had to do with that plan.
    fn set_by(&self, handling: Handling, entry: u32) -> Option<u32> {
        let recording = self.recording;
        let of_entry = ids_of(&recording.entry(entry));
        let mut ids: BTreeSet<String> = of_entry.into_iter().collect();
        // An order, or the leverage set before it, names its plan only in the marks beside it.
        for output in recording.outputs(handling.0) {
            let named = ids_of(&recording.entry(output));
            if recording.row(output).service == handling.1
                && named.iter().any(|id| ids.contains(id) || self.ids.contains(id))
            {
                ids.extend(named);
            }
        }
        let before = |id: &String| {
            let entries = recording.naming.get(id)?;
            let count = entries.partition_point(|one| *one < handling.0);
            let own = entries[..count].iter().rev().take(64);
            let mut own = own.filter(|one| recording.row(**one).service == handling.1);
            own.next().copied()
        };
        ids.iter().filter_map(before).max()
    }

    /// Adds what names the same plan or decision: before the target all of it, after it what came of it.
    fn add_named(&mut self, target: u32, reach: Reach) {
        let recording = self.recording;
        let mut by_kind: BTreeMap<(Kind, u16, u32), Vec<u32>> = BTreeMap::new();
        let mut after = BTreeSet::new();
        for id in &self.ids {
            for entry in recording.naming.get(id).into_iter().flatten() {
                let row = recording.row(*entry);
                let named = match row.kind {
                    // A state that is written again and again belongs to the plan only by its name.
                    Kind::Key => self.is_of_plan(recording.place(*entry)),
                    Kind::Publish => tells(recording.place(*entry)),
                    _ => true,
                };
                // A decision leads to many plans; what came of this one names the plan or its order.
                let own = !is_decision(id) && row.kind != Kind::Key;
                match *entry <= target {
                    true if named => {
                        by_kind.entry((row.kind, row.service, row.place)).or_default().push(*entry);
                    }
                    false if named && own && reach == Reach::Whole => {
                        after.insert(*entry);
                    }
                    _ => {}
                }
            }
        }
        for entries in by_kind.values_mut() {
            entries.sort_unstable();
            entries.dedup();
            let count = entries.len();
            for (place, entry) in entries.iter().enumerate() {
                if place < REPEATS || place + REPEATS >= count {
                    self.add(*entry);
                }
            }
        }
        for entry in after {
            let handling = self.handling(entry);
            let caused = self.steps.contains_key(&handling)
                || self.cause(handling, entry).is_some_and(|cause| {
                    self.steps.get(&self.handling(cause)).is_some_and(|outs| outs.contains(&cause))
                });
            if caused {
                self.add(entry);
            }
        }
    }

    fn is_of_plan(&self, key: &str) -> bool {
        let noise =
            ["dedup", ":seen:", ":waiting:", ":done:"].iter().any(|part| key.contains(part));
        !noise && key.split(':').any(|part| is_plan(part) && self.ids.contains(part))
    }

    /// The handlings in their order: by what came in, then by who handled it.
    pub(super) fn in_order(&self) -> Vec<Handling> {
        let mut all: Vec<Handling> = self.steps.keys().copied().collect();
        let place = |handling: &Handling| {
            let first = self.steps.get(handling).and_then(|outs| outs.first().copied());
            (handling.0, first.unwrap_or(handling.0), handling.1)
        };
        all.sort_by_key(place);
        all
    }

    /// Whether somebody did something that reaches others: an entry, an order, a permit.
    pub(super) fn decides(&self, handling: &Handling) -> bool {
        let Some(outs) = self.steps.get(handling) else { return false };
        handling.1 != NOBODY
            && outs.iter().any(|out| {
                matches!(self.recording.row(*out).kind, Kind::Publish | Kind::Submit | Kind::Key)
            })
    }
}

/// The ids of decisions are UUIDs.
fn is_decision(id: &str) -> bool {
    id.len() == 36 && id.matches('-').count() == 4
}

/// Streams that repeat a state again and again, whatever plan it names.
fn tells(stream: &str) -> bool {
    !["position.update", "portfolio.state", "heartbeat"].iter().any(|name| stream.ends_with(name))
}
