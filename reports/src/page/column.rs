//! One column of a table, in the shortest of the forms that a page reads.

use serde::Serialize;

/// Numbers of one column.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Column {
    /// One number a row; what is not finite is absent.
    Floats(Vec<f64>),
    /// One whole number a row.
    Whole(Vec<i64>),
    /// One whole number a row, or nothing.
    Gaps(Vec<Option<i64>>),
    /// `start`, `start + step`, and so on.
    Even {
        /// The first.
        start: i64,
        /// From one to the next.
        step: i64,
        /// How many.
        count: usize,
    },
    /// The first, and how much each further one is above the one before.
    Deltas {
        /// The first.
        first: i64,
        /// One less than there are rows.
        deltas: Vec<i64>,
    },
}

impl Default for Column {
    fn default() -> Column {
        Column::Whole(Vec::new())
    }
}

impl Column {
    /// Times that mostly rise, in ms: what is even takes no room, and differences have fewer digits than times.
    pub fn times(ms: &[i64]) -> Column {
        let [first, rest @ ..] = ms else { return Column::Whole(Vec::new()) };
        let befores = ms.iter().zip(rest);
        let deltas: Vec<i64> = befores.map(|(before, now)| now.wrapping_sub(*before)).collect();
        match deltas.first() {
            Some(step) if deltas.iter().all(|delta| delta == step) => {
                Column::Even { start: *first, step: *step, count: ms.len() }
            }
            _ => Column::Deltas { first: *first, deltas },
        }
    }

    /// How many rows it has.
    pub fn len(&self) -> usize {
        match self {
            Column::Floats(all) => all.len(),
            Column::Whole(all) => all.len(),
            Column::Gaps(all) => all.len(),
            Column::Even { count, .. } => *count,
            Column::Deltas { deltas, .. } => deltas.len() + 1,
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    #[test]
    fn times_take_little_room() {
        let json = |ms: &[i64]| serde_json::to_string(&Column::times(ms)).unwrap();
        assert_eq!(json(&[]), "[]");
        assert_eq!(json(&[7]), r#"{"first":7,"deltas":[]}"#);
        assert_eq!(json(&[7, 9, 11]), r#"{"start":7,"step":2,"count":3}"#);
        assert_eq!(json(&[7, 9, 8]), r#"{"first":7,"deltas":[2,-1]}"#);
        assert_eq!(Column::times(&[7, 9, 8]).len(), 3);
    }

    #[test]
    fn what_is_not_finite_is_absent() {
        let column = Column::Floats(vec![0.5, f64::NAN, f64::INFINITY]);
        assert_eq!(serde_json::to_string(&column).unwrap(), "[0.5,null,null]");
    }
}
