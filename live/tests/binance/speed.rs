//! Figures of the hot path. Printed, not asserted: `cargo test -p live --test binance -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use engine::{MarketWants, Request};
use live::binance::BinanceLink;
use live::link::VenueLink;

use crate::peer::StreamPeer;
use crate::support::*;

fn median(mut spans: Vec<Duration>) -> (Duration, Duration) {
    spans.sort_unstable();
    (spans[spans.len() / 2], spans[spans.len() * 99 / 100])
}

#[test]
#[ignore = "prints figures of this machine"]
fn from_a_market_frame_to_an_order() {
    let (server, peer) = (server(), StreamPeer::start());
    let wants = MarketWants { trades: true, ..MarketWants::NONE };
    let config = config(server.addr(), peer.addr);
    let mut live = Live::of(BinanceLink::connect(setup(config, wants)).unwrap());
    let (mut polls, mut sends) = (Vec::new(), Vec::new());
    for n in 0..200u64 {
        let frame = format!(
            r#"{{"e":"aggTrade","E":5,"s":"BTCUSDT","a":{n},"p":"50000.10","q":"0.002","f":1,"l":2,"T":4,"m":true}}"#
        );
        peer.say("/market", &frame);
        let before = live.said.len();
        // Short polls, so that the last one, which brings the frame, is all work.
        while live.said.len() == before {
            let began = Instant::now();
            live.link.poll(Duration::ZERO, &mut live.said).unwrap();
            if live.said.len() > before {
                polls.push(began.elapsed());
            }
        }
        let request = live.outgoing(Request::NewOrder(resting(&format!("q{n:016}-1"))));
        let id = request.id;
        let began = Instant::now();
        live.link.send(request);
        sends.push(began.elapsed());
        live.outcome(id);
    }
    println!("poll with a frame: {:?} (median, p99)", median(polls));
    println!("send of an order:  {:?} (median, p99)", median(sends));
}
