//! RiskGuard (EHR 3.19): what stops every open. Closes always pass. Unknown equity stops opens.

use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, all_finite, finite};

/// Which guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum GuardType {
    /// An earlier guard is still in force.
    GuardActive,
    /// Equity unknown, not above zero, or too old.
    EquityStale,
    /// Lost too much today.
    DailyLoss,
    /// Too far below the peak.
    Drawdown,
    /// So far that all should be closed.
    EmergencyFlatten,
    /// Too many losses in a row.
    ConsecLoss,
    /// The market is too thin.
    SpreadSpike,
    /// The market is too wild.
    AtrSpike,
}

impl GuardType {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            GuardType::GuardActive => "GUARD_ACTIVE",
            GuardType::EquityStale => "EQUITY_STALE",
            GuardType::DailyLoss => "DAILY_LOSS",
            GuardType::Drawdown => "DRAWDOWN",
            GuardType::EmergencyFlatten => "EMERGENCY_FLATTEN",
            GuardType::ConsecLoss => "CONSEC_LOSS",
            GuardType::SpreadSpike => "SPREAD_SPIKE",
            GuardType::AtrSpike => "ATR_SPIKE",
        }
    }

    /// How long it stays in force once it struck; `None` when it is judged anew each time.
    #[must_use]
    pub const fn hold_sec(self) -> Option<i64> {
        match self {
            GuardType::DailyLoss => Some(86_400),
            GuardType::Drawdown | GuardType::ConsecLoss => Some(3_600),
            GuardType::EmergencyFlatten => Some(14_400),
            _ => None,
        }
    }
}

/// Equity as the balance tracker wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnownEquity {
    /// In USDT.
    pub equity_usd: f64,
    /// Its highest, in USDT.
    pub peak_usd: f64,
    /// Since it was written.
    pub age_sec: f64,
}

/// What a plan is judged by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GuardInput<'a> {
    /// The plan can only make a position smaller.
    pub reduces: bool,
    /// A guard that is in force, by the end of its key.
    pub active_guard: Option<&'a str>,
    /// `None` when nobody wrote it: it is never made up.
    pub equity: Option<KnownEquity>,
    /// Realised today in USDT; below zero is a loss.
    pub daily_pnl_usd: f64,
    /// In a row.
    pub consecutive_losses: u32,
    /// Of the symbol, in basis points; `None` when not known.
    pub spread_bps: Option<f64>,
    /// Of the symbol, a fraction of the price; `None` when not known.
    pub atr_pct: Option<f64>,
}

/// The limits. Shares are fractions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GuardLimits {
    /// Age from which on an equity is not believed.
    pub equity_age_max_sec: f64,
    /// Of the equity.
    pub daily_loss_max: f64,
    /// Below the peak.
    pub drawdown_max: f64,
    /// Below the peak, so that all should be closed.
    pub flatten_drawdown: f64,
    /// This many in a row stop opens.
    pub consecutive_losses_max: u32,
    /// In basis points.
    pub spread_max_bps: f64,
    /// A fraction of the price.
    pub atr_max_pct: f64,
}

impl Default for GuardLimits {
    fn default() -> GuardLimits {
        GuardLimits {
            equity_age_max_sec: 300.0,
            daily_loss_max: 0.025,
            drawdown_max: 0.08,
            flatten_drawdown: 0.10,
            consecutive_losses_max: 3,
            spread_max_bps: 50.0,
            atr_max_pct: 0.05,
        }
    }
}

/// A guard that struck.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GuardBlock {
    /// Which.
    pub guard_type: GuardType,
    /// With its numbers.
    pub reason: String,
}

/// Judges a plan; the first guard that strikes counts. `None` lets it pass.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities; an open must then not pass.
pub fn check_guards(
    input: &GuardInput<'_>,
    limits: &GuardLimits,
) -> Result<Option<GuardBlock>, RefusedNumber> {
    if input.reduces {
        return Ok(None);
    }
    if let Some(name) = input.active_guard {
        return Ok(block(GuardType::GuardActive, format!("guard_active:{name}")));
    }
    let Some(equity) = input.equity else {
        return Ok(block(GuardType::EquityStale, "equity unknown".into()));
    };
    all_finite(&[
        ("equity_usd", equity.equity_usd),
        ("peak_usd", equity.peak_usd),
        ("equity age", equity.age_sec),
        ("daily_pnl_usd", input.daily_pnl_usd),
    ])?;
    if equity.equity_usd <= 0.0 {
        let reason = format!("equity={:.2} is not above 0", equity.equity_usd);
        return Ok(block(GuardType::EquityStale, reason));
    }
    if !(0.0..=limits.equity_age_max_sec).contains(&equity.age_sec) {
        let (age, most) = (equity.age_sec, limits.equity_age_max_sec);
        return Ok(block(GuardType::EquityStale, format!("equity_age={age:.0}s > {most:.0}s")));
    }
    let lost = money_guard(input, &equity, limits);
    if lost.is_some() {
        return Ok(lost);
    }
    market_guard(input, limits)
}

fn block(guard_type: GuardType, reason: String) -> Option<GuardBlock> {
    Some(GuardBlock { guard_type, reason })
}

fn money_guard(
    input: &GuardInput<'_>,
    equity: &KnownEquity,
    limits: &GuardLimits,
) -> Option<GuardBlock> {
    let loss = -input.daily_pnl_usd / equity.equity_usd;
    if loss > limits.daily_loss_max {
        let (loss, most) = (100.0 * loss, 100.0 * limits.daily_loss_max);
        return block(GuardType::DailyLoss, format!("daily_loss={loss:.2}% > {most:.1}%"));
    }
    let drawdown =
        if equity.peak_usd > 0.0 { 1.0 - equity.equity_usd / equity.peak_usd } else { 0.0 };
    let text = |most: f64| format!("drawdown={:.1}% > {:.1}%", 100.0 * drawdown, 100.0 * most);
    if drawdown > limits.flatten_drawdown {
        let reason = format!("EMERGENCY_FLATTEN {}", text(limits.flatten_drawdown));
        return block(GuardType::EmergencyFlatten, reason);
    }
    if drawdown > limits.drawdown_max {
        return block(GuardType::Drawdown, text(limits.drawdown_max));
    }
    let (losses, most) = (input.consecutive_losses, limits.consecutive_losses_max);
    if losses >= most {
        return block(GuardType::ConsecLoss, format!("consecutive_losses={losses} >= {most}"));
    }
    None
}

/// What is not known of a market strikes no guard.
fn market_guard(
    input: &GuardInput<'_>,
    limits: &GuardLimits,
) -> Result<Option<GuardBlock>, RefusedNumber> {
    let spread = finite("spread_bps", input.spread_bps.unwrap_or(0.0))?;
    if spread > limits.spread_max_bps {
        let reason = format!("spread={spread:.1}bps > {:.1}bps", limits.spread_max_bps);
        return Ok(block(GuardType::SpreadSpike, reason));
    }
    let atr = finite("atr_pct", input.atr_pct.unwrap_or(0.0))?;
    if atr > limits.atr_max_pct {
        let (atr, most) = (100.0 * atr, 100.0 * limits.atr_max_pct);
        return Ok(block(GuardType::AtrSpike, format!("atr={atr:.2}% > {most:.1}%")));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On every limit, which still passes.
    fn calm() -> GuardInput<'static> {
        GuardInput {
            reduces: false,
            active_guard: None,
            equity: Some(KnownEquity { equity_usd: 920.0, peak_usd: 1_000.0, age_sec: 300.0 }),
            daily_pnl_usd: -23.0,
            consecutive_losses: 2,
            spread_bps: Some(50.0),
            atr_pct: Some(0.05),
        }
    }

    fn reason(input: GuardInput<'_>) -> (String, Option<i64>) {
        let struck = check_guards(&input, &GuardLimits::default()).expect("finite");
        struck.map_or((String::new(), None), |block| {
            (
                format!("{}: {}", block.guard_type.as_str(), block.reason),
                block.guard_type.hold_sec(),
            )
        })
    }

    fn with(equity_usd: f64, age_sec: f64) -> GuardInput<'static> {
        let equity = Some(KnownEquity { equity_usd, peak_usd: 1_000.0, age_sec });
        GuardInput { equity, daily_pnl_usd: 0.0, ..calm() }
    }

    #[test]
    fn each_guard_strikes_beyond_its_limit_with_its_numbers() {
        let is = |input, text: &str, hold| assert_eq!(reason(input), (text.to_owned(), hold));
        is(calm(), "", None);
        let stale = "EQUITY_STALE: equity_age=301s > 300s";
        is(with(920.0, 301.0), stale, None);
        is(with(0.0, 1.0), "EQUITY_STALE: equity=0.00 is not above 0", None);
        is(GuardInput { equity: None, ..calm() }, "EQUITY_STALE: equity unknown", None);
        let daily = GuardInput { daily_pnl_usd: -23.1, ..calm() };
        is(daily, "DAILY_LOSS: daily_loss=2.51% > 2.5%", Some(86_400));
        is(with(919.0, 1.0), "DRAWDOWN: drawdown=8.1% > 8.0%", Some(3_600));
        let flatten = "EMERGENCY_FLATTEN: EMERGENCY_FLATTEN drawdown=10.1% > 10.0%";
        is(with(899.0, 1.0), flatten, Some(14_400));
        is(with(900.0, 1.0), "DRAWDOWN: drawdown=10.0% > 8.0%", Some(3_600));
        let row = GuardInput { consecutive_losses: 3, ..calm() };
        is(row, "CONSEC_LOSS: consecutive_losses=3 >= 3", Some(3_600));
        let thin = GuardInput { spread_bps: Some(50.1), ..calm() };
        is(thin, "SPREAD_SPIKE: spread=50.1bps > 50.0bps", None);
        let wild = GuardInput { atr_pct: Some(0.051), ..calm() };
        is(wild, "ATR_SPIKE: atr=5.10% > 5.0%", None);
        let active = GuardInput { active_guard: Some("DAILY_LOSS"), ..calm() };
        is(active, "GUARD_ACTIVE: guard_active:DAILY_LOSS", None);
    }
}
