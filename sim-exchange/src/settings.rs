//! What an account sets: leverage, margin type, position mode, margin of an isolated position.

use engine::{
    AccountId, AccountUpdateReason, Answer, ExchangeError, MarginType, PositionSide, UserEvent,
};
use rust_decimal::Decimal;

use crate::exchange::SimExchange;
use crate::margin::requirement;
use crate::orders::refusal::error;

impl SimExchange {
    pub(crate) fn set_leverage(
        &mut self,
        id: AccountId,
        symbol: usize,
        leverage: u32,
    ) -> Result<Answer, ExchangeError> {
        let rules = &self.markets[symbol].rules;
        if leverage == 0 || leverage > rules.max_leverage() {
            return Err(error(-4028, &format!("Leverage {leverage} is not valid")));
        }
        let holding = self.holding(id, symbol);
        if leverage < holding.leverage && holding.is_isolated() && holding.is_held() {
            let text =
                "Leverage reduction is not supported in Isolated Margin Mode with open positions";
            return Err(error(-4161, text));
        }
        let mark = self.mark_or_zero(symbol);
        let mut more = Decimal::ZERO;
        for side in self.account(id).sides() {
            let open = &holding.open[*side as usize];
            let (bids, asks) = (open.bids_notional, open.asks_notional);
            let signed = rules.notional(mark, holding.position(*side).qty);
            let held = (signed + bids).abs().max((signed - asks).abs());
            if held > rules.max_notional(leverage) {
                let text = "Exceeded the maximum allowable position at current leverage.";
                return Err(error(-2027, text));
            }
            more += requirement(signed, bids, asks, leverage)
                - requirement(signed, bids, asks, holding.leverage);
        }
        if more > Decimal::ZERO && more > self.balances(id).available_balance {
            let text = "Leverage is smaller than permitted: insufficient margin balance.";
            return Err(error(-2028, text));
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
            return Err(error(-4046, "No need to change margin type."));
        }
        if holding.has_open_orders() {
            let text = "Margin type cannot be changed if there exists open orders.";
            return Err(error(-4047, text));
        }
        if holding.is_held() {
            let text = "Margin type cannot be changed if there exists position.";
            return Err(error(-4048, text));
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
            return Err(error(-4059, "No need to change position side."));
        }
        if account.holdings.iter().any(|holding| holding.has_open_orders()) {
            let text = "Position side cannot be changed if there exists open orders.";
            return Err(error(-4067, text));
        }
        if account.has_positions() {
            let text = "Position side cannot be changed if there exists position.";
            return Err(error(-4068, text));
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
            return Err(error(-4055, "Amount must be positive."));
        }
        if !self.account(id).sides().contains(&side) {
            let text = "Order's position side does not match user's setting.";
            return Err(error(-4061, text));
        }
        let holding = self.holding(id, symbol);
        if !holding.is_isolated() {
            return Err(error(-4049, "Add margin only support for isolated position."));
        }
        let position = holding.position(side);
        if position.qty == 0 {
            return Err(error(-4054, "Cannot add position margin: position is 0."));
        }
        let change = if add {
            let balances = self.balances(id);
            if amount > balances.available_balance.min(balances.max_withdraw) {
                return Err(error(-4050, "Cross balance insufficient."));
            }
            amount
        } else {
            // What stays covers the maintenance margin, and the initial margin at the mark.
            let margin = self.margin_of(id, symbol, side);
            let worth =
                self.markets[symbol].rules.notional(self.mark_or_zero(symbol), position.qty.abs());
            let initial = worth / Decimal::from(holding.leverage);
            let wallet = position.isolated_wallet;
            let most = (wallet - margin.maintenance).min(wallet + margin.unrealized - initial);
            if amount > most {
                return Err(error(-4051, "Isolated balance insufficient."));
            }
            -amount
        };
        self.holding_mut(id, symbol).position_mut(side).isolated_wallet += change;
        let reason = AccountUpdateReason::MarginTransfer;
        self.send_account(id, reason, -change, Some((symbol, side)));
        Ok(Answer::Done)
    }
}
