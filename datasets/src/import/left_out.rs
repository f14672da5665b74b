//! What of a recording is not imported, counted by its name.

use std::collections::BTreeMap;

/// Names that are counted apart; what more there are is counted as one.
const NAMES_MAX: usize = 32;

/// The counts.
#[derive(Default)]
pub(super) struct LeftOut {
    messages: BTreeMap<String, u64>,
    trades: BTreeMap<String, u64>,
}

fn count(counts: &mut BTreeMap<String, u64>, name: &str) {
    let known = counts.contains_key(name) || counts.len() < NAMES_MAX;
    let name: String = if known { name.chars().take(32).collect() } else { "others".to_owned() };
    *counts.entry(name).or_default() += 1;
}

impl LeftOut {
    /// A message of a type that nothing keeps.
    pub fn message(&mut self, name: &str) {
        count(&mut self.messages, name);
    }

    /// A trade that was not made in the market.
    pub fn trade(&mut self, from: &str) {
        count(&mut self.trades, from);
    }

    pub fn notes(&self) -> impl Iterator<Item = String> {
        let list = |counts: &BTreeMap<String, u64>| {
            let all: Vec<String> =
                counts.iter().map(|(name, count)| format!("{count} of {name:?}")).collect();
            (!all.is_empty()).then(|| all.join(", "))
        };
        let messages =
            list(&self.messages).map(|all| format!("messages of other types were left out: {all}"));
        let trades = list(&self.trades).map(|all| {
            format!(
                "trades that were not made in the market were left out, by their field 'X': {all}"
            )
        });
        messages.into_iter().chain(trades)
    }
}
