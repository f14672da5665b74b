//! Requests and answers of the WebSocket API as they are on the wire.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use sim_exchange::wire::{RateLimit, RateLimitCount};

use crate::http::{Answered, Params, text_of};
use crate::shapes::json;

/// A request.
pub(super) struct Frame<'a> {
    /// As it came.
    pub(super) id: &'a str,
    pub(super) method: String,
    /// Sorted by name, as they are signed.
    pub(super) params: Params<'a>,
}

impl<'a> Frame<'a> {
    /// Reads a message; the id, as far as there is one, of what is no request.
    pub(super) fn read(text: &'a str) -> Result<Frame<'a>, &'a str> {
        #[derive(Deserialize)]
        struct Whole<'a> {
            #[serde(borrow, default)]
            id: Option<&'a RawValue>,
            method: String,
            #[serde(borrow, default)]
            params: Option<BTreeMap<Cow<'a, str>, &'a RawValue>>,
        }
        #[derive(Deserialize)]
        struct IdAlone<'a> {
            #[serde(borrow, default)]
            id: Option<&'a RawValue>,
        }
        let name = |id: Option<&'a RawValue>| id.map_or("null", RawValue::get);
        // A list would be taken for the fields of a struct in their order.
        if !text.trim_ascii_start().starts_with('{') {
            return Err("null");
        }
        let Ok(Whole { id, method, params }) = serde_json::from_str(text) else {
            let found = serde_json::from_str(text).ok().and_then(|IdAlone { id }| id);
            return Err(name(found));
        };
        let fields = params.unwrap_or_default().into_iter();
        let pairs = fields.filter_map(|(name, value)| Some((name, text_of(value)?)));
        Ok(Frame { id: name(id), method, params: Params::of(pairs.collect()) })
    }
}

/// `{"id":…,"status":…,"result":…,"rateLimits":[…]}`.
pub(super) fn envelope(
    id: &str,
    answered: &Answered,
    limits: &[RateLimit; 3],
    shows_limits: bool,
    now_ms: i64,
) -> String {
    let body = std::str::from_utf8(&answered.body).unwrap_or("{}");
    let name = if answered.status == 200 { "result" } else { "error" };
    let mut text = String::with_capacity(body.len() + 400);
    text.push_str("{\"id\":");
    text.push_str(id);
    text.push_str(&format!(",\"status\":{},\"{name}\":", answered.status));
    match answered.retry_after_s.filter(|_| matches!(answered.status, 418 | 429)) {
        Some(seconds) => {
            let retry = now_ms.saturating_add(seconds.saturating_mul(1_000));
            text.push_str(body.strip_suffix('}').unwrap_or(body));
            text.push_str(&format!(
                ",\"data\":{{\"serverTime\":{now_ms},\"retryAfter\":{retry}}}}}"
            ));
        }
        None => text.push_str(body),
    }
    if shows_limits {
        let [weight, orders_10s, orders_1m] = limits;
        let used = answered.used;
        let count = |limit: &RateLimit, count| RateLimitCount {
            rate_limit_type: limit.rate_limit_type.clone(),
            interval: limit.interval.clone(),
            interval_num: limit.interval_num,
            limit: limit.limit,
            count,
        };
        let weight = count(weight, used.weight_1m);
        let rows = match answered.is_order {
            true => {
                vec![count(orders_10s, used.orders_10s), count(orders_1m, used.orders_1m), weight]
            }
            false => vec![weight],
        };
        text.push_str(",\"rateLimits\":");
        text.push_str(std::str::from_utf8(&json(&rows)).unwrap_or("[]"));
    }
    text.push('}');
    text
}
