//! Once it has settled, the ledger's record of a symbol is what the exchange holds: no position without a record
//! and no record without a position.

use std::collections::BTreeMap;

use engine::{ExchangeEvent, Nanos, Seen, ServiceId, SymbolIndex, UserEvent};
use pipeline::keys::POSITION_LEDGER;
use rust_decimal::Decimal;

use super::{Invariant, Kinds, violated};
use crate::expect::{Failure, Moment, Run, World};

/// So long after the last change of a position its record may be on its way.
const SETTLES: Nanos = Nanos::from_secs(60);

/// See the file.
#[derive(Clone, Default)]
pub(crate) struct PositionsRecorded {
    changed: BTreeMap<SymbolIndex, Moment>,
}

const NAME: &str = "positions_recorded";

impl Invariant for PositionsRecorded {
    fn hears(&self) -> Kinds {
        Kinds::EXCHANGE
    }

    fn seen(&mut self, moment: Moment, _: Option<ServiceId>, seen: &Seen<'_>) {
        if let Seen::Exchange(ExchangeEvent::User {
            event: UserEvent::AccountUpdate { positions, .. },
            ..
        }) = seen
        {
            for position in positions {
                self.changed.insert(position.symbol, moment);
            }
        }
    }

    fn end(&mut self, kernel: &mut Run, world: &World) -> Option<Failure> {
        let now = kernel.now();
        for (place, instrument) in world.instruments.iter().enumerate() {
            let symbol = SymbolIndex(place as u16);
            let changed = self.changed.get(&symbol).copied();
            if changed.is_some_and(|changed| now - changed.time < SETTLES) {
                continue;
            }
            let rows = kernel.exchange().positions_of(Default::default());
            let own = rows.iter().filter(|row| row.symbol == symbol);
            let held: f64 =
                own.map(|row| instrument.qty_f64(row.position_amt)).fold(0.0, |a, b| a + b);
            let key = POSITION_LEDGER.of(instrument.symbol);
            let recorded = kernel.bus_mut().hget(now, &key, "position_amt").ok().flatten();
            let text = recorded.as_deref().map(String::from_utf8_lossy);
            let recorded: f64 = match text.as_deref() {
                None => 0.0,
                Some(text) => match text.parse::<Decimal>() {
                    Ok(amt) => rust_decimal::prelude::ToPrimitive::to_f64(&amt).unwrap_or(f64::NAN),
                    Err(_) => f64::NAN,
                },
            };
            // Both are multiples of a lot: half a lot apart is apart.
            let lot = instrument.qty_f64(engine::QtyLots(1));
            if (held - recorded).abs() < lot / 2.0 {
                continue;
            }
            let text =
                text.map_or_else(|| "no record".to_owned(), |text| format!("position_amt {text}"));
            let found =
                format!("{} holds {held} on the exchange, and {key} has {text}", instrument.symbol);
            return Some(violated(NAME, changed, found));
        }
        None
    }
}
