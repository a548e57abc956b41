//! `penstock rules explain`.

use std::fmt::Write;
use std::path::Path;

use penstock_inspect::{EngineKind, Exception, Finding, Form, Inspector, Rule, Scratch, Sought};

use super::{Actions, Chosen, built_in, inspector, unknown};
use crate::cli::ExplainArgs;
use crate::exit::{Exit, Failure};
use crate::inspect::Masks;
use crate::terminal::{Color, Paint, Style, print};

pub(super) fn run(
    args: &ExplainArgs,
    config: Option<&Path>,
    color: Color,
) -> Result<Exit, Failure> {
    let chosen = Chosen::new(args.rules.as_deref(), config, args.server.as_deref(), color)?;
    let Some(rule) = chosen.set.rules().iter().find(|rule| rule.id == args.id) else {
        if chosen.configured() && built_in()?.rules().iter().any(|rule| rule.id == args.id) {
            let message = format!(
                "`{}` is built in, and not looked for: the configuration disables it, or `built_in` is false",
                args.id
            );
            let help = "without `--config` it is explained all the same";
            return Err(Failure::new(Exit::Usage, message).help(help));
        }
        return Err(unknown(&args.id, &chosen.set));
    };
    let actions = chosen.actions(rule);
    // What the built-in rules find in an example is masked too.
    let others = args.rules.is_some() || chosen.configured();
    let set = if others { chosen.set.and(built_in()?) } else { chosen.set };
    let inspector = inspector(set, EngineKind::BEST)?;
    let mut scratch = inspector.scratch().map_err(|error| super::engine(&error.to_string()))?;
    let paint = Paint::for_stdout(color);
    let rule = inspector.rules().iter().find(|rule| rule.id == args.id);
    let text = rule.map(|rule| explained(rule, actions, &inspector, &mut scratch, paint));
    print(&text.transpose()?.unwrap_or_default())?;
    Ok(Exit::Done)
}

fn explained(
    rule: &Rule,
    actions: Actions,
    inspector: &Inspector,
    scratch: &mut Scratch,
    paint: Paint,
) -> Result<String, Failure> {
    let mut text = format!("{}\n", paint.paint(Style::Good, &rule.id));
    let mut line = |name: &str, what: &str| {
        // Writing to a String does not fail.
        let _ = writeln!(text, "  {}  {what}", paint.paint(Style::Help, &format!("{name:11}")));
    };
    line("description", &rule.description);
    line("class", rule.class.name());
    line("action", &actions.told());
    if let Some(detector) = rule.detector() {
        line("detector", detector);
    } else {
        line("regex", rule.pattern());
        line("secret", &secret(rule));
    }
    if !rule.keywords.is_empty() {
        let place =
            if rule.keywords_within() { "within the match" } else { "anywhere in the text" };
        line("keywords", &format!("{place}, one of: {}", rule.keywords.join(", ")));
    }
    if let Some(bits) = rule.entropy {
        line("entropy", &format!("{bits} bits a byte or more"));
    }
    if let Some(validator) = rule.validator {
        line("validator", validator.name());
    }
    if !rule.context().is_empty() {
        let must = if rule.require_context { "must stand" } else { "makes it likelier" };
        line("context", &format!("beside it {must} one of: {}", rule.context().join(", ")));
    }
    rule.exceptions().for_each(|exception| line("allowlist", &let_go(&exception)));
    rule.sought().iter().for_each(|one| line("looked for", &sought(one)));
    for (name, texts) in [("example", &rule.examples), ("not this", &rule.counterexamples)] {
        for example in texts {
            line(name, &masked(example, inspector, scratch, paint)?);
        }
    }
    Ok(text)
}

fn secret(rule: &Rule) -> String {
    match rule.secret_group() {
        Some(group) => format!("group {group} of the regex"),
        None => "the first group of the regex that takes part, else the whole match".into(),
    }
}

fn let_go(exception: &Exception<'_>) -> String {
    let Exception { all, target, regexes, stop_words } = exception;
    let mut parts = Vec::new();
    if !regexes.is_empty() {
        let of = if *target == "secret" { "the secret" } else { &format!("the {target}") };
        parts.push(format!("{of} matches one of: {}", regexes.join(" , ")));
    }
    if !stop_words.is_empty() {
        parts.push(format!("the secret has one of: {}", stop_words.join(", ")));
    }
    format!("not where {}", parts.join(if *all { "; and " } else { "; or where " }))
}

fn sought(sought: &Sought) -> String {
    match sought {
        Sought::Words(words) => format!("in every match, one of: {}", words.join(", ")),
        Sought::Context(_) => "a word of the context".into(),
        Sought::Run(bytes) => format!("{bytes} bytes of a token and more, in a row"),
        Sought::Digits(digits) => format!("{digits} digits and more, close together"),
        Sought::Capitals(bytes) => {
            format!("{bytes} capital letters and digits and more, close together")
        }
        Sought::HexDigits(digits) => format!("{digits} hex digits and more, close together"),
        Sought::Detector(name) => format!("what the detector {name} finds"),
        Sought::Everywhere => "nothing: the regex is run over every message, which is slow".into(),
    }
}

/// A text with all masked that is found in it, by whatever rule.
fn masked(
    text: &str,
    inspector: &Inspector,
    scratch: &mut Scratch,
    paint: Paint,
) -> Result<String, Failure> {
    let bytes = text.as_bytes();
    let findings = inspector.scan(bytes, Form::of(bytes), scratch);
    let findings: Vec<Finding> =
        findings.map_err(|error| super::engine(&error.to_string()))?.to_vec();
    Ok(Masks::new(bytes, &findings, scratch).whole(paint))
}
