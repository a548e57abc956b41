//! What every match of a regex has from some place on.
//!
//! Where a match may be is told by what it begins with, or by what a part of it begins with: then what is before that
//! part is left away, and of what comes behind it as much as may be missing. A regex that is cut says less than it
//! did, but it can be held against a text at one place and no other.

use regex_syntax::hir::{Class, ClassBytes, ClassBytesRange, Hir, HirKind, Look, Repetition};

use super::bytes::{Bytes, is_word, of_class};
use super::words::Words;

/// What may be repeated more often than this may be so for ever.
const REPEATED_MAX: u32 = 6;

/// An automaton walks no further than this to see whether a rule is to be asked.
const WALK_MAX: usize = 256;

/// One of a regex's forms: its parts in a row.
#[derive(Debug, Clone)]
pub(super) struct Row(Vec<Hir>);

/// The rest of a regex.
#[derive(Debug, Clone)]
pub(super) struct Cut {
    pub(super) rest: Hir,
    /// What may stand before it; the beginning of a text may as well.
    pub(super) left: Bytes,
    /// and what before that.
    pub(super) second_left: Bytes,
    /// What a match has before it,
    pub(super) head: Head,
    /// and how many bytes of that at most.
    pub(super) before: usize,
    /// and ends further behind where it begins.
    pub(super) on: usize,
    /// No match of the rest has more bytes.
    pub(super) longest: usize,
    /// Whether nothing was left away but what may be missing, or is a byte that stands apart.
    pub(super) is_whole: bool,
}

/// What a match has before a cut.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    /// It is written with these,
    bytes: Bytes,
    /// but for so many at its beginning, that may be any.
    edge: usize,
}

impl Head {
    fn of(parts: &[Hir]) -> Self {
        let bytes = |parts: &[Hir]| parts.iter().map(all_bytes).fold(Bytes::NONE, Bytes::and);
        match parts.split_first() {
            // Only that something stands apart from what is before it.
            Some((edge, parts)) if longest(std::slice::from_ref(edge)) <= 1 => {
                Self { bytes: bytes(parts), edge: 1 }
            }
            _ => Self { bytes: bytes(parts), edge: 0 },
        }
    }

    /// Of what stands before a cut, how many bytes one may have at the most.
    pub(super) fn of_text(self, before: &[u8]) -> usize {
        let other = before.iter().rposition(|byte| !self.bytes.has(*byte));
        other.map_or(before.len(), |other| (before.len() - other - 1 + self.edge).min(before.len()))
    }
}

/// What may stand before or behind a value of JSON, or a key.
fn is_edge(byte: u8) -> bool {
    matches!(byte, b'"' | b':' | b',' | b'[' | b']' | b'{' | b'}') || byte.is_ascii_whitespace()
}

impl Row {
    pub(super) fn all(hir: &Hir) -> Vec<Self> {
        rows(hir).into_iter().map(Self).collect()
    }

    /// Cut before each of its parts.
    pub(super) fn cuts(&self) -> impl Iterator<Item = Cut> {
        (0..self.0.len()).filter_map(|at| Cut::at(&self.0, at))
    }

    /// A row for each form of the first part that has several.
    pub(super) fn split(&self, at_most: usize) -> Option<Vec<Self>> {
        let several = |part: &Hir| match part.kind() {
            HirKind::Alternation(forms) => forms.len() <= at_most && shortest(part) > 0,
            _ => false,
        };
        let at = self.0.iter().position(several)?;
        let (before, behind) = (self.0.get(..at)?, self.0.get(at + 1..)?);
        let row = |form: Vec<Hir>| Self([before, &form, behind].concat());
        Some(rows(self.0.get(at)?).into_iter().map(row).collect())
    }
}

impl Cut {
    fn at(row: &[Hir], at: usize) -> Option<Self> {
        let (head, rest) = row.split_at_checked(at)?;
        let (before, on) = (longest(head), longest(rest));
        let is_whole = head.iter().map(shortest).sum::<usize>() <= 1;
        let (last, parts) = rest.split_last()?;
        let parts = parts.iter().map(anywhere).chain([at_end(last)]);
        let rest = without_tail(near(parts, WALK_MAX));
        let (left, second_left) = left(head, first_bytes(&rest)?);
        let longest = rest.properties().maximum_len().unwrap_or(usize::MAX);
        let head = Head::of(head);
        Some(Self { rest, left, second_left, head, before, on, longest, is_whole })
    }

    /// The same where what may be repeated often may be so for ever: an automaton has fewer states then.
    pub(super) fn loose(self) -> Self {
        Self { rest: loose(&self.rest), ..self }
    }

    pub(super) fn shortest(&self) -> usize {
        shortest(&self.rest)
    }

    /// Words of which it begins with one, in lower case.
    pub(super) fn words(&self) -> Option<Vec<Vec<u8>>> {
        Words::prefixes(&self.rest)
    }

    /// What may stand behind its first byte.
    pub(super) fn second_bytes(&self) -> Bytes {
        second_bytes(&self.rest).unwrap_or(Bytes::ALL)
    }

    pub(super) fn first_bytes(&self) -> Bytes {
        first_bytes(&self.rest).unwrap_or(Bytes::ALL)
    }
}

fn shortest(hir: &Hir) -> usize {
    hir.properties().minimum_len().unwrap_or(0)
}

fn longest(parts: &[Hir]) -> usize {
    let each = parts.iter().map(|part| part.properties().maximum_len().unwrap_or(usize::MAX));
    each.fold(0, usize::saturating_add)
}

/// A regex's forms, each as parts in a row.
fn rows(hir: &Hir) -> Vec<Vec<Hir>> {
    match hir.kind() {
        HirKind::Capture(capture) => rows(&capture.sub),
        HirKind::Alternation(forms) => forms.iter().flat_map(rows).collect(),
        _ => {
            let mut row = Vec::new();
            flat(hir, &mut row);
            vec![row]
        }
    }
}

fn flat(hir: &Hir, row: &mut Vec<Hir>) {
    match hir.kind() {
        HirKind::Capture(capture) => flat(&capture.sub, row),
        HirKind::Concat(parts) => parts.iter().for_each(|part| flat(part, row)),
        _ => row.push(hir.clone()),
    }
}

/// The same where it is not held to the beginning or the end of anything.
fn anywhere(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Look(_) if !is_word_look(hir) => Hir::empty(),
        HirKind::Capture(capture) => anywhere(&capture.sub),
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(anywhere).collect()),
        HirKind::Alternation(forms) => Hir::alternation(forms.iter().map(anywhere).collect()),
        HirKind::Repetition(repetition) => {
            let sub = Box::new(anywhere(&repetition.sub));
            Hir::repetition(Repetition { sub, ..repetition.clone() })
        }
        _ => hir.clone(),
    }
}

/// The same at the end of a regex: what is held to the end of a text is held to the end of a value as well.
fn at_end(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Look(Look::End | Look::EndLF) => {
            let edges = (0..=u8::MAX).filter(|byte| is_edge(*byte));
            let edges = ClassBytes::new(edges.map(|byte| ClassBytesRange::new(byte, byte)));
            Hir::alternation(vec![Hir::class(Class::Bytes(edges)), Hir::look(Look::End)])
        }
        HirKind::Capture(capture) => at_end(&capture.sub),
        HirKind::Concat(parts) => {
            let last = parts.last().map(at_end);
            let before = parts.iter().take(parts.len().saturating_sub(1)).map(anywhere);
            Hir::concat(before.chain(last).collect())
        }
        HirKind::Alternation(forms) => Hir::alternation(forms.iter().map(at_end).collect()),
        _ => anywhere(hir),
    }
}

fn is_held_to_end(hir: &Hir) -> bool {
    hir.properties().look_set().contains(Look::End)
}

/// Of parts in a row those that end so near to where they begin.
fn near(row: impl Iterator<Item = Hir>, bytes: usize) -> Vec<Hir> {
    let mut left = bytes;
    let mut all = Vec::new();
    for part in row {
        let (part, whole) = no_further(&part, left);
        left = left.saturating_sub(part.properties().maximum_len().unwrap_or(usize::MAX));
        all.push(part);
        if !whole {
            break;
        }
    }
    all
}

/// What every match has of its first bytes, and whether that is all of it.
fn no_further(hir: &Hir, bytes: usize) -> (Hir, bool) {
    if hir.properties().maximum_len().is_some_and(|most| most <= bytes) {
        return (hir.clone(), true);
    }
    let kept = match hir.kind() {
        HirKind::Capture(capture) => return no_further(&capture.sub, bytes),
        HirKind::Repetition(repetition) => {
            let one = repetition.sub.properties().maximum_len().unwrap_or(usize::MAX).max(1);
            let times = u32::try_from(bytes / one).unwrap_or(u32::MAX).min(repetition.min);
            Hir::repetition(Repetition { min: times, max: Some(times), ..repetition.clone() })
        }
        HirKind::Concat(parts) => Hir::concat(near(parts.iter().cloned(), bytes)),
        HirKind::Alternation(forms) => {
            Hir::alternation(forms.iter().map(|form| no_further(form, bytes).0).collect())
        }
        _ => hir.clone(),
    };
    (kept, false)
}

/// Without what may be missing at its end.
fn without_tail(mut row: Vec<Hir>) -> Hir {
    let may_miss = |last: &Hir| shortest(last) == 0 && !is_word_look(last) && !is_held_to_end(last);
    while row.last().is_some_and(may_miss) {
        row.pop();
    }
    if let Some(last) = row.pop() {
        row.push(no_longer(&last));
    }
    Hir::concat(row)
}

fn is_word_look(hir: &Hir) -> bool {
    matches!(hir.kind(), HirKind::Look(Look::WordAscii | Look::WordAsciiNegate))
}

/// As short as it can be at its end.
fn no_longer(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Repetition(repetition) => {
            let max = Some(repetition.min);
            Hir::repetition(Repetition { max, ..repetition.clone() })
        }
        HirKind::Concat(parts) => without_tail(parts.clone()),
        HirKind::Alternation(forms) => Hir::alternation(forms.iter().map(no_longer).collect()),
        _ => hir.clone(),
    }
}

/// Repeated as often as it must be, or more.
fn loose(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Capture(capture) => loose(&capture.sub),
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(loose).collect()),
        HirKind::Alternation(forms) => Hir::alternation(forms.iter().map(loose).collect()),
        HirKind::Repetition(repetition) => {
            let sub = Box::new(loose(&repetition.sub));
            let max = repetition.max.filter(|max| max - repetition.min <= REPEATED_MAX);
            Hir::repetition(Repetition { sub, max, ..repetition.clone() })
        }
        _ => hir.clone(),
    }
}

/// What may stand before what follows these parts, of which the first bytes are known, and what before that.
fn left(head: &[Hir], firsts: Bytes) -> (Bytes, Bytes) {
    let words = Bytes::of(is_word);
    let mut all = Tail::EMPTY;
    for part in head.iter().rev() {
        let boundary = matches!(part.kind(), HirKind::Look(Look::WordAscii));
        let nothing = all.last == Bytes::NONE;
        if boundary && nothing && firsts.is_within(words) {
            return (Bytes::of(|byte| !is_word(byte)), Bytes::ALL);
        }
        all = Tail::of(part).then(all);
        if !all.empty && !all.one {
            return (all.last, all.second);
        }
    }
    (if all.empty { Bytes::ALL } else { all.last }, Bytes::ALL)
}

/// How a regex's matches end.
#[derive(Debug, Clone, Copy)]
struct Tail {
    /// Their last bytes,
    last: Bytes,
    /// and those before.
    second: Bytes,
    /// Whether one may be empty,
    empty: bool,
    /// or have one byte.
    one: bool,
}

impl Tail {
    const EMPTY: Self = Self { last: Bytes::NONE, second: Bytes::NONE, empty: true, one: false };
    const NEVER: Self = Self { empty: false, ..Self::EMPTY };

    /// Where it begins a value, what may stand before one.
    fn of(hir: &Hir) -> Self {
        match hir.kind() {
            HirKind::Look(Look::Start | Look::StartLF | Look::StartCRLF) => {
                Self { last: Bytes::of(is_edge), second: Bytes::ALL, empty: false, one: false }
            }
            HirKind::Empty | HirKind::Look(_) => Self::EMPTY,
            HirKind::Literal(literal) => {
                let bytes = literal.0.iter().map(|byte| Self::byte(Bytes::only(Some(byte))));
                bytes.fold(Self::EMPTY, Self::then)
            }
            HirKind::Class(class) => Self::byte(of_class(class)),
            HirKind::Capture(capture) => Self::of(&capture.sub),
            HirKind::Repetition(repetition) => {
                let sub = Self::of(&repetition.sub);
                let again = if repetition.max == Some(1) { sub } else { sub.then(sub).or(sub) };
                Self { empty: sub.empty || repetition.min == 0, ..again }
            }
            HirKind::Concat(parts) => parts.iter().map(Self::of).fold(Self::EMPTY, Self::then),
            HirKind::Alternation(forms) => forms.iter().map(Self::of).fold(Self::NEVER, Self::or),
        }
    }

    fn byte(last: Bytes) -> Self {
        Self { last, second: Bytes::NONE, empty: false, one: true }
    }

    fn then(self, next: Self) -> Self {
        let only = |wanted: bool, bytes: Bytes| if wanted { bytes } else { Bytes::NONE };
        Self {
            last: next.last.and(only(next.empty, self.last)),
            second: next.second.and(only(next.one, self.last)).and(only(next.empty, self.second)),
            empty: self.empty && next.empty,
            one: (self.empty && next.one) || (self.one && next.empty),
        }
    }

    fn or(self, other: Self) -> Self {
        Self {
            last: self.last.and(other.last),
            second: self.second.and(other.second),
            empty: self.empty || other.empty,
            one: self.one || other.one,
        }
    }
}

/// The bytes that it may have.
fn all_bytes(hir: &Hir) -> Bytes {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Bytes::NONE,
        HirKind::Literal(literal) => {
            literal.0.iter().fold(Bytes::NONE, |set, byte| set.and(Bytes::only(Some(byte))))
        }
        HirKind::Class(class) => of_class(class),
        HirKind::Capture(capture) => all_bytes(&capture.sub),
        HirKind::Repetition(repetition) => all_bytes(&repetition.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().map(all_bytes).fold(Bytes::NONE, Bytes::and)
        }
    }
}

/// The bytes that it begins with; `None` where it may be empty.
fn first_bytes(hir: &Hir) -> Option<Bytes> {
    fn of(hir: &Hir) -> (Bytes, bool) {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => (Bytes::NONE, true),
            HirKind::Literal(literal) => (Bytes::only(literal.0.first()), literal.0.is_empty()),
            HirKind::Class(class) => (of_class(class), false),
            HirKind::Capture(capture) => of(&capture.sub),
            HirKind::Repetition(repetition) => {
                let (set, empty) = of(&repetition.sub);
                (set, empty || repetition.min == 0)
            }
            HirKind::Concat(parts) => of_row(parts.iter().map(of)),
            HirKind::Alternation(forms) => of_forms(forms.iter().map(of)),
        }
    }
    let (set, empty) = of(hir);
    (!empty).then_some(set)
}

/// The bytes that it has second; `None` where nothing is known of them.
fn second_bytes(hir: &Hir) -> Option<Bytes> {
    match hir.kind() {
        HirKind::Literal(literal) => literal.0.get(1).map(|second| Bytes::only(Some(second))),
        HirKind::Repetition(repetition) if repetition.min > 0 => second_bytes(&repetition.sub),
        HirKind::Alternation(forms) => {
            forms.iter().map(second_bytes).try_fold(Bytes::NONE, |set, one| Some(set.and(one?)))
        }
        HirKind::Concat(parts) => {
            let (first, behind) = parts.split_first()?;
            if first.properties().maximum_len() == Some(1) && shortest(first) == 1 {
                first_bytes(&Hir::concat(behind.to_vec()))
            } else {
                second_bytes(first)
            }
        }
        _ => None,
    }
}

fn of_row(parts: impl Iterator<Item = (Bytes, bool)>) -> (Bytes, bool) {
    let mut set = Bytes::NONE;
    for (bytes, empty) in parts {
        set = set.and(bytes);
        if !empty {
            return (set, false);
        }
    }
    (set, true)
}

fn of_forms(forms: impl Iterator<Item = (Bytes, bool)>) -> (Bytes, bool) {
    forms.fold((Bytes::NONE, false), |(set, empty), (bytes, one)| (set.and(bytes), empty || one))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex_automata::{Anchored, Input, meta};

    use super::super::atoms::tests::any_regex;
    use super::*;
    use crate::rule::{Group, Pattern};

    #[test]
    fn what_is_before_a_cut_is_told_by_its_bytes() {
        let back = |regex: &str, before: &str| {
            let pattern = Pattern::parse(regex).expect("a regex");
            let cut = Row::all(pattern.hir()).remove(0).cuts().last().expect("a cut");
            cut.head.of_text(before.as_bytes())
        };
        assert_eq!(back("[a-z_]{1,20}[0-9]", r#"{"api_"#), 4);
        assert_eq!(back("(?:^|[^a-z])[a-z_]{1,20}[0-9]", r#"{"api_"#), 5);
        assert_eq!(back("(?:^|[^a-z])[a-z_]{1,20}[0-9]", "api_"), 4);
        assert_eq!(back(".{1,20}[0-9]", "a\n\"api_"), 5, "any byte but the end of a line");
    }

    fn cuts(regex: &str) -> Vec<Vec<Cut>> {
        let pattern = Pattern::parse(regex).expect("a regex");
        Row::all(pattern.hir()).iter().map(|row| row.cuts().collect()).collect()
    }

    #[test]
    fn what_may_stand_before_a_rest_is_known() {
        let all = cuts(r"(?:^|[^\w.])([0-9]{3}-[0-9]{2})\b(?:x{0,3})");
        let cut = &all[0][1];
        assert_eq!(cut.rest.to_string(), r"(?:(?-u:[0-9]){3}\-(?-u:[0-9]){2}(?-u:\b))");
        let before: Vec<bool> = b"a_.5 \":-".iter().map(|byte| cut.left.has(*byte)).collect();
        assert_eq!(before, [false, false, false, false, true, true, true, true]);
        assert!(cut.is_whole && cut.before == 1 && cut.on == 9);
        let ends = &cuts("xy(?:f[a-c]|(?::[0-9]{1,2}){1,2})::")[0][2];
        let second: Vec<bool> = b"f:0acx".iter().map(|byte| ends.second_left.has(*byte)).collect();
        assert_eq!(second, [true, true, true, false, false, false]);
        assert!(ends.left.has(b'a') && !ends.left.has(b'f'), "{ends:?}");
        let words = &cuts(r"\bkey[a-z]{2}")[0];
        assert!(words[0].left.has_word() && !words[1].left.has_word(), "{words:?}");
    }

    #[test]
    fn a_row_is_split_where_it_has_several_forms() {
        let pattern = Pattern::parse("a(?:b|cd)e").expect("a regex");
        let row = Row::all(pattern.hir()).remove(0);
        assert_eq!(row.split(2).expect("two").len(), 2);
        assert!(row.split(1).is_none());
    }

    proptest! {
        #[test]
        fn every_match_has_each_cut_of_one_of_its_rows(regex in any_regex(), text in "[a-cA1-2 ,-]{0,40}") {
            let pattern = Pattern::parse(&regex).expect("a regex");
            let mut rows: Vec<Vec<Cut>> = Vec::new();
            for row in Row::all(pattern.hir()) {
                rows.extend(row.split(4).into_iter().flatten().map(|row| row.cuts().collect()));
                rows.push(row.cuts().collect());
            }
            // Of what is split only the parts are asked for.
            let whole: Vec<Vec<Cut>> = Row::all(pattern.hir()).iter().map(|row| row.cuts().collect()).collect();
            let bytes = text.as_bytes();
            let is_at = |cut: &Cut, at: usize| {
                let syntax = meta::Config::new().utf8_empty(false);
                let regex = meta::Builder::new().configure(syntax).build_from_hir(&cut.rest).expect("a regex");
                let left = at.checked_sub(1).is_none_or(|before| cut.left.has(bytes[before]))
                    && at.checked_sub(2).is_none_or(|before| cut.second_left.has(bytes[before]));
                let behind = match bytes.get(at..at + 2) {
                    Some([first, second]) => cut.first_bytes().has(*first)
                        && (cut.shortest() < 2 || cut.second_bytes().has(*second)),
                    _ => true,
                };
                let input = Input::new(bytes).range(at..).anchored(Anchored::Yes);
                left && behind && regex.is_match(input)
            };
            let mut wrong = None;
            pattern.matches(bytes, (0..bytes.len()).into(), Group::First, |found, _| {
                let has = |cut: &Cut| {
                    let first = found.end.saturating_sub(cut.on).max(found.start);
                    let last = found.start.saturating_add(cut.before).min(found.end);
                    (first..=last).any(|at| is_at(cut, at))
                };
                if !whole.iter().any(|row| row.iter().all(has)) || !rows.iter().any(|row| row.iter().all(has)) {
                    wrong = Some(found.range());
                }
            });
            prop_assert!(wrong.is_none(), "{regex} in {text:?}: {wrong:?} of {whole:?}");
        }
    }
}
