//! Looking into a message.

use std::ops::Range;

use memchr::memchr;

use crate::ask;
use crate::confirm::Match;
use crate::detect::Detectors;
use crate::engine::{Engine, EngineKind, EngineScratch, Hit};
use crate::layer::base64::{Alphabet, without_path};
use crate::layer::wide::Order;
use crate::layer::{Layer, folded, unescape, without_halves};
use crate::limits::{Budget, Exceeded, Limits, SPENT_BYTES_MIN};
use crate::rule::{Rule, RuleSet};
use crate::structure::{Cell, cells, is_read_as_json, may_be_json};

/// A thread's scratch keeps so many texts from one message to the next,
const TEXTS_KEPT: usize = 8;
/// and so much memory for each.
const KEPT_BYTES_MAX: usize = 1 << 20;
/// A scratch that has grown beyond this, beside what its engine has, is not kept.
const SCRATCH_BYTES_MAX: usize = 16 << 20;

/// Rules, prepared: one for all threads.
pub struct Inspector {
    /// The rules, and behind them what the heads of columns are sought by.
    set: RuleSet,
    count: usize,
    pub(crate) engine: Engine,
    pub(crate) detectors: Detectors,
    pub(crate) limits: Limits,
}

/// A thread's memory for looking into messages.
pub struct Scratch {
    pub(crate) engine: EngineScratch,
    hits: Vec<Hit>,
    cells: Vec<Cell>,
    pub(crate) texts: Vec<Text>,
    pub(crate) findings: Vec<Finding>,
    /// Places in the heads of tables whose columns say something, of the message itself.
    pub(crate) heads: Vec<usize>,
    /// Bytes that regexes have searched in the last message.
    pub(crate) searched: usize,
    /// Whether that was so large that its memory is not to be kept for the next.
    large: bool,
}

/// A text that is looked into: the message as its reader sees it, or what stands encoded in that.
#[derive(Debug, Default)]
pub(crate) struct Text {
    pub(crate) layer: Layer,
    /// The message's own bytes are the text.
    verbatim: bool,
    pub(crate) within: Option<Within>,
}

/// Where a text comes from.
#[derive(Debug, Clone)]
pub(crate) struct Within {
    /// Which text it stands in.
    pub(crate) text: usize,
    pub(crate) encoding: Encoding,
}

/// How a text stands in another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// With the escapes of JSON.
    Escaped,
    /// URL-encoded.
    Percent,
    /// In base64, as this run.
    Base64 { run: Range<usize>, alphabet: Alphabet },
    /// With characters that nobody sees, or that look like others.
    Folded,
    /// In characters that nobody sees.
    Unseen,
    /// With marks around characters or in their place.
    Marked,
    /// In UTF-16.
    Wide(Order),
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Finding {
    /// The rule's place in the set.
    pub(crate) rule: usize,
    /// Where in the message it stands: whole escapes, of base64 whole groups.
    pub(crate) source: Range<usize>,
    /// Where in which text.
    pub(crate) text: usize,
    pub(crate) secret: Range<usize>,
    pub(crate) in_context: bool,
}

/// What a message's bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// JSON: no match goes over from one value to another.
    Json,
    /// Anything else.
    Text,
}

impl Form {
    /// What bytes are of which nothing is said: JSON is an object, an array or a string, and all of it; a number by
    /// itself and what only begins like JSON are text.
    pub fn of(message: &[u8]) -> Self {
        if may_be_json(message) && is_read_as_json(message) { Self::Json } else { Self::Text }
    }
}

impl Inspector {
    /// Prepares rules with an engine. Why that engine cannot be used, for a person.
    pub fn new(mut set: RuleSet, kind: EngineKind, limits: Limits) -> Result<Self, String> {
        let count = set.rules().len();
        set.push(Rule::of_heads(set.rules())?);
        let engine = Engine::new(kind, set.rules())?;
        // Each thread finds it there.
        engine.scratch()?;
        let detectors = Detectors::of(set.rules());
        Ok(Self { set, count, engine, detectors, limits })
    }

    /// The same rules with another engine.
    pub fn on(mut self, kind: EngineKind) -> Result<Self, String> {
        self.set.pop();
        Self::new(self.set, kind, self.limits)
    }

    /// The rules.
    pub fn rules(&self) -> &[Rule] {
        self.set.rules().get(..self.count).unwrap_or_default()
    }

    /// The engine that does the search.
    pub fn engine(&self) -> EngineKind {
        self.engine.kind()
    }

    /// What looking into one message may take.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What a thread needs.
    pub fn scratch(&self) -> Result<Scratch, Exceeded> {
        Ok(Scratch {
            engine: self.engine.scratch().map_err(Exceeded::Engine)?,
            hits: Vec::new(),
            cells: Vec::new(),
            texts: Vec::new(),
            findings: Vec::new(),
            heads: Vec::new(),
            searched: 0,
            large: false,
        })
    }

    /// The rule of a finding.
    pub fn rule(&self, finding: &Finding) -> Option<&Rule> {
        self.rules().get(finding.rule)
    }

    /// Of findings that overlap, the one whose rule comes first in the set, and of one rule's the longest: what a
    /// person is told of them.
    pub fn distinct<'f>(&self, findings: &'f [Finding]) -> impl Iterator<Item = &'f Finding> {
        self.groups(findings).map(|(told, _)| told)
    }

    /// The same with all that it is told of.
    pub fn groups<'f>(
        &self,
        mut findings: &'f [Finding],
    ) -> impl Iterator<Item = (&'f Finding, &'f [Finding])> {
        std::iter::from_fn(move || {
            let mut end = findings.first()?.source.end;
            // Of which each meets the next.
            let meets = |next: &&Finding| {
                let meets = next.source.start < end;
                end = end.max(next.source.end);
                meets
            };
            let count = 1 + findings.iter().skip(1).take_while(meets).count();
            let (group, rest) = findings.split_at_checked(count)?;
            findings = rest;
            let rank = |one: &&Finding| (one.rule, std::cmp::Reverse(one.source.len()));
            Some((group.iter().min_by_key(rank)?, group))
        })
    }

    /// All that is found in a message, in the order in which it stands there; of two that overlap both.
    pub fn scan<'s>(
        &self,
        message: &[u8],
        form: Form,
        scratch: &'s mut Scratch,
    ) -> Result<&'s [Finding], Exceeded> {
        if message.len() > self.limits.message_bytes {
            let most = self.limits.message_bytes;
            return Err(Exceeded::Bytes { bytes: message.len(), most });
        }
        self.trim(scratch)?;
        scratch.findings.clear();
        scratch.heads.clear();
        let mut scan = Scan {
            inspector: self,
            message,
            left: message
                .len()
                .saturating_mul(self.limits.decoded_times)
                .saturating_add(SPENT_BYTES_MIN),
            budget: Budget::of(&self.limits, message.len()),
            texts: 0,
            scratch,
        };
        let done = scan.every_text(form);
        let (texts, searched) = (scan.texts, scan.budget.spent());
        scratch.searched = searched;
        scratch.large = message.len() > KEPT_BYTES_MAX || scratch.bytes() > SCRATCH_BYTES_MAX;
        scratch.texts.truncate(texts.max(TEXTS_KEPT));
        done?;
        let findings = &mut scratch.findings;
        findings.sort_by_key(|one| (one.source.start, one.source.end, one.rule, one.text));
        findings.dedup_by(|next, kept| next.rule == kept.rule && next.source == kept.source);
        Ok(findings)
    }

    /// Gives back what a large message took, and forgets what was found in it; if not now, the next message does.
    pub fn trim(&self, scratch: &mut Scratch) -> Result<(), Exceeded> {
        if scratch.large {
            *scratch = self.scratch()?;
        }
        Ok(())
    }
}

pub(crate) struct Scan<'a> {
    pub(crate) inspector: &'a Inspector,
    pub(crate) message: &'a [u8],
    /// Bytes that may still be decoded,
    left: usize,
    /// and searched.
    budget: Budget,
    /// How many of the scratch's texts are of this message.
    texts: usize,
    pub(crate) scratch: &'a mut Scratch,
}

impl Scan<'_> {
    /// Looks into the message, and into what stands encoded in it.
    fn every_text(&mut self, form: Form) -> Result<(), Exceeded> {
        self.outermost(form)?;
        let mut next = 0;
        let mut depth_ends = self.texts;
        let mut depth = 0;
        while next < self.texts {
            if next == depth_ends {
                depth += 1;
                depth_ends = self.texts;
            }
            self.look(next, form)?;
            self.detect(next, form)?;
            self.limited()?;
            if depth < self.inspector.limits.depth {
                self.texts_within(next)?;
            }
            next += 1;
        }
        Ok(())
    }

    /// A text to fill.
    pub(crate) fn text(&mut self, within: Option<Within>, from: usize) -> Text {
        let mut text =
            self.scratch.texts.get_mut(self.texts).map(std::mem::take).unwrap_or_default();
        text.layer.reset(from, KEPT_BYTES_MAX);
        text.verbatim = false;
        text.within = within;
        text
    }

    /// Which one it becomes.
    pub(crate) fn put(&mut self, text: Text) -> Result<usize, Exceeded> {
        let Inspector { limits, .. } = self.inspector;
        let bytes = text.layer.text().len();
        match self.scratch.texts.get_mut(self.texts) {
            Some(place) => *place = text,
            None => self.scratch.texts.push(text),
        }
        self.texts += 1;
        if self.texts > limits.texts {
            return Err(Exceeded::Count { what: "texts within texts", most: limits.texts });
        }
        let most = self.message.len().saturating_mul(limits.decoded_times);
        let what = "bytes in texts within texts";
        self.left = self.left.checked_sub(bytes).ok_or(Exceeded::Count { what, most })?;
        Ok(self.texts - 1)
    }

    /// Where in the message a span of a text came from.
    pub(crate) fn source_of(&self, text: usize, span: Range<usize>) -> Range<usize> {
        source_of(&self.scratch.texts, text, span)
    }

    fn outermost(&mut self, form: Form) -> Result<(), Exceeded> {
        let message = self.message;
        let mut text = self.text(None, 0);
        let escaped = form == Form::Json && memchr(b'\\', message).is_some();
        match form {
            _ if message.is_ascii() && !escaped => text.verbatim = true,
            Form::Json => unescape(message, &mut text.layer),
            Form::Text => folded(message, &mut text.layer),
        }
        self.put(text).map(drop)
    }

    /// Asks every rule that may match in a text.
    fn look(&mut self, index: usize, form: Form) -> Result<(), Exceeded> {
        let Inspector { engine, limits, count, .. } = self.inspector;
        let rules = self.inspector.rules();
        let Scratch { engine: memory, hits, texts, cells: all, findings, heads, .. } =
            &mut *self.scratch;
        let Some(of) = texts.get(index) else { return Ok(()) };
        let bytes = of.bytes(self.message);
        engine.hits(bytes, memory, hits, limits.hits, &mut self.budget)?;
        let clipped = of.within.is_none() && form == Form::Json;
        if clipped && !hits.is_empty() {
            cells(self.message, all);
        }
        let text = ask::Text {
            message: self.message,
            bytes,
            layer: (!of.verbatim).then_some(&of.layer),
            cells: clipped.then_some(all.as_slice()),
        };
        let mut found = |rule: usize, Match { secret, in_context, .. }: Match| {
            // What stands between two parts is not of it.
            if of.layer.is_over_parts(&secret) {
                return;
            }
            let mut secret = without_halves(bytes, secret);
            if let Some(Within { encoding: Encoding::Base64 { .. }, .. }) = of.within {
                secret = without_path(bytes, secret);
            }
            let source = source_of(texts, index, secret.clone());
            findings.push(Finding { rule, source, text: index, secret, in_context });
        };
        // They are in the order of their rules.
        let (hits, words) = hits.split_at(hits.partition_point(|hit| hit.rule < *count));
        text.ask(rules, hits, &mut self.budget, &mut found)?;
        let inner = &mut Vec::new();
        let heads = if of.within.is_none() { heads } else { inner };
        text.ask_columns(engine, rules, words, &mut self.budget, heads, &mut found)
    }

    fn limited(&self) -> Result<(), Exceeded> {
        let most = self.inspector.limits.findings;
        if self.scratch.findings.len() > most {
            return Err(Exceeded::Count { what: "matches", most });
        }
        Ok(())
    }
}

/// Where in the message a span of a text came from.
fn source_of(texts: &[Text], mut index: usize, mut span: Range<usize>) -> Range<usize> {
    while let Some(text) = texts.get(index) {
        span = text.source(span);
        match &text.within {
            Some(within) => index = within.text,
            None => break,
        }
    }
    span
}

impl Text {
    /// Where in what it was read from a span of it stands.
    pub(crate) fn source(&self, span: Range<usize>) -> Range<usize> {
        if self.verbatim { span } else { self.layer.source(span) }
    }

    /// Its bytes, of the message that was looked into.
    pub(crate) fn bytes<'t>(&'t self, message: &'t [u8]) -> &'t [u8] {
        if self.verbatim { message } else { self.layer.text() }
    }
}

impl Finding {
    /// The bytes of the message in which it stands: whole escapes, and of base64 whole groups.
    pub fn source(&self) -> Range<usize> {
        self.source.clone()
    }

    /// Whether a word of the rule's context stands beside it.
    pub fn in_context(&self) -> bool {
        self.in_context
    }
}

impl Scratch {
    /// What it has allocated, beside what its engine has.
    pub(crate) fn bytes(&self) -> usize {
        let texts: usize =
            self.texts.iter().map(|text| text.layer.bytes() + size_of::<Text>()).sum();
        texts
            + self.hits.capacity() * size_of::<Hit>()
            + self.cells.capacity() * size_of::<Cell>()
            + self.findings.capacity() * size_of::<Finding>()
            + self.heads.capacity() * size_of::<usize>()
    }

    /// What of the message has to be there at once where a finding is cut out: of base64 the whole run, which is
    /// written anew where it is in lines.
    pub(crate) fn extent(&self, finding: &Finding) -> Range<usize> {
        let mut span = finding.secret.clone();
        let mut index = finding.text;
        while let Some(text) = self.texts.get(index) {
            span = text.source(span);
            match &text.within {
                Some(Within { text: outer, encoding }) => {
                    if let Encoding::Base64 { run, .. } = encoding {
                        span = run.clone();
                    }
                    index = *outer;
                }
                None => break,
            }
        }
        span
    }

    /// What was found, as its reader sees it; of the last message that was looked into, which is given again.
    pub fn secret<'t>(&'t self, message: &'t [u8], finding: &Finding) -> &'t [u8] {
        let text = self.texts.get(finding.text);
        let bytes = text.map(|text| text.bytes(message)).unwrap_or_default();
        bytes.get(finding.secret.clone()).unwrap_or_default()
    }
}
