//! What becomes of what is found in a message.
//!
//! Each rule has an action for either way (`action`). Of findings that stand over each other the strictest
//! action counts (`settle`). What is cut out leaves a placeholder (`placeholder`), written as the strings
//! are that it stands in; a value may be sealed in it (`keys`), and put back for tools that may have it
//! (`open`). Of a text that comes in pieces each window is treated so (`stream`). What is told of a finding
//! (`told`) is where it stands (`pointer`), never what it is.

mod action;
mod change;
mod glob;
mod keys;
mod open;
mod placeholder;
mod pointer;
mod settle;
mod stream;
mod told;
mod unknown;

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

pub use action::{Action, Entry, Keep, Of, OverLimit, Side};
use change::Change;
use glob::Glob;
pub use keys::{KEY_CHARS_MIN, KeyError, Keys};
use placeholder::{PLACEHOLDER_BYTES_MAX, Placeholder, is_put_by};
pub(crate) use placeholder::{REDACTED, SEALED};
use pointer::{Place, Walk};
use settle::{Settled, settle};
pub use told::{Blocked, Opened, Outcome, Told, Why};
pub use unknown::UnknownRule;

use crate::limits::Exceeded;
use crate::rule::Rule;
use crate::scan::{Finding, Form, Inspector, Scratch};

/// So often a message is looked into anew, in which base64 was written anew: a run in a run, as deep as is looked.
const AGAIN_MAX: usize = 4;

/// What holds for the messages of one virtual server.
pub struct Policy {
    inspector: Arc<Inspector>,
    /// By the rule's place in the set: of requests, of responses.
    actions: Vec<[Action; 2]>,
    ids: HashSet<String>,
    server: String,
    over_limit: OverLimit,
    /// Tools that get values in the place of placeholders, as patterns.
    open_for: Vec<String>,
    keys: Arc<Keys>,
    /// What is held back of a text that comes in pieces.
    hold: usize,
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

impl Policy {
    /// Says what becomes of each rule's findings.
    pub fn new(
        inspector: Arc<Inspector>,
        settings: Settings<'_>,
        keys: Arc<Keys>,
    ) -> Result<Self, UnknownRule> {
        let Settings { server, actions, over_limit, open_for } = settings;
        for entry in actions {
            if let Of::Rules(pattern) = &entry.of {
                UnknownRule::check(pattern, inspector.rules())?;
            }
        }
        let of = |rule: &Rule| Side::ALL.map(|side| Action::of(rule, side, actions));
        Ok(Self {
            actions: inspector.rules().iter().map(of).collect(),
            ids: inspector.rules().iter().map(|rule| rule.id.clone()).collect(),
            server: server.to_owned(),
            over_limit,
            open_for: open_for.to_vec(),
            hold: inspector.hold(),
            inspector,
            keys,
        })
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

    /// Whether any tool gets values in the place of placeholders.
    pub fn opens(&self) -> bool {
        !self.open_for.is_empty()
    }

    /// Whether a tool gets values in the place of placeholders.
    pub fn opens_for(&self, tool: &str) -> bool {
        self.open_for.iter().any(|pattern| Glob::new(pattern).fits(tool))
    }

    /// Looks into one message and says what becomes of it; `tell` is told of each finding that is not ignored, in the
    /// order of the message, also where the message is then blocked.
    pub fn inspect(
        &self,
        side: Side,
        message: &[u8],
        form: Form,
        scratch: &mut Scratch,
        tell: &mut dyn FnMut(&Told<'_>),
    ) -> Outcome {
        let (mut outcome, mut encoded) = self.once(side, message, form, scratch, tell);
        // Base64 that is written anew is another run than it was, in which a rule may find something.
        for _ in 0..AGAIN_MAX {
            let Outcome::Changed(changed) = &outcome else { return outcome };
            if !encoded {
                return outcome;
            }
            match self.once(side, changed, form, scratch, &mut |_| {}) {
                (Outcome::Unchanged | Outcome::Passed(_), _) => return outcome,
                next => (outcome, encoded) = next,
            }
        }
        outcome
    }

    /// What becomes of a message, and whether something was cut out within what is encoded in it.
    fn once(
        &self,
        side: Side,
        message: &[u8],
        form: Form,
        scratch: &mut Scratch,
        tell: &mut dyn FnMut(&Told<'_>),
    ) -> (Outcome, bool) {
        let found = match self.inspector.scan(message, form, scratch) {
            Ok([]) => return (Outcome::Unchanged, false),
            Ok(found) => found.to_vec(),
            Err(exceeded) if self.over_limit == OverLimit::Pass => {
                return (Outcome::Passed(exceeded), false);
            }
            Err(exceeded) => {
                let why = Why::Limit(exceeded);
                return (Outcome::Blocked(Blocked { why, pointer: String::new() }), false);
            }
        };
        let actions: Vec<_> =
            found.iter().map(|one| self.acts(side, message, one, scratch)).collect();
        let (mut settled, of) = settle(&found, &actions);
        let blocks = settled.iter().any(|one| one.action == Action::Block);
        let change = if blocks {
            None
        } else {
            // What cannot be sealed is redacted, and told so.
            Change::of(self, message, form, scratch, &found, &mut settled, &of)
        };
        if let Some(blocked) = self.told(message, form, scratch, &found, &settled, tell) {
            return (Outcome::Blocked(blocked), false);
        }
        change.map_or((Outcome::Unchanged, false), |change| {
            let encoded = change.encoded;
            (change.made(message, form), encoded)
        })
    }

    /// Tells what is settled; the first for which the message is not passed on.
    fn told(
        &self,
        message: &[u8],
        form: Form,
        scratch: &Scratch,
        found: &[Finding],
        settled: &[Settled],
        tell: &mut dyn FnMut(&Told<'_>),
    ) -> Option<Blocked> {
        let hidden: Vec<_> = settled.iter().map(|one| one.range.clone()).collect();
        let mut walk = (form == Form::Json).then(|| Walk::new(message));
        let mut blocked: Option<Blocked> = None;
        let blocks = settled.iter().any(|one| one.action == Action::Block);
        for one in settled {
            let Some(finding) = found.get(one.finding) else { continue };
            let Some(rule) = self.inspector.rule(finding) else { continue };
            let place = walk.as_mut().map(|walk| walk.place(one.range.start, &hidden));
            let Place { pointer, fixed } = place.unwrap_or_default();
            let value = scratch.secret(message, finding);
            // Nothing can take its place there.
            let invalid = fixed && is_put_by(one.action);
            tell(&Told {
                finding,
                rule,
                action: if invalid { Action::Block } else { one.action },
                pointer: &pointer,
                start: one.range.start,
                bytes: value.len(),
                fingerprint: self.keys.fingerprint(value),
            });
            let id = || Arc::from(rule.id.as_str());
            let why = match one.action {
                Action::Block => Some(Why::Rule(id())),
                _ if invalid && !blocks => Some(Why::Invalid(id())),
                _ => None,
            };
            if let (None, Some(why)) = (&blocked, why) {
                blocked = Some(Blocked { why, pointer });
            }
        }
        blocked
    }

    /// What becomes of a finding by itself.
    fn acts(&self, side: Side, message: &[u8], finding: &Finding, scratch: &Scratch) -> Action {
        let known = self.is_placeholder(message, finding, scratch);
        if known { Action::Ignore } else { self.action(side, finding) }
    }

    fn action(&self, side: Side, finding: &Finding) -> Action {
        // Of a rule that is not there nothing can be found.
        let [request, response] =
            self.actions.get(finding.rule).copied().unwrap_or([Action::Block; 2]);
        match side {
            Side::Request => request,
            Side::Response => response,
        }
    }

    /// Whether a finding is nothing but what this policy put in the place of others: such a placeholder is known by
    /// its rule, or by opening it, so that nothing can hide in what only looks like one.
    fn is_placeholder(&self, message: &[u8], finding: &Finding, scratch: &Scratch) -> bool {
        let text = scratch.texts.get(finding.text).map(|text| text.bytes(message));
        let Some(text) = text else { return false };
        let Range { start, end } = finding.secret;
        let from = start.saturating_sub(PLACEHOLDER_BYTES_MAX);
        let before = text.get(from..=start).unwrap_or_default();
        let mut at = start;
        let mut any = false;
        if let Some(begins) = memchr::memrchr(b'[', before).map(|at| from + at) {
            let behind = begins + self.placeholder(text, begins);
            any = behind > start;
            at = at.max(behind);
        }
        while at < end {
            match self.placeholder(text, at) {
                0 if text.get(at).is_some_and(|byte| is_mark(*byte)) => at += 1,
                0 => return false,
                bytes => {
                    any = true;
                    at += bytes;
                }
            }
        }
        any
    }

    /// The length of the placeholder of this policy that begins at a place; 0 where none does.
    fn placeholder(&self, text: &[u8], at: usize) -> usize {
        let Some((read, bytes)) = text.get(at..).and_then(Placeholder::of) else { return 0 };
        let own = match read {
            Placeholder::Redacted(_) => read.is_redaction(|id| self.ids.contains(id)),
            Placeholder::Sealed(class, token) => {
                self.keys.open(&self.server, class, token).is_some()
            }
        };
        if own { bytes } else { 0 }
    }
}

/// What says nothing by itself, and stands around values.
fn is_mark(byte: u8) -> bool {
    byte.is_ascii_punctuation() || byte.is_ascii_whitespace()
}

/// Whether a rule's id is meant by a pattern in which `*` is anything.
pub fn is_named(pattern: &str, id: &str) -> bool {
    Glob::new(pattern).fits(id)
}
