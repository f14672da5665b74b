//! Intent executor: MSE 12, worked examples 8 to 12, EHR 3.16, 3.17, as settled.
//!
//! | example | here |
//! |---|---|
//! | MSE 8, 9, 12 | as they are |
//! | MSE 10 | rounded down to 2 before the notional is looked at; refused all the same |
//! | MSE 11 | raising a quantity to the minimum is audited behaviour: refused |

use engine::{Instrument, Outcome, QtyLots, Side, Symbol};
use pipeline::records::{ApplyPlan, Decision, OrderSide, PlanAction};
use pipeline::{PipelineSettings, names};

use crate::bench::{Bench, instrument, refused};
use crate::plans::{decimal, flat_at, grant, permit_of, plan, result, results, send};

const EXECUTOR: &str = "intent_executor";
const BUY: OrderSide = OrderSide::Buy;
const SELL: OrderSide = OrderSide::Sell;
const CLOSES: [PlanAction; 4] =
    [PlanAction::FullClose, PlanAction::Partial75, PlanAction::Partial50, PlanAction::Partial25];

/// With BTCUSDT, flat at 100 USDT, after exchangeInfo.
fn bench() -> Bench {
    let mut bench = Bench::new(&[EXECUTOR], &PipelineSettings::default(), Vec::new());
    bench.run_to_ms(100);
    flat_at(&mut bench, instrument().symbol, "100");
    bench
}

/// Lots of the orders that came to the exchange.
fn sent(bench: &Bench) -> Vec<i64> {
    let lots = |quantity: Option<QtyLots>| quantity.expect("a quantity").0;
    bench.kernel.exchange().orders.iter().map(|order| lots(order.quantity)).collect()
}

/// What becomes of an open of this quantity: the lots sent, or the error.
struct Quantity {
    name: &'static str,
    price_decimals: u32,
    qty_decimals: u32,
    /// In lots.
    step: i64,
    min_notional: i64,
    mark: &'static str,
    qty: &'static str,
}

impl Quantity {
    fn run(&self) -> Result<i64, String> {
        let symbol = Symbol::new(self.name).expect("a symbol");
        let instrument = Instrument {
            symbol,
            price_decimals: self.price_decimals,
            qty_decimals: self.qty_decimals,
        };
        let settings = PipelineSettings::default();
        let mut bench = Bench::over(vec![instrument], &[EXECUTOR], &settings, Vec::new());
        bench.kernel.exchange_mut().step = self.step;
        bench.kernel.exchange_mut().min_notional = self.min_notional;
        bench.run_to_ms(100);
        flat_at(&mut bench, symbol, self.mark);
        let mut plan = plan(&bench, PlanAction::Buy, BUY);
        plan.symbol = symbol;
        plan.qty = Some(decimal(self.qty));
        grant(&mut bench, &permit_of(&plan, "0"));
        send(&mut bench, &plan);
        bench.run_for_ms(10);
        match sent(&bench).as_slice() {
            [] => Err(result(&mut bench).1),
            [lots] => Ok(*lots),
            more => panic!("{more:?}"),
        }
    }
}

const BTC: Quantity = Quantity {
    name: "BTCUSDT",
    price_decimals: 2,
    qty_decimals: 3,
    step: 1,
    min_notional: 100,
    mark: "95000",
    qty: "0.12345",
};

#[test]
fn examples_8_to_12_quantities() {
    assert_eq!(BTC.run(), Ok(123));
    let comp = Quantity {
        name: "COMPUSDT",
        min_notional: 5,
        mark: "22.56",
        qty: "8.865248226950355",
        ..BTC
    };
    assert_eq!(comp.run(), Ok(8_865));
    let tenth = Quantity {
        name: "TENUSDT",
        qty_decimals: 0,
        min_notional: 5,
        mark: "0.35",
        qty: "2.5",
        ..BTC
    };
    assert_eq!(tenth.run(), Err("min_notional_check_failed:0.70 below 5".into()));
    let eleventh = Quantity { qty: "0.0009", ..BTC };
    assert_eq!(eleventh.run(), Err("min_qty_check_failed:0 lots below 1".into()));
    let twelfth = Quantity {
        name: "ANKRUSDT",
        price_decimals: 5,
        qty_decimals: 0,
        min_notional: 5,
        mark: "0.00591",
        qty: "34364.26116838488",
        ..BTC
    };
    assert_eq!(twelfth.run(), Ok(34_364));
}

#[test]
fn an_open_is_rounded_down_to_whole_steps_and_bounded() {
    // Half a step and more is no reason to round up.
    assert_eq!(Quantity { qty: "0.1239", ..BTC }.run(), Ok(123));
    assert_eq!(Quantity { step: 50, qty: "0.199", ..BTC }.run(), Ok(150));
    assert_eq!(Quantity { qty: "1234", ..BTC }.run(), Ok(1_000_000), "the largest market order");
    let least = Quantity { mark: "50000", qty: "0.002", ..BTC };
    assert_eq!(least.run(), Ok(2), "exactly the smallest notional");
    let less = Quantity { mark: "49999.99", qty: "0.002", ..BTC };
    assert_eq!(less.run(), Err("min_notional_check_failed:99.99998 below 100".into()));
    assert_eq!(Quantity { mark: "0", ..BTC }.run(), Err("mark_price_unavailable".into()));
    assert_eq!(
        Quantity { qty: "-1", ..BTC }.run(),
        Err("min_qty_check_failed:-1000 lots below 1".into())
    );
}

/// Reduce-only, on what P3.3 says that there is; there is no smallest notional for what makes a position smaller.
#[test]
fn a_close_trades_what_its_permit_names() {
    for (action, side, safe, lots) in [
        (PlanAction::FullClose, SELL, "2.5", 2_500),
        (PlanAction::Partial75, BUY, "1.875", 1_875),
        (PlanAction::Partial50, SELL, "1.25", 1_250),
        (PlanAction::Partial25, BUY, "0.6259", 625),
        (PlanAction::FullClose, SELL, "0.001", 1),
    ] {
        let mut bench = bench();
        let plan = plan(&bench, action, side);
        grant(&mut bench, &permit_of(&plan, safe));
        send(&mut bench, &plan);
        bench.run_for_ms(10);
        let orders = &bench.kernel.exchange().orders;
        assert_eq!(orders.len(), 1, "{action} {safe}");
        assert!(orders[0].reduces(), "{action} {safe}");
        assert_eq!(orders[0].quantity, Some(QtyLots(lots)), "{action} {safe}");
        assert_eq!(orders[0].side, if side == BUY { Side::Buy } else { Side::Sell });
        let results = results(&mut bench);
        assert_eq!(results.len(), 1, "{action} {safe}");
        assert!(results[0].executed && results[0].decision == Decision::Execute);
    }
    assert_eq!(CLOSES.map(|action| action.close_percent()), [100, 75, 50, 25].map(Some));
}

/// A refused exchangeInfo left the executor without filters, and so without orders, for up to an hour.
#[test]
fn a_refused_exchange_info_is_asked_for_again_after_five_seconds() {
    let mut bench = Bench::new(&[EXECUTOR], &PipelineSettings::default(), Vec::new());
    bench.kernel.exchange_mut().refuse_info = 2;
    bench.run_to_ms(9_900);
    assert_eq!(bench.counter(EXECUTOR, "exchange_info_not_fetched"), 2);
    assert_eq!(bench.kernel.exchange().info_asked, 2);
    bench.run_to_ms(10_100);
    assert_eq!(bench.kernel.exchange().info_asked, 3);
    flat_at(&mut bench, instrument().symbol, "100");
    let plan = plan(&bench, PlanAction::Buy, BUY);
    grant(&mut bench, &permit_of(&plan, "0"));
    send(&mut bench, &plan);
    bench.run_for_ms(10);
    assert_eq!(sent(&bench), [500]);
    // From then on it is asked for every hour.
    bench.run_for_ms(3_599_000);
    assert_eq!(bench.kernel.exchange().info_asked, 3);
    bench.run_for_ms(2_000);
    assert_eq!(bench.kernel.exchange().info_asked, 4);
    assert_eq!(bench.counter(EXECUTOR, "exchange_info_not_fetched"), 2);
}

/// What becomes of a plan in this world, when its permit is there.
fn outcome(world: impl Fn(&mut Bench), plan: impl Fn(&Bench) -> ApplyPlan) -> (Decision, String) {
    let mut bench = bench();
    world(&mut bench);
    let plan = plan(&bench);
    grant(&mut bench, &permit_of(&plan, "0.5"));
    send(&mut bench, &plan);
    bench.run_for_ms(10);
    let ended = result(&mut bench);
    let orders = usize::from(ended.0 == Decision::Execute);
    assert_eq!(sent(&bench).len(), orders, "{ended:?}");
    ended
}

fn open(bench: &Bench) -> ApplyPlan {
    plan(bench, PlanAction::Buy, BUY)
}

fn close(bench: &Bench) -> ApplyPlan {
    plan(bench, PlanAction::FullClose, SELL)
}

fn done() -> (Decision, String) {
    (Decision::Execute, String::new())
}

#[test]
fn either_kill_switch_stops_opens_and_closes() {
    let killed = (Decision::Blocked, "kill_switch_active".to_owned());
    for key in names::KILL_SWITCHES {
        for word in ["1", "true", "True", "yes", "YES"] {
            assert_eq!(outcome(|bench| bench.set(key, word), open), killed, "{key} {word}");
            assert_eq!(outcome(|bench| bench.set(key, word), close), killed, "{key} {word}");
        }
        for word in ["0", "false", "no", ""] {
            assert_eq!(outcome(|bench| bench.set(key, word), open), done(), "{key} {word:?}");
        }
    }
}

/// A value that is not text read as absent: the switch was off.
#[test]
fn a_switch_that_cannot_be_read_is_on_and_counted() {
    let not_text: fn(&mut Bench, &str) = |bench, key| bench.set_bytes(key, &[b'1', 0xff]);
    let not_a_string: fn(&mut Bench, &str) = |bench, key| bench.hset(key, &[("on", "1")]);
    for unreadable in [not_text, not_a_string] {
        for (key, error) in [
            (names::KILL_SWITCHES[0], "kill_switch_active"),
            (names::KILL_SWITCHES[1], "kill_switch_active"),
            (names::SAFE_MODE, "SAFE_MODE_ACTIVE"),
        ] {
            let mut bench = bench();
            unreadable(&mut bench, key);
            let plan = open(&bench);
            grant(&mut bench, &permit_of(&plan, "0.5"));
            send(&mut bench, &plan);
            bench.run_for_ms(10);
            assert_eq!(result(&mut bench), (Decision::Blocked, error.to_owned()), "{key}");
            assert_eq!(bench.counter(EXECUTOR, "switches_unreadable"), 1, "{key}");
        }
    }
}

#[test]
fn safe_mode_stops_opens_and_never_closes() {
    let safe = |bench: &mut Bench| bench.set(names::SAFE_MODE, "1");
    assert_eq!(outcome(safe, open), (Decision::Blocked, "SAFE_MODE_ACTIVE".to_owned()));
    assert_eq!(outcome(safe, close), done());
    assert_eq!(outcome(|bench| bench.set(names::SAFE_MODE, "0"), open), done());
}

/// The n-th opening plan, with this leverage; its cooldown is over before the next one.
fn open_with_leverage(bench: &mut Bench, n: u32, leverage: u32) {
    let plan = ApplyPlan { plan_id: format!("{n:016x}"), leverage: Some(leverage), ..open(bench) };
    grant(bench, &permit_of(&plan, "0"));
    send(bench, &plan);
    bench.run_for_ms(181_000);
}

#[test]
fn leverage_is_set_before_the_first_open_and_when_it_changes() {
    let mut bench = bench();
    for (n, leverage) in [10, 10, 20].into_iter().enumerate() {
        open_with_leverage(&mut bench, n as u32, leverage);
    }
    assert_eq!(bench.kernel.exchange().leverages, [10, 20]);
    assert_eq!(sent(&bench).len(), 3);
    // A close leaves it alone.
    let close = ApplyPlan { leverage: Some(30), ..close(&bench) };
    grant(&mut bench, &permit_of(&close, "0.5"));
    send(&mut bench, &close);
    bench.run_for_ms(10);
    assert_eq!(bench.kernel.exchange().leverages, [10, 20]);
    assert_eq!(sent(&bench).len(), 4);
}

/// 20 may hold on the exchange although nobody said so; a plan with the 10 of before then traded at 20.
#[test]
fn a_leverage_whose_outcome_is_not_good_is_set_again_by_the_next_plan() {
    for (outcome, error) in [
        (Outcome::Unknown, "leverage_unknown"),
        (refused(-1007), "leverage_unknown"),
        (refused(-4161), "binance_error:-4161 refused by the test"),
    ] {
        let mut bench = bench();
        open_with_leverage(&mut bench, 1, 10);
        bench.kernel.exchange_mut().instead.push_back(outcome);
        open_with_leverage(&mut bench, 2, 20);
        assert_eq!(sent(&bench).len(), 1, "{error}");
        let ended = results(&mut bench).pop().expect("a result");
        assert_eq!((ended.decision, ended.error.as_deref()), (Decision::Error, Some(error)));
        open_with_leverage(&mut bench, 3, 10);
        assert_eq!(bench.kernel.exchange().leverages, [10, 20, 10], "{error}");
        assert_eq!(sent(&bench).len(), 2, "{error}");
    }
}
