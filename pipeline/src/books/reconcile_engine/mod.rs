//! Reconcile engine P3.4 (EHR 3.21): exchange against ledger, every second. It makes the ledger where there is
//! none, repairs it where an execution explains the difference, and otherwise holds the symbol; with a secret
//! it publishes the signed close of what the exchange holds beyond the ledger.
//!
//! Invariants: a hold is never made shorter; without a configured secret no close leaves; a snapshot that may
//! be older than the ledger's last change or the symbol's last trade is compared with nothing; one close is out at a
//! time.

mod close;
mod evidence;
mod hold;
mod ledger;

use std::borrow::Cow;

use engine::{
    Context, Delivery, EpochSeconds, GaugeOf, GroupStart, Input, Nanos, Reader, Service, Symbol,
    TimerKey, Wiring,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strategies::reconcile::{
    CloseSecret, Drift, DriftKind, ReconcileInput, ReconcileStep, reconcile_step,
};

use crate::audited::Audited;
use crate::drift;
use crate::grid;
use crate::keys;
use crate::records::{
    PositionLedger, PositionSnapshot, ReconcileEvent, ReconcileEventKind, ReconcileState,
    ReconcileStatus,
};
use crate::settings::{Configured, Secret, Setup, settings};
use crate::streams::{APPLY_RESULT, RECONCILE_CLOSE, RECONCILE_EVENTS};

settings! {
    /// Reconcile engine, P3.4.
    pub struct ReconcileEngineSettings {
        /// Between two looks, in ms.
        pub interval_ms: i64 = 1_000 => 1..,
        /// Seals the closes that the engine publishes, and checks them in the Apply Layer. Without one no
        /// close is published: a symbol is held, and MANUAL_REQUIRED says so.
        pub close_secret: Option<Secret> = None,
        /// A ledger is emptied when each look of so long has shown that the exchange holds nothing, in s.
        pub flat_after_s: i64 = 30 => 1..,
    }
}

/// An unchanged state is written again after so long.
const STATE_REFRESH: Nanos = Nanos::from_secs(30);
/// So many results of all symbols are looked through for them.
const RESULTS_MAX: usize = 1_000;
const AGREE: &str = "agree";
/// Who wrote a ledger that was repaired, and why: an execution explains it,
const EVIDENCE: (&str, &str) = ("p34_auto", "evidence");
/// or the exchange has held nothing for a while.
const GONE: (&str, &str) = ("p34_flat", "exchange_flat");

/// Keys of one symbol, made once.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Keys {
    snapshot: String,
    ledger: String,
    inflight: String,
    traded: String,
    close_out: String,
    hold: String,
    reason: String,
    signature: String,
    state: String,
    untrusted: String,
}

/// What is known of a symbol.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Known {
    /// Why it is held; `agree` when it is not, empty before the first look.
    reason: Cow<'static, str>,
    /// When its state was written, and with which amounts.
    written: Option<(Nanos, Option<Decimal>, Option<Decimal>)>,
    /// The snapshot that showed the drift first, with both amounts.
    drifted: Option<(Nanos, Decimal, Decimal)>,
    /// The case that an operator was told of.
    told: String,
    /// The snapshot and the version of the ledger that agreed: looking at them again finds nothing else.
    agreed: Option<(EpochSeconds, u64)>,
    /// When it was told last that the symbol is to be trusted, without a hold to take away.
    cleared_at: Option<Nanos>,
}

/// A look at a symbol.
#[derive(Clone, Copy, Debug)]
struct Look {
    exchange: Option<(Decimal, EpochSeconds)>,
    ledger: Option<Decimal>,
}

impl Look {
    fn exchange_amt(&self) -> Option<Decimal> {
        self.exchange.map(|(amount, _)| amount)
    }
}

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReconcileEngine {
    settings: ReconcileEngineSettings,
    symbols: Vec<Symbol>,
    keys: Vec<Keys>,
    known: Vec<Known>,
    fixed_at: Option<Nanos>,
    old: Old,
}

/// What the engine did before it was mended, as far as the run asks for it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Old {
    /// It fails to seal its closes, after it has set all that goes with them.
    seals_last: bool,
    /// It writes a hold at each look, with its short life.
    cuts_holds: bool,
    /// It does not know the names of the executors' fields in the ledger.
    other_ledger: bool,
    /// Nor those of results.
    other_evidence: bool,
    /// It publishes another close while one is out.
    piles_up: bool,
    /// Its own close is evidence, and a snapshot from before it is looked at.
    own_evidence: bool,
    /// A ledger outlives the position.
    keeps_gone: bool,
}

impl ReconcileEngine {
    /// For these symbols, in the order of the run.
    fn new(symbols: &[Symbol], settings: &ReconcileEngineSettings, old: Old) -> ReconcileEngine {
        let keys = symbols.iter().map(|symbol| Keys {
            snapshot: keys::POSITION_SNAPSHOT.of(symbol),
            ledger: keys::POSITION_LEDGER.of(symbol),
            inflight: keys::INFLIGHT.of(symbol),
            traded: keys::COOLDOWN_LAST_EXEC.of(symbol),
            close_out: keys::RECONCILE_CLOSE_OUT.of(symbol),
            hold: keys::RECONCILE_HOLD.of(symbol),
            reason: keys::RECONCILE_HOLD_REASON.of(symbol),
            signature: keys::RECONCILE_HOLD_SIG.of(symbol),
            state: keys::RECONCILE_STATE.of(symbol),
            untrusted: keys::POSITION_UNTRUSTED.of(symbol),
        });
        ReconcileEngine {
            settings: settings.clone(),
            symbols: symbols.to_vec(),
            keys: keys.collect(),
            known: vec![Known::default(); symbols.len()],
            fixed_at: None,
            old,
        }
    }

    /// After a start: why symbols were held, so that a hold that goes on is not told again.
    fn recover(&mut self, ctx: &mut Context<'_>) {
        for (keys, known) in self.keys.iter().zip(&mut self.known) {
            match ctx.record::<ReconcileState>(&keys.state) {
                Ok(Some(state)) => known.reason = state.reason.clone(),
                Ok(None) => {}
                Err(_) => ctx.count("states_unreadable", 1),
            }
        }
    }

    fn look_at_all(&mut self, ctx: &mut Context<'_>) {
        for place in 0..self.symbols.len() {
            self.look(place, ctx);
        }
        if let Some(fixed_at) = self.fixed_at {
            let age = (ctx.now() - fixed_at).as_secs_f64();
            ctx.gauge("p34_reconcile_last_fix_age_sec", GaugeOf::All, age);
        }
    }

    fn look(&mut self, place: usize, ctx: &mut Context<'_>) {
        let now = ctx.now();
        let keys = &self.keys[place];
        let exchange = match ctx.record::<PositionSnapshot>(&keys.snapshot) {
            Ok(Some(seen)) => Some((seen.position_amt, seen.ts_epoch)),
            Ok(None) => None,
            Err(_) => {
                ctx.count("snapshot_unreadable", 1);
                None
            }
        };
        let ledger = match ctx.record::<PositionLedger>(&keys.ledger) {
            Ok(ledger) => ledger.map(|ledger| {
                let own = ledger.source.starts_with("p34_") || !self.old.other_ledger;
                let amount = if own { ledger.position_amt } else { Decimal::ZERO };
                (amount, ledger.updated_at.0, ledger.version)
            }),
            Err(_) => {
                ctx.count("ledger_unreadable", 1);
                let look = Look { exchange, ledger: None };
                self.hold(place, look, "ledger_unreadable", None, ctx);
                self.tell_operator(place, look, "ledger_unreadable", "ledger_unreadable", ctx);
                return;
            }
        };
        if let (Some((_, taken)), Some((_, changed, version))) = (exchange, ledger) {
            if self.known[place].agreed == Some((taken, version)) && now - taken.0 <= drift::FRESH {
                return;
            }
            let traded = match self.old.own_evidence {
                true => None,
                false => drift::traded_at(&self.keys[place].traded, ctx),
            };
            let older = |changed| drift::may_be_older(taken.0, changed, now);
            if older(changed) || traded.is_some_and(older) {
                return;
            }
        }
        let look = Look { exchange, ledger: ledger.map(|(amount, ..)| amount) };
        let agree = self.judge(place, look, ctx);
        self.known[place].agreed = match (exchange, ledger) {
            (Some((_, taken)), Some((.., version))) if agree => Some((taken, version)),
            _ => None,
        };
    }

    /// Decides; what it decides on is young enough. Whether exchange and ledger agree.
    fn judge(&mut self, place: usize, look: Look, ctx: &mut Context<'_>) -> bool {
        let now = ctx.now();
        let age = |taken: EpochSeconds| (now - taken.0).as_secs_f64();
        let exchange = look.exchange.map(|(amount, taken)| (amount, age(taken)));
        let input = ReconcileInput { exchange, ledger_amt: look.ledger, executions: &[] };
        let mut step = reconcile_step(&input);
        let unsure = matches!(
            step,
            ReconcileStep::InitLedger { .. } | ReconcileStep::Hold { drift: Some(_), .. }
        );
        if unsure && ctx.exists(&self.keys[place].inflight) {
            // Its fill is on the exchange and not yet in the ledger, or the other way round.
            return false;
        }
        let confirmed = self.confirmed(place, look, &step);
        if let ReconcileStep::Hold {
            drift: Some(Drift { kind: DriftKind::QtyMismatch, .. }), ..
        } = step
            && confirmed
        {
            let executions = self.executions(place, look, ctx);
            step = reconcile_step(&ReconcileInput { executions: &executions, ..input });
        }
        let agree = matches!(step, ReconcileStep::Agree);
        match step {
            ReconcileStep::Agree => self.agree(place, look, ctx),
            ReconcileStep::InitLedger { amount } => {
                let told = (ReconcileEventKind::LedgerInit, "p34_init");
                if self.write_ledger(place, look, amount, told, ctx) {
                    self.agree(place, Look { ledger: Some(amount), ..look }, ctx);
                }
            }
            ReconcileStep::Repair { amount, drift } => {
                self.repair(place, look, amount, drift, EVIDENCE, ctx);
            }
            ReconcileStep::Hold { drift: Some(drift), .. } if self.is_gone(place, look) => {
                self.repair(place, look, Decimal::ZERO, drift, GONE, ctx);
            }
            ReconcileStep::Hold { reason, drift } => {
                self.hold(place, look, reason, drift, ctx);
                if confirmed {
                    self.close(place, look, ctx);
                }
            }
        }
        agree
    }

    /// Whether two snapshots have shown the same drift. One may have been taken while a fill was on its way.
    fn confirmed(&mut self, place: usize, look: Look, step: &ReconcileStep) -> bool {
        let known = &mut self.known[place];
        let (ReconcileStep::Hold { drift: Some(_), .. }, Some((exchange, taken)), Some(ledger)) =
            (step, look.exchange, look.ledger)
        else {
            known.drifted = None;
            return false;
        };
        match known.drifted {
            Some((first, was, book)) if was == exchange && book == ledger => first < taken.0,
            _ => {
                known.drifted = Some((taken.0, exchange, ledger));
                false
            }
        }
    }

    fn agree(&mut self, place: usize, look: Look, ctx: &mut Context<'_>) {
        let held = self.release(place, ctx);
        if held || self.still_marked(place, ctx) {
            self.tell(place, look, ReconcileEventKind::HoldCleared, AGREE.into(), ctx);
        }
        self.known[place].told.clear();
        self.stand(place, look, AGREE.into(), ReconcileStatus::Ok, None, ctx);
    }

    fn repair(
        &mut self,
        place: usize,
        look: Look,
        amount: Decimal,
        drift: Drift,
        (source, reason): (&'static str, &'static str),
        ctx: &mut Context<'_>,
    ) {
        let told = (ReconcileEventKind::AutoRepair, source);
        if !self.write_ledger(place, look, amount, told, ctx) {
            return;
        }
        ctx.count("p34_reconcile_auto_repair_total", 1);
        self.fixed_at = Some(ctx.now());
        self.known[place].drifted = None;
        self.known[place].told.clear();
        if self.release(place, ctx) {
            self.tell(place, look, ReconcileEventKind::HoldCleared, "repaired".into(), ctx);
        }
        let repaired = Look { ledger: Some(amount), ..look };
        let status = ReconcileStatus::Repaired;
        self.stand(place, repaired, reason.into(), status, Some(drift), ctx);
    }

    /// Writes where the symbol stands when that has changed, or is long written.
    fn stand(
        &mut self,
        place: usize,
        look: Look,
        reason: Cow<'static, str>,
        status: ReconcileStatus,
        drift: Option<Drift>,
        ctx: &mut Context<'_>,
    ) {
        let now = ctx.now();
        let known = &self.known[place];
        let amounts = (look.exchange_amt(), look.ledger);
        let same = known.reason == reason
            && known.written.is_some_and(|(at, exchange, ledger)| {
                (exchange, ledger) == amounts && now - at < STATE_REFRESH
            });
        if same {
            return;
        }
        let (diff_amt, diff_pct) =
            drift.map_or_else(Default::default, |drift| (drift.diff_amt, drift.diff_pct));
        let state = ReconcileState {
            status,
            reason: reason.clone(),
            exchange_amt: amounts.0,
            ledger_amt: amounts.1,
            diff_amt,
            diff_pct: diff_pct.round_dp(8),
            last_seen_ts: EpochSeconds(now),
        };
        if ctx.set_record(&self.keys[place].state, &state, keys::RECONCILE_STATE.life).is_err() {
            ctx.count("state_not_saved", 1);
        }
        ctx.gauge("p34_reconcile_diff_amt", self.of(place), grid::float(diff_amt));
        let known = &mut self.known[place];
        known.reason = reason;
        known.written = Some((now, amounts.0, amounts.1));
    }

    /// Somebody else found a mismatch: the symbol is held until a look finds that both agree.
    fn heard(&mut self, delivery: &Delivery, ctx: &mut Context<'_>) {
        let Some(event) = ctx.read::<ReconcileEvent>(RECONCILE_EVENTS.name, delivery) else {
            return;
        };
        if event.event != ReconcileEventKind::LedgerMismatch {
            return;
        }
        let Some(place) = self.symbols.iter().position(|symbol| *symbol == event.symbol) else {
            ctx.count("events_of_unknown_symbols", 1);
            return;
        };
        if !ctx.exists(&self.keys[place].hold) {
            let taken = EpochSeconds(ctx.now());
            let exchange = event.exchange_amt.map(|amount| (amount, taken));
            let look = Look { exchange, ledger: event.ledger_amt };
            self.known[place].agreed = None;
            self.hold(place, look, "ledger_mismatch", None, ctx);
        }
    }
}

impl Configured for ReconcileEngine {
    type Settings = ReconcileEngineSettings;
    const COUNTERS: &'static [&'static str] = &[
        "close_not_published",
        "events_of_unknown_symbols",
        "hold_not_saved",
        "ledger_mismatch",
        "ledger_not_saved",
        "ledger_unreadable",
        "manual_required",
        "missing_exchange",
        "p34_reconcile_auto_repair_total",
        "p34_reconcile_close_published_total",
        "p34_reconcile_drift_total",
        "qty_mismatch_no_evidence",
        "results_unreadable",
        "side_mismatch",
        "snapshot_unreadable",
        "stale_exchange",
        "state_not_saved",
        "states_unreadable",
        "trust_restored_without_a_hold",
    ];
    const GAUGES: &'static [&'static str] =
        &["p34_reconcile_diff_amt", "p34_reconcile_hold_active", "p34_reconcile_last_fix_age_sec"];

    fn configured(
        settings: &ReconcileEngineSettings,
        setup: Setup<'_>,
    ) -> Result<ReconcileEngine, String> {
        if let Some(secret) = &settings.close_secret {
            CloseSecret::new(secret.text()).map_err(|_| {
                "close_secret is empty: give one, or none at all and no close is published"
                    .to_owned()
            })?;
        }
        let audited = &setup.pipeline.audited;
        let old = Old {
            seals_last: audited.has(Audited::HoldWithoutClose),
            cuts_holds: audited.has(Audited::HoldCutEachLook),
            other_ledger: audited.has(Audited::LedgerByOtherNames),
            other_evidence: audited.has(Audited::EvidenceByOtherNames),
            piles_up: audited.has(Audited::ReconcileClosesPileUp),
            own_evidence: audited.has(Audited::OwnCloseIsEvidence),
            keeps_gone: audited.has(Audited::RecordsOutlivePositions),
        };
        Ok(ReconcileEngine::new(setup.symbols, settings, old))
    }
}

impl Service for ReconcileEngine {
    fn wiring(&self) -> Wiring {
        Wiring {
            readers: vec![Reader::group(
                RECONCILE_EVENTS.name,
                "reconcile_engine",
                GroupStart::End,
            )],
            writes: vec![RECONCILE_EVENTS.name, RECONCILE_CLOSE.name],
            looks: vec![APPLY_RESULT.name],
            keys_read: keys::patterns(&[
                keys::POSITION_SNAPSHOT,
                keys::POSITION_LEDGER,
                keys::INFLIGHT,
                keys::COOLDOWN_LAST_EXEC,
                keys::RECONCILE_CLOSE_OUT,
                keys::RECONCILE_HOLD,
                keys::RECONCILE_HOLD_REASON,
                keys::RECONCILE_STATE,
                keys::RECONCILE_CLOSE_COOLDOWN,
                keys::POSITION_UNTRUSTED,
            ]),
            keys_written: keys::patterns(&[
                keys::POSITION_LEDGER,
                keys::RECONCILE_HOLD,
                keys::RECONCILE_HOLD_REASON,
                keys::RECONCILE_HOLD_SIG,
                keys::RECONCILE_STATE,
                keys::RECONCILE_CLOSE_OUT,
                keys::RECONCILE_CLOSE_COOLDOWN,
            ]),
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        let interval = Nanos::from_millis(self.settings.interval_ms);
        match input {
            Input::Start => {
                self.recover(ctx);
                ctx.timer_after(interval, TimerKey(0));
            }
            Input::Timer(_) => {
                self.look_at_all(ctx);
                ctx.timer_after(interval, TimerKey(0));
            }
            Input::Delivery(delivery) => self.heard(delivery, ctx),
            _ => {}
        }
    }
}
