//! Blocks, and the entries at their edges.

use std::sync::{Arc, Mutex};

use super::*;

crate::record! {
    /// Anything.
    pub struct Sample {
        /// Some text.
        pub note: String = "note",
    }
}

#[test]
fn risks_are_packed_as_serde_packs_them() {
    use crate::{MarginType, PositionSide, PriceTicks, QtyLots, SymbolIndex};
    let decimal =
        |digits: i64| rust_decimal::Decimal::new(digits, digits.unsigned_abs() as u32 % 9);
    let mut rows = Vec::new();
    for (n, digits) in [0, 1, -1, 63, -65, 70_000, i64::MAX, i64::MIN].into_iter().enumerate() {
        rows.push(PositionRisk {
            symbol: SymbolIndex(n as u16 * 100),
            position_side: [PositionSide::Both, PositionSide::Long, PositionSide::Short][n % 3],
            position_amt: QtyLots(digits),
            entry_price: decimal(digits),
            break_even_price: decimal(digits / 3),
            mark_price: PriceTicks(digits / 5),
            unrealized_profit: decimal(-(digits / 7)),
            liquidation_price: decimal(digits / 11),
            leverage: n as u32 * 60,
            margin_type: [MarginType::Crossed, MarginType::Isolated][n % 2],
            isolated_wallet: decimal(digits / 13),
            initial_margin: decimal(digits / 17),
            maint_margin: decimal(digits / 19),
            update_time: Nanos(digits / 2),
        });
        let (mut own, mut serde) = (Vec::new(), Vec::new());
        pack_risks(&rows, &mut own);
        pack(&*rows, &mut serde);
        assert_eq!(own, serde);
    }
}

/// Keeps the blocks, each with the number of its first entry.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<Block>>>);

/// Number of its first entry, and its bytes.
type Block = (u64, Vec<u8>);

impl JournalSink for Kept {
    fn block(&mut self, first_entry: u64, bytes: &[u8]) -> Result<(), JournalError> {
        self.0.lock().expect("one thread").push((first_entry, bytes.to_vec()));
        Ok(())
    }
    fn finish(&mut self, _footer: &JournalFooter) -> Result<(), JournalError> {
        Ok(())
    }
}

/// An entry with a record, when the block lacks `room` bytes to being full.
fn at_the_edge(room: usize, defined_before: bool, market: bool) {
    let kept = Kept::default();
    let mut journal = Journal::new(Box::new(kept.clone()));
    let sample = Sample { note: "found".to_owned() };
    let now = Nanos::from_secs(1);
    let mut wanted = 1;
    if defined_before {
        journal.set_record(now, true, "first", &sample, None);
        wanted += 1;
    }
    // Eleven bytes around the value: kind, time, key (5), life and the value's length (3).
    journal.set(now, "fill", &[], None);
    let fill = BLOCK_BYTES - room - journal.block.len() - 11;
    journal.set(now, "fill", &vec![b'x'; fill], None);
    assert_eq!(journal.block.len(), BLOCK_BYTES - room, "the test fills the block");
    if market {
        let data = crate::MarketData::DepthClear;
        journal.market(&MarketEvent::new(now, crate::SymbolIndex(0), data));
    }
    journal.set_record(now, false, "last", &sample, None);
    let footer = journal.finish(now).expect("the sink takes all");

    let mut entries = 0;
    let mut found = 0;
    for (first, block) in kept.0.lock().expect("one thread").iter() {
        assert_eq!(*first, entries, "the block's first entry");
        let mut decoder = Decoder::new(block, &[]);
        while let Some(entry) = decoder.next_entry().expect("each block is read by itself") {
            entries += 1;
            found += usize::from(entry.text.contains("Sample { note=\"found\""));
        }
    }
    assert_eq!((entries, found), (footer.entries, wanted), "room for {room} bytes");
}

#[test]
fn a_record_and_its_definition_share_a_block() {
    for room in 0..64 {
        for (defined_before, market) in [(false, false), (false, true), (true, false), (true, true)]
        {
            at_the_edge(room, defined_before, market);
        }
    }
}
