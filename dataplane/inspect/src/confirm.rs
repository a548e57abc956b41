//! Whether a rule matches where an engine said that it may.

use std::ops::Range;

use crate::explain::Refusal;
use crate::limits::{Budget, Exceeded};
use crate::policy::SEALED;
use crate::rule::{Matched, Rule, Window, bits_per_byte};

/// An allowlist for lines sees so much of one before a match, and so much behind it.
const LINE_BYTES_MAX: usize = 1024;

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

/// A text in which rules are confirmed, and what was learned of it.
pub(crate) struct Asked<'t> {
    pub(crate) text: &'t [u8],
    /// Whether it is known that a word of the context stands beside whatever is in it.
    pub(crate) named: bool,
    /// Whether a keyword of the rule is in the text, once that was looked for.
    pub(crate) keyword: &'t mut Option<bool>,
}

/// Tells each match of a rule within a window of a text.
pub(crate) fn matches(
    rule: &Rule,
    asked: &mut Asked<'_>,
    window: Window,
    budget: &mut Budget,
    mut found: impl FnMut(Match),
) -> Result<(), Exceeded> {
    let longest = rule.bytes_max().unwrap_or(usize::MAX);
    rule.regex.matches_within(
        asked.text,
        window,
        rule.group,
        longest,
        budget,
        |whole, secret, budget| {
            if let Ok(one) = holds(rule, asked, whole.range(), secret.range(), budget)? {
                found(one);
            }
            Ok(())
        },
    )
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
    let asked = &mut Asked { text, named: false, keyword: &mut None };
    rule.regex.matches(text, (0..text.len()).into(), rule.group, |whole, secret| {
        let budget = &mut Budget::unlimited();
        let held = holds(rule, asked, whole.range(), secret.range(), budget);
        let refusal =
            held.map_or(Refusal::NotAsked, |held| held.err().unwrap_or(Refusal::NotAsked));
        if refusal > closest {
            closest = refusal;
        }
    });
    closest
}

/// All that a rule asks beside its form.
fn holds(
    rule: &Rule,
    asked: &mut Asked<'_>,
    whole: Range<usize>,
    secret: Range<usize>,
    budget: &mut Budget,
) -> Result<Result<Match, Refusal>, Exceeded> {
    let text = asked.text;
    let part = |range: &Range<usize>| text.get(range.clone()).unwrap_or_default();
    if secret.is_empty() {
        return Ok(Err(Refusal::Empty));
    }
    if !has_keyword(rule, asked, part(&whole), budget)? || is_named_by_seal(text, &whole, &secret) {
        return Ok(Err(Refusal::Keyword));
    }
    if let Some(wanted) = rule.entropy {
        let bits = bits_per_byte(part(&secret));
        if bits < wanted {
            return Ok(Err(Refusal::Entropy(bits)));
        }
    }
    if !rule.allowlists.is_empty() {
        let of_line = rule.allowlists.iter().any(|allowlist| allowlist.is_of_line());
        let line = if of_line { lines(text, &whole) } else { 0..0 };
        budget.spend(whole.len() + line.len())?;
        let matched = Matched { secret: part(&secret), whole: part(&whole), line: part(&line) };
        if rule.allowlists.iter().any(|allowlist| allowlist.allows(&matched)) {
            return Ok(Err(Refusal::Allowlist));
        }
    }
    if rule.validator.is_some_and(|validator| !validator.holds(part(&secret))) {
        return Ok(Err(Refusal::Validator));
    }
    let beside = || !rule.context.is_empty() && rule.context.is_beside(secret.clone(), text);
    let in_context = asked.named || beside();
    if rule.require_context && !in_context {
        return Ok(Err(Refusal::Context));
    }
    Ok(Ok(Match { whole, secret, in_context }))
}

fn has_keyword(
    rule: &Rule,
    asked: &mut Asked<'_>,
    whole: &[u8],
    budget: &mut Budget,
) -> Result<bool, Exceeded> {
    let within = |text: &[u8]| rule.keywords.iter().any(|word| contains(text, word.as_bytes()));
    if rule.keywords.is_empty() || within(whole) {
        return Ok(true);
    }
    if rule.keywords_within {
        return Ok(false);
    }
    // Looked for once, however many matches there are.
    if asked.keyword.is_none() {
        budget.spend(asked.text.len())?;
        *asked.keyword = Some(within(asked.text));
    }
    Ok(asked.keyword.unwrap_or(false))
}

/// Whether what names a secret is the class in `[SEALED:secret:…]`: no word of who wrote the text. What needs no name is
/// found there all the same.
fn is_named_by_seal(text: &[u8], whole: &Range<usize>, secret: &Range<usize>) -> bool {
    let before = text.get(..secret.start).unwrap_or_default();
    let class = before.strip_suffix(b":").unwrap_or_default();
    let letters = class.iter().rev().take(whole.len()).take_while(|byte| **byte != b':').count();
    let sealed = class.len() - letters;
    // With the colon before it or without.
    let names = (sealed.saturating_sub(1)..=sealed).contains(&whole.start);
    names && class.get(..sealed).is_some_and(|before| before.ends_with(SEALED.as_bytes()))
}

/// Whether a word in lower case is in a text, in whatever case.
fn contains(text: &[u8], word: &[u8]) -> bool {
    let Some(first) = word.first() else { return true };
    let mut starts = memchr::memchr2_iter(*first, first.to_ascii_uppercase(), text);
    starts.any(|at| {
        text.get(at..at + word.len()).is_some_and(|found| found.eq_ignore_ascii_case(word))
    })
}

/// The lines on which a span stands, as far as they are near.
fn lines(text: &[u8], span: &Range<usize>) -> Range<usize> {
    let near = span.start.saturating_sub(LINE_BYTES_MAX)
        ..span.end.saturating_add(LINE_BYTES_MAX).min(text.len());
    let before = text.get(near.start..span.start).unwrap_or_default();
    let behind = text.get(span.end..near.end).unwrap_or_default();
    let start = memchr::memrchr(b'\n', before).map_or(near.start, |at| near.start + at + 1);
    start..memchr::memchr(b'\n', behind).map_or(near.end, |at| span.end + at)
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
        let asked = &mut Asked { text: text.as_bytes(), named: false, keyword: &mut None };
        let budget = &mut Budget::unlimited();
        let window = Window { span: (0..text.len()).into(), last: usize::MAX };
        let told = matches(&set.rules()[0], asked, window, budget, |one| {
            all.push(text[one.secret].to_owned());
        });
        told.expect("without a limit");
        all
    }

    #[test]
    fn a_keyword_may_stand_anywhere_in_the_text() {
        let rule = "regex = '[0-9]{4}'\nkeywords = ['Pin']";
        assert_eq!(secrets(rule, "the PIN is 1234"), ["1234"]);
        assert_eq!(secrets(rule, "it is 1234"), Vec::<String>::new());
    }

    #[test]
    fn the_class_of_a_sealed_value_names_no_secret() {
        let named = "regex = '(?:^|[^a-z])secret:([a-z]{9})'";
        assert_eq!(secrets(named, "[SEALED:secret:abcdefghi]"), Vec::<String>::new());
        assert_eq!(
            secrets(named, "x:secret:abcdefghi secret:bcdefghij"),
            ["abcdefghi", "bcdefghij"]
        );
        assert_eq!(
            secrets("regex = '[^a-z](x[a-z]{8})'", "[SEALED:secret:xbcdefghi]"),
            ["xbcdefghi"]
        );
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
