//! `penstock inspect`: what it finds, where, and that it shows it to nobody.

use std::fs::File;
use std::process::Output;

use serde_json::{Value, json};

use crate::{Folder, code, stderr, stdout};

const TOKEN: &str = "ghp_r3Wb1cXyZAq9LkTfV2mNsH7dJpE0uG41Kc2Y";
const PASSWORD: &str = "Tr0ub4dor&3zz";
const EMAIL: &str = "maria.gonzalez@brightwater.io";

/// No part of a secret that says anything is in what was printed.
fn shows_nothing(output: &Output) {
    for text in [stdout(output), stderr(output)] {
        for secret in [TOKEN, PASSWORD, EMAIL] {
            for part in secret.as_bytes().windows(6) {
                let part = std::str::from_utf8(part).expect("ASCII");
                assert!(!text.contains(part), "{part} of {secret} in: {text}");
            }
        }
    }
}

/// The findings of `--json`.
fn told(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON a line")).collect()
}

#[test]
fn a_finding_is_told_by_its_place_and_shown_as_its_length() {
    let folder = Folder::new();
    let text =
        format!("# é\nname=é GITHUB_TOKEN={TOKEN}\npassword = \"{PASSWORD}\" # {PASSWORD}\n");
    folder.write("a.env", &text);
    let output = folder.penstock(&["inspect", "a.env"]);
    assert_eq!((code(&output), stderr(&output).as_str()), (1, ""));
    shows_nothing(&output);
    let lines = stdout(&output);
    let mut lines = lines.lines();
    assert_eq!(
        lines.next(),
        Some(
            "a.env:2:21: github-personal-access-token (secret): name=é GITHUB_TOKEN=<40 characters>"
        )
    );
    let second = lines.next().expect("the password");
    assert!(second.starts_with("a.env:3:13: "), "{second}");
    // Where it stands again, and is no password by any rule, it is masked all the same.
    assert!(second.ends_with("password = \"<13 characters>\" # <13 characters>"), "{second}");
    assert_eq!(lines.next(), None);
}

#[test]
fn a_value_that_repeats_itself_comes_to_an_end() {
    let folder = Folder::new();
    folder.write("hidden.txt", &format!("a{}b\n", "\u{200b}".repeat(200_000)));
    let output = folder.penstock(&["inspect", "hidden.txt"]);
    assert_eq!(
        stdout(&output),
        "hidden.txt:1:2: injection-zero-width-run (injection): a<200000 characters>b\n"
    );
}

#[test]
fn lines_of_json_are_no_document() {
    let folder = Folder::new();
    folder.write("calls.jsonl", &format!("{{\"a\":1}}\n{{\"b\":\"{TOKEN}\"}}\n"));
    let output = folder.penstock(&["inspect", "--form", "json", "calls.jsonl"]);
    assert_eq!((code(&output), stdout(&output).as_str()), (65, ""));
    assert!(stderr(&output).contains("help: `--form jsonl`"), "{}", stderr(&output));
}

#[test]
fn what_is_said_to_be_json_and_is_not_is_an_error() {
    let folder = Folder::new();
    let broken = format!("{{\"b\":\n\"{TOKEN}\"");
    let plain = format!("plain {TOKEN} text");
    let place = format!("2:{}", TOKEN.len() + 2);
    for (text, place) in [(plain, "1:1"), (broken, &place)] {
        for more in [&[][..], &["--redact"]] {
            let output =
                folder.given(&[&["inspect", "--form", "json"], more].concat(), text.as_bytes());
            assert_eq!((code(&output), stdout(&output).as_str()), (65, ""), "{text}");
            let told = stderr(&output);
            assert!(told.starts_with(&format!("error: - is not JSON: {place} ")), "{told}");
            assert!(told.contains("help: `--form text`"), "{told}");
        }
    }
    // A word by itself is JSON, and so is what has control characters within its strings.
    let whole = [format!("\"{TOKEN}\""), format!("[\"a\tb\", \"{TOKEN}\"]")];
    for text in whole {
        assert_eq!(code(&folder.given(&["inspect", "--form", "json"], text.as_bytes())), 1);
    }
    for text in ["42\n", "\n"] {
        assert_eq!(code(&folder.given(&["inspect", "--form", "json"], text.as_bytes())), 0);
    }
}

#[test]
fn nothing_found_is_silence_and_zero() {
    let folder = Folder::new();
    folder.write("clean.txt", "nothing to see, 4f3c2a1b\n");
    for more in [&[][..], &["--json"], &["--class", "email"]] {
        let output = folder.penstock(&[&["inspect", "clean.txt"], more].concat());
        assert_eq!(
            (code(&output), stdout(&output).as_str(), stderr(&output).as_str()),
            (0, "", "")
        );
    }
    let output = folder.penstock(&["inspect", "--redact", "clean.txt"]);
    assert_eq!(stdout(&output), "nothing to see, 4f3c2a1b\n");
    assert_eq!(code(&folder.given(&["inspect"], b"")), 0);
}

#[test]
fn what_is_no_text_is_not_found_clean() {
    let folder = Folder::new();
    let wide: Vec<u8> = format!("key {TOKEN}").bytes().flat_map(|byte| [byte, 0]).collect();
    let output = folder.given(&["inspect"], &wide);
    assert_eq!(code(&output), 65);
    assert!(
        stderr(&output).contains("-: it has a zero at byte 1: it is UTF-16"),
        "{}",
        stderr(&output)
    );
    assert_eq!(code(&folder.given(&["inspect", "--form", "text"], &wide)), 0);
}

#[test]
fn a_finding_as_json_has_its_bytes_in_the_file_and_not_itself() {
    let folder = Folder::new();
    let file = format!("é\n{{\"a\": \"{TOKEN}\"}}\n");
    folder.write("a.txt", &file);
    let output = folder.penstock(&["inspect", "--json", "a.txt"]);
    assert_eq!(code(&output), 1);
    shows_nothing(&output);
    let all = told(&stdout(&output));
    assert_eq!(all.len(), 1, "{all:?}");
    let start = file.find(TOKEN).expect("it is there");
    let expected = json!({
        "file": "a.txt", "line": 2, "column": 8, "start": start, "end": start + TOKEN.len(),
        "rule": "github-personal-access-token", "class": "secret", "length": TOKEN.len(),
        "description": all[0]["description"], "in_context": false,
        "excerpt": "{\"a\": \"<40 characters>\"}",
    });
    assert_eq!(all[0], expected);
}

#[test]
fn json_lines_are_found_out_and_told_by_their_lines() {
    let folder = Folder::new();
    let escaped: String = TOKEN.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
    let (left, right) = TOKEN.split_at(20);
    let lines = format!(
        "{{\"a\":1}}\r\n\n{{\"token\":\"{escaped}\"}}\n[\"{left}\",\"{right}\"]\nsaid {TOKEN}"
    );
    for (args, name) in [(&["inspect", "--json", "-"][..], "-"), (&["inspect", "--json"], "-")] {
        let output = folder.given(args, lines.as_bytes());
        assert_eq!((code(&output), stderr(&output).as_str()), (1, ""));
        shows_nothing(&output);
        let all = told(&stdout(&output));
        let places: Vec<_> = all.iter().map(|one| (&one["file"], &one["line"])).collect();
        assert_eq!(places, [(&json!(name), &json!(3)), (&json!(name), &json!(5))]);
        assert_eq!(all[0]["length"], 40, "as its reader sees it");
        let (start, end) = (all[1]["start"].as_u64(), all[1]["end"].as_u64());
        let at = lines.rfind(TOKEN).expect("it is there") as u64;
        assert_eq!((start, end), (Some(at), Some(at + 40)));
    }
    // As text the same is one message, in which lines are no values.
    let output = folder.given(&["inspect", "--form", "text"], lines.as_bytes());
    assert_eq!(code(&output), 1);
    shows_nothing(&output);
    folder.write("one.ndjson", &format!("{{\"a\":\"{TOKEN}\"}}"));
    assert_eq!(code(&folder.penstock(&["inspect", "one.ndjson"])), 1);
}

#[test]
fn redacted_json_is_valid_and_the_rest_is_as_it_was() {
    let folder = Folder::new();
    let nested = json!({ "password": PASSWORD, "card": 4_111_111_111_111_111_u64 }).to_string();
    let file = format!(
        "{{ \"n\" : 1.50,\n  \"card\":4111111111111111, \"text\": {},\n  \"{TOKEN}\": null }}\n",
        json!(nested)
    );
    folder.write("a.json", &file);
    let output = folder.penstock(&["inspect", "--redact", "a.json"]);
    assert_eq!(code(&output), 1);
    shows_nothing(&output);
    let text = stdout(&output);
    let document: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(document["card"], "[REDACTED:payment-card]");
    assert!(document["[REDACTED:github-personal-access-token]"].is_null(), "{text}");
    let inner: Value = serde_json::from_str(document["text"].as_str().unwrap()).expect("JSON");
    assert!(inner["password"].as_str().is_some_and(|text| text.starts_with("[REDACTED:")));
    assert!(text.starts_with("{ \"n\" : 1.50,\n  \"card\":\"") && text.ends_with(": null }\n"));
    let list = stderr(&output);
    assert!(list.contains("a.json:2:10: payment-card (card): "), "{list}");
    let output = folder.given(&["inspect", "--redact"], text.as_bytes());
    assert_eq!((code(&output), stdout(&output)), (0, text), "a second time there is nothing");
}

/// A whole key is found by the rule of its kind, and by that of keys without an end; and with a backslash before it
/// once more, as Markdown reads it.
#[test]
fn what_is_redacted_says_what_is_told() {
    let folder = Folder::new();
    let line = "MIIEpAIBAAKCAQEA1vZk3yH8sFq0mXcB7tRgWn2LdJpOeUiKa5VhQxTzCwYfMbG9\n";
    let kind = "RSA PRIVATE KEY";
    let key = format!("-----BEGIN {kind}-----\n{}-----END {kind}-----", line.repeat(4));
    for before in ["key: ", "key: \\", "\\n"] {
        let output =
            folder.given(&["inspect", "--redact"], format!("{before}{key}\nend\n").as_bytes());
        assert_eq!(stdout(&output), format!("{before}[REDACTED:private-key-rsa]\nend\n"));
        assert!(stderr(&output).contains(": private-key-rsa (secret): "), "{}", stderr(&output));
    }
}

#[test]
fn redacted_lines_keep_their_ends_and_the_list_may_be_json() {
    let folder = Folder::new();
    let lines = format!("{{\"a\":\"{TOKEN}\"}}\r\n\n{{\"b\":2}}\nend {EMAIL}");
    let output =
        folder.given(&["inspect", "--redact", "--json", "--form", "jsonl"], lines.as_bytes());
    assert_eq!(code(&output), 1);
    shows_nothing(&output);
    let expected = lines
        .replace(TOKEN, "[REDACTED:github-personal-access-token]")
        .replace(EMAIL, "[REDACTED:email-address]");
    assert_eq!(stdout(&output), expected);
    assert_eq!(told(&stderr(&output)).len(), 2);
}

#[test]
fn classes_and_rules_narrow_what_is_told_and_never_what_is_masked() {
    let folder = Folder::new();
    folder.write("a.txt", &format!("{EMAIL} {TOKEN} password={PASSWORD}\n"));
    let rules = |args: &[&str]| {
        let output = folder.penstock(&[&["inspect", "--json", "a.txt"], args].concat());
        shows_nothing(&output);
        let all = told(&stdout(&output));
        all.iter().map(|one| one["rule"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(rules(&[]).len(), 3);
    assert_eq!(rules(&["--class", "email"]), ["email-address"]);
    assert_eq!(rules(&["--class", "secret,email"]).len(), 3);
    let token = "github-personal-access-token";
    assert_eq!(rules(&["--rule", &format!("jwt,{token}")]), [token]);
    assert_eq!(rules(&["--rule", "jwt,github-*"]), [token]);
    let output = folder.penstock(&["inspect", "--redact", "--class", "email", "a.txt"]);
    assert_eq!(
        stdout(&output),
        format!("[REDACTED:email-address] {TOKEN} password={PASSWORD}\n"),
        "the rest of the input is the input"
    );
    let output = folder.penstock(&["inspect", "a.txt", "--rule", "github-personal-acces-token"]);
    assert_eq!(code(&output), 64);
    assert!(stderr(&output).contains("did you mean one of: github-personal-access-token"));
    let output = folder.penstock(&["inspect", "a.txt", "--rule", "githb-*"]);
    assert_eq!(code(&output), 64);
    let told = stderr(&output);
    assert!(
        told.contains("no rule's id matches `githb-*`\n") && !told.contains("did you mean"),
        "{told}"
    );
    for (args, says, help) in [
        (
            &["--rule", "github-*,jwt", "--class", "email,card"][..],
            "no rule that `--rule` names is of class email, card\n",
            "leave out `--class`, or write one of: secret\n",
        ),
        (
            &["--class", "name"],
            "no rule is of class name\n",
            "leave out `--class`, or write one of: secret, email,",
        ),
    ] {
        let output = folder.penstock(&[&["inspect", "a.txt"], args].concat());
        assert_eq!((code(&output), stdout(&output).as_str()), (64, ""));
        let told = stderr(&output);
        assert!(told.contains(says) && told.contains(help), "{told}");
    }
    let output = folder.penstock(&["inspect", "a.txt", "--class", "secrets"]);
    assert_eq!(code(&output), 64);
    assert!(stderr(&output).contains("national-id"), "{}", stderr(&output));
}

#[test]
fn own_rules_are_asked_instead_and_what_the_built_in_ones_find_is_masked() {
    let folder = Folder::new();
    let own = "[[rules]]\nid = 'acme-badge'\nregex = 'badge-([0-9]{6})'\nkeywords = ['badge']\n";
    folder.write("acme.toml", own);
    folder.write("a.txt", &format!("badge-123456 {TOKEN}\n"));
    let output = folder.penstock(&["inspect", "--rules", "acme.toml", "a.txt"]);
    assert_eq!((code(&output), stderr(&output).as_str()), (1, ""));
    assert_eq!(
        stdout(&output),
        "a.txt:1:7: acme-badge (secret): badge-<6 characters> <40 characters>\n"
    );
    let output = folder.penstock(&["inspect", "--rules", "acme.toml", "--redact", "a.txt"]);
    assert_eq!(stdout(&output), format!("badge-[REDACTED:acme-badge] {TOKEN}\n"));
    assert_eq!(code(&folder.given(&["inspect", "--rules", "acme.toml"], TOKEN.as_bytes())), 0);
    folder.write("more.toml", "[extend]\npath = 'acme.toml'\nuseDefault = true\n");
    let output = folder.penstock(&["inspect", "--rules", "more.toml", "a.txt"]);
    assert_eq!(stdout(&output).lines().count(), 2, "{}", stdout(&output));
}

#[test]
fn a_file_that_another_extends_is_told_by_a_path_that_can_be_opened() {
    let folder = Folder::new();
    folder.write("a.txt", TOKEN);
    std::fs::create_dir(folder.0.join("sub")).expect("a folder");
    folder.write("sub/own.toml", "[extend]\npath = 'base.toml'\n");
    folder.write("sub/base.toml", "[[rules]]\nid = 'a'\nregex = '('\n");
    let place = "--> sub/base.toml:2:1\n";
    let told = |folder: &Folder| {
        let output = folder.penstock(&["inspect", "--rules", "sub/own.toml", "a.txt"]);
        assert_eq!((code(&output), stdout(&output).as_str()), (65, ""));
        stderr(&output)
    };
    assert!(told(&folder).contains(place), "{}", told(&folder));
    folder.write("sub/base.toml", "[extend]\npath = 'own.toml'\n");
    let back = "`extend.path`: it leads back to sub/own.toml\n";
    assert!(told(&folder).contains(back), "{}", told(&folder));
}

#[test]
fn wrong_rules_are_told_with_file_and_rule_before_anything_is_looked_into() {
    let folder = Folder::new();
    folder.write("a.txt", TOKEN);
    let cases = [
        ("[[rules]]\nid = 'a'\nregex = '('\n", "2:1", "rule `a`: its regex cannot be used"),
        ("[[rules]]\nid = 'a'\nregexp = 'x'\n", "3:1", "rule `a`: unknown key `regexp`"),
        ("[[rules]]\nid = 'a'\nregex = 'x'\nvalidator = 'lun'\n", "2:1", "no validator `lun`"),
        ("[extend]\npath = 'absent.toml'\n", "2:8", "`extend.path`: cannot read absent.toml"),
    ];
    for (rules, place, message) in cases {
        folder.write("wrong.toml", rules);
        for args in [
            &["inspect", "--rules", "wrong.toml", "a.txt"][..],
            &["rules", "test", "wrong.toml"],
            &["rules", "list", "--rules", "wrong.toml"],
        ] {
            let output = folder.penstock(args);
            assert_eq!((code(&output), stdout(&output).as_str()), (65, ""), "{rules}");
            let said = stderr(&output);
            assert!(said.contains(message), "{said}");
            assert!(said.contains(&format!("--> wrong.toml:{place}\n")), "{said}");
            shows_nothing(&output);
        }
    }
    let output = folder.penstock(&["inspect", "--rules", "absent.toml", "a.txt"]);
    assert_eq!(code(&output), 66);
    assert!(stderr(&output).contains("cannot read absent.toml"), "{}", stderr(&output));
    std::fs::write(folder.0.join("latin.toml"), b"# caf\xe9\n").expect("a file");
    let output = folder.penstock(&["inspect", "--rules", "latin.toml", "a.txt"]);
    assert_eq!(code(&output), 65);
    let told = "cannot read latin.toml: byte 6, on line 1, is no UTF-8\nhelp: save it as UTF-8\n";
    assert!(stderr(&output).contains(told), "{}", stderr(&output));
    let output = folder.penstock(&["inspect", "--rules", ".", "a.txt"]);
    assert_eq!(code(&output), 66);
    assert!(stderr(&output).contains("help: name one file of it"), "{}", stderr(&output));
}

#[test]
fn what_cannot_be_read_is_told() {
    let folder = Folder::new();
    let output = folder.penstock(&["inspect", "absent.txt"]);
    assert_eq!((code(&output), stdout(&output).as_str()), (66, ""));
    assert!(
        stderr(&output).contains("cannot read absent.txt: No such file"),
        "{}",
        stderr(&output)
    );
    assert_eq!(code(&folder.penstock(&["inspect", "."])), 66);
}

#[test]
fn an_input_over_the_limit_is_an_error_that_names_it() {
    let folder = Folder::new();
    let most = penstock_inspect::Limits::default().message_bytes as u64;
    for (name, told) in
        [("big.txt", "big.txt:1: the input"), ("big.jsonl", "big.jsonl:1: the line")]
    {
        let file = File::create(folder.0.join(name)).expect("a file");
        // Nothing is written: a file of holes.
        file.set_len(most + 1).expect("room");
        let output = folder.penstock(&["inspect", "--redact", name]);
        assert_eq!((code(&output), output.stdout.len()), (65, 0), "{}", stderr(&output));
        let expected = format!("{told} is longer than {most} bytes");
        assert!(stderr(&output).contains(&expected), "{}", stderr(&output));
    }
}

#[test]
fn what_stands_before_a_line_over_the_limit_was_told() {
    let folder = Folder::new();
    let most = penstock_inspect::Limits::default().message_bytes;
    let lines = [format!("{{\"a\":\"{TOKEN}\"}}\n").into_bytes(), vec![b' '; most + 1]].concat();
    folder.write("a.jsonl", std::str::from_utf8(&lines).expect("ASCII"));
    let output = folder.penstock(&["inspect", "a.jsonl"]);
    assert_eq!((code(&output), stdout(&output).lines().count()), (65, 1));
    assert!(stderr(&output).contains("a.jsonl:2: the line is longer"), "{}", stderr(&output));
}
