//! The stream sockets: `/public`, `/market`, `/private`, and the paths without a route.
//!
//! Invariant: a path carries its own streams only. Binance takes the others and sends nothing of them, and
//! so do we, unless the settings say that they are refused.

mod commands;
mod paths;
mod session;
mod settings;

pub use paths::is_stream_path;
pub use settings::StreamSettings;

use std::sync::Arc;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts, Request};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use binance_wire::ErrorBody;
use sim_exchange::wire::VenueError;

use crate::app::App;
use paths::Plan;

/// The longest message of a client: 1,024 names of streams, with room.
const MESSAGE_MAX: usize = 256 * 1024;

/// Takes a request to a stream path.
pub async fn handle(app: Arc<App>, request: Request) -> Response {
    let uri = request.uri().clone();
    let plan = Plan::read(uri.path(), uri.query().unwrap_or(""), app.config.legacy_streams);
    let Some(plan) = plan else {
        let error = VenueError::UnknownPath.naming(&[&uri.path(), request.method()]);
        return refusal(StatusCode::NOT_FOUND, &error.into());
    };
    let settings = app.config.streams;
    if plan.names.len() > settings.streams_max {
        let msg =
            format!("Invalid request: a connection has at most {} streams", settings.streams_max);
        return refusal(StatusCode::BAD_REQUEST, &ErrorBody { code: 2, msg: msg.into() });
    }
    let wrong = plan.names.iter().find(|name| !plan.carries.takes(name));
    if let Some(name) = wrong.filter(|_| settings.refuse_wrong_streams) {
        let msg = format!("Invalid request: this path does not carry '{name}'");
        return refusal(StatusCode::BAD_REQUEST, &ErrorBody { code: 2, msg: msg.into() });
    }
    let (mut parts, _) = request.into_parts();
    match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => {
            let seat = session::Seat::new(app, plan, settings);
            upgrade
                .max_message_size(MESSAGE_MAX)
                .on_upgrade(move |socket| session::serve(seat, socket))
        }
        Err(rejection) => {
            let msg = rejection.body_text().into();
            refusal(
                rejection.status(),
                &ErrorBody { code: VenueError::InvalidMessage.row().code, msg },
            )
        }
    }
}

fn refusal(status: StatusCode, body: &ErrorBody) -> Response {
    let json = serde_json::to_string(body).unwrap_or_default();
    (status, [(header::CONTENT_TYPE, "application/json")], json).into_response()
}
