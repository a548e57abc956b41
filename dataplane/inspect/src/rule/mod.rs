//! Rules: what is looked for, and when what looks like it is not it.

mod allow;
mod built_in;
mod change;
mod context;
mod dialect;
mod entropy;
mod error;
mod file;
mod gap;
mod pattern;
mod set;
mod shape;

use std::collections::BTreeSet;
use std::sync::Arc;

pub(crate) use allow::{Allowlist, Matched};
pub use built_in::Tuning;
use context::ways;
pub(crate) use context::{CONTEXT_AFTER, CONTEXT_BEFORE, Context, begins_alone, stands_alone};
pub(crate) use entropy::bits_per_byte;
pub use error::{Fault, RuleError};
pub(crate) use pattern::{Group, Pattern, Window};
pub use set::{RULES_MAX, RuleSet};

use crate::class::Class;
use crate::detect::Detector;
use crate::policy::{Action, Side};
use crate::validate::Validator;

/// Shorter words stand in too many others to be sought as heads of columns,
const HEAD_BYTES_MIN: usize = 4;
/// but for these, where one of these is before them,
const HEADS_SHORT: [&str; 9] = ["bsn", "cnp", "cpf", "cpr", "dob", "egn", "nhs", "oib", "ssn"];
const HEADS_BEGIN: [&str; 11] = [",", ";", "\t", "|", " ", "(", "\"", "'", "`", "_", "\n"];
/// or, as the first of a text is behind nothing, one of these behind.
const HEADS_END: [&str; 6] = [",", ";", "\t", "|", " ", "_"];
/// And these say too little.
const HEADS_COMMON: [&str; 7] =
    ["address", "account", "sender", "recipient", "said", "number", "owner"];

/// What is looked for.
#[derive(Debug)]
pub struct Rule {
    /// Unique in its set, as `github-oauth-token`.
    pub id: String,
    /// The file that it stands in, and the line of its id there, from 1; nothing of one that penstock brings.
    pub place: Option<(Arc<str>, usize)>,
    /// What it finds, for a person.
    pub description: String,
    /// What kind of thing that is; actions are chosen by it.
    pub class: Class,
    /// What serves it in the place of a regex, which is then empty.
    pub(crate) detector: Option<Detector>,
    pub(crate) regex: Pattern,
    /// What of a match is the secret.
    pub(crate) group: Group,
    /// Of these one is in every match, with letters of ASCII in either case; none where nothing is known of it.
    pub keywords: Vec<String>,
    /// Whether a keyword stands within the match itself, as in the built-in rules; in gitleaks' it may stand
    /// anywhere in the text.
    pub(crate) keywords_within: bool,
    /// Bits a byte that the secret must have.
    pub entropy: Option<f64>,
    /// What is not it although it looks like it.
    pub(crate) allowlists: Vec<Arc<Allowlist>>,
    /// What must hold of the secret beside its form.
    pub validator: Option<Validator>,
    /// Words around it that make it more likely.
    pub(crate) context: Context,
    /// Whether one of them must be there.
    pub require_context: bool,
    /// What becomes of what it finds where the operator says nothing, and in messages that go which way; `None` is
    /// both.
    pub action: Option<(Action, Option<Side>)>,
    /// Whether a match may go over several members of one object of JSON, or elements of one array; its secret is in
    /// one of them.
    pub(crate) across_values: bool,
    /// Texts in which it is found, and in which it is not; held by `penstock rules test`.
    pub examples: Vec<String>,
    /// Texts in which it is not found.
    pub counterexamples: Vec<String>,
}

impl Rule {
    /// The regex as it was written; empty where a [detector](Self::detector) serves the rule.
    pub fn pattern(&self) -> &str {
        self.regex.source()
    }

    /// Whether penstock brings it.
    pub fn is_built_in(&self) -> bool {
        self.place.is_none()
    }

    /// What finds it in the place of a regex, by its name.
    pub fn detector(&self) -> Option<&'static str> {
        self.detector.as_ref().map(Detector::name)
    }

    /// One that a detector serves. No engine looks for it, as it asks for one of no words beside it.
    pub(crate) fn detected(id: String, class: Class, detector: Detector) -> Result<Self, String> {
        let regex = Pattern::parse("")?;
        Ok(Self { detector: Some(detector), require_context: true, ..Self::new(id, class, regex) })
    }

    /// One that asks for nothing but its regex.
    fn new(id: String, class: Class, regex: Pattern) -> Self {
        Self {
            action: None,
            id,
            place: None,
            description: String::new(),
            class,
            detector: None,
            regex,
            group: Group::First,
            keywords: Vec::new(),
            keywords_within: false,
            entropy: None,
            allowlists: Vec::new(),
            validator: None,
            context: Context::default(),
            require_context: false,
            across_values: false,
            examples: Vec::new(),
            counterexamples: Vec::new(),
        }
    }

    /// What the heads of columns are sought by: words of the contexts without which some of `rules` find nothing. No
    /// match of it is asked for.
    pub(crate) fn of_heads(rules: &[Self]) -> Result<Self, String> {
        let told = |rule: &&Self| {
            let seldom = !matches!(rule.class, Class::Address | Class::Card);
            rule.require_context && rule.detector.is_none() && seldom
        };
        let words = rules.iter().filter(told).flat_map(|rule| rule.context.words().iter());
        let mut sought = BTreeSet::new();
        for word in words {
            if HEADS_SHORT.contains(&word.as_str()) {
                sought.extend(HEADS_BEGIN.map(|begin| format!("{begin}{word}")));
                sought.extend(HEADS_END.map(|end| format!("{word}{end}")));
            } else if word.len() >= HEAD_BYTES_MIN && !HEADS_COMMON.contains(&word.as_str()) {
                sought.extend(ways(word));
            }
        }
        let regex = Pattern::parse("")?;
        let context = Context::verbatim(sought.into_iter().collect());
        let class = Class::Secret;
        let mut rule = Self::new(String::new(), class, regex);
        rule.context = context;
        rule.require_context = true;
        Ok(rule)
    }

    /// Why its regex cannot be compiled, for a person; it is found out without doing that.
    fn too_large(&self) -> Option<String> {
        self.regex.too_large()
    }

    /// No match is shorter.
    pub(crate) fn bytes_min(&self) -> usize {
        self.regex.hir().properties().minimum_len().unwrap_or(0)
    }

    /// No match is longer; `None` where there is no longest.
    pub(crate) fn bytes_max(&self) -> Option<usize> {
        self.regex.hir().properties().maximum_len()
    }

    fn wrong(&self, file: &str, what: &str) -> Fault {
        let line = self.place.as_ref().map_or(1, |(_, line)| *line);
        Fault::of_line(file, line, format!("rule `{}`: {what}", self.id))
    }
}
