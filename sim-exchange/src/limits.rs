//! How much may be asked: weight per IP, orders per account, and the ban of who goes on regardless.
//!
//! Model: every account sends from an IP of its own, so that weight and bans are kept per account. A server
//! in front of the exchange keeps them apart: orders are an account's, weight, refusals and bans an IP's.
//! Windows follow the clock, as the live counters do. The live exchange does not publish the following;
//! it is decided here, on the strict side: a refused request weighs what it would have weighed, so that
//! an IP over its weight is refused everything until the minute ends, orders of weight zero included; an
//! order counts when it passes the limits, whatever the venue then says to it, and not when a limit
//! refuses it; a ban's length doubles for each ban of the run, none is forgiven, and requests during a
//! ban do not prolong it; a client may come again when the window ends that refused it.

use engine::{AccountId, ExchangeError, Nanos, Request};
use serde::{Deserialize, Serialize};

use crate::accounts::Account;
use crate::exchange::SimExchange;
use crate::faults::ForcedLimit;
use crate::request_weight::RequestCost;
use crate::wire::VenueError;

const TEN_SECONDS: Nanos = Nanos::from_secs(10);
const MINUTE: Nanos = Nanos::from_secs(60);
const FIVE_MINUTES: Nanos = Nanos::from_secs(300);
/// `fundingRate` and `fundingInfo` of an IP in five minutes, together.
const FUNDING_5M: u32 = 500;

/// The limits. The defaults are those of production.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Requests over a limit are refused; or else they are only counted.
    pub enforce: bool,
    /// Weight of an IP in a minute.
    pub request_weight_1m: u32,
    /// Orders of an account in ten seconds.
    pub orders_10s: u32,
    /// Orders of an account in a minute.
    pub orders_1m: u32,
    /// So many requests of a minute are refused with 429 before the next one brings a ban. Unpublished:
    /// 20 is a guess.
    pub refusals_before_ban: u32,
    /// Length of the first ban; each further one is twice as long.
    pub ban_first_s: u32,
    /// No ban is longer.
    pub ban_max_s: u32,
}

impl Default for LimitsConfig {
    fn default() -> LimitsConfig {
        LimitsConfig {
            enforce: true,
            request_weight_1m: 2_400,
            orders_10s: 300,
            orders_1m: 1_200,
            refusals_before_ban: 20,
            ban_first_s: 120,
            ban_max_s: 3 * 86_400,
        }
    }
}

impl LimitsConfig {
    /// What is wrong with it.
    pub(crate) fn problem(&self) -> Option<String> {
        // A batch must be able to pass.
        for (name, limit, least) in [
            ("request_weight_1m", self.request_weight_1m, 40),
            ("orders_10s", self.orders_10s, 5),
            ("orders_1m", self.orders_1m, 1),
            ("ban_first_s", self.ban_first_s, 1),
            ("ban_max_s", self.ban_max_s, self.ban_first_s),
        ] {
            if limit < least {
                return Some(format!("limits: {name} is {limit}, it must be {least} or more"));
            }
        }
        None
    }

    /// Of the ban after `bans` others.
    fn ban_length(&self, bans: u32) -> Nanos {
        let seconds = u64::from(self.ban_first_s) << bans.min(31);
        Nanos::from_secs(seconds.min(u64::from(self.ban_max_s)) as i64)
    }

    /// The limits in a sentence.
    pub(crate) fn sentence(&self) -> String {
        if !self.enforce {
            return "Limits: none; requests and orders are only counted.".to_owned();
        }
        let LimitsConfig { request_weight_1m, orders_10s, orders_1m, .. } = self;
        let LimitsConfig { refusals_before_ban, ban_first_s, ban_max_s, .. } = self;
        format!(
            "Limits: each account has an IP of its own with a weight of {request_weight_1m} a minute, and {orders_10s} orders in 10 s and {orders_1m} a minute, by the clock; after {refusals_before_ban} refusals in a minute it is banned, for {ban_first_s} s at first, doubled each time up to {ban_max_s} s (unverified details)."
        )
    }
}

/// What was used in the window of the clock that is open.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Window {
    /// Counted from 1970; of another window nothing has been used.
    number: i64,
    used: u32,
}

impl Window {
    fn used(&self, length: Nanos, at: Nanos) -> u32 {
        if self.number == at.0.div_euclid(length.0) { self.used } else { 0 }
    }

    fn add(&mut self, length: Nanos, at: Nanos, count: u32) {
        let used = self.used(length, at).saturating_add(count);
        *self = Window { number: at.0.div_euclid(length.0), used };
    }
}

/// When the window ends that is open.
fn window_ends(length: Nanos, at: Nanos) -> Nanos {
    Nanos(at.0.div_euclid(length.0).saturating_add(1).saturating_mul(length.0))
}

/// How often the limits spoke.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitCounts {
    /// Requests refused for their weight: -1003 with 429.
    pub weight_refusals: u64,
    /// Requests refused for too many orders: -1015.
    pub order_refusals: u64,
    /// Requests refused by a ban: -1003 with 418.
    pub ban_refusals: u64,
    /// Bans.
    pub bans: u32,
}

/// The windows and the ban of one account, or of one IP: a server in front of the exchange keeps them apart.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct LimitUsage {
    weight_1m: Window,
    orders_10s: Window,
    orders_1m: Window,
    funding_5m: Window,
    /// Answers with 429 in this minute.
    refusals_1m: Window,
    /// When the window ends that refused last.
    retry_at: Nanos,
    banned_until: Nanos,
    pub(crate) counts: LimitCounts,
}

/// What an account has used of its limits, as the headers of an answer show it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedLimits {
    /// `X-MBX-USED-WEIGHT-1M`.
    pub weight_1m: u32,
    /// `X-MBX-ORDER-COUNT-10S`.
    pub orders_10s: u32,
    /// `X-MBX-ORDER-COUNT-1M`.
    pub orders_1m: u32,
}

impl LimitUsage {
    /// The IP's part, before anybody looks at the request: the ban, and the weight.
    pub fn weigh(
        &mut self,
        cost: RequestCost,
        at: Nanos,
        limits: &LimitsConfig,
    ) -> Result<(), ExchangeError> {
        // A fault bans where limits are only counted, too.
        self.check_ban(at)?;
        self.weight_1m.add(MINUTE, at, cost.weight);
        let limit = limits.request_weight_1m;
        if !limits.enforce || self.weight_1m.used(MINUTE, at) <= limit {
            return Ok(());
        }
        self.refuse(MINUTE, at, limits)?;
        self.counts.weight_refusals += 1;
        Err(VenueError::TooManyRequests.naming(&[&limit]))
    }

    /// The IP's part of `fundingRate` and `fundingInfo`, which weigh nothing and share a window of their own.
    pub fn count_funding(&mut self, at: Nanos, limits: &LimitsConfig) -> Result<(), ExchangeError> {
        self.check_ban(at)?;
        self.funding_5m.add(FIVE_MINUTES, at, 1);
        if !limits.enforce || self.funding_5m.used(FIVE_MINUTES, at) <= FUNDING_5M {
            return Ok(());
        }
        self.refuse(FIVE_MINUTES, at, limits)?;
        self.counts.weight_refusals += 1;
        // Its text is unpublished: that of the weight, with the span that is true here.
        let ExchangeError { code, msg } = VenueError::TooManyRequests.naming(&[&FUNDING_5M]);
        Err(ExchangeError { code, msg: msg.replacen("per minute", "per 5 minutes", 1).into() })
    }

    /// The account's part, its orders, where the account is an IP, too.
    pub fn count_orders(
        &mut self,
        cost: RequestCost,
        at: Nanos,
        limits: &LimitsConfig,
    ) -> Result<(), ExchangeError> {
        match self.take_orders(cost, at, limits) {
            None => Ok(()),
            Some(limit) => Err(self.force(limit, at, limits)),
        }
    }

    /// Counts the orders of a request, or says which limit they would pass: to refuse it is the IP's part,
    /// see [`LimitUsage::force`].
    pub fn take_orders(
        &mut self,
        cost: RequestCost,
        at: Nanos,
        limits: &LimitsConfig,
    ) -> Option<ForcedLimit> {
        if cost.orders_10s == 0 {
            return None;
        }
        let over_10s = self.orders_10s.used(TEN_SECONDS, at) + cost.orders_10s > limits.orders_10s;
        let over_1m = self.orders_1m.used(MINUTE, at) + cost.orders_1m > limits.orders_1m;
        if limits.enforce && (over_10s || over_1m) {
            return Some(if over_10s { ForcedLimit::Orders10s } else { ForcedLimit::Orders1m });
        }
        self.orders_10s.add(TEN_SECONDS, at, cost.orders_10s);
        self.orders_1m.add(MINUTE, at, cost.orders_1m);
        None
    }

    /// A request is refused because it is over a limit, or as if it were.
    pub fn force(&mut self, limit: ForcedLimit, at: Nanos, limits: &LimitsConfig) -> ExchangeError {
        let window = if limit == ForcedLimit::Orders10s { TEN_SECONDS } else { MINUTE };
        if let Err(banned) = self.refuse(window, at, limits) {
            return banned;
        }
        match limit {
            ForcedLimit::Weight => {
                self.counts.weight_refusals += 1;
                VenueError::TooManyRequests.naming(&[&limits.request_weight_1m])
            }
            ForcedLimit::Orders10s | ForcedLimit::Orders1m => {
                self.counts.order_refusals += 1;
                too_many_orders(limit == ForcedLimit::Orders10s, limits)
            }
        }
    }

    /// Bans until an instant, or for the length of the next ban; never shorter than a ban that runs.
    pub fn ban(&mut self, at: Nanos, until: Option<Nanos>, limits: &LimitsConfig) {
        let own = || at.saturating_add(limits.ban_length(self.counts.bans));
        self.banned_until = self.banned_until.max(until.unwrap_or_else(own));
        self.counts.bans = self.counts.bans.saturating_add(1);
    }

    /// Seconds, rounded up, until the ban ends, or the window that refused last.
    pub fn retry_after_s(&self, at: Nanos) -> Option<i64> {
        const SECOND: i64 = 1_000_000_000;
        let until = if at < self.banned_until { self.banned_until } else { self.retry_at };
        let wait = until.0.saturating_sub(at.0);
        (wait > 0).then(|| wait.saturating_add(SECOND - 1) / SECOND)
    }

    /// What is used in the windows of `at`.
    pub fn used(&self, at: Nanos) -> UsedLimits {
        UsedLimits {
            weight_1m: self.weight_1m.used(MINUTE, at),
            orders_10s: self.orders_10s.used(TEN_SECONDS, at),
            orders_1m: self.orders_1m.used(MINUTE, at),
        }
    }

    /// A request is over the limit of a window: that is one refusal more in this minute, or a ban.
    fn refuse(
        &mut self,
        window: Nanos,
        at: Nanos,
        limits: &LimitsConfig,
    ) -> Result<(), ExchangeError> {
        self.check_ban(at)?;
        self.retry_at = window_ends(window, at);
        if self.refusals_1m.used(MINUTE, at) < limits.refusals_before_ban {
            self.refusals_1m.add(MINUTE, at, 1);
            return Ok(());
        }
        self.banned_until = at.saturating_add(limits.ban_length(self.counts.bans));
        self.counts.bans = self.counts.bans.saturating_add(1);
        Err(self.banned())
    }

    /// A ban that runs refuses everything, and is not prolonged by what comes meanwhile.
    fn check_ban(&mut self, at: Nanos) -> Result<(), ExchangeError> {
        if at < self.banned_until { Err(self.banned()) } else { Ok(()) }
    }

    fn banned(&mut self) -> ExchangeError {
        self.counts.ban_refusals += 1;
        VenueError::IpBanned.naming(&[&self.banned_until.millis()])
    }
}

/// The names of the spans are those of a client's log, not of the documentation.
fn too_many_orders(over_10s: bool, limits: &LimitsConfig) -> ExchangeError {
    let (limit, span) = match over_10s {
        true => (limits.orders_10s, "TEN_SECONDS"),
        false => (limits.orders_1m, "MINUTE"),
    };
    VenueError::TooManyOrders.naming(&[&limit, &span])
}

impl SimExchange {
    /// What stands between the wire and the venue: the IP's weight, the timestamp, the account's orders,
    /// in this order.
    pub(crate) fn admit(
        &mut self,
        account: AccountId,
        sent: Nanos,
        request: &Request,
    ) -> Result<(), ExchangeError> {
        let (now, cost) = (self.now, RequestCost::of(request, self.rules_time()));
        let number = usize::from(account.0);
        // An unknown account has no IP in this model. It is refused as a stranger later on.
        let Some(known) = self.accounts.get_mut(number) else { return Ok(()) };
        known.usage.weigh(cost, now, &self.config.limits)?;
        self.check_timestamp(account, sent, request)?;
        self.accounts[number].usage.count_orders(cost, now, &self.config.limits)
    }

    /// What an account has used in the windows of `at`; nothing where there is no such account.
    pub fn used_limits(&self, account: AccountId, at: Nanos) -> UsedLimits {
        let known = self.accounts.get(usize::from(account.0));
        known.map_or_else(UsedLimits::default, |Account { usage, .. }| usage.used(at))
    }
}
