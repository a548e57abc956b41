//! One operation of a mix, as a scenario has it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::words::{Sizes, Time};
use super::super::{Call, Era, Expect, NAME_BYTES_MAX, Operation, Part, Size};
use super::Kind;
use super::arguments::Arguments;

/// The tool that is called where none is named: one that the mock has.
const TOOL: &str = "echo";
const HOLD: Duration = Duration::from_secs(10);
const HOLD_MAX: Duration = Duration::from_hours(24);
const WEIGHT_MAX: f64 = 1e9;

/// An operation of a scenario.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Operation")]
pub(crate) struct Words {
    /// What is sent.
    pub(super) operation: Kind,
    /// How often, beside the weights of the others.
    #[serde(default = "one")]
    pub(super) weight: f64,
    /// Of `call`: the tool's name. Default: echo, which the mock has.
    #[serde(default)]
    pub(super) tool: Option<String>,
    /// Of `call`: a mapping, or a JSON object as text, or @FILE with one.
    #[serde(default)]
    pub(super) arguments: Option<Arguments>,
    /// Of `call`: bytes of random letters that are sent along, as the argument `padding`.
    #[serde(default)]
    pub(super) padding: Option<Sizes>,
    /// Of `call`: whether progress is asked for, so that the answer may be a stream.
    #[serde(default)]
    pub(super) progress: Option<bool>,
    /// Of `call`: which answer is a success.
    #[serde(default)]
    pub(super) expect: Option<Expect>,
    /// Of `read`: the resource.
    #[serde(default)]
    pub(super) uri: Option<String>,
    /// Of `prompt`: the prompt's name.
    #[serde(default)]
    pub(super) prompt: Option<String>,
    /// Of `stream`: how long it stays open. Default: 10s.
    #[serde(default)]
    pub(super) hold: Option<Time>,
}

fn one() -> f64 {
    1.0
}

impl Words {
    /// `call` of the tool that is there by default.
    pub(in crate::plan) fn call() -> Self {
        Self {
            operation: Kind::Call,
            weight: one(),
            tool: None,
            arguments: None,
            padding: None,
            progress: None,
            expect: None,
            uri: None,
            prompt: None,
            hold: None,
        }
    }

    pub(in crate::plan) fn relative_to(&mut self, folder: &Path) {
        if let Some(Arguments::File(path)) = &mut self.arguments {
            *path = folder.join(&*path);
        }
    }

    pub(super) fn part(self, era: Era) -> Result<Part> {
        ensure!(
            (0.0..=WEIGHT_MAX).contains(&self.weight),
            "the weight {:?} is none: write a number from 0 to {WEIGHT_MAX}",
            self.weight
        );
        self.has_only_its_own()?;
        let weight = self.weight;
        let operation = match self.operation {
            Kind::Call => Operation::Call(self.into_call()?),
            Kind::List => Operation::List,
            Kind::Read => Operation::Read { uri: name("uri", "the resource", self.uri)? },
            Kind::Prompt => {
                Operation::Prompt { name: name("prompt", "the prompt's name", self.prompt)? }
            }
            Kind::Ping => {
                ensure!(era == Era::Legacy, "the modern era has no ping: take --era legacy");
                Operation::Ping
            }
            Kind::Init => Operation::Initialize,
            Kind::Stream => {
                let hold = self.hold.map_or(HOLD, |Time(hold)| hold);
                ensure!(hold <= HOLD_MAX, "`hold` is more than the limit of 24 h");
                Operation::Stream { hold }
            }
        };
        Ok(Part { weight, operation })
    }

    /// What is said of an operation and means nothing for it was meant for another.
    fn has_only_its_own(&self) -> Result<()> {
        let keys = [
            ("tool", Kind::Call, self.tool.is_some()),
            ("arguments", Kind::Call, self.arguments.is_some()),
            ("padding", Kind::Call, self.padding.is_some()),
            ("progress", Kind::Call, self.progress.is_some()),
            ("expect", Kind::Call, self.expect.is_some()),
            ("uri", Kind::Read, self.uri.is_some()),
            ("prompt", Kind::Prompt, self.prompt.is_some()),
            ("hold", Kind::Stream, self.hold.is_some()),
        ];
        let foreign = keys.iter().find(|(_, kind, given)| *given && *kind != self.operation);
        match foreign {
            Some((key, kind, _)) => bail!("`{key}` is for `{}` only", kind.word()),
            None => Ok(()),
        }
    }

    fn into_call(self) -> Result<Call> {
        let tool = name("tool", "the tool's name", Some(self.tool.unwrap_or(TOOL.into())))?;
        let arguments = self.arguments.map_or(Ok("{}".into()), Arguments::read)?;
        let padding_bytes = self.padding.map_or(Size::Fixed(0), |Sizes(size)| size);
        if padding_bytes != Size::Fixed(0) {
            let members: Map<String, Value> = serde_json::from_str(&arguments)?;
            ensure!(
                !members.contains_key("padding"),
                "the arguments have a member `padding` already: leave out one of the two"
            );
        }
        Ok(Call {
            tool,
            arguments,
            padding_bytes,
            progress: self.progress.unwrap_or_default(),
            expect: self.expect.unwrap_or_default(),
        })
    }
}

/// A name that has to be there and can stand in a header.
fn name(key: &str, what: &str, value: Option<String>) -> Result<String> {
    let value = value.with_context(|| format!("it needs `{key}` (--{key}), {what}"))?;
    ensure!(!value.is_empty(), "`{key}` is empty: write {what}");
    ensure!(
        value.len() <= NAME_BYTES_MAX && !value.contains(char::is_control),
        "`{key}` is longer than {NAME_BYTES_MAX} bytes or has a control character"
    );
    Ok(value)
}
