//! Fetching from a server of the archive's layout that fails in every way it can.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "common/archive_server.rs"]
mod archive_server;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use archive_server::{Act, ArchiveServer, Asked, checksum};
use datasets::fetch::{Base, DayRange, FetchReport, News, Patience, Request, fetch, series};

const UM: &str = "data/futures/um";
const MONTH: &str = "data/futures/um/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2026-02.zip";
const DAY: &str = "data/futures/um/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2026-03-01.zip";
const DAY_2: &str = "data/futures/um/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2026-03-02.zip";
const DAY_3: &str = "data/futures/um/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2026-03-03.zip";

/// A server, a folder, and the waits that were asked for, none of which took any time.
struct World {
    server: ArchiveServer,
    folder: tempfile::TempDir,
    waits: Arc<Mutex<Vec<Duration>>>,
    jobs: usize,
}

impl World {
    fn new() -> World {
        let folder = tempfile::tempdir().expect("a temporary folder");
        World { server: ArchiveServer::new(), folder, waits: Arc::default(), jobs: 1 }
    }

    /// A world whose archive has some bytes under these paths.
    fn with(paths: &[&str]) -> World {
        let world = World::new();
        paths.iter().for_each(|path| world.server.file(path, &bytes(path)));
        world
    }

    fn request(&self, kinds: &[&str], from: &str, to: &str) -> Request {
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        let waits = Arc::clone(&self.waits);
        Request {
            base: Base::parse(&self.server.base()).expect("an address"),
            series: series(&owned(&["BTCUSDT"]), &owned(kinds), &[]).expect("series"),
            range: DayRange::parse(from, to).expect("a range"),
            jobs: self.jobs,
            patience: Patience {
                silence_max: Duration::from_millis(500),
                pause: Arc::new(move |span| waits.lock().expect("no panic").push(span)),
                ..Patience::default()
            },
        }
    }

    fn run(&self, request: &Request) -> FetchReport {
        fetch(request, self.folder.path(), &|_| {}).expect("the folder can be written")
    }

    fn klines(&self, from: &str, to: &str) -> FetchReport {
        self.run(&self.request(&["klines"], from, to))
    }

    /// One day, which is that of `DAY`.
    fn day(&self) -> FetchReport {
        self.klines("2026-03-01", "2026-03-02")
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn put(&self, path: &str, content: &[u8]) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, content).expect("written");
    }

    /// The seconds that were waited since the last call.
    fn waits(&self) -> Vec<u64> {
        let waits = std::mem::take(&mut *self.waits.lock().expect("no panic"));
        waits.iter().map(Duration::as_secs).collect()
    }

    /// Everything in the folder but the lock.
    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        fn walk(folder: &Path, root: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    walk(&path, root, found);
                } else if entry.file_name() != ".fetch-lock" {
                    let name = path.strip_prefix(root).expect("below").to_string_lossy();
                    found.insert(name.into_owned(), std::fs::read(&path).expect("readable"));
                }
            }
        }
        let mut found = BTreeMap::new();
        walk(self.folder.path(), self.folder.path(), &mut found);
        found
    }

    /// Asserts that exactly these files are there, whole, with their checksums.
    fn expect_whole(&self, paths: &[&str]) {
        let mut expected = BTreeMap::new();
        for path in paths {
            expected.insert((*path).to_owned(), bytes(path));
            let sums = checksum(path, &bytes(path)).into_bytes();
            expected.insert(format!("{path}.CHECKSUM"), sums);
        }
        let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&self.files()), names(&expected));
        assert!(self.files() == expected, "other bytes");
    }
}

/// Some bytes for a path: unlike those of others, and more than one block.
fn bytes(path: &str) -> Vec<u8> {
    path.bytes().cycle().take(200_000).collect()
}

fn sorted(paths: &[&str]) -> Vec<String> {
    let mut all: Vec<String> = paths.iter().map(|&path| path.to_owned()).collect();
    all.extend(paths.iter().map(|path| format!("{path}.CHECKSUM")));
    all.sort();
    all
}

fn asked(path: &str, from: Option<usize>) -> Asked {
    Asked { path: path.to_owned(), from }
}

/// The zips that were asked for, with the bytes from which.
fn zips(server: &ArchiveServer) -> Vec<Asked> {
    server.asked().into_iter().filter(|asked| asked.path.ends_with(".zip")).collect()
}

fn reason(report: &FetchReport) -> &str {
    let [refusal] = &report.refused[..] else { panic!("one refusal: {report:#?}") };
    &refusal.reason
}

fn expect_parts(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
}

#[test]
fn whole_months_come_as_months_and_the_rest_as_days() {
    let last = format!("{UM}/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2026-01-31.zip");
    let paths = [&last[..], MONTH, DAY];
    let world = World::with(&paths);
    let report = world.klines("2026-01-31", "2026-03-02");
    assert_eq!((report.fetched, report.bytes, report.already_there), (3, 600_000, 0));
    assert_eq!((report.missing.len(), report.refused.len(), report.notes.len()), (0, 0, 0));
    assert_eq!(world.server.paths(), sorted(&paths), "nothing else is asked for");
    world.expect_whole(&paths);
}

#[test]
fn each_kind_comes_as_the_archive_publishes_it() {
    let paths = [
        format!("{UM}/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2024-03.zip"),
        format!("{UM}/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2024-04.zip"),
        format!("{UM}/daily/metrics/BTCUSDT/BTCUSDT-metrics-2024-03-30.zip"),
        format!("{UM}/daily/metrics/BTCUSDT/BTCUSDT-metrics-2024-03-31.zip"),
        format!("{UM}/daily/metrics/BTCUSDT/BTCUSDT-metrics-2024-04-01.zip"),
        format!("{UM}/daily/bookDepth/BTCUSDT/BTCUSDT-bookDepth-2024-03-30.zip"),
        format!("{UM}/daily/bookDepth/BTCUSDT/BTCUSDT-bookDepth-2024-03-31.zip"),
        format!("{UM}/daily/bookDepth/BTCUSDT/BTCUSDT-bookDepth-2024-04-01.zip"),
        format!("{UM}/daily/bookTicker/BTCUSDT/BTCUSDT-bookTicker-2024-03-30.zip"),
        format!("{UM}/daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2024-03-30.zip"),
        format!("{UM}/daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2024-03-31.zip"),
        format!("{UM}/daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2024-04-01.zip"),
    ];
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let world = World::with(&paths);
    let kinds = ["fundingRate", "metrics", "bookDepth", "bookTicker", "aggTrades"];
    let report = world.run(&world.request(&kinds, "2024-03-30", "2024-04-02"));
    assert_eq!(world.server.paths(), sorted(&paths), "no quotes of the 31st");
    assert_eq!((report.fetched, report.missing.len()), (12, 0));
    let notes = report.notes.join("\n");
    expect_parts(&notes, &["fundingRate/BTCUSDT is published in months", "2024-03 and 2024-04"]);
    expect_parts(&notes, &["bookTicker/BTCUSDT", "2024-03-30 only; the rest was not asked for"]);
}

#[test]
fn kinds_without_months_are_asked_for_by_days() {
    let world = World::new();
    let report = world.run(&world.request(&["metrics", "bookDepth"], "2026-02-01", "2026-03-01"));
    assert_eq!((report.missing.len(), report.notes.len()), (56, 0));
    let paths = world.server.paths();
    assert_eq!(paths.len(), 56);
    assert!(paths.iter().all(|path| path.starts_with(&format!("{UM}/daily/"))), "{paths:?}");
}

#[test]
fn quotes_after_their_end_are_not_asked_for() {
    let world = World::new();
    let report = world.run(&world.request(&["bookTicker"], "2026-01-01", "2026-02-01"));
    expect_parts(&report.notes.join("\n"), &["nothing of the range was asked for"]);
    assert_eq!((world.server.asked(), report.fetched), (vec![], 0));
}

#[test]
fn a_month_that_is_missing_comes_as_its_days() {
    let day = |day: u32| format!("{UM}/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2026-02-{day:02}.zip");
    let days: Vec<String> = (1..=28).filter(|number| *number != 5).map(day).collect();
    let paths: Vec<&str> = days.iter().map(String::as_str).collect();
    let world = World::with(&paths);
    let report = world.klines("2026-02-01", "2026-03-01");
    assert_eq!((report.fetched, &report.missing), (27, &vec![PathBuf::from(day(5))]));
    expect_parts(&report.notes.join("\n"), &[MONTH, "its days"]);
    world.expect_whole(&paths);
}

#[test]
fn a_day_that_is_missing_stops_no_other() {
    let world = World::with(&[DAY, DAY_3]);
    let report = world.klines("2026-03-01", "2026-03-04");
    assert_eq!((report.fetched, report.refused.len()), (2, 0));
    assert_eq!(report.missing, [PathBuf::from(DAY_2)]);
    assert_eq!(world.waits(), [0; 0], "a missing file is an answer");
    world.expect_whole(&[DAY, DAY_3]);
}

#[test]
fn what_is_there_is_not_fetched_again() {
    let world = World::with(&[DAY, DAY_2]);
    world.klines("2026-03-01", "2026-03-03");
    world.server.asked();
    let report = world.klines("2026-03-01", "2026-03-03");
    assert_eq!((report.fetched, report.already_there), (0, 2));
    assert_eq!(world.server.asked(), [], "not even a checksum");
}

#[test]
fn what_is_there_without_its_checksum_is_compared() {
    let world = World::with(&[DAY]);
    world.put(DAY, &bytes(DAY));
    let report = world.day();
    assert_eq!((report.fetched, report.already_there), (0, 1));
    assert_eq!(world.server.asked(), [asked(&format!("{DAY}.CHECKSUM"), None)]);
    world.expect_whole(&[DAY]);
}

#[test]
fn what_is_there_and_damaged_is_replaced() {
    let world = World::with(&[DAY]);
    world.day();
    world.put(DAY, b"damaged");
    assert_eq!(world.day().fetched, 1);
    world.expect_whole(&[DAY]);
}

#[test]
fn half_a_file_is_gone_on_with() {
    let world = World::with(&[DAY]);
    world.put(&format!("{DAY}.partial"), &bytes(DAY)[..150_000]);
    let report = world.day();
    assert_eq!((report.fetched, report.resumed, report.bytes), (1, 1, 200_000));
    assert_eq!(zips(&world.server), [asked(DAY, Some(150_000))]);
    world.expect_whole(&[DAY]);
}

#[test]
fn half_a_file_is_begun_again_where_the_server_knows_no_ranges() {
    let world = World::with(&[DAY]);
    world.server.ignore_range();
    world.put(&format!("{DAY}.partial"), &bytes(DAY)[..150_000]);
    let report = world.day();
    assert_eq!((report.fetched, report.resumed), (1, 0));
    world.expect_whole(&[DAY]);
}

#[test]
fn half_a_file_that_is_whole_or_too_long_is_no_trouble() {
    let world = World::with(&[DAY, DAY_2]);
    world.put(&format!("{DAY}.partial"), &bytes(DAY));
    world.put(&format!("{DAY_2}.partial"), &[7; 300_000]);
    let report = world.klines("2026-03-01", "2026-03-03");
    assert_eq!((report.fetched, report.refused.len()), (2, 0));
    let expected = [asked(DAY, Some(200_000)), asked(DAY_2, Some(300_000)), asked(DAY_2, None)];
    assert_eq!(zips(&world.server), expected);
    world.expect_whole(&[DAY, DAY_2]);
}

/// Another version of the file was begun: its checksum shows it, and all of it comes again.
#[test]
fn half_a_file_of_other_bytes_is_begun_again() {
    let world = World::with(&[DAY]);
    world.put(&format!("{DAY}.partial"), &[7; 100_000]);
    assert_eq!(world.day().fetched, 1);
    assert_eq!(zips(&world.server), [asked(DAY, Some(100_000)), asked(DAY, None)]);
    world.expect_whole(&[DAY]);
}

#[test]
fn a_cut_connection_goes_on_where_it_was_cut() {
    let world = World::with(&[DAY]);
    world.server.next(DAY, [Act::Cut(70_000), Act::Cut(100_000)]);
    world.server.next(&format!("{DAY}.CHECKSUM"), [Act::Cut(9)]);
    let request = world.request(&["klines"], "2026-03-01", "2026-03-02");
    let report = fetch(&request, world.folder.path(), &|progress| {
        let is_done = matches!(progress.news, Some((_, News::Done)));
        assert!(is_done || !world.path(DAY).exists(), "its name before its end");
    });
    assert_eq!(report.expect("a report").fetched, 1);
    let expected = [asked(DAY, None), asked(DAY, Some(70_000)), asked(DAY, Some(170_000))];
    assert_eq!(zips(&world.server), expected);
    assert_eq!(world.waits(), [1, 1, 1], "bytes came: no wait grows");
    world.expect_whole(&[DAY]);
}

#[test]
fn a_connection_that_is_cut_for_ever_is_given_up_and_keeps_what_came() {
    let world = World::with(&[DAY]);
    world.server.ignore_range();
    world.server.next(DAY, vec![Act::Cut(70_000); 20]);
    let report = world.day();
    expect_parts(reason(&report), &["cut", "6 times", "run the same command again"]);
    assert_eq!(world.waits(), [1, 2, 4, 8, 16]);
    let files = world.files();
    assert_eq!(files.keys().collect::<Vec<_>>(), [&format!("{DAY}.partial")]);
    assert_eq!(files[&format!("{DAY}.partial")], &bytes(DAY)[..70_000]);
}

#[test]
fn a_server_that_recovers_is_waited_for_longer_each_time() {
    let world = World::with(&[DAY]);
    let acts = [500, 502, 503, 429].map(|status| Act::Status(status, ""));
    world.server.next(DAY, acts);
    assert_eq!(world.day().fetched, 1);
    assert_eq!(world.waits(), [1, 2, 4, 8]);
    world.expect_whole(&[DAY]);
}

#[test]
fn a_server_that_does_not_recover_is_given_up() {
    let world = World::with(&[DAY, DAY_2]);
    world.server.next(DAY, vec![Act::Status(500, ""); 6]);
    let report = world.klines("2026-03-01", "2026-03-03");
    assert_eq!((report.fetched, report.refused[0].path.as_path()), (1, Path::new(DAY)));
    expect_parts(reason(&report), &["500", "6 times", "again later"]);
    world.expect_whole(&[DAY_2]);
}

#[test]
fn the_wait_that_a_server_asks_for_is_kept() {
    let world = World::with(&[DAY]);
    let date =
        "Date: Sun, 01 Mar 2026 23:59:50 GMT\r\nRetry-After: Mon, 02 Mar 2026 00:00:20 GMT\r\n";
    let acts = [
        Act::Status(429, "Retry-After: 7\r\n"),
        // Less than what would be waited anyway.
        Act::Status(503, "Retry-After: 1\r\n"),
        Act::Status(429, date),
    ];
    world.server.next(DAY, acts);
    assert_eq!(world.day().fetched, 1);
    assert_eq!(world.waits(), [7, 2, 30]);
}

#[test]
fn a_wait_of_hours_is_left_to_the_user() {
    let world = World::with(&[DAY]);
    world.server.next(DAY, [Act::Status(429, "Retry-After: 7200\r\n")]);
    let report = world.day();
    expect_parts(reason(&report), &["429", "7200 s", "again after that"]);
    assert_eq!(world.waits(), [0; 0]);
}

#[test]
fn silence_is_a_fault_that_passes() {
    let world = World::with(&[DAY]);
    world.server.next(DAY, [Act::Silence(Duration::from_millis(1_500))]);
    assert_eq!(world.day().fetched, 1);
    assert_eq!((zips(&world.server).len(), world.waits()), (2, vec![1]));
}

#[test]
fn silence_in_the_middle_goes_on_from_there() {
    let world = World::with(&[DAY]);
    world.server.next(DAY, [Act::Stall(60_000, Duration::from_millis(1_500))]);
    let request = world.request(&["klines"], "2026-03-01", "2026-03-02");
    let told = Mutex::new(Vec::new());
    let report = fetch(&request, world.folder.path(), &|progress| {
        if let Some((path, News::Waits(span, why))) = progress.news {
            told.lock().expect("no panic").push((path.to_owned(), span, why.to_owned()));
        }
    });
    assert_eq!(report.expect("a report").fetched, 1);
    assert_eq!(zips(&world.server), [asked(DAY, None), asked(DAY, Some(60_000))]);
    let expected = (DAY.to_owned(), Duration::from_secs(1), "the server fell silent".to_owned());
    assert_eq!(told.into_inner().expect("no panic"), [expected]);
}

#[test]
fn a_part_that_was_not_asked_for_is_not_taken() {
    let world = World::with(&[DAY]);
    world.put(&format!("{DAY}.partial"), &bytes(DAY)[..100]);
    world.server.next(DAY, [Act::Status(206, "Content-Range: bytes 5-9/10\r\n")]);
    assert_eq!(world.day().fetched, 1);
    let sum = asked(&format!("{DAY}.CHECKSUM"), None);
    assert_eq!(world.server.asked(), [asked(DAY, Some(100)), asked(DAY, None), sum]);
    world.expect_whole(&[DAY]);
}

#[test]
fn a_wrong_checksum_is_fetched_once_more() {
    let world = World::with(&[DAY]);
    world.server.next(DAY, [Act::Instead(vec![7; 200_000])]);
    assert_eq!(world.day().fetched, 1);
    assert_eq!(zips(&world.server), [asked(DAY, None), asked(DAY, None)]);
    world.expect_whole(&[DAY]);
}

#[test]
fn a_checksum_that_stays_wrong_is_refused_and_leaves_nothing() {
    let world = World::with(&[DAY, DAY_2]);
    world.server.only(DAY, &[7; 200_000]);
    let report = world.klines("2026-03-01", "2026-03-03");
    assert_eq!((report.fetched, report.refused[0].path.as_path()), (1, Path::new(DAY)));
    let sum = checksum(DAY, &bytes(DAY));
    let sum = sum.split(' ').next().expect("a sum");
    expect_parts(reason(&report), &["wrong checksum, 2 times", sum, "give another --base"]);
    assert_eq!(zips(&world.server).len(), 3, "twice, and the other file");
    world.expect_whole(&[DAY_2]);
}

#[test]
fn a_checksum_that_is_none_is_wrong() {
    let world = World::with(&[DAY]);
    world.server.only(&format!("{DAY}.CHECKSUM"), b"<html>Sign in</html>");
    expect_parts(reason(&world.day()), &["wrong checksum", "says nothing of the kind"]);
    assert!(world.files().is_empty());
}

#[test]
fn a_file_without_a_checksum_is_not_kept() {
    let world = World::with(&[DAY]);
    world.server.remove(&format!("{DAY}.CHECKSUM"));
    expect_parts(reason(&world.day()), &["no .CHECKSUM", "by hand"]);
    assert!(world.files().is_empty());
}

#[test]
fn a_server_that_forbids_is_not_asked_again() {
    let world = World::with(&[DAY]);
    world.server.next(DAY, [Act::Status(403, "")]);
    expect_parts(reason(&world.day()), &["403", &world.server.base(), "--base"]);
    assert_eq!(world.server.asked().len(), 1);
    assert!(world.files().is_empty());
}

#[test]
fn an_archive_out_of_reach_is_given_up_as_a_whole() {
    let world = World::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let mut request = world.request(&["metrics"], "2026-03-01", "2026-03-11");
    request.base = Base::parse(&format!("http://{address}")).expect("an address");
    let report = world.run(&request);
    assert_eq!(report.refused.len(), 10);
    expect_parts(&report.refused[0].reason, &["the connection failed", "6 times"]);
    expect_parts(&report.refused[9].reason, &["not asked for", "3 files in a row"]);
    assert_eq!(world.waits().len(), 15, "five waits for each of three files");
    assert!(world.files().is_empty());
}

#[test]
fn any_number_of_jobs_brings_the_same() {
    let day = |day: u32| format!("{UM}/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2026-03-{day:02}.zip");
    let days: Vec<String> = (1..=20).map(day).collect();
    let paths: Vec<&str> = days.iter().map(String::as_str).collect();
    let reports = [1, 8].map(|jobs| {
        let mut world = World::with(&paths);
        world.jobs = jobs;
        world.server.next(&days[4], vec![Act::Status(500, ""); 6]);
        world.server.next(&days[1], [Act::Cut(1_000)]);
        world.server.remove(&days[9]);
        world.klines("2026-03-01", "2026-03-25")
    });
    assert_eq!((reports[0].fetched, reports[0].missing.len()), (18, 5));
    assert_eq!(reports[0], reports[1]);
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let world = World::with(&[DAY]);
    world.put("file", b"");
    let request = world.request(&["klines"], "2026-03-01", "2026-03-02");
    let error = fetch(&request, &world.path("file/below"), &|_| {}).expect_err("no folder");
    expect_parts(&error.to_string(), &["file/below", "give another folder"]);
    assert_eq!(world.server.asked(), []);
}

#[test]
fn a_file_in_the_place_of_the_folder_is_named() {
    let world = World::with(&[DAY]);
    world.put("file", b"");
    let request = world.request(&["klines"], "2026-03-01", "2026-03-02");
    let error = fetch(&request, &world.path("file"), &|_| {}).expect_err("no folder");
    expect_parts(&error.to_string(), &["file: is a file", "give another name as --into"]);
    assert_eq!(world.server.asked(), []);
}

#[test]
fn two_at_once_into_one_folder_are_one_too_many() {
    let world = World::with(&[DAY]);
    let request = world.request(&["klines"], "2026-03-01", "2026-03-02");
    let lock = std::fs::File::create(world.path(".fetch-lock")).expect("a file");
    lock.lock().expect("locked");
    let error = fetch(&request, world.folder.path(), &|_| {}).expect_err("it is held");
    expect_parts(&error.to_string(), &["another fetch", "wait for its end"]);
}

#[test]
fn a_bad_base_is_named() {
    for (base, parts) in [
        ("data.binance.vision", "no scheme"),
        ("ftp://data.binance.vision", "scheme ftp"),
        ("http://", "is no address"),
        ("https://data.binance.vision/?prefix=data", "more than a path"),
        ("https://me:secret@mirror", "user name"),
        ("", "is no address"),
    ] {
        let error = Base::parse(base).expect_err(base).to_string();
        expect_parts(&error, &["--base", parts, "http://localhost:8000/mirror"]);
    }
    for base in ["https://data.binance.vision/", "http://[::1]:80", "HTTP://localhost:8000/a/b"] {
        Base::parse(base).expect(base);
    }
}

#[test]
fn a_bad_range_is_named() {
    for (from, to, part) in [
        ("2026-03-01", "2026-02-01", "--from 2026-03-01 is not before --to 2026-02-01"),
        ("2026-03-01", "2026-03-01", "the first day that is not fetched"),
        ("2026-02-30", "2026-03-01", "--from \"2026-02-30\" is not a day"),
        ("2026-02-01", "2026-3-1", "--to \"2026-3-1\" is not a day"),
        ("2026-02-01", "March", "such as 2026-02-01"),
        ("2017-01-01", "2026-02-01", "began in 2019-09"),
    ] {
        let error = DayRange::parse(from, to).expect_err(part).to_string();
        expect_parts(&error, &[part]);
    }
    let world = World::new();
    let request = world.request(&["metrics"], "2026-01-01", "9999-12-31");
    let error = fetch(&request, world.folder.path(), &|_| {}).expect_err("too many");
    expect_parts(&error.to_string(), &["100000 files", "narrow it"]);
}

#[test]
fn a_bad_series_is_named() {
    let check = |symbol: &str, kind: &str, interval: &[&str], part: &str| {
        let intervals: Vec<String> = interval.iter().map(|&text| text.to_owned()).collect();
        let error = series(&[symbol.to_owned()], &[kind.to_owned()], &intervals);
        expect_parts(&error.expect_err(part).to_string(), &[part]);
    };
    check("btcusdt", "klines", &[], "--symbol \"btcusdt\" is not a symbol");
    check("../../etc", "klines", &[], "is not a symbol");
    check("BTCUSDT", "candles", &[], "--kind \"candles\" is none of the archive: it has klines,");
    // It is recorded from streams, and the archive has none.
    check("BTCUSDT", "forceOrder", &[], "is none of the archive");
    check("BTCUSDT", "klines", &["7m"], "--interval \"7m\" is none that can be fetched");
    check("BTCUSDT", "klines", &["1s"], "these are 1m, 3m");
    check("BTCUSDT", "aggTrades", &["1m"], "--interval is for bars, and aggTrades are none");
}

/// The keys of the connection are asked for, and this server has none.
#[test]
fn a_server_without_encryption_is_no_https() {
    let world = World::with(&[DAY]);
    let mut request = world.request(&["klines"], "2026-03-01", "2026-03-02");
    let base = world.server.base().replace("http:", "https:");
    request.base = Base::parse(&base).expect("an address");
    let report = world.run(&request);
    expect_parts(reason(&report), &["no trusted connection", "check --base"]);
    assert_eq!((world.server.asked(), world.waits()), (vec![], vec![]));
}

/// The API's name asks for them, the archive's name is in their paths; there are none of single days.
#[test]
fn bars_of_months_are_fetched_in_months() {
    let path = format!("{UM}/monthly/klines/BTCUSDT/1mo/BTCUSDT-1mo-2026-02.zip");
    let world = World::with(&[&path]);
    let owned = |text: &str| vec![text.to_owned()];
    let mut request = world.request(&["klines"], "2026-02-01", "2026-02-10");
    request.series = series(&owned("BTCUSDT"), &owned("klines"), &owned("1M")).expect("series");
    let report = world.run(&request);
    world.expect_whole(&[&path]);
    expect_parts(&report.notes.concat(), &["klines/BTCUSDT/1mo is published in months: 2026-02"]);
}

#[test]
fn an_empty_file_is_said_to_be_empty() {
    let world = World::new();
    world.server.file(DAY, &[]);
    let report = world.day();
    expect_parts(reason(&report), &["answers with an empty file", "give another --base"]);
    assert!(world.files().is_empty(), "{:?}", world.files().keys());
}

/// The import would refuse the pair.
#[test]
fn a_checksum_that_names_another_file_is_not_kept() {
    let world = World::with(&[DAY]);
    let sum = checksum(DAY, &bytes(DAY)).replace("BTCUSDT-1m-2026-03-01", "ETHUSDT-1m-2026-03-01");
    world.server.only(&format!("{DAY}.CHECKSUM"), sum.as_bytes());
    let report = world.day();
    expect_parts(reason(&report), &["its .CHECKSUM is that of ETHUSDT-1m-2026-03-01.zip"]);
    assert!(world.files().is_empty(), "{:?}", world.files().keys());
}
