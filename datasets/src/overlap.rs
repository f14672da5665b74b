//! Files of one series that cover the same time: their rows have to agree.

use crate::DataError;
use crate::check::too_wide;
use crate::coverage::{HOUR_US, hour_of};
use crate::decimal::{self, pow10};
use crate::file_cursor::{FileCursor, all_columns};
use crate::kind::{Kind, Shape};
use crate::rows::{Decimals, Role, Row, columns, local_time};
use crate::store::FileInfo;

/// One file's rows from `from_us` to `to_us` inclusive, with `decimals`.
struct Rows<'a> {
    file: &'a FileInfo,
    /// The file that it is compared with.
    other: &'a FileInfo,
    cursor: FileCursor,
    from_us: i64,
    to_us: i64,
    price: i64,
    qty: i64,
}

impl Rows<'_> {
    fn new<'a>(
        file: &'a FileInfo,
        other: &'a FileInfo,
        from_us: i64,
        to_us: i64,
        decimals: Decimals,
    ) -> Result<Rows<'a>, DataError> {
        let factor = |all: u32, own: u32| pow10(all.saturating_sub(own)).unwrap_or(i64::MAX);
        Ok(Rows {
            file,
            other,
            cursor: FileCursor::open(&file.path, all_columns(file.series.kind), from_us)?,
            from_us,
            to_us,
            price: factor(decimals.price, file.decimals.price),
            qty: factor(decimals.qty, file.decimals.qty),
        })
    }

    /// The next row, with its number in the file.
    fn next(&mut self) -> Result<Option<(u64, Row)>, DataError> {
        while let Some((number, row)) = self.cursor.next_row()? {
            if row[0] > self.to_us {
                return Ok(None);
            }
            if row[0] >= self.from_us {
                return Ok(Some((number, self.scaled(row)?)));
            }
        }
        Ok(None)
    }

    fn scaled(&self, mut row: Row) -> Result<Row, DataError> {
        for (value, (_, role)) in row.iter_mut().zip(columns(self.file.series.kind)) {
            let factor = match role {
                Role::Time | Role::Plain | Role::Share => 1,
                Role::Price => self.price,
                Role::Qty => self.qty,
            };
            let scaled = value.checked_mul(factor);
            *value = scaled
                .ok_or_else(|| DataError::Misuse(too_wide(self.file, &[self.file, self.other])))?;
        }
        Ok(row)
    }
}

/// What two files tell of a time that both cover.
pub(crate) enum Told {
    /// The same, in so many rows.
    Alike(u64),
    Unlike(Difference),
}

/// Where two files part: the row of each with its number in the file, or none of that key.
#[derive(Clone, Copy)]
pub(crate) struct Difference {
    pub at_us: i64,
    pub first: Option<(u64, Row)>,
    pub second: Option<(u64, Row)>,
    decimals: Decimals,
}

impl Difference {
    fn new(
        kind: Kind,
        first: Option<(u64, Row)>,
        second: Option<(u64, Row)>,
        decimals: Decimals,
    ) -> Difference {
        let key = |(_, row): &(u64, Row)| match kind.shape() {
            Shape::Trades | Shape::Quotes | Shape::Book => row[1],
            Shape::Rates => hour_of(row[0]),
            Shape::Bars | Shape::Marks | Shape::Samples => row[0],
        };
        let least = first.iter().chain(&second).map(key).min();
        let of_least = |row: Option<(u64, Row)>| row.filter(|row| Some(key(row)) == least);
        let (first, second) = (of_least(first), of_least(second));
        let at_us = first.or(second).map_or(0, |(_, row)| row[0]);
        Difference { at_us, first, second, decimals }
    }

    /// The values of the second and of the first row, without those in which they agree.
    pub fn values(&self, kind: Kind) -> (String, String) {
        let (first, second) = (self.first.map(|row| row.1), self.second.map(|row| row.1));
        let text = |row: Option<Row>| {
            let shown = columns(kind).iter().enumerate().filter_map(|(i, (name, role))| {
                if *role == Role::Time {
                    return None;
                }
                let (value, decimals) = (row?[i], role.decimals(self.decimals));
                let is_same = first.zip(second).is_some_and(|(a, b)| a[i] == b[i]);
                (!is_same).then(|| format!("{name} {}", decimal::text(value, decimals)))
            });
            shown.collect::<Vec<_>>().join(", ")
        };
        (text(second), text(first))
    }
}

/// Whether two rows say the same. Sources of funding rates differ in how they round the time, and some
/// leave the hours open.
fn agree(kind: Kind, a: &Row, b: &Row) -> bool {
    if let Some(local) = local_time(kind) {
        // An archive tells no local time.
        let known = a[local] != 0 && b[local] != 0;
        return a[..local] == b[..local] && (!known || a[local] == b[local]);
    }
    if kind != Kind::FundingRate {
        return a == b;
    }
    let hours_agree = a[2] == b[2] || a[2] == 0 || b[2] == 0;
    hour_of(a[0]) == hour_of(b[0]) && a[1] == b[1] && hours_agree
}

/// The time that two files both cover, inclusive; nothing if one follows the other.
pub(crate) fn common_time(a: &FileInfo, b: &FileInfo) -> Option<(i64, i64)> {
    // A settlement lies somewhere around its full hour.
    let around = |us: i64, half: i64| match a.series.kind {
        Kind::FundingRate => hour_of(us) * HOUR_US + half,
        _ => us,
    };
    let from_us = around(a.first_us.max(b.first_us), -HOUR_US / 2);
    let to_us = around(a.last_us.min(b.last_us), HOUR_US / 2 - 1);
    // Trades, orders and messages of one instant may be split over two files.
    let is_longer = |file: &FileInfo| file.first_us < file.last_us;
    let several = matches!(a.series.kind.shape(), Shape::Trades | Shape::Quotes | Shape::Book)
        || a.series.kind == Kind::ForceOrder;
    let is_split = several && from_us == to_us && (is_longer(a) || is_longer(b));
    (from_us <= to_us && !is_split).then_some((from_us, to_us))
}

/// Compares what two files tell between `from_us` and `to_us` inclusive; counts rows after
/// `told_to_us`.
pub(crate) fn compare(
    first: &FileInfo,
    second: &FileInfo,
    from_us: i64,
    to_us: i64,
    told_to_us: i64,
) -> Result<Told, DataError> {
    let kind = first.series.kind;
    let decimals = Decimals {
        price: first.decimals.price.max(second.decimals.price),
        qty: first.decimals.qty.max(second.decimals.qty),
    };
    let mut left = Rows::new(first, second, from_us, to_us, decimals)?;
    let mut right = Rows::new(second, first, from_us, to_us, decimals)?;
    let mut alike = 0;
    loop {
        match (left.next()?, right.next()?) {
            (None, None) => return Ok(Told::Alike(alike)),
            (Some((_, a)), Some((_, b))) if agree(kind, &a, &b) => {
                alike += u64::from(b[0] > told_to_us);
            }
            (a, b) => return Ok(Told::Unlike(Difference::new(kind, a, b, decimals))),
        }
    }
}
