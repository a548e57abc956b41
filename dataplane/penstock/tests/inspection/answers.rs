//! What reaches an agent in one body.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::common::{always, call, chunk, ok, read_request, upstream};
use crate::{BLOCK, KEY, NUMBER, REDACTED, guarded, says_nothing_of_it};

const CHUNKED: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
const TO_THE_END: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n";

#[test]
fn everything_that_a_server_answers_is_looked_into() {
    for body in [
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"result":{{"content":[{{"type":"text","text":"a {KEY}"}}]}}}}"#
        ),
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"error":{{"code":1,"message":"no {KEY}","data":["{KEY}"]}}}}"#
        ),
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"result":{{"structuredContent":{{"{KEY}":{{"b":"{KEY}"}}}}}}}}"#
        ),
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"result":{{"contents":[{{"uri":"a:b","text":"{KEY}"}}]}}}}"#
        ),
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{{"name":"t","description":"{KEY}"}}]}}}}"#
        ),
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"result":{{"messages":[{{"role":"user","content":{{"text":"{KEY}"}}}}]}}}}"#
        ),
        format!(
            r#"[{{"jsonrpc":"2.0","id":1,"result":{{}}}},{{"jsonrpc":"2.0","id":2,"result":{{"a":"{KEY}"}}}}]"#
        ),
        // No JSON, whatever it says it is.
        format!("Traceback: {KEY}"),
        format!(r#"{{"a": 1}} {KEY}"#),
        format!(r#"{{"a": 'x{KEY}'"#),
        format!("data: {KEY}\n\n"),
    ] {
        let penstock = guarded(always(ok(&body)), "");
        let (status, got) = penstock.connect().ask(&call(1));
        assert_eq!((status, got), (200, body.replace(KEY, REDACTED)));
        says_nothing_of_it(&penstock);
    }
}

#[test]
fn a_body_that_is_no_json_is_looked_at_as_text() {
    // No value of JSON could hold both lines: as a text they are one.
    let long = "-----BEGIN ACME-----\nabc \"def\" ghi\n-----END ACME-----";
    for (kind, status) in
        [("application/json", 200), ("text/plain", 200), ("text/html; charset=iso-8859-1", 404)]
    {
        let answer = format!(
            "HTTP/1.1 {status} So\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{long}",
            long.len()
        );
        let penstock = guarded(always(answer), "");
        let got = penstock.connect().ask(&call(1));
        assert_eq!(got, (status, "[REDACTED:acme-long]".into()), "{kind}");
    }
    // Some readers of JSON find out by themselves that it is in UTF-16.
    let wide: Vec<u8> = format!(r#"{{"a":"{KEY}"}}"#).bytes().flat_map(|byte| [byte, 0]).collect();
    let head = ok(&"x".repeat(wide.len()));
    let head = &head[..head.len() - wide.len()];
    let penstock = guarded(always([head, &wide].concat()), "");
    let (status, body) = penstock.connect().ask(&call(1));
    assert_eq!(status, 200);
    assert!(body.contains("not in UTF-8"), "{body}");
}

/// Nothing but JSON's values, and no JSON.
#[test]
fn a_text_that_only_looks_like_json_is_text() {
    let hidden = "[REDACTED:acme-number]";
    for (kind, body, expected) in [
        ("text/plain", NUMBER.to_owned(), hidden.to_owned()),
        ("text/plain", format!("{NUMBER},\n1\n"), format!("{hidden},\n1\n")),
        ("application/json", NUMBER.to_owned(), format!("\"{hidden}\"")),
        ("text/plain", format!("[{NUMBER}]"), format!("[\"{hidden}\"]")),
        ("text/plain", format!(r#""n":"{KEY}\\""#), format!(r#""n":"{REDACTED}\\""#)),
        ("text/plain", format!(r#"{{"n":"{KEY}",}}"#), format!(r#"{{"n":"{REDACTED}",}}"#)),
    ] {
        let length = body.len();
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n");
        let redacts = ", actions: [{ action: redact }]";
        let penstock = guarded(always(format!("{head}{body}")), redacts);
        assert_eq!(penstock.connect().ask(&call(1)), (200, expected), "{kind}: {body}");
    }
}

#[test]
fn a_text_in_utf_16_or_utf_32_is_read() {
    let coded = |mark: &[u8], before: usize, behind: usize| -> Vec<u8> {
        let one = |byte: u8| [vec![0; before], vec![byte], vec![0; behind]].concat();
        let text: Vec<u8> = format!("a {KEY}.").bytes().flat_map(one).collect();
        [mark, &text].concat()
    };
    for (mark, before, behind) in [
        (&b"\xff\xfe"[..], 0, 1),
        (b"\xfe\xff", 1, 0),
        (b"", 0, 1),
        (b"", 1, 0),
        (b"\xff\xfe\0\0", 0, 3),
        (b"", 3, 0),
        (b"some bytes first", 0, 1),
    ] {
        let body = coded(mark, before, behind);
        let answer = |kind: &str| {
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            [head.as_bytes(), &body].concat()
        };
        let penstock = guarded(always(answer("text/plain")), "");
        let (status, told) = penstock.connect().ask(&call(1));
        assert_eq!(status, 200, "{mark:?} {before} {behind}: {told}");
        assert!(told.contains("-31018"), "{told}");
        assert!(told.contains("rule `acme-key` in the text in UTF-16 or UTF-32"), "{told}");
    }
    // What is as it would be without zeros, and is nothing.
    let image = b"\x89PNG\0\0\0\rIHDR\0\x01\0\x02";
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: {}\r\n\r\n",
        image.len()
    );
    let penstock = guarded(always([head.as_bytes(), image].concat()), "");
    let mut client = penstock.connect();
    client.send(&call(1));
    client.until(image);
}

/// As a text, and as JSON.
#[test]
fn a_body_that_says_json_and_is_none_is_told_once() {
    let body = format!(r#"{{"a": {NUMBER}, "b": "{NUMBER}"}} and more"#);
    let admin = crate::common::free_port();
    let penstock = crate::setup(always(ok(&body)), ", actions: [{ action: report }]")
        .more(&format!("\nadmin: {{ address: {admin} }}"))
        .start();
    assert_eq!(penstock.connect().ask(&call(1)), (200, body));
    let told = crate::broken::metric(
        admin,
        "penstock_inspection_findings_total{shard=\"0\",class=\"card\",action=\"report\"",
    );
    assert!(told.ends_with(" 2"), "{told}");
}

#[test]
fn json_with_a_line_end_in_a_string_is_changed_as_any() {
    let body = format!("{{\"a\":\"two\nlines\twith {KEY}\"}}");
    let penstock = guarded(always(ok(&body)), "");
    assert_eq!(penstock.connect().ask(&call(1)), (200, body.replace(KEY, REDACTED)));
}

#[test]
fn an_answer_in_any_framing_is_held_and_gets_a_length() {
    let body = format!(r#"{{"a":"{KEY}"}}"#);
    let (first, second) = body.split_at(9);
    let chunks = [chunk(first), chunk(second)].concat();
    let chunked = [CHUNKED.as_bytes(), &chunks, b"0\r\n\r\n"].concat();
    let trailed = String::from_utf8([CHUNKED.as_bytes(), &chunks].concat()).expect("text");
    let trailed = trailed.replace("\r\n\r\n6", "\r\nTrailer: X-Sum\r\n\r\n6");
    let trailed = trailed.replacen("chunked\r\n", "chunked\r\nTrailer: X-Sum\r\n", 1)
        + &format!("0\r\nX-Sum: {KEY}\r\n\r\n");
    let interim = [b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n", &chunked[..]].concat();
    for answer in [chunked, trailed.into_bytes(), interim, ok(&body)] {
        let penstock = guarded(always(answer), "");
        for version in ["HTTP/1.1", "HTTP/1.0"] {
            let mut client = penstock.connect();
            let request = String::from_utf8(call(1)).expect("text").replace("HTTP/1.1", version);
            client.send(request.as_bytes());
            let head = String::from_utf8(client.until(b"\r\n\r\n")).expect("text");
            let length = body.replace(KEY, REDACTED).len();
            assert!(head.contains(&format!("Content-Length: {length}\r\n")), "{head}");
            assert!(!head.contains("chunked") && !head.contains("Trailer"), "{head}");
            assert!(!head.contains("X-Sum"), "{head}");
            client.until(body.replace(KEY, REDACTED).as_bytes());
        }
    }
}

#[test]
fn an_answer_that_ends_with_its_connection_is_held_to_that_end() {
    let upstream = upstream(|mut stream| {
        let _ = read_request(&mut stream);
        let body = format!(r#"{{"a":"{KEY}"}}"#);
        let _ = stream.write_all(&[TO_THE_END.as_bytes(), body.as_bytes()].concat());
    });
    let penstock = guarded(upstream, "");
    let mut client = penstock.connect();
    // The agent's connection goes on: the answer has a length now.
    for id in [1, 2] {
        assert_eq!(client.ask(&call(id)), (200, format!(r#"{{"a":"{REDACTED}"}}"#)));
    }
}

#[test]
fn a_blocked_answer_is_an_error_in_its_place_and_both_connections_go_on() {
    let connections = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&connections);
    let upstream = upstream(move |mut stream| {
        count.fetch_add(1, Ordering::SeqCst);
        while let Some((_, body)) = read_request(&mut stream) {
            let text = if body.windows(6).any(|part| part == b"\"id\":1") { KEY } else { "fine" };
            let body = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"a":"{text}"}}}}"#);
            let _ = stream.write_all(&ok(&body));
        }
    });
    let penstock = guarded(upstream, BLOCK);
    let mut client = penstock.connect();
    for _ in 0..3 {
        let (status, body) = client.ask(&call(1));
        assert_eq!(status, 200);
        assert!(
            body.starts_with(r#"{"jsonrpc":"2.0","id":1,"error":{"code":-31018,"message":"the answer is blocked: rule `acme-key`"#),
            "{body}"
        );
        assert!(body.contains(r#""direction":"response"}"#) && !body.contains(KEY), "{body}");
        let (status, body) = client.ask(&call(2));
        assert_eq!(status, 200, "{body}");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1, "the upstream's connection was thrown away");
    says_nothing_of_it(&penstock);
}

#[test]
fn an_answer_never_has_another_id() {
    let more = ", actions: [{ direction: request, action: ignore }]";
    let answer = format!(r#"{{"jsonrpc":"2.0","id":"{KEY}","result":{{}}}}"#);
    let event =
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: {answer}\n\n");
    let request =
        crate::common::post(&format!(r#"{{"jsonrpc":"2.0","id":"{KEY}","method":"tools/list"}}"#));
    let error = format!(r#"{{"jsonrpc":"2.0","id":"{KEY}","error":{{"code":-31018"#);
    let penstock = guarded(always(ok(&answer)), more);
    let (status, body) = penstock.connect().ask(&request);
    assert!(status == 200 && body.starts_with(&error), "{status} {body}");
    assert!(body.contains("rule `acme-key`") && body.contains(r#""pointer":"/id""#), "{body}");
    says_nothing_of_it(&penstock);
    let upstream = upstream(move |mut stream| {
        let _ = read_request(&mut stream);
        let _ = stream.write_all(event.as_bytes());
    });
    let penstock = guarded(upstream, more);
    let mut client = penstock.connect();
    client.send(&request);
    client.until(format!("data: {error}").as_bytes());
}

#[test]
fn a_number_in_a_result_is_looked_into() {
    let body =
        format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"structuredContent":{{"n":{NUMBER}}}}}}}"#);
    let penstock = guarded(always(ok(&body)), ", actions: [{ action: redact }]");
    let (status, got) = penstock.connect().ask(&call(1));
    // A tool has promised a number there.
    assert_eq!(status, 200);
    assert!(got.contains(r#""pointer":"/result/structuredContent/n""#), "{got}");
    assert!(got.contains("no placeholder would be valid") && !got.contains(NUMBER), "{got}");
    says_nothing_of_it(&penstock);
}

/// What is told is what was done, not what was to be done.
#[test]
fn a_number_that_cannot_be_sealed_is_told_and_counted_as_blocked() {
    let body =
        format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"structuredContent":{{"n":{NUMBER}}}}}}}"#);
    let admin = crate::common::free_port();
    let penstock = crate::setup(always(ok(&body)), ", actions: [{ action: tokenise }]")
        .more(&format!("\nadmin: {{ address: {admin} }}"))
        .start();
    let (_, got) = penstock.connect().ask(&call(1));
    assert!(got.contains("no placeholder would be valid"), "{got}");
    penstock.logs("found rule=\"acme-number\" class=\"card\" action=\"block\"");
    let of = |action: &str| {
        crate::broken::metric(
            admin,
            &format!(
                "penstock_inspection_findings_total{{shard=\"0\",class=\"card\",action=\"{action}\""
            ),
        )
    };
    assert!(of("block").ends_with(" 1"));
    let log = penstock.log();
    assert!(!log.contains("action=\"tokenise\""), "{log}");
    // A line for the finding, one for the message, with the same fields in both directions.
    penstock.logs("blocked rule=\"acme-number\" action=\"block\" server=\"up\" direction=\"response\" place=\"body\" pointer=\"/result/structuredContent/n\" instead=\"error\"");
}

#[test]
fn an_answer_without_a_body_is_as_it_was() {
    for (answer, status) in [
        (&b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"[..], " 202 "),
        (b"HTTP/1.1 204 No Content\r\n\r\n", " 204 "),
        (b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", " 202 "),
    ] {
        let penstock = guarded(always(answer), "");
        let mut client = penstock.connect();
        for id in [1, 2] {
            client.send(&call(id));
            let head = String::from_utf8(client.until(b"\r\n\r\n")).expect("text");
            assert!(head.contains(status), "{head}");
            assert!(!head.contains("chunked"), "{head}");
        }
    }
}

#[test]
fn an_answer_too_long_to_be_held_is_not_passed_on_unless_it_is_to_be() {
    let padding = "x".repeat(100 << 10);
    let body = format!(r#"{{"a":"{padding}","b":"{KEY}"}}"#);
    let (first, second) = body.split_at(40 << 10);
    let chunked = [CHUNKED.as_bytes(), &chunk(first), &chunk(second), b"0\r\n\r\n"].concat();
    for (answer, framed) in [(ok(&body), false), (chunked, true)] {
        let penstock = guarded(always(answer.clone()), ", message_bytes: 64KiB");
        let mut client = penstock.connect();
        for id in [1, 2] {
            let (status, said) = client.ask(&call(id));
            assert_eq!(status, 200, "{said}");
            assert!(said.contains("-31018") && said.contains("65536 are looked into"), "{said}");
        }
        drop(penstock);
        let pass = ", message_bytes: 64KiB, over_limit: pass";
        let penstock = guarded(always(answer), pass);
        for version in ["HTTP/1.1", "HTTP/1.0"] {
            let mut client = penstock.connect();
            let request = String::from_utf8(call(1)).expect("text").replace("HTTP/1.1", version);
            client.send(request.as_bytes());
            let head = String::from_utf8(client.until(b"\r\n\r\n")).expect("text");
            let chunked = framed && version == "HTTP/1.1";
            assert_eq!(head.contains("chunked"), chunked, "{head}");
            let got = if chunked { client.until(b"\r\n0\r\n\r\n") } else { client.until(b"\"}") };
            let got = String::from_utf8(got).expect("text");
            let data: String = if chunked { unchunked(&got) } else { got };
            assert!(data == body, "{} bytes of {}", data.len(), body.len());
        }
        penstock.logs("passed without having been looked into whole");
    }
}

/// The data of a body in chunks.
pub(crate) fn unchunked(mut framed: &str) -> String {
    let mut data = String::new();
    loop {
        let (size, rest) = framed.split_once("\r\n").expect("a size");
        let size = usize::from_str_radix(size, 16).expect("a number");
        if size == 0 {
            return data;
        }
        data.push_str(&rest[..size]);
        framed = rest[size..].strip_prefix("\r\n").expect("the chunk's end");
    }
}
