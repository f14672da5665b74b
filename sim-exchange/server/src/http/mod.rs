//! REST: raw requests in, JSON out.

mod failure;
mod keys;
mod params;

pub use failure::{Failure, Reply};
pub(crate) use keys::Keys;
pub use params::Params;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::streams;

/// Takes whatever comes to the port of the clients.
pub(crate) async fn entry(State(app): State<Arc<App>>, request: Request) -> Response {
    let path = request.uri().path();
    if streams::is_stream_path(path) {
        return streams::handle(app, request).await;
    }
    StatusCode::NOT_FOUND.into_response()
}
