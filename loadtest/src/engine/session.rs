//! The sessions of a thread: whose turn it is, and what has to be sent to keep them.
//!
//! In the modern era a session is a number and the agent it belongs to. In the legacy era it is
//! opened before its first call, announced, ended after its last, and opened again if the server
//! has ended it.

use std::collections::VecDeque;

use super::clock::{MILLISECOND, SECOND};
use crate::plan::Era;

/// Openings of one session that may fail before a run begins without it.
const OPEN_ATTEMPTS: u32 = 3;
/// How long after a first failure a session is opened again; the double after each further one.
const REOPEN_AFTER: u64 = 50 * MILLISECOND;
const REOPEN_AFTER_MAX: u64 = 2 * SECOND;

/// What has to be sent beside the calls of the plan.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Chore {
    /// `initialize`.
    Open { slot: usize },
    /// `notifications/initialized`.
    Announce(Turn),
    /// `DELETE`, with these header fields.
    End { fields: Vec<u8> },
}

/// A session as a call knows it: its place, and which of those that were there one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) slot: usize,
    generation: u32,
}

pub(super) struct Sessions {
    era: Era,
    session_calls: u64,
    slots: Vec<Slot>,
    /// Places that take calls, the next one first.
    ready: VecDeque<usize>,
    chores: VecDeque<Chore>,
    /// Places whose opening failed, and when it is tried again.
    asleep: Vec<(u64, usize)>,
    oldest: usize,
    /// Places before this one were found open, or to have failed, before the run.
    settled: usize,
    /// What is opened now is ended at once.
    ending: bool,
}

struct Slot {
    /// `Authorization`, as a header line; empty for an agent without a token.
    agent: Vec<u8>,
    current: Option<Session>,
    /// Those before it that still have calls in flight.
    retired: Vec<Session>,
    generation: u32,
    /// Whether it stands in `ready`.
    queued: bool,
    failures: u32,
}

struct Session {
    generation: u32,
    /// Its header lines.
    fields: Vec<u8>,
    /// Whether the server gave it an id, so that it has to be ended.
    has_id: bool,
    announced: bool,
    in_flight: u32,
    calls_left: u64,
}

impl Sessions {
    /// One for each agent's header line.
    pub(super) fn new(era: Era, agents: Vec<Vec<u8>>, session_calls: Option<u64>) -> Self {
        let mut sessions = Self {
            era,
            session_calls: session_calls.unwrap_or(u64::MAX),
            slots: Vec::new(),
            ready: VecDeque::new(),
            chores: VecDeque::new(),
            asleep: Vec::new(),
            oldest: 0,
            settled: 0,
            ending: false,
        };
        for (slot, agent) in agents.into_iter().enumerate() {
            let current = (era == Era::Modern).then(|| Session {
                generation: 0,
                fields: agent.clone(),
                has_id: false,
                announced: true,
                in_flight: 0,
                calls_left: u64::MAX,
            });
            let retired = Vec::new();
            let queued = current.is_some();
            if queued {
                sessions.ready.push_back(slot);
            } else {
                sessions.chores.push_back(Chore::Open { slot });
            }
            sessions.slots.push(Slot {
                agent,
                current,
                retired,
                generation: 0,
                queued,
                failures: 0,
            });
        }
        sessions
    }

    /// Whether [`Self::take`] has one to give.
    #[inline]
    pub(super) fn available(&mut self) -> bool {
        while let Some(&slot) = self.ready.front() {
            let Some(place) = self.slots.get_mut(slot) else { return false };
            if place.current.as_ref().is_some_and(|session| session.announced) {
                return true;
            }
            place.queued = false;
            self.ready.pop_front();
        }
        false
    }

    /// The session whose turn it is, for one call.
    #[inline]
    pub(super) fn take(&mut self) -> Option<Turn> {
        if !self.available() {
            return None;
        }
        let slot = self.ready.pop_front()?;
        let place = self.slots.get_mut(slot)?;
        let session = place.current.as_mut()?;
        let turn = Turn { slot, generation: session.generation };
        session.in_flight += 1;
        session.calls_left -= 1;
        if session.calls_left > 0 {
            self.ready.push_back(slot);
        } else {
            place.queued = false;
            place.retired.extend(place.current.take());
            self.chores.push_back(Chore::Open { slot });
        }
        Some(turn)
    }

    /// The header lines of a session.
    #[inline]
    pub(super) fn fields(&self, turn: Turn) -> &[u8] {
        let Some(place) = self.slots.get(turn.slot) else { return &[] };
        let mut all = place.current.iter().chain(&place.retired);
        let session = all.find(|session| session.generation == turn.generation);
        // One that the server has ended meanwhile left its agent behind.
        session.map_or(&place.agent, |session| &session.fields)
    }

    /// The header lines of a request that opens a session there.
    pub(super) fn agent(&self, slot: usize) -> &[u8] {
        self.slots.get(slot).map_or(&[], |place| &place.agent)
    }

    /// A call has its answer, or never will. `lost`: the server knows the session no more.
    #[inline]
    pub(super) fn finished(&mut self, turn: Turn, lost: bool) {
        let Some(place) = self.slots.get_mut(turn.slot) else { return };
        if let Some(session) = &mut place.current
            && session.generation == turn.generation
        {
            session.in_flight -= 1;
            if lost && self.era == Era::Legacy {
                place.current = None;
                self.chores.push_back(Chore::Open { slot: turn.slot });
            }
            return;
        }
        let is_it = |session: &Session| session.generation == turn.generation;
        let Some(at) = place.retired.iter().position(is_it) else { return };
        let Some(session) = place.retired.get_mut(at) else { return };
        session.in_flight -= 1;
        session.has_id &= !lost;
        if session.in_flight == 0 {
            let session = place.retired.swap_remove(at);
            self.end(session);
        }
    }

    /// `initialize` was answered: the session that is there takes the place of the one before.
    /// `fields` are its own, without the agent's.
    pub(super) fn opened(&mut self, slot: usize, fields: &[u8], has_id: bool) {
        let Some(place) = self.slots.get_mut(slot) else { return };
        if self.ending {
            if has_id {
                self.unwanted(slot, fields);
            }
            return;
        }
        place.generation += 1;
        place.failures = 0;
        let generation = place.generation;
        let before = place.current.replace(Session {
            generation,
            fields: [&place.agent, fields].concat(),
            has_id,
            announced: false,
            in_flight: 0,
            calls_left: self.session_calls.max(1),
        });
        self.chores.push_front(Chore::Announce(Turn { slot, generation }));
        match before {
            Some(session) if session.in_flight > 0 => place.retired.push(session),
            Some(session) => self.end(session),
            None => {}
        }
    }

    /// A session was opened there that is of no use: it is ended. `fields` are its own.
    pub(super) fn unwanted(&mut self, slot: usize, fields: &[u8]) {
        let fields = [self.agent(slot), fields].concat();
        self.chores.push_back(Chore::End { fields });
    }

    /// `notifications/initialized` was answered, however: now it takes calls.
    pub(super) fn announced(&mut self, turn: Turn) {
        let Some(place) = self.slots.get_mut(turn.slot) else { return };
        let Some(session) = &mut place.current else { return };
        if session.generation != turn.generation {
            return;
        }
        session.announced = true;
        if !place.queued {
            place.queued = true;
            self.ready.push_back(turn.slot);
        }
    }

    /// `initialize` failed: it is tried again later, unless all are being ended.
    pub(super) fn not_opened(&mut self, slot: usize, now: u64) {
        if self.ending {
            return;
        }
        let Some(place) = self.slots.get_mut(slot) else { return };
        let after = REOPEN_AFTER << place.failures.min(16);
        place.failures += 1;
        self.asleep.push((now + after.min(REOPEN_AFTER_MAX), slot));
    }

    /// What is to be sent next, beside calls.
    #[inline]
    pub(super) fn chore(&mut self) -> Option<Chore> {
        self.chores.pop_front()
    }

    #[inline]
    pub(super) fn has_chores(&self) -> bool {
        !self.chores.is_empty()
    }

    /// One that could not be sent is still to be done.
    pub(super) fn put_back(&mut self, chore: Chore) {
        self.chores.push_front(chore);
    }

    /// Tries again what is due for it.
    pub(super) fn wake(&mut self, now: u64) {
        let chores = &mut self.chores;
        self.asleep.retain(|(until, slot)| {
            let awake = *until <= now;
            if awake {
                chores.push_back(Chore::Open { slot: *slot });
            }
            !awake
        });
    }

    /// Whether each is open, or has failed so often that a run begins without it.
    pub(super) fn settled(&mut self) -> bool {
        let left = self.slots.iter().skip(self.settled);
        let settled = |place: &&Slot| place.is_open() || place.failures >= OPEN_ATTEMPTS;
        self.settled += left.take_while(settled).count();
        self.settled == self.slots.len()
    }

    /// How many are not open.
    pub(super) fn closed(&self) -> usize {
        self.slots.iter().filter(|place| !place.is_open()).count()
    }

    /// The place of the one that was opened first, which another is to take.
    pub(super) fn oldest(&mut self) -> usize {
        let oldest = self.oldest;
        self.oldest = (oldest + 1) % self.slots.len().max(1);
        oldest
    }

    /// Ends them all: from now on there are only chores.
    pub(super) fn end_all(&mut self) {
        self.ending = true;
        // Those whose last call was over are to be ended already.
        self.chores.retain(|chore| matches!(chore, Chore::End { .. }));
        self.asleep.clear();
        self.ready.clear();
        for slot in 0..self.slots.len() {
            let Some(place) = self.slots.get_mut(slot) else { continue };
            let mut all: Vec<Session> = place.retired.drain(..).collect();
            all.extend(place.current.take());
            for session in all {
                self.end(session);
            }
        }
    }

    fn end(&mut self, session: Session) {
        if session.has_id {
            self.chores.push_back(Chore::End { fields: session.fields });
        }
    }
}

impl Slot {
    fn is_open(&self) -> bool {
        self.current.as_ref().is_some_and(|session| session.announced)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agents(count: usize) -> Vec<Vec<u8>> {
        (0..count).map(|agent| format!("A: {agent}\r\n").into_bytes()).collect()
    }

    /// Does every chore as a server without faults would have it; the ids of those it ended.
    fn settle(sessions: &mut Sessions, ids: &mut u32) -> Vec<String> {
        let mut ended = Vec::new();
        while let Some(chore) = sessions.chore() {
            match chore {
                Chore::Open { slot } => {
                    *ids += 1;
                    sessions.opened(slot, format!("S: {ids}\r\n").as_bytes(), true);
                }
                Chore::Announce(turn) => sessions.announced(turn),
                Chore::End { fields } => ended.push(String::from_utf8(fields).unwrap()),
            }
        }
        ended
    }

    #[test]
    fn a_session_that_is_opened_when_all_are_ended_is_ended_too() {
        let mut sessions = Sessions::new(Era::Legacy, agents(1), None);
        assert_eq!(sessions.chore(), Some(Chore::Open { slot: 0 }));
        sessions.end_all();
        sessions.opened(0, b"S: 1\r\n", true);
        let fields = b"A: 0\r\nS: 1\r\n".to_vec();
        assert_eq!(sessions.chore(), Some(Chore::End { fields }));
        assert!(!sessions.has_chores());
    }

    #[test]
    fn a_session_that_waits_to_be_ended_when_all_are_is_ended_and_none_is_opened_any_more() {
        let mut sessions = Sessions::new(Era::Legacy, agents(2), Some(1));
        settle(&mut sessions, &mut 0);
        let (turn, _) = turn_of(&mut sessions);
        sessions.finished(turn, false);
        sessions.end_all();
        let end = |fields: &str| Some(Chore::End { fields: fields.as_bytes().to_vec() });
        assert_eq!(sessions.chore(), end("A: 0\r\nS: 1\r\n"));
        assert_eq!(sessions.chore(), end("A: 1\r\nS: 2\r\n"));
        // An `initialize` that was under way fails.
        sessions.not_opened(0, 0);
        sessions.wake(u64::MAX);
        assert_eq!(sessions.chore(), None);
    }

    fn turn_of(sessions: &mut Sessions) -> (Turn, String) {
        let turn = sessions.take().unwrap();
        (turn, String::from_utf8(sessions.fields(turn).to_vec()).unwrap())
    }

    #[test]
    fn modern_sessions_take_turns_and_need_nothing() {
        let mut sessions = Sessions::new(Era::Modern, agents(2), Some(1));
        assert!(sessions.settled() && !sessions.has_chores());
        for expected in ["A: 0\r\n", "A: 1\r\n", "A: 0\r\n"] {
            let (turn, fields) = turn_of(&mut sessions);
            assert_eq!(fields, expected);
            sessions.finished(turn, true);
        }
        assert!(!sessions.has_chores());
    }

    #[test]
    fn a_legacy_session_takes_calls_once_it_is_announced() {
        let mut sessions = Sessions::new(Era::Legacy, agents(1), None);
        assert!(!sessions.available() && !sessions.settled());
        assert_eq!(sessions.chore(), Some(Chore::Open { slot: 0 }));
        sessions.opened(0, b"S: 1\r\n", true);
        assert!(sessions.take().is_none());
        let Some(Chore::Announce(turn)) = sessions.chore() else { panic!("not announced") };
        sessions.announced(turn);
        assert!(sessions.settled());
        assert_eq!(turn_of(&mut sessions).1, "A: 0\r\nS: 1\r\n");
    }

    #[test]
    fn a_session_ends_after_its_calls_and_their_answers_and_another_is_opened_meanwhile() {
        let mut sessions = Sessions::new(Era::Legacy, agents(1), Some(2));
        let mut ids = 0;
        assert_eq!(settle(&mut sessions, &mut ids), [""; 0]);
        let (first, _) = turn_of(&mut sessions);
        let (second, _) = turn_of(&mut sessions);
        assert!(sessions.take().is_none(), "its calls are used up");
        assert_eq!(settle(&mut sessions, &mut ids), [""; 0], "calls of the first are in flight");
        assert_eq!(turn_of(&mut sessions).1, "A: 0\r\nS: 2\r\n");
        assert_eq!(sessions.fields(first), b"A: 0\r\nS: 1\r\n");
        sessions.finished(first, false);
        assert!(!sessions.has_chores());
        sessions.finished(second, false);
        assert_eq!(settle(&mut sessions, &mut ids), ["A: 0\r\nS: 1\r\n"]);
    }

    #[test]
    fn a_session_that_the_server_ended_is_opened_again_once() {
        let mut sessions = Sessions::new(Era::Legacy, agents(1), None);
        let mut ids = 0;
        settle(&mut sessions, &mut ids);
        let (first, _) = turn_of(&mut sessions);
        let (second, _) = turn_of(&mut sessions);
        sessions.finished(first, true);
        assert!(sessions.take().is_none());
        assert_eq!(sessions.fields(second), b"A: 0\r\n");
        sessions.finished(second, true);
        assert_eq!(settle(&mut sessions, &mut ids), [""; 0], "nothing is left to be ended");
        assert_eq!(ids, 2);
        assert_eq!(turn_of(&mut sessions).1, "A: 0\r\nS: 2\r\n");
    }

    #[test]
    fn what_cannot_be_opened_is_tried_again_later_and_does_not_hold_up_the_rest() {
        let mut sessions = Sessions::new(Era::Legacy, agents(2), None);
        assert_eq!(sessions.chore(), Some(Chore::Open { slot: 0 }));
        assert_eq!(sessions.chore(), Some(Chore::Open { slot: 1 }));
        sessions.opened(1, b"", false);
        settle(&mut sessions, &mut 0);
        let mut now = 0;
        for _ in 0..OPEN_ATTEMPTS {
            assert!(!sessions.settled());
            sessions.not_opened(0, now);
            sessions.wake(now);
            assert!(!sessions.has_chores(), "at once");
            now += REOPEN_AFTER_MAX;
            sessions.wake(now);
            assert_eq!(sessions.chore(), Some(Chore::Open { slot: 0 }));
        }
        assert!(sessions.settled());
        assert_eq!(sessions.closed(), 1);
        assert_eq!(sessions.take().map(|turn| turn.slot), Some(1));
        sessions.end_all();
        assert!(!sessions.has_chores(), "the server gave no id");
    }

    #[test]
    fn a_further_session_takes_the_place_of_the_oldest() {
        let mut sessions = Sessions::new(Era::Legacy, agents(2), None);
        let mut ids = 0;
        settle(&mut sessions, &mut ids);
        let oldest = sessions.oldest();
        sessions.opened(oldest, b"S: 3\r\n", true);
        assert_eq!(settle(&mut sessions, &mut ids), ["A: 0\r\nS: 1\r\n"]);
        assert_eq!([sessions.oldest(), sessions.oldest()], [1, 0]);
        sessions.end_all();
        assert_eq!(settle(&mut sessions, &mut ids).len(), 2);
    }
}
