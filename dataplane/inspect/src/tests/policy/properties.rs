//! What holds of any message.

use std::ops::Range;

use proptest::prelude::*;

use super::super::redaction::message;
use super::*;

static REDACTS: LazyLock<Policy> = LazyLock::new(|| policy(&[all(REDACT)]));
static KEEPS: LazyLock<Policy> = LazyLock::new(|| {
    policy(&[class(Class::Email, Action::Redact(Keep::Domain)), all(Action::Redact(Keep::Last4))])
});
static SEALS: LazyLock<Policy> = LazyLock::new(|| policy(&[all(Action::Tokenise)]));

/// What of a message may be changed: what was found, all of a number, and all of a run that may be base64.
fn may_change(message: &[u8]) -> Vec<Range<usize>> {
    let mut scratch = INSPECTOR.scratch().expect("scratch");
    let found = INSPECTOR.scan(message, Form::Json, &mut scratch).expect("within limits");
    let mut all: Vec<Range<usize>> = Vec::new();
    for one in found {
        let Range { mut start, mut end } = one.source();
        let run = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=-_.".contains(byte);
        start -= message[..start].iter().rev().take_while(|byte| run(byte)).count();
        end += message[end..].iter().take_while(|byte| run(byte)).count();
        match all.last_mut().filter(|last| start < last.end) {
            Some(last) => last.end = last.end.max(end),
            None => all.push(start..end),
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn it_is_json_again_nothing_is_found_in_it_and_it_stays_as_it_is(message in message()) {
        let message = json!([message]);
        let text = message.to_string();
        for policy in [&*REDACTS, &*KEEPS, &*SEALS] {
            let (outcome, told) = inspected(policy, Side::Response, text.as_bytes());
            let clean = match outcome {
                Outcome::Unchanged => {
                    prop_assert_eq!(told, vec![]);
                    continue;
                }
                Outcome::Changed(clean) => clean,
                other => return Err(TestCaseError::fail(format!("{other:?}: {text}"))),
            };
            let shown = String::from_utf8_lossy(&clean);
            prop_assert!(serde_json::from_slice::<Value>(&clean).is_ok(), "{text}\n{shown}");
            let again = inspected(policy, Side::Response, &clean);
            prop_assert_eq!(again, (Outcome::Unchanged, vec![]), "{}\n{}", text, shown);
        }
    }

    #[test]
    fn nothing_changes_but_what_was_found(message in message()) {
        let text = json!([message]).to_string();
        let text = text.as_bytes();
        for policy in [&*REDACTS, &*KEEPS, &*SEALS] {
            let Outcome::Changed(clean) = inspected(policy, Side::Response, text).0 else {
                continue;
            };
            let shown = format!("{}\n{}", text.escape_ascii(), clean.escape_ascii());
            let mut rest = clean.as_slice();
            let mut from = 0;
            for range in may_change(text) {
                let kept = &text[from..range.start];
                let at = rest.windows(kept.len().max(1)).position(|part| part.starts_with(kept));
                prop_assert!(at.is_some() && (from > 0 || at == Some(0)), "{}", shown);
                rest = &rest[at.unwrap_or(0) + kept.len()..];
                from = range.end;
            }
            prop_assert!(rest.ends_with(&text[from..]), "{}", shown);
        }
    }

    #[test]
    fn what_was_sealed_is_opened_as_it_was(message in message()) {
        let call = json!({"method": "tools/call", "params": {"name": "transfer", "arguments": message}});
        let text = call.to_string();
        let (outcome, told) = inspected(&SEALS, Side::Request, text.as_bytes());
        let sealed = match outcome {
            Outcome::Changed(sealed) => sealed,
            other => {
                prop_assert_eq!(other, Outcome::Unchanged);
                return Ok(());
            }
        };
        let shown = String::from_utf8_lossy(&sealed).into_owned();
        // What is encoded is not sealed.
        prop_assume!(told.iter().all(|one| one.1 == Action::Tokenise));
        let Outcome::Changed(opened) = SEALS.open(&sealed, Form::Json, Some("transfer"), &mut |_| {}) else {
            return Err(TestCaseError::fail(shown));
        };
        let got: Value = serde_json::from_slice(&opened).expect("JSON");
        prop_assert_eq!(got, call, "{}\n{}", shown, String::from_utf8_lossy(&opened));
    }

    #[test]
    fn nothing_that_is_told_holds_what_was_found(message in message()) {
        let message = json!([message]);
        let text = message.to_string();
        let mut scratch = REDACTS.scratch().expect("scratch");
        let mut all = Vec::new();
        REDACTS.inspect(Side::Request, text.as_bytes(), Form::Json, &mut scratch, &mut |told| {
            all.push((told.pointer.to_owned(), told.start, told.bytes));
        });
        let found = INSPECTOR.scan(text.as_bytes(), Form::Json, &mut scratch).expect("within").to_vec();
        for (pointer, ..) in &all {
            for one in &found {
                let secret = String::from_utf8_lossy(scratch.secret(text.as_bytes(), one)).into_owned();
                prop_assert!(secret.len() < 4 || !pointer.contains(&secret), "{pointer}\n{secret}");
            }
        }
        prop_assert!(all.is_sorted_by_key(|(_, start, _)| *start));
    }

    #[test]
    fn any_bytes_are_looked_into_and_opened(text: Vec<u8>, json: bool) {
        let form = if json { Form::Json } else { Form::Text };
        let mut scratch = SEALS.scratch().expect("scratch");
        SEALS.inspect(Side::Request, &text, form, &mut scratch, &mut |_| {});
        let arguments = [br#"{"params":{"arguments":["[SEALED:card:"#.as_slice(), &text].concat();
        SEALS.open(&arguments, Form::Json, Some("transfer"), &mut |_| {});
    }
}
