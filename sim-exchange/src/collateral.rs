//! What assets count as collateral on multi-assets mode: rates from index and buffers, dated.
//!
//! Source: facts, section 9 (the assetIndex page, FAQ 29b45c485d664028b9ca1cdf90b24f6f).
//! Invariant: what is held never counts more than its index says, and what is owed never less.

use std::sync::OnceLock;

use engine::{Nanos, Symbol};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::dated::{Dated, embedded, instant, pick};
use crate::position::cut8;
use crate::symbol_rules::RulesError;

/// How far an asset's rates lie from its index, as fractions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Buffers {
    /// bidBuffer, Binance's haircut.
    pub bid: Decimal,
    /// askBuffer.
    pub ask: Decimal,
    /// autoExchangeBidBuffer.
    pub auto_exchange_bid: Decimal,
    /// autoExchangeAskBuffer.
    pub auto_exchange_ask: Decimal,
}

/// What one unit of an asset counts in USD, cut at 8 decimals as assetIndex shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssetRates {
    /// Its index price.
    pub index: Decimal,
    /// Of what is held.
    pub bid: Decimal,
    /// Of what is owed.
    pub ask: Decimal,
    /// At which an auto-exchange sells it.
    pub auto_exchange_bid: Decimal,
    /// At which an auto-exchange buys it.
    pub auto_exchange_ask: Decimal,
}

impl AssetRates {
    /// `index × (1 ∓ buffer)`.
    pub fn new(index: Decimal, buffers: &Buffers) -> AssetRates {
        assert!(index > Decimal::ZERO, "an index price is above zero");
        let below = |buffer: Decimal| cut8(index * (Decimal::ONE - buffer));
        let above = |buffer: Decimal| cut8(index * (Decimal::ONE + buffer));
        AssetRates {
            index,
            bid: below(buffers.bid),
            ask: above(buffers.ask),
            auto_exchange_bid: below(buffers.auto_exchange_bid),
            auto_exchange_ask: above(buffers.auto_exchange_ask),
        }
    }

    /// What an amount counts in USD: at the bid if it is held, at the ask if it is owed.
    pub fn usd(&self, amount: Decimal) -> Decimal {
        amount * if amount.is_sign_negative() { self.ask } else { self.bid }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    asset: Symbol,
    valid_from: toml::value::Datetime,
    bid_buffer: Decimal,
    ask_buffer: Decimal,
    auto_exchange_bid_buffer: Decimal,
    auto_exchange_ask_buffer: Decimal,
    note: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    collateral: Vec<Row>,
}

/// All buffers that are known, with their dates.
#[derive(Clone)]
pub struct CollateralBook {
    rows: Vec<Dated<Row>>,
    file: String,
}

impl CollateralBook {
    /// The table that is part of this crate.
    pub fn embedded() -> Result<CollateralBook, RulesError> {
        static BOOK: OnceLock<CollateralBook> = OnceLock::new();
        embedded(&BOOK, || {
            CollateralBook::parse(include_str!("../rules/collateral.toml"), "collateral.toml")
        })
    }

    /// Reads `[[collateral]]` blocks; `name` stands in messages.
    pub fn parse(text: &str, name: &str) -> Result<CollateralBook, RulesError> {
        let malformed = |problem: String| RulesError::Malformed { file: name.to_owned(), problem };
        let table: Table = toml::from_str(text).map_err(|e| malformed(e.to_string()))?;
        let mut rows: Vec<Dated<Row>> = Vec::with_capacity(table.collateral.len());
        for row in table.collateral {
            let place = format!("collateral of {} from {}", row.asset, row.valid_from);
            check(&row).map_err(|e| malformed(format!("{place}: {e}")))?;
            let from = instant(&row.valid_from).map_err(|e| malformed(format!("{place}: {e}")))?;
            if rows.iter().any(|d| d.row.asset == row.asset && d.from == from) {
                return Err(malformed(format!("{place}: stands twice")));
            }
            rows.push(Dated { from, row });
        }
        rows.sort_by_key(|d| (d.row.asset, d.from));
        Ok(CollateralBook { rows, file: name.to_owned() })
    }

    /// What holds for an asset at `at`, with warnings where that is not certain.
    pub fn buffers(&self, asset: Symbol, at: Nanos) -> Result<(Buffers, Vec<String>), RulesError> {
        let found = pick(&self.rows, |r| r.asset == asset, at);
        let Dated { from, row } = found.ok_or_else(|| RulesError::Missing {
            symbol: asset,
            what: "collateral",
            file: self.file.clone(),
        })?;
        let mut warnings = Vec::new();
        if at < *from {
            warnings.push(format!(
                "{asset}: the first known collateral buffers are of {from}; they are used for {at} as well"
            ));
        }
        warnings.extend(row.note.clone());
        let buffers = Buffers {
            bid: row.bid_buffer,
            ask: row.ask_buffer,
            auto_exchange_bid: row.auto_exchange_bid_buffer,
            auto_exchange_ask: row.auto_exchange_ask_buffer,
        };
        Ok((buffers, warnings))
    }
}

fn check(row: &Row) -> Result<(), String> {
    let buffers = [
        ("bid_buffer", row.bid_buffer),
        ("ask_buffer", row.ask_buffer),
        ("auto_exchange_bid_buffer", row.auto_exchange_bid_buffer),
        ("auto_exchange_ask_buffer", row.auto_exchange_ask_buffer),
    ];
    match buffers.iter().find(|(_, b)| b.is_sign_negative() || *b >= Decimal::ONE) {
        Some((name, buffer)) => Err(format!("{name} is {buffer}; 0.05 is 5 %")),
        None => Ok(()),
    }
}
