//! The figures of a session and of its services for Prometheus, at `/metrics`.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use engine::{Exchange, Nanos};
use live::session::{Holds, LiveKernel, Stats};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use scenarios::Figures;

use super::logs::lost_lines;

/// The text is made anew so often.
const EVERY: Duration = Duration::from_secs(1);

/// Makes the text and gives it to whoever asks.
pub struct Metrics {
    text: Arc<Mutex<String>>,
    made: Option<Instant>,
    address: SocketAddr,
}

/// Before the first turn there is nothing to say.
const NOTHING: &str = "# EOF\n";

impl Metrics {
    /// Listens at `address`, such as 127.0.0.1:9100 or localhost:9100; port 0 is a free one.
    pub fn serve(address: &str) -> Result<Metrics, String> {
        let bad = |why: &str, remedy: &str| format!("live.metrics = {address:?}: {why}; {remedy}");
        let first = address.to_socket_addrs().ok().and_then(|mut found| found.next());
        let Some(first) = first else {
            return Err(bad("no address", "give one such as 127.0.0.1:9100"));
        };
        let text = Arc::new(Mutex::new(NOTHING.to_owned()));
        match live::metrics_endpoint::serve(first, Arc::clone(&text)) {
            Ok(address) => Ok(Metrics { text, made: None, address }),
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                let remedy = "give another port, or end who has it";
                Err(bad("another process listens there", remedy))
            }
            Err(error) => Err(bad(&error.to_string(), "give an address of this machine")),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// After a turn: the text, if it is old.
    #[allow(clippy::disallowed_methods)] // Nothing of it reaches the journal.
    pub fn turned<X: Exchange>(&mut self, now: Nanos, stats: &Stats, kernel: &LiveKernel<X>) {
        if self.made.is_some_and(|made| made.elapsed() < EVERY) {
            return;
        }
        self.made = Some(Instant::now());
        // A text that cannot be made leaves the one of before: its time tells.
        let of_session = OfSession::new(now, stats, kernel);
        if let Ok(made) = text(of_session, &scenarios::service_figures(kernel)) {
            *self.text.lock().unwrap_or_else(PoisonError::into_inner) = made;
        }
    }
}

/// The figures of the session itself.
#[derive(Debug)]
struct OfSession {
    now: Nanos,
    stats: Stats,
    holds: Holds,
    has_lost: bool,
    /// In USDT.
    profit: Option<f64>,
    /// In USDT.
    exposed: f64,
    refused: BTreeMap<&'static str, u64>,
}

impl OfSession {
    fn new<X: Exchange>(now: Nanos, stats: &Stats, kernel: &LiveKernel<X>) -> OfSession {
        let guard = kernel.exchange();
        OfSession {
            now,
            stats: stats.clone(),
            holds: guard.holds(),
            has_lost: guard.has_lost(),
            profit: guard.profit().and_then(|profit| f64::try_from(profit).ok()),
            exposed: f64::try_from(guard.exposed()).unwrap_or(f64::INFINITY),
            refused: guard.refused().clone(),
        }
    }
}

impl Collector for OfSession {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let stats = &self.stats;
        let mut gauge = |name: &str, help: &str, value: f64| {
            encoder.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
        };
        gauge("qsim_session_time_seconds", "The session's time", self.now.0 as f64 / 1e9)?;
        gauge("qsim_journal_entries", "Entries of the journal", stats.entries as f64)?;
        gauge("qsim_requests_in_doubt", "Requests without an answer", stats.in_doubt as f64)?;
        gauge(
            "qsim_log_lines_lost",
            "Lines that standard error did not take",
            lost_lines() as f64,
        )?;
        gauge("qsim_exposed_usdt", "Positions with all that may still fill", self.exposed)?;
        if let Some(profit) = self.profit {
            gauge("qsim_profit_usdt", "Profit of the session, realised and not", profit)?;
        }
        let help = "What keeps anything from being opened";
        let mut holds = encoder.encode_descriptor("qsim_hold", help, None, MetricType::Gauge)?;
        for (what, on) in [
            ("dry_run", self.holds.dry_run),
            ("killed", self.holds.killed.is_on()),
            ("closing", self.holds.closing),
            ("unheard", self.holds.unheard),
            ("loss", self.has_lost),
        ] {
            let value = if on { 1.0 } else { 0.0 };
            holds.encode_family(&[("what", what)])?.encode_gauge(&value)?;
        }
        let help = "Requests that the session's own limits refused, by limit";
        let mut refused =
            encoder.encode_descriptor("qsim_refused", help, None, MetricType::Counter)?;
        for (limit, count) in &self.refused {
            refused
                .encode_family(&[("limit", *limit)])?
                .encode_counter::<NoLabelSet, _, f64>(count, None)?;
        }
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

fn text(of_session: OfSession, services: &Figures) -> Result<String, fmt::Error> {
    let figures = services.iter().map(|(name, value)| (name.as_str(), *value));
    let mut registry = pipeline::metrics::registry(figures);
    registry.register_collector(Box::new(of_session));
    let mut out = String::new();
    prometheus_client::encoding::text::encode(&mut out, &registry)?;
    Ok(out)
}
