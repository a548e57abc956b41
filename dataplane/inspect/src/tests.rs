//! What stands in a message in ways that hide it, and what only looks like something.

use crate::{EngineKind, Finding, Form, Inspector, Limits, RuleSet};

const TOKEN: &str = "ghp_r3Wb1cXyZAq9LkTfV2mNsH7dJpE0uG41Kc2Y";

pub(crate) fn inspector(kind: EngineKind) -> Inspector {
    let set = RuleSet::built_in().expect("rules");
    Inspector::new(set, kind, Limits::default()).expect("an engine")
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
    println!("{}", TOKEN.len());
    let escaped: String = TOKEN.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
    let full: String =
        TOKEN.chars().map(|c| char::from_u32(u32::from(c) + 0xfee0).expect("wide")).collect();
    let hidden: String = TOKEN.chars().map(|c| format!("{c}\u{200b}")).collect();
    let once = serde_json::json!({"token": TOKEN, "note": "a\nb"}).to_string();
    let twice = serde_json::json!({ "text": once }).to_string();
    let thrice = serde_json::json!({ "text": twice }).to_string();
    let plain = serde_json::json!({"a": TOKEN}).to_string();
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
        (
            "newline before, nested",
            serde_json::json!({"a": format!("{{\"b\":\"x\\n{TOKEN}\"}}")}).to_string(),
        ),
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
    let alphabet = crate::layer::base64::Alphabet { url_safe: false, padding: 1 };
    String::from_utf8(crate::layer::base64::encode(bytes, alphabet)).expect("text")
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
