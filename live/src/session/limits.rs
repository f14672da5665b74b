//! What an operator limits, what holds, and why an order is not sent.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Binance's "User can only place reduce only order".
pub(super) const REDUCE_ONLY: i32 = -4087;
/// Binance's "User can not place order currently".
pub(super) const NO_ORDERS: i32 = -4088;

/// What a session may do at most. What is absent is not limited.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GuardLimits {
    /// Of one order, in USDT.
    pub order_notional: Option<Decimal>,
    /// Of the position in a symbol with all that may still fill, in USDT.
    pub position_notional: Option<Decimal>,
    /// Of all positions with all that may still fill, in USDT.
    pub total_notional: Option<Decimal>,
    /// Opening orders in any 60 s.
    pub orders_per_minute: Option<u32>,
    /// Opening orders in any 24 h.
    pub orders_per_day: Option<u32>,
    /// Of the session, realised and not, in USDT: from then on nothing is opened any more.
    pub loss: Option<Decimal>,
}

impl GuardLimits {
    /// Whether some of them count what the account holds.
    pub fn count_account(&self) -> bool {
        self.need_prices() || self.loss.is_some()
    }

    pub(super) fn need_prices(&self) -> bool {
        let notionals = [self.order_notional, self.position_notional, self.total_notional];
        notionals.iter().any(Option::is_some)
    }
}

/// By what the kill switch is on. Each releases only its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Killed {
    /// The kill file is there.
    pub by_file: bool,
    /// The kill key is there.
    pub by_key: bool,
    /// SIGUSR1 came, and no SIGUSR2 since.
    pub by_signal: bool,
}

impl Killed {
    /// The switch is on.
    pub fn is_on(self) -> bool {
        self.by_file || self.by_key || self.by_signal
    }
}

/// Why nothing is opened for a while, or at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holds {
    /// Nothing is sent that changes anything.
    pub dry_run: bool,
    /// The kill switch.
    pub killed: Killed,
    /// The session ends.
    pub closing: bool,
    /// What becomes of the account's orders has not been heard of for long.
    pub unheard: bool,
}

impl Holds {
    /// Whether an order may open something.
    pub fn let_open(self) -> bool {
        !(self.dry_run || self.killed.is_on() || self.closing || self.unheard)
    }
}

/// Why an order may not be sent.
pub(super) struct Objection {
    /// The limit's name.
    pub what: &'static str,
    pub code: i32,
    pub why: String,
}

impl Objection {
    pub(super) fn only_reduce(what: &'static str, why: impl Into<String>) -> Objection {
        Objection { what, code: REDUCE_ONLY, why: why.into() }
    }

    pub(super) fn notional(what: &'static str, limit: Decimal, with: Decimal) -> Objection {
        let why = format!("{what} is {limit} USDT, it would be {}", with.normalize());
        Objection::only_reduce(what, why)
    }
}
