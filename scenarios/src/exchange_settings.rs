//! `[account]` and `[exchange]` of a scenario file.

use std::collections::BTreeMap;
use std::path::Path;

use engine::{FieldValue as _, IsoTime, MarginType, Nanos, Symbol};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use sim_exchange::adl::AdlFormula;
use sim_exchange::depth::QueueKind;
use sim_exchange::{
    Collateral, CollateralPrice, Latency, LatencyRow, LimitsConfig, LiquidationSize, Profile,
    Quantiles, RuleBook, StatedBrackets, StatedFilters, VolumeLimit,
};

use crate::{Event, HeldPosition};

/// A day: no delivery takes longer.
pub(crate) const DELIVERY_MAX_US: i64 = 86_400_000_000;

/// The account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Account {
    /// First deposit, in USDT.
    pub wallet: Decimal,
    /// Leverage of every symbol until a service sets another.
    pub leverage: u32,
    /// Maker fee as a fraction of the notional.
    pub maker_fee: Decimal,
    /// Taker fee as a fraction of the notional.
    pub taker_fee: Decimal,
    /// VIP level, 0 to 9: its fees of the run's date, in place of the two above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vip: Option<u8>,
    /// Hedge mode: a long and a short position of each symbol.
    pub hedge_mode: bool,
    /// Of every symbol: CROSSED or ISOLATED.
    pub margin_type: MarginType,
    /// Multi-assets mode: all assets are collateral, with cross margin only.
    #[serde(skip_serializing_if = "is_default")]
    pub multi_assets: bool,
    /// Assets beside USDT, and how much of each. The mark of a symbol is the index of its asset, that of
    /// BTCUSDT the one of BTC.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub collateral: BTreeMap<Symbol, Decimal>,
    /// Of an asset whose symbol is not in the market: what one of it is worth in USD, at all times.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub collateral_prices: BTreeMap<Symbol, Decimal>,
    /// What it holds from an earlier time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub positions: Vec<HeldPosition>,
}

/// What the file need not say is not written either, so that a key that is new changes no digest.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Default for Account {
    fn default() -> Account {
        Account {
            wallet: Decimal::new(10_000, 0),
            leverage: 20,
            maker_fee: Decimal::new(2, 4),
            taker_fee: Decimal::new(5, 4),
            vip: None,
            hedge_mode: false,
            margin_type: MarginType::Crossed,
            multi_assets: false,
            collateral: BTreeMap::new(),
            collateral_prices: BTreeMap::new(),
            positions: Vec::new(),
        }
    }
}

impl Account {
    /// The assets beside USDT with their indices, among the symbols of the run.
    pub(crate) fn collateral(&self, symbols: &[Symbol]) -> Result<Vec<Collateral>, String> {
        if let Some(stray) =
            self.collateral_prices.keys().find(|asset| !self.collateral.contains_key(asset))
        {
            return Err(format!(
                "account.collateral_prices: {stray} is not in [account.collateral]: give its amount there, or remove it"
            ));
        }
        let of = |(asset, amount): (&Symbol, &Decimal)| {
            if asset.as_str() == "USDT" {
                return Err(
                    "account.collateral: USDT is the wallet: state it as account.wallet".to_owned()
                );
            }
            let mark =
                Symbol::new(&format!("{asset}USDT")).ok().filter(|symbol| symbols.contains(symbol));
            let price = match (self.collateral_prices.get(asset), mark) {
                (Some(_), Some(symbol)) => {
                    return Err(format!(
                        "account.collateral_prices: {asset} has the mark of {symbol}, which is in the market: remove its price"
                    ));
                }
                (Some(price), None) => CollateralPrice::Fixed(*price),
                (None, Some(symbol)) => CollateralPrice::MarkOf(symbol),
                (None, None) => {
                    return Err(format!(
                        "account.collateral: nothing tells what {asset} is worth: add {asset}USDT to the market, or {asset} = \"…\" to [account.collateral_prices]"
                    ));
                }
            };
            Ok(Collateral { asset: *asset, amount: *amount, price })
        };
        self.collateral.iter().map(of).collect()
    }
}

/// The exchange as the scenario has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Venue {
    /// The named set of assumptions about fills: fast, standard or strict.
    pub profile: Profile,
    /// From a service to the matching engine, in µs.
    pub request_latency_us: i64,
    /// From the matching engine to a service, in µs.
    pub response_latency_us: i64,
    /// Latencies that vary, in place of the two above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<LatencyTable>,
    /// Order ticks that a taker pays beyond the last price, where no book is known; else the profile's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taker_spread_ticks: Option<u32>,
    /// How queues move, where levels are known; else the profile's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueKind>,
    /// Shares of the volume, where no book is known; else the profile's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume: Option<VolumeLimit>,
    /// The date whose rules hold, ISO-8601, if it is not the run's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules_at: Option<String>,
    /// Request weights, order rates and bans.
    pub limits: LimitsConfig,
    /// A signed request that arrives later than this after its timestamp is refused.
    pub recv_window_ms: i64,
    /// How far the clients' clock is ahead of the exchange's.
    pub client_clock_offset_ms: i64,
    /// Margin ratio from which on a pool is called.
    pub margin_call_ratio: Decimal,
    /// What the insurance fund holds at the start, in USDT.
    pub insurance_fund: Decimal,
    /// How large a liquidation order is: fewest or whole.
    #[serde(skip_serializing_if = "is_default")]
    pub liquidation_size: LiquidationSize,
    /// How the queue of deleveraging is ranked: margin_ratio or effective_leverage.
    #[serde(skip_serializing_if = "is_default")]
    pub adl_formula: AdlFormula,
    /// Funding of every symbol per eight hours, as a fraction; absent: from the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub funding_rate: Option<Decimal>,
    /// Filters of symbols, in place of those that are known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<StatedFilters>,
    /// Leverage brackets of symbols, in place of those that are known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub brackets: Vec<StatedBrackets>,
    /// What befalls it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Event>,
}

impl Default for Venue {
    fn default() -> Venue {
        Venue {
            profile: Profile::Fast,
            request_latency_us: 5_000,
            response_latency_us: 5_000,
            latency: None,
            taker_spread_ticks: None,
            queue: None,
            volume: None,
            rules_at: None,
            limits: LimitsConfig::default(),
            recv_window_ms: 5_000,
            client_clock_offset_ms: 0,
            margin_call_ratio: Decimal::new(8, 1),
            insurance_fund: Decimal::from(1_000_000_000),
            liquidation_size: LiquidationSize::default(),
            adl_formula: AdlFormula::default(),
            funding_rate: None,
            filters: Vec::new(),
            brackets: Vec::new(),
            events: Vec::new(),
        }
    }
}

impl Venue {
    /// The rules that are known, with those that the scenario states for symbols of its market.
    pub(crate) fn rules(&self, symbols: &[Symbol]) -> Result<RuleBook, String> {
        let filters = self.filters.iter().map(|stated| ("filters", stated.symbol));
        let brackets = self.brackets.iter().map(|stated| ("brackets", stated.symbol));
        if let Some((what, stray)) = filters.chain(brackets).find(|(_, s)| !symbols.contains(s)) {
            let known: Vec<String> = symbols.iter().map(ToString::to_string).collect();
            return Err(format!(
                "[[exchange.{what}]] {stray} is not in the market: name one of {}",
                known.join(", ")
            ));
        }
        let known = RuleBook::embedded().map_err(|error| error.to_string())?;
        known.with_stated(&self.filters, &self.brackets)
    }
}

/// `[exchange.latency]`: two distributions, or measurements.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LatencyTable {
    /// Quantiles of the way there: pairs of thousandths and µs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Quantiles>,
    /// Quantiles of the way back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<Quantiles>,
    /// A csv file beside the scenario with the columns time_ms, request_us and response_us.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// What that file holds: read with the scenario, so that a journal needs no other file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<LatencyRow>,
}

/// A row of the file.
#[derive(Deserialize)]
struct CsvRow {
    time_ms: i64,
    request_us: i64,
    response_us: i64,
}

impl LatencyTable {
    /// Reads the file that it names, beside the scenario `origin`.
    pub(crate) fn read_file(&mut self, origin: &str) -> Result<(), String> {
        let Some(name) = self.file.take() else { return Ok(()) };
        let path = Path::new(origin).parent().unwrap_or(Path::new("")).join(&name);
        let shown = path.display();
        let mut reader = csv::Reader::from_path(&path)
            .map_err(|error| format!("[exchange.latency] file {shown}: {error}; check the path"))?;
        for (number, row) in reader.deserialize::<CsvRow>().enumerate() {
            let row = row.map_err(|error| {
                format!("[exchange.latency] {shown}: {error}; its columns are time_ms, request_us, response_us")
            })?;
            let line = number + 2;
            let odd = |us: i64| !(0..=DELIVERY_MAX_US).contains(&us);
            if odd(row.request_us) || odd(row.response_us) {
                return Err(format!(
                    "[exchange.latency] {shown}:{line}: a delivery takes from 0 to {DELIVERY_MAX_US} µs (a day)"
                ));
            }
            let time = Nanos::from_millis(row.time_ms);
            if self.rows.last().is_some_and(|last| last.time > time) {
                return Err(format!(
                    "[exchange.latency] {shown}:{line}: it is earlier than the line before; sort the file by time_ms"
                ));
            }
            let (request, response) =
                (Nanos::from_micros(row.request_us), Nanos::from_micros(row.response_us));
            self.rows.push(LatencyRow { time, request, response });
        }
        if self.rows.is_empty() {
            return Err(format!("[exchange.latency] {shown}: it has no rows"));
        }
        Ok(())
    }
}

impl Venue {
    /// Requests and answers take as long as they do at `other`.
    pub(crate) fn take_ways_of(&mut self, other: &Venue) {
        self.request_latency_us = other.request_latency_us;
        self.response_latency_us = other.response_latency_us;
        self.latency.clone_from(&other.latency);
    }

    /// Whether they do.
    pub(crate) fn has_ways_of(&self, other: &Venue) -> bool {
        let ways = |venue: &Venue| (venue.request_latency_us, venue.response_latency_us);
        ways(self) == ways(other) && self.latency == other.latency
    }

    /// The model of the way there and back.
    pub(crate) fn latency_model(&self) -> Result<Latency, String> {
        let Some(table) = &self.latency else {
            return Ok(Latency::Constant {
                request: Nanos::from_micros(self.request_latency_us),
                response: Nanos::from_micros(self.response_latency_us),
            });
        };
        match (&table.request, &table.response, table.rows.is_empty()) {
            (Some(request), Some(response), true) => {
                Ok(Latency::Distribution { request: request.clone(), response: response.clone() })
            }
            (None, None, false) => Ok(Latency::Recorded { rows: table.rows.clone() }),
            _ => Err(
                "[exchange.latency] needs either `request` and `response` with quantiles, or `file`"
                    .to_owned(),
            ),
        }
    }

    /// The date whose rules hold, if it is not the run's own.
    pub(crate) fn rules_date(&self) -> Result<Option<Nanos>, String> {
        let Some(text) = &self.rules_at else { return Ok(None) };
        IsoTime::read_text(Some(text)).map(|time| Some(time.0)).map_err(|_| {
            format!("[exchange] rules_at = {text:?} is not a time such as 2026-02-01T00:00:00Z")
        })
    }
}
