//! Answers to what the server asks: on a carrier that is free, or else on a connection of their own,
//! for a call that waits for one may hold the last.

use super::Worker;
use crate::engine::asked::Asked;
use crate::engine::connection::{Flight, Purpose};
use crate::engine::failure::{Fault, Of};
use crate::engine::schedule::Due;
use crate::engine::session::Turn;
use crate::report::model::ErrorKind;

/// Answers that wait in one thread; a server that asks for more at once has none to the rest.
const REPLIES_MAX: usize = if cfg!(test) { 64 } else { 4096 };
/// What an answer that fails is called.
pub(super) const REPLY: &str = "an answer to the server";

/// An answer that is to be sent.
pub(super) struct Reply {
    request: Vec<u8>,
    due: Due,
}

impl Worker<'_> {
    /// The server asked something in this session.
    #[cold]
    pub(super) fn asked(&mut self, all: Vec<Asked>, turn: Option<Turn>) {
        let due = self.due_now(self.seen);
        for asked in all {
            let rest = &mut self.tally.rest;
            match asked.refused() {
                None => rest.pings += 1,
                Some(method) => {
                    let fault = Fault::written(ErrorKind::Error, method);
                    rest.refused_to_server.count(fault, Of::Call, String::new);
                }
            }
            if self.replies.len() >= REPLIES_MAX {
                let fault = Fault::new(ErrorKind::Shape, "the server asks for too many at once");
                self.upkeep_failed(due.step, fault, REPLY, &[]);
                continue;
            }
            let fields = turn.map_or(&[][..], |turn| self.sessions.fields(turn));
            let request = self.setting.requests.reply(fields, &asked);
            self.replies.push_back(Reply { request, due });
        }
    }

    /// Sends what answers there are.
    pub(super) fn send_replies(&mut self, now: u64) {
        while !self.replies.is_empty() && self.has_idle() {
            let Some(index) = self.take_idle() else { break };
            self.reply_on(index);
        }
        while self.replies_connecting < self.replies.len() && self.has_place_beside() {
            let index = self.place_beside();
            self.replies_connecting += 1;
            self.begin(index, now);
        }
    }

    /// A connection was made for an answer; a carrier may have sent it meanwhile.
    pub(super) fn reply_aside(&mut self, index: usize, now: u64) {
        self.replies_connecting = self.replies_connecting.saturating_sub(1);
        if self.replies.is_empty() {
            return self.let_go(index, now);
        }
        self.reply_on(index);
    }

    /// No connection could be made for one.
    pub(super) fn reply_lost(&mut self, fault: Fault) {
        self.replies_connecting = self.replies_connecting.saturating_sub(1);
        if let Some(reply) = self.replies.pop_front() {
            self.upkeep_failed(reply.due.step, fault, REPLY, &[]);
        }
    }

    fn reply_on(&mut self, index: usize) {
        let Some(Reply { request, due }) = self.replies.pop_front() else { return };
        let flight: Flight = self.flight(Purpose::Reply, due, None);
        self.upkeep_in_flight += 1;
        self.out = request;
        self.transmit(index, flight);
    }
}
