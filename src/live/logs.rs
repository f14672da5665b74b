//! What a session says on standard error, and what its metrics hear.

use std::path::Path;

use clap::ValueEnum;
use engine::{Exchange, Nanos};
use live::link::{Notice, Weight};
use live::session::{Listener, LiveKernel, Stats};

use super::metrics::Metrics;

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// A line each, for people.
    Text,
    /// A JSON object each.
    Json,
}

/// Begins the log; `RUST_LOG` chooses what is in it.
pub fn begin(format: LogFormat) {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second beginning, as in tests, changes nothing.
    let _ = match format {
        LogFormat::Text => log.with_target(false).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
}

/// Hears a session.
pub struct Log {
    metrics: Option<Metrics>,
}

impl Log {
    /// The session has ended: what it did, and how quick it was.
    pub fn ended(&self, stats: &Stats) {
        let Stats { market, told, sent, .. } = stats;
        tracing::info!(
            market,
            told,
            sent,
            "market events, venue events and requests of the session"
        );
        let orders = stats.to_order.count();
        if orders > 0 {
            let (half, most) = (stats.to_order.quantile_us(500), stats.to_order.quantile_us(990));
            tracing::info!(
                orders,
                median = within(half),
                p99 = within(most),
                "from what came in to an order's leaving, at most"
            );
        }
    }

    /// With or without metrics.
    pub fn new(metrics: Option<Metrics>) -> Log {
        Log { metrics }
    }

    /// The session begins.
    pub fn began(&self, journal: &Path, goes_on_with: Option<usize>) {
        let journal = journal.display();
        match goes_on_with {
            None => tracing::info!(%journal, "the session begins"),
            Some(unanswered) => tracing::info!(
                %journal,
                unanswered,
                "the session goes on; the venue is asked what became of its requests"
            ),
        }
    }
}

/// A bound of a histogram for people.
fn within(bound_us: Option<u64>) -> String {
    bound_us.map_or_else(|| "more than a second".to_owned(), |bound| format!("{bound} µs"))
}

impl<X: Exchange> Listener<X> for Log {
    fn notice(&mut self, now: Nanos, notice: &Notice) {
        let Notice { weight, what, text } = notice;
        match weight {
            Weight::Info => tracing::info!(session_time = %now, what, "{text}"),
            Weight::Warning => tracing::warn!(session_time = %now, what, "{text}"),
            Weight::Error => tracing::error!(session_time = %now, what, "{text}"),
        }
    }

    fn turned(&mut self, now: Nanos, stats: &Stats, kernel: &LiveKernel<X>) {
        if let Some(metrics) = &mut self.metrics {
            metrics.turned(now, stats, kernel);
        }
    }
}
