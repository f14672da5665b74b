//! The journal of a live session: nothing that it has taken is lost when its process is killed (a loss of power may
//! take what the system has not written yet).
//!
//! Closed blocks go to `NAME.partial`. The block that is open is written entry by entry to `NAME.tail`, whose frames
//! have checksums: a frame that is cut off was never acknowledged. A session that ends gives both up for `NAME`.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::file::{PARTIAL, beside, block_bytes, checksum, footer_bytes, head_bytes, make_folder};
use super::{Compare, JournalError, JournalFile, JournalFooter, JournalSink};

const TAIL: &str = ".tail";
/// Longer frames are not written, so a larger length is damage.
const FRAME_BYTES_MAX: usize = 64 << 20;

/// Writes the journal of a live session.
pub struct LiveSink {
    path: PathBuf,
    out: File,
    tail: File,
    /// First entry of the block in the tail file, and how much of it is there.
    in_tail: Option<(u64, usize)>,
    /// Of a session that goes on: what the tail file has kept of the block that was open.
    kept: Option<Kept>,
    frame: Vec<u8>,
    /// Of a session that goes on after its process was killed: what it had journaled, until the replay has come to
    /// its end.
    before: Option<Compare>,
}

impl LiveSink {
    /// Begins a session's journal at `path`. A session of before that was not finished there is an error: it has to be
    /// resumed, or moved away.
    pub fn create(path: &Path, header: &serde_json::Value) -> Result<LiveSink, JournalError> {
        make_folder(path)?;
        let partial = beside(path, PARTIAL);
        let io = |source| JournalError::Io { path: partial.clone(), source };
        let mut out = OpenOptions::new().write(true).create_new(true).open(&partial).map_err(io)?;
        own(&out).map_err(io)?;
        out.write_all(&head_bytes(header)).map_err(io)?;
        let tail = open_tail(path)?;
        tail.set_len(0).map_err(io)?;
        let path = path.to_owned();
        Ok(LiveSink { path, out, tail, in_tail: None, kept: None, frame: Vec::new(), before: None })
    }

    /// Whether a session was not finished at `path`.
    pub fn is_unfinished(path: &Path) -> bool {
        beside(path, PARTIAL).exists()
    }

    /// Whether a process that runs writes an unfinished session at `path`.
    pub fn is_being_written(path: &Path) -> bool {
        // One that cannot be opened is told by whoever wants to read it.
        File::open(beside(path, PARTIAL))
            .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// Goes on with the session at `path` that was not finished. The kernel has to run through what it recorded first:
    /// as long as that lasts, each block is compared with the recorded one, and nothing is written. `services` are the
    /// names of the run's services. Gives the recording, too.
    pub fn resume(
        path: &Path,
        services: Vec<String>,
    ) -> Result<(LiveSink, JournalFile), JournalError> {
        let partial = beside(path, PARTIAL);
        let io = |source| JournalError::Io { path: partial.clone(), source };
        let file = JournalFile::open(&partial)?;
        let out = OpenOptions::new().read(true).write(true).open(&partial).map_err(io)?;
        own(&out).map_err(io)?;
        // It is made before the first entry.
        if !beside(path, TAIL).exists() {
            return Err(JournalError::Format {
                path: beside(path, TAIL),
                problem: format!(
                    "the last entries of {} are not there: put the file back beside it, or move both away to begin a new session (it then finds what the account holds)",
                    partial.display()
                ),
            });
        }
        let before = Some(Compare::new(JournalFile::open(&partial)?, services)?);
        let kept = read_tail(&partial)?;
        let (path, tail) = (path.to_owned(), open_tail(path)?);
        Ok((LiveSink { path, out, tail, in_tail: None, kept, frame: Vec::new(), before }, file))
    }

    fn io(&self, end: &str, source: std::io::Error) -> JournalError {
        JournalError::Io { path: beside(&self.path, end), source }
    }

    /// Compares what the replay has done with what was recorded; `true` as long as it has not come to the recording's
    /// end. Then writing begins behind what was recorded.
    fn replays(
        &mut self,
        first_entry: u64,
        bytes: &[u8],
        closed: bool,
    ) -> Result<bool, JournalError> {
        let Some(before) = &mut self.before else { return Ok(false) };
        let (whole, whole_until) = before.follows(first_entry, bytes, closed)?;
        if whole {
            return Ok(true);
        }
        self.before = None;
        let cut = self.out.set_len(whole_until).and_then(|()| {
            self.out.seek(SeekFrom::Start(whole_until))?;
            // What was acknowledged stays where it is: a disk that is full now must not cost it.
            let kept = self.kept.take().filter(|kept| kept.first_entry == first_entry);
            let until = kept.as_ref().map_or(0, |kept| kept.whole_until);
            self.in_tail = kept.map(|kept| (kept.first_entry, kept.block.len()));
            // Nothing but a frame that was cut off, or a block that has been closed since, is behind it.
            self.tail.set_len(until)?;
            self.tail.seek(SeekFrom::Start(until))
        });
        cut.map_err(|source| self.io(PARTIAL, source))?;
        Ok(false)
    }
}

impl JournalSink for LiveSink {
    fn block(&mut self, first_entry: u64, bytes: &[u8]) -> Result<(), JournalError> {
        if self.replays(first_entry, bytes, true)? {
            return Ok(());
        }
        let written = block_bytes(first_entry, bytes)
            .and_then(|block| self.out.write_all(&block))
            .and_then(|()| self.tail.set_len(0))
            .and_then(|()| self.tail.rewind());
        self.in_tail = None;
        written.map_err(|source| self.io(PARTIAL, source))
    }

    fn tail(&mut self, first_entry: u64, bytes: &[u8]) -> Result<(), JournalError> {
        if self.before.is_some() && self.replays(first_entry, bytes, false)? {
            return Ok(());
        }
        let (first, from) = self.in_tail.unwrap_or((first_entry, 0));
        debug_assert_eq!(first, first_entry, "a block that is closed leaves the tail");
        let Some(new) = bytes.get(from..).filter(|new| !new.is_empty()) else { return Ok(()) };
        self.frame.clear();
        if from == 0 {
            self.frame.extend_from_slice(&first_entry.to_le_bytes());
        }
        self.frame.extend_from_slice(&(new.len() as u32).to_le_bytes());
        self.frame.extend_from_slice(&checksum(new));
        self.frame.extend_from_slice(new);
        // Nothing of an older block is behind it: the file was cut when that one was closed.
        let written = match from {
            0 => self.tail.rewind().and_then(|()| self.tail.write_all(&self.frame)),
            _ => self.tail.write_all(&self.frame),
        };
        written.map_err(|source| self.io(TAIL, source))?;
        self.in_tail = Some((first_entry, bytes.len()));
        Ok(())
    }

    fn finish(&mut self, footer: &JournalFooter) -> Result<(), JournalError> {
        self.replays(footer.entries, &[], false)?;
        let partial = beside(&self.path, PARTIAL);
        let written = self
            .out
            .write_all(&footer_bytes(footer))
            .and_then(|()| self.out.sync_all())
            .and_then(|()| std::fs::rename(&partial, &self.path));
        written.map_err(|source| self.io(PARTIAL, source))?;
        std::fs::remove_file(beside(&self.path, TAIL)).map_err(|source| self.io(TAIL, source))
    }
}

/// Keeps other processes off a journal for as long as this one has it open. Where the file system has no locks,
/// nobody is kept off.
fn own(file: &File) -> std::io::Result<()> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(std::io::Error::new(
            std::io::ErrorKind::ResourceBusy,
            "a session that runs writes it",
        )),
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

fn open_tail(path: &Path) -> Result<File, JournalError> {
    let tail = beside(path, TAIL);
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&tail)
        .map_err(|source| JournalError::Io { path: tail, source })
}

/// What a tail file holds.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub first_entry: u64,
    /// The block that was open, so far.
    pub block: Vec<u8>,
    /// Where the last whole frame ends, in bytes.
    whole_until: u64,
}

/// The block that was open, as far as its frames are whole; `partial` is the file of the closed ones. A frame that is cut
/// off ends it.
///
/// # Errors
/// A frame is whole, and not what was written.
pub(super) fn read_tail(partial: &Path) -> Result<Option<Kept>, JournalError> {
    let name = partial.to_string_lossy();
    let Some(path) = name.strip_suffix(PARTIAL) else { return Ok(None) };
    let path = beside(Path::new(path), TAIL);
    let mut bytes = Vec::new();
    match File::open(&path).and_then(|mut file| file.read_to_end(&mut bytes)) {
        Ok(_) => {}
        Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(JournalError::Io { path, source }),
    }
    let Some((first, mut rest)) = bytes.split_first_chunk::<8>() else { return Ok(None) };
    let mut block = Vec::new();
    let at = |rest: &[u8]| (bytes.len() - rest.len()) as u64;
    let damaged = |rest: &[u8], problem: &str| {
        let (path, problem) = (path.clone(), problem.to_owned());
        JournalError::Damaged { path, offset: at(rest), problem }
    };
    while let Some((length, more)) = rest.split_first_chunk::<4>() {
        let length = u32::from_le_bytes(*length) as usize;
        let Some((sum, more)) = more.split_first_chunk::<8>() else { break };
        if length > FRAME_BYTES_MAX {
            return Err(damaged(rest, "the length of a frame is impossible"));
        }
        let Some((frame, behind)) = more.split_at_checked(length) else { break };
        if *sum != checksum(frame) {
            return Err(damaged(rest, "a frame's checksum does not hold"));
        }
        block.extend_from_slice(frame);
        rest = behind;
    }
    let kept =
        Kept { first_entry: u64::from_le_bytes(*first), whole_until: at(rest), block: Vec::new() };
    Ok((!block.is_empty()).then_some(Kept { block, ..kept }))
}
