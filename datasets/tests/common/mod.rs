//! Small raw files in a temporary folder.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::expect_used, reason = "a test that cannot make its files fails")]

pub mod stream;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use engine::{Feed, MarketEvent};

/// SHA-256 of no bytes.
pub const CHECKSUM_OF_NOTHING: &str =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// 2026-02-01T00:00Z.
pub const START_MS: i64 = 1_769_904_000_000;

pub struct Raw(tempfile::TempDir);

impl Raw {
    pub fn new() -> Raw {
        Raw(tempfile::tempdir().expect("a temporary folder"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn file(&self, place: &str, content: &[u8]) {
        let path = self.path("raw").join(place);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, content).expect("written");
    }

    /// Files of the data set, half ones included, without the lock.
    pub fn parquet_files(&self) -> usize {
        fn count(folder: &Path) -> usize {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            let entries = entries.filter(|e| e.file_name() != ".import-lock");
            entries.map(|e| if e.path().is_dir() { count(&e.path()) } else { 1 }).sum()
        }
        count(&self.path("set"))
    }
}

pub fn header() -> String {
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,\
     taker_buy_quote_volume,ignore\n"
        .to_owned()
}

/// A full line for minute `minute` with the given "open,high,low,close,volume".
pub fn kline(minute: i64, values: &str) -> String {
    let open = START_MS + minute * 60_000;
    format!("{open},{values},{},1,0,0,0,0\n", open + 59_999)
}

pub fn zip(name: &str, content: &[u8]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    writer.start_file(name, options).expect("a zip");
    writer.write_all(content).expect("a zip");
    writer.finish().expect("a zip").into_inner()
}

pub fn drain(feed: &mut dyn Feed) -> Vec<MarketEvent> {
    let (mut all, mut batch) = (Vec::new(), Vec::new());
    loop {
        feed.next_batch(&mut batch).expect("the feed goes on");
        if batch.is_empty() {
            return all;
        }
        all.extend_from_slice(&batch);
    }
}
