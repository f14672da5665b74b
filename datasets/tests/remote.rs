//! Data behind a URL: what is needed comes once, whole, and again only when it has changed.
#![allow(clippy::expect_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use datasets::catalogue::Catalogue;
use datasets::remote::{Access, local, set_access};
use datasets::replay::Range;
use datasets::{Interval, Kind, SeriesId};
use engine::{Nanos, Symbol};

/// How stores are reached is one thing a process: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());
static TOLD: AtomicUsize = AtomicUsize::new(0);

struct World {
    folder: tempfile::TempDir,
    _alone: MutexGuard<'static, ()>,
}

/// 2026-01-01.
const START_MS: i64 = 1_767_225_600_000;
const DAY_MS: i64 = 86_400_000;

impl World {
    /// A data set of five days in five files, behind `file://`.
    fn new() -> World {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let world = World { folder: tempfile::tempdir().expect("a folder"), _alone: alone };
        for day in 0..5 {
            world.import(day, 60);
        }
        world.anew();
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Bars of the first minutes of a day.
    fn import(&self, day: i64, minutes: i64) {
        let file = self.path(&format!("klines/BTCUSDT-1m-2026-01-{:02}.csv", day + 1));
        std::fs::create_dir_all(file.parent().expect("a parent")).expect("a folder");
        let row = |minute: i64| {
            let opens = START_MS + day * DAY_MS + minute * 60_000;
            let close = opens + 59_999;
            format!("{opens},90000.0,90100.0,89900.0,90050.{day},1.000,{close},0,0,0,0,0\n")
        };
        std::fs::write(&file, (0..minutes).map(row).collect::<String>()).expect("written");
        let report = datasets::import::import(&[file], &self.path("set"), &|_| ());
        assert_eq!(report.expect("an import").refused.len(), 0);
    }

    /// As another process.
    fn anew(&self) {
        let told = |_: &str| {
            TOLD.fetch_add(1, Ordering::Relaxed);
        };
        set_access(Access { environment: Vec::new(), cache: self.path("cache"), told });
        TOLD.store(0, Ordering::Relaxed);
    }

    fn url(&self) -> PathBuf {
        PathBuf::from(format!("file://{}", self.path("set").display()))
    }

    fn fetch(&self, range: Range) -> PathBuf {
        local(&self.url(), &[series()], range).expect("it is fetched").into_owned()
    }

    fn told(&self) -> usize {
        TOLD.load(Ordering::Relaxed)
    }
}

fn series() -> SeriesId {
    let symbol = Symbol::new("BTCUSDT").expect("a symbol");
    SeriesId { kind: Kind::Klines, symbol, interval: Interval::named("1m") }
}

fn days(from: i64, to: i64) -> Range {
    let at = |day: i64| Nanos::from_millis(START_MS + day * DAY_MS);
    Range { from: at(from), to: at(to) }
}

/// Names and bytes of the Parquet files of the series.
fn files(set: &Path) -> Vec<(String, Vec<u8>)> {
    let all = std::fs::read_dir(set.join("klines/BTCUSDT/1m")).expect("a folder").flatten();
    let mut all: Vec<(String, Vec<u8>)> = all
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "parquet"))
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read(&path).expect("readable"))
        })
        .collect();
    all.sort();
    all
}

#[test]
fn what_a_range_needs_comes_once_and_is_what_is_there() {
    let world = World::new();
    let folder = world.fetch(days(0, 1));
    assert_eq!(files(&folder), files(&world.path("set"))[..2], "the day, and the one behind it");
    assert_eq!(world.told(), 1);
    world.fetch(days(0, 5));
    assert_eq!(files(&folder), files(&world.path("set")));
    assert_eq!(world.told(), 2);
    let digest = |set: &Path| {
        Catalogue::open(set).expect("a catalogue").series(&series()).expect("a series").digest
    };
    assert_eq!(digest(&folder), digest(&world.path("set")));
    // Neither this process nor another fetches it again.
    world.fetch(days(0, 5));
    world.anew();
    world.fetch(days(0, 5));
    assert_eq!(world.told(), 0);
    // A folder is left as it is.
    let set = world.path("set");
    assert_eq!(local(&set, &[series()], Range::ALL).expect("a folder"), set);
}

#[test]
fn what_has_changed_or_is_damaged_comes_again_and_what_is_gone_goes() {
    let world = World::new();
    let folder = world.fetch(Range::ALL);
    let names: Vec<String> = files(&folder).into_iter().map(|(name, _)| name).collect();
    let below = folder.join("klines/BTCUSDT/1m");
    std::fs::write(below.join(&names[0]), b"half").expect("written");
    std::fs::remove_file(below.join(&names[1])).expect("removed");
    // A download that was killed before it was marked.
    std::fs::remove_file(below.join(&names[2]).with_extension("mark")).expect("removed");
    std::fs::remove_file(world.path("set/klines/BTCUSDT/1m").join(&names[4])).expect("removed");
    world.anew();
    world.fetch(Range::ALL);
    assert_eq!(world.told(), 1);
    assert_eq!(files(&folder), files(&world.path("set")));
    assert_eq!(files(&folder).len(), 4);

    // The same name, the same size, another content.
    let there = world.path("set/klines/BTCUSDT/1m").join(&names[0]);
    let mut bytes = std::fs::read(&there).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&there, &bytes).expect("written");
    world.anew();
    world.fetch(Range::ALL);
    assert_eq!(files(&folder)[0].1, bytes, "what the store has; its seal is for the reader");
}

#[test]
fn many_threads_fetch_it_once() {
    let world = World::new();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| world.fetch(Range::ALL));
        }
    });
    assert_eq!(world.told(), 1);
    assert_eq!(files(&world.fetch(Range::ALL)), files(&world.path("set")));
}

#[test]
fn what_cannot_be_fetched_is_told_with_its_place_and_a_remedy() {
    let world = World::new();
    let refused = |url: &str, series: SeriesId| {
        local(Path::new(url), &[series], Range::ALL).expect_err("it is refused").to_string()
    };
    let url = world.url().display().to_string();
    let other = SeriesId { symbol: Symbol::new("XRPUSDT").expect("a symbol"), ..series() };
    let told = refused(&url, other);
    assert!(told.starts_with(&url), "{told}");
    assert!(told.contains("klines/XRPUSDT/1m") && told.contains("qsim data import"), "{told}");
    let told = refused("ftp://host/set", series());
    assert!(told.contains("write s3://BUCKET/FOLDER"), "{told}");
    // Nobody listens at the discard port; the key is in no message.
    let environment = [
        ("AWS_ENDPOINT", "http://127.0.0.1:9"),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "hush-hush"),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    set_access(Access {
        environment: environment.to_vec(),
        cache: world.path("cache"),
        told: |_| (),
    });
    let told = refused("s3://bucket/set", series());
    assert!(told.starts_with("s3://bucket/set: "), "{told}");
    assert!(told.contains("AWS_ENDPOINT") && !told.contains("hush"), "{told}");
    // A file in the place of the cache.
    std::fs::write(world.path("cache"), b"").expect("written");
    world.anew();
    let told = refused(&url, series());
    assert!(told.contains("QSIM_DATA_CACHE"), "{told}");
    let told = Catalogue::open(Path::new("s3://bucket/set")).expect_err("no folder").to_string();
    assert!(told.contains("copy it into a folder"), "{told}");
}
