//! A position as the kernels see it, put together from what the bus holds of it: what there is and what it is worth
//! is P3.3's word, since when and by which plan the position monitor's, stop, target and best price the exit monitor's.

use engine::{Context, Nanos, Symbol};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strategies::position::{MarketView, Position, PositionSide as KernelSide, pnl_per_unit};

use crate::grid;
use crate::keys;
use crate::records::{
    MarketState, PositionBook, PositionSide, PositionSnapshot, PositionState, Stops,
};

/// An older look at the exchange says nothing about now. P3.3 looks every 5 s.
pub(crate) const SNAPSHOT_AGE_MAX: Nanos = Nanos::from_secs(30);
/// P0 computes every minute.
const MARKETSTATE_AGE_MAX: Nanos = Nanos::from_secs(300);

/// The keys of one symbol, made once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct HeldKeys {
    state: String,
    snapshot: String,
    book: String,
    stops: String,
    market: String,
}

/// Where the keys of a position are declared in a service's wiring.
pub(crate) const HELD_KEYS: [keys::Key; 5] = [
    keys::STATE_POSITIONS,
    keys::POSITION_SNAPSHOT,
    keys::POSITION_BOOK,
    keys::STATE_STOPS,
    keys::MARKETSTATE,
];

/// An open position.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Held {
    /// As the kernels see it.
    pub position: Position,
    /// Base quantity, without sign.
    pub qty: Decimal,
    /// The plan that opened it. One that nobody knows of has a name of its side and entry, which a partial close
    /// leaves as they are.
    pub opening_plan: String,
    /// Lots that were opened, where the position monitor knows.
    pub opening_lots: Option<i64>,
}

impl Held {
    /// What was proposed for where nobody knew of a position: 5 % in profit, an hour old.
    pub fn made_up(symbol: Symbol) -> Held {
        let entry_price = if symbol.as_str().contains("BTC") { 100.0 } else { 50.0 };
        let current_price = entry_price * 1.05;
        let position = Position {
            side: KernelSide::Long,
            entry_price,
            current_price,
            peak_price: current_price,
            trough_price: entry_price,
            age_sec: 3_600.0,
            unrealized_pnl_per_unit: current_price - entry_price,
            current_sl: None,
            current_tp: None,
        };
        let opening_plan = "synthetic".to_owned();
        Held { position, qty: Decimal::ONE, opening_plan, opening_lots: None }
    }

    /// As the kernel gets it; `whole` puts the profit of the whole position where that of one unit belongs.
    pub fn counted(&self, whole: bool) -> Position {
        let units = if whole { grid::float(self.qty) } else { 1.0 };
        let unrealized_pnl_per_unit = units * self.position.unrealized_pnl_per_unit;
        Position { unrealized_pnl_per_unit, ..self.position }
    }
}

/// What is known of a symbol's position.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Seen {
    /// There is one.
    Held(Box<Held>),
    /// There is none.
    Flat,
    /// Nobody can tell, for this reason.
    Unknown(&'static str),
}

impl HeldKeys {
    pub(crate) fn of(symbol: Symbol) -> HeldKeys {
        HeldKeys {
            state: keys::STATE_POSITIONS.of(symbol),
            snapshot: keys::POSITION_SNAPSHOT.of(symbol),
            book: keys::POSITION_BOOK.of(symbol),
            stops: keys::STATE_STOPS.of(symbol),
            market: keys::MARKETSTATE.of(symbol),
        }
    }

    /// The symbol's position. A reason is also a counter's name.
    pub(crate) fn look(&self, ctx: &mut Context<'_>) -> Seen {
        let now = ctx.now();
        let state = match ctx.record::<PositionState>(&self.state) {
            Ok(Some(state)) if state.side == PositionSide::None => return Seen::Flat,
            Ok(Some(state)) => {
                (state.side, state.position_amt, state.entry_price, state.changed_at)
            }
            Ok(None) => return Seen::Flat,
            Err(_) => return Seen::Unknown("position_unreadable"),
        };
        let (side, amount, entry, changed_at) = state;
        let (price, pnl) = match ctx.record::<PositionSnapshot>(&self.snapshot) {
            Ok(Some(seen)) if now - seen.ts_epoch.0 > SNAPSHOT_AGE_MAX => {
                return Seen::Unknown("snapshot_stale");
            }
            Ok(Some(seen)) => (grid::float(seen.mark_price), grid::float(seen.unrealized_pnl)),
            Ok(None) => return Seen::Unknown("snapshot_missing"),
            Err(_) => return Seen::Unknown("snapshot_unreadable"),
        };
        let Ok(Some(pnl)) = pnl_per_unit(pnl, grid::float(amount)) else {
            return Seen::Unknown("position_not_sound");
        };
        // Without these a position is as old as P3.3's word for it, and has no stop.
        let book = ctx.record::<PositionBook>(&self.book).ok().flatten();
        let book =
            book.filter(|book| PositionSide::of(book.amount) == side && !book.plan_id.is_empty());
        let opening_lots = book.as_ref().map(|book| book.entry_amount);
        let opened = book.map(|book| (book.plan_id.clone(), book.opened_at));
        let stops = ctx.record::<Stops>(&self.stops).ok().flatten().filter(|s| s.side == side);
        let level = |of: fn(&Stops) -> Decimal| stops.as_ref().map(|stops| grid::float(of(stops)));
        let (current_sl, current_tp) = (level(|s| s.stop_loss), level(|s| s.take_profit));
        let best = level(|s| s.best_price).unwrap_or(price);
        let opened = opened.or(stops.map(|stops| (stops.plan_id.clone(), stops.opened_at)));
        let (opening_plan, opened_at) =
            opened.unwrap_or_else(|| (format!("unknown:{side}:{entry}"), changed_at));
        let position = Position {
            side: match side {
                PositionSide::Short => KernelSide::Short,
                PositionSide::Long | PositionSide::None => KernelSide::Long,
            },
            entry_price: grid::float(entry),
            current_price: price,
            peak_price: best.max(price),
            trough_price: best.min(price),
            age_sec: (now - opened_at.0).as_secs_f64().max(0.0),
            unrealized_pnl_per_unit: pnl,
            current_sl,
            current_tp,
        };
        match position.checked() {
            Ok(()) => {
                let qty = amount.abs();
                Seen::Held(Box::new(Held { position, qty, opening_plan, opening_lots }))
            }
            Err(_) => Seen::Unknown("position_not_sound"),
        }
    }

    /// The symbol's market state, if it is not too old.
    pub(crate) fn market(&self, ctx: &mut Context<'_>) -> Result<MarketView, &'static str> {
        let now = ctx.now();
        match ctx.record::<MarketState>(&self.market) {
            Ok(Some(state)) if now - state.ts_timestamp.0 > MARKETSTATE_AGE_MAX => {
                Err("marketstate_stale")
            }
            Ok(Some(state)) => Ok(MarketView {
                sigma: state.sigma,
                ts: state.ts,
                p_trend: state.p_trend,
                p_mr: state.p_mr,
                p_chop: state.p_chop,
            }),
            Ok(None) => Err("marketstate_missing"),
            Err(_) => Err("marketstate_unreadable"),
        }
    }
}

/// The side as the bus writes it.
pub(crate) const fn side_of(position: &Position) -> PositionSide {
    match position.side {
        KernelSide::Long => PositionSide::Long,
        KernelSide::Short => PositionSide::Short,
    }
}
