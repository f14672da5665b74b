//! The header of an npy array of named columns, as numpy writes it, and its rows one after the other.

use std::io::Read;

use super::csv_rows::Stop;
use super::guard;

/// Longer headers are none.
const HEADER_BYTES_MAX: usize = 1 << 16;
/// Wider rows are none.
const ROW_BYTES_MAX: usize = 1 << 12;

/// An array that is being read.
pub(super) struct Npy<'a> {
    input: &'a mut dyn Read,
    columns: Vec<Column>,
    row: Vec<u8>,
    rows: u64,
    /// Rows that were read.
    pub done: u64,
}

/// One column: name, numpy's type, and where it begins in a row.
#[derive(Debug, PartialEq, Eq)]
struct Column {
    name: String,
    form: String,
    at: usize,
}

fn refused(reason: impl std::fmt::Display) -> Stop {
    Stop::Refused(format!(
        "{reason}; write it as hftbacktest 2 does: np.savez(..., data=array of its event_dtype)"
    ))
}

impl<'a> Npy<'a> {
    /// Reads the header.
    pub fn open(input: &'a mut dyn Read) -> Result<Npy<'a>, Stop> {
        let mut magic = [0; 8];
        read_exact(input, &mut magic, 0)?;
        if &magic[..6] != b"\x93NUMPY" {
            return Err(refused("the file in it is no npy array"));
        }
        let mut length = [0; 4];
        let bytes = if magic[6] == 1 { 2 } else { 4 };
        read_exact(input, &mut length[..bytes], 0)?;
        let length = u32::from_le_bytes(length) as usize;
        if length > HEADER_BYTES_MAX {
            return Err(refused("the array's header is too long"));
        }
        let mut header = vec![0; length];
        read_exact(input, &mut header, 0)?;
        let header = String::from_utf8_lossy(&header);
        let (columns, width) = columns(&header)
            .ok_or_else(|| refused("the array is none of named columns of one number each"))?;
        let rows =
            shape(&header).ok_or_else(|| refused("the array has more than one dimension"))?;
        Ok(Npy { input, columns, row: vec![0; width], rows, done: 0 })
    }

    /// Where a column of 8-byte numbers begins in a row.
    pub fn column(&self, name: &str, form: &str) -> Result<usize, Stop> {
        let found = self.columns.iter().find(|column| column.name == name);
        let found = found.ok_or_else(|| refused(format!("the array has no column '{name}'")))?;
        if found.form == form {
            return Ok(found.at);
        }
        Err(refused(format!("the array's column '{name}' is {}, not {form}", found.form)))
    }

    /// The next row; nothing at the end, which has to be where the header says.
    pub fn next(&mut self) -> Result<Option<&[u8]>, Stop> {
        if self.done == self.rows {
            let mut more = [0; 1];
            let length = self.input.read(&mut more).map_err(|e| damaged(&e, self.done))?;
            if length > 0 {
                return Err(refused(format!("more than the {} rows of the header", self.rows)));
            }
            return Ok(None);
        }
        self.done += 1;
        read_exact(self.input, &mut self.row, self.done)?;
        Ok(Some(&self.row))
    }
}

fn read_exact(input: &mut dyn Read, out: &mut [u8], row: u64) -> Result<(), Stop> {
    input.read_exact(out).map_err(|e| damaged(&e, row))
}

fn damaged(e: &std::io::Error, row: u64) -> Stop {
    Stop::Refused(guard::told(e).unwrap_or_else(|| {
        format!("row {row}: cannot be read on: {e}; the file is cut or damaged, get it again")
    }))
}

/// The columns of `'descr': [('ev', '<u8'), …]`, and the bytes of a row.
fn columns(header: &str) -> Option<(Vec<Column>, usize)> {
    let list = header.split_once("'descr':")?.1.trim_start().strip_prefix('[')?;
    let list = list.split_once(']')?.0;
    let (mut columns, mut at) = (Vec::new(), 0);
    for pair in list.split('(').skip(1) {
        let mut quoted = pair.split_once(')')?.0.split('\'').skip(1).step_by(2);
        let (name, form) = (quoted.next()?, quoted.next()?);
        if quoted.next().is_some() {
            return None;
        }
        let bytes: usize = form.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().ok()?;
        columns.push(Column { name: name.to_owned(), form: form.to_owned(), at });
        at = at.checked_add(bytes)?;
    }
    (at > 0 && at <= ROW_BYTES_MAX).then_some((columns, at))
}

/// The length of `'shape': (5,)`.
fn shape(header: &str) -> Option<u64> {
    let shape = header.split_once("'shape':")?.1.split_once('(')?.1.split_once(')')?.0;
    let mut lengths = shape.split(',').map(str::trim).filter(|length| !length.is_empty());
    let length = lengths.next()?.parse().ok()?;
    lengths.next().is_none().then_some(length)
}

#[cfg(test)]
mod tests {
    use super::{columns, shape};

    #[test]
    fn headers_of_numpy() {
        let header = "{'descr': [('ev', '<u8'), ('exch_ts', '<i8'), ('px', '<f8')], \
                      'fortran_order': False, 'shape': (15000040,), }   \n";
        let (found, width) = columns(header).unwrap_or_default();
        let found: Vec<_> = found.iter().map(|c| (&c.name[..], &c.form[..], c.at)).collect();
        assert_eq!(found, [("ev", "<u8", 0), ("exch_ts", "<i8", 8), ("px", "<f8", 16)]);
        assert_eq!((width, shape(header)), (24, Some(15_000_040)));
        let old = "{'descr': '<f8', 'fortran_order': False, 'shape': (10, 6), }";
        assert_eq!((columns(old), shape(old)), (None, None));
    }
}
