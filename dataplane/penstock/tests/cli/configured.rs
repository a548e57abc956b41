//! `penstock inspect`, `rules` and `check` on what a configuration says of rules.

use serde_json::json;

use crate::{Folder, code, json, stderr, stdout};

const HEAD: &str = "listeners: [{ address: 127.0.0.1:18808 }]
upstreams: { up: { url: \"http://127.0.0.1:3000/mcp\" } }
";

const OWN: &str = "[[rules]]
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

fn folder(servers: &str, inspection: &str) -> Folder {
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
fn check_names_every_rule_that_is_not_there_with_its_place() {
    let own = "{ upstream: up, inspection: { actions: [{ rule: acme-kee, action: block }] } }";
    let inspection = "{ built_in: false, rules: [own.toml], disable: [nothing, \"acme-x*\"], \
                      actions: [{ rule: \"what\", action: block }] }";
    let folder = folder(&format!("{{ one: {own}, two: up }}"), inspection);
    let output = folder.penstock(&["check", "p.yaml"]);
    assert_eq!(code(&output), 78);
    let told = stderr(&output);
    assert_eq!(told.matches("did you mean").count(), 1, "a pattern is no id: {told}");
    for (written, says) in [
        ("nothing", "there is no rule `nothing`"),
        ("\"acme-x*\"", "no rule's id matches `acme-x*`"),
        ("\"what\"", "there is no rule `what`"),
        ("acme-kee", "there is no rule `acme-kee`; did you mean `acme-key`?"),
    ] {
        let (_, behind) = told.split_once(says).expect(says);
        let place = place(&folder, written);
        let next = behind.lines().nth(1).expect("a place");
        assert!(next.contains(place.trim_end_matches(": ")), "{place} in {next}");
    }
}

#[test]
fn a_domain_is_kept_of_no_rule_that_finds_none() {
    let own = "{ upstream: up, inspection: { actions: [\
               { rule: acme-number, action: redact, keep: domain }] } }";
    let inspection = "{ built_in: false, rules: [own.toml], actions: [\
                      { rule: \"acme-k*\", action: redact, keep: domain }, \
                      { rule: \"acme-*\", direction: request, action: redact, keep: domain }, \
                      { rule: acme-mail, action: redact, keep: domain }, { rule: nothing, action: block }] }";
    let folder = folder(&format!("{{ one: {own} }}"), inspection);
    let output = folder.penstock(&["check", "p.yaml"]);
    assert_eq!(code(&output), 78);
    let told = stderr(&output);
    assert!(told.contains("there is no rule `nothing`"), "at once: {told}");
    assert_eq!(told.matches("`keep` cannot be `domain`").count(), 2, "{told}");
    for (written, class) in [("\"acme-k*\"", "secret"), ("acme-number", "card")] {
        let id = written.trim_matches('"');
        let says = format!(
            "`keep` cannot be `domain` for `{id}`: it finds no `email`, and a `{class}` has none"
        );
        let (_, behind) = told.split_once(&says).expect(&says);
        let place = place(&folder, written);
        assert!(behind.lines().nth(1).is_some_and(|at| at.contains(place.trim_end_matches(": "))));
    }
}

/// Where something stands in the configuration.
fn place(folder: &Folder, written: &str) -> String {
    let text = folder.read("p.yaml");
    let (line, column) = text
        .lines()
        .enumerate()
        .find_map(|(line, text)| Some((line + 1, text.find(written)? + 1)))
        .expect("it is there");
    format!("p.yaml:{line}:{column}: ")
}

#[test]
fn check_warns_of_entries_that_say_nothing() {
    let own = "{ upstream: up, inspection: { actions: [{ class: card, action: block }, \
               { rule: acme-number, direction: request, action: report }] } }";
    let inspection = "{ built_in: false, rules: [own.toml], disable: [acme-mail], actions: [\
                      { class: secret, direction: request, action: redact }, \
                      { class: secret, direction: response, action: block }, \
                      { rule: \"acme-k*\", action: report }, \
                      { rule: acme-mail, action: block }, \
                      { class: name, action: redact }, \
                      { class: card, action: redact }, \
                      { rule: acme-number, action: block }] }";
    let folder = folder(&format!("{{ one: {own} }}"), inspection);
    let output = folder.penstock(&["check", "p.yaml"]);
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
    let told = stdout(&output);
    let warnings: Vec<&str> = told.lines().filter(|line| line.starts_with("warning: ")).collect();
    let never = "is never reached: entries before it fit all that it does";
    assert_eq!(
        warnings,
        [
            format!("warning: `inspection.actions[2]` {never}"),
            "warning: `inspection.actions[3]` says nothing: `acme-mail` is disabled".to_owned(),
            "warning: `inspection.actions[4]` says nothing: no rule is of class `name`".to_owned(),
            format!("warning: `inspection.actions[6]` {never}"),
            format!("warning: `servers.one.inspection.actions[1]` {never}"),
        ]
    );
    let document = json(&folder.penstock(&["check", "--json", "p.yaml"]));
    assert_eq!(document["problems"].as_array().map(Vec::len), Some(5));
    assert_eq!(document["ok"], true);
}

#[test]
fn check_warns_of_rules_that_seal_what_no_server_opens() {
    let warnings = |servers: &str, actions: &str| {
        let folder = folder(servers, &format!("{{ built_in: false, rules: [own.toml]{actions} }}"));
        folder.write("own.toml", &OWN.replace("class = ", "action = 'tokenise'\nclass = "));
        let output = folder.penstock(&["check", "p.yaml"]);
        assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
        stdout(&output)
    };
    let told = warnings("{ one: up }", "");
    let says = "warning: rule `acme-number` (and 1 more): `tokenise`, and no server names tools in `open_for`";
    assert!(told.contains(says) && told.contains("own.toml:8:1\n"), "{told}");
    for (servers, actions) in [
        (
            "{ one: { upstream: up, inspection: { open_for: [pay] } } }",
            ", key: 0123456789abcdef0123456789abcdef",
        ),
        (
            "{ one: { upstream: up, inspection: off }, two: { upstream: up, inspection: { actions: [{ action: block }] } } }",
            "",
        ),
        (
            "{ one: up }",
            ", actions: [{ class: card, action: redact }, { class: email, action: block }]",
        ),
    ] {
        let told = warnings(servers, actions);
        assert!(!told.contains("warning: "), "{told}");
    }
}

#[test]
fn check_warns_where_nothing_is_left_to_look_for() {
    let all = "{ built_in: false, rules: [own.toml], disable: [\"*\"], actions: [{ class: card, action: block }] }";
    let folder = folder("{ one: up }", all);
    let output = folder.penstock(&["check", "p.yaml"]);
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
    let told = stdout(&output);
    assert_eq!(told.matches("warning: ").count(), 1, "{told}");
    assert!(told.starts_with("warning: `inspection` finds nothing"), "{told}");
    assert!(told.contains(place(&folder, "\"*\"").trim_end_matches(": ")), "{told}");
}

#[test]
fn what_is_said_of_inspection_as_a_whole_stands_at_its_key() {
    let folder = folder("{ one: up }", "{ built_in: false, rules: [own.toml] }");
    folder.write("own.toml", "[[rules]]\nid = 'of-path'\npath = 'x'\n");
    let told = stdout(&folder.penstock(&["check", "p.yaml"]));
    assert!(told.starts_with("warning: `inspection` finds nothing"), "{told}");
    let key = place(&folder, "inspection:");
    assert!(told.contains(&format!("--> {}\n", key.trim_end_matches(": "))), "{told}");
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
fn check_warns_of_rules_that_do_not_do_what_their_examples_say() {
    let folder = folder("{ one: up }", "{ built_in: false, rules: [own.toml] }");
    let wrong = "[[rules]]\nid = 'acme-badge'\nregex = 'badge-[0-9]{6}'\n\
                 examples = ['badge-123']\ncounterexamples = ['badge-123456']\n";
    folder.write("own.toml", &format!("{OWN}\n{wrong}"));
    let output = folder.penstock(&["check", "p.yaml"]);
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
    let told = stdout(&output);
    for what in ["example 1 is not found: ", "counterexample 1 is found\n"] {
        let warning = format!("warning: rule `acme-badge`: {what}");
        assert!(told.contains(&warning), "{told}");
    }
    assert!(told.contains("own.toml:20:1"), "{told}");
    assert!(!told.contains("badge-123"), "{told}");
    let document = json(&folder.penstock(&["check", "--json", "p.yaml"]));
    assert_eq!(document["problems"][0]["line"], 20);
}

#[test]
fn check_says_what_is_wrong_with_a_rule_where_it_stands_and_what_to_write() {
    let folder = folder("{ one: up }", "{ built_in: false, rules: [own.toml] }");
    for (rule, says) in [
        ("id = 'a'\nregex = 'x*'", "rule `a`: its regex matches where nothing stands"),
        ("id = 'a'\nregex = \"\\bacme\"", "rule `a`: its regex has a backspace"),
        ("id = 'a'\nregex = 'x'\nentropy = 9", "rule `a`: its entropy is 9; write bits a byte"),
        ("id = 'a'\nregex = 'x'\nentropy = -1", "rule `a`: its entropy is -1"),
        ("id = 'a*'\nregex = 'x'", "rule `a*`: its id has '*' in it"),
        ("id = 'a]'\nregex = 'x'", "rule `a]`: its id has ']' in it"),
    ] {
        folder.write("own.toml", &format!("# of Acme\n[[rules]]\n{rule}\n"));
        let output = folder.penstock(&["check", "p.yaml"]);
        assert_eq!(code(&output), 78, "{rule}");
        let told = stderr(&output);
        assert!(told.starts_with(&format!("error: {says}")), "{told}");
        assert!(told.contains("own.toml:3:1\n"), "{told}");
    }
}

#[test]
fn check_says_of_what_it_reads_that_it_is_empty() {
    let folder = folder("{ one: up }", "{ rules: [own.toml], names: names.txt }");
    for (name, text, says) in [
        ("own.toml", "", "it has no rules; write `[[rules]]`, or do not name it"),
        ("own.toml", "# later\n", "it has no rules"),
        ("own.toml", "[[allowlists]]\nstopwords = ['acme']\n", "it has no rules"),
        ("names.txt", "# later\n\n", "it has no names; write one a line, or do not name it"),
    ] {
        let before = folder.read(name);
        folder.write(name, text);
        let output = folder.penstock(&["check", "p.yaml"]);
        assert_eq!((code(&output), stdout(&output).as_str()), (78, ""), "{text}");
        let told = stderr(&output);
        assert!(told.starts_with(&format!("error: {says}")), "{told}");
        assert!(told.contains(&format!("{name}:1:1\n")), "{told}");
        folder.write(name, &before);
    }
}

#[test]
fn check_says_of_a_file_that_is_no_utf_8_where_it_ceases_to_be() {
    let folder = folder("{ one: up }", "{ rules: [own.toml], names: names.txt }");
    for name in ["own.toml", "names.txt"] {
        let before = folder.read(name);
        std::fs::write(folder.0.join(name), b"# a\n# na\xefve\n").expect("a file");
        let document = json(&folder.penstock(&["check", "--json", "p.yaml"]));
        let problem = &document["problems"][0];
        let message = problem["message"].as_str().expect("a message");
        assert!(message.ends_with(&format!("{name}: byte 9, on line 2, is no UTF-8")), "{message}");
        assert_eq!((&problem["line"], &problem["help"]), (&json!(2), &json!("save it as UTF-8")));
        folder.write(name, &before);
    }
}

#[test]
fn check_says_of_ids_with_blanks_how_they_are_named() {
    let folder = folder("{ one: up }", "{ rules: [own.toml] }");
    folder.write("own.toml", "[[rules]]\nid = 'key of acme'\nregex = 'x{9}'\n");
    let told = stdout(&folder.penstock(&["check", "p.yaml"]));
    assert!(told.contains("blanks are in their ids, so that this rule is to be named between quotes: `key of acme`"), "{told}");
}

#[test]
fn check_notes_what_a_file_says_of_rules_that_only_gitleaks_has() {
    let folder = folder("{ one: up }", "{ rules: [own.toml] }");
    let gone = "[extend]\nuseDefault = true\ndisabledRules = ['github-pat']\n";
    folder.write("own.toml", gone);
    let note =
        "what it says of these rules is left out, as none built in has such an id: `github-pat`";
    let output = folder.penstock(&["check", "p.yaml"]);
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
    assert!(stdout(&output).contains(&format!("own.toml: {note}")), "{}", stdout(&output));
    let document = json(&folder.penstock(&["check", "--json", "p.yaml"]));
    assert!(document["notes"][0].as_str().is_some_and(|told| told.contains(note)), "{document}");
    // By that the configuration cannot name it either.
    let named = "{ rules: [own.toml], disable: [github-pat] }";
    folder.write("p.yaml", &format!("{HEAD}servers: {{ one: up }}\ninspection: {named}\n"));
    let output = folder.penstock(&["check", "p.yaml"]);
    assert_eq!(code(&output), 78);
    assert!(stderr(&output).contains("there is no rule `github-pat`"), "{}", stderr(&output));
}

#[test]
fn check_tells_of_rules_and_of_names_at_once() {
    let folder =
        folder("{ one: up }", "{ rules: [own.toml, other.toml, wrong.toml], names: names.txt }");
    folder.write("other.toml", &OWN.replace("ACME-[", "OTHER-[").replace("9999[", "8888["));
    folder.write("wrong.toml", "[[rules]]\nid = 'a'\nregex = '('\n");
    folder.write("names.txt", "Ann Lee\nX\n");
    let output = folder.penstock(&["check", "p.yaml"]);
    let told = stderr(&output);
    for says in [
        "error: rule `acme-key` (and 1 more) is in a file before it with another regex; ",
        "other.toml:2:1\n",
        "error: rule `a`: its regex cannot be used: ",
        "error: `X` would be found everywhere; ",
        "names.txt:2:1\n",
        "cannot be served: 3 errors\n",
    ] {
        assert!(told.contains(says), "{says} in {told}");
    }
}

#[test]
fn check_notes_an_allowlist_that_allows_nothing() {
    let folder = folder("{ one: up }", "{ rules: [own.toml] }");
    let rule = "[[rules]]\nid = 'a'\nregex = 'x{9}'\n";
    let check = |allowlists: &str| {
        folder.write("own.toml", &format!("{rule}{allowlists}"));
        let output = folder.penstock(&["check", "p.yaml"]);
        assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
        stdout(&output)
    };
    let note = "own.toml: an allowlist without `regexes` and `stopwords` lets nothing go: ";
    let idle = check("[rules.allowlist]\ndescription = 'x'\n[[allowlists]]\ncondition = 'AND'\n");
    assert!(idle.contains(&format!("{note}`[[allowlists]]`, `a`\n")), "{idle}");
    let unmet = check(
        "[rules.allowlist]\ncondition = 'AND'\npaths = ['x']\nregexes = ['x']\n\
         [[allowlists]]\ncondition = 'AND'\ncommits = ['x']\nstopwords = ['x']\n",
    );
    let asks = "own.toml: an allowlist whose `condition` asks for `paths` or `commits` too lets nothing go, as a message \
                has none: `[[allowlists]]`, `a`\n";
    assert!(unmet.contains(asks) && !unmet.contains(note), "{unmet}");
    let some = check("[rules.allowlist]\npaths = ['x']\n[[allowlists]]\nstopwords = ['x']\n");
    assert!(!some.contains(note), "{some}");
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

#[test]
fn check_tells_all_that_is_wrong_with_the_files_of_rules_as_json_too() {
    let folder = folder("{ one: up }", "{ rules: [own.toml, other.toml], disable: [nothing] }");
    folder
        .write("own.toml", "[[rules]]\nid = 'a'\nregexp = 'x'\n[[rules]]\nid = 'b'\nregex = '('\n");
    folder.write("other.toml", "[extend]\ndisabledRules = ['c']\n");
    let expected = [
        ("own.toml", 3, "rule `a`: unknown key `regexp`"),
        ("own.toml", 5, "rule `b`: its regex cannot be used: "),
        ("other.toml", 2, "`extend.disabledRules`: there is no rule `c` to disable"),
    ];
    let output = folder.penstock(&["check", "p.yaml"]);
    assert_eq!((code(&output), stdout(&output).as_str()), (78, ""));
    let told = stderr(&output);
    assert!(told.ends_with("error: p.yaml cannot be served: 3 errors\n"), "{told}");
    let output = folder.penstock(&["check", "--json", "p.yaml"]);
    assert_eq!((code(&output), stderr(&output).as_str()), (78, ""));
    let document = json(&output);
    assert_eq!((&document["ok"], &document["counts"]), (&json!(false), &json!(null)));
    let problems = document["problems"].as_array().expect("problems");
    assert_eq!(problems.len(), expected.len(), "{document}");
    for ((file, line, what), problem) in expected.into_iter().zip(problems) {
        assert!(told.contains(&format!("error: {what}")), "{what} in {told}");
        assert!(problem["file"].as_str().is_some_and(|path| path.ends_with(file)), "{problem}");
        assert!(
            problem["message"].as_str().is_some_and(|said| said.starts_with(what)),
            "{problem}"
        );
        assert_eq!((&problem["line"], &problem["severity"]), (&json!(line), &json!("error")));
    }
    assert_eq!(problems[0]["help"], "did you mean `regex`?");
    let doctor = stdout(&folder.penstock(&["doctor", "-c", "p.yaml"]));
    assert!(doctor.contains(" p.yaml cannot be served: 3 errors\n"), "{doctor}");
    // An id that is not there is one of them too, once the files can be read.
    folder.write("own.toml", OWN);
    folder.write("other.toml", OWN);
    let document = json(&folder.penstock(&["check", "--json", "p.yaml"]));
    assert_eq!(document["problems"][0]["message"], "there is no rule `nothing`");
}
