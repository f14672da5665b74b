//! Listen keys.

use crate::harness::{KEYS, Venue, start};

fn call(venue: &Venue, account: usize, method: &str) -> crate::harness::Answer {
    venue.raw(method, "/fapi/v1/listenKey", Some(KEYS[account].0), "")
}

fn key(venue: &Venue, account: usize, method: &str) -> String {
    let answer = call(venue, account, method).ok();
    answer["listenKey"].as_str().unwrap().to_owned()
}

#[test]
fn an_account_has_one_key_and_keeps_it_alive() {
    let venue = start();
    assert_eq!(call(&venue, 0, "PUT").refusal().1, -1125, "none yet");
    let first = key(&venue, 0, "POST");
    assert!((60..=64).contains(&first.len()) && first.bytes().all(|b| b.is_ascii_alphanumeric()));
    assert_eq!(key(&venue, 0, "POST"), first, "the one that is alive");
    assert_ne!(key(&venue, 1, "POST"), first, "each account has its own");
    venue.step(59 * 60_000);
    assert_eq!(key(&venue, 0, "PUT"), first);
    venue.step(59 * 60_000);
    assert_eq!(key(&venue, 0, "POST"), first, "asking prolongs, too");
    assert_eq!(call(&venue, 1, "PUT").refusal().1, -1125, "the second has expired");
    let unknown = "/fapi/v1/listenKey?listenKey=another";
    assert_eq!(venue.raw("PUT", unknown, Some(KEYS[0].0), "").refusal().1, -1125);
    venue.step(60 * 60_000);
    let refusal = call(&venue, 0, "PUT").refusal();
    assert_eq!(refusal, (400, -1125, "This listenKey does not exist.".to_owned()));
    assert_ne!(key(&venue, 0, "POST"), first);
    assert_eq!(call(&venue, 0, "DELETE").ok(), serde_json::json!({}));
    assert_eq!(call(&venue, 0, "PUT").refusal().1, -1125);
    assert_eq!(call(&venue, 0, "DELETE").refusal().1, -1125);
}
