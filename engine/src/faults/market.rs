//! Faults of the market data on its way to the services; the exchange sees the true market.

use std::collections::BTreeMap;

use crate::faults::Chance;
use crate::{Bar, BestQuotes, MarketData, MarketEvent, PriceTicks, SymbolIndex, Trade};

/// What happens to market events.
#[derive(Clone, Debug, PartialEq)]
pub enum OnMarket {
    /// None arrives.
    Stale,
    /// They go on, and all prices stay what the first of them said. Books do not change.
    Frozen,
    /// A share does not arrive.
    Gapped(Box<Chance>),
}

/// A fault of the market data of some symbols, or of all if the list is empty.
#[derive(Clone, Debug, PartialEq)]
pub struct MarketFault {
    /// Whose data; empty for all.
    pub symbols: Vec<SymbolIndex>,
    /// What happens.
    pub what: OnMarket,
    pub(crate) frozen: BTreeMap<SymbolIndex, FrozenPrices>,
}

/// The prices at which a symbol stands still, as far as it has said them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct FrozenPrices {
    traded: Option<PriceTicks>,
    mark: Option<PriceTicks>,
    index: Option<PriceTicks>,
    quotes: Option<(PriceTicks, PriceTicks)>,
}

impl MarketFault {
    /// A fault of these symbols' data, or of all.
    pub fn new(symbols: Vec<SymbolIndex>, what: OnMarket) -> MarketFault {
        MarketFault { symbols, what, frozen: BTreeMap::new() }
    }

    /// What becomes of an event; `None` when it is withheld.
    pub(crate) fn pass(&mut self, event: MarketEvent) -> Option<MarketEvent> {
        if !self.symbols.is_empty() && !self.symbols.contains(&event.symbol) {
            return Some(event);
        }
        match &mut self.what {
            OnMarket::Stale => None,
            OnMarket::Gapped(chance) => (!chance.hits()).then_some(event),
            OnMarket::Frozen => {
                let prices = self.frozen.entry(event.symbol).or_default();
                Some(MarketEvent { data: prices.freeze(event.data)?, ..event })
            }
        }
    }
}

impl FrozenPrices {
    fn freeze(&mut self, data: MarketData) -> Option<MarketData> {
        Some(match data {
            MarketData::Trade(trade) => {
                let price = *self.traded.get_or_insert(trade.price);
                MarketData::Trade(Trade { price, ..trade })
            }
            MarketData::Bar(bar) => {
                let price = *self.traded.get_or_insert(bar.close);
                let (open, high, low, close) = (price, price, price, price);
                MarketData::Bar(Bar { open, high, low, close, ..bar })
            }
            MarketData::MarkPrice(price) => MarketData::MarkPrice(*self.mark.get_or_insert(price)),
            MarketData::IndexPrice(price) => {
                MarketData::IndexPrice(*self.index.get_or_insert(price))
            }
            MarketData::BestQuotes(quotes) => {
                let (bid, ask) = *self.quotes.get_or_insert((quotes.bid, quotes.ask));
                MarketData::BestQuotes(BestQuotes { bid, ask, ..quotes })
            }
            MarketData::FundingRate(rate) => MarketData::FundingRate(rate),
            MarketData::Depth(_) | MarketData::DepthClear => return None,
        })
    }
}
