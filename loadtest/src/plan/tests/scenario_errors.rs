//! What is said of a scenario that is wrong, in which words, and where.

use super::{Scenario, URL, run};

#[test]
fn an_error_in_a_scenario_names_file_line_and_column() {
    for (text, expected) in [
        (
            "url: http://a/\nseeds: 5\n",
            "scenario.yaml:2:1: no key `seeds` (did you mean `seed`?): there are url, connect, era, tls, headers, rate, \
             concurrency, search, searchFrom, searchTo, precision, duration, warmUp, timeout, \
             arrival, connections, agents, tokenFile, sessions, sessionCalls, threads, seed, mix, \
             replay, speed, assert",
        ),
        (
            "tls: { certificate: a }\n",
            "scenario.yaml:1:8: no key `certificate` (did you mean `cert`?): there are ca, cert, key",
        ),
        (
            "url: http://a/\nduration: 30\n",
            "scenario.yaml:2:11: `30` has no unit: write 30s for seconds, or 30ms or 30us",
        ),
        (
            "assert: p99<2\n",
            "scenario.yaml:1:9: at character 5: `2` has no unit: write 2s for seconds, or 2ms or \
             2us",
        ),
        (
            "url: a\nmix:\n  - operation: call\n    uri: a\n    padding: 1..0\n",
            "scenario.yaml:5:14: the range `1..0` ends before it begins",
        ),
        (
            "mix: [{ operation: calls }]\n",
            "scenario.yaml:1:20: no word `calls` (did you mean `call`?): there are call, list, read, \
             prompt, ping, init, stream",
        ),
        (
            "headers: { Host: a }\n",
            "scenario.yaml:1:10: `Host` cannot be set: it follows from the URL; --connect goes elsewhere",
        ),
        (
            "era: ancient\n",
            "scenario.yaml:1:6: no word `ancient`: there are 2026-07-28, modern, 2025-11-25, legacy",
        ),
        ("url: [\n", "scenario.yaml:1:6: a list stands here: write it as text"),
        (
            "rate: 5\nrate: 6\n",
            "scenario.yaml:2:1: duplicate mapping key `rate` is not allowed here",
        ),
        (
            "mix: 5\n",
            "scenario.yaml:1:6: a list is expected here: begin each of its entries with `- `",
        ),
    ] {
        assert_eq!(Scenario::new(text).said(&[URL]), expected, "{text}");
    }
}

#[test]
fn a_value_of_another_kind_is_told_what_to_write() {
    for (text, expected) in [
        ("rate: [100, 200]", "1:7: a list stands here: write it as text, '100,200'"),
        ("{ rate: [100, 200], seed: 1 }", "1:9: a list stands here: write it as text, '100,200'"),
        ("rate: [[1, 2], 3]", "1:7: a list stands here: write it as text"),
        (
            "mix:\n  operation: call",
            "2:3: a list is expected here: begin each of its entries with `- `",
        ),
        ("tls: ca.pem", "1:6: keys with values are expected here: write them as `key: value`"),
        (
            "agents: ten # of them",
            "1:9: `ten` is not a whole number from 0 on: write one in digits, as 10",
        ),
        (
            "mix:\n  - operation: call\n    weight: heavy",
            "3:13: `heavy` is not a number: write one in digits, as 5 or 0.5",
        ),
        (
            "mix:\n  - { operation: call, weight: heavy }",
            "2:32: `heavy` is not a number: write one in digits, as 5 or 0.5",
        ),
        (
            "headers:\n  X-Tenant: acme: 1",
            "2:17: a second `: ` in one line: put the value in quotes, or its keys on lines of their own",
        ),
        (
            "{ tls: ca.pem, seed: 1 }",
            "1:8: keys with values are expected here: write them as `key: value`",
        ),
        (
            "headers: X-Tenant: acme",
            "1:10: a second `: ` in one line: put the value in quotes, or its keys on lines of their own",
        ),
        (
            "mix:\n  - operation: call\n   weight: 3",
            "3:4: this line's indentation fits none of the lines above: begin the keys of one entry in the same column",
        ),
    ] {
        let said = Scenario::new(text).said(&[URL]);
        assert_eq!(said, format!("scenario.yaml:{expected}"), "{text}");
    }
}

#[test]
fn an_error_beyond_the_text_names_the_scenario() {
    let said = |text: &str| Scenario::new(text).said(&[]);
    assert_eq!(
        said("{ url: 'http://127.0.0.1:9/', rate: 5, concurrency: 5 }"),
        "with the scenario scenario.yaml: `rate` and `concurrency` exclude each other: keep one of \
         them"
    );
    assert_eq!(
        said("{ url: 'http://127.0.0.1:9/', replay: a, mix: [{ operation: list }] }"),
        "with the scenario scenario.yaml: `mix` and `replay` exclude each other: keep one of them"
    );
    assert_eq!(
        said("{ url: 'https://127.0.0.1:9/', tls: { cert: a } }"),
        "with the scenario scenario.yaml: --cert needs the certificate's --key"
    );
    assert_eq!(
        said("{}"),
        "with the scenario scenario.yaml: where to is not said: give a URL, or a scenario with \
         `url`"
    );
    let missing = run(&["--scenario=/nowhere.yaml"]).unwrap().with_token(None).unwrap_err();
    assert_eq!(missing.to_string(), "cannot read the scenario /nowhere.yaml");
    let large = Scenario::new(&"#".repeat((4 << 20) + 1));
    assert_eq!(large.said(&[]), "the scenario scenario.yaml is larger than the limit of 4 MiB");
}
