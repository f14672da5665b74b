//! Funding rate: from the average premium, by the formula of its date, within the symbol's cap and floor.
//!
//! Source: Binance FAQ 360033525031 and the announcement of 2025-09 (facts, section 7).

use engine::Nanos;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::mark_price::RULES_OF_2025_09;
use crate::position::cut8;
use crate::premium_index::{SAMPLE_SPACING, WeightedPremium};

const HOUR: i64 = 3_600_000_000_000;

/// `fundingIntervalHours`. Payments are due at its multiples since midnight UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FundingInterval {
    /// Every hour.
    #[serde(rename = "1h")]
    H1,
    /// 00, 02, 04 ... UTC.
    #[serde(rename = "2h")]
    H2,
    /// 00, 04, 08 ... UTC.
    #[serde(rename = "4h")]
    H4,
    /// 00, 08 and 16 UTC, where nothing else is announced.
    #[default]
    #[serde(rename = "8h")]
    H8,
}

impl FundingInterval {
    /// Its length in hours.
    pub const fn hours(self) -> u32 {
        match self {
            FundingInterval::H1 => 1,
            FundingInterval::H2 => 2,
            FundingInterval::H4 => 4,
            FundingInterval::H8 => 8,
        }
    }

    /// Its length.
    pub const fn span(self) -> Nanos {
        Nanos(self.hours() as i64 * HOUR)
    }

    /// The interval that holds `now` begins here; `now` itself if it is a settlement instant.
    pub const fn start(self, now: Nanos) -> Nanos {
        let span = self.span().0;
        Nanos(now.0.div_euclid(span).saturating_mul(span))
    }

    /// The first settlement instant after `now`.
    pub const fn next(self, now: Nanos) -> Nanos {
        self.start(now).saturating_add(self.span())
    }
}

/// Which formula holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RateFormula {
    /// `P + clamp(I - P, ±0.05 %)` until 2025-09-18, with the interest of the interval itself.
    Plain,
    /// `[P + clamp(I - P, ±0.05 %)] / (8 / N)` since then, N hours an interval, with the interest of 8 h.
    PerInterval,
}

impl RateFormula {
    /// Of a payment at `settlement`; the new one since 2025-09-18 08:01 UTC, so first at the payment after.
    pub fn at(settlement: Nanos) -> RateFormula {
        if settlement < RULES_OF_2025_09 { RateFormula::Plain } else { RateFormula::PerInterval }
    }
}

/// What is a symbol's own in its funding. Rates as fractions: 0.0001 is 0.01 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FundingTerms {
    /// fundingIntervalHours.
    pub interval: FundingInterval,
    /// Interest of 8 hours: 0.01 %, of a few symbols 0 (BNBUSDT, ETHBTC).
    pub interest_8h: Decimal,
    /// adjustedFundingRateCap, of one payment.
    pub cap: Decimal,
    /// adjustedFundingRateFloor, of one payment.
    pub floor: Decimal,
}

impl FundingTerms {
    /// Of a symbol that Binance has not adjusted: every 8 h, 0.01 % interest (none for BNBUSDT and
    /// ETHBTC), cap and floor 0.75 times the maintenance margin rate of the first tier. An older source
    /// says 1 times; the live row of BTCUSDT (0.3 % at a rate of 0.4 %) confirms 0.75.
    pub fn default_of(symbol: &str, first_tier_mmr: Decimal) -> FundingTerms {
        let is_free = matches!(symbol, "BNBUSDT" | "ETHBTC");
        let cap = first_tier_mmr * Decimal::new(75, 2);
        FundingTerms {
            interval: FundingInterval::H8,
            interest_8h: if is_free { Decimal::ZERO } else { Decimal::new(1, 4) },
            cap,
            floor: -cap,
        }
    }

    /// The rate of one payment from its average premium, within cap and floor, cut at 8 decimals.
    ///
    /// That the interest of the plain formula is that of N hours (0.01 % × N / 8) follows from "0.03 % a
    /// day" and is unverified for N below 8. For 8 hours both formulas are the same.
    pub fn rate(&self, formula: RateFormula, average_premium: Decimal) -> Decimal {
        let clamp = Decimal::new(5, 4);
        let share = Decimal::from(self.interval.hours()) / Decimal::from(8);
        let rate =
            |interest: Decimal| average_premium + (interest - average_premium).clamp(-clamp, clamp);
        let rate = match formula {
            RateFormula::Plain => rate(self.interest_8h * share),
            RateFormula::PerInterval => rate(self.interest_8h) * share,
        };
        // Not `clamp`, which panics where a configured floor lies above its cap.
        cut8(rate.min(self.cap).max(self.floor))
    }
}

/// The estimate of the next payment, Binance's `lastFundingRate`, from samples of the premium index.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FundingEstimate {
    terms: FundingTerms,
    start: Nanos,
    premium: WeightedPremium,
}

impl FundingEstimate {
    /// In the interval of `now`; samples of before count as missing.
    pub fn new(terms: FundingTerms, now: Nanos) -> FundingEstimate {
        let start = terms.interval.start(now);
        FundingEstimate { terms, start, premium: WeightedPremium::default() }
    }

    /// What holds in this interval.
    pub fn terms(&self) -> FundingTerms {
        self.terms
    }

    /// When the estimate is paid.
    pub fn settlement(&self) -> Nanos {
        self.start + self.terms.interval.span()
    }

    /// The next instant at which a sample is due, every 5 s; the settlement instant has the last one.
    pub fn next_sample(&self, now: Nanos) -> Nanos {
        Nanos((now.0.div_euclid(SAMPLE_SPACING.0) + 1) * SAMPLE_SPACING.0)
    }

    /// Adds the premium index of `now`, which lies in this interval: `start < now <= settlement`.
    pub fn sample(&mut self, now: Nanos, premium: Decimal) {
        assert!(now > self.start && now <= self.settlement(), "a sample lies in its interval");
        let number = (now.0 - self.start.0).div_euclid(SAMPLE_SPACING.0);
        // A sample between the instants counts for the instant before; the first has none before it.
        if let Ok(number @ 1..) = u32::try_from(number) {
            self.premium.add(number, premium);
        }
    }

    /// The predicted rate, as the samples so far have it; `None` before the first.
    pub fn predicted(&self) -> Option<Decimal> {
        let formula = RateFormula::at(self.settlement());
        self.premium.average().map(|average| self.terms.rate(formula, average))
    }

    /// Ends the interval: gives the settled rate and begins the next interval, with `terms` from then on.
    /// `None` if there was no sample: whether nothing is paid then is the caller's to say.
    pub fn settle(&mut self, terms: FundingTerms) -> Option<Decimal> {
        let rate = self.predicted();
        *self = FundingEstimate::new(terms, self.settlement());
        rate
    }
}

/// What a position receives at the funding time, in the quote asset, cut at 8 decimals. `notional` is
/// signed, at the mark: above a rate of zero a long position pays, a short one receives.
pub(crate) fn funding_payment(notional: Decimal, rate: Decimal) -> Decimal {
    -cut8(notional * rate)
}
