//! The operators' listener, names, and who may use the internal socket.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use penstock_config::{Admin, Endpoint, HostHeader, HttpTarget, Target};
use penstock_control::{Control, ControlError, Options};

use crate::gateway::{Gateway, command, directory, snapshot, soon, upstream};
use crate::http;

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port")
}

fn get(address: SocketAddr, path: &str) -> http::Answer {
    http::request(http::tcp(address), "GET", path, &[], "")
}

#[test]
fn it_tells_life_readiness_and_counters() {
    let address = free_address();
    let target = Target::Command(command(&[]));
    let gateway = Gateway::with_admin(snapshot(vec![upstream("s", target)]), address);
    assert_eq!(get(address, "/healthz").status, 200);
    let ready = get(address, "/readyz");
    assert_eq!(ready.status, 503);
    assert!(ready.text().contains("no shard serves yet"));
    let missing = get(address, "/");
    assert_eq!(missing.status, 404);
    assert!(missing.text().contains("/metrics"));
    gateway.begin();
    let metrics = get(address, "/metrics");
    assert_eq!(metrics.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = metrics.text();
    for line in [
        "penstock_shard_metric 1",
        "penstock_children 1",
        "penstock_children_started_total 1",
        "penstock_bridge_sessions 1",
        "penstock_resolution_failures_total 0",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
}

#[test]
fn a_reload_moves_it_and_a_taken_address_leaves_it_where_it_was() {
    let (first, second) = (free_address(), free_address());
    let gateway = Gateway::with_admin(snapshot(Vec::new()), first);
    let mut moved = snapshot(Vec::new());
    moved.admin = Some(Admin { address: second });
    gateway.reload(moved.clone());
    soon("the move", || std::net::TcpStream::connect(second).is_ok());
    soon("the old one's end", || std::net::TcpStream::connect(first).is_err());
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    moved.admin = Some(Admin { address: taken.local_addr().expect("an address") });
    gateway.reload(moved);
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert_eq!(get(second, "/healthz").status, 200);
}

#[test]
fn names_are_resolved_without_a_name_server() {
    let target = Target::Http(HttpTarget {
        endpoint: Endpoint::Name("localhost".into(), 4321),
        tls: None,
        path: "/".into(),
        authority: "localhost:4321".into(),
        host: HostHeader::Upstream,
    });
    let gateway = Gateway::start(snapshot(vec![upstream("h", target)]));
    soon("the resolution", || {
        gateway.resolved.lock().expect("lock").iter().any(|(host, port, answer)| {
            host == "localhost"
                && *port == 4321
                && answer.as_ref().is_ok_and(|addresses| {
                    addresses.iter().all(|a| a.ip().is_loopback() && a.port() == 4321)
                })
        })
    });
}

fn options(socket: std::path::PathBuf) -> Options {
    Options {
        socket,
        front: "/nonexistent".into(),
        snapshot: Arc::new(ArcSwap::from_pointee(snapshot(Vec::new()))),
        metrics: Arc::new(String::new),
        ready: Arc::new(|| Ok(())),
        resolved: Arc::new(|_, _, _| {}),
        environment: Vec::new(),
    }
}

#[test]
fn the_internal_socket_is_for_this_process_alone() {
    let gateway = Gateway::start(snapshot(Vec::new()));
    let socket = gateway.directory.join("control.sock");
    let script = "import socket, sys\n\
        s = socket.socket(socket.AF_UNIX)\n\
        s.settimeout(10)\n\
        s.connect(sys.argv[1])\n\
        try:\n\
        \x20   s.send(b'GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')\n\
        \x20   print(len(s.recv(1)))\n\
        except (BrokenPipeError, ConnectionResetError):\n\
        \x20   print(0)\n";
    let stranger = std::process::Command::new("python3").args(["-c", script]).arg(&socket).output();
    let stranger = stranger.expect("python3");
    assert_eq!(String::from_utf8_lossy(&stranger.stdout).trim(), "0", "{stranger:?}");
    assert_eq!(gateway.send("GET", "/", &[], "").status, 404, "this one still is");
}

#[test]
fn a_directory_open_to_others_is_refused_and_a_stale_socket_is_not_in_the_way() {
    let parent = directory();
    std::fs::set_permissions(&parent, std::fs::Permissions::from_mode(0o755)).expect("chmod");
    let refused = Control::start(options(parent.join("c.sock")));
    assert!(matches!(refused, Err(ControlError::Open { mode: 0o755, .. })));
    std::fs::set_permissions(&parent, std::fs::Permissions::from_mode(0o700)).expect("chmod");
    drop(std::os::unix::net::UnixListener::bind(parent.join("c.sock")).expect("a stale socket"));
    Control::start(options(parent.join("c.sock"))).expect("a start").stop();
    let _ = std::fs::remove_dir_all(parent);
}
