//! No exit ends for safe mode.

use engine::{Seen, ServiceId};
use pipeline::records::ApplyResult;
use pipeline::streams::APPLY_RESULT;

use super::{Invariant, Kinds, record, violated};
use crate::expect::{Failure, Moment, Run, World};

/// See the file.
#[derive(Clone, Default)]
pub(crate) struct SafeModePassesExits {
    failure: Option<Failure>,
}

const NAME: &str = "safe_mode_passes_exits";

impl Invariant for SafeModePassesExits {
    fn hears(&self) -> Kinds {
        Kinds::PUBLISHED
    }

    fn seen(&mut self, moment: Moment, _: Option<ServiceId>, seen: &Seen<'_>) {
        let Seen::Publish(stream, _, body) = seen else { return };
        if *stream != APPLY_RESULT.name || self.failure.is_some() {
            return;
        }
        let Some(result) = record::<ApplyResult>(body) else { return };
        // SAFE_MODE_ACTIVE of the executors, safety_safe_mode_enabled of the kernel.
        let names_it = |error: &str| error.to_ascii_lowercase().contains("safe_mode");
        let for_safe_mode = result.error.as_deref().is_some_and(names_it);
        if result.reduce_only.0 && !result.executed && for_safe_mode {
            let found = format!(
                "close {} of {} ended with {}",
                result.plan_id,
                result.symbol,
                result.error.as_deref().unwrap_or_default()
            );
            self.failure = Some(violated(NAME, Some(moment), found));
        }
    }

    fn end(&mut self, _: &mut Run, _: &World) -> Option<Failure> {
        self.failure.take()
    }
}
