//! Whether a text can be looked into value by value.

use memchr::memchr2;

/// Whether nothing stands in a text but JSON's values and what keeps them apart. Where this holds, no reader
/// sees a text that goes over from one value to another; more of JSON's grammar does not matter here.
pub(crate) fn is_json(text: &[u8]) -> bool {
    read(text) == Read::Whole
}

/// Whether more could come behind a text with which all of it is JSON, as far as [`is_json`] looks.
pub(crate) fn begins_json(text: &[u8]) -> bool {
    read(text) != Read::Other
}

/// What a text is.
#[derive(Debug, PartialEq, Eq)]
enum Read {
    /// JSON.
    Whole,
    /// Its beginning.
    Begins,
    Other,
}

fn read(text: &[u8]) -> Read {
    let mut at = 0;
    // Whether a value ended last, so that another cannot follow.
    let mut value = false;
    while let Some(byte) = text.get(at) {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => at += 1,
            b'"' if !value => match string_end(text, at) {
                Some(end) => (at, value) = (end, true),
                None => return Read::Begins,
            },
            b'{' | b'[' if !value => at += 1,
            b'}' | b']' => (at, value) = (at + 1, true),
            b',' | b':' if value => (at, value) = (at + 1, false),
            _ if !value => {
                let rest = text.get(at..).unwrap_or_default();
                let length = rest.iter().position(|byte| !of_word(*byte)).unwrap_or(rest.len());
                let word = rest.get(..length).unwrap_or_default();
                if !is_word(word) {
                    let cut = length == rest.len() && begins_word(word);
                    return if cut { Read::Begins } else { Read::Other };
                }
                (at, value) = (at + length, true);
            }
            _ => return Read::Other,
        }
    }
    if value { Read::Whole } else { Read::Begins }
}

/// Behind the quote that ends the string which begins at `start`.
fn string_end(text: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        at += memchr2(b'"', b'\\', text.get(at..)?)?;
        if text.get(at) == Some(&b'"') {
            return Some(at + 1);
        }
        at += 2;
    }
}

fn of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+')
}

/// A number, however it is written, or a name.
fn is_word(word: &[u8]) -> bool {
    let of_number = |byte: &u8| byte.is_ascii_digit() || b".-+eE".contains(byte);
    matches!(word, b"true" | b"false" | b"null")
        || word.iter().any(u8::is_ascii_digit) && word.iter().all(of_number)
}

/// Whether a number or a name may begin so.
fn begins_word(word: &[u8]) -> bool {
    let names: [&[u8]; 3] = [b"true", b"false", b"null"];
    names.iter().any(|name| name.starts_with(word)) || matches!(word, b"-" | b"+" | b".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_json_holds_apart_is_json() {
        for text in [
            "{}",
            " [ ] ",
            r#"{"a": 1, "b": [true, false, null, -1.5e+3, "x\"y\\"], "c": {"d": {}}}"#,
            "\"one\"",
            "12",
            "\n{\"a\":\"two\nlines\"}\r\n",
        ] {
            assert!(is_json(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn a_text_that_stands_between_values_is_none() {
        for text in [
            "",
            "  ",
            "text",
            "{} {}",
            "{}\n{}",
            "4111 1111",
            r#""a" "b""#,
            r#"{"a": "b"} trailing"#,
            r#"{"a": -----BEGIN PRIVATE KEY-----}"#,
            r#"{"a" "b"}"#,
            r#"{"a": "b"#,
            r#"{"a": "b\"#,
            r#"{"a": 'b'}"#,
            r#"{a: "b"}"#,
            "data: {}",
            "{\0}",
            "\u{feff}{}",
            "[-]",
        ] {
            assert!(!is_json(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn what_is_cut_within_a_value_or_before_one_is_none() {
        let text = r#"{"a":[1,{"b":"cd"}],"e":null}"#;
        assert!(is_json(text.as_bytes()));
        for end in [1, 3, 5, 8, 10, 13, 15, 22, 27] {
            assert!(!is_json(&text.as_bytes()[..end]), "{}", &text[..end]);
        }
        for end in 0..=text.len() {
            assert!(begins_json(&text.as_bytes()[..end]), "{}", &text[..end]);
        }
    }

    #[test]
    fn what_no_end_makes_json_does_not_begin_it() {
        for text in
            ["a", "{} {", "[10:39] jo", "[2026-11-22 10:39:00] x", "{ x", "<html>", "tru x", "[-,"]
        {
            assert!(!begins_json(text.as_bytes()), "{text}");
        }
    }
}
