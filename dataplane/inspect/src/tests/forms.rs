//! Forms in which ordinary tools write what stands in a text: each is read as its reader reads it, and what is cut out
//! of it leaves the form as it was.

use serde_json::{Value, json};

use super::{TOKEN, base64, found, inspector, redacted_text};
use crate::{EngineKind, Form};

/// Of a key in PEM, made up.
const KEY: &str = "-----BEGIN RSA PRIVATE KEY-----
MIIEpAIBAAKCAQEA1vZk3yH8sFq0mXcB7tRgWn2LdJpOeUiKa5VhQxTzCwYfMbG9
uS4rEj6NlDoP0qXvZ8kHtB1yRcWfIgLmAeJnTs7VdKuOxQ3hMpCzYwFb5G2aU9iE
rS6lDjNoP4qXvZ1kHtB8yRcWfIgLm0eJnTs3VdKuOxQ7hMpCzYwFb2G5aU6iErS9
-----END RSA PRIVATE KEY-----";

/// What comes in the place of the token in base64: as long, or longer by whole groups.
const HIDDEN: &str = "[REDACTED:github-personal-access-token] ";

/// Asserts that the secret is found in each, and that nothing of it is left where it is cut out, as text and as the
/// string of an answer.
fn held(secret: &str, cases: &[(&str, String)]) {
    let inspector = inspector(EngineKind::BEST);
    let mut missed = Vec::new();
    for (name, text) in cases {
        let message = json!({"result":{"content":[{"type":"text","text":text}]}}).to_string();
        for (form, message) in [(Form::Text, text), (Form::Json, &message)] {
            let all = found(&inspector, message.as_bytes(), form);
            if !all.iter().any(|(_, found, _)| found == secret) {
                missed.push(format!("{name} as {form:?}: {all:?} in {message}"));
                continue;
            }
            let out = super::redacted(&inspector, message.as_bytes(), form);
            let out = String::from_utf8(out).expect("text");
            if form == Form::Json {
                serde_json::from_str::<Value>(&out).expect("JSON");
            }
            let left = found_in(&inspector, &out, form, secret);
            assert!(!left, "{name}: {out}");
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

fn found_in(inspector: &crate::Inspector, text: &str, form: Form, secret: &str) -> bool {
    found(inspector, text.as_bytes(), form).iter().any(|(_, found, _)| found == secret)
}

fn named(cases: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    cases.iter().map(|(name, text)| (*name, (*text).to_owned())).collect()
}

#[test]
fn a_token_has_the_colours_of_a_terminal() {
    let (left, right) = TOKEN.split_at(17);
    held(
        TOKEN,
        &[
            ("around", format!("token: \u{1b}[32m{TOKEN}\u{1b}[0m\n")),
            ("inside", format!("token: {left}\u{1b}[1;31m{right}\u{1b}[m x")),
            ("a link", format!("\u{1b}]8;;https://x\u{7}{TOKEN}\u{1b}]8;;\u{7}")),
            ("as a program writes them", format!(r"echo -e '\e[32m{TOKEN}\e[0m'")),
            ("in octal", format!(r"printf '\033[1m{TOKEN}\033[0m'")),
        ],
    );
    held(
        "Tr0ub4dor-3zz",
        &named(&[
            ("between name and value", "password\u{1b}[0m=\u{1b}[33mTr0ub4dor-3zz\u{1b}[0m"),
            (
                "of JSON that jq prints",
                "\u{1b}[34;1m\"password\"\u{1b}[0m\u{1b}[1;39m:\u{1b}[0m \u{1b}[0;32m\"Tr0ub4dor-3zz\"\u{1b}[0m",
            ),
        ]),
    );
}

#[test]
fn what_a_backslash_marks_is_read_wherever_another_stands() {
    let marked = TOKEN.replace('_', r"\_");
    let hexed = TOKEN.replace('p', r"\x70");
    let far = "word\n".repeat(60);
    held(
        TOKEN,
        &[
            ("before another", format!("{marked}\n{far}snake\\_case\n")),
            ("behind another", format!("snake\\_case\n{far}{marked}\n")),
            ("between others", format!("C:\\Users\n{far}{marked}\n{far}\\d\n")),
            ("in figures", format!("{hexed}\n{far}\\d\n")),
            ("with escapes", format!("{marked}\n{far}\\n\n{far}\\\\d\n")),
        ],
    );
}

#[test]
fn a_token_stands_in_marks_of_markdown() {
    held(
        TOKEN,
        &[
            ("underscores", format!("use _{TOKEN}_ for it")),
            ("two underscores", format!("use __{TOKEN}__.")),
            ("stars", format!("use **{TOKEN}** for it")),
            ("a star", format!("use *{TOKEN}*, please")),
            ("backticks", format!("use `{TOKEN}`")),
            ("a fence", format!("```sh\n{TOKEN}\n```")),
            ("struck", format!("~~{TOKEN}~~")),
            ("escaped", format!("use {} for it", TOKEN.replace('_', r"\_"))),
            ("a quote", format!("> {TOKEN}")),
            ("a link", format!("[{TOKEN}](https://x/)")),
        ],
    );
    held(
        "Tr0ub4dor&3zz",
        &named(&[
            ("bold", "**Password:** Tr0ub4dor&3zz"),
            ("bold value", "Password: **Tr0ub4dor&3zz**"),
            ("both", "- **password**: `Tr0ub4dor&3zz`"),
            ("escaped name", r"DB\_PASSWORD=Tr0ub4dor&3zz"),
        ]),
    );
}

#[test]
fn a_token_stands_in_escapes_of_programs_and_of_html() {
    let hex: String = TOKEN.bytes().map(|byte| format!("\\x{byte:02x}")).collect();
    let decimal: String = TOKEN.bytes().map(|byte| format!("&#{byte};")).collect();
    let sixteen: String = TOKEN.bytes().map(|byte| format!("&#x{byte:X};")).collect();
    held(
        TOKEN,
        &[
            ("hex", format!("x = '{hex}'")),
            ("entities", format!("<b>{decimal}</b>")),
            ("entities in hex", format!("<b>{sixteen}</b>")),
            ("a named one", TOKEN.replace('_', "&lowbar;")),
            ("in base64", base64(format!("<td>{decimal}</td> and more").as_bytes())),
        ],
    );
    held(
        "Tr0ub4dor-3zz",
        &named(&[
            ("quotes in hex", r"{\x22user\x22:\x22x\x22,\x22password\x22:\x22Tr0ub4dor-3zz\x22}"),
            (
                "quotes as entities",
                "{&quot;user&quot;:&quot;x&quot;,&quot;password&quot;:&quot;Tr0ub4dor-3zz&quot;}",
            ),
            ("by their numbers", "password=&#34;Tr0ub4dor-3zz&#34;"),
        ]),
    );
}

#[test]
fn a_token_stands_in_base64_as_tools_write_it() {
    let inner = format!(
        "# a file that is longer than one line of MIME\ntoken: {TOKEN}\nuser: jo\nthe end of it\n"
    );
    let run = base64(inner.as_bytes());
    let wrapped = |width: usize, end: &str| {
        let lines: Vec<&str> = run
            .as_bytes()
            .chunks(width)
            .map(|line| std::str::from_utf8(line).expect("text"))
            .collect();
        lines.join(end)
    };
    let wide = |order: fn(u16) -> [u8; 2]| -> String {
        base64(&format!("$t = '{TOKEN}'").encode_utf16().flat_map(order).collect::<Vec<u8>>())
    };
    let binary: Vec<u8> =
        (0..180_u8).map(|at| at.wrapping_mul(37).wrapping_add(131)).chain(inner.bytes()).collect();
    held(
        TOKEN,
        &[
            ("76 columns", format!("data:\n{}\n", wrapped(76, "\n"))),
            ("with returns", wrapped(76, "\r\n")),
            ("64 columns", wrapped(64, "\n")),
            ("indented", format!("  data: |\n    {}\nx: 1", wrapped(60, "\n    "))),
            ("behind a path", format!("/srv/files/{run}")),
            ("behind a URL", format!("https://x.example.org/v1/files/{run}?x=1")),
            ("a data URL", format!("data:text/plain;charset=utf-8;base64,{run}")),
            ("behind bytes", base64(&binary)),
            ("UTF-16", format!("powershell.exe -EncodedCommand {}", wide(u16::to_le_bytes))),
            ("UTF-16, big end first", wide(u16::to_be_bytes)),
        ],
    );
}

/// What is before and behind each line of base64 that is wrapped.
const MARGINS: [(&str, &str); 16] = [
    ("", ""),
    ("  ", ""),
    ("\t", ""),
    ("> ", ""),
    ("# ", ""),
    ("// ", ""),
    (" * ", ""),
    (">> ", " "),
    ("+", ""),
    ("+ ", ""),
    ("+    ", ""),
    ("", " "),
    ("", "\t"),
    ("    ", "\r"),
    ("REM ", "\r"),
    ("                                        ", ""),
];

/// A text that has the token over the end of a line, in base64 of so many columns, with what is around its lines.
fn wrapped(text: &str, width: usize, (before, behind): (&str, &str), end: &str) -> String {
    let run = base64(text.as_bytes());
    let lines = run.as_bytes().chunks(width).map(|line| String::from_utf8_lossy(line).into_owned());
    let lines: Vec<String> = lines.map(|line| format!("{before}{line}")).collect();
    format!("data:\n{}{end}", lines.join(&format!("{behind}\n")))
}

#[test]
fn base64_is_one_run_however_it_is_wrapped() {
    let inspector = inspector(EngineKind::BEST);
    let mut wrong = Vec::new();
    for width in 16..=80 {
        for shift in 0..4 {
            let lead = "#".repeat(width * 3 / 4 * 2 - 20 + shift);
            let text = format!("{lead} {TOKEN}\nand what is behind it\n");
            let (before, behind) = MARGINS[(width * 4 + shift) % MARGINS.len()];
            let ends = ["", "\n", " \n", "\t\nx", ",\nx", ".\n", "\" x", "</a> x", "\nand so on"];
            let end = ends[(width + 3 * shift) % ends.len()];
            let message = wrapped(&text, width, (before, behind), end);
            let out = redacted_text(&inspector, &message);
            let told = format!("{width} {shift} {before:?} {behind:?} {end:?}:\n{message}\n{out}");
            let Some(lines) = out.strip_prefix("data:\n").and_then(|out| out.strip_suffix(end))
            else {
                wrong.push(told);
                continue;
            };
            let between = format!("{behind}\n");
            let mut all = lines.split(&between).peekable();
            let mut run = String::new();
            let mut formed = true;
            while let Some(line) = all.next() {
                let letters = line.strip_prefix(before);
                let full = letters.is_some_and(|letters| letters.len() == width);
                formed &= full || all.peek().is_none() && letters.is_some();
                run.push_str(letters.unwrap_or_default());
            }
            let decoded =
                ::base64::Engine::decode(&::base64::engine::general_purpose::STANDARD, &run);
            let expected = text.replace(TOKEN, HIDDEN);
            if !formed || decoded.ok() != Some(expected.into_bytes()) {
                wrong.push(told);
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}: {}", wrong.len(), 65 * 4, wrong.join("\n---\n"));
}

#[test]
fn without_padding_the_last_line_is_of_the_run_too() {
    let inspector = inspector(EngineKind::BEST);
    for width in [44, 60, 64, 76] {
        for cut in 0..12 {
            // The token ends near the end of the run, or long before it.
            for tail in ["", "\nand then a line of text that goes on for a whilex"] {
                let text = format!("{}{TOKEN}{tail}", "the key: ".repeat(4) + &"#".repeat(cut));
                let run = base64(text.as_bytes());
                let lines = run.trim_end_matches('=').as_bytes().chunks(width);
                let lines: Vec<_> = lines.map(String::from_utf8_lossy).collect();
                let out = redacted_text(&inspector, &lines.join("\n"));
                let engine = ::base64::engine::general_purpose::STANDARD_NO_PAD;
                let decoded = ::base64::Engine::decode(&engine, out.replace('\n', ""));
                let expected = text.replace(TOKEN, HIDDEN);
                assert_eq!(decoded.ok(), Some(expected.into_bytes()), "{width} {cut}: {out}");
            }
        }
    }
}

#[test]
fn a_line_that_is_none_of_a_run_stays_as_it_is() {
    let inspector = inspector(EngineKind::BEST);
    let one = base64(format!("user: jo, and the token is {TOKEN}").as_bytes());
    let one = one.trim_end_matches('=');
    for (before, behind) in [
        ("", "\nThanks\nand bye"),
        ("", "\ndata of it\n"),
        ("", "\n\nmore"),
        ("an identifier:\nzzzz0000yyyy1111xxxx\n", "\n"),
    ] {
        let out = redacted_text(&inspector, &format!("{before}{one}{behind}"));
        assert!(out.starts_with(before) && out.ends_with(behind) && !out.contains(one), "{out}");
    }
    for above in ["-----BEGIN MESSAGE-----", "anidentifierofits", "anidentifierofitsown"] {
        let run = base64(format!("user: jo, and the tok is {TOKEN}, see").as_bytes());
        let (first, second) = run.split_at(64);
        let out = redacted_text(&inspector, &format!("{above}\n{first}\n{second}\n"));
        assert!(out.starts_with(above) && !out.contains(first), "{out}");
    }
    // Each is a run of its own, of as many letters, which are no whole number of groups.
    let runs: Vec<String> = (0..4)
        .map(|number| base64(format!("number {number} is {TOKEN}").as_bytes()))
        .map(|run| run.trim_end_matches('=').to_owned())
        .collect();
    assert!(runs.iter().all(|run| run.len() % 4 != 0));
    let text = runs.join("\n");
    let all = found(&inspector, text.as_bytes(), Form::Text);
    let tokens = all.iter().filter(|(_, secret, _)| secret == TOKEN).count();
    assert!(tokens >= 4, "{all:?}");
}

#[test]
fn base64_is_written_again_as_it_was() {
    let inspector = inspector(EngineKind::BEST);
    let inner =
        format!("# a file that is longer than one line of MIME\ntoken: {TOKEN}\nuser: jo\n");
    let run = base64(inner.as_bytes());
    let lines: Vec<&str> =
        run.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("text")).collect();
    let message = json!({"data": format!("x\n{}\ny", lines.join("\r\n"))}).to_string();
    let clean: Value = serde_json::from_str(&redacted_text(&inspector, &message)).expect("JSON");
    let text = clean["data"].as_str().expect("a string");
    let part =
        text.strip_prefix("x\n").and_then(|text| text.strip_suffix("\ny")).expect("the rest");
    assert!(part.split("\r\n").all(|line| line.len() <= 64 && !line.contains('\n')), "{text}");
    let run: String = part.chars().filter(|one| !one.is_whitespace() && *one != '=').collect();
    let mut decoded = Vec::new();
    crate::layer::base64::decode(run.as_bytes(), &mut decoded);
    assert_eq!(String::from_utf8(decoded).expect("text"), inner.replace(TOKEN, HIDDEN));
    let units: Vec<u8> =
        format!("$t = '{TOKEN}'").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let clean = redacted_text(&inspector, &base64(&units));
    let mut decoded = Vec::new();
    crate::layer::base64::decode(clean.trim_end_matches('=').as_bytes(), &mut decoded);
    let units: Vec<u16> =
        decoded.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
    let text = String::from_utf16(&units).expect("UTF-16");
    assert_eq!(text, format!("$t = '{HIDDEN}'"));
}

#[test]
fn a_key_has_something_before_each_of_its_lines() {
    let inspector = inspector(EngineKind::BEST);
    let lines =
        |before: &str| KEY.lines().map(|line| format!("{before}{line}\n")).collect::<String>();
    for before in [
        "",
        "+",
        "-",
        "> ",
        "    ",
        "# ",
        "// ",
        " * ",
        "| ",
        "12: ",
        "2026-11-22T10:55:13Z ",
        "2026-11-22 10:55:13,123 INFO [main] ",
        "Nov 22 10:55:13 web-1 app[99]: ",
        "\u{1b}[32m+",
        "\u{1b}[33m",
    ] {
        let text = lines(before);
        let message = json!({ "text": text }).to_string();
        for message in [text, message] {
            let out = redacted_text(&inspector, &message);
            for line in KEY.lines().skip(1).take(3) {
                assert!(!out.contains(line), "{before:?}: {out}");
            }
        }
    }
}

#[test]
fn a_password_stands_below_its_name() {
    held(
        "Tr0ub4dor-3zz",
        &named(&[
            ("Markdown", "| user | password |\n| --- | --- |\n| jo | Tr0ub4dor-3zz |\n"),
            ("CSV", "host,user,password,port\ndb1,jo,Tr0ub4dor-3zz,5432\n"),
            ("CSV with quotes", "\"id\",\"Password\"\n\"7\",\"Tr0ub4dor-3zz\"\n"),
            ("tabs", "user\tpasswd\njo\tTr0ub4dor-3zz\n"),
            (
                "psql",
                " id | user | password \n----+------+---------------\n  1 | jo   | Tr0ub4dor-3zz\n(1 row)\n",
            ),
            (
                "mysql",
                "+----+---------------+\n| id | user_password |\n+----+---------------+\n|  1 | Tr0ub4dor-3zz |\n+----+---------------+\n",
            ),
            ("INSERT", "INSERT INTO users (id, name, password) VALUES (1, 'jo', 'Tr0ub4dor-3zz');"),
        ]),
    );
    held(
        "q7Zr4LwX9bTn2KcVf8Ys3HdM",
        &named(&[
            ("a key in CSV", "name,api_key,created\nprod,q7Zr4LwX9bTn2KcVf8Ys3HdM,2024-01-01\n"),
            (
                "a token in psql",
                " id | access_token \n----+--------------------------\n  1 | q7Zr4LwX9bTn2KcVf8Ys3HdM\n",
            ),
        ]),
    );
}

#[test]
fn a_password_stands_in_a_block_or_an_object_of_its_own() {
    held(
        "Tr0ub4dor-3zz",
        &named(&[
            ("folded", "db:\n  password: >-\n    Tr0ub4dor-3zz\n  port: 1\n"),
            ("literal", "password: |\n  Tr0ub4dor-3zz\n"),
            ("literal, stripped", "DB_PASSWORD: |-\n  Tr0ub4dor-3zz"),
            ("quoted below", "password:\n  \"Tr0ub4dor-3zz\"\n"),
            ("an object", r#"{"password":{"value":"Tr0ub4dor-3zz"}}"#),
            (
                "an object, with a type",
                r#"{"db_password":{"type":"string","value":"Tr0ub4dor-3zz","x":1}}"#,
            ),
            ("an object in YAML", "password:\n  value: Tr0ub4dor-3zz\n"),
            ("named", r#"{"env":[{"name":"DB_PASSWORD","value":"Tr0ub4dor-3zz"}]}"#),
            ("named behind", r#"[{"value":"Tr0ub4dor-3zz","name":"DB_PASSWORD"}]"#),
            ("named in capitals", r#"{"Name":"DB_PASSWORD","Value":"Tr0ub4dor-3zz"}"#),
            ("named, spread", "{\n  \"name\": \"DB_PASSWORD\",\n  \"value\": \"Tr0ub4dor-3zz\"\n}"),
        ]),
    );
    let inspector = inspector(EngineKind::BEST);
    for message in [
        r#"{"password":{"value":"Tr0ub4dor-3zz"}}"#,
        r#"{"env":[{"name":"DB_PASSWORD","value":"Tr0ub4dor-3zz"}]}"#,
    ] {
        assert!(found_in(&inspector, message, Form::Json, "Tr0ub4dor-3zz"), "{message}");
    }
}

#[test]
fn characters_that_nobody_sees_stand_within_a_token() {
    for unseen in [
        '\u{61c}',
        '\u{115f}',
        '\u{1160}',
        '\u{17b4}',
        '\u{17b5}',
        '\u{180b}',
        '\u{180d}',
        '\u{180e}',
        '\u{180f}',
        '\u{2060}',
        '\u{2061}',
        '\u{2064}',
        '\u{3164}',
        '\u{fe0e}',
        '\u{ffa0}',
        '\u{e0101}',
    ] {
        let hidden: String = TOKEN.chars().flat_map(|one| [one, unseen]).collect();
        held(TOKEN, &[("within", format!("x {hidden} y"))]);
    }
}

#[test]
fn blanks_of_a_form_are_read_as_blanks() {
    let inspector = inspector(EngineKind::BEST);
    for (text, rule, expected) in [
        (
            "text=my+card+is+4111+1111+1111+1111&n=1",
            "payment-card",
            "text=my+card+is+[REDACTED:payment-card]&n=1",
        ),
        ("q=my%20ssn%3A+123-45-6789", "us-ssn", "q=my%20ssn%3A+[REDACTED:us-ssn]"),
        ("msg=hi,+my+ssn%3A+536-22-8747", "us-ssn", "msg=hi,+my+ssn%3A+[REDACTED:us-ssn]"),
    ] {
        let all = found(&inspector, text.as_bytes(), Form::Text);
        assert!(all.iter().any(|(id, ..)| id == rule), "{text}: {all:?}");
        assert_eq!(redacted_text(&inspector, text), expected);
    }
    let apart = format!("text=it's{}+card:+", "x".repeat(200));
    for before in [
        "text=hello,+my+card+is+",
        "text=a/b+my+card+is+",
        "text=and/or+",
        "q=see?+",
        "q=what's+this+",
        "q={`it'}+",
        &apart,
    ] {
        let text = format!("{before}4111+1111+1111+1111&n=1");
        let expected = format!("{before}[REDACTED:payment-card]&n=1");
        assert_eq!(redacted_text(&inspector, &text), expected);
    }
    // Whatever comes in the place of something in a form is written as one.
    let mut scratch = inspector.scratch().expect("scratch");
    let text = b"text=my+card+is+4111+1111+1111+1111";
    let findings = inspector.scan(text, Form::Text, &mut scratch).expect("within limits").to_vec();
    let splices = scratch.splices(text, Form::Text, &findings, |_| Some(b"a b+c".to_vec()));
    assert_eq!(crate::spliced(text, &splices), b"text=my+card+is+a%20b%2Bc");
}

/// A text full of backslashes is decoded once in each way, and not in each way of each way.
#[test]
fn what_is_decoded_of_a_manual_is_no_more_than_thrice_its_length() {
    let inspector = inspector(EngineKind::BEST);
    let line = "\\fB\\-\\-output\\-file\\fR=\\fIname\\fR\\&.\tWrites to \\*(lqname\\*(rq &amp; \\e[1mends\\e[0m\n";
    let text = line.repeat(2000);
    let mut scratch = inspector.scratch().expect("scratch");
    inspector.scan(text.as_bytes(), Form::Text, &mut scratch).expect("within limits");
    let decoded: usize = scratch.texts.iter().map(|text| text.layer.text().len()).sum();
    assert!(decoded > text.len() && decoded < 3 * text.len(), "{decoded} of {}", text.len());
}

/// A text that needed no padding gets what it needs when it has another length.
#[test]
fn base64_that_is_written_again_has_its_padding() {
    use ::base64::Engine as _;
    use ::base64::engine::general_purpose::STANDARD;

    let inspector = inspector(EngineKind::BEST);
    for length in 0..12 {
        let text = format!("{} {TOKEN} and more of it{}", "word ".repeat(4), "x".repeat(length));
        let encoded = STANDARD.encode(&text);
        let message = json!({ "content": encoded }).to_string();
        let out = redacted_text(&inspector, &message);
        let out: Value = serde_json::from_str(&out).expect("JSON");
        let decoded = STANDARD.decode(out["content"].as_str().expect("a string"));
        let decoded = String::from_utf8(decoded.expect("with its padding")).expect("text");
        assert!(decoded.contains("[REDACTED:") && !decoded.contains(TOKEN), "{decoded}");
    }
}
