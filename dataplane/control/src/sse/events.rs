//! Server-sent events, whole, from an HTTP body.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use penstock_http1::{EventScanner, parse_event};

/// One dispatched event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SseEvent {
    /// `message` where the stream names none.
    pub(crate) kind: String,
    pub(crate) id: Option<String>,
    pub(crate) data: Bytes,
}

/// Why a stream gives no more events.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StreamError {
    #[error("the stream broke off: {0}")]
    Broken(#[from] hyper::Error),
    #[error("{0}")]
    TooLarge(#[from] penstock_http1::EventTooLarge),
}

pub(crate) struct Events {
    body: Incoming,
    scanner: EventScanner,
    buffer: BytesMut,
    /// Lengths of whole events at the start of `buffer`.
    whole: std::collections::VecDeque<usize>,
}

impl Events {
    pub(crate) fn new(body: Incoming, event_bytes_max: u64) -> Self {
        Self {
            body,
            scanner: EventScanner::new(event_bytes_max),
            buffer: BytesMut::new(),
            whole: std::collections::VecDeque::new(),
        }
    }

    /// The next event that has data; `None` at the stream's end.
    pub(crate) async fn next(&mut self) -> Result<Option<SseEvent>, StreamError> {
        loop {
            while let Some(length) = self.whole.pop_front() {
                let raw = self.buffer.split_to(length.min(self.buffer.len()));
                if let Some(event) = dispatched(&raw) {
                    return Ok(Some(event));
                }
            }
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            let Ok(chunk) = frame?.into_data() else { continue };
            self.take(&chunk)?;
        }
    }

    fn take(&mut self, chunk: &[u8]) -> Result<(), StreamError> {
        let base = self.buffer.len();
        let mut start = 0;
        let whole = &mut self.whole;
        self.scanner.feed(chunk, |end| {
            whole.push_back((base + end).saturating_sub(start));
            start = base + end;
        })?;
        self.buffer.extend_from_slice(chunk);
        Ok(())
    }
}

fn dispatched(raw: &[u8]) -> Option<SseEvent> {
    let event = parse_event(raw);
    if event.data.is_empty() {
        return None;
    }
    let text = |span: penstock_http1::Span| String::from_utf8_lossy(span.of(raw)).into_owned();
    let mut data = Vec::new();
    event.data_bytes(raw, &mut data);
    let kind = event.event.map_or_else(|| "message".into(), text);
    Some(SseEvent { kind, id: event.id.map(text), data: data.into() })
}
