//! Where in a JSON text something stands, as a JSON pointer (RFC 6901).

use std::ops::Range;

use super::settle::overlaps;
use crate::string::Read;
use crate::structure::string_end;

/// A pointer is no longer: what stands deeper is told by what it is in.
pub(super) const POINTER_BYTES_MAX: usize = 1024;

/// One character of a key takes so many bytes at most.
const ESCAPE_BYTES_MAX: usize = 6;

/// What a tool answers as its output schema says.
const STRUCTURED: [&str; 2] = ["result", "structuredContent"];

/// What requests, answers and notifications go by: with another value they would be others' or nobody's.
const FIXED: [&[&str]; 6] = [
    &["jsonrpc"],
    &["id"],
    &["method"],
    &["params", "requestId"],
    &["params", "progressToken"],
    &["params", "_meta", "progressToken"],
];

/// Each step of a pointer takes two bytes or more, so that none leads deeper.
const DEPTH_MAX: usize = POINTER_BYTES_MAX / 2;

/// A JSON text read from its beginning to its end, once.
pub(super) struct Walk<'m> {
    message: &'m [u8],
    at: usize,
    frames: Vec<Frame>,
    /// Objects and arrays open below [`DEPTH_MAX`].
    deeper: usize,
    token: Option<Token>,
}

/// An object with the key that was read last, or an array with the place in it.
#[derive(Debug)]
enum Frame {
    Object(Option<Range<usize>>),
    Array(usize),
}

#[derive(Debug, Clone)]
struct Token {
    range: Range<usize>,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Key,
    String,
    /// A number, `true`, `false` or `null`.
    Bare,
    Structure,
}

/// Where something stands.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) pointer: String,
    /// Nothing else may stand there: the message would not be what it is, or not as a tool promised it.
    pub(super) fixed: bool,
}

impl<'m> Walk<'m> {
    pub(super) fn new(message: &'m [u8]) -> Self {
        Self { message, at: 0, frames: Vec::new(), deeper: 0, token: None }
    }

    /// Where the byte at `offset` stands; offsets are asked for in their order. No key that meets one of `hidden`,
    /// which are in order and apart, is told, nor what is below it.
    pub(super) fn place(&mut self, offset: usize, hidden: &[Range<usize>]) -> Place {
        while self.token.as_ref().is_none_or(|token| token.range.end <= offset) {
            if !self.step() {
                break;
            }
        }
        let kind = self.token.as_ref().map_or(Kind::Structure, |token| token.kind);
        Place { pointer: self.pointer(kind == Kind::Key, hidden), fixed: self.is_fixed(kind) }
    }

    /// Whether it is a value by which one message is told from another, or one for which a tool promised a type
    /// that is not text's.
    fn is_fixed(&self, kind: Kind) -> bool {
        match kind {
            Kind::Key | Kind::Structure => false,
            Kind::Bare if self.is_within(&STRUCTURED) => true,
            Kind::Bare | Kind::String => FIXED.iter().any(|path| self.is_within(path)),
        }
    }

    /// The bytes of the value at a path of keys.
    pub(super) fn value(mut self, path: &[&str]) -> Option<Range<usize>> {
        let mut start = None;
        while self.step() {
            let token = self.token.as_ref()?;
            let within = self.frames.len() >= path.len() && self.is_at(path, 0);
            match start {
                None if within && token.kind != Kind::Key => start = Some(token.range.start),
                Some(start) if !within => return Some(start..token.range.start),
                _ => {}
            }
        }
        None
    }

    /// Whether it is below a path of keys, of one message or of one of a batch.
    fn is_within(&self, path: &[&str]) -> bool {
        let batch = usize::from(matches!(self.frames.first(), Some(Frame::Array(_))));
        self.is_at(path, batch)
    }

    fn is_at(&self, path: &[&str], first: usize) -> bool {
        path.iter().enumerate().all(|(index, name)| match self.frames.get(first + index) {
            // A key may be long, and each of its characters an escape.
            Some(Frame::Object(Some(key))) if key.len() <= 2 + name.len() * ESCAPE_BYTES_MAX => {
                self.name(key).is_some_and(|key| key.text() == *name)
            }
            _ => false,
        })
    }

    fn name(&self, key: &Range<usize>) -> Option<Read> {
        Read::of(self.message.get(key.start + 1..key.end.saturating_sub(1))?)
    }

    fn pointer(&self, of_key: bool, hidden: &[Range<usize>]) -> String {
        let mut pointer = String::new();
        // What stands in a key is told by the object that has it.
        let own = usize::from(of_key && self.deeper == 0);
        for frame in self.frames.iter().take(self.frames.len() - own.min(self.frames.len())) {
            let before = pointer.len();
            match frame {
                Frame::Array(index) => pointer.push_str(&format!("/{index}")),
                Frame::Object(Some(key)) if !overlaps(hidden, key) => {
                    let long = key.len() > 2 + POINTER_BYTES_MAX * ESCAPE_BYTES_MAX;
                    let name = if long { None } else { self.name(key) };
                    let Some(name) = name else { break };
                    pointer.push('/');
                    for character in name.text().chars() {
                        match character {
                            '~' => pointer.push_str("~0"),
                            '/' => pointer.push_str("~1"),
                            // It may be written to a terminal, or on a line of a log.
                            _ if character.is_control() => pointer.push('\u{fffd}'),
                            _ => pointer.push(character),
                        }
                    }
                }
                Frame::Object(_) => break,
            }
            if pointer.len() > POINTER_BYTES_MAX {
                pointer.truncate(before);
                break;
            }
        }
        pointer
    }

    /// Reads one token more; whether there was one.
    fn step(&mut self) -> bool {
        let rest = self.message.get(self.at..).unwrap_or_default();
        let blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == b':';
        let Some(skipped) = rest.iter().position(|byte| !blank(byte)) else {
            self.at = self.message.len();
            return false;
        };
        let start = self.at + skipped;
        let (end, kind) = match rest.get(skipped) {
            Some(b'"') => (string_end(self.message, start), Kind::String),
            Some(b'{' | b'}' | b'[' | b']' | b',') => (start + 1, Kind::Structure),
            _ => {
                let rest = self.message.get(start..).unwrap_or_default();
                let ends = |byte: &u8| blank(byte) || b"{}[],\"".contains(byte);
                let length = rest.iter().position(ends).unwrap_or(rest.len()).max(1);
                (start + length, Kind::Bare)
            }
        };
        let kind = match (kind, self.frames.last_mut()) {
            (Kind::String, Some(Frame::Object(key @ None))) if self.deeper == 0 => {
                *key = Some(start..end);
                Kind::Key
            }
            (kind, _) => kind,
        };
        if kind == Kind::Structure {
            self.structure(rest.get(skipped).copied().unwrap_or(b','));
        }
        self.at = end;
        self.token = Some(Token { range: start..end, kind });
        true
    }

    fn structure(&mut self, byte: u8) {
        let full = self.frames.len() >= DEPTH_MAX;
        match (byte, self.frames.last_mut()) {
            (b'{' | b'[', _) if full => self.deeper += 1,
            (b'{', _) => self.frames.push(Frame::Object(None)),
            (b'[', _) => self.frames.push(Frame::Array(0)),
            (b'}' | b']', _) if self.deeper > 0 => self.deeper -= 1,
            (b'}' | b']', _) => {
                self.frames.pop();
            }
            (_, Some(_)) if self.deeper > 0 => {}
            (_, Some(Frame::Object(key))) => *key = None,
            (_, Some(Frame::Array(index))) => *index += 1,
            (_, None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// The pointer of where `needle` begins.
    fn pointer(text: &str, needle: &str) -> String {
        let at = text.find(needle).expect("it is there");
        Walk::new(text.as_bytes()).place(at, &[]).pointer
    }

    #[test]
    fn a_place_is_told_as_rfc_6901_writes_it() {
        let text = r#"{"a/b":{"m~n":[1,{"":"x"}, "y"]},"k\u0022l":" z","q":[[],[{}, 7]]}"#;
        assert_eq!(pointer(text, "x"), "/a~1b/m~0n/1/");
        assert_eq!(pointer(text, "y\""), "/a~1b/m~0n/2");
        assert_eq!(pointer(text, " z"), "/k\"l");
        assert_eq!(pointer(text, "7"), "/q/1/1");
        let value: Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(value.pointer(&pointer(text, "x")), Some(&json!("x")));
        assert_eq!(pointer("\"x\"", "x"), "");
    }

    #[test]
    fn what_stands_in_a_key_is_told_by_the_object_that_has_it() {
        let text = r#"{"a":{"secret":{"b":"x"}}}"#;
        assert_eq!(pointer(text, "secret"), "/a");
        let at = |needle| text.find(needle).expect("it is there");
        let key = at("secret")..at("secret") + 6;
        assert_eq!(Walk::new(text.as_bytes()).place(at("x"), &[key]).pointer, "/a");
    }

    #[test]
    fn a_pointer_has_an_end_however_deep_or_long() {
        let deep = format!("{}\"x\"{}", "[".repeat(100_000), "]".repeat(100_000));
        let told = pointer(&deep, "x");
        assert_eq!(told.len(), POINTER_BYTES_MAX);
        let long = format!(r#"{{"a":{{"{}":"x"}}}}"#, "k".repeat(POINTER_BYTES_MAX));
        assert_eq!(pointer(&long, "x"), "/a");
        let wide = format!("[{}\"x\"]", "0,".repeat(100_000));
        assert_eq!(pointer(&wide, "x"), "/100000");
    }

    #[test]
    fn a_control_character_of_a_key_does_not_reach_a_log() {
        assert_eq!(pointer(r#"{"a\n\u001b[2Jb":"x"}"#, "x"), "/a\u{fffd}\u{fffd}[2Jb");
    }

    #[test]
    fn what_may_not_be_replaced_is_known() {
        let fixed = |text: &str| {
            let at = text.rfind('7').expect("it is there");
            Walk::new(text.as_bytes()).place(at, &[]).fixed
        };
        assert!(fixed(r#"{"id":1,"result":{"structuredContent":{"a":[7]}}}"#));
        assert!(fixed(r#"[{"result":{"structured\u0043ontent":{"a":7}}}]"#));
        assert!(!fixed(r#"{"id":1,"result":{"structuredContent":{"a":"7"}}}"#));
        assert!(!fixed(r#"{"id":1,"result":{"content":{"structuredContent":7}}}"#));
        assert!(fixed(r#"{"result":{},"id":"7"}"#) && fixed(r#"[{},{"id":7}]"#));
        assert!(fixed(r#"{"params":{"progressToken":"7"}}"#));
        assert!(fixed(r#"{"params":{"_meta":{"progressToken":"7"}}}"#));
        assert!(!fixed(r#"{"params":{"arguments":{"id":7}}}"#) && !fixed(r#"{"7":1}"#));
    }

    #[test]
    fn a_value_is_found_by_its_path() {
        let text = r#"{"params":{"name":"x","arguments":{"a":[1]},"z":2}}"#;
        let value = Walk::new(text.as_bytes()).value(&["params", "arguments"]);
        assert_eq!(&text[value.expect("it is there")], r#"{"a":[1]},"#.trim_end_matches(','));
        assert_eq!(Walk::new(text.as_bytes()).value(&["params", "none"]), None);
    }

    proptest! {
        #[test]
        fn any_text_is_walked(text: Vec<u8>, at: usize) {
            let at = at % (text.len() + 1);
            prop_assert!(Walk::new(&text).place(at, &[]).pointer.len() <= POINTER_BYTES_MAX);
            Walk::new(&text).value(&["params", "arguments"]);
        }
    }
}
