//! A client with thousands of open streams, on epoll.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use penstock_http1::{ChunkLimits, Chunked, EventScanner, Framing, ResponseHead, Verb};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use serde::Serialize;

use crate::call;

/// Streams that are being opened at once.
const OPENING_MAX: usize = 256;
const EVENT_BYTES_MAX: u64 = 64 << 10;

/// Which streams are opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// The legacy revisions' GET.
    Get,
    /// The modern `subscriptions/listen`.
    Listen,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Get => "GET (legacy)",
            Self::Listen => "subscriptions/listen (modern)",
        }
    }
}

pub(super) struct Client {
    address: SocketAddr,
    path: &'static str,
    kind: Kind,
    epoll: OwnedFd,
    streams: Vec<Stream>,
    /// Streams whose answer has begun; a subscription's with its acknowledgement.
    open: usize,
    /// Streams with an event since the last `forget`, and all those events.
    heard: usize,
    events: usize,
    forgotten: u32,
}

struct Stream {
    socket: TcpStream,
    /// What every event of this stream must hold, and no other's does.
    mark: String,
    state: State,
    /// When it last had an event, in `Client::forgotten`s.
    heard_in: u32,
}

enum State {
    /// The head, as far as it has come.
    Head(Vec<u8>),
    Body {
        chunked: Chunked,
        scanner: EventScanner,
        event: Vec<u8>,
        open: bool,
    },
}

impl Client {
    pub(super) fn new(address: SocketAddr, path: &'static str, kind: Kind) -> Result<Self> {
        Ok(Self {
            address,
            path,
            kind,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            streams: Vec::new(),
            open: 0,
            heard: 0,
            events: 0,
            forgotten: 0,
        })
    }

    /// Opens `count` streams and waits until each has begun.
    pub(super) fn open(&mut self, count: usize, limit: Duration) -> Result<()> {
        let deadline = Instant::now() + limit;
        while self.open < count {
            while self.streams.len() < count && self.streams.len() - self.open < OPENING_MAX {
                self.start()?;
            }
            self.receive(Duration::from_millis(100))?;
            let open = self.open;
            ensure!(Instant::now() < deadline, "{open} of {count} streams opened in {limit:?}");
        }
        Ok(())
    }

    /// Takes what comes, for this long.
    pub(super) fn listen_for(&mut self, time: Duration) -> Result<()> {
        let deadline = Instant::now() + time;
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            self.receive(left)?;
        }
        Ok(())
    }

    /// Waits until an event has come on each stream from now on; how many came on all of them.
    pub(super) fn until_each_has_an_event(&mut self, limit: Duration) -> Result<usize> {
        let deadline = Instant::now() + limit;
        (self.heard, self.events) = (0, 0);
        self.forgotten += 1;
        while self.heard < self.streams.len() {
            self.receive(Duration::from_millis(100))?;
            let (heard, all) = (self.heard, self.streams.len());
            ensure!(
                Instant::now() < deadline,
                "{heard} of {all} streams had an event in {limit:?}"
            );
        }
        Ok(self.events)
    }

    fn start(&mut self) -> Result<()> {
        let index = self.streams.len();
        let (request, mark) = match self.kind {
            Kind::Get => {
                let session = format!("session-{index}-");
                (call::get(self.address, self.path, &session), session)
            }
            Kind::Listen => {
                let mark = format!("\"io.modelcontextprotocol/subscriptionId\":{index}}}");
                (call::listen(self.address, self.path, index), mark)
            }
        };
        let mut socket = TcpStream::connect(self.address)
            .with_context(|| format!("stream {index} cannot connect"))?;
        socket.write_all(&request)?;
        socket.set_nonblocking(true)?;
        let data = epoll::EventData::new_u64(index as u64);
        epoll::add(&self.epoll, &socket, data, epoll::EventFlags::IN)?;
        self.streams.push(Stream { socket, mark, state: State::Head(Vec::new()), heard_in: 0 });
        Ok(())
    }

    fn receive(&mut self, limit: Duration) -> Result<()> {
        let mut events = Vec::with_capacity(1024);
        let timeout = Timespec { tv_sec: 0, tv_nsec: limit.subsec_nanos().into() };
        epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&timeout))?;
        let mut piece = [0; 16 << 10];
        for event in events {
            let data = event.data;
            let index = usize::try_from(data.u64())?;
            let Some(stream) = self.streams.get_mut(index) else { continue };
            let bytes = match stream.socket.read(&mut piece) {
                Ok(0) => bail!("stream {index} was ended"),
                Ok(read) => piece.get(..read).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error).with_context(|| format!("stream {index} failed")),
            };
            let news = stream.take(bytes, self.kind).with_context(|| format!("stream {index}"))?;
            self.open += usize::from(news.opened);
            self.events += news.events;
            if news.events > 0
                && std::mem::replace(&mut stream.heard_in, self.forgotten) != self.forgotten
            {
                self.heard += 1;
            }
        }
        Ok(())
    }
}

/// What one read brought.
#[derive(Default)]
struct News {
    opened: bool,
    events: usize,
}

impl Stream {
    fn take(&mut self, bytes: &[u8], kind: Kind) -> Result<News> {
        let mut news = News::default();
        if let State::Head(head) = &mut self.state {
            head.extend_from_slice(bytes);
            let verb = if kind == Kind::Get { Verb::Get } else { Verb::Post };
            let mut parsed = ResponseHead::new();
            let Some(length) = call::success(&mut parsed, head, verb)? else { return Ok(news) };
            let stream = parsed.value(head, "content-type") == Some(b"text/event-stream");
            ensure!(stream && parsed.framing == Framing::Chunked, "the answer is no stream");
            let rest = head.split_off(length);
            // A subscription has begun with its acknowledgement.
            let open = kind == Kind::Get;
            news.opened = open;
            self.state = State::Body {
                chunked: Chunked::new(ChunkLimits::default()),
                scanner: EventScanner::new(EVENT_BYTES_MAX),
                event: Vec::new(),
                open,
            };
            self.body(&rest, &mut news)?;
        } else {
            self.body(bytes, &mut news)?;
        }
        Ok(news)
    }

    fn body(&mut self, bytes: &[u8], news: &mut News) -> Result<()> {
        let State::Body { chunked, scanner, event, open } = &mut self.state else { return Ok(()) };
        let mut data = Vec::new();
        let fed = chunked.feed(bytes, |piece| {
            if piece.data {
                data.extend_from_slice(piece.span.of(bytes));
            }
        })?;
        ensure!(!fed.ended, "its body ended");
        let mut ends = Vec::new();
        scanner.feed(&data, |end| ends.push(end))?;
        let mut from = 0;
        for end in ends {
            event.extend_from_slice(data.get(from..end).unwrap_or_default());
            from = end;
            let text = String::from_utf8_lossy(event);
            ensure!(text.contains(&self.mark), "an event of another stream came: {text}");
            event.clear();
            if std::mem::replace(open, true) {
                news.events += 1;
            } else {
                news.opened = true;
            }
        }
        event.extend_from_slice(data.get(from..).unwrap_or_default());
        Ok(())
    }
}
