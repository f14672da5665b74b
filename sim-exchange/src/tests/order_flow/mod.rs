//! Random order flow of three accounts in every mode, watched by an observer that knows only what the
//! clients are told.
//!
//! Each seed draws its weather (depth of the data, route of conditional orders, accounts, insurance fund,
//! events of the venue) and then its steps. After each step:
//! - Money is conserved to the last decimal, and the wallets told are those of the ledger.
//! - Positions are the sums of their fills, and open orders those that were told.
//! - An order is in one state, has no fill beyond its quantity or through its limit, and does not open
//!   when it may only reduce.
//! - A fill tells TRADE_LITE, ACCOUNT_UPDATE, ORDER_TRADE_UPDATE, and nothing comes between.
//! - No pool whose maintenance margin reaches its margin balance is left, except where nothing of it is
//!   matched.

mod market;
mod observer;
mod orders;
mod requests;
mod tally;
mod transitions;
mod weather;

use engine::{
    AccountId, Exchange, MarketEvent, NamedRng, Nanos, OrderId, Request, RequestId, Sender,
    ServiceId, Side, SymbolIndex,
};

use self::market::Market;
use self::observer::Observer;
use self::orders::Orderer;
use self::tally::Tally;
use self::weather::{Weather, one_in};
use super::margin_call::the_called_are_in_danger;
use crate::accounts::{Account, OpenOrders};
use crate::margin::Pool;
use crate::{LedgerAccount, SimExchange};

const STEPS: u64 = 1_000;
const SEEDS: u64 = 300;
/// The first steps, in which events of the venue lie, have no long pauses.
const CALM_UNTIL: u64 = 700;

struct Episode {
    seed: u64,
    step: u64,
    last: String,
    rng: NamedRng,
    exchange: SimExchange,
    now: Nanos,
    markets: [Market; 2],
    observer: Observer,
    requests: u64,
}

/// A failure ends with the call that repeats it.
impl Drop for Episode {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Episode { seed, step, last, .. } = self;
            eprintln!("order flow: step {step} of seed {seed}: {last}");
            eprintln!("again: episode({seed})");
        }
    }
}

impl Episode {
    fn new(seed: u64) -> Episode {
        let mut rng = NamedRng::new(seed, "order flow");
        let Weather { exchange, start, depth, has_marks, leaps } = weather::draw(seed, &mut rng);
        let wallets: Vec<_> = exchange.config.accounts().map(|account| account.wallet).collect();
        Episode {
            seed,
            step: 0,
            last: String::new(),
            rng,
            exchange,
            now: start,
            markets: [(); 2].map(|()| Market::new(depth, has_marks, leaps)),
            observer: Observer::new(&wallets),
            requests: 0,
        }
    }

    fn step(&mut self) {
        let pause = match self.rng.below(60) {
            0 if self.step > CALM_UNTIL => Nanos::from_secs(self.rng.below(10_000) as i64),
            0..=9 => Nanos::ZERO,
            _ => Nanos::from_millis(1 + self.rng.below(1_000) as i64),
        };
        self.now += pause;
        // What was due in a pause is not the next step's doing.
        self.advance();
        if one_in(&mut self.rng, 2) || self.step < 10 {
            let symbol = self.rng.below(2) as usize;
            for data in self.markets[symbol].events(&mut self.rng) {
                self.last = format!("{symbol} {data:?}");
                let symbol = SymbolIndex(symbol as u16);
                self.exchange.observe(&MarketEvent::new(self.now, symbol, data));
                self.check();
            }
        } else {
            let account = AccountId(self.rng.below(3) as u16);
            for request in self.draw_requests(account) {
                self.ask(account, request);
                if one_in(&mut self.rng, 2) {
                    self.advance();
                }
            }
        }
        self.advance();
    }

    fn ask(&mut self, account: AccountId, request: Request) {
        self.requests += 1;
        self.last = format!("{account:?} {request:?}");
        let (id, from) = (RequestId(self.requests), Sender { service: ServiceId(0), account });
        self.observer.ask(id, account, &request);
        self.exchange.submit(self.now, from, id, request);
    }

    fn advance(&mut self) {
        let mut out = Vec::new();
        self.exchange.advance(self.now, &mut out);
        self.observer.take(&out);
        self.compare();
        self.check();
    }

    /// What the clients were told is how things are.
    fn compare(&self) {
        for (seen, account) in self.observer.seen.iter().zip(&self.exchange.accounts) {
            let id = account.id;
            let (wallet, cross) =
                (self.exchange.wallet_balance(id), self.exchange.cross_wallet(id));
            assert_eq!(seen.wallet, wallet, "{id:?}: the wallet is that of the ledger");
            let told = seen.cross_wallet.unwrap_or(cross);
            assert_eq!(told, cross, "{id:?}: so is the cross wallet");
            let mut open = Vec::new();
            for (n, holding) in account.holdings.iter().enumerate() {
                let symbol = SymbolIndex(n as u16);
                for side in engine::PositionSide::ALL {
                    let (held, told) = (holding.position(*side).qty, seen.position(symbol, *side));
                    assert_eq!(told, held, "{id:?} {symbol:?} {side:?}: the sum of its fills");
                }
                open.extend(self.exchange.open_ids(id, n));
            }
            open.sort();
            let told: Vec<OrderId> = seen.open_orders().map(|order| order.order_id).collect();
            assert_eq!(told, open, "{id:?}: the open orders are those told");
        }
    }

    fn check(&self) {
        self.exchange.check_conservation().unwrap();
        for account in &self.exchange.accounts {
            let isolated = (0..2).filter(|symbol| account.holdings[*symbol].is_isolated());
            let isolated = isolated.flat_map(|symbol| {
                account.sides().iter().map(move |side| Pool::Isolated { symbol, side: *side })
            });
            for pool in isolated.chain([Pool::Cross]) {
                let positions = self.exchange.pool_positions(account.id, pool);
                let matched = positions.iter().any(|(n, _)| !self.exchange.stands_still(*n));
                let sums = self.exchange.pool_sums(account.id, pool);
                let due = sums.maintenance >= sums.wallet + sums.unrealized;
                assert!(!(matched && due), "{:?} {pool:?} is due: {sums:?}", account.id);
            }
            self.check_sums(account);
            let flat = !account.has_positions();
            let wallet = self.exchange.wallet_balance(account.id);
            assert!(!flat || !wallet.is_sign_negative(), "a flat account owes nothing: {wallet}");
        }
        self.check_queues();
        if !self.exchange.is_closed() {
            the_called_are_in_danger(&self.exchange);
        }
    }

    /// What is kept beside the book says what the book says.
    fn check_sums(&self, account: &Account) {
        for (symbol, holding) in account.holdings.iter().enumerate() {
            let mut sums = [(); 3].map(|()| OpenOrders::default());
            for resting in self.exchange.markets[symbol].book.of(account.id) {
                sums[resting.position_side as usize].add(&resting);
            }
            assert_eq!(sums, holding.open, "sums of the book");
            for position in holding.positions.iter().filter(|position| position.qty == 0) {
                assert!(position.isolated_wallet.is_zero(), "nothing held, nothing set apart");
            }
        }
    }

    /// Where the market's book is known, all that rests stands in its queues while it is matched.
    fn check_queues(&self) {
        for (symbol, depth) in self.exchange.depths.iter().enumerate() {
            for side in [Side::Buy, Side::Sell] {
                let mut queued: Vec<_> =
                    depth.resting(side).map(|(id, price, left, _)| (id, price, left)).collect();
                let book = self.exchange.markets[symbol].book.against(side.opposite()).iter();
                let mut rests: Vec<_> = book.map(|o| (o.id, o.price, o.qty)).collect();
                if self.exchange.stands_still(symbol) {
                    rests.clear();
                }
                queued.sort();
                rests.sort();
                assert_eq!(queued, rests, "{symbol} {side:?}: queues of the market's book");
            }
        }
    }

    fn orderer(&mut self, account: AccountId, symbol: SymbolIndex) -> Orderer<'_> {
        let place = usize::from(symbol.0);
        let seen = &self.observer.seen[usize::from(account.0)];
        Orderer {
            now: self.now,
            account,
            symbol,
            price: self.markets[place].price,
            hedge: self.exchange.accounts[usize::from(account.0)].dual,
            held: [0, 1, 2].map(|n| seen.position(symbol, engine::PositionSide::ALL[n])),
            number: self.requests,
            rng: &mut self.rng,
        }
    }
}

fn episode(seed: u64) -> Tally {
    let mut episode = Episode::new(seed);
    for step in 0..STEPS {
        episode.step = step;
        episode.step();
    }
    let mut tally = std::mem::take(&mut episode.observer.tally);
    tally.add_many("steps", STEPS);
    for holding in episode.exchange.accounts.iter().flat_map(|account| &account.holdings) {
        tally.add_many("liquidations", holding.counts.liquidations);
        tally.add_many("deleveraged", holding.counts.deleveraged);
        tally.add_many("funding payments", holding.counts.funding_payments);
    }
    let fund = episode.exchange.ledger.balance(LedgerAccount::InsuranceFund);
    tally.add_many("insurance funds overdrawn", u64::from(fund.is_sign_negative()));
    tally
}

/// So often at least in a hundred seeds: whoever changes the flow sees what it no longer reaches.
const WANTED: &[(&str, u64)] = &[
    ("steps", 100_000),
    ("fill maker", 800),
    ("fill taker", 6_000),
    ("filled MARKET", 3_000),
    ("filled LIMIT", 3_000),
    ("filled STOP", 20),
    ("filled STOP_MARKET", 50),
    ("filled TAKE_PROFIT", 40),
    ("filled TAKE_PROFIT_MARKET", 60),
    ("filled TRAILING_STOP_MARKET", 70),
    ("filled IOC", 800),
    ("filled FOK", 300),
    ("filled GTX", 150),
    ("filled GTD", 400),
    ("filled reduce-only", 1_500),
    ("filled closePosition", 30),
    ("order AMENDMENT", 250),
    ("order CANCELED", 1_000),
    ("prevented EXPIRE_BOTH", 15),
    ("prevented EXPIRE_MAKER", 40),
    ("prevented EXPIRE_TAKER", 15),
    ("ended Delisted", 5),
    ("ended IocRest", 300),
    ("ended Liquidation", 150),
    ("ended MarketRest", 30),
    ("ended ReduceOnlyKnockedOut", 250),
    ("ended Triggered", 200),
    ("algo NEW", 1_000),
    ("algo TRIGGERED", 300),
    ("algo FINISHED", 300),
    ("algo REJECTED", 100),
    ("algo CANCELED", 300),
    ("algo EXPIRED", 100),
    ("liquidations", 300),
    ("autoclose- TRADE", 200),
    ("autoclose- CALCULATED", 200),
    ("adl_autoclose- CALCULATED", 30),
    ("settlement_autoclose- CALCULATED", 10),
    ("margin call", 100),
    ("funding payments", 1_000),
    ("done BatchOrders", 500),
    ("done CountdownCancelAll", 300),
    ("done ModifyPositionMargin", 100),
    ("done SetLeverage", 300),
    ("done SetMarginType", 300),
    ("done SetPositionMode", 300),
    ("refused -1001", 80),
    ("refused -2019", 800),
    ("refused -2022", 1_000),
    ("refused -4141", 400),
    ("update ADJUSTMENT", 20),
    ("update INSURANCE_CLEAR", 300),
];

#[test]
fn order_flow_in_every_mode_holds() {
    let mut tally = Tally::default();
    for seed in 0..SEEDS {
        tally.join(&episode(seed));
    }
    println!("order flow: seeds 0 to {}, {STEPS} steps each\n{tally}", SEEDS - 1);
    tally.at_least(WANTED, SEEDS / 100);
}
