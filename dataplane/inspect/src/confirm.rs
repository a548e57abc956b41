//! Whether a rule matches where an engine said that it may.

use std::ops::Range;

use crate::explain::Refusal;
use crate::rule::{Matched, Rule, bits_per_byte};

/// A match that holds, by its places in the text that was searched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Match {
    /// What the regex took, with what it needed around the secret.
    pub(crate) whole: Range<usize>,
    /// What is to be kept from the reader.
    pub(crate) secret: Range<usize>,
    /// Whether a word of the rule's context stands beside it.
    pub(crate) in_context: bool,
}

/// Tells each match of a rule within a part of a text.
pub(crate) fn matches(rule: &Rule, text: &[u8], part: Range<usize>, mut found: impl FnMut(Match)) {
    rule.regex.matches(text, part.into(), rule.group, |whole, secret| {
        let (whole, secret) = (whole.range(), secret.range());
        if let Ok(one) = holds(rule, text, whole, secret) {
            found(one);
        }
    });
}

/// Why none does within a text; of several that come close, what is said of the closest.
pub(crate) fn refusal(rule: &Rule, text: &[u8]) -> Refusal {
    if rule.detector.is_some() {
        return Refusal::Detector;
    }
    if !rule.regex.compile() {
        return Refusal::TooLarge;
    }
    let mut closest = Refusal::Regex;
    rule.regex.matches(text, (0..text.len()).into(), rule.group, |whole, secret| {
        let refusal = holds(rule, text, whole.range(), secret.range()).err();
        let refusal = refusal.unwrap_or(Refusal::NotAsked);
        if refusal > closest {
            closest = refusal;
        }
    });
    closest
}

/// All that a rule asks beside its form.
fn holds(
    rule: &Rule,
    text: &[u8],
    whole: Range<usize>,
    secret: Range<usize>,
) -> Result<Match, Refusal> {
    let part = |range: &Range<usize>| text.get(range.clone()).unwrap_or_default();
    let line = lines(text, &whole);
    let matched = Matched { secret: part(&secret), whole: part(&whole), line: part(&line) };
    if matched.secret.is_empty() {
        return Err(Refusal::Empty);
    }
    if !has_keyword(rule, text, matched.whole) {
        return Err(Refusal::Keyword);
    }
    if let Some(asked) = rule.entropy {
        let bits = bits_per_byte(matched.secret);
        if bits < asked {
            return Err(Refusal::Entropy(bits));
        }
    }
    if rule.allowlists.iter().any(|allowlist| allowlist.allows(&matched)) {
        return Err(Refusal::Allowlist);
    }
    if rule.validator.is_some_and(|validator| !validator.holds(matched.secret)) {
        return Err(Refusal::Validator);
    }
    let in_context = !rule.context.is_empty() && rule.context.is_beside(secret.clone(), text);
    if rule.require_context && !in_context {
        return Err(Refusal::Context);
    }
    Ok(Match { whole, secret, in_context })
}

fn has_keyword(rule: &Rule, text: &[u8], whole: &[u8]) -> bool {
    let within = |text: &[u8]| rule.keywords.iter().any(|word| contains(text, word.as_bytes()));
    rule.keywords.is_empty() || within(whole) || !rule.keywords_within && within(text)
}

/// Whether a word in lower case is in a text, in whatever case.
fn contains(text: &[u8], word: &[u8]) -> bool {
    let Some(first) = word.first() else { return true };
    let mut starts = memchr::memchr2_iter(*first, first.to_ascii_uppercase(), text);
    starts.any(|at| {
        text.get(at..at + word.len()).is_some_and(|found| found.eq_ignore_ascii_case(word))
    })
}

/// The lines on which a span stands.
fn lines(text: &[u8], span: &Range<usize>) -> Range<usize> {
    let before = text.get(..span.start).unwrap_or_default();
    let behind = text.get(span.end..).unwrap_or_default();
    let start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
    start..memchr::memchr(b'\n', behind).map_or(text.len(), |at| span.end + at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::RuleSet;

    fn secrets(rule: &str, text: &str) -> Vec<String> {
        let file = format!("[[rules]]\nid = 'a'\n{rule}\n");
        let set = RuleSet::from_file("own.toml", &file, &mut |_| Err("none".into()));
        let set = set.expect("a rule");
        let mut all = Vec::new();
        matches(&set.rules()[0], text.as_bytes(), 0..text.len(), |one| {
            all.push(text[one.secret].to_owned());
        });
        all
    }

    #[test]
    fn a_keyword_may_stand_anywhere_in_the_text() {
        let rule = "regex = '[0-9]{4}'\nkeywords = ['Pin']";
        assert_eq!(secrets(rule, "the PIN is 1234"), ["1234"]);
        assert_eq!(secrets(rule, "it is 1234"), Vec::<String>::new());
    }

    #[test]
    fn entropy_an_allowlist_and_a_validator_refuse() {
        assert_eq!(secrets("regex = '[a-z]{4}'\nentropy = 1.5", "aaaa abcd"), ["abcd"]);
        let allow = "regex = '[a-z]{4}'\nallowlist = { regexes = ['^ab'] }";
        assert_eq!(secrets(allow, "abcd bcde"), ["bcde"]);
        let line = "regex = '[a-z]{4}'\nallowlist = { regexTarget = 'line', regexes = ['#'] }";
        assert_eq!(secrets(line, "abcd\nbcde #\ncdef"), ["abcd", "cdef"]);
        let luhn = "regex = '[0-9]{16}'\nvalidator = 'luhn'";
        assert_eq!(secrets(luhn, "4111111111111111 4111111111111112"), ["4111111111111111"]);
    }

    #[test]
    fn a_context_that_is_asked_for_must_be_there() {
        let rule = "regex = '[0-9]{4}'\ncontext = ['pin']\nrequireContext = true";
        assert_eq!(secrets(rule, "pin: 1234"), ["1234"]);
        assert_eq!(secrets(rule, "1234"), Vec::<String>::new());
    }
}
