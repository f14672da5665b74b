//! The account: balances, positions, choices.

use engine::{AccountBalance, AccountId, AdlQuantile, MarginType, PositionRisk};
use rust_decimal::Decimal;
use sim_exchange::wire::{
    AccountAsset, AccountAssetV2, AccountPositionV2, AccountPositionV3, AccountTotals, BalanceRow,
    MarginTypeLower, Money, Num, PositionRiskV2, PositionRiskV3, ZeroOr,
};
use sim_exchange::{AssetSums, OpenNotionals, SimExchange};

use super::{Sym, USDT, word};

/// One asset as all lists of assets show it.
#[derive(Clone, Debug)]
pub(crate) struct Asset {
    name: Box<str>,
    balance: AccountBalance,
    update_time: i64,
}

/// The assets of an account, USDT first.
pub(crate) fn assets(
    exchange: &SimExchange,
    account: AccountId,
    balance: &AccountBalance,
    update_time: i64,
) -> Vec<Asset> {
    let multi = exchange.choice_of(account).is_some_and(|choice| choice.multi_assets);
    let mut rows = vec![Asset { name: USDT.into(), balance: *balance, update_time }];
    let others = exchange.assets_of(account);
    rows.extend(others.iter().skip(1).map(|other: &AssetSums| Asset {
        name: other.asset.as_str().into(),
        balance: AccountBalance {
            wallet_balance: other.wallet,
            cross_wallet_balance: other.wallet,
            margin_balance: other.wallet,
            // On multi-assets mode every asset shows what the account can spend.
            available_balance: if multi { balance.available_balance } else { other.wallet },
            max_withdraw: other.wallet,
            ..AccountBalance::default()
        },
        update_time,
    }));
    rows
}

/// The sums of an account: of USDT alone, or in USD over all assets on multi-assets mode.
pub(crate) fn totals(
    exchange: &SimExchange,
    account: AccountId,
    balance: &AccountBalance,
) -> AccountTotals {
    let multi = exchange.choice_of(account).is_some_and(|choice| choice.multi_assets);
    let (mut wallet, mut cross) = (balance.wallet_balance, balance.cross_wallet_balance);
    if multi {
        let assets = exchange.assets_of(account);
        wallet = assets.iter().map(|asset| asset.rates.usd(asset.wallet)).sum();
        cross = wallet;
    }
    AccountTotals {
        total_initial_margin: Money::new(balance.initial_margin),
        total_maint_margin: Money::new(balance.maint_margin),
        total_wallet_balance: Money::new(wallet),
        total_unrealized_profit: Money::new(balance.unrealized_profit),
        total_margin_balance: Money::new(balance.margin_balance),
        total_position_initial_margin: Money::new(balance.position_initial_margin),
        total_open_order_initial_margin: Money::new(balance.open_order_initial_margin),
        total_cross_wallet_balance: Money::new(cross),
        total_cross_un_pnl: Money::new(balance.cross_unrealized_profit),
        available_balance: Money::new(balance.available_balance),
        max_withdraw_amount: Money::new(balance.max_withdraw),
    }
}

/// An asset of version 3.
pub(crate) fn asset(asset: &Asset) -> AccountAsset {
    let Asset { name, balance, update_time } = asset;
    AccountAsset {
        asset: name.clone(),
        wallet_balance: Money::new(balance.wallet_balance),
        unrealized_profit: Money::new(balance.unrealized_profit),
        margin_balance: Money::new(balance.margin_balance),
        maint_margin: Money::new(balance.maint_margin),
        initial_margin: Money::new(balance.initial_margin),
        position_initial_margin: Money::new(balance.position_initial_margin),
        open_order_initial_margin: Money::new(balance.open_order_initial_margin),
        cross_wallet_balance: Money::new(balance.cross_wallet_balance),
        cross_un_pnl: Money::new(balance.cross_unrealized_profit),
        available_balance: Money::new(balance.available_balance),
        max_withdraw_amount: Money::new(balance.max_withdraw),
        update_time: *update_time,
    }
}

/// An asset of version 2.
pub(crate) fn asset_v2(of: &Asset) -> AccountAssetV2 {
    let row = asset(of);
    AccountAssetV2 {
        asset: row.asset,
        wallet_balance: row.wallet_balance,
        unrealized_profit: row.unrealized_profit,
        margin_balance: row.margin_balance,
        maint_margin: row.maint_margin,
        initial_margin: row.initial_margin,
        position_initial_margin: row.position_initial_margin,
        open_order_initial_margin: row.open_order_initial_margin,
        cross_wallet_balance: row.cross_wallet_balance,
        cross_un_pnl: row.cross_un_pnl,
        available_balance: row.available_balance,
        max_withdraw_amount: row.max_withdraw_amount,
        margin_available: true,
        update_time: row.update_time,
    }
}

/// A row of `balance`.
pub(crate) fn balance_row(account: AccountId, asset: &Asset) -> BalanceRow {
    let Asset { name, balance, update_time } = asset;
    BalanceRow {
        account_alias: format!("acc{:03}", account.0).into(),
        asset: name.clone(),
        balance: Money::new(balance.wallet_balance),
        cross_wallet_balance: Money::new(balance.cross_wallet_balance),
        cross_un_pnl: Money::new(balance.cross_unrealized_profit),
        available_balance: Money::new(balance.available_balance),
        max_withdraw_amount: Money::new(balance.max_withdraw),
        margin_available: true,
        update_time: *update_time,
    }
}

/// A position with what its account has chosen and has open.
pub(crate) struct Row<'a> {
    sym: Sym<'a>,
    risk: &'a PositionRisk,
    open: OpenNotionals,
    max_notional: Decimal,
    notional: Decimal,
}

impl<'a> Row<'a> {
    /// None where the symbol is not there.
    pub(crate) fn of(
        exchange: &'a SimExchange,
        account: AccountId,
        risk: &'a PositionRisk,
    ) -> Option<Row<'a>> {
        let sym = Sym::of(exchange, risk.symbol)?;
        let open = exchange.open_notionals_of(account, risk.symbol, risk.position_side);
        let max_notional = exchange.symbol_choice_of(account, risk.symbol)?.max_notional;
        let notional = sym.qty(risk.position_amt) * sym.price(risk.mark_price);
        Some(Row { sym, risk, open, max_notional, notional })
    }

    fn is_isolated(&self) -> bool {
        self.risk.margin_type == MarginType::Isolated
    }

    /// Isolated wallet and profit; zero on cross margin.
    fn isolated_margin(&self) -> Decimal {
        match self.is_isolated() {
            true => self.risk.isolated_wallet + self.risk.unrealized_profit,
            false => Decimal::ZERO,
        }
    }

    fn open_margin(&self) -> Decimal {
        (self.open.initial_margin - self.risk.initial_margin).max(Decimal::ZERO)
    }

    fn amount(&self) -> Num {
        self.sym.precision.quantity(self.sym.qty(self.risk.position_amt))
    }

    /// With one decimal for nothing, as the recorded rows have it.
    fn price_text(price: Decimal) -> Num {
        if price.is_zero() { Num::cut(price, 1) } else { Num::shortest(price) }
    }

    pub(crate) fn risk_v2(&self) -> PositionRiskV2 {
        let risk = self.risk;
        PositionRiskV2 {
            symbol: self.sym.name().into(),
            position_amt: self.amount(),
            entry_price: Row::price_text(risk.entry_price),
            break_even_price: Row::price_text(risk.break_even_price),
            mark_price: Money::new(self.sym.price(risk.mark_price)),
            un_realized_profit: Money::new(risk.unrealized_profit),
            liquidation_price: ZeroOr::new(risk.liquidation_price),
            leverage: Num::shortest(risk.leverage.into()),
            max_notional_value: Num::shortest(self.max_notional),
            margin_type: match risk.margin_type {
                MarginType::Crossed => MarginTypeLower::Cross,
                MarginType::Isolated => MarginTypeLower::Isolated,
            },
            isolated_margin: Money::new(self.isolated_margin()),
            is_auto_add_margin: "false".into(),
            position_side: word!(PositionSide, risk.position_side),
            notional: ZeroOr::new(self.notional),
            isolated_wallet: ZeroOr::new(risk.isolated_wallet),
            update_time: risk.update_time.millis(),
        }
    }

    /// Version 3 shows what is held or has open orders.
    pub(crate) fn is_shown_by_v3(&self) -> bool {
        let open = self.open;
        self.risk.position_amt.0 != 0 || !open.bids.is_zero() || !open.asks.is_zero()
    }

    pub(crate) fn risk_v3(&self, adl: &[AdlQuantile]) -> PositionRiskV3 {
        let risk = self.risk;
        let own = |row: &&AdlQuantile| {
            row.symbol == risk.symbol && row.position_side == risk.position_side
        };
        PositionRiskV3 {
            symbol: self.sym.name().into(),
            position_side: word!(PositionSide, risk.position_side),
            position_amt: self.amount(),
            entry_price: Row::price_text(risk.entry_price),
            break_even_price: Row::price_text(risk.break_even_price),
            mark_price: Money::new(self.sym.price(risk.mark_price)),
            un_realized_profit: Money::new(risk.unrealized_profit),
            liquidation_price: ZeroOr::new(risk.liquidation_price),
            isolated_margin: ZeroOr::new(self.isolated_margin()),
            notional: ZeroOr::new(self.notional),
            margin_asset: USDT.into(),
            isolated_wallet: ZeroOr::new(risk.isolated_wallet),
            initial_margin: ZeroOr::new(self.open.initial_margin),
            maint_margin: ZeroOr::new(risk.maint_margin),
            position_initial_margin: ZeroOr::new(risk.initial_margin),
            open_order_initial_margin: ZeroOr::new(self.open_margin()),
            adl: adl.iter().find(own).map_or(0, |row| row.quantile),
            bid_notional: ZeroOr::new(self.open.bids),
            ask_notional: ZeroOr::new(self.open.asks),
            update_time: risk.update_time.millis(),
        }
    }

    /// `with_break_even`: the WebSocket API has the field, REST has not.
    pub(crate) fn account_v2(&self, with_break_even: bool) -> AccountPositionV2 {
        let risk = self.risk;
        AccountPositionV2 {
            symbol: self.sym.name().into(),
            initial_margin: ZeroOr::new(self.open.initial_margin),
            maint_margin: ZeroOr::new(risk.maint_margin),
            unrealized_profit: Money::new(risk.unrealized_profit),
            position_initial_margin: ZeroOr::new(risk.initial_margin),
            open_order_initial_margin: ZeroOr::new(self.open_margin()),
            leverage: Num::shortest(risk.leverage.into()),
            isolated: self.is_isolated(),
            entry_price: Row::price_text(risk.entry_price),
            break_even_price: with_break_even.then(|| Row::price_text(risk.break_even_price)),
            max_notional: Num::shortest(self.max_notional),
            bid_notional: ZeroOr::new(self.open.bids),
            ask_notional: ZeroOr::new(self.open.asks),
            position_side: word!(PositionSide, risk.position_side),
            position_amt: self.amount(),
            update_time: risk.update_time.millis(),
        }
    }

    pub(crate) fn account_v3(&self) -> AccountPositionV3 {
        let risk = self.risk;
        AccountPositionV3 {
            symbol: self.sym.name().into(),
            position_side: word!(PositionSide, risk.position_side),
            position_amt: self.amount(),
            unrealized_profit: Money::new(risk.unrealized_profit),
            isolated_margin: Money::new(self.isolated_margin()),
            notional: ZeroOr::new(self.notional),
            isolated_wallet: ZeroOr::new(risk.isolated_wallet),
            initial_margin: ZeroOr::new(self.open.initial_margin),
            maint_margin: ZeroOr::new(risk.maint_margin),
            update_time: risk.update_time.millis(),
        }
    }
}
