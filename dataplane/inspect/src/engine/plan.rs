//! What is looked for of each rule.

mod sought;

use std::collections::HashMap;
use std::ops::Range;

pub(crate) use sought::sought;

use super::Hit;
use super::need::{Need, rarity};
use super::spans::{clusters, runs};
use crate::rule::{CONTEXT_AFTER, CONTEXT_BEFORE, Rule};

/// Words this rare are looked for, whatever else there is: less than one in thousands of bytes of text.
const RARE: f64 = 4.0;
/// Runs of token bytes this long are seldom.
const RUN_MIN: usize = 20;
/// So many digits close together are seldom.
const DIGITS_MIN: usize = 6;
/// Digits are together where no more than so many other bytes are between two.
const GAP_MAX: usize = 8;

/// What is looked for, and for which rules.
#[derive(Debug, Default)]
pub(super) struct Plan {
    words: Vec<Vec<u8>>,
    /// For each word, who is asked where it is found.
    of_words: Vec<Vec<Asked>>,
    /// By the shortest run that they have.
    runs: Vec<(usize, Asked)>,
    digits: Vec<(usize, Asked)>,
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
}

impl Plan {
    pub(super) fn of(rules: &[Rule]) -> Self {
        let mut plan = Self::default();
        let mut known = HashMap::new();
        for (index, rule) in rules.iter().enumerate() {
            let need = Need::of(&rule.hir);
            let reach = need.bytes_max.unwrap_or(usize::MAX);
            let asked = Asked { rule: index, reach, beside: false };
            let keywords: Option<Vec<Vec<u8>>> = (rule.keywords_within
                && !rule.keywords.is_empty())
            .then(|| rule.keywords.iter().map(|word| word.clone().into_bytes()).collect());
            let words: Option<Vec<Vec<u8>>> = match (need.words, keywords) {
                (Some(own), Some(given)) => {
                    Some(if rarity(&given) > rarity(&own) { given } else { own })
                }
                (own, given) => own.or(given),
            };
            let rare = words.as_ref().is_some_and(|words| rarity(words) >= RARE);
            let together = need.gap.is_some_and(|gap| gap <= GAP_MAX);
            match words {
                Some(words) if rare => plan.add_words(words, asked, &mut known),
                _ if need.run >= RUN_MIN => plan.runs.push((need.run, asked)),
                _ if rule.require_context => {
                    let asked = Asked { beside: true, ..asked };
                    plan.add_words(rule.context.written(), asked, &mut known);
                }
                _ if need.digits >= DIGITS_MIN && together => {
                    plan.digits.push((need.digits, asked));
                }
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
    pub(super) fn word(&self, word: usize, end: usize, hits: &mut Vec<Hit>) {
        let (Some(bytes), Some(rules)) = (self.words.get(word), self.of_words.get(word)) else {
            return;
        };
        let part = end.saturating_sub(bytes.len())..end;
        hits.extend(rules.iter().map(|asked| asked.hit(part.clone())));
    }

    /// Who is to be asked by runs of token bytes and by digits.
    pub(super) fn spans(&self, text: &[u8], hits: &mut Vec<Hit>) {
        let mut ask = |rules: &[(usize, Asked)], found: usize, part: Range<usize>| {
            let enough = rules.iter().filter(|(wanted, _)| *wanted <= found);
            hits.extend(enough.map(|(_, asked)| asked.hit(part.clone())));
        };
        if !self.runs.is_empty() {
            runs(text, RUN_MIN, |run| ask(&self.runs, run.len(), run.clone()));
        }
        if !self.digits.is_empty() {
            clusters(text, DIGITS_MIN, GAP_MAX, |digits, part| ask(&self.digits, digits, part));
        }
    }

    /// Who is asked everywhere.
    pub(super) fn always(&self, text: &[u8], hits: &mut Vec<Hit>) {
        let all = 0..text.len();
        let everywhere = |rule: &usize| Asked { rule: *rule, reach: usize::MAX, beside: false };
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
