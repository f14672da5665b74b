//! `[[account.positions]]`: what the account holds from an earlier time.

use engine::{AccountId, MarginType, PositionSide, Symbol, nearest};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sim_exchange::InitialPosition;

use crate::Account;

/// A position of an earlier time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
