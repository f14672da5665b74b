//! Rows per second of an import, and the most memory it took. Usage: `import_rate PATH…` imports what is
//! there into a folder that it removes; `import_rate make FOLDER ROWS` writes a recording and an event
//! array of so many rows of depth each.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use datasets::import::import;
use engine::NamedRng;

/// Levels of one message.
const LEVELS: i64 = 10;
const START_MS: i64 = 1_769_904_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [make, folder, rows] = &arguments[..]
        && make == "make"
    {
        std::fs::create_dir_all(folder)?;
        let rows: i64 = rows.parse()?;
        write_stream(&Path::new(folder).join("btcusdt_1.jsonl"), rows)?;
        return write_array(&Path::new(folder).join("btcusdt_1.npz"), rows);
    }
    let paths: Vec<PathBuf> = arguments.iter().map(PathBuf::from).collect();
    let set = tempfile::tempdir()?;
    #[allow(clippy::disallowed_methods, reason = "it measures, it does not simulate")]
    let start = std::time::Instant::now();
    let report = import(&paths, set.path(), &|_| {})?;
    let seconds = start.elapsed().as_secs_f64();
    for refusal in &report.refused {
        println!("refused: {}: {}", refusal.path.display(), refusal.reason);
    }
    let rate = report.rows as f64 / seconds / 1e6;
    println!(
        "{} rows in {seconds:.2} s, {rate:.2} M rows/s, digest {}",
        report.rows, report.digest
    );
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().filter(|line| line.starts_with("VmHWM")).for_each(|line| println!("{line}"));
    Ok(())
}

/// A level near 60,000.0 and its quantity, both as integers.
fn level(rng: &mut NamedRng) -> (i64, i64) {
    (600_000 + rng.below(2_000) as i64 - 1_000, rng.below(50_000) as i64)
}

fn write_stream(path: &Path, rows: i64) -> Result<(), Box<dyn std::error::Error>> {
    let mut out = BufWriter::new(std::fs::File::create(path)?);
    let mut rng = NamedRng::new(1, "import_rate");
    for message in 0..rows / LEVELS {
        let (ms, u) = (START_MS + message, message * 100);
        write!(
            out,
            r#"{}123 {{"stream":"btcusdt@depth@0ms","data":{{"e":"depthUpdate","E":{ms},"T":{ms},"s":"BTCUSDT","U":{},"u":{},"pu":{},"b":["#,
            ms + 3,
            u + 101,
            u + 200,
            u + 100
        )?;
        for at in 0..LEVELS {
            let (price, qty) = level(&mut rng);
            // Each level of a message is another one.
            let price = price * LEVELS + at;
            let between = match at {
                0 => "",
                5 => r#"],"a":["#,
                _ => ",",
            };
            write!(
                out,
                r#"{between}["{}.{:02}","{}.{:03}"]"#,
                price / 100,
                price % 100,
                qty / 1_000,
                qty % 1_000
            )?;
        }
        writeln!(out, "]}}}}")?;
    }
    Ok(out.flush()?)
}

fn write_array(path: &Path, rows: i64) -> Result<(), Box<dyn std::error::Error>> {
    let mut writer = zip::ZipWriter::new(BufWriter::new(std::fs::File::create(path)?));
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .large_file(true);
    writer.start_file("data.npy", options)?;
    let mut header = format!(
        "{{'descr': [('ev', '<u8'), ('exch_ts', '<i8'), ('local_ts', '<i8'), ('px', '<f8'), ('qty', '<f8'), \
         ('order_id', '<u8'), ('ival', '<i8'), ('fval', '<f8')], 'fortran_order': False, 'shape': ({rows},), }}"
    );
    while (header.len() + 11) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    writer.write_all(b"\x93NUMPY\x01\x00")?;
    writer.write_all(&u16::try_from(header.len())?.to_le_bytes())?;
    writer.write_all(header.as_bytes())?;
    let mut rng = NamedRng::new(2, "import_rate");
    for row in 0..rows {
        let (price, qty) = level(&mut rng);
        let is_trade = row % 3 == 0;
        let flags: u64 = 3 << 30 | 1 << (28 + row % 2) | if is_trade { 2 } else { 1 };
        let ns = START_MS * 1_000_000 + row * 1_000_000;
        let qty = (qty + 1) as f64 / 1_000.0;
        let words = [
            flags,
            ns as u64,
            ns as u64 + 2_500_000,
            (price as f64 / 10.0).to_bits(),
            qty.to_bits(),
            0,
            0,
            0,
        ];
        for word in words {
            writer.write_all(&word.to_le_bytes())?;
        }
    }
    writer.finish()?.flush()?;
    Ok(())
}
