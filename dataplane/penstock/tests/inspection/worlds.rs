//! What is looked for, as it is configured and changed.

use std::process::Command;

use crate::broken::metric;
use crate::common::{Client, Setup, always, call, eventually, free_port, ok, post};
use crate::{
    BLOCK, KEY, NUMBER, REDACTED, call_with, guarded, inspection, says_nothing_of_it, setup,
    telling,
};

pub(crate) fn write(penstock: &crate::common::Penstock, text: &str) {
    std::fs::write(&penstock.config, text).expect("the configuration is written");
    penstock.signal("HUP");
}

#[test]
fn a_reload_changes_what_becomes_of_findings_and_fails_no_call() {
    let upstream = always(ok(&format!(r#"{{"jsonrpc":"2.0","id":1,"result":"{KEY}"}}"#)));
    let penstock = guarded(upstream, "");
    let mut client = penstock.connect();
    assert!(client.ask(&call(1)).1.contains(REDACTED));
    let text = |more: &str| Setup::to(upstream).more(more).text(penstock.address);
    for (more, seen) in [
        (inspection(", actions: [{ action: report }]"), KEY),
        (inspection(BLOCK), "-31018"),
        (inspection(", disable: [\"acme-*\"]"), KEY),
        (inspection(""), REDACTED),
        (String::new(), KEY),
        (inspection(""), REDACTED),
    ] {
        write(&penstock, &text(&more));
        eventually(seen, || {
            let (status, body) = client.ask(&call(1));
            assert_eq!(status, 200, "{body}");
            body.contains(seen)
        });
    }
    // Rules that are the same are not prepared again.
    let ready: Vec<String> = penstock
        .log()
        .lines()
        .filter(|line| line.contains("inspection is ready"))
        .map(str::to_owned)
        .collect();
    assert_eq!(ready.len(), 6, "{ready:?}");
    let prepared = ready.iter().filter(|line| line.contains("millis=")).count();
    assert_eq!(
        prepared, 4,
        "at the start, without some, with them again, and after none: {ready:?}"
    );
}

#[test]
fn a_file_of_rules_that_changes_is_read_again_and_a_bad_one_changes_nothing() {
    let upstream = always(ok(&format!(r#"{{"a":"{KEY}","b":"OTHER-77"}}"#)));
    let admin = free_port();
    let penstock = setup(upstream, "").more(&format!("\nadmin: {{ address: {admin} }}")).start();
    let failures = || {
        let line = metric(admin, "penstock_config_reload_failures_total");
        line.rsplit(' ').next().and_then(|count| count.parse::<u32>().ok()).expect("a count")
    };
    let mut client = penstock.connect();
    assert!(client.ask(&call(1)).1.contains("OTHER-77"));
    let own = "[[rules]]\nid = 'other'\ndescription = 'x'\nregex = 'OTHER-[0-9]+'\nkeywords = ['other']\n";
    penstock.setup.folder.write("own.toml", &format!("{}{own}", crate::RULES));
    // The change is seen without a signal.
    eventually("the new rule", || client.ask(&call(1)).1.contains("[REDACTED:other]"));
    assert_eq!(failures(), 0);
    penstock.setup.folder.write("own.toml", "[[rules]]\nid = 'a'\nregex = '('\n");
    penstock.signal("HUP");
    penstock.logs("the configuration was not reloaded");
    penstock.logs("own.toml:2:1: rule `a`");
    eventually("a failure", || failures() > 0);
    // Nor does one that is empty, as it is while another writes it.
    penstock.setup.folder.write("own.toml", "");
    penstock.logs("own.toml:1:1: it has no rules");
    // Nor does one that is gone, and it is said without a signal.
    std::fs::remove_file(penstock.setup.folder.path("own.toml")).expect("it is there");
    penstock.logs("`own.toml`: No such file");
    let (_, body) = client.ask(&call(1));
    assert!(body.contains(REDACTED) && body.contains("[REDACTED:other]"), "{body}");
}

#[test]
fn what_cannot_be_is_said_before_anything_is_served() {
    let upstream = always(ok("{}"));
    for (more, says) in [
        (", disable: [acme-kye]", "there is no rule `acme-kye`; did you mean `acme-key`?"),
        (
            ", actions: [{ rule: acme-kye, action: block }]",
            "there is no rule `acme-kye`; did you mean `acme-key`?",
        ),
        (", actions: [{ rule: \"zzz-*\", action: block }]", "no rule's id matches `zzz-*`"),
    ] {
        let setup = setup(upstream, more);
        let mut penstock = setup.spawn(free_port());
        assert!(!penstock.wait());
        assert!(penstock.log().contains(says), "{}", penstock.log());
        let mut check = Command::new(env!("CARGO_BIN_EXE_penstock"));
        let output = check.arg("check").arg(&penstock.config).output().expect("it runs");
        assert_eq!(output.status.code(), Some(78));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(says) && said.contains("penstock.yaml:"), "{said}");
    }
}

#[test]
fn check_says_what_is_looked_into() {
    let setup = setup(always(ok("{}")), "");
    let text = setup.text(free_port());
    setup.folder.write("penstock.yaml", &text);
    let mut check = Command::new(env!("CARGO_BIN_EXE_penstock"));
    let output =
        check.arg("check").arg(setup.folder.path("penstock.yaml")).output().expect("it runs");
    assert!(output.status.success());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("\n  looks into 1 of 1 server, 3 rules, "), "{said}");
}

#[test]
fn a_portable_engine_and_what_of_a_file_is_left_out_are_told() {
    let admin = free_port();
    let setup = setup(always(ok("{}")), ", engine: portable");
    let file = format!("{}[[rules]]\nid = 'of-path'\npath = 'x'\n", crate::RULES);
    setup.folder.write("own.toml", &file);
    let penstock = setup.more(&format!("\nadmin: {{ address: {admin} }}")).start();
    for (name, line) in [
        ("penstock_inspection_rules", "penstock_inspection_rules{engine=\"portable\"} 3"),
        ("penstock_inspection_fallback", "penstock_inspection_fallback 1"),
    ] {
        assert_eq!(metric(admin, name), line);
    }
    penstock.logs("inspection is ready engine=\"portable\"");
    penstock.logs("so that this rule is left out: `of-path`");
}

#[test]
fn names_of_people_are_found_by_a_list() {
    let upstream = always(ok(r#"{"a":"to Ann Lee-Smith, JÜRGEN GROSZ and Ann Leeds"}"#));
    let setup = setup(upstream, ", names: names.txt, actions: [{ class: name, action: redact }]");
    setup.folder.write("names.txt", "Ann Lee-Smith\nJürgen Grosz\n");
    let penstock = setup.start();
    let (_, body) = penstock.connect().ask(&call(1));
    assert_eq!(body, r#"{"a":"to [REDACTED:name], [REDACTED:name] and Ann Leeds"}"#);
    penstock.setup.folder.write("names.txt", "Ann Leeds\n");
    eventually("another list", || {
        let (_, body) = penstock.connect().ask(&call(1));
        body == r#"{"a":"to Ann Lee-Smith, JÜRGEN GROSZ and [REDACTED:name]"}"#
    });
}

#[test]
fn a_server_may_have_its_own_actions_or_none() {
    let upstream = always(ok(&format!(r#"{{"a":"{KEY}"}}"#)));
    for (own, seen) in
        [("inspection: off", KEY), ("inspection: { actions: [{ action: block }] }", "-31018")]
    {
        let setup = Setup::to(upstream).servers(own).more(&inspection(""));
        setup.folder.write("own.toml", crate::RULES);
        let penstock = setup.start();
        let (_, body) = penstock.connect().ask(&call(1));
        assert!(body.contains(seen), "{own}: {body}");
    }
}

#[test]
fn findings_are_counted_and_told_and_never_shown() {
    let answer = format!(r#"{{"jsonrpc":"2.0","id":1,"result":["{KEY}","{KEY}",{NUMBER}]}}"#);
    let (upstream, _told) = telling(ok(&answer));
    let admin = free_port();
    let more = ", actions: [{ class: card, direction: request, action: block }]";
    let penstock = setup(upstream, more).more(&format!("\nadmin: {{ address: {admin} }}")).start();
    let mut client = penstock.connect();
    assert_eq!(client.ask(&post(&call_with(1, &format!(r#"{{"a":"{KEY}"}}"#)))).0, 200);
    let blocked = client.ask(&post(&call_with(1, &format!(r#"{{"a":"{NUMBER}"}}"#))));
    assert!(blocked.0 == 200 && blocked.1.contains("-31017"), "{}", blocked.1);
    for (name, value) in [
        (
            "penstock_inspection_findings_total{shard=\"0\",class=\"secret\",action=\"redact\",direction=\"request\"}",
            "1",
        ),
        (
            "penstock_inspection_findings_total{shard=\"0\",class=\"secret\",action=\"redact\",direction=\"response\"}",
            "2",
        ),
        (
            "penstock_inspection_findings_total{shard=\"0\",class=\"card\",action=\"report\",direction=\"response\"}",
            "1",
        ),
        (
            "penstock_inspection_findings_total{shard=\"0\",class=\"card\",action=\"block\",direction=\"request\"}",
            "1",
        ),
        ("penstock_inspection_messages_total", "3"),
        ("penstock_inspection_blocked_total", "1"),
        ("penstock_inspection_exceeded_total", "0"),
        ("penstock_inspection_rules", "3"),
    ] {
        let line = metric(admin, name);
        assert!(line.ends_with(&format!(" {value}")), "{name}: {line}");
    }
    assert!(
        metric(admin, "penstock_refusals_total{shard=\"0\",reason=\"blocked\"}").ends_with(" 1")
    );
    penstock.logs(
        "rule=\"acme-number\" class=\"card\" action=\"block\" server=\"up\" direction=\"request\"",
    );
    let log = penstock.log();
    let prints: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("rule=\"acme-key\""))
        .filter_map(|line| line.split("fingerprint=").nth(1)?.split(' ').next())
        .collect();
    assert_eq!(prints.len(), 3, "{log}");
    assert!(prints.iter().all(|print| *print == prints[0] && print.len() == 16), "{prints:?}");
    says_nothing_of_it(&penstock);
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {admin}\r\n\r\n");
    let (_, metrics) = Client::connect(admin).ask(request.as_bytes());
    assert!(!metrics.contains(KEY) && !metrics.contains(NUMBER));
}

/// In both directions, beside what is found and what is blocked; unless something is found in its name.
#[test]
fn the_tool_is_told_unless_something_is_found_in_its_name() {
    let answer = format!(r#"{{"jsonrpc":"2.0","id":1,"result":["{KEY}"]}}"#);
    let more = ", actions: [{ class: card, action: block }, { action: report }]";
    let penstock = guarded(always(ok(&answer)), more);
    let of = |tool: &str, value: &str| {
        let call = call_with(1, &format!(r#"{{"a":"{value}"}}"#));
        post(&call.replace(r#""name":"t""#, &format!(r#""name":"{tool}""#)))
    };
    let mut client = penstock.connect();
    let lines = |says: &str| penstock.log().lines().filter(|line| line.contains(says)).count();
    assert!(client.ask(&of("search", KEY)).1.contains(KEY));
    penstock.logs("direction=\"response\"");
    assert!(client.ask(&of("pay", NUMBER)).1.contains("-31017"));
    penstock.logs("blocked rule=\"acme-number\"");
    assert_eq!((lines("tool=\"search\""), lines("tool=\"pay\"")), (2, 2), "{}", penstock.log());
    assert!(client.ask(&of(KEY, KEY)).1.contains(KEY));
    let found = || lines("inspection: found");
    eventually("three more", || found() == 3 + 3);
    assert_eq!(lines("tool="), 4);
    says_nothing_of_it(&penstock);
}

#[test]
fn the_built_in_rules_hold_where_nothing_else_is_said() {
    // As a vendor writes one; the last characters are no example's.
    let token = format!("ghp_{}", "16C7e42F292c6912E7710c838347Ae178B4a");
    let upstream = always(ok(&format!(r#"{{"jsonrpc":"2.0","id":1,"result":"{token}"}}"#)));
    let penstock = Setup::to(upstream).more("inspection: {}").start();
    let (_, body) = penstock.connect().ask(&call(1));
    assert!(body.contains("[REDACTED:github-") && !body.contains(&token), "{body}");
    penstock.logs("inspection is ready");
    assert!(!penstock.log().contains(&token));
}
