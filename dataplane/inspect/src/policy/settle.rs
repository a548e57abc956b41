//! Which findings count where several stand over each other.

use std::ops::Range;

use super::Action;
use crate::scan::Finding;

/// One or more findings that overlap and are treated as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settled {
    /// The finding that is told, by its place among all.
    pub(super) finding: usize,
    /// What becomes of them.
    pub(super) action: Action,
    /// All bytes of the message that they take together.
    pub(super) range: Range<usize>,
}

/// What is settled of findings, in the order of the message and apart; of each finding, which of these it is
/// part of. `actions` says what would become of each by itself.
///
/// The strictest action wins: what overlaps a finding that blocks counts no more, and what is only reported
/// counts not beside what is cut out. What is cut out is cut out whole, by whichever rules.
pub(super) fn settle(
    findings: &[Finding],
    actions: &[Action],
) -> (Vec<Settled>, Vec<Option<usize>>) {
    let mut all: Vec<Settled> = Vec::new();
    let mut of: Vec<Option<usize>> = vec![None; findings.len()];
    let mut stricter: Vec<Range<usize>> = Vec::new();
    for weight in [Weight::Blocks, Weight::Cuts, Weight::Tells] {
        let first = all.len();
        for (index, (finding, action)) in findings.iter().zip(actions).enumerate() {
            let range = finding.source();
            if Weight::of(*action) != Some(weight) || overlaps(&stricter, &range) {
                continue;
            }
            let open = all.get_mut(first..).and_then(<[Settled]>::last_mut);
            match open.filter(|open| range.start < open.range.end) {
                Some(open) => {
                    open.range.end = open.range.end.max(range.end);
                    let rank = |index: usize, action: Action| {
                        let one = findings.get(index);
                        let rule = one.map_or(usize::MAX, |one| one.rule);
                        (action, std::cmp::Reverse(rule), one.map_or(0, |one| one.source.len()))
                    };
                    if rank(index, *action) > rank(open.finding, open.action) {
                        (open.finding, open.action) = (index, *action);
                    }
                }
                None => all.push(Settled { finding: index, action: *action, range }),
            }
            if let Some(of) = of.get_mut(index) {
                *of = Some(all.len() - 1);
            }
        }
        stricter = all.iter().map(|one| one.range.clone()).collect();
        stricter.sort_by_key(|range| range.start);
    }
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by_key(|index| all.get(*index).map(|one| one.range.start));
    let mut place = vec![0; all.len()];
    for (new, old) in order.iter().enumerate() {
        if let Some(place) = place.get_mut(*old) {
            *place = new;
        }
    }
    for of in of.iter_mut().flatten() {
        *of = place.get(*of).copied().unwrap_or(*of);
    }
    all.sort_by_key(|one| one.range.start);
    (all, of)
}

/// Whether a range meets one of `others`, which are in order and apart.
pub(super) fn overlaps(others: &[Range<usize>], range: &Range<usize>) -> bool {
    let next = others.partition_point(|other| other.end <= range.start);
    others.get(next).is_some_and(|other| other.start < range.end)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    Tells,
    Cuts,
    Blocks,
}

impl Weight {
    fn of(action: Action) -> Option<Self> {
        match action {
            Action::Ignore => None,
            Action::Report => Some(Self::Tells),
            Action::Tokenise | Action::Redact(_) => Some(Self::Cuts),
            Action::Block => Some(Self::Blocks),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Keep;
    use super::*;

    const REDACT: Action = Action::Redact(Keep::Nothing);
    const LAST4: Action = Action::Redact(Keep::Last4);

    /// Findings as rule, start, end and action; what is settled as rule, range and action.
    fn settled(all: &[(usize, usize, usize, Action)]) -> Vec<(usize, Range<usize>, Action)> {
        let finding = |(rule, start, end, _): &(usize, usize, usize, Action)| Finding {
            rule: *rule,
            source: *start..*end,
            text: 0,
            secret: *start..*end,
            in_context: false,
        };
        let findings: Vec<_> = all.iter().map(finding).collect();
        let actions: Vec<_> = all.iter().map(|one| one.3).collect();
        let (settled, of) = settle(&findings, &actions);
        for (index, of) in of.iter().enumerate() {
            if let Some(of) = of {
                let (whole, own) = (&settled[*of].range, findings[index].source());
                assert!(whole.start <= own.start && own.end <= whole.end);
            }
        }
        settled.into_iter().map(|one| (findings[one.finding].rule, one.range, one.action)).collect()
    }

    #[test]
    fn of_what_overlaps_the_strictest_counts_and_all_of_it_is_cut() {
        let all = [(1, 0, 10, Action::Report), (2, 5, 15, REDACT), (3, 12, 20, Action::Tokenise)];
        assert_eq!(settled(&all), [(2, 5..20, REDACT)]);
        let all = [(1, 0, 10, LAST4), (2, 0, 16, REDACT), (3, 30, 31, Action::Ignore)];
        assert_eq!(settled(&all), [(2, 0..16, REDACT)]);
        let all = [(1, 0, 10, REDACT), (2, 5, 15, Action::Block), (3, 14, 20, REDACT)];
        assert_eq!(settled(&all), [(2, 5..15, Action::Block)]);
    }

    #[test]
    fn of_equals_the_first_rule_is_told_and_of_one_rule_the_longest() {
        assert_eq!(settled(&[(2, 0, 10, REDACT), (1, 5, 8, REDACT)]), [(1, 0..10, REDACT)]);
        assert_eq!(settled(&[(1, 0, 4, REDACT), (1, 2, 9, REDACT)]), [(1, 0..9, REDACT)]);
    }

    #[test]
    fn what_stands_apart_is_told_apart_and_in_order() {
        let all = [(1, 0, 3, Action::Report), (2, 3, 6, REDACT), (1, 6, 9, Action::Report)];
        let told = [(1, 0..3, Action::Report), (2, 3..6, REDACT), (1, 6..9, Action::Report)];
        assert_eq!(settled(&all), told);
    }
}
