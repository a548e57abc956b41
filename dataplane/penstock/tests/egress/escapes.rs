//! What the programs on a cgroup do not stop, as it is written in SECURITY.md: a socket is its maker's.
//! Whoever has one that was made outside gets out by it.
//!
//! `penstock run` closes each of these: it starts a command with no descriptor but the first three,
//! in a cgroup that it is born into, where it can neither be handed one nor make a ring. The suite
//! `run` holds it to that.

use std::io::{self, Write as _};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use crate::places::{HOST4, PEER4, SERVICE, v4};
use crate::probe::{self, TOKEN, WAIT};
use crate::suite::{Fault, Row, Suite, hold};
use crate::sys;
use crate::world::{Held, Running, Said, World, policy};

pub(crate) fn run(suite: &mut Suite, world: &World) -> io::Result<()> {
    if !suite.wants("escapes/") {
        return Ok(());
    }
    let held = world.cgroup("escapes")?;
    drop(world.hold(&policy("escapes"), &held)?);
    suite.row("escapes/closed/a-socket-of-its-own", || {
        let said = world.probe(&held, &["way", "tcp-connect", &service()])?;
        hold!(said.errno == libc::EPERM, "{said}");
        Ok(())
    });
    suite.row("escapes/open/passed-by-scm-rights", || {
        let (ours, theirs) = UnixStream::pair()?;
        let mut process = with(world, &held, &["held", "passed"], theirs.into())?;
        sys::send_descriptor(&ours, &TcpStream::connect(service())?)?;
        drop(ours);
        got_out(&process.end()?)
    });
    suite.row("escapes/open/inherited-connection", || {
        let socket = TcpStream::connect(service())?;
        got_out(&with(world, &held, &["held", "inherited"], socket.into())?.end()?)
    });
    suite.row("escapes/open/inherited-listener", || {
        let listener = std::net::TcpListener::bind(v4(HOST4, 0))?;
        let at = listener.local_addr()?;
        let mut process = with(world, &held, &["held", "accepts"], listener.into())?;
        let answered = world.peer.inside(move || {
            let mut stream = TcpStream::connect_timeout(&at, WAIT)?;
            let mut token = [0; TOKEN.len()];
            io::Read::read_exact(&mut stream, &mut token)?;
            stream.write_all(&token)
        });
        process.end()?;
        hold!(answered.is_ok(), "{answered:?}");
        Ok(())
    });
    for what in ["moves-in", "ring"] {
        suite.row(&format!("escapes/open/outside-then-{what}"), || {
            let words = ["outside", what, &held.procs(), &service()];
            let mut command = world.command(&held, &words);
            let said = Running::new(command.env(probe::CGROUP, "").stdin(Stdio::null()))?.end()?;
            if said.step == "ring" || said.step == "register" {
                return Err(Fault::NotRun(format!("this kernel has no io_uring for us ({said})")));
            }
            got_out(&said)
        });
    }
    Ok(())
}

fn service() -> String {
    v4(PEER4, SERVICE).to_string()
}

/// A probe with something for its standard input.
fn with(world: &World, held: &Held, words: &[&str], input: OwnedFd) -> io::Result<Running> {
    Running::new(world.command(held, words).stdin(input))
}

/// It does, today; a kernel where it does not is worth knowing of.
fn got_out(said: &Said) -> Row {
    hold!(said.ok(), "what is written down as open is not: {said}");
    Ok(())
}
