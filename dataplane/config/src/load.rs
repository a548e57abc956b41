//! From a file to a [`Snapshot`].

use std::io::Read;
use std::path::Path;
use std::rc::Rc;

use crate::context::Context;
use crate::problem::{Errors, Problem};
use crate::read;
use crate::references::{self, Resolver, System};
use crate::snapshot::Snapshot;
use crate::yaml::{self, Entry, Kind, Node};

/// The largest configuration file.
pub const FILE_BYTES_MAX: usize = 1 << 20;

/// A file that can be served.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// What it says.
    pub snapshot: Snapshot,
    /// What it probably does not mean to say.
    pub warnings: Vec<Problem>,
}

/// Loads the file at `path`. References are filled in from this process's environment and from
/// files; relative paths start at the folder of `path`.
pub fn load(path: &Path) -> Result<Loaded, Errors> {
    let mut text = Vec::new();
    let read = |file: std::fs::File| {
        // One byte past the limit, so that `parse` sees that it is passed.
        file.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut text)
    };
    references::open(path)
        .and_then(read)
        .map_err(|source| Errors::Unreadable { path: path.to_path_buf(), source })?;
    parse_bytes(&text, path, &System)
}

/// Loads `text` as though it were the file at `origin`.
pub fn parse(text: &str, origin: &Path, resolver: &dyn Resolver) -> Result<Loaded, Errors> {
    let mut cx = Context::new(text, origin, resolver);
    if text.len() > FILE_BYTES_MAX {
        let message = format!("the file is larger than {FILE_BYTES_MAX} bytes");
        cx.error(&(0..0), message, "serve fewer servers from one penstock");
        return Err(Errors::Invalid { problems: cx.into_problems() });
    }
    let root = yaml::parse(text, &cx);
    let snapshot = root.and_then(|root| {
        mask(&root, &mut cx, false, "");
        read::snapshot(&cx, &root)
    });
    let failed = cx.failed();
    let problems = cx.into_problems();
    match snapshot {
        Some(snapshot) if !failed => Ok(Loaded { snapshot, warnings: problems }),
        _ => Err(Errors::Invalid { problems }),
    }
}

pub(crate) fn parse_bytes(
    bytes: &[u8],
    origin: &Path,
    resolver: &dyn Resolver,
) -> Result<Loaded, Errors> {
    let error = match std::str::from_utf8(bytes) {
        Ok(text) => return parse(text, origin, resolver),
        Err(error) => error,
    };
    // A file cut at the limit may end within a character; it is too large all the same.
    let valid = bytes.get(..error.valid_up_to()).and_then(|valid| std::str::from_utf8(valid).ok());
    let cx = Context::new(valid.unwrap_or_default(), origin, resolver);
    let at = error.valid_up_to();
    cx.error_unseen(&(at..at), "the file is not valid UTF-8".to_owned(), "save it as UTF-8");
    Err(Errors::Invalid { problems: cx.into_problems() })
}

/// Masks what may be a secret, so that no excerpt shows it.
fn mask(node: &Rc<Node>, cx: &mut Context<'_>, secret: bool, section: &str) {
    match &node.kind {
        Kind::Scalar(_) if secret => cx.source.mask(node.span.clone()),
        Kind::Null | Kind::Scalar(_) => {}
        Kind::List(items) => items.iter().for_each(|item| mask(item, cx, secret, section)),
        Kind::Map(entries) => {
            for entry in entries {
                mask(&entry.value, cx, secret || is_secret(entry, section), &entry.key);
            }
        }
    }
}

/// The environment of a command, a URL with credentials or a query in it, the key of inspection.
fn is_secret(Entry { key, value, .. }: &Entry, section: &str) -> bool {
    key == "env"
        || key == "key" && section == "inspection"
        || matches!(&value.kind, Kind::Scalar(text) if key == "url" && text.contains(['@', '?']))
}
