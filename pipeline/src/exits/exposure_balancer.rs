//! Exposure balancer (EHR 3.31): advice on margin and diversification, every 10 s. Nobody trades on it.
//!
//! A symbol's share is measured against all margin there is: against what is used, each of six equal positions
//! is too large. Without its inputs it says nothing, and that it says nothing is counted.

use engine::{
    Context, Envelope, EpochSeconds, GaugeOf, Input, Nanos, Service, Symbol, TimerKey, Wiring,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strategies::risk::{
    ExposureAction, ExposureInput, ExposureKind, ExposureLimits, ShareOf, action_due,
    assess_exposure,
};

use crate::audited::Audited;
use crate::grid;
use crate::keys;
use crate::records::{ExposureAlert, ExposureCommand};
use crate::settings::{Configured, SHARE, Setup, settings};
use crate::streams::{EXECUTOR_COMMANDS, EXPOSURE_ALERTS};

settings! {
    /// Exposure balancer.
    pub struct ExposureBalancerSettings {
        /// Between two looks, in s.
        pub interval_s: i64 = 10 => 1..,
        /// Of all margin.
        pub utilization_max: f64 = 0.85 => SHARE,
        /// Of one symbol.
        pub symbol_share_max: f64 = 0.15 => SHARE,
        /// Fewer symbols are too few, unless there are none.
        pub symbols_min: u32 = 5 => 0..=1_000,
        /// Between the venues.
        pub divergence_max: f64 = 0.03 => SHARE,
    }
}

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExposureBalancer {
    settings: ExposureBalancerSettings,
    symbols: Vec<Symbol>,
    share_of: ShareOf,
    /// When advice was given last.
    advised: Vec<(ExposureKind, Option<Symbol>, Nanos)>,
}

impl ExposureBalancer {
    fn limits(&self) -> ExposureLimits {
        ExposureLimits {
            utilization_max: self.settings.utilization_max,
            symbol_share_max: self.settings.symbol_share_max,
            symbol_share_of: self.share_of,
            symbols_min: self.settings.symbols_min as usize,
            divergence_max: self.settings.divergence_max,
            ..ExposureLimits::default()
        }
    }

    /// A number of the bus that is above or at zero.
    fn number(key: &str, ctx: &mut Context<'_>) -> Option<f64> {
        let text = ctx.get(key).ok().flatten()?;
        let number: Decimal = text.parse().ok()?;
        (!number.is_sign_negative()).then(|| grid::float(number))
    }

    /// Margins in USDT by symbol, in the order of the run. The hash is absent when nothing is open.
    fn margins(&self, ctx: &mut Context<'_>) -> Option<Vec<(Symbol, f64)>> {
        let key = keys::POSITIONS_OPEN.name;
        if !ctx.exists(key) {
            return Some(Vec::new());
        }
        let mut margins = Vec::with_capacity(self.symbols.len());
        for symbol in &self.symbols {
            if let Some(text) = ctx.hget(key, symbol.as_str()).ok()? {
                let margin: Decimal = text.parse().ok()?;
                margins.push((*symbol, grid::float(margin)));
            }
        }
        Some(margins)
    }

    fn look(&mut self, ctx: &mut Context<'_>) {
        let total = Self::number(keys::MARGIN_TOTAL.name, ctx).filter(|total| *total > 0.0);
        let (Some(total), Some(margins)) = (total, self.margins(ctx)) else {
            return ctx.count("inputs_missing", 1);
        };
        let divergence = Self::number(keys::CROSS_DIVERGENCE.name, ctx);
        if divergence.is_none() {
            // With one venue there is none; the rest of the book is judged without it.
            ctx.count("divergence_unknown", 1);
        }
        let book: Vec<(&str, f64)> =
            margins.iter().map(|(symbol, margin)| (symbol.as_str(), *margin)).collect();
        let input = ExposureInput {
            margins_usd: &book,
            total_margin_usd: total,
            cross_divergence: divergence.unwrap_or(0.0),
        };
        let limits = self.limits();
        let Ok(exposure) = assess_exposure(&input, &limits) else {
            return ctx.count("inputs_missing", 1);
        };
        ctx.gauge("margin_utilization", GaugeOf::All, exposure.margin_utilization);
        ctx.gauge("symbols_open", GaugeOf::All, margins.len() as f64);
        for action in &exposure.actions {
            self.advise(action, &exposure.margin_utilization, &input, &limits, ctx);
        }
    }

    fn advise(
        &mut self,
        action: &ExposureAction<'_>,
        utilization: &f64,
        input: &ExposureInput<'_>,
        limits: &ExposureLimits,
        ctx: &mut Context<'_>,
    ) {
        let now = ctx.now();
        let own = |symbol: &&Symbol| Some(symbol.as_str()) == action.symbol;
        let symbol = self.symbols.iter().find(own).copied();
        let slot = (action.kind, symbol);
        let known = self.advised.iter_mut().find(|(kind, of, _)| (*kind, *of) == slot);
        if !action_due(action.kind, known.as_ref().map(|(_, _, at)| *at), now) {
            return;
        }
        match known {
            Some((_, _, at)) => *at = now,
            None => self.advised.push((action.kind, symbol, now)),
        }
        ctx.count(action.kind.as_str(), 1);
        let (reason, value, limit) = match action.kind {
            ExposureKind::ReduceMargin => {
                ("margin_utilization", *utilization, limits.utilization_max)
            }
            ExposureKind::Reduce => ("symbol_share", 0.0, limits.symbol_share_max),
            ExposureKind::Expand => ("too_few_symbols", 0.0, 0.0),
            ExposureKind::Hedge => {
                ("cross_divergence", input.cross_divergence, limits.divergence_max)
            }
            ExposureKind::Rebalance => ("unequal_shares", 0.0, 0.0),
        };
        let timestamp = EpochSeconds(now);
        let command = ExposureCommand {
            timestamp,
            action: action.kind.as_str().into(),
            reason: reason.into(),
            priority: u32::from(action.kind.priority()),
            symbol,
            target_size: action.target_size_usd,
        };
        crate::publish(ctx, EXECUTOR_COMMANDS, Envelope::Flat, command);
        if let Some(alert) = action.kind.alert() {
            ctx.count(alert, 1);
            let alert = ExposureAlert { timestamp, alert: alert.into(), value, limit };
            crate::publish(ctx, EXPOSURE_ALERTS, Envelope::Flat, alert);
        }
    }
}

impl Configured for ExposureBalancer {
    type Settings = ExposureBalancerSettings;
    const COUNTERS: &'static [&'static str] = &[
        "divergence_unknown",
        "expand",
        "hedge",
        "high_divergence",
        "inputs_missing",
        "margin_overload",
        "rebalance",
        "reduce",
        "reduce_margin",
    ];
    const GAUGES: &'static [&'static str] = &["margin_utilization", "symbols_open"];

    fn configured(
        settings: &ExposureBalancerSettings,
        setup: Setup<'_>,
    ) -> Result<ExposureBalancer, String> {
        let symbols = setup.symbols.to_vec();
        let share_of = match setup.pipeline.audited.has(Audited::ShareOfUsedMargin) {
            true => ShareOf::UsedMargin,
            false => ShareOf::TotalMargin,
        };
        Ok(ExposureBalancer { settings: settings.clone(), symbols, share_of, advised: Vec::new() })
    }
}

impl Service for ExposureBalancer {
    fn wiring(&self) -> Wiring {
        Wiring {
            writes: vec![EXECUTOR_COMMANDS.name, EXPOSURE_ALERTS.name],
            keys_read: keys::patterns(&[
                keys::POSITIONS_OPEN,
                keys::MARGIN_TOTAL,
                keys::CROSS_DIVERGENCE,
            ]),
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Start => {}
            Input::Timer(_) => self.look(ctx),
            _ => return,
        }
        ctx.timer_after(Nanos::from_secs(self.settings.interval_s), TimerKey(0));
    }
}
