//! What becomes of child processes.

use std::time::{Duration, Instant};

use penstock_config::{Secret, Target};
use serde_json::json;

use crate::gateway::{Gateway, call, command, initialize, lives, snapshot, soon, upstream};

#[test]
fn a_crash_in_a_call_answers_the_call_and_ends_the_session() {
    let gateway = Gateway::stdio(command(&[]));
    for (how, told) in [("crash", "status 7"), ("signal", "SIGSEGV")] {
        let session = gateway.begin();
        let answer = gateway.post(Some(&session), &call("c", how, &json!({})));
        assert_eq!(answer.status, 200);
        let error = answer.json();
        assert_eq!(error["id"], "c");
        let message = error["error"]["message"].as_str().expect("a message").to_owned();
        assert!(message.contains("python3") && message.contains(told), "{message}");
        assert_eq!(gateway.post(Some(&session), &call(2, "echo", &json!({}))).status, 404);
    }
    gateway.begin();
}

#[test]
fn a_line_over_the_limit_ends_the_process_and_says_so() {
    let mut target = command(&[]);
    target.line_bytes_max = 10_000;
    let gateway = Gateway::stdio(target);
    let session = gateway.begin();
    let error = gateway.post(Some(&session), &call(1, "long", &json!({"bytes": 20_000}))).json();
    let message = error["error"]["message"].as_str().expect("a message");
    assert!(message.contains("10000 bytes") && message.contains("`line_bytes`"), "{message}");
    assert_eq!(gateway.post(Some(&session), &call(2, "echo", &json!({}))).status, 404);
}

#[test]
fn a_flood_on_stderr_delays_nothing() {
    let gateway = Gateway::stdio(command(&[]));
    let session = gateway.begin();
    let flood = call(1, "stderr", &json!({"lines": 50_000}));
    let started = Instant::now();
    assert_eq!(gateway.post(Some(&session), &flood).json()["result"]["wrote"], 50_000);
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn the_environment_is_what_is_configured_and_no_more() {
    let mut target = command(&[]);
    target.env.insert("TOKEN".into(), Secret::new("t".into()));
    target.directory = Some("/".into());
    let gateway = Gateway::stdio(target);
    let session = gateway.begin();
    let answer = gateway.post(Some(&session), &call(1, "environment", &json!({}))).json();
    let environment = answer["result"].as_object().expect("an object");
    assert_eq!(environment["TOKEN"], "t");
    assert!(environment.contains_key("PATH"));
    assert!(!environment.contains_key("SECRET"));
}

#[test]
fn the_end_of_a_session_ends_its_process_and_all_that_it_started() {
    let gateway = Gateway::stdio(command(&[]));
    let session = gateway.begin();
    let answer = gateway.post(Some(&session), &call(1, "child", &json!({}))).json();
    let pids = ["pid", "child"].map(|name| answer["result"][name].as_u64().expect("a pid"));
    assert!(pids.into_iter().all(lives));
    let headers = [("Mcp-Session-Id", &*session)];
    assert_eq!(gateway.send("DELETE", "/bridge/s", &headers, "").status, 204);
    assert_eq!(gateway.send("DELETE", "/bridge/s", &headers, "").status, 404);
    soon("the end of the group", || !pids.into_iter().any(lives));
    // Reaped by penstock, whose child it was.
    soon("the reaping", || !std::path::Path::new(&format!("/proc/{}", pids[0])).exists());
}

#[test]
fn stopping_ends_even_a_process_that_ignores_everything() {
    let mut gateway = Gateway::stdio(command(&["stubborn"]));
    let session = gateway.begin();
    let answer = gateway.post(Some(&session), &call(1, "echo", &json!({}))).json();
    let pid = answer["result"]["pid"].as_u64().expect("a pid");
    let started = Instant::now();
    gateway.stop();
    assert!(!lives(pid), "an orphan was left");
    assert!(started.elapsed() < Duration::from_secs(9));
}

#[test]
fn a_server_that_dies_at_once_is_started_again_ever_more_slowly() {
    let gateway = Gateway::stdio(command(&["die"]));
    let mut retry_after = None;
    for _ in 0..8 {
        let answer = gateway.post(None, &initialize());
        if answer.status == 503 {
            retry_after = answer.header("retry-after").and_then(|v| v.parse::<u64>().ok());
            let error = answer.json();
            let message = error["error"]["message"].as_str().expect("a message");
            assert!(
                message.contains("failed to start") && message.contains("status 3"),
                "{message}"
            );
            break;
        }
        assert!(answer.header("mcp-session-id").is_none());
        assert!(answer.json()["error"]["message"].as_str().is_some());
    }
    assert!(retry_after.is_some_and(|seconds| seconds >= 1), "it was never held back");
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let mut target = command(&[]);
    target.program = "no-such-program".into();
    let gateway = Gateway::stdio(target);
    let answer = gateway.post(None, &initialize());
    assert_eq!(answer.status, 502);
    let error = answer.json();
    assert!(error["error"]["message"].as_str().is_some_and(|m| m.contains("no-such-program")));
}

#[test]
fn no_more_processes_run_than_allowed() {
    let mut target = command(&[]);
    target.processes_max = 1;
    let gateway = Gateway::stdio(target);
    let session = gateway.begin();
    let full = gateway.post(None, &initialize());
    assert_eq!(full.status, 503);
    assert!(full.json()["error"]["message"].as_str().is_some_and(|m| m.contains("`processes`")));
    gateway.send("DELETE", "/bridge/s", &[("Mcp-Session-Id", &*session)], "");
    gateway.begin();
}

#[test]
fn an_unused_session_ends_and_one_with_a_stream_does_not() {
    let mut target = command(&[]);
    target.session_idle_timeout = Duration::from_millis(600);
    let gateway = Gateway::stdio(target);
    let (unused, used) = (gateway.begin(), gateway.begin());
    let stream = gateway.open(&used, None);
    let echo = call(1, "echo", &json!({}));
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(gateway.post(Some(&unused), &echo).status, 404);
    assert_eq!(gateway.post(Some(&used), &echo).status, 200);
    drop(stream);
}

#[test]
fn a_refused_initialize_leaves_no_session_and_no_process() {
    let gateway = Gateway::stdio(command(&["refuse"]));
    let answer = gateway.post(None, &initialize());
    assert!(answer.header("mcp-session-id").is_none());
    assert_eq!(answer.json()["error"]["code"], -32602);
}

#[test]
fn a_reload_leaves_sessions_with_the_server_they_began_with() {
    let gateway = Gateway::stdio(command(&[]));
    let session = gateway.begin();
    let mut target = command(&[]);
    target.env.insert("NEW".into(), Secret::new("1".into()));
    gateway.reload(snapshot(vec![upstream("s", Target::Command(target))]));
    std::thread::sleep(Duration::from_millis(200));
    let environment = call(1, "environment", &json!({}));
    let old = gateway.post(Some(&session), &environment).json();
    assert!(old["result"]["PATH"].is_string() && old["result"]["NEW"].is_null(), "{old}");
    let new = gateway.begin();
    assert_eq!(gateway.post(Some(&new), &environment).json()["result"]["NEW"], "1");
    gateway.reload(snapshot(Vec::new()));
    soon("the end of what was removed", || {
        gateway.post(Some(&session), &environment).status == 404
    });
}

#[test]
fn a_drain_finishes_calls_and_begins_nothing() {
    let gateway = Gateway::stdio(command(&[]));
    let session = gateway.begin();
    let mut stream = gateway.open(&session, None);
    std::thread::scope(|scope| {
        let later = call(1, "later", &json!({"seconds": 1}));
        let (gateway, session) = (&gateway, &session);
        let call = scope.spawn(move || gateway.post(Some(session), &later));
        std::thread::sleep(Duration::from_millis(300));
        gateway.handle.as_ref().expect("running").drain();
        assert!(stream.event().is_none(), "the GET stream ends");
        assert_eq!(gateway.post(None, &initialize()).status, 503);
        assert!(call.join().expect("joined").json()["result"].is_object());
    });
}

/// Set for a copy of this test that is to be killed.
const VICTIM: &str = "PENSTOCK_TEST_VICTIM";

#[test]
fn a_penstock_killed_with_sigkill_leaves_no_orphan() {
    if std::env::var_os(VICTIM).is_some() {
        let gateway = Gateway::stdio(command(&["stubborn"]));
        let session = gateway.begin();
        let answer = gateway.post(Some(&session), &call(1, "child", &json!({}))).json();
        println!("PIDS {} {} .", answer["result"]["pid"], answer["result"]["child"]);
        std::thread::sleep(Duration::from_mins(1));
        return;
    }
    let mut victim = std::process::Command::new(std::env::current_exe().expect("this test"))
        .args(["a_penstock_killed_with_sigkill_leaves_no_orphan", "--nocapture"])
        .env(VICTIM, "1")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("a victim");
    let output = std::io::BufReader::new(victim.stdout.take().expect("its output"));
    let pids: Vec<u64> = std::io::BufRead::lines(output)
        .map_while(Result::ok)
        .find_map(|line| {
            let (_, pids) = line.split_once("PIDS ")?;
            Some(pids.split(' ').filter_map(|pid| pid.parse().ok()).collect())
        })
        .expect("the pids of its children");
    assert!(pids.len() == 2 && pids.iter().copied().all(lives), "{pids:?}");
    victim.kill().expect("killed");
    victim.wait().expect("reaped");
    let _ = std::fs::remove_dir_all(std::env::temp_dir().join(format!("pc-{}-0", victim.id())));
    soon("the end of the orphans", || !pids.iter().copied().any(lives));
}
