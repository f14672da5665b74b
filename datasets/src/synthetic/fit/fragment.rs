//! The piece of a scenario file that a fit gives.

use engine::{Instrument, Nanos};

/// What all models say of a symbol.
pub(super) struct Fragment<'a> {
    /// What it was fitted to: "3000 bars".
    pub of: String,
    /// When that began and ended.
    pub span: (Nanos, Nanos),
    /// Further lines on that, each with its `#`.
    pub comments: String,
    pub model: &'static str,
    pub instrument: &'a Instrument,
    pub tick_units: i64,
    /// USDT.
    pub start_price: f64,
    /// In the base asset.
    pub volume_per_minute: f64,
}

impl Fragment<'_> {
    /// The text: further `keys` of the symbol, and the `tables` behind it.
    pub fn text(&self, keys: &str, tables: &str) -> String {
        let Fragment { of, span: (from, to), comments, model, instrument, .. } = self;
        let Instrument { symbol, price_decimals, qty_decimals } = instrument;
        format!(
            "# Fitted to {of} of {symbol}, from {from} to {to}.\n{comments}\
             [market.synthetic]\nmodel = \"{model}\"\nminutes = 1440\n\n\
             [[market.synthetic.symbols]]\nsymbol = \"{symbol}\"\nstart_price = {:?}\n\
             price_decimals = {price_decimals}\ntick_units = {}\nqty_decimals = {qty_decimals}\n\
             volume_per_minute = {}\n{keys}\n{tables}",
            self.start_price,
            self.tick_units,
            six_digits(self.volume_per_minute),
        )
    }
}

/// A number of a TOML file, to six significant digits: more is chance.
pub(super) fn six_digits(value: f64) -> String {
    let rounded: f64 = format!("{value:.5e}").parse().unwrap_or(value);
    format!("{rounded:?}")
}

#[cfg(test)]
mod tests {
    use super::six_digits;

    #[test]
    fn digits_beyond_the_sixth_are_rounded() {
        for (value, text) in [
            (12_806.857_382_267_537, "12806.9"),
            (0.000_123_456_789, "0.000123457"),
            (5.125, "5.125"),
            (60.0, "60.0"),
        ] {
            assert_eq!(six_digits(value), text);
        }
    }
}
