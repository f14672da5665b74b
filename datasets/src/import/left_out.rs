//! What of a recording is not imported, counted by its name.

use std::collections::BTreeMap;

use engine::{NotASymbol, Symbol};

/// Names that are counted apart; what more there are is counted as one.
const NAMES_MAX: usize = 32;

/// The counts.
#[derive(Default)]
pub(super) struct LeftOut {
    messages: BTreeMap<String, u64>,
    trades: BTreeMap<String, u64>,
    symbols: BTreeMap<String, u64>,
}

/// Whether a text that is no [`Symbol`] is one of the exchange's all the same: it lists names with Chinese
/// characters. Whatever else is no symbol is a fault of the file.
fn is_listed_name(text: &str) -> bool {
    let fits = |c: char| c == '_' || (c.is_alphanumeric() && !c.is_ascii_lowercase());
    !text.is_empty() && text.chars().all(fits)
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

    /// The symbol of that name. Nothing, and one more left out, if it is a name that [`Symbol`] cannot hold:
    /// one contract of many must not keep the others out.
    pub fn symbol(&mut self, name: &str) -> Result<Option<Symbol>, NotASymbol> {
        match Symbol::new(name) {
            Ok(symbol) => Ok(Some(symbol)),
            Err(_) if is_listed_name(name) => {
                count(&mut self.symbols, name);
                Ok(None)
            }
            Err(error) => Err(error),
        }
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
        let symbols = list(&self.symbols).map(|all| {
            format!(
                "messages of symbols whose names are not 1 to 23 of A-Z, 0-9 and '_' were left out: {all}"
            )
        });
        messages.into_iter().chain(trades).chain(symbols)
    }
}
