//! The venue's limits, counted on our side: nobody is banned who looks first.

use binance_wire::{RateLimit, RateLimitCount, RateLimitInterval, RateLimitType, VenueError};
use engine::{ExchangeError, Nanos};

use super::calls::Kind;

/// Reads stop at this part of the weight, in percent: the rest is for orders and cancels.
const READS_MAX: u32 = 80;
/// Orders that open stop at this part of the order counts, in percent: the rest is for closes.
const OPENS_MAX: u32 = 90;
/// Calls that are told off without a time wait so long.
const RETRY_AFTER: Nanos = Nanos::from_secs(10);

/// One count and its limit. It falls back at the boundary of its window, by the venue's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    span: Nanos,
    limit: u32,
    used: u32,
    begun: i64,
}

impl Window {
    fn new(span: Nanos, limit: u32) -> Window {
        Window { span, limit, used: 0, begun: i64::MIN }
    }

    fn turn(&mut self, now: Nanos) {
        let begun = now.0.div_euclid(self.span.0);
        if begun > self.begun {
            (self.begun, self.used) = (begun, 0);
        }
    }

    fn has_room(&self, count: u32, percent: u32) -> bool {
        let with = u64::from(self.used) + u64::from(count);
        with * 100 <= u64::from(self.limit) * u64::from(percent)
    }

    fn ends(&self) -> Nanos {
        Nanos(self.begun.saturating_add(1).saturating_mul(self.span.0))
    }

    /// What the venue has counted. An answer of the window before tells nothing of this one.
    fn told(&mut self, used: u32) {
        self.used = self.used.max(used);
    }
}

/// What becomes of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It may go.
    Go,
    /// Not before this time of the venue.
    Wait(Nanos),
    /// It is refused here, in the venue's words.
    Refused(ExchangeError),
}

/// The counts of one IP and one account.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    weight: Window,
    ten_seconds: Window,
    minute: Window,
    /// After 429.
    quiet_until: Nanos,
    /// After 418.
    banned_until: Nanos,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget {
            weight: Window::new(Nanos::from_secs(60), 2_400),
            ten_seconds: Window::new(Nanos::from_secs(10), 300),
            minute: Window::new(Nanos::from_secs(60), 1_200),
            quiet_until: Nanos(i64::MIN),
            banned_until: Nanos(i64::MIN),
        }
    }
}

fn span(interval: &RateLimitInterval, times: u32) -> Option<Nanos> {
    let seconds = match interval {
        RateLimitInterval::Second => 1,
        RateLimitInterval::Minute => 60,
        RateLimitInterval::Hour => 3_600,
        RateLimitInterval::Day => 86_400,
        RateLimitInterval::Other(_) => return None,
    };
    Some(Nanos::from_secs(seconds * i64::from(times)))
}

impl Budget {
    fn window(
        &mut self,
        kind: &RateLimitType,
        interval: &RateLimitInterval,
        times: u32,
    ) -> Option<&mut Window> {
        let span = span(interval, times)?;
        let window = match kind {
            RateLimitType::RequestWeight => &mut self.weight,
            RateLimitType::Orders if span == self.ten_seconds.span => &mut self.ten_seconds,
            RateLimitType::Orders => &mut self.minute,
            RateLimitType::Other(_) => return None,
        };
        (window.span == span).then_some(window)
    }

    /// The limits of exchangeInfo. An account may have fewer rows: the others stay at production's.
    pub(super) fn set_limits(&mut self, limits: &[RateLimit]) {
        for limit in limits {
            let interval = &limit.interval;
            if let Some(window) = self.window(&limit.rate_limit_type, interval, limit.interval_num)
            {
                window.limit = limit.limit;
            }
        }
    }

    /// Decides about a call, and counts it if it goes.
    pub(super) fn ask(
        &mut self,
        now: Nanos,
        kind: Kind,
        weight: u32,
        orders: (u32, u32),
    ) -> Verdict {
        self.turn(now);
        if now < self.banned_until {
            return match kind {
                Kind::Read => Verdict::Wait(self.banned_until),
                _ => Verdict::Refused(VenueError::IpBanned.naming(&[&self.banned_until.millis()])),
            };
        }
        if now < self.quiet_until {
            return match kind {
                Kind::Open => {
                    Verdict::Refused(VenueError::TooManyRequests.naming(&[&self.weight.limit]))
                }
                _ => Verdict::Wait(self.quiet_until),
            };
        }
        let part = if kind == Kind::Read { READS_MAX } else { 100 };
        if weight > 0 && !self.weight.has_room(weight, part) {
            return Verdict::Wait(self.weight.ends());
        }
        let part = if kind == Kind::Open { OPENS_MAX } else { 100 };
        for (window, count, words) in
            [(&self.ten_seconds, orders.0, "10 seconds"), (&self.minute, orders.1, "minute")]
        {
            if count > 0 && !window.has_room(count, part) {
                return match kind {
                    Kind::Open => {
                        Verdict::Refused(VenueError::TooManyOrders.naming(&[&window.limit, &words]))
                    }
                    _ => Verdict::Wait(window.ends()),
                };
            }
        }
        for (window, count) in [
            (&mut self.weight, weight),
            (&mut self.ten_seconds, orders.0),
            (&mut self.minute, orders.1),
        ] {
            window.used = window.used.saturating_add(count);
        }
        Verdict::Go
    }

    /// What the headers of an answer tell: weight of the minute, orders of 10 seconds and of the minute.
    pub(super) fn headers(
        &mut self,
        now: Nanos,
        weight: Option<u32>,
        ten_seconds: Option<u32>,
        minute: Option<u32>,
    ) {
        self.turn(now);
        for (window, used) in [
            (&mut self.weight, weight),
            (&mut self.ten_seconds, ten_seconds),
            (&mut self.minute, minute),
        ] {
            if let Some(used) = used {
                window.told(used);
            }
        }
    }

    /// What an answer of the WebSocket API tells.
    pub(super) fn counts(&mut self, now: Nanos, counts: &[RateLimitCount]) {
        self.turn(now);
        for count in counts {
            let interval = &count.interval;
            if let Some(window) = self.window(&count.rate_limit_type, interval, count.interval_num)
            {
                window.limit = count.limit;
                window.told(count.count);
            }
        }
    }

    /// 429: all is quiet until `after` has passed; without one, until the window ends.
    pub(super) fn told_off(&mut self, now: Nanos, after: Option<Nanos>) -> Nanos {
        self.turn(now);
        let until = match after {
            Some(after) => now + after,
            None => Nanos((now + RETRY_AFTER).0.min(self.weight.ends().0)),
        };
        self.quiet_until = self.quiet_until.max(until);
        self.quiet_until
    }

    /// 418: nothing goes until then.
    pub(super) fn banned(&mut self, now: Nanos, after: Option<Nanos>) -> Nanos {
        // The shortest ban that is documented.
        let until = now + after.unwrap_or(Nanos::from_secs(120));
        self.banned_until = self.banned_until.max(until);
        self.banned_until
    }

    /// Until when nothing at all may be asked, after 429 or 418.
    pub(super) fn silent_until(&self, now: Nanos) -> Option<Nanos> {
        let until = self.quiet_until.max(self.banned_until);
        (now < until).then_some(until)
    }

    /// How much of the weight of this minute is used.
    #[cfg(test)]
    fn used(&self) -> (u32, u32, u32) {
        (self.weight.used, self.ten_seconds.used, self.minute.used)
    }

    fn turn(&mut self, now: Nanos) {
        self.weight.turn(now);
        self.ten_seconds.turn(now);
        self.minute.turn(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(s: i64) -> Nanos {
        Nanos::from_secs(s)
    }

    #[test]
    fn reads_wait_before_the_limit_and_orders_go_on() {
        let mut budget = Budget::default();
        budget.headers(secs(61), Some(1_900), None, None);
        assert_eq!(budget.ask(secs(61), Kind::Read, 40, (0, 0)), Verdict::Wait(secs(120)));
        assert_eq!(budget.ask(secs(61), Kind::Close, 1, (0, 0)), Verdict::Go);
        assert_eq!(budget.ask(secs(120), Kind::Read, 40, (0, 0)), Verdict::Go);
        assert_eq!(budget.used(), (40, 0, 0), "the count falls at the boundary");
    }

    #[test]
    fn closes_go_when_opens_are_refused() {
        let mut budget = Budget::default();
        budget.headers(secs(1), None, Some(270), Some(270));
        let open = budget.ask(secs(1), Kind::Open, 0, (1, 1));
        let Verdict::Refused(error) = open else { panic!("{open:?}") };
        assert_eq!(error.code, -1015);
        assert_eq!(&*error.msg, "Too many new orders; current limit is 300 orders per 10 seconds.");
        for _ in 0..30 {
            assert_eq!(budget.ask(secs(1), Kind::Close, 0, (1, 1)), Verdict::Go);
        }
        assert_eq!(budget.ask(secs(1), Kind::Close, 0, (1, 1)), Verdict::Wait(secs(10)));
        assert_eq!(budget.ask(secs(10), Kind::Open, 0, (1, 1)), Verdict::Go);
    }

    #[test]
    fn after_429_all_is_quiet_and_after_418_nothing_goes() {
        let mut budget = Budget::default();
        assert_eq!(budget.told_off(secs(5), Some(secs(7))), secs(12));
        assert_eq!(budget.ask(secs(6), Kind::Read, 1, (0, 0)), Verdict::Wait(secs(12)));
        assert_eq!(budget.ask(secs(6), Kind::Close, 1, (0, 0)), Verdict::Wait(secs(12)));
        assert!(matches!(budget.ask(secs(6), Kind::Open, 1, (0, 0)), Verdict::Refused(_)));
        assert_eq!(budget.silent_until(secs(11)), Some(secs(12)));
        assert_eq!(budget.silent_until(secs(12)), None);
        assert_eq!(budget.ask(secs(12), Kind::Read, 1, (0, 0)), Verdict::Go);
        assert_eq!(budget.banned(secs(20), None), secs(140));
        let close = budget.ask(secs(21), Kind::Close, 1, (0, 0));
        assert!(matches!(&close, Verdict::Refused(error) if error.code == -1003), "{close:?}");
        assert_eq!(budget.ask(secs(21), Kind::Read, 1, (0, 0)), Verdict::Wait(secs(140)));
    }

    #[test]
    fn limits_and_counts_are_the_venues() {
        let mut budget = Budget::default();
        let limit = |kind, interval, interval_num, limit| RateLimit {
            rate_limit_type: kind,
            interval,
            interval_num,
            limit,
        };
        budget.set_limits(&[
            limit(RateLimitType::RequestWeight, RateLimitInterval::Minute, 1, 6_000),
            limit(RateLimitType::Orders, RateLimitInterval::Second, 10, 20),
            limit(RateLimitType::Orders, RateLimitInterval::Day, 1, 9),
        ]);
        assert_eq!((budget.weight.limit, budget.ten_seconds.limit), (6_000, 20));
        assert_eq!(budget.minute.limit, 1_200, "a window that we do not count");
        let count = RateLimitCount {
            rate_limit_type: RateLimitType::Orders,
            interval: RateLimitInterval::Second,
            interval_num: 10,
            limit: 20,
            count: 20,
        };
        budget.counts(secs(3), &[count]);
        assert!(matches!(budget.ask(secs(3), Kind::Open, 0, (1, 1)), Verdict::Refused(_)));
    }
}
