//! The parts of one event (WHATWG HTML 9.2.6), as spans.

use memchr::memchr2;

use crate::span::Span;

/// Data lines kept without an allocation; MCP messages have one.
const INLINE: usize = 4;

/// The spans of an event's data lines, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataLines {
    inline: [Span; INLINE],
    inline_len: usize,
    spilled: Vec<Span>,
}

impl DataLines {
    /// How many data lines there are; each counts, an empty one too.
    pub fn len(&self) -> usize {
        self.inline_len + self.spilled.len()
    }

    /// Whether there is none: such an event is not dispatched.
    pub fn is_empty(&self) -> bool {
        self.inline_len == 0
    }

    /// The spans in order.
    pub fn iter(&self) -> impl Iterator<Item = Span> + '_ {
        self.inline.iter().take(self.inline_len).chain(&self.spilled).copied()
    }

    fn push(&mut self, span: Span) {
        match self.inline.get_mut(self.inline_len) {
            Some(slot) => {
                *slot = span;
                self.inline_len += 1;
            }
            None => self.spilled.push(span),
        }
    }
}

/// The parts of one event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// The value of each `data` line.
    pub data: DataLines,
    /// The event type, if given.
    pub event: Option<Span>,
    /// The event id, if given and valid (without NUL).
    pub id: Option<Span>,
    /// The reconnection time in milliseconds, if given and valid.
    pub retry: Option<u64>,
    /// There are comments and nothing else: a keep-alive.
    pub comment_only: bool,
}

impl Event {
    /// Appends the event's data to `out`: its lines joined by LF.
    pub fn data_bytes(&self, raw: &[u8], out: &mut Vec<u8>) {
        for (at, line) in self.data.iter().enumerate() {
            if at > 0 {
                out.push(b'\n');
            }
            out.extend_from_slice(line.of(raw));
        }
    }
}

/// Takes apart one raw event as [`EventScanner`](crate::EventScanner) delimits it.
///
/// A byte order mark is skipped: it can only be the stream's. Unknown fields are ignored.
pub fn parse_event(raw: &[u8]) -> Event {
    let mut event = Event::default();
    let (mut comments, mut fields) = (false, false);
    let mut rest = raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(raw);
    while !rest.is_empty() {
        let end = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let (line, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        // A CRLF leaves an empty line between its two bytes, which changes nothing.
        rest = after.get(1..).unwrap_or_default();
        match line {
            [] => {}
            [b':', ..] => comments = true,
            _ => {
                fields = true;
                read_line(&mut event, raw, line);
            }
        }
    }
    event.comment_only = comments && !fields;
    event
}

fn read_line(event: &mut Event, raw: &[u8], line: &[u8]) {
    let colon = memchr::memchr(b':', line).unwrap_or(line.len());
    let name = line.get(..colon).unwrap_or_default();
    // An absent value is empty, and lies at the end of its line.
    let value = line.get(colon + 1..).unwrap_or(line.get(colon..).unwrap_or_default());
    let value = value.strip_prefix(b" ").unwrap_or(value);
    let span = Span::locate(raw, value);
    match name {
        b"data" => event.data.push(span),
        b"event" => event.event = Some(span),
        b"id" if !value.contains(&0) => event.id = Some(span),
        b"retry" if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
            event.retry = std::str::from_utf8(value).ok().and_then(|ms| ms.parse().ok());
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(raw: &str) -> String {
        let mut out = Vec::new();
        parse_event(raw.as_bytes()).data_bytes(raw.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn fields_are_found_under_every_line_end() {
        for end in ["\n", "\r", "\r\n"] {
            let raw =
                ["id: 7", "event:message", "retry: 250", ": note", "data: {}", "x: y", "", ""]
                    .join(end);
            let event = parse_event(raw.as_bytes());
            let text = |span: Option<Span>| span.map(|s| &raw[s.range()]);
            assert_eq!(text(event.id), Some("7"));
            assert_eq!(text(event.event), Some("message"));
            assert_eq!(event.retry, Some(250));
            assert_eq!(event.data.len(), 1);
            assert_eq!(data(&raw), "{}");
            assert!(!event.comment_only);
        }
    }

    #[test]
    fn data_lines_are_joined_and_lose_one_space() {
        assert_eq!(data("data:  a\ndata:b\ndata\ndata: c\n\n"), " a\nb\n\nc");
        assert_eq!(
            data("data: 1\ndata: 2\ndata: 3\ndata: 4\ndata: 5\ndata: 6\n\n"),
            "1\n2\n3\n4\n5\n6"
        );
        assert_eq!(data("\u{feff}data: a\n\n"), "a");
        assert_eq!(data(" data: a\nDATA: b\n\n"), "");
    }

    #[test]
    fn comments_and_empty_events_carry_nothing() {
        assert!(parse_event(b": ping\n\n").comment_only);
        assert_eq!(parse_event(b"\n"), Event::default());
        assert!(parse_event(b"\ndata\n\n").data.len() == 1);
        assert_eq!(parse_event(b"id: a\0b\nretry: 1x\nretry:\n\n").id, None);
        assert_eq!(parse_event(b"retry: 1x\n\n").retry, None);
        assert!(parse_event(b"id\n\n").id.is_some_and(|id| id.is_empty()));
    }
}
