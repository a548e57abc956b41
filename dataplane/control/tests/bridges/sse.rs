//! Upstreams of the HTTP+SSE transport.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use penstock_config::{Endpoint, HostHeader, HttpTarget, Target, UpstreamTls};
use serde_json::{Value, json};

use crate::gateway::{BOTH, Gateway, JSON, call, initialize, modern_call, snapshot, upstream};
use crate::http::{Connection, Received, serve_tcp};

/// A server with `/sse` and `/messages`, which takes `tools/call` as `server.py` does.
fn old_server(endpoint: &'static str) -> SocketAddr {
    let streams: Arc<Mutex<HashMap<String, Box<dyn Connection>>>> = Arc::default();
    let opened_by: Arc<Mutex<Option<String>>> = Arc::default();
    serve_tcp(move |mut request: Received| {
        if request.method == "GET" {
            *opened_by.lock().expect("lock") = request.header("authorization").map(str::to_owned);
            request.begin_stream();
            let id = streams.lock().expect("lock").len().to_string();
            request.write(&format!(": hello\r\nevent: endpoint\r\ndata: {endpoint}{id}\r\n\r\n"));
            streams.lock().expect("lock").insert(id, request.connection);
            return;
        }
        let id = request.target.rsplit('=').next().unwrap_or_default().to_owned();
        let message: Value = serde_json::from_str(&request.body).expect("JSON");
        if message["params"]["name"] == "refused" {
            return request.answer("500 Broken", "", "");
        }
        request.answer("202 Accepted", "", "Accepted");
        let mut streams = streams.lock().expect("lock");
        if message["params"]["name"] == "crash" {
            streams.remove(&id);
            return;
        }
        let Some(stream) = streams.get_mut(&id) else { return };
        let mut say = |message: &Value| {
            let _ = stream.write_all(format!("event: message\ndata: {message}\n\n").as_bytes());
        };
        if let Some(token) = message["params"]["_meta"].get("progressToken") {
            say(&json!({"jsonrpc":"2.0","method":"notifications/progress",
                "params":{"progressToken":token,"progress":1}}));
        }
        if !message["id"].is_null() {
            say(&json!({"jsonrpc":"2.0","id":message["id"],"result":{
                    "host":request.header("host"),
                    "authorization":request.header("authorization"),
                    "session":request.header("mcp-session-id"),
                    "opened_by":*opened_by.lock().expect("lock")}}));
        }
    })
}

fn gateway(address: SocketAddr) -> Gateway {
    let target = HttpTarget {
        endpoint: Endpoint::Name("localhost".into(), address.port()),
        tls: None,
        path: "/sse".into(),
        authority: format!("localhost:{}", address.port()),
        host: HostHeader::Upstream,
    };
    Gateway::start(snapshot(vec![upstream("s", Target::Sse(target))]))
}

#[test]
fn a_streamable_client_calls_an_old_server() {
    let address = old_server("/messages?session=");
    let gateway = gateway(address);
    let (first, second) = (gateway.begin(), gateway.begin());
    for session in [&first, &second] {
        let answer = gateway.post(Some(session), &call("a", "echo", &json!({}))).json();
        assert_eq!(answer["id"], "a");
        assert_eq!(answer["result"]["host"], format!("localhost:{}", address.port()));
        let mut request = call("p", "echo", &json!({}));
        request["params"]["_meta"] = json!({"progressToken": "t"});
        let mut answer = gateway.post(Some(session), &request);
        assert_eq!(answer.event().expect("progress").json()["params"]["progressToken"], "t");
        assert_eq!(answer.event().expect("the answer").json()["id"], "p");
    }
    let headers = [("Mcp-Session-Id", &*first)];
    assert_eq!(gateway.send("DELETE", "/bridge/s", &headers, "").status, 204);
}

#[test]
fn what_the_server_refuses_and_the_end_of_its_stream_are_answers() {
    let gateway = gateway(old_server("/messages?session="));
    let session = gateway.begin();
    let refused = gateway.post(Some(&session), &call(1, "refused", &json!({}))).json();
    assert!(refused["error"]["message"].as_str().is_some_and(|m| m.contains("500")), "{refused}");
    let ended = gateway.post(Some(&session), &call(2, "crash", &json!({}))).json();
    assert!(ended["error"]["message"].as_str().is_some_and(|m| m.contains("ended")), "{ended}");
    assert_eq!(gateway.post(Some(&session), &call(3, "echo", &json!({}))).status, 404);
}

#[test]
fn an_endpoint_on_another_origin_is_refused() {
    let gateway = gateway(old_server("http://evil.test/messages?session="));
    let answer = gateway.post(None, &initialize());
    assert_eq!(answer.status, 502);
    let error = answer.json();
    assert!(error["error"]["message"].as_str().is_some_and(|m| m.contains("evil.test")), "{error}");
}

#[test]
fn a_server_that_is_no_sse_server_is_named_with_what_it_said() {
    let gateway = gateway(serve_tcp(|mut request| request.answer("404 Not Found", "", "")));
    let answer = gateway.post(None, &initialize());
    assert_eq!(answer.status, 502);
    let error = answer.json();
    assert!(error["error"]["message"].as_str().is_some_and(|m| m.contains("404")), "{error}");
}

#[test]
fn what_a_session_began_with_travels_with_all_of_it() {
    let gateway = gateway(old_server("/messages?session="));
    let headers = [BOTH, JSON, ("Authorization", "Bearer agent-7")];
    let answer = gateway.send("POST", "/bridge/s", &headers, &initialize().to_string());
    let session = answer.header("mcp-session-id").expect("a session id").to_owned();
    let answer = gateway.post(Some(&session), &call(1, "echo", &json!({}))).json();
    assert_eq!(answer["result"]["authorization"], "Bearer agent-7");
    assert_eq!(answer["result"]["opened_by"], "Bearer agent-7");
    assert_eq!(answer["result"]["session"], Value::Null);
}

#[test]
fn a_modern_client_is_told_that_it_is_too_new() {
    let gateway = gateway(old_server("/messages?session="));
    let answer = gateway.post(None, &modern_call(1, "echo", &json!({})));
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["error"]["code"], -32022);
}

#[test]
fn a_server_behind_tls_is_verified_with_the_configured_root() {
    let key = rcgen::generate_simple_self_signed(vec!["localhost".into()]).expect("a certificate");
    let directory = crate::gateway::directory();
    let (certificate, private) = (directory.join("cert.pem"), directory.join("key.pem"));
    std::fs::write(&certificate, key.cert.pem()).expect("written");
    std::fs::write(&private, key.signing_key.serialize_pem()).expect("written");
    let mut server = std::process::Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bridges/tls_server.py"))
        .args([&certificate, &private])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("python3");
    let mut port = String::new();
    let output = server.stdout.take().expect("its output");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut port).expect("a port");
    let port: u16 = port.trim().parse().expect("a port");
    let begin = |ca: Option<std::path::PathBuf>| {
        let target = HttpTarget {
            endpoint: Endpoint::Address(SocketAddr::from(([127, 0, 0, 1], port))),
            tls: Some(UpstreamTls { server_name: "localhost".into(), ca, identity: None }),
            path: "/sse".into(),
            authority: format!("localhost:{port}"),
            host: HostHeader::Upstream,
        };
        let gateway = Gateway::start(snapshot(vec![upstream("s", Target::Sse(target))]));
        let answer = gateway.post(None, &initialize());
        (answer.status, answer.text())
    };
    let (verified, stranger) = (begin(Some(certificate.clone())), begin(None));
    server.kill().expect("killed");
    server.wait().expect("reaped");
    let _ = std::fs::remove_dir_all(directory);
    assert_eq!(verified.0, 200, "{}", verified.1);
    assert_eq!(stranger.0, 502, "{}", stranger.1);
    assert!(stranger.1.contains("TLS"), "{}", stranger.1);
}
