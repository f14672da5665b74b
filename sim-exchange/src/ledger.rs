//! The double-entry ledger: every movement of money is one record from one account to another.
//!
//! Invariant: the sum over all accounts is zero, always.

use std::collections::VecDeque;

use engine::{Nanos, SymbolIndex};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Binance's `incomeType`, as far as this exchange moves money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum IncomeType {
    /// Into the wallet from outside.
    Transfer,
    /// Profit or loss of a closed quantity.
    RealizedPnl,
    /// Trading fee.
    Commission,
    /// Funding.
    FundingFee,
    /// Liquidation fee, top-up, and what the insurance fund's own closing costs.
    InsuranceClear,
}

/// Who holds money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LedgerAccount {
    /// The trader's wallet.
    Wallet,
    /// Whoever trades against us.
    Market,
    /// The exchange's fees.
    Fees,
    /// Those who pay or receive the other side of funding.
    Funding,
    /// The insurance fund.
    InsuranceFund,
    /// The world outside the exchange.
    External,
}

const ACCOUNTS: usize = 6;

/// One movement of money. The amount is above zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerRecord {
    /// When.
    pub time: Nanos,
    /// Why.
    pub income_type: IncomeType,
    /// In USDT.
    pub amount: Decimal,
    /// On account of which symbol.
    pub symbol: Option<SymbolIndex>,
    /// Who paid.
    pub from: LedgerAccount,
    /// Who received.
    pub to: LedgerAccount,
}

/// What moved the trader's wallet so far, in USDT, positive when it received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerTotals {
    /// TRANSFER.
    pub transfer: Decimal,
    /// REALIZED_PNL.
    pub realized: Decimal,
    /// COMMISSION, below zero when paid.
    pub commission: Decimal,
    /// FUNDING_FEE.
    pub funding: Decimal,
    /// INSURANCE_CLEAR.
    pub insurance: Decimal,
}

impl LedgerTotals {
    /// What the wallet must hold.
    pub fn sum(&self) -> Decimal {
        self.transfer + self.realized + self.commission + self.funding + self.insurance
    }

    fn entry(&mut self, income: IncomeType) -> &mut Decimal {
        match income {
            IncomeType::Transfer => &mut self.transfer,
            IncomeType::RealizedPnl => &mut self.realized,
            IncomeType::Commission => &mut self.commission,
            IncomeType::FundingFee => &mut self.funding,
            IncomeType::InsuranceClear => &mut self.insurance,
        }
    }
}

/// Balances, and the newest records.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Ledger {
    balances: [Decimal; ACCOUNTS],
    totals: LedgerTotals,
    records: VecDeque<LedgerRecord>,
    records_max: usize,
    /// Records that gave way to newer ones; the sums keep them.
    dropped: u64,
}

impl Ledger {
    pub(crate) fn new(records_max: usize) -> Ledger {
        Ledger {
            balances: [Decimal::ZERO; ACCOUNTS],
            totals: LedgerTotals::default(),
            records: VecDeque::new(),
            records_max,
            dropped: 0,
        }
    }

    /// Moves `amount` between the wallet and `other`: in when it is above zero, out when below.
    pub(crate) fn wallet(
        &mut self,
        time: Nanos,
        income: IncomeType,
        amount: Decimal,
        symbol: Option<SymbolIndex>,
        other: LedgerAccount,
    ) {
        assert!(other != LedgerAccount::Wallet, "money moves between two accounts");
        *self.totals.entry(income) += amount;
        if amount.is_sign_positive() {
            self.post(time, income, amount, symbol, other, LedgerAccount::Wallet);
        } else {
            self.post(time, income, -amount, symbol, LedgerAccount::Wallet, other);
        }
    }

    /// Moves `amount`, which is not below zero.
    pub(crate) fn post(
        &mut self,
        time: Nanos,
        income_type: IncomeType,
        amount: Decimal,
        symbol: Option<SymbolIndex>,
        from: LedgerAccount,
        to: LedgerAccount,
    ) {
        assert!(amount >= Decimal::ZERO, "a record moves a positive amount");
        if amount.is_zero() {
            return;
        }
        self.balances[from as usize] -= amount;
        self.balances[to as usize] += amount;
        if self.records.len() >= self.records_max {
            self.records.pop_front();
            self.dropped += 1;
        }
        if self.records_max > 0 {
            self.records.push_back(LedgerRecord { time, income_type, amount, symbol, from, to });
        }
    }

    pub(crate) fn balance(&self, account: LedgerAccount) -> Decimal {
        self.balances[account as usize]
    }

    pub(crate) fn totals(&self) -> LedgerTotals {
        self.totals
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = &LedgerRecord> {
        self.records.iter()
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        let sum: Decimal = self.balances.iter().copied().sum();
        if !sum.is_zero() {
            return Err(format!("the ledger's accounts add up to {sum}, not to zero"));
        }
        let (holds, owes) = (self.balance(LedgerAccount::Wallet), self.totals.sum());
        if holds != owes {
            return Err(format!("the wallet holds {holds}, its records add up to {owes}"));
        }
        Ok(())
    }
}
