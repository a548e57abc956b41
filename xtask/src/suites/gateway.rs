//! A penstock with a configuration of the suite's, between clients and servers of the suite's.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::Run;
use crate::build::Profile;
use crate::paths::Paths;
use crate::process::{Service, descendants, free_address, survivors};
use crate::steps::logged;

const READY: Duration = Duration::from_secs(20);
const DRAIN: Duration = Duration::from_secs(15);
const BUILD: Duration = Duration::from_mins(20);

/// A running penstock.
pub(crate) struct Gateway {
    service: Service,
    /// Where it serves.
    pub(crate) address: SocketAddr,
    /// Where it answers operators.
    pub(crate) admin: SocketAddr,
}

impl Gateway {
    /// Builds penstock, for a suite.
    pub(super) fn build(run: &Run) -> Result<()> {
        let mut cargo = run.paths.cargo_workspace("build");
        let status = logged(cargo.args(["--bin", "penstock"]), run.name, &run.log, BUILD)?;
        if !status.success() {
            bail!("penstock does not build; {} says why", run.log.display());
        }
        Ok(())
    }

    /// Starts the built penstock with `upstreams_and_servers` as the rest of its configuration,
    /// and waits until it serves.
    pub(crate) fn start(
        paths: &Paths,
        profile: Profile,
        dir: &Path,
        upstreams_and_servers: &str,
    ) -> Result<Self> {
        let (address, admin) = (free_address()?, free_address()?);
        let config = dir.join("penstock.yaml");
        let text = format!(
            "listeners: [{{address: {address}}}]\nadmin: {{address: {admin}}}\n\
             {upstreams_and_servers}"
        );
        fs::write(&config, text).with_context(|| format!("cannot write {}", config.display()))?;
        let mut command = Command::new(paths.binary(profile.dir(), "penstock"));
        command.arg("serve").arg("--config").arg(&config);
        let mut service = Service::start("penstock", &command, dir)?;
        service.accepting(address, READY)?;
        Ok(Self { service, address, admin })
    }

    /// Whether it has ended by itself, as it does on the terminal's Ctrl-C.
    pub(crate) fn ended(&mut self) -> Result<bool> {
        Ok(self.service.ended()?.is_some())
    }

    /// Ends it, and fails where it leaves a process behind.
    pub(crate) fn stop(mut self) -> Result<()> {
        let children = descendants(self.service.pid());
        self.service.stop(DRAIN)?;
        let left = survivors(&children, Duration::from_secs(3));
        if !left.is_empty() {
            let names: Vec<&str> = left.iter().map(|process| process.command.as_str()).collect();
            bail!("penstock ended and left processes behind: {}", names.join(", "));
        }
        Ok(())
    }
}

/// A new empty folder for one run of a suite.
pub(crate) fn scratch(paths: &Paths, name: &str) -> Result<PathBuf> {
    let dir = paths.logs.join(name);
    if dir.exists() {
        fs::remove_dir_all(&dir).with_context(|| format!("cannot empty {}", dir.display()))?;
    }
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    Ok(dir)
}
