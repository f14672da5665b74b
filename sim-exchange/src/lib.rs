//! The simulated Binance USDⓈ-M futures exchange, behind the engine's `Exchange` port.
//!
//! Invariant: time, requests and market events come in, exchange events go out. There is no bus, no
//! file, no clock and no random number in here.

mod accounts;
mod bands;
mod book;
mod config;
mod exchange;
mod funding;
mod latency;
mod ledger;
mod liquidation;
mod margin;
mod matching;
mod orders;
mod placing;
mod position;
mod report;
mod requests;
mod settings;
mod symbol_rules;

pub use config::{AccountConfig, ConfigError, DEFAULT_LEVERAGE, ExchangeConfig, Funding};
pub use exchange::SimExchange;
pub use latency::Latency;
pub use ledger::{IncomeType, LedgerAccount, LedgerRecord, LedgerTotals};
pub use report::{ExchangeReport, SymbolCounts};
pub use symbol_rules::{Bracket, RuleBook, RulesError, SymbolRules};

#[cfg(test)]
mod tests;
