//! Whose a request of the WebSocket API is.

use engine::AccountId;
use sim_exchange::wire::VenueError;

use super::methods::Method;
use super::own;
use super::session::Session;
use crate::app::App;
use crate::http::{Failure, Key, Params};

/// Whose request it is: by its own key, or by that of the session.
pub(super) fn authorized(
    app: &App,
    session: &Session,
    method: &Method,
    params: &Params<'_>,
) -> Result<Option<AccountId>, Failure> {
    if !method.keyed {
        return Ok(None);
    }
    let sent = params.get("apiKey");
    let name = sent.or(session.key()).ok_or_else(|| Failure::of(VenueError::BadApiKeyFormat))?;
    let key = app.keys.get(name).ok_or_else(|| Failure::of(VenueError::RejectedApiKey))?;
    if !method.signed {
        return Ok(Some(key.account));
    }
    params.need("timestamp")?;
    let logs_on = method.logs_on();
    // A session that is logged on has signed once for all.
    let trusted = session.key().is_some_and(|own| own == name) && !logs_on;
    match params.get("signature") {
        None if trusted => {}
        None => return Err(Failure::missing("signature")),
        Some(signature) => {
            if logs_on && !key.is_ed25519() {
                let msg = format!("{} API key is not supported.", key.algorithm());
                return Err(own(400, -4056, &msg));
            }
            check_signature(key, params, signature)?;
        }
    }
    Ok(Some(key.account))
}

/// All parameters but the signature, sorted by name.
fn check_signature(key: &Key, params: &Params<'_>, signature: &str) -> Result<(), Failure> {
    let mut pairs: Vec<_> = params.pairs().filter(|(name, _)| *name != "signature").collect();
    pairs.sort_unstable();
    let mut payload = String::new();
    for (name, value) in pairs {
        if !payload.is_empty() {
            payload.push('&');
        }
        payload.push_str(name);
        payload.push('=');
        payload.push_str(value);
    }
    if key.signs(&[&payload], signature) {
        Ok(())
    } else {
        Err(VenueError::InvalidSignature.into())
    }
}
