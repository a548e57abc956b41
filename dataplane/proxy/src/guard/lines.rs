//! The lines of an event, taken apart and put together again.

/// Appends an event with other data, or with none; its other lines as they came.
pub(super) fn with_data(raw: &[u8], data: Option<&[u8]>, out: &mut Vec<u8>) {
    let mut data = data;
    for line in lines(raw) {
        if !line.is_data() {
            out.extend_from_slice(line.text);
            out.extend_from_slice(line.end);
        } else if let Some(data) = data.take() {
            write_data(data, if line.end.is_empty() { b"\n" } else { line.end }, out);
        }
    }
}

/// Appends data as lines of an event.
pub(super) fn write_data(data: &[u8], end: &[u8], out: &mut Vec<u8>) {
    for line in data.split(|byte| matches!(byte, b'\n' | b'\r')) {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line);
        out.extend_from_slice(end);
    }
}

/// A line of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'r> {
    pub(super) text: &'r [u8],
    pub(super) end: &'r [u8],
    /// Whether the event begins with it.
    first: bool,
}

impl Line<'_> {
    pub(super) fn is_data(&self) -> bool {
        // A byte order mark can only be the stream's. Behind another line it makes a line that is no data.
        let text = match self.text.strip_prefix(b"\xef\xbb\xbf") {
            Some(text) if self.first => text,
            _ => self.text,
        };
        text.strip_prefix(b"data").is_some_and(|rest| rest.is_empty() || rest.starts_with(b":"))
    }
}

pub(super) fn lines(raw: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let (mut rest, mut first) = (raw, true);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let length = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let (text, behind) = rest.split_at(length);
        let end = match behind {
            [b'\r', b'\n', ..] => 2,
            [_, ..] => 1,
            [] => 0,
        };
        let (end, behind) = behind.split_at(end);
        rest = behind;
        Some(Line { text, end, first: std::mem::take(&mut first) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_at_every_end_and_lose_nothing() {
        let raw = b"a\nb\rc\r\n\r\nd";
        let all: Vec<_> = lines(raw).map(|line| (line.text, line.end)).collect();
        let expected: [(&[u8], &[u8]); 5] =
            [(b"a", b"\n"), (b"b", b"\r"), (b"c", b"\r\n"), (b"", b"\r\n"), (b"d", b"")];
        assert_eq!(all, expected);
    }

    #[test]
    fn data_is_replaced_and_all_else_stays() {
        let told = |raw: &str, data: Option<&str>| {
            let mut out = Vec::new();
            with_data(raw.as_bytes(), data.map(str::as_bytes), &mut out);
            String::from_utf8(out).expect("text")
        };
        let raw = "id: 7\r\ndata: a\r\n: note\r\ndata:b\r\nretry: 5\r\n\r\n";
        let others = "id: 7\r\ndata: {}\r\n: note\r\nretry: 5\r\n\r\n";
        assert_eq!(told(raw, Some("{}")), others);
        assert_eq!(told("data\rid: 1\r\r", Some("x\ny")), "data: x\rdata: y\rid: 1\r\r");
        assert_eq!(told("id: 7\ndata: a\n\n", None), "id: 7\n\n");
        assert_eq!(told("\u{feff}data: a\n\n", Some("b")), "data: b\n\n");
        // No reader takes this for data, so it is looked into beside it.
        let marked = "id: 1\n\u{feff}data: a\n\n";
        assert_eq!(told(marked, Some("b")), marked);
        assert_eq!(told("database: 1\ndata: a", Some("b")), "database: 1\ndata: b\n");
    }
}
