//! Faults in words: the same ones for a terminal, JUnit and a job summary.

use super::outcome::{Fault, Judged, Kind};

/// All that is wrong with a case, a line each, and the command that runs it again.
pub fn faults(one: &Judged) -> Vec<String> {
    let mut lines = Vec::new();
    for fault in &one.faults {
        lines.push(fault.sentence());
        lines.extend(details(fault));
    }
    // Of bad input the message says all: there is nothing to repeat before the file is mended.
    if one.faults.iter().any(|fault| fault.kind != Kind::Error) {
        lines.push(format!("  again: {}", one.again));
    }
    lines
}

/// Where it stands, when it was first violated and how it came about.
fn details(fault: &Fault) -> Vec<String> {
    let mut lines = Vec::new();
    // An invariant stands in no file.
    if fault.expectation.is_some() && fault.line > 1 {
        lines.push(format!("  expected in {}:{}", fault.file, fault.line));
    }
    lines.extend(fault.moment().map(|moment| format!("  {moment}")));
    let story = fault.story.iter().flat_map(|story| story.lines());
    lines.extend(story.map(|line| format!("  {line}")));
    lines
}
