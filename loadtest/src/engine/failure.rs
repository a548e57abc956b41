//! How calls fail, counted: a kind, what it was, how often, and what was said the first time.

use std::fmt;
use std::io;

use crate::report::model::{ErrorKind, ErrorReport};
use crate::terminal::shortened;

/// Failures that are told apart in one report; the rest of a kind are counted together.
const FAILURES_MAX: usize = 64;
/// Of what it was; a header that is quoted there can be as long as a head.
const WHAT_CHARS: usize = 160;
/// Of what was said, in the example.
const EXAMPLE_CHARS: usize = 240;

/// Why a call failed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fault {
    pub(super) kind: ErrorKind,
    pub(super) what: What,
}

/// What it was, in a form that costs nothing to make.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    Said(&'static str),
    Written(String),
    Io(&'static str, io::ErrorKind),
    Status(u16),
    /// A status with a JSON-RPC error.
    StatusCode(u16, i64),
    /// A JSON-RPC error's code.
    Code(i64),
    /// One more than are told apart.
    Others,
}

impl Fault {
    pub(super) fn new(kind: ErrorKind, what: &'static str) -> Self {
        Self { kind, what: What::Said(what) }
    }

    pub(super) fn written(kind: ErrorKind, what: impl fmt::Display) -> Self {
        Self { kind, what: What::Written(shortened(&what.to_string(), WHAT_CHARS).into_owned()) }
    }

    pub(super) fn io(kind: ErrorKind, doing: &'static str, error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::InvalidData {
            // Of TLS, which says more than a kind.
            return Self::written(kind, error);
        }
        Self { kind, what: What::Io(doing, error.kind()) }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Said(what) => f.write_str(what),
            Self::Written(what) => f.write_str(what),
            Self::Io(doing, kind) => write!(f, "{doing}: {kind}"),
            Self::Status(status) => write!(f, "HTTP {status}"),
            Self::StatusCode(status, code) => write!(f, "HTTP {status}, {code}"),
            Self::Code(code) => write!(f, "{code}"),
            Self::Others => f.write_str("others"),
        }
    }
}

/// Whose failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// A call of the plan.
    Call,
    /// What keeps sessions: the request's method.
    Upkeep(&'static str),
}

#[derive(Debug, Clone)]
struct Counted {
    fault: Fault,
    of: Of,
    count: u64,
    example: String,
}

/// Failures by kind; bounded.
#[derive(Debug, Clone, Default)]
pub(super) struct Failures {
    counted: Vec<Counted>,
}

impl Failures {
    /// Counts one; `said` is asked for what was said if it is the first of its sort.
    pub(super) fn count(&mut self, fault: Fault, of: Of, said: impl FnOnce() -> String) {
        self.add(fault, of, 1, said);
    }

    fn add(&mut self, fault: Fault, of: Of, count: u64, said: impl FnOnce() -> String) {
        let is_it = |one: &&mut Counted| one.fault == fault && one.of == of;
        if let Some(one) = self.counted.iter_mut().find(is_it) {
            one.count += count;
            return;
        }
        // Kinds are few: one `Others` of each is still a bound.
        if self.counted.len() >= FAILURES_MAX && fault.what != What::Others {
            let others = Fault { kind: fault.kind, what: What::Others };
            return self.add(others, Of::Call, count, said);
        }
        self.counted.push(Counted { fault, of, count, example: said() });
    }

    /// Takes in what another has counted.
    pub(super) fn merge(&mut self, other: Self) {
        for one in other.counted {
            self.add(one.fault, one.of, one.count, || one.example);
        }
    }

    pub(super) fn total(&self) -> u64 {
        self.counted.iter().map(|one| one.count).sum()
    }

    /// The most frequent one, and what was said of it if anything was.
    pub(super) fn first(&self) -> Option<String> {
        let ErrorReport { what, example, .. } = self.report().into_iter().next()?;
        Some(if example.is_empty() { what } else { format!("{what}: {example}") })
    }

    /// As the report has them, most frequent first.
    pub(super) fn report(&self) -> Vec<ErrorReport> {
        let mut reports: Vec<ErrorReport> = self
            .counted
            .iter()
            .map(|one| ErrorReport {
                kind: one.fault.kind,
                what: match one.of {
                    Of::Call => one.fault.what.to_string(),
                    Of::Upkeep(method) => format!("{method}: {}", one.fault.what),
                },
                count: one.count,
                example: one.example.clone(),
            })
            .collect();
        reports.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.what.cmp(&b.what)));
        reports
    }
}

/// The start of what was said, in one line.
pub(super) fn example(said: &[u8]) -> String {
    let start = said.get(..EXAMPLE_CHARS * 4).unwrap_or(said);
    let text = String::from_utf8_lossy(start);
    let line = text.split(|letter: char| letter.is_whitespace() || letter.is_control()).fold(
        String::new(),
        |mut line, word| {
            if !word.is_empty() {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
            line
        },
    );
    shortened(&line, EXAMPLE_CHARS).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_by_what_they_were_with_the_first_example() {
        let mut failures = Failures::default();
        for at in 0..3 {
            let fault = Fault { kind: ErrorKind::Status, what: What::Status(503) };
            failures.count(fault, Of::Call, || format!("answer {at}"));
        }
        let fault = Fault { kind: ErrorKind::Status, what: What::Status(503) };
        failures.count(fault, Of::Upkeep("initialize"), || "busy".to_owned());
        let report = failures.report();
        assert_eq!(report.len(), 2);
        assert_eq!((report[0].what.as_str(), report[0].count), ("HTTP 503", 3));
        assert_eq!(report[0].example, "answer 0");
        assert_eq!(report[1].what, "initialize: HTTP 503");
        assert_eq!(failures.total(), 4);
        assert_eq!(failures.first().as_deref(), Some("HTTP 503: answer 0"));
    }

    #[test]
    fn of_a_failure_of_which_nothing_was_said_only_what_it_was_is_told() {
        let mut failures = Failures::default();
        assert_eq!(failures.first(), None);
        let refused = io::ErrorKind::ConnectionRefused.into();
        let fault = Fault::io(ErrorKind::Connect, "connecting", &refused);
        failures.count(fault, Of::Call, String::new);
        assert_eq!(failures.first().as_deref(), Some("connecting: connection refused"));
    }

    #[test]
    fn a_server_that_fails_in_ever_new_ways_takes_no_more_memory() {
        let mut failures = Failures::default();
        for code in 0..1000 {
            let fault = Fault { kind: ErrorKind::Error, what: What::Code(code) };
            failures.count(fault, Of::Call, String::new);
            failures.count(Fault::written(ErrorKind::Http, code), Of::Call, String::new);
        }
        let mut merged = Failures::default();
        merged.merge(failures.clone());
        merged.merge(failures);
        assert!(merged.counted.len() <= FAILURES_MAX + 2, "{}", merged.counted.len());
        assert_eq!(merged.total(), 4000);
        let others: Vec<_> =
            merged.report().into_iter().filter(|one| one.what == "others").collect();
        assert_eq!(others.len(), 2);
    }

    #[test]
    fn an_example_is_one_line_of_bounded_length() {
        assert_eq!(example(b" a\r\n\tb \0 c\xff"), "a b c\u{fffd}");
        assert_eq!(example(&[b'x'; 5000]).chars().count(), EXAMPLE_CHARS);
    }

    #[test]
    fn what_a_failure_was_is_of_bounded_length() {
        let media = "x".repeat(40_000);
        let what = |fault: Fault| fault.what.to_string();
        let said = what(Fault::written(ErrorKind::Shape, format!("media type {media}")));
        assert!(said.starts_with("media type xx") && said.ends_with("x…"), "{said}");
        assert_eq!(said.chars().count(), WHAT_CHARS);
        let tls = io::Error::new(io::ErrorKind::InvalidData, media);
        assert_eq!(what(Fault::io(ErrorKind::Connect, "TLS", &tls)).chars().count(), WHAT_CHARS);
    }
}
