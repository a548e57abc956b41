//! What stands in a message in ways that hide it, and what only looks like something.

mod engines;
mod forms;
mod limits;
mod policy;
mod redaction;
mod tables;
mod unseen;
mod windows;

use serde_json::{Value, json};

use crate::{EngineKind, Finding, Form, Inspector, Limits, RuleSet, spliced};

const TOKEN: &str = "ghp_r3Wb1cXyZAq9LkTfV2mNsH7dJpE0uG41Kc2Y";

pub(crate) fn inspector(kind: EngineKind) -> Inspector {
    let set = RuleSet::built_in().expect("rules");
    Inspector::new(set, kind, Limits::default()).expect("an engine")
}

/// The same with the rules of a file alone.
fn of_rules(file: &str) -> Inspector {
    let set = RuleSet::from_file("own.toml", file, &mut |_| Err("none".into())).expect("rules");
    Inspector::new(set, EngineKind::BEST, Limits::default()).expect("an engine")
}

/// What is found, as its reader sees it, with its rule and with what it is in the message.
fn found(inspector: &Inspector, message: &[u8], form: Form) -> Vec<(String, String, String)> {
    let mut scratch = inspector.scratch().expect("scratch");
    let findings = inspector.scan(message, form, &mut scratch).expect("within limits").to_vec();
    let told = |finding: &Finding| {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let rule = inspector.rule(finding).expect("a rule").id.clone();
        (rule, text(scratch.secret(message, finding)), text(&message[finding.source()]))
    };
    findings.iter().map(told).collect()
}

#[test]
fn a_token_is_found_however_it_is_written() {
    let inspector = inspector(EngineKind::BEST);
    let escaped: String = TOKEN.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
    let full: String =
        TOKEN.chars().map(|c| char::from_u32(u32::from(c) + 0xfee0).expect("wide")).collect();
    let hidden: String = TOKEN.chars().map(|c| format!("{c}\u{200b}")).collect();
    let once = json!({"token": TOKEN, "note": "a\nb"}).to_string();
    let twice = json!({ "text": once }).to_string();
    let thrice = json!({ "text": twice }).to_string();
    let plain = json!({"a": TOKEN}).to_string();
    let percent: String = TOKEN.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let cases = [
        ("plain", format!(r#"{{"a":"{TOKEN}"}}"#)),
        ("alone", TOKEN.to_owned()),
        ("a key", format!(r#"{{"{TOKEN}":1}}"#)),
        ("escaped", format!(r#"{{"a":"{escaped}"}}"#)),
        ("full width", format!(r#"{{"a":"{full}"}}"#)),
        ("invisible", format!(r#"{{"a":"{hidden}"}}"#)),
        ("once", once.clone()),
        ("twice", twice.clone()),
        ("thrice", thrice.clone()),
        ("newline before", format!(r#"{{"a":"x\n{TOKEN}"}}"#)),
        ("newline before, nested", json!({"a": format!("{{\"b\":\"x\\n{TOKEN}\"}}")}).to_string()),
        ("percent", format!(r#"{{"a":"https://x/?q={percent}"}}"#)),
        ("base64", format!(r#"{{"a":"{}"}}"#, base64(plain.as_bytes()))),
        ("base64 behind one", format!(r#"{{"a":"x{}"}}"#, base64(plain.as_bytes()))),
        ("base64 behind two", format!(r#"{{"a":"xy{}"}}"#, base64(plain.as_bytes()))),
        ("base64 twice", format!(r#"{{"a":"{}"}}"#, base64(base64(plain.as_bytes()).as_bytes()))),
        ("duplicate keys", format!(r#"{{"a":"{TOKEN}","a":"x"}}"#)),
    ];
    for (name, message) in cases {
        let all = found(&inspector, message.as_bytes(), Form::of(message.as_bytes()));
        let tokens =
            all.iter().filter(|(rule, secret, _)| rule.contains("github") && secret == TOKEN);
        assert!(tokens.count() > 0, "{name}: {message}: {all:?}");
    }
}

fn base64(bytes: &[u8]) -> String {
    let alphabet = crate::layer::base64::Alphabet { url_safe: false, padded: true, wrapped: None };
    String::from_utf8(crate::layer::base64::encode(bytes, &alphabet)).expect("text")
}

#[test]
fn no_match_goes_over_from_one_value_to_another() {
    let inspector = inspector(EngineKind::BEST);
    let (left, right) = TOKEN.split_at(20);
    let message = format!(r#"["{left}","{right}"]"#);
    assert_eq!(found(&inspector, message.as_bytes(), Form::Json), []);
}

#[test]
fn a_key_says_what_its_value_is() {
    let inspector = inspector(EngineKind::BEST);
    let message = br#"{"user":"x","password":"Tr0ub4dor&3zz","n":1}"#;
    let all = found(&inspector, message, Form::Json);
    assert!(
        all.iter().any(|(_, secret, source)| secret == "Tr0ub4dor&3zz" && source == secret),
        "{all:?}"
    );
}

/// As programs write the fields of a form and the heads of a request, of which each may have several values.
#[test]
fn the_key_of_an_array_says_what_its_first_value_is() {
    let inspector = inspector(EngineKind::BEST);
    for (message, secret) in [
        (
            r#"{"Authorization":["Basic YTpKdDNPbDJIMTVLMloxOA=="],"Accept":["*/*"]}"#,
            "YTpKdDNPbDJIMTVLMloxOA==",
        ),
        (
            r#"{"X-Api-Key":["q7Zr4LwX9bTn2KcVf8Ys3HdMq7Zr4LwX"]}"#,
            "q7Zr4LwX9bTn2KcVf8Ys3HdMq7Zr4LwX",
        ),
        (r#"{"api_key":["q7Zr4LwX9bTn2KcVf8Ys3HdM"]}"#, "q7Zr4LwX9bTn2KcVf8Ys3HdM"),
        (r#"{"password":["Xk39dkdl2kk!"]}"#, "Xk39dkdl2kk!"),
        (r#"{"ssn": [ "536221847" ]}"#, "536221847"),
        (r#"{"ssn":[536221847]}"#, "536221847"),
    ] {
        let all = found(&inspector, message.as_bytes(), Form::Json);
        assert!(all.iter().any(|(_, found, _)| found == secret), "{message}: {all:?}");
        let out = redacted_text(&inspector, message);
        serde_json::from_str::<Value>(&out).expect("JSON");
        assert!(!out.contains(secret), "{out}");
    }
}

/// The message with all that was found replaced by its rule's id.
pub(super) fn redacted(inspector: &Inspector, message: &[u8], form: Form) -> Vec<u8> {
    let mut scratch = inspector.scratch().expect("scratch");
    let findings = inspector.scan(message, form, &mut scratch).expect("within limits").to_vec();
    let with = |finding: &Finding| {
        inspector.rule(finding).map(|rule| format!("[REDACTED:{}]", rule.id).into_bytes())
    };
    let splices = scratch.splices(message, form, &findings, with);
    spliced(message, &splices)
}

fn redacted_text(inspector: &Inspector, message: &str) -> String {
    let out = redacted(inspector, message.as_bytes(), Form::of(message.as_bytes()));
    String::from_utf8(out).expect("text")
}

#[test]
fn what_is_cut_out_leaves_the_rest_as_it_was() {
    let inspector = inspector(EngineKind::BEST);
    let message = format!(r#"{{ "a" : "x\u0041 {TOKEN}\ny", "n": 1.50 }}"#);
    let placeholder = "[REDACTED:github-personal-access-token]";
    let expected = message.replace(TOKEN, placeholder);
    assert_eq!(redacted_text(&inspector, &message), expected);
    let nested = json!({"text": json!({"token": TOKEN, "note": "a\nb"}).to_string()}).to_string();
    assert_eq!(redacted_text(&inspector, &nested), nested.replace(TOKEN, placeholder));
    let encoded = base64(json!({"token": TOKEN}).to_string().as_bytes());
    let message = json!({ "blob": encoded }).to_string();
    let clean: Value = serde_json::from_str(&redacted_text(&inspector, &message)).expect("JSON");
    let run = clean["blob"].as_str().expect("a string").trim_end_matches('=');
    let mut decoded = Vec::new();
    crate::layer::base64::decode(run.as_bytes(), &mut decoded);
    let inner: Value = serde_json::from_slice(&decoded).expect("JSON in base64");
    assert_eq!(inner["token"], format!("{placeholder} "), "longer by whole groups");
}

#[test]
fn a_number_is_replaced_by_a_string_in_json_and_in_json_within() {
    let inspector = inspector(EngineKind::BEST);
    let card = r#"{"card":4111111111111111,"n":2}"#;
    let clean: Value = serde_json::from_str(&redacted_text(&inspector, card)).expect("JSON");
    assert!(clean["card"].as_str().is_some_and(|text| text.starts_with("[REDACTED:")), "{clean}");
    let nested = json!({ "text": card }).to_string();
    let clean: Value = serde_json::from_str(&redacted_text(&inspector, &nested)).expect("JSON");
    let inner: Value = serde_json::from_str(clean["text"].as_str().expect("text")).expect("JSON");
    assert!(inner["card"].is_string() && inner["n"] == 2, "{inner}");
}

#[test]
fn a_number_is_replaced_by_a_string_in_json_that_is_encoded() {
    let inspector = inspector(EngineKind::BEST);
    let card = r#"{"note":"a card of somebody's","card":4111111111111111,"n":2}"#;
    let valid = |inner: &[u8]| {
        let inner: Value = serde_json::from_slice(inner).expect("JSON within");
        assert!(inner["card"].as_str().is_some_and(|text| text.starts_with("[REDACTED:")));
        assert_eq!(inner["n"], 2);
    };
    let message = json!({ "blob": base64(card.as_bytes()) }).to_string();
    let clean: Value = serde_json::from_str(&redacted_text(&inspector, &message)).expect("JSON");
    let run = clean["blob"].as_str().expect("a string").trim_end_matches('=');
    let mut decoded = Vec::new();
    crate::layer::base64::decode(run.as_bytes(), &mut decoded);
    valid(&decoded);
    let all: String = card.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let few = card.replace(' ', "%20").replace('"', "%22");
    for percent in [all, few] {
        let message = json!({ "url": percent }).to_string();
        let clean = redacted_text(&inspector, &message);
        let clean: Value = serde_json::from_str(&clean).expect("JSON");
        let mut layer = crate::layer::Layer::default();
        layer.reset(0, usize::MAX);
        let url = clean["url"].as_str().expect("a string");
        crate::layer::percent::unpercent(url.as_bytes(), &mut layer);
        valid(layer.text());
    }
}

/// What a rule says that it finds it finds, whichever engine looks, and what it says that it does not find it does
/// not.
#[test]
fn every_rule_finds_its_examples_and_none_of_its_counterexamples() {
    let mut wrong = Vec::new();
    for kind in [EngineKind::BEST, EngineKind::Portable] {
        let inspector = inspector(kind);
        let mut scratch = inspector.scratch().expect("scratch");
        for rule in inspector.rules() {
            let mut finds = |text: &&String| {
                let all = inspector.scan(text.as_bytes(), Form::Text, &mut scratch);
                let mut all = all.expect("within limits").iter();
                all.any(|one| inspector.rule(one).is_some_and(|found| found.id == rule.id))
            };
            for text in rule.examples.iter().filter(|text| !finds(text)) {
                wrong.push(format!("{}: {} misses {text}", kind.name(), rule.id));
            }
            for text in rule.counterexamples.iter().filter(finds) {
                wrong.push(format!("{}: {} finds {text}", kind.name(), rule.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// An example that is JSON is found as JSON, too, where no match goes over from one value to another but by a rule that
/// says so.
#[test]
fn examples_that_are_json_are_found_in_it() {
    let inspector = inspector(EngineKind::BEST);
    let mut scratch = inspector.scratch().expect("scratch");
    let (mut wrong, mut count) = (Vec::new(), 0);
    for rule in inspector.rules() {
        let mut finds = |text: &str| {
            let all = inspector.scan(text.as_bytes(), Form::Json, &mut scratch);
            let mut all = all.expect("within limits").iter();
            all.any(|one| inspector.rule(one).is_some_and(|found| found.id == rule.id))
        };
        let is_json = |text: &&String| Form::of(text.as_bytes()) == Form::Json;
        for text in rule.examples.iter().filter(is_json) {
            count += 1;
            // By itself, and as a tool's arguments.
            let message =
                format!(r#"{{"id":1,"params":{{"name":"x","arguments":{{"a":{text}}}}}}}"#);
            for text in [text, &message] {
                if !finds(text) {
                    wrong.push(format!("{} misses {text}", rule.id));
                }
            }
        }
        for text in rule.counterexamples.iter().filter(is_json) {
            if finds(text) {
                wrong.push(format!("{} finds {text}", rule.id));
            }
        }
    }
    assert!(wrong.is_empty() && count > 50, "{count}: {}", wrong.join("\n"));
}

/// Values are related as members of one object or elements of one array, and only then.
#[test]
fn a_match_over_several_values_is_of_one_object_or_array() {
    let inspector = inspector(EngineKind::BEST);
    let secrets = |message: &str| -> Vec<String> {
        let all = found(&inspector, message.as_bytes(), Form::Json);
        all.into_iter().map(|(_, secret, _)| secret).collect()
    };
    let related = r#"[{"name":"DB_PASSWORD","value":"Kestrel-8"}]"#;
    assert!(secrets(related).contains(&"Kestrel-8".to_owned()));
    assert!(secrets(r#"{"argv":["--password","fog7Horn"]}"#).contains(&"fog7Horn".to_owned()));
    for apart in [
        r#"[{"name":"DB_PASSWORD"},{"value":"Kestrel-8"}]"#,
        r#"[["--password"],["fog7Horn"]]"#,
        r#"{"a":{"name":"DB_PASSWORD"},"value":"Kestrel-8"}"#,
    ] {
        assert_eq!(secrets(apart), Vec::<String>::new(), "{apart}");
    }
    let clean = redacted_text(&inspector, r#"{"argv":["--password", "fog7Horn", "-v"], "n":1}"#);
    assert_eq!(clean, r#"{"argv":["--password", "[REDACTED:cli-password-flag]", "-v"], "n":1}"#);
}

/// Of two rules that find the same, the organisation's own is told.
#[test]
fn what_an_own_rule_finds_is_told_as_its_own() {
    let own =
        "[extend]\nuseDefault = true\n[[rules]]\nid = 'acme-bot'\nregex = 'ghp_[A-Za-z0-9]{36}'\n";
    let inspector = of_rules(own);
    let mut scratch = inspector.scratch().expect("scratch");
    let findings =
        inspector.scan(TOKEN.as_bytes(), Form::Text, &mut scratch).expect("within").to_vec();
    assert!(findings.len() > 1, "{findings:?}");
    let told: Vec<_> =
        inspector.distinct(&findings).filter_map(|one| inspector.rule(one)).collect();
    assert_eq!(told.iter().map(|rule| rule.id.as_str()).collect::<Vec<_>>(), ["acme-bot"]);
}

/// What tells two of them apart is one byte, which ends the match before it.
#[test]
fn secrets_on_lines_of_their_own_are_all_found() {
    let all =
        "DB_PASSWORD=letmein9\nADMIN_PASSWORD=sunshine7\nX_PASSWORD=dragon55\nY_PASSWORD=wizard31";
    let pgpass = "db:5432:*:app:quartz7Bay\ndb:5432:*:web:Thorn81x\ndb:5432:*:ops:Basil55t";
    for kind in EngineKind::BUILT {
        let inspector = inspector(*kind);
        for (text, secrets) in [
            (all, &["letmein9", "sunshine7", "dragon55", "wizard31"][..]),
            (pgpass, &["quartz7Bay", "Thorn81x", "Basil55t"]),
        ] {
            let found = found(&inspector, text.as_bytes(), Form::Text);
            for secret in secrets {
                assert!(found.iter().any(|(_, one, _)| one == secret), "{secret}: {found:?}");
            }
        }
    }
}

#[test]
fn words_of_other_alphabets_are_a_context_in_any_case() {
    let inspector = inspector(EngineKind::BEST);
    for text in [
        "тел: 98765 43210",
        "Тел: 98765 43210",
        "МОБ: 98765 43210",
        "MÓVIL: 98765 43210",
        "Útlevél: 512904738",
        "ÚTLEVÉL: 512904738",
    ] {
        assert!(!found(&inspector, text.as_bytes(), Form::Text).is_empty(), "{text}");
    }
}

#[test]
fn keywords_of_other_alphabets_are_there_in_any_case() {
    let rules = "[[rules]]\nid = 'pin'\nregex = '\\d{6}'\nkeywords = ['Код']\n";
    let inspector = of_rules(rules);
    for text in ["код 512904", "Код 512904", "КОД 512904"] {
        assert_eq!(found(&inspector, text.as_bytes(), Form::Text).len(), 1, "{text}");
    }
    assert!(found(&inspector, "кот 512904".as_bytes(), Form::Text).is_empty());
}
