//! What Python's code sees of a run, and what it may ask for.

use engine::{
    AccountBalance, ClientOrderId, ExchangeError, NewOrder, OrderRef, OrderState, PriceTicks,
    QtyLots, Request, Side, SymbolIndex, TimeInForce,
};
use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::prelude::*;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

/// So close to a whole number of lots a quantity is one: 0.29 of hundredths is 29 of them, though 0.29 × 100 is less.
const NEAR: f64 = 1e-6;
/// Lots and ticks beyond it are no amounts of a market.
const GRID_MAX: f64 = 9e15;

/// Money as Python's float.
pub(crate) fn float(amount: Decimal) -> f64 {
    amount.to_f64().unwrap_or(f64::NAN)
}

/// A symbol and the grid of its prices and quantities.
#[pyclass(frozen, get_all, module = "qsim")]
#[derive(Clone)]
pub struct Instrument {
    /// Its name, such as ``BTCUSDT``.
    symbol: String,
    /// Decimals of its prices.
    price_decimals: u32,
    /// Decimals of its quantities.
    quantity_decimals: u32,
}

/// A closed bar.
#[pyclass(frozen, get_all, module = "qsim")]
pub struct Bar {
    /// Whose.
    pub(crate) symbol: String,
    /// When it closed, in nanoseconds since 1970; nobody sees it earlier.
    pub(crate) time: i64,
    /// Its length in milliseconds.
    pub(crate) interval_ms: u32,
    /// First price, in USDT.
    pub(crate) open: f64,
    /// Highest price.
    pub(crate) high: f64,
    /// Lowest price.
    pub(crate) low: f64,
    /// Last price.
    pub(crate) close: f64,
    /// In units of the base asset.
    pub(crate) volume: f64,
}

#[pymethods]
impl Bar {
    fn __repr__(&self) -> String {
        let Bar { symbol, time, open, high, low, close, .. } = self;
        format!("<qsim.Bar {symbol} {time} {open} {high} {low} {close}>")
    }
}

/// A trade of the market.
#[pyclass(frozen, get_all, module = "qsim")]
pub struct Trade {
    /// Whose.
    pub(crate) symbol: String,
    /// When, in nanoseconds since 1970.
    pub(crate) time: i64,
    /// In USDT.
    pub(crate) price: f64,
    /// In units of the base asset.
    pub(crate) quantity: f64,
    /// The buyer rested, so the taker sold.
    pub(crate) buyer_is_maker: bool,
}

/// An order of the account, after what has just happened to it.
#[pyclass(frozen, get_all, module = "qsim")]
pub struct Order {
    /// As ``Context.order`` gave it; of the venue's own orders, the venue's.
    pub(crate) id: String,
    /// Whose.
    pub(crate) symbol: String,
    /// ``BUY`` or ``SELL``.
    pub(crate) side: &'static str,
    /// Asked, in units of the base asset.
    pub(crate) quantity: f64,
    /// Filled so far.
    pub(crate) filled: f64,
    /// Limit price in USDT; none of a market order.
    pub(crate) price: Option<f64>,
    /// Such as ``NEW``, ``FILLED``, ``CANCELED`` or ``EXPIRED``.
    pub(crate) status: &'static str,
}

/// A fill of the account.
#[pyclass(frozen, get_all, module = "qsim")]
pub struct Fill {
    /// The order's.
    pub(crate) order_id: String,
    /// Whose.
    pub(crate) symbol: String,
    /// When, in nanoseconds since 1970, by the exchange's clock.
    pub(crate) time: i64,
    /// ``BUY`` or ``SELL``.
    pub(crate) side: &'static str,
    /// In USDT.
    pub(crate) price: f64,
    /// In units of the base asset.
    pub(crate) quantity: f64,
    /// Paid, in USDT.
    pub(crate) commission: f64,
    /// Realised profit in USDT, before fees.
    pub(crate) realized: f64,
    /// The order rested.
    pub(crate) maker: bool,
    /// The venue's own order: a liquidation or a deleveraging.
    pub(crate) liquidation: bool,
}

/// The account's money, as the exchange answered ``Context.ask_account``. All in USDT.
#[pyclass(frozen, get_all, module = "qsim")]
pub struct Account {
    /// Transfers, realised profit, funding, less fees.
    wallet: f64,
    /// Of open positions, at mark prices.
    unrealized: f64,
    /// Wallet and unrealised profit.
    equity: f64,
    /// For new orders.
    available: f64,
    /// Maintenance margin of the positions.
    maintenance_margin: f64,
}

impl From<&AccountBalance> for Account {
    fn from(of: &AccountBalance) -> Account {
        Account {
            wallet: float(of.wallet_balance),
            unrealized: float(of.unrealized_profit),
            equity: float(of.margin_balance),
            available: float(of.available_balance),
            maintenance_margin: float(of.maint_margin),
        }
    }
}

/// What Python's code has asked for.
pub(crate) enum Wish {
    /// Of the exchange.
    Request(Request),
    /// After so many nanoseconds, with this number.
    Timer(i64, u32),
}

/// What a strategy sees of the run, and how it acts. Each callback gets it; what it shows is as of that callback.
#[pyclass(module = "qsim")]
pub struct Context {
    /// Virtual time, in nanoseconds since 1970.
    #[pyo3(get)]
    pub(crate) now: i64,
    /// Wallet balance in USDT; none before the exchange has told it.
    #[pyo3(get)]
    pub(crate) wallet: Option<f64>,
    pub(crate) instruments: Vec<engine::Instrument>,
    /// Signed lots of each symbol.
    pub(crate) positions: Vec<i64>,
    /// Mean prices at which they were opened, in USDT.
    pub(crate) entries: Vec<f64>,
    /// Newest price of each symbol that was shown, in USDT.
    pub(crate) prices: Vec<Option<f64>>,
    pub(crate) wishes: Vec<Wish>,
    pub(crate) orders: u64,
}

impl Context {
    /// Before a run's first instant.
    pub(crate) fn new() -> Context {
        Context {
            now: 0,
            wallet: None,
            instruments: Vec::new(),
            positions: Vec::new(),
            entries: Vec::new(),
            prices: Vec::new(),
            wishes: Vec::new(),
            orders: 0,
        }
    }

    pub(crate) fn symbol_of(&self, symbol: SymbolIndex) -> String {
        let instrument = self.instruments.get(usize::from(symbol.0));
        instrument.map_or_else(String::new, |instrument| instrument.symbol.as_str().to_owned())
    }

    pub(crate) fn price_of(&self, symbol: SymbolIndex, price: PriceTicks) -> f64 {
        self.instruments.get(usize::from(symbol.0)).map_or(f64::NAN, |i| i.price_f64(price))
    }

    pub(crate) fn quantity_of(&self, symbol: SymbolIndex, quantity: QtyLots) -> f64 {
        self.instruments.get(usize::from(symbol.0)).map_or(f64::NAN, |i| i.qty_f64(quantity))
    }

    pub(crate) fn order_of(&self, of: &OrderState) -> Order {
        Order {
            id: of.client_order_id.0.to_string(),
            symbol: self.symbol_of(of.symbol),
            side: of.side.as_str(),
            quantity: self.quantity_of(of.symbol, of.orig_qty),
            filled: self.quantity_of(of.symbol, of.executed_qty),
            price: of.price.map(|price| self.price_of(of.symbol, price)),
            status: of.status.as_str(),
        }
    }

    fn place(&self, symbol: &str) -> PyResult<(usize, &engine::Instrument)> {
        let all = self.instruments.iter().enumerate();
        let mut named = all.filter(|(_, one)| one.symbol.as_str() == symbol);
        named.next().ok_or_else(|| {
            let known: Vec<&str> = self.instruments.iter().map(|one| one.symbol.as_str()).collect();
            PyKeyError::new_err(format!("no symbol {symbol:?}; there are {}", known.join(", ")))
        })
    }
}

/// How many units of `10^-decimals` it is, if that is an amount.
fn grid(amount: f64, decimals: u32, round: impl Fn(f64) -> f64) -> PyResult<i64> {
    let scaled = Decimal::from(10_i64.pow(decimals.min(18))).to_f64().unwrap_or(1.0) * amount;
    if !scaled.is_finite() || scaled.abs() > GRID_MAX {
        return Err(PyValueError::new_err(format!("{amount} is no amount")));
    }
    Ok(round(scaled) as i64)
}

#[pymethods]
impl Context {
    /// The symbols of the run, in their order.
    #[getter]
    fn symbols(&self) -> Vec<String> {
        self.instruments.iter().map(|one| one.symbol.as_str().to_owned()).collect()
    }

    /// The symbols with their grids.
    #[getter]
    fn instruments(&self) -> Vec<Instrument> {
        let of = |one: &engine::Instrument| Instrument {
            symbol: one.symbol.as_str().to_owned(),
            price_decimals: one.price_decimals,
            quantity_decimals: one.qty_decimals,
        };
        self.instruments.iter().map(of).collect()
    }

    /// The position in a symbol, in units of the base asset: above zero long, below zero short.
    fn position(&self, symbol: &str) -> PyResult<f64> {
        let (place, instrument) = self.place(symbol)?;
        Ok(instrument.qty_f64(QtyLots(self.positions.get(place).copied().unwrap_or(0))))
    }

    /// The newest price of a symbol that was shown to this strategy, in USDT; none before the first.
    fn price(&self, symbol: &str) -> PyResult<Option<f64>> {
        let (place, _) = self.place(symbol)?;
        Ok(self.prices.get(place).copied().flatten())
    }

    /// Wallet and unrealised profit in USDT, at the newest prices that were shown; none before the exchange has told the
    /// wallet. ``ask_account`` asks for the exchange's own figure.
    #[getter]
    fn equity(&self) -> Option<f64> {
        let mut equity = self.wallet?;
        for (place, instrument) in self.instruments.iter().enumerate() {
            let (lots, entry) = (self.positions.get(place)?, self.entries.get(place)?);
            if let Some(price) = self.prices.get(place).copied().flatten() {
                equity += instrument.qty_f64(QtyLots(*lots)) * (price - entry);
            }
        }
        Some(equity)
    }

    /// Sends an order and gives its id.
    ///
    /// ``quantity`` is in units of the base asset: above zero buys, below zero sells; it is cut to whole lots. Without a
    /// ``price`` it is a market order, else a limit order at that price, rounded to the grid. What becomes of it is told to
    /// ``on_order`` and ``on_fill``; a refusal to ``on_refused``.
    #[pyo3(signature = (symbol, quantity, *, price=None, time_in_force="GTC", reduce_only=false))]
    fn order(
        &mut self,
        symbol: &str,
        quantity: f64,
        price: Option<f64>,
        time_in_force: &str,
        reduce_only: bool,
    ) -> PyResult<String> {
        let (place, instrument) = self.place(symbol)?;
        let cut = |lots: f64| {
            let near = lots.round();
            if (lots - near).abs() < NEAR { near } else { lots.floor() }
        };
        let lots = grid(quantity.abs(), instrument.qty_decimals, cut)?;
        if lots == 0 {
            return Err(PyValueError::new_err(format!("{quantity} {symbol} is less than a lot")));
        }
        let ticks = price.map(|price| grid(price, instrument.price_decimals, f64::round));
        let force = TimeInForce::parse(time_in_force).ok_or_else(|| {
            let known: Vec<&str> = TimeInForce::ALL.iter().map(|one| one.as_str()).collect();
            let known = known.join(", ");
            PyValueError::new_err(format!("time_in_force {time_in_force:?}: there are {known}"))
        })?;
        // Without a dash and a number behind it, which the orders of the pipeline's plans have.
        let id = format!("py{}", self.orders + 1);
        let side = if quantity > 0.0 { Side::Buy } else { Side::Sell };
        let (symbol, lots) = (SymbolIndex(place as u16), QtyLots(lots));
        let mut order = match ticks {
            Some(ticks) => NewOrder::limit(symbol, side, lots, PriceTicks(ticks?), force, &id),
            None => NewOrder::market(symbol, side, lots, &id),
        };
        order.reduce_only = reduce_only.then_some(true);
        self.orders += 1;
        self.wishes.push(Wish::Request(Request::NewOrder(order)));
        Ok(id)
    }

    /// Cancels an order that rests.
    fn cancel(&mut self, symbol: &str, order_id: &str) -> PyResult<()> {
        let (place, _) = self.place(symbol)?;
        let order = OrderRef::Client(ClientOrderId(order_id.into()));
        let symbol = SymbolIndex(place as u16);
        self.wishes.push(Wish::Request(Request::CancelOrder { symbol, order }));
        Ok(())
    }

    /// Cancels all orders of a symbol that rest.
    fn cancel_all(&mut self, symbol: &str) -> PyResult<()> {
        let (place, _) = self.place(symbol)?;
        let symbol = SymbolIndex(place as u16);
        self.wishes.push(Wish::Request(Request::CancelAllOpenOrders { symbol }));
        Ok(())
    }

    /// Asks the exchange for the account; the answer comes to ``on_account``, as late as answers do.
    fn ask_account(&mut self) {
        self.wishes.push(Wish::Request(Request::Account));
    }

    /// Calls ``on_timer(ctx, key)`` after ``seconds`` of virtual time.
    fn timer(&mut self, seconds: f64, key: u32) -> PyResult<()> {
        let nanos = grid(seconds, 9, f64::round)?;
        if nanos < 0 {
            return Err(PyValueError::new_err(format!("{seconds} seconds have passed already")));
        }
        self.wishes.push(Wish::Timer(nanos, key));
        Ok(())
    }
}

/// What a refusal says.
pub(crate) fn words(error: &ExchangeError) -> (i32, String) {
    (error.code, error.msg.to_string())
}
