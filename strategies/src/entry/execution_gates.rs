//! Gates G1 to G3 of an execution: safe mode, one order in flight, no repeats (MSE 13.1).

use std::collections::{BTreeMap, VecDeque};

use engine::{Nanos, Symbol};
use serde::{Deserialize, Serialize};

use super::PlanSide;

/// How repeats are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateRule {
    /// By the intent's identity, and by a sliding window of symbol and side.
    #[default]
    IdentityAndWindow,
    /// By the bucket of time alone: two intents a second apart pass at its edge (incident I-30).
    AuditedBuckets,
}

/// The times of the gates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateTimes {
    inflight: Nanos,
    window: Nanos,
    identity: Nanos,
}

/// Times under which a slow order would find neither lock nor window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "in-flight locks of {} s and a repeat window of {} s: give the lock at least twice the window",
    .inflight.secs(), .window.secs()
)]
pub struct GateTimesFault {
    /// INFLIGHT_TTL_SEC.
    pub inflight: Nanos,
    /// IDEMPOTENCY_BUCKET_SEC.
    pub window: Nanos,
}

impl Default for GateTimes {
    fn default() -> Self {
        GateTimes {
            inflight: Nanos::from_secs(120),
            window: Nanos::from_secs(30),
            identity: Nanos::from_secs(86_400),
        }
    }
}

impl GateRule {
    /// How long from `now` on one of the symbol and side is a repeat: for the window, or to the end of the bucket.
    #[must_use]
    pub fn repeats_for(self, now: Nanos, times: &GateTimes) -> Nanos {
        match self {
            GateRule::IdentityAndWindow => times.window,
            GateRule::AuditedBuckets => {
                times.window - Nanos(now.0.rem_euclid(times.window.0.max(1)))
            }
        }
    }
}

impl GateTimes {
    /// How long a lock lives.
    #[must_use]
    pub const fn inflight(&self) -> Nanos {
        self.inflight
    }

    /// How long one like it is a repeat.
    #[must_use]
    pub const fn window(&self) -> Nanos {
        self.window
    }

    /// How long an identity is remembered.
    #[must_use]
    pub const fn identity(&self) -> Nanos {
        self.identity
    }

    /// Checked times of lock and window; identities are remembered for a day.
    ///
    /// # Errors
    /// [`GateTimesFault`] unless the window is above zero and the lock lives at least twice as long.
    pub fn new(inflight: Nanos, window: Nanos) -> Result<GateTimes, GateTimesFault> {
        if window > Nanos::ZERO && inflight.0 / 2 >= window.0 {
            Ok(GateTimes { inflight, window, ..GateTimes::default() })
        } else {
            Err(GateTimesFault { inflight, window })
        }
    }

    /// Both a minute, as they were.
    #[must_use]
    pub fn audited() -> GateTimes {
        let minute = Nanos::from_secs(60);
        GateTimes { inflight: minute, window: minute, ..GateTimes::default() }
    }
}

/// What wants to be executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GateRequest<'a> {
    /// Entry id or correlation id of the intent.
    pub identity: &'a str,
    /// Whose.
    pub symbol: Symbol,
    /// Which side.
    pub side: PlanSide,
    /// It makes a position smaller.
    pub reduces: bool,
    /// `quantum:safety:safe_mode` is on.
    pub safe_mode: bool,
}

/// Why it is not executed now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum GateRefusal {
    /// G1, of opens.
    SafeModeActive,
    /// G2: an order of the symbol and side is on its way. A close waits for its end and asks again.
    InFlight,
    /// G3: this intent, or for opens one like it, was executed.
    IdempotencySkip,
}

/// What is remembered of earlier requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GateFacts {
    /// This identity was admitted before.
    pub identity_seen: bool,
    /// An order of the symbol and side is on its way.
    pub in_flight: bool,
    /// One of the symbol and side was admitted within the window.
    pub repeats: bool,
}

/// Admits a request, or says which gate refuses it. No rate and no safe mode applies to what reduces risk.
///
/// # Errors
/// [`GateRefusal`].
pub fn execution_gate(
    request: &GateRequest<'_>,
    facts: GateFacts,
    rule: GateRule,
) -> Result<(), GateRefusal> {
    if request.safe_mode && !request.reduces {
        return Err(GateRefusal::SafeModeActive);
    }
    if facts.identity_seen {
        return Err(GateRefusal::IdempotencySkip);
    }
    if facts.in_flight {
        return Err(GateRefusal::InFlight);
    }
    // The audited rule skipped exits, too.
    if facts.repeats && (!request.reduces || rule == GateRule::AuditedBuckets) {
        return Err(GateRefusal::IdempotencySkip);
    }
    Ok(())
}

/// Names the holder of a lock, so that nobody releases another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LockToken(u64);

/// The memory of the gates, on given time.
///
/// Invariant: an identity is admitted once in its life; a lock is released by its holder or by time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExecutionGates {
    identities: BTreeMap<String, Nanos>,
    by_age: VecDeque<(Nanos, String)>,
    /// Of the sales and of the purchases of a symbol.
    locks: BTreeMap<Symbol, [Option<(LockToken, Nanos)>; 2]>,
    admitted: BTreeMap<Symbol, [Option<Nanos>; 2]>,
    next: u64,
}

impl ExecutionGates {
    /// Admits a request and locks its symbol and side, or says why not.
    ///
    /// # Errors
    /// [`GateRefusal`]; nothing is then remembered.
    pub fn admit(
        &mut self,
        request: &GateRequest<'_>,
        now: Nanos,
        times: &GateTimes,
        rule: GateRule,
    ) -> Result<LockToken, GateRefusal> {
        self.forget(now, times.identity);
        let side = place(request.side);
        let by_identity = rule == GateRule::IdentityAndWindow;
        let held = self.locks.get(&request.symbol).and_then(|locks| locks[side]);
        let before = self.admitted.get(&request.symbol).and_then(|admitted| admitted[side]);
        let bucket = |at: Nanos| at.0.div_euclid(times.window.0.max(1));
        let facts = GateFacts {
            identity_seen: by_identity && self.identities.contains_key(request.identity),
            in_flight: held.is_some_and(|(_, until)| now < until),
            repeats: match rule {
                GateRule::IdentityAndWindow => before.is_some_and(|at| now - at < times.window),
                GateRule::AuditedBuckets => before.is_some_and(|at| bucket(at) == bucket(now)),
            },
        };
        execution_gate(request, facts, rule)?;
        let token = LockToken(self.next);
        self.next += 1;
        self.locks.entry(request.symbol).or_default()[side] = Some((token, now + times.inflight));
        self.admitted.entry(request.symbol).or_default()[side] = Some(now);
        if by_identity {
            self.identities.insert(request.identity.to_owned(), now);
            self.by_age.push_back((now, request.identity.to_owned()));
        }
        Ok(token)
    }

    /// Releases a lock; `false` when it is another's, or time has ended it.
    pub fn release(&mut self, symbol: Symbol, side: PlanSide, token: LockToken) -> bool {
        let Some(locks) = self.locks.get_mut(&symbol) else { return false };
        locks[place(side)].take_if(|(holder, _)| *holder == token).is_some()
    }

    fn forget(&mut self, now: Nanos, life: Nanos) {
        while self.by_age.front().is_some_and(|(at, _)| now - *at >= life) {
            if let Some((_, identity)) = self.by_age.pop_front() {
                self.identities.remove(&identity);
            }
        }
    }
}

fn place(side: PlanSide) -> usize {
    usize::from(side == PlanSide::Buy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(identity: &str) -> GateRequest<'_> {
        GateRequest {
            identity,
            symbol: Symbol::new("BTCUSDT").expect("a symbol"),
            side: PlanSide::Buy,
            reduces: false,
            safe_mode: false,
        }
    }

    fn admit(
        gates: &mut ExecutionGates,
        request: GateRequest<'_>,
        second: i64,
    ) -> Result<LockToken, GateRefusal> {
        let now = Nanos::from_secs(second);
        gates.admit(&request, now, &GateTimes::default(), GateRule::default())
    }

    /// Safe mode rejected everything, exits included.
    #[test]
    fn incident_i09_exits_pass_safe_mode() {
        let mut gates = ExecutionGates::default();
        let open = GateRequest { safe_mode: true, ..request("a") };
        assert_eq!(admit(&mut gates, open, 0), Err(GateRefusal::SafeModeActive));
        assert!(admit(&mut gates, GateRequest { reduces: true, ..open }, 0).is_ok());
    }

    #[test]
    fn one_in_flight_and_only_its_holder_releases() {
        let mut gates = ExecutionGates::default();
        let symbol = request("a").symbol;
        let token = admit(&mut gates, request("a"), 0).expect("admitted");
        assert_eq!(admit(&mut gates, request("b"), 119), Err(GateRefusal::InFlight));
        assert!(!gates.release(symbol, PlanSide::Buy, LockToken(99)));
        assert!(gates.release(symbol, PlanSide::Buy, token));
        assert_eq!(admit(&mut gates, request("b"), 29), Err(GateRefusal::IdempotencySkip));
        let exit = GateRequest { reduces: true, ..request("c") };
        assert!(admit(&mut gates, exit, 29).is_ok(), "no rate applies to an exit");
        assert!(admit(&mut gates, request("b"), 149).is_ok(), "a lock ends by time");
    }

    #[test]
    fn an_identity_is_admitted_once_a_day() {
        let mut gates = ExecutionGates::default();
        let exit = GateRequest { reduces: true, ..request("a") };
        let token = admit(&mut gates, exit, 0).expect("admitted");
        gates.release(exit.symbol, exit.side, token);
        assert_eq!(admit(&mut gates, exit, 86_399), Err(GateRefusal::IdempotencySkip));
        assert!(admit(&mut gates, exit, 86_400).is_ok());
        assert_eq!(gates.by_age.len(), 1);
    }

    /// Lock and bucket were both 60 s: the repeat of a slow order found neither, and the edge of a bucket
    /// let two intents through that were a second apart.
    #[test]
    fn incident_i30_a_repeat_at_the_edge_is_refused() {
        let both = |times: &GateTimes, rule| {
            let mut gates = ExecutionGates::default();
            [59, 60].map(|second| {
                let name = second.to_string();
                let now = Nanos::from_secs(second);
                let token = gates.admit(&request(&name), now, times, rule)?;
                gates.release(request(&name).symbol, PlanSide::Buy, token);
                Ok::<_, GateRefusal>(())
            })
        };
        let skip = Err(GateRefusal::IdempotencySkip);
        assert_eq!(both(&GateTimes::default(), GateRule::default()), [Ok(()), skip]);
        assert_eq!(both(&GateTimes::audited(), GateRule::AuditedBuckets), [Ok(()), Ok(())]);
        let minute = Nanos::from_secs(60);
        let fault = GateTimes::new(minute, minute).expect_err("refused");
        assert_eq!(
            fault.to_string(),
            "in-flight locks of 60 s and a repeat window of 60 s: give the lock at least twice the \
             window"
        );
        assert!(GateTimes::new(minute, Nanos::from_secs(30)).is_ok());
    }
}
