//! Position state brain P3.3 (MSE 11, EHR 3.20): the exchange's positions on the bus, and the permit
//! without which no plan runs.
//!
//! Invariant: a permit never lets a plan trade more than the exchange holds against it.

use std::borrow::Cow;

use engine::{
    Answer, Context, Delivery, Envelope, EpochSeconds, ExchangeEvent, GroupStart, Input, Nanos,
    Outcome, PositionRisk, Reader, Request, RequestId, Service, SetOptions, Symbol, SymbolInfo,
    TimerKey, Wiring,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::exchange_info::ExchangeInfo;
use crate::grid;
use crate::keys;
use crate::records::{
    ApplyPlan, Decision, P33Permit, PlanClass, PositionLedger, PositionSide, PositionSnapshot,
    PositionState, ReconcileEvent, ReconcileEventKind, SnapshotSource,
};
use crate::settings::{Configured, Setup, settings};
use crate::streams::{APPLY_PLAN, POSITION_SNAPSHOT, RECONCILE_EVENTS};

settings! {
    /// Position state brain, P3.3.
    pub struct PositionStateBrainSettings {
        /// Between two snapshots of all positions, in ms.
        pub poll_ms: i64 = 5_000 => 1..,
        /// An older snapshot is fetched again before a permit, in ms.
        pub stale_ms: i64 = 10_000 => 0..,
        /// A symbol that traded less than this ago is not opened again, in ms.
        pub last_exec_cooldown_ms: i64 = 15_000 => 0..,
    }
}

const POLL_TIMER: TimerKey = TimerKey(0);
const INFO_TIMER: TimerKey = TimerKey(1);
const STATE_REFRESH: Nanos = Nanos::from_secs(300);
/// The permit of a close that still waits is judged anew, from this age on, before it ends.
const RENEW_AFTER: Nanos = Nanos::from_secs(50);

/// Keys of one symbol, made once.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Keys {
    snapshot: String,
    state: String,
    ledger: String,
    hold: String,
    last_exec: String,
}

/// What is known of a symbol.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Known {
    amount: i64,
    taken_at: Option<Nanos>,
    changed_at: Nanos,
    written_at: Nanos,
    step: i64,
}

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PositionStateBrain {
    settings: PositionStateBrainSettings,
    symbols: Vec<Symbol>,
    keys: Vec<Keys>,
    known: Vec<Known>,
    /// The poll that is under way, and whether a permit waits for it.
    asked: Option<RequestId>,
    info: ExchangeInfo,
    /// Plans that wait for a fresh snapshot.
    waiting: Vec<ApplyPlan>,
    /// Closes of the last minute, and when they were judged.
    closes: Vec<(ApplyPlan, Nanos)>,
}

/// Why a permit is denied.
type Denial = &'static str;

impl PositionStateBrain {
    /// For these symbols, in the order of the run.
    fn new(symbols: &[Symbol], settings: &PositionStateBrainSettings) -> PositionStateBrain {
        let keys = symbols.iter().map(|symbol| Keys {
            snapshot: keys::POSITION_SNAPSHOT.of(symbol),
            state: keys::STATE_POSITIONS.of(symbol),
            ledger: keys::POSITION_LEDGER.of(symbol),
            hold: keys::RECONCILE_HOLD.of(symbol),
            last_exec: keys::COOLDOWN_LAST_EXEC.of(symbol),
        });
        PositionStateBrain {
            settings: settings.clone(),
            symbols: symbols.to_vec(),
            keys: keys.collect(),
            known: vec![Known { step: 1, ..Known::default() }; symbols.len()],
            asked: None,
            info: ExchangeInfo::new(INFO_TIMER),
            waiting: Vec::new(),
            closes: Vec::new(),
        }
    }

    fn snapshots(&mut self, rows: &[PositionRisk], source: SnapshotSource, ctx: &mut Context<'_>) {
        let now = ctx.now();
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
        let now = ctx.now();
        let Some(place) = self.symbols.iter().position(|symbol| *symbol == plan.symbol) else {
            self.write(plan, Err("not_in_allowlist"), None, None, ctx);
            return;
        };
        let stale = Nanos::from_millis(self.settings.stale_ms);
        let fresh = self.known[place].taken_at.is_some_and(|at| now - at <= stale);
        if !fresh {
            // Fetched on demand: a permit that is denied for want of a look would block exits.
            self.waiting.push(plan.clone());
            self.poll(ctx);
            return;
        }
        self.judge(place, plan, ctx);
    }

    fn judge(&mut self, place: usize, plan: &ApplyPlan, ctx: &mut Context<'_>) {
        let instrument = ctx.instruments()[place].clone();
        let ledger = match ctx.record::<PositionLedger>(&self.keys[place].ledger) {
            Ok(Some(ledger)) => grid::lots(&instrument, ledger.position_amt),
            Ok(None) => None,
            Err(_) => {
                ctx.count("ledgers_unreadable", 1);
                if plan.class == PlanClass::Open {
                    self.write(plan, Err("ledger_unreadable"), None, None, ctx);
                    return;
                }
                // A close runs on what the exchange holds.
                None
            }
        };
        if let Some(ledger) = ledger.filter(|_| plan.reduce_only.0) {
            self.compare_with_ledger(place, plan, ledger, ctx);
        }
        let verdict = self.verdict(place, plan, ctx);
        let amount = self.known[place].amount;
        let safe = verdict.map(|lots| grid::qty(&instrument, engine::QtyLots(lots)));
        let exchange = Some(grid::qty(&instrument, engine::QtyLots(amount)));
        let ledger = ledger.map(|lots| grid::qty(&instrument, engine::QtyLots(lots)));
        self.write(plan, safe, exchange, ledger, ctx);
        if plan.class != PlanClass::Open {
            self.closes.push((plan.clone(), ctx.now()));
        }
    }

    /// A close may wait for the order in flight longer than its permit lives.
    fn renew(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now();
        for (plan, judged_at) in std::mem::take(&mut self.closes) {
            if now - judged_at < RENEW_AFTER {
                self.closes.push((plan, judged_at));
            } else if ctx.exists(&keys::EXECUTOR_WAITING.of(&plan.plan_id))
                && let Some(place) = self.symbols.iter().position(|symbol| *symbol == plan.symbol)
            {
                ctx.count("permits_renewed", 1);
                self.judge(place, &plan, ctx);
            }
        }
    }

    /// After a start: plans that wait are judged at the first look, as a former life may not have done.
    fn recover(&mut self, ctx: &mut Context<'_>) {
        for key in ctx.scan(&keys::EXECUTOR_WAITING.of("*")) {
            match ctx.json::<ApplyPlan>(&key) {
                Ok(Some(plan)) => self.waiting.push(plan.into_owned()),
                Ok(None) => {}
                Err(_) => ctx.count("plans_unreadable", 1),
            }
        }
    }

    /// Safe quantity in lots; zero on an open is the plan's own.
    fn verdict(
        &self,
        place: usize,
        plan: &ApplyPlan,
        ctx: &mut Context<'_>,
    ) -> Result<i64, Denial> {
        let known = &self.known[place];
        let keys = &self.keys[place];
        let amount = known.amount;
        if plan.class == PlanClass::ReconcileClose {
            return Ok(amount.abs());
        }
        if !plan.reduce_only.0 {
            if amount != 0 {
                return Err("position_exists");
            }
            if self.traded_lately(&keys.last_exec, ctx) {
                return Err("cooldown_in_flight");
            }
            if ctx.exists(&keys.hold) {
                return Err("reconcile_hold_active");
            }
            return Ok(0);
        }
        if amount == 0 {
            return Err("no_position");
        }
        if plan.side.sign() == amount.signum() {
            return Err("wrong_side");
        }
        let percent = plan.action.close_percent().ok_or("unknown_action")?;
        // Rounded down to the exchange's step, so that a close never asks for more than there is.
        let lots = (i128::from(amount.abs()) * i128::from(percent) / 100) as i64;
        let lots = lots - lots % known.step;
        // The last step of a small position is closed whole.
        let lots = if lots == 0 { amount.abs() } else { lots };
        Ok(lots.min(amount.abs()))
    }

    /// A close runs on what the exchange holds; a ledger that says something else is told to P3.4.
    fn compare_with_ledger(
        &self,
        place: usize,
        plan: &ApplyPlan,
        ledger: i64,
        ctx: &mut Context<'_>,
    ) {
        let amount = self.known[place].amount;
        // 1 % of the position is within the tolerance, as fills and snapshots are moments apart.
        if (amount - ledger).abs() <= amount.abs() / 100 {
            return;
        }
        let instrument = &ctx.instruments()[place];
        let event = ReconcileEvent {
            event: ReconcileEventKind::LedgerMismatch,
            symbol: plan.symbol,
            exchange_amt: Some(grid::qty(instrument, engine::QtyLots(amount))),
            ledger_amt: Some(grid::qty(instrument, engine::QtyLots(ledger))),
            plan_id: plan.plan_id.clone(),
            details: None,
            ts: EpochSeconds(ctx.now()),
        };
        ctx.count("ledger_mismatches", 1);
        crate::publish(ctx, RECONCILE_EVENTS, Envelope::Flat, event);
    }

    fn traded_lately(&self, key: &str, ctx: &mut Context<'_>) -> bool {
        let now = ctx.now();
        let last = ctx.get(key).ok().flatten().and_then(|ms| ms.parse::<i64>().ok());
        last.is_some_and(|ms| now.millis() - ms < self.settings.last_exec_cooldown_ms)
    }

    fn write(
        &self,
        plan: &ApplyPlan,
        verdict: Result<Decimal, Denial>,
        exchange: Option<Decimal>,
        ledger: Option<Decimal>,
        ctx: &mut Context<'_>,
    ) {
        let allow = verdict.is_ok();
        let reason = verdict.err().unwrap_or("sanity_checks_passed");
        let permit = P33Permit {
            allow,
            plan_id: plan.plan_id.clone(),
            correlation_id: plan.correlation_id,
            symbol: plan.symbol,
            action: plan.action,
            safe_qty: verdict.unwrap_or_default(),
            exchange_position_amt: exchange,
            ledger_amt: ledger,
            reason: Cow::Borrowed(reason),
            context: None,
            created_at: EpochSeconds(ctx.now()),
        };
        let options = SetOptions { expire: keys::PERMIT_P33.life, ..SetOptions::default() };
        if ctx.set_json(&keys::PERMIT_P33.of(&plan.plan_id), &permit, options).is_err() {
            ctx.count("permit_not_written", 1);
        }
        ctx.count(if allow { "p33_permit_allow_total" } else { "p33_permit_deny_total" }, 1);
        if !allow {
            ctx.count(reason, 1);
        }
    }

    fn poll(&mut self, ctx: &mut Context<'_>) {
        if self.asked.is_none() {
            self.asked = Some(ctx.submit(Request::PositionRisk));
        }
    }

    fn response(&mut self, request: RequestId, outcome: &Outcome, ctx: &mut Context<'_>) {
        if let Some(rows) = self.info.heard(request, outcome, ctx) {
            self.steps(rows);
            return;
        }
        if self.asked == Some(request) {
            self.asked = None;
        }
        match outcome {
            Outcome::Done(Answer::PositionRisk(rows)) => {
                let on_demand = !self.waiting.is_empty();
                let source =
                    if on_demand { SnapshotSource::OnDemand } else { SnapshotSource::Poll };
                self.snapshots(rows, source, ctx);
                for plan in std::mem::take(&mut self.waiting) {
                    match self.symbols.iter().position(|symbol| *symbol == plan.symbol) {
                        Some(place) => self.judge(place, &plan, ctx),
                        None => self.write(&plan, Err("not_in_allowlist"), None, None, ctx),
                    }
                }
                self.renew(ctx);
            }
            Outcome::Refused(_) | Outcome::Unknown | Outcome::Done(_) => {
                ctx.count("snapshot_not_fetched", 1);
                for plan in std::mem::take(&mut self.waiting) {
                    self.write(&plan, Err("no_exchange_snapshot"), None, None, ctx);
                }
            }
        }
    }

    fn delivered(&mut self, delivery: &Delivery, ctx: &mut Context<'_>) {
        if let Some(plan) = ctx.read::<ApplyPlan>(APPLY_PLAN.name, delivery) {
            self.plan(&plan, ctx);
        }
    }
}

impl Configured for PositionStateBrain {
    type Settings = PositionStateBrainSettings;
    const COUNTERS: &'static [&'static str] = &[
        "cooldown_in_flight",
        "ledger_mismatches",
        "ledger_unreadable",
        "ledgers_unreadable",
        "no_exchange_snapshot",
        "no_position",
        "not_in_allowlist",
        "p33_permit_allow_total",
        "p33_permit_deny_total",
        "permit_not_written",
        "permits_renewed",
        "plans_unreadable",
        "position_exists",
        "reconcile_hold_active",
        "snapshot_not_fetched",
        "snapshot_not_saved",
        "wrong_side",
    ];

    fn configured(
        settings: &PositionStateBrainSettings,
        setup: Setup<'_>,
    ) -> Result<PositionStateBrain, String> {
        Ok(PositionStateBrain::new(setup.symbols, settings))
    }
}

impl Service for PositionStateBrain {
    fn wiring(&self) -> Wiring {
        Wiring {
            readers: vec![Reader::group(APPLY_PLAN.name, "p33", GroupStart::End)],
            writes: vec![POSITION_SNAPSHOT.name, RECONCILE_EVENTS.name],
            keys_read: keys::patterns(&[
                keys::POSITION_LEDGER,
                keys::EXECUTOR_WAITING,
                keys::RECONCILE_HOLD,
                keys::COOLDOWN_LAST_EXEC,
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
