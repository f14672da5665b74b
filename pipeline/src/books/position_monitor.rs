//! Position monitor (MSE 14.1): the book of fills. Average entry on increase, realised profit on decrease,
//! and `trade.closed` exactly once a round trip. Its book lies on the bus, so that a restart loses nothing.

use engine::{
    Context, CorrelationId, Delivery, Envelope, EpochSeconds, GroupStart, Input, Instrument,
    IsoTime, Nanos, QtyLots, Reader, Service, Symbol, TimerKey, Wiring,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::fills;
use crate::grid;
use crate::keys;
use crate::records::{
    ExecutionResult, PositionBook, PositionSide, PositionSnapshot, PositionUpdate, TradeClosed,
};
use crate::settings::{Configured, Setup, settings};
use crate::streams::{EXECUTION_RESULT, POSITION_UPDATE, TRADE_CLOSED};

settings! {
    /// Position monitor.
    pub struct PositionMonitorSettings {
    }
}

const INTERVAL: Nanos = Nanos::from_secs(30);

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PositionMonitor {
    symbols: Vec<Symbol>,
    book_keys: Vec<String>,
    snapshot_keys: Vec<String>,
}

impl PositionMonitor {
    /// For these symbols, in the order of the run.
    fn new(symbols: &[Symbol]) -> PositionMonitor {
        PositionMonitor {
            symbols: symbols.to_vec(),
            book_keys: keys::POSITION_BOOK.of_each(symbols),
            snapshot_keys: keys::POSITION_SNAPSHOT.of_each(symbols),
        }
    }

    fn fill(&self, delivery: &Delivery, ctx: &mut Context<'_>) {
        let Some(fill) = ctx.read::<ExecutionResult>(EXECUTION_RESULT.name, delivery) else {
            return;
        };
        let Some(place) = self.symbols.iter().position(|symbol| *symbol == fill.symbol) else {
            ctx.count("fills_of_unknown_symbols", 1);
            return;
        };
        if fills::taken(&fill, ctx) {
            return;
        }
        let instrument = ctx.instruments()[place].clone();
        let Some(lots) = grid::lots(&instrument, fill.filled_qty).filter(|lots| *lots > 0) else {
            ctx.dead_letter(EXECUTION_RESULT.name, delivery, "filled_qty is not above zero");
            return;
        };
        let key = &self.book_keys[place];
        let book = match ctx.record::<PositionBook>(key) {
            Ok(Some(book)) => book.into_owned(),
            Ok(None) => empty(fill.symbol),
            Err(_) => {
                ctx.dead_letter(
                    EXECUTION_RESULT.name,
                    delivery,
                    "the position book cannot be read",
                );
                return;
            }
        };
        let signed = lots * fill.side.sign();
        let closing =
            if book.amount.signum() == -signed.signum() { lots.min(book.amount.abs()) } else { 0 };
        let mut book = book;
        if closing > 0 {
            book = self.close(book, &fill, closing, &instrument, ctx);
        }
        if lots > closing {
            open(&mut book, &fill, lots - closing, &instrument);
            ctx.count("opening_fills", 1);
        }
        if ctx.set_record(key, &book, None).is_err() {
            ctx.count("book_not_saved", 1);
        }
        fills::take(&fill, ctx);
    }

    fn close(
        &self,
        mut book: PositionBook,
        fill: &ExecutionResult,
        lots: i64,
        instrument: &Instrument,
        ctx: &mut Context<'_>,
    ) -> PositionBook {
        let sign = Decimal::from(book.amount.signum());
        let qty = grid::qty(instrument, QtyLots(lots));
        book.exit_quote += fill.avg_price * qty;
        book.exit_amount += lots;
        book.realized_pnl +=
            fill.realized_pnl.unwrap_or_else(|| sign * qty * (fill.avg_price - book.avg_entry));
        book.fees += fill.commission.unwrap_or_default();
        book.amount -= book.amount.signum() * lots;
        ctx.count("closing_fills", 1);
        if book.amount != 0 {
            return book;
        }
        let entry_qty = grid::qty(instrument, QtyLots(book.entry_amount));
        let exit_qty = grid::qty(instrument, QtyLots(book.exit_amount));
        let average =
            |quote: Decimal, qty: Decimal| quote.checked_div(qty).unwrap_or_default().round_dp(8);
        let percent = (Decimal::ONE_HUNDRED * book.realized_pnl).checked_div(book.entry_quote);
        let closed = TradeClosed {
            symbol: book.symbol,
            side: if sign > Decimal::ZERO { PositionSide::Long } else { PositionSide::Short },
            entry_price: average(book.entry_quote, entry_qty),
            exit_price: average(book.exit_quote, exit_qty),
            quantity: entry_qty,
            pnl_usd: book.realized_pnl,
            pnl_percent: percent.unwrap_or_default().round_dp(8),
            fees: book.fees,
            confidence: book.confidence,
            model: book.model.clone(),
            leverage: book.leverage,
            order_id: fill.order_id,
            reason: fill.reason.clone(),
            plan_id: book.plan_id.clone(),
            correlation_id: book.correlation_id,
            opened_at: book.opened_at,
            closed_at: fill.timestamp,
        };
        ctx.count("trades_closed", 1);
        ctx.count(if closed.pnl_usd > Decimal::ZERO { "trades_won" } else { "trades_lost" }, 1);
        let envelope = Envelope::Bus {
            event_type: TRADE_CLOSED.event,
            source: "position-monitor",
            correlation_id: closed.correlation_id,
            time: ctx.now(),
        };
        crate::publish(ctx, TRADE_CLOSED, envelope, closed);
        empty(book.symbol)
    }

    fn updates(&self, ctx: &mut Context<'_>) {
        let now = ctx.now();
        for place in 0..self.symbols.len() {
            let Ok(Some(book)) = ctx.record::<PositionBook>(&self.book_keys[place]) else {
                continue;
            };
            if book.amount == 0 {
                continue;
            }
            let mut update = PositionUpdate {
                symbol: book.symbol,
                side: PositionSide::of(book.amount),
                entry_price: book.avg_entry,
                current_price: None,
                size_usd: None,
                unrealized_pnl: None,
                realized_pnl: book.realized_pnl,
                correlation_id: book.correlation_id,
                timestamp: IsoTime(now),
            };
            let snapshot =
                ctx.record::<PositionSnapshot>(&self.snapshot_keys[place]).ok().flatten();
            if let Some(seen) = snapshot {
                update.current_price = Some(seen.mark_price);
                update.size_usd = Some((seen.position_amt * seen.mark_price).abs());
                update.unrealized_pnl = Some(seen.unrealized_pnl);
            }
            let envelope = Envelope::Contract {
                event_type: POSITION_UPDATE.event,
                source: "position-monitor",
                time: now,
            };
            crate::publish(ctx, POSITION_UPDATE, envelope, update);
        }
    }
}

fn empty(symbol: Symbol) -> PositionBook {
    PositionBook {
        symbol,
        amount: 0,
        entry_quote: Decimal::ZERO,
        entry_amount: 0,
        exit_quote: Decimal::ZERO,
        exit_amount: 0,
        avg_entry: Decimal::ZERO,
        realized_pnl: Decimal::ZERO,
        fees: Decimal::ZERO,
        correlation_id: CorrelationId::default(),
        plan_id: String::new(),
        leverage: None,
        confidence: None,
        model: None,
        opened_at: EpochSeconds::default(),
    }
}

fn open(book: &mut PositionBook, fill: &ExecutionResult, lots: i64, instrument: &Instrument) {
    if book.amount == 0 {
        *book = PositionBook {
            correlation_id: fill.correlation_id,
            plan_id: fill.plan_id.clone(),
            leverage: fill.leverage,
            confidence: fill.confidence,
            model: fill.model.clone(),
            opened_at: fill.timestamp,
            ..empty(book.symbol)
        };
    }
    book.amount += lots * fill.side.sign();
    book.entry_amount += lots;
    book.entry_quote += fill.avg_price * grid::qty(instrument, QtyLots(lots));
    book.fees += fill.commission.unwrap_or_default();
    let qty = grid::qty(instrument, QtyLots(book.entry_amount));
    book.avg_entry = book.entry_quote.checked_div(qty).unwrap_or_default();
}

impl Configured for PositionMonitor {
    type Settings = PositionMonitorSettings;
    const COUNTERS: &'static [&'static str] = &[
        "book_not_saved",
        "closing_fills",
        "fills_of_unknown_symbols",
        "opening_fills",
        "trades_closed",
        "trades_lost",
        "trades_won",
    ];

    fn configured(
        _: &PositionMonitorSettings,
        setup: Setup<'_>,
    ) -> Result<PositionMonitor, String> {
        Ok(PositionMonitor::new(setup.symbols))
    }
}

impl Service for PositionMonitor {
    fn wiring(&self) -> Wiring {
        Wiring {
            readers: vec![Reader::group(
                EXECUTION_RESULT.name,
                "position_monitor",
                GroupStart::Beginning,
            )],
            writes: vec![TRADE_CLOSED.name, POSITION_UPDATE.name],
            keys_read: keys::patterns(&[
                keys::POSITION_BOOK,
                keys::POSITION_SNAPSHOT,
                keys::FILL_SEEN,
            ]),
            keys_written: keys::patterns(&[keys::POSITION_BOOK, keys::FILL_SEEN]),
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Start => ctx.timer_after(INTERVAL, TimerKey(0)),
            Input::Timer(_) => {
                self.updates(ctx);
                ctx.timer_after(INTERVAL, TimerKey(0));
            }
            Input::Delivery(delivery) => self.fill(delivery, ctx),
            _ => {}
        }
    }
}
