//! What a message may take: found whole or told as too much, in steps that grow as its length does. Nothing here looks
//! at a clock.

use std::fmt::Write;
use std::sync::LazyLock;

use super::{TOKEN, inspector, of_rules};
use crate::{EngineKind, Exceeded, Finding, Form, Inspector, Limits, RuleSet, Scratch, spliced};

static INSPECTOR: LazyLock<Inspector> = LazyLock::new(|| inspector(EngineKind::BEST));

fn scanned(inspector: &Inspector, message: &str) -> (Scratch, Result<Vec<Finding>, Exceeded>) {
    let mut scratch = inspector.scratch().expect("scratch");
    let form = Form::of(message.as_bytes());
    let found = inspector.scan(message.as_bytes(), form, &mut scratch).map(<[Finding]>::to_vec);
    (scratch, found)
}

/// Its memory is given back with the next message, and by itself where one asks for that.
fn gives_back(inspector: &Inspector, mut scratch: Scratch) {
    inspector.trim(&mut scratch).expect("an engine");
    assert!(scratch.bytes() < 1 << 16, "{}", scratch.bytes());
}

fn with(limits: Limits) -> Inspector {
    let set = RuleSet::built_in().expect("rules");
    Inspector::new(set, EngineKind::BEST, limits).expect("an engine")
}

const MIB: usize = 1 << 20;

#[test]
fn a_string_of_16_mib_is_looked_into_from_end_to_end() {
    let words = "the quick brown fox jumps over the lazy dog, ".repeat(16 * MIB / 45);
    let message = format!(r#"{{"text":"{TOKEN} {words} {TOKEN}"}}"#);
    let (scratch, found) = scanned(&INSPECTOR, &message);
    let found = found.expect("within limits");
    let first = message.find(TOKEN).expect("it is there");
    let last = message.rfind(TOKEN).expect("it is there");
    for at in [first, last] {
        assert!(found.iter().any(|one| one.source() == (at..at + TOKEN.len())), "{at}");
    }
    assert!(scratch.searched < 8 * message.len(), "{} of {}", scratch.searched, message.len());
    gives_back(&INSPECTOR, scratch);
}

#[test]
fn a_string_of_16_mib_of_escapes_takes_memory_as_its_length_does() {
    let message = format!(r#"{{"text":"{}{TOKEN}"}}"#, r"\n".repeat(8 * MIB));
    let (scratch, found) = scanned(&INSPECTOR, &message);
    assert!(!found.expect("within limits").is_empty());
    assert!(scratch.bytes() < 64 * message.len(), "{}", scratch.bytes());
    gives_back(&INSPECTOR, scratch);
}

#[test]
fn a_million_strings_are_looked_into_one_by_one() {
    let mut message = String::from("[");
    for number in 0..1_000_000 {
        let _ = write!(message, "\"{number}\",");
    }
    let _ = write!(message, "\"{TOKEN}\"]");
    let (scratch, found) = scanned(&INSPECTOR, &message);
    let found = found.expect("within limits");
    assert!(found.iter().any(|one| message[one.source()] == *TOKEN), "{}", found.len());
    // Most are too short for any rule.
    assert!(scratch.searched < 16 * message.len(), "{} of {}", scratch.searched, message.len());
    gives_back(&INSPECTOR, scratch);
}

#[test]
fn a_hundred_thousand_matches_are_found_and_cut_out() {
    let one = format!("\"{TOKEN}\",");
    let message = format!("[{}0]", one.repeat(100_000));
    // Several rules find each; so many are allowed.
    let inspector = with(Limits { findings: 1_000_000, ..Limits::default() });
    let (scratch, found) = scanned(&inspector, &message);
    let found = found.expect("within limits");
    assert!(found.len() >= 100_000);
    assert!(scratch.searched < 64 * message.len(), "{} of {}", scratch.searched, message.len());
    let splices = scratch.splices(message.as_bytes(), Form::Json, &found, |_| Some(b"x".to_vec()));
    let clean = spliced(message.as_bytes(), &splices);
    assert!(clean == format!("[{}0]", "\"x\",".repeat(100_000)).into_bytes());
    gives_back(&inspector, scratch);
    // And with fewer allowed it is told.
    let inspector = with(Limits { findings: 99, ..Limits::default() });
    let error = scanned(&inspector, &one.repeat(100)).1.expect_err("too many");
    assert_eq!(error.to_string(), "the message has more than 99 matches");
}

#[test]
fn each_limit_is_told_by_its_name() {
    let told = |limits: Limits, message: &str| {
        scanned(&with(limits), message).1.expect_err("too much").to_string()
    };
    let of = Limits::default();
    let bytes = told(Limits { message_bytes: 9, ..of }, "0123456789");
    assert_eq!(bytes, "the message has 10 bytes; 9 are looked into");
    let hits = told(Limits { hits: 0, ..of }, TOKEN);
    assert!(hits.contains("more than 0 places at which a rule is asked"), "{hits}");
    let run = super::base64(b"a text that is long enough to be looked into");
    let texts = told(Limits { texts: 2, ..of }, &format!("{run} {run} {run}"));
    assert!(texts.contains("more than 2 texts within texts"), "{texts}");
    let words = "a b ".repeat(2 * MIB);
    let decoded = told(Limits { decoded_times: 0, ..of }, &format!("é {words}"));
    assert!(decoded.contains("bytes in texts within texts"), "{decoded}");
    let unseen = told(Limits { unseen: 9, ..of }, &"\u{200b}".repeat(10));
    assert_eq!(unseen, "the message has more than 9 characters that nobody sees");
    // A rule that is asked everywhere, again behind each of its matches.
    let file = "[[rules]]\nid = 'all'\nregex = '[a-z]+.*?'\n";
    let set = RuleSet::from_file("own.toml", file, &mut |_| Err("none".into())).expect("a rule");
    let inspector = Inspector::new(set, EngineKind::BEST, of).expect("an engine");
    let error = scanned(&inspector, &"ab ".repeat(100_000)).1.expect_err("quadratic");
    assert!(error.to_string().ends_with("bytes that regexes search"), "{error}");
    assert!(scanned(&inspector, &"ab ".repeat(1000)).1.is_ok());
}

#[test]
fn the_matches_of_every_built_in_rule_have_a_longest() {
    for rule in INSPECTOR.rules() {
        assert!(rule.bytes_max().is_some_and(|most| most < 20_000), "{}", rule.id);
    }
}

/// What almost matches, over and over: without its end, without its beginning, beside itself and apart.
#[test]
fn near_misses_of_every_rule_are_searched_in_steps_that_grow_as_the_text_does() {
    const SHORT: usize = 2 << 10;
    let inspector = &*INSPECTOR;
    let mut scratch = inspector.scratch().expect("scratch");
    let mut steps = |text: &str| {
        let found = inspector.scan(text.as_bytes(), Form::Text, &mut scratch);
        found.expect("within limits");
        scratch.searched
    };
    for rule in inspector.rules() {
        let example: Vec<char> = rule.examples[0].chars().collect();
        let part =
            |from: usize, end: usize| -> String { example[from..end.max(from)].iter().collect() };
        let length = example.len();
        for (near, between) in
            [(part(0, length - 1), ""), (part(1, length), " "), (part(0, length / 2), "")]
        {
            let one = format!("{near}{between}");
            if one.is_empty() {
                continue;
            }
            let short = one.repeat(SHORT.div_ceil(one.len()));
            let long = short.repeat(3);
            let (few, many) = (steps(&short), steps(&long));
            // Of three times the text; were each step held against each other, it would be nine times as many.
            let fits = many <= few * 5 + (1 << 18);
            assert!(
                fits && many <= 256 * long.len(),
                "{}: {few} {many} of {}",
                rule.id,
                long.len()
            );
        }
    }
}

/// What is escaped, encoded or begun over and over: neither more bytes are decoded nor more searched for each.
#[test]
fn one_thing_over_and_over_is_read_in_steps_that_grow_as_the_text_does() {
    const SHORT: usize = 16 << 10;
    let twice = |text: &str| super::base64(super::base64(text.as_bytes()).as_bytes());
    let nested = |text: &str| serde_json::json!({ "t": text }).to_string();
    let mut scratch = INSPECTOR.scratch().expect("scratch");
    for one in [
        r"\".to_owned(),
        r#"\""#.to_owned(),
        r#"\\\""#.to_owned(),
        r"\u0041".to_owned(),
        nested(&nested(&nested("a \"quoted\" word\n"))),
        "%25".to_owned(),
        "%2541".to_owned(),
        "&amp;".to_owned(),
        "&amp;amp;".to_owned(),
        "==== ".to_owned(),
        format!("==== {}", twice("a text that is not too short")),
        format!("{}\n", twice("a text that is not too short")),
        "a=b+c&".to_owned(),
        "k=+".to_owned(),
        "(dob,".to_owned(),
        "|dob".to_owned(),
        "[[\"dob\",".to_owned(),
        "id,dob\n1,1984-03-12\n".to_owned(),
        "(dob,x)values(".to_owned(),
    ] {
        let short = one.repeat(SHORT.div_ceil(one.len()));
        let [few, many] = [short.clone(), short.repeat(4)].map(|text| {
            let found = INSPECTOR.scan(text.as_bytes(), Form::Text, &mut scratch);
            found.expect("within limits");
            let decoded: usize = scratch.texts.iter().map(|text| text.layer.text().len()).sum();
            (scratch.searched, decoded, text.len())
        });
        let fits = many.0 <= few.0 * 5 + (1 << 16) && many.0 <= 64 * many.2;
        assert!(fits && many.1 <= 5 * many.2, "{one}: {few:?} {many:?}");
    }
}

/// What is between a key's first line and its last may be long, and is not read again for each of many that begin.
#[test]
fn private_keys_over_and_over_are_searched_in_steps_that_grow_as_the_text_does() {
    let line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n";
    for kind in ["RSA PRIVATE KEY", "PRIVATE KEY", "PGP PRIVATE KEY BLOCK"] {
        let begin = format!("-----BEGIN {kind}-----\n");
        let end = format!("-----END {kind}-----\n");
        for one in [
            begin.clone(),
            format!("{begin}{line}"),
            format!("{begin}{line}{end}"),
            format!("{begin}{}{end}", line.repeat(20)),
            format!("{end}{begin}{}", line.repeat(200)),
        ] {
            let text = one.repeat(MIB / one.len());
            let (scratch, found) = scanned(&INSPECTOR, &text);
            found.expect("within limits");
            assert!(scratch.searched < 128 * text.len(), "{kind}: {}", scratch.searched);
        }
    }
}

#[test]
fn a_long_value_is_not_searched_again_with_its_neighbours_for_each_place_in_it() {
    let rule =
        "[[rules]]\nid = 'a'\nregex = 'password[\", :]{1,9}([a-z]{9})'\nacrossValues = true\n";
    let inspector = of_rules(rule);
    let text = "the password is told to nobody; ".repeat(20_000);
    let message = serde_json::json!(["password", "whatsoever", text]).to_string();
    let (scratch, found) = scanned(&inspector, &message);
    assert_eq!(found.expect("within limits").len(), 1);
    assert!(scratch.searched < 4 * message.len(), "{} of {}", scratch.searched, message.len());
}

#[test]
fn what_a_rule_asks_for_may_be_in_a_neighbour_of_a_long_value() {
    let rules = [
        "regex = '[0-9]{9}'\nkeywords = ['pincode']",
        "regex = '[0-9]{9}'\ncontext = ['pincode']\nrequireContext = true",
    ];
    for rule in rules {
        let file = format!("[[rules]]\nid = 'a'\nacrossValues = true\n{rule}\n");
        let inspector = of_rules(&file);
        let text = format!("{} 123456789 {}", "x ".repeat(20), "x ".repeat(200));
        let message = serde_json::json!(["pincode", text]).to_string();
        let (_, found) = scanned(&inspector, &message);
        assert_eq!(found.expect("within limits").len(), 1, "{rule}");
    }
}

#[test]
fn keywords_and_lines_are_not_looked_for_again_for_each_match() {
    let file = "[[rules]]\nid = 'own'\nregex = '[0-9]{6}x'\nkeywords = ['pin']\n\
                allowlist = { regexTarget = 'line', regexes = ['never'] }\n";
    let inspector = of_rules(file);
    let message = format!(
        "{} pin",
        "123456x and what else stands in a line of sixty-four bytes or so ".repeat(50_000)
    );
    let (scratch, found) = scanned(&inspector, &message);
    assert_eq!(found.expect("within limits").len(), 50_000);
    // Each has 2 KiB of its line around it at most.
    let most = 50_000 * (2048 + 100) + 8 * message.len();
    assert!(scratch.searched <= most, "{}", scratch.searched);
}
