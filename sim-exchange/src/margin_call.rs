//! MARGIN_CALL: a pool has come near its liquidation.
//!
//! The live threshold is unpublished; the default is the ratio that the FAQ advises to stay below. A pool
//! is called when its maintenance margin reaches that part of its margin balance, and not again until
//! it has been below. Liquidations come first: what one leap of the mark liquidates is not called.

use engine::{AccountId, MarginCallPosition, PriceTicks, QtyLots, SymbolIndex, UserEvent};
use rust_decimal::Decimal;

use crate::exchange::SimExchange;
use crate::margin::{Pool, PoolSums};
use crate::position::cut8;

/// What the positions of a pool may lose and gain until the pool must be looked at, all of them together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Room {
    /// So many share it evenly.
    pub(crate) positions: Decimal,
    /// What a position loses counts so much: as the margin balance does in the test that comes next.
    pub(crate) weight: Decimal,
    pub(crate) loss: Decimal,
    /// A pool that has been called may be called again after such a gain.
    pub(crate) gain: Option<Decimal>,
}

impl PoolSums {
    /// What is left until a margin ratio is reached; zero or less where it is.
    pub(crate) fn left_until(&self, ratio: Decimal) -> Decimal {
        self.margin_balance() * ratio - self.maintenance
    }
}

impl SimExchange {
    /// Looks at a pool after any change: calls it, or lets it be called again. Answers its room.
    pub(crate) fn look_at_margin(&mut self, id: AccountId, pool: Pool, positions: usize) -> Room {
        let sums = self.pool_sums(id, pool);
        let ratio = self.config.margin_call_ratio;
        let (left, positions) = (sums.left_until(ratio), Decimal::from(positions));
        if left > Decimal::ZERO {
            self.margin_calls.remove(&(id, pool));
            // The ratio is at most one, so that the liquidation is farther away than the call.
            return Room { positions, weight: ratio, loss: left, gain: None };
        }
        if !self.is_closed() && self.margin_calls.insert((id, pool)) {
            self.call(id, pool);
        }
        let loss = sums.left_until(Decimal::ONE).max(Decimal::ZERO);
        Room { positions, weight: Decimal::ONE, loss, gain: Some(-left) }
    }

    /// A pool that holds nothing any more is in no danger.
    pub(crate) fn forget_closed_pools(&mut self, id: AccountId) {
        if self.margin_calls.is_empty() {
            return;
        }
        let mut calls = std::mem::take(&mut self.margin_calls);
        calls.retain(|(of, pool)| *of != id || !self.pool_positions(id, *pool).is_empty());
        self.margin_calls = calls;
    }

    #[cold]
    fn call(&mut self, id: AccountId, pool: Pool) {
        let row = |(symbol, side)| {
            let holding = self.holding(id, symbol);
            let (position, margin) = (holding.position(side), self.margin_of(id, symbol, side));
            MarginCallPosition {
                symbol: SymbolIndex(symbol as u16),
                position_side: side,
                position_amt: QtyLots(position.qty),
                margin_type: holding.margin_type,
                isolated_wallet: position.isolated_wallet,
                mark_price: PriceTicks(self.mark_or_zero(symbol)),
                unrealized_profit: cut8(margin.unrealized),
                maint_margin: cut8(margin.maintenance),
            }
        };
        let positions = self.pool_positions(id, pool).into_iter().map(row).collect();
        let cross_wallet_balance = (pool == Pool::Cross).then(|| self.cross_wallet(id));
        self.send_user(id, UserEvent::MarginCall { cross_wallet_balance, positions });
    }
}
