//! Cutting out what was found, and nothing else.
//!
//! A message is never written anew: it is cut where something stood, in its own bytes, and what comes in its
//! place is written as its surroundings are: with the escapes of the strings that it is in, or, in base64, with
//! blanks behind it so that the letters around it stay the same.

use std::ops::Range;

use crate::layer::base64::{self, Alphabet};
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
                    let unit = self.unit(index);
                    let all: Vec<_> =
                        all.into_iter().map(|edit| edit.in_units(unit, b" ")).collect();
                    outer.extend(encoded_again(bytes, &all, run, alphabet));
                    continue;
                }
                Encoding::Escaped => &|with| escaped(&with),
                Encoding::Folded | Encoding::Unseen | Encoding::Marked => &|with| with,
                Encoding::Wide(order) => &|with| order.encode(&with),
                Encoding::Percent => &|with| percent(&with),
            };
            let written = |Splice { range, with }| {
                let edit = Splice { range: text.source(range), with: written(with) };
                match encoding {
                    Encoding::Wide(order) => edit.in_units(self.unit(index), &order.encode(b" ")),
                    _ => edit,
                }
            };
            outer.extend(all.into_iter().map(written));
        }
        joined(outermost)
    }

    /// By how many bytes a text may become longer or shorter so that each run of base64 that it is in does by whole
    /// groups of four letters.
    fn unit(&self, mut index: usize) -> usize {
        let mut unit = 1_usize;
        while let Some(Within { text, encoding }) =
            self.texts.get(index).and_then(|text| text.within.as_ref())
        {
            if let Encoding::Base64 { .. } = encoding {
                unit = unit.saturating_mul(3);
            }
            index = *text;
        }
        unit
    }
}

impl Splice {
    /// With blanks behind it, so that the text becomes longer or shorter by whole units.
    fn in_units(mut self, unit: usize, blank: &[u8]) -> Self {
        for _ in 1..unit {
            if self.with.len() % unit == self.range.len() % unit {
                break;
            }
            self.with.extend_from_slice(blank);
        }
        self
    }
}

/// Edits of what a run of base64 stands for, as edits of the text that it is in. They are whole groups longer or
/// shorter, so that what is behind keeps its letters: in a path that may be more than was encoded, and begin within a
/// group.
fn encoded_again(
    bytes: &[u8],
    edits: &[Splice],
    run: &Range<usize>,
    alphabet: &Alphabet,
) -> Vec<Splice> {
    if alphabet.wrapped.is_some() {
        let with = base64::encode(&spliced(bytes, edits), alphabet);
        return vec![Splice { range: run.clone(), with }];
    }
    // Two that touch may have a letter in common.
    let parts = edits.chunk_by(|edit, next| edit.range.end == next.range.start);
    let again = |part: &[Splice]| {
        let (start, end) = (part.first()?.range.start, part.last()?.range.end);
        let (group, behind) = (start / 3, bytes.len().min(end.next_multiple_of(3)));
        let (first, last) = (start * 4 / 3, (end * 4).div_ceil(3));
        let part_of = |range: Range<usize>| bytes.get(range).unwrap_or_default();
        let mut with = part_of(group * 3..start).to_vec();
        with.extend(part.iter().flat_map(|edit| &edit.with));
        with.extend_from_slice(part_of(end..behind));
        let mut with = base64::letters(&with, alphabet.url_safe);
        with.truncate(with.len().saturating_sub((behind * 4).div_ceil(3) - last));
        let with = with.split_off(with.len().min(first - group * 4));
        Some(Splice { range: run.start + first..run.start + last, with })
    };
    parts.filter_map(again).collect()
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
