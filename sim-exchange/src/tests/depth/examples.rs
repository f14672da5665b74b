//! Worked examples. The market's book is 100 / 101 unless a line says otherwise.

use crate::depth::QueueKind::{self, *};

use super::check;

const EVERY: [QueueKind; 6] =
    [Pessimistic, Optimistic, Proportional, Power { exponent: 3 }, Log, Share { exponent: 2 }];

/// The same whatever the model says about cancels.
fn check_every(script: &str, expected: &str) {
    EVERY.into_iter().for_each(|model| check(model, script, expected));
}

#[test]
fn trades_move_the_queue_and_fill_in_parts() {
    check_every(
        "bid 100 10 | buy a 5 @ 100 | sold 100 8 | queue buy | sold 100 4 | queue buy | sold 100 9",
        "a rests 5 | a 5 behind 2 | a 2 @ 100 maker | a 3 behind 0 | a 3 @ 100 maker",
    );
    // Takers who buy are on the other side; a trade above a bid does not reach it.
    check_every("bid 100 1 | buy a 5 @ 100 | bought 100 50 | sold 101 50", "a rests 5");
    check_every(
        "ask 101 1 | sell a 5 @ 101 | sold 101 9 | bought 101 3",
        "a rests 5 | a 2 @ 101 maker",
    );
}

#[test]
fn a_traded_quantity_fills_ours_once() {
    check_every(
        "bid 100 2 | buy a 3 @ 100 | buy b 3 @ 100 | sold 100 6 | queue buy",
        "a rests 3 | b rests 3 | a 3 @ 100 maker | b 1 @ 100 maker | b 2 behind 0",
    );
    // What is traded through stands first from then on.
    check_every(
        "bid 99 1 | bid 100 9 | buy a 5 @ 100 | sold 99 2 | queue buy",
        "a rests 5 | a 2 @ 100 maker | a 3 behind 0",
    );
    // Through the better order, at its price; then the queue of the level that traded.
    check_every(
        "bid 99 1 | bid 100 9 | buy b 5 @ 99 | buy a 2 @ 100 | sold 99 4",
        "b rests 5 | a rests 2 | a 2 @ 100 maker | b 1 @ 99 maker",
    );
}

#[test]
fn a_row_after_its_trade_is_no_cancel() {
    check_every(
        "bid 100 10 | buy a 5 @ 100 | sold 100 4 | bid 100 6 | queue buy",
        "a rests 5 | a 5 behind 6",
    );
}

#[test]
fn cancels_go_where_the_model_says() {
    let script = "bid 100 80 | buy a 5 @ 100 | bid 100 160 | bid 100 120 | queue buy";
    for (model, behind) in [
        (Pessimistic, 80),
        (Optimistic, 40),
        (Proportional, 60),
        (Power { exponent: 2 }, 60),
        (Log, 60),
        (Share { exponent: 2 }, 70),
    ] {
        check(model, script, &format!("a rests 5 | a 5 behind {behind}"));
    }
    // A quarter of the level stands ahead: 20 of 80. 40 go.
    let script = "bid 100 20 | buy a 5 @ 100 | bid 100 80 | bid 100 40 | queue buy";
    for (model, behind) in [
        (Pessimistic, 20),
        (Optimistic, 0),
        (Proportional, 10),
        // 400 / (400 + 3600) of 40.
        (Power { exponent: 2 }, 16),
        // ln 21 / (ln 21 + ln 61) of 40 is 17.02.
        (Log, 3),
        (Share { exponent: 2 }, 18),
    ] {
        check(model, script, &format!("a rests 5 | a 5 behind {behind}"));
    }
}

#[test]
fn nobody_is_behind_more_than_the_level_has() {
    check_every("bid 100 80 | buy a 5 @ 100 | bid 100 30 | queue buy", "a rests 5 | a 5 behind 30");
    check_every(
        "bid 100 8 | buy a 5 @ 100 | bid 100 0 | sold 100 5",
        "a rests 5 | a 5 @ 100 maker",
    );
}

#[test]
fn a_snapshot_keeps_places() {
    check(
        Optimistic,
        "bid 100 50 | buy a 5 @ 100 | clear | bid 99 7 | bid 100 60 | queue buy | clear | bid 100 20 | queue buy",
        "a rests 5 | a 5 behind 50 | a 5 behind 20",
    );
    // An order that comes while the level is not known yet is behind our own.
    check_every(
        "bid 100 50 | buy a 5 @ 100 | clear | buy b 5 @ 100 | queue buy",
        "a rests 5 | b rests 5 | a 5 behind 50 | b 5 behind 50",
    );
}

#[test]
fn takers_take_levels_and_remember() {
    check_every(
        "ask 101 3 | ask 103 4 | buy a 5 @ 103 | buy b 3 @ 103",
        "a 3 @ 101 taker | a 2 @ 103 taker | a filled | b 2 @ 103 taker | b rests 1",
    );
    // The market shows the level again: what we took of it is forgotten.
    check_every(
        "ask 101 3 | buy a 3 @ 101 | buy b 1 @ 101 ioc | ask 101 3 | buy c 1 @ 101 ioc",
        "a 3 @ 101 taker | a filled | b expired 1 | c 1 @ 101 taker | c filled",
    );
    check_every("ask 101 3 | buy a 5 | sell b 1", "a 3 @ 101 taker | a expired 2 | b expired 1");
}

#[test]
fn time_in_force() {
    check_every(
        "ask 101 3 | buy a 4 @ 101 fok | buy b 3 @ 101 fok",
        "a would not fill | b 3 @ 101 taker | b filled",
    );
    check_every("ask 101 3 | buy a 4 @ 101 ioc", "a 3 @ 101 taker | a expired 1");
    check_every("ask 101 3 | buy a 4 @ 101 gtx | buy b 4 @ 100 gtx", "a would take | b rests 4");
    // Our own taking does not make a level vanish for a post-only order.
    check_every(
        "ask 101 3 | buy a 3 @ 101 | buy b 1 @ 101 gtx",
        "a 3 @ 101 taker | a filled | b would take",
    );
}

#[test]
fn what_comes_to_a_crossing_level_fills() {
    check_every(
        "ask 101 9 | sell a 9 @ 101 | bid 101 3 | bid 101 4 | bid 101 2 | bid 102 1 | queue sell",
        "a rests 9 | a 3 @ 101 maker | a 1 @ 101 maker | a 1 @ 101 maker | a 4 behind 0",
    );
    // That part of the level is ours already: nobody else can take it.
    check_every(
        "sell a 2 @ 101 | bid 101 3 | sell b 3 @ 101 ioc",
        "a rests 2 | a 2 @ 101 maker | b 1 @ 101 taker | b expired 2",
    );
}

#[test]
fn best_quotes_remove_what_is_better() {
    check_every(
        "bid 98 9 | bid 99 9 | bid 100 9 | ask 101 1 | best 98 4 101 2 | sell a 6 @ 98",
        "a 4 @ 98 taker | a rests 2",
    );
}

#[test]
fn cancel_answers_what_was_left() {
    check_every(
        "bid 100 1 | buy a 5 @ 100 | sold 100 3 | cancel buy a | cancel buy a | sold 100 9",
        "a rests 5 | a 2 @ 100 maker | a cancelled 3 | a unknown",
    );
}

/// What the exchange uses that matches by itself: levels one at a time, and orders that only rest.
#[test]
fn a_caller_that_matches_takes_level_by_level() {
    check_every(
        "ask 101 3 | ask 103 4 | left sell | take sell 101 2 | left sell | take sell 101 1 | left sell",
        "3 left @ 101 | 1 left @ 101 | 4 left @ 103",
    );
    // As the market shows the book, and no further than it goes.
    check_every(
        "left buy | ask 101 3 | ask 103 4 | take sell 101 3 | level sell 1 | level sell 2 | level sell 3 | level sell 0",
        "none left | level 101 | level 103 | no level | no level",
    );
    check_every(
        "bid 100 3 | take buy 100 3 | left buy | bid 100 2 | left buy",
        "none left | 2 left @ 100",
    );
    check_every(
        "ask 101 9 | rest sell a 5 @ 101 | bought 101 10 | shrink sell a 3 | queue sell | shrink sell a 1 | queue sell",
        "a 1 @ 101 maker | a left 1 | a 1 behind 0 | a left 0",
    );
    check_every(
        "bid 100 8 | buy a 5 @ 100 | buy b 5 @ 100 | shrink buy a 2 | queue buy | shrink buy a 3 | sold 100 9 | shrink buy a 1",
        "a rests 5 | b rests 5 | a left 3 | a 3 behind 8 | b 5 behind 8 | a left 0 | b 1 @ 100 maker | a unknown",
    );
}
