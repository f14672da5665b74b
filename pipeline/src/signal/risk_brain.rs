//! Risk brain (MSE 5.3, port 8012): how much of a size it allows, and the risk score of the fund.
//!
//! The specification mixes two meanings of the score: at or below 30 it calls for defence, at or above 85 it is
//! critical, between them more is better. Ours is 50 in calm and rises to 85 as drawdown or exposure reach
//! their limits, so that a calm fund is in neither corner.

use engine::{Body, Call, Context, Envelope, EpochSeconds, GaugeOf, Input, Service, Wiring};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::records::{PortfolioState, RiskReply, RiskRequest};
use crate::settings::{Configured, SHARE, Setup, settings};
use crate::{grid, keys};

settings! {
    /// Risk brain.
    pub struct RiskBrainSettings {
        /// Drawdown at which the score is critical, a fraction.
        pub critical_drawdown: f64 = 0.08 => 0.001..=1.0,
        /// Exposure at which the score is critical, in equities.
        pub critical_exposure: f64 = 5.0 => 0.01..=125.0,
        /// Largest size of one decision, a share of the equity.
        pub max_size_share: f64 = 1.0 => SHARE,
    }
}

/// Score of a fund without drawdown and exposure, and what a limit adds to it.
const CALM: f64 = 50.0;
const SPAN: f64 = 35.0;

/// The score of a portfolio; `None` where nobody knows it.
pub(crate) fn risk_score(state: &PortfolioState, settings: &RiskBrainSettings) -> Option<f64> {
    let equity = state.equity_usd.map(grid::float).filter(|equity| *equity > 0.0)?;
    let exposure = grid::float(state.gross_exposure_usd) / equity;
    let used =
        (state.drawdown / settings.critical_drawdown).max(exposure / settings.critical_exposure);
    let score = (CALM + SPAN * used).clamp(0.0, 100.0);
    score.is_finite().then_some(score)
}

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RiskBrain {
    settings: RiskBrainSettings,
}

impl RiskBrain {
    fn answer(&self, call: &Call, ctx: &mut Context<'_>) {
        let Ok(request) = call.body.read::<RiskRequest>() else {
            return ctx.count("requests_malformed", 1);
        };
        let state = match ctx.record::<PortfolioState>(keys::PORTFOLIO.name) {
            Ok(state) => state.map(std::borrow::Cow::into_owned),
            Err(_) => {
                ctx.count("portfolio_unreadable", 1);
                None
            }
        };
        let known = state.filter(|state| !state.stale);
        let score = known.as_ref().and_then(|state| risk_score(state, &self.settings));
        // Silence lets the caller fall back on its own conservative defaults.
        let (Some(state), Some(score)) = (known, score) else {
            return ctx.count("portfolio_unknown", 1);
        };
        let share = grid::decimal(self.settings.max_size_share).unwrap_or_default();
        let most = state.equity_usd.unwrap_or_default().saturating_mul(share).max(Decimal::ZERO);
        ctx.gauge("risk_score", GaugeOf::All, score);
        let reply = RiskReply {
            size_usd: request.size_usd.min(most),
            risk_score: score,
            timestamp: EpochSeconds(ctx.now()),
        };
        ctx.reply(call.id, Body::message(Envelope::Flat, reply));
    }
}

impl Configured for RiskBrain {
    type Settings = RiskBrainSettings;
    const COUNTERS: &'static [&'static str] =
        &["portfolio_unknown", "portfolio_unreadable", "requests_malformed"];
    const GAUGES: &'static [&'static str] = &["risk_score"];

    fn configured(settings: &RiskBrainSettings, _: Setup<'_>) -> Result<RiskBrain, String> {
        Ok(RiskBrain { settings: settings.clone() })
    }
}

impl Service for RiskBrain {
    fn wiring(&self) -> Wiring {
        Wiring { keys_read: keys::patterns(&[keys::PORTFOLIO]), ..Wiring::default() }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        if let Input::Call(call) = input {
            self.answer(call, ctx);
        }
    }
}
