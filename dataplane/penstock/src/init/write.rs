//! A file that only its owner reads, whole or not at all.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::exit::{Exit, Failure};

/// Writes `text` to `path` with mode 0600. Without `force`, what is there stays.
pub(super) fn private(path: &Path, text: &str, force: bool) -> Result<(), Failure> {
    let Err(error) = write(path, text, force) else { return Ok(()) };
    if error.kind() == io::ErrorKind::AlreadyExists {
        let message = format!("{} is there already", path.display());
        return Err(Failure::new(Exit::CannotCreate, message)
            .help("`--force` replaces it; `--output FILE` writes another"));
    }
    let message = format!("cannot write {}: {error}", path.display());
    Err(Failure::of_io(&error, Exit::CannotCreate, message))
}

fn write(path: &Path, text: &str, force: bool) -> io::Result<()> {
    if !force && path.symlink_metadata().is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    // Beside the target, so that both are on one file system.
    let mut name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?.to_os_string();
    name.push(format!(".{}.new", std::process::id()));
    let draft = path.with_file_name(name);
    let result = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        })
        // A link, unlike a rename, fails where somebody was faster.
        .and_then(|()| if force { fs::rename(&draft, path) } else { fs::hard_link(&draft, path) });
    if !force || result.is_err() {
        // What is left of a draft is of no use; that it stays is no reason to fail.
        let _ = fs::remove_file(&draft);
    }
    result
}
