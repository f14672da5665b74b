//! `[links]`: what deliveries inside the pipeline take.

use engine::{FeedLatency, Link, Nanos, Quantiles};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::file::{Market, Recorded};

/// Delivery times inside the pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Links {
    /// Of a stream entry to a reader, in µs.
    pub latency_us: i64,
    /// Up to this much more, uniform, in µs.
    pub jitter_us: i64,
    /// Of a call between two services, one way, in µs.
    pub call_latency_us: i64,
    /// Of market events from the exchange to the services that ask for them, in µs.
    pub feed_latency_us: i64,
    /// The same as a distribution, drawn for each event: `[[0, 800], [500, 2000], [1000, 60000]]` is 0.8 to
    /// 60 ms with a median of 2 ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feed_latency: Option<Quantiles>,
    /// As the data were recorded; `feed_latency_us` where they do not say.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub feed_latency_recorded: bool,
}

impl Default for Links {
    fn default() -> Links {
        Links {
            latency_us: 300,
            jitter_us: 200,
            call_latency_us: 1_000,
            feed_latency_us: 0,
            feed_latency: None,
            feed_latency_recorded: false,
        }
    }
}

impl Links {
    /// Of stream entries.
    pub fn streams(&self) -> Link {
        Link {
            latency: Nanos::from_micros(self.latency_us),
            jitter: Nanos::from_micros(self.jitter_us),
        }
    }

    /// Of market events.
    pub fn feed(&self) -> FeedLatency {
        let constant = Nanos::from_micros(self.feed_latency_us);
        match &self.feed_latency {
            Some(quantiles) => FeedLatency::Distribution(quantiles.clone()),
            None if self.feed_latency_recorded => FeedLatency::Recorded(constant),
            None => FeedLatency::Constant(constant),
        }
    }

    /// What contradicts itself, or does nothing in `market`.
    pub(crate) fn problem(&self, market: &Market) -> Option<String> {
        let drawn = self.feed_latency.as_ref();
        if let Some(problem) = drawn.and_then(Quantiles::problem) {
            return Some(format!("links.feed_latency: {problem}"));
        }
        let others = [
            ("links.feed_latency_recorded", self.feed_latency_recorded),
            ("links.feed_latency_us", self.feed_latency_us != 0),
        ];
        if let Some((other, _)) = others.iter().find(|(_, given)| drawn.is_some() && *given) {
            return Some(format!("links.feed_latency and {other}: say one of them"));
        }
        let tells_delay = |recorded: &Recorded| {
            let streams = [recorded.mark_stream, recorded.quotes, recorded.depth];
            recorded.bars.is_none() || streams.contains(&true)
        };
        let tells_delay = market.recorded.as_ref().is_some_and(tells_delay);
        (self.feed_latency_recorded && !tells_delay).then(|| {
            "links.feed_latency_recorded: made markets and recorded bars tell no delay; give links.feed_latency_us or links.feed_latency, or replay recorded trades, quotes or depth".into()
        })
    }

    /// How late market events are, for the assumptions of the run; nothing if they are not.
    pub(crate) fn feed_sentence(&self) -> Option<String> {
        let reach = "Feed: market events reach the services";
        let ms = |us: i64| Decimal::new(us, 3).normalize();
        match self.feed() {
            FeedLatency::Constant(Nanos::ZERO) => None,
            FeedLatency::Constant(_) => {
                Some(format!("{reach} {} ms late.", ms(self.feed_latency_us)))
            }
            FeedLatency::Recorded(_) => Some(format!(
                "{reach} as late as they reached the recorder, and {} ms late where no local time is recorded.",
                ms(self.feed_latency_us)
            )),
            FeedLatency::Distribution(Quantiles(rows)) => {
                let us = |row: Option<&(u32, i64)>| row.map_or(0, |(_, us)| *us);
                let (least, most) = (ms(us(rows.first())), ms(us(rows.last())));
                Some(format!("{reach} {least} to {most} ms late, drawn for each."))
            }
        }
    }

    /// Of calls.
    pub fn calls(&self) -> Link {
        Link { latency: Nanos::from_micros(self.call_latency_us), jitter: Nanos::ZERO }
    }
}
