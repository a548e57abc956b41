//! A whole body: one message, or a batch of them.

use crate::envelope::{Envelope, Reader};
use crate::json::{Cursor, fault_at};
use crate::keys::Keys;
use crate::{Fault, Kind, ScanError, Span};

/// How much a scan may take on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanLimits {
    /// Levels of nested arrays and objects, the envelope itself and a batch's array included.
    /// At most [`crate::DEPTH_MAX`].
    pub depth: u32,
    /// Messages in a batch.
    pub batch: u32,
}

impl Default for ScanLimits {
    fn default() -> Self {
        Self { depth: 64, batch: 64 }
    }
}

/// Reusable scratch and result of a scan.
///
/// Its spans point into the body that was scanned last; after a refusal it holds no envelope.
#[derive(Debug, Default)]
pub struct Message {
    envelopes: Vec<Envelope>,
    batch: bool,
    keys: Keys,
    readable_id: Option<Span>,
}

impl Message {
    /// A message that nothing was scanned into yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Validates the whole of `body` as JSON (RFC 8259) and as JSON-RPC 2.0 as MCP has it, and
    /// finds its spans. What was scanned before is forgotten, its memory is kept.
    pub fn scan(&mut self, body: &[u8], limits: &ScanLimits) -> Result<(), ScanError> {
        self.forget();
        let scanned = self.read(body, *limits);
        self.keys.clear();
        if scanned.is_err() {
            self.envelopes.clear();
        }
        scanned
    }

    /// Forgets what was scanned: its body is no more.
    pub fn forget(&mut self) {
        self.envelopes.clear();
        self.batch = false;
        self.readable_id = None;
    }

    fn read(&mut self, body: &[u8], limits: ScanLimits) -> Result<(), ScanError> {
        let mut cursor = Cursor::new(body, limits.depth)?;
        self.batch = cursor.peek() == b'[';
        let mut refusal = None;
        if self.batch {
            self.batch(&mut cursor, limits, &mut refusal)?;
        } else {
            self.message(&mut cursor, &mut refusal)?;
        }
        // Whether the text is JSON at all comes first: only then is there an id to answer to.
        cursor.finish()?;
        match refusal {
            None => Ok(()),
            Some(refusal) => {
                let request = self.single().filter(|envelope| envelope.kind != Kind::Response);
                self.readable_id = request.and_then(|envelope| envelope.id);
                Err(refusal)
            }
        }
    }

    fn batch(
        &mut self,
        cursor: &mut Cursor<'_>,
        limits: ScanLimits,
        refusal: &mut Option<ScanError>,
    ) -> Result<(), ScanError> {
        let start = cursor.at();
        cursor.enter()?;
        if cursor.peek() == b']' {
            refusal.get_or_insert(fault_at(start, Fault::EmptyBatch));
        } else {
            loop {
                // At once, and not when the text is known to be JSON: this is a limit.
                if self.envelopes.len() >= limits.batch as usize {
                    return Err(fault_at(cursor.at(), Fault::BatchTooLong(limits.batch)));
                }
                self.message(cursor, refusal)?;
                cursor.whitespace();
                if !cursor.eat(b',') {
                    break;
                }
                cursor.whitespace();
            }
        }
        cursor.leave(b']')
    }

    fn message(
        &mut self,
        cursor: &mut Cursor<'_>,
        refusal: &mut Option<ScanError>,
    ) -> Result<(), ScanError> {
        let envelope = Reader { cursor, keys: &mut self.keys, refusal }.envelope()?;
        self.envelopes.push(envelope);
        Ok(())
    }

    /// Whether the body was an array, even of one message.
    pub fn is_batch(&self) -> bool {
        self.batch
    }

    /// Every message of the body, in its order.
    pub fn envelopes(&self) -> &[Envelope] {
        &self.envelopes
    }

    /// The message, if the body was no batch.
    pub fn single(&self) -> Option<&Envelope> {
        if self.batch { None } else { self.envelopes.first() }
    }

    /// The raw id to answer to: that of a single request, also of one that [`scan`](Self::scan)
    /// refused although it was JSON with a usable id. A notification, a response, a batch and a
    /// text that is not JSON have none.
    pub fn reply_id(&self) -> Option<Span> {
        let request = self.single().filter(|envelope| envelope.kind == Kind::Request);
        request.map_or(self.readable_id, |envelope| envelope.id)
    }
}
