//! Which configuration is meant.

use std::path::{Path, PathBuf};

use crate::exit::{Exit, Failure};

/// Where it is looked for when nobody says.
const PLACES: [&str; 2] = ["penstock.yaml", "/etc/penstock/penstock.yaml"];

/// The configuration that is named, or the first that is there.
pub(crate) fn configuration(named: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(path) = named {
        return Ok(path.to_path_buf());
    }
    if let Some(path) = std::env::var_os("PENSTOCK_CONFIG").filter(|path| !path.is_empty()) {
        return Ok(PathBuf::from(path));
    }
    PLACES.iter().map(PathBuf::from).find(|path| path.exists()).ok_or_else(|| {
        let message = format!(
            "no configuration: $PENSTOCK_CONFIG is not set, {} are not there",
            PLACES.join(" and ")
        );
        Failure::new(Exit::NoInput, message)
            .help("`penstock init` writes a first one; `--config FILE` names another")
    })
}
