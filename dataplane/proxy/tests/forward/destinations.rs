//! What is a destination, and which of them an agent's rules allow.

use super::peers::{ask, echo, opened, tunnel};
use super::rig::allow;

#[test]
fn what_no_rule_names_is_refused_with_the_rule_to_add() {
    let rig = allow(&["pypi.org:443", "*.pythonhosted.org:443"]);
    for to in [
        "evil.example:443",
        "pypi.org:80",
        "pythonhosted.org:443",
        "evilpythonhosted.org:443",
        "pypi.org.evil.example:443",
        "127.0.0.1:443",
        "[::1]:443",
    ] {
        let (status, body, _) = tunnel(&rig, to);
        let expected =
            format!("agent `claude` may not reach {to}; add \"{to}\" to agents.claude.forward");
        assert_eq!((status, body.trim_end()), (403, expected.as_str()));
    }
    assert_eq!(rig.refused("destination"), 7);
}

#[test]
fn odd_spellings_of_an_address_are_no_destinations() {
    let rig = allow(&["pypi.org:443", "127.0.0.1:443"]);
    for odd in [
        "0x7f.1:443",
        "0x7f000001:443",
        "2130706433:443",
        "017700000001:443",
        "127.1:443",
        "127.0.0.01:443",
        "127.0.0.1.:443",
        "[::ffff:127.0.0.1]:443",
        "[::ffff:7f00:1]:443",
        "[0:0:0:0:0:0:0:1]:443",
        "pypi..org:443",
        "pypi.org:0",
    ] {
        let (status, body, _) = tunnel(&rig, odd);
        assert_eq!(status, 400, "{odd}: {body}");
        assert!(body.contains("is not a destination"), "{odd}: {body}");
    }
}

#[test]
fn what_two_readers_could_take_for_two_destinations_is_malformed() {
    let rig = allow(&["pypi.org:443", "allowed.example:80"]);
    for head in [
        "CONNECT allowed@evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n",
        "CONNECT pypi.org:65979 HTTP/1.1\r\nHost: pypi.org:65979\r\n\r\n",
        "CONNECT pypi.org:4294967739 HTTP/1.1\r\nHost: pypi.org:4294967739\r\n\r\n",
        "CONNECT pypi.org:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n",
        "CONNECT pypi.org:443 HTTP/1.1\r\nHost: pypi.org:443\r\nHost: evil.example\r\n\r\n",
        "CONNECT pypi.org:443 HTTP/1.1\r\nHost: pypi.org:443\r\nContent-Length: 4\r\n\r\nbody",
        "CONNECT pypi.org:443 HTTP/1.1\r\nHost: pypi.org:443\r\nTransfer-Encoding: chunked\r\n\r\n",
        "CONNECT pypi.org HTTP/1.1\r\nHost: pypi.org\r\n\r\n",
        "CONNECT b\u{fc}cher.example:443 HTTP/1.1\r\nHost: b\r\n\r\n",
        "GET http://allowed.example@evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        "GET http://allowed.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        "GET http://allowed.example\\@evil.example/ HTTP/1.1\r\nHost: allowed.example\r\n\r\n",
        "GET http://allowed.example#@evil.example/ HTTP/1.1\r\nHost: allowed.example\r\n\r\n",
        "GET ftp://allowed.example/ HTTP/1.1\r\nHost: allowed.example\r\n\r\n",
    ] {
        let (status, body) = ask(&rig, head);
        assert_eq!(status, 400, "{head}: {body}");
    }
    assert_eq!(rig.metric("penstock_forward_open"), 0);
}

#[test]
fn names_are_the_same_in_any_case_and_with_a_trailing_dot() {
    let echo = echo();
    let rig = allow(&[&format!("local.test:{}", echo.port()), &echo.to_string()]);
    rig.names.set("local.test", 60, &["127.0.0.1"]);
    for name in ["local.test", "LOCAL.Test", "local.test."] {
        opened(&rig, &format!("{name}:{}", echo.port()));
    }
}

#[test]
fn it_says_what_it_is_to_whom_asks_for_something_else() {
    let rig = allow(&["pypi.org:443"]);
    for head in [
        "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST /mcp/up HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
        "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ] {
        let (status, body) = ask(&rig, head);
        assert_eq!(status, 400, "{head}");
        assert!(body.contains("this is the forward listener"), "{body}");
    }
    let (status, body) = ask(&rig, "GET https://pypi.org/ HTTP/1.1\r\nHost: pypi.org\r\n\r\n");
    assert_eq!(status, 400);
    assert!(body.contains("CONNECT pypi.org"), "{body}");
}
