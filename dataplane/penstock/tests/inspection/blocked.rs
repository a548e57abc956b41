//! What stands in the place of what does not pass, so that nobody waits for it and no session is lost with it.

use crate::common::{PATIENCE, always, call, ok, post, post_with};
use crate::{BLOCK, KEY, call_with, guarded, says_nothing_of_it, telling};

const GET: &[u8] = b"GET /mcp/up HTTP/1.1\r\nHost: localhost\r\n\r\n";
const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"a","version":"1"}}}"#;

/// An answer with these fields, in whose body something is found.
fn found(status: &str, fields: &str) -> Vec<u8> {
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"a":"{KEY}"}}}}"#);
    format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len()).into()
}

/// The head and the body of what is answered to each of two requests on one connection.
fn answered(answer: Vec<u8>, more: &str, request: &[u8]) -> (String, String) {
    let penstock = guarded(always(answer), more);
    let mut client = penstock.connect();
    let mut both = Vec::new();
    for _ in 0..2 {
        client.send(request);
        let head = String::from_utf8(client.until(b"\r\n\r\n")).expect("text");
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let length = length.expect("a length").parse().expect("a number");
        both.push((head, String::from_utf8(client.take(length)).expect("text")));
    }
    says_nothing_of_it(&penstock);
    assert_eq!(both[0], both[1]);
    both.swap_remove(0)
}

#[test]
fn an_answer_that_is_no_success_keeps_its_status_and_its_head() {
    for (status, field) in [
        ("401 Unauthorized", "WWW-Authenticate: Bearer resource_metadata=\"http://a/b\"\r\n"),
        ("404 Not Found", "Mcp-Session-Id: ended\r\n"),
        ("503 Service Unavailable", "Retry-After: 7\r\n"),
    ] {
        let of_the_body = "Content-Type: text/plain\r\nContent-Language: en\r\nETag: \"1\"\r\n";
        let answer = found(status, &format!("{of_the_body}{field}"));
        for (request, id) in [(&call(7)[..], "7"), (GET, "null")] {
            let (head, body) = answered(answer.clone(), BLOCK, request);
            assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{head}");
            assert!(head.contains(field), "{head}");
            assert!(head.contains("Content-Type: application/json\r\n"), "{head}");
            for gone in ["text/plain", "Content-Language", "ETag"] {
                assert!(!head.contains(gone), "{head}");
            }
            let error = format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-31018,"#);
            assert!(body.starts_with(&error), "{body}");
        }
    }
}

#[test]
fn a_success_whose_body_is_blocked_is_one_only_to_who_gets_the_error() {
    let answer = found("201 Created", "Location: /a\r\n");
    let (head, body) = answered(answer.clone(), BLOCK, &call(7));
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("Location: /a\r\n"), "{head}");
    assert!(body.starts_with(r#"{"jsonrpc":"2.0","id":7,"error""#), "{body}");
    let (head, body) = answered(answer, BLOCK, GET);
    assert!(head.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{head}");
    assert!(body.starts_with(r#"{"jsonrpc":"2.0","id":null,"error""#), "{body}");
}

/// Without it nobody could end the session.
#[test]
fn the_session_of_a_blocked_initialize_is_told() {
    let answer = found("200 OK", "Content-Type: application/json\r\nMcp-Session-Id: s1\r\n");
    let (head, body) = answered(answer, BLOCK, &post(INITIALIZE));
    assert!(head.contains("Mcp-Session-Id: s1\r\n"), "{head}");
    assert!(body.contains(r#""id":1,"error":{"code":-31018"#), "{body}");
}

#[test]
fn a_part_of_a_body_that_nobody_asked_for_is_not_passed_on() {
    let fields = "Content-Type: text/plain\r\nContent-Range: bytes 0-61/100\r\n";
    let (head, body) = answered(found("206 Partial Content", fields), "", &call(1));
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && !head.contains("Content-Range"), "{head}");
    assert!(body.contains("it is a part of a body (206)"), "{body}");
}

#[test]
fn of_a_batch_each_request_is_answered_and_none_of_it_passes() {
    let clean = call_with(1, "{}");
    let notification = r#"{"jsonrpc":"2.0","method":"notifications/x"}"#;
    let other = call_with(2, &format!(r#"{{"a":"{KEY}"}}"#));
    let (upstream, told) = telling(ok("[]"));
    let penstock = guarded(upstream, BLOCK);
    let batch = format!("[{clean},{notification},{other}]");
    let (status, body) = penstock.connect().ask(&post(&batch));
    assert_eq!(status, 200, "{body}");
    let error = |id| {
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-31017,"message":"the request is blocked: rule `acme-key` at /2/params/arguments/a","#
        )
    };
    assert!(body.starts_with(&format!("[{}", error(1))), "{body}");
    assert!(body.contains(&format!(",{}", error(2))) && body.ends_with("}]"), "{body}");
    assert!(told.try_recv().is_err());
    says_nothing_of_it(&penstock);
    // Nobody waits for an answer to a notification.
    let found = format!(r#"{{"jsonrpc":"2.0","method":"x","params":{{"a":"{KEY}"}}}}"#);
    let (status, body) = penstock.connect().ask(&post(&format!("[{notification},{found}]")));
    assert_eq!(status, 403);
    assert!(body.starts_with(r#"{"jsonrpc":"2.0","id":null,"error""#), "{body}");
}

#[test]
fn the_answer_to_a_batch_is_an_error_to_each_of_its_requests() {
    let answers = format!(
        r#"[{{"jsonrpc":"2.0","id":1,"result":{{}}}},{{"jsonrpc":"2.0","id":2,"result":{{"a":"{KEY}"}}}}]"#
    );
    let batch = post(&format!("[{},{}]", call_with(1, "{}"), call_with(2, "{}")));
    let (head, body) = answered(ok(&answers), BLOCK, &batch);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    let error = |id| format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-31018,"#);
    assert!(body.starts_with(&format!("[{}", error(1))), "{body}");
    assert!(body.contains(&format!(",{}", error(2))) && body.ends_with("}]"), "{body}");
}

/// It asked the agent for a sample, or the user for a value, and would wait.
#[test]
fn a_server_gets_an_error_in_the_place_of_what_it_was_answered() {
    let accepted = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";
    let (upstream, told) = telling(accepted);
    let penstock = guarded(upstream, BLOCK);
    let mut client = penstock.connect();
    let response = |id: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":{{"a":"{KEY}"}}}}}}"#)
    };
    let fields = "Mcp-Session-Id: s1\r\n";
    assert_eq!(client.ask(&post_with(fields, &response("\"s7\""))), (202, String::new()));
    let (head, body) = told.recv_timeout(PATIENCE).expect("it was forwarded");
    assert!(head.contains(fields), "{head}");
    let error = r#"{"jsonrpc":"2.0","id":"s7","error":{"code":-31017,"message":"the request is blocked: rule `acme-key` at /result/content/a","data":{"rule":"acme-key","pointer":"/result/content/a","direction":"request"}}}"#;
    assert_eq!(body, error);
    // An id in which something is found is not said to anybody.
    let (status, body) = client.ask(&post(&response(&format!("\"{KEY}\""))));
    assert_eq!(status, 403, "{body}");
    assert!(told.try_recv().is_err());
    says_nothing_of_it(&penstock);
}
