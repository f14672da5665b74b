//! Nothing that a link says holds a secret.

use std::sync::Arc;

use engine::{Outcome, Request};
use live::binance::{BinanceLink, Keys, Secret, Setup};

use crate::peer::StreamPeer;
use crate::support::*;

fn clean(text: &str) {
    for secret in [KEY, SECRET, "signature="] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
}

#[test]
fn errors_and_notices_hold_no_secret() {
    let (server, peer, mut live) = connected();
    for kind in ["drop_before", "drop_after", "drop_middle"] {
        for path in ["order.place", "/fapi/v1/order", "/fapi/v2/account"] {
            fault(&server, &format!(r#"{{"kind":"{kind}","times":1,"path":"{path}"}}"#));
        }
    }
    for n in 0..3 {
        let outcome = live.ask(Request::NewOrder(resting(&format!("s{n}"))));
        clean(&format!("{outcome:?}"));
        assert!(!matches!(outcome, Outcome::Unknown));
    }
    live.ask(Request::Account);
    admin(&server, "POST", "/cut", "{}");
    peer.cut("/private");
    live.until_is("lost", |link| !link.is_ready());
    live.until_is("back", BinanceLink::is_ready);
    assert!(live.said.len() > 5);
    clean(&format!("{:?} {:?}", live.said, live.link));
}

#[test]
fn a_key_that_is_refused_is_told_without_it() {
    let (server, peer) = (server(), StreamPeer::start());
    let base = setup(config(server.addr(), peer.addr), engine::MarketWants::NONE);
    let wrong = |key: &str, secret: &str| {
        Arc::new(Keys::new(Secret::new(key), &Secret::new(secret)).unwrap())
    };
    for (key, secret) in [("notthekeyhush", SECRET), (KEY, "notthesecrethush")] {
        let config = base.config.clone();
        let again = setup(config, engine::MarketWants::NONE);
        let error =
            BinanceLink::connect(Setup { keys: Some(wrong(key, secret)), ..again }).unwrap_err();
        let text = format!("{error} {error:?}");
        clean(&text);
        assert!(!text.contains("hush"), "{text}");
        assert!(
            text.contains("-2014") || text.contains("-2015") || text.contains("-1022"),
            "{text}"
        );
    }
}
