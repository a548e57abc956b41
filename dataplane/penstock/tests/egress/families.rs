//! Sockets that no hook of IP sees, where the kernel has BPF LSM to see them.

use std::io;
use std::os::unix::net::{UnixDatagram, UnixListener};

use penstock_egress::{Events, Hook, Policy};

use crate::suite::{Fault, Row, Suite, hold};
use crate::world::{Held, World, policy, unread};

pub(crate) fn run(suite: &mut Suite, world: &World) -> io::Result<()> {
    if !suite.wants("families/") {
        return Ok(());
    }
    let held = world.cgroup("families")?;
    let free = world.cgroup("families-free")?;
    let strict = Policy { unix_sockets: false, netlink: false, ..policy("families") };
    drop(world.hold(&strict, &held)?);
    let places = tempfile::tempdir()?;
    let (stream, datagram) = (places.path().join("stream"), places.path().join("datagram"));
    let _somebody = (UnixListener::bind(&stream)?, UnixDatagram::bind(&datagram)?);
    let (stream, datagram) = (stream.display().to_string(), datagram.display().to_string());

    suite.row("families/pairs-of-streams-work", || {
        let said = world.probe(&held, &["family", "pair"])?;
        hold!(said.ok(), "{said}");
        Ok(())
    });
    for words in [
        ["unix-connect", &stream].as_slice(),
        &["unix-send", &datagram],
        &["pair-send", &datagram],
        &["netlink"],
        &["packet"],
        &["vsock"],
    ] {
        suite.row(&format!("families/{}", words[0]), || refused(world, &held, &free, words));
    }
    Ok(())
}

/// It works where nothing is enforced, and where the agent may not it is refused and told.
fn refused(world: &World, held: &Held, free: &Held, words: &[&str]) -> Row {
    if let Err(why) = penstock_egress::bpf_lsm() {
        return Err(Fault::NotRun(format!("no BPF LSM: {why}")));
    }
    let words = [&["family"], words].concat();
    let said = world.probe(free, &words)?;
    if said.errno == libc::EAFNOSUPPORT {
        return Err(Fault::NotRun(format!("this kernel has no such sockets ({said})")));
    }
    hold!(said.ok(), "unenforced: {said}");
    let mut events = Events::open(&world.host)?;
    unread(&mut events)?;
    let said = world.probe(held, &words)?;
    hold!(said.errno == libc::EPERM, "{said}");
    let told = unread(&mut events)?;
    let lsm = |hook| matches!(hook, Hook::LsmSocketCreate | Hook::LsmUnixConnect);
    hold!(told.iter().any(|event| lsm(event.hook) && event.refused), "no event: {told:?}");
    Ok(())
}
