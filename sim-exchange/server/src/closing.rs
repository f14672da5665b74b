//! The end of a WebSocket as RFC 6455 wants it (5.5.1, 7.1.1): each side sends a close and reads the other's, and
//! then the server ends the connection. A client that finds the connection ended without it reports a fault
//! (1006).

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};

/// Nobody is waited for longer: who does not read his events does not read this either.
const WITHIN: Duration = Duration::from_secs(1);

/// Says that the connection ends, and why.
pub(crate) async fn begin(socket: &mut WebSocket, frame: CloseFrame) {
    let close = socket.send(Message::Close(Some(frame)));
    // A close that came just before makes ours an error, and is still to be answered.
    if tokio::time::timeout(WITHIN, close).await.is_ok() {
        finish(socket).await;
    }
}

/// Waits for the end of a connection of which either side has said that it ends. The answer to the other side's
/// close is written by the reading. What still comes before the other side has read ours is passed over: with
/// unread bytes in it the connection would be reset, and what was sent could be lost.
pub(crate) async fn finish(socket: &mut WebSocket) {
    let end = async { while let Some(Ok(_)) = socket.recv().await {} };
    let _ = tokio::time::timeout(WITHIN, end).await;
}
