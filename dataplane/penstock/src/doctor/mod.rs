//! `penstock doctor`: what this host gives penstock.

mod egress;
mod host;
mod inspection;
mod network;
mod upstreams;

use std::fmt::Write;
use std::path::Path;

use penstock_config::{Errors, Loaded, Snapshot};
use penstock_inspect::EngineKind;
use serde_json::json;

use crate::cli::DoctorArgs;
use crate::exit::{Exit, Failure};
use crate::terminal::{Color, Paint, Style, print};
use crate::{check, locate, report};

/// One thing looked at.
#[derive(Debug)]
struct Check {
    name: String,
    status: Status,
    /// What was found.
    detail: String,
    /// What to do, where something is to be done.
    fix: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Ok,
    /// Penstock serves, but not as well as it could.
    Degraded,
    /// Penstock does not serve, or not all of it.
    Failed,
}

impl Check {
    fn ok(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { name: name.into(), status: Status::Ok, detail: detail.into(), fix: None }
    }

    fn degraded(
        name: impl Into<String>,
        detail: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        let status = Status::Degraded;
        Self { name: name.into(), status, detail: detail.into(), fix: Some(fix.into()) }
    }

    fn failed(name: impl Into<String>, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { status: Status::Failed, ..Self::degraded(name, detail, fix) }
    }
}

pub(crate) fn run(args: &DoctorArgs, config: Option<&Path>, color: Color) -> Result<Exit, Failure> {
    let (configuration, snapshot, rules) = configuration(config);
    let snapshot = snapshot.as_ref();
    let mut checks = vec![
        host::kernel(),
        host::ring(snapshot.map(|snapshot| snapshot.backend)),
        host::shards(snapshot.map(|snapshot| snapshot.shards)),
        inspection::engine(rules),
        configuration,
    ];
    if let Some(snapshot) = snapshot {
        checks.push(host::descriptors(snapshot));
        checks.extend(network::listeners(snapshot));
        checks.extend(egress::all(snapshot));
        checks.extend(upstreams::all(snapshot, args.connect));
    }
    let failed = checks.iter().any(|check| check.status == Status::Failed);
    if args.json {
        print(&as_json(&checks, !failed))?;
    } else {
        print(&render(&checks, Paint::for_stdout(color)))?;
    }
    Ok(if failed { Exit::Unavailable } else { Exit::Done })
}

/// What is to be said of it, itself where it is valid, and how many rules it looks for, where it does for any.
fn configuration(named: Option<&Path>) -> (Check, Option<Snapshot>, Option<(usize, EngineKind)>) {
    let name = "configuration";
    let path = match locate::configuration(named) {
        Ok(path) => path,
        Err(failure) => {
            let fix = "`penstock init` writes a first one; `--config FILE` names another";
            return (Check::degraded(name, failure.message(), fix), None, None);
        }
    };
    let refused = |errors: &Errors| {
        let failure = report::refusal(&path, errors, Paint::for_stdout(Color::Never));
        Check::failed(name, failure.message(), format!("penstock check {}", path.display()))
    };
    match penstock_config::load(&path) {
        Ok(Loaded { snapshot, warnings }) => {
            let shown = path.display();
            let compiled = match check::compile(&path, &snapshot) {
                Ok(compiled) => compiled,
                Err(problems) => {
                    return (refused(&Errors::Invalid { problems }), Some(snapshot), None);
                }
            };
            let warnings = warnings.len() + compiled.warnings.len();
            let check = if warnings == 0 {
                Check::ok(name, shown.to_string())
            } else {
                let detail = format!("{shown}, {}", report::count(warnings, "warning"));
                Check::degraded(name, detail, format!("penstock check {shown}"))
            };
            (check, Some(snapshot), compiled.rules)
        }
        Err(errors) => (refused(&errors), None, None),
    }
}

fn render(checks: &[Check], paint: Paint) -> String {
    let width = checks.iter().map(|check| check.name.len()).max().unwrap_or_default();
    let mut text = String::new();
    for check in checks {
        let status = match check.status {
            Status::Ok => paint.paint(Style::Good, "ok      "),
            Status::Degraded => paint.paint(Style::Warning, "degraded"),
            Status::Failed => paint.paint(Style::Error, "failed  "),
        };
        let indent = " ".repeat(width + 12);
        let below = |text: &str| text.replace('\n', &format!("\n{indent}"));
        // Writing to a String does not fail.
        let _ = writeln!(text, "{status}  {:width$}  {}", check.name, below(&check.detail));
        if let Some(fix) = &check.fix {
            let help = paint.paint(Style::Help, "help:");
            let _ = writeln!(text, "{indent}{help} {}", below(fix));
        }
    }
    text
}

fn as_json(checks: &[Check], ok: bool) -> String {
    let check = |check: &Check| {
        json!({
            "name": check.name,
            "status": match check.status {
                Status::Ok => "ok",
                Status::Degraded => "degraded",
                Status::Failed => "failed",
            },
            "detail": check.detail,
            "fix": check.fix,
        })
    };
    let checks: Vec<_> = checks.iter().map(check).collect();
    format!("{:#}\n", json!({ "ok": ok, "checks": checks }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn further_lines_stand_below_the_first() {
        let checks = [Check::ok("a", "1"), Check::failed("long", "2\n3", "4\n5")];
        let told = render(&checks, Paint::for_stdout(Color::Never));
        let below = " ".repeat(16);
        let expected = [
            "ok        a     1",
            "failed    long  2",
            &format!("{below}3"),
            &format!("{below}help: 4"),
            &format!("{below}5"),
        ];
        assert_eq!(told.lines().collect::<Vec<_>>(), expected);
    }
}
