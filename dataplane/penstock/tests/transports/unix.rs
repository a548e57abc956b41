//! Unix sockets on both sides.

use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use crate::common::{Client, PATIENCE, Setup, always, call, free_port, ok, read_request};

fn setup() -> Setup {
    Setup::to(always(ok("{}"))).listener("{ unix: agents.sock, mode: \"0600\" }")
}

fn connect(path: &Path) -> Client<UnixStream> {
    let stream = UnixStream::connect(path).expect("penstock accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
    Client::over(stream)
}

#[test]
fn agents_are_served_over_a_socket_that_only_its_owner_may_open() {
    let penstock = setup().start();
    let path = penstock.setup.folder.path("agents.sock");
    let metadata = std::fs::metadata(&path).expect("the socket");
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    let mut client = connect(&path);
    for id in 1..5 {
        assert_eq!(client.ask(&call(id)), (200, "{}".into()));
    }
}

#[test]
fn a_socket_that_a_dead_process_left_is_replaced() {
    let setup = setup();
    let path = setup.folder.path("agents.sock");
    drop(UnixListener::bind(&path).expect("a socket"));
    assert!(UnixStream::connect(&path).is_err(), "nobody listens");
    let _penstock = setup.start();
    assert_eq!(connect(&path).ask(&call(1)).0, 200);
}

#[test]
fn a_socket_that_somebody_listens_on_is_left_alone() {
    let setup = setup();
    let path = setup.folder.path("agents.sock");
    let live = UnixListener::bind(&path).expect("a socket");
    let mut penstock = setup.spawn(free_port());
    assert!(!penstock.wait(), "it started");
    let log = penstock.log();
    assert!(log.contains("agents.sock") && log.contains("in use"), "{log}");
    let _client = UnixStream::connect(&path).expect("the other still listens");
    live.set_nonblocking(true).expect("nonblocking");
    // The connection that asked whether it lives comes first.
    assert!(live.accept().is_ok() && live.accept().is_ok());
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let setup = setup();
    setup.folder.write("agents.sock", "precious");
    let mut penstock = setup.spawn(free_port());
    assert!(!penstock.wait(), "it started");
    assert!(penstock.log().contains("not a socket"), "{}", penstock.log());
    let kept = std::fs::read_to_string(penstock.setup.folder.path("agents.sock"));
    assert_eq!(kept.expect("the file"), "precious");
}

#[test]
fn an_upstream_is_reached_over_its_socket() {
    let setup = Setup::with("{ unix: server.sock, url: \"http://server.example/rpc\" }");
    let listener = UnixListener::bind(setup.folder.path("server.sock")).expect("a socket");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            while let Some((head, _)) = read_request(&mut stream) {
                let head = String::from_utf8_lossy(&head).into_owned();
                let expected = head.starts_with("POST /rpc HTTP/1.1\r\n")
                    && head.contains("\r\nHost: server.example\r\n");
                let answer = ok(if expected { "as configured" } else { "wrong" });
                let _ = std::io::Write::write_all(&mut stream, &answer);
            }
        }
    });
    let penstock = setup.start();
    let mut client = penstock.connect();
    for id in 1..3 {
        assert_eq!(client.ask(&call(id)), (200, "as configured".into()));
    }
}

#[test]
fn an_upstream_whose_socket_is_absent_is_a_502_until_it_is_there() {
    let penstock = Setup::with("{ unix: server.sock }").start();
    let mut client = penstock.connect();
    let (status, body) = client.ask(&call(7));
    assert_eq!(status, 502);
    assert!(body.contains("\"id\":7") && body.contains("connecting to it failed"), "{body}");
    let path = penstock.setup.folder.path("server.sock");
    let listener = UnixListener::bind(path).expect("a socket");
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("penstock connects");
        let _ = read_request(&mut stream);
        let _ = std::io::Write::write_all(&mut stream, &ok("{}"));
    });
    assert_eq!(client.ask(&call(8)).0, 200);
}

#[test]
fn the_socket_is_gone_when_penstock_is() {
    let mut penstock = setup().start();
    let path = penstock.setup.folder.path("agents.sock");
    assert!(path.exists());
    penstock.signal("TERM");
    assert!(penstock.wait());
    assert!(!path.exists());
}
