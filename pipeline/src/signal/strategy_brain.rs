//! Strategy brain (MSE 5.2): answers whether a decision may go on. It approves everything that it can read; the
//! seam is what counts, and what silence means is the caller's business.

use engine::{Body, Call, Context, Envelope, EpochSeconds, Input, Service, Wiring};
use serde::{Deserialize, Serialize};

use crate::records::{StrategyReply, StrategyRequest};
use crate::settings::{Configured, SHARE, Setup, settings};

settings! {
    /// Strategy brain.
    pub struct StrategyBrainSettings {
        /// A decision below this confidence is not approved.
        pub min_confidence: f64 = 0.0 => SHARE,
    }
}

/// Confidence of an approval.
const CONFIDENCE: f64 = 0.8;

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StrategyBrain {
    settings: StrategyBrainSettings,
}

impl StrategyBrain {
    fn answer(&self, call: &Call, ctx: &mut Context<'_>) {
        let Ok(request) = call.body.read::<StrategyRequest>() else {
            return ctx.count("requests_malformed", 1);
        };
        let approved = request.confidence >= self.settings.min_confidence;
        ctx.count(if approved { "approved" } else { "refused" }, 1);
        let reply = StrategyReply {
            approved,
            reason: if approved { "approved" } else { "confidence" }.into(),
            confidence: CONFIDENCE,
            timestamp: EpochSeconds(ctx.now()),
        };
        ctx.reply(call.id, Body::message(Envelope::Flat, reply));
    }
}

impl Configured for StrategyBrain {
    type Settings = StrategyBrainSettings;
    const COUNTERS: &'static [&'static str] = &["approved", "refused", "requests_malformed"];

    fn configured(settings: &StrategyBrainSettings, _: Setup<'_>) -> Result<StrategyBrain, String> {
        Ok(StrategyBrain { settings: settings.clone() })
    }
}

impl Service for StrategyBrain {
    fn wiring(&self) -> Wiring {
        Wiring::default()
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        if let Input::Call(call) = input {
            self.answer(call, ctx);
        }
    }
}
