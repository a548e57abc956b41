//! Asking the upstream: the request goes out, the head of its answer comes in.

use std::future::poll_fn;
use std::task::Poll;

use penstock_http1::ResponseHead;
use penstock_metrics::Metric;

use super::{Begun, Exchange, JOIN_BYTES, READ_BYTES, cancels};
use crate::pipeline::{Failure, idempotent};

/// Interim answers to one request: `100 Continue`, `103 Early Hints`.
const INTERIM_MAX: usize = 100;

/// Why there is no answer's head.
enum Unanswered {
    /// The agent went away, and that cancels the call.
    Gone,
    Failed(Failure),
    /// The connection ended before any byte of an answer.
    Lost {
        failure: Failure,
        /// Whether anything of the request may have reached the upstream.
        sent: bool,
    },
}

impl From<Failure> for Unanswered {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Exchange<'_> {
    /// Sends the request and waits for the answer's head; `None` where the agent went away before it. An
    /// error where no byte of an answer was sent.
    pub(crate) async fn ask(&mut self) -> Result<Option<Begun>, Failure> {
        match self.try_to_ask().await {
            // A kept connection that the upstream was just closing: the request may go once more.
            Err(Unanswered::Lost { sent, .. })
                if (!sent || idempotent(self.down)) && !self.down.gone => {}
            asked => return self.told(asked),
        }
        self.shard.cells.inc(Metric::UpstreamRetries);
        // Rare, and large: the task of every connection would have to hold it.
        Box::pin(async {
            self.lease.renew().await?;
            self.ask_once().await
        })
        .await
    }

    /// As [`Exchange::ask`], on this connection and no other.
    pub(crate) async fn ask_once(&mut self) -> Result<Option<Begun>, Failure> {
        let asked = self.try_to_ask().await;
        self.told(asked)
    }

    fn told(&self, asked: Result<Begun, Unanswered>) -> Result<Option<Begun>, Failure> {
        match asked {
            Ok(begun) => Ok(Some(begun)),
            Err(Unanswered::Gone) => {
                self.shard.cells.inc(Metric::Disconnects);
                Ok(None)
            }
            Err(Unanswered::Failed(failure) | Unanswered::Lost { failure, .. }) => {
                match failure {
                    Failure::Draining => {}
                    Failure::Timeout => self.shard.cells.inc(Metric::UpstreamTimeouts),
                    _ => self.shard.cells.inc(Metric::UpstreamErrors),
                }
                Err(failure)
            }
        }
    }

    async fn try_to_ask(&mut self) -> Result<Begun, Unanswered> {
        self.send().await?;
        let mut head = self.shard.head();
        let bytes = self.read_head(&mut head).await?;
        Ok(Begun { head, bytes })
    }

    /// Writes the request.
    async fn send(&mut self) -> Result<(), Unanswered> {
        let Self { down, lease, buffer, .. } = self;
        let limit = lease.remote().config.first_byte_timeout;
        let before = lease.conn.written_bytes();
        let mut out = std::mem::take(&mut down.out);
        let mut large_body = down.framed().len() > JOIN_BYTES;
        let error = loop {
            let written = lease.timer.within(limit, lease.conn.write(out, 0)).await;
            let (result, bytes) = written.map_err(|_| Failure::Timeout)?;
            // It may have to go once more.
            if down.out.is_empty() {
                down.out = bytes;
            }
            match result {
                Ok(()) if !std::mem::take(&mut large_body) => return Ok(()),
                Ok(()) => out = down.framed().to_vec(),
                Err(error) => break error,
            }
        };
        // The upstream may have answered before it stopped reading; if so, that is the answer.
        let early = lease.timer.within(limit, lease.conn.read(buffer, READ_BYTES));
        if matches!(early.await, Ok(Ok(read)) if read > 0) {
            return Ok(());
        }
        let sent = lease.conn.written_bytes() != before;
        Err(Unanswered::Lost { failure: Failure::Broken(error), sent })
    }

    /// Reads until the answer's head is whole; its length.
    async fn read_head(&mut self, head: &mut ResponseHead) -> Result<usize, Unanswered> {
        let Self { down, shard, view, lease, buffer, .. } = self;
        let sizes = view.world.head_limits();
        let limit = lease.remote().config.first_byte_timeout;
        let (lazy, cancels) = (down.asks_for_stream(), cancels(down));
        let want = lease.first_read_bytes();
        let whole = async {
            let (mut read, mut interim) = (0, 0);
            loop {
                while !buffer.is_empty() {
                    match head.parse(buffer, &sizes, down.head.verb) {
                        // 101 is an error of the parser's; other interim answers are for this hop.
                        Ok(Some(bytes)) if head.status < 200 => {
                            interim += 1;
                            if interim > INTERIM_MAX {
                                return Err(Failure::Interim.into());
                            }
                            buffer.drain(..bytes);
                            head.reset();
                        }
                        Ok(Some(bytes)) => return Ok((bytes, read)),
                        Ok(None) => break,
                        Err(error) => return Err(Unanswered::from(Failure::Invalid(error))),
                    }
                }
                let more = poll_fn(|cx| match lease.conn.poll_read(cx, buffer, want, lazy) {
                    Poll::Ready(Ok(read)) if read > 0 => Poll::Ready(Ok(read)),
                    Poll::Ready(Ok(_)) => Poll::Ready(Err(lost(buffer, Failure::Closed))),
                    Poll::Ready(Err(error)) => {
                        Poll::Ready(Err(lost(buffer, Failure::Broken(error))))
                    }
                    Poll::Pending if down.poll_ended(cx, lazy, cancels).is_ready() && cancels => {
                        Poll::Ready(Err(Unanswered::Gone))
                    }
                    Poll::Pending if lazy && shard.draining.get() => {
                        Poll::Ready(Err(Failure::Draining.into()))
                    }
                    Poll::Pending => Poll::Pending,
                });
                read = more.await?;
            }
        };
        let whole = lease.timer.within(limit, whole).await;
        let (bytes, read) = whole.unwrap_or_else(|_| Err(Failure::Timeout.into()))?;
        lease.answered(read);
        Ok(bytes)
    }
}

/// What it means that the connection ends after these bytes of an answer.
fn lost(answer: &[u8], failure: Failure) -> Unanswered {
    if answer.is_empty() {
        Unanswered::Lost { failure, sent: true }
    } else {
        Unanswered::Failed(failure)
    }
}
