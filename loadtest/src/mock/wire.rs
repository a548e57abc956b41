//! Answers in HTTP: each is appended to the one buffer that is then written.

use std::io::Write as _;

use penstock_http1::write_simple;

/// What stands before the length of a JSON answer.
const JSON: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ";
/// The head of an event stream. A proxy that would buffer it is asked not to.
const STREAM: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
    Cache-Control: no-cache\r\nX-Accel-Buffering: no\r\nTransfer-Encoding: chunked\r\n";
const CLOSE: &[u8] = b"Connection: close\r\n";
const DATA: &[u8] = b"data: ";
const EVENT_END: &[u8] = b"\n\n";

/// How a message travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// As the whole body of an answer.
    Json { keep_alive: bool },
    /// As an event of a stream, in a chunk of its own.
    Event,
}

impl Framing {
    /// Appends what stands before a message of this length.
    pub(crate) fn begin(self, out: &mut Vec<u8>, length: usize) {
        // Writing to a buffer cannot fail.
        match self {
            Self::Json { keep_alive } => {
                out.extend_from_slice(JSON);
                let _ = write!(out, "{length}\r\n");
                if !keep_alive {
                    out.extend_from_slice(CLOSE);
                }
                out.extend_from_slice(b"\r\n");
            }
            Self::Event => {
                let _ = write!(out, "{:x}\r\n", DATA.len() + length + EVENT_END.len());
                out.extend_from_slice(DATA);
            }
        }
    }

    /// Appends what stands after it.
    pub(crate) fn end(self, out: &mut Vec<u8>) {
        if self == Self::Event {
            out.extend_from_slice(EVENT_END);
            out.extend_from_slice(b"\r\n");
        }
    }

    /// Appends a message of these pieces.
    pub(crate) fn message(self, out: &mut Vec<u8>, pieces: &[&[u8]]) {
        let length = pieces.iter().map(|piece| piece.len()).sum();
        self.begin(out, length);
        for piece in pieces {
            out.extend_from_slice(piece);
        }
        self.end(out);
    }
}

/// Appends the head of an event stream.
pub(crate) fn stream_begin(out: &mut Vec<u8>, keep_alive: bool) {
    out.extend_from_slice(STREAM);
    if !keep_alive {
        out.extend_from_slice(CLOSE);
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends the end of an event stream.
pub(crate) fn stream_end(out: &mut Vec<u8>) {
    out.extend_from_slice(b"0\r\n\r\n");
}

/// Appends an answer that is no message.
pub(crate) fn plain(out: &mut Vec<u8>, status: u16, said: &str, keep_alive: bool) {
    write_simple(out, status, "text/plain", &[], said.as_bytes(), keep_alive);
}
