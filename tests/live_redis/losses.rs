//! The server goes away and comes back, or loses what it held.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use engine::Nanos;

use super::redis_support::{Server, eventually};
use super::sessions::{Running, filled, replays, scenario, serve};
use super::support::Folder;
use super::support::pace::steadily;
use super::support::served::Served;

/// What the exchange's clock shows.
fn venue_time(served: &Served) -> Nanos {
    let host = served.rest.strip_prefix("http://").expect("an address");
    let mut stream = TcpStream::connect(host).expect("it answers");
    write!(stream, "GET /fapi/v1/time HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")
        .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
    Nanos::from_millis(body["serverTime"].as_i64().expect("a time"))
}

/// Somebody else writes an intent.
fn intent(server: &Server, served: &Served, number: u64, symbol: &str, prices: [&str; 3]) {
    let now = venue_time(served);
    let [entry, stop, target] = prices;
    server.run(&format!(
        "XADD quantum:stream:trade.intent * symbol {symbol} action BUY side BUY confidence 0.9 timestamp {now} position_size_usd 450 entry_price {entry} leverage 5 stop_loss {stop} take_profit {target} source trading_bot correlation_id 00000000-0000-0000-0000-0000000000a{number}"
    ));
}

const BTC: [&str; 3] = ["90000", "80000", "99000"];
const SOL: [&str; 3] = ["130", "115", "143"];

/// A session without a timeline of its own, with the pipeline ready for intents.
fn session(folder: &Folder, server: &Server, more: &str) -> (Served, Running) {
    folder.file("chain.toml", scenario(0, &format!("redis = \"{}\"\n{more}", server.address())));
    let served = serve(folder, "chain.toml", 8);
    let session = Running::start(folder, &served, "chain.toml", "chain", &["--for", "900s"]);
    let ready = Nanos::from_secs(1_767_225_600 + 70);
    eventually("the pipeline knows its symbols", || venue_time(&served) > ready);
    (served, session)
}

fn orders_of(served: &Served, symbol: &str) -> u64 {
    filled(served).iter().filter(|((of, _), _)| of == symbol).map(|(_, count)| count).sum()
}

/// A signal ends the session.
fn stop(session: &mut Running) {
    session.interrupt();
    session.ends_well();
}

#[test]
fn a_server_that_goes_away_and_comes_back_costs_no_order_and_doubles_none() {
    steadily(|| {
        let folder = Folder::new();
        let mut server = Server::start();
        let (served, mut session) = session(&folder, &server, "");
        intent(&server, &served, 1, "BTCUSDT", BTC);
        eventually("the first intent is filled", || orders_of(&served, "BTCUSDT") == 1);

        server.run("CLIENT KILL TYPE normal");
        session.says("bus_reconnected");
        server.kill();
        session.says("bus_lost");
        server.start_again();
        session.says("bus_back");
        // What could not be written meanwhile has aged: a snapshot that is older than ten seconds opens nothing.
        let fresh = venue_time(&served) + Nanos::from_secs(15);
        eventually("the snapshots are new again", || venue_time(&served) > fresh);
        intent(&server, &served, 2, "SOLUSDT", SOL);
        eventually("the second intent is filled", || orders_of(&served, "SOLUSDT") >= 1);
        stop(&mut session);
        assert_eq!(orders_of(&served, "BTCUSDT"), 1, "{:?}", filled(&served));
        assert_eq!(orders_of(&served, "SOLUSDT"), 1, "{:?}", filled(&served));
        server.kill();
        replays(&folder, &session.journal);
    });
}

#[test]
fn a_server_that_loses_its_data_is_told_of_and_doubles_no_order() {
    steadily(|| {
        let folder = Folder::new();
        let mut server = Server::start();
        let (served, mut session) = session(&folder, &server, "");
        intent(&server, &served, 1, "BTCUSDT", BTC);
        eventually("the first intent is filled", || orders_of(&served, "BTCUSDT") == 1);
        server.run("FLUSHALL");
        intent(&server, &served, 2, "SOLUSDT", SOL);
        session.says("bus_data_lost");
        let read = || match server.run("XINFO GROUPS quantum:stream:trade.intent") {
            redis::Value::Array(groups) => !groups.is_empty(),
            other => panic!("{other:?}"),
        };
        eventually("the group is there again", read);
        stop(&mut session);
        assert_eq!(orders_of(&served, "BTCUSDT"), 1, "{:?}", filled(&served));
        assert!(orders_of(&served, "SOLUSDT") <= 1, "{:?}", filled(&served));
        server.kill();
        replays(&folder, &session.journal);
    });
}

/// What a session has done counts after the death of its process.
#[test]
fn the_days_orders_are_counted_over_the_lives_of_a_session() {
    steadily(|| {
        let folder = Folder::new();
        let mut server = Server::start();
        let limit = "[live.limits]\norders_per_day = 1\n";
        let (served, mut session) = session(&folder, &server, limit);
        intent(&server, &served, 1, "BTCUSDT", BTC);
        eventually("the first intent is filled", || orders_of(&served, "BTCUSDT") == 1);
        session.kill();
        let mut session =
            Running::start(&folder, &served, "chain.toml", "chain", &["--for", "900s"]);
        session.says("the session goes on");
        intent(&server, &served, 2, "SOLUSDT", SOL);
        session.says("orders_per_day is 1, and had been reached");
        stop(&mut session);
        assert_eq!(orders_of(&served, "SOLUSDT"), 0, "{:?}", filled(&served));
        server.kill();
        replays(&folder, &session.journal);
    });
}
