//! What a file changes of a rule that it extends: as gitleaks has it, one of the same id and without a regex.

use std::sync::Arc;

use super::{Allowlist, Context, Group, Rule};
use crate::class::Class;
use crate::policy::{Action, Side};
use crate::validate::Validator;

/// What it says; the rest of the rule stays.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) id: String,
    /// The line of its id.
    pub(super) line: usize,
    pub(super) description: String,
    pub(super) class: Option<Class>,
    pub(super) secret_group: usize,
    /// Beside those that the rule has.
    pub(super) keywords: Vec<String>,
    pub(super) entropy: Option<f64>,
    /// Beside those that the rule has.
    pub(super) allowlists: Vec<Arc<Allowlist>>,
    pub(super) validator: Option<Validator>,
    pub(super) context: Vec<String>,
    pub(super) require_context: bool,
    pub(super) action: Option<(Action, Option<Side>)>,
    pub(super) across_values: bool,
    pub(super) examples: Vec<String>,
    pub(super) counterexamples: Vec<String>,
}

impl Change {
    /// Why it cannot be, for a person.
    pub(super) fn to(self, rule: &mut Rule) -> Result<(), String> {
        let changes = self.is_of_a_regex();
        if rule.detector.is_some() && changes {
            return Err(
                "it changes a rule with a `detector`, of which only `description`, `class`, `action`, `direction` and \
                 examples can be changed"
                    .into(),
            );
        }
        if !self.description.is_empty() {
            rule.description = self.description;
        }
        rule.class = self.class.unwrap_or(rule.class);
        if self.secret_group > 0 {
            rule.group = group(self.secret_group, rule.regex.hir())?;
        }
        rule.keywords.extend(self.keywords);
        rule.entropy = self.entropy.or(rule.entropy);
        rule.allowlists.extend(self.allowlists);
        rule.validator = self.validator.or(rule.validator);
        if !self.context.is_empty() {
            rule.context = Context::new(self.context);
        }
        rule.require_context |= self.require_context;
        if rule.require_context && rule.detector.is_none() && rule.context.words().is_empty() {
            return Err("`requireContext` without words in `context`: it would find nothing".into());
        }
        rule.action = self.action.or(rule.action);
        rule.across_values |= self.across_values;
        if changes {
            // What a rule found before says nothing of what it finds now.
            rule.examples.clear();
            rule.counterexamples.clear();
        }
        rule.examples.extend(self.examples);
        rule.counterexamples.extend(self.counterexamples);
        Ok(())
    }

    /// The keys whose values take the place of the rule's own, and what they say.
    pub(super) fn settings(&self) -> impl Iterator<Item = (&'static str, String)> {
        fn said(value: impl std::fmt::Debug) -> String {
            format!("{value:?}")
        }
        let Self { description, class, secret_group, entropy, validator, context, action, .. } =
            self;
        [
            ("description", (!description.is_empty()).then(|| said(description))),
            ("class", class.map(said)),
            ("secretGroup", (*secret_group > 0).then(|| said(secret_group))),
            ("entropy", entropy.map(said)),
            ("validator", validator.map(said)),
            ("context", (!context.is_empty()).then(|| said(context))),
            ("action", action.map(said)),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)))
    }

    /// Whether it says what only a file for penstock does.
    pub(super) fn is_of_penstock(&self) -> bool {
        self.class.is_some()
            || self.action.is_some()
            || self.validator.is_some()
            || !self.context.is_empty()
            || self.require_context
            || self.across_values
            || !self.examples.is_empty()
            || !self.counterexamples.is_empty()
    }

    fn is_of_a_regex(&self) -> bool {
        self.secret_group > 0
            || !self.keywords.is_empty()
            || self.entropy.is_some()
            || !self.allowlists.is_empty()
            || self.validator.is_some()
            || !self.context.is_empty()
            || self.require_context
            || self.across_values
    }
}

/// The group of a regex that is the secret; 0 is the first that takes part.
fn group(number: usize, hir: &regex_syntax::hir::Hir) -> Result<Group, String> {
    let groups = hir.properties().explicit_captures_len();
    match number {
        0 => Ok(Group::First),
        _ if number > groups => {
            let s = if groups == 1 { "" } else { "s" };
            Err(format!("`secretGroup` is {number}, and its regex has {groups} group{s}"))
        }
        _ => Ok(Group::Number(number)),
    }
}
