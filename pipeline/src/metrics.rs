//! The figures of a run as Prometheus reads them (OpenMetrics text): counters and gauges under their own names,
//! with the service, and the symbol or word, as labels. What has no service is the exchange's.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use rust_decimal::Decimal;

use crate::counters::is_counter;
use crate::grid;

/// Labels and value of one sample.
type Sample = (Vec<(&'static str, String)>, f64);

/// All samples by metric, so that each metric is described once.
#[derive(Debug, Default)]
struct Samples {
    counters: BTreeMap<String, Vec<Sample>>,
    gauges: BTreeMap<String, Vec<Sample>>,
}

impl Samples {
    /// `name` is `service.metric`, `service.metric.SYMBOL`, `service.metric.word` or a figure of the exchange.
    fn add(&mut self, name: &str, value: f64) {
        let mut parts = name.splitn(3, '.');
        let first = parts.next().unwrap_or_default();
        let Some(metric) = parts.next() else {
            let samples = self.gauges.entry(format!("qsim_{first}")).or_default();
            return samples.push((vec![("service", "exchange".to_owned())], value));
        };
        let mut labels = vec![("service", first.to_owned())];
        if let Some(of) = parts.next() {
            let is_symbol =
                of.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
            labels.push((if is_symbol { "symbol" } else { "kind" }, of.to_owned()));
        }
        // The text format puts `_total` behind every counter.
        let (family, metric) = match is_counter(first, metric) {
            true => (&mut self.counters, metric.strip_suffix("_total").unwrap_or(metric)),
            false => (&mut self.gauges, metric),
        };
        family.entry(metric.to_owned()).or_default().push((labels, value));
    }
}

/// Names say what they mean.
fn help(name: &str) -> String {
    name.replace('_', " ")
}

impl Collector for Samples {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (name, samples) in &self.counters {
            let mut metric =
                encoder.encode_descriptor(name, &help(name), None, MetricType::Counter)?;
            for (labels, value) in samples {
                metric.encode_family(labels)?.encode_counter::<NoLabelSet, _, f64>(value, None)?;
            }
        }
        for (name, samples) in &self.gauges {
            let mut metric =
                encoder.encode_descriptor(name, &help(name), None, MetricType::Gauge)?;
            for (labels, value) in samples {
                metric.encode_family(labels)?.encode_gauge(value)?;
            }
        }
        Ok(())
    }
}

/// These figures, names as a scenario's expectations have them.
pub fn registry<'a>(figures: impl IntoIterator<Item = (&'a str, Decimal)>) -> Registry {
    let mut samples = Samples::default();
    for (name, value) in figures {
        samples.add(name, grid::float(value));
    }
    let mut registry = Registry::default();
    registry.register_collector(Box::new(samples));
    registry
}

/// Their text.
pub fn text<'a>(
    figures: impl IntoIterator<Item = (&'a str, Decimal)>,
) -> Result<String, fmt::Error> {
    let mut out = String::new();
    prometheus_client::encoding::text::encode(&mut out, &registry(figures))?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_and_gauges_stand_under_their_names() {
        let figures = [
            ("position_state_brain.p33_permit_allow_total", 3.0),
            ("position_state_brain.p33_snapshot_age_seconds.BTCUSDT", 1.5),
            ("portfolio_gate.p26_bucket.COLD_or_so", 1.0),
            ("wallet_balance", 10_000.25),
        ];
        let figures = figures.map(|(name, value)| (name, grid::decimal(value).expect("finite")));
        let text = text(figures).expect("a text");
        for line in [
            "# TYPE p33_permit_allow counter",
            "p33_permit_allow_total{service=\"position_state_brain\"} 3.0",
            "# TYPE p33_snapshot_age_seconds gauge",
            "p33_snapshot_age_seconds{service=\"position_state_brain\",symbol=\"BTCUSDT\"} 1.5",
            "p26_bucket{service=\"portfolio_gate\",kind=\"COLD_or_so\"} 1.0",
            "qsim_wallet_balance{service=\"exchange\"} 10000.25",
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
