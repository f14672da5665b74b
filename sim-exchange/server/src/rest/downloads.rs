//! Downloads of an account's history: an id for a span of time, then a link to its rows on this server.
//!
//! Invariant: a link shows what the account's history has of its span when it is followed. Nothing is written to a disk.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Response, StatusCode};
use engine::{AccountId, Nanos};
use serde_json::Value;
use sim_exchange::wire::{DownloadId, DownloadLink, VenueError};

use super::history::income_row;
use super::{Caller, Plan, Span};
use crate::app::App;
use crate::http::{Failure, Params};
use crate::shapes::orders::{rows, user_trade};
use crate::shapes::{Sym, json};
use crate::venue::Venue;

/// Links end with an id behind this.
pub(crate) const PATH: &str = "/downloads/";
/// A link works so long, by the venue's clock.
const KEPT: Nanos = Nanos::from_secs(86_400);
/// So many are remembered, the newest ones.
const MOST: usize = 1_000;
const SPAN_DAYS_MAX: i64 = 365;
/// Ids have eighteen digits, as Binance's have.
const FIRST_ID: u64 = 546_975_389_218_332_672;

/// What a file tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum History {
    Orders,
    Trades,
    Income,
}

impl History {
    /// Names of its columns: those of the rows that its endpoint answers.
    fn columns(self) -> &'static [&'static str] {
        match self {
            History::Orders => &[
                "symbol",
                "orderId",
                "clientOrderId",
                "time",
                "updateTime",
                "side",
                "positionSide",
                "type",
                "origType",
                "status",
                "timeInForce",
                "price",
                "stopPrice",
                "avgPrice",
                "origQty",
                "executedQty",
                "cumQuote",
                "reduceOnly",
                "closePosition",
            ],
            History::Trades => &[
                "symbol",
                "id",
                "orderId",
                "time",
                "side",
                "positionSide",
                "price",
                "qty",
                "quoteQty",
                "realizedPnl",
                "commission",
                "commissionAsset",
                "maker",
            ],
            History::Income => {
                &["symbol", "incomeType", "income", "asset", "time", "info", "tranId", "tradeId"]
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Download {
    id: u64,
    history: History,
    account: AccountId,
    span: Span,
    asked: Nanos,
}

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Downloads {
    /// Where clients connect.
    address: SocketAddr,
    asked: VecDeque<Download>,
    next_id: u64,
}

impl Downloads {
    pub(crate) fn at(address: SocketAddr) -> Downloads {
        Downloads { address, asked: VecDeque::new(), next_id: FIRST_ID }
    }

    fn get(&self, id: &str) -> Option<Download> {
        let id: u64 = id.parse().ok()?;
        self.asked.iter().find(|download| download.id == id).copied()
    }
}

fn ask(
    venue: &mut Venue,
    caller: Caller,
    params: &Params<'_>,
    history: History,
) -> Result<Plan, Failure> {
    params.need_int("startTime")?;
    params.need_int("endTime")?;
    let span = Span::read(params, SPAN_DAYS_MAX)?;
    let asked = venue.now();
    let downloads = &mut venue.downloads;
    let id = downloads.next_id;
    downloads.next_id += 1;
    if downloads.asked.len() == MOST {
        downloads.asked.pop_front();
    }
    downloads.asked.push_back(Download { id, history, account: caller.account, span, asked });
    // Files are there at once.
    let avg_cost_timestamp_of_last30d = 0;
    let answer = DownloadId { avg_cost_timestamp_of_last30d, download_id: id.to_string().into() };
    Ok(Plan::Reply(json(&answer)))
}

fn link(
    venue: &mut Venue,
    caller: Caller,
    params: &Params<'_>,
    history: History,
) -> Result<Plan, Failure> {
    let download = venue.downloads.get(params.need("downloadId")?);
    let own = |one: &Download| one.account == caller.account && one.history == history;
    let Some(Download { id, asked, .. }) = download.filter(own) else {
        return Err(VenueError::InvalidParameter.naming(&[&"downloadId"]).into());
    };
    let expires = asked + KEPT;
    let is_expired = venue.now() > expires;
    let url = match is_expired {
        true => String::new(),
        false => format!("http://{}{PATH}{id}", venue.downloads.address),
    };
    Ok(Plan::Reply(json(&DownloadLink {
        download_id: id.to_string().into(),
        status: "completed".into(),
        url: url.into(),
        notified: true,
        expiration_timestamp: expires.millis(),
        is_expired: is_expired.then_some(true),
    })))
}

macro_rules! endpoints {
    ($($ask:ident, $link:ident: $history:ident;)*) => {$(
        pub(crate) fn $ask(v: &mut Venue, c: Caller, p: &Params<'_>) -> Result<Plan, Failure> {
            ask(v, c, p, History::$history)
        }

        pub(crate) fn $link(v: &mut Venue, c: Caller, p: &Params<'_>) -> Result<Plan, Failure> {
            link(v, c, p, History::$history)
        }
    )*};
}

endpoints! {
    orders, orders_link: Orders;
    trades, trades_link: Trades;
    income, income_link: Income;
}

/// The rows of a link, oldest first; none where there is no such link any more.
fn csv(venue: &Venue, id: &str) -> Option<String> {
    let download = venue.downloads.get(id).filter(|one| venue.now() <= one.asked + KEPT)?;
    let Download { history, account, span, .. } = download;
    let exchange = venue.exchange();
    let book = venue.books.get(usize::from(account.0))?;
    let rows = match history {
        History::Orders => {
            let within = exchange.orders_of(account).filter(|order| span.holds(order.time));
            serde_json::to_value(rows(exchange, within))
        }
        History::Trades => {
            let within = book.trades.iter().filter(|kept| span.holds(kept.fill.time));
            let shown =
                within.filter_map(|kept| Some(user_trade(Sym::of(exchange, kept.symbol)?, kept)));
            serde_json::to_value(shown.collect::<Vec<_>>())
        }
        History::Income => {
            let within = book.income.iter().filter(|row| span.holds(row.time));
            serde_json::to_value(within.map(|row| income_row(venue, row)).collect::<Vec<_>>())
        }
    };
    let Ok(Value::Array(rows)) = rows else { return None };
    let columns = history.columns();
    let mut text = columns.join(",") + "\n";
    for row in rows {
        let cells: Vec<String> = columns.iter().map(|name| cell(&row[*name])).collect();
        text += &cells.join(",");
        text.push('\n');
    }
    Some(text)
}

fn cell(value: &Value) -> String {
    match value {
        Value::String(text) if text.contains([',', '"', '\n']) => {
            format!("\"{}\"", text.replace('"', "\"\""))
        }
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// A link that is followed; whoever has it may follow it, as at Binance.
pub(crate) async fn follow(State(app): State<Arc<App>>, request: Request) -> Response<Body> {
    let id = request.uri().path().strip_prefix(PATH).unwrap_or_default();
    let found = csv(&app.venue(), id);
    let (status, kind, text) = match found {
        Some(text) => (StatusCode::OK, "text/csv; charset=utf-8", text),
        None => (StatusCode::NOT_FOUND, "text/plain", "there is no such download\n".to_owned()),
    };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
