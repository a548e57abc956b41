//! Names: resolved once, checked, connected to what was checked.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::peers::{echo, echoes, opened, tunnel};
use super::rig::allow;

#[test]
fn a_name_that_leads_to_no_public_address_is_refused() {
    let rig = allow(&["*.rebind.test:443"]);
    for (number, (address, what)) in [
        ("127.0.0.1", "loopback"),
        ("::1", "loopback"),
        ("10.1.2.3", "private"),
        ("169.254.169.254", "metadata"),
        ("fd00:ec2::254", "metadata"),
        ("::ffff:192.168.0.1", "private"),
        ("64:ff9b::7f00:1", "loopback"),
        ("0.0.0.0", "this host"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("n{number}.rebind.test");
        rig.names.set(&name, 60, &[address]);
        let (status, body, _) = tunnel(&rig, &format!("{name}:443"));
        assert_eq!(status, 403, "{address}");
        assert!(body.contains(&format!("`{name}` resolves to")) && body.contains(what), "{body}");
        assert!(body.contains("agents.claude.forward"), "{body}");
    }
    assert_eq!(rig.refused("address"), 8);
}

#[test]
fn an_address_rule_permits_what_a_name_leads_to_and_only_at_its_port() {
    let (echo, other) = (echo(), echo());
    let rules = [format!("local.test:{}", echo.port()), format!("local.test:{}", other.port())];
    let rig = allow(&[&rules[0], &rules[1], &echo.to_string()]);
    rig.names.set("local.test", 60, &["127.0.0.1"]);
    assert!(echoes(&mut opened(&rig, &rules[0]), b"hello"));
    assert_eq!(tunnel(&rig, &rules[1]).0, 403);
}

#[test]
fn of_many_addresses_only_those_that_may_be_are_connected_to() {
    let echo = echo();
    let name = format!("mixed.test:{}", echo.port());
    let rig = allow(&[&name, &echo.to_string()]);
    // Were 127.0.0.2 tried, it would refuse at once, and the name would still be served by the next;
    // were it the only one left, it would be named in a 502.
    rig.names.set("mixed.test", 60, &["127.0.0.2", "10.0.0.1", "127.0.0.1"]);
    assert!(echoes(&mut opened(&rig, &name), b"hello"));
    let listener = std::net::TcpListener::bind(("127.0.0.2", echo.port())).expect("it binds");
    listener.set_nonblocking(true).expect("it is set");
    assert!(echoes(&mut opened(&rig, &name), b"hello"));
    assert!(listener.accept().is_err(), "it connected to an address that it had refused");
}

#[test]
fn a_name_is_asked_for_once_while_its_answer_holds_and_again_after() {
    let echo = echo();
    let name = format!("local.test:{}", echo.port());
    let rig = allow(&[&name, &echo.to_string()]);
    rig.names.set("local.test", 1, &["127.0.0.1"]);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| opened(&rig, &name));
        }
    });
    assert_eq!(rig.names.asked.load(Ordering::Relaxed), 1, "the same question is asked once");
    rig.names.set("local.test", 60, &["10.0.0.1"]);
    opened(&rig, &name);
    std::thread::sleep(Duration::from_millis(1500));
    let (status, body, _) = tunnel(&rig, &name);
    assert_eq!(status, 403, "what it leads to now is what is checked");
    assert!(body.contains("10.0.0.1"), "{body}");
    assert_eq!(rig.names.asked.load(Ordering::Relaxed), 2);
}

#[test]
fn a_name_without_addresses_is_a_502_that_says_why() {
    let rig = allow(&["nowhere.test:443", "empty.test:443"]);
    let (status, body, _) = tunnel(&rig, "nowhere.test:443");
    assert_eq!(status, 502);
    assert!(body.contains("`nowhere.test` cannot be resolved: no record found"), "{body}");
    rig.names.set("empty.test", 60, &[]);
    assert_eq!(tunnel(&rig, "empty.test:443").0, 502);
}
