//! One process for several clients.

use penstock_config::Process;
use serde_json::json;

use crate::gateway::{Gateway, call, command, soon};

fn gateway() -> Gateway {
    let mut target = command(&[]);
    target.process = Process::Shared;
    target.processes_max = 1;
    Gateway::stdio(target)
}

#[test]
fn clients_with_the_same_ids_and_tokens_get_their_own_answers() {
    let gateway = gateway();
    let sessions = [gateway.begin(), gateway.begin()];
    assert_ne!(sessions[0], sessions[1]);
    std::thread::scope(|scope| {
        for (index, session) in sessions.iter().enumerate() {
            let gateway = &gateway;
            scope.spawn(move || {
                for _ in 0..20 {
                    let mut request = call(1, "progress", &json!({"steps": index + 1}));
                    request["params"]["_meta"] = json!({"progressToken": "t"});
                    let mut answer = gateway.post(Some(session), &request);
                    for _ in 0..=index {
                        let event = answer.event().expect("progress").json();
                        assert_eq!(event["params"]["progressToken"], "t");
                    }
                    assert_eq!(answer.event().expect("an answer").json()["id"], 1);
                    let answer =
                        gateway.post(Some(session), &call(1, "echo", &json!({"who": index})));
                    assert_eq!(answer.json()["result"]["echo"]["who"], index);
                }
            });
        }
    });
}

#[test]
fn the_process_is_initialised_once_and_outlives_each_session() {
    let gateway = gateway();
    let pid = |session: &str| {
        let answer = gateway.post(Some(session), &call(1, "echo", &json!({}))).json();
        answer["result"]["pid"].as_u64().expect("a pid")
    };
    let (first, second) = (gateway.begin(), gateway.begin());
    assert_eq!(pid(&first), pid(&second));
    let again = gateway.post(None, &crate::gateway::initialize()).json();
    assert_eq!(again["result"]["serverInfo"]["version"], "1", "asked once");
    let headers = [("Mcp-Session-Id", &*first)];
    assert_eq!(gateway.send("DELETE", "/bridge/s", &headers, "").status, 204);
    assert_eq!(gateway.post(Some(&first), &call(1, "echo", &json!({}))).status, 404);
    pid(&second);
}

#[test]
fn a_crash_answers_every_clients_call() {
    let gateway = gateway();
    let (first, second) = (gateway.begin(), gateway.begin());
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| gateway.post(Some(&first), &call(1, "never", &json!({}))));
        std::thread::sleep(std::time::Duration::from_millis(300));
        let crash = gateway.post(Some(&second), &call(1, "crash", &json!({}))).json();
        assert!(crash["error"].is_object());
        assert!(waits.join().expect("joined").json()["error"].is_object());
    });
    gateway.begin();
}

#[test]
fn a_server_can_ask_only_where_there_is_one_client_to_ask() {
    let gateway = gateway();
    let first = gateway.begin();
    let mut asked = gateway.post(Some(&first), &call(1, "ask", &json!({})));
    assert_eq!(asked.event().expect("a request").json()["method"], "elicitation/create");
    let reply = json!({"jsonrpc":"2.0","id":"ask-1","result":{"from":"first"}});
    let second = gateway.begin();
    // Another client cannot answer in its stead.
    let forged = json!({"jsonrpc":"2.0","id":"ask-1","result":{"from":"second"}});
    assert_eq!(gateway.post(Some(&second), &forged).status, 202);
    assert_eq!(gateway.post(Some(&first), &reply).status, 202);
    assert_eq!(asked.event().expect("an answer").json()["result"]["answered"]["from"], "first");
    let refused = gateway.post(Some(&second), &call(1, "ask", &json!({}))).json();
    assert_eq!(refused["result"]["answered"]["code"], -32601);
}

#[test]
fn a_session_that_ends_cancels_its_calls() {
    let gateway = gateway();
    let (first, second) = (gateway.begin(), gateway.begin());
    std::thread::scope(|scope| {
        let never = scope.spawn(|| gateway.post(Some(&first), &call(1, "never", &json!({}))));
        std::thread::sleep(std::time::Duration::from_millis(300));
        gateway.send("DELETE", "/bridge/s", &[("Mcp-Session-Id", &*first)], "");
        let mut ended = never.join().expect("joined");
        assert_eq!(ended.header("content-type"), Some("text/event-stream"));
        assert!(ended.event().is_none());
    });
    soon("the cancellation", || {
        let told = gateway.post(Some(&second), &call(1, "cancelled", &json!({}))).json();
        told["result"]["cancelled"].as_array().is_some_and(|ids| ids.len() == 1)
    });
}
