//! The seals of a file: what tells a damaged byte from a genuine one, wherever it is.
//!
//! Parquet finds everything by its place, so that the bytes behind its first mark are free. They hold
//! two BLAKE3: of the footer, compared whenever the file is opened, and of all that precedes it, which
//! is compared before a row of it is used.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;

/// What begins and ends every Parquet file.
const MARK: &[u8; 4] = b"PAR1";
/// Bytes of one seal.
const SEAL_BYTES: usize = 32;
/// Room for both seals, to be left behind the first mark.
pub(crate) const ROOM: [u8; 2 * SEAL_BYTES] = [0; 2 * SEAL_BYTES];
/// Where the sealed rows begin.
const BODY_AT: u64 = (MARK.len() + ROOM.len()) as u64;
/// The footer's length and the last mark.
const TAIL_BYTES: u64 = 8;
/// Bytes hashed at a time: enough for the hash to use its widest instructions.
const BLOCK_BYTES: usize = 1 << 18;

/// Where the footer lies, its tail included; nothing if the file cannot be a whole one.
fn footer_of(file: &mut File) -> io::Result<Option<Range<u64>>> {
    let end = file.seek(SeekFrom::End(0))?;
    if end < BODY_AT + TAIL_BYTES {
        return Ok(None);
    }
    let mut tail = [0; 4];
    file.seek(SeekFrom::Start(end - TAIL_BYTES))?;
    file.read_exact(&mut tail)?;
    let start = (end - TAIL_BYTES).checked_sub(u64::from(u32::from_le_bytes(tail)));
    Ok(start.filter(|&start| start >= BODY_AT).map(|start| start..end))
}

fn hash(file: &mut File, hasher: &mut blake3::Hasher, place: Range<u64>) -> io::Result<()> {
    file.seek(SeekFrom::Start(place.start))?;
    let mut rest = file.take(place.end - place.start);
    let mut block = vec![0; BLOCK_BYTES.min(rest.limit() as usize)];
    while rest.limit() > 0 {
        let wanted = block.len().min(rest.limit() as usize);
        rest.read_exact(&mut block[..wanted])?;
        hasher.update(&block[..wanted]);
    }
    Ok(())
}

fn footer_seal(file: &mut File, footer: Range<u64>) -> io::Result<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    hash(file, &mut hasher, footer)?;
    Ok(hasher.finalize())
}

fn body_seal(file: &mut File, footer: Range<u64>) -> io::Result<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    hash(file, &mut hasher, 0..MARK.len() as u64)?;
    hash(file, &mut hasher, BODY_AT..footer.start)?;
    Ok(hasher.finalize())
}

/// The seal that the file bears: the footer's is the first, the body's the second.
fn borne(file: &mut File, number: usize) -> io::Result<[u8; SEAL_BYTES]> {
    let mut seal = [0; SEAL_BYTES];
    file.seek(SeekFrom::Start((MARK.len() + number * SEAL_BYTES) as u64))?;
    file.read_exact(&mut seal)?;
    Ok(seal)
}

/// Seals a complete file, which has left [`ROOM`] for it.
pub(crate) fn seal(file: &mut File) -> io::Result<()> {
    let Some(footer) = footer_of(file)? else {
        return Err(io::Error::other("the file has no footer"));
    };
    let seals = [footer_seal(file, footer.clone())?, body_seal(file, footer)?];
    file.seek(SeekFrom::Start(MARK.len() as u64))?;
    seals.iter().try_for_each(|seal| file.write_all(seal.as_bytes()))
}

/// Whether the footer is the one that was written.
pub(crate) fn footer_is_whole(file: &mut File) -> io::Result<bool> {
    match footer_of(file)? {
        Some(footer) => Ok(footer_seal(file, footer)? == borne(file, 0)?),
        None => Ok(false),
    }
}

/// Whether all before the footer is what was written; reads the whole file.
pub(crate) fn body_is_whole(file: &mut File) -> io::Result<bool> {
    match footer_of(file)? {
        Some(footer) => Ok(body_seal(file, footer)? == borne(file, 1)?),
        None => Ok(false),
    }
}
