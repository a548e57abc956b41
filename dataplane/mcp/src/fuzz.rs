//! Entry points for fuzzers and property tests: the scanner and the admission of a POST, held
//! against what `serde_json` reads in the same bytes.

#![expect(clippy::missing_panics_doc, reason = "to panic on a disagreement is what these do")]

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::{Envelope, Era, Fault, Kind, Message, Method, Refusal, ScanLimits, Span, Text};

/// Below what `serde_json` refuses, so that only our own limit is met.
const LIMITS: ScanLimits = ScanLimits { depth: 100, batch: 8 };

/// Scans `data` as a body: refused exactly when it should be, and every span where `serde_json`
/// finds that member.
pub fn envelope(data: &[u8]) {
    let mut message = Message::new();
    let scanned = message.scan(data, &LIMITS);
    match scanned {
        Ok(()) => {
            let expected = expected(data).expect("accepted what serde_json or the rules refuse");
            assert_eq!(message.envelopes(), expected);
            assert_eq!(message.is_batch(), data.trim_ascii_start().starts_with(b"["));
        }
        Err(error) => {
            assert!(error.at as usize <= data.len(), "{error} beyond {} bytes", data.len());
            assert!(message.envelopes().is_empty());
            match error.fault {
                // Its nearest doubles are not serde_json's; the depth limits differ by intent.
                Fault::NumberOutOfRange | Fault::TooDeep(_) => {}
                fault if fault.is_syntax() => {
                    assert!(serde_json::from_slice::<Value>(data).is_err(), "refused: {error}");
                }
                // A limit, too: it is met before the rest is known to be JSON.
                Fault::BatchTooLong(_) => {}
                _ => assert_eq!(expected(data), None, "refused: {error}"),
            }
        }
    }
}

/// Admits `data`, header lines up to an empty line and then a body: what is let in as modern
/// says the same in its headers, and a refusal is an error response that can be sent.
pub fn admit(data: &[u8]) {
    let end = data.windows(2).position(|pair| pair == b"\n\n").unwrap_or(data.len());
    let (head, body) = data.split_at(end);
    let body = body.get(2..).unwrap_or_default();
    let headers = head.split(|&byte| byte == b'\n').filter_map(|line| {
        let colon = line.iter().position(|&byte| byte == b':')?;
        Some((line.get(..colon)?, line.get(colon + 1..)?))
    });

    let mut message = Message::new();
    let scanned = message.scan(body, &LIMITS).map_err(Refusal::from);
    let id = message.reply_id().map(|span| span.of(body));
    match scanned.and_then(|()| crate::admit(body, &message, headers.clone())) {
        Ok(Era::Legacy) => {
            for envelope in message.envelopes() {
                assert!(envelope.kind == Kind::Response || envelope.protocol_version.is_none());
            }
        }
        Ok(Era::Modern) => {
            let envelope = message.single().expect("a modern message is not in a batch");
            let sent: Vec<_> = headers
                .filter(|(name, _)| name.eq_ignore_ascii_case(b"MCP-Protocol-Version"))
                .map(|(_, value)| String::from_utf8_lossy(value.trim_ascii()).into_owned())
                .collect();
            let stated = envelope.protocol_version.map_or("2026-07-28".into(), |v| v.decode(body));
            assert_eq!(sent, [stated]);
        }
        Err(refusal) => {
            assert!((400..500).contains(&refusal.error.status()));
            let mut out = Vec::new();
            refusal.write(id, &mut out);
            let answer: Value = serde_json::from_slice(&out).expect("an error response is JSON");
            let id = id.map_or(Value::Null, |id| serde_json::from_slice(id).expect("an id"));
            assert_eq!(answer.get("id"), Some(&id));
        }
    }
}

/// The envelopes that should be found in a body, or none if it should be refused.
fn expected(body: &[u8]) -> Option<Vec<Envelope>> {
    if let Err(error) = serde_json::from_slice::<Value>(body) {
        assert!(error.to_string().contains("number out of range"), "serde_json refuses: {error}");
    }
    let document: &RawValue = serde_json::from_slice(body).ok()?;
    if document.get().starts_with('[') {
        let messages: Vec<&RawValue> = serde_json::from_str(document.get()).ok()?;
        let fits = (1..=LIMITS.batch as usize).contains(&messages.len());
        messages.into_iter().map(|raw| one(body, raw)).collect::<Option<_>>().filter(|_| fits)
    } else {
        one(body, document).map(|envelope| vec![envelope])
    }
}

fn one(body: &[u8], raw: &RawValue) -> Option<Envelope> {
    let members = Members::of(raw)?;
    let span = |raw| span(body, raw);
    let text = |raw| text(body, raw);

    let version: Option<String> = serde_json::from_str(members.get("jsonrpc")?.get()).ok();
    if version.as_deref() != Some("2.0") {
        return None;
    }
    let mut found = Envelope { span: span(raw), ..Envelope::default() };
    let id = members.get("id");
    let null_id = id.is_some_and(|raw| raw.get() == "null");
    if let Some(raw) = id.filter(|_| !null_id) {
        let integer = raw.get().parse::<i64>().is_ok() && raw.get() != "-0";
        (integer || raw.get().starts_with('"')).then_some(())?;
        found.id = Some(span(raw));
    }
    if let Some(raw) = members.get("method") {
        let method: String = serde_json::from_str(raw.get()).ok()?;
        found.method = text(raw);
        found.known = Method::from_bytes(method.as_bytes());
    }
    if let Some(raw) = members.get("params") {
        params(body, raw, &mut found)?;
    }
    found.result = members.get("result").map(span);
    found.error = members.get("error").map(span);
    if members.get("error").is_some_and(|raw| !raw.get().starts_with('{')) {
        return None;
    }
    found.kind = match (found.method, found.result, found.error) {
        (Some(_), None, None) if id.is_none() => Kind::Notification,
        (Some(_), None, None) if found.id.is_some() => Kind::Request,
        (None, Some(_), None) if found.id.is_some() => Kind::Response,
        (None, None, Some(_)) => Kind::Response,
        _ => return None,
    };
    Some(found)
}

fn params(body: &[u8], raw: &RawValue, found: &mut Envelope) -> Option<()> {
    let params = Members::of(raw)?;
    let span = |raw| span(body, raw);
    let text = |name| params.get(name).and_then(|raw| text(body, raw));
    found.params = Some(span(raw));
    found.name = text("name");
    found.uri = text("uri");
    found.task_id = text("taskId");
    found.requested_version = text("protocolVersion");
    found.request_id = params.get("requestId").map(span);
    found.arguments = params.get("arguments").map(span);
    if let Some(raw) = params.get("_meta") {
        let meta = Members::of(raw)?;
        found.meta = Some(span(raw));
        found.client_info = meta.get("io.modelcontextprotocol/clientInfo").map(span);
        found.client_capabilities =
            meta.get("io.modelcontextprotocol/clientCapabilities").map(span);
        found.progress_token = meta.get("progressToken").map(span);
        if let Some(raw) = meta.get("io.modelcontextprotocol/protocolVersion") {
            found.protocol_version = Some(self::text(body, raw)?);
        }
    }
    Some(())
}

/// An object's members, each with its own text in the body.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Members<'a> {
    /// None if it is no object or has two members of one name.
    fn of(raw: &'a RawValue) -> Option<Self> {
        let members: Self = serde_json::from_str(raw.get()).ok()?;
        let mut names: Vec<_> = members.0.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        names.windows(2).all(|pair| pair[0] != pair[1]).then_some(members)
    }

    fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| *value)
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// Where a value that borrows from `body` stands in it.
fn span(body: &[u8], raw: &RawValue) -> Span {
    let start = raw.get().as_ptr().addr() - body.as_ptr().addr();
    Span::new(start, start + raw.get().len())
}

fn text(body: &[u8], raw: &RawValue) -> Option<Text> {
    let quoted = span(body, raw);
    raw.get().starts_with('"').then(|| Text {
        raw: Span { start: quoted.start + 1, end: quoted.end - 1 },
        escaped: raw.get().contains('\\'),
    })
}
