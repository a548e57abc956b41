//! Every way × every form of address × every destination: first that it works where nothing is
//! enforced, then that it does not, and that the kernel said so, counted it, and let nothing out.

use std::io;
use std::thread;
use std::time::Duration;

use penstock_egress::{Event, Events, Hook, Reason, status};

use crate::peer::{destination, intrusions, shown};
use crate::places::{
    self, ALLOWED, BROADCAST4, Form, GATEWAY, GROUP4, GROUP6, HOST4, HOST6, PEER4, PEER6, SERVICE,
    Target, Transport, v4, v6,
};
use crate::probe::{Arrives, Refused, To, WAYS, Way};
use crate::suite::{Fault, Row, Suite, hold};
use crate::world::{Held, Said, World, policy, unread};

/// How long the kernel goes on with what it could not send at once.
const QUIET: Duration = Duration::from_millis(1300);

pub(crate) struct Cell {
    pub(crate) name: String,
    pub(crate) way: &'static Way,
    form: Form,
    target: Target,
}

pub(crate) fn run(suite: &mut Suite, world: &World) -> io::Result<()> {
    let wanted: Vec<Cell> = cells().into_iter().filter(|cell| suite.wants(&cell.name)).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let held = world.cgroup("matrix")?;
    let shown: Vec<Row> = wanted.iter().map(|cell| works(world, &held, cell)).collect();
    thread::sleep(QUIET);
    let enforced = world.hold(&policy("matrix"), &held)?;
    let mut events = Events::open(&world.host).map_err(io::Error::other)?;
    unread(&mut events)?;
    let (packets, visits) = (world.peer.count(), intrusions());
    let mut let_out = 0;
    for (cell, shown) in wanted.iter().zip(shown) {
        suite.row(&cell.name, || {
            shown?;
            let before = world.peer.count();
            let went = is_shut(world, &held, &mut events, cell);
            if cell.allowed() {
                let_out += world.peer.count() - before;
            }
            went
        });
    }
    suite.row("matrix/nothing-came-later", || {
        thread::sleep(QUIET);
        let late = world.peer.count() - packets - let_out;
        hold!(late == 0, "{late} packets of refused rows reached the peer in the end");
        hold!(intrusions() == visits, "a listener was reached that no rule allows");
        Ok(())
    });
    drop(enforced);
    penstock_egress::remove(&world.host, "matrix", None, true).map(drop).map_err(io::Error::other)
}

/// All that make sense.
pub(crate) fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for way in WAYS {
        for &form in way.forms {
            for target in targets_of(way, form) {
                let name = format!("matrix/{}/{}/{}", way.name, form.name(), target.name);
                cells.push(Cell { name, way, form, target });
            }
        }
    }
    cells
}

/// Where a way of a form is tried.
pub(crate) fn targets_of(way: &Way, form: Form) -> Vec<Target> {
    let one = |name, of4, of6, allowed| {
        let at = if form == Form::V4 { of4 } else { of6 };
        vec![Target { name, at, allowed, outside: true }]
    };
    match way.to {
        To::All => places::targets(form, way.transport),
        To::Outside => places::targets(form, way.transport)
            .into_iter()
            .filter(|target| target.outside && !target.allowed)
            .collect(),
        To::Gateway => one("gateway", v4(HOST4, GATEWAY), v6(HOST6, GATEWAY), false),
        To::Allowed => one("allowed", v4(PEER4, ALLOWED), v6(PEER6, ALLOWED), false),
        To::Group => one("group", v4(GROUP4, SERVICE), v6(GROUP6, SERVICE), false),
        To::Broadcast => one("everybody", v4(BROADCAST4, SERVICE), v4(BROADCAST4, SERVICE), false),
        To::Local => one("local", v4(HOST4, 7070), v6(HOST6, 7070), false),
    }
}

impl Cell {
    /// Whether it works when a policy is in force, too.
    pub(crate) fn allowed(&self) -> bool {
        self.target.allowed && self.way.refused != Refused::Create
    }

    fn try_it(&self, world: &World, held: &Held) -> io::Result<Said> {
        let to = self.target.at.to_string();
        let words = ["impatient", "way", self.way.name, &to];
        // What is only seen to arrive is answered by nobody.
        let patient = usize::from(self.way.arrives != Arrives::Seen && !self.ends_in_silence());
        world.probe(held, &words[patient..])
    }

    /// Whether a refusal is found out by waiting alone.
    fn ends_in_silence(&self) -> bool {
        matches!(self.way.refused, Refused::Packet(_, libc::ETIMEDOUT))
    }

    /// The hook and the reason that the kernel has to give.
    pub(crate) fn expected(&self) -> (Hook, Reason) {
        let four = matches!(self.form, Form::V4 | Form::Any4);
        match self.way.refused {
            Refused::Connect4 => (Hook::Connect4, Reason::NoRule),
            Refused::Connect if four => (Hook::Connect4, Reason::NoRule),
            Refused::Connect => (Hook::Connect6, Reason::NoRule),
            Refused::Sendmsg4 => (Hook::Sendmsg4, Reason::NoRule),
            Refused::Sendmsg if four || self.form == Form::Mapped => {
                (Hook::Sendmsg4, Reason::NoRule)
            }
            Refused::Sendmsg => (Hook::Sendmsg6, Reason::NoRule),
            Refused::Bind if four => (Hook::Bind4, Reason::Bind),
            Refused::Bind => (Hook::Bind6, Reason::Bind),
            Refused::Option => (Hook::Setsockopt, Reason::Group),
            Refused::Create => (Hook::SockCreate, Reason::Protocol),
            Refused::Packet(reason, _) => (Hook::Egress, reason),
        }
    }
}

/// The positive control: a row that fails with nothing enforced would prove nothing later.
pub(crate) fn works(world: &World, held: &Held, cell: &Cell) -> Row {
    let before = world.peer.count();
    let said = cell.try_it(world, held)?;
    if let Some(why) = lacking(&said) {
        return Err(Fault::NotRun(why));
    }
    match cell.way.arrives {
        Arrives::Echo | Arrives::Made => {
            hold!(said.ok(), "where nothing is enforced it should work: {said}");
        }
        Arrives::Seen => {
            world.settle()?;
            let seen = world.peer.since(before);
            let through = |packet: &Vec<u8>| destination(packet).is_some();
            hold!(
                seen.iter().any(through),
                "where nothing is enforced the peer saw nothing: {said}"
            );
        }
    }
    Ok(())
}

/// What the kernel was built without.
fn lacking(said: &Said) -> Option<String> {
    let missing = match (said.step.as_str(), said.errno) {
        ("socket", libc::EPROTONOSUPPORT | libc::ESOCKTNOSUPPORT | libc::EAFNOSUPPORT) => {
            "this kernel has no such sockets"
        }
        ("ring", libc::ENOSYS | libc::EPERM) => "this kernel has no io_uring for us",
        ("route", libc::EINVAL | libc::ENOPROTOOPT) => "this kernel has no such routing headers",
        _ => return None,
    };
    Some(format!("{missing} ({said})"))
}

fn is_shut(world: &World, held: &Held, events: &mut Events, cell: &Cell) -> Row {
    let (hook, reason) = cell.expected();
    let (packets, visits, counted) = (world.peer.count(), intrusions(), count(world, hook)?);
    let said = cell.try_it(world, held)?;
    world.settle()?;
    let events = unread(events)?;
    if cell.allowed() {
        hold!(said.ok(), "what a rule allows should work: {said}");
        hold!(events.is_empty(), "what a rule allows was reported: {events:?}");
        return Ok(());
    }
    let came = world.peer.since(packets);
    hold!(came.is_empty(), "it ended so: {said}; the peer saw {}", shown(&came));
    hold!(intrusions() == visits, "a listener was reached that no rule allows ({said})");
    let errno = match cell.way.refused {
        Refused::Packet(_, errno) => errno,
        _ => libc::EPERM,
    };
    hold!(said.errno == errno, "it should end with errno {errno}: {said}");
    let told = |event: &&Event| {
        event.hook == hook && event.reason == reason && event.refused && names(event, cell, &said)
    };
    let event = events.iter().find(told);
    hold!(event.is_some(), "no event of {hook:?} for {reason:?} names it ({said}): {events:?}");
    let now = count(world, hook)?;
    hold!(now > counted, "the count of {hook:?} stayed at {now}");
    Ok(())
}

/// Whether an event names the process and the destination, as far as its hook knows them.
fn names(event: &Event, cell: &Cell, said: &Said) -> bool {
    match event.hook {
        Hook::Egress | Hook::Setsockopt => event.process.is_none(),
        hook => {
            let process = event.process.as_ref().is_some_and(|process| process.pid == said.pid);
            let place = (cell.target.at.ip().to_canonical(), cell.target.at.port());
            let there = matches!(hook, Hook::SockCreate)
                || cell.way.refused == Refused::Bind
                || event.to == Some(place);
            let protocol = match (hook, cell.way.transport) {
                (Hook::SockCreate, _) => event.protocol != 0,
                (_, Transport::Tcp) => event.protocol == 6,
                (_, Transport::Udp) => event.protocol == 17,
            };
            process && there && protocol
        }
    }
}

/// How often a hook refused so far.
fn count(world: &World, hook: Hook) -> Result<u64, Fault> {
    let all = status(&world.host)?;
    let set = all.iter().find(|set| set.agent == "matrix");
    let counted = set.and_then(|set| set.refused.iter().find(|(other, _)| *other == hook));
    Ok(counted.map_or(0, |(_, count)| *count))
}
