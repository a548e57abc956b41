//! What is told of findings: never the value.

use std::fmt;
use std::sync::Arc;

use super::Action;
use crate::class::Class;
use crate::limits::Exceeded;
use crate::rule::Rule;
use crate::scan::Finding;

/// A finding as log, metrics and errors may tell it.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// The finding: of several that overlap the one that counts.
    pub finding: &'a Finding,
    /// The rule that found it.
    pub rule: &'a Rule,
    /// What was decided of it, whatever becomes of the message.
    pub action: Action,
    /// Where it stands, as a JSON pointer (RFC 6901); empty in what is no JSON. Of what stands in a key, the
    /// object that has the key.
    pub pointer: &'a str,
    /// Where it stands in the message's bytes.
    pub start: usize,
    /// Its length in bytes, as its reader sees it.
    pub bytes: usize,
    /// The same for the same value, under one key: a keyed hash of the value.
    pub fingerprint: [u8; 8],
}

/// What becomes of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// As it came.
    Unchanged,
    /// As it came, although it could not be looked into whole: the operator wants it so.
    Passed(Exceeded),
    /// Written anew, by splices.
    Changed(Vec<u8>),
    /// Not to be passed on.
    Blocked(Blocked),
}

/// A value that was put in the place of its placeholder; never the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// What kind of thing it is.
    pub class: Class,
    /// Where the placeholder stood, as a JSON pointer.
    pub pointer: String,
    /// The same for the same value under the same key, and as in [`Told`].
    pub fingerprint: [u8; 8],
}

/// Why a message is not passed on, and where the reason stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// Why.
    pub why: Why,
    /// Where, as a JSON pointer; empty of the whole message, and in what is no JSON.
    pub pointer: String,
}

/// Why a message is not passed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// A rule whose findings are to be blocked found something. Its id.
    Rule(Arc<str>),
    /// It cannot be looked into whole.
    Limit(Exceeded),
    /// What is to be redacted cannot be, without breaking what the message promises. The rule's id.
    Invalid(Arc<str>),
    /// It has a placeholder that cannot be opened.
    Token,
}

impl Why {
    /// The rule's id, where there is one.
    pub fn rule(&self) -> Option<&str> {
        match self {
            Self::Rule(id) | Self::Invalid(id) => Some(id),
            Self::Limit(_) | Self::Token => None,
        }
    }
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.why {
            Why::Rule(id) => write!(f, "rule `{id}`")?,
            Why::Limit(exceeded) => return exceeded.fmt(f),
            Why::Invalid(id) => write!(f, "rule `{id}`, and no placeholder would be valid,")?,
            Why::Token => f.write_str("a sealed placeholder")?,
        }
        if !self.pointer.is_empty() {
            write!(f, " at {}", self.pointer)?;
        }
        if self.why == Why::Token {
            f.write_str(" that was changed, or sealed for another server or with another key")?;
        }
        Ok(())
    }
}
