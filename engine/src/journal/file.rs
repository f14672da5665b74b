//! The journal's file: a header that says all a replay needs but the data, blocks with checksums, and a
//! footer with the digest. It is written beside its place and moved there when it is whole.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{JournalError, JournalSink, live_file};
use crate::Nanos;

/// Version of the format; a reader takes its own version only.
pub const FORMAT_VERSION: u32 = 3;

const MAGIC: &[u8; 8] = b"QSIMJRNL";
const BLOCK: u8 = b'B';
const FOOTER: u8 = b'E';
/// Larger blocks are not written, so a larger length is damage.
const BLOCK_BYTES_MAX: u32 = 64 << 20;

/// Ends the name of a journal that is being written.
pub(super) const PARTIAL: &str = ".partial";

/// The file of that name with something behind it.
pub(super) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// What stands at the end of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalFooter {
    /// Number of entries.
    pub entries: u64,
    /// Market events that passed.
    pub market_events: u64,
    /// BLAKE3 of all entries.
    pub digest: [u8; 32],
}

impl JournalFooter {
    /// The digest in hex.
    pub fn digest_hex(&self) -> String {
        blake3::Hash::from_bytes(self.digest).to_hex().to_string()
    }
}

pub(super) fn checksum(bytes: &[u8]) -> [u8; 8] {
    let mut short = [0; 8];
    short.copy_from_slice(&blake3::hash(bytes).as_bytes()[..8]);
    short
}

/// Writes a journal file.
pub struct FileSink {
    path: PathBuf,
    partial: PathBuf,
    out: Option<BufWriter<File>>,
}

/// Makes the folder of a journal.
pub(super) fn make_folder(path: &Path) -> Result<(), JournalError> {
    let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) else { return Ok(()) };
    std::fs::create_dir_all(folder)
        .map_err(|source| JournalError::Io { path: folder.to_owned(), source })
}

/// What a journal begins with.
pub(super) fn head_bytes(header: &serde_json::Value) -> Vec<u8> {
    let header = header.to_string().into_bytes();
    let mut head = MAGIC.to_vec();
    head.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    head.extend_from_slice(&(header.len() as u32).to_le_bytes());
    head.extend_from_slice(&header);
    head.extend_from_slice(&checksum(&header));
    head
}

/// A block, packed.
pub(super) fn block_bytes(first_entry: u64, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let packed = zstd::bulk::compress(bytes, 1)?;
    let mut head = Vec::with_capacity(25 + packed.len());
    head.push(BLOCK);
    head.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    head.extend_from_slice(&(packed.len() as u32).to_le_bytes());
    head.extend_from_slice(&first_entry.to_le_bytes());
    let mut covered = head.clone();
    covered.extend_from_slice(&packed);
    head.extend_from_slice(&checksum(&covered));
    head.extend_from_slice(&packed);
    Ok(head)
}

/// What a journal ends with.
pub(super) fn footer_bytes(footer: &JournalFooter) -> Vec<u8> {
    let mut bytes = vec![FOOTER];
    bytes.extend_from_slice(&footer.entries.to_le_bytes());
    bytes.extend_from_slice(&footer.market_events.to_le_bytes());
    bytes.extend_from_slice(&footer.digest);
    let sum = checksum(&bytes);
    bytes.extend_from_slice(&sum);
    bytes
}

impl FileSink {
    /// Begins the file; `header` is what the replay needs (scenario, seed, data digests) as JSON.
    pub fn create(path: &Path, header: &serde_json::Value) -> Result<FileSink, JournalError> {
        let partial = beside(path, PARTIAL);
        let io = |source| JournalError::Io { path: partial.clone(), source };
        make_folder(path)?;
        let mut out = BufWriter::new(File::create(&partial).map_err(io)?);
        out.write_all(&head_bytes(header)).map_err(io)?;
        Ok(FileSink { path: path.to_owned(), partial, out: Some(out) })
    }

    fn write(&mut self, parts: &[&[u8]]) -> Result<(), JournalError> {
        let Some(out) = self.out.as_mut() else {
            return Ok(());
        };
        for part in parts {
            out.write_all(part)
                .map_err(|source| JournalError::Io { path: self.partial.clone(), source })?;
        }
        Ok(())
    }
}

impl JournalSink for FileSink {
    fn block(&mut self, first_entry: u64, bytes: &[u8]) -> Result<(), JournalError> {
        let io = |source| JournalError::Io { path: self.partial.clone(), source };
        let block = block_bytes(first_entry, bytes).map_err(io)?;
        self.write(&[&block])
    }

    fn finish(&mut self, footer: &JournalFooter) -> Result<(), JournalError> {
        self.write(&[&footer_bytes(footer)])?;
        let io = |source| JournalError::Io { path: self.path.clone(), source };
        if let Some(out) = self.out.take() {
            out.into_inner().map_err(|e| io(e.into_error()))?.sync_all().map_err(io)?;
        }
        std::fs::rename(&self.partial, &self.path).map_err(io)
    }
}

impl Drop for FileSink {
    fn drop(&mut self) {
        if self.out.take().is_some() {
            // The run did not finish: no half journal stays behind.
            let _ = std::fs::remove_file(&self.partial);
        }
    }
}

/// A file that cannot be opened: a session's journal has another name as long as the session goes on.
fn not_there(path: &Path, source: std::io::Error) -> JournalError {
    let format = |problem: String| JournalError::Format { path: path.to_owned(), problem };
    if source.kind() == std::io::ErrorKind::NotFound {
        let partial = beside(path, PARTIAL);
        let whole = path.to_str().and_then(|name| name.strip_suffix(PARTIAL)).map(Path::new);
        if partial.exists() {
            return format(format!(
                "there is no such file, but {}: its session still runs, or was killed; give that one, which is read as far as it goes",
                partial.display()
            ));
        }
        if let Some(whole) = whole.filter(|whole| whole.exists()) {
            return format(format!(
                "there is no such file any more: its session has ended; give {}",
                whole.display()
            ));
        }
    }
    JournalError::Io { path: path.to_owned(), source }
}

/// A journal file that has been checked from end to end and can be read block by block.
pub struct JournalFile {
    path: PathBuf,
    input: BufReader<File>,
    header: serde_json::Value,
    blocks_at: u64,
    footer: JournalFooter,
    /// The session has not come to its end: there is no footer.
    unfinished: bool,
    /// Of an unfinished one: the block that was open, with the number of its first entry.
    tail: Option<(u64, Vec<u8>)>,
    /// Whether the tail has been given.
    tail_given: bool,
    /// Where the last whole block ends.
    whole_until: u64,
}

impl JournalFile {
    /// Opens the file and checks all of it, so that damage is found before anything is run. A live session that goes on,
    /// or was killed, has a file that ends with `.partial`: it is read as far as it goes.
    pub fn open(path: &Path) -> Result<JournalFile, JournalError> {
        let format = |problem: String| JournalError::Format { path: path.to_owned(), problem };
        let file = File::open(path).map_err(|source| not_there(path, source))?;
        let mut input = BufReader::with_capacity(1 << 20, file);
        let mut head = [0; 16];
        input.read_exact(&mut head).ok().filter(|()| head.starts_with(MAGIC)).ok_or_else(|| {
            format(
                "not a qsim journal; give a file that `qsim run --journal` or `qsim live` wrote"
                    .into(),
            )
        })?;
        let number =
            |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let version = number(8);
        if version != FORMAT_VERSION {
            return Err(format(format!(
                "journal format {version}, this qsim reads format {FORMAT_VERSION}; replay it with the qsim that recorded it, or record it again"
            )));
        }
        let damaged = |offset, problem: &str| JournalError::Damaged {
            path: path.to_owned(),
            offset,
            problem: problem.to_owned(),
        };
        let length = number(12);
        let cut = || damaged(16, "the header is cut off");
        if length > BLOCK_BYTES_MAX {
            return Err(damaged(12, "the length of the header is impossible"));
        }
        let mut header = vec![0; length as usize];
        let mut sum = [0; 8];
        input.read_exact(&mut header).map_err(|_| cut())?;
        input.read_exact(&mut sum).map_err(|_| cut())?;
        if sum != checksum(&header) {
            return Err(damaged(16, "the header's checksum does not hold"));
        }
        let header =
            serde_json::from_slice(&header).map_err(|_| damaged(16, "the header is not JSON"))?;
        let blocks_at = 16 + u64::from(length) + 8;
        let empty = JournalFooter { entries: 0, market_events: 0, digest: [0; 32] };
        let unfinished = path.to_string_lossy().ends_with(PARTIAL);
        let mut file = JournalFile {
            path: path.to_owned(),
            input,
            header,
            blocks_at,
            footer: empty,
            unfinished,
            tail: None,
            tail_given: false,
            whole_until: blocks_at,
        };
        if unfinished {
            file.find_tail()?;
        } else {
            file.check()?;
        }
        Ok(file)
    }

    /// Reads a session that was not finished as far as it goes, and makes the footer that it would have there.
    fn find_tail(&mut self) -> Result<(), JournalError> {
        let mut hasher = blake3::Hasher::new();
        let mut last: Option<(u64, Vec<u8>)> = None;
        while let Some(block) = self.next_block()? {
            hasher.update(&block.1);
            last = Some(block);
        }
        let tail = live_file::read_tail(&self.path)?.map(|kept| (kept.first_entry, kept.block));
        // The tail of a block that has been closed since says nothing new.
        let behind = |(first, _): &(u64, Vec<u8>)| last.as_ref().is_none_or(|(l, _)| first > l);
        self.tail = tail.filter(behind);
        if let Some((first, block)) = &self.tail {
            hasher.update(block);
            last = Some((*first, block.clone()));
        }
        if let Some((first, block)) = last {
            let mut decoder = super::Decoder::new(&block, &[]);
            self.footer.entries = first;
            while let Ok(Some(_)) = decoder.next_value() {
                self.footer.entries += 1;
            }
        }
        self.footer.digest = *hasher.finalize().as_bytes();
        self.rewind()
    }

    /// Whether the session came to no end: the file has no footer, and what [`JournalFile::footer`] says is what it would
    /// be at this point.
    pub fn is_unfinished(&self) -> bool {
        self.unfinished
    }

    /// Where the last block ends that is whole, in bytes.
    pub(super) fn whole_until(&self) -> u64 {
        self.whole_until
    }

    /// Whether the block that was given last was still open.
    pub(super) fn at_tail(&self) -> bool {
        self.tail_given
    }

    fn check(&mut self) -> Result<(), JournalError> {
        let mut hasher = blake3::Hasher::new();
        while let Some((_, block)) = self.next_block()? {
            hasher.update(&block);
        }
        if *hasher.finalize().as_bytes() != self.footer.digest {
            return Err(
                self.damaged(self.blocks_at, "the entries do not have the digest of the footer")
            );
        }
        let mut rest = [0; 1];
        if self.input.read(&mut rest).unwrap_or(0) > 0 {
            let at = self.input.stream_position().unwrap_or_default().saturating_sub(1);
            return Err(self.damaged(at, "something follows the footer"));
        }
        self.rewind()
    }

    /// Back to the first block.
    pub fn rewind(&mut self) -> Result<(), JournalError> {
        let path = &self.path;
        self.tail_given = false;
        self.input
            .seek(SeekFrom::Start(self.blocks_at))
            .map(|_| ())
            .map_err(|source| JournalError::Io { path: path.clone(), source })
    }

    /// The time of the last entry; zero if there is none.
    pub fn last_time(&mut self) -> Result<Nanos, JournalError> {
        self.rewind()?;
        let mut last = None;
        while let Some((_, block)) = self.next_block()? {
            last = Some(block);
        }
        let mut time = Nanos::ZERO;
        let block = last.unwrap_or_default();
        let mut decoder = super::Decoder::new(&block, &[]);
        while let Ok(Some((at, _))) = decoder.next_value() {
            time = at;
        }
        self.rewind()?;
        Ok(time)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the writer put there.
    pub fn header(&self) -> &serde_json::Value {
        &self.header
    }

    /// Entries and digest.
    pub fn footer(&self) -> &JournalFooter {
        &self.footer
    }

    fn damaged(&self, offset: u64, problem: &str) -> JournalError {
        JournalError::Damaged { path: self.path.clone(), offset, problem: problem.to_owned() }
    }

    /// The next block and the number of its first entry; `None` at the footer.
    pub fn next_block(&mut self) -> Result<Option<(u64, Vec<u8>)>, JournalError> {
        let offset = self.input.stream_position().unwrap_or_default();
        if self.unfinished {
            return self.next_block_so_far(offset);
        }
        let cut = "the file is cut off";
        let mut kind = [0; 1];
        self.input.read_exact(&mut kind).map_err(|_| self.damaged(offset, cut))?;
        match kind[0] {
            BLOCK => self.read_block(offset).map(Some),
            FOOTER => {
                let mut rest = [0; 56];
                self.input.read_exact(&mut rest).map_err(|_| self.damaged(offset, cut))?;
                let mut covered = vec![FOOTER];
                covered.extend_from_slice(&rest[..48]);
                if rest[48..] != checksum(&covered) {
                    return Err(self.damaged(offset, "the footer's checksum does not hold"));
                }
                let word = |at: usize| {
                    let mut bytes = [0; 8];
                    bytes.copy_from_slice(&rest[at..at + 8]);
                    u64::from_le_bytes(bytes)
                };
                self.footer.entries = word(0);
                self.footer.market_events = word(8);
                self.footer.digest.copy_from_slice(&rest[16..48]);
                Ok(None)
            }
            _ => Err(self.damaged(offset, "neither a block nor the footer begins here")),
        }
    }

    /// The next block of a file that is being written, or was when its process was killed: what is cut off at its end
    /// has not been written yet.
    fn next_block_so_far(&mut self, offset: u64) -> Result<Option<(u64, Vec<u8>)>, JournalError> {
        let length = std::fs::metadata(&self.path).map_or(0, |file| file.len());
        let mut head = [0; 9];
        let whole = self.input.read_exact(&mut head).is_ok() && {
            let packed = u32::from_le_bytes([head[5], head[6], head[7], head[8]]);
            head[0] == BLOCK && offset + 25 + u64::from(packed) <= length
        };
        let back = SeekFrom::Start(if whole { offset + 1 } else { offset });
        let io = |source| JournalError::Io { path: self.path.clone(), source };
        self.input.seek(back).map_err(io)?;
        if whole {
            let block = self.read_block(offset)?;
            self.whole_until = self.input.stream_position().unwrap_or_default();
            return Ok(Some(block));
        }
        if self.tail_given || self.tail.is_none() {
            return Ok(None);
        }
        self.tail_given = true;
        Ok(self.tail.clone())
    }

    fn read_block(&mut self, offset: u64) -> Result<(u64, Vec<u8>), JournalError> {
        let cut = "a block is cut off";
        let mut head = [0; 24];
        self.input.read_exact(&mut head).map_err(|_| self.damaged(offset, cut))?;
        let number =
            |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (raw, packed) = (number(0), number(4));
        if raw > BLOCK_BYTES_MAX || packed > BLOCK_BYTES_MAX {
            return Err(self.damaged(offset, "the length of a block is impossible"));
        }
        let mut bytes = vec![0; packed as usize];
        self.input.read_exact(&mut bytes).map_err(|_| self.damaged(offset, cut))?;
        let mut covered = vec![BLOCK];
        covered.extend_from_slice(&head[..16]);
        covered.extend_from_slice(&bytes);
        if head[16..] != checksum(&covered) {
            return Err(self.damaged(offset, "a block's checksum does not hold"));
        }
        let mut first = [0; 8];
        first.copy_from_slice(&head[8..16]);
        let block = zstd::bulk::decompress(&bytes, raw as usize)
            .map_err(|_| self.damaged(offset, "a block cannot be unpacked"))?;
        Ok((u64::from_le_bytes(first), block))
    }
}
