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
