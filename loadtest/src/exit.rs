//! How a command ends.

use std::fmt;
use std::process::ExitCode;

use anyhow::Error;

/// Exit codes, the same for every subcommand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, and every assertion held.
    Held = 0,
    /// Done, and an assertion broke or could not be judged; or no call succeeded.
    Broken = 1,
    /// The command line is wrong, or a file could not be read or written. clap exits with it too.
    Usage = 2,
    /// There is no report: the run could not be carried out.
    Failed = 3,
    /// A signal ended the run. There is a report of what came before, and whatever was asserted of
    /// the whole run is not known. One number for every signal, and none above 128, which a shell
    /// takes for the death by one.
    Interrupted = 4,
}

/// Part of an error that says how the command ends, wherever it came up.
#[derive(Debug)]
pub(crate) struct Ending {
    exit: Exit,
    said: String,
}

impl Ending {
    /// What the command line names is wrong.
    pub(crate) fn usage(said: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, said: said.into() }
    }

    /// The run cannot be carried out.
    pub(crate) fn failed(said: impl Into<String>) -> Self {
        Self { exit: Exit::Failed, said: said.into() }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said)
    }
}

impl std::error::Error for Ending {}

impl Exit {
    /// As the error says, or as errors do where it came up.
    pub(crate) fn of(error: &Error, otherwise: Self) -> Self {
        error.downcast_ref::<Ending>().map_or(otherwise, |ending| ending.exit)
    }
}

/// What `--help` says of them.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done, and every assertion held
  1  done, and an assertion broke or spoke of something that was not measured,
     or no call succeeded
  2  the command line is wrong, or what it names: a file, a process
  3  the run could not be carried out: there is no report
  4  a signal ended the run: the report is of what came before,
     and no assertion is known to hold";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_how_the_command_ends() {
        let plain = anyhow::anyhow!("a");
        assert_eq!(Exit::of(&plain, Exit::Failed), Exit::Failed);
        let named = plain.context(Ending::usage("b")).context("c");
        assert_eq!(Exit::of(&named, Exit::Failed), Exit::Usage);
        assert_eq!(format!("{named:#}"), "c: b: a");
        let failed = Error::new(Ending::failed("d"));
        assert_eq!(Exit::of(&failed, Exit::Usage), Exit::Failed);
    }

    #[test]
    fn help_names_every_code() {
        for exit in [Exit::Held, Exit::Broken, Exit::Usage, Exit::Failed, Exit::Interrupted] {
            assert!(EXIT_CODES.contains(&format!("\n  {}  ", exit as u8)), "{exit:?}");
        }
    }
}
