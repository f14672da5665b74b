//! The files that a suite writes, each whole or not at all, and also when the suite fails.

use std::path::Path;

use super::files::Pending;
use super::outcome::Judged;
use super::{RunArguments, json, junit, metrics, sarif};

type Text = fn(&[Judged], bool) -> Result<String, String>;

/// The files that will be written.
pub struct Outputs(Vec<(Pending, Text)>);

impl Outputs {
    /// Begins those that the command line asks for.
    pub fn begin(arguments: &RunArguments) -> Result<Outputs, String> {
        let asked: [(Option<&Path>, Text); 3] = [
            (arguments.junit.as_deref(), |judged, _| junit::text(judged)),
            (arguments.sarif.as_deref(), |judged, _| sarif::text(judged)),
            (arguments.jsonl.as_deref(), json::lines),
        ];
        let begun = asked.into_iter().filter_map(|(path, text)| {
            path.map(|path| Pending::begin(path).map(|pending| (pending, text)))
        });
        begun.collect::<Result<_, _>>().map(Outputs)
    }

    /// Writes them all; one that fails keeps no other from being written.
    pub fn finish(self, arguments: &RunArguments, judged: &[Judged]) -> Vec<String> {
        let mut problems: Vec<String> = self
            .0
            .into_iter()
            .filter_map(|(pending, text)| {
                text(judged, arguments.verbose).and_then(|text| pending.finish(&text)).err()
            })
            .collect();
        if let Some(folder) = &arguments.metrics {
            problems.extend(metrics::write(folder, judged).err());
        }
        problems
    }
}
