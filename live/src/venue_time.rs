//! What a venue's clock shows: a session on an accelerated venue begins at that time.

use std::time::Duration;

use engine::Nanos;

use crate::link::LinkError;

/// Asks `GET /fapi/v1/time` of a venue's REST address. Blocks, for ten seconds at most.
pub fn venue_time(rest: &str) -> Result<Nanos, LinkError> {
    let venue = rest.trim_end_matches('/').to_owned();
    let refused = |problem: String| LinkError::Refused { venue: venue.clone(), problem };
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(10))).build().into();
    let mut answer = agent
        .get(format!("{venue}/fapi/v1/time"))
        .call()
        .map_err(|error| refused(format!("does not tell its time ({error}); is it running?")))?;
    let text = answer.body_mut().read_to_string().map_err(|error| refused(error.to_string()))?;
    let time: binance_wire::ServerTime = serde_json::from_str(&text)
        .map_err(|_| refused("its answer to /fapi/v1/time is no time".to_owned()))?;
    Ok(Nanos::from_millis(time.server_time))
}
