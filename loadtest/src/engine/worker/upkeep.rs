//! What keeps sessions: opened, announced and ended beside the calls, and before them.

use super::Worker;
use super::reply::REPLY;
use crate::engine::connection::{Connection, Flight, Opened, Purpose};
use crate::engine::failure::{Fault, Of, example};
use crate::engine::request::opened_lines;
use crate::engine::session::Chore;
use crate::report::model::ErrorKind;

impl Worker<'_> {
    /// Sends what sessions need, as far as there are connections.
    pub(super) fn send_chores(&mut self, now: u64) {
        while self.has_idle() {
            let Some(chore) = self.sessions.chore() else { return };
            let Some(index) = self.take_idle() else { return self.sessions.put_back(chore) };
            let requests = &self.setting.requests;
            let due = self.due_now(now);
            let (template, purpose) = match &chore {
                Chore::Open { slot } => (&requests.initialize, Purpose::Open { slot: *slot }),
                Chore::Announce(turn) => (&requests.announce, Purpose::Announce(*turn)),
                Chore::End { .. } => (&requests.end, Purpose::End),
            };
            let flight = self.flight(purpose, due, None);
            self.upkeep_in_flight += 1;
            self.ending = match chore {
                Chore::End { fields } => fields,
                _ => Vec::new(),
            };
            self.launch(index, template, flight);
        }
    }

    /// `initialize` gave a session.
    pub(super) fn opened(&mut self, slot: usize, opened: Option<&Opened>) {
        let (lines, has_id) = self.lines_of(opened);
        self.sessions.opened(slot, &lines, has_id);
    }

    /// The header lines of a session that was opened, and whether the server gave it an id.
    fn lines_of(&self, opened: Option<&Opened>) -> (Vec<u8>, bool) {
        let (revision, id) = match opened {
            Some(opened) => (opened.revision.as_slice(), opened.id.as_deref()),
            None => (&[][..], None),
        };
        (opened_lines(self.setting.plan.era, revision, id), id.is_some())
    }

    /// What keeps sessions is in the numbers as an operation of its own, and only its failures
    /// are in those of the calls.
    pub(super) fn upkeep_over(&mut self, flight: &Flight, result: Result<(), Fault>, at: u64) {
        self.upkeep_in_flight -= 1;
        let method = match flight.purpose {
            Purpose::Open { slot } => {
                let operation = self.tally.upkeep();
                let cell = self.tally.cell(flight.due.step, operation);
                cell.bytes_received += flight.received;
                if result.is_ok() {
                    cell.succeeded += 1;
                    cell.latency.saturating_record(at.saturating_sub(flight.due.at).max(1));
                    self.opened(slot, flight.opened.as_deref());
                } else {
                    cell.failed += 1;
                    self.sessions.not_opened(slot, at);
                }
                "initialize"
            }
            Purpose::Announce(turn) => {
                self.sessions.announced(turn);
                "notifications/initialized"
            }
            Purpose::Abandoned { slot } => return self.abandoned(slot, flight, result),
            Purpose::Reply => REPLY,
            _ => "DELETE",
        };
        let Err(fault) = result else { return };
        if flight.purpose == Purpose::End && self.stint.is_none() {
            // No step is there to count it in, and after the last one nobody to tell.
            return self.left.0.count(fault, Of::Upkeep(method), || example(&flight.said));
        }
        self.upkeep_failed(flight.due.step, fault, method, &flight.said);
    }

    /// Counts what failed in a step, and what was said of it.
    pub(super) fn upkeep_failed(
        &mut self,
        step: u16,
        fault: Fault,
        method: &'static str,
        said: &[u8],
    ) {
        let operation = self.tally.upkeep();
        self.tally.cell(step, operation).upkeep_failed += 1;
        let measured = step > 0;
        let rest = &mut self.tally.rest;
        let failures = if measured { &mut rest.failures } else { &mut rest.warm_up_failures };
        failures.count(fault, Of::Upkeep(method), || example(said));
    }

    /// An `initialize` that was given up has an answer after all, or never will.
    fn abandoned(&mut self, slot: usize, flight: &Flight, result: Result<(), Fault>) {
        let (lines, has_id) = self.lines_of(flight.opened.as_deref());
        match result {
            _ if has_id => self.sessions.unwanted(slot, &lines),
            Err(fault) if matches!(fault.kind, ErrorKind::Timeout | ErrorKind::Disconnected) => {
                self.left.0.count(fault, Of::Upkeep("initialize"), String::new);
            }
            _ => {}
        }
    }

    /// Counts the sessions whose end nobody waits for any longer, as it was asked for or not.
    pub(super) fn leave(&mut self) {
        let unanswered = |one: &Connection| match one.flight.as_ref()?.purpose {
            Purpose::Open { .. } | Purpose::Abandoned { .. } => Some("initialize"),
            Purpose::End => Some("DELETE"),
            _ => None,
        };
        let unanswered = self.connections.iter().filter_map(unanswered);
        let unanswered = unanswered.map(|method| (method, "no answer in time"));
        let unsent = std::iter::from_fn(|| self.sessions.chore());
        let unsent = unsent.filter(|chore| matches!(chore, Chore::End { .. }));
        let unsent = unsent.map(|_| ("DELETE", "no time to send it"));
        for (method, what) in unanswered.chain(unsent) {
            let fault = Fault::new(ErrorKind::Timeout, what);
            self.left.0.count(fault, Of::Upkeep(method), String::new);
        }
    }
}
