//! Recorded data that is not what a scenario or a journal asks for, seen from the command line.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use support::{Folder, Output, text};

const HOUR_MS: i64 = 3_600_000;
/// 2026-02-01T00:00Z.
const START_MS: i64 = 1_769_904_000_000;

/// Bars of BTCUSDT: these minutes after the start.
fn bars(folder: &Folder, name: &str, minutes: std::ops::Range<i64>) {
    let line = |minute: i64| {
        let open = START_MS + minute * 60_000;
        let price = 90_000 + minute % 13;
        format!("{open},{price},{},{price},{price},5,{},1,1,1,1,0\n", price + 1, open + 59_999)
    };
    let text: String = minutes.map(line).collect();
    folder.file(&format!("raw/klines/BTCUSDT/1m/BTCUSDT-1m-{name}.csv"), text);
}

fn rates(folder: &Folder, hours: &[i64]) {
    let line = |hour: &i64| format!("{},8,0.0001\n", START_MS + hour * HOUR_MS);
    let text: String = hours.iter().map(line).collect();
    folder.file("raw/fundingRate/BTCUSDT/BTCUSDT-fundingRate-a.csv", text);
}

fn import(folder: &Folder) {
    folder.qsim(&["data", "import", "raw", "--into", "set"]).expect_code(0);
}

/// The first hours of 2026-02-01, with recorded funding or with a rate of zero.
fn scenario(hours: i64, funding: bool) -> String {
    let exchange = if funding { "" } else { "[exchange]\nfunding_rate = \"0\"\n" };
    format!(
        "[market.recorded]\nsymbols = [\"BTCUSDT\"]\nbars = \"1m\"\nfunding = {funding}\n\
         from = \"2026-02-01T00:00:00Z\"\nto = \"2026-02-01T{hours:02}:00:00Z\"\n{exchange}"
    )
}

fn run(folder: &Folder) -> Output {
    folder.qsim(&["run", "a.toml", "--data", "set", "--journal", "journals", "--format", "json"])
}

#[test]
fn funding_that_is_not_recorded_is_refused() {
    let folder = Folder::new();
    bars(&folder, "a", 0..600);
    rates(&folder, &[48, 56]);
    import(&folder);
    folder.file("a.toml", scenario(10, true));
    let output = run(&folder).expect_code(2);
    let parts = ["a.toml", "[market.recorded]", "fundingRate/BTCUSDT", "set", "funding = false"];
    for part in parts.iter().chain(&["import more", "exchange.funding_rate"]) {
        assert!(output.stderr.contains(part), "no {part:?} in {}", output.stderr);
    }
    assert!(folder.snapshot("journals").is_empty());

    rates(&folder, &[0, 8, 16]);
    import(&folder);
    let output = run(&folder).expect_code(0);
    assert!(!output.stderr.contains("lacks"), "{}", output.stderr);
}

#[test]
fn a_range_that_is_partly_recorded_warns() {
    let folder = Folder::new();
    bars(&folder, "a", 10..100);
    bars(&folder, "b", 110..115);
    import(&folder);
    folder.file("a.toml", scenario(2, false));
    let output = run(&folder).expect_code(0);
    assert_eq!(text(&output.json(), "verdict"), "pass");
    let lacks = "a: warning: klines/BTCUSDT/1m lacks 25 bars of the range: \
                 10 from 2026-02-01T00:00:00Z until 2026-02-01T00:10:00Z; \
                 10 from 2026-02-01T01:40:00Z until 2026-02-01T01:50:00Z; \
                 5 from 2026-02-01T01:55:00Z until 2026-02-01T02:00:00Z\n";
    assert!(output.stderr.contains(lacks), "{}", output.stderr);
}

#[test]
fn a_journal_is_replayed_after_more_was_imported() {
    let folder = Folder::new();
    bars(&folder, "a", 0..300);
    import(&folder);
    folder.file("a.toml", scenario(4, false));
    let digest = run(&folder).expect_code(0).json()["digest"].clone();
    // Earlier and later bars, with more decimals than those of the journal; one file covers its time too.
    bars(&folder, "b", 300..900);
    bars(&folder, "d", -60..310);
    let overlapping = folder.path("raw/klines/BTCUSDT/1m/BTCUSDT-1m-d.csv");
    let coarse = std::fs::read_to_string(&overlapping).expect("readable");
    std::fs::write(overlapping, coarse.replacen(",5,", ",5.1234567,", 1)).expect("written");
    import(&folder);
    let replay = ["replay", "journals/a-1.journal", "--data", "set", "--format", "json"];
    let replayed = folder.qsim(&replay).expect_code(0).json();
    assert_eq!((text(&replayed, "verdict"), &replayed["digest"]), ("pass", &digest));
}

fn import_json(folder: &Folder, code: i32) -> Output {
    let arguments = ["data", "import", "raw", "--into", "set", "--format", "json"];
    folder.qsim(&arguments).expect_code(code)
}

/// One file that cannot be opened stops no other and has a line of its own.
#[cfg(unix)]
#[test]
fn an_unreadable_file_stops_no_other() {
    let folder = Folder::new();
    bars(&folder, "a", 0..10);
    let link = folder.path("raw/klines/BTCUSDT/1m/BTCUSDT-1m-b.csv");
    std::os::unix::fs::symlink(folder.path("nowhere.csv"), link).expect("a link");
    let output = import_json(&folder, 2);
    let lines = output.lines();
    assert_eq!(lines.len(), 2, "{output:?}");
    assert_eq!(text(&lines[0], "outcome"), "refused");
    assert!(text(&lines[0], "path").ends_with("BTCUSDT-1m-b.csv"));
    assert!(text(&lines[0], "reason").contains("check the path"), "{output:?}");
    assert_eq!(lines[1]["files"], 1);
}

/// So does a file of the data set itself.
#[test]
fn a_damaged_file_of_the_data_set_stops_no_import() {
    let folder = Folder::new();
    bars(&folder, "a", 0..10);
    import(&folder);
    let (damaged, _) = folder.snapshot("set/klines").remove(0);
    std::fs::write(&damaged, b"PAR1").expect("written");
    std::fs::remove_dir_all(folder.path("raw")).expect("removed");
    rates(&folder, &[0, 8]);
    let output = import_json(&folder, 2);
    let lines = output.lines();
    assert!(damaged.ends_with(text(&lines[0], "path")), "{output:?}");
    assert_eq!((lines.len(), &lines[1]["files"]), (2, &1.into()), "{output:?}");
}

#[test]
fn an_import_of_nothing_says_why() {
    let folder = Folder::new();
    folder
        .file("raw/liquidationSnapshot/BTCUSDT/BTCUSDT-liquidationSnapshot-2026-02-01.csv", "x\n");
    folder
        .file("raw/liquidationSnapshot/BTCUSDT/BTCUSDT-liquidationSnapshot-2026-02-02.csv", "x\n");
    let output = import_json(&folder, 2);
    let why = "nothing was imported: 2 skipped (qsim does not replay liquidationSnapshot)";
    assert!(output.stderr.contains(why), "{}", output.stderr);
    let lines = output.lines();
    assert_eq!((lines.len(), text(&lines[1], "outcome")), (3, "skipped"));

    std::fs::remove_dir_all(folder.path("raw")).expect("removed");
    std::fs::create_dir(folder.path("raw")).expect("a folder");
    let output = import_json(&folder, 2);
    for part in ["nothing was imported", "refused: raw: no zip or csv file in it"] {
        assert!(output.stderr.contains(part), "no {part:?} in {}", output.stderr);
    }
}

/// The data set holds what was asked for: that is no failure, but it is said.
#[test]
fn a_second_import_of_the_same_says_that_nothing_is_new() {
    let folder = Folder::new();
    bars(&folder, "a", 0..10);
    import(&folder);
    let output = import_json(&folder, 0);
    assert!(output.stderr.contains("nothing new: all 10 rows are there already"), "{output:?}");
    assert_eq!(output.json()["duplicates"], 10);
}

#[test]
fn a_note_on_many_files_is_one_line() {
    let folder = Folder::new();
    for number in 0..9 {
        bars(&folder, &number.to_string(), number..number + 1);
    }
    let twice = ["data", "import", "raw", "raw", "--into", "set", "--format", "json"];
    let output = folder.qsim(&twice).expect_code(0);
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
    for part in ["note: 9 files: named 2 times, read once", "BTCUSDT-1m-0.csv", "--format json"] {
        assert!(output.stderr.contains(part), "no {part:?} in {}", output.stderr);
    }
    assert_eq!(output.json()["notes"].as_array().map(Vec::len), Some(9), "each file by name");
}

#[test]
fn an_empty_qsim_data_is_as_if_there_were_none() {
    let folder = Folder::new();
    folder.file("a.toml", scenario(2, false));
    let program = std::path::Path::new(support::QSIM);
    let output =
        support::run_program(program, folder.root(), &[("QSIM_DATA", "")], &["run", "a.toml"]);
    let output = output.expect_code(2);
    for part in ["a.toml: needs market data", "--data DIR", "QSIM_DATA=DIR"] {
        assert!(output.stderr.contains(part), "no {part:?} in {}", output.stderr);
    }
}

#[test]
fn a_scenario_that_is_named_twice_says_so() {
    let folder = Folder::new();
    folder.file("a.toml", "[market.synthetic]\nminutes = 5\n");
    let output = folder.qsim(&["run", "a.toml", "./a.toml", "--journal", "journals"]);
    let output = output.expect_code(2);
    for part in ["a.toml", "./a.toml", "named twice", "name it once"] {
        assert!(output.stderr.contains(part), "no {part:?} in {}", output.stderr);
    }
}

#[test]
fn places_that_are_files_are_refused_with_a_remedy() {
    let folder = Folder::new();
    bars(&folder, "a", 0..10);
    folder.file("set", "a file");
    folder.file("a.toml", scenario(2, false));
    let output = folder.qsim(&["data", "import", "raw", "--into", "set"]).expect_code(2);
    assert!(output.stderr.contains("set: is a file, and a data set is a folder"), "{output:?}");
    for arguments in [&["data", "list", "set"][..], &["run", "a.toml", "--data", "set"]] {
        let output = folder.qsim(arguments).expect_code(2);
        assert!(output.stderr.contains("give another folder"), "{}", output.stderr);
    }
}
