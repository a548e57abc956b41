//! Regexes as Go reads them, for which files in gitleaks' form are written.
//!
//! Both read RE2's syntax. What one takes for a character and the other for a sign, or for an error, is written here so
//! that it is the character: a brace that repeats nothing, a bracket within a class, two signs in one that are Rust's
//! operations of sets, `\<`, and `\Q…\E`.

use std::borrow::Cow;

/// The same regex as Rust's crate reads it.
pub(super) fn of_go(source: &str) -> Cow<'_, str> {
    // Go knows no such flag: it was written for Rust, and its blanks and comments are no characters.
    if has_verbose_flag(source) {
        return Cow::Borrowed(source);
    }
    let mut reader = Reader { rest: source, out: String::with_capacity(source.len()) };
    while let Some(one) = reader.rest.chars().next() {
        match one {
            '\\' => reader.escape(false),
            '[' => reader.class(),
            '{' if !repeats(reader.rest) => reader.put("\\{", 1),
            _ => reader.keep(one.len_utf8()),
        }
    }
    if reader.out == source { Cow::Borrowed(source) } else { Cow::Owned(reader.out) }
}

struct Reader<'s> {
    rest: &'s str,
    out: String,
}

impl<'s> Reader<'s> {
    /// Goes on behind so many bytes.
    fn skip(&mut self, bytes: usize) -> &'s str {
        let (passed, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.rest = rest;
        passed
    }

    fn keep(&mut self, bytes: usize) {
        let kept = self.skip(bytes);
        self.out.push_str(kept);
    }

    /// Puts this in the place of so many bytes.
    fn put(&mut self, text: &str, bytes: usize) {
        self.skip(bytes);
        self.out.push_str(text);
    }

    fn escape(&mut self, in_class: bool) {
        let mut behind = self.rest.chars().skip(1);
        match behind.next() {
            Some('Q') if !in_class => {
                self.skip(2);
                let end = self.rest.find("\\E");
                let text = self.skip(end.unwrap_or(self.rest.len()));
                self.out.push_str(&regex_syntax::escape(text));
                self.skip(if end.is_some() { 2 } else { 0 });
            }
            Some('C') if !in_class => self.put("(?s-u:.)", 2),
            Some('<') => self.put("<", 2),
            Some('>') => self.put(">", 2),
            // What stands in these braces is a name or a number.
            Some('p' | 'P' | 'x') if behind.next() == Some('{') => {
                self.keep(self.rest.find('}').map_or(self.rest.len(), |end| end + 1));
            }
            Some(one) => self.keep(1 + one.len_utf8()),
            None => self.keep(1),
        }
    }

    fn class(&mut self) {
        self.keep(if self.rest.starts_with("[^") { 2 } else { 1 });
        let mut first = true;
        while let Some(one) = self.rest.chars().next() {
            match one {
                ']' if first => self.put("\\]", 1),
                ']' => return self.keep(1),
                '\\' => self.escape(true),
                '[' => match self.rest.find(":]") {
                    Some(end) if self.rest.starts_with("[:") => self.keep(end + 2),
                    _ => self.put("\\[", 1),
                },
                '&' if self.rest.starts_with("&&") => self.put("\\&", 1),
                '~' if self.rest.starts_with("~~") => self.put("\\~", 1),
                // The first begins a range, or the second ends one.
                '-' if self.rest.starts_with("--") && first => self.put("\\-", 1),
                '-' if self.rest.starts_with("--") => self.put("-\\-", 2),
                _ => self.keep(one.len_utf8()),
            }
            first = false;
        }
    }
}

/// Whether a brace says how often: `{2}`, `{2,}`, `{2,3}`.
fn repeats(text: &str) -> bool {
    let Some((within, _)) = text.get(1..).and_then(|rest| rest.split_once('}')) else {
        return false;
    };
    let (least, most) = within.split_once(',').unwrap_or((within, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !least.is_empty() && digits(least) && digits(most)
}

/// Whether blanks are to be left out, by the flag `x`.
fn has_verbose_flag(source: &str) -> bool {
    source.split("(?").skip(1).any(|group| {
        let flags = group.split([':', ')']).next().unwrap_or_default();
        let on = flags.split('-').next().unwrap_or_default();
        on.contains('x') && on.bytes().all(|byte| byte.is_ascii_alphabetic())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Pattern;

    fn finds(regex: &str, text: &str) -> bool {
        let pattern = Pattern::parse(regex).expect(regex);
        pattern.is_match(text.as_bytes())
    }

    #[test]
    fn what_go_takes_for_characters_is_characters() {
        for (regex, is, is_not) in [
            (r"^\${[A-Z]+}$", "${HOME}", "$HOME"),
            (r"^\$(?:\d+|{\d+})$", "${12}", "$12}"),
            (r"^a{,3}$", "a{,3}", "aaa"),
            (r"^{{ x }}$", "{{ x }}", "x"),
            (r"^a{2}{b$", "aa{b", "a{b"),
            (r"^[[a]$", "[", "b"),
            (r"^[^[]$", "a", "["),
            (r"^[]a]$", "]", "b"),
            (r"^[[:alpha:]{]$", "{", "["),
            (r"^[a&&b]$", "&", "c"),
            (r"^[~~a]$", "~", "b"),
            (r"^[+--]$", ",", "."),
            (r"^[--/]$", ".", "+"),
            (r"^\<a\>$", "<a>", "a"),
            (r"^[\<\>]$", ">", "a"),
            (r"^\Qa.b{2}\E+$", "a.b{2}}", "axb"),
            (r"^\Qa|b", "a|b", "b"),
            (r"^\C$", "\n", "ab"),
            (r"^\x{41}\x42$", "AB", "x{41}B"),
            (r"^\{\{[ \t]*[\w ().|]+[ \t]*}}$", "{{ a }}", "{ a }"),
        ] {
            assert!(finds(regex, is), "{regex}: {is}");
            assert!(!finds(regex, is_not), "{regex}: {is_not}");
        }
    }

    #[test]
    fn what_both_read_alike_stays_and_so_does_what_is_written_for_rust() {
        for regex in [
            "",
            r"\b(acme_[a-z]{3}_[A-Za-z0-9]{24,})\b",
            r"[^\]\[a-z\\-]{1,2}(?i:x)(?P<name>é)",
            r"\p{Greek}\x{41}[\x{41}-\x{43}]",
            r"a\",
            r"[a",
            "(?x) [a-z&&[^b]]  # not {b}",
            "(?ix: [a-z&&[^b]] )",
        ] {
            assert!(matches!(of_go(regex), Cow::Borrowed(_)), "{regex}: {}", of_go(regex));
        }
        assert!(finds("(?x) ^ [a-c&&[^b]] $ # {", "a") && !finds("(?x) ^ [a-c&&[^b]] $", "b"));
    }

    #[test]
    fn the_built_in_rules_are_read_alike() {
        for rule in crate::RuleSet::built_in().expect("they load").rules() {
            let regex = rule.pattern();
            assert!(matches!(of_go(regex), Cow::Borrowed(_)), "{}: {}", rule.id, of_go(regex));
        }
    }
}
