//! The story of an entry: the chain of causes from the market to what went out, the keys that mattered, and
//! the commands that show it again.

mod causes;
mod chain;
mod chains;
mod diff;
mod flow;
mod keys;
mod naming;
#[cfg(test)]
#[path = "tests.rs"]
mod of_runs;
mod recording;
mod show;
mod target;
mod window;
mod wires;
mod words;

pub use chains::chains;
pub use diff::{Differences, Parting, Side, Unlike, diff};
pub(crate) use flow::{Outcome, decided, decides};
pub use flow::{gates, topology};
pub use keys::KeyRead;
pub use recording::Recording;
pub use target::Target;
pub use window::{Around, draft};

use engine::{JournalEntry, Nanos};
use serde::Serialize;

use chain::{Chain, Handling, Reach};
use recording::{Kind, NONE};
use words::Grids;

/// What somebody did when something came in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Its number in the story, counted from 1.
    pub number: usize,
    /// The entry that came in, or else the one that went out.
    pub entry: u64,
    /// When, ISO-8601.
    pub time: String,
    /// Since the start of the run.
    pub offset: String,
    /// Who.
    pub service: String,
    /// What came in.
    pub came_in: String,
    /// What went out, as far as it belongs to the story.
    pub went_out: Vec<Out>,
    /// The step that caused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<usize>,
    /// How many steps stand between it and the beginning of its branch.
    pub depth: usize,
}

/// Something that went out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Out {
    /// Its entry.
    pub entry: u64,
    /// What it says.
    pub text: String,
    /// It is what was asked about.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub asked: bool,
}

/// A story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Story {
    /// The journal.
    pub journal: String,
    /// Name of the scenario.
    pub scenario: String,
    /// Its seed.
    pub seed: Option<u64>,
    /// What is explained, in words.
    pub about: String,
    /// Oldest first.
    pub steps: Vec<Step>,
    /// What the services that decided had before them.
    pub keys: Vec<KeyRead>,
    /// Commands that show it again.
    pub commands: Vec<String>,
}

/// The story of one entry, up to it.
pub fn story(recording: &Recording, entry: u64) -> Story {
    let entry = (entry as u32).min(recording.rows.len().saturating_sub(1) as u32);
    tell(recording, &[entry], Reach::Until)
}

/// The story of what was asked about; or why there is none, in words.
pub fn explain(recording: &Recording, target: &Target) -> Result<Story, String> {
    let found = target.find(recording)?;
    Ok(tell(recording, &found.entries, found.reach))
}

fn tell(recording: &Recording, targets: &[u32], reach: Reach) -> Story {
    let chain = Chain::of(recording, targets, reach);
    let order = chain.in_order();
    let number = |handling: &Handling| order.iter().position(|one| one == handling);
    let mut steps: Vec<Step> = Vec::new();
    for (place, handling) in order.iter().enumerate() {
        let because = chain.because.get(handling).and_then(number);
        let depth = because.and_then(|cause| steps.get(cause)).map_or(0, |step| step.depth + 1);
        steps.push(step(recording, &chain, handling, targets, (place, because, depth)));
    }
    let about = targets.last().map_or(String::new(), |last| about(recording, *last));
    let scenario = recording.header.get("scenario");
    let of = |key: &str| scenario.and_then(|scenario| scenario.get(key));
    Story {
        journal: recording.path.clone(),
        scenario: of("name").and_then(|name| name.as_str()).unwrap_or("?").to_owned(),
        seed: of("seed").and_then(serde_json::Value::as_u64),
        about,
        steps,
        keys: keys::keys_read(recording, &chain, &order),
        commands: commands(recording, targets),
    }
}

fn about(recording: &Recording, entry: u32) -> String {
    let grids = Grids(&recording.wires.instruments);
    let text = match recording.row(entry).kind {
        kind if kind.came_in() => came_in(recording, entry),
        _ => grids.went_out(&recording.entry(entry), &[]),
    };
    format!("entry {entry}, {}: {text}", recording.whose(entry))
}

fn step(
    recording: &Recording,
    chain: &Chain<'_>,
    handling: &Handling,
    targets: &[u32],
    (place, because, depth): (usize, Option<usize>, usize),
) -> Step {
    let (input, service) = *handling;
    let row = recording.row(input);
    let grids = Grids(&recording.wires.instruments);
    // The ids of the story stand in its first line and its commands.
    let known: Vec<&str> = chain.ids.iter().map(String::as_str).collect();
    let outs = chain.steps.get(handling).into_iter().flatten();
    let went_out = outs.map(|out| Out {
        entry: u64::from(*out),
        text: grids.went_out(&recording.entry(*out), &known),
        asked: targets.contains(out),
    });
    let name = recording.services.get(usize::from(service));
    Step {
        number: place + 1,
        entry: u64::from(input),
        time: row.time.to_string(),
        offset: offset(row.time - recording.start()),
        service: name.cloned().unwrap_or_else(|| recording.whose(input).to_owned()),
        came_in: if row.kind.came_in() { came_in(recording, input) } else { String::new() },
        went_out: went_out.collect(),
        because: because.map(|cause| cause + 1),
        depth,
    }
}

/// What came in, in a line.
fn came_in(recording: &Recording, input: u32) -> String {
    let row = recording.row(input);
    let grids = Grids(&recording.wires.instruments);
    let caused = (row.cause != NONE).then(|| recording.entry(row.cause));
    let body = |known: &str| match &caused {
        Some(
            JournalEntry::CallOut { body, .. }
            | JournalEntry::ReplyOut { body, .. }
            | JournalEntry::Publish { body, .. },
        ) => format!("{known}{}", words::body(body, &[])),
        _ => String::new(),
    };
    match recording.entry(input) {
        JournalEntry::Market(count) => format!("{count} market events"),
        JournalEntry::LateMarket(_) => "a market event".to_owned(),
        JournalEntry::Start(_) => "starts".to_owned(),
        JournalEntry::Stop(_) => "the run ends".to_owned(),
        JournalEntry::Timer(_, key) => format!("its timer {}", key.0),
        JournalEntry::Delivery { id, .. } => {
            let stream = words::short(recording.place(input));
            match caused {
                // The line of who published it says what it says.
                Some(_) => format!("{stream} {id}"),
                None => format!("{stream} {id}, which was there before the run"),
            }
        }
        JournalEntry::Exchange(event) => grids.exchange(&event),
        JournalEntry::PositionRisk { .. } => "the exchange's positions".to_owned(),
        JournalEntry::Call(_, id) => body(&format!("call {}: ", id.0)),
        JournalEntry::Reply { id, answered: true, .. } => {
            format!("the answer to call {}", id.0)
        }
        JournalEntry::Reply { id, .. } => format!("NO ANSWER to call {} in time", id.0),
        JournalEntry::Action(text) => text,
        other => other.text(&recording.services),
    }
}

/// What shows it again.
fn commands(recording: &Recording, targets: &[u32]) -> Vec<String> {
    let path = &recording.path;
    let quoted = if path.contains(' ') { format!("'{path}'") } else { path.clone() };
    let data = match recording.header.pointer("/scenario/market/recorded") {
        Some(_) => " --data DIR",
        None => "",
    };
    if path.ends_with(".toml") {
        // It was run again in memory: there is no journal yet.
        let text = |key: &str| recording.header.pointer(key).map(ToString::to_string);
        let name = text("/scenario/name").unwrap_or_default().replace('"', "");
        let seed = text("/scenario/seed").unwrap_or_default();
        let again = format!("qsim run {quoted}{data} --journal journals");
        let explain = targets.last().map(|target| {
            format!("qsim explain 'journals/{name}-{seed}.journal' --entry {target}")
        });
        return [again].into_iter().chain(explain).collect();
    }
    let mut commands = vec![format!("qsim replay {quoted}{data}")];
    if let Some(target) = targets.last() {
        commands.push(format!("qsim explain {quoted} --entry {target}"));
        commands.push(format!(
            "qsim new --from {quoted} --around {target} --before 2m --after 5m --into incident.toml"
        ));
    }
    commands
}

/// Since the start, to the nanosecond where there are some: `+4:39:00.202915117`.
fn offset(span: Nanos) -> String {
    let (sign, ns) = if span.0 < 0 { ('-', span.0.unsigned_abs()) } else { ('+', span.0 as u64) };
    let (seconds, rest) = (ns / 1_000_000_000, ns % 1_000_000_000);
    let fraction = match rest {
        _ if rest % 1_000_000 == 0 => format!(".{:03}", rest / 1_000_000),
        _ if rest % 1_000 == 0 => format!(".{:06}", rest / 1_000),
        _ => format!(".{rest:09}"),
    };
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    format!("{sign}{hours}:{minutes:02}:{:02}{fraction}", seconds % 60)
}

/// Whether an entry places an order.
fn is_order(recording: &Recording, entry: u32) -> bool {
    recording.row(entry).kind == Kind::Submit
        && matches!(
            recording.entry(entry),
            JournalEntry::Submit { request, .. } if causes::places_orders(&request)
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_have_as_many_decimals_as_they_need() {
        let told = [0, 16_740_202_915_117, 16_750_100_000_000].map(|ns| offset(Nanos(ns)));
        assert_eq!(told, ["+0:00:00.000", "+4:39:00.202915117", "+4:39:10.100"]);
    }
}
