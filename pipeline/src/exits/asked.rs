//! The stops that others ask the exit monitor for.

use engine::{Context, Nanos};

use crate::grid;
use crate::records::{HarvestProposal, RiskProposal, StopAsked, Stops};

/// An older proposal says nothing about now.
const AGE_MAX: Nanos = Nanos::from_secs(30);

/// A stop in USDT, and who asks for it.
pub(super) type Asked = (f64, &'static str);

/// What the risk proposal, the harvest proposal and an UPDATE_SL plan ask for this very position.
pub(super) fn stops(
    of: &Stops,
    [risk_key, harvest_key]: [Option<&str>; 2],
    asked_key: &str,
    ctx: &mut Context<'_>,
) -> [Option<Asked>; 3] {
    let now = ctx.now();
    let fresh = |at: Nanos| now - at <= AGE_MAX;
    let mut unreadable = 0;
    let mut risk = None;
    if let Some(key) = risk_key {
        match ctx.record::<RiskProposal>(key) {
            Ok(Some(p)) if p.position_plan_id == of.plan_id && p.position_side == of.side => {
                risk = fresh(p.last_update_epoch.0).then_some((p.proposed_sl, "risk_proposal"));
            }
            Ok(_) => {}
            Err(_) => unreadable += 1,
        }
    }
    let mut harvest = None;
    if let Some(key) = harvest_key {
        match ctx.record::<HarvestProposal>(key) {
            Ok(Some(p)) if p.position_plan_id == of.plan_id && p.position_side == of.side => {
                let stop = p.new_sl_proposed.filter(|_| fresh(p.last_update_epoch.0));
                harvest = stop.map(|stop| (stop, "harvest_proposal"));
            }
            Ok(_) => {}
            Err(_) => unreadable += 1,
        }
    }
    let asked = match ctx.record::<StopAsked>(asked_key) {
        Ok(Some(p)) if p.position_plan_id == of.plan_id && p.side == of.side => {
            Some((grid::float(p.new_sl), "update_sl"))
        }
        Ok(_) => None,
        Err(_) => {
            unreadable += 1;
            None
        }
    };
    if unreadable > 0 {
        ctx.count("stops_asked_unreadable", unreadable);
    }
    [risk, harvest, asked]
}
