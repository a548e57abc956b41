//! Which rules a command is about, and what becomes of what they find.

use std::path::Path;

use penstock_inspect::{Action, Entry, Keep, Rule, RuleSet, Side};
use serde_json::{Value, json};

use super::load;
use crate::exit::{Exit, Failure};
use crate::locate;
use crate::prepare;
use crate::report;
use crate::terminal::{Color, Paint, Style};

/// Rules, and what is said of their findings.
pub(crate) struct Chosen {
    pub(crate) set: RuleSet,
    /// What a configuration says; nothing without one.
    entries: Vec<Entry>,
    /// Whether they are those of a configuration.
    pub(crate) configured: bool,
}

impl Chosen {
    /// Those of a file; or those of a configuration that is named, with what it says of all servers or of one; or the
    /// built-in ones. What cannot be kept of files is told on stderr.
    pub(crate) fn new(
        file: Option<&Path>,
        config: Option<&Path>,
        server: Option<&str>,
        color: Color,
    ) -> Result<Self, Failure> {
        let paint = Paint::for_stderr(color);
        let chosen = match file {
            Some(_) if config.is_some() => {
                let message =
                    "a file of rules and `--config` are named: each says which rules are meant";
                return Err(Failure::new(Exit::Usage, message).help("name one of the two"));
            }
            None if config.is_some() || server.is_some() => Self::of(config, server, paint)?,
            file => Self { set: load(file)?, entries: Vec::new(), configured: false },
        };
        for note in chosen.set.notes() {
            eprintln!("{} {note}", paint.paint(Style::Help, "note:"));
        }
        Ok(chosen)
    }

    fn of(config: Option<&Path>, server: Option<&str>, paint: Paint) -> Result<Self, Failure> {
        let path = locate::configuration(config)?;
        let shown = path.display();
        let loaded =
            penstock_config::load(&path).map_err(|errors| report::refusal(&errors, paint))?;
        let snapshot = loaded.snapshot;
        let Some(of) = &snapshot.inspection else {
            let message =
                format!("{shown} has no `inspection`, so that `serve` looks into nothing");
            return Err(Failure::new(Exit::Config, message).help("write `inspection: {}`"));
        };
        let server = server.map(|name| {
            let found = snapshot.servers.iter().find(|server| server.name == name);
            let found = found.ok_or_else(|| {
                let names: Vec<_> = snapshot.servers.iter().map(|one| one.name.as_str()).collect();
                Failure::new(Exit::Usage, format!("{shown} has no virtual server `{name}`"))
                    .help(format!("it has: {}", names.join(", ")))
            })?;
            found.inspection.as_ref().ok_or_else(|| {
                let message = format!(
                    "nothing is looked into at `{name}`: {shown} has `inspection: off` there"
                );
                Failure::new(Exit::Config, message)
            })
        });
        let server = server.transpose()?;
        let set = prepare::rule_set(&snapshot, &path);
        let set = set.map_err(|why| Failure::new(Exit::Config, format!("{shown}: {why}")))?;
        let entries = prepare::entries(of, server);
        Ok(Self { set: set.unwrap_or_default(), entries, configured: true })
    }

    /// What becomes of what a rule finds.
    pub(crate) fn actions(&self, rule: &Rule) -> Actions {
        Actions(Side::ALL.map(|side| Action::of(rule, side, &self.entries)))
    }
}

/// What becomes of findings in requests, and in responses.
#[derive(Clone, Copy)]
pub(crate) struct Actions([Action; 2]);

impl Actions {
    /// Whether nobody is told of them.
    pub(crate) fn are_none(self) -> bool {
        self.0 == [Action::Ignore; 2]
    }

    /// For a person.
    pub(crate) fn told(self) -> String {
        let [request, response] = self.0.map(told);
        if request == response {
            return request;
        }
        format!("request: {request}, response: {response}")
    }

    pub(crate) fn as_json(self) -> Value {
        let [request, response] = self.0.map(told);
        json!({ "request": request, "response": response })
    }
}

fn told(action: Action) -> String {
    let name = action.name();
    match action {
        Action::Redact(Keep::Last4) => format!("{name} but the last four"),
        Action::Redact(Keep::Domain) => format!("{name} but the domain"),
        _ => name.to_owned(),
    }
}
