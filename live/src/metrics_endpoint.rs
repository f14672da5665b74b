//! A page of text at `/metrics`, on a thread of its own.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;

/// Serves what `text` holds, from now to the end of the process. Gives the address, of which port 0 has become a real one.
#[allow(clippy::disallowed_methods, reason = "the edge: nothing of it reaches the journal")]
pub fn serve(address: SocketAddr, text: Arc<Mutex<String>>) -> std::io::Result<SocketAddr> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let bound = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let page = move || {
        let text = text.lock().unwrap_or_else(PoisonError::into_inner).clone();
        async move {
            ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
        }
    };
    let router = Router::new().route("/metrics", get(page));
    std::thread::Builder::new().name("metrics".to_owned()).spawn(move || {
        runtime.block_on(async move {
            match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => {
                    if let Err(error) = axum::serve(listener, router).await {
                        tracing::error!(%error, "metrics are not served any more");
                    }
                }
                Err(error) => tracing::error!(%error, "metrics are not served"),
            }
        });
    })?;
    Ok(bound)
}
