//! What the index of the spot markets makes of a symbol: its mark price, every second (before 2025-09-18
//! every five), and its funding rate, from a sample of the premium every five seconds.
//!
//! Where the data tell mark prices or funding rates, theirs hold.

use engine::{Nanos, PriceTicks, QtyLots, Side};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

use crate::config::Funding;
use crate::exchange::{PRICE_MAX, SimExchange};
use crate::funding_rate::{FundingEstimate, FundingTerms};
use crate::funding_terms::FundingBook;
use crate::mark_price::{BasisWindow, FundingOutlook, MarkPrice};
use crate::premium_index::{ImpactDepth, impact_margin_notional, premium_index};
use crate::venue_clock::Due;

/// The index of one symbol and what follows from it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct IndexMarket {
    mark: MarkPrice,
    estimate: FundingEstimate,
    /// Between two payments.
    interval: Nanos,
    impact: ImpactDepth,
}

impl IndexMarket {
    /// What holds until the next payment.
    pub(crate) fn terms(&self) -> FundingTerms {
        self.estimate.terms()
    }

    /// The running estimate, and when it is paid.
    pub(crate) fn outlook(&self) -> FundingOutlook {
        FundingOutlook {
            last_rate: self.estimate.predicted().unwrap_or_default(),
            next_time: self.estimate.settlement(),
            interval: self.interval,
        }
    }
}

impl SimExchange {
    /// A new index price.
    #[cold]
    pub(crate) fn index_event(&mut self, time: Nanos, symbol: usize, price: PriceTicks) {
        if !(1..=PRICE_MAX).contains(&price.0) {
            self.bad_prices += 1;
            return;
        }
        self.now = self.now.max(time);
        if self.markets[symbol].index.is_none() {
            self.first_index(symbol);
        }
        let decimals = self.config.instruments[symbol].price_decimals;
        if let Some(index) = &mut self.markets[symbol].index {
            index.mark.set_index(Decimal::new(price.0, decimals));
        }
    }

    fn first_index(&mut self, symbol: usize) {
        let instrument = &self.config.instruments[symbol];
        let (price_decimals, qty_decimals) = (instrument.price_decimals, instrument.qty_decimals);
        let notional = impact_margin_notional(self.markets[symbol].rules.max_leverage());
        let terms = self.funding_terms(symbol);
        let index = IndexMarket {
            mark: MarkPrice::new(price_decimals, &BasisWindow::DEFAULT),
            estimate: FundingEstimate::new(terms, self.now),
            interval: terms.interval.span(),
            impact: ImpactDepth { price_decimals, qty_decimals, notional },
        };
        let (mark, premium) =
            (index.mark.next_sample(self.now), index.estimate.next_sample(self.now));
        self.at(mark, Due::Mark(symbol));
        self.at(premium, Due::Premium(symbol));
        self.markets[symbol].index = Some(Box::new(index));
        self.set_wake();
    }

    /// The terms that hold now. The table is read at a symbol's first index and at each of its payments.
    fn funding_terms(&mut self, symbol: usize) -> FundingTerms {
        let rules = &self.markets[symbol].rules.rules;
        let first = rules.brackets.first().map_or(Decimal::ZERO, |bracket| bracket.mmr);
        let Ok(book) = FundingBook::embedded() else {
            return FundingTerms::default_of(rules.symbol.as_str(), first);
        };
        let (terms, notes) = book.for_symbol(rules.symbol, self.rules_time(), first);
        for note in notes {
            if !self.funding_notes.contains(&note) {
                self.funding_notes.push(note);
            }
        }
        terms
    }

    /// Samples the basis, and makes the mark price.
    pub(crate) fn mark_from_index(&mut self, symbol: usize) {
        let quote = (self.taker_price(symbol, Side::Sell), self.taker_price(symbol, Side::Buy));
        let (now, last) = (self.now, self.watch[symbol].last);
        let decimals = self.config.instruments[symbol].price_decimals;
        let Some(index) = &mut self.markets[symbol].index else { return };
        if let (Some(bid), Some(ask)) = quote {
            index.mark.set_quote(PriceTicks(bid), PriceTicks(ask));
        }
        if last > 0 {
            index.mark.set_last(PriceTicks(last));
        }
        index.mark.sample(now);
        let outlook = index.outlook();
        let mark = index.mark.mark(now, outlook);
        let next = index.mark.next_sample(now);
        self.at(next, Due::Mark(symbol));
        // Cut to the grid: Binance's marks have eight decimals.
        let units = mark
            .and_then(|mark| (mark.price * Decimal::from(10i64.pow(decimals))).floor().to_i64());
        if let Some(units) = units
            && !self.markets[symbol].marks_told
        {
            self.marked(now, symbol, units);
        }
    }

    /// Samples the premium index, and pays at the end of an interval.
    pub(crate) fn premium_sample(&mut self, symbol: usize) {
        let now = self.now;
        let premium = self.premium(symbol);
        let Some(index) = &mut self.markets[symbol].index else { return };
        if let Some(premium) = premium {
            index.estimate.sample(now, premium);
        }
        let (next, settles) = (index.estimate.next_sample(now), now >= index.estimate.settlement());
        self.at(next, Due::Premium(symbol));
        if !settles {
            return;
        }
        let terms = self.funding_terms(symbol);
        let Some(index) = &mut self.markets[symbol].index else { return };
        index.interval = terms.interval.span();
        // Without a sample nobody knows a rate, and nothing is paid.
        let rate = index.estimate.settle(terms);
        if let (Some(rate), Funding::Index) = (rate, &self.config.funding) {
            self.pay_funding(symbol, rate);
            self.settle();
        }
    }

    /// From the impact prices of the book; where none is known, from what a taker pays.
    fn premium(&self, symbol: usize) -> Option<Decimal> {
        let index = self.markets[symbol].index.as_ref()?;
        let impact = |side: Side| match self.depths.get(symbol) {
            Some(depth) => {
                let levels = depth.ladder().levels(side);
                let levels = levels.map(|(price, qty)| (PriceTicks(price), QtyLots(qty)));
                index.impact.price(levels).map(|impact| impact.price)
            }
            None => {
                let price = self.taker_price(symbol, side.opposite())?;
                Some(Decimal::new(price, index.impact.price_decimals))
            }
        };
        premium_index(index.mark.index()?, impact(Side::Buy)?, impact(Side::Sell)?)
    }

    fn at(&mut self, time: Nanos, due: Due) {
        self.clock.push(time, due);
    }
}
