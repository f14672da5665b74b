//! The gates of an intent (MSE 13.1, 13.3), and the order that it becomes.

use engine::{Context, EntryId, Nanos, SetOptions};
use rust_decimal::Decimal;
use strategies::apply::Permitted;
use strategies::entry::{
    FAILURES_LIFE, GateFacts, GateRefusal, GateRequest, GateRule, GovernedRequest, MarginRenewal,
    MarginVerdict, PlanSide, RiskGovernorCode, execution_gate, govern, margin_check,
    margin_safe_mode,
};

use super::{ExecutionService, Taken};
use crate::entry::intent_plan::{Asked, asked, in_range, plan_of};
use crate::entry::safety_kernel;
use crate::grid;
use crate::keys;
use crate::records::{
    ApplyPlan, Balance, Decision, OrderSide, PositionSide, PositionSnapshot, TradeIntent,
};

/// Why an intent leads to no order, with its decision and the text of its result.
type Refused = (Decision, String);

impl ExecutionService {
    /// Executes an intent, refuses it, or says that it has to wait.
    pub(super) fn take(
        &mut self,
        entry: EntryId,
        intent: &TradeIntent,
        ctx: &mut Context<'_>,
    ) -> Taken {
        let now = ctx.now();
        let Some(place) = self.symbols.iter().position(|symbol| *symbol == intent.symbol) else {
            ctx.count("dropped_unknown_symbol", 1);
            return Taken::Ended;
        };
        let snapshot =
            match ctx.record::<PositionSnapshot>(&keys::POSITION_SNAPSHOT.of(intent.symbol)) {
                Ok(snapshot) => snapshot.map(std::borrow::Cow::into_owned),
                Err(_) => None,
            };
        let held = snapshot.as_ref().map_or(PositionSide::None, |of| of.side);
        let mut wants = match asked(intent, held.sign()) {
            Ok(wants) => wants,
            Err(dropped) => {
                ctx.count(dropped, 1);
                return Taken::Ended;
            }
        };
        let max_age = Nanos::from_secs(self.settings.intent_max_age_s);
        if !wants.closes && now - intent.timestamp.0 > max_age {
            ctx.count("dropped_too_old", 1);
            return Taken::Ended;
        }
        if !wants.closes
            && let Err(dropped) = in_range(intent, now)
        {
            ctx.count(dropped, 1);
            return Taken::Ended;
        }
        let mut plan = plan_of(intent, &wants, entry, now, now + max_age);
        if self.apart {
            // Of the same intent, the bridge's plan would have this id.
            plan.plan_id.insert(0, 'x');
        }
        if ctx.exists(&keys::EXECUTOR_DONE.of(&plan.plan_id)) {
            // Delivered again.
            ctx.count("IDEMPOTENCY_SKIP", 1);
            return Taken::Ended;
        }
        let lock = slot(keys::EXEC_LOCK, &wants, intent);
        let identity = identity(entry, intent, &wants);
        let facts = GateFacts {
            identity_seen: self.gate == GateRule::IdentityAndWindow && ctx.exists(&identity),
            in_flight: ctx.exists(&lock) || wants.closes && !self.orders.filters_known(place),
            repeats: ctx.exists(&slot(keys::EXEC_RATE_SYMBOL, &wants, intent)),
        };
        let request = GateRequest {
            identity: &identity,
            symbol: intent.symbol,
            side: match wants.side {
                OrderSide::Buy => PlanSide::Buy,
                OrderSide::Sell => PlanSide::Sell,
            },
            reduces: wants.closes,
            // What cannot be read stops opens.
            safe_mode: safety_kernel::safe_mode(ctx) != Some(false),
        };
        let refused = match execution_gate(&request, facts, self.gate) {
            Err(GateRefusal::InFlight) if wants.closes => return Taken::Waits,
            Err(GateRefusal::InFlight) => {
                ctx.count("IN_FLIGHT", 1);
                Err((Decision::Skip, "IN_FLIGHT".to_owned()))
            }
            Err(GateRefusal::IdempotencySkip) => {
                ctx.count("IDEMPOTENCY_SKIP", 1);
                Err((Decision::Skip, "IDEMPOTENCY_SKIP".to_owned()))
            }
            Err(GateRefusal::SafeModeActive) => {
                if self.renewal == MarginRenewal::AuditedEachFailure {
                    self.margin_failed(ctx);
                }
                Err((Decision::Blocked, "SAFE_MODE_ACTIVE".to_owned()))
            }
            Ok(()) => self.orders.gates(&plan, ctx),
        };
        let sized = refused.and_then(|()| match wants.closes {
            true => of_position(snapshot.as_ref(), &wants),
            false => self.governed(intent, &mut wants, snapshot.as_ref(), ctx),
        });
        let plan = ApplyPlan { qty: wants.qty, leverage: wants.leverage, ..plan };
        let lots = sized.and_then(|permitted| {
            let lots = self.orders.lots(place, &plan, permitted, ctx);
            lots.map_err(|error| (Decision::Blocked, error))
        });
        match lots {
            Err((decision, error)) => {
                ctx.count("orders_rejected", 1);
                self.orders.refuse(&plan, decision, error, ctx);
            }
            Ok(lots) => self.admit(place, &plan, lots, [identity, lock], &wants, intent, ctx),
        }
        Taken::Ended
    }

    #[allow(clippy::too_many_arguments)] // One line of a form, not a decision.
    fn admit(
        &mut self,
        place: usize,
        plan: &ApplyPlan,
        lots: i64,
        [identity, lock]: [String; 2],
        wants: &Asked,
        intent: &TradeIntent,
        ctx: &mut Context<'_>,
    ) {
        let set = |key: &str, life: Nanos, if_absent: bool, ctx: &mut Context<'_>| {
            let options = SetOptions { expire: Some(life), if_absent, ..SetOptions::default() };
            ctx.set(key, &plan.plan_id, options) == Ok(true)
        };
        let repeats_for = self.gate.repeats_for(ctx.now(), &self.times);
        // Set if absent and its life in one command: a crash leaves no lock for ever.
        let locked = set(&lock, self.times.inflight(), true, ctx);
        let marked = locked && set(&identity, self.times.identity(), false, ctx);
        let rate = slot(keys::EXEC_RATE_SYMBOL, wants, intent);
        if !marked || !set(&rate, repeats_for, false, ctx) {
            // Without its marks an order could be sent twice.
            ctx.count("state_not_saved", 1);
            self.orders.refuse(plan, Decision::Error, "state_not_saved".to_owned(), ctx);
            return;
        }
        self.locks.insert(plan.plan_id.clone(), lock);
        self.orders.send(place, plan, lots, ctx);
        self.release(ctx);
    }

    /// Size and leverage of an open: the risk governor's, checked against the margin; the order is of the same
    /// numbers.
    fn governed(
        &self,
        intent: &TradeIntent,
        wants: &mut Asked,
        snapshot: Option<&PositionSnapshot>,
        ctx: &mut Context<'_>,
    ) -> Result<Permitted, Refused> {
        let mark = snapshot.map(|of| of.mark_price);
        let price = intent.entry_price.or(intent.price).or(mark).filter(|p| *p > Decimal::ZERO);
        let price = price.ok_or((Decision::Blocked, "mark_price_unavailable".to_owned()))?;
        let size = intent.position_size_usd.or(intent.notional_usd).or(intent.size);
        let size = size.or_else(|| wants.qty?.checked_mul(price)).map(grid::float);
        let asks = GovernedRequest {
            size_usd: size,
            leverage: intent.leverage,
            confidence: intent.confidence,
            risk_budget_usd: None,
        };
        let order = govern(&asks, &self.limits).map_err(|refused| {
            ctx.count("risk_governor_rejected", 1);
            (Decision::Blocked, format!("risk_governor:{refused}"))
        })?;
        let (Some(size_usd), Some(leverage)) = (order.size_usd, order.leverage) else {
            ctx.count("risk_governor_rejected", 1);
            let code = match order.code {
                RiskGovernorCode::NotionalExceeded => "NOTIONAL_EXCEEDED",
                RiskGovernorCode::ConfidenceTooLow => "CONFIDENCE_TOO_LOW",
                RiskGovernorCode::RiskBudgetExceeded => "RISK_BUDGET_EXCEEDED",
                RiskGovernorCode::Pass => "risk_governor",
            };
            return Err((Decision::Blocked, code.to_owned()));
        };
        if size.is_some_and(|asked| size_usd < asked) {
            ctx.count("governed_down", 1);
        }
        self.margin(size_usd, leverage, ctx)?;
        let (size_usd, leverage) = match self.clamps_discarded {
            true => (size.unwrap_or(size_usd), intent.leverage.unwrap_or(leverage)),
            false => (size_usd, leverage),
        };
        let qty = grid::decimal(size_usd).and_then(|size| size.checked_div(price));
        wants.qty = Some(qty.ok_or((Decision::Blocked, "missing_required_fields".to_owned()))?);
        wants.leverage = Some(leverage.round_ties_even().clamp(1.0, 125.0) as u32);
        Ok(Permitted::default())
    }

    /// Repeated failures switch safe mode on; those under it do not renew it.
    fn margin_failed(&self, ctx: &mut Context<'_>) {
        let key = keys::EXEC_MARGIN_FAILS.name;
        let failures = ctx.incr_by(key, 1).ok().and_then(|count| u32::try_from(count).ok());
        ctx.expire(key, FAILURES_LIFE);
        let on = safety_kernel::safe_mode(ctx) == Some(true);
        if let Some(life) = margin_safe_mode(failures.unwrap_or(0), on, self.renewal) {
            ctx.count("safe_mode_set", 1);
            safety_kernel::set_safe_mode("MARGIN_FAILURES", life, ctx);
        }
    }

    fn margin(&self, size_usd: f64, leverage: f64, ctx: &mut Context<'_>) -> Result<(), Refused> {
        let available = match ctx.record::<Balance>(keys::ACCOUNT_BALANCE.name) {
            Ok(Some(balance)) => Some(grid::float(balance.available_balance)),
            Ok(None) | Err(_) => None,
        };
        match margin_check(false, Some(size_usd), Some(leverage), available) {
            MarginVerdict::Enough => Ok(()),
            MarginVerdict::Insufficient { required_usd, available_usd } => {
                ctx.count("MARGIN_INSUFFICIENT", 1);
                self.margin_failed(ctx);
                let error =
                    format!("MARGIN_INSUFFICIENT:{required_usd:.2} above {available_usd:.2}");
                Err((Decision::Blocked, error))
            }
            MarginVerdict::Unknown => {
                ctx.count("MARGIN_UNKNOWN", 1);
                self.margin_failed(ctx);
                Err((Decision::Blocked, "MARGIN_UNKNOWN".to_owned()))
            }
        }
    }
}

/// What an intent is known by: a decision opens once; a close may be asked for again.
fn identity(entry: EntryId, intent: &TradeIntent, wants: &Asked) -> String {
    match intent.correlation_id.filter(|_| !wants.closes) {
        Some(decision) => keys::EXEC_PROCESSED.of(decision),
        None => keys::EXEC_PROCESSED.of(entry),
    }
}

fn slot(key: keys::Key, wants: &Asked, intent: &TradeIntent) -> String {
    key.of(format_args!("{}:{}", intent.symbol, wants.side))
}

/// A close takes no more than the exchange holds against it.
fn of_position(snapshot: Option<&PositionSnapshot>, wants: &Asked) -> Result<Permitted, Refused> {
    let refuse = |why: &str| Err((Decision::Blocked, why.to_owned()));
    let Some(snapshot) = snapshot else { return refuse("no_exchange_snapshot") };
    match snapshot.side.closing() {
        None => refuse("no_position"),
        Some(side) if side != wants.side => refuse("wrong_side"),
        Some(_) => {
            let held = snapshot.position_amt.abs();
            let most = wants.qty.map_or(held, |qty| qty.min(held));
            Ok(Permitted { max_qty: Some(most), max_fraction: None })
        }
    }
}
