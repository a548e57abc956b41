//! What is in force stays in force, whatever becomes of whoever put it there; and where it does not,
//! that is loud.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use penstock_config::{EgressRule, Transport as Over};
use penstock_egress::{EgressError, Host, Policy, State, apply, status};

use crate::layers::pins;
use crate::places::{GATEWAY, PEER4, SERVICE, v4};
use crate::probe;
use crate::suite::{Row, Suite, hold};
use crate::sys;
use crate::world::{Held, Running, World, policy};

pub(crate) fn run(suite: &mut Suite, world: &World) {
    suite.row("lifecycle/applier-killed", || applier_killed(world));
    suite.row("lifecycle/replaced-under-load", || replaced(world));
    suite.row("lifecycle/killed-at-any-moment", || killed_at_any_moment(world));
    suite.row("lifecycle/narrowed-and-widened", || narrowed(world));
    suite.row("lifecycle/cgroup-removed", || cgroup_removed(world));
    suite.row("lifecycle/link-unpinned", || unpinned(world));
    suite.row("lifecycle/bpffs-unmounted", || unmounted(world));
    suite.row("lifecycle/removed", || removed(world));
}

fn forbidden() -> String {
    v4(PEER4, SERVICE).to_string()
}

/// Whether a connection to where none may go is refused at once.
fn is_held(world: &World, held: &Held) -> io::Result<bool> {
    let said = world.probe(held, &["way", "tcp-connect", &forbidden()])?;
    Ok(said.errno == libc::EPERM)
}

/// A process of no agent's that applies the policy of one.
fn applier(world: &World, held: &Held, how: &str, agent: &str) -> io::Result<Running> {
    let below = held.cgroup.path.strip_prefix(&world.host.cgroup2).map_err(io::Error::other)?;
    let (bpffs, below) = (world.host.bpffs.display().to_string(), below.display().to_string());
    let mut command = world.command(held, &["apply", how, &bpffs, &below, agent]);
    Running::new(command.env(probe::CGROUP, "").stdin(Stdio::null()))
}

fn applier_killed(world: &World) -> Row {
    let held = world.cgroup("applier-killed")?;
    let mut applier = applier(world, &held, "stay", "applier-killed")?;
    applier.ready()?;
    let mut connects = world.start(&held, &["held", "loop", &forbidden()])?;
    connects.ready()?;
    thread::sleep(Duration::from_millis(100));
    sys::kill(applier.child.id(), libc::SIGKILL)?;
    applier.child.wait()?;
    thread::sleep(Duration::from_millis(300));
    let [done, refused, other] = connects.counts()?;
    hold!(done == 0 && other == 0, "{done} connections got through, {other} went elsewhere");
    hold!(refused > 100, "only {refused} were tried");
    Ok(())
}

/// Policies come and go, sixty times, while processes connect as fast as they can.
/// How long rounds of one kind go on, a few of them at least: an emulated machine is slow.
const ENOUGH: Duration = Duration::from_secs(20);

fn replaced(world: &World) -> Row {
    let held = world.cgroup("replaced")?;
    let wider = Policy { rules: vec![], ..policy("replaced") };
    drop(world.hold(&policy("replaced"), &held)?);
    let allowed = format!("127.0.0.1:{GATEWAY}");
    let mut never = world.start(&held, &["held", "loop", &forbidden()])?;
    let mut always = world.start(&held, &["held", "loop", &allowed])?;
    never.ready()?;
    always.ready()?;
    let began = Instant::now();
    for round in 0..15 {
        if round >= 3 && began.elapsed() > ENOUGH {
            break;
        }
        drop(world.hold(&wider, &held)?);
        drop(world.hold(&policy("replaced"), &held)?);
    }
    let [done, refused, other] = never.counts()?;
    hold!(done == 0 && other == 0, "{done} forbidden connections got through, {other} otherwise");
    hold!(refused > 1000, "only {refused} forbidden ones were tried");
    let [done, refused, other] = always.counts()?;
    hold!(refused == 0 && other == 0, "{refused} allowed connections were refused, {other} failed");
    hold!(done > 500, "only {done} allowed ones were tried");
    Ok(())
}

fn killed_at_any_moment(world: &World) -> Row {
    const AGENT: &str = "killed";
    let held = world.cgroup(AGENT)?;
    drop(world.hold(&policy(AGENT), &held)?);
    let mut moment: u64 = 1;
    let began = Instant::now();
    for round in 0..50 {
        if round >= 10 && began.elapsed() > ENOUGH {
            break;
        }
        let mut applier = applier(world, &held, "again", AGENT)?;
        applier.ready()?;
        // Minimal standard generator (Park and Miller): the same moments in every run.
        moment = moment * 48271 % 0x7fff_ffff;
        thread::sleep(Duration::from_micros(moment % 30_000));
        sys::kill(applier.child.id(), libc::SIGKILL)?;
        applier.child.wait()?;
        hold!(is_held(world, &held)?, "round {round}: it is no longer held");
        let all = status(&world.host)?;
        let states: Vec<_> = all.iter().filter(|s| s.agent == AGENT).map(|s| &s.state).collect();
        hold!(states == [&State::Live], "round {round}: status says {states:?}");
    }
    drop(world.hold(&policy(AGENT), &held)?);
    let sets = sets(world, &held, AGENT)?;
    hold!(sets == 1, "the next apply left {sets} sets");
    Ok(())
}

fn sets(world: &World, held: &Held, agent: &str) -> io::Result<usize> {
    let below: PathBuf = pins(world, held, agent).parent().map(PathBuf::from).unwrap_or_default();
    Ok(fs::read_dir(below)?.count())
}

fn narrowed(world: &World) -> Row {
    let held = world.cgroup("narrowed")?;
    let service =
        EgressRule { address: PEER4.into(), prefix: 32, port: Some(SERVICE), protocol: Over::Tcp };
    let wide = Policy { rules: vec![service], ..policy("narrowed") };
    for _ in 0..3 {
        drop(world.hold(&policy("narrowed"), &held)?);
        hold!(is_held(world, &held)?, "the narrow policy does not hold");
        drop(world.hold(&wide, &held)?);
        let said = world.probe(&held, &["way", "tcp-connect", &forbidden()])?;
        hold!(said.ok(), "the wide policy does not: {said}");
    }
    drop(world.hold(&policy("narrowed"), &held)?);
    hold!(is_held(world, &held)?, "the narrow policy does not hold in the end");
    Ok(())
}

fn state(world: &World, agent: &str) -> Result<Vec<State>, EgressError> {
    let all = status(&world.host)?;
    Ok(all.into_iter().filter(|set| set.agent == agent).map(|set| set.state).collect())
}

fn cgroup_removed(world: &World) -> Row {
    let held = world.cgroup("removed-cgroup")?;
    let enforced = world.hold(&policy("removed-cgroup"), &held)?;
    let first = held.cgroup.id;
    drop(held);
    let gone = state(world, "removed-cgroup")?;
    hold!(gone == [State::Gone], "of a cgroup that is gone status says {gone:?}");
    let again = world.cgroup("removed-cgroup")?;
    hold!(again.cgroup.id != first, "the kernel used an id again");
    let gone = state(world, "removed-cgroup")?;
    hold!(gone == [State::Gone], "of another of the same name status says {gone:?}");
    hold!(!is_held(world, &again)?, "the other of the same name is held");
    drop(enforced);
    drop(world.hold(&policy("removed-cgroup"), &again)?);
    hold!(is_held(world, &again)?, "it is not held when applied anew");
    let states = state(world, "removed-cgroup")?;
    hold!(states.contains(&State::Live), "when applied anew status says {states:?}");
    Ok(())
}

fn unpinned(world: &World) -> Row {
    let held = world.cgroup("unpinned")?;
    for name in ["egress", "ingress", "connect4", "bind6", "setsockopt", "sock_ops", "sock_create"]
    {
        drop(world.hold(&policy("unpinned"), &held)?);
        let set = pins(world, &held, "unpinned");
        let below = set.parent().map(PathBuf::from).unwrap_or_default();
        let Some(set) = fs::read_dir(below)?.flatten().next() else { continue };
        fs::remove_file(set.path().join(name))?;
        let states = state(world, "unpinned")?;
        let broken = State::Broken { missing: vec![name] };
        hold!(states == [broken], "without the pin of {name} status says {states:?}");
    }
    Ok(())
}

fn unmounted(world: &World) -> Row {
    let held = world.cgroup("unmounted")?;
    let host = world.another_host("unmounted")?;
    let enforced = apply(&host, &policy("unmounted"), &held.cgroup)?;
    hold!(is_held(world, &held)?, "it is not held to begin with");
    sys::unmount(&host.bpffs)?;
    hold!(is_held(world, &held)?, "it went with the mount, although it is held open");
    let found = Host::find(&host.bpffs);
    hold!(matches!(found, Err(EgressError::NotMounted(_))), "nobody says so: {found:?}");
    drop(enforced);
    // The kernel takes programs away when it comes to it.
    for _ in 0..100 {
        if !is_held(world, &held)? {
            let found = Host::find(&host.bpffs);
            hold!(matches!(found, Err(EgressError::NotMounted(_))), "nobody says so: {found:?}");
            return Ok(());
        }
        thread::sleep(Duration::from_millis(10));
    }
    hold!(false, "without pins and holders it is held still: what holds it?");
    Ok(())
}

fn removed(world: &World) -> Row {
    let held = world.cgroup("taken-away")?;
    drop(world.hold(&policy("taken-away"), &held)?);
    let mut process = world.start(&held, &["held", "loop", &forbidden()])?;
    process.ready()?;
    let busy = penstock_egress::remove(&world.host, "taken-away", None, false);
    hold!(matches!(busy, Err(EgressError::Busy { .. })), "with a process in it: {busy:?}");
    hold!(is_held(world, &held)?, "it was taken away all the same");
    drop(process);
    let count = penstock_egress::remove(&world.host, "taken-away", None, false)?;
    hold!(count == 1 && !is_held(world, &held)?, "{count} were taken away, and it is held still");
    Ok(())
}
