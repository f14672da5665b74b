//! Quantities as the audited executors rounded them, in floats (MSE 12, 13.4); only where a run asks for it.

use engine::{Instrument, QtyLots};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strategies::entry::{audited_execution_rounding, audited_executor_quantity};

use super::Filters;
use crate::audited::{Audited, AuditedNames};
use crate::grid;

/// How quantities become whole steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Rounding {
    /// Down, in lots.
    #[default]
    Lots,
    /// To the nearest step.
    Nearest {
        /// Raised to about the smallest notional.
        upsizes: bool,
    },
    /// Down, by a float's quotient.
    FloatFloor,
}

impl Rounding {
    pub(super) fn of(audited: &AuditedNames, executor: &str) -> Rounding {
        let upsizes = audited.of(Audited::UpsizesOpens, executor);
        match (audited.of(Audited::FloatQuantities, executor), executor) {
            (true, "execution_service") => Rounding::FloatFloor,
            (true, _) => Rounding::Nearest { upsizes },
            (false, _) if upsizes => Rounding::Nearest { upsizes },
            (false, _) => Rounding::Lots,
        }
    }

    /// Lots of an order of this quantity; `None` by default, when they are counted in lots.
    pub(super) fn lots(
        self,
        instrument: &Instrument,
        filters: &Filters,
        asked: Option<Decimal>,
        mark: Decimal,
        reduces: bool,
    ) -> Option<Result<i64, String>> {
        if self == Rounding::Lots {
            return None;
        }
        let Some(asked) = asked else { return Some(Err("missing_required_fields".to_owned())) };
        let of = |lots: i64| grid::float(grid::qty(instrument, QtyLots(lots)));
        let (qty, step, min_qty) = (grid::float(asked), of(filters.step), of(filters.min_qty));
        // A close has no smallest notional, and may not know its price.
        let least = if reduces { 0.0 } else { grid::float(filters.min_notional) };
        let price = if reduces { 1.0 } else { grid::float(mark) };
        let sent = match self {
            Rounding::Nearest { upsizes } => {
                let upsizes = upsizes && !reduces;
                audited_executor_quantity(qty, price, step, min_qty, least, upsizes).map(|told| {
                    told.quantity_sent.ok_or_else(|| format!("{:?}:{qty} at {price}", told.result))
                })
            }
            Rounding::FloatFloor | Rounding::Lots => {
                let max_qty = of(filters.max_qty);
                audited_execution_rounding(qty, price, step, 1.0, min_qty, max_qty).map(|told| {
                    let decimals = usize::try_from(instrument.qty_decimals).unwrap_or_default();
                    let text = format!("{:.decimals$}", told.quantity);
                    told.failed.map_or(Ok(text), |fault| Err(format!("{fault:?}:{qty}")))
                })
            }
        };
        Some(match sent {
            Ok(Ok(text)) => text
                .parse::<Decimal>()
                .ok()
                .and_then(|qty| grid::lots(instrument, qty))
                .ok_or_else(|| "missing_required_fields".to_owned()),
            Ok(Err(refused)) => Err(refused),
            Err(refused) => Err(refused.to_string()),
        })
    }
}
