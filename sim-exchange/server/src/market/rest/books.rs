//! `depth`, `rpiDepth` and `ticker/bookTicker`.

use binance_wire::{BookTicker, Depth};
use engine::Side;
use sim_exchange::wire::VenueError;

use super::{Asked, reply};
use crate::http::{Failure, Params, Reply};
use crate::market::events;

const LIMITS: [i64; 7] = [5, 10, 20, 50, 100, 500, 1_000];

pub(super) fn depth_weight(params: &Params<'_>) -> u32 {
    match params.int("limit").ok().flatten().unwrap_or(500) {
        ..=50 => 2,
        51..=100 => 5,
        101..=500 => 10,
        _ => 20,
    }
}

/// No RPI orders are simulated: `rpiDepth` shows the same book.
pub(super) fn depth(asked: &Asked<'_>) -> Result<Reply, Failure> {
    let view = asked.symbol()?;
    let limit = asked.params.int("limit")?.unwrap_or(500);
    if !(1..=1_000).contains(&limit) {
        return Err(VenueError::InvalidParameter.naming(&[&"limit"]).into());
    }
    if !LIMITS.contains(&limit) {
        return Err(VenueError::InvalidDepthLimit.naming(&[&limit]).into());
    }
    let levels = |side| events::rows(&view.grid, &view.book.levels(side, limit as usize));
    reply(&Depth {
        last_update_id: view.book.update_id(),
        event_time: asked.now,
        transaction_time: view.book.changed_at(),
        bids: levels(Side::Buy),
        asks: levels(Side::Sell),
    })
}

/// A side without a level has quantity zero.
pub(super) fn book_ticker(asked: &Asked<'_>) -> Result<Reply, Failure> {
    asked.one_or_all(|view| {
        let best = |side| view.book.best(side).unwrap_or_default();
        let (bid, ask) = (best(Side::Buy), best(Side::Sell));
        Some(BookTicker {
            last_update_id: Some(view.book.update_id()),
            symbol: view.name.clone(),
            bid_price: view.grid.price(bid.0),
            bid_qty: view.grid.qty(bid.1),
            ask_price: view.grid.price(ask.0),
            ask_qty: view.grid.qty(ask.1),
            time: view.book.changed_at(),
        })
    })
}
