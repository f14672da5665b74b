//! What an account sets: leverage, margin type, position mode, margin of an isolated position.

use engine::{
    AccountId, AccountUpdateReason, Answer, ExchangeError, MarginType, PositionSide, UserEvent,
};
use rust_decimal::Decimal;

use crate::exchange::SimExchange;
use crate::margin::{removable, requirement};
use crate::wire::VenueError;

impl SimExchange {
    pub(crate) fn set_leverage(
        &mut self,
        id: AccountId,
        symbol: usize,
        leverage: u32,
    ) -> Result<Answer, ExchangeError> {
        let rules = &self.markets[symbol].rules;
        if leverage == 0 || leverage > rules.max_leverage() {
            return Err(VenueError::InvalidLeverage.naming(&[&leverage]));
        }
        let holding = self.holding(id, symbol);
        if leverage < holding.leverage && holding.is_isolated() && holding.is_held() {
            return Err(VenueError::IsolatedLeverageReduction.error());
        }
        let mark = self.mark_or_zero(symbol);
        let mut more = Decimal::ZERO;
        for side in self.account(id).sides() {
            let open = &holding.open[*side as usize];
            let (bids, asks) = (open.bids_notional, open.asks_notional);
            let signed = rules.notional(mark, holding.position(*side).qty);
            let held = (signed + bids).abs().max((signed - asks).abs());
            if held > rules.max_notional(leverage) {
                return Err(VenueError::MaxPositionAtLeverage.error());
            }
            more += requirement(signed, bids, asks, leverage)
                - requirement(signed, bids, asks, holding.leverage);
        }
        let counted = self.margin_counted(id, more);
        if more > Decimal::ZERO && counted > self.balances(id).available_balance {
            return Err(VenueError::LeverageTooSmall.error());
        }
        let max_notional = rules.max_notional(leverage);
        self.holding_mut(id, symbol).leverage = leverage;
        let symbol = engine::SymbolIndex(symbol as u16);
        self.send_user(id, UserEvent::LeverageUpdate { symbol, leverage });
        Ok(Answer::Leverage { symbol, leverage, max_notional })
    }

    pub(crate) fn set_margin_type(
        &mut self,
        id: AccountId,
        symbol: usize,
        margin_type: MarginType,
    ) -> Result<Answer, ExchangeError> {
        let holding = self.holding(id, symbol);
        if holding.margin_type == margin_type {
            return Err(VenueError::SameMarginType.error());
        }
        if self.account(id).multi_assets {
            return Err(VenueError::IsolatedUnderMultiAssets.error());
        }
        if holding.has_open_orders() || self.conditionals.any(id, symbol) {
            return Err(VenueError::MarginTypeWithOrders.error());
        }
        if holding.is_held() {
            return Err(VenueError::MarginTypeWithPosition.error());
        }
        self.holding_mut(id, symbol).margin_type = margin_type;
        let side = self.account(id).sides()[0];
        let reason = AccountUpdateReason::MarginTypeChange;
        self.send_account(id, reason, Decimal::ZERO, Some((symbol, side)));
        Ok(Answer::Done)
    }

    pub(crate) fn set_position_mode(
        &mut self,
        id: AccountId,
        dual: bool,
    ) -> Result<Answer, ExchangeError> {
        let account = self.account(id);
        if account.dual == dual {
            return Err(VenueError::SamePositionMode.error());
        }
        let waits = (0..self.markets.len()).any(|symbol| self.conditionals.any(id, symbol));
        if waits || account.holdings.iter().any(|holding| holding.has_open_orders()) {
            return Err(VenueError::PositionModeWithOrders.error());
        }
        if account.has_positions() {
            return Err(VenueError::PositionModeWithPosition.error());
        }
        self.account_mut(id).dual = dual;
        Ok(Answer::Done)
    }

    /// Moves money between the cross wallet and an isolated position.
    pub(crate) fn modify_position_margin(
        &mut self,
        id: AccountId,
        symbol: usize,
        side: PositionSide,
        amount: Decimal,
        add: bool,
    ) -> Result<Answer, ExchangeError> {
        if amount <= Decimal::ZERO || amount.scale() > 8 {
            return Err(VenueError::AmountNotPositive.error());
        }
        if !self.account(id).sides().contains(&side) {
            return Err(VenueError::PositionSideNotMatch.error());
        }
        let holding = self.holding(id, symbol);
        if !holding.is_isolated() {
            return Err(VenueError::AddMarginToCross.error());
        }
        let position = holding.position(side);
        if position.qty == 0 {
            return Err(VenueError::AddMarginWithoutPosition.error());
        }
        let change = if add {
            let balances = self.balances(id);
            if amount > balances.available_balance.min(balances.max_withdraw) {
                return Err(VenueError::CrossBalanceInsufficient.error());
            }
            amount
        } else {
            let margin = self.margin_of(id, symbol, side);
            let worth =
                self.markets[symbol].rules.notional(self.mark_or_zero(symbol), position.qty.abs());
            let initial = worth / Decimal::from(holding.leverage);
            if amount > removable(position.isolated_wallet, margin, initial) {
                return Err(VenueError::IsolatedBalanceInsufficient.error());
            }
            -amount
        };
        self.holding_mut(id, symbol).position_mut(side).isolated_wallet += change;
        let reason = AccountUpdateReason::MarginTransfer;
        self.send_account(id, reason, -change, Some((symbol, side)));
        Ok(Answer::Done)
    }
}
