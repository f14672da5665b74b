//! How it came to what failed: the run once more, with its journal in memory.

use scenarios::{RunOptions, Scenario};

use super::outcome::Fault;

/// A longer run is not told at once: its journal would not fit into memory. `qsim explain` reads one from a file.
const EVENTS_MAX: u64 = 3_000_000;
/// So many of the faults of a case are told; the others mostly follow from them.
const TOLD_MAX: usize = 2;

/// Tells the stories of faults that have a moment.
pub fn tell(faults: &mut [Fault], scenario: &Scenario, options: &RunOptions, events: u64) {
    let mut untold: Vec<&mut Fault> =
        faults.iter_mut().filter(|fault| fault.entry.is_some()).take(TOLD_MAX).collect();
    if untold.is_empty() {
        return;
    }
    let told = |story: String, untold: &mut Vec<&mut Fault>| {
        untold.iter_mut().for_each(|fault| fault.story = Some(story.clone()));
    };
    if events > EVENTS_MAX {
        let story = "the run is too long to tell this at once: `--journal DIR` keeps it, and `qsim explain` tells it".to_owned();
        return told(story, &mut untold);
    }
    match scenarios::record(scenario, options.data.as_deref()) {
        Ok(recording) => {
            for fault in untold {
                let entry = fault.entry.unwrap_or_default();
                fault.story = Some(scenarios::story(&recording, entry).to_string());
            }
        }
        Err(error) => told(format!("its story cannot be told: {error}"), &mut untold),
    }
}
