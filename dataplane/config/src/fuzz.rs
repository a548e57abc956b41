//! The entry point of the fuzz harness.

use std::collections::HashSet;
use std::env::VarError;
use std::io;
use std::path::Path;

use crate::load;
use crate::problem::Errors;
use crate::references::{Expect, Resolver};

/// Reads `data` as a configuration in a world of its own: whatever the bytes are, this returns, and
/// a file that is refused says why.
///
/// # Panics
///
/// Where a promise of the crate is broken: that is what the harness looks for.
pub fn config(data: &[u8]) {
    match load::parse_bytes(data, Path::new("/fuzz/penstock.yaml"), &World) {
        Ok(loaded) => {
            assert!(!loaded.snapshot.listeners.is_empty() && !loaded.snapshot.servers.is_empty());
            let upstreams = loaded.snapshot.upstreams.len();
            assert!(loaded.snapshot.servers.iter().all(|server| server.upstream < upstreams));
            let agents = &loaded.snapshot.agents;
            let ids: HashSet<_> = agents.iter().map(|agent| agent.id).collect();
            let places: HashSet<_> = agents.iter().map(|agent| &agent.place).collect();
            assert!(ids.len() == agents.len() && places.len() == agents.len());
        }
        Err(Errors::Invalid { problems }) => {
            assert!(!problems.is_empty());
            assert!(problems.iter().all(|problem| problem.line > 0 && problem.column > 0));
        }
        Err(Errors::Unreadable { .. }) => {}
    }
}

struct World;

impl Resolver for World {
    fn variable(&self, name: &str) -> Result<String, VarError> {
        if name.len().is_multiple_of(2) { Ok(name.to_owned()) } else { Err(VarError::NotPresent) }
    }

    fn file(&self, path: &Path) -> io::Result<String> {
        Ok(path.display().to_string())
    }

    fn check(&self, path: &Path, _: Expect) -> io::Result<()> {
        if path.as_os_str().len().is_multiple_of(2) {
            Ok(())
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    }
}
