//! What becomes of messages.

mod properties;
mod stream;
mod tokens;

use std::sync::{Arc, LazyLock};

use serde_json::{Value, json};

use super::{TOKEN, base64, inspector};
use crate::{
    Action, Blocked, Class, EngineKind, Entry, Exceeded, Form, Inspector, Keep, Keys, Limits, Of,
    Outcome, OverLimit, Policy, RuleSet, Settings, Side, Why,
};

static INSPECTOR: LazyLock<Arc<Inspector>> =
    LazyLock::new(|| Arc::new(inspector(EngineKind::BEST)));

const CARD: &str = "4111 1111 1111 1111";
const REDACT: Action = Action::Redact(Keep::Nothing);

fn all(action: Action) -> Entry {
    Entry { of: Of::All, side: None, action }
}

fn class(class: Class, action: Action) -> Entry {
    Entry { of: Of::Class(class), side: None, action }
}

fn rules(id: &str, action: Action) -> Entry {
    Entry { of: Of::Rules(id.into()), side: None, action }
}

fn keys() -> Arc<Keys> {
    Arc::new(Keys::from_text(&"k".repeat(32)).expect("keys"))
}

fn policy(actions: &[Entry]) -> Policy {
    let open_for = ["transfer".to_owned(), "pay_*".to_owned()];
    let settings =
        Settings { server: "billing", actions, over_limit: OverLimit::Block, open_for: &open_for };
    Policy::new(Arc::clone(&INSPECTOR), settings, keys()).expect("rules that are there")
}

/// What becomes of a message, and what is told: rule, action, pointer, bytes.
fn inspected(
    policy: &Policy,
    side: Side,
    message: &[u8],
) -> (Outcome, Vec<(String, Action, String, usize)>) {
    let mut scratch = policy.scratch().expect("scratch");
    let mut told = Vec::new();
    let outcome = policy.inspect(side, message, Form::of(message), &mut scratch, &mut |one| {
        told.push((one.rule.id.clone(), one.action, one.pointer.to_owned(), one.bytes));
    });
    (outcome, told)
}

fn changed(policy: &Policy, message: &str) -> String {
    match inspected(policy, Side::Response, message.as_bytes()).0 {
        Outcome::Changed(changed) => String::from_utf8(changed).expect("text"),
        other => panic!("{other:?}: {message}"),
    }
}

fn blocked(policy: &Policy, side: Side, message: &str) -> Blocked {
    match inspected(policy, side, message.as_bytes()).0 {
        Outcome::Blocked(blocked) => blocked,
        other => panic!("{other:?}: {message}"),
    }
}

#[test]
fn secrets_are_redacted_and_all_else_is_told_unless_the_operator_says_otherwise() {
    let policy = policy(&[]);
    for side in Side::ALL {
        let message = format!(r#"{{"a":{{"b":[1,"x {TOKEN}"]}},"mail":"ada@acme-corp.com"}}"#);
        let (outcome, told) = inspected(&policy, side, message.as_bytes());
        let expected = message.replace(TOKEN, "[REDACTED:github-personal-access-token]");
        assert_eq!(outcome, Outcome::Changed(expected.into_bytes()));
        let secret = ("github-personal-access-token".into(), REDACT, "/a/b/1".into(), TOKEN.len());
        let mail = ("email-address".into(), Action::Report, "/mail".into(), 17);
        assert_eq!(told, [secret, mail]);
    }
    let (outcome, told) = inspected(&policy, Side::Request, br#"{"mail":"ada@acme-corp.com"}"#);
    assert_eq!((outcome, told.len()), (Outcome::Unchanged, 1));
    assert_eq!(inspected(&policy, Side::Request, br#"{"a":1}"#), (Outcome::Unchanged, vec![]));
}

#[test]
fn the_first_entry_that_fits_decides() {
    let only = |entry: Entry, side| Entry { side: Some(side), ..entry };
    let policy = policy(&[
        only(rules("github-*", Action::Block), Side::Request),
        class(Class::Email, Action::Ignore),
        only(all(Action::Report), Side::Request),
    ]);
    let message = format!(r#"{{"t":"{TOKEN}","m":"ada@acme-corp.com","c":"{CARD}"}}"#);
    let (outcome, told) = inspected(&policy, Side::Request, message.as_bytes());
    let pointer = "/t".to_owned();
    let why = Why::Rule("github-personal-access-token".into());
    assert_eq!(outcome, Outcome::Blocked(Blocked { why, pointer }));
    assert_eq!(told.len(), 2, "what is ignored is not told, what is found beside a block is");
    let (outcome, told) = inspected(&policy, Side::Response, message.as_bytes());
    assert!(matches!(outcome, Outcome::Changed(_)));
    assert_eq!(told.iter().map(|one| one.1).collect::<Vec<_>>(), [REDACT, Action::Report]);
}

#[test]
fn a_block_names_the_rule_and_the_place_and_never_the_value() {
    let policy = policy(&[all(Action::Block)]);
    let message = format!(r#"{{"params":{{"arguments":{{"env":"A={TOKEN}"}}}}}}"#);
    let said = blocked(&policy, Side::Request, &message).to_string();
    assert_eq!(said, "rule `github-personal-access-token` at /params/arguments/env");
    let said = blocked(&policy, Side::Request, &format!("token {TOKEN}")).to_string();
    assert_eq!(said, "rule `github-personal-access-token`", "what is no JSON has no pointers");
}

#[test]
fn a_secret_in_a_key_is_in_no_pointer() {
    let policy = policy(&[]);
    let message = format!(r#"{{"a":{{"{TOKEN}":{{"{TOKEN} x":1,"p":"{CARD}"}}}}}}"#);
    let (outcome, told) = inspected(&policy, Side::Response, message.as_bytes());
    let Outcome::Changed(clean) = outcome else { panic!("{outcome:?}") };
    assert!(!String::from_utf8_lossy(&clean).contains(TOKEN));
    assert!(told.len() >= 2 && told.iter().all(|one| one.2 == "/a"), "{told:?}");
    let policy = self::policy(&[all(Action::Block)]);
    let said = blocked(&policy, Side::Response, &message).to_string();
    assert!(!said.contains(TOKEN) && said.ends_with(" at /a"), "{said}");
}

#[test]
fn a_redaction_keeps_what_it_is_told_to() {
    let policy = policy(&[
        class(Class::Card, Action::Redact(Keep::Last4)),
        class(Class::Email, Action::Redact(Keep::Domain)),
    ]);
    let message = format!(r#"{{"c":"{CARD}","m":"Ada <ada@acme-corp.com>"}}"#);
    let expected = r#"{"c":"[REDACTED:payment-card:1111]","m":"Ada <[REDACTED:email-address]@acme-corp.com>"}"#;
    assert_eq!(changed(&policy, &message), expected);
    assert_eq!(
        inspected(&policy, Side::Response, expected.as_bytes()),
        (Outcome::Unchanged, vec![])
    );
}

#[test]
fn a_number_that_a_tool_promised_is_not_replaced_by_text() {
    let policy = policy(&[class(Class::Card, REDACT)]);
    let message = |card: &str| {
        format!(r#"{{"id":1,"result":{{"content":[],"structuredContent":{{"card":{card}}}}}}}"#)
    };
    let said = blocked(&policy, Side::Response, &message("4111111111111111"));
    assert_eq!(said.why, Why::Invalid("payment-card".into()));
    assert_eq!(said.pointer, "/result/structuredContent/card");
    // What is told is what was done.
    let number = message("4111111111111111");
    let (_, told) = inspected(&policy, Side::Response, number.as_bytes());
    assert_eq!(told.iter().map(|one| one.1).collect::<Vec<_>>(), [Action::Block]);
    let text = changed(&policy, &message("\"4111111111111111\""));
    assert_eq!(text, message("\"[REDACTED:payment-card]\""));
    let elsewhere = r#"{"id":1,"result":{"card":4111111111111111}}"#;
    let expected = r#"{"id":1,"result":{"card":"[REDACTED:payment-card]"}}"#;
    assert_eq!(changed(&policy, elsewhere), expected);
}

#[test]
fn what_a_message_goes_by_is_not_replaced() {
    let policy = policy(&[]);
    let message = format!(r#"{{"jsonrpc":"2.0","id":"{TOKEN}","method":"ping"}}"#);
    let said = blocked(&policy, Side::Request, &message);
    assert_eq!(said.why, Why::Invalid("github-personal-access-token".into()));
    assert_eq!(said.pointer, "/id");
    assert!(!said.to_string().contains(TOKEN));
}

#[test]
fn what_cannot_be_made_valid_is_not_passed_on() {
    let policy = policy(&[]);
    let mut scratch = policy.scratch().expect("scratch");
    for broken in [format!(r#"{{"a":"{TOKEN}","#), format!("{{\"a\":\u{7f}\"{TOKEN}\"}}")] {
        let outcome = policy.inspect(
            Side::Response,
            broken.as_bytes(),
            Form::Json,
            &mut scratch,
            &mut |_| {},
        );
        let why = Why::Invalid("github-personal-access-token".into());
        let expected = Outcome::Blocked(Blocked { why, pointer: String::new() });
        assert_eq!(outcome, expected, "{broken}");
    }
    let line = format!("{{\"a\":\"{TOKEN}\nb\"}}");
    assert!(!changed(&policy, &line).contains(TOKEN), "many readers take it");
}

#[test]
fn json_within_strings_is_json_again_however_deep() {
    let policy = policy(&[class(Class::Card, REDACT)]);
    let mut message = json!({"card": 4_111_111_111_111_111_u64, "note": "a \"b\"\n"}).to_string();
    for depth in 0..4 {
        let mut clean: Value = serde_json::from_str(&changed(&policy, &message)).expect("JSON");
        for _ in 0..depth {
            clean = serde_json::from_str(clean["t"].as_str().expect("text")).expect("JSON");
        }
        assert_eq!(clean, json!({"card": "[REDACTED:payment-card]", "note": "a \"b\"\n"}));
        message = json!({ "t": message }).to_string();
    }
}

#[test]
fn a_number_on_a_line_of_json_becomes_a_string() {
    let text =
        "two of them:\n{\"n\":0,\"card\":4111111111111111}\n{\"cards\":[4111111111111111]}\n";
    let prose = "a, 4111111111111111, b";
    let hidden = "[REDACTED:payment-card]";
    let quoted = text.replace("4111111111111111", &format!("\"{hidden}\""));
    let with = policy(&[class(Class::Card, REDACT)]);
    assert_eq!(changed(&with, text), quoted);
    assert_eq!(changed(&with, prose), prose.replace("4111111111111111", hidden));
    let message = json!({ "text": text }).to_string();
    let clean: Value = serde_json::from_str(&changed(&with, &message)).expect("JSON");
    assert_eq!(clean["text"], quoted);
    let clean = changed(&with, &base64(text.as_bytes()));
    let mut decoded = Vec::new();
    crate::layer::base64::decode(clean.trim_end_matches('=').as_bytes(), &mut decoded);
    assert_eq!(decoded, quoted.as_bytes());
    for within in ["{\n  \"n\": CARD\n}", "[\n  1,\n  CARD\n]", "[\n\tCARD\r\n]"] {
        let inner = within.replace("CARD", "4111111111111111");
        let text = format!("log: {} and more", json!({ "k": inner }));
        let clean = changed(&with, &text);
        let line = clean.strip_prefix("log: ").and_then(|clean| clean.strip_suffix(" and more"));
        let read: Value = serde_json::from_str(line.expect("the line")).expect("JSON");
        let quoted = within.replace("CARD", &format!("\"{hidden}\""));
        assert_eq!(read["k"], quoted, "{clean}");
    }
    let sealed = changed(&policy(&[class(Class::Card, Action::Tokenise)]), text);
    for line in sealed.lines().skip(1) {
        assert!(line.contains("\"[SEALED:card:"), "{sealed}");
        serde_json::from_str::<Value>(line).expect("JSON");
    }
}

#[test]
fn of_what_overlaps_the_strictest_action_counts() {
    let url = "postgres://ada:Tr0ub4dor3zzQ@db.acme-corp.com/x";
    let message = json!({ "url": url }).to_string();
    let (outcome, told) = inspected(&policy(&[]), Side::Response, message.as_bytes());
    let Outcome::Changed(clean) = outcome else { panic!("{outcome:?}") };
    let clean = String::from_utf8(clean).expect("text");
    assert!(!clean.contains("Tr0ub4dor"), "{clean}");
    assert!(told.iter().any(|one| one.1 == REDACT), "{told:?}");
    let first = told.iter().find(|one| one.1 == REDACT).expect("it was").0.clone();
    let stricter = policy(&[rules(&first, Action::Block), all(REDACT)]);
    assert_eq!(blocked(&stricter, Side::Response, &message).why, Why::Rule(first.into()));
}

#[test]
fn in_base64_all_that_is_found_goes_also_what_crosses_it() {
    let policy = policy(&[]);
    let encoded = base64(json!({"token": TOKEN}).to_string().as_bytes());
    let message = json!({ "password": encoded, "blob": format!("x {encoded}") }).to_string();
    let clean = changed(&policy, &message);
    let again = inspected(&policy, Side::Response, clean.as_bytes());
    assert_eq!(again, (Outcome::Unchanged, vec![]), "{clean}");
}

#[test]
fn base64_that_is_written_anew_is_looked_into_again() {
    let hash = "e0NSWVBUfSQ2JEx3Q2R5TUtsNHBEeW4xWWlxb25LN1I2TGdlR1E2YlRmeklVcGZQMS9rV2tVQXEvRkF5LnBOOW5qQUY0eHdzZ2hNTFphNlVWNExRemN6YzV3QzdXZU54WDZDYw==";
    let policy = policy(&[]);
    let clean = changed(&policy, &json!([format!("cn: bob\nuserPassword:: {hash}")]).to_string());
    let again = inspected(&policy, Side::Response, clean.as_bytes());
    assert_eq!(again, (Outcome::Unchanged, vec![]), "{clean}");
}

#[test]
fn what_cannot_be_looked_into_whole_is_blocked_or_told() {
    let limits = Limits { message_bytes: 64, ..Limits::default() };
    let set = RuleSet::built_in().expect("rules");
    let inspector = Arc::new(Inspector::new(set, EngineKind::BEST, limits).expect("an engine"));
    let of = |over_limit| {
        let settings = Settings { server: "a", actions: &[], over_limit, open_for: &[] };
        Policy::new(Arc::clone(&inspector), settings, keys()).expect("rules")
    };
    let message = format!(r#"{{"a":"{}"}}"#, " ".repeat(64));
    let exceeded = Exceeded::Bytes { bytes: message.len(), most: 64 };
    let outcome = inspected(&of(OverLimit::Block), Side::Request, message.as_bytes()).0;
    let Outcome::Blocked(blocked) = outcome else { panic!("{outcome:?}") };
    assert_eq!(blocked.why, Why::Limit(exceeded.clone()));
    assert_eq!(blocked.to_string(), "the message has 72 bytes; 64 are looked into");
    let outcome = inspected(&of(OverLimit::Pass), Side::Request, message.as_bytes()).0;
    assert_eq!(outcome, Outcome::Passed(exceeded));
}

#[test]
fn a_rule_says_itself_what_becomes_of_what_it_finds() {
    let file = "[[rules]]\nid = 'a'\nregex = 'aaa1'\naction = 'block'\ndirection = 'request'\n\
                [[rules]]\nid = 'b'\nregex = 'bbb2'\nclass = 'email'\naction = 'redact'\n";
    let load = |file: &str| RuleSet::from_file("own.toml", file, &mut |_| Err("none".into()));
    let set = load(file).expect("rules");
    let inspector = Inspector::new(set, EngineKind::BEST, Limits::default()).expect("an engine");
    let settings =
        Settings { server: "x", actions: &[], over_limit: OverLimit::Block, open_for: &[] };
    let policy = Policy::new(Arc::new(inspector), settings, keys()).expect("rules");
    assert_eq!(blocked(&policy, Side::Request, r#"["aaa1"]"#).why, Why::Rule("a".into()));
    assert_eq!(changed(&policy, r#"["aaa1 bbb2"]"#), r#"["[REDACTED:a] [REDACTED:b]"]"#);
    let error = |what: &str| {
        load(&format!("[[rules]]\nid = 'a'\nregex = 'a'\n{what}\n")).expect_err("wrong").to_string()
    };
    assert!(error("action = 'mask'").ends_with(
        "there is no action `mask`; there are: ignore, report, tokenise, redact, block"
    ));
    assert!(error("action = 'block'\ndirection = 'out'").contains("there are: request, response"));
    assert!(error("direction = 'request'").contains("`direction` without `action`"));
}

#[test]
fn a_rule_that_is_not_there_is_said_with_one_that_is() {
    let unknown = |id: &str| {
        let entries = [rules(id, Action::Block)];
        let settings = Settings {
            server: "a",
            actions: &entries,
            over_limit: OverLimit::Block,
            open_for: &[],
        };
        let error = Policy::new(Arc::clone(&INSPECTOR), settings, keys()).err().expect("none");
        error.to_string()
    };
    let said = "there is no rule `aws-acess-key-id`; did you mean `aws-access-key-id`?";
    assert_eq!(unknown("aws-acess-key-id"), said);
    assert_eq!(unknown("banana"), "there is no rule `banana`");
    assert_eq!(unknown(&"x".repeat(1000)), format!("there is no rule `{}`", "x".repeat(1000)));
    assert_eq!(
        unknown("githup-*"),
        "no rule's id matches `githup-*`",
        "a pattern is near to no id"
    );
    let set = RuleSet::built_in().expect("rules");
    let left = set.without(["github-*", "jwt"]).expect("they are there");
    assert!(!left.rules().iter().any(|rule| rule.id.starts_with("github-") || rule.id == "jwt"));
    assert!(left.rules().len() > 200);
    let error = left.without(["jwt"]).expect_err("it is no more");
    assert_eq!(error.id, "jwt");
}

#[test]
fn no_rule_finds_anything_in_what_redactions_leave() {
    let policy = policy(&[all(Action::Block)]);
    let sealed = self::policy(&[all(Action::Tokenise)]);
    let card = changed(&sealed, &json!([CARD]).to_string());
    let card = card.trim_matches(|c| "[]\"".contains(c));
    let keys = ["password", "api_key", "secret", "token", "card", "ssn", "phone", "iban", "email"];
    let mut placeholders = vec![format!("[{card}]")];
    for rule in INSPECTOR.rules() {
        placeholders.push(format!("[REDACTED:{}]", rule.id));
        placeholders.push(format!("[REDACTED:{}:1aB4]", rule.id));
        placeholders.push(format!("[REDACTED:{}]@acme-corp.com", rule.id));
    }
    for placeholder in placeholders {
        for key in keys {
            let message = json!({ key: placeholder, "text": format!("{key}: {placeholder}, {key}={placeholder};") });
            let (outcome, told) = inspected(&policy, Side::Request, message.to_string().as_bytes());
            assert_eq!((outcome, told), (Outcome::Unchanged, vec![]), "{message}");
        }
    }
}

#[test]
fn nothing_hides_in_what_only_looks_like_a_placeholder() {
    let policy = policy(&[]);
    for text in [
        format!("[REDACTED:{TOKEN}]"),
        format!("[REDACTED:jwt:{TOKEN}]"),
        format!("[SEALED:secret:{TOKEN}]"),
        format!("[SEALED:card:{TOKEN}]"),
        format!("[REDACTED:jwt] {TOKEN}"),
        format!("[REDACTED:jwt {TOKEN}"),
    ] {
        let clean = changed(&policy, &json!([text]).to_string());
        assert!(!clean.contains(&TOKEN[4..]), "{clean}");
    }
}

#[test]
fn a_message_of_very_many_findings_is_redacted_whole() {
    let policy = policy(&[class(Class::Card, Action::Redact(Keep::Last4))]);
    let message = Value::from(vec![Value::from(CARD); 20_000]).to_string();
    let (outcome, told) = inspected(&policy, Side::Response, message.as_bytes());
    assert_eq!(told.len(), 20_000);
    assert_eq!(told.last().map(|one| one.2.as_str()), Some("/19999"));
    let expected = message.replace(CARD, "[REDACTED:payment-card:1111]");
    assert!(outcome == Outcome::Changed(expected.into_bytes()));
    let one = json!([vec![CARD; 3_000].join(" | ")]).to_string();
    let expected = one.replace(CARD, "[REDACTED:payment-card:1111]");
    assert!(
        inspected(&policy, Side::Response, one.as_bytes()).0
            == Outcome::Changed(expected.into_bytes())
    );
}

#[test]
fn the_page_about_it_shows_what_becomes_of_its_examples() {
    let page = include_str!("../../../../docs/keep-secrets-out.md");
    let blocks: Vec<_> = page.split("\n```json\n").skip(1).collect();
    let example = |index: usize| blocks[index].split("\n```").next().expect("its end");
    assert_eq!(changed(&policy(&[]), example(0)), example(1));
    let mail = "mail ada@acme-corp.com, card 4111 1111 1111 1111";
    assert!(page.contains(&format!("| action | of `{mail}` is left |")));
    for (actions, left) in [
        (vec![all(REDACT)], "`mail [REDACTED:email-address], card [REDACTED:payment-card]`"),
        (
            vec![class(Class::Email, Action::Redact(Keep::Domain))],
            "`mail [REDACTED:email-address]@acme-corp.com, …`",
        ),
        (
            vec![class(Class::Card, Action::Redact(Keep::Last4))],
            "`…, card [REDACTED:payment-card:1111]`",
        ),
    ] {
        assert!(page.contains(left), "{left}");
        let clean = changed(&policy(&actions), mail);
        assert!(left.trim_matches('`').split('…').all(|part| clean.contains(part)), "{clean}");
    }
}
