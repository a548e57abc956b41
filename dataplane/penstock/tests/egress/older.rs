//! Sockets that are older than the policy, and those that wait for somebody to come.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use penstock_egress::{Events, Hook, Reason};

use crate::peer::shown;
use crate::places::{HOST4, PEER4, PEER6, SERVICE, v4, v6};
use crate::probe::{TOKEN, WAIT};
use crate::suite::{Row, Suite, hold};
use crate::world::{Held, Running, World, policy, setting};

/// What a connection may carry, and how it ends.
const USES: [&str; 7] = ["write", "zerocopy", "urgent", "sendfile", "splice", "shutdown", "reset"];

pub(crate) fn run(suite: &mut Suite, world: &World) -> io::Result<()> {
    if suite.wants("older/") {
        older(suite, world)?;
    }
    if suite.wants("listen/") {
        listening(suite, world)?;
    }
    Ok(())
}

fn older(suite: &mut Suite, world: &World) -> io::Result<()> {
    let held = world.cgroup("older")?;
    let mut open: Vec<(String, Running)> = Vec::new();
    let places = [
        ("v4", v4(PEER4, SERVICE)),
        ("v6", v6(PEER6, SERVICE)),
        ("mapped", v6(PEER4.to_ipv6_mapped(), SERVICE)),
    ];
    for (form, to) in places {
        let to = to.to_string();
        for how in USES {
            let running = world.start(&held, &["held", "tcp", how, &to])?;
            open.push((format!("older/tcp-{how}/{form}"), running));
        }
        open.push((format!("older/udp/{form}"), world.start(&held, &["held", "udp", &to])?));
    }
    let to = v4(PEER4, SERVICE).to_string();
    open.push(("older/raw/v4".to_owned(), world.start(&held, &["held", "raw", &to])?));
    // That they have come so far is the positive control: each has its token back from the peer.
    for (_, running) in &mut open {
        running.ready()?;
    }
    hold_quietly(world, &held, "older")?;
    // What was on its way is on the wire by now: no acknowledgement is delayed longer.
    thread::sleep(Duration::from_millis(100));
    let before = world.peer.count();
    let mut events = Events::open(&world.host).map_err(io::Error::other)?;
    for (name, mut running) in open {
        suite.row(&name, || {
            world.events(&mut events)?;
            let before = world.peer.count();
            running.go()?;
            let said = running.end()?;
            world.settle()?;
            hold!(!said.ok(), "it works still");
            let came = world.peer.since(before);
            hold!(came.is_empty(), "it ended so: {said}; the peer saw {}", shown(&came));
            let told = world.events(&mut events)?;
            // Sent on an IPv6 socket, an IPv4 datagram is asked for as if it had no connection.
            let hooks = [Hook::Egress, Hook::Sendmsg4];
            let why = |reason| told.iter().any(|e| hooks.contains(&e.hook) && e.reason == reason);
            let raw = name.starts_with("older/raw");
            let reasons: &[Reason] = match raw {
                true => &[
                    Reason::NoRule,
                    Reason::Header,
                    Reason::Fragment,
                    Reason::Options,
                    Reason::Protocol,
                ],
                false => &[Reason::NoRule],
            };
            hold!(reasons.iter().all(|reason| why(*reason)), "events tell another tale: {told:?}");
            Ok(())
        });
    }
    suite.row("older/nothing-came-later", || {
        // What was not acknowledged is sent again, now without a process.
        thread::sleep(Duration::from_millis(1300));
        let came = world.peer.since(before);
        hold!(came.is_empty(), "the peer saw {}", shown(&came));
        Ok(())
    });
    Ok(())
}

/// Held by its pins, until the run ends: what is still to be sent again must not leave then either.
fn hold_quietly(world: &World, held: &Held, agent: &str) -> io::Result<()> {
    world.hold(&policy(agent), held).map(drop)
}

fn listening(suite: &mut Suite, world: &World) -> io::Result<()> {
    let held = world.cgroup("listen")?;
    for cookies in ["1", "2"] {
        setting("ipv4/tcp_syncookies", cookies)?;
        let shown = visit(world, &held);
        let name = format!("listen/shown-unenforced/syncookies-{cookies}");
        suite.row(&name, || {
            let visit = shown?;
            hold!(visit.came && visit.heard, "nobody can come even where nothing is enforced");
            hold!(!visit.packets.is_empty(), "the peer saw no packet of a connection");
            Ok(())
        });
    }
    thread::sleep(Duration::from_millis(300));
    hold_quietly(world, &held, "listen")?;
    for cookies in ["1", "2"] {
        setting("ipv4/tcp_syncookies", cookies)?;
        suite.row(&format!("listen/without-bind/syncookies-{cookies}"), || closed(world, &held));
    }
    setting("ipv4/tcp_syncookies", "1")
}

/// How it went when the peer came to a listener of the agent's.
struct Visit {
    /// Whether the peer was let in.
    came: bool,
    /// Whether the agent heard it.
    heard: bool,
    /// What the peer saw from that port.
    packets: Vec<Vec<u8>>,
}

/// Has an agent listen without `bind`, and the peer come.
fn visit(world: &World, held: &Held) -> io::Result<Visit> {
    let mut listener = world.start(held, &["held", "listen"])?;
    let port: u16 = listener.line()?.parse().map_err(io::Error::other)?;
    let before = world.peer.count();
    let at = SocketAddr::from((HOST4, port));
    let came = world.peer.inside(move || {
        let Ok(mut stream) = TcpStream::connect_timeout(&at, WAIT * 2) else { return Ok(false) };
        let sent = stream.write_all(TOKEN);
        thread::sleep(WAIT);
        sent.map(|()| true)
    })?;
    let said = listener.end()?;
    let from = |packet: &Vec<u8>| packet.get(20..22) == Some(&port.to_be_bytes()[..]);
    let packets = world.peer.since(before).into_iter().filter(from).collect();
    Ok(Visit { came, heard: said.ok(), packets })
}

fn closed(world: &World, held: &Held) -> Row {
    let visit = visit(world, held)?;
    hold!(!visit.came, "the peer was let in");
    hold!(!visit.heard, "the agent heard the peer");
    hold!(visit.packets.is_empty(), "the peer saw {}", shown(&visit.packets));
    Ok(())
}
