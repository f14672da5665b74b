//! The figures of a session and of its services for Prometheus, at `/metrics`.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use engine::{Exchange, Nanos};
use live::session::{LiveKernel, Stats};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use scenarios::Figures;

/// The text is made anew so often.
const EVERY: Duration = Duration::from_secs(1);

/// Makes the text and gives it to whoever asks.
pub struct Metrics {
    text: Arc<Mutex<String>>,
    made: Option<Instant>,
}

impl Metrics {
    /// Listens at `address`.
    pub fn serve(address: &str) -> Result<Metrics, String> {
        let bad = |why: String| {
            format!("live.metrics = {address:?}: {why}; give an address such as 127.0.0.1:9100")
        };
        let address: SocketAddr = address.parse().map_err(|_| bad("no address".to_owned()))?;
        let text = Arc::new(Mutex::new(String::new()));
        live::metrics_endpoint::serve(address, Arc::clone(&text))
            .map_err(|error| bad(error.to_string()))?;
        Ok(Metrics { text, made: None })
    }

    /// After a turn: the text, if it is old.
    #[allow(clippy::disallowed_methods)] // Nothing of it reaches the journal.
    pub fn turned<X: Exchange>(&mut self, now: Nanos, stats: &Stats, kernel: &LiveKernel<X>) {
        if self.made.is_some_and(|made| made.elapsed() < EVERY) {
            return;
        }
        self.made = Some(Instant::now());
        // A text that cannot be made leaves the one of before: its time tells.
        if let Ok(made) = text(now, stats, &scenarios::service_figures(kernel)) {
            *self.text.lock().unwrap_or_else(PoisonError::into_inner) = made;
        }
    }
}

/// The figures of the session itself.
#[derive(Debug)]
struct OfSession {
    now: Nanos,
    stats: Stats,
}

impl Collector for OfSession {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let stats = &self.stats;
        let mut gauge = |name: &str, help: &str, value: f64| {
            encoder.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
        };
        gauge("qsim_session_time_seconds", "The session's time", self.now.0 as f64 / 1e9)?;
        gauge("qsim_journal_entries", "Entries of the journal", stats.entries as f64)?;
        for (name, help, value) in [
            ("qsim_market_events", "Market events", stats.market),
            ("qsim_venue_events", "Answers and events of the user stream", stats.told),
            ("qsim_requests_sent", "Requests that were sent", stats.sent),
        ] {
            encoder
                .encode_descriptor(name, help, None, MetricType::Counter)?
                .encode_counter::<NoLabelSet, _, f64>(&value, None)?;
        }
        let help = "Notices, by what they are about";
        let mut notices =
            encoder.encode_descriptor("qsim_notices", help, None, MetricType::Counter)?;
        for (what, count) in &stats.notices {
            notices
                .encode_family(&[("what", *what)])?
                .encode_counter::<NoLabelSet, _, f64>(count, None)?;
        }
        let help = "From what came in to the order that was sent for it";
        let buckets: Vec<(f64, u64)> = stats.to_order.buckets().collect();
        encoder
            .encode_descriptor("qsim_to_order_seconds", help, None, MetricType::Histogram)?
            .encode_histogram::<NoLabelSet>(
            stats.to_order.sum_us() as f64 / 1e6,
            stats.to_order.count(),
            &buckets,
            None,
        )
    }
}

fn text(now: Nanos, stats: &Stats, services: &Figures) -> Result<String, fmt::Error> {
    let figures = services.iter().map(|(name, value)| (name.as_str(), *value));
    let mut registry = pipeline::metrics::registry(figures);
    registry.register_collector(Box::new(OfSession { now, stats: stats.clone() }));
    let mut out = String::new();
    prometheus_client::encoding::text::encode(&mut out, &registry)?;
    Ok(out)
}
