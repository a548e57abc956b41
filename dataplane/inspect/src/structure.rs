//! Where the values of a JSON text are, in its own bytes.
//!
//! A match may not cross from one value into another, and what is cut out must leave the text valid. Only a text in
//! which something may be found is looked at like this.

use std::ops::Range;

use memchr::memchr2;
use serde::de::IgnoredAny;

/// A value with the key before it, or one of them alone. The first value of an array has the array's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    /// With its quotes.
    pub(crate) key: Option<Range<usize>>,
    /// A string with its quotes, a number, `true`, `false` or `null`; none of a key before an object or an array.
    pub(crate) value: Option<Range<usize>>,
}

impl Cell {
    pub(crate) fn start(&self) -> usize {
        let value = self.value.as_ref().map_or(usize::MAX, |value| value.start);
        self.key.as_ref().map_or(value, |key| key.start)
    }

    /// Whether its key is that of the array in which it is the first.
    fn is_first(&self, text: &[u8]) -> bool {
        let between = |(key, value): (&Range<usize>, &Range<usize>)| text.get(key.end..value.start);
        let between = self.key.as_ref().zip(self.value.as_ref()).and_then(between);
        between.is_some_and(|between| between.contains(&b'['))
    }

    pub(crate) fn end(&self) -> usize {
        let key = self.key.as_ref().map_or(0, |key| key.end);
        self.value.as_ref().map_or(key, |value| value.end)
    }
}

/// Puts the cells of a text into `cells`, in order. Of what is no JSON some are found too: they keep apart what
/// quotes keep apart.
pub(crate) fn cells(text: &[u8], cells: &mut Vec<Cell>) {
    cells.clear();
    let mut at = 0;
    let mut key: Option<Range<usize>> = None;
    while let Some(byte) = text.get(at) {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' | b':' => at += 1,
            b'"' => {
                let end = string_end(text, at);
                if key.is_none() && is_key(text, end) {
                    key = Some(at..end);
                } else {
                    cells.push(Cell { key: key.take(), value: Some(at..end) });
                }
                at = end;
            }
            b'{' | b'}' | b'[' | b']' | b',' => {
                if let Some(key) = key.take_if(|_| !opens_values(text, at)) {
                    cells.push(Cell { key: Some(key), value: None });
                }
                at += 1;
            }
            _ => {
                let rest = text.get(at..).unwrap_or_default();
                let ends = |byte: &u8| {
                    matches!(byte, b',' | b']' | b'}' | b'{' | b'[' | b'"' | b':')
                        || byte.is_ascii_whitespace()
                };
                let length = rest.iter().position(ends).unwrap_or(rest.len()).max(1);
                cells.push(Cell { key: key.take(), value: Some(at..at + length) });
                at += length;
            }
        }
    }
    if let Some(key) = key {
        cells.push(Cell { key: Some(key), value: None });
    }
}

/// Behind the quote that ends the string which begins at `start`.
pub(crate) fn string_end(text: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(next) = text.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += next;
        if text.get(at) == Some(&b'"') {
            return at + 1;
        }
        at += 2;
    }
    text.len()
}

fn is_key(text: &[u8], end: usize) -> bool {
    let rest = text.get(end..).unwrap_or_default();
    rest.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':')
}

/// Whether an array begins here whose first element is a string or a number: that has the array's key.
fn opens_values(text: &[u8], at: usize) -> bool {
    let rest = text.get(at..).and_then(|rest| rest.strip_prefix(b"[")).unwrap_or_default();
    let first = without_blanks_before(rest).first();
    first.is_some_and(|byte| matches!(byte, b'"' | b'-' | b'0'..=b'9'))
}

/// The cell that a place is in, or that begins next behind it.
pub(crate) fn cell_at(cells: &[Cell], at: usize) -> Option<&Cell> {
    cells.get(cells.partition_point(|cell| cell.end() <= at))
}

/// So many bytes around a value are looked at with it,
const NEIGHBOURS_BYTES_MAX: usize = 4096;

/// A value's neighbours, as places in the message: the members of its object, with what stands in their arrays and
/// with the object's own key, or the elements of its array.
pub(crate) fn neighbours(text: &[u8], cells: &[Cell], at: usize) -> Option<Range<usize>> {
    let own = cells.get(at)?;
    let member = own.key.is_some() && !own.is_first(text);
    let apart = |gap: &[u8]| {
        let ends = |byte: &u8| match byte {
            b'{' | b'}' => true,
            b'[' | b']' => !member,
            _ => false,
        };
        gap.iter().any(ends)
    };
    // Of elements the first is one too.
    let begin = |cell: &Cell| match &cell.value {
        Some(value) if !member => value.start,
        _ => cell.start(),
    };
    let gap = |left: &Cell, right: &Cell| text.get(left.end()..begin(right)).unwrap_or_default();
    let mut start = begin(own);
    let before = cells.get(..at).unwrap_or_default();
    let floor = start.saturating_sub(NEIGHBOURS_BYTES_MAX);
    let mut next = own;
    for cell in before.iter().rev().take_while(|cell| begin(cell) >= floor) {
        let between = gap(cell, next);
        if apart(between) {
            // An object stands with its key.
            let opens = |byte: &u8| matches!(byte, b':' | b'{') || byte.is_ascii_whitespace();
            let key = cell.value.is_none() && between.iter().all(opens);
            start = if key { cell.start() } else { start };
            break;
        }
        start = begin(cell);
        next = cell;
    }
    // With the brace before it.
    let open = text.get(..start).unwrap_or_default();
    let open = open.iter().rposition(|byte| !byte.is_ascii_whitespace());
    start = open.filter(|at| matches!(text.get(*at), Some(b'{' | b'['))).unwrap_or(start);
    let mut end = own.end();
    let ceiling = own.end().saturating_add(NEIGHBOURS_BYTES_MAX);
    let mut last = own;
    let behind = cells.get(at + 1..).unwrap_or_default();
    for cell in behind.iter().take_while(|cell| cell.end() <= ceiling) {
        if apart(gap(last, cell)) {
            break;
        }
        end = cell.end();
        last = cell;
    }
    Some(start..end)
}

/// No number is longer,
const NUMBER_BYTES_MAX: usize = 64;
/// and no further behind where its array begins.
const ARRAY_BYTES_MAX: usize = 4096;

/// How a quote is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quote {
    /// In a string that is within so many strings.
    Escaped(usize),
    /// In a URL, or in HTML.
    Spelled(&'static str),
}

const SPELLED: [&str; 3] = ["%22", "&quot;", "&#34;"];

/// A number that stands as a value of JSON in what is no JSON as a whole, as on lines of it and in prose: how the
/// quotes of its key are written, and all of the number that a part of a text is of.
pub(crate) fn bare(text: &[u8], part: &Range<usize>) -> Option<(Quote, Range<usize>)> {
    let number = |byte: &&u8| byte.is_ascii_digit() || b"+-.eE".contains(*byte);
    if !text.get(part.clone())?.iter().all(|byte| number(&byte)) {
        return None;
    }
    let before = text.get(..part.start)?.iter().rev().take(NUMBER_BYTES_MAX).take_while(number);
    let behind = text.get(part.end..)?.iter().take(NUMBER_BYTES_MAX).take_while(number);
    let all = part.start - before.count()..part.end + behind.count();
    Some((quote_of_value(text, &all)?, all))
}

/// The same of a string, by what stands between its quotes: how many strings that is within.
pub(crate) fn whole(text: &[u8], part: &Range<usize>) -> Option<usize> {
    let before = text.get(..part.start)?;
    let Quote::Escaped(strings) = quote_of(before).filter(|_| before.ends_with(b"\""))? else {
        return None;
    };
    // As many backslashes as before the first.
    let bytes = 1_usize.checked_shl(u32::try_from(strings).ok()?)?;
    let all = part.start.checked_sub(bytes)?..part.end.checked_add(bytes)?;
    let ends = text.get(all.start..part.start) == text.get(part.end..all.end);
    let quote = ends.then(|| quote_of_value(text, &all))??;
    (quote == Quote::Escaped(strings)).then_some(strings)
}

/// How the quotes of a value's key are written, or of what else is in its array.
fn quote_of_value(text: &[u8], value: &Range<usize>) -> Option<Quote> {
    let closes = without_blanks_before(text.get(value.end..)?).first()?;
    let before = without_blanks_behind(text.get(..value.start)?);
    match (before.last()?, closes) {
        (b':', b',' | b'}') => quote_of(before.strip_suffix(b":")?),
        (b',' | b'[', b',' | b']') => quote_of_array(before),
        _ => None,
    }
}

/// Without the blanks that a text begins with, of which a string has the ends of lines as escapes.
fn without_blanks_before(mut text: &[u8]) -> &[u8] {
    loop {
        text = text.trim_ascii_start();
        let escapes = text.iter().take(NUMBER_BYTES_MAX).take_while(|byte| **byte == b'\\').count();
        match text.get(escapes..) {
            Some([b'n' | b'r' | b't', rest @ ..]) if escapes > 0 => text = rest,
            _ => return text,
        }
    }
}

/// The same of those that it ends with.
fn without_blanks_behind(mut text: &[u8]) -> &[u8] {
    loop {
        text = text.trim_ascii_end();
        let Some((b'n' | b'r' | b't', rest)) = text.split_last() else { return text };
        let escapes = rest.iter().rev().take(NUMBER_BYTES_MAX);
        let escapes = escapes.take_while(|byte| **byte == b'\\').count();
        if escapes == 0 {
            return text;
        }
        text = rest.get(..rest.len() - escapes).unwrap_or_default();
    }
}

/// How the quote is written with which a text ends.
fn quote_of(text: &[u8]) -> Option<Quote> {
    let text = text.trim_ascii_end();
    let Some(text) = text.strip_suffix(b"\"") else {
        let spelled = SPELLED.iter().find(|quote| text.ends_with(quote.as_bytes()))?;
        return Some(Quote::Spelled(spelled));
    };
    let escapes = text.iter().rev().take(NUMBER_BYTES_MAX).take_while(|byte| **byte == b'\\');
    // None, one, three, seven: each of them and the quote is escaped once more in each string.
    let bytes = escapes.count() + 1;
    bytes.is_power_of_two().then(|| Quote::Escaped(bytes.ilog2() as usize))
}

/// The same of the array that is open where a text ends: by its key, by the string that it is all of, or as the first
/// on its line.
fn quote_of_array(text: &[u8]) -> Option<Quote> {
    let near = text.len().saturating_sub(ARRAY_BYTES_MAX);
    let (mut string, mut closed) = (false, 0_usize);
    let mut quote = None;
    for (at, byte) in text.iter().enumerate().skip(near).rev() {
        match byte {
            b'"' => string = !string,
            _ if string => {}
            b']' | b'}' => closed += 1,
            b'[' | b'{' if closed > 0 => closed -= 1,
            b'{' => break,
            b'[' => {
                let all = text.get(..at)?;
                let before = all.trim_ascii_end();
                let line = all.get(before.len()..)?;
                match before.last() {
                    Some(b':') => return quote_of(before.strip_suffix(b":")?),
                    Some(b'"') => {
                        return match quote_of(before)? {
                            Quote::Escaped(strings) => Some(Quote::Escaped(strings + 1)),
                            Quote::Spelled(_) => None,
                        };
                    }
                    // It may be in another.
                    None => quote = Some(Quote::Escaped(0)),
                    Some(_) if line.contains(&b'\n') => quote = Some(Quote::Escaped(0)),
                    Some(b'[' | b',') => {}
                    Some(_) => break,
                }
            }
            _ => {}
        }
    }
    quote
}

/// Whether a text is JSON but for line ends, tabs and other control characters that stand in strings as they do in
/// many a server's answer: most readers take them (RFC 8259, section 7, does not).
pub(crate) fn is_read_as_json(text: &[u8]) -> bool {
    let read = |text: &[u8]| serde_json::from_slice::<IgnoredAny>(text).is_ok();
    let blank = |byte: &u8| if *byte < b' ' { b' ' } else { *byte };
    read(text) || read(&text.iter().map(blank).collect::<Vec<u8>>())
}

/// Whether a text may be JSON: what it begins with may. A line of a log that begins with `[10:39]` and a section that
/// does with `[default]` are none.
pub(crate) fn may_be_json(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    let Some((first, rest)) = text.split_first() else { return false };
    let rest = rest.trim_ascii_start();
    match (first, rest.first()) {
        (b'{', Some(b'"' | b'}')) | (b'[', Some(b'"' | b'{' | b'[' | b']')) => true,
        (b'[', Some(_)) => {
            let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b',' | b']');
            let (word, behind) = rest.split_at(rest.iter().position(ends).unwrap_or(rest.len()));
            let number = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
            let value = word.iter().all(number) || matches!(word, b"true" | b"false" | b"null");
            value && matches!(behind.trim_ascii_start().first(), Some(b',' | b']'))
        }
        (b'"', _) => string_end(text, 0) == text.len() && text.len() > 1 && text.ends_with(b"\""),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let mut all = Vec::new();
        cells(text.as_bytes(), &mut all);
        let of = |part: Option<Range<usize>>| part.map_or("-".into(), |part| text[part].to_owned());
        all.into_iter().map(|cell| format!("{}={}", of(cell.key), of(cell.value))).collect()
    }

    #[test]
    fn values_are_told_with_their_keys() {
        let text = r#"{"a": "x\"y", "b":[1, "z", {"c":null}], "d":{} , "e":-2.5e3}"#;
        let expected =
            [r#""a"="x\"y""#, r#""b"=1"#, r#"-="z""#, r#""c"=null"#, r#""d"=-"#, r#""e"=-2.5e3"#];
        assert_eq!(told(text), expected);
        assert_eq!(told(r#""alone""#), [r#"-="alone""#]);
    }

    #[test]
    fn what_begins_as_json_does_may_be_it() {
        for text in [
            "{}",
            " {\"a\":1}",
            "[]",
            "[ 1.5e3 , 2]",
            "[[1]]",
            "[null]",
            "\"a\\\"b\"\n",
            "[\"x\"]",
            "[7]",
        ] {
            assert!(may_be_json(text.as_bytes()), "{text}");
        }
        let others = [
            "",
            "[10:39] jo: hi",
            "[default]\nkey = 1",
            "\"\"\"doc\"\"\"",
            "{{ x }}",
            "{ x }",
            "\"a\" b",
            "\"",
            "x",
        ];
        for text in others {
            assert!(!may_be_json(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn a_value_has_its_members_or_elements_beside_it() {
        let text = r#"{"x":{"host":{"a":1,"ops":["s","t"],"b":"2"}},"y":["-p","q"],"z":3}"#;
        let mut all = Vec::new();
        cells(text.as_bytes(), &mut all);
        let of = |value: &str| {
            let is = |cell: &Cell| cell.value.as_ref().is_some_and(|at| text[at.clone()] == *value);
            let at = all.iter().position(is).expect("it is there");
            text[neighbours(text.as_bytes(), &all, at).expect("a part")].to_owned()
        };
        let object = r#""host":{"a":1,"ops":["s","t"],"b":"2""#;
        assert_eq!(of("1"), format!("{{{object}"));
        assert_eq!(of("\"2\""), format!("{{{object}"));
        assert_eq!(of("\"q\""), r#"["-p","q""#);
        assert_eq!(of("\"s\""), r#"["s","t""#);
        assert_eq!(of("3"), r#""y":["-p","q"],"z":3"#);
        let long = format!("[{}\"x\"]", "\"0123456789\",".repeat(2000));
        cells(long.as_bytes(), &mut all);
        let part = neighbours(long.as_bytes(), &all, 1000).expect("a part");
        assert!(part.len() <= 2 * NEIGHBOURS_BYTES_MAX + 12, "{part:?}");
    }

    #[test]
    fn a_number_is_a_value_where_its_key_or_its_array_says_so() {
        let card = "4111111111111111";
        let told = |text: &str| {
            let at = text.find(card).expect("it is there");
            let told = bare(text.as_bytes(), &(at..at + card.len()));
            told.map(|(quote, all)| (quote, text[all].to_owned()))
        };
        for (text, strings, number) in [
            (r#"{"n":0,"card":4111111111111111}"#, 0, card),
            ("{\"n\":0}\n{\"card\" : 4111111111111111 }\n", 0, card),
            (
                "it says:\n  \"card\": -4111111111111111.5e3,\n  \"n\": 1\n",
                0,
                "-4111111111111111.5e3",
            ),
            ("{\n \"cards\": [\n  7,\n  4111111111111111,\n  8\n ]\n}", 0, card),
            ("x\n[\n  4111111111111111\n]", 0, card),
            (r#"[[1,"]"],["[",4111111111111111]]"#, 0, card),
            (r#"say {\"a\":[{"x":1},4111111111111111]}"#, 1, card),
            (r#"{\\\"card\\\": 4111111111111111}"#, 2, card),
            (r#"{"text":"[1, 4111111111111111, 2]"}"#, 1, card),
        ] {
            assert_eq!(told(text), Some((Quote::Escaped(strings), number.to_owned())), "{text}");
        }
        for quote in SPELLED {
            let text = format!("{{{quote}card{quote}:{card},{quote}n{quote}:1}}");
            assert_eq!(told(&text), Some((Quote::Spelled(quote), card.to_owned())), "{text}");
        }
        let string = |text: &str| {
            let at = text.find(card).expect("it is there");
            whole(text.as_bytes(), &(at..at + card.len()))
        };
        assert_eq!(string(r#"{"n":0,"card":"4111111111111111"}"#), Some(0));
        assert_eq!(string(r#"say {\"a\":[1,\"4111111111111111\"]}"#), Some(1));
        assert_eq!(string(r#"say "4111111111111111", and"#), None);
        assert_eq!(string(r#"{"n":0,"card":"4111111111111111\"}"#), None);
        for text in [
            r#"{"note": "cards, 4111111111111111, ok"}"#,
            r#"{"notes": ["a ] or [", "cards, 4111111111111111, ok"]}"#,
            "a, 4111111111111111, b",
            "card: 4111111111111111, and [2]",
            "1,4111111111111111,2\n",
            r#"{"card":"4111111111111111"}"#,
            r#"x\\":4111111111111111,"#,
            r#""card":4111111111111111 of [x]"#,
        ] {
            assert_eq!(told(text), None, "{text}");
        }
        let long = format!("[{}{card}]", "1,".repeat(ARRAY_BYTES_MAX));
        assert_eq!(told(&long), None);
        let long = format!("\"a\":{card}{}}}", "1".repeat(2 * NUMBER_BYTES_MAX));
        assert_eq!(told(&long), None);
    }

    #[test]
    fn what_is_no_json_is_taken_apart_without_a_panic() {
        for text in
            ["\"", "\"\\", "{\"a\":", "nonsense here", "\"a\" \"b\"", ":::", "{,}", "\"a\"::\"b\""]
        {
            told(text);
        }
    }

    proptest::proptest! {
        #[test]
        fn cells_are_apart_and_in_order(text: Vec<u8>) {
            let mut all = Vec::new();
            cells(&text, &mut all);
            let mut before = 0;
            for cell in all {
                proptest::prop_assert!(cell.start() >= before && cell.end() > cell.start());
                proptest::prop_assert!(cell.end() <= text.len());
                before = cell.end();
            }
        }
    }
}
