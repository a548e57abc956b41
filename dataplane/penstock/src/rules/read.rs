//! Files of rules and of names, as they are read.

use std::fs;
use std::io;
use std::path::Path;

use penstock_config::Problem;

use crate::exit::{Exit, Failure};
use crate::report;

/// A file of rules may have so many bytes.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Why a file was not read.
pub(crate) struct Unread {
    exit: Exit,
    /// The line of what is wrong in it, from 1.
    line: usize,
    pub(crate) what: String,
    help: Option<&'static str>,
}

/// A file of rules or of names, which may have no more than so many bytes.
pub(crate) fn read(path: &Path) -> Result<String, Unread> {
    let unread = |error: io::Error| Unread::of_io(path, &error);
    let bytes = fs::metadata(path).map_err(unread)?.len();
    if bytes > FILE_BYTES_MAX {
        let why = format!("it has {bytes} bytes, and rules may have {FILE_BYTES_MAX}");
        return Err(unread(io::Error::new(io::ErrorKind::FileTooLarge, why)));
    }
    let text = fs::read(path).map_err(unread)?;
    String::from_utf8(text)
        .map_err(|error| Unread::of_bytes(path, error.as_bytes(), error.utf8_error().valid_up_to()))
}

impl Unread {
    fn of_io(path: &Path, error: &io::Error) -> Self {
        let exit = match error.kind() {
            io::ErrorKind::PermissionDenied => Exit::NoPermission,
            _ => Exit::NoInput,
        };
        let help = (error.kind() == io::ErrorKind::IsADirectory)
            .then_some("name one file of it; `path` below `[extend]` in that brings another");
        Self { exit, line: 1, what: format!("cannot read {}: {error}", path.display()), help }
    }

    /// What is no UTF-8 from a byte on.
    fn of_bytes(path: &Path, text: &[u8], valid: usize) -> Self {
        let line = 1 + text.iter().take(valid).filter(|byte| **byte == b'\n').count();
        let what = format!(
            "cannot read {}: byte {}, on line {line}, is no UTF-8",
            path.display(),
            valid + 1
        );
        Self { exit: Exit::Data, line, what, help: Some("save it as UTF-8") }
    }

    /// The failure of a command that is given the file.
    pub(super) fn failure(self) -> Failure {
        let failure = Failure::new(self.exit, self.what);
        match self.help {
            Some(help) => failure.help(help),
            None => failure,
        }
    }

    /// What is wrong with a configuration that names the file.
    pub(crate) fn problem(self, path: &Path) -> Problem {
        let help = self.help.map(str::to_owned);
        Problem { help, ..report::error(path, (self.line, 1), self.what) }
    }
}
