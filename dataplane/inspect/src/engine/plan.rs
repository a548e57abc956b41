//! What is looked for of each rule.

mod sought;

use std::collections::HashMap;
use std::ops::Range;

pub(crate) use sought::sought;

use super::Hit;
use super::atoms::{Atom, Choice};
use super::dense::{Cluster, Kind};
use super::spans::clusters;
use crate::rule::{CONTEXT_AFTER, CONTEXT_BEFORE, Rule};

/// What is looked for, and for which rules.
#[derive(Debug, Default)]
pub(super) struct Plan {
    words: Vec<Vec<u8>>,
    /// For each word, who is asked where it is found.
    of_words: Vec<Vec<Asked>>,
    dense: Vec<(Kind, Cluster, Asked)>,
    always: Vec<usize>,
}

/// A rule that is asked where something was found.
#[derive(Debug, Clone, Copy)]
struct Asked {
    rule: usize,
    /// The length of its longest match.
    reach: usize,
    /// Whether what was found is in its context, and not in the match.
    beside: bool,
    /// What else must be where the match may be.
    token: Cluster,
    digits: Cluster,
}

/// What a text has, in order.
#[derive(Debug, Default)]
pub(crate) struct Spans {
    tokens: Vec<(Cluster, Range<usize>)>,
    digits: Vec<(Cluster, Range<usize>)>,
}

fn has(spans: &[(Cluster, Range<usize>)], wanted: Cluster, within: &Range<usize>) -> bool {
    let first = spans.partition_point(|(_, part)| part.end <= within.start);
    let mut near = spans.iter().skip(first).take_while(|(_, part)| part.start < within.end);
    wanted.bytes == 0 || near.any(|(here, _)| here.has(wanted))
}

impl Plan {
    pub(super) fn of(rules: &[Rule]) -> Self {
        let mut plan = Self::default();
        let mut known = HashMap::new();
        for (index, rule) in rules.iter().enumerate() {
            let enough = |kind: Kind| {
                let cluster = Cluster::of(&rule.hir, kind);
                if cluster.bytes >= kind.fewest() { cluster } else { Cluster::default() }
            };
            let asked = Asked {
                rule: index,
                reach: rule.hir.properties().maximum_len().unwrap_or(usize::MAX),
                beside: false,
                token: enough(Kind::Token),
                digits: enough(Kind::Digit),
            };
            let own = Choice::of(&rule.hir);
            let keywords = (rule.keywords_within && !rule.keywords.is_empty()).then(|| {
                Choice::words(rule.keywords.iter().map(|word| word.clone().into_bytes()).collect())
            });
            let context = rule.require_context.then(|| Choice::words(rule.context.written()));
            // Where more must be beside a word, few of the places where it stands are asked about.
            let filtered = asked.token.bytes > 0 || asked.digits.bytes > 0;
            let beside = |choice: Choice| choice.filtered(filtered);
            let context = context.map(beside);
            let within = [own.map(beside), keywords.map(beside)].into_iter().flatten();
            let within = within.min_by(rarest);
            match (within, context) {
                (Some(within), Some(context)) if context.frequency < within.frequency => {
                    plan.add(context, Asked { beside: true, ..asked }, &mut known);
                }
                (None, Some(context)) => {
                    plan.add(context, Asked { beside: true, ..asked }, &mut known);
                }
                (Some(within), _) => plan.add(within, asked, &mut known),
                (None, None) => plan.always.push(index),
            }
        }
        plan
    }

    fn add(&mut self, choice: Choice, asked: Asked, known: &mut HashMap<Vec<u8>, usize>) {
        for atom in choice.atoms {
            let word = match atom {
                Atom::Word(word) => word,
                Atom::Dense(kind, cluster) => {
                    self.dense.push((kind, cluster, asked));
                    continue;
                }
            };
            let index = *known.entry(word.clone()).or_insert_with(|| {
                self.words.push(word);
                self.of_words.push(Vec::new());
                self.words.len() - 1
            });
            let rules = self.of_words.get_mut(index);
            if let Some(rules) =
                rules.filter(|rules| rules.iter().all(|one| one.rule != asked.rule))
            {
                rules.push(asked);
            }
        }
    }

    /// In lower case.
    pub(super) fn words(&self) -> &[Vec<u8>] {
        &self.words
    }

    /// Who is to be asked, as this word ends here.
    pub(super) fn word(&self, word: usize, end: usize, spans: &Spans, hits: &mut Vec<Hit>) {
        let (Some(bytes), Some(rules)) = (self.words.get(word), self.of_words.get(word)) else {
            return;
        };
        let part = end.saturating_sub(bytes.len())..end;
        for asked in rules {
            let hit = asked.hit(part.clone());
            let window = hit.window(&(0..usize::MAX));
            if has(&spans.tokens, asked.token, &window) && has(&spans.digits, asked.digits, &window)
            {
                hits.push(hit);
            }
        }
    }

    /// Who is to be asked by bytes that stand close together.
    pub(super) fn spans(&self, text: &[u8], spans: &mut Spans, hits: &mut Vec<Hit>) {
        spans.tokens.clear();
        spans.digits.clear();
        for kind in Kind::ALL {
            let rules = || self.dense.iter().filter(|(of, ..)| *of == kind);
            let mut keeps = match kind {
                Kind::Token => Some(&mut spans.tokens),
                Kind::Digit => Some(&mut spans.digits),
                Kind::Capital | Kind::Hex if rules().next().is_none() => continue,
                Kind::Capital | Kind::Hex => None,
            };
            clusters(text, kind, kind.fewest(), |here, part| {
                let enough = rules().filter(|(_, wanted, _)| here.has(*wanted));
                hits.extend(enough.map(|(.., asked)| asked.hit(part.clone())));
                if let Some(kept) = &mut keeps {
                    kept.push((here, part));
                }
            });
        }
    }

    /// Who is asked everywhere.
    pub(super) fn always(&self, text: &[u8], hits: &mut Vec<Hit>) {
        let all = 0..text.len();
        let everywhere = |rule: &usize| Asked {
            rule: *rule,
            reach: usize::MAX,
            beside: false,
            token: Cluster::default(),
            digits: Cluster::default(),
        };
        hits.extend(self.always.iter().map(everywhere).map(|asked| asked.hit(all.clone())));
    }
}

impl Asked {
    /// A match has a part of `part` in it, or stands beside it. Of a run or of digits it may have any part.
    fn hit(self, part: Range<usize>) -> Hit {
        let reach = self.reach.saturating_add(part.len());
        Hit {
            rule: self.rule,
            start: part.start,
            end: part.end,
            back: reach.saturating_add(if self.beside { CONTEXT_AFTER } else { 0 }),
            on: reach.saturating_add(if self.beside { CONTEXT_BEFORE } else { 0 }),
        }
    }
}

fn rarest(one: &Choice, other: &Choice) -> std::cmp::Ordering {
    one.frequency.total_cmp(&other.frequency)
}
