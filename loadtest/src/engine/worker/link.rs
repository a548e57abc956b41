//! Connections: made, written to, lost, made again.

use std::io;

use rustix::event::epoll;

use super::Worker;
use crate::engine::clock::{self, MILLISECOND, SECOND};
use crate::engine::connection::{Connection, Flight, Purpose, State};
use crate::engine::failure::{Fault, Of};
use crate::engine::request::Template;
use crate::engine::transport::{Readiness, Transport};
use crate::report::model::ErrorKind;

/// How long after a connection failed another is made; the double after each further one. The
/// first after a whole answer is made at once.
const RECONNECT_AFTER: u64 = 10 * MILLISECOND;
const RECONNECT_AFTER_MAX: u64 = SECOND;

impl Worker<'_> {
    /// Something happened on a connection.
    #[inline]
    pub(super) fn event(&mut self, data: u64, flags: epoll::EventFlags) {
        let (Ok(index), generation) = (usize::try_from(data & u64::from(u32::MAX)), data >> 32)
        else {
            return;
        };
        let Some(connection) = self.connections.get_mut(index) else { return };
        if u64::from(connection.generation) != generation {
            // Of the one that was here before.
            return;
        }
        match connection.state {
            State::Connecting { .. } => self.establish(index),
            State::Busy => {
                if connection.writable_asked && flags.contains(epoll::EventFlags::OUT) {
                    let sent = connection.send_rest();
                    self.count_sent(index);
                    match sent {
                        Ok(true) => self.ask(index, false),
                        Ok(false) => {}
                        Err(error) => {
                            let fault = Fault::io(ErrorKind::Disconnected, "sending", &error);
                            return self.broken(index, fault);
                        }
                    }
                }
                if flags != epoll::EventFlags::OUT {
                    self.hear(index);
                }
            }
            // A server that closes it, or says that it will: it is made again, and no call fails.
            State::Idle => self.idle_event(index),
            State::Down { .. } | State::Free => {}
        }
    }

    fn idle_event(&mut self, index: usize) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        let Some(transport) = &mut connection.transport else { return };
        match transport.read(&mut self.scratch) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            _ => {
                self.let_go(index, clock::now());
            }
        }
    }

    /// Looks for what is overdue, and for connections to be made.
    pub(super) fn sweep(&mut self, now: u64) {
        while let Some(index) = self.alarms.next(now) {
            let Some(connection) = self.connections.get(index) else { continue };
            match connection.looked_at() {
                Some(at) if at <= now => {}
                Some(at) => {
                    // Of a call before this one.
                    self.alarms.set(index, at);
                    continue;
                }
                None => continue,
            }
            match connection.state {
                State::Down { .. } => self.begin(index, now),
                State::Connecting { .. } => {
                    let error = io::ErrorKind::TimedOut.into();
                    self.not_made(index, &error, now);
                }
                State::Busy => self.overdue(index, now),
                State::Idle | State::Free => {}
            }
        }
    }

    /// A request is over by the time.
    fn overdue(&mut self, index: usize, now: u64) {
        let Some(flight) = self.connections.get_mut(index).and_then(|one| one.flight.as_mut())
        else {
            return;
        };
        if let Purpose::Stream { open: Some(_), .. } = flight.purpose {
            return self.end_stream(index, Ok(()), now);
        }
        if let Some((result, at)) = flight.outcome.take() {
            // All but the end of the stream had come.
            return self.done(index, result, at, now);
        }
        let fault = Fault::new(ErrorKind::Timeout, "waiting for the answer");
        self.done(index, Err(fault), now, now);
    }

    /// Begins to make a connection.
    pub(super) fn begin(&mut self, index: usize, now: u64) {
        let addresses = &self.setting.plan.target.addresses;
        let Some(address) = addresses.get(self.next_address % addresses.len().max(1)) else {
            return;
        };
        self.next_address = self.next_address.wrapping_add(1);
        let Some(connection) = self.connections.get_mut(index) else { return };
        connection.attempts = connection.attempts.saturating_add(1);
        let was_down = matches!(connection.state, State::Down { .. });
        let deadline = now.saturating_add(self.timeout);
        connection.state = State::Connecting { deadline };
        self.alarms.set(index, deadline);
        if was_down && index < self.carriers {
            self.down -= 1;
        }
        let begun = Transport::begin(*address, self.setting.secure.as_ref()).and_then(|begun| {
            let data = (u64::from(connection.generation) << 32) | index as u64;
            let flags = epoll::EventFlags::IN | epoll::EventFlags::OUT;
            epoll::add(&self.epoll, &begun, epoll::EventData::new_u64(data), flags)?;
            Ok(begun)
        });
        match begun {
            Ok(transport) => {
                connection.transport = Some(transport);
                connection.writable_asked = true;
            }
            Err(error) => self.not_made(index, &error, now),
        }
    }

    /// Goes on making a connection.
    fn establish(&mut self, index: usize) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        let Some(transport) = &mut connection.transport else { return };
        match transport.go_on() {
            Ok(Readiness::Waits { writable }) => self.ask(index, writable),
            Ok(Readiness::Ready) => {
                self.refusal = None;
                self.ask(index, false);
                if index < self.carriers {
                    self.make_idle(index, clock::now());
                } else {
                    self.subscribe(index);
                }
            }
            Err(error) => self.not_made(index, &error, clock::now()),
        }
    }

    /// A connection could not be made.
    fn not_made(&mut self, index: usize, error: &io::Error, now: u64) {
        let fault = Fault::io(ErrorKind::Connect, "connecting", error);
        self.tally.rest.refused.count(fault.clone(), Of::Call, String::new);
        if index >= self.carriers {
            if self.connections.get(index).is_some_and(|one| one.flight.is_none()) {
                self.reply_lost(fault.clone());
            }
            return self.end_stream(index, Err(fault), now);
        }
        self.refusal = Some(fault);
        self.let_go(index, now);
        if self.down == self.carriers {
            self.lose_closed(now);
            // Calls that wait for one have waited for this.
            self.blocked = None;
        }
    }

    /// Whether one more connection may be made beside the carriers.
    pub(super) fn has_place_beside(&self) -> bool {
        self.beside < self.setting.beside_max
    }

    /// A place for it.
    pub(super) fn place_beside(&mut self) -> usize {
        self.beside += 1;
        self.free.pop().unwrap_or_else(|| {
            self.connections.push(Connection::new(State::Free));
            self.connections.len() - 1
        })
    }

    /// Whether a carrier is free; those that were closed since they were are forgotten.
    #[inline]
    pub(super) fn has_idle(&mut self) -> bool {
        while let Some((index, generation)) = self.idle.front() {
            let connection = self.connections.get(*index);
            if connection.is_some_and(|one| one.generation == *generation) {
                return true;
            }
            self.idle.pop_front();
        }
        false
    }

    #[inline]
    pub(super) fn take_idle(&mut self) -> Option<usize> {
        let free = self.has_idle();
        self.idle.pop_front().filter(|_| free).map(|(index, _)| index)
    }

    /// A carrier can take a call.
    #[inline]
    pub(super) fn make_idle(&mut self, index: usize, now: u64) {
        if let Some(connection) = self.connections.get_mut(index) {
            connection.state = State::Idle;
            self.idle.push_back((index, connection.generation));
            if self.blocked.take().is_some() {
                self.free_since = now;
            }
        }
        // Where no call is sent, none of those that were closed is met.
        if self.idle.len() > 2 * self.carriers {
            let connections = &self.connections;
            self.idle.retain(|(index, generation)| {
                connections.get(*index).is_some_and(|one| one.generation == *generation)
            });
        }
    }

    /// Gives up a connection that carries nothing any more. A carrier is made again: at once after
    /// a whole answer, else later and later. A place beside them is free.
    pub(super) fn let_go(&mut self, index: usize, now: u64) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        let kept_before = connection.kept_bytes();
        connection.close();
        self.kept_bytes = (self.kept_bytes + connection.kept_bytes()).saturating_sub(kept_before);
        if index >= self.carriers {
            connection.state = State::Free;
            self.free.push(index);
            self.beside -= 1;
            return;
        }
        let attempts = connection.attempts;
        let after = match attempts.checked_sub(1) {
            None => 0,
            Some(shift) => (RECONNECT_AFTER << shift.min(16)).min(RECONNECT_AFTER_MAX),
        };
        connection.state = State::Down { until: now + after };
        self.down += 1;
        if after == 0 {
            self.begin(index, now);
        } else {
            self.alarms.set(index, now + after);
        }
    }

    /// Has the kernel tell, or not, when a connection can be written to.
    pub(super) fn ask(&mut self, index: usize, writable: bool) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        let Some(transport) = &connection.transport else { return };
        if connection.writable_asked == writable {
            return;
        }
        connection.writable_asked = writable;
        let data = (u64::from(connection.generation) << 32) | index as u64;
        let mut flags = epoll::EventFlags::IN;
        flags.set(epoll::EventFlags::OUT, writable);
        // It was added when it was made; should this fail, the call on it times out.
        let _ = epoll::modify(&self.epoll, transport, epoll::EventData::new_u64(data), flags);
    }

    /// Renders a request and sends it on a connection that carries nothing else.
    #[inline]
    pub(super) fn launch(&mut self, index: usize, template: &Template, flight: Flight) {
        let Self { setting, sessions, random, out, ending, .. } = self;
        let fields = match (flight.turn, flight.purpose) {
            (Some(turn), _) | (None, Purpose::Announce(turn)) => sessions.fields(turn),
            (None, Purpose::Open { slot } | Purpose::Replace { slot, .. }) => sessions.agent(slot),
            _ => ending.as_slice(),
        };
        setting.requests.render(template, fields, &flight.id, random, out);
        self.transmit(index, flight);
    }

    /// Sends what was rendered.
    #[inline]
    pub(super) fn transmit(&mut self, index: usize, flight: Flight) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        connection.state = State::Busy;
        self.alarms.set(index, flight.ends());
        connection.flight = Some(flight);
        let sent = connection.send(&self.out);
        self.count_sent(index);
        match sent {
            Ok(true) => {}
            Ok(false) => self.ask(index, true),
            Err(error) => {
                let fault = Fault::io(ErrorKind::Disconnected, "sending", &error);
                self.broken(index, fault);
            }
        }
    }

    /// Counts what was sent of the request on a connection.
    #[inline]
    fn count_sent(&mut self, index: usize) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        let sent_bytes = connection.take_sent_bytes();
        let Some(flight) = &connection.flight else { return };
        let (step, purpose) = (flight.due.step, flight.purpose);
        let operation = match purpose.template() {
            Some(number) => usize::from(self.template(number).operation),
            None => self.tally.upkeep(),
        };
        self.tally.cell(step, operation).bytes_sent += sent_bytes;
    }

    /// A connection that carries a request is of no more use.
    pub(super) fn broken(&mut self, index: usize, fault: Fault) {
        let now = clock::now();
        let flight = self.connections.get_mut(index).and_then(|one| one.flight.as_mut());
        match flight.and_then(|flight| flight.outcome.take()) {
            // All but the end of the stream had come, or what came was wrong already.
            Some((result, at)) if fault.kind == ErrorKind::Disconnected => {
                self.done(index, result, at, now);
            }
            _ => self.done(index, Err(fault), now, now),
        }
    }

    /// A request is over, and its connection with it.
    pub(super) fn done(&mut self, index: usize, result: Result<(), Fault>, at: u64, now: u64) {
        let flight = self.connections.get_mut(index).and_then(|one| one.flight.take());
        if let Some(flight) = flight {
            self.over(&flight, result, at);
        }
        self.let_go(index, now);
    }
}
