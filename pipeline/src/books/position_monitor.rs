//! Position monitor (MSE 14.1): the book of fills. Average entry on increase, realised profit on decrease,
//! and `trade.closed` exactly once a round trip. Its book lies on the bus, so that a restart loses nothing.
//!
//! It tells how many positions are open, and which symbols are not to be trusted until P3.4 says that
//! exchange and ledger agree (MSE 14.6).

use engine::{
    Context, CorrelationId, Delivery, Envelope, EpochSeconds, GaugeOf, GroupStart, Input,
    Instrument, IsoTime, Nanos, QtyLots, Reader, Service, SetOptions, Symbol, TimerKey, Wiring,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::audited::Audited;
use crate::fills;
use crate::grid;
use crate::keys;
use crate::records::{
    ExecutionResult, OrderSide, PositionBook, PositionSide, PositionSnapshot, PositionUpdate,
    ReconcileEvent, ReconcileEventKind, ReduceOnly, TradeClosed,
};
use crate::settings::{Configured, Setup, settings};
use crate::streams::{EXECUTION_RESULT, POSITION_UPDATE, RECONCILE_EVENTS, TRADE_CLOSED};

settings! {
    /// Position monitor.
    pub struct PositionMonitorSettings {
    }
}

const UPDATES: (TimerKey, Nanos) = (TimerKey(0), Nanos::from_secs(30));
/// Well within the life of the key.
const CAPACITY: (TimerKey, Nanos) = (TimerKey(1), Nanos::from_secs(10));
/// A round trip that is delivered again is looked for among so many.
const TRIPS_LOOKED_AT: usize = 200;
const FILLS: usize = 0;

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PositionMonitor {
    symbols: Vec<Symbol>,
    book_keys: Vec<String>,
    snapshot_keys: Vec<String>,
    untrusted_keys: Vec<String>,
    /// It decodes a field that fills do not have.
    blind: bool,
    /// The router's capacity is told.
    tells_capacity: bool,
}

impl PositionMonitor {
    /// For these symbols, in the order of the run.
    fn new(symbols: &[Symbol], blind: bool, tells_capacity: bool) -> PositionMonitor {
        PositionMonitor {
            symbols: symbols.to_vec(),
            book_keys: keys::POSITION_BOOK.of_each(symbols),
            snapshot_keys: keys::POSITION_SNAPSHOT.of_each(symbols),
            untrusted_keys: keys::POSITION_UNTRUSTED.of_each(symbols),
            blind,
            tells_capacity,
        }
    }

    fn fill(&self, delivery: &Delivery, ctx: &mut Context<'_>) {
        if self.blind {
            return ctx.count("fills_without_data", 1);
        }
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
        if fill.is_reconcile_close() {
            // What it closes is in no book: it would close what is.
            ctx.count("reconcile_closing_fills", 1);
            fills::take(&fill, ctx);
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
            book = self.close(book, &fill, closing, &instrument, delivery.redelivered, ctx);
        }
        if lots > closing && fill.reduce_only.0 {
            // What only reduces opens nothing, whatever the book knows.
            ctx.count("reducing_fills_beyond_the_book", 1);
        } else if lots > closing {
            open(&mut book, &fill, lots - closing, &instrument);
            ctx.count("opening_fills", 1);
        }
        if ctx.set_record(key, &book, None).is_err() {
            ctx.count("book_not_saved", 1);
        }
        fills::take(&fill, ctx);
        self.capacity(ctx);
    }

    fn close(
        &self,
        mut book: PositionBook,
        fill: &ExecutionResult,
        lots: i64,
        instrument: &Instrument,
        redelivered: bool,
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
        if redelivered && told_before(&closed, ctx) {
            ctx.count("trades_told_before", 1);
            return empty(book.symbol);
        }
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

    /// How many positions are open, by the book or by the exchange: a fill is in the one before it is in the
    /// other. Where the exchange is not seen nothing is told, and the key dies.
    fn capacity(&self, ctx: &mut Context<'_>) {
        if !self.tells_capacity {
            return;
        }
        let mut count = 0;
        for (book, snapshot) in self.book_keys.iter().zip(&self.snapshot_keys) {
            let own = match ctx.record::<PositionBook>(book) {
                Ok(book) => book.is_some_and(|book| book.amount != 0),
                Err(_) => return ctx.count("capacity_unknown", 1),
            };
            let Ok(Some(seen)) = ctx.record::<PositionSnapshot>(snapshot) else {
                return ctx.count("capacity_unknown", 1);
            };
            count += u64::from(own || seen.side != PositionSide::None);
        }
        let options = SetOptions { expire: keys::OPEN_ORDERS.life, ..SetOptions::default() };
        if ctx.set(keys::OPEN_ORDERS.name, &count.to_string(), options).is_err() {
            ctx.count("capacity_not_saved", 1);
        }
        ctx.gauge("open_positions", GaugeOf::All, count as f64);
    }

    /// P3.4 and those that meet a mismatch say whether what is known of a symbol is true.
    fn reconciled(&self, delivery: &Delivery, ctx: &mut Context<'_>) {
        let Some(event) = ctx.read::<ReconcileEvent>(RECONCILE_EVENTS.name, delivery) else {
            return;
        };
        let Some(place) = self.symbols.iter().position(|symbol| *symbol == event.symbol) else {
            ctx.count("events_of_unknown_symbols", 1);
            return;
        };
        let key = &self.untrusted_keys[place];
        let trusted = event.event.restores_trust();
        if trusted {
            ctx.del(key);
        } else if ctx.set(key, event.event.as_str(), SetOptions::default()).is_err() {
            ctx.count("trust_not_saved", 1);
        }
        let of = GaugeOf::Symbol(event.symbol);
        ctx.gauge("untrusted", of, f64::from(u8::from(!trusted)));
        if matches!(event.event, ReconcileEventKind::LedgerInit | ReconcileEventKind::AutoRepair) {
            self.adopt(place, &event, ctx);
        }
    }

    /// The book becomes the exchange's where P3.4 has made the ledger so: what no fill has told of is closed at
    /// the mark price, or enters at the price that the exchange has for it.
    fn adopt(&self, place: usize, event: &ReconcileEvent, ctx: &mut Context<'_>) {
        let instrument = ctx.instruments()[place].clone();
        let held = event.exchange_amt.and_then(|amount| grid::lots(&instrument, amount));
        let key = &self.book_keys[place];
        let book = match ctx.record::<PositionBook>(key) {
            Ok(book) => book.map_or_else(|| empty(event.symbol), |book| book.into_owned()),
            Err(_) => return ctx.count("book_unreadable", 1),
        };
        let Some(held) = held.filter(|held| *held != book.amount) else { return };
        let prices = match ctx.record::<PositionSnapshot>(&self.snapshot_keys[place]) {
            Ok(Some(seen)) => Some((seen.mark_price, seen.entry_price)),
            Ok(None) | Err(_) => None,
        };
        let Some((mark, entry)) = prices else { return ctx.count("positions_not_adopted", 1) };
        let told = |lots: i64, price: Decimal| unheard(event, lots, price, &instrument);
        let keeps = if held.signum() == book.amount.signum() { held.abs() } else { 0 };
        let mut book = book;
        let gone = (book.amount.abs() - keeps).max(0);
        if gone > 0 {
            let fill = told(-book.amount.signum() * gone, mark);
            book = self.close(book, &fill, gone, &instrument, false, ctx);
        }
        let more = held - book.amount;
        if more != 0 {
            open(&mut book, &told(more, entry), more.abs(), &instrument);
        }
        if ctx.set_record(key, &book, None).is_err() {
            ctx.count("book_not_saved", 1);
        }
        ctx.count("positions_adopted", 1);
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

/// A fill that nobody told of, as far as it can be known.
fn unheard(
    event: &ReconcileEvent,
    lots: i64,
    price: Decimal,
    instrument: &Instrument,
) -> ExecutionResult {
    ExecutionResult {
        plan_id: String::new(),
        correlation_id: CorrelationId::default(),
        symbol: event.symbol,
        order_id: 0,
        client_order_id: String::new(),
        trade_id: None,
        side: if lots > 0 { OrderSide::Buy } else { OrderSide::Sell },
        status: "filled".into(),
        filled_qty: grid::qty(instrument, QtyLots(lots.abs())),
        avg_price: price,
        commission: None,
        realized_pnl: None,
        reduce_only: ReduceOnly(false),
        leverage: None,
        confidence: None,
        model: None,
        reason: "reconciled".into(),
        stop_loss: None,
        take_profit: None,
        source: "position_monitor".into(),
        timestamp: event.ts,
    }
}

/// Whether a former life told of this round trip, and died before it could write that down.
fn told_before(closed: &TradeClosed, ctx: &mut Context<'_>) -> bool {
    let newest = ctx.newest(TRADE_CLOSED.name, TRIPS_LOOKED_AT).unwrap_or_default();
    let read = newest.iter().filter_map(|entry| entry.body.as_ref()?.read::<TradeClosed>().ok());
    let identity = |trade: &TradeClosed| {
        (trade.symbol, trade.order_id, trade.plan_id.clone(), trade.closed_at)
    };
    let own = identity(closed);
    read.into_iter().any(|trade| identity(&trade) == own)
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
        "book_unreadable",
        "capacity_not_saved",
        "capacity_unknown",
        "closing_fills",
        "events_of_unknown_symbols",
        "fills_of_unknown_symbols",
        "fills_without_data",
        "opening_fills",
        "positions_adopted",
        "positions_not_adopted",
        "reconcile_closing_fills",
        "reducing_fills_beyond_the_book",
        "trades_closed",
        "trades_lost",
        "trades_told_before",
        "trades_won",
        "trust_not_saved",
    ];
    const GAUGES: &'static [&'static str] = &["open_positions", "untrusted"];

    fn configured(
        _: &PositionMonitorSettings,
        setup: Setup<'_>,
    ) -> Result<PositionMonitor, String> {
        let audited = &setup.pipeline.audited;
        let blind = audited.has(Audited::PositionMonitorBlind);
        let by_hand = audited.has(Audited::CapacityByHand);
        Ok(PositionMonitor::new(setup.symbols, blind, !by_hand))
    }
}

impl Service for PositionMonitor {
    fn wiring(&self) -> Wiring {
        Wiring {
            readers: vec![
                Reader::group(EXECUTION_RESULT.name, "position_monitor", GroupStart::Beginning),
                Reader::group(RECONCILE_EVENTS.name, "position_monitor", GroupStart::Beginning),
            ],
            writes: vec![TRADE_CLOSED.name, POSITION_UPDATE.name],
            looks: vec![TRADE_CLOSED.name],
            keys_read: keys::patterns(&[
                keys::POSITION_BOOK,
                keys::POSITION_SNAPSHOT,
                keys::FILL_SEEN,
            ]),
            keys_written: keys::patterns(&[
                keys::POSITION_BOOK,
                keys::FILL_SEEN,
                keys::OPEN_ORDERS,
                keys::POSITION_UNTRUSTED,
            ]),
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Start => {
                for (key, interval) in [UPDATES, CAPACITY] {
                    ctx.timer_after(interval, key);
                }
            }
            Input::Timer(key) if key == CAPACITY.0 => {
                self.capacity(ctx);
                ctx.timer_after(CAPACITY.1, key);
            }
            Input::Timer(key) => {
                self.updates(ctx);
                ctx.timer_after(UPDATES.1, key);
            }
            Input::Delivery(delivery) if delivery.reader == FILLS => self.fill(delivery, ctx),
            Input::Delivery(delivery) => self.reconciled(delivery, ctx),
            _ => {}
        }
    }
}
