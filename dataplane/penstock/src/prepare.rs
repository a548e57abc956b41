//! What looks into messages, made ready from the configuration and the files of rules that it names.

mod named;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use penstock_config::{
    ActionVerb, Direction, FindingAction, Findings, Inspection, InspectionEngine, Kept, Problem,
    Secret, ServerInspection, Severity, Snapshot,
};
use penstock_inspect::{
    Action, Class, EngineKind, Entry, Inspector, Keep, Keys, Limits, Of, OverLimit, Policy, Rule,
    RuleSet, Settings, Side, Tuning, is_named,
};
use penstock_proxy::{Guard, Guards};

use crate::{report, rules};

/// Rules that an engine has taken, and what they came from.
#[derive(Clone)]
pub(crate) struct Prepared {
    inspector: Arc<Inspector>,
    keys: Arc<Keys>,
    /// What `keys` were made of; they are kept for as long as that does not change.
    key: Option<Secret>,
    of: Inspection,
    read: Read,
    /// Why it is not the engine that would be taken first.
    pub(crate) fallback: Option<String>,
    /// How long the rules took; nothing where they were ready.
    pub(crate) took: Option<Duration>,
}

/// What was read for rules.
#[derive(Clone, Default)]
struct Read {
    /// Every file, with what stood in it.
    files: Vec<(PathBuf, String)>,
    /// Every rule's id, of those too that are disabled.
    known: Vec<String>,
    /// What of the files cannot be kept.
    notes: Vec<String>,
}

impl Prepared {
    /// Makes ready what a configuration says, with what was ready before where nothing changed. `None` where nothing
    /// is to be looked for.
    pub(crate) fn new(
        snapshot: &Snapshot,
        path: &Path,
        before: Option<&Self>,
    ) -> Result<Option<Self>, Vec<Problem>> {
        let Some(of) = &snapshot.inspection else { return Ok(None) };
        let same_key = before.filter(|before| before.key == of.key);
        let keys =
            same_key.map_or_else(|| keys(of, path), |before| Ok(Arc::clone(&before.keys)))?;
        let key = of.key.clone();
        if let Some(before) = before.filter(|before| before.holds_for(of)) {
            named::check(snapshot, of, path, &before.read.known, before.inspector.rules())?;
            let same = before.clone();
            return Ok(Some(Self { keys, key, of: of.clone(), took: None, ..same }));
        }
        let began = Instant::now();
        let mut read = Read::default();
        let mut load = || {
            read = Read::default();
            load(snapshot, of, path, &mut read)
        };
        let limits = Limits { message_bytes: of.message_bytes_max, ..Limits::default() };
        let (inspector, fallback) = engine(of, path, &mut load, limits)?;
        let took = Some(began.elapsed());
        let inspector = Arc::new(inspector);
        Ok(Some(Self { inspector, keys, key, of: of.clone(), read, fallback, took }))
    }

    /// Whether the same rules are meant, and nothing else stands in their files.
    fn holds_for(&self, of: &Inspection) -> bool {
        let same_rules = |one: &Inspection| {
            let disabled: Vec<_> = one.disable.iter().map(|rule| rule.id.clone()).collect();
            let Inspection { engine, built_in, rules, names, message_bytes_max, .. } = one;
            (*engine, *built_in, rules.clone(), names.clone(), *message_bytes_max, disabled)
        };
        let same_text =
            |(file, text): &(PathBuf, String)| rules::read(file).is_ok_and(|now| now == *text);
        same_rules(of) == same_rules(&self.of) && self.read.files.iter().all(same_text)
    }

    /// What looks into each virtual server's messages.
    pub(crate) fn guards(&self, snapshot: &Snapshot, path: &Path) -> Result<Guards, Vec<Problem>> {
        let of = &self.of;
        let over_limit = if of.pass_over_limit { OverLimit::Pass } else { OverLimit::Block };
        let guard = |server: &penstock_config::Server| {
            let Some(own) = &server.inspection else { return Ok(None) };
            let rules = self.inspector.rules();
            let actions = actions(of, Some(own)).filter(|one| named::is_for_a_rule(one, rules));
            let settings = Settings {
                server: &server.name,
                actions: &actions.map(entry).collect::<Vec<_>>(),
                over_limit,
                open_for: &own.open_for,
            };
            let policy = Policy::new(Arc::clone(&self.inspector), settings, Arc::clone(&self.keys));
            let policy = policy.map_err(|error| at_key(of, path, error.to_string()))?;
            Ok(Some(Arc::new(Guard {
                server: server.name.clone(),
                policy,
                message_bytes: of.message_bytes_max,
                over_limit,
            })))
        };
        snapshot.servers.iter().map(guard).collect()
    }

    /// The files whose change means that rules are to be loaded again.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        self.read.files.iter().map(|(file, _)| file.as_path())
    }

    /// What of the files of rules cannot be kept, a sentence each.
    pub(crate) fn notes(&self) -> &[String] {
        &self.read.notes
    }

    /// What the configuration says of rules and probably does not mean.
    pub(crate) fn warnings(&self, snapshot: &Snapshot, path: &Path) -> Vec<Problem> {
        named::warnings(snapshot, &self.of, path, self.inspector.rules())
    }

    /// The rules of its files that do not do what their examples say, for who reads what `check` says.
    pub(crate) fn failures(&self) -> Vec<Problem> {
        let failures = rules::failures(&self.inspector, |rule| !rule.is_built_in());
        // Without memory to look with nothing is served either, and that is said.
        let problem = |(rule, what): (&Rule, String)| {
            let (file, line) = rule.place.as_ref()?;
            let message = format!("rule `{}`: {what}", rule.id);
            let help = format!("mend the regex or the example; `penstock rules test {file}`");
            Some(Problem {
                severity: Severity::Warning,
                help: Some(help),
                ..report::error(Path::new(&**file), (*line, 1), message)
            })
        };
        failures.unwrap_or_default().into_iter().filter_map(problem).collect()
    }

    pub(crate) fn engine(&self) -> EngineKind {
        self.inspector.engine()
    }

    pub(crate) fn rules(&self) -> usize {
        self.inspector.rules().len()
    }

    /// Says in the log what is ready.
    pub(crate) fn log(&self, guards: &Guards) {
        let engine = self.engine().name();
        if let Some(why) = &self.fallback {
            tracing::warn!(
                engine,
                why,
                "messages are looked into by the slower engine; it finds the same"
            );
        }
        let (rules, servers) = (self.rules(), guards.iter().flatten().count());
        // Rules that are as they were take no time.
        let millis = self.took.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        tracing::info!(engine, rules, servers, millis, "inspection is ready");
        let opens = |guard: &Arc<Guard>| guard.policy.tokenises() && guard.policy.opens();
        if self.key.is_none() && guards.iter().flatten().any(opens) {
            tracing::warn!(
                "`tokenise` without `inspection.key`: placeholders can be opened until penstock ends, and \
                 by no other"
            );
        }
    }
}

/// What is wrong with `inspection` as a whole.
fn at_key(of: &Inspection, path: &Path, message: String) -> Vec<Problem> {
    vec![report::error(path, (of.line, of.column), message)]
}

/// What values are sealed and told by.
pub(crate) fn keys(of: &Inspection, path: &Path) -> Result<Arc<Keys>, Vec<Problem>> {
    let keys = match &of.key {
        Some(key) => Keys::from_text(key.expose()),
        None => Keys::random(),
    };
    keys.map(Arc::new).map_err(|error| at_key(of, path, format!("`inspection.key`: {error}")))
}

/// The rules that a configuration is about; nothing where nothing is to be looked for.
pub(crate) fn rule_set(snapshot: &Snapshot, path: &Path) -> Result<Option<RuleSet>, Vec<Problem>> {
    let of = snapshot.inspection.as_ref();
    of.map(|of| load(snapshot, of, path, &mut Read::default())).transpose()
}

/// What a configuration says of findings, in all servers' messages or in one's.
pub(crate) fn entries(of: &Inspection, server: Option<&ServerInspection>) -> Vec<Entry> {
    actions(of, server).map(entry).collect()
}

fn actions<'s>(
    of: &'s Inspection,
    server: Option<&'s ServerInspection>,
) -> impl Iterator<Item = &'s FindingAction> {
    server.into_iter().flat_map(|own| &own.actions).chain(&of.actions)
}

/// The rules of the configuration's files, then the built-in ones, without those that it disables.
fn load(
    snapshot: &Snapshot,
    of: &Inspection,
    path: &Path,
    read: &mut Read,
) -> Result<RuleSet, Vec<Problem>> {
    let mut set = RuleSet::default();
    let (mut tunings, mut left_out, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    for file in &of.rules {
        let more = match rules::load_noting(file, &mut read.files) {
            Ok(more) => more,
            Err(problems) => {
                wrong.extend(problems);
                continue;
            }
        };
        if !of.built_in && more.rules().iter().any(Rule::is_built_in) {
            left_out.push(format!(
                "{}: what `extend.useDefault` brings is left out, and what the file changes of it: the configuration \
                 says `built_in: false`",
                file.display()
            ));
        }
        let (more, tuning) = more.without_built_in();
        tunings.push(tuning);
        let differing = more.differing(&set);
        if let Some(rule) = more.rules().iter().find(|rule| differing.contains(&rule.id)) {
            let line = rule.place.as_ref().map_or(1, |(_, line)| *line);
            let others = match differing.len() {
                0 | 1 => String::new(),
                of => format!(" (and {} more)", of - 1),
            };
            let message = format!(
                "rule `{}`{others} is in a file before it with another regex; give one of the two another id",
                rule.id
            );
            wrong.push(report::error(file, (line, 1), message));
        }
        set = set.and(more);
    }
    if of.built_in {
        set = set.and_built_in(&tunings).map_err(report::of_rules)?;
    }
    if let Some(names) = &of.names {
        match with_names(set, names, read) {
            Ok(with) => set = with,
            Err(problems) => return Err([wrong, problems].concat()),
        }
    }
    // What is named may be in a file that could not be read.
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let disabled = tunings.iter().filter(|_| of.built_in).flat_map(Tuning::disabled);
    let ids = set.rules().iter().map(|rule| rule.id.as_str());
    read.known = ids.chain(disabled).map(str::to_owned).collect();
    read.notes = [set.notes(), &left_out].concat();
    let is_there = |id: &&str| set.rules().iter().any(|rule| is_named(id, &rule.id));
    let ids = of.disable.iter().map(|rule| rule.id.as_str());
    let ids: Vec<_> = ids.filter(is_there).collect();
    set = set.without(ids).map_err(|error| at_key(of, path, error.to_string()))?;
    named::check(snapshot, of, path, &read.known, set.rules())?;
    if set.rules().len() > penstock_inspect::RULES_MAX {
        let (rules, most) = (set.rules().len(), penstock_inspect::RULES_MAX);
        return Err(at_key(of, path, format!("there are {rules} rules; {most} may hold at once")));
    }
    Ok(set)
}

/// Rules, and the names of a list.
fn with_names(set: RuleSet, file: &Path, read: &mut Read) -> Result<RuleSet, Vec<Problem>> {
    let name = file.display().to_string();
    let list = rules::read(file).map_err(|unread| vec![unread.problem(file)])?;
    let set = set.with_names(&name, &list).map_err(report::of_rules)?;
    read.files.push((file.to_owned(), list));
    Ok(set)
}

/// The engine that is asked for, or the best that there is, and why that is not the best of all.
fn engine(
    of: &Inspection,
    path: &Path,
    load: &mut dyn FnMut() -> Result<RuleSet, Vec<Problem>>,
    limits: Limits,
) -> Result<(Inspector, Option<String>), Vec<Problem>> {
    let mut with = |kind: EngineKind| {
        Inspector::new(load()?, kind, limits).map_err(|why| {
            let engine = kind.name();
            let message = format!(
                "the engine {engine} cannot be used: {why}; `penstock doctor` says what this build has"
            );
            at_key(of, path, message)
        })
    };
    match of.engine {
        InspectionEngine::Vectorscan => Ok((with(EngineKind::Vectorscan)?, None)),
        InspectionEngine::Portable => Ok((with(EngineKind::Portable)?, None)),
        InspectionEngine::Auto if EngineKind::BEST == EngineKind::Portable => {
            let why = "penstock was built without Vectorscan".to_owned();
            Ok((with(EngineKind::Portable)?, Some(why)))
        }
        InspectionEngine::Auto => match with(EngineKind::BEST) {
            Ok(inspector) => Ok((inspector, None)),
            Err(problems) => {
                // A fault of the rules is one of any engine's.
                let inspector = with(EngineKind::Portable).map_err(|_| problems.clone())?;
                let why: Vec<_> = problems.into_iter().map(|problem| problem.message).collect();
                Ok((inspector, Some(why.join("; "))))
            }
        },
    }
}

fn entry(action: &FindingAction) -> Entry {
    Entry {
        of: match &action.of {
            Findings::All => Of::All,
            Findings::Class(name) => class(name).map_or(Of::All, Of::Class),
            Findings::Rules(rule) => Of::Rules(rule.id.clone()),
        },
        side: action.direction.map(|direction| match direction {
            Direction::Request => Side::Request,
            Direction::Response => Side::Response,
        }),
        action: match action.verb {
            ActionVerb::Ignore => Action::Ignore,
            ActionVerb::Report => Action::Report,
            ActionVerb::Tokenise => Action::Tokenise,
            ActionVerb::Block => Action::Block,
            ActionVerb::Redact(Kept::Nothing) => Action::Redact(Keep::Nothing),
            ActionVerb::Redact(Kept::Last4) => Action::Redact(Keep::Last4),
            ActionVerb::Redact(Kept::Domain) => Action::Redact(Keep::Domain),
        },
    }
}

fn class(name: &str) -> Option<Class> {
    Class::ALL.into_iter().find(|class| class.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_knows_every_class_and_no_other() {
        let names: Vec<_> = Class::ALL.iter().map(|class| class.name()).collect();
        assert_eq!(penstock_config::CLASSES.to_vec(), names);
    }
}
