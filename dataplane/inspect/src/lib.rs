//! Secrets and personal data in messages: what is looked for, how it is found, and what becomes of it.
//!
//! A message is read as its reader will read it: escapes decoded ([`layer`]), what only looks like another
//! character told apart no more. An [engine](engine) looks for hundreds of rules at once and tells where a
//! match may be; the rule's own regex, its entropy, its validator and its context then say whether it is one
//! ([`confirm`]). Nothing here does I/O.

#![forbid(unsafe_code)]

mod ask;
mod class;
mod confirm;
mod engine;
mod explain;
mod layer;
mod limits;
mod redact;
mod rule;
mod scan;
mod structure;
mod validate;

pub use class::Class;
pub use engine::EngineKind;
pub use explain::{Exception, Refusal, Sought};
pub use limits::{Exceeded, Limits};
pub use redact::{Splice, spliced};
pub use rule::{RULES_MAX, Rule, RuleError, RuleSet};
pub use scan::{Finding, Form, Inspector, Scratch};
pub use validate::Validator;

#[cfg(test)]
mod tests;
