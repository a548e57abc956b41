//! Entry points for fuzzers: what is promised of any bytes.

use std::cell::RefCell;
use std::sync::{Arc, LazyLock};

use serde::de::IgnoredAny;

use crate::structure::is_read_as_json;
use crate::{
    Action, EngineKind, Entry, Exceeded, Finding, Form, Inspector, Keep, Keys, Limits, Of, Outcome,
    OverLimit, Policy, RuleSet, Scratch, Settings, Side, Splice, Windows, spliced,
};

/// One input of so many is put into a text of several windows.
const OF_WHICH_ONE_IN_WINDOWS: usize = 16;
/// A line of that text.
const LINE: &[u8] = b"the worker has started a request of the queue\n";

/// Engines that must find the same, and policies.
struct Rules {
    best: Arc<Inspector>,
    portable: Inspector,
    redacts: Policy,
    seals: Policy,
}

/// A thread's memory.
struct Memory {
    best: Scratch,
    portable: Scratch,
}

static RULES: LazyLock<Rules> = LazyLock::new(|| {
    let prepared = |kind| {
        let rules = RuleSet::built_in().expect("the built-in rules");
        Inspector::new(rules, kind, Limits::default()).expect("the engine")
    };
    let best = Arc::new(prepared(EngineKind::BEST));
    let keys = Arc::new(Keys::random().expect("random bytes"));
    let policy = |action| {
        let all = [Entry { of: Of::All, side: None, action }];
        let open_for = ["*".to_owned()];
        let settings = Settings {
            server: "fuzz",
            actions: &all,
            over_limit: OverLimit::Block,
            open_for: &open_for,
        };
        Policy::new(Arc::clone(&best), settings, Arc::clone(&keys)).expect("a policy")
    };
    Rules {
        portable: prepared(EngineKind::Portable),
        redacts: policy(Action::Redact(Keep::Nothing)),
        seals: policy(Action::Tokenise),
        best: Arc::clone(&best),
    }
});

thread_local! {
    static MEMORY: RefCell<Memory> = RefCell::new(Memory {
        best: RULES.best.scratch().expect("scratch"),
        portable: RULES.portable.scratch().expect("scratch"),
    });
}

/// Looks into `data` as JSON and as text: the engines find the same, what is cut out leaves JSON as JSON and what is
/// sealed opens to JSON, and in windows nothing else is cut out than of the whole.
pub fn inspect(data: &[u8]) {
    // By what it is, so that the same input does the same again.
    let sum: usize = data.iter().map(|byte| usize::from(*byte)).sum();
    MEMORY.with_borrow_mut(|memory| {
        for form in [Form::Json, Form::Text] {
            found(data, form, memory);
        }
        let policy = if sum.is_multiple_of(2) { &RULES.redacts } else { &RULES.seals };
        changed(data, policy, memory);
        if sum.is_multiple_of(OF_WHICH_ONE_IN_WINDOWS) {
            in_windows(data, sum, memory);
        }
    });
}

fn found(data: &[u8], form: Form, memory: &mut Memory) {
    let Memory { best, portable } = memory;
    let one = RULES.best.scan(data, form, best).map(<[Finding]>::to_vec);
    let other = RULES.portable.scan(data, form, portable).map(<[Finding]>::to_vec);
    assert_eq!(one, other, "the engines differ");
    let Ok(findings) = one else { return };
    for finding in &findings {
        assert!(RULES.best.rule(finding).is_some(), "{finding:?}");
        assert!(data.get(finding.source()).is_some_and(|part| !part.is_empty()), "{finding:?}");
    }
    let splices = best.splices(data, form, &findings, with);
    let apart = |pair: &[Splice]| {
        pair.first().zip(pair.last()).is_none_or(|(one, other)| one.range.end <= other.range.start)
    };
    assert!(splices.windows(2).all(apart), "{splices:?}");
    let clean = spliced(data, &splices);
    if form == Form::Json {
        assert!(is_json(&clean) || !is_json(data), "{}", clean.escape_ascii());
    }
}

fn changed(data: &[u8], policy: &Policy, memory: &mut Memory) {
    for (side, form) in [(Side::Request, Form::Json), (Side::Response, Form::of(data))] {
        let outcome = policy.inspect(side, data, form, &mut memory.best, &mut |_| {});
        let Outcome::Changed(clean) = outcome else { continue };
        let json = form == Form::Json;
        assert!(!json || is_read_as_json(&clean), "{}", clean.escape_ascii());
        if let Outcome::Changed(opened) = policy.open(&clean, form, Some("a"), &mut |_| {}) {
            assert!(!json || is_read_as_json(&opened), "{}", opened.escape_ascii());
        }
    }
}

/// Somewhere in a text of several windows, which comes in pieces.
fn in_windows(data: &[u8], sum: usize, memory: &mut Memory) {
    let mut windows = Windows::new(0);
    let before = sum % (2 * windows.bytes_max());
    let mut text = LINE.repeat(before.div_ceil(LINE.len()));
    text.extend_from_slice(data);
    text.push(b'\n');
    text.extend(LINE.repeat(windows.bytes_max() / LINE.len()));
    let Ok(clean) = streamed(&mut windows, &text, 1 + sum % 5000, &mut memory.best) else { return };
    let Ok(findings) = RULES.best.scan(&text, Form::Text, &mut memory.best) else { return };
    let findings = findings.to_vec();
    let whole = spliced(&text, &memory.best.splices(&text, Form::Text, &findings, with));
    assert!(clean == whole, "{}\nand of the whole\n{}", clean.escape_ascii(), whole.escape_ascii());
}

fn streamed(
    windows: &mut Windows,
    text: &[u8],
    piece: usize,
    scratch: &mut Scratch,
) -> Result<Vec<u8>, Exceeded> {
    let mut out = Vec::new();
    for mut rest in text.chunks(piece).chain([&[][..]]) {
        if rest.is_empty() {
            windows.end();
        }
        loop {
            rest = windows.feed(rest);
            let Some(window) = windows.window() else { break };
            let findings = RULES.best.scan(window, Form::Text, scratch)?.to_vec();
            let settled = windows.settle(&findings, scratch)?;
            let splices = scratch.splices(window, Form::Text, settled.findings(), with);
            windows.release(&settled, &splices, &mut out);
        }
    }
    Ok(out)
}

fn with(finding: &Finding) -> Option<Vec<u8>> {
    RULES.best.rule(finding).map(|rule| format!("[REDACTED:{}]", rule.id).into_bytes())
}

fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(text).is_ok()
}
