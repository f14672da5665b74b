//! What assets are worth as margin in multi-assets mode, as far as this venue knows their prices: USDT as
//! one dollar, and what is traded here at its mark.

use binance_wire::{AssetIndex, AssetIndexEvent, Money};
use engine::{Nanos, Symbol};
use rust_decimal::Decimal;
use sim_exchange::collateral::{AssetRates, Buffers, CollateralBook};

use super::symbol::SymbolView;

/// The assets whose buffers are known.
pub(crate) struct Assets {
    /// Name of the asset, its buffers, and the place of the symbol that prices it; none for USDT.
    rows: Vec<(Box<str>, Buffers, Option<usize>)>,
}

/// One asset of now.
pub(crate) struct AssetNow {
    /// Such as `BTCUSD`.
    pub(crate) symbol: Box<str>,
    buffers: Buffers,
    rates: AssetRates,
}

/// What is traded, and in what: `BTCUSDT` is BTC in USDT.
pub(crate) fn base_and_quote(symbol: &str) -> (&str, &str) {
    for quote in ["USDT", "USDC", "BUSD", "BTC"] {
        if let Some(base) = symbol.strip_suffix(quote).filter(|base| !base.is_empty()) {
            return (base, quote);
        }
    }
    (symbol, "USDT")
}

impl Assets {
    pub(crate) fn new(symbols: &[SymbolView], at: Nanos) -> Assets {
        let Ok(book) = CollateralBook::embedded() else { return Assets { rows: Vec::new() } };
        let buffers = |asset: &str| -> Option<Buffers> {
            let symbol = Symbol::new(asset).ok()?;
            book.buffers(symbol, at).ok().map(|(buffers, _)| buffers)
        };
        let usdt = buffers("USDT").map(|buffers| ("USDT".into(), buffers, None));
        let traded = symbols.iter().enumerate().filter_map(|(place, view)| {
            let (base, quote) = base_and_quote(&view.name);
            let buffers = buffers(base).filter(|_| quote == "USDT")?;
            Some((base.into(), buffers, Some(place)))
        });
        Assets { rows: usdt.into_iter().chain(traded).collect() }
    }

    /// Their names and auto-exchange thresholds are part of exchangeInfo.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().map(|(asset, ..)| &**asset)
    }

    /// Those that have a price.
    pub(crate) fn now<'a>(
        &'a self,
        symbols: &'a [SymbolView],
    ) -> impl Iterator<Item = AssetNow> + 'a {
        self.rows.iter().filter_map(|(asset, buffers, place)| {
            let index = match place {
                None => Decimal::ONE,
                Some(place) => {
                    let view = symbols.get(*place)?;
                    view.grid.price_value(view.index_or_mark().filter(|price| *price > 0)?)
                }
            };
            let rates = AssetRates::new(index, buffers);
            Some(AssetNow { symbol: format!("{asset}USD").into(), buffers: *buffers, rates })
        })
    }
}

impl AssetNow {
    pub(crate) fn event(self, now: i64) -> AssetIndexEvent {
        let AssetNow { symbol, buffers, rates } = self;
        AssetIndexEvent {
            event_time: now,
            symbol,
            index: Money::new(rates.index),
            bid_buffer: Money::new(buffers.bid),
            ask_buffer: Money::new(buffers.ask),
            bid_rate: Money::new(rates.bid),
            ask_rate: Money::new(rates.ask),
            auto_exchange_bid_buffer: Money::new(buffers.auto_exchange_bid),
            auto_exchange_ask_buffer: Money::new(buffers.auto_exchange_ask),
            auto_exchange_bid_rate: Money::new(rates.auto_exchange_bid),
            auto_exchange_ask_rate: Money::new(rates.auto_exchange_ask),
        }
    }

    pub(crate) fn row(self, now: i64) -> AssetIndex {
        let AssetNow { symbol, buffers, rates } = self;
        AssetIndex {
            symbol,
            time: now,
            index: Money::new(rates.index),
            bid_buffer: Money::new(buffers.bid),
            ask_buffer: Money::new(buffers.ask),
            bid_rate: Money::new(rates.bid),
            ask_rate: Money::new(rates.ask),
            auto_exchange_bid_buffer: Money::new(buffers.auto_exchange_bid),
            auto_exchange_ask_buffer: Money::new(buffers.auto_exchange_ask),
            auto_exchange_bid_rate: Money::new(rates.auto_exchange_bid),
            auto_exchange_ask_rate: Money::new(rates.auto_exchange_ask),
        }
    }
}
