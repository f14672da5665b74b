//! `/futures/data/…`: statistics of a symbol by period, from what the venue keeps.
//!
//! Open interest and ratios describe the accounts of this venue, for nobody says who else holds what. What they held
//! earlier follows from what they hold and from their trades since.

use engine::{AccountId, PositionSide, SymbolIndex};
use rust_decimal::Decimal;
use sim_exchange::wire::{
    BasisRow, LongShortRow, Money, Num, OpenInterestRow, TakerVolumeRow, VenueError,
};

use super::{Caller, Plan};
use crate::http::{Failure, Params};
use crate::market::interval::Interval;
use crate::market::klines::{Kline, Klines};
use crate::market::symbol::SymbolView;
use crate::shapes::json;
use crate::venue::Venue;

const PERIODS: [&str; 9] = ["5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d"];
const LIMIT: usize = 30;
const LIMIT_MAX: usize = 500;
/// One account of so many is a top trader.
const TOP_SHARE: usize = 5;

/// Which rows are wanted.
struct Wanted {
    period: Interval,
    limit: usize,
    from: Option<i64>,
    to: Option<i64>,
}

impl Wanted {
    fn read(params: &Params<'_>) -> Result<Wanted, Failure> {
        let wrong = |name: &str| Failure::from(VenueError::InvalidParameter.naming(&[&name]));
        let period = params.need("period")?;
        let known = PERIODS.contains(&period).then(|| Interval::parse(period)).flatten();
        let (from, to) = (params.int("startTime")?, params.int("endTime")?);
        if from.zip(to).is_some_and(|(from, to)| to < from) {
            return Err(wrong("endTime"));
        }
        Ok(Wanted {
            period: known.ok_or_else(|| wrong("period"))?,
            limit: params.limit(LIMIT, LIMIT_MAX)?,
            from,
            to,
        })
    }

    /// Rows at the times of `rows`, oldest first: from the start on where one is said, else the newest.
    fn of<T>(&self, rows: impl DoubleEndedIterator<Item = (i64, T)>) -> Vec<(i64, T)> {
        let within = |(time, _): &(i64, T)| {
            self.from.is_none_or(|from| *time >= from) && self.to.is_none_or(|to| *time <= to)
        };
        if self.from.is_some() {
            return rows.filter(within).take(self.limit).collect();
        }
        let mut newest: Vec<(i64, T)> = rows.rev().filter(within).take(self.limit).collect();
        newest.reverse();
        newest
    }

    /// The ends of the periods of which `klines` tell, each with its kline.
    fn ends(&self, klines: &Klines) -> Vec<(i64, Kline)> {
        let end = |kline: &Kline| self.period.next_open(kline.open_time);
        self.of(klines.closed(self.period).iter().map(|kline| (end(kline), *kline)))
    }
}

fn view<'v>(venue: &'v Venue, params: &Params<'_>, name: &str) -> Result<&'v SymbolView, Failure> {
    let found = venue.market().of_name(params.need(name)?);
    found.ok_or_else(|| VenueError::InvalidSymbol.into())
}

/// With four decimals, cut.
fn fixed(value: Decimal) -> Num {
    Num::cut(value, 4)
}

/// `a` over `b`; over nothing it is zero.
fn ratio(a: Decimal, b: Decimal) -> Num {
    fixed(a.checked_div(b).unwrap_or_default())
}

/// GET basis: at the end of each period.
pub(crate) fn basis(venue: &mut Venue, _: Caller, params: &Params<'_>) -> Result<Plan, Failure> {
    let view = view(venue, params, "pair")?;
    let wanted = Wanted::read(params)?;
    match params.need("contractType")? {
        "PERPETUAL" => {}
        // No dated contract is traded here.
        "CURRENT_QUARTER" | "NEXT_QUARTER" => return Ok(Plan::Reply(b"[]".to_vec())),
        _ => return Err(VenueError::InvalidParameter.naming(&[&"contractType"]).into()),
    }
    // Where the market tells no index, the mark stands in for it, as everywhere.
    let told = view.index_price.is_some();
    let indices = if told { &view.index_klines } else { &view.mark_klines };
    let indices = indices.closed(wanted.period);
    let row = |(timestamp, kline): (i64, Kline)| {
        let index = indices.iter().rev().find(|index| index.open_time == kline.open_time)?;
        let index = view.grid.price_value(index.close);
        let basis = view.grid.price_value(kline.close) - index;
        Some(BasisRow {
            index_price: Money::new(index),
            contract_type: "PERPETUAL".into(),
            basis_rate: ratio(basis, index),
            futures_price: view.grid.price(kline.close),
            annualized_basis_rate: "".into(),
            basis: Money::new(basis),
            pair: view.name.clone(),
            timestamp,
        })
    };
    let rows: Vec<BasisRow> = wanted.ends(&view.klines).into_iter().filter_map(row).collect();
    Ok(Plan::Reply(json(&rows)))
}

/// GET delivery-price: perpetual contracts are never delivered.
pub(crate) fn delivery_price(
    venue: &mut Venue,
    _: Caller,
    params: &Params<'_>,
) -> Result<Plan, Failure> {
    view(venue, params, "pair")?;
    Ok(Plan::Reply(b"[]".to_vec()))
}

/// GET takerlongshortRatio: of each period that is over, at its beginning.
pub(crate) fn taker_volume(
    venue: &mut Venue,
    _: Caller,
    params: &Params<'_>,
) -> Result<Plan, Failure> {
    let view = view(venue, params, "symbol")?;
    let wanted = Wanted::read(params)?;
    let klines = view.klines.closed(wanted.period).iter().map(|kline| (kline.open_time, *kline));
    let value = |lots: i64| Decimal::new(lots, view.grid.qty_decimals);
    let row = |(time, kline): (i64, Kline)| {
        let (buy, sell) = (kline.taker_buy, kline.volume - kline.taker_buy);
        TakerVolumeRow {
            buy_sell_ratio: ratio(value(buy), value(sell)),
            buy_vol: fixed(value(buy)),
            sell_vol: fixed(value(sell)),
            timestamp: time.to_string().into(),
        }
    };
    let rows: Vec<TakerVolumeRow> = wanted.of(klines).into_iter().map(row).collect();
    Ok(Plan::Reply(json(&rows)))
}

/// What an account held of a symbol at the end of a period, in lots: long, and short.
#[derive(Clone, Copy, Default)]
struct Held {
    long: i64,
    short: i64,
}

impl Held {
    fn of(sides: [i64; 3]) -> Held {
        sides.into_iter().fold(Held::default(), |held, lots| Held {
            long: held.long + lots.max(0),
            short: held.short - lots.min(0),
        })
    }
}

fn place(side: PositionSide) -> usize {
    match side {
        PositionSide::Both => 0,
        PositionSide::Long => 1,
        PositionSide::Short => 2,
    }
}

/// What each of these accounts held at each of these times, which rise.
fn held(
    venue: &Venue,
    symbol: SymbolIndex,
    accounts: &[AccountId],
    times: &[i64],
) -> Vec<Vec<Held>> {
    let of = |account: &AccountId| {
        let mut sides = [0; 3];
        let rows = venue.exchange().position_rows_of(*account);
        for row in rows.iter().filter(|row| row.symbol == symbol) {
            sides[place(row.position_side)] = row.position_amt.0;
        }
        let book = venue.books.get(usize::from(account.0));
        let trades = book.into_iter().flat_map(|book| book.trades.iter().rev());
        let mut trades = trades.filter(|kept| kept.symbol == symbol).peekable();
        // Backwards: what was traded after a time was not held then.
        let mut found: Vec<Held> = Vec::with_capacity(times.len());
        for time in times.iter().rev() {
            while let Some(kept) = trades.next_if(|kept| kept.fill.time.millis() > *time) {
                sides[place(kept.position_side)] -= kept.side.sign() * kept.fill.qty.0;
            }
            found.push(Held::of(sides));
        }
        found.reverse();
        found
    };
    accounts.iter().map(of).collect()
}

fn all_accounts(venue: &Venue) -> Vec<AccountId> {
    (0..venue.books.len()).map(|number| AccountId(number as u16)).collect()
}

/// The fifth of the accounts with the largest margin balance: at least one.
fn top_accounts(venue: &Venue) -> Vec<AccountId> {
    let mut accounts = all_accounts(venue);
    let balance = |account: &AccountId| {
        let assets = venue.exchange().assets_of(*account);
        assets.iter().map(|a| (a.wallet + a.unrealized) * a.rates.index).sum::<Decimal>()
    };
    accounts.sort_by_key(|account| (std::cmp::Reverse(balance(account)), account.0));
    accounts.truncate(accounts.len().div_ceil(TOP_SHARE));
    accounts
}

/// GET openInterestHist: what the venue's accounts held at the end of each period, at the mark of then.
pub(crate) fn open_interest(
    venue: &mut Venue,
    _: Caller,
    params: &Params<'_>,
) -> Result<Plan, Failure> {
    let venue = &*venue;
    let view = view(venue, params, "symbol")?;
    let ends = Wanted::read(params)?.ends(&view.mark_klines);
    let times: Vec<i64> = ends.iter().map(|(time, _)| *time).collect();
    let held = held(venue, view.index, &all_accounts(venue), &times);
    let row = |(at, (time, mark)): (usize, &(i64, Kline))| {
        let lots: i64 = held.iter().map(|account| account[at].long).sum();
        let held = Decimal::new(lots, view.grid.qty_decimals);
        OpenInterestRow {
            symbol: view.name.clone(),
            sum_open_interest: Money::new(held),
            sum_open_interest_value: Money::new(held * view.grid.price_value(mark.close)),
            // Nobody says it.
            circulating_supply: Num::ZERO,
            timestamp: time.to_string().into(),
        }
    };
    let rows: Vec<OpenInterestRow> = ends.iter().enumerate().map(row).collect();
    Ok(Plan::Reply(json(&rows)))
}

/// Shares of long and short at the end of each period at which somebody held something; `weigh` says what an account
/// adds to either.
fn ratios(
    venue: &Venue,
    params: &Params<'_>,
    accounts: &[AccountId],
    weigh: fn(Held) -> (i64, i64),
) -> Result<Plan, Failure> {
    let view = view(venue, params, "symbol")?;
    let ends = Wanted::read(params)?.ends(&view.mark_klines);
    let times: Vec<i64> = ends.iter().map(|(time, _)| *time).collect();
    let held = held(venue, view.index, accounts, &times);
    let row = |(at, time): (usize, &i64)| {
        let sum = |(long, short): (i64, i64), account: &Vec<Held>| {
            let own = weigh(account[at]);
            (long + own.0, short + own.1)
        };
        let (long, short) = held.iter().fold((0, 0), sum);
        let (long, short) = (Decimal::from(long), Decimal::from(short));
        let all = long + short;
        (!all.is_zero()).then(|| LongShortRow {
            symbol: view.name.clone(),
            long_short_ratio: ratio(long, short),
            long_account: ratio(long, all),
            short_account: ratio(short, all),
            timestamp: time.to_string().into(),
        })
    };
    let rows: Vec<LongShortRow> = times.iter().enumerate().filter_map(row).collect();
    Ok(Plan::Reply(json(&rows)))
}

/// An account counts on the side of which it held more.
fn by_account(held: Held) -> (i64, i64) {
    (i64::from(held.long > held.short), i64::from(held.short > held.long))
}

/// GET globalLongShortAccountRatio.
pub(crate) fn accounts(venue: &mut Venue, _: Caller, params: &Params<'_>) -> Result<Plan, Failure> {
    let all = all_accounts(venue);
    ratios(venue, params, &all, by_account)
}

/// GET topLongShortAccountRatio.
pub(crate) fn top_by_account(
    venue: &mut Venue,
    _: Caller,
    params: &Params<'_>,
) -> Result<Plan, Failure> {
    let top = top_accounts(venue);
    ratios(venue, params, &top, by_account)
}

/// GET topLongShortPositionRatio.
pub(crate) fn top_by_position(
    venue: &mut Venue,
    _: Caller,
    params: &Params<'_>,
) -> Result<Plan, Failure> {
    let top = top_accounts(venue);
    ratios(venue, params, &top, |held| (held.long, held.short))
}
