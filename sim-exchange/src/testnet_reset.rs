//! A reset of the testnet: balances, positions and orders are gone, and ids start again.
//!
//! Binance announces resets and does not describe them. Here all of it happens between two requests:
//! - Every wallet is emptied and filled with the first deposit, or with what the event says. Both are
//!   transfers from and to the world outside, so that the ledger still adds up.
//! - Positions, orders, conditional orders and countdowns vanish. No order event tells it, and no fill;
//!   the one word of it is an ACCOUNT_UPDATE with reason ADJUSTMENT and the new balance (unverified).
//!   Whoever asks learns of it: positionRisk shows no positions, and an old id is unknown.
//! - Order, algo and trade ids start again at 1.
//! - Position mode, multi-assets mode, collateral, margin type and leverage are again those of the start.
//! - Requests under way arrive at the venue after the reset; events under way still arrive.
//! - Halts, delistings, rules and the insurance fund stay as they are, and so do the report's counts.

use engine::{AccountId, AccountUpdateReason, MarginType};
use rust_decimal::Decimal;

use crate::account_tape::Happened;
use crate::accounts::Holding;
use crate::book::Book;
use crate::conditional::Conditionals;
use crate::config::{AccountConfig, DEFAULT_LEVERAGE};
use crate::exchange::SimExchange;
use crate::ledger::{IncomeType, LedgerAccount};
use crate::orders::Orders;
use crate::report::KeptRisks;
use crate::symbol_rules::GridRules;
use crate::venue_clock::Due;

impl SimExchange {
    /// `wallet` is what every account has afterwards, where it is not its first deposit.
    pub(crate) fn reset(&mut self, wallet: Option<Decimal>) {
        self.orders_wiped += self.orders.count();
        self.orders =
            Orders::new(self.accounts.len(), self.markets.len(), self.config.orders_kept_max);
        self.conditionals = Conditionals::new(self.markets.len(), self.config.orders_kept_max);
        self.countdowns.clear();
        // What is left of them would find other orders under its ids.
        self.clock.retain(Due::is_of_venue);
        self.standstill.forget();
        self.awaited.clear();
        if let Some(faults) = &mut self.faults {
            faults.forget_orders();
        }
        self.margin_calls.clear();
        (0..self.markets.len()).for_each(|symbol| self.leave_queues(symbol));
        for market in &mut self.markets {
            market.book = Book::default();
            market.trades = 0;
        }
        let stated: Vec<AccountConfig> = self.config.accounts().collect();
        self.tape_wiped();
        for (number, stated) in stated.iter().enumerate() {
            self.reset_account(number, stated, wallet.unwrap_or(stated.wallet));
        }
    }

    /// What is held goes without a fill.
    fn tape_wiped(&mut self) {
        for account in 0..self.accounts.len() {
            let account = AccountId(account as u16);
            for symbol in 0..self.markets.len() {
                for side in self.account(account).sides() {
                    if self.holding(account, symbol).position(*side).qty != 0 {
                        self.tape(account, symbol, *side, || Happened::Wiped);
                    }
                }
            }
        }
    }

    fn reset_account(&mut self, number: usize, stated: &AccountConfig, wallet: Decimal) {
        let id = AccountId(number as u16);
        let account = &mut self.accounts[number];
        account.dual = stated.hedge_mode;
        account.multi_assets = stated.multi_assets;
        account.collateral.restore();
        account.risks = KeptRisks::default();
        for (holding, market) in account.holdings.iter_mut().zip(&self.markets) {
            *holding = fresh(holding, stated, &market.rules);
        }
        let (before, now) = (self.wallet_balance(id), self.now);
        for amount in [-before, wallet] {
            let (income, world) = (IncomeType::Transfer, LedgerAccount::External);
            self.ledger.wallet(id, now, income, amount, None, world);
        }
        self.send_account(id, AccountUpdateReason::Adjustment, wallet - before, None);
    }
}

/// A holding as at the start, with the counts of the old one.
fn fresh(old: &Holding, stated: &AccountConfig, rules: &GridRules) -> Holding {
    let symbol = rules.rules.symbol;
    let leverage = stated.leverage.get(&symbol).copied().unwrap_or(DEFAULT_LEVERAGE);
    let margin_type = stated.margin_type.get(&symbol).copied().unwrap_or(MarginType::Crossed);
    let mut counts = old.counts;
    counts.realized = old.realized();
    Holding { counts, ..Holding::new(leverage.min(rules.max_leverage()), margin_type) }
}
