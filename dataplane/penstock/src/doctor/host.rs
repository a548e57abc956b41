//! Kernel, io_uring, cores, file descriptors.

use std::fs;
use std::io;
use std::thread;

use penstock_config::{Backend, Shards, Snapshot};

use super::Check;

/// The first kernel with the ring flags the shards ask for (`IORING_SETUP_COOP_TASKRUN` of 5.19,
/// `IORING_SETUP_SINGLE_ISSUER` of 6.0).
const KERNEL_OF_RING_FLAGS: (u32, u32) = (6, 0);

/// Descriptors beside those of connections: rings, files, the log, children's pipes.
const DESCRIPTORS_BESIDE: u64 = 256;

pub(super) fn kernel() -> Check {
    let Ok(release) = fs::read_to_string("/proc/sys/kernel/osrelease") else {
        let fix = "mount /proc; penstock runs on Linux only";
        return Check::degraded("kernel", "/proc/sys/kernel/osrelease cannot be read", fix);
    };
    let release = release.trim();
    match version(release) {
        Some(version) if version < KERNEL_OF_RING_FLAGS => {
            let (major, minor) = KERNEL_OF_RING_FLAGS;
            let fix = format!("a kernel of {major}.{minor} or later makes io_uring cheaper a call");
            Check::degraded("kernel", format!("Linux {release}"), fix)
        }
        _ => Check::ok("kernel", format!("Linux {release}")),
    }
}

fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// Whether the kernel gives this process a ring, asked the way the shards ask.
pub(super) fn ring(backend: Option<Backend>) -> Check {
    let name = "io_uring";
    if backend == Some(Backend::Epoll) {
        return Check::ok(name, "not asked for: `backend: epoll`");
    }
    let Err(error) = penstock_proxy::choose_engine(Backend::IoUring) else {
        return Check::ok(name, "available");
    };
    let (detail, fix) = (format!("not available: {error}"), ring_fix(&error));
    if backend == Some(Backend::IoUring) {
        let fix = format!("{fix}; or write `backend: auto`");
        return Check::failed(name, detail, fix);
    }
    Check::degraded(name, format!("{detail}; the shards use epoll"), fix)
}

fn ring_fix(error: &io::Error) -> String {
    let disabled = fs::read_to_string("/proc/sys/kernel/io_uring_disabled");
    let disabled = disabled.as_deref().map_or("0", str::trim);
    match error.kind() {
        _ if disabled != "0" => format!(
            "kernel.io_uring_disabled is {disabled}: `sysctl kernel.io_uring_disabled=0` allows it"
        ),
        io::ErrorKind::PermissionDenied => {
            "a seccomp profile forbids it, as container engines do by default: allow \
             io_uring_setup, io_uring_enter and io_uring_register"
                .to_owned()
        }
        io::ErrorKind::Unsupported => "the kernel is built without CONFIG_IO_URING".to_owned(),
        io::ErrorKind::OutOfMemory => {
            "raise the limit of locked memory: `LimitMEMLOCK=` of the unit".to_owned()
        }
        _ => "look for a policy that forbids io_uring_setup".to_owned(),
    }
}

pub(super) fn shards(shards: Option<Shards>) -> Check {
    let cores = cores();
    match shards {
        Some(Shards::Count(count)) if u64::from(count.get()) > cores => {
            let fix = format!("write `shards: auto`, or {cores} at most: more only take turns");
            Check::degraded("shards", format!("{count} on {cores} cores"), fix)
        }
        Some(Shards::Count(count)) => Check::ok("shards", format!("{count} on {cores} cores")),
        Some(Shards::Auto) | None => Check::ok("shards", format!("{cores}, one a core")),
    }
}

/// Whether all configured connections could be open at once.
pub(super) fn descriptors(snapshot: &Snapshot) -> Check {
    let name = "descriptors";
    // `serve` raises the soft limit to the hard one.
    let Some((_, hard)) = open_files() else {
        let fix = "mount /proc, from which the limit is read";
        return Check::degraded(name, "the limit of open files cannot be read", fix);
    };
    let shards = match snapshot.shards {
        Shards::Auto => cores(),
        Shards::Count(count) => count.get().into(),
    };
    let upstreams = snapshot.upstreams.iter().map(|upstream| u64::from(upstream.connections_max));
    let a_shard = u64::from(snapshot.limits.connections).saturating_add(upstreams.sum());
    let needed = shards.saturating_mul(a_shard).saturating_add(DESCRIPTORS_BESIDE);
    let detail = format!("{needed} may be needed, {hard} are allowed");
    if needed <= hard {
        return Check::ok(name, detail);
    }
    let fix = format!(
        "raise the hard limit (`LimitNOFILE={needed}` of the unit, `ulimit -Hn {needed}` of a root \
         shell), or lower `limits.connections` and `connections` of the upstreams"
    );
    Check::degraded(name, detail, fix)
}

/// The soft and the hard limit of open files (proc(5), `/proc/pid/limits`).
fn open_files() -> Option<(u64, u64)> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let number = |text: &str| if text == "unlimited" { Some(u64::MAX) } else { text.parse().ok() };
    let mut columns = line.split_whitespace();
    Some((number(columns.next()?)?, number(columns.next()?)?))
}

/// Cores that this process may run on.
fn cores() -> u64 {
    thread::available_parallelism().map_or(1, |cores| cores.get() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_of_distributions_are_read() {
        assert_eq!(version("6.1.0-13-amd64"), Some((6, 1)));
        assert_eq!(version("5.15.167.4-microsoft-standard-WSL2"), Some((5, 15)));
        assert_eq!(version("six"), None);
        assert!(open_files().is_some_and(|(soft, hard)| 0 < soft && soft <= hard));
    }
}
