//! What trades have brought: exits of a trade (EHR 3.30), excursions and key figures (EHR 3.29). Nothing
//! here decides on an order.

mod figures;
mod indicators;
mod trade;

pub use figures::{ExitRegime, KeyFigures, Outcome, exit_regime, key_figures, outcome};
pub use indicators::{Candle, adx, bollinger_width, ema, regime_of_dx, simple_dx};
pub use trade::{Excursion, TradeState, exit_efficiency, trade_id};
