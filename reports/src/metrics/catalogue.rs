//! What each metric means, for tables, objectives and documentation.
//!
//! A metric is declared once, by [`metrics!`](self): the field of the result, its documentation and its
//! entry in the catalogue come from that place.

use rust_decimal::Decimal;
use serde::Serialize;

use super::money::to_f64;

/// What a metric's figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A share of a whole: 0.05 is 5 %.
    Fraction,
    /// One thing over another, shown as it is.
    Ratio,
    /// Money.
    Usdt,
    /// Of 86,400 seconds.
    Days,
    /// Hours.
    Hours,
    /// Milliseconds.
    Ms,
    /// The risk of a trade when it was opened.
    R,
    /// How many.
    Count,
}

/// Which way a metric improves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
    /// It describes and does not judge.
    Neither,
}

/// One metric, as its field documents it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Metric {
    /// Its field, its key in JSON, its figure in an expectation: short, in `snake_case`.
    pub name: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// What the figure counts.
    pub unit: Unit,
    /// Which way it improves.
    pub better: Better,
    /// How it is computed; the documentation of [`crate::metrics`] explains the symbols.
    pub formula: &'static str,
    /// Author, year and title, or whose definition it is.
    pub source: &'static str,
}

/// A field of a result as the number that tables and objectives take.
pub(super) trait Figure {
    /// `None` where the metric is undefined.
    fn figure(&self) -> Option<f64>;
}

impl Figure for Option<f64> {
    fn figure(&self) -> Option<f64> {
        *self
    }
}

impl Figure for u64 {
    fn figure(&self) -> Option<f64> {
        Some(*self as f64)
    }
}

impl Figure for Decimal {
    fn figure(&self) -> Option<f64> {
        Some(to_f64(*self))
    }
}

/// Declares a struct of metrics: fields, documentation, catalogue and the way from one to the other.
macro_rules! metrics {
    (
        $(#[doc = $about:literal])+
        $of:ident {
            $(
                #[doc = $summary:literal]
                $name:ident: $kind:ty {
                    unit: $unit:ident,
                    better: $better:ident,
                    formula: $formula:literal,
                    source: $source:literal $(,)?
                }
            )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        pub struct $of {
            $(
                #[doc = $summary]
                #[doc = concat!("\n\nUnit: ", stringify!($unit), "; better: ", stringify!($better), ".")]
                #[doc = concat!("\n\n```text\n", $formula, "\n```\n\nSource: ", $source, ".")]
                pub $name: $kind,
            )+
        }

        impl $of {
            /// What each field means, in the order of the fields.
            pub const CATALOGUE: &'static [$crate::metrics::Metric] = &[$(
                $crate::metrics::Metric {
                    name: stringify!($name),
                    summary: $summary.trim_ascii(),
                    unit: $crate::metrics::Unit::$unit,
                    better: $crate::metrics::Better::$better,
                    formula: $formula,
                    source: $source,
                },
            )+];

            /// Each metric with its figure, in the order of the fields; `None` where it is undefined.
            pub fn values(
                &self,
            ) -> impl Iterator<Item = (&'static $crate::metrics::Metric, Option<f64>)> + use<> {
                use $crate::metrics::catalogue::Figure;
                Self::CATALOGUE.iter().zip([$(self.$name.figure()),+])
            }
        }
    };
}
pub(super) use metrics;

/// All metrics: of equity, exposure, fills and trades, then of the pipeline and of lag. Names are unique.
pub fn catalogue() -> impl Iterator<Item = &'static Metric> {
    let parts = [
        super::EquityMetrics::CATALOGUE,
        super::ExposureMetrics::CATALOGUE,
        super::FillMetrics::CATALOGUE,
        super::TradeMetrics::CATALOGUE,
        super::PipelineRates::CATALOGUE,
        super::GateMetrics::CATALOGUE,
        super::LagMetrics::CATALOGUE,
    ];
    parts.into_iter().flatten()
}

/// The metric of this name.
#[must_use]
pub fn metric(name: &str) -> Option<&'static Metric> {
    catalogue().find(|metric| metric.name == name)
}
