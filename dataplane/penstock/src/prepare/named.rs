//! What a configuration says of rules, held against those that there are.

use std::path::{Path, PathBuf};

use penstock_config::{
    ActionVerb, FindingAction, Findings, Inspection, Kept, Problem, RuleName, Severity, Snapshot,
};
use penstock_inspect::{Action, Class, Entry, Rule, Side, UnknownRule, is_named};

use super::{entries, entry};
use crate::report;

/// That what it says of rules can be, or all that cannot. `known` are all ids, of rules that are disabled too, and
/// `rules` those that are looked for.
pub(super) fn check(
    snapshot: &Snapshot,
    of: &Inspection,
    path: &Path,
    known: &[String],
    rules: &[Rule],
) -> Result<(), Vec<Problem>> {
    let mut wrong = missing(snapshot, of, path, known);
    wrong.extend(without_domain(snapshot, of, path, rules));
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// Every rule that is named and not there, each with its place.
fn missing(snapshot: &Snapshot, of: &Inspection, path: &Path, known: &[String]) -> Vec<Problem> {
    let in_actions = lists(snapshot, of).flat_map(|(_, list)| list).filter_map(rule_of);
    let wrong = |name: &RuleName| {
        let error = UnknownRule::among(&name.id, known.iter().map(String::as_str))?;
        let help = Some("`penstock rules list` names those that are built in".to_owned());
        let place = (name.line, name.column);
        Some(Problem { help, ..report::error(path, place, error.to_string()) })
    };
    of.disable.iter().chain(in_actions).filter_map(wrong).collect()
}

/// Every entry that keeps the domain of what has none, each with its place: of a class the configuration says it
/// itself, of rules it takes those that are looked for.
fn without_domain(
    snapshot: &Snapshot,
    of: &Inspection,
    path: &Path,
    rules: &[Rule],
) -> Vec<Problem> {
    let entries = lists(snapshot, of).flat_map(|(_, list)| list);
    let keeping = entries.filter(|one| one.verb == ActionVerb::Redact(Kept::Domain));
    let wrong = |name: &RuleName| {
        let fitting = rules.iter().filter(|rule| is_named(&name.id, &rule.id));
        let classes: Vec<Class> = fitting.map(|rule| rule.class).collect();
        let class = classes.first().filter(|_| !classes.contains(&Class::Email))?.name();
        let message = format!(
            "`keep` cannot be `domain` for `{name}`: it finds no `email`, and a `{class}` has none"
        );
        let help = Some("write `keep: last4`, or remove it".to_owned());
        Some(Problem { help, ..report::error(path, (name.line, name.column), message) })
    };
    keeping.filter_map(rule_of).filter_map(wrong).collect()
}

/// What can be served and is probably not meant. `rules` are those that are looked for.
pub(super) fn warnings(
    snapshot: &Snapshot,
    of: &Inspection,
    path: &Path,
    rules: &[Rule],
) -> Vec<Problem> {
    let said_at = |place, message: String, help: &str| Problem {
        severity: Severity::Warning,
        help: Some(help.to_owned()),
        ..report::error(path, place, message)
    };
    if rules.is_empty() {
        let first = of.disable.first().map(|first| (first.line, first.column));
        let place = first.unwrap_or((of.line, of.column));
        let message =
            "`inspection` finds nothing: its files have no rules, or `disable` leaves none";
        let help =
            "take rules back, or remove `inspection`; at one server `inspection: off` does that";
        return vec![said_at(place, message.into(), help)];
    }
    let mut said = Vec::new();
    for (name, list) in lists(snapshot, of) {
        for (index, one) in list.iter().enumerate() {
            let before = list.get(..index).unwrap_or_default();
            // Said already, where the file was read.
            if before.iter().any(|before| before.covers(one)) {
                continue;
            }
            let place = format!("`{name}[{index}]`");
            if let Some((message, help)) = pointless(one, before, &place, rules) {
                said.push(said_at((one.line, one.column), message, help));
            }
        }
    }
    if let Some((rule, others)) = never_opened(snapshot, of, rules).split_first() {
        let others = match others.len() {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        let message = format!(
            "rule `{}`{others}: `tokenise`, and no server names tools in `open_for`: no placeholder is ever opened",
            rule.id
        );
        let help = "write `inspection: { open_for: [TOOL] }` at the server whose tools are to get the values, or \
                    `action = \"redact\"`";
        let problem = said_at((of.line, of.column), message, help);
        // What a file changes of a built-in rule has no place.
        said.push(match &rule.place {
            Some((file, line)) => {
                Problem { file: PathBuf::from(&**file), line: *line, column: 1, ..problem }
            }
            None => problem,
        });
    }
    said
}

/// Rules whose own file seals what they find, where no server opens anything. What the configuration's entries seal has
/// been said where it was read.
fn never_opened<'r>(snapshot: &Snapshot, of: &Inspection, rules: &'r [Rule]) -> Vec<&'r Rule> {
    let servers: Vec<_> =
        snapshot.servers.iter().filter_map(|server| server.inspection.as_ref()).collect();
    if servers.iter().any(|own| !own.open_for.is_empty()) {
        return Vec::new();
    }
    let entries: Vec<_> = servers.into_iter().map(|own| entries(of, Some(own))).collect();
    let seals = |rule: &&Rule| {
        let own = |side| Action::of(rule, side, &[]) == Action::Tokenise;
        let is_said = |side, list: &[Entry]| list.iter().any(|entry| entry.fits(rule, side));
        Side::ALL
            .into_iter()
            .any(|side| own(side) && entries.iter().any(|list| !is_said(side, list)))
    };
    rules.iter().filter(seals).collect()
}

/// Whether an entry says which rule it is for that is disabled, so that it is for none.
pub(super) fn is_for_a_rule(action: &FindingAction, rules: &[Rule]) -> bool {
    rule_of(action).is_none_or(|name| rules.iter().any(|rule| is_named(&name.id, &rule.id)))
}

/// Each list of actions by its name: that for all servers, then those of some.
fn lists<'s>(
    snapshot: &'s Snapshot,
    of: &'s Inspection,
) -> impl Iterator<Item = (String, &'s [FindingAction])> {
    let own = snapshot.servers.iter().filter_map(|server| {
        let own = server.inspection.as_ref()?;
        Some((format!("servers.{}.inspection.actions", server.name), &own.actions[..]))
    });
    std::iter::once(("inspection.actions".to_owned(), &of.actions[..])).chain(own)
}

fn rule_of(action: &FindingAction) -> Option<&RuleName> {
    match &action.of {
        Findings::Rules(name) => Some(name),
        Findings::All | Findings::Class(_) => None,
    }
}

/// Why an entry decides nothing, and what to do about it.
fn pointless(
    one: &FindingAction,
    before: &[FindingAction],
    place: &str,
    rules: &[Rule],
) -> Option<(String, &'static str)> {
    let (this, before) = (entry(one), before.iter().map(entry).collect::<Vec<_>>());
    let both = |rule| Side::ALL.map(|side| (rule, side));
    let mut fits =
        rules.iter().flat_map(both).filter(|(rule, side)| this.fits(rule, *side)).peekable();
    if fits.peek().is_none() {
        return match &one.of {
            Findings::Rules(name) => Some((
                format!("{place} says nothing: `{name}` is disabled"),
                "remove it, or take the rule back from `inspection.disable` or a file's `disabledRules`",
            )),
            Findings::Class(class) => Some((
                format!("{place} says nothing: no rule is of class `{class}`"),
                if *class == "name" {
                    "`inspection.names` takes a list of names; or remove it"
                } else {
                    "take back what `inspection.disable` or `built_in` leaves out, or remove it"
                },
            )),
            Findings::All => None,
        };
    }
    let reached = fits.any(|(rule, side)| !before.iter().any(|before| before.fits(rule, side)));
    (!reached).then(|| {
        let message = format!("{place} is never reached: entries before it fit all that it does");
        (message, "put it before those, or remove it")
    })
}
