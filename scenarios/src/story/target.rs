//! What somebody asks about, and where it stands in a journal.

use engine::nearest;

use super::chain::Reach;
use super::recording::{Kind, Recording};

/// What is to be explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The entry of this number.
    Entry(u64),
    /// The first entry that contains this text.
    Find(String),
    /// The order of this client order id, with what came of it.
    Order(String),
    /// The plan of this id, with what came of it.
    Plan(String),
}

/// Where it stands.
pub(super) struct Found {
    pub(super) entries: Vec<u32>,
    pub(super) reach: Reach,
}

impl Target {
    pub(super) fn find(&self, recording: &Recording) -> Result<Found, String> {
        let path = &recording.path;
        match self {
            Target::Entry(entry) => {
                let last = recording.entries().saturating_sub(1);
                if *entry > last || recording.rows.is_empty() {
                    return Err(format!(
                        "{path} has no entry {entry}: its entries are numbered from 0 to {last}; `qsim journal {path}` prints them"
                    ));
                }
                Ok(Found { entries: vec![*entry as u32], reach: Reach::Until })
            }
            Target::Find(text) => {
                if recording.naming.contains_key(text) {
                    return whole(recording, text, "id");
                }
                let first = (0..recording.rows.len() as u32)
                    .find(|entry| recording.text(u64::from(*entry)).contains(text));
                let first = first.ok_or_else(|| {
                    format!(
                        "no entry of {path} contains {text:?}; `qsim journal {path}` prints them all"
                    )
                })?;
                Ok(Found { entries: vec![first], reach: Reach::Until })
            }
            Target::Order(id) => whole(recording, id, "order"),
            Target::Plan(id) => whole(recording, id, "plan"),
        }
    }
}

/// All that an id brought about; it is about its orders, or else the last entry that names it.
fn whole(recording: &Recording, id: &str, what: &str) -> Result<Found, String> {
    let Some(named) = recording.naming.get(id) else {
        let known: Vec<&str> = recording.naming.keys().map(String::as_str).collect();
        let hint = nearest(id, &known).map_or_else(
            || {
                let some: Vec<&str> = orders(recording).into_iter().take(3).collect();
                if some.is_empty() {
                    "it has no orders at all".to_owned()
                } else {
                    format!("orders are for example {}", some.join(", "))
                }
            },
            |near| format!("did you mean {near}?"),
        );
        return Err(format!("no entry of {} names the {what} {id:?}; {hint}", recording.path));
    };
    // Its plan leads to the order, and the order is what the story is about.
    let submit = named.iter().rev().find(|entry| recording.row(**entry).kind == Kind::Submit);
    let marked = || {
        let ids = named.iter().flat_map(|entry| super::causes::ids_of(&recording.entry(*entry)));
        let mut submits = ids.filter_map(|id| {
            let entries = recording.naming.get(&id)?;
            let is_submit = |entry: &&u32| recording.row(**entry).kind == Kind::Submit;
            // A decision has many plans; this is about one.
            entries.iter().find(is_submit).filter(|_| is_order_id(recording, &id)).copied()
        });
        submits.next()
    };
    let last = named.iter().rev().find(|e| recording.row(**e).kind == Kind::Publish);
    let about = submit.copied().or_else(marked).or(last.copied()).or(named.last().copied());
    Ok(Found { entries: about.into_iter().collect(), reach: Reach::Whole })
}

fn is_order_id(recording: &Recording, id: &str) -> bool {
    let entries = recording.naming.get(id).into_iter().flatten();
    entries.clone().any(|entry| super::is_order(recording, *entry))
}

/// The client order ids of a journal.
fn orders(recording: &Recording) -> Vec<&str> {
    let ids = recording.naming.keys().map(String::as_str);
    ids.filter(|id| is_order_id(recording, id)).collect()
}
