//! What is wrong with a file, where, and how to mend it.

use std::fmt;
use std::path::PathBuf;

/// Why a configuration was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum Errors {
    /// The file could not be read at all.
    #[error("cannot read the configuration {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file says something that cannot be served.
    #[error("{}", lines(problems))]
    Invalid {
        /// Every problem found, in the order of the file; warnings among them.
        problems: Vec<Problem>,
    },
}

/// One thing wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Whether the file can be served all the same.
    pub severity: Severity,
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong, with the offending value where it is no secret.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// The line itself; absent where it may hold a secret.
    pub excerpt: Option<Excerpt>,
}

/// Whether a file with this problem can be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It cannot.
    Error,
    /// It can, but probably does not say what was meant.
    Warning,
}

/// A line of the file with the part that a problem is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The line, secrets masked, every character one column wide.
    pub text: String,
    /// Characters before the part.
    pub start: usize,
    /// Characters of the part, at least 1.
    pub width: usize,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, message, .. } = self;
        write!(f, "{}:{line}:{column}: {message}", self.file.display())?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

fn lines(problems: &[Problem]) -> String {
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
    errors.map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
