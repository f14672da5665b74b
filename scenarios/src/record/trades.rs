//! Trades: a position from its opening to its end, with all that it made and cost.
//!
//! A position that turns ends one trade and begins the next with the same fill: its commission is shared by quantity.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::{Instrument, Nanos, OrderType, PriceTicks, QtyLots, Side, SymbolIndex};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sim_exchange::{Booked, Happened, PositionKey};

use super::{Plans, RecordedFill};

/// A trade that has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClosedTrade {
    /// Place of the symbol among those of the run.
    pub symbol: usize,
    /// It gained when the price rose.
    pub long: bool,
    /// Largest size, in units of the base asset.
    pub qty: Decimal,
    /// By the exchange's clock.
    pub entry_time: Nanos,
    /// Mean of what opened it, in USDT.
    pub entry_price: Decimal,
    /// By the exchange's clock.
    pub exit_time: Nanos,
    /// Mean of what closed it, in USDT; zero where a reset took it away.
    pub exit_price: Decimal,
    /// Why: the reason of the last closing plan, the kind of a stop, `liquidation`, `reset`, or `by hand`.
    pub exit_reason: Arc<str>,
    /// Who decided to open: a service, or `by hand`.
    pub source: Arc<str>,
    /// Before fees and funding, in USDT.
    pub realized: Decimal,
    /// Paid, in USDT, those of liquidations among them.
    pub fees: Decimal,
    /// Received, in USDT; below zero when paid.
    pub funding: Decimal,
    /// What its fills were worse than the prices of their plans, in USDT; below zero where they were better. Part of what it
    /// realised.
    pub slippage: Decimal,
    /// Lowest price of the symbol's trades while it was held, in USDT.
    pub lowest: Option<Decimal>,
    /// Highest.
    pub highest: Option<Decimal>,
    /// First stop loss of the plan that opened it, in USDT.
    pub stop_loss: Option<Decimal>,
    /// Leverage at its opening.
    pub leverage: u32,
    /// The venue closed it.
    pub liquidated: bool,
    /// Client order id of what opened it.
    pub entry_order: Arc<str>,
    /// Of what closed it last.
    pub exit_order: Arc<str>,
}

/// A trade that is still open at the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenTrade {
    /// Place of the symbol among those of the run.
    pub symbol: usize,
    /// It gains when the price rises.
    pub long: bool,
    /// Size at the end, in units of the base asset.
    pub qty: Decimal,
    /// By the exchange's clock.
    pub entry_time: Nanos,
    /// Mean of what opened it, in USDT.
    pub entry_price: Decimal,
    /// Of what was closed so far, in USDT.
    pub realized: Decimal,
    /// Paid so far, in USDT.
    pub fees: Decimal,
    /// Received so far, in USDT.
    pub funding: Decimal,
}

/// A position that is held.
#[derive(Clone, Debug)]
struct Held {
    trade: ClosedTrade,
    /// Lots held now, and the most that were.
    lots: i64,
    most: i64,
    /// Σ lots and Σ price × lots of what opened it, and of what closed it.
    opened: (i64, Decimal),
    closed: (i64, Decimal),
}

/// All trades of one account.
#[derive(Clone, Debug)]
pub(super) struct Trades {
    instruments: Vec<Instrument>,
    held: BTreeMap<PositionKey, Held>,
    /// Who opens and closes where no plan says it.
    by_hand: Arc<str>,
}

impl Trades {
    pub(super) fn new(instruments: &[Instrument]) -> Trades {
        Trades {
            instruments: instruments.to_vec(),
            held: BTreeMap::new(),
            by_hand: "by hand".into(),
        }
    }

    fn price(&self, symbol: SymbolIndex, ticks: i64) -> Decimal {
        let decimals = self.instruments.get(usize::from(symbol.0)).map_or(0, |i| i.price_decimals);
        Decimal::new(ticks, decimals)
    }

    fn qty(&self, symbol: SymbolIndex, lots: i64) -> Decimal {
        let decimals = self.instruments.get(usize::from(symbol.0)).map_or(0, |i| i.qty_decimals);
        Decimal::new(lots, decimals)
    }

    /// Price × signed quantity, in USDT.
    pub(super) fn notional(&self, symbol: SymbolIndex, price: PriceTicks, qty: QtyLots) -> Decimal {
        self.price(symbol, price.0) * self.qty(symbol, qty.0)
    }

    /// The fill of a line, if it is one.
    pub(super) fn fill(&self, line: &Booked) -> Option<RecordedFill> {
        let Happened::Filled {
            client_order_id,
            side,
            price,
            qty,
            notional,
            commission,
            maker,
            forced,
            ..
        } = &line.what
        else {
            return None;
        };
        let symbol = line.position.symbol;
        Some(RecordedFill {
            time: line.time,
            symbol: usize::from(symbol.0),
            buys: *side == Side::Buy,
            price: self.price(symbol, *price),
            qty: self.qty(symbol, *qty),
            notional: *notional,
            commission: *commission,
            maker: *maker,
            forced: *forced,
            client_order_id: Arc::clone(client_order_id),
        })
    }

    /// Takes a line of the exchange's tape, and gives the trade that it ends, if it does.
    pub(super) fn take(&mut self, line: &Booked, plans: &Plans) -> Option<ClosedTrade> {
        let key = line.position;
        self.prices(line);
        match &line.what {
            Happened::Held { qty, cost } => {
                let mut held = self.begin(line, *qty > 0);
                (held.lots, held.most) = (qty.abs(), qty.abs());
                held.opened = (qty.abs(), *cost / self.unit(key.symbol));
                held.trade.source = "held before".into();
                self.held.insert(key, held);
                None
            }
            Happened::Filled { .. } => self.filled(line, plans),
            Happened::Funding(amount) => {
                if let Some(held) = self.held.get_mut(&key) {
                    held.trade.funding += *amount;
                }
                None
            }
            Happened::LiquidationFee(fee) => {
                if let Some(held) = self.held.get_mut(&key) {
                    held.trade.fees += *fee;
                }
                None
            }
            Happened::Wiped => {
                let mut held = self.held.remove(&key)?;
                held.trade.exit_reason = "reset".into();
                Some(self.end(held, line.time))
            }
        }
    }

    /// One lot, in units of the base asset.
    fn unit(&self, symbol: SymbolIndex) -> Decimal {
        self.qty(symbol, 1)
    }

    /// What the symbol's prices did while its positions were held.
    fn prices(&mut self, line: &Booked) {
        let Some((low, high)) = line.prices else { return };
        let symbol = line.position.symbol;
        let (low, high) = (self.price(symbol, low), self.price(symbol, high));
        let held = self.held.iter_mut().filter(|(key, _)| key.symbol == symbol);
        for (_, held) in held {
            let trade = &mut held.trade;
            trade.lowest = Some(trade.lowest.map_or(low, |lowest| lowest.min(low)));
            trade.highest = Some(trade.highest.map_or(high, |highest| highest.max(high)));
        }
    }

    fn begin(&self, line: &Booked, long: bool) -> Held {
        let trade = ClosedTrade {
            symbol: usize::from(line.position.symbol.0),
            long,
            qty: Decimal::ZERO,
            entry_time: line.time,
            entry_price: Decimal::ZERO,
            exit_time: line.time,
            exit_price: Decimal::ZERO,
            exit_reason: Arc::default(),
            source: Arc::clone(&self.by_hand),
            realized: Decimal::ZERO,
            fees: Decimal::ZERO,
            funding: Decimal::ZERO,
            slippage: Decimal::ZERO,
            lowest: None,
            highest: None,
            stop_loss: None,
            leverage: line.leverage,
            liquidated: false,
            entry_order: Arc::default(),
            exit_order: Arc::default(),
        };
        let none = (0, Decimal::ZERO);
        Held { trade, lots: 0, most: 0, opened: none, closed: none }
    }

    fn filled(&mut self, line: &Booked, plans: &Plans) -> Option<ClosedTrade> {
        let Happened::Filled {
            client_order_id,
            order_type,
            side,
            price,
            qty,
            commission,
            realized,
            forced,
            ..
        } = &line.what
        else {
            return None;
        };
        let key = line.position;
        let (price, unit) = (self.price(key.symbol, *price), self.unit(key.symbol));
        let plan = plans.of_order(client_order_id);
        let buys = *side == Side::Buy;
        let worse = plan
            .and_then(|plan| plan.price)
            .map_or(Decimal::ZERO, |decided| if buys { price - decided } else { decided - price });
        let (mut left, mut commission_left) = (*qty, *commission);
        let mut ended = None;
        if let Some(held) = self.held.get_mut(&key)
            && held.trade.long != buys
        {
            let closes = left.min(held.lots);
            held.lots -= closes;
            held.closed.0 += closes;
            held.closed.1 += price * Decimal::from(closes);
            held.trade.realized += *realized;
            held.trade.slippage += worse * unit * Decimal::from(closes);
            // To the eight decimals of a wallet; the rest is the other trade's.
            let paid = *commission * Decimal::from(closes) / Decimal::from((*qty).max(1));
            let paid = if closes == *qty { *commission } else { paid.round_dp(8) };
            held.trade.fees += paid;
            commission_left -= paid;
            held.trade.liquidated |= *forced;
            held.trade.exit_order = Arc::clone(client_order_id);
            held.trade.exit_reason = match plan {
                _ if *forced => "liquidation".into(),
                _ if client_order_id.starts_with("settlement_autoclose") => "delisting".into(),
                Some(plan) if !plan.reason.is_empty() => Arc::clone(&plan.reason),
                Some(plan) => Arc::clone(&plan.source),
                None => match order_type {
                    OrderType::Limit | OrderType::Market => Arc::clone(&self.by_hand),
                    stop => stop.as_str().to_lowercase().into(),
                },
            };
            left -= closes;
            if held.lots == 0
                && let Some(held) = self.held.remove(&key)
            {
                ended = Some(self.end(held, line.time));
            }
        }
        if left > 0 {
            let fresh = !self.held.contains_key(&key);
            let mut held = match self.held.remove(&key) {
                Some(held) => held,
                None => self.begin(line, buys),
            };
            held.lots += left;
            held.most = held.most.max(held.lots);
            held.opened.0 += left;
            held.opened.1 += price * Decimal::from(left);
            held.trade.fees += commission_left;
            held.trade.slippage += worse * unit * Decimal::from(left);
            if fresh {
                held.trade.entry_order = Arc::clone(client_order_id);
                held.trade.leverage = line.leverage;
                (held.trade.lowest, held.trade.highest) = (Some(price), Some(price));
                if let Some(plan) = plan {
                    held.trade.source.clone_from(&plan.source);
                    held.trade.stop_loss = plan.stop_loss;
                }
            }
            self.held.insert(key, held);
        }
        ended
    }

    fn end(&self, held: Held, time: Nanos) -> ClosedTrade {
        let symbol = SymbolIndex(held.trade.symbol as u16);
        let mean = |(lots, sum): (i64, Decimal)| match lots {
            0 => Decimal::ZERO,
            lots => (sum / Decimal::from(lots)).round_dp(12).normalize(),
        };
        ClosedTrade {
            qty: self.qty(symbol, held.most).normalize(),
            entry_price: mean(held.opened),
            exit_price: mean(held.closed),
            exit_time: time,
            ..held.trade
        }
    }

    /// Whether the position is held.
    pub(super) fn holds(&self, key: &PositionKey) -> bool {
        self.held.contains_key(key)
    }

    /// What is held now.
    pub(super) fn open(&self) -> Vec<OpenTrade> {
        let open = |(key, held): (&PositionKey, &Held)| {
            let trade = self.end(held.clone(), held.trade.entry_time);
            OpenTrade {
                symbol: trade.symbol,
                long: trade.long,
                qty: self.qty(key.symbol, held.lots).normalize(),
                entry_time: trade.entry_time,
                entry_price: trade.entry_price,
                realized: trade.realized,
                fees: trade.fees,
                funding: trade.funding,
            }
        };
        self.held.iter().map(open).collect()
    }
}
