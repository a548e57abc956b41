//! Configuration: YAML in, one immutable and validated [`Snapshot`] out.
//!
//! A file is read in four steps: `yaml` makes a tree in which every value remembers where it
//! stands; `fields` reads the tree by the table of `keys`, from which the JSON Schema comes too;
//! `references` fills in `${env:NAME}` and `${file:PATH}`; `read` checks what the values mean
//! together. Every problem of a file is reported at once, with its line, its column and the fix.

#![forbid(unsafe_code)]

mod agents;
mod context;
mod fields;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod import;
mod inspection;
mod keys;
mod load;
mod problem;
mod read;
mod references;
mod schema;
mod snapshot;
mod source;
mod suggest;
mod units;
mod url;
mod yaml;

pub use agents::*;
pub use import::{Export, ImportError, Imported, ImportedServer, import_mcp_servers};
pub use inspection::*;
pub use keys::CLASSES;
pub use load::{FILE_BYTES_MAX, Loaded, load, parse};
pub use problem::{Errors, Excerpt, Problem, Severity};
pub use references::{Expect, Resolver, System};
pub use schema::{SCHEMA_URL, schema};
pub use snapshot::*;
