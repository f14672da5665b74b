//! What an operator relies on, at the command line against a served exchange: kill switch, limits, dry run, graceful stop.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "support/running.rs"]
mod running;
mod support;

use std::path::Path;

use engine::{ExchangeEvent, JournalEntry, Outcome};
use running::{Redis, Running, http, sample, signal, until};
use serde_json::Value as Json;
use support::chain::{market_state, opens};
use support::pace::{lead, speed, steadily};
use support::served::{KEY, SECRET, Served, entries};
use support::{Folder, QSIM, run_program};

/// Three intents, eight minutes apart: eight seconds of the wall at the speed of 60. The bot makes none of its own.
const SCENARIO: &str = concat!(
    r#"
seed = 2
[market.synthetic]
model = "order_flow"
minutes = 60
[account]
wallet = "10000"
[pipeline.trading_bot]
enabled = false
"#,
    market_state!("40m"),
    opens!("a1" at "122500ms", "BUY" "BTCUSDT" for 450 at 90000, stop 60000, target 120000, leverage 5),
    opens!("a2" at "602500ms", "SELL" "ETHUSDT" for 300 at 3000, stop 4500, target 1500, leverage 5),
    opens!("a3" at "1082500ms", "BUY" "SOLUSDT" for 300 at 130, stop 80, target 200, leverage 5),
    r#"[[timeline]]
at = "1090s"
publish = { stream = "trade.intent", fields = { symbol = "ETHUSDT", action = "CLOSE", side = "BUY", confidence = 0.9, timestamp = "$now", reduce_only = true, source = "exit_monitor", reason = "stop_loss", correlation_id = "00000000-0000-0000-0000-0000000000a4" } }
"#
);

/// A served exchange of the scenario, whose session has these lines more in `[live]`.
fn serve(folder: &Folder, live: &str) -> Served {
    let speed = speed(60);
    folder.file("one.toml", format!("{SCENARIO}[live]\nspeed = {speed}\nmay_hold = true\n{live}"));
    let (speed, lead) = (speed.to_string(), lead(2, speed));
    let more = ["--speed", &speed, "--lead", &lead, "--any-timestamp", "--no-limits"];
    Served::start(folder.root(), "one.toml", &more)
}

fn words<'a>(served: &'a Served, more: &[&'a str]) -> Vec<&'a str> {
    let mut words = vec!["live", "one.toml", "--venue", "testnet", "--address", &served.rest];
    words.extend(["--begin-at", "2026-01-01T00:00:00Z", "--journal", "one.journal"]);
    words.extend(more);
    words
}

fn replays(folder: &Folder) {
    let replayed = run_program(Path::new(QSIM), folder.root(), &[], &["replay", "one.journal"]);
    assert!(replayed.stdout.contains("same run"), "{replayed:#?}");
}

/// Codes and texts of what was refused in the journal.
fn refusals(folder: &Folder) -> Vec<(i32, String)> {
    let of = |(_, _, entry)| match entry {
        JournalEntry::Exchange(ExchangeEvent::Response {
            outcome: Outcome::Refused(e), ..
        }) => Some((e.code, e.msg.into_string())),
        _ => None,
    };
    entries(&folder.path("one.journal")).into_iter().filter_map(of).collect()
}

/// What the operator did, in the journal's words.
fn actions(folder: &Folder) -> Vec<String> {
    let of = |(_, _, entry)| match entry {
        JournalEntry::Action(text) => Some(text),
        _ => None,
    };
    entries(&folder.path("one.journal")).into_iter().filter_map(of).collect()
}

fn killed_metric(session: &mut Running) -> Option<f64> {
    let host = session.metrics();
    sample(&http(&host, "GET", "/metrics", "", "").1, "qsim_hold{what=\"killed\"}")
}

#[test]
fn the_kill_switch_stays_on_until_it_is_released() {
    steadily(|| {
        let folder = Folder::new();
        let served = serve(&folder, "kill_file = \"KILL\"\nmetrics = \"127.0.0.1:0\"\n");
        let start = || Running::start(folder.root(), &words(&served, &[]));
        folder.file("KILL", "");
        let mut session = start();
        session.says("kill switch on by the kill file", 1);
        session.says("was not sent: the kill switch is on", 1);
        assert_eq!(served.count("orders"), 0, "nothing has come to the exchange");

        // Its process dies, and the file is still there.
        session.kill();
        let mut session = start();
        session.says("the session goes on", 1);
        session.says("kill switch on by the kill file", 1);
        until("the metric", || (killed_metric(&mut session) == Some(1.0)).then_some(()));
        std::fs::remove_file(folder.path("KILL")).expect("removed");
        session.says("kill switch off by the kill file", 1);
        until("the second intent's position", || (served.held("ETHUSDT") < 0.0).then_some(()));

        // An order that somebody has made by hand rests, and the switch cancels it.
        served.by_hand(
            "POST",
            "/fapi/v1/order",
            "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=50000",
        );
        // So is one that would open later; the one that protects the position rests on.
        let conditional = |symbol, price, size| {
            let order = format!(
                "algoType=CONDITIONAL&symbol={symbol}&side=BUY&type=STOP_MARKET&triggerPrice={price}&{size}"
            );
            served.by_hand("POST", "/fapi/v1/algoOrder", &order);
        };
        conditional("BTCUSDT", "150000", "quantity=0.01");
        conditional("ETHUSDT", "9000", "closePosition=true");
        let triggers = || {
            let rows = served.by_hand("GET", "/fapi/v1/openAlgoOrders", "");
            let rows: Vec<Json> = rows.as_array().expect("a list").clone();
            let of = |row: &Json| row["symbol"].as_str().expect("a symbol").to_owned();
            rows.iter().map(of).collect::<Vec<String>>()
        };
        assert_eq!((served.count("openOrders"), triggers().len()), (1, 2));
        session.signal("USR1");
        session.says("kill switch on by a signal", 1);
        until("no resting order", || (served.count("openOrders") == 0).then_some(()));
        until("only the protection", || (triggers() == ["ETHUSDT"]).then_some(()));
        // A file that comes and goes releases nothing of the signal's.
        folder.file("KILL", "");
        session.says("kill switch stays on by the kill file and a signal", 1);
        std::fs::remove_file(folder.path("KILL")).expect("removed");
        session.says("kill switch stays on by a signal", 1);
        session.says("was not sent: the kill switch is on", 1);
        until("the close", || (served.held("ETHUSDT") == 0.0).then_some(()));
        assert_eq!(served.held("SOLUSDT"), 0.0, "the third intent was not opened");
        until("the metric", || (killed_metric(&mut session) == Some(1.0)).then_some(()));
        session.signal("USR2");
        session.says("kill switch off by a signal", 1);
        until("the metric", || (killed_metric(&mut session) == Some(0.0)).then_some(()));
        session.signal("TERM");
        let ended = session.end().expect_code(0);
        assert!(ended.stdout.contains("the session ended: a signal"), "{ended:#?}");
        let (_, leaves) = ended.stderr.split_once("the session leaves ").expect("what it leaves");
        let (held, profit) = leaves.split_once("; its profit is ").expect("its profit");
        assert!(profit.contains(" USDT, realised and not"), "{ended:#?}");
        for symbol in ["BTCUSDT", "ETHUSDT", "SOLUSDT"] {
            assert_eq!(held.contains(symbol), served.held(symbol) != 0.0, "{symbol} in {held}");
        }
        replays(&folder);
        let refused = refusals(&folder);
        assert!(refused.iter().all(|(code, text)| *code == -4087 && text.contains("kill switch")));
        assert!(refused.len() >= 2, "{refused:?}");
        let done = actions(&folder);
        let holds: Vec<&String> = done.iter().filter(|text| text.starts_with("hold: ")).collect();
        assert!(holds.len() >= 7, "{holds:#?}");
    });
}

#[test]
fn a_limit_refuses_as_the_exchange_would() {
    steadily(|| {
        let folder = Folder::new();
        let limits = "[live.limits]\norder_notional = \"100\"\n";
        let served = serve(&folder, limits);
        let session = Running::start(folder.root(), &words(&served, &["--for", "150s"]));
        let ended = session.end().expect_code(0);
        assert!(ended.stderr.contains("order_notional is 100 USDT, it would be"), "{ended:#?}");
        assert_eq!(served.count("orders"), 0);
        let refused = refusals(&folder);
        assert!(
            !refused.is_empty() && refused.iter().all(|(code, _)| *code == -4087),
            "{refused:?}"
        );
        // The pipeline has heard of it as of any other refusal.
        let heard = |(_, _, entry)| match entry {
            JournalEntry::Publish { stream, body, .. }
                if stream == "quantum:stream:apply.result" =>
            {
                let text = body.to_string();
                let error =
                    "error=\"binance_error:-4087 User can only place reduce only order (qsim: ";
                (text.contains(error) && text.contains("executed=false")).then_some(text)
            }
            _ => None,
        };
        let heard: Vec<String> =
            entries(&folder.path("one.journal")).into_iter().filter_map(heard).collect();
        assert!(!heard.is_empty(), "{ended:#?}");
        replays(&folder);
    });
}

#[test]
fn metrics_are_what_the_journal_says() {
    steadily(|| {
        let folder = Folder::new();
        let more = "metrics = \"127.0.0.1:0\"\n[live.limits]\norder_notional = \"100\"\n";
        let served = serve(&folder, more);
        let mut session = Running::start(folder.root(), &words(&served, &[]));
        let host = session.metrics();
        let refused = "qsim_refused_total{limit=\"order_notional\"}";
        let page = until("a refusal in the metrics", || {
            let (status, page) = http(&host, "GET", "/metrics", "", "");
            assert_eq!(status, 200);
            assert!(page.ends_with("# EOF\n"), "it is whole: {page}");
            (sample(&page, refused)? >= 1.0).then_some(page)
        });
        session.signal("TERM");
        session.end().expect_code(0);
        let of = |name: &str| sample(&page, name).unwrap_or_else(|| panic!("no {name} in {page}"));
        let all = entries(&folder.path("one.journal"));
        let until = of("qsim_journal_entries") as usize;
        assert!(until <= all.len() && until > 1_000, "{until} of {}", all.len());
        // The answer may come behind the moment of the page.
        let own = all.iter().filter_map(|(_, _, entry)| match entry {
            JournalEntry::Exchange(ExchangeEvent::Response {
                request,
                outcome: Outcome::Refused(error),
                ..
            }) if error.msg.contains("(qsim: ") => Some(*request),
            _ => None,
        });
        let own: std::collections::BTreeSet<_> = own.collect();
        let (mut sent, mut not_sent, mut market) = (0, 0, 0);
        for (_, _, entry) in &all[..until] {
            match entry {
                JournalEntry::Submit { id, .. } if own.contains(id) => not_sent += 1,
                JournalEntry::Submit { .. } => sent += 1,
                JournalEntry::MarketEvent(_) => market += 1,
                _ => {}
            }
        }
        assert_eq!((of("qsim_requests_sent_total"), of(refused)), (sent.into(), not_sent.into()));
        assert_eq!(of("qsim_notices_total{what=\"refused\"}"), f64::from(not_sent));
        assert_eq!(of("qsim_market_events_total"), f64::from(market));
        for (what, on) in [("killed", 0.0), ("dry_run", 0.0), ("closing", 0.0), ("loss", 0.0)] {
            assert_eq!(of(&format!("qsim_hold{{what=\"{what}\"}}")), on, "{what}");
        }
        assert_eq!(of("qsim_exposed_usdt"), 0.0);
    });
}

#[test]
fn a_port_that_is_taken_is_told_before_the_session() {
    steadily(|| {
        let folder = Folder::new();
        let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = taken.local_addr().expect("its address");
        let served = serve(&folder, &format!("metrics = \"{address}\"\n"));
        let ended = Running::start(folder.root(), &words(&served, &[])).end().expect_code(1);
        let wanted = format!("metrics at {address}: is taken by another process, should be free");
        assert!(
            ended.stdout.contains(&wanted) && ended.stdout.contains("another port"),
            "{ended:#?}"
        );
        assert!(!folder.path("one.journal.partial").exists(), "nothing has begun");
    });
}

#[test]
fn the_log_is_for_people_and_for_machines() {
    steadily(|| {
        let folder = Folder::new();
        let served = serve(&folder, "");
        let text = Running::start(folder.root(), &words(&served, &["--for", "10s"])).end();
        let text = text.expect_code(0).stderr;
        let begins = text.lines().find(|line| line.contains("the session begins")).expect("a line");
        let words_of: Vec<&str> = begins.split_whitespace().collect();
        assert!(
            words_of[0].starts_with("2026-01-01T00:00:0")
                || words_of[0].starts_with("2025-12-31T23:5"),
            "{begins}"
        );
        assert_eq!(words_of[1], "INFO", "{begins}");
        assert!(begins.contains("journal=one.journal"), "{begins}");

        let more = ["--for", "10s", "--log", "json", "--journal", "two.journal"];
        let mut all = words(&served, &[]);
        // Neither its beginning, which is over, nor its journal.
        all.truncate(6);
        all.extend(more);
        let json = Running::start(folder.root(), &all).end().expect_code(0).stderr;
        let mut what = Vec::new();
        for line in json.lines() {
            let line: Json =
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            let word = |key: &str| {
                line[key].as_str().unwrap_or_else(|| panic!("{key} in {line}")).to_owned()
            };
            // The session's clock: that of the market, not that of the wall.
            assert!(word("timestamp").starts_with("2026-01-01T00:"), "{line}");
            assert!(["INFO", "WARN", "ERROR"].contains(&&*word("level")), "{line}");
            assert!(!word("message").is_empty(), "{line}");
            what.push(word("what"));
        }
        for one in ["begins", "ends", "ended"] {
            assert!(what.iter().any(|word| word == one), "{one} in {what:?}");
        }
    });
}

#[test]
fn a_dry_run_sends_nothing() {
    steadily(|| {
        let folder = Folder::new();
        let served = serve(&folder, "kill_file = \"KILL\"\n");
        let before = served.admin("/accounts/0");
        let session =
            Running::start(folder.root(), &words(&served, &["--for", "150s", "--dry-run"]));
        let ended = session.end().expect_code(0);
        assert!(ended.stderr.contains("this is a dry run: nothing is sent"), "{ended:#?}");
        let after = served.admin("/accounts/0");
        for of in ["orders", "algoOrders", "balance", "trades", "income"] {
            assert_eq!(before[of], after[of], "{of}");
        }
        let refused = refusals(&folder);
        let text = "User can not place order currently (qsim: this is a dry run)".to_owned();
        assert!(refused.contains(&(-4088, text)), "{refused:?}");
        replays(&folder);
    });
}

/// Whoever started the tests did so with `nohup`, which the sessions inherit.
fn hangups_are_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 == 1)
}

#[test]
fn a_stop_waits_for_what_is_under_way() {
    steadily(|| {
        for name in ["INT", "TERM", "HUP"] {
            if name == "HUP" && hangups_are_ignored() {
                println!(
                    "skipped: HUP, which ends no session begun under nohup, as these tests were"
                );
                continue;
            }
            let folder = Folder::new();
            let served = serve(&folder, "");
            for path in ["order.place", "/fapi/v1/order"] {
                let fault =
                    format!(r#"{{"kind":"delay_after","ms":2000,"times":1,"path":"{path}"}}"#);
                served.post("/faults", &fault);
            }
            let mut session = Running::start(folder.root(), &words(&served, &[]));
            until("the order", || (served.count("orders") == 1).then_some(()));
            session.signal(name);
            session.says("the session ends: a signal", 1);
            session.signal(name);
            session.says("the session ends, and waits for the answers", 1);
            let ended = session.end().expect_code(0);
            assert!(ended.stdout.contains("again: qsim replay one.journal"), "{ended:#?}");
            assert!(!folder.path("one.journal.partial").exists());
            replays(&folder);
            let answered = |entries: &[(u64, engine::Nanos, JournalEntry)]| {
                let mut open = std::collections::BTreeSet::new();
                for (_, _, entry) in entries {
                    match entry {
                        JournalEntry::Submit { id, .. } => drop(open.insert(*id)),
                        JournalEntry::PositionRisk { request, .. }
                        | JournalEntry::Exchange(ExchangeEvent::Response { request, .. }) => {
                            open.remove(request);
                        }
                        _ => {}
                    }
                }
                open
            };
            let open = answered(&entries(&folder.path("one.journal")));
            assert!(open.is_empty(), "without an answer: {open:?}");
        }
    });
}

#[test]
fn a_stop_without_a_venue_says_what_is_in_doubt() {
    steadily(|| {
        let folder = Folder::new();
        let served = serve(&folder, "");
        for path in ["order.place", "/fapi/v1/order"] {
            let fault = format!(r#"{{"kind":"delay_before","ms":1500,"times":1,"path":"{path}"}}"#);
            served.post("/faults", &fault);
        }
        let mut session = Running::start(folder.root(), &words(&served, &[]));
        // The order has come to the venue when one of the faults has struck; it stands still before it is looked at.
        let faults = || served.admin("/faults").as_array().map_or(0, Vec::len);
        until("the order under way", || (faults() < 2).then_some(()));
        signal(served.id(), "STOP");
        session.signal("TERM");
        session.says("the session ends: a signal", 1);
        // Asked a second time it says what it waits for, and a third time it ends without.
        session.signal("TERM");
        session.says("the session ends, and waits for the answers", 1);
        session.signal("TERM");
        let ended = session.end();
        signal(served.id(), "CONT");
        let ended = ended.expect_code(1);
        assert!(
            ended.stderr.contains("no answer yet to so many requests: 1; start the session again")
        );
        assert!(ended.stderr.contains("one.journal.partial"), "{ended:#?}");
        assert!(folder.path("one.journal.partial").exists(), "it can go on");

        let mut session = Running::start(folder.root(), &words(&served, &[]));
        session.says("the session goes on", 1);
        session.says("what=\"hold\"", 1);
        session.signal("TERM");
        session.end().expect_code(0);
        replays(&folder);
        let account = served.admin("/accounts/0");
        let orders = account["orders"].as_array().expect("orders");
        assert!(orders.len() <= 1, "nothing was sent twice: {orders:?}");
        let own = orders.first().map(|order| order["clientOrderId"].clone());
        let journal = format!("{:?}", entries(&folder.path("one.journal")));
        if let Some(Json::String(own)) = own {
            assert!(journal.contains(&own), "the journal knows {own}");
        }
    });
}

/// A terminal that is gone, or a full disk under the log, ends no session; what is lost of the log is counted.
#[test]
fn a_log_that_nobody_takes_ends_no_session() {
    steadily(|| {
        let folder = Folder::new();
        let served = serve(&folder, "metrics = \"127.0.0.1:0\"\n");
        let full =
            std::fs::OpenOptions::new().write(true).open("/dev/full").expect("a full device");
        let ended = std::process::Command::new(QSIM)
            .args(words(&served, &["--for", "150s"]))
            .current_dir(folder.root())
            .env_remove("RUST_LOG")
            .envs([("QSIM_API_KEY", KEY), ("QSIM_API_SECRET", SECRET)])
            .stderr(full)
            .output()
            .expect("the program starts");
        let said = String::from_utf8_lossy(&ended.stdout);
        assert!(ended.status.success() && said.contains("the session ended: its time"), "{said}");
        assert!(served.count("orders") >= 1, "it has traded");
        replays(&folder);
    });
}

/// The venue gives no listen key any more: nobody hears what becomes of orders.
#[test]
fn nothing_is_opened_while_the_account_is_not_heard() {
    steadily(|| {
        let folder = Folder::new();
        let served = serve(&folder, "");
        let mut session = Running::start(folder.root(), &words(&served, &[]));
        session.says("the session begins", 1);
        let refuse = r#"{"kind":"refuse","http":503,"code":-1001,"msg":"Internal error","path":"/fapi/v1/listenKey"}"#;
        served.post("/faults", refuse);
        served.post("/listen-key/expire", r#"{"account":0}"#);
        session.says("the account's events are not heard: nothing is opened until they are", 1);
        session.says("was not sent: ", 1);
        assert_eq!(served.held("SOLUSDT"), 0.0, "the third intent was not opened");
        served.ask("DELETE", "/faults", "");
        session.says("the account's events are heard again", 1);
        session.signal("TERM");
        session.end().expect_code(0);
        replays(&folder);
        let refused = refusals(&folder);
        let unheard =
            |(code, text): &(i32, String)| *code == -4087 && text.contains("nothing is heard");
        assert!(!refused.is_empty() && refused.iter().all(unheard), "{refused:?}");
    });
}

#[test]
fn a_session_that_runs_is_nobody_elses() {
    steadily(|| {
        let folder = Folder::new();
        let served = serve(&folder, "");
        let mut all = words(&served, &[]);
        // The journal gets its name by itself.
        all.truncate(8);
        let mut first = Running::start(folder.root(), &all);
        first.says("the session begins", 1);
        let second = Running::start(folder.root(), &all).end().expect_code(1);
        assert!(
            second.stderr.contains("this session runs already, in another process"),
            "{second:#?}"
        );
        assert!(second.stdout.is_empty(), "nothing was asked: {second:#?}");
        first.signal("TERM");
        let ended = first.end().expect_code(0);
        let (_, journal) = ended.stdout.split_once("again: qsim replay ").expect("the command");
        let words = ["replay", journal.trim()];
        let replayed = run_program(Path::new(QSIM), folder.root(), &[], &words);
        assert!(replayed.stdout.contains("same run"), "{replayed:#?}");
    });
}

/// Processes that share a pipeline have a journal each, and none takes that of another for one of a process that died.
#[test]
fn each_process_of_a_shared_pipeline_has_its_own_journal() {
    steadily(|| {
        let (folder, apart) = (Folder::new(), Folder::new());
        let redis = Redis::start(apart.root(), "");
        let served = serve(&folder, &format!("redis = \"redis://127.0.0.1:{}/0\"\n", redis.port));
        let mut all = words(&served, &[]);
        all.truncate(6);
        let start = |services: &'static str| {
            let more = [&all[..], &["--services", services]].concat();
            let mut session = Running::start(folder.root(), &more);
            session.says("the session begins", 1);
            session
        };
        let first = start("market_publisher,market_state");
        // Journals have their names by the second of the session's clock, which has come further since.
        let both = [first, start("intent_bridge,governor")];
        let mut journals = Vec::new();
        for session in both {
            session.signal("TERM");
            let ended = session.end().expect_code(0);
            let (_, journal) = ended.stdout.split_once("again: qsim replay ").expect("the command");
            journals.push(journal.trim().to_owned());
        }
        assert_ne!(journals[0], journals[1]);
        assert!(journals.iter().all(|journal| folder.path(journal).exists()), "{journals:?}");
    });
}

#[test]
fn production_wants_both_words() {
    steadily(|| {
        let folder = Folder::new();
        let refused = |name: &str, file: &str, more: &[&str], wanted: &str| {
            folder.file(name, file);
            let words = [&["live", name], more].concat();
            // Without keys: whatever happens, nobody can reach the real venue from here.
            let said = folder.qsim(&words).expect_code(2);
            assert!(said.stderr.contains(wanted), "{wanted:?} is not in {}", said.stderr);
            assert!(!folder.path("sessions").exists());
        };
        let file = |confirm: &str| {
            format!(
                "venue = \"production\"\n[market.synthetic]\nminutes = 10\n[live]\n{confirm}key_env = \"QSIM_NO_KEY\"\n"
            )
        };
        let confirmed = file("confirm = \"I trade real money\"\n");
        refused("a.toml", &file(""), &["--production"], "say confirm = \"I trade real money\"");
        refused(
            "b.toml",
            &file("confirm = \"yes\"\n"),
            &["--production"],
            "live.confirm is \"yes\"",
        );
        refused("c.toml", &confirmed, &[], "say --production, too");
        refused(
            "d.toml",
            &confirmed,
            &["--production", "--address", "http://127.0.0.1:1"],
            "live.addresses",
        );
        refused("e.toml", &confirmed, &["--production"], "QSIM_NO_KEY is not set");
        let testnet = file("").replace("production", "testnet");
        refused("f.toml", &testnet, &["--venue", "production"], "live.confirm");
    });
}
