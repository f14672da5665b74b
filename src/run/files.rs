//! Files of results appear whole or not at all.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// A file that will have its content at the end of the suite. It is begun before the first case, so that a
/// path that cannot be written is told before anything is run.
pub struct Pending {
    path: PathBuf,
    file: NamedTempFile,
}

impl Pending {
    /// Begins it, with the folders above it.
    pub fn begin(path: &Path) -> Result<Pending, String> {
        if path.is_dir() {
            return Err(format!("{}: is a folder; give the path of a file", path.display()));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(|error| fault(path, &error))?;
        let mut builder = tempfile::Builder::new();
        // As any other file that a command writes, so that other users of a build machine can read it.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder.tempfile_in(folder).map_err(|error| fault(path, &error))?;
        Ok(Pending { path: path.to_owned(), file })
    }

    /// Gives it its content and its name.
    pub fn finish(self, content: &str) -> Result<(), String> {
        self.finish_with(|out| out.write_all(content.as_bytes()))
    }

    /// The same, with content that is written piece by piece.
    pub fn finish_with(
        self,
        write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
    ) -> Result<(), String> {
        let Pending { path, file } = self;
        let mut out = BufWriter::new(file.as_file());
        let written = write(&mut out).and_then(|()| out.flush());
        drop(out);
        let written = written.and_then(|()| file.as_file().sync_all());
        written.map_err(|error| fault(&path, &error))?;
        file.persist(&path).map(drop).map_err(|error| fault(&path, &error.error))
    }
}

fn fault(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}; give the path of a file that can be written", path.display())
}
