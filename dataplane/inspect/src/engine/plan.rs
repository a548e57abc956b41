//! What is looked for of each rule.

mod sought;

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use regex_automata::hybrid::dfa::Cache;
pub(crate) use sought::sought;

use super::anchored::{Anchored, Unbuilt};
use super::atoms::{Atom, Choice};
use super::beside::Needs;
use super::cut::Cut;
use super::dense::{Cluster, Kind};
use super::marks::{LEAD_MAX, Marks, RUN_MIN, SIGNS};
use super::route::{Asked, Route, Way};
use super::spans::clusters;
use super::told::Told;
use super::words::without_longer;
use crate::rule::Rule;

/// What is looked for, and for which rules.
#[derive(Debug, Default)]
pub(super) struct Plan {
    words: Vec<Vec<u8>>,
    /// For each word, who is asked where it is found,
    of_words: Vec<Vec<Asked>>,
    /// and whether a phrase may begin with it.
    begins: Vec<bool>,
    dense: Vec<(Kind, Cluster, Asked)>,
    always: Vec<usize>,
    /// For each rule, what else must be where it is asked.
    needs: Vec<Needs>,
    numbers: Option<Anchored>,
    runs: Option<Anchored>,
    phrases: Option<Anchored>,
    /// As [`SIGNS`] are.
    signs: [Option<Anchored>; SIGNS.len()],
}

/// What a text has, in order; and what a thread needs to find it.
#[derive(Debug, Default)]
pub(crate) struct Spans {
    marks: Marks,
    tokens: Vec<(Cluster, Range<usize>)>,
    numbers: Option<Cache>,
    runs: Option<Cache>,
    phrases: Option<Cache>,
    signs: [Option<Cache>; SIGNS.len()],
    begun: Vec<usize>,
}

fn has(spans: &[(Cluster, Range<usize>)], wanted: Cluster, within: &Range<usize>) -> bool {
    if wanted.bytes == 0 {
        return true;
    }
    let first = spans.partition_point(|(_, part)| part.end <= within.start);
    let mut near = spans.iter().skip(first).take_while(|(_, part)| part.start < within.end);
    near.any(|(here, _)| here.has(wanted))
}

impl Plan {
    /// Why what it needs cannot be built, for a person.
    pub(super) fn of(rules: &[Rule]) -> Result<Self, String> {
        let mut plan = Self::default();
        let mut known = HashMap::new();
        let (mut numbers, mut runs, mut phrases) = (Vec::new(), Vec::new(), Vec::new());
        let mut begins = Vec::new();
        let mut signs: BTreeMap<u8, Vec<(usize, Cut)>> = BTreeMap::new();
        for (index, rule) in rules.iter().enumerate() {
            let route = Route::of(index, rule);
            plan.needs.push(route.needs(rule));
            let ways = match route {
                Route::Begins(ways) => ways,
                Route::Has(direct) => {
                    plan.add(direct.choice, direct.asked, &mut known);
                    continue;
                }
                Route::Always => {
                    plan.always.push(index);
                    continue;
                }
            };
            for way in ways {
                match way {
                    Way::Number(cut) => numbers.push((index, cut)),
                    Way::Run(cut) => runs.push((index, cut)),
                    Way::Sign(cut) => {
                        if let Some(sign) = cut.first_bytes().single() {
                            signs.entry(sign).or_default().push((index, cut.loose()));
                        }
                    }
                    Way::Phrase(cut, words) => {
                        phrases.push((index, cut.loose()));
                        begins.extend(words);
                    }
                }
            }
        }
        for word in without_longer(begins) {
            let word = plan.word_of(word, &mut known);
            plan.begins.get_mut(word).into_iter().for_each(|begins| *begins = true);
        }
        let named = |unbuilt: Unbuilt| {
            let ids = unbuilt.largest.iter().filter_map(|index| rules.get(*index));
            let ids: Vec<_> = ids.map(|rule| format!("`{}`", rule.id)).collect();
            format!(
                "the rules are too large together, above all {}: {}",
                ids.join(", "),
                unbuilt.why
            )
        };
        let built = |cuts: Vec<(usize, Cut)>| {
            (!cuts.is_empty()).then(|| Anchored::build(&cuts)).transpose().map_err(named)
        };
        plan.numbers = built(numbers)?;
        plan.runs = built(runs)?;
        plan.phrases = built(phrases)?;
        for (byte, place) in SIGNS.iter().zip(&mut plan.signs) {
            *place = built(signs.remove(byte).unwrap_or_default())?;
        }
        Ok(plan)
    }

    /// What a thread needs.
    pub(super) fn spans(&self) -> Spans {
        let cache = |of: &Option<Anchored>| of.as_ref().map(Anchored::cache);
        Spans {
            numbers: cache(&self.numbers),
            runs: cache(&self.runs),
            phrases: cache(&self.phrases),
            signs: self.signs.each_ref().map(|sign| sign.as_ref().map(Anchored::cache)),
            ..Spans::default()
        }
    }

    /// The place of a word.
    fn word_of(&mut self, word: Vec<u8>, known: &mut HashMap<Vec<u8>, usize>) -> usize {
        *known.entry(word).or_insert_with_key(|word| {
            self.words.push(word.clone());
            self.of_words.push(Vec::new());
            self.begins.push(false);
            self.words.len() - 1
        })
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
            let index = self.word_of(word, known);
            let rules = self.of_words.get_mut(index);
            if let Some(rules) =
                rules.filter(|rules| rules.iter().all(|one| one.rule != asked.rule))
            {
                rules.push(asked);
            }
        }
    }

    /// For each rule, what must be where it is asked beside that by which it is found.
    pub(super) fn needs(&self) -> &[Needs] {
        &self.needs
    }

    /// In lower case.
    pub(super) fn words(&self) -> &[Vec<u8>] {
        &self.words
    }

    /// Who is to be asked, as this word ends here.
    pub(super) fn word(&self, word: usize, end: usize, spans: &mut Spans, told: &mut Told) {
        let (Some(bytes), Some(rules)) = (self.words.get(word), self.of_words.get(word)) else {
            return;
        };
        let part = end.saturating_sub(bytes.len())..end;
        if self.begins.get(word) == Some(&true) {
            spans.begun.push(part.start);
        }
        for asked in rules {
            let hit = asked.hit(part.clone());
            let window = hit.window(&(0..usize::MAX));
            if has(&spans.tokens, asked.token, &window) {
                told.push(hit);
            }
        }
    }

    /// Who is to be asked by bytes that stand close together, and by what may begin about them.
    pub(super) fn dense(&self, text: &[u8], spans: &mut Spans, told: &mut Told) {
        let Spans { marks, tokens, numbers, runs, signs, begun, .. } = spans;
        begun.clear();
        marks.read(text);
        tokens.clear();
        marks.runs(|run| tokens.push((Cluster { bytes: run.len(), groups: 1 }, run)));
        for (here, run) in &*tokens {
            self.stand_close(Kind::Token, *here, run, told);
        }
        for kind in Kind::APART {
            if self.dense.iter().any(|(of, ..)| *of == kind) {
                let found = |here, part| self.stand_close(kind, here, &part, told);
                clusters(text, kind, kind.fewest(), found);
            }
        }
        if let (Some(of), Some(cache)) = (&self.numbers, numbers) {
            marks.before_digits(|at| of.ask(text, at, cache, told));
        }
        if let (Some(of), Some(cache)) = (&self.runs, runs) {
            let mut next = 0;
            for (_, run) in &*tokens {
                // As much of the run as is asked for at the least must be left.
                let part = run.start.saturating_sub(LEAD_MAX).max(next)..run.end - RUN_MIN + 1;
                marks.apart(part, |at| of.ask(text, at, cache, told));
                next = run.end;
            }
        }
        marks.signs(|at| {
            let place = text.get(at).and_then(|byte| SIGNS.iter().position(|sign| sign == byte));
            let sign = place.and_then(|place| {
                Some((self.signs.get(place)?.as_ref()?, signs.get_mut(place)?.as_mut()?))
            });
            if let Some((sign, cache)) = sign {
                sign.ask(text, at, cache, told);
            }
        });
    }

    /// Who is to be asked by these.
    fn stand_close(&self, kind: Kind, here: Cluster, part: &Range<usize>, told: &mut Told) {
        let rules = self.dense.iter().filter(|(of, wanted, _)| *of == kind && here.has(*wanted));
        rules.for_each(|(.., asked)| told.push(asked.hit(part.clone())));
    }

    /// Who is to be asked by the words with which a phrase may begin; these were found.
    pub(super) fn phrases(&self, text: &[u8], spans: &mut Spans, told: &mut Told) {
        let Spans { phrases, begun, .. } = spans;
        let (Some(of), Some(cache)) = (&self.phrases, phrases) else { return };
        begun.sort_unstable();
        begun.dedup();
        for at in begun {
            of.ask(text, *at, cache, told);
        }
    }

    /// Where runs of token bytes are in the text that was searched last.
    pub(super) fn runs(spans: &Spans) -> impl Iterator<Item = &Range<usize>> {
        spans.tokens.iter().map(|(_, run)| run)
    }

    /// Who is asked everywhere.
    pub(super) fn always(&self, text: &[u8], told: &mut Told) {
        let all = 0..text.len();
        let everywhere = |rule: &usize| Asked {
            rule: *rule,
            reach: usize::MAX,
            beside: false,
            token: Cluster::default(),
        };
        self.always.iter().map(everywhere).for_each(|asked| told.push(asked.hit(all.clone())));
    }
}
