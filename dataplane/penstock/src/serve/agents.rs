//! Which agents the kernel holds, and which of them calls.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;
use penstock_config::Snapshot;
use penstock_egress::{Callers, EgressError, Held, Host, hook_name};
use penstock_proxy::Attest;

/// What is asked of the kernel about agents.
pub(super) struct Agents {
    callers: ArcSwapOption<Callers>,
    bpffs: Mutex<PathBuf>,
    held: Mutex<BTreeMap<String, Held>>,
}

impl Agents {
    pub(super) fn new(snapshot: &Snapshot) -> Self {
        let agents = Self {
            callers: ArcSwapOption::empty(),
            bpffs: Mutex::new(snapshot.egress.bpffs.clone()),
            held: Mutex::default(),
        };
        agents.look(snapshot);
        let held = agents.held.lock().unwrap_or_else(PoisonError::into_inner);
        for (agent, _) in held.iter().filter(|(_, held)| held.cgroups == 0) {
            tracing::warn!(
                agent,
                "nothing holds it yet: `penstock run` does when it starts it, `penstock egress apply` now"
            );
        }
        drop(held);
        agents
    }

    /// Looks again. Who was held and is no longer is said at once, for nothing else would say it.
    pub(super) fn look(&self, snapshot: &Snapshot) {
        if snapshot.agents.is_empty() {
            // A reload may have taken the last one away.
            self.callers.store(None);
            self.held.lock().unwrap_or_else(PoisonError::into_inner).clear();
            return;
        }
        self.bpffs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone_from(&snapshot.egress.bpffs);
        let host = match Host::find(&snapshot.egress.bpffs) {
            // Not that nothing is in force: what was known last is the best there is.
            Err(error @ EgressError::File { .. }) => {
                tracing::warn!(%error, "what holds agents cannot be read");
                return;
            }
            found => found.ok(),
        };
        // A BPF filesystem that was mounted anew holds another map.
        match host.as_ref().map(Callers::open) {
            Some(Ok(callers)) => self.callers.store(Some(Arc::new(callers))),
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => {}
            _ => self.callers.store(None),
        }
        let mut last = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let now = snapshot.agents.iter().map(|agent| {
            let held = host.as_ref().map(|host| penstock_egress::held(host, &agent.name));
            let held = held.transpose().unwrap_or_else(|error| {
                tracing::warn!(agent = agent.name, %error, "what holds it cannot be read");
                last.get(&agent.name).cloned()
            });
            (agent.name.clone(), held.unwrap_or_default())
        });
        let now = now.collect();
        tell(&last, &now);
        *last = now;
    }

    pub(super) fn metrics(&self, out: &mut String) {
        let agents = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if agents.is_empty() {
            return;
        }
        let mut family =
            |name: &str, kind: &str, help: &str, each: &dyn Fn(&str, &Held) -> String| {
                // Writing to a String cannot fail.
                let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
                for (agent, held) in agents.iter() {
                    out.push_str(&each(agent, held));
                }
            };
        let name = "penstock_egress_held";
        family(name, "gauge", "Cgroups on which the kernel holds the agent.", &|agent, held| {
            format!("{name}{{agent=\"{agent}\"}} {}\n", held.cgroups)
        });
        let name = "penstock_egress_refused_total";
        let said = "What the kernel refused the agent, or in audit mode would have, by hook.";
        family(name, "counter", said, &|agent, held| {
            let hooks = held.refused.iter().map(|(hook, count)| {
                format!("{name}{{agent=\"{agent}\",hook=\"{}\"}} {count}\n", hook_name(*hook))
            });
            hooks.collect()
        });
        let name = "penstock_egress_events_lost_total";
        family(name, "counter", "Refusals that nobody read in time.", &|agent, held| {
            format!("{name}{{agent=\"{agent}\"}} {}\n", held.events_lost)
        });
        let name = "penstock_egress_callers_lost_total";
        let said = "Connections of the agent that were too many to attest.";
        family(name, "counter", said, &|agent, held| {
            format!("{name}{{agent=\"{agent}\"}} {}\n", held.callers_lost)
        });
    }
}

fn tell(last: &BTreeMap<String, Held>, now: &BTreeMap<String, Held>) {
    for (agent, held) in now {
        let before = last.get(agent).map_or(0, |held| held.cgroups);
        if held.cgroups == 0 && before > 0 {
            tracing::error!(
                agent,
                "the kernel no longer holds it: its cgroup, or what was pinned for it, is gone"
            );
        } else if held.cgroups > 0 && before == 0 {
            let mode = if held.audited { "audit" } else { "enforce" };
            tracing::info!(agent, cgroups = held.cgroups, mode, "the kernel holds it");
        }
    }
}

impl Attest for Agents {
    fn agent(&self, connection: BorrowedFd<'_>) -> Option<u64> {
        if let Some(callers) = self.callers.load().as_ref() {
            return callers.agent(connection);
        }
        // It may have been pinned a moment ago, and this be the agent's first connection.
        let bpffs = self.bpffs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let callers = Arc::new(Callers::open(&Host::find(&bpffs).ok()?).ok()?);
        self.callers.store(Some(Arc::clone(&callers)));
        callers.agent(connection)
    }
}
