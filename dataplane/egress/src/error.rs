//! Why enforcement is not to be had.

use std::io;
use std::path::PathBuf;

use crate::capabilities::{Needed, missing};

/// Why enforcement is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// Not root, or not all of it.
    #[error("{doing} needs root ({}); run it with sudo", missing.join(", "))]
    NotRoot {
        /// What was to be done.
        doing: &'static str,
        /// The capabilities that are missing.
        missing: Vec<&'static str>,
    },
    /// A kernel that would leave gaps.
    #[error(
        "Linux {0} cannot confine agents: before 5.15 a process could leave the policy of its cgroup by way of net_cls or net_prio; use 5.15 or later"
    )]
    Kernel(String),
    /// No cgroup v2.
    #[error(
        "no cgroup v2 hierarchy is mounted; `mount -t cgroup2 none /sys/fs/cgroup/unified`, or boot with systemd.unified_cgroup_hierarchy=1"
    )]
    NoCgroup2,
    /// Two hierarchies where there should be one to choose.
    #[error("{what} {}: {error}", path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The place for pins is something else.
    #[error("{} is in use and is no BPF filesystem; name another directory as `egress.bpffs`", .0.display())]
    NotBpffs(PathBuf),
    /// Nothing was ever applied here.
    #[error("no BPF filesystem is mounted at {}, so nothing is pinned there and nothing known of what is enforced; `penstock egress apply` mounts it and applies the configuration", .0.display())]
    NotMounted(PathBuf),
    /// A unit, a user or a process without a cgroup to confine.
    #[error("{what} has no cgroup to confine: {why}")]
    Place {
        /// Which.
        what: String,
        /// Why, and what to do.
        why: String,
    },
    /// Another agent's cgroup, or one around or inside it.
    #[error("agent `{agent}` cannot be held on {}: {by}; give each agent a cgroup of its own, none inside another's", cgroup.display())]
    Taken {
        /// The agent.
        agent: String,
        /// Its cgroup.
        cgroup: PathBuf,
        /// What is in the way.
        by: String,
    },
    /// More rules than a set has room for.
    #[error(
        "agent `{agent}` has {count} {what}, of which {max} can be enforced; join some into larger networks"
    )]
    TooMany {
        /// The agent.
        agent: String,
        /// How many.
        count: usize,
        /// Of what.
        what: &'static str,
        /// The limit.
        max: u32,
    },
    /// The kernel refused a program or a map.
    #[error("the kernel does not take the eBPF {what} `{name}`: {why}")]
    Refused {
        /// A program, a map, a link.
        what: &'static str,
        /// Its name.
        name: String,
        /// What the kernel said.
        why: String,
    },
    /// It was attached, but the kernel does not run it.
    #[error("the kernel does not run `{hook}` for {}: another program may have been attached there exclusively (`bpftool cgroup tree`)", cgroup.display())]
    NotEffective {
        /// The program.
        hook: &'static str,
        /// Where.
        cgroup: PathBuf,
    },
    /// Nothing is applied to it.
    #[error("nothing is enforced for agent `{0}`; `penstock egress status` lists what is")]
    NotApplied(String),
    /// It is not in force in that one.
    #[error("nothing is enforced for agent `{agent}` on {}; `penstock egress status` lists where", cgroup.display())]
    NotThere {
        /// The agent.
        agent: String,
        /// The cgroup that was named.
        cgroup: PathBuf,
    },
    /// What is attached is not whole.
    #[error("on {} the kernel does not run every program of agent `{agent}`; `penstock egress status` says which, `penstock egress apply --agent {agent}` mends it", cgroup.display())]
    Broken {
        /// The agent.
        agent: String,
        /// Where.
        cgroup: PathBuf,
    },
    /// Processes would go free.
    #[error("of agent `{agent}` there runs in {}: {}; it would go free: end it first, or say --force", cgroup.display(), list(processes))]
    Busy {
        /// The agent.
        agent: String,
        /// Which.
        processes: Vec<u32>,
        /// Where.
        cgroup: PathBuf,
    },
    /// A second reader.
    #[error(
        "another process reads the events already, and an event goes to one reader; where that is the unit of `packaging/`, `journalctl -u penstock-egress-events` has them"
    )]
    Read,
}

/// The first few of them.
fn list(processes: &[u32]) -> String {
    const SHOWN: usize = 5;
    let mut text: Vec<_> = processes.iter().take(SHOWN).map(u32::to_string).collect();
    if processes.len() > SHOWN {
        text.push(format!("and {} more", processes.len() - SHOWN));
    }
    let noun = if processes.len() == 1 { "process" } else { "processes" };
    format!("{noun} {}", text.join(", "))
}

impl EgressError {
    /// Fails where this process has not all of these capabilities.
    pub(crate) fn unless_capable(doing: &'static str, needed: &[Needed]) -> Result<(), Self> {
        let missing = missing(needed);
        if missing.is_empty() { Ok(()) } else { Err(Self::NotRoot { doing, missing }) }
    }

    /// For `map_err` on what a path was used for.
    pub(crate) fn file<'a>(
        what: &'static str,
        path: &'a std::path::Path,
    ) -> impl FnOnce(io::Error) -> Self + use<'a> {
        move |error| Self::File { what, path: path.to_owned(), error }
    }
}
