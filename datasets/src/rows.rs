//! The columns of each kind, and the digest over rows.

use crate::Kind;
use crate::decimal::DECIMALS_MAX;

/// What a column's integers mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Microseconds since 1970, which hold Binance's milliseconds and microseconds exactly.
    Time,
    /// An integer as it is.
    Plain,
    /// In units of `10^-price_decimals`.
    Price,
    /// In units of `10^-qty_decimals`.
    Qty,
    /// In units of `1e-8`, whatever the symbol's; what has more decimals is rounded half to even. A blank
    /// is [`BLANK`].
    Share,
}

impl Role {
    /// The decimals of a value in a file with these.
    pub fn decimals(self, of: Decimals) -> u32 {
        match self {
            Role::Time | Role::Plain => 0,
            Role::Price => of.price,
            Role::Qty => of.qty,
            Role::Share => SHARE_DECIMALS,
        }
    }
}

/// Of [`Role::Share`].
pub(crate) const SHARE_DECIMALS: u32 = 8;
/// The archive left the field empty.
pub(crate) const BLANK: i64 = i64::MIN;
/// In the column `side` of depth: a snapshot begins, and the row says nothing else.
pub(crate) const SNAPSHOT: i64 = 2;
/// In the columns `side`: 0 buys, 1 sells.
pub(crate) const SELL: i64 = 1;

/// Most columns any kind has.
pub(crate) const WIDTH_MAX: usize = 8;

/// The column for when a recorder got the row; zero if nobody recorded it.
pub(crate) const LOCAL_TIME: &str = "local_time";

/// The number of the column with the local time, if the kind has one.
pub(crate) fn local_time(kind: Kind) -> Option<usize> {
    columns(kind).iter().position(|(name, _)| *name == LOCAL_TIME)
}

/// The stored columns of a kind: what replay and checks read. The rest of the archive's columns
/// stay in the archive, so that its long and its short forms give the same rows.
pub(crate) fn columns(kind: Kind) -> &'static [(&'static str, Role)] {
    use Role::{Plain, Price, Qty, Share, Time};
    const LOCAL: (&str, Role) = (LOCAL_TIME, Time);
    match kind {
        Kind::Klines => &[
            ("open_time", Time),
            ("open", Price),
            ("high", Price),
            ("low", Price),
            ("close", Price),
            ("volume", Qty),
        ],
        Kind::MarkPriceKlines | Kind::IndexPriceKlines | Kind::PremiumIndexKlines => &[
            ("open_time", Time),
            ("open", Price),
            ("high", Price),
            ("low", Price),
            ("close", Price),
        ],
        Kind::AggTrades => &[
            ("transact_time", Time),
            ("agg_trade_id", Plain),
            ("price", Price),
            ("quantity", Qty),
            ("is_buyer_maker", Plain),
            LOCAL,
        ],
        Kind::Trades => &[
            ("time", Time),
            ("id", Plain),
            ("price", Price),
            ("qty", Qty),
            ("is_buyer_maker", Plain),
            LOCAL,
        ],
        Kind::FundingRate => {
            &[("calc_time", Time), ("last_funding_rate", Price), ("funding_interval_hours", Plain)]
        }
        Kind::BookTicker => &[
            ("transaction_time", Time),
            ("update_id", Plain),
            ("best_bid_price", Price),
            ("best_bid_qty", Qty),
            ("best_ask_price", Price),
            ("best_ask_qty", Qty),
            LOCAL,
        ],
        Kind::BookDepth => {
            &[("timestamp", Time), ("percentage", Share), ("depth", Qty), ("notional", Share)]
        }
        Kind::Metrics => &[
            ("create_time", Time),
            ("sum_open_interest", Share),
            ("sum_open_interest_value", Share),
            ("count_toptrader_long_short_ratio", Share),
            ("sum_toptrader_long_short_ratio", Share),
            ("count_long_short_ratio", Share),
            ("sum_taker_long_short_vol_ratio", Share),
        ],
        Kind::OpenInterestHist => {
            &[("timestamp", Time), ("sum_open_interest", Share), ("sum_open_interest_value", Share)]
        }
        Kind::Depth => &[
            ("transaction_time", Time),
            ("final_update_id", Plain),
            ("previous_update_id", Plain),
            ("side", Plain),
            ("price", Price),
            ("quantity", Qty),
            LOCAL,
        ],
        Kind::MarkPrice => &[
            ("event_time", Time),
            ("mark_price", Price),
            ("index_price", Price),
            ("funding_rate", Share),
            ("next_funding_time", Time),
            LOCAL,
        ],
        Kind::ForceOrder => &[
            ("trade_time", Time),
            ("side", Plain),
            ("price", Price),
            ("average_price", Price),
            ("original_quantity", Qty),
            ("filled_quantity", Qty),
            LOCAL,
        ],
    }
}

/// One row: as many leading values as its kind has columns.
pub(crate) type Row = [i64; WIDTH_MAX];

/// Whether a row of depth belongs to the message of the row before, or to the next one. Rows of a snapshot
/// follow nothing (their previous id is 0); the first change after it may begin within it (Binance's rule
/// for a local book: U <= lastUpdateId and u >= lastUpdateId).
pub(crate) fn follows(previous: &Row, row: &Row) -> bool {
    let ([_, last, before, ..], [_, id, after, side, ..]) = (*previous, *row);
    let after_snapshot = before == 0 && after <= last && id >= last;
    id == last || side == SNAPSHOT || after == last || after_snapshot
}

/// Whether two rows that follow each other are one and the same thing told twice.
pub(crate) fn repeats(kind: Kind, a: &Row, b: &Row) -> bool {
    match kind {
        Kind::AggTrades | Kind::Trades | Kind::BookTicker => a[1] == b[1],
        // A message has one row for each level.
        Kind::Depth => (a[1], a[3], a[4]) == (b[1], b[3], b[4]),
        Kind::BookDepth => (a[0], a[1]) == (b[0], b[1]),
        Kind::ForceOrder => a == b,
        Kind::Klines
        | Kind::MarkPriceKlines
        | Kind::IndexPriceKlines
        | Kind::PremiumIndexKlines
        | Kind::FundingRate
        | Kind::Metrics
        | Kind::OpenInterestHist
        | Kind::MarkPrice => a[0] == b[0],
    }
}

/// The decimals of a file's columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Decimals {
    pub price: u32,
    pub qty: u32,
}

impl Decimals {
    /// Raises these to what a row with `scale` decimals needs, which may be less than it has.
    pub fn cover(&mut self, kind: Kind, row: &Row, scale: Decimals) {
        for (&value, &(_, role)) in row.iter().zip(columns(kind)) {
            let (needed, scale) = match role {
                Role::Time | Role::Plain | Role::Share => continue,
                Role::Price => (&mut self.price, scale.price),
                Role::Qty => (&mut self.qty, scale.qty),
            };
            while *needed < scale && value % 10i64.pow((scale - *needed).min(DECIMALS_MAX)) != 0 {
                *needed += 1;
            }
        }
    }

    /// The greater of each.
    pub fn max(self, other: Decimals) -> Decimals {
        Decimals { price: self.price.max(other.price), qty: self.qty.max(other.qty) }
    }
}

/// A digest over rows that does not depend on how they are split over files or scaled: the sum of
/// the BLAKE3 of each row, with each decimal written in units of `10^-18`. A sum, because files are
/// then combined without reading them again; it identifies data, it does not resist a forger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RowDigest {
    lanes: [u64; 4],
}

impl RowDigest {
    /// Adds one row.
    pub fn add(&mut self, kind: Kind, row: &Row, decimals: Decimals) {
        let mut bytes = [0u8; WIDTH_MAX * 16];
        let mut at = 0;
        for (&value, &(_, role)) in row.iter().zip(columns(kind)) {
            let scale = match role {
                Role::Time | Role::Plain => 0,
                Role::Price | Role::Qty | Role::Share => {
                    DECIMALS_MAX.saturating_sub(role.decimals(decimals))
                }
            };
            let wide = i128::from(value) * 10i128.pow(scale);
            bytes[at..at + 16].copy_from_slice(&wide.to_le_bytes());
            at += 16;
        }
        let hash = blake3::hash(&bytes[..at]);
        for (lane, piece) in self.lanes.iter_mut().zip(hash.as_bytes().chunks_exact(8)) {
            let mut word = [0u8; 8];
            word.copy_from_slice(piece);
            *lane = lane.wrapping_add(u64::from_le_bytes(word));
        }
    }

    /// Adds the rows of another file.
    pub fn combine(&mut self, other: RowDigest) {
        for (lane, more) in self.lanes.iter_mut().zip(other.lanes) {
            *lane = lane.wrapping_add(more);
        }
    }

    /// As 64 hexadecimal digits.
    pub fn hex(&self) -> String {
        self.lanes.iter().map(|l| format!("{l:016x}")).collect()
    }

    /// Reads what [`RowDigest::hex`] wrote.
    pub fn from_hex(text: &str) -> Option<RowDigest> {
        let mut lanes = [0u64; 4];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (i, lane) in lanes.iter_mut().enumerate() {
            *lane = u64::from_str_radix(&text[i * 16..i * 16 + 16], 16).ok()?;
        }
        Some(RowDigest { lanes })
    }
}
