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
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 64 << 20,
            hits: 4_000_000,
            findings: 200_000,
            depth: 4,
            decoded_times: 8,
        }
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
