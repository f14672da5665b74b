//! A story as text, for somebody who was woken by it.

use std::fmt;

use super::{Step, Story};

/// Deeper steps are not indented further.
const DEPTH_MAX: usize = 9;

impl Step {
    /// The time of day, to the millisecond.
    fn clock(&self) -> String {
        let clock = self.time.split('T').nth(1).unwrap_or(&self.time).trim_end_matches('Z');
        let whole = if clock.contains('.') { clock.to_owned() } else { format!("{clock}.000") };
        whole.chars().take(12).collect()
    }

    fn offset_ms(&self) -> &str {
        match self.offset.find('.') {
            Some(point) => self.offset.get(..point + 4).unwrap_or(&self.offset),
            None => &self.offset,
        }
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seed = self.seed.map_or(String::new(), |seed| format!(", seed {seed}"));
        writeln!(f, "scenario {}{seed}", self.scenario)?;
        writeln!(f, "about    {}", self.about)?;
        if let Some(first) = self.steps.first() {
            let day = first.time.split('T').next().unwrap_or_default();
            writeln!(f, "\nwhat led to it, oldest first (times are UTC, from {day} on)")?;
        }
        let wide = self.steps.iter().map(|step| step.offset_ms().len()).max().unwrap_or(0);
        let mut previous: Option<&Step> = None;
        for step in &self.steps {
            self.step(f, step, previous, wide)?;
            previous = Some(step);
        }
        if !self.keys.is_empty() {
            writeln!(
                f,
                "\nkeys that mattered (as they were when the service of that step decided)"
            )?;
        }
        for key in &self.keys {
            writeln!(f, "  {}", key.key)?;
            let from = match (&key.writer, &key.age, key.entry) {
                (Some(writer), Some(age), Some(entry)) => {
                    format!("{age} old, by {writer} in entry {entry}; ")
                }
                _ => String::new(),
            };
            let readers = key.read_by.iter().map(|(name, step)| format!("{name} ({step})"));
            let readers: Vec<String> = readers.collect();
            writeln!(f, "      {}", key.value)?;
            writeln!(f, "      {from}read by {}", readers.join(", "))?;
        }
        if !self.commands.is_empty() {
            writeln!(f, "\nagain")?;
        }
        self.commands.iter().try_for_each(|command| writeln!(f, "  {command}"))
    }
}

impl Story {
    fn step(
        &self,
        f: &mut fmt::Formatter<'_>,
        step: &Step,
        previous: Option<&Step>,
        wide: usize,
    ) -> fmt::Result {
        let indent = "  ".repeat(step.depth.min(DEPTH_MAX));
        // What follows its cause at once needs no word.
        let at_once = previous.is_some_and(|before| Some(before.number) == step.because);
        let because = match step.because {
            Some(cause) if !at_once => format!("  [from {cause}]"),
            _ => String::new(),
        };
        let came_in = match step.came_in.as_str() {
            "" => String::new(),
            text => format!(" <- {text}"),
        };
        writeln!(
            f,
            "{:>3}  {:<wide$}  {}  {indent}{}{came_in}{because}",
            step.number,
            step.offset_ms(),
            step.clock(),
            step.service,
        )?;
        let margin = " ".repeat(3 + 2 + wide + 2 + step.clock().len() + 2);
        for out in &step.went_out {
            let mark = if out.asked { "=>" } else { "->" };
            writeln!(f, "{margin}{indent}  {mark} {}", out.text)?;
        }
        Ok(())
    }
}
