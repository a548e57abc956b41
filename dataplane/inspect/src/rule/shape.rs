//! The shape of a file of rules: which keys its tables have, and what stands under each.
//!
//! A table is held against this before it is read, so that all that is wrong with it is told at once: by key, with
//! what stands there and what to write.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use crate::class::Class;
use crate::policy::UnknownRule;

/// The keys of a table: each as it is written, then as it is also met.
pub(super) struct Shape(pub(super) &'static [(&'static [&'static str], Stands)]);

/// What stands under a key.
pub(super) enum Stands {
    Text,
    Flag,
    /// From 0.
    Whole,
    Number,
    Texts,
    Word(fn() -> Vec<&'static str>),
    Table(&'static Shape),
    Tables(&'static Shape),
    /// Tables, each of which is held against its shape by itself.
    Rules,
}

use Stands::{Flag, Number, Rules, Table, Tables, Text, Texts, Whole, Word};

/// A key under which something else stands, or that is not known.
pub(super) struct Misfit {
    pub(super) span: Range<usize>,
    pub(super) what: String,
    pub(super) help: String,
}

/// What a file says beside its rules.
pub(super) static HEAD: Shape = Shape(&[
    (&["title"], Text),
    (&["description"], Text),
    (&["minVersion", "minversion"], Text),
    (&["rules"], Rules),
    (&["extend"], Table(&EXTEND)),
    (&["allowlist"], Table(&ALLOWLIST)),
    (&["allowlists"], Tables(&ALLOWLIST)),
]);

pub(super) static EXTEND: Shape = Shape(&[
    (&["useDefault", "usedefault"], Flag),
    (&["path"], Text),
    (&["disabledRules", "disabledrules"], Texts),
]);

pub(super) static RULE: Shape = Shape(&[
    (&["id"], Text),
    (&["description"], Text),
    (&["regex"], Text),
    (&["path"], Text),
    (&["secretGroup", "secretgroup"], Whole),
    (&["entropy"], Number),
    (&["keywords"], Texts),
    (&["tags"], Texts),
    (&["skipReport", "skipreport"], Flag),
    (&["required"], Tables(&REQUIRED)),
    (&["allowlist"], Table(&ALLOWLIST)),
    (&["allowlists"], Tables(&ALLOWLIST)),
    (&["class"], Word(|| Class::ALL.map(Class::name).to_vec())),
    (&["detector"], Text),
    (&["validator"], Text),
    (&["context"], Texts),
    (&["requireContext"], Flag),
    (&["action"], Text),
    (&["direction"], Text),
    (&["acrossValues"], Flag),
    (&["examples"], Texts),
    (&["counterexamples"], Texts),
]);

pub(super) static REQUIRED: Shape = Shape(&[
    (&["id"], Text),
    (&["withinLines", "withinlines"], Whole),
    (&["withinColumns", "withincolumns"], Whole),
]);

pub(super) static ALLOWLIST: Shape = Shape(&[
    (&["description"], Text),
    (&["id"], Text),
    (
        &["condition"],
        Word(|| vec!["OR", "AND", "", "or", "Or", "||", "any", "and", "And", "&&", "all"]),
    ),
    (&["regexTarget", "regextarget"], Word(|| vec!["secret", "match", "line", ""])),
    (&["regexes"], Texts),
    (&["stopwords", "stopWords"], Texts),
    (&["paths"], Texts),
    (&["commits"], Texts),
    (&["targetRules", "targetrules"], Texts),
]);

/// What of one of a file's rules is not as it should be.
pub(super) fn of_rule(rule: &Spanned<DeValue<'_>>) -> Vec<Misfit> {
    match rule.get_ref() {
        DeValue::Table(table) => RULE.misfits(table, "rules."),
        other => vec![Rules.refuse("rules", other, rule.span(), "")],
    }
}

impl Shape {
    /// What of a table is not as it should be, in its order; `above` stands before its keys in the name of a table.
    pub(super) fn misfits(&self, table: &DeTable<'_>, above: &str) -> Vec<Misfit> {
        let mut all = Vec::new();
        for (key, value) in table {
            let known = self.0.iter().find(|(names, _)| names.contains(&key.get_ref().as_ref()));
            match known {
                Some((_, stands)) => stands.check(key.get_ref(), value, above, &mut all),
                None => all.push(self.unknown(key)),
            }
        }
        all.sort_by_key(|misfit| misfit.span.start);
        all
    }

    fn unknown(&self, key: &Spanned<impl AsRef<str>>) -> Misfit {
        let names = self.0.iter().filter_map(|(names, _)| names.first().copied());
        let name = key.get_ref().as_ref();
        let help = meant(name, names.clone())
            .unwrap_or_else(|| format!("known keys: {}", names.collect::<Vec<_>>().join(", ")));
        Misfit { span: key.span(), what: format!("unknown key `{name}`"), help }
    }
}

impl Stands {
    fn check(&self, key: &str, value: &Spanned<DeValue<'_>>, above: &str, all: &mut Vec<Misfit>) {
        let span = value.span();
        let below = || format!("{above}{key}.");
        match (self, value.get_ref()) {
            (Text, DeValue::String(_))
            | (Flag, DeValue::Boolean(_))
            | (Rules, DeValue::Array(_)) => {}
            (Whole, _) if is_read::<usize>(value) => {}
            (Number, _) if is_read::<f64>(value) => {}
            (Word(known), DeValue::String(word)) => {
                let known = known();
                if !known.contains(&word.as_ref()) {
                    let help =
                        meant(word, known.into_iter()).unwrap_or_else(|| self.help(key, above));
                    all.push(Misfit { span, what: format!("`{key}` cannot be `{word}`"), help });
                }
            }
            (Table(shape), DeValue::Table(table)) => all.extend(shape.misfits(table, &below())),
            (Texts, DeValue::Array(items)) => {
                for (index, item) in
                    items.iter().enumerate().filter(|(_, item)| !item.get_ref().is_str())
                {
                    let name = format!("{key}[{index}]");
                    let misfit = Text.refuse(&name, item.get_ref(), item.span(), above);
                    all.push(Misfit { help: self.help(key, above), ..misfit });
                }
            }
            (Tables(shape), DeValue::Array(items)) => {
                for item in items {
                    match item.get_ref() {
                        DeValue::Table(table) => all.extend(shape.misfits(table, &below())),
                        other => all.push(self.refuse(key, other, item.span(), above)),
                    }
                }
            }
            (_, other) => all.push(self.refuse(key, other, span, above)),
        }
    }

    fn refuse(&self, key: &str, found: &DeValue<'_>, span: Range<usize>, above: &str) -> Misfit {
        let what = format!("`{key}` must be {}, found {}", self.name(), name_of(found));
        Misfit { span, what, help: self.help(key, above) }
    }

    fn name(&self) -> &'static str {
        match self {
            Text | Word(_) => "a string",
            Flag => "true or false",
            Whole => "a whole number from 0",
            Number => "a number",
            Texts => "a list of strings",
            Table(_) => "a table",
            Tables(_) | Rules => "a list of tables",
        }
    }

    /// What to write.
    fn help(&self, key: &str, above: &str) -> String {
        match self {
            Text => format!("write `{key} = '…'`"),
            Flag => format!("write `{key} = true` or `{key} = false`, without quotes"),
            Whole => format!("write digits without quotes, as in `{key} = 1`"),
            Number => format!("write digits without quotes, as in `{key} = 3.5`"),
            Texts => format!("write `{key} = ['…', '…']`"),
            Table(_) => format!("write `[{above}{key}]` above what it says, once"),
            Tables(_) | Rules => format!("write `[[{above}{key}]]` above each"),
            Word(known) => {
                let known = known();
                // One that is met in small letters too is named once.
                let is_first = |(at, word): &(usize, &&str)| {
                    let before = known.iter().take(*at);
                    word.starts_with(char::is_alphabetic)
                        && !before.clone().any(|one| one.eq_ignore_ascii_case(word))
                };
                let words = known.iter().enumerate().filter(is_first).map(|(_, word)| *word);
                format!("write one of: {}", words.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

fn is_read<'d, T: Deserialize<'d>>(value: &Spanned<DeValue<'d>>) -> bool {
    T::deserialize(ValueDeserializer::from(value.clone())).is_ok()
}

/// The one that is probably meant.
fn meant<'k>(word: &str, known: impl Iterator<Item = &'k str> + Clone) -> Option<String> {
    let nearest = UnknownRule::among(word, known)?.nearest?;
    Some(format!("did you mean `{nearest}`?"))
}

/// What stands there; a text is not shown.
fn name_of(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(_) => "a string".into(),
        DeValue::Integer(number) => format!("`{number}`"),
        DeValue::Float(number) => format!("`{number}`"),
        DeValue::Boolean(flag) => format!("`{flag}`"),
        DeValue::Datetime(_) => "a date".into(),
        DeValue::Array(_) => "a list".into(),
        DeValue::Table(_) => "a table".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::RuleSet;

    fn wrong(text: &str) -> Vec<String> {
        let set = RuleSet::from_file("own.toml", text, &mut |path| Err(format!("no file {path}")));
        set.expect_err("it is wrong").faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_does_not_fit_a_key_is_told_by_the_key_with_what_stands_there_and_what_to_write() {
        let rule = "[[rules]]\nid = 'a'\nregex = 'a'\n";
        let words = "write `keywords = ['…', '…']`";
        let lists = "`allowlists` must be a list of tables";
        for (keys, expected) in [
            ("keywords = 'x'", format!("4:12: rule `a`: `keywords` must be a list of strings, found a string; {words}")),
            ("[rules.keywords]\na = 1", format!("4:1: rule `a`: `keywords` must be a list of strings, found a table; {words}")),
            ("keywords = ['x', 1]", format!("4:18: rule `a`: `keywords[1]` must be a string, found `1`; {words}")),
            ("entropy = '3'", "4:11: rule `a`: `entropy` must be a number, found a string; write digits without quotes, as in `entropy = 3.5`".into()),
            ("secretGroup = -1", "4:15: rule `a`: `secretGroup` must be a whole number from 0, found `-1`; write digits without quotes, as in `secretGroup = 1`".into()),
            ("skipReport = 'yes'", "4:14: rule `a`: `skipReport` must be true or false, found a string; write `skipReport = true` or `skipReport = false`, without quotes".into()),
            ("class = ['card']", "4:9: rule `a`: `class` must be a string, found a list; write one of: secret, email, ".into()),
            ("class = 'zebra'", "4:9: rule `a`: `class` cannot be `zebra`; write one of: secret, email, ".into()),
            ("class = 'emial'", "4:9: rule `a`: `class` cannot be `emial`; did you mean `email`?".into()),
            // A list of one was taken for its first key.
            ("allowlist = ['x']", "4:13: rule `a`: `allowlist` must be a table, found a list; write `[rules.allowlist]` above ".into()),
            ("[[rules.allowlist]]", "4:1: rule `a`: `allowlist` must be a table, found a list; ".into()),
            ("[rules.allowlists]", format!("4:1: rule `a`: {lists}, found a table; write `[[rules.allowlists]]` above each")),
            ("allowlists = ['x']", format!("4:15: rule `a`: {lists}, found a string; ")),
            ("[[rules.allowlists]]\ncondition = 'XOR'", "5:13: rule `a`: `condition` cannot be `XOR`; did you mean `OR`?".into()),
            ("[[rules.allowlists]]\ncondition = 'none'", "5:13: rule `a`: `condition` cannot be `none`; write one of: OR, AND, any, all".into()),
            ("banana = 1", "4:1: rule `a`: unknown key `banana`; known keys: id, description, regex, path, secretGroup, entropy, ".into()),
        ] {
            let told = wrong(&format!("{rule}{keys}\n"));
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].starts_with(&format!("own.toml:{expected}")), "{} {expected}", told[0]);
        }
        for (head, expected) in [
            ("title = 1\n", "1:9: `title` must be a string, found `1`; write `title = '…'`"),
            (
                "[[extend]]\n",
                "1:1: `extend` must be a table, found a list; write `[extend]` above what it says, once",
            ),
            (
                "[extend]\npath = 1979-05-27\n",
                "2:8: `path` must be a string, found a date; write `path = '…'`",
            ),
            (
                "rules = 5\n",
                "1:9: `rules` must be a list of tables, found `5`; write `[[rules]]` above each",
            ),
        ] {
            assert_eq!(wrong(head)[0], format!("own.toml:{expected}"));
        }
    }

    #[test]
    fn all_keys_of_a_rule_that_do_not_fit_are_told() {
        let told = wrong(
            "[[rules]]\nid = 'a'\nregexp = 'a'\nkeywords = 'x'\nallowlist = { regexes = 'x' }\n",
        );
        let keys = ["`regexp`", "`keywords`", "`regexes`"];
        assert_eq!(told.len(), keys.len(), "{told:?}");
        for (told, key) in told.iter().zip(keys) {
            assert!(told.contains(key), "{told}");
        }
    }
}
