//! `penstock version`.

use serde_json::json;

use crate::cli::VersionArgs;
use crate::exit::{Exit, Failure};
use crate::terminal::print;

pub(crate) fn run(args: &VersionArgs) -> Result<Exit, Failure> {
    let (name, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let text = if args.json {
        format!("{:#}\n", json!({ "name": name, "version": version, "os": os, "arch": arch }))
    } else {
        format!("{name} {version} ({os} {arch})\n")
    };
    print(&text)?;
    Ok(Exit::Done)
}
