//! Exit Brain v3.5: the plan of an exit (EHR 3.22), whether it trades or only watches
//! (EHR 3.23), what leaves through the order gateway (EHR 3.24), and the levels that are watched
//! (EHR 3.25; settled, "Stops").

mod control;
mod gateway;
mod plan;
mod stops;

pub use control::{
    Control, ControlSettings, ControlWarning, Effect, EffectReason, audited_rollout_bucket,
    rollout_bucket,
};
pub use gateway::{ExitKind, ModuleVerdict, module_verdict, order_type_leaves, size_leaves};
pub use plan::{
    CrossExchange, ExitBases, ExitContext, ExitPlan, ExitSignal, TRAILING_CALLBACK_PCT,
    build_exit_plan, exit_prices,
};
pub use stops::StopLevels;
