//! A mount namespace for one command, in which names lead to this host and anybody can use the tools
//! that root has at home.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::common::Folder;
use crate::host::says;

/// What the namespace is made by: a script that then becomes the command.
pub(crate) struct Shown {
    folder: Folder,
}

impl Shown {
    /// `hosts` becomes the hosts file.
    pub(crate) fn new(hosts: &str) -> Self {
        let folder = Folder::new();
        folder.write("hosts", hosts);
        let kept = folder.path("kept");
        fs::create_dir(&kept).expect("a folder");
        let mut script =
            format!("set -e\nmount --bind {} /etc/hosts\n", folder.path("hosts").display());
        let kept = kept.display();
        for (closed, paths) in behind_closed_doors() {
            let at = closed.display();
            script +=
                &format!("mount --rbind {at} {kept}\nmount -t tmpfs -o mode=755 tools {at}\n");
            for path in paths {
                let below = path.strip_prefix(closed).expect("it is below").display();
                script +=
                    &format!("mkdir -p {at}/{below}\nmount --bind {kept}/{below} {at}/{below}\n");
            }
            script += &format!("umount -l {kept}\n");
        }
        folder.write("script", &format!("{script}cd -P \"$1\"\nshift\nexec \"$@\"\n"));
        Self { folder }
    }

    /// The command, to be run there; with the same process id.
    pub(crate) fn there(&self, command: &Command) -> Command {
        let directory = command.get_current_dir().unwrap_or(Path::new("/"));
        let mut there = Command::new("unshare");
        there.args(["--mount", "sh"]).arg(self.folder.path("script")).arg(directory);
        there.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => there.env(name, value),
                None => there.env_remove(name),
            };
        }
        there
    }
}

/// Whether the tools are here that `cargo xtask setup --tests` installs. If not, the test says so.
pub(crate) fn tools() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    let found = *FOUND.get_or_init(|| {
        let runs = |program: &str, arguments: [&str; 2]| {
            let output = Command::new(program).args(arguments).output();
            output.is_ok_and(|output| output.status.success())
        };
        // Whether `fetch` can be told of a proxy, as from 22.21 and 24.0 on.
        let node =
            "process.exit(process.allowedNodeEnvironmentFlags.has('--use-env-proxy') ? 0 : 1)";
        runs("python3", ["-c", "import requests, mcp"]) && runs("node", ["-e", node])
    });
    if !found {
        assert!(std::env::var_os("CI").is_none(), "the suite `run` needs its tools, in CI too");
        println!("not run: needs Python and Node of the tests; `cargo xtask test run` has them");
    }
    found
}

/// Directories that only their owner can enter, each with what is needed below it.
fn behind_closed_doors() -> &'static [(PathBuf, Vec<PathBuf>)] {
    static FOUND: OnceLock<Vec<(PathBuf, Vec<PathBuf>)>> = OnceLock::new();
    FOUND.get_or_init(|| {
        let mut found: Vec<(PathBuf, Vec<PathBuf>)> = Vec::new();
        for path in needed() {
            let Some(closed) = closed(&path) else { continue };
            match found.iter_mut().find(|(known, _)| *known == closed) {
                Some((_, paths)) => paths.push(path),
                None => found.push((closed, vec![path])),
            }
        }
        found
    })
}

/// Where the tools are: Python's environment and what that is made from, Node and its packages, the
/// scripts of the tests, and penstock.
fn needed() -> Vec<PathBuf> {
    let mut python = Command::new("python3");
    python.args(["-c", "import sys; print(sys.prefix, sys.base_prefix, sep='\\n')"]);
    let mut node = Command::new("node");
    node.args(["-p", "require('path').dirname(process.execPath)"]);
    let said = says(python) + &says(node);
    let places = said.lines().map(PathBuf::from);
    let penstock = Path::new(env!("CARGO_BIN_EXE_penstock")).parent().expect("a folder");
    let here = [tests(), tests().join("node_modules"), penstock.to_owned()];
    places.chain(here).filter_map(|path| path.canonicalize().ok()).collect()
}

/// The scripts of the tests at the root of the work tree.
pub(crate) fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests")
}

/// The outermost directory around `path` that others cannot enter.
fn closed(path: &Path) -> Option<PathBuf> {
    let mut outermost = path.ancestors().collect::<Vec<_>>();
    outermost.reverse();
    let enter =
        |at: &&Path| fs::metadata(at).is_ok_and(|found| found.permissions().mode() & 1 == 1);
    outermost.into_iter().find(|at| !enter(at)).map(Path::to_owned)
}
