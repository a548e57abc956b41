//! A look into JSON that was found valid already: where a member's value begins.

use memchr::{memchr2, memmem};

/// What follows the name and colon of a member of the object at the start of `object`, the first
/// one of this name. Names that are written with escapes are not read: nobody writes `content` so.
pub(super) fn member<'a>(object: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut at = object.iter().position(|byte| *byte == b'{')? + 1;
    loop {
        at = skip_space(object, at);
        let (key, end) = string(object, at)?;
        at = skip_space(object, skip_space(object, end) + 1);
        if key == name {
            return object.get(at..);
        }
        at = skip_space(object, skip_value(object, at)?);
        if object.get(at) != Some(&b',') {
            return None;
        }
        at += 1;
    }
}

/// The string that is the value at the start of `value`, escapes and all.
pub(super) fn text(value: &[u8]) -> Option<&[u8]> {
    string(value, 0).map(|(text, _)| text)
}

/// The integer that is the value at the start of `value`.
pub(super) fn integer(value: &[u8]) -> Option<i64> {
    let length = value.iter().take_while(|byte| matches!(byte, b'-' | b'0'..=b'9')).count();
    std::str::from_utf8(value.get(..length)?).ok()?.parse().ok()
}

/// Looks for `isError: true` in results, most of which have no such member.
pub(super) struct IsError(memmem::Finder<'static>);

impl IsError {
    pub(super) fn new() -> Self {
        Self(memmem::Finder::new(br#""isError""#))
    }

    #[inline]
    pub(super) fn of(&self, result: &[u8]) -> bool {
        // One search at the speed of memory rules it out for all but refusals.
        self.0.find(result).is_some()
            && member(result, b"isError").is_some_and(|value| value.starts_with(b"true"))
    }
}

#[inline]
fn skip_space(text: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\n' | b'\r') = text.get(at) {
        at += 1;
    }
    at
}

/// The inside of the string whose quote is at `at`, and where it ends.
#[inline]
fn string(text: &[u8], at: usize) -> Option<(&[u8], usize)> {
    if text.get(at) != Some(&b'"') {
        return None;
    }
    let start = at + 1;
    let mut at = start;
    loop {
        at += memchr2(b'"', b'\\', text.get(at..)?)?;
        if text.get(at) == Some(&b'"') {
            return Some((text.get(start..at)?, at + 1));
        }
        at += 2;
    }
}

/// Behind the value at `at`.
fn skip_value(text: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match text.get(at)? {
            b'"' => at = string(text, at)?.1,
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                at += 1;
            }
            b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' => at += 1,
            _ => {
                // A number or a word.
                let rest = text.get(at..)?;
                let ends = |byte: &u8| !matches!(byte, b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'E');
                at += rest.iter().position(ends).filter(|length| *length > 0)?;
            }
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_at_the_first_level_only() {
        let object = br#"{ "a" : "}\"" , "deep":{"content":[1,{"x":"]"}],"isError":true},"n":-1.5E3,"t":true,"content":[ ], "last":null}"#;
        let begins = |name: &str| member(object, name.as_bytes()).map(|value| value[0]);
        assert_eq!(begins("a"), Some(b'"'));
        assert_eq!(begins("deep"), Some(b'{'));
        assert_eq!(begins("n"), Some(b'-'));
        assert_eq!(begins("t"), Some(b't'));
        assert_eq!(begins("content"), Some(b'['));
        assert_eq!(begins("last"), Some(b'n'));
        for absent in ["isError", "x", "", "conten"] {
            assert_eq!(begins(absent), None, "{absent}");
        }
        assert_eq!(member(b"{}", b"a"), None);
        assert_eq!(member(b"[1]", b"a"), None);
    }

    #[test]
    fn values_are_read() {
        assert_eq!(text(br#""2025-11-25","#), Some(&b"2025-11-25"[..]));
        assert_eq!(text(b"7"), None);
        assert_eq!(integer(b"-32601,"), Some(-32_601));
        assert_eq!(integer(b"null"), None);
    }

    #[test]
    fn an_error_of_a_tool_is_told_from_a_text_that_speaks_of_one() {
        let is_error = IsError::new();
        assert!(is_error.of(br#"{"content":[],"isError":true}"#));
        assert!(is_error.of(br#"{"content":[{"text":"\"isError\""}], "isError" : true}"#));
        assert!(!is_error.of(br#"{"content":[],"isError":false}"#));
        assert!(!is_error.of(br#"{"content":[{"isError":true}]}"#));
        assert!(!is_error.of(br#"{"content":[]}"#));
    }

    #[test]
    fn what_is_cut_off_or_no_json_is_nothing() {
        let whole = br#"{"a":[1,"b\\"],"c":{"d":true}}"#;
        for end in 0..whole.len() {
            let _ = member(&whole[..end], b"c");
            let _ = member(&whole[end..], b"c");
        }
        assert_eq!(member(br#"{"a":!,"c":1}"#, b"c"), None);
        assert_eq!(member(br#"{"a":]"#, b"c"), None);
    }
}
