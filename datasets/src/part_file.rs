//! A file that is being written, and open only while bytes go into it: of a recording with thousands of
//! series as many files are under way, and a process may open but some hundreds.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

/// One that exists already, and is empty.
pub(crate) struct PartFile {
    path: PathBuf,
    open: Option<File>,
}

impl PartFile {
    pub fn at(path: PathBuf) -> PartFile {
        PartFile { path, open: None }
    }

    /// Closes it until more bytes come.
    pub fn rest(&mut self) {
        self.open = None;
    }

    /// The whole file, to be read and changed at any place.
    pub fn reopen(self) -> io::Result<File> {
        File::options().read(true).write(true).open(&self.path)
    }

    fn opened(&mut self) -> io::Result<&mut File> {
        let file = match self.open.take() {
            Some(file) => file,
            None => File::options().append(true).open(&self.path)?,
        };
        Ok(self.open.insert(file))
    }
}

impl Write for PartFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.opened()?.write(bytes)
    }

    /// Bytes are with the file when they are written.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
