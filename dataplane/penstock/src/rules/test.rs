//! `penstock rules test`: whether rules find what they say they find.

use std::fmt::Write;
use std::path::Path;

use penstock_inspect::{EngineKind, Form, Inspector, Rule, Sought};

use super::{Chosen, inspector};
use crate::cli::RulesTestArgs;
use crate::exit::{Exit, Failure};
use crate::report::count;
use crate::terminal::{Color, Paint, Style, print};

pub(super) fn run(
    args: &RulesTestArgs,
    config: Option<&Path>,
    color: Color,
) -> Result<Exit, Failure> {
    let file = args.file.as_deref();
    let name = file.or(config).map_or("built-in".to_owned(), |path| path.display().to_string());
    let paint = Paint::for_stdout(color);
    let mut report = Report { name, paint, text: String::new(), errors: 0, warnings: 0 };
    let mut inspector = inspector(Chosen::new(file, config, None, color)?.set, EngineKind::BEST)?;
    inspector.rules().iter().for_each(|rule| report.warnings_of(rule));
    // Each failure with the engines that have it.
    let mut failed: Vec<(String, String, Vec<&str>)> = Vec::new();
    for kind in EngineKind::BUILT {
        inspector = inspector.on(*kind).map_err(|error| super::engine(&error))?;
        for (rule, what) in failures(&inspector, |_| true).map_err(|error| super::engine(&error))? {
            let before = failed.iter_mut().find(|(id, told, _)| *id == rule.id && *told == what);
            match before {
                Some((_, _, engines)) => engines.push(kind.name()),
                None => failed.push((rule.id.clone(), what, vec![kind.name()])),
            }
        }
    }
    for (id, mut what, engines) in failed {
        if engines.len() < EngineKind::BUILT.len() {
            what = format!("{what}, on {} alone", engines.join(" and "));
        }
        report.error(&id, &what);
    }
    let of = |rule: &Rule| rule.examples.len() + rule.counterexamples.len();
    let (rules, texts) = (inspector.rules().len(), inspector.rules().iter().map(of).sum());
    let Report { name, mut text, errors, warnings, .. } = report;
    let told = if errors == 0 {
        paint.paint(Style::Good, "ok")
    } else {
        paint.paint(Style::Error, &count(errors, "error"))
    };
    let engines: Vec<_> = EngineKind::BUILT.iter().map(|kind| kind.name()).collect();
    // Writing to a String does not fail.
    let _ = writeln!(
        text,
        "{name}: {told}: {}, {}, {}, on {}",
        count(rules, "rule"),
        count(texts, "example"),
        count(warnings, "warning"),
        engines.join(" and "),
    );
    print(&text)?;
    Ok(if errors == 0 { Exit::Done } else { Exit::Found })
}

/// What some rules do not find of their examples, or find of their counterexamples; a sentence each. A text is told by
/// its number: it may be a secret.
pub(crate) fn failures(
    inspector: &Inspector,
    which: impl Fn(&Rule) -> bool,
) -> Result<Vec<(&Rule, String)>, String> {
    let mut scratch = inspector.scratch().map_err(|error| error.to_string())?;
    let mut is_found = |rule: &Rule, text: &str| {
        let findings = inspector.scan(text.as_bytes(), Form::Text, &mut scratch);
        let found = findings.map_err(|error| error.to_string())?;
        let of_rule = |one| inspector.rule(one).is_some_and(|other| other.id == rule.id);
        Ok::<bool, String>(found.iter().any(of_rule))
    };
    let mut failures = Vec::new();
    for rule in inspector.rules().iter().filter(|rule| which(rule)) {
        for (text, number) in rule.examples.iter().zip(1..) {
            if !is_found(rule, text)? {
                let why = rule.refusal(text.as_bytes());
                failures.push((rule, format!("example {number} is not found: {why}")));
            }
        }
        for (text, number) in rule.counterexamples.iter().zip(1..) {
            if is_found(rule, text)? {
                failures.push((rule, format!("counterexample {number} is found")));
            }
        }
    }
    Ok(failures)
}

struct Report {
    name: String,
    paint: Paint,
    text: String,
    errors: usize,
    warnings: usize,
}

impl Report {
    fn warnings_of(&mut self, rule: &Rule) {
        // A list of names is its own example.
        if rule.examples.is_empty() && rule.detector() != Some("names") {
            self.warning(&rule.id, "it has no examples, so that nothing shows that it works");
        }
        if rule.sought().contains(&Sought::Everywhere) {
            self.warning(
                &rule.id,
                "it is asked everywhere, which is slow: no word, run or digits are in every match of its regex; \
                 write a word into the regex, or `context` with `requireContext`",
            );
        }
    }

    fn error(&mut self, id: &str, what: &str) {
        self.errors += 1;
        self.line(Style::Error, "error:", id, what);
    }

    fn warning(&mut self, id: &str, what: &str) {
        self.warnings += 1;
        self.line(Style::Warning, "warning:", id, what);
    }

    fn line(&mut self, style: Style, kind: &str, id: &str, what: &str) {
        let Self { name, paint, text, .. } = self;
        // Writing to a String does not fail.
        let _ = writeln!(text, "{} {name}: rule `{id}`: {what}", paint.paint(style, kind));
    }
}
