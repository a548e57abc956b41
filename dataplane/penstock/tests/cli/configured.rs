//! `penstock inspect`, `rules` and `doctor` on what a configuration says of rules.

use serde_json::json;

use crate::{Folder, code, json, stderr, stdout};

pub(super) const HEAD: &str = "listeners: [{ address: 127.0.0.1:18808 }]
upstreams: { up: { url: \"http://127.0.0.1:3000/mcp\" } }
";

pub(super) const OWN: &str = "[[rules]]
id = 'acme-key'
description = 'Key of Acme'
regex = '''ACME-[0-9A-F]{16}'''
examples = ['ACME-0123456789ABCDEF']

[[rules]]
id = 'acme-number'
class = 'card'
regex = '''9999[0-9]{12}'''
examples = ['9999000011112222']

[[rules]]
id = 'acme-mail'
class = 'email'
regex = '''[a-z]+@acme\\.example'''
examples = ['ada@acme.example']
";

const INPUT: &str = "ACME-0123456789ABCDEF 9999000011112222 ada@acme.example Ann Lee\n";

pub(super) fn folder(servers: &str, inspection: &str) -> Folder {
    let folder = Folder::new();
    folder.write("own.toml", OWN);
    folder.write("names.txt", "Ann Lee\n");
    folder.write("in.txt", INPUT);
    folder.write("p.yaml", &format!("{HEAD}servers: {servers}\ninspection: {inspection}\n"));
    folder
}

const INSPECTION: &str = "{ built_in: false, rules: [own.toml], names: names.txt, disable: [acme-number], \
     actions: [{ class: email, direction: request, action: block }, { class: name, action: ignore }, \
     { class: email, action: redact, keep: domain }] }";
const SERVERS: &str = "{ one: up, off: { upstream: up, inspection: off }, \
     two: { upstream: up, inspection: { actions: [{ rule: acme-key, action: report }] } } }";

#[test]
fn inspect_finds_what_a_configuration_looks_for_and_tells_what_becomes_of_it() {
    let folder = folder(SERVERS, INSPECTION);
    let output = folder.penstock(&["inspect", "-c", "p.yaml", "in.txt"]);
    assert_eq!((code(&output), stderr(&output).as_str()), (1, ""));
    // What is disabled and what is ignored is not told; what is not told is masked by the built-in rules alone.
    let line = "<21 characters> 9999000011112222 <16 characters> <7 characters>";
    assert_eq!(
        stdout(&output),
        format!(
            "in.txt:1:1: acme-key (secret, redact): {line}\n\
             in.txt:1:40: acme-mail (email, request: block, response: redact but the domain): {line}\n"
        )
    );
    let output = folder.penstock(&["--config", "p.yaml", "inspect", "--server", "two", "in.txt"]);
    assert!(stdout(&output).starts_with("in.txt:1:1: acme-key (secret, report): "));
    let output = folder.penstock(&["inspect", "-c", "p.yaml", "--json", "in.txt"]);
    let second = stdout(&output).lines().nth(1).expect("a line").to_owned();
    let second: serde_json::Value = serde_json::from_str(&second).expect("JSON");
    assert_eq!(
        second["action"],
        json!({ "request": "block", "response": "redact but the domain" })
    );
    // Without a configuration nothing is said of actions.
    let output = folder.penstock(&["inspect", "--rules", "own.toml", "in.txt"]);
    assert!(stdout(&output).starts_with("in.txt:1:1: acme-key (secret): "), "{}", stdout(&output));
}

#[test]
fn a_server_that_is_not_looked_into_or_not_there_is_an_error() {
    let folder = folder(SERVERS, INSPECTION);
    let fails = |args: &[&str], exit: i32, says: &str| {
        let output = folder.penstock(args);
        assert_eq!(code(&output), exit, "{}", stderr(&output));
        assert!(stderr(&output).contains(says), "{}", stderr(&output));
        assert_eq!(stdout(&output), "");
    };
    let inspect = |server| ["inspect", "-c", "p.yaml", "--server", server, "in.txt"];
    fails(&inspect("off"), 78, "nothing is looked into at `off`");
    fails(&inspect("three"), 64, "it has: one, off, two");
    let both = ["inspect", "-c", "p.yaml", "--rules", "own.toml", "in.txt"];
    fails(&both, 64, "name one of the two");
    folder.write("none.yaml", &format!("{HEAD}servers: {{ one: up }}\n"));
    fails(&["rules", "list", "-c", "none.yaml"], 78, "has no `inspection`");
    fails(&["inspect", "-c", "absent.yaml", "in.txt"], 66, "cannot read absent.yaml");
}

#[test]
fn rules_are_listed_and_explained_with_what_becomes_of_them() {
    let folder = folder(SERVERS, INSPECTION);
    let output = folder.penstock(&["rules", "list", "-c", "p.yaml", "--server", "two"]);
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
    let text = stdout(&output);
    let lines: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split("  ").map(str::trim).filter(|it| !it.is_empty()).collect())
        .collect();
    assert_eq!(
        lines,
        [
            vec!["name", "name", "ignore", "Name of a person in the dictionary"],
            vec!["acme-key", "secret", "report", "Key of Acme"],
            vec!["acme-mail", "email", "request: block, response: redact but the domain"],
        ]
    );
    let document = json(&folder.penstock(&["rules", "list", "-c", "p.yaml", "--json"]));
    assert_eq!(document[1]["action"], json!({ "request": "redact", "response": "redact" }));
    let output = folder.penstock(&["rules", "explain", "-c", "p.yaml", "acme-key"]);
    assert!(stdout(&output).contains("\n  action       redact\n"), "{}", stdout(&output));
    let output = folder.penstock(&["rules", "explain", "-c", "p.yaml", "payment-card"]);
    assert_eq!(code(&output), 64);
    assert!(stderr(&output).contains("`payment-card` is built in, and not looked for"));
    let output = folder.penstock(&["rules", "test", "-c", "p.yaml"]);
    assert_eq!(code(&output), 0);
    let ok = "p.yaml: ok: 3 rules, 2 examples, 0 warnings";
    assert!(
        stdout(&output).contains(ok),
        "of a list of names nothing is warned: {}",
        stdout(&output)
    );
}

#[test]
fn what_cannot_be_kept_of_a_file_is_noted_once() {
    let folder = folder(SERVERS, INSPECTION);
    folder.write("own.toml", &format!("{OWN}\n[[rules]]\nid = 'of-path'\npath = 'x'\n"));
    let note = "this rule is left out: `of-path`\n";
    let output = folder.penstock(&["rules", "list", "--rules", "own.toml"]);
    assert_eq!(stderr(&output).matches(note).count(), 1, "{}", stderr(&output));
    assert_eq!(code(&output), 0);
    let output = folder.penstock(&["check", "p.yaml"]);
    assert_eq!(stdout(&output).matches(note).count(), 1, "{}", stdout(&output));
    let document = json(&folder.penstock(&["check", "--json", "p.yaml"]));
    assert!(document["notes"][0].as_str().is_some_and(|told| told.contains("`of-path`")));
}

#[test]
fn rules_of_one_id_do_not_hide_each_other() {
    let folder = folder("{ one: up }", "{ rules: [own.toml, other.toml] }");
    folder.write("other.toml", "[[rules]]\nid = 'acme-key'\nregex = 'OTHER-[0-9]{8}'\n");
    let output = folder.penstock(&["check", "p.yaml"]);
    assert_eq!(code(&output), 78);
    let said = stderr(&output);
    assert!(said.starts_with("error: rule `acme-key` is in a file before it"), "{said}");
    assert!(said.contains("other.toml:2:1\n"), "{said}");
    // The same file twice says nothing else.
    folder.write("other.toml", OWN);
    assert_eq!(code(&folder.penstock(&["check", "p.yaml"])), 0);
    folder.write("other.toml", "[[rules]]\nid = 'jwt'\nregex = 'OTHER-[0-9]{8}'\n");
    let output = folder.penstock(&["check", "p.yaml"]);
    assert_eq!(code(&output), 0);
    let said = stderr(&output) + &stdout(&output);
    assert!(said.contains("in the place of built-in ones that have the same id: `jwt`"), "{said}");
}

/// The rules of files in this order, what is noted of them, and what `rules explain` says of one.
fn of_files(folder: &Folder, files: &str, id: &str) -> (Vec<String>, String, String) {
    folder.write(
        "p.yaml",
        &format!("{HEAD}servers: {{ one: up }}\ninspection: {{ rules: [{files}] }}\n"),
    );
    let output = folder.penstock(&["rules", "list", "-c", "p.yaml", "--json"]);
    let notes = stderr(&output);
    let listed = json(&output);
    let ids = listed.as_array().expect("rules").iter().map(|rule| rule["id"].as_str());
    let ids = ids.map(|id| id.expect("an id").to_owned()).collect();
    let explained = folder.penstock(&["rules", "explain", "-c", "p.yaml", id]);
    (ids, notes, stdout(&explained))
}

const EXTENDS: &str = "[extend]\nuseDefault = true\n";

#[test]
fn a_built_in_rule_that_a_file_disables_is_out_in_whichever_order_files_stand() {
    let folder = folder("{ one: up }", "{}");
    folder.write("out.toml", &format!("{EXTENDS}disabledRules = ['ipv4-address']\n"));
    folder.write(
        "change.toml",
        &format!("{EXTENDS}[[rules]]\nid = 'ipv4-address'\naction = 'block'\n"),
    );
    for files in ["out.toml", "own.toml, out.toml", "out.toml, own.toml"] {
        let (ids, notes, _) = of_files(&folder, files, "jwt");
        assert!(!ids.iter().any(|id| id == "ipv4-address") && ids.len() > 100, "{files}");
        assert_eq!(notes, "", "{files}");
    }
    // What is said of it beside is not lost silently.
    for files in ["out.toml, change.toml", "change.toml, out.toml"] {
        let (ids, notes, _) = of_files(&folder, files, "jwt");
        assert!(!ids.iter().any(|id| id == "ipv4-address"), "{files}");
        let note = "change.toml: what it says of these rules is left out, as another file disables them or has its \
                    own of that id: `ipv4-address`\n";
        assert!(notes.contains(note), "{notes}");
    }
    // The configuration may name it all the same.
    folder.write(
        "p.yaml",
        &format!(
            "{HEAD}servers: {{ one: up }}\ninspection: {{ rules: [out.toml], \
        disable: [ipv4-address], actions: [{{ rule: ipv4-address, action: block }}] }}\n"
        ),
    );
    let output = folder.penstock(&["check", "p.yaml"]);
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
    assert!(
        stdout(&output).contains("says nothing: `ipv4-address` is disabled"),
        "{}",
        stdout(&output)
    );
    folder.write("in.txt", "from 203.0.113.9 to 198.51.100.77\n");
    assert_eq!(code(&folder.penstock(&["inspect", "-c", "p.yaml", "in.txt"])), 0);
}

#[test]
fn what_several_files_change_of_a_built_in_rule_holds_together() {
    let folder = folder("{ one: up }", "{}");
    let id = "generic-api-key";
    let rule = |keys: &str| format!("{EXTENDS}[[rules]]\nid = '{id}'\n{keys}");
    folder.write("first.toml", &rule("action = 'block'\nentropy = 4.0\n"));
    folder.write("second.toml", &rule("description = 'Second'\nentropy = 4.5\n"));
    folder.write("allow.toml", &format!("{EXTENDS}[[allowlists]]\nstopwords = ['acmefoo']\n{OWN}"));
    let (_, notes, told) = of_files(&folder, "first.toml, second.toml, allow.toml", id);
    for says in ["action       block\n", "Second", "4 bits", "acmefoo"] {
        assert!(told.contains(says), "{says} in {told}");
    }
    let note = format!("this is left out, as a file before it says otherwise: `entropy of {id}`\n");
    assert!(notes.contains(&format!("second.toml: {note}")), "{notes}");
    let (_, notes, told) = of_files(&folder, "second.toml, first.toml", id);
    for says in ["action       block\n", "Second", "4.5 bits"] {
        assert!(told.contains(says), "{says} in {told}");
    }
    assert!(notes.contains(&format!("first.toml: {note}")), "{notes}");
    // Of one and the same file twice there is nothing to note; and all files' own stand before what is built in.
    let (ids, notes, _) = of_files(&folder, "first.toml, first.toml, allow.toml", id);
    assert_eq!((ids[0].as_str(), notes.as_str()), ("acme-key", ""));
    // What files let go they let go of their own and of what they extend, and of no other's.
    folder.write("other.toml", "[[rules]]\nid = 'other'\nregex = 'OTHER-[0-9]{8}'\n");
    let (_, _, told) = of_files(&folder, "allow.toml, other.toml", "other");
    assert!(!told.contains("acmefoo"), "{told}");
}

#[test]
fn a_built_in_rule_gives_way_to_a_file_s_own_beside_others_that_extend_it() {
    let folder = folder("{ one: up }", "{}");
    folder.write("over.toml", "[[rules]]\nid = 'email-address'\nregex = 'OVER-[0-9]{8}'\n");
    folder.write("def.toml", EXTENDS);
    folder.write(
        "change.toml",
        &format!("{EXTENDS}[[rules]]\nid = 'email-address'\naction = 'block'\n"),
    );
    for files in ["over.toml, def.toml", "def.toml, over.toml"] {
        let (ids, notes, told) = of_files(&folder, files, "email-address");
        assert_eq!(ids.iter().filter(|id| *id == "email-address").count(), 1);
        assert!(told.contains("OVER-"), "{told}");
        assert!(notes.ends_with("that have the same id: `email-address`\n"), "{notes}");
    }
    let (_, notes, told) = of_files(&folder, "change.toml, over.toml", "email-address");
    assert!(told.contains("OVER-") && !told.contains("block"), "{told}");
    assert!(notes.contains("change.toml: what it says of these rules is left out"), "{notes}");
}

#[test]
fn inspect_tells_what_serve_would_do_where_rules_overlap() {
    let inspection = "{ built_in: false, rules: [own.toml], actions: [\
                      { rule: acme-line, direction: request, action: block }, \
                      { rule: acme-line, action: report }, { class: card, action: redact }] }";
    let folder = folder("{ one: up }", inspection);
    let line = "[[rules]]\nid = 'acme-line'\nregex = 'number 9999[0-9]{12} of'\n";
    folder.write("own.toml", &format!("{OWN}\n{line}"));
    folder.write("in.txt", "number 9999000011112222 of Ada\n");
    let output = folder.penstock(&["inspect", "-c", "p.yaml", "in.txt"]);
    let masked = "<26 characters> Ada";
    assert_eq!(
        stdout(&output),
        format!(
            "in.txt:1:1: acme-line (secret, request: block): {masked}\n\
             in.txt:1:8: acme-number (card, response: redact): {masked}\n"
        )
    );
    let output = folder.penstock(&["inspect", "-c", "p.yaml", "--json", "in.txt"]);
    let first: serde_json::Value =
        serde_json::from_str(stdout(&output).lines().next().expect("a line")).expect("JSON");
    assert_eq!(first["action"], json!({ "request": "block", "response": null }));
}

#[test]
fn inspect_tells_that_what_cannot_be_sealed_is_redacted_or_blocked() {
    let inspection =
        "{ built_in: false, rules: [own.toml], actions: [{ class: card, action: tokenise }] }";
    let folder = folder("{ one: up }", inspection);
    let answer = |text: &str| {
        let result = r#"{"jsonrpc":"2.0","id":1,"result":{"structuredContent":{"n":9999000011112222},"content":["TEXT"]}}"#;
        result.replace("TEXT", text)
    };
    for (text, action) in
        [("9999000011112222", "tokenise"), ("OTk5OTAwMDAxMTExMjIyMiBpcyBpdA==", "redact")]
    {
        folder.write("in.json", &answer(text));
        let output = folder.penstock(&["inspect", "-c", "p.yaml", "in.json"]);
        let told = stdout(&output);
        let lines: Vec<&str> = told.lines().collect();
        assert!(lines[0].contains("acme-number (card, block)"), "{told}");
        assert!(lines[1].contains(&format!("acme-number (card, {action})")), "{told}");
    }
}

#[test]
fn the_configuration_s_word_on_built_in_rules_is_the_last() {
    let folder = folder("{ one: up }", "{ built_in: false, rules: [own.toml] }");
    let change = "[[rules]]\nid = 'jwt'\naction = 'block'\n";
    folder.write("own.toml", &format!("[extend]\nuseDefault = true\n{change}{OWN}"));
    let output = folder.penstock(&["check", "p.yaml"]);
    let told = stdout(&output);
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
    assert!(told.contains("own.toml: what `extend.useDefault` brings is left out"), "{told}");
    assert!(told.contains("looks into 1 of 1 server, 3 rules, "), "{told}");
    folder.write("own.toml", "[[rules]]\nid = 'one'\nregex = 'x{9}'\n");
    let told = stdout(&folder.penstock(&["check", "p.yaml"]));
    assert!(told.contains("looks into 1 of 1 server, 1 rule, "), "{told}");
    folder.write("own.toml", OWN);
    let doctor = stdout(&folder.penstock(&["doctor", "-c", "p.yaml"]));
    assert!(doctor.contains(", 3 rules of the configuration"), "{doctor}");
    folder.write("p.yaml", &format!("{HEAD}servers: {{ one: up }}\n"));
    let doctor = stdout(&folder.penstock(&["doctor", "-c", "p.yaml"]));
    assert!(doctor.contains(" rules built in"), "{doctor}");
}

#[test]
fn doctor_says_that_a_configuration_asks_for_the_portable_engine() {
    let folder = folder("{ one: up }", "{ built_in: false, rules: [own.toml], engine: portable }");
    let document = json(&folder.penstock(&["doctor", "--json", "-c", "p.yaml"]));
    let checks = document["checks"].as_array().expect("checks");
    let engine = checks.iter().find(|check| check["name"] == "inspect engine").expect("the engine");
    let detail = "portable, 3 rules of the configuration, which asks for it";
    assert_eq!((&engine["status"], &engine["detail"]), (&json!("degraded"), &json!(detail)));
}
