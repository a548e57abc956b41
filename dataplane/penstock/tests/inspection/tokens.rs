//! Values that an agent uses and never sees.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::mpsc;

use crate::common::{PATIENCE, Penstock, Setup, eventually, ok, post, read_request, upstream};
use crate::worlds::write;
use crate::{NUMBER, inspection, modern_with, says_nothing_of_it};

const SEALS: &str = ", actions: [{ class: card, action: tokenise }]";
const OPENS: &str = "inspection: { open_for: [transfer, \"pay_*\"] }";

/// An upstream that tells a number to whoever asks, and what it was told.
fn bank() -> (SocketAddr, mpsc::Receiver<String>) {
    let (tell, told) = mpsc::channel();
    let address = upstream(move |mut stream| {
        while let Some((_, body)) = read_request(&mut stream) {
            let _ = tell.send(String::from_utf8(body).expect("text"));
            let text = format!("your card is {NUMBER}.");
            let body = format!(
                r#"{{"jsonrpc":"2.0","id":1,"result":{{"content":[{{"type":"text","text":"{text}"}}]}}}}"#
            );
            let _ = stream.write_all(&ok(&body));
        }
    });
    (address, told)
}

fn start(setup: Setup, more: &str) -> Penstock {
    let setup = sealing(setup, more);
    setup.folder.write("own.toml", crate::RULES);
    setup.start()
}

fn sealing(setup: Setup, more: &str) -> Setup {
    setup.servers(OPENS).more(&inspection(&format!("{SEALS}{more}")))
}

fn call(tool: &str, text: &str) -> Vec<u8> {
    post(&body(tool, text))
}

fn body(tool: &str, text: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{{"card":"{text}"}}}}}}"#
    )
}

/// The placeholder in an answer.
fn sealed(answer: &str) -> String {
    let start = answer.find("[SEALED:card:").expect("a placeholder");
    let end = answer[start..].find(']').expect("its end");
    answer[start..=start + end].to_owned()
}

#[test]
fn a_value_that_was_sealed_goes_back_to_the_tools_that_may_have_it_and_to_no_other() {
    let (upstream, told) = bank();
    let penstock = start(Setup::to(upstream), "");
    let mut client = penstock.connect();
    let (status, answer) = client.ask(&call("lookup", "mine"));
    assert!(status == 200 && !answer.contains(NUMBER), "{answer}");
    let token = sealed(&answer);
    assert!(answer.contains(&format!("your card is {token}.")), "{answer}");
    // The same value is the same placeholder.
    assert_eq!(sealed(&client.ask(&call("lookup", "mine")).1), token);
    for _ in 0..2 {
        told.recv_timeout(PATIENCE).expect("the questions");
    }
    let text = format!("from {token}");
    for (tool, opened) in
        [("transfer", true), ("pay_now", true), ("transfers", false), ("mail", false)]
    {
        let (status, answer) = client.ask(&call(tool, &text));
        // What the tool answers is sealed again.
        assert!(status == 200 && answer.contains(&token) && !answer.contains(NUMBER), "{answer}");
        let seen = told.recv_timeout(PATIENCE).expect("it was forwarded");
        let text = if opened { format!("from {NUMBER}") } else { text.clone() };
        assert_eq!(seen, body(tool, &text));
    }
    // In the newer revision too, where headers repeat the tool.
    let arguments = format!(r#"{{"card":"{token}"}}"#);
    assert_eq!(client.ask(&modern_with(1, "transfer", &arguments, "")).0, 200);
    let seen = told.recv_timeout(PATIENCE).expect("it was forwarded");
    assert!(seen.contains(&format!(r#""arguments":{{"card":"{NUMBER}"}}"#)), "{seen}");
    // A parameter that repeats the placeholder would not agree with the value.
    let fields = format!("Mcp-Param-Card: {token}\r\n");
    let (status, answer) = client.ask(&modern_with(1, "transfer", &arguments, &fields));
    assert!(status == 200 && answer.contains("what header Mcp-Param-Card repeats"), "{answer}");
    // Who got the value is told, and never what it is.
    eventually("three lines", || penstock.log().matches("inspection: opened ").count() >= 3);
    let log = penstock.log();
    let opened: Vec<&str> =
        log.lines().filter(|line| line.contains("inspection: opened ")).collect();
    // Not of the last call: it was stopped.
    assert_eq!(opened.len(), 3, "{log}");
    for (line, tool) in opened.iter().zip(["transfer", "pay_now", "transfer"]) {
        assert!(
            line.contains(&format!("tool=\"{tool}\"")) && line.contains("class=\"card\""),
            "{line}"
        );
        assert!(line.contains("pointer=\"/params/arguments/card\""), "{line}");
    }
    let fingerprint = |line: &str| {
        let (_, rest) = line.split_once("fingerprint=").expect("one");
        rest.split(' ').next().map(str::to_owned)
    };
    let found =
        log.lines().find(|line| line.contains("inspection: found ")).expect("it was sealed");
    assert!(opened.iter().all(|line| fingerprint(line) == fingerprint(found)), "{log}");
    says_nothing_of_it(&penstock);
}

#[test]
fn a_placeholder_of_another_server_or_a_forged_one_is_none() {
    let (upstream, told) = bank();
    let setup = Setup::to(upstream).also("two", &format!("{{ url: \"http://{upstream}/mcp\" }}"));
    let penstock = start(setup, "");
    let mut client = penstock.connect();
    let token = sealed(&client.ask(&call("lookup", "mine")).1);
    told.recv_timeout(PATIENCE).expect("the question");
    let (middle, _) = token.char_indices().nth(token.len() / 2).expect("it is long");
    let other = if token.as_bytes()[middle] == b'A' { "B" } else { "A" };
    let forged = format!("{}{other}{}", &token[..middle], &token[middle + 1..]);
    let at_two = |request: Vec<u8>| {
        let text = String::from_utf8(request).expect("text");
        text.replacen("/mcp/up", "/mcp/two", 1).into_bytes()
    };
    for request in [call("transfer", &forged), at_two(call("transfer", &token))] {
        let (status, answer) = client.ask(&request);
        assert_eq!(status, 200, "{answer}");
        let says = "a sealed placeholder at /params/arguments/card that was changed";
        assert!(answer.contains(says), "{answer}");
        assert!(answer.contains(r#""pointer":"/params/arguments/card""#), "{answer}");
    }
    assert!(told.try_recv().is_err(), "it was forwarded");
}

#[test]
fn placeholders_hold_over_reloads_and_with_a_key_over_restarts() {
    let (upstream, told) = bank();
    let key = ", key: \"0123456789abcdef0123456789abcdef\"";
    let mut token = String::new();
    for _ in 0..2 {
        let penstock = start(Setup::to(upstream), key);
        let mut client = penstock.connect();
        if token.is_empty() {
            token = sealed(&client.ask(&call("lookup", "mine")).1);
            told.recv_timeout(PATIENCE).expect("the question");
        }
        assert_eq!(client.ask(&call("transfer", &token)).0, 200);
        assert_eq!(told.recv_timeout(PATIENCE), Ok(body("transfer", NUMBER)));
        assert!(!penstock.log().contains("0123456789abcdef0123"), "the key is in the log");
    }
    let penstock = start(Setup::to(upstream), "");
    penstock.logs("`tokenise` without `inspection.key`");
    let mut client = penstock.connect();
    assert!(client.ask(&call("transfer", &token)).1.contains("-31017"), "another key");
    let token = sealed(&client.ask(&call("lookup", "mine")).1);
    told.recv_timeout(PATIENCE).expect("the question");
    penstock.signal("HUP");
    penstock.logs("the configuration was reloaded");
    assert_eq!(client.ask(&call("transfer", &token)).0, 200);
    assert_eq!(told.recv_timeout(PATIENCE), Ok(body("transfer", NUMBER)));
    assert!(!penstock.log().contains("`inspection.key` is another"), "{}", penstock.log());
}

#[test]
fn another_key_is_taken_by_a_reload_and_the_log_says_what_that_means() {
    let (upstream, told) = bank();
    let key = "0123456789abcdef0123456789abcdef";
    let penstock = start(Setup::to(upstream), &format!(", key: {key}"));
    let mut client = penstock.connect();
    let token = sealed(&client.ask(&call("lookup", "mine")).1);
    told.recv_timeout(PATIENCE).expect("the question");
    let other = format!(", key: {}", key.replace('a', "b"));
    let text = sealing(Setup::to(upstream), &other).text(penstock.address);
    write(&penstock, &text);
    penstock.logs(
        "`inspection.key` is another: calls with placeholders that were sealed before are blocked",
    );
    assert!(client.ask(&call("transfer", &token)).1.contains("-31017"), "another key");
    assert!(!penstock.log().contains(&key[..20]), "the key is in the log");
}
