//! A connection: requests are read, answers written, each as one buffer.

use std::io;
use std::pin::pin;
use std::time::Duration;

use monoio::io::{
    AsyncReadRent as _, AsyncWriteRentExt as _, CancelableAsyncReadRent as _, Canceller,
};
use monoio::net::TcpStream;
use penstock_http1::{ChunkLimits, Chunked, Framing, HeadLimits, RequestHead};

use super::conversation::{Conversation, Request, Then};
use super::script::Script;
use super::wire::plain;

const READ_BYTES: usize = 64 << 10;
/// What a connection keeps of its buffers between requests.
const KEPT_BYTES_MAX: usize = 256 << 10;
const BODY_BYTES_MAX: u64 = 64 << 20;
const LIMITS: HeadLimits = HeadLimits { bytes: 64 << 10, fields: 100, target: 8 << 10 };
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Serves the connection of this number until the client leaves.
pub(crate) async fn serve(stream: TcpStream, script: &Script, number: u64) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut conversation = Conversation::new(script, number);
    let mut reader =
        Reader { stream, head: RequestHead::new(), buffer: Vec::new(), body: Vec::new() };
    let mut out = Vec::new();
    loop {
        let (body, whole) = match reader.request().await? {
            Incoming::Request { body, whole } => (body, whole),
            Incoming::Refused { status, said } => {
                plain(&mut out, status, &said, false);
                return reader.stream.write_all(out).await.0.map(|_| ());
            }
            Incoming::Gone => return Ok(()),
        };
        let Reader { head, buffer, .. } = &reader;
        let body = match body {
            Body::InPlace(start) => buffer.get(start..whole).unwrap_or_default(),
            Body::Decoded => &reader.body,
        };
        let turn = conversation.answer(&Request { head, buffer, body }, &mut out);
        let keep_alive = head.keep_alive;
        if let Some(wait) = turn.wait {
            monoio::time::sleep(wait).await;
        }
        let (result, written) = reader.stream.write_all(out).await;
        result?;
        out = written;
        out.clear();
        match turn.then {
            Then::Next => {}
            Then::More(more) => {
                for piece in more {
                    monoio::time::sleep(script.progress_every).await;
                    reader.stream.write_all(piece).await.0?;
                }
            }
            Then::Hold(event) => {
                // Thousands of streams may be open: they hold on to nothing but their event.
                let stream = reader.stream;
                drop((reader.head, reader.buffer, reader.body, conversation, out));
                return hold_open(stream, event, script.event_every).await;
            }
        }
        if !keep_alive {
            return Ok(());
        }
        reader.next(whole);
    }
}

/// What came.
enum Incoming {
    /// A request that ends at `whole` in the buffer.
    Request { body: Body, whole: usize },
    /// Something to answer and to close the connection after.
    Refused { status: u16, said: String },
    /// The end of the connection.
    Gone,
}

/// Where a body is.
enum Body {
    /// In the buffer, from there on.
    InPlace(usize),
    /// It came in chunks, and was put together.
    Decoded,
}

struct Reader {
    stream: TcpStream,
    head: RequestHead,
    buffer: Vec<u8>,
    /// Of a request in chunks.
    body: Vec<u8>,
}

impl Reader {
    /// The next request, with the whole of its body.
    async fn request(&mut self) -> io::Result<Incoming> {
        let start = loop {
            match self.head.parse(&self.buffer, &LIMITS) {
                Ok(Some(bytes)) => break bytes,
                Ok(None) => {}
                Err(error) => {
                    let (status, said) = (error.status(), error.to_string());
                    return Ok(Incoming::Refused { status, said });
                }
            }
            if !self.read().await? {
                return Ok(Incoming::Gone);
            }
        };
        let length = match self.head.framing {
            Framing::Length(length) => length,
            Framing::None => 0,
            Framing::Chunked | Framing::UntilClose => return self.chunks(start).await,
        };
        if length > BODY_BYTES_MAX {
            return Ok(too_large());
        }
        let whole = start.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
        if self.buffer.len() < whole {
            self.invite().await?;
        }
        while self.buffer.len() < whole {
            if !self.read().await? {
                return Ok(Incoming::Gone);
            }
        }
        Ok(Incoming::Request { body: Body::InPlace(start), whole })
    }

    /// The rest of a request whose body comes in chunks.
    async fn chunks(&mut self, start: usize) -> io::Result<Incoming> {
        let mut chunked = Chunked::new(ChunkLimits::default());
        self.invite().await?;
        loop {
            let input = self.buffer.get(start..).unwrap_or_default();
            let body = &mut self.body;
            let fed = chunked.feed(input, |piece| {
                if piece.data {
                    body.extend_from_slice(piece.span.of(input));
                }
            });
            match fed {
                // The framing of small chunks takes more than what is in them: it does not stay.
                Ok(fed) => drop(self.buffer.drain(start..start + fed.consumed)),
                Err(error) => {
                    return Ok(Incoming::Refused { status: 400, said: error.to_string() });
                }
            }
            if fed.is_ok_and(|fed| fed.ended) {
                return Ok(Incoming::Request { body: Body::Decoded, whole: start });
            }
            if self.body.len() as u64 > BODY_BYTES_MAX {
                return Ok(too_large());
            }
            if !self.read().await? {
                return Ok(Incoming::Gone);
            }
        }
    }

    /// Asks for the body, where the client waits to be asked.
    async fn invite(&mut self) -> io::Result<()> {
        if self.head.expect_continue {
            self.stream.write_all(CONTINUE).await.0?;
        }
        Ok(())
    }

    /// Reads more; whether there was any.
    async fn read(&mut self) -> io::Result<bool> {
        let at = self.buffer.len();
        let mut owned = std::mem::take(&mut self.buffer);
        owned.reserve(READ_BYTES);
        let room = monoio::buf::SliceMut::new(owned, at, at + READ_BYTES);
        let (result, slice) = self.stream.read(room).await;
        self.buffer = slice.into_inner();
        Ok(result? > 0)
    }

    /// Forgets the request that ends there, and gives back what a large one took: the connection may be
    /// idle from now on, and one of thousands.
    fn next(&mut self, whole: usize) {
        self.buffer.drain(..whole);
        self.head.reset();
        self.body.clear();
        for kept in [&mut self.buffer, &mut self.body] {
            if kept.capacity() > KEPT_BYTES_MAX {
                kept.shrink_to(READ_BYTES);
            }
        }
    }
}

fn too_large() -> Incoming {
    Incoming::Refused { status: 413, said: "the body is larger than 64 MiB".into() }
}

/// Sends the event now and then, until the client closes the stream.
async fn hold_open(
    mut stream: TcpStream,
    mut event: Vec<u8>,
    every: Option<Duration>,
) -> io::Result<()> {
    while !closes_within(&mut stream, every).await {
        let (result, written) = stream.write_all(event).await;
        result?;
        event = written;
    }
    Ok(())
}

/// Whether the client closes the stream before the time is over; one that speaks on it is done too.
async fn closes_within(stream: &mut TcpStream, limit: Option<Duration>) -> bool {
    let canceller = Canceller::new();
    let mut read = pin!(stream.cancelable_read(vec![0; 1], canceller.handle()));
    let Some(limit) = limit else {
        let _ = read.await;
        return true;
    };
    if monoio::time::timeout(limit, &mut read).await.is_ok() {
        return true;
    }
    canceller.cancel();
    // An error is the cancellation; otherwise the client was faster.
    read.await.0.is_ok()
}
