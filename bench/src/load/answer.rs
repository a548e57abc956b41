//! What a right answer is: framed as HTTP, and saying what the server said.

use anyhow::{Context as _, Result, ensure};
use penstock_http1::{
    ChunkLimits, Chunked, EventScanner, Framing, ResponseHead, Verb, parse_event,
};
use serde_json::Value;

use crate::call;

/// An event may be as long as the longest answer, and what frames it.
const EVENT_BYTES_MAX: u64 = 1 << 20;

/// What is a success.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Expect<'a> {
    /// This body, byte for byte: of what passes on what the server said. Another ends the load.
    Body(&'a [u8]),
    /// A result with this text: of what writes an answer of its own, as JSON or as an event
    /// stream. Others are counted.
    Text { text: &'a str, slack: Slack },
}

/// In what an answer may differ beside the way it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slack {
    /// Nothing: it has the call's id, and this text alone.
    Nothing,
    /// It comes under another id than the call's.
    OtherId,
    /// The server's result is the text, as JSON.
    ResultAsText,
}

/// What came, once it is whole.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// A success, and its length.
    Right(usize),
    /// Its length, and what is wrong with it. The connection can be used again.
    Wrong(usize, String),
}

/// A whole answer, its framing taken off.
pub(crate) struct Whole {
    pub(crate) status: u16,
    /// Of the answer with its head.
    pub(crate) length: usize,
    pub(crate) body: Vec<u8>,
    /// Whether the body is an event stream.
    pub(crate) events: bool,
}

/// Judges answers; one for all connections of a thread.
#[derive(Debug, Default)]
pub(super) struct Judge {
    head: ResponseHead,
    /// The body that was last found to be right: most are the same, and need no parsing.
    right: Vec<u8>,
}

impl Judge {
    /// What is at the start of `bytes`; nothing while it is not whole. An error where the
    /// connection cannot go on, or the load should not.
    pub(super) fn judge(&mut self, bytes: &[u8], expect: &Expect<'_>) -> Result<Option<Came>> {
        self.head.reset();
        match expect {
            Expect::Body(body) => Ok(same_body(&mut self.head, bytes, body)?.map(Came::Right)),
            Expect::Text { text, slack } => {
                let Some(whole) = whole(&mut self.head, bytes)? else { return Ok(None) };
                if whole.status == 200 && whole.body == self.right {
                    return Ok(Some(Came::Right(whole.length)));
                }
                Ok(Some(match says(&whole, text, *slack) {
                    Ok(()) => {
                        self.right = whole.body;
                        Came::Right(whole.length)
                    }
                    Err(why) => Came::Wrong(whole.length, why),
                }))
            }
        }
    }
}

/// Length of the answer at the start of `bytes`, once it is whole. It is an error unless it is a
/// success with exactly this body on a connection that stays open.
fn same_body(head: &mut ResponseHead, bytes: &[u8], body: &[u8]) -> Result<Option<usize>> {
    let Some(length) = call::success(head, bytes, Verb::Post)? else { return Ok(None) };
    let expected = u64::try_from(body.len())?;
    ensure!(
        head.keep_alive && head.framing == Framing::Length(expected),
        "an answer has another framing: {}",
        String::from_utf8_lossy(bytes.get(..length).unwrap_or_default())
    );
    let whole = length + body.len();
    let Some(got) = bytes.get(length..whole) else { return Ok(None) };
    ensure!(got == body, "an answer's body is not what the server said");
    Ok(Some(whole))
}

/// The answer at the start of `bytes`, once it is whole.
pub(crate) fn whole(head: &mut ResponseHead, bytes: &[u8]) -> Result<Option<Whole>> {
    let parsed = head.parse(bytes, &call::LIMITS, Verb::Post).context("an answer is not HTTP")?;
    let Some(length) = parsed else { return Ok(None) };
    ensure!(
        head.keep_alive,
        "the connection is closed after an answer: {}",
        String::from_utf8_lossy(bytes.get(..length).unwrap_or_default())
    );
    let rest = bytes.get(length..).unwrap_or_default();
    let (body, taken) = match head.framing {
        Framing::None => (Vec::new(), 0),
        Framing::Length(bytes) => {
            let bytes = usize::try_from(bytes)?;
            let Some(body) = rest.get(..bytes) else { return Ok(None) };
            (body.to_vec(), bytes)
        }
        _ => {
            let mut body = Vec::new();
            let fed = Chunked::new(ChunkLimits::default())
                .feed(rest, |piece| {
                    if piece.data {
                        body.extend_from_slice(piece.span.of(rest));
                    }
                })
                .context("an answer's chunks are not as they must be")?;
            if !fed.ended {
                return Ok(None);
            }
            (body, fed.consumed)
        }
    };
    let kind = head.value(bytes, "content-type").unwrap_or_default();
    Ok(Some(Whole {
        status: head.status,
        length: length + taken,
        body,
        events: kind.starts_with(b"text/event-stream"),
    }))
}

/// Why this is no success with that text, if it is none.
fn says(whole: &Whole, text: &str, slack: Slack) -> Result<(), String> {
    let beginning = || {
        let shown = whole.body.get(..whole.body.len().min(200)).unwrap_or_default();
        let shown = String::from_utf8_lossy(shown);
        shown.chars().map(|char| if char.is_control() { ' ' } else { char }).collect::<String>()
    };
    if whole.status != 200 {
        return Err(format!("status {}: {}", whole.status, beginning()));
    }
    let messages = messages(whole).map_err(|error| format!("{error:#}: {}", beginning()))?;
    let result = messages.iter().find(|message| message.get("result").is_some());
    let result = result.ok_or_else(|| format!("no result: {}", beginning()))?;
    let id = result.get("id").unwrap_or(&Value::Null);
    if slack != Slack::OtherId && id.as_u64() != Some(call::ID) {
        return Err(format!("the id is {id}, and the call's was {}", call::ID));
    }
    let said = result.pointer("/result/content/0/text").and_then(Value::as_str);
    let within: Value = match (said, slack) {
        (Some(said), Slack::ResultAsText) => serde_json::from_str(said).unwrap_or_default(),
        _ => Value::Null,
    };
    let said = match slack {
        Slack::ResultAsText => within.pointer("/content/0/text").and_then(Value::as_str),
        Slack::Nothing | Slack::OtherId => said,
    };
    if said != Some(text) {
        return Err(format!("another text: {}", beginning()));
    }
    Ok(())
}

/// The JSON-RPC messages of an answer.
fn messages(whole: &Whole) -> Result<Vec<Value>> {
    if !whole.events {
        return Ok(vec![serde_json::from_slice(&whole.body).context("the body is not JSON")?]);
    }
    let (mut from, mut found) = (0, Ok(Vec::new()));
    let mut scanner = EventScanner::new(EVENT_BYTES_MAX);
    scanner.feed(&whole.body, |end| {
        let raw = whole.body.get(from..end).unwrap_or_default();
        from = end;
        let mut data = Vec::new();
        parse_event(raw).data_bytes(raw, &mut data);
        // A comment has no data.
        if let (Ok(messages), false) = (&mut found, data.is_empty()) {
            match serde_json::from_slice(&data) {
                Ok(message) => messages.push(message),
                Err(error) => found = Err(error),
            }
        }
    })?;
    found.context("an event is not JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: &str =
        r#"{"result":{"content":[{"text":"hello","type":"text"}]},"jsonrpc":"2.0","id":48151}"#;

    fn http(status: &str, head: &str, body: &str) -> Vec<u8> {
        format!("HTTP/1.1 {status}\r\n{head}Content-Length: {}\r\n\r\n{body}", body.len()).into()
    }

    fn chunked(body: &str) -> Vec<u8> {
        let head = "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked";
        let (one, two) = body.split_at(body.len() / 2);
        let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
        format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{}{}0\r\n\r\n", chunk(one), chunk(two)).into()
    }

    fn judge(bytes: &[u8]) -> Option<Came> {
        judge_with(bytes, Slack::Nothing)
    }

    fn judge_with(bytes: &[u8], slack: Slack) -> Option<Came> {
        Judge::default().judge(bytes, &Expect::Text { text: "hello", slack }).unwrap()
    }

    #[test]
    fn an_answer_written_anew_is_right_by_its_id_and_text() {
        let json = http("200 OK", "Content-Type: application/json\r\n", RIGHT);
        assert_eq!(judge(&json), Some(Came::Right(json.len())));
        let other = RIGHT.replace("hello", "hullo");
        assert!(matches!(judge(&http("200 OK", "", &other)), Some(Came::Wrong(..))));
    }

    #[test]
    fn an_answer_in_a_stream_of_chunks_is_right_once_it_has_ended() {
        let events = format!(
            ": ping\n\nevent: message\ndata: {{\"method\":\"notifications/progress\"}}\n\n\
             event: message\ndata: {RIGHT}\n\n"
        );
        let bytes = chunked(&events);
        assert_eq!(judge(&bytes), Some(Came::Right(bytes.len())));
        for cut in 0..bytes.len() {
            assert_eq!(judge(&bytes[..cut]), None, "cut at {cut}");
        }
    }

    #[test]
    fn an_answer_under_another_id_is_wrong_and_says_so() {
        let bytes = http("200 OK", "", &RIGHT.replace("48151", "7"));
        let Some(Came::Wrong(length, why)) = judge(&bytes) else { panic!("not wrong") };
        assert_eq!(length, bytes.len());
        assert_eq!(why, "the id is 7, and the call's was 48151");
        assert_eq!(judge_with(&bytes, Slack::OtherId), Some(Came::Right(bytes.len())));
    }

    #[test]
    fn a_result_as_a_text_is_wrong_where_it_was_not_asked_for() {
        let result = r#"{\"content\":[{\"type\":\"text\",\"text\":\"h\\u0065llo\"}]}"#;
        let bytes = http("200 OK", "", &RIGHT.replace("hello", result));
        assert!(matches!(judge(&bytes), Some(Came::Wrong(..))));
        assert_eq!(judge_with(&bytes, Slack::ResultAsText), Some(Came::Right(bytes.len())));
        let plain = http("200 OK", "", RIGHT);
        assert!(matches!(judge_with(&plain, Slack::ResultAsText), Some(Came::Wrong(..))));
    }

    #[test]
    fn an_error_is_wrong_and_says_what_it_said() {
        let bytes = http("503 Service Unavailable", "", "too busy");
        let Some(Came::Wrong(_, why)) = judge(&bytes) else { panic!("not wrong") };
        assert_eq!(why, "status 503: too busy");
        let error = r#"{"jsonrpc":"2.0","id":48151,"error":{"code":-32602,"message":"no"}}"#;
        let Some(Came::Wrong(_, why)) = judge(&http("200 OK", "", error)) else { panic!("right") };
        assert!(why.starts_with("no result: "), "{why}");
    }

    #[test]
    fn a_body_that_must_be_the_same_may_not_be_written_anew() {
        let mut judge = Judge::default();
        let bytes = http("200 OK", "Content-Type: application/json\r\n", RIGHT);
        let same = judge.judge(&bytes, &Expect::Body(RIGHT.as_bytes())).unwrap();
        assert_eq!(same, Some(Came::Right(bytes.len())));
        let shuffled = RIGHT.replace("hello", "hullo");
        judge.judge(&bytes, &Expect::Body(shuffled.as_bytes())).unwrap_err();
        judge.judge(&chunked(RIGHT), &Expect::Body(RIGHT.as_bytes())).unwrap_err();
    }
}
