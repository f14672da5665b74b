//! What the venue itself says of its symbols, for a server's market data: marks, funding terms and rates,
//! rules, open interest. Nothing of it changes anything.

use std::collections::VecDeque;

use engine::{AccountId, Nanos, PriceTicks, QtyLots, SymbolIndex};
use rust_decimal::Decimal;

use crate::config::Funding;
use crate::exchange::SimExchange;
use crate::funding_rate::FundingTerms;
use crate::mark_price::FundingOutlook;

/// Settlements of a symbol that are kept: a year of payments every eight hours.
const SETTLED_MAX: usize = 1_095;

/// A payment of funding that was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettledFunding {
    /// When.
    pub time: Nanos,
    /// 0.0001 is 0.01 % of the notional.
    pub rate: Decimal,
    /// At which mark price; zero before the symbol's first price, when nothing is paid.
    pub mark: PriceTicks,
}

/// Whether a symbol is traded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SymbolTrading {
    /// It is.
    Open,
    /// Not for now.
    Halted,
    /// Never again.
    Delisted,
}

impl SimExchange {
    /// Whether a symbol is traded now.
    pub fn symbol_trading(&self, symbol: SymbolIndex) -> SymbolTrading {
        match self.markets.get(usize::from(symbol.0)).map(|market| &market.state) {
            Some(state) if state.delisted => SymbolTrading::Delisted,
            Some(state) if !state.is_trading() => SymbolTrading::Halted,
            _ => SymbolTrading::Open,
        }
    }

    /// Interval, interest, cap and floor of a symbol's funding.
    pub fn funding_terms_of(&self, symbol: SymbolIndex) -> Option<FundingTerms> {
        let market = self.markets.get(usize::from(symbol.0))?;
        if let (Some(index), Funding::Index) = (&market.index, &self.config.funding) {
            return Some(index.terms());
        }
        let rules = &market.rules.rules;
        let first = rules.brackets.first().map_or(Decimal::ZERO, |bracket| bracket.mmr);
        // Constant rates and those of the data are of eight hours.
        Some(FundingTerms::default_of(rules.symbol.as_str(), first))
    }

    /// The running estimate of the next payment, and when it is due. Without an index the estimate is the
    /// stated rate, or else the rate that was settled last.
    pub fn funding_outlook(&self, symbol: SymbolIndex, now: Nanos) -> Option<FundingOutlook> {
        let market = self.markets.get(usize::from(symbol.0))?;
        if let (Some(index), Funding::Index) = (&market.index, &self.config.funding) {
            return Some(index.outlook());
        }
        let terms = self.funding_terms_of(symbol)?;
        let last = market.settled.back().map_or(market.funding_before, |settled| settled.rate);
        Some(FundingOutlook {
            last_rate: market.funding_rate.unwrap_or(last),
            next_time: terms.interval.next(now),
            interval: terms.interval.span(),
        })
    }

    /// Says what was settled last of a symbol before the exchange began: the estimate until something is settled.
    pub fn funding_was(&mut self, symbol: SymbolIndex, rate: Decimal) {
        if let Some(market) = self.markets.get_mut(usize::from(symbol.0)) {
            market.funding_before = rate;
        }
    }

    /// The newest payments of funding of a symbol, oldest first. What came before the symbol's first price
    /// settled nothing: it says the rate in force, and is no payment.
    pub fn settled_funding(&self, symbol: SymbolIndex) -> impl Iterator<Item = &SettledFunding> {
        let market = self.markets.get(usize::from(symbol.0));
        market.into_iter().flat_map(|market| &market.settled).filter(|paid| paid.mark.0 > 0)
    }

    /// What all accounts of the venue hold of a symbol on the long side. Who else holds positions the
    /// market's data do not say.
    pub fn open_interest(&self, symbol: SymbolIndex) -> QtyLots {
        let accounts = (0..self.accounts.len()).map(|number| AccountId(number as u16));
        let long = |account: AccountId| -> i64 {
            let sides = self.account(account).sides().iter();
            sides.map(|side| self.position_amt(account, symbol, *side).0.max(0)).sum()
        };
        QtyLots(accounts.map(long).sum())
    }

    /// Order ticks that a taker pays beyond the last price, where no book is known.
    pub fn taker_spread_ticks(&self) -> u32 {
        self.config.fills.taker_spread_ticks
    }

    pub(crate) fn funding_settled(&mut self, symbol: usize, rate: Decimal) {
        let settled =
            SettledFunding { time: self.now, rate, mark: PriceTicks(self.mark_or_zero(symbol)) };
        let all: &mut VecDeque<SettledFunding> = &mut self.markets[symbol].settled;
        if all.len() == SETTLED_MAX {
            all.pop_front();
        }
        all.push_back(settled);
    }
}
