//! `penstock check` on what a configuration says of rules.

use serde_json::json;

use super::configured::{HEAD, OWN, folder};
use crate::{Folder, code, json, stderr, stdout};

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
