//! A scenario: a YAML file that says what flags can say.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, ensure};
use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use serde_saphyr::{Error, UserMessageFormatter};

use super::settings::Settings;
use crate::suggest::nearest;
use crate::terminal::shortened;

/// The most bytes of a scenario.
const SCENARIO_BYTES_MAX: u64 = 4 << 20;
/// Of it, what is quoted.
const QUOTED_CHARS_MAX: usize = 80;

/// Reads a scenario. An error names file, line and column.
pub(super) fn read(path: &Path) -> Result<Settings> {
    let shown = path.display();
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(SCENARIO_BYTES_MAX + 1).read_to_string(&mut text))
        .with_context(|| format!("cannot read the scenario {shown}"))?;
    ensure!(
        text.len() as u64 <= SCENARIO_BYTES_MAX,
        "the scenario {shown} is larger than the limit of 4 MiB"
    );
    let options = serde_saphyr::options! { with_snippet: false, strict_booleans: true };
    let settings: Result<Settings, _> = serde_saphyr::from_str_with_options(&text, options);
    let mut settings = settings.map_err(|error| anyhow!("{shown}{}", explain(&error, &text)))?;
    settings.relative_to(path.parent().unwrap_or(Path::new(".")));
    Ok(settings)
}

/// Where it is wrong, and how.
fn explain(error: &Error, text: &str) -> String {
    let unknown = |what: &str, word: &str, expected: &[&'static str]| {
        let hint = nearest(word, expected.iter().copied());
        let hint = hint.map_or(String::new(), |known| format!(" (did you mean `{known}`?)"));
        let word = shortened(word, QUOTED_CHARS_MAX);
        format!("{what} `{word}`{hint}: there are {}", expected.join(", "))
    };
    let said = match error {
        Error::SerdeUnknownField { field, expected, .. } => unknown("no key", field, expected),
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            unknown("no word", variant, expected)
        }
        other => other.render_with_formatter(&UserMessageFormatter),
    };
    let Some(location) = error.location() else { return format!(": {said}") };
    let (line, column) = (location.line(), location.column());
    // The library says it at the end, in its own words.
    let said = said.trim_end_matches(&format!(" at line {line}, column {column}"));
    let said = in_our_words(said, &Place::new(text, line, column));
    format!(":{line}:{column}: {said}")
}

/// Where a text is wrong.
struct Place<'t> {
    /// The whole line.
    line: &'t str,
    /// From there to its end, less a comment.
    rest: &'t str,
    /// Whether it is within brackets or braces, where a value ends at more than the line's end.
    in_flow: bool,
}

impl<'t> Place<'t> {
    fn new(text: &'t str, line: u64, column: u64) -> Self {
        let number = usize::try_from(line).unwrap_or(usize::MAX).saturating_sub(1);
        let column = usize::try_from(column).unwrap_or(usize::MAX).saturating_sub(1);
        let begins = text.split_inclusive('\n').take(number).map(str::len).sum();
        let line = text.get(begins..).and_then(|text| text.lines().next()).unwrap_or_default();
        let at = line.char_indices().nth(column).map_or(line.len(), |(at, _)| at);
        let before = text.get(..begins + at).unwrap_or_default();
        let rest = line.get(at..).and_then(|rest| rest.split(" #").next()).unwrap_or_default();
        let in_flow = before.matches(['[', '{']).count() > before.matches([']', '}']).count();
        Self { line, rest: rest.trim(), in_flow }
    }

    /// The value that begins there.
    fn value(&self) -> Cow<'t, str> {
        let ends: &[char] = if self.in_flow { &[',', ']', '}'] } else { &[] };
        let value = self.rest.split(ends).next().unwrap_or_default().trim();
        shortened(value, QUOTED_CHARS_MAX)
    }

    /// The list that begins there, without its brackets and blanks, if it can stand in a text.
    fn list(&self) -> Option<String> {
        let (list, _) = self.rest.strip_prefix('[')?.split_once(']')?;
        let plain = !list.trim().is_empty() && !list.contains(['[', '{', '\'', '"']);
        let list = list.split(',').map(str::trim).collect::<Vec<_>>().join(",");
        plain.then(|| shortened(&list, QUOTED_CHARS_MAX).into_owned())
    }
}

/// What the library says of a value, for whoever writes scenarios; else its own words.
fn in_our_words(said: &str, place: &Place<'_>) -> String {
    const INDENTED: &str = "this line's indentation fits none of the lines above: begin the keys of \
                            one entry in the same column";
    const COLONS: &str = "a second `: ` in one line: put the value in quotes, or its keys on lines of \
                          their own";
    let value = place.value();
    let keys = |text: &str| text.split_whitespace().filter(|word| word.ends_with(':')).count();
    match said {
        "expected mapping start" if keys(&value) > 0 => COLONS.to_owned(),
        said if said.contains("mapping values are not allowed") && keys(place.line) > 1 => {
            COLONS.to_owned()
        }
        "expected string scalar" if place.rest.starts_with('[') => {
            let shown = place.list().map(|list| format!(", '{list}'")).unwrap_or_default();
            format!("a list stands here: write it as text{shown}")
        }
        "expected string scalar" => {
            "a text or a number is expected here, and it is neither".to_owned()
        }
        "expected sequence start" => {
            "a list is expected here: begin each of its entries with `- `".to_owned()
        }
        "expected mapping start" => {
            "keys with values are expected here: write them as `key: value`".to_owned()
        }
        "invalid u64" => {
            format!("`{value}` is not a whole number from 0 on: write one in digits, as 10")
        }
        "invalid floating point" => {
            format!("`{value}` is not a number: write one in digits, as 5 or 0.5")
        }
        said if said.contains("expected '-' indicator")
            || said.contains("mapping values are not allowed") =>
        {
            INDENTED.to_owned()
        }
        said => said.to_owned(),
    }
}

/// The JSON Schema of scenarios.
pub(crate) fn schema() -> serde_json::Value {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(tidy));
    settings.into_generator().into_root_schema_for::<Settings>().to_value()
}

/// A key that is left out says nothing: `null` is no default. Descriptions are one line.
fn tidy(schema: &mut Schema) {
    if schema.get("default").is_some_and(serde_json::Value::is_null) {
        schema.remove("default");
    }
    if let Some(serde_json::Value::String(text)) = schema.get_mut("description") {
        *text = text.replace('\n', " ");
    }
}
