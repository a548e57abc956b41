//! Clients of the HTTP+SSE transport.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::gateway::{Gateway, JSON, call, initialize, snapshot, soon};
use crate::http::{Answer, Received, serve_unix};

type Seen = Arc<Mutex<Vec<(String, String, Option<String>, Option<String>)>>>;

/// What the shards would serve at `/mcp/one`.
fn front(gateway: &Gateway) -> Seen {
    let seen: Seen = Arc::default();
    let log = Arc::clone(&seen);
    serve_unix(&gateway.directory.join("front.sock"), move |mut request: Received| {
        let own = |name: &str| request.header(name).map(str::to_owned);
        log.lock().expect("lock").push((
            format!("{} {}", request.method, request.target),
            own("authorization").unwrap_or_default(),
            own("mcp-session-id"),
            own("mcp-protocol-version"),
        ));
        if request.method == "GET" {
            request.begin_stream();
            request.write(
                "id: 1\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/unasked\"}\n\n",
            );
            std::thread::sleep(std::time::Duration::from_secs(30));
            return;
        }
        let message: Value = serde_json::from_str(&request.body).unwrap_or_default();
        let id = &message["id"];
        match (message["method"].as_str(), message["params"]["name"].as_str()) {
            (Some("initialize"), _) => request.answer(
                "200 OK",
                "Content-Type: application/json\r\nMcp-Session-Id: sealed\r\n",
                &json!({"jsonrpc":"2.0","id":id,"result":{"protocolVersion":"2025-11-25"}})
                    .to_string(),
            ),
            (Some("tools/call"), Some("denied")) => request.answer(
                "403 Forbidden",
                "Content-Type: application/json\r\n",
                &json!({"jsonrpc":"2.0","id":id,"error":{"code":-31007,"message":"no"}})
                    .to_string(),
            ),
            (Some("tools/call"), Some("broken")) => request.answer("502 Bad Gateway", "", ""),
            (Some("tools/call"), _) => {
                request.begin_stream();
                request
                    .write("data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\n");
                let answer = json!({"jsonrpc":"2.0","id":id,"result":{"ok":true}});
                request.write(&format!("data: {answer}\n\n"));
            }
            _ => request.answer("202 Accepted", "", ""),
        }
    });
    seen
}

struct Client<'a> {
    gateway: &'a Gateway,
    stream: Answer,
    endpoint: String,
}

impl<'a> Client<'a> {
    fn connect(gateway: &'a Gateway) -> Self {
        let headers = [("Accept", "text/event-stream"), ("Authorization", "Bearer t")];
        let mut stream = gateway.send("GET", "/legacy/one/sse", &headers, "");
        assert_eq!(stream.header("content-type"), Some("text/event-stream"));
        let endpoint = stream.event().expect("an endpoint");
        assert_eq!(endpoint.kind.as_deref(), Some("endpoint"));
        Self { gateway, stream, endpoint: endpoint.data }
    }

    fn post(&self, message: &Value) -> u16 {
        let target = self.endpoint.replace("/mcp/one/", "/legacy/one/");
        let headers = [JSON, ("Authorization", "Bearer t")];
        self.gateway.send("POST", &target, &headers, &message.to_string()).status
    }

    fn next(&mut self) -> Value {
        self.stream.event().expect("a message").json()
    }
}

#[test]
fn an_old_client_goes_through_the_shards_as_a_new_one() {
    let gateway = Gateway::start(snapshot(Vec::new()));
    let seen = front(&gateway);
    let mut client = Client::connect(&gateway);
    assert!(client.endpoint.starts_with("/mcp/one/messages?session="), "{}", client.endpoint);
    assert_eq!(client.post(&initialize()), 202);
    assert_eq!(client.next()["result"]["protocolVersion"], "2025-11-25");
    assert_eq!(client.post(&json!({"jsonrpc":"2.0","method":"notifications/initialized"})), 202);
    assert_eq!(client.next()["method"], "notifications/unasked");
    assert_eq!(client.post(&call(5, "echo", &json!({}))), 202);
    assert_eq!(client.next()["method"], "notifications/progress");
    assert_eq!(client.next()["id"], 5);
    assert_eq!(client.post(&call("d", "denied", &json!({}))), 202);
    assert_eq!(client.next()["error"]["code"], -31007, "the gateway's own words");
    assert_eq!(client.post(&call("b", "broken", &json!({}))), 202);
    let broken = client.next();
    assert_eq!(broken["id"], "b");
    assert!(broken["error"]["message"].as_str().is_some_and(|m| m.contains("502")), "{broken}");
    drop(client);
    soon("the end of the session", || {
        seen.lock().expect("lock").iter().any(|(line, ..)| line == "DELETE /mcp/one")
    });
    let seen = seen.lock().expect("lock");
    assert!(seen.iter().all(|(line, authorization, ..)| {
        line.ends_with(" /mcp/one") && authorization == "Bearer t"
    }));
    let after = seen.iter().skip(1);
    assert!(after.clone().all(|(.., session, _)| session.as_deref() == Some("sealed")));
    assert!(after.clone().all(|(.., version)| version.as_deref() == Some("2025-11-25")));
}

#[test]
fn an_unknown_session_or_server_is_refused() {
    let gateway = Gateway::start(snapshot(Vec::new()));
    front(&gateway);
    let client = Client::connect(&gateway);
    let body = initialize().to_string();
    let post = |target: &str| gateway.send("POST", target, &[JSON], &body).status;
    assert_eq!(post("/legacy/one/messages?session=0"), 404);
    assert_eq!(post("/legacy/one/messages"), 404);
    assert_eq!(post(&client.endpoint.replace("/mcp/one/", "/legacy/two/")), 404);
    let stream = [("Accept", "text/event-stream")];
    assert_eq!(gateway.send("GET", "/legacy/two/sse", &stream, "").status, 404);
}

#[test]
fn a_drain_ends_streams_that_wait_for_nothing() {
    let gateway = Gateway::start(snapshot(Vec::new()));
    front(&gateway);
    let mut client = Client::connect(&gateway);
    gateway.handle.as_ref().expect("running").drain();
    assert!(client.stream.event().is_none());
    let stream = [("Accept", "text/event-stream")];
    assert_eq!(gateway.send("GET", "/legacy/one/sse", &stream, "").status, 503);
}
