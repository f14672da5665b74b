//! Files of one series that cover the same time: they may be replayed only if their rows agree.

use crate::DataError;
use crate::decimal::pow10;
use crate::import::iso;
use crate::rows::{Decimals, Role, Row, columns};
use crate::store::{BATCH_ROWS, FileCursor, FileInfo, all_columns};

/// One file's rows from `from_us` to `to_us` inclusive, with `decimals`.
struct Rows<'a> {
    file: &'a FileInfo,
    cursor: FileCursor,
    next: usize,
    from_us: i64,
    to_us: i64,
    price: i64,
    qty: i64,
}

impl Rows<'_> {
    fn new(
        file: &FileInfo,
        from_us: i64,
        to_us: i64,
        decimals: Decimals,
    ) -> Result<Rows<'_>, DataError> {
        let factor = |all: u32, own: u32| pow10(all.saturating_sub(own)).unwrap_or(i64::MAX);
        Ok(Rows {
            file,
            cursor: FileCursor::open(&file.path, all_columns(file.series.kind), from_us)?,
            next: 0,
            from_us,
            to_us,
            price: factor(decimals.price, file.decimals.price),
            qty: factor(decimals.qty, file.decimals.qty),
        })
    }

    fn next(&mut self) -> Result<Option<Row>, DataError> {
        loop {
            if self.next >= self.cursor.len() {
                self.next = 0;
                if !self.cursor.read(BATCH_ROWS)? {
                    return Ok(None);
                }
            }
            let mut row = Row::default();
            let roles = columns(self.file.series.kind);
            for ((value, column), (_, role)) in row.iter_mut().zip(&self.cursor.columns).zip(roles)
            {
                let factor = match role {
                    Role::Time | Role::Plain => 1,
                    Role::Price => self.price,
                    Role::Qty => self.qty,
                };
                let scaled = column[self.next].checked_mul(factor);
                *value = scaled.ok_or_else(|| {
                    DataError::bad(&self.file.path, "its values do not fit 64 bits")
                })?;
            }
            self.next += 1;
            if row[0] > self.to_us {
                return Ok(None);
            }
            if row[0] >= self.from_us {
                return Ok(Some(row));
            }
        }
    }
}

/// Refuses two files that tell different rows between `from_us` and `to_us` inclusive.
pub(crate) fn compare(
    first: &FileInfo,
    second: &FileInfo,
    from_us: i64,
    to_us: i64,
) -> Result<(), DataError> {
    let decimals = Decimals {
        price: first.decimals.price.max(second.decimals.price),
        qty: first.decimals.qty.max(second.decimals.qty),
    };
    let mut left = Rows::new(first, from_us, to_us, decimals)?;
    let mut right = Rows::new(second, from_us, to_us, decimals)?;
    loop {
        let (a, b) = (left.next()?, right.next()?);
        if a != b {
            let times = a.iter().chain(&b).map(|row| row[0]).min();
            return Err(DataError::Overlap {
                first: first.path.clone(),
                second: second.path.clone(),
                at: iso(times.unwrap_or(from_us)),
            });
        }
        if a.is_none() {
            return Ok(());
        }
    }
}
