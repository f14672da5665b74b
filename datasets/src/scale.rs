//! From the integers of a file to those of the run's grid.

use crate::DataError;
use crate::convert::wanted;
use crate::decimal::pow10;
use crate::kind::Kind;
use crate::rows::{Decimals, Role};

/// Factors from a file's integers to the grid's.
#[derive(Clone, Copy)]
pub(crate) struct Scale {
    pub price: i64,
    pub qty: i64,
}

impl Scale {
    /// What the file's integers are to be multiplied by.
    pub fn up(file: Decimals, grid: Decimals) -> Result<Scale, DataError> {
        let factor = |what, from: u32, to: u32| {
            pow10(to.saturating_sub(from))
                .ok_or_else(|| DataError::Misuse(format!("a grid of {to} {what} decimals")))
        };
        Ok(Scale {
            price: factor("price", file.price, grid.price)?,
            qty: factor("quantity", file.qty, grid.qty)?,
        })
    }

    /// What they are to be divided by first: rows outside the range may need more decimals than the
    /// grid has, those in it do not.
    pub fn down(file: Decimals, grid: Decimals) -> Result<Scale, DataError> {
        Scale::up(grid, file)
    }

    pub fn divide(&self, kind: Kind, columns: &mut [Vec<i64>]) {
        for (column, &number) in columns.iter_mut().zip(wanted(kind)) {
            let by = match crate::rows::columns(kind)[number].1 {
                Role::Time | Role::Plain | Role::Share => 1,
                Role::Price => self.price,
                Role::Qty => self.qty,
            };
            if by != 1 {
                column.iter_mut().for_each(|value| *value /= by);
            }
        }
    }
}
