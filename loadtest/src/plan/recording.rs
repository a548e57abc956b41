//! Recorded traffic: JSON Lines, each a message or one with the time at which it was sent.
//!
//! ```text
//! {"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{}}}
//! {"at_ms":12.5,"message":{"jsonrpc":"2.0","id":2,"method":"tools/list"}}
//! ```
//!
//! `at_ms` counts milliseconds from any moment; either all lines have it or none. Only what a
//! client asks is sent again: sessions, notifications and answers are the run's own.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use penstock_mcp::{Direction, Envelope, Kind, Message, Method, ScanLimits};
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{Era, Recorded};

/// The most bytes of a recording: all of it is held in memory.
const RECORDING_BYTES_MAX: u64 = 256 << 20;
/// The most levels that a message is nested.
const DEPTH_MAX: u32 = 128;

/// What tells a message from one with its time. A recorder may write more than that.
#[derive(Deserialize)]
struct Line<'a> {
    jsonrpc: Option<IgnoredAny>,
    at_ms: Option<f64>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
}

/// The requests of a recording, and what is to be said of it.
pub(super) fn read(path: &Path, era: Era, notes: &mut Vec<String>) -> Result<Vec<Recorded>> {
    let shown = path.display();
    let open = || format!("cannot read the recording {shown}");
    let file = File::open(path).with_context(open)?;
    let mut lines = BufReader::new(file.take(RECORDING_BYTES_MAX + 1));
    let mut reader = Reader { era, requests: Vec::new(), skipped: BTreeMap::new(), timed: None };
    let (mut line, mut bytes) = (String::new(), 0);
    for number in 1u64.. {
        line.clear();
        let length = lines.read_line(&mut line).with_context(open)?;
        if length == 0 {
            break;
        }
        bytes += length as u64;
        ensure!(
            bytes <= RECORDING_BYTES_MAX,
            "the recording {shown} is larger than the limit of 256 MiB: take a part of it, as with \
             head -n"
        );
        if !line.trim().is_empty() {
            reader.line(line.trim()).with_context(|| format!("{shown}:{number}"))?;
        }
    }
    for (why, count) in &reader.skipped {
        notes.push(format!("{shown}: {count} not sent: {why}"));
    }
    if reader.requests.is_empty() {
        let skipped = reader.skipped.iter().map(|(why, count)| format!("{count} × {why}"));
        let skipped = skipped.collect::<Vec<_>>().join("; ");
        bail!(
            "the recording {shown} has nothing to send: it holds no request of a client, one a \
             line{}{skipped}",
            if skipped.is_empty() { "" } else { "; left out were " }
        );
    }
    Ok(reader.since_the_first())
}

struct Reader {
    era: Era,
    requests: Vec<Recorded>,
    /// How many were left out, and why.
    skipped: BTreeMap<&'static str, u64>,
    /// Whether lines say when they were sent.
    timed: Option<bool>,
}

impl Reader {
    fn line(&mut self, text: &str) -> Result<()> {
        // What is no such line is looked at as a message, which says best what is wrong with it.
        let line: Result<Line<'_>, _> = serde_json::from_str(text);
        let (at, message) = match line {
            Ok(Line { jsonrpc: None, at_ms, message: Some(message) }) => (at_ms, message.get()),
            Err(error) if text.contains("\"message\"") && !text.contains("\"jsonrpc\":\"") => {
                return Err(error.into());
            }
            _ => (None, text),
        };
        let mut scan = Message::new();
        scan.scan(message.as_bytes(), &ScanLimits { depth: DEPTH_MAX, batch: 1 })?;
        ensure!(!scan.is_batch(), "a batch of messages: write each on a line of its own");
        let envelope = scan.single().context("no JSON-RPC message")?;
        if let Some(why) = self.why_not(envelope) {
            *self.skipped.entry(why).or_default() += 1;
            return Ok(());
        }
        let at = at.map(time).transpose()?;
        if *self.timed.get_or_insert(at.is_some()) != at.is_some() {
            bail!("some lines have an `at_ms` and some have none: write it in all of them or none");
        }
        if let (Some(at), Some(last)) = (at, self.requests.last().and_then(|last| last.at)) {
            ensure!(at >= last, "its `at_ms` is before that of the line above: sort the recording");
        }
        let method = envelope.method.context("no method")?;
        self.requests.push(Recorded {
            at,
            method: method.decode(message.as_bytes()).into_owned(),
            params: params(message.as_bytes(), envelope)?,
        });
        Ok(())
    }

    /// Why a message is not sent again.
    fn why_not(&self, envelope: &Envelope) -> Option<&'static str> {
        match envelope.kind {
            Kind::Response => return Some("answers"),
            Kind::Notification => return Some("notifications"),
            Kind::Request => {}
        }
        let method = envelope.known?;
        let era = match self.era {
            Era::Modern => penstock_mcp::Era::Modern,
            Era::Legacy => penstock_mcp::Era::Legacy,
        };
        match method {
            Method::Initialize => Some("initialize: the run opens sessions of its own"),
            Method::SubscriptionsListen => Some("subscriptions/listen, a stream: use a mix for it"),
            _ if method.direction() != Direction::ClientRequest => Some("requests of the server"),
            _ if !method.exists_in(era) => Some("methods that the other era has, see --era"),
            _ => None,
        }
    }

    /// The requests, with times since that of the first.
    fn since_the_first(mut self) -> Vec<Recorded> {
        let first = self.requests.first().and_then(|first| first.at).unwrap_or_default();
        for request in &mut self.requests {
            request.at = request.at.map(|at| at.saturating_sub(first));
        }
        self.requests
    }
}

fn time(ms: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(ms / 1e3)
        .with_context(|| format!("`at_ms` is {ms}: write milliseconds, from 0 on"))
}

/// The parameters as they were sent, less `_meta`.
fn params(message: &[u8], envelope: &Envelope) -> Result<Option<String>> {
    let Some(params) = envelope.params else { return Ok(None) };
    let text = String::from_utf8_lossy(params.of(message));
    if envelope.meta.is_none() {
        return Ok(Some(text.into_owned()));
    }
    let Members(members) = serde_json::from_str(&text)?;
    let kept = members.iter().filter(|(name, _)| *name != "_meta");
    let kept = kept.map(|(name, value)| format!("{}:{value}", serde_json::json!(name)));
    Ok(Some(format!("{{{}}}", kept.collect::<Vec<_>>().join(","))))
}

/// Of an object, in their order and as they were written.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        from.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// What is made of these lines, and what is said of them; the file is shown as `FILE`.
    fn made(text: &str, era: Era) -> (Result<Vec<Recorded>, String>, Vec<String>) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("recording.jsonl");
        fs::write(&file, text).unwrap();
        let mut notes = Vec::new();
        let hidden = |text: String| text.replace(&file.display().to_string(), "FILE");
        let made = read(&file, era, &mut notes).map_err(|error| hidden(format!("{error:#}")));
        (made, notes.into_iter().map(hidden).collect())
    }

    fn request(id: u64, method: &str) -> String {
        format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}"}}"#)
    }

    #[test]
    fn requests_are_sent_again_without_what_is_the_runs_own() {
        let call = r#"{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"z", "arguments":{"b":1, "a":[ ]},"_meta":{"progressToken":1},"extra":"\u00e9"}}"#;
        let unknown = r#"{"jsonrpc":"2.0","id":2,"method":"acme/custom","params":{"b":1,"a":2}}"#;
        let text = [&request(1, "tools/list"), "", call, unknown].join("\n");
        let (made, notes) = made(&text, Era::Modern);
        let made: Vec<_> = made.unwrap().into_iter().map(|it| (it.method, it.params)).collect();
        let params = |text: &str| Some(text.to_owned());
        assert_eq!(
            made,
            [
                ("tools/list".to_owned(), None),
                (
                    "tools/call".to_owned(),
                    params(r#"{"name":"z","arguments":{"b":1, "a":[ ]},"extra":"\u00e9"}"#),
                ),
                ("acme/custom".to_owned(), params(r#"{"b":1,"a":2}"#)),
            ]
        );
        assert_eq!(notes, Vec::<String>::new());
    }

    #[test]
    fn times_count_from_the_first_request() {
        let timed = |at: &str, message: &str| {
            format!(r#"{{"at_ms":{at},"message":{message},"session":"of no interest"}}"#)
        };
        let text = [
            timed("90", &request(0, "initialize")),
            timed("100.5", &request(1, "tools/list")),
            timed("100.5", &request(2, "tools/list")),
            timed("113", &request(3, "tools/list")),
        ];
        let (made, _) = made(&text.join("\n"), Era::Legacy);
        let at: Vec<_> = made.unwrap().into_iter().filter_map(|it| it.at).collect();
        assert_eq!(at, [0, 0, 12_500].map(Duration::from_micros));
        let untimed = format!(r#"{{"message":{}}}"#, request(1, "tools/list"));
        let (made, _) = super::tests::made(&untimed, Era::Legacy);
        assert_eq!(made.unwrap().first().and_then(|it| it.at), None);
    }

    #[test]
    fn what_is_left_out_is_counted() {
        let text = [
            &request(0, "initialize"),
            r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"a"}}"#,
            &request(2, "sampling/createMessage"),
            &request(3, "ping"),
            &request(4, "subscriptions/listen"),
            &request(5, "tools/list"),
        ];
        let (made, notes) = made(&text.join("\n"), Era::Modern);
        assert_eq!(made.unwrap().len(), 1);
        assert_eq!(
            notes,
            [
                "FILE: 2 not sent: answers",
                "FILE: 1 not sent: initialize: the run opens sessions of its own",
                "FILE: 1 not sent: methods that the other era has, see --era",
                "FILE: 1 not sent: notifications",
                "FILE: 1 not sent: requests of the server",
                "FILE: 1 not sent: subscriptions/listen, a stream: use a mix for it",
            ]
        );
        let (made, _) = super::tests::made(&request(3, "ping"), Era::Legacy);
        assert_eq!(made.unwrap().len(), 1);
    }

    #[test]
    fn an_error_names_file_and_line() {
        let list = request(1, "tools/list");
        let later = format!(r#"{{"at_ms":5,"message":{list}}}"#);
        let earlier = format!(r#"{{"at_ms":4,"message":{list}}}"#);
        for (lines, said) in [
            (
                vec![list.as_str(), "{"],
                "FILE:2: the JSON ends before it is complete; send the whole document (at byte 1 \
                 of the body)",
            ),
            (
                vec![r#"{"id":1,"method":"tools/list"}"#],
                "FILE:1: `jsonrpc` must be present and be the string \"2.0\" (at byte 0 of the \
                 body)",
            ),
            (
                vec![r#"[{"jsonrpc":"2.0","id":1,"method":"tools/list"}]"#],
                "FILE:1: a batch of messages: write each on a line of its own",
            ),
            (
                vec!["", list.as_str(), later.as_str()],
                "FILE:3: some lines have an `at_ms` and some have none: write it in all of them or \
                 none",
            ),
            (
                vec![later.as_str(), earlier.as_str()],
                "FILE:2: its `at_ms` is before that of the line above: sort the recording",
            ),
            (
                vec![r#"{"at_ms":-1,"message":{"jsonrpc":"2.0","id":1,"method":"tools/list"}}"#],
                "FILE:1: `at_ms` is -1: write milliseconds, from 0 on: cannot convert float \
                 seconds to Duration: value is negative",
            ),
            (
                vec![r#"{"at_ms":"1","message":{}}"#],
                "FILE:1: invalid type: string \"1\", expected f64 at line 1 column 12",
            ),
            (
                vec![r#"{"jsonrpc":"2.0","id":1,"result":{}}"#],
                "the recording FILE has nothing to send: it holds no request of a client, one a \
                 line; left out were 1 × answers",
            ),
            (
                vec![],
                "the recording FILE has nothing to send: it holds no request of a client, one a \
                 line",
            ),
        ] {
            assert_eq!(made(&lines.join("\n"), Era::Legacy).0.unwrap_err(), said, "{lines:?}");
        }
        let missing = read(Path::new("/nowhere/file"), Era::Modern, &mut Vec::new()).unwrap_err();
        assert_eq!(missing.to_string(), "cannot read the recording /nowhere/file");
    }

    #[test]
    fn a_recording_has_a_limit() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("recording.jsonl");
        // Without a byte on the disk.
        fs::File::create(&file).unwrap().set_len(RECORDING_BYTES_MAX + 1).unwrap();
        let error = read(&file, Era::Modern, &mut Vec::new()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "the recording {} is larger than the limit of 256 MiB: take a part of it, as with \
                 head -n",
                file.display()
            )
        );
    }
}
