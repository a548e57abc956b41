//! One JSON-RPC message, read for its envelope only and edited by splicing spans.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Why bytes are not a message.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WireError {
    #[error("the message is not UTF-8 from byte {0}; send JSON in UTF-8")]
    Encoding(usize),
    #[error("the message is not valid JSON-RPC: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the message has neither a method nor an id; send a request, notification or response")]
    Neither,
    #[error("the id `{0}` is neither a string nor a number; choose one of these")]
    Id(String),
    #[error("the batch is empty; send at least one message")]
    EmptyBatch,
    #[error("the batch has {0} messages, the limit is {1}; send fewer at a time")]
    LongBatch(usize, usize),
}

/// What a message asks of its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Request,
    Notification,
    Response,
}

/// A message and where in its text the parts are that a bridge looks at.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) text: Bytes,
    pub(crate) kind: Kind,
    pub(crate) method: Option<String>,
    /// A response that is an error.
    pub(crate) failed: bool,
    /// `params._meta`'s `io.modelcontextprotocol/protocolVersion`, the mark of the modern era.
    pub(crate) version: Option<String>,
    pub(crate) id: Option<Range<usize>>,
    /// `params._meta.progressToken` of a request, `params.progressToken` of a notification.
    pub(crate) progress_token: Option<Range<usize>>,
    /// `params.requestId`, of `notifications/cancelled`.
    pub(crate) request_id: Option<Range<usize>>,
    /// `_meta`'s `io.modelcontextprotocol/subscriptionId`, in `params` or `result`.
    pub(crate) subscription: Option<Range<usize>>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Params<'a> {
    #[serde(borrow, default)]
    request_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    progress_token: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "_meta")]
    meta: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct Meta<'a> {
    #[serde(borrow, default, rename = "progressToken")]
    progress_token: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "io.modelcontextprotocol/subscriptionId")]
    subscription: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "io.modelcontextprotocol/protocolVersion")]
    version: Option<Cow<'a, str>>,
}

impl Message {
    pub(crate) fn parse(text: Bytes) -> Result<Self, WireError> {
        let whole =
            std::str::from_utf8(&text).map_err(|error| WireError::Encoding(error.valid_up_to()))?;
        let envelope: Envelope<'_> = object(whole)?;
        let span = |part: &RawValue| span(whole, part.get());
        let kind = match (&envelope.method, envelope.id) {
            (Some(_), Some(_)) => Kind::Request,
            (Some(_), None) => Kind::Notification,
            (None, Some(_)) => Kind::Response,
            (None, None) => return Err(WireError::Neither),
        };
        if let Some(id) = envelope.id
            && !id.get().starts_with(['"', '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])
        {
            return Err(WireError::Id(id.get().chars().take(64).collect()));
        }
        // A result's shape is the server's affair: one without `_meta` as expected has none.
        let inner: Params<'_> = match (envelope.params, envelope.result) {
            (Some(params), _) => object(params.get())?,
            (None, Some(result)) => object(result.get()).unwrap_or_default(),
            (None, None) => Params::default(),
        };
        let meta: Meta<'_> = match (inner.meta, kind) {
            (None, _) => Meta::default(),
            (Some(meta), Kind::Response) => object(meta.get()).unwrap_or_default(),
            (Some(meta), _) => object(meta.get())?,
        };
        let token = if kind == Kind::Request { meta.progress_token } else { inner.progress_token };
        Ok(Self {
            kind,
            failed: kind == Kind::Response && envelope.error.is_some(),
            // A result's `_meta` says nothing of the era: responses are posted in the legacy one only.
            version: meta.version.filter(|_| kind != Kind::Response).map(Cow::into_owned),
            id: envelope.id.map(span),
            progress_token: token.map(span),
            request_id: inner.request_id.map(span),
            subscription: meta.subscription.map(span),
            method: envelope.method.map(Cow::into_owned),
            text,
        })
    }

    pub(crate) fn is(&self, method: &str) -> bool {
        self.method.as_deref() == Some(method)
    }

    /// The raw JSON text of a part.
    pub(crate) fn part(&self, span: Option<&Range<usize>>) -> Option<Bytes> {
        span.filter(|span| span.start <= span.end && span.end <= self.text.len())
            .map(|span| self.text.slice(span.clone()))
    }

    pub(crate) fn id_text(&self) -> Option<Bytes> {
        self.part(self.id.as_ref())
    }

    /// The text with spans replaced, everything else byte for byte as it came.
    pub(crate) fn spliced<const N: usize>(
        &self,
        edits: [(Option<&Range<usize>>, &[u8]); N],
    ) -> Bytes {
        let mut edits: Vec<_> =
            edits.into_iter().filter_map(|(span, new)| Some((span?, new))).collect();
        edits.sort_by_key(|(span, _)| span.start);
        let mut out = Vec::with_capacity(self.text.len() + 64);
        let mut at = 0;
        for (span, new) in edits {
            out.extend_from_slice(self.text.get(at..span.start).unwrap_or_default());
            out.extend_from_slice(new);
            at = span.end;
        }
        out.extend_from_slice(self.text.get(at..).unwrap_or_default());
        out.into()
    }
}

/// The messages of a body or line: one, or a batch of 2025-03-26.
pub(crate) struct Messages {
    pub(crate) list: Vec<Message>,
    pub(crate) batch: bool,
}

impl Messages {
    pub(crate) fn parse(text: Bytes, batch_max: usize) -> Result<Self, WireError> {
        if text.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'[') {
            return Ok(Self { list: vec![Message::parse(text)?], batch: false });
        }
        let whole =
            std::str::from_utf8(&text).map_err(|error| WireError::Encoding(error.valid_up_to()))?;
        let parts: Vec<&RawValue> = serde_json::from_str(whole)?;
        if parts.is_empty() {
            return Err(WireError::EmptyBatch);
        }
        if parts.len() > batch_max {
            return Err(WireError::LongBatch(parts.len(), batch_max));
        }
        let list = parts
            .into_iter()
            .map(|part| Message::parse(text.slice(span(whole, part.get()))))
            .collect::<Result<_, _>>()?;
        Ok(Self { list, batch: true })
    }
}

/// Puts a message on one line. JSON strings hold no raw line ends, so any such byte is white space
/// between tokens.
pub(crate) fn on_one_line(text: &Bytes) -> Bytes {
    if memchr::memchr2(b'\n', b'\r', text).is_none() {
        return text.clone();
    }
    text.iter().map(|&byte| if byte == b'\n' || byte == b'\r' { b' ' } else { byte }).collect()
}

/// Makes equal ids equal: `"a"` and `"\u0061"` are the same string.
pub(crate) fn canonical_id(raw: &[u8]) -> String {
    match serde_json::from_slice::<serde_json::Value>(raw) {
        Ok(value) => value.to_string(),
        Err(_) => String::from_utf8_lossy(raw).into_owned(),
    }
}

/// The number that penstock wrote as an id or token: `7`, or `"7"` from a server that turns ids
/// into strings.
pub(crate) fn own_number(raw: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(raw).ok()?;
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text).parse().ok()
}

/// Reads an object. A derived reader would take an array for one, its fields by position.
fn object<'a, T: Deserialize<'a>>(text: &'a str) -> serde_json::Result<T> {
    if text.trim_start().starts_with('{') {
        serde_json::from_str(text)
    } else {
        Err(serde::de::Error::custom("expected an object"))
    }
}

fn span(whole: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr().addr().saturating_sub(whole.as_ptr().addr());
    start..start + part.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Message {
        Message::parse(Bytes::copy_from_slice(text.as_bytes())).expect("a message")
    }

    #[test]
    fn a_response_is_never_modern() {
        let meta = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#;
        let request = format!(r#"{{"id":1,"method":"m","params":{{{meta}}}}}"#);
        assert!(message(&request).version.is_some());
        let response = format!(r#"{{"id":1,"result":{{{meta}}}}}"#);
        assert_eq!(message(&response).version, None);
    }

    #[test]
    fn an_edit_leaves_every_other_byte() {
        let request = message(
            "{ \"id\" : \"\\u0061\", \"method\":\"tools/call\",\n\"params\":{\"_meta\":{\"progressToken\": 1.0 },\"x\":1e2}}",
        );
        assert_eq!(
            request.spliced([
                (request.progress_token.as_ref(), b"7"),
                (request.id.as_ref(), b"7"),
                (None, b"never"),
            ]),
            "{ \"id\" : 7, \"method\":\"tools/call\",\n\"params\":{\"_meta\":{\"progressToken\": 7 },\"x\":1e2}}"
        );
    }

    #[test]
    fn kinds_and_parts_are_told_apart() {
        assert_eq!(message(r#"{"method":"m","id":1}"#).kind, Kind::Request);
        let progress =
            message(r#"{"method":"notifications/progress","params":{"progressToken":"t"}}"#);
        assert_eq!(progress.kind, Kind::Notification);
        assert_eq!(progress.part(progress.progress_token.as_ref()).expect("token"), "\"t\"");
        let error = message(r#"{"id":1,"error":{"code":1,"message":""}}"#);
        assert!(error.kind == Kind::Response && error.failed);
        let modern = message(
            r#"{"id":1,"method":"m","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#,
        );
        assert_eq!(modern.version.as_deref(), Some("2026-07-28"));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for text in [
            "",
            "{}",
            "nope",
            r#"{"id":null}"#,
            r#"{"id":{},"method":"m"}"#,
            r#"{"id":1,"id":2,"method":"m"}"#,
            r#"{"id":1,"method":"m","params":[]}"#,
            r#"{"id":1,"method":"m","params":{"_meta":[1]}}"#,
            r#"[1,"m"]"#,
            r#"{"id":1,"method":"m"} x"#,
        ] {
            assert!(Message::parse(Bytes::copy_from_slice(text.as_bytes())).is_err(), "{text}");
        }
        assert!(Message::parse(Bytes::from_static(b"{\"id\":\"\xff\"}")).is_err());
    }

    #[test]
    fn a_batch_is_split_and_bounded() {
        let text = Bytes::from_static(br#" [{"id":1,"method":"a"},{"method":"b"}]"#);
        let batch = Messages::parse(text.clone(), 2).expect("a batch");
        assert!(batch.batch);
        assert_eq!(batch.list[1].text, r#"{"method":"b"}"#);
        assert!(matches!(Messages::parse(text, 1), Err(WireError::LongBatch(2, 1))));
        assert!(Messages::parse(Bytes::from_static(b"[]"), 1).is_err());
    }

    #[test]
    fn a_pretty_printed_message_fits_on_a_line() {
        let line = on_one_line(&Bytes::from_static(b"{\r\n \"id\": 1\n}"));
        assert_eq!(line, "{   \"id\": 1 }");
    }

    #[test]
    fn ids_compare_by_value() {
        assert_eq!(canonical_id(br#""\u0061""#), canonical_id(br#""a""#));
        assert_ne!(canonical_id(b"1"), canonical_id(br#""1""#));
        assert_eq!(own_number(b"\"12\""), Some(12));
        assert_eq!(own_number(b"1.5"), None);
    }
}
