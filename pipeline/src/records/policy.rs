//! Policy and universe.

use engine::{EpochSeconds, JsonText, Symbol};
use std::borrow::Cow;
use std::collections::BTreeMap;

use super::words::SymbolList;

engine::record! {
    /// quantum:policy:current. All of it is required: a missing field means no policy.
    pub struct Policy {
        /// What may be opened.
        pub universe_symbols: SymbolList = "universe_symbols",
        /// At most this leverage.
        pub leverage_by_symbol: JsonText<BTreeMap<Symbol, u32>> = "leverage_by_symbol",
        /// For the harvest side.
        pub harvest_params: JsonText<BTreeMap<String, f64>> = "harvest_params",
        /// For the kill score.
        pub kill_params: JsonText<BTreeMap<String, f64>> = "kill_params",
        /// When it is void.
        pub valid_until_epoch: EpochSeconds = "valid_until_epoch",
        /// Counts up.
        pub policy_version: String = "policy_version",
        /// Who made it.
        pub generator: Option<Cow<'static, str>> = "generator",
        /// SHA-256 of the sorted items.
        pub policy_hash: Option<String> = "policy_hash",
        /// How far back the generator looked.
        pub features_window: Option<Cow<'static, str>> = "features_window",
        /// SHA-256 of the symbols.
        pub universe_hash: Option<String> = "universe_hash",
        /// Which market.
        pub market: Option<Cow<'static, str>> = "market",
        /// Which venue.
        pub venue: Option<Cow<'static, str>> = "venue",
        /// Where bars come from.
        pub stats_endpoint: Option<Cow<'static, str>> = "stats_endpoint",
        /// Where the list of symbols comes from.
        pub exchange_info_endpoint: Option<Cow<'static, str>> = "exchange_info_endpoint",
        /// Where volumes come from.
        pub ticker_24h_endpoint: Option<Cow<'static, str>> = "ticker_24h_endpoint",
        /// 1: the generator knew all that it wanted to know.
        pub metadata_ok: Option<u32> = "metadata_ok",
        /// What it did not know of some symbol, with commas between.
        pub missing_fields: Option<Cow<'static, str>> = "missing_fields",
    }

    /// What the universe generator asks the policy store to put in force.
    pub struct PolicyProposal {
        /// What may be opened.
        pub universe_symbols: SymbolList = "universe_symbols",
        /// At most this leverage.
        pub leverage_by_symbol: JsonText<BTreeMap<Symbol, u32>> = "leverage_by_symbol",
        /// Who made it.
        pub generator: Cow<'static, str> = "generator",
        /// How far back it looked.
        pub features_window: Cow<'static, str> = "features_window",
        /// What it did not know of some symbol, with commas between.
        pub missing_fields: Cow<'static, str> = "missing_fields",
    }

    /// The policy store's answer.
    pub struct PolicyAnswer {
        /// It is in force.
        pub accepted: bool = "accepted",
        /// Why not; empty if it is.
        pub reason: Cow<'static, str> = "reason",
    }

    /// policy.updated.
    pub struct PolicyUpdated {
        /// `policy.updated`.
        pub event: Cow<'static, str> = "event",
        /// Which.
        pub version: String = "version",
        /// When.
        pub timestamp: EpochSeconds = "timestamp",
    }

    /// policy.audit.
    pub struct PolicyAudit {
        /// Which.
        pub policy_version: String = "policy_version",
        /// SHA-256 of the sorted items.
        pub policy_hash: String = "policy_hash",
        /// When it is void.
        pub valid_until_epoch: EpochSeconds = "valid_until_epoch",
        /// When it was made.
        pub created_at_epoch: EpochSeconds = "created_at_epoch",
        /// Who made it.
        pub generator: Cow<'static, str> = "generator",
        /// How many symbols.
        pub universe_count: u64 = "universe_count",
    }

    /// quantum:cfg:universe:active and :last_ok.
    pub struct Universe {
        /// When the exchange was asked.
        pub asof_epoch: EpochSeconds = "asof_epoch",
        /// Who was asked.
        pub source: Cow<'static, str> = "source",
        /// testnet or mainnet.
        pub mode: Cow<'static, str> = "mode",
        /// Perpetual and trading, sorted.
        pub symbols: SymbolList = "symbols",
    }

    /// quantum:cfg:universe:meta.
    pub struct UniverseMeta {
        /// Of the active universe.
        pub asof_epoch: EpochSeconds = "asof_epoch",
        /// When the exchange answered last.
        pub last_ok_epoch: Option<EpochSeconds> = "last_ok_epoch",
        /// How many symbols.
        pub count: u64 = "count",
        /// 1: the exchange did not answer, the active universe is an older one.
        pub stale: u32 = "stale",
        /// Why.
        pub error: Cow<'static, str> = "error",
    }
}
