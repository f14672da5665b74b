//! Columns of the archive that are not stored: they are read as far as damage, or a file of another kind, shows
//! in them.

use crate::Kind;
use crate::decimal;
use crate::rows::Decimals;

/// What a column that is not stored has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// A whole number.
    Whole,
    /// A number that is not below zero.
    Amount,
    /// The same, and not above the bar's volume.
    TakerVolume,
    /// The number of a bar's trades.
    Count,
    /// The volume of a kind that has none.
    Zero,
}

/// What a column of a kind has to be; nothing if nobody knows it, or if it is stored.
pub(super) fn of_column(kind: Kind, name: &str) -> Option<Unread> {
    match (kind, name) {
        (Kind::Klines, "taker_buy_volume" | "taker_buy_base_asset_volume") => {
            Some(Unread::TakerVolume)
        }
        (Kind::Klines, "count" | "number_of_trades") => Some(Unread::Count),
        (Kind::MarkPriceKlines | Kind::IndexPriceKlines | Kind::PremiumIndexKlines, "volume") => {
            Some(Unread::Zero)
        }
        (_, "count" | "first_trade_id" | "last_trade_id") => Some(Unread::Whole),
        (Kind::BookTicker, "event_time") => Some(Unread::Whole),
        (Kind::Trades, "quote_qty") => Some(Unread::Amount),
        (
            _,
            "quote_volume"
            | "quote_asset_volume"
            | "taker_buy_volume"
            | "taker_buy_quote_volume"
            | "taker_buy_quote_asset_volume",
        ) => Some(Unread::Amount),
        _ => None,
    }
}

impl Unread {
    /// What is wrong with the field, beside a bar of `volume`.
    pub fn problem(self, text: &[u8], volume: i64, scale: Decimals) -> Option<&'static str> {
        let fits = match self {
            Unread::Whole => is_whole(text),
            Unread::Amount | Unread::TakerVolume | Unread::Zero => is_amount(text),
            Unread::Count => is_whole(text),
        };
        if !fits {
            return Some(match self {
                Unread::Whole | Unread::Count => {
                    "is not a whole number; download the file again, or correct the line"
                }
                _ => {
                    "is not a plain decimal number from 0 on; download the file again, or correct the line"
                }
            });
        }
        match self {
            Unread::Zero if !is_zero(text) => Some(
                "is not 0, and bars of mark, index and premium prices have no volume: these are bars of \
                 trades; put the file below the folder klines, or download it again",
            ),
            Unread::Count if volume == 0 && !is_zero(text) => Some(
                "trades in a bar without volume: bars of mark, index and premium prices look so; put the \
                 file below the folder of its kind, or download it again",
            ),
            Unread::TakerVolume if is_above(text, volume, scale) => {
                Some("is above the volume of its bar; the file is damaged, download it again")
            }
            _ => None,
        }
    }
}

fn is_whole(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

fn is_zero(text: &[u8]) -> bool {
    text.iter().all(|byte| matches!(byte, b'0' | b'.'))
}

/// Digits, and perhaps a point between them.
fn is_amount(text: &[u8]) -> bool {
    let points = text.iter().filter(|byte| **byte == b'.').count();
    let digits = text.iter().filter(|byte| byte.is_ascii_digit()).count();
    let ends_in_digits = |end: Option<&u8>| end.is_some_and(u8::is_ascii_digit);
    points <= 1
        && points + digits == text.len()
        && ends_in_digits(text.first())
        && ends_in_digits(text.last())
}

/// Whether a quantity is more than `volume`, which has the decimals of its file so far.
fn is_above(text: &[u8], volume: i64, scale: Decimals) -> bool {
    let Some((mantissa, decimals)) = decimal::parse(text) else { return true };
    let unit = |of: u32| i128::from(decimal::pow10(of).unwrap_or(i64::MAX));
    i128::from(mantissa) * unit(scale.qty) > i128::from(volume) * unit(decimals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_digits_and_a_point() {
        for text in ["0", "12.50", "0.00000001", "123456789012345678901234.5"] {
            assert!(is_amount(text.as_bytes()), "{text}");
        }
        for text in ["", ".", "1.", ".5", "-1", "1e5", "1.2.3", "abc", "nan", " 1"] {
            assert!(!is_amount(text.as_bytes()), "{text}");
        }
        let scale = Decimals { price: 0, qty: 2 };
        let above = |text: &str| is_above(text.as_bytes(), 1_250, scale);
        assert_eq!(
            [above("12.5"), above("12.500"), above("12.501"), above("13")],
            [false, false, true, true]
        );
    }
}
