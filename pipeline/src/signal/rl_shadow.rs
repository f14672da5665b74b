//! RL shadow (MSE 7.2, 7.3): publishes the policy that the engine's influence gate reads, and runs the RL agent
//! v3, whose multiplier is told and traded by nobody. The agent learns from closed trades; a listener of plans
//! once learned nothing at all (incident I-15).

use engine::{
    Context, CorrelationId, Delivery, EpochSeconds, GaugeOf, GroupStart, Input, Nanos, Reader,
    Service, SetOptions, Symbol, TimerKey, Wiring,
};
use serde::{Deserialize, Serialize};
use strategies::learning::{ExperienceBuffer, MultiplierState, ensemble_reward, size_multiplier};

use crate::audited::Audited;
use crate::records::{DecisionMade, RlPolicy, SignalAction, TradeClosed};
use crate::settings::{Configured, SHARE, Setup, settings};
use crate::streams::{AI_DECISION_MADE, EXITBRAIN_PNL, TRADE_CLOSED};
use crate::{grid, keys};

settings! {
    /// RL shadow.
    pub struct RlShadowSettings {
        /// Between two publications of the policy, in s.
        pub interval_s: i64 = 30 => 1..,
        /// The symbols that have a policy.
        pub symbols: Vec<Symbol> = default_symbols(),
        /// What the policy wants of them: `buy`, `sell` or `hold`.
        pub action: SignalAction = SignalAction::Hold,
        /// How sure it is.
        pub confidence: f64 = 0.80 => SHARE,
        /// Leverage from which the agent's reward counts the distance.
        pub target_leverage: f64 = 10.0 => crate::settings::LEVERAGE,
    }
}

fn default_symbols() -> Vec<Symbol> {
    ["BTCUSDT", "ETHUSDT", "SOLUSDT"].iter().filter_map(|name| Symbol::new(name).ok()).collect()
}

const TRADES: usize = 0;
const VERSION: &str = "constant-1";
/// Decisions that wait for the end of their trade.
const OPEN_MAX: usize = 1_000;
/// Weight of the newest result in the trend of results.
const TREND_GAIN: f64 = 0.1;

/// State at the entry of a trade.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entered {
    correlation_id: CorrelationId,
    state: MultiplierState,
}

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RlShadow {
    settings: RlShadowSettings,
    keys: Vec<String>,
    open: Vec<Entered>,
    experiences: ExperienceBuffer,
    /// How results have gone lately, -1 to 1.
    trend: f64,
    passes: u64,
    seen: u64,
    /// The agent listens to plans in place of closed trades.
    of_plans: bool,
}

impl RlShadow {
    fn publish(&self, ctx: &mut Context<'_>) {
        let policy = RlPolicy {
            action: self.settings.action,
            confidence: self.settings.confidence,
            version: VERSION.into(),
            timestamp: EpochSeconds(ctx.now()),
            reason: "configured".into(),
        };
        for key in &self.keys {
            if ctx.set_json(key, &policy, SetOptions::default()).is_err() {
                ctx.count("policy_not_saved", 1);
            }
        }
        ctx.gauge("quantum_rl_policy_age_seconds", GaugeOf::All, 0.0);
    }

    /// A decision: what the gate made of the policy, and what the agent would have done to the size.
    fn decided(&mut self, made: &DecisionMade, ctx: &mut Context<'_>) {
        self.seen += 1;
        ctx.count("quantum_rl_intents_analyzed_total", 1);
        let passed = made.rl_gate_pass == Some(true);
        self.passes += u64::from(passed);
        ctx.count(
            if passed { "quantum_rl_gate_passes_total" } else { "quantum_rl_gate_failures_total" },
            1,
        );
        let rate = self.passes as f64 / self.seen as f64;
        ctx.gauge("quantum_rl_gate_pass_rate", GaugeOf::All, rate);
        if let Some(age) = made.rl_policy_age_sec {
            ctx.gauge("quantum_rl_policy_age_seconds", GaugeOf::Symbol(made.symbol), age);
        }
        let state = MultiplierState {
            confidence: made.confidence,
            volatility: made.volatility_factor.unwrap_or(1.0),
            pnl_trend: self.trend,
            exch_divergence: made.exchange_divergence.map_or(0.0, |d| {
                // In USDT; the agent takes a share of the price.
                d / grid::float(made.entry_price).max(f64::MIN_POSITIVE)
            }),
            funding_rate: made.funding_rate.unwrap_or(0.0),
            margin_util: 0.0,
        };
        match size_multiplier(&state) {
            Ok(multiplier) => {
                ctx.gauge("rl_size_multiplier", GaugeOf::Symbol(made.symbol), multiplier);
            }
            Err(_) => return ctx.count("states_not_finite", 1),
        }
        if self.open.len() == OPEN_MAX {
            self.open.remove(0);
        }
        self.open.push(Entered { correlation_id: made.correlation_id, state });
    }

    fn closed(&mut self, delivery: &Delivery, ctx: &mut Context<'_>) {
        let Some(trade) = ctx.read::<TradeClosed>(TRADE_CLOSED.name, delivery) else { return };
        let pnl = grid::float(trade.pnl_percent) / 100.0;
        let of_it = |entered: &Entered| entered.correlation_id == trade.correlation_id;
        let Some(place) = self.open.iter().position(of_it) else {
            return ctx.count("trades_without_state", 1);
        };
        let entered = self.open.remove(place);
        let reward = ensemble_reward(
            pnl,
            entered.state.confidence,
            trade.leverage.map_or(self.settings.target_leverage, f64::from),
            self.settings.target_leverage,
            entered.state.exch_divergence,
            self.trend,
        );
        let sign = f64::from(i8::from(pnl > 0.0) - i8::from(pnl < 0.0));
        self.trend += TREND_GAIN * (sign - self.trend);
        match reward.and_then(|reward| self.experiences.push(entered.state, reward)) {
            // The rule has no weights to move; a network would take its step here.
            Ok(due) => {
                ctx.count("experiences", 1);
                ctx.count("steps_due", u64::from(due));
            }
            Err(_) => ctx.count("states_not_finite", 1),
        }
    }
}

impl Configured for RlShadow {
    type Settings = RlShadowSettings;
    const COUNTERS: &'static [&'static str] = &[
        "experiences",
        "policy_not_saved",
        "quantum_rl_gate_failures_total",
        "quantum_rl_gate_passes_total",
        "quantum_rl_intents_analyzed_total",
        "states_not_finite",
        "steps_due",
        "trades_without_state",
    ];
    const GAUGES: &'static [&'static str] =
        &["quantum_rl_gate_pass_rate", "quantum_rl_policy_age_seconds", "rl_size_multiplier"];

    fn configured(settings: &RlShadowSettings, setup: Setup<'_>) -> Result<RlShadow, String> {
        let traded = settings.symbols.iter().filter(|symbol| setup.symbols.contains(symbol));
        Ok(RlShadow {
            settings: settings.clone(),
            keys: traded.map(|symbol| keys::RL_POLICY.of(symbol)).collect(),
            open: Vec::new(),
            experiences: ExperienceBuffer::default(),
            trend: 0.0,
            passes: 0,
            seen: 0,
            of_plans: setup.pipeline.audited.has(Audited::LearnsFromPlans),
        })
    }
}

impl Service for RlShadow {
    fn wiring(&self) -> Wiring {
        let heard = if self.of_plans { EXITBRAIN_PNL } else { TRADE_CLOSED };
        Wiring {
            readers: vec![
                Reader::group(heard.name, "rl_agent", GroupStart::End),
                Reader::group(AI_DECISION_MADE.name, "rl_shadow", GroupStart::End),
            ],
            keys_written: keys::patterns(&[keys::RL_POLICY]),
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Start | Input::Timer(_) => {
                self.publish(ctx);
                ctx.timer_after(Nanos::from_secs(self.settings.interval_s), TimerKey(0));
            }
            // What it called for a plan did nothing.
            Input::Delivery(delivery) if delivery.reader == TRADES && self.of_plans => {}
            Input::Delivery(delivery) if delivery.reader == TRADES => self.closed(delivery, ctx),
            Input::Delivery(delivery) => {
                if let Some(made) = ctx.read::<DecisionMade>(AI_DECISION_MADE.name, delivery) {
                    self.decided(&made, ctx);
                }
            }
            _ => {}
        }
    }
}
