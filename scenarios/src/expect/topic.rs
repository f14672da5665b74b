//! What entries an expectation may be about.

use pipeline::streams::Stream;

use crate::timeline::stream;

/// Whose entries are looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Topic {
    /// Those of a stream.
    Stream(&'static Stream),
    /// What services ask of the exchange.
    Requests,
    /// How those requests ended.
    Responses,
    /// Updates of orders, from the user stream.
    Orders,
    /// Those of them that carry a fill.
    Fills,
    /// Writes of keys.
    Keys,
    /// What the timeline does.
    Actions,
    /// Entries that could not be handled, of all streams.
    DeadLetters,
}

impl Topic {
    pub(crate) fn read(key: &str, name: &str) -> Result<Topic, String> {
        Ok(match name {
            "requests" => Topic::Requests,
            "responses" => Topic::Responses,
            "orders" => Topic::Orders,
            "fills" => Topic::Fills,
            "keys" => Topic::Keys,
            "actions" => Topic::Actions,
            "dead_letters" => Topic::DeadLetters,
            _ => Topic::Stream(stream(key, name)?),
        })
    }

    /// The fields that its entries have, where that is known.
    pub(crate) fn fields(&self) -> Option<Vec<&'static str>> {
        const ORDER: [&str; 11] = [
            "side",
            "status",
            "type",
            "position_side",
            "symbol",
            "client_order_id",
            "order_id",
            "qty",
            "executed_qty",
            "price",
            "reduce_only",
        ];
        const UPDATE: [&str; 6] =
            ["execution", "liquidation", "fill_qty", "fill_price", "realized_pnl", "commission"];
        match self {
            Topic::Stream(stream) => {
                // An entry has its own time and the decision that it belongs to, too.
                let own = ["correlation_id"];
                Some(stream.shape.fields.iter().copied().chain(own).collect())
            }
            Topic::Orders | Topic::Fills => Some(ORDER.iter().chain(&UPDATE).copied().collect()),
            Topic::Keys => Some(vec!["key", "op", "value", "ttl", "field", "service"]),
            Topic::Actions => Some(vec!["text"]),
            Topic::Responses => Some(vec!["outcome", "code", "message", "service"]),
            Topic::Requests => Some(vec![
                "kind",
                "side",
                "type",
                "symbol",
                "client_order_id",
                "order_id",
                "qty",
                "reduce_only",
                "close_position",
                "service",
            ]),
            Topic::DeadLetters => None,
        }
    }
}
