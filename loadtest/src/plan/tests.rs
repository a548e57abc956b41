//! Whole command lines and scenarios: what is planned, and what is refused in which words.

use std::fs;
use std::path::Path;

use clap::Parser;

use super::super::{Arrival, BoundValue, Era, Pace, Relation, Size, Step, Traffic};
use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    run: Run,
}

/// A target that needs no resolving.
const URL: &str = "http://127.0.0.1:9/mcp";

fn run(flags: &[&str]) -> Result<Run> {
    Ok(Line::try_parse_from([&["run"], flags].concat())?.run)
}

fn job(flags: &[&str]) -> Result<Job> {
    run(&[&[URL], flags].concat())?.with_token(None)
}

fn plan(flags: &[&str]) -> Plan {
    job(flags).unwrap().plan
}

fn said(flags: &[&str]) -> String {
    format!("{:#}", job(flags).unwrap_err())
}

/// A scenario in a folder of its own, which goes when it is dropped.
struct Scenario {
    folder: tempfile::TempDir,
}

impl Scenario {
    fn new(text: &str) -> Self {
        let scenario = Self { folder: tempfile::tempdir().unwrap() };
        scenario.file("scenario.yaml", text);
        scenario
    }

    fn file(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// With these flags too.
    fn job(&self, flags: &[&str]) -> Result<Job> {
        let path = self.folder.path().join("scenario.yaml");
        let scenario = ["--scenario", path.to_str().unwrap()];
        run(&[&scenario, flags].concat())?.with_token(None)
    }

    /// The error, with the folder left out.
    fn said(&self, flags: &[&str]) -> String {
        let said = format!("{:#}", self.job(flags).unwrap_err());
        said.replace(&format!("{}/", self.folder.path().display()), "")
    }
}

#[test]
fn a_url_is_enough() {
    let Plan { era, pace, connections, agents, sessions, threads, seed, traffic, .. } = plan(&[]);
    assert_eq!((era, connections, sessions, threads, seed), (Era::Modern, 32, 1, 1, 1));
    assert!(agents.len() == 1 && agents[0].token.is_none());
    let Pace::Closed { concurrency: 32, duration } = pace else { panic!("{pace:?}") };
    assert_eq!(duration.as_secs(), 30);
    assert!(matches!(traffic, Traffic::Mix(parts) if parts.len() == 1));
    let plan = plan(&[]);
    assert_eq!((plan.warm_up.as_secs(), plan.timeout.as_secs()), (5, 30));
    assert_eq!(plan.target.addresses, ["127.0.0.1:9".parse().unwrap()]);
}

#[test]
fn everything_can_be_said_by_flags() {
    let job = job(&[
        "--rate=500,100..5000",
        "--duration=20s",
        "--warm-up=0s",
        "--timeout=500ms",
        "--arrival=even",
        "--era=legacy",
        "--connections=8",
        "--threads=2",
        "--agents=3",
        "--sessions=6",
        "--session-calls=100",
        "--seed=42",
        "--header=X-Tenant: acme",
        "--connect=127.0.0.1:7,127.0.0.1:8",
        "--mix=call=1,ping=1",
        "--padding=0..64",
        "--assert=p99<2ms,errors=0",
        "--json=report.json",
        "--html=report.html",
        "--quiet",
    ])
    .unwrap();
    let plan = &job.plan;
    let Pace::Open { steps, arrival: Arrival::Even } = &plan.pace else { panic!("{plan:?}") };
    let duration = std::time::Duration::from_secs(20);
    let step = |from_per_second, to_per_second| Step { from_per_second, to_per_second, duration };
    assert_eq!(steps, &[step(500.0, 500.0), step(100.0, 5000.0)]);
    assert_eq!((plan.era, plan.connections, plan.threads), (Era::Legacy, 8, 2));
    assert_eq!((plan.agents.len(), plan.sessions, plan.session_calls), (3, 6, Some(100)));
    assert_eq!((plan.warm_up.as_millis(), plan.timeout.as_millis(), plan.seed), (0, 500, 42));
    assert_eq!(plan.headers, [("X-Tenant".to_owned(), "acme".to_owned())]);
    assert_eq!(plan.target.addresses.len(), 2);
    let Traffic::Mix(parts) = &plan.traffic else { panic!("{plan:?}") };
    let super::super::Operation::Call(call) = &parts[0].operation else { panic!("{parts:?}") };
    assert_eq!(call.padding_bytes, Size::Between(0, 64));
    let values: Vec<_> = job.assert.iter().map(|bound| bound.value).collect();
    assert_eq!(values, [BoundValue::Percentile(99.0), BoundValue::Errors]);
    assert_eq!(job.output.json, Some("report.json".into()));
    assert_eq!(job.output.html, Some("report.html".into()));
    assert!(job.output.quiet && job.notes.is_empty());
}

#[test]
fn a_search_looks_for_the_highest_rate() {
    let plan = plan(&["--search=p99=5ms,errors=0"]);
    let Pace::Search(search) = plan.pace else { panic!("{plan:?}") };
    assert_eq!(search.bounds[0].relation, Relation::AtMost);
    assert_eq!((search.from_per_second, search.to_per_second), (100.0, None));
    assert_eq!((search.duration.as_secs(), search.arrival), (10, Arrival::Poisson));
    assert!((search.precision - 0.02).abs() < 1e-12);
    assert_eq!(plan.connections, 64);
    let flags = ["--search=max<1s", "--search-from=5", "--search-to=50", "--precision=10%"];
    let Pace::Search(search) = self::plan(&flags).pace else { panic!("no search") };
    assert_eq!((search.from_per_second, search.to_per_second), (5.0, Some(50.0)));
    assert!((search.precision - 0.1).abs() < 1e-12);
}

#[test]
fn what_does_not_fit_together_says_why() {
    for (flags, expected) in [
        (
            &["--session-calls=5"][..],
            "calls a session (5) have no meaning in the modern era, which has no sessions: leave \
             them out or take the legacy era",
        ),
        (&["--era=legacy", "--session-calls=0"], "0 calls a session leave none: write one or more"),
        (
            &["--mix=ping"],
            "entry 1 of the mix, `ping`: the modern era has no ping: take --era legacy",
        ),
        (
            &["--concurrency=10", "--connections=5"],
            "--concurrency 10 is more than --connections 5: each carries one call at a time",
        ),
        (
            &["--threads=3", "--connections=2", "--concurrency=2"],
            "--threads 3 are more than the 2 connections: some would have none",
        ),
        (&["--threads=0"], "--threads 0 is not from 1 to 256"),
        (&["--concurrency=0"], "--concurrency 0 is not from 1 to 65536"),
        (&["--rate=1", "--connections=65537"], "--connections 65537 is not from 1 to 65536"),
        (&["--sessions=1000001"], "--sessions 1000001 is not from 1 to 1000000"),
        (
            &["--agents=5", "--sessions=2"],
            "2 sessions leave 3 of the 5 agents without one: write 5 or more",
        ),
        (&["--duration=0s"], "--duration is 0: write how long, as 30s"),
        (&["--timeout=0ms"], "--timeout is 0: write how long, as 30s"),
        (&["--timeout=2h"], "--timeout is more than the limit of 1h"),
        (&["--duration=8d"], "--duration is more than the limit of 7days"),
        (&["--warm-up=8d"], "--warm-up is more than the limit of 7 days"),
        (&["--search-from=5"], "--search-from means something with --search only"),
        (&["--rate=5", "--precision=1%"], "--precision means something with --search only"),
        (&["--arrival=even"], "--arrival means something with --rate or --search only"),
        (
            &["--concurrency=5", "--arrival=even"],
            "--arrival means something with --rate or --search only",
        ),
        (
            &["--search=p99=5ms", "--search-to=100"],
            "--search-to 100 is not above 100, where the search begins",
        ),
        (&["--search=p99=5ms", "--precision=60%"], "--precision 0.6 is not from 0.001 to 0.5"),
        (&["--assert=cpu<50us"], "`cpu<50us` is about a process: say with --pid which one"),
        (&["--search=rss<1GiB"], "`rss<1GiB` is about a process: say with --pid which one"),
        (
            &["--ca=ca.pem"],
            "--ca, --cert and --key mean something with an https URL only; this one is \
             http://127.0.0.1:9/mcp",
        ),
    ] {
        assert_eq!(said(flags), expected, "{flags:?}");
    }
    let own = std::process::id().to_string();
    assert!(job(&["--assert=cpu<50us,rss<1GiB", "--pid", &own]).is_ok());
    assert_eq!(
        format!("{:#}", run(&[]).unwrap().with_token(None).unwrap_err()),
        "where to is not said: give a URL, or a scenario with `url`"
    );
}

#[test]
fn one_flag_may_exclude_another() {
    for flags in [
        &["--rate=5", "--concurrency=5"][..],
        &["--search=p99<5ms", "--rate=5"],
        &["--replay=a", "--mix=call"],
        &["--cert=a"],
    ] {
        let error = run(flags).unwrap_err().to_string();
        assert!(error.contains("cannot be used with") || error.contains("required"), "{error}");
    }
}

#[test]
fn a_wrong_value_is_shown_with_its_flag_and_its_forms() {
    for (flag, value, expected) in [
        (
            "--rate",
            "fast",
            "error: invalid value 'fast' for '--rate <RATES>': `fast` is not a rate: write calls a \
             second, as 2000; write 2000, 500,1000,2000 (steps) or 100..5000 (a ramp)",
        ),
        (
            "--duration",
            "30",
            "error: invalid value '30' for '--duration <TIME>': `30` has no unit: write 30s for \
             seconds, or 30ms or 30us",
        ),
        (
            "--assert",
            "errors=0,p99<2",
            "error: invalid value 'errors=0,p99<2' for '--assert <BOUNDS>': at character 14: `2` \
             has no unit: write 2s for seconds, or 2ms or 2us",
        ),
        (
            "--mix",
            "cal=1",
            "error: invalid value 'cal=1' for '--mix <MIX>': `cal` is no operation (did you mean \
             `call`?): write call, list, read, prompt, ping, init, stream, as call=90,list=10",
        ),
        (
            "--header",
            "Host: a",
            "error: invalid value 'Host: a' for '--header <NAME: VALUE>': `Host` cannot be set: it \
             follows from the URL; --connect goes elsewhere",
        ),
    ] {
        let error = run(&[URL, flag, value]).unwrap_err().to_string();
        assert_eq!(error.lines().next(), Some(expected));
    }
    let unknown = run(&[URL, "--token=secret"]).unwrap_err().to_string();
    assert!(unknown.contains("unexpected argument '--token'"), "{unknown}");
}

#[test]
fn tokens_come_from_a_file_or_the_environment_alone() {
    let token = |flags: &[&str], environment: Option<&str>| {
        let run = run(&[&[URL], flags].concat()).unwrap();
        let agents = run.with_token(environment.map(Into::into)).unwrap().plan.agents;
        agents.into_iter().map(|agent| agent.token.unwrap_or_default()).collect::<Vec<_>>()
    };
    assert_eq!(token(&["--agents=2"], Some("secret")), ["secret", "secret"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    fs::write(&file, "one\ntwo\n").unwrap();
    let flag = format!("--token-file={}", file.display());
    assert_eq!(token(&[&flag], Some("secret")), ["one", "two"]);
    assert_eq!(token(&[&flag, "--agents=1"], None), ["one"]);

    let both = [&flag, "--header=Authorization: Basic eDp5"];
    assert_eq!(
        said(&both),
        "there are tokens and a header `Authorization`: both say who calls, leave out one"
    );
    let notes = job(&both[1..]).unwrap().notes;
    assert_eq!(
        notes,
        ["everybody on this machine can read --header Authorization in the list of processes; \
          --token-file and a scenario's `headers` cannot be read there"]
    );
}

#[test]
fn a_scenario_says_what_flags_can_say() {
    let scenario = Scenario::new(
        "
url: http://127.0.0.1:9/mcp
era: legacy
rate: 500,1000
duration: 20s
warmUp: 1s
timeout: 2s
arrival: even
connect: 127.0.0.1:7
connections: 16
threads: 2
seed: 7
agents: 2
tokenFile: tokens.txt
sessions: 4
sessionCalls: 50
headers: { X-Tenant: acme, Authorisation-Hint: none }
mix:
  - { operation: call, weight: 90, tool: search, arguments: { query: refund }, padding: 100..4096 }
  - { operation: read, weight: 10, uri: 'mock://documents/1' }
  - { operation: call, weight: 1, arguments: '@arguments.json', expect: refusal, progress: true }
assert: p99<2ms,errors=0
",
    );
    scenario.file("tokens.txt", "one\ntwo\nthree\n");
    scenario.file("arguments.json", "{\"from\":\"file\"}");
    let job = scenario.job(&[]).unwrap();
    let plan = job.plan;
    let Pace::Open { steps, arrival: Arrival::Even } = &plan.pace else { panic!("{plan:?}") };
    assert_eq!(steps.len(), 2);
    assert_eq!((plan.era, plan.connections, plan.threads, plan.seed), (Era::Legacy, 16, 2, 7));
    assert_eq!(plan.agents[1].token.as_deref(), Some("two"));
    assert_eq!((plan.sessions, plan.session_calls), (4, Some(50)));
    assert_eq!(plan.headers.len(), 2);
    assert_eq!(plan.target.addresses, ["127.0.0.1:7".parse().unwrap()]);
    assert_eq!((plan.warm_up.as_secs(), plan.timeout.as_secs()), (1, 2));
    let Traffic::Mix(parts) = &plan.traffic else { panic!("{:?}", plan.traffic) };
    let super::super::Operation::Call(call) = &parts[2].operation else { panic!("{parts:?}") };
    assert_eq!(call.arguments, "{\"from\":\"file\"}");
    assert_eq!(job.assert.len(), 2);
}

#[test]
fn a_pace_of_flags_leaves_nothing_of_the_scenarios_that_would_mean_nothing() {
    let stepped = Scenario::new("{ url: 'http://127.0.0.1:9/', rate: 5, arrival: even }");
    let closed = stepped.job(&["--concurrency=4"]).unwrap().plan.pace;
    assert!(matches!(closed, Pace::Closed { concurrency: 4, .. }), "{closed:?}");
    let faster = stepped.job(&["--rate=50"]).unwrap().plan.pace;
    assert!(matches!(faster, Pace::Open { arrival: Arrival::Even, .. }), "{faster:?}");
    assert_eq!(
        format!("{:#}", stepped.job(&["--concurrency=4", "--arrival=even"]).unwrap_err()),
        "with the scenario scenario.yaml: --arrival means something with --rate or --search only"
            .replace(
                "scenario.yaml",
                &stepped.folder.path().join("scenario.yaml").display().to_string()
            ),
        "what a flag says is not left out"
    );
    let searched = Scenario::new(
        "{ url: 'http://127.0.0.1:9/', search: p99=5ms, searchFrom: 7, searchTo: 70, precision: 5% }",
    );
    for flag in ["--concurrency=4", "--rate=50"] {
        assert!(!matches!(searched.job(&[flag]).unwrap().plan.pace, Pace::Search(_)), "{flag}");
    }
    let pace = searched.job(&["--search=p99=9ms"]).unwrap().plan.pace;
    let Pace::Search(search) = pace else { panic!("{pace:?}") };
    assert_eq!((search.from_per_second, search.to_per_second), (7.0, Some(70.0)));
}

#[test]
fn assertions_add_up_and_go_before_the_scenarios() {
    let texts = |job: Job| job.assert.into_iter().map(|bound| bound.text).collect::<Vec<_>>();
    let flags = ["--assert=p99<2ms,errors=0", "--assert=mean<1ms"];
    assert_eq!(texts(job(&flags).unwrap()), ["p99<2ms", "errors=0", "mean<1ms"]);
    let scenario = Scenario::new("{ url: 'http://127.0.0.1:9/', assert: 'max<1s' }");
    assert_eq!(texts(scenario.job(&[]).unwrap()), ["max<1s"]);
    assert_eq!(texts(scenario.job(&flags[1..]).unwrap()), ["mean<1ms"]);
}

#[test]
fn flags_go_before_the_scenario() {
    let scenario = Scenario::new(
        "{ url: 'http://127.0.0.1:9/a', rate: 5, duration: 20s, seed: 7, headers: { X-A: a, X-B: b },
           mix: [{ operation: list }] }",
    );
    let plan = scenario
        .job(&[
            "http://127.0.0.1:9/b",
            "--concurrency=3",
            "--mix=call",
            "--tool=other",
            "--header=x-b: flag",
            "--timeout=1s",
        ])
        .unwrap()
        .plan;
    assert_eq!((plan.target.path.as_str(), plan.seed, plan.connections), ("/b", 7, 3));
    let Pace::Closed { concurrency: 3, duration } = plan.pace else { panic!("{:?}", plan.pace) };
    assert_eq!(duration.as_secs(), 20);
    let Traffic::Mix(parts) = &plan.traffic else { panic!("{:?}", plan.traffic) };
    assert!(format!("{parts:?}").contains("other"), "{parts:?}");
    let values: Vec<&str> = plan.headers.iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(values, ["a", "flag"]);
    assert_eq!(
        scenario.said(&["--tool=other"]),
        "--tool is for a mix of the flags, and the scenario says what is called: give --mix too, or \
         change the scenario"
    );
    let tls = Scenario::new("{ url: 'https://127.0.0.1:9/', tls: { cert: c, key: k, ca: a } }");
    let identity = |flags: &[&str]| tls.job(flags).unwrap().plan.target.tls.unwrap().identity;
    let (cert, key) = identity(&["--cert=d", "--key=l"]).unwrap();
    assert_eq!((cert, key), ("d".into(), "l".into()));
    let (cert, _) = identity(&[]).unwrap();
    assert!(cert.ends_with("c") && cert.is_absolute(), "{}", cert.display());
}

#[test]
fn an_error_in_a_scenario_names_file_line_and_column() {
    for (text, expected) in [
        (
            "url: http://a/\nseeds: 5\n",
            "scenario.yaml:2:1: no key `seeds` (did you mean `seed`?): there are url, connect, era, tls, headers, rate, \
             concurrency, search, searchFrom, searchTo, precision, duration, warmUp, timeout, \
             arrival, connections, agents, tokenFile, sessions, sessionCalls, threads, seed, mix, \
             replay, speed, assert",
        ),
        (
            "tls: { certificate: a }\n",
            "scenario.yaml:1:8: no key `certificate` (did you mean `cert`?): there are ca, cert, key",
        ),
        (
            "url: http://a/\nduration: 30\n",
            "scenario.yaml:2:11: `30` has no unit: write 30s for seconds, or 30ms or 30us",
        ),
        (
            "assert: p99<2\n",
            "scenario.yaml:1:9: at character 5: `2` has no unit: write 2s for seconds, or 2ms or \
             2us",
        ),
        (
            "url: a\nmix:\n  - operation: call\n    uri: a\n    padding: 1..0\n",
            "scenario.yaml:5:14: the range `1..0` ends before it begins",
        ),
        (
            "mix: [{ operation: calls }]\n",
            "scenario.yaml:1:20: no word `calls` (did you mean `call`?): there are call, list, read, \
             prompt, ping, init, stream",
        ),
        (
            "headers: { Host: a }\n",
            "scenario.yaml:1:10: `Host` cannot be set: it follows from the URL; --connect goes elsewhere",
        ),
        (
            "era: ancient\n",
            "scenario.yaml:1:6: no word `ancient`: there are 2026-07-28, modern, 2025-11-25, legacy",
        ),
        ("url: [\n", "scenario.yaml:1:6: a list stands here: write it as text"),
        (
            "rate: 5\nrate: 6\n",
            "scenario.yaml:2:1: duplicate mapping key `rate` is not allowed here",
        ),
        (
            "mix: 5\n",
            "scenario.yaml:1:6: a list is expected here: begin each of its entries with `- `",
        ),
    ] {
        assert_eq!(Scenario::new(text).said(&[URL]), expected, "{text}");
    }
}

#[test]
fn a_value_of_another_kind_is_told_what_to_write() {
    for (text, expected) in [
        ("rate: [100, 200]", "1:7: a list stands here: write it as text, '100,200'"),
        (
            "mix:\n  operation: call",
            "2:3: a list is expected here: begin each of its entries with `- `",
        ),
        ("tls: ca.pem", "1:6: keys with values are expected here: write them as `key: value`"),
        (
            "agents: ten # of them",
            "1:9: `ten` is not a whole number from 0 on: write one in digits, as 10",
        ),
        (
            "mix:\n  - operation: call\n    weight: heavy",
            "3:13: `heavy` is not a number: write one in digits, as 5 or 0.5",
        ),
        (
            "mix:\n  - operation: call\n   weight: 3",
            "3:4: this line's indentation fits none of the lines above: begin the keys of one entry in the same column",
        ),
    ] {
        let said = Scenario::new(text).said(&[URL]);
        assert_eq!(said, format!("scenario.yaml:{expected}"), "{text}");
    }
}

#[test]
fn an_era_may_be_called_by_its_revision() {
    for (revision, era) in [("2025-11-25", Era::Legacy), ("2026-07-28", Era::Modern)] {
        assert_eq!(plan(&["--era", revision]).era, era);
        let scenario = Scenario::new(&format!("era: {revision}"));
        assert_eq!(scenario.job(&[URL]).unwrap().plan.era, era);
    }
}

#[test]
fn an_error_beyond_the_text_names_the_scenario() {
    let said = |text: &str| Scenario::new(text).said(&[]);
    assert_eq!(
        said("{ url: 'http://127.0.0.1:9/', rate: 5, concurrency: 5 }"),
        "with the scenario scenario.yaml: `rate` and `concurrency` exclude each other: keep one of \
         them"
    );
    assert_eq!(
        said("{ url: 'http://127.0.0.1:9/', replay: a, mix: [{ operation: list }] }"),
        "with the scenario scenario.yaml: `mix` and `replay` exclude each other: keep one of them"
    );
    assert_eq!(
        said("{ url: 'https://127.0.0.1:9/', tls: { cert: a } }"),
        "with the scenario scenario.yaml: --cert needs the certificate's --key"
    );
    assert_eq!(
        said("{}"),
        "with the scenario scenario.yaml: where to is not said: give a URL, or a scenario with \
         `url`"
    );
    let missing = run(&["--scenario=/nowhere.yaml"]).unwrap().with_token(None).unwrap_err();
    assert_eq!(missing.to_string(), "cannot read the scenario /nowhere.yaml");
    let large = Scenario::new(&"#".repeat((4 << 20) + 1));
    assert_eq!(large.said(&[]), "the scenario scenario.yaml is larger than the limit of 4 MiB");
}

#[test]
fn a_recording_is_sent_when_it_says() {
    let request = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let lines: Vec<String> =
        (0..11).map(|n| format!(r#"{{"at_ms":{},"message":{request}}}"#, n * 20)).collect();
    let scenario = Scenario::new("{ url: 'http://127.0.0.1:9/', replay: recording.jsonl }");
    scenario.file("recording.jsonl", &lines.join("\n"));
    let plan = scenario.job(&[]).unwrap().plan;
    assert!(matches!(&plan.traffic, Traffic::Replay(recorded) if recorded.len() == 11));
    let duration = |flags: &[&str]| match scenario.job(flags).unwrap().plan.pace {
        Pace::Recorded { duration, .. } => duration.as_millis(),
        other => panic!("{other:?}"),
    };
    assert_eq!(duration(&[]), 210, "the eleventh is due after 200");
    assert!(plan.warm_up.is_zero(), "the first of them are measured, and sent once");
    let warmed = scenario.job(&["--warm-up=50ms"]).unwrap().plan;
    assert_eq!(warmed.warm_up.as_millis(), 50);
    assert_eq!(duration(&["--warm-up=50ms"]), 160, "its first part is not measured");
    assert_eq!(duration(&["--warm-up=1s", "--duration=1s"]), 1000);
    let said = format!("{:#}", scenario.job(&["--warm-up=210ms"]).unwrap_err());
    assert!(said.ends_with("write less than 210ms, or a --duration too"), "{said}");
    let faster = scenario.job(&["--speed=2x"]).unwrap().plan;
    assert!(
        matches!(faster.pace, Pace::Recorded { duration, speed: 2.0 } if duration.as_millis() == 105)
    );
    let Traffic::Replay(recorded) = faster.traffic else { panic!("a recording") };
    assert_eq!(recorded[3].at.map(|at| at.as_millis()), Some(30));
    for flags in [&["--speed=2x", "--rate=5"][..], &["--speed=2x", "--concurrency=5"]] {
        let said = format!("{:#}", scenario.job(flags).unwrap_err());
        assert!(said.contains("--speed means something with a --replay that has times"), "{said}");
    }
    assert!(scenario.job(&["--arrival=even"]).is_err(), "the recording says it");
    let fast = Scenario::new("{ url: 'http://127.0.0.1:9/', replay: recording.jsonl, speed: 4x }");
    fast.file("recording.jsonl", &lines.join("\n"));
    let fast = |flags: &[&str]| fast.job(flags).unwrap().plan.pace;
    assert!(matches!(fast(&[]), Pace::Recorded { speed: 4.0, .. }));
    for flag in ["--rate=5", "--concurrency=5", "--search=p99=5ms", "--mix=list"] {
        assert!(!matches!(fast(&[flag]), Pace::Recorded { .. }), "{flag}");
    }
    let slower = scenario.job(&["--rate=5"]).unwrap().plan.pace;
    assert!(matches!(slower, Pace::Open { steps, .. } if steps[0].duration.as_secs() == 30));
    assert!(matches!(scenario.job(&["--concurrency=2"]).unwrap().plan.pace, Pace::Closed { .. }));
    let untimed = Scenario::new("{ url: 'http://127.0.0.1:9/', replay: recording.jsonl }");
    untimed.file("recording.jsonl", request);
    assert!(matches!(untimed.job(&[]).unwrap().plan.pace, Pace::Closed { concurrency: 32, .. }));
    assert!(untimed.job(&["--speed=2x"]).is_err());
    let notes = untimed.job(&[]).unwrap().notes.join("\n");
    assert!(
        notes.contains("no times that differ")
            && notes.contains("what it holds (1 message) is sent again and again, 32 at once"),
        "{notes}"
    );
    untimed.file("recording.jsonl", r#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#);
    let said = format!("{:#}", untimed.job(&[]).unwrap_err());
    assert!(
        said.contains("has nothing to send") && said.ends_with("left out were 1 × notifications"),
        "{said}"
    );
}

#[test]
fn the_examples_can_be_run() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/loadtest");
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let job = run(&["--scenario", &file("scenario.yaml")]).unwrap().with_token(None).unwrap();
    assert!(matches!(&job.plan.traffic, Traffic::Mix(parts) if parts.len() == 7));
    assert!(matches!(&job.plan.pace, Pace::Open { steps, .. } if steps.len() == 3));
    assert_eq!(job.notes, Vec::<String>::new());
    let recording = self::job(&["--replay", &file("recording.jsonl")]).unwrap();
    assert!(matches!(&recording.plan.traffic, Traffic::Replay(recorded) if recorded.len() == 5));
    assert_eq!(recording.notes, Vec::<String>::new());
}
