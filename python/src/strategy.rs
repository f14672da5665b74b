//! A strategy in Python, as a service of the run.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use engine::{
    Answer, Bar, ExchangeEvent, Input, MarketData, MarketEvent, MarketWants, Nanos, Outcome,
    Request, RequestId, Service, ServiceState, StateError, SymbolIndex, TimerKey, Trade, UserEvent,
    Wiring,
};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use serde_json::Value as Json;

use crate::context::{self, Account, Context, Fill, Wish, float, words};
use crate::errors::Raised;

/// Callbacks that a class may have.
const CALLBACKS: [&str; 11] = [
    "on_start",
    "on_bar",
    "on_trade",
    "on_mark",
    "on_funding",
    "on_order",
    "on_fill",
    "on_account",
    "on_refused",
    "on_timer",
    "on_stop",
];

/// What all copies of the service share: Python's object has no copies.
struct Shared {
    strategy: Py<PyAny>,
    context: Py<Context>,
    /// Those of `CALLBACKS` that it has itself.
    has: Vec<&'static str>,
    raised: Raised,
}

/// A Python object that trades.
#[derive(Clone)]
pub(crate) struct PythonStrategy {
    shared: Arc<Shared>,
    /// Orders whose answer is on its way.
    asked: BTreeMap<RequestId, String>,
}

impl fmt::Debug for PythonStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PythonStrategy")
    }
}

impl PythonStrategy {
    /// A service for an object with some of the callbacks. What `qsim.Strategy` has itself does nothing and is not called.
    pub(crate) fn new(strategy: &Bound<'_, PyAny>, raised: Raised) -> PyResult<PythonStrategy> {
        let py = strategy.py();
        let base = py.import("qsim.strategy")?.getattr("Strategy")?;
        let own = strategy.get_type();
        let has = |name: &&'static str| match (own.getattr(*name).ok(), base.getattr(*name).ok()) {
            (Some(own), Some(base)) => !own.is(&base),
            (own, _) => own.is_some(),
        };
        let has: Vec<&'static str> = CALLBACKS.into_iter().filter(has).collect();
        let context = Py::new(py, Context::new())?;
        let strategy = strategy.clone().unbind();
        let shared = Arc::new(Shared { strategy, context, has, raised });
        Ok(PythonStrategy { shared, asked: BTreeMap::new() })
    }

    fn has(&self, name: &str) -> bool {
        self.shared.has.contains(&name)
    }

    /// Calls Python, and sends what it has asked for.
    fn call<F>(&mut self, name: &'static str, ctx: &mut engine::Context<'_>, arguments: F)
    where
        F: for<'py> FnOnce(Python<'py>, &Context) -> PyResult<Vec<Bound<'py, PyAny>>>,
    {
        if !self.has(name) || self.shared.raised.is_some() {
            return;
        }
        let now = ctx.now();
        let called = Python::attach(|py| {
            let context = self.shared.context.bind(py);
            context.borrow_mut().now = now.0;
            let mut all = vec![context.clone().into_any()];
            all.extend(arguments(py, &context.borrow())?);
            self.shared.strategy.bind(py).call_method1(name, PyTuple::new(py, all)?)?;
            Ok(std::mem::take(&mut context.borrow_mut().wishes))
        });
        match called {
            Ok(wishes) => wishes.into_iter().for_each(|wish| self.send(wish, ctx)),
            Err(error) => self.shared.raised.keep(error),
        }
    }

    fn send(&mut self, wish: Wish, ctx: &mut engine::Context<'_>) {
        match wish {
            Wish::Timer(after, key) => ctx.timer_after(Nanos(after), TimerKey(key)),
            Wish::Request(request) => {
                let id = match &request {
                    Request::NewOrder(order) => order.client_order_id.0.to_string(),
                    Request::CancelOrder { order, .. } => match order {
                        engine::OrderRef::Client(id) => id.0.to_string(),
                        other => format!("{other:?}"),
                    },
                    _ => String::new(),
                };
                let request = ctx.submit(request);
                self.asked.insert(request, id);
            }
        }
    }

    /// Lets Python see what the exchange or the market said.
    fn learn(&self, learn: impl FnOnce(&mut Context)) {
        Python::attach(|py| learn(&mut self.shared.context.bind(py).borrow_mut()));
    }

    fn start(&mut self, ctx: &mut engine::Context<'_>) {
        let instruments = ctx.instruments().to_vec();
        self.learn(|context| {
            let count = instruments.len();
            context.positions.resize(count, 0);
            context.entries.resize(count, 0.0);
            context.prices.resize(count, None);
            context.instruments = instruments;
        });
        // The first answers tell the wallet, and positions that are held from before.
        for request in [Request::Account, Request::PositionRisk] {
            let id = ctx.submit(request);
            self.asked.insert(id, String::new());
        }
        self.call("on_start", ctx, |_, _| Ok(Vec::new()));
    }

    fn market(&mut self, event: &MarketEvent, ctx: &mut engine::Context<'_>) {
        let (symbol, time) = (event.symbol, event.time);
        match event.data {
            MarketData::Bar(bar) => {
                self.saw(symbol, bar.close);
                self.call("on_bar", ctx, |py, context| {
                    Ok(vec![Bound::new(py, bar_of(context, symbol, time, &bar))?.into_any()])
                });
            }
            MarketData::Trade(trade) => {
                self.saw(symbol, trade.price);
                self.call("on_trade", ctx, |py, context| {
                    Ok(vec![Bound::new(py, trade_of(context, symbol, time, &trade))?.into_any()])
                });
            }
            MarketData::MarkPrice(price) => self.call("on_mark", ctx, |py, context| {
                let price = context.price_of(symbol, price);
                tuple(py, (context.symbol_of(symbol), price))
            }),
            MarketData::FundingRate(rate) => self.call("on_funding", ctx, |py, context| {
                tuple(py, (context.symbol_of(symbol), rate as f64 / 1e8))
            }),
            _ => {}
        }
    }

    fn saw(&self, symbol: SymbolIndex, price: engine::PriceTicks) {
        self.learn(|context| {
            let price = context.price_of(symbol, price);
            if let Some(place) = context.prices.get_mut(usize::from(symbol.0)) {
                *place = Some(price);
            }
        });
    }

    fn exchange(&mut self, event: &ExchangeEvent, ctx: &mut engine::Context<'_>) {
        match event {
            ExchangeEvent::Response { request, outcome, .. } => {
                let id = self.asked.remove(request).unwrap_or_default();
                self.answered(id, outcome, ctx);
            }
            ExchangeEvent::User { event, .. } => self.told(event, ctx),
        }
    }

    fn answered(&mut self, id: String, outcome: &Outcome, ctx: &mut engine::Context<'_>) {
        match outcome {
            Outcome::Done(Answer::Account(balance)) => {
                let wallet = float(balance.wallet_balance);
                self.learn(|context| context.wallet = Some(wallet));
                self.call("on_account", ctx, |py, _| {
                    Ok(vec![Bound::new(py, Account::from(&**balance))?.into_any()])
                });
            }
            Outcome::Done(Answer::PositionRisk(rows)) => self.learn(|context| {
                for row in rows.iter() {
                    context.hold(row.symbol, row.position_amt, float(row.entry_price));
                }
            }),
            Outcome::Done(_) => {}
            Outcome::Refused(error) => {
                let (code, words) = words(error);
                self.call("on_refused", ctx, |py, _| tuple(py, (id, code, words)));
            }
            Outcome::Unknown => {
                let words = "no answer came: nobody knows whether it was done";
                self.call("on_refused", ctx, |py, _| tuple(py, (id, 0, words)));
            }
        }
    }

    fn told(&mut self, event: &UserEvent, ctx: &mut engine::Context<'_>) {
        match event {
            UserEvent::AccountUpdate { balance, positions, .. } => self.learn(|context| {
                if let Some(balance) = balance {
                    context.wallet = Some(float(balance.wallet_balance));
                }
                for row in positions {
                    context.hold(row.symbol, row.position_amt, float(row.entry_price));
                }
            }),
            UserEvent::OrderTradeUpdate { order, fill, liquidation, .. } => {
                self.call("on_order", ctx, |py, context| {
                    Ok(vec![Bound::new(py, context.order_of(order))?.into_any()])
                });
                let Some(fill) = fill else { return };
                self.call("on_fill", ctx, |py, context| {
                    let fill = Fill {
                        order_id: order.client_order_id.0.to_string(),
                        symbol: context.symbol_of(order.symbol),
                        time: fill.time.0,
                        side: order.side.as_str(),
                        price: context.price_of(order.symbol, fill.price),
                        quantity: context.quantity_of(order.symbol, fill.qty),
                        commission: float(fill.commission),
                        realized: float(fill.realized_pnl),
                        maker: fill.maker,
                        liquidation: *liquidation,
                    };
                    Ok(vec![Bound::new(py, fill)?.into_any()])
                });
            }
            _ => {}
        }
    }
}

impl Context {
    fn hold(&mut self, symbol: SymbolIndex, lots: engine::QtyLots, entry: f64) {
        let place = usize::from(symbol.0);
        if let (Some(held), Some(price)) =
            (self.positions.get_mut(place), self.entries.get_mut(place))
        {
            (*held, *price) = (lots.0, entry);
        }
    }
}

fn tuple<'py, T>(py: Python<'py>, all: T) -> PyResult<Vec<Bound<'py, PyAny>>>
where
    T: IntoPyObject<'py, Target = PyTuple, Output = Bound<'py, PyTuple>, Error = PyErr>,
{
    Ok(all.into_pyobject(py)?.iter().collect())
}

fn bar_of(context: &Context, symbol: SymbolIndex, time: Nanos, bar: &Bar) -> context::Bar {
    let price = |price| context.price_of(symbol, price);
    context::Bar {
        symbol: context.symbol_of(symbol),
        time: time.0,
        interval_ms: bar.interval_ms,
        open: price(bar.open),
        high: price(bar.high),
        low: price(bar.low),
        close: price(bar.close),
        volume: context.quantity_of(symbol, bar.volume),
    }
}

fn trade_of(context: &Context, symbol: SymbolIndex, time: Nanos, trade: &Trade) -> context::Trade {
    context::Trade {
        symbol: context.symbol_of(symbol),
        time: time.0,
        price: context.price_of(symbol, trade.price),
        quantity: context.quantity_of(symbol, trade.qty),
        buyer_is_maker: trade.buyer_is_maker,
    }
}

impl Service for PythonStrategy {
    fn wiring(&self) -> Wiring {
        let market = MarketWants {
            trades: self.has("on_trade"),
            bars: self.has("on_bar"),
            marks: self.has("on_mark") || self.has("on_funding"),
            ..MarketWants::NONE
        };
        Wiring { market, user_stream: true, exchange: true, ..Wiring::default() }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut engine::Context<'_>) {
        // After an exception the run only goes on to its next slice.
        if self.shared.raised.is_some() {
            return;
        }
        match input {
            Input::Start => self.start(ctx),
            Input::Market(event) => self.market(event, ctx),
            Input::Exchange(event) => self.exchange(event, ctx),
            Input::Timer(key) => self.call("on_timer", ctx, |py, _| tuple(py, (key.0,))),
            Input::Stop => self.call("on_stop", ctx, |_, _| Ok(Vec::new())),
            Input::Delivery(_) | Input::Call(_) | Input::Reply(_) => {}
        }
    }
}

/// The object is Python's: a copy of the service is one more hand on it, and nothing of it can be saved.
impl ServiceState for PythonStrategy {
    fn clone_service(&self) -> Box<dyn Service> {
        Box::new(self.clone())
    }

    fn save(&self) -> Result<Json, StateError> {
        Ok(Json::Null)
    }

    fn load(&mut self, _: Json) -> Result<(), StateError> {
        Ok(())
    }
}
