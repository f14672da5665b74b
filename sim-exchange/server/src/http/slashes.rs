//! Paths with more slashes than they need, as clients make them whose base address ends in one.

use axum::extract::Request;
use axum::http::Uri;
use axum::http::uri::PathAndQuery;

/// The same request, with one slash wherever its path has several in a row. What is signed is the query and the
/// body, which stay as they came.
pub(super) fn merged(mut request: Request) -> Request {
    let path = request.uri().path();
    if !path.contains("//") {
        return request;
    }
    let mut text = String::with_capacity(path.len());
    for letter in path.chars() {
        if letter != '/' || !text.ends_with('/') {
            text.push(letter);
        }
    }
    if let Some(query) = request.uri().query() {
        text.push('?');
        text.push_str(query);
    }
    let mut parts = request.uri().clone().into_parts();
    if let Ok(merged) = text.parse::<PathAndQuery>() {
        parts.path_and_query = Some(merged);
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}
