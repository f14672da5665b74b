//! The admin routes.

use std::time::{Duration, Instant};

use exchange_server::ClockMode;
use serde_json::json;

use crate::harness::{START, start, start_with, trade};

#[test]
fn a_stepped_clock_moves_as_it_is_told() {
    let venue = start_with(|setup| setup.tape.push(trade(60_000, 0, 50_600)));
    let start = START.millis();
    assert_eq!(venue.ms(), start + 10);
    venue.step(5);
    assert_eq!(venue.raw("GET", "/fapi/v1/time", None, "").ok()["serverTime"], start + 15);
    let now = venue.admin("POST", "/step", r#"{"next":true}"#).ok();
    assert_eq!(now["now"], start + 60_000, "the next event of the market");
    let order = venue.market("BUY", "0.01");
    assert_eq!(order["avgPrice"], "50600.10");
    venue.admin("POST", "/step", &format!(r#"{{"to":{}}}"#, start + 70_000)).ok();
    assert_eq!(venue.ms(), start + 70_000);
    for body in [r#"{"to":1}"#, "{}", r#"{"by":5}"#, "nonsense"] {
        assert_eq!(venue.admin("POST", "/step", body).status, 400, "{body}");
    }
    assert_eq!(venue.admin("GET", "/nothing", "").status, 404);
    assert_eq!(venue.admin("GET", "/accounts/7", "").status, 404);
}

#[test]
fn a_held_venue_stands_until_it_goes() {
    let venue = start_with(|setup| {
        setup.server.clock = ClockMode::Speed(60);
        setup.server.held = true;
    });
    let now = venue.admin("GET", "/now", "").ok();
    assert_eq!((&now["held"], &now["now"]), (&json!(true), &json!(START.millis())));
    assert_eq!(now["clock"], "60");
    // A client can do all that needs no market.
    venue.post("/fapi/v1/leverage", "symbol=BTCUSDT&leverage=5").ok();
    let order = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.01";
    assert_eq!(venue.post("/fapi/v1/order", order).refusal().1, -1112, "nothing was traded yet");
    assert_eq!(venue.admin("POST", "/step", r#"{"ms":1}"#).status, 400);
    venue.admin("POST", "/go", "").ok();
    let began = Instant::now();
    while venue.ms() < START.millis() + 2_000 {
        assert!(began.elapsed() < Duration::from_secs(20), "two seconds of 1/60 each");
        std::thread::yield_now();
    }
    venue.market("BUY", "0.01");
    venue.admin("POST", "/speed", r#"{"speed":"stepped"}"#).ok();
    let stands = venue.ms();
    venue.step(1);
    assert_eq!(venue.ms(), stands + 1);
    assert_eq!(venue.admin("POST", "/speed", r#"{"speed":"fast"}"#).status, 400);
    let half = venue.admin("POST", "/speed", r#"{"speed":0.5}"#);
    assert!(half.body.contains("speed must be"), "{}", half.body);
    assert_eq!(venue.admin("POST", "/speed", r#"{"speed":0}"#).status, 400);
}

#[test]
fn a_clock_that_goes_does_what_is_due_without_any_request() {
    let venue = start_with(|setup| setup.server.clock = ClockMode::Speed(1_000));
    let began = Instant::now();
    let patience = Duration::from_secs(20);
    while venue.server.app().venue_as_it_is().now().millis() < START.millis() + 10 {
        assert!(began.elapsed() < patience, "the clock task shows the market");
        std::thread::yield_now();
    }
    venue.resting("a");
    venue.post("/fapi/v1/countdownCancelAll", "symbol=BTCUSDT&countdownTime=500").ok();
    // Nobody asks anything: the exchange cancels by itself.
    while !venue
        .server
        .app()
        .venue_as_it_is()
        .exchange()
        .open_orders_of(engine::AccountId(0))
        .is_empty()
    {
        assert!(began.elapsed() < patience, "the countdown ends by itself");
        std::thread::yield_now();
    }
}

#[test]
fn the_wall_clock_is_the_wall_clock() {
    let wall = || {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        i64::try_from(since.as_millis()).unwrap()
    };
    let venue = start_with(|setup| {
        setup.server.clock = ClockMode::Wall;
        setup.exchange.start = engine::Nanos::from_millis(wall());
        setup.tape.clear();
    });
    let before = wall();
    let told = venue.raw("GET", "/fapi/v1/time", None, "").ok()["serverTime"].as_i64().unwrap();
    // The system's clock is asked once, and counted on from there.
    assert!((before - 100..=wall() + 100).contains(&told), "{before} {told} {}", wall());
}

#[test]
fn accounts_are_listed_without_their_secrets() {
    let venue = start();
    let answer = venue.admin("GET", "/accounts", "");
    assert_eq!(
        answer.ok(),
        json!([{"account": 0, "keys": 1, "listen_key": false},
               {"account": 1, "keys": 1, "listen_key": false}])
    );
    assert!(!format!("{:?}", venue.server).contains("secret2"));
    assert!(!format!("{:?}", venue.server.app().config).contains("secret2"));
}
