//! Intent bridge (MSE 9): intents in, plans out. It grants nothing: permits are P3.3's.

use engine::{
    Context, Delivery, Envelope, GroupStart, Input, Nanos, Reader, Service, SetOptions, Symbol,
    Wiring,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strategies::harvest::{KillScore, Theta, kill_score};
use strategies::position::MarketView;

use crate::entry::intent_plan::{asked, plan_of};
use crate::grid;
use crate::keys;
use crate::records::{ApplyPlan, MarketState, Policy, PortfolioState, PositionState, TradeIntent};
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
        let asked = asked(intent, held)?;
        if !asked.closes {
            // A close is never too old: what it closes is what the exchange holds now.
            if now - intent.timestamp.0 > Nanos::from_secs(self.settings.intent_max_age_s) {
                return Err("dropped_too_old");
            }
            self.may_open(symbol, ctx)?;
            asked.qty.ok_or("dropped_without_quantity")?;
        }
        let kill = if asked.closes { None } else { self.kill_score(place, ctx) };
        let until = now + Nanos::from_secs(self.settings.plan_validity_s);
        Ok(ApplyPlan {
            kill_score: kill.map(|kill| kill.score),
            k_regime_flip: kill.map(|kill| kill.components.regime_flip),
            k_sigma_spike: kill.map(|kill| kill.components.sigma_spike),
            k_ts_drop: kill.map(|kill| kill.components.ts_drop),
            k_age_penalty: kill.map(|kill| kill.components.age_penalty),
            ..plan_of(intent, &asked, delivery.entry.id, now, until)
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
