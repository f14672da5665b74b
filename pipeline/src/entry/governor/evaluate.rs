//! The order of the gates (EHR 3.18), and what a plan is granted.

use engine::{Context, Nanos, Symbol};
use rust_decimal::Decimal;
use strategies::governor::{
    AllocationFact, BudgetFact, EfficiencyVerdict, GovernorFacts, GovernorMode, GovernorPlan,
    OpenVerdict, close_blocked_audited, efficiency_verdict, governor_gate, open_scale, p28, p29,
};
use strategies::portfolio::Efficiency;
use strategies::risk::GuardBlock;

use super::Governor;
use super::book::Book;
use crate::audited::Audited;
use crate::grid;
use crate::keys;
use crate::records::{
    AllocationTarget, ApplyPlan, BindingMode, BudgetViolation, OrderSide, PlanClass,
    PortfolioBudget, SymbolEfficiency,
};
use crate::streams::BUDGET_VIOLATION;
use crate::switches;

/// Newest violations that are looked at.
const VIOLATIONS: usize = 10;

/// Why a plan has no permit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub reason: &'static str,
    /// Its numbers.
    pub detail: String,
    /// A rotation is making room: the plan is judged again when that has ended.
    pub waits: bool,
    /// The governor could not look it up; that is its own error.
    pub internal: bool,
}

impl Refusal {
    pub(super) fn of(reason: &'static str) -> Refusal {
        Refusal { reason, detail: String::new(), waits: false, internal: false }
    }
    pub(super) fn with(reason: &'static str, detail: String) -> Refusal {
        Refusal { detail, ..Refusal::of(reason) }
    }
    pub(super) fn waits(reason: &'static str) -> Refusal {
        Refusal { waits: true, ..Refusal::of(reason) }
    }
    pub(super) fn error(what: &str) -> Refusal {
        Refusal { internal: true, ..Refusal::with("evaluation_error", what.to_owned()) }
    }
    pub(super) fn guard(block: GuardBlock) -> Refusal {
        Refusal::with(block.guard_type.as_str(), block.reason)
    }
}

/// What a plan is granted.
#[derive(Clone, Debug)]
pub(super) struct Granted {
    /// Largest base quantity and its notional in USDT; none for closes.
    pub limit: Option<(Decimal, Decimal)>,
    pub efficiency: Option<EfficiencyVerdict>,
}

fn age_sec(now: Nanos, at: Nanos) -> f64 {
    (now - at).0 as f64 / 1e9
}

impl Governor {
    pub(super) fn evaluate(
        &mut self,
        plan: &ApplyPlan,
        ctx: &mut Context<'_>,
    ) -> Result<Granted, Refusal> {
        // In every mode, and also for closes: the operator's word is the last.
        let killed = match self.audited.has(Audited::KillKeyInTestnetOnly) {
            true => {
                self.settings.mode == GovernorMode::Testnet
                    && switches::is_set(keys::KILL.name, &["1"], ctx)
            }
            false => switches::killed(ctx),
        };
        if killed {
            return Err(Refusal::of("kill_switch_active"));
        }
        if plan.class != PlanClass::Open {
            self.close_refused(plan, ctx)?;
            return Ok(Granted { limit: None, efficiency: None });
        }
        let place = self
            .place_of(plan.symbol)
            .ok_or_else(|| Refusal::of("active_slots_not_in_universe"))?;
        if self.disarmed(ctx) {
            return Err(Refusal::of("disarmed"));
        }
        let at_most = self.recovery(plan, ctx)?;
        let equity_usd = self.guard(plan, place, ctx)?;
        let blind = self.audited.has(Audited::LookupErrorsPass)
            && self.settings.mode == GovernorMode::Testnet;
        let book = self.book(place, ctx).or_else(|| blind.then(Book::default));
        let book = book.ok_or_else(|| Refusal::of("position_fetch_failed"))?;
        self.slot(plan, place, &book, ctx)?;
        let qty = plan.qty.filter(|qty| *qty > Decimal::ZERO);
        let qty = qty.ok_or_else(|| Refusal::of("missing_quantity"))?;
        let nothing = blind.then_some(Decimal::ZERO);
        let price =
            book.mark.or(plan.price).or(nothing).ok_or_else(|| Refusal::error("no price"))?;
        let notional = qty.checked_mul(price).ok_or_else(|| Refusal::error("notional"))?;
        let (qty, notional) = Governor::within(at_most, (qty, notional), ctx)?;
        let efficiency = self.efficiency(place, ctx)?;
        self.caps(place, plan.symbol, &book, ctx)?;
        let asks = GovernorPlan { reduces: false, notional_usd: grid::float(notional) };
        let mut facts = self.facts(place, &book, ctx);
        if self.audited.has(Audited::PositionCapForLongs) && plan.side == OrderSide::Sell {
            facts.open_positions = 0;
        }
        // Before the limits: an open that its kill score refuses is no burst, and disarms nothing.
        let by_kill_score = self.scale(plan)?;
        let limits = self.limits(equity_usd, efficiency.extra_cooldown_sec);
        governor_gate(self.settings.mode, &asks, Some(&facts), &limits).map_err(Refusal::of)?;
        let scale = by_kill_score * efficiency.factor;
        if scale < 1.0 {
            ctx.count("opens_scaled", 1);
        }
        let scaled = |amount: Decimal| match scale < 1.0 {
            true => grid::decimal(scale).and_then(|scale| amount.checked_mul(scale)),
            false => Some(amount),
        };
        let limit = scaled(qty).zip(scaled(notional));
        let limit = limit.ok_or_else(|| Refusal::error("scaled quantity"))?;
        Ok(Granted { limit: Some(limit), efficiency: Some(efficiency) })
    }

    /// What the audits found to refuse closes; by default nothing of it does.
    fn close_refused(&mut self, plan: &ApplyPlan, ctx: &mut Context<'_>) -> Result<(), Refusal> {
        if self.audited.has(Audited::KillScoreBlocksCloses)
            && self.settings.mode == GovernorMode::Production
            && let Some(score) = plan.kill_score
            // The argument of the position's PnL was always 0.
            && let Ok(Some(reason)) = close_blocked_audited(score, 0.0)
        {
            let detail = reason.split_once(':').map_or("", |(_, detail)| detail);
            return Err(Refusal::with("kill_score_close_blocked", detail.to_owned()));
        }
        if !self.audited.has(Audited::AllocationBlocksCloses) || !self.caps_bind() {
            return Ok(());
        }
        let Some(place) = self.place_of(plan.symbol) else { return Ok(()) };
        let Some(book) = self.book(place, ctx) else { return Ok(()) };
        p29(true, book.notional_of(place), self.target(place, ctx)).map_err(Refusal::of)
    }

    /// Whether budgets and allocations bind in this mode.
    fn caps_bind(&self) -> bool {
        match self.settings.mode {
            GovernorMode::Production => true,
            GovernorMode::Testnet => self.settings.testnet_caps,
            GovernorMode::DryRun => false,
        }
    }

    /// What the kill score leaves of an open, in every mode.
    fn scale(&self, plan: &ApplyPlan) -> Result<f64, Refusal> {
        let (confidence, flip) =
            (plan.confidence.unwrap_or(0.5), plan.k_regime_flip.unwrap_or(0.0));
        match open_scale(plan.kill_score, confidence, flip) {
            Ok(OpenVerdict::Scaled(scale)) => Ok(scale),
            Ok(OpenVerdict::Refused(reason)) => {
                let score = plan.kill_score.map_or_else(String::new, |k| format!("{k:.3}"));
                Err(Refusal::with(reason, score))
            }
            Err(refused) => Err(Refusal::error(&refused.to_string())),
        }
    }

    fn facts(&mut self, place: usize, book: &Book, ctx: &mut Context<'_>) -> GovernorFacts {
        let now = ctx.now();
        let of = &self.executions[place];
        let (executions_hour, executions_five_minutes) = of.rates(now);
        let symbol = engine::GaugeOf::Symbol(self.symbols[place]);
        ctx.gauge("quantum_govern_exec_count_hour", symbol, f64::from(executions_hour));
        ctx.gauge("quantum_govern_exec_count_5min", symbol, f64::from(executions_five_minutes));
        GovernorFacts {
            kill_switch: false,
            last_execution_age_sec: of.age_sec(now),
            open_positions: book.positions(),
            total_notional_usd: book.notional(),
            executions_hour,
            executions_five_minutes,
            daily_notional_usd: of.of_day(now),
        }
    }

    /// Budget and allocation of the symbol. In testnet mode they are watched, unless `testnet_caps` is set;
    /// what is missing or cannot be read binds nothing.
    fn caps(
        &self,
        place: usize,
        symbol: Symbol,
        book: &Book,
        ctx: &mut Context<'_>,
    ) -> Result<(), Refusal> {
        let binds = self.caps_bind();
        let enabled = if self.settings.testnet_caps { 1.0 } else { 0.0 };
        ctx.gauge("gov_testnet_p29_enabled", engine::GaugeOf::All, enabled);
        let budget = self.budget(place, symbol, ctx);
        let over_budget = p28(true, budget);
        if over_budget.is_err() {
            ctx.count("p28_violations_seen", 1);
        }
        let target = self.target(place, ctx);
        let over_target = p29(true, book.notional_of(place), target);
        if over_target.is_err() {
            ctx.count("gov_p29_block_total", 1);
        }
        if binds { over_budget.and(over_target).map_err(Refusal::of) } else { Ok(()) }
    }

    fn budget(&self, place: usize, symbol: Symbol, ctx: &mut Context<'_>) -> Option<BudgetFact> {
        let now = ctx.now();
        let (enforce, age) = match ctx.record::<PortfolioBudget>(&self.keys[place].budget) {
            Ok(Some(of)) => (of.mode == BindingMode::Enforce, age_sec(now, of.timestamp.0)),
            Ok(None) => return None,
            Err(_) => {
                ctx.count("caps_unreadable", 1);
                return None;
            }
        };
        // Typed, unlike the look-up that compared bytes with text and never found one.
        let newest = ctx.newest(BUDGET_VIOLATION.name, VIOLATIONS).unwrap_or_default();
        let of_symbol = |entry: &engine::Entry| {
            let violation = entry.body.as_ref()?.read::<BudgetViolation>().ok()?;
            (violation.symbol == symbol).then(|| age_sec(now, violation.timestamp.0))
        };
        let violation_age_sec = match self.audited.has(Audited::LookupsNeverMatch) {
            true => None,
            false => newest.iter().find_map(of_symbol),
        };
        Some(BudgetFact { enforce, age_sec: age, violation_age_sec })
    }

    fn target(&self, place: usize, ctx: &mut Context<'_>) -> Option<AllocationFact> {
        let now = ctx.now();
        ctx.count("gov_p29_checked_total", 1);
        let fact = match ctx.record::<AllocationTarget>(&self.keys[place].target) {
            Ok(Some(of)) => AllocationFact {
                enforce: of.mode == BindingMode::Enforce,
                age_sec: age_sec(now, of.timestamp.0),
                target_usd: grid::float(of.target_usd),
            },
            Ok(None) => {
                ctx.count("gov_p29_missing_total", 1);
                return None;
            }
            Err(_) => {
                ctx.count("caps_unreadable", 1);
                return None;
            }
        };
        if keys::ALLOCATION_TARGET
            .life
            .is_some_and(|life| fact.age_sec > age_sec(life, Nanos::ZERO))
        {
            ctx.count("gov_p29_stale_total", 1);
        }
        Some(fact)
    }

    /// What the symbol's efficiency leaves of an open; it never blocks one.
    fn efficiency(
        &self,
        place: usize,
        ctx: &mut Context<'_>,
    ) -> Result<EfficiencyVerdict, Refusal> {
        let now = ctx.now();
        let of = match ctx.record::<SymbolEfficiency>(&self.keys[place].efficiency) {
            Ok(Some(of)) => Some(Efficiency {
                score: of.efficiency_score,
                confidence: of.confidence,
                age_sec: age_sec(now, of.ts.0),
            }),
            Ok(None) => None,
            Err(_) => {
                ctx.count("efficiency_unreadable", 1);
                None
            }
        };
        let verdict =
            efficiency_verdict(of).map_err(|refused| Refusal::error(&refused.to_string()))?;
        if verdict.used.is_some() {
            ctx.count("p32_eff_apply_total", 1);
        }
        let symbol = engine::GaugeOf::Symbol(self.symbols[place]);
        ctx.gauge("p32_eff_factor", symbol, verdict.factor);
        Ok(verdict)
    }
}
