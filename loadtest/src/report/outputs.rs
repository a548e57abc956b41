//! Where a report goes: the terminal, files, and an exit code.

use std::path::Path;

use anyhow::{Result, ensure};

use super::assertions::{self, Assertion, assertions};
use super::file::{self, Destination, to_json};
use super::html::report_page;
use super::model::{Ended, Report};
use super::text::summary;
use crate::exit::Exit;
use crate::plan::Bound;
use crate::terminal::{Paint, clean, print};

/// Places that have been found to be writable, and bounds to judge by.
#[derive(Debug)]
pub(crate) struct Outputs {
    json: Option<Destination>,
    html: Option<Destination>,
    bounds: Vec<Bound>,
}

impl Outputs {
    /// Before a run: that its report has nowhere to go must not be found out after it.
    pub(crate) fn prepare(
        json: Option<&Path>,
        html: Option<&Path>,
        bounds: Vec<Bound>,
    ) -> Result<Self> {
        if let (Some(json), Some(html)) = (json, html) {
            let one = file::place(json) == file::place(html);
            ensure!(!one, "{} cannot be both the JSON and the page", html.display());
        }
        Ok(Self {
            json: json.map(Destination::prepare).transpose()?,
            html: html.map(Destination::prepare).transpose()?,
            bounds,
        })
    }

    /// After it: says what it found, writes it, and tells whether every bound held.
    pub(crate) fn publish(&self, report: &Report) -> Result<Exit> {
        let assertions = assertions(report, &self.bounds);
        // Whichever fails, the others still have it.
        let written = self.write(report, &assertions);
        print(&summary(report, &assertions, Paint::for_stdout()))?;
        written?;
        Ok(exit(report, &assertions))
    }

    fn write(&self, report: &Report, assertions: &[Assertion]) -> Result<()> {
        let json = self.json.as_ref().filter(|destination| is_worth(report, destination));
        let json = json.map(|destination| destination.write(&to_json(report)?));
        let page = || report_page(report, assertions);
        let html = self.html.as_ref().filter(|destination| is_worth(report, destination));
        let html = html.map(|destination| destination.write(page().as_bytes()));
        json.transpose()?;
        html.transpose()?;
        Ok(())
    }
}

/// An interrupt before the first call leaves what is there: it may be the base of a comparison.
fn is_worth(report: &Report, destination: &Destination) -> bool {
    let nothing = report.ended == Ended::Interrupted && report.total.calls == 0;
    if nothing && destination.is_there() {
        let path = destination.path().display().to_string();
        eprintln!("{} is left as it was: no call had been measured", clean(&path));
        return false;
    }
    true
}

fn exit(report: &Report, assertions: &[Assertion]) -> Exit {
    match report.ended {
        // Nobody asks for a run in which nothing succeeds.
        Ended::Completed if report.total.succeeded == 0 => Exit::Broken,
        Ended::Completed => assertions::exit(assertions),
        Ended::Interrupted => Exit::Interrupted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn both_files_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let (json, html) = (folder.path().join("run.json"), folder.path().join("run.html"));
        let outputs = Outputs::prepare(Some(&json), Some(&html), Vec::new()).unwrap();
        assert!(!json.exists() && !html.exists(), "and not before");
        outputs.write(&sample::steady(), &[]).unwrap();
        assert_eq!(file::read(&json).unwrap().total.calls, sample::steady().total.calls);
        assert!(std::fs::read_to_string(&html).unwrap().contains("<h1>Load test</h1>"));
    }

    #[test]
    fn one_file_cannot_be_both() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("sub")).unwrap();
        std::os::unix::fs::symlink(path("there"), path("link")).unwrap();
        let refused = |json: &str, html: &str| {
            let (json, html) = (path(json), path(html));
            let refused = Outputs::prepare(Some(&json), Some(&html), Vec::new()).err()?;
            let said = format!("{} cannot be both the JSON and the page", html.display());
            assert_eq!(refused.to_string(), said);
            Some(())
        };
        for written in [false, true] {
            assert!(refused("there", "there").is_some());
            assert!(refused("there", "./there").is_some(), "written {written}");
            assert!(refused("sub/../there", "there").is_some(), "written {written}");
            assert!(refused("there", "sub/there").is_none());
            std::fs::write(path("there"), "an older one").unwrap();
        }
        assert!(refused("there", "link").is_some(), "a link is replaced where it leads to");
    }

    #[test]
    fn a_run_in_which_no_call_succeeded_is_no_success() {
        let mut report = sample::steady();
        report.total.succeeded = 0;
        assert_eq!(exit(&report, &[]), Exit::Broken);
        assert_eq!(exit(&sample::nothing(), &[]), Exit::Broken);
    }

    #[test]
    fn nothing_takes_the_place_of_an_older_report_where_nothing_was_measured() {
        let folder = tempfile::tempdir().unwrap();
        let (json, html) = (folder.path().join("run.json"), folder.path().join("run.html"));
        std::fs::write(&json, "an older one").unwrap();
        let outputs = Outputs::prepare(Some(&json), Some(&html), Vec::new()).unwrap();
        let mut report = sample::nothing();
        report.ended = Ended::Interrupted;
        outputs.write(&report, &[]).unwrap();
        assert_eq!(std::fs::read_to_string(&json).unwrap(), "an older one");
        assert!(html.exists(), "there was none");
        report.total.calls = 1;
        outputs.write(&report, &[]).unwrap();
        assert_eq!(file::read(&json).unwrap().total.calls, 1);
    }

    #[test]
    fn a_run_that_was_interrupted_has_an_exit_code_of_its_own() {
        let mut report = sample::steady();
        let broken = assertions(&report, &[Bound::parse("p99<1us").unwrap()]);
        assert_eq!((exit(&report, &[]), exit(&report, &broken)), (Exit::Held, Exit::Broken));
        report.ended = Ended::Interrupted;
        for assertions in [&[][..], &broken] {
            assert_eq!(exit(&report, assertions), Exit::Interrupted);
        }
    }
}
