//! Which field of a csv line is which column.

use super::unread::{self, Unread};
use crate::Kind;
use crate::rows::{LOCAL_TIME, WIDTH_MAX, columns};

/// Other names that a column goes by.
fn aliases(name: &str) -> &'static [&'static str] {
    match name {
        "open_time" => &["timestamp"],
        "calc_time" => &["timestamp"],
        "last_funding_rate" => &["funding_rate"],
        "quantity" => &["qty"],
        "qty" => &["quantity"],
        "transact_time" => &["time"],
        "time" => &["transact_time"],
        "id" => &["trade_id"],
        _ => &[],
    }
}

/// The API's names of columns that the archive names otherwise, and that are not stored.
const OTHER_NAMES: [&str; 4] = [
    "quote_asset_volume",
    "number_of_trades",
    "taker_buy_base_asset_volume",
    "taker_buy_quote_asset_volume",
];

/// Columns that a file may lack.
fn may_lack(name: &str) -> bool {
    // Binance's second form of funding files does not tell the interval.
    name == LOCAL_TIME || name == "funding_interval_hours"
}

/// The columns of Binance's files without a header row.
pub(super) fn standard(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Klines
        | Kind::MarkPriceKlines
        | Kind::IndexPriceKlines
        | Kind::PremiumIndexKlines => &[
            "open_time",
            "open",
            "high",
            "low",
            "close",
            "volume",
            "close_time",
            "quote_volume",
            "count",
            "taker_buy_volume",
            "taker_buy_quote_volume",
            "ignore",
        ],
        Kind::AggTrades => &[
            "agg_trade_id",
            "price",
            "quantity",
            "first_trade_id",
            "last_trade_id",
            "transact_time",
            "is_buyer_maker",
        ],
        Kind::Trades => &["id", "price", "qty", "quote_qty", "time", "is_buyer_maker"],
        Kind::FundingRate => &["calc_time", "funding_interval_hours", "last_funding_rate"],
        Kind::BookTicker => &[
            "update_id",
            "best_bid_price",
            "best_bid_qty",
            "best_ask_price",
            "best_ask_qty",
            "transaction_time",
            "event_time",
        ],
        Kind::BookDepth => &["timestamp", "percentage", "depth", "notional"],
        Kind::Metrics => &[
            "create_time",
            "symbol",
            "sum_open_interest",
            "sum_open_interest_value",
            "count_toptrader_long_short_ratio",
            "sum_toptrader_long_short_ratio",
            "count_long_short_ratio",
            "sum_taker_long_short_vol_ratio",
        ],
        Kind::OpenInterestHist => {
            &["timestamp", "symbol", "sum_open_interest", "sum_open_interest_value"]
        }
        // Recorded from streams: no archive has them.
        Kind::Depth | Kind::MarkPrice | Kind::ForceOrder => &[],
    }
}

/// Which field of a line is which column.
pub(super) struct Layout {
    pub width: usize,
    pub fields: [Option<usize>; WIDTH_MAX],
    pub close_time: Option<usize>,
    pub symbol: Option<usize>,
    /// The first and the last single trade of an aggregate.
    pub ids: Option<[usize; 2]>,
    /// Columns that are not stored, and what they have to be.
    pub unread: Vec<(usize, &'static str, Unread)>,
    /// Whether a cut would have shown in the last column: a close time, or a word of two.
    pub ends_with_a_check: bool,
}

impl Layout {
    /// The layout of a file whose columns have these names.
    pub fn new(kind: Kind, names: &[&str]) -> Result<Layout, String> {
        let at = |wanted: &str| names.iter().position(|n| *n == wanted);
        if let Some((_, twice)) = names.iter().enumerate().find(|(i, n)| at(n) != Some(*i)) {
            return Err(format!(
                "line 1: two columns are named '{twice}'; remove one of them, or download the \
                 file again"
            ));
        }
        let mut fields = [None; WIDTH_MAX];
        for (field, (name, _)) in fields.iter_mut().zip(columns(kind)) {
            *field = at(name).or_else(|| aliases(name).iter().find_map(|alias| at(alias)));
            if field.is_none() && !may_lack(name) {
                return Err(format!(
                    "line 1: {kind} need a column '{name}', and the header has {}; \
                     check that the file lies in the folder of its kind",
                    names.join(", ")
                ));
            }
        }
        Ok(Layout {
            width: names.len(),
            fields,
            close_time: at("close_time").filter(|_| kind.is_bars()),
            symbol: at("symbol"),
            ids: at("first_trade_id").zip(at("last_trade_id")).map(|(first, last)| [first, last]),
            unread: standard(kind)
                .iter()
                .chain(&OTHER_NAMES)
                .filter_map(|name| Some((at(name)?, *name, unread::of_column(kind, name)?)))
                .collect(),
            ends_with_a_check: match names.last() {
                Some(&"close_time") => kind.is_bars(),
                last => last == Some(&"is_buyer_maker"),
            },
        })
    }
}
