//! How each rule is looked for: in the way that costs least.

use std::ops::Range;

use memchr::memmem;

use super::Hit;
use super::atoms::Choice;
use super::beside::Needs;
use super::cut::{Cut, Row};
use super::dense::{Cluster, Kind};
use super::marks::{LEAD_MAX, SIGNS};
use super::words::frequency;
use crate::rule::{CONTEXT_AFTER, CONTEXT_BEFORE, Rule};

/// What it takes to look about digits for one rule more, measured by a place in a KiB at which its regex is asked;
const NUMBER_COST: f64 = 0.05;
/// about runs;
const RUN_COST: f64 = 0.04;
/// and at a word, for each time that it is met in a KiB.
const PHRASE_COST: f64 = 0.05;
/// A look at a sign, and at what stands behind it.
const SIGN_COST: f64 = 0.005;
/// How often each of the signs is met in a KiB.
const SIGN_FREQUENCIES: [f64; SIGNS.len()] = [30.0, 8.0, 8.0, 1.0, 1.0];
/// Of so many bytes one stands behind it seldom;
const SECOND_FEW: usize = 24;
/// where it may be one of more, it takes so much more,
const SECOND_MANY_COST: f64 = 6.0;
/// and where of still more, that says nothing.
const SECOND_MAX: usize = 80;
/// What has fewer bytes behind a sign, that too, is met where it says nothing.
const SIGN_BYTES_MIN: usize = 5;
const SIGN_SHORT_COST: f64 = 0.2;
/// Words of three bytes make the search for all others slower, and shorter ones more so.
const SHORT_WORD_COST: f64 = 0.05;
const TINY_WORD_COST: f64 = 1.0;
/// A form that takes no more than this is not taken apart.
const COST_GOOD: f64 = 0.2;
/// Nor is one that takes this cut anywhere else.
const COST_BEST: f64 = 0.02;
/// Into so many at once,
const FORMS_MAX: usize = 24;
/// and these so often again.
const SPLITS_MAX: usize = 4;
/// What is told by its digits has so many bytes,
const NUMBER_BYTES_MIN: usize = 5;
/// and, where something else of the match is before them, so many digits
const DIGITS_MIN: usize = 4;
/// or so many capitals.
const CAPITALS_MIN: usize = 2;

/// How a rule is looked for.
pub(super) enum Route {
    /// By what its matches begin with, one way for each of its forms.
    Begins(Vec<Way>),
    /// By something that they have.
    Has(Direct),
    /// Nothing is known of them.
    Always,
}

/// How one form of a rule is looked for.
#[derive(Debug)]
pub(super) enum Way {
    Number(Cut),
    Run(Cut),
    Sign(Cut),
    Phrase(Cut, Vec<Vec<u8>>),
}

/// A rule that is asked where something was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) rule: usize,
    /// The length of its longest match.
    pub(super) reach: usize,
    /// Whether what was found is in its context, and not in the match.
    pub(super) beside: bool,
    /// The run of token bytes that must be where the match may be.
    pub(super) token: Cluster,
}

impl Route {
    pub(super) fn of(index: usize, rule: &Rule) -> Self {
        let rows = Row::all(rule.regex.hir());
        let ways: Option<Vec<_>> = rows.iter().map(|row| Way::of(row, SPLITS_MAX)).collect();
        let ways = ways.map(|ways| {
            let cost: f64 = ways.iter().map(|(cost, _)| cost).sum();
            (cost, Self::Begins(ways.into_iter().flat_map(|(_, ways)| ways).collect()))
        });
        // What is good is taken as it is: to see all that there is takes longer.
        let good = |(cost, _): &(f64, Self)| *cost <= COST_GOOD;
        let direct = if ways.as_ref().is_some_and(good) { None } else { Direct::of(index, rule) };
        match (ways, direct) {
            (Some((cost, _)), Some(direct)) if direct.cost <= cost => Self::Has(direct),
            (Some((_, begins)), _) => begins,
            (None, Some(direct)) => Self::Has(direct),
            (None, None) => Self::Always,
        }
    }
}

impl Route {
    /// What must be where a rule is asked that is looked for so.
    pub(super) fn needs(&self, rule: &Rule) -> Needs {
        let has_keyword = |word: &Vec<u8>| {
            rule.keywords.iter().any(|keyword| memmem::find(word, keyword.as_bytes()).is_some())
        };
        let is_keyword = |way: &Way| match way {
            Way::Phrase(_, words) => words.iter().all(has_keyword),
            _ => false,
        };
        let by_word = match self {
            Self::Begins(ways) => ways.iter().all(is_keyword),
            Self::Has(direct) if direct.asked.beside => return Needs::Nothing,
            Self::Has(direct) => direct.choice.words_of().next().is_some(),
            Self::Always => false,
        };
        if rule.require_context {
            Needs::Context
        } else if rule.keywords_within && !rule.keywords.is_empty() && !by_word {
            Needs::Keyword
        } else {
            Needs::Nothing
        }
    }
}

impl Way {
    /// The cheapest ways to look for a form of a rule, and what they take together.
    fn of(row: &Row, splits: usize) -> Option<(f64, Vec<Self>)> {
        let whole = Self::of_one(row).map(|(cost, way)| (cost, vec![way]));
        if whole.as_ref().is_some_and(|(cost, _)| *cost <= COST_GOOD) || splits == 0 {
            return whole;
        }
        let forms = row.split(FORMS_MAX).and_then(|rows| {
            let each: Option<Vec<_>> = rows.iter().map(|row| Self::of(row, splits - 1)).collect();
            let add = |(sum, mut all): (f64, Vec<_>), (cost, ways)| {
                all.extend(ways);
                (sum + cost, all)
            };
            Some(each?.into_iter().fold((0.0, Vec::new()), add))
        });
        [whole, forms].into_iter().flatten().min_by(|(one, _), (other, _)| one.total_cmp(other))
    }

    /// The cheapest for all of it. A row is cut further back only where that may be worth it.
    fn of_one(row: &Row) -> Option<(f64, Self)> {
        let mut best: Option<(f64, Self)> = None;
        for cut in row.cuts() {
            let ways = [number(&cut), run(&cut), sign(&cut), phrase(&cut)];
            for (cost, way) in ways.into_iter().flatten() {
                if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                    best = Some((cost, way));
                }
            }
            if best.as_ref().is_some_and(|(cost, _)| *cost <= COST_BEST) {
                break;
            }
        }
        best
    }
}

fn number(cut: &Cut) -> Option<(f64, Way)> {
    let (digits, _) = Cluster::leading(&cut.rest, Kind::Digit, LEAD_MAX)?;
    let capitals =
        || Cluster::leading(&cut.rest, Kind::Capital, LEAD_MAX).map_or(0, |(bytes, _)| bytes);
    let near = cut.shortest() >= NUMBER_BYTES_MIN && !cut.left.has_word();
    let seldom =
        near && (cut.is_whole || digits >= DIGITS_MIN || capitals() >= digits + CAPITALS_MIN);
    seldom.then(|| (NUMBER_COST, Way::Number(cut.clone())))
}

fn run(cut: &Cut) -> Option<(f64, Way)> {
    let (bytes, _) = Cluster::leading(&cut.rest, Kind::Token, LEAD_MAX)?;
    let long = bytes >= Kind::Token.fewest() && !cut.left.has_word();
    let seldom = long && (cut.is_whole || cut.words().is_some());
    seldom.then(|| (RUN_COST, Way::Run(cut.clone())))
}

/// Where it begins with a sign, and what stands behind that is known.
fn sign(cut: &Cut) -> Option<(f64, Way)> {
    let sign = cut.first_bytes().single()?;
    let (_, frequency) = SIGNS.iter().zip(SIGN_FREQUENCIES).find(|(of, _)| **of == sign)?;
    let seconds = cut.second_bytes().len();
    let times = if seconds <= SECOND_FEW { 1.0 } else { SECOND_MANY_COST };
    let short = if cut.shortest() < SIGN_BYTES_MIN { SIGN_SHORT_COST } else { 0.0 };
    (seconds <= SECOND_MAX).then(|| (frequency * SIGN_COST * times + short, Way::Sign(cut.clone())))
}

fn phrase(cut: &Cut) -> Option<(f64, Way)> {
    let words = cut.words()?;
    let cost = frequency(&words) * PHRASE_COST + short(&words);
    Some((cost, Way::Phrase(cut.clone(), words)))
}

/// What it takes that words are short.
fn short(words: &[Vec<u8>]) -> f64 {
    match words.iter().map(Vec::len).min() {
        Some(0..3) => TINY_WORD_COST,
        Some(3) => SHORT_WORD_COST,
        _ => 0.0,
    }
}

/// Looking for a rule by something that is in its matches, or beside them.
pub(super) struct Direct {
    pub(super) choice: Choice,
    pub(super) asked: Asked,
    cost: f64,
}

impl Direct {
    /// `None` where nothing is known of its matches.
    fn of(index: usize, rule: &Rule) -> Option<Self> {
        let token = Cluster::of(rule.regex.hir(), Kind::Token);
        let enough = token.bytes >= Kind::Token.fewest();
        let asked = Asked {
            rule: index,
            reach: rule.regex.hir().properties().maximum_len().unwrap_or(usize::MAX),
            beside: false,
            token: if enough { token } else { Cluster::default() },
        };
        // Where more must be beside a word, few of the places where it stands are asked about.
        let filtered = enough;
        let direct = |choice: Choice, beside: bool| {
            let choice = choice.filtered(filtered);
            let words: Vec<Vec<u8>> = choice.words_of().cloned().collect();
            let cost = choice.frequency + short(&words);
            Self { choice, asked: Asked { beside, ..asked }, cost }
        };
        let own = Choice::of(rule.regex.hir()).map(|choice| direct(choice, false));
        let keywords = (rule.keywords_within && !rule.keywords.is_empty()).then(|| {
            let words = rule.keywords.iter().map(|word| word.clone().into_bytes()).collect();
            direct(Choice::words(words), false)
        });
        let context =
            rule.require_context.then(|| direct(Choice::words(rule.context.written()), true));
        let all = [own, keywords, context].into_iter().flatten();
        all.min_by(|one, other| one.cost.total_cmp(&other.cost))
    }
}

impl Asked {
    /// A match has a part of `part` in it, or stands beside it. Of a run or of digits it may have any part.
    pub(super) fn hit(self, part: Range<usize>) -> Hit {
        let reach = self.reach.saturating_add(part.len());
        Hit {
            rule: self.rule,
            start: part.start,
            end: part.end,
            beside: self.beside,
            back: reach.saturating_add(if self.beside { CONTEXT_AFTER } else { 0 }),
            on: reach.saturating_add(if self.beside { CONTEXT_BEFORE } else { 0 }),
        }
    }
}
