//! Cutting out what was found, and nothing else.
//!
//! A message is never written anew: it is cut where something stood, in its own bytes, and what comes in its
//! place is written as its surroundings are: with the escapes of the strings that it is in, or, in base64, with
//! the whole run encoded again.

use std::ops::Range;

use crate::layer::base64;
use crate::scan::{Encoding, Finding, Form, Scratch};
use crate::structure::{cell_at, cells};

/// In a message, what comes in the place of some of its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splice {
    /// Which bytes.
    pub range: Range<usize>,
    /// What comes in their place.
    pub with: Vec<u8>,
}

/// The message with its splices, which are in order and apart.
pub fn spliced(message: &[u8], splices: &[Splice]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len());
    let mut from = 0;
    for splice in splices {
        out.extend_from_slice(message.get(from..splice.range.start).unwrap_or_default());
        out.extend_from_slice(&splice.with);
        from = splice.range.end;
    }
    out.extend_from_slice(message.get(from..).unwrap_or_default());
    out
}

impl Scratch {
    /// Where the last message that was looked into is to be cut, so that of each finding that `with` gives
    /// something for, that comes in its place. Of findings that overlap, all is cut out, and what the first of them
    /// is given comes instead.
    pub fn splices(
        &self,
        message: &[u8],
        form: Form,
        findings: &[Finding],
        mut with: impl FnMut(&Finding) -> Option<Vec<u8>>,
    ) -> Vec<Splice> {
        let mut edits: Vec<Vec<Splice>> = Vec::new();
        edits.resize_with(self.texts.len(), Vec::new);
        for finding in findings {
            let Some(list) = edits.get_mut(finding.text) else { continue };
            list.extend(with(finding).map(|with| Splice { range: finding.secret.clone(), with }));
        }
        let mut outermost = Vec::new();
        // A text stands behind the one that it is in.
        for index in (0..self.texts.len()).rev() {
            let own = joined(std::mem::take(edits.get_mut(index).unwrap_or(&mut Vec::new())));
            let Some(text) = self.texts.get(index).filter(|_| !own.is_empty()) else { continue };
            let bytes = text.bytes(message);
            match &text.within {
                None => outermost.extend(own.into_iter().map(|edit| {
                    let Splice { range, with } = quoted(bytes, edit);
                    Splice { range: text.source(range), with }
                })),
                Some(within) => {
                    let Some(outer) = edits.get_mut(within.text) else { continue };
                    match &within.encoding {
                        Encoding::Base64 { run, alphabet } => {
                            let own: Vec<_> =
                                own.into_iter().map(|edit| quoted(bytes, edit)).collect();
                            let with = base64::encode(&spliced(bytes, &own), *alphabet);
                            outer.push(Splice { range: run.clone(), with });
                        }
                        Encoding::Escaped => outer.extend(own.into_iter().map(|edit| {
                            let Splice { range, with } = quoted(bytes, edit);
                            Splice { range: text.source(range), with: escaped(&with) }
                        })),
                        Encoding::Folded | Encoding::Unseen | Encoding::Marked => {
                            outer.extend(own.into_iter().map(|edit| Splice {
                                range: text.source(edit.range),
                                with: edit.with,
                            }));
                        }
                        Encoding::Wide(order) => outer.extend(own.into_iter().map(|edit| {
                            let Splice { range, with } = quoted(bytes, edit);
                            Splice { range: text.source(range), with: order.encode(&with) }
                        })),
                        Encoding::Percent => outer.extend(own.into_iter().map(|edit| {
                            let Splice { range, with } = quoted(bytes, edit);
                            Splice { range: text.source(range), with: percent(&with) }
                        })),
                    }
                }
            }
        }
        match form {
            Form::Text => joined(outermost),
            Form::Json => within_values(message, joined(outermost)),
        }
    }
}

/// In order, those that overlap as one.
pub(crate) fn joined(mut edits: Vec<Splice>) -> Vec<Splice> {
    edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
    edits.dedup_by(|next, kept| {
        let meets = next.range.start < kept.range.end;
        if meets {
            kept.range.end = kept.range.end.max(next.range.end);
        }
        meets
    });
    edits
}

/// A number that stands as a value in JSON is replaced by a string.
fn quoted(text: &[u8], edit: Splice) -> Splice {
    let found = text.get(edit.range.clone()).unwrap_or_default();
    let number =
        |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E');
    let before = text.get(..edit.range.start).unwrap_or_default();
    let behind = text.get(edit.range.end..).unwrap_or_default();
    let blank = |byte: &&u8| !byte.is_ascii_whitespace();
    let alone = matches!(before.iter().rfind(blank), Some(b':' | b',' | b'['))
        && matches!(behind.iter().find(blank), Some(b',' | b'}' | b']'));
    if alone && found.iter().all(number) {
        Splice { with: [b"\"", edit.with.as_slice(), b"\""].concat(), ..edit }
    } else {
        edit
    }
}

/// Edits of a JSON text that leave it valid: within strings, or a whole value.
fn within_values(message: &[u8], edits: Vec<Splice>) -> Vec<Splice> {
    let mut all = Vec::new();
    if !edits.is_empty() {
        cells(message, &mut all);
    }
    let mut kept = Vec::new();
    for edit in edits {
        let mut at = edit.range.start;
        while let Some(cell) = cell_at(&all, at).filter(|cell| cell.start() < edit.range.end) {
            for part in [&cell.key, &cell.value].into_iter().flatten() {
                kept.extend(in_part(message, part, &edit));
            }
            at = cell.end();
        }
    }
    joined(kept)
}

/// What of an edit is within a key or a value.
fn in_part(message: &[u8], part: &Range<usize>, edit: &Splice) -> Option<Splice> {
    let string = message.get(part.start) == Some(&b'"');
    let inner = if string { part.start + 1..part.end.saturating_sub(1) } else { part.clone() };
    let range = inner.start.max(edit.range.start)..inner.end.min(edit.range.end);
    if range.is_empty() {
        None
    } else if string {
        Some(Splice { range, with: escaped(&edit.with) })
    } else {
        let unquoted = edit.with.strip_prefix(b"\"").and_then(|with| with.strip_suffix(b"\""));
        let text = escaped(unquoted.unwrap_or(&edit.with));
        Some(Splice { range: inner, with: [b"\"", text.as_slice(), b"\""].concat() })
    }
}

/// As it is written in a JSON string.
fn escaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(*byte),
        }
    }
    out
}

/// As it is written in a URL.
fn percent(text: &[u8]) -> Vec<u8> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:[]*".contains(&byte);
    let one = |byte: &u8| {
        if plain(*byte) { vec![*byte] } else { format!("%{byte:02X}").into_bytes() }
    };
    text.iter().flat_map(one).collect()
}
