//! What leaves an agent.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use crate::common::{PATIENCE, chunk, ok, post, post_with, read_request, upstream};
use crate::{
    BLOCK, KEY, NUMBER, REDACTED, call_with, guarded, modern_with, says_nothing_of_it, telling,
};

#[test]
fn a_secret_in_a_request_is_redacted_and_all_else_is_as_it_came() {
    let (upstream, told) = telling(ok("{}"));
    let penstock = guarded(upstream, "");
    let mut client = penstock.connect();
    let escaped = "\\u0041\\u0043ME-0123456789ABCDEF";
    for (arguments, seen) in [
        (
            format!(r#"{{ "env" :  "a {KEY} b\n" }}"#),
            format!(r#"{{ "env" :  "a {REDACTED} b\n" }}"#),
        ),
        (format!(r#"{{"{KEY}":1}}"#), format!(r#"{{"{REDACTED}":1}}"#)),
        (format!(r#"{{"a":["{escaped}",{{}}]}}"#), format!(r#"{{"a":["{REDACTED}",{{}}]}}"#)),
        (
            format!(r#"{{"a":"{{\"in\":\"{KEY}\"}}"}}"#),
            format!(r#"{{"a":"{{\"in\":\"{REDACTED}\"}}"}}"#),
        ),
        // Personal data is only reported where nothing else is said.
        (format!(r#"{{"n":{NUMBER}}}"#), format!(r#"{{"n":{NUMBER}}}"#)),
        (r#"{"nothing": "here"}"#.to_owned(), r#"{"nothing": "here"}"#.to_owned()),
    ] {
        assert_eq!(client.ask(&post(&call_with(1, &arguments))), (200, "{}".into()), "{arguments}");
        let (head, body) = told.recv_timeout(PATIENCE).expect("it was forwarded");
        assert_eq!(body, call_with(1, &seen));
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
    }
    penstock.logs("rule=\"acme-key\"");
    penstock.logs("action=\"report\"");
    says_nothing_of_it(&penstock);
}

#[test]
fn everything_that_an_agent_sends_is_looked_into() {
    let (upstream, told) = telling(ok("{}"));
    let penstock = guarded(upstream, "");
    let mut client = penstock.connect();
    for body in [
        format!(r#"{{"jsonrpc":"2.0","method":"notifications/x","params":{{"a":"{KEY}"}}}}"#),
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"result":{{"action":"accept","content":{{"a":"{KEY}"}}}}}}"#
        ),
        format!(r#"{{"jsonrpc":"2.0","id":1,"error":{{"code":1,"message":"{KEY}"}}}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{{"name":"{KEY}"}}}}"#),
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{{"uri":"a://{KEY}"}}}}"#
        ),
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{{"_meta":{{"x":"{KEY}"}}}}}}"#
        ),
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x","other":"{KEY}"}}"#),
        format!("[{},{}]", call_with(1, "{}"), call_with(2, &format!(r#"{{"a":"{KEY}"}}"#))),
    ] {
        assert_eq!(client.ask(&post(&body)).0, 200, "{body}");
        let (_, seen) = told.recv_timeout(PATIENCE).expect("it was forwarded");
        assert_eq!(seen, body.replace(KEY, REDACTED));
    }
    says_nothing_of_it(&penstock);
}

#[test]
fn a_blocked_request_is_told_by_rule_and_place_and_never_leaves() {
    let (upstream, told) = telling(ok("{}"));
    let penstock = guarded(upstream, BLOCK);
    let mut client = penstock.connect();
    let (status, body) = client.ask(&post(&call_with(7, &format!(r#"{{"env":"{KEY}"}}"#))));
    assert_eq!(status, 200);
    let error = r#"{"jsonrpc":"2.0","id":7,"error":{"code":-31017,"message":"the request is blocked: rule `acme-key` at /params/arguments/env","data":{"rule":"acme-key","pointer":"/params/arguments/env","direction":"request"}}}"#;
    assert_eq!(body, error);
    // A notification has nobody to answer to.
    let notification =
        format!(r#"{{"jsonrpc":"2.0","method":"notifications/x","params":{{"a":"{KEY}"}}}}"#);
    let (status, body) = client.ask(&post(&notification));
    assert_eq!(status, 403);
    assert!(body.starts_with(r#"{"jsonrpc":"2.0","id":null,"error""#), "{body}");
    // The connection goes on.
    assert_eq!(client.ask(&post(&call_with(8, "{}"))), (200, "{}".into()));
    let (_, first) = told.recv_timeout(PATIENCE).expect("the last one was forwarded");
    assert_eq!(first, call_with(8, "{}"));
    assert!(told.try_recv().is_err());
    says_nothing_of_it(&penstock);
}

#[test]
fn a_chunked_request_is_looked_into_and_its_trailers_stay_behind() {
    let (upstream, told) = telling(ok("{}"));
    let penstock = guarded(upstream, "");
    let mut client = penstock.connect();
    let head = "POST /mcp/up HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n";
    let send = |body: &str, trailers: &str| {
        let (first, second) = body.split_at(body.len() / 2);
        let end = format!("0\r\n{trailers}\r\n").into_bytes();
        [head.as_bytes(), &chunk(first), &chunk(second), &end].concat()
    };
    let clean = call_with(1, "{}");
    assert_eq!(client.ask(&send(&clean, "")).0, 200);
    let (seen_head, seen) = told.recv_timeout(PATIENCE).expect("it was forwarded");
    assert!(seen_head.contains("Transfer-Encoding: chunked"), "{seen_head}");
    assert!(seen.ends_with("\r\n0\r\n\r\n") && seen.len() > clean.len(), "as it came: {seen}");
    for (body, trailers) in [
        (clean, format!("X-Sum: {KEY}\r\n")),
        (call_with(1, &format!(r#"{{"a":"{KEY}"}}"#)), String::new()),
        (call_with(1, &format!(r#"{{"a":"{KEY}"}}"#)), format!("X-Sum: {KEY}\r\n")),
    ] {
        assert_eq!(client.ask(&send(&body, &trailers)).0, 200);
        let (head, seen) = told.recv_timeout(PATIENCE).expect("it was forwarded");
        assert_eq!(seen, body.replace(KEY, REDACTED));
        assert!(!head.contains("Trailer") && !head.contains("chunked"), "{head}");
    }
}

#[test]
fn a_request_that_goes_once_more_is_the_one_that_was_looked_into() {
    let (tell, told) = mpsc::channel();
    let count = Arc::new(AtomicU32::new(0));
    let upstream = upstream(move |mut stream| {
        while let Some((_, body)) = read_request(&mut stream) {
            // The second request on the first connection is read, and not answered.
            if count.fetch_add(1, Ordering::SeqCst) == 1 {
                return;
            }
            let _ = tell.send(String::from_utf8(body).expect("text"));
            let _ = stream.write_all(&ok("{}"));
        }
    });
    let penstock = guarded(upstream, "");
    let mut client = penstock.connect();
    let list = |key: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{{"cursor":"{key}"}}}}"#)
    };
    for _ in 0..2 {
        assert_eq!(client.ask(&post(&list(KEY))).0, 200);
        let seen = told.recv_timeout(PATIENCE).expect("it was answered");
        assert_eq!(seen, list(REDACTED));
    }
}

#[test]
fn a_large_request_is_looked_into_whole_or_not_passed_on() {
    let (upstream, told) = telling(ok("{}"));
    let padding = "x".repeat(100 << 10);
    let large = call_with(1, &format!(r#"{{"a":"{padding}","b":"{KEY}"}}"#));
    let penstock = guarded(upstream, "");
    // Sent on piece by piece.
    assert_eq!(penstock.connect().ask(&post(&large)).0, 200);
    let (_, seen) = told.recv_timeout(PATIENCE).expect("it was forwarded");
    assert_eq!(seen, large.replace(KEY, REDACTED));
    drop(penstock);

    let penstock = guarded(upstream, ", message_bytes: 64KiB");
    let (status, body) = penstock.connect().ask(&post(&large));
    assert_eq!(status, 200);
    assert!(body.contains("-31017") && body.contains("65536 are looked into"), "{body}");
    assert!(body.contains("message_bytes"), "{body}");
    penstock.logs("blocked action=\"block\" server=\"up\" direction=\"request\"");
    assert!(told.recv_timeout(Duration::from_millis(200)).is_err(), "it was forwarded");
    drop(penstock);

    let penstock = guarded(upstream, ", message_bytes: 64KiB, over_limit: pass");
    assert_eq!(penstock.connect().ask(&post(&large)).0, 200);
    let (_, seen) = told.recv_timeout(PATIENCE).expect("it was forwarded");
    assert_eq!(seen, large);
    penstock.logs("passed without having been looked into whole");
}

#[test]
fn an_id_is_never_another_one() {
    let (upstream, told) = telling(ok("{}"));
    let penstock = guarded(upstream, "");
    let body = format!(r#"{{"jsonrpc":"2.0","id":"{KEY}","method":"tools/list"}}"#);
    let (status, body) = penstock.connect().ask(&post(&body));
    assert_eq!(status, 200);
    assert!(body.contains("rule `acme-key`") && body.contains(r#""pointer":"/id""#), "{body}");
    assert!(told.try_recv().is_err());
    says_nothing_of_it(&penstock);
}

#[test]
fn an_encoded_request_is_not_served() {
    let (upstream, told) = telling(ok("{}"));
    let penstock = guarded(upstream, "");
    for fields in ["Content-Encoding: gzip\r\n", "Content-Encoding: identity, br\r\n"] {
        let (status, _) = penstock.connect().ask(&post_with(fields, &call_with(1, "{}")));
        assert_eq!(status, 415, "{fields}");
    }
    assert!(told.try_recv().is_err());
}

#[test]
fn a_header_that_repeats_what_would_be_replaced_stops_the_request() {
    let (upstream, told) = telling(ok("{}"));
    let penstock = guarded(upstream, ", actions: [{ action: redact }]");
    let mut client = penstock.connect();
    let tool = client.ask(&modern_with(1, KEY, "{}", ""));
    assert_eq!(tool.0, 200, "{}", tool.1);
    assert!(tool.1.contains("its headers no longer agree"), "{}", tool.1);
    // Only the schema knows which argument a parameter repeats.
    let arguments = format!(r#"{{"region":"eu","page":2,"key":"{KEY}"}}"#);
    for (value, passes) in [("eu", true), ("2", true), ("us", false), ("=?base64?ZXU=?=", false)] {
        let fields = format!("Mcp-Param-Region: {value}\r\n");
        let (got, body) = client.ask(&modern_with(1, "t", &arguments, &fields));
        assert_eq!((got, body == "{}"), (200, passes), "{value}: {body}");
    }
    let seen: Vec<_> = told.try_iter().collect();
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|(_, body)| body.contains(REDACTED) && !body.contains(KEY)));
    says_nothing_of_it(&penstock);
}
