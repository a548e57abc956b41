//! Which configuration is meant.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::exit::{Exit, Failure};

/// Where it is looked for when nobody says.
const PLACES: [&str; 2] = ["penstock.yaml", "/etc/penstock/penstock.yaml"];

/// The configuration that is named, or the first that is there. With root's rights nothing is done that
/// another user left in the directory: an agent can write into the one where it works, and is launched
/// there again.
pub(crate) fn configuration(named: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(path) = named {
        return Ok(path.to_path_buf());
    }
    if let Some(path) = std::env::var_os("PENSTOCK_CONFIG").filter(|path| !path.is_empty()) {
        return Ok(PathBuf::from(path));
    }
    let found = PLACES.iter().map(PathBuf::from).find(|path| path.exists());
    if let Some(path) = found.as_deref().filter(|_| is_root())
        && let Some(owner) = other_owner(path)
    {
        let message = format!("{} belongs to user {owner}, and this is root", path.display());
        return Err(Failure::new(Exit::NoPermission, message).help(format!(
            "if it is the one that is meant, make it root's: `sudo chown root {}`; `--config` takes one of \
             another user, as long as no agent runs as that user",
            path.display()
        )));
    }
    found.ok_or_else(|| {
        let message = format!(
            "no configuration: $PENSTOCK_CONFIG is not set, {} are not there",
            PLACES.join(" and ")
        );
        Failure::new(Exit::NoInput, message)
            .help("`penstock init` writes a first one; `--config FILE` names another")
    })
}

/// Without `/proc` it is taken for root.
fn is_root() -> bool {
    fs::metadata("/proc/self").map_or(true, |process| process.uid() == 0)
}

/// Who but root could have put the file there, a symbolic link in its place included.
fn other_owner(path: &Path) -> Option<u32> {
    let owners = [fs::symlink_metadata(path), fs::metadata(path)];
    owners.into_iter().flatten().map(|found| found.uid()).find(|owner| *owner != 0)
}
