//! The stream sockets (placeholder of the market-data side).

use std::sync::Arc;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::app::App;

/// Whether a path is one of the stream sockets.
pub fn is_stream_path(path: &str) -> bool {
    ["/ws", "/stream", "/public", "/market", "/private"].iter().any(|first| {
        path.strip_prefix(first).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// Takes a request to a stream path.
pub async fn handle(app: Arc<App>, request: Request) -> Response {
    let _ = (app, request);
    StatusCode::NOT_IMPLEMENTED.into_response()
}
