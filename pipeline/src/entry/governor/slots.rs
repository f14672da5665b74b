//! Active slots (EHR 3.18 gate 2): how many positions the market is good for, and the rotation that makes
//! room for another.
//!
//! One rotation at a time: two of them would close the same weakest position, or two for one slot.

use std::collections::VecDeque;

use engine::{Context, Envelope, EpochSeconds, MarketData, MarketEvent, Nanos, SetOptions, Ttl};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strategies::governor::{
    OpenPosition, Rotation, SlotRegime, rotation, rotation_plan_id, slot_regime, weakest,
};

use super::book::{Book, Held};
use super::{Governor, evaluate::Refusal};
use crate::audited::Audited;
use crate::keys;
use crate::records::{
    ApplyPlan, ApplyResult, Decision, Executor, GovernorEvent, PlanAction, PlanClass, ReduceOnly,
    RotationLock,
};
use crate::streams::{APPLY_PLAN, GOVERNOR_EVENTS};

/// Hourly bars that are kept.
const HOURS: usize = 100;
/// Hours whose mean range is the range of an hour.
const RANGE_HOURS: usize = 20;
const SOURCE: &str = "governor_rotation";

/// Hourly bars of a symbol (high, low, close), oldest first, made of the exchange's closed bars. The hour that
/// is under way is not among them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Hours {
    bars: VecDeque<[f64; 3]>,
    number: i64,
    current: Option<[f64; 3]>,
}

impl Hours {
    fn push(&mut self, closed_at: Nanos, high: f64, low: f64, close: f64) {
        // A bar that closes on the hour belongs to the hour before.
        let number = Nanos(closed_at.0 - 1).secs().div_euclid(3_600);
        if number != self.number {
            if let Some(done) = self.current.take() {
                self.bars.push_back(done);
            }
            if self.bars.len() > HOURS {
                self.bars.pop_front();
            }
            self.number = number;
        }
        let [h, l, _] = self.current.unwrap_or([high, low, close]);
        self.current = Some([h.max(high), l.min(low), close]);
    }

    /// Mean range of an hour over the last close, as far as hours are known.
    pub(super) fn range_pct(&self) -> Option<f64> {
        let newest = self.bars.len().saturating_sub(RANGE_HOURS);
        let (count, sum) = self
            .bars
            .range(newest..)
            .fold((0, 0.0), |(count, sum), [h, l, _]| (count + 1, sum + h - l));
        let close = self.bars.back()?[2];
        (close > 0.0).then(|| sum / f64::from(count) / close)
    }

    fn regime(&self) -> Result<SlotRegime, Refusal> {
        let bars: Vec<[f64; 3]> = self.bars.iter().copied().collect();
        slot_regime(&bars).map_err(|refused| Refusal::error(&refused.to_string()))
    }
}

/// The open that waits for a slot.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Waiting {
    pub plan: ApplyPlan,
    pub lock: RotationLock,
    /// The close was executed.
    pub confirmed: bool,
}

impl Governor {
    pub(super) fn market(&mut self, event: &MarketEvent, ctx: &Context<'_>) {
        let MarketData::Bar(bar) = &event.data else { return };
        let place = usize::from(event.symbol.0);
        let (Some(hours), Some(instrument)) =
            (self.hours.get_mut(place), ctx.instruments().get(place))
        else {
            return;
        };
        let price = |price| instrument.price_f64(price);
        hours.push(event.time, price(bar.high), price(bar.low), price(bar.close));
    }

    /// Whether there is a slot for the open; it starts a rotation where there is none.
    pub(super) fn slot(
        &mut self,
        plan: &ApplyPlan,
        place: usize,
        book: &Book,
        ctx: &mut Context<'_>,
    ) -> Result<(), Refusal> {
        match crate::policy::policy_store::names(ctx, plan.symbol) {
            None => return Err(Refusal::of("active_slots_no_policy")),
            Some(false) => return Err(Refusal::of("active_slots_not_in_universe")),
            Some(true) => {}
        }
        if !self.settings.active_slots {
            return Ok(());
        }
        let now = ctx.now();
        let own = self.waiting.as_ref().filter(|w| w.plan.plan_id == plan.plan_id);
        let (locked_at, confirmed) =
            own.map_or((None, false), |w| (Some(w.lock.created_at.0), w.confirmed));
        let regime = self.hours[place].regime()?;
        match rotation(book.positions(), regime, locked_at, confirmed, now) {
            Rotation::Free | Rotation::Complete => Ok(()),
            Rotation::Start if self.waiting.is_some() => {
                Err(Refusal::of("active_slots_waiting_rotation_close"))
            }
            Rotation::Start => self.rotate(plan, book, regime, ctx),
            Rotation::Waiting => Err(Refusal::waits("active_slots_waiting_rotation_close")),
            Rotation::TimedOut => Err(Refusal::of("active_slots_rotation_timeout")),
        }
    }

    /// Closes the weakest position through the apply layer, and lets the open wait for that.
    fn rotate(
        &mut self,
        plan: &ApplyPlan,
        book: &Book,
        regime: SlotRegime,
        ctx: &mut Context<'_>,
    ) -> Result<(), Refusal> {
        let full = "active_slots_waiting_rotation_close";
        let Some((weak, held)) = self.weakest(book, ctx)? else {
            // All slots are taken by opens on their way: there is nothing to close.
            return Err(Refusal::of(full));
        };
        let now = ctx.now();
        let lock = RotationLock {
            plan_id: plan.plan_id.clone(),
            symbol: plan.symbol,
            rotation_plan_id: rotation_plan_id(&plan.plan_id, weak.as_str()),
            closes: weak,
            created_at: EpochSeconds(now),
        };
        let options = SetOptions {
            if_absent: true,
            expire: keys::ROTATION_LOCK.life,
            ..SetOptions::default()
        };
        if ctx.set_json(&keys::ROTATION_LOCK.of(&plan.plan_id), &lock, options) != Ok(true) {
            // A rotation that a crash would forget is not begun.
            return Err(Refusal::error("rotation lock"));
        }
        let Some(side) = held.side.closing() else { return Err(Refusal::of(full)) };
        let close = ApplyPlan {
            plan_id: lock.rotation_plan_id.clone(),
            source: SOURCE.to_owned(),
            executor: Executor::ApplyLayer,
            class: PlanClass::Close,
            symbol: weak,
            action: PlanAction::FullClose,
            side,
            qty: None,
            fraction: Some(Decimal::ONE),
            reduce_only: ReduceOnly(true),
            decision: Decision::Execute,
            reason_codes: "active_slots_rotation".into(),
            stop_loss: None,
            take_profit: None,
            price: None,
            timestamp: EpochSeconds(now),
            valid_until: EpochSeconds(now + keys::ROTATION_LOCK.life.unwrap_or(Nanos::ZERO)),
            ..plan.clone()
        };
        crate::publish(ctx, APPLY_PLAN, Envelope::Flat, close);
        ctx.count("rotations_started", 1);
        self.tell_rotation("ROTATION_LOCK_CREATED", &lock, regime.as_str().to_owned(), ctx);
        self.waiting = Some(Waiting { plan: plan.clone(), lock, confirmed: false });
        Err(Refusal::waits(full))
    }

    fn weakest(
        &self,
        book: &Book,
        ctx: &mut Context<'_>,
    ) -> Result<Option<(engine::Symbol, Held)>, Refusal> {
        let names: Vec<OpenPosition<'_>> = book
            .held
            .iter()
            .map(|held| OpenPosition {
                symbol: self.symbols[held.place].as_str(),
                pnl_pct: held.pnl_pct,
                age_sec: self.age_sec(held.place, ctx),
            })
            .collect();
        let weak = weakest(&names).map_err(|refused| Refusal::error(&refused.to_string()))?;
        let place = weak.and_then(|weak| self.symbols.iter().position(|s| s.as_str() == weak));
        let held = book.held.iter().find(|held| Some(held.place) == place);
        Ok(held.map(|held| (self.symbols[held.place], *held)))
    }

    /// The end of the close that makes room, as its executor tells it.
    pub(super) fn rotated(&mut self, result: &ApplyResult, ctx: &mut Context<'_>) {
        if self.audited.has(Audited::LookupsNeverMatch) {
            return;
        }
        let ours = |w: &&mut Waiting| w.lock.rotation_plan_id == result.plan_id;
        let Some(waiting) = self.waiting.as_mut().filter(ours) else { return };
        waiting.confirmed = result.executed && result.reduce_only.0;
        let (plan, lock) = (waiting.plan.clone(), waiting.lock.clone());
        if !waiting.confirmed {
            let why = result.error.clone().unwrap_or_default().into_owned();
            self.give_up(&plan, &lock, why, ctx);
            return;
        }
        ctx.count("rotations_completed", 1);
        self.tell_rotation("ROTATION_COMPLETE", &lock, result.status.clone().into_owned(), ctx);
        self.decide(&plan, ctx);
        self.waiting = None;
        ctx.del(&keys::ROTATION_LOCK.of(&plan.plan_id));
    }

    /// Ends a rotation that takes too long.
    pub(super) fn end_rotation_in_time(&mut self, ctx: &mut Context<'_>) {
        let Some(waiting) = &self.waiting else { return };
        let at = Some(waiting.lock.created_at.0);
        if rotation(0, SlotRegime::Base, at, waiting.confirmed, ctx.now()) == Rotation::TimedOut {
            let (plan, lock) = (waiting.plan.clone(), waiting.lock.clone());
            self.give_up(&plan, &lock, "not confirmed in time".to_owned(), ctx);
        }
    }

    fn give_up(
        &mut self,
        plan: &ApplyPlan,
        lock: &RotationLock,
        why: String,
        ctx: &mut Context<'_>,
    ) {
        self.waiting = None;
        ctx.count("rotations_timed_out", 1);
        self.tell_rotation("ROTATION_TIMEOUT", lock, why.clone(), ctx);
        self.refuse(plan, &Refusal::with("active_slots_rotation_timeout", why), ctx);
        ctx.del(&keys::ROTATION_LOCK.of(&plan.plan_id));
    }

    fn tell_rotation(
        &self,
        event: &'static str,
        lock: &RotationLock,
        reason: String,
        ctx: &mut Context<'_>,
    ) {
        let entry = GovernorEvent {
            event: event.into(),
            plan_id: Some(lock.plan_id.clone()),
            symbol: Some(lock.symbol),
            rotation_plan_id: Some(lock.rotation_plan_id.clone()),
            reason: reason.into(),
            timestamp: EpochSeconds(ctx.now()),
        };
        crate::publish(ctx, GOVERNOR_EVENTS, Envelope::Flat, entry);
    }

    /// After a start: the rotation that a former life has begun. The result of its close is delivered again if
    /// that life has not seen it.
    pub(super) fn recover_rotation(&mut self, plans: &[ApplyPlan], ctx: &mut Context<'_>) {
        for key in ctx.scan(&keys::ROTATION_LOCK.of("*")) {
            let lock = match ctx.json::<RotationLock>(&key) {
                Ok(Some(lock)) => lock.into_owned(),
                Ok(None) => continue,
                Err(_) => {
                    ctx.count("plans_unreadable", 1);
                    continue;
                }
            };
            let plan = plans.iter().find(|plan| plan.plan_id == lock.plan_id);
            match plan {
                Some(plan) if self.waiting.is_none() && ctx.ttl(&key) != Ttl::Absent => {
                    self.waiting = Some(Waiting { plan: plan.clone(), lock, confirmed: false });
                }
                // Nobody waits for it any more.
                _ => {
                    ctx.del(&key);
                }
            }
        }
    }
}
