//! Packages of Debian and Ubuntu.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::paths::which;
use crate::steps::run;

/// A program, the package that brings it, and the reason to have it.
pub(crate) struct Need {
    /// Found in `PATH`, or by its absolute path (a folder's too), where it is installed; empty where
    /// no file tells.
    pub(crate) program: &'static str,
    pub(crate) package: &'static str,
    pub(crate) why: &'static str,
}

impl Need {
    fn is_met(&self) -> bool {
        if self.program.starts_with('/') {
            return Path::new(self.program).exists();
        }
        !self.program.is_empty() && which(self.program).is_some()
    }
}

/// Installs what is missing. Where it may not, says what to run.
pub(crate) fn ensure(needs: &[Need]) -> Result<()> {
    let missing: Vec<&Need> = needs.iter().filter(|need| !need.is_met()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    for need in &missing {
        println!("  {} is missing: {}", need.package, need.why);
    }
    let mut packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
    packages.dedup();
    let command = format!("apt-get install --yes --no-install-recommends {}", packages.join(" "));
    if !is_debian() {
        bail!(
            "this is neither Debian nor Ubuntu, so nothing was installed; install the \
             equivalents of: {}",
            packages.join(" ")
        );
    }
    if !is_root() {
        bail!("installing needs root; run: sudo {command}");
    }
    run(Command::new("apt-get").args(["update", "--quiet"]))?;
    let mut install = Command::new("apt-get");
    install.args(command.split(' ').skip(1)).arg("--quiet");
    run(install.env("DEBIAN_FRONTEND", "noninteractive"))
}

/// Ends the service that a package started on its installation, and keeps it from coming back.
pub(crate) fn stop_service(name: &str) -> Result<()> {
    if Path::new("/run/systemd/system").exists() {
        return run(Command::new("systemctl").args(["disable", "--now", name]));
    }
    // Without systemd, a package starts its service through `service`, or not at all.
    match which("service") {
        Some(service) if Path::new("/etc/init.d").join(name).exists() => {
            run(Command::new(service).args([name, "stop"]))
        }
        _ => Ok(()),
    }
}

fn is_debian() -> bool {
    fs::read_to_string("/etc/os-release").is_ok_and(|text| describes_debian(&text))
}

/// os-release(5): `ID` names the system, `ID_LIKE` its relatives.
fn describes_debian(os_release: &str) -> bool {
    os_release
        .lines()
        .filter_map(|line| line.strip_prefix("ID=").or_else(|| line.strip_prefix("ID_LIKE=")))
        .flat_map(|value| value.trim_matches('"').split(' '))
        .any(|id| id == "debian" || id == "ubuntu")
}

pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_and_its_relatives_are_told_from_others() {
        assert!(describes_debian("NAME=\"Debian GNU/Linux\"\nID=debian\n"));
        assert!(describes_debian("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"));
        assert!(!describes_debian("ID=fedora\nID_LIKE=rhel\n"));
    }
}
