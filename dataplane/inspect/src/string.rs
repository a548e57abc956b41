//! A string of JSON as its reader reads it, exactly, and what stands in it if that is JSON again.
//!
//! What is scanned is folded, so that what only looks like a value is found too. What is put back must be
//! the value itself, wherever it is put: this reads strings to the letter.

use std::ops::Range;

use serde::de::IgnoredAny;

use crate::redact::Splice;
use crate::scan::Form;
use crate::structure::{Cell, Quote, bare, cell_at, cells, whole};

/// Strings that are JSON with strings that are JSON: so deep.
const NEST_MAX: usize = 4;

/// What a string says.
#[derive(Debug)]
pub(crate) struct Read {
    text: String,
    /// Its escapes, in order: between two of them text and source go on together.
    escapes: Vec<Escape>,
}

/// An escape of a string.
#[derive(Debug, Default)]
struct Escape {
    /// Where it begins in the source,
    begins: usize,
    /// and ends there,
    ends: usize,
    /// and where in the text what it stands for ends.
    at: usize,
}

impl Read {
    /// Of the source of a string, without its quotes; `None` where that is no text.
    pub(crate) fn of(source: &[u8]) -> Option<Self> {
        let source = std::str::from_utf8(source).ok()?;
        let mut read = Self { text: String::with_capacity(source.len()), escapes: Vec::new() };
        let mut at = 0;
        while let Some(found) = source.get(at..)?.find('\\') {
            let begins = at + found;
            read.text.push_str(source.get(at..begins)?);
            let (character, bytes) = escape(source.get(begins..)?)?;
            read.text.push(character);
            at = begins + bytes;
            read.escapes.push(Escape { begins, ends: at, at: read.text.len() });
        }
        read.text.push_str(source.get(at..)?);
        Some(read)
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Where in the text a place of the source is; `None` within an escape.
    fn at(&self, source: usize) -> Option<usize> {
        let next = self.escapes.partition_point(|escape| escape.ends <= source);
        let within = self.escapes.get(next).is_some_and(|escape| escape.begins < source);
        let (at, ends) = self.before(next);
        (!within).then_some(at + (source - ends))
    }

    /// Where in the source a place of the text is.
    fn source(&self, at: usize) -> usize {
        let (before, ends) = self.before(self.escapes.partition_point(|escape| escape.at <= at));
        ends + (at - before)
    }

    /// The ends, in text and source, of the escape before `next`.
    fn before(&self, next: usize) -> (usize, usize) {
        let last = next.checked_sub(1).and_then(|last| self.escapes.get(last));
        last.map_or((0, 0), |escape| (escape.at, escape.ends))
    }
}

/// The character that an escape stands for, and its length in the source.
fn escape(source: &str) -> Option<(char, usize)> {
    let plain = match source.as_bytes().get(1)? {
        byte @ (b'"' | b'\\' | b'/') => char::from(*byte),
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let unit = |at: usize| {
                let digits = source.get(at..at + 6)?.strip_prefix("\\u")?;
                let hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
                u16::from_str_radix(digits, 16).ok().filter(|_| hex)
            };
            let first = unit(0)?;
            if let Some(character) = char::from_u32(first.into()) {
                return Some((character, 6));
            }
            let pair = char::decode_utf16([first, unit(6)?]).next()?.ok()?;
            return Some((pair, 12));
        }
        _ => return None,
    };
    Some((plain, 2))
}

/// As it is written in a string that is within `depth` strings.
pub(crate) fn written(text: &str, depth: usize) -> String {
    let mut out = text.to_owned();
    for _ in 0..=depth {
        // What is text is always written.
        let quoted = serde_json::to_string(&out).unwrap_or_default();
        quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().clone_into(&mut out);
    }
    out
}

/// The quote of a string that is within `depth` strings.
pub(crate) fn quote(depth: usize) -> String {
    match depth.checked_sub(1) {
        None => "\"".to_owned(),
        Some(around) => written("\"", around),
    }
}

/// A part of a message, by the innermost string that it is in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    /// How many strings that string, or the number, is within.
    pub(crate) depth: usize,
    /// What the part says there.
    pub(crate) text: String,
    pub(crate) stands: Stands,
    /// Its bytes of the message; of a number all of it.
    pub(crate) source: Range<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stands {
    /// As a part of a string, or as a key.
    Within,
    /// As a whole string that is a value, of JSON or of a line of it.
    Whole,
    /// As a number.
    Bare,
    /// The same, among strings whose quotes are written like this.
    Spelled(&'static str),
    /// In no string.
    Apart,
}

impl Spot {
    fn number(within: usize, quote: Quote, text: String, source: Range<usize>) -> Self {
        let (depth, stands) = match quote {
            Quote::Escaped(strings) => (within + strings, Stands::Bare),
            Quote::Spelled(quote) => (within, Stands::Spelled(quote)),
        };
        Self { depth, text, stands, source }
    }

    /// Whether a value that is sealed here can be put back as it was.
    pub(crate) fn can_be_restored(&self) -> bool {
        !matches!(self.stands, Stands::Spelled(_))
    }

    /// Whether it is a number that is a value by itself.
    pub(crate) fn is_number(&self) -> bool {
        matches!(self.stands, Stands::Bare | Stands::Spelled(_))
    }

    /// A text in its place, written as its strings are; in the place of a number it is one by itself.
    pub(crate) fn splice(self, text: &str) -> Splice {
        let with = match self.stands {
            Stands::Apart => text.to_owned(),
            Stands::Within | Stands::Whole => written(text, self.depth),
            Stands::Bare => {
                let quote = quote(self.depth);
                format!("{quote}{}{quote}", written(text, self.depth))
            }
            Stands::Spelled(quote) => format!("{quote}{}{quote}", text.replace('"', quote)),
        };
        Splice { range: self.source, with: with.into_bytes() }
    }
}

/// The strings of a message, and of the JSON in them: those that were asked for last.
pub(crate) struct Nests<'m> {
    message: &'m [u8],
    /// Where it is JSON.
    cells: Option<Vec<Cell>>,
    levels: Vec<Level>,
}

/// A string within the one before.
struct Level {
    /// Its source there, without quotes.
    source: Range<usize>,
    read: Read,
    /// Where it is JSON.
    cells: Option<Vec<Cell>>,
}

impl Level {
    fn of(text: &[u8], source: Range<usize>) -> Option<Self> {
        let read = Read::of(text.get(source.clone())?)?;
        let cells = is_json(read.text.as_bytes()).then(|| all_cells(read.text.as_bytes()));
        Some(Self { source, read, cells })
    }
}

/// Whether a text is an object or an array.
pub(crate) fn is_json(text: &[u8]) -> bool {
    let begins = text.trim_ascii_start().first();
    matches!(begins, Some(b'{' | b'[')) && serde_json::from_slice::<IgnoredAny>(text).is_ok()
}

fn all_cells(text: &[u8]) -> Vec<Cell> {
    let mut all = Vec::new();
    cells(text, &mut all);
    all
}

impl<'m> Nests<'m> {
    pub(crate) fn new(message: &'m [u8], form: Form) -> Self {
        let cells = (form == Form::Json).then(|| all_cells(message));
        Self { message, cells, levels: Vec::new() }
    }

    /// Where a part of the message stands; `None` where it is no part of one string or number, or no text.
    pub(crate) fn spot(&mut self, mut range: Range<usize>) -> Option<Spot> {
        if self.cells.is_none() {
            return apart(self.message, range);
        }
        let mut depth = 0;
        loop {
            let (text, cells) = self.text(depth)?;
            let cell = cell_at(cells, range.start)?;
            let holds = |part: &&Range<usize>| part.start <= range.start && range.end <= part.end;
            let key = cell.key.as_ref().filter(holds);
            let (part, is_key) = (key.or(cell.value.as_ref().filter(holds))?, key.is_some());
            if text.get(part.start) != Some(&b'"') {
                let number = std::str::from_utf8(text.get(part.clone())?).ok()?.to_owned();
                let source = self.source(depth, part.clone());
                return Some(Spot { depth, text: number, stands: Stands::Bare, source });
            }
            let inner = part.start + 1..part.end.checked_sub(1)?;
            if range.start < inner.start || inner.end < range.end {
                return None;
            }
            if self.levels.get(depth).is_none_or(|level| level.source != inner) {
                let level = Level::of(text, inner.clone())?;
                self.levels.truncate(depth);
                self.levels.push(level);
            }
            let level = self.levels.get(depth)?;
            let at = |source: usize| level.read.at(source - inner.start);
            let own = at(range.start)?..at(range.end)?;
            if level.cells.is_some() && depth < NEST_MAX {
                range = own;
                depth += 1;
                continue;
            }
            if let Some((quote, number)) = bare(level.read.text.as_bytes(), &own) {
                let text = level.read.text.get(number.clone())?.to_owned();
                let source = self.source(depth + 1, number);
                return Some(Spot::number(depth + 1, quote, text, source));
            }
            let all = own == (0..level.read.text.len()) && !is_key;
            let inner = whole(level.read.text.as_bytes(), &own).filter(|_| !all);
            let stands = if all || inner.is_some() { Stands::Whole } else { Stands::Within };
            let text = level.read.text.get(own)?.to_owned();
            let source = self.source(depth, range);
            let depth = inner.map_or(depth, |strings| depth + 1 + strings);
            return Some(Spot { depth, text, stands, source });
        }
    }

    /// What is looked at within `depth` strings.
    fn text(&self, depth: usize) -> Option<(&[u8], &[Cell])> {
        let Some(above) = depth.checked_sub(1) else {
            return Some((self.message, self.cells.as_deref()?));
        };
        let above = self.levels.get(above)?;
        Some((above.read.text.as_bytes(), above.cells.as_deref()?))
    }

    /// Back to the message's bytes.
    fn source(&self, depth: usize, range: Range<usize>) -> Range<usize> {
        self.levels.iter().take(depth).rev().fold(range, |range, level| {
            let from = |at| level.source.start + level.read.source(at);
            from(range.start)..from(range.end)
        })
    }
}

/// Where a part of what is no JSON stands: lines of it may be all the same.
fn apart(text: &[u8], range: Range<usize>) -> Option<Spot> {
    let told = |range: &Range<usize>| {
        text.get(range.clone()).and_then(|text| std::str::from_utf8(text).ok()).map(str::to_owned)
    };
    match bare(text, &range) {
        Some((quote, number)) => Some(Spot::number(0, quote, told(&number)?, number)),
        None => Some(Spot { depth: 0, text: told(&range)?, stands: Stands::Apart, source: range }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn spot(message: &str, part: &str) -> Spot {
        let at = message.find(part).expect("it is there");
        Nests::new(message.as_bytes(), Form::Json).spot(at..at + part.len()).expect("a spot")
    }

    #[test]
    fn a_part_is_told_by_the_innermost_string_that_it_is_in() {
        let inner = json!({"k": "a\n\"b\"", "n": 42}).to_string();
        let message = json!({"t": inner, "u": [" x"]}).to_string();
        let told = spot(&message, r#"\\n\\\"b"#);
        assert_eq!((told.depth, told.text.as_str(), told.stands), (1, "\n\"b", Stands::Within));
        let told = spot(&message, r#"a\\n\\\"b\\\""#);
        assert_eq!((told.depth, told.stands), (1, Stands::Whole));
        let told = spot(&message, "4");
        assert_eq!((told.depth, told.text.as_str(), told.stands), (1, "42", Stands::Bare));
        assert_eq!(&message[told.source], "42");
        assert_eq!(spot(&message, "k").stands, Stands::Within);
        let told = spot(&message, " x");
        assert_eq!((told.depth, told.text.as_str(), told.stands), (0, " x", Stands::Whole));
    }

    #[test]
    fn what_is_no_part_of_one_value_has_no_spot() {
        let none = |message: &[u8], range| Nests::new(message, Form::Json).spot(range).is_none();
        assert!(none(br#"{"a":"b"}"#, 2..7));
        assert!(none(br#"["a\nb"]"#, 2..4), "half of an escape");
        assert!(none(br#"["\ud800"]"#, 2..8), "half of a pair is no text");
        assert!(none(b"[\"\xff\"]", 2..3));
    }

    proptest! {
        #[test]
        fn a_string_reads_back_as_it_was_written(text: String, depth in 0_usize..3) {
            let mut source = written(&text, depth);
            for _ in 0..=depth {
                source = Read::of(source.as_bytes()).expect("text").text;
            }
            prop_assert_eq!(source, text);
        }

        #[test]
        fn places_lead_to_the_text_and_back(text: String) {
            let source = written(&text, 0);
            let read = Read::of(source.as_bytes()).expect("text");
            for (at, _) in text.char_indices() {
                prop_assert_eq!(read.at(read.source(at)), Some(at));
            }
        }

        #[test]
        fn each_string_of_a_message_is_found_whole(text in "[^\\[{ ][ -~é\n]{0,20}", depth in 0_usize..4) {
            let mut message = json!({"key": text}).to_string();
            for _ in 0..depth {
                message = json!({"key": message}).to_string();
            }
            let key = format!("key{0}:{0}", quote(depth));
            let starts = message.find(&key).expect("it is there") + key.len();
            let ends = starts + written(&text, depth).len();
            let told = Nests::new(message.as_bytes(), Form::Json).spot(starts..ends);
            let told = told.expect("a spot");
            prop_assert_eq!((told.depth, told.text, told.stands), (depth, text, Stands::Whole));
        }

        #[test]
        fn any_part_of_anything_is_asked_for(message: Vec<u8>, start: usize, length in 0_usize..9) {
            let start = start % (message.len() + 1);
            let end = (start + length).min(message.len());
            if let Some(told) = Nests::new(&message, Form::Json).spot(start..end) {
                prop_assert!(told.source.start <= start && end <= told.source.end);
            }
        }

        #[test]
        fn quotes_are_those_of_the_depth(depth in 0_usize..5) {
            prop_assert_eq!(quote(depth).len(), 1 << depth);
            let mut message = Value::from("x");
            for _ in 0..depth {
                message = Value::from(message.to_string());
            }
            let text = message.to_string();
            let at = text.find('x').expect("it is there");
            prop_assert!(text[..at].ends_with(&quote(depth)));
        }
    }
}
