//! Data that is fetched from a server on this machine, imported and listed, at the command line.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../datasets/tests/common/archive_server.rs"]
mod archive_server;
mod support;

use archive_server::{Act, ArchiveServer};
use support::{Folder, Output, text};

/// 2026-02-01T00:00Z.
const START_MS: i64 = 1_769_904_000_000;
const DAY_MS: i64 = 86_400_000;

/// Bars of four hours of a day of February 2026, as the archive packs them.
fn bars(days: std::ops::Range<i64>, name: &str) -> Vec<u8> {
    use std::io::Write as _;
    let line = |number: i64| {
        let open = START_MS + number * DAY_MS / 6;
        let close = open + DAY_MS / 6 - 1;
        format!("{open},90000,90001,89999,90000,5,{close},1,1,1,1,0\n")
    };
    let lines: String = (days.start * 6..days.end * 6).map(line).collect();
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    writer.start_file(format!("{name}.csv"), options).expect("a zip");
    writer.write_all(lines.as_bytes()).expect("a zip");
    writer.finish().expect("a zip").into_inner()
}

/// Serves February as a month, and these days of March.
fn serve(server: &ArchiveServer, days_of_march: &[i64]) {
    let place =
        |span: &str, name: &str| format!("data/futures/um/{span}/klines/BTCUSDT/4h/{name}.zip");
    let name = "BTCUSDT-4h-2026-02";
    server.file(&place("monthly", name), &bars(0..28, name));
    for day in days_of_march {
        let name = format!("BTCUSDT-4h-2026-03-{day:02}");
        server.file(&place("daily", &name), &bars(27 + day..28 + day, &name));
    }
}

fn fetch(folder: &Folder, base: &str, more: &[&str]) -> Output {
    let from_to = ["--from", "2026-02-01", "--to", "2026-03-07"];
    let what = ["--symbol", "BTCUSDT", "--kind", "klines", "--interval", "4h", "--base", base];
    let mut arguments = vec!["data", "fetch", "--into", "raw"];
    arguments.extend(what.iter().chain(&from_to).chain(more));
    folder.qsim(&arguments)
}

#[test]
fn what_is_fetched_is_imported_and_listed() {
    let (folder, server) = (Folder::new(), ArchiveServer::new());
    serve(&server, &[1, 2]);
    let month = "data/futures/um/monthly/klines/BTCUSDT/4h/BTCUSDT-4h-2026-02.zip";
    server.next(month, [Act::Cut(100)]);
    let output = fetch(&folder, &server.base(), &[]).expect_code(0);
    let summary = " into raw; 0 resumed; 0 there already; 4 not in the archive, 0 refused\n";
    assert!(
        output.stdout.starts_with("3 files (") && output.stdout.ends_with(summary),
        "{output:?}"
    );
    let missing = "not in the archive: data/futures/um/daily/klines/BTCUSDT/4h: 4 files, \
                   the first is BTCUSDT-4h-2026-03-03.zip, the last BTCUSDT-4h-2026-03-06.zip";
    assert!(output.stderr.contains(missing), "{output:?}");

    let import = ["data", "import", "raw", "--into", "set", "--format", "json"];
    let report = folder.qsim(&import).expect_code(0).json();
    assert_eq!((&report["files"], &report["rows"]), (&3.into(), &180.into()));
    assert_eq!(report["notes"], serde_json::json!([]), "every checksum is there");
    let list = folder.qsim(&["data", "list", "set", "--format", "json"]).expect_code(0).json();
    assert_eq!((text(&list, "kind"), text(&list, "interval")), ("klines", "4h"));
    assert_eq!(list["rows"], 180);
}

#[test]
fn each_file_that_is_not_there_has_its_line() {
    let (folder, server) = (Folder::new(), ArchiveServer::new());
    serve(&server, &[1, 2, 3, 4, 5]);
    let fifth = "data/futures/um/daily/klines/BTCUSDT/4h/BTCUSDT-4h-2026-03-05.zip";
    server.only(fifth, b"other bytes");
    let output = fetch(&folder, &server.base(), &["--format", "json"]).expect_code(2);
    let lines = output.lines();
    let [refused, missing, report] = &lines[..] else { panic!("{output:?}") };
    assert_eq!((text(refused, "outcome"), text(refused, "path")), ("refused", fifth));
    assert!(text(refused, "reason").contains("wrong checksum"), "{output:?}");
    assert_eq!(
        (text(missing, "outcome"), text(missing, "reason")),
        ("missing", "not in the archive")
    );
    assert!(text(missing, "path").ends_with("BTCUSDT-4h-2026-03-06.zip"), "{output:?}");
    assert_eq!((&report["fetched"], &report["already_there"]), (&5.into(), &0.into()));

    // Mended there, it is the only one that comes now.
    let name = "BTCUSDT-4h-2026-03-05";
    server.file(fifth, &bars(32..33, name));
    let output = fetch(&folder, &server.base(), &["--format", "json"]).expect_code(0);
    let report = &output.lines()[1];
    assert_eq!((&report["fetched"], &report["already_there"]), (&1.into(), &5.into()));
}

#[test]
fn an_archive_without_any_of_it_is_no_success() {
    let (folder, server) = (Folder::new(), ArchiveServer::new());
    let output = fetch(&folder, &server.base(), &[]).expect_code(2);
    assert!(
        output.stderr.contains("nothing was fetched: the archive has none of it"),
        "{output:?}"
    );
}

#[test]
fn a_symbol_without_any_file_is_no_success() {
    let (folder, server) = (Folder::new(), ArchiveServer::new());
    serve(&server, &[1, 2, 3, 4, 5, 6]);
    let base = server.base();
    let arguments = ["data", "fetch", "--symbol", "BTCUSDT,NOPEUSDT", "--kind", "klines"];
    let more = ["--interval", "4h", "--into", "raw", "--base", &base];
    let days = ["--from", "2026-02-01", "--to", "2026-03-07"];
    let output = folder.qsim(&[&arguments[..], &more, &days].concat()).expect_code(2);
    let told = "nothing of klines/NOPEUSDT/4h is in the archive; check symbol, kind and days";
    assert!(output.stderr.contains(told), "{output:?}");
    assert!(!output.stderr.contains("nothing of klines/BTCUSDT"), "{output:?}");
    assert!(output.stdout.starts_with("7 files ("), "what is there has come: {output:?}");
}

#[test]
fn days_to_come_are_told() {
    let (folder, server) = (Folder::new(), ArchiveServer::new());
    serve(&server, &[1, 2]);
    let third = "data/futures/um/daily/klines/BTCUSDT/4h/BTCUSDT-4h-2026-03-03.zip";
    server.next(third, [Act::Status(404, "Date: Thu, 05 Mar 2026 00:10:00 GMT\r\n")]);
    let output = fetch(&folder, &server.base(), &[]).expect_code(0);
    let told = "note: 2 of the files that are not in the archive are of days that are not over: \
                there it is 2026-03-05; give an earlier --to";
    assert!(output.stderr.contains(told), "{output:?}");
}

#[test]
fn a_month_that_is_not_there_was_not_fetched_whole() {
    let (folder, server) = (Folder::new(), ArchiveServer::new());
    let path = |month: &str| {
        format!("data/futures/um/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-{month}.zip")
    };
    server.file(&path("2026-02"), b"some bytes");
    let base = server.base();
    let arguments = ["data", "fetch", "--symbol", "BTCUSDT", "--kind", "fundingRate"];
    let more = ["--from", "2026-01-10", "--to", "2026-03-07", "--into", "raw", "--base", &base];
    let output = folder.qsim(&[&arguments[..], &more].concat()).expect_code(0);
    assert!(!output.stderr.contains("fetched whole"), "{output:?}");
    assert_eq!(output.stderr.matches("not in the archive: ").count(), 2, "{output:?}");
}

/// A proxy that is set for the world outside is not asked for what is on this machine.
#[test]
fn no_proxy_stands_before_this_machine() {
    let (folder, server) = (Folder::new(), ArchiveServer::new());
    let path = "data/futures/um/daily/metrics/BTCUSDT/BTCUSDT-metrics-2026-02-01.zip";
    server.file(path, b"some bytes");
    let proxy = "http://127.0.0.1:9";
    let environment = [("HTTP_PROXY", proxy), ("http_proxy", proxy), ("ALL_PROXY", proxy)];
    let base = server.base();
    let arguments = ["data", "fetch", "--symbol", "BTCUSDT", "--kind", "metrics", "--into", "raw"];
    let more = ["--from", "2026-02-01", "--to", "2026-02-02", "--base", &base];
    let arguments: Vec<&str> = arguments.into_iter().chain(more).collect();
    let program = std::path::Path::new(support::QSIM);
    let output = support::run_program(program, folder.root(), &environment, &arguments);
    assert!(output.expect_code(0).stdout.starts_with("1 files (10 B) into raw"));
}

#[test]
fn bad_arguments_are_named_before_anything_is_made() {
    let folder = Folder::new();
    for (base, more, part) in [
        ("data.binance.vision", &[][..], "--base"),
        ("http://127.0.0.1:9", &["--symbol", "btc"], "is not a symbol"),
        ("http://127.0.0.1:9", &["--kind", "candles"], "--kind"),
        ("http://127.0.0.1:9", &["--interval", "7m"], "--interval"),
        ("http://127.0.0.1:9", &["--jobs", "0"], "--jobs"),
    ] {
        let output = fetch(&folder, base, more).expect_code(2);
        assert!(output.stderr.contains(part), "no {part:?} in {output:?}");
    }
    let swapped = ["data", "fetch", "--symbol", "BTCUSDT", "--kind", "klines", "--into", "raw"];
    let swapped: Vec<&str> =
        swapped.into_iter().chain(["--from", "2026-03-01", "--to", "2026-02-01"]).collect();
    let output = folder.qsim(&swapped).expect_code(2);
    assert!(output.stderr.contains("is not before"), "{output:?}");
    assert!(!folder.path("raw").exists());
}
