//! How values become bytes of the journal.

use crate::PositionRisk;
use crate::decimal_serde::Packed;

/// Appends a number in 7-bit groups, lowest first.
#[inline]
pub(crate) fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Serde in postcard's form, behind its length.
pub(super) fn pack<T: serde::Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    let length_at = out.len();
    out.extend_from_slice(&[0; 4]);
    let packed = postcard::serialize_with_flavor(value, AppendTo(out));
    debug_assert!(packed.is_ok(), "plain data always packs");
    let length = (out.len() - length_at - 4) as u32;
    out[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
}

/// Rows of positionRisk as [`pack`] writes them, without the way through serde: there is no answer that
/// is written more often.
pub(super) fn pack_risks(rows: &[PositionRisk], out: &mut Vec<u8>) {
    let signed = |number: i64| ((number << 1) ^ (number >> 63)) as u64;
    let length_at = out.len();
    out.extend_from_slice(&[0; 4]);
    varint(out, rows.len() as u64);
    for row in rows {
        let PositionRisk { symbol, position_side, position_amt, mark_price, leverage, .. } = row;
        varint(out, u64::from(symbol.0));
        varint(out, *position_side as u64);
        varint(out, signed(position_amt.0));
        Packed::new(&row.entry_price).append(out);
        Packed::new(&row.break_even_price).append(out);
        varint(out, signed(mark_price.0));
        Packed::new(&row.unrealized_profit).append(out);
        Packed::new(&row.liquidation_price).append(out);
        varint(out, u64::from(*leverage));
        varint(out, row.margin_type as u64);
        Packed::new(&row.isolated_wallet).append(out);
        Packed::new(&row.initial_margin).append(out);
        Packed::new(&row.maint_margin).append(out);
        varint(out, signed(row.update_time.0));
    }
    let length = (out.len() - length_at - 4) as u32;
    out[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
}

/// Lets postcard append to a buffer that is already there.
struct AppendTo<'a>(&'a mut Vec<u8>);

impl postcard::ser_flavors::Flavor for AppendTo<'_> {
    type Output = ();
    fn try_push(&mut self, data: u8) -> postcard::Result<()> {
        self.0.push(data);
        Ok(())
    }
    fn try_extend(&mut self, data: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(data);
        Ok(())
    }
    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}
