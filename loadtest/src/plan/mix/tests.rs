//! Mixes of flags and of scenarios: what is made of them, and what is refused in which words.

use std::fs;

use clap::Parser;
use serde_json::Value;

use super::super::{Operation, Size};
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
        (["--mix=read"], "entry 1 of the mix, `read`: it needs `uri` (--uri), the resource".into()),
        (
            ["--mix=prompt"],
            "entry 1 of the mix, `prompt`: it needs `prompt` (--prompt), the prompt's name".into(),
        ),
        (
            ["--uri=a"],
            "--uri is for `read`, which is not in the mix: write --mix call=90,read=10".into(),
        ),
        (
            ["--mix=call=90;list=5"],
            "`call=90;list=5` has a `;`: write commas, as call=90,list=10".into(),
        ),
        (
            ["--arguments=[1]"],
            "no JSON object: invalid type: sequence, expected a map at line 1 column 0; write \
                 one as {\"query\":\"refund\"}, or @FILE"
                .into(),
        ),
        (["--tool="], "entry 1 of the mix, `call`: `tool` is empty: write the tool's name".into()),
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
        ("[{ operation: list, tool: a }]", "entry 1 of the mix, `list`: `tool` is for `call` only"),
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
    let mut words =
        Words { arguments: Some(Arguments::parse("@arguments.json").unwrap()), ..Words::call() };
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

#[test]
fn a_flag_of_another_operation_is_told_the_mix_that_it_goes_with() {
    for (mix, said) in
        [("list", "--mix list=90,call=10"), ("list=3,init=1", "--mix list=3,init=1,call=10")]
    {
        let error = line(&["--mix", mix, "--tool=a"]).unwrap_err().to_string();
        assert!(error.ends_with(said), "{error}");
    }
}
