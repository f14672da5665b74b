//! Limits that speak although nobody has passed them, and a clock that is wrong.
//!
//! HTTP 429 and 418 carry `Retry-After`, which the port does not: see [`SimExchange::retry_after_s`].

use engine::{AccountId, Nanos, Request};

use super::{FaultKind, ForcedLimit};
use crate::exchange::SimExchange;
use crate::request_weight::RequestCost;

impl SimExchange {
    /// A limit of orders refuses orders alone.
    pub(super) fn limit_fits(&self, what: &FaultKind, request: &Request) -> bool {
        match what {
            FaultKind::RateLimit { limit: ForcedLimit::Orders10s | ForcedLimit::Orders1m } => {
                RequestCost::of(request, self.rules_time()).orders_10s > 0
            }
            _ => true,
        }
    }

    /// Bans an account's IP until an instant, or for as long as its next ban lasts.
    pub(super) fn ban(&mut self, account: AccountId, until: Option<Nanos>) {
        let (now, number) = (self.now, usize::from(account.0));
        self.accounts[number].usage.ban(now, until, &self.config.limits);
    }

    /// How far the exchange's clock is ahead for a request, by faults.
    pub(crate) fn clock_skew_ms(&self, account: AccountId, request: &Request) -> i64 {
        if self.faults.is_none() {
            return 0;
        }
        let active = self.config.faults.iter().filter(|fault| fault.is_active(self.now));
        let skew = active.filter(|fault| self.concerns_request(fault, account, request));
        let ahead = skew.map(|fault| match fault.what {
            FaultKind::SkewClock { ahead_ms } => ahead_ms,
            _ => 0,
        });
        ahead.sum()
    }

    /// `Retry-After` of an answer with 429 or 418 that an account gets at `at`, in seconds; none where it
    /// would get neither.
    pub fn retry_after_s(&self, account: AccountId, at: Nanos) -> Option<i64> {
        self.accounts.get(usize::from(account.0))?.usage.retry_after_s(at)
    }
}
