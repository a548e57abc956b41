//! Request heads.

use std::mem::MaybeUninit;

use crate::error::HeadError;
use crate::fields::{self, Facts, Field, Side};
use crate::message::{FIELDS_MAX, Framing, HeadLimits, Verb, Version};
use crate::names::is_token_byte;
use crate::plain;
use crate::scan::{HeadScan, ScanRule};
use crate::span::Span;
use crate::target;

/// Room in the request line for anything but the target: a long method, spaces, version, CRLF.
const REQUEST_LINE_OVERHEAD: usize = 64;

/// Empty lines before a request that are forgiven (RFC 9112 2.2); old clients send one.
const STRAY_LINES_MAX: u8 = 2;

/// A request head, parsed in place and reusable.
///
/// An `Ok(Some(_))` from [`parse`](Self::parse) says that every reader of RFC 9112 finds the
/// same method, target, host and body length in it. After an error the connection is unusable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestHead {
    /// The method as a known verb.
    pub verb: Verb,
    /// The method as it was sent.
    pub method: Span,
    /// The request target as it was sent.
    pub target: Span,
    /// The path in the target; `/` for an absolute form without one, `*` for asterisk form,
    /// empty for CONNECT.
    pub path: Span,
    /// The query in the target, without its `?`.
    pub query: Option<Span>,
    /// The authority of an absolute-form or CONNECT target; equal to Host where both are there, but
    /// for the port with CONNECT, which Host may lack.
    pub authority: Option<Span>,
    /// The version of the peer.
    pub version: Version,
    /// The value of Host; only HTTP/1.0 may lack it.
    pub host: Option<Span>,
    /// All fields, in order.
    pub fields: Vec<Field>,
    /// Where the body ends.
    pub framing: Framing,
    /// Whether the peer wants the connection kept.
    pub keep_alive: bool,
    /// Whether the peer waits for a 100 before it sends the body.
    pub expect_continue: bool,
    scan: HeadScan,
}

impl RequestHead {
    /// An empty head; keep it for the next message.
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses the head at the start of `buf`.
    ///
    /// `Ok(Some(n))`: complete, and its body starts at `n`. `Ok(None)`: call again with the
    /// same buffer grown at its end; what was searched is not searched again. Up to two empty
    /// lines before the head are skipped.
    pub fn parse(&mut self, buf: &[u8], limits: &HeadLimits) -> Result<Option<usize>, HeadError> {
        if let Some(end) = self.read_plain(buf, limits) {
            return Ok(Some(end));
        }
        let rule = ScanRule {
            bytes: limits.bytes.min(u32::MAX as usize),
            first_line: line_max(limits),
            first_line_error: HeadError::TargetTooLong { limit: limits.target },
            strays: STRAY_LINES_MAX,
            first: is_token_byte,
        };
        let Some((start, end)) = self.scan.find(buf, &rule)? else { return Ok(None) };
        self.read(buf, start, end, limits)?;
        self.scan = HeadScan::default();
        Ok(Some(end))
    }

    /// Forgets the message, keeping allocations.
    pub fn reset(&mut self) {
        let mut fields = std::mem::take(&mut self.fields);
        fields.clear();
        *self = Self { fields, ..Self::default() };
    }

    /// The value of the first field called `name`, without regard to case.
    pub fn value<'a>(&self, buf: &'a [u8], name: &str) -> Option<&'a [u8]> {
        fields::value(&self.fields, buf, name)
    }

    /// The values of all fields called `name`, in order, without regard to case.
    pub fn values<'a>(&'a self, buf: &'a [u8], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        fields::values(&self.fields, buf, name)
    }

    /// Reads the head if it is a plain one; where it ends. Tried once a head: who sends it byte by byte
    /// must not have each of them read as often.
    fn read_plain(&mut self, buf: &[u8], limits: &HeadLimits) -> Option<usize> {
        if !self.scan.is_new() {
            return None;
        }
        let (method, target, version, length) = plain::request_line(buf)?;
        if target.len() > limits.target || length > line_max(limits) {
            return None;
        }
        let end = plain::fields(buf, length, limits, &mut self.fields)?;
        self.take(buf, method, target, version).ok()?;
        Some(end)
    }

    fn read(
        &mut self,
        buf: &[u8],
        start: usize,
        end: usize,
        limits: &HeadLimits,
    ) -> Result<(), HeadError> {
        let head = buf.get(start..end).unwrap_or_default();
        let fields_max = fields::fields_max(limits);
        let mut slots = [const { MaybeUninit::uninit() }; FIELDS_MAX];
        let slots = slots.get_mut(..fields_max).unwrap_or_default();
        let mut parsed = httparse::Request::new(&mut []);
        let (method, target, minor) = match parsed.parse_with_uninit_headers(head, slots) {
            Ok(httparse::Status::Complete(length)) if length == head.len() => {
                (parsed.method, parsed.path, parsed.version)
            }
            Ok(_) => return Err(HeadError::RequestLine),
            Err(error) => return Err(explain(error, head, fields_max, limits)),
        };
        let method = method.unwrap_or_default().as_bytes();
        let target = target.unwrap_or_default().as_bytes();
        if target.len() > limits.target {
            return Err(HeadError::TargetTooLong { limit: limits.target });
        }
        let version = if minor == Some(0) { Version::Http10 } else { Version::Http11 };
        fields::take(buf, end, parsed.headers, &mut self.fields);
        self.take(buf, method, target, version)
    }

    /// Takes the request line; the fields are there.
    fn take(
        &mut self,
        buf: &[u8],
        method: &[u8],
        target: &[u8],
        version: Version,
    ) -> Result<(), HeadError> {
        self.verb = Verb::of(method);
        self.method = Span::locate(buf, method);
        self.target = Span::locate(buf, target);
        self.version = version;
        let parts = target::read(buf, target, self.verb)?;
        self.path = parts.path;
        self.query = parts.query;
        self.authority = parts.authority;
        let facts = fields::read(buf, version, Side::Request, &mut self.fields)?;
        self.settle(buf, &facts)
    }

    /// Draws the conclusions from the fields: host, framing, the connection.
    fn settle(&mut self, buf: &[u8], facts: &Facts) -> Result<(), HeadError> {
        match (facts.host, self.authority) {
            (None, _) if self.version == Version::Http11 => return Err(HeadError::HostMissing),
            (Some(host), _) if !target::is_authority(host.of(buf)) => {
                return Err(HeadError::HostInvalid);
            }
            (Some(host), Some(authority)) if !self.agree(host.of(buf), authority.of(buf)) => {
                return Err(HeadError::HostDisagrees);
            }
            _ => {}
        }
        self.host = facts.host;
        self.framing = match (facts.chunked, facts.content_length) {
            (true, _) => Framing::Chunked,
            (false, Some(length)) => Framing::Length(length),
            (false, None) => Framing::None,
        };
        if self.verb == Verb::Connect && self.framing != Framing::None {
            return Err(HeadError::ConnectBody);
        }
        self.keep_alive = facts.keep_alive;
        self.expect_continue =
            facts.expect_continue && !matches!(self.framing, Framing::None | Framing::Length(0));
        Ok(())
    }

    /// Whether Host says what the target does. With CONNECT it may leave out the port, as the
    /// example in RFC 9112 3.2.3 does and some clients do.
    fn agree(&self, host: &[u8], authority: &[u8]) -> bool {
        let name = authority.get(..host.len()).unwrap_or_default();
        let behind = authority.get(host.len()..).unwrap_or_default();
        name.eq_ignore_ascii_case(host)
            && (behind.is_empty() || self.verb == Verb::Connect && target::is_port(behind))
    }
}

fn line_max(limits: &HeadLimits) -> usize {
    limits.target.saturating_add(REQUEST_LINE_OVERHEAD)
}

#[cold]
fn explain(
    error: httparse::Error,
    head: &[u8],
    fields_max: usize,
    limits: &HeadLimits,
) -> HeadError {
    match error {
        httparse::Error::TooManyHeaders => HeadError::TooManyFields { limit: fields_max },
        httparse::Error::HeaderName | httparse::Error::HeaderValue => {
            fields::diagnose(head, HeadError::FieldName { line: 2 })
        }
        httparse::Error::Version if has_foreign_version(head) => HeadError::Version,
        _ => explain_request_line(head, limits),
    }
}

/// A line that is well-formed but for the bytes of its target deserves to be told so.
fn explain_request_line(head: &[u8], limits: &HeadLimits) -> HeadError {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some(_), Some(target), _, _) if target.len() > limits.target => {
            HeadError::TargetTooLong { limit: limits.target }
        }
        (Some(method), Some(target), Some(b"HTTP/1.1" | b"HTTP/1.0"), None)
            if method.iter().all(|b| is_token_byte(*b)) =>
        {
            target::read(head, target, Verb::of(method)).err().unwrap_or(HeadError::RequestLine)
        }
        _ => HeadError::RequestLine,
    }
}

/// Whether the request line is `method target HTTP/d.d` (RFC 9112 2.3): another version, not
/// garbage.
fn has_foreign_version(head: &[u8]) -> bool {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ').skip(2);
    matches!(
        (words.next(), words.next()),
        (Some([b'H', b'T', b'T', b'P', b'/', major, b'.', minor]), None)
            if major.is_ascii_digit() && minor.is_ascii_digit()
    )
}
