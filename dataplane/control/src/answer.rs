//! An answer to a POST or GET: one JSON document, or an event stream.

use std::fmt::Write as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use bytes::Bytes;
use hyper::body::Frame;
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval_at, timeout};

use crate::exchange::{Event, Opened};
use crate::fault::{Fault, json_response};
use crate::link::Link;

/// How often a silent event stream says that it lives.
pub(crate) const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(15);
/// How long an answer may take to begin before it becomes an event stream, so that a slow tool does
/// not look like a dead server to whoever waits for the first byte.
pub(crate) const STREAM_AFTER: Duration = Duration::from_secs(5);

/// What a client's `Accept` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Accept {
    pub(crate) json: bool,
    pub(crate) stream: bool,
}

impl Accept {
    /// No `Accept` takes anything (RFC 9110, section 12.5.1).
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut accept = Self { json: false, stream: false };
        let mut any = true;
        for value in headers.get_all(header::ACCEPT) {
            any = false;
            for range in value.to_str().unwrap_or_default().split(',') {
                let mut parts = range.split(';').map(str::trim);
                let media = parts.next().unwrap_or_default().to_ascii_lowercase();
                let refused = parts.any(|part| {
                    part.split_once('=').is_some_and(|(name, weight)| {
                        name.eq_ignore_ascii_case("q") && weight.parse() == Ok(0.0_f32)
                    })
                });
                if !refused {
                    accept.json |= matches!(&*media, "*/*" | "application/*" | "application/json");
                    accept.stream |= matches!(&*media, "*/*" | "text/*" | "text/event-stream");
                }
            }
        }
        if any { Self { json: true, stream: true } } else { accept }
    }
}

/// Tells the link that a client is gone when its answer is dropped.
struct Presence {
    link: Arc<Link>,
    stream: u64,
}

impl Drop for Presence {
    fn drop(&mut self) {
        let effects = self.link.exchange().gone(self.stream);
        self.link.carry_out_later(effects);
    }
}

/// Messages on their way to one client. Field order matters: the receiver goes before its presence.
pub(crate) struct Replies {
    events: mpsc::Receiver<Event>,
    presence: Presence,
}

impl Replies {
    pub(crate) fn new(link: &Arc<Link>, opened: Opened) -> Self {
        let presence = Presence { link: Arc::clone(link), stream: opened.stream };
        Self { events: opened.events, presence }
    }

    /// An event stream as an answer.
    pub(crate) fn into_stream(self) -> Response<Body> {
        self.streamed(None).response
    }

    /// Waits for the first message, which decides what the answer to a POST is.
    pub(crate) async fn into_answer(
        mut self,
        accept: Accept,
        batch: bool,
        modern: bool,
    ) -> Answered {
        if batch && accept.stream {
            return self.streamed(None);
        }
        if batch {
            return Answered { response: collected(&mut self.events).await, failed: false };
        }
        let first = if accept.stream {
            match timeout(STREAM_AFTER, self.events.recv()).await {
                Ok(first) => first,
                Err(_) => return self.streamed(None),
            }
        } else {
            last_event(&mut self.events).await
        };
        match first {
            // Who cancelled no longer waits for a document: Python's client fails over one.
            Some(event) if event.last && accept.json && !(event.cancelled && accept.stream) => {
                let status = if modern { modern_status(&event) } else { StatusCode::OK };
                let failed = event.failed;
                Answered { response: json_response(status, event.data), failed }
            }
            Some(event) => self.streamed(Some(event)),
            // Its session was ended, by the client itself or for being unused.
            None if accept.stream => Answered { failed: true, ..self.streamed(None) },
            None => {
                let fault = Fault::Upstream("the session ended before the server answered".into());
                Answered { response: fault.response(None), failed: true }
            }
        }
    }

    fn streamed(self, first: Option<Event>) -> Answered {
        let failed = first.as_ref().is_some_and(|event| event.failed);
        let ended = first.as_ref().is_some_and(|event| event.last);
        let first = first.map(|event| write_event(&event));
        let body = EventBody::new(first, ended, self.events, self.presence);
        Answered { response: event_stream(Body::new(body)), failed }
    }

    /// The next message's text, for a client within penstock.
    pub(crate) async fn next(&mut self) -> Option<Bytes> {
        self.events.recv().await.map(|event| event.data)
    }
}

/// The answer, and whether its first message was an error.
pub(crate) struct Answered {
    pub(crate) response: Response<Body>,
    pub(crate) failed: bool,
}

pub(crate) fn event_stream(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

async fn last_event(events: &mut mpsc::Receiver<Event>) -> Option<Event> {
    loop {
        let event = events.recv().await?;
        if event.last {
            return Some(event);
        }
    }
}

/// A batch's responses as one array, for a client that takes no stream.
async fn collected(events: &mut mpsc::Receiver<Event>) -> Response<Body> {
    let mut out = vec![b'['];
    while let Some(event) = events.recv().await {
        if out.len() > 1 {
            out.push(b',');
        }
        out.extend_from_slice(&event.data);
        if event.last {
            break;
        }
    }
    out.push(b']');
    json_response(StatusCode::OK, out.into())
}

/// The modern era maps what the server says to a status.
fn modern_status(event: &Event) -> StatusCode {
    #[derive(serde::Deserialize)]
    struct Failed {
        error: Code,
    }
    #[derive(serde::Deserialize)]
    struct Code {
        code: i64,
    }
    if !event.failed {
        return StatusCode::OK;
    }
    match serde_json::from_slice::<Failed>(&event.data).map(|failed| failed.error.code) {
        Ok(-32601) => StatusCode::NOT_FOUND,
        Ok(-32022..=-32020 | -32600 | -32700) => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    }
}

/// Events as they come, with comments while none do. `P` is dropped with it, after its receiver.
pub(crate) struct EventBody<P> {
    /// Written before anything else.
    first: Option<Bytes>,
    ended: bool,
    events: mpsc::Receiver<Event>,
    keep_alive: Interval,
    _presence: P,
}

impl<P> EventBody<P> {
    /// `ended` where nothing comes after `first`.
    pub(crate) fn new(
        first: Option<Bytes>,
        ended: bool,
        events: mpsc::Receiver<Event>,
        presence: P,
    ) -> Self {
        let mut keep_alive =
            interval_at(tokio::time::Instant::now() + KEEP_ALIVE_EVERY, KEEP_ALIVE_EVERY);
        keep_alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { first, ended, events, keep_alive, _presence: presence }
    }
}

impl<P: Unpin> hyper::body::Body for EventBody<P> {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        if self.ended {
            return Poll::Ready(None);
        }
        match self.events.poll_recv(context) {
            Poll::Ready(Some(event)) => {
                self.ended = event.last;
                self.keep_alive.reset();
                Poll::Ready(Some(Ok(Frame::data(write_event(&event)))))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => self
                .keep_alive
                .poll_tick(context)
                .map(|_| Some(Ok(Frame::data(Bytes::from_static(b": alive\n\n"))))),
        }
    }
}

fn write_event(event: &Event) -> Bytes {
    let mut out = String::from("event: message\n");
    if let Some(id) = event.id {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "id: {id}");
    }
    out.push_str("data: ");
    let mut out = out.into_bytes();
    out.extend_from_slice(&crate::wire::on_one_line(&event.data));
    out.extend_from_slice(b"\n\n");
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::EventId;

    fn accept(values: &[&'static str]) -> (bool, bool) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::ACCEPT, HeaderValue::from_static(value));
        }
        let accept = Accept::of(&headers);
        (accept.json, accept.stream)
    }

    #[test]
    fn accept_is_read_as_http_says() {
        assert_eq!(accept(&[]), (true, true));
        assert_eq!(accept(&["application/json, text/event-stream"]), (true, true));
        assert_eq!(accept(&["application/json", "Text/Event-Stream;q=0.5"]), (true, true));
        assert_eq!(accept(&["application/json"]), (true, false));
        assert_eq!(accept(&["text/*"]), (false, true));
        assert_eq!(accept(&["*/*"]), (true, true));
        assert_eq!(accept(&["application/json;q=0, text/event-stream"]), (false, true));
        assert_eq!(accept(&["text/html"]), (false, false));
    }

    #[test]
    fn an_event_is_one_data_line_with_its_id() {
        let id = Some(EventId { stream: 2, number: 1 });
        let event = Event { id, ..Event::message(Bytes::from_static(b"{\n}")) };
        assert_eq!(write_event(&event), "event: message\nid: 2-1\ndata: { }\n\n");
    }

    #[test]
    fn a_modern_error_has_the_status_the_specification_gives_it() {
        let status = |code: i32| {
            let data = crate::fault::error_json(Some(b"1"), code, "");
            modern_status(&Event { last: true, failed: true, ..Event::message(data) })
        };
        assert_eq!(status(-32601), StatusCode::NOT_FOUND);
        assert_eq!(status(-32020), StatusCode::BAD_REQUEST);
        assert_eq!(status(-32022), StatusCode::BAD_REQUEST);
        assert_eq!(status(-32602), StatusCode::OK);
    }
}
