//! Portfolio governance (MSE 15.2): the one owner of the risk policy.
//!
//! Two services wrote the policy over each other: this one by the score of closed trades, the meta regime by its
//! link (15.1). Now the regime only tells, and the stricter of both opinions is the policy. Its memory is the
//! stream portfolio.memory, so that a successor goes on with it; entry plans are held to it by the bridge.

use std::collections::VecDeque;

use engine::{
    Context, Delivery, Envelope, EpochSeconds, GaugeOf, GroupStart, Input, JsonText, Nanos, Reader,
    Record, Service, SetOptions, Symbol, TimerKey, Wiring,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strategies::heat::daily_sigma;
use strategies::portfolio::{MemoryEvent, Policy, owned_policy, portfolio_score};
use strategies::regime::{
    MetaRegime, POLICY_CONFIDENCE_MIN, RegimeStats, best_regime, recommended_policy,
};

use crate::audited::Audited;
use crate::grid;
use crate::keys;
use crate::records::{
    GovernanceDecision, GovernanceEvent, GovernanceParams, GovernanceRegimeStats, MarketState,
    MemoryEntry, MetaRegimeState, TradeClosed,
};
use crate::settings::{Configured, SHARE, Setup, settings};
use crate::streams::{GOVERNANCE_EVENTS, META_REGIME, PORTFOLIO_MEMORY, TRADE_CLOSED, bus_group};

settings! {
    /// Portfolio governance.
    pub struct PortfolioGovernanceSettings {
        /// A regime that is older has no say, in s.
        pub regime_max_age_s: i64 = 120 => 1..,
        /// A regime has a say only where its reading is surer than this (MSE 15.1).
        pub regime_confidence_min: f64 = POLICY_CONFIDENCE_MIN => SHARE,
    }
}

const INTERVAL: Nanos = Nanos::from_secs(30);
/// Trades remembered.
const MEMORY: usize = 500;

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PortfolioGovernance {
    symbols: Vec<Symbol>,
    regime_max_age: Nanos,
    regime_confidence_min: f64,
    memory: VecDeque<(MetaRegime, MemoryEvent)>,
    policy: Policy,
    /// The regime writes the policy itself, and this one writes it again in each round.
    one_of_two: bool,
}

impl PortfolioGovernance {
    fn remember(&mut self, entry: &MemoryEntry) {
        let event = MemoryEvent {
            pnl: entry.pnl,
            // A trade that nobody was sure of, as far as is known; a volatility of zero counts as 0.01.
            confidence: entry.confidence.unwrap_or(0.0),
            volatility: entry.volatility.unwrap_or(0.0),
            leverage: entry.leverage,
        };
        let regime = MetaRegime::of(&entry.regime).unwrap_or(MetaRegime::Unknown);
        if self.memory.len() == MEMORY {
            self.memory.pop_front();
        }
        self.memory.push_back((regime, event));
    }

    /// After a start: policy and memory of a former life.
    fn recover(&mut self, ctx: &mut Context<'_>) {
        match ctx.get(keys::GOVERNANCE_POLICY.name) {
            Ok(None) => self.save_policy(ctx),
            Ok(Some(text)) if Policy::of(&text).is_some() => {
                self.policy = Policy::of(&text).unwrap_or(self.policy);
            }
            Ok(Some(_)) | Err(_) => {
                ctx.count("policy_unreadable", 1);
                self.save_policy(ctx);
            }
        }
        let newest = ctx.newest(PORTFOLIO_MEMORY.name, MEMORY).unwrap_or_default();
        for body in newest.iter().rev().filter_map(|entry| entry.body.as_ref()) {
            match body.read::<MemoryEntry>() {
                Ok(entry) => self.remember(&entry),
                Err(_) => ctx.count("memory_unreadable", 1),
            }
        }
    }

    /// The newest regime, if it is fresh.
    fn regime(&self, ctx: &mut Context<'_>) -> Option<(MetaRegime, f64)> {
        let newest = ctx.newest(META_REGIME.name, 1).unwrap_or_default();
        let state = newest.first()?.body.as_ref()?.read::<MetaRegimeState>().ok();
        let fresh = state.filter(|s| ctx.now() - s.timestamp.0 <= self.regime_max_age);
        let known = fresh.and_then(|s| Some((MetaRegime::of(&s.regime)?, s.confidence)));
        if known.is_none() {
            ctx.count("regime_stale", 1);
        }
        known
    }

    fn closed(&mut self, delivery: &Delivery, ctx: &mut Context<'_>) {
        let Some(trade) = ctx.read::<TradeClosed>(TRADE_CLOSED.name, delivery) else { return };
        if !self.symbols.contains(&trade.symbol) {
            return ctx.count("trades_of_unknown_symbols", 1);
        }
        if delivery.redelivered && self.is_remembered(&trade, ctx) {
            return ctx.count("trades_already_remembered", 1);
        }
        let volatility = match ctx.record::<MarketState>(&keys::MARKETSTATE.of(trade.symbol)) {
            Ok(state) => state.map(|state| daily_sigma(state.sigma)),
            Err(_) => {
                ctx.count("marketstate_unreadable", 1);
                None
            }
        };
        let regime = self.regime(ctx).map_or(MetaRegime::Unknown, |(regime, _)| regime);
        let entry = MemoryEntry {
            timestamp: trade.closed_at,
            symbol: trade.symbol,
            side: trade.side,
            leverage: f64::from(trade.leverage.unwrap_or(1)),
            pnl: grid::float(trade.pnl_percent / Decimal::ONE_HUNDRED),
            confidence: trade.confidence,
            volatility,
            position_size: grid::float((trade.quantity * trade.entry_price).round_dp(8)),
            exit_reason: trade.reason.clone(),
            regime: regime.as_str().into(),
            plan_id: trade.plan_id.clone(),
            correlation_id: trade.correlation_id,
        };
        self.remember(&entry);
        crate::publish(ctx, PORTFOLIO_MEMORY, Envelope::Flat, entry);
    }

    /// Whether a former life had published the trade before it could acknowledge it.
    fn is_remembered(&self, trade: &TradeClosed, ctx: &mut Context<'_>) -> bool {
        let newest = ctx.newest(PORTFOLIO_MEMORY.name, MEMORY).unwrap_or_default();
        newest.iter().filter_map(|entry| entry.body.as_ref()).any(|body| {
            body.read::<MemoryEntry>().is_ok_and(|entry| {
                entry.plan_id == trade.plan_id && entry.timestamp == trade.closed_at
            })
        })
    }

    fn decide(&mut self, ctx: &mut Context<'_>) {
        let events: Vec<MemoryEvent> = self.memory.iter().map(|(_, event)| *event).collect();
        let Ok(score) = portfolio_score(&events) else {
            return ctx.count("memory_refused", 1);
        };
        let stats = self.stats();
        let regime = self.regime(ctx);
        let by_regime = regime.filter(|_| !self.one_of_two).and_then(|(regime, confidence)| {
            let own = stats.iter().find(|stats| stats.regime == regime);
            let policy = recommended_policy(regime, own).ok()?;
            // One that is sure and agrees is an opinion, too.
            (confidence > self.regime_confidence_min).then_some(policy)
        });
        let (policy, reason) = owned_policy(&score, by_regime, self.policy);
        let timestamp = EpochSeconds(ctx.now());
        let old = std::mem::replace(&mut self.policy, policy);
        // A Redis that came back empty has no policy, and without one nothing opens.
        let same = old == policy;
        if same && (self.one_of_two || ctx.get(keys::GOVERNANCE_POLICY.name) == Ok(None)) {
            self.save_policy(ctx);
        }
        if old != policy {
            self.save_policy(ctx);
            ctx.count("policy_changes", 1);
            let event = GovernanceEvent {
                event: "policy_changed".into(),
                timestamp,
                old_policy: old.as_str().into(),
                new_policy: policy.as_str().into(),
                reason: reason.as_str().into(),
            };
            crate::publish(ctx, GOVERNANCE_EVENTS, Envelope::Flat, event);
        }
        ctx.gauge("governance_score", GaugeOf::All, score.score);
        ctx.gauge("governance_samples", GaugeOf::All, score.samples as f64);
        let (regime, regime_confidence) = regime.unwrap_or((MetaRegime::Unknown, 0.0));
        let decision = GovernanceDecision {
            policy: policy.as_str().into(),
            reason: reason.as_str().into(),
            score: score.score,
            samples: score.samples as u64,
            win_rate: score.win_rate,
            regime: regime.as_str().into(),
            regime_confidence,
            timestamp,
        };
        save_json(keys::GOVERNANCE_LAST_DECISION, &decision, ctx);
        save_text(keys::GOVERNANCE_SCORE.name, &score.score.to_string(), ctx);
        if let Some(best) = best_regime(&stats) {
            save_text(keys::GOVERNANCE_PREFERRED_REGIME.name, best.as_str(), ctx);
        }
        let stats = GovernanceRegimeStats { stats: JsonText(stats), timestamp };
        save_json(keys::GOVERNANCE_REGIME_STATS, &stats, ctx);
    }

    /// How trades went in each regime that had any.
    fn stats(&self) -> Vec<RegimeStats> {
        let of = |regime: MetaRegime| {
            let pnl = self.memory.iter().filter(|(of, _)| *of == regime).map(|(_, e)| e.pnl);
            let (samples, sum, wins) = pnl.fold((0u64, 0.0, 0u64), |(n, sum, wins), pnl| {
                (n + 1, sum + pnl, wins + u64::from(pnl > 0.0))
            });
            let count = samples as f64;
            (samples > 0).then(|| RegimeStats {
                regime,
                samples,
                avg_pnl: sum / count,
                win_rate: wins as f64 / count,
            })
        };
        MetaRegime::ALL.into_iter().filter_map(of).collect()
    }

    fn save_policy(&self, ctx: &mut Context<'_>) {
        let limits = self.policy.limits();
        let params = GovernanceParams {
            max_leverage: limits.max_leverage,
            max_position_pct: limits.max_position_pct,
            min_confidence: limits.min_confidence,
            max_concurrent_positions: limits.max_positions,
            stop_loss_multiplier: limits.stop_loss_multiplier,
        };
        save_text(keys::GOVERNANCE_POLICY.name, self.policy.as_str(), ctx);
        save_json(keys::GOVERNANCE_PARAMS, &params, ctx);
        params.for_each_field(&mut |name, value| {
            save_text(&keys::GOVERNANCE_PARAM.of(name), value, ctx);
        });
    }
}

fn save_text(key: &str, value: &str, ctx: &mut Context<'_>) {
    if ctx.set(key, value, SetOptions::default()).is_err() {
        ctx.count("governance_not_saved", 1);
    }
}

fn save_json(key: keys::Key, record: &dyn Record, ctx: &mut Context<'_>) {
    if ctx.set_json(key.name, record, SetOptions::default()).is_err() {
        ctx.count("governance_not_saved", 1);
    }
}

impl Configured for PortfolioGovernance {
    type Settings = PortfolioGovernanceSettings;
    const COUNTERS: &'static [&'static str] = &[
        "governance_not_saved",
        "marketstate_unreadable",
        "memory_refused",
        "memory_unreadable",
        "policy_changes",
        "policy_unreadable",
        "regime_stale",
        "trades_already_remembered",
        "trades_of_unknown_symbols",
    ];
    const GAUGES: &'static [&'static str] = &["governance_samples", "governance_score"];

    fn configured(
        settings: &PortfolioGovernanceSettings,
        setup: Setup<'_>,
    ) -> Result<PortfolioGovernance, String> {
        let symbols = setup.symbols.to_vec();
        let regime_max_age = Nanos::from_secs(settings.regime_max_age_s);
        let (memory, policy) = (VecDeque::new(), Policy::Balanced);
        let one_of_two = setup.pipeline.audited.has(Audited::RegimeOverwritesPolicy);
        Ok(PortfolioGovernance {
            symbols,
            regime_max_age,
            regime_confidence_min: settings.regime_confidence_min,
            memory,
            policy,
            one_of_two,
        })
    }
}

impl Service for PortfolioGovernance {
    fn wiring(&self) -> Wiring {
        let group = bus_group("portfolio-governance", TRADE_CLOSED);
        Wiring {
            readers: vec![Reader::group(TRADE_CLOSED.name, &group, GroupStart::Beginning)],
            writes: vec![PORTFOLIO_MEMORY.name, GOVERNANCE_EVENTS.name],
            looks: vec![META_REGIME.name, PORTFOLIO_MEMORY.name],
            keys_read: keys::patterns(&[keys::GOVERNANCE_POLICY, keys::MARKETSTATE]),
            keys_written: keys::patterns(&[
                keys::GOVERNANCE_POLICY,
                keys::GOVERNANCE_PARAMS,
                keys::GOVERNANCE_PARAM,
                keys::GOVERNANCE_SCORE,
                keys::GOVERNANCE_LAST_DECISION,
                keys::GOVERNANCE_PREFERRED_REGIME,
                keys::GOVERNANCE_REGIME_STATS,
            ]),
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Start => {
                self.recover(ctx);
                ctx.timer_after(INTERVAL, TimerKey(0));
            }
            Input::Timer(_) => {
                self.decide(ctx);
                ctx.timer_after(INTERVAL, TimerKey(0));
            }
            Input::Delivery(delivery) => self.closed(delivery, ctx),
            _ => {}
        }
    }
}
