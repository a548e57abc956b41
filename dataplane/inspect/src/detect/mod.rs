//! What no regex finds: characters that nobody sees, and names of a dictionary.

mod names;
mod unseen;

use std::ops::Range;
use std::sync::Arc;

pub(crate) use names::{NameError, Names};
use unseen::Detected;

use crate::limits::Exceeded;
use crate::rule::Rule;
use crate::scan::{Encoding, Finding, Form, Scan, Text, Within};
use crate::structure::{Cell, cell_at, cells};

/// What serves a rule in the place of a regex.
#[derive(Debug, Clone)]
pub(crate) enum Detector {
    /// Characters that nobody sees.
    Unseen(Unseen),
    /// Names of a dictionary.
    Names(Arc<Names>),
}

/// What characters that nobody sees are there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unseen {
    /// ASCII text in the tags of Unicode.
    HiddenTags,
    /// Text that is read in another order than it is written.
    BidiControl,
    /// Characters without width, more than any script has use for.
    ZeroWidthRun,
    /// Bytes in selectors of variations.
    VariationRun,
}

impl Detector {
    const UNSEEN: [Unseen; 4] =
        [Unseen::HiddenTags, Unseen::BidiControl, Unseen::ZeroWidthRun, Unseen::VariationRun];

    /// As a file of rules names it; why it cannot be used, for a person.
    pub(crate) fn from_name(name: &str) -> Result<Self, String> {
        let known = Self::UNSEEN.into_iter().find(|one| one.name() == name);
        known.map(Self::Unseen).ok_or_else(|| {
            let all = Self::UNSEEN.map(Unseen::name).join(", ");
            format!("there is no detector `{name}`; there are: {all}")
        })
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Unseen(unseen) => unseen.name(),
            Self::Names(_) => "names",
        }
    }
}

impl Unseen {
    fn name(self) -> &'static str {
        match self {
            Self::HiddenTags => "hidden-tags",
            Self::BidiControl => "bidi-control",
            Self::ZeroWidthRun => "zero-width-run",
            Self::VariationRun => "variation-run",
        }
    }
}

/// The rules of a set that detectors serve, by their places in it.
#[derive(Debug, Default)]
pub(crate) struct Detectors {
    unseen: Vec<(usize, Unseen)>,
    names: Vec<(usize, Arc<Names>)>,
}

impl Detectors {
    pub(crate) fn of(rules: &[Rule]) -> Self {
        let mut all = Self::default();
        for (index, rule) in rules.iter().enumerate() {
            match &rule.detector {
                Some(Detector::Unseen(unseen)) => all.unseen.push((index, *unseen)),
                Some(Detector::Names(names)) => all.names.push((index, Arc::clone(names))),
                None => {}
            }
        }
        all
    }
}

impl Scan<'_> {
    /// Asks the detectors in a text that was looked into.
    pub(crate) fn detect(&mut self, index: usize, form: Form) -> Result<(), Exceeded> {
        let Detectors { unseen, names } = &self.inspector.detectors;
        for (rule, names) in names {
            self.names(index, *rule, names);
        }
        let any = |text: &Text| !text.layer.unseen().is_empty();
        if unseen.is_empty() || !self.scratch.texts.get(index).is_some_and(any) {
            return Ok(());
        }
        let most = self.inspector.limits.unseen;
        let too_many = |text: &Text| text.layer.unseen().len() > most;
        if self.scratch.texts.get(index).is_some_and(too_many) {
            return Err(Exceeded::Count { what: "characters that nobody sees", most });
        }
        self.unseen(index, form)
    }

    fn names(&mut self, index: usize, rule: usize, names: &Names) {
        let Some(text) = self.scratch.texts.get(index) else { return };
        for secret in names.found(text.bytes(self.message)) {
            self.found(rule, index, secret, false);
        }
    }

    /// What nobody sees of a text becomes a text of its own, beside it; what it stands for is one within that.
    fn unseen(&mut self, index: usize, form: Form) -> Result<(), Exceeded> {
        let Some(of) = self.scratch.texts.get(index) else { return Ok(()) };
        let within = of.within.clone();
        let mut all: Vec<Cell> = Vec::new();
        if within.is_none() && form == Form::Json {
            cells(self.message, &mut all);
        }
        let value = |from: usize| cell_at(&all, from).map_or(0, Cell::start);
        let characters = of.layer.unseen();
        let detected = unseen::detected(of.layer.text(), characters, value);
        let asked = |one: &Detected| {
            self.inspector.detectors.unseen.iter().any(|(_, unseen)| *unseen == one.unseen)
        };
        let detected: Vec<Detected> = detected.into_iter().filter(asked).collect();
        let Some(first) = detected.first().and_then(|one| characters.get(one.part.start)) else {
            return Ok(());
        };
        let characters = characters.to_vec();
        let mut beside = self.text(within, first.from);
        // Where in that text each of the characters is.
        let mut places: Vec<Range<usize>> = vec![0..0; characters.len()];
        for one in &detected {
            for at in one.part.clone() {
                let (Some(character), Some(place)) = (characters.get(at), places.get_mut(at))
                else {
                    continue;
                };
                if place.end == 0 {
                    *place = beside.layer.place(character);
                }
            }
        }
        let number = self.put(beside)?;
        for Detected { unseen, part } in detected {
            let (Some(first), Some(last)) = (places.get(part.start), places.get(part.end - 1))
            else {
                continue;
            };
            let secret = first.start..last.end;
            let rules = &self.inspector.detectors.unseen;
            for (rule, _) in rules.iter().filter(|(_, of)| *of == unseen) {
                self.found(*rule, number, secret.clone(), false);
            }
            self.hidden(
                number,
                unseen,
                part.clone().filter_map(|at| {
                    Some((characters.get(at)?.character, places.get(at)?.clone()))
                }),
            )?;
        }
        Ok(())
    }

    /// What a run stands for, as a text within it.
    fn hidden(
        &mut self,
        number: usize,
        unseen: Unseen,
        characters: impl Iterator<Item = (char, Range<usize>)>,
    ) -> Result<(), Exceeded> {
        let within = Within { text: number, encoding: Encoding::Unseen };
        let mut text: Option<Text> = None;
        for (character, place) in characters {
            let Some(byte) = unseen.byte(character) else { continue };
            let text = text.get_or_insert_with(|| self.text(Some(within.clone()), place.start));
            text.layer.pass_to(place.start);
            text.layer.decoded(&[byte], place.len());
        }
        if let Some(text) = text {
            self.put(text)?;
        }
        Ok(())
    }

    fn found(&mut self, rule: usize, text: usize, secret: Range<usize>, in_context: bool) {
        let source = self.source_of(text, secret.clone());
        self.scratch.findings.push(Finding { rule, source, text, secret, in_context });
    }
}
