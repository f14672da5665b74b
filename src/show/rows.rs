//! Rows as a table, as csv and as JSON. A table holds the rows at both ends only, the others go through.

use std::collections::VecDeque;
use std::io::Write;

use comfy_table::{CellAlignment, Table};
use datasets::query::{Cell, Listing};

use super::Stop;

/// Prints at most `rows_max` rows, from both ends, with the number of those between.
pub fn table(
    listing: &mut Listing,
    rows_max: usize,
    sink: &mut (dyn Write + '_),
) -> Result<(), Stop> {
    let (first_max, last_max) = (rows_max.div_ceil(2), rows_max / 2);
    let mut first: Vec<Vec<Cell>> = Vec::new();
    let mut last: VecDeque<Vec<Cell>> = VecDeque::new();
    let mut between = 0u64;
    while let Some(row) = listing.next_row()? {
        if first.len() < first_max {
            first.push(row);
            continue;
        }
        last.push_back(row);
        if last.len() > last_max {
            last.pop_front();
            between += 1;
        }
    }
    if first.is_empty() {
        writeln!(sink, "no rows")?;
        return Ok(());
    }
    let mut table = Table::new();
    table.set_header(listing.names());
    let texts = |row: &Vec<Cell>| row.iter().map(Cell::to_string).collect::<Vec<_>>();
    first.iter().for_each(|row| {
        table.add_row(texts(row));
    });
    if between > 0 {
        let many = if between == 1 { "row" } else { "rows" };
        table.add_row([format!("… {between} {many} …")]);
    }
    last.iter().for_each(|row| {
        table.add_row(texts(row));
    });
    // Numbers end where their units are.
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    writeln!(sink, "{table}")?;
    Ok(())
}

/// Prints the first `rows_max` rows, or all.
pub fn csv(
    listing: &mut Listing,
    rows_max: Option<u32>,
    sink: &mut (dyn Write + '_),
) -> Result<(), Stop> {
    writeln!(sink, "{}", listing.names().join(","))?;
    let mut left = rows_max.map_or(u64::MAX, u64::from);
    while left > 0
        && let Some(row) = listing.next_row()?
    {
        // No cell holds a comma or a quote.
        for (i, cell) in row.iter().enumerate() {
            write!(sink, "{}{cell}", if i > 0 { "," } else { "" })?;
        }
        writeln!(sink)?;
        left -= 1;
    }
    Ok(())
}

/// Prints the first `rows_max` rows, or all, in the order of the columns.
pub fn json(
    listing: &mut Listing,
    rows_max: Option<u32>,
    sink: &mut (dyn Write + '_),
) -> Result<(), Stop> {
    let names = listing.names().to_vec();
    let mut left = rows_max.map_or(u64::MAX, u64::from);
    while left > 0
        && let Some(row) = listing.next_row()?
    {
        for (i, (name, cell)) in names.iter().zip(&row).enumerate() {
            write!(sink, "{}\"{name}\":", if i > 0 { "," } else { "{" })?;
            // No cell holds what JSON would escape.
            match cell {
                Cell::Blank => write!(sink, "null")?,
                cell if cell.is_literal() => write!(sink, "{cell}")?,
                cell => write!(sink, "\"{cell}\"")?,
            }
        }
        writeln!(sink, "}}")?;
        left -= 1;
    }
    Ok(())
}
