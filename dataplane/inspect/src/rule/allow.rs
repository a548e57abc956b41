//! What is not a secret although it looks like one.

use super::Pattern;
use crate::explain::Exception;

/// What an allowlist is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Target {
    /// The secret group.
    #[default]
    Secret,
    /// The whole match.
    Match,
    /// The lines that the match stands on.
    Line,
}

/// Conditions under which a match does not count: any of them, or where `all` is set, one of the regexes
/// and one of the stop words.
#[derive(Debug, Default)]
pub(crate) struct Allowlist {
    pub(crate) all: bool,
    pub(crate) target: Target,
    pub(crate) regexes: Vec<Pattern>,
    /// In lower case; within the secret, whatever the target is.
    pub(crate) stop_words: Vec<String>,
}

/// A match, as allowlists see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matched<'t> {
    pub(crate) secret: &'t [u8],
    pub(crate) whole: &'t [u8],
    pub(crate) line: &'t [u8],
}

impl Allowlist {
    /// Whether it is held against the line.
    pub(crate) fn is_of_line(&self) -> bool {
        self.target == Target::Line
    }

    pub(crate) fn told(&self) -> Exception<'_> {
        Exception {
            all: self.all,
            target: match self.target {
                Target::Secret => "secret",
                Target::Match => "match",
                Target::Line => "line",
            },
            regexes: self.regexes.iter().map(Pattern::source).collect(),
            stop_words: &self.stop_words,
        }
    }

    pub(crate) fn allows(&self, matched: &Matched<'_>) -> bool {
        let text = match self.target {
            Target::Secret => matched.secret,
            Target::Match => matched.whole,
            Target::Line => matched.line,
        };
        let by_regex = || self.regexes.iter().any(|regex| regex.is_match(text));
        let by_word = || {
            let secret = matched.secret.to_ascii_lowercase();
            let holds = |word: &String| memchr::memmem::find(&secret, word.as_bytes()).is_some();
            self.stop_words.iter().any(holds)
        };
        if self.all {
            (self.regexes.is_empty() || by_regex()) && (self.stop_words.is_empty() || by_word())
        } else {
            by_regex() || by_word()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowlist(all: bool) -> Allowlist {
        Allowlist {
            all,
            target: Target::Line,
            regexes: vec![Pattern::parse("^#").expect("a regex")],
            stop_words: vec!["dummy".into()],
        }
    }

    #[test]
    fn one_condition_is_enough_unless_all_are_asked_for() {
        let matched = |secret, line| Matched { secret, whole: secret, line };
        let (any, all) = (allowlist(false), allowlist(true));
        let comment = matched(b"abc", b"# abc");
        assert!(any.allows(&comment) && !all.allows(&comment));
        let word = matched(b"DummyKey", b"DummyKey");
        assert!(any.allows(&word) && !all.allows(&word));
        let both = matched(b"DummyKey", b"# DummyKey");
        assert!(any.allows(&both) && all.allows(&both));
        let neither = matched(b"abc", b"abc");
        assert!(!any.allows(&neither) && !all.allows(&neither));
    }
}
