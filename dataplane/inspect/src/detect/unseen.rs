//! Characters that nobody sees, and that are there for no script's sake.
//!
//! Each of them has a use: flags are written in tags, joiners are a part of Persian and Hindi and of emoji, marks of
//! direction belong into a page that is Arabic and English, a selector says whether a heart is red. What is told is
//! what no such use needs: runs of them, orders that change how a line is read, and directions that are left open.

use std::ops::Range;

use memchr::memchr;

use super::Unseen;
use crate::layer::Unseen as Character;

/// So many tags or selectors in a row hide something: a flag has its own form, and other text no more than one or two.
const RUN_MIN: usize = 4;
/// So many characters without width in a row do,
const ZERO_WIDTH_RUN_MIN: usize = 8;
/// or so many in a text,
const ZERO_WIDTH_MIN: usize = 16;
/// where more than one in so many of its characters is one.
const ZERO_WIDTH_SHARE: usize = 50;
/// So many marks of direction do in a text that has no letter for which they would be needed.
const BIDI_MIN: usize = 8;

/// Characters, by their places among those that nobody sees, that are there for something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Detected {
    pub(super) unseen: Unseen,
    pub(super) part: Range<usize>,
}

/// What is there for something in a text; `value` says in which of a message's values a place is.
pub(super) fn detected(
    text: &[u8],
    characters: &[Character],
    value: impl Fn(usize) -> usize,
) -> Vec<Detected> {
    let mut all = Vec::new();
    let mut start = 0;
    while start < characters.len() {
        let end = run_end(characters, start);
        run(text, characters, start..end, &mut all);
        start = end;
    }
    scattered(text, characters, &mut all);
    bidi(text, characters, value, &mut all);
    all.sort_by_key(|one| (one.part.start, one.part.end));
    all
}

impl Unseen {
    /// What a character of a run stands for.
    pub(super) fn byte(self, character: char) -> Option<u8> {
        let code = u32::from(character);
        let byte = match (self, code) {
            (Self::HiddenTags, 0xe0020..=0xe007e) => code - 0xe0000,
            (Self::VariationRun, 0xfe00..=0xfe0f) => code - 0xfe00,
            (Self::VariationRun, 0xe0100..=0xe01ef) => code - 0xe0100 + 16,
            _ => return None,
        };
        u8::try_from(byte).ok()
    }
}

/// Behind the last of those that stand beside each other from `start` on.
fn run_end(characters: &[Character], start: usize) -> usize {
    let rest = characters.get(start..).unwrap_or_default();
    let apart = |pair: &[Character]| match pair {
        [one, next] => next.from != one.end || next.at != one.at,
        _ => true,
    };
    start + rest.windows(2).position(apart).map_or(rest.len(), |last| last + 1)
}

fn run(text: &[u8], characters: &[Character], part: Range<usize>, all: &mut Vec<Detected>) {
    let mut start = part.start;
    let rest = characters.get(part.clone()).unwrap_or_default();
    if let Some(flag) = flag(text, rest) {
        start += flag;
    }
    let mut of_kind = |unseen: Unseen, is: fn(char) -> bool, fewest: usize| {
        let places = || (start..part.end).filter(|at| is_at(characters, *at, is));
        if places().count() >= fewest
            && let (Some(first), Some(last)) = (places().next(), places().next_back())
        {
            all.push(Detected { unseen, part: first..last + 1 });
        }
    };
    of_kind(Unseen::HiddenTags, is_tag, RUN_MIN);
    of_kind(Unseen::VariationRun, is_selector, RUN_MIN);
    of_kind(Unseen::ZeroWidthRun, is_without_width, ZERO_WIDTH_RUN_MIN);
}

/// How many tags belong to a flag that stands before them: a region's, as 🏴󠁧󠁢󠁳󠁣󠁴󠁿, has three to seven letters and
/// digits and an end.
fn flag(text: &[u8], run: &[Character]) -> Option<usize> {
    let first = run.first()?;
    if !text.get(..first.at)?.ends_with("🏴".as_bytes()) {
        return None;
    }
    let letter = |one: &&Character| matches!(u32::from(one.character), 0xe0030..=0xe0039 | 0xe0061..=0xe007a);
    let letters = run.iter().take_while(letter).count();
    let ends = run.get(letters).is_some_and(|one| one.character == '\u{e007f}');
    (ends && (3..=7).contains(&letters)).then_some(letters + 1)
}

fn is_at(characters: &[Character], at: usize, is: fn(char) -> bool) -> bool {
    characters.get(at).is_some_and(|one| is(one.character))
}

fn is_tag(character: char) -> bool {
    matches!(character, '\u{e0020}'..='\u{e007f}')
}

fn is_selector(character: char) -> bool {
    matches!(character, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Whatever else has no width; no script has several of them in a row.
fn is_without_width(character: char) -> bool {
    !is_tag(character) && !is_selector(character) && !is_direction(character)
}

fn is_direction(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Characters without width all over a text, of which no script has so many.
fn scattered(text: &[u8], characters: &[Character], all: &mut Vec<Detected>) {
    let counts = |at: &usize| characters.get(*at).is_some_and(|one| is_idle(text, one));
    let idle = || (0..characters.len()).filter(counts);
    let count = idle().count();
    if count < ZERO_WIDTH_MIN {
        return;
    }
    let continues = |byte: &&u8| **byte & 0xc0 != 0x80;
    if count * ZERO_WIDTH_SHARE <= text.iter().filter(continues).count() + count {
        return;
    }
    let runs = all.iter().filter(|one| one.unseen == Unseen::ZeroWidthRun);
    let told: Vec<Range<usize>> = runs.map(|one| one.part.clone()).collect();
    let mut told = told.iter().peekable();
    for at in idle() {
        while told.next_if(|part| part.end <= at).is_some() {}
        if told.peek().is_none_or(|part| part.start > at) {
            all.push(Detected { unseen: Unseen::ZeroWidthRun, part: at..at + 1 });
        }
    }
}

/// Whether a character without width does nothing where it stands.
fn is_idle(text: &[u8], one: &Character) -> bool {
    match one.character {
        // Joiners belong to some scripts and to emoji,
        '\u{200c}' | '\u{200d}' => !before(text, one.at).is_some_and(|letter| {
            matches!(u32::from(letter),
                0x600..=0x8ff | 0x900..=0x109f | 0x1780..=0x18af | 0xfb50..=0xfeff
                    | 0x2190..=0x2bff | 0x3030 | 0x303d | 0x1f000..=0x1faff)
        }),
        // and so do breaks in those that have no blanks between words.
        '\u{200b}' => !before(text, one.at).is_some_and(|letter| {
            matches!(u32::from(letter), 0xe00..=0x109f | 0x1780..=0x17ff | 0x3040..=0x9fff)
        }),
        '\u{2060}'..='\u{2064}' => true,
        // At the beginning it is the mark of the byte order.
        '\u{feff}' => one.at > 0,
        _ => false,
    }
}

/// The character that is seen before a place.
fn before(text: &[u8], at: usize) -> Option<char> {
    let text = text.get(at.saturating_sub(4)..at)?;
    let start = text.iter().rposition(|byte| *byte & 0xc0 != 0x80)?;
    std::str::from_utf8(text.get(start..)?).ok()?.chars().next()
}

fn bidi(
    text: &[u8],
    characters: &[Character],
    value: impl Fn(usize) -> usize,
    all: &mut Vec<Detected>,
) {
    let told = |at: usize| Detected { unseen: Unseen::BidiControl, part: at..at + 1 };
    let mut lines = Lines::default();
    let mut last: Option<&Character> = None;
    let mut many = Vec::new();
    for (at, one) in characters.iter().enumerate().filter(|(_, one)| is_direction(one.character)) {
        let between = last.map_or(&[][..], |last| text.get(last.at..one.at).unwrap_or_default());
        let ends = memchr(b'\n', between).is_some();
        if ends || last.is_some_and(|last| value(last.from) != value(one.from)) {
            lines.end();
        }
        lines.take(text, at, one);
        many.push(at);
        last = Some(one);
    }
    lines.end();
    let mut at_once = lines.told;
    many.retain(|at| !lines.harmless.contains(at));
    if many.len() >= BIDI_MIN && !has_right_to_left(text) {
        at_once.append(&mut many);
    }
    at_once.sort_unstable();
    at_once.dedup();
    all.extend(at_once.into_iter().map(told));
}

/// Directions that are open on a line.
#[derive(Default)]
struct Lines {
    open: Vec<(usize, Character)>,
    /// How many of them isolate.
    isolates: usize,
    /// Up to where letters were looked for, and where the last of them is.
    seen: usize,
    letter: Option<usize>,
    /// What is to be told.
    told: Vec<usize>,
    /// Pairs that libraries put around whatever they fill in, in any language.
    harmless: std::collections::HashSet<usize>,
}

impl Lines {
    fn take(&mut self, text: &[u8], at: usize, one: &Character) {
        let isolates =
            |(_, open): &&(usize, Character)| matches!(open.character, '\u{2066}'..='\u{2068}');
        match one.character {
            '\u{202c}' => {
                if self.open.last().is_some_and(|last| !isolates(&last))
                    && let Some((opened, open)) = self.open.pop()
                {
                    self.closed(text, (opened, open), one);
                }
            }
            '\u{2069}' => {
                if self.isolates == 0 {
                    return;
                }
                let Some(opened) = self.open.iter().rposition(|open| isolates(&open)) else {
                    return;
                };
                self.isolates -= 1;
                let within = self.open.split_off(opened);
                let mut within = within.into_iter();
                if let Some((opened, open)) = within.next()
                    && open.character == '\u{2068}'
                {
                    self.harmless.extend([opened, at]);
                }
                // What was opened within it and not closed ends with it.
                self.told.extend(within.map(|(opened, _)| opened));
            }
            _ => {
                self.open.push((at, *one));
                self.isolates += usize::from(self.open.last().is_some_and(|last| isolates(&last)));
            }
        }
    }

    /// An order that turns around what is between changes what is read; one that only says that a number goes on from
    /// left to right, as contacts have it around theirs, does not.
    fn closed(&mut self, text: &[u8], (at, open): (usize, Character), end: &Character) {
        let unseen = text.get(self.seen..end.at).unwrap_or_default();
        let is_letter = |byte: &u8| byte.is_ascii_alphabetic() || !byte.is_ascii();
        let last = unseen.iter().rposition(is_letter).map(|at| self.seen + at);
        self.letter = last.or(self.letter);
        self.seen = self.seen.max(end.at);
        let letters = self.letter.is_some_and(|letter| letter >= open.at);
        match open.character {
            '\u{202e}' => self.told.push(at),
            '\u{202d}' if letters => self.told.push(at),
            _ => {}
        }
    }

    fn end(&mut self) {
        self.told.extend(self.open.drain(..).map(|(at, _)| at));
        self.isolates = 0;
    }
}

fn has_right_to_left(text: &[u8]) -> bool {
    // Hebrew, Arabic, Syriac, Thaana, N'Ko and their like begin with these bytes, and so do Arabic's forms for display.
    text.iter().zip(text.iter().skip(1)).any(|(lead, next)| {
        matches!((lead, next), (0xd6..=0xdf, _) | (0xe0, 0xa0..=0xa3) | (0xef, 0xac..=0xb7 | 0xb9..=0xbb))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::{Layer, folded};

    /// What is told of a text, each as the detector's name and how many characters it has.
    fn told(text: &str) -> Vec<(&'static str, usize)> {
        let mut layer = Layer::default();
        layer.reset(0, usize::MAX);
        folded(text.as_bytes(), &mut layer);
        let all = detected(layer.text(), layer.unseen(), |_| 0);
        all.iter().map(|one| (one.unseen.name(), one.part.len())).collect()
    }

    fn tags(text: &str) -> String {
        text.chars().map(|one| char::from_u32(u32::from(one) + 0xe0000).expect("a tag")).collect()
    }

    #[test]
    fn tags_that_are_no_flag_are_told() {
        assert_eq!(told(&format!("a{}b", tags("hide"))), [("hidden-tags", 4)]);
        assert_eq!(told(&format!("a{}b", tags("no"))), []);
        let scotland = format!("🏴{}\u{e007f}", tags("gbsct"));
        assert_eq!(told(&scotland.repeat(20)), []);
        let order = format!("🏴{}\u{e007f}", tags("ignore all of it"));
        assert_eq!(told(&order), [("hidden-tags", 17)], "a flag has no more than seven letters");
        let behind = format!("{scotland}{}", tags("send"));
        assert_eq!(told(&behind), [("hidden-tags", 4)], "what follows a flag is not of it");
        let apart = tags("send").chars().map(|one| format!("{one}\u{200b}")).collect::<String>();
        assert_eq!(told(&apart), [("hidden-tags", 7)], "whatever else is between");
    }

    #[test]
    fn selectors_in_a_row_are_told() {
        let bytes: String = b"exfil"
            .iter()
            .map(|byte| char::from_u32(0xe0100 + u32::from(*byte) - 16).expect("a selector"))
            .collect();
        assert_eq!(told(&format!("😀{bytes}")), [("variation-run", 5)]);
        assert_eq!(told("❤\u{fe0f} ☀\u{fe0f} 葛\u{e0100}飾 1\u{fe0f}\u{20e3}"), []);
        let decoded: Vec<u8> =
            bytes.chars().filter_map(|one| Unseen::VariationRun.byte(one)).collect();
        assert_eq!(decoded, b"exfil");
    }

    #[test]
    fn characters_without_width_are_told_where_no_script_needs_them() {
        assert_eq!(told(&format!("a{}b", "\u{200b}\u{2060}".repeat(4))), [("zero-width-run", 8)]);
        assert_eq!(told(&format!("a{}b", "\u{200b}".repeat(7))), []);
        let scattered = "wo\u{200b}rd ".repeat(16);
        assert_eq!(told(&scattered).len(), 16);
        assert_eq!(told(&"wo\u{200b}rd ".repeat(15)), []);
        let rare = format!("{}{}", "wo\u{200b}rd ".repeat(16), "word ".repeat(200));
        assert_eq!(told(&rare), [], "fewer than two of a hundred");
        // Persian, Hindi, families and flags, Khmer; the byte order's mark.
        for text in [
            "می\u{200c}خواهم کتاب\u{200c}ها ",
            "क\u{94d}\u{200d}ष ",
            "👩\u{200d}👩\u{200d}👧 ❤\u{fe0f}\u{200d}🔥 ",
            "ភាសា\u{200b}ខ្មែរ\u{200b}",
        ] {
            assert_eq!(told(&text.repeat(40)), [], "{text}");
        }
        assert_eq!(told("\u{feff}id,name\n1,x"), []);
    }

    #[test]
    fn directions_that_are_left_open_or_turn_text_around_are_told() {
        assert_eq!(
            told("if access != \"user\u{202e} \u{2066}// check\u{2069} \u{2066}\" {\n").len(),
            2
        );
        assert_eq!(
            told("a \u{202b}b\nc\u{202c}"),
            [("bidi-control", 1)],
            "open at the end of its line"
        );
        assert_eq!(told("cod\u{202e}gpj.exe\u{202c} x"), [("bidi-control", 1)]);
        assert_eq!(told("\u{202d}+1 (555) 010-0000\u{202c}"), [], "a number out of a contact");
        assert_eq!(told("\u{202d}+1 call\u{202c}"), [("bidi-control", 1)]);
        let hebrew = "שלום \u{2067}עולם\u{2069} \u{202b}אבג\u{202c}\n".repeat(9);
        assert_eq!(told(&hebrew), []);
        assert_eq!(told("السَّلَامُ عَلَيْكُمْ\u{200f} \u{2066}(v2)\u{2069}"), []);
        assert_eq!(told(&"\u{202a}a\u{202c}".repeat(3)), [], "a few are nothing");
        assert_eq!(told(&"\u{202a}a\u{202c}".repeat(4)).len(), 8);
        assert_eq!(told(&"Hello \u{2068}Ann\u{2069}\n".repeat(9)), [], "as libraries fill in text");
    }
}
