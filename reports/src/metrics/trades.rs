//! Metrics of closed trades: of all of them, by symbol, and by reason of exit.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::catalogue::metrics;
use super::input::{DAY_NS, InputError, Side, Trade, Wanted, check, elapsed_ns};
use super::money::{Total, net, to_f64};
use super::sums::{Sum, finite, mean, median, ratio};

metrics! {
    /// Metrics of closed trades. A trade's net PnL is what it changed the wallet by: realised PnL - fees +
    /// funding. A trade with a net PnL above zero is won, with one below zero lost, with zero neither.
    TradeMetrics {
        /// How many trades.
        trades: u64 {
            unit: Count, better: Neither,
            formula: "number of trades",
            source: "own definition",
        }
        /// Net PnL of all trades.
        net_pnl: Decimal {
            unit: Usdt, better: Higher,
            formula: "sum of (realised PnL - fees + funding)",
            source: "own definition",
        }
        /// Net PnL of the trades that were won.
        gross_profit: Decimal {
            unit: Usdt, better: Higher,
            formula: "sum of max(0, net PnL)",
            source: "Kaufman (2013), Trading Systems and Methods, 5th ed.",
        }
        /// Net PnL of the trades that were lost, as a number above zero.
        gross_loss: Decimal {
            unit: Usdt, better: Lower,
            formula: "sum of max(0, -net PnL)",
            source: "Kaufman (2013), Trading Systems and Methods, 5th ed.",
        }
        /// Fees of the trades; a rebate is negative.
        fees: Decimal {
            unit: Usdt, better: Lower,
            formula: "sum of the trades' fees",
            source: "own definition",
        }
        /// Funding that the trades got; what they paid is negative.
        funding: Decimal {
            unit: Usdt, better: Higher,
            formula: "sum of the trades' funding",
            source: "own definition",
        }
        /// What the fills cost against the prices at which they were decided; part of the realised PnL.
        slippage: Decimal {
            unit: Usdt, better: Lower,
            formula: "sum of the trades' slippage",
            source: "Perold (1988), The Implementation Shortfall, Journal of Portfolio Management 14",
        }
        /// Share of the trades that were won.
        hit_rate: Option<f64> {
            unit: Fraction, better: Higher,
            formula: "won trades / trades",
            source: "Kaufman (2013), Trading Systems and Methods, 5th ed.",
        }
        /// Mean win over mean loss.
        payoff_ratio: Option<f64> {
            unit: Ratio, better: Higher,
            formula: "(gross_profit / won trades) / (gross_loss / lost trades)",
            source: "Kaufman (2013), Trading Systems and Methods, 5th ed.",
        }
        /// What was won over what was lost.
        profit_factor: Option<f64> {
            unit: Ratio, better: Higher,
            formula: "gross_profit / gross_loss",
            source: "Kaufman (2013), Trading Systems and Methods, 5th ed.",
        }
        /// Mean net PnL of a trade.
        expectancy: Option<f64> {
            unit: Usdt, better: Higher,
            formula: "net_pnl / trades",
            source: "Tharp (1998), Trade Your Way to Financial Freedom",
        }
        /// Mean net PnL of a trade in units of its risk when it was opened; of the trades that began with a stop.
        expectancy_r: Option<f64> {
            unit: R, better: Higher,
            formula: "mean of net PnL / (|entry price - initial stop| * quantity)",
            source: "Tharp (1998), Trade Your Way to Financial Freedom",
        }
        /// Mean of the trades' maximum adverse excursion: how far the price went against them.
        mae_mean: Option<f64> {
            unit: Fraction, better: Lower,
            formula: "mean of max(0, entry - lowest) / entry; of shorts max(0, highest - entry) / entry",
            source: "Sweeney (1996), Maximum Adverse Excursion",
        }
        /// Mean of the trades' maximum favourable excursion: how far the price went their way.
        mfe_mean: Option<f64> {
            unit: Fraction, better: Higher,
            formula: "mean of max(0, highest - entry) / entry; of shorts max(0, entry - lowest) / entry",
            source: "Sweeney (1996), Maximum Adverse Excursion",
        }
        /// Mean time from entry to exit.
        time_in_trade_hours_mean: Option<f64> {
            unit: Hours, better: Neither,
            formula: "mean of (T_exit - T_entry)",
            source: "own definition",
        }
        /// Median time from entry to exit.
        time_in_trade_hours_median: Option<f64> {
            unit: Hours, better: Neither,
            formula: "median of (T_exit - T_entry); of an even number the mean of the middle two",
            source: "own definition",
        }
        /// Mean leverage that the trades' symbols were set to.
        set_leverage_mean: Option<f64> {
            unit: Ratio, better: Neither,
            formula: "mean of the trades' leverage",
            source: "own definition",
        }
        /// Highest leverage that a trade's symbol was set to.
        set_leverage_max: Option<f64> {
            unit: Ratio, better: Neither,
            formula: "max of the trades' leverage",
            source: "own definition",
        }
        /// How many trades the venue closed for want of margin.
        liquidations: u64 {
            unit: Count, better: Lower,
            formula: "number of liquidated trades",
            source: "own definition",
        }
        /// Most trades that were lost one after the other, by time of exit.
        longest_losing_streak: u64 {
            unit: Count, better: Lower,
            formula: "longest run of net PnL < 0; any other trade ends it",
            source: "Kaufman (2013), Trading Systems and Methods, 5th ed.",
        }
    }
}

/// What one trade comes to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TradeFigures {
    /// Realised PnL - fees + funding, in USDT.
    pub net_pnl_usdt: Decimal,
    /// Net PnL over the risk when it was opened, `|entry - stop| * quantity`; `None` without a stop, and
    /// if the stop was not on the losing side of the entry.
    pub r_multiple: Option<f64>,
    /// Maximum adverse excursion: a share of the entry price, 0 or more.
    pub mae: f64,
    /// Maximum favourable excursion: a share of the entry price, 0 or more.
    pub mfe: f64,
    /// From entry to exit, in hours.
    pub hours: f64,
}

/// What each trade comes to, in their order.
///
/// # Errors
/// [`InputError`] for a trade that means nothing, and for sums beyond what can be counted.
pub fn trade_figures(trades: &[Trade<'_>]) -> Result<Vec<TradeFigures>, InputError> {
    let mut figures = Vec::with_capacity(trades.len());
    for (at, trade) in trades.iter().enumerate() {
        figures.push(figures_of(at, trade)?);
    }
    Ok(figures)
}

fn figures_of(at: usize, trade: &Trade<'_>) -> Result<TradeFigures, InputError> {
    trade.check(at)?;
    let entry = trade.entry_price;
    let (above, below) = (trade.highest_price - entry, entry - trade.lowest_price);
    let (against, with, risk) = match trade.side {
        Side::Long => (below, above, trade.initial_stop_price.map(|stop| entry - stop)),
        Side::Short => (above, below, trade.initial_stop_price.map(|stop| stop - entry)),
    };
    let booked = [trade.realised_pnl_usdt, trade.funding_usdt];
    let net_pnl_usdt = net("net PnL", &booked, trade.fees_usdt)?;
    let risk = risk.filter(|risk| *risk > 0.0).and_then(|risk| finite(risk * trade.qty));
    let (mae, mfe) = (against.max(0.0) / entry, with.max(0.0) / entry);
    check("trade", at, "adverse excursion", mae, Wanted::Finite)?;
    check("trade", at, "favourable excursion", mfe, Wanted::Finite)?;
    Ok(TradeFigures {
        net_pnl_usdt,
        r_multiple: risk.and_then(|risk| ratio(to_f64(net_pnl_usdt), risk)),
        mae,
        mfe,
        hours: elapsed_ns(trade.entry_time_ns, trade.exit_time_ns) * 24.0 / DAY_NS as f64,
    })
}

impl Trade<'_> {
    /// Refuses what means nothing.
    fn check(&self, at: usize) -> Result<(), InputError> {
        let fields = [
            ("qty", self.qty),
            ("entry_price", self.entry_price),
            ("exit_price", self.exit_price),
            ("highest_price", self.highest_price),
            ("lowest_price", self.lowest_price),
            ("leverage", self.leverage),
            // A price like any other, if there is one.
            ("initial_stop_price", self.initial_stop_price.unwrap_or(1.0)),
        ];
        for (field, value) in fields {
            check("trade", at, field, value, Wanted::Positive)?;
        }
        let refused = |field, value: f64, wanted| {
            Err(InputError::Value { series: "trade", field, at, value, wanted })
        };
        if self.exit_time_ns < self.entry_time_ns {
            return refused("exit_time_ns", self.exit_time_ns as f64, "a time after the entry");
        }
        if self.highest_price < self.lowest_price {
            return refused("highest_price", self.highest_price, "a price above the lowest");
        }
        Ok(())
    }
}

/// Metrics of trades: all, and grouped.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GroupedTrades {
    /// Of all trades.
    pub all: TradeMetrics,
    /// Of each symbol, in the order of their names.
    pub by_symbol: BTreeMap<String, TradeMetrics>,
    /// Of each reason of exit, in the order of their names.
    pub by_exit_reason: BTreeMap<String, TradeMetrics>,
}

/// Metrics of trades. The order in which they are given decides nothing: they are taken by time of exit.
/// Ratios and means are `None` where there is nothing to divide by.
///
/// # Errors
/// [`InputError`] for a trade that means nothing, and for sums beyond what can be counted.
pub fn trade_metrics(trades: &[Trade<'_>]) -> Result<GroupedTrades, InputError> {
    let figures = trade_figures(trades)?;
    let mut all = Tally::default();
    let mut by_symbol: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut by_exit_reason: BTreeMap<&str, Tally> = BTreeMap::new();
    // Each trade is looked at once: to fetch it from memory again for each group takes longer than to add.
    for at in by_exit(trades, &figures) {
        let (trade, figures) = (&trades[at], &figures[at]);
        all.add(trade, figures)?;
        by_symbol.entry(trade.symbol).or_default().add(trade, figures)?;
        by_exit_reason.entry(trade.exit_reason).or_default().add(trade, figures)?;
    }
    let named = |groups: BTreeMap<&str, Tally>| {
        let metrics = |(name, tally): (&str, Tally)| Ok((name.to_owned(), tally.metrics()?));
        groups.into_iter().map(metrics).collect::<Result<_, InputError>>()
    };
    Ok(GroupedTrades {
        all: all.metrics()?,
        by_symbol: named(by_symbol)?,
        by_exit_reason: named(by_exit_reason)?,
    })
}

/// The places of the trades by time of exit. Ties are broken by all that a metric looks at, so that trades
/// which still tie are the same to all of them.
fn by_exit(trades: &[Trade<'_>], figures: &[TradeFigures]) -> Vec<usize> {
    // Times stand beside the places: to fetch them from the trades would cost most of the sorting.
    let times = |(at, trade): (usize, &Trade<'_>)| (trade.exit_time_ns, trade.entry_time_ns, at);
    let mut timed: Vec<(i64, i64, usize)> = trades.iter().enumerate().map(times).collect();
    timed.sort_by(|a, b| {
        let rows = |at: usize| (&trades[at], &figures[at]);
        (a.0, a.1).cmp(&(b.0, b.1)).then_with(|| tie(rows(a.2), rows(b.2)))
    });
    timed.into_iter().map(|(_, _, at)| at).collect()
}

fn tie(a: (&Trade<'_>, &TradeFigures), b: (&Trade<'_>, &TradeFigures)) -> Ordering {
    let floats = |(trade, figures): (&Trade<'_>, &TradeFigures)| {
        [figures.mae, figures.mfe, figures.r_multiple.unwrap_or(f64::NAN), trade.leverage]
    };
    let names = (a.0.symbol, a.0.exit_reason).cmp(&(b.0.symbol, b.0.exit_reason));
    let first = names.then_with(|| a.1.net_pnl_usdt.cmp(&b.1.net_pnl_usdt));
    let pairs = floats(a).into_iter().zip(floats(b));
    pairs.fold(first, |tie, (a, b)| tie.then(a.total_cmp(&b)))
}

/// Sums over a group of trades, which come in the order of their exits.
#[derive(Default)]
struct Tally {
    profit: Total,
    loss: Total,
    fees: Total,
    funding: Total,
    slippage: Total,
    won: u64,
    lost: u64,
    liquidations: u64,
    losing_streak: u64,
    longest_losing_streak: u64,
    mae: Sum,
    mfe: Sum,
    leverage: Sum,
    leverage_max: Option<f64>,
    r_multiples: Sum,
    with_r: u64,
    hours: Vec<f64>,
}

impl Tally {
    fn add(&mut self, trade: &Trade<'_>, figures: &TradeFigures) -> Result<(), InputError> {
        let net_pnl = figures.net_pnl_usdt;
        self.losing_streak = if net_pnl < Decimal::ZERO { self.losing_streak + 1 } else { 0 };
        self.longest_losing_streak = self.longest_losing_streak.max(self.losing_streak);
        if net_pnl > Decimal::ZERO {
            self.won += 1;
            self.profit.add("net PnL", net_pnl)?;
        } else if net_pnl < Decimal::ZERO {
            self.lost += 1;
            self.loss.add("net PnL", -net_pnl)?;
        }
        self.fees.add("fees", trade.fees_usdt)?;
        self.funding.add("funding", trade.funding_usdt)?;
        self.slippage.add("slippage", trade.slippage_usdt)?;
        self.liquidations += u64::from(trade.liquidated);
        self.mae.add(figures.mae);
        self.mfe.add(figures.mfe);
        self.leverage.add(trade.leverage);
        self.leverage_max =
            Some(self.leverage_max.map_or(trade.leverage, |max| max.max(trade.leverage)));
        if let Some(r) = figures.r_multiple {
            self.r_multiples.add(r);
            self.with_r += 1;
        }
        self.hours.push(figures.hours);
        Ok(())
    }

    fn metrics(mut self) -> Result<TradeMetrics, InputError> {
        let (trades, count) = (self.hours.len() as u64, self.hours.len() as f64);
        let gross_profit = self.profit.amount("net PnL")?;
        let gross_loss = self.loss.amount("net PnL")?;
        let (profit, loss) = (to_f64(gross_profit), to_f64(gross_loss));
        let net_pnl = net("net PnL", &[gross_profit], gross_loss)?;
        Ok(TradeMetrics {
            trades,
            net_pnl,
            gross_profit,
            gross_loss,
            fees: self.fees.amount("fees")?,
            funding: self.funding.amount("funding")?,
            slippage: self.slippage.amount("slippage")?,
            hit_rate: ratio(self.won as f64, count),
            payoff_ratio: ratio(profit / self.won as f64, loss / self.lost as f64),
            profit_factor: ratio(profit, loss),
            expectancy: ratio(to_f64(net_pnl), count),
            expectancy_r: ratio(self.r_multiples.total(), self.with_r as f64),
            mae_mean: ratio(self.mae.total(), count),
            mfe_mean: ratio(self.mfe.total(), count),
            time_in_trade_hours_mean: mean(self.hours.iter().copied()),
            time_in_trade_hours_median: median(&mut self.hours),
            set_leverage_mean: ratio(self.leverage.total(), count),
            set_leverage_max: self.leverage_max,
            liquidations: self.liquidations,
            longest_losing_streak: self.longest_losing_streak,
        })
    }
}
