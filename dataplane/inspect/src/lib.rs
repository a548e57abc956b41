//! Secrets and personal data in messages: what is looked for, how it is found, and how it is cut out.
//!
//! A message is read as its reader will read it: escapes decoded, what only looks like another character
//! told apart no more, and what stands encoded in it a text of its own (`layer`, `scan`). An engine looks
//! for hundreds of rules at once and tells where a match may be (`engine`); the rule's own regex, its
//! entropy, its validator and its context, to which the head of a table's column belongs (`table`), then
//! say whether it is one (`ask`, `confirm`). What no regex finds is detected (`detect`). What is found is
//! cut out of the message's own bytes (`redact`), and what comes there is written as the strings are that
//! it stands in (`string`), or what else an operator wants becomes of the message (`policy`). A text that
//! comes in pieces is looked into in windows (`windows`). Nothing here does I/O.

#![forbid(unsafe_code)]

mod ask;
#[cfg(feature = "bench")]
pub mod bench;
mod class;
mod confirm;
mod detect;
mod engine;
mod explain;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod layer;
mod limits;
mod policy;
mod redact;
mod rule;
mod scan;
mod string;
mod structure;
mod table;
mod validate;
mod windows;
mod within;

pub use class::Class;
pub use engine::EngineKind;
pub use explain::{Exception, Refusal, Sought};
pub use limits::{Exceeded, Limits};
pub use policy::{
    Action, Blocked, Entry, KEY_CHARS_MIN, Keep, KeyError, Keys, Of, Opened, Outcome, OverLimit,
    Policy, Settings, Side, Told, UnknownRule, Why, is_named,
};
pub use redact::{Splice, spliced};
pub use rule::{Fault, RULES_MAX, Rule, RuleError, RuleSet, Tuning};
pub use scan::{Finding, Form, Inspector, Scratch};
pub use validate::Validator;
pub use windows::{Settled, Windows};

#[cfg(test)]
mod tests;
