//! What a session says on standard error, and what its metrics hear.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use clap::ValueEnum;
use engine::{Exchange, Nanos};
use live::clock::{LiveClock, system_time};
use live::link::{Notice, Weight};
use live::session::{Listener, LiveKernel, PARTS, Stats};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

use super::metrics::Metrics;
use super::place::environment;

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// A line each, for people.
    Text,
    /// A JSON object each.
    Json,
}

/// The clock of the session, as soon as there is one.
static CLOCK: OnceLock<Arc<LiveClock>> = OnceLock::new();

/// Stamps lines with the session's time; before there is a session, with the system's.
struct SessionTime;

impl FormatTime for SessionTime {
    fn format_time(&self, out: &mut Writer<'_>) -> fmt::Result {
        let now = CLOCK.get().map_or_else(system_time, |clock| clock.now());
        write!(out, "{now}")
    }
}

/// Begins the log; `RUST_LOG` chooses what is in it.
pub fn begin(format: LogFormat) -> Result<(), String> {
    let filter = match environment("RUST_LOG") {
        Some(text) => EnvFilter::try_new(&text).map_err(|error| {
            format!("RUST_LOG is no filter ({error}): say one such as info, or warn,live=debug")
        })?,
        None => EnvFilter::new("info"),
    };
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_timer(SessionTime)
        .log_internal_errors(false)
        .with_writer(|| Quiet);
    // A second beginning, as in tests, changes nothing.
    let _ = match format {
        LogFormat::Text => log.with_target(false).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
    Ok(())
}

/// Lines that standard error did not take: a full disk behind it, or a pipe that nobody reads.
static LOST_LINES: AtomicU64 = AtomicU64::new(0);

/// How many lines of the log nobody can read.
pub fn lost_lines() -> u64 {
    LOST_LINES.load(Ordering::Relaxed)
}

/// Standard error, which no session dies of.
struct Quiet;

impl Write for Quiet {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if io::stderr().lock().write_all(line).is_err() {
            LOST_LINES.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// From now on lines have the time of this clock.
pub fn follow(clock: &Arc<LiveClock>) {
    // A process has one session.
    let _ = CLOCK.set(Arc::clone(clock));
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
            what = "ended",
            "market events, venue events and requests of the session"
        );
        let requests = stats.to_order.count();
        if requests > 0 {
            // Neither is there where it took more than a second.
            let (half, most) = (stats.to_order.quantile_us(500), stats.to_order.quantile_us(990));
            let parts: Vec<String> = PARTS
                .iter()
                .zip(&stats.parts)
                .filter_map(|(name, spans)| Some(format!("{name} {}", spans.quantile_us(500)?)))
                .collect();
            tracing::info!(
                requests,
                median_us = half,
                p99_us = most,
                medians_of_parts_us = parts.join(", "),
                what = "ended",
                "from what came in to the leaving of orders, cancels and settings, at most"
            );
        }
    }

    /// With or without metrics.
    pub fn new(metrics: Option<Metrics>) -> Log {
        Log { metrics }
    }

    /// A session that goes on runs through so many entries first: a long one takes its time.
    pub fn runs_through(&self, journal: &Path, entries: u64) {
        let journal = journal.display();
        tracing::info!(%journal, entries, what = "goes_on", "the kernel runs through the recording");
    }

    /// The session begins; `paper` says that its exchange is its own.
    pub fn began(&self, journal: &Path, goes_on_with: Option<usize>, paper: bool) {
        let journal = journal.display();
        if let Some(metrics) = &self.metrics {
            let at = format!("http://{}/metrics", metrics.address());
            tracing::info!(%at, what = "metrics", "Prometheus finds the figures there");
        }
        match goes_on_with {
            None => tracing::info!(%journal, what = "begins", "the session begins"),
            Some(_) if paper => tracing::info!(
                %journal,
                what = "goes_on",
                "the session goes on, and its exchange with it"
            ),
            Some(unanswered) => tracing::info!(
                %journal,
                unanswered,
                what = "goes_on",
                "the session goes on; the venue is asked what became of its requests"
            ),
        }
    }
}

impl<X: Exchange> Listener<X> for Log {
    fn notice(&mut self, _now: Nanos, notice: &Notice) {
        let Notice { weight, what, text } = notice;
        match weight {
            Weight::Info => tracing::info!(what, "{text}"),
            Weight::Warning => tracing::warn!(what, "{text}"),
            Weight::Error => tracing::error!(what, "{text}"),
        }
    }

    fn turned(&mut self, now: Nanos, stats: &Stats, kernel: &LiveKernel<X>) {
        if let Some(metrics) = &mut self.metrics {
            metrics.turned(now, stats, kernel);
        }
    }
}
