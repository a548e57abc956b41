//! `cargo xtask bench detection`: recall and precision on labelled texts.

mod corpus;
mod score;

use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow, ensure};
use clap::Parser;
use penstock_inspect::{EngineKind, Form, Inspector, Limits, RuleSet};
use score::{Counts, Report, Score, Share, Wrong};
use serde_json::json;

/// What the built-in rules find in labelled texts, and what they report that is not there.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// A file of JSON Lines, or a folder of such files; bench/detection/README.md says what a line holds.
    #[arg(long)]
    corpus: PathBuf,
    /// Everything as JSON instead of tables.
    #[arg(long)]
    json: bool,
    /// How many misses and how many false reports are shown.
    #[arg(long, default_value_t = 30)]
    show: usize,
    /// The engine that runs where libhs is absent.
    #[arg(long)]
    portable: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let cases = corpus::read(&arguments.corpus)?;
    ensure!(!cases.is_empty(), "{} holds no case", arguments.corpus.display());
    let kind = if arguments.portable { EngineKind::Portable } else { EngineKind::BEST };
    let inspector = Inspector::new(RuleSet::built_in()?, kind, Limits::default());
    let inspector = inspector.map_err(|error| anyhow!(error))?;
    let mut scratch = inspector.scratch()?;
    let mut score = Score::default();
    for case in &cases {
        let findings = inspector.scan(case.text.as_bytes(), Form::Text, &mut scratch);
        let findings = findings.with_context(|| format!("case `{}`", case.id))?.to_vec();
        let reports: Vec<Report> = inspector
            .distinct(&findings)
            .filter_map(|finding| {
                let rule = inspector.rule(finding)?;
                let (rule, class) = (rule.id.clone(), rule.class.name());
                Some(Report { rule, class, range: finding.source() })
            })
            .collect();
        score.add(case, &reports);
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&told(&score, cases.len(), kind))?);
    } else {
        print(&score, cases.len(), kind, arguments.show);
    }
    Ok(())
}

fn percent(share: Share) -> String {
    if share.of == 0 {
        return format!("{:>22}", "–");
    }
    let (low, high) = share.interval();
    format!("{:5.1}% ({:4.1}–{:5.1}%)", share.value() * 100.0, low * 100.0, high * 100.0)
}

fn print(score: &Score, cases: usize, kind: EngineKind, show: usize) {
    println!("{cases} cases, engine {}\n", kind.name());
    println!(
        "{:14} {:>7} {:>22} {:>9} {:>22}",
        "class", "values", "recall", "reported", "precision"
    );
    for (class, counts) in &score.classes {
        let Counts { labelled, reported, .. } = counts;
        let (recall, precision) = (percent(counts.recall()), percent(counts.precision()));
        println!("{class:14} {labelled:>7} {recall:>22} {reported:>9} {precision:>22}");
    }
    println!("\n{:44} {:>9} {:>22}", "rule with false reports", "reported", "precision");
    for (rule, counts) in score.rules.iter().filter(|(_, one)| one.reported_right < one.reported) {
        println!("{rule:44} {:>9} {:>22}", counts.reported, percent(counts.precision()));
    }
    for (title, wrong) in
        [("missed", &score.missed), ("reported, and not labelled", &score.invented)]
    {
        println!("\n{title}: {}", wrong.len());
        for one in wrong.iter().take(show) {
            let Wrong { case, class, rule, text, around } = one;
            let rule = rule.as_deref().unwrap_or("–");
            println!("  {case}: {class} {rule} {text:?} in {around:?}");
        }
    }
}

fn told(score: &Score, cases: usize, kind: EngineKind) -> serde_json::Value {
    let share = |share: Share| {
        let interval = (share.of > 0).then(|| share.interval());
        json!({"of": share.of, "hits": share.hits, "interval95": interval})
    };
    let counts = |(name, counts): (&String, &Counts)| {
        let both =
            json!({"recall": share(counts.recall()), "precision": share(counts.precision())});
        (name.clone(), both)
    };
    let wrong = |one: &Wrong| {
        let Wrong { case, class, rule, text, .. } = one;
        json!({"case": case, "class": class, "rule": rule, "text": text})
    };
    json!({
        "cases": cases,
        "engine": kind.name(),
        "classes": score.classes.iter().map(counts).collect::<serde_json::Map<_, _>>(),
        "rules": score.rules.iter().map(counts).collect::<serde_json::Map<_, _>>(),
        "missed": score.missed.iter().map(wrong).collect::<Vec<_>>(),
        "invented": score.invented.iter().map(wrong).collect::<Vec<_>>(),
    })
}
