//! `qsim live --check` against a served exchange: each mismatch is named with what to change, and nothing is changed.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "support/running.rs"]
mod running;
mod support;

use std::net::TcpListener;
use std::path::Path;

use support::served::{KEY, SECRET, Served};
use support::{Folder, Output, QSIM, run_program};

const GOOD: &str = "seed = 2\n[market.synthetic]\nmodel = \"order_flow\"\nminutes = 600\n";

/// One check of a file with these lines.
fn check(folder: &Folder, served: &str, text: &str, keys: [&str; 2]) -> Output {
    folder.file("live.toml", text);
    let keys = [("QSIM_API_KEY", keys[0]), ("QSIM_API_SECRET", keys[1])];
    let words = ["live", "live.toml", "--venue", "testnet", "--address", served, "--check"];
    run_program(Path::new(QSIM), folder.root(), &keys, &words)
}

#[test]
fn each_mismatch_says_what_to_change() {
    let folder = Folder::new();
    folder.file("served.toml", GOOD);
    let served = Served::start(folder.root(), "served.toml", &["--no-limits"]);
    let right = [KEY, SECRET];
    let state = || {
        let mut account = served.admin("/accounts/0");
        account["now"] = 0.into();
        // Marks move by themselves.
        account["positions"] = 0.into();
        (account, served.admin("/accounts"))
    };
    let before = state();
    let good = check(&folder, &served.rest, GOOD, right).expect_code(0);
    assert!(!good.stdout.contains("STOP") && good.stdout.contains("ok    position mode: one-way"));
    let with = |more: &str| format!("{GOOD}{more}");
    let unknown = "[market.recorded]\nsymbols = [\"BTCUSDT\", \"NOTUSDT\"]\nbars = \"1m\"\n\
         from = \"2026-02-01T00:00:00Z\"\nto = \"2026-02-01T03:00:00Z\"\n";
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        format!("http://{}", listener.local_addr().expect("its address"))
    };
    let rest = served.rest.as_str();
    let hedge = with("[account]\nhedge_mode = true\n");
    let isolated = with("[account]\nmargin_type = \"ISOLATED\"\n");
    let leverage = with("[account]\nleverage = 7\n");
    let multi = with("[account]\nmulti_assets = true\n");
    let poor = with("[live]\navailable_min = \"1000000\"\n");
    let cases: [(&str, &str, [&str; 2], &[&str]); 9] = [
        (
            rest,
            &hedge,
            right,
            &["position mode: is one-way, should be hedge", "/fapi/v1/positionSide/dual"],
        ),
        (
            rest,
            &isolated,
            right,
            &["BTCUSDT margin type: is CROSSED, should be ISOLATED", "/fapi/v1/marginType"],
        ),
        (rest, &leverage, right, &["BTCUSDT leverage: is 20, should be 7", "/fapi/v1/leverage"]),
        (
            rest,
            &multi,
            right,
            &["multi-assets mode: is off, should be on", "/fapi/v1/multiAssetsMargin"],
        ),
        (
            rest,
            &poor,
            right,
            &["available balance: is 10000 USDT", "transfer USDT", "live.available_min"],
        ),
        (rest, unknown, right, &["NOTUSDT: is not there", "take it out"]),
        (
            rest,
            GOOD,
            ["nobodyskey", SECRET],
            &["API key: is", "-2015", "live.key_env or live.key_file"],
        ),
        (
            rest,
            GOOD,
            [KEY, "nottheone"],
            &["API key: is", "-1022", "live.secret_env or live.secret_file"],
        ),
        (&nobody, GOOD, right, &["refused", "is it running?"]),
    ];
    for (address, text, keys, wanted) in cases {
        let said = check(&folder, address, text, keys);
        let all = format!("{}{}", said.stdout, said.stderr);
        assert_eq!(said.code, 1, "{wanted:?}\n{all}");
        let keys_said = wanted.iter().all(|word| all.contains(word));
        assert!(keys_said, "{wanted:?} in\n{all}");
        let stops = said.stdout.lines().filter(|line| line.starts_with("STOP")).count();
        assert!(stops <= 5, "no more than is wrong\n{all}");
        assert!(!all.contains("nottheone") && !all.contains(SECRET), "{all}");
    }
    served.post("/skew", r#"{"ms":2000}"#);
    let off = check(&folder, &served.rest, GOOD, right).expect_code(1);
    assert!(
        off.stdout.contains("STOP  clock: is ")
            && off.stdout.contains(" ms behind the venue's, should be within 1000 ms"),
        "{off:#?}"
    );
    assert!(off.stdout.contains("set this machine's clock (NTP)"), "{off:#?}");
    served.post("/skew", r#"{"ms":0}"#);

    // What somebody holds is not taken over unasked.
    served.by_hand(
        "POST",
        "/fapi/v1/order",
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=50000",
    );
    let holds = check(&folder, &served.rest, GOOD, right).expect_code(1);
    assert!(holds.stdout.contains("open orders: is 1, should be none: cancel them"), "{holds:#?}");
    let own = with("[live]\nmay_hold = true\n");
    check(&folder, &served.rest, &own, right).expect_code(0);
    served.by_hand("DELETE", "/fapi/v1/allOpenOrders", "symbol=BTCUSDT");
    let mut after = state();
    for list in ["orders", "openOrders", "balance"] {
        after.0[list] = before.0[list].clone();
    }
    assert_eq!(before, after, "a check changes nothing");
    let files: Vec<_> = std::fs::read_dir(folder.root()).expect("a folder").collect();
    assert_eq!(files.len(), 2, "it writes nothing: {files:?}");
}

/// What a session needs of its own machine is looked at before it begins, too.
#[test]
fn what_the_machine_lacks_is_said() {
    let folder = Folder::new();
    folder.file("served.toml", GOOD);
    let served = Served::start(folder.root(), "served.toml", &["--no-limits"]);
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().map(|at| (at, taken)).expect("its address");
    let metrics = format!("metrics = \"{}\"", taken.0);
    let limited = "order_notional = \"1\"";
    for (line, code, wanted) in [
        ("journals = \"/proc/nothing\"", 1, &["STOP  journals in /proc/nothing", "live.journals"]),
        ("journals = \"served.toml/in\"", 1, &["STOP  journals in served.toml/in", "writable"]),
        (&metrics, 1, &["STOP  metrics at 127.0.0.1:", "another port"]),
        ("kill_file = \"nowhere/KILL\"", 1, &["STOP  kill file", "in a folder that is there"]),
        ("mirror = \"redis://127.0.0.1:1\"", 1, &["STOP  live.mirror", "start the server"]),
        ("", 0, &["note  limits: is none", "nothing limits order_notional"]),
    ] {
        let text = format!("{GOOD}[live]\n{line}\n");
        let said = check(&folder, &served.rest, &text, [KEY, SECRET]).expect_code(code);
        let found = said.stdout.lines().any(|row| wanted.iter().all(|word| row.contains(word)));
        assert!(found, "{wanted:?} in {said:#?}");
    }
    let text = format!("{GOOD}[live.limits]\n{limited}\n");
    let said = check(&folder, &served.rest, &text, [KEY, SECRET]).expect_code(0);
    assert!(said.stdout.contains("note  limits: is order_notional"), "{said:#?}");
}

#[test]
fn a_session_does_not_begin_on_a_mismatch() {
    let folder = Folder::new();
    folder.file("served.toml", GOOD);
    let served = Served::start(folder.root(), "served.toml", &["--no-limits"]);
    folder.file("live.toml", format!("{GOOD}[account]\nleverage = 7\n"));
    let keys = [("QSIM_API_KEY", KEY), ("QSIM_API_SECRET", SECRET)];
    let words = ["live", "live.toml", "--venue", "testnet", "--address", &served.rest];
    let said = run_program(Path::new(QSIM), folder.root(), &keys, &words).expect_code(1);
    assert!(said.stderr.contains("3 findings keep the session from beginning"), "{said:#?}");
    assert!(!folder.path("sessions").exists());
}

#[test]
fn a_key_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    folder.file("served.toml", GOOD);
    let served = Served::start(folder.root(), "served.toml", &["--no-limits"]);
    let files = [folder.file("key", KEY), folder.file("secret", SECRET)];
    let mode = |file: &Path, mode: u32| {
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).expect("set");
    };
    let text = format!("{GOOD}[live]\nkey_file = \"key\"\nsecret_file = \"secret\"\n");
    files.iter().for_each(|file| mode(file, 0o600));
    check(&folder, &served.rest, &text, ["", ""]).expect_code(0);
    for file in &files {
        mode(file, 0o644);
        let said = check(&folder, &served.rest, &text, ["", ""]).expect_code(2);
        let name = file.file_name().expect("a name").to_string_lossy();
        assert!(said.stderr.contains("has mode 644 and must have 600: chmod 600"), "{said:#?}");
        assert!(said.stderr.contains(&*name) && !said.stderr.contains(SECRET), "{said:#?}");
        mode(file, 0o600);
    }
}
