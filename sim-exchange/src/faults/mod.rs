//! Faults of the venue towards its clients: answers that never come, refusals without a reason of the
//! client's, a user stream that says nothing, fills that are worse than the market.
//!
//! Invariant: a fault changes what the venue does or tells, never its books: money is conserved and
//! positions are the sums of their fills whatever strikes.

mod answers;
mod filter;
mod limits;
mod sentence;
mod state;
mod user_stream;
mod working_orders;

pub use filter::{FaultFilter, RequestKind};
pub(crate) use state::Faults;

use engine::Nanos;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::config::ExchangeConfig;
use crate::wire::VenueError;

/// A fault, and when and whom it strikes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VenueFault {
    /// The first instant of it.
    pub from: Nanos,
    /// The first instant after it; none: to the end of the run.
    #[serde(default)]
    pub until: Option<Nanos>,
    /// What it does.
    pub what: FaultKind,
    /// Whom it strikes.
    #[serde(default)]
    pub who: FaultFilter,
    /// Of those whom it could strike; 0.1 is a tenth.
    #[serde(default = "all")]
    pub share: Decimal,
    /// How often it strikes at most.
    #[serde(default)]
    pub next: Option<u32>,
    /// Names the random stream from which the share is drawn.
    #[serde(default)]
    pub stream: String,
}

fn all() -> Decimal {
    Decimal::ONE
}

/// What the client hears of a request that has timed out.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum TimeOutAnswer {
    /// HTTP 408 with -1007.
    #[default]
    Code,
    /// Nothing: the connection is lost, and the client gives up waiting.
    None,
}

/// What becomes of the part of an order that a partial fill leaves.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum FillRest {
    /// It is filled later, in parts, at the prices of then.
    #[default]
    Later,
    /// It expires; that of a GTC or GTD order rests.
    Expires,
}

/// Which limit a forced refusal names.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ForcedLimit {
    /// The IP's weight in a minute: -1003, of every request.
    #[default]
    Weight,
    /// Orders in ten seconds: -1015, of orders alone.
    #[serde(rename = "orders_10s")]
    Orders10s,
    /// Orders in a minute: -1015, of orders alone.
    #[serde(rename = "orders_1m")]
    Orders1m,
}

/// What a fault does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultKind {
    /// The outcome of a request stays unknown to its sender: one of four forms.
    TimeOut {
        /// The venue does what was asked.
        executed: bool,
        /// What the sender hears.
        #[serde(default)]
        answer: TimeOutAnswer,
        /// How long after the arrival he hears it, or gives up.
        after: Nanos,
    },
    /// A request is refused, whatever it asks.
    Refuse {
        /// Such as -2019.
        code: i32,
        /// Its text, where it is not the table's.
        #[serde(default)]
        msg: Option<String>,
    },
    /// A request is refused with 429, as one over its limit; who goes on regardless is banned.
    RateLimit {
        /// Which limit is said to be passed.
        #[serde(default)]
        limit: ForcedLimit,
    },
    /// The IP is banned, until the fault ends or for the length of its next ban: 418.
    Ban,
    /// The user stream says nothing, and nothing of it comes later.
    LoseUserStream,
    /// The user stream is late.
    DelayUserStream {
        /// By so much; what comes later overtakes nothing.
        by: Nanos,
    },
    /// The user stream says `listenKeyExpired`, and nothing more until the fault ends.
    ExpireListenKey,
    /// Orders that take fill only in part at once.
    PartialFills {
        /// Which part of an order, 0 to less than 1.
        part: Decimal,
        /// What becomes of the rest.
        #[serde(default)]
        rest: FillRest,
        /// In how many parts the rest is filled, where it is.
        parts: u32,
        /// The time from one part to the next.
        every: Nanos,
    },
    /// Takers get worse prices, within their limits.
    Slippage {
        /// By so many order ticks.
        ticks: u32,
    },
    /// The exchange's clock is wrong when it looks at timestamps.
    SkewClock {
        /// How far it is ahead, in ms; below zero it is behind.
        ahead_ms: i64,
    },
}

impl FaultKind {
    /// It strikes requests, one by one.
    fn is_of_requests(&self) -> bool {
        matches!(
            self,
            FaultKind::TimeOut { .. } | FaultKind::Refuse { .. } | FaultKind::RateLimit { .. }
        )
    }

    /// It strikes orders, one by one.
    fn is_of_orders(&self) -> bool {
        matches!(self, FaultKind::PartialFills { .. } | FaultKind::Slippage { .. })
    }

    /// It strikes events of the user stream, one by one.
    fn is_of_events(&self) -> bool {
        matches!(self, FaultKind::LoseUserStream | FaultKind::DelayUserStream { .. })
    }

    /// It has a first instant of its own.
    pub(crate) fn begins(&self) -> bool {
        matches!(self, FaultKind::Ban | FaultKind::ExpireListenKey)
    }

    /// Spans and shares out of their range.
    fn problem(&self) -> Option<String> {
        let day = Nanos::from_secs(86_400);
        let span = |name: &str, span: Nanos, least: Nanos| {
            (span < least || span > day)
                .then(|| format!("`{name}` must lie between {} ms and a day", least.millis()))
        };
        match self {
            FaultKind::TimeOut { after, .. } => span("after", *after, Nanos::ZERO),
            FaultKind::DelayUserStream { by } => span("by", *by, Nanos::from_millis(1)),
            FaultKind::Refuse { code, msg: None } => {
                let row = VenueError::ALL.iter().find(|error| error.row().code == *code);
                row.is_none().then(|| {
                    format!("`code` {code} is not in the table of refusals: add its text as `msg`")
                })
            }
            FaultKind::PartialFills { part, parts, every, .. } => {
                if part.is_sign_negative() || *part >= Decimal::ONE {
                    return Some(format!("`part` {part} must be 0 or more and below 1"));
                }
                if !(1..=1_000).contains(parts) {
                    return Some(format!("`parts` {parts} must lie in 1..=1000"));
                }
                span("every", *every, Nanos::from_millis(1))
            }
            FaultKind::Slippage { ticks } if !(1..=1_000_000).contains(ticks) => {
                Some(format!("`ticks` {ticks} must lie in 1..=1000000"))
            }
            FaultKind::SkewClock { ahead_ms } if ahead_ms.unsigned_abs() > 86_400_000 => {
                Some(format!("the skew of {ahead_ms} ms is more than a day"))
            }
            _ => None,
        }
    }
}

impl VenueFault {
    /// A fault of everybody, for good.
    pub fn new(from: Nanos, what: FaultKind) -> VenueFault {
        VenueFault {
            from,
            until: None,
            what,
            who: FaultFilter::default(),
            share: all(),
            next: None,
            stream: String::new(),
        }
    }

    fn is_active(&self, now: Nanos) -> bool {
        self.from <= now && self.until.is_none_or(|until| now < until)
    }

    /// What is wrong with it, whatever the exchange.
    pub fn own_problem(&self) -> Option<String> {
        if self.until.is_some_and(|until| until <= self.from) {
            return Some("its end must come after its beginning".to_owned());
        }
        if self.share <= Decimal::ZERO || self.share > Decimal::ONE {
            return Some(format!("`share` {} must be above 0 and at most 1", self.share));
        }
        if self.next == Some(0) {
            return Some("`next` is 0, so that it strikes nobody: state 1 or more".to_owned());
        }
        let (drawn, kind) = (self.share != Decimal::ONE || self.next.is_some(), &self.what);
        if drawn && !(kind.is_of_requests() || kind.is_of_orders() || kind.is_of_events()) {
            return Some("it lasts: it takes no `share` and no `next`".to_owned());
        }
        let skews = matches!(kind, FaultKind::SkewClock { .. });
        if self.who.narrows() && !(kind.is_of_requests() || kind.is_of_orders() || skews) {
            return Some(
                "it concerns no single request: remove `requests` and `symbol`".to_owned(),
            );
        }
        if kind.is_of_orders() && !self.who.requests.is_of_orders() {
            return Some(
                "it concerns orders: `requests` must be all, orders, opens or exits".to_owned(),
            );
        }
        kind.problem()
    }

    /// What is wrong with it in an exchange of this configuration.
    pub(crate) fn problem(&self, config: &ExchangeConfig) -> Option<String> {
        let say = |problem: String| Some(format!("faults: from {}: {problem}", self.from));
        if self.from < config.start {
            return say(format!("it lies before the start, {}", config.start));
        }
        let is_ours = |symbol: &_| config.instruments.iter().any(|i| i.symbol == *symbol);
        if let Some(symbol) = self.who.symbol.filter(|symbol| !is_ours(symbol)) {
            return say(format!("{symbol} is not among the instruments"));
        }
        let accounts = 1 + config.further_accounts.len();
        if self.who.account.is_some_and(|account| usize::from(account.0) >= accounts) {
            return say(format!("there are {accounts} accounts, numbered from 0"));
        }
        self.own_problem().and_then(say)
    }
}
