//! What metrics are computed from: plain series and records of a run.
//!
//! Times are nanoseconds since 1970-01-01 UTC. Money that is booked (PnL, fees, funding, notional) is
//! exact; equity, prices and quantities only enter ratios and are floats.

use rust_decimal::Decimal;

/// Nanoseconds of a second.
pub const SECOND_NS: i64 = 1_000_000_000;
/// Nanoseconds of a day.
pub const DAY_NS: i64 = 86_400 * SECOND_NS;
/// Days of a year: crypto futures trade on all of them.
pub const YEAR_DAYS: f64 = 365.0;
/// Periods that a series may be cut into; 19 years of minutes.
pub const PERIODS_MAX: i64 = 10_000_000;

/// What the statistics are computed with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Length of the periods whose returns are looked at, in nanoseconds; above zero.
    pub period_ns: i64,
    /// What money earns without risk, a year: 0.04 is 4 %. Above -1.
    pub risk_free_rate: f64,
    /// The return, a year, below which a period counts as a loss, for Sortino and Omega. Above -1.
    pub target_return: f64,
    /// Confidence of value at risk and expected shortfall, between 0 and 1.
    pub tail_level: f64,
}

impl Default for Settings {
    /// Days, no interest, no target, 95 %.
    fn default() -> Self {
        Settings { period_ns: DAY_NS, risk_free_rate: 0.0, target_return: 0.0, tail_level: 0.95 }
    }
}

/// Equity over time. Each sample holds until the next one; of several at one time, the last counts. The
/// first and the last are begin and end of the run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Equity<'a> {
    /// Not falling.
    pub time_ns: &'a [i64],
    /// Wallet balance and unrealised PnL, in USDT.
    pub equity_usdt: &'a [f64],
}

/// Positions over time. Each sample holds until the next one; before the first there is no position. What
/// lies outside of the equity's time does not count.
#[derive(Clone, Copy, Debug, Default)]
pub struct Exposure<'a> {
    /// Not falling.
    pub time_ns: &'a [i64],
    /// Sum of the positions' sizes at mark price, longs and shorts alike, in USDT; not negative.
    pub gross_usdt: &'a [f64],
    /// Longs minus shorts, in USDT.
    pub net_usdt: &'a [f64],
}

/// Whether a fill gave liquidity or took it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liquidity {
    /// It rested in the book.
    Maker,
    /// It met what rested.
    Taker,
}

/// One execution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fill {
    /// Price times quantity, in USDT; not negative.
    pub notional_usdt: Decimal,
    /// What was paid for it, in USDT; a rebate is negative.
    pub fee_usdt: Decimal,
    /// By which fee it was charged.
    pub liquidity: Liquidity,
}

/// The direction of a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// Gains when the price rises.
    Long,
    /// Gains when the price falls.
    Short,
}

/// A position from its opening to its end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trade<'a> {
    /// What was traded.
    pub symbol: &'a str,
    /// Its direction.
    pub side: Side,
    /// Its greatest size, in units of the base asset; above zero.
    pub qty: f64,
    /// When it was opened.
    pub entry_time_ns: i64,
    /// Mean price of its entries, in USDT; above zero.
    pub entry_price: f64,
    /// When it was closed; not before its entry.
    pub exit_time_ns: i64,
    /// Mean price of its exits, in USDT; above zero.
    pub exit_price: f64,
    /// Why it was closed.
    pub exit_reason: &'a str,
    /// What its exits made against its entries, in USDT; before fees and funding.
    pub realised_pnl_usdt: Decimal,
    /// Fees of its entries and exits, in USDT; a rebate is negative.
    pub fees_usdt: Decimal,
    /// Funding that it got, in USDT; what it paid is negative.
    pub funding_usdt: Decimal,
    /// What its fills cost against the prices at which they were decided, in USDT; part of the PnL.
    pub slippage_usdt: Decimal,
    /// Highest price while it was open, in USDT; above zero.
    pub highest_price: f64,
    /// Lowest price while it was open, in USDT; above zero and not above the highest.
    pub lowest_price: f64,
    /// Its stop when it was opened, in USDT, if it had one; above zero.
    pub initial_stop_price: Option<f64>,
    /// Leverage that its symbol was set to; above zero.
    pub leverage: f64,
    /// Whether the venue closed it for want of margin.
    pub liquidated: bool,
}

/// All that the metrics of a run are computed from.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunInput<'a> {
    /// Equity over the whole run.
    pub equity: Equity<'a>,
    /// Positions over time, if they were recorded.
    pub exposure: Option<Exposure<'a>>,
    /// Executions, if they were recorded.
    pub fills: Option<&'a [Fill]>,
    /// Closed trades, in any order.
    pub trades: &'a [Trade<'a>],
}

/// Why an input has no metrics.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// Columns of one series that do not belong together.
    #[error("{series}: {times} times, but {values} values")]
    Lengths {
        /// Which.
        series: &'static str,
        /// Length of its times.
        times: usize,
        /// Length of its values.
        values: usize,
    },
    /// A sample before the one before it.
    #[error("{series}: sample {at} lies before sample {}", at - 1)]
    TimeGoesBack {
        /// Which.
        series: &'static str,
        /// Its place, from 0.
        at: usize,
    },
    /// A number that means nothing in its place.
    #[error("{field} of {series} {at} is {value}: give {wanted}")]
    Value {
        /// Of which series.
        series: &'static str,
        /// Its field.
        field: &'static str,
        /// Its place, from 0.
        at: usize,
        /// As it came.
        value: f64,
        /// What would do.
        wanted: &'static str,
    },
    /// A setting that means nothing.
    #[error("{setting} is {value}: give {wanted}")]
    Setting {
        /// Which.
        setting: &'static str,
        /// As it came.
        value: f64,
        /// What would do.
        wanted: &'static str,
    },
    /// Too long a series for so short a period.
    #[error("{periods} periods of {period_ns} ns: at most {PERIODS_MAX}; give a longer period")]
    Periods {
        /// How many there would be.
        periods: i128,
        /// Length of each.
        period_ns: i64,
    },
    /// A sum of money with more digits than there are.
    #[error("the sum of {what} is beyond what can be counted")]
    Overflow {
        /// Of what.
        what: &'static str,
    },
    /// Lag samples that do not rise.
    #[error("lag of {stream}: sample {at} is less than sample {}: sort them", at - 1)]
    NotSorted {
        /// Of which stream.
        stream: String,
        /// Its place, from 0.
        at: usize,
    },
}

/// Refuses a number that does not pass.
pub(super) fn check(
    series: &'static str,
    at: usize,
    field: &'static str,
    value: f64,
    wanted: Wanted,
) -> Result<(), InputError> {
    let refused = InputError::Value { series, field, at, value, wanted: wanted.text() };
    if wanted.takes(value) { Ok(()) } else { Err(refused) }
}

/// Which numbers do.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted {
    Finite,
    Positive,
    NotNegative,
}

impl Wanted {
    fn takes(self, value: f64) -> bool {
        value.is_finite()
            && match self {
                Wanted::Finite => true,
                Wanted::Positive => value > 0.0,
                Wanted::NotNegative => value >= 0.0,
            }
    }

    fn text(self) -> &'static str {
        match self {
            Wanted::Finite => "a finite number",
            Wanted::Positive => "a finite number above zero",
            Wanted::NotNegative => "a finite number, zero or more",
        }
    }
}

/// Refuses columns of unlike length, and times that fall.
fn check_times(series: &'static str, time_ns: &[i64], values: usize) -> Result<(), InputError> {
    if time_ns.len() != values {
        return Err(InputError::Lengths { series, times: time_ns.len(), values });
    }
    match time_ns.windows(2).position(|pair| pair[1] < pair[0]) {
        Some(before) => Err(InputError::TimeGoesBack { series, at: before + 1 }),
        None => Ok(()),
    }
}

/// Refuses a column with a number that does not pass.
fn check_column(
    series: &'static str,
    field: &'static str,
    values: &[f64],
    wanted: Wanted,
) -> Result<(), InputError> {
    let mut places = values.iter().enumerate();
    places.try_for_each(|(at, value)| check(series, at, field, *value, wanted))
}

impl Settings {
    /// Refuses what means nothing.
    pub(super) fn check(&self) -> Result<(), InputError> {
        let rate = "a finite number above -1";
        let settings = [
            ("period_ns", self.period_ns as f64, self.period_ns > 0, "a number above zero"),
            ("risk_free_rate", self.risk_free_rate, is_rate(self.risk_free_rate), rate),
            ("target_return", self.target_return, is_rate(self.target_return), rate),
            (
                "tail_level",
                self.tail_level,
                self.tail_level > 0.0 && self.tail_level < 1.0,
                "a number between 0 and 1",
            ),
        ];
        settings.into_iter().try_for_each(|(setting, value, sound, wanted)| {
            if sound { Ok(()) } else { Err(InputError::Setting { setting, value, wanted }) }
        })
    }

    /// Periods of a year.
    #[must_use]
    pub fn periods_a_year(&self) -> f64 {
        YEAR_DAYS * DAY_NS as f64 / self.period_ns as f64
    }
}

fn is_rate(rate: f64) -> bool {
    rate.is_finite() && rate > -1.0
}

impl<'a> Equity<'a> {
    /// Refuses what is no series.
    pub(super) fn check(&self) -> Result<(), InputError> {
        check_times("equity", self.time_ns, self.equity_usdt.len())?;
        check_column("equity", "equity_usdt", self.equity_usdt, Wanted::Finite)
    }

    /// The samples that count: of several at one time, the last.
    pub(super) fn samples(&self) -> impl Iterator<Item = (i64, f64)> + use<'a> {
        let (times, values) = (self.time_ns, self.equity_usdt);
        let pairs = times.iter().copied().zip(values.iter().copied()).enumerate();
        pairs.filter(|(at, (time, _))| times.get(at + 1) != Some(time)).map(|(_, sample)| sample)
    }

    /// Begin and end; `None` without samples.
    pub(super) fn span(&self) -> Option<(i64, i64)> {
        Some((*self.time_ns.first()?, *self.time_ns.last()?))
    }
}

impl Exposure<'_> {
    /// Refuses what is no series.
    pub(super) fn check(&self) -> Result<(), InputError> {
        check_times("exposure", self.time_ns, self.gross_usdt.len())?;
        check_times("exposure", self.time_ns, self.net_usdt.len())?;
        check_column("exposure", "gross_usdt", self.gross_usdt, Wanted::NotNegative)?;
        check_column("exposure", "net_usdt", self.net_usdt, Wanted::Finite)
    }
}

/// From one time to another, in nanoseconds, whatever the two are.
pub(super) fn elapsed_ns(from: i64, to: i64) -> f64 {
    (i128::from(to) - i128::from(from)) as f64
}

/// From one time to another, in days.
pub(super) fn elapsed_days(from: i64, to: i64) -> f64 {
    elapsed_ns(from, to) / DAY_NS as f64
}
