//! Calls that go by the control thread are looked into once, where the agent's are.

use std::io::Write as _;

use crate::common::{Client, PATIENCE, Setup, chunk, ok, post, read_request, upstream};
use crate::{BLOCK, KEY, REDACTED, call_with, inspection, says_nothing_of_it};

/// A server of lines: it says `KEY` unasked, and answers with what it was sent and with `KEY`.
const PROGRAM: &str = r#"
import sys, json
key = "ACME-" + "0123456789ABCDEF"
def say(message):
    print(json.dumps(message), flush=True)
for line in sys.stdin:
    message = json.loads(line)
    if message.get("method") == "initialize":
        say({"jsonrpc": "2.0", "id": message["id"], "result": {"protocolVersion": "2025-06-18",
            "capabilities": {}, "serverInfo": {"name": "s", "version": "1"}}})
    elif "id" in message and "method" in message:
        say({"jsonrpc": "2.0", "method": "notifications/message", "params": {"data": key}})
        sent = json.dumps(message)
        say({"jsonrpc": "2.0", "id": message["id"], "result": {"leaked": key in sent, "a": key}})
"#;

#[test]
fn a_program_s_messages_are_looked_into_once_each_way() {
    let setup =
        Setup::with("{ command: [python3, -c, \"exec(open('server.py').read())\"], directory: . }");
    let setup = setup.more(&inspection(""));
    setup.folder.write("own.toml", crate::RULES);
    setup.folder.write("server.py", PROGRAM);
    let penstock = setup.start();
    let mut client = penstock.connect();
    let initialize = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}"#;
    client.send(&post(initialize));
    let head = String::from_utf8(client.until(b"\r\n\r\n")).expect("text");
    let session = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("mcp-session-id").then(|| value.to_owned())
    });
    let session = format!("Mcp-Session-Id: {}\r\n", session.expect("a session"));
    drop(client);
    let mut client = penstock.connect();
    client.send(&crate::common::post_with(&session, &call_with(5, &format!(r#"{{"a":"{KEY}"}}"#))));
    let mut got = Vec::new();
    while crate::common::find(&got, b"leaked").is_none() {
        got.extend(client.until(b"}"));
    }
    got.extend(client.until(b"}"));
    let got = String::from_utf8(got).expect("text");
    assert!(!got.contains(KEY) && got.contains(REDACTED), "{got}");
    let said: String = got.chars().filter(|c| *c != ' ').collect();
    assert!(said.contains("\"leaked\":false"), "{got}");
    let found = |direction: &str| {
        let log = penstock.log();
        log.lines().filter(|line| line.contains(&format!("direction=\"{direction}\""))).count()
    };
    penstock.logs("direction=\"response\"");
    assert_eq!(found("request"), 1, "{}", penstock.log());
    assert!((1..=2).contains(&found("response")), "{}", penstock.log());
    says_nothing_of_it(&penstock);
}

/// What a client of 2024-11-05 is told, and what it posts.
fn legacy(
    more: &str,
) -> (crate::common::Penstock, Client, String, std::sync::mpsc::Receiver<String>) {
    let (tell, told) = std::sync::mpsc::channel();
    let upstream = upstream(move |mut stream| {
        while let Some((_, body)) = read_request(&mut stream) {
            let body = String::from_utf8(body).expect("text");
            let text = if body.contains("\"id\":2") { KEY } else { "fine" };
            let _ = tell.send(body.clone());
            let answer = |id| format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"a":"{text}"}}}}"#);
            let answer = if body.contains("\"id\":2") {
                let event = format!("data: {}\n\n", answer(2));
                [&b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"[..],
                    &chunk(&event), b"0\r\n\r\n"].concat()
            } else {
                ok(&answer(1))
            };
            let _ = stream.write_all(&answer);
        }
    });
    let setup = Setup::to(upstream).more(&inspection(more)).more("\nlog: { access: true }");
    setup.folder.write("own.toml", crate::RULES);
    let penstock = setup.start();
    let mut client = penstock.connect();
    client
        .send(b"GET /mcp/up/sse HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n");
    client.until(b"data: ");
    let path = String::from_utf8(client.until(b"\n")).expect("text").trim().to_owned();
    (penstock, client, path, told)
}

fn post_to(path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

#[test]
fn a_client_of_the_older_transport_is_looked_into_once_each_way() {
    let (penstock, mut client, path, told) = legacy("");
    let mut poster = penstock.connect();
    for id in [1, 2] {
        let body = call_with(id, &format!(r#"{{"a":"{KEY}"}}"#));
        assert_eq!(poster.ask(&post_to(&path, &body)).0, 202);
        let seen = told.recv_timeout(PATIENCE).expect("it was forwarded");
        assert_eq!(seen, body.replace(KEY, REDACTED));
        let text = if id == 2 { REDACTED } else { "fine" };
        let event = format!(r#"data: {{"jsonrpc":"2.0","id":{id},"result":{{"a":"{text}"}}}}"#);
        client.until(event.as_bytes());
    }
    let lines = |direction: &str| {
        let log = penstock.log();
        log.lines().filter(|line| line.contains(&format!("direction=\"{direction}\""))).count()
    };
    penstock.logs("direction=\"response\"");
    assert_eq!((lines("request"), lines("response")), (2, 1), "{}", penstock.log());
    says_nothing_of_it(&penstock);
}

#[test]
fn a_client_of_the_older_transport_is_told_what_is_blocked() {
    let (penstock, mut client, path, told) = legacy(BLOCK);
    let mut poster = penstock.connect();
    // The request's error, under its id, comes as an event, as all that it is answered.
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{{"name":"{KEY}","arguments":{{}}}}}}"#
    );
    assert_eq!(poster.ask(&post_to(&path, &body)).0, 202);
    let got = String::from_utf8(client.until(b"}}}")).expect("text");
    assert!(got.contains(r#"{"jsonrpc":"2.0","id":9,"error":{"code":-31017"#), "{got}");
    assert!(told.try_recv().is_err());
    assert_eq!(poster.ask(&post_to(&path, &call_with(2, "{}"))).0, 202);
    let got = String::from_utf8(client.until(b"}}}")).expect("text");
    assert!(got.contains(r#"{"jsonrpc":"2.0","id":2,"error":{"code":-31018"#), "{got}");
    says_nothing_of_it(&penstock);
}
