//! What looking into one message may take.

/// Past one of these a message is not found clean, it is [`Exceeded`], and what becomes of it is the operator's to
/// say.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of a message.
    pub message_bytes: usize,
    /// Places at which a rule is asked.
    pub hits: usize,
    /// Matches.
    pub findings: usize,
    /// Texts within texts: JSON in a string, base64 in that.
    pub depth: usize,
    /// Bytes decoded of texts within texts, for each byte of the message.
    pub decoded_times: usize,
    /// How many texts are within texts: runs of base64 above all.
    pub texts: usize,
    /// Characters of one text that nobody sees.
    pub unseen: usize,
    /// Bytes that regexes and automata search, for each byte of the message. A regex is asked around what is looked
    /// for, and again behind each match: of one whose matches have no longest that may be the rest of the text each
    /// time.
    pub searched_times: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 64 << 20,
            hits: 8_000_000,
            findings: 200_000,
            depth: 4,
            decoded_times: 8,
            texts: 250_000,
            unseen: 1_000_000,
            searched_times: 256,
        }
    }
}

/// So many bytes may be searched, or decoded, whatever the length of a message.
pub(crate) const SPENT_BYTES_MIN: usize = 4 << 20;

/// What may still be searched in a message by regexes, and by automata of many.
#[derive(Debug)]
pub(crate) struct Budget {
    left: usize,
    most: usize,
}

impl Budget {
    pub(crate) fn of(limits: &Limits, bytes: usize) -> Self {
        let most = bytes.saturating_mul(limits.searched_times).saturating_add(SPENT_BYTES_MIN);
        Self { left: most, most }
    }

    pub(crate) fn unlimited() -> Self {
        Self { left: usize::MAX, most: usize::MAX }
    }

    /// What may still be searched.
    pub(crate) fn left(&self) -> usize {
        self.left
    }

    /// What was searched so far.
    pub(crate) fn spent(&self) -> usize {
        self.most - self.left
    }

    /// Fails where more is searched than may be.
    pub(crate) fn spend(&mut self, bytes: usize) -> Result<(), Exceeded> {
        let what = "bytes that regexes search";
        let left = self.left.checked_sub(bytes);
        self.left = left.ok_or(Exceeded::Count { what, most: self.most })?;
        Ok(())
    }
}

/// Why a message could not be looked into whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Exceeded {
    /// It is too long.
    #[error("the message has {bytes} bytes; {most} are looked into")]
    Bytes {
        /// Its length.
        bytes: usize,
        /// The limit.
        most: usize,
    },
    /// There is too much in it that may be something.
    #[error("the message has more than {most} {what}")]
    Count {
        /// What there are too many of.
        what: &'static str,
        /// The limit.
        most: usize,
    },
    /// Something in a stream is longer than what is held back of it.
    #[error("something in the stream is longer than the {most} bytes of it that are held back")]
    Window {
        /// The limit.
        most: usize,
    },
    /// The engine failed.
    #[error("the engine failed: {0}")]
    Engine(String),
}
