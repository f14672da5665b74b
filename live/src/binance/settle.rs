//! How a request ended whose answer did not come: what a query tells about it.

use binance_wire::{self as wire, ErrorBody, VenueError};
use engine::{
    AlgoStatus, Answer, ExchangeError, MarginType, ModifyOrder, Nanos, OrderState, OrderStatus,
    Request,
};
use rust_decimal::Decimal;

use super::answers::{Body, Known, algo_row, order_row};
use super::grid::{Grid, WireError};

/// What a query tells.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Settled {
    /// It was done.
    Done(Answer),
    /// It was not done and never will be: the venue's words.
    Refused(ExchangeError),
    /// It was not done so far. It still may, until its window has passed.
    NotYet,
}

/// What a refusal of the venue means for what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It was refused, and nothing changed.
    Refused(ExchangeError),
    /// Nobody knows.
    Unknown,
    /// It was refused because of its time stamp.
    Clock(ExchangeError),
    /// Too many requests: it was refused.
    TooMany(ExchangeError),
    /// Banned: it was refused.
    Banned(ExchangeError),
}

/// The answer to a request that certainly did not arrive, in the words of Binance's DISCONNECTED.
pub(super) fn never_arrived(why: &str) -> ExchangeError {
    ExchangeError { code: VenueError::Disconnected.row().code, msg: why.into() }
}

/// Reads a refusal.
pub(super) fn fate(status: u16, error: Option<ErrorBody>) -> Fate {
    let code = error.as_ref().map(|error| error.code);
    let says = |text: &str| error.as_ref().is_some_and(|error| error.msg.contains(text));
    let unknown = matches!(code, Some(-1000 | -1006 | -1007)) || status == 408;
    // Of the three kinds of 503 only one leaves the outcome open, and other faults of servers do, too.
    let failed = code == Some(-1008) || says("Service Unavailable");
    if unknown || (status >= 500 && !failed) {
        return Fate::Unknown;
    }
    let error = match error {
        Some(error) => ExchangeError::from(error),
        None => never_arrived(&format!("HTTP {status}")),
    };
    match (status, error.code) {
        (418, _) => Fate::Banned(error),
        (429, _) => Fate::TooMany(error),
        (_, -1021) => Fate::Clock(error),
        _ => Fate::Refused(error),
    }
}

/// Whether a refused query says that the venue does not know what was asked for.
pub(super) fn is_no_such(error: &ErrorBody) -> bool {
    error.code == VenueError::NoSuchOrder.row().code
}

/// What it means that the venue does not know the order, once its window has passed.
pub(super) fn without_order(request: &Request) -> ExchangeError {
    match request {
        Request::CancelOrder { .. } | Request::CancelAlgoOrder { .. } => {
            VenueError::UnknownOrder.error()
        }
        Request::ModifyOrder(_) => VenueError::NoSuchOrder.error(),
        _ => never_arrived(
            "The request did not arrive: its window has passed, and the venue does not know it.",
        ),
    }
}

/// What the good answer to the query of a request tells.
pub(super) fn settled(
    request: &Request,
    sent: Nanos,
    body: &[u8],
    grid: &Grid,
    known: &dyn Known,
) -> Result<Settled, WireError> {
    let body = Body::Rest(body);
    let done = |is: bool, answer: Answer| if is { Settled::Done(answer) } else { Settled::NotYet };
    Ok(match request {
        Request::NewOrder(_) => {
            let order = order_row(&body.read()?, grid)?;
            Settled::Done(Answer::Order(Box::new(order)))
        }
        Request::ModifyOrder(change) => modified(change, sent, order_row(&body.read()?, grid)?),
        Request::CancelOrder { .. } => cancelled(order_row(&body.read()?, grid)?),
        Request::NewAlgoOrder(_) => {
            let order = algo_row(&body.read()?, grid, known)?;
            Settled::Done(Answer::AlgoOrder(Box::new(order)))
        }
        Request::CancelAlgoOrder { .. } => {
            let order = algo_row(&body.read()?, grid, known)?;
            match order.status {
                AlgoStatus::Canceled => Settled::Done(Answer::AlgoOrder(Box::new(order))),
                AlgoStatus::New => Settled::NotYet,
                _ => Settled::Refused(VenueError::UnknownOrder.error()),
            }
        }
        Request::CancelAllOpenOrders { .. } => {
            let open: Vec<wire::OrderRow> = body.read()?;
            done(open.is_empty(), Answer::Done)
        }
        Request::CancelAllAlgoOrders { .. } => {
            let open: Vec<wire::AlgoOrderRow> = body.read()?;
            done(open.is_empty(), Answer::Done)
        }
        Request::SetLeverage { symbol, leverage } => match config_of(body, grid, *symbol)? {
            Some(row) if row.leverage == *leverage => {
                let max_notional = row.max_notional_value.0.normalize();
                let (symbol, leverage) = (*symbol, *leverage);
                Settled::Done(Answer::Leverage { symbol, leverage, max_notional })
            }
            Some(_) | None => Settled::NotYet,
        },
        Request::SetMarginType { symbol, margin_type } => {
            let row = config_of(body, grid, *symbol)?;
            let is = |row: wire::SymbolConfig| {
                MarginType::parse(row.margin_type.as_str()) == Some(*margin_type)
            };
            done(row.is_some_and(is), Answer::Done)
        }
        Request::ModifyPositionMargin { amount, add, position_side, .. } => {
            let rows: Vec<wire::PositionMarginRow> = body.read()?;
            let direction = if *add { 1 } else { 2 };
            let is = |row: &wire::PositionMarginRow| {
                let by_hand = &*row.delta_type == "USER_ADJUST" && row.direction == direction;
                let side = row.position_side.as_str() == position_side.as_str();
                let since = row.time >= sent.millis() - 1_000;
                by_hand && side && since && abs(row.amount.0) == abs(*amount)
            };
            done(rows.iter().any(is), Answer::Done)
        }
        Request::SetPositionMode { dual } => {
            let mode: wire::PositionMode = body.read()?;
            done(mode.dual_side_position == *dual, Answer::Done)
        }
        Request::SetMultiAssetsMode { multi_assets } => {
            let mode: wire::MultiAssetsMode = body.read()?;
            done(mode.multi_assets_margin == *multi_assets, Answer::Done)
        }
        _ => Settled::NotYet,
    })
}

fn abs(value: Decimal) -> Decimal {
    value.abs()
}

fn config_of(
    body: Body<'_>,
    grid: &Grid,
    symbol: engine::SymbolIndex,
) -> Result<Option<wire::SymbolConfig>, WireError> {
    let rows: Vec<wire::SymbolConfig> = body.read()?;
    Ok(rows.into_iter().find(|row| grid.symbol(&row.symbol) == Ok(symbol)))
}

fn modified(change: &ModifyOrder, sent: Nanos, order: OrderState) -> Settled {
    let price = match change.price {
        Some(price) => order.price == Some(price),
        // A price from the book shows by its time only.
        None => order.update_time.0 >= sent.0 - 1_000_000_000,
    };
    if price && order.orig_qty == change.quantity {
        return Settled::Done(Answer::Order(Box::new(order)));
    }
    match order.status.is_terminal() {
        true => Settled::Refused(VenueError::UnknownOrder.error()),
        false => Settled::NotYet,
    }
}

fn cancelled(order: OrderState) -> Settled {
    match order.status {
        OrderStatus::Canceled => Settled::Done(Answer::Order(Box::new(order))),
        OrderStatus::New | OrderStatus::PartiallyFilled => Settled::NotYet,
        OrderStatus::Filled | OrderStatus::Expired | OrderStatus::ExpiredInMatch => {
            Settled::Refused(VenueError::UnknownOrder.error())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(code: i32, msg: &str) -> Option<ErrorBody> {
        Some(ErrorBody { code, msg: msg.into() })
    }

    #[test]
    fn only_what_is_open_is_asked_for() {
        let unknown = "Unknown error, please check your request or try again later.";
        assert_eq!(fate(503, body(-1000, unknown)), Fate::Unknown);
        assert_eq!(fate(503, None), Fate::Unknown, "a gateway's page");
        assert_eq!(fate(408, body(-1007, "Timeout waiting")), Fate::Unknown);
        assert_eq!(fate(502, None), Fate::Unknown);
        assert!(matches!(fate(503, body(-1001, "Service Unavailable.")), Fate::Refused(_)));
        assert!(matches!(fate(503, body(-1008, "Request throttled")), Fate::Refused(_)));
        assert!(matches!(fate(400, body(-2019, "Margin is insufficient.")), Fate::Refused(_)));
        assert!(matches!(fate(400, body(-1021, "Timestamp")), Fate::Clock(_)));
        assert!(matches!(fate(429, body(-1003, "Too many requests")), Fate::TooMany(_)));
        assert!(matches!(fate(418, body(-1003, "Way too many requests")), Fate::Banned(_)));
        assert!(matches!(fate(403, None), Fate::Refused(_)));
    }
}
