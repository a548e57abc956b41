//! `penstock rules`: what is looked for, whether it works, and why something is found or not.

mod chosen;
mod explain;
mod list;
mod read;
mod test;

use std::path::{Path, PathBuf};

use penstock_config::Problem;
use penstock_inspect::{EngineKind, Inspector, Limits, RuleSet, UnknownRule};

use self::read::Unread;
use crate::cli::RulesCommand;
use crate::exit::{Exit, Failure};
use crate::report;
use crate::terminal::{Color, Paint};

/// How alike two ids are of which one may be meant by the other, of 1,
const ALIKE_MIN: f64 = 0.88;
/// and how many of those are named.
const ALIKE_MAX: usize = 5;

pub(crate) use chosen::{Actions, Chosen};
pub(crate) use read::read;
pub(crate) use test::failures;

pub(crate) fn run(
    command: &RulesCommand,
    config: Option<&Path>,
    color: Color,
) -> Result<Exit, Failure> {
    match command {
        RulesCommand::List(args) => list::run(args, config, color),
        RulesCommand::Test(args) => test::run(args, config, color),
        RulesCommand::Explain(args) => explain::run(args, config, color),
    }
}

/// The built-in rules.
pub(crate) fn built_in() -> Result<RuleSet, Failure> {
    RuleSet::built_in().map_err(|error| Failure::new(Exit::Data, error.to_string()))
}

/// The rules of a file.
fn load(path: &Path, paint: Paint) -> Result<RuleSet, Failure> {
    let text = read(path).map_err(Unread::failure)?;
    let set = RuleSet::from_file(&path.display().to_string(), &text, &mut |name| {
        let path = beside(path, name);
        let text = read(&path).map_err(|unread| unread.what)?;
        Ok((path.display().to_string(), text))
    });
    set.map_err(|error| {
        let problems = report::of_rules(error);
        let wrong = report::errors_in(&problems);
        Failure::new(Exit::Data, format!("{} cannot be used: {wrong}", path.display()))
            .details(report::render(&problems, paint))
            .help("docs/rules.md says how rules are written; nothing was looked into")
    })
}

/// The rules of a file for `serve`; every file that was read for them is put into `files`, with what stands in it.
pub(crate) fn load_noting(
    path: &Path,
    files: &mut Vec<(PathBuf, String)>,
) -> Result<RuleSet, Vec<Problem>> {
    let mut note = |path: &Path| {
        let text = read(path)?;
        files.push((path.to_owned(), text.clone()));
        Ok(text)
    };
    let text = note(path).map_err(|unread: Unread| vec![unread.problem(path)])?;
    let mut other = |name: &str| {
        let path = beside(path, name);
        let text = note(&path).map_err(|unread| unread.what)?;
        Ok((path.display().to_string(), text))
    };
    let set = RuleSet::from_file(&path.display().to_string(), &text, &mut other);
    set.map_err(report::of_rules)
}

/// What a file extends is named from where it is itself.
fn beside(path: &Path, name: &str) -> PathBuf {
    path.parent().unwrap_or(Path::new("")).join(name)
}

/// The failure of a command that names a rule which is not there.
pub(crate) fn unknown(id: &str, set: &RuleSet) -> Failure {
    // A pattern is no id, and near to none.
    let ids = set.rules().iter().filter(|_| !id.contains('*')).map(|rule| rule.id.as_str());
    let near = alike(id, ids);
    let help = match &near[..] {
        [] => "`penstock rules list` names them all".to_owned(),
        [one] => format!("did you mean `{one}`?"),
        some => format!("did you mean one of: {}", some.join(", ")),
    };
    let unknown = UnknownRule { id: id.to_owned(), nearest: None };
    Failure::new(Exit::Usage, unknown.to_string()).help(help)
}

/// Ids that may be meant, the likeliest first: they have what was written in them, or are written alike.
fn alike<'r>(asked: &str, ids: impl Iterator<Item = &'r str>) -> Vec<&'r str> {
    let asked = asked.to_lowercase();
    let likeness = |id: &str| {
        let within = !asked.is_empty() && id.contains(&asked);
        if within { 1.0 } else { strsim::jaro_winkler(&asked, id) }
    };
    let mut near: Vec<(&str, f64)> = ids.map(|id| (id, likeness(id))).collect();
    near.retain(|(_, likeness)| *likeness >= ALIKE_MIN);
    near.sort_by(|one, other| other.1.total_cmp(&one.1));
    near.into_iter().take(ALIKE_MAX).map(|(id, _)| id).collect()
}

/// The failure of a command whose rules no engine takes.
pub(crate) fn engine(why: &str) -> Failure {
    let kind = EngineKind::BEST.name();
    Failure::new(Exit::Unavailable, format!("the engine {kind} cannot be used: {why}"))
        .help("`penstock doctor` says what this build has")
}

fn inspector(set: RuleSet, kind: EngineKind) -> Result<Inspector, Failure> {
    Inspector::new(set, kind, Limits::default()).map_err(|error| engine(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_may_be_meant_are_named() {
        let ids = ["github-oauth-token", "github-app-token", "jwt"];
        let near = |asked| alike(asked, ids.into_iter());
        assert_eq!(near("GitHub"), ["github-oauth-token", "github-app-token"]);
        assert_eq!(near("github-oath-token").first(), Some(&"github-oauth-token"));
        assert_eq!(near("jwtt"), ["jwt"]);
        assert!(near("").is_empty() && near("aws-key").is_empty());
    }
}
