//! The engines held against each other: what one finds, the other finds.

#![cfg(feature = "vectorscan")]

use std::sync::LazyLock;

use proptest::prelude::*;

use super::inspector;
use crate::{EngineKind, Form, Inspector};

static BOTH: LazyLock<[Inspector; 2]> =
    LazyLock::new(|| [inspector(EngineKind::Vectorscan), inspector(EngineKind::Portable)]);

/// The rule, and from where to where.
fn found(inspector: &Inspector, text: &[u8], form: Form) -> Vec<(String, usize, usize)> {
    let mut scratch = inspector.scratch().expect("scratch");
    let findings = inspector.scan(text, form, &mut scratch).expect("within limits");
    let place = |finding: &crate::Finding| {
        let rule = inspector.rule(finding).expect("a rule").id.clone();
        (rule, finding.source().start, finding.source().end)
    };
    findings.iter().map(place).collect()
}

fn same(text: &[u8]) {
    let [one, other] = &*BOTH;
    for form in [Form::Text, Form::Json] {
        let (one, other) = (found(one, text, form), found(other, text, form));
        assert_eq!(one, other, "{}", text.escape_ascii());
    }
}

#[test]
fn every_example_is_found_alike() {
    for rule in BOTH[0].rules() {
        rule.examples.iter().chain(&rule.counterexamples).for_each(|text| same(text.as_bytes()));
    }
}

/// An example, and what may be done to it.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let example = any::<prop::sample::Index>();
    let change = prop_oneof![
        (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, byte)| (at, Some(byte), true)),
        any::<prop::sample::Index>().prop_map(|at| (at, None, true)),
        (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, byte)| (at, Some(byte), false)),
    ];
    (example.clone(), example, prop::collection::vec(change, 0..4), "[ -~]{0,20}").prop_map(
        |(one, other, changes, between)| {
            let rules = BOTH[0].rules();
            let of = |index: &prop::sample::Index| {
                let rule = &rules[index.index(rules.len())];
                rule.examples[index.index(rule.examples.len())].clone()
            };
            let mut text = format!("{}{between}{}", of(&one), of(&other)).into_bytes();
            for (at, byte, replaces) in changes {
                let at = at.index(text.len());
                match (byte, replaces) {
                    (Some(byte), true) => text[at] = byte,
                    (Some(byte), false) => text.insert(at, byte),
                    (None, _) => {
                        text.remove(at);
                    }
                }
            }
            text
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn mutated_examples_are_found_alike(text in mutated()) {
        same(&text);
    }

    #[test]
    fn random_text_is_found_alike(text in "([a-zA-Z0-9_+/=.:@ \n\"{}-]{0,30}|key|token|password|[0-9]{2,9}| ){0,12}") {
        same(text.as_bytes());
    }
}
