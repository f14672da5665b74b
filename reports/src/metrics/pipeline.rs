//! Metrics of the pipeline that traded: what its gates refused, and how late its streams were.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::catalogue::metrics;
use super::input::InputError;
use super::sums::{quantile, ratio};

/// What the services of a run counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct PipelineInput<'a> {
    /// Proposals that the gates looked at, those that passed too.
    pub proposals: u64,
    /// Proposals that were refused, by gate. A gate that is named twice has the sum.
    pub refusals: &'a [(&'a str, u64)],
    /// Permits that were given.
    pub permits_granted: u64,
    /// Permits that were asked for and not given.
    pub permits_denied: u64,
    /// Actions that were decided on.
    pub actions: u64,
    /// Those of them that were made smaller than was asked for.
    pub downgrades: u64,
    /// Lag of deliveries in nanoseconds, from append to handling, in rising order, by stream.
    pub lag_ns: &'a [(&'a str, &'a [i64])],
}

metrics! {
    /// Metrics of permits and gates.
    PipelineRates {
        /// Proposals that were refused, by any gate.
        refusals: u64 {
            unit: Count, better: Neither,
            formula: "sum over gates of refusals",
            source: "own definition",
        }
        /// Share of the proposals that were refused; above 1 if several gates refused the same one.
        refusal_rate: Option<f64> {
            unit: Fraction, better: Neither,
            formula: "refusals / proposals",
            source: "own definition",
        }
        /// Share of the permits asked for that were given.
        permit_grant_rate: Option<f64> {
            unit: Fraction, better: Neither,
            formula: "granted / (granted + denied)",
            source: "own definition",
        }
        /// Share of the actions that were made smaller.
        downgrade_rate: Option<f64> {
            unit: Fraction, better: Neither,
            formula: "downgrades / actions",
            source: "own definition",
        }
    }
}

metrics! {
    /// Metrics of one gate.
    GateMetrics {
        /// Proposals that the gate refused.
        gate_refusals: u64 {
            unit: Count, better: Neither,
            formula: "refusals of the gate",
            source: "own definition",
        }
        /// Share of the proposals that the gate refused.
        gate_refusal_rate: Option<f64> {
            unit: Fraction, better: Neither,
            formula: "refusals of the gate / proposals",
            source: "own definition",
        }
        /// Share of all refusals that were the gate's.
        gate_share: Option<f64> {
            unit: Fraction, better: Neither,
            formula: "refusals of the gate / refusals",
            source: "own definition",
        }
    }
}

metrics! {
    /// Lag of one stream. Quantiles lie between their neighbours in proportion: type 7 of Hyndman and Fan
    /// (1996), Sample Quantiles in Statistical Packages, American Statistician 50.
    LagMetrics {
        /// How many deliveries were looked at.
        lag_samples: u64 {
            unit: Count, better: Neither,
            formula: "number of deliveries",
            source: "own definition",
        }
        /// Lag that half of the deliveries do not exceed.
        lag_ms_p50: Option<f64> {
            unit: Ms, better: Lower,
            formula: "q(lag, 0.5)",
            source: "Hyndman, Fan (1996), type 7",
        }
        /// Lag that 90 % of the deliveries do not exceed.
        lag_ms_p90: Option<f64> {
            unit: Ms, better: Lower,
            formula: "q(lag, 0.9)",
            source: "Hyndman, Fan (1996), type 7",
        }
        /// Lag that 99 % of the deliveries do not exceed.
        lag_ms_p99: Option<f64> {
            unit: Ms, better: Lower,
            formula: "q(lag, 0.99)",
            source: "Hyndman, Fan (1996), type 7",
        }
        /// Lag of the latest delivery.
        lag_ms_max: Option<f64> {
            unit: Ms, better: Lower,
            formula: "max(lag)",
            source: "own definition",
        }
    }
}

/// Metrics of the pipeline.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PipelineMetrics {
    /// Of the whole.
    #[serde(flatten)]
    pub rates: PipelineRates,
    /// Of each gate, in the order of their names.
    pub by_gate: BTreeMap<String, GateMetrics>,
    /// Of each stream, in the order of their names.
    pub by_stream: BTreeMap<String, LagMetrics>,
}

/// Metrics of the pipeline; rates are `None` where there is nothing to divide by.
///
/// # Errors
/// [`InputError::NotSorted`] for lag that falls from one sample to the next.
pub fn pipeline_metrics(input: &PipelineInput<'_>) -> Result<PipelineMetrics, InputError> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for (gate, count) in input.refusals {
        let sum = counts.entry(gate).or_default();
        *sum = sum.saturating_add(*count);
    }
    let refusals = counts.values().copied().fold(0, u64::saturating_add);
    let share = |part: u64, whole: u64| ratio(part as f64, whole as f64);
    let gate = |(name, gate_refusals): (&str, u64)| {
        let gate_refusal_rate = share(gate_refusals, input.proposals);
        let gate_share = share(gate_refusals, refusals);
        (name.to_owned(), GateMetrics { gate_refusals, gate_refusal_rate, gate_share })
    };
    let stream = |(name, lag_ns): &(&str, &[i64])| Ok(((*name).to_owned(), lag(name, lag_ns)?));
    Ok(PipelineMetrics {
        rates: PipelineRates {
            refusals,
            refusal_rate: share(refusals, input.proposals),
            permit_grant_rate: ratio(
                input.permits_granted as f64,
                input.permits_granted as f64 + input.permits_denied as f64,
            ),
            downgrade_rate: share(input.downgrades, input.actions),
        },
        by_gate: counts.into_iter().map(gate).collect(),
        by_stream: input.lag_ns.iter().map(stream).collect::<Result<_, _>>()?,
    })
}

/// Lag of deliveries that were counted: lags in nanoseconds, each once and in rising order, and how many deliveries had it.
pub fn lag_of_counts(counts: &[(i64, u64)]) -> LagMetrics {
    let total: u64 = counts.iter().map(|(_, count)| count).sum();
    // The lag of the delivery at that place of all, in rising order.
    let at = |place: u64| {
        let mut before = 0;
        let found = counts.iter().find(|(_, count)| {
            before += count;
            place < before
        });
        found.map(|(lag, _)| *lag as f64 / 1e6)
    };
    let quantile = |share: f64| {
        let place = share * total.checked_sub(1)? as f64;
        let (low, high) = (at(place.floor() as u64)?, at(place.ceil() as u64)?);
        Some(low + (high - low) * (place - place.floor()))
    };
    LagMetrics {
        lag_samples: total,
        lag_ms_p50: quantile(0.5),
        lag_ms_p90: quantile(0.9),
        lag_ms_p99: quantile(0.99),
        lag_ms_max: quantile(1.0),
    }
}

fn lag(stream: &str, lag_ns: &[i64]) -> Result<LagMetrics, InputError> {
    if let Some(before) = lag_ns.windows(2).position(|pair| pair[1] < pair[0]) {
        return Err(InputError::NotSorted { stream: stream.to_owned(), at: before + 1 });
    }
    let lag_ms: Vec<f64> = lag_ns.iter().map(|lag| *lag as f64 / 1e6).collect();
    Ok(LagMetrics {
        lag_samples: lag_ns.len() as u64,
        lag_ms_p50: quantile(&lag_ms, 0.5),
        lag_ms_p90: quantile(&lag_ms, 0.9),
        lag_ms_p99: quantile(&lag_ms, 0.99),
        lag_ms_max: lag_ms.last().copied(),
    })
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    #[test]
    fn counted_lags_are_those_of_the_list() {
        let counts = [(500_000, 3), (1_000_000, 1), (7_500_000, 6)];
        let list: Vec<i64> =
            counts.iter().flat_map(|(lag, count)| vec![*lag; *count as usize]).collect();
        assert_eq!(lag_of_counts(&counts), lag("s", &list).expect("sorted"));
        assert_eq!(lag_of_counts(&[]), lag("s", &[]).expect("sorted"));
    }
}
