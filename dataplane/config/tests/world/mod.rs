//! A world for configurations: one variable, one file, and every path but those named `missing`. One
//! that ends with `.d` is no file.

use std::env::VarError;
use std::io;
use std::path::Path;

use penstock_config::{Expect, Resolver};

/// What the variable and the file hold; must never show in an error.
pub(crate) const SECRET: &str = "hunter2";

pub(crate) struct World;

impl Resolver for World {
    fn variable(&self, name: &str) -> Result<String, VarError> {
        if name.starts_with("SET") { Ok(SECRET.to_owned()) } else { Err(VarError::NotPresent) }
    }

    fn file(&self, path: &Path) -> io::Result<String> {
        self.check(path, Expect::File)?;
        Ok(format!("{SECRET}\n"))
    }

    fn check(&self, path: &Path, expect: Expect) -> io::Result<()> {
        let missing = path.to_str().is_some_and(|path| path.contains("missing"));
        let folder = expect == Expect::File && path.extension().is_some_and(|name| name == "d");
        if missing || folder { Err(io::ErrorKind::NotFound.into()) } else { Ok(()) }
    }
}
