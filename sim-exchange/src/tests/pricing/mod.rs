//! Tests of the pure calculations: prices, rates, margins. The numbers are worked by hand beside them.

mod funding_rate;
mod mark_price;

use rust_decimal::Decimal;

/// A number as it stands in the text.
pub(crate) fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}
