//! The envelopes of the WebSocket API and of the stream commands.

use serde::{Deserialize, Serialize};

use super::{ErrorBody, RateLimitCount};

/// The `id` of a request, given back as it came: integers and strings are both in use.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum WsId {
    /// An integer.
    Number(i64),
    /// A string: a number, hexadecimal digits or a UUID.
    Text(Box<str>),
    /// Null, or none at all.
    None,
}

/// A good answer of the WebSocket API; `T` is what the same call of REST answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WsAnswer<T> {
    /// Of the request.
    pub id: WsId,
    /// The status of HTTP: 200.
    pub status: u16,
    /// What was asked for.
    pub result: T,
    /// Limits in force; absent when the client asked for `returnRateLimits=false`.
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    pub rate_limits: Option<Vec<RateLimitCount>>,
}

/// A refusal of the WebSocket API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WsRefusal {
    /// Of the request.
    pub id: WsId,
    /// The status of HTTP, such as 400.
    pub status: u16,
    /// Why.
    pub error: ErrorBody,
    /// Limits in force; absent when the client asked for `returnRateLimits=false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limits: Option<Vec<RateLimitCount>>,
}

/// The result of `session.logon`, `session.status` and `session.logout`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WsSession {
    /// Whose session it is; null before the logon.
    pub api_key: Option<Box<str>>,
    /// Since when; null before the logon.
    pub authorized_since: Option<i64>,
    /// When the connection was made.
    pub connected_since: i64,
    /// Whether answers tell the rate limits.
    pub return_rate_limits: bool,
    /// The venue's clock.
    pub server_time: i64,
}

/// The refusal of a stream command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandRefusal {
    /// 2 or 3.
    pub code: i32,
    /// Why.
    pub msg: Box<str>,
}

/// The answer to SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS, SET_PROPERTY and GET_PROPERTY.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandAnswer {
    /// What was asked for.
    pub result: CommandResult,
    /// Of the command.
    pub id: WsId,
}

/// What a stream command answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CommandResult {
    /// Null: it was done.
    Done(()),
    /// A property, such as `combined`.
    Property(bool),
    /// Names of streams.
    Streams(Vec<Box<str>>),
}

/// An event of `/stream`, which tells where it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrapped<T> {
    /// Such as `btcusdt@aggTrade`.
    pub stream: Box<str>,
    /// The event.
    pub data: T,
}
