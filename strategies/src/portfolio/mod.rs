//! The portfolio seen as a whole: policy, capital, positions and the book of fills.

mod efficiency;
mod governance;
mod ledger;
mod position;
mod state;

pub use efficiency::{
    Attribution, CapitalEfficiency, CapitalPressure, CapitalTarget, EfficiencyInput, PnlAverages,
    StaleFlag, capital_efficiency,
};
pub use governance::{
    MemoryEvent, Policy, PolicyLimits, PortfolioScore, TradeCheck, TradeProposal, governed_policy,
    governed_size_usd, portfolio_score, trade_check,
};
pub use ledger::{LedgerBook, LedgerCommit, SEEN_ORDERS_MAX};
pub use position::{Applied, BookFault, BookPosition, Fill, RoundTrip};
pub use state::{Equity, PortfolioTotals, SnapshotPosition, portfolio_totals};
