//! A private key signs what the venue accepts, over both ways.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::{AccountId, MarketWants, NewOrder, OrderStatus, QtyLots, Request, Side};
use exchange_server::{ApiKey, KeySecret};
use live::binance::{BinanceLink, Keys, Secret, Setup};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};

use crate::support::*;

fn pem(kind: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    format!("-----BEGIN {kind}-----\n{text}\n-----END {kind}-----\n")
}

#[test]
fn an_ed25519_key_signs_both_ways() {
    let private = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(private.as_ref()).unwrap();
    // SubjectPublicKeyInfo of Ed25519: a fixed head, then the key.
    let mut public = vec![48, 42, 48, 5, 6, 3, 43, 101, 112, 3, 33, 0];
    public.extend_from_slice(pair.public_key().as_ref());
    let key = ApiKey {
        key: KEY.to_owned(),
        account: AccountId(0),
        secret: KeySecret::PublicKeyPem(pem("PUBLIC KEY", &public)),
    };
    let server = server_with(key);
    let secret = Secret::new(&pem("PRIVATE KEY", private.as_ref()));
    let keys = Arc::new(Keys::new(Secret::new(KEY), &secret).unwrap());
    let config = config(server.addr(), server.addr());
    let setup = Setup { keys: Some(keys), ..setup(config, MarketWants::NONE) };
    let mut live = Live::of(BinanceLink::connect(setup).unwrap());
    let order = live.order(Request::NewOrder(NewOrder::market(BTC, Side::Buy, QtyLots(10), "e1")));
    assert_eq!(order.status, OrderStatus::Filled, "over the WebSocket API");
    live.done(Request::Account);
    live.done(Request::SetLeverage { symbol: BTC, leverage: 3 });
}
