//! What is called: a mix of operations, from flags or from a scenario.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::settings::TRAFFIC;
use super::words::{Sizes, Time};
use super::{Call, Era, Expect, Operation, Part, Size};
use crate::suggest::nearest;
use crate::units;

/// The most operations in a mix.
const MIX_MAX: usize = 256;
/// The most bytes of arguments.
const ARGUMENTS_BYTES_MAX: usize = 4 << 20;
/// The most bytes of a name or a URI.
const NAME_BYTES_MAX: usize = 4 << 10;
/// The tool that is called where none is named: one that the mock has.
const TOOL: &str = "echo";
const HOLD: Duration = Duration::from_secs(10);
const HOLD_MAX: Duration = Duration::from_hours(24);

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

/// An operation of a scenario.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Operation")]
pub(crate) struct Words {
    /// What is sent.
    operation: Kind,
    /// How often, beside the weights of the others.
    #[serde(default = "one")]
    weight: f64,
    /// Of `call`: the tool's name. Default: echo, which the mock has.
    #[serde(default)]
    tool: Option<String>,
    /// Of `call`: a mapping, or a JSON object as text, or @FILE with one.
    #[serde(default)]
    arguments: Option<Arguments>,
    /// Of `call`: bytes of random letters that are sent along, as the argument `padding`.
    #[serde(default)]
    padding: Option<Sizes>,
    /// Of `call`: whether progress is asked for, so that the answer may be a stream.
    #[serde(default)]
    progress: Option<bool>,
    /// Of `call`: which answer is a success.
    #[serde(default)]
    expect: Option<Expect>,
    /// Of `read`: the resource.
    #[serde(default)]
    uri: Option<String>,
    /// Of `prompt`: the prompt's name.
    #[serde(default)]
    prompt: Option<String>,
    /// Of `stream`: how long it stays open. Default: 10s.
    #[serde(default)]
    hold: Option<Time>,
}

fn one() -> f64 {
    1.0
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

impl Words {
    /// `call` of the tool that is there by default.
    pub(super) fn call() -> Self {
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

    pub(super) fn relative_to(&mut self, folder: &Path) {
        if let Some(Arguments::File(path)) = &mut self.arguments {
            *path = folder.join(&*path);
        }
    }

    fn part(self, era: Era) -> Result<Part> {
        ensure!(
            self.weight >= 0.0 && self.weight.is_finite(),
            "the weight {} is none: write a number from 0 on",
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
            ensure!(
                mix.iter().any(|(known, _)| *known == kind),
                "{flag} is for `{word}`, which is not in the mix: write --mix call=90,{word}=10"
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

/// Arguments of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Arguments {
    /// A JSON object.
    Json(String),
    /// Of one.
    File(PathBuf),
}

impl Arguments {
    fn parse(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix('@') {
            return Ok(Self::File(path.into()));
        }
        object(text).map(Self::Json)
    }

    fn read(self) -> Result<String> {
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
            other => Err(D::Error::custom(format!("`{other}` is neither a mapping nor a text"))),
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[arg(long)]
        replay: Option<String>,
        #[command(flatten)]
        flags: Flags,
    }

    fn line(flags: &[&str]) -> Result<Vec<Part>> {
        let line = Line::try_parse_from([&["run"], flags].concat())?;
        assert!(line.replay.is_none());
        parts(line.flags.words(false)?.unwrap_or(vec![Words::call()]), Era::Legacy)
    }

    fn yaml(text: &str, era: Era) -> Result<Vec<Part>> {
        parts(serde_saphyr::from_str(text)?, era)
    }

    #[test]
    fn flags_say_what_is_called_and_how_often() {
        let parts = line(&[
            "--mix=call=90, list=5,read=3,prompt=0,init=2,stream=0.5,ping",
            "--tool=search_issues",
            "--arguments= {\"query\":\"a\"} ",
            "--padding=100..4096",
            "--progress",
            "--expect=refusal",
            "--uri=mock://documents/1",
            "--prompt=never",
            "--hold=3s",
        ])
        .unwrap();
        let weights: Vec<f64> = parts.iter().map(|part| part.weight).collect();
        assert_eq!(weights, [90.0, 5.0, 3.0, 2.0, 0.5, 1.0]);
        let said: Vec<String> = parts.iter().map(|part| format!("{:?}", part.operation)).collect();
        assert_eq!(
            said,
            [
                "Call(Call { tool: \"search_issues\", arguments: \"{\\\"query\\\":\\\"a\\\"}\", \
                 padding_bytes: Between(100, 4096), progress: true, expect: Refusal })",
                "List",
                "Read { uri: \"mock://documents/1\" }",
                "Initialize",
                "Stream { hold: 3s }",
                "Ping",
            ]
        );
    }

    #[test]
    fn without_a_word_it_is_a_call_of_the_mock() {
        let parts = line(&[]).unwrap();
        let said = format!("{parts:?}");
        assert_eq!(
            said,
            "[Part { weight: 1.0, operation: Call(Call { tool: \"echo\", arguments: \"{}\", \
             padding_bytes: Fixed(0), progress: false, expect: Success }) }]"
        );
    }

    #[test]
    fn flags_that_make_no_mix_say_why() {
        let all = "write call, list, read, prompt, ping, init, stream, as call=90,list=10";
        for (flags, said) in [
            (["--mix=calls=1"], format!("`calls` is no operation (did you mean `call`?): {all}")),
            (["--mix=banana=1"], format!("`banana` is no operation: {all}")),
            (["--mix="], format!("`` is no operation: {all}")),
            (["--mix=call=x"], "`call=x` has no weight: write a number, as call=5".into()),
            (["--mix=call=-1"], "`call=-1` has no weight: write a number, as call=5".into()),
            (["--mix=call=1,call=2"], "`call` stands in the mix twice".into()),
            (["--mix=call=0"], "every weight in the mix is 0: nothing would be sent".into()),
            (
                ["--mix=read"],
                "entry 1 of the mix, `read`: it needs `uri` (--uri), the resource".into(),
            ),
            (
                ["--mix=prompt"],
                "entry 1 of the mix, `prompt`: it needs `prompt` (--prompt), the prompt's name"
                    .into(),
            ),
            (
                ["--uri=a"],
                "--uri is for `read`, which is not in the mix: write --mix call=90,read=10".into(),
            ),
            (
                ["--arguments=[1]"],
                "no JSON object: invalid type: sequence, expected a map at line 1 column 0; write \
                 one as {\"query\":\"refund\"}, or @FILE"
                    .into(),
            ),
            (
                ["--tool="],
                "entry 1 of the mix, `call`: `tool` is empty: write the tool's name".into(),
            ),
        ] {
            let error = format!("{:#}", line(&flags).unwrap_err());
            // clap says which flag and which value before it.
            let (_, own) = error.split_once("': ").unwrap_or(("", &error));
            assert_eq!(own.lines().next(), Some(said.as_str()), "{flags:?}");
        }
        for flag in ["--tool=a", "--mix=list", "--progress", "--hold=1s"] {
            assert!(line(&["--replay=file", flag]).is_err(), "{flag}");
        }
        let flags = Flags { tool: Some("a".into()), ..Flags::default() };
        assert_eq!(
            flags.words(true).unwrap_err().to_string(),
            "--tool is for a mix of the flags, and the scenario says what is called: give --mix \
             too, or change the scenario"
        );
    }

    #[test]
    fn a_scenario_has_operations_of_one_kind_with_arguments_of_their_own() {
        let text = "
- operation: call
  tool: search_issues
  weight: 3
  arguments: { query: refund, limit: 20, labels: [a, b], deep: { yes: true, no: null } }
  padding: 4KiB
- { operation: call, arguments: '{\"a\": 1}' }
- { operation: stream, hold: 1m, weight: 0.5 }
";
        let parts = yaml(text, Era::Modern).unwrap();
        assert_eq!(parts.len(), 3);
        let Operation::Call(call) = &parts[0].operation else { panic!("{parts:?}") };
        let sent: Value = serde_json::from_str(&call.arguments).unwrap();
        assert_eq!(
            sent,
            serde_json::json!({
                "query": "refund", "limit": 20, "labels": ["a", "b"],
                "deep": { "yes": true, "no": null },
            })
        );
        assert_eq!(call.padding_bytes, Size::Fixed(4096));
        let Operation::Call(call) = &parts[1].operation else { panic!("{parts:?}") };
        assert_eq!(call.arguments, "{\"a\": 1}");
    }

    #[test]
    fn an_operation_has_only_what_is_its_own() {
        for (text, said) in [
            (
                "[{ operation: list, tool: a }]",
                "entry 1 of the mix, `list`: `tool` is for `call` only",
            ),
            (
                "[{ operation: call }, { operation: call, uri: a }]",
                "entry 2 of the mix, `call`: `uri` is for `read` only",
            ),
            (
                "[{ operation: ping }]",
                "entry 1 of the mix, `ping`: the modern era has no ping: take --era legacy",
            ),
            (
                "[{ operation: list, weight: -1 }]",
                "entry 1 of the mix, `list`: the weight -1 is none: write a number from 0 on",
            ),
            (
                "[{ operation: stream, hold: 25h }]",
                "entry 1 of the mix, `stream`: `hold` is more than the limit of 24 h",
            ),
            (
                "[{ operation: call, padding: 1, arguments: { padding: 1 } }]",
                "entry 1 of the mix, `call`: the arguments have a member `padding` already: leave \
                 out one of the two",
            ),
            ("[]", "the mix is empty: name at least one operation"),
        ] {
            assert_eq!(format!("{:#}", yaml(text, Era::Modern).unwrap_err()), said, "{text}");
        }
        assert!(yaml("[{ operation: ping }]", Era::Legacy).is_ok());
        let many = vec![Words::call(); 257];
        assert_eq!(
            parts(many, Era::Modern).unwrap_err().to_string(),
            "257 operations are more than the limit of 256"
        );
    }

    #[test]
    fn arguments_may_be_in_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("arguments.json");
        fs::write(&file, "{ \"query\":\n\"a\" }\n").unwrap();
        let mut words = Words {
            arguments: Some(Arguments::parse("@arguments.json").unwrap()),
            ..Words::call()
        };
        words.relative_to(dir.path());
        let made = parts(vec![words.clone()], Era::Modern).unwrap();
        let Operation::Call(call) = &made[0].operation else { panic!("{made:?}") };
        assert_eq!(call.arguments, "{ \"query\":\n\"a\" }");
        fs::write(&file, "query").unwrap();
        let shown = file.display();
        assert_eq!(
            format!("{:#}", parts(vec![words.clone()], Era::Modern).unwrap_err()),
            format!(
                "entry 1 of the mix, `call`: the arguments in {shown}: no JSON object: expected \
                 value at line 1 column 1; write one as {{\"query\":\"refund\"}}, or @FILE"
            )
        );
        fs::remove_file(&file).unwrap();
        let said = format!("{:#}", parts(vec![words], Era::Modern).unwrap_err());
        assert!(said.contains(&format!("cannot read the arguments in {shown}: ")), "{said}");
    }
}
