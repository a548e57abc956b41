//! `${env:NAME}` and `${file:PATH}` inside values, and the world that answers them.

use std::env::VarError;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

/// Bytes that `${file:PATH}` may bring in.
const REFERENCED_BYTES_MAX: u64 = 64 << 10;

/// The world outside a configuration file.
pub trait Resolver {
    /// The value of an environment variable.
    fn variable(&self, name: &str) -> Result<String, VarError>;
    /// The text of a file that a value refers to.
    fn file(&self, path: &Path) -> io::Result<String>;
    /// Whether there is something readable of this kind at `path`.
    fn check(&self, path: &Path, expect: Expect) -> io::Result<()>;
}

/// What is expected at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// A file that can be opened.
    File,
    /// A folder.
    Folder,
}

/// This process's environment and file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

impl Resolver for System {
    fn variable(&self, name: &str) -> Result<String, VarError> {
        std::env::var(name)
    }

    fn file(&self, path: &Path) -> io::Result<String> {
        let mut text = String::new();
        let file = open(path)?;
        let read = file.take(REFERENCED_BYTES_MAX + 1).read_to_string(&mut text)? as u64;
        if read > REFERENCED_BYTES_MAX {
            let message = format!("it is larger than {REFERENCED_BYTES_MAX} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        Ok(text)
    }

    fn check(&self, path: &Path, expect: Expect) -> io::Result<()> {
        match expect {
            Expect::File => open(path).map(drop),
            Expect::Folder if fs::metadata(path)?.is_dir() => Ok(()),
            Expect::Folder => Err(io::Error::new(io::ErrorKind::NotADirectory, "not a folder")),
        }
    }
}

/// Opens a regular file: a pipe would keep the reader waiting.
pub(crate) fn open(path: &Path) -> io::Result<fs::File> {
    if fs::metadata(path)?.is_file() {
        fs::File::open(path)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
    }
}

/// Why a value's references could not be filled in. Never says a value.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("the environment variable {0} is not set")]
    Unset(String),
    #[error("the environment variable {0} is not valid UTF-8")]
    NotUnicode(String),
    #[error("cannot read the file {path}: {source}")]
    File { path: String, source: io::Error },
    // What stands between the braces is not shown: it may be part of a password.
    #[error("a `${{…}}` is no reference penstock knows")]
    Unknown,
    #[error("a `${{` is not closed by `}}`")]
    Open,
}

impl Fault {
    pub(crate) fn help(&self) -> &'static str {
        match self {
            Self::Unset(_) | Self::NotUnicode(_) => "set it where penstock is started",
            Self::File { .. } => {
                "relative paths start at the folder of this file; the file must be UTF-8 text of \
                 at most 64KiB"
            }
            Self::Unknown | Self::Open => {
                "write `${env:NAME}` or `${file:PATH}`, or `$${` for the characters themselves"
            }
        }
    }
}

/// `written` with every reference replaced; `$${` stands for `${`.
pub(crate) fn fill(written: &str, resolver: &dyn Resolver, folder: &Path) -> Result<String, Fault> {
    let mut filled = String::with_capacity(written.len());
    let mut rest = written;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(escaped) = before.strip_suffix('$') {
            filled.push_str(escaped);
            filled.push_str("${");
            rest = after;
            continue;
        }
        filled.push_str(before);
        let (reference, after) = after.split_once('}').ok_or(Fault::Open)?;
        filled.push_str(&value_of(reference, resolver, folder)?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn value_of(reference: &str, resolver: &dyn Resolver, folder: &Path) -> Result<String, Fault> {
    match reference.split_once(':') {
        Some(("env", name)) if is_variable(name) => {
            resolver.variable(name).map_err(|error| match error {
                VarError::NotPresent => Fault::Unset(name.to_owned()),
                VarError::NotUnicode(_) => Fault::NotUnicode(name.to_owned()),
            })
        }
        Some(("file", path)) if !path.is_empty() && !path.contains('\0') => {
            let text = resolver
                .file(&folder.join(path))
                .map_err(|source| Fault::File { path: path.to_owned(), source })?;
            let trimmed = text.strip_suffix('\n').unwrap_or(&text);
            Ok(trimmed.strip_suffix('\r').unwrap_or(trimmed).to_owned())
        }
        _ => Err(Fault::Unknown),
    }
}

/// Whether `name` can name an environment variable (POSIX, XBD 8.1).
pub(crate) fn is_variable(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    struct World;

    impl Resolver for World {
        fn variable(&self, name: &str) -> Result<String, VarError> {
            if name == "SET" { Ok("value".to_owned()) } else { Err(VarError::NotPresent) }
        }

        fn file(&self, path: &Path) -> io::Result<String> {
            assert_eq!(path, Path::new("/etc/penstock/token"));
            Ok("secret\r\n".to_owned())
        }

        fn check(&self, _: &Path, _: Expect) -> io::Result<()> {
            Ok(())
        }
    }

    fn filled(written: &str) -> Result<String, String> {
        fill(written, &World, Path::new("/etc/penstock")).map_err(|fault| fault.to_string())
    }

    #[test]
    fn references_are_filled_and_escapes_kept() {
        assert_eq!(filled("a ${env:SET}, ${file:token}!").unwrap(), "a value, secret!");
        assert_eq!(filled("$${env:SET} $HOME $").unwrap(), "${env:SET} $HOME $");
    }

    #[test]
    fn what_cannot_be_filled_is_named() {
        assert_eq!(
            filled("${env:UNSET}").unwrap_err(),
            "the environment variable UNSET is not set"
        );
        assert_eq!(filled("${HOME}").unwrap_err(), "a `${…}` is no reference penstock knows");
        assert_eq!(filled("${env:SET").unwrap_err(), "a `${` is not closed by `}`");
        assert!(filled("${env:}").is_err() && filled("${file:}").is_err());
    }
}
