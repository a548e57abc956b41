use std::net::SocketAddr;

use super::*;
use crate::engine::tests::rig::{call, mix, plan};
use crate::plan::{Agent, Recorded};

const SESSION: &[u8] = b"Authorization: Bearer t\r\n";

fn address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 80))
}

/// The first template's request, head and body apart.
fn rendered(plan: &Plan) -> (String, String) {
    let requests = Requests::new(plan).unwrap();
    let (mut random, mut out) = (Random::of(1, 0), b"what was there before".to_vec());
    let template = &requests.templates[0];
    requests.render(template, SESSION, &Ids::new(1).next(), &mut random, &mut out);
    let text = String::from_utf8(out).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    if !body.is_empty() {
        assert!(head.ends_with(&format!("\r\nContent-Length: {}", body.len())), "{head}");
    }
    (head.to_owned(), body.to_owned())
}

#[test]
fn a_modern_call_is_what_the_protocol_asks_for() {
    let progress = Call { progress: true, ..call("search_issues") };
    let plan = Plan { traffic: mix(&[Operation::Call(progress)]), ..plan(address()) };
    let (head, body) = rendered(&plan);
    let expected = [
        "POST /mcp HTTP/1.1",
        "Host: 127.0.0.1:80",
        "Accept: application/json, text/event-stream",
        "Accept-Language: *",
        "Accept-Encoding: identity",
        &format!("User-Agent: penstock-loadtest/{}", env!("CARGO_PKG_VERSION")),
        "Content-Type: application/json",
        "MCP-Protocol-Version: 2026-07-28",
        "Mcp-Method: tools/call",
        "Mcp-Name: search_issues",
        "Authorization: Bearer t",
    ];
    assert_eq!(head.lines().take(expected.len()).collect::<Vec<_>>(), expected);
    let version = env!("CARGO_PKG_VERSION");
    let expected = format!(
        r#"{{"jsonrpc":"2.0","id":100100000000000,"method":"tools/call","params":{{"name":"search_issues","arguments":{{"a":1}},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{{}},"io.modelcontextprotocol/clientInfo":{{"name":"penstock-loadtest","version":"{version}"}},"progressToken":100100000000000}}}}}}"#
    );
    assert_eq!(body, expected);
}

#[test]
fn a_legacy_call_has_no_more_than_its_session_gives_it() {
    let plan = Plan { era: Era::Legacy, ..plan(address()) };
    let (head, body) = rendered(&plan);
    assert!(!head.contains("Mcp-") && !head.contains("MCP-"), "{head}");
    assert_eq!(
        body,
        r#"{"jsonrpc":"2.0","id":100100000000000,"method":"tools/call","params":{"name":"echo","arguments":{"a":1}}}"#
    );
    let lines = |revision: &[u8], id: Option<&[u8]>| {
        String::from_utf8(opened_lines(plan.era, revision, id)).unwrap()
    };
    assert_eq!(
        lines(b"2025-06-18", Some(b"s1")),
        "MCP-Protocol-Version: 2025-06-18\r\nMcp-Session-Id: s1\r\n"
    );
    assert_eq!(lines(b"", None), "MCP-Protocol-Version: 2025-11-25\r\n");
}

#[test]
fn headers_of_the_plan_take_the_place_of_those_that_nothing_rests_on() {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let headers =
        vec![header("user-agent", "x"), header("accept-language", "de"), header("X-A", "b")];
    let (head, _) = rendered(&Plan { headers, ..plan(address()) });
    for there in ["\r\nuser-agent: x\r\n", "\r\naccept-language: de\r\n", "\r\nX-A: b\r\n"] {
        assert!(head.contains(there), "{head}");
    }
    assert!(!head.contains("User-Agent") && !head.contains("Accept-Language"), "{head}");
    let agent = Agent { token: Some("t".to_owned()), source: None };
    assert_eq!(session_lines(&agent), SESSION);
    assert_eq!(session_lines(&Agent::default()), b"");
}

#[test]
fn paddings_are_of_every_length_asked_for_and_of_letters() {
    let padded = |padding_bytes, arguments: &str| {
        let arguments = arguments.to_owned();
        let padded = Call { arguments, padding_bytes, ..call("echo") };
        Plan { traffic: mix(&[Operation::Call(padded)]), ..plan(address()) }
    };
    let padding = |body: &str| {
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        body["params"]["arguments"]["padding"].as_str().unwrap().to_owned()
    };
    let (_, body) = rendered(&padded(Size::Fixed(33), "{ }"));
    assert_eq!(padding(&body).len(), 33);
    let requests = Requests::new(&padded(Size::Between(2, 5), r#"{"a":"}"}"#)).unwrap();
    let (mut ids, mut random, mut out) = (Ids::new(1), Random::of(1, 0), Vec::new());
    let mut lengths = [0; 7];
    for _ in 0..1000 {
        requests.render(&requests.templates[0], b"", &ids.next(), &mut random, &mut out);
        let text = std::str::from_utf8(&out).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())));
        let padding = padding(body);
        assert!(padding.bytes().all(|byte| byte.is_ascii_alphabetic()));
        lengths[padding.len()] += 1;
    }
    assert!(lengths[2..=5].iter().all(|count| *count > 150), "{lengths:?}");
    assert_eq!(lengths.iter().sum::<i32>(), 1000);
}

#[test]
fn ids_differ_and_are_of_one_width() {
    let mut ids = Ids::new(1);
    let mut last = 0;
    for _ in 0..25_000 {
        let id: u64 = std::str::from_utf8(&ids.next().0).unwrap().parse().unwrap();
        assert!(id == last + 1 || last == 0);
        last = id;
    }
    // What JavaScript counts exactly, also the last of the last thread.
    let end = FIRST_ID + IDS_A_THREAD * (THREADS_MAX as u64 + 1);
    assert!(end < 1 << 53 && end.to_string().len() == ID_DIGITS);
    assert_eq!(Ids::new(THREADS_MAX).next().0.len(), ID_DIGITS);
}

#[test]
fn a_recording_of_many_names_is_told_apart_up_to_a_bound() {
    let message = |at: usize| Recorded {
        at: None,
        method: "tools/call".to_owned(),
        params: Some(format!(r#"{{"name":"tool{at}"}}"#)),
    };
    let traffic = Traffic::Replay((0..200).map(message).collect());
    let requests = Requests::new(&Plan { traffic, ..plan(address()) }).unwrap();
    assert_eq!(requests.operations.len(), OPERATIONS_MAX + 1);
    assert_eq!(requests.operations[3], "tools/call tool3");
    let last = usize::from(requests.templates[199].operation);
    assert_eq!(requests.operations[last], "others");
}

#[test]
fn names_that_a_header_cannot_hold_are_encoded() {
    for (name, value) in [
        ("plain name", "plain name"),
        (" spaced", "=?base64?IHNwYWNlZA==?="),
        ("=?base64?x", "=?base64?PT9iYXNlNjQ/eA==?="),
        ("a\nb", "=?base64?YQpi?="),
    ] {
        let traffic = mix(&[Operation::Prompt { name: name.to_owned() }]);
        let (head, _) = rendered(&Plan { traffic, ..plan(address()) });
        assert!(head.contains(&format!("\r\nMcp-Name: {value}\r\n")), "{head}");
    }
}
