//! The series of one source file while it is read: each has its order, its decimals and its file.

use std::collections::BTreeMap;
use std::path::Path;

use engine::{Symbol, io_remedy};
use tempfile::TempPath;

use super::csv_rows::Stop;
use super::shelf::Staged;
use super::sorting::{self, Sorter};
use super::{PARTIAL, order};
use crate::decimal::{self, pow10};
use crate::kind::{Kind, SeriesId};
use crate::rows::{Decimals, Role, Row, WIDTH_MAX, columns};
use crate::store::{FileWriter, Origin};

/// Rows of a series that are held before its file is begun: by then the decimals are known nearly always.
const HELD_ROWS: usize = 1 << 16;
/// Rows that all series together may hold, before their files or for their row groups.
const WAITING_ROWS_MAX: usize = if cfg!(test) { 1 << 10 } else { 1 << 21 };
/// So few rows of a series are no relief.
const FEW_ROWS: usize = if cfg!(test) { 1 << 4 } else { 1 << 10 };

/// A row as it was read: each value with its decimals.
pub(super) type Draft = [(i64, u32); WIDTH_MAX];

/// A file that is being written.
struct Open {
    temporary: TempPath,
    writer: FileWriter,
}

/// One series.
pub(super) struct Tape<'a> {
    into: &'a Path,
    word: &'static str,
    series: SeriesId,
    decimals: Decimals,
    held: Vec<Row>,
    open: Option<Open>,
    sorter: Option<Sorter>,
    previous: Option<Row>,
    rows: u64,
    /// Rows that were left out because they repeat the one before.
    repeated: u64,
}

/// All series of one source file.
pub(super) struct Tapes<'a> {
    into: &'a Path,
    /// What the source counts: lines or rows.
    word: &'static str,
    tapes: BTreeMap<SeriesId, Tape<'a>>,
    /// Decimals that an earlier reading found to be needed.
    known: BTreeMap<SeriesId, Decimals>,
}

impl<'a> Tapes<'a> {
    /// None yet; files are made in `into`.
    pub fn new(into: &'a Path, word: &'static str) -> Tapes<'a> {
        Tapes { into, word, tapes: BTreeMap::new(), known: BTreeMap::new() }
    }

    /// Forgets all rows, to read the source once more with the decimals that it was found to need.
    pub fn begin_again(&mut self) {
        for (series, tape) in std::mem::take(&mut self.tapes) {
            self.known.insert(series, tape.decimals);
        }
    }

    /// The series of this kind and symbol.
    pub fn of(&mut self, kind: Kind, symbol: Symbol) -> &mut Tape<'a> {
        let series = SeriesId { kind, symbol, interval: None };
        let decimals = self.known.get(&series).copied().unwrap_or_default();
        self.tapes.entry(series).or_insert_with(|| Tape {
            into: self.into,
            word: self.word,
            series,
            decimals,
            held: Vec::new(),
            open: None,
            sorter: Sorter::new(kind, sorting::OF_RECORDING),
            previous: None,
            rows: 0,
            repeated: 0,
        })
    }

    /// Keeps the memory of all series together within bounds, however many there are. Call it now and
    /// then.
    pub fn spill(&mut self) -> Result<(), Stop> {
        if self.tapes.values().map(Tape::waiting).sum::<usize>() < WAITING_ROWS_MAX {
            return Ok(());
        }
        self.tapes.values_mut().try_for_each(Tape::spill)
    }

    /// Completes all files, and tells what is to be noted of them.
    pub fn finish(self, source: &Path, notes: &mut Vec<String>) -> Result<Vec<Staged>, Stop> {
        let (mut all, mut repeated) = (Vec::new(), 0);
        for (series, tape) in self.tapes {
            repeated += tape.repeated;
            let moved = tape.sorter.as_ref().map_or(0, |sorter| sorter.moved);
            if moved > 0 {
                notes.push(format!("{series}: {moved} rows were out of order and sorted by time"));
            }
            all.extend(tape.finish(source)?);
        }
        if repeated > 0 {
            notes.push(format!("{repeated} rows repeat the one before and were left out"));
        }
        Ok(all)
    }
}

fn parquet(e: parquet::errors::ParquetError) -> Stop {
    Stop::Refused(not_written(&e))
}

/// Why rows could not be written, and what to do where the file system was the reason.
pub(super) fn not_written(e: &parquet::errors::ParquetError) -> String {
    let parquet::errors::ParquetError::External(inner) = e else {
        return format!("cannot be written as Parquet: {e}");
    };
    match inner.downcast_ref::<std::io::Error>() {
        Some(io) => format!("cannot be written into the data set: {io}; {}", io_remedy(io)),
        None => format!("cannot be written as Parquet: {inner}"),
    }
}

impl Tape<'_> {
    /// Takes a row that stands in `line`.
    pub fn push(&mut self, draft: &Draft, line: u64) -> Result<(), Stop> {
        let row = self.scaled(draft, line)?;
        let Some(sorter) = &mut self.sorter else {
            return self.pass(row, line);
        };
        match sorter.push(row, line) {
            Some((row, line)) => self.pass(row, line),
            None => Ok(()),
        }
    }

    fn waiting(&self) -> usize {
        self.held.len() + self.open.as_ref().map_or(0, |open| open.writer.waiting())
    }

    /// Puts what waits into the file.
    fn spill(&mut self) -> Result<(), Stop> {
        if self.waiting() < FEW_ROWS {
            return Ok(());
        }
        if self.open.is_none() {
            self.open_file()?;
        }
        self.open.as_mut().map_or(Ok(()), |open| open.writer.flush()).map_err(parquet)
    }

    fn open_file(&mut self) -> Result<(), Stop> {
        self.open = Some(self.begin()?);
        self.held = Vec::new();
        Ok(())
    }

    fn at(&self, line: u64, reason: impl std::fmt::Display) -> Stop {
        let series = self.series;
        Stop::Refused(format!("{} {line}: {series}: {reason}", self.word))
    }

    fn scaled(&mut self, draft: &Draft, line: u64) -> Result<Row, Stop> {
        let mut needed = self.decimals;
        for (&(_, decimals), &(_, role)) in draft.iter().zip(columns(self.series.kind)) {
            match role {
                Role::Price => needed.price = needed.price.max(decimals),
                Role::Qty => needed.qty = needed.qty.max(decimals),
                Role::Time | Role::Plain | Role::Share => {}
            }
        }
        if needed != self.decimals {
            if needed.price.max(needed.qty) > decimal::PUBLISHED_MAX {
                return Err(self.at(line, self.too_fine(draft)));
            }
            self.raise(needed, line)?;
        }
        let mut row = Row::default();
        for (i, &(_, role)) in columns(self.series.kind).iter().enumerate() {
            let (value, decimals) = draft[i];
            row[i] = match role {
                Role::Time | Role::Plain | Role::Share => value,
                Role::Price | Role::Qty => scale(value, role.decimals(needed) - decimals)
                    .ok_or_else(|| self.too_wide(line))?,
            };
        }
        Ok(row)
    }

    /// Of the first value of `draft` with too many decimals.
    fn too_fine(&self, draft: &Draft) -> String {
        let all = draft.iter().zip(columns(self.series.kind));
        let mut fine = all.filter(|((_, decimals), (_, role))| {
            matches!(role, Role::Price | Role::Qty) && *decimals > decimal::PUBLISHED_MAX
        });
        let value = fine.next().map(|(&(value, decimals), (name, _))| {
            format!("{name} {} ", decimal::text(value, decimals))
        });
        value.unwrap_or_default() + decimal::TOO_FINE
    }

    fn too_wide(&self, line: u64) -> Stop {
        let Decimals { price, qty } = self.decimals;
        let place = "does not fit 64 bits with the series'";
        self.at(line, format!("a value {place} {price} price and {qty} quantity decimals"))
    }

    /// Gives all rows so far more decimals; those in the file stay as they are, and the source has to be
    /// read again.
    fn raise(&mut self, needed: Decimals, line: u64) -> Result<(), Stop> {
        let more = Decimals {
            price: needed.price - self.decimals.price,
            qty: needed.qty - self.decimals.qty,
        };
        self.decimals = needed;
        if self.open.is_some() {
            return Err(Stop::MoreDecimals(needed));
        }
        let kind = self.series.kind;
        let mut fits = true;
        let mut widen = |row: &mut Row| {
            for (value, (_, role)) in row.iter_mut().zip(columns(kind)) {
                let more = match role {
                    Role::Price => more.price,
                    Role::Qty => more.qty,
                    Role::Time | Role::Plain | Role::Share => continue,
                };
                let wide = scale(*value, more);
                fits &= wide.is_some();
                *value = wide.unwrap_or(*value);
            }
        };
        self.held.iter_mut().chain(&mut self.previous).for_each(&mut widen);
        if let Some(sorter) = &mut self.sorter {
            sorter.change(&mut widen);
        }
        if fits { Ok(()) } else { Err(self.too_wide(line)) }
    }

    /// Hands a row on, if it may follow the one before.
    fn pass(&mut self, row: Row, line: u64) -> Result<(), Stop> {
        // The all-market stream of liquidations is known to be recorded twice, line by line.
        if self.series.kind == Kind::ForceOrder && self.previous == Some(row) {
            self.repeated += 1;
            return Ok(());
        }
        order::check(self.series.kind, self.previous.as_ref(), &row)
            .map_err(|reason| self.at(line, reason))?;
        self.previous = Some(row);
        self.rows += 1;
        if let Some(open) = &mut self.open {
            return open.writer.push(&row).map_err(parquet);
        }
        self.held.push(row);
        if self.held.len() == HELD_ROWS { self.open_file() } else { Ok(()) }
    }

    /// A file with the rows that were held.
    fn begin(&self) -> Result<Open, Stop> {
        let failed = |e: std::io::Error| Stop::Refused(cannot_write(self.into, &e));
        let temporary =
            tempfile::Builder::new().prefix(PARTIAL).tempfile_in(self.into).map_err(failed)?;
        let temporary = temporary.into_temp_path();
        let place = temporary.to_path_buf();
        let mut writer = FileWriter::new(place, self.series, self.decimals).map_err(parquet)?;
        self.held.iter().try_for_each(|row| writer.push(row)).map_err(parquet)?;
        Ok(Open { temporary, writer })
    }

    fn finish(mut self, source: &Path) -> Result<Option<Staged>, Stop> {
        if let Some(sorter) = self.sorter.take() {
            for (row, line) in sorter.rest() {
                self.pass(row, line)?;
            }
        }
        if self.rows == 0 {
            return Ok(None);
        }
        let Open { temporary, writer } = match self.open.take() {
            Some(open) => open,
            None => self.begin()?,
        };
        // Its rows are not in lines that follow each other.
        let origin = Origin { path: source.display().to_string(), first_line: 0 };
        let info = writer.finish(origin).map_err(parquet)?;
        let failed = |e: std::io::Error| Stop::Refused(cannot_write(self.into, &e));
        std::fs::File::open(&temporary).and_then(|file| file.sync_all()).map_err(failed)?;
        Ok(Some(Staged { temporary, info }))
    }
}

/// The reason that no file can be made in the data set.
pub(super) fn cannot_write(into: &Path, e: &std::io::Error) -> String {
    format!("cannot be written into {}: {e}; {}", into.display(), io_remedy(e))
}

fn scale(value: i64, decimals: u32) -> Option<i64> {
    if decimals == 0 { Some(value) } else { value.checked_mul(pow10(decimals)?) }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use engine::Symbol;

    use super::{Tape, Tapes, WAITING_ROWS_MAX};
    use crate::kind::Kind;

    /// A trade of each of so many symbols.
    fn trades(tapes: &mut Tapes<'_>, symbols: usize, row: i64) {
        for symbol in 0..symbols {
            let symbol = Symbol::new(&format!("S{symbol}USDT")).expect("a symbol");
            let [time, id] = [1_769_904_000_000_000 + row, row + 1].map(|value| (value, 0));
            let trade = [time, id, (1_005, 2), (1, 0), (0, 0), (0, 0), (0, 0), (0, 0)];
            tapes.of(Kind::Trades, symbol).push(&trade, 1).expect("a row");
        }
        tapes.spill().expect("spills");
    }

    fn finish(tapes: Tapes<'_>, folder: &Path, symbols: usize, rows: i64) {
        let staged = tapes.finish(folder, &mut Vec::new()).expect("whole");
        assert_eq!(staged.len(), symbols);
        for one in staged {
            let info = crate::store::info(&one.temporary).expect("readable");
            info.verify().expect("whole");
            assert_eq!((info.rows, info.digest), (rows.cast_unsigned(), one.info.digest));
        }
    }

    /// A recording of all symbols there are is no reason for more memory.
    #[test]
    fn many_series_share_one_bound() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut tapes = Tapes::new(folder.path(), "line");
        let (symbols, rows) = (40, 300);
        for row in 0..rows {
            trades(&mut tapes, symbols, row);
            let waiting: usize = tapes.tapes.values().map(Tape::waiting).sum();
            assert!(waiting < WAITING_ROWS_MAX, "{waiting}");
        }
        finish(tapes, folder.path(), symbols, rows);
    }

    /// All perpetuals with several streams each are more series than a process may open files.
    #[test]
    #[cfg(unix)]
    fn more_series_than_files_may_be_open() {
        // A limit is a process's own: a shell sets it and becomes the test below.
        let limited = ["-c", "ulimit -n 48 && exec \"$0\" \"$@\""];
        let below = "import::tapes::tests::many_series_with_few_open_files";
        let output = Command::new("sh")
            .args(limited)
            .arg(std::env::current_exe().expect("this test"))
            .args(["--exact", "--ignored", below])
            .output()
            .expect("a shell");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
    }

    #[test]
    #[ignore = "is run by the test above, in a process that may open few files"]
    fn many_series_with_few_open_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut tapes = Tapes::new(folder.path(), "line");
        let (symbols, rows) = (200, 200);
        (0..rows).for_each(|row| trades(&mut tapes, symbols, row));
        let under_way = tapes.tapes.values().filter(|tape| tape.open.is_some()).count();
        assert_eq!(under_way, symbols, "their files are begun");
        finish(tapes, folder.path(), symbols, rows);
    }
}
