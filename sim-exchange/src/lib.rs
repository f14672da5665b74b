//! The simulated Binance USDⓈ-M futures exchange, behind the engine's `Exchange` port.
//!
//! Invariant: time, requests and market events come in, exchange events go out. There is no bus, no
//! file, no clock and no random number in here.

mod account_tape;
mod accounts;
pub mod adl;
mod amending;
pub mod auto_exchange;
mod bands;
mod book;
pub mod collateral;
mod collateral_wallets;
pub mod commission_tiers;
mod conditional;
mod config;
mod dated;
mod delisting;
pub mod depth;
mod depth_events;
mod exchange;
mod faults;
mod fills;
mod funding;
pub mod funding_rate;
pub mod funding_terms;
mod index_market;
mod initial_positions;
mod latency;
mod ledger;
mod limits;
mod liquidation;
pub mod liquidation_price;
mod liquidity;
mod margin;
mod margin_call;
pub mod mark_price;
mod market_state;
mod matching;
pub mod multi_assets;
mod numbered;
mod observing;
mod observing_accounts;
mod order_checks;
pub mod order_cost;
mod orders;
mod placing;
mod position;
pub mod premium_index;
mod price_match;
mod quotient;
mod recv_window;
mod report;
mod request_weight;
mod requests;
mod rule_changes;
mod settings;
mod standstill;
mod stated_rules;
mod symbol_rules;
mod testnet_reset;
mod triggering;
mod venue_clock;
mod venue_events;

pub use account_tape::{Booked, Extremes, Happened, PositionKey};
/// What goes over the wire.
pub use binance_wire as wire;
pub use collateral_wallets::{Collateral, CollateralPrice};
pub use config::{
    AccountConfig, ConfigError, DEFAULT_LEVERAGE, ExchangeConfig, Funding, LiquidationSize,
};
pub use engine::Quantiles;
pub use exchange::SimExchange;
pub use faults::{
    FaultFilter, FaultKind, FillRest, ForcedLimit, RequestKind, TimeOutAnswer, VenueFault,
};
pub use fills::{FillModel, MarketDepth, Profile, VolumeLimit};
pub use initial_positions::InitialPosition;
pub use latency::{Latency, LatencyRow};
pub use ledger::{IncomeType, LedgerAccount, LedgerRecord, LedgerTotals};
pub use limits::{LimitCounts, LimitUsage, LimitsConfig, UsedLimits};
pub use margin::PoolSums;
pub use market_state::{SettledFunding, SymbolTrading};
pub use multi_assets::AssetSums;
pub use observing::FilledOrders;
pub use observing_accounts::{AccountChoice, OpenNotionals, SymbolChoice};
pub use report::{ExchangeReport, SymbolCounts};
pub use request_weight::RequestCost;
pub use rule_changes::{FilterChange, Tier};
pub use stated_rules::{StatedBrackets, StatedFilters, StatedTier};
pub use symbol_rules::{Bracket, RuleBook, RulesError, SymbolRules};
pub use venue_events::{VenueChange, VenueEvent};

#[cfg(test)]
mod tests;
