//! Harvest brain (EHR 3.27): applies the harvest kernel to every open position by itself and asks for closes. In
//! shadow, its default, it only says what it would do; live it writes plans for the Apply Layer, which needs all three
//! permits for them like for any harvest and lets a rung fire once a position, whoever asked.
//!
//! It asks once a position and rung, and again only when the first asking has led to nothing. A full close is exempt
//! from the least R: a losing position is left on a kill signal, too.

use std::collections::BTreeMap;

use engine::{
    Context, Delivery, Envelope, EpochSeconds, GroupStart, Input, JsonText, Nanos, Reader, Record,
    Service, SetOptions, Symbol, TimerKey, Wiring,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strategies::close_action::CloseAction;
use strategies::harvest::{
    HarvestProposal as Proposed, REDUCED_CLOSE_AGAIN_AFTER, SKIP_RISK_MISSING, Theta,
    audited_brain_acts, brain_acts, brain_plan_id, harvest_proposal, usable_stop_distance,
};

use super::ghosts;
use super::harvest_proposal::risk_fresh;
use super::held::{HELD_KEYS, Held, HeldKeys, Seen, side_of};
use crate::audited::Audited;
use crate::grid;
use crate::keys;
use crate::records::{
    ApplyPlan, ApplyResult, Decision, Executor, HarvestSuggestion, OrderSide, P33Permit, PlanClass,
    ReduceOnly, RiskProposal,
};
use crate::settings::{Configured, Setup, settings};
use crate::streams::{APPLY_PLAN, APPLY_RESULT, HARVEST_SUGGESTIONS};
use crate::switches;

settings! {
    /// Harvest brain.
    pub struct HarvestBrainSettings {
        /// Whether it makes plans, or only suggests them.
        pub mode: BrainMode = BrainMode::Shadow,
        /// Between two scans of the positions, in s.
        pub interval_s: i64 = 5 => 1..,
        /// Below this R no profit is taken.
        pub min_r: f64 = 0.5 => 0.0..=100.0,
    }
}

/// What the harvest brain does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BrainMode {
    /// It suggests.
    Shadow,
    /// It writes plans.
    Live,
}

const SOURCE: &str = "harvest_brain";
const VALID: Nanos = Nanos::from_secs(60);
/// An executed rung is not asked for again while a position may last.
const FIRED: Nanos = Nanos::from_secs(7 * 86_400);
/// Positions that were scanned and never judged for so long are an alarm (INC-8).
const UNJUDGED: Nanos = Nanos::from_secs(300);

/// One symbol.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct One {
    symbol: Symbol,
    risk_key: String,
    held: HeldKeys,
}

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HarvestBrain {
    settings: HarvestBrainSettings,
    symbols: Vec<One>,
    theta: Theta,
    /// Plans that it asked for, and their marks. Forgotten in a crash: the Apply Layer remembers what has fired.
    asked: BTreeMap<String, String>,
    /// Since when positions are scanned and none is judged.
    unjudged_since: Option<Nanos>,
    old: Old,
}

/// What the brain did before it was mended, as far as the run asks for it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Old {
    of_whole: bool,
    marked_by_profit: bool,
    least_r_first: bool,
    permits_itself: bool,
    ghosts: bool,
}

impl HarvestBrain {
    fn scan(&mut self, ctx: &mut Context<'_>) {
        if switches::killed(ctx) {
            return ctx.count("kill_switch_active", 1);
        }
        let (mut scanned, mut evaluated) = (0, 0);
        for place in 0..self.symbols.len() {
            let held = match self.symbols[place].held.look(ctx) {
                Seen::Held(held) => held,
                Seen::Flat => continue,
                Seen::Unknown(reason) => {
                    ctx.count(reason, 1);
                    scanned += 1;
                    continue;
                }
            };
            scanned += 1;
            evaluated += u64::from(self.judge(place, &held, ctx));
        }
        ctx.count("scanned", scanned);
        ctx.count("evaluated", evaluated);
        let now = ctx.now();
        if scanned == 0 || evaluated > 0 {
            self.unjudged_since = None;
        } else if now - *self.unjudged_since.get_or_insert(now) >= UNJUDGED {
            ctx.count("scanned_but_not_evaluated", 1);
            self.unjudged_since = Some(now);
        }
    }

    /// Whether the position could be judged.
    fn judge(&mut self, place: usize, held: &Held, ctx: &mut Context<'_>) -> bool {
        let market = match self.symbols[place].held.market(ctx) {
            Ok(market) => market,
            Err(reason) => {
                ctx.count(reason, 1);
                return false;
            }
        };
        let Some(distance) = self.risk(place, held, ctx) else {
            ctx.count(SKIP_RISK_MISSING, 1);
            return false;
        };
        let position = held.counted(self.old.of_whole);
        let acts = if self.old.least_r_first { audited_brain_acts } else { brain_acts };
        match harvest_proposal(&position, &market, Some(distance), &self.theta) {
            Ok(proposed) => {
                if let Some(close) = acts(&proposed, self.settings.min_r) {
                    self.ask(place, held, &proposed, close, ctx);
                }
                true
            }
            Err(_) => {
                ctx.count("proposal_refused", 1);
                false
            }
        }
    }

    /// Risk of one unit as a fraction of the entry: P1.5's, or what the stop in force leaves at risk. Nothing is made
    /// up where neither is known.
    fn risk(&self, place: usize, held: &Held, ctx: &mut Context<'_>) -> Option<f64> {
        let now = ctx.now();
        let risk = ctx.record::<RiskProposal>(&self.symbols[place].risk_key).ok().flatten();
        let own = risk.filter(|risk| {
            risk.position_plan_id == held.opening_plan && risk_fresh(now, risk.last_update_epoch)
        });
        let told = own.map(|risk| risk.stop_dist_pct);
        let own = told.and_then(usable_stop_distance);
        if told.is_some() && own.is_none() {
            ctx.count("risk_proposal_refused", 1);
        }
        let position = &held.position;
        let by_stop = || {
            let at_risk = position.side.sign() * (position.entry_price - position.current_sl?);
            Some(at_risk / position.entry_price)
        };
        own.or_else(|| by_stop().and_then(usable_stop_distance))
    }

    fn ask(
        &mut self,
        place: usize,
        held: &Held,
        proposed: &Proposed,
        close: CloseAction,
        ctx: &mut Context<'_>,
    ) {
        let symbol = self.symbols[place].symbol;
        let rung = format!("{symbol}:{}:", close.as_str());
        let rung = if self.old.marked_by_profit {
            let cents = libm::rint(held.counted(true).unrealized_pnl_per_unit * 100.0);
            format!("{rung}{}:{cents}", proposed.r_net)
        } else {
            rung + &held.opening_plan
        };
        let mark = keys::HARVEST_BRAIN_ASKED.of(&rung);
        let expire = match close {
            _ if self.old.marked_by_profit => keys::HARVEST_BRAIN_ASKED.life,
            // What calibration reduced may come again while its cause lasts.
            CloseAction::FullClose => Some(REDUCED_CLOSE_AGAIN_AFTER),
            _ => keys::HARVEST_BRAIN_ASKED.life,
        };
        let once = SetOptions { expire, if_absent: true, ..SetOptions::default() };
        if ctx.set(&mark, "1", once) != Ok(true) {
            return ctx.count("already_asked", 1);
        }
        let plan = plan(symbol, held, proposed, close, ctx);
        match self.settings.mode {
            BrainMode::Shadow => {
                ctx.count("suggestions", 1);
                let (payload, timestamp) = (JsonText(plan.to_json()), EpochSeconds(ctx.now()));
                let suggestion = HarvestSuggestion { payload, timestamp };
                crate::publish(ctx, HARVEST_SUGGESTIONS, Envelope::Flat, suggestion);
            }
            BrainMode::Live => {
                ctx.count("plans_published", 1);
                if self.old.permits_itself {
                    permit_itself(&plan, held, ctx);
                }
                self.asked.insert(plan.plan_id.clone(), mark);
                crate::publish(ctx, APPLY_PLAN, Envelope::Flat, plan);
            }
        }
    }

    /// How a plan of its own ended: an executed rung is not asked for again, another one may be.
    fn result(&mut self, delivery: &Delivery, ctx: &mut Context<'_>) {
        let Some(result) = ctx.read::<ApplyResult>(APPLY_RESULT.name, delivery) else { return };
        let Some(mark) = self.asked.remove(&result.plan_id) else { return };
        let full =
            self.old.marked_by_profit || result.action == crate::records::PlanAction::FullClose;
        if !result.executed || full {
            return;
        }
        let life = SetOptions { expire: Some(FIRED), ..SetOptions::default() };
        if ctx.set(&mark, "1", life).is_err() {
            ctx.count("mark_not_saved", 1);
        }
    }
}

fn plan(
    symbol: Symbol,
    held: &Held,
    proposed: &Proposed,
    close: CloseAction,
    ctx: &mut Context<'_>,
) -> ApplyPlan {
    let (now, correlation_id) = (ctx.now(), ctx.correlation_id());
    let k = &proposed.k_components;
    ApplyPlan {
        plan_id: brain_plan_id(&correlation_id.to_string()),
        correlation_id,
        source: SOURCE.to_owned(),
        executor: Executor::ApplyLayer,
        class: PlanClass::Close,
        symbol,
        action: close.into(),
        side: side_of(&held.position).closing().unwrap_or(OrderSide::Sell),
        order_type: "MARKET".into(),
        qty: None,
        fraction: Some(Decimal::new(i64::from(close.percent()), 2)),
        reduce_only: ReduceOnly(true),
        decision: Decision::Execute,
        reason_codes: proposed.reason_codes.join(",").into(),
        kill_score: Some(proposed.kill_score),
        k_regime_flip: Some(k.regime_flip),
        k_sigma_spike: Some(k.sigma_spike),
        k_ts_drop: Some(k.ts_drop),
        k_age_penalty: Some(k.age_penalty),
        confidence: None,
        leverage: None,
        stop_loss: None,
        take_profit: None,
        new_sl_proposed: proposed.new_sl.and_then(grid::decimal),
        r_net: Some(proposed.r_net),
        price: grid::decimal(held.position.current_price),
        model: None,
        timestamp: EpochSeconds(now),
        valid_until: EpochSeconds(now + VALID),
    }
}

/// The permit of P3.3, in its name, for as long as nobody takes it.
fn permit_itself(plan: &ApplyPlan, held: &Held, ctx: &mut Context<'_>) {
    let permit = P33Permit {
        allow: true,
        plan_id: plan.plan_id.clone(),
        correlation_id: plan.correlation_id,
        symbol: plan.symbol,
        action: plan.action,
        safe_qty: held.qty,
        exchange_position_amt: None,
        ledger_amt: None,
        reason: SOURCE.into(),
        context: None,
        created_at: plan.timestamp,
    };
    let key = keys::PERMIT_P33.of(&plan.plan_id);
    if ctx.set_json(&key, &permit, SetOptions::default()).is_err() {
        ctx.count("permit_not_written", 1);
    }
}

impl Configured for HarvestBrain {
    type Settings = HarvestBrainSettings;
    const COUNTERS: &'static [&'static str] = &[
        "SKIP_RISK_MISSING",
        "already_asked",
        "evaluated",
        "ghosts_deleted",
        "kill_switch_active",
        "mark_not_saved",
        "marketstate_missing",
        "marketstate_stale",
        "marketstate_unreadable",
        "permit_not_written",
        "plans_published",
        "position_not_sound",
        "position_unreadable",
        "proposal_refused",
        "risk_proposal_refused",
        "scanned",
        "scanned_but_not_evaluated",
        "snapshot_missing",
        "snapshot_stale",
        "snapshot_unreadable",
        "suggestions",
    ];

    fn configured(
        settings: &HarvestBrainSettings,
        setup: Setup<'_>,
    ) -> Result<HarvestBrain, String> {
        let one = |symbol: &Symbol| One {
            symbol: *symbol,
            risk_key: keys::RISK_PROPOSAL.of(symbol),
            held: HeldKeys::of(*symbol),
        };
        let audited = &setup.pipeline.audited;
        Ok(HarvestBrain {
            settings: settings.clone(),
            symbols: setup.symbols.iter().map(one).collect(),
            theta: Theta::default(),
            asked: BTreeMap::new(),
            unjudged_since: None,
            old: Old {
                of_whole: audited.has(Audited::ROfWholePosition),
                marked_by_profit: audited.has(Audited::HarvestMarkedByProfit),
                least_r_first: audited.has(Audited::LeastRBeforeKill),
                permits_itself: audited.has(Audited::HarvestBrainPermitsItself),
                ghosts: audited.has(Audited::GhostsTakeLedgers),
            },
        })
    }
}

impl Service for HarvestBrain {
    fn wiring(&self) -> Wiring {
        let mut keys_read = keys::patterns(&HELD_KEYS);
        keys_read.extend(keys::patterns(&[keys::RISK_PROPOSAL, keys::KILL_SWITCH, keys::KILL]));
        let mut keys_written = keys::patterns(&[keys::HARVEST_BRAIN_ASKED]);
        if self.old.permits_itself {
            keys_written.push(keys::PERMIT_P33.pattern());
        }
        if self.old.ghosts {
            keys_read.push(keys::POSITION.pattern());
            keys_written.extend(keys::patterns(&ghosts::KEYS));
        }
        Wiring {
            readers: vec![Reader::group(
                APPLY_RESULT.name,
                "harvest_brain:execution",
                GroupStart::End,
            )],
            writes: match self.settings.mode {
                BrainMode::Shadow => vec![HARVEST_SUGGESTIONS.name],
                BrainMode::Live => vec![APPLY_PLAN.name],
            },
            keys_read,
            keys_written,
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Delivery(delivery) => self.result(delivery, ctx),
            Input::Timer(_) => self.scan(ctx),
            Input::Start if self.old.ghosts => {
                let held = self.symbols.iter().map(|one| (one.symbol, one.held.look(ctx)));
                let held = held.filter(|(_, seen)| matches!(seen, Seen::Held(_)));
                let symbols: Vec<Symbol> = held.map(|(symbol, _)| symbol).collect();
                ghosts::clean_up(&symbols, ctx);
            }
            _ => {}
        }
        if let Input::Start | Input::Timer(_) = input {
            ctx.timer_after(Nanos::from_secs(self.settings.interval_s), TimerKey(0));
        }
    }
}
