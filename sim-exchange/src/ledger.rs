//! The double-entry ledger: every movement of money is one record from one account to another.
//!
//! Invariant: the sum over all accounts is zero, always.

use std::collections::VecDeque;

use engine::{AccountId, Nanos, SymbolIndex};
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
    /// Collateral that was exchanged on multi-assets mode.
    AutoExchange,
}

/// Who holds money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LedgerAccount {
    /// An account's wallet.
    Wallet(AccountId),
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

impl LedgerAccount {
    /// Place among the balances: the venue's own first, then the wallets.
    fn place(self) -> usize {
        match self {
            LedgerAccount::Market => 0,
            LedgerAccount::Fees => 1,
            LedgerAccount::Funding => 2,
            LedgerAccount::InsuranceFund => 3,
            LedgerAccount::External => 4,
            LedgerAccount::Wallet(account) => OWN_ACCOUNTS + usize::from(account.0),
        }
    }
}

/// Ledger accounts of the venue itself.
const OWN_ACCOUNTS: usize = 5;

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
    /// AUTO_EXCHANGE.
    #[serde(default)]
    pub auto_exchange: Decimal,
}

impl LedgerTotals {
    /// What the wallet must hold.
    pub fn sum(&self) -> Decimal {
        let traded = self.realized + self.commission + self.funding;
        self.transfer + traded + self.insurance + self.auto_exchange
    }

    fn entry(&mut self, income: IncomeType) -> &mut Decimal {
        match income {
            IncomeType::Transfer => &mut self.transfer,
            IncomeType::RealizedPnl => &mut self.realized,
            IncomeType::Commission => &mut self.commission,
            IncomeType::FundingFee => &mut self.funding,
            IncomeType::InsuranceClear => &mut self.insurance,
            IncomeType::AutoExchange => &mut self.auto_exchange,
        }
    }
}

/// Balances, and the newest records.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Ledger {
    balances: Vec<Decimal>,
    /// Of each wallet.
    totals: Vec<LedgerTotals>,
    records: VecDeque<LedgerRecord>,
    records_max: usize,
    /// Records that gave way to newer ones; the sums keep them.
    dropped: u64,
}

impl Ledger {
    pub(crate) fn new(wallets: usize, records_max: usize) -> Ledger {
        Ledger {
            balances: vec![Decimal::ZERO; OWN_ACCOUNTS + wallets],
            totals: vec![LedgerTotals::default(); wallets],
            records: VecDeque::new(),
            records_max,
            dropped: 0,
        }
    }

    /// Moves `amount` between the wallet and `other`: in when it is above zero, out when below.
    pub(crate) fn wallet(
        &mut self,
        account: AccountId,
        time: Nanos,
        income: IncomeType,
        amount: Decimal,
        symbol: Option<SymbolIndex>,
        other: LedgerAccount,
    ) {
        let wallet = LedgerAccount::Wallet(account);
        assert!(other.place() < OWN_ACCOUNTS, "wallets pay each other through the market");
        *self.totals[usize::from(account.0)].entry(income) += amount;
        if amount.is_sign_positive() {
            self.post(time, income, amount, symbol, other, wallet);
        } else {
            self.post(time, income, -amount, symbol, wallet, other);
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
        self.balances[from.place()] -= amount;
        self.balances[to.place()] += amount;
        if self.records.len() >= self.records_max {
            self.records.pop_front();
            self.dropped += 1;
        }
        if self.records_max > 0 {
            self.records.push_back(LedgerRecord { time, income_type, amount, symbol, from, to });
        }
    }

    pub(crate) fn balance(&self, account: LedgerAccount) -> Decimal {
        self.balances[account.place()]
    }

    pub(crate) fn totals(&self, account: AccountId) -> LedgerTotals {
        self.totals[usize::from(account.0)]
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = &LedgerRecord> {
        self.records.iter()
    }

    /// How many records are kept.
    pub(crate) fn kept(&self) -> usize {
        self.records.len()
    }

    /// The kept records but the first `skipped`.
    pub(crate) fn since(&self, skipped: usize) -> impl Iterator<Item = &LedgerRecord> {
        self.records.range(skipped.min(self.records.len())..)
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(crate) fn sum(&self) -> Decimal {
        self.balances.iter().copied().sum()
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        let sum = self.sum();
        if !sum.is_zero() {
            return Err(format!("the ledger's accounts add up to {sum}, not to zero"));
        }
        for (holds, totals) in self.balances[OWN_ACCOUNTS..].iter().zip(&self.totals) {
            let owes = totals.sum();
            if *holds != owes {
                return Err(format!("a wallet holds {holds}, its records add up to {owes}"));
            }
        }
        Ok(())
    }
}
