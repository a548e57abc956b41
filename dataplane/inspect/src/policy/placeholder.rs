//! What comes in the place of a value: `[REDACTED:rule]`, `[SEALED:class:token]`.

use super::{Action, Keep};
use crate::class::Class;
use crate::rule::Rule;

/// What a placeholder that can be opened begins with.
pub(crate) const SEALED: &str = "[SEALED:";

/// And that of a redaction.
pub(crate) const REDACTED: &str = "[REDACTED:";

/// A redaction's placeholder is no longer, without a rule's id.
const REDACTED_BYTES_MAX: usize = 512;

/// A value has so many letters and digits before four of them are left.
const LAST4_CHARS_MIN: usize = 9;

/// The longest name of a domain (RFC 1035 §2.3.4).
const DOMAIN_BYTES_MAX: usize = 253;

/// What a redaction puts in the place of a value.
pub(super) fn redacted(rule: &Rule, keep: Keep, value: &[u8]) -> String {
    let Rule { id, .. } = rule;
    match (keep, kept(keep, value)) {
        (Keep::Last4, Some(last)) => format!("{REDACTED}{id}:{last}]"),
        (Keep::Domain, Some(domain)) => format!("{REDACTED}{id}]@{domain}"),
        _ => format!("{REDACTED}{id}]"),
    }
}

fn kept(keep: Keep, value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?;
    match keep {
        Keep::Nothing => None,
        Keep::Last4 => {
            let all: Vec<_> = text.chars().filter(char::is_ascii_alphanumeric).collect();
            let last = all.get(all.len().checked_sub(4)?..)?;
            (all.len() >= LAST4_CHARS_MIN).then(|| last.iter().collect())
        }
        Keep::Domain => {
            let (_, domain) = text.rsplit_once('@')?;
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
            let good = domain.contains('.')
                && domain.len() <= DOMAIN_BYTES_MAX
                && domain.bytes().all(plain);
            good.then(|| domain.to_owned())
        }
    }
}

/// A placeholder that stands in a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Placeholder<'t> {
    /// What a redaction left: perhaps a rule's id with what was kept.
    Redacted(&'t str),
    /// Its class, and what is sealed.
    Sealed(Class, &'t str),
}

impl<'t> Placeholder<'t> {
    /// The one that a text begins with, and its length.
    pub(super) fn of(text: &'t [u8]) -> Option<(Self, usize)> {
        if let Some(rest) = text.strip_prefix(REDACTED.as_bytes()) {
            let rest = rest.get(..REDACTED_BYTES_MAX.min(rest.len()))?;
            let end = memchr::memchr(b']', rest)?;
            let inner = std::str::from_utf8(rest.get(..end)?).ok()?;
            return Some((Self::Redacted(inner), REDACTED.len() + end + 1));
        }
        let rest = text.strip_prefix(SEALED.as_bytes())?;
        let colon = rest.iter().take(CLASS_BYTES_MAX + 1).position(|byte| *byte == b':')?;
        let class = rest.get(..colon)?;
        let class = Class::ALL.into_iter().find(|one| one.name().as_bytes() == class)?;
        let token = rest.get(colon + 1..)?;
        let end = token.iter().take(TOKEN_BYTES_MAX + 1).position(|byte| *byte == b']')?;
        let token = std::str::from_utf8(token.get(..end)?).ok()?;
        let of_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (token.len() >= TOKEN_BYTES_MIN && token.bytes().all(of_base64))
            .then_some((Self::Sealed(class, token), SEALED.len() + colon + 1 + end + 1))
    }

    /// The rule whose redaction it is, of those that `is_rule` knows.
    pub(super) fn is_redaction(&self, is_rule: impl Fn(&str) -> bool) -> bool {
        let Self::Redacted(inner) = self else { return false };
        let last4 = |(id, last): (&str, &str)| {
            last.len() == 4 && last.bytes().all(|byte| byte.is_ascii_alphanumeric()) && is_rule(id)
        };
        is_rule(inner) || inner.rsplit_once(':').is_some_and(last4)
    }
}

/// No class has a longer name.
const CLASS_BYTES_MAX: usize = 16;

/// A nonce, a byte for the kind of value, and a tag, in base64.
const TOKEN_BYTES_MIN: usize = ((12 + 1 + 16) * 8_usize).div_ceil(6);

/// The same with the longest value that is sealed.
const TOKEN_BYTES_MAX: usize = ((12 + 1 + super::keys::VALUE_BYTES_MAX + 16) * 8).div_ceil(6);

/// No placeholder is longer.
pub(super) const PLACEHOLDER_BYTES_MAX: usize =
    SEALED.len() + CLASS_BYTES_MAX + 1 + TOKEN_BYTES_MAX + 1;

/// Whether an action puts a placeholder in a value's place.
pub(super) fn is_put_by(action: Action) -> bool {
    matches!(action, Action::Redact(_) | Action::Tokenise)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_little_and_only_of_what_has_it() {
        let last4 = |value: &str| kept(Keep::Last4, value.as_bytes());
        assert_eq!(last4("4111 1111 1111 1234").as_deref(), Some("1234"));
        assert_eq!(last4("078-05-1120").as_deref(), Some("1120"));
        assert_eq!(last4("1234 5678"), None);
        assert_eq!(last4(""), None);
        let domain = |value: &str| kept(Keep::Domain, value.as_bytes());
        assert_eq!(domain("ada@example.com").as_deref(), Some("example.com"));
        assert_eq!(domain("ada@[192.0.2.1]"), None);
        assert_eq!(domain("ada@localhost"), None);
        assert_eq!(domain("a b@exa mple.com"), None);
        assert_eq!(kept(Keep::Last4, b"\xff12345678901"), None);
    }

    #[test]
    fn a_placeholder_is_read_as_it_was_written_and_nothing_like_it() {
        let token = "A".repeat(TOKEN_BYTES_MIN);
        let sealed = format!("[SEALED:card:{token}]");
        let read = Placeholder::of(sealed.as_bytes());
        assert_eq!(read, Some((Placeholder::Sealed(Class::Card, &token), sealed.len())));
        let rule = |id: &str| id == "a-rule";
        for (text, good) in [
            ("[REDACTED:a-rule]", true),
            ("[REDACTED:a-rule:1a2B]", true),
            ("[REDACTED:another]", false),
            ("[REDACTED:a-rule:12345]", false),
            ("[REDACTED:a-rule:12 4]", false),
        ] {
            let (read, bytes) = Placeholder::of(text.as_bytes()).expect("a placeholder");
            assert_eq!((read.is_redaction(rule), bytes), (good, text.len()), "{text}");
        }
        for text in [
            "[REDACTED:a-rule",
            "[redacted:a-rule]",
            &format!("[SEALED:cards:{token}]"),
            &format!("[SEALED:card:{}]", &token[1..]),
            &format!("[SEALED:card:{token}=]"),
            &format!("[SEALED:card:{token}"),
            &format!("[Sealed:card:{token}]"),
            &format!("[SEALED: card:{token}]"),
            &format!("[SEALED:card:{}]", "A".repeat(TOKEN_BYTES_MAX + 1)),
        ] {
            assert_eq!(Placeholder::of(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn no_class_has_a_name_that_is_not_read_back() {
        for class in Class::ALL {
            assert!(class.name().len() <= CLASS_BYTES_MAX, "{class}");
        }
    }
}
