//! `penstock version`.

use penstock_inspect::EngineKind;
use serde_json::json;

use crate::cli::VersionArgs;
use crate::exit::{Exit, Failure};
use crate::terminal::print;

pub(crate) fn run(args: &VersionArgs) -> Result<Exit, Failure> {
    let (name, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let text = if args.json {
        let document = json!({
            "name": name,
            "version": version,
            "os": os,
            "arch": arch,
            "inspect_engine": {
                "name": EngineKind::BEST.name(),
                "version": EngineKind::BEST.version(),
            },
        });
        format!("{document:#}\n")
    } else {
        format!("{name} {version} ({os} {arch})\ninspect engine: {}\n", inspect_engine())
    };
    print(&text)?;
    Ok(Exit::Done)
}

/// What searches messages for secrets in this build.
pub(crate) fn inspect_engine() -> String {
    let name = EngineKind::BEST.name();
    match EngineKind::BEST.version() {
        Some(version) => format!("{name} {version}"),
        None => name.to_owned(),
    }
}
