//! The published revisions of the protocol and the two eras they fall into.

/// How a message belongs to its conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Era {
    /// Sessions opened by `initialize`: 2025-11-25 and before.
    Legacy,
    /// Each request says its version and capabilities itself: 2026-07-28 and after.
    Modern,
}

/// A published revision of MCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Revision {
    /// 2024-11-05, with the HTTP+SSE transport.
    V2024_11_05,
    /// 2025-03-26, the only one with batches; what a POST without a version is taken for.
    V2025_03_26,
    /// 2025-06-18, the first with the `MCP-Protocol-Version` header.
    V2025_06_18,
    /// 2025-11-25, the last with sessions.
    V2025_11_25,
    /// 2026-07-28, stateless.
    V2026_07_28,
}

impl Revision {
    /// Every revision, the newest first: the order in which to offer them.
    pub const ALL: [Self; 5] = [
        Self::V2026_07_28,
        Self::V2025_11_25,
        Self::V2025_06_18,
        Self::V2025_03_26,
        Self::V2024_11_05,
    ];

    /// The revision named by exactly these bytes.
    pub fn from_bytes(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|revision| revision.as_str().as_bytes() == name)
    }

    /// The revision's name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2026_07_28 => "2026-07-28",
        }
    }

    /// The era it falls into.
    pub fn era(self) -> Era {
        if self < Self::V2026_07_28 { Era::Legacy } else { Era::Modern }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_exactly() {
        for revision in Revision::ALL {
            assert_eq!(Revision::from_bytes(revision.as_str().as_bytes()), Some(revision));
        }
        assert_eq!(Revision::from_bytes(b"2026-07-28 "), None);
        assert_eq!(Revision::from_bytes(b"2027-01-01"), None);
        assert_eq!(Revision::from_bytes(b""), None);
    }

    #[test]
    fn only_the_newest_is_modern() {
        let modern = Revision::ALL.into_iter().filter(|revision| revision.era() == Era::Modern);
        assert_eq!(modern.collect::<Vec<_>>(), [Revision::V2026_07_28]);
    }
}
