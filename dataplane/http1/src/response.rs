//! Response heads.

use std::mem::MaybeUninit;

use crate::error::HeadError;
use crate::fields::{self, Facts, Field, Side};
use crate::message::{FIELDS_MAX, Framing, HeadLimits, Verb, Version, reason};
use crate::plain;
use crate::scan::{HeadScan, ScanRule};
use crate::span::{Span, offset};

/// A response head, parsed in place and reusable. After an error the connection is unusable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseHead {
    /// The status code, 100 to 599. A 1xx is a head of its own: parse the next one after it.
    pub status: u16,
    /// The reason phrase as it was sent, possibly empty.
    pub reason: Span,
    /// The version of the peer.
    pub version: Version,
    /// All fields, in order.
    pub fields: Vec<Field>,
    /// Where the body ends, the request's method considered.
    pub framing: Framing,
    /// Whether the connection can carry another exchange after this one.
    pub keep_alive: bool,
    /// Content-Length as it was sent; in answers to HEAD and in 304 it describes no body here.
    pub content_length: Option<u64>,
    scan: HeadScan,
}

impl ResponseHead {
    /// An empty head; keep it for the next message.
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses the head at the start of `buf`, the answer to a request with `request_verb`.
    ///
    /// Like [`RequestHead::parse`](crate::RequestHead::parse), but nothing is skipped before it.
    pub fn parse(
        &mut self,
        buf: &[u8],
        limits: &HeadLimits,
        request_verb: Verb,
    ) -> Result<Option<usize>, HeadError> {
        if let Some(end) = self.read_plain(buf, limits, request_verb) {
            return Ok(Some(end));
        }
        let rule = ScanRule {
            bytes: limits.bytes.min(u32::MAX as usize),
            first_line: usize::MAX,
            first_line_error: HeadError::TooLarge { limit: limits.bytes },
            strays: 0,
            first: |byte| byte == b'H',
        };
        let Some((start, end)) = self.scan.find(buf, &rule)? else { return Ok(None) };
        self.read(buf, start, end, limits, request_verb)?;
        self.scan = HeadScan::default();
        Ok(Some(end))
    }

    /// Forgets the message, keeping allocations.
    pub fn reset(&mut self) {
        let mut fields = std::mem::take(&mut self.fields);
        fields.clear();
        *self = Self { fields, ..Self::default() };
    }

    /// Gives it another status, with the reason phrase of that, which is put behind all else in `buf`.
    pub fn set_status(&mut self, buf: &mut Vec<u8>, status: u16) {
        self.status = status;
        self.reason = appended(buf, reason(status));
    }

    /// Adds a field, whose line is put behind all else in `buf`.
    pub fn add(&mut self, buf: &mut Vec<u8>, name: &str, value: &str) {
        let name = appended(buf, name);
        buf.extend_from_slice(b": ");
        let value = appended(buf, value);
        buf.extend_from_slice(b"\r\n");
        self.fields.push(Field::new(name, value, offset(buf.len())));
    }

    /// The value of the first field called `name`, without regard to case.
    pub fn value<'a>(&self, buf: &'a [u8], name: &str) -> Option<&'a [u8]> {
        fields::value(&self.fields, buf, name)
    }

    /// The values of all fields called `name`, in order, without regard to case.
    pub fn values<'a>(&'a self, buf: &'a [u8], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        fields::values(&self.fields, buf, name)
    }

    /// As of a request.
    fn read_plain(&mut self, buf: &[u8], limits: &HeadLimits, request_verb: Verb) -> Option<usize> {
        if !self.scan.is_new() {
            return None;
        }
        let (status, reason, version, length) = plain::status_line(buf)?;
        let end = plain::fields(buf, length, limits, &mut self.fields)?;
        self.take(buf, status, Span::locate(buf, reason), version, request_verb).ok()?;
        Some(end)
    }

    fn read(
        &mut self,
        buf: &[u8],
        start: usize,
        end: usize,
        limits: &HeadLimits,
        request_verb: Verb,
    ) -> Result<(), HeadError> {
        let head = buf.get(start..end).unwrap_or_default();
        let fields_max = fields::fields_max(limits);
        let mut slots = [const { MaybeUninit::uninit() }; FIELDS_MAX];
        let slots = slots.get_mut(..fields_max).unwrap_or_default();
        let mut parsed = httparse::Response::new(&mut []);
        let (minor, status) = match httparse::ParserConfig::default()
            .parse_response_with_uninit_headers(&mut parsed, head, slots)
        {
            Ok(httparse::Status::Complete(length)) if length == head.len() => {
                (parsed.version, parsed.code.unwrap_or_default())
            }
            Ok(_) => return Err(HeadError::StatusLine),
            Err(error) => return Err(explain(error, head, fields_max)),
        };
        let version = if minor == Some(0) { Version::Http10 } else { Version::Http11 };
        fields::take(buf, end, parsed.headers, &mut self.fields);
        self.take(buf, status, reason_span(head, start), version, request_verb)
    }

    /// Takes the status line; the fields are there.
    fn take(
        &mut self,
        buf: &[u8],
        status: u16,
        reason: Span,
        version: Version,
        request_verb: Verb,
    ) -> Result<(), HeadError> {
        if !(100..=599).contains(&status) {
            return Err(HeadError::Status { code: status });
        }
        if status == 101 {
            return Err(HeadError::SwitchingProtocols);
        }
        (self.status, self.reason, self.version) = (status, reason, version);
        let facts = fields::read(buf, version, Side::Response, &mut self.fields)?;
        self.settle(&facts, request_verb);
        Ok(())
    }

    /// RFC 9112 6.3, for a response.
    fn settle(&mut self, facts: &Facts, request_verb: Verb) {
        let never_has_body = self.status < 200 || self.status == 204;
        let tunnel = request_verb == Verb::Connect && (200..300).contains(&self.status);
        let has_no_body =
            never_has_body || tunnel || self.status == 304 || request_verb == Verb::Head;
        self.content_length = facts.content_length;
        self.framing = match (facts.chunked, facts.content_length) {
            _ if has_no_body => Framing::None,
            (true, _) => Framing::Chunked,
            (false, Some(length)) => Framing::Length(length),
            (false, None) => Framing::UntilClose,
        };
        // A body announced where none can be: whether it comes is anybody's guess, so nothing
        // that follows on this connection is believed.
        let announced = facts.chunked || facts.content_length.is_some_and(|length| length > 0);
        let suspect = never_has_body && announced;
        self.keep_alive =
            facts.keep_alive && !suspect && !tunnel && self.framing != Framing::UntilClose;
    }
}

/// Appends a text; where it stands.
fn appended(buf: &mut Vec<u8>, text: &str) -> Span {
    let start = buf.len();
    buf.extend_from_slice(text.as_bytes());
    Span::new(start, buf.len())
}

/// httparse hides a reason that is not ASCII; it is passed on as it was.
fn reason_span(head: &[u8], start: usize) -> Span {
    const BEFORE: usize = "HTTP/1.1 200 ".len();
    let line_end = memchr::memchr(b'\r', head).unwrap_or(head.len());
    Span::new(start + BEFORE.min(line_end), start + line_end)
}

#[cold]
fn explain(error: httparse::Error, head: &[u8], fields_max: usize) -> HeadError {
    match error {
        httparse::Error::TooManyHeaders => HeadError::TooManyFields { limit: fields_max },
        httparse::Error::HeaderName | httparse::Error::HeaderValue => {
            fields::diagnose(head, HeadError::FieldName { line: 2 })
        }
        httparse::Error::Version => match head {
            [b'H', b'T', b'T', b'P', b'/', major, b'.', minor, b' ', ..]
                if major.is_ascii_digit() && minor.is_ascii_digit() =>
            {
                HeadError::Version
            }
            _ => HeadError::StatusLine,
        },
        _ => HeadError::StatusLine,
    }
}
