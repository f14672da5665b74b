//! Exit Brain v3.5: the plan of an exit (EHR 3.22), and whether it trades or only watches (EHR 3.23).

mod control;
mod plan;

pub use control::{Control, ControlSettings, ControlWarning, Effect, EffectReason, rollout_bucket};
pub use plan::{
    CrossExchange, ExitBases, ExitContext, ExitPlan, ExitSignal, TRAILING_CALLBACK_PCT,
    build_exit_plan, exit_prices,
};
