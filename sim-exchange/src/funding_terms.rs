//! The funding terms of each symbol by date, from `rules/funding.toml`.
//!
//! Invariant: terms that are not known are assumed with a warning, never silently.

use std::sync::OnceLock;

use engine::{Nanos, Symbol};
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::dated::{Dated, embedded, instant, pick};
use crate::funding_rate::{FundingInterval, FundingTerms};
use crate::symbol_rules::RulesError;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    symbol: Symbol,
    valid_from: toml::value::Datetime,
    interval: FundingInterval,
    interest_8h: Option<Decimal>,
    cap: Decimal,
    floor: Decimal,
    note: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    funding: Vec<Row>,
}

/// All funding terms that are known, with their dates.
#[derive(Clone)]
pub struct FundingBook {
    rows: Vec<Dated<Row>>,
}

impl FundingBook {
    /// The table that is part of this crate.
    pub fn embedded() -> Result<FundingBook, RulesError> {
        static BOOK: OnceLock<FundingBook> = OnceLock::new();
        embedded(&BOOK, || {
            FundingBook::parse(include_str!("../rules/funding.toml"), "funding.toml")
        })
    }

    /// Reads `[[funding]]` blocks; `name` stands in messages.
    pub fn parse(text: &str, name: &str) -> Result<FundingBook, RulesError> {
        let malformed = |problem: String| RulesError::Malformed { file: name.to_owned(), problem };
        let table: Table = toml::from_str(text).map_err(|e| malformed(e.to_string()))?;
        let mut rows: Vec<Dated<Row>> = Vec::with_capacity(table.funding.len());
        for row in table.funding {
            let place = format!("funding of {} from {}", row.symbol, row.valid_from);
            check(&row).map_err(|e| malformed(format!("{place}: {e}")))?;
            let from = instant(&row.valid_from).map_err(|e| malformed(format!("{place}: {e}")))?;
            if rows.iter().any(|d| d.row.symbol == row.symbol && d.from == from) {
                return Err(malformed(format!("{place}: stands twice")));
            }
            rows.push(Dated { from, row });
        }
        rows.sort_by_key(|d| (d.row.symbol, d.from));
        Ok(FundingBook { rows })
    }

    /// What holds for the payments of `symbol` at `at`, with warnings where that is not certain.
    pub fn for_symbol(
        &self,
        symbol: Symbol,
        at: Nanos,
        first_tier_mmr: Decimal,
    ) -> (FundingTerms, Vec<String>) {
        let default = FundingTerms::default_of(symbol.as_str(), first_tier_mmr);
        let known = pick(&self.rows, |r| r.symbol == symbol, at).filter(|dated| dated.from <= at);
        let Some(Dated { row, .. }) = known else {
            let FundingTerms { interest_8h, cap, .. } = default;
            let warning = format!(
                "{symbol}: no funding terms are known for {at}; every 8 h, interest {interest_8h}, cap and floor ±{cap} are assumed"
            );
            return (default, vec![warning]);
        };
        let terms = FundingTerms {
            interval: row.interval,
            interest_8h: row.interest_8h.unwrap_or(default.interest_8h),
            cap: row.cap,
            floor: row.floor,
        };
        (terms, row.note.clone().into_iter().collect())
    }

    /// The first instant after `at` at which other terms of `symbol` hold.
    pub fn next_change(&self, symbol: Symbol, at: Nanos) -> Option<Nanos> {
        let rows = self.rows.iter().filter(|d| d.row.symbol == symbol);
        rows.map(|d| d.from).find(|from| *from > at)
    }
}

fn check(row: &Row) -> Result<(), String> {
    if row.floor > row.cap {
        return Err(format!("floor {} lies above cap {}", row.floor, row.cap));
    }
    let interest = row.interest_8h.unwrap_or_default();
    for (name, rate) in [("cap", row.cap), ("floor", row.floor), ("interest_8h", interest)] {
        if rate.abs() >= Decimal::ONE {
            return Err(format!("{name} is {rate}; 0.0001 is 0.01 %"));
        }
    }
    Ok(())
}
