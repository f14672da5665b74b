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
}

/// Most columns any kind has.
pub(crate) const WIDTH_MAX: usize = 6;

/// The stored columns of a kind: what replay and checks read. The rest of the archive's columns
/// stay in the archive, so that its long and its short forms give the same rows.
pub(crate) fn columns(kind: Kind) -> &'static [(&'static str, Role)] {
    use Role::{Plain, Price, Qty, Time};
    match kind {
        Kind::Klines => &[
            ("open_time", Time),
            ("open", Price),
            ("high", Price),
            ("low", Price),
            ("close", Price),
            ("volume", Qty),
        ],
        Kind::MarkPriceKlines => &[
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
        ],
        Kind::FundingRate => {
            &[("calc_time", Time), ("last_funding_rate", Price), ("funding_interval_hours", Plain)]
        }
    }
}

/// One row: as many leading values as its kind has columns.
pub(crate) type Row = [i64; WIDTH_MAX];

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
                Role::Time | Role::Plain => continue,
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
                Role::Price => DECIMALS_MAX.saturating_sub(decimals.price),
                Role::Qty => DECIMALS_MAX.saturating_sub(decimals.qty),
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
