//! What cutting out promises, of any message.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{inspector, redacted};
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
