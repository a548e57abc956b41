//! A scenario: a YAML file that says what flags can say.

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

/// The most bytes of a scenario.
const SCENARIO_BYTES_MAX: u64 = 4 << 20;

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
    let at = usize::try_from(line).ok().and_then(|line| text.lines().nth(line.checked_sub(1)?));
    let from = usize::try_from(column).ok().and_then(|column| column.checked_sub(1));
    let value: String = at.unwrap_or_default().chars().skip(from.unwrap_or(0)).collect();
    let value = value.split(" #").next().unwrap_or_default().trim();
    let said = in_our_words(said, value).unwrap_or_else(|| said.to_owned());
    format!(":{line}:{column}: {said}")
}

/// What the library says of a value, for whoever writes scenarios.
fn in_our_words(said: &str, value: &str) -> Option<String> {
    const INDENTED: &str = "this line's indentation fits none of the lines above: begin the keys of \
                            one entry in the same column";
    Some(match said {
        "expected string scalar" => match value.strip_prefix('[') {
            Some(list) => {
                let list = list.trim_end_matches(']').split(',').map(str::trim);
                let list = list.collect::<Vec<_>>().join(",");
                let shown = if list.is_empty() { String::new() } else { format!(", '{list}'") };
                format!("a list stands here: write it as text{shown}")
            }
            None => "a text or a number is expected here, and it is neither".to_owned(),
        },
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
        _ => return None,
    })
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
