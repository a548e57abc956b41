//! Rules: what is looked for, and when what looks like it is not it.

mod allow;
mod entropy;
mod error;
mod file;
mod set;

use std::sync::OnceLock;

use regex::bytes::Regex;

pub use allow::Allowlist;
pub(crate) use entropy::bits_per_byte;
pub use error::RuleError;
pub use set::RuleSet;

use crate::class::Class;
use crate::validate::Validator;

/// What is looked for.
#[derive(Debug)]
pub struct Rule {
    /// Unique in its set, as `github-oauth-token`.
    pub id: String,
    /// What it finds, for a person.
    pub description: String,
    /// What kind of thing that is; actions are chosen by it.
    pub class: Class,
    /// As it was written; ASCII semantics, over bytes.
    pub pattern: String,
    /// The group that is the secret; none where it is the first that took part, or else the whole match.
    pub secret_group: Option<usize>,
    /// Of these, in lower case, one is in every match; none where nothing is known of it.
    pub keywords: Vec<String>,
    /// Bits a byte that the secret must have.
    pub entropy: Option<f64>,
    /// What is not it although it looks like it.
    pub allowlists: Vec<Allowlist>,
    /// What must hold of the secret beside its form.
    pub validator: Option<Validator>,
    /// Words around it that make it more likely.
    pub context: Vec<String>,
    /// Whether one of them must be there.
    pub require_context: bool,
    /// Texts in which it is found, and in which it is not; held by `penstock rules test`.
    pub examples: Vec<String>,
    /// Texts in which it is not found.
    pub counterexamples: Vec<String>,
    /// Compiled when first needed: of hundreds most are never.
    regex: OnceLock<Regex>,
}
