//! What became of decisions: closed trades teach the vote, both calibrations, the governer agent and drift.
//! Each purpose has its own group, so that each sees every trade (incident I-21).

use std::collections::VecDeque;

use engine::{Context, CorrelationId, Delivery, EntryId, Envelope, EpochSeconds, JsonText, Nanos};
use serde::{Deserialize, Serialize};
use strategies::calibration::WinRateRecord;
use strategies::signal::{DriftThresholds, JudgedTrade, PerformanceDrop, performance_drop};
use strategies::{Consensus, ConsensusWeights, updated_weight};

use super::AiEngine;
use super::words::consensus;
use crate::records::{DecisionMade, Experience, PositionSide, SignalAction, TradeClosed, WinRate};
use crate::streams::{AI_DECISION_MADE, RL_EXPERIENCE, TRADE_CLOSED};
use crate::{grid, keys};

/// Decisions that are remembered until their trade is closed.
const OPEN_MAX: usize = 1_000;
/// Trades that a restart goes back.
const CLOSED_MAX: usize = 1_000;
/// Trades of the baseline of results, and of what is compared with it.
const JUDGED: usize = 100;

/// A decision whose trade is not closed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct OpenDecision {
    pub(super) correlation_id: CorrelationId,
    pub(super) action: SignalAction,
    pub(super) confidence: f64,
    pub(super) consensus: Consensus,
    pub(super) features: [f64; 18],
}

/// Decisions on their way, and how the closed ones ended.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Results {
    open: VecDeque<OpenDecision>,
    baseline: Vec<JudgedTrade>,
    current: VecDeque<JudgedTrade>,
}

impl Results {
    pub(super) fn decided(&mut self, decision: OpenDecision) {
        if self.open.len() == OPEN_MAX {
            self.open.pop_front();
        }
        self.open.push_back(decision);
    }

    fn judged(&mut self, trade: JudgedTrade) {
        if self.baseline.len() < JUDGED {
            self.baseline.push(trade);
            return;
        }
        if self.current.len() == JUDGED {
            self.current.pop_front();
        }
        self.current.push_back(trade);
    }

    /// How the results got worse, when there are enough of them.
    pub(super) fn performance(&mut self) -> Option<PerformanceDrop> {
        if self.current.is_empty() {
            return None;
        }
        performance_drop(
            &self.baseline,
            self.current.make_contiguous(),
            &DriftThresholds::default(),
        )
    }
}

/// How often signals of like confidence were right, by tenths of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Accuracy {
    bins: [(u64, u64); 10],
}

impl Accuracy {
    fn bin(confidence: f64) -> usize {
        ((confidence * 10.0).clamp(0.0, 9.0)) as usize
    }

    /// Share of the right ones among signals like this, and how many there were.
    pub(super) fn of(&self, confidence: f64) -> (f64, u64) {
        let (right, all) = self.bins[Accuracy::bin(confidence)];
        (if all > 0 { right as f64 / all as f64 } else { 0.0 }, all)
    }

    fn add(&mut self, confidence: f64, right: bool) {
        let (of, all) = &mut self.bins[Accuracy::bin(confidence)];
        *all += 1;
        *of += u64::from(right);
    }
}

fn weight_of(weights: &mut ConsensusWeights, consensus: Consensus) -> Option<&mut f64> {
    match consensus {
        Consensus::Unanimous => Some(&mut weights.unanimous),
        Consensus::Strong => Some(&mut weights.strong),
        Consensus::Split => Some(&mut weights.split),
        Consensus::Weak => Some(&mut weights.weak),
        Consensus::NoValidModels => None,
    }
}

fn pnl(trade: &TradeClosed) -> f64 {
    grid::float(trade.pnl_percent) / 100.0
}

fn pnl_usd(trade: &TradeClosed) -> f64 {
    grid::float(trade.pnl_usd)
}

impl AiEngine {
    /// The ensemble's purpose: weights of the vote, losses for the governer agent, results for drift, and the
    /// experience that others learn from.
    pub(super) fn learn(&mut self, delivery: &Delivery, ctx: &mut Context<'_>) {
        let Some(trade) = ctx.read::<TradeClosed>(TRADE_CLOSED.name, delivery) else { return };
        if !self.knows(trade.symbol) {
            return ctx.count("trades_of_unknown_symbols", 1);
        }
        let known = self.state.results.open.iter();
        let decision = known.rev().find(|d| d.correlation_id == trade.correlation_id).cloned();
        // After a restart the memory has it already.
        if delivery.entry.id > self.state.recovered {
            self.remember(&trade, decision.as_ref());
        }
        let Some(decision) = decision else {
            return ctx.count("trades_without_decision", 1);
        };
        let experience = Experience {
            timestamp: trade.closed_at,
            symbol: trade.symbol,
            action: decision.action,
            pnl: pnl(&trade),
            confidence: decision.confidence,
            features: Some(JsonText(decision.features)),
            correlation_id: trade.correlation_id,
        };
        crate::publish(ctx, RL_EXPERIENCE, Envelope::Flat, experience);
        ctx.count("experiences", 1);
        self.state.results.open.retain(|d| d.correlation_id != trade.correlation_id);
    }

    fn remember(&mut self, trade: &TradeClosed, decision: Option<&OpenDecision>) {
        if pnl_usd(trade) < 0.0 {
            self.state.governer.lost(trade.symbol, trade.closed_at.0);
        }
        self.state.results.judged(JudgedTrade {
            confidence: trade.confidence.or(decision.map(|d| d.confidence)).unwrap_or(0.5),
            predicted_up: trade.side == PositionSide::Long,
            went_up: trade.exit_price > trade.entry_price,
        });
        let slot = decision.and_then(|d| weight_of(&mut self.state.weights, d.consensus));
        if let Some(weight) = slot {
            *weight = updated_weight(*weight, pnl(trade));
        }
    }

    /// The calibrator's purpose.
    pub(super) fn calibrate(&mut self, delivery: &Delivery, ctx: &mut Context<'_>) {
        let Some(trade) = ctx.read::<TradeClosed>(TRADE_CLOSED.name, delivery) else { return };
        if !self.knows(trade.symbol) {
            return ctx.count("trades_of_unknown_symbols", 1);
        }
        if delivery.entry.id > self.state.recovered
            && let Some(confidence) = trade.confidence
        {
            self.state.accuracy.add(confidence, pnl_usd(&trade) > 0.0);
        }
    }

    /// The RL calibration's purpose: the symbol's hash.
    pub(super) fn count_result(&mut self, delivery: &Delivery, ctx: &mut Context<'_>) {
        let Some(trade) = ctx.read::<TradeClosed>(TRADE_CLOSED.name, delivery) else { return };
        let Some(place) = self.state.markets.iter().position(|m| m.symbol == trade.symbol) else {
            return ctx.count("trades_of_unknown_symbols", 1);
        };
        let (entry, pnl) = (delivery.entry.id.to_string(), pnl_usd(&trade));
        let key = &self.calibration_keys[place];
        let before = match ctx.record::<WinRate>(key) {
            Ok(Some(record)) if record.last_entry.as_deref() == Some(&entry) => return,
            Ok(record) => record.map_or_else(WinRateRecord::default, |r| WinRateRecord {
                trades: r.trades,
                wins: r.wins,
                losses: r.losses,
                ema_winrate: r.ema_winrate,
            }),
            Err(_) => return ctx.count("calibration_unreadable", 1),
        };
        let after = before.after(pnl);
        let record = WinRate {
            trades: after.trades,
            wins: after.wins,
            losses: after.losses,
            ema_winrate: after.ema_winrate,
            updated_ts: EpochSeconds(ctx.now()),
            last_entry: Some(entry.into()),
        };
        if ctx.set_record(key, &record, None).is_err() {
            ctx.count("calibration_not_saved", 1);
        }
    }

    fn knows(&self, symbol: engine::Symbol) -> bool {
        self.state.markets.iter().any(|market| market.symbol == symbol)
    }

    /// After a start: what lies on the bus of decisions and closed trades.
    pub(super) fn recover(&mut self, ctx: &mut Context<'_>) {
        let word = |text: Option<&str>| {
            use Consensus::{NoValidModels, Split, Strong, Unanimous, Weak};
            let all = [Unanimous, Strong, Split, Weak];
            all.into_iter().find(|c| Some(consensus(*c)) == text).unwrap_or(NoValidModels)
        };
        for entry in ctx.newest(AI_DECISION_MADE.name, OPEN_MAX).unwrap_or_default().iter().rev() {
            let read = entry.body.as_ref().and_then(|body| body.read::<DecisionMade>().ok());
            let Some(made) = read else { continue };
            let Some(JsonText(features)) = made.features else { continue };
            self.state.results.decided(OpenDecision {
                correlation_id: made.correlation_id,
                action: made.side,
                confidence: made.confidence,
                consensus: word(made.consensus.as_deref()),
                features,
            });
        }
        let closed = ctx.newest(TRADE_CLOSED.name, CLOSED_MAX).unwrap_or_default();
        self.state.recovered = closed.first().map_or(EntryId::ZERO, |entry| entry.id);
        for entry in closed.iter().rev() {
            let read = entry.body.as_ref().and_then(|body| body.read::<TradeClosed>().ok());
            let Some(trade) = read.filter(|trade| self.knows(trade.symbol)) else { continue };
            let known = self.state.results.open.iter();
            let decision = known.rev().find(|d| d.correlation_id == trade.correlation_id).cloned();
            self.remember(&trade, decision.as_ref());
            if let Some(confidence) = trade.confidence {
                self.state.accuracy.add(confidence, pnl_usd(&trade) > 0.0);
            }
        }
        let now = ctx.now();
        let key = keys::GOVERNER_DAILY_TRADES.of(day(now));
        match ctx.get(&key) {
            Ok(Some(count)) => match count.parse() {
                Ok(count) => self.state.governer.resume(count, now),
                Err(_) => ctx.count("daily_trades_unreadable", 1),
            },
            Ok(None) => {}
            Err(_) => ctx.count("daily_trades_unreadable", 1),
        }
    }

    /// A decision counts as a trade of its day; the count lives until 01:00 of the next, an hour at least.
    pub(super) fn count_trade(&mut self, ctx: &mut Context<'_>) {
        if self.imagined_account().is_some() {
            return;
        }
        let now = ctx.now();
        self.state.governer.traded(now);
        let key = keys::GOVERNER_DAILY_TRADES.of(day(now));
        match ctx.incr_by(&key, 1) {
            Ok(1) => {
                let left = 86_400 - now.secs().rem_euclid(86_400) + 3_600;
                ctx.expire(&key, Nanos::from_secs(left.max(3_600)));
            }
            Ok(_) => {}
            Err(_) => ctx.count("daily_trades_unreadable", 1),
        }
    }
}

/// `YYYYMMDD` of a time.
fn day(now: Nanos) -> String {
    let text = now.to_string();
    text.get(..10).unwrap_or_default().replace('-', "")
}
