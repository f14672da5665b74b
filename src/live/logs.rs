//! What a session says on standard error, and what its metrics hear.

use std::path::Path;

use clap::ValueEnum;
use engine::Nanos;
use live::link::{Notice, Weight};
use live::session::{Listener, Stats};

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
    /// With or without metrics.
    pub fn new(metrics: Option<Metrics>) -> Log {
        Log { metrics }
    }

    /// The session begins; `paper` says that its exchange is its own.
    pub fn began(&self, journal: &Path, goes_on_with: Option<usize>, paper: bool) {
        let journal = journal.display();
        match goes_on_with {
            None => tracing::info!(%journal, "the session begins"),
            Some(_) if paper => {
                tracing::info!(%journal, "the session goes on, and its exchange with it");
            }
            Some(unanswered) => tracing::info!(
                %journal,
                unanswered,
                "the session goes on; the venue is asked what became of its requests"
            ),
        }
    }
}

impl Listener for Log {
    fn notice(&mut self, now: Nanos, notice: &Notice) {
        let Notice { weight, what, text } = notice;
        match weight {
            Weight::Info => tracing::info!(session_time = %now, what, "{text}"),
            Weight::Warning => tracing::warn!(session_time = %now, what, "{text}"),
            Weight::Error => tracing::error!(session_time = %now, what, "{text}"),
        }
    }

    fn turned(&mut self, now: Nanos, stats: &Stats) {
        if let Some(metrics) = &mut self.metrics {
            metrics.turned(now, stats);
        }
    }
}
