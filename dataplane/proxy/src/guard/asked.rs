//! Who waits for an answer that does not come.

use penstock_mcp::{ErrorKind, Kind};

use super::Stop;
use crate::downstream::Downstream;
use crate::respond::blocked;

/// The requests of a message, one or a batch of them. Each is answered by an error where it or its answer is blocked:
/// a batch passes whole or not at all, for its messages may rely on each other.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// As raw JSON.
    ids: Vec<Vec<u8>>,
    batch: bool,
}

impl Asked {
    /// By what an agent has sent.
    pub(crate) fn of(down: &Downstream) -> Self {
        let requests = down.message.envelopes().iter().filter(|one| one.kind == Kind::Request);
        let ids = requests.filter_map(|one| one.id);
        let ids = ids.map(|id| id.of(down.body()).to_vec()).collect();
        Self { ids, batch: down.message.is_batch() }
    }

    /// The HTTP status that the errors go under.
    pub(crate) fn status(&self, kind: ErrorKind) -> u16 {
        kind.status_to(self.ids.first().map(Vec::as_slice))
    }

    /// The error to each of them.
    pub(super) fn errors(&self, kind: ErrorKind, stop: &Stop) -> Vec<Vec<u8>> {
        self.ids.iter().map(|id| blocked(kind, Some(id), stop)).collect()
    }

    /// All that is answered, in one text; `None` where nobody waits for it.
    pub(super) fn answer(&self, kind: ErrorKind, stop: &Stop) -> Option<Vec<u8>> {
        together(&self.errors(kind, stop), self.batch)
    }

    /// Appends that, or an error to nobody.
    pub(crate) fn write(&self, kind: ErrorKind, stop: &Stop, out: &mut Vec<u8>) {
        let answer = self.answer(kind, stop);
        out.extend_from_slice(&answer.unwrap_or_else(|| blocked(kind, None, stop)));
    }
}

/// Messages as a batch, or the one that there is.
pub(super) fn together(messages: &[Vec<u8>], batch: bool) -> Option<Vec<u8>> {
    let first = messages.first()?;
    Some(if batch { [b"[", &messages.join(&b","[..])[..], b"]"].concat() } else { first.clone() })
}
