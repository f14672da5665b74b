//! The faults of the wire and of the venue that a live session survives: each strikes a whole session, entry chain and
//! exits, at a served exchange, and the same is judged after all of them (see `support/faulted.rs`).
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use engine::Nanos;
use support::faulted::{MARKET, ONE_INTENT, Story, Way, World};
use support::pace::steadily;

fn scenario() -> String {
    format!("{MARKET}{ONE_INTENT}")
}

/// A fault that strikes the next order, once.
fn of_order(way: Way, kind: &str) -> String {
    let (method, path) = match way {
        Way::Ws => ("WS", "order.place"),
        Way::Rest => ("POST", "/fapi/v1/order"),
    };
    format!(r#"{{{kind},"times":1,"method":"{method}","path":"{path}"}}"#)
}

/// A session whose first order meets `open` and whose first close meets `close`.
fn struck(way: Way, open: Option<&str>, close: Option<&str>, length: &str) -> Story {
    let mut world = World::serve(MARKET);
    if let Some(open) = open {
        world.fault(&of_order(way, open));
    }
    world.begin(&scenario(), way, length);
    if let Some(close) = close {
        world.until_held();
        world.fault(&of_order(way, close));
    }
    let story = world.judged();
    let left = story.world.served.admin("/faults");
    assert_eq!(left.as_array().map(Vec::len), Some(0), "a fault struck nobody: {left}");
    story
}

/// Runs them side by side: a session mostly waits.
fn side_by_side(runs: Vec<Box<dyn FnOnce() + Send>>) {
    std::thread::scope(|scope| {
        let all: Vec<_> = runs.into_iter().map(|run| scope.spawn(run)).collect();
        for one in all {
            if let Err(panic) = one.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
}

/// The connection is cut before the order is looked at, after it was executed, and in the middle of its answer.
fn cut_in_every_phase(way: Way) {
    let (before, after) = (r#""kind":"drop_before""#, r#""kind":"drop_after""#);
    let middle = r#""kind":"drop_middle""#;
    side_by_side(vec![
        Box::new(move || {
            let story = struck(way, Some(before), None, "4m");
            assert_eq!(story.filled(), (0, 0), "an open that never arrived is not sent again");
            assert_eq!(story.notices("answer_lost"), 1, "{}", story.said);
        }),
        Box::new(move || {
            let story = struck(way, None, Some(before), "6m");
            assert_eq!(story.filled(), (1, 1), "the exit asks again: {}", story.said);
            assert_eq!(story.done(), 2, "{}", story.said);
            assert!(story.orders().count() > 2, "{}", story.said);
        }),
        Box::new(move || {
            let story = struck(way, Some(after), Some(middle), "5m");
            assert_eq!(story.filled(), (1, 1), "{}", story.said);
            assert_eq!(story.orders().count(), 2, "{}", story.said);
            assert_eq!(story.notices("answer_lost"), 2, "{}", story.said);
        }),
        Box::new(move || {
            let story = struck(way, Some(middle), Some(after), "5m");
            assert_eq!(story.filled(), (1, 1), "{}", story.said);
            assert_eq!(story.orders().count(), 2, "{}", story.said);
        }),
    ]);
}

#[test]
fn orders_over_the_websocket_api_are_cut_in_every_phase() {
    steadily(|| {
        cut_in_every_phase(Way::Ws);
    });
}

#[test]
fn orders_over_rest_are_cut_in_every_phase() {
    steadily(|| {
        cut_in_every_phase(Way::Rest);
    });
}

/// Nobody is there when the order is to be sent.
#[test]
fn orders_meet_a_venue_that_is_away() {
    steadily(|| {
        side_by_side(vec![
            Box::new(|| {
                let mut world = World::serve(MARKET);
                world.begin(&scenario(), Way::Ws, "6m");
                world.until_s(85);
                world.served.ask("POST", "/restart", r#"{"down_ms":1000}"#);
                let story = world.judged();
                assert_eq!(story.filled(), (0, 0), "an open that never arrived is not sent again");
            }),
            Box::new(|| {
                let mut world = World::serve(MARKET);
                world.begin(&scenario(), Way::Ws, "7m");
                world.until_held();
                world.until_s(170);
                world.served.ask(
                    "POST",
                    "/restart",
                    r#"{"down_ms":1500,"forget_listen_keys":true}"#,
                );
                let story = world.judged();
                assert_eq!(story.filled(), (1, 1), "the exit asks again: {}", story.said);
                assert!(story.notices("user_stream_back") > 0, "{}", story.said);
            }),
        ]);
    });
}

#[test]
fn orders_are_live_when_their_time_is_out() {
    steadily(|| {
        let late = r#""kind":"delay_after","ms":5600"#;
        let never = r#""kind":"delay_before","ms":5600"#;
        side_by_side(vec![
            Box::new(move || {
                let story = struck(Way::Ws, Some(late), None, "10m");
                assert_eq!(story.filled(), (1, 1), "{}", story.said);
                assert_eq!(story.notices("answer_lost"), 1, "{}", story.said);
            }),
            Box::new(move || {
                let story = struck(Way::Rest, Some(late), None, "10m");
                assert_eq!(story.filled(), (1, 1), "{}", story.said);
            }),
            Box::new(move || {
                // It arrives after its window: the venue refuses it, and it is not sent again.
                let story = struck(Way::Ws, Some(never), None, "9m");
                assert_eq!(story.filled(), (0, 0), "{}", story.said);
                assert_eq!(story.orders().count(), 1, "{}", story.said);
            }),
        ]);
    });
}

#[test]
fn answers_that_leave_the_outcome_open_are_followed_by_a_question() {
    steadily(|| {
        let unknown = |executed: bool| format!(r#""kind":"unknown503","executed":{executed}"#);
        let timeout = |executed: bool| format!(r#""kind":"timeout408","executed":{executed}"#);
        side_by_side(vec![
            Box::new(move || {
                let story = struck(Way::Ws, Some(&unknown(true)), Some(&timeout(true)), "5m");
                assert_eq!(story.filled(), (1, 1), "{}", story.said);
                assert_eq!(story.orders().count(), 2, "{}", story.said);
                assert_eq!(story.notices("answer_lost"), 2, "{}", story.said);
            }),
            Box::new(move || {
                let story = struck(Way::Rest, Some(&timeout(true)), Some(&unknown(false)), "6m");
                assert_eq!(story.filled(), (1, 1), "{}", story.said);
                assert_eq!(story.done(), 2, "{}", story.said);
                assert!(story.orders().count() > 2, "{}", story.said);
            }),
            Box::new(move || {
                let story = struck(Way::Ws, Some(&unknown(false)), None, "5m");
                assert_eq!(story.filled(), (0, 0), "{}", story.said);
                assert_eq!(story.orders().count(), 1, "{}", story.said);
            }),
        ]);
    });
}

/// The other two kinds of 503 say that nothing was done: nothing is asked, and the exit asks again.
#[test]
fn answers_that_say_that_nothing_was_done_are_believed() {
    steadily(|| {
        let run = |kind: &'static str| {
            move || {
                let story = struck(Way::Ws, None, Some(&format!(r#""kind":"{kind}""#)), "5m");
                assert_eq!(story.filled(), (1, 1), "{}", story.said);
                assert_eq!(story.notices("answer_lost"), 0, "{}", story.said);
                assert_eq!(story.done(), 2, "{}", story.said);
                assert!(story.orders().count() > 2, "{}", story.said);
            }
        };
        side_by_side(vec![Box::new(run("unavailable503")), Box::new(run("throttled503"))]);
    });
}

#[test]
fn a_clock_that_is_two_seconds_off_is_set_and_orders_go_out_once() {
    steadily(|| {
        let run = |first: i64, second: i64| {
            move || {
                let mut world = World::serve(MARKET);
                world.begin(&scenario(), Way::Ws, "5m");
                let skew = |world: &World, ms: i64| {
                    world.served.ask("POST", "/skew", &format!(r#"{{"ms":{ms}}}"#));
                };
                world.until_s(60);
                skew(&world, first);
                world.until_held();
                skew(&world, second);
                world.until("closed", |world| {
                    world.account()["trades"].as_array().is_some_and(|rows| rows.len() >= 2)
                });
                skew(&world, 0);
                let story = world.judged();
                assert_eq!(story.filled(), (1, 1), "{}", story.said);
                assert_eq!(story.orders().count(), 2, "{}", story.said);
                assert_eq!(
                    story.notices("answer_lost"),
                    0,
                    "a refusal is an answer\n{}",
                    story.said
                );
                assert!(story.notices("clock_moved") > 0, "{}", story.said);
            }
        };
        side_by_side(vec![Box::new(run(-2_000, 2_000)), Box::new(run(2_000, -2_000))]);
    });
}

/// The close meets 429, then 418 with a ban of 90 s; it gets through as soon as it may.
#[test]
fn a_close_gets_through_after_429_and_418() {
    steadily(|| {
        let limits = [r#""kind":"rate_limit""#, r#""kind":"ban","ms":90000"#];
        let run = |way: Way| {
            move || {
                let mut world = World::serve(MARKET);
                world.begin(&scenario(), way, "9m");
                world.until_held();
                limits.iter().for_each(|kind| world.fault(&of_order(way, kind)));
                world.until_said("what=\"rate_limited\"");
                world.until_said("what=\"banned\"");
                let story = world.judged();
                assert_eq!(story.filled(), (1, 1), "{}", story.said);
                // What was under way is told so, too; who went on asking would be told again and again.
                let times = story.times_of("banned");
                let span = times.last().zip(times.first()).map(|(last, first)| last.0 - first.0);
                assert!(span.is_some_and(|span| span < Nanos::from_secs(30).0), "{}", story.said);
            }
        };
        side_by_side(vec![Box::new(run(Way::Ws)), Box::new(run(Way::Rest))]);
    });
}
