//! The figures of a session for Prometheus, at `/metrics`.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use engine::Nanos;
use live::session::Stats;

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
    pub fn turned(&mut self, now: Nanos, stats: &Stats) {
        if self.made.is_some_and(|made| made.elapsed() < EVERY) {
            return;
        }
        self.made = Some(Instant::now());
        *self.text.lock().unwrap_or_else(PoisonError::into_inner) = text(now, stats);
    }
}

fn text(now: Nanos, stats: &Stats) -> String {
    let mut out = String::new();
    let mut family = |name: &str, kind: &str, help: &str, rows: &[(String, String)]| {
        let _ = writeln!(out, "# HELP qsim_{name} {help}\n# TYPE qsim_{name} {kind}");
        for (labels, value) in rows {
            let _ = writeln!(out, "qsim_{name}{labels} {value}");
        }
    };
    let one = |value: u64| [(String::new(), value.to_string())];
    let seconds = format!("{:.3}", now.0 as f64 / 1e9);
    family("session_time_seconds", "gauge", "The session's time.", &[(String::new(), seconds)]);
    family("journal_entries", "gauge", "Entries of the journal.", &one(stats.entries));
    family("market_events_total", "counter", "Market events.", &one(stats.market));
    family("venue_events_total", "counter", "Answers and user events.", &one(stats.told));
    family("requests_sent_total", "counter", "Requests that were sent.", &one(stats.sent));
    let notices: Vec<(String, String)> = stats
        .notices
        .iter()
        .map(|(what, count)| (format!("{{what=\"{what}\"}}"), count.to_string()))
        .collect();
    family("notices_total", "counter", "Notices, by what they are about.", &notices);
    let _ = writeln!(
        out,
        "# HELP qsim_to_order_seconds From what came in to the order that was sent for it.\n# TYPE qsim_to_order_seconds histogram"
    );
    for (bound, count) in stats.to_order.cumulated() {
        let _ =
            writeln!(out, "qsim_to_order_seconds_bucket{{le=\"{}\"}} {count}", bound as f64 / 1e6);
    }
    let (count, sum) = (stats.to_order.count(), stats.to_order.sum_us() as f64 / 1e6);
    let _ = writeln!(
        out,
        "qsim_to_order_seconds_bucket{{le=\"+Inf\"}} {count}\nqsim_to_order_seconds_sum {sum}\nqsim_to_order_seconds_count {count}"
    );
    out
}
