//! Which era a POST belongs to, and whether its headers agree with its body.
//!
//! The rules, with what the specification leaves to a gateway decided:
//!
//! - A protocol version in `_meta` makes a message modern, *whichever* version it names: a
//!   gateway that passes calls through must not stand between a client and an upstream that are
//!   both newer than itself. Whether a version is supported is the upstream's to say (-32022).
//! - Without one, the header alone decides: a legacy revision or none is legacy, a modern one is
//!   an incomplete modern request (-32602), any other value is refused (-32022), as nothing then
//!   says how the message is to be read.
//! - Only the modern era cross-checks. A legacy message with an `Mcp-Method` header passes: no
//!   legacy reader looks at it.
//! - Batches exist in 2025-03-26 alone, which a POST without the header counts as.

use std::borrow::Cow;

use crate::headers::{self, Agreement, Field, Routing};
use crate::refusal::Reason;
use crate::{Direction, Envelope, Era, Kind, Message, Method, Refusal, Revision, Text};

const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

/// The most characters of a foreign value that a refusal quotes.
const SHOWN: usize = 64;

/// Says which era the POST of `message` belongs to, or why it is not let in.
///
/// `message` is the scan of `body`; `headers` are the request's as they came, names in any case.
/// What this crate does not know (methods, headers, keys of `_meta`) is let in.
pub fn admit<'h>(
    body: &[u8],
    message: &Message,
    headers: impl Iterator<Item = (&'h [u8], &'h [u8])>,
) -> Result<Era, Refusal> {
    let routing = Routing::read(headers);
    if message.is_batch() {
        return batch(message.envelopes(), &routing);
    }
    let envelope = message.single().ok_or(Reason::NoMessage)?;
    sent_as_defined(envelope)?;
    match (envelope.kind, envelope.protocol_version) {
        (Kind::Response, _) => response(&routing),
        (_, Some(version)) => {
            Modern { body, envelope, routing: &routing }.check(version).map(|()| Era::Modern)
        }
        (_, None) => without_version(envelope, &routing),
    }
}

fn batch(envelopes: &[Envelope], routing: &Routing<'_>) -> Result<Era, Refusal> {
    match header_revision(routing)? {
        None | Some(Revision::V2025_03_26) => {}
        Some(other) => return Err(Reason::BatchInRevision(other.as_str().to_owned()).into()),
    }
    let responses = envelopes.iter().filter(|envelope| envelope.kind == Kind::Response).count();
    if responses != 0 && responses != envelopes.len() {
        return Err(Reason::MixedBatch.into());
    }
    for envelope in envelopes {
        sent_as_defined(envelope)?;
        if envelope.protocol_version.is_some() {
            return Err(Reason::ModernInBatch.into());
        }
        if envelope.known == Some(Method::Initialize) {
            return Err(Reason::InitializeInBatch.into());
        }
    }
    Ok(Era::Legacy)
}

fn response(routing: &Routing<'_>) -> Result<Era, Refusal> {
    match header_revision(routing)? {
        Some(revision) if revision.era() == Era::Modern => {
            Err(Reason::ResponseInRevision(revision.as_str().to_owned()).into())
        }
        _ => Ok(Era::Legacy),
    }
}

fn without_version(envelope: &Envelope, routing: &Routing<'_>) -> Result<Era, Refusal> {
    match header_revision(routing)?.map_or(Era::Legacy, Revision::era) {
        Era::Legacy => Ok(Era::Legacy),
        // Only requests have to carry a `_meta`.
        Era::Modern if envelope.kind == Kind::Notification => Ok(Era::Modern),
        Era::Modern => Err(missing_meta(META_VERSION, "a string")),
    }
}

/// The revision that the header names; none if there is no header.
fn header_revision(routing: &Routing<'_>) -> Result<Option<Revision>, Refusal> {
    match routing.protocol_version {
        Field::Absent => Ok(None),
        Field::Repeated => Err(Reason::RepeatedHeader(headers::PROTOCOL_VERSION).into()),
        Field::Once(value) => match Revision::from_bytes(value) {
            Some(revision) => Ok(Some(revision)),
            None => Err(Reason::UnknownRevision(shown(&String::from_utf8_lossy(value))).into()),
        },
    }
}

/// A request that nobody can answer, or a notification that somebody might: servers differ on
/// whether they run it, and a gateway must not guess.
fn sent_as_defined(envelope: &Envelope) -> Result<(), Refusal> {
    let Some(method) = envelope.known else { return Ok(()) };
    match (method.direction(), envelope.kind) {
        (Direction::Notification, Kind::Request) => {
            Err(Reason::NotificationWithId(method.as_str()).into())
        }
        (Direction::ClientRequest | Direction::ServerRequest, Kind::Notification) => {
            Err(Reason::RequestWithoutId(method.as_str()).into())
        }
        _ => Ok(()),
    }
}

/// A message that says its version itself.
struct Modern<'a> {
    body: &'a [u8],
    envelope: &'a Envelope,
    routing: &'a Routing<'a>,
}

impl Modern<'_> {
    fn check(&self, version: Text) -> Result<(), Refusal> {
        let is_request = self.envelope.kind == Kind::Request;
        self.agree(
            headers::PROTOCOL_VERSION,
            self.routing.protocol_version,
            "_meta protocolVersion",
            Some(version),
            headers::plain,
            true,
        )?;
        // The revision leaves open which headers a notification carries.
        self.agree(
            headers::METHOD,
            self.routing.method,
            "method",
            self.envelope.method,
            headers::plain,
            is_request,
        )?;
        if let Some(param) = self.envelope.known.and_then(Method::name_param) {
            self.agree(
                headers::NAME,
                self.routing.name,
                param.as_str(),
                param.of(self.envelope),
                headers::maybe_encoded,
                is_request && param.header_required(),
            )?;
        }
        if is_request { self.capabilities() } else { Ok(()) }
    }

    fn agree(
        &self,
        header: &'static str,
        field: Field<'_>,
        member: &'static str,
        text: Option<Text>,
        compare: fn(&[u8], Text, &[u8]) -> Agreement,
        required: bool,
    ) -> Result<(), Refusal> {
        let value = match field {
            Field::Once(value) => value,
            Field::Repeated => return Err(Reason::RepeatedHeader(header).into()),
            // Without the member there is nothing to repeat; its absence is for the upstream.
            Field::Absent if required && text.is_some() => {
                return Err(Reason::MissingHeader { header, member }.into());
            }
            Field::Absent => return Ok(()),
        };
        let quoted = || shown(&String::from_utf8_lossy(value));
        let Some(text) = text else {
            return Err(Reason::HeaderWithoutMember { header, value: quoted(), member }.into());
        };
        match compare(value, text, self.body) {
            Agreement::Same => Ok(()),
            Agreement::Malformed => Err(Reason::MalformedHeader { header, value: quoted() }.into()),
            Agreement::Different => {
                let expected = shown(&text.decode(self.body));
                Err(Reason::HeaderDisagrees { header, value: quoted(), member, expected }.into())
            }
        }
    }

    fn capabilities(&self) -> Result<(), Refusal> {
        let declared = self.envelope.client_capabilities.map(|span| span.of(self.body));
        if declared.is_some_and(|json| json.starts_with(b"{")) {
            Ok(())
        } else {
            Err(missing_meta(META_CAPABILITIES, "an object"))
        }
    }
}

fn missing_meta(member: &'static str, expected: &'static str) -> Refusal {
    Reason::MissingMeta { member, expected }.into()
}

pub(crate) fn shown(value: &str) -> String {
    let cut = value.char_indices().nth(SHOWN).map(|(at, _)| at);
    let shown = cut.and_then(|at| value.get(..at));
    shown.map_or(Cow::Borrowed(value), |short| Cow::Owned(format!("{short}…"))).into_owned()
}
