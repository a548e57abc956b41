//! `report`, `compare` and `schema`: what happens to reports that are there.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use clap::Args;

use super::assertions;
use super::compare::{self, Comparison, Relative};
use super::file::{self, Destination};
use super::html::comparison_page;
use super::model::Report;
use super::outputs::Outputs;
use super::{schema, text};
use crate::exit::Exit;
use crate::plan::Asserted;
use crate::terminal::{Paint, print};

/// Reports of one side of a comparison.
const RUNS_MAX: usize = 100;

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// A report as JSON.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Write it as one HTML page that needs nothing else.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Exit with 1 unless these hold, as 'p99<2ms,errors=0,cpu<50us'. What was not measured does not
    /// hold.
    #[arg(long = "assert", value_name = "BOUNDS", value_parser = Asserted::parse)]
    asserted: Vec<Asserted>,
}

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// The report to compare with.
    #[arg(value_name = "BASE")]
    base: PathBuf,
    /// The report that is compared.
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// A further run of the base; all of them are taken together.
    #[arg(long = "base", value_name = "FILE")]
    more_base: Vec<PathBuf>,
    /// A further run of the new.
    #[arg(long = "new", value_name = "FILE")]
    more_new: Vec<PathBuf>,
    /// Write the comparison as one HTML page that needs nothing else.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Exit with 1 unless these hold of the new against the base, as 'p99<=1.1x,cpu<=1.05x'.
    #[arg(
        long = "assert",
        value_name = "BOUNDS",
        value_delimiter = ',',
        value_parser = Relative::parse
    )]
    bounds: Vec<Relative>,
}

pub(crate) fn report(args: &ReportArgs) -> Result<Exit> {
    keep(&[&args.file], args.html.as_deref())?;
    let bounds = args.asserted.iter().flat_map(|Asserted(bounds)| bounds).cloned().collect();
    let outputs = Outputs::prepare(None, args.html.as_deref(), bounds)?;
    match outputs.publish(&file::read(&args.file)?)? {
        // To show what there is, is all that was asked for.
        _ if args.asserted.is_empty() => Ok(Exit::Held),
        exit => Ok(exit),
    }
}

pub(crate) fn compare(args: &CompareArgs) -> Result<Exit> {
    let more = args.more_base.iter().chain(&args.more_new);
    let reports: Vec<&PathBuf> = [&args.base, &args.new].into_iter().chain(more).collect();
    keep(&reports, args.html.as_deref())?;
    let destination = args.html.as_deref().map(Destination::prepare).transpose()?;
    let base = read(&args.base, &args.more_base)?;
    let new = read(&args.new, &args.more_new)?;
    let comparison = Comparison::of(&base, &new)?;
    let assertions = compare::assertions(&comparison, &args.bounds);
    print(&text::comparison(&comparison, &assertions, Paint::for_stdout()))?;
    if let Some(destination) = destination {
        destination.write(comparison_page(&comparison, &assertions).as_bytes())?;
    }
    Ok(assertions::exit(&assertions))
}

pub(crate) fn schema() -> Result<Exit> {
    print(&format!("{:#}\n", schema::schema()))?;
    Ok(Exit::Held)
}

/// Refuses to write a page over a report.
fn keep(reports: &[&PathBuf], html: Option<&Path>) -> Result<()> {
    let Some(html) = html.map(file::place) else { return Ok(()) };
    let is_page = |report: &&&PathBuf| file::place(report) == html;
    if let Some(report) = reports.iter().find(is_page) {
        bail!("{} is a report; name another file for the page", report.display());
    }
    Ok(())
}

fn read(first: &PathBuf, more: &[PathBuf]) -> Result<Vec<Report>> {
    ensure!(more.len() < RUNS_MAX, "no more than {RUNS_MAX} runs are taken together");
    [first].into_iter().chain(more).map(|path| file::read(path)).collect()
}
