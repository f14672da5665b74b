//! Between the decimals of the wire and the integers of the instruments.

use std::collections::BTreeMap;
use std::fmt;

use engine::{Instrument, Nanos, PriceTicks, QtyLots, Symbol, SymbolIndex};
use rust_decimal::{Decimal, RoundingStrategy};

/// Why something of the wire cannot be taken over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum WireError {
    #[error("{symbol}: {what} {value} is off the grid of {decimals} decimals")]
    OffGrid { symbol: Symbol, what: &'static str, value: Decimal, decimals: u32 },
    #[error("{0} is no symbol of this session")]
    ForeignSymbol(Box<str>),
    #[error("{what} is {word:?}, which is not known")]
    Word { what: &'static str, word: Box<str> },
    #[error("{what} {value} is out of range")]
    Range { what: &'static str, value: i128 },
    #[error("what came is not what was expected: {0}")]
    Json(Box<str>),
}

impl From<serde_json::Error> for WireError {
    fn from(error: serde_json::Error) -> WireError {
        // Line and column and what was expected; never the text itself.
        let place = format!("{:?} at column {}", error.classify(), error.column());
        let said = error.to_string();
        let field = said.starts_with("missing field").then(|| said.split(" at line").next());
        WireError::Json(match field.flatten() {
            Some(field) => format!("{field}, {place}").into(),
            None => place.into(),
        })
    }
}

/// The instruments of a session, by place and by name.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    instruments: Vec<Instrument>,
    by_name: BTreeMap<Box<str>, SymbolIndex>,
}

/// The latest time of the wire that is taken for one, in milliseconds: in the year 2223. Later ones leave no room for sums.
const TIME_MAX_MS: i64 = 8_000_000_000_000;

/// A time of the wire, in milliseconds.
pub(super) fn time(what: &'static str, ms: i64) -> Result<Nanos, WireError> {
    match (0..=TIME_MAX_MS).contains(&ms) {
        true => Ok(Nanos::from_millis(ms)),
        false => Err(WireError::Range { what, value: ms.into() }),
    }
}

/// A number of units of 10^-decimals, as text.
pub(super) struct Units(pub i64, pub u32);

impl fmt::Display for Units {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Units(units, decimals) = *self;
        let (sign, units) = (if units < 0 { "-" } else { "" }, units.unsigned_abs());
        match 10u64.checked_pow(decimals) {
            Some(1) => write!(f, "{sign}{units}"),
            Some(one) => {
                write!(
                    f,
                    "{sign}{}.{:0width$}",
                    units / one,
                    units % one,
                    width = decimals as usize
                )
            }
            None => write!(f, "{sign}{}", Decimal::from_i128_with_scale(units.into(), decimals)),
        }
    }
}

/// The value in units of 10^-decimals, if it is a whole number of them.
pub(super) fn on_grid(value: Decimal, decimals: u32) -> Option<i64> {
    let scale = value.scale();
    let mantissa = value.mantissa();
    let units = if scale <= decimals {
        mantissa.checked_mul(10i128.checked_pow(decimals - scale)?)?
    } else {
        let over = 10i128.checked_pow(scale - decimals)?;
        if mantissa % over != 0 {
            return None;
        }
        mantissa / over
    };
    i64::try_from(units).ok()
}

impl Grid {
    pub(super) fn new(instruments: Vec<Instrument>) -> Grid {
        let name = |(n, i): (usize, &Instrument)| (i.symbol.as_str().into(), SymbolIndex(n as u16));
        let by_name = instruments.iter().enumerate().map(name).collect();
        Grid { instruments, by_name }
    }

    pub(super) fn len(&self) -> usize {
        self.instruments.len()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (SymbolIndex, &Instrument)> {
        self.instruments.iter().enumerate().map(|(n, i)| (SymbolIndex(n as u16), i))
    }

    pub(super) fn symbol(&self, name: &str) -> Result<SymbolIndex, WireError> {
        self.by_name.get(name).copied().ok_or_else(|| WireError::ForeignSymbol(name.into()))
    }

    /// The instrument of a request, which may name one that is not there.
    pub(super) fn get(&self, symbol: SymbolIndex) -> Option<&Instrument> {
        self.instruments.get(usize::from(symbol.0))
    }

    /// The instrument of a symbol that [`Grid::symbol`] gave.
    pub(super) fn of(&self, symbol: SymbolIndex) -> &Instrument {
        &self.instruments[usize::from(symbol.0)]
    }

    pub(super) fn price(
        &self,
        symbol: SymbolIndex,
        what: &'static str,
        value: Decimal,
    ) -> Result<PriceTicks, WireError> {
        let Instrument { symbol, price_decimals: decimals, .. } = *self.of(symbol);
        let off = WireError::OffGrid { symbol, what, value, decimals };
        on_grid(value, decimals).map(PriceTicks).ok_or(off)
    }

    /// A price where zero stands for none.
    pub(super) fn price_unless_zero(
        &self,
        symbol: SymbolIndex,
        what: &'static str,
        value: Decimal,
    ) -> Result<Option<PriceTicks>, WireError> {
        if value.is_zero() { Ok(None) } else { self.price(symbol, what, value).map(Some) }
    }

    /// The nearest price of the grid, halves away from zero. For mark and index prices only: they have
    /// eight decimals and nobody trades at them.
    pub(super) fn nearest(
        &self,
        symbol: SymbolIndex,
        what: &'static str,
        value: Decimal,
    ) -> Result<PriceTicks, WireError> {
        let decimals = self.of(symbol).price_decimals;
        let rounding = RoundingStrategy::MidpointAwayFromZero;
        self.price(symbol, what, value.round_dp_with_strategy(decimals, rounding))
    }

    pub(super) fn qty(
        &self,
        symbol: SymbolIndex,
        what: &'static str,
        value: Decimal,
    ) -> Result<QtyLots, WireError> {
        let Instrument { symbol, qty_decimals: decimals, .. } = *self.of(symbol);
        let off = WireError::OffGrid { symbol, what, value, decimals };
        on_grid(value, decimals).map(QtyLots).ok_or(off)
    }

    /// Price times quantity, in USDT, exactly.
    pub(super) fn quote(&self, symbol: SymbolIndex, price: PriceTicks, qty: QtyLots) -> Decimal {
        let instrument = self.of(symbol);
        let price = Decimal::new(price.0, instrument.price_decimals);
        price.saturating_mul(Decimal::new(qty.0, instrument.qty_decimals))
    }
}

/// A rate in units of 1e-8, if it is a whole number of them.
pub(super) fn rate(value: Decimal) -> Option<i64> {
    on_grid(value, 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dec(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn the_grid_is_exact_or_says_no() {
        for (text, decimals, units) in [
            ("69123.40", 2, Some(6_912_340)),
            ("69123.400000", 2, Some(6_912_340)),
            ("69123.405", 2, None),
            ("0", 3, Some(0)),
            ("-0.001", 3, Some(-1)),
            ("5", 0, Some(5)),
            ("99999999999999999999", 2, None),
        ] {
            assert_eq!(on_grid(dec(text), decimals), units, "{text} {decimals}");
        }
    }

    #[test]
    fn units_are_printed_with_their_decimals() {
        for (units, decimals, text) in [
            (6_912_340, 2, "69123.40"),
            (-1, 3, "-0.001"),
            (7, 0, "7"),
            (5, 8, "0.00000005"),
            (5, 25, "0.0000000000000000000000005"),
        ] {
            assert_eq!(Units(units, decimals).to_string(), text);
        }
    }

    #[test]
    fn an_error_names_symbol_and_value() {
        let symbol = Symbol::new("BTCUSDT").unwrap();
        let grid = Grid::new(vec![Instrument { symbol, price_decimals: 1, qty_decimals: 3 }]);
        let error = grid.price(SymbolIndex(0), "limit price", dec("1.25")).unwrap_err();
        assert_eq!(error.to_string(), "BTCUSDT: limit price 1.25 is off the grid of 1 decimals");
        assert_eq!(grid.nearest(SymbolIndex(0), "mark", dec("1.25")).unwrap(), PriceTicks(13));
        assert!(matches!(grid.symbol("ETHUSDT"), Err(WireError::ForeignSymbol(_))));
        assert_eq!(rate(dec("0.00010000")), Some(10_000));
        assert_eq!(rate(dec("-0.000000001")), None);
        assert_eq!(rate(dec("79228162514264337593543950335")), None);
    }

    #[test]
    fn a_time_is_one_that_can_be_counted_on_from() {
        assert_eq!(time("open time", 60_000), Ok(Nanos::from_secs(60)));
        for ms in [-1, TIME_MAX_MS + 1, i64::MAX, i64::MIN] {
            let error = time("open time", ms).unwrap_err().to_string();
            assert_eq!(error, format!("open time {ms} is out of range"));
        }
    }
}
