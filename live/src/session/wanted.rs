//! What a request to the venue would do: which orders it makes or changes, and whether they may open something.

use std::sync::Arc;

use engine::{
    ModifyOrder, NewOrder, OrderRef, OrderState, PositionSide, PriceTicks, Request, Side,
};

/// What an order, or the change of one, would do.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub symbol: usize,
    pub position: PositionSide,
    pub side: Side,
    pub lots: i64,
    pub limit: Option<PriceTicks>,
    pub trigger: Option<PriceTicks>,
    pub may_open: bool,
    pub client: Arc<str>,
    /// The order that it changes.
    pub changes: Option<OrderRef>,
}

impl Wanted {
    fn new(order: &NewOrder) -> Wanted {
        Wanted {
            symbol: usize::from(order.symbol.0),
            position: order.position_side.unwrap_or(PositionSide::Both),
            side: order.side,
            lots: order.quantity.map_or(0, |lots| lots.0.max(0)),
            limit: order.price,
            trigger: order.trigger_price,
            may_open: opens(order),
            client: Arc::clone(&order.client_order_id.0),
            changes: None,
        }
    }

    fn change(change: &ModifyOrder) -> Wanted {
        let client = match &change.order {
            OrderRef::Client(client) => Arc::clone(&client.0),
            OrderRef::Id(_) => "".into(),
        };
        Wanted {
            symbol: usize::from(change.symbol.0),
            position: PositionSide::Both,
            side: change.side,
            lots: change.quantity.0.max(0),
            limit: change.price,
            trigger: None,
            may_open: true,
            client,
            changes: Some(change.order.clone()),
        }
    }

    /// The orders that a request makes or changes.
    pub(super) fn of(request: &Request) -> Vec<Wanted> {
        match request {
            Request::NewOrder(order) | Request::NewAlgoOrder(order) => vec![Wanted::new(order)],
            Request::BatchOrders(orders) => orders.iter().map(Wanted::new).collect(),
            Request::ModifyOrder(change) => vec![Wanted::change(change)],
            Request::BatchModify(changes) => changes.iter().map(Wanted::change).collect(),
            _ => Vec::new(),
        }
    }
}

/// Whether an order may open a position or make one larger.
pub(super) fn opens(order: &NewOrder) -> bool {
    let position = order.position_side.unwrap_or(PositionSide::Both);
    !order.reduces() && !order.close_position && !closes(position, order.side)
}

/// The same, of an order as the venue shows it.
pub(super) fn shows_opening(state: &OrderState) -> bool {
    !state.reduce_only && !state.close_position && !closes(state.position_side, state.side)
}

/// In hedge mode the side alone says that an order only closes.
fn closes(position: PositionSide, side: Side) -> bool {
    matches!((position, side), (PositionSide::Long, Side::Sell) | (PositionSide::Short, Side::Buy))
}
