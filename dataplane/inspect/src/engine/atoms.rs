//! The least frequent things of which every match of a rule has one.

use regex_syntax::hir::{Hir, HirKind};

use super::dense::{Cluster, Kind};
use super::words::{Words, frequency};

/// Something that a pass over a text finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Atom {
    /// In lower case, found in whatever case.
    Word(Vec<u8>),
    /// Bytes of a kind, close together.
    Dense(Kind, Cluster),
}

/// What to look for: one of these is in every match.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    pub(super) atoms: Vec<Atom>,
    /// How often, as a rule of thumb, one of them is met in a KiB of text.
    pub(super) frequency: f64,
}

impl Choice {
    /// `None` where nothing is known of every match.
    pub(super) fn of(hir: &Hir) -> Option<Self> {
        let mut best = Words::best(hir).map(Self::words);
        for kind in Kind::ALL {
            best = rarer(best, Self::dense(kind, Cluster::of(hir, kind)));
        }
        let within = match hir.kind() {
            HirKind::Capture(capture) => Self::of(&capture.sub),
            HirKind::Repetition(repetition) if repetition.min > 0 => Self::of(&repetition.sub),
            HirKind::Concat(parts) => parts.iter().map(Self::of).reduce(rarer).flatten(),
            HirKind::Alternation(parts) => parts.iter().map(Self::of).reduce(either).flatten(),
            _ => None,
        };
        rarer(best, within)
    }

    pub(super) fn words(words: Vec<Vec<u8>>) -> Self {
        let frequency = frequency(&words);
        Self { atoms: words.into_iter().map(Atom::Word).collect(), frequency }
    }

    pub(super) fn words_of(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.atoms.iter().filter_map(|atom| match atom {
            Atom::Word(word) => Some(word),
            Atom::Dense(..) => None,
        })
    }

    /// The same where its words only count beside something else.
    pub(super) fn filtered(self, filtered: bool) -> Self {
        let words = self.atoms.iter().all(|atom| matches!(atom, Atom::Word(_)));
        let share = if filtered && words { 0.1 } else { 1.0 };
        Self { frequency: self.frequency * share, ..self }
    }

    fn dense(kind: Kind, cluster: Cluster) -> Option<Self> {
        let frequency = dense_frequency(kind, cluster)?;
        Some(Self { atoms: vec![Atom::Dense(kind, cluster)], frequency })
    }
}

/// `None` where there are too few to be looked for.
fn dense_frequency(kind: Kind, cluster: Cluster) -> Option<f64> {
    let Cluster { bytes, groups } = cluster;
    if bytes < kind.fewest() {
        return None;
    }
    // A pass for a kind costs more than many words.
    Some(match (kind, bytes) {
        (Kind::Token, 64..) => 0.3,
        (Kind::Token, 32..) => 0.8,
        (Kind::Token, _) => 2.0,
        (Kind::Hex, _) if groups >= 6 => 4.0,
        (Kind::Capital, 14..) => 4.0,
        (Kind::Digit, 9..) => 6.0,
        (Kind::Digit, 6..) => 10.0,
        (Kind::Digit, _) => 20.0,
        (Kind::Capital | Kind::Hex, _) => 8.0,
    })
}

fn rarer(one: Option<Choice>, other: Option<Choice>) -> Option<Choice> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if other.frequency < one.frequency { other } else { one }),
        (one, other) => one.or(other),
    }
}

fn either(one: Option<Choice>, other: Option<Choice>) -> Option<Choice> {
    let (mut one, other) = (one?, other?);
    one.frequency += other.frequency;
    one.atoms.extend(other.atoms);
    Some(one)
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::spans::clusters;
    use super::*;
    use crate::rule::{Group, Pattern};

    #[test]
    fn each_of_several_forms_is_looked_for_by_what_it_has() {
        let pattern = Pattern::parse("(?:stripe_[a-z]{3}|[0-9a-f]{64})x?").expect("a regex");
        let choice = Choice::of(pattern.hir()).expect("something");
        assert!(choice.atoms.contains(&Atom::Word(b"stripe_".to_vec())), "{choice:?}");
        let hex = Cluster { bytes: 64, groups: 1 };
        assert!(choice.atoms.contains(&Atom::Dense(Kind::Token, hex)), "{choice:?}");
    }

    pub(crate) fn any_regex() -> impl proptest::strategy::Strategy<Value = String> {
        use proptest::prelude::*;
        let leaf = prop_oneof![
            "[a-c1-2-]{1,3}".prop_map(|text| text.replace('-', r"\-")),
            Just("[a-c]".to_owned()),
            Just("[0-9]".to_owned()),
            Just("[A-Za-z0-9]".to_owned()),
            Just("[ ,]".to_owned()),
            Just(r"\b".to_owned()),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
                prop::collection::vec(inner.clone(), 1..4)
                    .prop_map(|parts| format!("(?:{})", parts.join("|"))),
                (inner.clone(), 0_u32..4, 0_u32..3)
                    .prop_map(|(part, min, more)| format!("(?:{part}){{{min},{}}}", min + more)),
                (inner, 0_u32..3).prop_map(|(part, min)| format!("(?i:{part}){{{min},}}")),
            ]
        })
    }

    fn is_in(atom: &Atom, text: &[u8]) -> bool {
        match atom {
            Atom::Word(word) => memchr::memmem::find(&text.to_ascii_lowercase(), word).is_some(),
            Atom::Dense(kind, wanted) => {
                let mut any = false;
                clusters(text, *kind, 1, |here, _| any |= here.has(*wanted));
                any
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn every_match_has_one_of_them(regex in any_regex(), text in "[a-cA1-2 ,-]{0,60}") {
            let pattern = Pattern::parse(&regex).expect("a regex");
            let choice = Choice::of(pattern.hir());
            let clusters = Kind::ALL.map(|kind| (kind, Cluster::of(pattern.hir(), kind)));
            let mut wrong = None;
            let all = (0..text.len()).into();
            pattern.matches(text.as_bytes(), all, Group::First, |whole, _| {
                let found = &text.as_bytes()[whole.range()];
                let one = |choice: &Choice| choice.atoms.iter().any(|atom| is_in(atom, found));
                let each = clusters.iter().filter(|(_, wanted)| wanted.bytes > 0);
                let mut each = each.map(|(kind, wanted)| Atom::Dense(*kind, *wanted));
                if !choice.as_ref().is_none_or(one) || !each.all(|atom| is_in(&atom, found)) {
                    wrong = Some(String::from_utf8_lossy(found).into_owned());
                }
            });
            proptest::prop_assert!(wrong.is_none(), "{regex}: {wrong:?} against {choice:?} {clusters:?}");
        }
    }
}
