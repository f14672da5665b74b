//! Metrics of closed trades: of all of them, by symbol, and by reason of exit.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::catalogue::metrics;
use super::input::{DAY_NS, InputError, Side, Trade, Wanted, check, elapsed_ns};
use super::money::{add, to_f64};
use super::sums::{finite, mean, quantile, ratio};

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
    trades.iter().enumerate().map(|(at, trade)| figures_of(at, trade)).collect()
}

fn figures_of(at: usize, trade: &Trade<'_>) -> Result<TradeFigures, InputError> {
    trade.check(at)?;
    let entry = trade.entry_price;
    let (above, below) = (trade.highest_price - entry, entry - trade.lowest_price);
    let (against, with, risk) = match trade.side {
        Side::Long => (below, above, trade.initial_stop_price.map(|stop| entry - stop)),
        Side::Short => (above, below, trade.initial_stop_price.map(|stop| stop - entry)),
    };
    let after_fees = add("net PnL", trade.realised_pnl_usdt, -trade.fees_usdt)?;
    let net_pnl_usdt = add("net PnL", after_fees, trade.funding_usdt)?;
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
    let order = by_exit(trades, &figures);
    Ok(GroupedTrades {
        all: of_group(trades, &figures, &order)?,
        by_symbol: grouped(trades, &figures, &order, |trade| trade.symbol)?,
        by_exit_reason: grouped(trades, &figures, &order, |trade| trade.exit_reason)?,
    })
}

/// The places of the trades by time of exit. Ties are broken by all that a metric looks at, so that trades
/// which still tie are the same to all of them.
fn by_exit(trades: &[Trade<'_>], figures: &[TradeFigures]) -> Vec<usize> {
    let key = |at: usize| {
        let (trade, figures) = (&trades[at], &figures[at]);
        (trade.exit_time_ns, trade.entry_time_ns, trade.symbol, figures.net_pnl_usdt)
    };
    let floats = |at: usize| {
        let of = &figures[at];
        [of.mae, of.mfe, of.r_multiple.unwrap_or(f64::NAN), trades[at].leverage]
    };
    let mut order: Vec<usize> = (0..trades.len()).collect();
    order.sort_by(|a, b| {
        let pairs = || floats(*a).into_iter().zip(floats(*b));
        let tie = || pairs().fold(Ordering::Equal, |tie, (a, b)| tie.then(a.total_cmp(&b)));
        key(*a).cmp(&key(*b)).then_with(tie)
    });
    order
}

fn grouped<'a>(
    trades: &[Trade<'a>],
    figures: &[TradeFigures],
    order: &[usize],
    name: fn(&Trade<'a>) -> &'a str,
) -> Result<BTreeMap<String, TradeMetrics>, InputError> {
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for at in order {
        groups.entry(name(&trades[*at])).or_default().push(*at);
    }
    let metrics = |(name, group): (&str, Vec<usize>)| {
        Ok((name.to_owned(), of_group(trades, figures, &group)?))
    };
    groups.into_iter().map(metrics).collect()
}

/// Sums of exact money over a group.
#[derive(Default)]
struct Booked {
    profit: Decimal,
    loss: Decimal,
    fees: Decimal,
    funding: Decimal,
    slippage: Decimal,
    won: u64,
    lost: u64,
    liquidations: u64,
    losing_streak: u64,
    longest_losing_streak: u64,
}

impl Booked {
    fn add(&mut self, trade: &Trade<'_>, net_pnl: Decimal) -> Result<(), InputError> {
        self.losing_streak = if net_pnl < Decimal::ZERO { self.losing_streak + 1 } else { 0 };
        self.longest_losing_streak = self.longest_losing_streak.max(self.losing_streak);
        if net_pnl > Decimal::ZERO {
            self.won += 1;
            self.profit = add("net PnL", self.profit, net_pnl)?;
        } else if net_pnl < Decimal::ZERO {
            self.lost += 1;
            self.loss = add("net PnL", self.loss, -net_pnl)?;
        }
        self.fees = add("fees", self.fees, trade.fees_usdt)?;
        self.funding = add("funding", self.funding, trade.funding_usdt)?;
        self.slippage = add("slippage", self.slippage, trade.slippage_usdt)?;
        self.liquidations += u64::from(trade.liquidated);
        Ok(())
    }
}

/// Metrics of the trades at these places.
fn of_group(
    trades: &[Trade<'_>],
    figures: &[TradeFigures],
    group: &[usize],
) -> Result<TradeMetrics, InputError> {
    let mut booked = Booked::default();
    for at in group {
        booked.add(&trades[*at], figures[*at].net_pnl_usdt)?;
    }
    let net_pnl = add("net PnL", booked.profit, -booked.loss)?;
    let (profit, loss, count) = (to_f64(booked.profit), to_f64(booked.loss), group.len() as f64);
    let mean_of = |of: fn(&TradeFigures) -> f64| mean(group.iter().map(|at| of(&figures[*at])));
    let multiples: Vec<f64> = group.iter().filter_map(|at| figures[*at].r_multiple).collect();
    let leverages = || group.iter().map(|at| trades[*at].leverage);
    let mut hours: Vec<f64> = group.iter().map(|at| figures[*at].hours).collect();
    hours.sort_unstable_by(f64::total_cmp);
    Ok(TradeMetrics {
        trades: group.len() as u64,
        net_pnl,
        gross_profit: booked.profit,
        gross_loss: booked.loss,
        fees: booked.fees,
        funding: booked.funding,
        slippage: booked.slippage,
        hit_rate: ratio(booked.won as f64, count),
        payoff_ratio: ratio(profit / booked.won as f64, loss / booked.lost as f64),
        profit_factor: ratio(profit, loss),
        expectancy: ratio(to_f64(net_pnl), count),
        expectancy_r: mean(multiples.into_iter()),
        mae_mean: mean_of(|of| of.mae),
        mfe_mean: mean_of(|of| of.mfe),
        time_in_trade_hours_mean: mean_of(|of| of.hours),
        time_in_trade_hours_median: quantile(&hours, 0.5),
        set_leverage_mean: mean(leverages()),
        set_leverage_max: leverages().reduce(f64::max),
        liquidations: booked.liquidations,
        longest_losing_streak: booked.longest_losing_streak,
    })
}
