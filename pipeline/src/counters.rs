//! The names of all counters, so that a scenario that expects something of one that does not exist is
//! refused instead of fulfilled.

/// Every name under which a service of the pipeline, or the kernel for it, counts; sorted.
pub const COUNTERS: &[&str] = &[
    "EMERGENCY_STOP_ACTIVE",
    "NOT_EXIT_OWNER",
    "SAFE_MODE_ACTIVE",
    "SKIP_OPEN_COOLDOWN",
    "SKIP_OPEN_DUPLICATE",
    "SKIP_OPEN_OPPOSITE",
    "already_seen",
    "balance_not_fetched",
    "balance_not_saved",
    "balance_unknown",
    "below_min_confidence",
    "binance_error",
    "book_not_saved",
    "candles_lost",
    "candles_unreadable",
    "closing_fills",
    "cooldown_in_flight",
    "cooldown_not_saved",
    "dead_letters",
    "dead_letters_lost",
    "decisions",
    "dropped_emergency_stop",
    "dropped_exposure_limit",
    "dropped_exposure_unknown",
    "dropped_not_in_policy",
    "dropped_not_tradable",
    "dropped_too_old",
    "dropped_unknown_symbol",
    "dropped_without_action",
    "dropped_without_quantity",
    "duplicate_plan",
    "engine_missing",
    "equity_unreadable",
    "exchange_filters_unknown",
    "exchange_info_not_fetched",
    "executed_false",
    "executed_true",
    "exits_filled",
    "exits_triggered",
    "fill_not_marked",
    "filled_max_holding",
    "filled_stop_loss",
    "filled_take_profit",
    "filled_trailing_stop",
    "fills_already_taken",
    "fills_of_unknown_symbols",
    "inflight_not_saved",
    "intents",
    "intents_stopped",
    "kill_switch_active",
    "ledger_mismatches",
    "ledger_not_saved",
    "ledger_unreadable",
    "ledgers_unreadable",
    "leverage_unknown",
    "liquidation_fills",
    "mark_not_saved",
    "mark_price_unavailable",
    "marketstate_bad_close",
    "marketstate_not_saved",
    "marketstate_too_few_closes",
    "marks_unreadable",
    "max_holding_hits",
    "min_notional_check_failed",
    "min_qty_check_failed",
    "missing_required_fields",
    "no_exchange_snapshot",
    "no_position",
    "no_signal",
    "not_in_allowlist",
    "not_in_policy",
    "not_placed",
    "opening_fills",
    "order_in_flight",
    "orders_closed",
    "orders_opened",
    "outcome_queries",
    "outcome_still_unknown",
    "p33_permit_allow_total",
    "p33_permit_denied",
    "p33_permit_deny_total",
    "p33_permit_mismatch",
    "p33_permit_missing_or_denied",
    "permit_not_written",
    "permits_renewed",
    "plan_expired",
    "plans",
    "plans_unreadable",
    "policy_not_saved",
    "portfolio_not_saved",
    "portfolio_unreadable",
    "position_exists",
    "positions_tracked",
    "price_unknown",
    "publish_failed",
    "reconcile_hold_active",
    "reducing_fills_of_unwatched_positions",
    "replies_too_late",
    "requests_malformed",
    "signal_malformed",
    "signal_time_outs",
    "signals_below_min_confidence",
    "signals_stopped",
    "signals_without_size",
    "sl_hits",
    "snapshot_not_fetched",
    "snapshot_not_saved",
    "snapshot_unreadable",
    "stale",
    "stops_not_finite",
    "stops_not_saved",
    "stops_unreadable",
    "switches_unreadable",
    "symbol_not_in_allowlist",
    "symbols_without_market_data",
    "ticks_of_unknown_symbols",
    "tp_hits",
    "trade_intent_validation_failures",
    "trades_closed",
    "trades_lost",
    "trades_won",
    "trailing_hits",
    "universe_not_saved",
    "unknown_symbol",
    "waiting_plan_not_saved",
    "wrong_side",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The first words of calls of `count` that are literals. The pattern is in two parts, or this would be
    /// such a call.
    fn counted(text: &str) -> impl Iterator<Item = &str> {
        text.split(concat!(".cou", "nt(")).skip(1).filter_map(|rest| {
            let rest = rest.trim_start().strip_prefix('"')?;
            rest.split('"').next()
        })
    }

    fn search(folder: &std::path::Path, missing: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).expect("the sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                search(&path, missing);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).expect("text");
                let unknown = counted(&text).filter(|name| COUNTERS.binary_search(name).is_err());
                missing.extend(unknown.map(str::to_owned));
            }
        }
    }

    #[test]
    fn the_list_is_sorted_and_has_every_name_of_the_sources() {
        assert!(COUNTERS.is_sorted());
        let mut missing = Vec::new();
        search(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut missing);
        assert!(missing.is_empty(), "add to COUNTERS: {missing:?}");
    }
}
