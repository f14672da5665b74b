//! The journal's file: a header that says all a replay needs but the data, blocks with checksums, and a
//! footer with the digest. It is written beside its place and moved there when it is whole.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{JournalError, JournalSink};

/// Version of the format; a reader takes its own version only.
pub const FORMAT_VERSION: u32 = 3;

const MAGIC: &[u8; 8] = b"QSIMJRNL";
const BLOCK: u8 = b'B';
const FOOTER: u8 = b'E';
/// Larger blocks are not written, so a larger length is damage.
const BLOCK_BYTES_MAX: u32 = 64 << 20;

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

fn checksum(bytes: &[u8]) -> [u8; 8] {
    let mut short = [0; 8];
    short.copy_from_slice(&blake3::hash(bytes).as_bytes()[..8]);
    short
}

/// Writes a journal file.
pub struct FileSink {
    path: PathBuf,
    partial: PathBuf,
    out: Option<BufWriter<File>>,
    packed: Vec<u8>,
}

impl FileSink {
    /// Begins the file; `header` is what the replay needs (scenario, seed, data digests) as JSON.
    pub fn create(path: &Path, header: &serde_json::Value) -> Result<FileSink, JournalError> {
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let io = |source| JournalError::Io { path: partial.clone(), source };
        if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .map_err(|source| JournalError::Io { path: folder.to_owned(), source })?;
        }
        let mut out = BufWriter::new(File::create(&partial).map_err(io)?);
        let header = header.to_string().into_bytes();
        let mut head = MAGIC.to_vec();
        head.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        head.extend_from_slice(&(header.len() as u32).to_le_bytes());
        head.extend_from_slice(&header);
        head.extend_from_slice(&checksum(&header));
        out.write_all(&head).map_err(io)?;
        Ok(FileSink { path: path.to_owned(), partial, out: Some(out), packed: Vec::new() })
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
        let packed = zstd::bulk::compress(bytes, 1).map_err(io)?;
        self.packed = packed;
        let mut head = Vec::with_capacity(25);
        head.push(BLOCK);
        head.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        head.extend_from_slice(&(self.packed.len() as u32).to_le_bytes());
        head.extend_from_slice(&first_entry.to_le_bytes());
        let mut covered = head.clone();
        covered.extend_from_slice(&self.packed);
        head.extend_from_slice(&checksum(&covered));
        let packed = std::mem::take(&mut self.packed);
        self.write(&[&head, &packed])
    }

    fn finish(&mut self, footer: &JournalFooter) -> Result<(), JournalError> {
        let mut bytes = vec![FOOTER];
        bytes.extend_from_slice(&footer.entries.to_le_bytes());
        bytes.extend_from_slice(&footer.market_events.to_le_bytes());
        bytes.extend_from_slice(&footer.digest);
        let sum = checksum(&bytes);
        self.write(&[&bytes, &sum])?;
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

/// A journal file that has been checked from end to end and can be read block by block.
pub struct JournalFile {
    path: PathBuf,
    input: BufReader<File>,
    header: serde_json::Value,
    blocks_at: u64,
    footer: JournalFooter,
}

impl JournalFile {
    /// Opens the file and checks all of it, so that damage is found before anything is run.
    pub fn open(path: &Path) -> Result<JournalFile, JournalError> {
        let io = |source| JournalError::Io { path: path.to_owned(), source };
        let format = |problem: String| JournalError::Format { path: path.to_owned(), problem };
        let mut input = BufReader::with_capacity(1 << 20, File::open(path).map_err(io)?);
        let mut head = [0; 16];
        input.read_exact(&mut head).ok().filter(|()| head.starts_with(MAGIC)).ok_or_else(|| {
            format("not a qsim journal; give a file that `qsim run --journal` wrote".into())
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
        let mut file =
            JournalFile { path: path.to_owned(), input, header, blocks_at, footer: empty };
        file.check()?;
        Ok(file)
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
        self.input
            .seek(SeekFrom::Start(self.blocks_at))
            .map(|_| ())
            .map_err(|source| JournalError::Io { path: path.clone(), source })
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
