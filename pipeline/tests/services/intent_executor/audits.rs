//! What the intent executor did before it was mended, under the names of `audited.rs`.

use super::*;
use crate::bench::audited;

fn with(names: &[&str]) -> Bench {
    let mut bench = Bench::new(&[EXECUTOR], &audited(names), Vec::new());
    bench.run_to_ms(100);
    flat_at(&mut bench, instrument().symbol, "100");
    bench
}

/// What becomes of a plan that has its permits, in this world.
fn outcome_of(
    names: &[&str],
    world: impl Fn(&mut Bench),
    plan: impl Fn(&Bench) -> ApplyPlan,
) -> (Decision, String) {
    let mut bench = with(names);
    let plan = plan(&bench);
    let safe = if plan.reduce_only.0 { "0.5" } else { "0" };
    grant(&mut bench, &permit_of(&plan, safe));
    world(&mut bench);
    send(&mut bench, &plan);
    bench.run_for_ms(10);
    result(&mut bench)
}

/// P3.3's permit lies there with this change, the governor's as it should be.
fn permitted(names: &[&str], change: fn(&mut serde_json::Value)) -> (Bench, (Decision, String)) {
    let mut bench = with(names);
    let plan = open(&bench);
    let mut permit = permit_of(&plan, "0").to_json();
    change(&mut permit);
    govern(&mut bench, &governor_permit_of(&plan));
    bench.set(&keys::PERMIT_P33.of(PLAN), &permit.to_string());
    send(&mut bench, &plan);
    bench.run_for_ms(10_000);
    let ended = result(&mut bench);
    (bench, ended)
}

/// I-05.
#[test]
fn a_denial_in_words_is_a_grant() {
    let no = |permit: &mut serde_json::Value| permit["allow"] = "false".into();
    let denied = "p33_permit_denied:sanity_checks_passed".to_owned();
    assert_eq!(permitted(&[], no).1, (Decision::Blocked, denied.clone()));
    assert_eq!(permitted(&["permit_text_truthy"], no).1, done());
    // False itself is no text.
    let no = |permit: &mut serde_json::Value| permit["allow"] = false.into();
    assert_eq!(permitted(&["permit_text_truthy"], no).1, (Decision::Blocked, denied));
}

/// I-04: P3.3 wrote text, the executor read a hash, and the plan was marked done.
#[test]
fn a_text_is_no_hash() {
    let mut bench = with(&["permit_as_hash"]);
    let plan = open(&bench);
    grant(&mut bench, &permit_of(&plan, "0"));
    send(&mut bench, &plan);
    bench.run_for_ms(10);
    let (decision, error) = result(&mut bench);
    assert_eq!(decision, Decision::Error);
    assert!(error.starts_with("p33_permit_unreadable:"), "{error}");
    assert!(bench.get(&keys::EXECUTOR_DONE.of(PLAN)).is_some() && sent(&bench).is_empty());
    // A denial of the bridge's form, read as the audited executor read it.
    for (names, ended) in [
        (&["permit_as_hash"][..], (Decision::Blocked, "p33_permit_denied:no".to_owned())),
        (&["permit_as_hash", "permit_text_truthy"], done()),
    ] {
        let mut bench = with(names);
        let plan = open(&bench);
        govern(&mut bench, &governor_permit_of(&plan));
        let id = plan.correlation_id.to_string();
        let fields = [
            ("allow", "false"),
            ("plan_id", PLAN),
            ("correlation_id", id.as_str()),
            ("symbol", "BTCUSDT"),
            ("action", "BUY"),
            ("safe_qty", "0"),
            ("reason", "no"),
            ("created_at", "1770000000"),
        ];
        bench.hset(&keys::PERMIT_P33.of(PLAN), &fields);
        send(&mut bench, &plan);
        bench.run_for_ms(10);
        assert_eq!(result(&mut bench), ended, "{names:?}");
    }
}

/// EHR 3.17.
#[test]
fn a_denial_uses_up_all_permits() {
    for (names, left) in [(&[][..], true), (&["denial_uses_permits"], false)] {
        let (mut bench, _) = permitted(names, |permit| permit["allow"] = false.into());
        // The governor's has ended by now where nobody has used it: its life is not looked at here.
        for key in [keys::PERMIT_P33.of(PLAN), keys::PERMIT_GOVERNOR.of(PLAN)] {
            assert_eq!(bench.get(&key).is_some(), left, "{names:?} {key}");
        }
    }
}

/// EHR 3.17: a permit for another symbol did.
#[test]
fn a_permit_names_its_plan_only() {
    let mismatch = (Decision::Blocked, "p33_permit_mismatch".to_owned());
    let others: [fn(&mut serde_json::Value); 2] =
        [|permit| permit["symbol"] = "ETHUSDT".into(), |permit| permit["action"] = "SELL".into()];
    for other in others {
        assert_eq!(permitted(&[], other).1, mismatch);
        assert_eq!(permitted(&["permit_names_plan_only"], other).1, done());
    }
}

/// I-03: the bridge's permit had no end.
#[test]
fn a_permit_without_an_end() {
    let old = |permit: &mut serde_json::Value| permit["created_at"] = 1_769_999_000.into();
    let missing = (Decision::Blocked, "p33_permit_missing_or_denied".to_owned());
    assert_eq!(permitted(&[], old).1, missing);
    assert_eq!(permitted(&["bridge_grants_p33"], old).1, done());
}

/// I-09.
#[test]
fn safe_mode_stops_closes() {
    let safe_mode = |bench: &mut Bench| bench.set(keys::SAFE_MODE.name, "1");
    assert_eq!(outcome_of(&[], safe_mode, close), done());
    let blocked = (Decision::Blocked, "SAFE_MODE_ACTIVE".to_owned());
    assert_eq!(outcome_of(&["safe_mode_blocks_exits"], safe_mode, close), blocked);
}

/// INC-8.
#[test]
fn opens_meet_a_position() {
    let skip = |error: &str| (Decision::Skip, error.to_owned());
    let long = |bench: &mut Bench| {
        position(bench, "LONG");
        bench.set(&keys::COOLDOWN_OPEN.of(instrument().symbol), "1");
    };
    let short = |bench: &mut Bench| position(bench, "SHORT");
    assert_eq!(outcome_of(&["opposite_side_opens"], long, open), skip("SKIP_OPEN_DUPLICATE"));
    assert_eq!(outcome_of(&["same_side_opens"], long, open), done());
    assert_eq!(outcome_of(&["same_side_opens"], short, open), skip("SKIP_OPEN_OPPOSITE"));
    assert_eq!(outcome_of(&["opposite_side_opens"], short, open), done());
}

/// I-37: 26 close plans, no close.
#[test]
fn no_exit_passes() {
    let of_exit_brain =
        |bench: &Bench| ApplyPlan { source: "exitbrain_v3_5".into(), ..close(bench) };
    let nothing = |_: &mut Bench| {};
    assert_eq!(outcome_of(&[], nothing, of_exit_brain), done());
    let named = &["exits_need_quantity"];
    let missing = (Decision::Error, "missing_required_fields".to_owned());
    assert_eq!(outcome_of(named, nothing, of_exit_brain), missing);
    let other = (Decision::Denied, "NOT_EXIT_OWNER".to_owned());
    assert_eq!(outcome_of(named, nothing, close), other);
    assert_eq!(outcome_of(named, nothing, open), done());
}

/// I-27: the order was there, and the next plan sent another one.
#[test]
fn an_unknown_outcome_is_told_as_a_failure() {
    let mut bench = with(&["unknown_is_failure"]);
    bench.kernel.exchange_mut().instead.push_back(Outcome::Unknown);
    let first = open(&bench);
    grant(&mut bench, &permit_of(&first, "0"));
    send(&mut bench, &first);
    bench.run_for_ms(10);
    assert_eq!(result(&mut bench), (Decision::Error, "binance_error:time-out".to_owned()));
    assert_eq!(bench.kernel.exchange().held, [500], "nobody knows");
    assert_eq!(bench.counter(EXECUTOR, "outcome_queries"), 0);
    let again = ApplyPlan { plan_id: "fedcba9876543210".into(), ..open(&bench) };
    grant(&mut bench, &permit_of(&again, "0"));
    send(&mut bench, &again);
    bench.run_for_ms(10);
    assert_eq!(sent(&bench), [500, 500]);
    let ids: Vec<&str> =
        bench.kernel.exchange().orders.iter().map(|order| &*order.client_order_id.0).collect();
    assert_ne!(ids[0], ids[1]);
}

/// MSE 12 rows 8 to 11: the nearest step, also above the permit, and raised to less than the smallest notional.
#[test]
fn quantities_go_to_the_nearest_step() {
    let below = |text: &str| Err(text.to_owned());
    let nearest = &["float_quantities"][..];
    let raised = &["upsizes_opens"][..];
    for (names, qty, sent) in [
        (&[][..], "0.1239", Ok(123)),
        (nearest, "0.1239", Ok(124)),
        (&[], "0.0009", below("min_qty_check_failed:0 lots below 1")),
        (nearest, "0.0009", below("BelowMinNotional:0.0009 at 95000")),
        (raised, "0.0009", Ok(1)),
    ] {
        assert_eq!(Quantity { qty, audited: names, ..BTC }.run(), sent, "{names:?} {qty}");
    }
    // A close, too: its permit names 0.0996, and the step is a thousandth.
    for (names, lots) in [(&[][..], 99), (nearest, 100)] {
        let mut bench = with(names);
        let plan = close(&bench);
        grant(&mut bench, &permit_of(&plan, "0.0996"));
        send(&mut bench, &plan);
        bench.run_for_ms(10);
        assert_eq!(sent(&bench), [lots], "{names:?}");
    }
}

/// EHR 3.16: what was just closed was opened again.
#[test]
fn a_close_sets_no_cooldown() {
    for (names, after_close) in [(&[][..], true), (&["cooldown_after_opens_only"], false)] {
        for (plan_of, cools) in [(close as fn(&Bench) -> ApplyPlan, after_close), (open, true)] {
            let mut bench = with(names);
            let plan = plan_of(&bench);
            grant(&mut bench, &permit_of(&plan, "0.5"));
            send(&mut bench, &plan);
            bench.run_for_ms(10);
            assert_eq!(result(&mut bench), done());
            let key = keys::COOLDOWN_OPEN.of(instrument().symbol);
            assert_eq!(bench.get(&key).is_some(), cools, "{names:?}");
        }
    }
}
