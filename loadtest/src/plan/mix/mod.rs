//! What is called: a mix of operations, from flags or from a scenario.

mod arguments;
mod operation;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use schemars::JsonSchema;
use serde::Deserialize;

use super::settings::TRAFFIC;
use super::words::{Sizes, Time};
use super::{Era, Expect, Part};
use crate::suggest::nearest;
use crate::units;
use arguments::Arguments;
pub(crate) use operation::Words;

/// The most operations in a mix.
const MIX_MAX: usize = 256;

/// What can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Kind {
    /// `tools/call`.
    Call,
    /// `tools/list`.
    List,
    /// `resources/read`.
    Read,
    /// `prompts/get`.
    Prompt,
    /// `ping`, in the legacy era.
    Ping,
    /// `initialize` of a further session, or `server/discover`.
    Init,
    /// A stream that is opened, held and closed.
    Stream,
}

const KINDS: &[(&str, Kind)] = &[
    ("call", Kind::Call),
    ("list", Kind::List),
    ("read", Kind::Read),
    ("prompt", Kind::Prompt),
    ("ping", Kind::Ping),
    ("init", Kind::Init),
    ("stream", Kind::Stream),
];

impl Kind {
    fn word(self) -> &'static str {
        KINDS.iter().find(|(_, kind)| *kind == self).map_or("", |(word, _)| *word)
    }
}

/// The mix, checked.
pub(super) fn parts(mix: Vec<Words>, era: Era) -> Result<Vec<Part>> {
    ensure!(!mix.is_empty(), "the mix is empty: name at least one operation");
    ensure!(mix.len() <= MIX_MAX, "{} operations are more than the limit of {MIX_MAX}", mix.len());
    let mut parts = Vec::new();
    for (number, words) in (1..).zip(mix) {
        let word = words.operation.word();
        let part = words.part(era);
        let part = part.with_context(|| format!("entry {number} of the mix, `{word}`"))?;
        // What is never drawn need not be there.
        if part.weight > 0.0 {
            parts.push(part);
        }
    }
    ensure!(!parts.is_empty(), "every weight in the mix is 0: nothing would be sent");
    Ok(parts)
}

/// The flags that say what is called.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Flags {
    /// What is called, and how often beside the others: of call, list, read, prompt, ping, init and
    /// stream, as 'call=90,list=5,init=2' [default: call].
    #[arg(long, value_name = "MIX", conflicts_with = "replay", help_heading = TRAFFIC)]
    mix: Option<Mix>,
    /// Of call: the tool's name [default: echo, which the mock has].
    #[arg(long, value_name = "NAME", conflicts_with = "replay", help_heading = TRAFFIC)]
    tool: Option<String>,
    /// Of call: the arguments, a JSON object, or @FILE with one [default: {}].
    #[arg(long, value_name = "JSON|@FILE", conflicts_with = "replay", help_heading = TRAFFIC)]
    arguments: Option<Arguments>,
    /// Of call: bytes of random letters that are sent along as the argument `padding`: 1024 or
    /// 100..4096.
    #[arg(long, value_name = "SIZE", conflicts_with = "replay", help_heading = TRAFFIC)]
    padding: Option<Sizes>,
    /// Of call: ask for progress, so that the answer may be a stream.
    #[arg(long, conflicts_with = "replay", help_heading = TRAFFIC)]
    progress: bool,
    /// Of call: which answer is a success; `refusal` tests a policy [default: success].
    #[arg(
        long, value_enum, value_name = "WHICH", conflicts_with = "replay", help_heading = TRAFFIC
    )]
    expect: Option<Expect>,
    /// Of read: the resource.
    #[arg(long, value_name = "URI", conflicts_with = "replay", help_heading = TRAFFIC)]
    uri: Option<String>,
    /// Of prompt: the prompt's name.
    #[arg(long, value_name = "NAME", conflicts_with = "replay", help_heading = TRAFFIC)]
    prompt: Option<String>,
    /// Of stream: how long it stays open [default: 10s].
    #[arg(long, value_name = "TIME", conflicts_with = "replay", help_heading = TRAFFIC)]
    hold: Option<Time>,
}

impl Flags {
    /// The mix that they say; none where they say nothing.
    pub(super) fn words(self, other_mix: bool) -> Result<Option<Vec<Words>>> {
        let given: Vec<(&str, Kind)> = [
            ("--tool", Kind::Call, self.tool.is_some()),
            ("--arguments", Kind::Call, self.arguments.is_some()),
            ("--padding", Kind::Call, self.padding.is_some()),
            ("--progress", Kind::Call, self.progress),
            ("--expect", Kind::Call, self.expect.is_some()),
            ("--uri", Kind::Read, self.uri.is_some()),
            ("--prompt", Kind::Prompt, self.prompt.is_some()),
            ("--hold", Kind::Stream, self.hold.is_some()),
        ]
        .into_iter()
        .filter_map(|(flag, kind, given)| given.then_some((flag, kind)))
        .collect();
        let mix = match (self.mix, given.first()) {
            (Some(Mix(mix)), _) => mix,
            (None, None) => return Ok(None),
            (None, Some((flag, _))) if other_mix => bail!(
                "{flag} is for a mix of the flags, and the scenario says what is called: give --mix \
                 too, or change the scenario"
            ),
            (None, Some(_)) => vec![(Kind::Call, 1.0)],
        };
        for (flag, kind) in given {
            let word = kind.word();
            let others = || match mix.as_slice() {
                [(only, _)] => format!("{}=90", only.word()),
                all => {
                    let one = |(kind, weight): &(Kind, f64)| format!("{}={weight}", kind.word());
                    all.iter().map(one).collect::<Vec<_>>().join(",")
                }
            };
            ensure!(
                mix.iter().any(|(known, _)| *known == kind),
                "{flag} is for `{word}`, which is not in the mix: write --mix {},{word}=10",
                others()
            );
        }
        let words = mix.into_iter().map(|(operation, weight)| {
            let of = |kind| operation == kind;
            Words {
                operation,
                weight,
                tool: self.tool.clone().filter(|_| of(Kind::Call)),
                arguments: self.arguments.clone().filter(|_| of(Kind::Call)),
                padding: self.padding.filter(|_| of(Kind::Call)),
                progress: Some(self.progress).filter(|_| of(Kind::Call)),
                expect: self.expect.filter(|_| of(Kind::Call)),
                uri: self.uri.clone().filter(|_| of(Kind::Read)),
                prompt: self.prompt.clone().filter(|_| of(Kind::Prompt)),
                hold: self.hold.filter(|_| of(Kind::Stream)),
            }
        });
        Ok(Some(words.collect()))
    }
}

/// Operations by their words, with weights.
#[derive(Debug, Clone, PartialEq)]
struct Mix(Vec<(Kind, f64)>);

impl Mix {
    fn parse(text: &str) -> Result<Self, String> {
        let known = || KINDS.iter().map(|(word, _)| *word);
        if text.contains(';') {
            return Err(format!("`{text}` has a `;`: write commas, as call=90,list=10"));
        }
        let mut mix: Vec<(Kind, f64)> = Vec::new();
        for entry in text.split(',') {
            let (word, weight) = entry.split_once('=').unwrap_or((entry, "1"));
            let (word, weight) = (word.trim(), weight.trim());
            let found = KINDS.iter().find(|(known, _)| *known == word);
            let &(_, kind) = found.ok_or_else(|| {
                let all = known().collect::<Vec<_>>().join(", ");
                let hint = nearest(word, known());
                let hint = hint.map_or(String::new(), |it| format!(" (did you mean `{it}`?)"));
                format!("`{word}` is no operation{hint}: write {all}, as call=90,list=10")
            })?;
            let weight = units::decimal(weight)
                .ok_or_else(|| format!("`{entry}` has no weight: write a number, as {word}=5"))?;
            if mix.iter().any(|(known, _)| *known == kind) {
                return Err(format!("`{word}` stands in the mix twice"));
            }
            mix.push((kind, weight));
        }
        Ok(Self(mix))
    }
}

impl std::str::FromStr for Mix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests;
