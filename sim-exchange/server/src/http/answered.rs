//! An answer, what its headers tell, and refusals that belong to no endpoint.

use std::net::IpAddr;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use sim_exchange::UsedLimits;
use sim_exchange::wire::ErrorBody;

use super::{Failure, Reply};
use crate::app::App;
use crate::conn::ConnInfo;
use crate::shapes::json;
use crate::venue::Venue;

/// What a request weighs that is none of the table's.
pub(crate) const NO_REQUEST: u32 = 1;

/// An answer, and what its headers tell.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) body: Reply,
    pub(crate) used: UsedLimits,
    /// It counted as an order of an account.
    pub(crate) is_order: bool,
    pub(crate) retry_after_s: Option<i64>,
    /// No answer is sent: the connection is lost.
    pub(crate) lost: bool,
}

impl Answered {
    /// A refusal of somebody without an account.
    pub(crate) fn refusal(venue: &Venue, ip: IpAddr, failure: Failure) -> Answered {
        let now = venue.now();
        Answered {
            status: failure.http,
            body: json(&ErrorBody::from(failure.error)),
            used: venue.gate.used(ip, None, now),
            is_order: false,
            retry_after_s: venue.gate.retry_after_s(ip, now),
            lost: false,
        }
    }

    /// The refusal of what is no request of any endpoint; it weighs, too, and may be over the limit.
    pub(crate) fn no_request(app: &App, ip: IpAddr, failure: Failure) -> Answered {
        let mut venue = app.venue();
        let now = venue.now();
        let failure = venue.gate.weigh(ip, NO_REQUEST, now).err().unwrap_or(failure);
        Answered::refusal(&venue, ip, failure)
    }

    /// The answer of HTTP.
    pub(crate) fn response(self, info: Option<&ConnInfo>) -> Response<Body> {
        if self.lost
            && let Some(info) = info
        {
            info.cut();
        }
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK);
        let headers = response.headers_mut();
        headers.reserve(6);
        headers.insert(CONTENT_TYPE, JSON);
        headers.insert(USED_WEIGHT.clone(), self.used.weight_1m.into());
        if self.is_order {
            headers.insert(ORDERS_10S.clone(), self.used.orders_10s.into());
            headers.insert(ORDERS_1M.clone(), self.used.orders_1m.into());
        }
        if matches!(self.status, 418 | 429)
            && let Some(seconds) = self.retry_after_s
        {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
static USED_WEIGHT: HeaderName = HeaderName::from_static("x-mbx-used-weight-1m");
static ORDERS_10S: HeaderName = HeaderName::from_static("x-mbx-order-count-10s");
static ORDERS_1M: HeaderName = HeaderName::from_static("x-mbx-order-count-1m");
