//! What reaches an agent event by event.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use crate::answers::unchunked;
use crate::common::{PATIENCE, always, call, chunk, modern_call, read_request, upstream};
use crate::{BLOCK, KEY, REDACTED, guarded, says_nothing_of_it};

const HEAD: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
const GET: &[u8] = b"GET /mcp/up HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n";

/// An upstream that answers with these events.
fn streaming(events: &str) -> SocketAddr {
    always([HEAD.as_bytes(), &chunk(events), b"0\r\n\r\n"].concat())
}

/// What an agent gets of them.
fn passed(events: &str, more: &str, request: &[u8]) -> String {
    let penstock = guarded(streaming(events), more);
    let mut client = penstock.connect();
    client.send(request);
    client.until(b"\r\n\r\n");
    let mut all = client.until(b"0\r\n\r\n");
    while !all.ends_with(b"\r\n0\r\n\r\n") && all != b"0\r\n\r\n" {
        all.extend(client.until(b"0\r\n\r\n"));
    }
    // The connection is at a message's end.
    client.send(request);
    client.until(b"\r\n\r\n");
    says_nothing_of_it(&penstock);
    unchunked(&String::from_utf8(all).expect("text"))
}

fn response(id: &str, text: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"a":"{text}"}}}}"#)
}

fn notification(text: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","method":"notifications/message","params":{{"data":"{text}"}}}}"#)
}

/// What stands in the place of a request of the server's.
const UNKNOWN: &str = r#"{"jsonrpc":"2.0","id":"s1","method":"penstock/blocked"}"#;

fn elicitation(text: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":"s1","method":"elicitation/create","params":{{"message":"{text}"}}}}"#
    )
}

#[test]
fn every_message_of_a_stream_is_looked_into_and_all_else_passes_as_it_came() {
    let sampling = format!(
        r#"{{"jsonrpc":"2.0","id":"s2","method":"sampling/createMessage","params":{{"systemPrompt":"{KEY}"}}}}"#
    );
    let events = |of: &dyn Fn(&str) -> String| {
        format!(
            ": begun\n\nid: 1\nevent: message\nretry: 250\ndata: {}\n\ndata:{}\n:ping\n\n\
             data: {}\r\n\r\n\ndata: \n\nid: 2\ndata\n\nfoo: bar\ndata: {}\n\n",
            of(&notification(KEY)),
            of(&elicitation(KEY)),
            of(&sampling),
            of(&response("1", KEY)),
        )
    };
    let came = events(&str::to_owned);
    let seen = came.replace(KEY, REDACTED);
    // What is changed is written as data lines are.
    let seen = seen.replace("data:{", "data: {");
    for request in [&call(1)[..], &modern_call(1), GET] {
        assert_eq!(passed(&came, "", request), seen);
    }
    let clean = came.replace(KEY, "fine");
    assert_eq!(passed(&clean, "", &call(1)), clean);
}

#[test]
fn a_blocked_answer_is_an_error_of_its_id_and_what_nobody_waits_for_is_left_out() {
    let error = |id: &str| format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-31018,"#);
    let events = format!(
        "id: 1\ndata: {}\n\ndata: {}\n\nid: 2\ndata: {}\n\ndata: {}\n\nevent: message\ndata: {}\n\ndata: [{},{}]\n\n",
        notification(KEY),
        elicitation(KEY),
        response("\"x\"", KEY),
        notification("fine"),
        response("1", KEY),
        response("3", KEY),
        response("4", "fine"),
    );
    let got = passed(&events, BLOCK, &call(1));
    let lines: Vec<&str> = got.split("\n\n").collect();
    assert_eq!(lines.len(), 7, "{got}");
    assert_eq!(lines[0], "id: 1", "from where on it can be resumed: {got}");
    assert_eq!(lines[1], format!("data: {UNKNOWN}"), "the agent answers it: {got}");
    assert!(lines[2].starts_with(&format!("id: 2\ndata: {}", error("\"x\""))), "{got}");
    assert_eq!(lines[3], format!("data: {}", notification("fine")));
    assert!(lines[4].starts_with(&format!("event: message\ndata: {}", error("1"))), "{got}");
    assert!(lines[5].starts_with(&format!("data: [{}", error("3"))), "{got}");
    assert!(lines[5].contains(&format!(",{}", error("4"))) && lines[5].ends_with(']'), "{got}");
    assert!(got.contains("rule `acme-key`") && got.contains(r#""direction":"response""#), "{got}");
}

#[test]
fn a_message_that_nobody_can_read_is_answered_where_it_may_have_been_the_answer() {
    for data in [
        format!(r#"{{"id":1,"id":2,"jsonrpc":"2.0","result":"{KEY}"}}"#),
        format!("{KEY} is no JSON"),
    ] {
        let got = passed(&format!("data: {data}\n\n"), BLOCK, &call(7));
        assert!(
            got.starts_with(r#"data: {"jsonrpc":"2.0","id":7,"error":{"code":-31018"#),
            "{got}"
        );
        assert_eq!(passed(&format!("data: {data}\n\n"), BLOCK, GET), "");
    }
}

#[test]
fn what_stands_beside_a_message_passes_as_it_is_or_its_event_does_not() {
    for line in ["id: {}", "event: {}", ": {}", "retry: {}", "x: {}", "{}", "data-{}: 1"] {
        let line = line.replace("{}", KEY);
        let events = format!(
            "{line}\ndata: {}\n\n{line}\n\ndata: {}\n\n",
            response("1", "a"),
            response("2", "b")
        );
        let got = passed(&events, "", &call(1));
        let (first, second) = got.split_once("\n\n").expect("two events");
        assert!(
            first.starts_with(r#"data: {"jsonrpc":"2.0","id":1,"error":{"code":-31018"#),
            "{got}"
        );
        assert!(first.contains("rule `acme-key` in the event"), "{got}");
        // An event that is no message is left out, or answers the request that may wait for it.
        assert!(second.ends_with(&format!("data: {}\n\n", response("2", "b"))), "{got}");
    }
}

#[test]
fn a_blocked_answer_does_not_say_the_id_in_which_something_was_found() {
    for id in
        [format!("\"{KEY}\""), format!("\"\\u{:04x}{}\"", u32::from(KEY.as_bytes()[0]), &KEY[1..])]
    {
        let got = passed(&format!("data: {}\n\n", response(&id, "fine")), "", &call(7));
        assert!(got.contains(r#"{"jsonrpc":"2.0","id":7,"error":{"code":-31018"#), "{got}");
        assert!(!got.contains(&KEY[1..]), "{got}");
    }
}

#[test]
fn of_a_batch_in_a_stream_each_message_has_something_in_its_place() {
    let events = format!(
        "data: [{},{},{}]\n\n",
        notification("fine"),
        elicitation("fine"),
        response("2", KEY)
    );
    let got = passed(&events, BLOCK, &call(1));
    let error = r#"{"jsonrpc":"2.0","id":2,"error":{"code":-31018"#;
    assert!(got.starts_with(&format!("data: [{UNKNOWN},{error}")), "{got}");
}

#[test]
fn a_message_that_nobody_can_read_is_answered_to_every_request_of_a_batch() {
    let one = |id| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/list"}}"#);
    let batch = crate::common::post(&format!("[{},{}]", one(3), one(4)));
    let got = passed(&format!("data: {KEY} is no JSON\n\n"), BLOCK, &batch);
    let error = |id| format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-31018"#);
    assert!(got.starts_with(&format!("data: [{}", error(3))), "{got}");
    assert!(got.contains(&format!(",{}", error(4))), "{got}");
}

/// An id in which something is found cannot be said again, not even to be answered.
#[test]
fn a_request_of_the_server_s_that_nothing_can_answer_is_told_in_the_log() {
    let id = format!("\"{KEY}\"");
    let event = format!("data: {}\n\n", elicitation("fine").replace("\"s1\"", &id));
    let penstock = guarded(streaming(&event), BLOCK);
    let mut client = penstock.connect();
    client.send(&call(1));
    client.until(b"\r\n\r\n0\r\n\r\n");
    penstock
        .logs("blocked rule=\"acme-key\" action=\"block\" server=\"up\" direction=\"response\"");
    penstock.logs("instead=\"nothing\"");
    says_nothing_of_it(&penstock);
}

#[test]
fn what_tells_of_a_body_is_not_passed_on_with_a_stream() {
    let head = HEAD.replace("\r\n\r\n", "\r\nETag: \"1\"\r\nRepr-Digest: a\r\n\r\n");
    let event = format!("data: {}\n\n", response("1", KEY));
    let answer = [head.as_bytes(), &chunk(&event), b"0\r\n\r\n"].concat();
    let penstock = guarded(always(answer), "");
    let mut client = penstock.connect();
    client.send(&call(1));
    let head = String::from_utf8(client.until(b"\r\n\r\n")).expect("text");
    assert!(!head.contains("ETag") && !head.contains("Digest"), "{head}");
}

#[test]
fn a_mark_before_a_line_in_an_events_midst_hides_nothing() {
    let event = format!("id: 1\n\u{feff}data: {KEY}\ndata: {}\n\n", response("1", "fine"));
    let got = passed(&event, "", &call(1));
    assert!(!got.contains(KEY), "{got}");
}

#[test]
fn nothing_of_an_event_is_given_out_before_its_end() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Arc::new(Mutex::new(wait));
    let upstream = upstream(move |mut stream| {
        let _ = read_request(&mut stream);
        let _ = stream.write_all(HEAD.as_bytes());
        for part in ["data: one\n\ndata: tw", "o\n", "\n"] {
            let _ = stream.write_all(&chunk(part));
            let _ = wait.lock().map(|wait| wait.recv_timeout(PATIENCE));
        }
        let _ = stream.write_all(b"0\r\n\r\n");
    });
    let penstock = guarded(upstream, "");
    let mut client = penstock.connect();
    client.send(&call(1));
    client.until(b"data: one\n\n\r\n");
    for _ in 0..2 {
        go.send(()).expect("the upstream waits");
    }
    // The second event comes as one.
    assert_eq!(client.until(b"\n\n\r\n"), b"b\r\ndata: two\n\n\r\n");
}

#[test]
fn an_event_too_long_to_be_held_is_not_passed_on_unless_it_is_to_be() {
    let padding = "x".repeat(100 << 10);
    let long = response("1", &format!("{padding}{KEY}"));
    let events =
        format!("data: {}\n\ndata: {long}\n\ndata: {}\n\n", notification("a"), notification("b"));
    let got = passed(&events, ", message_bytes: 64KiB", &call(1));
    let error = r#"data: {"jsonrpc":"2.0","id":1,"error":{"code":-31018"#;
    assert!(got.starts_with(&format!("data: {}\n\n{error}", notification("a"))), "{got}");
    assert!(got.ends_with(&format!("}}}}\n\ndata: {}\n\n", notification("b"))), "{got}");
    let got = passed(&events, ", message_bytes: 64KiB", GET);
    assert_eq!(got, format!("data: {}\n\ndata: {}\n\n", notification("a"), notification("b")));
}

#[test]
fn an_event_too_long_passes_where_it_is_to() {
    let padding = "x".repeat(100 << 10);
    let events = format!("data: {padding}\n\ndata: {}\n\n", notification(KEY));
    let got = passed(&events, ", message_bytes: 64KiB, over_limit: pass", &call(1));
    assert!(got == events.replace(KEY, REDACTED), "{} bytes of {}", got.len(), events.len());
}

#[test]
fn a_stream_of_any_framing_is_looked_into_for_any_agent() {
    let events = format!("data: {}\n\ndata: {}", response("1", KEY), notification(KEY));
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n";
    let length = format!("{head}Content-Length: {}\r\n\r\n{events}", events.len());
    let chunked = [
        head.as_bytes(),
        b"Transfer-Encoding: chunked\r\nTrailer: X\r\n\r\n",
        &chunk(&events),
        format!("0\r\nX: {KEY}\r\n\r\n").as_bytes(),
    ]
    .concat();
    let to_the_end = format!("{head}\r\n{events}");
    for (answer, closes) in
        [(length.into_bytes(), false), (chunked, false), (to_the_end.into_bytes(), true)]
    {
        let upstream = upstream(move |mut stream| {
            while read_request(&mut stream).is_some()
                && stream.write_all(&answer).is_ok()
                && !closes
            {}
        });
        let penstock = guarded(upstream, "");
        for version in ["HTTP/1.1", "HTTP/1.0"] {
            let mut client = penstock.connect();
            let request = String::from_utf8(call(1)).expect("text").replace("HTTP/1.1", version);
            client.send(request.as_bytes());
            let head = String::from_utf8(client.until(b"\r\n\r\n")).expect("text");
            let new = version == "HTTP/1.1";
            assert_eq!(head.contains("Transfer-Encoding: chunked"), new, "{head}");
            assert!(!head.contains("Content-Length") && !head.contains("Trailer"), "{head}");
            let got = if new { client.until(b"\r\n0\r\n\r\n") } else { client.rest() };
            let got = String::from_utf8(got).expect("text");
            let got = if new { unchunked(&got) } else { got };
            // The second event has no end: to most readers it is none.
            let seen = events.replace(KEY, REDACTED);
            assert_eq!(got.trim_end(), seen, "{version}");
        }
        says_nothing_of_it(&penstock);
    }
}

#[test]
fn a_stream_that_rests_is_looked_into_as_any_other() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Arc::new(Mutex::new(wait));
    let upstream = upstream(move |mut stream| {
        let _ = read_request(&mut stream);
        let _ = stream.write_all(HEAD.as_bytes());
        let _ = wait.lock().map(|wait| wait.recv_timeout(PATIENCE));
        let _ = stream.write_all(&chunk(&format!("data: {}\n\n", response("1", KEY))));
        let _ = stream.write_all(b"0\r\n\r\n");
    });
    let penstock = guarded(upstream, BLOCK);
    let mut client = penstock.connect();
    client.send(&call(1));
    client.until(b"\r\n\r\n");
    // After a second it gives back its request's memory, the id included.
    std::thread::sleep(std::time::Duration::from_millis(1500));
    go.send(()).expect("the upstream waits");
    let got = String::from_utf8(client.until(b"0\r\n\r\n")).expect("text");
    assert!(got.contains(r#"data: {"jsonrpc":"2.0","id":1,"error":{"code":-31018"#), "{got}");
    // Nor is the tool forgotten.
    penstock.logs("instead=\"error\" tool=\"t\"");
    says_nothing_of_it(&penstock);
}

#[test]
fn a_resumed_stream_is_looked_into_and_its_id_passes() {
    let (tell, told) = mpsc::channel();
    let upstream = upstream(move |mut stream| {
        while let Some((head, _)) = read_request(&mut stream) {
            let _ = tell.send(String::from_utf8(head).expect("text"));
            let event = format!("id: 8\ndata: {}\n\n", notification(KEY));
            let _ = stream.write_all(&[HEAD.as_bytes(), &chunk(&event), b"0\r\n\r\n"].concat());
        }
    });
    let penstock = guarded(upstream, "");
    let mut client = penstock.connect();
    client.send(b"GET /mcp/up HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: 7\r\n\r\n");
    let got = String::from_utf8(client.until(b"0\r\n\r\n")).expect("text");
    assert!(got.contains(&format!("id: 8\ndata: {}\n\n", notification(REDACTED))), "{got}");
    let head = told.recv_timeout(PATIENCE).expect("it was asked");
    assert!(head.contains("Last-Event-ID: 7\r\n"), "{head}");
}

#[test]
fn a_draining_stream_ends_between_two_events() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Arc::new(Mutex::new(wait));
    let upstream = upstream(move |mut stream| {
        let _ = read_request(&mut stream);
        let _ = stream.write_all(HEAD.as_bytes());
        let _ = stream.write_all(&chunk(&format!("data: {}\n\ndata: half", notification(KEY))));
        let _ = wait.lock().map(|wait| wait.recv_timeout(PATIENCE));
        let _ = stream.write_all(&chunk(" and half\n\n"));
        let _ = read_request(&mut stream);
    });
    let mut penstock = guarded(upstream, "");
    let mut client = penstock.connect();
    client.send(GET);
    client.until(format!("data: {}\n\n", notification(REDACTED)).as_bytes());
    penstock.signal("TERM");
    std::thread::sleep(std::time::Duration::from_millis(300));
    go.send(()).expect("the upstream waits");
    client.until(b"data: half and half\n\n\r\n0\r\n\r\n");
    assert!(penstock.wait());
}
