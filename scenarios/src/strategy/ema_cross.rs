//! Long while the fast moving average of the closes stands above the slow one, else short or flat.

use engine::{
    Answer, Context, ExchangeEvent, Input, Instrument, MarketData, MarketWants, NewOrder, Outcome,
    QtyLots, Request, RequestId, Service, Side, Symbol, SymbolIndex, UserEvent, Wiring,
};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use serde::{Deserialize, Serialize};

/// The settings of the strategy. The averages begin at the first close; nothing is traded before `slow` bars.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmaCross {
    /// What it trades; the market has to have bars of it.
    pub symbol: Symbol,
    /// Bars of the fast average: each close weighs 2 / (bars + 1).
    pub fast: u32,
    /// Bars of the slow average.
    pub slow: u32,
    /// How much it holds, in the base asset.
    pub quantity: Decimal,
    /// Whether it is short below, or flat.
    #[serde(default = "yes")]
    pub short: bool,
}

fn yes() -> bool {
    true
}

impl EmaCross {
    pub(super) fn problem(&self) -> Option<String> {
        if self.fast == 0 || self.fast >= self.slow {
            return Some(format!(
                "[strategy.ema_cross] fast is {} and slow is {}: fast has to be above zero and below slow",
                self.fast, self.slow
            ));
        }
        (self.quantity <= Decimal::ZERO).then(|| {
            format!("[strategy.ema_cross] quantity is {}: it has to be above zero", self.quantity)
        })
    }

    pub(super) fn service(&self, instruments: &[Instrument]) -> Result<Crossing, String> {
        let place = instruments.iter().position(|one| one.symbol == self.symbol);
        let Some(place) = place else {
            let there: Vec<&str> = instruments.iter().map(|one| one.symbol.as_str()).collect();
            return Err(format!(
                "[strategy.ema_cross] symbol is {}, and the market has {}",
                self.symbol,
                there.join(", ")
            ));
        };
        let decimals = instruments[place].qty_decimals;
        let lots = self.quantity * Decimal::from(10_u64.pow(decimals.min(18)));
        let lots = if lots.is_integer() { lots.to_i64() } else { None };
        let Some(lots) = lots else {
            return Err(format!(
                "[strategy.ema_cross] quantity is {}: {} is traded in {decimals} decimals",
                self.quantity, self.symbol
            ));
        };
        Ok(Crossing {
            symbol: SymbolIndex(place as u16),
            weights: [self.fast, self.slow].map(|bars| 2.0 / (f64::from(bars) + 1.0)),
            slow: self.slow,
            long: lots,
            short: if self.short { -lots } else { 0 },
            averages: [0.0; 2],
            bars: 0,
            held: None,
            open: None,
            orders: 0,
        })
    }
}

/// The strategy as a service. One order is under way at the most; what it holds is what the exchange says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Crossing {
    symbol: SymbolIndex,
    weights: [f64; 2],
    slow: u32,
    long: i64,
    short: i64,
    averages: [f64; 2],
    bars: u32,
    /// In lots; none until the exchange has told it.
    held: Option<i64>,
    /// What waits for its answer, or for its fill.
    open: Option<RequestId>,
    orders: u64,
}

impl Crossing {
    fn close(&mut self, close: f64, ctx: &mut Context<'_>) {
        if self.bars == 0 {
            self.averages = [close; 2];
        }
        for (average, weight) in self.averages.iter_mut().zip(self.weights) {
            *average += weight * (close - *average);
        }
        self.bars = self.bars.saturating_add(1);
        let (Some(held), None) = (self.held, self.open) else { return };
        if self.bars < self.slow {
            return;
        }
        let wanted = if self.averages[0] > self.averages[1] { self.long } else { self.short };
        if wanted == held {
            return;
        }
        self.orders += 1;
        let side = if wanted > held { Side::Buy } else { Side::Sell };
        let lots = QtyLots((wanted - held).abs());
        let id = format!("cross-{}", self.orders);
        let order = NewOrder::market(self.symbol, side, lots, &id);
        self.open = Some(ctx.submit(Request::NewOrder(order)));
    }

    fn ask(&mut self, ctx: &mut Context<'_>) {
        self.held = None;
        self.open = Some(ctx.submit(Request::PositionRisk));
    }

    fn answered(&mut self, outcome: &Outcome, ctx: &mut Context<'_>) {
        match outcome {
            Outcome::Done(Answer::PositionRisk(rows)) => {
                let own = rows.iter().find(|row| row.symbol == self.symbol);
                self.held = Some(own.map_or(0, |row| row.position_amt.0));
                self.open = None;
            }
            // Its end comes with the account's events.
            Outcome::Done(_) => {}
            // Still wanted at the next close, it is asked for again.
            Outcome::Refused(_) => self.open = None,
            Outcome::Unknown => self.ask(ctx),
        }
    }
}

impl Service for Crossing {
    fn wiring(&self) -> Wiring {
        let market = MarketWants { bars: true, ..MarketWants::NONE };
        Wiring { market, user_stream: true, exchange: true, ..Wiring::default() }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Start => self.ask(ctx),
            Input::Market(event) if event.symbol == self.symbol => {
                if let MarketData::Bar(bar) = &event.data {
                    self.close(bar.close.0 as f64, ctx);
                }
            }
            Input::Exchange(ExchangeEvent::Response { request, outcome, .. })
                if self.open == Some(*request) =>
            {
                self.answered(outcome, ctx);
            }
            Input::Exchange(ExchangeEvent::User { event, .. }) => match event {
                UserEvent::AccountUpdate { positions, .. } => {
                    for row in positions.iter().filter(|row| row.symbol == self.symbol) {
                        self.held = Some(row.position_amt.0);
                    }
                }
                UserEvent::OrderTradeUpdate { order, liquidation: false, .. }
                    if order.symbol == self.symbol && order.status.is_terminal() =>
                {
                    self.open = None;
                }
                _ => {}
            },
            _ => {}
        }
    }
}
