//! Cutting out what was found, and nothing else.
//!
//! A message is never written anew: it is cut where something stood, in its own bytes, and what comes in its
//! place is written as its surroundings are: with the escapes of the strings that it is in, or, in base64, with
//! the whole run encoded again.

use std::ops::Range;

use crate::layer::base64;
use crate::scan::{Encoding, Finding, Form, Scratch, Text, Within};
use crate::string::{Nests, is_json};
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
        let mut found: Vec<Vec<Splice>> = Vec::new();
        found.resize_with(self.texts.len(), Vec::new);
        let mut encoded = found.clone();
        for finding in findings {
            let Some(list) = found.get_mut(finding.text) else { continue };
            list.extend(with(finding).map(|with| Splice { range: finding.secret.clone(), with }));
        }
        let mut outermost = Vec::new();
        // A text stands behind the one that it is in.
        for (index, own) in found.into_iter().enumerate().rev() {
            let inner = std::mem::take(encoded.get_mut(index).unwrap_or(&mut Vec::new()));
            let Some(text) = self.texts.get(index) else { continue };
            if own.is_empty() && inner.is_empty() {
                continue;
            }
            let bytes = text.bytes(message);
            let Some(Within { text: outer, encoding }) = &text.within else {
                outermost.extend(of_message(message, form, text, own, inner));
                continue;
            };
            let all = match encoding {
                Encoding::Base64 { .. } | Encoding::Wide(_) | Encoding::Percent => {
                    let form = if is_json(bytes) { Form::Json } else { Form::Text };
                    Written::of(bytes, form, own).with(inner)
                }
                // Strings of strings, one within the other: what keeps them apart is not known any more.
                Encoding::Escaped => Written::of(bytes, Form::Text, own).with(inner),
                Encoding::Folded | Encoding::Unseen | Encoding::Marked => {
                    joined([own, inner].concat())
                }
            };
            let Some(outer) = encoded.get_mut(*outer) else { continue };
            let written: &dyn Fn(Vec<u8>) -> Vec<u8> = match encoding {
                Encoding::Base64 { run, alphabet } => {
                    let with = base64::encode(&spliced(bytes, &all), alphabet);
                    outer.push(Splice { range: run.clone(), with });
                    continue;
                }
                Encoding::Escaped => &|with| escaped(&with),
                Encoding::Folded | Encoding::Unseen | Encoding::Marked => &|with| with,
                Encoding::Wide(order) => &|with| order.encode(&with),
                Encoding::Percent => &|with| percent(&with),
            };
            outer.extend(all.into_iter().map(|Splice { range, with }| Splice {
                range: text.source(range),
                with: written(with),
            }));
        }
        joined(outermost)
    }
}

/// What is cut out of the message itself, by its own bytes; `inner` of what is encoded in it.
fn of_message(
    message: &[u8],
    form: Form,
    text: &Text,
    mut own: Vec<Splice>,
    mut inner: Vec<Splice>,
) -> Vec<Splice> {
    for edit in own.iter_mut().chain(&mut inner) {
        edit.range = text.source(edit.range.clone());
    }
    let Written { numbers, texts, others } = Written::of(message, form, own);
    inner.extend(others);
    let inner = match form {
        Form::Text => inner,
        Form::Json => within_values(message, joined(inner)),
    };
    Written { numbers, texts, others: Vec::new() }.with(inner)
}

/// What comes in the place of findings, as it is written in the text that they are in.
struct Written {
    /// Of numbers that were values: with quotes.
    numbers: Vec<Splice>,
    /// Of what is in one string, or in none.
    texts: Vec<Splice>,
    /// Of anything else it is not known.
    others: Vec<Splice>,
}

impl Written {
    fn of(text: &[u8], form: Form, edits: Vec<Splice>) -> Self {
        let mut all = Self { numbers: Vec::new(), texts: Vec::new(), others: Vec::new() };
        if edits.is_empty() {
            return all;
        }
        let mut nests = Nests::new(text, form);
        for edit in edits {
            let Some(spot) = nests.spot(edit.range.clone()) else {
                all.others.push(edit);
                continue;
            };
            let of = if spot.is_number() { &mut all.numbers } else { &mut all.texts };
            of.push(spot.splice(&String::from_utf8_lossy(&edit.with)));
        }
        all
    }

    /// With what is encoded in the same text. Of what is found in both ways a number's quotes are kept, then what the
    /// encoding asks for.
    fn with(self, inner: Vec<Splice>) -> Vec<Splice> {
        joined([self.numbers, inner, self.texts, self.others].concat())
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
        let text = escaped(&edit.with);
        Some(Splice { range: inner, with: [b"\"", text.as_slice(), b"\""].concat() })
    }
}

/// As it is written in a JSON string.
fn escaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
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
