//! The program that judges packets, given one packet at a time by `BPF_PROG_TEST_RUN`: what it passes,
//! another reader of packets, written only for this, must find allowed.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;

use penstock_egress::{Events, Hook, Reason};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::layers::pins;
use crate::places::{ALLOWED, GATEWAY, PEER4, PEER6};
use crate::suite::{Row, Suite, hold};
use crate::sys;
use crate::world::{World, policy, unread};

const TCP: u8 = 6;
const UDP: u8 = 17;
/// Commands of bpf(2).
const OBJ_GET: i32 = 7;
const PROG_TEST_RUN: i32 = 10;
const PROG_GET_FD_BY_ID: i32 = 13;
const OBJ_GET_INFO_BY_FD: i32 = 15;
/// What the kernel takes off before the program sees a packet (Ethernet).
const LINK_BYTES: usize = 14;

pub(crate) fn run(suite: &mut Suite, world: &World) -> io::Result<()> {
    if !suite.wants("packets/") {
        return Ok(());
    }
    let held = world.cgroup("packets")?;
    let _enforced = world.hold(&policy("packets"), &held)?;
    let program = Program::pinned(&pins(world, &held, "packets").join("egress"))?;
    let mut events = Events::open(&world.host).map_err(io::Error::other)?;
    for (name, packet, expected) in table() {
        suite.row(&format!("packets/{name}"), || {
            unread(&mut events)?;
            let passed = program.passes(&packet)?;
            let told = unread(&mut events)?;
            let reason = told.iter().find(|event| event.hook == Hook::Egress).map(|e| e.reason);
            hold!(passed == expected.is_none(), "passed: {passed}, {reason:?}: {packet:02x?}");
            hold!(reason == expected, "refused for {reason:?}, not {expected:?}: {packet:02x?}");
            Ok(())
        });
    }
    suite.row("packets/truncated-anywhere", || truncated(&program));
    suite.row("packets/random", || random(&program));
    Ok(())
}

/// A program, by the link that it is attached with.
struct Program(OwnedFd);

impl Program {
    fn pinned(link: &Path) -> io::Result<Self> {
        #[repr(C)]
        struct Get {
            path: u64,
            descriptor: u32,
            flags: u32,
        }
        #[repr(C)]
        struct Info {
            descriptor: u32,
            bytes: u32,
            address: u64,
        }
        let path = std::ffi::CString::new(link.as_os_str().as_encoded_bytes())?;
        let link = sys::bpf_descriptor(
            OBJ_GET,
            &mut Get { path: path.as_ptr() as u64, descriptor: 0, flags: 0 },
        )?;
        // Kind, id, program.
        let mut info = [0_u32; 3];
        let descriptor = link.as_raw_fd().cast_unsigned();
        let address = info.as_mut_ptr() as u64;
        sys::bpf(OBJ_GET_INFO_BY_FD, &mut Info { descriptor, bytes: 12, address })?;
        let mut by_id = [info[2], 0, 0];
        Ok(Self(sys::bpf_descriptor(PROG_GET_FD_BY_ID, &mut by_id)?))
    }

    /// Whether it lets a packet pass, which begins with the header of IP.
    fn passes(&self, packet: &[u8]) -> io::Result<bool> {
        #[repr(C)]
        #[derive(Default)]
        struct Test {
            program: u32,
            returned: u32,
            bytes: u32,
            bytes_out: u32,
            data: u64,
            data_out: u64,
            repeat: u32,
            nanos: u32,
            context: [u32; 2],
            contexts: [u64; 2],
            rest: [u32; 4],
        }
        let mut frame = vec![0; LINK_BYTES];
        let version = packet.first().map_or(0, |byte| byte >> 4);
        frame[12..].copy_from_slice(if version == 6 { &[0x86, 0xdd] } else { &[8, 0] });
        frame.extend(packet);
        let mut test = Test {
            program: self.0.as_raw_fd().cast_unsigned(),
            bytes: u32::try_from(frame.len()).map_err(io::Error::other)?,
            data: frame.as_ptr() as u64,
            ..Test::default()
        };
        sys::bpf(PROG_TEST_RUN, &mut test)?;
        Ok(test.returned == 1)
    }
}

/// Every kind of packet, and why it is refused, if it is.
fn table() -> Vec<(String, Vec<u8>, Option<Reason>)> {
    let mut rows = Vec::new();
    let mut row = |name: String, packet: Vec<u8>, expected| rows.push((name, packet, expected));
    let gateway4 = (Ipv4Addr::LOCALHOST.into(), GATEWAY);
    let gateway6 = (Ipv6Addr::LOCALHOST.into(), GATEWAY);
    let (udp4, udp6) = ((PEER4.into(), ALLOWED), (PEER6.into(), ALLOWED));
    for (name, to, other) in [("v4", gateway4, udp4), ("v6", gateway6, udp6)] {
        row(format!("{name}/gateway"), packet(to, TCP), None);
        row(format!("{name}/allowed-udp"), packet(other, UDP), None);
        row(format!("{name}/wrong-port"), packet((to.0, 1), TCP), Some(Reason::NoRule));
        row(format!("{name}/wrong-address"), packet((other.0, GATEWAY), TCP), Some(Reason::NoRule));
        row(format!("{name}/udp-to-the-gateway"), packet(to, UDP), Some(Reason::NoRule));
        row(format!("{name}/tcp-to-udp-rule"), packet(other, TCP), Some(Reason::NoRule));
        for protocol in 0..=255 {
            if protocol == TCP || protocol == UDP {
                continue;
            }
            let expected = match protocol {
                0 | 43 | 60 | 135 | 139 | 140 if name == "v6" => Reason::Options,
                44 if name == "v6" => Reason::Fragment,
                _ => Reason::Protocol,
            };
            row(format!("{name}/protocol-{protocol}"), packet(to, protocol), Some(expected));
        }
    }
    for length in 0..=15 {
        let mut bad = packet(gateway4, TCP);
        bad[0] = 0x40 | length;
        let expected = match length {
            5 => continue,
            0..5 => Reason::Header,
            _ => Reason::Options,
        };
        row(format!("v4/header-length-{length}"), bad, Some(expected));
    }
    for (name, to) in [("v4", gateway4), ("v6", gateway6)] {
        // What the link says is one version, and what the packet says is another.
        for version in (0..=15).filter(|version| ![4, 6].contains(version)) {
            let mut bad = packet(to, TCP);
            bad[0] = version << 4 | 5;
            row(format!("{name}/version-{version}"), bad, Some(Reason::Header));
        }
    }
    for (name, fragment, expected) in [
        ("first", 0x2000_u16, Some(Reason::Fragment)),
        ("middle", 0x2010, Some(Reason::Fragment)),
        ("last", 0x0010, Some(Reason::Fragment)),
        ("farthest", 0x1fff, Some(Reason::Fragment)),
        ("not-to-be-fragmented", 0x4000, None),
        ("reserved-bit", 0x8000, None),
    ] {
        let mut some = packet(gateway4, TCP);
        some[6..8].copy_from_slice(&fragment.to_be_bytes());
        row(format!("v4/fragment-{name}"), some, expected);
    }
    for first in [0, 43, 44, 60, 135, 139, 140] {
        for second in [0, 43, 44, 51, 60, TCP, UDP] {
            let mut chained = packet(gateway6, first);
            chained.splice(40..40, [second, 0, 1, 4, 0, 0, 0, 0]);
            let reason = if first == 44 { Reason::Fragment } else { Reason::Options };
            row(format!("v6/chain-{first}-{second}"), chained, Some(reason));
        }
    }
    rows
}

/// A packet with a whole header of its transport, if it has one.
fn packet(to: (IpAddr, u16), protocol: u8) -> Vec<u8> {
    let mut packet = match to.0 {
        IpAddr::V4(ip) => {
            let mut header = vec![0x45, 0, 0, 40, 0, 1, 0, 0, 64, protocol, 0, 0, 10, 77, 0, 1];
            header.extend(ip.octets());
            header
        }
        IpAddr::V6(ip) => {
            let mut header = vec![0x60, 0, 0, 0, 0, 20, protocol, 64];
            header.extend([0; 16]);
            header.extend(ip.octets());
            header
        }
    };
    packet.extend(40_000_u16.to_be_bytes());
    packet.extend(to.1.to_be_bytes());
    packet.extend([0; 16]);
    packet
}

/// Whatever is cut off: without a whole header nothing passes.
fn truncated(program: &Program) -> Row {
    let places = [(IpAddr::from(Ipv4Addr::LOCALHOST), 20), (IpAddr::from(Ipv6Addr::LOCALHOST), 40)];
    for (ip, header) in places {
        for (to, protocol, whole) in [
            ((ip, GATEWAY), TCP, header + 20),
            ((if ip.is_ipv4() { PEER4.into() } else { PEER6.into() }, ALLOWED), UDP, header + 8),
        ] {
            let packet = packet(to, protocol);
            // Of nothing at all the kernel makes no packet.
            for bytes in 1..=packet.len() {
                let passed = match program.passes(&packet[..bytes]) {
                    Ok(passed) => passed,
                    Err(error) if error.raw_os_error() == Some(libc::EINVAL) => false,
                    Err(error) => return Err(error.into()),
                };
                hold!(passed == (bytes >= whole), "{to:?}: {bytes} bytes passed: {passed}");
            }
        }
    }
    Ok(())
}

/// Packets of chance, near those that pass, and far from them.
fn random(program: &Program) -> Row {
    let near =
        (any::<bool>(), any::<bool>(), prop::collection::vec((0..70_usize, any::<u8>()), 0..4))
            .prop_map(|(six, udp, changes)| {
                let to: (IpAddr, u16) = match (six, udp) {
                    (false, false) => (Ipv4Addr::LOCALHOST.into(), GATEWAY),
                    (true, false) => (Ipv6Addr::LOCALHOST.into(), GATEWAY),
                    (false, true) => (PEER4.into(), ALLOWED),
                    (true, true) => (PEER6.into(), ALLOWED),
                };
                let mut packet = packet(to, if udp { UDP } else { TCP });
                for (at, value) in changes {
                    if let Some(byte) = packet.get_mut(at) {
                        *byte = value;
                    }
                }
                packet
            });
    let far = prop::collection::vec(any::<u8>(), 20..80);
    let cases = u32::try_from(20_000).unwrap_or_default();
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut passed = 0;
    TestRunner::new(config)
        .run(&prop_oneof![4 => near.boxed(), 1 => far.boxed()], |packet| {
            if program.passes(&packet).unwrap_or(false) {
                prop_assert!(is_allowed(&packet), "it passed: {packet:02x?}");
            }
            Ok(())
        })
        .map_err(|error| crate::suite::Fault::Broken(error.to_string()))?;
    // The other way, lest everything be refused.
    for to in [(IpAddr::from(PEER4), ALLOWED), (PEER6.into(), ALLOWED)] {
        passed += u32::from(program.passes(&packet(to, UDP))?);
    }
    hold!(passed == 2, "what is allowed passed {passed} of 2 times");
    Ok(())
}

/// The other reader: it knows no more than RFC 791, RFC 8200 and the policy of this suite.
fn is_allowed(packet: &[u8]) -> bool {
    let number = |at: usize| Some(u16::from_be_bytes([*packet.get(at)?, *packet.get(at + 1)?]));
    let read = || -> Option<(IpAddr, u8, u16)> {
        let first = *packet.first()?;
        let (ip, protocol, transport): (IpAddr, u8, usize) = match first {
            0x45 if [0, 0x4000, 0x8000, 0xc000].contains(&number(6)?) => {
                let ip: [u8; 4] = packet.get(16..20)?.try_into().ok()?;
                (ip.into(), *packet.get(9)?, 20)
            }
            0x60..=0x6f => {
                let ip: [u8; 16] = packet.get(24..40)?.try_into().ok()?;
                (ip.into(), *packet.get(6)?, 40)
            }
            _ => return None,
        };
        packet.get(transport + if protocol == TCP { 19 } else { 7 })?;
        Some((ip, protocol, number(transport + 2)?))
    };
    let Some((ip, protocol, port)) = read() else { return false };
    let policy = policy("packets");
    let gateway =
        policy.gateways.iter().any(|at| at.ip() == ip.to_canonical() && at.port() == port);
    let rule = policy.rules.iter().any(|rule| rule.address == ip.to_canonical());
    (protocol == TCP && gateway) || (protocol == UDP && rule && port == ALLOWED)
}
