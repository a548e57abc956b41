//! A text in windows: what comes out is what would come out of the whole.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::{TOKEN, base64, inspector, redacted};
use crate::{EngineKind, Exceeded, Finding, Form, Inspector, Windows};

static INSPECTOR: LazyLock<Inspector> = LazyLock::new(|| inspector(EngineKind::BEST));

/// What comes out of a text in these pieces; never more in memory than was said, and no byte before it may.
fn streamed<'p>(
    hold: usize,
    pieces: impl Iterator<Item = &'p [u8]>,
) -> Result<(Vec<u8>, usize), Exceeded> {
    let inspector = &*INSPECTOR;
    let mut scratch = inspector.scratch()?;
    let mut windows = Windows::new(hold);
    let (mut out, mut told) = (Vec::new(), 0);
    let mut pieces = pieces.peekable();
    while let Some(mut rest) = pieces.next() {
        if pieces.peek().is_none() {
            // What it ends with was fed before.
            assert!(rest.is_empty(), "the last piece is none");
            windows.end();
        }
        loop {
            rest = windows.feed(rest);
            let Some(window) = windows.window() else { break };
            assert!(window.len() <= windows.bytes_max());
            let findings = inspector.scan(window, Form::Text, &mut scratch)?.to_vec();
            let settled = windows.settle(&findings, &scratch)?;
            told += settled.findings().len();
            let with = |one: &Finding| {
                inspector.rule(one).map(|rule| format!("[REDACTED:{}]", rule.id).into_bytes())
            };
            let splices = scratch.splices(window, Form::Text, settled.findings(), with);
            windows.release(&settled, &splices, &mut out);
        }
        assert!(rest.is_empty(), "what is left is taken when there is room");
    }
    Ok((out, told))
}

fn whole(text: &[u8]) -> (Vec<u8>, usize) {
    let mut scratch = INSPECTOR.scratch().expect("scratch");
    let told = INSPECTOR.scan(text, Form::Text, &mut scratch).expect("within limits").len();
    (redacted(&INSPECTOR, text, Form::Text), told)
}

fn in_pieces(text: &[u8], bytes: usize) -> impl Iterator<Item = &[u8]> {
    text.chunks(bytes).chain(std::iter::once(&[][..]))
}

fn streams_as_whole(hold: usize, text: &[u8], bytes: usize) {
    let (clean, told) = streamed(hold, in_pieces(text, bytes)).expect("within limits");
    let (expected, found) = whole(text);
    if clean != expected {
        let at = clean.iter().zip(&expected).position(|(one, other)| one != other);
        let at = at.unwrap_or(clean.len().min(expected.len()));
        let near = |text: &[u8]| {
            let end = (at + 200).min(text.len());
            text[at.saturating_sub(200)..end].escape_ascii().to_string()
        };
        panic!("at {at}:\n{}\nand of the whole\n{}", near(&clean), near(&expected));
    }
    assert_eq!(told, found, "each finding is told once");
}

/// Lines as logs have them, in which nothing is found.
fn lines(bytes: usize, seed: u64) -> String {
    const WORDS: [&str; 12] = [
        "started", "worker", "the", "request", "of", "shard", "done", "in", "queue", "retry", "ok",
        "=",
    ];
    let mut text = String::new();
    let mut state = seed | 1;
    while text.len() < bytes {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let word = WORDS[usize::try_from(state >> 33).expect("fits") % WORDS.len()];
        text.push_str(word);
        text.push(if state >> 60 == 0 { '\n' } else { ' ' });
    }
    text.truncate(bytes);
    text
}

fn pem(bytes: usize) -> String {
    let mut body =
        base64(&b"0123456789 not random but as long as it must be".repeat(bytes / 40)).into_bytes();
    body.truncate(bytes);
    let lines: Vec<&str> =
        body.chunks(64).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
    format!(
        "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n",
        lines.join("\n")
    )
}

#[test]
fn it_does_not_matter_where_a_text_was_cut() {
    let text = format!("{} {TOKEN}\n{}", lines(300, 1), lines(300, 2));
    let (expected, _) = whole(text.as_bytes());
    assert_ne!(expected, text.as_bytes());
    for at in 0..=text.len() {
        let (one, other) = text.as_bytes().split_at(at);
        let pieces = [one, other, &[][..]].into_iter();
        assert_eq!(streamed(0, pieces).expect("within limits").0, expected, "cut at {at}");
    }
}

/// Wherever a window ends, whatever is there: in plain, in base64, in escapes, in a URL.
#[test]
fn nothing_is_lost_at_the_end_of_a_window() {
    let window = Windows::new(0).bytes_max();
    let hold = window / 7;
    let inner = serde_json::json!({ "token": TOKEN, "note": "a\nb" }).to_string();
    let escaped = serde_json::to_string(&inner).expect("JSON");
    let percent: String = TOKEN.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let wide: String =
        TOKEN.chars().map(|c| char::from_u32(u32::from(c) + 0xfee0).expect("wide")).collect();
    let carried =
        [TOKEN.to_owned(), base64(inner.as_bytes()), escaped, format!("/?q={percent}"), wide];
    for (number, one) in carried.iter().enumerate() {
        // Where the first window ends, and where what is final of it does.
        for place in [window, window - hold] {
            for back in (0..one.len() + 8).step_by(if place == window { 29 } else { 7 }) {
                let before = lines(place.saturating_sub(back), 3);
                let text = format!("{before} {one} {}", lines(2000, 4));
                let (clean, _) = streamed(0, in_pieces(text.as_bytes(), 5000)).expect("within");
                let clean = String::from_utf8_lossy(&clean);
                let rest = [&before, " ", &lines(2000, 4)].concat().len();
                assert!(!clean.contains(one.as_str()), "{number} at {back}");
                assert!(clean.len() > rest, "{number} at {back}: the rest is there");
                assert!(clean.ends_with(&lines(2000, 4)) && clean.starts_with(&before));
            }
        }
    }
}

/// What is held back for the built-in rules covers the longest that they know, also encoded.
#[test]
fn the_longest_that_a_rule_knows_is_found_wherever_it_stands() {
    let hold = INSPECTOR.hold();
    let longest = INSPECTOR.rules().iter().filter_map(crate::Rule::bytes_max).max().expect("some");
    assert!(longest > 16 << 10 && hold >= 2 * longest && hold <= 64 << 10, "{longest} {hold}");
    let window = Windows::new(hold).bytes_max();
    let key = pem(15_900);
    let encoded = base64(key.as_bytes());
    for one in [&key, &encoded] {
        for share in 0..6 {
            let before = lines(window - hold - one.len() * share / 5, 5);
            let text = format!("{before}\n{one}\n{}", lines(3000, 6));
            let (clean, told) = streamed(hold, in_pieces(text.as_bytes(), 9999)).expect("within");
            assert!(told > 0 && clean.len() < text.len() - one.len() / 2, "{share}: {told}");
        }
    }
}

/// The head of a table says what its columns are however many windows its rows go through, and no further.
#[test]
fn a_column_goes_through_all_windows() {
    let window = Windows::new(0).bytes_max();
    let rows = |from: &str, row: &dyn Fn(usize, &str) -> String, apart: &str| -> String {
        let count = 4 * window / row(1000, "unknown").len();
        let date = |number: usize| if number % 500 == 499 { "1984-03-12" } else { "unknown" };
        let all: Vec<String> = (0..count).map(|number| row(number, date(number))).collect();
        format!("{from}{}", all.join(apart))
    };
    let line = |number: usize, date: &str| format!("{number},Jo,{date}");
    let cell = |number: usize, date: &str| format!("| {number} | {date} |");
    let tuple = |number: usize, date: &str| format!("({number}, 'Jo', '{date}')");
    for table in [
        rows("see:\nid,name,date_of_birth\n", &line, "\n"),
        rows("id,name,né,dob\n", &|number, date| format!("{number},é,x,{date}"), "\r\n"),
        rows("id,note,dob\n", &|number, date| format!("{number},\"a\nb, c\",{date}"), "\n"),
        rows("| id | birthday |\n|---|:--|\n", &cell, "\n"),
        rows("INSERT INTO t (id, name, dob) VALUES\n", &tuple, ",\n"),
        rows("INSERT INTO t (id, name, dob) VALUES ", &tuple, ","),
    ] {
        // Behind it the same stands as no table's.
        let text = format!("{table};\n\nand more:\nid,name,made\n{}", rows("", &line, "\n"));
        let (clean, told) = streamed(0, in_pieces(text.as_bytes(), 5000)).expect("within limits");
        let last = table.rfind("1984-03-12").expect("it is there");
        assert!(last > 3 * window && told == table.matches("1984-03-12").count(), "{told}");
        streams_as_whole(0, text.as_bytes(), 5000);
        let clean = String::from_utf8(clean).expect("text");
        let (_, behind) = clean.split_once("and more:").expect("it is there");
        assert!(behind.contains("1984-03-12") && !behind.contains("REDACTED"));
    }
}

#[test]
fn what_is_longer_than_a_window_is_not_passed_in_silence() {
    let text = base64(format!("{} {TOKEN} {}", lines(50_000, 7), lines(50_000, 8)).as_bytes());
    let error = streamed(0, in_pieces(text.as_bytes(), 4096)).expect_err("no run is cut");
    assert!(matches!(error, Exceeded::Window { .. }), "{error}");
    // Where it is let pass after all, it goes out as it is, and what comes behind it is looked into.
    let mut windows = Windows::new(0);
    let mut rest = windows.feed(text.as_bytes());
    let mut out = Vec::new();
    while windows.window().is_some() {
        let passed = windows.passed();
        windows.release(&passed, &[], &mut out);
        rest = windows.feed(rest);
    }
    windows.end();
    let passed = windows.passed();
    windows.release(&passed, &[], &mut out);
    assert!(rest.is_empty() && out == text.as_bytes());
    let clean = base64(lines(100_000, 9).as_bytes());
    let (out, told) = streamed(0, in_pieces(clean.as_bytes(), 4096)).expect("nothing is in it");
    assert!(out == clean.as_bytes() && told == 0);
}

/// Lines, and examples of rules as they are, in JSON, in JSON in JSON and in base64.
fn text() -> impl Strategy<Value = String> {
    let example = (any::<prop::sample::Index>(), 0_u8..6).prop_map(|(index, how)| {
        let rules = INSPECTOR.rules();
        let rule = &rules[index.index(rules.len())];
        let example = rule.examples[index.index(rule.examples.len())].clone();
        let string = |text: &str| serde_json::to_string(text).expect("JSON");
        match how {
            0 => base64(example.as_bytes()),
            1 => string(&example),
            2 => string(&string(&example)),
            _ => example,
        }
    });
    let filler = (0_usize..9000, any::<u64>()).prop_map(|(bytes, seed)| lines(bytes, seed));
    let part = prop_oneof![3 => example.boxed(), 2 => filler.boxed()];
    prop::collection::vec(part, 20..60).prop_map(|parts| parts.join("\n\n"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_text_comes_out_as_the_whole_would(text in text(), bytes in 1_usize..70_000) {
        streams_as_whole(0, text.as_bytes(), bytes);
    }
}
