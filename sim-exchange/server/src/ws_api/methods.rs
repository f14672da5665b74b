//! The table of the WebSocket API.

use sim_exchange::RequestCost;

use super::session::Change;
use crate::http::Params;
use crate::market;
use crate::rest::{Handler, account, algos, orders, positions, streams};

/// What does a method's work.
pub(super) enum What {
    /// An endpoint of REST.
    Endpoint(Handler),
    /// A market-data query of REST, by its path.
    Market(&'static str),
    /// The session itself.
    Session(Change),
}

/// One method.
pub(super) struct Method {
    pub(super) what: What,
    /// It needs a key.
    pub(super) keyed: bool,
    /// It needs a signature, or a session that is logged on.
    pub(super) signed: bool,
    weight: u32,
    /// Orders in ten seconds and in a minute.
    pub(super) orders: (u32, u32),
}

impl Method {
    pub(super) fn cost(&self, params: &Params<'_>) -> RequestCost {
        let weight = match self.what {
            What::Market(path) => market::weight(path, params).unwrap_or(self.weight),
            What::Endpoint(_) | What::Session(_) => self.weight,
        };
        RequestCost { weight, orders_10s: self.orders.0, orders_1m: self.orders.1 }
    }

    /// Its signature is what the session rests on.
    pub(super) fn logs_on(&self) -> bool {
        matches!(self.what, What::Session(Change::Logon))
    }
}

fn signed(weight: u32, orders: u32, handler: Handler) -> Method {
    let what = What::Endpoint(handler);
    Method { what, keyed: true, signed: true, weight, orders: (orders, orders) }
}

fn keyed(handler: Handler) -> Method {
    let what = What::Endpoint(handler);
    Method { what, keyed: true, signed: false, weight: 1, orders: (0, 0) }
}

fn open(what: What, weight: u32) -> Method {
    Method { what, keyed: false, signed: false, weight, orders: (0, 0) }
}

/// A method by its name.
pub(super) fn find(name: &str) -> Option<Method> {
    Some(match name {
        "ping" => open(What::Endpoint(streams::ping), 1),
        "time" => open(What::Endpoint(streams::time), 1),
        "depth" => open(What::Market("/fapi/v1/depth"), 2),
        "ticker.price" => open(What::Market("/fapi/v2/ticker/price"), 1),
        "ticker.book" => open(What::Market("/fapi/v1/ticker/bookTicker"), 2),
        "order.place" => signed(0, 1, orders::place),
        "order.modify" => signed(0, 1, orders::modify),
        "order.cancel" => signed(1, 0, orders::cancel),
        "order.status" => signed(1, 0, orders::get),
        "algoOrder.place" => signed(0, 1, algos::place),
        "algoOrder.cancel" => signed(1, 0, algos::cancel),
        "account.status" => signed(10, 0, account::v2),
        "v2/account.status" => signed(5, 0, account::v3),
        "account.balance" | "v2/account.balance" => signed(5, 0, account::balance),
        "account.position" => signed(10, 0, positions::v2),
        "v2/account.position" => signed(5, 0, positions::v3),
        "userDataStream.start" => keyed(streams::start),
        "userDataStream.ping" => keyed(streams::keep),
        "userDataStream.stop" => keyed(streams::end),
        "session.logon" => {
            let what = What::Session(Change::Logon);
            Method { what, keyed: true, signed: true, weight: 2, orders: (0, 0) }
        }
        "session.status" => open(What::Session(Change::Status), 2),
        "session.logout" => open(What::Session(Change::Logout), 2),
        _ => return None,
    })
}
