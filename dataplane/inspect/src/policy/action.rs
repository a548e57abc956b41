//! What becomes of what is found, as an operator says it.

use super::glob::Glob;
use crate::class::Class;
use crate::rule::Rule;

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// From an agent to a server: its requests, its notifications, its answers to what the server asked.
    Request,
    /// From a server to an agent.
    Response,
}

impl Side {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Request, Self::Response];

    /// The one of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|side| side.name() == name)
    }

    /// As it is written in configurations, rules and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
        }
    }
}

/// What a redaction leaves of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Keep {
    /// The last four letters or digits of one that is long enough: `[REDACTED:payment-card:1111]`.
    Last4,
    /// The domain of an e-mail address: `[REDACTED:email-address]@example.com`.
    Domain,
    /// Nothing: `[REDACTED:payment-card]`.
    #[default]
    Nothing,
}

/// What becomes of what a rule finds. The greater is the stricter: of findings that overlap it is what counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// It passes, and nobody is told.
    Ignore,
    /// It passes, and is told.
    Report,
    /// A placeholder takes its place, which [`Policy::open`](super::Policy::open) turns into it again.
    Tokenise,
    /// A placeholder takes its place.
    Redact(Keep),
    /// The message does not pass.
    Block,
}

impl Action {
    /// As it is written in configurations, rules, logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ignore => "ignore",
            Self::Report => "report",
            Self::Tokenise => "tokenise",
            Self::Redact(_) => "redact",
            Self::Block => "block",
        }
    }

    /// The one of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }

    /// Each, with a redaction that keeps nothing.
    pub const ALL: [Self; 5] =
        [Self::Ignore, Self::Report, Self::Tokenise, Self::Redact(Keep::Nothing), Self::Block];

    /// What becomes of what a rule finds in messages that go this way: what the first entry says that fits, or the
    /// rule's own file, or what holds of its class.
    pub fn of(rule: &Rule, side: Side, entries: &[Entry]) -> Self {
        let said = entries.iter().find(|entry| entry.fits(rule, side)).map(|entry| entry.action);
        let own = || match rule.action {
            Some((action, only)) if only.is_none_or(|only| only == side) => Some(action),
            _ => None,
        };
        said.or_else(own).unwrap_or(match rule.class {
            Class::Secret => Self::Redact(Keep::Nothing),
            _ => Self::Report,
        })
    }
}

/// What becomes of a message that cannot be looked into whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OverLimit {
    /// It does not pass.
    #[default]
    Block,
    /// It passes, and is told.
    Pass,
}

/// What an [`Entry`] is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Of {
    /// Whatever is found.
    All,
    /// What rules of a class find.
    Class(Class),
    /// What rules find whose id this is, where `*` is anything.
    Rules(String),
}

/// One line of an operator's actions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Of which findings.
    pub of: Of,
    /// Which way; `None` is both.
    pub side: Option<Side>,
    /// What becomes of them.
    pub action: Action,
}

impl Entry {
    /// Whether it says what becomes of what a rule finds in messages that go this way.
    pub fn fits(&self, rule: &Rule, side: Side) -> bool {
        self.side.is_none_or(|only| only == side)
            && match &self.of {
                Of::All => true,
                Of::Class(class) => *class == rule.class,
                Of::Rules(glob) => Glob::new(glob).fits(&rule.id),
            }
    }
}
