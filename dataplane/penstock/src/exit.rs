//! How a command ends: exit codes of sysexits.h, and failures for people.

use std::process::ExitCode;

use crate::terminal::{Paint, Style};

/// Exit codes, each with its name in sysexits.h where it is one of those.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// `EX_OK`.
    Done = 0,
    /// As grep's kin for faults: what was looked for is there, or a rule does not keep what it says.
    Found = 1,
    /// `EX_USAGE`: the command line is wrong.
    Usage = 64,
    /// `EX_DATAERR`: a client's file is wrong.
    Data = 65,
    /// `EX_NOINPUT`: a file cannot be read.
    NoInput = 66,
    /// `EX_UNAVAILABLE`: something keeps penstock from serving.
    Unavailable = 69,
    /// `EX_OSERR`: the system refused something.
    OsError = 71,
    /// `EX_CANTCREAT`: a file cannot be written.
    CannotCreate = 73,
    /// `EX_NOPERM`: the user may not.
    NoPermission = 77,
    /// `EX_CONFIG`: the configuration is wrong.
    Config = 78,
    /// As env(1) and shells: the command is there and cannot be run.
    CommandNotExecutable = 126,
    /// As env(1) and shells: the command is not there.
    CommandNotFound = 127,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what it was told.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    message: String,
    help: Option<String>,
    /// What stands above the message, ready for the terminal.
    details: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), help: None, details: String::new() }
    }

    /// With what to do about it.
    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    pub(crate) fn details(self, details: String) -> Self {
        Self { details, ..self }
    }

    /// `otherwise`, or the code for a user who may not.
    pub(crate) fn of_io(error: &std::io::Error, otherwise: Exit, message: String) -> Self {
        let denied = error.kind() == std::io::ErrorKind::PermissionDenied;
        Self::new(if denied { Exit::NoPermission } else { otherwise }, message)
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn report(&self, paint: Paint) {
        eprint!("{}", self.details);
        eprintln!("{} {}", paint.paint(Style::Error, "error:"), self.message);
        if let Some(help) = &self.help {
            eprintln!("{} {help}", paint.paint(Style::Help, "help:"));
        }
    }
}
