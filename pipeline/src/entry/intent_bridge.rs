//! Intent bridge (MSE 9): intents in, plans out. It grants nothing: permits are P3.3's.

use engine::{
    Context, Delivery, Envelope, EpochSeconds, GroupStart, Input, Nanos, Reader, Service,
    SetOptions, Symbol, Wiring,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strategies::entry::plan_id;
use strategies::harvest::{KillScore, Theta, kill_score};
use strategies::position::MarketView;

use crate::grid;
use crate::keys;
use crate::records::{
    ApplyPlan, Decision, Executor, IntentAction, MarketState, OrderSide, PlanAction, PlanClass,
    Policy, PortfolioState, PositionState, ReduceOnly, TradeIntent,
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
    symbols: Vec<Symbol>,
    position_keys: Vec<String>,
    market_keys: Vec<String>,
}

/// Base quantity of an intent: the first of quantity, qty, size/price, position_size_usd/entry_price.
fn quantity(intent: &TradeIntent) -> Option<Decimal> {
    let ratio = |usd: Option<Decimal>, price: Option<Decimal>| usd?.checked_div(price?);
    intent
        .quantity
        .or(intent.qty)
        .or_else(|| ratio(intent.size, intent.price))
        .or_else(|| ratio(intent.position_size_usd, intent.entry_price))
        .filter(|qty| *qty > Decimal::ZERO)
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
    fn new(symbols: &[Symbol], settings: &IntentBridgeSettings) -> IntentBridge {
        IntentBridge {
            settings: settings.clone(),
            symbols: symbols.to_vec(),
            position_keys: keys::STATE_POSITIONS.of_each(symbols),
            market_keys: keys::MARKETSTATE.of_each(symbols),
        }
    }

    fn intent(&mut self, delivery: &Delivery, ctx: &mut Context<'_>) {
        let Some(intent) = ctx.read::<TradeIntent>(TRADE_INTENT.name, delivery) else { return };
        let seen = keys::BRIDGE_SEEN.of(delivery.entry.id);
        if ctx.exists(&seen) {
            ctx.count("already_seen", 1);
            return;
        }
        match self.plan(&intent, delivery, ctx) {
            Ok(plan) => {
                if !crate::publish(ctx, APPLY_PLAN, Envelope::Flat, plan) {
                    // Neither marked nor acknowledged: the intent comes again, and its plan has the same id.
                    ctx.leave_pending();
                    return;
                }
                ctx.count("plans", 1);
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
        let closes = intent.action == Some(IntentAction::Close) || intent.reduce_only == Some(true);
        let side = match (intent.action, intent.side) {
            (Some(IntentAction::Buy), _) => OrderSide::Buy,
            (Some(IntentAction::Sell), _) => OrderSide::Sell,
            // The side of a close is that which the position needs.
            (Some(IntentAction::Close), _) if held != 0 => {
                if held > 0 {
                    OrderSide::Sell
                } else {
                    OrderSide::Buy
                }
            }
            (Some(IntentAction::Close) | None, Some(side)) => side,
            (Some(IntentAction::Close) | None, None) => return Err("dropped_without_action"),
        };
        let qty = quantity(intent);
        let mut leverage =
            intent.leverage.map(|leverage| leverage.round_ties_even().clamp(1.0, 125.0) as u32);
        if !closes {
            // A close is never too old: what it closes is what the exchange holds now.
            if now - intent.timestamp.0 > Nanos::from_secs(self.settings.intent_max_age_s) {
                return Err("dropped_too_old");
            }
            self.may_open(symbol, ctx)?;
            qty.ok_or("dropped_without_quantity")?;
            leverage = leverage.or(Some(1));
        }
        // Of the nearest double, so that the id does not hang on how a quotient was rounded.
        let float = grid::float(qty.unwrap_or_default());
        let entry = delivery.entry.id.to_string();
        let kill = if closes { None } else { self.kill_score(place, ctx) };
        let action = match (closes, side) {
            (true, _) => PlanAction::FullClose,
            (false, OrderSide::Buy) => PlanAction::Buy,
            (false, OrderSide::Sell) => PlanAction::Sell,
        };
        Ok(ApplyPlan {
            plan_id: plan_id(&entry, symbol.as_str(), side.as_str(), float),
            correlation_id: intent.correlation_id.unwrap_or_default(),
            source: intent.source.clone().unwrap_or_default().into_owned(),
            executor: Executor::IntentExecutor,
            class: if closes { PlanClass::Close } else { PlanClass::Open },
            symbol,
            action,
            side,
            order_type: "MARKET".into(),
            qty: if closes { None } else { qty },
            fraction: closes.then_some(Decimal::ONE),
            reduce_only: ReduceOnly(closes),
            decision: Decision::Execute,
            reason_codes: intent.reason.clone().unwrap_or_default(),
            kill_score: kill.map(|kill| kill.score),
            k_regime_flip: kill.map(|kill| kill.components.regime_flip),
            k_sigma_spike: kill.map(|kill| kill.components.sigma_spike),
            k_ts_drop: kill.map(|kill| kill.components.ts_drop),
            k_age_penalty: kill.map(|kill| kill.components.age_penalty),
            confidence: Some(intent.confidence),
            leverage,
            stop_loss: intent.stop_loss,
            take_profit: intent.take_profit,
            new_sl_proposed: None,
            r_net: None,
            price: intent.entry_price,
            model: intent.model.clone(),
            timestamp: EpochSeconds(now),
            valid_until: EpochSeconds(now + Nanos::from_secs(self.settings.plan_validity_s)),
        })
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

    /// What only opens have to pass: policy, venue, emergency stop and exposure, each closed when unknown.
    fn may_open(&self, symbol: Symbol, ctx: &mut Context<'_>) -> Result<(), Dropped> {
        if !crate::policy::policy_store::allows(ctx, symbol) {
            return Err("dropped_not_in_policy");
        }
        if !crate::policy::universe_service::tradable(ctx, symbol) {
            return Err("dropped_not_tradable");
        }
        if switches::is_set(keys::EMERGENCY_STOP.name, &["1"], ctx) {
            return Err("dropped_emergency_stop");
        }
        let exposure = match ctx.record::<PortfolioState>(keys::PORTFOLIO.name) {
            Ok(Some(state)) if !state.stale => state
                .equity_usd
                .filter(|equity| *equity > Decimal::ZERO)
                .map(|equity| 100.0 * grid::float(state.gross_exposure_usd) / grid::float(equity)),
            Ok(_) | Err(_) => None,
        };
        match exposure {
            None => Err("dropped_exposure_unknown"),
            Some(percent) if percent >= self.settings.max_exposure_pct => {
                Err("dropped_exposure_limit")
            }
            Some(_) => Ok(()),
        }
    }
}

impl Configured for IntentBridge {
    type Settings = IntentBridgeSettings;
    const COUNTERS: &'static [&'static str] = &[
        "already_seen",
        "dropped_emergency_stop",
        "dropped_exposure_limit",
        "dropped_exposure_unknown",
        "dropped_not_in_policy",
        "dropped_not_tradable",
        "dropped_too_old",
        "dropped_unknown_symbol",
        "dropped_without_action",
        "dropped_without_quantity",
        "market_state_refused",
        "plans",
        "policy_params_refused",
        "seen_not_saved",
    ];

    fn configured(
        settings: &IntentBridgeSettings,
        setup: Setup<'_>,
    ) -> Result<IntentBridge, String> {
        Ok(IntentBridge::new(setup.symbols, settings))
    }
}

impl Service for IntentBridge {
    fn wiring(&self) -> Wiring {
        Wiring {
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
            ]),
            keys_written: keys::patterns(&[keys::BRIDGE_SEEN]),
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        if let Input::Delivery(delivery) = input {
            self.intent(delivery, ctx);
        }
    }
}
