//! What an answer says, and what that means for the call.

use penstock_http1::Verb;

use super::Worker;
use crate::engine::answer::{Form, Head, Keep, Listener};
use crate::engine::asked::Asked;
use crate::engine::check::{Checker, Found, revision_of};
use crate::engine::clock::{self, SECOND};
use crate::engine::connection::{Flight, Heard, Open, Opened, Purpose};
use crate::engine::failure::{Fault, What};
use crate::engine::request::{Act, Id, Template};
use crate::plan::Era;
use crate::report::model::ErrorKind;

/// How long a stream may stay open after the answer that it was for.
const LINGER: u64 = SECOND;
/// Of what was said that was wrong, for the example.
const SAID_BYTES: usize = 1024;
/// Memory that answers under way may take in one thread: what goes beyond it fails. Of it, connections
/// that carry nothing keep no more than half.
const KEPT_BYTES_MAX: usize = if cfg!(test) { 16 << 20 } else { 512 << 20 };

impl Worker<'_> {
    /// Reads what has come on a connection that carries a request.
    #[inline]
    pub(super) fn hear(&mut self, index: usize) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        let Some(mut flight) = connection.flight.take() else { return };
        let requests = &self.setting.requests;
        let template = match flight.purpose {
            Purpose::Call { template }
            | Purpose::Replace { template, .. }
            | Purpose::Stream { template, .. } => {
                requests.templates.get(template).unwrap_or(&requests.initialize)
            }
            Purpose::Open { .. } | Purpose::Abandoned { .. } => &requests.initialize,
            Purpose::Announce(_) | Purpose::Reply => &requests.announce,
            Purpose::End => &requests.end,
        };
        let mut hearing = Hearing {
            checker: &mut self.checker,
            template,
            flight: &mut flight,
            events: 0,
            asked: Vec::new(),
        };
        let was_open = hearing.is_open_stream();
        let kept_before = connection.kept_bytes();
        let (mut heard, received) =
            connection.hear(template.verb, &mut self.scratch, &mut self.heads, &mut hearing);
        if matches!(heard, Heard::Ended(_)) && self.kept_bytes > KEPT_BYTES_MAX / 2 {
            connection.give_back();
        }
        let kept = connection.kept_bytes();
        self.kept_bytes = (self.kept_bytes + kept).saturating_sub(kept_before);
        let (events, is_open) = (hearing.events, hearing.is_open_stream());
        let asked = std::mem::take(&mut hearing.asked);
        flight.received += received;
        if events > 0 {
            let operation = usize::from(template.operation);
            self.tally.cell(flight.due.step, operation).events += events;
        }
        if is_open && !was_open {
            // From here on it is held, and holds up no call.
            self.in_flight -= 1;
        }
        if matches!(heard, Heard::More) && kept > kept_before && self.kept_bytes > KEPT_BYTES_MAX {
            let most = KEPT_BYTES_MAX >> 20;
            let what = format!("answers under way took more than {most} MiB in one thread");
            heard = Heard::Broken(Fault::written(ErrorKind::Http, what));
        }
        if !asked.is_empty() && self.setting.plan.era == Era::Legacy {
            self.asked(asked, flight.turn);
        }
        let Some(connection) = self.connections.get_mut(index) else { return };
        let keep = match heard {
            Heard::More => return self.hear_more(index, flight),
            Heard::Ended(keep) => keep,
            Heard::Broken(fault) => {
                if fault.kind != ErrorKind::Disconnected {
                    flight.said = start_of(connection.last_input(&self.scratch));
                }
                connection.flight = Some(flight);
                return self.broken(index, fault);
            }
        };
        if let Purpose::Stream { .. } = flight.purpose {
            connection.flight = Some(flight);
            return self.stream_ended(index);
        }
        connection.attempts = 0;
        let all_sent = connection.all_sent();
        let now = clock::now();
        self.seen = now;
        let (result, at) = flight.outcome.take().unwrap_or_else(|| {
            let fault = Fault::new(ErrorKind::Shape, "a stream that ended without the answer");
            (Err(fault), now)
        });
        // A JSON answer is known when its end is.
        let at = if at == 0 { now } else { at };
        self.over(&flight, result, at);
        match keep {
            Keep::Alive if all_sent && index < self.carriers => self.make_idle(index, now),
            _ => self.let_go(index, now),
        }
    }

    /// The answer goes on.
    fn hear_more(&mut self, index: usize, mut flight: Flight) {
        let is_stream = matches!(flight.purpose, Purpose::Stream { .. });
        if let (false, Some((_, at))) = (is_stream, &flight.outcome) {
            flight.deadline = flight.deadline.min(at.saturating_add(LINGER));
        }
        // A stream may have been opened, and what lingers is waited for less.
        self.alarms.set(index, flight.ends());
        let wrong = is_stream && flight.outcome.is_some();
        if let Some(connection) = self.connections.get_mut(index) {
            connection.flight = Some(flight);
        }
        if wrong {
            self.stream_ended(index);
        }
    }
}

/// Listens to the answer of one request.
struct Hearing<'h> {
    checker: &'h mut Checker,
    template: &'h Template,
    flight: &'h mut Flight,
    events: u64,
    /// What the server wants to know.
    asked: Vec<Asked>,
}

impl Listener for Hearing<'_> {
    #[inline]
    fn head(&mut self, head: Head<'_>) {
        self.flight.status = head.status;
        match self.template.act {
            Act::Open => {
                let id = head.value("mcp-session-id").filter(|id| !id.is_empty());
                let opened = Opened { id: id.map(<[u8]>::to_vec), revision: Vec::new() };
                self.flight.opened = Some(Box::new(opened));
            }
            Act::Stream { hold } if head.status == 200 && head.form == Form::Event => {
                if self.template.verb == Verb::Get {
                    self.open_stream(hold);
                }
                return;
            }
            Act::Notify | Act::End => return,
            Act::Call | Act::Stream { .. } => {}
        }
        if head.status == 200 && head.form == Form::Other {
            let media = head.value("content-type").unwrap_or(b"that is absent");
            let what = format!("content-type {}", String::from_utf8_lossy(media));
            self.wrong(Fault::written(ErrorKind::Shape, what), b"");
        }
    }

    #[inline]
    fn message(&mut self, text: &[u8], form: Form) {
        let status = self.flight.status;
        match self.template.act {
            Act::Notify => self.status(text, (200..300).contains(&status)),
            // 405: the server lets no client end a session; 404: it has ended.
            Act::End => self.status(text, matches!(status, 200..300 | 404 | 405)),
            _ if status != 200 => {
                let id = self.flight.id;
                match self.checker.refused(status, text, &id, self.template) {
                    Ok(()) => self.right(form),
                    Err(fault) => self.wrong(fault, text),
                }
            }
            Act::Call | Act::Open => self.answer(text, form),
            Act::Stream { hold } => self.stream_message(text, form, hold),
        }
    }
}

impl Hearing<'_> {
    #[inline]
    fn answer(&mut self, text: &[u8], form: Form) {
        if form == Form::Other {
            // Its head was wrong already.
            return self.say(text);
        }
        match self.checker.message(text, &self.flight.id, self.template) {
            Found::Answer(Ok(())) => {
                if self.flight.outcome.is_some() {
                    return self.wrong(Fault::new(ErrorKind::Shape, "two answers"), text);
                }
                if let Some(opened) = &mut self.flight.opened {
                    opened.revision = revision_of(text).unwrap_or_default().to_vec();
                }
                self.right(form);
            }
            Found::Answer(Err(fault)) => self.wrong(fault, text),
            Found::Asked(asked) if form == Form::Event => {
                self.events += 1;
                self.asked.push(asked);
            }
            Found::Other if form == Form::Event => self.events += 1,
            Found::Asked(_) | Found::Other => {
                let fault = Fault::new(ErrorKind::Shape, "a message that is no answer");
                self.wrong(fault, text);
            }
        }
    }

    fn stream_message(&mut self, text: &[u8], form: Form, hold: u64) {
        if form != Form::Event {
            let fault = match self.checker.message(text, &self.flight.id, self.template) {
                Found::Answer(Err(fault)) => fault,
                _ => Fault::new(ErrorKind::Shape, "an answer that is no stream"),
            };
            return self.wrong(fault, text);
        }
        let id: Option<Id> = (self.template.verb != Verb::Get).then_some(self.flight.id);
        match self.checker.event(text, id.as_ref()) {
            Ok(asked) => {
                self.events += 1;
                self.asked.extend(asked);
                if !self.is_open_stream() {
                    self.open_stream(hold);
                }
            }
            Err(fault) => self.wrong(fault, text),
        }
    }

    fn status(&mut self, text: &[u8], right: bool) {
        if right {
            return self.right(Form::Other);
        }
        let what = What::Status(self.flight.status);
        self.wrong(Fault { kind: ErrorKind::Status, what }, text);
    }

    fn open_stream(&mut self, hold: u64) {
        if let Purpose::Stream { open, .. } = &mut self.flight.purpose {
            let at = clock::now();
            *open = Some(Open { at, until: at.saturating_add(hold) });
        }
    }

    fn is_open_stream(&self) -> bool {
        matches!(self.flight.purpose, Purpose::Stream { open: Some(_), .. })
    }

    #[inline]
    fn right(&mut self, form: Form) {
        // Of a stream the answer's end is not the end; else one look at the clock does for both.
        let at = if form == Form::Event { clock::now() } else { 0 };
        self.flight.outcome = Some((Ok(()), at));
    }

    /// The first thing that was wrong is what counts.
    #[cold]
    fn wrong(&mut self, fault: Fault, text: &[u8]) {
        if !matches!(self.flight.outcome, Some((Err(_), _))) {
            self.flight.outcome = Some((Err(fault), clock::now()));
            self.say(text);
        }
    }

    fn say(&mut self, text: &[u8]) {
        self.flight.said = start_of(text);
    }
}

fn start_of(said: &[u8]) -> Vec<u8> {
    said.get(..SAID_BYTES).unwrap_or(said).to_vec()
}
