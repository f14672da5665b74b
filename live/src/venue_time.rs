//! What a venue's clock shows: a session on an accelerated venue begins at that time.

use std::time::Duration;

use engine::Nanos;

use crate::binance::{ToldOff, wire_time};
use crate::link::LinkError;

/// Asks `GET /fapi/v1/time` of a venue's REST address. Blocks, for ten seconds at most.
///
/// # Errors
/// The venue does not answer, answers with no time, or has told this address off: then the error says for how long.
pub fn venue_time(rest: &str) -> Result<Nanos, LinkError> {
    let venue = rest.trim_end_matches('/').to_owned();
    let refused = |problem: String| LinkError::Refused { venue: venue.clone(), problem };
    let timeout = Some(Duration::from_secs(10));
    let config = ureq::Agent::config_builder().timeout_global(timeout).http_status_as_error(false);
    let agent: ureq::Agent = config.build().into();
    let does_not =
        |why: &dyn std::fmt::Display| format!("does not tell its time ({why}); is it running?");
    let mut answer = agent
        .get(format!("{venue}/fapi/v1/time"))
        .call()
        .map_err(|error| refused(does_not(&error)))?;
    let status = answer.status().as_u16();
    let after = answer.headers().get("retry-after").and_then(|after| after.to_str().ok());
    let after = after.and_then(|after| after.trim().parse().ok()).map(Nanos::from_secs);
    let text = answer.body_mut().read_to_string().map_err(|error| refused(error.to_string()))?;
    // Its clock is not known yet: only its own words tell until when.
    let error = serde_json::from_str(&text).ok();
    if let Some(told_off) = ToldOff::of(status, after, error.as_ref(), None) {
        return Err(refused(format!("{told_off} (HTTP {status}): wait, and try again")));
    }
    if status != 200 {
        return Err(refused(does_not(&format_args!("HTTP {status}"))));
    }
    wire_time(text.as_bytes())
        .ok_or_else(|| refused("its answer to /fapi/v1/time is no time".to_owned()))
}
