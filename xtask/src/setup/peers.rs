//! Who penstock is compared with, in the cache: each at one version, with all that it stands on.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::tool::Tool;
use super::{apt, server, tools};
use crate::paths::Paths;

/// A gateway from a package registry.
struct Gateway {
    /// As `--peers` has it.
    name: &'static str,
    version: &'static str,
    from: Source,
}

enum Source {
    /// crates.io.
    Crate(Tool),
    /// A list of Python packages below `bench/peers`, and what to run of them.
    Python { list: &'static str, program: &'static str },
    /// A folder with a lock file of npm below `bench/peers`; Node is what to run.
    Npm { folder: &'static str },
}

const GATEWAYS: [Gateway; 5] = [
    Gateway {
        name: "mcp-gateway",
        version: "2.10.0",
        from: Source::Crate(Tool {
            name: "mcp-gateway",
            version: "2.10.0",
            why: "a gateway to compare with; its build takes five to ten minutes",
            args: &[],
            programs: None,
        }),
    },
    Gateway {
        name: "mcp-proxy",
        version: "0.6.0",
        from: Source::Crate(Tool {
            name: "mcp-proxy",
            version: "0.6.0",
            why: "a gateway to compare with; its build takes five to ten minutes",
            // The profile is the one that its own binaries are built with.
            args: &["--features", "protocol-2026-07-28", "--profile", "dist"],
            programs: None,
        }),
    },
    Gateway {
        name: "fastmcp",
        version: "4.1.0",
        from: Source::Python { list: "fastmcp.txt", program: "bin/python" },
    },
    Gateway {
        name: "contextforge",
        version: "1.0.7",
        from: Source::Python { list: "contextforge.txt", program: "bin/mcpgateway" },
    },
    Gateway { name: "npm-mcp-proxy", version: "6.7.19", from: Source::Npm { folder: "npm" } },
];

/// Installs those of these names, all where there are none; what the benchmark is told of each.
/// One that cannot be installed is left out of the comparison, and not the comparison out.
pub(crate) fn for_compare(paths: &Paths, names: &[&str]) -> Vec<String> {
    if wanted("haproxy", names)
        && let Err(error) = server("haproxy", "haproxy")
    {
        println!("WARNING: haproxy cannot be installed, and is not compared: {error:#}");
    }
    let gateways = GATEWAYS.iter().filter(|gateway| wanted(gateway.name, names));
    gateways
        .map(|gateway| {
            let Gateway { name, version, .. } = gateway;
            let program = gateway.ensure(paths).unwrap_or_else(|error| {
                println!(
                    "WARNING: {name} {version} cannot be installed, and is not compared: {error:#}"
                );
                PathBuf::new()
            });
            format!("{name}@{version}={}", program.display())
        })
        .collect()
}

/// Whether one of the names is this one, begins with it, or is its beginning: the benchmark has
/// variants of some.
fn wanted(gateway: &str, names: &[&str]) -> bool {
    let begins = |long: &str, short: &str| {
        long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    names.is_empty() || names.iter().any(|name| begins(gateway, name) || begins(name, gateway))
}

impl Gateway {
    /// The program to start; installed first where the cache has none.
    fn ensure(&self, paths: &Paths) -> Result<PathBuf> {
        let lists = paths.root.join("bench/peers");
        let kind = format!("{}-{}", self.name, self.version);
        match &self.from {
            Source::Crate(tool) => tool.ensure(paths),
            Source::Python { list, program } => {
                if !tools::python_has_venv() {
                    let why = "keeps the Python packages apart from the system's";
                    apt::ensure(&[apt::Need { program: "", package: "python3-venv", why }])?;
                }
                let list = lists.join(list);
                let dir = tools::stamped_by(paths, &kind, &list)?;
                tools::python_packages(&list, &dir)?;
                Ok(dir.join(program))
            }
            Source::Npm { folder } => {
                let why = "fetches Node and a gateway to compare with";
                apt::ensure(&[apt::Need { program: "npm", package: "npm", why }])?;
                let from = lists.join(folder);
                let dir = tools::stamped_by(paths, &kind, &from.join("package-lock.json"))?;
                tools::npm_packages(&from, &dir)?;
                node_of(&dir.join("node_modules"))
            }
        }
    }
}

fn node_of(modules: &Path) -> Result<PathBuf> {
    let node = crate::paths::node_in(modules);
    node.context("npm has no package of Node for this machine's architecture")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_listed_is_the_version_that_is_told() {
        let lists = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bench/peers");
        for Gateway { name, version, from } in &GATEWAYS {
            let (file, line) = match from {
                Source::Crate(tool) => {
                    assert_eq!((tool.name, tool.version), (*name, *version));
                    continue;
                }
                Source::Python { list, .. } => {
                    let package =
                        if *name == "contextforge" { "mcp-contextforge-gateway" } else { *name };
                    ((*list).to_owned(), format!("\n{package}=={version}\n"))
                }
                Source::Npm { folder } => {
                    (format!("{folder}/package.json"), format!("\"mcp-proxy\": \"{version}\""))
                }
            };
            let text = fs::read_to_string(lists.join(&file)).unwrap();
            assert!(text.contains(&line), "{file} has no {line:?}");
        }
    }

    #[test]
    fn a_name_brings_the_gateway_and_no_other() {
        assert!(wanted("fastmcp", &[]));
        assert!(wanted("mcp-gateway", &["mcp-gateway-surfaced"]));
        assert!(wanted("mcp-proxy", &["nginx", "mcp-proxy"]));
        assert!(!wanted("npm-mcp-proxy", &["mcp-proxy"]));
        assert!(!wanted("fastmcp", &["nginx", "haproxy"]));
    }
}
