//! What a hostile agent tries: each is named for what it must not get.

mod common;

use std::io::Write as _;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::sleep;
use std::time::Duration;

use common::{
    Penstock, Setup, always, call, eventually, ok, post, post_with, read_request, upstream,
};

#[test]
fn a_body_that_another_reader_would_decode_first_is_not_forwarded() {
    let seen = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&seen);
    let server = upstream(move |mut stream| {
        while read_request(&mut stream).is_some() {
            *counted.lock().expect("the count") += 1;
            stream.write_all(&ok("{}")).expect("penstock reads");
        }
    });
    let penstock = Penstock::start(server, "");
    // In UTF-7 the call is of `danger`: `+ACI-` is a quote, and of two names the last one counts.
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe","a":"+ACIALAAiAG4AYQBtAGUAIgA6ACIAZABhAG4AZwBlAHIAIgAsACIAYgAiADoAIg-"}}"#;
    let mut client = penstock.connect();
    for fields in [
        "Content-Encoding: deflate\r\n",
        "Content-Encoding: identity\r\nContent-Encoding: gzip\r\n",
    ] {
        let (status, said) = client.ask(&post_with(fields, body));
        assert_eq!(status, 415, "{said}");
        assert!(said.contains("Content-Encoding"), "{said}");
    }
    let typed = String::from_utf8(post(body)).expect("text");
    let typed = typed.replace("application/json\r\n", "application/json; charset=utf-7\r\n");
    let (status, said) = client.ask(typed.as_bytes());
    assert_eq!(status, 415, "{said}");
    assert_eq!(*seen.lock().expect("the count"), 0, "it reached the server");
    let typed = typed.replace("utf-7", "UTF-8");
    assert_eq!(client.ask(typed.as_bytes()).0, 200);
}

#[test]
fn a_request_hidden_in_the_body_of_another_is_not_forwarded() {
    let (tell, told) = mpsc::channel();
    let server = upstream(move |mut stream| {
        // As many servers: a body where none is expected is left for the next request.
        while let Some((head, _)) = read_request(&mut stream) {
            let _ = tell.send(head);
            stream.write_all(&ok("{}")).expect("penstock reads");
        }
    });
    let penstock = Penstock::start(server, "");
    let hidden = "POST /admin HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}";
    for verb in ["GET", "DELETE", "OPTIONS"] {
        let length = format!("Content-Length: {}\r\n\r\n{hidden}", hidden.len());
        let chunked = format!(
            "Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{hidden}\r\n0\r\n\r\n",
            hidden.len()
        );
        for body in [length, chunked] {
            let mut client = penstock.connect();
            let head = format!("{verb} /mcp/up HTTP/1.1\r\nHost: localhost\r\n{body}");
            let (status, said) = client.ask(head.as_bytes());
            assert_eq!(status, 400, "{verb}: {said}");
            assert!(said.contains("only a POST has a body"), "{said}");
            assert!(client.rest().is_empty(), "what follows is not read as a request");
        }
        let none =
            format!("{verb} /mcp/up HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(penstock.connect().ask(none.as_bytes()).0, 200);
        let head = told.recv_timeout(Duration::from_secs(5)).expect("the request without a body");
        assert!(head.starts_with(verb.as_bytes()));
    }
    assert!(told.try_recv().is_err(), "nothing else reached the server");
}

#[test]
fn an_answer_is_not_given_under_the_id_of_the_call_before() {
    let server = upstream(|mut stream| {
        while let Some((head, _)) = read_request(&mut stream) {
            if head.starts_with(b"DELETE") || stream.write_all(&ok("{}")).is_err() {
                return;
            }
        }
    });
    let penstock = Penstock::start(server, "");
    let mut client = penstock.connect();
    assert_eq!(client.ask(&call(1)).0, 200);
    let (status, said) = client.ask(b"DELETE /mcp/up HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(status, 502);
    assert!(said.contains(r#""id":null"#), "{said}");
}

#[test]
fn idle_connections_do_not_keep_the_memory_of_their_calls() {
    let penstock = Penstock::start(always(ok("{}")), "");
    let before = penstock.resident_kib();
    let text = post(&format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{{"a":"{}"}}}}"#,
        "x".repeat(4_000_000)
    ));
    let names: Vec<_> = (0..400_000).map(|n| format!("\"{n:x}\":0")).collect();
    let names = post(&format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{{{}}}}}"#,
        names.join(",")
    ));
    let mut idle = Vec::new();
    for request in [&text, &names].into_iter().cycle().take(20) {
        let mut client = penstock.connect();
        assert_eq!(client.ask(request).0, 200);
        idle.push(client);
    }
    sleep(Duration::from_millis(300));
    let grown = penstock.resident_kib().saturating_sub(before);
    assert!(grown < 20 << 10, "{grown} KiB for {} idle connections", idle.len());
}

#[test]
fn an_agent_that_does_not_read_100_continue_is_let_go() {
    let times = "write_timeout: 300ms, body_timeout: 300ms, idle_timeout: 1s, head_timeout: 300ms";
    let penstock = Setup::to(always(ok("{}")))
        .listener("{ unix: agents.sock }")
        .more(&format!("limits: {{ {times} }}"))
        .start();
    let path = penstock.setup.folder.path("agents.sock");
    let before = penstock.descriptors();
    // Whether the write that finds no room is an answer or a 100 depends on what went before it.
    let unread: Vec<_> = (0..4)
        .map(|shift| {
            let mut agent = UnixStream::connect(&path).expect("penstock accepts");
            agent.set_write_timeout(Some(Duration::from_millis(500))).expect("a timeout");
            for _ in 0..shift {
                agent.write_all(&post("x")).expect("penstock reads");
                sleep(Duration::from_millis(5));
            }
            let request = post_with("Expect: 100-continue\r\n", "x");
            let (head, body) = request.split_at(request.len() - 1);
            for _ in 0..400 {
                if agent.write_all(head).is_err() {
                    break;
                }
                // The body comes after the head was read, or there would be no 100.
                sleep(Duration::from_millis(2));
                if agent.write_all(body).is_err() {
                    break;
                }
                sleep(Duration::from_millis(1));
            }
            agent
        })
        .collect();
    eventually("their connections are closed", || penstock.descriptors() <= before + 1);
    drop(unread);
}

#[test]
fn a_key_in_the_query_of_an_upstream_is_told_to_nobody() {
    let server = always("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    let entry = format!("{{ url: \"http://{server}/sse?key=hunter2\", transport: sse }}");
    let penstock = Penstock::with(&entry, "");
    let initialize = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#;
    let (status, said) = penstock.connect().ask(&post(initialize));
    assert_eq!(status, 502, "{said}");
    assert!(said.contains("GET /sse on") && !said.contains("hunter2"), "{said}");
    penstock.logs("was answered 404");
    assert!(!penstock.log().contains("hunter2"), "{}", penstock.log());
}

#[test]
fn a_parameter_of_the_configuration_cannot_be_contradicted() {
    let (seen, targets) = mpsc::channel();
    let server = upstream(move |mut stream| {
        while let Some((head, _)) = read_request(&mut stream) {
            let line = String::from_utf8_lossy(&head).lines().next().map(str::to_owned);
            seen.send(line.unwrap_or_default()).expect("the test listens");
            stream.write_all(&ok("{}")).expect("penstock reads");
        }
    });
    let fixed = format!("{{ url: \"http://{server}/mcp?tenant=a\" }}");
    let penstock = Setup::to(server).also("fixed", &fixed).start();
    for (path, expected) in [("up", "/mcp?tenant=b"), ("fixed", "/mcp?tenant=a")] {
        let request = String::from_utf8(call(1)).expect("text");
        let request = request.replace("/mcp/up ", &format!("/mcp/{path}?tenant=b "));
        assert_eq!(penstock.connect().ask(request.as_bytes()).0, 200);
        let line = targets.recv_timeout(Duration::from_secs(5)).expect("a request");
        assert_eq!(line, format!("POST {expected} HTTP/1.1"));
    }
}

#[test]
fn a_page_of_a_name_is_not_a_line_of_the_log() {
    let penstock = Penstock::start(always(ok("{}")), "log: { access: true }");
    let mut client = penstock.connect();
    let name = "n".repeat(1 << 20);
    let body =
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{name}"}}}}"#);
    assert_eq!(client.ask(&post(&body)).0, 200);
    eventually("the call is logged", || penstock.log().contains("nnn"));
    assert!(penstock.log().len() < 1 << 16, "{} bytes", penstock.log().len());
}

#[test]
fn no_stdio_server_inherits_an_agents_connection() {
    let setup = Setup::to(always(ok("{}")));
    let (script, open) = (setup.folder.path("server.sh"), setup.folder.path("open"));
    // It says what it was given, and ends: the next session starts another.
    let lines = format!("for f in /proc/self/fd/*; do readlink $f; done >> {}", open.display());
    setup.folder.write("server.sh", &format!("{lines}\nexit 1\n"));
    let entry = format!("{{ command: sh, args: [{}] }}", script.display());
    let penstock = ["a", "b", "c", "d", "e", "f", "g", "h"]
        .into_iter()
        .fold(setup, |setup, name| setup.also(name, &entry))
        .start();
    let address = penstock.address;
    let stop = Arc::new(AtomicBool::new(false));
    let storm: Vec<_> = (0..4)
        .map(|_| {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let _ = TcpStream::connect(address);
                }
            })
        })
        .collect();
    let initialize = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#;
    for _ in 0..3 {
        for name in ["a", "b", "c", "d", "e", "f", "g", "h"] {
            let request = String::from_utf8(post(initialize)).expect("text");
            penstock.connect().ask(request.replace("/mcp/up", &format!("/mcp/{name}")).as_bytes());
        }
    }
    stop.store(true, Ordering::Relaxed);
    for thread in storm {
        thread.join().expect("it ends");
    }
    let open = std::fs::read_to_string(open).expect("servers ran");
    assert!(open.contains("pipe:") && !open.contains("socket:"), "{open}");
}

/// Serves although its log goes nowhere, and ends when it is told to.
fn serves_and_ends(stderr: impl Into<std::process::Stdio>) {
    let setup = Setup::to(always(ok("{}"))).more("log: { access: true }").stderr(stderr);
    let mut penstock = setup.start();
    let mut client = penstock.connect();
    // A pipe holds 64 KiB, which is a few hundred lines.
    for id in 0..2000 {
        assert_eq!(client.ask(&call(id)).0, 200);
    }
    penstock.signal("TERM");
    assert!(penstock.wait(), "the exit status is not 0");
}

#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    serves_and_ends(std::process::Stdio::piped());
}

#[test]
fn a_full_disk_behind_the_log_stops_nothing() {
    serves_and_ends(std::fs::File::create("/dev/full").expect("it opens"));
}
