//! Counts of instructions and what they depend on, as the repository keeps them.

use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::steps::output;

/// Instructions an iteration of each case, and where they were counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) environment: Environment,
    pub(super) cases: BTreeMap<String, u64>,
}

/// What makes other numbers of the same source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Environment {
    /// Chooses the instructions.
    pub(super) rustc: String,
    /// Its `memcpy` is the parts' own.
    pub(super) libc: String,
    /// Counts, and pretends to be a processor.
    pub(super) valgrind: String,
    /// What that processor can do; searches choose their way by it.
    pub(super) cpu: String,
}

impl Environment {
    /// Of this machine, whose processor under valgrind is given.
    pub(super) fn find(cpu: &str) -> Result<Self> {
        let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let said = |program: &mut Command, name: &str| {
            let text = output(program)?;
            Ok::<_, anyhow::Error>(text.trim().trim_start_matches(name).to_owned())
        };
        Ok(Self {
            rustc: said(Command::new(rustc).arg("--version"), "rustc ")?,
            libc: said(Command::new("getconf").arg("GNU_LIBC_VERSION"), "")?,
            valgrind: said(Command::new("valgrind").arg("--version"), "valgrind-")?,
            cpu: cpu.to_owned(),
        })
    }

    /// By name, in the order of the file.
    pub(super) fn parts(&self) -> [(&'static str, &str); 4] {
        [
            ("rustc", &self.rustc),
            ("libc", &self.libc),
            ("valgrind", &self.valgrind),
            ("cpu", &self.cpu),
        ]
    }

    /// The first word of the processor.
    pub(super) fn architecture(&self) -> &str {
        self.cpu.split(' ').next().unwrap_or_default()
    }
}

impl Counts {
    /// Reads the file, which is what it looks like when displayed.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut counts = Self::default();
        for (index, line) in text.lines().enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let at = || format!("line {}: `{line}`", index + 1);
            let (name, value) = line.split_once(' ').with_context(at)?;
            let value = value.trim();
            let Environment { rustc, libc, valgrind, cpu } = &mut counts.environment;
            match name {
                "rustc" => value.clone_into(rustc),
                "libc" => value.clone_into(libc),
                "valgrind" => value.clone_into(valgrind),
                "cpu" => value.clone_into(cpu),
                case if case.contains('/') => {
                    let count = value.parse().with_context(at)?;
                    if counts.cases.insert(case.to_owned(), count).is_some() {
                        bail!("{} stands there twice", at());
                    }
                }
                _ => bail!("{} is neither a case nor a part of the environment", at()),
            }
        }
        Ok(counts)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "# Instructions an iteration of each part of a call's way takes, and where they were \
             counted.\n# `cargo xtask bench instructions --accept` writes this; \
             docs/development/benches.md says when.\n"
        )?;
        for (name, value) in self.environment.parts() {
            writeln!(f, "{name:<8} {value}")?;
        }
        writeln!(f)?;
        for (case, count) in &self.cases {
            writeln!(f, "{case:<32} {count:>9}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let environment = Environment {
            rustc: "1.95.0 (59807616e 2026-04-14)".into(),
            libc: "glibc 2.36".into(),
            valgrind: "3.19.0".into(),
            cpu: "x86_64 avx2".into(),
        };
        let cases = [("http1/request_head".into(), 9481), ("mcp/scan".into(), 7)].into();
        let counts = Counts { environment, cases };
        assert_eq!(Counts::parse(&counts.to_string()).expect("it is read"), counts);
        assert_eq!(counts.environment.architecture(), "x86_64");
    }

    #[test]
    fn a_damaged_line_is_named() {
        for (text, said) in [
            ("rustc 1\nmcp/scan", "line 2: `mcp/scan`"),
            ("mcp/scan many", "line 1: `mcp/scan many`"),
            ("scan 7", "line 1: `scan 7` is neither"),
            ("mcp/scan 7\nmcp/scan 8", "line 2: `mcp/scan 8` stands there twice"),
        ] {
            let error = format!("{:#}", Counts::parse(text).expect_err("it is damaged"));
            assert!(error.contains(said), "{error}");
        }
    }
}
