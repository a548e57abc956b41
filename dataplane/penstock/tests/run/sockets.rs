//! Which sockets a command can make, and which it can be handed.

use std::net::{TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixStream};

use crate::host::{Host, output, refusal};

/// Makes a socket of each row and prints what came of it. A name stands for its number because
/// Python does not have all of them.
const TABLE: &str = r"
import errno, socket
for name, family, kind, protocol in [
    ('inet stream', 2, 1, 0), ('inet datagram', 2, 2, 0), ('inet udp', 2, 2, 17),
    ('inet6 stream', 10, 1, 0), ('inet6 datagram', 10, 2 | 0o2000000, 0),
    ('mptcp', 2, 1, 262),
    ('inet raw', 2, 3, 1), ('inet6 raw', 10, 3 | 0o4000, 58), ('inet packet', 2, 10, 768),
    ('ping', 2, 2, 1), ('ping6', 10, 2, 58), ('udp-lite', 2, 2, 136), ('sctp', 2, 1, 132),
    ('dccp', 2, 6, 33),
    ('unix', 1, 1, 0), ('netlink', 16, 3, 0), ('packet', 17, 3, 768), ('alg', 38, 5, 0),
    ('vsock', 40, 1, 0), ('rds', 21, 5, 0), ('tipc', 30, 5, 0), ('bluetooth', 31, 3, 0),
    ('xdp', 44, 3, 0), ('can', 29, 3, 1), ('key', 15, 3, 2), ('appletalk', 5, 2, 0),
    ('high bits', (1 << 32) | 40, 1, 0),
]:
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    made = libc.syscall(41, ctypes.c_long(family), ctypes.c_long(kind), ctypes.c_long(protocol))
    print(name, 'made' if made >= 0 else errno.errorcode[ctypes.get_errno()], sep='=')
";

fn rows(said: &str) -> Vec<(&str, &str)> {
    said.lines().filter_map(|line| line.split_once('=')).collect()
}

#[test]
fn only_tcp_and_udp_sockets_can_be_made() {
    let Some(host) = Host::new() else { return };
    let said = host.python(TABLE);
    let rows = rows(&said);
    assert_eq!(rows.len(), 27, "{said}");
    for (name, came) in rows {
        let expected = match name {
            "inet stream" | "inet datagram" | "inet udp" | "inet6 stream" | "inet6 datagram" => {
                "made"
            }
            "inet raw" | "inet6 raw" | "inet packet" | "ping" | "ping6" | "udp-lite" | "sctp"
            | "dccp" | "mptcp" => "EPERM",
            _ => "EAFNOSUPPORT",
        };
        assert_eq!(came, expected, "{name}");
    }
}

#[test]
fn unix_and_netlink_sockets_are_a_matter_of_configuration() {
    let Some(host) = Host::with(", unix_sockets: true, netlink: true") else { return };
    let said = host.python(TABLE);
    for (name, came) in rows(&said) {
        match name {
            "unix" | "netlink" => assert_eq!(came, "made", "{name}"),
            "vsock" | "packet" | "alg" => assert_eq!(came, "EAFNOSUPPORT", "{name}"),
            _ => {}
        }
    }
    let datagrams = "import socket; socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)";
    host.python(datagrams);
}

#[test]
fn pairs_of_streams_can_be_made_and_pairs_that_lead_further_cannot() {
    let Some(host) = Host::new() else { return };
    let script = r"
import socket
a, b = socket.socketpair()
a.send(b'x'); assert b.recv(1) == b'x'
socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
for family, kind in [(1, 2), (1, 3), (1, 2 | 0o2000000), (30, 1), (2, 1)]:
    try:
        socket.socketpair(family, kind)
        print('made', family, kind)
    except OSError as error:
        assert error.errno == 97, error
";
    assert_eq!(host.python(script), "");
}

#[test]
fn a_socket_that_was_made_outside_is_not_handed_on() {
    let Some(host) = Host::new() else { return };
    let tcp = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let udp = UdpSocket::bind("[::1]:0").expect("a socket");
    let (datagram, _other) = UnixDatagram::pair().expect("a pair");
    let sockets: [(OwnedFd, &str); 3] = [
        (tcp.into(), "an IPv4 socket"),
        (udp.into(), "an IPv6 socket"),
        (datagram.into(), "a Unix datagram socket"),
    ];
    for (socket, name) in sockets {
        let mut run = host.run(&["true"]);
        run.stdin(socket);
        let (code, said) = refusal(run);
        assert_eq!(code, 64);
        assert!(said.contains(&format!("stdin is {name}")), "{said}");
    }
    let (near, mut far) = UnixStream::pair().expect("a pair");
    std::io::Write::write_all(&mut far, b"hello").expect("it is written");
    drop(far);
    let mut run = host.run(&["cat"]);
    run.stdin(OwnedFd::from(near));
    assert_eq!(output(run).stdout, b"hello");
}

#[test]
fn the_kernel_refuses_what_is_past_the_listeners() {
    let Some(host) = Host::new() else { return };
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let port = listener.local_addr().expect("its address").port();
    let script = format!("import socket; socket.create_connection(('127.0.0.1', {port}), 5)");
    // The control: without penstock it works.
    let mut outside = std::process::Command::new("/usr/bin/python3");
    outside.args(["-c", &script]);
    assert!(output(outside).status.success());
    let said = output(host.run(&["/usr/bin/python3", "-c", &script]));
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.contains("PermissionError"), "{said}");
}
