//! Lines of a pipe, each within a limit.

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};

const READ_BYTES: usize = 16 << 10;

/// What reading gave.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A line without its end, or what stood before the end of the pipe.
    Text(Bytes),
    /// The beginning of a line over the limit; the rest of it is skipped.
    TooLong(Bytes),
    End,
}

pub(crate) struct Lines<R> {
    reader: R,
    buffer: BytesMut,
    /// Bytes of `buffer` known to hold no line end.
    searched: usize,
    skipping: bool,
    bytes_max: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(crate) fn new(reader: R, bytes_max: usize) -> Self {
        Self { reader, buffer: BytesMut::new(), searched: 0, skipping: false, bytes_max }
    }

    pub(crate) async fn next(&mut self) -> Line {
        loop {
            let unsearched = self.buffer.get(self.searched..).unwrap_or_default();
            if let Some(end) = memchr::memchr(b'\n', unsearched).map(|at| self.searched + at) {
                let mut line = self.buffer.split_to(end).freeze();
                self.buffer.advance(1);
                self.searched = 0;
                if std::mem::take(&mut self.skipping) {
                    continue;
                }
                if line.len() > self.bytes_max {
                    return Line::TooLong(line.split_to(self.bytes_max));
                }
                if line.last() == Some(&b'\r') {
                    line.truncate(line.len() - 1);
                }
                return Line::Text(line);
            }
            self.searched = self.buffer.len();
            if self.skipping {
                self.buffer.clear();
                self.searched = 0;
            } else if self.buffer.len() > self.bytes_max {
                let head = self.buffer.split_to(self.bytes_max).freeze();
                self.buffer.clear();
                self.searched = 0;
                self.skipping = true;
                return Line::TooLong(head);
            }
            self.buffer.reserve(READ_BYTES);
            // An error on a pipe from a child means no more can be had from it, as its end does.
            if self.reader.read_buf(&mut self.buffer).await.unwrap_or(0) == 0 {
                let rest = self.buffer.split().freeze();
                self.searched = 0;
                let skipping = std::mem::take(&mut self.skipping);
                return if rest.is_empty() || skipping { Line::End } else { Line::Text(rest) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(input: &[u8], bytes_max: usize) -> Vec<Line> {
        let mut lines = Lines::new(input, bytes_max);
        let mut out = Vec::new();
        loop {
            match lines.next().await {
                Line::End => return out,
                line => out.push(line),
            }
        }
    }

    #[tokio::test]
    async fn lines_end_in_lf_or_crlf_and_the_last_may_end_in_nothing() {
        let text = |text: &'static str| Line::Text(Bytes::from_static(text.as_bytes()));
        assert_eq!(all(b"a\r\n\nb\nc", 9).await, [text("a"), text(""), text("b"), text("c")]);
    }

    #[tokio::test]
    async fn a_long_line_costs_its_limit_and_no_more() {
        let mut input = vec![b'x'; 1 << 20];
        input.extend_from_slice(b"\nok\n");
        let lines = all(&input, 10).await;
        assert_eq!(lines[0], Line::TooLong(Bytes::from_static(b"xxxxxxxxxx")));
        assert_eq!(lines[1], Line::Text(Bytes::from_static(b"ok")));
        assert_eq!(all(b"12345678901\nok", 10).await.len(), 2);
    }
}
