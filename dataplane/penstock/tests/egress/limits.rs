//! Where there is no room: still refused, and said.

use std::io;
use std::net::Ipv4Addr;

use aya::maps::{HashMap, Map, MapData};
use aya::programs::{CgroupAttachMode, CgroupSkb, CgroupSkbAttachType, CgroupSock, CgroupSockAddr};
use aya::{Ebpf, EbpfLoader};
use penstock_config::{EgressRule, Transport as Over};
use penstock_ebpf_abi as abi;
use penstock_egress::{EgressError, Events, Host, Policy, Status, apply, status};

use crate::callers::{Caller, Connection};
use crate::peer::shown;
use crate::places::{ALLOWED, GATEWAY, PEER4, SERVICE, v4};
use crate::suite::{Fault, Row, Suite, hold};
use crate::world::{World, policy};

pub(crate) fn run(suite: &mut Suite, world: &World) -> io::Result<()> {
    suite.row("limits/rules", || rules(world));
    suite.row("limits/no-rules", || no_rules(world));
    suite.row("limits/nothing-filled-in", || nothing_filled_in(world));
    suite.row("limits/callers-full", || callers_full(world));
    suite.row("limits/events-full", || events_full(world));
    suite.row("limits/events-repeated", || events_repeated(world));
    Ok(())
}

fn one(host: &Host) -> Result<Status, Fault> {
    let all = status(host)?;
    all.into_iter().next().ok_or_else(|| Fault::Broken("status knows of nothing".to_owned()))
}

fn rules(world: &World) -> Row {
    let held = world.cgroup("rules")?;
    let rule = |number: u32| EgressRule {
        address: Ipv4Addr::from_bits(0x0b00_0000 + number).into(),
        prefix: 32,
        port: Some(1),
        protocol: Over::Udp,
    };
    let few = policy("rules");
    let room = usize::try_from(abi::RULES_MAX).unwrap_or_default() - few.gateways.len();
    let most: Vec<EgressRule> = (0..abi::RULES_MAX).map(rule).take(room - 1).collect();
    let last = EgressRule { address: PEER4.into(), port: Some(ALLOWED), ..rule(0) };
    let full =
        Policy { rules: most.iter().cloned().chain([last.clone()]).collect(), ..few.clone() };
    drop(world.hold(&full, &held)?);
    let said = world.probe(&held, &["way", "udp-sendto", &v4(PEER4, ALLOWED).to_string()])?;
    hold!(said.ok(), "the last rule that has room does not hold: {said}");
    let over = Policy { rules: most.into_iter().chain([last.clone(), last]).collect(), ..few };
    let refused = apply(&world.host, &over, &held.cgroup);
    hold!(matches!(refused, Err(EgressError::TooMany { .. })), "one rule too many: {refused:?}");
    let said = world.probe(&held, &["way", "udp-sendto", &v4(PEER4, SERVICE).to_string()])?;
    hold!(said.errno == libc::EPERM, "what was in force before is so no more: {said}");
    Ok(())
}

/// A missing entry is a refusal.
fn no_rules(world: &World) -> Row {
    let held = world.cgroup("no-rules")?;
    let empty = Policy { gateways: vec![], rules: vec![], ..policy("no-rules") };
    drop(world.hold(&empty, &held)?);
    for (way, to) in [
        ("tcp-connect", v4(Ipv4Addr::LOCALHOST, GATEWAY)),
        ("udp-sendto", v4(PEER4, ALLOWED)),
        ("udp-connect", v4(PEER4, ALLOWED)),
    ] {
        let said = world.probe(&held, &["way", way, &to.to_string()])?;
        hold!(said.errno == libc::EPERM, "{way}: {said}");
    }
    Ok(())
}

/// Programs that nobody told anything are the strictest.
fn nothing_filled_in(world: &World) -> Row {
    const MODE: CgroupAttachMode = CgroupAttachMode::Single;
    let held = world.cgroup("nothing-filled-in")?;
    let mut object: Ebpf = EbpfLoader::new().load(penstock_egress::object())?;
    let missing = || Fault::Broken("the object lacks a program".to_owned());
    let program: &mut CgroupSkb = object.program_mut("egress").ok_or_else(missing)?.try_into()?;
    program.load()?;
    program.attach(&held.cgroup, CgroupSkbAttachType::Egress, MODE)?;
    let said = world.probe(&held, &["way", "udp-sendto", &v4(PEER4, ALLOWED).to_string()])?;
    hold!(said.errno == libc::EPERM, "a packet left: {said}");
    for name in ["connect4", "sendmsg4", "bind4"] {
        let program: &mut CgroupSockAddr =
            object.program_mut(name).ok_or_else(missing)?.try_into()?;
        program.load()?;
        program.attach(&held.cgroup, MODE)?;
    }
    let program: &mut CgroupSock =
        object.program_mut("sock_create").ok_or_else(missing)?.try_into()?;
    program.load()?;
    program.attach(&held.cgroup, MODE)?;
    for (way, to) in [
        ("tcp-connect", v4(Ipv4Addr::LOCALHOST, GATEWAY)),
        ("udp-sendto", v4(PEER4, ALLOWED)),
        ("udp-bind", v4(Ipv4Addr::LOCALHOST, 7071)),
        ("raw-udp", v4(PEER4, ALLOWED)),
    ] {
        let said = world.probe(&held, &["way", way, &to.to_string()])?;
        hold!(said.errno == libc::EPERM, "{way}: {said}");
    }
    Ok(())
}

fn callers_full(world: &World) -> Row {
    let host = world.another_host("callers-full")?;
    let held = world.cgroup("callers-full")?;
    let _enforced = apply(&host, &policy("callers-full"), &held.cgroup)?;
    let path = host.bpffs.join(format!("v{}/callers", abi::VERSION));
    let map = MapData::from_pin(path)?;
    let mut map: HashMap<_, Connection, Caller> = HashMap::try_from(Map::HashMap(map))?;
    for number in 0..abi::CALLERS_MAX {
        let connection = abi::Connection {
            netns: 0,
            local: [0; 16],
            remote: [0; 16],
            local_port: number,
            remote_port: 0,
        };
        map.insert(Connection(connection), Caller(abi::Caller { agent: 1, cookie: 1 }), 0)?;
    }
    let gateway = v4(Ipv4Addr::LOCALHOST, GATEWAY).to_string();
    let said = world.probe(&held, &["way", "tcp-connect", &gateway])?;
    hold!(said.ok(), "the gateway is out of reach: {said}");
    let lost = one(&host)?.callers_lost;
    hold!(lost == 1, "{lost} connections are counted that are not attested");
    let whose = map.iter().flatten().filter(|(_, caller)| caller.0.agent != 1).count();
    hold!(whose == 0, "{whose} connections are attested all the same");
    Ok(())
}

fn events_full(world: &World) -> Row {
    let host = world.another_host("events-full")?;
    let held = world.cgroup("events-full")?;
    let _enforced = apply(&host, &policy("events-full"), &held.cgroup)?;
    let before = world.peer.count();
    let said = world.probe(&held, &["held", "flood", "15000", &v4(PEER4, 1).to_string()])?;
    hold!(said.ok(), "with no room for events something passed: {said}");
    world.settle()?;
    let came = world.peer.since(before);
    hold!(came.is_empty(), "the peer saw {}", shown(&came));
    let status = one(&host)?;
    hold!(status.events_lost > 0, "no event is lost, although nobody reads them");
    let refused: u64 = status.refused.iter().map(|(_, count)| count).sum();
    hold!(refused == 14_999, "only {refused} refusals are counted");
    Ok(())
}

fn events_repeated(world: &World) -> Row {
    let host = world.another_host("events-repeated")?;
    let held = world.cgroup("events-repeated")?;
    let _enforced = apply(&host, &policy("events-repeated"), &held.cgroup)?;
    let mut events = Events::open(&host)?;
    let said = world.probe(&held, &["held", "repeat", "2000", &v4(PEER4, SERVICE).to_string()])?;
    hold!(said.ok(), "{said}");
    let told = world.events(&mut events)?.len();
    // It takes well under a second, which may begin anew within.
    hold!((1..=2).contains(&told), "of 2000 equal refusals {told} are told");
    let refused: u64 = one(&host)?.refused.iter().map(|(_, count)| count).sum();
    hold!(refused == 2000, "of 2000 refusals {refused} are counted");
    Ok(())
}
