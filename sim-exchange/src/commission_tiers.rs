//! Commission by VIP level and date, and what a fill costs in the margin asset or in BNB.
//!
//! Source: facts, section 10, and Binance FAQ 360033544231.
//! Invariant: rates that are not known are an error or a warning, never a silent default.

use std::sync::OnceLock;

use engine::{Nanos, Symbol};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::dated::{Dated, embedded, instant, pick};
use crate::position::{commission, cut8};
use crate::symbol_rules::RulesError;

/// VIP 0, the regular user, to VIP 9.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct VipLevel(u8);

impl VipLevel {
    /// How many there are.
    pub const COUNT: usize = 10;
}

impl TryFrom<u8> for VipLevel {
    type Error = String;
    fn try_from(level: u8) -> Result<VipLevel, String> {
        let is_known = usize::from(level) < VipLevel::COUNT;
        is_known
            .then_some(VipLevel(level))
            .ok_or_else(|| format!("VIP levels are 0 to 9, not {level}"))
    }
}

impl From<VipLevel> for u8 {
    fn from(level: VipLevel) -> u8 {
        level.0
    }
}

/// On which side of a trade an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Liquidity {
    /// It rested.
    Maker,
    /// It took.
    Taker,
}

/// Rates as fractions: 0.0005 is 0.05 %. A rate below zero is a rebate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommissionRates {
    /// makerCommissionRate.
    pub maker: Decimal,
    /// takerCommissionRate.
    pub taker: Decimal,
}

impl CommissionRates {
    /// The one of a side.
    pub fn of(&self, liquidity: Liquidity) -> Decimal {
        match liquidity {
            Liquidity::Maker => self.maker,
            Liquidity::Taker => self.taker,
        }
    }
}

/// BNB in the futures wallet of an account whose feeBurn is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BnbWallet {
    /// In BNB.
    pub balance: Decimal,
    /// What a BNB is worth in the margin asset.
    pub price: Decimal,
}

/// What a fill costs, cut at 8 decimals; below zero for a rebate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fee {
    /// In the margin asset, in full.
    Margin(Decimal),
    /// In BNB, with the discount.
    Bnb(Decimal),
}

/// What holds for an account at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommissionTerms {
    /// Before any discount.
    pub rates: CommissionRates,
    /// The part that is saved by paying in BNB.
    pub bnb_discount: Decimal,
}

impl CommissionTerms {
    /// The fee of a fill of `notional`, in BNB if `bnb` holds all of it, else in the margin asset without
    /// the discount. Rebates are paid in the margin asset (unverified), and the amount in BNB is cut as
    /// other amounts are (unverified).
    pub fn fee(&self, liquidity: Liquidity, notional: Decimal, bnb: Option<BnbWallet>) -> Fee {
        let rate = self.rates.of(liquidity);
        let in_margin = Fee::Margin(commission(notional, rate));
        let Some(bnb) = bnb.filter(|_| rate > Decimal::ZERO) else { return in_margin };
        let fee = notional * rate * (Decimal::ONE - self.bnb_discount);
        match fee.checked_div(bnb.price).map(cut8) {
            Some(fee) if fee <= bnb.balance => Fee::Bnb(fee),
            _ => in_margin,
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    margin_asset: Symbol,
    valid_from: toml::value::Datetime,
    bnb_discount: Decimal,
    levels: [CommissionRates; VipLevel::COUNT],
    note: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    commission: Vec<Row>,
}

/// All commission rates that are known, with their dates.
#[derive(Clone)]
pub struct CommissionBook {
    rows: Vec<Dated<Row>>,
    file: String,
}

impl CommissionBook {
    /// The table that is part of this crate.
    pub fn embedded() -> Result<CommissionBook, RulesError> {
        static BOOK: OnceLock<CommissionBook> = OnceLock::new();
        embedded(&BOOK, || {
            CommissionBook::parse(include_str!("../rules/commission.toml"), "commission.toml")
        })
    }

    /// Reads `[[commission]]` blocks; `name` stands in messages.
    pub fn parse(text: &str, name: &str) -> Result<CommissionBook, RulesError> {
        let malformed = |problem: String| RulesError::Malformed { file: name.to_owned(), problem };
        let table: Table = toml::from_str(text).map_err(|e| malformed(e.to_string()))?;
        let mut rows: Vec<Dated<Row>> = Vec::with_capacity(table.commission.len());
        for row in table.commission {
            let place = format!("commission of {} from {}", row.margin_asset, row.valid_from);
            check(&row).map_err(|e| malformed(format!("{place}: {e}")))?;
            let from = instant(&row.valid_from).map_err(|e| malformed(format!("{place}: {e}")))?;
            if rows.iter().any(|d| d.row.margin_asset == row.margin_asset && d.from == from) {
                return Err(malformed(format!("{place}: stands twice")));
            }
            rows.push(Dated { from, row });
        }
        rows.sort_by_key(|d| (d.row.margin_asset, d.from));
        Ok(CommissionBook { rows, file: name.to_owned() })
    }

    /// What holds at `at` for contracts of a margin asset, with warnings where that is not certain.
    pub fn terms(
        &self,
        margin_asset: Symbol,
        level: VipLevel,
        at: Nanos,
    ) -> Result<(CommissionTerms, Vec<String>), RulesError> {
        let found = pick(&self.rows, |r| r.margin_asset == margin_asset, at);
        let Dated { from, row } = found.ok_or_else(|| RulesError::Missing {
            symbol: margin_asset,
            what: "commission",
            file: self.file.clone(),
        })?;
        let mut warnings = Vec::new();
        if at < *from {
            warnings.push(format!(
                "{margin_asset}: the first known commission rates are of {from}; they are used for {at} as well"
            ));
        }
        warnings.extend(row.note.clone());
        let rates = row.levels[usize::from(level.0)];
        Ok((CommissionTerms { rates, bnb_discount: row.bnb_discount }, warnings))
    }
}

fn check(row: &Row) -> Result<(), String> {
    if row.bnb_discount.is_sign_negative() || row.bnb_discount >= Decimal::ONE {
        return Err(format!("bnb_discount is {}; 0.1 is 10 %", row.bnb_discount));
    }
    for (level, rates) in row.levels.iter().enumerate() {
        for (name, rate) in [("maker", rates.maker), ("taker", rates.taker)] {
            if rate.abs() > Decimal::new(1, 1) {
                return Err(format!("{name} of VIP {level} is {rate}; 0.0005 is 0.05 %"));
            }
        }
    }
    let falls =
        |pair: &[CommissionRates]| pair[1].maker <= pair[0].maker && pair[1].taker <= pair[0].taker;
    match row.levels.windows(2).position(|pair| !falls(pair)) {
        Some(level) => Err(format!("VIP {} pays more than VIP {level}", level + 1)),
        None => Ok(()),
    }
}
