//! A stretch of a scenario's market.

use datasets::synthetic::SyntheticMarket;
use engine::{FieldValue, IsoTime, Nanos};
use serde::{Deserialize, Serialize};

use crate::Market;
use crate::file::quoted_time;

/// A stretch of a market. Of a made one it is what it is in the whole, not a market of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MarketWindow {
    /// First instant, ISO-8601.
    #[serde(deserialize_with = "quoted_time")]
    pub from: String,
    /// First instant after the end, ISO-8601.
    #[serde(deserialize_with = "quoted_time")]
    pub to: String,
}

/// The span from a time to a later one, as the keys `from` and `to` of `table` have them.
pub(crate) fn span(table: &str, from: &str, to: &str) -> Result<(Nanos, Nanos), String> {
    let time = |name: &str, text: &str| {
        IsoTime::read_text(Some(text)).map(|time| time.0).map_err(|_| {
            format!("{table} {name} = {text:?} is not a time such as 2026-02-01T00:00:00Z")
        })
    };
    Ok((time("from", from)?, time("to", to)?))
}

impl MarketWindow {
    /// A window of these times.
    pub fn of(from: Nanos, to: Nanos) -> MarketWindow {
        MarketWindow { from: from.to_string(), to: to.to_string() }
    }

    /// First instant and first instant after the end.
    ///
    /// # Errors
    /// What is no time.
    pub fn range(&self) -> Result<(Nanos, Nanos), String> {
        span("[market.window]", &self.from, &self.to)
    }
}

impl Market {
    /// First instant and first instant after the end of all of it, whatever its window.
    pub(crate) fn whole_range(&self) -> Result<(Nanos, Nanos), String> {
        match (&self.synthetic, &self.recorded) {
            (Some(synthetic), _) => Ok(synthetic.range()),
            (None, Some(recorded)) => recorded.range(),
            (None, None) => Err("[market] needs one of `synthetic` and `recorded`".into()),
        }
    }

    /// First instant and first instant after the end of what is told.
    pub(crate) fn range(&self) -> Result<(Nanos, Nanos), String> {
        self.window.as_ref().map_or_else(|| self.whole_range(), MarketWindow::range)
    }

    /// What is wrong with its window.
    pub(crate) fn window_problem(&self) -> Option<String> {
        let window = self.window.as_ref()?;
        let ((from, to), whole) = match (window.range(), self.whole_range()) {
            (Ok(window), Ok(whole)) => (window, whole),
            (Err(problem), _) | (_, Err(problem)) => return Some(problem),
        };
        if from >= to {
            return Some(format!(
                "[market.window] from {from} is not before to {to}: swap or change them"
            ));
        }
        if from < whole.0 || to > whole.1 {
            return Some(format!(
                "[market.window] {from} to {to} is not within the market, {} to {}: change it, or make the market longer",
                whole.0, whole.1
            ));
        }
        if self.synthetic.as_ref().is_some_and(SyntheticMarket::tells_levels) {
            return Some(
                "[market.window] of a market that tells the levels of its book: what was shown before would be missing; leave it out".into(),
            );
        }
        let events = self.recorded.iter().any(|recorded| !recorded.events.is_empty());
        events.then(|| {
            "[market.window] with [[market.recorded.events]]: their minutes count from the begin of the recording; change from and to of [market.recorded] instead".into()
        })
    }
}
