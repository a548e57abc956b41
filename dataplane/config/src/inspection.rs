//! What is looked for in messages and what becomes of it, as the snapshot tells it.
//!
//! Which rules there are is not known here: ids are checked where rules are loaded, and keep the place
//! at which they stand in the file.

use std::fmt;
use std::path::PathBuf;

use crate::snapshot::Secret;

/// What is looked for in messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// What searches.
    pub engine: InspectionEngine,
    /// Whether the built-in rules are looked for.
    pub built_in: bool,
    /// Files with rules, in the order of the file.
    pub rules: Vec<PathBuf>,
    /// A file with names of people, one a line.
    pub names: Option<PathBuf>,
    /// Rules that are not looked for.
    pub disable: Vec<RuleName>,
    /// What seals placeholders and keys fingerprints; at least [`INSPECTION_KEY_CHARS_MIN`] characters.
    pub key: Option<Secret>,
    /// Whether a message that cannot be looked into whole passes, and is reported; it is blocked otherwise.
    pub pass_over_limit: bool,
    /// Bytes of a message that is held and looked into.
    pub message_bytes_max: usize,
    /// What becomes of what is found: the first that fits.
    pub actions: Vec<FindingAction>,
    /// The line where the section's key stands, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

/// Characters that a key has at least.
pub const INSPECTION_KEY_CHARS_MIN: usize = 32;

/// What searches messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum InspectionEngine {
    /// The fastest that the build and the CPU have.
    #[default]
    Auto,
    /// Vectorscan, or refuse to start.
    Vectorscan,
    /// The one that is everywhere.
    Portable,
}

/// What differs for one virtual server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerInspection {
    /// What comes before [`Inspection::actions`].
    pub actions: Vec<FindingAction>,
    /// Tools that get values in the place of placeholders; `*` in one is anything.
    pub open_for: Vec<String>,
}

/// The id of a rule, in which `*` is anything, and where the file says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleName {
    /// As it is written.
    pub id: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

/// What becomes of some findings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingAction {
    /// Of which.
    pub of: Findings,
    /// In messages that go this way; `None` is both.
    pub direction: Option<Direction>,
    /// What becomes of them.
    pub verb: ActionVerb,
    /// The line where the entry stands, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl FindingAction {
    /// Whether all that `later` fits fits this too, as far as that can be seen without the rules.
    pub fn covers(&self, later: &Self) -> bool {
        let same = match (&self.of, &later.of) {
            (Findings::All, _) => true,
            (Findings::Class(before), Findings::Class(later)) => before == later,
            (Findings::Rules(before), Findings::Rules(later)) => before.id == later.id,
            _ => false,
        };
        same && (self.direction.is_none() || self.direction == later.direction)
    }
}

/// Which findings an action is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Findings {
    /// All.
    All,
    /// Those of a class, one of [`CLASSES`](crate::CLASSES).
    Class(&'static str),
    /// Those of some rules.
    Rules(RuleName),
}

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// To a server.
    Request,
    /// From a server.
    Response,
}

/// What becomes of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActionVerb {
    /// It passes, and nobody is told.
    Ignore,
    /// It passes, and is told.
    Report,
    /// A placeholder takes its place.
    Redact(Kept),
    /// A placeholder that can be opened takes its place.
    Tokenise,
    /// The message is refused.
    Block,
}

/// What a redaction leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Kept {
    /// Nothing.
    #[default]
    Nothing,
    /// The last four characters.
    Last4,
    /// The domain of an e-mail address.
    Domain,
}

impl fmt::Display for RuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)
    }
}
