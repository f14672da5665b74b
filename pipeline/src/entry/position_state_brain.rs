//! Position state brain P3.3 (MSE 11, EHR 3.20): the exchange's positions on the bus, and the permit
//! without which no order leaves. A plan that moves no quantity, UPDATE_SL or HOLD, needs none.
//!
//! Invariant: a permit never lets a plan trade more than the exchange holds against it.

mod permit;

use engine::{
    Answer, Context, Delivery, Envelope, EpochSeconds, ExchangeEvent, GroupStart, Input, Nanos,
    Outcome, PositionRisk, QtyLots, Reader, Request, RequestId, Service, Symbol, SymbolInfo,
    TimerKey, Wiring,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strategies::position_state::{
    Denial, DenialContext, PlanFacts, PositionFacts, PositionRules, Snapshot, evaluate_plan,
};

use crate::audited::{Audited, AuditedNames};
use crate::entry::renewals::{self, Renewals};
use crate::exchange_info::ExchangeInfo;
use crate::grid;
use crate::keys;
use crate::records::{
    ApplyPlan, Decision, OrderSide, PlanClass, PositionLedger, PositionSide, PositionSnapshot,
    PositionState, SnapshotSource, Universe, UniverseMeta,
};
use crate::settings::{Configured, Setup, settings};
use crate::streams::{APPLY_PLAN, APPLY_PLAN_MANUAL, POSITION_SNAPSHOT, RECONCILE_EVENTS};

settings! {
    /// Position state brain, P3.3.
    pub struct PositionStateBrainSettings {
        /// Between two snapshots of all positions, in ms.
        pub poll_ms: i64 = 5_000 => 1..,
        /// An older snapshot is fetched again before a permit, in ms.
        pub stale_ms: i64 = 10_000 => 0..,
        /// A symbol that traded less than this ago is not opened again, in ms.
        pub last_exec_cooldown_ms: i64 = 15_000 => 0..,
        /// Symbols that may be opened while no universe is known; without it those of the run.
        pub allowlist: Option<Vec<Symbol>> = None,
    }
}

const POLL_TIMER: TimerKey = TimerKey(0);
const INFO_TIMER: TimerKey = TimerKey(1);
/// A universe that is older names nothing.
const UNIVERSE_AGE_MAX: Nanos = Nanos::from_secs(300);
const STATE_REFRESH: Nanos = Nanos::from_secs(300);

/// Keys of one symbol, made once.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Keys {
    snapshot: String,
    state: String,
    ledger: String,
    hold: String,
    untrusted: String,
    last_exec: String,
}

/// What is known of a symbol.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Known {
    amount: i64,
    taken_at: Option<Nanos>,
    /// When that look was asked for.
    asked_at: Nanos,
    changed_at: Nanos,
    written_at: Nanos,
    step: i64,
}

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PositionStateBrain {
    settings: PositionStateBrainSettings,
    rules: PositionRules,
    audited: AuditedNames,
    symbols: Vec<Symbol>,
    keys: Vec<Keys>,
    known: Vec<Known>,
    /// The poll that is under way, and whether a permit waits for it.
    /// The look that is under way, and since when: it shows nothing of what came later.
    asked: Option<(RequestId, Nanos)>,
    info: ExchangeInfo,
    /// Plans that wait for a fresh snapshot.
    waiting: Vec<ApplyPlan>,
    closes: Renewals,
}

impl PositionStateBrain {
    /// For these symbols, in the order of the run.
    fn new(
        symbols: &[Symbol],
        settings: &PositionStateBrainSettings,
        audited: &AuditedNames,
    ) -> PositionStateBrain {
        let keys = symbols.iter().map(|symbol| Keys {
            snapshot: keys::POSITION_SNAPSHOT.of(symbol),
            state: keys::STATE_POSITIONS.of(symbol),
            ledger: keys::POSITION_LEDGER.of(symbol),
            hold: keys::RECONCILE_HOLD.of(symbol),
            untrusted: keys::POSITION_UNTRUSTED.of(symbol),
            last_exec: keys::COOLDOWN_LAST_EXEC.of(symbol),
        });
        PositionStateBrain {
            settings: settings.clone(),
            rules: PositionRules {
                stale_sec: settings.stale_ms as f64 / 1e3,
                in_flight_sec: settings.last_exec_cooldown_ms as f64 / 1e3,
                adds_allowed: false,
                audited_closes_refused: audited.has(Audited::P33RefusesCloses),
                audited_quantity: audited.has(Audited::QuarterClosesAll),
            },
            audited: audited.clone(),
            symbols: symbols.to_vec(),
            keys: keys.collect(),
            known: vec![Known { step: 1, ..Known::default() }; symbols.len()],
            asked: None,
            info: ExchangeInfo::new(INFO_TIMER),
            waiting: Vec::new(),
            closes: Renewals::default(),
        }
    }

    /// `seen_at`: when it was asked, because the exchange answered some time after.
    fn snapshots(
        &mut self,
        rows: &[PositionRisk],
        source: SnapshotSource,
        seen_at: Nanos,
        ctx: &mut Context<'_>,
    ) {
        let now = ctx.now();
        // One call tells of all symbols, so all are candidates.
        ctx.gauge("p33_snapshot_candidates", engine::GaugeOf::All, self.symbols.len() as f64);
        for row in rows {
            let place = usize::from(row.symbol.0);
            let (Some(keys), Some(known)) = (self.keys.get(place), self.known.get_mut(place))
            else {
                continue;
            };
            let instrument = &ctx.instruments()[place];
            let snapshot = PositionSnapshot {
                symbol: instrument.symbol,
                position_amt: grid::qty(instrument, row.position_amt),
                side: PositionSide::of(row.position_amt.0),
                entry_price: row.entry_price,
                mark_price: grid::price(instrument, row.mark_price),
                unrealized_pnl: row.unrealized_profit,
                leverage: row.leverage,
                ts_epoch: EpochSeconds(now),
                source,
            };
            let changed = known.amount != row.position_amt.0 || known.taken_at.is_none();
            if changed {
                known.changed_at = now;
            }
            known.amount = row.position_amt.0;
            known.taken_at = Some(now);
            known.asked_at = seen_at;
            let state = PositionState {
                symbol: snapshot.symbol,
                position_amt: snapshot.position_amt,
                side: snapshot.side,
                entry_price: snapshot.entry_price,
                leverage: snapshot.leverage,
                changed_at: EpochSeconds(known.changed_at),
                updated_at: EpochSeconds(now),
            };
            let saved = ctx.set_record(&keys.snapshot, &snapshot, keys::POSITION_SNAPSHOT.life);
            // The canonical record says when it changed; writing it again every poll would say no more.
            let due = changed || now - known.written_at >= STATE_REFRESH;
            let also = if due {
                known.written_at = now;
                ctx.set_record(&keys.state, &state, keys::STATE_POSITIONS.life)
            } else {
                Ok(())
            };
            if saved.is_err() || also.is_err() {
                ctx.count("snapshot_not_saved", 1);
            }
            if changed {
                // The stream tells changes only: a copy of every poll would say nothing new.
                crate::publish(ctx, POSITION_SNAPSHOT, Envelope::Flat, snapshot);
            }
        }
    }

    fn steps(&mut self, rows: &[SymbolInfo]) {
        for row in rows {
            if let Some(known) = self.known.get_mut(usize::from(row.symbol.0)) {
                known.step = row.step_size.max(1);
            }
        }
    }

    fn plan(&mut self, plan: &ApplyPlan, ctx: &mut Context<'_>) {
        if plan.decision != Decision::Execute {
            return;
        }
        // The audited rule knew no such action, and took it for a close of all.
        if !plan.action.moves_quantity() && !self.rules.audited_quantity {
            return ctx.count("plans_without_quantity", 1);
        }
        let now = ctx.now();
        let Some(place) = self.place_for(plan, ctx) else {
            self.deny(plan, "not_in_allowlist", ctx);
            return;
        };
        let stale = Nanos::from_millis(self.settings.stale_ms);
        let recent = self.known[place].taken_at.is_some_and(|at| now - at <= stale);
        if !recent || !self.seen_after_fill(place, ctx) {
            // Fetched on demand: a permit that is denied for want of a look would block exits.
            ctx.count("p33_ondemand_snapshots_total", 1);
            self.waiting.push(plan.clone());
            self.poll(ctx);
            return;
        }
        self.judge(place, plan, ctx);
    }

    /// The symbol's place in the run; none for an open of a symbol that no list has. No list refuses a close.
    fn place_for(&self, plan: &ApplyPlan, ctx: &mut Context<'_>) -> Option<usize> {
        let place = self.symbols.iter().position(|symbol| *symbol == plan.symbol)?;
        (plan.class != PlanClass::Open || self.listed(plan.symbol, ctx)).then_some(place)
    }

    /// Whether the symbol may be opened: by the universe that is in force, else by the last good one, else by
    /// the list of the settings.
    fn listed(&self, symbol: Symbol, ctx: &mut Context<'_>) -> bool {
        let now = ctx.now();
        let young = |asof: EpochSeconds| (Nanos::ZERO..=UNIVERSE_AGE_MAX).contains(&(now - asof.0));
        let active = match ctx.record::<UniverseMeta>(keys::UNIVERSE_META.name) {
            Ok(Some(meta)) => meta.stale == 0 && meta.count > 0 && young(meta.asof_epoch),
            Ok(None) | Err(_) => false,
        };
        if active && let Ok(Some(of)) = ctx.json::<Universe>(keys::UNIVERSE_ACTIVE.name) {
            return of.symbols.0.contains(&symbol);
        }
        match ctx.json::<Universe>(keys::UNIVERSE_LAST_OK.name) {
            Ok(Some(of)) if young(of.asof_epoch) => of.symbols.0.contains(&symbol),
            Ok(_) | Err(_) => {
                ctx.count("allowlist_of_settings_used", 1);
                self.settings.allowlist.as_ref().is_none_or(|list| list.contains(&symbol))
            }
        }
    }

    fn judge(&mut self, place: usize, plan: &ApplyPlan, ctx: &mut Context<'_>) {
        let ledger_amt = match ctx.record::<PositionLedger>(&self.keys[place].ledger) {
            Ok(Some(ledger)) => Some(ledger.position_amt),
            Ok(None) => None,
            Err(_) => {
                ctx.count("ledgers_unreadable", 1);
                if plan.class == PlanClass::Open {
                    self.deny(plan, "ledger_unreadable", ctx);
                    return;
                }
                // A close runs on what the exchange holds.
                None
            }
        };
        let facts = self.facts(place, ledger_amt, ctx);
        let asks = PlanFacts {
            reconcile_close: plan.class == PlanClass::ReconcileClose,
            action: plan.action.as_str(),
            reduce_only: plan.reduce_only.0,
            buys: Some(plan.side == OrderSide::Buy),
            asked_qty: plan.qty,
        };
        let adds = if plan.side.opens() == PositionSide::of(self.known[place].amount) {
            Audited::SameSideOpens
        } else {
            Audited::OppositeSideOpens
        };
        let rules = PositionRules { adds_allowed: self.audited.has(adds), ..self.rules };
        let verdict = match evaluate_plan(&asks, &facts, &rules) {
            Ok(_) if plan.class == PlanClass::Open && ctx.exists(&self.keys[place].untrusted) => {
                Err(Denial { reason: "symbol_untrusted", context: DenialContext::Nothing })
            }
            verdict => verdict,
        };
        let differs = match &verdict {
            Ok(evaluation) => evaluation.mismatch.is_some() || asks_too_much(plan, &facts),
            // What the ledger holds and the exchange does not is told, too.
            Err(Denial { reason: "no_position", .. }) => {
                ledger_amt.is_some_and(|amount| !amount.is_zero())
            }
            Err(denial) => matches!(denial.context, DenialContext::Sides { .. }),
        };
        if differs {
            self.tell_mismatch(plan, &facts, ctx);
        }
        self.write(plan, verdict, &facts, ctx);
        if plan.class != PlanClass::Open {
            self.closes.note(plan, ctx);
        }
    }

    fn facts(
        &self,
        place: usize,
        ledger_amt: Option<Decimal>,
        ctx: &mut Context<'_>,
    ) -> PositionFacts {
        let now = ctx.now();
        let (known, keys) = (&self.known[place], &self.keys[place]);
        let last = ctx.get(&keys.last_exec).ok().flatten().and_then(|ms| ms.parse::<i64>().ok());
        let hold = ctx.exists(&keys.hold);
        let instrument = &ctx.instruments()[place];
        let position_amt = grid::qty(instrument, QtyLots(known.amount));
        let step = grid::qty(instrument, QtyLots(known.step));
        let of = engine::GaugeOf::Symbol(instrument.symbol);
        let age_sec = known.taken_at.map(|at| (now - at).0 as f64 / 1e9);
        ctx.gauge("p33_exchange_position_amt", of, grid::float(position_amt));
        ctx.gauge("p33_ledger_position_amt", of, grid::float(ledger_amt.unwrap_or_default()));
        if let Some(age_sec) = age_sec {
            ctx.gauge("p33_snapshot_age_seconds", of, age_sec);
        }
        PositionFacts {
            snapshot: age_sec.map(|age_sec| Snapshot { position_amt, age_sec }),
            ledger_amt,
            last_exec_age_sec: last.map(|ms| now.millis().saturating_sub(ms) as f64 / 1e3),
            hold,
            step,
        }
    }

    /// A close may wait for the order in flight longer than its permit lives.
    fn renew(&mut self, ctx: &mut Context<'_>) {
        for plan in self.closes.due(ctx) {
            if let Some(place) = self.symbols.iter().position(|symbol| *symbol == plan.symbol) {
                self.judge(place, &plan, ctx);
            }
        }
    }

    /// After a start: plans that wait are judged at the first look, as a former life may not have done.
    fn recover(&mut self, ctx: &mut Context<'_>) {
        self.waiting.extend(renewals::waiting(ctx));
    }

    /// Whether the last look is younger than the last fill: one from before shows a position that is gone.
    fn seen_after_fill(&self, place: usize, ctx: &mut Context<'_>) -> bool {
        let booked = match ctx.record::<PositionLedger>(&self.keys[place].ledger) {
            Ok(ledger) if !self.audited.has(Audited::SnapshotBeforeFill) => {
                ledger.map(|ledger| ledger.updated_at.0)
            }
            Ok(_) | Err(_) => None,
        };
        booked.is_none_or(|booked| booked < self.known[place].asked_at)
    }

    fn poll(&mut self, ctx: &mut Context<'_>) {
        if self.asked.is_none() {
            if self.audited.has(Audited::SnapshotPerSymbol) {
                for _ in self.symbols.iter().skip(1) {
                    ctx.submit(Request::PositionRisk);
                }
            }
            self.asked = Some((ctx.submit(Request::PositionRisk), ctx.now()));
        }
    }

    fn response(&mut self, request: RequestId, outcome: &Outcome, ctx: &mut Context<'_>) {
        if let Some(rows) = self.info.heard(request, outcome, ctx) {
            self.steps(rows);
            return;
        }
        let own = self.asked.filter(|(asked, _)| *asked == request);
        if own.is_some() {
            self.asked = None;
        }
        let seen_at = own.map_or(ctx.now(), |(_, at)| at);
        match outcome {
            Outcome::Done(Answer::PositionRisk(rows)) => {
                let on_demand = !self.waiting.is_empty();
                let source =
                    if on_demand { SnapshotSource::OnDemand } else { SnapshotSource::Poll };
                self.snapshots(rows, source, seen_at, ctx);
                for plan in std::mem::take(&mut self.waiting) {
                    match self.symbols.iter().position(|symbol| *symbol == plan.symbol) {
                        // The look was under way when a fill came.
                        Some(place) if !self.seen_after_fill(place, ctx) => {
                            self.waiting.push(plan);
                            self.poll(ctx);
                        }
                        Some(place) => self.judge(place, &plan, ctx),
                        None => self.deny(&plan, "not_in_allowlist", ctx),
                    }
                }
                self.renew(ctx);
            }
            Outcome::Refused(_) | Outcome::Unknown | Outcome::Done(_) => {
                ctx.count("snapshot_not_fetched", 1);
                for plan in std::mem::take(&mut self.waiting) {
                    self.deny(&plan, "no_exchange_snapshot", ctx);
                }
            }
        }
    }

    fn delivered(&mut self, delivery: &Delivery, ctx: &mut Context<'_>) {
        let stream = if delivery.reader == 0 { APPLY_PLAN } else { APPLY_PLAN_MANUAL };
        if let Some(plan) = ctx.read::<ApplyPlan>(stream.name, delivery) {
            self.plan(&plan, ctx);
        }
    }
}

/// A close that names a step and more beyond what the exchange holds: who asked knows of another position.
fn asks_too_much(plan: &ApplyPlan, facts: &PositionFacts) -> bool {
    let held = facts.snapshot.map_or(Decimal::ZERO, |snapshot| snapshot.position_amt.abs());
    plan.class == PlanClass::Close && plan.qty.is_some_and(|qty| qty - held >= facts.step)
}

impl Configured for PositionStateBrain {
    type Settings = PositionStateBrainSettings;
    const COUNTERS: &'static [&'static str] = &[
        "allowlist_of_settings_used",
        "cooldown_in_flight",
        "ledger_mismatches",
        "ledger_unreadable",
        "ledgers_unreadable",
        "no_exchange_snapshot",
        "no_position",
        "not_in_allowlist",
        "p33_ondemand_snapshots_total",
        "p33_permit_allow_total",
        "p33_permit_deny_total",
        "permit_not_written",
        "permits_renewed",
        "plans_unreadable",
        "plans_without_quantity",
        "position_exists",
        "reconcile_hold_active",
        "reconcile_required_qty_mismatch",
        "reconcile_required_side_mismatch",
        "snapshot_not_fetched",
        "snapshot_not_saved",
        "stale_exchange_state",
        "symbol_untrusted",
        "unknown_action",
        "wrong_side",
    ];
    const GAUGES: &'static [&'static str] = &[
        "p33_exchange_position_amt",
        "p33_ledger_position_amt",
        "p33_snapshot_age_seconds",
        "p33_snapshot_candidates",
    ];

    fn configured(
        settings: &PositionStateBrainSettings,
        setup: Setup<'_>,
    ) -> Result<PositionStateBrain, String> {
        Ok(PositionStateBrain::new(setup.symbols, settings, &setup.pipeline.audited))
    }
}

impl Service for PositionStateBrain {
    fn wiring(&self) -> Wiring {
        Wiring {
            readers: vec![
                Reader::group(APPLY_PLAN.name, "p33", GroupStart::End),
                Reader::group(APPLY_PLAN_MANUAL.name, "p33", GroupStart::End),
            ],
            writes: vec![POSITION_SNAPSHOT.name, RECONCILE_EVENTS.name],
            keys_read: keys::patterns(&[
                keys::POSITION_LEDGER,
                keys::EXECUTOR_WAITING,
                keys::APPLY_WAITING,
                keys::RECONCILE_HOLD,
                keys::POSITION_UNTRUSTED,
                keys::COOLDOWN_LAST_EXEC,
                keys::UNIVERSE_META,
                keys::UNIVERSE_ACTIVE,
                keys::UNIVERSE_LAST_OK,
            ]),
            keys_written: keys::patterns(&[
                keys::POSITION_SNAPSHOT,
                keys::STATE_POSITIONS,
                keys::PERMIT_P33,
            ]),
            exchange: true,
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Start => {
                self.info.ask(ctx);
                self.recover(ctx);
                self.poll(ctx);
                ctx.timer_after(Nanos::from_millis(self.settings.poll_ms), POLL_TIMER);
            }
            Input::Timer(INFO_TIMER) => self.info.ask(ctx),
            Input::Timer(_) => {
                self.poll(ctx);
                ctx.timer_after(Nanos::from_millis(self.settings.poll_ms), POLL_TIMER);
            }
            Input::Delivery(delivery) => self.delivered(delivery, ctx),
            Input::Exchange(ExchangeEvent::Response { request, outcome, .. }) => {
                self.response(*request, outcome, ctx);
            }
            _ => {}
        }
    }
}
