//! Whether a message is the answer that a call should have.

use penstock_mcp::{Envelope, Kind, Message, ScanLimits};

use super::asked::Asked;
use super::failure::{Fault, What};
use super::request::{Act, Id, Template};
use super::seldom::Seldom;
use super::shape::{self, IsError};
use crate::plan::Expect;
use crate::report::model::ErrorKind;

const LIMITS: ScanLimits = ScanLimits { depth: 128, batch: 1 };

/// What a message turned out to be.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    /// The answer, good or not.
    Answer(Result<(), Fault>),
    /// A request of the server's, which may come before an answer on a stream.
    Asked(Asked),
    /// A notification, which may too.
    Other,
}

/// Reads messages; kept, so that reading allocates nothing.
pub(super) struct Checker {
    message: Message,
    is_error: IsError,
    /// By template.
    known: Vec<Known>,
}

/// Templates whose answers are recognised.
const KNOWN_MAX: usize = 64;
/// A longer answer is read each time.
const KNOWN_BYTES_MAX: usize = 128 << 10;

/// A good answer to a template. Whether a text is one follows from its bytes alone: one that
/// differs in nothing but the id, and there has the id that it should have, need not be read.
#[derive(Debug, Default)]
struct Known {
    text: Vec<u8>,
    id_at: usize,
    seldom: Seldom,
}

impl Known {
    #[inline]
    fn is(&self, text: &[u8], id: &Id) -> bool {
        let id_end = self.id_at + id.0.len();
        text.len() == self.text.len()
            && text.get(self.id_at..id_end) == Some(&id.0)
            && text.get(..self.id_at) == self.text.get(..self.id_at)
            && text.get(id_end..) == self.text.get(id_end..)
    }
}

impl Checker {
    pub(super) fn new() -> Self {
        Self { message: Message::new(), is_error: IsError::new(), known: Vec::new() }
    }

    /// A message of the body of a 200.
    #[inline]
    pub(super) fn message(&mut self, text: &[u8], id: &Id, template: &Template) -> Found {
        if let Some(known) = self.known.get_mut(template.number)
            && known.is(text, id)
        {
            known.seldom.hit();
            return Found::Answer(Ok(()));
        }
        if let Err(error) = self.message.scan(text, &LIMITS) {
            return Found::Answer(Err(Fault::written(ErrorKind::Shape, error.fault)));
        }
        let Some(envelope) = self.message.single() else {
            return Found::Answer(Err(Fault::new(ErrorKind::Shape, "a batch")));
        };
        if envelope.kind != Kind::Response {
            return Asked::of(text, envelope).map_or(Found::Other, Found::Asked);
        }
        let id_at = envelope.id.map(|id| id.range().start);
        let judged = self.response(text, envelope, id, template);
        if let (Ok(()), Some(id_at)) = (&judged, id_at) {
            self.remember(text, id_at, template.number);
        }
        Found::Answer(judged)
    }

    fn remember(&mut self, text: &[u8], id_at: usize, number: usize) {
        if number >= KNOWN_MAX || text.len() > KNOWN_BYTES_MAX {
            return;
        }
        if self.known.len() <= number {
            self.known.resize_with(number + 1, Known::default);
        }
        if let Some(known) = self.known.get_mut(number)
            && known.seldom.missed()
        {
            known.text.clear();
            known.text.extend_from_slice(text);
            known.id_at = id_at;
        }
    }

    #[inline]
    fn response(
        &self,
        text: &[u8],
        envelope: &Envelope,
        id: &Id,
        template: &Template,
    ) -> Result<(), Fault> {
        let id_there = envelope.id.map(|id| id.of(text));
        if id_there != Some(&id.0[..]) && !(id_there.is_none() && envelope.error.is_some()) {
            return Err(Fault::new(ErrorKind::Id, "the id of another call"));
        }
        let expect = template.expect;
        let Some(result) = envelope.result else {
            if expect != Expect::Success {
                return Ok(());
            }
            let error = envelope.error.map(|error| error.of(text)).unwrap_or_default();
            return Err(Fault { kind: ErrorKind::Error, what: code_of(error) });
        };
        let result = result.of(text);
        if result.first() != Some(&b'{') {
            return Err(Fault::new(ErrorKind::Shape, "a result that is no object"));
        }
        let is_error = self.is_error.of(result);
        if let Some(member) = template.member
            && shape::member(result, member.name.as_bytes()).and_then(<[u8]>::first)
                != Some(&member.opens)
        {
            let what = format!("a result without `{}`", member.name);
            return Err(Fault::written(ErrorKind::Shape, what));
        }
        match (is_error, expect) {
            (true, Expect::Success) => Err(Fault::new(ErrorKind::ToolError, "isError")),
            (false, Expect::Refusal) => Err(Fault::new(ErrorKind::Unrefused, "a success")),
            _ => Ok(()),
        }
    }

    /// A whole body under another status than 200. That is how some refuse: it counts as a refusal
    /// if it is a JSON-RPC error.
    pub(super) fn refused(
        &mut self,
        status: u16,
        body: &[u8],
        id: &Id,
        template: &Template,
    ) -> Result<(), Fault> {
        let scanned = self.message.scan(body, &LIMITS).is_ok();
        let envelope = self.message.single().filter(|_| scanned);
        let error = envelope.and_then(|envelope| envelope.error).map(|error| error.of(body));
        let Some(error) = error else {
            return Err(Fault { kind: ErrorKind::Status, what: What::Status(status) });
        };
        let id_there = envelope.and_then(|envelope| envelope.id).map(|id| id.of(body));
        let ours = id_there.is_none_or(|there| there == id.0);
        if template.expect != Expect::Success && template.act == Act::Call && ours {
            return Ok(());
        }
        let what = match code_of(error) {
            What::Code(code) => What::StatusCode(status, code),
            _ => What::Status(status),
        };
        Err(Fault { kind: ErrorKind::Status, what })
    }

    /// A message on a stream that is open, and is the subscription `id` if it was subscribed to; what
    /// it asks.
    pub(super) fn event(
        &mut self,
        text: &[u8],
        subscription: Option<&Id>,
    ) -> Result<Option<Asked>, Fault> {
        self.message
            .scan(text, &LIMITS)
            .map_err(|error| Fault::written(ErrorKind::Shape, error.fault))?;
        let envelope = self.message.single().ok_or(Fault::new(ErrorKind::Shape, "a batch"))?;
        if envelope.kind == Kind::Response {
            return Err(Fault::new(ErrorKind::Shape, "an answer on a stream that asked nothing"));
        }
        let Some(id) = subscription else { return Ok(Asked::of(text, envelope)) };
        let meta = envelope.meta.map(|meta| meta.of(text)).unwrap_or_default();
        let named = shape::member(meta, b"io.modelcontextprotocol/subscriptionId");
        // As a number or a string, as the schema of ids has it.
        let named = named.map(|value| value.strip_prefix(b"\"").unwrap_or(value));
        let ends = |value: &[u8]| !value.get(id.0.len()).is_some_and(u8::is_ascii_digit);
        if named.is_some_and(|value| value.starts_with(&id.0) && ends(value)) {
            Ok(None)
        } else {
            Err(Fault::new(ErrorKind::Id, "an event without the subscription's id"))
        }
    }
}

/// Where `initialize`'s answer says which revision is spoken.
pub(super) fn revision_of(answer: &[u8]) -> Option<&[u8]> {
    let result = shape::member(answer, b"result")?;
    let revision = shape::text(shape::member(result, b"protocolVersion")?)?;
    // It goes into a header.
    revision.iter().all(u8::is_ascii_graphic).then_some(revision)
}

fn code_of(error: &[u8]) -> What {
    match shape::member(error, b"code").and_then(shape::integer) {
        Some(code) => What::Code(code),
        None => What::Said("an error without `code`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::request::{Ids, Requests};
    use crate::engine::tests::rig::plan;

    fn answer(id: &str, rest: &str) -> String {
        format!(
            r#"{{"jsonrpc":"2.0","result":{{"content":[{{"type":"text","text":"{rest}"}}]}},"id":{id}}}"#
        )
    }

    #[test]
    fn an_answer_that_is_recognised_is_judged_as_one_that_is_read() {
        let requests = Requests::new(&plan(([127, 0, 0, 1], 80).into())).unwrap();
        let template = &requests.templates[0];
        let (mut checker, mut ids) = (Checker::new(), Ids::new(1));
        let mut judge = |text: &str, id: &Id| {
            let found = checker.message(text.as_bytes(), id, template);
            assert_eq!(found, Checker::new().message(text.as_bytes(), id, template), "{text}");
            found
        };
        let kind = |found| match found {
            Found::Answer(Err(fault)) => Some(fault.kind),
            _ => None,
        };
        for rest in ["a", "a", "b", "a", "bb", "b", "b"] {
            let id = ids.next();
            let good = answer(std::str::from_utf8(&id.0).unwrap(), rest);
            assert_eq!(judge(&good, &id), Found::Answer(Ok(())));
            // The same but for one thing, after it was remembered.
            assert_eq!(kind(judge(&good, &ids.next())), Some(ErrorKind::Id));
            assert_eq!(
                kind(judge(&good.replace("content", "contens"), &id)),
                Some(ErrorKind::Shape)
            );
            assert_eq!(kind(judge(&good.replace("}]", "]]"), &id)), Some(ErrorKind::Shape));
            assert_eq!(kind(judge(&good.replace("2.0", "2.1"), &id)), Some(ErrorKind::Shape));
            assert_eq!(kind(judge(&format!("{good}}}"), &id)), Some(ErrorKind::Shape));
            assert_eq!(kind(judge("", &id)), Some(ErrorKind::Shape));
        }
    }
}
