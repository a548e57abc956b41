//! A stdio server with a process a session: what a Streamable HTTP client is promised.

use penstock_config::Target;
use serde_json::json;

use crate::gateway::{BOTH, Gateway, JSON, call, command, initialize, snapshot, upstream};

#[test]
fn a_call_is_answered_as_json_under_its_own_id() {
    let gateway = Gateway::stdio(command(&[]));
    let session = gateway.begin();
    for id in [json!(7), json!("seven \"7\"")] {
        let answer = gateway.post(Some(&session), &call(id.clone(), "echo", &json!({"a": [1]})));
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let answer = answer.json();
        assert_eq!((&answer["id"], &answer["result"]["echo"]["a"][0]), (&id, &json!(1)));
    }
}

#[test]
fn progress_comes_as_events_under_the_clients_token() {
    let gateway = Gateway::stdio(command(&[]));
    let session = gateway.begin();
    let mut request = call(1, "progress", &json!({"steps": 3}));
    request["params"]["_meta"] = json!({"progressToken": "mine"});
    let mut answer = gateway.post(Some(&session), &request);
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert_eq!(answer.header("x-accel-buffering"), Some("no"));
    for step in 0..3 {
        let progress = answer.event().expect("progress").json();
        assert_eq!(progress["params"]["progressToken"], "mine");
        assert_eq!(progress["params"]["progress"], step);
    }
    let last = answer.event().expect("the answer").json();
    assert_eq!((&last["id"], &last["result"]["done"]), (&json!(1), &json!(true)));
    assert!(answer.event().is_none(), "the answer ends its stream");
}

#[test]
fn a_client_that_takes_no_stream_gets_json_all_the_same() {
    let gateway = Gateway::stdio(command(&[]));
    let session = gateway.begin();
    let mut request = call(1, "progress", &json!({"steps": 3}));
    request["params"]["_meta"] = json!({"progressToken": 5});
    let headers = [("Accept", "application/json"), JSON, ("Mcp-Session-Id", &*session)];
    let answer = gateway.send("POST", "/bridge/s", &headers, &request.to_string());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.json()["result"]["done"], true);
}

#[test]
fn what_the_server_says_unasked_comes_on_the_get_stream_and_is_kept_until_there_is_one() {
    let gateway = Gateway::stdio(command(&[]));
    let session = gateway.begin();
    let headers = [("Accept", "application/json"), JSON, ("Mcp-Session-Id", &*session)];
    let notify = call(1, "notify", &json!({})).to_string();
    assert_eq!(gateway.send("POST", "/bridge/s", &headers, &notify).status, 200);
    let mut stream = gateway.open(&session, None);
    assert_eq!(stream.event().expect("kept").json()["params"]["data"], "hello");
    assert_eq!(gateway.open(&session, None).status, 409, "one GET stream a session");
    assert_eq!(gateway.post(Some(&session), &call(2, "notify", &json!({}))).status, 200);
    assert_eq!(stream.event().expect("live").json()["params"]["data"], "hello");
}

#[test]
fn a_get_stream_is_resumed_after_any_of_its_breaks() {
    let gateway = Gateway::stdio(command(&[]));
    let session = gateway.begin();
    let headers = [("Accept", "application/json"), JSON, ("Mcp-Session-Id", &*session)];
    let notify = call(1, "notify", &json!({})).to_string();
    let notified = || assert_eq!(gateway.send("POST", "/bridge/s", &headers, &notify).status, 200);
    let mut stream = gateway.open(&session, None);
    notified();
    let first = stream.event().expect("an event");
    for _ in 0..2 {
        // Taken over while it is open, unread events included, from the same last event.
        notified();
        let mut resumed = gateway.open(&session, first.id.as_deref());
        let missed = resumed.event().expect("what was missed");
        assert_ne!(missed.id, first.id);
        drop(std::mem::replace(&mut stream, resumed));
    }
    assert!(stream.event().is_some(), "both that came since are told again");
}

#[test]
fn a_request_of_the_servers_reaches_the_client_and_its_answer_the_server() {
    let gateway = Gateway::stdio(command(&[]));
    let session = gateway.begin();
    let mut answer = gateway.post(Some(&session), &call(1, "ask", &json!({})));
    let asked = answer.event().expect("a request").json();
    assert_eq!(asked["method"], "elicitation/create");
    let reply = json!({"jsonrpc":"2.0","id":asked["id"],"result":{"action":"accept"}});
    assert_eq!(gateway.post(Some(&session), &reply).status, 202);
    let last = answer.event().expect("the answer").json();
    assert_eq!(last["result"]["answered"]["action"], "accept");
}

#[test]
fn a_broken_stream_is_resumed_where_it_broke() {
    let gateway = Gateway::stdio(command(&[]));
    let session = gateway.begin();
    let mut request = call(1, "progress", &json!({"steps": 3}));
    request["params"]["_meta"] = json!({"progressToken": 1});
    let mut answer = gateway.post(Some(&session), &request);
    let first = answer.event().expect("progress");
    drop(answer);
    let mut resumed = gateway.open(&session, first.id.as_deref());
    assert_eq!(resumed.event().expect("missed").json()["params"]["progress"], 1);
    assert_eq!(resumed.event().expect("missed").json()["params"]["progress"], 2);
    assert_eq!(resumed.event().expect("missed").json()["result"]["done"], true);
    assert!(resumed.event().is_none(), "what is resumed ends as what broke would have");
}

#[test]
fn a_legacy_disconnect_does_not_cancel() {
    let gateway = Gateway::stdio(command(&[]));
    let session = gateway.begin();
    let mut answer = gateway.post(Some(&session), &call(1, "ask", &json!({})));
    let asked = answer.event().expect("a request");
    drop(answer);
    let reply = json!({"jsonrpc":"2.0","id":"ask-1","result":{}});
    assert_eq!(gateway.post(Some(&session), &reply).status, 202);
    let mut resumed = gateway.open(&session, asked.id.as_deref());
    assert!(resumed.event().expect("the answer").json()["result"]["answered"].is_object());
    let told = gateway.post(Some(&session), &call(2, "cancelled", &json!({}))).json();
    assert_eq!(told["result"]["cancelled"], json!([]));
}

#[test]
fn a_cancellation_names_the_request_as_the_server_knows_it() {
    let gateway = Gateway::stdio(command(&[]));
    let session = gateway.begin();
    std::thread::scope(|scope| {
        let never = scope.spawn(|| gateway.post(Some(&session), &call("n", "never", &json!({}))));
        std::thread::sleep(std::time::Duration::from_millis(300));
        let cancel = json!({"jsonrpc":"2.0","method":"notifications/cancelled",
            "params":{"requestId":"n"}});
        assert_eq!(gateway.post(Some(&session), &cancel).status, 202);
        let told = gateway.post(Some(&session), &call(2, "cancelled", &json!({}))).json();
        assert!(told["result"]["cancelled"][0].is_number(), "{told}");
        // A server leaves it unanswered; the client's POST ends nevertheless, and never as a
        // document, which Python's client would fail over.
        let mut never = never.join().expect("joined");
        let ended = never.event().expect("how it ended").json();
        assert_eq!((&ended["id"], &ended["error"]["code"]), (&json!("n"), &json!(-32800)));
        assert!(never.event().is_none());
    });
}

#[test]
fn a_session_that_ends_ends_its_answers_without_a_document() {
    let gateway = Gateway::stdio(command(&[]));
    let session = gateway.begin();
    let json_alone = [("Accept", "application/json"), JSON, ("Mcp-Session-Id", &*session)];
    let never = call(1, "never", &json!({}));
    std::thread::scope(|scope| {
        let streamed = scope.spawn(|| gateway.post(Some(&session), &never));
        let whole =
            scope.spawn(|| gateway.send("POST", "/bridge/s", &json_alone, &never.to_string()));
        std::thread::sleep(std::time::Duration::from_millis(300));
        gateway.send("DELETE", "/bridge/s", &[("Mcp-Session-Id", &*session)], "");
        let mut streamed = streamed.join().expect("joined");
        assert_eq!(streamed.header("content-type"), Some("text/event-stream"));
        assert!(streamed.event().is_none(), "nothing can be said to who has left");
        let whole = whole.join().expect("joined");
        let (status, error) = (whole.status, whole.json());
        assert_eq!(status, 502, "{error}");
        let message = error["error"]["message"].to_string();
        assert!(message.contains("the session ended before the server answered"), "{message}");
    });
}

#[test]
fn a_batch_is_answered_message_by_message() {
    let gateway = Gateway::stdio(command(&[]));
    let session = gateway.begin();
    let batch = json!([call(1, "echo", &json!({})), call(2, "echo", &json!({}))]);
    let mut answer = gateway.post(Some(&session), &batch);
    let ids = [1, 2].map(|_| answer.event().expect("an answer").json()["id"].clone());
    assert_eq!(ids, [json!(1), json!(2)]);
    assert!(answer.event().is_none());
    let headers = [("Accept", "application/json"), JSON, ("Mcp-Session-Id", &*session)];
    let array = gateway.send("POST", "/bridge/s", &headers, &batch.to_string()).json();
    assert_eq!(array.as_array().map(Vec::len), Some(2));
    assert_eq!(gateway.post(None, &json!([initialize()])).status, 400);
}

#[test]
fn refusals_say_what_to_do_under_the_right_status() {
    let gateway = Gateway::stdio(command(&[]));
    let session = gateway.begin();
    let echo = call(9, "echo", &json!({}));
    let refused = |answer: crate::http::Answer, status: u16| {
        assert_eq!(answer.status, status);
        let error = answer.json();
        assert!(error["error"]["message"].is_string(), "{error}");
        error
    };
    let missing = refused(gateway.post(None, &echo), 400);
    assert_eq!(missing["id"], 9);
    refused(gateway.post(Some("0000"), &echo), 404);
    refused(gateway.open("0000", None), 404);
    let text = echo.to_string();
    let with = |accept, content| {
        let headers =
            [("Accept", accept), ("Content-Type", content), ("Mcp-Session-Id", &*session)];
        gateway.send("POST", "/bridge/s", &headers, &text)
    };
    refused(with("text/html", "application/json"), 406);
    refused(with("*/*", "text/plain"), 415);
    refused(gateway.send("POST", "/bridge/s", &[BOTH, JSON], "{"), 400);
    refused(gateway.send("POST", "/bridge/none", &[BOTH, JSON], &text), 404);
    refused(gateway.send("PUT", "/bridge/s", &[], ""), 405);
    refused(gateway.send("GET", "/bridge/s", &[("Accept", "text/event-stream")], ""), 400);
    refused(gateway.send("GET", "/other", &[], ""), 404);
}

#[test]
fn a_body_over_the_limit_is_refused() {
    let mut small = snapshot(vec![upstream("s", Target::Command(command(&[])))]);
    small.limits.body_bytes = 1000;
    let gateway = Gateway::start(small);
    let answer = gateway.post(None, &call(1, "echo", &json!({"x": "y".repeat(1000)})));
    assert_eq!(answer.status, 413);
    assert!(answer.json()["error"]["message"].as_str().is_some_and(|m| m.contains("1000 bytes")));
}

#[test]
fn an_answer_that_takes_long_begins_as_a_stream() {
    let gateway = Gateway::stdio(command(&[]));
    let session = gateway.begin();
    let started = std::time::Instant::now();
    let mut answer = gateway.post(Some(&session), &call(1, "later", &json!({"seconds": 8})));
    assert!(started.elapsed() < std::time::Duration::from_secs(7), "the head came first");
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert!(answer.event().expect("the answer").json()["result"].is_object());
}

#[test]
fn a_pretty_printed_message_and_garbage_on_stdout_do_no_harm() {
    let gateway = Gateway::stdio(command(&[]));
    let session = gateway.begin();
    let pretty = serde_json::to_string_pretty(&call(1, "garbage", &json!({}))).expect("JSON");
    let headers = [BOTH, JSON, ("Mcp-Session-Id", &*session)];
    let answer = gateway.send("POST", "/bridge/s", &headers, &pretty);
    assert_eq!(answer.json()["result"]["after"], "garbage");
}
