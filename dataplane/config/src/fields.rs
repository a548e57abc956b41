//! Reads a mapping by its section of the table of keys.
//!
//! A value that is wrong is reported and its default read in its place, so that reading goes on and
//! finds the next problem; nothing read from a file with an error is ever used.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use crate::context::{Context, Text, shown};
use crate::keys::{Key, Section, Value};
use crate::references::Expect;
use crate::suggest;
use crate::units;
use crate::yaml::{Entry, Kind, Node};

pub(crate) struct Fields<'a> {
    pub(crate) cx: &'a Context<'a>,
    /// Where the section's key stands, for problems with the section as a whole.
    pub(crate) span: Range<usize>,
    section: &'static Section,
    place: String,
    entries: &'a [Entry],
}

impl<'a> Fields<'a> {
    /// Reads `node` as `section`; `place` names it in messages and is empty for the file itself.
    pub(crate) fn open(
        cx: &'a Context<'a>,
        section: &'static Section,
        node: &'a Node,
        span: &Range<usize>,
        place: &str,
    ) -> Option<Self> {
        let Kind::Map(entries) = &node.kind else {
            let whole = if place.is_empty() { "the file" } else { &format!("`{place}`") };
            let message = format!("{whole} must be a mapping, found {}", node.kind.name());
            let first = section.keys.first().map_or("key", |key| key.name);
            cx.error(&node.span, message, &format!("write `{first}: …` and the like below it"));
            return None;
        };
        let fields = Self { cx, span: span.clone(), section, place: place.to_owned(), entries };
        fields.refuse_unknown();
        Some(fields)
    }

    fn refuse_unknown(&self) {
        let names: Vec<_> = self.section.keys.iter().map(|key| key.name).collect();
        for entry in self.entries.iter().filter(|entry| !names.contains(&entry.key.as_str())) {
            if self.cx.is_full() {
                return;
            }
            let place =
                if self.place.is_empty() { "the file" } else { &format!("`{}`", self.place) };
            let message = format!("unknown key {} in {place}", shown(&entry.key));
            let meant = suggest::known_elsewhere(&entry.key, &names)
                .or_else(|| suggest::nearest(&entry.key, names.iter().copied()));
            let help = match meant {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("known keys: {}", names.join(", ")),
            };
            self.cx.error(&entry.span, message, &help);
        }
    }

    /// `place.name`, as messages name a key.
    pub(crate) fn named(&self, name: &str) -> String {
        if self.place.is_empty() { name.to_owned() } else { format!("{}.{name}", self.place) }
    }

    pub(crate) fn entry(&self, name: &str) -> Option<&'a Entry> {
        debug_assert!(self.key(name).is_some(), "{name} is not in the table of keys");
        self.entries.iter().find(|entry| entry.key == name)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.entry(name).is_some()
    }

    /// Whether one value stands at a key.
    pub(crate) fn is_scalar(&self, name: &str) -> bool {
        self.entry(name).is_some_and(|entry| matches!(entry.value.kind, Kind::Scalar(_)))
    }

    /// Where a key's value stands, or the section where the key is absent.
    pub(crate) fn span_of(&self, name: &str) -> Range<usize> {
        self.entry(name).map_or_else(|| self.span.clone(), |entry| entry.value.span.clone())
    }

    /// Where a key stands, or the section where it is absent.
    pub(crate) fn key_span(&self, name: &str) -> Range<usize> {
        self.entry(name).map_or_else(|| self.span.clone(), |entry| entry.span.clone())
    }

    pub(crate) fn size<T: TryFrom<u64> + Default>(&self, name: &str) -> T {
        let Some(Key { value: Value::Size(min, max), default, .. }) = self.key(name) else {
            return T::default();
        };
        let read = self.amount(name, (min, max), default, units::size);
        T::try_from(read).unwrap_or_default()
    }

    pub(crate) fn time(&self, name: &str) -> Duration {
        let Some(Key { value: Value::Time(min, max), default, .. }) = self.key(name) else {
            return Duration::ZERO;
        };
        self.amount(name, (min, max), default, units::duration)
    }

    pub(crate) fn count(&self, name: &str) -> u32 {
        let Some(Key { value: Value::Count(min, max), default, .. }) = self.key(name) else {
            return 0;
        };
        let whole = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let number = if digits { text.parse().ok() } else { None };
            number.ok_or_else(|| format!("write a whole number from {min} to {max}"))
        };
        let bounds = (min.to_string(), max.to_string());
        self.amount(name, (&bounds.0, &bounds.1), default, whole)
    }

    /// Thousandths.
    pub(crate) fn decimal(&self, name: &str) -> u32 {
        let Some(Key { value: Value::Decimal(min, max), default, .. }) = self.key(name) else {
            return 0;
        };
        self.amount(name, (min, max), default, units::thousandths)
    }

    /// A number with a unit or without, within its bounds.
    fn amount<T: PartialOrd + Default>(
        &self,
        name: &str,
        (min, max): (&str, &str),
        default: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> T {
        let fallback = parse(default).unwrap_or_default();
        let Some(text) = self.text(name) else { return fallback };
        let what = self.named(name);
        let amount = match parse(&text.value) {
            Ok(amount) => amount,
            Err(help) => {
                self.cx.reject(&text, format!("`{what}` cannot be {}", text.shown()), &help);
                return fallback;
            }
        };
        let at_least = parse(min).map_or(true, |min| min <= amount);
        let at_most = parse(max).map_or(true, |max| amount <= max);
        if at_least && at_most {
            return amount;
        }
        let message = format!("`{what}` is out of range: {}", text.shown());
        self.cx.error(&text.span, message, &format!("write a value from {min} to {max}"));
        fallback
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.flag_if_right(name).unwrap_or_else(|| self.default_of_flag(name))
    }

    fn default_of_flag(&self, name: &str) -> bool {
        self.key(name).is_some_and(|key| key.default == "true")
    }

    /// None where what stands there is wrong, which has been said then.
    pub(crate) fn flag_if_right(&self, name: &str) -> Option<bool> {
        if !self.has(name) {
            return Some(self.default_of_flag(name));
        }
        let text = self.text(name)?;
        match text.value.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => {
                let message =
                    format!("`{}` must be true or false, found {}", self.named(name), text.shown());
                let help = "write `true` or `false`: `yes`, `no`, `on` and `off` are not used";
                self.cx.error(&text.span, message, help);
                None
            }
        }
    }

    /// One of the values that the table allows.
    pub(crate) fn choice(&self, name: &str) -> &'static str {
        let Some(Key { value: Value::Choice(values), default, .. }) = self.key(name) else {
            return "";
        };
        let Some(text) = self.text(name) else { return default };
        if let Some(value) = values.iter().find(|value| **value == text.value) {
            return value;
        }
        let message = format!("`{}` cannot be {}", self.named(name), text.shown());
        let help = match suggest::nearest(&text.written, values.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("write one of: {}", values.join(", ")),
        };
        self.cx.error(&text.span, message, &help);
        default
    }

    pub(crate) fn text(&self, name: &str) -> Option<Text> {
        self.cx.text(&self.entry(name)?.value, &self.named(name))
    }

    /// A text that must be there.
    pub(crate) fn required(&self, name: &str, help: &str) -> Option<Text> {
        if !self.has(name) {
            self.cx.error(&self.span, format!("`{}` lacks `{name}`", self.place), help);
            return None;
        }
        self.text(name)
    }

    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        self.cx.path(&self.text(name)?, &self.named(name))
    }

    /// A file that must be there when the configuration is loaded.
    pub(crate) fn file(&self, name: &str) -> Option<PathBuf> {
        self.cx.existing(&self.text(name)?, &self.named(name), Expect::File)
    }

    pub(crate) fn folder(&self, name: &str) -> Option<PathBuf> {
        self.cx.existing(&self.text(name)?, &self.named(name), Expect::Folder)
    }

    /// A list of texts; those that are wrong are reported and left out.
    pub(crate) fn texts(&self, name: &str) -> Option<Vec<Text>> {
        let entry = self.entry(name)?;
        let what = self.named(name);
        let Kind::List(items) = &entry.value.kind else {
            let message = format!("`{what}` must be a list, found {}", entry.value.kind.name());
            let help = match &entry.value.kind {
                Kind::Scalar(text) => format!("write [{}]", shown(text).replace('`', "\"")),
                _ => "write `[first, second]`, or one `- item` a line".to_owned(),
            };
            self.cx.error(&entry.value.span, message, &help);
            return None;
        };
        let item = |(index, item): (usize, &'a std::rc::Rc<Node>)| {
            self.cx.text(item, &format!("{what}[{index}]"))
        };
        Some(items.iter().enumerate().filter_map(item).collect())
    }

    pub(crate) fn section(&self, name: &str) -> Option<Fields<'a>> {
        let entry = self.entry(name)?;
        let Some(Key { value: Value::Section(section) | Value::OffOr(section), .. }) =
            self.key(name)
        else {
            return None;
        };
        Fields::open(self.cx, section, &entry.value, &entry.span, &self.named(name))
    }

    /// Refuses keys that mean nothing beside what is configured.
    pub(crate) fn refuse(&self, names: &[&str], because: &str, help: &str) {
        for entry in names.iter().filter_map(|name| self.entry(name)) {
            let message = format!("`{}` {because}", self.named(&entry.key));
            self.cx.error(&entry.span, message, help);
        }
    }

    fn key(&self, name: &str) -> Option<&'static Key> {
        self.section.keys.iter().find(|key| key.name == name)
    }
}
