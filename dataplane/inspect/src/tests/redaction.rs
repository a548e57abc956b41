//! What cutting out promises, of any message.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{inspector, redacted, redacted_text};
use crate::{EngineKind, Finding, Form, Inspector};

static INSPECTOR: LazyLock<Inspector> = LazyLock::new(|| inspector(EngineKind::BEST));

/// A message with examples of rules in some of its strings, and JSON within strings.
pub(super) fn message() -> impl Strategy<Value = Value> {
    let example = any::<prop::sample::Index>().prop_map(|index| {
        let rules = INSPECTOR.rules();
        let rule = &rules[index.index(rules.len())];
        rule.examples[index.index(rule.examples.len())].clone()
    });
    let text = prop_oneof![
        2 => "[ -~é\n\"\\\\]{0,24}".boxed(),
        1 => example.boxed(),
    ];
    let leaf = prop_oneof![
        4 => text.clone().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => Just(json!(4_111_111_111_111_111_u64)),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((text.clone(), inner.clone()), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
            inner.prop_map(|within| Value::from(within.to_string())),
        ]
    })
}

/// Whether a part of a message has something of a placeholder: what a policy put there it does not take for a finding.
fn is_placeholder(message: &[u8], part: &std::ops::Range<usize>) -> bool {
    memchr::memmem::find_iter(message, b"[REDACTED:").any(|at| {
        let end = memchr::memchr(b']', &message[at..]).map_or(message.len(), |end| at + end + 1);
        at < part.end && part.start < end
    })
}

fn splices(message: &[u8]) -> Vec<crate::Splice> {
    let mut scratch = INSPECTOR.scratch().expect("scratch");
    let findings = INSPECTOR.scan(message, Form::Json, &mut scratch).expect("within").to_vec();
    scratch.splices(message, Form::Json, &findings, |finding: &Finding| {
        INSPECTOR.rule(finding).map(|rule| format!("[REDACTED:{}]", rule.id).into_bytes())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn it_is_json_again_and_nothing_is_found_in_it(message in message()) {
        let text = message.to_string();
        let clean = redacted(&INSPECTOR, text.as_bytes(), Form::Json);
        let told = || format!("{text}\n{}", String::from_utf8_lossy(&clean));
        prop_assert!(serde_json::from_slice::<Value>(&clean).is_ok(), "{}", told());
        let mut scratch = INSPECTOR.scratch().expect("scratch");
        let mut again = INSPECTOR.scan(&clean, Form::Json, &mut scratch).expect("within").to_vec();
        again.retain(|one| !is_placeholder(&clean, &one.source()));
        let rules: Vec<_> = again.iter().filter_map(|one| INSPECTOR.rule(one)).map(|rule| &rule.id).collect();
        prop_assert!(again.is_empty(), "{rules:?} in {}", told());
    }

    #[test]
    fn splices_are_in_order_apart_and_within(message in message()) {
        let text = message.to_string();
        let mut before = 0;
        for splice in splices(text.as_bytes()) {
            prop_assert!(splice.range.start >= before && splice.range.end <= text.len());
            prop_assert!(!splice.range.is_empty());
            before = splice.range.end;
        }
    }
}

/// Something that a rule finds, and what comes in its place, and words that letters of an escape could go on with.
fn part() -> impl Strategy<Value = (&'static str, &'static str)> {
    prop::sample::select(vec![
        ("ada@acme-corp.com", "[REDACTED:email-address]"),
        (super::TOKEN, "[REDACTED:github-personal-access-token]"),
        ("unit", "unit"),
        ("xadded", "xadded"),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_escape_is_cut_in_two_however_deep(
        parts in prop::collection::vec((prop::sample::select(&["\n", "\t", "\r\n", "\"", " <", "\u{8}", "é: ", "\u{1}"][..]), part()), 1..6),
        depth in 1_usize..5,
        unicode: bool,
    ) {
        let text = |of: fn((&'static str, &'static str)) -> &'static str| -> String {
            parts.iter().flat_map(|(apart, part)| [*apart, of(*part)]).chain(["\n"]).collect()
        };
        let expected = text(|(_, hidden)| hidden);
        let mut message = text(|(part, _)| part);
        for _ in 0..depth {
            message = json!({ "t": message }).to_string();
            if unicode {
                message = message.replace('<', "\\u003c").replace('é', "\\u00e9");
            }
        }
        for form in [Form::Json, Form::Text] {
            let clean = redacted(&INSPECTOR, message.as_bytes(), form);
            let mut clean = String::from_utf8(clean).expect("text");
            let shown = format!("{form:?} {message}\n{clean}");
            for _ in 0..depth {
                let value: Result<Value, _> = serde_json::from_str(&clean);
                prop_assert!(value.is_ok(), "{shown}");
                clean = value.expect("JSON")["t"].as_str().expect("text").to_owned();
            }
            prop_assert_eq!(&clean, &expected, "{}", shown);
        }
    }
}

const CARD: &str = "4111111111111111";
const HIDDEN: &str = "[REDACTED:payment-card]";

/// What is left of a text as it is and of what it is in base64, where blanks make whole groups of it.
fn hidden(text: &str) -> [String; 2] {
    let clean = |text: &str| {
        String::from_utf8(redacted(&INSPECTOR, text.as_bytes(), Form::Text)).expect("text")
    };
    let run = clean(&super::base64(text.as_bytes()));
    let mut decoded = Vec::new();
    crate::layer::base64::decode(run.trim_end_matches('=').as_bytes(), &mut decoded);
    [clean(text), String::from_utf8(decoded).expect("text")]
}

#[test]
fn a_number_gets_quotes_where_it_is_a_value_and_only_there() {
    let quoted = format!("\"{HIDDEN}\"");
    for text in [
        r#"{"note": "cards, 4111111111111111, ok"}"#,
        "they are, 4111111111111111, two of somebody's",
        "id,card,name\n7,4111111111111111,jo\n8,,al\n",
    ] {
        let grouped = format!("{HIDDEN}  ");
        assert_eq!(hidden(text), [text.replace(CARD, HIDDEN), text.replace(CARD, &grouped)]);
    }
    for text in [
        "{\"n\":0,\"s\":\"\\\"x\\\"\"}\n{\"n\":1,\"card\":4111111111111111}\n",
        "the answer is\n{\n  \"n\": 1,\n  \"card\": 4111111111111111\n}\n",
        "they are\n[\n  7,\n  4111111111111111,\n  8\n]\n",
        "{\n  \"cards\": [\n    4111111111111111\n  ]\n}",
    ] {
        assert_eq!(hidden(text), [text.replace(CARD, &quoted), text.replace(CARD, &quoted)]);
    }
    let escaped = r#"ERROR body="{\"n\":[1, 4111111111111111]}" at 7"#;
    let expected = [format!(r#"\"{HIDDEN}\""#), format!(r#"\"{HIDDEN}\" "#)];
    assert_eq!(hidden(escaped), expected.map(|placeholder| escaped.replace(CARD, &placeholder)));
}

/// JSON in strings of JSON, and lines of it, in each of these ways.
#[test]
fn a_number_gets_the_quotes_of_the_strings_that_it_is_in() {
    for inner in [
        json!({"card": 4_111_111_111_111_111_u64, "note": "a \"b\"\n"}).to_string(),
        json!([1, 4_111_111_111_111_111_u64]).to_string(),
        format!("{{\n  \"cards\": [\n    7,\n    {CARD}\n  ]\n}}"),
    ] {
        let expected: Value =
            serde_json::from_str(&inner.replace(CARD, &format!("\"{HIDDEN}\""))).expect("JSON");
        let mut message = inner.clone();
        for depth in 0..4 {
            let out = redacted(&INSPECTOR, message.as_bytes(), Form::Json);
            let mut clean: Value = serde_json::from_slice(&out).expect("JSON");
            for _ in 0..depth {
                clean = serde_json::from_str(clean["t"].as_str().expect("text")).expect("JSON");
            }
            assert_eq!(clean, expected, "{message}");
            message = json!({ "t": message }).to_string();
        }
        let lines = json!({ "t": format!("see\n{inner}\nend") }).to_string();
        let out = redacted(&INSPECTOR, lines.as_bytes(), Form::Json);
        let clean: Value = serde_json::from_slice(&out).expect("JSON");
        let text = clean["t"].as_str().expect("text");
        let part = text.strip_prefix("see\n").and_then(|text| text.strip_suffix("\nend"));
        let clean: Value = serde_json::from_str(part.expect("the rest")).expect("JSON");
        assert_eq!(clean, expected, "{lines}");
    }
}

/// Characters that nobody sees are a text beside the one that they are in.
#[test]
fn what_is_seen_and_what_is_not_are_cut_out_together() {
    let tags: String =
        "send it".chars().filter_map(|one| char::from_u32(u32::from(one) + 0xe0000)).collect();
    let message = json!({ (super::TOKEN): "", (format!("x{tags}")): "" }).to_string();
    let clean = redacted(&INSPECTOR, message.as_bytes(), Form::Json);
    let expected =
        r#"{"[REDACTED:github-personal-access-token]":"","x[REDACTED:injection-hidden-tags]":""}"#;
    assert_eq!(String::from_utf8(clean).expect("text"), expected);
}

/// Around escapes that are far from each other a text is decoded in parts.
#[test]
fn what_goes_on_to_the_end_of_a_decoded_part_does_not_go_on_in_the_next() {
    let rule = INSPECTOR.rules().iter().find(|rule| rule.id == "java-keystore-base64");
    let value = rule.expect("it is there").examples[1].trim_start_matches("KEYSTORE_B64=\"");
    let value = value.trim_end_matches('"');
    let long = value.trim_end_matches('=').repeat(5_000_usize.div_ceil(value.len()));
    let lines = "a line of words and nothing else\n".repeat(400);
    let text = format!("a \\\"quote\\\" {long}\";\n{lines}and \\\"another\\\" one\n");
    let mut scratch = INSPECTOR.scratch().expect("scratch");
    let findings = INSPECTOR.scan(text.as_bytes(), Form::Text, &mut scratch).expect("within");
    assert!(!findings.is_empty());
    let end = text.find(&lines).expect("they are there");
    for finding in findings {
        assert!(finding.source().end <= end, "{:?} behind {end}", finding.source());
    }
}

#[test]
fn nothing_is_found_in_what_stands_in_the_place_of_an_example() {
    let mut scratch = INSPECTOR.scratch().expect("scratch");
    let mut again = Vec::new();
    for rule in INSPECTOR.rules() {
        for example in &rule.examples {
            for form in [Form::Text, Form::Json] {
                let message = match form {
                    Form::Text => example.clone(),
                    Form::Json => json!({ (example.clone()): null }).to_string(),
                };
                let out = redacted(&INSPECTOR, message.as_bytes(), form);
                let found = INSPECTOR.scan(&out, form, &mut scratch).expect("within");
                if let Some(one) = found.iter().find(|one| !is_placeholder(&out, &one.source())) {
                    let id = INSPECTOR.rule(one).map(|rule| rule.id.clone());
                    again.push((id, String::from_utf8_lossy(&out).into_owned()));
                }
            }
        }
    }
    assert!(again.is_empty(), "{again:#?}");
}

/// A value that ends where anything else than a blank does ends with what was encoded.
#[test]
fn a_password_in_base64_does_not_go_on_in_the_path_behind_it() {
    use ::base64::Engine as _;
    use ::base64::engine::general_purpose::URL_SAFE_NO_PAD;

    for tail in ["/users/list", "-suffix", "/me", "_v2", "/API/x", "/~jo/index", "/"] {
        for password in ["Tr0ub4dor-3zz", "Tr0ub4dor-3zzy", "Tr0ub4?dor-3zzyx", "Tr0ub4dor-3zzé?"]
        {
            let run = URL_SAFE_NO_PAD.encode(format!("user=jo, password={password}"));
            let path = format!("/cb/{run}{tail}");
            let clean = redacted(&INSPECTOR, path.as_bytes(), Form::Text);
            let clean = String::from_utf8(clean).expect("text");
            let run = clean.strip_prefix("/cb/").and_then(|clean| clean.strip_suffix(tail));
            let run = URL_SAFE_NO_PAD.decode(run.expect(&clean)).expect(&clean);
            let text = String::from_utf8(run).expect("text");
            let hidden = text.strip_prefix("user=jo, password=[REDACTED:").expect(&text);
            assert!(hidden.trim_end().ends_with(']'), "{path}: {text}");
        }
    }
}

#[test]
fn what_is_behind_a_password_stays() {
    for (message, expected) in [
        (
            "username=bob&password=JwDqsPSTvN7eQS&remember=1&next=/home",
            "username=bob&password=[REDACTED:generic-password-bare]&remember=1&next=/home",
        ),
        (
            "https://bob:pX%23kkLs9%40w@git.acme-corp.com/x.git",
            "https://bob:[REDACTED:http-url-password]@git.acme-corp.com/x.git",
        ),
    ] {
        assert_eq!(redacted_text(&INSPECTOR, message), expected);
    }
}

/// In JSON within text `\b` would be a backspace.
#[test]
fn a_user_behind_a_domain_of_windows_is_cut_out_whole() {
    let text = r"from CORP-1\bob.tully@acme-corp.com, DOM\fred@acme-corp.com";
    let expected = r"from CORP-1\[REDACTED:email-address], DOM\[REDACTED:email-address]";
    let clean = |text: &str, form: Form| {
        String::from_utf8(redacted(&INSPECTOR, text.as_bytes(), form)).expect("text")
    };
    assert_eq!(clean(text, Form::Text), expected);
    let (mut message, mut hidden) = (text.to_owned(), expected.to_owned());
    for _ in 0..3 {
        message = json!({ "t": message }).to_string();
        hidden = json!({ "t": hidden }).to_string();
        assert_eq!(clean(&message, Form::Json), hidden);
        assert_eq!(clean(&message, Form::Text), hidden);
    }
}

/// Of a text only what stands around its escapes is decoded: what is between is in no match.
#[test]
fn a_key_does_not_begin_in_one_string_and_end_in_another() {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut state = 88_172_645_463_325_252_u64;
    let mut letter = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(letters[usize::try_from(state % 64).expect("it is small")])
    };
    let body: String =
        (0..19).map(|_| (0..64).map(|_| letter()).collect::<String>() + "\n").collect();
    let kind = "RSA PRIVATE KEY";
    let key = format!("-----BEGIN {kind}-----\n{body}-----END {kind}-----\n");
    let within = json!(format!("\t\r{key}/\\")).to_string();
    let message = json!([format!("'\\\\{key}ssn \r"), null, within]).to_string();
    let clean = redacted(&INSPECTOR, message.as_bytes(), Form::Json);
    let clean: Value = serde_json::from_slice(&clean).expect("JSON");
    assert_eq!(clean[1], Value::Null, "{clean}");
    assert!(clean[0].as_str().is_some_and(|text| text.ends_with("ssn \r")), "{clean}");
    let line = key.lines().nth(9).expect("a line");
    assert!(!clean.to_string().contains(line), "{clean}");
}

/// Without padding nobody knows where in a path base64 ends, and what is behind it may begin within a group.
#[test]
fn what_is_behind_base64_stays_as_it_is() {
    use ::base64::Engine as _;
    use ::base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

    let token = super::TOKEN;
    let hidden = "[REDACTED:github-personal-access-token] ";
    assert_eq!(token.len(), hidden.len());
    // In base64 that is in base64 it is whole groups of both.
    let (email, no_email) = ("ada@corp.example-it.org", "[REDACTED:email-address]        ");
    assert_eq!(email.len() + 9, no_email.len());
    let wide = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
        for tail in ["", "/users/list", "-suffix", "/", "_", "+a/b", "/me?x=1", "-a.b", "/~jo"] {
            for cut in 0..9 {
                let lead = format!("é?>~ {}", "x".repeat(cut));
                let as_json = |secret: &str| json!({ "a": lead, "token": secret }).to_string();
                let as_last = |secret: &str| format!("{lead} is the name of {secret}");
                let twice = |secret: &str| format!("{secret},{secret} {lead}");
                let inner = |secret: &str| {
                    let inner = STANDARD_NO_PAD.encode(as_json(secret));
                    format!("{lead} it is {inner}")
                };
                for (text, expected) in [
                    (as_json(token).into_bytes(), as_json(hidden).into_bytes()),
                    (as_last(token).into_bytes(), as_last(hidden).into_bytes()),
                    (twice(token).into_bytes(), twice(hidden).into_bytes()),
                    (inner(email).into_bytes(), inner(no_email).into_bytes()),
                    (wide(&as_json(token)), wide(&as_json(hidden))),
                ] {
                    let path = format!("/cb/{}{tail}", engine.encode(&text));
                    let clean = redacted(&INSPECTOR, path.as_bytes(), Form::Text);
                    let expected = format!("/cb/{}{tail}", engine.encode(&expected));
                    assert_eq!(String::from_utf8(clean).expect("text"), expected, "{path}");
                }
            }
        }
    }
}
