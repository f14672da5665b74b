//! What a run earned, and what two runs differ by, order by order. Exact: sums of whole ticks and lots, and money of at
//! most twelve decimals.

use std::collections::{BTreeMap, BTreeSet};

use engine::{Nanos, Side};
use rust_decimal::{Decimal, RoundingStrategy};

use super::own::{OrderKey, Own, OwnFill, Payment};
use super::report::{OrderDifference, Unattributed};
use super::script::{LiveSession, nearest_hour};

const HOUR: i64 = 3_600_000_000_000;

/// Fills by order, oldest first.
pub(crate) type ByOrder = BTreeMap<OrderKey, Vec<OwnFill>>;

/// Of an order, or of many: commissions above zero when paid.
pub(crate) type Fees = BTreeMap<OrderKey, Decimal>;

/// A run or a session, for the comparison.
pub(crate) struct Told {
    pub(crate) fills: ByOrder,
    pub(crate) payments: Vec<Payment>,
}

impl Told {
    pub(crate) fn of(own: &Own) -> Told {
        let mut fills = ByOrder::new();
        for fill in own.fills() {
            fills.entry(fill.order.clone()).or_default().push(fill);
        }
        Told { fills, payments: own.payments.clone() }
    }

    /// The commissions that were charged.
    pub(crate) fn fees(&self) -> Fees {
        let sum = |fills: &Vec<OwnFill>| fills.iter().map(|fill| fill.commission).sum();
        self.fills.iter().map(|(order, fills)| (order.clone(), sum(fills))).collect()
    }

    /// All payments of funding.
    pub(crate) fn funding(&self) -> Decimal {
        self.payments.iter().map(|payment| payment.amount).sum()
    }

    fn by_hour(&self) -> BTreeMap<i64, Decimal> {
        let mut hours = BTreeMap::new();
        for payment in &self.payments {
            *hours.entry(nearest_hour(payment.time)).or_default() += payment.amount;
        }
        hours
    }

    /// What was traded of a symbol before `time`, signed lots.
    fn traded(&self, symbol: usize, time: Nanos) -> i64 {
        let fills = self.fills.iter().filter(|((of, _), _)| *of == symbol).flat_map(|(_, f)| f);
        fills.filter(|fill| fill.time < time).map(|fill| fill.side.sign() * fill.qty).sum()
    }
}

/// What a position of this notional receives: above a rate of zero a long one pays.
fn funding_payment(notional: Decimal, rate: Decimal) -> Decimal {
    -cut8(notional * rate)
}

/// Grids and last marks of a session.
pub(crate) struct Worth {
    /// Decimals of price × quantity.
    scales: Vec<u32>,
    qty_decimals: Vec<u32>,
    last: Vec<i64>,
    /// Held at the beginning, signed lots.
    held: Vec<i64>,
    names: Vec<String>,
}

/// Cut as the venue cuts.
fn cut8(money: Decimal) -> Decimal {
    money.round_dp_with_strategy(8, RoundingStrategy::ToZero)
}

impl Worth {
    /// Of a session; where its market told no price of a symbol, that of the last own fill.
    pub(crate) fn new(session: &LiveSession, live: &Told) -> Worth {
        let instruments = &session.header.instruments;
        let last_fill = |symbol: usize| {
            let fills = live.fills.iter().filter(|((of, _), _)| *of == symbol).flat_map(|(_, f)| f);
            fills.max_by_key(|fill| fill.time).map(|fill| fill.price)
        };
        let held = |symbol: &engine::Symbol, decimals: u32| -> i64 {
            let positions = session.scenario.account.positions.iter();
            let lots = |amt: Decimal| {
                let scaled = amt * Decimal::from(10i64.pow(decimals.min(12)));
                i64::try_from(scaled.trunc()).unwrap_or(0)
            };
            positions.filter(|held| held.symbol == *symbol).map(|held| lots(held.amt)).sum()
        };
        let last = session.market.last.iter().enumerate();
        Worth {
            scales: instruments.iter().map(|i| i.price_decimals + i.qty_decimals).collect(),
            qty_decimals: instruments.iter().map(|i| i.qty_decimals).collect(),
            last: last.map(|(n, price)| price.or_else(|| last_fill(n)).unwrap_or(0)).collect(),
            held: instruments.iter().map(|i| held(&i.symbol, i.qty_decimals)).collect(),
            names: instruments.iter().map(|i| i.symbol.to_string()).collect(),
        }
    }

    fn money(&self, symbol: usize, units: i128) -> Decimal {
        let scale = self.scales.get(symbol).copied().unwrap_or(0);
        // 28 digits are more than the notional of any account that the exchange admits.
        Decimal::try_from_i128_with_scale(units, scale).unwrap_or_default()
    }

    fn last(&self, symbol: usize) -> i128 {
        i128::from(self.last.get(symbol).copied().unwrap_or(0))
    }

    fn lots(&self, symbol: usize, lots: i64) -> Decimal {
        Decimal::new(lots, self.qty_decimals.get(symbol).copied().unwrap_or(0))
    }

    pub(crate) fn notional(&self, fill: &OwnFill) -> Decimal {
        self.money(fill.order.0, i128::from(fill.price) * i128::from(fill.qty))
    }

    /// What fills earned by the last mark, before commission.
    fn gain(&self, symbol: usize, fills: &[Part]) -> Decimal {
        let last = self.last(symbol);
        let one =
            |part: &Part| i128::from(part.side.sign() * part.qty) * (last - i128::from(part.price));
        self.money(symbol, fills.iter().map(one).sum())
    }

    /// What all fills earned by the last mark, before commission: realised profit, and the worth of what is open.
    pub(crate) fn gross(&self, told: &Told) -> Decimal {
        let of = |(order, fills): (&OrderKey, &Vec<OwnFill>)| {
            self.gain(order.0, &parts(fills, i64::MAX).0)
        };
        told.fills.iter().map(of).sum()
    }
}

/// A piece of a fill.
#[derive(Clone, Copy)]
struct Part {
    side: Side,
    price: i64,
    qty: i64,
}

/// The first `qty` lots of an order's fills, and the rest.
fn parts(fills: &[OwnFill], qty: i64) -> (Vec<Part>, Vec<Part>) {
    let (mut first, mut rest, mut left) = (Vec::new(), Vec::new(), qty);
    for fill in fills {
        let part = |qty| Part { side: fill.side, price: fill.price, qty };
        let here = fill.qty.min(left);
        left -= here;
        first.extend((here > 0).then(|| part(here)));
        rest.extend((fill.qty > here).then(|| part(fill.qty - here)));
    }
    (first, rest)
}

/// Commission over notional of all fills that rested, or that took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PaidRate {
    pub(crate) fills: u64,
    pub(crate) commission: Decimal,
    pub(crate) notional: Decimal,
    /// The rate that explains every single commission, if one does.
    pub(crate) exact: Option<Decimal>,
    /// Of the fill that paid least, and of that which paid most.
    pub(crate) bounds: Option<(Decimal, Decimal)>,
}

impl PaidRate {
    /// What was paid by those who rested (`maker`), or who took.
    pub(crate) fn of(worth: &Worth, told: &Told, maker: bool) -> PaidRate {
        let fills = || told.fills.values().flatten().filter(|fill| fill.maker == maker);
        let mut rate = PaidRate::default();
        for fill in fills() {
            rate.fills += 1;
            rate.commission += fill.commission;
            let money = worth.notional(fill);
            rate.notional += money;
            if money > Decimal::ZERO {
                let own = fill.commission / money;
                let (low, high) = rate.bounds.unwrap_or((own, own));
                rate.bounds = Some((low.min(own), high.max(own)));
            }
        }
        if rate.notional > Decimal::ZERO {
            let round = (rate.commission / rate.notional).round_dp(6);
            // Venues cut or round at eight decimals.
            let fits = |fill: &OwnFill| {
                (worth.notional(fill) * round - fill.commission).abs() <= Decimal::new(1, 8)
            };
            rate.exact = fills().all(fits).then_some(round);
        }
        rate
    }

    /// As a fraction of the notional.
    pub(crate) fn rate(&self) -> Option<Decimal> {
        let ratio = || (self.notional > Decimal::ZERO).then(|| self.commission / self.notional);
        self.exact.or_else(ratio)
    }
}

/// The commissions of a run at the rates that the session paid: its own for an order that filled for the same money, the
/// session's rate for what else rested or took, and those of the file where the session shows none.
pub(crate) fn fees_as_paid(worth: &Worth, live: &Told, simulated: &Told) -> Fees {
    let rates = [false, true].map(|maker| PaidRate::of(worth, live, maker).rate());
    let sums = |fills: Option<&Vec<OwnFill>>, maker: bool| {
        let fills = fills.into_iter().flatten().filter(move |fill| fill.maker == maker);
        fills.fold((Decimal::ZERO, Decimal::ZERO), |(paid, money), fill| {
            (paid + fill.commission, money + worth.notional(fill))
        })
    };
    let of = |order: &OrderKey, fills: &Vec<OwnFill>| -> Decimal {
        let pays = |maker: bool| {
            let (paid, money) = sums(live.fills.get(order), maker);
            let (own, own_money) = sums(Some(fills), maker);
            if own_money == money {
                return paid;
            }
            let Some(rate) = rates[usize::from(maker)] else { return own };
            let fills = fills.iter().filter(|fill| fill.maker == maker);
            fills.map(|fill| cut8(worth.notional(fill) * rate)).sum()
        };
        pays(false) + pays(true)
    };
    simulated.fills.iter().map(|(order, fills)| (order.clone(), of(order, fills))).collect()
}

/// What funding the positions of a run would have paid or got as it was really settled: the session's own amounts, and,
/// where the positions of the two differ, the difference at the rate of the settlement.
pub(crate) fn funding_as_settled(
    session: &LiveSession,
    worth: &Worth,
    live: &Told,
    simulated: &Told,
    notes: &mut Vec<String>,
) -> Decimal {
    let (paid, own) = (live.by_hour(), simulated.by_hour());
    let rated = session.market.rates.keys().map(|(hour, _)| *hour);
    let hours: BTreeSet<i64> = paid.keys().chain(own.keys()).copied().chain(rated).collect();
    let mut total = Decimal::ZERO;
    for hour in hours {
        let time = Nanos(hour.saturating_mul(HOUR));
        if time <= session.header.start {
            continue;
        }
        let amount = paid.get(&hour).copied();
        let symbols = 0..worth.scales.len();
        let pairs: Vec<(usize, i64, i64)> = symbols
            .map(|s| {
                let held = |told: &Told| worth.held[s] + told.traded(s, time);
                (s, held(live), held(simulated))
            })
            .collect();
        total += amount.unwrap_or_default();
        for &(symbol, ours, theirs) in pairs.iter().filter(|(_, ours, theirs)| ours != theirs) {
            let name = &worth.names[symbol];
            let Some(mark) = mark_at(session, hour, symbol) else { continue };
            let money = |lots: i64| worth.money(symbol, i128::from(mark) * i128::from(lots));
            let told = session.market.rates.get(&(hour, symbol)).map(|rate| Decimal::new(*rate, 8));
            // With one position alone the payment tells the rate.
            let alone = pairs.iter().all(|(s, ours, _)| *s == symbol || *ours == 0) && ours != 0;
            let implied = || amount.filter(|_| alone).map(|amount| -amount / money(ours));
            match told.or_else(implied) {
                Some(rate) => {
                    total += funding_payment(money(theirs), rate);
                    total -= funding_payment(money(ours), rate);
                }
                None if pairs.iter().all(|(_, ours, _)| *ours == 0) => {
                    // Nobody paid: only the file says what this position would have paid.
                    total += own.get(&hour).copied().unwrap_or_default();
                    break;
                }
                None => notes.push(format!(
                    "funding at {time}: nothing tells the rate of {name}; the different positions are not valued"
                )),
            }
        }
    }
    total
}

fn mark_at(session: &LiveSession, hour: i64, symbol: usize) -> Option<i64> {
    let mut marks = session.market.marks.range(..=(hour, usize::MAX)).rev();
    marks.find(|((_, of), _)| *of == symbol).map(|(_, mark)| *mark)
}

/// What is left between a run at the session's own fees and funding, and the session.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    pub(crate) fills: Decimal,
    pub(crate) slippage: Decimal,
    pub(crate) orders: Vec<OrderDifference>,
    pub(crate) unattributed: Vec<Unattributed>,
}

/// Splits it by order: what filled in one and not in the other is `fills`, the same quantity at another price is
/// `slippage`. The commission of a difference goes with it.
pub(crate) fn rest(
    session: &LiveSession,
    worth: &Worth,
    live: &Told,
    simulated: &Told,
    fees: &Fees,
) -> Rest {
    let mut rest = Rest::default();
    let paid = live.fees();
    let none = Vec::new();
    let keys: BTreeSet<&OrderKey> = live.fills.keys().chain(simulated.fills.keys()).collect();
    for key in keys {
        let (symbol, order) = (key.0, key.1.to_string());
        let [ours, theirs] = [live, simulated].map(|told| told.fills.get(key).unwrap_or(&none));
        let [qty, other] = [ours, theirs].map(|fills| fills.iter().map(|f| f.qty).sum::<i64>());
        let same = qty.min(other);
        let (our_same, our_more) = parts(ours, same);
        let (their_same, their_more) = parts(theirs, same);
        let mut slippage = worth.gain(symbol, &our_same) - worth.gain(symbol, &their_same);
        let mut fills = worth.gain(symbol, &our_more) - worth.gain(symbol, &their_more);
        let fee = |of: &Fees| of.get(key).copied().unwrap_or_default();
        let commission = fee(fees) - fee(&paid);
        *(if qty == other { &mut slippage } else { &mut fills }) += commission;
        let all = fills + slippage;
        let why = if !session.orders.contains(key) {
            Some("this session did not make it: it was made by hand, or by the venue")
        } else if session.doubtful.contains(key) && ours.is_empty() {
            Some("nobody knows what became of its request, and the simulation fills it")
        } else {
            None
        };
        let symbol_name = worth.names.get(symbol).cloned().unwrap_or_default();
        if let Some(why) = why {
            let what = format!("order {order} of {symbol_name}");
            rest.unattributed.push(Unattributed { what, why: why.to_owned(), amount: all });
            continue;
        }
        rest.fills += fills;
        rest.slippage += slippage;
        if qty != other || !all.is_zero() {
            rest.orders.push(OrderDifference {
                order,
                symbol: symbol_name,
                live_qty: worth.lots(symbol, qty).normalize(),
                simulated_qty: worth.lots(symbol, other).normalize(),
                fills: fills.normalize(),
                slippage: slippage.normalize(),
            });
        }
    }
    rest.orders.sort_by_key(|one| std::cmp::Reverse((one.fills + one.slippage).abs()));
    rest
}
