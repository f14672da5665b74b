//! The dated rules of each symbol: filters and leverage brackets, from tables in `rules/`.
//!
//! Invariant: a rule that is not known is an error or a warning, never a silent default.

use std::sync::OnceLock;

use engine::{Instrument, Nanos, Symbol};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

use crate::dated::{Dated, embedded, instant, pick};
use crate::stated_rules::remedy;

/// Why the rules of a symbol cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// The table's text is not what it should be.
    #[error("{file}: {problem}; see the comment at the head of sim-exchange/rules/{file}")]
    Malformed {
        /// Which table.
        file: String,
        /// What and where.
        problem: String,
    },
    /// The table lacks a symbol.
    #[error("{symbol} has no {what} in {file}: {}", remedy(symbol, what))]
    Missing {
        /// Whose.
        symbol: Symbol,
        /// `filters` or `brackets`.
        what: &'static str,
        /// Where it belongs.
        file: String,
    },
    /// The run's grid cannot express a rule.
    #[error("{symbol}: {what} {value} is not on the grid of {decimals} decimals: use a finer grid")]
    Grid {
        /// Whose.
        symbol: Symbol,
        /// Which rule.
        what: &'static str,
        /// Its value.
        value: Decimal,
        /// The grid's.
        decimals: u32,
    },
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FiltersRow {
    pub(crate) symbol: Symbol,
    pub(crate) valid_from: toml::value::Datetime,
    pub(crate) price_precision: u32,
    pub(crate) quantity_precision: u32,
    pub(crate) tick_size: Decimal,
    pub(crate) step_size: Decimal,
    pub(crate) min_price: Decimal,
    pub(crate) max_price: Decimal,
    pub(crate) min_qty: Decimal,
    pub(crate) max_qty: Decimal,
    pub(crate) market_max_qty: Decimal,
    pub(crate) min_notional: Decimal,
    pub(crate) multiplier_up: Decimal,
    pub(crate) multiplier_down: Decimal,
    pub(crate) liquidation_fee: Decimal,
    pub(crate) market_take_bound: Decimal,
    pub(crate) max_num_orders: usize,
    #[serde(default = "max_num_algo_orders")]
    pub(crate) max_num_algo_orders: usize,
    #[serde(default = "trigger_protect")]
    pub(crate) trigger_protect: Decimal,
    pub(crate) note: Option<String>,
}

/// MAX_NUM_ALGO_ORDERS of all rows that show it.
pub(crate) fn max_num_algo_orders() -> usize {
    10
}

/// triggerProtect of most rows.
pub(crate) fn trigger_protect() -> Decimal {
    Decimal::new(5, 2)
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TierRow {
    pub(crate) cap: Decimal,
    pub(crate) mmr: Decimal,
    pub(crate) leverage: u32,
    pub(crate) cum: Decimal,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BracketsRow {
    pub(crate) symbol: Symbol,
    pub(crate) valid_from: toml::value::Datetime,
    pub(crate) note: Option<String>,
    pub(crate) tiers: Vec<TierRow>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    filters: Vec<FiltersRow>,
    #[serde(default)]
    brackets: Vec<BracketsRow>,
}

/// One leverage tier. It holds for `floor < notional <= cap`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bracket {
    /// notionalFloor in USDT.
    pub floor: Decimal,
    /// notionalCap in USDT.
    pub cap: Decimal,
    /// maintMarginRatio.
    pub mmr: Decimal,
    /// cum in USDT.
    pub cum: Decimal,
    /// initialLeverage.
    pub leverage: u32,
}

/// What holds for a symbol at one instant, in Binance's decimals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SymbolRules {
    /// Whose.
    pub symbol: Symbol,
    /// pricePrecision.
    pub price_precision: u32,
    /// quantityPrecision.
    pub quantity_precision: u32,
    /// PRICE_FILTER tickSize.
    pub tick_size: Decimal,
    /// LOT_SIZE stepSize.
    pub step_size: Decimal,
    /// PRICE_FILTER minPrice.
    pub min_price: Decimal,
    /// PRICE_FILTER maxPrice; zero is off.
    pub max_price: Decimal,
    /// LOT_SIZE minQty.
    pub min_qty: Decimal,
    /// LOT_SIZE maxQty.
    pub max_qty: Decimal,
    /// MARKET_LOT_SIZE maxQty.
    pub market_max_qty: Decimal,
    /// MIN_NOTIONAL in USDT.
    pub min_notional: Decimal,
    /// PERCENT_PRICE multiplierUp.
    pub multiplier_up: Decimal,
    /// PERCENT_PRICE multiplierDown.
    pub multiplier_down: Decimal,
    /// liquidationFee.
    pub liquidation_fee: Decimal,
    /// marketTakeBound.
    pub market_take_bound: Decimal,
    /// MAX_NUM_ORDERS.
    pub max_num_orders: usize,
    /// MAX_NUM_ALGO_ORDERS, until the algo service came.
    pub max_num_algo_orders: usize,
    /// triggerProtect: how far mark and last price may be apart at a protected trigger.
    pub trigger_protect: Decimal,
    /// Lowest notional first.
    pub brackets: Vec<Bracket>,
    /// How these figures are known, where not from the exchange itself: assumptions of a run.
    pub notes: Vec<String>,
    /// Figures that are used outside their time.
    pub warnings: Vec<String>,
}

/// All rules that are known, with their dates.
#[derive(Clone)]
pub struct RuleBook {
    pub(crate) filters: Vec<Dated<FiltersRow>>,
    pub(crate) brackets: Vec<Dated<BracketsRow>>,
    filters_file: String,
    brackets_file: String,
}

impl RuleBook {
    /// The tables that are part of this crate.
    pub fn embedded() -> Result<RuleBook, RulesError> {
        static BOOK: OnceLock<RuleBook> = OnceLock::new();
        embedded(&BOOK, || {
            let filters = RuleBook::parse(include_str!("../rules/filters.toml"), "filters.toml")?;
            let brackets =
                RuleBook::parse(include_str!("../rules/brackets.toml"), "brackets.toml")?;
            Ok(RuleBook {
                filters: filters.filters,
                brackets: brackets.brackets,
                filters_file: filters.filters_file,
                brackets_file: brackets.brackets_file,
            })
        })
    }

    /// Reads `[[filters]]` and `[[brackets]]` blocks; `name` stands in messages.
    pub fn parse(text: &str, name: &str) -> Result<RuleBook, RulesError> {
        let malformed = |problem: String| RulesError::Malformed { file: name.to_owned(), problem };
        let table: Table = toml::from_str(text).map_err(|e| malformed(e.to_string()))?;
        let mut filters = Vec::with_capacity(table.filters.len());
        for row in table.filters {
            let place = format!("filters of {} from {}", row.symbol, row.valid_from);
            check_filters(&row).map_err(|e| malformed(format!("{place}: {e}")))?;
            let from = instant(&row.valid_from).map_err(|e| malformed(format!("{place}: {e}")))?;
            filters.push(Dated { from, row });
        }
        let mut brackets = Vec::with_capacity(table.brackets.len());
        for row in table.brackets {
            let place = format!("brackets of {} from {}", row.symbol, row.valid_from);
            check_tiers(&row.tiers).map_err(|e| malformed(format!("{place}: {e}")))?;
            let from = instant(&row.valid_from).map_err(|e| malformed(format!("{place}: {e}")))?;
            brackets.push(Dated { from, row });
        }
        filters.sort_by_key(|d| (d.row.symbol, d.from));
        brackets.sort_by_key(|d| (d.row.symbol, d.from));
        Ok(RuleBook {
            filters,
            brackets,
            filters_file: name.to_owned(),
            brackets_file: name.to_owned(),
        })
    }

    /// Every symbol that has both filters and brackets, by name.
    pub fn symbols(&self) -> Vec<Symbol> {
        let mut names: Vec<Symbol> = self.filters.iter().map(|d| d.row.symbol).collect();
        names.dedup();
        names.retain(|s| self.brackets.iter().any(|d| d.row.symbol == *s));
        names
    }

    /// What holds for `symbol` at `at`, with warnings where that is not certain.
    pub fn for_symbol(&self, symbol: Symbol, at: Nanos) -> Result<SymbolRules, RulesError> {
        let mut warnings = Vec::new();
        let missing =
            |what, file: &str| RulesError::Missing { symbol, what, file: file.to_owned() };
        let filters = pick(&self.filters, |r| r.symbol == symbol, at)
            .ok_or_else(|| missing("filters", &self.filters_file))?;
        let brackets = pick(&self.brackets, |r| r.symbol == symbol, at)
            .ok_or_else(|| missing("brackets", &self.brackets_file))?;
        for (what, from) in [("filters", filters.from), ("brackets", brackets.from)] {
            if at < from {
                warnings.push(format!(
                    "{symbol}: the first known {what} are of {from}; they are used for {at} as well"
                ));
            }
        }
        let notes = [&filters.row.note, &brackets.row.note].into_iter().flatten().cloned();
        let mut floor = Decimal::ZERO;
        let tiers = brackets.row.tiers.iter().map(|t| {
            let tier = Bracket { floor, cap: t.cap, mmr: t.mmr, cum: t.cum, leverage: t.leverage };
            floor = t.cap;
            tier
        });
        let f = &filters.row;
        Ok(SymbolRules {
            symbol,
            price_precision: f.price_precision,
            quantity_precision: f.quantity_precision,
            tick_size: f.tick_size,
            step_size: f.step_size,
            min_price: f.min_price,
            max_price: f.max_price,
            min_qty: f.min_qty,
            max_qty: f.max_qty,
            market_max_qty: f.market_max_qty,
            min_notional: f.min_notional,
            multiplier_up: f.multiplier_up,
            multiplier_down: f.multiplier_down,
            liquidation_fee: f.liquidation_fee,
            market_take_bound: f.market_take_bound,
            max_num_orders: f.max_num_orders,
            max_num_algo_orders: f.max_num_algo_orders,
            trigger_protect: f.trigger_protect,
            brackets: tiers.collect(),
            notes: notes.collect(),
            warnings,
        })
    }
}

impl RuleBook {
    /// When other filters and when other brackets of a symbol begin to hold, after `after`. The first row
    /// of a table holds before its date as well, so that nothing changes there.
    pub(crate) fn dates_after(&self, symbol: Symbol, after: Nanos) -> (Vec<Nanos>, Vec<Nanos>) {
        fn later<T>(rows: &[Dated<T>], is_its: impl Fn(&T) -> bool, after: Nanos) -> Vec<Nanos> {
            let dates = rows.iter().filter(|d| is_its(&d.row)).map(|d| d.from);
            dates.skip(1).filter(|from| *from > after).collect()
        }
        let filters = later(&self.filters, |row| row.symbol == symbol, after);
        (filters, later(&self.brackets, |row| row.symbol == symbol, after))
    }
}

pub(crate) fn check_filters(row: &FiltersRow) -> Result<(), String> {
    let positive = [
        ("tick_size", row.tick_size),
        ("step_size", row.step_size),
        ("min_qty", row.min_qty),
        ("max_qty", row.max_qty),
        ("market_max_qty", row.market_max_qty),
        ("multiplier_up", row.multiplier_up),
        ("multiplier_down", row.multiplier_down),
        ("market_take_bound", row.market_take_bound),
        ("trigger_protect", row.trigger_protect),
    ];
    match positive.iter().find(|(_, v)| *v <= Decimal::ZERO) {
        Some((name, value)) => Err(format!("{name} is {value} and must be above zero")),
        None => Ok(()),
    }
}

/// The maintenance amount of a tier: `cum + floor × (MMR - MMR of the tier below)`.
pub(crate) fn next_cum(
    below: Decimal,
    floor: Decimal,
    mmr_below: Decimal,
    mmr: Decimal,
) -> Decimal {
    below + floor * (mmr - mmr_below)
}

/// Caps and rates rise, leverage falls, and `cum` makes the maintenance margin continuous.
pub(crate) fn check_tiers(tiers: &[TierRow]) -> Result<(), String> {
    let first = tiers.first().ok_or("at least one tier is needed")?;
    if !first.cum.is_zero() || first.cap <= Decimal::ZERO || first.mmr <= Decimal::ZERO {
        return Err("tier 1 needs cum 0 and a cap and mmr above zero".to_owned());
    }
    for (n, pair) in tiers.windows(2).enumerate() {
        let (below, above) = (&pair[0], &pair[1]);
        let expected = next_cum(below.cum, below.cap, below.mmr, above.mmr);
        let tier = n + 2;
        if above.cum != expected {
            return Err(format!("tier {tier}: cum is {} and must be {expected}", above.cum));
        }
        if above.cap <= below.cap || above.mmr <= below.mmr || above.leverage > below.leverage {
            return Err(format!("tier {tier}: cap and mmr must rise, leverage must not"));
        }
    }
    let sane = tiers.iter().all(|t| t.mmr < Decimal::ONE && t.leverage >= 1);
    sane.then_some(()).ok_or_else(|| "mmr must be below 1 and leverage at least 1".to_owned())
}

/// The rules of a symbol as integers on the run's grid, and what is money as `Decimal`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct GridRules {
    pub(crate) rules: SymbolRules,
    pub(crate) price_decimals: u32,
    pub(crate) qty_decimals: u32,
    pub(crate) tick: i64,
    pub(crate) step: i64,
    /// Grid units of one unit of pricePrecision; 1 if the grid is coarser.
    pub(crate) price_precision_unit: i64,
    pub(crate) qty_precision_unit: i64,
    pub(crate) min_price: i64,
    pub(crate) max_price: i64,
    pub(crate) min_qty: i64,
    pub(crate) max_qty: i64,
    pub(crate) market_max_qty: i64,
}

impl GridRules {
    pub(crate) fn new(rules: SymbolRules, grid: &Instrument) -> Result<GridRules, RulesError> {
        let on_grid = |what, value: Decimal, decimals: u32| {
            let scaled =
                10i64.checked_pow(decimals).and_then(|unit| value.checked_mul(Decimal::from(unit)));
            scaled
                .filter(|s| s.fract().is_zero())
                .and_then(|s| s.to_i64())
                .ok_or(RulesError::Grid { symbol: rules.symbol, what, value, decimals })
        };
        let (pd, qd) = (grid.price_decimals, grid.qty_decimals);
        let unit = |decimals: u32, precision: u32| {
            10i64.checked_pow(decimals.saturating_sub(precision)).unwrap_or(i64::MAX)
        };
        let max_price = match on_grid("max_price", rules.max_price, pd)? {
            0 => i64::MAX,
            price => price,
        };
        Ok(GridRules {
            tick: on_grid("tick_size", rules.tick_size, pd)?,
            step: on_grid("step_size", rules.step_size, qd)?,
            price_precision_unit: unit(pd, rules.price_precision),
            qty_precision_unit: unit(qd, rules.quantity_precision),
            min_price: on_grid("min_price", rules.min_price, pd)?,
            max_price,
            min_qty: on_grid("min_qty", rules.min_qty, qd)?,
            max_qty: on_grid("max_qty", rules.max_qty, qd)?,
            market_max_qty: on_grid("market_max_qty", rules.market_max_qty, qd)?,
            price_decimals: pd,
            qty_decimals: qd,
            rules,
        })
    }

    /// Price × quantity in USDT, exact.
    pub(crate) fn notional(&self, price: i64, qty: i64) -> Decimal {
        let product = i128::from(price) * i128::from(qty);
        Decimal::from_i128_with_scale(product, self.price_decimals + self.qty_decimals)
    }

    /// A price of the grid in USDT.
    pub(crate) fn price_of(&self, price: Decimal) -> Decimal {
        (price / Decimal::from(10i64.pow(self.price_decimals))).normalize()
    }

    /// Whether [`GridRules::notional`] stays far inside what a `Decimal` holds exactly.
    pub(crate) fn notional_fits(&self, price: i64, qty: i64) -> bool {
        let product = i128::from(price) * i128::from(qty);
        product.unsigned_abs() < 10u128.pow(25)
    }

    pub(crate) fn qty(&self, qty: i64) -> Decimal {
        Decimal::new(qty, self.qty_decimals)
    }

    /// The tier of a notional: `floor < notional <= cap`; above the last cap the last one holds.
    pub(crate) fn bracket(&self, notional: Decimal) -> &Bracket {
        let tiers = &self.rules.brackets;
        // Nearly all positions lie in the first one.
        if notional <= tiers[0].cap {
            return &tiers[0];
        }
        let at = tiers.partition_point(|t| t.cap < notional);
        &tiers[at.min(tiers.len() - 1)]
    }

    /// The largest notional that this leverage allows.
    pub(crate) fn max_notional(&self, leverage: u32) -> Decimal {
        let allowed = self.rules.brackets.iter().filter(|t| t.leverage >= leverage);
        allowed.map(|t| t.cap).max().unwrap_or(Decimal::ZERO)
    }

    pub(crate) fn max_leverage(&self) -> u32 {
        self.rules.brackets.first().map_or(1, |t| t.leverage)
    }
}
