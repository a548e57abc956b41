//! Sessions of the legacy era: their ids, and where it was asked for, which of them are alive.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use crate::random::{Random, mix};

/// The most sessions alive at a time, where that is kept.
pub(crate) const SESSIONS_MAX: usize = 1 << 20;
/// The most that one connection can open and still give each an id of its own.
const PER_CONNECTION_BITS: u32 = 32;

/// An id: 32 hexadecimal digits.
pub(crate) type Id = [u8; 32];

/// The sessions of all connections.
#[derive(Debug)]
pub(crate) struct Sessions {
    key: u64,
    /// None where any id, and none, is as good as another.
    alive: Option<Mutex<HashSet<Id>>>,
}

/// What is wrong with the session of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It names none.
    Missing,
    /// The one that it names has ended, or never was.
    Unknown,
}

impl Sessions {
    pub(crate) fn new(seed: u64, check: bool) -> Self {
        Self { key: Random::new(seed).next(), alive: check.then(Mutex::default) }
    }

    /// Opens the session of this number on the connection of that one; none where there are too
    /// many.
    pub(crate) fn open(&self, connection: u64, number: u64) -> Option<Id> {
        // `mix` makes different numbers of different ones, so the first half alone is unique.
        let both = (connection << PER_CONNECTION_BITS) ^ number;
        let halves = (mix(both ^ self.key), mix(!both ^ self.key));
        let mut id = Id::default();
        for (digit, place) in format!("{:016x}{:016x}", halves.0, halves.1).bytes().zip(&mut id) {
            *place = digit;
        }
        if let Some(alive) = &self.alive {
            let mut alive = alive.lock().unwrap_or_else(PoisonError::into_inner);
            if alive.len() >= SESSIONS_MAX {
                return None;
            }
            alive.insert(id);
        }
        Some(id)
    }

    /// Whether a request may name this session.
    pub(crate) fn check(&self, id: Option<&[u8]>) -> Result<(), Fault> {
        let Some(alive) = &self.alive else { return Ok(()) };
        let id = id.ok_or(Fault::Missing)?;
        let alive = alive.lock().unwrap_or_else(PoisonError::into_inner);
        if alive.contains(id) { Ok(()) } else { Err(Fault::Unknown) }
    }

    /// Ends a session.
    pub(crate) fn end(&self, id: Option<&[u8]>) -> Result<(), Fault> {
        self.check(id)?;
        if let (Some(alive), Some(id)) = (&self.alive, id) {
            alive.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_session_has_an_id_of_its_own() {
        let sessions = Sessions::new(1, false);
        let ids: HashSet<Id> = (0..200)
            .flat_map(|c| (0..50).map(move |n| (c, n)))
            .filter_map(|(c, n)| sessions.open(c, n))
            .collect();
        assert_eq!(ids.len(), 10_000);
        assert!(ids.iter().flatten().all(u8::is_ascii_hexdigit));
        assert_eq!(Sessions::new(1, false).open(3, 4), sessions.open(3, 4));
        assert_ne!(Sessions::new(2, false).open(3, 4), sessions.open(3, 4));
    }

    #[test]
    fn a_session_lives_from_its_opening_to_its_end() {
        let sessions = Sessions::new(1, true);
        let id = sessions.open(0, 0).unwrap();
        assert_eq!(sessions.check(Some(&id)), Ok(()));
        assert_eq!(sessions.check(None), Err(Fault::Missing));
        assert_eq!(sessions.check(Some(b"other")), Err(Fault::Unknown));
        assert_eq!(sessions.end(Some(&id)), Ok(()));
        assert_eq!(sessions.end(Some(&id)), Err(Fault::Unknown));
        assert_eq!(sessions.check(Some(&id)), Err(Fault::Unknown));
    }

    #[test]
    fn by_default_any_id_will_do() {
        let sessions = Sessions::new(1, false);
        assert_eq!((sessions.check(None), sessions.end(Some(b"x"))), (Ok(()), Ok(())));
    }

    #[test]
    fn there_are_no_more_than_the_limit() {
        let sessions = Sessions::new(1, true);
        let full = (0..SESSIONS_MAX as u64).all(|number| sessions.open(0, number).is_some());
        assert!(full && sessions.open(1, 0).is_none());
    }
}
