//! Step 10: how large (MSE 7.1).

use engine::Context;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strategies::learning::{Choice, LeverageFloor, SizeLimits, SizeState, SizeTable, SizeView};
use strategies::signal::sized;
use strategies::{Outcomes, SizingInput};

use super::{ATR_DEFAULT, AiEngine, EQUITY_ASSUMED, SizingMode};
use crate::records::SizingOutcomes;
use crate::{grid, keys};

/// How large, and how far away stop and target are.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Sized {
    /// In USDT, notional.
    pub(super) size_usd: Decimal,
    /// Whole, at least 1.
    pub(super) leverage: u32,
    /// Share of the equity at risk.
    pub(super) risk_pct: f64,
    /// Of the sizing.
    pub(super) confidence: f64,
    /// A fraction of the price.
    pub(super) tp_percent: f64,
    /// A fraction of the price.
    pub(super) sl_percent: f64,
    /// State and action of the table, where it sized.
    pub(super) state: Option<SizeState>,
    pub(super) action: Option<u32>,
}

/// What earlier trades brought. The made-up ones stand in until the sizing agent has seen a real one.
pub(crate) fn outcomes(ctx: &mut Context<'_>) -> Outcomes {
    match ctx.record::<SizingOutcomes>(keys::RL_SIZING_OUTCOMES.name) {
        Ok(Some(known)) => Outcomes {
            count: known.count,
            win_rate: known.win_rate,
            average_win: known.average_win,
            average_loss: known.average_loss,
        },
        Ok(None) => Outcomes::BOOTSTRAP,
        Err(_) => {
            ctx.count("outcomes_unreadable", 1);
            Outcomes::BOOTSTRAP
        }
    }
}

impl AiEngine {
    pub(super) fn sized(
        &self,
        place: usize,
        confidence: f64,
        ctx: &mut Context<'_>,
    ) -> Option<Sized> {
        if !self.has_sizer() {
            return None;
        }
        let outcomes = outcomes(ctx);
        let sized = match self.settings.sizing_mode {
            SizingMode::Math => None,
            // A table that cannot be read, or knows nothing, leaves the sizing to the formulas.
            SizingMode::Table => self.by_table(place, confidence, &outcomes, ctx),
        };
        match sized {
            Some(sized) => Some(sized),
            None => self.by_math(place, confidence, &outcomes),
        }
    }

    fn by_math(&self, place: usize, confidence: f64, outcomes: &Outcomes) -> Option<Sized> {
        let input = SizingInput {
            symbol: self.state.markets[place].symbol,
            confidence,
            atr_pct: ATR_DEFAULT,
            exposure_pct: 0.0,
            equity_usd: EQUITY_ASSUMED,
            max_leverage: self.settings.max_leverage,
            risk_per_trade: self.settings.risk_per_trade,
        };
        let sizing = sized(&input, outcomes).ok()?;
        let size = self.capped(sizing.position_size_usd * self.risk_factor(place));
        Some(Sized {
            size_usd: grid::decimal(size).filter(|size| *size > Decimal::ZERO)?,
            leverage: (sizing.leverage.round_ties_even() as u32).max(1),
            risk_pct: sizing.risk_pct,
            confidence: sizing.confidence,
            tp_percent: sizing.tp_percent,
            sl_percent: sizing.sl_percent,
            state: None,
            action: None,
        })
    }

    fn by_table(
        &self,
        place: usize,
        confidence: f64,
        outcomes: &Outcomes,
        ctx: &mut Context<'_>,
    ) -> Option<Sized> {
        let table: SizeTable = match ctx.get(keys::RL_SIZING_TABLE.name) {
            Ok(Some(text)) => match serde_json::from_str(&text) {
                Ok(table) => table,
                Err(_) => {
                    ctx.count("sizing_table_unreadable", 1);
                    return None;
                }
            },
            Ok(None) => SizeTable::default(),
            Err(_) => {
                ctx.count("sizing_table_unreadable", 1);
                return None;
            }
        };
        let features = &self.state.markets[place].features;
        let view = SizeView {
            atr_pct: ATR_DEFAULT,
            adx: 0.0,
            // In volatilities of a step, of which five are a trend.
            trend: (features.ema_10_50_cross / features.volatility_20.max(1e-5) / 10.0)
                .clamp(-1.0, 1.0),
            confidence,
            exposure_pct: 0.0,
            win_rate: outcomes.win_rate,
        };
        let state = view.state().ok()?;
        let (explore, which) = (ctx.rng().unit_f64(), ctx.rng().unit_f64());
        let choice = table.choose(state, explore, which);
        let limits = SizeLimits {
            leverage_max: self.settings.max_leverage,
            leverage_floor: self.rules.leverage_floor,
        };
        let sizing = choice.sizing(&limits);
        let size = self.capped(sizing.size_usd * self.risk_factor(place));
        Some(Sized {
            size_usd: grid::decimal(size).filter(|size| *size > Decimal::ZERO)?,
            leverage: (sizing.leverage.round_ties_even() as u32).max(1),
            risk_pct: sizing.size_usd / EQUITY_ASSUMED * sizing.sl_percent,
            confidence,
            tp_percent: sizing.tp_percent,
            sl_percent: sizing.sl_percent,
            state: Some(state),
            action: match choice {
                // It is stored under a leverage that the table does not have, and never found again.
                Choice::Action(_) if self.rules.leverage_floor != LeverageFloor::One => None,
                Choice::Action(action) => Some(u32::from(u8::from(action))),
                Choice::UnknownAndWild => None,
            },
        })
    }
}
