//! A file of rules: TOML in gitleaks' form, with members of our own beside.
//!
//! <https://github.com/gitleaks/gitleaks#configuration> is the form. What in it is about files and commits
//! says nothing of a message: it is read, so that such files load as they are, and not used.

mod notes;

use std::sync::Arc;

pub(super) use notes::{OfFiles, shown};
use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue, Deserializer, ValueDeserializer};

use super::allow::{Allowlist, Target};
use super::change::Change;
use super::context::in_any_case;
use super::error::{Fault, Faults, Source};
use super::shape::{self, HEAD, Misfit};
use super::{Pattern, Rule};
use crate::class::Class;
use crate::detect::Detector;
use crate::policy::{Action, Side};
use crate::validate::Validator;

/// A whole file, whose rules have not been read.
#[derive(Debug)]
pub(super) struct File<'t> {
    source: Source<'t>,
    pub(super) extend: Extend,
    allowlists: Vec<Spanned<AllowForm>>,
    rules: DeArray<'t>,
}

/// What a file says beside its rules.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Head {
    #[serde(default, rename = "title")]
    _title: Option<String>,
    #[serde(default, rename = "description")]
    _description: Option<String>,
    #[serde(default, rename = "minVersion", alias = "minversion")]
    _min_version: Option<String>,
    /// They are taken out before, to be read one by one; it is known, so that `rule` is near to it.
    #[serde(default, rename = "rules")]
    _rules: IgnoredAny,
    #[serde(default)]
    extend: Extend,
    /// For every rule of the file.
    #[serde(default)]
    allowlist: Option<Spanned<AllowForm>>,
    /// For every rule of the file, or those that one names.
    #[serde(default)]
    allowlists: Vec<Spanned<AllowForm>>,
}

/// What else holds beside a file's own rules.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a table")]
pub(super) struct Extend {
    /// The built-in rules too.
    #[serde(default, alias = "usedefault")]
    pub(super) use_default: bool,
    /// Another file too.
    #[serde(default)]
    pub(super) path: Option<Spanned<String>>,
    /// Of those, not these.
    #[serde(default, alias = "disabledrules")]
    pub(super) disabled_rules: Vec<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a table")]
struct RuleForm {
    id: Spanned<String>,
    #[serde(default)]
    description: String,
    /// A rule without one is about a file's path.
    #[serde(default)]
    regex: Option<String>,
    #[serde(default)]
    path: Option<String>,
    #[serde(default, alias = "secretgroup")]
    secret_group: usize,
    #[serde(default)]
    entropy: Option<f64>,
    #[serde(default)]
    keywords: Vec<String>,
    #[serde(default, rename = "tags")]
    _tags: Vec<String>,
    /// Found, and told of only where another rule asks for it.
    #[serde(default, alias = "skipreport")]
    skip_report: bool,
    /// Rules that must find something near it.
    #[serde(default)]
    required: Vec<RequiredForm>,
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

/// Read, so that such files load, and not asked for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a table")]
struct RequiredForm {
    #[serde(rename = "id")]
    _id: String,
    #[serde(default, rename = "withinLines", alias = "withinlines")]
    _within_lines: Option<u64>,
    #[serde(default, rename = "withinColumns", alias = "withincolumns")]
    _within_columns: Option<u64>,
}

// Gitleaks takes keys in any case; these are the ways in which they are met.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a table")]
struct AllowForm {
    #[serde(default, rename = "description")]
    _description: Option<String>,
    #[serde(default, rename = "id")]
    _id: Option<String>,
    #[serde(default)]
    condition: Condition,
    #[serde(default, alias = "regextarget")]
    regex_target: TargetForm,
    #[serde(default)]
    regexes: Vec<String>,
    #[serde(default, alias = "stopWords")]
    stopwords: Vec<String>,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    commits: Vec<String>,
    /// Of one for the whole file: the rules that it is for.
    #[serde(default, alias = "targetrules")]
    target_rules: Vec<Spanned<String>>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Condition {
    #[default]
    #[serde(alias = "", alias = "or", alias = "Or", alias = "OR", alias = "||", alias = "any")]
    Any,
    #[serde(alias = "and", alias = "And", alias = "AND", alias = "&&", alias = "all")]
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

impl<'t> File<'t> {
    /// `None` of what is no TOML.
    pub(super) fn parse(source: Source<'t>, faults: &mut Faults) -> Option<Self> {
        let (mut table, wrong) = DeTable::parse_recoverable(source.text);
        // What is wrong behind the first may only follow from it.
        if let Some(first) = wrong.first() {
            let span = first.span().unwrap_or_default();
            let of = rule_before(table.get_ref(), span.start);
            let (what, help) = no_toml(first.message(), source.text.get(span.clone()));
            faults.push(source.fault(&span, format!("{of}{what}")).help(help));
            return None;
        }
        let misfits = HEAD.misfits(table.get_ref(), "");
        let fits = misfits.is_empty();
        for Misfit { span, what, help } in misfits {
            faults.push(source.fault(&span, what).help(help));
        }
        let rules = table.get_mut().remove("rules").map(Spanned::into_inner);
        let rules = if let Some(DeValue::Array(rules)) = rules { rules } else { DeArray::new() };
        let span = table.span();
        let head =
            if fits { Head::deserialize(Deserializer::from(table)) } else { Ok(Head::default()) };
        let head = head.unwrap_or_else(|error| {
            faults.push(source.fault(&error.span().unwrap_or(span), said(error.message())));
            Head::default()
        });
        let Head { extend, allowlist, mut allowlists, .. } = head;
        allowlists.splice(..0, allowlist);
        Some(Self { source, extend, allowlists, rules })
    }

    /// What it says, as it is used; each rule says what is wrong with it, if something is.
    pub(super) fn read(self, faults: &mut Faults) -> Own {
        let Self { source, .. } = self;
        let mut own = Own::default();
        for form in self.allowlists {
            let (span, form) = (form.span(), form.into_inner());
            own.of_files.note_allowlists("[[allowlists]]", std::iter::once(&form));
            let rules = form.target_rules.clone();
            match form.allowlist() {
                Ok(allowlist) => {
                    let allowlist = allowlist.map(Arc::new);
                    own.allowed.push(Allowed { rules, allowlist });
                }
                Err(what) => faults.push(source.fault(&span, what)),
            }
        }
        own.rules.reserve(self.rules.len());
        let file: Arc<str> = source.name.into();
        // They stand in their order.
        let (mut line, mut counted) = (1, 0);
        for (value, number) in self.rules.into_iter().zip(1..) {
            let (span, of) = (value.span(), named(value.get_ref(), number));
            let misfits = shape::of_rule(&value);
            if !misfits.is_empty() {
                for Misfit { span, what, help } in misfits {
                    faults.push(source.fault(&span, format!("{of}: {what}")).help(help));
                }
                continue;
            }
            let form = match RuleForm::deserialize(ValueDeserializer::from(value)) {
                Ok(form) => form,
                Err(error) => {
                    let what = format!("{of}: {}", said(error.message()));
                    faults.push(source.fault(&error.span().unwrap_or(span), what));
                    continue;
                }
            };
            let before = source.text.get(counted..form.id.span().start).unwrap_or_default();
            (line, counted) = (line + before.matches('\n').count(), counted + before.len());
            own.of_files.note(&form);
            match form.read(line) {
                Ok(Some(Read::Rule(mut rule))) => {
                    rule.place = Some((Arc::clone(&file), line));
                    own.rules.push(*rule);
                }
                Ok(Some(Read::Change(change))) => own.changes.push(*change),
                Ok(None) => {}
                Err(what) => {
                    faults.push(Fault::of_line(source.name, line, format!("{of}: {what}")));
                }
            }
        }
        own
    }
}

/// A rule by its id, or by its number where it has none.
fn named(rule: &DeValue<'_>, number: usize) -> String {
    match rule.get("id").and_then(|id| id.get_ref().as_str()) {
        Some(id) if !id.is_empty() => format!("rule `{id}`"),
        _ => format!("rule `#{number}`"),
    }
}

/// The rule in which something stands that is no TOML, as far as that can be told.
fn rule_before(table: &DeTable<'_>, at: usize) -> String {
    let rules = table.get("rules").and_then(|rules| rules.get_ref().as_array());
    let last = rules.and_then(|rules| {
        let before = rules.partition_point(|rule| rule.span().start <= at);
        Some((rules.get(before.checked_sub(1)?)?.get_ref(), before))
    });
    last.map_or_else(String::new, |(rule, number)| format!("{}: ", named(rule, number)))
}

/// What keeps a text from being TOML, where this stands, and what to do about it.
fn no_toml(message: &str, there: Option<&str>) -> (String, &'static str) {
    if let ("duplicate key", Some(key)) = (message, there) {
        let help = "remove one of the two; where a table may stand several times, it has two brackets each time, as \
                    `[[rules]]`";
        return (format!("`{key}` is there twice"), help);
    }
    let help =
        "write a text between quotes, a regex best between `'''`, where a backslash is itself";
    (message.to_owned(), help)
}

/// What is left for the parser to say of a table that has its shape.
fn said(message: &str) -> String {
    message.replacen("missing field", "it has no", 1)
}

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct Own {
    pub(super) rules: Vec<Rule>,
    /// Of rules that it extends.
    pub(super) changes: Vec<Change>,
    pub(super) allowed: Vec<Allowed>,
    pub(super) of_files: OfFiles,
}

/// What is let go for every rule that holds with the file, or for some.
#[derive(Debug)]
pub(super) struct Allowed {
    /// Those; none is all.
    pub(super) rules: Vec<Spanned<String>>,
    /// Nothing where it is about paths and commits.
    pub(super) allowlist: Option<Arc<Allowlist>>,
}

/// A byte has no more.
const BITS_A_BYTE_MAX: f64 = 8.0;

/// An id has no more: a placeholder is read back up to some length.
const ID_BYTES_MAX: usize = 128;

/// Whether a character would say something else in a placeholder or in a pattern of ids.
fn is_of_no_id(one: char) -> bool {
    one.is_control() || matches!(one, '[' | ']' | '*' | '"' | '\\')
}

enum Read {
    Rule(Box<Rule>),
    Change(Box<Change>),
}

impl RuleForm {
    /// Whether it is about nothing but a path.
    fn is_of_path(&self) -> bool {
        self.path.is_some() && self.regex.is_none() && self.detector.is_none()
    }

    /// `None` of one that is left out. Its id stands on this line.
    fn read(mut self, line: usize) -> Result<Option<Read>, String> {
        let id = self.id.get_ref();
        if id.is_empty() {
            return Err("it has no `id`".into());
        }
        if let Some(wrong) = id.chars().find(|one| is_of_no_id(*one)) {
            return Err(format!(
                "its id has {wrong:?} in it; write letters, digits and dashes: it stands in `[REDACTED:id]`, and in a \
                 configuration `*` is anything"
            ));
        }
        if id.len() > ID_BYTES_MAX {
            let bytes = id.len();
            return Err(format!("its id has {bytes} bytes; it may have {ID_BYTES_MAX}"));
        }
        if self.skip_report || self.is_of_path() {
            return Ok(None);
        }
        if let Some(bits) = self.entropy.filter(|bits| !(0.0..=BITS_A_BYTE_MAX).contains(bits)) {
            return Err(format!(
                "its entropy is {bits}; write bits a byte, from 0 to {BITS_A_BYTE_MAX}: a word has less than 3, and 20 \
                 random letters and digits about 4"
            ));
        }
        let action = self.action()?;
        if let Some(name) = self.detector.take() {
            let rule = Rule { action, ..self.detected(&name)? };
            return Ok(Some(Read::Rule(Box::new(rule))));
        }
        let validator = match self.validator {
            None => None,
            Some(name) => Some(Validator::from_name(&name).ok_or_else(|| {
                let known: Vec<_> = Validator::ALL.iter().map(|one| one.name()).collect();
                format!("there is no validator `{name}`; there are: {}", known.join(", "))
            })?),
        };
        let forms = self.allowlist.into_iter().chain(self.allowlists);
        let mut allowlists = Vec::new();
        for form in forms {
            allowlists.extend(form.allowlist()?.map(Arc::new));
        }
        let change = Change {
            id: self.id.into_inner(),
            line,
            description: self.description,
            class: self.class,
            secret_group: self.secret_group,
            keywords: self.keywords.iter().flat_map(|word| in_any_case(word)).collect(),
            entropy: self.entropy,
            allowlists,
            validator,
            // Words are looked for in either case of ASCII, and others as they are written.
            context: self.context.iter().map(|word| word.to_ascii_lowercase()).collect(),
            require_context: self.require_context,
            action,
            across_values: self.across_values,
            examples: self.examples,
            counterexamples: self.counterexamples,
        };
        let Some(pattern) = self.regex else { return Ok(Some(Read::Change(Box::new(change)))) };
        let regex = Pattern::parse(&pattern)?;
        if regex.hir().properties().minimum_len() == Some(0) {
            return Err("its regex matches where nothing stands, so that it is found everywhere; write what must \
                        be there, as `+` in the place of `*`"
                .into());
        }
        let mut rule = Rule::new(change.id.clone(), Class::Secret, regex);
        change.to(&mut rule)?;
        Ok(Some(Read::Rule(Box::new(rule))))
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
        let rule = Rule::detected(self.id.into_inner(), class, detector)?;
        let Self { description, examples, counterexamples, .. } = self;
        Ok(Rule { description, examples, counterexamples, ..rule })
    }
}

impl AllowForm {
    /// Whether it says nothing, of files neither.
    fn is_empty(&self) -> bool {
        let Self { regexes, stopwords, paths, commits, .. } = self;
        [regexes, stopwords, paths, commits].iter().all(|list| list.is_empty())
    }

    /// Whether it lets something go, and that only where a path or a commit is as it says too.
    fn is_unmet(&self) -> bool {
        let of_files = !self.paths.is_empty() || !self.commits.is_empty();
        self.condition == Condition::All && of_files && self.is_of_texts()
    }

    fn is_of_texts(&self) -> bool {
        !self.regexes.is_empty() || !self.stopwords.is_empty()
    }

    /// `None` of one that is only about paths and commits, or that asks for one of them too.
    fn allowlist(self) -> Result<Option<Allowlist>, String> {
        if !self.is_of_texts() || self.is_unmet() {
            return Ok(None);
        }
        let parsed = self.regexes.iter().map(|regex| Pattern::parse_sized(regex));
        let regexes = parsed.collect::<Result<_, _>>().map_err(|e| format!("`allowlist`: {e}"))?;
        Ok(Some(Allowlist {
            all: self.condition == Condition::All,
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

#[cfg(test)]
mod tests {
    use super::super::shape::{ALLOWLIST, EXTEND, REQUIRED, RULE, Shape};
    use super::*;

    /// The keys that a table may have by the parser, which names them all where it meets another.
    fn known<T: serde::de::DeserializeOwned>() -> Vec<String> {
        let error =
            Deserializer::parse("zebra = 1").and_then(T::deserialize).err().expect("no such key");
        let (_, known) = error.message().split_once("expected one of ").expect("its keys");
        let mut known: Vec<_> =
            known.split(", ").map(|key| key.trim_matches('`').to_owned()).collect();
        known.sort_unstable();
        known
    }

    #[test]
    fn every_key_has_its_shape_and_is_read() {
        let shape = |shape: &Shape| {
            let mut names: Vec<_> = shape.0.iter().flat_map(|(names, _)| *names).copied().collect();
            names.sort_unstable();
            names
        };
        assert_eq!(shape(&HEAD), known::<Head>());
        assert_eq!(shape(&EXTEND), known::<Extend>());
        assert_eq!(shape(&RULE), known::<RuleForm>());
        assert_eq!(shape(&REQUIRED), known::<RequiredForm>());
        assert_eq!(shape(&ALLOWLIST), known::<AllowForm>());
    }
}
