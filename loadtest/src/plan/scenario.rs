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
    let mut settings = settings.map_err(|error| anyhow!("{shown}{}", explain(&error)))?;
    settings.relative_to(path.parent().unwrap_or(Path::new(".")));
    Ok(settings)
}

/// Where it is wrong, and how.
fn explain(error: &Error) -> String {
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
    format!(":{line}:{column}: {said}")
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
