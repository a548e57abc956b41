//! What heads carry: of requests it is looked into, of answers it must fit what was.

use crate::common::{PATIENCE, always, ok, post_with};
use crate::{BLOCK, KEY, REDACTED, call_with, guarded, says_nothing_of_it, telling};

const GET: &str = "GET /mcp/up HTTP/1.1\r\nHost: localhost\r\n";

#[test]
fn a_query_and_the_headers_of_the_protocol_pass_as_they_are_or_not_at_all() {
    let (upstream, told) = telling(ok("{}"));
    let penstock = guarded(upstream, "");
    let mut client = penstock.connect();
    let call = call_with(1, "{}");
    let percent: String = KEY.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let length = call.len();
    let with_query = |query: &str| {
        format!(
            "POST /mcp/up?{query} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{call}"
        )
        .into_bytes()
    };
    let base64 = "QUNNRS0wMTIzNDU2Nzg5QUJDREVG";
    for (request, place) in [
        (with_query(&format!("a={KEY}")), "query"),
        (with_query(&format!("a=1&b={percent}")), "query"),
        (format!("{}\r\n", GET.replace("/up", &format!("/up?{KEY}"))).into_bytes(), "query"),
        (post_with(&format!("Mcp-Param-Key: {KEY}\r\n"), &call), "headers"),
        (post_with(&format!("Mcp-Param-Key: =?base64?{base64}?=\r\n"), &call), "headers"),
        (post_with(&format!("Mcp-Param-{KEY}: 1\r\n"), &call), "headers"),
        // No legacy reader holds these against the body.
        (post_with(&format!("Mcp-Name: {KEY}\r\n"), &call), "headers"),
        (post_with(&format!("Mcp-Method: {KEY}\r\n"), &call), "headers"),
        (format!("{GET}mcp-other: {KEY}\r\n\r\n").into_bytes(), "headers"),
    ] {
        let (status, body) = client.ask(&request);
        // An error in the place of the answer where there is an id to give one to.
        let expected = if request.starts_with(b"GET") { 403 } else { 200 };
        assert_eq!(status, expected, "{}", String::from_utf8_lossy(&request));
        assert!(body.contains(r#""code":-31017"#), "{body}");
        assert!(body.contains(&format!("rule `acme-key` in the {place}")), "{body}");
        // No pointer leads there.
        assert!(body.contains(&format!(r#""pointer":"","place":"{place}","#)), "{body}");
        assert!(!body.contains(KEY), "{body}");
    }
    assert!(told.try_recv().is_err());
    penstock.logs("blocked rule=\"acme-key\" action=\"block\" server=\"up\" direction=\"request\" place=\"query\"");
    // What is only reported passes.
    assert_eq!(client.ask(&with_query("n=9999000011112222")).0, 200);
    let (head, _) = told.recv_timeout(PATIENCE).expect("it was forwarded");
    assert!(head.starts_with("POST /mcp?n=9999000011112222 "), "{head}");
    penstock.logs("place=\"query\"");
    says_nothing_of_it_but_the_number(&penstock.log());
}

fn says_nothing_of_it_but_the_number(log: &str) {
    assert!(!log.contains(KEY), "{log}");
}

#[test]
fn what_would_hide_an_answer_is_not_asked_for() {
    let (upstream, told) = telling(ok("{}"));
    let penstock = guarded(upstream, "");
    let fields =
        "Accept-Encoding: gzip, br\r\nRange: bytes=0-9\r\nIf-Range: \"a\"\r\nX-Kept: 1\r\n";
    assert_eq!(penstock.connect().ask(&post_with(fields, &call_with(1, "{}"))).0, 200);
    let (head, _) = told.recv_timeout(PATIENCE).expect("it was forwarded");
    assert!(head.contains("\r\nAccept-Encoding: identity\r\n"), "{head}");
    assert!(head.contains("\r\nX-Kept: 1\r\n"), "{head}");
    assert!(!head.contains("gzip") && !head.contains("Range"), "{head}");
}

#[test]
fn an_answer_in_a_form_that_hides_it_is_not_passed_on() {
    for fields in [
        "Content-Type: application/json\r\nContent-Encoding: gzip\r\n",
        "Content-Type: application/json; charset=utf-16\r\n",
        "Content-Type: application/json\r\nContent-Type: text/event-stream\r\n",
        "Content-Type: text/event-stream\r\nContent-Encoding: deflate\r\n",
        "Content-Type: application/x; y=text/event-stream\r\n",
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 2\r\n\r\n{{}}");
        let penstock = guarded(always(answer), "");
        let mut client = penstock.connect();
        for id in [1, 2] {
            let (status, body) = client.ask(&crate::common::call(id));
            assert_eq!(status, 200, "{fields}{body}");
            assert!(
                body.contains(r#""code":-31018,"message":"the answer is blocked: it"#),
                "{body}"
            );
            assert!(body.contains(r#""data":{"rule":null,"pointer":"","direction":"response"}"#));
        }
    }
}

#[test]
fn what_tells_of_a_body_stays_unless_the_body_changed() {
    let fields = "Content-Type: application/json\r\nETag: \"1\"\r\nContent-MD5: x\r\nDigest: y\r\n\
                  X-Kept: 2\r\n";
    for (text, stays) in [("clean", true), (KEY, false)] {
        let body = format!(r#"{{"a":"{text}"}}"#);
        let length = body.len();
        let answer = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: {length}\r\n\r\n{body}");
        let penstock = guarded(always(answer), "");
        let mut client = penstock.connect();
        client.send(&crate::common::call(1));
        let head = String::from_utf8(client.until(b"\r\n\r\n")).expect("text");
        assert!(
            head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("X-Kept: 2\r\n"),
            "{head}"
        );
        for name in ["ETag", "Content-MD5", "Digest"] {
            assert_eq!(head.contains(name), stays, "{head}");
        }
        let body = body.replace(KEY, REDACTED);
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
        client.until(body.as_bytes());
    }
}

/// It is text of the upstream's, too.
#[test]
fn a_phrase_that_is_not_the_standards_is_left_out() {
    for (status, sent, passed) in
        [(200, KEY, ""), (200, "OK", "OK"), (404, "Not Found", "Not Found"), (204, KEY, "")]
    {
        let length = if status == 204 { "" } else { "Content-Length: 0\r\n" };
        let penstock = guarded(always(format!("HTTP/1.1 {status} {sent}\r\n{length}\r\n")), "");
        let mut client = penstock.connect();
        client.send(&crate::common::call(1));
        let head = String::from_utf8(client.until(b"\r\n\r\n")).expect("text");
        assert!(head.starts_with(&format!("HTTP/1.1 {status} {passed}\r\n")), "{head}");
    }
}

#[test]
fn the_name_of_what_was_blocked_is_not_in_the_access_log() {
    let (upstream, _told) = telling(ok("{}"));
    let penstock = crate::setup(upstream, BLOCK).more("\nlog: { access: true }").start();
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{KEY}","arguments":{{}}}}}}"#
    );
    assert!(penstock.connect().ask(&crate::common::post(&body)).1.contains("-31017"));
    penstock.logs("method=\"tools/call\" name=\"\" status=200");
    says_nothing_of_it(&penstock);
    // One that is only reported passes, and is not in the log either.
    drop(penstock);
    let report = ", actions: [{ action: report }]";
    let penstock = crate::setup(upstream, report).more("\nlog: { access: true }").start();
    assert_eq!(penstock.connect().ask(&crate::common::post(&body)).0, 200);
    penstock.logs("method=\"tools/call\" name=\"\" status=200");
    says_nothing_of_it(&penstock);
}

/// It is the agent's own text, and no server's path.
#[test]
fn a_path_that_is_nobodys_is_not_in_the_access_log_where_something_is_in_it() {
    let (upstream, _told) = telling(ok("{}"));
    let penstock = crate::setup(upstream, "").more("\nlog: { access: true }").start();
    for (path, shown) in [(format!("/mcp/{KEY}"), "-"), ("/mcp/other".to_owned(), "/mcp/other")] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(penstock.connect().ask(request.as_bytes()).0, 404);
        penstock.logs(&format!("path={shown} "));
    }
    says_nothing_of_it(&penstock);
}
