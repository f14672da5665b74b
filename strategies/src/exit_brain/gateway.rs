//! What the order gateway asks of an exit (EHR 3.24): which module may send it, of which kind it is, and
//! that only market orders leave.

use serde::{Deserialize, Serialize};

use super::Effect;

/// Below this notional in USDT only an order that reduces may leave.
const NOTIONAL_MIN_USD: f64 = 5.0;

/// What an exit order is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExitKind {
    /// Takes profit.
    Tp,
    /// Stops a loss.
    Sl,
    /// Follows the price.
    Trailing,
    /// Leaves without gain or loss.
    Breakeven,
    /// Takes a part of the profit.
    PartialTp,
    /// The last stop.
    HardSl,
    /// The loss guard's.
    LossGuardEmergency,
    /// The emergency stop's.
    EmergencyExit,
    /// Closes a part.
    PartialClose,
    /// Any other exit.
    OtherExit,
}

impl ExitKind {
    /// The kind of that word; `None` is no exit. Every kind is reduce-only: an exit that could open would
    /// be none.
    #[must_use]
    pub fn parse(word: &str) -> Option<ExitKind> {
        Some(match word {
            "tp" => ExitKind::Tp,
            "sl" => ExitKind::Sl,
            "trailing" => ExitKind::Trailing,
            "breakeven" => ExitKind::Breakeven,
            "partial_tp" => ExitKind::PartialTp,
            "hard_sl" => ExitKind::HardSl,
            "loss_guard_emergency" => ExitKind::LossGuardEmergency,
            "emergency_exit" => ExitKind::EmergencyExit,
            "partial_close" => ExitKind::PartialClose,
            "other_exit" => ExitKind::OtherExit,
            _ => return None,
        })
    }
}

/// What becomes of an order that a module wants to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModuleVerdict {
    /// It may.
    Expected,
    /// It may, and is told of: an older module while the exit brain only watches, or one nobody knows.
    Warned,
    /// It may not: an older module while the exit brain trades.
    Refused,
}

/// Whether a module may send exits of a symbol, given what the exit brain does for it.
#[must_use]
pub fn module_verdict(module: &str, effect: Effect) -> ModuleVerdict {
    match (module, effect) {
        ("exit_brain_executor" | "exit_brain_v3", _) => ModuleVerdict::Expected,
        (
            "position_monitor"
            | "hybrid_tpsl"
            | "trailing_stop_manager"
            | "dynamic_trailing_rearm"
            | "event_driven_executor",
            Effect::Live,
        ) => ModuleVerdict::Refused,
        _ => ModuleVerdict::Warned,
    }
}

/// Whether an order of that type may leave: the list says what may, not what may not.
#[must_use]
pub fn order_type_leaves(order_type: &str) -> bool {
    order_type.trim().eq_ignore_ascii_case("MARKET")
}

/// Whether an order of that size may leave as it is. One that is too small and could open has to grow or
/// stay.
#[must_use]
pub fn size_leaves(notional_usd: f64, reduces: bool) -> bool {
    notional_usd > 0.0 && (reduces || notional_usd >= NOTIONAL_MIN_USD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditional_orders_never_leave() {
        let blocked = [
            "STOP",
            "STOP_MARKET",
            "STOP_LOSS",
            "STOP_LOSS_LIMIT",
            "TAKE_PROFIT",
            "TAKE_PROFIT_MARKET",
            "TAKE_PROFIT_LIMIT",
            "TRAILING_STOP_MARKET",
            "stop_market",
            "LIMIT",
            "",
        ];
        assert!(blocked.iter().all(|order_type| !order_type_leaves(order_type)));
        assert!(order_type_leaves("market") && order_type_leaves("MARKET"));
    }

    #[test]
    fn older_modules_are_refused_where_the_exit_brain_trades() {
        let of = |module, effect| module_verdict(module, effect);
        for module in ["position_monitor", "hybrid_tpsl", "trailing_stop_manager"] {
            assert_eq!(of(module, Effect::Live), ModuleVerdict::Refused);
            assert_eq!(of(module, Effect::Shadow), ModuleVerdict::Warned);
        }
        assert_eq!(of("exit_brain_v3", Effect::Live), ModuleVerdict::Expected);
        assert_eq!(of("somebody", Effect::Live), ModuleVerdict::Warned);
    }

    #[test]
    fn small_orders_leave_only_if_they_reduce() {
        assert!(size_leaves(4.9, true) && size_leaves(5.0, false));
        assert!(
            !size_leaves(4.9, false) && !size_leaves(0.0, true) && !size_leaves(f64::NAN, true)
        );
        assert_eq!(ExitKind::parse("hard_sl"), Some(ExitKind::HardSl));
        assert_eq!(ExitKind::parse("entry"), None);
    }
}
