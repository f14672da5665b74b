//! Ledger sync (MSE 14.3): every 15 s. It once copied the exchange over the ledger, and the sizes of shorts
//! without their sign at that. The ledger is the executors' own book of fills now, which only P3.4 may
//! correct: this derives the older record `quantum:position:{S}` from the canonical signed one, compares the
//! ledger with it and tells by how much they differ.

use std::borrow::Cow;

use engine::{Context, EpochSeconds, GaugeOf, Input, Nanos, Service, Symbol, TimerKey, Wiring};
use serde::{Deserialize, Serialize};
use strategies::reconcile::detect_drift;

use crate::audited::Audited;
use crate::grid;
use crate::keys;
use crate::records::{DerivedPosition, PositionLedger, PositionSide, PositionState, Stops};
use crate::settings::{Configured, Setup, settings};

settings! {
    /// Ledger sync.
    pub struct LedgerSyncSettings {
        /// Between two rounds, in s.
        pub interval_s: i64 = 15 => 1..,
    }
}

/// Keys of one symbol, made once.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Keys {
    state: String,
    ledger: String,
    stops: String,
    derived: String,
}

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LedgerSync {
    settings: LedgerSyncSettings,
    symbols: Vec<Symbol>,
    keys: Vec<Keys>,
    /// What was written last.
    written: Vec<Option<DerivedPosition>>,
    /// It copies the exchange over the ledger, without signs.
    copies: bool,
}

impl LedgerSync {
    /// For these symbols, in the order of the run.
    fn new(symbols: &[Symbol], settings: &LedgerSyncSettings, copies: bool) -> LedgerSync {
        let keys = symbols.iter().map(|symbol| Keys {
            state: keys::STATE_POSITIONS.of(symbol),
            ledger: keys::POSITION_LEDGER.of(symbol),
            stops: keys::STATE_STOPS.of(symbol),
            derived: keys::POSITION.of(symbol),
        });
        LedgerSync {
            settings: settings.clone(),
            symbols: symbols.to_vec(),
            keys: keys.collect(),
            written: vec![None; symbols.len()],
            copies,
        }
    }

    fn sync(&mut self, place: usize, ctx: &mut Context<'_>) {
        let keys = &self.keys[place];
        let state = match ctx.record::<PositionState>(&keys.state) {
            Ok(Some(state)) => Some(state.into_owned()),
            Ok(None) => None,
            Err(_) => {
                ctx.count("position_unreadable", 1);
                None
            }
        };
        let Some(state) = state.filter(|state| state.side != PositionSide::None) else {
            // A position that nobody sees is told of by nobody.
            self.written[place] = None;
            if ctx.exists(&keys.derived) {
                ctx.del(&keys.derived);
            }
            return self.compare(place, None, ctx);
        };
        let watched = match ctx.record::<Stops>(&keys.stops) {
            Ok(stops) => stops.filter(|stops| stops.side == state.side),
            Err(_) => {
                ctx.count("stops_unreadable", 1);
                None
            }
        };
        let derived = DerivedPosition {
            symbol: state.symbol,
            side: state.side,
            quantity: state.position_amt.abs(),
            entry_price: state.entry_price,
            leverage: state.leverage,
            stop_loss: watched.as_ref().map(|stops| stops.stop_loss),
            take_profit: watched.as_ref().map(|stops| stops.take_profit),
            plan_id: watched.as_ref().map(|stops| stops.plan_id.clone()),
            created_at: watched.as_ref().map_or(state.changed_at, |stops| stops.opened_at),
        };
        if self.written[place].as_ref() != Some(&derived) {
            if ctx.set_record(&keys.derived, &derived, keys::POSITION.life).is_err() {
                ctx.count("position_not_saved", 1);
            }
            self.written[place] = Some(derived);
        }
        if self.copies {
            copy(&self.keys[place].ledger, &state, ctx);
        }
        self.compare(place, Some(&state), ctx);
    }

    /// Tells how far the ledger is from the canonical record; what is done about it is P3.4's.
    fn compare(&self, place: usize, state: Option<&PositionState>, ctx: &mut Context<'_>) {
        let ledger = match ctx.record::<PositionLedger>(&self.keys[place].ledger) {
            Ok(Some(ledger)) => ledger.position_amt,
            Ok(None) => return,
            Err(_) => return ctx.count("ledger_unreadable", 1),
        };
        let exchange = state.map(|state| state.position_amt).unwrap_or_default();
        let off = grid::float((exchange - ledger).abs());
        ctx.gauge("ledger_diff_amt", GaugeOf::Symbol(self.symbols[place]), off);
        if detect_drift(exchange, ledger).is_some() {
            ctx.count("ledger_differs", 1);
        }
    }
}

/// Writes the size of the position into the ledger, as if shorts had no sign.
fn copy(key: &str, state: &PositionState, ctx: &mut Context<'_>) {
    let amount = state.position_amt.abs();
    let old = ctx.record::<PositionLedger>(key).ok().flatten().map(Cow::into_owned);
    let copied = PositionLedger {
        symbol: state.symbol,
        position_amt: amount,
        last_known_amt: amount,
        side: state.side,
        avg_entry_price: state.entry_price,
        leverage: old.as_ref().and_then(|old| old.leverage),
        version: old.as_ref().map_or(1, |old| old.version + 1),
        source: "ledger_sync".into(),
        last_order_id: old.as_ref().and_then(|old| old.last_order_id),
        last_result_plan_id: old.as_ref().and_then(|old| old.last_result_plan_id.clone()),
        last_executed_qty: old.as_ref().and_then(|old| old.last_executed_qty),
        last_side: old.as_ref().and_then(|old| old.last_side),
        updated_at: EpochSeconds(ctx.now()),
    };
    if ctx.set_record(key, &copied, keys::POSITION_LEDGER.life).is_err() {
        ctx.count("ledger_not_saved", 1);
    }
}

impl Configured for LedgerSync {
    type Settings = LedgerSyncSettings;
    const COUNTERS: &'static [&'static str] = &[
        "ledger_differs",
        "ledger_not_saved",
        "ledger_unreadable",
        "position_not_saved",
        "position_unreadable",
        "stops_unreadable",
    ];
    const GAUGES: &'static [&'static str] = &["last_sync_ts", "ledger_diff_amt"];

    fn configured(settings: &LedgerSyncSettings, setup: Setup<'_>) -> Result<LedgerSync, String> {
        let copies = setup.pipeline.audited.has(Audited::LedgerWithoutSign);
        Ok(LedgerSync::new(setup.symbols, settings, copies))
    }
}

impl Service for LedgerSync {
    fn wiring(&self) -> Wiring {
        Wiring {
            keys_read: keys::patterns(&[
                keys::STATE_POSITIONS,
                keys::POSITION_LEDGER,
                keys::STATE_STOPS,
                keys::POSITION,
            ]),
            keys_written: match self.copies {
                true => keys::patterns(&[keys::POSITION, keys::POSITION_LEDGER]),
                false => keys::patterns(&[keys::POSITION]),
            },
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Start => {}
            Input::Timer(_) => {
                for place in 0..self.symbols.len() {
                    self.sync(place, ctx);
                }
                let now = EpochSeconds(ctx.now());
                ctx.gauge("last_sync_ts", GaugeOf::All, now.0.as_secs_f64());
            }
            _ => return,
        }
        ctx.timer_after(Nanos::from_secs(self.settings.interval_s), TimerKey(0));
    }
}
