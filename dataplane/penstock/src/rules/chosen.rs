//! Which rules a command is about, and what becomes of what they find.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use penstock_config::Errors;
use penstock_inspect::{
    Action, Entry, Inspector, Keep, Keys, Of, OverLimit, Policy, Rule, RuleSet, Settings, Side,
    UnknownRule,
};
use serde_json::{Value, json};

use super::{built_in, load};
use crate::exit::{Exit, Failure};
use crate::locate;
use crate::prepare;
use crate::report;
use crate::terminal::{Color, Paint, Style};

/// Rules, and what is said of their findings.
pub(crate) struct Chosen {
    pub(crate) set: RuleSet,
    /// What a configuration says of them, where they are those of one.
    said: Option<Said>,
}

/// What a configuration says of findings, in all servers' messages or in one's.
struct Said {
    /// The server's name; nothing of all.
    server: String,
    entries: Vec<Entry>,
    keys: Arc<Keys>,
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
            Some(file) => Self { set: load(file, paint)?, said: None },
            None => Self { set: built_in()?, said: None },
        };
        for note in chosen.set.notes() {
            eprintln!("{} {note}", paint.paint(Style::Help, "note:"));
        }
        Ok(chosen)
    }

    fn of(config: Option<&Path>, server: Option<&str>, paint: Paint) -> Result<Self, Failure> {
        let path = locate::configuration(config)?;
        let shown = path.display();
        let loaded = penstock_config::load(&path)
            .map_err(|errors| report::refusal(&path, &errors, paint))?;
        let snapshot = loaded.snapshot;
        let Some(of) = &snapshot.inspection else {
            let message =
                format!("{shown} has no `inspection`, so that `serve` looks into nothing");
            return Err(Failure::new(Exit::Config, message).help("write `inspection: {}`"));
        };
        let own = server.map(|name| {
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
        let own = own.transpose()?;
        let wrong = |problems| report::refusal(&path, &Errors::Invalid { problems }, paint);
        let set = prepare::rule_set(&snapshot, &path).map_err(wrong)?;
        let said = Said {
            server: server.unwrap_or_default().to_owned(),
            entries: prepare::entries(of, own),
            keys: prepare::keys(of, &path).map_err(wrong)?,
        };
        Ok(Self { set: set.unwrap_or_default(), said: Some(said) })
    }

    /// Whether they are those of a configuration.
    pub(crate) fn configured(&self) -> bool {
        self.said.is_some()
    }

    /// What becomes of what a rule finds, by itself.
    pub(crate) fn actions(&self, rule: &Rule) -> Actions {
        let entries = self.said.as_ref().map_or(&[][..], |said| &said.entries);
        Actions(Side::ALL.map(|side| Some(Action::of(rule, side, entries))))
    }

    /// What `serve` does with messages by a configuration, whose rules are `own`. What others find that `inspector`
    /// looks for is ignored.
    pub(crate) fn policy(
        &self,
        own: &HashSet<String>,
        inspector: &Arc<Inspector>,
    ) -> Option<Result<Policy, UnknownRule>> {
        let Said { server, entries, keys } = self.said.as_ref()?;
        let others = inspector.rules().iter().filter(|rule| !own.contains(&rule.id));
        let ignored = others.map(|rule| Entry {
            of: Of::Rules(rule.id.clone()),
            side: None,
            action: Action::Ignore,
        });
        let settings = Settings {
            server,
            actions: &ignored.chain(entries.iter().cloned()).collect::<Vec<_>>(),
            over_limit: OverLimit::Block,
            open_for: &[],
        };
        Some(Policy::new(Arc::clone(inspector), settings, Arc::clone(keys)))
    }
}

/// What becomes of findings in requests, and in responses; nothing of one beside another that counts.
#[derive(Clone, Copy, Default)]
pub(crate) struct Actions([Option<Action>; 2]);

impl Actions {
    /// Says what becomes of them in messages that go this way.
    pub(crate) fn put(&mut self, side: Side, action: Action) {
        let [request, response] = &mut self.0;
        *(match side {
            Side::Request => request,
            Side::Response => response,
        }) = Some(action);
    }

    /// With what nobody is told of by these others.
    pub(crate) fn or_ignored(self, others: Self) -> Self {
        let ignored = others.0.map(|other| other.filter(|other| *other == Action::Ignore));
        let [request, response] = self.0;
        Self([request.or(ignored[0]), response.or(ignored[1])])
    }

    /// Whether nobody is told of them.
    pub(crate) fn are_none(self) -> bool {
        self.0 == [Some(Action::Ignore); 2]
    }

    /// For a person.
    pub(crate) fn told(self) -> String {
        let [request, response] = self.0.map(|action| action.map(told));
        match (request, response) {
            (Some(request), Some(response)) if request == response => request,
            (request, response) => {
                let request = request.map(|request| format!("request: {request}"));
                let response = response.map(|response| format!("response: {response}"));
                let both: Vec<_> = request.into_iter().chain(response).collect();
                both.join(", ")
            }
        }
    }

    pub(crate) fn as_json(self) -> Value {
        let [request, response] = self.0.map(|action| action.map(told));
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
