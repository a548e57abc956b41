//! A connection from an agent: its requests, one after the other.

mod read;

use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use penstock_http1::{Framing, RequestHead, Verb};
use penstock_mcp::{Envelope, Era, Kind, Method};
use penstock_metrics::Metric;

use crate::access::Noted;
use crate::caller::Caller;
use crate::forward;
use crate::guard;
use crate::io::{Conn, KEPT_BYTES_MAX, Pace, Socket, Timer};
use crate::pipeline;
use crate::respond::Answer;
use crate::shard::{Place, Shard, View};
use crate::world::ListenerRules;
use read::Unread;

/// A read of a body's next piece.
const BODY_READ_BYTES: usize = 64 << 10;
/// How long a refused connection is read on, so that the answer is not lost to a reset.
const LINGER: Duration = Duration::from_secs(2);
/// How much of it.
const LINGER_BYTES: usize = 1 << 20;

/// An agent's connection and the request on it.
pub(crate) struct Downstream {
    pub(crate) conn: Conn,
    pub(crate) timer: Timer,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) caller: Caller,
    pub(crate) rules: Arc<ListenerRules>,
    /// What was read and not yet used; the request's head stands at its beginning.
    pub(crate) buffer: Vec<u8>,
    pub(crate) head: RequestHead,
    pub(crate) head_bytes: usize,
    /// The body of a chunked request, decoded, or another in the request's place; others stay in `buffer`.
    pub(crate) decoded: Vec<u8>,
    sent: Sent,
    /// Bytes of `buffer` behind the head that belong to the request, framing included.
    pub(crate) body_bytes: usize,
    pub(crate) message: penstock_mcp::Message,
    pub(crate) era: Era,
    /// What is written next, upstream or to the agent.
    pub(crate) out: Vec<u8>,
    /// Bytes of the answer that were written, its head included.
    pub(crate) answer_bytes: u64,
    /// The status answered last; 0 where there was none.
    pub(crate) status: u16,
    /// Whether a request was served on it.
    served: bool,
    /// Whether the agent has ended its side. It may still read.
    pub(crate) ended: bool,
    /// Whether the connection is of no use any more.
    pub(crate) gone: bool,
    /// What the access log will say of a released request.
    pub(crate) noted: Option<Box<Noted>>,
    _place: Place,
}

/// What of a request's body goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    /// What came, in its framing.
    AsItCame,
    /// What stands in `decoded`.
    Decoded,
}

/// What becomes of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// The next request is read.
    Keep,
    /// It is closed.
    Close,
    /// It is closed after what the agent is still sending was read.
    Linger,
    /// It is reset: the agent must not take what it got for a whole answer.
    Abort,
}

impl Downstream {
    pub(crate) fn new(
        shard: &Rc<Shard>,
        socket: Socket,
        peer: Option<SocketAddr>,
        caller: Caller,
        rules: Arc<ListenerRules>,
        place: Place,
    ) -> Self {
        Self {
            conn: Conn::new(socket),
            timer: shard.timers.timer(),
            peer,
            caller,
            rules,
            buffer: Vec::new(),
            head: RequestHead::new(),
            head_bytes: 0,
            decoded: Vec::new(),
            sent: Sent::AsItCame,
            body_bytes: 0,
            message: penstock_mcp::Message::new(),
            era: Era::Legacy,
            out: Vec::new(),
            answer_bytes: 0,
            status: 0,
            served: false,
            ended: false,
            gone: false,
            noted: None,
            _place: place,
        }
    }

    /// Serves requests until the connection ends. What is in a box here is rare and large: the task of
    /// every connection would have to hold it.
    pub(crate) async fn serve(&mut self, shard: &Rc<Shard>) {
        let next = loop {
            match self.read_head(shard).await {
                Ok(()) => {}
                Err(Unread::Silent) => break Next::Close,
                Err(Unread::Answer(answer)) => {
                    return Box::pin(self.refuse(shard, answer)).await;
                }
            }
            // It may have waited for long: what holds now holds for it.
            let view = shard.view();
            self.follow(&view);
            let next = if self.rules.forward {
                Box::pin(forward::serve(self, shard, &view)).await
            } else {
                pipeline::serve(self, shard, &view).await
            };
            if next != Next::Keep || self.gone {
                break next;
            }
            self.consume();
        };
        match next {
            Next::Keep | Next::Close => Box::pin(self.close()).await,
            Next::Linger => Box::pin(self.linger()).await,
            Next::Abort => self.conn.abort(),
        }
    }

    /// Says what is wrong with the connection, or with a head that is none, and ends it.
    pub(crate) async fn refuse(&mut self, shard: &Rc<Shard>, answer: Answer) {
        answer.write(self, shard, false).await;
        self.linger().await;
    }

    /// Takes over the listener's rules and the agent's as they are now.
    fn follow(&mut self, view: &View) {
        if let Some(rules) = view.world.listeners.get(self.rules.index)
            && !Arc::ptr_eq(rules, &self.rules)
        {
            self.rules = Arc::clone(rules);
            self.caller.follow(&view.world);
        }
    }

    /// Drops the served request from the buffer; what was sent behind it stays.
    fn consume(&mut self) {
        let used = (self.head_bytes + self.body_bytes).min(self.buffer.len());
        if used < self.buffer.len() {
            self.buffer.drain(..used);
            self.buffer.shrink_to(KEPT_BYTES_MAX);
        } else {
            self.conn.recycle(std::mem::take(&mut self.buffer));
        }
        for buffer in [&mut self.decoded, &mut self.out] {
            buffer.clear();
            buffer.shrink_to(KEPT_BYTES_MAX);
        }
        self.head_bytes = 0;
        self.body_bytes = 0;
        self.answer_bytes = 0;
        self.status = 0;
        self.served = true;
        self.sent = Sent::AsItCame;
        self.head.reset();
        self.message.forget();
    }

    /// The request's body, decoded.
    pub(crate) fn body(&self) -> &[u8] {
        if self.head.framing == Framing::Chunked { &self.decoded } else { self.framed() }
    }

    /// The request's body in the framing that it goes on in.
    pub(crate) fn framed(&self) -> &[u8] {
        if self.sent == Sent::Decoded {
            return &self.decoded;
        }
        self.buffer.get(self.head_bytes..self.head_bytes + self.body_bytes).unwrap_or_default()
    }

    /// How the request's body goes on: as it came, unless another is in its place.
    pub(crate) fn framing(&self) -> Framing {
        match self.sent {
            Sent::AsItCame => self.head.framing,
            Sent::Decoded => Framing::Length(self.decoded.len() as u64),
        }
    }

    /// Puts another body in the place of the request's, for whoever asks for it from here on.
    pub(crate) fn replace_body(&mut self, body: Vec<u8>) {
        (self.decoded, self.sent) = (body, Sent::Decoded);
        guard::leave_out(&mut self.head.fields, &self.buffer, &["trailer"]);
    }

    /// Writes the answer's next bytes; an agent that takes none for `write_timeout` is gone. A buffer comes
    /// back for reuse.
    pub(crate) fn write(
        &mut self,
        shard: &Shard,
        bytes: Vec<u8>,
        from: usize,
    ) -> impl Future<Output = Vec<u8>> {
        let limit = shard.view().world.limits().write_timeout;
        if !self.gone {
            let count = (bytes.len() - from) as u64;
            self.answer_bytes += count;
            shard.cells.add(Metric::AnswerBytes, count);
        }
        async move {
            if self.gone {
                return bytes;
            }
            let pace = Some(Pace::new(&self.timer, limit));
            let (written, bytes) = self.conn.write(bytes, from, pace).await;
            self.gone = written.is_err();
            bytes
        }
    }

    /// Gives back the memory of a request whose answer has begun and may take hours. What was sent
    /// behind it stays.
    pub(crate) fn release(&mut self, view: &View) {
        if view.world.snapshot.log.access && !self.rules.forward && self.noted.is_none() {
            self.noted = Some(Box::new(Noted::of(self, view)));
        }
        let used = (self.head_bytes + self.body_bytes).min(self.buffer.len());
        self.buffer.drain(..used);
        self.buffer.shrink_to_fit();
        (self.head_bytes, self.body_bytes) = (0, 0);
        (self.decoded, self.out) = (Vec::new(), Vec::new());
        self.sent = Sent::AsItCame;
        self.head.fields = Vec::new();
        self.message = penstock_mcp::Message::new();
        self.conn.forget_spare();
    }

    /// Whether a stream is what is asked for, so that long silence is to be expected.
    pub(crate) fn asks_for_stream(&self) -> bool {
        !self.rules.forward && self.head.verb == Verb::Get
            || self.message.single().and_then(|one| one.known) == Some(Method::SubscriptionsListen)
    }

    /// The tool that is called.
    pub(crate) fn tool(&self) -> Option<String> {
        let called =
            |one: &&Envelope| one.kind == Kind::Request && one.known == Some(Method::ToolsCall);
        let call = self.message.single().filter(called)?;
        Some(call.name?.decode(self.body()).into_owned())
    }

    /// Tells the agent that nothing follows.
    async fn close(&mut self) {
        let _ = self.timer.within(LINGER, self.conn.finish()).await;
    }

    async fn linger(&mut self) {
        self.close().await;
        let mut left = LINGER_BYTES;
        let (conn, mut sink) = (&mut self.conn, Vec::new());
        let rest = async {
            while let Ok(read) = conn.read(&mut sink, BODY_READ_BYTES).await {
                sink.clear();
                left = left.saturating_sub(read);
                if read == 0 || left == 0 {
                    break;
                }
            }
        };
        let _ = self.timer.within(LINGER, rest).await;
    }
}
