//! All rules that hold at once: the built-in ones, an organisation's own, or both.

use std::collections::HashSet;
use std::sync::Arc;

use super::file::File;
use super::{Rule, RuleError};
use crate::class::Class;
use crate::detect::{Detector, NameError, Names};
use crate::policy::{UnknownRule, is_named};

/// Written by us from what vendors, laws and standards publish.
const BUILT_IN: [(&str, &str); 6] = [
    ("cloud.toml", include_str!("../../rules/cloud.toml")),
    ("development.toml", include_str!("../../rules/development.toml")),
    ("services.toml", include_str!("../../rules/services.toml")),
    ("generic.toml", include_str!("../../rules/generic.toml")),
    ("personal.toml", include_str!("../../rules/personal.toml")),
    ("injection.toml", include_str!("../../rules/injection.toml")),
];

/// So many rules may hold at once.
pub const RULES_MAX: usize = 10_000;

/// Rules with unique ids, in the order in which they were given.
#[derive(Debug, Default)]
pub struct RuleSet {
    rules: Vec<Rule>,
}

impl RuleSet {
    /// The built-in rules.
    pub fn built_in() -> Result<Self, RuleError> {
        let mut set = Self::default();
        for (name, text) in BUILT_IN {
            set.take(name, File::parse(name, text)?.rules(name)?)?;
        }
        set.rules.iter_mut().for_each(|rule| rule.keywords_within = true);
        Ok(set)
    }

    /// The rules of a file in gitleaks' form: its own, behind them those of the file that it extends, for which
    /// `read` is asked, and the built-in ones where it extends these; of the same id the first. So of two that
    /// find the same its own is told.
    pub fn from_file(
        name: &str,
        text: &str,
        read: &mut dyn FnMut(&str) -> Result<String, String>,
    ) -> Result<Self, RuleError> {
        Self::from_file_within(name, text, read, EXTENDS_MAX)
    }

    fn from_file_within(
        name: &str,
        text: &str,
        read: &mut dyn FnMut(&str) -> Result<String, String>,
        depth: usize,
    ) -> Result<Self, RuleError> {
        let mut file = File::parse(name, text)?;
        let extend = std::mem::take(&mut file.extend);
        let mut others = Self::default();
        if let Some(path) = extend.path {
            let form = |message: String| RuleError::Form { file: name.to_owned(), message };
            if depth == 0 {
                return Err(form(format!(
                    "`extend.path` leads through more than {EXTENDS_MAX} files"
                )));
            }
            let text = read(&path).map_err(|error| form(format!("`extend.path`: {error}")))?;
            others = Self::from_file_within(&path, &text, read, depth - 1)?;
        }
        if extend.use_default {
            others = others.and(Self::built_in()?);
        }
        for id in &extend.disabled_rules {
            if !others.rules.iter().any(|rule| rule.id == *id) {
                return Err(RuleError::Form {
                    file: name.to_owned(),
                    message: format!("`extend.disabledRules`: there is no rule `{id}` to disable"),
                });
            }
        }
        others.rules.retain(|rule| !extend.disabled_rules.contains(&rule.id));
        let own = file.rules(name)?;
        let mut seen = HashSet::new();
        if let Some(twice) = own.iter().find(|rule| !seen.insert(rule.id.as_str())) {
            return Err(twice.wrong(name, "its id is another rule's of this file, too"));
        }
        let set = Self { rules: own }.and(others);
        if set.rules.len() > RULES_MAX {
            return Err(RuleError::Form {
                file: name.to_owned(),
                message: format!(
                    "there are {} rules; {RULES_MAX} may hold at once",
                    set.rules.len()
                ),
            });
        }
        Ok(set)
    }

    /// The rules, in their order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rules, for a set of one's own.
    pub fn into_rules(self) -> Vec<Rule> {
        self.rules
    }

    /// Its rules, and behind them those of `others` whose ids it does not have.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        let ids: HashSet<String> = self.rules.iter().map(|rule| rule.id.clone()).collect();
        self.rules.extend(others.rules.into_iter().filter(|rule| !ids.contains(&rule.id)));
        self
    }

    /// Its rules but those of these ids, in which `*` is anything.
    pub fn without<'i>(
        mut self,
        ids: impl IntoIterator<Item = &'i str>,
    ) -> Result<Self, UnknownRule> {
        let ids: Vec<&str> = ids.into_iter().collect();
        for id in &ids {
            UnknownRule::check(id, &self.rules)?;
        }
        self.rules.retain(|rule| !ids.iter().any(|id| is_named(id, &rule.id)));
        Ok(self)
    }

    /// With names of people too: a list of them, one a line, that are found as they are written or in capitals. The
    /// rule is `name`, and of class `name`; one with that id which is there already gives way.
    pub fn with_names(self, file: &str, list: &str) -> Result<Self, RuleError> {
        let form = |message: String| RuleError::Form { file: file.to_owned(), message };
        let names = Names::parse(list).map_err(|NameError { line, what }| {
            if line == 0 { form(what) } else { form(format!("line {line}: {what}")) }
        })?;
        let detector = Detector::Names(Arc::new(names));
        let rule = Rule::detected("name".into(), Class::Name, detector).map_err(form)?;
        let description = "Name of a person in the dictionary".into();
        Ok(Self { rules: vec![Rule { description, ..rule }] }.and(self))
    }

    /// With one more behind all others, which is the engine's alone.
    pub(crate) fn push(&mut self, rule: Rule) {
        self.rules.push(rule);
    }

    /// Without that.
    pub(crate) fn pop(&mut self) {
        self.rules.pop();
    }

    fn take(&mut self, name: &str, rules: Vec<Rule>) -> Result<(), RuleError> {
        for rule in rules {
            if self.rules.iter().any(|other| other.id == rule.id) {
                return Err(rule.wrong(name, "its id is another rule's, too"));
            }
            self.rules.push(rule);
        }
        Ok(())
    }
}

/// A file may extend another, which extends another.
const EXTENDS_MAX: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<RuleSet, RuleError> {
        RuleSet::from_file("own.toml", text, &mut |path| match path {
            "base.toml" => Ok("[[rules]]\nid = 'base'\nregex = 'b{3}'\n".into()),
            "round.toml" => Ok("[extend]\npath = 'round.toml'\n".into()),
            _ => Err(format!("no file {path}")),
        })
    }

    #[test]
    fn the_built_in_rules_hold_together() {
        let set = RuleSet::built_in().expect("they load");
        let secrets = set.rules().iter().filter(|rule| rule.class == crate::Class::Secret).count();
        assert!(secrets >= 200, "{secrets}");
        let countries = set.rules().iter().filter(|rule| rule.class == crate::Class::NationalId);
        assert!(countries.count() >= 15);
        for rule in set.rules() {
            let Rule { id, examples, counterexamples, description, .. } = rule;
            assert!(!description.is_empty(), "{id} has no description");
            assert!(!examples.is_empty() && !counterexamples.is_empty(), "{id} has no examples");
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(id.chars().all(plain), "{id}: lower case, digits and dashes");
        }
    }

    #[test]
    fn a_file_extends_the_built_in_rules_and_another_file() {
        let own = "[[rules]]\nid = 'own'\nregex = 'x{9}'\n";
        assert_eq!(load(own).expect("a file").rules().len(), 1);
        let extended = format!("[extend]\nuseDefault = true\npath = 'base.toml'\n{own}");
        let all = RuleSet::built_in().expect("they load").rules().len();
        assert_eq!(load(&extended).expect("a file").rules().len(), all + 2);
        let without = "[extend]\nuseDefault = true\ndisabledRules = ['jwt']\n";
        assert_eq!(load(without).expect("a file").rules().len(), all - 1);
        let instead = "[extend]\npath = 'base.toml'\n[[rules]]\nid = 'base'\nregex = 'c'\n";
        let set = load(instead).expect("a file");
        assert_eq!(set.rules().iter().map(Rule::pattern).collect::<Vec<_>>(), ["c"]);
    }

    #[test]
    fn own_rules_come_before_those_that_they_extend() {
        let own = "[extend]\nuseDefault = true\npath = 'base.toml'\n\
                   [[rules]]\nid = 'own'\nregex = 'x{9}'\n[[rules]]\nid = 'jwt'\nregex = 'y{9}'\n";
        let set = load(own).expect("a file");
        let first: Vec<&str> = set.rules().iter().take(3).map(|rule| rule.id.as_str()).collect();
        assert_eq!(first, ["own", "jwt", "base"]);
        assert_eq!(set.rules().len(), RuleSet::built_in().expect("they load").rules().len() + 2);
        assert_eq!(set.rules().iter().filter(|rule| rule.id == "jwt").count(), 1);
    }

    #[test]
    fn what_cannot_work_is_told_with_its_rule() {
        let error = |text: &str| load(text).expect_err("it is wrong").to_string();
        assert!(error("[[rules]]\nid = 'a'\nregex = '('\n").starts_with("own.toml: rule `a`: "));
        assert!(error("[[rules]]\nregex = 'a'\n").contains("missing field `id`"));
        assert!(error("[[rule]]\nid = 'a'\n").contains("unknown field `rule`"));
        let twice = "[[rules]]\nid = 'a'\nregex = 'a'\n[[rules]]\nid = 'a'\nregex = 'b'\n";
        assert!(error(twice).contains("its id is another rule's"));
        assert!(error("[extend]\ndisabledRules = ['no']\n").contains("no rule `no` to disable"));
        assert!(error("[extend]\npath = 'no.toml'\n").contains("no file no.toml"));
        assert!(error("[extend]\npath = 'round.toml'\n").contains("more than 2 files"));
        let group = "[[rules]]\nid = 'a'\nregex = '(a)'\nsecretGroup = 2\n";
        assert!(error(group).contains("its regex has 1 group"));
        let validator = "[[rules]]\nid = 'a'\nregex = 'a'\nvalidator = 'lun'\n";
        assert!(error(validator).contains("no validator `lun`; there are: luhn, "));
    }
}
