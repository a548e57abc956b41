//! What is looked for of each rule.

use std::collections::HashMap;
use std::ops::Range;

use super::Hit;
use super::need::{Cluster, GAP_MAX, Need, rarity};
use super::spans::{clusters, runs};
use crate::rule::{CONTEXT_AFTER, CONTEXT_BEFORE, Rule};

/// Words this rare are looked for, whatever else there is: less than one in thousands of bytes of text.
const RARE: f64 = 4.0;
/// Runs of token bytes this long are seldom.
const RUN_MIN: usize = 20;
/// So many digits together are seldom,
const DIGITS_MIN: usize = 6;
/// and fewer are where they stand in so many groups.
const GROUPS_MIN: usize = 4;

/// Words of a letter are everywhere, but beside a long run of token bytes those of two are seldom.
const RARE_BESIDE_RUN: f64 = 2.0;

/// What is looked for, and for which rules.
#[derive(Debug, Default)]
pub(super) struct Plan {
    words: Vec<Vec<u8>>,
    /// For each word, who is asked where it is found.
    of_words: Vec<Vec<Asked>>,
    /// By the shortest run that they have.
    runs: Vec<(usize, Asked)>,
    digits: Vec<(Cluster, Asked)>,
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
    /// What else must be where the match may be: a run so long,
    run: usize,
    /// and digits.
    digits: Cluster,
}

/// What a text has, in order.
#[derive(Debug, Default)]
pub(crate) struct Spans {
    runs: Vec<Range<usize>>,
    clusters: Vec<(Cluster, Range<usize>)>,
}

impl Spans {
    fn find(&mut self, text: &[u8]) {
        self.runs.clear();
        self.clusters.clear();
        runs(text, RUN_MIN, |run| self.runs.push(run));
        let fewest = GROUPS_MIN.min(DIGITS_MIN);
        clusters(text, fewest, GAP_MAX, |here, part| self.clusters.push((here, part)));
    }

    fn has_run(&self, bytes: usize, within: &Range<usize>) -> bool {
        let first = self.runs.partition_point(|run| run.end <= within.start);
        let near = self.runs.iter().skip(first).take_while(|run| run.start < within.end);
        near.into_iter().any(|run| run.len() >= bytes)
    }

    fn has_digits(&self, wanted: Cluster, within: &Range<usize>) -> bool {
        let first = self.clusters.partition_point(|(_, part)| part.end <= within.start);
        let near = self.clusters.iter().skip(first).take_while(|(_, part)| part.start < within.end);
        near.into_iter().any(|(here, _)| here.has(wanted))
    }
}

impl Plan {
    pub(super) fn of(rules: &[Rule]) -> Self {
        let mut plan = Self::default();
        let mut known = HashMap::new();
        for (index, rule) in rules.iter().enumerate() {
            let need = Need::of(&rule.hir);
            let reach = need.bytes_max.unwrap_or(usize::MAX);
            let run = if need.run >= RUN_MIN { need.run } else { 0 };
            let together = need.digits.digits >= DIGITS_MIN || need.digits.groups >= GROUPS_MIN;
            let digits = if together { need.digits } else { Cluster::default() };
            let asked = Asked { rule: index, reach, beside: false, run, digits };
            let keywords: Option<Vec<Vec<u8>>> = (rule.keywords_within
                && !rule.keywords.is_empty())
            .then(|| rule.keywords.iter().map(|word| word.clone().into_bytes()).collect());
            let words: Option<Vec<Vec<u8>>> = match (need.words, keywords) {
                (Some(own), Some(given)) => {
                    Some(if rarity(&given) > rarity(&own) { given } else { own })
                }
                (own, given) => own.or(given),
            };
            let least = if run > 0 { RARE_BESIDE_RUN } else { RARE };
            let rare = words.as_ref().is_some_and(|words| rarity(words) >= least);
            match words {
                Some(words) if rare => plan.add_words(words, asked, &mut known),
                _ if run > 0 => plan.runs.push((run, asked)),
                _ if rule.require_context => {
                    let asked = Asked { beside: true, ..asked };
                    plan.add_words(rule.context.written(), asked, &mut known);
                }
                _ if together => plan.digits.push((digits, asked)),
                Some(words) => plan.add_words(words, asked, &mut known),
                None => plan.always.push(index),
            }
        }
        plan
    }

    fn add_words(
        &mut self,
        words: Vec<Vec<u8>>,
        asked: Asked,
        known: &mut HashMap<Vec<u8>, usize>,
    ) {
        for word in words {
            let index = *known.entry(word.clone()).or_insert_with(|| {
                self.words.push(word);
                self.of_words.push(Vec::new());
                self.words.len() - 1
            });
            if let Some(rules) = self.of_words.get_mut(index) {
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
            let run = asked.run == 0 || spans.has_run(asked.run, &window);
            if run && (asked.digits.digits == 0 || spans.has_digits(asked.digits, &window)) {
                hits.push(hit);
            }
        }
    }

    /// Who is to be asked by runs of token bytes and by digits.
    pub(super) fn spans(&self, text: &[u8], spans: &mut Spans, hits: &mut Vec<Hit>) {
        spans.find(text);
        for run in &spans.runs {
            let enough = self.runs.iter().filter(|(wanted, _)| *wanted <= run.len());
            hits.extend(enough.map(|(_, asked)| asked.hit(run.clone())));
        }
        for (here, part) in &spans.clusters {
            let enough = self.digits.iter().filter(|(wanted, _)| here.has(*wanted));
            hits.extend(enough.map(|(_, asked)| asked.hit(part.clone())));
        }
    }

    /// Who is asked everywhere.
    pub(super) fn always(&self, text: &[u8], hits: &mut Vec<Hit>) {
        let all = 0..text.len();
        let everywhere = |rule: &usize| Asked {
            rule: *rule,
            reach: usize::MAX,
            beside: false,
            run: 0,
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
