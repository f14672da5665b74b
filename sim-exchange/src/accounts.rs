//! The accounts of the venue: what each holds of each symbol, and the sums of its open orders.
//!
//! Invariant: an account's cross wallet and its isolated wallets add up to its wallet in the ledger.

use engine::{AccountId, MarginType, PositionSide, Side};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::book::Resting;
use crate::collateral_wallets::CollateralWallets;
use crate::exchange::PRICE_MAX;
use crate::limits::LimitUsage;
use crate::position::Position;
use crate::report::{KeptRisks, SymbolCounts};

/// One account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) id: AccountId,
    /// Hedge mode, or else one-way.
    pub(crate) dual: bool,
    /// Multi-assets mode, or else each asset for itself.
    pub(crate) multi_assets: bool,
    pub(crate) collateral: CollateralWallets,
    /// A liquidation is under way: no new orders.
    pub(crate) liquidating: bool,
    pub(crate) maker_rate: Decimal,
    pub(crate) taker_rate: Decimal,
    /// In the order of the run's symbols.
    pub(crate) holdings: Vec<Holding>,
    pub(crate) usage: LimitUsage,
    #[serde(skip)]
    pub(crate) risks: KeptRisks,
}

impl Account {
    /// Whether it holds anything.
    pub(crate) fn has_positions(&self) -> bool {
        self.holdings.iter().any(Holding::is_held)
    }

    /// What lies in isolated positions.
    pub(crate) fn isolated_wallets(&self) -> Decimal {
        let isolated = self.holdings.iter().filter(|h| h.is_isolated() && h.is_held());
        let positions = isolated.flat_map(|holding| &holding.positions);
        positions.map(|position| position.isolated_wallet).sum()
    }

    /// The sides that positions have in its mode.
    pub(crate) fn sides(&self) -> &'static [PositionSide] {
        if self.dual { &[PositionSide::Long, PositionSide::Short] } else { &[PositionSide::Both] }
    }
}

/// What an account has of one symbol.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Holding {
    pub(crate) leverage: u32,
    pub(crate) margin_type: MarginType,
    /// BOTH, LONG and SHORT.
    pub(crate) positions: [Position; 3],
    /// Of open orders, by position side.
    pub(crate) open: [OpenOrders; 3],
    /// A mark below this, or above the other, may liquidate or bring a margin call.
    pub(crate) mark_low: i64,
    pub(crate) mark_high: i64,
    pub(crate) funding_expected: bool,
    pub(crate) counts: SymbolCounts,
}

impl Holding {
    pub(crate) fn new(leverage: u32, margin_type: MarginType) -> Holding {
        Holding {
            leverage,
            margin_type,
            positions: Default::default(),
            open: Default::default(),
            mark_low: 1,
            mark_high: PRICE_MAX,
            funding_expected: false,
            counts: SymbolCounts::default(),
        }
    }

    pub(crate) fn is_held(&self) -> bool {
        self.positions.iter().any(|position| position.qty != 0)
    }

    pub(crate) fn has_open_orders(&self) -> bool {
        self.open.iter().any(|open| open.count > 0)
    }

    pub(crate) fn open_count(&self) -> usize {
        self.open.iter().map(|open| open.count).sum()
    }

    pub(crate) fn position(&self, side: PositionSide) -> &Position {
        &self.positions[side as usize]
    }

    pub(crate) fn position_mut(&mut self, side: PositionSide) -> &mut Position {
        &mut self.positions[side as usize]
    }

    /// Profit realised so far, with that of positions that a reset has wiped out.
    pub(crate) fn realized(&self) -> Decimal {
        let of_positions: Decimal = self.positions.iter().map(Position::realized).sum();
        self.counts.realized + of_positions
    }

    pub(crate) fn is_isolated(&self) -> bool {
        self.margin_type == MarginType::Isolated
    }
}

/// Sums of an account's resting orders in one symbol, for one position side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OpenOrders {
    pub(crate) count: usize,
    /// Notional of resting buys that may open, at their prices.
    pub(crate) bids_notional: Decimal,
    /// The same of sells.
    pub(crate) asks_notional: Decimal,
    /// Lots of the same orders.
    pub(crate) bids_qty: i64,
    pub(crate) asks_qty: i64,
    /// Lots of resting orders that can only reduce.
    pub(crate) reduce_buys: i64,
    pub(crate) reduce_sells: i64,
}

impl OpenOrders {
    pub(crate) fn reduce_qty(&self, side: Side) -> i64 {
        match side {
            Side::Buy => self.reduce_buys,
            Side::Sell => self.reduce_sells,
        }
    }

    /// Lots of resting orders on `side` that may open.
    pub(crate) fn opening_qty(&self, side: Side) -> i64 {
        match side {
            Side::Buy => self.bids_qty,
            Side::Sell => self.asks_qty,
        }
    }

    pub(crate) fn add(&mut self, order: &Resting) {
        self.count += 1;
        self.change(order, order.qty, order.notional);
    }

    pub(crate) fn remove(&mut self, order: &Resting) {
        self.count -= 1;
        self.change(order, -order.qty, -order.notional);
    }

    /// `qty` lots worth `notional` come to the order, or go when they are below zero.
    pub(crate) fn change(&mut self, order: &Resting, qty: i64, notional: Decimal) {
        match (order.side, order.reduces) {
            (Side::Buy, true) => self.reduce_buys += qty,
            (Side::Sell, true) => self.reduce_sells += qty,
            (Side::Buy, false) => {
                self.bids_notional += notional;
                self.bids_qty += qty;
            }
            (Side::Sell, false) => {
                self.asks_notional += notional;
                self.asks_qty += qty;
            }
        }
    }
}

/// Whether an order can only make its position smaller: by its own word, or by its side in hedge mode.
pub(crate) fn reduces(side: Side, position_side: PositionSide, reduce_only: bool) -> bool {
    match position_side {
        PositionSide::Both => reduce_only,
        PositionSide::Long => side == Side::Sell,
        PositionSide::Short => side == Side::Buy,
    }
}
