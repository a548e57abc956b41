//! What is wrong from the start is said once, with advice.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread::spawn;
use std::time::Duration;

use super::rig::{Then, plan, serve, serve_bytes, whole};
use crate::engine::run_until;
use crate::plan::{Agent, Era, Plan};
use crate::report::model::Ended;

fn error(plan: &Plan) -> String {
    format!("{:#}", run_until(plan, || false, |_| {}).expect_err("the probe fails"))
}

fn legacy(address: std::net::SocketAddr) -> Plan {
    Plan { era: Era::Legacy, ..plan(address) }
}

#[test]
fn nobody_listens() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let said = error(&plan(gone));
    assert!(said.contains(&gone.to_string()) && said.contains("is the server running"), "{said}");
}

#[test]
fn the_token_is_refused() {
    let address = serve_bytes(|_| {
        b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer scope=\"tools\"\r\nContent-Length: 7\r\n\r\nexpired".to_vec()
    });
    let said = error(&plan(address));
    for part in ["HTTP 401", "expired", "Bearer scope=\"tools\"", "token"] {
        assert!(said.contains(part), "{said}");
    }
    let said = error(&plan(serve_bytes(|_| whole("403 Forbidden", "text/plain", b"not you"))));
    assert!(
        said.contains("HTTP 403") && said.contains("not you") && said.contains("token"),
        "{said}"
    );
}

#[test]
fn every_token_makes_a_first_call_and_the_one_that_is_refused_is_named() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let address = serve_bytes(move |request| {
        count.fetch_add(1, Ordering::SeqCst);
        if request.header("authorization") == "Bearer bad" {
            return whole("401 Unauthorized", "text/plain", b"who are you");
        }
        request.good()
    });
    let agent = |token: &str, line: usize| Agent {
        token: Some(token.to_owned()),
        source: Some(format!("tokens.txt:{line}")),
    };
    let agents = vec![agent("good", 1), agent("good", 2), agent("bad", 4)];
    let said = error(&Plan { agents, sessions: 3, ..plan(address) });
    assert!(said.starts_with("with the token in tokens.txt:4: "), "{said}");
    assert!(said.contains("HTTP 401"), "{said}");
    assert_eq!(asked.load(Ordering::SeqCst), 2, "a token twice makes one call");
    let mut agents: Vec<Agent> = (0..64).map(|line| agent(&line.to_string(), line)).collect();
    agents.push(agent("bad", 64));
    let plan = Plan { agents, sessions: 65, ..plan(address) };
    let stopped = run_until(&plan, || asked.load(Ordering::SeqCst) >= 2 + 64, |_| {});
    assert_eq!(stopped.expect("only so many").ended, Ended::Interrupted);
}

#[test]
fn the_server_speaks_tls() {
    // As servers do that are asked without it: an alert, or nothing; and a greeting is answered.
    for answer in [&[0x15, 3, 1, 0, 2, 2, 10][..], &[]] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut start = [0; 5];
                stream.read_exact(&mut start).unwrap();
                let alert = [0x15, 3, 3, 0, 2, 2, 40];
                let answer = if start[0] == 0x16 { &alert[..] } else { answer };
                stream.write_all(answer).unwrap();
            }
        });
        let said = error(&plan(address));
        assert!(said.contains("it speaks TLS there: use https://"), "{said}");
    }
    let said = error(&plan(serve_bytes(|_| {
        let text = b"Client sent an HTTP request to an HTTPS server.";
        whole("400 Bad Request", "text/plain", text)
    })));
    assert!(said.contains("use https://"), "{said}");
    let said = error(&plan(serve(|_, _| Ok(Then::Close))));
    assert!(!said.contains("https"), "{said}");
}

#[test]
fn a_redirect_says_where_to() {
    let said = error(&plan(serve_bytes(|_| {
        b"HTTP/1.1 302 Found\r\nLocation: /mcp/files/\r\nContent-Length: 0\r\n\r\n".to_vec()
    })));
    assert!(said.contains("HTTP 302") && said.contains("it leads to /mcp/files/"), "{said}");
}

#[test]
fn the_url_is_another_ones() {
    let said = error(&plan(serve_bytes(|_| whole("404 Not Found", "text/html", b"<h1>no</h1>"))));
    assert!(said.contains("HTTP 404") && said.contains("endpoint"), "{said}");
    let said = error(&plan(serve_bytes(|_| whole("200 OK", "text/html", b"<h1>hi</h1>"))));
    assert!(said.contains("text/html") && said.contains("endpoint"), "{said}");
    let said = error(&plan(serve_bytes(|_| b"220 mail.example ESMTP\r\n".to_vec())));
    assert!(said.contains("cannot start an HTTP/1.1 message"), "{said}");
}

#[test]
fn the_server_is_of_the_other_era() {
    let answers = |status: &'static str, code: i64, message: &'static str| {
        serve_bytes(move |request| {
            let error = serde_json::json!({
                "jsonrpc": "2.0", "id": request.body["id"], "error": {"code": code, "message": message}
            });
            whole(status, "application/json", error.to_string().as_bytes())
        })
    };
    for address in [
        answers("400 Bad Request", -32000, "Bad Request: Mcp-Session-Id header is required"),
        answers("400 Bad Request", -32000, "Bad Request: Unsupported protocol version"),
        answers("400 Bad Request", -32022, "Unsupported protocol version"),
        answers("200 OK", -32600, "Server not initialized"),
    ] {
        let said = error(&plan(address));
        assert!(said.contains("try --era legacy"), "{said}");
    }
    for address in [
        answers("404 Not Found", -32601, "Method not found"),
        answers("400 Bad Request", -32602, "params._meta is missing"),
        answers("400 Bad Request", -32022, "Unsupported protocol version"),
    ] {
        let said = error(&legacy(address));
        assert!(said.contains("initialize") && said.contains("try --era modern"), "{said}");
    }
}

#[test]
fn the_call_itself_is_wrong() {
    let address = serve_bytes(|request| {
        let error = serde_json::json!({
            "jsonrpc": "2.0", "id": request.body["id"], "error": {"code": -32602, "message": "Unknown tool: echo"}
        });
        whole("200 OK", "application/json", error.to_string().as_bytes())
    });
    let said = error(&plan(address));
    assert!(said.contains("tools/call echo") && said.contains("Unknown tool: echo"), "{said}");
}

#[test]
fn a_gateway_without_its_server() {
    let said = error(&plan(serve_bytes(|_| whole("502 Bad Gateway", "text/plain", b"upstream"))));
    assert!(said.contains("HTTP 502") && said.contains("the server behind it"), "{said}");
}

#[test]
fn the_server_goes_away_after_the_first_look() {
    for era in [Era::Modern, Era::Legacy] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            drop(listener);
            super::rig::connection(
                &mut stream,
                &|request, stream| {
                    std::io::Write::write_all(stream, &request.good())?;
                    Ok(super::rig::Then::GoOn)
                },
                &std::sync::atomic::AtomicUsize::new(0),
            );
        });
        let said = error(&Plan { era, ..plan(address) });
        assert!(said.contains("none of 4 connections") && said.contains("refused"), "{said}");
    }
}

#[test]
fn a_signal_ends_the_wait_for_a_target_that_is_mute() {
    let address = serve(|_, stream| {
        let _ = stream.read(&mut [0]);
        Ok(Then::Close)
    });
    let mut plan = plan(address);
    plan.timeout = Duration::from_secs(25);
    let (found, hear) = channel();
    spawn(move || {
        let mut asked = 0;
        let stop = || {
            asked += 1;
            asked == 3
        };
        drop(found.send(run_until(&plan, stop, |_| {})));
    });
    let report = hear.recv_timeout(Duration::from_secs(20)).expect("it ends").unwrap();
    assert_eq!((report.ended, report.total.calls), (Ended::Interrupted, 0));
    let said = report.harness.warnings.join("\n");
    assert!(said.contains("the target had not answered the first call"), "{said}");
}

#[test]
fn a_target_that_sends_without_end_and_does_not_answer_is_waited_for_as_long_as_the_timeout() {
    let address = serve(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")?;
        let flood = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}\n\n".repeat(4096);
        loop {
            stream.write_all(flood.as_bytes())?;
        }
    });
    let mut plan = plan(address);
    plan.timeout = Duration::from_millis(500);
    let (found, hear) = channel();
    spawn(move || found.send(error(&plan)));
    let said = hear.recv_timeout(Duration::from_secs(20)).expect("it ends");
    assert!(
        said.contains("tools/call echo was not answered") && said.contains("timed out after 0.5 s"),
        "{said}"
    );
}

#[test]
fn its_session_is_ended_also_when_its_call_fails() {
    let ended = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&ended);
    let address = serve_bytes(move |request| {
        if request.verb == "DELETE" && request.header("mcp-session-id") == "s1" {
            count.fetch_add(1, Ordering::SeqCst);
        }
        if request.method() == "tools/call" {
            return whole("500 Internal Server Error", "text/plain", b"broken");
        }
        let good = String::from_utf8(request.good()).unwrap();
        good.replacen("\r\n", "\r\nMcp-Session-Id: s1\r\n", 1).into_bytes()
    });
    assert!(error(&legacy(address)).contains("HTTP 500"));
    assert_eq!(ended.load(Ordering::SeqCst), 1);
}
