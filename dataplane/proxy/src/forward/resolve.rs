//! The addresses of names, as the control thread resolves them for this shard.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::net::IpAddr;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use penstock_http1::{Framing, HeadLimits, ResponseHead, Verb};

use crate::shard::Shard;
use crate::upstream::Lease;

/// Names that a shard remembers.
const NAMES_MAX: usize = 1024;
/// How long an answer of the control thread may take; it gives up on name servers before.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// The largest answer: some thirty addresses, or a sentence.
const ANSWER_BYTES_MAX: usize = 8 << 10;
/// How long a failure is remembered.
const FAILURE_TTL: Duration = Duration::from_secs(2);

/// The addresses in the order to try them, or why there are none.
pub(super) type Answer = Result<Rc<[IpAddr]>, Rc<str>>;

/// The names that a shard knows or is just asking for.
#[derive(Default)]
pub(super) struct Names(RefCell<HashMap<String, Rc<Lookup>>>);

/// One name; whoever asks for it meanwhile waits for the same answer.
struct Lookup {
    answer: RefCell<Option<Answer>>,
    /// `u64::MAX` before there is an answer.
    until_ms: Cell<u64>,
    waiting: RefCell<Vec<Waker>>,
}

impl Names {
    pub(super) async fn resolve(&self, shard: &Rc<Shard>, host: &str) -> Answer {
        let lookup = self.lookup(shard, host);
        poll_fn(|cx| lookup.poll(cx)).await
    }

    fn lookup(&self, shard: &Rc<Shard>, host: &str) -> Rc<Lookup> {
        let now = shard.timers.now_ms();
        let mut names = self.0.borrow_mut();
        if let Some(known) = names.get(host).filter(|known| known.until_ms.get() > now) {
            return Rc::clone(known);
        }
        if names.len() >= NAMES_MAX {
            names.retain(|_, name| name.until_ms.get() > now);
        }
        if names.len() >= NAMES_MAX {
            // More names than that within a TTL: those that have an answer are asked for again.
            names.retain(|_, name| name.until_ms.get() == u64::MAX);
        }
        let lookup = Rc::new(Lookup {
            answer: RefCell::new(None),
            until_ms: Cell::new(u64::MAX),
            waiting: RefCell::default(),
        });
        names.insert(host.to_owned(), Rc::clone(&lookup));
        // A task of its own: whoever asked first may go away before the others.
        monoio::spawn(fill(Rc::clone(shard), host.to_owned(), Rc::clone(&lookup)));
        lookup
    }
}

impl Lookup {
    fn poll(&self, cx: &Context<'_>) -> Poll<Answer> {
        if let Some(answer) = &*self.answer.borrow() {
            return Poll::Ready(answer.clone());
        }
        let mut waiting = self.waiting.borrow_mut();
        if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }
}

async fn fill(shard: Rc<Shard>, host: String, lookup: Rc<Lookup>) {
    let timer = shard.timers.timer();
    let asked = timer.within(ANSWER_TIMEOUT, ask(&shard, &host)).await;
    let late = |_| Err("the control thread does not answer".into());
    let (answer, ttl) = match asked.unwrap_or_else(late) {
        Ok((addresses, ttl)) => (Ok(addresses.into()), ttl),
        Err(why) => (Err(Rc::from(why.as_str())), FAILURE_TTL),
    };
    let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
    lookup.until_ms.set(shard.timers.now_ms().saturating_add(ttl_ms).min(u64::MAX - 1));
    *lookup.answer.borrow_mut() = Some(answer);
    lookup.waiting.take().into_iter().for_each(Waker::wake);
}

async fn ask(shard: &Rc<Shard>, host: &str) -> Result<(Vec<IpAddr>, Duration), String> {
    let view = shard.view();
    let control = view.pools.get(view.world.control()).ok_or("there is no control thread")?;
    let failed = |error: &dyn std::fmt::Display| format!("the control thread: {error}");
    let mut lease = control.lease(&mut |_| Poll::Pending).await.map_err(|error| failed(&error))?;
    let answer = match exchange(&mut lease, host).await {
        // A kept connection may be ending just now.
        Err(_) if lease.reused => {
            drop(lease);
            lease = control.fresh(&mut |_| Poll::Pending).await.map_err(|error| failed(&error))?;
            exchange(&mut lease, host).await
        }
        answer => answer,
    };
    let (status, body) = answer.map_err(|error| failed(&error))?;
    lease.keep();
    if status != 200 {
        return Err(body);
    }
    read(&body).ok_or_else(|| failed(&"its answer is not one"))
}

/// Status and body of one request and its answer.
async fn exchange(lease: &mut Lease, host: &str) -> std::io::Result<(u16, String)> {
    let request = format!("GET /resolve/{host} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    lease.conn.write(request.into_bytes(), 0, None).await.0.map_err(std::io::Error::from)?;
    let (mut head, mut buffer) = (ResponseHead::new(), Vec::new());
    let mut head_bytes = None;
    loop {
        if head_bytes.is_none() {
            let parsed = head.parse(&buffer, &HeadLimits::default(), Verb::Get);
            head_bytes = parsed.map_err(|error| std::io::Error::other(error.to_string()))?;
        }
        let length = match head.framing {
            Framing::Length(length) => usize::try_from(length).unwrap_or(usize::MAX),
            _ => 0,
        };
        if length > ANSWER_BYTES_MAX {
            return Err(std::io::Error::other("its answer is too long"));
        }
        if let Some(body) = head_bytes.and_then(|from| buffer.get(from..from + length)) {
            return Ok((head.status, String::from_utf8_lossy(body).into_owned()));
        }
        if lease.conn.read(&mut buffer, ANSWER_BYTES_MAX).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// An answer's lines: how many seconds it holds, then an address each.
fn read(body: &str) -> Option<(Vec<IpAddr>, Duration)> {
    let mut lines = body.lines();
    let ttl = Duration::from_secs(lines.next()?.parse().ok()?);
    let addresses: Result<Vec<_>, _> = lines.map(str::parse).collect();
    Some((addresses.ok()?, ttl))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_time_and_addresses() {
        let addresses = ["2606:4700::1111", "1.1.1.1"].map(|a| a.parse::<IpAddr>().expect("IP"));
        let expected = (addresses.to_vec(), Duration::from_secs(30));
        assert_eq!(read("30\n2606:4700::1111\n1.1.1.1\n"), Some(expected));
        for bad in ["", "1.1.1.1\n", "30\nnowhere\n", "-1\n1.1.1.1"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
