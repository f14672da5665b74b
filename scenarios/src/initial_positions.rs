//! `[[account.positions]]`: what the account holds from an earlier time.

use engine::{AccountId, MarginType, PositionSide, Symbol, nearest};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sim_exchange::InitialPosition;

use crate::Account;

/// A position of an earlier time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeldPosition {
    /// Of which symbol.
    pub symbol: Symbol,
    /// In units of the base asset, below zero when short.
    pub amt: Decimal,
    /// What it was opened at on average; the first price of the run if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry_price: Option<Decimal>,
    /// LONG or SHORT, in hedge mode; the side of the amount if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position_side: Option<PositionSide>,
    /// Of its symbol, where it is not the account's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leverage: Option<u32>,
    /// Of its symbol, where it is not the account's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin_type: Option<MarginType>,
}

impl Account {
    /// Its positions, among the symbols of the run.
    pub(crate) fn initial_positions(
        &self,
        symbols: &[Symbol],
    ) -> Result<Vec<InitialPosition>, String> {
        let read = |(number, held): (usize, &HeldPosition)| {
            let HeldPosition { symbol, amt, entry_price, position_side, leverage, margin_type } =
                held.clone();
            if !symbols.contains(&symbol) {
                let known: Vec<&str> = symbols.iter().map(Symbol::as_str).collect();
                let remedy = match nearest(symbol.as_str(), &known) {
                    Some(near) => format!("did you mean {near:?}?"),
                    None => format!("name one of {}", known.join(", ")),
                };
                return Err(format!(
                    "[[account.positions]] number {}: symbol {symbol} is not in the market: {remedy}",
                    number + 1
                ));
            }
            let account = AccountId::default();
            Ok(InitialPosition {
                account,
                symbol,
                amt,
                position_side,
                entry_price,
                leverage,
                margin_type,
            })
        };
        self.positions.iter().enumerate().map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::{RunOptions, Scenario, Verdict};

    /// Ten minutes with a position, its partial close by hand, and a user stream that says nothing of it.
    const TEXT: &str = r#"
[market.synthetic]
minutes = 10

[invariants.off]
positions_recorded = "nobody tells the pipeline of the operator's trade"

[[account.positions]]
symbol = "BTCUSDT"
amt = 0.02

[[timeline]]
at = "4m"
lose_user_stream = {}

[[timeline]]
at = "5m"
manual_trade = { symbol = "BTCUSDT", side = "SELL", quantity = 0.01, reduce_only = true }

[[expect]]
name = "one order"
figure = "orders"
equals = 1

[[expect]]
name = "it is filled"
figure = "fills"
equals = 1
"#;

    #[test]
    fn a_position_is_closed_by_hand() {
        let scenario = Scenario::parse("test.toml", TEXT).expect("a scenario");
        let report = crate::run(&scenario, &RunOptions::default(), &crate::NoProgress);
        let report = report.expect("a run");
        assert_eq!(report.verdict, Verdict::Pass, "{:?}", report.failed);
        let told = |what: &str| report.assumptions.iter().any(|line| line.contains(what));
        assert!(told("Position from before the start: BTCUSDT 0.02"));
        assert!(told("the user stream is lost"));
    }

    #[test]
    fn a_wrong_position_names_its_key() {
        for (from, to, says) in [
            (
                "symbol = \"BTCUSDT\"\namt",
                "symbol = \"BTCUSD\"\namt",
                "number 1: symbol BTCUSD is not",
            ),
            ("amt = 0.02", "amt = 0", "positions: BTCUSDT: amt 0"),
            ("amt = 0.02", "amt = 0.02\nleverage = 999", "positions: BTCUSDT: leverage 999"),
            ("amt = 0.02", "amount = 0.02", "amount"),
        ] {
            let text = TEXT.replacen(from, to, 1);
            let ran = Scenario::parse("test.toml", &text).and_then(|scenario| {
                crate::run(&scenario, &RunOptions::default(), &crate::NoProgress)
            });
            let problem = ran.map_or_else(|error| error.to_string(), |_| String::new());
            assert!(problem.contains(says), "{problem:?} does not say {says:?}");
        }
    }
}
