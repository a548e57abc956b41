//! Whether the kernel can hold agents, and holds those of the configuration.

use penstock_config::{EgressMode, Snapshot};
use penstock_egress::{Callers, EgressError, Host};

use super::Check;
use crate::report::count;

pub(super) fn all(snapshot: &Snapshot) -> Vec<Check> {
    if snapshot.agents.is_empty() {
        return Vec::new();
    }
    let mut checks = vec![lsm()];
    match Host::find(&snapshot.egress.bpffs) {
        Ok(host) => {
            checks.push(Check::ok("cgroup v2", host.cgroup2.display().to_string()));
            checks.push(callers(&host));
            checks.extend(snapshot.agents.iter().map(|agent| held(&host, &agent.name)));
        }
        Err(error @ EgressError::NotMounted(_)) => {
            checks.push(Check::degraded("egress", error.to_string(), "sudo penstock egress apply"));
        }
        Err(error) => {
            let fix = "until then nothing can be confined here";
            checks.push(Check::failed("egress", error.to_string(), fix));
        }
    }
    if snapshot.egress.mode == EgressMode::Audit {
        let fix = "write `egress: { mode: enforce }` once `penstock egress events` stays silent";
        checks.push(Check::degraded("egress mode", "audit: nothing is refused", fix));
    }
    checks
}

/// What closes the sockets that no hook of IP sees, for agents that `penstock run` did not start.
fn lsm() -> Check {
    let name = "BPF LSM";
    match penstock_egress::bpf_lsm() {
        Ok(()) => Check::ok(name, "available"),
        Err(why) => {
            let fix = "`penstock run` shuts families other than IP by seccomp all the same; into a \
                       unit write RestrictAddressFamilies=AF_INET AF_INET6";
            Check::degraded(name, format!("not available: {why}"), fix)
        }
    }
}

/// Whether this user may ask who calls.
fn callers(host: &Host) -> Check {
    let name = "attested callers";
    match Callers::open(host) {
        Ok(_) => Check::ok(name, "the kernel tells which agent calls"),
        Err(error) => {
            let fix = "before Linux 5.19 it takes CAP_BPF: `AmbientCapabilities=CAP_BPF` of the \
                       unit; otherwise run `sudo penstock egress apply`";
            Check::failed(name, format!("cannot be asked for: {error}"), fix)
        }
    }
}

fn held(host: &Host, agent: &str) -> Check {
    let name = format!("agent {agent}");
    let apply = format!("sudo penstock egress apply --agent {agent}");
    match penstock_egress::held(host, agent) {
        Ok(held) if held.cgroups == 0 => {
            let fix = format!("{apply}; `penstock run --agent {agent}` does so by itself");
            Check::degraded(name, "nothing holds it", fix)
        }
        Ok(held) if held.audited => Check::degraded(name, "audited, and not held", apply),
        Ok(held) => Check::ok(name, format!("held on {}", count(held.cgroups, "cgroup"))),
        Err(error) => Check::failed(name, format!("what holds it cannot be read: {error}"), apply),
    }
}
