//! What a person can do about a refusal of the file system.

use std::io::{Error, ErrorKind};

/// The remedy, as the last part of a message that has named the path and the system's words.
pub fn io_remedy(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::NotFound => "check the path",
        ErrorKind::PermissionDenied => "give a path that you may read and write",
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => {
            "a file stands where a folder is needed: give another folder"
        }
        ErrorKind::IsADirectory => "a folder stands where a file is needed: give a file",
        ErrorKind::StorageFull => "make room on the disk",
        ErrorKind::InvalidData => "it is not UTF-8 text: give a file of this kind",
        _ => "see to that and try again",
    }
}
