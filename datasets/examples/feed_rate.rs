//! Events per second of the feeds. Usage: `feed_rate FOLDER trades|bars`: makes its csv files below
//! FOLDER, imports them and reads them back.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use datasets::BarMode;
use datasets::catalogue::Catalogue;
use datasets::import::import;
use datasets::replay::{Range, ReplayFeed, Request};
use engine::{Feed, Instrument, NamedRng};

const SYMBOLS: [&str; 7] =
    ["ALGOUSDT", "AVAXUSDT", "DOTUSDT", "FILUSDT", "LINKUSDT", "LTCUSDT", "NEARUSDT"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("usage: feed_rate FOLDER trades|bars")?);
    let trades = arguments.next().as_deref() == Some("trades");
    let (raw, set) = (folder.join("raw"), folder.join("set"));
    if !set.is_dir() {
        write_raw(&raw, trades)?;
        let report = import(&[raw], &set, &|_| {})?;
        println!("{} rows, {} refused", report.rows, report.refused.len());
    }
    let catalogue = Catalogue::open(&set)?;
    let instruments: Vec<Instrument> = catalogue
        .list()
        .iter()
        .map(|s| Instrument { symbol: s.symbol, price_decimals: 6, qty_decimals: 4 })
        .collect();
    let bars = BarMode::Points;
    let requests: Vec<Request> = catalogue.ids().map(|series| Request { series, bars }).collect();
    for _ in 0..5 {
        let mut feed = ReplayFeed::open(&catalogue, &instruments, &requests, Range::ALL)?;
        let (mut batch, mut count, mut sum) = (Vec::new(), 0u64, 0i64);
        #[allow(clippy::disallowed_methods, reason = "it measures, it does not simulate")]
        let start = std::time::Instant::now();
        loop {
            feed.next_batch(&mut batch)?;
            let Some(last) = batch.last() else { break };
            sum = sum.wrapping_add(last.time.0);
            count += batch.len() as u64;
        }
        let seconds = start.elapsed().as_secs_f64();
        println!("{count} events, {:.1} M/s ({sum})", count as f64 / seconds / 1e6);
    }
    Ok(())
}

fn write_raw(raw: &Path, trades: bool) -> Result<(), Box<dyn std::error::Error>> {
    let mut rng = NamedRng::new(1, "feed_rate");
    let symbols = if trades { &SYMBOLS[..1] } else { &SYMBOLS[..] };
    for symbol in symbols {
        let kind = if trades { "aggTrades" } else { "klines" };
        let folder = raw.join(kind).join(symbol);
        std::fs::create_dir_all(&folder)?;
        let interval = if trades { "aggTrades" } else { "1m" };
        let file = std::fs::File::create(folder.join(format!("{symbol}-{interval}-x.csv")))?;
        let mut file = std::io::BufWriter::new(file);
        let (mut price, mut time) = (500_000u64, 1_700_000_000_000u64);
        for id in 0..if trades { 10_000_000u64 } else { 525_600 } {
            price = (price + rng.below(21)).saturating_sub(10).max(1_000);
            let text = |p: u64| format!("{}.{:04}", p / 10_000, p % 10_000);
            let qty = rng.below(10_000) + 1;
            if trades {
                time += rng.below(40);
                let sold = rng.below(2) == 0;
                writeln!(file, "{id},{},{},1,1,{time},{sold}", text(price), text(qty))?;
            } else {
                let open = 1_700_000_040_000 + id * 60_000;
                let (high, low) = (text(price + rng.below(50)), text(price - rng.below(50)));
                let price = text(price);
                writeln!(file, "{open},{price},{high},{low},{price},{}", text(qty))?;
            }
        }
    }
    Ok(())
}
