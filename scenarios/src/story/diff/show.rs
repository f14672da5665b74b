//! What differs, as text.

use std::fmt;

use super::super::words::cut;
use super::{Differences, Parting, Side};

/// Places are told up to this many.
const PLACES_MAX: usize = 25;
/// Steps of a chain before the parting.
const STEPS: usize = 12;

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, (path, entries)) in ["A", "B"].iter().zip(&self.journals) {
            writeln!(f, "{name}  {path}: {entries} entries")?;
        }
        if self.identical {
            return write!(f, "the same run, entry for entry");
        }
        if !self.same_market {
            writeln!(f, "the markets differ (in data, seed or length)")?;
        }
        for (at, a, b) in &self.settings {
            writeln!(f, "setting {at}: {a} in A, {b} in B")?;
        }
        let Some(first) = &self.first else {
            return write!(f, "alike but for ids and times: {} entries", self.alike);
        };
        parting(f, "first difference", first)?;
        if let Some(order) = &self.order {
            parting(f, "first order that differs", order)?;
        }
        writeln!(f, "\n{} entries are alike, {} are not:", self.alike, self.unlike_entries())?;
        writeln!(f, "{:>9} {:>9} {:>9}", "only A", "only B", "values")?;
        let mut all: Vec<_> = self
            .unlike
            .iter()
            .flat_map(|(service, places)| {
                places.iter().map(move |(place, counts)| (service, place, counts))
            })
            .collect();
        all.sort_by_key(|(_, _, counts)| {
            std::cmp::Reverse(counts.only_a + counts.only_b + counts.values)
        });
        let rest = all.len().saturating_sub(PLACES_MAX);
        for (service, place, counts) in all.into_iter().take(PLACES_MAX) {
            let (a, b, values) = (counts.only_a, counts.only_b, counts.values);
            writeln!(f, "{a:>9} {b:>9} {values:>9}  {service}: {place}")?;
        }
        if rest > 0 {
            writeln!(f, "and {rest} places with fewer; --format json has all")?;
        }
        Ok(())
    }
}

fn parting(f: &mut fmt::Formatter<'_>, what: &str, parting: &Parting) -> fmt::Result {
    writeln!(f, "\n{what}, at {}: {}", parting.offset, parting.what)?;
    side(f, "A", parting.a.as_ref())?;
    side(f, "B", parting.b.as_ref())
}

fn side(f: &mut fmt::Formatter<'_>, name: &str, side: Option<&Side>) -> fmt::Result {
    let Some(side) = side else {
        return writeln!(f, "  {name}: nothing of the kind");
    };
    let text: String = side.text.chars().take(400).collect();
    match side.absent {
        true => {
            writeln!(f, "  {name}: not there; this came, and did not lead to it: {}", cut(&text))?
        }
        false => writeln!(f, "  {name}: entry {}: {text}", side.entry)?,
    }
    let steps = &side.story.steps;
    let skipped = steps.len().saturating_sub(STEPS);
    if skipped > 0 {
        writeln!(f, "      … {skipped} earlier steps")?;
    }
    for step in &steps[skipped..] {
        let outs: Vec<&str> = step.went_out.iter().map(|out| out.text.as_str()).collect();
        let outs = if outs.is_empty() { String::new() } else { format!(" -> {}", outs.join("; ")) };
        let came_in = if step.came_in.is_empty() { "" } else { " <- " };
        writeln!(
            f,
            "      {}  {}{}{came_in}{}{outs}",
            step.offset,
            "  ".repeat(step.depth.min(9)),
            step.service,
            step.came_in,
        )?;
    }
    Ok(())
}
