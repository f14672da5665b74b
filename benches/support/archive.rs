//! Aggregated trades and bars as Binance's archive publishes them, made with a seed.
#![allow(dead_code)] // Each benchmark uses a part of it.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use engine::NamedRng;

/// 2026-01-01.
pub const START_MS: u64 = 1_767_225_600_000;
/// Decimals of all prices and quantities below.
pub const PRICE_DECIMALS: u32 = 2;
pub const QTY_DECIMALS: u32 = 3;

/// Where made data lie: below the folder `BENCH_DATA`, or else where temporary files do. Removed when
/// dropped.
pub fn folder() -> tempfile::TempDir {
    #[allow(clippy::disallowed_methods)] // Where the data lie is no part of any run.
    let folder = std::env::var_os("BENCH_DATA").map_or_else(std::env::temp_dir, PathBuf::from);
    tempfile::tempdir_in(&folder).expect("a folder that can be written to")
}

/// A random walk in cents.
struct Price(u64);

impl Price {
    fn step(&mut self, rng: &mut NamedRng) -> u64 {
        self.0 = (self.0 + rng.below(21)).saturating_sub(10).max(100_000);
        self.0
    }
}

fn create(path: &Path) -> io::Result<BufWriter<File>> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    Ok(BufWriter::with_capacity(1 << 18, File::create(path)?))
}

/// The trades of one symbol, file after file.
pub struct AggTrades {
    rng: NamedRng,
    price: Price,
    id: u64,
    trade_id: u64,
    ms: u64,
}

impl AggTrades {
    pub fn new(symbol: &str) -> AggTrades {
        let rng = NamedRng::new(1, symbol);
        // As long as the ids of a symbol that has been traded for years.
        let (id, trade_id) = (2_800_000_000, 6_500_000_000);
        AggTrades { rng, price: Price(6_400_000), id, trade_id, ms: START_MS }
    }

    /// Writes the next `rows` trades, some ten a second, and answers the bytes of the file.
    pub fn write(&mut self, path: &Path, rows: u64) -> io::Result<u64> {
        let mut out = create(path)?;
        out.write_all(
            b"agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n",
        )?;
        for _ in 0..rows {
            let (price, qty) = (self.price.step(&mut self.rng), 1 + self.rng.below(2_000));
            let first = self.trade_id;
            self.trade_id += 1 + self.rng.below(3);
            self.ms += self.rng.below(200);
            writeln!(
                out,
                "{},{}.{:02},{}.{:03},{first},{},{},{}",
                self.id,
                price / 100,
                price % 100,
                qty / 1_000,
                qty % 1_000,
                self.trade_id - 1,
                self.ms,
                self.rng.below(2) == 0
            )?;
            self.id += 1;
        }
        out.flush()?;
        Ok(std::fs::metadata(path)?.len())
    }
}

/// Writes bars of a minute with all of their columns.
pub fn write_klines(path: &Path, symbol: &str, rows: u64) -> io::Result<()> {
    let mut out = create(path)?;
    writeln!(
        out,
        "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,\
         taker_buy_quote_volume,ignore"
    )?;
    let (mut rng, mut price) = (NamedRng::new(1, symbol), Price(6_400_000));
    for row in 0..rows {
        let (open, close) = (price.0, price.step(&mut rng));
        let (high, low) = (open.max(close) + rng.below(50), open.min(close) - rng.below(50));
        let open_ms = START_MS + row * 60_000;
        let text = |cents: u64| format!("{}.{:02}", cents / 100, cents % 100);
        writeln!(
            out,
            "{open_ms},{},{},{},{},{}.5,{},1,1,1,1,0",
            text(open),
            text(high),
            text(low),
            text(close),
            rng.below(5_000),
            open_ms + 59_999
        )?;
    }
    out.flush()
}
