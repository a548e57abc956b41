//! The JSON Schema of the file, from the table of keys.

use serde_json::{Map, Value as Json, json};

use crate::keys::{Key, ROOT, Section, Value};

/// Where the schema is published: its `$id`, and what a file names in its first line.
pub const SCHEMA_URL: &str = "https://raw.githubusercontent.com/penstock/penstock/main/dataplane/config/penstock.schema.json";

/// The JSON Schema (draft 2020-12) that editors check a configuration with. It knows the keys, their
/// types and which belong together; ranges and what names refer to are checked by [`crate::load`].
pub fn schema() -> Json {
    let mut definitions = Map::new();
    let mut root = section(&ROOT, &mut definitions);
    definitions.insert(
        "reference".to_owned(),
        json!({
            "description": "Taken from the environment or from a file when the configuration is loaded.",
            "type": "string",
            "pattern": r"\$\{(env:[A-Za-z_][A-Za-z0-9_]*|file:[^}]+)\}",
        }),
    );
    refine(&mut definitions);
    if let Json::Object(root) = &mut root {
        root.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        root.insert("$id".to_owned(), json!(SCHEMA_URL));
        root.insert("title".to_owned(), json!("penstock configuration"));
        root.insert("required".to_owned(), json!(["listeners", "upstreams", "servers"]));
        root.insert("$defs".to_owned(), Json::Object(definitions));
    }
    root
}

/// What is required, and which keys exclude each other.
fn refine(definitions: &mut Map<String, Json>) {
    let rules = [
        (
            "listener",
            json!({
                "oneOf": [{ "required": ["address"] }, { "required": ["unix"] }],
                "dependentRequired": { "mode": ["unix"] },
                "if": { "properties": { "forward": { "const": true } }, "required": ["forward"] },
                "then": { "properties": { "tls": false, "hosts": false, "origins": false } },
            }),
        ),
        (
            "listener_tls",
            json!({
                "required": ["certificate", "key"],
                "dependentRequired": { "client_certificate": ["client_ca"] },
            }),
        ),
        (
            "upstream",
            json!({
                "oneOf": [
                    { "anyOf": [{ "required": ["url"] }, { "required": ["unix"] }] },
                    { "required": ["command"] },
                ],
                "dependentRequired": {
                    "args": ["command"],
                    "env": ["command"],
                    "directory": ["command"],
                    "process": ["command"],
                    "line_bytes": ["command"],
                    "processes": ["command"],
                    "session_idle_timeout": ["command"],
                    "tls": ["url"],
                },
            }),
        ),
        (
            "upstream_tls",
            json!({
                "dependentRequired": { "certificate": ["key"], "key": ["certificate"] },
            }),
        ),
        ("server", json!({ "required": ["upstream"] })),
        (
            "agent",
            json!({
                "not": {
                    "anyOf": [
                        { "required": ["cgroup", "unit"] },
                        { "required": ["cgroup", "user"] },
                        { "required": ["unit", "user"] },
                    ],
                },
                "dependentRequired": {
                    "forward_connections": ["forward"],
                    "forward_bytes": ["forward"],
                },
            }),
        ),
        ("admin", json!({ "required": ["address"] })),
        (
            "action",
            json!({
                "required": ["action"],
                "not": { "required": ["class", "rule"] },
                "if": { "required": ["keep"] },
                "then": { "properties": { "action": { "const": "redact" } } },
            }),
        ),
    ];
    for (name, rule) in rules {
        if let (Some(Json::Object(definition)), Json::Object(rule)) =
            (definitions.get_mut(name), rule)
        {
            definition.extend(rule);
        }
    }
}

fn section(section: &Section, definitions: &mut Map<String, Json>) -> Json {
    let properties: Map<String, Json> =
        section.keys.iter().map(|key| (key.name.to_owned(), property(key, definitions))).collect();
    json!({
        "description": section.doc,
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

fn property(key: &Key, definitions: &mut Map<String, Json>) -> Json {
    let mut schema = match type_of(&key.value, definitions) {
        Json::Object(schema) => schema,
        _ => Map::new(),
    };
    schema.insert("description".to_owned(), json!(describe(key)));
    // Where the default is no value that the file could hold, the description says it.
    let default = match key.value {
        Value::Size(..) | Value::Time(..) | Value::Choice(_) | Value::AutoOrCount(_) => {
            Some(json!(key.default)).filter(|_| !key.default.is_empty())
        }
        Value::Count(..) | Value::Decimal(..) | Value::Flag => key.default.parse().ok(),
        _ => None,
    };
    if let Some(default) = default {
        schema.insert("default".to_owned(), default);
    }
    Json::Object(schema)
}

fn describe(key: &Key) -> String {
    let mut text = key.doc.to_owned();
    let (min, max) = match &key.value {
        Value::Size(min, max) | Value::Time(min, max) | Value::Decimal(min, max) => {
            ((*min).to_owned(), (*max).to_owned())
        }
        Value::Count(min, max) => (min.to_string(), max.to_string()),
        Value::AutoOrCount(max) => ("1".to_owned(), max.to_string()),
        _ => (String::new(), String::new()),
    };
    if !max.is_empty() {
        text.extend([" From ", &min, " to ", &max, "."]);
    }
    if !key.default.is_empty() {
        text.extend([" Default: ", key.default, "."]);
    }
    text
}

fn type_of(value: &Value, definitions: &mut Map<String, Json>) -> Json {
    match value {
        Value::Size(..) => or_reference(
            &json!({ "type": "string", "pattern": "^[0-9]+ *(B|kB|KiB|MB|MiB|GB|GiB)$" }),
        ),
        Value::Time(..) => {
            or_reference(&json!({ "type": "string", "pattern": "^[0-9]+ *(ms|s|m|h|d)$" }))
        }
        Value::Count(min, max) => {
            or_reference(&json!({ "type": "integer", "minimum": min, "maximum": max }))
        }
        Value::Decimal(min, max) => {
            let [min, max] = [min, max].map(|bound| bound.parse::<f64>().ok());
            or_reference(&json!({ "type": "number", "minimum": min, "maximum": max }))
        }
        Value::AutoOrCount(max) => or_reference(&json!({
            "anyOf": [{ "const": "auto" }, { "type": "integer", "minimum": 1, "maximum": max }],
        })),
        Value::Flag => or_reference(&json!({ "type": "boolean" })),
        Value::Choice(values) => or_reference(&json!({ "enum": values })),
        Value::Text("") => json!({ "type": "string", "minLength": 1 }),
        Value::Text(pattern) => or_reference(&json!({ "type": "string", "pattern": pattern })),
        Value::Texts => json!({ "type": "array", "items": scalar() }),
        Value::Words => json!({
            "anyOf": [
                { "type": "string", "minLength": 1 },
                { "type": "array", "items": scalar(), "minItems": 1 },
            ],
        }),
        Value::User => json!({
            "anyOf": [
                { "type": "string", "minLength": 1, "not": { "const": "root" } },
                { "type": "integer", "minimum": 1, "maximum": u32::MAX - 1 },
            ],
        }),
        Value::Variables => json!({
            "type": "object",
            "propertyNames": { "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" },
            "additionalProperties": scalar(),
        }),
        Value::Section(inner) => definition(inner, definitions),
        Value::OffOr(inner) => {
            // What YAML 1.1 makes of `off`, which editors may go by.
            json!({ "anyOf": [{ "enum": ["off", false] }, definition(inner, definitions)] })
        }
        Value::Sections(inner) => {
            json!({ "type": "array", "minItems": 1, "items": definition(inner, definitions) })
        }
        Value::Named(inner, short) => {
            let section = definition(inner, definitions);
            let entry = if *short {
                json!({ "anyOf": [{ "type": "string", "minLength": 1 }, section] })
            } else {
                section
            };
            json!({
                "type": "object",
                "minProperties": 1,
                "propertyNames": { "pattern": "^[a-z0-9-]{1,63}$" },
                "additionalProperties": entry,
            })
        }
    }
}

/// What is read as text whatever it looks like.
fn scalar() -> Json {
    json!({ "type": ["string", "number", "boolean"] })
}

fn or_reference(schema: &Json) -> Json {
    json!({ "anyOf": [schema, { "$ref": "#/$defs/reference" }] })
}

fn definition(inner: &Section, definitions: &mut Map<String, Json>) -> Json {
    if !definitions.contains_key(inner.name) {
        let schema = section(inner, definitions);
        definitions.insert(inner.name.to_owned(), schema);
    }
    json!({ "$ref": format!("#/$defs/{}", inner.name) })
}
