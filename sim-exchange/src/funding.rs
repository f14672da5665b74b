//! Funding: payment = positionAmt × mark × rate at the funding time, before any liquidation of that instant.

use engine::{AccountUpdateReason, Nanos, SymbolIndex};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::account::cut8;
use crate::config::Funding;
use crate::exchange::SimExchange;
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
            Funding::None => {}
            Funding::Constant { .. } => {
                for symbol in 0..self.symbols.len() {
                    if let Some(rate) = self.symbols[symbol].funding_rate {
                        self.pay_funding(symbol, rate);
                    }
                }
                self.settle();
            }
            Funding::Data => {
                for state in &mut self.symbols {
                    // Positions that were open eight hours ago should have seen a rate since.
                    state.counts.funding_missed += u64::from(state.funding_expected);
                    state.funding_expected = state.position.qty != 0;
                }
            }
        }
    }

    /// A rate of the data, in units of 1e-8.
    #[cold]
    pub(crate) fn funding_event(&mut self, time: Nanos, symbol: usize, rate: i64) {
        self.symbols[symbol].funding_expected = false;
        if self.config.funding != Funding::Data {
            self.symbols[symbol].counts.funding_ignored += 1;
            return;
        }
        self.now = self.now.max(time);
        self.pay_funding(symbol, Decimal::new(rate, 8));
        self.settle();
    }

    fn pay_funding(&mut self, symbol: usize, rate: Decimal) {
        let mark = self.mark_or_zero(symbol);
        let state = &mut self.symbols[symbol];
        if state.position.qty == 0 {
            return;
        }
        // Above zero the long pays.
        let amount = -cut8(state.rules.notional(mark, state.position.qty) * rate);
        state.counts.funding += amount;
        state.counts.funding_payments += 1;
        let index = Some(SymbolIndex(symbol as u16));
        self.ledger.wallet(self.now, IncomeType::FundingFee, amount, index, LedgerAccount::Funding);
        // On cross margin Binance sends the balance only.
        self.send_account(AccountUpdateReason::FundingFee, amount, None);
    }
}
