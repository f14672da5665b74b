//! Money of an account on the exchange.

use engine::AccountBalance;
use rust_decimal::Decimal;

/// With this wallet and unrealised profit, all of it available.
pub fn account(wallet: i64, unrealized: i64) -> AccountBalance {
    AccountBalance {
        wallet_balance: Decimal::from(wallet),
        unrealized_profit: Decimal::from(unrealized),
        margin_balance: Decimal::from(wallet + unrealized),
        available_balance: Decimal::from(wallet),
        ..AccountBalance::default()
    }
}
