//! What can be wrong with a file of rules.

use std::fmt;
use std::ops::Range;

use thiserror::Error;

/// So many faults are told, each by itself; further ones are counted.
pub(super) const FAULTS_MAX: usize = 100;

/// Why rules could not be taken: all that is wrong with their files.
#[derive(Debug, Error)]
pub struct RuleError {
    /// At least one, each with its place.
    pub faults: Vec<Fault>,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

/// One thing that is wrong with a file of rules.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{file}:{line}:{column}: {what}{}", help.as_ref().map(|help| format!("; {help}")).unwrap_or_default())]
pub struct Fault {
    /// The file's name.
    pub file: String,
    /// The line, from 1: of a rule that cannot work, that of its id.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong, with the rule where it is one's.
    pub what: String,
    /// What to write instead, where `what` does not say it.
    pub help: Option<String>,
}

impl Fault {
    /// One of a line, or of a whole file with the first.
    pub(super) fn of_line(file: &str, line: usize, what: String) -> Self {
        Self { file: file.to_owned(), line, column: 1, what, help: None }
    }

    /// With what to write instead.
    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

impl From<Fault> for RuleError {
    fn from(fault: Fault) -> Self {
        Self { faults: vec![fault] }
    }
}

/// A file by its name, and what stands in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'t> {
    pub(super) name: &'t str,
    pub(super) text: &'t str,
}

impl Source<'_> {
    /// What is wrong at a byte.
    pub(super) fn fault(self, span: &Range<usize>, what: String) -> Fault {
        let before = self.text.get(..span.start).unwrap_or_default();
        let begins = before.rfind('\n').map_or(0, |end| end + 1);
        let column = before.get(begins..).unwrap_or_default().chars().count() + 1;
        let line = before.matches('\n').count() + 1;
        Fault { column, ..Fault::of_line(self.name, line, what) }
    }
}

/// What was found to be wrong so far.
#[derive(Debug, Default)]
pub(super) struct Faults {
    told: Vec<Fault>,
    more: usize,
}

impl Faults {
    pub(super) fn push(&mut self, fault: Fault) {
        if self.told.len() < FAULTS_MAX {
            self.told.push(fault);
        } else {
            self.more += 1;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    pub(super) fn end(mut self) -> Result<(), RuleError> {
        let Some(last) = self.told.last_mut() else { return Ok(()) };
        if self.more > 0 {
            last.what = format!("{}; and {} more are wrong behind it", last.what, self.more);
        }
        Err(RuleError { faults: self.told })
    }
}

#[cfg(test)]
mod tests {
    use super::super::RuleSet;
    use super::*;

    fn load(text: &str) -> Result<RuleSet, RuleError> {
        RuleSet::from_file("own.toml", text, &mut |path| {
            let text = match path {
                "base.toml" => "[[rules]]\nid = 'base'\nregex = 'b{3}'\n",
                "wrong.toml" => "[[rules]]\nid = 'x*'\nregex = 'x'\n",
                "round.toml" => "[extend]\npath = 'round.toml'\n",
                "back.toml" => "[extend]\npath = 'own.toml'\n",
                "own.toml" => "",
                "one.toml" => "[extend]\npath = 'two.toml'\n",
                "two.toml" => "[extend]\npath = 'base.toml'\n",
                _ => return Err(format!("no file {path}")),
            };
            Ok((path.to_owned(), text.to_owned()))
        })
    }

    #[test]
    fn what_cannot_work_is_told_with_its_rule() {
        let error = |text: &str| load(text).expect_err("it is wrong").to_string();
        let broken = "[[rules]]\nid = 'a'\nregex = 'a'\n\n[[rules]]\nregex = '('\nid = 'b'\n";
        assert!(
            error(broken).starts_with("own.toml:7:1: rule `b`: its regex"),
            "{}",
            error(broken)
        );
        assert!(error("[[rules]]\nregex = 'a'\n").contains("rule `#1`: it has no `id`"));
        let twice = "[[rules]]\nid = 'a'\nregex = 'a'\n[[rules]]\nid = 'a'\nregex = 'b'\n";
        assert!(error(twice).starts_with("own.toml:5:1: rule `a`: its id is another rule's"));
        let disabled = "[extend]\ndisabledRules = [\n  'no',\n]\n";
        assert!(
            error(disabled)
                .starts_with("own.toml:3:3: `extend.disabledRules`: there is no rule `no`")
        );
        let slip = "[extend]\npath = 'base.toml'\ndisabledRules = ['bases']\n";
        assert!(
            error(slip).ends_with("no rule `bases` to disable; did you mean `base`?"),
            "{}",
            error(slip)
        );
        let gone = "[extend]\nuseDefault = true\npath = 'no.toml'\n";
        assert_eq!(error(gone), "own.toml:3:8: `extend.path`: no file no.toml");
        let extends = |path: &str| format!("[extend]\npath = '{path}'\n");
        let round = "round.toml:2:8: `extend.path`: it leads back to round.toml";
        assert_eq!(error(&extends("round.toml")), round);
        let back = "back.toml:2:8: `extend.path`: it leads back to own.toml";
        assert_eq!(error(&extends("back.toml")), back);
        assert!(load(&extends("two.toml")).is_ok());
        let deep = "two.toml:2:8: `extend.path`: it leads through more than 2 files";
        assert_eq!(error(&extends("one.toml")), deep);
        let group = "[[rules]]\nid = 'a'\nregex = '(a)'\nsecretGroup = 2\n";
        assert!(error(group).contains("its regex has 1 group"));
        let validator = "[[rules]]\nid = 'a'\nregex = 'a'\nvalidator = 'lun'\n";
        assert!(error(validator).contains("no validator `lun`; there are: luhn, "));
        let allowed = "[[rules]]\nid = 'a'\nregex = 'a'\n[rules.allowlist]\nregexes = [\"\\bx\"]\n";
        assert!(error(allowed).contains("`allowlist`: its regex has a backspace"));
        let rule = "[[rules]]\nid = 'a'\nregex = 'a'\n";
        let of_file = format!("{rule}\n[[allowlists]]\nregexes = ['(']\n");
        assert!(error(&of_file).starts_with("own.toml:5:1: `allowlist`: its regex"));
        let target = format!("{rule}[allowlist]\ntargetRules = ['a', 'b']\nregexes = ['x']\n");
        assert!(error(&target).starts_with("own.toml:5:21: `targetRules`: there is no rule `b`"));
    }

    #[test]
    fn a_regex_that_is_too_large_is_told_with_its_rule() {
        let error = |text: &str| load(text).expect_err("it is wrong").to_string();
        let large = "[[rules]]\nid = 'huge'\nregex = '(?:[a-z]{1000}x?){900}'\n";
        let said = error(large);
        assert!(said.starts_with("own.toml:2:1: rule `huge`: its regex is too large"), "{said}");
        let allowed = "[[rules]]\nid = 'a'\nregex = 'a'\n\
                       [rules.allowlist]\nregexes = ['(?:[a-z]{1000}x?){900}']\n";
        let said = error(allowed);
        assert!(said.contains("rule `a`: `allowlist`: its regex is too large"), "{said}");
    }

    #[test]
    fn all_that_is_wrong_with_a_file_is_told_with_its_place() {
        let wrong = "titel = 'ours'
[extend]
path = 'base.toml'
disabledRules = ['no']
[[rules]]
id = 'good'
regex = 'a'
[[rules]]
id = 'b'
regexp = 'b'
[[rules]]
id = 'c'
regex = '('
[[rules]]
id = 'd'
regex = 'd'
secret_group = 1
[[rules]]
id = 'e'
regex = 'e'
class = 'secrets'
[[rules]]
id = 'f'
regex = 'f'
entropy = 'high'
[[rules]]
id = 'g'
regex = 'g'
[rules.allowlist]
regexs = ['x']
[[rules]]
id = 'b'
action = 'block'
";
        let told = load(wrong).expect_err("it is wrong").faults;
        let told: Vec<String> = told.iter().map(ToString::to_string).collect();
        let expected = [
            "own.toml:1:1: unknown key `titel`; did you mean `title`?",
            "own.toml:10:1: rule `b`: unknown key `regexp`; did you mean `regex`?",
            "own.toml:12:1: rule `c`: its regex cannot be used: ",
            "own.toml:17:1: rule `d`: unknown key `secret_group`; did you mean `secretGroup`?",
            "own.toml:21:9: rule `e`: `class` cannot be `secrets`; did you mean `secret`?",
            "own.toml:25:11: rule `f`: `entropy` must be a number, found a string; ",
            "own.toml:30:1: rule `g`: unknown key `regexs`; did you mean `regexes`?",
        ];
        // What it says of rules that are not here is not held against it: they may be among the wrong ones.
        assert_eq!(told.len(), expected.len(), "{told:#?}");
        for (told, expected) in told.iter().zip(expected) {
            assert!(told.starts_with(expected), "{told}");
        }
        let both = "[extend]\npath = 'wrong.toml'\n[[rules]]\nid = 'a'\nregex = '('\n";
        let told = load(both).expect_err("both are wrong").to_string();
        assert!(told.starts_with("wrong.toml:2:1: rule `x*`: its id"), "{told}");
        assert!(told.contains("\nown.toml:4:1: rule `a`: its regex"), "{told}");
    }

    #[test]
    fn what_is_no_toml_is_told_once_with_the_rule_that_it_stands_in() {
        let error = |text: &str| load(text).expect_err("it is wrong").to_string();
        let open = "[[rules]]\nid = 'a'\nregex = 'a'\n[[rules]]\nid = 'b'\nregex = \"b\n[[rules]]\nid = c\n";
        assert!(error(open).starts_with("own.toml:6:11: rule `b`: invalid "), "{}", error(open));
        assert_eq!(error(open).lines().count(), 1);
        assert!(error("[extend\n").starts_with("own.toml:1:8: "), "{}", error("[extend\n"));
        let single = error("[rules]\nid = 'a'\n");
        let expected = "own.toml:1:1: `rules` must be a list of tables, found a table; write `[[rules]]` above each";
        assert_eq!(single, expected);
        let twice = error("[[rules]]\nid = 'a'\nregex = 'a'\nregex = 'b'\n");
        let expected = "own.toml:4:1: rule `a`: `regex` is there twice; remove one of the two";
        assert!(twice.starts_with(expected), "{twice}");
        let key = error("[[rule]]\nid = 'a'\n");
        assert_eq!(key, "own.toml:1:3: unknown key `rule`; did you mean `rules`?");
        let word = error("rules = ['a']\n");
        assert!(
            word.contains("rule `#1`: `rules` must be a list of tables, found a string"),
            "{word}"
        );
    }

    #[test]
    fn so_many_faults_are_told_and_further_ones_counted() {
        let wrong = |rules: usize| {
            let rule = |id: usize| format!("[[rules]]\nid = 'a{id}'\nregex = '('\n");
            let text: String = (0..rules).map(rule).collect();
            load(&text).expect_err("it is wrong").faults
        };
        let (all, more) = (wrong(FAULTS_MAX), wrong(FAULTS_MAX + 2));
        assert_eq!((all.len(), more.len()), (FAULTS_MAX, FAULTS_MAX));
        assert_eq!(all.last().map(|last| last.what.contains("more")), Some(false));
        assert!(
            more.last().is_some_and(|last| last.what.ends_with("; and 2 more are wrong behind it"))
        );
    }
}
