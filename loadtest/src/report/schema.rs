//! The JSON Schema of the report.

use serde_json::Value;

use super::model::{Report, SCHEMA_VERSION};

/// What a report of this version is (draft 2020-12). Of another version it holds nothing.
pub(crate) fn schema() -> Value {
    let mut schema = schemars::schema_for!(Report).to_value();
    if let Some(version) = schema.pointer_mut("/properties/schemaVersion") {
        version["const"] = SCHEMA_VERSION.into();
    }
    schema["title"] = "report of penstock-loadtest".into();
    schema
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn reports_are_what_the_schema_says() {
        let schema = schema();
        jsonschema::meta::validate(&schema).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        for report in [sample::steady(), sample::searched(), sample::nothing()] {
            let json = serde_json::to_value(&report).unwrap();
            let errors: Vec<_> = validator.iter_errors(&json).map(|e| e.to_string()).collect();
            assert!(errors.is_empty(), "{errors:?}");
        }
    }

    #[test]
    fn another_version_is_not() {
        let validator = jsonschema::validator_for(&schema()).unwrap();
        let mut json = serde_json::to_value(sample::steady()).unwrap();
        json["schemaVersion"] = (SCHEMA_VERSION + 1).into();
        assert!(!validator.is_valid(&json));
    }

    #[test]
    fn every_field_says_what_it_is_or_has_a_name_that_does() {
        let text = schema().to_string();
        for said in ["Since the end of the warm-up", "HdrHistogram's V2 form", "RFC 3339, UTC."] {
            assert!(text.contains(said), "{said}");
        }
    }
}
