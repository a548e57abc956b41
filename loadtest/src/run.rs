//! `run`: from the command line to the report.

use anyhow::Error;

use crate::engine;
use crate::exit::Exit;
use crate::plan::{Job, Run};
use crate::progress::Progress;
use crate::report::outputs::Outputs;

/// Runs it; an error says how the command ends as well.
pub(crate) fn run(run: Run) -> Result<Exit, (Exit, Error)> {
    let usage = |error| (Exit::of(&error, Exit::Usage), error);
    let Job { plan, assert, output, notes } = run.prepare().map_err(usage)?;
    let outputs =
        Outputs::prepare(output.json.as_deref(), output.html.as_deref(), assert).map_err(usage)?;
    let mut progress = Progress::on_stderr(output.quiet);
    for note in &notes {
        progress.note(note);
    }
    let report = engine::run(&plan, |snapshot| progress.show(snapshot));
    progress.finish();
    let mut report = report.map_err(|error| (Exit::of(&error, Exit::Failed), error))?;
    // Whoever reads it later has not seen them.
    report.harness.warnings.extend(notes);
    outputs.publish(&report).map_err(usage)
}
