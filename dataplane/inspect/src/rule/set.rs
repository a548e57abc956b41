//! All rules that hold at once: the built-in ones, an organisation's own, or both.

mod elsewhere;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

pub(super) use self::elsewhere::Elsewhere;
use super::built_in::Tuning;
use super::change::Change;
use super::error::{Fault, Faults, Source};
use super::file::{Allowed, Extend, File};
use super::{Allowlist, Rule, RuleError};
use crate::class::Class;
use crate::detect::{Detector, NameError, Names};
use crate::policy::{UnknownRule, is_named};

/// So many rules may hold at once.
pub const RULES_MAX: usize = 10_000;

/// Reads the file that another extends, by what that calls it: the name by which it can be opened, and its text. Or
/// why not, for a person.
type ReadFile<'r> = dyn FnMut(&str) -> Result<(String, String), String> + 'r;

/// Rules with unique ids, in the order in which they were given.
#[derive(Debug, Default)]
pub struct RuleSet {
    pub(super) rules: Vec<Rule>,
    pub(super) notes: Vec<String>,
    /// What its files say of built-in rules: these come into a configuration once, whatever number of files extend
    /// them.
    pub(super) tuning: Tuning,
}

impl RuleSet {
    /// The rules of a file in gitleaks' form: its own, behind them those of the file that it extends, for which
    /// `read` is asked, and the built-in ones where it extends these; of the same id the first. So of two that
    /// find the same its own is told. Fails with all that is wrong with the files.
    pub fn from_file(name: &str, text: &str, read: &mut ReadFile<'_>) -> Result<Self, RuleError> {
        let mut faults = Faults::default();
        let set = Self::from_file_within(Source { name, text }, read, &[], &mut faults);
        faults.end()?;
        Ok(set)
    }

    /// `above` are the files that extend it.
    fn from_file_within(
        source: Source<'_>,
        read: &mut ReadFile<'_>,
        above: &[&str],
        faults: &mut Faults,
    ) -> Self {
        let Source { name, .. } = source;
        let Some(mut file) = File::parse(source, faults) else { return Self::default() };
        let extend = std::mem::take(&mut file.extend);
        let mut others = Self::extended(source, &extend, read, above, faults);
        let own = file.read(faults);
        let mut seen = HashSet::new();
        for rule in &own.rules {
            if !seen.insert(rule.id.as_str()) {
                faults.push(rule.wrong(name, "its id is another rule's of this file, too"));
            } else if let Some(what) = rule.too_large() {
                faults.push(rule.wrong(name, &what));
            }
        }
        // Where something is wrong already, a rule that is not here may be in what could not be read.
        let whole = faults.is_empty();
        let defaults = others.rules.iter().any(Rule::is_built_in) || !whole;
        let mut elsewhere = Elsewhere::of(defaults);
        for id in &extend.disabled_rules {
            let (span, id) = (id.span(), id.get_ref());
            if others.has(id) {
                // Of a file that extends none of them it may be another's.
                if defaults {
                    others.tuning.disable(id);
                }
            } else if !elsewhere.takes(id) {
                let what = format!("`extend.disabledRules`: there is no rule `{id}` to disable");
                faults.push(others.with_nearest(source.fault(&span, what), id));
            }
        }
        let is_disabled =
            |rule: &Rule| extend.disabled_rules.iter().any(|id| *id.get_ref() == rule.id);
        others.rules.retain(|rule| !is_disabled(rule));
        let notes = own.of_files.notes(name);
        let mut set = Self { rules: own.rules, notes, ..Self::default() }.and(others);
        for change in own.changes {
            let is_ours = |elsewhere: &mut Elsewhere| {
                whole && (change.is_of_penstock() || !elsewhere.takes(&change.id))
            };
            if set.has(&change.id) || is_ours(&mut elsewhere) {
                set.change(name, change, faults);
            }
        }
        for allowed in own.allowed {
            set.allow(source, &allowed, &mut elsewhere, faults);
        }
        // One that is just being written is empty, and must not take the place of what it was.
        if faults.is_empty() && set.rules.is_empty() && set.notes.is_empty() {
            let what = "it has no rules; write `[[rules]]`, or do not name it".to_owned();
            faults.push(Fault::of_line(name, 1, what));
        }
        let note = elsewhere.note(name, &set);
        set.notes.extend(note);
        if set.rules.len() > RULES_MAX {
            let rules = set.rules.len();
            let what = format!("there are {rules} rules; {RULES_MAX} may hold at once");
            faults.push(Fault::of_line(name, 1, what));
        }
        set
    }

    /// What else holds beside a file's own rules.
    fn extended(
        source: Source<'_>,
        extend: &Extend,
        read: &mut ReadFile<'_>,
        above: &[&str],
        faults: &mut Faults,
    ) -> Self {
        let mut others = Self::default();
        if let Some(path) = &extend.path {
            let chain = [above, &[source.name]].concat();
            let other = read(path.get_ref()).and_then(|(name, text)| {
                if chain.iter().any(|one| Path::new(one) == Path::new(&name)) {
                    Err(format!("it leads back to {name}"))
                } else if chain.len() > EXTENDS_MAX {
                    Err(format!("it leads through more than {EXTENDS_MAX} files"))
                } else {
                    Ok((name, text))
                }
            });
            match other {
                Ok((name, text)) => {
                    let other = Source { name: &name, text: &text };
                    others = Self::from_file_within(other, read, &chain, faults);
                }
                Err(what) => {
                    faults.push(source.fault(&path.span(), format!("`extend.path`: {what}")));
                }
            }
        }
        // Where the other file brings them they are as that makes of them.
        let are_there = others.rules.iter().any(Rule::is_built_in);
        if extend.use_default && !are_there {
            others.and(Self::built_in_within(faults))
        } else {
            others
        }
    }

    /// The rules, in their order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// What of its files cannot be kept in messages, for a person: a sentence each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Changes a rule that is there already.
    pub(super) fn change(&mut self, name: &str, change: Change, faults: &mut Faults) {
        let (line, id) = (change.line, change.id.clone());
        let changed = match self.rules.iter_mut().find(|rule| rule.id == id) {
            Some(rule) => {
                if rule.is_built_in() {
                    self.tuning.change(name, &change);
                }
                change.to(rule)
            }
            None => Err(
                "it has no `regex`, and no such rule is extended that it would change; write a `regex`, or for one of \
                 the built-in rules `[extend]` with `useDefault = true`"
                    .into(),
            ),
        };
        if let Err(what) = changed {
            faults.push(Fault::of_line(name, line, format!("rule `{id}`: {what}")));
        }
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.rules.iter().any(|rule| rule.id == id)
    }

    /// The id of a rule that is probably meant by one that no rule has.
    fn nearest(&self, id: &str) -> Option<String> {
        UnknownRule::among(id, self.rules.iter().map(|rule| rule.id.as_str()))?.nearest
    }

    fn with_nearest(&self, fault: Fault, id: &str) -> Fault {
        match self.nearest(id) {
            Some(nearest) => fault.help(format!("did you mean `{nearest}`?")),
            None => fault,
        }
    }

    /// Lets go what a file lets go for all rules, or for some.
    pub(super) fn allow(
        &mut self,
        source: Source<'_>,
        allowed: &Allowed,
        elsewhere: &mut Elsewhere,
        faults: &mut Faults,
    ) {
        let Allowed { rules: ids, allowlist } = allowed;
        for id in ids {
            let (span, id) = (id.span(), id.get_ref());
            if !self.has(id) && !elsewhere.takes(id) {
                let what = format!("`targetRules`: there is no rule `{id}` to allow anything for");
                faults.push(self.with_nearest(source.fault(&span, what), id));
            }
        }
        let Some(allowlist) = allowlist else { return };
        let ids: Vec<String> = ids.iter().map(|id| id.get_ref().clone()).collect();
        self.let_go(&ids, allowlist);
        let meant = |rule: &&Rule| ids.is_empty() || ids.contains(&rule.id);
        let built_in = self.rules.iter().filter(|rule| rule.is_built_in()).filter(meant);
        let tuned: Vec<String> = built_in.map(|rule| rule.id.clone()).collect();
        if !tuned.is_empty() {
            let ids = if ids.is_empty() { ids } else { tuned };
            self.tuning.allow(source.name, ids, allowlist);
        }
    }

    /// Lets that go for the rules of these ids, or for all where there are none.
    pub(super) fn let_go(&mut self, ids: &[String], allowlist: &Arc<Allowlist>) {
        for rule in &mut self.rules {
            let is_meant = ids.is_empty() || ids.contains(&rule.id);
            if rule.detector.is_none() && is_meant {
                rule.allowlists.push(Arc::clone(allowlist));
            }
        }
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
        self.notes.extend(others.notes);
        self.tuning.and(others.tuning);
        self
    }

    /// Ids of its rules that another set has for another regex.
    pub fn differing(&self, other: &Self) -> Vec<String> {
        let regexes: HashMap<&str, &str> =
            other.rules.iter().map(|rule| (rule.id.as_str(), rule.regex.source())).collect();
        let differs = |rule: &&Rule| {
            regexes.get(rule.id.as_str()).is_some_and(|regex| *regex != rule.regex.source())
        };
        self.rules.iter().filter(differs).map(|rule| rule.id.clone()).collect()
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
        let of_line = |line: usize, what| Fault::of_line(file, line.max(1), what);
        let names = Names::parse(list).map_err(|NameError { line, what }| of_line(line, what))?;
        if names.is_empty() {
            let what = "it has no names; write one a line, or do not name it".to_owned();
            return Err(of_line(1, what).into());
        }
        let detector = Detector::Names(Arc::new(names));
        let rule = Rule::detected("name".into(), Class::Name, detector)
            .map_err(|what| of_line(1, what))?;
        let description = "Name of a person in the dictionary".into();
        let rules = vec![Rule { description, ..rule }];
        Ok(Self { rules, ..Self::default() }.and(self))
    }

    /// With one more behind all others, which is the engine's alone.
    pub(crate) fn push(&mut self, rule: Rule) {
        self.rules.push(rule);
    }

    /// Without that.
    pub(crate) fn pop(&mut self) {
        self.rules.pop();
    }

    pub(super) fn take(&mut self, name: &str, rules: Vec<Rule>, faults: &mut Faults) {
        for rule in rules {
            if self.has(&rule.id) {
                faults.push(rule.wrong(name, "its id is another rule's, too"));
            }
            self.rules.push(rule);
        }
    }
}

/// A file may extend another, which extends another.
const EXTENDS_MAX: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<RuleSet, RuleError> {
        RuleSet::from_file("own.toml", text, &mut |path| match path {
            "base.toml" => Ok((path.into(), "[[rules]]\nid = 'base'\nregex = 'b{3}'\n".into())),
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

    fn rule<'s>(set: &'s RuleSet, id: &str) -> &'s Rule {
        set.rules().iter().find(|rule| rule.id == id).expect("a rule")
    }

    #[test]
    fn a_rule_without_a_regex_changes_the_one_that_it_extends_and_keeps_its_place() {
        let before = RuleSet::built_in().expect("they load");
        let own = "[extend]\nuseDefault = true\n[[rules]]\nid = 'jwt'\naction = 'block'\n\
                   entropy = 4.5\nclass = 'card'\nkeywords = ['MINE']\n\
                   [[rules.allowlists]]\nstopwords = ['dummy']\n";
        let set = load(own).expect("a file");
        let place = |set: &RuleSet| set.rules().iter().position(|rule| rule.id == "jwt");
        assert_eq!(place(&set), place(&before));
        let (jwt, was) = (rule(&set, "jwt"), rule(&before, "jwt"));
        assert_eq!(jwt.pattern(), was.pattern());
        assert_eq!(jwt.description, was.description);
        assert_eq!(jwt.action, Some((crate::Action::Block, None)));
        assert_eq!((jwt.entropy, jwt.class), (Some(4.5), crate::Class::Card));
        assert_eq!(jwt.allowlists.len(), was.allowlists.len() + 1);
        assert_eq!(jwt.keywords.last().map(String::as_str), Some("mine"));
        // Of another file as well.
        let deep = "[extend]\npath = 'base.toml'\n[[rules]]\nid = 'base'\ndescription = 'B'\n";
        assert_eq!(rule(&load(deep).expect("a file"), "base").description, "B");
    }

    #[test]
    fn a_rule_without_a_regex_that_changes_nothing_is_refused() {
        let error = |text: &str| load(text).expect_err("it is wrong").to_string();
        for text in [
            "[[rules]]\nid = 'jwt'\naction = 'block'\n",
            // gitleaks has no actions.
            "[extend]\nuseDefault = true\n[[rules]]\nid = 'no'\naction = 'block'\n",
        ] {
            assert!(error(text).contains("it has no `regex`"), "{}", error(text));
        }
        let set = RuleSet::built_in().expect("they load");
        let detected = set.rules().iter().find(|rule| rule.detector.is_some()).expect("one");
        let change = |key: &str| {
            let id = &detected.id;
            load(&format!("[extend]\nuseDefault = true\n[[rules]]\nid = '{id}'\n{key}\n"))
        };
        let error_of_one = change("entropy = 3").expect_err("it is wrong").to_string();
        assert!(error_of_one.contains("with a `detector`"), "{error_of_one}");
        let blocked = change("action = 'block'").expect("a file");
        assert_eq!(rule(&blocked, &detected.id).action, Some((crate::Action::Block, None)));
        let group = "[extend]\npath = 'base.toml'\n[[rules]]\nid = 'base'\nsecretGroup = 1\n";
        assert!(error(group).contains("its regex has 0 groups"), "{}", error(group));
    }

    #[test]
    fn what_a_file_lets_go_it_lets_go_of_what_it_extends_too() {
        let all = "[extend]\npath = 'base.toml'\n[allowlist]\nstopwords = ['x']\n\
                   [[rules]]\nid = 'own'\nregex = 'o{3}'\n";
        let set = load(all).expect("a file");
        assert!(set.rules().iter().all(|rule| rule.allowlists.len() == 1));
        let one = all.replace("[allowlist]", "[[allowlists]]\ntargetRules = ['base']");
        let set = load(&one).expect("a file");
        let of = |id| rule(&set, id).allowlists.len();
        assert_eq!((of("own"), of("base")), (0, 1));
        let none = one.replace("['base']", "['bass']");
        let error = load(&none).expect_err("it is wrong").to_string();
        assert!(
            error.contains(
                "`targetRules`: there is no rule `bass` to allow anything for; did you mean `base`?"
            ),
            "{error}"
        );
    }

    /// Every form that gitleaks' own files have, in a text of ours.
    const OF_GITLEAKS: &str = r#"
title = "ours"
minVersion = "v8.25.0"
[extend]
path = "base.toml"
disabledRules = []
[allowlist]
description = "everywhere"
paths = ['''(?i)\.(?:png|lock)$''']
regexes = ['''^\${[A-Z_]+}$''', '''^\$(?:\d+|{\d+})$''', '''^{{ \w+ }}$''']
stopwords = ["abcdef"]
[[rules]]
id = "braces"
description = "Letters behind braces."
regex = '''(?i)acme\{{2}[\w[\]{}-]{4}\z'''
keywords = ["ACME"]
entropy = 2
[[rules]]
id = "of-path"
path = '''\.p12$'''
[[rules]]
id = "of-path-and-text"
path = '''(?i)\.ya?ml$'''
regex = '''kind: ([a-z]{9})'''
secretGroup = 1
tags = ["k8s"]
[[rules.allowlists]]
condition = "AND"
regexTarget = "line"
paths = ['''x''']
regexes = ['''y''']
[[rules.allowlists]]
condition = "or"
regexTarget = "match"
commits = ["abc"]
regexes = ['''^{{''']
stopWords = ["example"]
[[rules]]
id = "near"
regex = '''id-[a-z]{9}'''
skipReport = true
[[rules]]
id = "composite"
regex = '''secret-[a-z]{9}'''
[[rules.required]]
id = "near"
withinLines = 5
withinColumns = 80
"#;

    #[test]
    fn a_file_that_was_written_for_gitleaks_loads_as_it_is() {
        let set = load(OF_GITLEAKS).expect("a file");
        let ids: Vec<&str> = set.rules().iter().map(|rule| rule.id.as_str()).collect();
        assert_eq!(ids, ["braces", "of-path-and-text", "composite", "base"]);
        // One of its own, as the other asks for a path too, and the file's.
        assert_eq!(rule(&set, "of-path-and-text").allowlists.len(), 2);
        let notes: Vec<&str> =
            set.notes().iter().filter_map(|note| note.strip_prefix("own.toml: ")).collect();
        assert_eq!(
            notes,
            [
                "a message has no path, so that this rule is left out: `of-path`",
                "`skipReport` asks that nothing is told, so that this rule is left out: `near`",
                "a message has no `path`, so that this rule is looked for in every one: `of-path-and-text`",
                "`required` has no meaning here, so that this rule is found without what it asks for: `composite`",
                "an allowlist whose `condition` asks for `paths` or `commits` too lets nothing go, as a message has none: \
                 `of-path-and-text`",
            ]
        );
        assert!(RuleSet::built_in().expect("they load").notes().is_empty());
    }

    #[test]
    fn what_a_file_says_of_rules_of_gitleaks_that_are_not_here_is_noted() {
        let of = "[extend]\nuseDefault = true\ndisabledRules = ['github-pat', 'jwt']\n\
                  [[rules]]\nid = 'aws-access-token'\nentropy = 4.0\n\
                  [[rules]]\nid = 'generic-api-key'\nentropy = 4.0\n\
                  [[allowlists]]\ntargetRules = ['github-pat', 'generic-api-key']\nstopwords = ['acme']\n";
        let set = load(of).expect("a file");
        let note = set.notes().concat();
        assert!(note.contains("`github-pat`, `aws-access-token`; `penstock rules list`"), "{note}");
        let slip = of.replace("'jwt'", "'jwtt'");
        let note = load(&slip).expect("a file").notes().concat();
        assert!(note.contains("`jwtt`, `aws-access-token`; near them are `jwt`; "), "{note}");
        assert!(!set.has("jwt"), "what is there is disabled");
        let allowed = set.rules().iter().find(|rule| rule.id == "generic-api-key").expect("it");
        let mut lists = allowed.allowlists.iter();
        let has = lists.any(|list| list.stop_words.iter().any(|word| word == "acme"));
        assert!(has, "what is there is changed");
    }

    #[test]
    fn a_note_names_some_rules_and_counts_the_others() {
        let many: String =
            (0..7).map(|id| format!("[[rules]]\nid = 'a{id}'\npath = 'x'\n")).collect();
        let note = load(&many).expect("a file").notes().concat();
        assert!(note.ends_with("`a0`, `a1`, `a2`, `a3`, `a4` and 2 more"), "{note}");
    }

    #[test]
    fn rules_that_are_too_large_together_are_named() {
        // What is near the beginning of a match is what they take.
        let rule = |id: u32| {
            let forms: Vec<_> = (0..400 + id).map(|form| format!("x{form}[a-z]{{200}}")).collect();
            format!(
                "[[rules]]\nid = 'large-{id}'\nregex = '\\b[0-9]{{6}}(?:{})'\n",
                forms.join("|")
            )
        };
        let set = load(&(0..40).map(rule).collect::<String>()).expect("each by itself is not");
        let built =
            crate::Inspector::new(set, crate::EngineKind::Portable, crate::Limits::default());
        let error = built.err().expect("they are too large");
        assert!(error.contains("too large together, above all `large-39`"), "{error}");
    }

    #[test]
    fn an_id_is_no_longer_than_a_placeholder_that_is_read_back_has_room_for() {
        let of =
            |bytes: usize| load(&format!("[[rules]]\nid = '{}'\nregex = 'a'\n", "i".repeat(bytes)));
        assert!(of(128).is_ok());
        let error = of(129).expect_err("it is too long").to_string();
        assert!(error.contains("its id has 129 bytes; it may have 128"), "{error}");
    }

    #[test]
    fn the_built_in_rules_go_with_what_a_file_has_changed_of_them() {
        let own = "[extend]\nuseDefault = true\npath = 'base.toml'\n\
                   [[rules]]\nid = 'jwt'\naction = 'block'\n[[rules]]\nid = 'own'\nregex = 'x{9}'\n";
        let set = load(own).expect("a file").without_built_in().0;
        assert_eq!(
            set.rules().iter().map(|rule| &rule.id[..]).collect::<Vec<_>>(),
            ["own", "base"]
        );
    }
}
