//! Stories of small runs, from a journal in memory.

use super::*;
use crate::{Scenario, record};

fn recorded(text: &str) -> Recording {
    let scenario = Scenario::parse("small.toml", text).expect("a scenario");
    record(&scenario, None).expect("it runs")
}

#[test]
fn every_cause_is_earlier_and_every_output_has_its_service() {
    let recording = recorded("[market.synthetic]\nminutes = 20\n");
    let (mut published, mut nobody) = (0, Vec::new());
    for (entry, row) in recording.rows.iter().enumerate() {
        assert!(row.cause == NONE || (row.cause as usize) < entry, "entry {entry}");
        if matches!(row.kind, Kind::Publish | Kind::Key | Kind::Submit | Kind::CallOut) {
            published += 1;
            if recording.services.get(usize::from(row.service)).is_none() {
                nobody.push(recording.text(entry as u64));
            }
        }
        if row.kind == Kind::Delivery {
            assert!(row.cause != NONE, "a delivery has its publish: {entry}");
        }
    }
    assert!(published > 1_000, "{published}");
    assert_eq!(nobody, Vec::<String>::new());
}

#[test]
fn an_entry_of_an_incident_from_memory_names_the_command_that_runs_it() {
    let recording = recorded("seed = 3\n[market.synthetic]\nminutes = 3\n");
    let last = recording.entries() - 1;
    let told = story(&recording, last);
    assert!(!told.steps.is_empty());
    let commands = [
        "qsim run small.toml --journal journals".to_owned(),
        format!("qsim explain 'journals/small-3.journal' --entry {last}"),
    ];
    assert_eq!(told.commands, commands);
    assert!(told.to_string().starts_with("scenario small, seed 3\n"), "{told}");
}
