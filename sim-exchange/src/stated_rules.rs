//! Filters and leverage brackets that a scenario states, for symbols that the tables in `rules/` do not know
//! or know otherwise. They take the place of all rows that the tables have of their symbol.
//!
//! Invariant: what is not stated and taken instead is said in the assumptions of the run.

use engine::{Nanos, Symbol};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::dated::{Dated, instant};
use crate::rule_changes::PLAIN_MAX;
use crate::symbol_rules::{
    BracketsRow, FiltersRow, RuleBook, TierRow, check_filters, check_tiers, max_num_algo_orders,
    next_cum, trigger_protect,
};

/// The filters of a symbol, with the keys of `rules/filters.toml`; what is left out is typical of the exchange,
/// or follows from the rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "each is described at the field of `SymbolRules` with its name")]
pub struct StatedFilters {
    pub symbol: Symbol,
    /// From when on, such as `2026-01-01T00:00:00Z`; always, if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_precision: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity_precision: Option<u32>,
    pub tick_size: Decimal,
    pub step_size: Decimal,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_price: Option<Decimal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_price: Option<Decimal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_qty: Option<Decimal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_qty: Option<Decimal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub market_max_qty: Option<Decimal>,
    pub min_notional: Decimal,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multiplier_up: Option<Decimal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multiplier_down: Option<Decimal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub liquidation_fee: Option<Decimal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub market_take_bound: Option<Decimal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_num_orders: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_num_algo_orders: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger_protect: Option<Decimal>,
}

/// A leverage tier; its `cum` follows from the tier below, and is checked where it is stated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "each is described at the field of `Bracket` with its name")]
pub struct StatedTier {
    pub cap: Decimal,
    pub mmr: Decimal,
    pub leverage: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cum: Option<Decimal>,
}

/// The leverage brackets of a symbol, with the keys of `rules/brackets.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatedBrackets {
    /// Whose.
    pub symbol: Symbol,
    /// From when on; always, if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<String>,
    /// Lowest notional first.
    pub tiers: Vec<StatedTier>,
}

/// A decimal value with its name, of which the run says that it was taken.
struct Taken(Vec<String>);

impl Taken {
    fn or<T: ToString + Clone>(&mut self, name: &str, stated: &Option<T>, else_: T) -> T {
        stated.clone().unwrap_or_else(|| {
            self.0.push(format!("{name} {}", else_.to_string()));
            else_
        })
    }
}

impl StatedFilters {
    /// `whose` are these filters?
    fn row(&self, whose: &str) -> Result<Dated<FiltersRow>, String> {
        let (valid_from, from) = since(self.valid_from.as_deref())?;
        let mut taken = Taken(Vec::new());
        let max_qty = taken.or("max_qty", &self.max_qty, Decimal::from(QTY_MAX));
        let row = FiltersRow {
            symbol: self.symbol,
            valid_from,
            price_precision: self.price_precision.unwrap_or(self.tick_size.normalize().scale()),
            quantity_precision: self
                .quantity_precision
                .unwrap_or(self.step_size.normalize().scale()),
            tick_size: self.tick_size,
            step_size: self.step_size,
            min_price: taken.or("min_price", &self.min_price, self.tick_size),
            max_price: taken.or("max_price", &self.max_price, Decimal::ZERO),
            min_qty: taken.or("min_qty", &self.min_qty, self.step_size),
            max_qty,
            market_max_qty: taken.or("market_max_qty", &self.market_max_qty, max_qty),
            min_notional: self.min_notional,
            multiplier_up: taken.or("multiplier_up", &self.multiplier_up, Decimal::new(105, 2)),
            multiplier_down: taken.or(
                "multiplier_down",
                &self.multiplier_down,
                Decimal::new(95, 2),
            ),
            liquidation_fee: taken.or(
                "liquidation_fee",
                &self.liquidation_fee,
                Decimal::new(15, 3),
            ),
            market_take_bound: taken.or(
                "market_take_bound",
                &self.market_take_bound,
                Decimal::new(5, 2),
            ),
            max_num_orders: taken.or("max_num_orders", &self.max_num_orders, 200),
            max_num_algo_orders: taken.or(
                "max_num_algo_orders",
                &self.max_num_algo_orders,
                max_num_algo_orders(),
            ),
            trigger_protect: taken.or("trigger_protect", &self.trigger_protect, trigger_protect()),
            note: None,
        };
        check_filters(&row)?;
        check_bounds(&row)?;
        let mut note = format!("{}: filters as {whose} them", self.symbol);
        if !taken.0.is_empty() {
            note += &format!("; it does not say, and so are taken: {}", taken.0.join(", "));
        }
        Ok(Dated { from, row: FiltersRow { note: Some(note), ..row } })
    }
}

/// Where no filter says how large an order may be.
const QTY_MAX: i64 = 10_000_000;

fn check_bounds(row: &FiltersRow) -> Result<(), String> {
    let bounded = [
        ("tick_size", row.tick_size),
        ("step_size", row.step_size),
        ("min_price", row.min_price),
        ("max_price", row.max_price),
        ("min_qty", row.min_qty),
        ("max_qty", row.max_qty),
        ("market_max_qty", row.market_max_qty),
        ("min_notional", row.min_notional),
        ("multiplier_up", row.multiplier_up),
        ("multiplier_down", row.multiplier_down),
        ("liquidation_fee", row.liquidation_fee),
        ("market_take_bound", row.market_take_bound),
        ("trigger_protect", row.trigger_protect),
    ];
    let outside = |value: Decimal| value < Decimal::ZERO || value > Decimal::from(PLAIN_MAX);
    if let Some((name, value)) = bounded.iter().find(|(_, value)| outside(*value)) {
        return Err(format!("{name} is {value} and must be from 0 to {PLAIN_MAX}"));
    }
    let finer = |name: &str, value: Decimal, of: &str, precision: u32| {
        let decimals = value.normalize().scale();
        (decimals > precision).then(|| {
            format!("{name} {value} has more decimals than {of} {precision}; raise {of} to {decimals}, or leave it out")
        })
    };
    let problem = finer("tick_size", row.tick_size, "price_precision", row.price_precision)
        .or_else(|| {
            finer("step_size", row.step_size, "quantity_precision", row.quantity_precision)
        });
    problem.map_or(Ok(()), Err)
}

impl StatedBrackets {
    fn row(&self) -> Result<Dated<BracketsRow>, String> {
        let (valid_from, from) = since(self.valid_from.as_deref())?;
        let mut tiers: Vec<TierRow> = Vec::with_capacity(self.tiers.len());
        for &StatedTier { cap, mmr, leverage, cum } in &self.tiers {
            if cap > Decimal::from(PLAIN_MAX) || mmr > Decimal::ONE {
                return Err(format!(
                    "cap {cap} must be at most {PLAIN_MAX}, and mmr {mmr} below 1"
                ));
            }
            let follows = tiers
                .last()
                .map_or(Decimal::ZERO, |below| next_cum(below.cum, below.cap, below.mmr, mmr));
            tiers.push(TierRow { cap, mmr, leverage, cum: cum.unwrap_or(follows) });
        }
        check_tiers(&tiers)?;
        let note = Some(format!("{}: leverage brackets as the scenario states them", self.symbol));
        Ok(Dated { from, row: BracketsRow { symbol: self.symbol, valid_from, note, tiers } })
    }
}

/// What holds always holds since before there was an exchange.
const ALWAYS: &str = "1970-01-01T00:00:00Z";

fn since(text: Option<&str>) -> Result<(toml::value::Datetime, Nanos), String> {
    let text = text.unwrap_or(ALWAYS);
    let wrong = || format!("valid_from = {text:?} is no UTC time such as \"2026-01-01T00:00:00Z\"");
    let time = text.parse().map_err(|_| wrong())?;
    let from = instant(&time).map_err(|_| wrong())?;
    Ok((time, from))
}

impl RuleBook {
    /// These rules, with the filters that a venue tells of itself in place of them.
    pub fn with_told(mut self, filters: &[StatedFilters]) -> Result<RuleBook, String> {
        let row = |one: &StatedFilters| {
            one.row("the venue told").map_err(|problem| {
                format!(
                    "the venue's filters of {0}: {problem}; state others in [[exchange.filters]] with symbol = \"{0}\"",
                    one.symbol
                )
            })
        };
        let rows = filters.iter().map(row).collect::<Result<Vec<_>, _>>()?;
        self.replace_filters(rows);
        Ok(self)
    }

    fn replace_filters(&mut self, rows: Vec<Dated<FiltersRow>>) {
        self.filters.retain(|old| rows.iter().all(|new| new.row.symbol != old.row.symbol));
        self.filters.extend(rows);
        self.filters.sort_by_key(|dated| (dated.row.symbol, dated.from));
    }

    /// These rules, with what a scenario states in place of them. The error names the block.
    pub fn with_stated(
        mut self,
        filters: &[StatedFilters],
        brackets: &[StatedBrackets],
    ) -> Result<RuleBook, String> {
        let place = |what, number: usize, symbol, problem: String| {
            format!("[[exchange.{what}]] number {} ({symbol}): {problem}", number + 1)
        };
        let mut rows = Vec::with_capacity(filters.len());
        for (number, one) in filters.iter().enumerate() {
            let row = one.row("the scenario states");
            rows.push(row.map_err(|e| place("filters", number, one.symbol, e))?);
        }
        self.replace_filters(rows);

        let mut rows = Vec::with_capacity(brackets.len());
        for (number, one) in brackets.iter().enumerate() {
            rows.push(one.row().map_err(|e| place("brackets", number, one.symbol, e))?);
        }
        self.brackets.retain(|old| rows.iter().all(|new| new.row.symbol != old.row.symbol));
        self.brackets.extend(rows);
        self.brackets.sort_by_key(|dated| (dated.row.symbol, dated.from));

        let twice = |what: &str, keys: Vec<(Symbol, Nanos)>| {
            let two = keys.windows(2).find(|pair| pair[0] == pair[1])?;
            Some(format!(
                "[[exchange.{what}]]: two blocks of {} hold from the same instant; remove one, or give it another valid_from",
                two[0].0
            ))
        };
        let filters = self.filters.iter().map(|dated| (dated.row.symbol, dated.from)).collect();
        let brackets = self.brackets.iter().map(|dated| (dated.row.symbol, dated.from)).collect();
        match twice("filters", filters).or_else(|| twice("brackets", brackets)) {
            Some(problem) => Err(problem),
            None => Ok(self),
        }
    }
}

/// What to write into a scenario whose symbol has no filters, or no brackets.
pub(crate) fn remedy(symbol: &Symbol, what: &str) -> String {
    let example = match what {
        // What no scenario states belongs into our own table.
        "commission" => return "add a `[[commission]]` block with valid_from for it".to_owned(),
        "filters" => "tick_size = \"0.01\", step_size = \"0.001\", min_notional = \"5\"",
        _ => {
            "tiers = [{ cap = \"5000\", mmr = \"0.01\", leverage = 50 }, { cap = \"1000000\", mmr = \"0.05\", leverage = 10 }]"
        }
    };
    format!(
        "state them in the scenario, such as [exchange] {what} = [{{ symbol = \"{symbol}\", {example} }}]"
    )
}
