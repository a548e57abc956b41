//! Whose connection it is: the kernel's word, which nobody else can have.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::thread;
use std::time::Duration;

use aya::Pod;
use aya::maps::{HashMap, Map, MapData};
use penstock_config::{EgressMode, agent_id};
use penstock_ebpf_abi as abi;
use penstock_egress::{Callers, Policy};
use socket2::{Domain, Socket, Type};

use crate::places::{HOST4, HOST6, v4, v6};
use crate::probe::limit;
use crate::suite::{Row, Suite, hold};
use crate::world::{Held, Running, World, policy, setting};

/// Where this suite is the gateway itself.
const PORT: u16 = 8810;
/// The port that whoever connects is given, or takes.
const SOURCE: u16 = 45_454;

/// A connection, and whose it is, as the map has them.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Connection(pub(crate) abi::Connection);
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Caller(pub(crate) abi::Caller);
// SAFETY: plain data without padding, by the ABI's own assertions.
unsafe impl Pod for Connection {}
// SAFETY: two numbers of eight bytes.
unsafe impl Pod for Caller {}

pub(crate) fn run(suite: &mut Suite, world: &World) -> io::Result<()> {
    if !suite.wants("callers/") {
        return Ok(());
    }
    let (one, two) = (world.cgroup("caller-one")?, world.cgroup("caller-two")?);
    drop(world.hold(&agent("one"), &one)?);
    let audited = Policy { mode: EgressMode::Audit, ..agent("two") };
    drop(world.hold(&audited, &two)?);
    for (name, bound, to) in [
        ("v4", v4(Ipv4Addr::LOCALHOST, PORT), v4(Ipv4Addr::LOCALHOST, PORT)),
        ("v4-host-address", v4(HOST4, PORT), v4(HOST4, PORT)),
        ("v6", v6(Ipv6Addr::LOCALHOST, PORT), v6(Ipv6Addr::LOCALHOST, PORT)),
        ("v6-host-address", v6(HOST6, PORT), v6(HOST6, PORT)),
        ("mapped", v4(Ipv4Addr::LOCALHOST, PORT), v6(Ipv4Addr::LOCALHOST.to_ipv6_mapped(), PORT)),
        ("v4-at-dual-stack", v6(Ipv6Addr::UNSPECIFIED, PORT), v4(Ipv4Addr::LOCALHOST, PORT)),
        (
            "mapped-at-dual-stack",
            v6(Ipv6Addr::UNSPECIFIED, PORT),
            v6(Ipv4Addr::LOCALHOST.to_ipv6_mapped(), PORT),
        ),
    ] {
        suite.row(&format!("callers/agent/{name}"), || known(world, &one, bound, to));
    }
    suite.row("callers/two-agents", || two_agents(world, &one, &two));
    suite.row("callers/outsider", || outsider(world));
    suite.row("callers/port-used-again-by-outsider", || used_again(world, &one));
    suite.row("callers/outsiders-port-used-again-by-agent", || used_before(world, &one));
    suite.row("callers/other-namespace", || other_namespace(world, &one));
    suite.row("callers/killed", || killed(world, &one));
    suite.row("callers/closed-under-the-next-set", || next_set(world, &one));
    suite.row("callers/nothing-is-left", || nothing_left(world, &one));
    suite.row("callers/policy-removed", || policy_removed(world));
    Ok(())
}

/// An agent that may reach the gateway that this suite is.
pub(crate) fn agent(name: &str) -> Policy {
    let policy = policy(name);
    let gateways = policy.gateways.iter().map(|at| SocketAddr::new(at.ip(), PORT)).collect();
    Policy { gateways, ..policy }
}

fn gateway() -> SocketAddr {
    v4(Ipv4Addr::LOCALHOST, PORT)
}

/// Accepts what comes within a moment.
fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    listener.set_nonblocking(true)?;
    for _ in 0..500 {
        match listener.accept() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_millis(1));
            }
            done => return done.map(|(stream, _)| stream),
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

fn asked(world: &World, stream: &TcpStream) -> io::Result<Option<u64>> {
    Ok(Callers::open(&world.host)?.agent(stream.as_fd()))
}

fn stays(world: &World, held: &Held, to: SocketAddr) -> io::Result<Running> {
    world.start(held, &["held", "stay", &to.to_string()])
}

fn known(world: &World, held: &Held, bound: SocketAddr, to: SocketAddr) -> Row {
    let listener = TcpListener::bind(bound)?;
    let _process = stays(world, held, to)?;
    let stream = accept(&listener)?;
    // As soon as it can be accepted, without waiting for anything.
    let whose = asked(world, &stream)?;
    hold!(whose == Some(agent_id("one")), "it is {whose:?}");
    Ok(())
}

fn two_agents(world: &World, one: &Held, two: &Held) -> Row {
    let listener = TcpListener::bind(gateway())?;
    let mut processes = Vec::new();
    for round in 0..10 {
        let (held, name) = if round % 2 == 0 { (one, "one") } else { (two, "two") };
        processes.push(stays(world, held, gateway())?);
        let stream = accept(&listener)?;
        let whose = asked(world, &stream)?;
        hold!(whose == Some(agent_id(name)), "of agent `{name}` it says {whose:?}");
    }
    Ok(())
}

/// Outside every agent's cgroup, under the same user.
fn outsider(world: &World) -> Row {
    let listener = TcpListener::bind(gateway())?;
    let free = world.cgroup("free")?;
    let _process = stays(world, &free, gateway())?;
    let whose = asked(world, &accept(&listener)?)?;
    hold!(whose.is_none(), "an outsider is taken for {whose:?}");
    Ok(())
}

/// Whoever connects without a port of its own has this one.
fn one_port_only<T>(
    work: impl FnOnce() -> Result<T, crate::suite::Fault>,
) -> Result<T, crate::suite::Fault> {
    const RANGE: &str = "ipv4/ip_local_port_range";
    setting(RANGE, &format!("{SOURCE} {SOURCE}"))?;
    let went = work();
    setting(RANGE, "32768 60999")?;
    went
}

/// An outsider's connection from the port that the agent had.
fn take_port() -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_linger(Some(Duration::ZERO))?;
    socket.bind(&v4(Ipv4Addr::LOCALHOST, SOURCE).into())?;
    socket.connect_timeout(&gateway().into(), limit())?;
    Ok(socket)
}

fn used_again(world: &World, one: &Held) -> Row {
    let listener = TcpListener::bind(gateway())?;
    for _ in 0..20 {
        one_port_only(|| {
            let mut process = stays(world, one, gateway())?;
            process.ready()?;
            let stream = accept(&listener)?;
            hold!(stream.peer_addr()?.port() == SOURCE, "the agent has another port");
            hold!(asked(world, &stream)?.is_some(), "the agent is not known");
            process.go()?;
            process.end()?;
            hold!(
                asked(world, &stream)?.is_none(),
                "of a connection that has ended it says so still"
            );
            Ok(())
        })?;
        let _outsider = take_port()?;
        let stream = accept(&listener)?;
        hold!(stream.peer_addr()?.port() == SOURCE, "the outsider has another port");
        let whose = asked(world, &stream)?;
        hold!(whose.is_none(), "the outsider is taken for {whose:?}");
    }
    Ok(())
}

fn used_before(world: &World, one: &Held) -> Row {
    let listener = TcpListener::bind(gateway())?;
    let outsider = take_port()?;
    let of_outsider = accept(&listener)?;
    drop(outsider);
    one_port_only(|| {
        let _process = stays(world, one, gateway())?;
        let of_agent = accept(&listener)?;
        hold!(of_agent.peer_addr()?.port() == SOURCE, "the agent has another port");
        hold!(asked(world, &of_agent)?.is_some(), "the agent is not known");
        let whose = asked(world, &of_outsider)?;
        hold!(whose.is_none(), "the outsider's dead connection is taken for {whose:?}");
        Ok(())
    })
}

/// The same addresses in another network namespace are another connection.
fn other_namespace(world: &World, one: &Held) -> Row {
    let here = TcpListener::bind(gateway())?;
    let there = world.peer.inside(|| {
        setting("ipv4/ip_local_port_range", &format!("{SOURCE} {SOURCE}"))?;
        TcpListener::bind(gateway())
    })?;
    let words = ["posture", "peer-namespace", "held", "stay", &gateway().to_string()];
    let mut process = world.start(one, &words)?;
    process.ready()?;
    let of_agent = accept(&there)?;
    let _outsider = take_port()?;
    let of_outsider = accept(&here)?;
    hold!(of_agent.peer_addr()? == of_outsider.peer_addr()?, "their addresses are not equal");
    let whose = asked(world, &of_outsider)?;
    hold!(whose.is_none(), "the outsider is taken for {whose:?}");
    hold!(asked(world, &of_agent)? == Some(agent_id("one")), "the agent is not known");
    world.peer.inside(|| setting("ipv4/ip_local_port_range", "32768 60999"))?;
    Ok(())
}

fn killed(world: &World, one: &Held) -> Row {
    let listener = TcpListener::bind(gateway())?;
    let process = stays(world, one, gateway())?;
    let stream = accept(&listener)?;
    hold!(asked(world, &stream)?.is_some(), "the agent is not known");
    drop(process);
    hold!(asked(world, &stream)?.is_none(), "of a process that was killed it says so still");
    Ok(())
}

/// What one set wrote, the next one takes back.
fn next_set(world: &World, one: &Held) -> Row {
    let listener = TcpListener::bind(gateway())?;
    let mut process = stays(world, one, gateway())?;
    process.ready()?;
    let stream = accept(&listener)?;
    drop(world.hold(&agent("one"), one)?);
    hold!(asked(world, &stream)? == Some(agent_id("one")), "it is forgotten");
    process.go()?;
    process.end()?;
    hold!(entries(world)? == 0, "an entry is left");
    Ok(())
}

/// How many connections of the first agent are known.
fn entries(world: &World) -> io::Result<usize> {
    let id = agent_id("one");
    Ok(callers(world)?.iter().flatten().filter(|(_, caller)| caller.0.agent == id).count())
}

fn callers(world: &World) -> io::Result<HashMap<MapData, Connection, Caller>> {
    let path = world.host.bpffs.join(format!("v{}/callers", abi::VERSION));
    let map = MapData::from_pin(path).map_err(io::Error::other)?;
    HashMap::try_from(Map::HashMap(map)).map_err(io::Error::other)
}

fn nothing_left(world: &World, one: &Held) -> Row {
    let to = format!("127.0.0.1:{PORT}");
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    listener.set_reuse_address(true)?;
    listener.bind(&gateway().into())?;
    // As many as come before one is accepted.
    listener.listen(4096)?;
    let listener = TcpListener::from(listener);
    let accepts = thread::spawn(move || {
        listener.set_nonblocking(false)?;
        for _ in 0..10_000 {
            listener.accept()?;
        }
        io::Result::Ok(())
    });
    let said = world.probe(one, &["held", "churn", "10000", &to])?;
    hold!(said.ok(), "{said}");
    let left = entries(world)?;
    hold!(left == 0, "of 10,000 connections that have ended {left} are known still");
    // Those of them that were reset before they were accepted are still counted as accepted.
    let _ = accepts.join();
    Ok(())
}

/// Where the policy is taken away while a connection is open, nobody takes its entry away later.
fn policy_removed(world: &World) -> Row {
    let held = world.cgroup("caller-removed")?;
    drop(world.hold(&agent("gone"), &held)?);
    let listener = TcpListener::bind(gateway())?;
    one_port_only(|| {
        let mut process = stays(world, &held, gateway())?;
        process.ready()?;
        let stream = accept(&listener)?;
        hold!(asked(world, &stream)? == Some(agent_id("gone")), "the agent is not known");
        penstock_egress::remove(&world.host, "gone", None, true)?;
        process.go()?;
        process.end()?;
        Ok(())
    })?;
    let _outsider = take_port()?;
    let whose = asked(world, &accept(&listener)?)?;
    hold!(whose.is_none(), "the outsider is taken for {whose:?}, which is no agent any more");
    Ok(())
}
