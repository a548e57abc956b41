//! Calls of the plan: sent when it is their turn, counted when they are over.

use memchr::memmem::find;

use super::{Phase, Worker};
use crate::engine::clock::{self, MILLISECOND};
use crate::engine::connection::{Flight, Purpose};
use crate::engine::failure::{Fault, Of, example};
use crate::engine::request::{Act, Template};
use crate::engine::schedule::Due;
use crate::engine::session::Turn;
use crate::engine::stint::{Share, Stint};
use crate::report::model::ErrorKind;

/// A call that goes out so much later than it was due, although a connection was free, is late.
pub(in crate::engine) const LATE: u64 = MILLISECOND;

/// Calls that are taken from the schedule before events are looked at again.
const TAKEN_MAX: usize = 256;

/// Whether a call can go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Open,
    Blocked(Wants),
    /// No connection is there, and the last one that was tried could not be made.
    Down,
}

/// What a call waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Wants {
    /// Every one is busy, or there are as many streams as there are descriptors for.
    Connection,
    /// Every one is being opened.
    Session,
}

impl<'a> Worker<'a> {
    /// Sends what is to be sent by now.
    #[inline]
    pub(super) fn send(&mut self, now: u64) {
        if !self.replies.is_empty() {
            self.send_replies(now);
        }
        if self.sessions.has_chores() {
            self.send_chores(now);
        }
        if !self.sends() {
            return;
        }
        match &self.stint {
            Some(Stint { share: Share::Open(_), .. }) => self.send_due(now),
            Some(Stint { share: Share::Closed { concurrency }, start, .. }) if now >= *start => {
                self.send_closed(*concurrency);
            }
            _ => {}
        }
    }

    fn send_closed(&mut self, concurrency: usize) {
        if self.phase != Phase::Driving {
            return;
        }
        // Each at most once: streams that are open at once hold up nothing, and more would follow.
        for _ in self.in_flight..concurrency {
            let number = self.drawn();
            if self.in_flight >= concurrency || self.way(number) != Way::Open {
                return;
            }
            let due = self.due_now(clock::now());
            self.take_now(due);
            let before = self.in_flight;
            self.start(number, due);
            if self.in_flight == before {
                // It failed at once, as the next one would; there is another tick.
                return;
            }
        }
    }

    /// A call that is due because it can go out.
    fn take_now(&mut self, due: Due) {
        self.drawn = None;
        self.tally.rest.due += u64::from(due.step > 0);
        self.last_sent = due.at;
    }

    /// Now, and the step that it is in.
    pub(super) fn due_now(&self, now: u64) -> Due {
        let step = match &self.stint {
            Some(stint) if now >= stint.measure_from => match &stint.share {
                Share::Open(schedule) => schedule.step_at(now),
                Share::Closed { .. } => 1,
            },
            _ => 0,
        };
        Due { at: now, step }
    }

    #[inline]
    fn send_due(&mut self, mut now: u64) {
        self.cut_short = false;
        for _ in 0..TAKEN_MAX {
            let Some(due) = self.next_due().filter(|due| due.at <= now) else { return };
            let number = self.drawn();
            if due.at.saturating_add(self.timeout) <= now {
                self.take_due(due);
                self.expire(number, due);
                continue;
            }
            match self.way(number) {
                Way::Open => {}
                Way::Blocked(wants) => {
                    self.blocked = Some(wants);
                    self.waited_for = wants;
                    return;
                }
                Way::Down => {
                    self.take_due(due);
                    let fault = self.refused();
                    self.lose(number, due, fault);
                    continue;
                }
            }
            self.take_due(due);
            if due.step > 0 {
                let rest = &mut self.tally.rest;
                let late = now.saturating_sub(due.at.max(self.free_since));
                rest.lateness.saturating_record(late.max(1));
                rest.sent_late += u64::from(late >= LATE);
                if due.at < self.free_since {
                    rest.waited(self.waited_for);
                }
            }
            self.last_sent = now;
            self.start(number, due);
            now = clock::now();
        }
        self.cut_short = true;
    }

    /// A call waited as long as it may, and was never sent.
    fn expire(&mut self, number: usize, due: Due) {
        if due.step > 0 {
            self.tally.rest.waited(self.waited_for);
        }
        let what = match self.waited_for {
            Wants::Connection => "waiting for a connection",
            Wants::Session => "waiting for a session",
        };
        self.lose(number, due, Fault::new(ErrorKind::Timeout, what));
    }

    #[inline]
    fn next_due(&self) -> Option<Due> {
        match &self.stint {
            Some(Stint { share: Share::Open(schedule), .. }) => schedule.peek(),
            _ => None,
        }
    }

    #[inline]
    fn take_due(&mut self, due: Due) {
        self.drawn = None;
        if let Some(Stint { share: Share::Open(schedule), .. }) = &mut self.stint {
            schedule.take();
        }
        self.backlog.took(due);
        self.taken += u64::from(due.step > 0);
    }

    /// The template of the next call, which stays the next until it is taken.
    #[inline]
    fn drawn(&mut self) -> usize {
        let choice = &mut self.choice;
        *self.drawn.get_or_insert_with(|| choice.next())
    }

    #[inline]
    fn way(&mut self, number: usize) -> Way {
        let act = self.template(number).act;
        let has_session = act == Act::Open || self.sessions.available();
        let is_stream = matches!(act, Act::Stream { .. });
        let has_connection = if is_stream {
            // Those of an open loop are due, and fail.
            self.is_open_loop() || self.has_place_beside()
        } else {
            self.has_idle()
        };
        if has_session && has_connection {
            Way::Open
        } else if self.down == self.carriers && self.refusal.is_some() {
            Way::Down
        } else {
            Way::Blocked(if has_session { Wants::Connection } else { Wants::Session })
        }
    }

    fn is_open_loop(&self) -> bool {
        matches!(&self.stint, Some(Stint { share: Share::Open(_), .. }))
    }

    #[inline]
    pub(super) fn template(&self, number: usize) -> &'a Template {
        let requests = &self.setting.requests;
        requests.templates.get(number).unwrap_or(&requests.initialize)
    }

    #[inline]
    fn start(&mut self, number: usize, due: Due) {
        let template = self.template(number);
        if let Act::Stream { .. } = template.act {
            return self.open_stream(number, due);
        }
        let Some(index) = self.take_idle() else { return };
        let (purpose, turn) = if template.act == Act::Open {
            (Purpose::Replace { template: number, slot: self.sessions.oldest() }, None)
        } else {
            (Purpose::Call { template: number }, self.sessions.take())
        };
        self.in_flight += 1;
        let flight = self.flight(purpose, due, turn);
        self.launch(index, template, flight);
    }

    #[inline]
    pub(super) fn flight(&mut self, purpose: Purpose, due: Due, turn: Option<Turn>) -> Flight {
        Flight {
            purpose,
            id: self.ids.next(),
            due,
            deadline: due.at.saturating_add(self.timeout),
            turn,
            received: 0,
            status: 0,
            outcome: None,
            said: Vec::new(),
            opened: None,
        }
    }

    /// Counts a call that was never sent.
    pub(super) fn lose(&mut self, number: usize, due: Due, fault: Fault) {
        self.count(number, due, 0, Err(fault), due.at, &[]);
    }

    /// A connection failed while there is no other: a call of a closed loop fails with it.
    pub(super) fn lose_closed(&mut self, now: u64) {
        if let Some(Stint { share: Share::Closed { concurrency }, start, .. }) = &self.stint
            && self.phase == Phase::Driving
            && now >= *start
            && self.in_flight < *concurrency
        {
            let (number, due, fault) = (self.drawn(), self.due_now(now), self.refused());
            self.take_now(due);
            self.lose(number, due, fault);
        }
    }

    fn refused(&self) -> Fault {
        self.refusal.clone().unwrap_or(Fault::new(ErrorKind::Connect, "no connection"))
    }

    /// A request is over: it is counted, and its session learns of it.
    #[inline]
    pub(super) fn over(&mut self, flight: &Flight, result: Result<(), Fault>, at: u64) {
        // 404 by the protocol; some servers say 400, and that it is the session.
        let lost = flight.status == 404
            || flight.status == 400 && result.is_err() && find(&flight.said, b"ession").is_some();
        match flight.purpose {
            Purpose::Call { template } => {
                self.in_flight -= 1;
                self.count(template, flight.due, flight.received, result, at, &flight.said);
            }
            Purpose::Stream { template, open } => {
                self.in_flight -= usize::from(open.is_none());
                let at = open.map_or(at, |open| open.at);
                self.count(template, flight.due, flight.received, result, at, &flight.said);
            }
            Purpose::Replace { template, slot } => {
                self.in_flight -= 1;
                if result.is_ok() {
                    self.opened(slot, flight.opened.as_deref());
                }
                self.count(template, flight.due, flight.received, result, at, &flight.said);
            }
            Purpose::Open { .. }
            | Purpose::Announce(_)
            | Purpose::Abandoned { .. }
            | Purpose::End
            | Purpose::Reply => {
                return self.upkeep_over(flight, result, at);
            }
        }
        if let Some(turn) = flight.turn {
            self.sessions.finished(turn, lost);
        }
    }

    #[inline]
    fn count(
        &mut self,
        number: usize,
        due: Due,
        received: u64,
        result: Result<(), Fault>,
        at: u64,
        said: &[u8],
    ) {
        let operation = usize::from(self.template(number).operation);
        let cell = self.tally.cell(due.step, operation);
        cell.bytes_received += received;
        let Err(fault) = result else {
            cell.succeeded += 1;
            cell.last_answer = cell.last_answer.max(at);
            cell.latency.saturating_record(at.saturating_sub(due.at).max(1));
            return;
        };
        cell.failed += 1;
        if fault.kind == ErrorKind::Timeout {
            cell.latency.saturating_record(self.timeout);
        }
        let rest = &mut self.tally.rest;
        let failures = if due.step > 0 { &mut rest.failures } else { &mut rest.warm_up_failures };
        failures.count(fault, Of::Call, || example(said));
    }

    /// Nothing is waited for any longer: what was due and has no answer is unfinished.
    pub(super) fn give_up(&mut self, now: u64, stopped: u64) {
        self.close_streams(now);
        for index in 0..self.connections.len() {
            let Some(connection) = self.connections.get_mut(index) else { continue };
            let Some(mut flight) = connection.flight.take() else { continue };
            if let Some((result, at)) = flight.outcome.take() {
                self.over(&flight, result, at);
            } else if let Some(number) = flight.purpose.template() {
                let operation = usize::from(self.template(number).operation);
                let cell = self.tally.cell(flight.due.step, operation);
                cell.unfinished += 1;
                cell.bytes_received += flight.received;
                self.in_flight -= 1;
                if let Some(turn) = flight.turn {
                    self.sessions.finished(turn, false);
                }
                if let Purpose::Replace { slot, .. } = flight.purpose {
                    // The server may be opening a session, which it would keep for ever.
                    flight.purpose = Purpose::Abandoned { slot };
                    flight.due.step = 0;
                    self.upkeep_in_flight += 1;
                    self.keep_flight(index, flight);
                    continue;
                }
            } else {
                // What keeps sessions goes on.
                self.keep_flight(index, flight);
                continue;
            }
            self.let_go(index, now);
        }
        self.lose_rest(now, stopped);
    }

    fn keep_flight(&mut self, index: usize, flight: Flight) {
        if let Some(connection) = self.connections.get_mut(index) {
            connection.flight = Some(flight);
        }
    }

    /// What was due and was never sent.
    fn lose_rest(&mut self, now: u64, stopped: u64) {
        while let Some(due) = self.next_due().filter(|due| due.at <= stopped) {
            let number = self.drawn();
            self.take_due(due);
            if due.at.saturating_add(self.timeout) <= now {
                self.expire(number, due);
                continue;
            }
            let operation = usize::from(self.template(number).operation);
            self.tally.cell(due.step, operation).unfinished += 1;
        }
    }
}
