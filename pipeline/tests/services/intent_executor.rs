//! Intent executor: MSE 12, worked examples 8 to 12, EHR 3.16, 3.17, as settled.
//!
//! | example | here |
//! |---|---|
//! | MSE 8, 9, 12 | as they are |
//! | MSE 10 | rounded down to 2 before the notional is looked at; refused all the same |
//! | MSE 11 | raising a quantity to the minimum is audited behaviour: refused |

mod audits;

use engine::{Instrument, Nanos, Outcome, QtyLots, Record, SetOptions, Side, Symbol, Ttl};
use pipeline::records::{
    ApplyPlan, Decision, Executor, GovernorPermit, OrderSide, P26Permit, P33Permit, PlanAction,
    ReduceOnly,
};
use pipeline::{PipelineSettings, chain, keys, streams};

use crate::bench::{Bench, instrument, refused};
use crate::plans::{
    PLAN, decimal, flat_at, govern, governor_permit_of, grant, permit_of, plan, result, results,
    send,
};

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
    audited: &'static [&'static str],
}

impl Quantity {
    fn run(&self) -> Result<i64, String> {
        let symbol = Symbol::new(self.name).expect("a symbol");
        let instrument = Instrument {
            symbol,
            price_decimals: self.price_decimals,
            qty_decimals: self.qty_decimals,
        };
        let settings = crate::bench::audited(self.audited);
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
    audited: &[],
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

/// Permits are used at the moment of sending: what is refused for its size sends nothing.
#[test]
fn an_open_that_is_too_small_uses_up_no_permit() {
    for (qty, error) in [("0.0009", "min_qty_check_failed"), ("0.004", "min_notional_check_failed")]
    {
        let mut bench = bench();
        bench.kernel.exchange_mut().min_notional = 5;
        bench.run_to_ms(100);
        let mut plan = plan(&bench, PlanAction::Buy, BUY);
        plan.qty = Some(decimal(qty));
        grant(&mut bench, &permit_of(&plan, "0"));
        send(&mut bench, &plan);
        bench.run_for_ms(10);
        assert!(result(&mut bench).1.starts_with(error), "{error}");
        for permit in [keys::PERMIT_GOVERNOR, keys::PERMIT_P33] {
            assert!(bench.get(&permit.of(&plan.plan_id)).is_some(), "{error}: {permit:?}");
        }
    }
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
    for key in keys::KILL_SWITCHES.map(|key| key.name) {
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
            (keys::KILL_SWITCHES[0].name, "kill_switch_active"),
            (keys::KILL_SWITCHES[1].name, "kill_switch_active"),
            (keys::SAFE_MODE.name, "SAFE_MODE_ACTIVE"),
            (keys::EMERGENCY_STOP.name, "EMERGENCY_STOP_ACTIVE"),
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
fn safe_mode_and_emergency_stop_stop_opens_and_never_closes() {
    let stop = |bench: &mut Bench| bench.set(keys::EMERGENCY_STOP.name, "1");
    assert_eq!(outcome(stop, open), (Decision::Blocked, "EMERGENCY_STOP_ACTIVE".to_owned()));
    assert_eq!(outcome(stop, close), done());
    let safe = |bench: &mut Bench| bench.set(keys::SAFE_MODE.name, "1");
    assert_eq!(outcome(safe, open), (Decision::Blocked, "SAFE_MODE_ACTIVE".to_owned()));
    assert_eq!(outcome(safe, close), done());
    assert_eq!(outcome(|bench| bench.set(keys::SAFE_MODE.name, "0"), open), done());
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

/// Entries of the executor's group that wait for their acknowledgement.
fn pending(bench: &mut Bench) -> usize {
    let now = bench.kernel.now();
    let (stream, group) = (streams::APPLY_PLAN.name, EXECUTOR);
    bench.kernel.bus_mut().xpending(now, stream, group, Nanos::ZERO, 100).expect("a group").len()
}

#[test]
fn a_plan_waits_eight_seconds_for_its_permit() {
    let mut late = bench();
    let plan = open(&late);
    send(&mut late, &plan);
    late.run_for_ms(7_500);
    assert!(results(&mut late).is_empty());
    grant(&mut late, &permit_of(&plan, "0"));
    late.run_for_ms(300);
    assert_eq!(sent(&late), [500]);

    for plan_of in [open, close] {
        let mut never = bench();
        let plan = plan_of(&never);
        send(&mut never, &plan);
        never.run_for_ms(7_900);
        assert!(results(&mut never).is_empty());
        never.run_for_ms(300);
        let missing = (Decision::Blocked, "p33_permit_missing_or_denied".to_owned());
        assert_eq!(result(&mut never), missing);
        // A permit that comes too late moves nothing.
        grant(&mut never, &permit_of(&plan, "0.5"));
        never.run_for_ms(10_000);
        assert!(sent(&never).is_empty());
    }
}

/// MSE 2: everything but true, 1 and yes is no. EHR 3.17: only a permit that is used is consumed.
#[test]
fn a_permit_that_does_not_allow_stops_its_plan_and_stays() {
    let allow = |word: &str| {
        let mut bench = bench();
        let plan = open(&bench);
        let text = serde_json::json!({
            "allow": word, "plan_id": PLAN, "correlation_id": plan.correlation_id.to_string(),
            "symbol": "BTCUSDT", "action": "BUY", "safe_qty": "0", "reason": "no_position",
            "created_at": 1_770_000_000,
        });
        govern(&mut bench, &governor_permit_of(&plan));
        bench.set(&keys::PERMIT_P33.of(PLAN), &text.to_string());
        send(&mut bench, &plan);
        bench.run_for_ms(10);
        (result(&mut bench), bench.get(&keys::PERMIT_P33.of(PLAN)).is_some())
    };
    for word in ["true", "True", "1", "yes"] {
        assert_eq!(allow(word), (done(), false), "{word}");
    }
    let denied = (Decision::Blocked, "p33_permit_denied:no_position".to_owned());
    for word in ["false", "0", "no", "", "granted"] {
        assert_eq!(allow(word), (denied.clone(), true), "{word:?}");
    }
}

#[test]
fn a_permit_of_something_else_is_none() {
    let mismatch = (Decision::Blocked, "p33_permit_mismatch".to_owned());
    let others: [fn(&mut P33Permit); 3] = [
        |permit| permit.symbol = Symbol::new("ETHUSDT").expect("a symbol"),
        |permit| permit.action = PlanAction::Sell,
        |permit| permit.plan_id = "fedcba9876543210".into(),
    ];
    for other in others {
        let mut bench = bench();
        let plan = open(&bench);
        let mut permit = permit_of(&plan, "0");
        other(&mut permit);
        govern(&mut bench, &governor_permit_of(&plan));
        bench.set(&keys::PERMIT_P33.of(PLAN), &permit.to_json().to_string());
        send(&mut bench, &plan);
        bench.run_for_ms(10);
        assert_eq!(result(&mut bench), mismatch, "{permit:?}");
        assert!(sent(&bench).is_empty());
    }
}

/// I-04: two writers wrote a hash under the key of a text.
#[test]
fn a_permit_of_the_wrong_type_is_an_error() {
    let mut bench = bench();
    let plan = open(&bench);
    bench.hset(&keys::PERMIT_P33.of(PLAN), &[("allow", "true"), ("safe_qty", "0")]);
    send(&mut bench, &plan);
    bench.run_for_ms(10);
    let (decision, error) = result(&mut bench);
    assert_eq!(decision, Decision::Error);
    assert!(error.starts_with("p33_permit_unreadable:"), "{error}");
    assert!(sent(&bench).is_empty());
}

/// MSE 12 row 8: an open, too, trades no more than its permit names.
#[test]
fn no_order_is_larger_than_its_permit() {
    for (qty, safe, lots) in [("0.5", "0.2", 200), ("0.5", "0.7", 500), ("0.5", "0", 500)] {
        let mut bench = bench();
        let plan = ApplyPlan { qty: Some(decimal(qty)), ..open(&bench) };
        grant(&mut bench, &permit_of(&plan, safe));
        send(&mut bench, &plan);
        bench.run_for_ms(10);
        assert_eq!(sent(&bench), [lots], "open {qty} {safe}");
    }
    for (qty, safe, lots) in [("0.5", "0.2", 200), ("0.5", "0.7", 500)] {
        let mut bench = bench();
        let plan = ApplyPlan { qty: Some(decimal(qty)), ..close(&bench) };
        grant(&mut bench, &permit_of(&plan, safe));
        send(&mut bench, &plan);
        bench.run_for_ms(10);
        assert_eq!(sent(&bench), [lots], "close {qty} {safe}");
    }
    let mut bench = bench();
    let plan = ApplyPlan { qty: None, ..open(&bench) };
    grant(&mut bench, &permit_of(&plan, "0.5"));
    send(&mut bench, &plan);
    bench.run_for_ms(10);
    assert_eq!(result(&mut bench), (Decision::Blocked, "missing_required_fields".to_owned()));
}

#[test]
fn closes_have_an_owner_and_never_open() {
    for owner in [
        "exitbrain_v3_5",
        "exit_monitor",
        "harvest_proposal",
        "harvest_brain",
        "governor_rotation",
        "reconcile_engine",
        "manual_close",
        "emergency_stop",
    ] {
        let owned = |bench: &Bench| ApplyPlan { source: owner.into(), ..close(bench) };
        assert_eq!(outcome(|_| {}, owned), done(), "{owner}");
    }
    for other in ["trading_bot", "intent_bridge", "apply_layer", ""] {
        let alien = |bench: &Bench| ApplyPlan { source: other.into(), ..close(bench) };
        let error = format!("NOT_EXIT_OWNER:source={other}");
        assert_eq!(outcome(|_| {}, alien), (Decision::Denied, error));
    }
    let could_open = |bench: &Bench| ApplyPlan { reduce_only: ReduceOnly(false), ..close(bench) };
    let denied = (Decision::Denied, "close_not_reduce_only".to_owned());
    assert_eq!(outcome(|_| {}, could_open), denied);
    let reduces = |bench: &Bench| ApplyPlan { reduce_only: ReduceOnly(true), ..open(bench) };
    assert_eq!(outcome(|_| {}, reduces), (Decision::Denied, "open_is_reduce_only".to_owned()));
}

#[test]
fn what_is_not_to_run_ends_with_its_own_reason_and_what_is_not_ours_with_none() {
    for decision in [Decision::Blocked, Decision::Skip] {
        let said = |bench: &Bench| ApplyPlan {
            decision,
            reason_codes: "kill_score_critical".into(),
            ..open(bench)
        };
        assert_eq!(outcome(|_| {}, said), (decision, "kill_score_critical".to_owned()));
    }
    let mut bench = bench();
    let plan = ApplyPlan { executor: Executor::ApplyLayer, ..close(&bench) };
    grant(&mut bench, &permit_of(&plan, "0.5"));
    send(&mut bench, &plan);
    bench.run_for_ms(10_000);
    assert!(results(&mut bench).is_empty() && sent(&bench).is_empty());
    assert!(bench.get(&keys::PERMIT_P33.of(PLAN)).is_some());
}

fn position(bench: &mut Bench, side: &str) {
    let key = keys::STATE_POSITIONS.of(instrument().symbol);
    let fields = [
        ("symbol", "BTCUSDT"),
        ("position_amt", if side == "SHORT" { "-1" } else { "1" }),
        ("side", side),
        ("entry_price", "100"),
        ("leverage", "10"),
        ("changed_at", "1770000000"),
        ("updated_at", "1770000000"),
    ];
    bench.hset(&key, &fields);
}

#[test]
fn opens_are_skipped_while_there_is_a_position_or_a_cooldown_and_closes_are_not() {
    let skip = |error: &str| (Decision::Skip, error.to_owned());
    let long = |bench: &mut Bench| position(bench, "LONG");
    let short = |bench: &mut Bench| position(bench, "SHORT");
    let cooldown = |bench: &mut Bench| {
        bench.set(&keys::COOLDOWN_OPEN.of(instrument().symbol), "1");
    };
    assert_eq!(outcome(long, open), skip("SKIP_OPEN_DUPLICATE"));
    assert_eq!(outcome(short, open), skip("SKIP_OPEN_OPPOSITE"));
    assert_eq!(outcome(cooldown, open), skip("SKIP_OPEN_COOLDOWN"));
    for world in [long as fn(&mut Bench), short, cooldown] {
        assert_eq!(outcome(world, close), done());
    }
}

/// MSE 12, EHR 3.16: after an open and after a close.
#[test]
fn an_execution_bars_the_next_open_and_books_its_fill() {
    let symbol = instrument().symbol;
    let mut bench = bench();
    let plan = open(&bench);
    grant(&mut bench, &permit_of(&plan, "0"));
    send(&mut bench, &plan);
    bench.run_for_ms(1);
    let Ttl::Left(done) = bench.ttl(&keys::EXECUTOR_DONE.of(PLAN)) else { panic!("no mark") };
    assert!(done > Nanos::from_secs(86_399) && done <= Nanos::from_secs(86_400));
    assert_eq!(bench.ttl(&keys::INFLIGHT.of(symbol)), Ttl::Absent, "no order is in flight");
    assert_eq!(bench.hash(&keys::POSITION_LEDGER.of(symbol))["position_amt"], "0.500");

    let key = keys::COOLDOWN_OPEN.of(symbol);
    for seconds in [180, 180] {
        let Ttl::Left(left) = bench.ttl(&key) else { panic!("no cooldown") };
        assert!(left > Nanos::from_secs(seconds - 1) && left <= Nanos::from_secs(seconds));
        let last = bench.get(&keys::COOLDOWN_LAST_EXEC.of(symbol)).expect("a time");
        let age = bench.kernel.now().millis() - last.parse::<i64>().expect("ms");
        assert!((0..100).contains(&age), "{age}");
        bench.run_for_ms(100_000);
        let plan = ApplyPlan { plan_id: "fedcba9876543210".into(), ..close(&bench) };
        grant(&mut bench, &permit_of(&plan, "0.5"));
        send(&mut bench, &plan);
        bench.run_for_ms(10);
    }
    let ledger = bench.hash(&keys::POSITION_LEDGER.of(symbol));
    assert_eq!((ledger["position_amt"].as_str(), ledger["side"].as_str()), ("0.000", "NONE"));
}

/// A plan's entry was left pending to survive a crash, and came back after 60 s as a duplicate, or while the
/// plan still waited.
#[test]
fn a_waiting_plan_is_acknowledged_at_once_and_never_delivered_again() {
    let mut bench = bench();
    let plan = open(&bench);
    send(&mut bench, &plan);
    assert_eq!(pending(&mut bench), 0);
    assert!(bench.get(&keys::EXECUTOR_WAITING.of(PLAN)).is_some());
    // The same plan once more, while the first one waits.
    send(&mut bench, &plan);
    bench.run_for_ms(1);
    assert_eq!(bench.counter(EXECUTOR, "duplicate_plan"), 1);
    grant(&mut bench, &permit_of(&plan, "0"));
    bench.run_for_ms(300);
    assert_eq!(bench.get(&keys::EXECUTOR_WAITING.of(PLAN)), None);
    // And once more, when it is over.
    send(&mut bench, &plan);
    bench.run_for_ms(200_000);
    assert_eq!(bench.counter(EXECUTOR, "duplicate_plan"), 2);
    assert_eq!(result(&mut bench), done());
    assert_eq!(sent(&bench), [500]);
}

#[test]
fn a_plan_that_waited_when_the_executor_crashed_waits_in_its_successor() {
    for granted_after_ms in [100, 2_000] {
        let mut bench = bench();
        let plan = open(&bench);
        send(&mut bench, &plan);
        bench.crash(EXECUTOR, 1_000);
        bench.run_for_ms(granted_after_ms);
        grant(&mut bench, &permit_of(&plan, "0"));
        bench.run_for_ms(5_000);
        assert_eq!(result(&mut bench), done());
        assert_eq!(sent(&bench), [500]);
        assert_eq!(bench.get(&keys::EXECUTOR_WAITING.of(PLAN)), None);
    }
    // What came meanwhile stops it as it stops any other.
    let mut bench = bench();
    let plan = open(&bench);
    send(&mut bench, &plan);
    grant(&mut bench, &permit_of(&plan, "0"));
    bench.crash(EXECUTOR, 61_000);
    bench.run_for_ms(62_000);
    assert_eq!(result(&mut bench), (Decision::Skip, "plan_expired".to_owned()));
    bench.crash(EXECUTOR, 1_000);
    bench.run_for_ms(70_000);
    assert_eq!(results(&mut bench).len(), 1);
}

/// A crash between the order's mark and the end of the wait: the mark wins.
#[test]
fn a_successor_does_not_take_up_a_plan_whose_order_was_sent() {
    let mut bench = bench();
    let plan = open(&bench);
    send(&mut bench, &plan);
    let waited = bench.get(&keys::EXECUTOR_WAITING.of(PLAN)).expect("it waits");
    grant(&mut bench, &permit_of(&plan, "0"));
    bench.run_for_ms(300);
    bench.set(&keys::EXECUTOR_WAITING.of(PLAN), &waited);
    bench.crash(EXECUTOR, 1_000);
    bench.run_for_ms(200_000);
    assert_eq!(sent(&bench), [500]);
    assert_eq!(results(&mut bench).len(), 1);
    assert_eq!(bench.get(&keys::EXECUTOR_WAITING.of(PLAN)), None);
}

#[test]
fn the_wait_for_a_permit_is_shorter_than_its_life() {
    let mut settings = PipelineSettings::default();
    settings.intent_executor.permit_wait_ms = 59_999;
    assert!(chain(&settings, &[instrument()]).is_ok());
    settings.intent_executor.permit_wait_ms = 60_000;
    let error = chain(&settings, &[instrument()]).expect_err("too long").to_string();
    assert_eq!(
        error,
        "[pipeline.intent_executor] permit_wait_ms is 60000: it has to be below 60000, the life \
         of a permit"
    );
}

/// Settled: a close is refused for the operator's kill switch and its owner, not for its age.
#[test]
fn an_old_close_runs_and_an_old_open_does_not() {
    let old = |plan: ApplyPlan| ApplyPlan {
        valid_until: engine::EpochSeconds(plan.timestamp.0 - Nanos::from_secs(3_600)),
        ..plan
    };
    assert_eq!(outcome(|_| {}, |bench| old(close(bench))), done());
    let expired = (Decision::Skip, "plan_expired".to_owned());
    assert_eq!(outcome(|_| {}, |bench| old(open(bench))), expired);
}

#[test]
fn no_list_refuses_a_close() {
    let alien = |plan| ApplyPlan { symbol: Symbol::new("ETHUSDT").expect("a symbol"), ..plan };
    let open = outcome(|_| {}, |bench| alien(open(bench)));
    assert_eq!(open, (Decision::Blocked, "symbol_not_in_allowlist:ETHUSDT".to_owned()));
    // It cannot be traded in this run at all: a fault, and no refusal.
    let close = outcome(|_| {}, |bench| alien(close(bench)));
    assert_eq!(close, (Decision::Error, "unknown_symbol:ETHUSDT".to_owned()));
}

fn in_flight(bench: &mut Bench, seconds: i64) {
    let options = SetOptions { expire: Some(Nanos::from_secs(seconds)), ..SetOptions::default() };
    let (now, key) = (bench.kernel.now(), keys::INFLIGHT.of(instrument().symbol));
    bench.kernel.bus_mut().set(now, &key, b"another plan", options).expect("a key");
}

#[test]
fn a_close_waits_for_the_end_of_the_order_in_flight_and_an_open_does_not() {
    let mut bench = bench();
    in_flight(&mut bench, 30);
    let plan = close(&bench);
    grant(&mut bench, &permit_of(&plan, "0.5"));
    send(&mut bench, &plan);
    bench.run_for_ms(29_900);
    assert!(results(&mut bench).is_empty());
    bench.run_for_ms(400);
    assert_eq!(result(&mut bench), done());
    assert_eq!(sent(&bench), [500]);

    let flight = |bench: &mut Bench| in_flight(bench, 30);
    assert_eq!(outcome(flight, open), (Decision::Skip, "order_in_flight".to_owned()));
}

#[test]
fn a_close_behind_an_order_of_unknown_outcome_runs_when_that_is_known() {
    let mut bench = bench();
    let first = open(&bench);
    grant(&mut bench, &permit_of(&first, "0"));
    // Neither the order nor the first three looks for it are answered.
    bench.kernel.exchange_mut().instead.extend(vec![Outcome::Unknown; 4]);
    send(&mut bench, &first);
    let plan = ApplyPlan { plan_id: "fedcba9876543210".into(), ..close(&bench) };
    grant(&mut bench, &permit_of(&plan, "0.5"));
    send(&mut bench, &plan);
    bench.run_for_ms(14_000);
    assert_eq!(sent(&bench), [500], "nothing is sent behind an unknown outcome");
    assert!(results(&mut bench).is_empty());
    bench.run_for_ms(2_000);
    assert_eq!(sent(&bench), [500, 500]);
    assert!(results(&mut bench).iter().all(|result| result.executed));
}

/// A permit lives 60 s; governor and P3.3 judge a close anew while it waits.
#[test]
fn a_close_waits_longer_than_a_permit_lives() {
    let services = ["governor", "position_state_brain", EXECUTOR];
    let mut bench = Bench::new(&services, &PipelineSettings::default(), Vec::new());
    bench.run_to_ms(100);
    let first = open(&bench);
    govern(&mut bench, &governor_permit_of(&first));
    bench.kernel.exchange_mut().instead.extend(vec![Outcome::Unknown; 30]);
    send(&mut bench, &first);
    bench.run_for_ms(6_000);
    let plan = ApplyPlan { plan_id: "fedcba9876543210".into(), ..close(&bench) };
    send(&mut bench, &plan);
    bench.run_for_ms(130_000);
    assert_eq!(sent(&bench), [500], "the first one is still in flight");
    bench.run_for_ms(20_000);
    assert_eq!(sent(&bench), [500, 500]);
    assert_eq!(bench.kernel.exchange().held, [0]);
    assert!(results(&mut bench).iter().all(|result| result.executed));
}

#[test]
fn the_kill_switch_stops_a_close_that_waited() {
    let mut bench = bench();
    in_flight(&mut bench, 10);
    let plan = close(&bench);
    grant(&mut bench, &permit_of(&plan, "0.5"));
    send(&mut bench, &plan);
    bench.run_for_ms(5_000);
    bench.set(keys::KILL_SWITCHES[0].name, "1");
    bench.run_for_ms(6_000);
    assert_eq!(result(&mut bench), (Decision::Blocked, "kill_switch_active".to_owned()));
    assert!(sent(&bench).is_empty());
    assert!(bench.get(&keys::PERMIT_P33.of(PLAN)).is_some(), "what is not used is not consumed");
}

#[test]
fn plans_wait_for_the_filters_a_close_as_long_as_it_takes() {
    for (plan_of, refusals, ended) in [
        (open as fn(&Bench) -> ApplyPlan, 1, done()),
        (open, 3, (Decision::Blocked, "exchange_filters_unknown".to_owned())),
        (close, 3, done()),
    ] {
        let mut bench = Bench::new(&[EXECUTOR], &PipelineSettings::default(), Vec::new());
        bench.kernel.exchange_mut().refuse_info = refusals;
        bench.run_to_ms(100);
        flat_at(&mut bench, instrument().symbol, "100");
        let plan = plan_of(&bench);
        grant(&mut bench, &permit_of(&plan, "0.5"));
        send(&mut bench, &plan);
        bench.run_for_ms(20_000);
        assert_eq!(result(&mut bench), ended, "{refusals} refusals");
    }
}

#[test]
fn an_unknown_outcome_is_looked_for_and_never_sent_again() {
    for (placed, ended) in [(true, done()), (false, (Decision::Error, "not_placed".to_owned()))] {
        let mut bench = bench();
        let plan = open(&bench);
        grant(&mut bench, &permit_of(&plan, "0"));
        let exchange = bench.kernel.exchange_mut();
        exchange.instead.push_back(Outcome::Unknown);
        if !placed {
            exchange.instead.push_back(refused(-2013));
        }
        send(&mut bench, &plan);
        bench.run_for_ms(100);
        assert_eq!(result(&mut bench), ended);
        assert_eq!(sent(&bench), [500]);
        assert_eq!(bench.counter(EXECUTOR, "outcome_queries"), 1);
        let id = &bench.kernel.exchange().orders[0].client_order_id.0;
        assert_eq!(&**id, format!("q{PLAN}-1"), "a repeat would be the same order");
    }
}

/// EHR 3.17: each of the two permits can be missing, refused or too small; the smallest limit counts.
#[test]
fn an_order_needs_both_permits_and_keeps_to_the_smaller() {
    let with = |governor: fn(&mut GovernorPermit), safe: &str| {
        let mut bench = bench();
        let plan = open(&bench);
        grant(&mut bench, &permit_of(&plan, safe));
        let mut permit = governor_permit_of(&plan);
        governor(&mut permit);
        govern(&mut bench, &permit);
        send(&mut bench, &plan);
        bench.run_for_ms(10);
        match sent(&bench).as_slice() {
            [] => Err(result(&mut bench).1),
            lots => Ok(lots.to_vec()),
        }
    };
    assert_eq!(with(|p| p.computed_qty = Some(decimal("0.2")), "0.3"), Ok(vec![200]));
    assert_eq!(with(|p| p.computed_qty = Some(decimal("0.4")), "0.3"), Ok(vec![300]));
    assert_eq!(with(|p| p.computed_qty = Some(decimal("0.4")), "0"), Ok(vec![400]));
    let denied = with(
        |p| {
            p.granted = false;
            p.reason = "max_positions_reached".into();
        },
        "0",
    );
    assert_eq!(denied, Err("governor_permit_denied:max_positions_reached".to_owned()));
    let other = with(|p| p.action = PlanAction::Sell, "0");
    assert_eq!(other, Err("governor_permit_mismatch".to_owned()));

    for (kind, missing) in [(keys::PERMIT_GOVERNOR, "governor"), (keys::PERMIT_P33, "p33")] {
        let mut bench = bench();
        let plan = close(&bench);
        grant(&mut bench, &permit_of(&plan, "0.5"));
        let now = bench.kernel.now();
        bench.kernel.bus_mut().del(now, &kind.of(PLAN));
        send(&mut bench, &plan);
        bench.run_for_ms(9_000);
        let ended = results(&mut bench).remove(0);
        assert_eq!(ended.error.as_deref(), Some(&*format!("{missing}_permit_missing_or_denied")));
        let steps = ended.steps_results;
        assert!(steps.contains(&format!("missing_{missing}")), "{steps}");
        assert!(steps.contains("PERMIT_WAIT") && steps.contains("p26_ttl=-2"), "{steps}");
        let left = [keys::PERMIT_GOVERNOR, keys::PERMIT_P33].map(|key| bench.get(&key.of(PLAN)));
        assert_eq!(left.iter().flatten().count(), 1, "what is not used is not consumed");
    }
}

/// A share is one of what the exchange holds: with P2.6 among the permits of a close, the smaller one counts.
#[test]
fn a_share_limits_a_close() {
    let mut settings = PipelineSettings::default();
    settings.permits.intent_close = strategies::apply::PermitKind::ALL.to_vec();
    let mut bench = Bench::new(&[EXECUTOR], &settings, Vec::new());
    bench.run_to_ms(100);
    flat_at(&mut bench, instrument().symbol, "100");
    let held = [("position_amt", "0.8"), ("side", "LONG")];
    bench.hset(&keys::POSITION_SNAPSHOT.of(instrument().symbol), &held);
    let plan = close(&bench);
    grant(&mut bench, &permit_of(&plan, "0.8"));
    let gate = P26Permit {
        allow: true,
        plan_id: plan.plan_id.clone(),
        correlation_id: plan.correlation_id,
        symbol: plan.symbol,
        action: plan.action,
        final_action: PlanAction::Partial25,
        max_fraction: decimal("0.25"),
        reason: "cooldown_downgrade".into(),
        stress: None,
        heat: None,
        created_at: plan.timestamp,
    };
    bench.set(&keys::PERMIT_P26.of(PLAN), &gate.to_json().to_string());
    send(&mut bench, &plan);
    bench.run_for_ms(10);
    assert_eq!(sent(&bench), [200]);
    assert!(bench.get(&keys::PERMIT_P26.of(PLAN)).is_none(), "used with the others");
}

/// The governor makes room for an open for longer than the executor waits for permits.
#[test]
fn an_open_waits_while_a_rotation_makes_room_for_it() {
    let mut bench = bench();
    let plan = open(&bench);
    bench.set(&keys::ROTATION_LOCK.of(PLAN), "{}");
    send(&mut bench, &plan);
    bench.run_for_ms(20_000);
    assert!(results(&mut bench).is_empty());
    let late = ApplyPlan { timestamp: engine::EpochSeconds(bench.kernel.now()), ..plan };
    flat_at(&mut bench, instrument().symbol, "100");
    grant(&mut bench, &permit_of(&late, "0"));
    bench.run_for_ms(500);
    assert_eq!(sent(&bench), [500]);

    let mut never = crate::intent_executor::bench();
    let plan = open(&never);
    never.set(&keys::ROTATION_LOCK.of(PLAN), "{}");
    send(&mut never, &plan);
    never.run_for_ms(61_000);
    assert_eq!(result(&mut never).1, "p33_permit_missing_or_denied", "until the plan is void");
}

/// MSE 12: the operator's lane is open only with an end; its plans need the same permits.
#[test]
fn the_manual_lane_has_to_have_an_end() {
    let lane = |value: Option<(&str, Option<i64>)>| {
        let mut bench = bench();
        let plan = ApplyPlan { source: "manual_close".into(), ..close(&bench) };
        if let Some((word, seconds)) = value {
            let expire = seconds.map(Nanos::from_secs);
            let options = SetOptions { expire, ..SetOptions::default() };
            let now = bench.kernel.now();
            let (bus, key) = (bench.kernel.bus_mut(), keys::MANUAL_LANE.name);
            bus.set(now, key, word.as_bytes(), options).expect("a key");
        }
        grant(&mut bench, &permit_of(&plan, "0.5"));
        let body = engine::Body::message(engine::Envelope::Flat, plan);
        bench.publish(streams::APPLY_PLAN_MANUAL, body);
        bench.run_for_ms(10);
        assert_eq!(bench.counter(EXECUTOR, "manual_consumed"), 1);
        let metrics = bench.hash(keys::EXECUTOR_METRICS.name);
        assert_eq!(
            (metrics["manual_consumed"].as_str(), metrics["processed"].as_str()),
            ("1", "1")
        );
        result(&mut bench)
    };
    assert_eq!(lane(Some(("1", Some(60)))), done());
    let disabled = (Decision::Blocked, "manual_lane_disabled".to_owned());
    for closed in [None, Some(("1", None)), Some(("0", Some(60))), Some(("true", Some(60)))] {
        assert_eq!(lane(closed), disabled, "{closed:?}");
    }
}

/// Governor and P3.3 read the operator's lane, too: without their permits nothing of it would run.
#[test]
fn a_manual_close_runs_with_permits_of_its_issuers() {
    let services = ["governor", "position_state_brain", EXECUTOR];
    let mut bench = Bench::new(&services, &PipelineSettings::default(), Vec::new());
    bench.kernel.exchange_mut().held[0] = 500;
    bench.run_to_ms(100);
    let options = SetOptions { expire: Some(Nanos::from_secs(60)), ..SetOptions::default() };
    let now = bench.kernel.now();
    bench.kernel.bus_mut().set(now, keys::MANUAL_LANE.name, b"1", options).expect("a key");
    let plan = ApplyPlan { source: "manual_close".into(), ..close(&bench) };
    let body = engine::Body::message(engine::Envelope::Flat, plan);
    bench.publish(streams::APPLY_PLAN_MANUAL, body);
    bench.run_for_ms(300);
    assert_eq!(sent(&bench), [500]);
    assert_eq!(result(&mut bench), done());
}

/// Settled: min(asked, |exchange|); the permit bounds it once more.
#[test]
fn a_close_sends_what_it_asks_for_and_no_more_than_its_permit() {
    for (asked, lots) in [(Some("0.3"), 300), (Some("4"), 2_000), (None, 2_000)] {
        let mut bench = bench();
        let plan =
            ApplyPlan { qty: asked.map(decimal), ..plan(&bench, PlanAction::FullClose, SELL) };
        grant(&mut bench, &permit_of(&plan, "2"));
        send(&mut bench, &plan);
        bench.run_for_ms(10);
        assert_eq!(sent(&bench), [lots], "{asked:?}");
    }
}
