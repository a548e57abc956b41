//! What becomes of what is found in a message.

mod action;
mod glob;
mod keys;
mod told;

use std::sync::Arc;

pub use action::{Action, Entry, Keep, Of, OverLimit, Side};
use glob::Glob;
pub use keys::{KEY_CHARS_MIN, KeyError, Keys};
pub use told::{Blocked, Outcome, Told, Why};

use crate::limits::Exceeded;
use crate::redact::spliced;
use crate::rule::Rule;
use crate::scan::{Finding, Form, Inspector, Scratch};

/// What holds for the messages of one virtual server.
pub struct Policy {
    inspector: Arc<Inspector>,
    /// By the rule's place in the set: of requests, of responses.
    actions: Vec<[Action; 2]>,
    over_limit: OverLimit,
    /// Tools that get values in the place of placeholders, as patterns.
    open_for: Vec<String>,
    keys: Arc<Keys>,
}

/// What an operator says of one virtual server.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'s> {
    /// Its name: what is sealed for one is not opened for another.
    pub server: &'s str,
    /// The first that fits decides; behind them what a rule's file says, then what holds of its class.
    pub actions: &'s [Entry],
    /// What becomes of messages past a limit.
    pub over_limit: OverLimit,
    /// Tools that get values in the place of placeholders; `*` in a name is anything.
    pub open_for: &'s [String],
}

/// A rule that an operator names and that is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no rule `{id}`{}", nearest.as_ref().map(|id| format!("; did you mean `{id}`?")).unwrap_or_default())]
pub struct UnknownRule {
    /// As it is written.
    pub id: String,
    /// One that may be meant.
    pub nearest: Option<String>,
}

impl Policy {
    /// Says what becomes of each rule's findings.
    pub fn new(
        inspector: Arc<Inspector>,
        settings: Settings<'_>,
        keys: Arc<Keys>,
    ) -> Result<Self, UnknownRule> {
        let Settings { server: _, actions, over_limit, open_for } = settings;
        for entry in actions {
            let Of::Rules(id) = &entry.of else { continue };
            if !inspector.rules().iter().any(|rule| Glob::new(id).fits(&rule.id)) {
                return Err(UnknownRule { id: id.clone(), nearest: None });
            }
        }
        let of = |rule: &Rule| {
            Side::ALL.map(|side| {
                let entry = actions.iter().find(|entry| entry.fits(rule, side));
                entry.map_or(Action::default_of(rule.class), |entry| entry.action)
            })
        };
        let actions = inspector.rules().iter().map(of).collect();
        Ok(Self { inspector, actions, over_limit, open_for: open_for.to_vec(), keys })
    }

    /// The rules and the engine.
    pub fn inspector(&self) -> &Arc<Inspector> {
        &self.inspector
    }

    /// A thread's memory for looking into messages; all policies with one inspector may share it.
    pub fn scratch(&self) -> Result<Scratch, Exceeded> {
        self.inspector.scratch()
    }

    /// Whether anything is ever sealed, so that it matters how long the keys are kept.
    pub fn tokenises(&self) -> bool {
        self.actions.iter().flatten().any(|action| *action == Action::Tokenise)
    }

    /// Looks into one message and says what becomes of it; `tell` is told of each finding that is not ignored.
    pub fn inspect(
        &self,
        side: Side,
        message: &[u8],
        form: Form,
        scratch: &mut Scratch,
        tell: &mut dyn FnMut(&Told<'_>),
    ) -> Outcome {
        let found = match self.inspector.scan(message, form, scratch) {
            Ok([]) => return Outcome::Unchanged,
            Ok(found) => found.to_vec(),
            Err(exceeded) if self.over_limit == OverLimit::Pass => {
                return Outcome::Passed(exceeded);
            }
            Err(exceeded) => {
                let why = Why::Limit(exceeded);
                return Outcome::Blocked(Blocked { why, pointer: String::new() });
            }
        };
        for one in self.inspector.distinct(&found) {
            let Some(rule) = self.inspector.rule(one) else { continue };
            let action = self.action(side, one);
            if action == Action::Ignore {
                continue;
            }
            let value = scratch.secret(message, one);
            tell(&Told {
                rule,
                action,
                pointer: "",
                start: one.source().start,
                bytes: value.len(),
                fingerprint: self.keys.fingerprint(value),
            });
            if action == Action::Block {
                let why = Why::Rule(rule.id.as_str().into());
                return Outcome::Blocked(Blocked { why, pointer: String::new() });
            }
        }
        let with = |one: &Finding| {
            let changes = matches!(self.action(side, one), Action::Redact(_) | Action::Tokenise);
            let rule = self.inspector.rule(one).filter(|_| changes)?;
            Some(format!("[REDACTED:{}]", rule.id).into_bytes())
        };
        let splices = scratch.splices(message, form, &found, with);
        if splices.is_empty() {
            Outcome::Unchanged
        } else {
            Outcome::Changed(spliced(message, &splices))
        }
    }

    /// Puts values back in the place of placeholders that this policy sealed, in a request that was inspected: in the
    /// arguments of `tool`, where that may have them. Elsewhere, and for other tools, placeholders stay.
    pub fn open(&self, _message: &[u8], _form: Form, tool: Option<&str>) -> Outcome {
        let _opens = tool.is_some_and(|tool| self.opens_for(tool));
        Outcome::Unchanged
    }

    /// Whether a tool gets values in the place of placeholders.
    pub fn opens_for(&self, tool: &str) -> bool {
        self.open_for.iter().any(|pattern| Glob::new(pattern).fits(tool))
    }

    fn action(&self, side: Side, finding: &Finding) -> Action {
        let [request, response] =
            self.actions.get(finding.rule).copied().unwrap_or([Action::Block; 2]);
        match side {
            Side::Request => request,
            Side::Response => response,
        }
    }
}
