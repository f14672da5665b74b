//! What the emergency stop looks at. What cannot be read is a monitor that failed: health is critical.

use engine::{Context, GaugeOf, Nanos};
use rust_decimal::Decimal;
use strategies::risk::{EmergencyInput, EmergencyReason, emergencies};

use super::{EmergencyStop, Figures};
use crate::grid;
use crate::keys;
use crate::records::{Equity, PositionSnapshot, Tick};
use crate::streams::MARKET_TICK;

impl EmergencyStop {
    /// The figures of the account, and the reasons to stop in their order.
    pub(super) fn evaluate(&self, ctx: &mut Context<'_>) -> (Figures, Vec<EmergencyReason>) {
        let mut health_critical = self.positions_unseen(ctx);
        let equity = self.equity(ctx);
        let daily = daily_pnl(ctx);
        health_critical |= equity.is_err() || daily.is_err();
        let mut figures = Figures::default();
        if let (Ok(Some((equity, peak))), Ok(daily)) = (&equity, &daily) {
            let fraction =
                |part: Decimal, whole: Decimal| part.checked_div(whole).map_or(0.0, grid::float);
            if equity.is_sign_positive() && !equity.is_zero() {
                figures.daily_pnl = fraction(*daily, *equity);
            } else {
                // Nothing is left of which a loss could be a share.
                health_critical = true;
            }
            figures.drawdown = fraction(peak - equity, *peak).max(0.0);
        }
        let (feed_corrupted, feed_age_sec) = self.feed(ctx);
        ctx.gauge("feed_age_sec", GaugeOf::All, feed_age_sec);
        let input = EmergencyInput {
            daily_pnl_pct: figures.daily_pnl,
            drawdown_pct: figures.drawdown,
            health_critical,
            stop_hits: u32::try_from(self.stops.len()).unwrap_or(u32::MAX),
            feed_corrupted,
            feed_age_sec,
            manual: ctx.exists(keys::ESS_LATCH.name),
        };
        match emergencies(&input, &self.limits()) {
            Ok(found) => (figures, found),
            Err(_) => {
                ctx.count("figures_not_finite", 1);
                (Figures::default(), vec![EmergencyReason::HealthCritical])
            }
        }
    }

    fn too_old(&self, age: Nanos) -> bool {
        age > Nanos::from_secs(self.settings.health_age_max_s)
    }

    /// Equity and its peak; nothing while they may still come, an error when they do not.
    fn equity(&self, ctx: &mut Context<'_>) -> Result<Option<(Decimal, Decimal)>, ()> {
        let now = ctx.now();
        match ctx.record::<Equity>(keys::EQUITY_CURRENT.name) {
            Ok(Some(equity)) => {
                // One that a former life left is given the time of a start to be renewed.
                let age = now - equity.last_update_ts.0.max(self.started_at);
                let found = (equity.equity, equity.peak);
                if self.too_old(age) { Err(()) } else { Ok(Some(found)) }
            }
            Ok(None) if self.too_old(now - self.started_at) => Err(()),
            Ok(None) => Ok(None),
            Err(_) => {
                ctx.count("inputs_unreadable", 1);
                Err(())
            }
        }
    }

    /// Whether nobody has seen the exchange's positions for too long.
    fn positions_unseen(&self, ctx: &mut Context<'_>) -> bool {
        let now = ctx.now();
        let mut newest = self.started_at;
        for key in &self.snapshot_keys {
            match ctx.record::<PositionSnapshot>(key) {
                Ok(Some(seen)) => newest = newest.max(seen.ts_epoch.0),
                Ok(None) => {}
                Err(_) => ctx.count("inputs_unreadable", 1),
            }
        }
        self.too_old(now - newest)
    }

    /// Whether the newest tick says something that cannot be, and how old it is in seconds.
    fn feed(&self, ctx: &mut Context<'_>) -> (bool, f64) {
        let now = ctx.now();
        let newest = ctx.newest(MARKET_TICK.name, 1).unwrap_or_default();
        let age = |at: Nanos| (now - at.max(self.started_at)).as_secs_f64().max(0.0);
        match newest.first().and_then(|entry| entry.body.as_ref()).map(|body| body.read::<Tick>()) {
            Some(Ok(tick)) if tick.price > Decimal::ZERO => (false, age(tick.timestamp.0)),
            Some(_) => (true, age(self.started_at)),
            None => (false, age(self.started_at)),
        }
    }
}

/// The day's realised profit in USDT; zero before its first round trip.
fn daily_pnl(ctx: &mut Context<'_>) -> Result<Decimal, ()> {
    let key = keys::RISK_DAILY_PNL.of(keys::date_of(ctx.now()));
    match ctx.get(&key) {
        Ok(None) if !ctx.exists(&key) => return Ok(Decimal::ZERO),
        Ok(Some(text)) => {
            if let Ok(pnl) = text.parse() {
                return Ok(pnl);
            }
        }
        Ok(None) | Err(_) => {}
    }
    ctx.count("inputs_unreadable", 1);
    Err(())
}
