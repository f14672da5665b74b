//! The walk over the rows of one series.

use super::book::BookWalk;
use super::entries::{decimals_of, factors};
use super::{Check, Findings, decimals, shown};
use crate::DataError;
use crate::catalogue::Damage;
use crate::coverage::{QUIET_US, funding_hours, hour_of, silence_max_us};
use crate::decimal::pow10;
use crate::file_cursor::{BATCH_ROWS, FileCursor, all_columns};
use crate::import::iso;
use crate::interval::Interval;
use crate::kind::{Kind, SeriesId, Shape};
use crate::overlap::{Told, common_time, compare};
use crate::rows::{Decimals, Row, RowDigest, follows, local_time, repeats};
use crate::store::FileInfo;

/// A price this far from both its neighbours is an odd print: 5 %, as one part of so many.
const LEAP_PART: i128 = 20;
/// What no price does within a bar shorter than a day, or from one bar to the next: more than so many times as
/// high. Longer bars may.
const SPIKE_FACTOR: i128 = 2;
const LONG_SPIKE_FACTOR: i128 = 10;
const DAY_MS: i64 = 86_400_000;
/// The exchange's caps of funding rates are 3 % at most: 5 % is none of its rates, as one part of so many.
const RATE_PART: i128 = 20;
/// No message is on its way for so long, and no clock of a recorder that is set at all is so wrong.
const LOCAL_TIME_US: i64 = 3_600_000_000;
/// `metrics` come every five minutes, `bookDepth` every half minute, neither to the second.
const METRICS_US: i64 = 300_000_000;
const BOOK_DEPTH_US: i64 = 30_000_000;

struct Walk {
    id: SeriesId,
    previous: Option<Row>,
    /// The decimals of prices and quantities over all files: those of one may have fewer.
    decimals: Decimals,
    /// Of the file that is read, what makes its prices and quantities comparable with the others'.
    factors: [i128; 2],
    /// Prices of the last two trades, the later one last, and the time of that.
    prints: [Option<i128>; 2],
    print_us: i64,
    /// Of the last bar: when it opened, and its close.
    last_close: Option<(i64, i128)>,
    book: BookWalk,
    findings: Findings,
}

/// Checks one series of which `damaged` files cannot be opened, and says which of its files are as they were imported.
pub(crate) fn check<'a>(
    id: &SeriesId,
    files: &'a [FileInfo],
    damaged: &[&Damage],
) -> Result<(Check, Vec<&'a FileInfo>), DataError> {
    let mut walk = Walk {
        id: *id,
        previous: None,
        decimals: decimals_of(files),
        factors: [1; 2],
        prints: [None; 2],
        print_us: 0,
        last_close: None,
        book: BookWalk::default(),
        findings: Findings::default(),
    };
    damaged.iter().for_each(|file| walk.findings.unreadable(file));
    decimals::look(id, files, &mut walk.findings);
    let (mut rows, mut whole) = (0, Vec::new());
    for (i, file) in files.iter().enumerate() {
        for before in &files[..i] {
            let Some(time) = common_time(before, file) else {
                continue;
            };
            walk.overlap(before, file, time);
            // Rows of overlapping files are not compared: the order between them means nothing.
            walk.forget();
        }
        if let Err(damage) = file.verify() {
            walk.findings.add("damaged", 1, file.first_us, false, || damage.to_string());
            walk.forget();
            continue;
        }
        if files[..i]
            .last()
            .is_some_and(|last| last.source.has_own_ids() || file.source.has_own_ids())
        {
            walk.forget();
        }
        walk.factors = factors(file, walk.decimals);
        let mut digest = RowDigest::default();
        let mut cursor = FileCursor::open(&file.path, all_columns(id.kind), i64::MIN)?;
        while cursor.read(BATCH_ROWS)? {
            for at in 0..cursor.len() {
                let row = cursor.row(at);
                digest.add(id.kind, &row, file.decimals);
                if walk.factors != [1; 2] && !decimals::fits(id, &row, walk.factors) {
                    let files: Vec<&FileInfo> = files.iter().collect();
                    walk.found("decimals", 1, row[0], || decimals::too_wide(file, &files));
                }
                walk.row(&row);
                rows += 1;
            }
        }
        if digest == file.digest {
            whole.push(file);
        } else {
            walk.findings.add("digest", 1, file.first_us, false, || {
                format!("the rows of {} are not those imported", file.path.display())
            });
        }
    }
    walk.forget();
    let check = Check {
        kind: id.kind,
        symbol: id.symbol,
        interval: id.interval.map(Interval::name),
        against: None,
        rows,
        findings: walk.findings.finish(),
    };
    Ok((check, whole))
}

impl Walk {
    /// Two files of one time are a note if they agree. Of a damaged one only the damage is told.
    fn overlap(&mut self, before: &FileInfo, file: &FileInfo, (from_us, to_us): (i64, i64)) {
        let detail = || format!("{} and {}", before.path.display(), file.path.display());
        match compare(before, file, from_us, to_us, i64::MIN) {
            Ok(Told::Alike(rows)) => {
                let detail = || format!("{rows} equal rows in {}", detail());
                self.findings.add("overlap", 1, file.first_us, true, detail);
            }
            Ok(Told::Unlike(difference)) => {
                let detail = || format!("{} contradict each other", detail());
                self.findings.add("contradiction", 1, difference.at_us, false, detail);
            }
            Err(_) => {}
        }
    }

    fn found(
        &mut self,
        what: &'static str,
        count: u64,
        at_us: i64,
        detail: impl FnOnce() -> String,
    ) {
        self.findings.add(what, count, at_us, false, detail);
    }

    fn noted(
        &mut self,
        what: &'static str,
        count: u64,
        at_us: i64,
        detail: impl FnOnce() -> String,
    ) {
        self.findings.add(what, count, at_us, true, detail);
    }

    /// What comes next does not follow what was.
    fn forget(&mut self) {
        self.previous = None;
        self.prints = [None; 2];
        self.last_close = None;
        self.book.forget(self.decimals, &mut self.findings);
    }

    fn row(&mut self, row: &Row) {
        if let Some(previous) = self.previous {
            self.step(&previous, row);
        }
        self.previous = Some(*row);
        let now = row[0];
        if let Some(local) = local_time(self.id.kind).map(|at| row[at])
            && local != 0
            && (local - now).abs() > LOCAL_TIME_US
        {
            let detail = || format!("recorded at {}, by the clock of the recorder", iso(local));
            self.found("local_time", 1, now, detail);
        }
        match self.id.kind.shape() {
            Shape::Bars => self.bar(row),
            Shape::Trades => self.print(row),
            Shape::Book => self.book.row(row, self.factors, self.decimals, &mut self.findings),
            Shape::Quotes if row[2] >= row[4] && row[3] > 0 && row[5] > 0 => {
                self.found("crossed", 1, now, || "the bid is not below the ask".into());
            }
            Shape::Rates => {
                let (rate, one) = (i128::from(row[1]) * self.factors[0], self.one());
                if rate.abs() * RATE_PART > one {
                    let rate = shown(rate, self.decimals.price);
                    self.found("rate", 1, now, || {
                        format!("a funding rate of {rate}, more than 5 %")
                    });
                }
            }
            Shape::Quotes | Shape::Marks | Shape::Samples => {}
        }
    }

    /// What 1 is in prices.
    fn one(&self) -> i128 {
        i128::from(pow10(self.decimals.price).unwrap_or(i64::MAX))
    }

    /// A high or a low that is far from both ends of its bar.
    fn spike(&mut self, row: &Row) {
        let [now, open, high, low, close, ..] = *row;
        let is_long = self.id.interval.is_some_and(|interval| i64::from(interval.ms()) >= DAY_MS);
        let factor = if is_long { LONG_SPIKE_FACTOR } else { SPIKE_FACTOR };
        let [open, high, low, close] =
            [open, high, low, close].map(|price| i128::from(price) * self.factors[0]);
        let is_high = high > factor * open.max(close);
        if low > 0 && (is_high || low * factor < open.min(close)) {
            let decimals = self.decimals.price;
            let (name, far) = if is_high { ("high", high) } else { ("low", low) };
            let [far, open, close] = [far, open, close].map(|price| shown(price, decimals));
            let detail = || format!("a {name} of {far} in a bar from {open} to {close}");
            self.found("spike", 1, now, detail);
        }
        self.last_close = Some((now, close));
    }

    /// A bar that opens far from where the one right before it closed.
    fn jump(&mut self, row: &Row, before: i64) {
        let open = i128::from(row[1]) * self.factors[0];
        let Some((_, close)) = self.last_close.filter(|(at, _)| *at == before) else { return };
        if open > SPIKE_FACTOR * close || open * SPIKE_FACTOR < close {
            let [open, close] = [open, close].map(|price| shown(price, self.decimals.price));
            let detail = || format!("opens at {open}, and the bar before closed at {close}");
            self.found("spike", 1, row[0], detail);
        }
    }

    fn bar(&mut self, row: &Row) {
        let [now, open, high, low, close, volume, ..] = *row;
        let below_zero = low <= 0 && self.id.kind != Kind::PremiumIndexKlines;
        if high < open.max(close) || low > open.min(close) || below_zero {
            self.found("ohlc", 1, now, || "the prices contradict each other".into());
        }
        if self.id.kind != Kind::PremiumIndexKlines {
            self.spike(row);
        }
        if self.id.kind == Kind::Klines && volume == 0 {
            self.noted("zero_volume", 1, now, || "a bar without trades".into());
        }
    }

    /// Looks at the trade before, now that both its neighbours are known: a price that leaps away from both,
    /// to the same side.
    fn print(&mut self, row: &Row) {
        let after = i128::from(row[2]) * self.factors[0];
        if let [Some(before), Some(print)] = self.prints {
            let leaps = |from: i128| (print - from) * LEAP_PART > from;
            let falls = |from: i128| (from - print) * LEAP_PART > from;
            if (leaps(before) && leaps(after)) || (falls(before) && falls(after)) {
                let decimals = self.decimals.price;
                let at_us = self.print_us;
                self.noted("leap", 1, at_us, || {
                    let [print, before, after] = [print, before, after].map(|p| shown(p, decimals));
                    format!("a price of {print} between {before} and {after}")
                });
            }
        }
        self.prints = [self.prints[1], Some(after)];
        self.print_us = row[0];
    }

    fn step(&mut self, previous: &Row, row: &Row) {
        let (before, now) = (previous[0], row[0]);
        let kind = self.id.kind;
        if repeats(kind, previous, row) {
            return self.found("duplicate", 1, now, || "the same row key twice".into());
        }
        if now < before {
            return self.found("disorder", 1, now, || format!("after {}", iso(before)));
        }
        if let Some(interval) = self.id.interval {
            if self.id.kind != Kind::PremiumIndexKlines && now == interval.closes(before) {
                self.jump(row, before);
            }
            return self.bar_step(before, now, interval);
        }
        match kind {
            Kind::AggTrades | Kind::Trades if row[1] < previous[1] => {
                let detail = || {
                    format!("trade id {} comes after id {} of {}", row[1], previous[1], iso(before))
                };
                self.found("disorder", 1, now, detail);
            }
            Kind::AggTrades | Kind::Trades => {
                let missing = u64::try_from(row[1] - previous[1] - 1).unwrap_or(0);
                if missing > 0 {
                    let detail = || format!("{missing} ids missing after id {}", previous[1]);
                    self.found("gap", missing, now, detail);
                }
            }
            Kind::Depth => {
                self.silence(before, now);
                self.message_step(previous, row);
            }
            Kind::FundingRate => {
                let stated = funding_hours(row);
                let hours = hour_of(now) - hour_of(before);
                if hours == 0 {
                    let detail = || format!("a second rate of the hour of {}", iso(before));
                    self.found("duplicate", 1, now, detail);
                }
                if hours > stated {
                    let missing = ((hours - 1) / stated) as u64;
                    self.found("gap", missing, now, || format!("{hours} h after {}", iso(before)));
                }
            }
            Kind::MarkPrice | Kind::BookTicker => self.silence(before, now),
            Kind::Metrics => self.sample_step(before, now, METRICS_US),
            Kind::BookDepth => self.sample_step(before, now, BOOK_DEPTH_US),
            _ => {}
        }
    }

    /// A short silence may be one of the market, a long one is none.
    fn silence(&mut self, before: i64, now: i64) {
        let silence = now - before;
        if silence_max_us(self.id.kind).is_none_or(|most| silence <= most) {
            return;
        }
        let detail = || format!("nothing for {} s after {}", silence / 1_000_000, iso(before));
        self.findings.add("gap", 1, now, silence <= QUIET_US, detail);
    }

    fn bar_step(&mut self, before: i64, now: i64, interval: Interval) {
        let steps = interval.count(before, now);
        if interval.later(before, steps) != now {
            let step = now - before;
            self.found("off_interval", 1, now, || format!("{step} us after the bar before"));
        } else if steps > 1 {
            let missing = (steps - 1) as u64;
            let detail = || format!("{missing} bars missing after {}", iso(before));
            self.found("gap", missing, interval.closes(before), detail);
        }
    }

    fn message_step(&mut self, previous: &Row, row: &Row) {
        let is_back = row[1] < previous[1];
        if !is_back && follows(previous, row) {
            return;
        }
        let detail = || format!("message {} after message {}", row[1], previous[1]);
        if is_back {
            self.found("disorder", 1, row[0], detail);
        } else {
            let detail =
                || format!("the message after id {} says that it follows {}", previous[1], row[2]);
            self.found("broken_chain", 1, row[0], detail);
        }
        self.book.forget(self.decimals, &mut self.findings);
    }

    /// Samples come somewhat early or late; one that is missing leaves more than half a step.
    fn sample_step(&mut self, before: i64, now: i64, step_us: i64) {
        let missing = (now - before + step_us / 2) / step_us - 1;
        if missing > 0 {
            let detail = || format!("{missing} missing after {}", iso(before));
            self.noted("gap", missing as u64, now, detail);
        }
    }
}
