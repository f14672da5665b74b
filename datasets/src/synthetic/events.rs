//! What befalls a made market at a stated minute, laid over whatever its model draws.
//!
//! Invariant: an event draws no random number, so that the market before, and the shocks after it, are
//! those of the same seed without it.

use engine::{Nanos, Symbol};
use serde::{Deserialize, Serialize};

use super::MINUTE;
use super::config::ConstantFunding;
use super::event_keys::EventKeys;
use super::funding::settles_within;

/// A shock and when it begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "EventKeys", into = "EventKeys")]
pub struct LaidEvent {
    /// Minutes from the market's start to the shock's first minute.
    pub at_minute: u32,
    /// Whom it concerns; all symbols where absent.
    pub symbol: Option<Symbol>,
    /// What it is.
    pub what: Shock,
}

/// What can befall a made market.
#[derive(Clone, Debug, PartialEq)]
pub enum Shock {
    /// The price falls in a line of its logarithm, and comes back in a slower one.
    FlashCrash {
        /// Share of the price lost at the bottom, 0 to 0.99.
        depth: f64,
        /// Minutes of the fall, at least 1.
        fall_minutes: u32,
        /// Minutes of the recovery, at least 1.
        recovery_minutes: u32,
        /// Share of the loss that is won back, 0 to 1: 0.5 of a fall from 100 to 80 ends at 90.
        recovered_share: f64,
        /// Factor on the volume during the fall; it calms down with the recovery.
        volume_factor: f64,
    },
    /// Shorts are driven out: the price rises ever faster, then gives a share of it back.
    Squeeze {
        /// Share of the price won at the top, above 0: 0.3 is 30 %.
        height: f64,
        /// Minutes of the rise, at least 1.
        rise_minutes: u32,
        /// Minutes in which it falls back, at least 1.
        recovery_minutes: u32,
        /// Share of the gain that is lost again, 0 to 1: 0.5 of a rise from 100 to 120 ends at 110.
        recovered_share: f64,
        /// Factor on the volume during the rise; it calms down afterwards.
        volume_factor: f64,
    },
    /// The price opens higher or lower by a share, with nothing traded between.
    Gap {
        /// -0.1 is a fall of 10 %; above -1.
        share: f64,
    },
    /// Few orders rest: less is traded, and what is traded moves the price further.
    ThinBook {
        /// How long, in minutes.
        minutes: u32,
        /// Factor on the volume of bars, or on the arrivals of limit orders: 0.1 leaves a tenth.
        volume_factor: f64,
        /// Factor on how far a bar's extremes reach beyond its open and close.
        wick_factor: f64,
    },
    /// Settlements of funding within these minutes have another rate.
    FundingSpike {
        /// How long, in minutes.
        minutes: u32,
        /// The rate, in units of 1e-8.
        rate_e8: i64,
    },
}

/// What all events make of one minute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Laid {
    /// On the logarithm of the price at the minute's end.
    pub log: f64,
    /// On the logarithm of its open.
    pub open_gap: f64,
    /// Factor on the volume.
    pub volume: f64,
    /// Factor on the reach of the extremes.
    pub wick: f64,
}

impl Laid {
    const NOTHING: Laid = Laid { log: 0.0, open_gap: 0.0, volume: 1.0, wick: 1.0 };
}

/// There and back: the logarithm at the far end, minutes there and back, and the share that comes back.
struct Excursion {
    far: f64,
    out: u32,
    back: u32,
    recovered: f64,
    volume: f64,
    /// Whether the way out grows with the square of time.
    accelerates: bool,
}

impl Excursion {
    /// `after` is 1 at the end of its first minute.
    fn at(&self, after: u32) -> Laid {
        // A share of the price's way, not of its logarithm's.
        let last = libm::log1p(libm::expm1(self.far) * (1.0 - self.recovered));
        if after <= self.out {
            let share = f64::from(after) / f64::from(self.out);
            let share = if self.accelerates { share * share } else { share };
            return Laid { log: self.far * share, volume: self.volume, ..Laid::NOTHING };
        }
        let coming = after - self.out;
        if coming <= self.back {
            let share = f64::from(coming) / f64::from(self.back);
            let log = self.far + (last - self.far) * share;
            // The volume calms down as the price comes back.
            let volume = self.volume + (1.0 - self.volume) * share;
            return Laid { log, volume, ..Laid::NOTHING };
        }
        Laid { log: last, ..Laid::NOTHING }
    }
}

impl LaidEvent {
    /// Whether it befalls `symbol`.
    pub fn concerns(&self, symbol: Symbol) -> bool {
        self.symbol.is_none_or(|own| own == symbol)
    }

    /// Its first instant, and the first after `minutes` of it, in a market that starts at `start`.
    pub fn span(&self, start: Nanos, minutes: u32) -> (Nanos, Nanos) {
        let after = |minutes: u64| {
            let nanos = MINUTE.0.saturating_mul(i64::try_from(minutes).unwrap_or(i64::MAX));
            start.saturating_add(Nanos(nanos))
        };
        let from = u64::from(self.at_minute);
        (after(from), after(from + u64::from(minutes)))
    }

    /// Why a market of `length` has no room for it: its first minute, and of a crash or a squeeze the way to its end.
    /// What comes after that, the market's end may cut.
    pub fn room_problem(&self, length: Nanos) -> Option<String> {
        let minutes = length.0 / MINUTE.0;
        let at = self.at_minute;
        if i64::from(at).saturating_mul(MINUTE.0) >= length.0 {
            return Some(format!(
                "at_minute is {at}, and the market has {minutes} minutes: change one of them"
            ));
        }
        let (key, out) = match self.what {
            Shock::FlashCrash { fall_minutes, .. } => ("fall_minutes", fall_minutes),
            Shock::Squeeze { rise_minutes, .. } => ("rise_minutes", rise_minutes),
            Shock::Gap { .. } | Shock::ThinBook { .. } | Shock::FundingSpike { .. } => return None,
        };
        (i64::from(at) + i64::from(out) > minutes).then(|| {
            format!(
                "at_minute is {at} and {key} {out}, and the market has {minutes} minutes, so that it would not get to its end: lower one of them"
            )
        })
    }

    /// What it makes of the bar that opens `minute` minutes after the start.
    fn at(&self, minute: u32) -> Laid {
        let Some(since) = minute.checked_sub(self.at_minute) else { return Laid::NOTHING };
        let after = since.saturating_add(1);
        match self.what {
            Shock::FlashCrash {
                depth,
                fall_minutes,
                recovery_minutes,
                recovered_share,
                volume_factor,
            } => Excursion {
                far: libm::log(1.0 - depth),
                out: fall_minutes,
                back: recovery_minutes,
                recovered: recovered_share,
                volume: volume_factor,
                accelerates: false,
            }
            .at(after),
            Shock::Squeeze {
                height,
                rise_minutes,
                recovery_minutes,
                recovered_share,
                volume_factor,
            } => Excursion {
                far: libm::log(1.0 + height),
                out: rise_minutes,
                back: recovery_minutes,
                recovered: recovered_share,
                volume: volume_factor,
                accelerates: true,
            }
            .at(after),
            Shock::Gap { share } => {
                let log = libm::log(1.0 + share);
                let open_gap = if since == 0 { log } else { 0.0 };
                Laid { log, open_gap, ..Laid::NOTHING }
            }
            Shock::ThinBook { minutes, volume_factor, wick_factor } if since < minutes => {
                Laid { volume: volume_factor, wick: wick_factor, ..Laid::NOTHING }
            }
            Shock::ThinBook { .. } | Shock::FundingSpike { .. } => Laid::NOTHING,
        }
    }
}

/// The events of one symbol.
#[derive(Clone, Debug)]
pub(crate) struct Overlay(Vec<LaidEvent>);

impl Overlay {
    pub fn new(events: &[LaidEvent], symbol: Symbol) -> Overlay {
        Overlay(events.iter().filter(|event| event.concerns(symbol)).cloned().collect())
    }

    /// What they make of the bar that opens `minute` minutes after the start.
    pub fn at(&self, minute: u32) -> Laid {
        self.0.iter().map(|event| event.at(minute)).fold(Laid::NOTHING, |a, b| Laid {
            log: a.log + b.log,
            open_gap: a.open_gap + b.open_gap,
            volume: a.volume * b.volume,
            wick: a.wick * b.wick,
        })
    }
}

impl Shock {
    /// Its name in a file.
    pub fn name(&self) -> &'static str {
        match self {
            Shock::FlashCrash { .. } => "flash_crash",
            Shock::Squeeze { .. } => "squeeze",
            Shock::Gap { .. } => "gap",
            Shock::ThinBook { .. } => "thin_book",
            Shock::FundingSpike { .. } => "funding_spike",
        }
    }

    /// What is wrong with it.
    pub(crate) fn problem(&self) -> Option<String> {
        let factor = 0.0..=10_000.0;
        let (fits, rule) = match *self {
            Shock::FlashCrash {
                depth,
                fall_minutes,
                recovery_minutes,
                recovered_share,
                ref volume_factor,
            } => (
                (0.0..=0.99).contains(&depth)
                    && fall_minutes > 0
                    && recovery_minutes > 0
                    && (0.0..=1.0).contains(&recovered_share)
                    && factor.contains(volume_factor),
                "depth 0 to 0.99, fall_minutes and recovery_minutes at least 1, recovered_share 0 to 1, volume_factor 0 to 10,000",
            ),
            Shock::Squeeze {
                height,
                rise_minutes,
                recovery_minutes,
                recovered_share,
                ref volume_factor,
            } => (
                (f64::MIN_POSITIVE..=10.0).contains(&height)
                    && rise_minutes > 0
                    && recovery_minutes > 0
                    && (0.0..=1.0).contains(&recovered_share)
                    && factor.contains(volume_factor),
                "height above 0 to 10, rise_minutes and recovery_minutes at least 1, recovered_share 0 to 1, volume_factor 0 to 10,000",
            ),
            Shock::Gap { share } => ((-0.99..=10.0).contains(&share), "share -0.99 to 10"),
            Shock::ThinBook { minutes, ref volume_factor, ref wick_factor } => (
                minutes > 0
                    && factor.contains(volume_factor)
                    && (0.0..=100.0).contains(wick_factor),
                "minutes at least 1, volume_factor 0 to 10,000, wick_factor 0 to 100",
            ),
            Shock::FundingSpike { minutes, rate_e8 } => (
                minutes > 0 && (-100_000_000..=100_000_000).contains(&rate_e8),
                "minutes at least 1, rate -1 to 1 (rate_e8 -100000000 to 100000000)",
            ),
        };
        (!fits).then(|| format!("it needs {rule}"))
    }
}

/// What is wrong with the events of a market.
pub(super) fn events_problem(
    events: &[LaidEvent],
    symbols: &[Symbol],
    (start_ms, minutes): (i64, u32),
    funding: Option<ConstantFunding>,
) -> Option<String> {
    let of = |event: &LaidEvent| {
        let problem = event.room_problem(Nanos(MINUTE.0 * i64::from(minutes)));
        if problem.is_some() {
            return problem;
        }
        if let Some(symbol) = event.symbol.filter(|symbol| !symbols.contains(symbol)) {
            return Some(format!(
                "{symbol} is not in the market: name one of its symbols, or none"
            ));
        }
        if let Shock::FundingSpike { minutes, .. } = event.what {
            let Some(funding) = funding else {
                return Some("the market tells no funding: add [market.synthetic.funding]".into());
            };
            let (from, to) = event.span(Nanos::from_millis(start_ms), minutes);
            if !settles_within(funding, from, to) {
                return Some(format!(
                    "no funding settles between {from} and {to}: it settles every {} hours of UTC; change at_minute or minutes",
                    funding.interval_hours
                ));
            }
        }
        None
    };
    events.iter().enumerate().find_map(|(number, event)| {
        let problem = event.what.problem().or_else(|| of(event))?;
        Some(format!("events number {} ({}): {problem}", number + 1, event.what.name()))
    })
}
