//! Each layer holds alone, and holds wherever a process goes.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use penstock_config::{EgressRule, Transport as Over};
use penstock_egress::{EgressError, Policy, apply};

use crate::matrix::targets_of;
use crate::peer::{intrusions, shown};
use crate::places::{ALLOWED, GATEWAY, PEER4, SERVICE, v4};
use crate::probe::{Arrives, Refused, WAYS, Way};
use crate::suite::{Row, Suite, hold};
use crate::world::{Held, Running, World, policy};

const CALLS: [&str; 7] =
    ["connect4", "connect6", "sendmsg4", "sendmsg6", "bind4", "bind6", "sock_create"];

pub(crate) fn run(suite: &mut Suite, world: &World) -> io::Result<()> {
    if suite.wants("layers/") {
        layers(suite, world)?;
    }
    if suite.wants("postures/") {
        postures(suite, world)?;
    }
    if suite.wants("nested/") {
        nested(suite, world)?;
    }
    Ok(())
}

fn layers(suite: &mut Suite, world: &World) -> io::Result<()> {
    let packets = world.cgroup("packets-alone")?;
    without(world, &packets, "packets-alone", &CALLS)?;
    for way in WAYS.iter().filter(|way| way.arrives != Arrives::Made) {
        suite.row(&format!("layers/packets-alone/{}", way.name), || {
            nothing_leaves(world, &packets, way)
        });
    }
    let calls = world.cgroup("calls-alone")?;
    without(world, &calls, "calls-alone", &["egress"])?;
    for way in WAYS.iter().filter(|way| !matches!(way.refused, Refused::Packet(..))) {
        suite.row(&format!("layers/calls-alone/{}", way.name), || {
            nothing_leaves(world, &calls, way)
        });
    }
    Ok(())
}

/// Puts a policy in force and takes some of its programs away again.
fn without(world: &World, held: &Held, agent: &str, programs: &[&str]) -> io::Result<()> {
    drop(world.hold(&policy(agent), held)?);
    for program in programs {
        fs::remove_file(pins(world, held, agent).join(program))?;
    }
    Ok(())
}

/// Where the first set of an agent is pinned.
pub(crate) fn pins(world: &World, held: &Held, agent: &str) -> PathBuf {
    let version = format!("v{}", penstock_ebpf_abi::VERSION);
    let agents = world.host.bpffs.join(version).join("agents");
    agents.join(agent).join(held.cgroup.id.to_string()).join("1")
}

/// All forms and destinations of a way at once, which may wait for answers that never come.
fn nothing_leaves(world: &World, held: &Held, way: &Way) -> Row {
    let (before, visits) = (world.peer.count(), intrusions());
    let mut tries: Vec<(SocketAddr, Running)> = Vec::new();
    for form in way.forms {
        for target in targets_of(way, *form) {
            // By the unspecified address one gets to the gateway, as the packet says by then.
            let gateway = target.at.port() == GATEWAY && target.at.ip().is_unspecified();
            if target.allowed || gateway {
                continue;
            }
            let to = target.at.to_string();
            tries.push((target.at, world.start(held, &["way", way.name, &to])?));
        }
    }
    for (to, mut running) in tries {
        let said = running.end()?;
        hold!(!said.ok() || way.arrives == Arrives::Seen, "{to}: {said}");
    }
    world.settle()?;
    let came = world.peer.since(before);
    hold!(came.is_empty(), "the peer saw {}", shown(&came));
    hold!(intrusions() == visits, "a listener was reached that no rule allows");
    Ok(())
}

fn postures(suite: &mut Suite, world: &World) -> io::Result<()> {
    let parent = world.cgroup("parent")?;
    let (child, sibling) = (world.cgroup("parent/child")?, world.cgroup("parent/sibling")?);
    let moved = ["moved", &sibling.procs()];
    let all: [(&str, &[&str]); 9] = [
        ("child-cgroup", &[]),
        ("session", &["session"]),
        ("grandchild", &["grandchild"]),
        ("orphaned-session", &["session", "grandchild", "session"]),
        ("moved-to-sibling", &moved),
        ("peer-namespace", &["peer-namespace"]),
        ("new-namespace", &["new-namespace"]),
        ("all-namespaces", &["all-namespaces"]),
        ("grandchild-in-peer-namespace", &["grandchild", "peer-namespace"]),
    ];
    let to = v4(PEER4, SERVICE).to_string();
    let mut shown = Vec::new();
    for (name, posture) in all {
        for way in ["tcp-connect", "udp-sendto", "raw-header"] {
            let words = [&["posture"], posture, &[way, &to]].concat();
            let said = world.probe(&child, &words)?;
            shown.push((format!("postures/{name}/{way}"), words, said));
        }
    }
    drop(world.hold(&policy("parent"), &parent)?);
    world.settle()?;
    for (name, words, control) in shown {
        suite.row(&name, || {
            // In a network of its own there is nobody to reach.
            let alone = words.contains(&"new-namespace") && control.errno == libc::ENETUNREACH;
            hold!(control.ok() || alone, "where nothing is enforced it should work: {control}");
            let (before, visits) = (world.peer.count(), intrusions());
            let said = world.probe(&child, &words)?;
            world.settle()?;
            hold!(said.errno == libc::EPERM, "it should be refused: {said}");
            hold!(intrusions() == visits, "a listener was reached");
            hold!(world.peer.count() == before, "packets reached the peer");
            Ok(())
        });
    }
    Ok(())
}

/// Of a cgroup within another each has a policy: both hold.
fn nested(suite: &mut Suite, world: &World) -> io::Result<()> {
    let (outer, inner) = (world.cgroup("outer")?, world.cgroup("outer/inner")?);
    let service =
        EgressRule { address: PEER4.into(), prefix: 32, port: Some(SERVICE), protocol: Over::Udp };
    let rules = vec![service];
    drop(world.hold(&policy("outer"), &outer)?);
    let inward = Policy { rules, ..policy("inner") };
    suite.row("nested/one-penstock-refuses-to", || {
        let refused = apply(&world.host, &inward, &inner.cgroup);
        hold!(matches!(refused, Err(EgressError::Taken { .. })), "it did not: {refused:?}");
        Ok(())
    });
    let other = world.another_host("nested")?;
    drop(apply(&other, &inward, &inner.cgroup).map_err(io::Error::other)?);
    let gateway = format!("127.0.0.1:{GATEWAY}");
    let (allowed, service) = (v4(PEER4, ALLOWED).to_string(), v4(PEER4, SERVICE).to_string());
    let rows: [(&str, &str, &str, &Held, bool); 6] = [
        ("outer-alone-allows", "udp-sendto", &allowed, &outer, true),
        ("inner-narrows-outer", "udp-sendto", &allowed, &inner, false),
        ("inner-cannot-widen-outer", "udp-sendto", &service, &inner, false),
        ("inner-cannot-widen-outer-connected", "udp-connect", &service, &inner, false),
        ("both-allow", "tcp-connect", &gateway, &inner, true),
        ("outer-still-refuses", "udp-sendto", &service, &outer, false),
    ];
    for (name, way, to, held, allowed) in rows {
        suite.row(&format!("nested/{name}"), || {
            let said = world.probe(held, &["way", way, to])?;
            hold!(said.ok() == allowed, "{said}");
            hold!(allowed || said.errno == libc::EPERM, "{said}");
            Ok(())
        });
    }
    Ok(())
}
