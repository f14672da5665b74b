//! What a series tells of each interval of some length: as its bars say, or added up from shorter bars or
//! from trades. An interval of which anything may be missing is left out.

use super::entries::{Entries, Entry};
use crate::DataError;
use crate::interval::{Interval, month_of, month_opens};

/// One interval.
#[derive(Clone, Copy)]
pub(super) struct Bar {
    pub open_us: i64,
    /// Open, high, low, close; nothing if nothing was traded.
    pub prices: Option<[i128; 4]>,
    pub volume: i128,
}

impl Bar {
    fn empty(open_us: i64) -> Bar {
        Bar { open_us, prices: None, volume: 0 }
    }

    fn add(&mut self, entry: &Entry) {
        self.volume = self.volume.saturating_add(entry.qty);
        let [_, high, low, close] = entry.prices;
        self.prices = Some(match self.prices {
            None => entry.prices,
            Some([first, top, bottom, _]) => [first, top.max(high), bottom.min(low), close],
        });
    }
}

/// Where intervals begin, and how long they are.
#[derive(Clone, Copy)]
pub(super) struct Grid {
    /// Of months, whose length is their own.
    pub month: Option<Interval>,
    pub length_us: i64,
    /// The beginning of any of them: those of a week begin on Mondays.
    pub origin_us: i64,
}

impl Grid {
    fn begin(&self, us: i64) -> i64 {
        if self.month.is_some() {
            return month_opens(month_of(us));
        }
        us - (us - self.origin_us).rem_euclid(self.length_us)
    }

    /// When the interval ends that begins at `us`.
    fn end(&self, us: i64) -> i64 {
        self.month.map_or(us + self.length_us, |interval| interval.closes(us))
    }
}

/// The intervals of a series, in order of time.
pub(super) enum Intervals<'a> {
    /// Bars as they are; `true` if one without volume is one without trades.
    Bars(Entries<'a>, bool),
    Shorter(Shorter<'a>),
    Trades(Box<Trades<'a>>),
}

impl Intervals<'_> {
    pub fn next(&mut self) -> Result<Option<Bar>, DataError> {
        match self {
            Intervals::Bars(rows, has_volume) => {
                let whole = |entry: Entry| Bar {
                    open_us: entry.us,
                    prices: (entry.qty != 0 || !*has_volume).then_some(entry.prices),
                    volume: entry.qty,
                };
                Ok(rows.next()?.map(whole))
            }
            Intervals::Shorter(shorter) => shorter.next(),
            Intervals::Trades(trades) => trades.next(),
        }
    }
}

/// Intervals of shorter bars, of which all have to be there.
pub(super) struct Shorter<'a> {
    pub rows: Entries<'a>,
    pub grid: Grid,
    /// Of the bars that are read.
    pub step_us: i64,
    /// Whether they tell a volume: then one without is one without trades, and its prices are those of
    /// the bar before.
    pub has_volume: bool,
}

impl Shorter<'_> {
    fn next(&mut self) -> Result<Option<Bar>, DataError> {
        let (mut bar, mut count, mut parts) = (Bar::empty(i64::MIN), 0, 0);
        while let Some(entry) = self.rows.next()? {
            let begin = self.grid.begin(entry.us);
            if begin != bar.open_us {
                (bar, count) = (Bar::empty(begin), 0);
                parts = (self.grid.end(begin) - begin) / self.step_us;
            }
            count += 1;
            if !self.has_volume || entry.qty != 0 {
                bar.add(&entry);
            }
            // The times of bars ascend: with as many there is one for each place.
            if count == parts {
                return Ok(Some(bar));
            }
        }
        Ok(None)
    }
}

/// Intervals of trades, whose ids show that none is missing between the last before an interval and the first
/// after it. Hence the first and the last interval of a tape are left out.
pub(super) struct Trades<'a> {
    rows: Entries<'a>,
    grid: Grid,
    last_id: Option<i64>,
    bar: Bar,
    is_whole: bool,
    /// Read, but of a later interval: what comes before it goes out first.
    ahead: Option<Entry>,
}

impl<'a> Trades<'a> {
    pub fn new(rows: Entries<'a>, grid: Grid) -> Trades<'a> {
        let bar = Bar::empty(i64::MIN);
        Trades { rows, grid, last_id: None, bar, is_whole: false, ahead: None }
    }

    fn next(&mut self) -> Result<Option<Bar>, DataError> {
        loop {
            let entry = match self.ahead.take() {
                Some(entry) => entry,
                None => match self.rows.next()? {
                    Some(entry) => entry,
                    None => return Ok(None),
                },
            };
            let begin = self.grid.begin(entry.us);
            if begin > self.bar.open_us && self.last_id.is_some_and(|id| id + 1 == entry.id) {
                let (bar, is_whole) = (self.bar, self.is_whole);
                // The next interval, be it that of this trade or one without any.
                self.bar = Bar::empty(self.grid.end(bar.open_us));
                self.is_whole = true;
                self.ahead = Some(entry);
                if is_whole {
                    return Ok(Some(bar));
                }
                continue;
            }
            let follows = self.last_id.is_some_and(|id| id + 1 == entry.id);
            if begin != self.bar.open_us && !follows {
                self.bar = Bar::empty(begin);
            }
            // With a hole before this trade, or a time that goes back, the interval is not known.
            self.is_whole &= follows && begin == self.bar.open_us;
            self.bar.add(&entry);
            self.last_id = Some(entry.id);
        }
    }
}
