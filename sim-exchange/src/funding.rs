//! Funding: payment = positionAmt × mark × rate at the funding time, before any liquidation of that instant.

use engine::{AccountId, AccountUpdateReason, Nanos, PositionSide, SymbolIndex};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::account_tape::Happened;
use crate::config::Funding;
use crate::exchange::SimExchange;
use crate::funding_rate::funding_payment;
use crate::ledger::{IncomeType, LedgerAccount};

const INTERVAL: i64 = 8 * 3600 * 1_000_000_000;

/// 00:00, 08:00 and 16:00 UTC.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct FundingClock {
    due: Nanos,
}

impl FundingClock {
    /// The first funding time after `start`.
    pub(crate) fn after(start: Nanos) -> FundingClock {
        let due = (start.0.div_euclid(INTERVAL) + 1).saturating_mul(INTERVAL);
        FundingClock { due: Nanos(due) }
    }

    pub(crate) fn due(&self) -> Nanos {
        self.due
    }
}

impl SimExchange {
    /// A funding time has come: constant rates are paid, missing data is noticed.
    pub(crate) fn funding_instant(&mut self, time: Nanos) {
        self.funding_clock = FundingClock::after(time);
        match self.config.funding {
            // The index has settlements of its own.
            Funding::None | Funding::Index => {}
            Funding::Constant { .. } => {
                for symbol in 0..self.markets.len() {
                    if let Some(rate) = self.markets[symbol].funding_rate {
                        self.pay_funding(symbol, rate);
                    }
                }
                self.settle();
            }
            Funding::Data => {
                let holdings = self.accounts.iter_mut().flat_map(|account| &mut account.holdings);
                for holding in holdings {
                    // Positions that were open eight hours ago should have seen a rate since.
                    holding.counts.funding_missed += u64::from(holding.funding_expected);
                    holding.funding_expected = holding.is_held();
                }
            }
        }
    }

    /// A rate of the data, in units of 1e-8.
    #[cold]
    pub(crate) fn funding_event(&mut self, time: Nanos, symbol: usize, rate: i64) {
        self.accounts.iter_mut().for_each(|a| a.holdings[symbol].funding_expected = false);
        if self.config.funding != Funding::Data {
            self.markets[symbol].funding_ignored += 1;
            return;
        }
        self.now = self.now.max(time);
        self.pay_funding(symbol, Decimal::new(rate, 8));
        self.settle();
    }

    pub(crate) fn pay_funding(&mut self, symbol: usize, rate: Decimal) {
        let rate = self.markets[symbol].state.take_funding_rate(rate);
        if self.is_closed() {
            return self.standstill.hold_back_funding(symbol, rate);
        }
        self.pay_rate(symbol, rate);
    }

    pub(crate) fn pay_rate(&mut self, symbol: usize, rate: Decimal) {
        self.funding_settled(symbol, rate);
        let worth = self.mark_or_zero(symbol);
        for number in 0..self.accounts.len() {
            let account = AccountId(number as u16);
            for side in self.account(account).sides() {
                self.pay_position(account, symbol, *side, worth, rate);
            }
        }
    }

    fn pay_position(
        &mut self,
        account: AccountId,
        symbol: usize,
        side: PositionSide,
        mark: i64,
        rate: Decimal,
    ) {
        let rules = &self.markets[symbol].rules;
        let holding = &mut self.accounts[usize::from(account.0)].holdings[symbol];
        let qty = holding.position(side).qty;
        if qty == 0 {
            return;
        }
        let amount = funding_payment(rules.notional(mark, qty), rate);
        holding.counts.funding += amount;
        holding.counts.funding_payments += 1;
        let isolated = holding.is_isolated();
        if isolated {
            holding.position_mut(side).isolated_wallet += amount;
        }
        let (index, income) = (Some(SymbolIndex(symbol as u16)), IncomeType::FundingFee);
        self.ledger.wallet(account, self.now, income, amount, index, LedgerAccount::Funding);
        self.tape(account, symbol, side, || Happened::Funding(amount));
        // On cross margin Binance sends the balance only.
        let position = isolated.then_some((symbol, side));
        self.send_account(account, AccountUpdateReason::FundingFee, amount, position);
    }
}
