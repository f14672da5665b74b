//! Reads the series of a run from CSV files and prints its metrics as JSON; what `reports/checks` compares
//! with another implementation.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use reports::metrics::{
    DAY_NS, Equity, Exposure, Fill, Liquidity, PipelineInput, RunInput, Settings, Side, Trade,
    catalogue, pipeline_metrics, run_metrics, trade_figures,
};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The files have a header with the names of the columns.
#[derive(Parser)]
struct Arguments {
    /// CSV of time_ns and equity_usdt.
    #[arg(long)]
    equity: Option<PathBuf>,
    /// CSV of time_ns, gross_usdt and net_usdt.
    #[arg(long)]
    exposure: Option<PathBuf>,
    /// CSV of notional_usdt, fee_usdt and liquidity (maker or taker).
    #[arg(long)]
    fills: Option<PathBuf>,
    /// CSV of closed trades, with the columns of `Trade`.
    #[arg(long)]
    trades: Option<PathBuf>,
    /// JSON of what the pipeline counted, with the keys of `PipelineInput`.
    #[arg(long)]
    pipeline: Option<PathBuf>,
    /// Length of the periods of the returns, in nanoseconds.
    #[arg(long, default_value_t = DAY_NS)]
    period_ns: i64,
    /// A year: 0.04 is 4 %.
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    risk_free_rate: f64,
    /// A year: 0.04 is 4 %.
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    target_return: f64,
    /// Confidence of value at risk and expected shortfall.
    #[arg(long, default_value_t = 0.95)]
    tail_level: f64,
}

#[derive(Deserialize)]
struct EquityRow {
    time_ns: i64,
    equity_usdt: f64,
}

#[derive(Deserialize)]
struct ExposureRow {
    time_ns: i64,
    gross_usdt: f64,
    net_usdt: f64,
}

#[derive(Deserialize)]
struct FillRow {
    notional_usdt: Decimal,
    fee_usdt: Decimal,
    liquidity: String,
}

#[derive(Deserialize)]
struct TradeRow {
    symbol: String,
    side: String,
    qty: f64,
    entry_time_ns: i64,
    entry_price: f64,
    exit_time_ns: i64,
    exit_price: f64,
    exit_reason: String,
    realised_pnl_usdt: Decimal,
    fees_usdt: Decimal,
    funding_usdt: Decimal,
    slippage_usdt: Decimal,
    highest_price: f64,
    lowest_price: f64,
    initial_stop_price: Option<f64>,
    leverage: f64,
    liquidated: bool,
}

#[derive(Deserialize)]
struct Pipeline {
    proposals: u64,
    refusals: BTreeMap<String, u64>,
    permits_granted: u64,
    permits_denied: u64,
    actions: u64,
    downgrades: u64,
    lag_ns: BTreeMap<String, Vec<i64>>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let mut printed = json!({ "catalogue": catalogue().collect::<Vec<_>>() });
    if arguments.equity.is_some() {
        (printed["run"], printed["by_trade"]) = run(&arguments)?;
    }
    if let Some(path) = &arguments.pipeline {
        printed["pipeline"] = pipeline(path)?;
    }
    println!("{printed}");
    Ok(())
}

fn rows<Row: DeserializeOwned>(path: Option<&PathBuf>) -> Result<Vec<Row>, Box<dyn Error>> {
    let Some(path) = path else { return Ok(Vec::new()) };
    csv::Reader::from_path(path)?
        .deserialize()
        .map(|row| row.map_err(|e| format!("{}: {e}", path.display()).into()))
        .collect()
}

fn liquidity(text: &str) -> Result<Liquidity, String> {
    match text {
        "maker" => Ok(Liquidity::Maker),
        "taker" => Ok(Liquidity::Taker),
        _ => Err(format!("liquidity {text:?}: give maker or taker")),
    }
}

fn side(text: &str) -> Result<Side, String> {
    match text {
        "long" => Ok(Side::Long),
        "short" => Ok(Side::Short),
        _ => Err(format!("side {text:?}: give long or short")),
    }
}

fn trade(row: &TradeRow) -> Result<Trade<'_>, String> {
    Ok(Trade {
        symbol: &row.symbol,
        side: side(&row.side)?,
        qty: row.qty,
        entry_time_ns: row.entry_time_ns,
        entry_price: row.entry_price,
        exit_time_ns: row.exit_time_ns,
        exit_price: row.exit_price,
        exit_reason: &row.exit_reason,
        realised_pnl_usdt: row.realised_pnl_usdt,
        fees_usdt: row.fees_usdt,
        funding_usdt: row.funding_usdt,
        slippage_usdt: row.slippage_usdt,
        highest_price: row.highest_price,
        lowest_price: row.lowest_price,
        initial_stop_price: row.initial_stop_price,
        leverage: row.leverage,
        liquidated: row.liquidated,
    })
}

/// Metrics of the run, and figures of each of its trades.
fn run(arguments: &Arguments) -> Result<(Value, Value), Box<dyn Error>> {
    let equity: Vec<EquityRow> = rows(arguments.equity.as_ref())?;
    let exposure: Vec<ExposureRow> = rows(arguments.exposure.as_ref())?;
    let fills: Vec<FillRow> = rows(arguments.fills.as_ref())?;
    let trades: Vec<TradeRow> = rows(arguments.trades.as_ref())?;

    let times: Vec<i64> = equity.iter().map(|row| row.time_ns).collect();
    let values: Vec<f64> = equity.iter().map(|row| row.equity_usdt).collect();
    let exposure_times: Vec<i64> = exposure.iter().map(|row| row.time_ns).collect();
    let gross: Vec<f64> = exposure.iter().map(|row| row.gross_usdt).collect();
    let net: Vec<f64> = exposure.iter().map(|row| row.net_usdt).collect();
    let fill = |row: &FillRow| {
        let liquidity = liquidity(&row.liquidity)?;
        Ok(Fill { notional_usdt: row.notional_usdt, fee_usdt: row.fee_usdt, liquidity })
    };
    let fills: Vec<Fill> = fills.iter().map(fill).collect::<Result<_, String>>()?;
    let trades: Vec<Trade<'_>> = trades.iter().map(trade).collect::<Result<_, String>>()?;
    let input = RunInput {
        equity: Equity { time_ns: &times, equity_usdt: &values },
        exposure: arguments.exposure.as_ref().map(|_| Exposure {
            time_ns: &exposure_times,
            gross_usdt: &gross,
            net_usdt: &net,
        }),
        fills: arguments.fills.as_ref().map(|_| fills.as_slice()),
        trades: &trades,
    };
    let settings = Settings {
        period_ns: arguments.period_ns,
        risk_free_rate: arguments.risk_free_rate,
        target_return: arguments.target_return,
        tail_level: arguments.tail_level,
    };
    let metrics = serde_json::to_value(run_metrics(&input, &settings)?)?;
    Ok((metrics, serde_json::to_value(trade_figures(&trades)?)?))
}

fn pipeline(path: &Path) -> Result<Value, Box<dyn Error>> {
    let counted: Pipeline = serde_json::from_slice(&fs::read(path)?)?;
    let refusals: Vec<(&str, u64)> =
        counted.refusals.iter().map(|(gate, count)| (gate.as_str(), *count)).collect();
    let lag_ns: Vec<(&str, &[i64])> =
        counted.lag_ns.iter().map(|(stream, lag)| (stream.as_str(), lag.as_slice())).collect();
    let metrics = pipeline_metrics(&PipelineInput {
        proposals: counted.proposals,
        refusals: &refusals,
        permits_granted: counted.permits_granted,
        permits_denied: counted.permits_denied,
        actions: counted.actions,
        downgrades: counted.downgrades,
        lag_ns: &lag_ns,
    })?;
    Ok(serde_json::to_value(metrics)?)
}
