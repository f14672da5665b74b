//! Recordings of a book, made with a seed: messages as JSON lines, and hftbacktest's event arrays.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use engine::NamedRng;

/// Levels of one message.
const LEVELS: u64 = 10;
/// 2026-02-01.
const START_MS: u64 = 1_769_904_000_000;

/// A price near 60,000.0 and a quantity, both as integers.
fn level(rng: &mut NamedRng) -> (u64, u64) {
    (599_000 + rng.below(2_000), rng.below(50_000))
}

/// Writes `rows` levels as `depthUpdate` messages of a combined stream, behind the local time.
pub fn write_json_lines(path: &Path, rows: u64) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    let mut rng = NamedRng::new(1, "messages");
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
    out.flush()
}

/// Writes an array of `rows` events, a third of them trades, uncompressed as `np.savez` does.
pub fn write_array(path: &Path, rows: u64) -> io::Result<()> {
    let mut writer = zip::ZipWriter::new(BufWriter::new(File::create(path)?));
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .large_file(true);
    writer.start_file("data.npy", options)?;
    let mut header = format!(
        "{{'descr': [('ev', '<u8'), ('exch_ts', '<i8'), ('local_ts', '<i8'), ('px', '<f8'), ('qty', '<f8'), \
         ('order_id', '<u8'), ('ival', '<i8'), ('fval', '<f8')], 'fortran_order': False, 'shape': ({rows},), }}"
    );
    // Ten bytes stand before it and a line end after it.
    while (header.len() + 11) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    writer.write_all(b"\x93NUMPY\x01\x00")?;
    writer.write_all(&(header.len() as u16).to_le_bytes())?;
    writer.write_all(header.as_bytes())?;
    let mut rng = NamedRng::new(2, "array");
    for row in 0..rows {
        let (price, qty) = level(&mut rng);
        let is_trade = row % 3 == 0;
        let flags: u64 = 3 << 30 | 1 << (28 + row % 2) | if is_trade { 2 } else { 1 };
        let ns = START_MS * 1_000_000 + row * 1_000_000;
        let price = (price as f64 / 10.0).to_bits();
        let qty = ((qty + 1) as f64 / 1_000.0).to_bits();
        for word in [flags, ns, ns + 2_500_000, price, qty, 0, 0, 0] {
            writer.write_all(&word.to_le_bytes())?;
        }
    }
    writer.finish()?.flush()
}
