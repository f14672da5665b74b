//! Sources that hold several series at once: recorded streams, lists of liquidations, event arrays.

use std::path::Path;

use engine::Symbol;

use super::csv_rows::Stop;
use super::meter::FileMeter;
use super::shelf::Staged;
use super::source::{self, Form};
use super::tapes::Tapes;
use super::{liquidations, npz, streams};
use crate::kind::{Kind, looks_like_a_contract};

/// How such a source is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recorded {
    Stream,
    Npz,
    Liquidations,
}

/// The form of a source of several series, or why it cannot come in; nothing for one of a single series.
pub(super) fn form(path: &Path) -> Option<Result<Recorded, String>> {
    match source::form(path)? {
        Form::Stream => Some(Ok(Recorded::Stream)),
        Form::Npz => Some(Ok(Recorded::Npz)),
        Form::Csv => listed(path),
    }
}

/// The nearest folder that tells something decides.
fn listed(path: &Path) -> Option<Result<Recorded, String>> {
    let folders = path.parent()?.iter().rev().filter_map(|folder| folder.to_str());
    for folder in folders {
        match folder {
            "liquidations" => return Some(Ok(Recorded::Liquidations)),
            "largeAggTrades" => {
                return Some(Err("holds only trades above some size: as a tape it has holes all over, and \
                                 no replay of it would be the market's; import the whole aggTrade stream, \
                                 or aggTrades of the archive"
                    .to_owned()));
            }
            name if Kind::named(name).is_some() => return None,
            _ => {}
        }
    }
    None
}

/// Reads a source, as often as the decimals in it ask for, and writes each of its series once.
pub(super) fn stage(
    path: &Path,
    form: Recorded,
    into: &Path,
    meter: &FileMeter<'_>,
    notes: &mut Vec<String>,
) -> Result<Vec<Staged>, String> {
    source::verify_checksum(path, notes)?;
    let (word, ending) = match form {
        Recorded::Stream => ("line", ""),
        Recorded::Npz => ("row", ".npy"),
        Recorded::Liquidations => ("line", ".csv"),
    };
    let mut named = symbol_of(path);
    let mut tapes = Tapes::new(into, word);
    loop {
        let symbol = named;
        let read = source::with_bytes(path, meter, ending, &mut |input| match form {
            Recorded::Stream => streams::read(input, symbol, &mut tapes),
            Recorded::Npz => npz::read(input, symbol, &mut tapes),
            Recorded::Liquidations => liquidations::read(input, &mut tapes),
        });
        match read {
            Ok(found) => {
                notes.extend(found);
                break;
            }
            Err(Stop::MoreDecimals(_)) => tapes.begin_again(),
            Err(Stop::OnlySymbol(symbol)) => {
                notes.push(format!(
                    "its snapshots tell no symbol, nor does its name: they count as those of {symbol}, the \
                     only one of which it has changes"
                ));
                named = Some(symbol);
                tapes.begin_again();
            }
            Err(Stop::Refused(reason)) => return Err(reason),
        }
    }
    let staged = tapes.finish(path, notes);
    match staged {
        Ok(staged) if staged.is_empty() => Err("no row in it can be imported: it is empty, or holds \
                                                nothing but what its notes list; remove it, or record \
                                                depth, bookTicker, aggTrade, trade, markPrice or \
                                                forceOrder streams"
            .to_owned()),
        Ok(staged) => Ok(staged),
        Err(Stop::Refused(reason)) => Err(reason),
        Err(Stop::MoreDecimals(_) | Stop::OnlySymbol(_)) => {
            Err("it changed while it was read; import it again".to_owned())
        }
    }
}

/// The symbol that the file's name begins with, such as `btcusdt_20240808.gz`. A word that is built like no
/// contract's name is none.
fn symbol_of(path: &Path) -> Option<Symbol> {
    let name = path.file_name()?.to_str()?;
    let first = name.split(['_', '-', '.', '@']).next()?.to_ascii_uppercase();
    Symbol::new(&first).ok().filter(|_| looks_like_a_contract(&first))
}
