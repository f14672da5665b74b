//! `qsim data check` of series that contradict each other: exit code 1, the pair with both values, in both
//! formats.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use support::{Folder, text};

#[test]
fn a_pair_of_series_that_contradict_each_other_is_a_finding() {
    let folder = Folder::new();
    let start = 1_769_904_000_000i64;
    let write = |place: &str, content: String| {
        let path = folder.path(place);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, content).expect("written");
    };
    let minute = |i: i64| {
        let open = start + i * 60_000;
        format!("{open},10,10,10,10,1,{},1,1,1,1,0\n", open + 59_999)
    };
    write("raw/klines/BTCUSDT/1m/BTCUSDT-1m-a.csv", (0..3).map(minute).collect());
    let hour = |high: &str| format!("{start},10,{high},10,10,3,{},1,1,1,1,0\n", start + 179_999);
    for (high, code) in [("10", 0), ("10.5", 1)] {
        write("raw/klines/BTCUSDT/3m/BTCUSDT-3m-a.csv", hour(high));
        let set = format!("set{code}");
        folder.qsim(&["data", "import", "raw", "--into", &set]).expect_code(0);
        let output = folder.qsim(&["data", "check", &set, "--format", "json"]).expect_code(code);
        let lines = output.lines();
        let pair = lines.last().expect("a pair");
        assert_eq!((text(pair, "interval"), text(pair, "against")), ("1m", "klines/3m"));
        assert_eq!((lines.len(), pair["rows"].as_u64()), (3, Some(1)));
        let findings = pair["findings"].as_array().expect("findings");
        assert_eq!(findings.len(), usize::from(code == 1));
        if let Some(finding) = findings.first() {
            assert_eq!(text(finding, "what"), "contradiction");
            assert_eq!(text(finding, "detail"), "1 of 1 bars differ; the first: high 10 and 10.5");
        }
        let table = folder.qsim(&["data", "check", &set]).expect_code(code).stdout;
        assert!(table.contains("klines/3m"), "{table}");
        assert_eq!(table.contains("high 10 and 10.5"), code == 1, "{table}");
    }
}

/// One bad file hides nothing of the rest.
#[test]
fn a_damaged_file_is_told_beside_the_rest() {
    let folder = Folder::new();
    let bar = "1769904000000,10,10,10,10,1,1769904059999,1,1,1,1,0\n";
    for symbol in ["BTCUSDT", "ETHUSDT"] {
        folder.file(&format!("raw/klines/{symbol}/1m/{symbol}-1m-a.csv"), bar);
    }
    folder.qsim(&["data", "import", "raw", "--into", "set"]).expect_code(0);
    folder.file("set/klines/BTCUSDT/1m/x.parquet", "x\n");
    folder.file("set/klines/y.parquet", "y\n");
    let list = folder.qsim(&["data", "list", "set", "--format", "json"]).expect_code(1);
    assert_eq!(list.lines().len(), 2);
    for part in ["damaged: set/klines/BTCUSDT/1m/x.parquet: ", "set/klines/y.parquet", "delete it"]
    {
        assert!(list.stderr.contains(part), "no {part:?} in {}", list.stderr);
    }
    let check = folder.qsim(&["data", "check", "set", "--format", "json"]).expect_code(1);
    let lines = check.lines();
    assert_eq!(text(&lines[0]["findings"][0], "what"), "damaged");
    assert_eq!(lines[1]["findings"].as_array().map(Vec::len), Some(0));
    assert!(check.stderr.contains("damaged: set/klines/y.parquet"), "{}", check.stderr);
    folder.qsim(&["data", "check", "set"]).expect_code(1);
    folder.qsim(&["data", "list", "set"]).expect_code(1);
}
