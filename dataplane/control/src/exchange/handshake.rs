//! `initialize` on a process that several sessions share: it is asked once, and everybody is told
//! what it answered.

use crate::wire::Message;

#[derive(Default)]
pub(crate) enum Handshake {
    #[default]
    Fresh,
    /// The request that went out, and those that wait for its answer with it.
    Asked { id: u64, waiting: Vec<u64> },
    /// The answer, and whether `notifications/initialized` went out.
    Done { answer: Message, confirmed: bool },
}

impl Handshake {
    pub(crate) fn asks(&self, wanted: u64) -> bool {
        matches!(self, Self::Asked { id, .. } if *id == wanted)
    }

    /// Whether this `notifications/initialized` is the one to forward.
    pub(crate) fn confirm(&mut self) -> bool {
        match self {
            Self::Done { confirmed, .. } => !std::mem::replace(confirmed, true),
            _ => false,
        }
    }
}
