//! Positions that an account has from an earlier time.
//!
//! They are there before the first event, without an order, a fee or a word on the user stream, and are
//! as any other from then on. What opened them is no fill of this run: the ledger has no record of it,
//! because it realised nothing, and the witnesses of a position begin with it.
//!
//! A position without a stated entry price is opened at the first price of its symbol: the mark, or the
//! last price that stands in for it. With one it is there at once, and until the market says otherwise
//! the entry price is the last price.

use std::fmt;

use engine::{AccountId, MarginType, PositionSide, Symbol};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

use crate::config::{ConfigError, ExchangeConfig};
use crate::exchange::{PRICE_MAX, SimExchange};
use crate::position::cut8;
use crate::quotient::cut8_ratio;

/// A position of an earlier time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InitialPosition {
    /// Whose; the first account's if nothing is said.
    #[serde(default)]
    pub account: AccountId,
    /// Of which symbol.
    pub symbol: Symbol,
    /// In units of the base asset, below zero when short.
    pub amt: Decimal,
    /// In hedge mode; the side of the amount if nothing is said.
    #[serde(default)]
    pub position_side: Option<PositionSide>,
    /// What it was opened at on average; the first price of the run if nothing is said.
    #[serde(default)]
    pub entry_price: Option<Decimal>,
    /// Of its symbol, where it is not the account's.
    #[serde(default)]
    pub leverage: Option<u32>,
    /// Of its symbol, where it is not the account's.
    #[serde(default)]
    pub margin_type: Option<MarginType>,
}

impl InitialPosition {
    fn side(&self, hedge_mode: bool) -> PositionSide {
        match (hedge_mode, self.amt.is_sign_positive()) {
            (false, _) => PositionSide::Both,
            (true, true) => PositionSide::Long,
            (true, false) => PositionSide::Short,
        }
    }

    /// What is wrong with it in an exchange of this configuration, as far as no rules are needed.
    pub(crate) fn problem(&self, config: &ExchangeConfig) -> Option<String> {
        let say = |problem: String| Some(format!("positions: {}: {problem}", self.symbol));
        let Some(account) = config.accounts().nth(usize::from(self.account.0)) else {
            return say(format!("account {} does not exist", self.account.0));
        };
        let Some(grid) = config.instruments.iter().find(|i| i.symbol == self.symbol) else {
            return say("it is not among the instruments".to_owned());
        };
        let side = self.side(account.hedge_mode);
        if let Some(stated) = self.position_side.filter(|stated| *stated != side) {
            let (stated, side) = (stated.as_str(), side.as_str());
            return say(format!("position_side {stated} must be {side} for amt {}", self.amt));
        }
        let key = |p: &InitialPosition| (p.account, p.symbol, p.side(account.hedge_mode));
        if config.positions.iter().filter(|other| key(other) == key(self)).count() > 1 {
            return say(format!("its {} position is stated twice", side.as_str()));
        }
        let lots = scaled(self.amt, grid.qty_decimals);
        if lots.is_none_or(|lots| lots == 0) {
            let decimals = grid.qty_decimals;
            return say(format!(
                "amt {} must be other than 0, with at most {decimals} decimals",
                self.amt
            ));
        }
        if let Some(entry) = self.entry_price {
            let scale = Decimal::from(10i64.pow(grid.price_decimals));
            let fits = entry > Decimal::ZERO
                && entry.scale() <= 8
                && entry.checked_mul(scale).is_some_and(|ticks| ticks <= Decimal::from(PRICE_MAX));
            if !fits {
                return say(format!(
                    "entry_price {entry} must be above 0, with at most 8 decimals"
                ));
            }
        }
        if account.multi_assets && self.margin_type == Some(MarginType::Isolated) {
            return say("margin_type ISOLATED does not go with multi-assets mode".to_owned());
        }
        None
    }
}

/// An amount in units of `10^-decimals`, if it is a whole number of them.
fn scaled(amount: Decimal, decimals: u32) -> Option<i64> {
    let scaled = amount.checked_mul(Decimal::from(10i64.pow(decimals)))?;
    if scaled.fract().is_zero() { scaled.to_i64() } else { None }
}

impl fmt::Display for InitialPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InitialPosition { symbol, amt, .. } = self;
        write!(f, "Position from before the start: {symbol} {amt}, opened at ")?;
        match self.entry_price {
            Some(entry) => write!(f, "{entry}.")?,
            None => write!(f, "the first price of the run.")?,
        }
        if self.account.0 > 0 { write!(f, " It is of account {}.", self.account.0) } else { Ok(()) }
    }
}

impl SimExchange {
    /// Opens the positions that have an entry price, and lets the others wait for their first price.
    pub(crate) fn open_positions(&mut self) -> Result<(), ConfigError> {
        if self.config.positions.is_empty() {
            return Ok(());
        }
        for number in 0..self.config.positions.len() {
            let stated = self.config.positions[number].clone();
            let symbol = self.place_of(stated.symbol);
            self.set_terms(symbol, &stated)?;
            let Some(entry) = stated.entry_price else {
                self.awaited.push(number);
                continue;
            };
            let lots =
                scaled(stated.amt, self.config.instruments[symbol].qty_decimals).unwrap_or(0);
            let rules = &self.markets[symbol].rules;
            let cost = cut8(entry * rules.qty(lots.abs()));
            let holding = self.holding(stated.account, symbol);
            let most = rules.max_notional(holding.leverage);
            let invalid = |problem: String| {
                ConfigError::Invalid(format!("positions: {}: {problem}", stated.symbol))
            };
            if cost > most {
                let leverage = holding.leverage;
                return Err(invalid(format!(
                    "its notional, {cost} USDT, is more than {most}, the largest at leverage {leverage}: lower amt or leverage"
                )));
            }
            let margin = cut8_ratio(cost, Decimal::from(holding.leverage));
            if holding.is_isolated() && margin > self.cross_wallet(stated.account) {
                return Err(invalid(format!(
                    "its isolated margin, {margin} USDT, is more than the wallet has left: raise the wallet or lower amt"
                )));
            }
            let unit = 10i64.pow(self.config.instruments[symbol].price_decimals);
            let ticks = (entry * Decimal::from(unit)).round().to_i64().unwrap_or(1).max(1);
            if self.watch[symbol].last == 0 {
                self.watch[symbol].last = ticks;
            }
            self.inherit(number, symbol, lots, cost);
        }
        // Another account's entry price is a first price too.
        (0..self.markets.len()).for_each(|symbol| self.open_awaited(symbol));
        self.settle();
        (0..self.markets.len()).for_each(|symbol| self.refresh_watch(symbol));
        Ok(())
    }

    /// Leverage and margin type of the position's symbol.
    fn set_terms(&mut self, symbol: usize, stated: &InitialPosition) -> Result<(), ConfigError> {
        let most = self.markets[symbol].rules.max_leverage();
        let holding = self.holding_mut(stated.account, symbol);
        if let Some(leverage) = stated.leverage {
            if leverage == 0 || leverage > most {
                let symbol = stated.symbol;
                return Err(ConfigError::Invalid(format!(
                    "positions: {symbol}: leverage {leverage} must be 1 to {most}"
                )));
            }
            holding.leverage = leverage;
        }
        holding.margin_type = stated.margin_type.unwrap_or(holding.margin_type);
        Ok(())
    }

    fn inherit(&mut self, number: usize, symbol: usize, lots: i64, cost: Decimal) {
        let (account, start) = (self.config.positions[number].account, self.config.start);
        let side = self.config.positions[number].side(self.account(account).dual);
        let free = self.cross_wallet(account).max(Decimal::ZERO);
        let holding = self.holding_mut(account, symbol);
        let (isolated, leverage) = (holding.is_isolated(), holding.leverage);
        let position = holding.position_mut(side);
        position.inherit(lots, cost, start);
        if isolated {
            position.isolated_wallet = cut8_ratio(cost, Decimal::from(leverage)).min(free);
        }
        self.tape_held(account, symbol, side);
    }

    /// A position of the symbol waits for its first price.
    pub(crate) fn awaits_price(&self, symbol: usize) -> bool {
        self.awaited.iter().any(|number| {
            self.config.positions[*number].symbol == self.config.instruments[symbol].symbol
        })
    }

    /// The symbol has a price: opens the positions that have waited for it.
    #[inline]
    pub(crate) fn open_awaited(&mut self, symbol: usize) {
        if !self.awaited.is_empty() && self.awaits_price(symbol) {
            self.open_at_mark(symbol);
        }
    }

    #[cold]
    fn open_at_mark(&mut self, symbol: usize) {
        let Some(mark) = self.mark(symbol) else { return };
        let grid = self.config.instruments[symbol].clone();
        for number in std::mem::take(&mut self.awaited) {
            let stated = &self.config.positions[number];
            if stated.symbol != grid.symbol {
                self.awaited.push(number);
                continue;
            }
            let lots = scaled(stated.amt, grid.qty_decimals).unwrap_or(0);
            let (account, rules) = (stated.account, &self.markets[symbol].rules);
            let holding = self.holding(account, symbol);
            // Its account may have changed its mode before the first price.
            let side = stated.side(self.account(account).dual);
            let fits = rules.notional_fits(mark, lots.abs())
                && rules.notional(mark, lots.abs()) <= rules.max_notional(holding.leverage);
            if !fits || holding.position(side).qty != 0 {
                let symbol = grid.symbol;
                self.warnings.push(format!(
                    "{symbol}: its position of before the start is not opened: it is too large at its leverage, or there is one already."
                ));
                continue;
            }
            let cost = rules.notional(mark, lots.abs());
            self.inherit(number, symbol, lots, cost);
        }
    }
}
