//! What a rule asks for, and why it does not find what it should: for people who write rules.

use std::fmt;

use crate::confirm;
use crate::engine::{self, EngineKind};
use crate::rule::{Group, Rule};

/// What an engine looks for so that a rule is asked, and around which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sought {
    /// One of these, in whatever case: it is in every match.
    Words(Vec<String>),
    /// One of these, in whatever case: it stands beside every match.
    Context(Vec<String>),
    /// So many letters, digits and signs of tokens (`_`, `-`, `+`, `/`, `=`) without another byte between them.
    Run(usize),
    /// So many digits close together.
    Digits(usize),
    /// So many capital letters and digits close together.
    Capitals(usize),
    /// So many hex digits close together.
    HexDigits(usize),
    /// Nothing: the rule is asked of every byte of every message.
    Everywhere,
    /// What its detector looks for.
    Detector(&'static str),
}

/// Why a rule does not find something in a text.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub enum Refusal {
    /// The regex does not match.
    Regex,
    /// The regex is too large to be compiled.
    TooLarge,
    /// What matches has nothing in the secret's group.
    Empty,
    /// No keyword is there.
    Keyword,
    /// The secret has so many bits a byte, and fewer than are asked for.
    Entropy(f64),
    /// An allowlist lets it go.
    Allowlist,
    /// The validator does not hold.
    Validator,
    /// No word of the context stands beside it.
    Context,
    /// Its detector does not find it.
    Detector,
    /// The rule finds it where it is asked, but nothing that is looked for leads there.
    NotAsked,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Regex => "the regex does not match",
            Self::TooLarge => "the regex is too large to be compiled",
            Self::Empty => "the group of the secret is empty",
            Self::Keyword => "none of the keywords is there",
            Self::Entropy(bits) => {
                // Of one byte repeated it is 0 with a sign.
                let bits = bits.abs();
                return write!(f, "its entropy is {bits:.2} bits a byte, which is too little");
            }
            Self::Allowlist => "an allowlist lets it go",
            Self::Validator => "the validator does not hold",
            Self::Context => "no word of the context stands beside it",
            Self::Detector => "its detector does not find it",
            Self::NotAsked => "the regex matches, but nothing that is looked for leads there",
        };
        f.write_str(text)
    }
}

/// What is not found although it looks like it: where any of these holds, or where `all` is set, one of the
/// regexes and one of the stop words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception<'r> {
    /// Whether one of each kind must hold.
    pub all: bool,
    /// What the regexes are held against: `secret`, `match` or `line`.
    pub target: &'static str,
    /// As they are written.
    pub regexes: Vec<&'r str>,
    /// In lower case; held against the secret in any case.
    pub stop_words: &'r [String],
}

impl Rule {
    /// Which group of the regex is the secret; `None` is the first that takes part, or the whole match.
    pub fn secret_group(&self) -> Option<usize> {
        match self.group {
            Group::First => None,
            Group::Number(number) => Some(number),
        }
    }

    /// Whether a keyword must be in the match itself; otherwise it may be anywhere in the text.
    pub fn keywords_within(&self) -> bool {
        self.keywords_within
    }

    /// Words that make it more likely where one stands beside it.
    pub fn context(&self) -> &[String] {
        self.context.words()
    }

    /// What it does not find although it looks like it.
    pub fn exceptions(&self) -> impl Iterator<Item = Exception<'_>> {
        self.allowlists.iter().map(|allowlist| allowlist.told())
    }

    /// What an engine looks for so that this rule is asked: one for each form that its matches have.
    pub fn sought(&self) -> Vec<Sought> {
        self.detector().map_or_else(|| engine::sought(self), |name| vec![Sought::Detector(name)])
    }

    /// Why it finds nothing in a text in which it was not found.
    pub fn refusal(&self, text: &[u8]) -> Refusal {
        confirm::refusal(self, text)
    }
}

impl EngineKind {
    /// Every engine that this build has, the fastest first.
    pub const BUILT: &'static [Self] = if cfg!(feature = "vectorscan") {
        &[Self::Vectorscan, Self::Portable]
    } else {
        &[Self::Portable]
    };

    /// The version of the library that does the search, where one does.
    pub fn version(self) -> Option<String> {
        match self {
            #[cfg(feature = "vectorscan")]
            Self::Vectorscan => {
                // `5.4.9 2023-03-23`: the second is the day of the build.
                let whole = hyperscan::version_str().to_string_lossy();
                whole.split(' ').next().map(str::to_owned)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Form, Inspector, Limits, RuleSet};

    fn rule(keys: &str) -> Rule {
        let file = format!("[[rules]]\nid = 'a'\n{keys}\n");
        let set = RuleSet::from_file("own.toml", &file, &mut |_| Err("none".into()));
        set.expect("a rule").into_rules().remove(0)
    }

    #[test]
    fn what_is_looked_for_of_a_rule_is_told() {
        let words = |all: &[&str]| all.iter().map(|word| (*word).to_owned()).collect();
        let sought = |keys| rule(keys).sought();
        assert_eq!(sought("regex = 'acme_[a-z]{9}'"), [Sought::Words(words(&["acme_"]))]);
        assert_eq!(sought("regex = '[g-z]{40}'"), [Sought::Run(40)]);
        assert_eq!(sought(r"regex = '\d{3}:\d{3}::\d{3}'"), [Sought::Digits(6)]);
        assert_eq!(sought("regex = '[A-Z]{9}'"), [Sought::Capitals(9)]);
        assert_eq!(sought("regex = '[a-f0-9]{2}(?: [a-f0-9]{2}){5}'"), [Sought::HexDigits(12)]);
        let both = sought("regex = 'acme_[a-z]{9}|[g-z]{40}'");
        assert_eq!(both, [Sought::Words(words(&["acme_"])), Sought::Run(40)]);
        assert_eq!(sought("regex = '[a-z]{4}'"), [Sought::Everywhere]);
        let context = "regex = '[a-z]{4}'\ncontext = ['pin']\nrequireContext = true";
        assert_eq!(sought(context), [Sought::Context(words(&["pin"]))]);
    }

    #[test]
    fn rules_without_a_word_are_asked_by_every_engine() {
        for kind in EngineKind::BUILT {
            let file = "[[rules]]\nid = 'a'\nregex = '[0-9]{3}-[0-9]{3}'\n";
            let set = RuleSet::from_file("own.toml", file, &mut |_| Err("none".into()));
            let set = set.expect("a rule");
            let inspector = Inspector::new(set, *kind, Limits::default()).expect("an engine");
            let mut scratch = inspector.scratch().expect("scratch");
            let found = inspector.scan(b"call 123-456", Form::Text, &mut scratch);
            assert_eq!(found.expect("within limits").len(), 1, "{}", kind.name());
        }
    }

    #[test]
    fn the_last_thing_that_was_missing_is_the_reason() {
        let cases = [
            ("regex = '[0-9]{4}'", "abc", Refusal::Regex),
            ("regex = '[0-9]{4}(x?)'", "1234", Refusal::Empty),
            ("regex = '[0-9]{4}'\nkeywords = ['pin']", "1234", Refusal::Keyword),
            ("regex = '[a-z]{4}'\nentropy = 2", "abab", Refusal::Entropy(1.0)),
            ("regex = '[a-z]{4}'\nallowlist = { stopwords = ['ab'] }", "abcd", Refusal::Allowlist),
            ("regex = '[0-9]{4}'\nvalidator = 'luhn'", "1234", Refusal::Validator),
            (
                "regex = '[0-9]{4}'\ncontext = ['pin']\nrequireContext = true",
                "1234",
                Refusal::Context,
            ),
            ("regex = '[0-9]{4}'", "1234", Refusal::NotAsked),
        ];
        for (keys, text, reason) in cases {
            assert_eq!(rule(keys).refusal(text.as_bytes()), reason, "{keys}");
        }
    }

    #[test]
    fn the_engines_that_there_are_have_names_and_the_library_a_version() {
        assert_eq!(EngineKind::BUILT.first(), Some(&EngineKind::BEST));
        assert_eq!(EngineKind::Portable.version(), None);
        if EngineKind::BEST == EngineKind::Vectorscan {
            let version = EngineKind::BEST.version().expect("a version");
            assert!(version.starts_with("5."), "{version}");
        }
    }
}
