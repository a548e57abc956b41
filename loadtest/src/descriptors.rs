//! The limit of open files: each connection is one.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many files this process may have open, and up to where it may ask for more.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) soft: u64,
    pub(crate) hard: u64,
}

pub(crate) fn limits() -> Limits {
    let limit = getrlimit(Resource::Nofile);
    Limits { soft: limit.current.unwrap_or(u64::MAX), hard: limit.maximum.unwrap_or(u64::MAX) }
}

/// Lets this process have so many files open, if it may not already.
pub(crate) fn raise_to(wanted: u64) -> io::Result<()> {
    if limits().soft >= wanted {
        return Ok(());
    }
    let maximum = getrlimit(Resource::Nofile).maximum;
    Ok(setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum })?)
}
