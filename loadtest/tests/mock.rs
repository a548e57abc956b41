//! The mock, started as it is and spoken to over sockets.

#[allow(dead_code, reason = "others need the rest")]
mod client;
// The very numbers that the mock draws: what it should do is known call by call, and not guessed.
#[path = "../src/mock/dice.rs"]
#[allow(dead_code, reason = "the mock uses all of it")]
mod dice;
#[path = "../src/random.rs"]
#[allow(dead_code, reason = "the mock uses all of it")]
mod random;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use client::{Answer, Client, Mock, legacy, modern};
use dice::{Dice, Draw};
use serde_json::json;

/// Calls of a test that counts.
const CALLS: usize = 2000;
/// The seed that is the default.
const SEED: u64 = 1;

/// What the first connection's calls draw.
fn draws() -> impl Iterator<Item = dice::Throw> {
    let mut dice = Dice::new(SEED, 0);
    std::iter::repeat_with(move || dice.throw())
}

fn call(id: usize) -> Vec<u8> {
    modern("tools/call", id, json!({ "name": "search_issues", "arguments": { "query": "refund" } }))
}

/// Of the text as it stands in the answer, escapes and all.
fn size(answer: &Answer) -> usize {
    json!(text(answer)).to_string().len() - 2
}

fn text(answer: &Answer) -> String {
    answer.message()["result"]["content"][0]["text"].as_str().expect("a text").to_owned()
}

#[test]
fn the_modern_era_is_served() {
    let mock = Mock::start(&["--tools", "3"]);
    let mut client = Client::connect(&mock);
    let found = client.ask(&modern("server/discover", 1, json!({})));
    assert_eq!(found.message()["result"]["supportedVersions"], json!(["2026-07-28"]));

    let tools = client.ask(&modern("tools/list", 2, json!({})));
    let result = &tools.message()["result"];
    let names: Vec<_> = result["tools"].as_array().expect("tools").iter().collect();
    let names: Vec<_> = names.iter().map(|tool| tool["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["echo", "progress", "tool_0", "tool_1", "tool_2"]);
    assert_eq!(result["resultType"], "complete");
    assert_eq!(result["cacheScope"], "public");

    let called = client.ask(&call(3));
    assert_eq!((called.status, called.message()["id"].as_u64()), (200, Some(3)));
    assert_eq!(text(&called).len(), 128);
    assert_eq!(called.header("mcp-session-id"), None);

    let read = client.ask(&modern("resources/read", 4, json!({ "uri": "mock://documents/1" })));
    let contents = &read.message()["result"]["contents"][0];
    assert_eq!(contents["uri"], "mock://documents/1");
    assert_eq!(contents["text"].as_str().expect("a text").len(), 128);
    let listed = client.ask(&modern("resources/list", 5, json!({})));
    assert_eq!(listed.message()["result"]["resources"][1]["uri"], "mock://documents/1");

    let prompt = client.ask(&modern("prompts/get", 6, json!({ "name": "prompt_0" })));
    let said = &prompt.message()["result"]["messages"][0]["content"]["text"];
    assert_eq!(said.as_str().expect("a text").len(), 128);
    let listed = client.ask(&modern("prompts/list", 7, json!({})));
    assert_eq!(listed.message()["result"]["prompts"][0]["name"], "prompt_0");
}

#[test]
fn what_the_modern_era_has_no_place_for_is_refused() {
    let mock = Mock::start(&[]);
    let mut client = Client::connect(&mock);
    for (request, status, code) in [
        (modern("ping", 1, json!({})), 404, -32601),
        (modern("tools/destroy", 1, json!({})), 404, -32601),
        (legacy("server/discover", Some(1), &json!({}), None), 400, -32602),
        (
            client::post(
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2030-01-01","io.modelcontextprotocol/clientCapabilities":{}}}}"#,
                "",
            ),
            400,
            -32022,
        ),
        (
            client::post(
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#,
                "",
            ),
            400,
            -32602,
        ),
        (modern("resources/read", 1, json!({})), 200, -32602),
        (modern("prompts/get", 1, json!({})), 200, -32602),
        (modern("tools/call", 1, json!({})), 200, -32602),
    ] {
        let answer = client.ask(&request);
        let message = answer.message();
        let said = (answer.status, message["error"]["code"].as_i64());
        assert_eq!(said, (status, Some(code)), "{}", String::from_utf8_lossy(&request));
    }
    let version = "MCP-Protocol-Version: 2026-07-28\r\n";
    for verb in ["GET", "DELETE"] {
        let request = format!("{verb} /mcp HTTP/1.1\r\nHost: mock\r\n{version}\r\n");
        let answer = client.ask(request.as_bytes());
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST".into())));
    }
    let notification = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{}}"#;
    assert_eq!(client.ask(&client::post(notification, "")).status, 202);
    assert_eq!(client.ask(&client::post("{}", "")).status, 400);
}

#[test]
fn the_legacy_era_is_served_without_asking_for_sessions() {
    let mock = Mock::start(&[]);
    let mut client = Client::connect(&mock);
    let opened = client.ask(&legacy(
        "initialize",
        Some(1),
        &json!({ "protocolVersion": "2025-06-18" }),
        None,
    ));
    assert_eq!(opened.message()["result"]["protocolVersion"], "2025-06-18");
    let session = opened.header("mcp-session-id").expect("a session");
    let again = client.ask(&legacy("initialize", Some(2), &json!({}), None));
    assert_eq!(again.message()["result"]["protocolVersion"], "2025-11-25");
    assert_ne!(again.header("mcp-session-id"), Some(session.clone()));

    for session in [Some(session.as_str()), Some("any"), None] {
        let initialized = legacy("notifications/initialized", None, &json!({}), session);
        assert_eq!(client.ask(&initialized).status, 202);
        let ping = client.ask(&legacy("ping", Some(3), &json!({}), session));
        assert_eq!(ping.message()["result"], json!({}));
        let tools = client.ask(&legacy("tools/list", Some(4), &json!({}), session));
        assert_eq!(tools.message()["result"].as_object().expect("a result").len(), 1);
        let unknown = client.ask(&legacy("tools/destroy", Some(5), &json!({}), session));
        assert_eq!(
            (unknown.status, unknown.message()["error"]["code"].as_i64()),
            (200, Some(-32601))
        );
        assert_eq!(client.ask(&client::delete(session)).status, 200);
    }
}

#[test]
fn sessions_are_held_to_their_lives_when_asked_for() {
    let mock = Mock::start(&["--check-sessions", "--threads", "2"]);
    let open = |client: &mut Client| {
        let opened = client.ask(&legacy("initialize", Some(1), &json!({}), None));
        opened.header("mcp-session-id").expect("a session")
    };
    let list = |session| legacy("tools/list", Some(2), &json!({}), session);
    let (mut one, mut other) = (Client::connect(&mock), Client::connect(&mock));
    let (first, second) = (open(&mut one), open(&mut other));
    assert_ne!(first, second);
    // Whichever connection and thread they were opened on.
    for client in [&mut one, &mut other] {
        assert_eq!(client.ask(&list(Some(&first))).status, 200);
        assert_eq!(client.ask(&list(Some(&second))).status, 200);
        assert_eq!(client.ask(&list(None)).status, 400);
        assert_eq!(client.ask(&list(Some("other"))).message()["error"]["code"], -32001);
    }
    assert_eq!(one.ask(&client::delete(None)).status, 400);
    assert_eq!(one.ask(&client::delete(Some(&second))).status, 200);
    for client in [&mut one, &mut other] {
        assert_eq!(client.ask(&list(Some(&second))).status, 404);
        assert_eq!(client.ask(&client::delete(Some(&second))).status, 404);
        let stream = format!("GET / HTTP/1.1\r\nHost: mock\r\nMcp-Session-Id: {second}\r\n\r\n");
        assert_eq!(client.ask(stream.as_bytes()).status, 404);
        assert_eq!(client.ask(&list(Some(&first))).status, 200);
        // The modern era has no sessions.
        assert_eq!(client.ask(&call(3)).status, 200);
    }
}

#[test]
fn only_tools_that_are_listed_can_be_called_when_asked_for() {
    let mock = Mock::start(&["--strict-tools", "--tools", "2"]);
    let mut client = Client::connect(&mock);
    for (tool, known) in [("echo", true), ("tool_1", true), ("tool_2", false), ("a\"b", false)] {
        let answer = client.ask(&modern("tools/call", 1, json!({ "name": tool })));
        let message = answer.message();
        assert_eq!(message["result"].is_object(), known, "{message}");
        if !known {
            assert_eq!(message["error"]["code"], -32602);
            assert_eq!(message["error"]["message"], format!("Unknown tool: {tool}"));
        }
    }
}

#[test]
fn headers_are_held_against_the_body_when_asked_for() {
    let mock = Mock::start(&["--check-headers"]);
    let mut client = Client::connect(&mock);
    let right = modern("tools/call", 1, json!({ "name": "echo" }));
    let text = String::from_utf8(right.clone()).expect("a request");
    let wrong = text.replace("Mcp-Name: echo", "Mcp-Name: another");
    let lacking = text.replace("Mcp-Method: tools/call\r\n", "");
    assert_eq!(client.ask(&right).status, 200);
    for request in [wrong, lacking] {
        let answer = client.ask(request.as_bytes());
        assert_eq!(
            (answer.status, answer.message()["error"]["code"].as_i64()),
            (400, Some(-32020))
        );
    }
}

#[test]
fn the_same_calls_get_the_same_bytes() {
    let flags = [
        "--seed=7",
        "--answer-bytes=16..4096",
        "--error-rate=0.2",
        "--tool-error-rate=0.2",
        "--http-error-rate=0.1",
        "--stream-rate=0.3",
        "--secret-rate=0.5",
        "--tools=5",
    ];
    let conversation = |flags: &[&str]| {
        let mock = Mock::start(flags);
        let mut client = Client::connect(&mock);
        let mut bytes = client.ask(&legacy("initialize", Some(1), &json!({}), None)).bytes;
        bytes.extend(client.ask(&modern("tools/list", 2, json!({}))).bytes);
        for id in 0..300 {
            bytes.extend(client.ask(&call(id)).bytes);
        }
        bytes
    };
    let first = conversation(&flags);
    assert!(first == conversation(&flags), "two runs differ");
    let other = [&["--seed=8"], &flags[1..]].concat();
    assert!(first != conversation(&other), "the seed changes nothing");
    // By epoll it says the same.
    let epoll = [&["--backend=epoll"], &flags[..]].concat();
    assert!(first == conversation(&epoll), "by epoll it differs");
}

/// Which of the calls went so, by what came and by what the seed says.
fn assert_each(flags: &[&str], draw: Draw, share: f64, happened: impl Fn(&Answer) -> bool) {
    let mock = Mock::start(flags);
    let mut client = Client::connect(&mock);
    let expected: Vec<bool> = draws().take(CALLS).map(|it| it.happens(draw, share)).collect();
    let came: Vec<bool> = (0..CALLS).map(|id| happened(&client.ask(&call(id)))).collect();
    let count = expected.iter().filter(|it| **it).count();
    assert!(count > 0 && count < CALLS);
    assert!(came == expected, "{flags:?}: {} of {count}", came.iter().filter(|it| **it).count());
}

#[test]
fn rates_are_what_the_seed_says_call_by_call() {
    assert_each(&["--error-rate", "0.05"], Draw::Error, 0.05, |answer| {
        answer.status == 200 && answer.message()["error"]["code"] == -32603
    });
    assert_each(&["--tool-error-rate", "20%"], Draw::ToolError, 0.2, |answer| {
        answer.message()["result"]["isError"] == true
    });
    assert_each(&["--http-error-rate", "0.1"], Draw::HttpError, 0.1, |answer| answer.status == 503);
    assert_each(&["--stream-rate", "0.3"], Draw::Stream, 0.3, |answer| {
        let streamed = answer.header("content-type").is_some_and(|it| it == "text/event-stream");
        // Without a token there is nothing but the result.
        assert_eq!(answer.messages.len(), 1);
        streamed
    });
    let plain = text(&Client::connect(&Mock::start(&["--answer-bytes=400"])).ask(&call(0)));
    let flags = ["--secret-rate", "0.05", "--answer-bytes=400"];
    assert_each(&flags, Draw::Secret, 0.05, |answer| {
        let said = text(answer);
        assert_eq!(size(answer), 400);
        said != plain
    });
}

#[test]
fn what_opens_and_keeps_a_conversation_never_fails() {
    let mock = Mock::start(&["--error-rate=1", "--http-error-rate=1"]);
    let mut client = Client::connect(&mock);
    for request in [
        legacy("initialize", Some(1), &json!({}), None),
        legacy("ping", Some(1), &json!({}), None),
        modern("server/discover", 1, json!({})),
    ] {
        assert!(client.ask(&request).message()["result"].is_object());
    }
    for method in ["tools/list", "resources/list", "prompts/list", "tools/call"] {
        assert_eq!(client.ask(&modern(method, 1, json!({ "name": "echo" }))).status, 503);
    }
}

#[test]
fn sizes_are_as_they_were_asked_for() {
    let sizes = |flag: &str, calls: usize| -> Vec<usize> {
        let mock = Mock::start(&["--answer-bytes", flag]);
        let mut client = Client::connect(&mock);
        (0..calls).map(|id| size(&client.ask(&call(id)))).collect()
    };
    for (flag, size) in [("0", 0), ("1", 1), ("4KiB", 4096), ("1000000", 1_000_000)] {
        assert_eq!(sizes(flag, 3), [size; 3]);
    }
    let drawn = sizes("512..1023", CALLS);
    assert!(drawn.iter().all(|size| (512..1024).contains(size)));
    let expected: Vec<usize> = draws()
        .take(CALLS)
        .map(|throw| {
            let mut random = throw.random(Draw::Size);
            let _ = random.unit();
            512 + random.below(512)
        })
        .collect();
    assert_eq!(drawn, expected);
    let kinds: HashSet<usize> = sizes("128:70,4096:25,65536:5", 300).into_iter().collect();
    assert_eq!(kinds, HashSet::from([128, 4096, 65_536]));
}

#[test]
fn who_asks_for_progress_gets_it_before_the_result() {
    let mock = Mock::start(&["--progress-steps", "2", "--progress-every", "60ms"]);
    let mut client = Client::connect(&mock);
    let ask = |token: serde_json::Value| {
        let params = json!({ "name": "progress", "_meta": { "progressToken": token } });
        modern("tools/call", 5, params)
    };
    for token in [json!("a\"b"), json!(7)] {
        let began = Instant::now();
        let answer = client.ask(&ask(token.clone()));
        assert!(began.elapsed() >= Duration::from_millis(120), "{:?}", began.elapsed());
        assert_eq!(answer.header("x-accel-buffering"), Some("no".into()));
        let [one, two, result] = answer.messages.as_slice() else { panic!("{answer:?}") };
        for (step, message) in [(1, one), (2, two)] {
            assert_eq!(message["method"], "notifications/progress");
            let expected = json!({ "progressToken": token, "progress": step, "total": 2 });
            assert_eq!(message["params"], expected);
        }
        assert_eq!(result["id"], 5);
        assert!(result["result"]["content"].is_array());
    }
    // Without time between them they come at once.
    let mock = Mock::start(&[]);
    let answer = Client::connect(&mock).ask(&ask(json!(1)));
    assert_eq!(answer.messages.len(), 4);
    let none = Mock::start(&["--progress-steps=0", "--progress-every=1ms"]);
    assert_eq!(Client::connect(&none).ask(&ask(json!(1))).messages.len(), 1);
}

#[test]
fn an_answer_takes_its_time() {
    for backend in ["auto", "epoll"] {
        let mock = Mock::start(&["--latency", "80ms", "--backend", backend]);
        let mut client = Client::connect(&mock);
        let began = Instant::now();
        assert_eq!(client.ask(&call(1)).status, 200);
        assert!(began.elapsed() >= Duration::from_millis(80), "{:?}", began.elapsed());
    }
}

#[test]
fn without_a_descriptor_left_the_next_connection_waits_for_one() {
    for backend in ["auto", "epoll"] {
        let mock = Mock::start_with_files(24, &["--backend", backend]);
        // More than it may have; those it has no descriptor for are in the kernel's queue.
        let mut clients: Vec<Client> = (0..40).map(|_| Client::connect(&mock)).collect();
        assert_eq!(clients[0].ask(&call(1)).status, 200, "those that it has are served");
        clients.drain(..30);
        assert_eq!(clients[9].ask(&call(2)).status, 200, "and the last when it is its turn");
    }
}

#[test]
fn streams_stay_open_and_say_something_now_and_then() {
    let mock = Mock::start(&["--event-every", "40ms"]);
    let listen = modern("subscriptions/listen", 9, json!({ "notifications": {} }));
    let get = b"GET /mcp HTTP/1.1\r\nHost: mock\r\nMcp-Session-Id: abc\r\n\r\n".to_vec();
    for (request, first, later) in [
        (listen, "notifications/subscriptions/acknowledged", "notifications/tools/list_changed"),
        (get, "notifications/message", "notifications/message"),
    ] {
        let mut client = Client::connect(&mock);
        client.send(&request);
        let events = client.events(4);
        assert_eq!(events[0]["method"], first);
        for event in &events[1..] {
            assert_eq!(event["method"], later);
        }
        let about = &events[3]["params"];
        assert!(
            about["data"] == "abc" || about["_meta"]["io.modelcontextprotocol/subscriptionId"] == 9,
            "{about}"
        );
    }
}

/// Of the process, as it is resident.
fn mebibytes(mock: &Mock) -> u64 {
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", mock.pid())).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") >> 10
}

#[test]
fn large_bodies_and_the_framing_of_small_chunks_are_not_kept() {
    const BODY_BYTES: usize = 16 << 20;
    let mock = Mock::start(&[]);
    let body =
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","x":"{}"}}"#, "a".repeat(BODY_BYTES));
    let mut idle: Vec<Client> = Vec::new();
    for _ in 0..4 {
        let mut client = Client::connect(&mock);
        client.ask(&client::post(&body, ""));
        idle.push(client);
    }
    assert!(mebibytes(&mock) < 40, "{} MiB are kept", mebibytes(&mock));

    // Six bytes for one, and never the end of it.
    let mut client = Client::connect(&mock);
    client.send(b"POST /mcp HTTP/1.1\r\nHost: mock\r\nTransfer-Encoding: chunked\r\n\r\n");
    let before = mebibytes(&mock);
    client.send("1\r\na\r\n".repeat(BODY_BYTES / 2).as_bytes());
    let grown = mebibytes(&mock).saturating_sub(before);
    assert!(grown < 24, "8 MiB in chunks of one byte take {grown} MiB");
}

#[test]
fn bodies_may_come_in_chunks_and_after_an_invitation() {
    let mock = Mock::start(&[]);
    let mut client = Client::connect(&mock);
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let (one, two) = body.split_at(20);
    let chunks = format!(
        "POST /mcp HTTP/1.1\r\nHost: mock\r\nTransfer-Encoding: chunked\r\n\r\n\
         {:x}\r\n{one}\r\n{:x}\r\n{two}\r\n0\r\n\r\n",
        one.len(),
        two.len()
    );
    // A byte a write, and another request right behind it.
    for byte in chunks.as_bytes() {
        client.send(&[*byte]);
    }
    client.send(&call(2));
    assert!(client.answer().message()["result"]["tools"].is_array());
    assert_eq!(client.answer().message()["id"], 2);

    let expects = "Expect: 100-continue\r\n";
    let request = client::post(body, expects);
    let (head, rest) = request.split_at(request.len() - body.len());
    client.send(head);
    assert_eq!(client.answer().status, 100);
    client.send(rest);
    assert_eq!(client.answer().status, 200);

    let huge = "POST /mcp HTTP/1.1\r\nHost: mock\r\nContent-Length: 99999999999\r\n\r\n";
    let refused = client.ask(huge.as_bytes());
    assert_eq!((refused.status, refused.header("connection")), (413, Some("close".into())));
}

#[test]
fn a_wrong_flag_is_told_its_forms() {
    for (flags, said) in [
        (
            ["--latency", "5"],
            "error: invalid value '5' for '--latency <TIMES>': `5` has no unit: write 5s for \
             seconds, or 5ms or 5us; write 5ms, 1ms..20ms (evenly), exp:5ms (exponential, of this \
             mean) or lognormal:p50=5ms,p99=80ms",
        ),
        (
            ["--error-rate", "2"],
            "error: invalid value '2' for '--error-rate <SHARE>': `2` is not a share: write 0 to 1 \
             or a percentage, as 0.05 or 5%",
        ),
        (
            ["--threads", "0"],
            "error: invalid value '0' for '--threads <N>': write a whole number from 1 to 1024",
        ),
        (
            ["--event-every", "0s"],
            "error: invalid value '0s' for '--event-every <TIME>': events have to be some time apart",
        ),
        (
            ["--event-every", "2"],
            "error: invalid value '2' for '--event-every <TIME>': `2` has no unit: write 2s for \
             seconds, or 2ms or 2us",
        ),
    ] {
        let (code, _, stderr) = client::run(&[&["mock"], &flags[..]].concat());
        assert_eq!(code, Some(2));
        assert_eq!(stderr.lines().next(), Some(said));
    }
}
