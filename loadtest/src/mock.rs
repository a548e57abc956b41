//! A mock MCP server: a thread a core on io_uring, doing as little as an honest answer allows.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context as _;
use monoio::io::{
    AsyncReadRent as _, AsyncWriteRentExt as _, CancelableAsyncReadRent as _, Canceller,
};
use monoio::net::TcpStream;
use monoio::{IoUringDriver, RuntimeBuilder};
use penstock_http1::{Framing, HeadLimits, RequestHead, Verb, write_simple};
use penstock_mcp::{Message, ScanLimits};
use socket2::{Domain, Protocol, Socket, Type};

use crate::answers::{Answer, answer, log_message};

const READ_BYTES: usize = 64 << 10;
const BODY_BYTES_MAX: u64 = 64 << 20;
const BACKLOG: i32 = 4096;
const STREAM: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Serves until it is killed.
pub(crate) fn serve(
    listen: SocketAddr,
    threads: usize,
    answer_bytes: usize,
    event_every: Option<Duration>,
) -> anyhow::Result<()> {
    let mut address = listen;
    let mut running = Vec::new();
    for _ in 0..threads.max(1) {
        let listener = bind(address).with_context(|| format!("cannot listen on {address}"))?;
        address = listener.local_addr()?;
        running.push(std::thread::spawn(move || run(listener, answer_bytes, event_every)));
    }
    println!("listening on {address}");
    std::io::stdout().flush()?;
    for thread in running {
        thread.join().map_err(|_| anyhow::anyhow!("a thread of the mock panicked"))??;
    }
    Ok(())
}

fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn run(
    listener: TcpListener,
    answer_bytes: usize,
    event_every: Option<Duration>,
) -> anyhow::Result<()> {
    let mut ring = io_uring::IoUring::builder();
    ring.setup_coop_taskrun().setup_taskrun_flag().setup_single_issuer();
    let text: Rc<str> = "x".repeat(answer_bytes).into();
    let builder = RuntimeBuilder::<IoUringDriver>::new().uring_builder(ring).enable_timer();
    builder.build()?.block_on(async move {
        let listener = monoio::net::TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let text = Rc::clone(&text);
            monoio::spawn(async move {
                // A client that goes away is nothing to report.
                let _ = connection(stream, &text, event_every).await;
            });
        }
    })
}

async fn connection(
    mut stream: TcpStream,
    text: &str,
    event_every: Option<Duration>,
) -> std::io::Result<()> {
    let limits = HeadLimits { bytes: 64 << 10, fields: 100, target: 8 << 10 };
    let (mut head, mut message) = (RequestHead::new(), Message::new());
    let (mut buffer, mut out) = (Vec::new(), Vec::new());
    loop {
        let head_bytes = loop {
            match head.parse(&buffer, &limits) {
                Ok(Some(bytes)) => break bytes,
                Ok(None) => {}
                Err(error) => {
                    let said = error.to_string();
                    write_simple(
                        &mut out,
                        error.status(),
                        "text/plain",
                        &[],
                        said.as_bytes(),
                        false,
                    );
                    return stream.write_all(out).await.0.map(|_| ());
                }
            }
            if !read(&mut stream, &mut buffer).await? {
                return Ok(());
            }
        };
        let length = match head.framing {
            Framing::Length(length) if length <= BODY_BYTES_MAX => length,
            Framing::None => 0,
            _ => return Ok(()),
        };
        let whole = head_bytes + usize::try_from(length).unwrap_or(usize::MAX);
        while buffer.len() < whole {
            if !read(&mut stream, &mut buffer).await? {
                return Ok(());
            }
        }
        let body = &buffer[head_bytes..whole];
        let event = respond(&head, &buffer, body, &mut message, text, &mut out);
        let keep = head.keep_alive;
        let (result, written) = stream.write_all(out).await;
        result?;
        if let Some(event) = event {
            // Thousands of streams may be open: they hold on to nothing but their event.
            drop((head, message, buffer, written));
            return hold_open(stream, event, event_every).await;
        }
        out = written;
        out.clear();
        if !keep {
            return Ok(());
        }
        buffer.drain(..whole);
        head.reset();
    }
}

/// Sends the event now and then, until the client closes the stream.
async fn hold_open(
    mut stream: TcpStream,
    event: Vec<u8>,
    every: Option<Duration>,
) -> std::io::Result<()> {
    let mut event = chunk(&event);
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

async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<bool> {
    let at = buffer.len();
    let mut owned = std::mem::take(buffer);
    owned.reserve(READ_BYTES);
    let (result, slice) = stream.read(monoio::buf::SliceMut::new(owned, at, at + READ_BYTES)).await;
    *buffer = slice.into_inner();
    Ok(result? > 0)
}

/// Writes the answer; the event of a stream that stays open after it.
fn respond(
    head: &RequestHead,
    buffer: &[u8],
    body: &[u8],
    message: &mut Message,
    text: &str,
    out: &mut Vec<u8>,
) -> Option<Vec<u8>> {
    match head.verb {
        Verb::Get => {
            out.extend_from_slice(STREAM);
            let session = head.values(buffer, "mcp-session-id").next().unwrap_or_default();
            Some(log_message(session))
        }
        Verb::Delete => {
            write_simple(out, 200, "text/plain", &[], b"", head.keep_alive);
            None
        }
        _ => post(head, body, message, text, out),
    }
}

fn post(
    head: &RequestHead,
    body: &[u8],
    message: &mut Message,
    text: &str,
    out: &mut Vec<u8>,
) -> Option<Vec<u8>> {
    let scanned = message.scan(body, &ScanLimits { depth: 128, batch: 100 });
    let (Ok(()), Some(envelope)) = (scanned, message.single()) else {
        write_simple(out, 400, "text/plain", &[], b"not one JSON-RPC message", head.keep_alive);
        return None;
    };
    match answer(body, envelope, text) {
        Answer::Accepted => write_simple(out, 202, "text/plain", &[], b"", head.keep_alive),
        Answer::Json { body, session } => {
            let mut extra: Vec<(&str, &[u8])> = Vec::new();
            if let Some(id) = session {
                extra.push(("Mcp-Session-Id", id.as_bytes()));
            }
            write_simple(out, 200, "application/json", &extra, &body, head.keep_alive);
        }
        Answer::Stream(messages) => {
            out.extend_from_slice(STREAM);
            for message in messages {
                out.extend_from_slice(&chunk(&message));
            }
            out.extend_from_slice(b"0\r\n\r\n");
        }
        Answer::Subscription { first, event } => {
            out.extend_from_slice(STREAM);
            out.extend_from_slice(&chunk(&first));
            return Some(event);
        }
    }
    None
}

/// A message as an event in a chunk of its own.
fn chunk(message: &[u8]) -> Vec<u8> {
    let event = [b"data: ", message, b"\n\n"].concat();
    [format!("{:x}\r\n", event.len()).as_bytes(), &event, b"\r\n"].concat()
}
