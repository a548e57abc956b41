//! Problems of a configuration, for people.

use std::fmt::Write;
use std::io;
use std::path::Path;

use penstock_config::{Errors, Problem, Severity};
use penstock_inspect::{Fault, RuleError};

use crate::exit::{Exit, Failure};
use crate::terminal::{Paint, Style};

/// The failure of a command whose configuration, at `path`, is refused.
pub(crate) fn refusal(path: &Path, errors: &Errors, paint: Paint) -> Failure {
    match errors {
        Errors::Unreadable { path, source } => {
            let Problem { message, help, .. } = unreadable(path, source);
            Failure::of_io(source, Exit::NoInput, message).help(help.unwrap_or_default())
        }
        Errors::Invalid { problems } => {
            let message = format!("{} cannot be served: {}", path.display(), errors_in(problems));
            Failure::new(Exit::Config, message).details(render(problems, paint))
        }
    }
}

/// What is wrong with a configuration that cannot be read.
pub(crate) fn unreadable(path: &Path, source: &io::Error) -> Problem {
    let help = "`penstock init` writes a first configuration; `--config FILE` names another";
    let message = format!("cannot read {}: {source}", path.display());
    Problem { help: Some(help.to_owned()), ..error(path, (1, 1), message) }
}

/// How many of these are errors, for a person.
pub(crate) fn errors_in(problems: &[Problem]) -> String {
    let wrong = problems.iter().filter(|problem| problem.severity == Severity::Error);
    count(wrong.count(), "error")
}

/// What is wrong at a place, or with a file as a whole at its first.
pub(crate) fn error(file: &Path, (line, column): (usize, usize), message: String) -> Problem {
    Problem {
        severity: Severity::Error,
        file: file.to_owned(),
        line,
        column,
        message,
        help: None,
        excerpt: None,
    }
}

/// What is wrong with files of rules.
pub(crate) fn of_rules(RuleError { faults }: RuleError) -> Vec<Problem> {
    let problem = |Fault { file, line, column, what, help }: Fault| Problem {
        help,
        ..error(Path::new(&file), (line, column), what)
    };
    faults.into_iter().map(problem).collect()
}

/// Each problem with its place, its line and its fix.
pub(crate) fn render(problems: &[Problem], paint: Paint) -> String {
    let mut text = String::new();
    for problem in problems {
        // Writing to a String does not fail.
        let _ = render_one(&mut text, problem, paint);
    }
    text
}

fn render_one(text: &mut String, problem: &Problem, paint: Paint) -> std::fmt::Result {
    let (style, kind) = match problem.severity {
        Severity::Error => (Style::Error, "error:"),
        Severity::Warning => (Style::Warning, "warning:"),
    };
    writeln!(text, "{} {}", paint.paint(style, kind), problem.message)?;
    let Problem { file, line, column, .. } = problem;
    let gutter = " ".repeat(line.to_string().len());
    let [arrow, bar, equals] = ["-->", "|", "="].map(|sign| paint.paint(Style::Quiet, sign));
    writeln!(text, "{gutter} {arrow} {}:{line}:{column}", file.display())?;
    if let Some(excerpt) = &problem.excerpt {
        let space = " ".repeat(excerpt.start);
        let mark = paint.paint(style, &"^".repeat(excerpt.width));
        writeln!(text, "{gutter} {bar}")?;
        writeln!(text, "{line} {bar} {}", excerpt.text.trim_end())?;
        writeln!(text, "{gutter} {bar} {space}{mark}")?;
    }
    if let Some(help) = &problem.help {
        writeln!(text, "{gutter} {equals} {} {help}", paint.paint(Style::Help, "help:"))?;
    }
    writeln!(text)
}

/// `1 error`, `2 errors`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
