//! Positions that are gone from the exchange without a fill of ours, as after its reset or a close by hand.

use engine::{Context, Nanos};

use super::ExitMonitor;
use crate::drift;
use crate::exits::held::SNAPSHOT_AGE_MAX;
use crate::records::{PositionSide, PositionSnapshot};

/// The exchange has to show nothing for so long before a stop is taken away: the word of a moment may be wrong.
const GONE_AFTER: Nanos = Nanos::from_secs(30);

impl ExitMonitor {
    /// Whether two looks at the exchange show that there is nothing to be closed; after a while the position is watched
    /// no longer.
    pub(super) fn is_gone(&mut self, place: usize, ctx: &mut Context<'_>) -> bool {
        let now = ctx.now();
        let seen = ctx.record::<PositionSnapshot>(&self.snapshot_keys[place]).ok().flatten();
        let flat = seen.filter(|seen| seen.side == PositionSide::None).map(|seen| seen.ts_epoch.0);
        let flat = flat.filter(|at| now - *at <= SNAPSHOT_AGE_MAX && !self.keeps_gone);
        let Some(watched) = &mut self.watched[place] else { return false };
        // A look from before the last fill shows nothing of it.
        let Some(at) = flat.filter(|at| *at - watched.filled_at >= drift::SETTLES) else {
            watched.flat_since = None;
            return false;
        };
        let first = *watched.flat_since.get_or_insert(at);
        if at - first >= GONE_AFTER {
            self.watched[place] = None;
            ctx.del(&self.stop_keys[place]);
            ctx.count("positions_gone", 1);
        }
        at > first
    }
}
