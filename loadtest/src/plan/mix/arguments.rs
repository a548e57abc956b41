//! Arguments of a tool: a JSON object, or the file that holds one.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::terminal::shortened;

/// The most bytes of arguments.
const ARGUMENTS_BYTES_MAX: usize = 4 << 20;
/// Of what is none, what is quoted.
const QUOTED_CHARS_MAX: usize = 80;

/// Arguments of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Arguments {
    /// A JSON object.
    Json(String),
    /// Of one.
    File(PathBuf),
}

impl Arguments {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix('@') {
            return Ok(Self::File(path.into()));
        }
        object(text).map(Self::Json)
    }

    pub(super) fn read(self) -> Result<String> {
        match self {
            Self::Json(json) => Ok(json),
            Self::File(path) => {
                let shown = path.display();
                let text = fs::read_to_string(&path)
                    .with_context(|| format!("cannot read the arguments in {shown}"))?;
                object(&text).map_err(|why| anyhow::anyhow!("the arguments in {shown}: {why}"))
            }
        }
    }
}

impl std::str::FromStr for Arguments {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }
}

impl<'de> Deserialize<'de> for Arguments {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Value::deserialize(from)? {
            Value::String(text) => Self::parse(&text).map_err(D::Error::custom),
            Value::Object(object) => Ok(Self::Json(Value::Object(object).to_string())),
            other => {
                let other = other.to_string();
                let other = shortened(&other, QUOTED_CHARS_MAX);
                Err(D::Error::custom(format!("`{other}` is neither a mapping nor a text")))
            }
        }
    }
}

impl JsonSchema for Arguments {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Arguments".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["object", "string"],
            "examples": [{ "query": "refund" }, "@arguments.json"],
        })
    }
}

/// The text, less white space around it, if it is a JSON object.
fn object(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.len() > ARGUMENTS_BYTES_MAX {
        return Err(format!("{} bytes are more than the limit of 4 MiB", text.len()));
    }
    let object: Result<Map<String, Value>, _> = serde_json::from_str(text);
    object.map(|_| text.to_owned()).map_err(|error| {
        format!("no JSON object: {error}; write one as {{\"query\":\"refund\"}}, or @FILE")
    })
}
