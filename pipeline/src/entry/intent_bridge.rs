//! Intent bridge (MSE 9): intents in, plans out, opens within the limits of the fund's mode (MSE 5.3). It grants
//! nothing: permits are P3.3's.

mod governance;

use std::borrow::Cow;

use engine::{
    Context, Delivery, Envelope, EpochSeconds, GroupStart, Input, Nanos, Reader, Request, Service,
    SetOptions, Symbol, Wiring,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strategies::entry::{
    BridgeDrop, BridgeRules, ExposureRule, FlatSellRule, IntentKind, PlanSide, exposure_gate,
    intent_kind,
};
use strategies::harvest::{KillScore, Theta, kill_score};
use strategies::position::MarketView;

use crate::audited::{Audited, AuditedNames};
use crate::entry::intent_plan::{Asked, asked, count_violations, in_range, plan_of, read_intent};
use crate::entry::mode_limits::{self, Fund};
use crate::entry::safety_kernel;
use crate::grid;
use crate::keys;
use crate::records::{
    ApplyPlan, MarketState, OrderSide, P33Permit, Policy, PortfolioState, PositionState,
    TradeIntent,
};
use crate::settings::{Configured, Setup, settings};
use crate::streams::{APPLY_PLAN, TRADE_INTENT};
use crate::switches;

settings! {
    /// Intent bridge.
    pub struct IntentBridgeSettings {
        /// Opens are refused from this exposure on, in percent of the equity; exposure is notional, and with
        /// leverage many times the equity.
        pub max_exposure_pct: f64 = 80.0 => 0.0..=12_500.0,
        /// An intent that is older is dropped, in s.
        pub intent_max_age_s: i64 = 600 => 1..,
        /// How long a plan holds, in s.
        pub plan_validity_s: i64 = 60 => 1..,
    }
}

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IntentBridge {
    settings: IntentBridgeSettings,
    rules: BridgeRules,
    audited: AuditedNames,
    symbols: Vec<Symbol>,
    position_keys: Vec<String>,
    market_keys: Vec<String>,
}

/// The parameters of the policy in force, or the defaults.
fn theta(ctx: &mut Context<'_>) -> Theta {
    let read = match ctx.record::<Policy>(keys::POLICY_CURRENT.name) {
        Ok(Some(policy)) => {
            let both = policy.harvest_params.0.iter().chain(&policy.kill_params.0);
            Theta::of_policy(both.map(|(name, value)| (name.as_str(), *value)))
        }
        Ok(None) | Err(_) => return Theta::default(),
    };
    read.unwrap_or_else(|_| {
        ctx.count("policy_params_refused", 1);
        Theta::default()
    })
}

/// An intent that leads to no plan, with the counter of its reason.
type Dropped = &'static str;

impl IntentBridge {
    /// For these symbols, in the order of the run.
    fn new(
        symbols: &[Symbol],
        settings: &IntentBridgeSettings,
        audited: &AuditedNames,
    ) -> IntentBridge {
        IntentBridge {
            settings: settings.clone(),
            rules: BridgeRules {
                max_exposure_pct: settings.max_exposure_pct,
                flat_sell: match audited.has(Audited::SellAlwaysCloses) {
                    true => FlatSellRule::AuditedAlwaysCloses,
                    false => FlatSellRule::ByPosition,
                },
                exposure: match audited.has(Audited::UnwrittenLedger) {
                    true => ExposureRule::AuditedUnknownIsZero,
                    false => ExposureRule::FailClosed,
                },
                ..BridgeRules::default()
            },
            audited: audited.clone(),
            symbols: symbols.to_vec(),
            position_keys: keys::STATE_POSITIONS.of_each(symbols),
            market_keys: keys::MARKETSTATE.of_each(symbols),
        }
    }

    fn intent(&mut self, delivery: &Delivery, ctx: &mut Context<'_>) {
        let data_only = self.audited.has(Audited::DataEnvelopeOnly);
        let Some(intent) = read_intent(delivery, data_only, ctx) else { return };
        if self.audited.has(Audited::ExchangeInfoPerIntent) {
            ctx.submit(Request::ExchangeInfo);
        }
        let seen = keys::BRIDGE_SEEN.of(delivery.entry.id);
        if ctx.exists(&seen) {
            ctx.count("already_seen", 1);
            return;
        }
        count_violations(&intent, ctx);
        match self.plan(&intent, delivery, ctx) {
            Ok(plan) => {
                let permit = self.own_permit(&plan, ctx.now());
                if !crate::publish(ctx, APPLY_PLAN, Envelope::Flat, plan) {
                    // Neither marked nor acknowledged: the intent comes again, and its plan has the same id.
                    ctx.leave_pending();
                    return;
                }
                ctx.count("plans", 1);
                if let Some(permit) = permit {
                    self.grant(&permit, ctx);
                }
            }
            Err(dropped) => ctx.count(dropped, 1),
        }
        let options = SetOptions { expire: keys::BRIDGE_SEEN.life, ..SetOptions::default() };
        if ctx.set(&seen, "1", options).is_err() {
            ctx.count("seen_not_saved", 1);
        }
    }

    fn plan(
        &self,
        intent: &TradeIntent,
        delivery: &Delivery,
        ctx: &mut Context<'_>,
    ) -> Result<ApplyPlan, Dropped> {
        let now = ctx.now();
        let symbol = intent.symbol;
        let place =
            self.symbols.iter().position(|s| *s == symbol).ok_or("dropped_unknown_symbol")?;
        let held = self.held(place, ctx);
        let mut asked = asked(intent, held)?;
        if self.audited.has(Audited::SafeModeBlocksExits)
            && safety_kernel::safe_mode(ctx) != Some(false)
        {
            return Err("dropped_safe_mode");
        }
        self.kind(&mut asked, place, held, ctx)?;
        let (mut equity, mut largest) = (None, None);
        if asked.closes && self.audited.has(Audited::ExitsNeedQuantity) {
            // No close plan named one (I-37).
            asked.qty = None;
        }
        if !asked.closes {
            // A close is never too old: what it closes is what the exchange holds now.
            if now - intent.timestamp.0 > Nanos::from_secs(self.settings.intent_max_age_s) {
                return Err("dropped_too_old");
            }
            in_range(intent, now)?;
            equity = self.may_open(symbol, ctx)?;
            asked.qty.ok_or("dropped_without_quantity")?;
            largest = governance::largest_qty(intent, &asked, equity, ctx)?;
        }
        let kill = if asked.closes { None } else { self.kill_score(place, ctx) };
        let until = now + Nanos::from_secs(self.settings.plan_validity_s);
        let mut plan = ApplyPlan {
            kill_score: kill.map(|kill| kill.score),
            k_regime_flip: kill.map(|kill| kill.components.regime_flip),
            k_sigma_spike: kill.map(|kill| kill.components.sigma_spike),
            k_ts_drop: kill.map(|kill| kill.components.ts_drop),
            k_age_penalty: kill.map(|kill| kill.components.age_penalty),
            ..plan_of(intent, &asked, delivery.entry.id, now, until)
        };
        // The plan's id is that of what was asked for: equity and mode may have changed when the intent comes again.
        if let Some(most) = largest {
            plan.qty = plan.qty.map(|qty| qty.min(most));
        }
        // Before the mode was one enumeration for all, no limit of it held (I-29).
        if !asked.closes && !self.audited.has(Audited::BlackSwanSkipsNothing) {
            let fund = Fund { equity, positions: self.positions(ctx) };
            mode_limits::apply(&mut plan, intent.confidence, fund, ctx)?;
        }
        Ok(plan)
    }

    /// The kill score of the symbol's market for a position that does not exist yet (settled, "Opens and the kill
    /// score"). Without a market state there is none, and the governor denies the plan.
    fn kill_score(&self, place: usize, ctx: &mut Context<'_>) -> Option<KillScore> {
        let theta = theta(ctx);
        let market = match ctx.record::<MarketState>(&self.market_keys[place]) {
            Ok(Some(of)) => MarketView {
                sigma: of.sigma,
                ts: of.ts,
                p_trend: of.p_trend,
                p_mr: of.p_mr,
                p_chop: of.p_chop,
            },
            Ok(None) => return None,
            Err(_) => {
                ctx.count("market_state_refused", 1);
                return None;
            }
        };
        let score = kill_score(&market, 0.0, &theta).ok();
        if score.is_none() {
            ctx.count("market_state_refused", 1);
        }
        score
    }

    /// Sign of the position that the canonical record shows.
    fn held(&self, place: usize, ctx: &mut Context<'_>) -> i64 {
        match ctx.record::<PositionState>(&self.position_keys[place]) {
            Ok(Some(state)) => state.side.sign(),
            Ok(None) | Err(_) => 0,
        }
    }

    /// How many positions the canonical records show.
    fn positions(&self, ctx: &mut Context<'_>) -> u32 {
        (0..self.symbols.len()).map(|place| u32::from(self.held(place, ctx) != 0)).sum()
    }

    /// What only opens have to pass: policy, venue, emergency stop and exposure, each but the venue closed when
    /// unknown. Gives the equity in USDT, where it is known.
    fn may_open(&self, symbol: Symbol, ctx: &mut Context<'_>) -> Result<Option<f64>, Dropped> {
        if !crate::policy::policy_store::allows(ctx, symbol) {
            return Err("dropped_not_in_policy");
        }
        match crate::policy::universe_service::tradable(ctx, symbol) {
            Some(true) => {}
            Some(false) => return Err("dropped_not_tradable"),
            None => ctx.count("venue_list_unknown", 1),
        }
        if switches::is_set(keys::EMERGENCY_STOP.name, &["1"], ctx) {
            return Err("dropped_emergency_stop");
        }
        let (equity, mut notional) = match ctx.record::<PortfolioState>(keys::PORTFOLIO.name) {
            Ok(Some(state)) if !state.stale => {
                (state.equity_usd.map(grid::float), Some(grid::float(state.gross_exposure_usd)))
            }
            Ok(_) | Err(_) => (None, None),
        };
        if self.audited.has(Audited::UnwrittenLedger) {
            notional = self.ledger_notional(ctx);
        }
        if self.audited.has(Audited::ExchangeInfoPerIntent) {
            ctx.submit(Request::ExchangeInfo);
        }
        exposure_gate(notional, equity, &self.rules).map_err(|dropped| match dropped {
            BridgeDrop::ExposureLimit => "dropped_exposure_limit",
            BridgeDrop::ExposureUnknown | BridgeDrop::FlatSell => "dropped_exposure_unknown",
        })?;
        Ok(equity)
    }
}

/// What the audits found.
impl IntentBridge {
    /// Whether the intent opens or closes where a SELL is always taken for a close.
    fn kind(
        &self,
        asked: &mut Asked,
        place: usize,
        held: i64,
        ctx: &mut Context<'_>,
    ) -> Result<(), Dropped> {
        if self.rules.flat_sell == FlatSellRule::ByPosition || asked.side != OrderSide::Sell {
            return Ok(());
        }
        let amount = match self.audited.has(Audited::UnwrittenLedger) {
            true => self.of_ledger(place, "position_amt", ctx),
            false => Some(held as f64),
        };
        let kind = intent_kind(PlanSide::Sell, asked.closes, amount, &self.rules)
            .map_err(|_| "dropped_flat_sell")?;
        asked.closes = kind == IntentKind::Close;
        Ok(())
    }

    /// A field of the ledger that has totals only.
    fn of_ledger(&self, place: usize, field: &str, ctx: &mut Context<'_>) -> Option<f64> {
        let key = keys::TRADE_LEDGER.of(self.symbols[place]);
        ctx.hget(&key, field).ok().flatten()?.parse::<f64>().ok()
    }

    fn ledger_notional(&self, ctx: &mut Context<'_>) -> Option<f64> {
        let all = 0..self.symbols.len();
        all.filter_map(|place| self.of_ledger(place, "notional_usd", ctx))
            .map(f64::abs)
            .reduce(|sum, one| sum + one)
    }

    /// The permit that P3.3 should decide.
    fn own_permit(&self, plan: &ApplyPlan, now: Nanos) -> Option<P33Permit> {
        self.audited.has(Audited::BridgeGrantsP33).then(|| P33Permit {
            allow: true,
            plan_id: plan.plan_id.clone(),
            correlation_id: plan.correlation_id,
            symbol: plan.symbol,
            action: plan.action,
            safe_qty: Decimal::ZERO,
            exchange_position_amt: None,
            ledger_amt: None,
            reason: Cow::Borrowed("auto_bypass_no_p33"),
            context: None,
            created_at: EpochSeconds(now),
        })
    }

    /// Writes it without an end.
    fn grant(&self, permit: &P33Permit, ctx: &mut Context<'_>) {
        let key = keys::PERMIT_P33.of(&permit.plan_id);
        let written = match self.audited.has(Audited::PermitAsHash) {
            true => ctx.set_record(&key, permit, None).is_ok(),
            false => ctx.set_json(&key, permit, SetOptions::default()) == Ok(true),
        };
        if !written {
            ctx.count("permit_not_written", 1);
        }
    }
}

impl Configured for IntentBridge {
    type Settings = IntentBridgeSettings;
    const COUNTERS: &'static [&'static str] = &[
        "already_seen",
        "dropped_confidence_out_of_range",
        "dropped_emergency_stop",
        "dropped_exposure_limit",
        "dropped_exposure_unknown",
        "dropped_flat_sell",
        "dropped_from_the_future",
        "dropped_governance_confidence",
        "dropped_governance_leverage",
        "dropped_governance_symbol",
        "dropped_governance_unknown",
        "dropped_leverage_out_of_range",
        "dropped_mode_confidence",
        "dropped_mode_daily_drawdown",
        "dropped_mode_opens_nothing",
        "dropped_mode_positions",
        "dropped_mode_unknown",
        "dropped_not_in_policy",
        "dropped_not_tradable",
        "dropped_safe_mode",
        "dropped_size_out_of_range",
        "dropped_too_old",
        "dropped_unknown_symbol",
        "dropped_without_action",
        "dropped_without_quantity",
        "governance_size_unknown",
        "governance_sized_down",
        "intents_out_of_contract",
        "leverage_held_to_the_mode",
        "market_state_refused",
        "performance_unreadable",
        "permit_not_written",
        "plans",
        "policy_params_refused",
        "seen_not_saved",
        "sizes_scaled_by_the_mode",
        "venue_list_unknown",
    ];

    fn configured(
        settings: &IntentBridgeSettings,
        setup: Setup<'_>,
    ) -> Result<IntentBridge, String> {
        Ok(IntentBridge::new(setup.symbols, settings, &setup.pipeline.audited))
    }
}

impl Service for IntentBridge {
    fn wiring(&self) -> Wiring {
        let mut wiring = Wiring {
            readers: vec![Reader::group(
                TRADE_INTENT.name,
                "quantum:group:intent_bridge",
                GroupStart::Beginning,
            )],
            writes: vec![APPLY_PLAN.name],
            keys_read: keys::patterns(&[
                keys::BRIDGE_SEEN,
                keys::STATE_POSITIONS,
                keys::MARKETSTATE,
                keys::EMERGENCY_STOP,
                keys::PORTFOLIO,
                keys::POLICY_CURRENT,
                keys::UNIVERSE_ACTIVE,
                keys::UNIVERSE_META,
                keys::GOVERNANCE_POLICY,
                keys::GOVERNANCE_LAST_DECISION,
                keys::SYMBOL_PERFORMANCE,
            ]),
            keys_written: keys::patterns(&[keys::BRIDGE_SEEN]),
            exchange: self.audited.has(Audited::ExchangeInfoPerIntent),
            ..Wiring::default()
        };
        if self.audited.has(Audited::SafeModeBlocksExits) {
            wiring.keys_read.push(keys::SAFE_MODE.pattern());
        }
        if self.audited.has(Audited::UnwrittenLedger) {
            wiring.keys_read.push(keys::TRADE_LEDGER.pattern());
        }
        if self.audited.has(Audited::BridgeGrantsP33) {
            wiring.keys_written.push(keys::PERMIT_P33.pattern());
        }
        if !self.audited.has(Audited::BlackSwanSkipsNothing) {
            wiring.keys_read.extend(keys::patterns(&[keys::FUND_MODE, keys::RISK_DAILY_PNL]));
        }
        wiring
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        if let Input::Delivery(delivery) = input {
            self.intent(delivery, ctx);
        }
    }
}
