//! Rules that change during a run: by the dates of the tables, and by an event that states them.
//!
//! From the instant of a change all that is new is checked against the new rules. Orders that rest stay
//! as they are, also off the new tick or below a new minimum, and so do leverages above a new maximum:
//! with such a leverage nothing more can be opened. Margins follow the new brackets at once, and whoever
//! does not cover them any more is liquidated in the same instant.
//!
//! Invariant: an event changes what it names; a date of the tables changes all filters, or all brackets.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::book::Multiples;
use crate::config::ConfigError;
use crate::exchange::SimExchange;
use crate::report::KeptRisks;
use crate::symbol_rules::{Bracket, GridRules, RuleBook, RulesError, SymbolRules, next_cum};
use crate::venue_clock::Due;

/// Filters that change; the others stay. The names are those of `rules/filters.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "each is described at the field of `SymbolRules` with its name")]
pub struct FilterChange {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_precision: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity_precision: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tick_size: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_size: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_price: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_price: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_qty: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_qty: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub market_max_qty: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_notional: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub multiplier_up: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub multiplier_down: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub liquidation_fee: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub market_take_bound: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_num_orders: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_num_algo_orders: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trigger_protect: Option<Decimal>,
}

/// A leverage tier as an event states it; floor and cum follow from the tier below.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// notionalCap in USDT.
    pub cap: Decimal,
    /// maintMarginRatio.
    pub mmr: Decimal,
    /// initialLeverage.
    pub leverage: u32,
}

impl FilterChange {
    /// `old` with these filters.
    fn apply(&self, old: &mut SymbolRules) {
        macro_rules! take {
            ($($field:ident)+) => { $(if let Some(value) = self.$field { old.$field = value; })+ };
        }
        take!(price_precision quantity_precision tick_size step_size min_price max_price min_qty);
        take!(max_qty market_max_qty min_notional multiplier_up multiplier_down liquidation_fee);
        take!(market_take_bound max_num_orders max_num_algo_orders trigger_protect);
    }

    /// What cannot be, whatever the other filters are.
    pub(crate) fn problem(&self) -> Option<String> {
        let rows = [
            ("tick_size", self.tick_size, true),
            ("step_size", self.step_size, true),
            ("min_price", self.min_price, false),
            ("max_price", self.max_price, false),
            ("min_qty", self.min_qty, true),
            ("max_qty", self.max_qty, true),
            ("market_max_qty", self.market_max_qty, true),
            ("min_notional", self.min_notional, false),
            ("multiplier_up", self.multiplier_up, true),
            ("multiplier_down", self.multiplier_down, true),
            ("liquidation_fee", self.liquidation_fee, false),
            ("market_take_bound", self.market_take_bound, true),
            ("trigger_protect", self.trigger_protect, true),
        ];
        let wrong = |value: Decimal, positive: bool| {
            value < Decimal::ZERO
                || (positive && value.is_zero())
                || value > Decimal::from(PLAIN_MAX)
        };
        rows.iter().find_map(|(name, value, positive)| {
            let value = value.filter(|value| wrong(*value, *positive))?;
            let least = if *positive { "above 0" } else { "at least 0" };
            Some(format!("filters: {name} is {value}, and must be {least} and at most {PLAIN_MAX}"))
        })
    }
}

/// No filter of Binance's is larger.
pub(crate) const PLAIN_MAX: i64 = 1_000_000_000_000;

/// What is wrong with stated tiers.
pub(crate) fn tiers_problem(tiers: &[Tier]) -> Option<String> {
    let Some(first) = tiers.first() else {
        return Some("brackets: at least one tier is needed".to_owned());
    };
    let sane = |t: &Tier| t.mmr > Decimal::ZERO && t.mmr < Decimal::ONE && t.leverage >= 1;
    if first.cap <= Decimal::ZERO || !tiers.iter().all(sane) {
        return Some(
            "brackets: caps must be above 0, mmr between 0 and 1, leverage at least 1".into(),
        );
    }
    let wrong = |pair: &&[Tier]| {
        let (below, above) = (&pair[0], &pair[1]);
        above.cap <= below.cap || above.mmr <= below.mmr || above.leverage > below.leverage
    };
    let wrong = tiers.windows(2).find(wrong).is_some();
    wrong.then(|| "brackets: cap and mmr must rise from tier to tier, leverage must not".to_owned())
}

/// The tiers with their floors, and with the `cum` that makes the maintenance margin continuous.
fn brackets_of(tiers: &[Tier]) -> Vec<Bracket> {
    let mut brackets: Vec<Bracket> = Vec::with_capacity(tiers.len());
    for &Tier { cap, mmr, leverage } in tiers {
        let (floor, cum) = brackets.last().map_or((Decimal::ZERO, Decimal::ZERO), |below| {
            (below.cap, next_cum(below.cum, below.cap, below.mmr, mmr))
        });
        brackets.push(Bracket { floor, cap, mmr, cum, leverage });
    }
    brackets
}

/// Rules of the tables that begin to hold at a date.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RulesFrom {
    symbol: usize,
    rules: SymbolRules,
    /// Its filters are new.
    filters: bool,
    /// Its brackets are new.
    brackets: bool,
}

impl SimExchange {
    /// Notes every later date of the tables; none if the run is set to the rules of one instant.
    pub(crate) fn schedule_rules(&mut self, book: &RuleBook) -> Result<(), RulesError> {
        if self.config.rules_at.is_some() {
            return Ok(());
        }
        for symbol in 0..self.markets.len() {
            let name = self.config.instruments[symbol].symbol;
            let (filters, brackets) = book.dates_after(name, self.config.start);
            let mut dates = [filters.as_slice(), brackets.as_slice()].concat();
            dates.sort();
            dates.dedup();
            for at in dates {
                let rules = book.for_symbol(name, at)?;
                let (filters, brackets) = (filters.contains(&at), brackets.contains(&at));
                self.clock.push(at, Due::Rules(self.rules_ahead.len()));
                self.rules_ahead.push(RulesFrom { symbol, rules, filters, brackets });
            }
        }
        Ok(())
    }

    /// A date of the tables has come. Rules that the run's grid cannot express are warned of and not
    /// taken over: that they would come was not known to matter when the run began.
    pub(crate) fn dated_rules(&mut self, number: usize) {
        let RulesFrom { symbol, mut rules, filters, brackets } = self.rules_ahead[number].clone();
        let old = &self.markets[symbol].rules.rules;
        if !filters {
            rules = SymbolRules { brackets: rules.brackets, notes: rules.notes, ..old.clone() };
        }
        if !brackets {
            rules.brackets.clone_from(&old.brackets);
        }
        self.change_rules(symbol, rules);
    }

    /// An event of the venue changes rules.
    pub(crate) fn stated_rules(
        &mut self,
        symbol: usize,
        filters: &FilterChange,
        tiers: Option<&[Tier]>,
    ) {
        let rules = changed(&self.markets[symbol].rules.rules, filters, tiers);
        self.change_rules(symbol, rules);
    }

    fn change_rules(&mut self, symbol: usize, rules: SymbolRules) {
        let name = rules.symbol;
        match GridRules::new(rules, &self.config.instruments[symbol]) {
            Ok(rules) => {
                self.watch[symbol].tick = Multiples::of(rules.tick);
                self.markets[symbol].rules = rules;
                // Rows that are kept show margins by the old rules.
                self.accounts.iter_mut().for_each(|account| account.risks = KeptRisks::default());
            }
            Err(error) => self.warnings.push(format!(
                "{name}: its rules changed at {} and were not taken over: {error}",
                self.now
            )),
        }
    }

    /// Whether the grid can express what an event states, as far as the start can tell.
    pub(crate) fn check_stated(
        &self,
        symbol: usize,
        filters: &FilterChange,
        tiers: Option<&[Tier]>,
    ) -> Result<(), ConfigError> {
        let rules = changed(&self.markets[symbol].rules.rules, filters, tiers);
        GridRules::new(rules, &self.config.instruments[symbol])?;
        Ok(())
    }

    /// Which rules hold, in a sentence.
    pub(crate) fn rules_sentence(&self) -> String {
        match self.config.rules_at {
            Some(at) => format!("Rules: filters and brackets are those of {at}, for the whole run."),
            None => "Rules: filters and brackets are those of their dates; where a run crosses one, the new ones hold from that instant on, and orders that rest stay as they are.".to_owned(),
        }
    }
}

fn changed(old: &SymbolRules, filters: &FilterChange, tiers: Option<&[Tier]>) -> SymbolRules {
    let mut rules = old.clone();
    filters.apply(&mut rules);
    if let Some(tiers) = tiers {
        rules.brackets = brackets_of(tiers);
    }
    rules
}
