//! What a simulated exchange is built from.

use std::collections::BTreeMap;

use engine::{Instrument, MarginType, Nanos, Symbol};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::adl::AdlFormula;
use crate::collateral_wallets::Collateral;
use crate::commission_tiers::VipLevel;
use crate::faults::VenueFault;
use crate::fills::{FillModel, MarketDepth, Profile};
use crate::initial_positions::InitialPosition;
use crate::latency::Latency;
use crate::limits::LimitsConfig;
use crate::recv_window::RECV_WINDOW_MAX_MS;
use crate::symbol_rules::RulesError;
use crate::venue_events::VenueEvent;

/// Where funding rates come from. It has to be stated: there is no default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "source", rename_all = "snake_case", deny_unknown_fields)]
pub enum Funding {
    /// No funding at all, by choice.
    None,
    /// From the market's `FundingRate` events.
    Data,
    /// From the premium of the book over the index, with each symbol's interval, cap and floor.
    Index,
    /// The same rate at 00:00, 08:00 and 16:00 UTC, for every symbol of the run.
    Constant {
        /// 0.0001 is 0.01 %.
        rates: BTreeMap<Symbol, Decimal>,
    },
}

/// How large a liquidation order is. Binance publishes no details.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum LiquidationSize {
    /// The whole position in the first tier, above it the fewest lots that make the pool compliant.
    #[default]
    Fewest,
    /// The whole position in every tier.
    Whole,
}

/// An account of the venue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountConfig {
    /// USDT that are transferred in at the start.
    pub wallet: Decimal,
    /// Where it is not 20.
    #[serde(default)]
    pub leverage: BTreeMap<Symbol, u32>,
    /// Hedge mode, or else one-way.
    #[serde(default)]
    pub hedge_mode: bool,
    /// Where it is not CROSSED.
    #[serde(default)]
    pub margin_type: BTreeMap<Symbol, MarginType>,
    /// Multi-assets mode: all assets are collateral, with cross margin only.
    #[serde(default)]
    pub multi_assets: bool,
    /// Assets beside USDT.
    #[serde(default)]
    pub collateral: Vec<Collateral>,
    /// Whose thresholds of auto-exchange hold; its fees are stated below.
    #[serde(default)]
    pub vip: VipLevel,
    /// Of a maker, VIP 0.
    #[serde(default = "maker_rate")]
    pub maker_rate: Decimal,
    /// Of a taker, VIP 0.
    #[serde(default = "taker_rate")]
    pub taker_rate: Decimal,
}

/// Everything the exchange must be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExchangeConfig {
    /// The run's symbols with their grids; their order is that of `SymbolIndex`.
    pub instruments: Vec<Instrument>,
    /// Whose rules hold, and when the wallet is filled.
    pub start: Nanos,
    /// USDT that are transferred in at the start.
    pub wallet: Decimal,
    /// Where it is not 20.
    #[serde(default)]
    pub leverage: BTreeMap<Symbol, u32>,
    /// The first account is in hedge mode.
    #[serde(default)]
    pub hedge_mode: bool,
    /// Of the first account, where it is not CROSSED.
    #[serde(default)]
    pub margin_type: BTreeMap<Symbol, MarginType>,
    /// Multi-assets mode of the first account: all assets are collateral, with cross margin only.
    #[serde(default)]
    pub multi_assets: bool,
    /// Assets beside USDT that the first account holds.
    #[serde(default)]
    pub collateral: Vec<Collateral>,
    /// Of the first account: whose thresholds of auto-exchange hold; its fees are stated below.
    #[serde(default)]
    pub vip: VipLevel,
    /// Accounts beside the first one.
    #[serde(default)]
    pub further_accounts: Vec<AccountConfig>,
    /// Of a maker, VIP 0.
    #[serde(default = "maker_rate")]
    pub maker_rate: Decimal,
    /// Of a taker, VIP 0.
    #[serde(default = "taker_rate")]
    pub taker_rate: Decimal,
    /// The way there and back.
    pub latency: Latency,
    /// Of all that is drawn.
    #[serde(default)]
    pub seed: u64,
    /// How orders fill.
    #[serde(default = "fills")]
    pub fills: FillModel,
    /// Stated by the scenario.
    pub funding: Funding,
    /// The instant whose dated rules hold, where it is not that of the run itself.
    #[serde(default)]
    pub rules_at: Option<Nanos>,
    /// Assumptions of whoever configures, for the report.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What the insurance fund holds at the start, in USDT.
    #[serde(default = "insurance_fund")]
    pub insurance_fund: Decimal,
    /// So many orders are kept, the newest ones and all that are open; queries find no others.
    #[serde(default = "orders_kept_max")]
    pub orders_kept_max: usize,
    /// How many ledger records are kept; older ones only live on in the sums.
    #[serde(default = "ledger_records_max")]
    pub ledger_records_max: usize,
    /// How much may be asked.
    #[serde(default)]
    pub limits: LimitsConfig,
    /// A signed request that is older at its arrival is refused; 60,000 at most.
    #[serde(default = "recv_window_ms")]
    pub recv_window_ms: i64,
    /// A pool is called when its margin ratio reaches this; 1 never calls.
    #[serde(default = "margin_call_ratio")]
    pub margin_call_ratio: Decimal,
    /// How large a liquidation order is; as few lots as are enough, if nothing is said.
    #[serde(default)]
    pub liquidation_size: LiquidationSize,
    /// How the queue of deleveraging is ranked; by the published formula, if nothing is said.
    #[serde(default)]
    pub adl_formula: AdlFormula,
    /// How far the clients' clock is ahead of the exchange's.
    #[serde(default)]
    pub client_clock_offset_ms: i64,
    /// What befalls the venue, in any order.
    #[serde(default)]
    pub events: Vec<VenueEvent>,
    /// What the venue does wrong towards its clients; where several strike, the first one stated does.
    #[serde(default)]
    pub faults: Vec<VenueFault>,
    /// Positions of an earlier time.
    #[serde(default)]
    pub positions: Vec<InitialPosition>,
}

/// Binance's leverage of a new account.
pub const DEFAULT_LEVERAGE: u32 = 20;

fn maker_rate() -> Decimal {
    Decimal::new(2, 4)
}

fn taker_rate() -> Decimal {
    Decimal::new(5, 4)
}

fn fills() -> FillModel {
    Profile::Fast.fills(MarketDepth::Trades)
}

fn insurance_fund() -> Decimal {
    Decimal::from(1_000_000_000)
}

fn orders_kept_max() -> usize {
    20_000
}

fn ledger_records_max() -> usize {
    1_000_000
}

fn margin_call_ratio() -> Decimal {
    Decimal::new(8, 1)
}

fn recv_window_ms() -> i64 {
    5_000
}

impl ExchangeConfig {
    /// A config with every default: VIP 0, leverage 20, one tick of spread.
    pub fn new(
        instruments: Vec<Instrument>,
        start: Nanos,
        wallet: Decimal,
        latency: Latency,
        funding: Funding,
    ) -> ExchangeConfig {
        ExchangeConfig {
            instruments,
            start,
            wallet,
            leverage: BTreeMap::new(),
            hedge_mode: false,
            margin_type: BTreeMap::new(),
            multi_assets: false,
            collateral: Vec::new(),
            vip: VipLevel::default(),
            further_accounts: Vec::new(),
            maker_rate: maker_rate(),
            taker_rate: taker_rate(),
            latency,
            seed: 0,
            fills: fills(),
            funding,
            rules_at: None,
            notes: Vec::new(),
            insurance_fund: insurance_fund(),
            orders_kept_max: orders_kept_max(),
            ledger_records_max: ledger_records_max(),
            limits: LimitsConfig::default(),
            recv_window_ms: recv_window_ms(),
            margin_call_ratio: margin_call_ratio(),
            liquidation_size: LiquidationSize::default(),
            adl_formula: AdlFormula::default(),
            client_clock_offset_ms: 0,
            events: Vec::new(),
            faults: Vec::new(),
            positions: Vec::new(),
        }
    }

    /// All accounts, in the order of their ids.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = AccountConfig> {
        let first = AccountConfig {
            wallet: self.wallet,
            leverage: self.leverage.clone(),
            hedge_mode: self.hedge_mode,
            margin_type: self.margin_type.clone(),
            multi_assets: self.multi_assets,
            collateral: self.collateral.clone(),
            vip: self.vip,
            maker_rate: self.maker_rate,
            taker_rate: self.taker_rate,
        };
        std::iter::once(first).chain(self.further_accounts.iter().cloned())
    }

    /// Everything that needs no rules.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let bad = |what: String| Err(ConfigError::Invalid(what));
        if self.instruments.len() > usize::from(u16::MAX) {
            return bad("instruments: more than 65,535".to_owned());
        }
        for (n, instrument) in self.instruments.iter().enumerate() {
            let symbol = instrument.symbol;
            if self.instruments[..n].iter().any(|i| i.symbol == symbol) {
                return bad(format!("instruments: {symbol} stands twice"));
            }
            // Beyond this a notional times a bracket's rate would no longer be exact.
            if instrument.price_decimals + instrument.qty_decimals > 12 {
                return bad(format!(
                    "instruments: {symbol}: price_decimals + qty_decimals must not exceed 12"
                ));
            }
        }
        let is_ours = |symbol: &Symbol| self.instruments.iter().any(|i| i.symbol == *symbol);
        if self.further_accounts.len() >= usize::from(u16::MAX) {
            return bad("further_accounts: more than 65,534".to_owned());
        }
        for account in self.accounts() {
            let named = account.leverage.keys().chain(account.margin_type.keys());
            if let Some(symbol) = named.copied().find(|s| !is_ours(s)) {
                return bad(format!(
                    "leverage or margin_type: {symbol} is not among the instruments"
                ));
            }
            let problem = money_problem("wallet", account.wallet);
            if let Some(problem) = problem.or_else(|| account.collateral_problem(is_ours)) {
                return bad(problem);
            }
            for (name, rate) in
                [("maker_rate", account.maker_rate), ("taker_rate", account.taker_rate)]
            {
                if rate.abs() > Decimal::new(1, 1) {
                    return bad(format!("{name}: {rate} is more than 10 %; 0.0005 is 0.05 %"));
                }
            }
        }
        if let Funding::Constant { rates } = &self.funding {
            let lacking = self.instruments.iter().find(|i| !rates.contains_key(&i.symbol));
            if let Some(instrument) = lacking {
                let symbol = instrument.symbol;
                return bad(format!(
                    "funding: no rate for {symbol}: state one (0 is a rate), or use source = \"data\" or \"none\""
                ));
            }
            if let Some((symbol, rate)) = rates.iter().find(|(_, r)| r.abs() >= Decimal::ONE) {
                return bad(format!("funding: the rate of {symbol} is {rate}; 0.0001 is 0.01 %"));
            }
        }
        if let Some(problem) = self.events.iter().find_map(|event| event.problem(self)) {
            return bad(problem);
        }
        if let Some(problem) = self.faults.iter().find_map(|fault| fault.problem(self)) {
            return bad(problem);
        }
        if let Some(problem) = self.positions.iter().find_map(|held| held.problem(self)) {
            return bad(problem);
        }
        if let Some(problem) = self.fills.problem().or_else(|| self.latency.problem()) {
            return bad(problem);
        }
        if !(1..=RECV_WINDOW_MAX_MS).contains(&self.recv_window_ms) {
            let window = self.recv_window_ms;
            return bad(format!("recv_window_ms: {window} must lie in 1..={RECV_WINDOW_MAX_MS}"));
        }
        let ratio = self.margin_call_ratio;
        if ratio <= Decimal::ZERO || ratio > Decimal::ONE || ratio.scale() > 4 {
            return bad(format!(
                "margin_call_ratio: {ratio} must be above 0 and at most 1, with at most 4 decimals"
            ));
        }
        let fund = || money_problem("insurance_fund", self.insurance_fund);
        match self.limits.problem().or_else(fund) {
            Some(problem) => bad(problem),
            None => Ok(()),
        }
    }
}

pub(crate) fn money_problem(name: &str, money: Decimal) -> Option<String> {
    let most = Decimal::from(10i64.pow(12));
    let fits = !money.is_sign_negative() && money.scale() <= 8 && money <= most;
    (!fits).then(|| format!("{name}: {money} must lie in 0..=1e12 with at most 8 decimals"))
}

/// Why an exchange cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A symbol's rules are not known, or not on its grid.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// A field is out of its range; the text names it and says what to do.
    #[error("exchange: {0}")]
    Invalid(String),
}
