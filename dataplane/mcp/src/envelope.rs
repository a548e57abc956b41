//! One JSON-RPC message: what a gateway reads of it.

use crate::json::Cursor;
use crate::keys::Keys;
use crate::{Fault, Member, Method, ScanError, Span, Text};

/// What a message is (JSON-RPC 2.0 sections 4 and 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Kind {
    /// Has a method and an id.
    #[default]
    Request,
    /// Has a method and no id.
    Notification,
    /// Has a result or an error.
    Response,
}

/// The parts of one message, as spans of the body.
///
/// Members that are absent, or of a type that only the upstream can judge, are `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Envelope {
    /// The whole message, brace to brace.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
    /// `id` as raw JSON, a string's quotes included. The null of an error response is `None`.
    pub id: Option<Span>,
    /// `method`.
    pub method: Option<Text>,
    /// `method`, if this crate knows it.
    pub known: Option<Method>,
    /// `params`, brace to brace.
    pub params: Option<Span>,
    /// `params.name`, if a string.
    pub name: Option<Text>,
    /// `params.uri`, if a string.
    pub uri: Option<Text>,
    /// `params.taskId`, if a string.
    pub task_id: Option<Text>,
    /// `params.requestId`, which `notifications/cancelled` names a request by, as raw JSON.
    pub request_id: Option<Span>,
    /// `params.arguments`, of any type.
    pub arguments: Option<Span>,
    /// `params._meta`, brace to brace.
    pub meta: Option<Span>,
    /// `io.modelcontextprotocol/protocolVersion` in `_meta`: what makes a message modern.
    pub protocol_version: Option<Text>,
    /// `io.modelcontextprotocol/clientCapabilities` in `_meta`, of any type.
    pub client_capabilities: Option<Span>,
    /// `io.modelcontextprotocol/clientInfo` in `_meta`, of any type.
    pub client_info: Option<Span>,
    /// `progressToken` in `_meta`, as raw JSON.
    pub progress_token: Option<Span>,
    /// `params.protocolVersion`, which `initialize` asks for, if a string.
    pub requested_version: Option<Text>,
    /// `result`, of any type.
    pub result: Option<Span>,
    /// `error`, brace to brace.
    pub error: Option<Span>,
}

/// Reads one envelope at the cursor.
///
/// What is no JSON ends the walk at once. What is JSON but no message is kept as the `refusal`
/// and the walk goes on, so that the refusal can be answered under the request's id.
pub(crate) struct Reader<'r, 'a> {
    pub(crate) cursor: &'r mut Cursor<'a>,
    pub(crate) keys: &'r mut Keys,
    pub(crate) refusal: &'r mut Option<ScanError>,
}

/// The members whose presence and form decide what a message is.
#[derive(Default)]
struct Shape {
    json_rpc: bool,
    id: Option<Id>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Id {
    Usable,
    Null,
    Unusable,
}

impl<'a> Reader<'_, 'a> {
    pub(crate) fn envelope(mut self) -> Result<Envelope, ScanError> {
        let mut envelope = Envelope::default();
        let start = self.cursor.at();
        if self.cursor.peek() != b'{' {
            self.cursor.value()?;
            self.refuse(start, Fault::NotAnObject);
            return Ok(envelope);
        }
        let mut shape = Shape::default();
        let unique = self.object(|reader, key| reader.member(key, &mut envelope, &mut shape))?;
        envelope.span = self.cursor.span_from(start);
        self.judge(start, &mut envelope, &shape);
        if !unique {
            envelope.id = None;
        }
        Ok(envelope)
    }

    fn member(
        &mut self,
        key: &[u8],
        envelope: &mut Envelope,
        shape: &mut Shape,
    ) -> Result<(), ScanError> {
        match key {
            b"jsonrpc" => {
                let start = self.cursor.at();
                let version = self.text_or_other()?;
                shape.json_rpc = version.is_some_and(|text| text.eq(self.cursor.body(), b"2.0"));
                if !shape.json_rpc {
                    self.refuse(start, Fault::NotJsonRpc2);
                }
            }
            b"id" => {
                let (id, span) = self.id()?;
                shape.id = Some(id);
                envelope.id = (id == Id::Usable).then_some(span);
            }
            b"method" => {
                envelope.method = self.text(Member::Method)?;
                envelope.known = envelope.method.and_then(|text| {
                    let body = self.cursor.body();
                    if text.escaped {
                        Method::from_bytes(text.decode(body).as_bytes())
                    } else {
                        Method::from_bytes(text.raw.of(body))
                    }
                });
            }
            b"params" => envelope.params = self.params(envelope)?,
            b"result" => envelope.result = Some(self.cursor.value()?),
            b"error" => {
                let start = self.cursor.at();
                let is_object = self.cursor.peek() == b'{';
                envelope.error = Some(self.cursor.value()?);
                if !is_object {
                    self.refuse(start, Fault::WrongType(Member::Error));
                }
            }
            _ => {
                self.cursor.value()?;
            }
        }
        Ok(())
    }

    /// Settles what the message is once all of it was seen.
    fn judge(&mut self, start: usize, envelope: &mut Envelope, shape: &Shape) {
        if !shape.json_rpc {
            self.refuse(start, Fault::NotJsonRpc2);
        }
        if shape.id == Some(Id::Unusable) {
            self.refuse(start, Fault::BadId);
        }
        let fault = match (envelope.method, envelope.result, envelope.error) {
            (Some(_), None, None) => {
                let request = shape.id.is_some();
                envelope.kind = if request { Kind::Request } else { Kind::Notification };
                (shape.id == Some(Id::Null)).then_some(Fault::BadId)
            }
            (None, Some(_), None) => {
                envelope.kind = Kind::Response;
                (shape.id != Some(Id::Usable)).then_some(Fault::BadId)
            }
            // An error may answer what had no readable id.
            (None, None, Some(_)) => {
                envelope.kind = Kind::Response;
                None
            }
            (None, None, None) => Some(Fault::NoKind),
            (None, Some(_), Some(_)) => Some(Fault::ResultAndError),
            (Some(_), _, _) => Some(Fault::RequestAndResponse),
        };
        if let Some(fault) = fault {
            self.refuse(start, fault);
        }
    }

    fn params(&mut self, envelope: &mut Envelope) -> Result<Option<Span>, ScanError> {
        let start = self.cursor.at();
        if self.cursor.peek() != b'{' {
            self.cursor.value()?;
            self.refuse(start, Fault::WrongType(Member::Params));
            return Ok(None);
        }
        self.object(|reader, key| {
            match key {
                b"name" => envelope.name = reader.text_or_other()?,
                b"uri" => envelope.uri = reader.text_or_other()?,
                b"taskId" => envelope.task_id = reader.text_or_other()?,
                b"protocolVersion" => envelope.requested_version = reader.text_or_other()?,
                b"requestId" => envelope.request_id = Some(reader.cursor.value()?),
                b"arguments" => envelope.arguments = Some(reader.cursor.value()?),
                b"_meta" => envelope.meta = reader.meta(envelope)?,
                _ => {
                    reader.cursor.value()?;
                }
            }
            Ok(())
        })?;
        Ok(Some(self.cursor.span_from(start)))
    }

    fn meta(&mut self, envelope: &mut Envelope) -> Result<Option<Span>, ScanError> {
        let start = self.cursor.at();
        if self.cursor.peek() != b'{' {
            self.cursor.value()?;
            self.refuse(start, Fault::WrongType(Member::Meta));
            return Ok(None);
        }
        self.object(|reader, key| {
            match key {
                // A version of another type must not make the message look like a legacy one.
                b"io.modelcontextprotocol/protocolVersion" => {
                    envelope.protocol_version = reader.text(Member::ProtocolVersion)?;
                }
                b"io.modelcontextprotocol/clientCapabilities" => {
                    envelope.client_capabilities = Some(reader.cursor.value()?);
                }
                b"io.modelcontextprotocol/clientInfo" => {
                    envelope.client_info = Some(reader.cursor.value()?);
                }
                b"progressToken" => envelope.progress_token = Some(reader.cursor.value()?),
                _ => {
                    reader.cursor.value()?;
                }
            }
            Ok(())
        })?;
        Ok(Some(self.cursor.span_from(start)))
    }

    /// Walks over an object, giving `member` the decoded name of each member with the cursor
    /// before its value. False if two members had the same name.
    fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, &[u8]) -> Result<(), ScanError>,
    ) -> Result<bool, ScanError> {
        let body: &'a [u8] = self.cursor.body();
        let names = self.keys.open();
        self.cursor.enter()?;
        if self.cursor.peek() != b'}' {
            loop {
                let key = self.cursor.key()?;
                self.keys.push(key);
                if key.escaped {
                    member(self, key.decode(body).as_bytes())?;
                } else {
                    member(self, key.raw.of(body))?;
                }
                self.cursor.whitespace();
                if !self.cursor.eat(b',') {
                    break;
                }
                self.cursor.whitespace();
            }
        }
        self.cursor.leave(b'}')?;
        let twice = self.keys.close(names, body);
        if let Some(twice) = twice {
            self.refuse(twice.range().start, Fault::DuplicateMember);
        }
        Ok(twice.is_none())
    }

    /// A string, or none and a refusal if the value is something else.
    fn text(&mut self, member: Member) -> Result<Option<Text>, ScanError> {
        let start = self.cursor.at();
        let text = self.text_or_other()?;
        if text.is_none() {
            self.refuse(start, Fault::WrongType(member));
        }
        Ok(text)
    }

    /// A string, or none if the value is something else.
    fn text_or_other(&mut self) -> Result<Option<Text>, ScanError> {
        if self.cursor.peek() == b'"' {
            self.cursor.string().map(Some)
        } else {
            self.cursor.value().map(|_| None)
        }
    }

    fn id(&mut self) -> Result<(Id, Span), ScanError> {
        let start = self.cursor.at();
        let id = match self.cursor.peek() {
            b'"' => {
                self.cursor.string()?;
                Id::Usable
            }
            b'-' | b'0'..=b'9' => {
                let integer = self.cursor.number()?;
                let span = self.cursor.span_from(start);
                if integer && is_exact(span.of(self.cursor.body())) {
                    Id::Usable
                } else {
                    Id::Unusable
                }
            }
            b'n' => {
                self.cursor.value()?;
                Id::Null
            }
            _ => {
                self.cursor.value()?;
                Id::Unusable
            }
        };
        Ok((id, self.cursor.span_from(start)))
    }

    /// Keeps the first refusal.
    #[cold]
    fn refuse(&mut self, at: usize, fault: Fault) {
        self.refusal.get_or_insert(crate::json::fault_at(at, fault));
    }
}

/// Whether readers of JSON agree about this integer: it fits 64 bits and is no negative zero.
fn is_exact(integer: &[u8]) -> bool {
    // A sign and 17 digits fit for certain; most are shorter.
    const SURE: usize = 18;
    if integer.len() <= SURE {
        return integer != b"-0";
    }
    integer != b"-0" && str::from_utf8(integer).is_ok_and(|text| text.parse::<i64>().is_ok())
}
