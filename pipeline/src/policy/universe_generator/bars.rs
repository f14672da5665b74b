//! What the universe generator has seen of one symbol: 15-minute bars, kept on the bus, and what follows of them.

use std::collections::{BTreeSet, VecDeque};

use engine::{Context, Nanos, Symbol};
use serde::{Deserialize, Serialize};
use strategies::numbers::RefusedNumber;
use strategies::universe::{
    CandidateStats, Candle, Performance, candidate_score, momentum_pct, performance_factor,
    policy_leverage, trend_pct, volatility_pct,
};

use crate::keys;
use crate::records::SymbolPerformance;

const QUARTER: Nanos = Nanos::from_secs(900);
/// Bars kept: fifty hours, and the one that the first of them began in.
const BARS: usize = 204;
/// Bars of 24 hours, and of the correlation of two symbols.
pub(super) const DAY: usize = 96;

/// A bar of 15 minutes, in USDT.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Quarter {
    /// Opening, in s.
    t: i64,
    h: f64,
    l: f64,
    c: f64,
    /// Quote volume.
    q: f64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct OneSymbol {
    pub(super) symbol: Symbol,
    bars_key: String,
    performance_key: String,
    /// Closed, oldest first.
    bars: VecDeque<Quarter>,
    growing: Option<Quarter>,
    /// It has bars of its own: its trades are in them.
    pub(super) has_bars: bool,
    pub(super) spread_bps: Option<f64>,
}

/// A feature that too few bars leave unknown adds nothing to a score, and is named.
fn known(
    name: &'static str,
    value: Result<Option<f64>, RefusedNumber>,
    missing: &mut BTreeSet<&'static str>,
) -> f64 {
    value.ok().flatten().unwrap_or_else(|| {
        missing.insert(name);
        0.0
    })
}

impl OneSymbol {
    /// Of which nothing is known yet.
    pub(super) fn new(symbol: Symbol) -> OneSymbol {
        OneSymbol {
            symbol,
            bars_key: keys::UNIVERSE_BARS.of(symbol),
            performance_key: keys::SYMBOL_PERFORMANCE.of(symbol),
            bars: VecDeque::new(),
            growing: None,
            has_bars: false,
            spread_bps: None,
        }
    }

    /// After a start: the bars of a former life.
    pub(super) fn recover(&mut self, ctx: &mut Context<'_>) {
        let Ok(list) = ctx.lrange(&self.bars_key, BARS) else {
            return ctx.count("bars_unreadable", 1);
        };
        for text in list.iter().rev() {
            match serde_json::from_str::<Quarter>(text) {
                Ok(bar) => self.bars.push_back(bar),
                Err(_) => ctx.count("bars_unreadable", 1),
            }
        }
    }

    /// Prices of a span that began then: highest, lowest, last, and the quote volume.
    pub(super) fn grow(
        &mut self,
        opened: Nanos,
        (h, l, c): (f64, f64, f64),
        q: f64,
        ctx: &mut Context<'_>,
    ) {
        let t = Nanos(opened.0 - opened.0.rem_euclid(QUARTER.0)).secs();
        match &mut self.growing {
            Some(bar) if bar.t == t => {
                *bar = Quarter { t, h: bar.h.max(h), l: bar.l.min(l), c, q: bar.q + q };
            }
            Some(bar) if bar.t > t => ctx.count("prices_too_late", 1),
            _ => {
                let ended = self.growing.replace(Quarter { t, h, l, c, q });
                if let Some(ended) = ended {
                    self.close(ended, ctx);
                }
            }
        }
    }

    fn close(&mut self, bar: Quarter, ctx: &mut Context<'_>) {
        if self.bars.back().is_some_and(|last| last.t >= bar.t) {
            return;
        }
        if self.bars.len() == BARS {
            self.bars.pop_front();
        }
        self.bars.push_back(bar);
        let text = serde_json::to_string(&bar).unwrap_or_default();
        if ctx.lpush_keep(&self.bars_key, &text, BARS).is_err() {
            ctx.count("bars_not_saved", 1);
        }
    }

    /// Quote volume of 24 hours, as far as it was seen.
    pub(super) fn volume(&self, now: Nanos) -> f64 {
        let from = now.secs() - 86_400;
        let recent = self.bars.iter().rev().take(DAY).chain(&self.growing);
        recent.filter(|bar| bar.t >= from).map(|bar| bar.q).sum()
    }

    /// Of the closed bars, oldest first.
    pub(super) fn closes(&self) -> Vec<f64> {
        self.bars.iter().map(|bar| bar.c).collect()
    }

    /// The last close of each hour.
    fn hourly(&self) -> Vec<f64> {
        let mut hours: Vec<(i64, f64)> = Vec::with_capacity(BARS / 4 + 1);
        for bar in &self.bars {
            let hour = bar.t.div_euclid(3_600);
            match hours.last_mut() {
                Some((last, close)) if *last == hour => *close = bar.c,
                _ => hours.push((hour, bar.c)),
            }
        }
        hours.into_iter().map(|(_, close)| close).collect()
    }

    fn performance(&self, ctx: &mut Context<'_>) -> f64 {
        let told = match ctx.record::<SymbolPerformance>(&self.performance_key) {
            Ok(told) => told.map(|told| Performance {
                trades: told.total_trades,
                win_rate: told.win_rate,
                avg_pnl_pct: told.avg_pnl_pct,
                sharpe: told.sharpe_ratio,
            }),
            Err(_) => {
                ctx.count("performance_unreadable", 1);
                None
            }
        };
        told.and_then(|told| performance_factor(&told).ok()).unwrap_or(1.0)
    }

    /// Score and leverage; `None` without a volatility.
    pub(super) fn score(
        &self,
        (liquidity_rank, spread_bps, age_factor): (f64, f64, f64),
        missing: &mut BTreeSet<&'static str>,
        ctx: &mut Context<'_>,
    ) -> Option<(f64, u32)> {
        let bar = |bar: &Quarter| Candle { high: bar.h, low: bar.l, close: bar.c };
        let bars: Vec<Candle> = self.bars.iter().map(bar).collect();
        let vol15_pct = volatility_pct(&bars).ok().flatten()?;
        let (closes, hourly) = (self.closes(), self.hourly());
        let stats = CandidateStats {
            vol15_pct,
            trend1h_pct: known("trend1h", trend_pct(&hourly), missing),
            mom15_pct: known("mom15", momentum_pct(&closes), missing),
            mom1h_pct: known("mom1h", momentum_pct(&hourly), missing),
            liquidity_rank,
            spread_bps,
            age_factor,
            performance_factor: self.performance(ctx),
        };
        Some((candidate_score(&stats).ok()?, policy_leverage(vol15_pct).ok()?))
    }
}
