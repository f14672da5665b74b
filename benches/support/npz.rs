//! Reads the events of `bench/gen_data.py`: an uncompressed zip that holds one npy array of 64-byte rows.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use engine::{
    DepthRow, MarketData, MarketEvent, Nanos, PriceTicks, QtyLots, Side, SymbolIndex, Trade,
    TradeOrigin,
};

const ROW: usize = 64;
const DEPTH: u64 = 1;
const TRADE: u64 = 2;
const SNAPSHOT: u64 = 4;
const BUY: u64 = 1 << 29;
/// Units of a price (0.01) and of a quantity (0.001).
const PRICE_UNITS: f64 = 100.0;
const QTY_UNITS: f64 = 1000.0;

/// Events of the exchange, and when each reached the client.
#[derive(Default)]
pub struct Tape {
    /// In order of the exchange's time.
    pub events: Vec<MarketEvent>,
    /// Of the event at the same place; these do not go back either.
    pub arrivals: Vec<i64>,
}

impl Tape {
    /// Drops the first `count` events.
    pub fn forget(&mut self, count: usize) {
        self.events.drain(..count);
        self.arrivals.drain(..count);
    }

    /// Adds an event.
    pub fn push(&mut self, event: MarketEvent, arrival: i64) {
        self.events.push(event);
        self.arrivals.push(arrival);
    }
}

/// An open file.
pub struct Npz {
    file: BufReader<File>,
    start: u64,
    rows: usize,
    left: usize,
}

impl Npz {
    /// Opens a file and reads its headers; none if it is not there.
    pub fn open(path: &Path) -> Option<Npz> {
        let mut file = BufReader::with_capacity(1 << 18, File::open(path).ok()?);
        let rows = header(&mut file);
        let start = file.stream_position().expect("a file with places");
        Some(Npz { file, start, rows, left: rows })
    }

    /// How many rows the file holds.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// To the first row.
    pub fn rewind(&mut self) {
        self.file.seek(SeekFrom::Start(self.start)).expect("a file with places");
        self.left = self.rows;
    }

    /// Appends up to `count` rows, with all times moved by `shift`, and answers how many.
    pub fn read(&mut self, count: usize, shift: i64, tape: &mut Tape) -> usize {
        let count = count.min(self.left);
        tape.events.reserve(count);
        tape.arrivals.reserve(count);
        let mut row = [0u8; ROW];
        for _ in 0..count {
            self.file.read_exact(&mut row).expect("a whole row");
            let (mut event, arrival) = event(&row);
            event.time.0 += shift;
            tape.push(event, arrival + shift);
        }
        self.left -= count;
        count
    }
}

/// Skips both headers and answers how many rows follow.
fn header(file: &mut impl Read) -> usize {
    let mut zip = [0u8; 30];
    file.read_exact(&mut zip).expect("a zip header");
    assert_eq!(&zip[..4], b"PK\x03\x04", "a zip file");
    assert_eq!(zip[8..10], [0, 0], "np.savez does not compress");
    let length = |at: usize| usize::from(u16::from_le_bytes([zip[at], zip[at + 1]]));
    let mut skipped = vec![0u8; length(26) + length(28)];
    file.read_exact(&mut skipped).expect("a zip header");
    let mut magic = [0u8; 8];
    file.read_exact(&mut magic).expect("an npy header");
    assert_eq!(&magic[..6], b"\x93NUMPY", "an npy array");
    let mut size = [0u8; 4];
    let bytes = if magic[6] == 1 { 2 } else { 4 };
    file.read_exact(&mut size[..bytes]).expect("an npy header");
    let mut header = vec![0u8; u32::from_le_bytes(size) as usize];
    file.read_exact(&mut header).expect("an npy header");
    let header = String::from_utf8_lossy(&header);
    let shape = header.split("'shape': (").nth(1).expect("a shape");
    shape.split(',').next().and_then(|n| n.trim().parse().ok()).expect("a number of rows")
}

fn event(row: &[u8; ROW]) -> (MarketEvent, i64) {
    let word = |n: usize| u64::from_le_bytes(row[8 * n..8 * n + 8].try_into().expect("8 bytes"));
    let kind = word(0);
    let price = PriceTicks((f64::from_bits(word(3)) * PRICE_UNITS).round() as i64);
    let qty = QtyLots((f64::from_bits(word(4)) * QTY_UNITS).round() as i64);
    let buy = kind & BUY != 0;
    let data = match kind & 0xFF {
        DEPTH | SNAPSHOT => MarketData::Depth(DepthRow {
            side: if buy { Side::Buy } else { Side::Sell },
            price,
            qty,
        }),
        TRADE => {
            MarketData::Trade(Trade { price, qty, buyer_is_maker: !buy, origin: TradeOrigin::Tape })
        }
        other => panic!("an event of kind {other}"),
    };
    let time = Nanos(word(1) as i64);
    (MarketEvent::new(time, SymbolIndex(0), data), word(2) as i64)
}
