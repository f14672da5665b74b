//! A mode's limits at the bridge, where intents become plans (MSE 5.3, required).

use serde::{Deserialize, Serialize};

use super::OperatingMode;
use crate::numbers::{RefusedNumber, all_finite};

/// An open that is to become a plan.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModeRequest {
    /// 0 to 1.
    pub confidence: f64,
    /// Leverage that it asks for.
    pub leverage: f64,
    /// In USDT.
    pub size_usd: f64,
    /// Positions open now.
    pub positions: u32,
    /// Loss of the day from its start, a fraction of the equity.
    pub daily_drawdown: f64,
}

/// What the mode leaves of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModeAllowance {
    /// In USDT.
    pub size_usd: f64,
    /// At most the mode's.
    pub leverage: f64,
}

/// Why the mode lets nothing open.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModeRefusal {
    /// The mode opens nothing.
    ModeOpensNothing,
    /// Not sure enough for the mode.
    ModeConfidence,
    /// As many positions as the mode allows.
    ModePositions,
    /// The day has lost what the mode allows.
    ModeDailyDrawdown,
    /// A number that is none.
    NotANumber,
}

/// Applies a mode to an open; exits are not asked.
///
/// # Errors
/// [`ModeRefusal`] says why it does not open.
pub fn mode_gate(mode: OperatingMode, request: &ModeRequest) -> Result<ModeAllowance, ModeRefusal> {
    let limits = mode.limits();
    numbers(request).map_err(|_| ModeRefusal::NotANumber)?;
    let (Some(confidence_min), Some(scale)) = (limits.confidence_min, limits.size_scale) else {
        return Err(ModeRefusal::ModeOpensNothing);
    };
    if request.confidence < confidence_min {
        Err(ModeRefusal::ModeConfidence)
    } else if request.positions >= limits.positions_max {
        Err(ModeRefusal::ModePositions)
    } else if request.daily_drawdown >= limits.daily_drawdown_max {
        Err(ModeRefusal::ModeDailyDrawdown)
    } else {
        let leverage = request.leverage.min(limits.leverage_max);
        Ok(ModeAllowance { size_usd: request.size_usd * scale, leverage })
    }
}

fn numbers(request: &ModeRequest) -> Result<(), RefusedNumber> {
    all_finite(&[
        ("confidence", request.confidence),
        ("leverage", request.leverage),
        // Times the largest scale it has to be finite, too.
        ("size_usd", request.size_usd * 2.0),
        ("daily_drawdown", request.daily_drawdown),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: ModeRequest = ModeRequest {
        confidence: 0.80,
        leverage: 20.0,
        size_usd: 100.0,
        positions: 1,
        daily_drawdown: 0.0099,
    };

    #[test]
    fn every_mode_has_its_limits() {
        let size = |mode| mode_gate(mode, &REQUEST).map(|a| (a.size_usd, a.leverage));
        assert_eq!(size(OperatingMode::Growth), Ok((120.0, 15.0)));
        assert_eq!(size(OperatingMode::Expansion), Ok((100.0, 10.0)));
        assert_eq!(size(OperatingMode::Defensive), Ok((70.0, 5.0)));
        assert_eq!(size(OperatingMode::CapitalPreservation), Ok((50.0, 2.0)));
        assert_eq!(size(OperatingMode::BlackSwan), Err(ModeRefusal::ModeOpensNothing));
        let refusal = |request| mode_gate(OperatingMode::CapitalPreservation, &request).err();
        let unsure = ModeRequest { confidence: 0.79, ..REQUEST };
        assert_eq!(refusal(unsure), Some(ModeRefusal::ModeConfidence));
        let full = ModeRequest { positions: 2, ..REQUEST };
        assert_eq!(refusal(full), Some(ModeRefusal::ModePositions));
        let lost = ModeRequest { daily_drawdown: 0.01, ..REQUEST };
        assert_eq!(refusal(lost), Some(ModeRefusal::ModeDailyDrawdown));
        let nan = ModeRequest { leverage: f64::NAN, ..REQUEST };
        assert_eq!(refusal(nan), Some(ModeRefusal::NotANumber));
    }
}
