//! What one connection says: a request in, the bytes of its answer out, without I/O.

use std::time::Duration;

use penstock_http1::{RequestHead, Verb, write_simple};
use penstock_mcp::{Era, ErrorKind, Kind, Message, Method, Refusal, Revision, ScanLimits, admit};

use super::answer::{Call, is_work, log_message};
use super::dice::{Dice, Draw};
use super::script::Script;
use super::session::Fault;
use super::wire::{plain, stream_begin};

const LIMITS: ScanLimits = ScanLimits { depth: 128, batch: 100 };
const SESSION: &str = "Mcp-Session-Id";
const VERSION: &str = "MCP-Protocol-Version";
const MODERN: Revision = Revision::V2026_07_28;

/// A request with the whole of its body.
pub(crate) struct Request<'a> {
    pub(crate) head: &'a RequestHead,
    /// Where the head's spans point into.
    pub(crate) buffer: &'a [u8],
    pub(crate) body: &'a [u8],
}

/// What happens beside the bytes that were appended.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// Before they are written.
    pub(crate) wait: Option<Duration>,
    pub(crate) then: Then,
}

/// What happens after they were written.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Then {
    /// The next request.
    #[default]
    Next,
    /// More of the same answer, each after some time.
    More(Vec<Vec<u8>>),
    /// The stream stays open; the event that comes now and then.
    Hold(Vec<u8>),
}

/// One connection's.
pub(crate) struct Conversation<'a> {
    script: &'a Script,
    connection: u64,
    dice: Dice,
    sessions: u64,
    message: Message,
}

impl<'a> Conversation<'a> {
    /// That of the connection of this number, counted from 0.
    pub(crate) fn new(script: &'a Script, connection: u64) -> Self {
        let dice = Dice::new(script.seed, connection);
        Self { script, connection, dice, sessions: 0, message: Message::new() }
    }

    /// Appends the answer.
    pub(crate) fn answer(&mut self, request: &Request<'_>, out: &mut Vec<u8>) -> Turn {
        match request.head.verb {
            Verb::Post => self.post(request, out),
            // Neither means anything in the modern era.
            Verb::Get if !request.is_modern() => self.get(request, out),
            Verb::Delete if !request.is_modern() => self.delete(request, out),
            _ => {
                let allow: &[(&str, &[u8])] = &[("Allow", b"POST")];
                let keep_alive = request.head.keep_alive;
                write_simple(out, 405, "text/plain", allow, b"use POST", keep_alive);
                Turn::default()
            }
        }
    }

    fn get(&self, request: &Request<'_>, out: &mut Vec<u8>) -> Turn {
        if let Err(fault) = self.script.sessions.check(request.session()) {
            return request.refuse(out, &fault, None);
        }
        stream_begin(out, request.head.keep_alive);
        let event = log_message(request.session().unwrap_or_default());
        Turn { wait: None, then: Then::Hold(event) }
    }

    fn delete(&self, request: &Request<'_>, out: &mut Vec<u8>) -> Turn {
        match self.script.sessions.end(request.session()) {
            Ok(()) => plain(out, 200, "", request.head.keep_alive),
            Err(fault) => return request.refuse(out, &fault, None),
        }
        Turn::default()
    }

    fn post(&mut self, request: &Request<'_>, out: &mut Vec<u8>) -> Turn {
        let (body, keep_alive) = (request.body, request.head.keep_alive);
        let scanned = self.message.scan(body, &LIMITS);
        let (Ok(()), Some(envelope)) = (scanned, self.message.single()) else {
            plain(out, 400, "not one JSON-RPC message", keep_alive);
            return Turn::default();
        };
        let id = envelope.id.map(|id| id.of(body));
        if self.script.check_headers
            && let Err(refusal) = admit(body, &self.message, request.headers())
        {
            return request.turn_down(out, &refusal, id);
        }
        let modern = envelope.protocol_version.is_some();
        let initializes = envelope.known == Some(Method::Initialize);
        if !modern
            && !initializes
            && let Err(fault) = self.script.sessions.check(request.session())
        {
            return request.refuse(out, &fault, id);
        }
        let (Kind::Request, Some(id)) = (envelope.kind, id) else {
            plain(out, 202, "", keep_alive);
            return Turn::default();
        };
        if let Some(version) = envelope.protocol_version {
            if !version.eq(body, MODERN.as_str().as_bytes()) {
                let data = format!(
                    r#"{{"supported":["{}"],"requested":"{}"}}"#,
                    MODERN.as_str(),
                    String::from_utf8_lossy(version.raw.of(body))
                );
                let kind = ErrorKind::UnsupportedProtocolVersion;
                return request.fail(out, kind, Some(id), "unsupported protocol version", &data);
            }
            if envelope.client_capabilities.is_none() {
                let said = "_meta lacks io.modelcontextprotocol/clientCapabilities";
                return request.fail(out, ErrorKind::InvalidParams, Some(id), said, "");
            }
        }
        let call = Call { script: self.script, body, envelope, id, modern, keep_alive };
        let era = if modern { Era::Modern } else { Era::Legacy };
        match envelope.known {
            Some(Method::ServerDiscover) if !modern => {
                let said = "_meta lacks io.modelcontextprotocol/protocolVersion";
                request.fail(out, ErrorKind::InvalidParams, Some(id), said, "")
            }
            Some(method) if method.exists_in(era) && is_work(method) => {
                Self::work(&mut self.dice, &call, method, request, out)
            }
            Some(Method::Initialize) if !modern => {
                self.sessions += 1;
                let session = self.script.sessions.open(self.connection, self.sessions - 1);
                let Some(session) = session else {
                    plain(out, 503, "too many sessions are alive", keep_alive);
                    return Turn::default();
                };
                let extra: &[(&str, &[u8])] = &[(SESSION, &session)];
                let said = call.initialize();
                write_simple(out, 200, "application/json", extra, &said, keep_alive);
                Turn::default()
            }
            Some(Method::ServerDiscover) => {
                call.discover(out);
                Turn::default()
            }
            Some(Method::SubscriptionsListen) if modern => {
                stream_begin(out, keep_alive);
                call.acknowledged(out);
                Turn { wait: None, then: Then::Hold(call.changed()) }
            }
            Some(Method::Ping | Method::LoggingSetLevel) if !modern => {
                call.result(out, "{}");
                Turn::default()
            }
            _ if modern => {
                request.fail(out, ErrorKind::MethodNotFound, Some(id), "Method not found", "")
            }
            _ => {
                call.error(out, ErrorKind::MethodNotFound, "Method not found");
                Turn::default()
            }
        }
    }

    /// Answers what rates and latency are about.
    fn work(
        dice: &mut Dice,
        call: &Call<'_>,
        method: Method,
        request: &Request<'_>,
        out: &mut Vec<u8>,
    ) -> Turn {
        let (script, throw) = (call.script, dice.throw());
        let mut turn = Turn { wait: script.latency.map(|it| it.draw(throw)), then: Then::Next };
        if throw.happens(Draw::HttpError, script.rates.http_error) {
            plain(out, 503, "the mock was told to fail", request.head.keep_alive);
            return turn;
        }
        if throw.happens(Draw::Error, script.rates.error) {
            call.error(out, ErrorKind::Internal, "the mock was told to fail");
            return turn;
        }
        let catalogue = &script.catalogue;
        let named = match method {
            Method::ToolsCall => match call.envelope.name.map(|name| name.decode(call.body)) {
                Some(name) if script.strict_tools && !catalogue.has_tool(&name) => {
                    call.error(out, ErrorKind::InvalidParams, &format!("Unknown tool: {name}"));
                    Some(())
                }
                Some(_) => {
                    let more = call.tool(out, throw);
                    turn.then = if more.is_empty() { Then::Next } else { Then::More(more) };
                    Some(())
                }
                None => None,
            },
            Method::ResourcesRead => call.read(out, throw),
            Method::PromptsGet => call.prompt(out, throw),
            _ => {
                let list = match method {
                    Method::ToolsList => &catalogue.tools_list,
                    Method::PromptsList => &catalogue.prompts_list,
                    Method::ResourcesTemplatesList => &catalogue.templates_list,
                    _ => &catalogue.resources_list,
                };
                call.result(out, list.of(call.modern));
                Some(())
            }
        };
        if named.is_none() {
            call.error(out, ErrorKind::InvalidParams, "params lacks the name of what is meant");
        }
        turn
    }
}

impl Request<'_> {
    fn session(&self) -> Option<&[u8]> {
        self.head.value(self.buffer, SESSION)
    }

    /// Of a request without a body.
    fn is_modern(&self) -> bool {
        self.head.value(self.buffer, VERSION) == Some(MODERN.as_str().as_bytes())
    }

    fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.head
            .fields
            .iter()
            .map(|field| (field.name.of(self.buffer), field.value.of(self.buffer)))
    }

    /// As the official TypeScript server answers it, codes and all.
    fn refuse(&self, out: &mut Vec<u8>, fault: &Fault, id: Option<&[u8]>) -> Turn {
        let (status, code, said) = match fault {
            Fault::Missing => {
                (400, -32000, "the request has no Mcp-Session-Id; send the one of `initialize`")
            }
            Fault::Unknown => (404, -32001, "the session has ended or never was; initialize again"),
        };
        let id = id.map_or("null".into(), String::from_utf8_lossy);
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":"{said}"}}}}"#
        );
        let keep_alive = self.head.keep_alive;
        write_simple(out, status, "application/json", &[], body.as_bytes(), keep_alive);
        Turn::default()
    }

    fn turn_down(&self, out: &mut Vec<u8>, refusal: &Refusal, id: Option<&[u8]>) -> Turn {
        let mut body = Vec::new();
        refusal.write(id, &mut body);
        let (status, keep_alive) = (refusal.error.status(), self.head.keep_alive);
        write_simple(out, status, "application/json", &[], &body, keep_alive);
        Turn::default()
    }

    fn fail(
        &self,
        out: &mut Vec<u8>,
        kind: ErrorKind,
        id: Option<&[u8]>,
        said: &str,
        data: &str,
    ) -> Turn {
        let mut body = Vec::new();
        kind.write_with_data(id, said, data, &mut body);
        let keep_alive = self.head.keep_alive;
        write_simple(out, kind.status(), "application/json", &[], &body, keep_alive);
        Turn::default()
    }
}
