//! The modern era on stdio servers.

use std::io::Write as _;
use std::time::Duration;

use serde_json::json;

use crate::gateway::{Gateway, call, command, initialize, modern_call, soon};

#[test]
fn modern_requests_need_no_session_and_share_a_process() {
    let gateway = Gateway::stdio(command(&["modern"]));
    let pids = [1, 1].map(|id| {
        let answer = gateway.post(None, &modern_call(id, "echo", &json!({})));
        assert_eq!(answer.status, 200);
        assert!(answer.header("mcp-session-id").is_none());
        let answer = answer.json();
        assert_eq!(answer["id"], id);
        answer["result"]["pid"].clone()
    });
    assert_eq!(pids[0], pids[1]);
}

#[test]
fn a_legacy_server_is_said_to_be_one() {
    for arguments in [&[][..], &["touchy"]] {
        let gateway = Gateway::stdio(command(arguments));
        for _ in 0..2 {
            let answer = gateway.post(None, &modern_call(1, "echo", &json!({})));
            assert_eq!(answer.status, 400);
            let error = answer.json();
            assert_eq!((&error["id"], &error["error"]["code"]), (&json!(1), &json!(-32022)));
            assert_eq!(error["error"]["data"]["supported"][0], "2025-11-25");
            assert_eq!(error["error"]["data"]["requested"], "2026-07-28");
        }
        let mut probe = modern_call(2, "echo", &json!({}));
        probe["method"] = "server/discover".into();
        let answer = gateway.post(None, &probe);
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (404, &json!(-32601)));
        let session = gateway.begin();
        assert_eq!(gateway.post(Some(&session), &call(1, "echo", &json!({}))).status, 200);
    }
}

#[test]
fn both_eras_work_on_a_server_of_both() {
    let gateway = Gateway::stdio(command(&["modern"]));
    let session = gateway.begin();
    let legacy = gateway.post(Some(&session), &call(1, "echo", &json!({}))).json();
    let modern = gateway.post(None, &modern_call(1, "echo", &json!({}))).json();
    assert_ne!(legacy["result"]["pid"], modern["result"]["pid"], "an era a connection");
    assert_eq!(gateway.post(None, &initialize()).status, 200);
}

#[test]
fn what_a_server_says_of_no_request_goes_to_nobody() {
    let gateway = Gateway::stdio(command(&["modern"]));
    // It may be about a call of somebody else's, so that having the only one is no claim to it.
    let mut answer = gateway.post(None, &modern_call(1, "notify", &json!({})));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(answer.event().is_none());
}

#[test]
fn a_modern_disconnect_cancels_at_once() {
    let gateway = Gateway::stdio(command(&["modern"]));
    let socket = gateway.directory.join("control.sock");
    let mut connection = crate::http::unix(&socket);
    let body = modern_call("x", "never", &json!({})).to_string();
    write!(
        connection,
        "POST /bridge/s HTTP/1.1\r\nHost: localhost\r\nAccept: application/json, text/event-stream\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("sent");
    std::thread::sleep(Duration::from_secs(1));
    drop(connection);
    soon("the cancellation", || {
        let told = gateway.post(None, &modern_call(1, "cancelled", &json!({}))).json();
        told["result"]["cancelled"].as_array().is_some_and(|ids| ids.len() == 1)
    });
}

#[test]
fn a_subscription_is_known_by_its_clients_id() {
    let gateway = Gateway::stdio(command(&["modern"]));
    let mut listen = modern_call("mine", "", &json!({}));
    listen["method"] = json!("subscriptions/listen");
    let mut streams = [gateway.post(None, &listen), gateway.post(None, &listen)];
    for stream in &mut streams {
        for method in
            ["notifications/subscriptions/acknowledged", "notifications/tools/list_changed"]
        {
            let event = stream.event().expect("a notification");
            assert!(event.id.is_none(), "the modern era does not resume");
            let message = event.json();
            assert_eq!(message["method"], method);
            let id = &message["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"];
            assert_eq!(id, "mine");
        }
    }
}

#[test]
fn a_get_or_delete_of_the_modern_era_is_not_allowed_and_unknown_methods_are_404() {
    let gateway = Gateway::stdio(command(&["modern"]));
    let headers = [("MCP-Protocol-Version", "2026-07-28"), ("Accept", "text/event-stream")];
    for method in ["GET", "DELETE"] {
        let answer = gateway.send(method, "/bridge/s", &headers, "");
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
    }
    let mut unknown = modern_call(1, "", &json!({}));
    unknown["method"] = json!("no/such");
    let answer = gateway.post(None, &unknown);
    assert_eq!(answer.status, 404);
    assert_eq!(answer.json()["error"]["code"], -32601);
}
