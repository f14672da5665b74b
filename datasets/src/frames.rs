//! Series as polars LazyFrames, for programs that look at data.
//!
//! Invariant: nothing that a run decides on comes from here. Prices and quantities are floats, which the rest
//! of this crate never makes of them.

use polars::prelude::{
    DataType, Expr, LazyFrame, NULL, PlRefPath, PolarsError, ScanArgsParquet, TimeUnit, UnionArgs,
    col, concat, lit, when,
};

use crate::DataError;
use crate::catalogue::Catalogue;
use crate::coverage::Span;
use crate::kind::SeriesId;
use crate::replay::{Range, files_in};
use crate::rows::{BLANK, Decimals, Role, columns};
use crate::store::FileInfo;

/// The polars that frames are made with.
pub use polars;

impl Catalogue {
    /// The rows of `range` in order of time, each once, read from the files when the frame is collected and
    /// only as far as it asks. The files are compared with their seals first.
    ///
    /// The first column is `time`, of microseconds in UTC; the others bear the names that `qsim data show`
    /// prints. Prices, quantities and shares are the floats nearest to their values, `is_buyer_maker` is
    /// a truth value, other integers are as they are stored (`side`: 0 buys, 1 sells, 2 begins a
    /// snapshot), and what was not told is null.
    pub fn frame(&self, id: &SeriesId, range: Range) -> Result<LazyFrame, DataError> {
        let span = Span::new(id, range);
        let mut frames = Vec::new();
        for (file, skip_to_us) in files_in(self.files(id)?, range)? {
            let from_us = span.from_us.max(skip_to_us.saturating_add(1));
            frames.push(scan(file, from_us, span.until_us)?);
        }
        if frames.is_empty() {
            return Err(self.nothing_in(id, range));
        }
        let in_order = UnionArgs { rechunk: false, maintain_order: true, ..UnionArgs::default() };
        concat(frames, in_order)
            .map_err(|e| DataError::Misuse(format!("{id} cannot become a frame: {e}")))
    }
}

/// The rows of one file from `from_us` to before `until_us`.
fn scan(file: &FileInfo, from_us: i64, until_us: i64) -> Result<LazyFrame, DataError> {
    let bad = |e: PolarsError| DataError::bad(&file.path, e);
    let path = file.path.to_str().ok_or_else(|| {
        DataError::Misuse(format!(
            "{}: polars reads only files whose names are UTF-8; rename the folder",
            file.path.display()
        ))
    })?;
    // A folder's name may hold a bracket, which is no pattern.
    let args = ScanArgsParquet { glob: false, ..ScanArgsParquet::default() };
    let rows = LazyFrame::scan_parquet(PlRefPath::new(path), args).map_err(bad)?;
    let kind = file.series.kind;
    let columns = columns(kind).iter();
    let Some((time, _)) = columns.clone().next() else {
        return Err(DataError::bad(&file.path, "it has no columns"));
    };
    // On the stored integers, so that row groups outside are not read.
    let inside = col(*time).gt_eq(lit(from_us)).and(col(*time).lt(lit(until_us)));
    let values: Vec<Expr> = columns
        .enumerate()
        .map(|(at, (name, role))| match at {
            0 => instant(col(*name)).alias("time"),
            _ => value(name, *role, file.decimals).alias(*name),
        })
        .collect();
    Ok(rows.filter(inside).select(values))
}

fn instant(column: Expr) -> Expr {
    column.cast(DataType::Datetime(TimeUnit::Microseconds, None))
}

fn value(name: &str, role: Role, decimals: Decimals) -> Expr {
    let stored = col(name);
    match role {
        // Nobody was there to tell it.
        Role::Time => instant(unless(stored.clone().eq(lit(0i64)), stored)),
        Role::Plain if name == "is_buyer_maker" => stored.neq(lit(0i64)),
        Role::Plain => stored,
        Role::Price | Role::Qty => float(stored, role.decimals(decimals)),
        Role::Share => {
            let is_blank = stored.clone().eq(lit(BLANK));
            unless(is_blank, float(stored, role.decimals(decimals)))
        }
    }
}

fn unless(blank: Expr, value: Expr) -> Expr {
    when(blank).then(lit(NULL)).otherwise(value)
}

/// One division of two exact floats, and so the float that is nearest to the value.
fn float(stored: Expr, decimals: u32) -> Expr {
    let scale = (0..decimals).fold(1.0f64, |scale, _| scale * 10.0);
    stored.cast(DataType::Float64) / lit(scale)
}
