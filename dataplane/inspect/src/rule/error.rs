//! What can be wrong with a file of rules.

use thiserror::Error;

/// Why rules could not be taken.
#[derive(Debug, Error)]
pub enum RuleError {
    /// Not TOML, or not of the form that a file of rules has.
    #[error("{file}: {message}")]
    Form {
        /// The file's name.
        file: String,
        /// What the parser says, with line and column.
        message: String,
    },
    /// A rule that cannot work as it is written.
    #[error("{file}:{line}: rule `{rule}`: {what}")]
    Rule {
        /// The file's name.
        file: String,
        /// The line of its id, from 1.
        line: usize,
        /// The rule's id, or its place in the file.
        rule: String,
        /// What is wrong, and what to write instead.
        what: String,
    },
}
