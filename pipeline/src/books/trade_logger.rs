//! Trade history logger and performance tracker (MSE 14.5, settled): totals and history of each symbol, its
//! record, and what the risk guards read of it: the profit of the day and the losses in a row, after fees.
//!
//! It reads `trade.closed`, which tells a round trip once and whole, where `apply.result` told parts of it.

use engine::{
    Context, Delivery, EpochSeconds, GaugeOf, GroupStart, Input, JsonText, Reader, Service,
    SetOptions, Symbol, Wiring,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strategies::portfolio::{ClosedTrade, symbol_performance};

use crate::grid;
use crate::keys;
use crate::records::{LoggedTrade, SymbolPerformance, TradeClosed, TradeLedger};
use crate::settings::{Configured, Setup, settings};
use crate::streams::TRADE_CLOSED;

settings! {
    /// Trade history logger and performance tracker.
    pub struct TradeLoggerSettings {
    }
}

/// So many round trips of a symbol are kept.
const HISTORY_MAX: usize = 300;

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TradeLogger {
    symbols: Vec<Symbol>,
}

impl TradeLogger {
    fn closed(&self, delivery: &Delivery, ctx: &mut Context<'_>) {
        let Some(trade) = ctx.read::<TradeClosed>(TRADE_CLOSED.name, delivery) else { return };
        if !self.symbols.contains(&trade.symbol) {
            ctx.count("trades_of_unknown_symbols", 1);
            return;
        }
        let key = keys::TRADE_LEDGER.of(trade.symbol);
        let ledger = match ctx.record::<TradeLedger>(&key) {
            Ok(ledger) => Some(ledger.map_or_else(|| empty(trade.symbol), |l| l.into_owned())),
            Err(_) => {
                ctx.count("ledger_unreadable", 1);
                None
            }
        };
        let logged = logged(&trade);
        if ledger.as_ref().is_some_and(|ledger| ledger.trade_history.0.contains(&logged)) {
            ctx.count("trades_already_logged", 1);
            return;
        }
        // The guards first: who dies in between counts a loss twice rather than not at all.
        self.guards(&trade, ctx);
        let Some(mut ledger) = ledger else { return };
        add(&mut ledger, logged);
        self.performance(&ledger, ctx);
        if ctx.set_record(&key, &ledger, keys::TRADE_LEDGER.life).is_err() {
            ctx.count("ledger_not_saved", 1);
        }
        ctx.count("trades_logged", 1);
    }

    /// The day's profit and the losses in a row.
    fn guards(&self, trade: &TradeClosed, ctx: &mut Context<'_>) {
        let net = trade.pnl_usd - trade.fees;
        let day = keys::RISK_DAILY_PNL.of(keys::date_of(trade.closed_at.0));
        if let Some(before) = number(&day, ctx) {
            let after = before + net;
            let options = SetOptions { expire: keys::RISK_DAILY_PNL.life, ..SetOptions::default() };
            if ctx.set(&day, &after.to_string(), options).is_err() {
                ctx.count("risk_not_saved", 1);
            }
            ctx.gauge("daily_pnl_usd", GaugeOf::All, grid::float(after));
        }
        if net.is_zero() {
            return;
        }
        let losses = if net.is_sign_positive() {
            Some(Decimal::ZERO)
        } else {
            number(keys::RISK_CONSECUTIVE_LOSSES.name, ctx).map(|before| before + Decimal::ONE)
        };
        let Some(losses) = losses else { return };
        let expire = keys::RISK_CONSECUTIVE_LOSSES.life;
        let options = SetOptions { expire, ..SetOptions::default() };
        if ctx.set(keys::RISK_CONSECUTIVE_LOSSES.name, &losses.to_string(), options).is_err() {
            ctx.count("risk_not_saved", 1);
        }
        ctx.gauge("consecutive_losses", GaugeOf::All, grid::float(losses));
    }

    fn performance(&self, ledger: &TradeLedger, ctx: &mut Context<'_>) {
        let of = |trade: &LoggedTrade| ClosedTrade {
            closed_at: trade.closed_at.0,
            pnl_pct: grid::float(trade.pnl_percent),
        };
        let trades: Vec<ClosedTrade> = ledger.trade_history.0.iter().map(of).collect();
        let Ok(of) = symbol_performance(&trades, ctx.now()) else {
            ctx.count("performance_not_finite", 1);
            return;
        };
        let performance = SymbolPerformance {
            win_rate: of.win_rate,
            avg_pnl_pct: of.avg_pnl_pct,
            total_trades: of.total_trades as u64,
            sharpe_ratio: of.sharpe_ratio,
            updated_at: ledger.updated_at,
        };
        let key = keys::SYMBOL_PERFORMANCE.of(ledger.symbol);
        if ctx.set_record(&key, &performance, keys::SYMBOL_PERFORMANCE.life).is_err() {
            ctx.count("performance_not_saved", 1);
        }
    }
}

/// A number of the risk guards; nothing when it cannot be read, for it is then not to be written over.
fn number(key: &str, ctx: &mut Context<'_>) -> Option<Decimal> {
    match ctx.get(key) {
        Ok(None) if !ctx.exists(key) => return Some(Decimal::ZERO),
        Ok(Some(text)) => {
            if let Ok(number) = text.parse() {
                return Some(number);
            }
        }
        Ok(None) | Err(_) => {}
    }
    ctx.count("risk_unreadable", 1);
    None
}

fn logged(trade: &TradeClosed) -> LoggedTrade {
    LoggedTrade {
        plan_id: trade.plan_id.clone(),
        order_id: trade.order_id,
        side: trade.side,
        quantity: trade.quantity,
        entry_price: trade.entry_price,
        exit_price: trade.exit_price,
        pnl_usd: trade.pnl_usd,
        pnl_percent: trade.pnl_percent,
        fees: trade.fees,
        reason: trade.reason.clone(),
        closed_at: trade.closed_at,
    }
}

fn empty(symbol: Symbol) -> TradeLedger {
    TradeLedger {
        symbol,
        total_trades: 0,
        total_wins: 0,
        total_losses: 0,
        total_pnl_usd: Decimal::ZERO,
        total_fees_usd: Decimal::ZERO,
        total_volume_usd: Decimal::ZERO,
        trade_history: JsonText(Vec::new()),
        updated_at: EpochSeconds::default(),
    }
}

fn add(ledger: &mut TradeLedger, trade: LoggedTrade) {
    ledger.total_trades += 1;
    ledger.total_wins += u64::from(trade.pnl_usd > Decimal::ZERO);
    ledger.total_losses += u64::from(trade.pnl_usd < Decimal::ZERO);
    ledger.total_pnl_usd += trade.pnl_usd;
    ledger.total_fees_usd += trade.fees;
    ledger.total_volume_usd += trade.quantity * (trade.entry_price + trade.exit_price);
    ledger.updated_at = trade.closed_at;
    let history = &mut ledger.trade_history.0;
    history.push(trade);
    let beyond = history.len().saturating_sub(HISTORY_MAX);
    history.drain(..beyond);
}

impl Configured for TradeLogger {
    type Settings = TradeLoggerSettings;
    const COUNTERS: &'static [&'static str] = &[
        "ledger_not_saved",
        "ledger_unreadable",
        "performance_not_finite",
        "performance_not_saved",
        "risk_not_saved",
        "risk_unreadable",
        "trades_already_logged",
        "trades_logged",
        "trades_of_unknown_symbols",
    ];
    const GAUGES: &'static [&'static str] = &["consecutive_losses", "daily_pnl_usd"];

    fn configured(_: &TradeLoggerSettings, setup: Setup<'_>) -> Result<TradeLogger, String> {
        Ok(TradeLogger { symbols: setup.symbols.to_vec() })
    }
}

impl Service for TradeLogger {
    fn wiring(&self) -> Wiring {
        let written = [
            keys::TRADE_LEDGER,
            keys::SYMBOL_PERFORMANCE,
            keys::RISK_DAILY_PNL,
            keys::RISK_CONSECUTIVE_LOSSES,
        ];
        Wiring {
            readers: vec![Reader::group(
                TRADE_CLOSED.name,
                "trade_history_logger",
                GroupStart::Beginning,
            )],
            keys_read: keys::patterns(&[
                keys::TRADE_LEDGER,
                keys::RISK_DAILY_PNL,
                keys::RISK_CONSECUTIVE_LOSSES,
            ]),
            keys_written: keys::patterns(&written),
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        if let Input::Delivery(delivery) = input {
            self.closed(delivery, ctx);
        }
    }
}
