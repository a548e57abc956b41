//! Texts that come in pieces: what becomes of them is what would become of the whole.

use super::*;
use crate::{Told, Windows};

type Line = (String, Action, usize, usize);

fn line(one: &Told<'_>) -> Line {
    (one.rule.id.clone(), one.action, one.start, one.bytes)
}

/// What comes out of a text in pieces, what it could not be looked into for, and what is told: rule, action, place,
/// bytes.
struct Streamed {
    out: Vec<u8>,
    passed: Vec<Exceeded>,
    told: Vec<Line>,
    blocked: Option<Blocked>,
}

fn streamed(policy: &Policy, mut windows: Windows, text: &[u8], bytes: usize) -> Streamed {
    let mut scratch = policy.scratch().expect("scratch");
    let mut got = Streamed { out: Vec::new(), passed: Vec::new(), told: Vec::new(), blocked: None };
    for piece in text.chunks(bytes).chain(std::iter::once(&[][..])) {
        if piece.is_empty() {
            windows.end();
        }
        let mut rest = piece;
        loop {
            rest = windows.feed(rest);
            if windows.window().is_none() {
                break;
            }
            let Streamed { out, told, .. } = &mut got;
            let tell = &mut |one: &Told<'_>| told.push(line(one));
            match policy.release(Side::Response, &mut windows, &mut scratch, tell, out) {
                Ok(passed) => got.passed.extend(passed),
                Err(blocked) => {
                    got.blocked = Some(blocked);
                    return got;
                }
            }
        }
    }
    got
}

fn whole(policy: &Policy, text: &str) -> (Vec<u8>, Vec<Line>) {
    let mut scratch = policy.scratch().expect("scratch");
    let mut told = Vec::new();
    let tell = &mut |one: &Told<'_>| told.push(line(one));
    let text = text.as_bytes();
    let outcome = policy.inspect(Side::Response, text, Form::Text, &mut scratch, tell);
    match outcome {
        Outcome::Changed(out) => (out, told),
        Outcome::Unchanged => (text.to_vec(), told),
        other => panic!("{other:?}"),
    }
}

/// Lines in which nothing is found.
fn lines(bytes: usize) -> String {
    let mut text = "started a worker of the queue, done\n".repeat(bytes / 36 + 1);
    text.truncate(bytes);
    text
}

fn policy_of_all() -> Policy {
    policy(&[
        class(Class::Card, Action::Tokenise),
        class(Class::Email, Action::Report),
        class(Class::Secret, REDACT),
    ])
}

#[test]
fn each_action_is_done_and_told_once_wherever_a_window_ends() {
    let policy = policy_of_all();
    let least = || Windows::new(0);
    let window = least().bytes_max();
    let hold = window / 7;
    let encoded = base64(format!("the token is {TOKEN}, keep it").as_bytes());
    let parts = [TOKEN, CARD, "ada@acme-corp.com", &encoded];
    let most = parts.iter().map(|part| part.len()).max().expect("some");
    for part in parts {
        for place in [window, window - hold, window - 2 * hold] {
            for back in (0..most + 8).step_by(7) {
                let text = format!("{}\n{part}\n{}", lines(place - back), lines(window));
                let got = streamed(&policy, least(), text.as_bytes(), 5000);
                let (out, told) = whole(&policy, &text);
                let same = got.out == out;
                assert!(same && got.blocked.is_none() && got.passed.is_empty(), "{part} {back}");
                assert_eq!(got.told, told, "{part} at {place} less {back}");
                assert_eq!(told.len(), 1, "{part}");
            }
        }
    }
}

#[test]
fn a_value_in_a_late_row_is_told_where_it_stands() {
    let policy = policy(&[class(Class::BirthDate, REDACT)]);
    let window = Windows::new(0).bytes_max();
    let rows = "7,jo,unknown\n".repeat(2 * window / 13);
    let text = format!("id,name,dob\n{rows}8,al,1984-03-12\n{rows}");
    let got = streamed(&policy, Windows::new(0), text.as_bytes(), 5000);
    let (out, told) = whole(&policy, &text);
    assert!(got.out == out && got.told == told && told.len() == 1, "{:?} {told:?}", got.told);
    assert_eq!(told[0].2, text.find("1984").expect("it is there"));
}

#[test]
fn what_is_blocked_ends_a_text_where_it_stands() {
    let policy = policy(&[class(Class::Card, Action::Block), class(Class::Secret, REDACT)]);
    let window = policy.windows().bytes_max();
    let before = format!("{}\n{TOKEN}\n{}", lines(window), lines(window));
    let text = format!("{before}\n{CARD}\n{TOKEN}\n{}", lines(window));
    let got = streamed(&policy, policy.windows(), text.as_bytes(), 64 << 10);
    let Blocked { why, pointer } = got.blocked.expect("blocked");
    assert_eq!((why.rule(), pointer.as_str()), (Some("payment-card"), ""));
    let (out, _) = whole(&policy, &before);
    assert!(!got.out.is_empty() && out.starts_with(&got.out), "what is before it has gone out");
    let actions: Vec<_> = got.told.iter().map(|one| one.1).collect();
    assert_eq!(actions[..2], [REDACT, Action::Block]);
    assert_eq!(got.told[1].2, before.len() + 1);
    let text = format!("{CARD}\n{}", lines(window));
    let got = streamed(&policy, policy.windows(), text.as_bytes(), 64 << 10);
    assert!(got.blocked.is_some() && got.out.is_empty(), "nothing is before it");
}

/// A run of base64 that is longer than a window, with something in it that would have to be cut out.
fn long_run(secret: &str, bytes: usize) -> String {
    base64(format!("{}\n{secret}\n{}", lines(bytes), lines(bytes)).as_bytes())
}

#[test]
fn what_is_longer_than_a_window_meets_the_limits_verdict() {
    let entries = [class(Class::Secret, REDACT)];
    let with = |over_limit| {
        let settings = Settings { server: "billing", actions: &entries, over_limit, open_for: &[] };
        Policy::new(Arc::clone(&INSPECTOR), settings, keys()).expect("a policy")
    };
    let window = Windows::new(0).bytes_max();
    let text = format!("{}\n{}\n", lines(window), long_run(TOKEN, window));
    let got = streamed(&with(OverLimit::Block), Windows::new(0), text.as_bytes(), 5000);
    let why = got.blocked.expect("blocked").why;
    assert!(matches!(why, Why::Limit(Exceeded::Window { .. })), "{why:?}");
    assert!(text.as_bytes().starts_with(&got.out));
    let got = streamed(&with(OverLimit::Pass), Windows::new(0), text.as_bytes(), 5000);
    assert!(got.out == text.as_bytes() && !got.passed.is_empty() && got.blocked.is_none());
}

#[test]
fn what_is_only_reported_or_ignored_stops_no_long_run() {
    let window = Windows::new(0).bytes_max();
    let text = format!("{}\n{}\n{}", lines(99), long_run(TOKEN, window), lines(window));
    for (action, told) in [(Action::Report, true), (Action::Ignore, false)] {
        let policy = policy(&[all(action)]);
        let got = streamed(&policy, Windows::new(0), text.as_bytes(), 5000);
        assert!(got.out == text.as_bytes() && got.blocked.is_none() && got.passed.is_empty());
        assert_eq!(!got.told.is_empty(), told, "{action:?}");
    }
}

#[test]
fn what_this_policy_put_there_passes_as_it_is() {
    let policy = policy_of_all();
    let window = policy.windows().bytes_max();
    let text = format!("{}\n{CARD} {TOKEN}\n{}", lines(window - 20), lines(window));
    let once = streamed(&policy, policy.windows(), text.as_bytes(), 64 << 10).out;
    assert_ne!(once, text.as_bytes());
    let again = streamed(&policy, policy.windows(), &once, 64 << 10);
    assert!(again.out == once && again.told.is_empty());
}

/// As much as four bytes a character take of the longest that a rule knows is held back.
#[test]
fn a_policy_holds_back_what_its_rules_need_in_any_writing() {
    let policy = policy_of_all();
    let hold = policy.windows().bytes_max() / 7;
    let longest = INSPECTOR.rules().iter().filter_map(crate::Rule::bytes_max).max().expect("some");
    assert!(hold >= 4 * longest && hold <= 128 << 10, "{hold} {longest}");
}
