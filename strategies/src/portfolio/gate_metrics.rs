//! Stress of the book as the portfolio gate sees it (EHR 3.8).

use serde::{Deserialize, Serialize};

use crate::heat::daily_sigma;
use crate::numbers::{RefusedNumber, finite, flag};

const HEAT_FROM: f64 = 0.05;
const HEAT_TO: f64 = 0.35;
/// Below this notional the book is flat.
const NOTIONAL_MIN: f64 = 1e-9;

/// Which sigma the gate weighs with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateSigma {
    /// P0's, of a day.
    #[default]
    Daily,
    /// Audited: always 1, so that the heat is 1 whenever anything is open (EHR examples 21 to 24).
    AuditedUnit,
}

/// A position with a fresh snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GatePosition {
    /// Signed, in USDT; zero is valid.
    pub notional_usd: f64,
    /// P0's, per minute.
    pub sigma_per_minute: f64,
}

/// All between 0 and 1, but the notional.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GateMetrics {
    /// Weighted sigma, scaled.
    pub heat: f64,
    /// Net over gross.
    pub concentration: f64,
    /// Weight of the positions on the side of the net.
    pub corr_proxy: f64,
    /// 0.60 heat, 0.25 concentration, 0.15 correlation.
    pub stress: f64,
    /// Gross, in USDT.
    pub total_notional_usd: f64,
}

/// Metrics of the fresh positions. `cluster_stress` is that of the clusters, where it is fresh; else the
/// proxy stands in.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn gate_metrics(
    positions: &[GatePosition],
    cluster_stress: Option<f64>,
    sigma: GateSigma,
) -> Result<GateMetrics, RefusedNumber> {
    let (mut total, mut net) = (0.0, 0.0);
    for position in positions {
        finite("sigma", position.sigma_per_minute)?;
        total += finite("notional_usd", position.notional_usd)?.abs();
        net += position.notional_usd;
    }
    let cluster_stress = cluster_stress.map(|s| finite("cluster_stress", s)).transpose()?;
    if finite("total notional", total)? < NOTIONAL_MIN {
        return Ok(GateMetrics::default());
    }
    let weighted = |of: &dyn Fn(&GatePosition) -> f64| -> f64 {
        positions.iter().map(|p| p.notional_usd.abs() / total * of(p)).sum()
    };
    let heat_raw = weighted(&|p| match sigma {
        GateSigma::Daily => daily_sigma(p.sigma_per_minute),
        GateSigma::AuditedUnit => 1.0,
    });
    let heat = ((heat_raw - HEAT_FROM) / (HEAT_TO - HEAT_FROM)).clamp(0.0, 1.0);
    let concentration = (net.abs() / total).min(1.0);
    // The product is above zero where a position is on the side of the net, and never where that is 0.
    let corr_proxy =
        weighted(&|p| flag(p.notional_usd * net.signum() > 0.0 && net != 0.0)).min(1.0);
    let correlation = cluster_stress.unwrap_or(corr_proxy);
    let stress = (0.60 * heat + 0.25 * concentration + 0.15 * correlation).clamp(0.0, 1.0);
    Ok(GateMetrics { heat, concentration, corr_proxy, stress, total_notional_usd: total })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hedged_book_has_no_side_and_sigma_is_of_a_day() {
        let of = |notional_usd| GatePosition {
            notional_usd,
            sigma_per_minute: 0.2 / 1_440.0_f64.sqrt(),
        };
        let hedged = gate_metrics(&[of(5.0), of(-5.0)], None, GateSigma::Daily).expect("finite");
        assert_eq!((hedged.concentration, hedged.corr_proxy), (0.0, 0.0));
        assert!((hedged.heat - 0.5).abs() < 1e-12, "0.2 is in the middle of 0.05 and 0.35");
        assert!((hedged.stress - 0.3).abs() < 1e-12);
        let long = gate_metrics(&[of(5.0)], Some(0.2), GateSigma::Daily).expect("finite");
        assert!((long.stress - 0.58).abs() < 1e-12, "0.6 * 0.5 + 0.25 + 0.15 * 0.2");
        let flat = gate_metrics(&[of(0.0)], Some(1.0), GateSigma::Daily).expect("finite");
        assert_eq!(flat, GateMetrics::default());
    }
}
