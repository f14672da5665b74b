//! The metrics of a recorded run, as `reports` defines them.

use engine::Nanos;
use reports::metrics::{
    Equity, Exposure, Fill, InputError, Liquidity, RunInput, RunMetrics, Settings, Side, Trade,
    period_ends, returns, run_metrics,
};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::RunRecord;

fn float(amount: Decimal) -> f64 {
    amount.to_f64().unwrap_or(0.0)
}

fn times(record: &RunRecord) -> Vec<i64> {
    record.sampled_at.iter().map(|time| time.0).collect()
}

/// The metrics of a run; `symbols` are those of the run, in their order.
///
/// # Errors
/// A record that no run leaves.
pub fn run_measures(
    record: &RunRecord,
    symbols: &[String],
    settings: &Settings,
) -> Result<RunMetrics, InputError> {
    let time_ns = times(record);
    let fills: Vec<Fill> = record
        .fills
        .iter()
        .map(|fill| Fill {
            notional_usdt: fill.notional,
            fee_usdt: fill.commission,
            liquidity: if fill.maker { Liquidity::Maker } else { Liquidity::Taker },
        })
        .collect();
    // A trade that a reset took away has no exit to be measured by.
    let ended = record.trades.iter().filter(|trade| trade.exit_price > Decimal::ZERO);
    let mut trades: Vec<Trade<'_>> = Vec::with_capacity(record.trades.len());
    trades.extend(ended.map(|trade| {
        let (entry, exit) = (float(trade.entry_price), float(trade.exit_price));
        Trade {
            symbol: symbols.get(trade.symbol).map_or("", String::as_str),
            side: if trade.long { Side::Long } else { Side::Short },
            qty: float(trade.qty),
            entry_time_ns: trade.entry_time.0,
            entry_price: entry,
            exit_time_ns: trade.exit_time.0,
            exit_price: exit,
            exit_reason: &trade.exit_reason,
            realised_pnl_usdt: trade.realized,
            fees_usdt: trade.fees,
            funding_usdt: trade.funding,
            slippage_usdt: trade.slippage,
            // Fills beyond the market's prices, as at a bankruptcy price, were seen by the trade alone.
            highest_price: trade.highest.map_or(entry, float).max(entry).max(exit),
            lowest_price: trade.lowest.map_or(entry, float).min(entry).min(exit),
            initial_stop_price: trade.stop_loss.map(float).filter(|stop| *stop > 0.0),
            leverage: f64::from(trade.leverage.max(1)),
            liquidated: trade.liquidated,
        }
    }));
    let exposure = Exposure { time_ns: &time_ns, gross_usdt: &record.gross, net_usdt: &record.net };
    let input = RunInput {
        equity: Equity { time_ns: &time_ns, equity_usdt: &record.equity },
        exposure: Some(exposure),
        fills: Some(&fills),
        trades: &trades,
    };
    run_metrics(&input, settings)
}

/// What the pipeline of a run did, as metrics: of the whole by their names in the catalogue, and `refusals.SERVICE` of each service
/// that refused.
pub fn pipeline_measures(record: &RunRecord) -> impl Iterator<Item = (String, Option<f64>)> {
    let (pipeline, lag) = record.pipeline.metrics();
    let of_whole = pipeline.rates.values().chain(lag.values());
    let of_whole: Vec<_> = of_whole.map(|(of, value)| (of.name.to_owned(), value)).collect();
    let of_gates = pipeline.by_gate.into_iter();
    let of_gates =
        of_gates.map(|(gate, of)| (format!("refusals.{gate}"), Some(of.gate_refusals as f64)));
    of_whole.into_iter().chain(of_gates)
}

/// The returns of a run's periods, from its first instant on.
///
/// # Errors
/// As [`run_measures`].
pub fn run_returns(record: &RunRecord, period: Nanos) -> Result<Vec<f64>, InputError> {
    let time_ns = times(record);
    let equity = Equity { time_ns: &time_ns, equity_usdt: &record.equity };
    Ok(returns(&period_ends(&equity, period.0)?.equity_usdt))
}
