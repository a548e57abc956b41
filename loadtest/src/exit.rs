//! How a command ends.

use std::process::ExitCode;

/// Exit codes, the same for every subcommand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, and every assertion held.
    Held = 0,
    /// Done, and an assertion broke or could not be judged.
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

/// What `--help` says of them.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done, and every assertion held
  1  done, and an assertion broke, or spoke of something that was not measured
  2  the command line is wrong, or a file could not be read or written
  3  the run could not be carried out: there is no report
  4  a signal ended the run: the report is of what came before, and no assertion is known to hold";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_names_every_code() {
        for exit in [Exit::Held, Exit::Broken, Exit::Usage, Exit::Failed, Exit::Interrupted] {
            assert!(EXIT_CODES.contains(&format!("\n  {}  ", exit as u8)), "{exit:?}");
        }
    }
}
