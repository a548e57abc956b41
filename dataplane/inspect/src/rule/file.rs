//! A file of rules: TOML in gitleaks' form, with members of our own beside.
//!
//! <https://github.com/gitleaks/gitleaks#configuration> is the form. What in it is about files and commits
//! says nothing of a message: it is read, so that such files load as they are, and not used.

use std::sync::Arc;

use serde::Deserialize;

use super::allow::{Allowlist, Target};
use super::{Context, Group, Pattern, Rule, RuleError};
use crate::class::Class;
use crate::detect::Detector;
use crate::policy::{Action, Side};
use crate::validate::Validator;

/// A whole file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct File {
    #[serde(default, rename = "title")]
    _title: Option<String>,
    #[serde(default, rename = "description")]
    _description: Option<String>,
    #[serde(default, rename = "minVersion")]
    _min_version: Option<String>,
    #[serde(default)]
    pub(super) extend: Extend,
    #[serde(default)]
    rules: Vec<RuleForm>,
    /// For every rule of the file.
    #[serde(default)]
    allowlist: Option<AllowForm>,
    /// For every rule of the file, or those that one names.
    #[serde(default)]
    allowlists: Vec<AllowForm>,
}

/// What else holds beside a file's own rules.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Extend {
    /// The built-in rules too.
    #[serde(default)]
    pub(super) use_default: bool,
    /// Another file too.
    #[serde(default)]
    pub(super) path: Option<String>,
    /// Of those, not these.
    #[serde(default)]
    pub(super) disabled_rules: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RuleForm {
    id: String,
    #[serde(default)]
    description: String,
    /// A rule without one is about a file's path.
    #[serde(default)]
    regex: Option<String>,
    #[serde(default, rename = "path")]
    _path: Option<String>,
    #[serde(default)]
    secret_group: usize,
    #[serde(default)]
    entropy: Option<f64>,
    #[serde(default)]
    keywords: Vec<String>,
    #[serde(default, rename = "tags")]
    _tags: Vec<String>,
    #[serde(default, rename = "skipReport")]
    _skip_report: bool,
    #[serde(default)]
    allowlist: Option<AllowForm>,
    #[serde(default)]
    allowlists: Vec<AllowForm>,

    #[serde(default)]
    class: Option<Class>,
    #[serde(default)]
    detector: Option<String>,
    #[serde(default)]
    validator: Option<String>,
    #[serde(default)]
    context: Vec<String>,
    #[serde(default)]
    require_context: bool,
    #[serde(default)]
    action: Option<String>,
    #[serde(default)]
    direction: Option<String>,
    #[serde(default)]
    across_values: bool,
    #[serde(default)]
    examples: Vec<String>,
    #[serde(default)]
    counterexamples: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AllowForm {
    #[serde(default, rename = "description")]
    _description: Option<String>,
    #[serde(default, rename = "id")]
    _id: Option<String>,
    #[serde(default)]
    condition: Condition,
    #[serde(default)]
    regex_target: TargetForm,
    #[serde(default)]
    regexes: Vec<String>,
    #[serde(default)]
    stopwords: Vec<String>,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    commits: Vec<String>,
    /// Of one for the whole file: the rules that it is for.
    #[serde(default)]
    target_rules: Vec<String>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Condition {
    #[default]
    #[serde(alias = "or", alias = "OR", alias = "||", alias = "any")]
    Any,
    #[serde(alias = "and", alias = "AND", alias = "&&", alias = "all")]
    All,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum TargetForm {
    #[default]
    #[serde(alias = "")]
    Secret,
    Match,
    Line,
}

impl File {
    pub(super) fn parse(name: &str, text: &str) -> Result<Self, RuleError> {
        toml::from_str(text)
            .map_err(|error| RuleError::Form { file: name.to_owned(), message: error.to_string() })
    }

    /// The rules as they are used; each says what is wrong with it, if something is.
    pub(super) fn rules(self, name: &str) -> Result<Vec<Rule>, RuleError> {
        let of_file = |what| RuleError::Form { file: name.to_owned(), message: what };
        let mut everywhere = Vec::new();
        for form in self.allowlist.into_iter().chain(self.allowlists) {
            let rules = form.target_rules.clone();
            everywhere.extend(form.allowlist().map_err(of_file)?.map(|one| (rules, Arc::new(one))));
        }
        let mut rules = Vec::with_capacity(self.rules.len());
        for (index, form) in self.rules.into_iter().enumerate() {
            let id = if form.id.is_empty() { format!("#{}", index + 1) } else { form.id.clone() };
            let wrong =
                |what: String| RuleError::Rule { file: name.to_owned(), rule: id.clone(), what };
            if let Some(rule) = form.rule(&everywhere).map_err(wrong)? {
                rules.push(rule);
            }
        }
        Ok(rules)
    }
}

impl RuleForm {
    /// `None` of a rule about paths, which messages do not have.
    fn rule(
        mut self,
        everywhere: &[(Vec<String>, Arc<Allowlist>)],
    ) -> Result<Option<Rule>, String> {
        if self.id.is_empty() {
            return Err("it has no `id`".into());
        }
        let action = self.action()?;
        if let Some(name) = self.detector.take() {
            return Ok(Some(Rule { action, ..self.detected(&name)? }));
        }
        let Some(pattern) = self.regex else { return Ok(None) };
        let (regex, hir) = Pattern::parse(&pattern)?;
        let groups = hir.properties().explicit_captures_len();
        if self.secret_group > groups {
            let s = if groups == 1 { "" } else { "s" };
            let group = self.secret_group;
            return Err(format!("`secretGroup` is {group}, and its regex has {groups} group{s}"));
        }
        let validator = match self.validator {
            None => None,
            Some(name) => Some(Validator::from_name(&name).ok_or_else(|| {
                let known: Vec<_> = Validator::ALL.iter().map(|one| one.name()).collect();
                format!("there is no validator `{name}`; there are: {}", known.join(", "))
            })?),
        };
        if self.require_context && self.context.is_empty() {
            return Err("`requireContext` without words in `context`: it would find nothing".into());
        }
        let own = self.allowlist.into_iter().chain(self.allowlists);
        let mut allowlists = Vec::new();
        for form in own {
            allowlists.extend(form.allowlist()?.map(Arc::new));
        }
        let of_file =
            everywhere.iter().filter(|(rules, _)| rules.is_empty() || rules.contains(&self.id));
        allowlists.extend(of_file.map(|(_, allowlist)| Arc::clone(allowlist)));
        let lower = |words: Vec<String>| words.iter().map(|word| word.to_lowercase()).collect();
        Ok(Some(Rule {
            id: self.id,
            description: self.description,
            class: self.class.unwrap_or(Class::Secret),
            detector: None,
            regex,
            hir,
            group: match self.secret_group {
                0 => Group::First,
                number => Group::Number(number),
            },
            keywords: lower(self.keywords),
            keywords_within: false,
            entropy: self.entropy,
            allowlists,
            validator,
            // Words are looked for in either case of ASCII, and others as they are written.
            context: Context::new(
                self.context.iter().map(|word| word.to_ascii_lowercase()).collect(),
            ),
            require_context: self.require_context,
            action,
            across_values: self.across_values,
            examples: self.examples,
            counterexamples: self.counterexamples,
        }))
    }
}

impl RuleForm {
    fn action(&self) -> Result<Option<(Action, Option<Side>)>, String> {
        let side = self.direction.as_deref().map(|name| {
            Side::from_name(name).ok_or_else(|| {
                let known = Side::ALL.map(Side::name).join(", ");
                format!("there is no direction `{name}`; there are: {known}")
            })
        });
        let side = side.transpose()?;
        let Some(name) = &self.action else {
            return match side {
                None => Ok(None),
                Some(_) => Err("`direction` without `action`: it says nothing by itself".into()),
            };
        };
        let action = Action::from_name(name).ok_or_else(|| {
            let known = Action::ALL.map(Action::name).join(", ");
            format!("there is no action `{name}`; there are: {known}")
        })?;
        Ok(Some((action, side)))
    }

    /// A rule that a detector serves; whatever would say more about a regex is an error.
    fn detected(self, name: &str) -> Result<Rule, String> {
        let detector = Detector::from_name(name)?;
        let others = [
            ("regex", self.regex.is_some()),
            ("secretGroup", self.secret_group > 0),
            ("entropy", self.entropy.is_some()),
            ("keywords", !self.keywords.is_empty()),
            ("allowlist", self.allowlist.is_some() || !self.allowlists.is_empty()),
            ("validator", self.validator.is_some()),
            ("context", !self.context.is_empty() || self.require_context),
            ("acrossValues", self.across_values),
        ];
        if let Some((key, _)) = others.iter().find(|(_, is)| *is) {
            return Err(format!(
                "it has a `detector` and `{key}`, which a detector does not ask for"
            ));
        }
        let class = self.class.unwrap_or(Class::Injection);
        let rule = Rule::detected(self.id, class, detector)?;
        let Self { description, examples, counterexamples, .. } = self;
        Ok(Rule { description, examples, counterexamples, ..rule })
    }
}

impl AllowForm {
    /// `None` of one that is only about paths and commits, or that asks for one of them too.
    fn allowlist(self) -> Result<Option<Allowlist>, String> {
        let all = self.condition == Condition::All;
        let of_files = !self.paths.is_empty() || !self.commits.is_empty();
        if self.regexes.is_empty() && self.stopwords.is_empty() || all && of_files {
            return Ok(None);
        }
        let parsed = self.regexes.iter().map(|regex| Pattern::parse(regex).map(|(regex, _)| regex));
        let regexes = parsed.collect::<Result<_, _>>().map_err(|e| format!("`allowlist`: {e}"))?;
        Ok(Some(Allowlist {
            all,
            target: match self.regex_target {
                TargetForm::Secret => Target::Secret,
                TargetForm::Match => Target::Match,
                TargetForm::Line => Target::Line,
            },
            regexes,
            stop_words: self.stopwords.iter().map(|word| word.to_lowercase()).collect(),
        }))
    }
}
